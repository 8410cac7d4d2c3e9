/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic in integers: right on any host, in any format, for every rounding mode.
 *
 * Internal to src/float/. An operation unpacks its operands, computes the exact result or a
 * significand wide enough that one sticky bit stands for all that follows, and has it rounded once.
 * Arguments and results are as in float.h, with the format as data.
 */
#ifndef RAVELIN_FLOAT_FLOAT_EXACT_H
#define RAVELIN_FLOAT_FLOAT_EXACT_H

#include "core/check.h"
#include "float/float_format.h"

enum float_kind { FLOAT_ZERO, FLOAT_FINITE, FLOAT_INFINITE, FLOAT_NAN };

/*
 * A number taken apart. Of a FLOAT_FINITE one the magnitude is significand * 2^(exponent - 63), and
 * bit 63 of significand is set, also for what the format stores as a subnormal. Otherwise exponent
 * and significand are 0.
 */
struct float_number {
    enum float_kind kind;
    bool negative;
    int32_t exponent;
    uint64_t significand;
};

static inline struct float_number float_unpack(struct float_format f, uint64_t bits)
{
    struct float_number number = { .negative = float_is_negative(f, bits) };
    uint64_t magnitude = float_magnitude(f, bits);
    if (magnitude >= float_infinity(f)) {
        number.kind = magnitude == float_infinity(f) ? FLOAT_INFINITE : FLOAT_NAN;
        return number;
    }
    if (magnitude == 0) {
        number.kind = FLOAT_ZERO;
        return number;
    }
    number.kind = FLOAT_FINITE;
    uint64_t fraction = magnitude & (float_least_normal(f) - 1);
    int32_t field = (int32_t)(magnitude >> f.fraction_bits);
    if (field != 0) {
        number.exponent = field - float_exponent_max(f);
        number.significand = (fraction | float_least_normal(f)) << (63 - f.fraction_bits);
    } else {
        int32_t shift = __builtin_clzll(fraction);
        number.exponent = 1 - float_exponent_max(f) + (63 - f.fraction_bits) - shift;
        number.significand = fraction << shift;
    }
    return number;
}

/*
 * Whether a magnitude is to be rounded up (away from zero) rather than cut off. `odd` is the lowest
 * bit kept; `rest` is what was cut off, in units of 2^-64 of that bit, where bit 0 may be sticky.
 */
static inline bool float_rounds_up(enum float_rounding rm, bool negative, bool odd, uint64_t rest)
{
    const uint64_t half = UINT64_C(1) << 63;
    switch (rm) {
    case FLOAT_RNE: return rest > half || (rest == half && odd);
    case FLOAT_RTZ: return false;
    case FLOAT_RDN: return negative && rest != 0;
    case FLOAT_RUP: return !negative && rest != 0;
    case FLOAT_RMM: return rest >= half;
    }
    CHECK(rm <= FLOAT_RMM); /* it was not, or we would not be here */
    return false;
}

/*
 * The one rounding of the library: (negative ? -1 : 1) * significand * 2^(exponent - 63) in format
 * f, raising FLOAT_NX, FLOAT_UF and FLOAT_OF. Bit 63 of significand must be set. Bit 0 may be
 * sticky, that is stand for any nonzero amount less than 2.
 */
uint64_t float_round(struct float_format f, bool negative, int32_t exponent, uint64_t significand,
                     enum float_rounding rm, uint32_t *flags);

uint64_t float_exact_add(struct float_format f, uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags);
uint64_t float_exact_mul(struct float_format f, uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags);
uint64_t float_exact_div(struct float_format f, uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags);
uint64_t float_exact_sqrt(struct float_format f, uint64_t a, enum float_rounding rm, uint32_t *flags);
uint64_t float_exact_fma(struct float_format f, uint64_t a, uint64_t b, uint64_t c, enum float_rounding rm,
                         uint32_t *flags);

/* The integer (negative ? -1 : 1) * magnitude in format f. */
uint64_t float_exact_from_integer(struct float_format f, bool negative, uint64_t magnitude, enum float_rounding rm,
                                  uint32_t *flags);

/* The number a of format `from` in format `to`. */
uint64_t float_exact_convert(struct float_format to, struct float_format from, uint64_t a, enum float_rounding rm,
                             uint32_t *flags);

#endif
