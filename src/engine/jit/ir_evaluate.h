/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference evaluator: runs a region of IR, one operation after another, exactly as docs/reference/ir.md says.
 *
 * Passes and back ends are tested against it; it is not meant to be fast. The region is well-formed (ir_verify());
 * slots beyond state_size, or a call without a callback, are the caller's bug. Addresses, stored values and arguments
 * of calls come from the guest and may be anything.
 */
#ifndef RAVELIN_ENGINE_JIT_IR_EVALUATE_H
#define RAVELIN_ENGINE_JIT_IR_EVALUATE_H

#include "engine/jit/ir.h"
#include "float/float.h"

#include <stddef.h>

struct ir_machine {
    uint8_t *state; /* what slots are offsets into; borrowed */
    size_t state_size;
    enum float_rounding rounding; /* the region's */
    uint32_t flags;               /* sticky, enum float_flag; operations add to it */
    void *context;                /* given to the callbacks */

    /* size is 1, 2, 4 or 8. False: the access faults, the region is left. */
    bool (*load)(void *context, uint64_t address, unsigned size, uint64_t *value);
    bool (*store)(void *context, uint64_t address, unsigned size, uint64_t value);
    /* 16 bytes, the lower half first. NULL: by the two above, one half after the other. */
    bool (*load_vector)(void *context, uint64_t address, uint64_t *halves);
    bool (*store_vector)(void *context, uint64_t address, const uint64_t *halves);
    /* False only where the callee may trap. The result's unused upper bits are ignored. */
    bool (*call)(void *context, const struct ir_callee *callee, const uint64_t *arguments, unsigned count,
                 uint64_t *result);
};

enum ir_left {
    IR_LEFT_EXIT,      /* EXIT, or EXIT_INDIRECT to none of its blocks */
    IR_LEFT_INTERPRET, /* EXIT_INTERPRET */
    IR_LEFT_FAULT,     /* a load, store or call that could not be done */
    IR_LEFT_GUARD,     /* a guard that was false */
    IR_LEFT_ATTENTION, /* at a loop head, after block_limit blocks */
};

struct ir_outcome {
    enum ir_left how;
    uint64_t pc;           /* where the guest goes on, or the instruction that did not complete */
    uint64_t instructions; /* completed before that */
};

/* Block_limit: how many blocks are entered before attention is paid at the next loop head. */
struct ir_outcome ir_evaluate(const struct ir_region *region, struct ir_machine *machine, uint64_t block_limit);

/* Likewise from another block than the first. */
struct ir_outcome ir_evaluate_from(const struct ir_region *region, const struct ir_block *first,
                                   struct ir_machine *machine, uint64_t block_limit);

#endif
