/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts for another level than the one that runs (section 6 of the interface). */
#include "vtl/vtl_internal.h"

void vtl_interrupt(struct riscv_cpu *cpu, unsigned level)
{
    vtl_enter(cpu, level, VTL_ENTRY_INTERRUPT);
}

void vtl_held_back(struct riscv_cpu *cpu)
{
    (void)cpu;
}

void vtl_vina_entered(struct riscv_cpu *cpu)
{
    (void)cpu;
}

void vtl_vina_leaving(struct riscv_cpu *cpu)
{
    (void)cpu;
}
