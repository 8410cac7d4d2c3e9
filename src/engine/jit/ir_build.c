/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that append one operation each: they make a candidate, fold it, and append what is left. */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

static struct ir_value *build(struct ir_block *block, struct ir_value *candidate)
{
    CHECK(ir_value_fault(candidate) == NULL);
    struct ir_value *simple = ir_simplify(block, candidate);
    return simple != NULL ? simple : ir_append_checked(block, candidate);
}

struct ir_value *ir_constant(struct ir_block *block, enum ir_type type, uint64_t value)
{
    unsigned bits = ir_type_bits(type);
    struct ir_arena *arena = block->region->arena;
    value &= bits == 0 || bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    struct ir_value **place = &arena->recent[(value ^ value >> 12 ^ (unsigned)type << 2) % IR_RECENT_CONSTANTS];
    struct ir_value *recent = *place;
    bool is_usable = arena->before == NULL && recent != NULL && recent->block == block && recent->type == type &&
                     recent->immediate == value;
    if (!is_usable) { /* a new value that stands before another is not one that later ones can always use */
        struct ir_value candidate = { .op = IR_CONST, .type = type, .immediate = value };
        recent = ir_append(block, &candidate);
        *place = arena->before == NULL ? recent : *place;
    }
    return recent;
}

struct ir_value *ir_vector_constant(struct ir_block *block, uint64_t low, uint64_t high)
{
    struct ir_value candidate = { .op = IR_CONST, .type = IR_V128, .immediate = low, .high = high };
    return ir_append(block, &candidate);
}

void ir_mark(struct ir_block *block, uint64_t pc, uint32_t count)
{
    struct ir_value candidate = { .op = IR_MARK, .pc = pc, .count = count };
    ir_append(block, &candidate);
}

struct ir_value *ir_get(struct ir_block *block, enum ir_type type, uint32_t slot)
{
    struct ir_value candidate = { .op = IR_GET, .type = type == IR_FLAGS ? IR_I32 : type, .slot = slot };
    struct ir_value *got = ir_append(block, &candidate);
    return type == IR_FLAGS ? ir_unary(block, IR_FLAGS_FROM_WORD, IR_FLAGS, got) : got;
}

void ir_put(struct ir_block *block, uint32_t slot, struct ir_value *value)
{
    if (value->type == IR_FLAGS) {
        value = ir_unary(block, IR_FLAGS_TO_WORD, IR_I32, value);
    }
    bool is_cast = value->op == IR_BITCAST; /* the bytes are the same */
    struct ir_value candidate = { .op = IR_PUT, .slot = slot, .arguments = { is_cast ? value->arguments[0] : value } };
    ir_append(block, &candidate);
}

struct ir_value *ir_unary(struct ir_block *block, enum ir_op op, enum ir_type type, struct ir_value *a)
{
    struct ir_value candidate = { .op = op, .type = type, .arguments = { a } };
    return build(block, &candidate);
}

struct ir_value *ir_binary(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    struct ir_value candidate = { .op = op, .type = a->type, .arguments = { a, b } };
    return build(block, &candidate);
}

struct ir_value *ir_compare(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    struct ir_value candidate = { .op = op, .type = IR_BOOL, .arguments = { a, b } };
    return build(block, &candidate);
}

struct ir_value *ir_select(struct ir_block *block, struct ir_value *condition, struct ir_value *a, struct ir_value *b)
{
    struct ir_value candidate = { .op = IR_SELECT, .type = a->type, .arguments = { condition, a, b } };
    return build(block, &candidate);
}

/* A width the operation does not have: up to the top and back. */
static struct ir_value *extend_by_shifts(struct ir_block *block, enum ir_type type, struct ir_value *a, unsigned bits)
{
    if (a->type != type) {
        a = ir_unary(block, IR_ZEXT, type, a);
    }
    struct ir_value *amount = ir_constant(block, type, ir_type_bits(type) - bits);
    return ir_binary(block, IR_SAR, ir_binary(block, IR_SHL, a, amount), amount);
}

struct ir_value *ir_sext(struct ir_block *block, enum ir_type type, struct ir_value *a, unsigned from_bits)
{
    CHECK(ir_is_integer(type) && ir_is_integer(a->type) && from_bits >= 1 && from_bits <= ir_type_bits(a->type));
    if (from_bits == 64) {
        CHECK(type == IR_I64);
        return a;
    }
    if (from_bits != 8 && from_bits != 16 && from_bits != 32) {
        return extend_by_shifts(block, type, a, from_bits);
    }
    struct ir_value candidate = { .op = IR_SEXT, .type = type, .immediate = from_bits, .arguments = { a } };
    return build(block, &candidate);
}

static enum ir_op memory_op(enum ir_op first, unsigned size)
{
    CHECK(size == 1 || size == 2 || size == 4 || size == 8 || size == 16);
    return (enum ir_op)((unsigned)first + (unsigned)__builtin_ctz(size));
}

struct ir_value *ir_load(struct ir_block *block, unsigned size, enum ir_type type, struct ir_value *address)
{
    struct ir_value candidate = { .op = memory_op(IR_LOAD8, size), .type = type, .arguments = { address } };
    return ir_append(block, &candidate);
}

/* What a store does not look at need not be computed. */
static struct ir_value *stored_bits(struct ir_value *value, unsigned size)
{
    while (size <= 8) { /* vectors have no such bits */
        bool extends = value->op == IR_SEXT && value->immediate >= (uint64_t)size * 8;
        bool masks = value->op == IR_AND && value->arguments[1]->op == IR_CONST &&
                     (~value->arguments[1]->immediate & (UINT64_MAX >> (64 - size * 8))) == 0;
        bool widens = value->op == IR_ZEXT && value->arguments[0]->type == IR_I32 && size <= 4;
        if (!extends && !masks && !widens && !(value->op == IR_TRUNC && size <= 4)) {
            break;
        }
        value = value->arguments[0];
    }
    return value;
}

void ir_store(struct ir_block *block, unsigned size, struct ir_value *address, struct ir_value *value)
{
    enum ir_op op = memory_op(IR_STORE8, size);
    struct ir_value candidate = { .op = op, .arguments = { address, stored_bits(value, size) } };
    ir_append(block, &candidate);
}

void ir_fence(struct ir_block *block)
{
    struct ir_value candidate = { .op = IR_FENCE };
    ir_append(block, &candidate);
}

void ir_fence_tso(struct ir_block *block)
{
    struct ir_value candidate = { .op = IR_FENCE, .immediate = 1 };
    ir_append(block, &candidate);
}

void ir_guard(struct ir_block *block, struct ir_value *condition)
{
    struct ir_value candidate = { .op = IR_GUARD, .arguments = { condition } };
    if (condition->op != IR_CONST || condition->immediate == 0) {
        ir_append(block, &candidate);
    }
}

struct ir_value *ir_fma(struct ir_block *block, struct ir_value *a, struct ir_value *b, struct ir_value *c)
{
    struct ir_value candidate = { .op = IR_FMA, .type = a->type, .arguments = { a, b, c } };
    return build(block, &candidate);
}

struct ir_value *ir_vector(struct ir_block *block, enum ir_op op, uint64_t lanes, struct ir_value *a,
                           struct ir_value *b, struct ir_value *c)
{
    enum ir_type type = op == IR_VEXTRACT ? IR_I64 : IR_V128;
    struct ir_value candidate = { .op = op, .type = type, .immediate = lanes, .arguments = { a, b, c } };
    return build(block, &candidate);
}

struct ir_value *ir_flags(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b,
                          struct ir_value *carry)
{
    struct ir_value candidate = { .op = op, .type = IR_FLAGS, .arguments = { a, b, carry } };
    return build(block, &candidate);
}

struct ir_value *ir_condition(struct ir_block *block, enum ir_condition condition, struct ir_value *flags)
{
    struct ir_value candidate = { .op = IR_CONDITION, .type = IR_BOOL, .immediate = condition, .arguments = { flags } };
    return build(block, &candidate);
}

struct ir_value *ir_convert(struct ir_block *block, enum ir_op op, enum ir_type type, struct ir_value *a,
                            enum ir_rounding rounding)
{
    struct ir_value candidate = { .op = op, .type = type, .immediate = rounding, .arguments = { a } };
    return build(block, &candidate);
}

struct ir_value *ir_call(struct ir_block *block, const struct ir_callee *callee, struct ir_value *const *arguments,
                         unsigned count)
{
    CHECK(count <= IR_ARGUMENTS_MAX);
    struct ir_value candidate = { .op = IR_CALL, .type = callee->result, .callee = callee };
    for (unsigned i = 0; i < count; i++) {
        candidate.arguments[i] = arguments[i];
    }
    return ir_append(block, &candidate);
}

void ir_jump(struct ir_block *block, struct ir_block *target, uint32_t count)
{
    struct ir_value candidate = { .op = IR_JUMP, .count = count, .targets = &target, .target_count = 1 };
    ir_append(block, &candidate);
}

void ir_branch(struct ir_block *block, struct ir_value *condition, struct ir_block *taken, struct ir_block *otherwise,
               uint32_t count)
{
    while (condition->op == IR_XOR && ir_is_constant(condition->arguments[1])) { /* not */
        if (condition->arguments[1]->immediate != 0) {
            struct ir_block *swapped = taken;
            taken = otherwise;
            otherwise = swapped;
        }
        condition = condition->arguments[0];
    }
    if (taken == otherwise || ir_is_constant(condition)) {
        bool known_false = ir_is_constant(condition) && condition->immediate == 0;
        ir_jump(block, known_false ? otherwise : taken, count);
        return;
    }
    struct ir_block *targets[] = { taken, otherwise };
    struct ir_value candidate = {
        .op = IR_BRANCH, .count = count, .arguments = { condition }, .targets = targets, .target_count = 2
    };
    ir_append(block, &candidate);
}

void ir_exit(struct ir_block *block, uint64_t pc, uint32_t count)
{
    struct ir_value candidate = { .op = IR_EXIT, .pc = pc, .count = count };
    ir_append(block, &candidate);
}

static void exit_known(struct ir_block *block, uint64_t pc, struct ir_block *const *candidates,
                       unsigned candidate_count, uint32_t count)
{
    for (unsigned i = 0; i < candidate_count; i++) {
        if (candidates[i]->pc == pc) {
            ir_jump(block, candidates[i], count);
            return;
        }
    }
    ir_exit(block, pc, count);
}

void ir_exit_indirect(struct ir_block *block, struct ir_value *address, struct ir_block *const *candidates,
                      unsigned candidate_count, uint32_t count)
{
    CHECK(candidate_count <= IR_TARGETS_MAX);
    if (ir_is_constant(address)) {
        exit_known(block, address->immediate, candidates, candidate_count, count);
        return;
    }
    struct ir_block *targets[IR_TARGETS_MAX];
    for (unsigned i = 0; i < candidate_count; i++) {
        targets[i] = candidates[i];
    }
    struct ir_value candidate = { .op = IR_EXIT_INDIRECT,
                                  .count = count,
                                  .arguments = { address },
                                  .targets = targets,
                                  .target_count = candidate_count };
    ir_append(block, &candidate);
}

void ir_exit_interpret(struct ir_block *block, uint64_t pc, uint32_t count)
{
    struct ir_value candidate = { .op = IR_EXIT_INTERPRET, .pc = pc, .count = count };
    ir_append(block, &candidate);
}

void ir_simplify_end(struct ir_value *end)
{
    struct ir_value *a = end->arguments[0];
    if (end->op == IR_BRANCH && (ir_is_constant(a) || a->op == IR_XOR || end->targets[0] == end->targets[1])) {
        ir_branch(end->block, a, end->targets[0], end->targets[1], end->count);
        ir_remove(end);
    } else if (end->op == IR_EXIT_INDIRECT && ir_is_constant(a)) {
        ir_exit_indirect(end->block, a, end->targets, end->target_count, end->count);
        ir_remove(end);
    }
}
