/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_notation.h"

#include "core/check.h"

static const char *op_sign(enum isa_op op)
{
    static const char *const signs[] = {
        [ISA_OP_NEG] = "-",
        [ISA_OP_INVERT] = "~",
        [ISA_OP_NOT] = "not ",
        [ISA_OP_BIT] = "bit",
        [ISA_OP_POPCOUNT] = "popcount",
        [ISA_OP_CLZ] = "clz",
        [ISA_OP_CTZ] = "ctz",
        [ISA_OP_REVERSE_BYTES] = "reverse_bytes",
        [ISA_OP_ADD] = "+",
        [ISA_OP_SUB] = "-",
        [ISA_OP_MUL] = "*",
        [ISA_OP_DIVU] = "/u",
        [ISA_OP_DIVS] = "/s",
        [ISA_OP_REMU] = "%u",
        [ISA_OP_REMS] = "%s",
        [ISA_OP_AND] = "&",
        [ISA_OP_OR] = "|",
        [ISA_OP_XOR] = "^",
        [ISA_OP_SHL] = "<<",
        [ISA_OP_SHRU] = ">>u",
        [ISA_OP_SHRS] = ">>s",
        [ISA_OP_EQ] = "==",
        [ISA_OP_NE] = "!=",
        [ISA_OP_LTU] = "<u",
        [ISA_OP_LEU] = "<=u",
        [ISA_OP_GTU] = ">u",
        [ISA_OP_GEU] = ">=u",
        [ISA_OP_LTS] = "<s",
        [ISA_OP_LES] = "<=s",
        [ISA_OP_GTS] = ">s",
        [ISA_OP_GES] = ">=s",
        [ISA_OP_LOGIC_AND] = "and",
        [ISA_OP_LOGIC_OR] = "or",
    };
    CHECK((size_t)op < sizeof signs / sizeof signs[0]);
    return signs[op];
}

static const char *inner(struct emit *emit, const struct isa_expr *expr)
{
    const bool is_operation = expr->kind == ISA_EXPR_BINARY || expr->kind == ISA_EXPR_IF;
    return emit_text(emit, is_operation ? "(%s)" : "%s", emit_notation(emit, expr));
}

static const char *cat_notation(struct emit *emit, const struct isa_expr *expr)
{
    const char *text = "";
    for (const struct isa_expr *part = expr->args; part != NULL; part = part->next) {
        const char *value = emit_notation(emit, part);
        if (part->kind == ISA_EXPR_CONST) { /* its width matters here */
            value = "0b";
            for (unsigned i = part->width; i > 0; i--) {
                value = emit_text(emit, "%s%c", value, (part->value >> (i - 1) & 1) != 0 ? '1' : '0');
            }
        }
        text = emit_text(emit, "%s%s%s", text, part == expr->args ? "" : ", ", value);
    }
    return emit_text(emit, "cat(%s)", text);
}

static const char *unary_notation(struct emit *emit, const struct isa_expr *expr)
{
    const bool is_sign = expr->op == ISA_OP_NEG || expr->op == ISA_OP_INVERT || expr->op == ISA_OP_NOT;
    return is_sign ? emit_text(emit, "%s%s", op_sign(expr->op), inner(emit, expr->a))
                   : emit_text(emit, "%s(%s)", op_sign(expr->op), emit_notation(emit, expr->a));
}

const char *emit_notation(struct emit *emit, const struct isa_expr *expr)
{
    switch ((int)expr->kind) { /* what depends on more than operands has no notation here */
    case ISA_EXPR_CONST: return emit_constant(emit, expr->value);
    case ISA_EXPR_OPERAND: return expr->field->name;
    case ISA_EXPR_UNARY: return unary_notation(emit, expr);
    case ISA_EXPR_BINARY:
        return emit_text(emit, "%s %s %s", inner(emit, expr->a), op_sign(expr->op), inner(emit, expr->b));
    case ISA_EXPR_SLICE:
        return expr->high == expr->low ? emit_text(emit, "%s[%u]", inner(emit, expr->a), expr->low)
                                       : emit_text(emit, "%s[%u:%u]", inner(emit, expr->a), expr->high, expr->low);
    case ISA_EXPR_BIT: return emit_text(emit, "%s[%s]", inner(emit, expr->a), emit_notation(emit, expr->b));
    case ISA_EXPR_CAT: return cat_notation(emit, expr);
    case ISA_EXPR_SEXT: return emit_text(emit, "sext(%s)", emit_notation(emit, expr->a));
    case ISA_EXPR_ZEXT: return emit_text(emit, "zext(%s)", emit_notation(emit, expr->a));
    case ISA_EXPR_IF:
        return emit_text(emit, "if %s then %s else %s", emit_notation(emit, expr->a), emit_notation(emit, expr->b),
                         emit_notation(emit, expr->c));
    default: return "…";
    }
}
