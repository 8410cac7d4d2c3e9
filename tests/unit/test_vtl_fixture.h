/* SPDX-License-Identifier: Apache-2.0 */
/* A machine with trust levels and the built-in firmware, for tests: two harts, no engine. Calls are made as a guest
 * makes them, by an ecall; operands are in two pages of RAM. */
#ifndef RAVELIN_TESTS_UNIT_TEST_VTL_FIXTURE_H
#define RAVELIN_TESTS_UNIT_TEST_VTL_FIXTURE_H

#include "test_riscv_fixture.h"

#include "arch/riscv/sbi.h"
#include "vtl/vtl_internal.h"

#define LEVELS    4u
#define CODE      (RAM_BASE + 0x1000)
#define STVEC     (RAM_BASE + 0x2000)
#define INPUT     (RAM_BASE + 0x4000)
#define OUTPUT    (RAM_BASE + 0x5000)
#define ASSIST    (RAM_BASE + 0x6000)
#define UPPER     (RAM_BASE + 0x8000) /* where a higher level begins: its number in pages on */
#define SELF      UINT64_MAX
#define VP_SELF   0xfffffffeu
#define TO(level) (0x10u | (level))
#define REPS(n)   ((uint64_t)(n) << 32)
#define FROM(n)   ((uint64_t)(n) << 48)
#define FAST      UINT64_C(0x10000)
#define NO_CALL   0xfffeu

struct world {
    struct fixture base;
    struct vtl *vtl;
    struct riscv_cpu *cpu; /* hart 0 */
    unsigned resets;
};

static void world_reset_asked(void *context, enum sbi_reset type, bool failed)
{
    (void)type, (void)failed;
    ((struct world *)context)->resets++;
}

static size_t world_console_write(void *context, const uint8_t *bytes, size_t size)
{
    (void)context, (void)bytes;
    return size;
}

static size_t world_console_read(void *context, uint8_t *bytes, size_t size)
{
    (void)context, (void)bytes, (void)size;
    return 0;
}

static bool world_firmware(struct riscv_cpu *cpu)
{
    const struct sbi_platform platform = {
        .reset = world_reset_asked,
        .console_write = world_console_write,
        .console_read = world_console_read,
        .context = cpu->machine->firmware_context,
    };
    return sbi_call(&platform, cpu);
}

/* As firmware leaves a hart to the supervisor. */
static inline void world_boot(struct riscv_cpu *cpu)
{
    riscv_cpu_reset(cpu);
    riscv_csr_write(cpu, 0x302, ~(UINT64_C(1) << RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S));
    riscv_csr_write(cpu, 0x303, UINT64_MAX);
    riscv_csr_write(cpu, 0x306, UINT64_MAX);
    riscv_csr_write(cpu, 0x30a, UINT64_C(0xc0000000000000d0));
    riscv_csr_write(cpu, 0x30c, UINT64_MAX);
    riscv_pmp_open(cpu);
    cpu->state.mode = RISCV_MODE_S;
    cpu->state.pc = CODE;
    cpu->state.csr.stvec = STVEC;
    atomic_store(&cpu->hart.status, cpu->vcpu.number == 0 ? HART_STARTED : HART_STOPPED);
    riscv_cpu_state_changed(cpu);
}

static inline int world_create_as(void **state, const struct vtl_config *config)
{
    struct world *world = check_alloc(sizeof *world);
    fixture_create_levels(&world->base, 16, 2, LEVELS);
    world->cpu = world->base.cpu;
    world->base.machine->firmware = world_firmware;
    world->base.machine->firmware_context = world;
    world->vtl = vtl_create(world->base.machine, config);
    world_boot(world->base.machine->cpus[0]);
    world_boot(world->base.machine->cpus[1]);
    *state = world;
    return 0;
}

static inline int world_create(void **state)
{
    return world_create_as(state, &(struct vtl_config){ 0 });
}

static inline int world_destroy(void **state)
{
    struct world *world = *state;
    vtl_destroy(world->vtl);
    fixture_destroy(&world->base);
    free(world);
    return 0;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

static inline void world_ecall(struct riscv_cpu *cpu)
{
    riscv_raise(cpu, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S, 0);
    riscv_take_trap(cpu);
}

/* Status in 15:0, reps completed in 43:32, or NO_CALL. */
static inline uint64_t world_call(struct world *world, uint64_t function, uint64_t word, uint64_t a1, uint64_t a2)
{
    uint64_t *x = world->cpu->state.x;
    x[10] = word;
    x[11] = a1;
    x[12] = a2;
    x[16] = function;
    x[17] = SBI_TRUST_EXTENSION;
    world_ecall(world->cpu);
    return x[10] == 0 ? x[11] : x[10] & 0xffff;
}

/* With INPUT and OUTPUT as the operands; reps: REPS() | FROM(). */
static inline uint64_t world_make(struct world *world, uint64_t function, uint64_t reps)
{
    return world_call(world, function, function | reps, INPUT, OUTPUT);
}

static inline uint8_t *world_bytes(const struct world *world, uint64_t address)
{
    return memory_pointer(world->base.memory, gpa(address), 1, MEMORY_READ);
}

static inline void world_put(struct world *world, unsigned offset, uint64_t value, size_t size)
{
    memcpy(world_bytes(world, INPUT) + offset, &value, size);
}

static inline uint64_t world_enable_partition(struct world *world, unsigned level, unsigned flags)
{
    memset(world_bytes(world, INPUT), 0, 16);
    world_put(world, 0, SELF, 8);
    world_put(world, 8, level | flags << 8, 2);
    return world_make(world, 0x0d, 0);
}

static inline struct vtl_context world_context(unsigned level)
{
    return (struct vtl_context){
        .pc = UPPER + level * PAGE_SIZE,
        .sp = 0x1000 + level,
        .gp = 0x2000 + level,
        .tp = 0x3000 + level,
        .stvec = STVEC + 0x100,
        .sstatus = RISCV_MSTATUS_FS_MASK & ~(RISCV_MSTATUS_FS_MASK << 1),
        .sscratch = 0x4000 + level,
    };
}

static inline uint64_t world_enable_vp_in(struct world *world, uint32_t vp, unsigned level,
                                          const struct vtl_context *context)
{
    memset(world_bytes(world, INPUT), 0, 112);
    world_put(world, 0, SELF, 8);
    world_put(world, 8, vp, 4);
    world_put(world, 12, level, 1);
    memcpy(world_bytes(world, INPUT) + 16, context, sizeof *context);
    return world_make(world, 0x0f, 0);
}

static inline uint64_t world_enable_vp(struct world *world, uint32_t vp, unsigned level)
{
    struct vtl_context context = world_context(level);
    return world_enable_vp_in(world, vp, level, &context);
}

static inline void world_header(struct world *world, uint32_t vp, unsigned input_vtl)
{
    memset(world_bytes(world, INPUT), 0, 64);
    world_put(world, 0, SELF, 8);
    world_put(world, 8, vp, 4);
    world_put(world, 12, input_vtl, 1);
}

static inline uint64_t world_get(struct world *world, unsigned input_vtl, uint32_t name, uint64_t *value)
{
    world_header(world, VP_SELF, input_vtl);
    world_put(world, 16, name, 4);
    uint64_t result = world_make(world, 0x50, REPS(1));
    memcpy(value, world_bytes(world, OUTPUT), sizeof *value);
    return result & 0xffff;
}

static inline uint64_t world_set(struct world *world, unsigned input_vtl, uint32_t name, uint64_t value)
{
    world_header(world, VP_SELF, input_vtl);
    world_put(world, 16, name, 4);
    world_put(world, 32, value, 8);
    return world_make(world, 0x51, REPS(1)) & 0xffff;
}

static inline void world_begin(struct world *world)
{
    assert_int_equal(world_set(world, 0, 0x90002, 1), VTL_SUCCESS); /* GuestOsId */
}

static inline void world_up(struct world *world)
{
    world_call(world, 0x11, 0, 0, 0);
}

static inline void world_down(struct world *world)
{
    world_call(world, 0x10012, 0, 0, 0);
}

/* Enables a level for partition and VP, enters it and lets it begin. */
static inline void world_raise(struct world *world, unsigned level, unsigned flags)
{
    assert_int_equal(world_enable_partition(world, level, flags), VTL_SUCCESS);
    assert_int_equal(world_enable_vp(world, VP_SELF, level), VTL_SUCCESS);
    world_up(world);
    assert_int_equal(world->cpu->level, level);
    world_begin(world);
}

static inline uint64_t world_protect(struct world *world, unsigned input_vtl, uint32_t flags, uint64_t page)
{
    world_header(world, flags, input_vtl);
    world_put(world, 16, page, 8);
    return world_make(world, 0x0c, REPS(1));
}

#endif
