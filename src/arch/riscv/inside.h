/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a hart stands towards changes of page rights (memory/rights.h): inside a level while it executes instructions,
 * outside while it sleeps, is stopped, or runs code of ours that may take long or ask for changes itself. Whoever
 * changes rights waits for the harts that are inside, so nothing that can block may be done there.
 *
 * All of it costs one test on a machine without trust levels, which has no readers. The hart's own thread.
 */
#ifndef RAVELIN_ARCH_RISCV_INSIDE_H
#define RAVELIN_ARCH_RISCV_INSIDE_H

#include "arch/riscv/cpu.h"
#include "memory/rights.h"

/* Begins to execute instructions of the level that runs, or goes on at another level. */
static inline void riscv_inside_enter(struct riscv_cpu *cpu)
{
    if (unlikely(cpu->reader != NULL)) {
        rights_enter(cpu->reader, cpu->level);
    }
}

static inline void riscv_inside_leave(struct riscv_cpu *cpu)
{
    if (unlikely(cpu->reader != NULL)) {
        rights_leave(cpu->reader);
    }
}

/* Leaves for a while, if it is inside; whether it was is for riscv_inside_resume(). */
static inline bool riscv_inside_suspend(struct riscv_cpu *cpu)
{
    if (likely(cpu->reader == NULL) || !rights_is_inside(cpu->reader)) {
        return false;
    }
    rights_leave(cpu->reader);
    return true;
}

/* In the middle of a block of instructions that may have lost the right to execute meanwhile: it ends at its next
 * boundary. */
static inline void riscv_inside_resume(struct riscv_cpu *cpu, bool was_inside)
{
    if (unlikely(was_inside) && rights_enter(cpu->reader, cpu->level)) {
        vcpu_request(&cpu->vcpu, VCPU_RIGHTS);
    }
}

/* For VCPU_RIGHTS, at an instruction boundary. */
static inline void riscv_inside_serve(struct riscv_cpu *cpu)
{
    if (cpu->reader != NULL) {
        rights_serve(cpu->reader);
    }
}

/* Before the word of a page is loaded: what it allows of `kinds` may be used and cached. */
static inline void riscv_inside_hold(struct riscv_cpu *cpu, gpa_t address, unsigned kinds)
{
    if (unlikely(cpu->reader != NULL)) {
        rights_hold(cpu->reader, cpu->level, address, kinds);
    }
}

#endif
