/* SPDX-License-Identifier: Apache-2.0 */
/* Is a region what docs/reference/ir.md calls well-formed? Everything a pass or a back end relies on is looked at. */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct verifier {
    struct ir_region *region;
    uint32_t *uses;  /* by value number, counted here */
    uint32_t *homes; /* by value number: the block where it was seen, plus 1; 0: not yet */
    struct ir_block **blocks;
    const char *fault;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct verifier *verifier, const char *format, ...)
{
    char *text = ir_take(verifier->region->arena, 160);
    va_list list;
    va_start(list, format);
    vsnprintf(text, 160, format, list);
    va_end(list);
    verifier->fault = text;
    return false;
}

static bool verify_arguments(struct verifier *verifier, const struct ir_value *value)
{
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        const struct ir_value *argument = value->arguments[i];
        bool known = argument->block == value->block && argument->number < verifier->region->value_count &&
                     verifier->homes[argument->number] == value->block->number + 1;
        if (!known) {
            return wrong(verifier, "block %u: %s %%%u uses %%%u, which is not defined before it in this block",
                         value->block->number, ir_op_name(value->op), value->number, argument->number);
        }
        verifier->uses[argument->number]++;
    }
    return true;
}

static bool verify_targets(struct verifier *verifier, const struct ir_value *value)
{
    for (unsigned i = 0; i < value->target_count; i++) {
        const struct ir_block *target = value->targets[i];
        if (target->number >= verifier->region->block_count || verifier->blocks[target->number] != target) {
            return wrong(verifier, "block %u leads to a block that is not of this region", value->block->number);
        }
    }
    return true;
}

static bool verify_value(struct verifier *verifier, const struct ir_value *value, const struct ir_value *mark)
{
    unsigned block = value->block->number;
    if (value->number >= verifier->region->value_count || verifier->homes[value->number] != 0) {
        return wrong(verifier, "block %u: number %u stands for two values", block, value->number);
    }
    const char *fault = ir_value_fault(value);
    if (fault != NULL) {
        return wrong(verifier, "block %u: %s %%%u: %s", block, ir_op_name(value->op), value->number, fault);
    }
    if (ir_may_leave(value) && mark == NULL) {
        return wrong(verifier, "block %u: %s %%%u may leave and stands before any mark", block, ir_op_name(value->op),
                     value->number);
    }
    bool counts = value->op == IR_MARK || ir_op_table[value->op].effect == IR_EFFECT_END;
    if (counts && mark != NULL && value->count < mark->count) {
        return wrong(verifier, "block %u: the count of %s is less than the one before", block, ir_op_name(value->op));
    }
    if (!verify_arguments(verifier, value) || !verify_targets(verifier, value)) {
        return false;
    }
    verifier->homes[value->number] = block + 1;
    return true;
}

static bool verify_block(struct verifier *verifier, const struct ir_block *block)
{
    const struct ir_value *previous = NULL, *mark = NULL;
    for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
        if (value->block != block || value->previous != previous) {
            return wrong(verifier, "block %u: its list of values is broken", block->number);
        }
        if (previous != NULL && ir_op_table[previous->op].effect == IR_EFFECT_END) {
            return wrong(verifier, "block %u goes on after its terminator", block->number);
        }
        if (!verify_value(verifier, value, mark)) {
            return false;
        }
        mark = value->op == IR_MARK ? value : mark;
        previous = value;
    }
    if (block->last != previous) {
        return wrong(verifier, "block %u: its list of values is broken", block->number);
    }
    if (previous == NULL || ir_op_table[previous->op].effect != IR_EFFECT_END) {
        return wrong(verifier, "block %u has no terminator", block->number);
    }
    return true;
}

static bool verify_uses(struct verifier *verifier)
{
    for (const struct ir_block *block = verifier->region->blocks; block != NULL; block = block->next) {
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            if (value->uses != verifier->uses[value->number]) {
                return wrong(verifier, "%%%u has %u users and says %u", value->number, verifier->uses[value->number],
                             value->uses);
            }
        }
    }
    return true;
}

/* Fills verifier->blocks: numbers are positions in the list. */
static bool verify_block_list(struct verifier *verifier)
{
    const struct ir_region *region = verifier->region;
    uint32_t number = 0;
    struct ir_block *last = NULL;
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next, number++) {
        if (number >= region->block_count || block->number != number || block->region != region) {
            return wrong(verifier, "the blocks are not numbered from 0");
        }
        verifier->blocks[number] = block;
        last = block;
    }
    if (number != region->block_count || number == 0 || region->last_block != last) {
        return wrong(verifier, number == 0 ? "a region has at least one block" : "the blocks are not numbered from 0");
    }
    return true;
}

/*
 * Every cycle has a loop head, or a guest could keep its vCPU from ever being stopped. So without the edges into loop
 * heads no cycle is left: Kahn's algorithm removes blocks that nothing leads to until none remain.
 */
static bool verify_loops(struct verifier *verifier)
{
    const struct ir_region *region = verifier->region;
    uint32_t *edges = check_alloc(region->block_count * sizeof *edges);
    uint32_t *ready = check_alloc(region->block_count * sizeof *ready);
    uint32_t ready_count = 0, done = 0;
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (unsigned i = 0; i < block->last->target_count; i++) {
            const struct ir_block *target = block->last->targets[i];
            edges[target->number] += !target->is_loop_head;
        }
    }
    for (uint32_t number = 0; number < region->block_count; number++) {
        if (edges[number] == 0) {
            ready[ready_count++] = number;
        }
    }
    while (done < ready_count) {
        const struct ir_value *end = verifier->blocks[ready[done++]]->last;
        for (unsigned i = 0; i < end->target_count; i++) {
            const struct ir_block *target = end->targets[i];
            if (!target->is_loop_head && --edges[target->number] == 0) {
                ready[ready_count++] = target->number;
            }
        }
    }
    free(edges);
    free(ready);
    return done == region->block_count || wrong(verifier, "a loop has no head where attention is paid");
}

static bool verify_region(struct verifier *verifier)
{
    if (!verify_block_list(verifier)) {
        return false;
    }
    for (const struct ir_block *block = verifier->region->blocks; block != NULL; block = block->next) {
        if (!verify_block(verifier, block)) {
            return false;
        }
    }
    return verify_uses(verifier) && verify_loops(verifier);
}

const char *ir_verify(struct ir_region *region)
{
    struct verifier verifier = { .region = region };
    verifier.uses = check_alloc((region->value_count + 1ul) * sizeof *verifier.uses);
    verifier.homes = check_alloc((region->value_count + 1ul) * sizeof *verifier.homes);
    verifier.blocks = check_alloc((region->block_count + 1ul) * sizeof(struct ir_block *));
    verify_region(&verifier);
    free(verifier.uses);
    free(verifier.homes);
    free(verifier.blocks);
    return verifier.fault;
}
