/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the IR share among themselves: the table of operations, appending and removing without folding,
 * the rules every single value obeys. Back ends and builders of regions include ir.h only.
 */
#ifndef RAVELIN_ENGINE_JIT_IR_INTERNAL_H
#define RAVELIN_ENGINE_JIT_IR_INTERNAL_H

#include "engine/jit/ir.h"
#include "engine/jit/ir_vector.h"

#include <stddef.h>

/* Slots are multiples of 4 below this limit: whatever a guest's registers need, and tables stay small. */
#define IR_SLOT_LIMIT 65536u

/* What an operation does beside computing its result. */
enum ir_effect {
    IR_EFFECT_NONE,   /* nothing: may be merged, moved within its block, dropped */
    IR_EFFECT_READS,  /* reads a guest slot */
    IR_EFFECT_WRITES, /* writes a guest slot */
    IR_EFFECT_MEMORY, /* guest memory; may leave */
    IR_EFFECT_FLOAT,  /* sets sticky floating-point flags, always the same ones for the same arguments */
    IR_EFFECT_LEAVES, /* may leave */
    IR_EFFECT_CALL,   /* as its callee says */
    IR_EFFECT_END,    /* ends the block */
};

struct ir_op_facts {
    const char *text;
    int8_t arguments; /* -1: any number */
    uint8_t effect;   /* enum ir_effect */
};

extern const struct ir_op_facts ir_op_table[IR_OP_COUNT];

struct ir_piece; /* of an arena: memory that is taken from its front */

#define IR_RECENT_CONSTANTS 64u /* a power of two */

struct ir_arena {
    struct ir_piece *pieces;
    struct ir_piece *spare; /* of an earlier region, each at least as large as a new one would be */
    uint8_t *next, *end;
    struct ir_value *before; /* new values stand before this one; NULL: at the end of their block */
    uint32_t slot_end;       /* the first byte behind all slots that were ever read or written */
    struct ir_value *recent[IR_RECENT_CONSTANTS]; /* constants to be used again, if they are still in their block */
};

/* `size` zeroed bytes, aligned for any type, that live as long as the region. */
void *ir_take(struct ir_arena *arena, size_t size);

/* Appends a copy of a candidate (op, type, arguments, …; the rest is set here) as it is, checked but not folded.
 * ir_append_checked() leaves the check of the value itself to the caller. */
struct ir_value *ir_append(struct ir_block *block, const struct ir_value *candidate);
struct ir_value *ir_append_checked(struct ir_block *block, const struct ir_value *candidate);

/* Until it is set back to NULL, new values of this region are put before `value`. */
void ir_insert_before(struct ir_region *region, struct ir_value *value);

/* Takes a value without users out of its block; its arguments lose a user each. */
void ir_remove(struct ir_value *value);

/*
 * Passes that walk a block forward replace a value by an earlier one like this: ir_replace() takes the old value out
 * and leaves in it where its users must look; ir_resolve() of every later value of the block, before anything else is
 * done with that value, makes it a user of the new ones and tells whether it had to.
 */
void ir_replace(struct ir_value *old, struct ir_value *now);
bool ir_follow(struct ir_value *user); /* the rest of ir_resolve() */

static inline bool ir_resolve(struct ir_value *user)
{
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && user->arguments[i] != NULL; i++) {
        if (user->arguments[i]->block == NULL) {
            return ir_follow(user);
        }
    }
    return false;
}

/* How many arguments a value has: those before the first NULL. */
unsigned ir_argument_count(const struct ir_value *value);

/* Bytes of a type in a slot; 0 for VOID, BOOL and FLAGS. Bits of an integer or BOOL; 0 for others. */
unsigned ir_type_size(enum ir_type type);
unsigned ir_type_bits(enum ir_type type);
bool ir_is_integer(enum ir_type type); /* I32, I64 */
bool ir_is_float(enum ir_type type);   /* F32, F64 */

const char *ir_type_name(enum ir_type type);
const char *ir_condition_name(enum ir_condition condition);

/* What is wrong with a value by itself (number and types of arguments, immediates, slots, counts of targets), or NULL.
 * Looks at nothing but the value and the types of its arguments. */
const char *ir_value_fault(const struct ir_value *value);

static inline enum ir_effect ir_effect_of(const struct ir_value *value)
{
    return (enum ir_effect)ir_op_table[value->op].effect;
}

/* May leave the region before its end: such operations see all guest state and need a MARK before them. */
static inline bool ir_may_leave(const struct ir_value *value)
{
    enum ir_effect effect = ir_effect_of(value);
    return effect == IR_EFFECT_LEAVES || (effect == IR_EFFECT_MEMORY && value->op != IR_FENCE) ||
           (effect == IR_EFFECT_CALL && value->callee->may_trap);
}

/* All there is to know about the value is its op, type, arguments, immediate, high and callee: equal ones are the same.
 */
static inline bool ir_is_pure(const struct ir_value *value)
{
    enum ir_effect effect = ir_effect_of(value);
    return (effect == IR_EFFECT_NONE && value->op != IR_MARK) ||
           (effect == IR_EFFECT_CALL && value->callee->pure && value->type != IR_VOID);
}

/* Is a condition true of a word of flags? */
bool ir_condition_holds(enum ir_condition condition, uint32_t word);

/* ir_simplify() of vector operations, and of those on FLAGS. */
struct ir_value *ir_simplify_vector(struct ir_block *block, struct ir_value *candidate);
struct ir_value *ir_simplify_flags(struct ir_block *block, const struct ir_value *candidate);

/*
 * The result of a pure integer operation, conversion or comparison on constants; arguments and result are zero-extended
 * from their types, BOOL is 0 or 1. False: this operation is not one of them (the result is left alone).
 */
bool ir_compute(const struct ir_value *value, const uint64_t *arguments, uint64_t *result);

/*
 * A simpler value that is equal to the candidate, or NULL: none is known. The result is an earlier value or a new one,
 * put where new values go. The candidate may itself be put into canonical form (same meaning: a constant on the right,
 * for instance), but keeps the set of values it uses.
 */
struct ir_value *ir_simplify(struct ir_block *block, struct ir_value *candidate);

/* Puts a simpler terminator in the place of this one if there is one. New values must go before it already. */
void ir_simplify_end(struct ir_value *end);

/* Bits of an integer value or BOOL known to be 0, those above its width included. */
uint64_t ir_known_zeros(const struct ir_value *value);

/* The value is what its n low bits are after sign extension: the smallest such n that is known, 1 … width. */
unsigned ir_known_sign(const struct ir_value *value);

#endif
