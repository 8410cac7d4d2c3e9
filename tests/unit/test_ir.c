/* SPDX-License-Identifier: Apache-2.0 */
/* Regions as such: what the verifier refuses, what printing and reading keep, what single passes do. */
#include "ir_random.h"

#include "engine/jit/ir_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char message[200];

static struct ir_region *read_text(const char *text)
{
    message[0] = '\0';
    return ir_read(text, ir_random_callees, ir_random_callee_count, message, sizeof message);
}

static struct ir_region *read_good(const char *text)
{
    struct ir_region *region = read_text(text);
    if (region == NULL) {
        fail_msg("%s", message);
    }
    return region;
}

static char *text_of(const struct ir_region *region)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    ir_print(region, stream);
    fclose(stream);
    return text;
}

static void check_text(struct ir_region *region, const char *expected)
{
    char *text = text_of(region);
    assert_string_equal(text, expected);
    free(text);
    assert_null(ir_verify(region));
    ir_free(region);
}

static void check_refused(const char *text, const char *why)
{
    struct ir_region *region = read_text(text);
    if (region != NULL || strstr(message, why) == NULL) {
        fail_msg("wanted '%s', got '%s'", why, region != NULL ? "a region" : message);
    }
}

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static void random_regions_are_read_back_as_they_were_printed(void **state)
{
    (void)state;
    uint64_t first = ir_random_seed();
    for (uint64_t seed = first; seed < first + 300; seed++) {
        struct ir_random_options options = { .block_count = 1 + (unsigned)(seed % 5),
                                             .value_count = 50,
                                             .memory = true,
                                             .floats = true,
                                             .calls = true,
                                             .vectors = true,
                                             .flags = true };
        struct ir_region *region = ir_random_region(seed, &options);
        char *text = text_of(region);
        struct ir_region *again = read_good(text);
        check_text(again, text);
        ir_optimize(region);
        free(text);
        text = text_of(region);
        check_text(read_good(text), text);
        free(text);
        ir_free(region);
    }
}

static void a_read_region_does_the_same_as_the_printed_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct ir_random_options options = { .block_count = 3,
                                             .value_count = 30,
                                             .memory = true,
                                             .floats = true,
                                             .calls = true,
                                             .vectors = true,
                                             .flags = true };
        struct ir_region *region = ir_random_region(seed, &options);
        char *text = text_of(region);
        struct ir_region *again = read_good(text);
        struct ir_random_machine one, other;
        ir_random_machine_fill(&one, seed);
        ir_random_machine_fill(&other, seed);
        struct ir_outcome expected = ir_evaluate(region, &one.machine, 20);
        struct ir_outcome got = ir_evaluate(again, &other.machine, 20);
        assert_memory_equal(one.state, other.state, sizeof one.state);
        assert_int_equal(expected.how, got.how);
        assert_int_equal(expected.pc, got.pc);
        free(text);
        ir_free(region);
        ir_free(again);
    }
}

static void comments_and_blank_lines_are_skipped(void **state)
{
    (void)state;
    check_text(read_good("# a region\n\nblock @0 pc=0x10 # its block\n\texit pc=0x10 count=0 # done\n"),
               "block @0 pc=0x10 weight=1\n  exit pc=0x10 count=0\n");
}

static void mistakes_in_a_text_are_told_with_their_line(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "", "at least one block" },
        { "exit pc=0 count=0\n", "line 1: a region begins with a block" },
        { "block\n", "line 1: a block needs its number" },
        { "block @1\n", "this is block @0" },
        { "block @0 sideways\n", "a block has pc=" },
        { "block @0\n frobnicate\n", "line 2: there is no operation 'frobnicate'" },
        { "block @0\n %1 = const.i65 0\n", "there is no type 'i65'" },
        { "block @0\n %1 = const.i32 0x100000000\n", "no bits beyond its type" },
        { "block @0\n %1 = const.i64 0x10000000000000000\n", "a number up to" },
        { "block @0\n %1 = const.i64 18446744073709551616\n", "a number up to" },
        { "block @0\n %1 = const.i64 12z\n", "a number up to" },
        { "block @0\n %1 const.i64 1\n", "'= operation' is needed" },
        { "block @0\n %1 =\n", "'= operation' is needed" },
        { "block @0\n %99999999 = const.i64 1\n", "a number up to 262143" },
        { "block @0\n %1 = const.i64 1\n %1 = const.i64 2\n", "line 3: %1 is defined twice" },
        { "block @0\n const.i64 1\n", "has a result, which needs a name" },
        { "block @0\n %1 = fence\n", "has no result and no name" },
        { "block @0\n %1 = add.i64 %2 %3\n", "%2 is not defined before this" },
        { "block @0\n %1 = const.i64 1\n jump @1 count=0\nblock @1\n %2 = clz.i64 %1\n",
          "not defined before this in this" },
        { "block @0\n %1 = get.i64 slot=8\n %2 = add.i32 %1 %1\n", "one integer type" },
        { "block @0\n %1 = get.i64 slot=8\n put %1 %1 slot=8\n", "wrong number of arguments" },
        { "block @0\n %1 = get.i64 slot=8\n put %1 %1 %1 %1 %1 slot=8\n", "too many arguments" },
        { "block @0\n %1 = get.i64 slot=8 from=8\n", "'from=8' has no place here" },
        { "block @0\n %1 = get.i64 slot=9\n", "multiple of 4" },
        { "block @0\n %1 = get.i64 slot=65532\n", "multiple of 4 below 65536" },
        { "block @0\n jump @7 count=0\n", "there is no block @7" },
        { "block @0\n jump count=0\n", "wrong number of target blocks" },
        { "block @0\n exit_indirect @0 @0 @0 @0 @0 @0 @0 @0 @0 @0 @0 @0 @0 count=0\n", "too many target blocks" },
        { "block @0\n %1 = call.i64 function=nobody\n", "there is no function 'nobody'" },
        { "block @0\n %1 = call.i64\n", "a call needs a function" },
        { "block @0\n exit pc=0 count=0\n fence\n", "the block has ended" },
        { "block @0\n fence\n", "has no terminator" },
        { "block @0\n jump @0 count=0\n", "a loop has no head" },
        { "block @0\n %1 = get.i64 slot=0\n %2 = load8.i64 %1\n exit pc=0 count=0\n", "stands before any mark" },
        { "block @0\n mark pc=0 count=2\n exit pc=0 count=1\n", "less than the one before" },
        { "block @0\n exit pc=0 count=4294967296\n", "a number up to 4294967295" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_refused(texts[i][0], texts[i][1]);
    }
}

/* ---- The verifier: each kind of damage, done by hand ------------------------------------------------------------- */

static struct ir_region *sound_region(void)
{
    return read_good("block @0 pc=0x1000 loop\n"
                     "  mark pc=0x1000 count=0\n"
                     "  %0 = get.i64 slot=8\n"
                     "  %1 = const.i64 1\n"
                     "  %2 = add.i64 %0 %1\n"
                     "  put %2 slot=8\n"
                     "  %3 = ltu.bool %2 %0\n"
                     "  branch %3 @0 @1 count=1\n"
                     "block @1 pc=0x1004\n"
                     "  %4 = get.i64 slot=16\n"
                     "  exit_indirect %4 @0 count=1\n");
}

static struct ir_value *find_op(const struct ir_region *region, enum ir_op op)
{
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (struct ir_value *value = block->first; value != NULL; value = value->next) {
            if (value->op == op) {
                return value;
            }
        }
    }
    fail();
    return NULL;
}

static void check_found(struct ir_region *region, const char *why)
{
    const char *fault = ir_verify(region);
    if (fault == NULL || strstr(fault, why) == NULL) {
        fail_msg("wanted '%s', got '%s'", why, fault != NULL ? fault : "nothing");
    }
    ir_free(region);
}

static void the_verifier_accepts_a_sound_region(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    assert_null(ir_verify(region));
    ir_free(region);
}

static void the_verifier_finds_wrong_counts_of_users(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    find_op(region, IR_ADD)->uses++;
    check_found(region, "users");
}

static void the_verifier_finds_wrong_types(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    find_op(region, IR_ADD)->type = IR_I32;
    check_found(region, "one integer type");
}

static void the_verifier_finds_missing_arguments(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    struct ir_value *add = find_op(region, IR_ADD);
    add->arguments[1]->uses--;
    add->arguments[1] = NULL;
    check_found(region, "wrong number of arguments");
}

static void the_verifier_finds_uses_before_definition(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    struct ir_value *add = find_op(region, IR_ADD);
    add->arguments[0]->uses--;
    add->arguments[0] = add;
    add->uses++;
    check_found(region, "not defined before it");
}

static void the_verifier_finds_values_of_other_blocks(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    struct ir_value *exit = find_op(region, IR_EXIT_INDIRECT), *add = find_op(region, IR_ADD);
    exit->arguments[0]->uses--;
    exit->arguments[0] = add;
    add->uses++;
    check_found(region, "not defined before it in this block");
}

static void the_verifier_finds_numbers_used_twice(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    find_op(region, IR_ADD)->number = find_op(region, IR_GET)->number;
    check_found(region, "stands for two values");
}

static void the_verifier_finds_numbers_out_of_range(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    find_op(region, IR_EXIT_INDIRECT)->number = region->value_count;
    check_found(region, "stands for two values");
}

static void the_verifier_finds_broken_lists(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    find_op(region, IR_ADD)->previous = NULL;
    check_found(region, "list of values is broken");
    region = sound_region();
    region->blocks->last = find_op(region, IR_ADD);
    check_found(region, "list of values is broken");
}

static void the_verifier_finds_blocks_without_end(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    ir_remove(find_op(region, IR_EXIT_INDIRECT));
    check_found(region, "has no terminator");
}

static void the_verifier_finds_operations_behind_the_end(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    struct ir_value *exit = find_op(region, IR_EXIT_INDIRECT);
    exit->op = IR_FENCE;
    exit->arguments[0]->uses--;
    exit->arguments[0] = NULL;
    exit->target_count = 0;
    ir_exit(exit->block, 0, 1);
    exit->op = IR_EXIT;
    check_found(region, "goes on after its terminator");
}

static void the_verifier_finds_loops_without_a_head(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    region->blocks->is_loop_head = false;
    check_found(region, "a loop has no head");
}

static void the_verifier_finds_targets_in_other_regions(void **state)
{
    (void)state;
    struct ir_region *region = sound_region(), *other = sound_region();
    find_op(region, IR_BRANCH)->targets[1] = other->last_block;
    check_found(region, "not of this region");
    ir_free(other);
}

static void the_verifier_finds_blocks_out_of_order(void **state)
{
    (void)state;
    struct ir_region *region = sound_region();
    region->last_block->number = 5;
    check_found(region, "not numbered from 0");
    region = sound_region();
    region->last_block = region->blocks;
    check_found(region, "not numbered from 0");
    check_found(ir_create(), "at least one block");
}

static void the_verifier_finds_impure_functions_called_pure(void **state)
{
    (void)state;
    static const struct ir_callee callee = { .name = "both", .result = IR_I64, .pure = true, .may_trap = true };
    struct ir_region *region = read_good("block @0 pc=0\n mark pc=0 count=0\n %1 = call.i64 function=pure\n"
                                         " exit pc=0 count=0\n");
    find_op(region, IR_CALL)->callee = &callee;
    check_found(region, "a pure function");
}

static void a_renewed_region_is_an_empty_one(void **state)
{
    (void)state;
    struct ir_region *region = ir_renew(NULL);
    for (unsigned rounds = 0; rounds < 3; rounds++) {
        assert_null(region->blocks);
        struct ir_block *block = ir_add_block(region, 0);
        for (unsigned i = 0; i < 3000; i++) { /* several pieces of memory */
            ir_put(block, 8, ir_constant(block, IR_I64, i));
        }
        ir_exit(block, 0, 0);
        assert_null(ir_verify(region));
        assert_int_equal(region->value_count, 6001);
        region = ir_renew(region);
    }
    ir_free(region);
}

/* ---- Passes: what they do to small regions ------------------------------------------------------------------------
 */

static void check_pass(void (*pass)(struct ir_region *), const char *before, const char *after)
{
    struct ir_region *region = read_good(before);
    pass(region);
    check_text(region, after);
}

static void a_get_after_a_put_is_what_was_put(void **state)
{
    (void)state;
    check_pass(ir_forward_gets,
               "block @0\n %0 = get.i64 slot=0\n put %0 slot=8\n %1 = get.i64 slot=8\n put %1 slot=16\n"
               " exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  put %0 slot=8\n  put %0 slot=16\n"
               "  exit pc=0x0 count=0\n");
}

static void part_of_a_put_value_is_taken_from_it(void **state)
{
    (void)state;
    check_pass(ir_forward_gets,
               "block @0\n %0 = get.i64 slot=0\n put %0 slot=8\n %1 = get.i32 slot=8\n put %1 slot=16\n"
               " exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  put %0 slot=8\n  %5 = trunc.i32 %0\n"
               "  put %5 slot=16\n  exit pc=0x0 count=0\n");
}

static void a_get_of_a_slot_written_in_part_stays(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = get.i32 slot=8\n  put %1 slot=4\n"
                       "  %2 = get.i64 slot=0\n  put %2 slot=16\n  exit pc=0x0 count=0\n";
    check_pass(ir_forward_gets, text, text);
}

static void a_put_of_what_the_slot_holds_goes(void **state)
{
    (void)state;
    check_pass(ir_forward_gets,
               "block @0\n %0 = get.i64 slot=0\n put %0 slot=0\n put %0 slot=8\n put %0 slot=8\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  put %0 slot=8\n  exit pc=0x0 count=0\n");
}

static void nothing_is_forwarded_over_a_call_that_writes_state(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  call function=writes_state\n"
                       "  %1 = get.i64 slot=0\n  put %1 slot=8\n  exit pc=0x0 count=0\n";
    check_pass(ir_forward_gets, text, text);
}

static void constants_go_through_slots_and_fold(void **state)
{
    (void)state;
    check_pass(ir_optimize,
               "block @0\n %0 = const.i64 4096\n put %0 slot=8\n %1 = get.i64 slot=8\n %2 = const.i64 16\n"
               " %3 = add.i64 %1 %2\n put %3 slot=8\n %4 = get.i64 slot=8\n exit_indirect %4 count=2\n",
               "block @0 pc=0x0 weight=1\n  %8 = const.i64 0x1010\n  put %8 slot=8\n  exit pc=0x1010 count=2\n");
}

static void a_slot_that_is_computed_with_is_loaded_and_stored_as_a_float(void **state)
{
    (void)state;
    check_pass(ir_optimize,
               "block @0\n mark pc=0 count=0\n %0 = get.i64 slot=0\n %1 = load64.i64 %0\n put %1 slot=64\n"
               " mark pc=4 count=1\n %2 = get.f64 slot=64\n %3 = fadd.f64 %2 %2\n put %3 slot=64\n"
               " mark pc=8 count=2\n %4 = get.i64 slot=64\n store64 %0 %4\n exit pc=12 count=3\n",
               "block @0 pc=0x0 weight=1\n  mark pc=0x0 count=0\n  %0 = get.i64 slot=0\n  %1 = load64.i64 %0\n"
               "  %12 = bitcast.f64 %1\n  mark pc=0x4 count=1\n  %3 = fadd.f64 %12 %12\n  put %3 slot=64\n"
               "  mark pc=0x8 count=2\n  %14 = bitcast.i64 %3\n  store64 %0 %14\n  exit pc=0xc count=3\n");
}

static void a_slot_used_more_as_an_integer_keeps_its_type(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = const.i64 0x5\n"
                       "  %2 = add.i64 %0 %1\n  put %2 slot=0\n  %3 = get.f64 slot=0\n  put %3 slot=8\n"
                       "  exit pc=0x0 count=0\n";
    check_pass(ir_type_slots, text, text);
}

static void equal_operations_are_done_once(void **state)
{
    (void)state;
    check_pass(ir_merge_common,
               "block @0\n %0 = get.i64 slot=0\n %1 = const.i64 5\n %2 = const.i64 5\n %3 = add.i64 %0 %1\n"
               " %4 = add.i64 %0 %2\n put %3 slot=8\n put %4 slot=16\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = const.i64 0x5\n  %3 = add.i64 %0 %1\n"
               "  put %3 slot=8\n  put %3 slot=16\n  exit pc=0x0 count=0\n");
}

static void loads_are_not_merged(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x0 weight=1\n  mark pc=0x0 count=0\n  %0 = get.i64 slot=0\n"
                       "  %1 = load64.i64 %0\n  %2 = load64.i64 %0\n  %3 = xor.i64 %1 %2\n  put %3 slot=8\n"
                       "  exit pc=0x0 count=0\n";
    check_pass(ir_optimize, text, text);
}

static void float_operations_are_merged_unless_flags_may_have_been_cleared(void **state)
{
    (void)state;
    check_pass(ir_merge_common,
               "block @0\n %0 = get.f64 slot=0\n %1 = fadd.f64 %0 %0\n %2 = fadd.f64 %0 %0\n put %1 slot=8\n"
               " put %2 slot=16\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.f64 slot=0\n  %1 = fadd.f64 %0 %0\n  put %1 slot=8\n"
               "  put %1 slot=16\n  exit pc=0x0 count=0\n");
    const char *text = "block @0 pc=0x0 weight=1\n  %0 = get.f64 slot=0\n  %1 = fadd.f64 %0 %0\n  put %1 slot=8\n"
                       "  %3 = call.bool function=clears_flags\n  %2 = fadd.f64 %0 %0\n  put %2 slot=16\n"
                       "  exit pc=0x0 count=0\n";
    check_pass(ir_merge_common, text, text);
}

static void a_put_that_is_overwritten_unseen_goes(void **state)
{
    (void)state;
    check_pass(ir_drop_dead_puts,
               "block @0\n %0 = get.i64 slot=0\n put %0 slot=8\n put %0 slot=8\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  put %0 slot=8\n  exit pc=0x0 count=0\n");
}

static void a_put_that_something_can_see_stays(void **state)
{
    (void)state;
    static const char *const between[] = {
        "  %9 = load8.i64 %0\n",
        "  store8 %0 %0\n",
        "  guard %1\n",
        "  %9 = get.i32 slot=12\n",
        "  %9 = call.i64 function=may_trap\n",
        "  %9 = call.i32 function=reads_state\n",
    };
    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "block @0 pc=0x0 weight=1\n  mark pc=0x0 count=0\n  %%0 = get.i64 slot=0\n  %%1 = eq.bool %%0 %%0\n"
                 "  put %%0 slot=8\n%s  put %%0 slot=8\n  exit pc=0x0 count=0\n",
                 between[i]);
        check_pass(ir_drop_dead_puts, text, text);
    }
}

static void a_put_overwritten_in_part_stays_and_in_parts_goes(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = get.i32 slot=0\n  put %0 slot=8\n"
                       "  put %1 slot=8\n  exit pc=0x0 count=0\n";
    check_pass(ir_drop_dead_puts, text, text);
    check_pass(ir_drop_dead_puts,
               "block @0\n %0 = get.i64 slot=0\n %1 = get.i32 slot=0\n put %0 slot=8\n put %1 slot=8\n"
               " put %1 slot=12\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = get.i32 slot=0\n  put %1 slot=8\n"
               "  put %1 slot=12\n  exit pc=0x0 count=0\n");
}

#define DIAMOND(head, left, right, tail)                                                                         \
    "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = eq.bool %0 %0\n" head "  branch %1 @1 @2 count=0\n" \
    "block @1 pc=0x0 weight=1\n  %2 = get.i64 slot=0\n" left "  jump @3 count=0\n"                               \
    "block @2 pc=0x0 weight=1\n  %3 = get.i64 slot=0\n" right "  jump @3 count=0\n"                              \
    "block @3 pc=0x0 weight=1" tail

static void a_put_overwritten_on_every_path_goes(void **state)
{
    (void)state;
    check_pass(ir_drop_dead_puts,
               DIAMOND("  put %0 slot=8\n", "  put %2 slot=8\n", "  put %3 slot=8\n", "\n  exit pc=0x0 count=0\n"),
               DIAMOND("", "  put %2 slot=8\n", "  put %3 slot=8\n", "\n  exit pc=0x0 count=0\n"));
    check_pass(ir_drop_dead_puts,
               DIAMOND("  put %0 slot=8\n", "  put %2 slot=8\n", "",
                       "\n  %4 = get.i64 slot=0\n  put %4 slot=8\n  exit pc=0x0 count=0\n"),
               DIAMOND("", "", "", "\n  %4 = get.i64 slot=0\n  put %4 slot=8\n  exit pc=0x0 count=0\n"));
}

static void a_put_overwritten_on_one_path_only_stays(void **state)
{
    (void)state;
    const char *text = DIAMOND("  put %0 slot=8\n", "  put %2 slot=8\n", "", "\n  exit pc=0x0 count=0\n");
    check_pass(ir_drop_dead_puts, text, text);
}

static void a_put_before_a_loop_head_stays(void **state)
{
    (void)state;
    const char *text =
        DIAMOND("  put %0 slot=8\n", "", "", " loop\n  %4 = get.i64 slot=0\n  put %4 slot=8\n  exit pc=0x0 count=0\n");
    check_pass(ir_drop_dead_puts, text, text);
}

static void what_nobody_uses_goes_but_not_loads_and_floats(void **state)
{
    (void)state;
    check_pass(ir_drop_unused,
               "block @0\n mark pc=0 count=0\n %0 = get.i64 slot=0\n %1 = const.i64 5\n %2 = add.i64 %0 %1\n"
               " %3 = call.i64 %2 function=pure\n %4 = load8.i64 %0\n %5 = get.f64 slot=8\n %6 = fsqrt.f64 %5\n"
               " %7 = call.f64 function=plain\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  mark pc=0x0 count=0\n  %0 = get.i64 slot=0\n  %4 = load8.i64 %0\n"
               "  %5 = get.f64 slot=8\n  %6 = fsqrt.f64 %5\n  %7 = call.f64 function=plain\n  exit pc=0x0 count=0\n");
}

static void a_rotation_by_word_shifts_is_one(void **state)
{
    (void)state;
    check_pass(ir_optimize,
               "block @0\n %0 = get.i64 slot=0\n %1 = trunc.i32 %0\n %2 = const.i32 7\n %3 = shr.i32 %1 %2\n"
               " %4 = sext.i64 %3 from=32\n %5 = const.i32 25\n %6 = shl.i32 %1 %5\n %7 = sext.i64 %6 from=32\n"
               " %8 = or.i64 %4 %7\n put %8 slot=8\n exit pc=0 count=0\n",
               "block @0 pc=0x0 weight=1\n  %0 = get.i64 slot=0\n  %1 = trunc.i32 %0\n  %12 = const.i32 0x7\n"
               "  %13 = rotr.i32 %1 %12\n  %14 = sext.i64 %13 from=32\n  put %14 slot=8\n  exit pc=0x0 count=0\n");
}

static void an_operation_is_not_narrowed_where_that_would_cost_an_extension(void **state)
{
    (void)state;
    const char *text = "block @0 pc=0x0 weight=1\n  %0 = get.i32 slot=0\n  %1 = sext.i64 %0 from=32\n"
                       "  %2 = get.i32 slot=8\n  %3 = sext.i64 %2 from=32\n  %4 = xor.i64 %1 %3\n"
                       "  put %1 slot=16\n  put %3 slot=24\n  put %4 slot=32\n  exit pc=0x0 count=0\n";
    check_pass(ir_narrow, text, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_regions_are_read_back_as_they_were_printed),
        cmocka_unit_test(a_read_region_does_the_same_as_the_printed_one),
        cmocka_unit_test(comments_and_blank_lines_are_skipped),
        cmocka_unit_test(mistakes_in_a_text_are_told_with_their_line),
        cmocka_unit_test(the_verifier_accepts_a_sound_region),
        cmocka_unit_test(the_verifier_finds_wrong_counts_of_users),
        cmocka_unit_test(the_verifier_finds_wrong_types),
        cmocka_unit_test(the_verifier_finds_missing_arguments),
        cmocka_unit_test(the_verifier_finds_uses_before_definition),
        cmocka_unit_test(the_verifier_finds_values_of_other_blocks),
        cmocka_unit_test(the_verifier_finds_numbers_used_twice),
        cmocka_unit_test(the_verifier_finds_numbers_out_of_range),
        cmocka_unit_test(the_verifier_finds_broken_lists),
        cmocka_unit_test(the_verifier_finds_blocks_without_end),
        cmocka_unit_test(the_verifier_finds_operations_behind_the_end),
        cmocka_unit_test(the_verifier_finds_loops_without_a_head),
        cmocka_unit_test(the_verifier_finds_targets_in_other_regions),
        cmocka_unit_test(the_verifier_finds_blocks_out_of_order),
        cmocka_unit_test(the_verifier_finds_impure_functions_called_pure),
        cmocka_unit_test(a_renewed_region_is_an_empty_one),
        cmocka_unit_test(a_get_after_a_put_is_what_was_put),
        cmocka_unit_test(part_of_a_put_value_is_taken_from_it),
        cmocka_unit_test(a_get_of_a_slot_written_in_part_stays),
        cmocka_unit_test(a_put_of_what_the_slot_holds_goes),
        cmocka_unit_test(nothing_is_forwarded_over_a_call_that_writes_state),
        cmocka_unit_test(constants_go_through_slots_and_fold),
        cmocka_unit_test(a_slot_that_is_computed_with_is_loaded_and_stored_as_a_float),
        cmocka_unit_test(a_slot_used_more_as_an_integer_keeps_its_type),
        cmocka_unit_test(equal_operations_are_done_once),
        cmocka_unit_test(loads_are_not_merged),
        cmocka_unit_test(float_operations_are_merged_unless_flags_may_have_been_cleared),
        cmocka_unit_test(a_put_that_is_overwritten_unseen_goes),
        cmocka_unit_test(a_put_that_something_can_see_stays),
        cmocka_unit_test(a_put_overwritten_in_part_stays_and_in_parts_goes),
        cmocka_unit_test(a_put_overwritten_on_every_path_goes),
        cmocka_unit_test(a_put_overwritten_on_one_path_only_stays),
        cmocka_unit_test(a_put_before_a_loop_head_stays),
        cmocka_unit_test(a_rotation_by_word_shifts_is_one),
        cmocka_unit_test(an_operation_is_not_narrowed_where_that_would_cost_an_extension),
        cmocka_unit_test(what_nobody_uses_goes_but_not_loads_and_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
