/* SPDX-License-Identifier: Apache-2.0 */
/* From one trust level to another, what goes along and what stays, registers by name, locks and reset. */
#include "test_vtl_fixture.h"

#include "memory/attributes.h"

#define SECRET    (RAM_BASE + 0x200000)
#define CONFIG_ON UINT64_C(0x3f)

static void two_levels(struct world *world)
{
    world_begin(world);
    world_raise(world, 1, 1);
}

/* ---- Switching -------------------------------------------------------------------------------------------------- */

static void a_call_without_a_higher_level_is_illegal(void **state)
{
    struct world *world = *state;
    static const uint64_t functions[] = { 0x11, 0x12, 0x10012 };
    for (unsigned i = 0; i < 3; i++) {
        world->cpu->state.pc = CODE;
        world_call(world, functions[i], 0, 0, 0);
        assert_int_equal(world->cpu->state.csr.scause, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
        assert_int_equal(world->cpu->state.csr.sepc, CODE);
        assert_int_equal(world->cpu->state.csr.stval, 0x73);
        assert_int_equal(world->cpu->state.pc, STVEC);
        assert_int_equal(world->cpu->level, 0);
    }
}

static void a_switch_with_an_unknown_control_is_illegal(void **state)
{
    struct world *world = *state;
    static const uint64_t functions[] = {
        0x10011, 0x20011, 0x20012, 0x30012, UINT64_C(0x100000011), UINT64_MAX << 16 | 0x12
    };
    two_levels(world);
    for (unsigned level = 2; level-- > 0;) {
        for (unsigned i = 0; i < sizeof functions / sizeof functions[0]; i++) {
            world->cpu->state.pc = CODE;
            world->cpu->state.csr.stvec = STVEC;
            world->cpu->state.csr.scause = 0;
            world_call(world, functions[i], 0, 0, 0);
            assert_int_equal(world->cpu->state.csr.scause, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
            assert_int_equal(world->cpu->state.pc, STVEC);
            assert_int_equal(world->cpu->level, level);
        }
        if (level == 1) {
            world->cpu->state.mode = RISCV_MODE_S;
            world_down(world);
        }
    }
}

static void the_first_entry_is_at_the_initial_context(void **state)
{
    struct world *world = *state;
    struct riscv_state *now = &world->cpu->state;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 1, 0), VTL_SUCCESS);
    assert_int_equal(world_enable_vp(world, VP_SELF, 1), VTL_SUCCESS);
    uint64_t there = now->pc;
    now->x[5] = 0x55;
    now->x[8] = 0x88;
    now->f[3] = 0x33;
    world_up(world);
    struct vtl_context context = world_context(1);
    assert_int_equal(now->pc, context.pc);
    assert_int_equal(now->mode, RISCV_MODE_S);
    assert_int_equal(now->x[1], 0);
    assert_int_equal(now->x[2], context.sp);
    assert_int_equal(now->x[3], context.gp);
    assert_int_equal(now->x[4], context.tp);
    assert_int_equal(now->x[5], 0x55);
    assert_int_equal(now->x[8], 0);
    assert_int_equal(now->f[3], 0x33);
    assert_int_equal(now->csr.stvec, context.stvec);
    assert_int_equal(now->csr.sscratch, context.sscratch);
    assert_int_equal(now->csr.menvcfg, world->cpu->levels[0].state.csr.menvcfg);
    assert_int_equal(now->csr.stimecmp, UINT64_MAX);
    now->pc = context.pc + 0x40;
    now->x[6] = 0x66;
    world_down(world);
    assert_int_equal(now->pc, there + 4);
    assert_int_equal(now->x[6], 0x66);
    assert_int_equal(now->x[8], 0x88);
    world_up(world);
    assert_int_equal(now->pc, context.pc + 0x44); /* behind the last return */
}

/* Something else in every byte, as far as a hart can be in such a state. */
static struct riscv_state filled(uint8_t seed)
{
    struct riscv_state state = { 0 };
    uint8_t *bytes = (uint8_t *)&state;
    for (size_t i = 0; i < sizeof state; i++) {
        bytes[i] = (uint8_t)(seed + i * 7);
    }
    state.mode = RISCV_MODE_S;
    state.csr.satp = 0;
    state.csr.mcountinhibit = UINT64_MAX; /* or its counters would go on */
    return state;
}

static void assert_same_but_shared(const struct riscv_state *now, const struct riscv_state *own,
                                   const struct riscv_state *other)
{
    struct riscv_state want = *own;
    for (unsigned n = 5; n < 32; n++) {
        if (n != 8) {
            want.x[n] = other->x[n];
        }
    }
    memcpy(want.f, other->f, sizeof want.f);
    assert_memory_equal(now, &want, sizeof want);
}

/* Section 4: x5-x7, x9-x31, f0-f31; all else is private, and so is what will be added. */
static void a_switch_shares_the_closed_list_and_nothing_else(void **state)
{
    struct world *world = *state;
    struct riscv_cpu *cpu = world->cpu;
    const struct riscv_state lower = filled(0x11), higher = filled(0x80);
    two_levels(world);
    world_down(world);
    cpu->state = lower;
    cpu->levels[1].state = higher;
    riscv_level_switch(cpu, 1);
    assert_same_but_shared(&cpu->state, &higher, &lower);
    cpu->state = higher;
    riscv_level_switch(cpu, 0);
    assert_same_but_shared(&cpu->state, &lower, &higher);
}

static void a_return_sets_a6_and_a7_unless_it_is_fast(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0x90013, ASSIST | 1), VTL_SUCCESS);
    world_down(world);
    assert_int_equal(world->cpu->state.x[16], 0x10012);
    world_up(world);
    uint32_t reason;
    uint8_t *assist = riscv_overlay_at(world->vtl->overlays, 1, gpa(ASSIST));
    assert_non_null(assist);
    memcpy(&reason, assist + 8, sizeof reason);
    assert_int_equal(reason, 1);
    const uint64_t values[] = { 0x1616, 0x1717 };
    memcpy(assist + 16, values, sizeof values);
    world_call(world, 0x12, 0, 0, 0);
    assert_int_equal(world->cpu->level, 0);
    assert_int_equal(world->cpu->state.x[16], 0x1616);
    assert_int_equal(world->cpu->state.x[17], 0x1717);
}

static void levels_that_are_not_enabled_are_passed_over(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 3, 0), VTL_SUCCESS);
    assert_int_equal(world_enable_vp(world, VP_SELF, 3), VTL_SUCCESS);
    world_up(world);
    assert_int_equal(world->cpu->level, 3);
    world_down(world);
    assert_int_equal(world->cpu->level, 0);
}

static void an_interrupted_level_is_where_the_return_leads(void **state)
{
    struct world *world = *state;
    two_levels(world);
    world_raise(world, 2, 0);
    world_down(world);
    assert_int_equal(world->cpu->level, 1);
    world_down(world);
    assert_int_equal(world->cpu->level, 0);
    uint64_t there = world->cpu->state.pc;
    vtl_enter(world->cpu, 2, VTL_ENTRY_INTERRUPT); /* past level 1 */
    world_down(world);
    assert_int_equal(world->cpu->level, 0);
    assert_int_equal(world->cpu->state.pc, there);
}

static void counters_stand_still_while_another_level_runs(void **state)
{
    struct world *world = *state;
    struct riscv_cpu *cpu = world->cpu;
    two_levels(world);
    world_down(world);
    cpu->instructions += 1000;
    uint64_t before = riscv_instret_counter(cpu);
    world_up(world);
    uint64_t upper = riscv_instret_counter(cpu);
    assert_true(upper < 1000);
    cpu->instructions += 5000;
    assert_int_equal(riscv_instret_counter(cpu), upper + 5000);
    world_down(world);
    assert_int_equal(riscv_instret_counter(cpu), before);
}

static void the_reservation_ends_at_a_switch(void **state)
{
    struct world *world = *state;
    two_levels(world);
    world->cpu->reservation.host = world_bytes(world, SECRET);
    world_down(world);
    assert_null(world->cpu->reservation.host);
}

static void a_switch_keeps_the_translation_caches(void **state)
{
    struct world *world = *state;
    uint64_t value;
    two_levels(world);
    world_down(world);
    assert_true(riscv_load64(world->cpu, SECRET, &value));
    uint64_t misses = world->cpu->statistics.tlb_misses, flushes = world->cpu->statistics.tlb_flushes;
    world_up(world);
    assert_true(riscv_load64(world->cpu, SECRET, &value));
    world_down(world);
    assert_true(riscv_load64(world->cpu, SECRET, &value));
    world_up(world);
    assert_true(riscv_load64(world->cpu, SECRET, &value));
    assert_int_equal(world->cpu->statistics.tlb_misses, misses + 1);
    assert_int_equal(world->cpu->statistics.tlb_flushes, flushes);
}

/* ---- Registers by name ------------------------------------------------------------------------------------------ */

static void architectural_registers_are_those_of_lower_levels(void **state)
{
    struct world *world = *state;
    uint64_t value;
    two_levels(world);
    assert_int_equal(world_get(world, 0, 0x80020, &value), VTL_INVALID_PARAMETER);
    assert_int_equal(world_get(world, TO(2), 0x80020, &value), VTL_ACCESS_DENIED);
    assert_int_equal(world_get(world, TO(0), 0x80022, &value), VTL_UNKNOWN_REGISTER);
    assert_int_equal(world_get(world, TO(0), 0x81300, &value), VTL_UNKNOWN_REGISTER); /* mstatus */
    assert_int_equal(world_set(world, TO(0), 0x80008, 0x8888), VTL_SUCCESS);
    assert_int_equal(world_set(world, TO(0), 0x80005, 0x5555), VTL_SUCCESS);
    assert_int_equal(world_set(world, TO(0), 0x80020, CODE + 0x100), VTL_SUCCESS);
    assert_int_equal(world_set(world, TO(0), 0x80020, CODE + 1), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, TO(0), 0x80021, 2), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, TO(0), 0x81105, STVEC + 0x800), VTL_SUCCESS);
    assert_int_equal(world_set(world, TO(0), 0x81105, 3), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_get(world, TO(0), 0x81105, &value), VTL_SUCCESS);
    assert_int_equal(value, STVEC + 0x800);
    assert_int_equal(world->cpu->state.x[5], 0x5555); /* shared */
    assert_int_not_equal(world->cpu->state.x[8], 0x8888);
    world_down(world);
    assert_int_equal(world->cpu->state.pc, CODE + 0x100);
    assert_int_equal(world->cpu->state.x[8], 0x8888);
    assert_int_equal(world->cpu->state.csr.stvec, STVEC + 0x800);
}

static void an_injected_exception_is_taken_at_the_return(void **state)
{
    struct world *world = *state;
    struct riscv_state *now = &world->cpu->state;
    two_levels(world);
    assert_int_equal(world_set(world, TO(0), 0x10004, 1 | 9 << 8), VTL_INVALID_REGISTER_VALUE); /* an ecall */
    assert_int_equal(world_set(world, TO(0), 0x10004, 1 | 10 << 8), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0x10004, 1 | 5 << 8), VTL_INVALID_PARAMETER);
    assert_int_equal(world_set(world, TO(0), 0x10004, 1 | 5 << 8), VTL_SUCCESS);
    uint64_t pc = riscv_level_state(world->cpu, 0)->pc;
    world_down(world);
    assert_int_equal(now->csr.scause, RISCV_EXCEPTION_LOAD_ACCESS_FAULT);
    assert_int_equal(now->csr.sepc, pc);
    assert_int_equal(now->pc, STVEC);
    world_up(world);
    now->csr.stvec = 0;
    world_down(world);
    assert_int_equal(now->pc, STVEC + 4); /* once */
}

static void the_configuration_is_checked_and_fixed(void **state)
{
    struct world *world = *state;
    uint64_t value;
    two_levels(world);
    assert_int_equal(world_get(world, 0, 0xd0007, &value), VTL_SUCCESS);
    assert_int_equal(value, 0x3e);
    assert_int_equal(world_set(world, 0, 0xd0007, 0x3f | 1u << 7), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0xd0007, 0x21 | 1u << 1), VTL_INVALID_REGISTER_VALUE); /* R alone */
    assert_int_equal(world_set(world, 0, 0xd0007, 0x21 | 7u << 1), VTL_INVALID_REGISTER_VALUE); /* KX without UX */
    assert_int_equal(world_set(world, 0, 0xd0007, 0x21 | 11u << 1), VTL_SUCCESS);               /* no KX */
    assert_int_equal(world_set(world, 0, 0xd0007, 0x3f), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0xd0007, 0x20 | 11u << 1), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0xd0007, 0x01 | 11u << 1 | 1u << 9), VTL_SUCCESS);
    uint64_t word;
    assert_true(rights_query(world->base.machine->rights, SECRET >> PAGE_SHIFT, &word));
    assert_int_equal(word, 0x40);
    assert_int_equal(world_set(world, TO(0), 0xd0007, 0x3f), VTL_INVALID_PARAMETER);
}

static void mode_based_execution_is_had_per_vp(void **state)
{
    struct world *world = *state;
    uint64_t value;
    two_levels(world);
    world_raise(world, 2, 0);
    assert_int_equal(world_set(world, 0, 0xd0010, 1), VTL_INVALID_REGISTER_VALUE); /* not enabled with it */
    assert_int_equal(world_set(world, 0, 0xd0012, 0), VTL_INVALID_PARAMETER);
    assert_int_equal(world_set(world, 0, 0xd0010, 4), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, TO(1), 0xd0010, 1), VTL_SUCCESS);
    assert_int_equal(world->cpu->levels[0].denying[RISCV_DENYING_USER] & 0xf0, 0x80);
    assert_int_equal(world->cpu->levels[0].denying[RISCV_DENYING_USER] & 0xf00, 0x400);
    world_down(world);
    world_down(world);
    assert_int_equal(world->cpu->denying[RISCV_DENYING_USER] & 0xf0, 0x80);
    assert_int_equal(world_get(world, 0, 0xd0003, &value), VTL_SUCCESS);
    assert_int_equal(value, 0x70010);
}

static void the_assist_page_covers_memory_of_the_level(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0x90013, ASSIST | 3), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0x90013, HOLE | 1), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0x90013, DEVICE_BASE | 1), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_set(world, 0, 0x90013, HOLE), VTL_SUCCESS); /* off */
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, 0, 1, ASSIST >> PAGE_SHIFT), REPS(1));
    world_down(world);
    assert_int_equal(world_set(world, 0, 0x90013, ASSIST | 1), VTL_INVALID_REGISTER_VALUE);
}

/* ---- Harts ------------------------------------------------------------------------------------------------------ */

static int64_t sbi(struct world *world, uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1)
{
    uint64_t *x = world->cpu->state.x;
    x[10] = a0;
    x[11] = a1;
    x[12] = 0x77;
    x[16] = function;
    x[17] = extension;
    world_ecall(world->cpu);
    return (int64_t)x[10];
}

static void a_hart_with_a_higher_level_is_not_started_from_below(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_enable_vp(world, 1, 1), VTL_SUCCESS);
    world_down(world);
    assert_int_equal(sbi(world, 0x48534d, 0, 1, CODE), -4);
    assert_int_equal(sbi(world, 0x48534d, 1, 0, 0), -4); /* nor stopped */
    assert_int_equal(atomic_load(&world->cpu->hart.status), HART_STARTED);
    world_up(world);
    assert_int_equal(sbi(world, 0x48534d, 0, 1, CODE), 0); /* starts level 0 */
    struct riscv_cpu *other = world->base.machine->cpus[1];
    assert_true(hart_wait_started(other));
    assert_int_equal(other->level, 0);
    assert_int_equal(other->state.pc, CODE);
    assert_int_equal(other->state.x[11], 0x77);
}

#define SEE_START  (1u << 9)
#define DENY_START (1u << 6)

/* The other VP, which has no level 1, calls from now on. */
static void let_the_other_run(struct world *world)
{
    struct riscv_cpu *other = world->base.machine->cpus[1];
    atomic_store(&other->hart.status, HART_STARTED);
    world->cpu = other;
}

static void a_denied_start_is_denied_to_sbi_as_well(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON | DENY_START), VTL_SUCCESS);
    world_down(world);
    struct riscv_cpu *other = world->base.machine->cpus[1];
    assert_int_equal(sbi(world, 0x48534d, 0, 1, CODE), -4); /* it has no level above the caller's */
    assert_int_equal(atomic_load(&other->hart.status), HART_STOPPED);
    assert_int_equal(sbi(world, 0x48534d, 0, 2, CODE), -3); /* nor is it there */
    world_up(world);
    assert_int_equal(sbi(world, 0x48534d, 0, 1, CODE), 0);
    assert_true(hart_wait_started(other));
    world->cpu = other;
    assert_int_equal(sbi(world, 0x48534d, 1, 0, 0), 0); /* it is starts that are denied */
    assert_int_equal(atomic_load(&other->hart.status), HART_STOPPED);
}

static void starts_on_a_vp_without_who_sees_them_are_refused(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0x90013, ASSIST | 1), VTL_SUCCESS);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON | SEE_START), VTL_SUCCESS);
    world_down(world);
    struct vtl_context context = world_context(0);
    let_the_other_run(world);
    assert_int_equal(sbi(world, 0x48534d, 0, 1, CODE), -4);
    assert_int_equal(sbi(world, 0x48534d, 1, 0, 0), -4);
    atomic_store(&world->base.machine->cpus[0]->hart.status, HART_STOPPED);
    world_enable_vp_in(world, 0, 0, &context); /* the same layout */
    assert_int_equal(world_make(world, 0x99, 0), VTL_ACCESS_DENIED);
    assert_int_equal(world->cpu->level, 0);
    assert_int_equal(atomic_load(&world->base.machine->cpus[0]->hart.status), HART_STOPPED);
}

static void a_start_by_a_call_is_intercepted_and_can_be_carried_out(void **state)
{
    struct world *world = *state;
    struct riscv_cpu *cpu = world->cpu, *other = world->base.machine->cpus[1];
    struct vtl_context context = world_context(0);
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0x90013, ASSIST | 1), VTL_SUCCESS);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON | SEE_START), VTL_SUCCESS);
    world_down(world);
    world_enable_vp_in(world, 1, 0, &context); /* the same layout */
    cpu->state.pc = CODE;
    world_make(world, 0x99, 0);
    assert_int_equal(cpu->level, 1);
    assert_int_equal(cpu->state.x[10], 0x99); /* the caller's, untouched */
    assert_int_equal(cpu->state.x[11], INPUT);
    const uint8_t *message = riscv_overlay_at(world->vtl->overlays, 1, gpa(ASSIST));
    assert_non_null(message);
    message += 112;
    uint32_t words[4];
    uint64_t longs[2], pc;
    memcpy(words, message, sizeof words);
    assert_int_equal(words[0], 0x80010009);
    memcpy(&pc, message + 16 + 8, sizeof pc);
    assert_int_equal(pc, CODE);
    memcpy(words, message + 16 + 24, 8);
    assert_int_equal(words[0], 1);
    assert_int_equal(words[1], 2);
    memcpy(longs, message + 16 + 32, sizeof longs);
    assert_int_equal(longs[0], context.pc);
    assert_int_equal(longs[1], 0);
    assert_int_equal(atomic_load(&other->hart.status), HART_STOPPED);
    world_enable_vp_in(world, 1, 0, &context);
    assert_int_equal(world_make(world, 0x99, 0), VTL_SUCCESS); /* level 1 does it */
    assert_true(hart_wait_started(other));
    assert_int_equal(other->state.pc, context.pc);
    world_down(world);
    assert_int_equal(cpu->state.pc, CODE); /* to be made again, had the pc not been moved */
    world_up(world);
    assert_int_equal(world_set(world, 0, 0x90013, 0), VTL_SUCCESS);
    world_down(world);
    hart_stop(other);
    world_enable_vp_in(world, 1, 0, &context);
    assert_int_equal(world_make(world, 0x99, 0), VTL_ACCESS_DENIED); /* cannot be told */
    assert_int_equal(atomic_load(&other->hart.status), HART_STOPPED);
}

static void a_hart_starts_in_level_0_after_it_was_stopped_in_another(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(sbi(world, 0x48534d, 1, 0, 0), 0);
    assert_true(hart_start(world->cpu, CODE, 5));
    assert_true(hart_wait_started(world->cpu));
    assert_int_equal(world->cpu->level, 0);
    assert_int_equal(world->cpu->state.pc, CODE);
    world_up(world);
    assert_int_equal(world->cpu->level, 1); /* it is still there */
}

static void a_fence_waits_for_a_lock_and_can_be_interrupted(void **state)
{
    struct world *world = *state;
    two_levels(world);
    atomic_store(&world->vtl->vps[1].levels[1].secure[0], VTL_SECURE_TLB_LOCKED);
    world_down(world);
    world->cpu->state.pc = CODE;
    world->cpu->state.x[13] = 0;
    sbi(world, 0x52464e43, 1, 1, 0); /* SFENCE.VMA on itself */
    assert_int_equal(world->cpu->state.pc, CODE + 4);
    world->cpu->state.pc = CODE;
    sbi(world, 0x52464e43, 1, 2, 0); /* on the other, which is stopped: it holds the lock all the same */
    assert_int_equal(world->cpu->state.pc, CODE);
    assert_int_equal(world->cpu->state.x[10], 2); /* to be made again */
    sbi(world, 0x52464e43, 0, 2, 0);              /* FENCE.I has nothing to do with it */
    assert_int_equal(world->cpu->state.pc, CODE + 4);
    world->cpu->state.pc = CODE;
    sbi(world, 0x52464e43, 1, 3, UINT64_MAX); /* all */
    assert_int_equal(world->cpu->state.pc, CODE);
    atomic_store(&world->vtl->vps[1].levels[1].secure[0], 0);
    assert_int_equal(sbi(world, 0x52464e43, 1, 2, 0), 0);
    assert_int_equal(world->cpu->state.pc, CODE + 4);
}

/* Hart masks of legacy calls are in memory; a0 0 means all. */
static void a_legacy_fence_waits_for_a_lock_as_well(void **state)
{
    struct world *world = *state;
    two_levels(world);
    atomic_store(&world->vtl->vps[1].levels[1].secure[0], VTL_SECURE_TLB_LOCKED);
    world_down(world);
    const uint64_t masks[] = { 1, 2 };
    memcpy(world_bytes(world, ASSIST), masks, sizeof masks);
    for (uint64_t extension = 6; extension <= 7; extension++) {
        world->cpu->state.pc = CODE;
        assert_int_equal(sbi(world, extension, 0, ASSIST, 0), 0); /* on itself */
        assert_int_equal(world->cpu->state.pc, CODE + 4);
        world->cpu->state.pc = CODE;
        assert_int_equal(sbi(world, extension, 0, ASSIST + 8, 0), ASSIST + 8); /* to be made again */
        assert_int_equal(world->cpu->state.pc, CODE);
        assert_int_equal(sbi(world, extension, 0, 0, 0), 0);
        assert_int_equal(world->cpu->state.pc, CODE);
        assert_int_equal(sbi(world, extension, 0, HOLE, 0), -3);
        assert_int_equal(world->cpu->state.pc, CODE + 4);
    }
    world->cpu->state.pc = CODE;
    sbi(world, 5, 0, ASSIST + 8, 0); /* FENCE.I has nothing to do with it */
    assert_int_equal(world->cpu->state.pc, CODE + 4);
    atomic_store(&world->vtl->vps[1].levels[1].secure[0], 0);
    world->cpu->state.pc = CODE;
    assert_int_equal(sbi(world, 6, 0, ASSIST + 8, 0), 0);
    assert_int_equal(world->cpu->state.pc, CODE + 4);
}

static void put_entry(struct world *world, uint64_t place, uint64_t to, uint64_t bits)
{
    const uint64_t entry = to >> PAGE_SHIFT << 10 | bits;
    memcpy(world_bytes(world, place), &entry, sizeof entry);
}

/* What the walker remembers of tables it may not read any more is not used either. */
static void a_legacy_mask_is_read_by_the_rights_of_now(void **state)
{
    struct world *world = *state;
    struct riscv_cpu *cpu = world->cpu;
    const uint64_t root = SECRET, mask = 1, pages[] = { root >> PAGE_SHIFT };
    uint64_t value;
    size_t failed;
    two_levels(world);
    world_down(world);
    memcpy(world_bytes(world, ASSIST), &mask, sizeof mask);
    put_entry(world, root + RAM_BASE / 0x40000000 * 8, root + 0x1000, 1);
    put_entry(world, root + 0x1000, root + 0x2000, 1);
    put_entry(world, root + 0x2000 + (ASSIST - RAM_BASE) / PAGE_SIZE * 8, ASSIST, 0xcf);
    cpu->state.csr.satp = UINT64_C(8) << 60 | root >> PAGE_SHIFT;
    riscv_translation_changed(cpu);
    assert_true(riscv_load_slow(cpu, ASSIST, 8, &value));
    assert_int_equal(sbi(world, 4, 0, ASSIST, 0), 0);
    assert_true(rights_change(world->base.machine->rights, NULL, 1, ATTRIBUTE_READ, pages, 1, &failed));
    assert_int_equal(sbi(world, 4, 0, ASSIST, 0), -3);
    assert_true(rights_change(world->base.machine->rights, NULL, 1, 0, pages, 1, &failed));
    assert_int_equal(sbi(world, 4, 0, ASSIST, 0), 0);
}

static void a_level_that_the_vp_has_not_has_no_pending_event(void **state)
{
    struct world *world = *state;
    uint64_t value;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 2, 0), VTL_SUCCESS);
    assert_int_equal(world_enable_vp(world, VP_SELF, 2), VTL_SUCCESS);
    world_up(world);
    world_begin(world);
    assert_int_equal(world_get(world, TO(0), 0x10004, &value), VTL_SUCCESS);
    assert_int_equal(world_get(world, TO(1), 0x10004, &value), VTL_INVALID_PARAMETER);
    assert_int_equal(world_set(world, TO(1), 0x10004, 0), VTL_INVALID_PARAMETER);
}

/* There is no end of interrupt to leave out: the bit is kept. */
static void automatic_end_of_interrupt_is_kept(void **state)
{
    struct world *world = *state;
    uint64_t value;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0xd0005, 1u << 10), VTL_SUCCESS);
    assert_int_equal(world_get(world, 0, 0xd0005, &value), VTL_SUCCESS);
    assert_int_equal(value, 1u << 10);
    assert_int_equal(world_set(world, 0, 0xd0005, 1u << 11), VTL_INVALID_REGISTER_VALUE);
}

static void note_incident(void *context, const struct vtl_incident *incident)
{
    uint64_t *enabled = context;
    if (incident->kind == VTL_INCIDENT_ENABLED && incident->enforcer == 1) {
        *enabled |= UINT64_C(1) << incident->target;
    }
}

static void who_begins_in_a_higher_level_is_told_of_it(void **state)
{
    struct world *world = *state;
    uint64_t enabled = 0;
    vtl_watch(world->vtl)->observe = note_incident;
    vtl_watch(world->vtl)->context = &enabled;
    vtl_begin(world->vtl, &(struct vtl_begin){ .level = 1, .pc = CODE });
    assert_int_equal(world->cpu->level, 1);
    assert_int_equal(enabled, 3); /* on both VPs */
}

static void locks_end_when_their_level_is_left(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0xd0010, 3), VTL_SUCCESS);
    world_down(world);
    assert_int_equal(atomic_load(&world->vtl->vps[0].levels[1].secure[0]), VTL_SECURE_MODE_BASED);
}

/* ---- Reset ------------------------------------------------------------------------------------------------------ */

static void a_reset_zeroes_secrets_and_leaves_level_0(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, 0, 0, SECRET >> PAGE_SHIFT), REPS(1));
    assert_int_equal(world_protect(world, 0, 1, (SECRET >> PAGE_SHIFT) + 1), REPS(1));
    memset(world_bytes(world, SECRET), 0x5a, 3 * PAGE_SIZE);
    vtl_reset(world->vtl);
    world_boot(world->base.machine->cpus[0]);
    world_boot(world->base.machine->cpus[1]);
    assert_int_equal(world_bytes(world, SECRET)[0], 0);
    assert_int_equal(world_bytes(world, SECRET)[PAGE_SIZE - 1], 0);
    assert_int_equal(world_bytes(world, SECRET)[PAGE_SIZE], 0x5a);
    assert_int_equal(world_bytes(world, SECRET)[2 * PAGE_SIZE], 0x5a);
    uint64_t word, value;
    assert_true(rights_query(world->base.machine->rights, SECRET >> PAGE_SHIFT, &word) && word == 0);
    assert_int_equal(world_get(world, 0, 0x90002, &value), VTL_SUCCESS);
    assert_int_equal(value, 0);
    assert_int_equal(world->cpu->level, 0);
    two_levels(world); /* and all of it again */
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
}

static void without_zero_on_reset_memory_stays(void **state)
{
    struct world *world = *state;
    two_levels(world);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON & ~UINT64_C(0x20)), VTL_SUCCESS);
    assert_int_equal(world_protect(world, 0, 0, SECRET >> PAGE_SHIFT), REPS(1));
    world_bytes(world, SECRET)[7] = 7;
    vtl_reset(world->vtl);
    assert_int_equal(world_bytes(world, SECRET)[7], 7);
}

static void calls_and_returns_are_counted(void **state)
{
    struct world *world = *state;
    struct vtl_statistics statistics;
    two_levels(world);
    world_down(world);
    world_up(world);
    vtl_statistics(world->vtl, &statistics);
    assert_int_equal(statistics.levels[1].calls, 2);
    assert_int_equal(statistics.levels[1].returns, 1);
    assert_int_equal(statistics.levels[0].calls, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_create, world_destroy)
    const struct CMUnitTest tests[] = {
        TEST(a_call_without_a_higher_level_is_illegal),
        TEST(a_switch_with_an_unknown_control_is_illegal),
        TEST(the_first_entry_is_at_the_initial_context),
        TEST(a_switch_shares_the_closed_list_and_nothing_else),
        TEST(a_return_sets_a6_and_a7_unless_it_is_fast),
        TEST(levels_that_are_not_enabled_are_passed_over),
        TEST(an_interrupted_level_is_where_the_return_leads),
        TEST(counters_stand_still_while_another_level_runs),
        TEST(the_reservation_ends_at_a_switch),
        TEST(a_switch_keeps_the_translation_caches),
        TEST(architectural_registers_are_those_of_lower_levels),
        TEST(an_injected_exception_is_taken_at_the_return),
        TEST(the_configuration_is_checked_and_fixed),
        TEST(mode_based_execution_is_had_per_vp),
        TEST(the_assist_page_covers_memory_of_the_level),
        TEST(a_hart_with_a_higher_level_is_not_started_from_below),
        TEST(a_denied_start_is_denied_to_sbi_as_well),
        TEST(starts_on_a_vp_without_who_sees_them_are_refused),
        TEST(a_start_by_a_call_is_intercepted_and_can_be_carried_out),
        TEST(a_hart_starts_in_level_0_after_it_was_stopped_in_another),
        TEST(a_legacy_mask_is_read_by_the_rights_of_now),
        TEST(a_level_that_the_vp_has_not_has_no_pending_event),
        TEST(automatic_end_of_interrupt_is_kept),
        TEST(a_fence_waits_for_a_lock_and_can_be_interrupted),
        TEST(a_legacy_fence_waits_for_a_lock_as_well),
        TEST(who_begins_in_a_higher_level_is_told_of_it),
        TEST(locks_end_when_their_level_is_left),
        TEST(a_reset_zeroes_secrets_and_leaves_level_0),
        TEST(without_zero_on_reset_memory_stays),
        TEST(calls_and_returns_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
