/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_expr.h"

#include "core/check.h"
#include "isa/evaluate.h"

#include <string.h>

/* How tightly C text binds, for brackets. */
enum level {
    LEVEL_PRIMARY,    /* names, calls, indexing */
    LEVEL_UNARY,      /* casts, ! and ~ */
    LEVEL_SUM,        /* chains of one of + & | ^ *: `chain` tells which */
    LEVEL_COMPARISON, /* may stand in && and || without brackets */
    LEVEL_OTHER,
};

/* C text under construction. */
struct piece {
    const char *text;
    const char *as_signed; /* the same 64-bit value as int64_t, if there is a shorter way than a cast; or NULL */
    unsigned bits;         /* of its C type: 1 (bool), 8 … 128; 0: a literal, which takes the type of its company */
    enum level level;
    char chain;
    isa_bits largest; /* no value is larger; for a literal, its value */
};

static struct piece render(struct emit_body *body, const struct isa_expr *expr);

static unsigned work_bits(unsigned width)
{
    const unsigned bits = emit_type_bits(width);
    return bits < 32 ? 32 : bits; /* narrower types would be promoted to int */
}

static const char *type_of_bits(unsigned bits)
{
    return emit_type(bits == 1 ? ISA_BOOL : bits);
}

static const char *bracketed(struct emit_body *body, const struct piece *piece)
{
    return piece->level <= LEVEL_UNARY ? piece->text : emit_text(body->emit, "(%s)", piece->text);
}

static struct piece literal(struct emit_body *body, isa_bits value)
{
    const unsigned bits = value > UINT64_MAX ? 128 : value > UINT32_MAX ? 64 : 0;
    return (struct piece){ .text = emit_constant(body->emit, value), .bits = bits, .largest = value };
}

/* The piece with exactly this C type. */
static struct piece cast(struct emit_body *body, struct piece piece, unsigned bits)
{
    if (piece.bits == bits) {
        return piece;
    }
    piece.text = emit_text(body->emit, "(%s)%s", type_of_bits(bits), bracketed(body, &piece));
    piece.as_signed = NULL;
    piece.bits = bits;
    piece.level = LEVEL_UNARY;
    if (bits > 1 && piece.largest > emit_ones(bits)) {
        piece.largest = emit_ones(bits);
    }
    return piece;
}

/* The piece with a type of at least so many bits. */
static struct piece widen(struct emit_body *body, struct piece piece, unsigned bits)
{
    return piece.bits < bits ? cast(body, piece, bits) : piece;
}

/* The piece cut to `width` bits, if it may have more. */
static struct piece cut(struct emit_body *body, struct piece piece, unsigned width)
{
    const isa_bits ones = emit_ones(width);
    if (piece.largest <= ones) {
        return piece;
    }
    if (emit_type_bits(width) == width) {
        return cast(body, piece, width);
    }
    piece.text = emit_text(body->emit, "%s & %s", bracketed(body, &piece), emit_constant(body->emit, ones));
    piece.as_signed = NULL;
    piece.level = LEVEL_SUM;
    piece.chain = '&';
    piece.largest = ones;
    return piece;
}

static bool emitted_bool(const struct isa_expr *expr)
{
    return expr->width == ISA_BOOL;
}

/* The value read as signed, in the signed C type of work_bits(width); sign-extended there. */
static const char *as_signed(struct emit_body *body, struct piece piece, unsigned width)
{
    if (width == 64 && piece.as_signed != NULL) {
        return piece.as_signed;
    }
    if (piece.bits == 0 && piece.largest <= emit_ones(width) >> 1 && piece.largest <= INT32_MAX) {
        return piece.text;
    }
    const unsigned exact = emit_type_bits(width);
    const char *signed_type = exact == 128 ? "isa_int128" : emit_text(body->emit, "int%u_t", exact);
    if (exact == width) {
        return emit_text(body->emit, "(%s)%s", signed_type, bracketed(body, &piece));
    }
    const unsigned bits = work_bits(width);
    const char *work_type = bits == 128 ? "isa_int128" : emit_text(body->emit, "int%u_t", bits);
    piece = cast(body, piece, bits);
    return emit_text(body->emit, "((%s)(%s << %u) >> %u)", work_type, bracketed(body, &piece), bits - width,
                     bits - width);
}

static struct piece binary(struct emit_body *body, struct piece a, const char *op, struct piece b)
{
    const char sign = op[1] == '\0' ? op[0] : '\0';
    const bool chains = sign != '\0' && strchr("+&|^*", sign) != NULL;
    const char *left = chains && a.level == LEVEL_SUM && a.chain == sign ? a.text : bracketed(body, &a);
    return (struct piece){
        .text = emit_text(body->emit, "%s %s %s", left, op, bracketed(body, &b)),
        .bits = a.bits > b.bits ? a.bits : b.bits,
        .level = chains ? LEVEL_SUM : LEVEL_OTHER,
        .chain = sign,
    };
}

/* The smallest 2^n - 1 that is not below value. */
static isa_bits fill_ones(isa_bits value)
{
    isa_bits ones = 0;
    while (ones < value) {
        ones = ones << 1 | 1;
    }
    return ones;
}

/* The largest result of an operator that cannot wrap in the type; all ones of the type if it may. */
static isa_bits largest_result(enum isa_op op, isa_bits a, isa_bits b, unsigned bits)
{
    const isa_bits ones = emit_ones(bits);
    if (op == ISA_OP_ADD) {
        return a > ones || b > ones - a ? ones : a + b;
    }
    if (op == ISA_OP_MUL) {
        return a != 0 && b > ones / a ? ones : a * b;
    }
    if (op == ISA_OP_AND) {
        return a < b ? a : b;
    }
    if (op == ISA_OP_OR || op == ISA_OP_XOR) {
        return fill_ones(a | b);
    }
    return ones;
}

static struct piece render_arithmetic(struct emit_body *body, const struct isa_expr *expr, const char *op)
{
    const unsigned bits = work_bits(expr->width);
    struct piece a = render(body, expr->a);
    struct piece b = render(body, expr->b);
    /* One operand of the type is enough; the other follows. */
    if (a.bits < bits && b.bits < bits) {
        if (a.bits == 0) {
            b = widen(body, b, bits);
        } else {
            a = widen(body, a, bits);
        }
    }
    if (a.bits == 1 || b.bits == 1) {
        a = widen(body, a, a.bits == 1 ? bits : a.bits);
        b = widen(body, b, b.bits == 1 ? bits : b.bits);
    }
    struct piece sum = binary(body, a, op, b);
    sum.largest = largest_result(expr->op, a.largest, b.largest, sum.bits);
    return cut(body, sum, expr->width);
}

/* A division, by the functions of arithmetic.h unless the divisor is a constant that needs none of their care. */
static struct piece render_division(struct emit_body *body, const struct isa_expr *expr)
{
    const unsigned bits = work_bits(expr->width);
    struct emit *emit = body->emit;
    struct piece a = render(body, expr->a);
    struct piece b = render(body, expr->b);
    const bool is_signed = expr->op == ISA_OP_DIVS || expr->op == ISA_OP_REMS;
    const bool is_quotient = expr->op == ISA_OP_DIVS || expr->op == ISA_OP_DIVU;
    struct piece result = { .bits = bits, .level = LEVEL_PRIMARY, .largest = emit_ones(bits) };
    isa_bits divisor;
    if (!is_signed && emit_fold(expr->b, &divisor) && divisor != 0) {
        result = binary(body, widen(body, a, bits), is_quotient ? "/" : "%", b);
        result.largest = is_quotient ? a.largest : divisor - 1;
    } else if (is_signed) {
        /* A quotient by 0 is all ones of the type, and -MIN may be one bit too long: the cut makes both right. */
        const char *cast_type = expr->width == bits ? "" : emit_text(emit, "(%s)", emit_type(bits));
        result.text =
            emit_text(emit, "isa_%s%u(%s%s, %s%s)", is_quotient ? "divs" : "rems", bits, cast_type,
                      expr->width == bits ? cast(body, a, bits).text : as_signed(body, a, expr->width), cast_type,
                      expr->width == bits ? cast(body, b, bits).text : as_signed(body, b, expr->width));
    } else {
        result.text = emit_text(emit, "isa_%s%u(%s, %s)", is_quotient ? "divu" : "remu", bits, cast(body, a, bits).text,
                                cast(body, b, bits).text);
    }
    return cut(body, result, expr->width);
}

/* A shift amount as the argument of a guarded function. */
static const char *guarded_amount(struct emit_body *body, struct piece amount)
{
    return amount.bits == 128 ? emit_text(body->emit, "isa_amount(%s)", amount.text) : amount.text;
}

static struct piece render_shift(struct emit_body *body, const struct isa_expr *expr)
{
    struct emit *emit = body->emit;
    const unsigned bits = work_bits(expr->width);
    const struct piece amount = render(body, expr->b);
    struct piece a = render(body, expr->a);
    struct piece result;
    if (expr->op == ISA_OP_SHRS) {
        const char *value = as_signed(body, a, expr->width);
        result = (struct piece){ .bits = bits, .level = LEVEL_UNARY, .largest = emit_ones(bits) };
        if (amount.largest < bits) {
            /* int8_t and int16_t promote to int: their shift is that of 32 bits. */
            result.text = emit_text(emit, "(%s)(%s >> %s)", type_of_bits(bits), value, bracketed(body, &amount));
        } else {
            result.text = emit_text(emit, "isa_shrs%u(%s, %s)", bits, value, guarded_amount(body, amount));
        }
        return cut(body, result, expr->width);
    }
    const bool left = expr->op == ISA_OP_SHL;
    a = widen(body, a, bits);
    if (amount.largest < a.bits) {
        result = binary(body, a, left ? "<<" : ">>", amount);
    } else {
        result = (struct piece){ .text = emit_text(emit, "isa_%s%u(%s, %s)", left ? "shl" : "shru", a.bits, a.text,
                                                   guarded_amount(body, amount)) };
    }
    result.bits = a.bits;
    result.largest = left ? emit_ones(a.bits) : a.largest;
    isa_bits constant;
    if (emit_fold(expr->b, &constant) && constant < a.bits) {
        const isa_bits shifted = left ? a.largest << constant : a.largest >> constant;
        result.largest = left && shifted >> constant != a.largest ? emit_ones(a.bits) : shifted;
        if (result.largest > emit_ones(a.bits)) {
            result.largest = emit_ones(a.bits);
        }
    }
    return cut(body, result, expr->width);
}

static const char *comparison_sign(enum isa_op op)
{
    switch ((int)op) { /* comparisons only */
    case ISA_OP_EQ: return "==";
    case ISA_OP_NE: return "!=";
    case ISA_OP_LTU:
    case ISA_OP_LTS: return "<";
    case ISA_OP_LEU:
    case ISA_OP_LES: return "<=";
    case ISA_OP_GTU:
    case ISA_OP_GTS: return ">";
    case ISA_OP_GEU:
    case ISA_OP_GES: return ">=";
    default: return NULL;
    }
}

static struct piece render_comparison(struct emit_body *body, const struct isa_expr *expr)
{
    struct piece a = render(body, expr->a);
    struct piece b = render(body, expr->b);
    const bool is_signed =
        expr->op == ISA_OP_LTS || expr->op == ISA_OP_LES || expr->op == ISA_OP_GTS || expr->op == ISA_OP_GES;
    if (is_signed) {
        const unsigned width = expr->a->width;
        a = (struct piece){ .text = as_signed(body, a, width), .bits = 64 };
        b = (struct piece){ .text = as_signed(body, b, width), .bits = 64 };
    }
    struct piece result = binary(body, a, comparison_sign(expr->op), b);
    result.bits = 1;
    result.level = LEVEL_COMPARISON;
    result.chain = '\0';
    result.largest = 1;
    return result;
}

static const char *logic_side(struct emit_body *body, const struct piece *side, char chain)
{
    const bool plain = side->level == LEVEL_COMPARISON || (side->level == LEVEL_OTHER && side->chain == chain);
    return plain ? side->text : bracketed(body, side);
}

static struct piece render_logic(struct emit_body *body, const struct isa_expr *expr)
{
    const bool is_and = expr->op == ISA_OP_LOGIC_AND;
    const char chain = is_and ? 'a' : 'o';
    const struct piece a = render(body, expr->a);
    const struct piece b = render(body, expr->b);
    return (struct piece){ .text = emit_text(body->emit, "%s %s %s", logic_side(body, &a, chain), is_and ? "&&" : "||",
                                             logic_side(body, &b, chain)),
                           .bits = 1,
                           .level = LEVEL_OTHER,
                           .chain = chain,
                           .largest = 1 };
}

static struct piece render_binary(struct emit_body *body, const struct isa_expr *expr)
{
    switch ((int)expr->op) { /* the rest are comparisons */
    case ISA_OP_ADD: return render_arithmetic(body, expr, "+");
    case ISA_OP_SUB: return render_arithmetic(body, expr, "-");
    case ISA_OP_MUL: return render_arithmetic(body, expr, "*");
    case ISA_OP_AND: return render_arithmetic(body, expr, "&");
    case ISA_OP_OR: return render_arithmetic(body, expr, "|");
    case ISA_OP_XOR: return render_arithmetic(body, expr, "^");
    case ISA_OP_DIVU:
    case ISA_OP_DIVS:
    case ISA_OP_REMU:
    case ISA_OP_REMS: return render_division(body, expr);
    case ISA_OP_SHL:
    case ISA_OP_SHRU:
    case ISA_OP_SHRS: return render_shift(body, expr);
    case ISA_OP_LOGIC_AND:
    case ISA_OP_LOGIC_OR: return render_logic(body, expr);
    default: return render_comparison(body, expr);
    }
}

/* popcount, clz, ctz and reverse_bytes: functions of arithmetic.h. */
static struct piece render_count(struct emit_body *body, const struct isa_expr *expr)
{
    const unsigned bits = expr->width > 64 ? 128 : 64;
    const char *name = expr->op == ISA_OP_POPCOUNT ? "popcount"
                       : expr->op == ISA_OP_CLZ    ? "clz"
                       : expr->op == ISA_OP_CTZ    ? "ctz"
                                                   : "reverse_bytes";
    const bool has_width = expr->op != ISA_OP_POPCOUNT;
    const struct piece a = render(body, expr->a);
    struct piece result = { .bits = 32, .level = LEVEL_PRIMARY, .largest = expr->width };
    result.text = emit_text(body->emit, "isa_%s%u(%s%s)", name, bits, a.text,
                            has_width ? emit_text(body->emit, ", %u", expr->width) : "");
    if (expr->op == ISA_OP_REVERSE_BYTES) {
        result.bits = bits;
        result.largest = emit_ones(expr->width);
    }
    return cut(body, result, expr->width); /* the count of a 4-bit value fits 3 bits; of a 1-bit value, 1 */
}

static struct piece render_unary(struct emit_body *body, const struct isa_expr *expr)
{
    struct piece a;
    switch ((int)expr->op) { /* the unary ones */
    case ISA_OP_NOT:
        a = render(body, expr->a);
        return (struct piece){ .text = emit_text(body->emit, "!%s", bracketed(body, &a)),
                               .bits = 1,
                               .level = LEVEL_COMPARISON,
                               .largest = 1 };
    case ISA_OP_BIT: return render(body, expr->a);
    case ISA_OP_NEG:
    case ISA_OP_INVERT:
        a = widen(body, render(body, expr->a), work_bits(expr->width));
        if (expr->op == ISA_OP_INVERT && expr->width == 1) {
            a = binary(body, a, "^", literal(body, 1)); /* gcc warns of ~ where the value comes from a comparison */
            a.largest = 1;
            return a;
        }
        a.text = emit_text(body->emit, expr->op == ISA_OP_NEG ? "0 - %s" : "~%s", bracketed(body, &a));
        a.as_signed = NULL;
        a.level = expr->op == ISA_OP_NEG ? LEVEL_OTHER : LEVEL_UNARY;
        a.largest = emit_ones(a.bits);
        return cut(body, a, expr->width);
    default: return render_count(body, expr);
    }
}

/* Bits of `a` from `low` up, not yet cut at the top. */
static struct piece shift_down(struct emit_body *body, struct piece a, unsigned low)
{
    if (low == 0) {
        return a;
    }
    if (a.largest >> low == 0) {
        return literal(body, 0); /* an extended value's upper part; the C type may be narrower than `low` */
    }
    a = widen(body, a, 32);
    struct piece result = binary(body, a, ">>", literal(body, low));
    result.bits = a.bits;
    result.largest = a.largest >> low;
    return result;
}

static struct piece render_slice(struct emit_body *body, const struct isa_expr *expr)
{
    struct piece result = shift_down(body, render(body, expr->a), expr->low);
    if (result.bits == 128 && expr->width <= 64) {
        result = cast(body, result, 64);
    }
    return cut(body, result, expr->width);
}

static struct piece render_bit(struct emit_body *body, const struct isa_expr *expr)
{
    const struct piece at = render(body, expr->b);
    const struct piece a = widen(body, render(body, expr->a), 32);
    struct piece result;
    if (at.largest < a.bits) {
        result = binary(body, a, ">>", at);
    } else {
        result = (struct piece){ .text = emit_text(body->emit, "isa_shru%u(%s, %s)", a.bits, a.text,
                                                   guarded_amount(body, at)) };
    }
    result.bits = a.bits;
    result.largest = a.largest;
    return cut(body, result, 1);
}

static struct piece render_cat(struct emit_body *body, const struct isa_expr *expr)
{
    const unsigned bits = work_bits(expr->width);
    struct piece sum = { .text = NULL };
    unsigned at = expr->width;
    for (const struct isa_expr *part = expr->args; part != NULL; part = part->next) {
        at -= part->width;
        isa_bits constant;
        if (emit_fold(part, &constant) && constant == 0) {
            continue;
        }
        struct piece bit = render(body, part);
        if (at != 0) {
            bit = widen(body, bit, bits);
            const isa_bits largest = bit.largest << at;
            bit = binary(body, bit, "<<", literal(body, at));
            bit.bits = bits > bit.bits ? bits : bit.bits;
            bit.largest = largest;
        } else if (bit.bits == 1) {
            bit = widen(body, bit, bits);
        }
        if (sum.text == NULL) {
            sum = bit;
        } else {
            const isa_bits largest = sum.largest | bit.largest;
            sum = binary(body, sum, "|", bit);
            sum.largest = fill_ones(largest);
        }
    }
    CHECK(sum.text != NULL); /* all zeros were folded */
    return sum;
}

static struct piece render_sext(struct emit_body *body, const struct isa_expr *expr)
{
    const struct piece a = render(body, expr->a);
    if (expr->a->width == expr->width) {
        return a;
    }
    const unsigned bits = work_bits(expr->width);
    const unsigned from = expr->a->width;
    struct piece result = { .bits = bits, .level = LEVEL_UNARY, .largest = emit_ones(bits) };
    const char *value;
    if (emit_type_bits(from) == from) {
        value = as_signed(body, a, from);
    } else {
        /* Shift the sign to the top of the wide type and back. */
        const struct piece wide = cast(body, a, bits);
        value = emit_text(body->emit, "((%s)(%s << %u) >> %u)",
                          bits == 128 ? "isa_int128" : emit_text(body->emit, "int%u_t", bits), bracketed(body, &wide),
                          bits - from, bits - from);
    }
    result.text = emit_text(body->emit, "(%s)%s", type_of_bits(bits), value);
    return cut(body, result, expr->width);
}

static struct piece render_choice(struct emit_body *body, const struct isa_expr *expr)
{
    const struct piece condition = render(body, expr->a);
    struct piece yes = render(body, expr->b);
    struct piece no = render(body, expr->c);
    if (emitted_bool(expr)) {
        yes = cast(body, yes, 1);
        no = cast(body, no, 1);
    } else {
        unsigned bits = yes.bits > no.bits ? yes.bits : no.bits;
        bits = bits < 32 ? 32 : bits;
        yes = yes.bits == 0 && no.bits == bits ? yes : cast(body, yes, bits);
        no = no.bits == 0 && yes.bits == bits ? no : cast(body, no, bits);
    }
    return (struct piece){ .text = emit_text(body->emit, "%s ? %s : %s", bracketed(body, &condition),
                                             bracketed(body, &yes), bracketed(body, &no)),
                           .bits = yes.bits > no.bits ? yes.bits : no.bits,
                           .level = LEVEL_OTHER,
                           .largest = yes.largest > no.largest ? yes.largest : no.largest };
}

static struct piece render_operand(struct emit_body *body, const struct isa_field *field)
{
    struct emit *emit = body->emit;
    struct piece piece = { .level = LEVEL_PRIMARY, .largest = emit_ones(field->width) };
    if (body->where == EMIT_IN_DECODER) {
        piece.text = emit_text(emit, "%s%s", body->operand_prefix, emit_identifier(emit, field->name));
        piece.bits = emit_type_bits(field->width);
        return piece;
    }
    CHECK(body->where == EMIT_IN_HANDLER);
    const struct emit_operand *operand = &body->operands->operands[field->number];
    if (operand->home == EMIT_OPERAND_SLOT) {
        piece.text = emit_text(emit, "op->r[%u]", operand->at);
        piece.bits = 8;
        return piece;
    }
    CHECK(operand->home == EMIT_OPERAND_PACKED);
    const struct piece imm = { .text = "(uint64_t)op->imm", .bits = 64, .level = LEVEL_UNARY, .largest = UINT64_MAX };
    return cut(body, shift_down(body, imm, operand->at), field->width);
}

static struct piece render_register(struct emit_body *body, const struct isa_expr *expr)
{
    struct emit *emit = body->emit;
    const struct isa_register *reg = expr->reg;
    const char *state = body->where == EMIT_IN_HANDLER ? "state->" : "cpu->state.";
    const char *text = emit_text(emit, "%s%s", state, emit_identifier(emit, reg->name));
    if (reg->count != 0) {
        text = emit_text(emit, "%s[%s]", text, emit_index(body, expr->a, reg->count));
    }
    return (struct piece){ .text = text, .bits = emit_type_bits(reg->width), .largest = emit_ones(reg->width) };
}

/* A whole control register or a field of one; `index` text is "" or ", index". */
static struct piece render_csr(struct emit_body *body, const struct isa_expr *expr)
{
    struct emit *emit = body->emit;
    const struct isa_csr_field *field = expr->kind == ISA_EXPR_CSR_FIELD ? expr->csr_field : NULL;
    const struct isa_csr *csr = field != NULL ? field->csr : expr->csr;
    const char *name = emit_identifier(emit, csr->name);
    const char *index = csr->count == 0 ? "" : emit_text(emit, ", %s", emit_index(body, expr->a, csr->count));
    const char *state = body->where == EMIT_IN_HANDLER ? "state" : "&cpu->state";
    struct piece piece = { .bits = 64, .level = LEVEL_PRIMARY, .largest = emit_ones(expr->width) };
    isa_bits constant;
    if (field == NULL) {
        piece.text = emit_text(emit, "%s_csr_value_%s(cpu%s)", emit->prefix, name, index);
    } else if (field->rule == ISA_RULE_IS && emit_fold(field->is, &constant)) {
        return literal(body, constant);
    } else if (field->rule == ISA_RULE_IS) {
        piece.text = emit_text(emit, "%s_computed_%s_%s(cpu%s)", emit->prefix, name, field->name, index);
    } else {
        piece.text = emit_text(emit, "%s_%s_%s(%s%s)", emit->prefix, name, field->name, state, index);
    }
    return piece;
}

bool emit_call_traps(const struct isa_expr *call)
{
    return call->kind == ISA_EXPR_CSR_READ ||
           (call->kind == ISA_EXPR_CALL && (call->function->effects & ISA_EFFECT_TRAPS) != 0);
}

static bool has_effects(const struct isa_expr *expr)
{
    return expr->kind == ISA_EXPR_CSR_READ || (expr->kind == ISA_EXPR_CALL && expr->function->effects != 0);
}

static bool is_fixed_value(const struct isa_expr *expr)
{
    return isa_is_fixed(expr) || (expr->kind == ISA_EXPR_LOCAL && !expr->local->mutable);
}

/* The arguments, with a comma before each; those whose place in the order matters become locals first. */
static const char *render_arguments(struct emit_body *body, const struct isa_expr *args, const char *separator)
{
    struct emit *emit = body->emit;
    const char *text = "";
    for (const struct isa_expr *arg = args; arg != NULL; arg = arg->next) {
        bool effects_follow = false;
        for (const struct isa_expr *later = arg->next; later != NULL; later = later->next) {
            effects_follow = effects_follow || has_effects(later);
        }
        const char *value = emit_expr(body, arg);
        if ((has_effects(arg) && !emit_call_traps(arg)) || (effects_follow && !is_fixed_value(arg))) {
            const char *name = emit_text(emit, "argument_%u", ++body->temporary_count);
            emit_line(emit, body->depth, "const %s %s = %s;", emit_type(arg->width), name, value);
            value = name;
        }
        text = emit_text(emit, "%s%s%s", text, separator, value);
        separator = ", ";
    }
    return text;
}

static const char *call_text(struct emit_body *body, const struct isa_expr *call, const char *result)
{
    struct emit *emit = body->emit;
    if (call->kind == ISA_EXPR_CSR_READ) {
        const char *number = emit_expr(body, call->a);
        return emit_text(emit, "%s_csr_read(cpu, %s, %s)", emit->prefix, number, result);
    }
    const bool cpu = emit_needs_cpu(call->function);
    const char *arguments = render_arguments(body, call->args, cpu ? ", " : "");
    return emit_text(emit, "%s_%s(%s%s%s%s)", emit->prefix, emit_identifier(emit, call->function->name),
                     cpu ? "cpu" : "", arguments, result == NULL ? "" : ", ", result == NULL ? "" : result);
}

void emit_trapping_call(struct emit_body *body, const struct isa_expr *call, const char *result)
{
    const char *text = call_text(body, call, result);
    emit_line(body->emit, body->depth, "if (ISA_UNLIKELY(!%s)) {", text);
    emit_line(body->emit, body->depth + 1, "%s", body->leave);
    emit_line(body->emit, body->depth, "}");
}

static struct piece render_call(struct emit_body *body, const struct isa_expr *expr)
{
    struct piece piece = { .level = LEVEL_PRIMARY, .bits = expr->width == ISA_VOID ? 0 : emit_type_bits(expr->width) };
    piece.largest = expr->width == ISA_VOID ? 0 : emit_ones(expr->width);
    if (!emit_call_traps(expr)) {
        piece.text = call_text(body, expr, NULL);
        return piece;
    }
    piece.text = emit_text(body->emit, "result_%u", ++body->temporary_count);
    emit_line(body->emit, body->depth, "%s %s;", emit_type(expr->width), piece.text);
    emit_trapping_call(body, expr, emit_text(body->emit, "&%s", piece.text));
    return piece;
}

static struct piece render_has(struct emit_body *body, const struct isa_expr *expr)
{
    struct emit *emit = body->emit;
    const char *features = body->where == EMIT_IN_DECODER ? "features" : "&cpu->features";
    return (struct piece){ .text = emit_text(emit, "%s_has(%s, %s_EXT_%s)", emit->prefix, features, emit->upper,
                                             emit_capitals(emit, expr->extension->name)),
                           .bits = 1,
                           .level = LEVEL_PRIMARY,
                           .largest = 1 };
}

static struct piece render_name(const char *text, unsigned width)
{
    return (struct piece){
        .text = text, .bits = emit_type_bits(width), .level = LEVEL_PRIMARY, .largest = emit_ones(width)
    };
}

static struct piece render(struct emit_body *body, const struct isa_expr *expr)
{
    isa_bits constant;
    if (emit_fold(expr, &constant)) {
        return emitted_bool(expr) ? render_name(constant != 0 ? "true" : "false", ISA_BOOL) : literal(body, constant);
    }
    if (body->where == EMIT_IN_HANDLER && body->operands->imm != NULL && emit_same(expr, body->operands->imm)) {
        struct piece imm = { .text = "(uint64_t)op->imm", .bits = 64, .level = LEVEL_UNARY };
        imm.as_signed = "op->imm";
        imm.largest = emit_ones(expr->width);
        return emitted_bool(expr) ? (struct piece){ .text = "(op->imm != 0)", .bits = 1, .largest = 1 } : imm;
    }
    switch (expr->kind) {
    case ISA_EXPR_CONST: break; /* folded */
    case ISA_EXPR_OPERAND: return render_operand(body, expr->field);
    case ISA_EXPR_LOCAL: return render_name(emit_local_name(body->emit, expr->local), expr->width);
    case ISA_EXPR_REGISTER: return render_register(body, expr);
    case ISA_EXPR_CSR:
    case ISA_EXPR_CSR_FIELD: return render_csr(body, expr);
    case ISA_EXPR_PC: return render_name(body->where == EMIT_IN_HANDLER ? "PC" : "cpu->state.pc", expr->width);
    case ISA_EXPR_NEXT_PC: return render_name("NEXT_PC", expr->width);
    case ISA_EXPR_ENCODING: return render_name(body->where == EMIT_IN_HANDLER ? "ENCODING" : "bits", expr->width);
    case ISA_EXPR_UNARY: return render_unary(body, expr);
    case ISA_EXPR_BINARY: return render_binary(body, expr);
    case ISA_EXPR_SLICE: return render_slice(body, expr);
    case ISA_EXPR_BIT: return render_bit(body, expr);
    case ISA_EXPR_CAT: return render_cat(body, expr);
    case ISA_EXPR_SEXT: return render_sext(body, expr);
    case ISA_EXPR_ZEXT: return render(body, expr->a);
    case ISA_EXPR_IF: return render_choice(body, expr);
    case ISA_EXPR_CALL:
    case ISA_EXPR_CSR_READ: return render_call(body, expr);
    case ISA_EXPR_HAS: return render_has(body, expr);
    }
    CHECK(false); /* every kind is rendered above */
    return literal(body, 0);
}

const char *emit_expr(struct emit_body *body, const struct isa_expr *expr)
{
    const struct piece piece = render(body, expr);
    if (expr->width == ISA_VOID) {
        return piece.text;
    }
    const unsigned bits = emit_type_bits(expr->width);
    return piece.bits > bits ? cast(body, piece, bits).text : piece.text;
}

const char *emit_index(struct emit_body *body, const struct isa_expr *expr, unsigned count)
{
    struct piece piece = render(body, expr);
    return piece.largest < count ? piece.text : emit_text(body->emit, "%s %% %u", bracketed(body, &piece), count);
}

isa_bits emit_largest(struct emit_body *body, const struct isa_expr *expr)
{
    return render(body, expr).largest;
}

bool emit_known_in_block(const struct emit_body *body, const struct isa_expr *expr)
{
    if (expr == NULL) {
        return true;
    }
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        if (!emit_known_in_block(body, arg)) {
            return false;
        }
    }
    switch ((int)expr->kind) { /* those that read something of the machine */
    case ISA_EXPR_LOCAL:
        return expr->local->number < sizeof body->known_locals && body->known_locals[expr->local->number] != 0;
    case ISA_EXPR_REGISTER:
    case ISA_EXPR_CSR:
    case ISA_EXPR_CSR_FIELD:
    case ISA_EXPR_CALL:
    case ISA_EXPR_CSR_READ:
    case ISA_EXPR_HAS: return false;
    default:
        return emit_known_in_block(body, expr->a) && emit_known_in_block(body, expr->b) &&
               emit_known_in_block(body, expr->c);
    }
}
