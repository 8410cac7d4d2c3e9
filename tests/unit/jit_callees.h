/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions for translated code to call, one of each kind that struct ir_callee tells apart. What they do depends on
 * their arguments and the state, and is added to a log: so the evaluator can do the same.
 */
#ifndef RAVELIN_TESTS_UNIT_JIT_CALLEES_H
#define RAVELIN_TESTS_UNIT_JIT_CALLEES_H

#include "arch/riscv/cpu.h"
#include "engine/jit/ir.h"

#define FCSR_FLAGS UINT64_C(0x1f)

static uint64_t call_log; /* of calls, in the run of now */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 29;
}

static uint64_t hash_state(const struct riscv_state *state)
{
    uint64_t hash = 1;
    for (unsigned i = 0; i < 32; i++) {
        hash = mix(mix(hash, state->x[i]), state->f[i]);
    }
    return hash;
}

/* What every function does, on whichever state: that of the CPU or the evaluator's. */
static uint64_t act(struct riscv_state *state, const struct ir_callee *callee, uint64_t hash)
{
    call_log = callee->pure ? call_log : mix(call_log, hash);
    if (callee->reads_state) {
        hash = mix(hash, hash_state(state));
    }
    if (callee->writes_state) {
        for (unsigned i = 0; i < 32; i++) {
            state->x[i] ^= hash << i;
            state->f[i] += hash;
        }
    }
    if (callee->uses_float) {
        call_log = mix(call_log, state->csr.fcsr & FCSR_FLAGS);
        state->csr.fcsr &= ~FCSR_FLAGS;
    }
    return hash;
}

static uint64_t hash_arguments(const uint64_t *arguments, unsigned count)
{
    uint64_t hash = count;
    for (unsigned i = 0; i < count; i++) {
        hash = mix(hash, arguments[i]);
    }
    return hash;
}

static bool succeeds(uint64_t hash)
{
    return hash % 8 != 0;
}

static const struct ir_callee callees[6][IR_ARGUMENTS_MAX + 1];

enum { PURE, MAY_TRAP, READS, WRITES, FLOATS, PLAIN };

/* Arguments come in the widths the region has; the pattern of narrow ones is not known here: see narrow_calls(). */
#define ARGUMENTS_0 (uint64_t[]){ 0 }
#define ARGUMENTS_1 \
    (uint64_t[])    \
    {               \
        a           \
    }
#define ARGUMENTS_2 \
    (uint64_t[])    \
    {               \
        a, b        \
    }
#define ARGUMENTS_3 \
    (uint64_t[])    \
    {               \
        a, b, c     \
    }
#define ARGUMENTS_4 \
    (uint64_t[])    \
    {               \
        a, b, c, d  \
    }
#define LIST_0(first) first
#define LIST_1(first) first, uint64_t a
#define LIST_2(first) first, uint64_t a, uint64_t b
#define LIST_3(first) first, uint64_t a, uint64_t b, uint64_t c
#define LIST_4(first) first, uint64_t a, uint64_t b, uint64_t c, uint64_t d
#define CPU           struct riscv_cpu *cpu

static void disturb_float(void)
{
    volatile double x = 1, y = 3;
    x = x / y; /* raises inexact in the host's own flags */
}

#define DEFINE(n)                                                                                \
    static bool may_trap_##n(LIST_##n(CPU), uint64_t *result)                                    \
    {                                                                                            \
        *result = act(&cpu->state, &callees[MAY_TRAP][n], hash_arguments(ARGUMENTS_##n, n));     \
        return succeeds(*result);                                                                \
    }                                                                                            \
    static uint32_t reads_##n(LIST_##n(CPU))                                                     \
    {                                                                                            \
        return (uint32_t)act(&cpu->state, &callees[READS][n], hash_arguments(ARGUMENTS_##n, n)); \
    }                                                                                            \
    static void writes_##n(LIST_##n(CPU))                                                        \
    {                                                                                            \
        act(&cpu->state, &callees[WRITES][n], hash_arguments(ARGUMENTS_##n, n));                 \
    }                                                                                            \
    static bool floats_##n(LIST_##n(CPU))                                                        \
    {                                                                                            \
        disturb_float();                                                                         \
        return act(&cpu->state, &callees[FLOATS][n], hash_arguments(ARGUMENTS_##n, n)) % 2 != 0; \
    }                                                                                            \
    static uint64_t plain_##n(LIST_##n(CPU))                                                     \
    {                                                                                            \
        return act(&cpu->state, &callees[PLAIN][n], hash_arguments(ARGUMENTS_##n, n));           \
    }
DEFINE(0)
DEFINE(1)
DEFINE(2)
DEFINE(3)
DEFINE(4)

static uint64_t pure_0(void)
{
    return hash_arguments(ARGUMENTS_0, 0);
}
static uint64_t pure_1(uint64_t a)
{
    return hash_arguments(ARGUMENTS_1, 1);
}
static uint64_t pure_2(uint64_t a, uint64_t b)
{
    return hash_arguments(ARGUMENTS_2, 2);
}
static uint64_t pure_3(uint64_t a, uint64_t b, uint64_t c)
{
    return hash_arguments(ARGUMENTS_3, 3);
}
static uint64_t pure_4(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return hash_arguments(ARGUMENTS_4, 4);
}

#define EACH(entry)        { entry(0), entry(1), entry(2), entry(3), entry(4) }
#define CALLEE_PURE(n)     { .name = "pure", .function = (void *)pure_##n, .result = IR_I64, .pure = true }
#define CALLEE_MAY_TRAP(n) { .name = "may_trap", .function = (void *)may_trap_##n, .result = IR_I64, .may_trap = true }
#define CALLEE_READS(n)    { .name = "reads", .function = (void *)reads_##n, .result = IR_I32, .reads_state = true }
#define CALLEE_WRITES(n)   { .name = "writes", .function = (void *)writes_##n, .result = IR_VOID, .writes_state = true }
#define CALLEE_FLOATS(n)   { .name = "floats", .function = (void *)floats_##n, .result = IR_BOOL, .uses_float = true }
#define CALLEE_PLAIN(n)    { .name = "plain", .function = (void *)plain_##n, .result = IR_F64 }

static const struct ir_callee callees[6][IR_ARGUMENTS_MAX + 1] = {
    EACH(CALLEE_PURE),   EACH(CALLEE_MAY_TRAP), EACH(CALLEE_READS),
    EACH(CALLEE_WRITES), EACH(CALLEE_FLOATS),   EACH(CALLEE_PLAIN),
};

#endif
