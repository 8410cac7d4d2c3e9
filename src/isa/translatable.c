/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/translatable.h"

#define UNTRANSLATED_EFFECTS \
    (ISA_EFFECT_CHANGES_MODE | ISA_EFFECT_CHANGES_TRANSLATION | ISA_EFFECT_STOPS | ISA_EFFECT_READS_TIME)

bool translatable_is_high_product(const struct isa_expr *expr)
{
    return expr->kind == ISA_EXPR_SLICE && expr->high == 127 && expr->low == 64 && expr->a->kind == ISA_EXPR_BINARY &&
           expr->a->op == ISA_OP_MUL && expr->a->a->width == 128 &&
           (expr->a->a->kind == ISA_EXPR_SEXT || expr->a->a->kind == ISA_EXPR_ZEXT) &&
           (expr->a->b->kind == ISA_EXPR_SEXT || expr->a->b->kind == ISA_EXPR_ZEXT) && expr->a->a->a->width == 64 &&
           expr->a->b->a->width == 64;
}

static bool can_be_called(const struct isa_function *function)
{
    if (function->primitive && (function->effects & UNTRANSLATED_EFFECTS) != 0) {
        return false;
    }
    for (const struct isa_local *p = function->parameters; p != NULL; p = p->next) {
        if (p->width > 64 && p->width != ISA_VOID) {
            return false;
        }
    }
    return function->primitive || translatable_block(function->body);
}

bool translatable_expression(const struct isa_expr *expr)
{
    if (expr == NULL || translatable_is_high_product(expr)) {
        return expr == NULL || (translatable_expression(expr->a->a->a) && translatable_expression(expr->a->b->a));
    }
    if (expr->width > 64 && expr->width != ISA_VOID) {
        return false;
    }
    if (expr->kind == ISA_EXPR_CSR || (expr->kind == ISA_EXPR_CALL && !can_be_called(expr->function))) {
        return false;
    }
    if (expr->kind == ISA_EXPR_CSR_FIELD && (expr->a != NULL || expr->csr_field->rule == ISA_RULE_IS)) {
        return false;
    }
    for (const struct isa_expr *argument = expr->args; argument != NULL; argument = argument->next) {
        if (!translatable_expression(argument)) {
            return false;
        }
    }
    return translatable_expression(expr->a) && translatable_expression(expr->b) && translatable_expression(expr->c);
}

bool translatable_is_guard(const struct isa_stmt *stmt)
{
    return stmt->kind == ISA_STMT_IF && stmt->otherwise == NULL && stmt->body != NULL &&
           stmt->body->kind == ISA_STMT_TRAP;
}

static bool stmt_fits(const struct isa_stmt *stmt)
{
    switch (stmt->kind) {
    case ISA_STMT_TRAP:
    case ISA_STMT_SET_CSR: return false;
    case ISA_STMT_CSR_WRITE: return translatable_expression(stmt->index) && translatable_expression(stmt->value);
    case ISA_STMT_IF:
        return translatable_expression(stmt->value) &&
               (translatable_is_guard(stmt) || (translatable_block(stmt->body) && translatable_block(stmt->otherwise)));
    case ISA_STMT_FOR: return translatable_block(stmt->body);
    case ISA_STMT_SET_REGISTER:
        return stmt->reg->role == ISA_ROLE_NONE && translatable_expression(stmt->index) &&
               translatable_expression(stmt->value);
    case ISA_STMT_SET_CSR_FIELD:
        return stmt->index == NULL && stmt->csr_field->rule != ISA_RULE_IS && translatable_expression(stmt->value);
    case ISA_STMT_LOCAL:
    case ISA_STMT_SET_LOCAL:
    case ISA_STMT_JUMP:
    case ISA_STMT_CALL:
    case ISA_STMT_RETURN: return translatable_expression(stmt->value);
    }
    return false;
}

bool translatable_block(const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        if (!stmt_fits(stmt)) {
            return false;
        }
    }
    return true;
}

bool translatable_function(const struct isa_function *function)
{
    return (function->result <= 64 || function->result == ISA_VOID) && can_be_called(function);
}

bool translatable_has_jump(const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        if (stmt->kind == ISA_STMT_JUMP) {
            return true;
        }
    }
    return false;
}

/* A conditional jump must be the last thing; jumps elsewhere are left to the interpreter. */
static bool jumps_fit(const struct isa_stmt *stmt, bool top)
{
    for (; stmt != NULL; stmt = stmt->next) {
        if (stmt->kind == ISA_STMT_JUMP && stmt->next != NULL) {
            return false;
        }
        if (stmt->kind == ISA_STMT_IF &&
            (translatable_has_jump(stmt->body) || translatable_has_jump(stmt->otherwise)) &&
            (!top || stmt->next != NULL || stmt->otherwise != NULL)) {
            return false;
        }
        if (stmt->kind == ISA_STMT_IF && !jumps_fit(stmt->body, false)) {
            return false;
        }
    }
    return true;
}

bool translatable_instruction(const struct isa_instruction *insn)
{
    return insn->same_as == NULL && translatable_block(insn->body) && jumps_fit(insn->body, true);
}
