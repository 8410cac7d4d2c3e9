/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RV64 code works on 32-bit numbers with 64-bit operations where both give the same low half: the `or` of two `slliw`
 * and `srliw`, say. This pass does such an operation on I32 and extends the result, if that costs nothing: if the upper
 * half is not looked at, or an argument's sign extension has no other user and goes. What becomes of it are rotations,
 * and chains of operations with one extension at their end.
 *
 * It comes when dead PUTs are gone, because each PUT is a user that wants all 64 bits.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdlib.h>

/* The low half of the result depends on the low halves of the arguments only. */
static bool works_on_halves(enum ir_op op)
{
    switch ((int)op) {
    case IR_ADD:
    case IR_SUB:
    case IR_MUL:
    case IR_AND:
    case IR_OR:
    case IR_XOR: return true;
    default: return false;
    }
}

/* The upper half of a sign-extended result too is what the operation makes of the sign-extended arguments. */
static bool keeps_extension(enum ir_op op)
{
    return op == IR_AND || op == IR_OR || op == IR_XOR;
}

/* The user looks at the low half of its argument `i` only. */
static bool ignores_upper_half(const struct ir_value *user, unsigned i)
{
    switch ((int)user->op) {
    case IR_TRUNC:
    case IR_SEXT: return true; /* from 32 bits at most */
    case IR_STORE8:
    case IR_STORE16:
    case IR_STORE32: return i == 1;
    case IR_VSPLAT: return ir_lane_bits(user) <= 32;
    case IR_VINSERT: return i == 1 && ir_lane_bits(user) <= 32;
    case IR_AND: return user->arguments[1]->op == IR_CONST && user->arguments[1]->immediate <= UINT32_MAX;
    default: return false;
    }
}

/* An I32 that the value is the sign extension of, or NULL. */
static struct ir_value *half_of(struct ir_block *block, const struct ir_value *value)
{
    if (value->op == IR_CONST) {
        bool fits = value->immediate == (uint64_t)(int64_t)(int32_t)value->immediate;
        return fits ? ir_constant(block, IR_I32, value->immediate) : NULL;
    }
    struct ir_value *half = value->arguments[0];
    if (value->op == IR_SEXT && value->immediate == 32) {
        return half->type == IR_I32 ? half : ir_unary(block, IR_TRUNC, IR_I32, half);
    }
    bool is_positive = value->op == IR_ZEXT && half->type == IR_I32 && (ir_known_zeros(half) & UINT32_C(1) << 31) != 0;
    return is_positive ? half : NULL;
}

static bool is_extension(const struct ir_value *value)
{
    return (value->op == IR_SEXT && value->immediate == 32) ||
           (value->op == IR_ZEXT && value->arguments[0]->type == IR_I32);
}

/* An extension that costs something (a load extends for nothing) and goes if this user does not want it. */
static bool would_go(const struct ir_value *value)
{
    return value->op == IR_SEXT && value->immediate == 32 && value->uses == 1 && value->arguments[0]->op != IR_LOAD32;
}

static void become(struct ir_value *value, struct ir_value *a, struct ir_value *b)
{
    struct ir_value *half = ir_binary(value->block, value->op, a, b);
    ir_replace(value, ir_sext(value->block, IR_I64, half, 32));
}

static void narrow(struct ir_value *value, bool wants_all)
{
    struct ir_block *block = value->block;
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    if (wants_all) {
        bool pays = keeps_extension(value->op) && (would_go(a) || would_go(b));
        struct ir_value *low = pays ? half_of(block, a) : NULL, *other = low != NULL ? half_of(block, b) : NULL;
        if (other != NULL) {
            become(value, low, other);
        }
    } else if (is_extension(a) || is_extension(b)) {
        become(value, ir_unary(block, IR_TRUNC, IR_I32, a), ir_unary(block, IR_TRUNC, IR_I32, b));
    }
}

static void narrow_block(struct ir_block *block, uint8_t *wanted)
{
    for (const struct ir_value *user = block->last; user != NULL; user = user->previous) {
        for (unsigned i = 0; i < IR_ARGUMENTS_MAX && user->arguments[i] != NULL; i++) {
            wanted[user->arguments[i]->number] |= !ignores_upper_half(user, i);
        }
    }
    for (struct ir_value *value = block->first, *next; value != NULL; value = next) {
        next = value->next;
        bool wants_all = wanted[value->number] != 0; /* asked first: what is made here is not in the table */
        bool changed = ir_resolve(value);
        ir_insert_before(block->region, value);
        struct ir_value *simple = changed ? ir_simplify(block, value) : NULL;
        if (simple != NULL) {
            ir_replace(value, simple);
        } else if (value->type == IR_I64 && works_on_halves(value->op)) {
            narrow(value, wants_all);
        } else if (changed && ir_effect_of(value) == IR_EFFECT_END) {
            ir_simplify_end(value);
        }
    }
}

void ir_narrow(struct ir_region *region)
{
    uint8_t *wanted = check_alloc(region->value_count + 1ul);
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        narrow_block(block, wanted);
    }
    ir_insert_before(region, NULL);
    free(wanted);
}
