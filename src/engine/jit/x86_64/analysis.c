/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking backward through a block: who uses each value and how often, which values their only user had better compute
 * itself, which need no code of their own, and which may be computed straight into the register of a pinned slot.
 *
 * A value may be computed into the pin's register if nothing between it and the PUT can see the slot: no GET, no other
 * PUT, nothing that may leave. (That no value still in the register is needed is asked when the time has come.)
 */
#include "engine/jit/x86_64/compile.h"

struct walk {
    struct compile *compile;
    uint32_t position;              /* of the value looked at */
    uint32_t next_leave;            /* of the next operation that may leave */
    uint32_t next_access[PINS_MAX]; /* of the next GET or PUT */
};

static bool is_constant(const struct ir_value *value, uint64_t constant)
{
    return value->op == IR_CONST && value->immediate == constant;
}

static bool is_comparison(enum ir_op op)
{
    return op >= IR_EQ && op <= IR_LES;
}

static bool is_load(enum ir_op op)
{
    return op >= IR_LOAD8 && op <= IR_LOAD128;
}

static bool is_memory(enum ir_op op)
{
    return op >= IR_LOAD8 && op <= IR_STORE128;
}

static bool is_scale(const struct ir_value *value)
{
    return value->op == IR_CONST && value->immediate >= 1 && value->immediate <= 3;
}

/* Its only user computes it along with its own work. */
static bool is_fusable(const struct walk *walk, const struct ir_value *value, const struct ir_value *user)
{
    const struct compile *compile = walk->compile;
    bool is_first = resolve(compile, user->arguments[0]) == value;
    if (is_comparison(value->op)) {
        return user->op == IR_BRANCH || user->op == IR_GUARD || (user->op == IR_SELECT && is_first);
    }
    if (value->op == IR_CONDITION) { /* beside the operands of a SELECT there is no room for those of a sum */
        enum ir_op made_by = value->arguments[0]->op;
        bool is_sum = made_by == IR_FLAGS_ADD || made_by == IR_FLAGS_ADC;
        return user->op == IR_BRANCH || user->op == IR_GUARD || (user->op == IR_SELECT && is_first && !is_sum);
    }
    if (value->op == IR_ADD && value->type == IR_I64 && node_of(compile, value)->uses == 1) {
        return is_memory(user->op) && is_first &&
               !((user->op >= IR_STORE8) && resolve(compile, user->arguments[1]) == value);
    }
    if (value->op == IR_SHL && value->type == IR_I64) {
        const struct ir_value *other = user->arguments[is_first ? 1 : 0];
        return user->op == IR_ADD && user->type == IR_I64 && is_scale(value->arguments[1]) && other->op != IR_CONST &&
               resolve(compile, user->arguments[is_first ? 1 : 0])->op != IR_SHL;
    }
    if (value->op == IR_BITCAST && !type_is_float(value->type)) {
        return (user->op == IR_STORE32 || user->op == IR_STORE64) && !is_first;
    }
    if (value->op == IR_AND) {
        return (user->op == IR_EQ || user->op == IR_NE) && is_first && is_constant(user->arguments[1], 0);
    }
    return false;
}

/* Base and offset: better added by each access than kept in a register. */
static bool is_offset_address(const struct ir_value *value, const struct node *node)
{
    return value->op == IR_ADD && value->type == IR_I64 && node->addressing == node->uses && node->uses > 1 &&
           value->arguments[1]->op == IR_CONST && emit_fits(value->arguments[1]->immediate) &&
           value->arguments[0]->op != IR_CONST;
}

/* Asked by conditions only: each sets the host's flags itself. */
static bool is_asked_only(const struct ir_value *value, const struct node *node)
{
    return value->op >= IR_FLAGS_ADD && value->op <= IR_FLAGS_LOGIC && node->addressing == node->uses;
}

/* The only user of a LOAD that extends or casts what it loads. */
static bool take_over_user(struct walk *walk, struct ir_value *load, struct ir_value *user)
{
    struct node *node = node_of(walk->compile, load);
    struct node *outer = node_of(walk->compile, user);
    unsigned bits = 8u << (load->op - IR_LOAD8);
    if (user->op == IR_SEXT && user->immediate == bits) {
        node->form = user->type == IR_I64 ? LOAD_SIGN64 : LOAD_SIGN32;
    } else if (user->op == IR_BITCAST && bits == 8 * type_width(user->type)) {
        node->form = LOAD_FLOAT;
    } else {
        return false;
    }
    outer->forward = load;
    node->uses = outer->uses;
    node->last = outer->last;
    node->user = outer->user;
    node->target = outer->target;
    node->put = outer->put;
    return true;
}

static bool extends_all(const struct ir_value *value)
{
    return value->op == IR_SEXT && is_load(value->arguments[0]->op) &&
           value->immediate == 8u << (value->arguments[0]->op - IR_LOAD8);
}

/* Several users, which all extend what is loaded: so the load may do it. */
static bool extends_for_users(const struct walk *walk, const struct ir_value *load)
{
    return load->uses > 1 && node_of(walk->compile, load)->extending == load->uses;
}

/* Same place and same bits as its argument. */
static bool is_same_place(const struct walk *walk, const struct ir_value *value)
{
    const struct compile *compile = walk->compile;
    if (value->op == IR_BOX) {
        const struct node *node = node_of(compile, value);
        return node->single_puts == node->uses && node->uses != 0;
    }
    if (value->op == IR_UNBOX) {
        return value->arguments[0]->op == IR_GET && is_single_pin(compile, value->arguments[0]->slot);
    }
    if (value->op == IR_TRUNC || value->op == IR_FLAGS_TO_WORD) {
        return true;
    }
    if (value->op == IR_FLAGS_FROM_WORD) { /* conditions look at the four bits only */
        const struct node *node = node_of(compile, value);
        return node->addressing == node->uses;
    }
    if (extends_all(value)) {
        return extends_for_users(walk, value->arguments[0]);
    }
    if (value->op != IR_ZEXT || (extends_all(value->arguments[0]) && is_same_place(walk, value->arguments[0]))) {
        return false;
    }
    enum ir_op op = value->arguments[0]->op;
    return op != IR_TRUNC && op != IR_CALL && op != IR_CONST; /* 32-bit operations clear the upper half */
}

static void use(struct walk *walk, struct ir_value *value, struct ir_value *user, uint32_t count, uint32_t last)
{
    struct node *node = node_of(walk->compile, value);
    node->uses += count;
    node->user = user;
    node->last = node->uses == count || last > node->last ? last : node->last;
}

static void forget_bad_target(const struct walk *walk, struct node *node)
{
    if (node->target != PIN_NONE && (walk->next_leave < node->put || walk->next_access[node->target] != node->put)) {
        node->target = PIN_NONE;
    }
}

/* The value computed just before may as well go where this one is meant to. */
static void pass_target_on(struct walk *walk, const struct ir_value *value, const struct node *node)
{
    if (node->target == PIN_NONE || value->arguments[0] == NULL) {
        return;
    }
    struct node *argument = node_of(walk->compile, value->arguments[0]);
    argument->target = node->target;
    argument->put = node->put;
}

/* Instructions whose result takes the place of the first operand, or may as well. */
static bool overwrites_first(enum ir_op op)
{
    return (op >= IR_ADD && op <= IR_MUL) || (op >= IR_AND && op <= IR_ROTR) || op == IR_SEXT || op == IR_BSWAP;
}

static void look_at_put(struct walk *walk, struct ir_value *value)
{
    unsigned pin = pin_at(walk->compile, value->slot);
    if (pin != PIN_NONE) {
        struct node *argument = node_of(walk->compile, value->arguments[0]);
        argument->target = (uint8_t)pin;
        argument->put = walk->position;
        walk->next_access[pin] = walk->position;
        argument->single_puts += walk->compile->pins[pin].is_single;
    }
}

static void look_at(struct walk *walk, struct ir_value *value)
{
    struct node *node = node_of(walk->compile, value);
    if (node->uses == 0 && op_is_droppable(value->op)) {
        node->dead = true;
        return;
    }
    if (node->forward != NULL) { /* taken over by nobody yet: see is_same_place() */
        return;
    }
    if (is_load(value->op) && extends_for_users(walk, value)) {
        node->form = LOAD_SIGN64;
    } else if (node->uses == 1 && is_load(value->op)) {
        take_over_user(walk, value, node->user);
    }
    forget_bad_target(walk, node);
    uint32_t at = walk->position, count = 1;
    if (node->uses == 1 && is_fusable(walk, value, node->user)) {
        node->fused = true;
        at = node->last;
    } else if (is_offset_address(value, node) || is_asked_only(value, node)) {
        node->fused = true;
        at = node->last;
        count = node->uses;
    }
    if (is_same_place(walk, value)) {
        struct ir_value *argument = value->arguments[0];
        use(walk, argument, node->user, node->uses, node->last);
        pass_target_on(walk, value, node);
        node->forward = argument;
        return;
    }
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        use(walk, value->arguments[i], value, count, at);
        if (i == 0 && (is_memory(value->op) || value->op == IR_CONDITION)) {
            node_of(walk->compile, value->arguments[i])->addressing++;
        }
    }
    if (value->op == IR_PUT) {
        look_at_put(walk, value);
    } else if (value->op == IR_GET) {
        unsigned pin = pin_at(walk->compile, value->slot);
        if (pin != PIN_NONE) {
            walk->next_access[pin] = walk->position;
        }
    } else if (overwrites_first(value->op) && node_of(walk->compile, value->arguments[0])->uses == 1) {
        pass_target_on(walk, value, node);
    }
    if (op_leaves(value->op)) {
        walk->next_leave = walk->position;
    }
}

/* -- Groups of accesses -------------------------------------------------------------------------------------------- */

#define GROUP_SPAN_MAX 512 /* the wider, the likelier it is to cross a page */

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t greatest(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static bool fits_group(const struct group *group, int32_t offset, int32_t size)
{
    int64_t low = least(group->low, offset), end = (int64_t)greatest(group->end - size, offset) + size;
    int32_t granule = least(group->alignment, size);
    return end - low <= GROUP_SPAN_MAX && ((offset - group->reference) & (granule - 1)) == 0;
}

static void join_group(struct group *group, int32_t offset, int32_t size)
{
    group->low = least(group->low, offset);
    group->end = greatest(group->end, offset + size);
    if (size > group->alignment) {
        group->alignment = (uint8_t)size;
        group->reference = offset;
    }
    group->count++;
}

static void find_group(struct compile *compile, struct ir_value *value)
{
    int32_t offset;
    bool stores = value->op >= IR_STORE8;
    int32_t size = 1 << (value->op - (stores ? IR_STORE8 : IR_LOAD8));
    const struct ir_value *base = address_base(compile, value->arguments[0], &offset);
    if (base == NULL || base->op == IR_CONST || offset > INT32_MAX / 2 || offset < INT32_MIN / 2) {
        return;
    }
    for (unsigned i = compile->group_count; i-- > 0;) {
        struct group *group = &compile->groups[i];
        if (group->base == base && group->stores == stores && fits_group(group, offset, size)) {
            join_group(group, offset, size);
            node_of(compile, value)->group = (uint8_t)(i + 1);
            return;
        }
    }
    if (compile->group_count < GROUPS_MAX) {
        compile->groups[compile->group_count++] = (struct group){ .base = base,
                                                                  .low = offset,
                                                                  .end = offset + size,
                                                                  .reference = offset,
                                                                  .alignment = (uint8_t)size,
                                                                  .stores = stores,
                                                                  .reg = REG_NONE,
                                                                  .count = 1 };
        node_of(compile, value)->group = (uint8_t)compile->group_count;
    }
}

static void find_groups(struct compile *compile, struct ir_block *block)
{
    compile->group_count = 0;
    for (struct ir_value *value = block->first; value != NULL; value = value->next) {
        if (is_memory(value->op) && value->op != IR_LOAD128 && value->op != IR_STORE128) {
            find_group(compile, value);
        }
    }
}

void analyse_block(struct compile *compile, struct ir_block *block)
{
    struct walk walk = { .compile = compile, .next_leave = POSITION_NEVER };
    for (unsigned i = 0; i < PINS_MAX; i++) {
        walk.next_access[i] = POSITION_NEVER;
    }
    for (struct ir_value *value = block->first; value != NULL; value = value->next) {
        node_of(compile, value)->target = PIN_NONE;
        if (extends_all(value)) {
            node_of(compile, value->arguments[0])->extending++;
        }
        walk.position++;
    }
    for (struct ir_value *value = block->last; value != NULL; value = value->previous) {
        walk.position--;
        look_at(&walk, value);
    }
    find_groups(compile, block);
}
