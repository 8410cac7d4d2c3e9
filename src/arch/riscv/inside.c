/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/inside.h"

#include "memory/restart.h"

static void interrupted(void *context, void *registers)
{
    riscv_inside_interrupt(context, registers);
}

void riscv_inside_interrupt(struct riscv_cpu *cpu, void *registers)
{
    if (atomic_load_explicit(&cpu->undoable, memory_order_relaxed) == RISCV_UNDOABLE_C) {
        restart_undo(registers);
    }
    for (unsigned i = 0; i < RISCV_DIRECT_COUNT; i++) {
        cpu->direct[i].read = cpu->direct[i].write = TLB_NO_TAG;
    }
    rights_interrupt(cpu->reader);
}

void riscv_inside_attach(struct riscv_cpu *cpu, void (*undo)(void *context, void *registers), void *context)
{
    if (cpu->reader != NULL && RESTART_POSSIBLE != 0) {
        atomic_store_explicit(&cpu->undoable, RISCV_UNDOABLE_C, memory_order_relaxed);
        rights_attach(cpu->reader, &cpu->undoable, undo != NULL ? undo : interrupted, undo != NULL ? context : cpu);
    }
}

void riscv_inside_detach(struct riscv_cpu *cpu)
{
    if (cpu->reader != NULL && RESTART_POSSIBLE != 0) {
        rights_detach(cpu->reader);
        atomic_store_explicit(&cpu->undoable, RISCV_UNDOABLE_NOT, memory_order_relaxed);
    }
}
