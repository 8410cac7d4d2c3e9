/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast src/float/ computes, in millions of operations a second, and what share that is of the host's own
 * arithmetic in a plain loop over the same operands.
 *
 * Rows differ in what has to be found out about the flags: `NX set` as in a guest that computed anything inexact
 * since it last cleared them, `NX clear` before every operation, with results that are inexact (random operands) or
 * exact (small integers); `RTZ` and `RMM` are the other rounding modes, on random operands with NX clear.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "float/float.h"

enum { OPERAND_COUNT = 1024, REPEAT_COUNT = 5000, WARM_UP_COUNT = 200 };

enum operands { RANDOM, INTEGERS };

static uint64_t wide[2][OPERAND_COUNT + 2];
static uint32_t narrow[2][OPERAND_COUNT + 2];

/* Makes a value count as used, and keeps the compiler from joining iterations. */
#define USE(value) __asm__ volatile("" : : "r"(value) : "memory")

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fill(void)
{
    uint64_t state = 42;
    for (int i = 0; i < OPERAND_COUNT + 2; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double value = 1 + (double)(state >> 12) * 0x1p-52; /* from 1 to 2 */
        double integer = (double)(1 + (state >> 33) % 1000);
        float small[2] = { (float)value, (float)integer };
        memcpy(&wide[RANDOM][i], &value, sizeof value);
        memcpy(&wide[INTEGERS][i], &integer, sizeof integer);
        memcpy(&narrow[RANDOM][i], &small[0], sizeof small[0]);
        memcpy(&narrow[INTEGERS][i], &small[1], sizeof small[1]);
    }
}

typedef void loop(int repeat_count, enum operands kind, enum float_rounding rm, uint32_t flags);

#define LOOP(name, expression)                                                                      \
    static void name(int repeat_count, enum operands kind, enum float_rounding rm, uint32_t before) \
    {                                                                                               \
        (void)rm;                                                                                   \
        for (int k = 0; k < repeat_count; k++) {                                                    \
            for (int i = 0; i < OPERAND_COUNT; i++) {                                               \
                uint32_t flags = before;                                                            \
                USE(&flags);                                                                        \
                USE(expression);                                                                    \
            }                                                                                       \
        }                                                                                           \
    }
#define W(n) wide[kind][i + n]
#define N(n) narrow[kind][i + n]
LOOP(add64, float64_add(W(0), W(1), rm, &flags))
LOOP(mul64, float64_mul(W(0), W(1), rm, &flags))
LOOP(div64, float64_div(W(0), W(1), rm, &flags))
LOOP(sqrt64, float64_sqrt(W(0), rm, &flags))
LOOP(fma64, float64_fma(W(0), W(1), W(2), rm, &flags))
LOOP(add32, float32_add(N(0), N(1), rm, &flags))
LOOP(mul32, float32_mul(N(0), N(1), rm, &flags))
LOOP(div32, float32_div(N(0), N(1), rm, &flags))
LOOP(fma32, float32_fma(N(0), N(1), N(2), rm, &flags))
LOOP(lt64, float64_lt(W(0), W(1), &flags))
LOOP(to_i32, float64_to_i32(W(0), FLOAT_RTZ, &flags))
LOOP(to_i64, float64_to_i64(W(0), FLOAT_RTZ, &flags))
LOOP(from_i32, float64_from_i32((int32_t)W(0), rm, &flags))
LOOP(from_i64, float64_from_i64((int64_t)W(0), rm, &flags))
LOOP(narrowing, float64_to_float32(W(0), rm, &flags))
LOOP(widening, float32_to_float64(N(0), rm, &flags))

#define HOST_LOOP(name, expression)                                                                 \
    static void name(int repeat_count, enum operands kind, enum float_rounding rm, uint32_t before) \
    {                                                                                               \
        (void)rm;                                                                                   \
        (void)before;                                                                               \
        for (int k = 0; k < repeat_count; k++) {                                                    \
            for (int i = 0; i < OPERAND_COUNT; i++) {                                               \
                double a;                                                                           \
                double b;                                                                           \
                memcpy(&a, &W(0), sizeof a);                                                        \
                memcpy(&b, &W(1), sizeof b);                                                        \
                double result = expression;                                                         \
                uint64_t bits;                                                                      \
                memcpy(&bits, &result, sizeof bits);                                                \
                USE(bits);                                                                          \
            }                                                                                       \
        }                                                                                           \
    }
HOST_LOOP(host_add, a + b)
HOST_LOOP(host_mul, a *b)
HOST_LOOP(host_div, a / b)

static double rate(loop *run, enum operands kind, enum float_rounding rm, uint32_t flags)
{
    double best = 0;
    run(WARM_UP_COUNT, kind, rm, flags);
    for (int i = 0; i < 3; i++) {
        double start = seconds();
        run(REPEAT_COUNT, kind, rm, flags);
        double mops = (double)OPERAND_COUNT * (double)REPEAT_COUNT / (seconds() - start) * 1e-6;
        best = mops > best ? mops : best;
    }
    return best;
}

int main(void)
{
    static const struct {
        const char *name;
        loop *run;
    } rows[] = {
        { "add64", add64 },       { "mul64", mul64 },       { "div64", div64 },        { "sqrt64", sqrt64 },
        { "fma64", fma64 },       { "add32", add32 },       { "mul32", mul32 },        { "div32", div32 },
        { "fma32", fma32 },       { "lt64", lt64 },         { "to_i32", to_i32 },      { "to_i64", to_i64 },
        { "from_i32", from_i32 }, { "from_i64", from_i64 }, { "64 to 32", narrowing }, { "32 to 64", widening },
    };
    fill();
    double host = rate(host_add, RANDOM, FLOAT_RNE, 0);
    printf("host: add %.0f, mul %.0f, div %.0f Mops/s\n", host, rate(host_mul, RANDOM, FLOAT_RNE, 0),
           rate(host_div, RANDOM, FLOAT_RNE, 0));
    printf("Mops/s (and share of the host's add)\n");
    printf("%-9s %14s %16s %16s %14s %14s\n", "", "NX set", "clear, inexact", "clear, exact", "RTZ", "RMM");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const double rates[] = {
            rate(rows[i].run, RANDOM, FLOAT_RNE, FLOAT_NX), rate(rows[i].run, RANDOM, FLOAT_RNE, 0),
            rate(rows[i].run, INTEGERS, FLOAT_RNE, 0),      rate(rows[i].run, RANDOM, FLOAT_RTZ, 0),
            rate(rows[i].run, RANDOM, FLOAT_RMM, 0),
        };
        printf("%-9s", rows[i].name);
        for (size_t k = 0; k < sizeof rates / sizeof rates[0]; k++) {
            printf(" %7.0f (%.2f)", rates[k], rates[k] / host);
        }
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
