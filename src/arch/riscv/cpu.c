/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/cpu.h"

#include "memory/rights.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* ---- Harts ------------------------------------------------------------------------------------------------------ */

static void timer_fired(void *context)
{
    struct riscv_cpu *cpu = context;
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT);
}

static void drop_level(void *context, unsigned level)
{
    riscv_flush_level(context, level);
}

static struct riscv_cpu *cpu_create(struct riscv_machine *machine, unsigned number)
{
    /* The caches' entries must not straddle lines of the host's own. */
    struct riscv_cpu *cpu = NULL;
    size_t cache_count = machine->level_count * (size_t)RISCV_CONTEXT_COUNT;
    size_t size = sizeof *cpu + cache_count * sizeof cpu->tlbs[0];
    CHECK(posix_memalign((void **)&cpu, 64, size) == 0);
    memset(cpu, 0, sizeof *cpu);
    cpu->machine = machine;
    cpu->level_count = machine->level_count;
    cpu->levels = check_alloc(machine->level_count * sizeof *cpu->levels);
    cpu->now = cpu->levels;
    cpu->features = machine->features;
    vcpu_init(&cpu->vcpu, number);
    if (machine->rights != NULL) {
        cpu->reader = rights_add_reader(machine->rights, &cpu->vcpu, drop_level, cpu);
    }
    alarm_init(&cpu->mtime_alarm, machine->clock, timer_fired, cpu);
    for (unsigned i = 0; i < machine->level_count; i++) {
        alarm_init(&cpu->levels[i].stime_alarm, machine->clock, timer_fired, cpu);
    }
    riscv_level_cache(cpu, 0);
    cpu->translations = translations_create();
    riscv_cpu_reset(cpu);
    return cpu;
}

static void cpu_destroy(struct riscv_cpu *cpu)
{
    alarm_remove(&cpu->mtime_alarm);
    for (unsigned i = 0; i < cpu->level_count; i++) {
        alarm_remove(&cpu->levels[i].stime_alarm);
    }
    vcpu_fini(&cpu->vcpu);
    translations_destroy(cpu->translations);
    free(cpu->levels);
    free(cpu);
}

static void reset_levels(struct riscv_cpu *cpu)
{
    cpu->level = 0;
    cpu->now = cpu->levels;
    for (unsigned i = 0; i < cpu->level_count; i++) {
        struct riscv_level *level = &cpu->levels[i];
        riscv_state_reset(&level->state);
        level->state.csr.mhartid = cpu->vcpu.number;
        atomic_store(&level->posted, 0);
        alarm_set(&level->stime_alarm, ALARM_NEVER);
        level->stime_set = UINT64_MAX;
        level->timer_lines = 0;
        level->filled_under_mxr = false;
        level->watches_below = false;
        level->filled_under_satp = 0;
    }
    for (unsigned i = 0; i < cpu->level_count; i++) {
        riscv_level_set_denying(cpu, i, 0);
        cpu->levels[i].left_at = 0;
    }
    riscv_pins_set(cpu, (const uint64_t[RISCV_PIN_COUNT]){ 0 });
    if (cpu->machine->trust != NULL) {
        cpu->machine->trust->pins(cpu);
    }
}

void riscv_cpu_reset(struct riscv_cpu *cpu)
{
    reset_levels(cpu);
    riscv_state_reset(&cpu->state);
    cpu->state.csr.mhartid = cpu->vcpu.number;
    cpu->trap = (struct riscv_trap){ 0 };
    cpu->denial = (struct riscv_denial){ 0 };
    cpu->reservation = (struct riscv_reservation){ 0 };
    atomic_store(&cpu->mtimecmp, UINT64_MAX);
    alarm_set(&cpu->mtime_alarm, ALARM_NEVER);
    riscv_cpu_state_changed(cpu);
}

/* ---- Machines --------------------------------------------------------------------------------------------------- */

static bool host_has_cas128(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_CMPXCHG16B) != 0;
#else
    return true;
#endif
}

static bool config_is_possible(const struct riscv_machine_config *config, struct error *error)
{
    if (config->cpu_count < 1 || config->cpu_count > RISCV_CPU_COUNT_MAX) {
        return error_set(error, "a machine has 1 to %u harts, not %u; choose a number in between", RISCV_CPU_COUNT_MAX,
                         config->cpu_count);
    }
    if (config->pmp_entry_count != 0 && config->pmp_entry_count != 16 && config->pmp_entry_count != 64) {
        return error_set(error, "a hart has 0, 16 or 64 PMP entries, not %u; choose one of these",
                         config->pmp_entry_count);
    }
    if (config->level_count > RISCV_LEVEL_COUNT_MAX) {
        return error_set(error, "a machine has 1 to %u trust levels, not %u; choose a number in between",
                         RISCV_LEVEL_COUNT_MAX, config->level_count);
    }
    if (riscv_has(&config->features, RISCV_EXT_ZACAS) && !host_has_cas128()) {
        return error_set(error, "this host cannot swap 16 bytes at once; choose a CPU model without zacas (-zacas)");
    }
    return true;
}

struct riscv_machine *riscv_machine_create(const struct riscv_machine_config *config, struct error *error)
{
    if (!config_is_possible(config, error)) {
        return NULL;
    }
    struct riscv_machine *machine = check_alloc(sizeof *machine);
    machine->memory = config->memory;
    machine->clock = config->clock;
    machine->log = config->log;
    machine->features = config->features;
    machine->cpu_count = config->cpu_count;
    machine->pmp_entry_count = config->pmp_entry_count;
    machine->level_count = config->level_count != 0 ? config->level_count : 1;
    machine->rights = machine->level_count > 1 ? rights_create(machine->memory, machine->level_count) : NULL;
    machine->cpus = check_alloc(config->cpu_count * sizeof(struct riscv_cpu *));
    riscv_machine_reset_time(machine);
    for (unsigned i = 0; i < config->cpu_count; i++) {
        machine->cpus[i] = cpu_create(machine, i);
    }
    return machine;
}

void riscv_machine_destroy(struct riscv_machine *machine)
{
    if (machine == NULL) {
        return;
    }
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        cpu_destroy(machine->cpus[i]);
    }
    rights_destroy(machine->rights);
    free(machine->cpus);
    free(machine);
}

void riscv_machine_reset_time(struct riscv_machine *machine)
{
    machine->time_origin = alarm_now();
}
