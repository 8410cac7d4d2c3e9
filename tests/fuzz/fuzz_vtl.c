/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile levels against the monitor and against a level above them.
 *
 * The input is what guests of levels 0 … 2 do on one hart: calls with any operands, SBI calls about harts, loads,
 * stores and writes to control registers, with interrupts in between; a second hart is started when they ask for it.
 * The host holds level 3 and denies a page to all of them. Every call ends, the hart is always in a level it has, and
 * the page is never read or changed.
 */
#include "arch/riscv/primitives.h"
#include "arch/riscv/sbi.h"
#include "core/check.h"
#include "fuzz_input.h"
#include "vtl/vtl_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM         UINT64_C(0x80000000)
#define RAM_SIZE    UINT64_C(0x40000)
#define CODE        (RAM + 0x1000)
#define INPUT       (RAM + 0x4000)
#define OUTPUT      (RAM + 0x5000)
#define SECRET      (RAM + 0x9000)
#define SECRET_BYTE 0xa5
#define LEVELS      4u
#define HELD        3u

struct world {
    struct memory *memory;
    struct alarm_clock *clock;
    struct riscv_machine *machine;
    struct riscv_cpu *cpu, *other;
    struct vtl *vtl;
    struct fuzz_input input; /* the rest of it */
};

static uint64_t take(struct world *world, unsigned bytes)
{
    return fuzz_take(&world->input, bytes);
}

/* Any value, but often one that means something. */
static uint64_t take_value(struct world *world)
{
    static const uint64_t known[] = { 0,           1,      2,     3,       UINT64_MAX, 0xfffffffe, INPUT,
                                      OUTPUT,      SECRET, CODE,  0x10,    0x11,       0x12,       SECRET >> 12,
                                      INPUT >> 12, 0x3f,   0x7fe, 0x90013, 0xd0007,    0xd0010,    UINT64_C(1) << 32,
                                      INPUT | 1 };
    uint64_t choice = take(world, 1);
    if (choice < 192) {
        return known[choice % (sizeof known / sizeof known[0])];
    }
    return take(world, choice < 224 ? 2 : 8);
}

static void nothing_reset(void *context, enum sbi_reset type, bool failed)
{
    (void)context, (void)type, (void)failed;
}

/* Console text comes out of memory of the guest's: never out of the page. */
static size_t console_write(void *context, const uint8_t *bytes, size_t size)
{
    struct world *world = context;
    const uint8_t *secret = memory_pointer(world->memory, gpa(SECRET), PAGE_SIZE, MEMORY_READ);
    CHECK(bytes + size <= secret || bytes >= secret + PAGE_SIZE);
    return size;
}

static size_t console_read(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    memset(bytes, 0, size);
    return size;
}

static bool firmware(struct riscv_cpu *cpu)
{
    const struct sbi_platform platform = {
        .reset = nothing_reset,
        .console_write = console_write,
        .console_read = console_read,
        .context = cpu->machine->firmware_context,
    };
    return sbi_call(&platform, cpu);
}

static void boot(struct riscv_cpu *cpu)
{
    riscv_cpu_reset(cpu);
    cpu->state.csr.mideleg = cpu->state.csr.medeleg = UINT64_MAX;
    cpu->state.csr.mcounteren = cpu->state.csr.menvcfg = UINT64_MAX;
    riscv_pmp_open(cpu);
    cpu->state.mode = RISCV_MODE_S;
    cpu->state.pc = cpu->state.csr.stvec = CODE;
    atomic_store(&cpu->hart.status, cpu->vcpu.number == 0 ? HART_STARTED : HART_STOPPED);
    riscv_cpu_state_changed(cpu);
}

/* Some begin with levels that have begun themselves, as few inputs would get to. */
static void enable(struct world *world, unsigned how)
{
    struct vtl *vtl = world->vtl;
    for (unsigned level = 0; level < HELD; level++) {
        atomic_store(&vtl->levels[level].guest_os_id, how & 1);
        if (level > 0) { /* level 0 has none, and cannot get one (VsmPartitionConfig) */
            atomic_store(&vtl->levels[level].config, (how & 2) != 0 ? 0x3f : 0x3e);
        }
        vtl->vps[0].levels[level].assist = (how & 4) != 0 ? INPUT + (level + 2) * PAGE_SIZE + 1 : 0;
        vtl->vps[0].levels[level].initial = (struct vtl_context){ .pc = CODE, .stvec = CODE, .sie = how & 0x22 };
    }
    uint32_t levels = how >> 3 & 7;
    atomic_store(&vtl->enabled, levels | 1);
    atomic_store(&vtl->mode_based, how >> 6 & levels & ~1u);
    atomic_store(&vtl->vps[0].enabled, levels | 1);
}

static void create(struct world *world)
{
    struct error error;
    world->memory = memory_create(NULL);
    world->clock = alarm_clock_create(&error);
    CHECK(world->clock != NULL && memory_add_ram(world->memory, gpa(RAM), RAM_SIZE, "ram", &error));
    struct riscv_machine_config config = {
        .memory = world->memory,
        .clock = world->clock,
        .features = { { UINT64_MAX, UINT64_MAX } },
        .cpu_count = 2,
        .pmp_entry_count = 16,
        .level_count = LEVELS,
    };
    world->machine = riscv_machine_create(&config, &error);
    CHECK(world->machine != NULL);
    world->machine->firmware = firmware;
    world->machine->firmware_context = world;
    world->vtl = vtl_create(world->machine, &(struct vtl_config){ .held = 1u << HELD });
    world->cpu = world->machine->cpus[0];
    world->other = world->machine->cpus[1];
    boot(world->cpu);
    boot(world->other);
    enable(world, (unsigned)take(world, 1));
    const uint64_t secret = SECRET >> PAGE_SHIFT;
    size_t failed;
    memset(memory_pointer(world->memory, gpa(SECRET), PAGE_SIZE, MEMORY_WRITE), SECRET_BYTE, PAGE_SIZE);
    CHECK(rights_change(world->machine->rights, NULL, HELD, 15, &secret, 1, &failed));
}

static void destroy(struct world *world)
{
    vtl_destroy(world->vtl);
    riscv_machine_destroy(world->machine);
    alarm_clock_destroy(world->clock);
    memory_destroy(world->memory);
}

/* ---- What guests do --------------------------------------------------------------------------------------------- */

static void ecall(struct world *world)
{
    riscv_raise(world->cpu, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S, 0);
    riscv_take_trap(world->cpu);
}

static uint64_t take_function(struct world *world)
{
    static const uint32_t functions[] = { 0x0b, 0x0c, 0x0d, 0x0f, 0x11, 0x12, 0x10012, 0x50,
                                          0x51, 0x52, 0x99, 0x9a, 0xd4, 0x11, 0x51,    0x0e };
    return functions[take(world, 1) % (sizeof functions / sizeof functions[0])];
}

static uint32_t take_name(struct world *world)
{
    static const uint32_t names[] = { 0x100,   0x10004, 0x80001, 0x80005, 0x80020, 0x80021, 0x80041, 0x81100,
                                      0x81104, 0x81105, 0x8110a, 0x81140, 0x81144, 0x8114d, 0x81180, 0x81003,
                                      0x90002, 0x90003, 0x90013, 0xd0003, 0xd0004, 0xd0005, 0xd0006, 0xd0007,
                                      0xd0010, 0xd0011, 0xd0012, 0xe0000, 0xe0001, 0xe0003, 0xe0005, 0x99999 };
    return names[take(world, 1) % (sizeof names / sizeof names[0])];
}

/* A call whose outside is right most of the time, with operands in INPUT. */
static void call(struct world *world)
{
    uint64_t *x = world->cpu->state.x;
    uint8_t *input = memory_pointer(world->memory, gpa(INPUT), PAGE_SIZE, MEMORY_WRITE);
    uint64_t function = take_function(world), flags = take(world, 1);
    const uint64_t self = UINT64_MAX;
    uint32_t vp = (flags & 1) != 0 ? 0xfffffffe : (uint32_t)take_value(world);
    memset(input, 0, 128);
    memcpy(input, (flags & 2) != 0 ? &(uint64_t){ take_value(world) } : &self, 8);
    memcpy(input + 8, &vp, sizeof vp);
    input[12] = (uint8_t)take(world, 1);
    for (unsigned i = 0; i < (flags >> 4 & 7); i++) {
        uint64_t value = take_value(world);
        memcpy(input + 16 + 8 * i, &value, sizeof value);
    }
    if (function == 0x50 || function == 0x51) {
        uint32_t name = take_name(world);
        uint64_t values[] = { 0, take_value(world), (flags & 0x10) != 0 ? take_value(world) : 0 };
        memcpy(input + 16, &name, sizeof name);
        memset(input + 20, 0, 12);
        memcpy(input + 32, values + 1, 16);
    }
    x[10] = function | ((flags & 4) != 0 ? take(world, 2) << 32 : 0) | ((flags & 8) != 0 ? UINT64_C(1) << 32 : 0);
    x[11] = INPUT;
    x[12] = OUTPUT;
    x[16] = function;
    x[17] = SBI_TRUST_EXTENSION;
    ecall(world);
}

/* Any registers at all. */
static void raw_call(struct world *world)
{
    static const uint32_t extensions[] = {
        SBI_TRUST_EXTENSION, 0x48534d, 0x735049, 0x54494d45, 0x4442434e, 0x53525354
    };
    uint64_t *x = world->cpu->state.x;
    for (unsigned i = 10; i < 17; i++) {
        x[i] = take_value(world);
    }
    x[17] = extensions[take(world, 1) % (sizeof extensions / sizeof extensions[0])];
    if (x[17] == 0x48534d && x[16] == 3) {
        x[16] = 2; /* would wait for an interrupt */
    }
    ecall(world);
}

static void access(struct world *world)
{
    struct riscv_cpu *cpu = world->cpu;
    uint64_t address = take_value(world), value = take_value(world);
    bool done;
    if ((take(world, 1) & 1) != 0) {
        done = riscv_store64(cpu, address, value);
    } else {
        value = 0;
        done = riscv_load64(cpu, address, &value);
        CHECK(!done || value != UINT64_C(0x0101010101010101) * SECRET_BYTE);
    }
    if (!done) {
        riscv_take_trap(cpu);
    }
}

static void write_csr(struct world *world)
{
    static const uint16_t numbers[] = { 0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x144, 0x14d };
    struct riscv_cpu *cpu = world->cpu;
    uint16_t number = numbers[take(world, 1) % (sizeof numbers / sizeof numbers[0])];
    uint64_t value = take_value(world);
    bool pinnable = number == 0x100 || number == 0x105 || number == 0x106 || number == 0x10a;
    if (cpu->state.mode != RISCV_MODE_S) {
        return;
    }
    if (pinnable && !riscv_consult_pins(cpu, number, value)) {
        riscv_take_trap(cpu);
    } else {
        riscv_csr_write(cpu, number, value);
    }
}

/* Somebody has asked for the other hart: it starts, and stops again so that fences need not wait for it. */
static void start_other(struct world *world)
{
    if (atomic_load(&world->other->hart.start_ready)) {
        CHECK(hart_wait_started(world->other));
        hart_stop(world->other);
    }
    if (atomic_load(&world->cpu->hart.status) == HART_STOPPED) {
        CHECK(hart_start(world->cpu, CODE, 0) && hart_wait_started(world->cpu));
    }
}

static void step(struct world *world)
{
    struct riscv_cpu *cpu = world->cpu;
    switch (take(world, 1) % 8) {
    case 0:
    case 1:
    case 2: call(world); break;
    case 3: raw_call(world); break;
    case 4: access(world); break;
    case 5: write_csr(world); break;
    case 6: riscv_take_interrupt(cpu); break;
    default: cpu->state.mode = (uint8_t)(take(world, 1) & 1); riscv_status_changed(cpu);
    }
    if (cpu->state.mode == RISCV_MODE_U && take(world, 1) % 4 != 0) {
        cpu->state.mode = RISCV_MODE_S;
        riscv_status_changed(cpu);
    }
    start_other(world);
    const uint8_t *secret = memory_pointer(world->memory, gpa(SECRET), PAGE_SIZE, MEMORY_READ);
    const uint8_t *output = memory_pointer(world->memory, gpa(OUTPUT), PAGE_SIZE, MEMORY_READ);
    CHECK(secret != NULL && output != NULL);
    CHECK(cpu->level < HELD && vtl_has_level(&world->vtl->vps[0], cpu->level));
    CHECK(cpu->state.mode <= RISCV_MODE_S);
    CHECK(secret[0] == SECRET_BYTE && memcmp(secret, secret + 1, PAGE_SIZE - 1) == 0);
    CHECK(memcmp(secret, output, 8) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = { .input = { data, size } };
    create(&world);
    while (world.input.left > 0) {
        step(&world);
    }
    vtl_reset(world.vtl);
    destroy(&world);
    return 0;
}
