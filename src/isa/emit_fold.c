/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_fold.h"

#include "core/check.h"
#include "isa/arithmetic.h"
#include "isa/emit.h"

/* A `width`-bit value with its sign spread over all 128 bits. */
static isa_int128 spread(isa_bits value, unsigned width)
{
    const unsigned rest = 128 - width;
    return (isa_int128)(value << rest) >> rest;
}

static bool fold_unary(const struct isa_expr *expr, isa_bits *value)
{
    isa_bits a;
    if (!emit_fold(expr->a, &a)) {
        return false;
    }
    const unsigned width = expr->width;
    switch ((int)expr->op) { /* the unary ones */
    case ISA_OP_NEG: *value = (0 - a) & emit_ones(width); return true;
    case ISA_OP_INVERT: *value = ~a & emit_ones(width); return true;
    case ISA_OP_NOT: *value = a == 0; return true;
    case ISA_OP_BIT: *value = a; return true;
    case ISA_OP_POPCOUNT: *value = isa_popcount128(a); return true;
    case ISA_OP_CLZ: *value = isa_clz128(a, width); return true;
    case ISA_OP_CTZ: *value = isa_ctz128(a, width); return true;
    case ISA_OP_REVERSE_BYTES: *value = isa_reverse_bytes128(a, width); return true;
    default: return false;
    }
}

static isa_bits fold_signed(enum isa_op op, isa_int128 a, isa_int128 b, unsigned width)
{
    const bool zero = b == 0;
    if (op == ISA_OP_DIVS) {
        return zero ? emit_ones(width) : isa_divs128((isa_bits)a, (isa_bits)b);
    }
    if (op == ISA_OP_REMS) {
        return zero ? (isa_bits)a : isa_rems128((isa_bits)a, (isa_bits)b);
    }
    if (op == ISA_OP_LTS) {
        return a < b;
    }
    if (op == ISA_OP_LES) {
        return a <= b;
    }
    return op == ISA_OP_GTS ? a > b : a >= b;
}

static isa_bits fold_shift(enum isa_op op, isa_bits a, isa_bits amount, unsigned width)
{
    if (op == ISA_OP_SHRS) {
        return isa_shrs128(spread(a, width), isa_amount(amount));
    }
    return op == ISA_OP_SHL ? isa_shl128(a, isa_amount(amount)) : isa_shru128(a, isa_amount(amount));
}

/* The unsigned operators; the caller cuts the result to its width. */
static isa_bits fold_unsigned(enum isa_op op, isa_bits a, isa_bits b)
{
    switch ((int)op) { /* the signed ones and shifts have functions of their own */
    case ISA_OP_ADD: return a + b;
    case ISA_OP_SUB: return a - b;
    case ISA_OP_MUL: return a * b;
    case ISA_OP_DIVU: return isa_divu128(a, b);
    case ISA_OP_REMU: return isa_remu128(a, b);
    case ISA_OP_AND:
    case ISA_OP_LOGIC_AND: return a & b;
    case ISA_OP_OR:
    case ISA_OP_LOGIC_OR: return a | b;
    case ISA_OP_XOR: return a ^ b;
    case ISA_OP_EQ: return a == b;
    case ISA_OP_NE: return a != b;
    case ISA_OP_LTU: return a < b;
    case ISA_OP_LEU: return a <= b;
    case ISA_OP_GTU: return a > b;
    default: CHECK(op == ISA_OP_GEU); return a >= b;
    }
}

static bool is_signed_op(enum isa_op op)
{
    return op == ISA_OP_DIVS || op == ISA_OP_REMS || op == ISA_OP_LTS || op == ISA_OP_LES || op == ISA_OP_GTS ||
           op == ISA_OP_GES;
}

static bool fold_binary(const struct isa_expr *expr, isa_bits *value)
{
    isa_bits a;
    isa_bits b;
    if (!emit_fold(expr->a, &a) || !emit_fold(expr->b, &b)) {
        return false;
    }
    const unsigned width = expr->a->width;
    isa_bits result;
    if (expr->op == ISA_OP_SHL || expr->op == ISA_OP_SHRU || expr->op == ISA_OP_SHRS) {
        result = fold_shift(expr->op, a, b, width);
    } else if (is_signed_op(expr->op)) {
        result = fold_signed(expr->op, spread(a, width), spread(b, width), width);
    } else {
        result = fold_unsigned(expr->op, a, b);
    }
    *value = result & emit_ones(expr->width);
    return true;
}

static bool fold_cat(const struct isa_expr *expr, isa_bits *value)
{
    isa_bits sum = 0;
    for (const struct isa_expr *part = expr->args; part != NULL; part = part->next) {
        isa_bits bits;
        if (!emit_fold(part, &bits)) {
            return false;
        }
        sum = isa_shl128(sum, part->width) | bits;
    }
    *value = sum;
    return true;
}

static bool fold_part(const struct isa_expr *expr, isa_bits *value)
{
    isa_bits a;
    isa_bits b = expr->low;
    if (!emit_fold(expr->a, &a) || (expr->kind == ISA_EXPR_BIT && !emit_fold(expr->b, &b))) {
        return false;
    }
    *value = isa_shru128(a, isa_amount(b)) & emit_ones(expr->width);
    return true;
}

bool emit_fold(const struct isa_expr *expr, isa_bits *value)
{
    isa_bits a;
    switch ((int)expr->kind) { /* what is not here depends on more than constants */
    case ISA_EXPR_CONST: *value = expr->value; return true;
    case ISA_EXPR_UNARY: return fold_unary(expr, value);
    case ISA_EXPR_BINARY: return fold_binary(expr, value);
    case ISA_EXPR_SLICE:
    case ISA_EXPR_BIT: return fold_part(expr, value);
    case ISA_EXPR_CAT: return fold_cat(expr, value);
    case ISA_EXPR_ZEXT: return emit_fold(expr->a, value);
    case ISA_EXPR_SEXT:
        if (!emit_fold(expr->a, &a)) {
            return false;
        }
        *value = (isa_bits)spread(a, expr->a->width) & emit_ones(expr->width);
        return true;
    case ISA_EXPR_IF: return emit_fold(expr->a, &a) && emit_fold(a != 0 ? expr->b : expr->c, value);
    default: return false;
    }
}
