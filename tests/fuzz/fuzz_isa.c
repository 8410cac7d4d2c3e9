/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a machine description: the reader ends, in bounded time and memory, with a machine or with errors.
 *
 * A good start: tests/isa/toy.isa and tests/isa/bad. A description that is taken as good is walked as an output would,
 * to see that what the tree promises is there.
 */
#include "core/check.h"
#include "isa/evaluate.h"
#include "isa/read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_expr(const struct isa_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    CHECK(expr->width <= 128 || expr->width == ISA_VOID);
    CHECK(expr->kind != ISA_EXPR_CALL || expr->function != NULL);
    CHECK(expr->kind != ISA_EXPR_OPERAND || expr->field->width == expr->width);
    CHECK(expr->kind != ISA_EXPR_SLICE || expr->high < expr->a->width);
    CHECK(expr->kind != ISA_EXPR_CONST || expr->width >= 128 || expr->width == ISA_BOOL ||
          expr->value >> expr->width == 0);
    walk_expr(expr->a);
    walk_expr(expr->b);
    walk_expr(expr->c);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        walk_expr(arg);
    }
}

static void walk_stmts(const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        walk_expr(stmt->index);
        walk_expr(stmt->value);
        walk_expr(stmt->tval);
        walk_stmts(stmt->body);
        walk_stmts(stmt->otherwise);
        CHECK(stmt->kind != ISA_STMT_SET_REGISTER || stmt->value->width == stmt->reg->width);
        CHECK(stmt->kind != ISA_STMT_LOCAL || stmt->value->width == stmt->local->width);
        CHECK(stmt->tval == NULL || stmt->tval->width == 64);
    }
}

static void walk_machine(const struct isa_machine *machine)
{
    CHECK(machine->name != NULL && machine->program_counter != NULL);
    for (const struct isa_function *function = machine->functions; function != NULL; function = function->next) {
        walk_stmts(function->body);
    }
    for (const struct isa_csr *csr = machine->csrs; csr != NULL; csr = csr->next) {
        for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
            walk_expr(field->is);
        }
        walk_stmts(csr->access);
        walk_stmts(csr->read);
        walk_stmts(csr->write);
        walk_stmts(csr->after);
    }
    for (const struct isa_instruction *i = machine->instructions; i != NULL; i = i->next) {
        CHECK((i->match & ~i->mask) == 0);
        CHECK(i->in != NULL && i->format != NULL);
        CHECK(i->where == NULL || (isa_is_fixed(i->where) && isa_evaluate(i->where, i->format, i->match) <= 1));
        walk_stmts(i->body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct isa_diagnostics *diagnostics = malloc(sizeof *diagnostics); /* on the heap: overruns show */
    CHECK(diagnostics != NULL);
    struct isa_machine *machine = isa_read_text("fuzz.isa", (const char *)data, size, diagnostics);
    CHECK((machine == NULL) == (diagnostics->total > 0));
    CHECK(diagnostics->count <= diagnostics->total && diagnostics->count <= ISA_DIAGNOSTIC_LIMIT);
    if (machine != NULL) {
        walk_machine(machine);
    }
    isa_free(machine);
    free(diagnostics);
    return 0;
}
