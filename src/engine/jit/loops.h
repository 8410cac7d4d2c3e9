/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks of a region are loops, and how deeply they are nested.
 *
 * Sets is_loop_head and weight of every block; what they were before does not count, but blocks of weight 0 (those that
 * leave the region at once) keep it. Every cycle gets a head, and few blocks are heads: each costs a look at attention,
 * and what guest state is there must be exact. A block is LOOP_WEIGHT times as heavy as one that is in one loop less.
 */
#ifndef RAVELIN_ENGINE_JIT_LOOPS_H
#define RAVELIN_ENGINE_JIT_LOOPS_H

#include "engine/jit/ir.h"

#define LOOP_WEIGHT     8u
#define LOOP_WEIGHT_MAX 4096u

/* Every block must have its terminator. */
void loops_find(struct ir_region *region);

#endif
