/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MACHINE_translate.c: each instruction as calls that build IR (engine/jit/translate_ops.h).
 *
 * Every expression becomes a builder call; what is constant for one decoded instruction folds while the IR is built, so
 * nothing is decided here that the builder knows better. A control register by number is translated when the number is
 * constant and the register is plain storage, without rules of its own (sscratch, scause); else the instruction is
 * left. An instruction that needs what IR does not express (a change of mode, values wider than 64 bits, unconditional
 * traps, effects under a condition that is not known) is not translated: its function is absent, and the interpreter
 * runs it.
 */
#include "isa/emit_expr.h"
#include "isa/output.h"
#include "isa/translatable.h"

#include "core/check.h"

#include <inttypes.h>
#include <string.h>

struct writer {
    struct emit *emit;
    unsigned depth;
    const struct emit_operands *plan;          /* NULL in functions */
    const struct isa_instruction *instruction; /* NULL in functions */
    unsigned temporary_count;
};

/* -- Expressions --------------------------------------------------------------------------------------------------- */

static const char *value_of(struct writer *writer, const struct isa_expr *expr);

static const char *constant(struct writer *writer, unsigned width, isa_bits value)
{
    return emit_text(writer->emit, "tr_constant(t, %u, UINT64_C(0x%" PRIx64 "))", width, (uint64_t)value);
}

static const char *operand(struct writer *writer, const struct isa_expr *expr)
{
    CHECK(writer->plan != NULL); /* functions have no operands */
    const struct emit_operand *operand = &writer->plan->operands[expr->field->number];
    const unsigned width = expr->field->width;
    if (operand->home == EMIT_OPERAND_SLOT) {
        return emit_text(writer->emit, "tr_constant(t, %u, t->decoded.r[%u])", width, operand->at);
    }
    CHECK(operand->home == EMIT_OPERAND_PACKED);
    return emit_text(writer->emit, "tr_constant(t, %u, (uint64_t)t->decoded.imm >> %u & 0x%" PRIx64 ")", width,
                     operand->at, (uint64_t)emit_ones(width));
}

static const char *local_name(struct writer *writer, const struct isa_local *local)
{
    return emit_text(writer->emit, "%s_%u", emit_identifier(writer->emit, local->name), local->number);
}

static const char *bank_slot(struct writer *writer, const struct isa_register *reg)
{
    return emit_text(writer->emit, "offsetof(struct %s_cpu, state.%s)", writer->emit->prefix,
                     emit_identifier(writer->emit, reg->name));
}

static const char *register_read(struct writer *writer, const struct isa_expr *expr)
{
    const struct isa_register *reg = expr->reg;
    if (reg->count == 0) {
        return emit_text(writer->emit, "tr_read(t, %s, %u)", bank_slot(writer, reg), reg->width);
    }
    return emit_text(writer->emit, "tr_read_bank(t, %s, %u, %u, %d, %s)", bank_slot(writer, reg), reg->width,
                     reg->count, reg->zero, value_of(writer, expr->a));
}

static const char *unary(struct writer *writer, const struct isa_expr *expr)
{
    static const char *const names[] = {
        [ISA_OP_NEG] = "tr_negate",        [ISA_OP_INVERT] = "tr_invert",
        [ISA_OP_NOT] = "tr_not",           [ISA_OP_BIT] = "tr_bit_of",
        [ISA_OP_POPCOUNT] = "tr_popcount", [ISA_OP_CLZ] = "tr_clz",
        [ISA_OP_CTZ] = "tr_ctz",           [ISA_OP_REVERSE_BYTES] = "tr_reverse_bytes",
    };
    return emit_text(writer->emit, "%s(t, %u, %s)", names[expr->op], expr->width, value_of(writer, expr->a));
}

struct rendering {
    const char *function; /* of translate_ops.h */
    const char *op;       /* its enum ir_op */
    bool swaps;           /* a > b is b < a */
};

static struct rendering binary_rendering(enum isa_op op)
{
    switch (op) {
    case ISA_OP_ADD: return (struct rendering){ "tr_arithmetic", "IR_ADD", false };
    case ISA_OP_SUB: return (struct rendering){ "tr_arithmetic", "IR_SUB", false };
    case ISA_OP_MUL: return (struct rendering){ "tr_arithmetic", "IR_MUL", false };
    case ISA_OP_AND: return (struct rendering){ "tr_arithmetic", "IR_AND", false };
    case ISA_OP_OR: return (struct rendering){ "tr_arithmetic", "IR_OR", false };
    case ISA_OP_XOR: return (struct rendering){ "tr_arithmetic", "IR_XOR", false };
    case ISA_OP_DIVU: return (struct rendering){ "tr_divide", "IR_DIVU", false };
    case ISA_OP_DIVS: return (struct rendering){ "tr_divide", "IR_DIVS", false };
    case ISA_OP_REMU: return (struct rendering){ "tr_divide", "IR_REMU", false };
    case ISA_OP_REMS: return (struct rendering){ "tr_divide", "IR_REMS", false };
    case ISA_OP_SHL: return (struct rendering){ "tr_shift", "IR_SHL", false };
    case ISA_OP_SHRU: return (struct rendering){ "tr_shift", "IR_SHR", false };
    case ISA_OP_SHRS: return (struct rendering){ "tr_shift", "IR_SAR", false };
    case ISA_OP_EQ: return (struct rendering){ "tr_compare", "IR_EQ", false };
    case ISA_OP_NE: return (struct rendering){ "tr_compare", "IR_NE", false };
    case ISA_OP_LTU: return (struct rendering){ "tr_compare", "IR_LTU", false };
    case ISA_OP_LEU: return (struct rendering){ "tr_compare", "IR_LEU", false };
    case ISA_OP_GTU: return (struct rendering){ "tr_compare", "IR_LTU", true };
    case ISA_OP_GEU: return (struct rendering){ "tr_compare", "IR_LEU", true };
    case ISA_OP_LTS: return (struct rendering){ "tr_compare", "IR_LTS", false };
    case ISA_OP_LES: return (struct rendering){ "tr_compare", "IR_LES", false };
    case ISA_OP_GTS: return (struct rendering){ "tr_compare", "IR_LTS", true };
    case ISA_OP_GES: return (struct rendering){ "tr_compare", "IR_LES", true };
    case ISA_OP_LOGIC_AND: return (struct rendering){ "tr_logic", "IR_AND", false };
    case ISA_OP_LOGIC_OR: return (struct rendering){ "tr_logic", "IR_OR", false };
    case ISA_OP_NEG:
    case ISA_OP_INVERT:
    case ISA_OP_NOT:
    case ISA_OP_BIT:
    case ISA_OP_POPCOUNT:
    case ISA_OP_CLZ:
    case ISA_OP_CTZ:
    case ISA_OP_REVERSE_BYTES: break;
    }
    check_failed(__FILE__, __LINE__, "a binary operator");
}

static const char *binary(struct writer *writer, const struct isa_expr *expr)
{
    struct rendering rendering = binary_rendering(expr->op);
    const char *a = value_of(writer, rendering.swaps ? expr->b : expr->a);
    const char *b = value_of(writer, rendering.swaps ? expr->a : expr->b);
    if (strcmp(rendering.function, "tr_shift") == 0) {
        return emit_text(writer->emit, "tr_shift(t, %s, %u, %s, %u, %s)", rendering.op, expr->width, a, expr->b->width,
                         b);
    }
    /* Comparisons are named by their operands' width: their own is bool. */
    return emit_text(writer->emit, "%s(t, %s, %u, %s, %s)", rendering.function, rendering.op, expr->a->width, a, b);
}

static const char *cat(struct writer *writer, const struct isa_expr *expr)
{
    const struct isa_expr *first = expr->args;
    const char *text = value_of(writer, first);
    unsigned width = first->width;
    for (const struct isa_expr *next = first->next; next != NULL; next = next->next) {
        text = emit_text(writer->emit, "tr_cat(t, %u, %s, %u, %s)", width, text, next->width, value_of(writer, next));
        width += next->width;
    }
    return text;
}

static const char *high_product(struct writer *writer, const struct isa_expr *expr)
{
    const struct isa_expr *a = expr->a->a, *b = expr->a->b;
    const char *op = a->kind == ISA_EXPR_ZEXT && b->kind == ISA_EXPR_ZEXT   ? "IR_MULHU"
                     : a->kind == ISA_EXPR_SEXT && b->kind == ISA_EXPR_SEXT ? "IR_MULHS"
                                                                            : "IR_MULHSU";
    const bool swaps = a->kind == ISA_EXPR_ZEXT && b->kind == ISA_EXPR_SEXT;
    return emit_text(writer->emit, "tr_arithmetic(t, %s, 64, %s, %s)", op, value_of(writer, swaps ? b->a : a->a),
                     value_of(writer, swaps ? a->a : b->a));
}

/* if data[63:32] == ones(32) then data[31:0] else NaN: a narrow float out of a wide register. */
static bool is_unboxing(const struct isa_expr *expr)
{
    const struct isa_expr *test = expr->a, *low = expr->b, *nan = expr->c;
    return expr->kind == ISA_EXPR_IF && test->kind == ISA_EXPR_BINARY && test->op == ISA_OP_EQ &&
           test->a->kind == ISA_EXPR_SLICE && test->a->high == 63 && test->a->low == 32 &&
           test->b->kind == ISA_EXPR_CONST && test->b->value == 0xffffffff && low->kind == ISA_EXPR_SLICE &&
           low->high == 31 && low->low == 0 && nan->kind == ISA_EXPR_CONST && nan->value == 0x7fc00000 &&
           emit_same(test->a->a, low->a);
}

static bool is_boxing(const struct isa_expr *expr)
{
    const struct isa_expr *high = expr->args;
    return expr->kind == ISA_EXPR_CAT && expr->width == 64 && high->kind == ISA_EXPR_CONST && high->width == 32 &&
           high->value == 0xffffffff && high->next->next == NULL;
}

static const char *call(struct writer *writer, const struct isa_expr *expr)
{
    struct emit *emit = writer->emit;
    const struct isa_function *function = expr->function;
    const char *text = emit_text(emit, "%s_%s(t", function->primitive ? "primitive" : "function",
                                 emit_identifier(emit, function->name));
    for (const struct isa_expr *argument = expr->args; argument != NULL; argument = argument->next) {
        text = emit_text(emit, "%s, %s", text, value_of(writer, argument));
    }
    return emit_text(emit, "%s)", text);
}

static const char *csr_field(struct writer *writer, const struct isa_csr_field *field)
{
    return emit_text(writer->emit, "tr_csr_field(t, offsetof(struct %s_cpu, state.csr.%s), %u, %u)",
                     writer->emit->prefix, emit_identifier(writer->emit, field->csr->name), field->low,
                     field->high - field->low + 1);
}

static const char *value_of(struct writer *writer, const struct isa_expr *expr)
{
    struct emit *emit = writer->emit;
    if (writer->plan != NULL && writer->plan->imm != NULL && emit_same(expr, writer->plan->imm)) {
        return emit_text(emit, "tr_constant(t, %u, (uint64_t)t->decoded.imm)", expr->width);
    }
    switch (expr->kind) {
    case ISA_EXPR_CONST: return constant(writer, expr->width, expr->value);
    case ISA_EXPR_OPERAND: return operand(writer, expr);
    case ISA_EXPR_LOCAL: return local_name(writer, expr->local);
    case ISA_EXPR_REGISTER: return register_read(writer, expr);
    case ISA_EXPR_CSR_FIELD: return csr_field(writer, expr->csr_field);
    case ISA_EXPR_PC: return "tr_constant(t, 64, t->pc)";
    case ISA_EXPR_NEXT_PC: return "tr_constant(t, 64, t->next_pc)";
    case ISA_EXPR_ENCODING: return "tr_constant(t, 32, t->decoded.encoding)";
    case ISA_EXPR_UNARY: return unary(writer, expr);
    case ISA_EXPR_BINARY: return binary(writer, expr);
    case ISA_EXPR_SLICE:
        return translatable_is_high_product(expr) ? high_product(writer, expr)
                                                  : emit_text(emit, "tr_slice(t, %u, %s, %u, %u)", expr->a->width,
                                                              value_of(writer, expr->a), expr->high, expr->low);
    case ISA_EXPR_BIT:
        return emit_text(emit, "tr_slice(t, %u, tr_shift(t, IR_SHR, %u, %s, %u, %s), 0, 0)", expr->a->width,
                         expr->a->width, value_of(writer, expr->a), expr->b->width, value_of(writer, expr->b));
    case ISA_EXPR_CAT:
        return is_boxing(expr) ? emit_text(emit, "tr_box(t, %s)", value_of(writer, expr->args->next))
                               : cat(writer, expr);
    case ISA_EXPR_SEXT:
    case ISA_EXPR_ZEXT:
        return emit_text(emit, "%s(t, %u, %s, %u)", expr->kind == ISA_EXPR_SEXT ? "tr_sext" : "tr_zext", expr->a->width,
                         value_of(writer, expr->a), expr->width);
    case ISA_EXPR_IF:
        if (is_unboxing(expr)) {
            return emit_text(emit, "tr_unbox(t, %s)", value_of(writer, expr->b->a));
        }
        return emit_text(emit, "tr_select(t, %s, %s, %s)", value_of(writer, expr->a), value_of(writer, expr->b),
                         value_of(writer, expr->c));
    case ISA_EXPR_CALL: return call(writer, expr);
    case ISA_EXPR_HAS:
        return emit_text(emit, "tr_bool(t, %s_has(t->features, %s_EXT_%s))", emit->prefix, emit->upper,
                         emit_capitals(emit, expr->extension->name));
    case ISA_EXPR_CSR_READ: return emit_text(emit, "csr_read(t, %s)", value_of(writer, expr->a));
    case ISA_EXPR_CSR: break;
    }
    check_failed(__FILE__, __LINE__, "an expression that fits");
}

/* -- Statements ---------------------------------------------------------------------------------------------------- */

static void write_block(struct writer *writer, const struct isa_stmt *stmt);

static void write_register(struct writer *writer, const struct isa_stmt *stmt)
{
    const struct isa_register *reg = stmt->reg;
    const char *value = value_of(writer, stmt->value);
    if (reg->count == 0) {
        emit_line(writer->emit, writer->depth, "tr_write(t, %s, %u, %s);", bank_slot(writer, reg), reg->width, value);
        return;
    }
    emit_line(writer->emit, writer->depth, "tr_write_bank(t, %s, %u, %u, %d, %s, %s);", bank_slot(writer, reg),
              reg->width, reg->count, reg->zero, value_of(writer, stmt->index), value);
}

/* Assignments without effects, which can be made whatever the condition says. */
static bool only_computes_locals(const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        bool has_effects =
            stmt->value != NULL && (stmt->value->kind == ISA_EXPR_CSR_READ ||
                                    (stmt->value->kind == ISA_EXPR_CALL && stmt->value->function->effects != 0));
        if (stmt->kind != ISA_STMT_SET_LOCAL || has_effects) {
            return false;
        }
    }
    return true;
}

/* Both ways are computed; the condition chooses. */
static void write_choice(struct writer *writer, const struct isa_stmt *stmt, const char *condition)
{
    for (unsigned way = 0; way < 2; way++) {
        for (const struct isa_stmt *set = way == 0 ? stmt->body : stmt->otherwise; set != NULL; set = set->next) {
            const char *name = local_name(writer, set->local);
            const char *value = value_of(writer, set->value);
            emit_line(writer->emit, writer->depth,
                      way == 0 ? "%s = tr_select(t, %s, %s, %s);" : "%s = tr_select(t, tr_not(t, 0, %s), %s, %s);",
                      name, condition, value, name);
        }
    }
}

/* A conditional branch: what stands before the jump (checks of the target) must hold on the way taken only, but is
 * checked on both: at worst the interpreter runs the instruction. */
static void write_branch(struct writer *writer, const struct isa_stmt *stmt, const char *condition)
{
    for (const struct isa_stmt *inner = stmt->body; inner != NULL; inner = inner->next) {
        if (inner->kind == ISA_STMT_JUMP) {
            emit_line(writer->emit, writer->depth, "return tr_branch(t, %s, %s);", condition,
                      value_of(writer, inner->value));
        } else {
            write_block(writer,
                        &(struct isa_stmt){ .kind = inner->kind, .local = inner->local, .value = inner->value });
        }
    }
}

static void write_if(struct writer *writer, const struct isa_stmt *stmt)
{
    struct emit *emit = writer->emit;
    const char *condition = emit_text(emit, "condition_%u", ++writer->temporary_count);
    emit_line(emit, writer->depth, "struct ir_value *%s = %s;", condition, value_of(writer, stmt->value));
    if (translatable_is_guard(stmt)) {
        emit_line(emit, writer->depth, "tr_guard(t, tr_not(t, 0, %s));", condition);
        return;
    }
    if (writer->instruction != NULL && translatable_has_jump(stmt->body) && stmt->next == NULL &&
        stmt->otherwise == NULL) {
        write_branch(writer, stmt, condition);
        return;
    }
    if (only_computes_locals(stmt->body) && only_computes_locals(stmt->otherwise)) {
        write_choice(writer, stmt, condition);
        return;
    }
    emit_line(emit, writer->depth, "if (!ir_is_constant(%s)) {", condition);
    emit_line(emit, writer->depth + 1, "tr_leave(t);");
    emit_line(emit, writer->depth, "} else if (%s->immediate != 0) {", condition);
    writer->depth++;
    write_block(writer, stmt->body);
    writer->depth--;
    emit_line(emit, writer->depth, "} else {");
    writer->depth++;
    write_block(writer, stmt->otherwise);
    writer->depth--;
    emit_line(emit, writer->depth, "}");
}

static void write_for(struct writer *writer, const struct isa_stmt *stmt)
{
    struct emit *emit = writer->emit;
    const char *step = emit_text(emit, "step_%u", ++writer->temporary_count);
    emit_line(emit, writer->depth, "for (uint64_t %s = %" PRIu64 "; %s <= %" PRIu64 "; %s++) {", step, stmt->first,
              step, stmt->last, step);
    emit_line(emit, writer->depth + 1, "struct ir_value *%s = tr_constant(t, %u, %s);", local_name(writer, stmt->local),
              stmt->local->width, step);
    writer->depth++;
    write_block(writer, stmt->body);
    writer->depth--;
    emit_line(emit, writer->depth, "}");
}

static void write_stmt(struct writer *writer, const struct isa_stmt *stmt)
{
    struct emit *emit = writer->emit;
    switch (stmt->kind) {
    case ISA_STMT_LOCAL:
        emit_line(emit, writer->depth, "struct ir_value *%s = %s;", local_name(writer, stmt->local),
                  value_of(writer, stmt->value));
        emit_line(emit, writer->depth, "(void)%s;", local_name(writer, stmt->local));
        break;
    case ISA_STMT_SET_LOCAL:
        emit_line(emit, writer->depth, "%s = %s;", local_name(writer, stmt->local), value_of(writer, stmt->value));
        break;
    case ISA_STMT_SET_REGISTER: write_register(writer, stmt); break;
    case ISA_STMT_SET_CSR_FIELD:
        emit_line(emit, writer->depth, "tr_set_csr_field(t, offsetof(struct %s_cpu, state.csr.%s), %u, %u, %s);",
                  emit->prefix, emit_identifier(emit, stmt->csr_field->csr->name), stmt->csr_field->low,
                  stmt->csr_field->high - stmt->csr_field->low + 1, value_of(writer, stmt->value));
        break;
    case ISA_STMT_JUMP: emit_line(emit, writer->depth, "return tr_jump(t, %s);", value_of(writer, stmt->value)); break;
    case ISA_STMT_IF: write_if(writer, stmt); break;
    case ISA_STMT_FOR: write_for(writer, stmt); break;
    case ISA_STMT_CALL: emit_line(emit, writer->depth, "(void)%s;", value_of(writer, stmt->value)); break;
    case ISA_STMT_RETURN:
        emit_line(emit, writer->depth, "return %s;", stmt->value != NULL ? value_of(writer, stmt->value) : "NULL");
        break;
    case ISA_STMT_CSR_WRITE:
        emit_line(emit, writer->depth, "csr_write(t, %s, %s);", value_of(writer, stmt->index),
                  value_of(writer, stmt->value));
        break;
    case ISA_STMT_SET_CSR:
    case ISA_STMT_TRAP: check_failed(__FILE__, __LINE__, "a statement that fits");
    }
}

static void write_block(struct writer *writer, const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        write_stmt(writer, stmt);
    }
}

/* -- Functions and primitives -------------------------------------------------------------------------------------- */

static const char *parameter_list(struct writer *writer, const struct isa_function *function)
{
    const char *text = emit_text(writer->emit, "struct %s_translation *t", writer->emit->prefix);
    for (const struct isa_local *p = function->parameters; p != NULL; p = p->next) {
        text = emit_text(writer->emit, "%s, struct ir_value *%s", text, local_name(writer, p));
    }
    return text;
}

/* Primitives with an IR form: `text` is a call of translate_ops.h, %s the arguments. All others become calls of C. */
static const struct ir_form {
    const char *primitive;
    const char *function;
    const char *before; /* arguments before the described ones */
} ir_forms[] = {
    { "load8", "tr_load", "8" },
    { "load16", "tr_load", "16" },
    { "load32", "tr_load", "32" },
    { "load64", "tr_load", "64" },
    { "store8", "tr_store", "8" },
    { "store16", "tr_store", "16" },
    { "store32", "tr_store", "32" },
    { "store64", "tr_store", "64" },
    { "fence", "tr_fence", NULL },
    { "consult_pins", "tr_consult_pins", NULL },
    { "f32_add", "tr_float", "IR_FADD, 32" },
    { "f32_sub", "tr_float", "IR_FSUB, 32" },
    { "f32_mul", "tr_float", "IR_FMUL, 32" },
    { "f32_div", "tr_float", "IR_FDIV, 32" },
    { "f64_add", "tr_float", "IR_FADD, 64" },
    { "f64_sub", "tr_float", "IR_FSUB, 64" },
    { "f64_mul", "tr_float", "IR_FMUL, 64" },
    { "f64_div", "tr_float", "IR_FDIV, 64" },
    { "f32_sqrt", "tr_sqrt", "32" },
    { "f64_sqrt", "tr_sqrt", "64" },
    { "f32_fma", "tr_fma", "32" },
    { "f64_fma", "tr_fma", "64" },
    { "f32_eq", "tr_float_compare", "IR_FEQ, 32" },
    { "f32_lt", "tr_float_compare", "IR_FLT, 32" },
    { "f32_le", "tr_float_compare", "IR_FLE, 32" },
    { "f64_eq", "tr_float_compare", "IR_FEQ, 64" },
    { "f64_lt", "tr_float_compare", "IR_FLT, 64" },
    { "f64_le", "tr_float_compare", "IR_FLE, 64" },
    { "f32_min", "tr_float_choice", "IR_FMIN, 32" },
    { "f32_max", "tr_float_choice", "IR_FMAX, 32" },
    { "f64_min", "tr_float_choice", "IR_FMIN, 64" },
    { "f64_max", "tr_float_choice", "IR_FMAX, 64" },
    { "f32_to_i32", "tr_float_to_int", "IR_FTOS, 32, 32" },
    { "f32_to_u32", "tr_float_to_int", "IR_FTOU, 32, 32" },
    { "f32_to_i64", "tr_float_to_int", "IR_FTOS, 32, 64" },
    { "f32_to_u64", "tr_float_to_int", "IR_FTOU, 32, 64" },
    { "f64_to_i32", "tr_float_to_int", "IR_FTOS, 64, 32" },
    { "f64_to_u32", "tr_float_to_int", "IR_FTOU, 64, 32" },
    { "f64_to_i64", "tr_float_to_int", "IR_FTOS, 64, 64" },
    { "f64_to_u64", "tr_float_to_int", "IR_FTOU, 64, 64" },
    { "f32_from_i32", "tr_int_to_float", "IR_STOF, 32, 32" },
    { "f32_from_u32", "tr_int_to_float", "IR_UTOF, 32, 32" },
    { "f32_from_i64", "tr_int_to_float", "IR_STOF, 64, 32" },
    { "f32_from_u64", "tr_int_to_float", "IR_UTOF, 64, 32" },
    { "f64_from_i32", "tr_int_to_float", "IR_STOF, 32, 64" },
    { "f64_from_u32", "tr_int_to_float", "IR_UTOF, 32, 64" },
    { "f64_from_i64", "tr_int_to_float", "IR_STOF, 64, 64" },
    { "f64_from_u64", "tr_int_to_float", "IR_UTOF, 64, 64" },
    { "f32_to_f64", "tr_widen", NULL },
    { "f64_to_f32", "tr_narrow", NULL },
};

static const struct ir_form *ir_form_of(const struct isa_function *function)
{
    for (size_t i = 0; i < sizeof ir_forms / sizeof ir_forms[0]; i++) {
        if (strcmp(ir_forms[i].primitive, function->name) == 0) {
            return &ir_forms[i];
        }
    }
    return NULL;
}

/* With the host's unit or the guest's flags; a pure one (class) only looks at bits. */
static bool computes_floats(const struct isa_function *function)
{
    return function->effects != 0 && function->name[0] == 'f' && function->name[1] >= '0' && function->name[1] <= '9';
}

static const char *callee_type(unsigned width)
{
    return width == ISA_VOID ? "IR_VOID" : width == ISA_BOOL ? "IR_BOOL" : width <= 32 ? "IR_I32" : "IR_I64";
}

/* The C call of the primitive inside its wrapper, whose parameters are a0, a1, …. */
static const char *wrapped_call(struct writer *writer, const struct isa_function *function, bool has_result_pointer)
{
    struct emit *emit = writer->emit;
    const char *arguments = function->effects == 0 ? "" : "cpu";
    unsigned number = 0;
    for (const struct isa_local *p = function->parameters; p != NULL; p = p->next, number++) {
        const char *comma = *arguments == '\0' ? "" : ", ";
        const char *argument = p->width == ISA_BOOL ? emit_text(emit, "a%u != 0", number)
                                                    : emit_text(emit, "(%s)a%u", emit_type(p->width), number);
        arguments = emit_text(emit, "%s%s%s", arguments, comma, argument);
    }
    return emit_text(emit, "%s_%s(%s%s)", emit->prefix, emit_identifier(emit, function->name), arguments,
                     has_result_pointer ? ", &value" : "");
}

static void write_wrapper(struct writer *writer, const struct isa_function *function)
{
    struct emit *emit = writer->emit;
    const bool traps = (function->effects & ISA_EFFECT_TRAPS) != 0;
    const bool returns = function->result != ISA_VOID;
    const char *parameters = function->effects == 0 ? "" : emit_text(emit, "struct %s_cpu *cpu", emit->prefix);
    for (unsigned i = 0; i < function->parameter_count; i++) {
        parameters = emit_text(emit, "%s%suint64_t a%u", parameters, *parameters == '\0' ? "" : ", ", i);
    }
    if (traps) {
        parameters = emit_text(emit, "%s, uint64_t *result", parameters);
    }
    emit_line(emit, 0, "static %s call_%s(%s)",
              traps     ? "bool"
              : returns ? "uint64_t"
                        : "void",
              emit_identifier(emit, function->name), parameters);
    emit_line(emit, 0, "{");
    if (!traps) {
        emit_line(emit, 1, returns ? "return %s;" : "%s;", wrapped_call(writer, function, false));
    } else if (!returns) {
        emit_line(emit, 1, "*result = 0;");
        emit_line(emit, 1, "return %s;", wrapped_call(writer, function, false));
    } else {
        emit_line(emit, 1, "%s value = 0;", emit_type(function->result));
        emit_line(emit, 1, "const bool done = %s;", wrapped_call(writer, function, true));
        emit_line(emit, 1, "*result = value;");
        emit_line(emit, 1, "return done;");
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
    emit_line(emit, 0, "static const struct ir_callee callee_%s = {", emit_identifier(emit, function->name));
    emit_line(emit, 1, ".name = \"%s\", .function = (void *)call_%s, .result = %s,", function->name,
              emit_identifier(emit, function->name), callee_type(function->result));
    emit_line(emit, 1, ".may_trap = %s, .pure = %s, .uses_float = %s,", traps ? "true" : "false",
              function->effects == 0 ? "true" : "false", computes_floats(function) ? "true" : "false");
    emit_line(emit, 0, "};");
    emit_blank(emit);
}

static void write_primitive(struct writer *writer, const struct isa_function *function)
{
    struct emit *emit = writer->emit;
    const struct ir_form *form = ir_form_of(function);
    const char *arguments = "";
    for (const struct isa_local *p = function->parameters; p != NULL; p = p->next) {
        arguments = emit_text(emit, "%s%s%s", arguments, *arguments == '\0' ? "" : ", ", local_name(writer, p));
    }
    write_wrapper(writer, function);
    emit_line(emit, 0, "static struct ir_value *primitive_%s(%s)", emit_identifier(emit, function->name),
              parameter_list(writer, function));
    emit_line(emit, 0, "{");
    if (form != NULL) {
        const char *before = form->before == NULL ? "" : emit_text(emit, ", %s", form->before);
        emit_line(emit, 1, "return %s(t, &callee_%s%s%s%s);", form->function, emit_identifier(emit, function->name),
                  before, *arguments == '\0' ? "" : ", ", arguments);
    } else if (function->parameter_count == 0) {
        emit_line(emit, 1, "return tr_call(t, &callee_%s, %u, NULL, 0);", emit_identifier(emit, function->name),
                  function->result == ISA_VOID ? 0 : function->result);
    } else {
        emit_line(emit, 1, "struct ir_value *const arguments[] = { %s };", arguments);
        emit_line(emit, 1, "return tr_call(t, &callee_%s, %u, arguments, %u);", emit_identifier(emit, function->name),
                  function->result == ISA_VOID ? 0 : function->result, function->parameter_count);
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_function(struct writer *writer, const struct isa_function *function)
{
    struct emit *emit = writer->emit;
    emit_line(emit, 0, "/* %s: %s */", function->name, emit_place(emit, &function->place));
    emit_line(emit, 0, "static struct ir_value *function_%s(%s)", emit_identifier(emit, function->name),
              parameter_list(writer, function));
    emit_line(emit, 0, "{");
    writer->depth = 1;
    for (const struct isa_local *p = function->parameters; p != NULL; p = p->next) {
        emit_line(emit, 1, "(void)%s;", local_name(writer, p));
    }
    write_block(writer, function->body);
    if (function->result == ISA_VOID) {
        emit_line(emit, 1, "return NULL;");
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

/* -- Marking what is needed ---------------------------------------------------------------------------------------- */

#define FUNCTIONS_MAX 1024u

struct needs {
    const struct isa_function *functions[FUNCTIONS_MAX];
    unsigned count;
};

static void need_block(struct needs *needs, const struct isa_stmt *stmt);

static void need_expr(struct needs *needs, const struct isa_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    if (expr->kind == ISA_EXPR_CALL) {
        bool known = false;
        for (unsigned i = 0; i < needs->count; i++) {
            known = known || needs->functions[i] == expr->function;
        }
        if (!known) {
            CHECK(needs->count < FUNCTIONS_MAX);
            needs->functions[needs->count++] = expr->function;
            need_block(needs, expr->function->body);
        }
    }
    for (const struct isa_expr *argument = expr->args; argument != NULL; argument = argument->next) {
        need_expr(needs, argument);
    }
    need_expr(needs, expr->a);
    need_expr(needs, expr->b);
    need_expr(needs, expr->c);
}

static void need_block(struct needs *needs, const struct isa_stmt *stmt)
{
    for (; stmt != NULL; stmt = stmt->next) {
        need_expr(needs, stmt->index);
        need_expr(needs, stmt->value);
        if (!translatable_is_guard(stmt)) {
            need_block(needs, stmt->body);
            need_block(needs, stmt->otherwise);
        }
    }
}

static bool is_needed(const struct needs *needs, const struct isa_function *function)
{
    for (unsigned i = 0; i < needs->count; i++) {
        if (needs->functions[i] == function) {
            return true;
        }
    }
    return false;
}

/* -- Control registers by number ----------------------------------------------------------------------------------- */

/* Reading it is reading its storage, and computed fields that are constants. */
static bool reads_plainly(const struct isa_csr *csr)
{
    const struct isa_csr *base = csr->view != NULL ? csr->view : csr;
    if (!csr->numbered || csr->count != 0 || csr->width != 64 || csr->access != NULL || csr->read != NULL ||
        base->read != NULL || !base->has_storage) {
        return false;
    }
    for (const struct isa_csr_field *field = base->fields; field != NULL; field = field->next) {
        if (field->rule == ISA_RULE_IS && !translatable_expression(field->is)) {
            return false;
        }
    }
    return true;
}

/* Reading it is one described expression, after a check that may leave (frm). */
static bool reads_as_described(const struct isa_csr *csr)
{
    return csr->numbered && csr->count == 0 && csr->width == 64 && csr->read != NULL &&
           csr->read->kind == ISA_STMT_RETURN && translatable_expression(csr->read->value) &&
           (csr->access == NULL || translatable_block(csr->access));
}

/* Writing it is writing its storage. */
static bool writes_plainly(const struct isa_csr *csr)
{
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        if (field->rule != ISA_RULE_PLAIN) {
            return false;
        }
    }
    return csr->view == NULL && csr->write == NULL && csr->after == NULL && reads_plainly(csr);
}

/* The bits of the fields a read shows (a view's, or all), stored or computed ones. */
static uint64_t shown_mask(const struct isa_csr *csr, bool stored)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < csr->view_field_count; i++) {
        mask |= (csr->view_fields[i]->rule != ISA_RULE_IS) == stored ? emit_field_mask(csr->view_fields[i]) : 0;
    }
    for (const struct isa_csr_field *field = csr->view != NULL ? NULL : csr->fields; field != NULL;
         field = field->next) {
        mask |= (field->rule != ISA_RULE_IS) == stored ? emit_field_mask(field) : 0;
    }
    return mask;
}

static const char *csr_slot(struct emit *emit, const struct isa_csr *csr)
{
    return emit_text(emit, "offsetof(struct %s_cpu, state.csr.%s)", emit->prefix,
                     emit_identifier(emit, (csr->view != NULL ? csr->view : csr)->name));
}

static void write_csr_read_case(struct writer *writer, const struct isa_csr *csr)
{
    struct emit *emit = writer->emit;
    const struct isa_csr *base = csr->view != NULL ? csr->view : csr;
    const uint64_t computed = shown_mask(csr, false);
    emit_line(emit, 1, "case 0x%" PRIx32 ": /* %s */", csr->number, csr->name);
    emit_line(emit, 2, "if (%s) {", emit_condition(emit, csr->in, "t->features"));
    emit_line(emit, 3,
              "struct ir_value *value = tr_arithmetic(t, IR_AND, 64, tr_read(t, %s, 64), tr_constant(t, 64, "
              "UINT64_C(0x%" PRIx64 ")));",
              csr_slot(emit, csr), shown_mask(csr, true));
    for (const struct isa_csr_field *field = base->fields; field != NULL; field = field->next) {
        if (field->rule == ISA_RULE_IS && (computed & emit_field_mask(field)) != 0) {
            emit_line(emit, 3,
                      "value = tr_arithmetic(t, IR_OR, 64, value, tr_shift(t, IR_SHL, 64, tr_zext(t, %u, %s, 64), 64, "
                      "tr_constant(t, 64, %u)));",
                      field->high - field->low + 1, value_of(writer, field->is), field->low);
        }
    }
    emit_line(emit, 3, "return value;");
    emit_line(emit, 2, "}");
    emit_line(emit, 2, "break;");
}

static void write_described_read_case(struct writer *writer, const struct isa_csr *csr)
{
    struct emit *emit = writer->emit;
    emit_line(emit, 1, "case 0x%" PRIx32 ": /* %s */", csr->number, csr->name);
    emit_line(emit, 2, "if (%s) {", emit_condition(emit, csr->in, "t->features"));
    if (csr->is_write != NULL) {
        emit_line(emit, 3, "struct ir_value *%s = tr_bool(t, false);", local_name(writer, csr->is_write));
        emit_line(emit, 3, "(void)%s;", local_name(writer, csr->is_write));
    }
    writer->depth = 3;
    write_block(writer, csr->access);
    emit_line(emit, 3, "return %s;", value_of(writer, csr->read->value));
    emit_line(emit, 2, "}");
    emit_line(emit, 2, "break;");
}

static void write_csr_access(struct emit *emit)
{
    struct writer writer = { .emit = emit, .depth = 3 };
    emit_line(emit, 0, "static struct ir_value *csr_read(struct %s_translation *t, struct ir_value *number)",
              emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "switch (ir_is_constant(number) ? number->immediate : UINT64_MAX) {");
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (reads_plainly(csr)) {
            write_csr_read_case(&writer, csr);
        } else if (reads_as_described(csr)) {
            write_described_read_case(&writer, csr);
        }
    }
    emit_line(emit, 1, "default: break;");
    emit_line(emit, 1, "}");
    emit_line(emit, 1, "tr_leave(t);");
    emit_line(emit, 1, "return tr_constant(t, 64, 0);");
    emit_line(emit, 0, "}");
    emit_blank(emit);
    emit_line(emit, 0,
              "static void csr_write(struct %s_translation *t, struct ir_value *number, struct ir_value *value)",
              emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "switch (ir_is_constant(number) ? number->immediate : UINT64_MAX) {");
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (writes_plainly(csr)) {
            emit_line(emit, 1, "case 0x%" PRIx32 ": /* %s */", csr->number, csr->name);
            emit_line(emit, 2, "if (%s) {", emit_condition(emit, csr->in, "t->features"));
            emit_line(emit, 3,
                      "tr_write(t, %s, 64, tr_arithmetic(t, IR_AND, 64, value, tr_constant(t, 64, UINT64_C(0x%" PRIx64
                      "))));",
                      csr_slot(emit, csr), shown_mask(csr, true));
            emit_line(emit, 3, "return;");
            emit_line(emit, 2, "}");
            emit_line(emit, 2, "break;");
        }
    }
    emit_line(emit, 1, "default: break;");
    emit_line(emit, 1, "}");
    emit_line(emit, 1, "tr_leave(t);");
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

/* -- The file ------------------------------------------------------------------------------------------------------ */

static void write_instruction(struct emit *emit, const struct isa_instruction *insn)
{
    const struct emit_operands plan = emit_operands_plan(insn);
    struct writer writer = { .emit = emit, .depth = 1, .plan = &plan, .instruction = insn };
    emit_line(emit, 0, "/* %s: %s */", insn->name, emit_place(emit, &insn->place));
    emit_line(emit, 0, "static enum translation_result translate_%s(struct %s_translation *t)", insn->c_name,
              emit->prefix);
    emit_line(emit, 0, "{");
    write_block(&writer, insn->body);
    const struct isa_stmt *last = insn->body;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    const bool branches = last != NULL && last->kind == ISA_STMT_IF && translatable_has_jump(last->body);
    if (last == NULL || (last->kind != ISA_STMT_JUMP && !branches)) {
        emit_line(emit, 1, "return tr_done(t);");
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

void output_translate(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: each instruction as calls that build the JIT's IR.", emit->machine->title));
    emit_line(emit, 0, "#include \"engine/jit/translate_ops.h\"");
    emit_line(emit, 0, "#include \"%s_functions.h\"", emit->prefix);
    emit_blank(emit);
    emit_quiet_begin(emit);
    struct needs *needs = &(struct needs){ .count = 0 };
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        if (translatable_instruction(insn)) {
            need_block(needs, insn->body);
        }
    }
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
            need_expr(needs, field->is);
        }
        if (reads_as_described(csr)) {
            need_block(needs, csr->access);
            need_block(needs, csr->read);
        }
    }
    emit_line(emit, 0, "static struct ir_value *csr_read(struct %s_translation *t, struct ir_value *number);",
              emit->prefix);
    emit_line(emit, 0,
              "static void csr_write(struct %s_translation *t, struct ir_value *number, struct ir_value *value);",
              emit->prefix);
    emit_blank(emit);
    for (const struct isa_function *function = emit->machine->functions; function != NULL; function = function->next) {
        if (is_needed(needs, function) && translatable_function(function)) {
            struct writer writer = { .emit = emit, .depth = 1 };
            if (function->primitive) {
                write_primitive(&writer, function);
            } else {
                write_function(&writer, function);
            }
        }
    }
    write_csr_access(emit);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        if (translatable_instruction(insn)) {
            write_instruction(emit, insn);
        }
    }
    emit_line(emit, 0, "enum translation_result %s_translate_instruction(struct %s_translation *translation)",
              emit->prefix, emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "static enum translation_result (*const table[])(struct %s_translation *) = {", emit->prefix);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        if (translatable_instruction(insn)) {
            emit_line(emit, 2, "[%s_INSN_%s] = translate_%s,", emit->upper, emit_capitals(emit, insn->name),
                      insn->c_name);
        }
    }
    emit_line(emit, 2, "[%s_INSN_COUNT] = NULL,", emit->upper);
    emit_line(emit, 1, "};");
    emit_line(emit, 1, "return tr_translate(translation, table[translation->decoded.meaning]);");
    emit_line(emit, 0, "}");
    emit_quiet_end(emit);
}
