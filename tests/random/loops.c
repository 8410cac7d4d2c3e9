/* SPDX-License-Identifier: Apache-2.0 */
#include "loops.h"

#include "core/check.h"
#include "maker.h"

#include <stdlib.h>
#include <string.h>

#define HANDLER        (PROGRAM_BASE + 0x40)
#define FUNCTIONS      (PROGRAM_BASE + 0x1000)
#define CONTROL        UINT64_C(0x80700000) /* a page for counters and return addresses */
#define CONTROL_RESUME 8u                   /* offset: where to go on after a failed fetch */
#define CONTROL_SAVED  64u                  /* offset: for each function its return address and its counter */
#define ALIAS          UINT64_C(0x40000000) /* code is mapped again this far up, where there is paging */
#define TABLES         UINT64_C(0x80a00000) /* root, then one for each GiB and each 2 MiB used */
#define LEAF_COUNT     6u                   /* 2 MiB from PROGRAM_BASE on, in pages of 4 KiB, tables included */
#define OTHER_TABLES   (TABLES + (3 + LEAF_COUNT) * PAGE_SIZE) /* of odd address spaces: root and three more */
#define CODE_PAGES     16u                                     /* of functions, that may be unmapped */

#define FUNCTION_COUNT 10u
#define LEAF_FUNCTIONS 4u /* the first ones: without a loop, called by the others */

/* S10 and S11 count in loops, of functions that are called by others and of those that are not. */
enum { REG_RA = 1, REG_T1 = 6, REG_T2 = 7, REG_S1 = 9, REG_S10 = 26, REG_S11 = 27 };
enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128, PTE_ALL = 0xcf };

/* Counters are exact or they are wrong, so programs read them too. */
static const uint16_t loop_csrs[] = { 0x001, 0x002, 0x003, 0x143,    0xc00,   0xc02,    0x001,
                                      0x002, 0x003, 0x100, CSR_SEPC, CSR_SIE, CSR_STVEC };

struct loops {
    struct maker maker;
    bool has_tables; /* that its code may change, and fence */
    bool may_return; /* by SRET */
    uint64_t functions[FUNCTION_COUNT];
    const struct isa_instruction **all; /* whatever a program may contain */
    size_t all_count;
};

/* -- Encoding ------------------------------------------------------------------------------------------------------ */

static void ld(struct maker *maker, unsigned rd, unsigned base, uint32_t offset)
{
    maker_put_i(maker, 0x03, 3, rd, base, offset);
}

static void sd(struct maker *maker, unsigned source, unsigned base, uint32_t offset)
{
    maker_put(maker, (offset >> 5 & 0x7f) << 25 | source << 20 | base << 15 | 3 << 12 | (offset & 31) << 7 | 0x23);
}

static void jal(struct maker *maker, unsigned rd, uint64_t target)
{
    uint32_t by = (uint32_t)(target - maker->at);
    maker_put(maker, (by >> 20 & 1) << 31 | (by >> 1 & 0x3ff) << 21 | (by >> 11 & 1) << 20 | (by >> 12 & 0xff) << 12 |
                         rd << 7 | 0x6f);
}

/* funct3 0: if equal, 1: if not, 5: if not less. By less than 4 KiB. */
static void branch(struct maker *maker, unsigned funct3, unsigned a, unsigned b, uint32_t by)
{
    maker_put(maker, (by >> 12 & 1) << 31 | (by >> 5 & 0x3f) << 25 | b << 20 | a << 15 | funct3 << 12 |
                         (by >> 1 & 15) << 8 | (by >> 11 & 1) << 7 | 0x63);
}

static void slli(struct maker *maker, unsigned rd, unsigned source, unsigned by)
{
    maker_put_i(maker, 0x13, 1, rd, source, by);
}

static void put_xor(struct maker *maker, unsigned rd, unsigned a, unsigned b)
{
    maker_put(maker, b << 20 | a << 15 | 4 << 12 | rd << 7 | 0x33);
}

static uint64_t saved(unsigned function)
{
    return CONTROL + CONTROL_SAVED + 16ul * function;
}

/* -- Pieces of functions ------------------------------------------------------------------------------------------- */

/* A jump, taken or not, to the second half of a LUI, which is a C.ADDI. */
static void put_middle_jump(struct maker *maker)
{
    uint32_t hidden = 1 | (1 + maker_below(maker, 25)) << 7 | (1 + maker_below(maker, 31)) << 2;
    branch(maker, maker_below(maker, 2), maker_below(maker, 32), maker_below(maker, 4), 6);
    maker_put(maker, hidden << 16 | (uint32_t)maker_below(maker, 16) << 12 | maker_below(maker, 26) << 7 | 0x37);
}

static uint32_t harmless(struct maker *maker)
{
    static const uint32_t kinds[] = { 0x13, 0x4013, 0x6013, 0x7013, 0x1b }; /* addi xori ori andi addiw */
    uint32_t registers = (10 + maker_below(maker, 16)) << 7 | maker_below(maker, 32) << 15;
    return kinds[maker_below(maker, 5)] | registers | (uint32_t)maker_random(maker) << 20;
}

/* Every so many rounds the function replaces one of its instructions by another and back. */
static void put_patch(struct loops *loops, unsigned number)
{
    struct maker *maker = &loops->maker;
    uint32_t one = harmless(maker), other = harmless(maker);
    const uint32_t size = 16 + 4 + 16 + 4 + 4 + 4;
    maker_load_address(maker, REG_T1, saved(number));
    ld(maker, REG_T2, REG_T1, 8);
    maker_put_i(maker, 0x13, 7, REG_T2, REG_T2, 15); /* andi */
    branch(maker, 1, REG_T2, 0, size + 4);
    maker_load_address(maker, REG_T1, maker->at + size);
    maker_put_i(maker, 0x03, 6, REG_T2, REG_T1, 0); /* lwu */
    maker_load_address(maker, REG_S1, one ^ other);
    put_xor(maker, REG_T2, REG_T2, REG_S1);
    maker_put(maker, (uint32_t)REG_T2 << 20 | REG_T1 << 15 | 2 << 12 | 0x23); /* sw */
    maker_put(maker, 0x0000100f);                                             /* fence.i */
    maker_put(maker, one);
}

/* -- Pieces of kernels ------------------------------------------------------------------------------------------ */

static uint64_t leaf_table(uint64_t address)
{
    return TABLES + PAGE_SIZE * (3 + (address - PROGRAM_BASE) / (UINT64_C(2) << 20));
}

static uint64_t page_index(uint64_t address)
{
    return address >> PAGE_SHIFT & 511;
}

static uint64_t random_data_page(struct maker *maker)
{
    return PROGRAM_DATA - maker_below(maker, 2) * PAGE_SIZE;
}

/* For the page in T1 or, one time in four, for all. Every address space: what has changed, has in each of them. */
static void put_fence(struct maker *maker)
{
    const uint32_t page = maker_below(maker, 4) == 0 ? 0 : REG_T1;
    if (maker_below(maker, 4) == 0) {
        maker_put(maker, 0x18000073);              /* sfence.w.inval */
        maker_put(maker, 0x16000073 | page << 15); /* sinval.vma */
        maker_put(maker, 0x18100073);              /* sfence.inval.ir */
    } else {
        maker_put(maker, 0x12000073 | page << 15); /* sfence.vma */
    }
}

/* Nothing has changed. */
static void put_needless_fence(struct maker *maker)
{
    maker_load_address(maker, REG_T1, random_data_page(maker));
    if (maker_below(maker, 2) == 0) {
        put_fence(maker);
    } else {
        maker_addi(maker, REG_T2, 0, maker_below(maker, 4));
        maker_put(maker, 0x12000073 | (uint32_t)REG_T2 << 20 | (uint32_t)REG_T1 << 15); /* sfence.vma t1, t2 */
    }
}

/* A page of data changes its rights, or its place. */
static void put_page_change(struct maker *maker)
{
    static const uint32_t bits[] = { PTE_W, PTE_D, PTE_A, PTE_V, PTE_U, 1u << 10, 1u << 10, 1u << 10 };
    const uint64_t page = random_data_page(maker);
    maker_load_address(maker, REG_T1, leaf_table(page) + page_index(page) * 8);
    maker_load_address(maker, REG_S1, bits[maker_below(maker, sizeof bits / sizeof bits[0])]);
    ld(maker, REG_T2, REG_T1, 0);
    put_xor(maker, REG_T2, REG_T2, REG_S1);
    sd(maker, REG_T2, REG_T1, 0);
    maker_load_address(maker, REG_T1, page);
    put_fence(maker);
}

/* Another of four address spaces: the odd ones have the other tables. */
static void put_space_change(struct maker *maker)
{
    const uint32_t change = 1 + maker_below(maker, 3);
    maker_csrrs(maker, REG_T1, CSR_SATP, 0);
    maker_addi(maker, REG_T2, 0, change);
    slli(maker, REG_T2, REG_T2, 44);
    if ((change & 1) != 0) {
        maker_addi(maker, REG_T2, REG_T2, (TABLES ^ OTHER_TABLES) >> PAGE_SHIFT);
    }
    put_xor(maker, REG_T1, REG_T1, REG_T2);
    maker_csrrw(maker, 0, CSR_SATP, REG_T1);
}

/* To S again: to the next instruction, or over it. */
static void put_return(struct maker *maker)
{
    maker_addi(maker, REG_T2, 0, 0x100); /* SPP */
    maker_csrrs(maker, 0, CSR_SSTATUS, REG_T2);
    maker_put(maker, (uint32_t)REG_T1 << 7 | 0x17); /* auipc */
    maker_addi(maker, REG_T1, REG_T1, 16 + 4 * maker_below(maker, 2));
    maker_csrrw(maker, 0, CSR_SEPC, REG_T1);
    maker_put(maker, 0x10200073); /* sret */
    maker_put(maker, harmless(maker));
}

static void put_system(const struct loops *loops, struct maker *maker)
{
    switch (maker_below(maker, loops->may_return ? 5 : 4)) {
    case 0: put_needless_fence(maker); break;
    case 1:
    case 2: put_page_change(maker); break;
    case 3: put_space_change(maker); break;
    default: put_return(maker);
    }
}

/* One time in `rarity`. */
static bool put_system_rarely(struct loops *loops, unsigned rarity)
{
    const bool now = loops->has_tables && maker_below(&loops->maker, rarity) == 0;
    if (now) {
        put_system(loops, &loops->maker);
    }
    return now;
}

/* -- Functions ----------------------------------------------------------------------------------------------------- */

static void put_counted_loop(struct loops *loops, unsigned number)
{
    struct maker *maker = &loops->maker;
    unsigned counter = number < LEAF_FUNCTIONS ? REG_S10 : REG_S11;
    maker_addi(maker, counter, 0, 1 + maker_below(maker, 30));
    uint64_t loop = maker->at;
    for (unsigned i = 1 + maker_below(maker, 12); i > 0; i--) {
        if (maker_below(maker, 8) == 0) {
            put_middle_jump(maker);
        } else if (!put_system_rarely(loops, 12)) {
            maker_put_random(maker);
        }
    }
    maker_addi(maker, counter, counter, 0xfff);
    branch(maker, 1, counter, 0, (uint32_t)(loop - maker->at));
}

static void put_piece(struct loops *loops, unsigned number)
{
    struct maker *maker = &loops->maker;
    switch (maker_below(maker, 40)) {
    case 0: put_middle_jump(maker); break;
    case 1:
        if (number >= LEAF_FUNCTIONS) {
            jal(maker, REG_RA, loops->functions[maker_below(maker, LEAF_FUNCTIONS)]);
        }
        break;
    case 2:
        if (number >= LEAF_FUNCTIONS && maker_below(maker, 3) == 0) {
            put_patch(loops, number);
        }
        break;
    case 3: put_counted_loop(loops, number); break;
    default:
        if (!put_system_rarely(loops, 16)) {
            maker_put_random(maker);
        }
    }
}

/* What ends translated code: control registers, calls, fences. */
static bool is_calm(const struct isa_instruction *instruction)
{
    static const char *const names[] = { "csr", "ecall", "ebreak", "c.ebreak", "fence.i", "pause" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(instruction->name, names[i], strlen(names[i])) == 0) {
            return false;
        }
    }
    return true;
}

/* A function has a vocabulary of its own: everything, or a few instructions, most often calm ones. */
static void choose_words(struct loops *loops)
{
    struct maker *maker = &loops->maker;
    bool calm = maker_below(maker, 4) != 0;
    size_t limit = maker_below(maker, 3) == 0 ? loops->all_count : 4 + maker_below(maker, 40);
    maker->choice_count = 0;
    while (maker->choice_count < limit) {
        const struct isa_instruction *word = loops->all[maker_below(maker, (unsigned)loops->all_count)];
        if (!calm || is_calm(word)) {
            maker->choices[maker->choice_count++] = word;
        }
    }
}

static void put_function(struct loops *loops, unsigned number)
{
    struct maker *maker = &loops->maker;
    choose_words(loops);
    bool is_leaf = number < LEAF_FUNCTIONS;
    unsigned length = is_leaf ? 1 + maker_below(maker, 6) : 5 + maker_below(maker, 60);
    loops->functions[number] = maker->at;
    maker_load_address(maker, REG_T1, saved(number));
    sd(maker, REG_RA, REG_T1, 0);
    maker_addi(maker, REG_T2, 0, is_leaf ? 1 : 1 + maker_below(maker, 40));
    sd(maker, REG_T2, REG_T1, 8);
    uint64_t loop = maker->at;
    for (unsigned i = 0; i < length; i++) {
        put_piece(loops, number);
    }
    maker_load_address(maker, REG_T1, saved(number));
    ld(maker, REG_T2, REG_T1, 8);
    maker_addi(maker, REG_T2, REG_T2, 0xfff);
    sd(maker, REG_T2, REG_T1, 8);
    branch(maker, 0, REG_T2, 0, 8);
    jal(maker, 0, loop);
    ld(maker, REG_RA, REG_T1, 0);
    maker_put_i(maker, 0x67, 0, 0, REG_RA, 0);
}

/* -- Handler and main loop ----------------------------------------------------------------------------------------- */

static void put_restore(struct maker *maker)
{
    maker_csrrs(maker, REG_T5, CSR_SSCRATCH, 0);
    maker_csrrw(maker, REG_T6, CSR_MSCRATCH, REG_T6);
    maker_put(maker, 0x30200073); /* mret */
}

/* mepc += length of the instruction there, read at its address in the lower mapping. */
static void put_step_over(struct maker *maker)
{
    maker_csrrs(maker, REG_T5, CSR_MEPC, 0);
    maker_put(maker,
              UINT32_C(0x12) << 26 | 30 << 20 | (uint32_t)REG_T5 << 15 | 1 << 12 | REG_T6 << 7 | 0x13); /* bclri */
    maker_put_i(maker, 0x03, 5, REG_T6, REG_T6, 0);                                                     /* lhu */
    maker_put_i(maker, 0x13, 7, REG_T6, REG_T6, 3);
    maker_addi(maker, REG_T6, REG_T6, (uint32_t)-3);
    maker_put(maker, (uint32_t)REG_T6 << 20 | 3 << 12 | REG_T6 << 7 | 0x33); /* sltu t6, zero, t6 */
    maker_put_i(maker, 0x13, 1, REG_T6, REG_T6, 1);
    maker_put(maker, UINT32_C(0x20) << 25 | (uint32_t)REG_T6 << 20 | REG_T5 << 15 | REG_T5 << 7 | 0x33); /* sub */
    maker_addi(maker, REG_T5, REG_T5, 4);
    maker_csrrw(maker, 0, CSR_MEPC, REG_T5);
    put_restore(maker);
}

static void put_handler(struct maker *maker)
{
    const uint32_t step_over = 13 * 4;
    maker_csrrw(maker, REG_T6, CSR_MSCRATCH, REG_T6);
    maker_csrrw(maker, 0, CSR_SSCRATCH, REG_T5);
    maker_csrrs(maker, REG_T5, CSR_MCAUSE, 0);
    branch(maker, 5, REG_T5, 0, 7 * 4);         /* bge t5, zero: an exception */
    maker_put_i(maker, 0x73, 7, 0, 2, CSR_MIP); /* csrrci: clear SSIP */
    maker_put(maker, (uint32_t)LOOPS_DEVICE | REG_T5 << 7 | 0x37);
    maker_put(maker, (uint32_t)REG_T5 << 15 | 2 << 12 | 0x23); /* sw zero, 0(t5) */
    put_restore(maker);
    /* Fetch failed: access fault 1, page fault 12. */
    maker_addi(maker, REG_T6, REG_T5, (uint32_t)-1);
    branch(maker, 0, REG_T6, 0, 4 + 4 + 4 + step_over);
    maker_addi(maker, REG_T6, REG_T5, (uint32_t)-12);
    branch(maker, 0, REG_T6, 0, 4 + step_over);
    uint64_t begin = maker->at;
    put_step_over(maker);
    CHECK(maker->at == begin + step_over);
    maker_load_address(maker, REG_T5, CONTROL + CONTROL_RESUME);
    ld(maker, REG_T5, REG_T5, 0);
    maker_csrrw(maker, 0, CSR_MEPC, REG_T5);
    put_restore(maker);
}

/* Notes where to go on, then calls: directly, or through a register at either of the code's addresses. */
static void put_call(struct loops *loops, unsigned number, uint64_t alias)
{
    struct maker *maker = &loops->maker;
    bool is_direct = maker_below(maker, 2) == 0;
    uint64_t after = maker->at + 16 + 16 + 4 + (is_direct ? 4 : 20);
    maker_load_address(maker, REG_T1, CONTROL + CONTROL_RESUME);
    maker_load_address(maker, REG_T2, after);
    sd(maker, REG_T2, REG_T1, 0);
    if (is_direct) {
        jal(maker, REG_RA, loops->functions[number]);
    } else {
        maker_load_address(maker, REG_T1, loops->functions[number] + (maker_below(maker, 2) == 0 ? alias : 0));
        maker_put_i(maker, 0x67, 0, REG_RA, REG_T1, 0);
    }
    CHECK(maker->at == after);
}

static void put_main(struct loops *loops, unsigned rounds, uint64_t alias)
{
    struct maker *maker = &loops->maker;
    maker->program->first = maker->at;
    maker_load_address(maker, REG_T1, CONTROL);
    maker_addi(maker, REG_T2, 0, rounds);
    sd(maker, REG_T2, REG_T1, 0);
    uint64_t outer = maker->at;
    for (unsigned i = 0; i < 2 * FUNCTION_COUNT; i++) {
        put_call(loops, maker_below(maker, FUNCTION_COUNT), alias);
    }
    maker_load_address(maker, REG_T1, CONTROL);
    ld(maker, REG_T2, REG_T1, 0);
    maker_addi(maker, REG_T2, REG_T2, 0xfff);
    sd(maker, REG_T2, REG_T1, 0);
    branch(maker, 0, REG_T2, 0, 8);
    jal(maker, 0, outer);
    maker->program->end = maker->at;
    maker_csrrs(maker, 0, CSR_CYCLE, 0); /* the interpreter's, so that a JIT's translated code ends here */
    jal(maker, 0, maker->program->end);
}

/* -- The mode a seed runs in --------------------------------------------------------------------------------------- */

struct setting {
    uint8_t mode;
    bool modify; /* mstatus.MPRV: M's data accesses are U's */
    bool paged, user_pages, sum, mxr, adue;
    bool tvm, tsr; /* what a kernel does with satp and fences, or SRET, traps */
    uint8_t fs;
};

static struct setting setting_of(uint64_t seed)
{
    uint64_t bits = seed * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    struct setting setting = { .mode = RISCV_MODE_M, .mxr = bits >> 8 & 1, .adue = bits >> 9 & 1, .fs = 3 };
    switch (seed % 5) {
    case 0: break;
    case 1: setting.modify = setting.user_pages = true; break;
    case 2: setting.mode = RISCV_MODE_S; break;
    case 3:
        setting.mode = RISCV_MODE_S;
        setting.sum = true;
        break;
    default: setting.mode = RISCV_MODE_U; setting.user_pages = true;
    }
    setting.paged = setting.mode != RISCV_MODE_M || setting.modify;
    if ((bits >> 10 & 15) == 0) {
        setting.fs = bits >> 14 & 3;
    }
    setting.tvm = (bits >> 16 & 7) == 0;
    setting.tsr = (bits >> 19 & 7) == 0;
    return setting;
}

/* -- Making -------------------------------------------------------------------------------------------------------- */

void loops_make(struct program *program, const struct isa_machine *machine, const struct riscv_features *features,
                uint64_t seed, unsigned rounds)
{
    program->size = PROGRAM_DATA + PROGRAM_DATA_SPAN - PROGRAM_BASE;
    program->bytes = check_alloc(program->size);
    struct loops loops = { .maker = { .program = program,
                                      .machine = machine,
                                      .features = features,
                                      .at = HANDLER,
                                      .random = seed,
                                      .csrs = loop_csrs,
                                      .csr_count = sizeof loop_csrs / sizeof loop_csrs[0],
                                      .reserved = UINT32_C(1) << REG_S10 | UINT32_C(1) << REG_S11,
                                      .elsewhere = LOOPS_DEVICE } };
    struct setting setting = setting_of(seed);
    loops.has_tables = setting.paged && setting.mode != RISCV_MODE_U;
    loops.may_return = setting.mode == RISCV_MODE_S;
    maker_collect_choices(&loops.maker);
    loops.all = loops.maker.choices;
    loops.all_count = loops.maker.choice_count;
    loops.maker.choices = check_alloc(loops.all_count * sizeof *loops.all);
    maker_fill_data(&loops.maker);
    put_handler(&loops.maker);
    CHECK(loops.maker.at <= FUNCTIONS);
    loops.maker.at = FUNCTIONS;
    for (unsigned i = 0; i < FUNCTION_COUNT; i++) {
        put_function(&loops, i);
    }
    CHECK(loops.maker.at <= FUNCTIONS + CODE_PAGES * PAGE_SIZE);
    loops.maker.at = FUNCTIONS + CODE_PAGES * PAGE_SIZE;
    put_main(&loops, rounds, setting.paged && setting.mode != RISCV_MODE_M ? ALIAS : 0);
    free(loops.maker.choices);
    free(loops.all);
}

/* -- Page tables: Sv39 --------------------------------------------------------------------------------------------- */

static uint64_t pte(uint64_t address, uint64_t flags)
{
    return address >> PAGE_SHIFT << 10 | flags;
}

static void set_pte(struct memory *memory, uint64_t table, uint64_t index, uint64_t entry)
{
    CHECK(memory_write(memory, gpa(table + index * 8), &entry, sizeof entry));
}

/* The same, but that each of the two pages of data is where the other is. */
static void build_other_tables(struct memory *memory, uint64_t flags)
{
    const uint64_t root = OTHER_TABLES, low = root + PAGE_SIZE, first = low + PAGE_SIZE, second = first + PAGE_SIZE;
    const uint64_t high = TABLES + 2 * PAGE_SIZE, before = PROGRAM_DATA - PAGE_SIZE;
    set_pte(memory, root, PROGRAM_BASE >> 30, pte(low, PTE_V));
    set_pte(memory, root, (PROGRAM_BASE + ALIAS) >> 30, pte(high, PTE_V));
    for (uint64_t i = 0; i < LEAF_COUNT; i++) {
        const uint64_t start = PROGRAM_BASE + (i << 21);
        set_pte(memory, low, i, pte(leaf_table(start), PTE_V));
    }
    set_pte(memory, low, (before - PROGRAM_BASE) >> 21, pte(first, PTE_V));
    set_pte(memory, low, (PROGRAM_DATA - PROGRAM_BASE) >> 21, pte(second, PTE_V));
    for (uint64_t page = 0; page < 512; page++) {
        set_pte(memory, first, page, pte(PROGRAM_DATA - (512 - page) * PAGE_SIZE, flags));
        set_pte(memory, second, page, pte(PROGRAM_DATA + page * PAGE_SIZE, flags));
    }
    set_pte(memory, first, page_index(before), pte(PROGRAM_DATA, flags));
    set_pte(memory, second, page_index(PROGRAM_DATA), pte(before, flags));
}

static void build_tables(struct memory *memory, bool user_pages)
{
    const uint64_t flags = PTE_ALL | (user_pages ? PTE_U : 0u), root = TABLES, low = TABLES + PAGE_SIZE;
    const uint64_t high = low + PAGE_SIZE; /* the code's second mapping: one large page */
    set_pte(memory, root, PROGRAM_BASE >> 30, pte(low, PTE_V));
    set_pte(memory, root, (PROGRAM_BASE + ALIAS) >> 30, pte(high, PTE_V));
    set_pte(memory, high, 0, pte(PROGRAM_BASE, flags));
    build_other_tables(memory, flags);
    for (uint64_t i = 0; i < LEAF_COUNT; i++) {
        uint64_t start = PROGRAM_BASE + (i << 21);
        set_pte(memory, low, i, pte(leaf_table(start), PTE_V));
        for (uint64_t page = 0; page < 512; page++) {
            set_pte(memory, leaf_table(start), page, pte(start + (page << PAGE_SHIFT), flags));
        }
    }
}

void loops_start(const struct program *program, struct riscv_cpu *cpu, uint64_t seed)
{
    struct setting setting = setting_of(seed);
    struct memory *memory = cpu->machine->memory;
    struct riscv_state *state = &cpu->state;
    CHECK(memory_write(memory, gpa(PROGRAM_BASE), program->bytes, program->size));
    build_tables(memory, setting.user_pages);
    riscv_pmp_open(cpu);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t data = PROGRAM_DATA - PROGRAM_BASE + 16ul * i;
        memcpy(&state->x[i], program->bytes + (i == 0 ? CONTROL - PROGRAM_BASE : data), 8);
        memcpy(&state->f[i], program->bytes + data + 8, 8);
    }
    state->pc = program->first;
    state->mode = setting.mode;
    state->csr.mtvec = HANDLER;
    state->csr.menvcfg = 0xf0 | (uint64_t)setting.adue << 61;
    state->csr.senvcfg = 0xf0;
    state->csr.mcounteren = state->csr.scounteren = seed & 16 ? 7 : 0;
    state->csr.mie = 1u << RISCV_INTERRUPT_SSI | 1u << RISCV_INTERRUPT_MSI;
    state->csr.satp = setting.paged ? UINT64_C(8) << 60 | TABLES >> PAGE_SHIFT : 0;
    riscv_set_mstatus_FS(state, setting.fs);
    riscv_set_mstatus_MIE(state, 1);
    riscv_set_mstatus_MPRV(state, setting.modify);
    riscv_set_mstatus_SUM(state, setting.sum);
    riscv_set_mstatus_MXR(state, setting.mxr);
    riscv_set_mstatus_TVM(state, setting.tvm);
    riscv_set_mstatus_TSR(state, setting.tsr);
    riscv_cpu_state_changed(cpu);
}

void loops_remap(struct riscv_cpu *cpu, uint64_t random)
{
    static const uint64_t kinds[] = { PTE_ALL, PTE_ALL,          PTE_ALL & ~PTE_W,     PTE_V | PTE_R | PTE_W | PTE_X,
                                      0,       PTE_ALL & ~PTE_D, PTE_V | PTE_X | PTE_A };
    struct memory *memory = cpu->machine->memory;
    uint64_t flags = kinds[(random >> 8) % (sizeof kinds / sizeof kinds[0])];
    uint64_t page = PROGRAM_DATA - (random & 1) * PAGE_SIZE, target = page;
    if ((random & 6) == 0) { /* some page of functions: whole or not at all */
        page = target = FUNCTIONS + (random >> 16 & 3) * PAGE_SIZE;
        flags = (random & 0x8000) != 0 ? PTE_ALL : 0;
    } else if ((random & 6) == 2) {
        target = PROGRAM_DATA - (random >> 16 & 1) * PAGE_SIZE;
    } else if ((random & 0x70000) == 0) {
        target = LOOPS_DEVICE;
    }
    /* Whether the pages are U's is told by the page of the trap handler, which stays as it is. */
    uint64_t other;
    CHECK(memory_read(memory, gpa(leaf_table(PROGRAM_BASE)), &other, sizeof other));
    set_pte(memory, leaf_table(page), page_index(page), pte(target, flags | (other & PTE_U)));
    riscv_flush(cpu);
}
