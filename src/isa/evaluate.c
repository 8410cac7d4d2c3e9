/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/evaluate.h"

#include "isa/number.h"

__extension__ typedef __int128 signed_bits;

bool isa_is_fixed(const struct isa_expr *expr)
{
    if (expr == NULL) {
        return true;
    }
    switch (expr->kind) {
    case ISA_EXPR_CONST:
    case ISA_EXPR_OPERAND: return true;
    case ISA_EXPR_UNARY:
    case ISA_EXPR_BINARY:
    case ISA_EXPR_SLICE:
    case ISA_EXPR_BIT:
    case ISA_EXPR_SEXT:
    case ISA_EXPR_ZEXT:
    case ISA_EXPR_IF: return isa_is_fixed(expr->a) && isa_is_fixed(expr->b) && isa_is_fixed(expr->c);
    case ISA_EXPR_CAT:
        for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
            if (!isa_is_fixed(arg)) {
                return false;
            }
        }
        return true;
    case ISA_EXPR_LOCAL:
    case ISA_EXPR_REGISTER:
    case ISA_EXPR_CSR:
    case ISA_EXPR_CSR_FIELD:
    case ISA_EXPR_PC:
    case ISA_EXPR_NEXT_PC:
    case ISA_EXPR_ENCODING:
    case ISA_EXPR_CALL:
    case ISA_EXPR_CSR_READ:
    case ISA_EXPR_HAS: break;
    }
    return false;
}

uint64_t isa_operand_value(const struct isa_format *format, const struct isa_field *field, uint32_t encoding)
{
    uint64_t value = 0;
    for (const struct isa_piece *piece = format == NULL ? NULL : format->pieces; piece != NULL; piece = piece->next) {
        if (piece->field == field) {
            value |= ((uint64_t)(encoding >> piece->at) & (uint64_t)isa_bits_mask(piece->length)) << piece->low;
        }
    }
    return value;
}

/* Instruction bits that hold the field's bits [high:low]. */
static uint32_t field_bits(const struct isa_format *format, const struct isa_field *field, unsigned high, unsigned low)
{
    uint32_t bits = 0;
    for (const struct isa_piece *piece = format->pieces; piece != NULL; piece = piece->next) {
        if (piece->field != field) {
            continue;
        }
        for (unsigned i = 0; i < piece->length; i++) {
            if (piece->low + i >= low && piece->low + i <= high) {
                bits |= (uint32_t)1 << (piece->at + i);
            }
        }
    }
    return bits;
}

uint32_t isa_operand_bits(const struct isa_expr *expr, const struct isa_format *format)
{
    if (expr == NULL) {
        return 0;
    }
    if (expr->kind == ISA_EXPR_OPERAND) {
        return field_bits(format, expr->field, expr->width, 0);
    }
    if (expr->kind == ISA_EXPR_SLICE && expr->a->kind == ISA_EXPR_OPERAND) {
        return field_bits(format, expr->a->field, expr->high, expr->low);
    }
    uint32_t bits =
        isa_operand_bits(expr->a, format) | isa_operand_bits(expr->b, format) | isa_operand_bits(expr->c, format);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        bits |= isa_operand_bits(arg, format);
    }
    return bits;
}

static signed_bits as_signed(isa_bits a, unsigned width)
{
    unsigned spare = (128 - width) & 127; /* width is 1..128 */
    return (signed_bits)(a << spare) >> spare;
}

static isa_bits count_leading(unsigned width, isa_bits a)
{
    unsigned count = 0;
    while (count < width && (a >> (width - 1 - count) & 1) == 0) {
        count++;
    }
    return count;
}

static isa_bits count_trailing(unsigned width, isa_bits a)
{
    unsigned count = 0;
    while (count < width && (a >> count & 1) == 0) {
        count++;
    }
    return count;
}

static isa_bits count_ones(isa_bits a)
{
    unsigned count = 0;
    for (; a != 0; a &= a - 1) {
        count++;
    }
    return count;
}

static isa_bits reverse_bytes(unsigned width, isa_bits a)
{
    isa_bits result = 0;
    for (unsigned i = 0; i < width; i += 8) {
        result |= (a >> i & 0xff) << (width - 8 - i);
    }
    return result;
}

isa_bits isa_evaluate_unary(enum isa_op op, unsigned width, isa_bits a)
{
    isa_bits mask = isa_bits_mask(width == ISA_BOOL ? 1 : width);
    if (op == ISA_OP_NEG) {
        return -a & mask;
    }
    if (op == ISA_OP_INVERT) {
        return ~a & mask;
    }
    if (op == ISA_OP_NOT) {
        return a == 0;
    }
    if (op == ISA_OP_POPCOUNT) {
        return count_ones(a) & mask;
    }
    if (op == ISA_OP_CLZ) {
        return count_leading(width, a) & mask;
    }
    if (op == ISA_OP_CTZ) {
        return count_trailing(width, a) & mask;
    }
    if (op == ISA_OP_REVERSE_BYTES) {
        return reverse_bytes(width, a);
    }
    return a; /* ISA_OP_BIT */
}

static isa_bits shift(enum isa_op op, unsigned width, isa_bits a, isa_bits b)
{
    bool out = b >= width;
    if (op == ISA_OP_SHL) {
        return out ? 0 : a << (unsigned)b;
    }
    if (op == ISA_OP_SHRU) {
        return out ? 0 : a >> (unsigned)b;
    }
    return (isa_bits)(as_signed(a, width) >> ((out ? width - 1 : (unsigned)b) & 127));
}

/* Total: section 5 of the language page says what division by zero and the overflow give. */
static isa_bits divide(enum isa_op op, unsigned width, isa_bits a, isa_bits b)
{
    bool remainder = op == ISA_OP_REMU || op == ISA_OP_REMS;
    if (b == 0) {
        return remainder ? a : ~(isa_bits)0;
    }
    if (op == ISA_OP_DIVU) {
        return a / b;
    }
    if (op == ISA_OP_REMU) {
        return a % b;
    }
    signed_bits x = as_signed(a, width), y = as_signed(b, width);
    if (y == -1) {
        return remainder ? 0 : -a;
    }
    return (isa_bits)(remainder ? x % y : x / y);
}

static bool compare(enum isa_op op, unsigned width, isa_bits a, isa_bits b)
{
    if (op == ISA_OP_EQ) {
        return a == b;
    }
    if (op == ISA_OP_NE) {
        return a != b;
    }
    if (op == ISA_OP_LTU) {
        return a < b;
    }
    if (op == ISA_OP_LEU) {
        return a <= b;
    }
    if (op == ISA_OP_GTU) {
        return a > b;
    }
    if (op == ISA_OP_GEU) {
        return a >= b;
    }
    signed_bits x = as_signed(a, width), y = as_signed(b, width);
    return op == ISA_OP_LTS ? x < y : op == ISA_OP_LES ? x <= y : op == ISA_OP_GTS ? x > y : x >= y;
}

isa_bits isa_evaluate_binary(enum isa_op op, unsigned width, isa_bits a, isa_bits b)
{
    isa_bits mask = isa_bits_mask(width == ISA_BOOL ? 1 : width);
    if (op >= ISA_OP_EQ && op <= ISA_OP_GES) {
        return compare(op, width == ISA_BOOL ? 1 : width, a, b);
    }
    if (op >= ISA_OP_SHL && op <= ISA_OP_SHRS) {
        return shift(op, width, a, b) & mask;
    }
    if (op >= ISA_OP_DIVU && op <= ISA_OP_REMS) {
        return divide(op, width, a, b) & mask;
    }
    if (op == ISA_OP_ADD) {
        return (a + b) & mask;
    }
    if (op == ISA_OP_SUB) {
        return (a - b) & mask;
    }
    if (op == ISA_OP_MUL) {
        return (a * b) & mask;
    }
    if (op == ISA_OP_AND || op == ISA_OP_LOGIC_AND) {
        return a & b;
    }
    return op == ISA_OP_XOR ? a ^ b : a | b;
}

static isa_bits cat(const struct isa_expr *expr, const struct isa_format *format, uint32_t encoding)
{
    isa_bits value = 0;
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        value = (arg->width >= 128 ? 0 : value << arg->width) | isa_evaluate(arg, format, encoding);
    }
    return value;
}

isa_bits isa_evaluate(const struct isa_expr *expr, const struct isa_format *format, uint32_t encoding)
{
    if (expr->kind == ISA_EXPR_CONST) {
        return expr->value;
    }
    if (expr->kind == ISA_EXPR_OPERAND) {
        return isa_operand_value(format, expr->field, encoding);
    }
    if (expr->kind == ISA_EXPR_CAT) {
        return cat(expr, format, encoding);
    }
    isa_bits a = isa_evaluate(expr->a, format, encoding);
    if (expr->kind == ISA_EXPR_SLICE) {
        return a >> expr->low & isa_bits_mask(expr->width);
    }
    if (expr->kind == ISA_EXPR_ZEXT) {
        return a;
    }
    if (expr->kind == ISA_EXPR_SEXT) {
        return (isa_bits)as_signed(a, expr->a->width) & isa_bits_mask(expr->width);
    }
    if (expr->kind == ISA_EXPR_IF) {
        return isa_evaluate(a != 0 ? expr->b : expr->c, format, encoding);
    }
    if (expr->kind == ISA_EXPR_UNARY) {
        return isa_evaluate_unary(expr->op, expr->a->width, a);
    }
    isa_bits b = isa_evaluate(expr->b, format, encoding);
    if (expr->kind == ISA_EXPR_BIT) {
        return b >= expr->a->width ? 0 : a >> (unsigned)b & 1;
    }
    return isa_evaluate_binary(expr->op, expr->a->width, a, b);
}
