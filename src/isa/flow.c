/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens on the paths of a body: effects stand where their order can be read off, traps come before anything they
 * would have to undo, every path returns once, nothing is unreachable.
 */
#include "isa/lift.h"
#include "isa/reader.h"

struct path {
    struct isa_reader *reader;
    unsigned done; /* effects that a trap would have to undo */
    bool jumped;
    bool ended; /* by trap or return */
};

#define LASTING                                                                                                 \
    (ISA_EFFECT_WRITES_MEMORY | ISA_EFFECT_WRITES_CSR | ISA_EFFECT_WRITES_REGISTERS | ISA_EFFECT_CHANGES_MODE | \
     ISA_EFFECT_CHANGES_TRANSLATION | ISA_EFFECT_STOPS | ISA_EFFECT_JUMPS)

static unsigned effects_of_call(const struct isa_reader *reader, const struct isa_expr *expr)
{
    if (expr->kind == ISA_EXPR_CALL) {
        return expr->function->effects;
    }
    return expr->kind == ISA_EXPR_CSR_READ ? reader->csr_read->effects : 0;
}

static const char *name_of_call(const struct isa_expr *expr)
{
    return expr->kind == ISA_EXPR_CALL ? expr->function->name : "csr_read";
}

/* ---- Order ---------------------------------------------------------------------------------------------------- */

static void check_trap(struct path *path, struct isa_place place)
{
    if (path->done == 0) {
        return;
    }
    const char *what = (path->done & ISA_EFFECT_WRITES_REGISTERS) != 0 ? "a register was written"
                       : (path->done & ISA_EFFECT_WRITES_MEMORY) != 0  ? "memory was written"
                       : (path->done & ISA_EFFECT_WRITES_CSR) != 0     ? "a control register was written"
                       : (path->done & ISA_EFFECT_JUMPS) != 0          ? "a jump was taken"
                                                                       : "the machine was changed";
    isa_report(path->reader->diagnostics, place,
               "this may trap after %s, which would have to be undone; do what may trap first", what);
}

static void note(struct path *path, unsigned effects, struct isa_place place)
{
    if ((effects & ISA_EFFECT_TRAPS) != 0) {
        check_trap(path, place);
    }
    path->done |= effects & LASTING;
}

/* Operands that are evaluated once, whatever happens, in order: only through them may effects be reached. */
static bool passes_effects(const struct isa_expr *expr)
{
    return expr->kind == ISA_EXPR_CALL || expr->kind == ISA_EXPR_CSR_READ || expr->kind == ISA_EXPR_SEXT ||
           expr->kind == ISA_EXPR_ZEXT || expr->kind == ISA_EXPR_CAT || expr->kind == ISA_EXPR_SLICE ||
           (expr->kind == ISA_EXPR_UNARY && expr->op != ISA_OP_NOT && expr->op != ISA_OP_NEG &&
            expr->op != ISA_OP_INVERT);
}

static void walk_expr(struct path *path, const struct isa_expr *expr, bool allowed)
{
    if (expr == NULL) {
        return;
    }
    bool inside = allowed && passes_effects(expr);
    walk_expr(path, expr->a, inside);
    walk_expr(path, expr->b, inside);
    walk_expr(path, expr->c, inside);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        walk_expr(path, arg, inside);
    }
    unsigned effects = effects_of_call(path->reader, expr);
    if ((effects & ~(unsigned)ISA_ORDERLESS) == 0) {
        return;
    }
    if (!allowed) {
        isa_report(
            path->reader->diagnostics, expr->place,
            "`%s` has effects, so it must not be part of a larger expression or a condition; write `let … = %s(…)` "
            "first",
            name_of_call(expr), name_of_call(expr));
    }
    note(path, effects, expr->place);
}

/* ---- Loops ---------------------------------------------------------------------------------------------------- */

static unsigned effects_in(const struct isa_reader *reader, const struct isa_expr *expr)
{
    if (expr == NULL) {
        return 0;
    }
    unsigned effects = effects_of_call(reader, expr) | effects_in(reader, expr->a) | effects_in(reader, expr->b) |
                       effects_in(reader, expr->c);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        effects |= effects_in(reader, arg);
    }
    return effects;
}

static unsigned effects_of_stmt(const struct isa_stmt *stmt)
{
    if (stmt->kind == ISA_STMT_SET_REGISTER) {
        return stmt->reg->role == ISA_ROLE_MODE ? ISA_EFFECT_CHANGES_MODE : ISA_EFFECT_WRITES_REGISTERS;
    }
    if (stmt->kind == ISA_STMT_SET_CSR || stmt->kind == ISA_STMT_SET_CSR_FIELD) {
        return ISA_EFFECT_WRITES_CSR;
    }
    if (stmt->kind == ISA_STMT_JUMP) {
        return ISA_EFFECT_JUMPS;
    }
    return stmt->kind == ISA_STMT_TRAP ? ISA_EFFECT_TRAPS : 0;
}

/* All that a list of statements may do: what an earlier round of a loop may have done. */
static unsigned effects_of_list(const struct isa_reader *reader, const struct isa_stmt *stmt)
{
    unsigned effects = 0;
    for (; stmt != NULL; stmt = stmt->next) {
        effects |= effects_of_stmt(stmt) | effects_in(reader, stmt->value) | effects_in(reader, stmt->index);
        if (stmt->kind == ISA_STMT_CSR_WRITE) {
            effects |= reader->csr_write->effects;
        }
        effects |= effects_of_list(reader, stmt->body) | effects_of_list(reader, stmt->otherwise);
    }
    return effects;
}

/* ---- Paths ---------------------------------------------------------------------------------------------------- */

static void walk_list(struct path *path, const struct isa_stmt *stmt);

static void walk_branch(struct path *path, const struct isa_stmt *stmt)
{
    struct path otherwise;
    walk_expr(path, stmt->value, false);
    otherwise = *path;
    walk_list(path, stmt->body);
    walk_list(&otherwise, stmt->otherwise);
    /* A path that has ended brings nothing to what follows. */
    unsigned done = (path->ended ? 0 : path->done) | (otherwise.ended ? 0 : otherwise.done);
    bool jumped = (!path->ended && path->jumped) || (!otherwise.ended && otherwise.jumped);
    path->ended = path->ended && otherwise.ended;
    path->done = done;
    path->jumped = jumped;
}

static void walk_for(struct path *path, const struct isa_stmt *stmt)
{
    unsigned effects = effects_of_list(path->reader, stmt->body);
    if (stmt->first != stmt->last) {
        path->done |= effects & LASTING;
    }
    if ((effects & ISA_EFFECT_JUMPS) != 0) {
        isa_report(path->reader->diagnostics, stmt->place,
                   "a loop would jump more than once; find the target in the loop and jump after it");
        path->done &= ~(unsigned)ISA_EFFECT_JUMPS;
    }
    struct path body = *path;
    walk_list(&body, stmt->body);
    path->done |= body.done;
}

static void walk_jump(struct path *path, const struct isa_stmt *stmt)
{
    walk_expr(path, stmt->value, true);
    if (path->jumped) {
        isa_report(path->reader->diagnostics, stmt->place,
                   "a second jump on the same path; jump once, to a target computed before");
    }
    path->jumped = true;
    path->done |= ISA_EFFECT_JUMPS;
}

static void walk_trap(struct path *path, const struct isa_stmt *stmt)
{
    walk_expr(path, stmt->value, false);
    walk_expr(path, stmt->tval, false);
    check_trap(path, stmt->place);
    path->ended = true;
}

static void walk_stmt(struct path *path, const struct isa_stmt *stmt)
{
    switch (stmt->kind) {
    case ISA_STMT_IF: walk_branch(path, stmt); return;
    case ISA_STMT_FOR: walk_for(path, stmt); return;
    case ISA_STMT_JUMP: walk_jump(path, stmt); return;
    case ISA_STMT_TRAP: walk_trap(path, stmt); return;
    case ISA_STMT_CSR_WRITE:
        walk_expr(path, stmt->index, true);
        walk_expr(path, stmt->value, true);
        note(path, path->reader->csr_write->effects, stmt->place);
        return;
    case ISA_STMT_LOCAL:
    case ISA_STMT_SET_LOCAL:
    case ISA_STMT_SET_REGISTER:
    case ISA_STMT_SET_CSR:
    case ISA_STMT_SET_CSR_FIELD:
    case ISA_STMT_CALL:
    case ISA_STMT_RETURN: break;
    }
    walk_expr(path, stmt->value, true);
    walk_expr(path, stmt->index, false);
    note(path, effects_of_stmt(stmt), stmt->place);
    path->ended = stmt->kind == ISA_STMT_RETURN;
    if (stmt->kind == ISA_STMT_CALL && stmt->value->kind == ISA_EXPR_CALL &&
        (effects_of_call(path->reader, stmt->value) & ~(unsigned)ISA_ORDERLESS) == 0) {
        isa_report(path->reader->diagnostics, stmt->place,
                   "`%s` has no effect and its result is dropped; use the result or remove the call",
                   stmt->value->function->name);
    }
}

static void walk_list(struct path *path, const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        if (path->ended) {
            isa_report(path->reader->diagnostics, stmt->place,
                       "this never runs: the path ends before it; remove it, or move it up");
            return;
        }
        walk_stmt(path, stmt);
    }
}

void isa_check_flow(struct isa_reader *reader)
{
    for (struct isa_node *node = reader->nodes; node != NULL; node = node->next) {
        if (node->body == NULL) {
            continue;
        }
        struct path path = { .reader = reader };
        walk_list(&path, *node->body);
        if (!path.ended && node->returns_value) {
            isa_report(reader->diagnostics, node->place, "%s does not return on every path; end with `return …`",
                       node->name);
        }
    }
    if (reader->diagnostics->total != 0) {
        return;
    }
    for (struct isa_node *node = reader->nodes; node != NULL; node = node->next) {
        if (node->body != NULL) {
            isa_lift(reader, node->body, node->local_count);
        }
    }
}
