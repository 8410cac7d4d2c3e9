/* SPDX-License-Identifier: Apache-2.0 */
/* Slots as passes count them: in cells of 4 bytes, which every GET and PUT covers one, two or four of. */
#ifndef RAVELIN_ENGINE_JIT_PASS_SLOTS_H
#define RAVELIN_ENGINE_JIT_PASS_SLOTS_H

#include "engine/jit/ir.h"

#define SLOT_CELL 4u

/* How many cells there are up to the last one the region touches. */
uint32_t pass_slot_cells(const struct ir_region *region);

#endif
