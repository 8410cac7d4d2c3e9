/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include "core/alarm.h"

#include <stdio.h>
#include <stdlib.h>

void random_need(bool fine, const struct error *error)
{
    if (!fine) {
        fprintf(stderr, "random: %s\n", error->text);
        exit(1);
    }
}

void random_machine_create(struct random_machine *machine, const struct riscv_features *features)
{
    struct error error;
    machine->memory = memory_create(NULL);
    random_need(memory_add_ram(machine->memory, gpa(PROGRAM_BASE), PROGRAM_RAM_SIZE, "ram", &error), &error);
    machine->clock = alarm_clock_create(&error);
    random_need(machine->clock != NULL, &error);
    struct riscv_machine_config config = {
        .memory = machine->memory, .clock = machine->clock, .features = *features, .cpu_count = 1, .pmp_entry_count = 16
    };
    machine->machine = riscv_machine_create(&config, &error);
    random_need(machine->machine != NULL, &error);
    machine->cpu = machine->machine->cpus[0];
}

void random_machine_destroy(struct random_machine *machine)
{
    riscv_machine_destroy(machine->machine);
    alarm_clock_destroy(machine->clock);
    memory_destroy(machine->memory);
}
