/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edges of memory and of translation: ends of RAM, page tables that lie where none can, that point to themselves or
 * hold nonsense, protection that covers the program, code that changes itself. Run with --memory 16M.
 */
#include "bare.h"

#define END         (RAM + UINT64_C(0x1000000))

#define LOAD_FAULT  5u
#define STORE_FAULT 7u
#define FETCH_FAULT 1u
#define LOAD_PAGE   13u
#define STORE_PAGE  15u

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t table[512] __attribute__((aligned(4096)));

#define trapped(cause_, value_, statement)                                                                 \
    do {                                                                                                   \
        uint64_t before_ = me->exceptions;                                                                 \
        statement;                                                                                         \
        expect(me->exceptions == before_ + 1 && me->cause == (cause_) && me->value == (uint64_t)(value_)); \
    } while (0)

#define quiet(statement)                   \
    do {                                   \
        uint64_t before_ = me->exceptions; \
        statement;                         \
        expect(me->exceptions == before_); \
    } while (0)

static void end_of_memory(void)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        quiet(store(END - size, size, 0x55));
        quiet(expect(load(END - size, size) == 0x55));
        trapped(LOAD_FAULT, END, load(END, size));
        trapped(STORE_FAULT, END, store(END, size, 0));
        trapped(LOAD_FAULT, RAM - size, load(RAM - size, size));
        trapped(STORE_FAULT, RAM - size, store(RAM - size, size, 0));
    }
    store(END - 8, 8, 0x1122334455667788);
    for (unsigned over = 1; over < 8; over++) { /* across the end: nothing is stored */
        uint64_t before = me->exceptions;
        load(END - 8 + over, 8);
        store(END - 8 + over, 8, 0);
        expect(me->exceptions == before + 2);
    }
    expect(load(END - 8, 8) == 0x1122334455667788);
    uint64_t before = me->exceptions;
    load(UINT64_MAX, 8); /* round the end of the address space */
    load(UINT64_MAX - 3, 8);
    store(UINT64_MAX, 8, 0);
    expect(me->exceptions == before + 3);
    store(END - 4, 4, 0x00008067); /* ret, the last instruction there can be */
    __asm__ volatile("fence.i" ::: "memory");
    quiet(call_address(END - 4));
    store(END - 4, 4, 0x00130001); /* c.nop, and half an instruction */
    __asm__ volatile("fence.i" ::: "memory");
    trapped(FETCH_FAULT, END, call_address(END - 4));
    expect(me->pc == END - 2);
    trapped(FETCH_FAULT, END, call_address(END));
    trapped(FETCH_FAULT, 0, call_address(0));
    trapped(FETCH_FAULT, UINT64_MAX - 1, call_address(UINT64_MAX - 1));
}

/* A load and a store as S-mode does them. */
static uint64_t load_translated(uint64_t address)
{
    csr_clear(mstatus, 0x1800);
    csr_set(mstatus, 0x20800); /* MPRV, MPP = S */
    uint64_t value = load(address, 8);
    csr_clear(mstatus, 0x20000);
    return value;
}

static void store_translated(uint64_t address, uint64_t value)
{
    csr_clear(mstatus, 0x1800);
    csr_set(mstatus, 0x20800);
    store(address, 8, value);
    csr_clear(mstatus, 0x20000);
}

static void use_root(uint64_t address)
{
    csr_write(satp, UINT64_C(8) << 60 | address >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void fetch_translated(uint64_t address)
{
    csr_clear(mstatus, 0x1800);
    csr_set(mstatus, 0x800);
    csr_write(mepc, address);
    __asm__ volatile(".option push; .option norvc; la ra, 1f; mret; 1: .option pop" ::: "ra", "memory");
}

static void tables_where_none_can_be(void)
{
    static const uint64_t places[] = { UART & ~UINT64_C(0xfff),      FINISHER, CLINT, PLIC, VIRTIO, 0, 0x7ffff000, END,
                                       UINT64_C(0xfffffffffff) << 12 };
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        use_root(places[i]);
        trapped(LOAD_FAULT, 0x1000, load_translated(0x1000));
        trapped(STORE_FAULT, 0x1000, store_translated(0x1000, 0));
        trapped(FETCH_FAULT, 0x1000, fetch_translated(0x1000));
        root[5] = places[i] >> 12 << 10 | 1; /* and one level down */
        use_root((uint64_t)root);
        trapped(LOAD_FAULT, UINT64_C(5) << 30, load_translated(UINT64_C(5) << 30));
        root[5] = places[i] >> 12 << 10 | 0xcf; /* and as the page itself, where it is aligned */
        use_root((uint64_t)root);
        uint64_t before = me->exceptions;
        load_translated(UINT64_C(5) << 30);
        expect(me->exceptions <= before + 1);
    }
}

static void tables_of_nonsense(void)
{
    const uint64_t address = UINT64_C(5) << 30;
    root[5] = (uint64_t)root >> 12 << 10 | 1; /* to itself: the last level is no leaf */
    root[0] = root[5];
    use_root((uint64_t)root);
    trapped(LOAD_PAGE, address, load_translated(address));
    trapped(LOAD_PAGE, 0, load_translated(0));
    static const uint64_t entries[] = {
        0,
        2,
        4,
        5,
        0xc5,
        UINT64_C(1) << 54 | 0xcf,
        UINT64_C(3) << 61 | 0xcf,
        UINT64_C(1) << 63 | 0xcf,
        0x400 | 0xcf,
        0xdf,
        0xd1,
    };
    for (unsigned i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        root[5] = entries[i] & ~UINT64_C(0x8); /* none of them may be written through */
        use_root((uint64_t)root);
        uint64_t before = me->exceptions;
        store_translated(address, 0);
        expect(me->exceptions == before + 1 && me->cause == STORE_PAGE && me->value == address);
    }
    root[5] = UINT64_C(0x80000) << 10 | 0xc7; /* it works at all */
    use_root((uint64_t)root);
    quiet(expect(load_translated(address + ((uint64_t)table - RAM)) == table[0]));
    trapped(LOAD_PAGE, UINT64_C(1) << 39, load_translated(UINT64_C(1) << 39)); /* not sign-extended */
    trapped(LOAD_PAGE, UINT64_C(1) << 63, load_translated(UINT64_C(1) << 63));
    uint64_t before = csr_read(satp);
    for (uint64_t mode = 0; mode < 16; mode++) { /* an unknown mode changes nothing */
        csr_write(satp, mode << 60 | 0x123);
        uint64_t after = csr_read(satp);
        expect(after >> 60 == mode ? mode == 0 || (mode >= 8 && mode <= 10) : after == before);
        csr_write(satp, before);
    }
    csr_write(satp, 0);
}

/* Locked entries bind M-mode. */
static void protection(void)
{
    uint64_t page = (uint64_t)table;
    csr_write(pmpaddr1, page >> 2 | 0x1ff);      /* 4 KiB NAPOT */
    csr_write(pmpcfg0, UINT64_C(0x9900) | 0x1f); /* entry 1: locked, read only */
    csr_write(pmpaddr0, 0);
    __asm__ volatile("sfence.vma" ::: "memory");
    csr_write(pmpcfg0, 0x9900);
    quiet(load(page, 8));
    trapped(STORE_FAULT, page, store(page, 8, 1));
    trapped(FETCH_FAULT, page, call_address(page));
    uint64_t before = me->exceptions;
    store(page - 4, 8, 1); /* across its edges, and nothing beside it changes */
    store(page + 4092, 8, 1);
    expect(me->exceptions == before + 2);
    csr_write(pmpaddr1, 0); /* locked */
    expect(csr_read(pmpaddr1) != 0);
}

static uint32_t code[1024] __attribute__((aligned(4096)));

/* Without FENCE.I either the old or the new instruction may run; after it, the new one. */
static void code_that_changes_itself(void)
{
    for (uint32_t round = 0; round < 200; round++) {
        register uint64_t a0 __asm__("a0") = 7777;
        code[0] = 0x00b62223; /* sw a1, 4(a2): over the next one */
        code[1] = 0x00000513 | (round & 0x3ff) << 20;
        code[2] = 0x00008067;
        __asm__ volatile("fence.i" ::: "memory");
        register uint64_t a1 __asm__("a1") = 0x00000513 | ((round + 1) & 0x3ff) << 20;
        register uint64_t a2 __asm__("a2") = (uint64_t)code;
        __asm__ volatile("jalr ra, 0(a2)" : "+r"(a0), "+r"(a1), "+r"(a2)::"ra", "memory");
        expect(a0 == (round & 0x3ff) || a0 == ((round + 1) & 0x3ff));
        __asm__ volatile("fence.i; jalr ra, 4(a2)" : "+r"(a0), "+r"(a1), "+r"(a2)::"ra", "memory");
        expect(a0 == ((round + 1) & 0x3ff));
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    csr_write(pmpaddr0, UINT64_MAX >> 10);
    csr_write(pmpcfg0, 0x1f);
    end_of_memory();
    tables_where_none_can_be();
    tables_of_nonsense();
    code_that_changes_itself();
    protection();
    return 0;
}
