/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding of FLAGS. A condition becomes the comparison that it is, where there is one, so that branches on it are
 * branches on a comparison and nobody computes flags; what is made of AddWithCarry becomes the sum or difference that
 * it is; and what goes through the word in a guest's slot comes out as what it was.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

static bool is_all_ones(const struct ir_value *value)
{
    return value->op == IR_CONST && value->immediate == UINT64_MAX >> (64 - ir_type_bits(value->type));
}

static struct ir_value *zero_like(struct ir_block *block, const struct ir_value *value)
{
    return ir_constant(block, value->type, 0);
}

static struct ir_value *truth(struct ir_block *block, bool value)
{
    return ir_constant(block, IR_BOOL, value);
}

static struct ir_value *negated(struct ir_block *block, struct ir_value *condition)
{
    return ir_binary(block, IR_XOR, condition, truth(block, true));
}

bool ir_condition_holds(enum ir_condition condition, uint32_t word)
{
    bool n = (word & IR_FLAG_N) != 0, z = (word & IR_FLAG_Z) != 0;
    bool c = (word & IR_FLAG_C) != 0, v = (word & IR_FLAG_V) != 0;
    bool holds = false;
    switch ((int)condition / 2 * 2) {
    case IR_CC_EQ: holds = z; break;
    case IR_CC_CS: holds = c; break;
    case IR_CC_MI: holds = n; break;
    case IR_CC_VS: holds = v; break;
    case IR_CC_HI: holds = c && !z; break;
    case IR_CC_GE: holds = n == v; break;
    default: holds = n == v && !z; break;
    }
    return holds != (condition % 2 != 0);
}

/* -- Conditions: of the even codes; the odd ones are their opposites ------------------------------------------------
 */

/* Of a - b. What is about N or V alone is left: a host has that beside its own comparison. */
static struct ir_value *condition_of_difference(struct ir_block *block, enum ir_condition even, struct ir_value *a,
                                                struct ir_value *b)
{
    switch ((int)even) {
    case IR_CC_EQ: return ir_compare(block, IR_EQ, a, b);
    case IR_CC_CS: return ir_compare(block, IR_LEU, b, a);
    case IR_CC_HI: return ir_compare(block, IR_LTU, b, a);
    case IR_CC_GE: return ir_compare(block, IR_LES, b, a);
    case IR_CC_GT: return ir_compare(block, IR_LTS, b, a);
    default: break;
    }
    if (b->op != IR_CONST || b->immediate != 0) {
        return NULL;
    }
    return even == IR_CC_MI ? ir_compare(block, IR_LTS, a, b) : truth(block, false);
}

static struct ir_value *condition_of_result(struct ir_block *block, enum ir_condition even, struct ir_value *a)
{
    struct ir_value *zero = zero_like(block, a);
    switch ((int)even) {
    case IR_CC_EQ: return ir_compare(block, IR_EQ, a, zero);
    case IR_CC_MI: return ir_compare(block, IR_LTS, a, zero);
    case IR_CC_GE: return ir_compare(block, IR_LES, zero, a);
    case IR_CC_GT: return ir_compare(block, IR_LTS, zero, a);
    default: return truth(block, false); /* C and V are 0 */
    }
}

/* Of a + b, which is there as often as not. */
static struct ir_value *condition_of_sum(struct ir_block *block, enum ir_condition even, struct ir_value *a,
                                         struct ir_value *b)
{
    if (even != IR_CC_EQ && even != IR_CC_MI && even != IR_CC_CS) {
        return NULL;
    }
    struct ir_value *sum = ir_binary(block, IR_ADD, a, b);
    if (even == IR_CC_CS) {
        return ir_compare(block, IR_LTU, sum, a);
    }
    return ir_compare(block, even == IR_CC_EQ ? IR_EQ : IR_LTS, sum, zero_like(block, sum));
}

static struct ir_value *masked(struct ir_block *block, struct ir_value *word, uint32_t mask)
{
    return ir_binary(block, IR_AND, word, ir_constant(block, IR_I32, mask));
}

static bool is_known_word(const struct ir_value *flags)
{
    return flags->op == IR_FLAGS_FROM_WORD && flags->arguments[0]->op == IR_CONST;
}

/* Of c ? g : h. Where one is known, as after Arm's CCMP, the condition is that of the other, or known; else a host
 * chooses words and asks those, so that no chain of choices doubles at each link. */
static struct ir_value *condition_of_choice(struct ir_block *block, enum ir_condition even, struct ir_value *choice)
{
    struct ir_value *g = choice->arguments[1], *h = choice->arguments[2];
    if (!is_known_word(g) && !is_known_word(h)) {
        return NULL;
    }
    return ir_select(block, choice->arguments[0], ir_condition(block, even, g), ir_condition(block, even, h));
}

static struct ir_value *condition_of(struct ir_block *block, enum ir_condition even, struct ir_value *flags)
{
    struct ir_value *a = flags->arguments[0], *b = flags->arguments[1];
    switch ((int)flags->op) {
    case IR_FLAGS_SUB: return condition_of_difference(block, even, a, b);
    case IR_FLAGS_LOGIC: return condition_of_result(block, even, a);
    case IR_FLAGS_ADD: return condition_of_sum(block, even, a, b);
    case IR_FLAGS_FROM_WORD: /* one that is not known yet may be when what was put in its slot is */
        return a->op == IR_CONST ? truth(block, ir_condition_holds(even, (uint32_t)a->immediate)) : NULL;
    case IR_SELECT: return condition_of_choice(block, even, flags);
    default: return NULL;
    }
}

static struct ir_value *fold_condition(struct ir_block *block, const struct ir_value *c)
{
    enum ir_condition even = (enum ir_condition)(c->immediate & ~UINT64_C(1));
    struct ir_value *folded = condition_of(block, even, c->arguments[0]);
    return folded != NULL && even != c->immediate ? negated(block, folded) : folded;
}

/* -- Flags --------------------------------------------------------------------------------------------------------- */

/* a + c is a - -c, in C and V too, but for 0 and the least number. */
static struct ir_value *fold_sum(struct ir_block *block, struct ir_value *a, const struct ir_value *b)
{
    uint64_t least = UINT64_C(1) << (ir_type_bits(b->type) - 1);
    if (b->op != IR_CONST || b->immediate == least) {
        return NULL;
    }
    if (b->immediate == 0) {
        return ir_flags(block, IR_FLAGS_LOGIC, a, NULL, NULL);
    }
    return ir_flags(block, IR_FLAGS_SUB, a, ir_constant(block, a->type, 0 - b->immediate), NULL);
}

static struct ir_value *fold_sum_with_carry(struct ir_block *block, struct ir_value *a, struct ir_value *b,
                                            const struct ir_value *carry)
{
    if (carry->op != IR_CONST) {
        return NULL;
    }
    if (carry->immediate == 0) {
        return ir_flags(block, IR_FLAGS_ADD, a, b, NULL);
    }
    bool is_not = a->op == IR_XOR && is_all_ones(a->arguments[1]); /* the one that is subtracted is inverted */
    struct ir_value *minuend = is_not ? b : a, *inverse = is_not ? a : b;
    struct ir_value *all_ones = ir_constant(block, inverse->type, UINT64_MAX);
    return ir_flags(block, IR_FLAGS_SUB, minuend, ir_binary(block, IR_XOR, inverse, all_ones), NULL);
}

static struct ir_value *fold_from_word(struct ir_block *block, struct ir_value *word)
{
    if (word->op == IR_FLAGS_TO_WORD) {
        return word->arguments[0];
    }
    bool masks = word->op == IR_AND && word->arguments[1]->op == IR_CONST &&
                 (~word->arguments[1]->immediate & IR_FLAGS_ALL) == 0;
    return masks ? ir_unary(block, IR_FLAGS_FROM_WORD, IR_FLAGS, word->arguments[0]) : NULL;
}

static struct ir_value *fold_to_word(struct ir_block *block, const struct ir_value *flags)
{
    return flags->op == IR_FLAGS_FROM_WORD ? masked(block, flags->arguments[0], IR_FLAGS_ALL) : NULL;
}

static struct ir_value *fold_constants(struct ir_block *block, const struct ir_value *c)
{
    uint64_t arguments[3] = { 0 }, word;
    for (unsigned i = 0; i < 3 && c->arguments[i] != NULL; i++) {
        if (c->arguments[i]->op != IR_CONST) {
            return NULL;
        }
        arguments[i] = c->arguments[i]->immediate;
    }
    CHECK(ir_compute(c, arguments, &word));
    return ir_unary(block, IR_FLAGS_FROM_WORD, IR_FLAGS, ir_constant(block, IR_I32, word));
}

struct ir_value *ir_simplify_flags(struct ir_block *block, const struct ir_value *c)
{
    struct ir_value *a = c->arguments[0], *b = c->arguments[1], *folded = NULL;
    switch ((int)c->op) {
    case IR_CONDITION: return fold_condition(block, c);
    case IR_FLAGS_FROM_WORD: return fold_from_word(block, a);
    case IR_FLAGS_TO_WORD: return fold_to_word(block, a);
    default: folded = fold_constants(block, c);
    }
    if (folded == NULL && c->op == IR_FLAGS_ADD) {
        return fold_sum(block, a, b);
    }
    if (folded == NULL && c->op == IR_FLAGS_ADC) {
        return fold_sum_with_carry(block, a, b, c->arguments[2]);
    }
    return folded;
}
