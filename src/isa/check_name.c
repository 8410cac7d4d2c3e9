/* SPDX-License-Identifier: Apache-2.0 */
/* What names mean: locals, operands, registers, control registers and their fields, constants. */
#include "isa/check.h"

#include <string.h>

static struct isa_check_local *find_local(struct isa_scope *scope, const char *name)
{
    struct isa_check_local *local = scope->locals;
    while (local != NULL && strcmp(local->local->name, name) != 0) {
        local = local->next;
    }
    return local;
}

static bool is_fixed(const struct isa_instruction *instruction, const struct isa_field *field)
{
    for (const struct isa_fixed *fixed = instruction->fixed; fixed != NULL; fixed = fixed->next) {
        if (fixed->field == field) {
            return true;
        }
    }
    return false;
}

static const struct isa_field *find_field(const struct isa_scope *scope, const char *name)
{
    if (scope->instruction == NULL || scope->instruction->format == NULL) {
        return NULL;
    }
    const struct isa_field *field = scope->instruction->format->fields;
    while (field != NULL && strcmp(field->name, name) != 0) {
        field = field->next;
    }
    return field;
}

static struct isa_target unknown(void)
{
    return (struct isa_target){ .kind = ISA_TARGET_UNKNOWN, .width = ISA_BAD };
}

static struct isa_target resolve_symbol(struct isa_scope *scope, struct isa_symbol *symbol)
{
    struct isa_target target = { .symbol = symbol, .width = ISA_BAD };
    const struct isa_register *mode = scope->reader->machine->mode;
    enum isa_syntax_decl_kind kind = symbol->decl->kind;
    if (kind == ISA_SYNTAX_CONSTANT) {
        target.kind = ISA_TARGET_CONSTANT;
        if (isa_constant_value(scope->reader, symbol)) {
            target.width = symbol->as.constant->typed != NULL ? symbol->as.constant->typed->width : ISA_ANY;
        }
    } else if (kind == ISA_SYNTAX_MODE) {
        target.kind = ISA_TARGET_MODE;
        target.width = mode != NULL ? mode->width : ISA_BAD;
    } else if (kind == ISA_SYNTAX_REGISTER) {
        target.kind = ISA_TARGET_REGISTER;
        target.width = symbol->as.reg->count == 0 ? symbol->as.reg->width : ISA_BAD;
        enum isa_view needed = symbol->as.reg->role == ISA_ROLE_PROGRAM_COUNTER ? ISA_VIEW_PLACE : ISA_VIEW_STATE;
        if (scope->view < needed) {
            return unknown();
        }
    } else {
        target.kind = ISA_TARGET_CSR;
        target.width = symbol->as.csr->count == 0 ? symbol->as.csr->width : ISA_BAD;
        if (scope->view < ISA_VIEW_STATE) {
            return unknown();
        }
    }
    return target;
}

static struct isa_target resolve_name(struct isa_scope *scope, const char *name)
{
    struct isa_target target = { .width = ISA_BAD };
    target.local = find_local(scope, name);
    if (target.local != NULL) {
        target.kind = ISA_TARGET_LOCAL;
        target.width = target.local->bad ? ISA_BAD : target.local->local->width;
        return target;
    }
    target.field = find_field(scope, name);
    if (target.field != NULL && !is_fixed(scope->instruction, target.field)) {
        target.kind = ISA_TARGET_OPERAND;
        target.width = target.field->width;
        return target;
    }
    struct isa_symbol *symbol = isa_find(scope->reader, ISA_SPACE_VALUE, name);
    if (symbol != NULL) {
        return resolve_symbol(scope, symbol);
    }
    if (scope->view >= ISA_VIEW_PLACE && strcmp(name, "encoding") == 0) {
        return (struct isa_target){ .kind = ISA_TARGET_ENCODING, .width = 32 };
    }
    const struct isa_register *pc = scope->reader->machine->program_counter;
    if (scope->view >= ISA_VIEW_PLACE && strcmp(name, "next_pc") == 0 && pc != NULL) {
        return (struct isa_target){ .kind = ISA_TARGET_NEXT_PC, .width = pc->width };
    }
    return unknown();
}

static unsigned bank_count(const struct isa_target *target)
{
    if (target->index != NULL) {
        return 0;
    }
    if (target->kind == ISA_TARGET_REGISTER) {
        return target->symbol->as.reg->count;
    }
    return target->kind == ISA_TARGET_CSR ? target->symbol->as.csr->count : 0;
}

static const struct isa_csr_field *csr_field(const struct isa_csr *csr, const char *name)
{
    if (csr->view != NULL) {
        for (unsigned i = 0; i < csr->view_field_count; i++) {
            if (strcmp(csr->view_fields[i]->name, name) == 0) {
                return csr->view_fields[i];
            }
        }
        return NULL;
    }
    const struct isa_csr_field *field = csr->fields;
    while (field != NULL && strcmp(field->name, name) != 0) {
        field = field->next;
    }
    return field;
}

struct isa_target isa_resolve(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    if (expr->kind == ISA_SYNTAX_NAME) {
        return resolve_name(scope, expr->name);
    }
    if (expr->kind == ISA_SYNTAX_INDEX && expr->a->kind == ISA_SYNTAX_NAME) {
        struct isa_target target = resolve_name(scope, expr->a->name);
        if (bank_count(&target) == 0) {
            return (struct isa_target){ .kind = ISA_TARGET_NONE, .width = ISA_BAD };
        }
        target.index = expr->b;
        target.width = target.kind == ISA_TARGET_CSR ? target.symbol->as.csr->width : target.symbol->as.reg->width;
        return target;
    }
    if (expr->kind != ISA_SYNTAX_MEMBER) {
        return (struct isa_target){ .kind = ISA_TARGET_NONE, .width = ISA_BAD };
    }
    struct isa_target target = isa_resolve(scope, expr->a);
    if (target.kind != ISA_TARGET_CSR) {
        return unknown();
    }
    target.csr_field = csr_field(target.symbol->as.csr, expr->name);
    if (target.csr_field == NULL) {
        return unknown();
    }
    target.kind = ISA_TARGET_CSR_FIELD;
    target.width = target.csr_field->high - target.csr_field->low + 1;
    if (bank_count(&(struct isa_target){ .kind = ISA_TARGET_CSR, .symbol = target.symbol, .index = target.index }) !=
        0) {
        target.width = ISA_BAD;
    }
    return target;
}

static void report_member(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_reader *reader = scope->reader;
    struct isa_target of = isa_resolve(scope, expr->a);
    if (of.kind == ISA_TARGET_UNKNOWN) {
        isa_report_unknown(scope, expr->a);
        return;
    }
    if (of.kind != ISA_TARGET_CSR) {
        isa_report(reader->diagnostics, expr->place, "only control registers have fields; take bits as `…[high:low]`");
        return;
    }
    const struct isa_csr *csr = of.symbol->as.csr;
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, expr->name);
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        isa_suggest(&suggestion, field->name);
    }
    for (unsigned i = 0; i < csr->view_field_count; i++) {
        isa_suggest(&suggestion, csr->view_fields[i]->name);
    }
    isa_report(reader->diagnostics, expr->place, "`%s` has no field `%s`; %s", csr->name, expr->name,
               isa_suggest_text(reader, &suggestion, "declare it"));
}

static void suggest_name(struct isa_scope *scope, struct isa_suggestion *suggestion)
{
    for (const struct isa_check_local *local = scope->locals; local != NULL; local = local->next) {
        isa_suggest(suggestion, local->local->name);
    }
    if (scope->instruction != NULL && scope->instruction->format != NULL) {
        for (const struct isa_field *field = scope->instruction->format->fields; field != NULL; field = field->next) {
            if (!is_fixed(scope->instruction, field)) {
                isa_suggest(suggestion, field->name);
            }
        }
    }
    isa_suggest_space(scope->reader, suggestion, ISA_SPACE_VALUE);
}

void isa_report_unknown(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_reader *reader = scope->reader;
    if (expr->kind == ISA_SYNTAX_MEMBER) {
        report_member(scope, expr);
        return;
    }
    if (expr->kind != ISA_SYNTAX_NAME) {
        isa_report(reader->diagnostics, expr->place, "this is no name; write a register, control register or local");
        return;
    }
    const struct isa_field *field = find_field(scope, expr->name);
    if (field != NULL) {
        isa_report(reader->diagnostics, expr->place,
                   "the field `%s` is fixed in this instruction, so it is no operand; write its value", expr->name);
        return;
    }
    if (isa_find(reader, ISA_SPACE_VALUE, expr->name) != NULL || strcmp(expr->name, "encoding") == 0 ||
        strcmp(expr->name, "next_pc") == 0) {
        isa_report(
            reader->diagnostics, expr->place, "`%s` cannot be read in %s; write %s only", expr->name, scope->what,
            scope->view == ISA_VIEW_PLACE ? "constants, `pc`, `next_pc` and `encoding`" : "operands and constants");
        return;
    }
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, expr->name);
    suggest_name(scope, &suggestion);
    isa_report(reader->diagnostics, expr->place, "`%s` is not declared; %s", expr->name,
               isa_suggest_text(reader, &suggestion, "declare it"));
}

bool isa_check_index(struct isa_scope *scope, const struct isa_target *target, struct isa_place place, unsigned count,
                     struct isa_expr **index)
{
    *index = NULL;
    if (count == 0) {
        return true;
    }
    if (target->index == NULL) {
        isa_report(scope->reader->diagnostics, place, "`%s` is a bank of %u; say which: `%s[…]`", target->symbol->name,
                   count, target->symbol->name);
        return false;
    }
    *index = isa_check_amount(scope, target->index);
    if (*index == NULL) {
        return false;
    }
    if ((*index)->kind != ISA_EXPR_CONST || (*index)->value < count) {
        return true;
    }
    isa_report(scope->reader->diagnostics, target->index->place, "`%s` ends at %u; write 0 to %u", target->symbol->name,
               count - 1, count - 1);
    return false;
}

static struct isa_expr *local_value(struct isa_scope *scope, const struct isa_target *target, struct isa_place place)
{
    target->local->used = true;
    if (target->local->bad) {
        return NULL;
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_LOCAL, place, target->width);
    typed->local = target->local->local;
    return typed;
}

static struct isa_expr *constant_value(struct isa_scope *scope, const struct isa_target *target, struct isa_place place)
{
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_CONST, place, target->width);
    if (target->kind == ISA_TARGET_CONSTANT) {
        if (target->width == ISA_BAD || target->width == ISA_ANY) {
            return NULL; /* reported; those without a width fold before this */
        }
        typed->value = target->symbol->as.constant->typed->value;
        return typed;
    }
    if (target->width == ISA_BAD) {
        isa_report(scope->reader->diagnostics, place, "modes need a register that holds them; declare one `is mode`");
        return NULL;
    }
    typed->value = target->symbol->as.mode->value;
    return typed;
}

static struct isa_expr *register_value(struct isa_scope *scope, const struct isa_target *target, struct isa_place place)
{
    const struct isa_register *reg = target->symbol->as.reg;
    if (reg->role == ISA_ROLE_PROGRAM_COUNTER) {
        return isa_new_expr(scope, ISA_EXPR_PC, place, reg->width);
    }
    struct isa_expr *typed = isa_new_expr(scope, ISA_EXPR_REGISTER, place, reg->width);
    typed->reg = reg;
    if (scope->node != NULL) {
        scope->node->effects |= ISA_EFFECT_READS_REGISTERS;
    }
    return isa_check_index(scope, target, place, reg->count, &typed->a) ? typed : NULL;
}

static void note_csr_use(struct isa_scope *scope, const struct isa_target *target, struct isa_place place)
{
    if (scope->node == NULL) {
        return;
    }
    scope->node->effects |= ISA_EFFECT_READS_CSR;
    struct isa_csr_nodes *nodes = target->symbol->csr_nodes;
    if (nodes == NULL) {
        return;
    }
    if (target->kind == ISA_TARGET_CSR) {
        isa_node_uses(scope->reader, scope->node, nodes->whole, place);
        return;
    }
    const struct isa_csr *owner = target->csr_field->csr;
    if (owner != target->symbol->as.csr) { /* through a view */
        nodes = isa_find(scope->reader, ISA_SPACE_VALUE, owner->name)->csr_nodes;
    }
    unsigned number = 0;
    for (const struct isa_csr_field *field = owner->fields; field != target->csr_field; field = field->next) {
        number++;
    }
    if (nodes != NULL && nodes->fields[number] != NULL) {
        isa_node_uses(scope->reader, scope->node, nodes->fields[number], place);
    }
}

static struct isa_expr *csr_value(struct isa_scope *scope, const struct isa_target *target, struct isa_place place)
{
    bool whole = target->kind == ISA_TARGET_CSR;
    const struct isa_csr *csr = target->symbol->as.csr;
    unsigned width = whole ? csr->width : target->csr_field->high - target->csr_field->low + 1;
    struct isa_expr *typed = isa_new_expr(scope, whole ? ISA_EXPR_CSR : ISA_EXPR_CSR_FIELD, place, width);
    typed->csr = whole ? csr : target->csr_field->csr;
    typed->csr_field = target->csr_field;
    note_csr_use(scope, target, place);
    return isa_check_index(scope, target, place, csr->count, &typed->a) ? typed : NULL;
}

struct isa_expr *isa_check_named(struct isa_scope *scope, struct isa_syntax_expr *expr)
{
    struct isa_target target = isa_resolve(scope, expr);
    struct isa_expr *typed;
    switch (target.kind) {
    case ISA_TARGET_LOCAL: return local_value(scope, &target, expr->place);
    case ISA_TARGET_OPERAND:
        typed = isa_new_expr(scope, ISA_EXPR_OPERAND, expr->place, target.width);
        typed->field = target.field;
        return typed;
    case ISA_TARGET_REGISTER: return register_value(scope, &target, expr->place);
    case ISA_TARGET_CSR:
    case ISA_TARGET_CSR_FIELD: return csr_value(scope, &target, expr->place);
    case ISA_TARGET_CONSTANT:
    case ISA_TARGET_MODE: return constant_value(scope, &target, expr->place);
    case ISA_TARGET_NEXT_PC: return isa_new_expr(scope, ISA_EXPR_NEXT_PC, expr->place, target.width);
    case ISA_TARGET_ENCODING: return isa_new_expr(scope, ISA_EXPR_ENCODING, expr->place, target.width);
    case ISA_TARGET_UNKNOWN:
    case ISA_TARGET_NONE: break;
    }
    isa_report_unknown(scope, expr);
    return NULL;
}
