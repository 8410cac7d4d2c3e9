/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: builtins, described functions, primitives. */
#include "isa/check.h"

#include <string.h>

enum builtin {
    SEXT,
    ZEXT,
    CAT,
    ONES,
    BIT,
    POPCOUNT,
    CLZ,
    CTZ,
    REVERSE_BYTES,
    HAS,
    CSR_READ,
    CSR_WRITE,
    NO_BUILTIN,
};

static const struct {
    const char *name;
    unsigned least, most; /* arguments */
    enum isa_op op;       /* of those that are unary operators */
} builtins[] = {
    [SEXT] = { "sext", 1, 2, 0 },
    [ZEXT] = { "zext", 1, 2, 0 },
    [CAT] = { "cat", 1, 128, 0 },
    [ONES] = { "ones", 1, 1, 0 },
    [BIT] = { "bit", 1, 1, ISA_OP_BIT },
    [POPCOUNT] = { "popcount", 1, 1, ISA_OP_POPCOUNT },
    [CLZ] = { "clz", 1, 1, ISA_OP_CLZ },
    [CTZ] = { "ctz", 1, 1, ISA_OP_CTZ },
    [REVERSE_BYTES] = { "reverse_bytes", 1, 1, ISA_OP_REVERSE_BYTES },
    [HAS] = { "has", 1, 1, 0 },
    [CSR_READ] = { "csr_read", 1, 1, 0 },
    [CSR_WRITE] = { "csr_write", 2, 2, 0 },
};

static enum builtin find_builtin(const char *name)
{
    unsigned i = 0;
    while (i < NO_BUILTIN && strcmp(builtins[i].name, name) != 0) {
        i++;
    }
    return (enum builtin)i;
}

bool isa_is_builtin(const char *name)
{
    return find_builtin(name) != NO_BUILTIN;
}

static unsigned count(const struct isa_syntax_expr *args)
{
    unsigned found = 0;
    for (; args != NULL; args = args->next) {
        found++;
    }
    return found;
}

bool isa_count_arguments(struct isa_scope *scope, const struct isa_syntax_expr *call, unsigned least, unsigned most)
{
    unsigned found = count(call->args);
    if (found >= least && found <= most) {
        return true;
    }
    if (least == most) {
        isa_report(scope->reader->diagnostics, call->place, "`%s` takes %u argument%s, not %u; write %s", call->name,
                   least, least == 1 ? "" : "s", found, found < least ? "the missing ones" : "only those");
    } else {
        isa_report(scope->reader->diagnostics, call->place, "`%s` takes %u to %u arguments, not %u", call->name, least,
                   most, found);
    }
    return false;
}

/* ---- Natural widths ------------------------------------------------------------------------------------------- */

static unsigned constant_width(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_number number;
    if (!isa_folds(scope, expr) || !isa_constant(scope->reader, expr, &number)) {
        return ISA_BAD;
    }
    return number.negative || number.magnitude < 1 || number.magnitude > 128 ? ISA_BAD : (unsigned)number.magnitude;
}

/* A literal in `cat` is as wide as its digits say: the only place where they do. */
static unsigned piece_width(struct isa_scope *scope, struct isa_syntax_expr *arg)
{
    return arg->kind == ISA_SYNTAX_NUMBER && arg->bits != 0 ? arg->bits : isa_natural(scope, arg);
}

static unsigned cat_width(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    unsigned sum = 0;
    for (struct isa_syntax_expr *arg = call->args; arg != NULL; arg = arg->next) {
        unsigned width = piece_width(scope, arg);
        if (!isa_is_width(width) || sum + width > 128) {
            return ISA_BAD;
        }
        sum += width;
    }
    return sum == 0 ? ISA_BAD : sum;
}

unsigned isa_natural_call(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    enum builtin builtin = find_builtin(call->name);
    if (builtin == NO_BUILTIN) {
        struct isa_symbol *symbol = isa_find(scope->reader, ISA_SPACE_FUNCTION, call->name);
        return symbol == NULL ? ISA_BAD : symbol->as.function->result;
    }
    if (call->args == NULL) {
        return ISA_BAD;
    }
    if (builtin == SEXT || builtin == ZEXT) {
        return call->args->next == NULL ? ISA_ANY : constant_width(scope, call->args->next);
    }
    if (builtin == CAT) {
        return cat_width(scope, call);
    }
    if (builtin == ONES) {
        return constant_width(scope, call->args);
    }
    if (builtin == BIT) {
        return 1;
    }
    if (builtin == HAS) {
        return ISA_BOOL;
    }
    if (builtin == CSR_READ) {
        return 64;
    }
    return builtin == CSR_WRITE ? ISA_VOID : isa_natural(scope, call->args);
}

/* ---- Builtins ------------------------------------------------------------------------------------------------- */

static bool explicit_width(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned *width)
{
    uint64_t value;
    if (!isa_constant_between(scope->reader, expr, "a width", 1, 128, &value)) {
        return false;
    }
    *width = (unsigned)value;
    return true;
}

static struct isa_expr *check_extend(struct isa_scope *scope, struct isa_syntax_expr *call, unsigned want, bool sign)
{
    unsigned width = want;
    if (call->args->next != NULL && !explicit_width(scope, call->args->next, &width)) {
        return NULL;
    }
    if (!isa_is_width(width)) {
        isa_report(scope->reader->diagnostics, call->place,
                   "nothing here says how wide the result of `%s` is; write `%s(…, N)`", call->name, call->name);
        return NULL;
    }
    struct isa_expr *a = isa_check(scope, call->args, isa_natural(scope, call->args) == ISA_ANY ? width : ISA_ANY);
    if (a == NULL) {
        return NULL;
    }
    if (!isa_is_width(a->width) || a->width > width) {
        const char *advice = a->width == ISA_BOOL ? "write `bit(…)` around it"
                                                  : isa_text(scope->reader, "take the bits: `…[%u:0]`", width - 1);
        isa_report(scope->reader->diagnostics, call->place, "%s cannot be extended to bits(%u); %s",
                   isa_width_text(scope->reader, a->width), width, advice);
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, sign ? ISA_EXPR_SEXT : ISA_EXPR_ZEXT, call->place, width);
    typed->a = a;
    return a->width == width ? a : typed;
}

static struct isa_expr *check_piece(struct isa_scope *scope, struct isa_syntax_expr *arg)
{
    if (arg->kind == ISA_SYNTAX_NUMBER && arg->bits != 0 && arg->bits <= 128) {
        return isa_check(scope, arg, arg->bits);
    }
    if (arg->kind == ISA_SYNTAX_NUMBER) {
        isa_report(scope->reader->diagnostics, arg->place,
                   "in `cat` a number is as wide as its digits; write it in binary or hexadecimal");
        return NULL;
    }
    struct isa_expr *typed = isa_check(scope, arg, ISA_ANY);
    if (typed == NULL || isa_is_width(typed->width)) {
        return typed;
    }
    isa_report(scope->reader->diagnostics, arg->place, "this is %s, but `cat` joins bits; write `bit(…)`",
               isa_width_text(scope->reader, typed->width));
    return NULL;
}

static struct isa_expr *check_cat(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_CAT, call->place, 0);
    struct isa_expr **end = &typed->args;
    bool good = true;
    for (struct isa_syntax_expr *arg = call->args; arg != NULL; arg = arg->next) {
        *end = check_piece(scope, arg);
        if (*end == NULL) {
            good = false;
            continue;
        }
        typed->width += (*end)->width;
        end = &(*end)->next;
        if (good && typed->width > 128) {
            isa_report(scope->reader->diagnostics, arg->place, "this makes more than 128 bits; join fewer");
            return NULL;
        }
    }
    return good ? typed : NULL;
}

static struct isa_expr *check_ones(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    unsigned width;
    if (!explicit_width(scope, call->args, &width)) {
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_CONST, call->place, width);
    typed->value = isa_bits_mask(width);
    return typed;
}

static struct isa_expr *check_bit_of_bool(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    struct isa_expr *a = isa_check(scope, call->args, ISA_BOOL);
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_UNARY, call->place, 1);
    typed->op = ISA_OP_BIT;
    typed->a = a;
    return a == NULL ? NULL : typed;
}

static struct isa_expr *check_count(struct isa_scope *scope, struct isa_syntax_expr *call, unsigned want,
                                    enum isa_op op)
{
    struct isa_expr *a = isa_check(scope, call->args, isa_natural(scope, call->args) == ISA_ANY ? want : ISA_ANY);
    if (a == NULL) {
        return NULL;
    }
    if (!isa_is_width(a->width) || (op == ISA_OP_REVERSE_BYTES && a->width % 8 != 0)) {
        isa_report(scope->reader->diagnostics, call->args->place, "this is %s, but `%s` takes %s",
                   isa_width_text(scope->reader, a->width), call->name,
                   op == ISA_OP_REVERSE_BYTES ? "whole bytes; give it a multiple of 8 bits" : "bits; write `bit(…)`");
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_UNARY, call->place, a->width);
    typed->op = op;
    typed->a = a;
    return typed;
}

static struct isa_expr *check_has(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    if (call->args->kind != ISA_SYNTAX_NAME) {
        isa_report(scope->reader->diagnostics, call->args->place, "`has` asks for one extension; write its name");
        return NULL;
    }
    struct isa_symbol *symbol = isa_expect(scope->reader, ISA_SPACE_EXTENSION, call->args->name, call->args->place);
    if (symbol == NULL) {
        return NULL;
    }
    if (scope->view < ISA_VIEW_STATE) {
        isa_report(scope->reader->diagnostics, call->place, "`has` cannot stand in %s; say it with `in`", scope->what);
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_HAS, call->place, ISA_BOOL);
    typed->extension = symbol->as.extension;
    return typed;
}

static bool may_call(struct isa_scope *scope, const struct isa_syntax_expr *call)
{
    if (scope->view == ISA_VIEW_STATE && scope->node != NULL) {
        return true;
    }
    isa_report(scope->reader->diagnostics, call->place,
               "`%s` cannot be called in %s; write operands and constants only", call->name, scope->what);
    return false;
}

static struct isa_expr *check_csr_read(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    if (!may_call(scope, call)) {
        return NULL;
    }
    if (scope->reader->machine->csr_missing == NULL) {
        isa_report(
            scope->reader->diagnostics, call->place,
            "nothing says what a missing control register does; write `csr_missing EXCEPTION` in the machine's line");
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_CSR_READ, call->place, 64);
    typed->a = isa_check_amount(scope, call->args);
    isa_node_uses(scope->reader, scope->node, scope->reader->csr_read, call->place);
    if (typed->a == NULL || (isa_is_width(typed->a->width) && typed->a->width <= 32)) {
        return typed->a == NULL ? NULL : typed;
    }
    isa_report(scope->reader->diagnostics, call->args->place, "the number of a control register has at most 32 bits");
    return NULL;
}

static struct isa_expr *check_builtin(struct isa_scope *scope, struct isa_syntax_expr *call, unsigned want,
                                      enum builtin builtin)
{
    if (!isa_count_arguments(scope, call, builtins[builtin].least, builtins[builtin].most)) {
        return NULL;
    }
    if (builtin == SEXT || builtin == ZEXT) {
        return check_extend(scope, call, want, builtin == SEXT);
    }
    if (builtin == CAT) {
        return check_cat(scope, call);
    }
    if (builtin == ONES) {
        return check_ones(scope, call);
    }
    if (builtin == BIT) {
        return check_bit_of_bool(scope, call);
    }
    if (builtin == HAS) {
        return check_has(scope, call);
    }
    if (builtin == CSR_READ) {
        return check_csr_read(scope, call);
    }
    if (builtin != CSR_WRITE) {
        return check_count(scope, call, want, builtins[builtin].op);
    }
    isa_report(scope->reader->diagnostics, call->place, "`csr_write` has no result; write it as a statement");
    return NULL;
}

/* ---- Functions and primitives --------------------------------------------------------------------------------- */

static void suggest_function(struct isa_scope *scope, const struct isa_syntax_expr *call)
{
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, call->name);
    for (unsigned i = 0; i < NO_BUILTIN; i++) {
        isa_suggest(&suggestion, builtins[i].name);
    }
    isa_suggest_space(scope->reader, &suggestion, ISA_SPACE_FUNCTION);
    isa_report(scope->reader->diagnostics, call->place, "there is no function or primitive `%s`; %s", call->name,
               isa_suggest_text(scope->reader, &suggestion, "declare it"));
}

static struct isa_expr *check_function(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    struct isa_symbol *symbol = isa_find(scope->reader, ISA_SPACE_FUNCTION, call->name);
    if (symbol == NULL) {
        suggest_function(scope, call);
        return NULL;
    }
    const struct isa_function *function = symbol->as.function;
    if (!may_call(scope, call) ||
        !isa_count_arguments(scope, call, function->parameter_count, function->parameter_count)) {
        return NULL;
    }
    isa_node_uses(scope->reader, scope->node, symbol->node, call->place);
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_CALL, call->place, function->result);
    typed->function = function;
    struct isa_expr **end = &typed->args;
    bool good = true;
    const struct isa_local *parameter = function->parameters;
    for (struct isa_syntax_expr *arg = call->args; arg != NULL; arg = arg->next, parameter = parameter->next) {
        *end = isa_check(scope, arg, parameter->width);
        if (*end == NULL) {
            good = false;
        } else {
            end = &(*end)->next;
        }
    }
    return good ? typed : NULL;
}

struct isa_expr *isa_check_call(struct isa_scope *scope, struct isa_syntax_expr *call, unsigned want)
{
    enum builtin builtin = find_builtin(call->name);
    return builtin == NO_BUILTIN ? check_function(scope, call) : check_builtin(scope, call, want, builtin);
}
