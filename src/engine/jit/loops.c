/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops are what Tarjan's algorithm (Depth-first search and linear graph algorithms, 1972) calls strongly connected
 * components. One block of each becomes its head; without the edges to that head, what is connected still is a loop
 * within it, and so on. So this works whatever the graph looks like, reducible or not.
 */
#include "engine/jit/loops.h"

#include "core/check.h"

#include <stdlib.h>

struct loops {
    struct ir_block **blocks; /* by number */
    uint32_t count;
    uint32_t *loop;          /* of each block: the innermost known loop it is in; 0: none, or it has no loops in it */
    uint32_t *order, *least; /* Tarjan's numbers; order 0: not seen */
    uint32_t *open;          /* Tarjan's stack */
    bool *is_open;
    uint32_t open_count, seen, loop_count;
};

/* An edge that counts: within the loop that is looked at, and not to a head, whose loop is cut there. */
static bool stays_in(const struct loops *loops, const struct ir_block *from, const struct ir_block *to)
{
    return loops->loop[from->number] == loops->loop[to->number] && !to->is_loop_head;
}

/* Where loops are usually entered: the lowest address that is jumped back to (and not the target of a switch, or of a
 * return, if there is another: they lie anywhere). */
static struct ir_block *choose_head(const struct loops *loops, uint32_t loop)
{
    struct ir_block *head = NULL, *any = NULL;
    for (uint32_t i = 0; i < loops->count; i++) {
        const struct ir_block *from = loops->blocks[i];
        for (uint32_t t = 0; loops->loop[i] == loop && t < from->last->target_count; t++) {
            struct ir_block *to = from->last->targets[t];
            if (!stays_in(loops, from, to)) {
                continue;
            }
            any = to;
            if (from->last->op != IR_EXIT_INDIRECT && to->pc <= from->pc && (head == NULL || to->pc < head->pc)) {
                head = to;
            }
        }
    }
    return head != NULL ? head : any;
}

/* The blocks of the stack from `first` on are a loop if there is more than one of them, or one that jumps to itself. */
static void close_component(struct loops *loops, const struct ir_block *first)
{
    bool is_loop = loops->open[loops->open_count - 1] != first->number;
    for (uint32_t t = 0; t < first->last->target_count; t++) {
        is_loop = is_loop || (first->last->targets[t] == first && !first->is_loop_head);
    }
    uint32_t loop = is_loop ? ++loops->loop_count : 0, number;
    do {
        number = loops->open[--loops->open_count];
        loops->is_open[number] = false;
        loops->least[number] = loop; /* not needed any more: keeps the result until the walk is over */
    } while (number != first->number);
}

static void visit(struct loops *loops, const struct ir_block *block)
{
    uint32_t number = block->number;
    loops->order[number] = loops->least[number] = ++loops->seen;
    loops->open[loops->open_count++] = number;
    loops->is_open[number] = true;
    for (uint32_t t = 0; t < block->last->target_count; t++) {
        const struct ir_block *to = block->last->targets[t];
        if (!stays_in(loops, block, to)) {
            continue;
        }
        if (loops->order[to->number] == 0) {
            visit(loops, to);
        }
        if (loops->is_open[to->number] && loops->least[to->number] < loops->least[number]) {
            loops->least[number] = loops->least[to->number];
        }
    }
    if (loops->least[number] == loops->order[number]) {
        close_component(loops, block);
    }
}

static void add_loop(const struct loops *loops, uint32_t loop)
{
    struct ir_block *head = choose_head(loops, loop);
    CHECK(head != NULL);
    head->is_loop_head = true;
    for (uint32_t i = 0; i < loops->count; i++) {
        if (loops->loop[i] == loop && loops->blocks[i]->weight < LOOP_WEIGHT_MAX) {
            loops->blocks[i]->weight *= LOOP_WEIGHT;
        }
    }
}

/* Finds the loops within one, or all outermost ones. */
static void find_within(struct loops *loops, uint32_t outer)
{
    uint32_t first = loops->loop_count + 1;
    loops->seen = 0;
    for (uint32_t i = 0; i < loops->count; i++) {
        loops->order[i] = 0;
    }
    for (uint32_t i = 0; i < loops->count; i++) {
        if (loops->loop[i] == outer && loops->order[i] == 0) {
            visit(loops, loops->blocks[i]);
        }
    }
    for (uint32_t i = 0; i < loops->count; i++) {
        if (loops->order[i] != 0) {
            loops->loop[i] = loops->least[i];
        }
    }
    for (uint32_t loop = first; loop <= loops->loop_count; loop++) {
        add_loop(loops, loop);
    }
}

void loops_find(struct ir_region *region)
{
    uint32_t count = region->block_count;
    struct loops loops = { .count = count };
    loops.blocks = check_alloc((count + 1ul) * sizeof(struct ir_block *));
    uint32_t *numbers = check_alloc((count * 4ul + 1) * sizeof *numbers);
    loops.loop = numbers;
    loops.order = numbers + count;
    loops.least = numbers + 2ul * count;
    loops.open = numbers + 3ul * count;
    loops.is_open = check_alloc(count + 1ul);
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        loops.blocks[block->number] = block;
        block->is_loop_head = false;
        block->weight = block->weight != 0;
    }
    for (uint32_t outer = 0; outer <= loops.loop_count; outer++) {
        find_within(&loops, outer);
    }
    free(loops.blocks);
    free(numbers);
    free(loops.is_open);
}
