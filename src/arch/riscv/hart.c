/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/hart.h"

#include "arch/riscv/cpu.h"
#include "core/alarm.h"

#include <sched.h>
#include <string.h>

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
}

bool hart_wait_started(struct riscv_cpu *cpu)
{
    struct hart *hart = &cpu->hart;
    if ((vcpu_take(&cpu->vcpu, VCPU_STOP | VCPU_HALT) & VCPU_STOP) != 0) {
        return false;
    }
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
        riscv_give_up_writes(cpu); /* as whoever asked while it slept was told */
        atomic_store(&hart->start_ready, false);
        atomic_store(&hart->status, HART_STARTED);
    }
    return true;
}

static void lock_fences(struct hart *hart)
{
    while (atomic_exchange_explicit(&hart->fences_locked, true, memory_order_acquire)) {
        sched_yield();
    }
}

static void unlock_fences(struct hart *hart)
{
    atomic_store_explicit(&hart->fences_locked, false, memory_order_release);
}

void hart_serve_fence(struct riscv_cpu *cpu)
{
    struct hart *hart = &cpu->hart;
    struct riscv_fence fences[HART_FENCES_MAX];
    lock_fences(hart);
    const uint32_t asked = atomic_load(&hart->fences_asked), count = hart->fence_count;
    const bool code_changed = hart->code_changed;
    memcpy(fences, hart->fences, sizeof fences);
    hart->fence_count = 0;
    hart->code_changed = false;
    unlock_fences(hart);
    cpu->code_epoch += code_changed;
    if (count > HART_FENCES_MAX) {
        riscv_flush(cpu);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            riscv_fence_levels(cpu, &fences[i]);
        }
    }
    if (cpu->machine->trust != NULL) {
        cpu->machine->trust->pins(cpu);
    }
    atomic_store(&hart->fences_done, asked);
}

uint32_t hart_ask_fence(struct riscv_cpu *cpu, const struct riscv_fence *fence)
{
    struct hart *hart = &cpu->hart;
    lock_fences(hart);
    if (fence == NULL) {
        hart->code_changed = true;
    } else {
        if (hart->fence_count < HART_FENCES_MAX) {
            hart->fences[hart->fence_count] = *fence;
        }
        hart->fence_count += hart->fence_count <= HART_FENCES_MAX;
    }
    uint32_t ticket = atomic_fetch_add(&hart->fences_asked, 1) + 1;
    unlock_fences(hart);
    vcpu_request(&cpu->vcpu, VCPU_FENCE);
    return ticket;
}

bool hart_fence_is_done(struct riscv_cpu *cpu, uint32_t ticket)
{
    /* A stopped one flushes everything when it starts. */
    return (int32_t)(atomic_load(&cpu->hart.fences_done) - ticket) >= 0 ||
           atomic_load(&cpu->hart.status) == HART_STOPPED;
}

void hart_fence(struct riscv_cpu *cpu, uint64_t mask, uint64_t base, const struct riscv_fence *fence)
{
    const struct riscv_machine *machine = cpu->machine;
    uint32_t tickets[64];
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t number = base + bit;
        if ((mask >> bit & 1) == 0 || number >= machine->cpu_count || number < base) {
            continue;
        }
        struct riscv_cpu *target = machine->cpus[number];
        tickets[bit] = hart_ask_fence(target, fence);
        if (target == cpu) {
            vcpu_take(&cpu->vcpu, VCPU_FENCE);
            hart_serve_fence(cpu);
            mask &= ~(UINT64_C(1) << bit);
        }
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t number = base + bit;
        if ((mask >> bit & 1) == 0 || number >= machine->cpu_count || number < base) {
            continue;
        }
        while (!hart_fence_is_done(machine->cpus[number], tickets[bit])) {
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
