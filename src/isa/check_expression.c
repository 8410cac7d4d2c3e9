/* SPDX-License-Identifier: Apache-2.0 */
/* Widths of expressions and their operators: sections 2 and 5 of docs/reference/isa-language.md. */
#include "isa/check.h"

bool isa_is_width(unsigned width)
{
    return width >= 1 && width <= 128;
}

const char *isa_width_text(struct isa_reader *reader, unsigned width)
{
    return width == ISA_BOOL ? "bool" : width == ISA_VOID ? "no value" : isa_text(reader, "bits(%u)", width);
}

struct isa_expr *isa_new_expr(struct isa_scope *scope, enum isa_expr_kind kind, struct isa_place place, unsigned width)
{
    struct isa_expr *expr = ISA_NEW(scope->reader->arena, struct isa_expr);
    expr->kind = kind;
    expr->place = place;
    expr->width = width;
    return expr;
}

struct isa_expr *isa_settle(struct isa_scope *scope, struct isa_expr *typed, unsigned want)
{
    if (typed == NULL || want == ISA_ANY || typed->width == want) {
        return typed;
    }
    struct isa_reader *reader = scope->reader;
    const char *is = isa_width_text(reader, typed->width);
    const char *wanted = isa_width_text(reader, want);
    const char *advice;
    if (typed->width == ISA_VOID) {
        advice = "call a function with a result";
    } else if (want == ISA_BOOL) {
        advice = "compare it: `… != 0`";
    } else if (typed->width == ISA_BOOL) {
        advice = want == 1 ? "write `bit(…)`" : "write `zext(bit(…))`";
    } else if (typed->width < want) {
        advice = "write `zext(…)` or `sext(…)`";
    } else {
        advice = isa_text(reader, "take the bits: `…[%u:0]`", want - 1);
    }
    isa_report(reader->diagnostics, typed->place, "this is %s, but %s is wanted here; %s", is, wanted, advice);
    return NULL;
}

/* ---- Natural widths: what an expression is by itself ---------------------------------------------------------- */

static bool is_arithmetic(enum isa_op op)
{
    return op >= ISA_OP_ADD && op <= ISA_OP_SHRS;
}

static bool is_shift(enum isa_op op)
{
    return op >= ISA_OP_SHL && op <= ISA_OP_SHRS;
}

static bool is_compare(enum isa_op op)
{
    return op >= ISA_OP_EQ && op <= ISA_OP_GES;
}

static bool is_logic(enum isa_op op)
{
    return op == ISA_OP_LOGIC_AND || op == ISA_OP_LOGIC_OR || op == ISA_OP_NOT;
}

static bool folds(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    if (expr->kind == ISA_SYNTAX_NUMBER) {
        return true;
    }
    if (expr->kind == ISA_SYNTAX_NAME) {
        struct isa_target target = isa_resolve(scope, expr);
        return target.kind == ISA_TARGET_CONSTANT && target.width == ISA_ANY;
    }
    if (expr->kind == ISA_SYNTAX_UNARY) {
        return expr->op != ISA_OP_NOT && isa_folds(scope, expr->a);
    }
    return expr->kind == ISA_SYNTAX_BINARY && is_arithmetic(expr->op) && isa_folds(scope, expr->a) &&
           isa_folds(scope, expr->b);
}

bool isa_folds(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    if (expr->folds == 0) {
        expr->folds = folds(scope, expr) ? 2 : 1;
    }
    return expr->folds == 2;
}

/* Of two parts that must agree: the one that knows its width. */
static unsigned agree(unsigned a, unsigned b)
{
    return a == ISA_ANY || a == ISA_BAD ? (b == ISA_ANY ? a : b) : a;
}

static unsigned slice_width(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_number high, low;
    if (!isa_folds(scope, expr->b) || !isa_folds(scope, expr->c) || !isa_constant(scope->reader, expr->b, &high) ||
        !isa_constant(scope->reader, expr->c, &low)) {
        return ISA_BAD;
    }
    if (high.negative || low.negative || high.magnitude > 127 || low.magnitude > high.magnitude) {
        return ISA_BAD;
    }
    return (unsigned)(high.magnitude - low.magnitude) + 1;
}

static unsigned natural_of(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_target target;
    switch (expr->kind) {
    case ISA_SYNTAX_NUMBER: return ISA_ANY;
    case ISA_SYNTAX_TRUE:
    case ISA_SYNTAX_FALSE: return ISA_BOOL;
    case ISA_SYNTAX_NAME:
    case ISA_SYNTAX_MEMBER:
    case ISA_SYNTAX_INDEX: target = isa_resolve(scope, expr); return target.kind == ISA_TARGET_NONE ? 1 : target.width;
    case ISA_SYNTAX_SLICE: return slice_width(scope, expr);
    case ISA_SYNTAX_CALL: return isa_natural_call(scope, expr);
    case ISA_SYNTAX_UNARY: return expr->op == ISA_OP_NOT ? ISA_BOOL : isa_natural(scope, expr->a);
    case ISA_SYNTAX_BINARY:
        if (is_compare(expr->op) || is_logic(expr->op)) {
            return ISA_BOOL;
        }
        if (is_shift(expr->op)) {
            return isa_natural(scope, expr->a);
        }
        return agree(isa_natural(scope, expr->a), isa_natural(scope, expr->b));
    case ISA_SYNTAX_IF: return agree(isa_natural(scope, expr->b), isa_natural(scope, expr->c));
    }
    return ISA_BAD;
}

/* Cached in the node (plus one; 0 is unknown): asked for again at every level above, it would cost a square. */
unsigned isa_natural(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    if (expr->natural == 0) {
        expr->natural = natural_of(scope, expr) + 1;
    }
    return expr->natural - 1;
}

/* ---- Checking ------------------------------------------------------------------------------------------------- */

static struct isa_expr *constant_of(struct isa_scope *scope, struct isa_place place, unsigned width, isa_bits value)
{
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_CONST, place, width);
    typed->value = value;
    return typed;
}

static void report_no_width(struct isa_scope *scope, struct isa_place place)
{
    isa_report(scope->reader->diagnostics, place,
               "nothing here says how wide this is; give it a width, as in `let a : bits(64) = …` or `zext(…, 64)`");
}

static struct isa_expr *literal(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    struct isa_number number;
    char text[ISA_NUMBER_TEXT], most[ISA_NUMBER_TEXT], least[ISA_NUMBER_TEXT];
    isa_bits bits;
    if (!isa_constant(scope->reader, expr, &number)) {
        return NULL;
    }
    if (want == ISA_BOOL) {
        isa_report(scope->reader->diagnostics, expr->place,
                   "this is a number, but bool is wanted here; write `true`, `false` or a comparison");
        return NULL;
    }
    if (want == ISA_ANY) {
        report_no_width(scope, expr->place);
        return NULL;
    }
    if (isa_number_fits(number, want, &bits)) {
        return constant_of(scope, expr->place, want, bits);
    }
    struct isa_number high = { .magnitude = isa_bits_mask(want) };
    struct isa_number low = { .magnitude = (isa_bits)1 << (want - 1), .negative = true };
    isa_report(scope->reader->diagnostics, expr->place, "%s does not fit bits(%u); write a number from %s to %s",
               isa_number_text(number, text), want, isa_number_text(low, least), isa_number_text(high, most));
    return NULL;
}

struct isa_expr *isa_check_amount(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_number number;
    if (isa_natural(scope, expr) != ISA_ANY || !isa_folds(scope, expr)) {
        return isa_check(scope, expr, ISA_ANY);
    }
    if (!isa_constant(scope->reader, expr, &number)) {
        return NULL;
    }
    if (number.negative) {
        isa_report(scope->reader->diagnostics, expr->place, "this cannot be negative; write 0 or more");
        return NULL;
    }
    unsigned width = isa_number_width(number);
    return constant_of(scope, expr->place, width < 8 ? 8 : width, number.magnitude);
}

struct isa_expr *isa_check_widened(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned width)
{
    unsigned natural = isa_natural(scope, expr);
    if (!isa_is_width(natural) || natural >= width) {
        return isa_check(scope, expr, width);
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_ZEXT, expr->place, width);
    typed->a = isa_check(scope, expr, natural);
    return typed->a == NULL ? NULL : typed;
}

static bool need_bits(struct isa_scope *scope, const struct isa_expr *typed, const char *advice)
{
    if (typed == NULL || isa_is_width(typed->width)) {
        return typed != NULL;
    }
    isa_report(scope->reader->diagnostics, typed->place, "this is %s, but bits are wanted here; %s",
               isa_width_text(scope->reader, typed->width), advice);
    return false;
}

static struct isa_expr *check_slice(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_expr *of = isa_check(scope, expr->a, ISA_ANY);
    uint64_t high, low;
    if (!need_bits(scope, of, "write `bit(…)`") ||
        !isa_constant_between(scope->reader, expr->b, "the highest bit", 0, of->width - 1, &high) ||
        !isa_constant_between(scope->reader, expr->c, "the lowest bit", 0, of->width - 1, &low)) {
        return NULL;
    }
    if (low > high) {
        isa_report(scope->reader->diagnostics, expr->b->place, "the highest bit comes first; write `[%u:%u]`",
                   (unsigned)low, (unsigned)high);
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_SLICE, expr->place, (unsigned)(high - low) + 1);
    typed->a = of;
    typed->high = (unsigned)high;
    typed->low = (unsigned)low;
    return typed;
}

static struct isa_expr *check_bit(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_expr *of = isa_check(scope, expr->a, ISA_ANY);
    if (!need_bits(scope, of, "write `bit(…)`")) {
        return NULL;
    }
    struct isa_expr *number = isa_check_amount(scope, expr->b);
    if (!need_bits(scope, number, "write the number of the bit")) {
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_BIT, expr->place, 1);
    typed->a = of;
    typed->b = number;
    if (number->kind != ISA_EXPR_CONST) {
        return typed;
    }
    if (number->value >= of->width) {
        isa_report(scope->reader->diagnostics, expr->b->place, "this has only bits 0 to %u; write one of them",
                   of->width - 1);
        return NULL;
    }
    typed->kind = ISA_EXPR_SLICE;
    typed->b = NULL;
    typed->high = typed->low = (unsigned)number->value;
    return typed;
}

static struct isa_expr *check_unary(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    unsigned inner = expr->op == ISA_OP_NOT ? ISA_BOOL : isa_natural(scope, expr->a) == ISA_ANY ? want : ISA_ANY;
    struct isa_expr *a = isa_check(scope, expr->a, inner);
    if (a == NULL || (expr->op != ISA_OP_NOT && !need_bits(scope, a, "write `not`"))) {
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_UNARY, expr->place, a->width);
    typed->op = expr->op;
    typed->a = a;
    return typed;
}

/* Checks both sides of an operator at the width that one of them has, or the context wants. */
static bool check_both(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want, struct isa_expr **left,
                       struct isa_expr **right)
{
    unsigned a = isa_natural(scope, expr->a), b = isa_natural(scope, expr->b);
    if (isa_is_width(a) && isa_is_width(b) && a != b) {
        isa_report(scope->reader->diagnostics, expr->place,
                   "bits(%u) on the left and bits(%u) on the right; widen one with `zext` or `sext`, or take a slice",
                   a, b);
        return false;
    }
    unsigned width = agree(a, b);
    bool known = isa_is_width(width) || width == ISA_BOOL;
    *left = isa_check(scope, expr->a, known && a == ISA_ANY ? width : a == ISA_ANY ? want : ISA_ANY);
    *right = isa_check(scope, expr->b, known && b == ISA_ANY ? width : b == ISA_ANY ? want : ISA_ANY);
    if (*left == NULL || *right == NULL) {
        return false;
    }
    *right = isa_settle(scope, *right, (*left)->width);
    return *right != NULL;
}

static struct isa_expr *make_binary(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned width,
                                    struct isa_expr *a, struct isa_expr *b)
{
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_BINARY, expr->place, width);
    typed->op = expr->op;
    typed->a = a;
    typed->b = b;
    return typed;
}

static struct isa_expr *check_arithmetic(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    struct isa_expr *a, *b;
    const char *advice = expr->op == ISA_OP_AND  ? "write `and`"
                         : expr->op == ISA_OP_OR ? "write `or`"
                                                 : "write `bit(…)`";
    if (is_shift(expr->op)) {
        a = isa_check(scope, expr->a, isa_natural(scope, expr->a) == ISA_ANY ? want : ISA_ANY);
        b = isa_check_amount(scope, expr->b);
        if (a == NULL || !need_bits(scope, b, advice)) {
            return NULL;
        }
    } else if (!check_both(scope, expr, want, &a, &b)) {
        return NULL;
    }
    return need_bits(scope, a, advice) ? make_binary(scope, expr, a->width, a, b) : NULL;
}

/* Two constants without a width: compared as numbers. */
static struct isa_expr *compare_numbers(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_number a, b;
    if (!isa_constant(scope->reader, expr->a, &a) || !isa_constant(scope->reader, expr->b, &b)) {
        return NULL;
    }
    int order = isa_number_compare(a, b);
    bool holds = expr->op == ISA_OP_EQ                              ? order == 0
                 : expr->op == ISA_OP_NE                            ? order != 0
                 : expr->op == ISA_OP_LTU || expr->op == ISA_OP_LTS ? order < 0
                 : expr->op == ISA_OP_LEU || expr->op == ISA_OP_LES ? order <= 0
                 : expr->op == ISA_OP_GTU || expr->op == ISA_OP_GTS ? order > 0
                                                                    : order >= 0;
    return constant_of(scope, expr->place, ISA_BOOL, holds);
}

static struct isa_expr *check_compare(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_expr *a, *b;
    if (isa_folds(scope, expr->a) && isa_folds(scope, expr->b)) {
        return compare_numbers(scope, expr);
    }
    if (!check_both(scope, expr, ISA_ANY, &a, &b)) {
        return NULL;
    }
    bool equality = expr->op == ISA_OP_EQ || expr->op == ISA_OP_NE;
    if (a->width == ISA_VOID || (a->width == ISA_BOOL && !equality)) {
        isa_report(scope->reader->diagnostics, expr->place, "%s has no order; compare it with `==` or `!=`",
                   isa_width_text(scope->reader, a->width));
        return NULL;
    }
    return make_binary(scope, expr, ISA_BOOL, a, b);
}

static struct isa_expr *check_binary(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    if (is_compare(expr->op)) {
        return check_compare(scope, expr);
    }
    if (!is_logic(expr->op)) {
        return check_arithmetic(scope, expr, want);
    }
    struct isa_expr *a = isa_check(scope, expr->a, ISA_BOOL);
    struct isa_expr *b = isa_check(scope, expr->b, ISA_BOOL);
    return a == NULL || b == NULL ? NULL : make_binary(scope, expr, ISA_BOOL, a, b);
}

static struct isa_expr *check_choice(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    struct isa_syntax_expr parts = { .place = expr->c->place, .a = expr->b, .b = expr->c };
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_IF, expr->place, 0);
    typed->a = isa_check(scope, expr->a, ISA_BOOL);
    bool good = check_both(scope, &parts, want, &typed->b, &typed->c);
    if (typed->a == NULL || !good) {
        return NULL;
    }
    typed->width = typed->b->width;
    if (typed->width != ISA_VOID) {
        return typed;
    }
    isa_report(scope->reader->diagnostics, expr->place, "a choice between no values; use an `if` statement");
    return NULL;
}

static struct isa_expr *check_kind(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    switch (expr->kind) {
    case ISA_SYNTAX_TRUE:
    case ISA_SYNTAX_FALSE: return constant_of(scope, expr->place, ISA_BOOL, expr->kind == ISA_SYNTAX_TRUE);
    case ISA_SYNTAX_NAME:
    case ISA_SYNTAX_MEMBER: return isa_check_named(scope, expr);
    case ISA_SYNTAX_INDEX:
        if (isa_resolve(scope, expr).kind == ISA_TARGET_NONE) {
            return check_bit(scope, expr);
        }
        return isa_check_named(scope, expr);
    case ISA_SYNTAX_SLICE: return check_slice(scope, expr);
    case ISA_SYNTAX_CALL: return isa_check_call(scope, expr, want);
    case ISA_SYNTAX_UNARY: return check_unary(scope, expr, want);
    case ISA_SYNTAX_BINARY: return check_binary(scope, expr, want);
    case ISA_SYNTAX_IF: return check_choice(scope, expr, want);
    case ISA_SYNTAX_NUMBER: break;
    }
    return literal(scope, expr, want);
}

struct isa_expr *isa_check(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want)
{
    if (isa_natural(scope, expr) == ISA_ANY && isa_folds(scope, expr)) {
        return literal(scope, expr, want);
    }
    return isa_settle(scope, check_kind(scope, expr, want), want);
}
