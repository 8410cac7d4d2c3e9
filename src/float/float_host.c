/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binary32 and binary64 arithmetic on the host's floating-point unit.
 *
 * The host is only ever asked to round to nearest even, in the environment every thread starts
 * with, and its control register and exception flags are neither read nor written: on x86 each such
 * access costs as much as a dozen additions, and a compiler may move arithmetic across it. What the
 * guest asks for beyond the nearest number is found by other means:
 *
 * - Where the result is finite (for a sum) or finite and above the least normal number (for
 *   everything else), neither operand was a NaN or infinite and no exception but FLOAT_NX can have
 *   happened. If that flag is set already, as it nearly always is, nothing is left to be found out.
 * - Otherwise the direction in which the exact result lies from the nearest number is computed, from
 *   an error term that is itself exact. It tells whether the result is inexact, and for directed
 *   rounding whether the neighbour is the one wanted. (For the error terms: Muller et al., Handbook
 *   of Floating-Point Arithmetic, 2nd edition, sections 4.3, 4.4 and 5.2.3.)
 * - All else (NaNs, infinities, zeros, results that are or may be subnormal or overflow, inexact
 *   ones under FLOAT_RMM) takes the exact path.
 *
 * Needs -ffp-contract=off, since a contracted x * y - z would not be the error it is meant to be, and
 * -fno-math-errno, so that a square root is one instruction; must not be compiled with -ffast-math.
 * No flag about rounding or trapping is needed, as nothing here depends on either.
 */
#include <float.h>
#include <string.h>

#include "float/float_exact.h"

/* Hosts that compute in a wider format than asked for round twice; they use the exact path alone. */
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0 && !defined(__FAST_MATH__)
#define HOST_ROUNDS_ONCE true
#else
#define HOST_ROUNDS_ONCE false
#endif

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The host's fused multiply-add, in hardware or not at all: a library's would be slower than the exact path. */
#if defined(__x86_64__) && !defined(__FMA__)
static inline bool host_has_fma(void)
{
    return HOST_ROUNDS_ONCE && __builtin_cpu_supports("fma");
}
static inline float host_fmaf(float a, float b, float c)
{
    __asm__("vfmadd213ss %2, %1, %0" : "+x"(a) : "x"(b), "x"(c)); /* a = b * a + c */
    return a;
}
static inline double host_fma(double a, double b, double c)
{
    __asm__("vfmadd213sd %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
    return a;
}
#else
#if defined(__FMA__) || defined(__aarch64__) || (defined(__FP_FAST_FMA) && defined(__FP_FAST_FMAF))
#define HOST_FMA HOST_ROUNDS_ONCE
#else
#define HOST_FMA false
#endif
static inline bool host_has_fma(void)
{
    return HOST_FMA;
}
static inline float host_fmaf(float a, float b, float c)
{
    return HOST_FMA ? __builtin_fmaf(a, b, c) : 0;
}
static inline double host_fma(double a, double b, double c)
{
    return HOST_FMA ? __builtin_fma(a, b, c) : 0;
}
#endif

static inline bool nearest_is_enough(enum float_rounding rm, const uint32_t *flags)
{
    return rm == FLOAT_RNE && (*flags & FLOAT_NX) != 0;
}

static inline bool is_finite(struct float_format f, uint64_t bits)
{
    return float_magnitude(f, bits) < float_infinity(f);
}

/*
 * Whether the nearest number has an exponent field from `least` up and is finite. With a `least` of
 * 1 the least normal number itself is left out: what was rounded up to it may have been tiny.
 */
static inline bool is_above(struct float_format f, uint64_t bits, int32_t least)
{
    uint64_t floor = ((uint64_t)(uint32_t)least << f.fraction_bits) + 1;
    return float_magnitude(f, bits) - floor < float_infinity(f) - floor;
}

static inline int sign_of(double value)
{
    return (value > 0) - (value < 0);
}

/*
 * Turns *bits, the number nearest to an exact result, into the result for rm, and raises FLOAT_NX.
 * `direction` is the sign of the exact result minus *bits. False if this takes the exact path.
 */
static inline bool settle(struct float_format f, uint64_t *bits, int direction, enum float_rounding rm, uint32_t *flags)
{
    if (direction == 0) {
        return rm != FLOAT_RDN || !float_is_zero(f, *bits); /* x - x is -0 when rounding down */
    }
    bool negative = float_is_negative(f, *bits);
    bool step = false;
    switch (rm) {
    case FLOAT_RNE: break;
    case FLOAT_RTZ: step = (direction < 0) != negative; break;
    case FLOAT_RDN: step = direction < 0; break;
    case FLOAT_RUP: step = direction > 0; break;
    case FLOAT_RMM: return false; /* the exact result may have been a tie */
    }
    if (step) {
        *bits = (direction < 0) == negative ? *bits + 1 : *bits - 1;
        if (!is_finite(f, *bits)) {
            return false;
        }
    }
    *flags |= FLOAT_NX;
    return true;
}

/* (x + y) - sum, where sum is the nearest number: a number of the same format. */
static inline float error_of_sum32(float x, float y, float sum)
{
    bool ordered = __builtin_fabsf(x) >= __builtin_fabsf(y);
    float large = ordered ? x : y;
    float small = ordered ? y : x;
    float absorbed = sum - large;
    return small - absorbed;
}

static inline double error_of_sum64(double x, double y, double sum)
{
    bool ordered = __builtin_fabs(x) >= __builtin_fabs(y);
    double large = ordered ? x : y;
    double small = ordered ? y : x;
    double absorbed = sum - large;
    return small - absorbed;
}

uint32_t float32_add(uint32_t a, uint32_t b, enum float_rounding rm, uint32_t *flags)
{
    float sum = float_of(a) + float_of(b);
    uint64_t bits = bits_of_float(sum);
    if (HOST_ROUNDS_ONCE && likely(is_finite(FLOAT_FORMAT32, bits))) {
        if (likely(nearest_is_enough(rm, flags)) ||
            settle(FLOAT_FORMAT32, &bits, sign_of((double)error_of_sum32(float_of(a), float_of(b), sum)), rm, flags)) {
            return (uint32_t)bits;
        }
    }
    return (uint32_t)float_exact_add(FLOAT_FORMAT32, a, b, rm, flags);
}

uint64_t float64_add(uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    double sum = double_of(a) + double_of(b);
    uint64_t bits = bits_of_double(sum);
    if (HOST_ROUNDS_ONCE && likely(is_finite(FLOAT_FORMAT64, bits))) {
        if (likely(nearest_is_enough(rm, flags)) ||
            settle(FLOAT_FORMAT64, &bits, sign_of(error_of_sum64(double_of(a), double_of(b), sum)), rm, flags)) {
            return bits;
        }
    }
    return float_exact_add(FLOAT_FORMAT64, a, b, rm, flags);
}

/* Flipping the sign of a NaN changes neither the result nor the flags. */
uint32_t float32_sub(uint32_t a, uint32_t b, enum float_rounding rm, uint32_t *flags)
{
    return float32_add(a, b ^ (uint32_t)float_sign_bit(FLOAT_FORMAT32), rm, flags);
}

uint64_t float64_sub(uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    return float64_add(a, b ^ float_sign_bit(FLOAT_FORMAT64), rm, flags);
}

/* In binary64 the product of two binary32 numbers is exact. */
uint32_t float32_mul(uint32_t a, uint32_t b, enum float_rounding rm, uint32_t *flags)
{
    float product = float_of(a) * float_of(b);
    uint64_t bits = bits_of_float(product);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT32, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags))) {
            return (uint32_t)bits;
        }
        double exact = (double)float_of(a) * (double)float_of(b);
        if (settle(FLOAT_FORMAT32, &bits, sign_of(exact - (double)product), rm, flags)) {
            return (uint32_t)bits;
        }
    }
    return (uint32_t)float_exact_mul(FLOAT_FORMAT32, a, b, rm, flags);
}

/*
 * The error of a binary64 product has its lowest bit 104 places below the product's highest, or
 * higher. For it to be a number, that must not lie below 2^-1074.
 */
#define LEAST_FIELD_FOR_ERROR (1023 - 1074 + 106)

uint64_t float64_mul(uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    double product = double_of(a) * double_of(b);
    uint64_t bits = bits_of_double(product);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT64, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags))) {
            return bits;
        }
        if (host_has_fma() && is_above(FLOAT_FORMAT64, bits, LEAST_FIELD_FOR_ERROR) &&
            settle(FLOAT_FORMAT64, &bits, sign_of(host_fma(double_of(a), double_of(b), -product)), rm, flags)) {
            return bits;
        }
    }
    return float_exact_mul(FLOAT_FORMAT64, a, b, rm, flags);
}

/* The remainder a - quotient * b of the nearest quotient is a number of the same format, barring underflow. */
uint32_t float32_div(uint32_t a, uint32_t b, enum float_rounding rm, uint32_t *flags)
{
    float quotient = float_of(a) / float_of(b);
    uint64_t bits = bits_of_float(quotient);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT32, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags))) {
            return (uint32_t)bits;
        }
        double remainder = (double)float_of(a) - (double)quotient * (double)float_of(b);
        int direction = float_is_negative(FLOAT_FORMAT32, b) ? -sign_of(remainder) : sign_of(remainder);
        if (settle(FLOAT_FORMAT32, &bits, direction, rm, flags)) {
            return (uint32_t)bits;
        }
    }
    return (uint32_t)float_exact_div(FLOAT_FORMAT32, a, b, rm, flags);
}

uint64_t float64_div(uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    double quotient = double_of(a) / double_of(b);
    uint64_t bits = bits_of_double(quotient);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT64, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags))) {
            return bits;
        }
        if (host_has_fma() && is_above(FLOAT_FORMAT64, a, LEAST_FIELD_FOR_ERROR)) {
            double remainder = host_fma(-quotient, double_of(b), double_of(a));
            int direction = float_is_negative(FLOAT_FORMAT64, b) ? -sign_of(remainder) : sign_of(remainder);
            if (settle(FLOAT_FORMAT64, &bits, direction, rm, flags)) {
                return bits;
            }
        }
    }
    return float_exact_div(FLOAT_FORMAT64, a, b, rm, flags);
}

/* A root is never subnormal nor does it overflow; a - root * root is a number, barring underflow. */
uint32_t float32_sqrt(uint32_t a, enum float_rounding rm, uint32_t *flags)
{
    float root = __builtin_sqrtf(float_of(a));
    uint64_t bits = bits_of_float(root);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT32, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags))) {
            return (uint32_t)bits;
        }
        double remainder = (double)float_of(a) - (double)root * (double)root;
        if (settle(FLOAT_FORMAT32, &bits, sign_of(remainder), rm, flags)) {
            return (uint32_t)bits;
        }
    }
    return (uint32_t)float_exact_sqrt(FLOAT_FORMAT32, a, rm, flags);
}

uint64_t float64_sqrt(uint64_t a, enum float_rounding rm, uint32_t *flags)
{
    double root = __builtin_sqrt(double_of(a));
    uint64_t bits = bits_of_double(root);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT64, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags))) {
            return bits;
        }
        if (host_has_fma() && is_above(FLOAT_FORMAT64, a, LEAST_FIELD_FOR_ERROR) &&
            settle(FLOAT_FORMAT64, &bits, sign_of(host_fma(-root, root, double_of(a))), rm, flags)) {
            return bits;
        }
    }
    return float_exact_sqrt(FLOAT_FORMAT64, a, rm, flags);
}

/*
 * In binary64 the product is exact, and the sum with c is nearest + error, also exact. The sign of
 * (nearest - result) + error is that of the first difference, an exact one, unless that is zero.
 */
static inline int direction_of_fma32(uint32_t a, uint32_t b, uint32_t c, float result)
{
    double product = (double)float_of(a) * (double)float_of(b);
    double addend = (double)float_of(c);
    double sum = product + addend;
    int direction = sign_of(sum - (double)result);
    return direction != 0 ? direction : sign_of(error_of_sum64(product, addend, sum));
}

uint32_t float32_fma(uint32_t a, uint32_t b, uint32_t c, enum float_rounding rm, uint32_t *flags)
{
    if (host_has_fma()) {
        float result = host_fmaf(float_of(a), float_of(b), float_of(c));
        uint64_t bits = bits_of_float(result);
        if (likely(is_above(FLOAT_FORMAT32, bits, 1))) {
            if (likely(nearest_is_enough(rm, flags)) ||
                settle(FLOAT_FORMAT32, &bits, direction_of_fma32(a, b, c, result), rm, flags)) {
                return (uint32_t)bits;
            }
        }
    }
    return (uint32_t)float_exact_fma(FLOAT_FORMAT32, a, b, c, rm, flags);
}

/*
 * The sign of (a * b + c) - result. The error of a fused multiply-add takes two numbers, here gap and c_error:
 * S. Boldo and J.-M. Muller, "Exact and approximated error of the FMA", IEEE Transactions on Computers 60(2), 2011.
 */
static inline int direction_of_fma64(double a, double b, double c, double product, double result)
{
    double product_error = host_fma(a, b, -product);
    double c_sum = c + product_error;
    double c_error = error_of_sum64(c, product_error, c_sum);
    double sum = product + c_sum;
    double gap = (sum - result) + error_of_sum64(product, c_sum, sum);
    return (gap > -c_error) - (gap < -c_error);
}

uint64_t float64_fma(uint64_t a, uint64_t b, uint64_t c, enum float_rounding rm, uint32_t *flags)
{
    if (host_has_fma()) {
        double result = host_fma(double_of(a), double_of(b), double_of(c));
        uint64_t bits = bits_of_double(result);
        if (likely(is_above(FLOAT_FORMAT64, bits, 1) && nearest_is_enough(rm, flags))) {
            return bits;
        }
        /* So far below overflow that no sum on the way can overflow; a product of zero goes the exact path, too. */
        double product = double_of(a) * double_of(b);
        if (is_above(FLOAT_FORMAT64, bits, 1) && __builtin_fabs(result) < 0x1p1020 &&
            is_above(FLOAT_FORMAT64, bits_of_double(product), LEAST_FIELD_FOR_ERROR)) {
            int direction = direction_of_fma64(double_of(a), double_of(b), double_of(c), product, result);
            if (settle(FLOAT_FORMAT64, &bits, direction, rm, flags)) {
                return bits;
            }
        }
    }
    return float_exact_fma(FLOAT_FORMAT64, a, b, c, rm, flags);
}

uint32_t float64_to_float32(uint64_t a, enum float_rounding rm, uint32_t *flags)
{
    float nearest = (float)double_of(a);
    uint64_t bits = bits_of_float(nearest);
    if (HOST_ROUNDS_ONCE && likely(is_above(FLOAT_FORMAT32, bits, 1))) {
        if (likely(nearest_is_enough(rm, flags)) ||
            settle(FLOAT_FORMAT32, &bits, sign_of(double_of(a) - (double)nearest), rm, flags)) {
            return (uint32_t)bits;
        }
    }
    return (uint32_t)float_exact_convert(FLOAT_FORMAT32, FLOAT_FORMAT64, a, rm, flags);
}

uint64_t float32_to_float64(uint32_t a, enum float_rounding rm, uint32_t *flags)
{
    if (HOST_ROUNDS_ONCE && likely(!float_is_nan(FLOAT_FORMAT32, a))) {
        return bits_of_double((double)float_of(a));
    }
    return float_exact_convert(FLOAT_FORMAT64, FLOAT_FORMAT32, a, rm, flags);
}

/* Integers of no more bits than the format's precision are numbers of it, in every rounding mode. */
static inline bool is_exact_integer(struct float_format f, uint64_t magnitude)
{
    return magnitude <= UINT64_C(2) << f.fraction_bits;
}

#define DEFINE_FROM_INTEGERS(W, type)                                                                             \
    uint##W##_t float##W##_from_i64(int64_t v, enum float_rounding rm, uint32_t *flags)                           \
    {                                                                                                             \
        uint64_t magnitude = v < 0 ? -(uint64_t)v : (uint64_t)v;                                                  \
        if (HOST_ROUNDS_ONCE && (is_exact_integer(FLOAT_FORMAT##W, magnitude) || nearest_is_enough(rm, flags))) { \
            return bits_of_##type((type)v);                                                                       \
        }                                                                                                         \
        return (uint##W##_t)float_exact_from_integer(FLOAT_FORMAT##W, v < 0, magnitude, rm, flags);               \
    }                                                                                                             \
    uint##W##_t float##W##_from_u64(uint64_t v, enum float_rounding rm, uint32_t *flags)                          \
    {                                                                                                             \
        if (HOST_ROUNDS_ONCE && (is_exact_integer(FLOAT_FORMAT##W, v) || nearest_is_enough(rm, flags))) {         \
            return bits_of_##type((type)v);                                                                       \
        }                                                                                                         \
        return (uint##W##_t)float_exact_from_integer(FLOAT_FORMAT##W, false, v, rm, flags);                       \
    }                                                                                                             \
    uint##W##_t float##W##_from_i32(int32_t v, enum float_rounding rm, uint32_t *flags)                           \
    {                                                                                                             \
        return float##W##_from_i64(v, rm, flags);                                                                 \
    }                                                                                                             \
    uint##W##_t float##W##_from_u32(uint32_t v, enum float_rounding rm, uint32_t *flags)                          \
    {                                                                                                             \
        return float##W##_from_u64(v, rm, flags);                                                                 \
    }

DEFINE_FROM_INTEGERS(32, float)
DEFINE_FROM_INTEGERS(64, double)
