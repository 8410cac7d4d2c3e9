/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every control register number, read and written in M, S and U with several values. What the numbers themselves say
 * must hold (privileged specification, "CSR Address Mapping Conventions"): a lower mode and a write to a read-only
 * number trap as illegal instructions, whether or not the register exists. Everything written is put back.
 */
#include "bare.h"

#define MODE_U 0u
#define MODE_S 1u
#define MODE_M 3u

static uint32_t code[16] __attribute__((aligned(64)));

/* Runs code[] in a mode and returns to M-mode by an ecall that it ends with (in M: by ret). */
static void run_in(uint64_t mode, uint64_t value)
{
    if (mode == MODE_M) {
        __asm__ volatile(".option push; .option norvc; mv a1, %1; jalr ra, 0(%0); .option pop" ::"r"(code), "r"(value)
                         : "ra", "a0", "a1", "memory");
        return;
    }
    csr_clear(mstatus, 0x1800);
    csr_set(mstatus, mode << 11);
    csr_write(mepc, code);
    __asm__ volatile(".option push; .option norvc\n"
                     "mv a1, %0; la ra, 1f; mret\n"
                     "1: .option pop" ::"r"(value)
                     : "ra", "a0", "a1", "memory");
    csr_write(satp, 0); /* S-mode may have changed it */
}

static void assemble(uint32_t number, uint64_t mode, uint32_t operation)
{
    unsigned at = 0;
    if (operation == 0) {
        code[at++] = number << 20 | 2u << 12 | 10u << 7 | 0x73; /* csrr a0, number */
    } else {
        code[at++] = number << 20 | 11u << 15 | operation << 12 | 10u << 7 | 0x73; /* csrr{w,s,c} a0, number, a1 */
        code[at++] = number << 20 | 10u << 15 | 1u << 12 | 0x73;                   /* csrw number, a0 */
    }
    code[at++] = mode == MODE_M ? 0x00008067u : 0x00000073u; /* ret or ecall */
    code[at++] = 0x00008067u;                                /* after an ecall: back to ra, in M-mode */
    __asm__ volatile("fence.i" ::: "memory");
}

/* What cannot be put back: locks. */
static bool may_write(uint32_t number)
{
    return !(number >= 0x3a0 && number <= 0x3af) && number != 0x747 && number != 0x757;
}

static void sweep(uint64_t mode)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       UINT64_MAX,
                                       UINT64_C(0x8000000000000000),
                                       UINT64_C(0x5555555555555555),
                                       UINT64_C(0xaaaaaaaaaaaaaaaa),
                                       0x3ff,
                                       0xff };
    for (uint32_t number = 0; number < 4096; number++) {
        bool permitted = (number >> 8 & 3) <= mode;
        bool readonly = number >> 10 == 3;
        assemble(number, mode, 0);
        uint64_t before = me->exceptions;
        run_in(mode, 0);
        uint64_t traps = me->exceptions - before - (mode == MODE_M ? 0 : 1);
        expect(permitted ? traps <= 1 : traps == 1);
        if (!may_write(number)) {
            continue;
        }
        for (uint32_t operation = 1; operation <= 3; operation++) {
            assemble(number, mode, operation);
            for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
                before = me->exceptions;
                run_in(mode, values[i]);
                expect(!(readonly || !permitted) || me->exceptions - before >= 2);
            }
        }
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    csr_write(pmpaddr0, UINT64_MAX >> 10);
    csr_write(pmpcfg0, 0x1f);
    sweep(MODE_M);
    csr_write(pmpaddr0, UINT64_MAX >> 10);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mcounteren, UINT64_MAX);
    sweep(MODE_S);
    sweep(MODE_U);
    for (uint32_t number = 0x3a0; number < 0x3b0; number++) { /* and the locks, last of all: all allow everything */
        assemble(number, MODE_M, 1);
        run_in(MODE_M, UINT64_C(0x9f9f9f9f9f9f9f9f));
    }
    return 0;
}
