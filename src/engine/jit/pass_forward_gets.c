/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Within each block: a GET of a slot whose contents are known is replaced by them, a PUT of what the slot holds already
 * is dropped, and everything that becomes simpler by this is folded again, so constants and copies go through slots.
 *
 * Slots overlap: what is known is kept for every 4 bytes (a cell), as "bytes of this value, which was put or got at
 * that slot". A GET is served if all its cells are of one value.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"
#include "engine/jit/pass_slots.h"

#include <stdlib.h>

struct cell {
    struct ir_value *value; /* NULL: nothing is known */
    uint32_t slot;          /* where the value begins */
    uint32_t stamp;         /* see struct forwarding */
};

struct forwarding {
    struct cell *cells;
    uint32_t cell_count;
    uint32_t stamp; /* notes with another stamp are void: of another block, or a C function has written since */
};

static void note(struct forwarding *known, uint32_t slot, struct ir_value *value)
{
    uint32_t first = slot / SLOT_CELL, end = first + ir_type_size(value->type) / SLOT_CELL;
    for (uint32_t i = first; i < end; i++) {
        known->cells[i] = (struct cell){ .value = value, .slot = slot, .stamp = known->stamp };
    }
}

/* The value that all bytes of [slot, slot + size) come from, or NULL; it begins at *start. */
static struct ir_value *find(const struct forwarding *known, uint32_t slot, unsigned size, uint32_t *start)
{
    const struct cell *first = &known->cells[slot / SLOT_CELL];
    if (first->stamp != known->stamp) {
        return NULL;
    }
    for (unsigned i = 1; i < size / SLOT_CELL; i++) {
        if (first[i].stamp != known->stamp || first[i].value != first->value || first[i].slot != first->slot) {
            return NULL;
        }
    }
    *start = first->slot;
    return first->value;
}

static struct ir_value *as_integer(struct ir_block *block, struct ir_value *value)
{
    if (!ir_is_float(value->type)) {
        return value;
    }
    return ir_unary(block, IR_BITCAST, value->type == IR_F32 ? IR_I32 : IR_I64, value);
}

/* Part of a value, read as a type: the bytes from `offset` on. NULL: there is no operation for it. */
static struct ir_value *part(struct ir_block *block, struct ir_value *value, uint32_t offset, enum ir_type type)
{
    if (value->type == type && offset == 0) {
        return value;
    }
    if (type == IR_V128) {
        return NULL;
    }
    if (value->type == IR_V128) { /* the half the bytes are in */
        if (offset % 8 + ir_type_size(type) > 8) {
            return NULL;
        }
        value = ir_vector(block, IR_VEXTRACT, IR_LANES(64, offset / 8), value, NULL, NULL);
        offset %= 8;
    }
    struct ir_value *bits = as_integer(block, value);
    if (bits->type == IR_I64 && ir_type_size(type) == 4) {
        if (offset == 4) {
            bits = ir_binary(block, IR_SHR, bits, ir_constant(block, IR_I64, 32));
        }
        bits = ir_unary(block, IR_TRUNC, IR_I32, bits);
    }
    return bits->type == type ? bits : ir_unary(block, IR_BITCAST, type, bits);
}

static void visit_get(struct forwarding *known, struct ir_value *get)
{
    uint32_t start = 0;
    struct ir_value *holder = find(known, get->slot, ir_type_size(get->type), &start);
    struct ir_value *same = holder != NULL ? part(get->block, holder, get->slot - start, get->type) : NULL;
    if (same == NULL) {
        note(known, get->slot, get);
    } else if (same != get) { /* folding finds a GET of the other type that stands beside, which may be this one */
        ir_replace(get, same);
    }
}

static void visit_put(struct forwarding *known, struct ir_value *put)
{
    struct ir_value *value = put->arguments[0];
    uint32_t start = 0;
    const struct ir_value *holder = find(known, put->slot, ir_type_size(value->type), &start);
    bool is_same = holder == value || (value->op == IR_BITCAST && holder == value->arguments[0]);
    if (is_same && start == put->slot) {
        ir_remove(put);
        return;
    }
    note(known, put->slot, value);
}

static void visit(struct forwarding *known, struct ir_value *value)
{
    struct ir_block *block = value->block;
    ir_resolve(value);
    ir_insert_before(block->region, value);
    if (value->op == IR_GET) {
        visit_get(known, value);
    } else if (value->op == IR_PUT) {
        visit_put(known, value);
    } else if (value->op == IR_CALL && value->callee->writes_state) {
        known->stamp++;
    } else if (value->op == IR_GUARD && ir_is_constant(value->arguments[0]) && value->arguments[0]->immediate != 0) {
        ir_remove(value);
    } else if (ir_op_table[value->op].effect == IR_EFFECT_END) {
        ir_simplify_end(value);
    } else {
        struct ir_value *simple = ir_simplify(block, value);
        if (simple != NULL) {
            ir_replace(value, simple);
        }
    }
}

void ir_forward_gets(struct ir_region *region)
{
    struct forwarding known = { .cell_count = pass_slot_cells(region) };
    known.cells = check_alloc((known.cell_count + 1ul) * sizeof *known.cells);
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        known.stamp++;
        for (struct ir_value *value = block->first, *next; value != NULL; value = next) {
            next = value->next;
            visit(&known, value);
        }
    }
    ir_insert_before(region, NULL);
    free(known.cells);
}
