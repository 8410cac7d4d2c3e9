/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interchange formats as data, and the questions that can be asked of a number's bits.
 *
 * Internal to src/float/. Bits of every format travel in a uint64_t, with zeros above the format's
 * width. The functions are inline so that with a constant format they shrink to a few instructions.
 */
#ifndef RAVELIN_FLOAT_FLOAT_FORMAT_H
#define RAVELIN_FLOAT_FLOAT_FORMAT_H

#include "float/float.h"

struct float_format {
    int32_t exponent_bits;
    int32_t fraction_bits; /* stored ones; the precision is one more */
};

#define FLOAT_FORMAT16 ((struct float_format){ .exponent_bits = 5, .fraction_bits = 10 })
#define FLOAT_FORMAT32 ((struct float_format){ .exponent_bits = 8, .fraction_bits = 23 })
#define FLOAT_FORMAT64 ((struct float_format){ .exponent_bits = 11, .fraction_bits = 52 })

/* The greatest exponent of a finite number; also the bias. The least normal one is 1 minus this. */
static inline int32_t float_exponent_max(struct float_format f)
{
    return (INT32_C(1) << (f.exponent_bits - 1)) - 1;
}

static inline uint64_t float_sign_bit(struct float_format f)
{
    return UINT64_C(1) << (f.exponent_bits + f.fraction_bits);
}

static inline uint64_t float_infinity(struct float_format f)
{
    return ((UINT64_C(1) << f.exponent_bits) - 1) << f.fraction_bits;
}

static inline uint64_t float_quiet_bit(struct float_format f)
{
    return UINT64_C(1) << (f.fraction_bits - 1);
}

static inline uint64_t float_least_normal(struct float_format f)
{
    return UINT64_C(1) << f.fraction_bits;
}

static inline uint64_t float_canonical_nan(struct float_format f)
{
    return float_infinity(f) | float_quiet_bit(f);
}

static inline uint64_t float_magnitude(struct float_format f, uint64_t bits)
{
    return bits & (float_sign_bit(f) - 1);
}

static inline bool float_is_negative(struct float_format f, uint64_t bits)
{
    return (bits & float_sign_bit(f)) != 0;
}

static inline bool float_is_nan(struct float_format f, uint64_t bits)
{
    return float_magnitude(f, bits) > float_infinity(f);
}

static inline bool float_is_signalling(struct float_format f, uint64_t bits)
{
    return float_is_nan(f, bits) && (bits & float_quiet_bit(f)) == 0;
}

static inline bool float_is_zero(struct float_format f, uint64_t bits)
{
    return float_magnitude(f, bits) == 0;
}

/* The same question of two numbers at once: is there a signalling NaN among them? */
static inline void float_raise_signalling(struct float_format f, uint64_t a, uint64_t b, uint32_t *flags)
{
    if (float_is_signalling(f, a) || float_is_signalling(f, b)) {
        *flags |= FLOAT_NV;
    }
}

#endif
