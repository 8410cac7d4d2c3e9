/* SPDX-License-Identifier: Apache-2.0 */
/* The engines where there is no back end: whoever asks for the JIT is told what to ask for; the interpreter runs. */
#include "test_riscv_fixture.h"

#include "engine/engine.h"
#include "engine/interp/interp.h"

static void refuse(enum engine_kind kind)
{
    struct fixture fixture;
    struct error error = { .text = "" };
    fixture_create(&fixture, 0, 1);
    assert_false(engine_create(fixture.cpu, kind, &error));
    assert_non_null(strstr(error.text, "use --engine interp"));
    assert_null(fixture.cpu->jit);
    assert_null(fixture.cpu->check);
    fixture_destroy(&fixture);
}

static void the_jit_is_refused_with_what_to_do(void **state)
{
    (void)state;
    refuse(ENGINE_JIT);
}

static void the_check_engine_is_refused_with_what_to_do(void **state)
{
    (void)state;
    refuse(ENGINE_CHECK);
}

static void the_interpreter_runs(void **state)
{
    (void)state;
    static const uint32_t program[] = { 0x00168693 }; /* addi a3, a3, 1 */
    struct fixture fixture;
    struct error error;
    fixture_create(&fixture, 0, 1);
    assert_true(memory_write(fixture.memory, gpa(RAM_BASE), program, sizeof program));
    fixture.cpu->state.pc = RAM_BASE;
    riscv_cpu_state_changed(fixture.cpu);
    assert_true(engine_create(fixture.cpu, ENGINE_INTERP, &error));
    interp_step(fixture.cpu);
    assert_int_equal(fixture.cpu->state.x[13], 1);
    vcpu_request(&fixture.cpu->vcpu, VCPU_STOP);
    engine_run(fixture.cpu);
    engine_destroy(fixture.cpu);
    fixture_destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_jit_is_refused_with_what_to_do),
        cmocka_unit_test(the_check_engine_is_refused_with_what_to_do),
        cmocka_unit_test(the_interpreter_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
