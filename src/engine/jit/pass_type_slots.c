/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's floating-point registers are read and written as integers where numbers are loaded, stored, moved, and as
 * F64 where they are computed with. For each slot that is computed with more than it is looked at as an integer, this
 * pass turns all its GETs and PUTs into those of F64, with a BITCAST where an integer is wanted. So a back end can keep
 * the slot in one floating-point register, and load into it and store from it directly.
 *
 * Meaning does not change: the bytes are the same.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"
#include "engine/jit/pass_slots.h"

#include <stdlib.h>

/* How often a slot is used as what, by the weights of blocks. */
struct slot_uses {
    uint64_t floating, integer;
};

static bool is_integer_get(const struct ir_value *value)
{
    return value->op == IR_GET && value->type == IR_I64;
}

/* The user only moves the argument, to memory or another slot, or is a cast: that says nothing about its type. */
static bool only_moves(const struct ir_value *user, unsigned argument)
{
    return user->op == IR_PUT || user->op == IR_BITCAST || (user->op == IR_STORE64 && argument == 1);
}

/* A 64-bit value that may be either. */
static bool is_moved(const struct ir_value *value)
{
    return value->op == IR_LOAD64 || value->op == IR_GET || value->op == IR_CONST;
}

static void count_uses(struct slot_uses *slots, const struct ir_value *value, uint64_t weight)
{
    if (value->op == IR_GET && value->type == IR_F64) {
        slots[value->slot / SLOT_CELL].floating += weight;
    } else if (value->op == IR_PUT && value->arguments[0]->type == IR_F64) {
        slots[value->slot / SLOT_CELL].floating += weight;
    } else if (value->op == IR_PUT && value->arguments[0]->type == IR_I64 && !is_moved(value->arguments[0])) {
        slots[value->slot / SLOT_CELL].integer += weight;
    }
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        const struct ir_value *argument = value->arguments[i];
        if (is_integer_get(argument) && !only_moves(value, i)) {
            slots[argument->slot / SLOT_CELL].integer += weight;
        }
    }
}

static void retype_get(struct ir_value *get)
{
    struct ir_value *got = ir_get(get->block, IR_F64, get->slot);
    ir_replace(get, ir_unary(get->block, IR_BITCAST, IR_I64, got));
}

static void retype_put(struct ir_value *put)
{
    struct ir_value *cast = ir_unary(put->block, IR_BITCAST, IR_F64, put->arguments[0]);
    put->arguments[0]->uses--;
    put->arguments[0] = cast;
    cast->uses++;
}

static void retype(const struct slot_uses *slots, struct ir_value *value)
{
    ir_resolve(value);
    bool is_put = value->op == IR_PUT && value->arguments[0]->type == IR_I64;
    if (!is_put && !is_integer_get(value)) {
        return;
    }
    const struct slot_uses *uses = &slots[value->slot / SLOT_CELL];
    if (uses->floating <= uses->integer) {
        return;
    }
    ir_insert_before(value->block->region, value);
    if (is_put) {
        retype_put(value);
    } else {
        retype_get(value);
    }
}

void ir_type_slots(struct ir_region *region)
{
    struct slot_uses *slots = check_alloc((pass_slot_cells(region) + 1ul) * sizeof *slots);
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            count_uses(slots, value, block->weight + 1ul);
        }
    }
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (struct ir_value *value = block->first, *next; value != NULL; value = next) {
            next = value->next;
            retype(slots, value);
        }
    }
    ir_insert_before(region, NULL);
    free(slots);
}
