/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pure operations compute: docs/reference/ir.md, "Operations". The builder folds constants with it, the
 * evaluator runs on it. No floating point that rounds or sets flags: that is src/float's.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

#define CANONICAL_NAN32 UINT64_C(0x7fc00000) /* RISC-V unprivileged ISA, 'F', "NaN Generation and Propagation" */
#define BOX_BITS        UINT64_C(0xffffffff00000000)

__extension__ typedef __int128 wide_signed;
__extension__ typedef unsigned __int128 wide_unsigned;

static uint64_t low_bits(uint64_t value, unsigned bits)
{
    return bits >= 64 ? value : value & ((UINT64_C(1) << bits) - 1);
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    CHECK(bits > 0);
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (low_bits(value, bits) ^ sign) - sign;
}

static uint64_t upper_product(enum ir_op op, uint64_t a, uint64_t b, unsigned bits)
{
    bool a_signed = op != IR_MULHU, b_signed = op == IR_MULHS;
    wide_signed x = a_signed ? (wide_signed)(int64_t)sign_extend(a, bits) : (wide_signed)a;
    wide_signed y = b_signed ? (wide_signed)(int64_t)sign_extend(b, bits) : (wide_signed)b;
    return (uint64_t)(((wide_unsigned)x * (wide_unsigned)y) >> bits);
}

static uint64_t quotient(enum ir_op op, uint64_t a, uint64_t b, unsigned bits)
{
    if (b == 0) {
        return op == IR_DIVU || op == IR_DIVS ? UINT64_MAX : a;
    }
    if (op == IR_DIVU) {
        return a / b;
    }
    if (op == IR_REMU) {
        return a % b;
    }
    int64_t x = (int64_t)sign_extend(a, bits), y = (int64_t)sign_extend(b, bits);
    if (y == -1) { /* C leaves MIN / -1 undefined */
        return op == IR_DIVS ? 0 - a : 0;
    }
    return (uint64_t)(op == IR_DIVS ? x / y : x % y);
}

static uint64_t shifted(enum ir_op op, uint64_t a, uint64_t b, unsigned bits)
{
    unsigned amount = (unsigned)b & (bits - 1);
    switch ((int)op) {
    case IR_SHL: return a << amount;
    case IR_SHR: return a >> amount;
    case IR_SAR: return (uint64_t)((int64_t)sign_extend(a, bits) >> amount);
    default: return amount == 0 ? a : a >> amount | a << (bits - amount);
    }
}

static uint64_t counted(enum ir_op op, uint64_t a, unsigned bits)
{
    switch ((int)op) {
    case IR_CLZ: return a == 0 ? bits : (uint64_t)__builtin_clzll(a) - (64 - bits);
    case IR_CTZ: return a == 0 ? bits : (uint64_t)__builtin_ctzll(a);
    case IR_POPCNT: return (uint64_t)__builtin_popcountll(a);
    default: return __builtin_bswap64(a) >> (64 - bits);
    }
}

static bool compared(enum ir_op op, uint64_t a, uint64_t b, unsigned bits)
{
    int64_t x = (int64_t)sign_extend(a, bits), y = (int64_t)sign_extend(b, bits);
    switch ((int)op) {
    case IR_EQ: return a == b;
    case IR_NE: return a != b;
    case IR_LTU: return a < b;
    case IR_LEU: return a <= b;
    case IR_LTS: return x < y;
    default: return x <= y;
    }
}

/* The word of flags of a + b + carry. Arm ARM (DDI 0487), AddWithCarry(). */
static uint64_t flags_of_sum(uint64_t a, uint64_t b, uint64_t carry, unsigned bits)
{
    CHECK(bits > 0);
    wide_unsigned wide = (wide_unsigned)a + b + carry;
    uint64_t sum = low_bits((uint64_t)wide, bits);
    bool negative = (sum >> (bits - 1) & 1) != 0, overflows = (((sum ^ a) & (sum ^ b)) >> (bits - 1) & 1) != 0;
    return (negative ? IR_FLAG_N : 0) | (sum == 0 ? IR_FLAG_Z : 0) | ((wide >> bits) != 0 ? IR_FLAG_C : 0) |
           (overflows ? IR_FLAG_V : 0);
}

static uint64_t flags_computed(const struct ir_value *value, const uint64_t *arguments, unsigned bits)
{
    uint64_t a = arguments[0], b = arguments[1];
    switch ((int)value->op) {
    case IR_FLAGS_ADD: return flags_of_sum(a, b, 0, bits);
    case IR_FLAGS_ADC: return flags_of_sum(a, b, arguments[2], bits);
    case IR_FLAGS_SUB: return flags_of_sum(a, low_bits(~b, bits), 1, bits);
    case IR_FLAGS_LOGIC: return flags_of_sum(a, 0, 0, bits);
    case IR_CONDITION: return ir_condition_holds((enum ir_condition)value->immediate, (uint32_t)a);
    default: return a & IR_FLAGS_ALL;
    }
}

bool ir_compute(const struct ir_value *value, const uint64_t *arguments, uint64_t *result)
{
    unsigned bits = ir_type_bits(value->type);
    unsigned argument_bits = value->arguments[0] != NULL ? ir_type_bits(value->arguments[0]->type) : 0;
    uint64_t a = arguments[0], b = arguments[1], r = 0;
    switch ((int)value->op) {
    case IR_CONST: r = value->immediate; break;
    case IR_ADD: r = a + b; break;
    case IR_SUB: r = a - b; break;
    case IR_MUL: r = a * b; break;
    case IR_MULHU:
    case IR_MULHS:
    case IR_MULHSU: r = upper_product(value->op, a, b, bits); break;
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS: r = quotient(value->op, a, b, bits); break;
    case IR_AND: r = a & b; break;
    case IR_OR: r = a | b; break;
    case IR_XOR: r = a ^ b; break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTR: r = shifted(value->op, a, b, bits); break;
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT:
    case IR_BSWAP: r = counted(value->op, a, bits); break;
    case IR_SEXT: r = sign_extend(a, (unsigned)value->immediate); break;
    case IR_ZEXT:
    case IR_TRUNC: r = a; break;
    case IR_BITCAST: *result = a; return true;
    case IR_EQ:
    case IR_NE:
    case IR_LTU:
    case IR_LEU:
    case IR_LTS:
    case IR_LES: r = compared(value->op, a, b, argument_bits); break;
    case IR_SELECT: *result = a != 0 ? b : arguments[2]; return true;
    case IR_BOX: *result = a | BOX_BITS; return true;
    case IR_FLAGS_ADD:
    case IR_FLAGS_ADC:
    case IR_FLAGS_SUB:
    case IR_FLAGS_LOGIC:
    case IR_FLAGS_FROM_WORD:
    case IR_FLAGS_TO_WORD:
    case IR_CONDITION: *result = flags_computed(value, arguments, argument_bits); return true;
    case IR_UNBOX: *result = (a & BOX_BITS) == BOX_BITS ? a & ~BOX_BITS : CANONICAL_NAN32; return true;
    default: return false;
    }
    *result = ir_is_float(value->type) ? r : low_bits(r, bits);
    return true;
}
