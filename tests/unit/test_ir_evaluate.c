/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluator: what every operation gives, against figures worked out by hand; how a region is left. */
#include "ir_random.h"

#include "engine/jit/ir_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIN64 UINT64_C(0x8000000000000000)
#define MIN32 UINT64_C(0x80000000)
#define ALL   UINT64_MAX
#define ALL32 UINT64_C(0xffffffff)

static struct ir_region *read_good(const char *text)
{
    char message[200];
    struct ir_region *region = ir_read(text, ir_random_callees, ir_random_callee_count, message, sizeof message);
    if (region == NULL) {
        fail_msg("%s in:\n%s", message, text);
    }
    return region;
}

/* Reads and runs a text on a zeroed machine with `a` and `b` in slots 0 and 8. */
static struct ir_outcome run(const char *text, struct ir_random_machine *machine, uint64_t a, uint64_t b)
{
    struct ir_region *region = read_good(text);
    memcpy(machine->state, &a, 8);
    memcpy(machine->state + 8, &b, 8);
    ir_random_machine_connect(machine);
    struct ir_outcome outcome = ir_evaluate(region, &machine->machine, 5);
    ir_free(region);
    return outcome;
}

static uint64_t slot(const struct ir_random_machine *machine, unsigned offset)
{
    uint64_t word;
    memcpy(&word, machine->state + offset, 8);
    return word;
}

struct example {
    const char *operation; /* of %0 and %1, of the argument type */
    const char *argument_type;
    uint64_t a, b, result;
    uint32_t flags;
};

static void check_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct example *example = &examples[i];
        struct ir_random_machine machine = { 0 };
        char text[400];
        const char *type = strchr(example->operation, '.') + 1;
        bool is_bool = strncmp(type, "bool", 4) == 0;
        snprintf(text, sizeof text,
                 "block @0\n %%0 = get.%s slot=0\n %%1 = get.%s slot=8\n %%2 = %s\n%s put %s slot=16\n"
                 " exit pc=0 count=0\n",
                 example->argument_type, example->argument_type, example->operation,
                 is_bool ? "%3 = zext.i64 %2\n" : "", is_bool ? "%3" : "%2");
        run(text, &machine, example->a, example->b);
        if (slot(&machine, 16) != example->result || machine.machine.flags != example->flags) {
            fail_msg("%s of 0x%" PRIx64 " and 0x%" PRIx64 " gave 0x%" PRIx64 " flags 0x%x, not 0x%" PRIx64,
                     example->operation, example->a, example->b, slot(&machine, 16), machine.machine.flags,
                     example->result);
        }
    }
}

static void integer_operations_give_what_is_written(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "add.i64 %0 %1", "i64", ALL, 1, 0, 0 },
        { "add.i32 %0 %1", "i32", ALL32, 1, 0, 0 },
        { "sub.i32 %0 %1", "i32", 0, 1, ALL32, 0 },
        { "mul.i32 %0 %1", "i32", 0x10000, 0x10000, 0, 0 },
        { "mulhu.i64 %0 %1", "i64", ALL, ALL, ALL - 1, 0 },
        { "mulhs.i64 %0 %1", "i64", ALL, ALL, 0, 0 },
        { "mulhs.i64 %0 %1", "i64", MIN64, MIN64, UINT64_C(1) << 62, 0 },
        { "mulhsu.i64 %0 %1", "i64", ALL, ALL, ALL, 0 },
        { "mulhsu.i64 %0 %1", "i64", 1, ALL, 0, 0 },
        { "mulhu.i32 %0 %1", "i32", ALL32, ALL32, ALL32 - 1, 0 },
        { "mulhs.i32 %0 %1", "i32", MIN32, 2, ALL32, 0 },
        { "mulhsu.i32 %0 %1", "i32", ALL32, ALL32, ALL32, 0 },
        { "divu.i64 %0 %1", "i64", 7, 2, 3, 0 },
        { "divu.i64 %0 %1", "i64", 7, 0, ALL, 0 },
        { "divu.i32 %0 %1", "i32", 7, 0, ALL32, 0 },
        { "divs.i64 %0 %1", "i64", (uint64_t)-7, 2, (uint64_t)-3, 0 },
        { "divs.i64 %0 %1", "i64", MIN64, ALL, MIN64, 0 },
        { "divs.i32 %0 %1", "i32", MIN32, ALL32, MIN32, 0 },
        { "divs.i64 %0 %1", "i64", 5, 0, ALL, 0 },
        { "remu.i64 %0 %1", "i64", 7, 0, 7, 0 },
        { "rems.i64 %0 %1", "i64", (uint64_t)-7, 2, ALL, 0 },
        { "rems.i64 %0 %1", "i64", MIN64, ALL, 0, 0 },
        { "rems.i32 %0 %1", "i32", MIN32, ALL32, 0, 0 },
        { "rems.i32 %0 %1", "i32", 0xfffffff9, 0, 0xfffffff9, 0 },
        { "and.i64 %0 %1", "i64", 0xff0, 0x0ff, 0x0f0, 0 },
        { "or.i64 %0 %1", "i64", 0xff0, 0x0ff, 0xfff, 0 },
        { "xor.i64 %0 %1", "i64", 0xff0, 0x0ff, 0xf0f, 0 },
        { "shl.i64 %0 %1", "i64", 1, 63, MIN64, 0 },
        { "shl.i64 %0 %1", "i64", 1, 64, 1, 0 },
        { "shl.i32 %0 %1", "i32", 3, 31, MIN32, 0 },
        { "shl.i32 %0 %1", "i32", 3, 32, 3, 0 },
        { "shr.i64 %0 %1", "i64", MIN64, 63, 1, 0 },
        { "sar.i64 %0 %1", "i64", MIN64, 63, ALL, 0 },
        { "sar.i32 %0 %1", "i32", MIN32, 31, ALL32, 0 },
        { "rotr.i32 %0 %1", "i32", 1, 1, MIN32, 0 },
        { "rotr.i64 %0 %1", "i64", 5, 64, 5, 0 },
        { "clz.i64 %0", "i64", 0, 0, 64, 0 },
        { "clz.i32 %0", "i32", 0, 0, 32, 0 },
        { "clz.i32 %0", "i32", MIN32, 0, 0, 0 },
        { "ctz.i64 %0", "i64", MIN64, 0, 63, 0 },
        { "ctz.i32 %0", "i32", 0, 0, 32, 0 },
        { "popcnt.i64 %0", "i64", ALL, 0, 64, 0 },
        { "bswap.i64 %0", "i64", 0x0102030405060708, 0, 0x0807060504030201, 0 },
        { "bswap.i32 %0", "i32", 0x01020304, 0, 0x04030201, 0 },
        { "sext.i64 %0 from=8", "i64", 0x180, 0, (uint64_t)-0x80, 0 },
        { "sext.i64 %0 from=32", "i32", MIN32, 0, UINT64_C(0xffffffff80000000), 0 },
        { "sext.i32 %0 from=16", "i32", 0x8000, 0, 0xffff8000, 0 },
        { "zext.i64 %0", "i32", ALL32, 0, ALL32, 0 },
        { "trunc.i32 %0", "i64", ALL, 0, ALL32, 0 },
        { "eq.bool %0 %1", "i32", 1, 1, 1, 0 },
        { "ne.bool %0 %1", "i64", 1, 1, 0, 0 },
        { "ltu.bool %0 %1", "i32", 1, ALL32, 1, 0 },
        { "lts.bool %0 %1", "i32", 1, ALL32, 0, 0 },
        { "leu.bool %0 %1", "i64", ALL, ALL, 1, 0 },
        { "les.bool %0 %1", "i64", ALL, 0, 1, 0 },
    };
    check_examples(examples, sizeof examples / sizeof examples[0]);
}

static void floating_point_operations_give_what_is_written(void **state)
{
    (void)state;
    const uint64_t one = UINT64_C(0x3ff0000000000000), two = UINT64_C(0x4000000000000000);
    const uint64_t nan = UINT64_C(0x7ff8000000000000), signalling = UINT64_C(0x7ff4000000000000);
    const uint64_t infinity = UINT64_C(0x7ff0000000000000);
    const struct example examples[] = {
        { "fadd.f64 %0 %1", "f64", one, one, two, 0 },
        { "fsub.f64 %0 %1", "f64", infinity, infinity, nan, FLOAT_NV },
        { "fmul.f64 %0 %1", "f64", two, one, two, 0 },
        { "fdiv.f64 %0 %1", "f64", one, 0, infinity, FLOAT_DZ },
        { "fsqrt.f64 %0", "f64", MIN64 | one, 0, nan, FLOAT_NV },
        { "fma.f64 %0 %1 %1", "f64", one, one, two, 0 },
        { "fma.f64 %0 %1 %1", "f64", infinity, 0, nan, FLOAT_NV },
        { "fadd.f32 %0 %1", "f32", 0x3f800000, 0x33000000, 0x3f800000, FLOAT_NX },
        { "fsub.f32 %0 %1", "f32", 0x7fffffff, 0, 0x7fc00000, 0 },
        { "feq.bool %0 %1", "f64", nan, nan, 0, 0 },
        { "feq.bool %0 %1", "f64", 0, MIN64, 1, 0 },
        { "flt.bool %0 %1", "f64", nan, one, 0, FLOAT_NV },
        { "fle.bool %0 %1", "f64", one, one, 1, 0 },
        { "fmin.f64 %0 %1", "f64", 0, MIN64, MIN64, 0 },
        { "fmax.f64 %0 %1", "f64", MIN64, 0, 0, 0 },
        { "fmin.f64 %0 %1", "f64", nan, one, one, 0 },
        { "fmax.f64 %0 %1", "f64", signalling, one, one, FLOAT_NV },
        { "fcvt.f64 %0", "f32", 0x3f800000, 0, one, 0 },
        { "fcvt.f32 %0", "f64", UINT64_C(0x3ff0000000000001), 0, 0x3f800000, FLOAT_NX },
        { "ftos.i32 %0", "f64", UINT64_C(0xc1f0000000000000), 0, MIN32, FLOAT_NV },
        { "ftos.i64 %0", "f64", nan, 0, INT64_MAX, FLOAT_NV },
        { "ftou.i32 %0", "f64", MIN64 | one, 0, 0, FLOAT_NV },
        { "ftou.i64 %0", "f32", 0x3fc00000, 0, 2, FLOAT_NX },
        { "ftou.i64 %0 round=zero", "f32", 0x3fc00000, 0, 1, FLOAT_NX },
        { "stof.f64 %0", "i32", ALL32, 0, MIN64 | one, 0 },
        { "utof.f32 %0", "i32", ALL32, 0, 0x4f800000, FLOAT_NX },
        { "utof.f64 %0", "i64", ALL, 0, UINT64_C(0x43f0000000000000), FLOAT_NX },
        { "stof.f32 %0 round=zero", "i64", 0x1ffffff, 0, 0x4bffffff, FLOAT_NX },
        { "box.f64 %0", "f32", 0x7fa00000, 0, UINT64_C(0xffffffff7fa00000), 0 },
        { "unbox.f32 %0", "f64", UINT64_C(0xffffffff7fa00000), 0, 0x7fa00000, 0 },
        { "unbox.f32 %0", "f64", UINT64_C(0xfffffffe7fa00000), 0, 0x7fc00000, 0 },
        { "bitcast.i32 %0", "f32", 0x7fa00000, 0, 0x7fa00000, 0 },
    };
    check_examples(examples, sizeof examples / sizeof examples[0]);
}

static void the_rounding_mode_is_the_regions(void **state)
{
    (void)state;
    static const uint32_t third[] = { 0x3eaaaaab, 0x3eaaaaaa, 0x3eaaaaaa, 0x3eaaaaab, 0x3eaaaaab };
    for (unsigned mode = FLOAT_RNE; mode <= FLOAT_RMM; mode++) {
        struct ir_random_machine machine = { 0 };
        machine.machine.rounding = (enum float_rounding)mode;
        run("block @0\n %0 = get.f32 slot=0\n %1 = get.f32 slot=8\n %2 = fdiv.f32 %0 %1\n put %2 slot=16\n"
            " exit pc=0 count=0\n",
            &machine, 0x3f800000, 0x40400000);
        assert_int_equal(slot(&machine, 16), third[mode]);
    }
}

static void slots_overlap_by_bytes(void **state)
{
    (void)state;
    struct ir_random_machine machine = { 0 };
    run("block @0\n %0 = get.i64 slot=4\n put %0 slot=16\n %1 = get.v128 slot=0\n put %1 slot=32\n"
        " %2 = get.i32 slot=0\n put %2 slot=44\n exit pc=0 count=0\n",
        &machine, UINT64_C(0x1111111122222222), UINT64_C(0x3333333344444444));
    assert_int_equal(slot(&machine, 16), UINT64_C(0x4444444411111111));
    assert_int_equal(slot(&machine, 32), UINT64_C(0x1111111122222222));
    assert_int_equal(slot(&machine, 40), UINT64_C(0x2222222244444444));
}

static void a_region_is_left_as_its_last_block_says(void **state)
{
    (void)state;
    struct ir_random_machine machine = { 0 };
    struct ir_outcome outcome = run("block @0\n jump @1 count=3\nblock @1\n exit pc=0x44 count=2\n", &machine, 0, 0);
    assert_int_equal(outcome.how, IR_LEFT_EXIT);
    assert_int_equal(outcome.pc, 0x44);
    assert_int_equal(outcome.instructions, 5);
    outcome = run("block @0\n exit_interpret pc=0x44 count=2\n", &machine, 0, 0);
    assert_int_equal(outcome.how, IR_LEFT_INTERPRET);
    assert_int_equal(outcome.pc, 0x44);
    assert_int_equal(outcome.instructions, 2);
}

static void a_branch_takes_its_first_target_if_true(void **state)
{
    (void)state;
    const char *text = "block @0\n %0 = get.i64 slot=0\n %1 = const.i64 5\n %2 = ltu.bool %0 %1\n"
                       " branch %2 @1 @2 count=1\nblock @1\n exit pc=1 count=0\nblock @2\n exit pc=2 count=0\n";
    struct ir_random_machine machine = { 0 };
    assert_int_equal(run(text, &machine, 4, 0).pc, 1);
    assert_int_equal(run(text, &machine, 5, 0).pc, 2);
}

static void an_indirect_exit_stays_inside_where_it_can(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x1000\n %0 = get.i64 slot=0\n exit_indirect %0 @1 @2 count=1\n"
                       "block @1 pc=0x2000\n exit pc=1 count=1\nblock @2 pc=0x3000\n exit pc=2 count=1\n";
    struct ir_random_machine machine = { 0 };
    assert_int_equal(run(text, &machine, 0x2000, 0).pc, 1);
    assert_int_equal(run(text, &machine, 0x3000, 0).pc, 2);
    struct ir_outcome outcome = run(text, &machine, 0x1000, 0);
    assert_int_equal(outcome.pc, 0x1000);
    assert_int_equal(outcome.how, IR_LEFT_EXIT);
    assert_int_equal(outcome.instructions, 1);
}

static void a_fault_leaves_at_its_instruction_with_what_was_put_before(void **state)
{
    (void)state;
    const char *text = "block @0\n mark pc=0x10 count=0\n %0 = get.i64 slot=0\n put %0 slot=16\n mark pc=0x14 count=1\n"
                       " %1 = load32.i64 %0\n put %1 slot=24\n exit pc=0x18 count=2\n";
    struct ir_random_machine machine = { 0 };
    struct ir_outcome outcome = run(text, &machine, 0x3000, 0);
    assert_int_equal(outcome.how, IR_LEFT_FAULT);
    assert_int_equal(outcome.pc, 0x14);
    assert_int_equal(outcome.instructions, 1);
    assert_int_equal(slot(&machine, 16), 0x3000);
    assert_int_equal(slot(&machine, 24), 0);
    assert_int_equal(run(text, &machine, 0x2ff0, 0).how, IR_LEFT_EXIT);
}

static void a_guard_that_fails_leaves_at_its_instruction(void **state)
{
    (void)state;
    const char *text = "block @0\n mark pc=0x10 count=0\n %0 = get.i64 slot=0\n %1 = const.i64 5\n"
                       " %2 = eq.bool %0 %1\n guard %2\n put %0 slot=16\n exit pc=0x14 count=1\n";
    struct ir_random_machine machine = { 0 };
    struct ir_outcome outcome = run(text, &machine, 4, 0);
    assert_int_equal(outcome.how, IR_LEFT_GUARD);
    assert_int_equal(outcome.pc, 0x10);
    assert_int_equal(outcome.instructions, 0);
    assert_int_equal(slot(&machine, 16), 0);
    assert_int_equal(run(text, &machine, 5, 0).how, IR_LEFT_EXIT);
}

static void a_loop_is_left_at_its_head_when_attention_is_wanted(void **state)
{
    (void)state;
    struct ir_random_machine machine = { 0 };
    struct ir_outcome outcome = run("block @0 pc=0x10\n jump @1 count=7\nblock @1 pc=0x20 loop\n"
                                    " %0 = get.i64 slot=0\n %1 = const.i64 1\n %2 = add.i64 %0 %1\n put %2 slot=0\n"
                                    " jump @1 count=3\n",
                                    &machine, 0, 0);
    assert_int_equal(outcome.how, IR_LEFT_ATTENTION);
    assert_int_equal(outcome.pc, 0x20);
    assert_int_equal(outcome.instructions, 7 + 4 * 3);
    assert_int_equal(slot(&machine, 0), 4);
}

static void memory_is_little_endian_and_zero_extended(void **state)
{
    (void)state;
    struct ir_random_machine machine = { 0 };
    run("block @0\n mark pc=0 count=0\n %0 = get.i64 slot=0\n %1 = get.i64 slot=8\n store32 %0 %1\n"
        " %2 = load16.i32 %0\n put %2 slot=16\n %3 = load64.i64 %0\n put %3 slot=24\n fence\n exit pc=0 count=1\n",
        &machine, 0x40, UINT64_C(0x1122334455667788));
    assert_int_equal(slot(&machine, 16), 0x7788);
    assert_int_equal(slot(&machine, 24), 0x55667788);
    assert_int_equal(machine.memory[0x40], 0x88);
    assert_int_equal(machine.memory[0x44], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_operations_give_what_is_written),
        cmocka_unit_test(floating_point_operations_give_what_is_written),
        cmocka_unit_test(the_rounding_mode_is_the_regions),
        cmocka_unit_test(slots_overlap_by_bytes),
        cmocka_unit_test(a_region_is_left_as_its_last_block_says),
        cmocka_unit_test(a_branch_takes_its_first_target_if_true),
        cmocka_unit_test(an_indirect_exit_stays_inside_where_it_can),
        cmocka_unit_test(a_fault_leaves_at_its_instruction_with_what_was_put_before),
        cmocka_unit_test(a_guard_that_fails_leaves_at_its_instruction),
        cmocka_unit_test(a_loop_is_left_at_its_head_when_attention_is_wanted),
        cmocka_unit_test(memory_is_little_endian_and_zero_extended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
