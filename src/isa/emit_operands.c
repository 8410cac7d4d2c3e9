/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_operands.h"

#include "core/check.h"
#include "isa/evaluate.h"

#define EXPRESSION_COUNT 64 /* more distinct ones in a body than anyone writes; the rest then counts as several */

/* What one walk over a body finds out. */
struct usage {
    const struct isa_expr *known[EXPRESSION_COUNT]; /* largest expressions that are known at decode, each once */
    unsigned known_count;
    bool used[EMIT_FIELD_COUNT];
    bool as_value[EMIT_FIELD_COUNT]; /* used other than as an index */
    bool as_read_index[EMIT_FIELD_COUNT];
    const struct isa_register *written[EMIT_FIELD_COUNT]; /* as index of a write to this bank */
    bool written_several[EMIT_FIELD_COUNT];
};

bool emit_is_operand(const struct isa_instruction *instruction, const struct isa_field *field)
{
    for (const struct isa_fixed *fixed = instruction->fixed; fixed != NULL; fixed = fixed->next) {
        if (fixed->field == field) {
            return false;
        }
    }
    return true;
}

static bool same_or_none(const struct isa_expr *a, const struct isa_expr *b)
{
    return a == NULL || b == NULL ? a == b : emit_same(a, b);
}

bool emit_same(const struct isa_expr *a, const struct isa_expr *b)
{
    if (a->kind != b->kind || a->width != b->width || a->op != b->op || a->value != b->value || a->field != b->field ||
        a->local != b->local || a->reg != b->reg || a->csr != b->csr || a->csr_field != b->csr_field ||
        a->function != b->function || a->extension != b->extension || a->high != b->high || a->low != b->low) {
        return false;
    }
    const struct isa_expr *left = a->args;
    const struct isa_expr *right = b->args;
    for (; left != NULL && right != NULL; left = left->next, right = right->next) {
        if (!emit_same(left, right)) {
            return false;
        }
    }
    return left == right && same_or_none(a->a, b->a) && same_or_none(a->b, b->b) && same_or_none(a->c, b->c);
}

void emit_mark_operands(const struct isa_expr *expr, bool *used)
{
    if (expr == NULL) {
        return;
    }
    if (expr->kind == ISA_EXPR_OPERAND) {
        CHECK(expr->field->number < EMIT_FIELD_COUNT);
        used[expr->field->number] = true;
    }
    emit_mark_operands(expr->a, used);
    emit_mark_operands(expr->b, used);
    emit_mark_operands(expr->c, used);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        emit_mark_operands(arg, used);
    }
}

static void note_known(struct usage *usage, const struct isa_expr *expr)
{
    bool found[EMIT_FIELD_COUNT] = { false };
    emit_mark_operands(expr, found);
    bool any = false;
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        any = any || found[i];
    }
    if (!any) {
        return;
    }
    emit_mark_operands(expr, usage->used);
    for (unsigned i = 0; i < usage->known_count; i++) {
        if (emit_same(usage->known[i], expr)) {
            return;
        }
    }
    CHECK(usage->known_count < EXPRESSION_COUNT);
    usage->known[usage->known_count++] = expr;
}

static void use_expr(struct usage *usage, const struct isa_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    if (isa_is_fixed(expr)) {
        note_known(usage, expr);
        emit_mark_operands(expr, usage->as_value);
        return;
    }
    if (expr->kind == ISA_EXPR_REGISTER && expr->a != NULL && expr->a->kind == ISA_EXPR_OPERAND) {
        note_known(usage, expr->a);
        usage->as_read_index[expr->a->field->number] = true;
        return;
    }
    use_expr(usage, expr->a);
    use_expr(usage, expr->b);
    use_expr(usage, expr->c);
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        use_expr(usage, arg);
    }
}

static void use_write_index(struct usage *usage, const struct isa_stmt *stmt)
{
    const unsigned number = stmt->index->field->number;
    note_known(usage, stmt->index);
    if (usage->written[number] != NULL && usage->written[number] != stmt->reg) {
        usage->written_several[number] = true;
    }
    usage->written[number] = stmt->reg;
}

static void use_block(struct usage *usage, const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        if (stmt->kind == ISA_STMT_SET_REGISTER && stmt->index != NULL && stmt->index->kind == ISA_EXPR_OPERAND) {
            use_write_index(usage, stmt);
        } else {
            use_expr(usage, stmt->index);
        }
        use_expr(usage, stmt->value);
        use_expr(usage, stmt->tval);
        use_block(usage, stmt->body);
        use_block(usage, stmt->otherwise);
    }
}

/* The one expression over wide operands (or, with `wide` false, over small ones) that imm can hold, or NULL. */
static const struct isa_expr *choose_imm(const struct usage *usage, const struct emit_operands *plan, bool wide)
{
    const struct isa_expr *chosen = NULL;
    for (unsigned i = 0; i < usage->known_count; i++) {
        const struct isa_expr *expr = usage->known[i];
        bool operands[EMIT_FIELD_COUNT] = { false };
        emit_mark_operands(expr, operands);
        bool has_wide = false;
        for (unsigned number = 0; number < EMIT_FIELD_COUNT; number++) {
            const struct isa_field *field = plan->operands[number].field;
            has_wide = has_wide || (operands[number] && field->width > 8);
        }
        const bool simple = expr->kind == ISA_EXPR_OPERAND ||
                            (expr->kind == ISA_EXPR_ZEXT && expr->a->kind == ISA_EXPR_OPERAND) ||
                            expr->width == ISA_BOOL;
        if (wide ? !has_wide : simple) {
            continue;
        }
        if (chosen != NULL || expr->width > 64) {
            return NULL;
        }
        chosen = expr;
    }
    return chosen;
}

/* Marks the operands that are needed apart from the expression in imm. */
static void needed_apart(const struct usage *usage, const struct emit_operands *plan, bool *needed)
{
    for (unsigned i = 0; i < usage->known_count; i++) {
        if (plan->imm == NULL || !emit_same(usage->known[i], plan->imm)) {
            emit_mark_operands(usage->known[i], needed);
        }
    }
}

static void pack(struct emit_operands *plan, struct emit_operand *operand, unsigned *at)
{
    operand->home = EMIT_OPERAND_PACKED;
    operand->at = *at;
    *at += operand->field->width;
    plan->packed = true;
}

/* Gives each needed operand a home; operands beyond the fourth small one are packed, plain numbers before indices. */
static void assign_homes(struct emit_operands *plan, const struct usage *usage, const bool *needed)
{
    unsigned small_count = 0;
    unsigned packed_at = 0;
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        struct emit_operand *operand = &plan->operands[i];
        if (operand->field == NULL || !usage->used[i]) {
            continue;
        }
        operand->home = needed[i] ? EMIT_OPERAND_SLOT : EMIT_OPERAND_HIDDEN;
        if (needed[i] && operand->field->width > 8) {
            pack(plan, operand, &packed_at);
        }
        small_count += operand->home == EMIT_OPERAND_SLOT;
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < EMIT_FIELD_COUNT && small_count > EMIT_SLOT_COUNT; i++) {
            struct emit_operand *operand = &plan->operands[i];
            const bool index = usage->as_read_index[i] || usage->written[i] != NULL;
            if (operand->home == EMIT_OPERAND_SLOT && (round == 1 || !index)) {
                pack(plan, operand, &packed_at);
                small_count--;
            }
        }
    }
    unsigned slot = 0;
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        if (plan->operands[i].home == EMIT_OPERAND_SLOT) {
            plan->operands[i].at = slot++;
        }
    }
}

static void assign_sinks(struct emit_operands *plan, const struct usage *usage)
{
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        const struct isa_register *bank = usage->written[i];
        if (plan->operands[i].home == EMIT_OPERAND_SLOT && bank != NULL && bank->zero >= 0 && bank->count < 256 &&
            !usage->written_several[i] && !usage->as_value[i] && !usage->as_read_index[i]) {
            plan->operands[i].sink = bank;
        }
    }
}

struct emit_operands emit_operands_plan(const struct isa_instruction *instruction)
{
    CHECK(instruction->same_as == NULL);
    struct emit_operands plan = { .instruction = instruction };
    for (const struct isa_field *field = instruction->format->fields; field != NULL; field = field->next) {
        CHECK(field->number < EMIT_FIELD_COUNT);
        if (emit_is_operand(instruction, field)) {
            plan.operands[field->number].field = field;
        }
    }
    struct usage usage = { .known_count = 0 };
    use_block(&usage, instruction->body);

    bool any_wide = false;
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        const struct isa_field *field = plan.operands[i].field;
        any_wide = any_wide || (field != NULL && usage.used[i] && field->width > 8);
    }
    plan.imm = choose_imm(&usage, &plan, any_wide);
    bool needed[EMIT_FIELD_COUNT] = { false };
    needed_apart(&usage, &plan, needed);
    assign_homes(&plan, &usage, needed);
    if (plan.packed && plan.imm != NULL) { /* imm cannot hold both: then everything is packed */
        plan.imm = NULL;
        plan.packed = false;
        assign_homes(&plan, &usage, usage.used);
    }
    assign_sinks(&plan, &usage);
    return plan;
}
