/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drops operations whose result nobody uses and which do nothing else. Loads stay, because they may fault, and so do
 * floating-point operations, because they set flags.
 */
#include "engine/jit/ir_internal.h"

void ir_drop_unused(struct ir_region *region)
{
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (struct ir_value *value = block->last, *previous; value != NULL; value = previous) {
            previous = value->previous; /* users stand behind what they use, so one walk from the end finds all */
            if (value->uses == 0 && (value->op == IR_GET || ir_is_pure(value))) {
                ir_remove(value);
            }
        }
    }
}
