/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions to integers, rounding to an integer, and all conversions from and to binary16. See float_host.c for
 * those that the host does.
 */
#include "float/float_exact.h"

/*
 * The magnitude of a finite number below 2^64, rounded to an integer. Sets *inexact.
 * Cannot overflow: a number with bits to round away is below 2^53.
 */
static inline uint64_t round_magnitude(struct float_number x, enum float_rounding rm, bool *inexact)
{
    uint64_t kept = 0;
    uint64_t rest = 1; /* for less than a quarter: below any tie */
    if (x.exponent >= 63) {
        kept = x.significand;
        rest = 0;
    } else if (x.exponent >= 0) {
        kept = x.significand >> (63 - x.exponent);
        rest = x.significand << (x.exponent + 1);
    } else if (x.exponent == -1) {
        rest = x.significand;
    }
    *inexact = rest != 0;
    return kept + float_rounds_up(rm, x.negative, kept & 1, rest);
}

static inline uint64_t round_to_int(struct float_format f, uint64_t a, enum float_rounding rm, bool exact,
                                    uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    if (x.kind == FLOAT_NAN) {
        float_raise_signalling(f, a, a, flags);
        return float_canonical_nan(f);
    }
    if (x.kind != FLOAT_FINITE || x.exponent >= f.fraction_bits) {
        return a;
    }
    bool inexact;
    uint64_t magnitude = round_magnitude(x, rm, &inexact);
    if (inexact && exact) {
        *flags |= FLOAT_NX;
    }
    if (magnitude == 0) {
        return a & float_sign_bit(f);
    }
    return float_exact_from_integer(f, x.negative, magnitude, rm, flags); /* exactly */
}

/*
 * An integer type: the greatest magnitudes it holds on either side of zero. Results are formed as 64-bit two's
 * complement and cut to size.
 */
struct integer_range {
    uint64_t below;
    uint64_t above;
};

#define RANGE_I32 ((struct integer_range){ UINT64_C(1) << 31, INT32_MAX })
#define RANGE_U32 ((struct integer_range){ 0, UINT32_MAX })
#define RANGE_I64 ((struct integer_range){ UINT64_C(1) << 63, INT64_MAX })
#define RANGE_U64 ((struct integer_range){ 0, UINT64_MAX })

/* RISC-V unprivileged ISA, 'F', table 'Domains of float-to-integer conversions and behavior for invalid inputs'. */
static inline uint64_t to_integer(struct float_format f, uint64_t a, struct integer_range range, enum float_rounding rm,
                                  uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    if (x.kind == FLOAT_ZERO) {
        return 0;
    }
    if (x.kind == FLOAT_FINITE && x.exponent < 64) {
        bool inexact;
        uint64_t magnitude = round_magnitude(x, rm, &inexact);
        if (magnitude <= (x.negative ? range.below : range.above)) {
            *flags |= inexact ? FLOAT_NX : 0U;
            return x.negative ? -magnitude : magnitude;
        }
    }
    *flags |= FLOAT_NV;
    return x.negative && x.kind != FLOAT_NAN ? -range.below : range.above;
}

#define DEFINE_INTEGERS(W)                                                                                  \
    uint##W##_t float##W##_round_to_int(uint##W##_t a, enum float_rounding rm, bool exact, uint32_t *flags) \
    {                                                                                                       \
        return (uint##W##_t)round_to_int(FLOAT_FORMAT##W, a, rm, exact, flags);                             \
    }                                                                                                       \
    int32_t float##W##_to_i32(uint##W##_t a, enum float_rounding rm, uint32_t *flags)                       \
    {                                                                                                       \
        return (int32_t)to_integer(FLOAT_FORMAT##W, a, RANGE_I32, rm, flags);                               \
    }                                                                                                       \
    uint32_t float##W##_to_u32(uint##W##_t a, enum float_rounding rm, uint32_t *flags)                      \
    {                                                                                                       \
        return (uint32_t)to_integer(FLOAT_FORMAT##W, a, RANGE_U32, rm, flags);                              \
    }                                                                                                       \
    int64_t float##W##_to_i64(uint##W##_t a, enum float_rounding rm, uint32_t *flags)                       \
    {                                                                                                       \
        return (int64_t)to_integer(FLOAT_FORMAT##W, a, RANGE_I64, rm, flags);                               \
    }                                                                                                       \
    uint64_t float##W##_to_u64(uint##W##_t a, enum float_rounding rm, uint32_t *flags)                      \
    {                                                                                                       \
        return to_integer(FLOAT_FORMAT##W, a, RANGE_U64, rm, flags);                                        \
    }

DEFINE_INTEGERS(16)
DEFINE_INTEGERS(32)
DEFINE_INTEGERS(64)

int32_t float64_to_i32_modular(uint64_t a, uint32_t *flags)
{
    struct float_number x = float_unpack(FLOAT_FORMAT64, a);
    (void)float64_to_i32(a, FLOAT_RTZ, flags);
    if (x.kind != FLOAT_FINITE || x.exponent >= 63 + 53) {
        return 0; /* all bits of such a significand lie above the lowest 32, or there are none */
    }
    bool inexact;
    uint64_t low = x.exponent > 63 ? x.significand << (x.exponent - 63) : round_magnitude(x, FLOAT_RTZ, &inexact);
    return (int32_t)(x.negative ? -low : low);
}

uint32_t float16_to_float32(uint16_t a, enum float_rounding rm, uint32_t *flags)
{
    return (uint32_t)float_exact_convert(FLOAT_FORMAT32, FLOAT_FORMAT16, a, rm, flags);
}

uint64_t float16_to_float64(uint16_t a, enum float_rounding rm, uint32_t *flags)
{
    return float_exact_convert(FLOAT_FORMAT64, FLOAT_FORMAT16, a, rm, flags);
}

uint16_t float32_to_float16(uint32_t a, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_convert(FLOAT_FORMAT16, FLOAT_FORMAT32, a, rm, flags);
}

uint16_t float64_to_float16(uint64_t a, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_convert(FLOAT_FORMAT16, FLOAT_FORMAT64, a, rm, flags);
}

uint16_t float16_from_i32(int32_t v, enum float_rounding rm, uint32_t *flags)
{
    return float16_from_i64(v, rm, flags);
}

uint16_t float16_from_u32(uint32_t v, enum float_rounding rm, uint32_t *flags)
{
    return float16_from_u64(v, rm, flags);
}

uint16_t float16_from_i64(int64_t v, enum float_rounding rm, uint32_t *flags)
{
    uint64_t magnitude = v < 0 ? -(uint64_t)v : (uint64_t)v;
    return (uint16_t)float_exact_from_integer(FLOAT_FORMAT16, v < 0, magnitude, rm, flags);
}

uint16_t float16_from_u64(uint64_t v, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_from_integer(FLOAT_FORMAT16, false, v, rm, flags);
}
