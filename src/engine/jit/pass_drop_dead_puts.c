/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drops PUTs whose bytes are overwritten on every path before anything can see them.
 *
 * What sees guest state: a GET of the slot; everything that may leave the region (loads, stores, guards, calls that may
 * trap); calls that read state; leaving, of course; and loop heads, where the region is left when attention is wanted.
 *
 * A set of cells (4 bytes each) flows backward through the region: those that will be overwritten before they are seen.
 * At the join of paths the sets are intersected. As nothing is in the set at a loop head and every cycle has one, the
 * walk over the blocks is repeated only until chains of forward edges are done.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"
#include "engine/jit/pass_slots.h"

#include <stdlib.h>
#include <string.h>

struct overwritten {
    uint32_t word_count; /* of one set */
    uint64_t *at_entry;  /* a set for each block */
    uint64_t *now;       /* the set where the walk through a block stands */
};

static uint64_t *entry_set(const struct overwritten *sets, const struct ir_block *block)
{
    return sets->at_entry + (size_t)block->number * sets->word_count;
}

/* Cells of [slot, slot + size): first and end. At most 4 cells, which may stand in two words. */
static bool contains_all(const struct overwritten *sets, uint32_t first, uint32_t end)
{
    bool all = true;
    for (uint32_t cell = first; cell < end; cell++) {
        all = all && (sets->now[cell / 64] >> (cell % 64) & 1) != 0;
    }
    return all;
}

static void set_cells(const struct overwritten *sets, uint32_t first, uint32_t end, bool member)
{
    for (uint32_t cell = first; cell < end; cell++) {
        uint64_t bit = UINT64_C(1) << (cell % 64);
        sets->now[cell / 64] = member ? sets->now[cell / 64] | bit : sets->now[cell / 64] & ~bit;
    }
}

static void clear(const struct overwritten *sets)
{
    memset(sets->now, 0, sets->word_count * sizeof *sets->now);
}

static void start_at_end(const struct overwritten *sets, const struct ir_value *end)
{
    if (end->op != IR_JUMP && end->op != IR_BRANCH) {
        clear(sets);
        return;
    }
    for (unsigned i = 0; i < end->target_count; i++) {
        const uint64_t *there = entry_set(sets, end->targets[i]);
        for (uint32_t word = 0; word < sets->word_count; word++) {
            sets->now[word] = i == 0 ? there[word] : sets->now[word] & there[word];
        }
    }
}

/* Steps backward over one value. True: it is a PUT that nobody sees. */
static bool step_back(const struct overwritten *sets, const struct ir_value *value)
{
    if (value->op == IR_PUT || value->op == IR_GET) {
        enum ir_type type = value->op == IR_PUT ? value->arguments[0]->type : value->type;
        uint32_t first = value->slot / SLOT_CELL, end = first + ir_type_size(type) / SLOT_CELL;
        if (value->op == IR_PUT && contains_all(sets, first, end)) {
            return true;
        }
        set_cells(sets, first, end, value->op == IR_PUT);
    } else if (ir_may_leave(value) || (value->op == IR_CALL && value->callee->reads_state)) {
        clear(sets);
    }
    return false;
}

static void walk_block(const struct overwritten *sets, const struct ir_block *block, bool drop)
{
    start_at_end(sets, block->last);
    for (struct ir_value *value = block->last, *previous; value != NULL; value = previous) {
        previous = value->previous;
        if (step_back(sets, value) && drop) {
            ir_remove(value);
        }
    }
    if (block->is_loop_head) {
        clear(sets);
    }
}

/* One round over all blocks, the last first. True: a set has changed. */
static bool walk_region(const struct overwritten *sets, struct ir_block *const *blocks, uint32_t block_count)
{
    bool changed = false;
    for (uint32_t number = block_count; number-- > 0;) {
        walk_block(sets, blocks[number], false);
        uint64_t *known = entry_set(sets, blocks[number]);
        changed = changed || memcmp(known, sets->now, sets->word_count * sizeof *known) != 0;
        memcpy(known, sets->now, sets->word_count * sizeof *known);
    }
    return changed;
}

void ir_drop_dead_puts(struct ir_region *region)
{
    struct overwritten sets = { .word_count = pass_slot_cells(region) / 64 + 1 };
    size_t set_size = sets.word_count * sizeof *sets.now;
    sets.at_entry = check_alloc(set_size * region->block_count);
    sets.now = check_alloc(set_size);
    struct ir_block **blocks = check_alloc(region->block_count * sizeof(struct ir_block *));
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        blocks[block->number] = block;
    }
    /* From nothing upward: a set that is too small keeps a PUT, so stopping early would be safe. */
    while (region->block_count > 1 && walk_region(&sets, blocks, region->block_count)) {
    }
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        walk_block(&sets, block, true);
    }
    free(blocks);
    free(sets.now);
    free(sets.at_entry);
}
