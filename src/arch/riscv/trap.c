/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions and interrupts: recording, choosing and delivering them (privileged specification, "Machine-Level ISA" and
 * "Supervisor-Level ISA": the trap registers).
 */
#include "arch/riscv/inside.h"
#include "arch/riscv/primitives.h"

#define BIT(number) (UINT64_C(1) << (number))

/* What a supervisor can be given; the rest belongs to M. */
#define SUPERVISOR_INTERRUPTS \
    (BIT(RISCV_INTERRUPT_SSI) | BIT(RISCV_INTERRUPT_STI) | BIT(RISCV_INTERRUPT_SEI) | BIT(RISCV_INTERRUPT_LCOFI))

#define VECTORED UINT64_C(1) /* mtvec.MODE, stvec.MODE */

void riscv_raise(struct riscv_cpu *cpu, enum riscv_exception cause, uint64_t tval)
{
    cpu->trap = (struct riscv_trap){ .cause = cause, .tval = tval };
}

void riscv_raise_pinned(struct riscv_cpu *cpu, uint32_t number, uint64_t value)
{
    riscv_raise_encoding(cpu, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
    cpu->trap.origin = RISCV_TRAP_PINNED;
    cpu->pinned.number = number;
    cpu->pinned.value = value;
}

void riscv_raise_encoding(struct riscv_cpu *cpu, enum riscv_exception cause)
{
    cpu->trap = (struct riscv_trap){ .cause = cause, .tval_is_encoding = true };
}

/* ---- Delivery --------------------------------------------------------------------------------------------------- */

static uint64_t handler_of(uint64_t tvec, uint64_t cause)
{
    uint64_t base = tvec & ~UINT64_C(3);
    bool vectored = (tvec & 3) == VECTORED && (cause & RISCV_CAUSE_INTERRUPT) != 0;
    return vectored ? base + 4 * (cause & ~RISCV_CAUSE_INTERRUPT) : base;
}

static void enter_supervisor(struct riscv_state *state, uint64_t cause, uint64_t tval)
{
    state->csr.sepc = state->pc;
    state->csr.scause = cause;
    state->csr.stval = tval;
    riscv_set_mstatus_SPIE(state, riscv_mstatus_SIE(state));
    riscv_set_mstatus_SIE(state, 0);
    riscv_set_mstatus_SPP(state, state->mode != RISCV_MODE_U);
    state->mode = RISCV_MODE_S;
    state->pc = handler_of(state->csr.stvec, cause);
}

static void enter_machine(struct riscv_state *state, uint64_t cause, uint64_t tval)
{
    state->csr.mepc = state->pc;
    state->csr.mcause = cause;
    state->csr.mtval = tval;
    riscv_set_mstatus_MPIE(state, riscv_mstatus_MIE(state));
    riscv_set_mstatus_MIE(state, 0);
    riscv_set_mstatus_MPP(state, state->mode);
    state->mode = RISCV_MODE_M;
    state->pc = handler_of(state->csr.mtvec, cause);
}

static void deliver(struct riscv_cpu *cpu, uint64_t cause, uint64_t tval, bool to_supervisor)
{
    const struct riscv_machine *machine = cpu->machine;
    if (unlikely(machine->trap_taken != NULL)) {
        machine->trap_taken(machine->trap_context, cpu, cause, tval);
    }
    cpu->reservation.host = NULL;
    if (to_supervisor) {
        enter_supervisor(&cpu->state, cause, tval);
    } else {
        enter_machine(&cpu->state, cause, tval);
    }
    riscv_status_changed(cpu);
}

static bool has_firmware(const struct riscv_cpu *cpu)
{
    return cpu->machine->firmware != NULL;
}

/* The built-in firmware answers calls from S. */
static bool firmware_answers(struct riscv_cpu *cpu)
{
    if (!has_firmware(cpu) || cpu->trap.cause != RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S) {
        return false;
    }
    uint64_t pc = cpu->state.pc;
    cpu->state.pc = pc + 4; /* an ecall has no short form */
    cpu->statistics.firmware_calls++;
    bool was_inside = riscv_inside_suspend(cpu);
    bool answered = cpu->machine->firmware(cpu);
    riscv_inside_resume(cpu, was_inside);
    if (answered) {
        return true;
    }
    cpu->state.pc = pc;
    return false;
}

static bool higher_level_decides(struct riscv_cpu *cpu)
{
    const struct riscv_trust_ops *trust = cpu->machine->trust;
    if (trust == NULL) {
        return false;
    }
    bool was_inside = riscv_inside_suspend(cpu); /* it may ask for changes of rights itself */
    bool decided = cpu->trap.origin == RISCV_TRAP_VIOLATION ? trust->violation(cpu) : trust->pinned(cpu);
    riscv_inside_resume(cpu, was_inside);
    return decided;
}

void riscv_inject(struct riscv_cpu *cpu, enum riscv_exception cause, uint64_t tval)
{
    CHECK(has_firmware(cpu) && cpu->state.mode != RISCV_MODE_M);
    cpu->statistics.exceptions[cause]++;
    deliver(cpu, cause, tval, true);
}

void riscv_take_trap(struct riscv_cpu *cpu)
{
    CHECK(cpu->trap.cause < 64);
    if (firmware_answers(cpu) || (unlikely(cpu->trap.origin != RISCV_TRAP_OWN) && higher_level_decides(cpu))) {
        return;
    }
    const uint64_t cause = cpu->trap.cause; /* the firmware may have put another in its place */
    cpu->statistics.exceptions[cause]++;
    bool delegated = has_firmware(cpu) || (cpu->state.csr.medeleg >> cause & 1) != 0;
    deliver(cpu, cause, cpu->trap.tval, delegated && cpu->state.mode != RISCV_MODE_M);
}

/* ---- Interrupts ------------------------------------------------------------------------------------------------- */

/* mip as far as the hart knows without looking at the clock: lines, timers and software's own bits. */
static uint64_t pending_of(const struct riscv_cpu *cpu)
{
    uint64_t software = cpu->state.csr.mip;
    if (riscv_menvcfg_STCE(&cpu->state) != 0) {
        software &= ~BIT(RISCV_INTERRUPT_STI); /* "Sstc": the comparison alone decides */
    }
    return software | cpu->now->timer_lines | atomic_load_explicit(&cpu->now->lines, memory_order_relaxed);
}

/* Bits that other threads want set in mip (inter-processor interrupts). */
static void accept_posted(struct riscv_cpu *cpu)
{
    if (atomic_load_explicit(&cpu->now->posted, memory_order_relaxed) != 0) {
        cpu->state.csr.mip |= atomic_exchange_explicit(&cpu->now->posted, 0, memory_order_acquire);
    }
}

/* Of the pending and enabled ones: those the current mode lets through. Interrupts for M go before those for S. */
static uint64_t deliverable(const struct riscv_cpu *cpu, uint64_t pending, bool *to_supervisor)
{
    const struct riscv_state *state = &cpu->state;
    bool firmware = has_firmware(cpu);
    uint64_t delegated = firmware ? UINT64_MAX : state->csr.mideleg;
    uint64_t machine = pending & ~delegated;
    if (machine != 0 && (state->mode != RISCV_MODE_M || riscv_mstatus_MIE(state) != 0)) {
        *to_supervisor = false;
        return machine;
    }
    uint64_t supervisor = pending & delegated & SUPERVISOR_INTERRUPTS;
    bool masked = state->mode == RISCV_MODE_M || (state->mode == RISCV_MODE_S && riscv_mstatus_SIE(state) == 0);
    *to_supervisor = true;
    return masked ? 0 : supervisor;
}

static enum riscv_interrupt highest_priority(uint64_t interrupts)
{
    static const enum riscv_interrupt order[] = {
        RISCV_INTERRUPT_MEI, RISCV_INTERRUPT_MSI, RISCV_INTERRUPT_MTI,   RISCV_INTERRUPT_SEI,
        RISCV_INTERRUPT_SSI, RISCV_INTERRUPT_STI, RISCV_INTERRUPT_LCOFI,
    };
    size_t i = 0;
    while ((interrupts & BIT(order[i])) == 0) {
        i++;
        CHECK(i < sizeof order / sizeof *order);
    }
    return order[i];
}

/* An interrupt of a higher level goes first, whatever the running one has enabled. That level may be told of one that
 * a lower level has to wait for. */
static bool higher_level_interrupts(struct riscv_cpu *cpu)
{
    const struct riscv_trust_ops *trust = cpu->machine->trust;
    unsigned level = riscv_level_interrupted(cpu);
    bool tells = level == 0 && cpu->now->watches_below && riscv_level_held_back(cpu);
    if (level == 0 && !tells) {
        return false;
    }
    bool was_inside = riscv_inside_suspend(cpu);
    if (tells) {
        trust->held_back(cpu);
    } else {
        trust->interrupt(cpu, level);
    }
    riscv_inside_resume(cpu, was_inside);
    return !tells;
}

bool riscv_take_interrupt(struct riscv_cpu *cpu)
{
    if (unlikely(cpu->level_count > 1) && higher_level_interrupts(cpu)) {
        return true;
    }
    accept_posted(cpu);
    riscv_timers_refresh(cpu);
    bool to_supervisor;
    uint64_t candidates = deliverable(cpu, pending_of(cpu) & cpu->state.csr.mie, &to_supervisor);
    if (candidates == 0) {
        return false;
    }
    enum riscv_interrupt number = highest_priority(candidates);
    cpu->statistics.interrupts[number]++;
    deliver(cpu, RISCV_CAUSE_INTERRUPT | number, 0, to_supervisor);
    return true;
}

bool riscv_interrupt_wakeup(struct riscv_cpu *cpu)
{
    accept_posted(cpu);
    riscv_timers_refresh(cpu);
    return (pending_of(cpu) & cpu->state.csr.mie) != 0 ||
           (unlikely(cpu->level_count > 1) && riscv_level_interrupted(cpu) != 0);
}

void riscv_interrupts_consider(struct riscv_cpu *cpu)
{
    bool to_supervisor;
    uint64_t pending = pending_of(cpu) & cpu->state.csr.mie;
    if (unlikely(pending != 0) && deliverable(cpu, pending, &to_supervisor) != 0) {
        atomic_fetch_or_explicit(&cpu->vcpu.attention, VCPU_INTERRUPT, memory_order_relaxed);
    }
}

uint64_t riscv_interrupt_lines(struct riscv_cpu *cpu)
{
    accept_posted(cpu);
    riscv_timers_refresh(cpu);
    return cpu->now->timer_lines | atomic_load_explicit(&cpu->now->lines, memory_order_relaxed);
}

/* ---- From any thread -------------------------------------------------------------------------------------------- */

void riscv_cpu_set_line(struct riscv_cpu *cpu, enum riscv_interrupt number, bool level)
{
    riscv_level_set_line(cpu, 0, number, level);
}

void riscv_cpu_post(struct riscv_cpu *cpu, enum riscv_interrupt number)
{
    riscv_level_post(cpu, 0, number);
}
