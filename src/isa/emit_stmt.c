/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_stmt.h"

#include "core/check.h"

#include <inttypes.h>

static void write_block(struct emit_body *body, const struct isa_stmt *stmt, bool tail);

static const char *state_pointer(const struct emit_body *body)
{
    return body->where == EMIT_IN_HANDLER ? "state" : "&cpu->state";
}

static bool is_effectful(const struct isa_expr *expr)
{
    return expr->kind == ISA_EXPR_CSR_READ || (expr->kind == ISA_EXPR_CALL && expr->function->effects != 0);
}

/* Does control never come out at the end of the block? */
static bool block_leaves(const struct emit_body *body, const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        if (stmt->kind == ISA_STMT_TRAP || stmt->kind == ISA_STMT_RETURN ||
            (stmt->kind == ISA_STMT_JUMP && !body->defers_jump)) {
            return true;
        }
        if (stmt->kind == ISA_STMT_IF && block_leaves(body, stmt->body) && block_leaves(body, stmt->otherwise)) {
            return true;
        }
    }
    return false;
}

static void write_local(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const struct isa_local *local = stmt->local;
    const char *name = emit_local_name(emit, local);
    if (emit_call_traps(stmt->value)) {
        emit_line(emit, body->depth, "%s %s;", emit_type(local->width), name);
        emit_trapping_call(body, stmt->value, emit_text(emit, "&%s", name));
        return;
    }
    if (!local->mutable && local->number < sizeof body->known_locals) {
        body->known_locals[local->number] = emit_known_in_block(body, stmt->value);
    }
    const char *value = emit_expr(body, stmt->value);
    emit_line(emit, body->depth, "%s%s %s = %s;", local->mutable ? "" : "const ", emit_type(local->width), name, value);
}

/* Is the index an operand that the decoder keeps as the number of the bank's spare element where it is the zero
 * register's? */
static bool is_sink(const struct emit_body *body, const struct isa_stmt *stmt)
{
    return body->where == EMIT_IN_HANDLER && stmt->index->kind == ISA_EXPR_OPERAND &&
           body->operands->operands[stmt->index->field->number].sink == stmt->reg;
}

static void write_bank(struct emit_body *body, const struct isa_stmt *stmt, const char *bank, const char *value)
{
    struct emit *emit = body->emit;
    const struct isa_register *reg = stmt->reg;
    const char *index = emit_index(body, stmt->index, reg->count);
    isa_bits constant;
    const bool is_constant = emit_fold(stmt->index, &constant);
    if (is_constant && reg->zero >= 0 && constant % reg->count == (isa_bits)reg->zero) {
        return; /* dropped */
    }
    const bool must_ask = reg->zero >= 0 && !is_constant && !is_sink(body, stmt);
    if (must_ask) {
        emit_line(emit, body->depth, "if (%s != %d) {", index, reg->zero);
    }
    emit_line(emit, body->depth + must_ask, "%s[%s] = %s;", bank, index, value);
    if (must_ask) {
        emit_line(emit, body->depth, "}");
    }
}

static void write_register(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const struct isa_register *reg = stmt->reg;
    const char *state = body->where == EMIT_IN_HANDLER ? "state->" : "cpu->state.";
    const char *name = emit_text(emit, "%s%s", state, emit_identifier(emit, reg->name));
    const char *value = emit_expr(body, stmt->value);
    if (reg->count == 0) {
        emit_line(emit, body->depth, "%s = %s;", name, value);
        return;
    }
    if (reg->zero >= 0 && is_effectful(stmt->value) && !emit_call_traps(stmt->value) && !is_sink(body, stmt)) {
        /* The write may be dropped; the call's effects may not. */
        const char *result = emit_text(emit, "result_%u", ++body->temporary_count);
        emit_line(emit, body->depth, "const %s %s = %s;", emit_type(reg->width), result, value);
        emit_line(emit, body->depth, "(void)%s;", result);
        value = result;
    }
    write_bank(body, stmt, name, value);
}

static void write_csr(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const bool is_field = stmt->kind == ISA_STMT_SET_CSR_FIELD;
    const struct isa_csr *csr = is_field ? stmt->csr_field->csr : stmt->csr;
    const char *name = emit_identifier(emit, csr->name);
    const char *value = emit_expr(body, stmt->value);
    const char *index = csr->count == 0 ? "" : emit_text(emit, "%s, ", emit_index(body, stmt->index, csr->count));
    if (is_field) {
        emit_line(emit, body->depth, "%s_set_%s_%s(%s, %s%s);", emit->prefix, name, stmt->csr_field->name,
                  state_pointer(body), index, value);
    } else {
        emit_line(emit, body->depth, "%s_set_csr_%s(cpu, %s%s);", emit->prefix, name, index, value);
    }
}

static void write_csr_by_number(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const char *number = emit_expr(body, stmt->index);
    const char *value = emit_expr(body, stmt->value);
    emit_line(emit, body->depth, "if (ISA_UNLIKELY(!%s_csr_write(cpu, %s, %s))) {", emit->prefix, number, value);
    emit_line(emit, body->depth + 1, "%s", body->leave);
    emit_line(emit, body->depth, "}");
}

static const char *jump_macro(const struct emit_body *body, const struct isa_stmt *stmt)
{
    return !body->has_several_jumps && emit_known_in_block(body, stmt->value) ? "JUMP_DIRECT" : "JUMP_INDIRECT";
}

static void write_jump(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const char *value = emit_expr(body, stmt->value);
    if (body->straight_jump == stmt) {
        emit_line(emit, body->depth, "const uint64_t target = %s;", value);
    } else if (body->defers_jump) {
        emit_line(emit, body->depth, "target = %s;", value);
        emit_line(emit, body->depth, "jumped = true;");
    } else {
        emit_line(emit, body->depth, "%s(%s);", jump_macro(body, stmt), value);
    }
}

/* An if that only guards a trap is not expected to be taken. */
static bool is_guard(const struct isa_stmt *stmt)
{
    return stmt->otherwise == NULL && stmt->body != NULL && stmt->body->kind == ISA_STMT_TRAP;
}

static void write_if(struct emit_body *body, const struct isa_stmt *stmt, bool tail)
{
    struct emit *emit = body->emit;
    const char *opening = "if";
    for (;;) {
        emit_line(emit, body->depth, is_guard(stmt) ? "%s (ISA_UNLIKELY(%s)) {" : "%s (%s) {", opening,
                  emit_expr(body, stmt->value));
        body->depth++;
        write_block(body, stmt->body, tail);
        body->depth--;
        const struct isa_stmt *otherwise = stmt->otherwise;
        if (otherwise == NULL || otherwise->kind != ISA_STMT_IF || otherwise->next != NULL) {
            break;
        }
        opening = "} else if";
        stmt = otherwise;
    }
    if (stmt->otherwise != NULL) {
        emit_line(emit, body->depth, "} else {");
        body->depth++;
        write_block(body, stmt->otherwise, tail);
        body->depth--;
    }
    emit_line(emit, body->depth, "}");
}

static void write_for(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const char *step = emit_text(emit, "step_%u", ++body->temporary_count);
    emit_line(emit, body->depth, "for (uint32_t %s = %" PRIu64 "; %s <= %" PRIu64 "; %s++) {", step, stmt->first, step,
              stmt->last, step);
    body->depth++;
    const char *type = emit_type(stmt->local->width);
    emit_line(emit, body->depth, "const %s %s = (%s)%s;", type, emit_local_name(emit, stmt->local), type, step);
    write_block(body, stmt->body, false);
    body->depth--;
    emit_line(emit, body->depth, "}");
}

static void write_trap(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const char *code =
        stmt->exception == NULL
            ? emit_text(emit, "(enum %s_exception)(%s)", emit->prefix, emit_expr(body, stmt->value))
            : emit_text(emit, "%s_EXCEPTION_%s", emit->upper, emit_capitals(emit, stmt->exception->name));
    const struct isa_expr *tval = stmt->tval;
    while (tval != NULL && tval->kind == ISA_EXPR_ZEXT) {
        tval = tval->a;
    }
    if (body->where != EMIT_IN_HANDLER && tval != NULL &&
        (tval->kind == ISA_EXPR_ENCODING || tval->kind == ISA_EXPR_PC)) {
        /* Only the engine knows which instruction runs: it fills the value in when it sees the trap. */
        emit_line(emit, body->depth, "%s_raise_%s(cpu, %s);", emit->prefix,
                  tval->kind == ISA_EXPR_PC ? "pc" : "encoding", code);
    } else {
        emit_line(emit, body->depth, "%s_raise(cpu, %s, %s);", emit->prefix, code,
                  tval == NULL ? "0" : emit_expr(body, stmt->tval));
    }
    emit_line(emit, body->depth, "%s", body->leave);
}

static void write_call(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const struct isa_expr *call = stmt->value;
    if (emit_call_traps(call) && call->width == ISA_VOID) {
        emit_trapping_call(body, call, NULL);
        return;
    }
    const char *text = emit_expr(body, call);
    emit_line(emit, body->depth, call->width == ISA_VOID ? "%s;" : "(void)%s;", text);
}

static void write_return(struct emit_body *body, const struct isa_stmt *stmt)
{
    struct emit *emit = body->emit;
    const char *value = stmt->value == NULL ? NULL : emit_expr(body, stmt->value);
    if (!body->traps) {
        emit_line(emit, body->depth, value == NULL ? "return;" : "return %s;", value);
        return;
    }
    if (value != NULL) {
        emit_line(emit, body->depth, "%s = %s;", body->result_name, value);
    }
    emit_line(emit, body->depth, "return true;");
}

static void write_stmt(struct emit_body *body, const struct isa_stmt *stmt, bool tail)
{
    switch (stmt->kind) {
    case ISA_STMT_LOCAL: write_local(body, stmt); break;
    case ISA_STMT_SET_LOCAL: {
        const char *value = emit_expr(body, stmt->value);
        emit_line(body->emit, body->depth, "%s = %s;", emit_local_name(body->emit, stmt->local), value);
        break;
    }
    case ISA_STMT_SET_REGISTER: write_register(body, stmt); break;
    case ISA_STMT_SET_CSR:
    case ISA_STMT_SET_CSR_FIELD: write_csr(body, stmt); break;
    case ISA_STMT_CSR_WRITE: write_csr_by_number(body, stmt); break;
    case ISA_STMT_JUMP: write_jump(body, stmt); break;
    case ISA_STMT_IF: write_if(body, stmt, tail); break;
    case ISA_STMT_FOR: write_for(body, stmt); break;
    case ISA_STMT_TRAP: write_trap(body, stmt); break;
    case ISA_STMT_CALL: write_call(body, stmt); break;
    case ISA_STMT_RETURN: write_return(body, stmt); break;
    }
}

static void write_block(struct emit_body *body, const struct isa_stmt *stmt, bool tail)
{
    for (; stmt != NULL; stmt = stmt->next) {
        write_stmt(body, stmt, tail && stmt->next == NULL);
    }
}

/* What a walk over a body finds out about its jumps. */
struct jumps {
    unsigned count;
    unsigned early; /* something follows on the same path */
    const struct isa_stmt *first;
};

static void find_jumps(const struct isa_stmt *stmt, bool tail, struct jumps *jumps)
{
    for (; stmt != NULL; stmt = stmt->next) {
        const bool last = tail && stmt->next == NULL;
        if (stmt->kind == ISA_STMT_JUMP) {
            jumps->count++;
            jumps->early += !last;
            jumps->first = jumps->first == NULL ? stmt : jumps->first;
        }
        find_jumps(stmt->body, last && stmt->kind == ISA_STMT_IF, jumps);
        find_jumps(stmt->otherwise, last, jumps);
    }
}

/* A jump that something follows happens at the end: a local keeps where to. */
static void plan_jumps(struct emit_body *body, const struct isa_instruction *instruction)
{
    struct jumps jumps = { .count = 0 };
    find_jumps(instruction->body, true, &jumps);
    body->has_several_jumps = jumps.count > 1;
    body->defers_jump = jumps.early != 0;
    for (const struct isa_stmt *stmt = instruction->body; stmt != NULL; stmt = stmt->next) {
        if (jumps.count == 1 && jumps.early == 1 && stmt == jumps.first) {
            body->straight_jump = stmt;
        }
    }
}

static void write_end(struct emit_body *body, unsigned effects)
{
    struct emit *emit = body->emit;
    if (body->straight_jump != NULL) {
        emit_line(emit, body->depth, "%s(target);", jump_macro(body, body->straight_jump));
        return;
    }
    if (body->defers_jump) {
        emit_line(emit, body->depth, "if (jumped) {");
        emit_line(emit, body->depth + 1, "JUMP_INDIRECT(target);");
        emit_line(emit, body->depth, "}");
    }
    if ((effects & ISA_EFFECT_JUMPS) != 0) {
        emit_line(emit, body->depth, "FALL_THROUGH();");
    } else {
        emit_line(emit, body->depth, emit_ends_block(effects) ? "END_BLOCK();" : "NEXT();");
    }
}

void emit_handler(struct emit_body *body, const struct isa_instruction *instruction)
{
    const unsigned sync =
        ISA_EFFECT_CHANGES_MODE | ISA_EFFECT_CHANGES_TRANSLATION | ISA_EFFECT_STOPS | ISA_EFFECT_READS_TIME;
    plan_jumps(body, instruction);
    if ((instruction->effects & sync) != 0) {
        emit_line(body->emit, body->depth, "SYNC();");
    }
    if (body->defers_jump && body->straight_jump == NULL) {
        emit_line(body->emit, body->depth, "uint64_t target = 0;");
        emit_line(body->emit, body->depth, "bool jumped = false;");
    }
    write_block(body, instruction->body, true);
    if (!block_leaves(body, instruction->body)) {
        write_end(body, instruction->effects);
    }
}

void emit_function_body(struct emit_body *body, const struct isa_stmt *block)
{
    write_block(body, block, true);
    if (body->traps && !block_leaves(body, block)) {
        CHECK(body->result == ISA_VOID);
        emit_line(body->emit, body->depth, "return true;");
    }
}
