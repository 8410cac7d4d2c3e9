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

/* Outside, around a look at guest memory for the level that runs: what became stale meanwhile is dropped first, and
 * whoever takes a right waits until riscv_inside_leave(). Nothing that blocks in between. */
static inline void riscv_inside_visit(struct riscv_cpu *cpu)
{
    riscv_inside_resume(cpu, cpu->reader != NULL);
}

/* For VCPU_RIGHTS, at an instruction boundary. */
static inline void riscv_inside_serve(struct riscv_cpu *cpu)
{
    if (cpu->reader != NULL) {
        rights_serve(cpu->reader);
    }
}

/* Around what changes translation caches, or asks for rights: a handler that is to drop caches waits for the end.
 * Nests. What was found in between holds no longer: an access by it must ask (cpu->direct, or the caches). */
static inline void riscv_inside_postpone(struct riscv_cpu *cpu)
{
    if (unlikely(cpu->reader != NULL)) {
        rights_postpone(cpu->reader);
    }
}

static inline void riscv_inside_catch_up(struct riscv_cpu *cpu)
{
    if (unlikely(cpu->reader != NULL)) {
        rights_catch_up(cpu->reader);
    }
}

/* Around an access that cannot be undone in its middle: no handler drops anything, and whoever changes rights waits.
 * What was found before is to be looked at again in between. */
static inline uint32_t riscv_inside_stand(struct riscv_cpu *cpu)
{
    uint32_t before = atomic_load_explicit(&cpu->undoable, memory_order_relaxed);
    atomic_store_explicit(&cpu->undoable, RISCV_UNDOABLE_NOT, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return before;
}

static inline void riscv_inside_go_on(struct riscv_cpu *cpu, uint32_t before)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&cpu->undoable, before, memory_order_relaxed);
}

/* On the hart's own thread, outside: from here on to the end C code can be undone, and `interrupted` with `context` is
 * rights_attach()'s; NULL: what undoes C code and no other. Nothing without trust levels. */
void riscv_inside_attach(struct riscv_cpu *cpu, void (*interrupted)(void *context, void *registers), void *context);
void riscv_inside_detach(struct riscv_cpu *cpu);

/* In the handler. */
void riscv_inside_interrupt(struct riscv_cpu *cpu, void *registers);

/* Before the word of a page is loaded: what it allows of `kinds` may be used and cached. */
static inline void riscv_inside_hold(struct riscv_cpu *cpu, gpa_t address, unsigned kinds)
{
    if (unlikely(cpu->reader != NULL)) {
        rights_hold(cpu->reader, cpu->level, address, kinds);
    }
}

#endif
