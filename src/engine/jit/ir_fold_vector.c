/* SPDX-License-Identifier: Apache-2.0 */
/* Folding of vector operations: a few equations that code made of lanes comes to. See ir_fold.c. */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

static bool is_vector_constant(const struct ir_value *value, uint64_t both_halves)
{
    return value->op == IR_CONST && value->immediate == both_halves && value->high == both_halves;
}

static struct ir_value *zero(struct ir_block *block)
{
    return ir_vector_constant(block, 0, 0);
}

static struct ir_value *ones(struct ir_block *block)
{
    return ir_vector_constant(block, UINT64_MAX, UINT64_MAX);
}

static struct ir_value *fold_bits(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    bool is_zero = is_vector_constant(b, 0), is_ones = is_vector_constant(b, UINT64_MAX);
    switch ((int)op) {
    case IR_VAND: return a == b || is_ones ? a : is_zero ? b : NULL;
    case IR_VOR: return a == b || is_zero ? a : is_ones ? b : NULL;
    case IR_VXOR: return a == b ? zero(block) : is_zero ? a : NULL;
    default:
        if (a == b || is_ones) {
            return zero(block);
        }
        return is_zero || is_vector_constant(a, 0) ? a : NULL;
    }
}

/* Not (not a) is a. */
static struct ir_value *fold_double_not(const struct ir_value *a, const struct ir_value *b)
{
    bool both =
        is_vector_constant(b, UINT64_MAX) && a->op == IR_VXOR && is_vector_constant(a->arguments[1], UINT64_MAX);
    return both ? a->arguments[0] : NULL;
}

static struct ir_value *fold_lanes(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    switch ((int)op) {
    case IR_VADD: return is_vector_constant(b, 0) ? a : NULL;
    case IR_VSUB: return is_vector_constant(b, 0) ? a : a == b ? zero(block) : NULL;
    case IR_VMUL: return is_vector_constant(b, 0) ? b : NULL;
    case IR_VEQ: return a == b ? ones(block) : NULL;
    case IR_VGTS:
    case IR_VGTU: return a == b ? zero(block) : NULL;
    default: return a == b ? a : NULL; /* the lesser or greater of two */
    }
}

static struct ir_value *fold_select(struct ir_value *mask, struct ir_value *a, struct ir_value *b)
{
    if (a == b || is_vector_constant(mask, UINT64_MAX)) {
        return a;
    }
    return is_vector_constant(mask, 0) ? b : NULL;
}

/* A lane of what was made of lanes of the same size. */
static struct ir_value *fold_extract(struct ir_block *block, const struct ir_value *c, const struct ir_value *a)
{
    unsigned lane = ir_lane_bits(c);
    bool is_splat = a->op == IR_VSPLAT && ir_lane_bits(a) == lane;
    bool is_insert = a->op == IR_VINSERT && ir_lane_bits(a) == lane;
    if (is_splat || (is_insert && a->immediate == c->immediate)) {
        struct ir_value *source = a->arguments[is_splat ? 0 : 1];
        return ir_binary(block, IR_AND, source, ir_constant(block, IR_I64, UINT64_MAX >> (64 - lane)));
    }
    return is_insert ? ir_vector(block, IR_VEXTRACT, c->immediate, a->arguments[0], NULL, NULL) : NULL;
}

/* What is put in the low bits of a lane need not be masked or extended before. */
static struct ir_value *unmasked(const struct ir_value *value, unsigned lane)
{
    bool masks = value->op == IR_AND && value->arguments[1]->op == IR_CONST &&
                 (~value->arguments[1]->immediate & (UINT64_MAX >> (64 - lane))) == 0;
    bool extends = value->op == IR_SEXT && value->immediate >= lane && value->arguments[0]->type == IR_I64;
    return masks || extends ? value->arguments[0] : NULL;
}

static struct ir_value *fold_insert(struct ir_block *block, const struct ir_value *c)
{
    struct ir_value *vector = c->arguments[0], *source = c->arguments[1];
    if (vector->op == IR_VINSERT && vector->immediate == c->immediate) { /* overwritten */
        return ir_vector(block, IR_VINSERT, c->immediate, vector->arguments[0], source, NULL);
    }
    if (source->op == IR_VEXTRACT && source->arguments[0] == vector && source->immediate == c->immediate) {
        return vector;
    }
    struct ir_value *low = unmasked(source, ir_lane_bits(c));
    return low != NULL ? ir_vector(block, IR_VINSERT, c->immediate, vector, low, NULL) : NULL;
}

static struct ir_value *fold_constants(struct ir_block *block, const struct ir_value *c)
{
    struct ir_bits arguments[3] = { { { 0 } } };
    for (unsigned i = 0; i < 3 && c->arguments[i] != NULL; i++) {
        const struct ir_value *argument = c->arguments[i];
        if (argument->op != IR_CONST) {
            return NULL;
        }
        arguments[i] = (struct ir_bits){ { argument->immediate, argument->high } };
    }
    struct ir_bits result = ir_vector_compute(c->op, c->immediate, arguments);
    return c->type == IR_V128 ? ir_vector_constant(block, result.half[0], result.half[1])
                              : ir_constant(block, c->type, result.half[0]);
}

struct ir_value *ir_simplify_vector(struct ir_block *block, struct ir_value *c)
{
    struct ir_value *a = c->arguments[0], *b = c->arguments[1], *folded = NULL;
    if (ir_effect_of(c) == IR_EFFECT_FLOAT) { /* sets flags */
        return NULL;
    }
    folded = fold_constants(block, c);
    if (folded != NULL) {
        return folded;
    }
    switch ((int)c->op) {
    case IR_VXOR: folded = fold_double_not(a, b); return folded != NULL ? folded : fold_bits(block, c->op, a, b);
    case IR_VAND:
    case IR_VOR:
    case IR_VANDN: return fold_bits(block, c->op, a, b);
    case IR_VADD:
    case IR_VSUB:
    case IR_VMUL:
    case IR_VEQ:
    case IR_VGTS:
    case IR_VGTU:
    case IR_VMINS:
    case IR_VMINU:
    case IR_VMAXS:
    case IR_VMAXU: return fold_lanes(block, c->op, a, b);
    case IR_VSELECT: return fold_select(a, b, c->arguments[2]);
    case IR_VSHL:
    case IR_VSHR:
    case IR_VSAR: return ir_lane_number(c) == 0 ? a : NULL;
    case IR_VEXTRACT: return fold_extract(block, c, a);
    case IR_VINSERT: return fold_insert(block, c);
    case IR_VSPLAT:
        folded = unmasked(a, ir_lane_bits(c));
        return folded != NULL ? ir_vector(block, IR_VSPLAT, c->immediate, folded, NULL, NULL) : NULL;
    default: return NULL;
    }
}
