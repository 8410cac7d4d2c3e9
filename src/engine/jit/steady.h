/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses of a loop stay in a page for long, so that it is worth remembering what was found there last.
 *
 * Such are addresses that the loop does not change, or moves along by small steps: sums of slots into which it puts
 * nothing else, of what is small, as indices of small tables are, and of pointers that are loaded, as what belongs
 * together often lies together. What is computed otherwise may be anywhere next time.
 *
 * A guess, for speed: nothing may depend on its being right. One thread.
 *
 *     struct steady steady = { .count = 0 };
 *     steady_find(&steady, region, block->weight);
 *     if (steady_address(&steady, load->arguments[0])) { remember its page }
 */
#ifndef RAVELIN_ENGINE_JIT_STEADY_H
#define RAVELIN_ENGINE_JIT_STEADY_H

#include "engine/jit/ir.h"

#define STEADY_SMALL     2048u /* bytes: half a page */
#define STEADY_STEP_MAX  64u   /* bytes */
#define STEADY_SHIFT_MAX 4u
#define STEADY_SLOTS_MAX 48u

/* Slots that may hold anything next time; at STEADY_SLOTS_MAX all may. Begins empty. */
struct steady {
    uint32_t unsteady[STEADY_SLOTS_MAX];
    unsigned count;
};

/* Adds the slots that are unsteady by what blocks of this weight and above put into them (loops.h). */
void steady_find(struct steady *self, const struct ir_region *region, uint32_t weight);

/* An I64 value of a block of a weight that was asked for. */
bool steady_address(const struct steady *self, const struct ir_value *value);

#endif
