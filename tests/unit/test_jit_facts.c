/* SPDX-License-Identifier: Apache-2.0 */
/* What translated code takes for granted (decision 5): floating point matters to code that has any. */
#include "test_riscv_fixture.h"

#include "engine/jit/host.h"
#include "engine/jit/jit.h"
#include "engine/jit/region.h"

#define CODE (RAM_BASE + 0x1000)

enum { T0 = 5, T1 = 6 };
enum float_state { FLOAT_OFF, FLOAT_INITIAL, FLOAT_CLEAN, FLOAT_DIRTY };

/* Both end in a jump to themselves after t0 rounds. */
static const uint32_t integer_loop[] = {
    0x00130313, /* addi t1, t1, 1 */
    0xfff28293, /* addi t0, t0, -1 */
    0xfe029ce3, /* bne t0, zero, -8 */
    0x0000006f, /* j 0 */
};
static const uint32_t float_loop[] = {
    0x02007053, /* fadd.d f0, f0, f0 */
    0xfff28293, /* addi t0, t0, -1 */
    0xfe029ce3, /* bne t0, zero, -8 */
    0x0000006f, /* j 0 */
};

struct machine {
    struct fixture fixture;
    struct riscv_cpu *cpu;
};

static void machine_create(struct machine *machine, const uint32_t *code, size_t size)
{
    struct error error;
    fixture_create(&machine->fixture, 0, 1);
    machine->cpu = machine->fixture.cpu;
    assert_true(memory_write(machine->fixture.memory, gpa(CODE), code, size));
    if (!jit_create(machine->cpu, &error)) {
        print_message("not on this host: %s\n", error.text);
        skip();
    }
}

static void machine_destroy(struct machine *machine)
{
    jit_destroy(machine->cpu);
    fixture_destroy(&machine->fixture);
}

static void set_float(struct riscv_cpu *cpu, enum float_state state, unsigned rounding)
{
    riscv_set_mstatus_FS(&cpu->state, state);
    cpu->state.csr.fcsr = (uint64_t)rounding << 5;
}

/* Regions there are after a thousand rounds more. */
static uint64_t run_rounds(struct machine *machine)
{
    struct riscv_cpu *cpu = machine->cpu;
    cpu->state.pc = CODE;
    cpu->state.x[T0] = 1000;
    jit_run_some(cpu, 3000);
    assert_int_equal(cpu->state.x[T0], 0);
    return jit_statistics(cpu)->regions;
}

static void integer_code_is_translated_once_whatever_floating_point_is_set_to(void **state)
{
    (void)state;
    struct machine machine;
    machine_create(&machine, integer_loop, sizeof integer_loop);
    set_float(machine.cpu, FLOAT_DIRTY, 0);
    uint64_t regions = run_rounds(&machine);
    assert_true(regions > 0);
    for (enum float_state float_state = FLOAT_OFF; float_state <= FLOAT_DIRTY; float_state++) {
        for (unsigned rounding = 0; rounding < 5; rounding++) {
            set_float(machine.cpu, float_state, rounding);
            uint64_t left = jit_statistics(machine.cpu)->exits[HOST_EXIT_STALE];
            assert_int_equal(run_rounds(&machine), regions);
            assert_int_equal(jit_statistics(machine.cpu)->exits[HOST_EXIT_STALE], left);
        }
    }
    assert_int_equal(machine.cpu->state.x[T1], 21000);
    machine_destroy(&machine);
}

static void code_with_floating_point_is_translated_for_each_rounding_mode(void **state)
{
    (void)state;
    struct machine machine;
    machine_create(&machine, float_loop, sizeof float_loop);
    set_float(machine.cpu, FLOAT_DIRTY, 0);
    uint64_t regions = run_rounds(&machine);
    assert_int_equal(run_rounds(&machine), regions);
    set_float(machine.cpu, FLOAT_DIRTY, 1);
    assert_true(run_rounds(&machine) > regions);
    machine_destroy(&machine);
}

static bool nowhere(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host)
{
    (void)cpu, (void)pc, (void)host;
    return false;
}

static uint32_t ignored_by(const uint32_t *code, size_t size, uint8_t float_on)
{
    struct machine machine;
    machine_create(&machine, code, size);
    struct riscv_facts facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M, .float_on = float_on };
    const uint8_t *page;
    assert_true(riscv_fetch_page(machine.cpu, CODE, &page));
    static struct region_plan plan;
    struct ir_region *ir = ir_create();
    region_build(&plan, ir, machine.cpu, CODE, page, &facts, nowhere);
    uint32_t ignored = plan.facts_ignored;
    ir_free(ir);
    machine_destroy(&machine);
    return ignored;
}

static void a_region_ignores_what_its_instructions_do_not_ask_after(void **state)
{
    (void)state;
    for (uint8_t float_on = 0; float_on <= 1; float_on++) {
        assert_int_equal(ignored_by(integer_loop, sizeof integer_loop, float_on), FACTS_KEY_MODES);
        assert_int_equal(ignored_by(float_loop, sizeof float_loop, float_on), 0);
    }
}

static void an_entry_ignores_those_facts_and_no_others(void **state)
{
    (void)state;
    struct machine machine;
    machine_create(&machine, integer_loop, sizeof integer_loop);
    struct error error;
    struct host *host = host_create(machine.cpu, &error);
    assert_non_null(host);
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, CODE);
    ir_mark(block, CODE, 0);
    ir_exit(block, CODE + 4, 1);
    const uint32_t key = 1u | FACTS_KEY_FLOAT | 2u << 7 | 1u << 10;
    struct host_request request = { .region = region,
                                    .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                    .facts_key = key,
                                    .facts_ignored = FACTS_KEY_MODES };
    struct host_code code;
    assert_int_equal(host_compile(host, &request, &code), HOST_COMPILED);
    for (unsigned bit = 0; bit < 32; bit++) {
        machine.cpu->facts_key = key ^ 1u << bit;
        bool ignored = (FACTS_KEY_MODES >> bit & 1) != 0;
        assert_int_equal(host_enter(host, code.checked_entry).exit, ignored ? HOST_EXIT_LINK : HOST_EXIT_STALE);
    }
    ir_free(region);
    host_destroy(host);
    machine_destroy(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_code_is_translated_once_whatever_floating_point_is_set_to),
        cmocka_unit_test(code_with_floating_point_is_translated_for_each_rounding_mode),
        cmocka_unit_test(a_region_ignores_what_its_instructions_do_not_ask_after),
        cmocka_unit_test(an_entry_ignores_those_facts_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
