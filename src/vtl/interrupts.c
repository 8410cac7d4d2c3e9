/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts for another level than the one that runs (section 6 of the interface). */
#include "vtl/vtl_internal.h"

void vtl_interrupt(struct riscv_cpu *cpu, unsigned level)
{
    vtl_enter(cpu, level, VTL_ENTRY_INTERRUPT);
}

/* ---- Virtual interrupt notification assist ---------------------------------------------------------------------- */

void vtl_vina_changed(struct riscv_cpu *cpu, unsigned level)
{
    cpu->levels[level].watches_below = (vtl_vp_of(cpu)->levels[level].vina & VTL_VINA_ENABLED) != 0;
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT); /* there may be something to tell already */
}

/* Whether the running level has been told stands in its assist page, where it can be taken back. */
void vtl_held_back(struct riscv_cpu *cpu)
{
    uint8_t asserted;
    if (!vtl_assist_read(cpu, cpu->level, VTL_ASSIST_VINA, &asserted, sizeof asserted) || asserted != 0) {
        return;
    }
    asserted = 1;
    if (vtl_assist_write(cpu, cpu->level, VTL_ASSIST_VINA, &asserted, sizeof asserted)) {
        riscv_set_mip_SSIP(&cpu->state, 1); /* its own software interrupt; whoever asked looks at mip next */
    }
}

static void rearm(struct riscv_cpu *cpu)
{
    const uint8_t clear = 0;
    if (unlikely((vtl_vp_of(cpu)->levels[cpu->level].vina & VTL_VINA_AUTO_RESET) != 0)) {
        vtl_assist_write(cpu, cpu->level, VTL_ASSIST_VINA, &clear, sizeof clear);
    }
}

void vtl_vina_entered(struct riscv_cpu *cpu)
{
    rearm(cpu); /* the switch has asked for a look at interrupts already */
}

void vtl_vina_leaving(struct riscv_cpu *cpu)
{
    rearm(cpu);
}
