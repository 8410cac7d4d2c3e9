/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description language's arithmetic where C has none of its own: generated code calls these.
 *
 * C leaves division by zero, MIN / -1 and shifts by the width or more undefined; the language defines them all
 * (docs/reference/isa-language.md, section 5). One function per width of C type: 32, 64 and 128 bits. The generator
 * widens narrower operands, and calls a shift from here only where the amount may reach the width.
 *
 * Everything is pure and total: no argument, however hostile, has undefined behaviour.
 */
#ifndef RAVELIN_ISA_ARITHMETIC_H
#define RAVELIN_ISA_ARITHMETIC_H

#include <stdint.h>

__extension__ typedef unsigned __int128 isa_uint128;
__extension__ typedef __int128 isa_int128;

/* For a condition that is rarely true: a trap. */
#define ISA_UNLIKELY(condition) __builtin_expect((condition), 0)

/* a /u 0 is all ones, a %u 0 is a. */
#define ISA_DEFINE_UNSIGNED_DIVISION(bits, type)      \
    static inline type isa_divu##bits(type a, type b) \
    {                                                 \
        return b == 0 ? (type) ~(type)0 : a / b;      \
    }                                                 \
    static inline type isa_remu##bits(type a, type b) \
    {                                                 \
        return b == 0 ? a : a % b;                    \
    }

/* a /s 0 is all ones, a %s 0 is a; dividing by -1 is negation, done unsigned so that MIN wraps to MIN. */
#define ISA_DEFINE_SIGNED_DIVISION(bits, type, signed_type) \
    static inline type isa_divs##bits(type a, type b)       \
    {                                                       \
        if (b == 0) {                                       \
            return (type) ~(type)0;                         \
        }                                                   \
        if (b == (type) ~(type)0) {                         \
            return (type)0 - a;                             \
        }                                                   \
        return (type)((signed_type)a / (signed_type)b);     \
    }                                                       \
    static inline type isa_rems##bits(type a, type b)       \
    {                                                       \
        if (b == 0) {                                       \
            return a;                                       \
        }                                                   \
        if (b == (type) ~(type)0) {                         \
            return 0;                                       \
        }                                                   \
        return (type)((signed_type)a % (signed_type)b);     \
    }

/* Amounts of the width or more give 0, or copies of the sign. */
#define ISA_DEFINE_SHIFTS(bits, type, signed_type)                    \
    static inline type isa_shl##bits(type a, uint64_t amount)         \
    {                                                                 \
        return amount < (bits) ? a << amount : 0;                     \
    }                                                                 \
    static inline type isa_shru##bits(type a, uint64_t amount)        \
    {                                                                 \
        return amount < (bits) ? a >> amount : 0;                     \
    }                                                                 \
    static inline type isa_shrs##bits(signed_type a, uint64_t amount) \
    {                                                                 \
        return (type)(a >> (amount < (bits) ? amount : (bits) - 1));  \
    }

ISA_DEFINE_UNSIGNED_DIVISION(32, uint32_t)
ISA_DEFINE_UNSIGNED_DIVISION(64, uint64_t)
ISA_DEFINE_UNSIGNED_DIVISION(128, isa_uint128)
ISA_DEFINE_SIGNED_DIVISION(32, uint32_t, int32_t)
ISA_DEFINE_SIGNED_DIVISION(64, uint64_t, int64_t)
ISA_DEFINE_SIGNED_DIVISION(128, isa_uint128, isa_int128)
ISA_DEFINE_SHIFTS(32, uint32_t, int32_t)
ISA_DEFINE_SHIFTS(64, uint64_t, int64_t)
ISA_DEFINE_SHIFTS(128, isa_uint128, isa_int128)

#undef ISA_DEFINE_UNSIGNED_DIVISION
#undef ISA_DEFINE_SIGNED_DIVISION
#undef ISA_DEFINE_SHIFTS

static inline uint32_t isa_popcount64(uint64_t a)
{
    return (uint32_t)__builtin_popcountll(a);
}

static inline uint32_t isa_popcount128(isa_uint128 a)
{
    return isa_popcount64((uint64_t)(a >> 64)) + isa_popcount64((uint64_t)a);
}

/* Leading zeros of a `width`-bit value that is zero-extended; the width if it is 0. */
static inline uint32_t isa_clz64(uint64_t a, uint32_t width)
{
    return a == 0 ? width : (uint32_t)__builtin_clzll(a) - (64 - width);
}

static inline uint32_t isa_clz128(isa_uint128 a, uint32_t width)
{
    const uint64_t high = (uint64_t)(a >> 64);
    return high != 0 ? isa_clz64(high, 64) - (128 - width) : width - 64 + isa_clz64((uint64_t)a, 64);
}

/* Trailing zeros of a `width`-bit value; the width if it is 0. */
static inline uint32_t isa_ctz64(uint64_t a, uint32_t width)
{
    return a == 0 ? width : (uint32_t)__builtin_ctzll(a);
}

static inline uint32_t isa_ctz128(isa_uint128 a, uint32_t width)
{
    const uint64_t low = (uint64_t)a;
    return low != 0 ? isa_ctz64(low, 64) : 64 + isa_ctz64((uint64_t)(a >> 64), width - 64);
}

/* The bytes of a `width`-bit value (width a multiple of 8) in reverse order. */
static inline uint64_t isa_reverse_bytes64(uint64_t a, uint32_t width)
{
    return __builtin_bswap64(a) >> (64 - width);
}

static inline isa_uint128 isa_reverse_bytes128(isa_uint128 a, uint32_t width)
{
    const isa_uint128 high = __builtin_bswap64((uint64_t)a);
    return ((high << 64) | __builtin_bswap64((uint64_t)(a >> 64))) >> (128 - width);
}

/* A shift amount of up to 128 bits as one of 64: all that matters is whether it reaches the width. */
static inline uint64_t isa_amount(isa_uint128 amount)
{
    return amount > 255 ? 255 : (uint64_t)amount;
}

#endif
