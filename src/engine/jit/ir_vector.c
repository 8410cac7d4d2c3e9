/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the vector operations take and what they compute: docs/reference/ir.md, "Vectors". Folding and the evaluator run
 * on this, and so do back ends for what their host has no instruction for.
 */
#include "engine/jit/ir_vector.h"

#include "core/check.h"
#include "engine/jit/ir_internal.h"
#include "float/float.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lanes are found by their place in memory");

#define LANES_ALL                          (8 | 16 | 32 | 64)
#define LANES_FLOAT                        (32 | 64)

#define FACTS(op, lanes, number, operands) [IR_##op - IR_VAND] = { lanes, IR_NUMBER_##number, operands }

static const struct ir_vector_facts facts_table[] = {
    FACTS(VAND, 0, NONE, "vvv"),
    FACTS(VOR, 0, NONE, "vvv"),
    FACTS(VXOR, 0, NONE, "vvv"),
    FACTS(VANDN, 0, NONE, "vvv"),
    FACTS(VSELECT, 0, NONE, "vvvv"),
    FACTS(VTABLE, 0, NONE, "vvv"),
    FACTS(VADD, LANES_ALL, NONE, "vvv"),
    FACTS(VSUB, LANES_ALL, NONE, "vvv"),
    FACTS(VMUL, 16 | 32, NONE, "vvv"),
    FACTS(VEQ, LANES_ALL, NONE, "vvv"),
    FACTS(VGTS, LANES_ALL, NONE, "vvv"),
    FACTS(VGTU, LANES_ALL, NONE, "vvv"),
    FACTS(VMINS, LANES_ALL, NONE, "vvv"),
    FACTS(VMINU, LANES_ALL, NONE, "vvv"),
    FACTS(VMAXS, LANES_ALL, NONE, "vvv"),
    FACTS(VMAXU, LANES_ALL, NONE, "vvv"),
    FACTS(VSHL, LANES_ALL, AMOUNT, "vv"),
    FACTS(VSHR, LANES_ALL, AMOUNT, "vv"),
    FACTS(VSAR, LANES_ALL, AMOUNT, "vv"),
    FACTS(VZIPL, LANES_ALL, NONE, "vvv"),
    FACTS(VZIPH, LANES_ALL, NONE, "vvv"),
    FACTS(VSPLAT, LANES_ALL, NONE, "vi"),
    FACTS(VEXTRACT, LANES_ALL, LANE, "iv"),
    FACTS(VINSERT, LANES_ALL, LANE, "vvi"),
    FACTS(VFADD, LANES_FLOAT, NONE, "vvv"),
    FACTS(VFSUB, LANES_FLOAT, NONE, "vvv"),
    FACTS(VFMUL, LANES_FLOAT, NONE, "vvv"),
    FACTS(VFDIV, LANES_FLOAT, NONE, "vvv"),
    FACTS(VFSQRT, LANES_FLOAT, NONE, "vv"),
    FACTS(VFMA, LANES_FLOAT, NONE, "vvvv"),
};

const struct ir_vector_facts *ir_vector_facts(enum ir_op op)
{
    CHECK(ir_is_vector_op(op));
    return &facts_table[op - IR_VAND];
}

/* -- Lanes --------------------------------------------------------------------------------------------------------- */

static uint64_t get_lane(const struct ir_bits *vector, unsigned bits, unsigned lane)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)vector + (size_t)lane * bits / 8, bits / 8);
    return value;
}

static void set_lane(struct ir_bits *vector, unsigned bits, unsigned lane, uint64_t value)
{
    memcpy((uint8_t *)vector + (size_t)lane * bits / 8, &value, bits / 8);
}

static int64_t as_signed(uint64_t value, unsigned bits)
{
    return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

/* One lane of an operation that does the same to all. */
static uint64_t lane_of(enum ir_op op, unsigned bits, uint64_t a, uint64_t b)
{
    int64_t x = as_signed(a, bits), y = as_signed(b, bits);
    switch ((int)op) {
    case IR_VADD: return a + b;
    case IR_VSUB: return a - b;
    case IR_VMUL: return a * b;
    case IR_VEQ: return a == b ? UINT64_MAX : 0;
    case IR_VGTS: return x > y ? UINT64_MAX : 0;
    case IR_VGTU: return a > b ? UINT64_MAX : 0;
    case IR_VMINS: return x < y ? a : b;
    case IR_VMINU: return a < b ? a : b;
    case IR_VMAXS: return x > y ? a : b;
    default: CHECK(op == IR_VMAXU); return a > b ? a : b;
    }
}

static uint64_t shifted(enum ir_op op, unsigned bits, uint64_t a, unsigned by)
{
    switch ((int)op) {
    case IR_VSHL: return a << by;
    case IR_VSHR: return a >> by;
    default: return (uint64_t)(as_signed(a, bits) >> by);
    }
}

/* -- Operations ---------------------------------------------------------------------------------------------------- */

static struct ir_bits look_up(const struct ir_bits *table, const struct ir_bits *indices)
{
    struct ir_bits result = { { 0 } };
    for (unsigned i = 0; i < 16; i++) {
        uint64_t index = get_lane(indices, 8, i);
        set_lane(&result, 8, i, index < 16 ? get_lane(table, 8, (unsigned)index) : 0);
    }
    return result;
}

static struct ir_bits interleave(unsigned bits, const struct ir_bits *a, const struct ir_bits *b, bool upper)
{
    struct ir_bits result = { { 0 } };
    unsigned half = 64 / bits, from = upper ? half : 0;
    for (unsigned i = 0; i < half; i++) {
        set_lane(&result, bits, 2 * i, get_lane(a, bits, from + i));
        set_lane(&result, bits, 2 * i + 1, get_lane(b, bits, from + i));
    }
    return result;
}

static uint64_t bit_by_bit(enum ir_op op, uint64_t a, uint64_t b, uint64_t c)
{
    switch ((int)op) {
    case IR_VAND: return a & b;
    case IR_VOR: return a | b;
    case IR_VXOR: return a ^ b;
    case IR_VANDN: return a & ~b;
    default: return (a & b) | (~a & c);
    }
}

static struct ir_bits move_lanes(enum ir_op op, uint64_t lanes, const struct ir_bits *arguments)
{
    unsigned bits = (unsigned)lanes & 0xff, number = (unsigned)(lanes >> 8);
    struct ir_bits result = { { 0 } };
    if (op == IR_VEXTRACT) {
        result.half[0] = get_lane(&arguments[0], bits, number);
        return result;
    }
    if (op == IR_VINSERT) {
        result = arguments[0];
        set_lane(&result, bits, number, arguments[1].half[0]);
        return result;
    }
    for (unsigned i = 0; i < 128 / bits; i++) {
        set_lane(&result, bits, i, arguments[0].half[0]);
    }
    return result;
}

static struct ir_bits lane_by_lane(enum ir_op op, uint64_t lanes, const struct ir_bits *arguments)
{
    unsigned bits = (unsigned)lanes & 0xff, number = (unsigned)(lanes >> 8);
    bool shifts = op == IR_VSHL || op == IR_VSHR || op == IR_VSAR;
    struct ir_bits result = { { 0 } };
    for (unsigned i = 0; i < 128 / bits; i++) {
        uint64_t a = get_lane(&arguments[0], bits, i);
        set_lane(&result, bits, i,
                 shifts ? shifted(op, bits, a, number) : lane_of(op, bits, a, get_lane(&arguments[1], bits, i)));
    }
    return result;
}

struct ir_bits ir_vector_compute(enum ir_op op, uint64_t lanes, const struct ir_bits *arguments)
{
    struct ir_bits result;
    switch ((int)op) {
    case IR_VAND:
    case IR_VOR:
    case IR_VXOR:
    case IR_VANDN:
    case IR_VSELECT:
        for (unsigned i = 0; i < 2; i++) {
            result.half[i] =
                bit_by_bit(op, arguments[0].half[i], arguments[1].half[i], op == IR_VSELECT ? arguments[2].half[i] : 0);
        }
        return result;
    case IR_VTABLE: return look_up(&arguments[0], &arguments[1]);
    case IR_VZIPL:
    case IR_VZIPH: return interleave((unsigned)lanes & 0xff, &arguments[0], &arguments[1], op == IR_VZIPH);
    case IR_VSPLAT:
    case IR_VEXTRACT:
    case IR_VINSERT: return move_lanes(op, lanes, arguments);
    default: return lane_by_lane(op, lanes, arguments);
    }
}

/* -- Floating point ------------------------------------------------------------------------------------------------ */

static uint64_t float_lane32(enum ir_op op, const uint32_t *x, enum float_rounding rounding, uint32_t *flags)
{
    switch ((int)op) {
    case IR_VFADD: return float32_add(x[0], x[1], rounding, flags);
    case IR_VFSUB: return float32_sub(x[0], x[1], rounding, flags);
    case IR_VFMUL: return float32_mul(x[0], x[1], rounding, flags);
    case IR_VFDIV: return float32_div(x[0], x[1], rounding, flags);
    case IR_VFSQRT: return float32_sqrt(x[0], rounding, flags);
    default: CHECK(op == IR_VFMA); return float32_fma(x[0], x[1], x[2], rounding, flags);
    }
}

static uint64_t float_lane64(enum ir_op op, const uint64_t *x, enum float_rounding rounding, uint32_t *flags)
{
    switch ((int)op) {
    case IR_VFADD: return float64_add(x[0], x[1], rounding, flags);
    case IR_VFSUB: return float64_sub(x[0], x[1], rounding, flags);
    case IR_VFMUL: return float64_mul(x[0], x[1], rounding, flags);
    case IR_VFDIV: return float64_div(x[0], x[1], rounding, flags);
    case IR_VFSQRT: return float64_sqrt(x[0], rounding, flags);
    default: CHECK(op == IR_VFMA); return float64_fma(x[0], x[1], x[2], rounding, flags);
    }
}

struct ir_bits ir_vector_float(enum ir_op op, uint64_t lanes, const struct ir_bits *arguments, unsigned rounding,
                               uint32_t *flags)
{
    unsigned bits = (unsigned)lanes & 0xff, count = (unsigned)ir_op_table[op].arguments;
    struct ir_bits result = { { 0 } };
    for (unsigned i = 0; i < 128 / bits; i++) {
        uint64_t x[3] = { 0 };
        uint32_t narrow[3] = { 0 };
        for (unsigned argument = 0; argument < count; argument++) {
            x[argument] = get_lane(&arguments[argument], bits, i);
            narrow[argument] = (uint32_t)x[argument];
        }
        enum float_rounding mode = (enum float_rounding)rounding;
        set_lane(&result, bits, i,
                 bits == 32 ? float_lane32(op, narrow, mode, flags) : float_lane64(op, x, mode, flags));
    }
    return result;
}
