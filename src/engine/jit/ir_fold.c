/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding: which value is already known to be equal to an operation that is about to be made.
 *
 * Each rule is an equation that holds for all bits, with nothing left out: floating-point operations are not touched,
 * because they set flags. A rule may make new, simpler operations, and those are folded in turn; every rule makes the
 * expression smaller or replaces an operation by a cheaper one, so this ends.
 *
 * Canonical forms, which the rules and the back ends may count on: of a commutative operation the constant argument is
 * the right one; subtracting a constant is adding its negative; multiplying or dividing by a power of two is a shift; a
 * constant amount of a shift is less than the width.
 */
#include "engine/jit/ir_internal.h"

static uint64_t type_mask(enum ir_type type)
{
    return UINT64_MAX >> (64 - ir_type_bits(type));
}

static bool is_constant(const struct ir_value *value, uint64_t wanted)
{
    return value->op == IR_CONST && value->immediate == (wanted & type_mask(value->type));
}

/* x op c with a constant c. */
static bool is_op_constant(const struct ir_value *value, enum ir_op op)
{
    return value->op == op && value->arguments[1]->op == IR_CONST;
}

static struct ir_value *binary_constant(struct ir_block *block, enum ir_op op, struct ir_value *a, uint64_t b)
{
    return ir_binary(block, op, a, ir_constant(block, a->type, b));
}

static struct ir_value *negation_of(struct ir_block *block, struct ir_value *condition)
{
    return binary_constant(block, IR_XOR, condition, 1);
}

static bool is_not(const struct ir_value *value)
{
    return value->type == IR_BOOL && is_op_constant(value, IR_XOR) && value->arguments[1]->immediate == 1;
}

static bool is_commutative(enum ir_op op)
{
    switch ((int)op) {
    case IR_ADD:
    case IR_MUL:
    case IR_MULHU:
    case IR_MULHS:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_EQ:
    case IR_NE:
    case IR_VAND:
    case IR_VOR:
    case IR_VXOR:
    case IR_VADD:
    case IR_VMUL:
    case IR_VEQ:
    case IR_VMINS:
    case IR_VMINU:
    case IR_VMAXS:
    case IR_VMAXU:
    case IR_FLAGS_ADD:
    case IR_FLAGS_ADC: return true;
    default: return false;
    }
}

static unsigned log2_of(uint64_t power)
{
    return (unsigned)__builtin_ctzll(power);
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* (x op c1) op c2 for an associative op: x op (c1 op c2). */
static struct ir_value *reassociate(struct ir_block *block, enum ir_op op, struct ir_value *a, uint64_t c)
{
    if (!is_op_constant(a, op)) {
        return NULL;
    }
    uint64_t inner = a->arguments[1]->immediate;
    uint64_t both = op == IR_ADD ? inner + c : op == IR_AND ? (inner & c) : op == IR_OR ? (inner | c) : inner ^ c;
    return binary_constant(block, op, a->arguments[0], both);
}

static struct ir_value *fold_add(struct ir_block *block, struct ir_value *a, struct ir_value *b)
{
    if (is_constant(b, 0)) {
        return a;
    }
    return b->op == IR_CONST ? reassociate(block, IR_ADD, a, b->immediate) : NULL;
}

static struct ir_value *fold_sub(struct ir_block *block, struct ir_value *a, struct ir_value *b)
{
    if (a == b) {
        return ir_constant(block, a->type, 0);
    }
    if (b->op == IR_CONST) {
        return binary_constant(block, IR_ADD, a, 0 - b->immediate);
    }
    if (a->op == IR_ADD && a->arguments[1] == b) { /* (x + y) - y */
        return a->arguments[0];
    }
    return a->op == IR_ADD && a->arguments[0] == b ? a->arguments[1] : NULL;
}

static struct ir_value *fold_multiply(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    if (is_constant(b, 0) || is_constant(a, 0)) {
        return ir_constant(block, a->type, 0);
    }
    if (b->op != IR_CONST) {
        return NULL;
    }
    if (op == IR_MUL && is_power_of_two(b->immediate)) {
        return binary_constant(block, IR_SHL, a, log2_of(b->immediate));
    }
    return op == IR_MULHU && b->immediate == 1 ? ir_constant(block, a->type, 0) : NULL;
}

static struct ir_value *fold_divide(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    bool is_remainder = op == IR_REMU || op == IR_REMS;
    if (is_constant(b, 0)) { /* total: see ir.h */
        return is_remainder ? a : ir_constant(block, a->type, UINT64_MAX);
    }
    if (is_constant(b, 1)) {
        return is_remainder ? ir_constant(block, a->type, 0) : a;
    }
    if (b->op != IR_CONST || !is_power_of_two(b->immediate)) {
        return NULL;
    }
    if (op == IR_DIVU) {
        return binary_constant(block, IR_SHR, a, log2_of(b->immediate));
    }
    return op == IR_REMU ? binary_constant(block, IR_AND, a, b->immediate - 1) : NULL;
}

/* x & c where x is extended from fewer bits than c reaches to: the extension does not matter. */
static struct ir_value *fold_and_extended(struct ir_block *block, const struct ir_value *a, uint64_t c)
{
    bool is_zext = a->op == IR_ZEXT && a->arguments[0]->type == IR_I32;
    bool is_sext = a->op == IR_SEXT && c >> (a->immediate - 1) >> 1 == 0;
    if (!is_zext && !is_sext) {
        return NULL;
    }
    struct ir_value *masked = binary_constant(block, IR_AND, a->arguments[0], c);
    return masked->type == a->type ? masked : ir_unary(block, IR_ZEXT, a->type, masked);
}

static struct ir_value *fold_and(struct ir_block *block, struct ir_value *a, struct ir_value *b)
{
    if (a == b) {
        return a;
    }
    uint64_t a_possible = ~ir_known_zeros(a);
    if (b->op != IR_CONST) {
        return (a_possible & ~ir_known_zeros(b)) == 0 ? ir_constant(block, a->type, 0) : NULL;
    }
    if ((a_possible & ~b->immediate) == 0) { /* nothing is masked away */
        return a;
    }
    if ((a_possible & b->immediate) == 0) {
        return ir_constant(block, a->type, 0);
    }
    struct ir_value *folded = fold_and_extended(block, a, b->immediate);
    return folded != NULL ? folded : reassociate(block, IR_AND, a, b->immediate);
}

/* or(x xor c, y) where y has no bit of c: or(x, y) xor c. Joining a negated sign with the rest of a number comes to
 * this. */
static struct ir_value *fold_or_xor(struct ir_block *block, const struct ir_value *a, struct ir_value *b)
{
    if (!is_op_constant(a, IR_XOR) || (a->arguments[1]->immediate & ~ir_known_zeros(b)) != 0) {
        return NULL;
    }
    return ir_binary(block, IR_XOR, ir_binary(block, IR_OR, a->arguments[0], b), a->arguments[1]);
}

/* (x & c) | (x & d): x & (c | d). */
static struct ir_value *fold_or_of_parts(struct ir_block *block, const struct ir_value *a, const struct ir_value *b)
{
    if (!is_op_constant(a, IR_AND) || !is_op_constant(b, IR_AND) || a->arguments[0] != b->arguments[0]) {
        return NULL;
    }
    uint64_t kept = a->arguments[1]->immediate | b->arguments[1]->immediate;
    return binary_constant(block, IR_AND, a->arguments[0], kept);
}

/* (x >> n) | (x << (width - n)): a rotation. */
static struct ir_value *fold_rotation(struct ir_block *block, const struct ir_value *a, const struct ir_value *b)
{
    if (!is_op_constant(a, IR_SHR) || !is_op_constant(b, IR_SHL) || a->arguments[0] != b->arguments[0]) {
        return NULL;
    }
    uint64_t down = a->arguments[1]->immediate, up = b->arguments[1]->immediate;
    return down + up == ir_type_bits(a->type) ? binary_constant(block, IR_ROTR, a->arguments[0], down) : NULL;
}

static struct ir_value *fold_or(struct ir_block *block, struct ir_value *a, struct ir_value *b)
{
    if (a == b || is_constant(b, 0)) {
        return a;
    }
    if (is_constant(b, UINT64_MAX)) {
        return b;
    }
    if (b->op == IR_CONST) {
        return reassociate(block, IR_OR, a, b->immediate);
    }
    struct ir_value *folded = fold_rotation(block, a, b);
    folded = folded != NULL ? folded : fold_rotation(block, b, a);
    folded = folded != NULL ? folded : fold_or_of_parts(block, a, b);
    folded = folded != NULL ? folded : fold_or_xor(block, a, b);
    return folded != NULL ? folded : fold_or_xor(block, b, a);
}

/* The comparison that is true where this one is false, or IR_OP_COUNT. Those of floats have none: NaN. */
static enum ir_op opposite(enum ir_op op)
{
    return op == IR_EQ ? IR_NE : op == IR_NE ? IR_EQ : IR_OP_COUNT;
}

static struct ir_value *fold_not(struct ir_block *block, const struct ir_value *a)
{
    struct ir_value *const *arguments = a->arguments;
    if (opposite(a->op) != IR_OP_COUNT) {
        return ir_compare(block, opposite(a->op), arguments[0], arguments[1]);
    }
    switch ((int)a->op) { /* not a < b is b <= a */
    case IR_LTU: return ir_compare(block, IR_LEU, arguments[1], arguments[0]);
    case IR_LEU: return ir_compare(block, IR_LTU, arguments[1], arguments[0]);
    case IR_LTS: return ir_compare(block, IR_LES, arguments[1], arguments[0]);
    case IR_LES: return ir_compare(block, IR_LTS, arguments[1], arguments[0]);
    default: return NULL;
    }
}

static struct ir_value *fold_xor(struct ir_block *block, struct ir_value *a, struct ir_value *b)
{
    if (a == b) {
        return ir_constant(block, a->type, 0);
    }
    if (is_constant(b, 0)) {
        return a;
    }
    if (b->op != IR_CONST) {
        return NULL;
    }
    struct ir_value *folded = reassociate(block, IR_XOR, a, b->immediate);
    return folded == NULL && a->type == IR_BOOL ? fold_not(block, a) : folded;
}

/* A shift by a masked amount where the mask leaves all bits the shift looks at. */
static struct ir_value *unmask_amount(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    uint64_t looked_at = ir_type_bits(a->type) - 1;
    if (is_op_constant(b, IR_AND) && (b->arguments[1]->immediate & looked_at) == looked_at) {
        return ir_binary(block, op, a, b->arguments[0]);
    }
    return NULL;
}

/* (x op c1) op c2 for the same shift; c2 is not 0. */
static struct ir_value *shift_again(struct ir_block *block, enum ir_op op, const struct ir_value *a, unsigned by)
{
    unsigned bits = ir_type_bits(a->type);
    unsigned sum = by + ((unsigned)a->arguments[1]->immediate & (bits - 1));
    if (op == IR_ROTR) {
        return binary_constant(block, op, a->arguments[0], sum & (bits - 1));
    }
    if (sum >= bits && op != IR_SAR) {
        return ir_constant(block, a->type, 0);
    }
    return binary_constant(block, op, a->arguments[0], sum < bits ? sum : bits - 1);
}

/* (x << up) >> by, with or without sign, where the first shift leaves 8, 16 or 32 bits: extend, then shift up by what
 * is left. So a scaled index looks like one, however it was written. */
static struct ir_value *shift_back(struct ir_block *block, enum ir_op op, const struct ir_value *a, unsigned by)
{
    unsigned bits = ir_type_bits(a->type), up = (unsigned)a->arguments[1]->immediate & (bits - 1), left = bits - up;
    if (a->arguments[1]->op != IR_CONST || by > up || (left != 8 && left != 16 && left != 32)) {
        return NULL;
    }
    struct ir_value *low = op == IR_SAR ? ir_sext(block, a->type, a->arguments[0], left)
                                        : binary_constant(block, IR_AND, a->arguments[0], UINT64_MAX >> (64 - left));
    return binary_constant(block, IR_SHL, low, up - by);
}

static struct ir_value *fold_shift(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    unsigned bits = ir_type_bits(a->type);
    if (is_constant(a, 0) || (is_constant(a, UINT64_MAX) && (op == IR_SAR || op == IR_ROTR))) {
        return a;
    }
    if (b->op != IR_CONST) {
        return unmask_amount(block, op, a, b);
    }
    unsigned by = (unsigned)b->immediate & (bits - 1);
    if (by == 0) {
        return a;
    }
    if (by != b->immediate) {
        return binary_constant(block, op, a, by);
    }
    if (is_op_constant(a, op)) {
        return shift_again(block, op, a, by);
    }
    bool same = (a->op == IR_SHL || a->op == IR_SHR) && is_op_constant(a, a->op) &&
                ((unsigned)a->arguments[1]->immediate & (bits - 1)) == by;
    if (op == IR_SHL && is_op_constant(a, IR_XOR)) { /* constants outward, where they meet others */
        struct ir_value *shifted = binary_constant(block, IR_SHL, a->arguments[0], by);
        return binary_constant(block, IR_XOR, shifted, a->arguments[1]->immediate << by);
    }
    if (same && op == IR_SHR) { /* up and down, or down and up: a mask */
        return binary_constant(block, IR_AND, a->arguments[0], type_mask(a->type) >> by);
    }
    if (same && op == IR_SHL) {
        return binary_constant(block, IR_AND, a->arguments[0], type_mask(a->type) << by);
    }
    return a->op == IR_SHL && op != IR_ROTR ? shift_back(block, op, a, by) : NULL;
}

/* Sign extension of a value whose upper bits, from the sign on, are known to be 0 or copies of the sign already. */
static struct ir_value *fold_sext_known(struct ir_block *block, const struct ir_value *c, struct ir_value *a)
{
    unsigned from = (unsigned)c->immediate;
    uint64_t possible = ~ir_known_zeros(a);
    if (possible >> (from - 1) == 0) {
        return a->type == c->type ? a : ir_unary(block, IR_ZEXT, c->type, a);
    }
    if (a->type == c->type && ir_known_sign(a) <= from) {
        return a;
    }
    bool masked = is_op_constant(a, IR_AND) && (~a->arguments[1]->immediate & (UINT64_MAX >> (64 - from))) == 0;
    return masked ? ir_sext(block, c->type, a->arguments[0], from) : NULL;
}

/* The low half of a boxed F32's bits, or NULL. */
static struct ir_value *unboxed_bits(struct ir_block *block, const struct ir_value *a)
{
    bool is_box = a->op == IR_BITCAST && a->arguments[0]->op == IR_BOX;
    return is_box ? ir_unary(block, IR_BITCAST, IR_I32, a->arguments[0]->arguments[0]) : NULL;
}

static struct ir_value *fold_sext(struct ir_block *block, const struct ir_value *c, struct ir_value *a)
{
    unsigned from = (unsigned)c->immediate;
    if (a->type == c->type && from == ir_type_bits(a->type)) {
        return a;
    }
    struct ir_value *known = fold_sext_known(block, c, a);
    if (known != NULL) {
        return known;
    }
    struct ir_value *inner = a->arguments[0];
    if (a->op == IR_SEXT) {
        return ir_sext(block, c->type, inner, a->immediate < from ? (unsigned)a->immediate : from);
    }
    if (a->op == IR_TRUNC) { /* I64 → I32 → … */
        return c->type == IR_I64 ? ir_sext(block, IR_I64, inner, from) : NULL;
    }
    if (a->op == IR_ZEXT && inner->type == IR_I32) {
        return ir_sext(block, c->type, inner, from);
    }
    struct ir_value *bits = from <= 32 ? unboxed_bits(block, a) : NULL;
    return bits != NULL ? ir_sext(block, c->type, bits, from) : NULL;
}

static struct ir_value *fold_zext(struct ir_block *block, const struct ir_value *c, struct ir_value *a)
{
    if (a->op == IR_ZEXT) { /* BOOL → I32 → I64 */
        return ir_unary(block, IR_ZEXT, c->type, a->arguments[0]);
    }
    if (a->op == IR_TRUNC) {
        return binary_constant(block, IR_AND, a->arguments[0], UINT32_MAX);
    }
    return NULL;
}

static struct ir_value *fold_trunc(struct ir_block *block, struct ir_value *a)
{
    struct ir_value *inner = a->arguments[0];
    if (a->op == IR_ZEXT) {
        return inner->type == IR_I32 ? inner : ir_unary(block, IR_ZEXT, IR_I32, inner);
    }
    if (a->op == IR_SEXT) {
        struct ir_value *word = inner->type == IR_I32 ? inner : ir_unary(block, IR_TRUNC, IR_I32, inner);
        return a->immediate == 32 ? word : ir_sext(block, IR_I32, word, (unsigned)a->immediate);
    }
    if (is_op_constant(a, IR_AND) && (uint32_t)a->arguments[1]->immediate == UINT32_MAX) {
        return ir_unary(block, IR_TRUNC, IR_I32, inner);
    }
    return unboxed_bits(block, a);
}

/* Both sides are extended from I32 in a way that keeps their order: compare the I32s. A constant counts if it could
 * have come from the same extension. (Signed comparisons of zero-extended values have become unsigned ones before.) */
static struct ir_value *narrow_side(struct ir_block *block, struct ir_value *side, enum ir_op extension)
{
    if (side->op == extension && side->arguments[0]->type == IR_I32 &&
        (extension == IR_ZEXT || side->immediate == 32)) {
        return side->arguments[0];
    }
    if (side->op != IR_CONST) {
        return NULL;
    }
    uint64_t word = (uint32_t)side->immediate;
    uint64_t back = extension == IR_ZEXT ? word : (uint64_t)(int64_t)(int32_t)word;
    return back == side->immediate ? ir_constant(block, IR_I32, word) : NULL;
}

static struct ir_value *fold_narrow_compare(struct ir_block *block, enum ir_op op, struct ir_value *a,
                                            struct ir_value *b)
{
    enum ir_op extension = a->op == IR_CONST ? b->op : a->op;
    if (a->type != IR_I64 || (extension != IR_SEXT && extension != IR_ZEXT)) {
        return NULL;
    }
    struct ir_value *left = narrow_side(block, a, extension);
    struct ir_value *right = left != NULL ? narrow_side(block, b, extension) : NULL;
    return right != NULL ? ir_compare(block, op, left, right) : NULL;
}

/* x == c, x != c. */
static struct ir_value *fold_equal_constant(struct ir_block *block, enum ir_op op, struct ir_value *a, uint64_t c)
{
    if ((ir_known_zeros(a) & c) != 0) { /* a bit of c that x never has */
        return ir_constant(block, IR_BOOL, op == IR_NE);
    }
    if (a->op == IR_ZEXT && a->arguments[0]->type == IR_BOOL) {
        return (op == IR_EQ) == (c == 1) ? a->arguments[0] : negation_of(block, a->arguments[0]);
    }
    if (is_op_constant(a, IR_ADD)) {
        return ir_compare(block, op, a->arguments[0], ir_constant(block, a->type, c - a->arguments[1]->immediate));
    }
    if (is_op_constant(a, IR_XOR)) {
        return ir_compare(block, op, a->arguments[0], ir_constant(block, a->type, c ^ a->arguments[1]->immediate));
    }
    if (c == 0 && (a->op == IR_XOR || a->op == IR_SUB)) {
        return ir_compare(block, op, a->arguments[0], a->arguments[1]);
    }
    return NULL;
}

static struct ir_value *fold_less_unsigned(struct ir_block *block, enum ir_op op, struct ir_value *a,
                                           struct ir_value *b)
{
    if (op == IR_LTU && is_constant(b, 0)) {
        return ir_constant(block, IR_BOOL, 0);
    }
    if (op == IR_LTU && is_constant(b, 1)) {
        return ir_compare(block, IR_EQ, a, ir_constant(block, a->type, 0));
    }
    if (op == IR_LTU && is_constant(a, 0)) {
        return ir_compare(block, IR_NE, b, a);
    }
    if (op == IR_LEU && is_constant(b, 0)) {
        return ir_compare(block, IR_EQ, a, b);
    }
    if (op == IR_LEU && is_constant(a, 1)) {
        return ir_compare(block, IR_NE, b, ir_constant(block, b->type, 0));
    }
    if (op == IR_LEU && (is_constant(a, 0) || is_constant(b, UINT64_MAX))) {
        return ir_constant(block, IR_BOOL, 1);
    }
    uint64_t greatest = ~ir_known_zeros(a);
    bool always = b->op == IR_CONST && (op == IR_LTU ? greatest < b->immediate : greatest <= b->immediate);
    return always ? ir_constant(block, IR_BOOL, 1) : NULL;
}

/* x < c, x <= c with a sign, where the sign of x is known to be +. */
static struct ir_value *fold_less_signed(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    uint64_t sign = (type_mask(a->type) >> 1) + 1;
    bool both_positive = (ir_known_zeros(a) & ir_known_zeros(b) & sign) != 0;
    return both_positive ? ir_compare(block, op == IR_LTS ? IR_LTU : IR_LEU, a, b) : NULL;
}

static struct ir_value *fold_compare(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    if (a == b) {
        return ir_constant(block, IR_BOOL, op == IR_EQ || op == IR_LEU || op == IR_LES);
    }
    struct ir_value *folded = NULL;
    if (op == IR_EQ || op == IR_NE) {
        folded = b->op == IR_CONST ? fold_equal_constant(block, op, a, b->immediate) : NULL;
    } else if (op == IR_LTU || op == IR_LEU) {
        folded = fold_less_unsigned(block, op, a, b);
    } else {
        folded = fold_less_signed(block, op, a, b);
    }
    return folded != NULL ? folded : fold_narrow_compare(block, op, a, b);
}

static struct ir_value *fold_select(struct ir_block *block, struct ir_value *condition, struct ir_value *a,
                                    struct ir_value *b)
{
    if (a == b || is_constant(condition, 1)) {
        return a;
    }
    if (is_constant(condition, 0)) {
        return b;
    }
    if (is_not(condition)) {
        return ir_select(block, condition->arguments[0], b, a);
    }
    if (ir_type_bits(a->type) == 0) {
        return NULL;
    }
    if (is_constant(a, 1) && is_constant(b, 0)) {
        return a->type == IR_BOOL ? condition : ir_unary(block, IR_ZEXT, a->type, condition);
    }
    if (is_constant(a, 0) && is_constant(b, 1)) {
        condition = negation_of(block, condition);
        return a->type == IR_BOOL ? condition : ir_unary(block, IR_ZEXT, a->type, condition);
    }
    if (a->type == IR_BOOL && (is_constant(b, 0) || is_constant(a, 1))) {
        return is_constant(b, 0) ? ir_binary(block, IR_AND, condition, a) : ir_binary(block, IR_OR, condition, b);
    }
    return NULL;
}

/* A GET of the other type, beside the old one: in between the slot may have been written. */
static struct ir_value *get_retyped(struct ir_value *get, enum ir_type type)
{
    struct ir_region *region = get->block->region;
    struct ir_value *before = region->arena->before;
    const struct ir_value *beside = get->next;
    if (beside != NULL && beside->op == IR_GET && beside->slot == get->slot && beside->type == type) {
        return get->next; /* made for an earlier bitcast */
    }
    ir_insert_before(region, get->next);
    struct ir_value *retyped = ir_get(get->block, type, get->slot);
    ir_insert_before(region, before);
    return retyped;
}

static struct ir_value *fold_bitcast(const struct ir_value *c, struct ir_value *a)
{
    if (a->op == IR_BITCAST) {
        return a->arguments[0];
    }
    return a->op == IR_GET && ir_is_float(c->type) ? get_retyped(a, c->type) : NULL; /* see pass_type_slots.c */
}

/* Exact conversions need no rounding: one form for all. */
static void canonical_conversion(struct ir_value *c)
{
    enum ir_type from = c->arguments[0]->type;
    bool widens = c->op == IR_FCVT && from == IR_F32;
    bool fits = (c->op == IR_STOF || c->op == IR_UTOF) && from == IR_I32 && c->type == IR_F64;
    if (widens || fits) {
        c->immediate = IR_ROUND_REGION;
    }
}

static struct ir_value *fold_constants(struct ir_block *block, const struct ir_value *c)
{
    uint64_t arguments[3] = { 0 }, result;
    for (unsigned i = 0; i < 3 && c->arguments[i] != NULL; i++) {
        if (c->arguments[i]->op != IR_CONST) {
            return NULL;
        }
        arguments[i] = c->arguments[i]->immediate;
    }
    return c->op != IR_CONST && c->type != IR_V128 && ir_compute(c, arguments, &result)
               ? ir_constant(block, c->type, result)
               : NULL;
}

/* By others than the candidate, which has been counted if it stands in a block already. */
static bool is_used_elsewhere(const struct ir_value *value, const struct ir_value *candidate)
{
    return value->uses > (candidate->block != NULL);
}

static struct ir_value *fold_operation(struct ir_block *block, struct ir_value *c)
{
    struct ir_value *a = c->arguments[0], *b = c->arguments[1];
    switch ((int)c->op) {
    case IR_ADD: return fold_add(block, a, b);
    case IR_SUB: return fold_sub(block, a, b);
    case IR_MUL:
    case IR_MULHU:
    case IR_MULHS:
    case IR_MULHSU: return fold_multiply(block, c->op, a, b);
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS: return fold_divide(block, c->op, a, b);
    case IR_AND: return fold_and(block, a, b);
    case IR_OR: return fold_or(block, a, b);
    case IR_XOR: return fold_xor(block, a, b);
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTR: return fold_shift(block, c->op, a, b);
    case IR_SEXT: return fold_sext(block, c, a);
    case IR_ZEXT: return fold_zext(block, c, a);
    case IR_TRUNC: return fold_trunc(block, a);
    case IR_EQ:
    case IR_NE:
        if (b->op == IR_CONST && is_op_constant(a, IR_ADD) && is_used_elsewhere(a, c)) {
            return NULL; /* the sum is there, and what it was made of often is not any more: counting down to 0 */
        }
        return fold_compare(block, c->op, a, b);
    case IR_LTU:
    case IR_LEU:
    case IR_LTS:
    case IR_LES: return fold_compare(block, c->op, a, b);
    case IR_SELECT: return fold_select(block, a, b, c->arguments[2]);
    case IR_BITCAST: return fold_bitcast(c, a);
    case IR_UNBOX: return a->op == IR_BOX ? a->arguments[0] : NULL;
    case IR_FCVT:
    case IR_STOF:
    case IR_UTOF: canonical_conversion(c); return NULL;
    default: return NULL;
    }
}

struct ir_value *ir_simplify(struct ir_block *block, struct ir_value *candidate)
{
    enum ir_effect effect = ir_op_table[candidate->op].effect;
    if ((effect != IR_EFFECT_NONE && effect != IR_EFFECT_FLOAT) || candidate->arguments[0] == NULL) {
        return NULL;
    }
    if (is_commutative(candidate->op) && candidate->arguments[0]->op == IR_CONST) {
        struct ir_value *constant = candidate->arguments[0];
        candidate->arguments[0] = candidate->arguments[1];
        candidate->arguments[1] = constant;
    }
    if (candidate->op >= IR_VAND && candidate->op <= IR_CONDITION) {
        return ir_is_vector_op(candidate->op) ? ir_simplify_vector(block, candidate)
                                              : ir_simplify_flags(block, candidate);
    }
    struct ir_value *folded = effect == IR_EFFECT_NONE ? fold_constants(block, candidate) : NULL;
    return folded != NULL ? folded : fold_operation(block, candidate);
}
