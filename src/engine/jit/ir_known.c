/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about the bits of a value without running it. Looks a few operations back, no further. */
#include "engine/jit/ir_internal.h"

#define DEPTH 4u

static uint64_t type_mask(enum ir_type type)
{
    unsigned bits = ir_type_bits(type);
    return bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static uint64_t zeros(const struct ir_value *value, unsigned depth);

static uint64_t zeros_of_shift(const struct ir_value *value, unsigned depth)
{
    const struct ir_value *amount = value->arguments[1];
    if (amount->op != IR_CONST) {
        return 0;
    }
    unsigned by = (unsigned)amount->immediate & (ir_type_bits(value->type) - 1);
    uint64_t known = zeros(value->arguments[0], depth);
    return value->op == IR_SHL ? ~(~known << by) : ~(~known >> by);
}

static uint64_t zeros_of(const struct ir_value *value, unsigned depth)
{
    struct ir_value *const *arguments = value->arguments;
    switch ((int)value->op) {
    case IR_CONST: return ~value->immediate;
    case IR_AND: return zeros(arguments[0], depth) | zeros(arguments[1], depth);
    case IR_OR:
    case IR_XOR: return zeros(arguments[0], depth) & zeros(arguments[1], depth);
    case IR_SELECT: return zeros(arguments[1], depth) & zeros(arguments[2], depth);
    case IR_ZEXT:
    case IR_TRUNC: return zeros(arguments[0], depth);
    case IR_SHL:
    case IR_SHR: return zeros_of_shift(value, depth);
    case IR_LOAD8: return ~UINT64_C(0xff);
    case IR_LOAD16: return ~UINT64_C(0xffff);
    case IR_LOAD32: return ~UINT64_C(0xffffffff);
    case IR_VEXTRACT: return ir_lane_bits(value) == 64 ? 0 : ~((UINT64_C(1) << ir_lane_bits(value)) - 1);
    case IR_FLAGS_TO_WORD: return ~(uint64_t)IR_FLAGS_ALL;
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT: return ~UINT64_C(0x7f);
    default: return 0;
    }
}

static uint64_t zeros(const struct ir_value *value, unsigned depth)
{
    uint64_t above = ~type_mask(value->type);
    return depth == 0 ? above : above | zeros_of(value, depth - 1);
}

uint64_t ir_known_zeros(const struct ir_value *value)
{
    return zeros(value, DEPTH);
}

unsigned ir_known_sign(const struct ir_value *value)
{
    unsigned bits = ir_type_bits(value->type);
    if (value->op == IR_SEXT) {
        return (unsigned)value->immediate;
    }
    if (value->op == IR_CONST) {
        int64_t number = (int64_t)(value->immediate << (64 - bits)) >> (64 - bits);
        uint64_t magnitude = number < 0 ? ~(uint64_t)number : (uint64_t)number;
        return magnitude == 0 ? 1 : 65u - (unsigned)__builtin_clzll(magnitude);
    }
    if (value->op == IR_SAR && value->arguments[1]->op == IR_CONST) {
        return bits - ((unsigned)value->arguments[1]->immediate & (bits - 1));
    }
    uint64_t possible = ~ir_known_zeros(value);
    unsigned used = possible == 0 ? 0 : 64u - (unsigned)__builtin_clzll(possible);
    return used < bits ? used + 1 : bits;
}
