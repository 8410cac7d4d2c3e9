/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float - IEEE 754 binary16, binary32 and binary64 arithmetic as RISC-V defines it
 *
 * A number is passed and returned as its bits, in an unsigned integer of its own width: uint16_t,
 * uint32_t, uint64_t. NaN-boxing narrower values in wider registers is the caller's business.
 *
 * FLAGS    Every function ORs the exceptions it raises into *flags; it never clears one. Passing
 *          flags that already hold FLOAT_NX, as a guest's accrued flags nearly always do, is also
 *          the fastest way: see float_host.c.
 * ROUNDING rm must be one of the five modes below. Resolving the dynamic mode, and trapping on
 *          reserved encodings, is the caller's business.
 * NANS     A NaN result is always the canonical NaN; payloads do not propagate. A signalling NaN
 *          operand always raises FLOAT_NV (RISC-V unprivileged ISA, 'F', 'NaN Generation and
 *          Propagation').
 * TININESS is detected after rounding (same place, 'Subnormal Arithmetic').
 * HOSTILE  Any bits are valid operands, so guest values may be passed unchecked.
 * THREADS  All functions are pure but for *flags, which belongs to the caller. Arithmetic runs on
 *          the host's floating-point unit and expects the calling thread's floating-point
 *          environment to be the one every thread starts with (round to nearest, no flushing of
 *          subnormals, exceptions masked). It never changes that environment, but like any C
 *          arithmetic leaves the host's own sticky exception flags undefined. Where a thread may
 *          have another environment, because it is an embedding program's, put the work between
 *          float_environment_enter() and float_environment_leave().
 */
#ifndef RAVELIN_FLOAT_FLOAT_H
#define RAVELIN_FLOAT_FLOAT_H

#include <stdbool.h>
#include <stdint.h>

/* The values are those of the RISC-V frm field. */
enum float_rounding {
    FLOAT_RNE = 0, /* to nearest, ties to even */
    FLOAT_RTZ = 1, /* towards zero */
    FLOAT_RDN = 2, /* towards minus infinity */
    FLOAT_RUP = 3, /* towards plus infinity */
    FLOAT_RMM = 4, /* to nearest, ties away from zero */
};

/* The values are those of the RISC-V fflags register. */
enum float_flag {
    FLOAT_NX = 1,  /* inexact */
    FLOAT_UF = 2,  /* underflow: tiny after rounding, and inexact */
    FLOAT_OF = 4,  /* overflow */
    FLOAT_DZ = 8,  /* division of a finite number by zero */
    FLOAT_NV = 16, /* invalid operation */
};

/* The bits of float{W}_class(), those of the RISC-V fclass instructions. */
enum float_class {
    FLOAT_CLASS_NEGATIVE_INFINITY = 1 << 0,
    FLOAT_CLASS_NEGATIVE_NORMAL = 1 << 1,
    FLOAT_CLASS_NEGATIVE_SUBNORMAL = 1 << 2,
    FLOAT_CLASS_NEGATIVE_ZERO = 1 << 3,
    FLOAT_CLASS_POSITIVE_ZERO = 1 << 4,
    FLOAT_CLASS_POSITIVE_SUBNORMAL = 1 << 5,
    FLOAT_CLASS_POSITIVE_NORMAL = 1 << 6,
    FLOAT_CLASS_POSITIVE_INFINITY = 1 << 7,
    FLOAT_CLASS_SIGNALLING_NAN = 1 << 8,
    FLOAT_CLASS_QUIET_NAN = 1 << 9,
};

#define float_canonical_nan16 UINT16_C(0x7e00)
#define float_canonical_nan32 UINT32_C(0x7fc00000)
#define float_canonical_nan64 UINT64_C(0x7ff8000000000000)

/*
 * The following exist for each width W of 16, 32 and 64; `bits` is the unsigned type of that width.
 *
 * ARITHMETIC
 *   bits float{W}_add(bits a, bits b, rm, flags)            a + b
 *   bits float{W}_sub(bits a, bits b, rm, flags)            a - b
 *   bits float{W}_mul(bits a, bits b, rm, flags)            a * b
 *   bits float{W}_div(bits a, bits b, rm, flags)            a / b
 *   bits float{W}_sqrt(bits a, rm, flags)                   square root of a
 *   bits float{W}_fma(bits a, bits b, bits c, rm, flags)    a * b + c, rounded once
 *       The other signs of a fused multiply-add are had by flipping the sign bits of a or c, NaNs
 *       included. Infinity times zero raises FLOAT_NV even when c is a quiet NaN.
 *   bits float{W}_round_to_int(bits a, rm, bool exact, flags)
 *       The integer nearest in the direction rm, with the sign of a when that is zero (Zfa fround).
 *       FLOAT_NX is raised for a result that differs from a only if exact is true (froundnx).
 *
 * COMPARISON
 *   bool float{W}_eq(bits a, bits b, flags)                 a = b, quiet: NV only for signalling NaNs
 *   bool float{W}_lt, _le(bits a, bits b, flags)            a < b, a <= b: NV for any NaN
 *   bool float{W}_ltq, _leq(bits a, bits b, flags)          the same, quiet (Zfa fltq, fleq)
 *       All are false where an operand is a NaN.
 *   bits float{W}_min, _max(bits a, bits b, flags)
 *       minimumNumber and maximumNumber of IEEE 754-2019 (RISC-V F, version 2.2): -0 is less than
 *       +0; of a NaN and a number, the number; of two NaNs, the canonical NaN.
 *   bits float{W}_minm, _maxm(bits a, bits b, flags)
 *       minimum and maximum of IEEE 754-2019 (Zfa): the canonical NaN if either is a NaN.
 *   uint32_t float{W}_class(bits a)                         exactly one bit of enum float_class
 *
 * CONVERSION
 *   int32_t float{W}_to_i32(bits a, rm, flags), and likewise uint32_t _to_u32, int64_t _to_i64,
 *   uint64_t _to_u64
 *       Out of range saturates and raises FLOAT_NV alone; a NaN gives the greatest integer. RV64
 *       sign-extends the 32-bit results, unsigned ones too: that is left to the caller.
 *   bits float{W}_from_i32(int32_t v, rm, flags), and likewise _from_u32, _from_i64, _from_u64
 *   bits float{A}_to_float{B}(bits a, rm, flags)            for A and B different
 */
#define FLOAT_DECLARE_ARITHMETIC(W)                                                                                   \
    uint##W##_t float##W##_add(uint##W##_t a, uint##W##_t b, enum float_rounding rm, uint32_t *flags);                \
    uint##W##_t float##W##_sub(uint##W##_t a, uint##W##_t b, enum float_rounding rm, uint32_t *flags);                \
    uint##W##_t float##W##_mul(uint##W##_t a, uint##W##_t b, enum float_rounding rm, uint32_t *flags);                \
    uint##W##_t float##W##_div(uint##W##_t a, uint##W##_t b, enum float_rounding rm, uint32_t *flags);                \
    uint##W##_t float##W##_sqrt(uint##W##_t a, enum float_rounding rm, uint32_t *flags);                              \
    uint##W##_t float##W##_fma(uint##W##_t a, uint##W##_t b, uint##W##_t c, enum float_rounding rm, uint32_t *flags); \
    uint##W##_t float##W##_round_to_int(uint##W##_t a, enum float_rounding rm, bool exact, uint32_t *flags);

#define FLOAT_DECLARE_COMPARISON(W)                                             \
    bool float##W##_eq(uint##W##_t a, uint##W##_t b, uint32_t *flags);          \
    bool float##W##_lt(uint##W##_t a, uint##W##_t b, uint32_t *flags);          \
    bool float##W##_le(uint##W##_t a, uint##W##_t b, uint32_t *flags);          \
    bool float##W##_ltq(uint##W##_t a, uint##W##_t b, uint32_t *flags);         \
    bool float##W##_leq(uint##W##_t a, uint##W##_t b, uint32_t *flags);         \
    uint##W##_t float##W##_min(uint##W##_t a, uint##W##_t b, uint32_t *flags);  \
    uint##W##_t float##W##_max(uint##W##_t a, uint##W##_t b, uint32_t *flags);  \
    uint##W##_t float##W##_minm(uint##W##_t a, uint##W##_t b, uint32_t *flags); \
    uint##W##_t float##W##_maxm(uint##W##_t a, uint##W##_t b, uint32_t *flags); \
    uint32_t float##W##_class(uint##W##_t a);

#define FLOAT_DECLARE_INTEGERS(W)                                                         \
    int32_t float##W##_to_i32(uint##W##_t a, enum float_rounding rm, uint32_t *flags);    \
    uint32_t float##W##_to_u32(uint##W##_t a, enum float_rounding rm, uint32_t *flags);   \
    int64_t float##W##_to_i64(uint##W##_t a, enum float_rounding rm, uint32_t *flags);    \
    uint64_t float##W##_to_u64(uint##W##_t a, enum float_rounding rm, uint32_t *flags);   \
    uint##W##_t float##W##_from_i32(int32_t v, enum float_rounding rm, uint32_t *flags);  \
    uint##W##_t float##W##_from_u32(uint32_t v, enum float_rounding rm, uint32_t *flags); \
    uint##W##_t float##W##_from_i64(int64_t v, enum float_rounding rm, uint32_t *flags);  \
    uint##W##_t float##W##_from_u64(uint64_t v, enum float_rounding rm, uint32_t *flags);

FLOAT_DECLARE_ARITHMETIC(16)
FLOAT_DECLARE_ARITHMETIC(32)
FLOAT_DECLARE_ARITHMETIC(64)
FLOAT_DECLARE_COMPARISON(16)
FLOAT_DECLARE_COMPARISON(32)
FLOAT_DECLARE_COMPARISON(64)
FLOAT_DECLARE_INTEGERS(16)
FLOAT_DECLARE_INTEGERS(32)
FLOAT_DECLARE_INTEGERS(64)

uint32_t float16_to_float32(uint16_t a, enum float_rounding rm, uint32_t *flags);
uint64_t float16_to_float64(uint16_t a, enum float_rounding rm, uint32_t *flags);
uint16_t float32_to_float16(uint32_t a, enum float_rounding rm, uint32_t *flags);
uint64_t float32_to_float64(uint32_t a, enum float_rounding rm, uint32_t *flags);
uint16_t float64_to_float16(uint64_t a, enum float_rounding rm, uint32_t *flags);
uint32_t float64_to_float32(uint64_t a, enum float_rounding rm, uint32_t *flags);

/*
 * a truncated towards zero, modulo 2^32 (Zfa fcvtmod.w.d); zero for infinities and NaNs. The flags
 * are those of float64_to_i32(a, FLOAT_RTZ, flags), so FLOAT_NV tells that bits were lost.
 */
int32_t float64_to_i32_modular(uint64_t a, uint32_t *flags);

/*
 * Gives the calling thread the floating-point environment this library expects, and back the one
 * it had, sticky flags included. Costs tens of cycles: meant for the entry to and exit from a loop
 * that runs guest code, not for single operations. Calls nest if each has its own `saved`.
 */
struct float_environment {
    uint64_t control; /* meaning private to float_environment.c */
};
void float_environment_enter(struct float_environment *saved);
void float_environment_leave(const struct float_environment *saved);

#endif
