/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison, minimum and maximum, classification: questions about bits, answered in integers.
 */
#include "float/float_format.h"

/* The order of two numbers, none a NaN, as a sign; zeros are equal. */
static inline int order(struct float_format f, uint64_t a, uint64_t b)
{
    int64_t x = (int64_t)float_magnitude(f, a);
    int64_t y = (int64_t)float_magnitude(f, b);
    x = float_is_negative(f, a) ? -x : x;
    y = float_is_negative(f, b) ? -y : y;
    return (x > y) - (x < y);
}

static inline bool unordered(struct float_format f, uint64_t a, uint64_t b)
{
    return float_is_nan(f, a) || float_is_nan(f, b);
}

static inline bool equal(struct float_format f, uint64_t a, uint64_t b, uint32_t *flags)
{
    if (unordered(f, a, b)) {
        float_raise_signalling(f, a, b, flags);
        return false;
    }
    return order(f, a, b) == 0;
}

/* Whether the order of a and b is at most `most`; `quiet` is whether a quiet NaN passes without FLOAT_NV. */
static inline bool ordered(struct float_format f, uint64_t a, uint64_t b, int most, bool quiet, uint32_t *flags)
{
    if (unordered(f, a, b)) {
        if (quiet) {
            float_raise_signalling(f, a, b, flags);
        } else {
            *flags |= FLOAT_NV;
        }
        return false;
    }
    return order(f, a, b) <= most;
}

/* The lesser number, or the greater; of zeros with different signs the negative one is the lesser. */
static inline uint64_t pick(struct float_format f, uint64_t a, uint64_t b, bool greater)
{
    int difference = order(f, a, b);
    bool a_is_less = difference != 0 ? difference < 0 : float_is_negative(f, a);
    return a_is_less != greater ? a : b;
}

/* IEEE 754-2019, 9.6: minimumNumber and maximumNumber. */
static inline uint64_t extreme_number(struct float_format f, uint64_t a, uint64_t b, bool greater, uint32_t *flags)
{
    if (unordered(f, a, b)) {
        float_raise_signalling(f, a, b, flags);
        return !float_is_nan(f, a) ? a : !float_is_nan(f, b) ? b : float_canonical_nan(f);
    }
    return pick(f, a, b, greater);
}

/* IEEE 754-2019, 9.6: minimum and maximum. */
static inline uint64_t extreme(struct float_format f, uint64_t a, uint64_t b, bool greater, uint32_t *flags)
{
    if (unordered(f, a, b)) {
        float_raise_signalling(f, a, b, flags);
        return float_canonical_nan(f);
    }
    return pick(f, a, b, greater);
}

static inline uint32_t classify(struct float_format f, uint64_t a)
{
    bool negative = float_is_negative(f, a);
    uint64_t magnitude = float_magnitude(f, a);
    if (magnitude > float_infinity(f)) {
        return float_is_signalling(f, a) ? FLOAT_CLASS_SIGNALLING_NAN : FLOAT_CLASS_QUIET_NAN;
    }
    if (magnitude == float_infinity(f)) {
        return negative ? FLOAT_CLASS_NEGATIVE_INFINITY : FLOAT_CLASS_POSITIVE_INFINITY;
    }
    if (magnitude >= float_least_normal(f)) {
        return negative ? FLOAT_CLASS_NEGATIVE_NORMAL : FLOAT_CLASS_POSITIVE_NORMAL;
    }
    if (magnitude != 0) {
        return negative ? FLOAT_CLASS_NEGATIVE_SUBNORMAL : FLOAT_CLASS_POSITIVE_SUBNORMAL;
    }
    return negative ? FLOAT_CLASS_NEGATIVE_ZERO : FLOAT_CLASS_POSITIVE_ZERO;
}

#define DEFINE_COMPARISON(W)                                                     \
    bool float##W##_eq(uint##W##_t a, uint##W##_t b, uint32_t *flags)            \
    {                                                                            \
        return equal(FLOAT_FORMAT##W, a, b, flags);                              \
    }                                                                            \
    bool float##W##_lt(uint##W##_t a, uint##W##_t b, uint32_t *flags)            \
    {                                                                            \
        return ordered(FLOAT_FORMAT##W, a, b, -1, false, flags);                 \
    }                                                                            \
    bool float##W##_le(uint##W##_t a, uint##W##_t b, uint32_t *flags)            \
    {                                                                            \
        return ordered(FLOAT_FORMAT##W, a, b, 0, false, flags);                  \
    }                                                                            \
    bool float##W##_ltq(uint##W##_t a, uint##W##_t b, uint32_t *flags)           \
    {                                                                            \
        return ordered(FLOAT_FORMAT##W, a, b, -1, true, flags);                  \
    }                                                                            \
    bool float##W##_leq(uint##W##_t a, uint##W##_t b, uint32_t *flags)           \
    {                                                                            \
        return ordered(FLOAT_FORMAT##W, a, b, 0, true, flags);                   \
    }                                                                            \
    uint##W##_t float##W##_min(uint##W##_t a, uint##W##_t b, uint32_t *flags)    \
    {                                                                            \
        return (uint##W##_t)extreme_number(FLOAT_FORMAT##W, a, b, false, flags); \
    }                                                                            \
    uint##W##_t float##W##_max(uint##W##_t a, uint##W##_t b, uint32_t *flags)    \
    {                                                                            \
        return (uint##W##_t)extreme_number(FLOAT_FORMAT##W, a, b, true, flags);  \
    }                                                                            \
    uint##W##_t float##W##_minm(uint##W##_t a, uint##W##_t b, uint32_t *flags)   \
    {                                                                            \
        return (uint##W##_t)extreme(FLOAT_FORMAT##W, a, b, false, flags);        \
    }                                                                            \
    uint##W##_t float##W##_maxm(uint##W##_t a, uint##W##_t b, uint32_t *flags)   \
    {                                                                            \
        return (uint##W##_t)extreme(FLOAT_FORMAT##W, a, b, true, flags);         \
    }                                                                            \
    uint32_t float##W##_class(uint##W##_t a)                                     \
    {                                                                            \
        return classify(FLOAT_FORMAT##W, a);                                     \
    }

DEFINE_COMPARISON(16)
DEFINE_COMPARISON(32)
DEFINE_COMPARISON(64)
