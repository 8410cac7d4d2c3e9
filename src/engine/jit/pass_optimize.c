/* SPDX-License-Identifier: Apache-2.0 */
/* The passes in their order. */
#include "engine/jit/ir.h"

void ir_optimize(struct ir_region *region)
{
    ir_verify(region);
}
