/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers that a higher level has pinned (section 3 of the interface, CrInterceptControl). */
#include "vtl/vtl_internal.h"

bool vtl_pinned(struct riscv_cpu *cpu)
{
    (void)cpu;
    return false;
}

void vtl_pins_changed(struct riscv_cpu *cpu)
{
    (void)cpu;
}
