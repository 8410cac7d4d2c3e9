/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S-mode, one hart. Code that has run often is changed through its own address, through another mapping, by parts of
 * an instruction, and not at all; behind FENCE.I the new code runs, and fences cost as many instructions as ever.
 */
#include "bare.h"

#define RUNS        600u /* enough for code to be hot */
#define ROUNDS      60u  /* more than a page is worth watching for */

#define PAGES       ((uint64_t)(program_end))
#define ENTRY_FLAGS 0xcfu /* D A X W R V, not U, not G */
static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t middle[512] __attribute__((aligned(4096)));
static uint64_t last[512] __attribute__((aligned(4096)));

#define WINDOW      UINT64_C(0x40000000) /* shows the page of the code */

#define CODE_OFFSET 256u

static void use_tables(void)
{
    root[0] = 0 << 10 | ENTRY_FLAGS;
    root[1] = (uint64_t)middle >> 12 << 10 | 1;
    root[2] = UINT64_C(0x80000) << 10 | ENTRY_FLAGS;
    middle[0] = (uint64_t)last >> 12 << 10 | 1;
    last[0] = PAGES >> 12 << 10 | ENTRY_FLAGS;
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void fence_code(void)
{
    __asm__ volatile("fence rw, rw; fence.i" ::: "memory");
}

/* As a function at `page` that gives `value`. */
static void write_code(uint64_t page, uint32_t value)
{
    volatile uint32_t *code = (volatile uint32_t *)(page + CODE_OFFSET);
    code[0] = 0x00000513u | (value & 0x7ff) << 20; /* li a0, value */
    code[1] = 0x00008067u;                         /* ret */
}

/* Only the half of the first instruction that has the value. */
static void write_half(uint64_t page, uint32_t value)
{
    ((volatile uint16_t *)(page + CODE_OFFSET))[1] = (uint16_t)((value & 0x7ff) << 4);
}

static uint64_t run_at(uint64_t page)
{
    register uint64_t a0 __asm__("a0");
    __asm__ volatile("jalr ra, 0(%1)" : "=r"(a0) : "r"(page + CODE_OFFSET) : "ra", "memory");
    return a0;
}

static void expect_at(uint64_t page, uint64_t value, unsigned runs)
{
    for (unsigned i = 0; i < runs; i++) {
        expect(run_at(page) == value);
    }
}

/* What does not change costs the same each time, whoever runs it. */
static void fence_in_vain(uint64_t value)
{
    uint64_t cost = 0;
    for (unsigned i = 0; i < RUNS; i++) {
        uint64_t begin, end;
        __asm__ volatile("csrr %0, instret" : "=r"(begin)::"memory");
        fence_code();
        uint64_t got = run_at(PAGES);
        __asm__ volatile("csrr %0, instret" : "=r"(end)::"memory");
        expect(got == value);
        expect(i == 0 || end - begin == cost);
        cost = end - begin;
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    write_code(PAGES, 0);
    use_tables();
    fence_code();
    expect_at(PAGES, 0, RUNS);
    expect_at(WINDOW, 0, RUNS);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        if (round % 3 == 0) {
            write_half(WINDOW, round);
        } else {
            write_code(round % 3 == 1 ? WINDOW : PAGES, round);
        }
        fence_code();
        expect_at(PAGES, round, round % 2 == 0 ? RUNS : 3);
        expect_at(WINDOW, round, round % 4 == 0 ? RUNS : 3);
        if (round % 8 == 5) {
            fence_in_vain(round);
        }
    }
    expect(me->exceptions == 0);
    return 0;
}
