/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/hart.h"

#include "arch/riscv/cpu.h"
#include "core/alarm.h"

#include <sched.h>

bool hart_start_begin(struct riscv_cpu *cpu)
{
    uint32_t stopped = HART_STOPPED;
    return atomic_compare_exchange_strong(&cpu->hart.status, &stopped, HART_START_PENDING);
}

void hart_start_end(struct riscv_cpu *cpu, uint64_t address, uint64_t argument)
{
    cpu->hart.start_address = address;
    cpu->hart.start_argument = argument;
    atomic_store(&cpu->hart.start_ready, true);
    vcpu_request(&cpu->vcpu, VCPU_HALT); /* wakes it in hart_wait_started() */
}

bool hart_start(struct riscv_cpu *cpu, uint64_t address, uint64_t argument)
{
    bool stopped = hart_start_begin(cpu);
    if (stopped) {
        hart_start_end(cpu, address, argument);
    }
    return stopped;
}

void hart_stop(struct riscv_cpu *cpu)
{
    atomic_store(&cpu->hart.status, HART_STOPPED);
    vcpu_request(&cpu->vcpu, VCPU_HALT);
}

/* SBI v2.0, section 9.1: satp 0, SIE 0, a0 the hart's number, a1 the argument; the rest is undefined. */
static void enter_supervisor(struct riscv_cpu *cpu)
{
    struct riscv_state *state = &cpu->state;
    state->mode = RISCV_MODE_S;
    state->pc = cpu->hart.start_address;
    state->x[10] = cpu->vcpu.number;
    state->x[11] = cpu->hart.start_argument;
    state->csr.satp = 0;
    riscv_set_mstatus_SIE(state, 0);
    riscv_cpu_state_changed(cpu);
    cpu->code_epoch++;
}

bool hart_wait_started(struct riscv_cpu *cpu)
{
    struct hart *hart = &cpu->hart;
    while (atomic_load(&hart->status) != HART_STARTED && !atomic_load(&hart->start_ready)) {
        vcpu_wait(&cpu->vcpu, ALARM_NEVER);
        uint32_t asked = vcpu_take(&cpu->vcpu, UINT32_MAX);
        if ((asked & VCPU_STOP) != 0) {
            return false;
        }
        hart_serve_fence(cpu);
    }
    if (atomic_load(&hart->start_ready)) {
        const struct riscv_trust_ops *trust = cpu->machine->trust;
        if (trust == NULL || !trust->start(cpu)) {
            enter_supervisor(cpu);
        }
        atomic_store(&hart->start_ready, false);
        atomic_store(&hart->status, HART_STARTED);
    }
    return true;
}

void hart_serve_fence(struct riscv_cpu *cpu)
{
    uint32_t asked = atomic_load(&cpu->hart.fences_asked);
    if (atomic_exchange(&cpu->hart.code_changed,
                        false)) { /* after the tickets: what they ask for was set before them */
        cpu->code_epoch++;
    }
    riscv_flush(cpu);
    atomic_store(&cpu->hart.fences_done, asked);
}

/* Whether the hart has served the ticket or runs no guest code (it flushes everything when it starts). */
static bool fence_done(struct riscv_cpu *target, uint32_t ticket)
{
    return (int32_t)(atomic_load(&target->hart.fences_done) - ticket) >= 0 ||
           atomic_load(&target->hart.status) == HART_STOPPED;
}

void hart_fence(struct riscv_cpu *cpu, uint64_t mask, uint64_t base, bool code)
{
    const struct riscv_machine *machine = cpu->machine;
    uint32_t tickets[64];
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t number = base + bit;
        if ((mask >> bit & 1) == 0 || number >= machine->cpu_count || number < base) {
            continue;
        }
        struct riscv_cpu *target = machine->cpus[number];
        if (code) {
            atomic_store(&target->hart.code_changed, true); /* before the ticket */
        }
        if (target == cpu) {
            hart_serve_fence(cpu);
            mask &= ~(UINT64_C(1) << bit);
            continue;
        }
        tickets[bit] = atomic_fetch_add(&target->hart.fences_asked, 1) + 1;
        vcpu_request(&target->vcpu, VCPU_FENCE);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t number = base + bit;
        if ((mask >> bit & 1) == 0 || number >= machine->cpu_count || number < base) {
            continue;
        }
        while (!fence_done(machine->cpus[number], tickets[bit])) {
            if ((vcpu_attention(&cpu->vcpu) & VCPU_STOP) != 0) {
                return; /* the machine goes down: nobody will answer */
            }
            if (vcpu_take(&cpu->vcpu, VCPU_FENCE) != 0) {
                hart_serve_fence(cpu);
            }
            sched_yield();
        }
    }
}
