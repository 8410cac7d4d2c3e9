/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, the two timers of a hart, and its counters.
 *
 * A timer's line is high while `time` has reached its compare register. The hart computes that itself whenever it looks
 * (riscv_timers_refresh); an alarm only makes it look when the moment has come. So nothing depends on how late an alarm
 * is.
 */
#include "arch/riscv/primitives.h"

#define NANOSECONDS_PER_TICK (UINT64_C(1000000000) / RISCV_TIME_FREQUENCY)

uint64_t riscv_machine_time(const struct riscv_machine *machine)
{
    return (alarm_now() - machine->time_origin) / NANOSECONDS_PER_TICK;
}

/* When `time` reaches this many ticks, on the scale of alarm_now(). */
static uint64_t moment_of(const struct riscv_machine *machine, uint64_t ticks)
{
    uint64_t nanoseconds;
    uint64_t moment;
    if (__builtin_mul_overflow(ticks, NANOSECONDS_PER_TICK, &nanoseconds) ||
        __builtin_add_overflow(nanoseconds, machine->time_origin, &moment)) {
        return ALARM_NEVER; /* centuries from now */
    }
    return moment;
}

void riscv_cpu_set_mtimecmp(struct riscv_cpu *cpu, uint64_t ticks)
{
    atomic_store(&cpu->mtimecmp, ticks);
    alarm_set(&cpu->mtime_alarm, moment_of(cpu->machine, ticks));
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT); /* a line may have to fall as well as to rise */
}

void riscv_timers_refresh(struct riscv_cpu *cpu)
{
    uint64_t machine = atomic_load_explicit(&cpu->mtimecmp, memory_order_relaxed);
    uint64_t supervisor = cpu->now->stime_set;
    cpu->now->timer_lines = 0;
    if (machine == UINT64_MAX && supervisor == UINT64_MAX) {
        return; /* the clock is dearer than everything else here */
    }
    uint64_t now = riscv_machine_time(cpu->machine);
    cpu->now->timer_lines |= now >= machine ? UINT64_C(1) << RISCV_INTERRUPT_MTI : 0;
    cpu->now->timer_lines |= now >= supervisor ? UINT64_C(1) << RISCV_INTERRUPT_STI : 0;
}

void riscv_set_supervisor_timer(struct riscv_cpu *cpu, uint64_t ticks)
{
    cpu->state.csr.stimecmp = ticks;
    riscv_interrupts_changed(cpu);
}

void riscv_interrupts_changed(struct riscv_cpu *cpu)
{
    /* "Sstc": the comparison exists while menvcfg.STCE is set. The built-in firmware keeps its timer there too. */
    bool live = riscv_menvcfg_STCE(&cpu->state) != 0 || cpu->machine->firmware != NULL;
    uint64_t wanted = live ? cpu->state.csr.stimecmp : UINT64_MAX;
    if (wanted != cpu->now->stime_set) {
        cpu->now->stime_set = wanted;
        riscv_timers_refresh(cpu);
        bool is_due = (cpu->now->timer_lines >> RISCV_INTERRUPT_STI & 1) != 0;
        alarm_set(&cpu->now->stime_alarm, is_due ? ALARM_NEVER : moment_of(cpu->machine, wanted));
    }
    riscv_interrupts_consider(cpu);
}

void riscv_level_set_timer(struct riscv_cpu *cpu, unsigned number, uint64_t ticks)
{
    CHECK(number < cpu->level_count);
    if (number == cpu->level) {
        riscv_set_supervisor_timer(cpu, ticks);
        return;
    }
    struct riscv_level *level = &cpu->levels[number];
    level->state.csr.stimecmp = ticks;
    level->stime_set = ticks;
    bool is_due = ticks != UINT64_MAX && riscv_machine_time(cpu->machine) >= ticks;
    alarm_set(&level->stime_alarm, is_due ? ALARM_NEVER : moment_of(cpu->machine, ticks));
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT);
}

/* ---- Counters --------------------------------------------------------------------------------------------------- */

/* A running counter is the number of instructions plus what its register holds, a stopped one is what it holds. Cycles
 * are instructions: this machine does one in each. */

static uint64_t counter_value(const struct riscv_cpu *cpu, uint64_t held, uint64_t inhibited)
{
    return inhibited != 0 ? held : held + cpu->instructions;
}

/* What to hold so that the instruction after the current one reads `count`. */
static uint64_t counter_held(const struct riscv_cpu *cpu, uint64_t count, uint64_t inhibited)
{
    return inhibited != 0 ? count : count - (cpu->instructions + 1);
}

uint64_t riscv_cycle_counter(struct riscv_cpu *cpu)
{
    return counter_value(cpu, cpu->state.csr.mcycle, riscv_mcountinhibit_CY(&cpu->state));
}

uint64_t riscv_instret_counter(struct riscv_cpu *cpu)
{
    return counter_value(cpu, cpu->state.csr.minstret, riscv_mcountinhibit_IR(&cpu->state));
}

void riscv_write_cycle_counter(struct riscv_cpu *cpu, uint64_t count)
{
    cpu->state.csr.mcycle = counter_held(cpu, count, riscv_mcountinhibit_CY(&cpu->state));
}

void riscv_write_instret_counter(struct riscv_cpu *cpu, uint64_t count)
{
    cpu->state.csr.minstret = counter_held(cpu, count, riscv_mcountinhibit_IR(&cpu->state));
}

uint64_t riscv_time_counter(struct riscv_cpu *cpu)
{
    return riscv_machine_time(cpu->machine);
}
