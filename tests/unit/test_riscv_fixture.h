/* SPDX-License-Identifier: Apache-2.0 */
/* A small machine for tests: RAM at RAM_BASE, one device, every extension but Svade, no engine. */
#ifndef RAVELIN_TESTS_UNIT_TEST_RISCV_FIXTURE_H
#define RAVELIN_TESTS_UNIT_TEST_RISCV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/riscv/primitives.h"

#include <stdlib.h>
#include <string.h>

#define RAM_BASE    UINT64_C(0x80000000)
#define RAM_SIZE    UINT64_C(0x1000000)
#define DEVICE_BASE UINT64_C(0x10000000)
#define DEVICE_SIZE UINT64_C(0x1000)
#define HOLE        UINT64_C(0x20000000)

struct fixture {
    struct memory *memory;
    struct alarm_clock *clock;
    struct riscv_machine *machine;
    struct riscv_cpu *cpu; /* hart 0 */
    uint64_t device_value; /* what the device holds, at every offset */
    unsigned device_writes;
};

static bool fixture_device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)offset, (void)size;
    *value = ((struct fixture *)device)->device_value;
    return true;
}

static bool fixture_device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)offset, (void)size;
    struct fixture *fixture = device;
    fixture->device_value = value;
    fixture->device_writes++;
    return true;
}

static const struct memory_device_ops fixture_device_ops = { fixture_device_read, fixture_device_write };

static inline void fixture_create_levels(struct fixture *fixture, unsigned pmp_entry_count, unsigned cpu_count,
                                         unsigned level_count)
{
    struct error error;
    *fixture = (struct fixture){ .memory = memory_create(NULL) };
    fixture->clock = alarm_clock_create(&error);
    assert_non_null(fixture->clock);
    assert_true(memory_add_ram(fixture->memory, gpa(RAM_BASE), RAM_SIZE, "ram", &error));
    assert_true(memory_add_device(fixture->memory, gpa(DEVICE_BASE), DEVICE_SIZE, &fixture_device_ops, fixture,
                                  "device", &error));
    struct riscv_machine_config config = {
        .memory = fixture->memory,
        .clock = fixture->clock,
        .cpu_count = cpu_count,
        .pmp_entry_count = pmp_entry_count,
        .level_count = level_count,
    };
    for (unsigned extension = 0; extension < RISCV_EXT_COUNT; extension++) {
        if (extension != RISCV_EXT_SVADE) {
            config.features.bits[extension / 64] |= UINT64_C(1) << (extension % 64);
        }
    }
    fixture->machine = riscv_machine_create(&config, &error);
    assert_non_null(fixture->machine);
    fixture->cpu = fixture->machine->cpus[0];
}

static inline void fixture_create(struct fixture *fixture, unsigned pmp_entry_count, unsigned cpu_count)
{
    fixture_create_levels(fixture, pmp_entry_count, cpu_count, 1);
}

static inline void fixture_destroy(struct fixture *fixture)
{
    riscv_machine_destroy(fixture->machine);
    alarm_clock_destroy(fixture->clock);
    memory_destroy(fixture->memory);
}

/* For tests whose whole state is a fixture: what their setup begins with, their teardown, and the hart. */
static inline struct fixture *fixture_set_up(void **state, unsigned cpu_count)
{
    struct fixture *fixture = check_alloc(sizeof *fixture);
    fixture_create(fixture, 16, cpu_count);
    *state = fixture;
    return fixture;
}

static inline int fixture_tear_down(void **state)
{
    fixture_destroy(*state);
    free(*state);
    return 0;
}

static inline struct riscv_cpu *fixture_cpu(void **state)
{
    return ((struct fixture *)*state)->cpu;
}

/* Puts a hart into a mode, as an engine would find it. */
static inline void fixture_set_mode(struct riscv_cpu *cpu, enum riscv_mode mode)
{
    cpu->state.mode = (uint8_t)mode;
    riscv_status_changed(cpu);
}

static inline uint64_t *fixture_ram(const struct fixture *fixture, uint64_t address)
{
    return memory_pointer(fixture->memory, gpa(address), sizeof(uint64_t), MEMORY_READ);
}

#endif
