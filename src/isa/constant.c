/* SPDX-License-Identifier: Apache-2.0 */
/* Constant expressions, and the widths of types. */
#include "isa/check.h"
#include "isa/evaluate.h"
#include "isa/reader.h"

#define CONSTANT_DEPTH_LIMIT 50u

/* Gives a declared constant its value. The state guards against constants that need themselves. */
bool isa_constant_value(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_constant *constant = symbol->as.constant;
    struct isa_syntax_decl *decl = symbol->decl;
    if (constant->state == ISA_CONSTANT_OPEN) {
        isa_report(reader->diagnostics, decl->place, "the value of `%s` needs itself; give it a value of its own",
                   decl->name);
        constant->state = ISA_CONSTANT_BAD;
    }
    if (constant->state != ISA_CONSTANT_UNKNOWN) {
        return constant->state == ISA_CONSTANT_KNOWN;
    }
    if (reader->constant_depth == CONSTANT_DEPTH_LIMIT) {
        isa_report(reader->diagnostics, decl->place, "constants need each other more than %u deep; write the number",
                   CONSTANT_DEPTH_LIMIT);
        constant->state = ISA_CONSTANT_BAD;
        return false;
    }
    constant->state = ISA_CONSTANT_OPEN;
    reader->constant_depth++;
    bool good;
    if (decl->type.given) {
        constant->typed = isa_check_constant(reader, &decl->type, decl->value);
        good = constant->typed != NULL;
    } else {
        good = isa_constant(reader, decl->value, &constant->number);
    }
    reader->constant_depth--;
    bool was_open = constant->state == ISA_CONSTANT_OPEN;
    constant->state = good && was_open ? ISA_CONSTANT_KNOWN : ISA_CONSTANT_BAD;
    return good && was_open;
}

static void suggest_constants(struct isa_reader *reader, struct isa_suggestion *suggestion)
{
    for (const struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_CONSTANT || symbol->decl->kind == ISA_SYNTAX_MODE) {
            isa_suggest(suggestion, symbol->name);
        }
    }
}

static bool named(struct isa_reader *reader, struct isa_syntax_expr *expr, struct isa_number *number)
{
    struct isa_symbol *symbol = isa_find(reader, ISA_SPACE_VALUE, expr->name);
    if (symbol == NULL) {
        struct isa_suggestion suggestion;
        isa_suggest_start(&suggestion, expr->name);
        suggest_constants(reader, &suggestion);
        isa_report(reader->diagnostics, expr->place, "`%s` is no constant; %s", expr->name,
                   isa_suggest_text(reader, &suggestion, "write a number or a declared constant"));
        return false;
    }
    if (symbol->decl->kind == ISA_SYNTAX_MODE) {
        *number = (struct isa_number){ .magnitude = symbol->as.mode->value };
        return true;
    }
    if (symbol->decl->kind != ISA_SYNTAX_CONSTANT) {
        isa_report(reader->diagnostics, expr->place, "`%s` varies while the machine runs; write a constant",
                   expr->name);
        return false;
    }
    if (!isa_constant_value(reader, symbol)) {
        return false;
    }
    *number = symbol->as.constant->number;
    if (symbol->as.constant->typed != NULL) {
        *number = (struct isa_number){ .magnitude = symbol->as.constant->typed->value };
    }
    return true;
}

static bool unary(struct isa_reader *reader, struct isa_syntax_expr *expr, struct isa_number *number)
{
    struct isa_number a;
    if (!isa_constant(reader, expr->a, &a)) {
        return false;
    }
    if (expr->op == ISA_OP_NEG && isa_number_negate(a, number)) {
        return true;
    }
    if (expr->op == ISA_OP_INVERT && isa_number_invert(a, number)) {
        return true;
    }
    isa_report(reader->diagnostics, expr->place, "this has no value as a number; write a number");
    return false;
}

bool isa_constant(struct isa_reader *reader, struct isa_syntax_expr *expr, struct isa_number *number)
{
    struct isa_number a, b;
    switch (expr->kind) {
    case ISA_SYNTAX_NUMBER: *number = (struct isa_number){ .magnitude = expr->value }; return true;
    case ISA_SYNTAX_NAME: return named(reader, expr, number);
    case ISA_SYNTAX_UNARY: return unary(reader, expr, number);
    case ISA_SYNTAX_BINARY:
        if (!isa_constant(reader, expr->a, &a) || !isa_constant(reader, expr->b, &b)) {
            return false;
        }
        if (isa_number_binary(expr->op, a, b, number)) {
            return true;
        }
        isa_report(reader->diagnostics, expr->place,
                   "this has no value of up to 128 bits; write the number, or give the operands a width");
        return false;
    case ISA_SYNTAX_TRUE:
    case ISA_SYNTAX_FALSE:
    case ISA_SYNTAX_INDEX:
    case ISA_SYNTAX_SLICE:
    case ISA_SYNTAX_MEMBER:
    case ISA_SYNTAX_CALL:
    case ISA_SYNTAX_IF: break;
    }
    isa_report(reader->diagnostics, expr->place, "a number is wanted here; write a literal or a constant");
    return false;
}

bool isa_constant_between(struct isa_reader *reader, struct isa_syntax_expr *expr, const char *what, uint64_t low,
                          uint64_t high, uint64_t *value)
{
    struct isa_number number;
    if (!isa_constant(reader, expr, &number)) {
        return false;
    }
    *value = (uint64_t)number.magnitude;
    if (!number.negative && number.magnitude >= low && number.magnitude <= high) {
        return true;
    }
    char text[ISA_NUMBER_TEXT];
    isa_report(reader->diagnostics, expr->place, "%s cannot be %s; write a number from %llu to %llu", what,
               isa_number_text(number, text), (unsigned long long)low, (unsigned long long)high);
    return false;
}

bool isa_type_width(struct isa_reader *reader, const struct isa_syntax_type *type, unsigned *width)
{
    uint64_t value = 0;
    *width = ISA_BOOL;
    if (type->is_bool) {
        return true;
    }
    if (!isa_constant_between(reader, type->width, "a width", 1, 128, &value)) {
        return false;
    }
    *width = (unsigned)value;
    return true;
}
