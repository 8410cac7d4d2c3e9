/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of trust levels: what each refuses, in which order, and what it does. docs/reference/trust-levels.md */
#include "test_vtl_fixture.h"

#define PAGE_NUMBER ((RAM_BASE + 0x100000) >> PAGE_SHIFT)
#define RAM_END     ((RAM_BASE + RAM_SIZE) >> PAGE_SHIFT)
#define CONFIG_ON   UINT64_C(0x3f)

static const uint16_t functions[] = { 0x0b, 0x0c, 0x0d, 0x0f, 0x50, 0x51, 0x52, 0x99, 0x9a, 0xd4 };
static const uint16_t rep_functions[] = { 0x0c, 0x50, 0x51, 0x9a, 0xd4 };
static const uint16_t output_functions[] = { 0x50, 0x52, 0x9a, 0xd4 };
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_rep(uint64_t function)
{
    for (size_t i = 0; i < COUNT(rep_functions); i++) {
        if (rep_functions[i] == function) {
            return true;
        }
    }
    return false;
}

/* ---- Transport -------------------------------------------------------------------------------------------------- */

static void the_extension_is_there_with_its_version(void **state)
{
    struct world *world = *state;
    world->cpu->state.x[10] = SBI_TRUST_EXTENSION;
    world->cpu->state.x[16] = 3;
    world->cpu->state.x[17] = 0x10;
    world_ecall(world->cpu);
    assert_int_equal(world->cpu->state.x[10], 0);
    assert_int_equal(world->cpu->state.x[11], 0x10000);
    assert_int_equal(world->cpu->state.pc, CODE + 4);
}

static void an_unknown_function_is_not_supported(void **state)
{
    struct world *world = *state;
    static const uint64_t unknown[] = { 0, 0x0a, 0x0e, 0x10, 0x13, 0x4f, 0x53, 0x1000d, 0x10050, UINT64_MAX };
    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_int_equal(world_call(world, unknown[i], unknown[i] & 0xffff, INPUT, OUTPUT), NO_CALL);
    }
}

static void an_input_word_with_anything_else_in_it_is_refused_first(void **state)
{
    struct world *world = *state; /* GuestOsId is not set, and the operands are nonsense */
    for (size_t i = 0; i < COUNT(functions); i++) {
        uint64_t good = functions[i] | (is_rep(functions[i]) ? REPS(1) : 0);
        for (unsigned bit = 0; bit < 64; bit++) {
            bool counts = (bit >= 32 && bit < 44) || bit == 16;
            if (!counts || (!is_rep(functions[i]) && bit != 16)) {
                assert_int_equal(world_call(world, functions[i], good ^ UINT64_C(1) << bit, 1, 1), VTL_INVALID_INPUT);
            }
        }
    }
}

static void rep_counts_and_starts_are_checked(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < COUNT(rep_functions); i++) {
        uint64_t function = rep_functions[i];
        assert_int_equal(world_call(world, function, function, 1, 1), VTL_INVALID_INPUT);
        assert_int_equal(world_call(world, function, function | REPS(3) | FROM(3), 1, 1), VTL_INVALID_INPUT);
        assert_int_equal(world_call(world, function, function | REPS(3) | FROM(4095), 1, 1), VTL_INVALID_INPUT);
    }
}

static void calls_with_output_or_much_input_are_never_fast(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < COUNT(output_functions); i++) {
        uint64_t reps = is_rep(output_functions[i]) ? REPS(1) : 0;
        assert_int_equal(world_call(world, output_functions[i], output_functions[i] | reps | FAST, INPUT, OUTPUT),
                         VTL_INVALID_INPUT);
    }
    assert_int_equal(world_call(world, 0x0f, 0x0f | FAST, 0, 0), VTL_INVALID_INPUT);
    assert_int_equal(world_call(world, 0x0c, 0x0c | FAST | REPS(4), 0, 0), VTL_INVALID_INPUT);
    assert_int_equal(world_call(world, 0x0c, 0x0c | FAST | REPS(3), 0, 0), VTL_ACCESS_DENIED); /* GuestOsId */
}

static void without_a_guest_os_id_only_registers_can_be_reached(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < COUNT(functions); i++) {
        bool free = functions[i] == 0x50 || functions[i] == 0x51;
        uint64_t word = functions[i] | (is_rep(functions[i]) ? REPS(1) : 0);
        assert_int_equal(world_call(world, functions[i], word, 1, 1), free ? VTL_INVALID_ALIGNMENT : VTL_ACCESS_DENIED);
    }
}

static void operands_are_aligned_and_in_one_page(void **state)
{
    struct world *world = *state;
    world_begin(world);
    for (uint64_t address = INPUT + 1; address < INPUT + 8; address++) {
        assert_int_equal(world_call(world, 0x0d, 0x0d, address, 0), VTL_INVALID_ALIGNMENT);
    }
    assert_int_equal(world_call(world, 0x0d, 0x0d, INPUT + PAGE_SIZE - 8, 0), VTL_INVALID_ALIGNMENT);
    assert_int_equal(world_call(world, 0x0d, 0x0d, INPUT + PAGE_SIZE - 16, 0), VTL_INVALID_PARTITION);
    assert_int_equal(world_call(world, 0x0c, 0x0c | REPS(511), INPUT, 0), VTL_INVALID_ALIGNMENT);
    assert_int_equal(world_call(world, 0x0c, 0x0c | REPS(510), INPUT, 0), VTL_ACCESS_DENIED);
    assert_int_equal(world_call(world, 0x50, 0x50 | REPS(257), INPUT, OUTPUT), VTL_INVALID_ALIGNMENT);
    assert_int_equal(world_call(world, 0x50, 0x50 | REPS(1), INPUT, OUTPUT + 4), VTL_INVALID_ALIGNMENT);
    assert_int_equal(world_call(world, 0x50, 0x50 | REPS(1), INPUT, OUTPUT + PAGE_SIZE - 8), VTL_INVALID_ALIGNMENT);
}

static void operands_are_in_memory(void **state)
{
    struct world *world = *state;
    world_begin(world);
    static const uint64_t bad[] = {
        0, DEVICE_BASE, HOLE, RAM_BASE + RAM_SIZE, UINT64_C(1) << 63, UINT64_MAX << PAGE_SHIFT
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(world_call(world, 0x0d, 0x0d, bad[i], 0), VTL_INVALID_PARAMETER);
        assert_int_equal(world_call(world, 0x50, 0x50 | REPS(1), INPUT, bad[i]), VTL_INVALID_PARAMETER);
    }
}

static void operands_obey_the_rights_of_the_callers_level(void **state)
{
    struct world *world = *state;
    uint64_t value;
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, 0, 0, OUTPUT >> PAGE_SHIFT) & 0xffff, VTL_SUCCESS);
    assert_int_equal(world_get(world, 0, 0x90003, &value), VTL_SUCCESS); /* it does not bind itself */
    world_down(world);
    assert_int_equal(world_get(world, 0, 0x90003, &value), VTL_INVALID_PARAMETER);
    world_up(world);
    assert_int_equal(world_protect(world, 0, 1, OUTPUT >> PAGE_SHIFT) & 0xffff, VTL_SUCCESS);
    world_down(world);
    assert_int_equal(world_get(world, 0, 0x90003, &value), VTL_INVALID_PARAMETER);     /* R alone */
    assert_int_equal(world_call(world, 0x0d, 0x0d, OUTPUT, 0), VTL_INVALID_PARTITION); /* is enough for input */
}

/* ---- Enabling --------------------------------------------------------------------------------------------------- */

static void enabling_a_partition_level_checks_in_order(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 0, 0), VTL_INVALID_PARAMETER);
    assert_int_equal(world_enable_partition(world, LEVELS, 0), VTL_INVALID_PARAMETER);
    assert_int_equal(world_enable_partition(world, 255, 0), VTL_INVALID_PARAMETER);
    assert_int_equal(world_enable_partition(world, 1, 2), VTL_INVALID_PARAMETER);
    assert_int_equal(world_enable_partition(world, 2, 0), VTL_SUCCESS);
    assert_int_equal(world_enable_partition(world, 2, 2), VTL_INVALID_PARAMETER);
    assert_int_equal(world_enable_partition(world, 2, 0), VTL_INVALID_VTL_STATE);
    assert_int_equal(world_enable_partition(world, 3, 0), VTL_ACCESS_DENIED); /* level 2 is the highest below */
    assert_int_equal(world_enable_partition(world, 1, 1), VTL_SUCCESS);
    uint64_t status;
    assert_int_equal(world_get(world, 0, 0xd0004, &status), VTL_SUCCESS);
    assert_int_equal(status, 0x7 | 3 << 16 | 2 << 20);
}

static void enabling_a_vp_level_checks_in_order(void **state)
{
    struct world *world = *state;
    struct vtl_context bad = world_context(1);
    bad.zero = 1;
    world_begin(world);
    assert_int_equal(world_enable_vp(world, 2, 1), VTL_INVALID_VP);
    assert_int_equal(world_enable_vp(world, UINT32_MAX, 1), VTL_INVALID_VP);
    assert_int_equal(world_enable_vp(world, VP_SELF, 0), VTL_INVALID_PARAMETER);
    assert_int_equal(world_enable_vp(world, VP_SELF, 1), VTL_INVALID_VTL_STATE);
    assert_int_equal(world_enable_vp(world, VP_SELF, 255), VTL_INVALID_VTL_STATE);
    assert_int_equal(world_enable_partition(world, 1, 0), VTL_SUCCESS);
    assert_int_equal(world_enable_vp_in(world, 1, 1, &bad), VTL_ACCESS_DENIED); /* level 0, another VP */
    assert_int_equal(world_enable_vp_in(world, VP_SELF, 1, &bad), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_enable_vp(world, VP_SELF, 1), VTL_SUCCESS);
    assert_int_equal(world_enable_vp_in(world, VP_SELF, 1, &bad), VTL_ALREADY_ENABLED);
    assert_int_equal(world_enable_vp(world, 1, 1), VTL_ACCESS_DENIED); /* some VP has it */
    assert_int_equal(world->cpu->level, 0);
    world_up(world);
    world_begin(world);
    assert_int_equal(world_enable_vp(world, 1, 1), VTL_SUCCESS);
}

static void each_register_of_a_context_is_looked_at(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 1, 0), VTL_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        struct vtl_context context = world_context(1);
        switch (i) {
        case 0: context.pc |= 1; break;
        case 1: context.satp = UINT64_C(7) << 60; break;
        case 2: context.stvec |= 2; break;
        case 3: context.sstatus |= 1; break;
        case 4: context.senvcfg = UINT64_C(1) << 50; break;
        case 5: context.scounteren = UINT64_C(1) << 40; break;
        case 6: context.sie = 1; break;
        default: context.zero = UINT64_C(1) << 63; break;
        }
        assert_int_equal(world_enable_vp_in(world, VP_SELF, 1, &context), VTL_INVALID_REGISTER_VALUE);
    }
}

static void a_held_level_is_not_the_guests(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 1, 0), VTL_ACCESS_DENIED);
}

static void no_level_above_a_held_one_is_had_from_below_it(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(world_enable_partition(world, 2, 0), VTL_ACCESS_DENIED);
    assert_int_equal(world_enable_partition(world, 3, 0), VTL_ACCESS_DENIED);
}

static int create_held(void **state)
{
    return world_create_as(state, &(struct vtl_config){ .held = 1u << 1 });
}

/* ---- ModifyVtlProtectionMask ------------------------------------------------------------------------------------ */

static void changing_rights_checks_in_order(void **state)
{
    struct world *world = *state;
    world_begin(world);
    world_raise(world, 1, 0);
    world_header(world, 15, 0);
    world_put(world, 0, 0, 8);
    assert_int_equal(world_make(world, 0x0c, REPS(1)), VTL_INVALID_PARTITION);
    assert_int_equal(world_protect(world, 0xe0, 99, HOLE), VTL_INVALID_PARAMETER);
    assert_int_equal(world_protect(world, TO(2), 99, HOLE), VTL_ACCESS_DENIED);
    assert_int_equal(world_protect(world, TO(0), 99, HOLE), VTL_INVALID_PARAMETER);
    assert_int_equal(world_protect(world, 0, 99, HOLE), VTL_ACCESS_DENIED); /* protection is off */
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, 0, 99, HOLE >> PAGE_SHIFT), VTL_INVALID_REGISTER_VALUE);
    assert_int_equal(world_protect(world, 0, 15, HOLE >> PAGE_SHIFT), VTL_INVALID_PARAMETER);
    assert_int_equal(world_protect(world, 0, 15, RAM_END), VTL_INVALID_PARAMETER);
    assert_int_equal(world_protect(world, 0, 15, UINT64_MAX), VTL_INVALID_PARAMETER);
    assert_int_equal(world_protect(world, 0, 15, RAM_END - 1), REPS(1));
    world_down(world);
    assert_int_equal(world_protect(world, 0, 15, PAGE_NUMBER), VTL_ACCESS_DENIED); /* level 0 enforces nothing */
    assert_int_equal(world_protect(world, TO(1), 15, PAGE_NUMBER), VTL_ACCESS_DENIED);
}

static void legal_flags_depend_on_mode_based_execution(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags < 32; flags++) {
        bool r = (flags & 1) != 0, wx = (flags & 14) != 0, kx = (flags & 4) != 0, ux = (flags & 8) != 0;
        bool both = flags < 16 && (r || !wx);
        assert_int_equal(vtl_map_flags_are_legal(flags, false), both);
        assert_int_equal(vtl_map_flags_are_legal(flags, true), both && (ux || !kx));
    }
}

static void all_pages_of_a_call_change_or_none(void **state)
{
    struct world *world = *state;
    uint64_t word;
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    world_header(world, 1, 0);
    for (unsigned i = 0; i < 4; i++) {
        world_put(world, 16 + 8 * i, i == 3 ? RAM_END : PAGE_NUMBER + i, 8);
    }
    assert_int_equal(world_make(world, 0x0c, REPS(4)), VTL_INVALID_PARAMETER);
    assert_true(rights_query(world->base.machine->rights, PAGE_NUMBER, &word) && word == 0);
    assert_int_equal(world_make(world, 0x0c, REPS(3) | FROM(1)), REPS(3));
    assert_true(rights_query(world->base.machine->rights, PAGE_NUMBER, &word) && word == 0);
    assert_true(rights_query(world->base.machine->rights, PAGE_NUMBER + 1, &word) && word == 0xe0);
    assert_true(rights_query(world->base.machine->rights, PAGE_NUMBER + 2, &word) && word == 0xe0);
}

static int create_restricted(void **state)
{
    return world_create_as(state, &(struct vtl_config){ .target_is_restricted = true });
}

static void under_the_other_reading_a_target_is_who_is_restricted(void **state)
{
    struct world *world = *state;
    uint64_t word;
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, TO(1), 3, PAGE_NUMBER), VTL_ACCESS_DENIED);
    assert_int_equal(world_protect(world, TO(0), 3, PAGE_NUMBER), REPS(1));
    assert_true(rights_query(world->base.machine->rights, PAGE_NUMBER, &word) && word == 0xc0);
}

static void access_can_be_asked_about(void **state)
{
    struct world *world = *state;
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, 0, 3, PAGE_NUMBER), REPS(1));
    memset(world_bytes(world, INPUT), 0, 40);
    world_put(world, 0, SELF, 8);
    world_put(world, 8, TO(0) | 0x0f00, 2);
    world_put(world, 16, PAGE_NUMBER, 8);
    world_put(world, 24, PAGE_NUMBER + 1, 8);
    world_put(world, 32, RAM_END, 8);
    assert_int_equal(world_make(world, 0xd4, REPS(2)), REPS(2));
    const uint32_t *granted = (const void *)world_bytes(world, OUTPUT);
    assert_int_equal(granted[0], 3);
    assert_int_equal(granted[1], 15);
    assert_int_equal(world_make(world, 0xd4, REPS(3)), REPS(2) | VTL_INVALID_PARAMETER);
    world_put(world, 9, 16, 1);
    assert_int_equal(world_make(world, 0xd4, REPS(2)), VTL_INVALID_PARAMETER);
    world_put(world, 8, TO(2), 1);
    assert_int_equal(world_make(world, 0xd4, REPS(2)), VTL_ACCESS_DENIED);
}

/* ---- The rest --------------------------------------------------------------------------------------------------- */

static void interrupts_are_sent_to_any_level(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(world_call(world, 0x0b, 0x0b | FAST, 1 | (uint64_t)TO(0) << 32, 2), VTL_SUCCESS);
    assert_int_equal(atomic_load(&world->base.machine->cpus[1]->levels[0].posted), 1u << RISCV_INTERRUPT_SSI);
    assert_int_equal(world_call(world, 0x0b, 0x0b | FAST, 2 | (uint64_t)TO(0) << 32, 2), VTL_INVALID_PARAMETER);
    assert_int_equal(world_call(world, 0x0b, 0x0b | FAST, 1 | (uint64_t)TO(0) << 32, 4), VTL_INVALID_PARAMETER);
    assert_int_equal(world_call(world, 0x0b, 0x0b | FAST, 1 | (uint64_t)TO(LEVELS) << 32, 1), VTL_INVALID_PARAMETER);
    assert_int_equal(world_call(world, 0x0b, 0x0b | FAST, 1 | (uint64_t)0x30 << 32, 1), VTL_INVALID_PARAMETER);
    assert_int_equal(world_call(world, 0x0b, 0x0b | FAST, 1 | (uint64_t)TO(1) << 32, 1), VTL_SUCCESS); /* not there */
    assert_int_equal(atomic_load(&world->cpu->levels[1].posted), 0);
}

static void vps_are_numbered_as_harts(void **state)
{
    struct world *world = *state;
    world_begin(world);
    memset(world_bytes(world, INPUT), 0, 40);
    world_put(world, 0, SELF, 8);
    world_put(world, 16, 1, 8);
    world_put(world, 24, 2, 8);
    assert_int_equal(world_make(world, 0x9a, REPS(2)), REPS(1) | VTL_INVALID_PARAMETER);
    assert_int_equal(world_bytes(world, OUTPUT)[0], 1);
}

/* ---- What observers are told of operands and devices ------------------------------------------------------------ */

static void keep_incident(void *context, const struct vtl_incident *incident)
{
    if (incident->kind == VTL_INCIDENT_TRANSFER) {
        *(struct vtl_incident *)context = *incident;
    }
}

static void nothing_interrupted(void *context, void *registers)
{
    (void)context, (void)registers;
}

static void refused_operands_are_told_with_the_call(void **state)
{
    struct world *world = *state;
    struct vtl_incident told = { 0 };
    const _Atomic uint32_t undoable = 0;
    vtl_watch(world->vtl)->observe = keep_incident;
    vtl_watch(world->vtl)->context = &told;
    rights_attach(world->cpu->reader, &undoable, nothing_interrupted, NULL);
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON), VTL_SUCCESS);
    assert_int_equal(world_protect(world, TO(1), 0, OUTPUT >> PAGE_SHIFT), REPS(1));
    world_down(world);
    assert_int_equal(told.physical, 0);
    world->cpu->state.pc = CODE + 0x40;
    world_header(world, VP_SELF, 0);
    world_put(world, 16, 0x90002, 4);
    assert_int_equal(world_make(world, 0x50, REPS(1)), VTL_INVALID_PARAMETER);
    assert_true(told.physical == OUTPUT && told.size == 16);
    assert_int_equal(told.access, MEMORY_WRITE);
    assert_true(told.level == 0 && told.enforcer == 1 && told.outcome == VTL_OUTCOME_FAULT);
    assert_true(told.vp == 0 && told.pc == CODE + 0x40);
    rights_detach(world->cpu->reader);
}

static void a_devices_refused_memory_is_told(void **state)
{
    struct world *world = *state;
    struct vtl_incident told = { 0 };
    struct memory_pin pin;
    const uint64_t page = OUTPUT >> PAGE_SHIFT;
    size_t failed;
    vtl_watch(world->vtl)->observe = keep_incident;
    vtl_watch(world->vtl)->context = &told;
    assert_true(rights_change(world->base.machine->rights, NULL, 3, ATTRIBUTE_WRITE, &page, 1, &failed));
    assert_true(rights_change(world->base.machine->rights, NULL, 2, ATTRIBUTE_KERNEL, &page, 1, &failed));
    assert_null(rights_pin(world->base.memory, 0, gpa(OUTPUT + PAGE_SIZE), UINT64_C(1) << 40, MEMORY_WRITE, &pin));
    assert_int_equal(told.size, 0); /* not RAM is nobody's doing */
    assert_null(rights_pin(world->base.memory, 1, gpa(OUTPUT - 8), 16, MEMORY_WRITE, &pin));
    assert_true(told.physical == OUTPUT && told.size == 16 && told.level == 1 && told.enforcer == 3);
    assert_true(told.access == MEMORY_WRITE && told.vp == VTL_NO_VP);
    told.size = 0;
    assert_false(rights_permit(world->base.memory, 0, gpa(OUTPUT + 8), 2, MEMORY_WRITE));
    assert_true(told.physical == OUTPUT + 8 && told.size == 2);
    assert_false(rights_permit(world->base.memory, 1, gpa(OUTPUT), 2, MEMORY_FETCH));
    assert_true(told.enforcer == 2 && told.access == MEMORY_FETCH);
    told.size = 0;
    assert_true(rights_permit(world->base.memory, 2, gpa(OUTPUT), 2, MEMORY_FETCH));
    assert_non_null(rights_pin(world->base.memory, 0, gpa(OUTPUT), 8, MEMORY_READ, &pin));
    rights_unpin(world->base.memory, &pin);
    assert_int_equal(told.size, 0);
}

static uint64_t start_vp(struct world *world, uint32_t vp, unsigned level, const struct vtl_context *context)
{
    world_enable_vp_in(world, vp, level, context); /* the same layout */
    return world_make(world, 0x99, 0);
}

static void starting_a_vp_checks_in_order(void **state)
{
    struct world *world = *state;
    struct vtl_context good = world_context(1), bad = good;
    bad.zero = 1;
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(start_vp(world, 2, 1, &good), VTL_INVALID_VP);
    assert_int_equal(start_vp(world, 0, 1, &good), VTL_INVALID_VP);
    assert_int_equal(start_vp(world, 1, 2, &good), VTL_INVALID_VTL_STATE);
    world_header(world, 1, 1);
    assert_int_equal(world_make(world, 0x99, 0), VTL_INVALID_VP_STATE);
    assert_int_equal(world_enable_vp(world, 1, 1), VTL_SUCCESS);
    assert_int_equal(start_vp(world, 1, 1, &bad), VTL_INVALID_REGISTER_VALUE);
    world_down(world);
    assert_int_equal(start_vp(world, 1, 1, &bad), VTL_ACCESS_DENIED);
    world_up(world);
    assert_int_equal(start_vp(world, 1, 1, &good), VTL_SUCCESS);
    assert_int_equal(start_vp(world, 1, 1, &good), VTL_INVALID_VP_STATE);
    struct riscv_cpu *other = world->base.machine->cpus[1];
    assert_true(hart_wait_started(other));
    assert_int_equal(other->level, 1);
    assert_int_equal(other->state.pc, good.pc);
    assert_int_equal(other->state.mode, RISCV_MODE_S);
    assert_int_equal(other->state.x[2], good.sp);
}

static enum vtl_verdict decide_start(void *context, const struct vtl_incident *incident)
{
    assert_int_equal(incident->kind, VTL_INCIDENT_START);
    assert_true(incident->with_context && incident->target == 1 && incident->argument == world_context(0).pc);
    return *(const enum vtl_verdict *)context;
}

static void starting_a_vp_is_the_holders_to_decide(void **state)
{
    struct world *world = *state;
    struct vtl_context context = world_context(0);
    enum vtl_verdict verdict = VTL_VERDICT_FAULT;
    const struct riscv_cpu *other = world->base.machine->cpus[1];
    vtl_watch(world->vtl)->holders[1] = (struct vtl_holder){ decide_start, &verdict };
    vtl_hold_starts(world->vtl, 1, true);
    world_begin(world);
    assert_int_equal(start_vp(world, 1, 0, &context), VTL_ACCESS_DENIED);
    assert_int_equal(atomic_load(&other->hart.status), HART_STOPPED);
    verdict = VTL_VERDICT_SKIP;
    assert_int_equal(start_vp(world, 1, 0, &context), VTL_SUCCESS);
    assert_int_equal(atomic_load(&other->hart.status), HART_STOPPED);
    verdict = VTL_VERDICT_RETRY;
    assert_int_equal(start_vp(world, 1, 0, &context), VTL_SUCCESS);
    assert_int_equal(atomic_load(&other->hart.status), HART_START_PENDING);
}

static void what_a_holder_wanted_to_see_later_is_forgotten_by_a_reset(void **state)
{
    struct world *world = *state;
    vtl_hold_starts(world->vtl, 1, true);
    vtl_reset(world->vtl);
    assert_int_equal(atomic_load(&world->vtl->levels[1].config), 0); /* as vtl_create() was told */
}

/* By the word of a page that level 1 lets nobody execute, or the user alone. */
static void without_mode_based_control_users_execute_what_the_kernel_may(void **state)
{
    struct world *world = *state;
    uint64_t none = attributes_with(0, 1, ATTRIBUTE_KERNEL | ATTRIBUTE_USER);
    uint64_t user = attributes_with(0, 1, ATTRIBUTE_KERNEL), kernel = attributes_with(0, 1, ATTRIBUTE_USER);
    const uint64_t page = OUTPUT >> PAGE_SHIFT;
    world_begin(world);
    world_raise(world, 1, 1); /* MbecEnabled can be set, and is not */
    assert_int_equal(vtl_rights(world->vtl, 0, 0, page, none), 3);
    assert_int_equal(vtl_rights(world->vtl, 0, 0, page, user), 3);
    assert_int_equal(vtl_rights(world->vtl, 0, 0, page, kernel), 15);
    assert_int_equal(vtl_rights(world->vtl, 0, 1, page, none), 15);
    assert_int_equal(world_set(world, 0, 0xd0010, 1), VTL_SUCCESS); /* VsmVpSecureConfigVtl0 */
    assert_int_equal(vtl_rights(world->vtl, 0, 0, page, none), 3);
    assert_int_equal(vtl_rights(world->vtl, 0, 0, page, user), 11);
    assert_int_equal(vtl_rights(world->vtl, 0, 0, page, kernel), 7);
    assert_int_equal(vtl_rights(world->vtl, 1, 0, page, user), 3); /* another VP's business */
}

static void what_a_holder_denies_users_is_denied_as_it_is(void **state)
{
    struct world *world = *state;
    uint64_t word = attributes_with(0, 1, ATTRIBUTE_KERNEL);
    assert_int_equal(vtl_rights(world->vtl, 0, 0, OUTPUT >> PAGE_SHIFT, word), 11);
}

static void a_level_that_is_started_again_begins_anew(void **state)
{
    struct world *world = *state;
    struct riscv_cpu *other = world->base.machine->cpus[1];
    struct vtl_context context = world_context(1);
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_enable_vp(world, 1, 1), VTL_SUCCESS);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(start_vp(world, 1, 1, &context), VTL_SUCCESS);
        assert_true(hart_wait_started(other));
        assert_int_equal(other->level, 1);
        assert_true(other->state.pc == context.pc && other->state.x[2] == context.sp);
        assert_int_equal(other->state.x[8], 0);
        assert_true(other->state.csr.sepc == 0 && other->state.csr.scause == 0 && other->state.csr.stval == 0);
        assert_true(other->state.csr.stimecmp == UINT64_MAX && (other->state.csr.mip & 2) == 0);
        assert_int_equal(other->state.csr.menvcfg, world->cpu->state.csr.menvcfg);
        assert_int_equal(other->state.csr.mhartid, 1);
        assert_int_equal(world->vtl->vps[1].levels[1].event[0], 0);
        other->state.x[8] = 8;
        other->state.csr.sepc = CODE;
        other->state.csr.scause = 2;
        other->state.csr.stval = 0x73;
        other->state.csr.mip |= 2;
        riscv_set_supervisor_timer(other, 1000);
        world->vtl->vps[1].levels[1].event[0] = VTL_EVENT_PENDING | 2 << 8;
        hart_stop(other);
    }
}

static void lower_levels_can_be_denied_to_start_vps(void **state)
{
    struct world *world = *state;
    struct vtl_context context = world_context(0);
    world_begin(world);
    world_raise(world, 1, 0);
    assert_int_equal(world_set(world, 0, 0xd0007, CONFIG_ON | 1u << 6), VTL_SUCCESS);
    world_down(world);
    assert_int_equal(start_vp(world, 1, 0, &context), VTL_ACCESS_DENIED);
    world_up(world);
    assert_int_equal(start_vp(world, 1, 0, &context), VTL_SUCCESS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_create, world_destroy)
    const struct CMUnitTest tests[] = {
        TEST(the_extension_is_there_with_its_version),
        TEST(an_unknown_function_is_not_supported),
        TEST(an_input_word_with_anything_else_in_it_is_refused_first),
        TEST(rep_counts_and_starts_are_checked),
        TEST(calls_with_output_or_much_input_are_never_fast),
        TEST(without_a_guest_os_id_only_registers_can_be_reached),
        TEST(operands_are_aligned_and_in_one_page),
        TEST(operands_are_in_memory),
        TEST(operands_obey_the_rights_of_the_callers_level),
        TEST(enabling_a_partition_level_checks_in_order),
        TEST(enabling_a_vp_level_checks_in_order),
        TEST(each_register_of_a_context_is_looked_at),
        cmocka_unit_test_setup_teardown(a_held_level_is_not_the_guests, create_held, world_destroy),
        cmocka_unit_test_setup_teardown(refused_operands_are_told_with_the_call, world_create, world_destroy),
        cmocka_unit_test_setup_teardown(a_devices_refused_memory_is_told, world_create, world_destroy),
        cmocka_unit_test_setup_teardown(starting_a_vp_is_the_holders_to_decide, create_held, world_destroy),
        cmocka_unit_test_setup_teardown(what_a_holder_wanted_to_see_later_is_forgotten_by_a_reset, create_held,
                                        world_destroy),
        cmocka_unit_test_setup_teardown(what_a_holder_denies_users_is_denied_as_it_is, create_held, world_destroy),
        cmocka_unit_test_setup_teardown(without_mode_based_control_users_execute_what_the_kernel_may, world_create,
                                        world_destroy),
        cmocka_unit_test_setup_teardown(no_level_above_a_held_one_is_had_from_below_it, create_held, world_destroy),
        TEST(changing_rights_checks_in_order),
        TEST(legal_flags_depend_on_mode_based_execution),
        TEST(all_pages_of_a_call_change_or_none),
        cmocka_unit_test_setup_teardown(under_the_other_reading_a_target_is_who_is_restricted, create_restricted,
                                        world_destroy),
        TEST(access_can_be_asked_about),
        TEST(interrupts_are_sent_to_any_level),
        TEST(vps_are_numbered_as_harts),
        TEST(starting_a_vp_checks_in_order),
        TEST(a_level_that_is_started_again_begins_anew),
        TEST(lower_levels_can_be_denied_to_start_vps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
