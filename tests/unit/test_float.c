/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of src/float/ against MPFR: all combinations of a table of edge values, then random ones.
 *
 * MPFR knows no signalling NaNs, no ties away from zero and no tininess after rounding, so those three are worked
 * out here: from the operands' bits, from a result rounded to odd with ample precision, and from a result rounded in
 * an unbounded exponent range. The seed is printed; RAVELIN_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fenv.h>

#include <cmocka.h>
#include <mpfr.h>

#include "../splitmix.h"
#include "float/float.h"

enum { RANDOM_COUNT = 40000, EDGE_TRIPLE_COUNT = 100000 };

/* -- The formats, described once more and independently ------------------------------------------------------- */

struct format {
    int width;
    int precision;
    int least; /* exponent of the least subnormal */
    int most;  /* 2^most is the least power of two too great */
};

static const struct format formats[] = {
    { 16, 11, -24, 16 },
    { 32, 24, -149, 128 },
    { 64, 53, -1074, 1024 },
};
static const struct format *const half = &formats[0];
static const struct format *const single = &formats[1];
static const struct format *const twice = &formats[2];

static uint64_t sign_bit(const struct format *f)
{
    return UINT64_C(1) << (f->width - 1);
}

static uint64_t hidden_bit(const struct format *f)
{
    return UINT64_C(1) << (f->precision - 1);
}

static uint64_t infinity(const struct format *f)
{
    return sign_bit(f) - hidden_bit(f);
}

static uint64_t canonical(const struct format *f)
{
    return f == half ? float_canonical_nan16 : f == single ? float_canonical_nan32 : float_canonical_nan64;
}

static bool is_nan(const struct format *f, uint64_t bits)
{
    return (bits & (sign_bit(f) - 1)) > infinity(f);
}

static bool is_signalling(const struct format *f, uint64_t bits)
{
    return is_nan(f, bits) && (bits & (hidden_bit(f) >> 1)) == 0;
}

static void decode(mpfr_t value, const struct format *f, uint64_t bits)
{
    uint64_t magnitude = bits & (sign_bit(f) - 1);
    if (magnitude > infinity(f)) {
        mpfr_set_nan(value);
        return;
    }
    if (magnitude == infinity(f)) {
        mpfr_set_inf(value, 1);
    } else {
        uint64_t field = magnitude / hidden_bit(f);
        uint64_t fraction = magnitude % hidden_bit(f);
        if (field == 0) {
            mpfr_set_uj_2exp(value, fraction, f->least, MPFR_RNDN);
        } else {
            mpfr_set_uj_2exp(value, fraction + hidden_bit(f), f->least + (int)field - 1, MPFR_RNDN);
        }
    }
    mpfr_setsign(value, value, (bits & sign_bit(f)) != 0, MPFR_RNDN);
}

/* The bits of a value that the format can represent. */
static uint64_t encode(const struct format *f, mpfr_t value)
{
    if (mpfr_nan_p(value)) {
        return canonical(f);
    }
    uint64_t sign = mpfr_signbit(value) ? sign_bit(f) : 0;
    if (mpfr_zero_p(value)) {
        return sign;
    }
    if (mpfr_inf_p(value)) {
        return sign | infinity(f);
    }
    mpfr_t scaled;
    mpfr_init2(scaled, 64);
    int exponent = (int)mpfr_get_exp(value) - f->precision;
    exponent = exponent < f->least ? f->least : exponent;
    mpfr_mul_2si(scaled, value, -exponent, MPFR_RNDN);
    mpfr_abs(scaled, scaled, MPFR_RNDN);
    assert_true(mpfr_integer_p(scaled));
    uint64_t significand = mpfr_get_uj(scaled, MPFR_RNDN);
    mpfr_clear(scaled);
    return sign | ((uint64_t)(exponent - f->least) * hidden_bit(f) + significand);
}

/* -- The reference -------------------------------------------------------------------------------------------- */

enum kind {
    ADD,
    SUB,
    MUL,
    DIV,
    SQRT,
    FMA,
    CONVERT,
    ROUND_QUIETLY,
    ROUND_EXACTLY,
    EQ,
    LT,
    LE,
    LTQ,
    LEQ,
    MIN,
    MAX,
    MINM,
    MAXM,
    CLASS,
    TO_I32,
    TO_U32,
    TO_I64,
    TO_U64,
    TO_I32_MODULAR,
    FROM_I32,
    FROM_U32,
    FROM_I64,
    FROM_U64,
};

struct operation {
    const char *name;
    enum kind kind;
    int operand_count;
    const struct format *const *from;
    const struct format *const *to;
    uint64_t (*run)(const uint64_t *v, enum float_rounding rm, uint32_t *flags);
};

struct outcome {
    uint64_t bits;
    uint32_t flags;
};

static mpfr_exp_t unbounded_least;
static mpfr_exp_t unbounded_most;
static mpfr_t operands[3]; /* wide enough for any operand */

static mpfr_rnd_t mpfr_rounding(enum float_rounding rm)
{
    switch (rm) {
    case FLOAT_RTZ: return MPFR_RNDZ;
    case FLOAT_RDN: return MPFR_RNDD;
    case FLOAT_RUP: return MPFR_RNDU;
    case FLOAT_RNE:
    case FLOAT_RMM: break;
    }
    return MPFR_RNDN;
}

/* The operation on operands[], rounded to the precision of `result`; returns MPFR's ternary value. */
static int evaluate(enum kind kind, mpfr_t result, mpfr_rnd_t rounding)
{
    if (kind == ADD) {
        return mpfr_add(result, operands[0], operands[1], rounding);
    }
    if (kind == SUB) {
        return mpfr_sub(result, operands[0], operands[1], rounding);
    }
    if (kind == MUL) {
        return mpfr_mul(result, operands[0], operands[1], rounding);
    }
    if (kind == DIV) {
        return mpfr_div(result, operands[0], operands[1], rounding);
    }
    if (kind == SQRT) {
        return mpfr_sqrt(result, operands[0], rounding);
    }
    if (kind == FMA) {
        return mpfr_fma(result, operands[0], operands[1], operands[2], rounding);
    }
    return mpfr_set(result, operands[0], rounding);
}

/* Rounds a nonzero number by hand to nearest, ties away. It may have been rounded to odd, with 128 bits. */
static struct outcome round_ties_away(const struct format *f, mpfr_t value)
{
    struct outcome outcome = { 0, 0 };
    mpfr_t scaled;
    mpfr_t rounded;
    mpfr_inits2(128, scaled, rounded, (mpfr_ptr)NULL);
    int unbounded = (int)mpfr_get_exp(value) - f->precision;
    int exponent = unbounded < f->least ? f->least : unbounded;
    mpfr_mul_2si(scaled, value, -unbounded, MPFR_RNDN);
    mpfr_round(rounded, scaled);
    mpfr_mul_2si(rounded, rounded, unbounded, MPFR_RNDN);
    bool tiny = mpfr_get_exp(rounded) < f->least + f->precision;
    mpfr_mul_2si(scaled, value, -exponent, MPFR_RNDN);
    mpfr_round(rounded, scaled);
    if (!mpfr_equal_p(rounded, scaled)) {
        outcome.flags = tiny ? FLOAT_NX | FLOAT_UF : FLOAT_NX;
    }
    mpfr_mul_2si(rounded, rounded, exponent, MPFR_RNDN);
    if (mpfr_zero_p(rounded)) {
        mpfr_setsign(rounded, rounded, mpfr_signbit(value), MPFR_RNDN);
    } else if (mpfr_get_exp(rounded) > f->most) {
        outcome.flags = FLOAT_NX | FLOAT_OF;
        mpfr_set_inf(rounded, mpfr_sgn(value));
    }
    outcome.bits = encode(f, rounded);
    mpfr_clears(scaled, rounded, (mpfr_ptr)NULL);
    return outcome;
}

static struct outcome reference_ties_away(const struct format *f, enum kind kind)
{
    mpfr_t result;
    mpfr_init2(result, 128);
    int ternary = evaluate(kind, result, MPFR_RNDZ);
    struct outcome outcome = { 0, 0 };
    if (!mpfr_regular_p(result)) {
        evaluate(kind, result, MPFR_RNDN); /* for the sign of zero */
        outcome.bits = encode(f, result);
    } else {
        if (ternary != 0 && mpfr_min_prec(result) < 128) { /* to odd: set the last bit, which is zero */
            if (mpfr_sgn(result) > 0) {
                mpfr_nextabove(result);
            } else {
                mpfr_nextbelow(result);
            }
        }
        outcome = round_ties_away(f, result);
    }
    mpfr_clear(result);
    return outcome;
}

/* MPFR's own rounding, in the format's exponent range. */
static struct outcome reference_rounded(const struct format *f, enum kind kind, enum float_rounding rm)
{
    mpfr_rnd_t rounding = mpfr_rounding(rm);
    mpfr_t result;
    mpfr_init2(result, f->precision);
    int ternary = evaluate(kind, result, rounding);
    bool tiny = mpfr_regular_p(result) && mpfr_get_exp(result) < f->least + f->precision;
    mpfr_set_emin(f->least + 1);
    mpfr_set_emax(f->most);
    mpfr_clear_flags();
    ternary = mpfr_check_range(result, ternary, rounding);
    ternary = mpfr_subnormalize(result, ternary, rounding);
    struct outcome outcome = { 0, 0 };
    outcome.flags |= ternary != 0 ? FLOAT_NX : 0U;
    outcome.flags |= ternary != 0 && tiny ? FLOAT_UF : 0U;
    outcome.flags |= mpfr_overflow_p() ? FLOAT_OF : 0U;
    mpfr_set_emin(unbounded_least);
    mpfr_set_emax(unbounded_most);
    outcome.bits = encode(f, result);
    mpfr_clear(result);
    return outcome;
}

static struct outcome reference_arithmetic(const struct operation *op, const uint64_t *v, enum float_rounding rm)
{
    bool nan = false;
    bool signalling = false;
    for (int i = 0; i < op->operand_count; i++) {
        nan |= is_nan(*op->from, v[i]);
        signalling |= is_signalling(*op->from, v[i]);
    }
    struct outcome outcome =
        rm == FLOAT_RMM ? reference_ties_away(*op->to, op->kind) : reference_rounded(*op->to, op->kind, rm);
    bool invalid_product = op->kind == FMA && ((mpfr_inf_p(operands[0]) && mpfr_zero_p(operands[1])) ||
                                               (mpfr_zero_p(operands[0]) && mpfr_inf_p(operands[1])));
    if (is_nan(*op->to, outcome.bits)) {
        outcome.flags = signalling || !nan || invalid_product ? FLOAT_NV : 0U;
    }
    if (op->kind == DIV && mpfr_zero_p(operands[1]) && mpfr_regular_p(operands[0])) {
        outcome.flags |= FLOAT_DZ;
    }
    return outcome;
}

static void round_to_integer(mpfr_t result, enum float_rounding rm)
{
    if (rm == FLOAT_RMM) {
        mpfr_round(result, operands[0]);
    } else if (rm == FLOAT_RNE) {
        mpfr_roundeven(result, operands[0]);
    } else {
        mpfr_rint(result, operands[0], mpfr_rounding(rm));
    }
}

static struct outcome reference_round(const struct operation *op, const uint64_t *v, enum float_rounding rm)
{
    struct outcome outcome = { canonical(*op->to), is_signalling(*op->from, v[0]) ? FLOAT_NV : 0U };
    if (is_nan(*op->from, v[0])) {
        return outcome;
    }
    mpfr_t result;
    mpfr_init2(result, (*op->to)->precision);
    round_to_integer(result, rm);
    if (op->kind == ROUND_EXACTLY && !mpfr_equal_p(result, operands[0])) {
        outcome.flags |= FLOAT_NX;
    }
    outcome.bits = encode(*op->to, result);
    mpfr_clear(result);
    return outcome;
}

static struct outcome reference_comparison(const struct operation *op, const uint64_t *v)
{
    const struct format *f = *op->from;
    bool nan = is_nan(f, v[0]) || is_nan(f, v[1]);
    bool signalling = is_signalling(f, v[0]) || is_signalling(f, v[1]);
    struct outcome outcome = { 0, signalling ? FLOAT_NV : 0U };
    if (nan && (op->kind == LT || op->kind == LE)) {
        outcome.flags = FLOAT_NV;
    }
    if (op->kind == EQ) {
        outcome.bits = mpfr_equal_p(operands[0], operands[1]) != 0;
    } else if (op->kind == LT || op->kind == LTQ) {
        outcome.bits = mpfr_less_p(operands[0], operands[1]) != 0;
    } else {
        outcome.bits = mpfr_lessequal_p(operands[0], operands[1]) != 0;
    }
    return outcome;
}

static struct outcome reference_extreme(const struct operation *op, const uint64_t *v)
{
    const struct format *f = *op->from;
    struct outcome outcome = { 0, is_signalling(f, v[0]) || is_signalling(f, v[1]) ? FLOAT_NV : 0U };
    bool nan_wins = op->kind == MINM || op->kind == MAXM;
    mpfr_t result;
    mpfr_init2(result, 64);
    if (nan_wins && (is_nan(f, v[0]) || is_nan(f, v[1]))) {
        mpfr_set_nan(result);
    } else if (op->kind == MIN || op->kind == MINM) { /* MPFR's prefer a number to a NaN, and order zeros */
        mpfr_min(result, operands[0], operands[1], MPFR_RNDN);
    } else {
        mpfr_max(result, operands[0], operands[1], MPFR_RNDN);
    }
    outcome.bits = encode(f, result);
    mpfr_clear(result);
    return outcome;
}

static struct outcome reference_class(const struct operation *op, const uint64_t *v)
{
    const struct format *f = *op->from;
    int bit;
    if (mpfr_nan_p(operands[0])) {
        bit = is_signalling(f, v[0]) ? 8 : 9;
    } else {
        int kind = mpfr_zero_p(operands[0])                              ? 0
                   : mpfr_inf_p(operands[0])                             ? 3
                   : mpfr_get_exp(operands[0]) < f->least + f->precision ? 1
                                                                         : 2;
        bit = mpfr_signbit(operands[0]) ? 3 - kind : 4 + kind;
    }
    return (struct outcome){ UINT64_C(1) << bit, 0 };
}

static struct outcome reference_to_integer(const struct operation *op, enum float_rounding rm)
{
    bool is_signed = op->kind == TO_I32 || op->kind == TO_I64;
    int bits = op->kind == TO_I32 || op->kind == TO_U32 ? 32 : 64;
    uint64_t most = UINT64_MAX >> (64 - bits + is_signed);
    uint64_t least = is_signed ? ~most : 0;
    struct outcome outcome = { most, FLOAT_NV };
    mpfr_t result;
    mpfr_init2(result, 64);
    round_to_integer(result, rm);
    if (mpfr_nan_p(result) || mpfr_cmp_ui(result, most) > 0) {
        outcome.bits = most;
    } else if (is_signed ? mpfr_cmp_si(result, (int64_t)least) < 0 : mpfr_sgn(result) < 0) {
        outcome.bits = least;
    } else {
        outcome.bits = is_signed ? (uint64_t)mpfr_get_sj(result, MPFR_RNDN) : mpfr_get_uj(result, MPFR_RNDN);
        outcome.flags = mpfr_equal_p(result, operands[0]) ? 0U : FLOAT_NX;
    }
    mpfr_clear(result);
    return outcome;
}

static struct outcome reference_modular(const struct operation *op)
{
    struct operation saturating = *op;
    saturating.kind = TO_I32;
    struct outcome outcome = reference_to_integer(&saturating, FLOAT_RTZ);
    outcome.bits = 0;
    if (mpfr_number_p(operands[0])) {
        mpfr_t modulus;
        mpfr_t result;
        mpfr_init2(modulus, 64);
        mpfr_init2(result, 1100);
        mpfr_set_ui_2exp(modulus, 1, 32, MPFR_RNDN);
        mpfr_trunc(result, operands[0]);
        mpfr_fmod(result, result, modulus, MPFR_RNDN);
        outcome.bits = (uint64_t)(int64_t)(int32_t)mpfr_get_sj(result, MPFR_RNDN);
        mpfr_clears(modulus, result, (mpfr_ptr)NULL);
    }
    return outcome;
}

static struct outcome reference(const struct operation *op, const uint64_t *v, enum float_rounding rm)
{
    if (op->kind >= FROM_I32) {
        if (op->kind == FROM_I32) {
            mpfr_set_sj(operands[0], (int32_t)v[0], MPFR_RNDN);
        } else if (op->kind == FROM_I64) {
            mpfr_set_sj(operands[0], (int64_t)v[0], MPFR_RNDN);
        } else {
            mpfr_set_uj(operands[0], op->kind == FROM_U32 ? (uint32_t)v[0] : v[0], MPFR_RNDN);
        }
        return rm == FLOAT_RMM ? reference_ties_away(*op->to, CONVERT) : reference_rounded(*op->to, CONVERT, rm);
    }
    for (int i = 0; i < op->operand_count; i++) {
        decode(operands[i], *op->from, v[i]);
    }
    if (op->kind <= CONVERT) {
        return reference_arithmetic(op, v, rm);
    }
    if (op->kind <= ROUND_EXACTLY) {
        return reference_round(op, v, rm);
    }
    if (op->kind <= LEQ) {
        return reference_comparison(op, v);
    }
    if (op->kind <= MAXM) {
        return reference_extreme(op, v);
    }
    if (op->kind == CLASS) {
        return reference_class(op, v);
    }
    return op->kind == TO_I32_MODULAR ? reference_modular(op) : reference_to_integer(op, rm);
}

/* -- The operations under test -------------------------------------------------------------------------------- */

#define RUN(name, expression)                                                              \
    static uint64_t run_##name(const uint64_t *v, enum float_rounding rm, uint32_t *flags) \
    {                                                                                      \
        (void)rm;                                                                          \
        (void)flags;                                                                       \
        return (uint64_t)(expression);                                                     \
    }
#define A(W) (uint##W##_t) v[0]
#define B(W) (uint##W##_t) v[1]
#define C(W) (uint##W##_t) v[2]
#define RUN_ALL(W)                                                         \
    RUN(add##W, float##W##_add(A(W), B(W), rm, flags))                     \
    RUN(sub##W, float##W##_sub(A(W), B(W), rm, flags))                     \
    RUN(mul##W, float##W##_mul(A(W), B(W), rm, flags))                     \
    RUN(div##W, float##W##_div(A(W), B(W), rm, flags))                     \
    RUN(sqrt##W, float##W##_sqrt(A(W), rm, flags))                         \
    RUN(fma##W, float##W##_fma(A(W), B(W), C(W), rm, flags))               \
    RUN(round_quietly##W, float##W##_round_to_int(A(W), rm, false, flags)) \
    RUN(round_exactly##W, float##W##_round_to_int(A(W), rm, true, flags))  \
    RUN(eq##W, float##W##_eq(A(W), B(W), flags))                           \
    RUN(lt##W, float##W##_lt(A(W), B(W), flags))                           \
    RUN(le##W, float##W##_le(A(W), B(W), flags))                           \
    RUN(ltq##W, float##W##_ltq(A(W), B(W), flags))                         \
    RUN(leq##W, float##W##_leq(A(W), B(W), flags))                         \
    RUN(min##W, float##W##_min(A(W), B(W), flags))                         \
    RUN(max##W, float##W##_max(A(W), B(W), flags))                         \
    RUN(minm##W, float##W##_minm(A(W), B(W), flags))                       \
    RUN(maxm##W, float##W##_maxm(A(W), B(W), flags))                       \
    RUN(class##W, float##W##_class(A(W)))                                  \
    RUN(to_i32##W, (int64_t)float##W##_to_i32(A(W), rm, flags))            \
    RUN(to_u32##W, float##W##_to_u32(A(W), rm, flags))                     \
    RUN(to_i64##W, float##W##_to_i64(A(W), rm, flags))                     \
    RUN(to_u64##W, float##W##_to_u64(A(W), rm, flags))                     \
    RUN(from_i32##W, float##W##_from_i32((int32_t)v[0], rm, flags))        \
    RUN(from_u32##W, float##W##_from_u32((uint32_t)v[0], rm, flags))       \
    RUN(from_i64##W, float##W##_from_i64((int64_t)v[0], rm, flags))        \
    RUN(from_u64##W, float##W##_from_u64(v[0], rm, flags))
RUN_ALL(16)
RUN_ALL(32)
RUN_ALL(64)
RUN(convert16_to_32, float16_to_float32(A(16), rm, flags))
RUN(convert16_to_64, float16_to_float64(A(16), rm, flags))
RUN(convert32_to_16, float32_to_float16(A(32), rm, flags))
RUN(convert32_to_64, float32_to_float64(A(32), rm, flags))
RUN(convert64_to_16, float64_to_float16(A(64), rm, flags))
RUN(convert64_to_32, float64_to_float32(A(64), rm, flags))
RUN(modular64, (int64_t)float64_to_i32_modular(A(64), flags))

#define OPERATION(name, W, f, kind, count) { #name #W, kind, count, &f, &f, run_##name##W },
#define ARITHMETIC(W, f)           \
    OPERATION(add, W, f, ADD, 2)   \
    OPERATION(sub, W, f, SUB, 2)   \
    OPERATION(mul, W, f, MUL, 2)   \
    OPERATION(div, W, f, DIV, 2)   \
    OPERATION(sqrt, W, f, SQRT, 1) \
    OPERATION(fma, W, f, FMA, 3)
#define COMPARISON(W, f)           \
    OPERATION(eq, W, f, EQ, 2)     \
    OPERATION(lt, W, f, LT, 2)     \
    OPERATION(le, W, f, LE, 2)     \
    OPERATION(ltq, W, f, LTQ, 2)   \
    OPERATION(leq, W, f, LEQ, 2)   \
    OPERATION(min, W, f, MIN, 2)   \
    OPERATION(max, W, f, MAX, 2)   \
    OPERATION(minm, W, f, MINM, 2) \
    OPERATION(maxm, W, f, MAXM, 2) \
    OPERATION(class, W, f, CLASS, 1)
#define INTEGERS(W, f)                               \
    OPERATION(round_quietly, W, f, ROUND_QUIETLY, 1) \
    OPERATION(round_exactly, W, f, ROUND_EXACTLY, 1) \
    OPERATION(to_i32, W, f, TO_I32, 1)               \
    OPERATION(to_u32, W, f, TO_U32, 1)               \
    OPERATION(to_i64, W, f, TO_I64, 1)               \
    OPERATION(to_u64, W, f, TO_U64, 1)               \
    OPERATION(from_i32, W, f, FROM_I32, 1)           \
    OPERATION(from_u32, W, f, FROM_U32, 1)           \
    OPERATION(from_i64, W, f, FROM_I64, 1)           \
    OPERATION(from_u64, W, f, FROM_U64, 1)
#define CONVERSION(from, to, f, g) { "convert" #from "to" #to, CONVERT, 1, &f, &g, run_convert##from##_to_##to },

static const struct operation arithmetic[] = { ARITHMETIC(16, half) ARITHMETIC(32, single) ARITHMETIC(64, twice) };
static const struct operation comparison[] = { COMPARISON(16, half) COMPARISON(32, single) COMPARISON(64, twice) };
static const struct operation conversion[] = { //
    INTEGERS(16, half) INTEGERS(32, single) INTEGERS(64, twice) CONVERSION(16, 32, half, single)
        CONVERSION(16, 64, half, twice) CONVERSION(32, 16, single, half) CONVERSION(32, 64, single, twice)
            CONVERSION(64, 16, twice, half) CONVERSION(64, 32, twice, single)
                OPERATION(modular, 64, twice, TO_I32_MODULAR, 1)
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* -- The comparison ------------------------------------------------------------------------------------------- */

static uint64_t case_count;

/* One rounding mode; with no flags before, with those that let the host's answer stand, with all. */
static void check_mode(const struct operation *op, const uint64_t *v, enum float_rounding rm)
{
    static const uint32_t before[] = { 0, FLOAT_NX, FLOAT_NX | FLOAT_UF | FLOAT_OF | FLOAT_DZ | FLOAT_NV };
    struct outcome expected = reference(op, v, rm);
    for (size_t i = 0; i < COUNT(before); i++) {
        uint32_t flags = before[i];
        uint64_t bits = op->run(v, rm, &flags);
        if (bits != expected.bits || flags != (expected.flags | before[i])) {
            fail_msg("%s(%#jx, %#jx, %#jx) mode %d flags %#x: %#jx flags %#x, not %#jx flags %#x", op->name,
                     (uintmax_t)v[0], (uintmax_t)v[1], (uintmax_t)v[2], (int)rm, before[i], (uintmax_t)bits, flags,
                     (uintmax_t)expected.bits, expected.flags | before[i]);
        }
    }
    case_count++;
}

static void check_all_modes(const struct operation *op, const uint64_t *v)
{
    for (int rm = FLOAT_RNE; rm <= FLOAT_RMM; rm++) {
        check_mode(op, v, (enum float_rounding)rm);
    }
}

/* -- Operands ------------------------------------------------------------------------------------------------- */

enum { EDGE_COUNT = 72 };
static uint64_t edges[COUNT(formats)][EDGE_COUNT];

static const uint64_t integer_edges[] = {
    0,
    1,
    2,
    3,
    0x7ff,
    0x800,
    0x801,
    0xffe8, /* rounds up to 2^16, too great for binary16 in some modes */
    0xffef,
    0xfff0,
    0x10000,
    0xffffff,
    0x1000000,
    0x1000001,
    0x7fffffbf,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xffffff7f,
    0xffffff80,
    0xffffffff,
    0x100000000,
    0x1fffffffffffff,
    0x20000000000000,
    0x20000000000001,
    0x20000000000003,
    0x7ffffffffffffdff,
    0x7ffffffffffffe00,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    0xfffffffffffffbff,
    0xfffffffffffffc00,
    0xffffffffffffffff,
};

/* The positive number nearest to `value`, or the greatest. */
static uint64_t nearest(const struct format *f, double value)
{
    mpfr_set_d(operands[0], value, MPFR_RNDN);
    return reference_rounded(f, CONVERT, FLOAT_RTZ).bits;
}

static void fill_edges(size_t index)
{
    const struct format *f = &formats[index];
    uint64_t one = hidden_bit(f);
    const uint64_t positive[EDGE_COUNT / 2] = {
        0,
        1,
        2,
        3,
        one / 2 - 1,
        one / 2,
        one - 2,
        one - 1,
        one,
        one + 1,
        2 * one - 1,
        2 * one,
        (uint64_t)(f->precision + 1) * one + 1, /* where the error of a product begins to be representable */
        nearest(f, 0.25),
        nearest(f, 0.5) - 1,
        nearest(f, 0.5),
        nearest(f, 0.5) + 1,
        nearest(f, 1) - 1,
        nearest(f, 1),
        nearest(f, 1) + 1,
        nearest(f, 1.5),
        nearest(f, 2),
        nearest(f, 2.5),
        nearest(f, 10.0 / 3),
        nearest(f, 0x1p31) - 1,
        nearest(f, 0x1p31),
        nearest(f, 0x1p32),
        nearest(f, 0x1p63) - 1,
        nearest(f, 0x1p63),
        nearest(f, 0x1p64),
        infinity(f) - one,
        infinity(f) - 1,
        infinity(f),
        infinity(f) + 1, /* signalling */
        canonical(f),
        canonical(f) + 5,
    };
    for (size_t i = 0; i < EDGE_COUNT / 2; i++) {
        edges[index][2 * i] = positive[i];
        edges[index][2 * i + 1] = positive[i] | sign_bit(f);
    }
}

static uint64_t random_state;

static uint64_t random_bits(void)
{
    return splitmix_next(&random_state);
}

/* Bits that reach the corners: few-bit fractions, exponents that meet, neighbours of `other`, edges. */
static uint64_t random_operand(const struct format *f, uint64_t other)
{
    uint64_t choice = random_bits();
    uint64_t bits = random_bits() & (2 * sign_bit(f) - 1);
    uint64_t exponent_mask = infinity(f);
    uint64_t centre = exponent_mask / 2 & exponent_mask;
    switch (choice % 8) {
    case 0: return edges[f - formats][random_bits() % EDGE_COUNT];
    case 1: return (other ^ sign_bit(f)) + choice / 8 % 5 - 2;                           /* cancels */
    case 2: return (bits & ~exponent_mask) | (other & exponent_mask);                    /* same exponent */
    case 3: return bits & ~(exponent_mask - exponent_mask / 8);                          /* small */
    case 4: return bits & ~((UINT64_C(1) << choice / 8 % (unsigned)f->precision) - 1);   /* short fraction */
    case 5: return (bits & ~exponent_mask) | (centre + choice / 8 % 64 * hidden_bit(f)); /* about the integers */
    default: return bits;
    }
}

static uint64_t random_integer(void)
{
    uint64_t choice = random_bits();
    uint64_t bits = random_bits() >> choice % 64;
    return choice / 64 % 2 != 0 ? bits : -bits;
}

/* -- The tests ------------------------------------------------------------------------------------------------ */

static void check_edges(const struct operation *op)
{
    size_t f = (size_t)(*op->from - formats);
    uint64_t v[3] = { 0, 0, 0 };
    if (op->kind >= FROM_I32) {
        for (size_t i = 0; i < 2 * COUNT(integer_edges); i++) {
            v[0] = i % 2 != 0 ? -integer_edges[i / 2] : integer_edges[i / 2];
            check_all_modes(op, v);
        }
        return;
    }
    if (op->operand_count == 3) {
        for (int i = 0; i < EDGE_TRIPLE_COUNT; i++) {
            for (int k = 0; k < 3; k++) {
                v[k] = edges[f][random_bits() % EDGE_COUNT];
            }
            check_mode(op, v, (enum float_rounding)(i % 5));
        }
        return;
    }
    for (size_t i = 0; i < EDGE_COUNT; i++) {
        v[0] = edges[f][i];
        for (size_t k = 0; k < (op->operand_count == 2 ? EDGE_COUNT : 1); k++) {
            v[1] = edges[f][k];
            check_all_modes(op, v);
        }
    }
}

static void check_random(const struct operation *op)
{
    uint64_t v[3] = { 0, 0, 0 };
    for (int i = 0; i < RANDOM_COUNT; i++) {
        if (op->kind >= FROM_I32) {
            v[0] = random_integer();
        } else {
            v[0] = random_operand(*op->from, 0);
            v[1] = random_operand(*op->from, v[0]);
            v[2] = random_operand(*op->from, v[i / 5 % 2]);
            if (op->kind == FMA && i % 3 == 0) { /* an addend that cancels the product */
                uint32_t ignored = 0;
                const uint64_t product[3] = { v[0], v[1] ^ sign_bit(*op->from), 0 };
                v[2] = op->run(product, FLOAT_RNE, &ignored);
            }
        }
        for (int k = 0; k < 3; k++) { /* neighbours may have left the width */
            v[k] &= op->kind >= FROM_I32 ? UINT64_MAX : 2 * sign_bit(*op->from) - 1;
        }
        check_mode(op, v, (enum float_rounding)(i % 5));
    }
}

static void check_operations(const struct operation *operation, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_edges(&operation[i]);
        check_random(&operation[i]);
    }
}

static void arithmetic_agrees_with_mpfr(void **state)
{
    (void)state;
    check_operations(arithmetic, COUNT(arithmetic));
}

static void comparison_agrees_with_mpfr(void **state)
{
    (void)state;
    check_operations(comparison, COUNT(comparison));
}

static void conversion_agrees_with_mpfr(void **state)
{
    (void)state;
    check_operations(conversion, COUNT(conversion));
}

static void every_half_converts_and_rounds_as_mpfr_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(conversion); i++) {
        if (*conversion[i].from == half && conversion[i].kind < FROM_I32) {
            uint64_t v[3] = { 0, 0, 0 };
            for (v[0] = 0; v[0] < 0x10000; v[0]++) {
                check_mode(&conversion[i], v, (enum float_rounding)(v[0] % 5));
            }
        }
    }
}

/* What was rounded up to the least normal number is tiny or not depending on what it was: RISC-V decides after. */
static void tininess_is_detected_after_rounding(void **state)
{
    (void)state;
    uint32_t flags = 0;
    /* (1 - 2^-24) * 2^-126: with 24 bits and no bound on the exponent a number, so it stays below the least normal */
    assert_int_equal(float32_mul(0x3f7fffff, 0x00800000, FLOAT_RNE, &flags), 0x00800000);
    assert_int_equal(flags, FLOAT_UF | FLOAT_NX);
    flags = 0;
    /* (1 + 2^-23) * (1 - 2^-23) * 2^-126: rounded to 24 bits that is 2^-126, the least normal, or one less */
    assert_int_equal(float32_mul(0x3f800001, 0x007fffff, FLOAT_RNE, &flags), 0x00800000);
    assert_int_equal(flags, FLOAT_NX);
    flags = 0;
    assert_int_equal(float32_mul(0x3f800001, 0x007fffff, FLOAT_RDN, &flags), 0x007fffff);
    assert_int_equal(flags, FLOAT_UF | FLOAT_NX);
    flags = 0;
    /* tiny but exact */
    assert_int_equal(float32_fma(0x00800000, 0x3f800000, 0x80000001, FLOAT_RNE, &flags), 0x007fffff);
    assert_int_equal(flags, 0);
}

static void infinity_times_zero_is_invalid_whatever_is_added(void **state)
{
    (void)state;
    uint32_t flags = 0;
    assert_int_equal(float64_fma(0x7ff0000000000000, 0, float_canonical_nan64, FLOAT_RNE, &flags),
                     float_canonical_nan64);
    assert_int_equal(flags, FLOAT_NV);
}

/* The nearest sum overflows though the fused result does not: 2^1023 - 2^919 + (2^53 - 1) * 2^970. */
static void an_intermediate_overflow_does_not_hide_inexactness(void **state)
{
    (void)state;
    uint32_t flags = 0;
    mpfr_t value;
    mpfr_init2(value, 53);
    mpfr_set_ui_2exp(value, (UINT64_C(1) << 52) - 1, 460, MPFR_RNDN);
    uint64_t below = encode(twice, value);
    mpfr_set_ui_2exp(value, (UINT64_C(1) << 52) + 1, 459, MPFR_RNDN);
    uint64_t above = encode(twice, value);
    mpfr_set_ui_2exp(value, (UINT64_C(1) << 53) - 1, 970, MPFR_RNDN);
    uint64_t addend = encode(twice, value);
    mpfr_clear(value);
    assert_int_equal(float64_fma(below, above, addend, FLOAT_RNE, &flags), infinity(twice) - 1);
    assert_int_equal(flags, FLOAT_NX);
}

/* By what arithmetic does: fegetround() looks at a register of its own on some hosts. */
static int host_rounding(void)
{
    volatile double one = 1;
    volatile double little = 0x1p-60;
    volatile double sum = one + little; /* volatile, to be computed here and now */
    return sum > one ? FE_UPWARD : FE_TONEAREST;
}

static void the_threads_environment_is_left_as_found(void **state)
{
    (void)state;
    assert_int_equal(fesetround(FE_UPWARD), 0);
    struct float_environment outer;
    struct float_environment inner;
    int found = host_rounding();
    float_environment_enter(&outer);
    int entered = host_rounding();
    float_environment_enter(&inner);
    uint32_t flags = 0;
    uint32_t third = float32_div(0x3f800000, 0x40400000, FLOAT_RDN, &flags);
    int kept = host_rounding();
    float_environment_leave(&inner);
    int still_entered = host_rounding();
    float_environment_leave(&outer);
    int left = host_rounding();
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    assert_int_equal(found, FE_UPWARD);
    assert_int_equal(entered, FE_TONEAREST);
    assert_int_equal(kept, FE_TONEAREST);
    assert_int_equal(still_entered, FE_TONEAREST);
    assert_int_equal(left, FE_UPWARD);
    assert_int_equal(third, 0x3eaaaaaa);
    assert_int_equal(flags, FLOAT_NX);
}

static int set_up(void **state)
{
    (void)state;
    const char *text = getenv("RAVELIN_SEED");
    random_state = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    print_message("# RAVELIN_SEED=%ju\n", (uintmax_t)random_state);
    unbounded_least = mpfr_get_emin();
    unbounded_most = mpfr_get_emax();
    mpfr_inits2(64, operands[0], operands[1], operands[2], (mpfr_ptr)NULL);
    for (size_t i = 0; i < COUNT(formats); i++) {
        fill_edges(i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    print_message("# %ju cases, each with three states of the flags\n", (uintmax_t)case_count);
    mpfr_clears(operands[0], operands[1], operands[2], (mpfr_ptr)NULL);
    mpfr_free_cache();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_agrees_with_mpfr),
        cmocka_unit_test(comparison_agrees_with_mpfr),
        cmocka_unit_test(conversion_agrees_with_mpfr),
        cmocka_unit_test(every_half_converts_and_rounds_as_mpfr_does),
        cmocka_unit_test(tininess_is_detected_after_rounding),
        cmocka_unit_test(infinity_times_zero_is_invalid_whatever_is_added),
        cmocka_unit_test(an_intermediate_overflow_does_not_hide_inexactness),
        cmocka_unit_test(the_threads_environment_is_left_as_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
