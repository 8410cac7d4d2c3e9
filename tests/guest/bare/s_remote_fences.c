/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S-mode, four harts. Hart 0 changes code that the others run, and mappings that they use, then asks for a remote fence
 * through SBI; when that returns, no hart may use what was there before.
 */
#include "bare.h"

#define ROUNDS 60u

static volatile uint64_t newest; /* what the others must give or see from now on */
static volatile bool over;
static uint32_t code[8] __attribute__((aligned(64)));

#define PAGES       ((uint64_t)(program_end))
#define ENTRY_FLAGS 0xcfu /* D A X W R V, not U, not G */
static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t middle[512] __attribute__((aligned(4096)));
static uint64_t last[512] __attribute__((aligned(4096)));

#define WINDOW UINT64_C(0x40000000) /* a virtual page that moves between physical ones */

static void write_code(uint64_t value)
{
    code[0] = 0x00000513u | (uint32_t)(value & 0x7ff) << 20; /* li a0, value */
    code[1] = 0x00008067u;                                   /* ret */
}

static uint64_t run_code(void)
{
    register uint64_t a0 __asm__("a0");
    __asm__ volatile("jalr ra, 0(%1)" : "=r"(a0) : "r"(code) : "ra", "memory");
    return a0;
}

static void follow_code(void)
{
    while (!over) {
        uint64_t least = __atomic_load_n(&newest, __ATOMIC_SEQ_CST);
        uint64_t got = run_code();
        expect(got >= least && got <= __atomic_load_n(&newest, __ATOMIC_SEQ_CST) + 1);
    }
}

static void change_code(void)
{
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        write_code(round);
        __asm__ volatile("fence rw, rw; fence.i" ::: "memory");
        expect(sbi(SBI_RFENCE, 0, 0, UINT64_MAX, 0, 0, 0).error == 0);
        __atomic_store_n(&newest, round, __ATOMIC_SEQ_CST);
        expect(run_code() == round);
    }
}

/* 1 GiB leaves over devices and RAM, and one 4 KiB page at WINDOW. */
static void build_tables(void)
{
    root[0] = 0 << 10 | ENTRY_FLAGS;
    root[1] = (uint64_t)middle >> 12 << 10 | 1;
    root[2] = UINT64_C(0x80000) << 10 | ENTRY_FLAGS;
    middle[0] = (uint64_t)last >> 12 << 10 | 1;
    last[0] = PAGES >> 12 << 10 | ENTRY_FLAGS;
}

static void use_tables(void)
{
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

/* The window shows what `newest` says or, while hart 0 is about to move on, the next. */
static void follow_window(void)
{
    const volatile uint64_t *window = (const volatile uint64_t *)WINDOW;
    while (!over) {
        uint64_t least = __atomic_load_n(&newest, __ATOMIC_SEQ_CST);
        uint64_t got = window[least % 512];
        expect(got >= least && got <= __atomic_load_n(&newest, __ATOMIC_SEQ_CST) + 1);
    }
}

static void move_window(void)
{
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        volatile uint64_t *page = (volatile uint64_t *)(PAGES + round % 4 * 4096);
        for (unsigned i = 0; i < 512; i++) {
            page[i] = round;
        }
        __asm__ volatile("fence rw, rw" ::: "memory");
        __atomic_store_n(&last[0], (uint64_t)page >> 12 << 10 | ENTRY_FLAGS, __ATOMIC_SEQ_CST);
        expect(sbi(SBI_RFENCE, 1 + round % 2, 0xf, 0, WINDOW, 4096, 0).error == 0);
        __atomic_store_n(&newest, round, __ATOMIC_SEQ_CST);
        expect(*(volatile uint64_t *)WINDOW == round);
    }
}

static void stage(uint64_t hart, void (*lead)(void), void (*follow)(void))
{
    bare_meet(HARTS);
    if (hart == 0) {
        lead();
        over = true;
    } else {
        follow();
    }
    bare_meet(HARTS);
    if (hart == 0) {
        over = false;
        newest = 0;
        write_code(0);
        __asm__ volatile("fence rw, rw" ::: "memory");
        expect(sbi(SBI_RFENCE, 0, 0, UINT64_MAX, 0, 0, 0).error == 0);
    }
    bare_meet(HARTS);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart == 0) {
        write_code(0);
        build_tables();
        for (unsigned i = 0; i < 4 * 512; i++) {
            ((volatile uint64_t *)PAGES)[i] = 0;
        }
        __asm__ volatile("fence rw, rw; fence.i" ::: "memory");
        bare_start_harts(HARTS);
    }
    stage(hart, change_code, follow_code);
    use_tables();
    stage(hart, move_window, follow_window);
    stage(hart, change_code, follow_code); /* translated, too */
    expect(me->exceptions == 0);
    bare_meet(HARTS);
    while (hart != 0) {
        bare_pause();
    }
    return 0;
}
