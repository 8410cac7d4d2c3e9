/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector operations: what they take, and what they compute, as C. Pure functions, for any thread.
 */
#ifndef RAVELIN_ENGINE_JIT_IR_VECTOR_H
#define RAVELIN_ENGINE_JIT_IR_VECTOR_H

#include "engine/jit/ir.h"

/* What there is to know about a vector operation beside its place in the table: ir_vector.c. */
enum ir_lane_number { IR_NUMBER_NONE, IR_NUMBER_LANE, IR_NUMBER_AMOUNT };

struct ir_vector_facts {
    uint8_t lanes;        /* the sizes it takes, or-ed: 8, 16, 32, 64; 0: it has none */
    uint8_t number;       /* enum ir_lane_number */
    const char *operands; /* result and arguments: v is V128, i is I64 */
};

const struct ir_vector_facts *ir_vector_facts(enum ir_op op);

struct ir_bits { /* a value of any type, zero-extended; [1] is the upper half of a V128 */
    uint64_t half[2];
};

/* The result of a vector operation that is not floating point; of one that is: in a rounding mode, flags are added. */
struct ir_bits ir_vector_compute(enum ir_op op, uint64_t lanes, const struct ir_bits *arguments);
struct ir_bits ir_vector_float(enum ir_op op, uint64_t lanes, const struct ir_bits *arguments, unsigned rounding,
                               uint32_t *flags);

#endif
