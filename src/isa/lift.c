/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/lift.h"

struct lift {
    struct isa_reader *reader;
    struct isa_stmt **at; /* where new statements go: before *at */
    unsigned *local_count;
};

static bool is_effect(const struct isa_reader *reader, const struct isa_expr *expr)
{
    if (expr->kind == ISA_EXPR_CALL) {
        return (expr->function->effects & ~(unsigned)ISA_ORDERLESS) != 0;
    }
    return expr->kind == ISA_EXPR_CSR_READ && reader->csr_read != NULL;
}

static bool has_effect(const struct isa_reader *reader, const struct isa_expr *expr)
{
    if (expr == NULL) {
        return false;
    }
    if (is_effect(reader, expr) || has_effect(reader, expr->a) || has_effect(reader, expr->b) ||
        has_effect(reader, expr->c)) {
        return true;
    }
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        if (has_effect(reader, arg)) {
            return true;
        }
    }
    return false;
}

/* Puts *expr into a new local before the statement, and the local in its place. */
static void into_local(struct lift *lift, struct isa_expr **expr)
{
    struct isa_local *local = ISA_NEW(lift->reader->arena, struct isa_local);
    local->place = (*expr)->place;
    local->number = (*lift->local_count)++;
    local->name = isa_text(lift->reader, "lifted%u", local->number);
    local->width = (*expr)->width;
    struct isa_expr *use = ISA_NEW(lift->reader->arena, struct isa_expr);
    use->next = (*expr)->next;
    use->place = (*expr)->place;
    use->kind = ISA_EXPR_LOCAL;
    use->width = local->width;
    use->local = local;
    struct isa_stmt *stmt = ISA_NEW(lift->reader->arena, struct isa_stmt);
    stmt->kind = ISA_STMT_LOCAL;
    stmt->place = local->place;
    stmt->local = local;
    stmt->value = *expr;
    stmt->value->next = NULL;
    *expr = use;
    stmt->next = *lift->at;
    *lift->at = stmt;
    lift->at = &stmt->next;
}

static bool never_changes(const struct isa_expr *expr)
{
    return expr->kind == ISA_EXPR_CONST || expr->kind == ISA_EXPR_OPERAND || expr->kind == ISA_EXPR_PC ||
           expr->kind == ISA_EXPR_LOCAL;
}

static void lift_expr(struct lift *lift, struct isa_expr **slot, bool is_whole)
{
    struct isa_expr *expr = *slot;
    if (expr == NULL || !has_effect(lift->reader, expr)) {
        return;
    }
    lift_expr(lift, &expr->a, false);
    /* The last argument with an effect: those before it are evaluated earlier, so they go first. */
    struct isa_expr *last = NULL;
    for (struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        if (has_effect(lift->reader, arg)) {
            last = arg;
        }
    }
    for (struct isa_expr **arg = &expr->args; last != NULL; arg = &(*arg)->next) {
        bool was_last = *arg == last;
        lift_expr(lift, arg, false);
        if (was_last) {
            break;
        }
        if (!never_changes(*arg)) {
            into_local(lift, arg);
        }
    }
    if (!is_whole && is_effect(lift->reader, expr)) {
        into_local(lift, slot);
    }
}

static void lift_stmt(struct lift *lift, struct isa_stmt *stmt)
{
    if (stmt->kind == ISA_STMT_CSR_WRITE) { /* two expressions: the number goes first */
        lift_expr(lift, &stmt->index, false);
        if (has_effect(lift->reader, stmt->value) && !never_changes(stmt->index)) {
            into_local(lift, &stmt->index);
        }
        lift_expr(lift, &stmt->value, false);
        return;
    }
    if (stmt->kind != ISA_STMT_IF && stmt->kind != ISA_STMT_TRAP) {
        lift_expr(lift, &stmt->value, true);
    }
    isa_lift(lift->reader, &stmt->body, lift->local_count);
    isa_lift(lift->reader, &stmt->otherwise, lift->local_count);
}

void isa_lift(struct isa_reader *reader, struct isa_stmt **stmts, unsigned *local_count)
{
    while (*stmts != NULL) {
        struct isa_stmt *stmt = *stmts;
        struct lift lift = { .reader = reader, .at = stmts, .local_count = local_count };
        lift_stmt(&lift, stmt);
        stmts = &stmt->next;
    }
}
