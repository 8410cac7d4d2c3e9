/* SPDX-License-Identifier: Apache-2.0 */
/* What is booted lies in memory without overlap, and harts start as their software expects. */
#include "arch/riscv/cpu.h"
#include "arch/riscv/cpu_model.h"
#include "board/virt_boot.h"
#include "core/alarm.h"

#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB           (UINT64_C(1) << 20)
#define KERNEL_SIZE   4096u
#define FW_INFO_WORDS 6

static char folder[] = "/tmp/ravelin-test-XXXXXX";
static char kernel[64], firmware[64], initrd[64];

/* A file of `size` bytes that begins with endless loops and ends with a mark. */
static void write_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    static const uint8_t loop[4] = { 0x6f, 0, 0, 0 };
    for (size_t at = 0; at < size; at++) {
        fputc(at == size - 1 ? 0x5a : loop[at % 4], file);
    }
    assert_int_equal(fclose(file), 0);
}

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(kernel, sizeof kernel, "%s/kernel", folder);
    snprintf(firmware, sizeof firmware, "%s/firmware", folder);
    snprintf(initrd, sizeof initrd, "%s/initrd", folder);
    write_file(kernel, KERNEL_SIZE);
    write_file(firmware, KERNEL_SIZE);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(kernel);
    unlink(firmware);
    unlink(initrd);
    return rmdir(folder);
}

static struct virt_config config_of(uint64_t memory_size)
{
    struct virt_config config = { .kernel = kernel, .memory_size = memory_size, .cpu_count = 3 };
    struct error error;
    assert_true(riscv_cpu_model_parse("max", &config.features, &error));
    return config;
}

/* Loads with an initial RAM disk of this size; the message if it does not fit. */
static bool fits(uint64_t initrd_size, struct error *error)
{
    struct virt_boot boot;
    memset(&boot, 0, sizeof boot);
    struct virt_config config = config_of(4 * MIB);
    config.initrd = initrd;
    write_file(initrd, initrd_size);
    bool loaded = virt_boot_load(&boot, &config, error);
    if (loaded) {
        uint64_t kernel_end = loader_end(&boot.kernel);
        assert_true(boot.initrd_address >= kernel_end);
        assert_true(boot.initrd_address + initrd_size <= boot.tree_address);
        assert_true(boot.info_address + 48 <= VIRT_RAM_BASE + 4 * MIB);
        assert_int_equal(boot.initrd_address % PAGE_SIZE, 0);
        assert_int_equal(boot.tree_address % 8, 0);
        assert_int_equal(boot.info_address % 8, 0);
    }
    virt_boot_free(&boot);
    return loaded;
}

static void an_initrd_fits_to_the_last_page_and_not_beyond(void **state)
{
    (void)state;
    struct error error;
    uint64_t low = 1;
    uint64_t high = 3 * MIB;
    assert_true(fits(low, &error));
    assert_false(fits(high, &error));
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (fits(middle, &error)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    assert_int_equal(low % PAGE_SIZE, 0);   /* it takes whole pages: the largest is some number of them */
    assert_true(low > 2 * MIB - 64 * 1024); /* all between kernel and device tree can be used */
    assert_false(fits(low + 1, &error));
    assert_non_null(strstr(error.text, "--memory"));
}

struct machine {
    struct memory *memory;
    struct alarm_clock *clock;
    struct riscv_machine *machine;
    struct virt_boot boot;
};

static void start(struct machine *machine, const struct virt_config *config)
{
    struct error error;
    memset(machine, 0, sizeof *machine);
    if (!virt_boot_load(&machine->boot, config, &error)) {
        fail_msg("%s", error.text);
    }
    machine->memory = memory_create(NULL);
    machine->clock = alarm_clock_create(&error);
    assert_true(memory_add_ram(machine->memory, gpa(VIRT_RAM_BASE), config->memory_size, "ram", &error));
    struct riscv_machine_config harts = { .memory = machine->memory,
                                          .clock = machine->clock,
                                          .features = config->features,
                                          .cpu_count = config->cpu_count,
                                          .pmp_entry_count = 16 };
    machine->machine = riscv_machine_create(&harts, &error);
    assert_non_null(machine->machine);
    virt_boot_write(&machine->boot, machine->machine, NULL);
}

static void stop(struct machine *machine)
{
    riscv_machine_destroy(machine->machine);
    alarm_clock_destroy(machine->clock);
    memory_destroy(machine->memory);
    virt_boot_free(&machine->boot);
}

static void check_tree(const struct machine *machine, uint64_t address)
{
    const void *tree = memory_pointer(machine->memory, gpa(address), 64, MEMORY_READ);
    assert_non_null(tree);
    assert_int_equal(fdt_check_header(tree), 0);
}

static void a_kernel_starts_in_s_mode_on_hart_0_alone(void **state)
{
    (void)state;
    struct machine machine;
    struct virt_config config = config_of(8 * MIB);
    start(&machine, &config);
    for (unsigned i = 0; i < 3; i++) {
        const struct riscv_cpu *cpu = machine.machine->cpus[i];
        assert_int_equal(atomic_load(&cpu->hart.status), i == 0 ? HART_STARTED : HART_STOPPED);
    }
    const struct riscv_state *hart = &machine.machine->cpus[0]->state;
    assert_int_equal(hart->mode, RISCV_MODE_S);
    assert_int_equal(hart->pc, VIRT_RAM_BASE + 2 * MIB);
    assert_int_equal(hart->x[10], 0);
    check_tree(&machine, hart->x[11]);
    uint8_t last;
    assert_true(memory_read(machine.memory, gpa(VIRT_RAM_BASE + 2 * MIB + KERNEL_SIZE - 1), &last, 1));
    assert_int_equal(last, 0x5a);
    stop(&machine);
}

static void firmware_starts_in_m_mode_on_every_hart_and_knows_the_kernel(void **state)
{
    (void)state;
    struct machine machine;
    struct virt_config config = config_of(8 * MIB);
    config.firmware = firmware;
    start(&machine, &config);
    for (unsigned i = 0; i < 3; i++) {
        const struct riscv_cpu *cpu = machine.machine->cpus[i];
        uint64_t info[FW_INFO_WORDS];
        assert_int_equal(atomic_load(&cpu->hart.status), HART_STARTED);
        assert_int_equal(cpu->state.mode, RISCV_MODE_M);
        assert_int_equal(cpu->state.pc, VIRT_RAM_BASE);
        assert_int_equal(cpu->state.x[10], i);
        check_tree(&machine, cpu->state.x[11]);
        assert_true(memory_read(machine.memory, gpa(cpu->state.x[12]), info, sizeof info));
        assert_int_equal(info[0], 0x4942534f); /* OpenSBI's magic, then version, next address and mode (S) */
        assert_int_equal(info[1], 2);
        assert_int_equal(info[2], VIRT_RAM_BASE + 2 * MIB);
        assert_int_equal(info[3], 1);
    }
    stop(&machine);
}

static void a_second_write_restores_what_the_guest_changed(void **state)
{
    (void)state;
    struct machine machine;
    struct virt_config config = config_of(8 * MIB);
    start(&machine, &config);
    uint32_t word = 0;
    assert_true(memory_write(machine.memory, gpa(VIRT_RAM_BASE + 2 * MIB), &word, sizeof word));
    machine.machine->cpus[0]->state.pc = 0;
    machine.machine->cpus[0]->state.mode = RISCV_MODE_M;
    virt_boot_write(&machine.boot, machine.machine, NULL);
    assert_true(memory_read(machine.memory, gpa(VIRT_RAM_BASE + 2 * MIB), &word, sizeof word));
    assert_int_equal(word, 0x6f);
    assert_int_equal(machine.machine->cpus[0]->state.pc, VIRT_RAM_BASE + 2 * MIB);
    assert_int_equal(machine.machine->cpus[0]->state.mode, RISCV_MODE_S);
    stop(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_initrd_fits_to_the_last_page_and_not_beyond),
        cmocka_unit_test(a_kernel_starts_in_s_mode_on_hart_0_alone),
        cmocka_unit_test(firmware_starts_in_m_mode_on_every_hart_and_knows_the_kernel),
        cmocka_unit_test(a_second_write_restores_what_the_guest_changed),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
