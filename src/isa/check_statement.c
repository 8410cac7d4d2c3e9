/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: section 4 of docs/reference/isa-language.md. What depends on effects is checked later (flow.c). */
#include "isa/check.h"

#include <string.h>

static struct isa_stmt *new_stmt(struct isa_scope *scope, enum isa_stmt_kind kind, struct isa_place place)
{
    struct isa_stmt *stmt = ISA_NEW(scope->reader->arena, struct isa_stmt);
    stmt->kind = kind;
    stmt->place = place;
    return stmt;
}

#define LOCAL_LIMIT 1000u

/* ---- Locals --------------------------------------------------------------------------------------------------- */

static bool name_is_free(struct isa_scope *scope, struct isa_place place, const char *name)
{
    for (const struct isa_check_local *local = scope->locals; local != NULL; local = local->next) {
        if (strcmp(local->local->name, name) != 0) {
            continue;
        }
        isa_report(scope->reader->diagnostics, place, "`%s` is declared already, at line %u; choose another name", name,
                   local->local->place.line);
        return false;
    }
    struct isa_symbol *symbol = isa_find(scope->reader, ISA_SPACE_VALUE, name);
    if (symbol != NULL) {
        isa_report(scope->reader->diagnostics, place,
                   "the local `%s` would hide what is declared at %s:%u; choose another name", name,
                   symbol->decl->place.file, symbol->decl->place.line);
        return false;
    }
    const struct isa_field *field = NULL;
    if (scope->instruction != NULL && scope->instruction->format != NULL) {
        field = scope->instruction->format->fields;
    }
    while (field != NULL && strcmp(field->name, name) != 0) {
        field = field->next;
    }
    if (field != NULL) {
        isa_report(scope->reader->diagnostics, place,
                   "the local `%s` would hide a field of the instruction; choose another name", name);
    }
    return field == NULL;
}

static struct isa_check_local *add(struct isa_scope *scope, struct isa_place place, const char *name, unsigned width)
{
    struct isa_check_local *local = ISA_NEW(scope->reader->arena, struct isa_check_local);
    local->local = ISA_NEW(scope->reader->arena, struct isa_local);
    local->local->place = place;
    local->local->name = name;
    local->local->width = width;
    local->local->number = (*scope->local_count)++;
    if (local->local->number == LOCAL_LIMIT) {
        isa_report(scope->reader->diagnostics, place, "more than %u locals; move some work to a function", LOCAL_LIMIT);
    }
    local->next = scope->locals;
    scope->locals = local;
    return local;
}

struct isa_local *isa_add_local(struct isa_scope *scope, struct isa_place place, const char *name, unsigned width,
                                bool mutable, bool may_be_unused)
{
    bool is_free = name_is_free(scope, place, name);
    struct isa_check_local *local = add(scope, place, name, width);
    local->local->mutable = mutable;
    local->may_be_unused = may_be_unused || !is_free;
    return local->local;
}

void isa_add_bad_local(struct isa_scope *scope, struct isa_place place, const char *name)
{
    struct isa_check_local *local = add(scope, place, name, ISA_BOOL);
    local->local->mutable = true;
    local->bad = true;
    local->may_be_unused = true;
}

void isa_close_locals(struct isa_scope *scope, struct isa_check_local *until)
{
    bool sound = scope->reader->diagnostics->total == scope->errors;
    for (struct isa_check_local *local = scope->locals; local != until && sound; local = local->next) {
        if (!local->used && !local->may_be_unused) {
            isa_report(scope->reader->diagnostics, local->local->place,
                       "`%s` is never read; remove it, or call the function as a statement", local->local->name);
        }
    }
    scope->locals = until;
}

static struct isa_stmt *check_let(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    unsigned want = ISA_ANY;
    bool good = !syntax->type.given || isa_type_width(scope->reader, &syntax->type, &want);
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_LOCAL, syntax->place);
    stmt->value = good ? isa_check(scope, syntax->value, want) : NULL;
    if (stmt->value != NULL && stmt->value->width == ISA_VOID) {
        isa_report(scope->reader->diagnostics, syntax->value->place,
                   "this call has no result; write it as a statement");
        stmt->value = NULL;
    }
    if (stmt->value == NULL && (!good || !syntax->type.given)) {
        isa_add_bad_local(scope, syntax->name_place, syntax->name);
        return NULL;
    }
    unsigned width = stmt->value != NULL ? stmt->value->width : want;
    stmt->local = isa_add_local(scope, syntax->name_place, syntax->name, width, syntax->kind == ISA_SYNTAX_VAR,
                                stmt->value == NULL);
    return stmt->value == NULL ? NULL : stmt;
}

/* ---- Assignments ---------------------------------------------------------------------------------------------- */

static struct isa_stmt *assign_local(struct isa_scope *scope, struct isa_syntax_stmt *syntax,
                                     const struct isa_target *target)
{
    const struct isa_local *local = target->local->local;
    if (target->local->bad) {
        isa_check(scope, syntax->value, ISA_ANY);
        return NULL;
    }
    if (!local->mutable) {
        isa_report(scope->reader->diagnostics, syntax->place,
                   "`%s` does not change; declare it with `var` to assign it", local->name);
        return NULL;
    }
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_SET_LOCAL, syntax->place);
    stmt->local = local;
    stmt->value = isa_check(scope, syntax->value, local->width);
    return stmt->value == NULL ? NULL : stmt;
}

static struct isa_stmt *assign_register(struct isa_scope *scope, struct isa_syntax_stmt *syntax,
                                        const struct isa_target *target)
{
    const struct isa_register *reg = target->symbol->as.reg;
    if (reg->role == ISA_ROLE_PROGRAM_COUNTER) {
        isa_report(scope->reader->diagnostics, syntax->place, "the program counter is not assigned; write `jump …`");
        return NULL;
    }
    scope->node->effects |= reg->role == ISA_ROLE_MODE ? ISA_EFFECT_CHANGES_MODE : ISA_EFFECT_WRITES_REGISTERS;
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_SET_REGISTER, syntax->place);
    stmt->reg = reg;
    bool good = isa_check_index(scope, target, syntax->target->place, reg->count, &stmt->index);
    stmt->value = isa_check(scope, syntax->value, reg->width);
    return good && stmt->value != NULL ? stmt : NULL;
}

static struct isa_stmt *assign_csr(struct isa_scope *scope, struct isa_syntax_stmt *syntax,
                                   const struct isa_target *target)
{
    bool whole = target->kind == ISA_TARGET_CSR;
    const struct isa_csr *csr = target->symbol->as.csr;
    scope->node->effects |= ISA_EFFECT_WRITES_CSR;
    struct isa_stmt *stmt = new_stmt(scope, whole ? ISA_STMT_SET_CSR : ISA_STMT_SET_CSR_FIELD, syntax->place);
    stmt->csr = whole ? csr : target->csr_field->csr;
    stmt->csr_field = target->csr_field;
    if (!whole && target->csr_field->rule == ISA_RULE_IS) {
        isa_report(scope->reader->diagnostics, syntax->place,
                   "`%s.%s` is computed, it cannot be assigned; assign what it is computed from", csr->name,
                   target->csr_field->name);
        return NULL;
    }
    if (whole && csr->view == NULL && !csr->has_storage) {
        isa_report(scope->reader->diagnostics, syntax->place,
                   "`%s` has no field that can be assigned; declare one, as `field VALUE %u:0`", csr->name,
                   csr->width - 1);
        return NULL;
    }
    bool good = isa_check_index(scope, target, syntax->target->place, csr->count, &stmt->index);
    unsigned width = whole ? csr->width : target->csr_field->high - target->csr_field->low + 1;
    stmt->value = isa_check(scope, syntax->value, width);
    return good && stmt->value != NULL ? stmt : NULL;
}

static struct isa_stmt *check_assign(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_target target = isa_resolve(scope, syntax->target);
    const char *problem = NULL;
    switch (target.kind) {
    case ISA_TARGET_LOCAL: return assign_local(scope, syntax, &target);
    case ISA_TARGET_REGISTER: return assign_register(scope, syntax, &target);
    case ISA_TARGET_CSR:
    case ISA_TARGET_CSR_FIELD: return assign_csr(scope, syntax, &target);
    case ISA_TARGET_UNKNOWN: isa_report_unknown(scope, syntax->target); break;
    case ISA_TARGET_OPERAND: problem = "an operand does not change; copy it: `var … = …`"; break;
    case ISA_TARGET_CONSTANT:
    case ISA_TARGET_MODE: problem = "a constant cannot be assigned; use a `var`"; break;
    case ISA_TARGET_NEXT_PC: problem = "`next_pc` is not assigned; write `jump …`"; break;
    case ISA_TARGET_ENCODING: problem = "the instruction's bits do not change; copy them: `var … = encoding`"; break;
    case ISA_TARGET_NONE:
        if (syntax->target->kind == ISA_SYNTAX_INDEX && syntax->target->a->kind == ISA_SYNTAX_NAME &&
            isa_resolve(scope, syntax->target->a).kind == ISA_TARGET_UNKNOWN) {
            isa_report_unknown(scope, syntax->target->a);
        } else {
            problem = "only whole registers, fields and locals are assigned; put the bits together with `cat(…)`";
        }
        break;
    }
    if (problem != NULL) {
        isa_report(scope->reader->diagnostics, syntax->place, "%s", problem);
    }
    if (target.width <= 128) {
        isa_check(scope, syntax->value, target.width);
    }
    return NULL;
}

/* ---- Traps ---------------------------------------------------------------------------------------------------- */

static struct isa_stmt *make_trap(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_TRAP, syntax->place);
    bool good = true;
    scope->node->effects |= ISA_EFFECT_TRAPS;
    if (syntax->kind == ISA_SYNTAX_TRAP && syntax->value != NULL) {
        stmt->value = isa_check_widened(scope, syntax->value, 64);
        good = stmt->value != NULL;
    } else {
        struct isa_symbol *symbol = isa_expect(scope->reader, ISA_SPACE_EXCEPTION, syntax->name, syntax->name_place);
        good = symbol != NULL;
        stmt->exception = good ? symbol->as.exception : NULL;
        stmt->tval = good ? symbol->as.exception->tval : NULL;
    }
    if (syntax->tval != NULL) {
        stmt->tval = isa_check_widened(scope, syntax->tval, 64);
        good = good && stmt->tval != NULL;
    }
    return good ? stmt : NULL;
}

static struct isa_stmt *check_require(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_expr *condition = isa_check(scope, syntax->value, ISA_BOOL);
    struct isa_stmt *trap = make_trap(scope, syntax);
    if (condition == NULL || trap == NULL) {
        return NULL;
    }
    struct isa_expr *negated = isa_new_expr(scope, ISA_EXPR_UNARY, syntax->value->place, ISA_BOOL);
    negated->op = ISA_OP_NOT;
    negated->a = condition;
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_IF, syntax->place);
    stmt->value = negated;
    stmt->body = trap;
    return stmt;
}

/* ---- Control -------------------------------------------------------------------------------------------------- */

static struct isa_stmt *check_branch(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_IF, syntax->place);
    stmt->value = isa_check(scope, syntax->value, ISA_BOOL);
    stmt->body = isa_check_statements(scope, syntax->body);
    stmt->otherwise = isa_check_statements(scope, syntax->otherwise);
    return stmt->value == NULL ? NULL : stmt;
}

static struct isa_stmt *check_for(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_FOR, syntax->place);
    bool good = isa_constant_between(scope->reader, syntax->first, "the first value", 0, 255, &stmt->first) &&
                isa_constant_between(scope->reader, syntax->last, "the last value", 0, 255, &stmt->last);
    if (good && stmt->first > stmt->last) {
        isa_report(scope->reader->diagnostics, syntax->first->place,
                   "this loop runs upwards and would never run; put the smaller number first");
        good = false;
    }
    struct isa_check_local *outer = scope->locals;
    stmt->local = isa_add_local(scope, syntax->name_place, syntax->name, 8, false, true);
    stmt->body = isa_check_statements(scope, syntax->body);
    isa_close_locals(scope, outer);
    return good ? stmt : NULL;
}

static struct isa_stmt *check_return(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_RETURN, syntax->place);
    const char *problem = NULL;
    if (!scope->may_return) {
        problem = "only functions and `read` blocks return; remove this";
    } else if (scope->result == ISA_VOID && syntax->value != NULL) {
        problem = "this function has no result; write `-> bits(N)` behind its parameters, or `return` alone";
    } else if (scope->result != ISA_VOID && syntax->value == NULL) {
        problem = "this needs a result; write `return …`";
    }
    if (problem != NULL) {
        isa_report(scope->reader->diagnostics, syntax->place, "%s", problem);
        return NULL;
    }
    if (syntax->value == NULL) {
        return stmt;
    }
    stmt->value = isa_check(scope, syntax->value, scope->result);
    return stmt->value == NULL ? NULL : stmt;
}

static struct isa_stmt *check_jump(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_JUMP, syntax->place);
    const struct isa_register *pc = scope->reader->machine->program_counter;
    scope->node->effects |= ISA_EFFECT_JUMPS;
    if (!scope->may_jump) {
        isa_report(scope->reader->diagnostics, syntax->place,
                   "only instructions jump; return the target and write `jump` in the instruction");
        return NULL;
    }
    stmt->value = isa_check(scope, syntax->value, pc == NULL ? 64 : pc->width);
    return stmt->value == NULL ? NULL : stmt;
}

static struct isa_stmt *check_csr_write(struct isa_scope *scope, struct isa_syntax_expr *call)
{
    if (!isa_count_arguments(scope, call, 2, 2)) {
        return NULL;
    }
    if (scope->reader->machine->csr_missing == NULL) {
        isa_report(
            scope->reader->diagnostics, call->place,
            "nothing says what a missing control register does; write `csr_missing EXCEPTION` in the machine's line");
        return NULL;
    }
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_CSR_WRITE, call->place);
    isa_node_uses(scope->reader, scope->node, scope->reader->csr_write, call->place);
    stmt->index = isa_check_amount(scope, call->args);
    stmt->value = isa_check(scope, call->args->next, 64);
    if (stmt->index != NULL && (!isa_is_width(stmt->index->width) || stmt->index->width > 32)) {
        isa_report(scope->reader->diagnostics, call->args->place,
                   "the number of a control register has at most 32 bits");
        return NULL;
    }
    return stmt->index == NULL || stmt->value == NULL ? NULL : stmt;
}

static struct isa_stmt *check_call_stmt(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    struct isa_syntax_expr *call = syntax->value;
    if (strcmp(call->name, "csr_write") == 0) {
        return check_csr_write(scope, call);
    }
    if (isa_is_builtin(call->name) && strcmp(call->name, "csr_read") != 0) {
        isa_report(scope->reader->diagnostics, call->place, "`%s` only computes a value, dropped here; use it",
                   call->name);
        return NULL;
    }
    struct isa_stmt *stmt = new_stmt(scope, ISA_STMT_CALL, syntax->place);
    stmt->value = isa_check(scope, call, ISA_ANY);
    return stmt->value == NULL ? NULL : stmt;
}

static struct isa_stmt *check_one(struct isa_scope *scope, struct isa_syntax_stmt *syntax)
{
    switch (syntax->kind) {
    case ISA_SYNTAX_LET:
    case ISA_SYNTAX_VAR: return check_let(scope, syntax);
    case ISA_SYNTAX_ASSIGN: return check_assign(scope, syntax);
    case ISA_SYNTAX_JUMP: return check_jump(scope, syntax);
    case ISA_SYNTAX_BRANCH: return check_branch(scope, syntax);
    case ISA_SYNTAX_FOR: return check_for(scope, syntax);
    case ISA_SYNTAX_REQUIRE: return check_require(scope, syntax);
    case ISA_SYNTAX_TRAP: return make_trap(scope, syntax);
    case ISA_SYNTAX_CALL_STMT: return check_call_stmt(scope, syntax);
    case ISA_SYNTAX_RETURN: return check_return(scope, syntax);
    }
    return NULL;
}

struct isa_stmt *isa_check_statements(struct isa_scope *scope, struct isa_syntax_stmt *stmts)
{
    struct isa_check_local *outer = scope->locals;
    struct isa_stmt *first = NULL, **end = &first;
    for (; stmts != NULL && *scope->local_count <= LOCAL_LIMIT; stmts = stmts->next) {
        *end = check_one(scope, stmts);
        if (*end != NULL) {
            end = &(*end)->next;
        }
    }
    isa_close_locals(scope, outer);
    return first;
}
