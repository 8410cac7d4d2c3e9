/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that wait. Each may end at will; all end when somebody asks for the vCPU's attention.
 */
#include "arch/riscv/inside.h"
#include "arch/riscv/primitives.h"

#include <sched.h>

#define PAUSES_BEFORE_YIELD 32u
#define LOOKS_BEFORE_SLEEP  200u
#define RESERVATION_NAP     UINT64_C(20000) /* nanoseconds */

static inline void host_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void riscv_wfi(struct riscv_cpu *cpu)
{
    if (!riscv_interrupt_wakeup(cpu)) {
        bool was_inside = riscv_inside_suspend(cpu);
        vcpu_wait(&cpu->vcpu, ALARM_NEVER);
        riscv_inside_resume(cpu, was_inside);
    }
}

/* Whoever spins may be waiting for a hart that the host does not run just now. */
void riscv_pause(struct riscv_cpu *cpu)
{
    host_pause();
    if (++cpu->pause_count % PAUSES_BEFORE_YIELD == 0 && cpu->machine->cpu_count > 1) {
        bool was_inside = riscv_inside_suspend(cpu);
        sched_yield();
        riscv_inside_resume(cpu, was_inside);
    }
}

static bool value_has_changed(const struct riscv_reservation *reservation)
{
    if (reservation->host == NULL) {
        return true;
    }
    uint64_t value = reservation->size == 4 ? __atomic_load_n((uint32_t *)reservation->host, __ATOMIC_RELAXED)
                                            : __atomic_load_n((uint64_t *)reservation->host, __ATOMIC_RELAXED);
    return value != reservation->value;
}

/* Whoever takes the right to read it takes the reservation. */
static bool reservation_is_lost(struct riscv_cpu *cpu)
{
    const uint32_t undoable = riscv_inside_stand(cpu);
    const bool lost = value_has_changed(&cpu->reservation);
    riscv_inside_go_on(cpu, undoable);
    return lost;
}

void riscv_wait_on_reservation(struct riscv_cpu *cpu, bool timed)
{
    for (unsigned i = 0; i < LOOKS_BEFORE_SLEEP; i++) {
        if (reservation_is_lost(cpu) || vcpu_attention(&cpu->vcpu) != 0) {
            return;
        }
        host_pause();
    }
    if (!timed && !riscv_interrupt_wakeup(cpu)) {
        bool was_inside = riscv_inside_suspend(cpu);
        vcpu_wait(&cpu->vcpu, alarm_now() + RESERVATION_NAP);
        riscv_inside_resume(cpu, was_inside);
    }
}
