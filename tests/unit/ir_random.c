/* SPDX-License-Identifier: Apache-2.0 */
#include "ir_random.h"

#include "../splitmix.h"

#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL_SIZE 4096u

uint64_t ir_random_next(uint64_t *state)
{
    return splitmix_next(state);
}

uint64_t ir_random_below(uint64_t *state, uint64_t limit)
{
    return ir_random_next(state) % limit;
}

uint64_t ir_random_number(uint64_t *state)
{
    static const uint64_t telling[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        16,
        24,
        31,
        32,
        33,
        48,
        56,
        63,
        64,
        0x7f,
        0x80,
        0xff,
        0x100,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffff80,
        0xffff8000,
        0xffffffff,
        0x100000000,
        UINT64_C(0xffffffff80000000),
        UINT64_C(0xffffffff7fffffff),
        UINT64_C(0xffffffff00000000),
        UINT64_C(0x7fffffffffffffff),
        UINT64_C(0x8000000000000000),
        UINT64_C(0xffffffffffffff80),
        UINT64_C(0xfffffffffffffffe),
        UINT64_MAX,
        UINT64_C(0x3ff0000000000000), /* 1.0 */
        UINT64_C(0x7ff0000000000000), /* infinity */
        UINT64_C(0x7ff4000000000000), /* a signalling NaN */
        UINT64_C(0x0000000000000001),
        UINT64_C(0xffffffff3f800000), /* a boxed 1.0f */
        UINT64_C(0xffffffff7fa00000), /* a boxed signalling NaN */
        UINT64_C(0x3f8000007f800000),
    };
    uint64_t number = ir_random_next(state);
    switch (number >> 60) {
    case 0:
    case 1: return number;
    case 2: return UINT64_C(1) << (number & 63);
    case 3: return (UINT64_C(1) << (number & 63)) - 1;
    default: return telling[number % (sizeof telling / sizeof telling[0])];
    }
}

uint64_t ir_random_seed(void)
{
    const char *text = getenv("RAVELIN_SEED");
    uint64_t seed = text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    printf("# RAVELIN_SEED=%" PRIu64 "\n", seed);
    return seed;
}

/* ---- Callees: run by the evaluator through ir_machine.call ------------------------------------------------------- */

static const struct ir_callee pure_callee = { .name = "pure", .result = IR_I64, .pure = true };
static const struct ir_callee trapping_callee = { .name = "may_trap", .result = IR_I64, .may_trap = true };
static const struct ir_callee reading_callee = { .name = "reads_state", .result = IR_I32, .reads_state = true };
static const struct ir_callee writing_callee = { .name = "writes_state", .result = IR_VOID, .writes_state = true };
static const struct ir_callee float_callee = { .name = "clears_flags", .result = IR_BOOL, .uses_float = true };
static const struct ir_callee plain_callee = { .name = "plain", .result = IR_F64 };

const struct ir_callee *const ir_random_callees[] = {
    &pure_callee, &trapping_callee, &reading_callee, &writing_callee, &float_callee, &plain_callee,
};
const size_t ir_random_callee_count = sizeof ir_random_callees / sizeof ir_random_callees[0];

/* ---- Regions ----------------------------------------------------------------------------------------------------- */

struct drawing {
    uint64_t random;
    const struct ir_random_options *options;
    struct ir_region *region;
    struct ir_block **blocks;
    struct ir_block *block;
    struct ir_value *pool[POOL_SIZE]; /* of the current block */
    bool is_float[POOL_SIZE];         /* drawn as floating-point operation */
    bool is_pure[POOL_SIZE];
    unsigned pool_count;
    uint32_t count; /* instructions so far */
    uint64_t pc;
};

static uint64_t draw(struct drawing *d, uint64_t limit)
{
    return ir_random_below(&d->random, limit);
}

/* The candidate as the builder would make it from a call. */
static struct ir_value *rebuild(struct ir_block *block, const struct ir_value *c)
{
    struct ir_value *const *a = c->arguments;
    switch ((int)c->op) {
    case IR_CONST:
        return c->type == IR_V128 ? ir_vector_constant(block, c->immediate, c->high)
                                  : ir_constant(block, c->type, c->immediate);
    case IR_FLAGS_ADD:
    case IR_FLAGS_ADC:
    case IR_FLAGS_SUB:
    case IR_FLAGS_LOGIC: return ir_flags(block, c->op, a[0], a[1], a[2]);
    case IR_CONDITION: return ir_condition(block, (enum ir_condition)c->immediate, a[0]);
    case IR_GET: return ir_get(block, c->type, c->slot);
    case IR_PUT: ir_put(block, c->slot, a[0]); return NULL;
    case IR_MARK: ir_mark(block, c->pc, c->count); return NULL;
    case IR_SEXT: return ir_sext(block, c->type, a[0], (unsigned)c->immediate);
    case IR_SELECT: return ir_select(block, a[0], a[1], a[2]);
    case IR_FMA: return ir_fma(block, a[0], a[1], a[2]);
    case IR_FENCE: (c->immediate == 0 ? ir_fence : ir_fence_tso)(block); return NULL;
    case IR_GUARD: ir_guard(block, a[0]); return NULL;
    case IR_CALL: return ir_call(block, c->callee, a, ir_argument_count(c));
    case IR_JUMP: ir_jump(block, c->targets[0], c->count); return NULL;
    case IR_BRANCH: ir_branch(block, a[0], c->targets[0], c->targets[1], c->count); return NULL;
    case IR_EXIT: ir_exit(block, c->pc, c->count); return NULL;
    case IR_EXIT_INTERPRET: ir_exit_interpret(block, c->pc, c->count); return NULL;
    case IR_EXIT_INDIRECT: ir_exit_indirect(block, a[0], c->targets, c->target_count, c->count); return NULL;
    default: break;
    }
    if (ir_is_vector_op(c->op)) {
        return ir_vector(block, c->op, c->immediate, a[0], a[1], a[2]);
    }
    if (c->op >= IR_LOAD8 && c->op <= IR_LOAD128) {
        return ir_load(block, 1u << (c->op - IR_LOAD8), c->type, a[0]);
    }
    if (c->op >= IR_STORE8 && c->op <= IR_STORE128) {
        ir_store(block, 1u << (c->op - IR_STORE8), a[0], a[1]);
        return NULL;
    }
    if (c->op >= IR_FCVT && c->op <= IR_UTOF) {
        return ir_convert(block, c->op, c->type, a[0], (enum ir_rounding)c->immediate);
    }
    if (c->type == IR_BOOL && c->op != IR_AND && c->op != IR_OR && c->op != IR_XOR) {
        return ir_compare(block, c->op, a[0], a[1]);
    }
    return a[1] == NULL ? ir_unary(block, c->op, c->type, a[0]) : ir_binary(block, c->op, a[0], a[1]);
}

static void add_to_pool(struct drawing *d, struct ir_value *value, const struct ir_value *drawn_as)
{
    if (d->pool_count < POOL_SIZE) {
        d->is_float[d->pool_count] = ir_op_table[drawn_as->op].effect == IR_EFFECT_FLOAT;
        d->is_pure[d->pool_count] = ir_is_pure(drawn_as);
        d->pool[d->pool_count++] = value;
    }
}

static struct ir_value *emit(struct drawing *d, const struct ir_value *candidate)
{
    struct ir_value *value = d->options->fold ? rebuild(d->block, candidate) : ir_append(d->block, candidate);
    if (value != NULL && value->type != IR_VOID) {
        add_to_pool(d, value, candidate);
    }
    return value;
}

static struct ir_value *draw_constant(struct drawing *d, enum ir_type type)
{
    uint64_t number = ir_random_number(&d->random);
    if (type == IR_BOOL) {
        number &= 1;
    } else if (type == IR_I32 || type == IR_F32) {
        number &= UINT32_MAX;
    }
    struct ir_value candidate = { .op = IR_CONST, .type = type, .immediate = number };
    if (type == IR_V128) {
        candidate.high = draw(d, 2) == 0 ? number : ir_random_number(&d->random);
    } else if (type == IR_FLAGS) {
        candidate.type = IR_I32;
        candidate.immediate = (uint32_t)(ir_random_next(&d->random) << 28 | (number & 1));
        struct ir_value flags = { .op = IR_FLAGS_FROM_WORD, .type = IR_FLAGS, .arguments = { emit(d, &candidate) } };
        return emit(d, &flags);
    }
    return emit(d, &candidate);
}

/* A value of a type: one of the pool, recent ones rather than old ones, or a constant. */
static struct ir_value *draw_value(struct drawing *d, enum ir_type type)
{
    bool wants_constant = draw(d, 4) == 0;
    for (unsigned tries = 0; tries < 12 && !wants_constant && d->pool_count > 0; tries++) {
        unsigned reach = draw(d, 2) == 0 && d->pool_count > 6 ? 6 : d->pool_count;
        struct ir_value *value = d->pool[d->pool_count - 1 - draw(d, reach)];
        if (value->type == type) {
            return value;
        }
    }
    return draw_constant(d, type);
}

static uint32_t draw_slot(struct drawing *d, enum ir_type type)
{
    const struct ir_random_options *options = d->options;
    if (options->slots != NULL && type == IR_V128) {
        return options->vector_slots[draw(d, options->vector_slot_count)];
    }
    if (options->slots != NULL) {
        return options->slots[draw(d, options->slot_count)];
    }
    uint32_t slot = (uint32_t)draw(d, 8) * 16; /* few of them, so that they meet */
    if (draw(d, 3) == 0 && ir_type_size(type) <= 8) {
        slot += 4 * (uint32_t)draw(d, 3);
    }
    return slot;
}

static enum ir_type draw_integer_type(struct drawing *d)
{
    return draw(d, 3) == 0 ? IR_I32 : IR_I64;
}

static enum ir_type draw_slot_type(struct drawing *d)
{
    static const enum ir_type types[] = { IR_I64, IR_I64, IR_I64, IR_I32, IR_F64, IR_F32 };
    if (d->options->vectors && draw(d, 3) == 0) {
        return IR_V128;
    }
    unsigned given = !d->options->typed_slots ? 1 : d->options->floats ? 6 : 4;
    unsigned limit = d->options->slots != NULL ? given : d->options->floats ? 6 : 4;
    return types[draw(d, limit)];
}

static void draw_arithmetic(struct drawing *d)
{
    enum ir_type type = draw_integer_type(d);
    enum ir_op op = (enum ir_op)(IR_ADD + draw(d, IR_BSWAP - IR_ADD + 1));
    if (op >= IR_AND && op <= IR_XOR && draw(d, 4) == 0) {
        type = IR_BOOL;
    }
    struct ir_value candidate = { .op = op, .type = type, .arguments = { draw_value(d, type) } };
    if (ir_op_table[op].arguments == 2) {
        candidate.arguments[1] = draw_value(d, type);
    }
    emit(d, &candidate);
}

static void draw_extension(struct drawing *d)
{
    static const uint64_t widths[] = { 8, 16, 32 };
    struct ir_value candidate = { .op = (enum ir_op)(IR_SEXT + draw(d, 3)) };
    if (candidate.op == IR_TRUNC) {
        candidate.type = IR_I32;
        candidate.arguments[0] = draw_value(d, IR_I64);
    } else if (candidate.op == IR_ZEXT) {
        enum ir_type from = draw(d, 2) == 0 ? IR_BOOL : IR_I32;
        candidate.type = from == IR_BOOL ? draw_integer_type(d) : IR_I64;
        candidate.arguments[0] = draw_value(d, from);
    } else {
        enum ir_type from = draw_integer_type(d);
        candidate.type = from == IR_I32 ? draw_integer_type(d) : IR_I64;
        candidate.arguments[0] = draw_value(d, from);
        candidate.immediate = widths[draw(d, 3)];
    }
    emit(d, &candidate);
}

static void draw_compare(struct drawing *d)
{
    enum ir_type type = draw_integer_type(d);
    enum ir_op op = (enum ir_op)(IR_EQ + draw(d, 6));
    struct ir_value *a = draw_value(d, type), *b = draw_value(d, type);
    struct ir_value candidate = { .op = op, .type = IR_BOOL, .arguments = { a, b } };
    emit(d, &candidate);
}

static void draw_select(struct drawing *d)
{
    static const enum ir_type types[] = { IR_I64, IR_I32, IR_BOOL, IR_F64, IR_F32 };
    enum ir_type type = types[draw(d, d->options->floats ? 5 : 3)];
    if (d->options->vectors && draw(d, 5) == 0) {
        type = IR_V128;
    } else if (d->options->flags && draw(d, 4) == 0) {
        type = IR_FLAGS;
    }
    struct ir_value *condition = draw_value(d, IR_BOOL), *a = draw_value(d, type), *b = draw_value(d, type);
    struct ir_value candidate = { .op = IR_SELECT, .type = type, .arguments = { condition, a, b } };
    emit(d, &candidate);
}

static void draw_get(struct drawing *d)
{
    enum ir_type type = draw_slot_type(d);
    struct ir_value candidate = { .op = IR_GET, .type = type, .slot = draw_slot(d, type) };
    emit(d, &candidate);
}

static void draw_put(struct drawing *d)
{
    enum ir_type type = draw_slot_type(d);
    struct ir_value *value = draw_value(d, type);
    if (value->type == type) {
        struct ir_value candidate = { .op = IR_PUT, .slot = draw_slot(d, type), .arguments = { value } };
        emit(d, &candidate);
    }
}

static void draw_mark(struct drawing *d)
{
    d->pc += draw(d, 2) == 0 ? 2 : 4;
    d->count++;
    struct ir_value candidate = { .op = IR_MARK, .pc = d->pc, .count = d->count };
    emit(d, &candidate);
}

static void draw_memory(struct drawing *d)
{
    struct ir_value *address = draw_value(d, IR_I64);
    unsigned size_log2 = (unsigned)draw(d, d->options->vectors ? 6 : 4);
    size_log2 = size_log2 > 4 ? 4 : size_log2;
    enum ir_type type = size_log2 == 4 ? IR_V128 : size_log2 == 3 ? IR_I64 : draw_integer_type(d);
    struct ir_value candidate = { .arguments = { address } };
    if (draw(d, 2) == 0) {
        candidate.op = (enum ir_op)(IR_LOAD8 + size_log2);
        candidate.type = type;
    } else {
        candidate.op = draw(d, 10) == 0 ? IR_FENCE : (enum ir_op)(IR_STORE8 + size_log2);
        candidate.arguments[1] = draw_value(d, type);
    }
    if (candidate.op == IR_FENCE) {
        candidate.arguments[0] = candidate.arguments[1] = NULL;
        candidate.immediate = draw(d, 2);
    }
    emit(d, &candidate);
}

static void draw_float_arithmetic(struct drawing *d)
{
    static const enum ir_op ops[] = { IR_FADD, IR_FSUB, IR_FMUL, IR_FDIV, IR_FSQRT, IR_FMA,
                                      IR_FEQ,  IR_FLT,  IR_FLE,  IR_FMIN, IR_FMAX };
    enum ir_op op = ops[draw(d, sizeof ops / sizeof ops[0])];
    enum ir_type type = draw(d, 2) == 0 ? IR_F32 : IR_F64;
    bool compares = op == IR_FEQ || op == IR_FLT || op == IR_FLE;
    struct ir_value candidate = { .op = op, .type = compares ? IR_BOOL : type };
    for (int i = 0; i < ir_op_table[op].arguments; i++) {
        candidate.arguments[i] = draw_value(d, type);
    }
    emit(d, &candidate);
}

static void draw_float_move(struct drawing *d)
{
    static const enum ir_type pairs[][2] = { { IR_I32, IR_F32 }, { IR_F32, IR_I32 }, { IR_I64, IR_F64 },
                                             { IR_F64, IR_I64 }, { IR_F32, IR_F64 }, { IR_F64, IR_F32 } };
    unsigned which = (unsigned)draw(d, 6);
    struct ir_value candidate = { .op = which == 4   ? IR_BOX
                                        : which == 5 ? IR_UNBOX
                                                     : IR_BITCAST,
                                  .type = pairs[which][1],
                                  .arguments = { draw_value(d, pairs[which][0]) } };
    emit(d, &candidate);
}

static void draw_conversion(struct drawing *d)
{
    struct ir_value candidate = { .op = (enum ir_op)(IR_FCVT + draw(d, 5)), .immediate = draw(d, 2) };
    enum ir_type single_or_double = draw(d, 2) == 0 ? IR_F32 : IR_F64, integer = draw_integer_type(d), from;
    if (candidate.op == IR_FCVT) {
        from = single_or_double;
        candidate.type = from == IR_F32 ? IR_F64 : IR_F32;
    } else if (candidate.op == IR_STOF || candidate.op == IR_UTOF) {
        from = integer;
        candidate.type = single_or_double;
    } else {
        from = single_or_double;
        candidate.type = integer;
    }
    candidate.arguments[0] = draw_value(d, from);
    emit(d, &candidate);
}

static void draw_call(struct drawing *d)
{
    const struct ir_callee *callee = ir_random_callees[draw(d, ir_random_callee_count)];
    struct ir_value candidate = { .op = IR_CALL, .type = callee->result, .callee = callee };
    for (unsigned i = 0, count = (unsigned)draw(d, IR_ARGUMENTS_MAX + 1); i < count; i++) {
        candidate.arguments[i] = draw_value(d, draw(d, 4) == 0 ? IR_BOOL : draw_integer_type(d));
    }
    emit(d, &candidate);
}

/* Any vector operation, lane size and number; these are left in *lanes. */
static struct ir_value *draw_vector(struct drawing *d, uint64_t *lanes)
{
    static const unsigned sizes[] = { 8, 16, 32, 64 };
    enum ir_op op = (enum ir_op)(IR_VAND + draw(d, (d->options->floats ? IR_VFMA + 1u : IR_VFADD) - IR_VAND));
    const struct ir_vector_facts *facts = ir_vector_facts(op);
    unsigned lane = 0, number = 0;
    while (facts->lanes != 0 && (lane & facts->lanes) == 0) {
        lane = sizes[draw(d, 4)];
    }
    if (facts->number == IR_NUMBER_LANE) {
        number = (unsigned)draw(d, 128 / lane);
    } else if (facts->number == IR_NUMBER_AMOUNT) {
        number = (unsigned)draw(d, lane);
    }
    *lanes = IR_LANES(lane, number);
    struct ir_value candidate = { .op = op, .immediate = *lanes };
    candidate.type = facts->operands[0] == 'v' ? IR_V128 : IR_I64;
    for (unsigned i = 1; facts->operands[i] != '\0'; i++) {
        candidate.arguments[i - 1] = draw_value(d, facts->operands[i] == 'v' ? IR_V128 : IR_I64);
    }
    return emit(d, &candidate);
}

static struct ir_value *draw_flags(struct drawing *d)
{
    enum ir_type type = draw_integer_type(d);
    struct ir_value candidate = { .op = (enum ir_op)(IR_FLAGS_ADD + draw(d, 5)), .type = IR_FLAGS };
    if (candidate.op == IR_FLAGS_FROM_WORD) {
        type = IR_I32;
    }
    candidate.arguments[0] = draw_value(d, type);
    if (ir_op_table[candidate.op].arguments > 1) {
        candidate.arguments[1] = draw_value(d, type);
    }
    if (candidate.op == IR_FLAGS_ADC) {
        candidate.arguments[2] = draw_value(d, IR_BOOL);
    }
    return emit(d, &candidate);
}

static struct ir_value *draw_flags_condition(struct drawing *d, struct ir_value *flags)
{
    struct ir_value candidate = {
        .op = IR_CONDITION, .type = IR_BOOL, .immediate = draw(d, IR_CC_COUNT), .arguments = { flags }
    };
    return emit(d, &candidate);
}

static void draw_flags_operation(struct drawing *d)
{
    uint64_t kind = draw(d, 5);
    if (kind < 2) {
        draw_flags(d);
    } else if (kind < 4) {
        draw_flags_condition(d, draw_value(d, IR_FLAGS));
    } else {
        struct ir_value candidate = { .op = IR_FLAGS_TO_WORD,
                                      .type = IR_I32,
                                      .arguments = { draw_value(d, IR_FLAGS) } };
        emit(d, &candidate);
    }
}

static void draw_guard(struct drawing *d)
{
    if (draw(d, 4) == 0) { /* they end most runs */
        struct ir_value candidate = { .op = IR_GUARD, .arguments = { draw_value(d, IR_BOOL) } };
        emit(d, &candidate);
    }
}

/* The same operation once more: something to merge. (A folding builder may have put an operation of another kind in its
 * place; what counts is what was drawn, so that both ways of building draw the same.) */
static void draw_again(struct drawing *d)
{
    if (d->pool_count == 0) {
        return;
    }
    unsigned which = (unsigned)draw(d, d->pool_count);
    if (d->is_float[which] || (d->is_pure[which] && !d->options->fold)) {
        struct ir_value candidate = *d->pool[which];
        emit(d, &candidate);
    } else {
        add_to_pool(d, d->pool[which], d->pool[which]);
        d->is_float[d->pool_count - 1] = d->is_float[which];
        d->is_pure[d->pool_count - 1] = d->is_pure[which];
    }
}

/* ---- Patterns: chains of operations that folding has rules for; the last value is put, so that all is seen ------- */

static struct ir_value *emit_op(struct drawing *d, enum ir_op op, enum ir_type type, struct ir_value *a,
                                struct ir_value *b)
{
    struct ir_value candidate = { .op = op, .type = type, .arguments = { a, b } };
    return emit(d, &candidate);
}

static struct ir_value *emit_number(struct drawing *d, enum ir_type type, uint64_t number)
{
    struct ir_value candidate = { .op = IR_CONST, .type = type };
    candidate.immediate = type == IR_BOOL ? number & 1 : type == IR_I32 ? (uint32_t)number : number;
    return emit(d, &candidate);
}

static struct ir_value *emit_sext(struct drawing *d, enum ir_type type, struct ir_value *a)
{
    struct ir_value candidate = {
        .op = IR_SEXT, .type = type, .immediate = UINT64_C(8) << draw(d, 3), .arguments = { a }
    };
    return emit(d, &candidate);
}

/* An integer that is not known, so that rules about bits do not end in a constant. */
static struct ir_value *emit_unknown(struct drawing *d, enum ir_type type)
{
    struct ir_value candidate = { .op = IR_GET, .type = type, .slot = draw_slot(d, type) };
    return emit(d, &candidate);
}

static void emit_seen(struct drawing *d, struct ir_value *value)
{
    if (value->type == IR_BOOL) {
        value = emit_op(d, IR_ZEXT, draw_integer_type(d), value, NULL);
    }
    struct ir_value candidate = { .op = IR_PUT, .slot = draw_slot(d, value->type), .arguments = { value } };
    emit(d, &candidate);
}

static struct ir_value *emit_extension(struct drawing *d, struct ir_value *a)
{
    if (a->type == IR_I64) {
        return draw(d, 3) == 0 ? emit_sext(d, IR_I64, a) : emit_op(d, IR_TRUNC, IR_I32, a, NULL);
    }
    switch (draw(d, 3)) {
    case 0: return emit_op(d, IR_ZEXT, IR_I64, a, NULL);
    case 1: return emit_sext(d, IR_I64, a);
    default: return emit_sext(d, IR_I32, a);
    }
}

static enum ir_op draw_compare_op(struct drawing *d)
{
    return (enum ir_op)(IR_EQ + draw(d, 6));
}

/* Extensions of extensions. */
static struct ir_value *pattern_extensions(struct drawing *d)
{
    struct ir_value *value = emit_unknown(d, draw_integer_type(d));
    for (uint64_t left = 1 + draw(d, 4); left > 0; left--) {
        value = emit_extension(d, value);
    }
    return value;
}

/* not (a < b), and select and branch by it. */
static struct ir_value *pattern_not(struct drawing *d)
{
    enum ir_type type = draw_integer_type(d);
    struct ir_value *a = emit_unknown(d, type), *b = draw_value(d, type);
    struct ir_value *condition = emit_op(d, draw_compare_op(d), IR_BOOL, a, b);
    condition = emit_op(d, IR_XOR, IR_BOOL, condition, emit_number(d, IR_BOOL, 1));
    if (draw(d, 2) == 0) {
        return condition;
    }
    struct ir_value *one = draw_value(d, type), *other = emit_number(d, type, draw(d, 2));
    struct ir_value candidate = { .op = IR_SELECT, .type = type, .arguments = { condition, one, other } };
    return emit(d, &candidate);
}

/* Comparison of what was extended, masked or shifted, with the like or a constant near its limits. */
static struct ir_value *pattern_compare(struct drawing *d)
{
    enum ir_type type = draw_integer_type(d);
    struct ir_value *a = emit_unknown(d, type), *b = NULL;
    uint64_t mask = (UINT64_C(1) << draw(d, 63)) - 1;
    if (type == IR_I32) {
        bool is_signed = draw(d, 2) == 0;
        struct ir_value extension = { .op = is_signed ? IR_SEXT : IR_ZEXT, .type = IR_I64, .arguments = { a } };
        extension.immediate = is_signed ? 32 : 0;
        a = emit(d, &extension);
        extension.arguments[0] = emit_unknown(d, IR_I32);
        b = draw(d, 2) == 0 ? emit(d, &extension) : emit_number(d, IR_I64, ir_random_number(&d->random));
    } else {
        a = emit_op(d, IR_AND, type, a, emit_number(d, type, mask));
        b = emit_number(d, type, draw(d, 4) == 0 ? ir_random_number(&d->random) : mask + draw(d, 3) - 1);
        bool differs = draw(d, 2) == 0; /* equal is rare by chance */
        a = differs ? a : emit_op(d, IR_SHR, type, a, emit_number(d, type, draw(d, 64)));
    }
    bool swap = draw(d, 3) == 0;
    return emit_op(d, draw_compare_op(d), IR_BOOL, swap ? b : a, swap ? a : b);
}

/* (x op c) op c', then perhaps compared. */
static struct ir_value *pattern_constants(struct drawing *d)
{
    static const enum ir_op ops[] = { IR_ADD,  IR_SUB, IR_AND,  IR_OR,   IR_XOR,  IR_SHL,  IR_SHR,   IR_SAR,
                                      IR_ROTR, IR_MUL, IR_DIVU, IR_DIVS, IR_REMU, IR_REMS, IR_MULHU, IR_MULHS };
    enum ir_type type = draw_integer_type(d);
    struct ir_value *value = emit_unknown(d, type);
    uint64_t amount = 8 * (1 + draw(d, 7)) * (1 + draw(d, 2)) / 2;
    enum ir_op op = ops[draw(d, 16)];
    for (uint64_t left = 2 + draw(d, 2); left > 0; left--) {
        bool shifts = op >= IR_SHL && op <= IR_ROTR;
        uint64_t number = shifts && draw(d, 3) != 0 ? amount : ir_random_number(&d->random);
        value = emit_op(d, op, type, value, emit_number(d, type, number));
        op = draw(d, 2) == 0 ? op : shifts ? (enum ir_op)(IR_SHL + draw(d, 4)) : ops[draw(d, 16)];
    }
    if (draw(d, 3) != 0) {
        return value;
    }
    return emit_op(d, draw_compare_op(d), IR_BOOL, value, draw_value(d, type));
}

/* A slot read before and used after it was written, as another type. */
static struct ir_value *pattern_retyped(struct drawing *d)
{
    struct ir_value get = { .op = IR_GET, .type = IR_I64, .slot = draw_slot(d, IR_I64) };
    struct ir_value *old = emit(d, &get);
    struct ir_value put = { .op = IR_PUT, .slot = get.slot, .arguments = { draw_value(d, IR_I64) } };
    emit(d, &put);
    return emit_op(d, IR_BITCAST, IR_F64, old, NULL);
}

/* What a narrow store looks at. */
static struct ir_value *pattern_store(struct drawing *d)
{
    struct ir_value *value = emit_extension(d, emit_unknown(d, draw_integer_type(d)));
    value = draw(d, 2) == 0 ? emit_extension(d, value) : value;
    if (draw(d, 2) == 0) {
        value = emit_op(d, IR_AND, value->type, value, emit_number(d, value->type, (UINT64_C(1) << draw(d, 33)) - 1));
    }
    struct ir_value store = { .op = (enum ir_op)(IR_STORE8 + draw(d, value->type == IR_I64 ? 4 : 3)),
                              .arguments = { draw_value(d, IR_I64), value } };
    if (d->options->memory) {
        emit(d, &store);
    }
    return value;
}

/* A 32-bit operation as RV64 does it: on the low half of a register, the result extended. */
static struct ir_value *emit_word(struct drawing *d, struct ir_value *a, enum ir_op op, uint64_t amount)
{
    struct ir_value *word = emit_op(d, IR_TRUNC, IR_I32, a, NULL);
    word = emit_op(d, op, IR_I32, word, emit_number(d, IR_I32, amount));
    struct ir_value extension = { .op = IR_SEXT, .type = IR_I64, .immediate = 32, .arguments = { word } };
    if (draw(d, 3) == 0) {
        extension.op = IR_ZEXT;
        extension.immediate = 0;
    }
    return emit(d, &extension);
}

/* 32-bit operations and what joins them, rotations among them. */
static struct ir_value *pattern_words(struct drawing *d)
{
    static const enum ir_op ops[] = { IR_SHL, IR_SHR, IR_SAR, IR_ADD, IR_ROTR };
    static const enum ir_op joins[] = { IR_OR, IR_OR, IR_XOR, IR_AND, IR_ADD, IR_SUB, IR_MUL };
    struct ir_value *source = emit_unknown(d, IR_I64), *value = source;
    for (uint64_t left = 1 + draw(d, 2); left > 0; left--) {
        uint64_t amount = 1 + draw(d, 31), other = draw(d, 3) == 0 ? draw(d, 32) : 32 - amount;
        bool rotates = draw(d, 2) == 0;
        struct ir_value *a = emit_word(d, source, rotates ? IR_SHR : ops[draw(d, 5)], amount);
        struct ir_value *b = emit_word(d, value, rotates ? IR_SHL : ops[draw(d, 5)], other);
        bool swaps = draw(d, 2) == 0;
        value = emit_op(d, joins[draw(d, 7)], IR_I64, swaps ? b : a, swaps ? a : b);
    }
    switch (draw(d, 4)) {
    case 0: return emit_op(d, IR_TRUNC, IR_I32, value, NULL);
    case 1: return emit_op(d, IR_AND, IR_I64, value, emit_number(d, IR_I64, ir_random_number(&d->random)));
    case 2: return emit_sext(d, IR_I64, value);
    default: return value;
    }
}

/* Rotations of 64 bits, and what only looks like them. */
static struct ir_value *pattern_rotation(struct drawing *d)
{
    uint64_t amount = 1 + draw(d, 63), other = draw(d, 2) == 0 ? draw(d, 64) : 64 - amount;
    struct ir_value *source = emit_unknown(d, IR_I64);
    struct ir_value *down = emit_op(d, IR_SHR, IR_I64, source, emit_number(d, IR_I64, amount));
    struct ir_value *up = emit_op(d, IR_SHL, IR_I64, source, emit_number(d, IR_I64, other));
    bool swaps = draw(d, 2) == 0;
    return emit_op(d, IR_OR, IR_I64, swaps ? up : down, swaps ? down : up);
}

/* Vector operations on one another, of equal lanes more often than not. */
static struct ir_value *pattern_vectors(struct drawing *d)
{
    struct ir_value *value = emit_unknown(d, IR_V128);
    uint64_t lanes = 0;
    for (uint64_t left = 1 + draw(d, 4); left > 0; left--) {
        value = draw_vector(d, &lanes);
    }
    if (value->type != IR_V128 || draw(d, 3) != 0) {
        return value;
    }
    struct ir_value candidate = { .op = IR_VEXTRACT, .type = IR_I64, .arguments = { value } };
    unsigned lane = (lanes & 0xff) != 0 ? (unsigned)lanes & 0xff : 64;
    unsigned number = draw(d, 2) == 0 ? (unsigned)(lanes >> 8) : 0;
    candidate.immediate = IR_LANES(lane, number < 128 / lane ? number : 0);
    return emit(d, &candidate);
}

/* Flags of what is not known and what often is, chosen among, asked; or their word. */
static struct ir_value *pattern_flags(struct drawing *d)
{
    enum ir_type type = draw_integer_type(d);
    struct ir_value *a = emit_unknown(d, type);
    struct ir_value *b = draw(d, 2) == 0 ? emit_number(d, type, ir_random_number(&d->random)) : draw_value(d, type);
    if (draw(d, 3) == 0) {
        b = emit_op(d, IR_XOR, type, b, emit_number(d, type, UINT64_MAX));
    }
    struct ir_value made = { .op = (enum ir_op)(IR_FLAGS_ADD + draw(d, 4)), .type = IR_FLAGS, .arguments = { a } };
    made.arguments[1] = made.op == IR_FLAGS_LOGIC ? NULL : b;
    if (made.op == IR_FLAGS_ADC) {
        made.arguments[2] = draw(d, 2) == 0 ? emit_number(d, IR_BOOL, draw(d, 2)) : draw_value(d, IR_BOOL);
    }
    struct ir_value *flags = emit(d, &made);
    if (draw(d, 2) == 0) {
        bool swaps = draw(d, 2) == 0;
        struct ir_value *other = draw(d, 2) == 0 ? draw_constant(d, IR_FLAGS) : draw_value(d, IR_FLAGS);
        struct ir_value choice = { .op = IR_SELECT, .type = IR_FLAGS, .arguments = { draw_value(d, IR_BOOL) } };
        choice.arguments[1] = swaps ? other : flags;
        choice.arguments[2] = swaps ? flags : other;
        flags = emit(d, &choice);
    }
    if (draw(d, 4) == 0) {
        struct ir_value *word = emit_op(d, IR_FLAGS_TO_WORD, IR_I32, flags, NULL);
        if (draw(d, 2) == 0) {
            return word;
        }
        flags = emit_op(d, IR_FLAGS_FROM_WORD, IR_FLAGS, word, NULL);
    }
    return draw_flags_condition(d, flags);
}

static void draw_pattern(struct drawing *d)
{
    static struct ir_value *(*const patterns[])(struct drawing *) = {
        pattern_extensions, pattern_not,   pattern_compare,  pattern_constants,
        pattern_store,      pattern_words, pattern_rotation, pattern_retyped,
    };
    unsigned which = (unsigned)draw(d, d->options->floats && d->options->slots == NULL ? 8 : 7);
    if (d->options->vectors && draw(d, 3) == 0) {
        emit_seen(d, pattern_vectors(d));
    } else if (d->options->flags && draw(d, 3) == 0) {
        emit_seen(d, pattern_flags(d));
    } else {
        emit_seen(d, patterns[which](d));
    }
}

static void draw_operation(struct drawing *d)
{
    unsigned kind = (unsigned)draw(d, 36);
    if (d->options->vectors && draw(d, 3) == 0) {
        uint64_t lanes;
        draw_vector(d, &lanes);
    } else if (d->options->flags && draw(d, 6) == 0) {
        draw_flags_operation(d);
    } else if (kind < 9) {
        draw_arithmetic(d);
    } else if (kind < 12) {
        draw_extension(d);
    } else if (kind < 14) {
        draw_compare(d);
    } else if (kind < 16) {
        draw_select(d);
    } else if (kind < 19) {
        draw_get(d);
    } else if (kind < 23) {
        draw_put(d);
    } else if (kind < 25) {
        draw_mark(d);
    } else if (kind < 27 && d->options->memory) {
        draw_memory(d);
    } else if (kind == 27 && d->options->calls) {
        draw_call(d);
    } else if (kind == 28 && d->options->floats) {
        draw_float_arithmetic(d);
    } else if (kind == 29 && d->options->floats) {
        draw_float_move(d);
    } else if (kind == 30 && d->options->floats) {
        draw_conversion(d);
    } else if (kind == 31) {
        draw_guard(d);
    } else if (draw(d, 2) == 0) {
        draw_again(d);
    } else {
        draw_pattern(d);
    }
}

/* A comparison of what is not known, perhaps negated. */
static struct ir_value *draw_condition(struct drawing *d)
{
    if (d->options->flags && draw(d, 2) == 0) {
        return draw_flags_condition(d, draw_flags(d));
    }
    struct ir_value *a = emit_unknown(d, IR_I64), *b = draw_value(d, IR_I64);
    struct ir_value *condition = emit_op(d, draw_compare_op(d), IR_BOOL, a, b);
    bool negates = draw(d, 3) == 0, hides = draw(d, 2) == 0;
    if (hides) { /* a comparison that cannot be turned into its opposite */
        condition = emit_op(d, IR_AND, IR_BOOL, condition, draw_value(d, IR_BOOL));
    }
    return negates ? emit_op(d, IR_XOR, IR_BOOL, condition, emit_number(d, IR_BOOL, 1)) : condition;
}

static void draw_terminator(struct drawing *d)
{
    static const enum ir_op ops[] = { IR_JUMP,   IR_JUMP, IR_BRANCH,        IR_BRANCH,
                                      IR_BRANCH, IR_EXIT, IR_EXIT_INDIRECT, IR_EXIT_INTERPRET };
    struct ir_block *targets[IR_TARGETS_MAX] = { 0 };
    struct ir_value candidate = { .op = ops[draw(d, 8)], .count = d->count + 1, .targets = targets };
    if (candidate.op == IR_EXIT || candidate.op == IR_EXIT_INTERPRET) {
        candidate.pc = d->pc;
    } else {
        candidate.target_count = candidate.op == IR_JUMP ? 1 : candidate.op == IR_BRANCH ? 2 : (uint32_t)draw(d, 4);
    }
    for (unsigned i = 0; i < candidate.target_count; i++) {
        candidate.targets[i] = d->blocks[draw(d, d->options->block_count)];
    }
    if (candidate.op == IR_BRANCH) {
        candidate.arguments[0] = draw(d, 2) == 0 ? draw_value(d, IR_BOOL) : draw_condition(d);
    } else if (candidate.op == IR_EXIT_INDIRECT) {
        bool goes_inside = candidate.target_count > 0 && draw(d, 3) == 0;
        struct ir_value inside = { .op = IR_CONST, .type = IR_I64 };
        if (goes_inside) {
            inside.immediate = candidate.targets[0]->pc;
        }
        candidate.arguments[0] = goes_inside ? emit(d, &inside) : draw_value(d, IR_I64);
    }
    for (unsigned i = 0; i < candidate.target_count; i++) {
        candidate.targets[i]->is_loop_head |= candidate.targets[i]->number <= d->block->number;
    }
    emit(d, &candidate);
}

static void draw_block(struct drawing *d, struct ir_block *block)
{
    d->block = block;
    d->pool_count = 0;
    d->count = 0;
    d->pc = block->pc;
    struct ir_value mark = { .op = IR_MARK, .pc = d->pc };
    emit(d, &mark);
    for (unsigned i = 0; i < d->options->value_count; i++) {
        draw_operation(d);
    }
    draw_terminator(d);
}

struct ir_region *ir_random_region(uint64_t seed, const struct ir_random_options *options)
{
    struct drawing *d = check_alloc(sizeof *d);
    d->random = seed;
    d->options = options;
    d->region = ir_create();
    d->blocks = check_alloc(options->block_count * sizeof(struct ir_block *));
    for (unsigned i = 0; i < options->block_count; i++) {
        d->blocks[i] = ir_add_block(d->region, 0x80000000 + i * 0x100u);
    }
    for (unsigned i = 0; i < options->block_count; i++) {
        draw_block(d, d->blocks[i]);
    }
    struct ir_region *region = d->region;
    free(d->blocks);
    free(d);
    return region;
}
