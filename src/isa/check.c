/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside declarations: conditions, constants, trap values, functions; and the order of the rest. */
#include "isa/check.h"

#include "isa/evaluate.h"

static struct isa_condition *new_condition(struct isa_reader *reader)
{
    return ISA_NEW(reader->arena, struct isa_condition);
}

const struct isa_condition *isa_check_condition(struct isa_reader *reader, struct isa_syntax_expr *expr)
{
    bool is_and = expr->kind == ISA_SYNTAX_BINARY && expr->op == ISA_OP_LOGIC_AND;
    bool is_or = expr->kind == ISA_SYNTAX_BINARY && expr->op == ISA_OP_LOGIC_OR;
    if (expr->kind == ISA_SYNTAX_NAME) {
        struct isa_symbol *symbol = isa_expect(reader, ISA_SPACE_EXTENSION, expr->name, expr->place);
        if (symbol == NULL) {
            return NULL;
        }
        struct isa_condition *condition = new_condition(reader);
        condition->kind = ISA_CONDITION_HAS;
        condition->extension = symbol->as.extension;
        return condition;
    }
    if (!is_and && !is_or) {
        isa_report(reader->diagnostics, expr->place, "only names of extensions stand here, joined by `and` and `or`");
        return NULL;
    }
    const struct isa_condition *left = isa_check_condition(reader, expr->a);
    const struct isa_condition *right = isa_check_condition(reader, expr->b);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    struct isa_condition *condition = new_condition(reader);
    condition->kind = is_and ? ISA_CONDITION_AND : ISA_CONDITION_OR;
    condition->left = left;
    condition->right = right;
    return condition;
}

struct isa_expr *isa_check_constant(struct isa_reader *reader, const struct isa_syntax_type *type,
                                    struct isa_syntax_expr *value)
{
    struct isa_scope scope = { .reader = reader, .view = ISA_VIEW_CONSTANTS, .what = "a constant" };
    unsigned width;
    if (!isa_type_width(reader, type, &width)) {
        return NULL;
    }
    struct isa_expr *typed = isa_check(&scope, value, width);
    if (typed == NULL || typed->kind == ISA_EXPR_CONST) {
        return typed;
    }
    struct isa_expr *constant = isa_new_expr(&scope, ISA_EXPR_CONST, value->place, width);
    constant->value = isa_evaluate(typed, NULL, 0);
    return constant;
}

static void check_exceptions(struct isa_reader *reader)
{
    struct isa_scope scope = { .reader = reader, .view = ISA_VIEW_PLACE, .what = "the `tval` of an exception" };
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_EXCEPTION && symbol->decl->tval != NULL) {
            symbol->as.exception->tval = isa_check_widened(&scope, symbol->decl->tval, 64);
        }
    }
}

static void check_function(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_function *function = symbol->as.function;
    unsigned *local_count = ISA_NEW(reader->arena, unsigned);
    struct isa_scope scope = { .reader = reader,
                               .view = ISA_VIEW_STATE,
                               .what = "a function",
                               .node = symbol->node,
                               .local_count = local_count,
                               .may_return = true,
                               .result = function->result,
                               .errors = reader->diagnostics->total };
    struct isa_local **end = &function->parameters;
    for (const struct isa_local *parameter = function->parameters; parameter != NULL; parameter = parameter->next) {
        struct isa_local *local =
            isa_add_local(&scope, parameter->place, parameter->name, parameter->width, false, true);
        local->next = parameter->next;
        *end = local;
        end = &local->next;
    }
    function->body = isa_check_statements(&scope, symbol->decl->body.first);
    symbol->node->body = &function->body;
    symbol->node->returns_value = function->result != ISA_VOID;
    symbol->node->local_count = local_count;
}

static void check_used(struct isa_reader *reader)
{
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_FUNCTION || symbol->decl->primitive || symbol->decl->exported) {
            continue;
        }
        if (!symbol->node->used) {
            isa_report(reader->diagnostics, symbol->decl->place,
                       "nothing calls `%s`; remove it, or write `export function` if C does", symbol->name);
        }
    }
}

void isa_check_all(struct isa_reader *reader)
{
    reader->csr_read = isa_new_node(reader, (struct isa_place){ 0 }, "`csr_read`");
    reader->csr_write = isa_new_node(reader, (struct isa_place){ 0 }, "`csr_write`");
    reader->csr_read->effects = ISA_EFFECT_READS_CSR | ISA_EFFECT_TRAPS | ISA_EFFECT_READS_TIME;
    reader->csr_write->effects = ISA_EFFECT_WRITES_CSR | ISA_EFFECT_TRAPS | ISA_EFFECT_CHANGES_TRANSLATION;
    check_exceptions(reader);
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_FUNCTION && !symbol->decl->primitive) {
            check_function(reader, symbol);
        } else if (symbol->decl->kind == ISA_SYNTAX_CSR) {
            isa_check_csr(reader, symbol);
        } else if (symbol->decl->kind == ISA_SYNTAX_INSTRUCTION) {
            isa_check_instruction(reader, symbol);
        }
    }
    if (reader->diagnostics->total == 0) {
        check_used(reader);
    }
}
