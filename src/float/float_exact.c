/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exact path: see float_exact.h.
 *
 * Sums and products are formed in 128 bits. That is wide enough for the 106 bits of a product of two
 * binary64 significands, and for a sum of such a product and a third number: where the operands lie
 * so far apart that bits fall off the lower end, the sum cannot cancel more than one leading bit, so
 * that a sticky lowest bit stays far below every bit that rounding looks at.
 */
#include "float/float_exact.h"

__extension__ typedef unsigned __int128 uint128;

/* A nonzero magnitude on its way: significand * 2^(exponent - 126), bit 126 set, bit 0 may be sticky. */
struct wide {
    bool negative;
    int32_t exponent;
    uint128 significand;
};

static uint64_t overflow(struct float_format f, bool negative, enum float_rounding rm, uint32_t *flags)
{
    *flags |= FLOAT_OF | FLOAT_NX;
    /* To nearest goes to infinity, and so does every direction that leads there. */
    bool to_infinity = float_rounds_up(rm, negative, true, UINT64_MAX);
    return (negative ? float_sign_bit(f) : 0) | (float_infinity(f) - !to_infinity);
}

uint64_t float_round(struct float_format f, bool negative, int32_t exponent, uint64_t significand,
                     enum float_rounding rm, uint32_t *flags)
{
    const int32_t least = 1 - float_exponent_max(f);
    const int32_t dropped = 63 - f.fraction_bits; /* bits of a normal number's significand */
    CHECK(dropped > 0 && dropped < 64);
    if (exponent > float_exponent_max(f)) {
        return overflow(f, negative, rm, flags);
    }
    int32_t below = exponent < least ? least - exponent : 0;
    int32_t drop = dropped + below;
    uint64_t kept = drop < 64 ? significand >> drop : 0;
    uint64_t rest = drop < 64 ? significand << (64 - drop) : drop == 64 ? significand : 1;
    if (rest != 0) {
        *flags |= FLOAT_NX;
        /*
         * Tiny after rounding: what the significand would be rounded to with the full precision is
         * still below the least normal number. Only all ones can be carried up to it.
         */
        bool carries_up = below == 1 && significand >> dropped == (UINT64_C(2) << f.fraction_bits) - 1 &&
                          float_rounds_up(rm, negative, true, significand << (64 - dropped));
        if (below != 0 && !carries_up) {
            *flags |= FLOAT_UF;
        }
    }
    /* The leading bit of a normal number, and a carry out of the fraction, count up the exponent field. */
    uint64_t magnitude = below == 0 ? (uint64_t)(exponent - least) << f.fraction_bits : 0;
    magnitude += kept + float_rounds_up(rm, negative, kept & 1, rest);
    if (magnitude >= float_infinity(f)) {
        return overflow(f, negative, rm, flags);
    }
    return (negative ? float_sign_bit(f) : 0) | magnitude;
}

static int32_t leading_zeros(uint128 value)
{
    uint64_t high = (uint64_t)(value >> 64);
    return high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)value);
}

static uint64_t round_wide(struct float_format f, struct wide wide, enum float_rounding rm, uint32_t *flags)
{
    int32_t shift = leading_zeros(wide.significand);
    uint128 significand = wide.significand << shift;
    bool sticky = (uint64_t)significand != 0;
    return float_round(f, wide.negative, wide.exponent + 1 - shift, (uint64_t)(significand >> 64) | sticky, rm, flags);
}

static uint64_t zero(struct float_format f, bool negative)
{
    return negative ? float_sign_bit(f) : 0;
}

static uint64_t infinity(struct float_format f, bool negative)
{
    return zero(f, negative) | float_infinity(f);
}

static uint64_t invalid(struct float_format f, uint32_t *flags)
{
    *flags |= FLOAT_NV;
    return float_canonical_nan(f);
}

static uint64_t propagate_nan(struct float_format f, uint64_t a, uint64_t b, uint32_t *flags)
{
    float_raise_signalling(f, a, b, flags);
    return float_canonical_nan(f);
}

static struct wide widen(struct float_number number)
{
    return (struct wide){ .negative = number.negative,
                          .exponent = number.exponent,
                          .significand = (uint128)number.significand << 63 };
}

static uint128 shift_right_sticky(uint128 value, int32_t count)
{
    if (count > 127) {
        return value != 0;
    }
    uint128 shifted = value >> count;
    return shifted | (shifted << count != value);
}

static uint64_t add_wide(struct float_format f, struct wide a, struct wide b, enum float_rounding rm, uint32_t *flags)
{
    if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) {
        struct wide swapped = a;
        a = b;
        b = swapped;
    }
    uint128 aligned = shift_right_sticky(b.significand, a.exponent - b.exponent);
    if (a.negative == b.negative) {
        a.significand += aligned;
    } else {
        a.significand -= aligned;
    }
    if (a.significand == 0) {
        return zero(f, rm == FLOAT_RDN); /* IEEE 754-2019, 6.3: x - x */
    }
    return round_wide(f, a, rm, flags);
}

uint64_t float_exact_add(struct float_format f, uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    struct float_number y = float_unpack(f, b);
    if (x.kind == FLOAT_NAN || y.kind == FLOAT_NAN) {
        return propagate_nan(f, a, b, flags);
    }
    if (x.kind == FLOAT_INFINITE || y.kind == FLOAT_INFINITE) {
        if (x.kind == y.kind && x.negative != y.negative) {
            return invalid(f, flags);
        }
        return x.kind == FLOAT_INFINITE ? a : b;
    }
    if (x.kind == FLOAT_ZERO && y.kind == FLOAT_ZERO) {
        return x.negative == y.negative ? a : zero(f, rm == FLOAT_RDN);
    }
    if (x.kind == FLOAT_ZERO || y.kind == FLOAT_ZERO) {
        return x.kind == FLOAT_ZERO ? b : a;
    }
    return add_wide(f, widen(x), widen(y), rm, flags);
}

/* The exact product of two finite nonzero numbers. */
static struct wide multiply(struct float_number x, struct float_number y)
{
    struct wide product = {
        .negative = x.negative != y.negative,
        .exponent = x.exponent + y.exponent,
        .significand = (uint128)x.significand * y.significand, /* 2^126 to 2^128 */
    };
    if (product.significand >> 127 != 0) {
        product.significand >>= 1; /* the lower bits of each significand are zero: nothing is lost */
        product.exponent++;
    }
    return product;
}

uint64_t float_exact_mul(struct float_format f, uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    struct float_number y = float_unpack(f, b);
    bool negative = x.negative != y.negative;
    if (x.kind == FLOAT_NAN || y.kind == FLOAT_NAN) {
        return propagate_nan(f, a, b, flags);
    }
    if (x.kind == FLOAT_ZERO || y.kind == FLOAT_ZERO) {
        return x.kind == FLOAT_INFINITE || y.kind == FLOAT_INFINITE ? invalid(f, flags) : zero(f, negative);
    }
    if (x.kind == FLOAT_INFINITE || y.kind == FLOAT_INFINITE) {
        return infinity(f, negative);
    }
    return round_wide(f, multiply(x, y), rm, flags);
}

uint64_t float_exact_div(struct float_format f, uint64_t a, uint64_t b, enum float_rounding rm, uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    struct float_number y = float_unpack(f, b);
    bool negative = x.negative != y.negative;
    if (x.kind == FLOAT_NAN || y.kind == FLOAT_NAN) {
        return propagate_nan(f, a, b, flags);
    }
    if (x.kind == y.kind && x.kind != FLOAT_FINITE) {
        return invalid(f, flags); /* 0/0 and infinity/infinity */
    }
    if (x.kind == FLOAT_INFINITE || y.kind == FLOAT_ZERO) {
        *flags |= x.kind == FLOAT_FINITE ? FLOAT_DZ : 0U;
        return infinity(f, negative);
    }
    if (x.kind == FLOAT_ZERO || y.kind == FLOAT_INFINITE) {
        return zero(f, negative);
    }
    /* 2^61 < quotient < 2^63: at least 62 bits, sticky one included, where 53 + 2 are enough. */
    uint128 dividend = (uint128)x.significand << 62;
    uint64_t quotient = (uint64_t)(dividend / y.significand);
    quotient |= (uint128)quotient * y.significand != dividend;
    int32_t shift = __builtin_clzll(quotient);
    return float_round(f, negative, x.exponent - y.exponent + 1 - shift, quotient << shift, rm, flags);
}

/*
 * The root of a value from 2^126 to 2^128 - 1, cut off after its highest `count` bits of 64: bit by bit from the top.
 */
static uint64_t square_root(uint128 value, int count, bool *exact)
{
    uint64_t root = 0;
    for (int bit = 63; bit > 63 - count; bit--) {
        uint64_t candidate = root | UINT64_C(1) << bit;
        if ((uint128)candidate * candidate <= value) {
            root = candidate;
        }
    }
    *exact = (uint128)root * root == value;
    return root;
}

uint64_t float_exact_sqrt(struct float_format f, uint64_t a, enum float_rounding rm, uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    if (x.kind == FLOAT_NAN) {
        return propagate_nan(f, a, a, flags);
    }
    if (x.kind == FLOAT_ZERO) {
        return a; /* IEEE 754-2019, 5.4.1: the root of -0 is -0 */
    }
    if (x.negative) {
        return invalid(f, flags);
    }
    if (x.kind == FLOAT_INFINITE) {
        return a;
    }
    /* The radicand is taken as significand * 2^exponent with an even exponent, so that its root has half of it. */
    int count = f.fraction_bits + 2; /* the precision and one to round by */
    bool exact;
    bool odd = (x.exponent & 1) != 0;
    uint64_t root = square_root((uint128)x.significand << (odd ? 64 : 63), count, &exact);
    return float_round(f, false, (x.exponent - odd) / 2, root | (exact ? 0 : 1), rm, flags);
}

uint64_t float_exact_fma(struct float_format f, uint64_t a, uint64_t b, uint64_t c, enum float_rounding rm,
                         uint32_t *flags)
{
    struct float_number x = float_unpack(f, a);
    struct float_number y = float_unpack(f, b);
    struct float_number z = float_unpack(f, c);
    bool negative = x.negative != y.negative;
    bool zero_product = x.kind == FLOAT_ZERO || y.kind == FLOAT_ZERO;
    bool infinite_product = x.kind == FLOAT_INFINITE || y.kind == FLOAT_INFINITE;
    if (x.kind == FLOAT_NAN || y.kind == FLOAT_NAN) {
        float_raise_signalling(f, c, c, flags);
        return propagate_nan(f, a, b, flags);
    }
    if (zero_product && infinite_product) {
        return invalid(f, flags); /* even if c is a quiet NaN: RISC-V unprivileged ISA, 'F', FMADD */
    }
    if (z.kind == FLOAT_NAN) {
        return propagate_nan(f, c, c, flags);
    }
    if (infinite_product) {
        return z.kind == FLOAT_INFINITE && z.negative != negative ? invalid(f, flags) : infinity(f, negative);
    }
    if (zero_product) {
        return z.kind == FLOAT_ZERO && z.negative != negative ? zero(f, rm == FLOAT_RDN) : c;
    }
    if (z.kind == FLOAT_INFINITE) {
        return c;
    }
    struct wide product = multiply(x, y);
    return z.kind == FLOAT_ZERO ? round_wide(f, product, rm, flags) : add_wide(f, product, widen(z), rm, flags);
}

uint64_t float_exact_from_integer(struct float_format f, bool negative, uint64_t magnitude, enum float_rounding rm,
                                  uint32_t *flags)
{
    if (magnitude == 0) {
        return 0;
    }
    int32_t shift = __builtin_clzll(magnitude);
    return float_round(f, negative, 63 - shift, magnitude << shift, rm, flags);
}

uint64_t float_exact_convert(struct float_format to, struct float_format from, uint64_t a, enum float_rounding rm,
                             uint32_t *flags)
{
    struct float_number x = float_unpack(from, a);
    switch (x.kind) {
    case FLOAT_ZERO: return zero(to, x.negative);
    case FLOAT_FINITE: return float_round(to, x.negative, x.exponent, x.significand, rm, flags);
    case FLOAT_INFINITE: return infinity(to, x.negative);
    case FLOAT_NAN: break;
    }
    float_raise_signalling(from, a, a, flags);
    return float_canonical_nan(to);
}
