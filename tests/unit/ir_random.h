/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random well-formed regions of IR, and a machine to run them on: for testing passes and back ends against the
 * evaluator.
 *
 * The same seed and options give the same region. With `fold` the builder folds as it goes; without, every operation is
 * appended as it was drawn. Both mean the same, whatever the state they start in.
 */
#ifndef RAVELIN_TESTS_UNIT_IR_RANDOM_H
#define RAVELIN_TESTS_UNIT_IR_RANDOM_H

#include "engine/jit/ir_evaluate.h"

#define IR_RANDOM_STATE_SIZE 256u /* slots lie below this */
#define IR_RANDOM_MEMORY     256u

struct ir_random_options {
    unsigned block_count;  /* at least 1 */
    unsigned value_count;  /* about so many operations in a block */
    bool fold;             /* build with folding */
    bool memory;           /* loads and stores */
    bool floats;           /* floating-point operations */
    bool calls;            /* of the functions in ir_random_callees */
    bool vectors;          /* V128 */
    bool flags;            /* FLAGS and conditions */
    const uint32_t *slots; /* where GET and PUT go; NULL: overlapping slots below IR_RANDOM_STATE_SIZE */
    unsigned slot_count;
    const uint32_t *vector_slots; /* where V128 goes if slots are given */
    unsigned vector_slot_count;
    bool typed_slots; /* slots that are given hold I32, F32 and F64 too, where they hold only I64 otherwise */
};

uint64_t ir_random_next(uint64_t *state);
uint64_t ir_random_below(uint64_t *state, uint64_t limit);
uint64_t ir_random_number(uint64_t *state); /* often one of those where things go wrong */

struct ir_region *ir_random_region(uint64_t seed, const struct ir_random_options *options);

/* The seed of a test run: RAVELIN_SEED, or the time. Printed, so that a failure can be repeated. */
uint64_t ir_random_seed(void);

extern const struct ir_callee *const ir_random_callees[];
extern const size_t ir_random_callee_count;

/* Everything a region can change. `log` is a hash over all accesses and calls in their order. */
struct ir_random_machine {
    uint8_t state[IR_RANDOM_STATE_SIZE];
    uint8_t memory[IR_RANDOM_MEMORY]; /* at any address, modulo its size; addresses with bits 12 and 13 set fault */
    uint64_t log;
    struct ir_machine machine; /* set up to run on this one; not to be copied without ir_random_machine_connect() */
};

void ir_random_machine_fill(struct ir_random_machine *machine, uint64_t seed);
void ir_random_machine_connect(struct ir_random_machine *machine);

#endif
