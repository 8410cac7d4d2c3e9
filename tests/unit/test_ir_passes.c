/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding and passes against the evaluator, on random regions: whatever state a region starts in, it must end in the
 * same one, having made the same accesses and calls, set the same flags and left the same way.
 */
#include "ir_random.h"

#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCK_LIMIT 40u

static uint64_t test_seed;

struct result {
    struct ir_outcome outcome;
    struct ir_random_machine machine;
};

static struct result run(const struct ir_region *region, const struct ir_random_machine *start)
{
    struct result result = { .machine = *start };
    ir_random_machine_connect(&result.machine);
    result.outcome = ir_evaluate(region, &result.machine.machine, BLOCK_LIMIT);
    return result;
}

static bool same(const struct result *a, const struct result *b)
{
    return a->outcome.how == b->outcome.how && a->outcome.pc == b->outcome.pc &&
           a->outcome.instructions == b->outcome.instructions && a->machine.log == b->machine.log &&
           a->machine.machine.flags == b->machine.machine.flags &&
           memcmp(a->machine.state, b->machine.state, sizeof a->machine.state) == 0 &&
           memcmp(a->machine.memory, b->machine.memory, sizeof a->machine.memory) == 0;
}

static void print_result(const char *name, const struct result *result)
{
    fprintf(stderr, "%s: left %d pc 0x%" PRIx64 " instructions %" PRIu64 " log 0x%" PRIx64 " flags 0x%x\n", name,
            (int)result->outcome.how, result->outcome.pc, result->outcome.instructions, result->machine.log,
            result->machine.machine.flags);
}

/* The two regions do the same from a few random states. `plain` is the one that nothing was done to. */
static void check_equal(const struct ir_region *plain, struct ir_region *changed, uint64_t seed, const char *what)
{
    const char *fault = ir_verify(changed);
    if (fault != NULL) {
        ir_print(changed, stderr);
        fail_msg("region %" PRIu64 " after %s: %s", seed, what, fault);
    }
    for (uint64_t i = 0; i < 6; i++) {
        struct ir_random_machine start;
        ir_random_machine_fill(&start, seed * 31 + i);
        struct result expected = run(plain, &start), got = run(changed, &start);
        if (same(&expected, &got)) {
            continue;
        }
        ir_print(plain, stderr);
        fprintf(stderr, "---- after %s:\n", what);
        ir_print(changed, stderr);
        print_result("expected", &expected);
        print_result("got", &got);
        for (unsigned slot = 0; slot < IR_RANDOM_STATE_SIZE; slot++) {
            if (expected.machine.state[slot] != got.machine.state[slot]) {
                fprintf(stderr, "state[%u]: 0x%02x, got 0x%02x\n", slot, expected.machine.state[slot],
                        got.machine.state[slot]);
            }
        }
        fail_msg("region %" PRIu64 ", state %" PRIu64 ": %s has changed what it does", seed, i, what);
    }
}

static struct ir_random_options options_of(uint64_t seed)
{
    uint64_t random = seed ^ 0x5bd1e995;
    return (struct ir_random_options){
        .block_count = 1 + (unsigned)ir_random_below(&random, 6),
        .value_count = 5 + (unsigned)ir_random_below(&random, 60),
        .memory = ir_random_below(&random, 2) == 0,
        .floats = ir_random_below(&random, 2) == 0,
        .calls = ir_random_below(&random, 2) == 0,
        .vectors = ir_random_below(&random, 3) == 0,
        .flags = ir_random_below(&random, 3) == 0,
    };
}

/* Draws regions, does something to each, and compares. */
static void check_pass(void (*pass)(struct ir_region *region), const char *what, unsigned region_count)
{
    for (uint64_t seed = test_seed; seed < test_seed + region_count; seed++) {
        struct ir_random_options options = options_of(seed);
        struct ir_region *plain = ir_random_region(seed, &options);
        struct ir_region *changed = ir_random_region(seed, &options);
        pass(changed);
        check_equal(plain, changed, seed, what);
        ir_free(plain);
        ir_free(changed);
    }
}

static void nothing(struct ir_region *region)
{
    (void)region;
}

static void random_regions_are_well_formed_and_repeatable(void **state)
{
    (void)state;
    check_pass(nothing, "nothing", 500);
}

static void folding_while_building_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = test_seed; seed < test_seed + 3000; seed++) {
        struct ir_random_options options = options_of(seed);
        struct ir_region *plain = ir_random_region(seed, &options);
        options.fold = true;
        struct ir_region *folded = ir_random_region(seed, &options);
        check_equal(plain, folded, seed, "folding");
        ir_optimize(folded);
        check_equal(plain, folded, seed, "folding and all passes");
        ir_free(plain);
        ir_free(folded);
    }
}

static void typing_slots_changes_nothing(void **state)
{
    (void)state;
    check_pass(ir_type_slots, "type_slots", 2000);
}

static void forwarding_gets_changes_nothing(void **state)
{
    (void)state;
    check_pass(ir_forward_gets, "forward_gets", 2000);
}

static void merging_common_operations_changes_nothing(void **state)
{
    (void)state;
    check_pass(ir_merge_common, "merge_common", 2000);
}

static void narrowing_changes_nothing(void **state)
{
    (void)state;
    check_pass(ir_narrow, "narrow", 3000);
}

static void dropping_dead_puts_changes_nothing(void **state)
{
    (void)state;
    check_pass(ir_drop_dead_puts, "drop_dead_puts", 2000);
}

static void dropping_unused_operations_changes_nothing(void **state)
{
    (void)state;
    check_pass(ir_drop_unused, "drop_unused", 2000);
}

static void all_passes_change_nothing(void **state)
{
    (void)state;
    check_pass(ir_optimize, "all passes", 4000);
}

/* -- The verifier between passes ----------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#ifndef ADDRESS_SANITIZER
#define ADDRESS_SANITIZER 0
#endif

/* In a process of its own: how it ends, after optimizing a region in which a value does not know all its users. */
static int optimize_ill_formed(const char *verify)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere >= 0) {
            dup2(nowhere, STDERR_FILENO);
        }
        if (verify != NULL) {
            setenv("RAVELIN_JIT_VERIFY", verify, 1);
        } else {
            unsetenv("RAVELIN_JIT_VERIFY");
        }
        struct ir_region *region = ir_create();
        struct ir_block *block = ir_add_block(region, 0);
        struct ir_value *value = ir_get(block, IR_I64, 8);
        ir_put(block, 16, value);
        ir_exit(block, 0, 0);
        value->uses++;
        ir_optimize(region);
        ir_free(region);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_region_that_is_not_well_formed_stops_the_program_where_passes_are_verified(void **state)
{
    (void)state;
    assert_int_equal(optimize_ill_formed("1"), SIGABRT);
    assert_int_equal(optimize_ill_formed(NULL), ADDRESS_SANITIZER ? SIGABRT : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_regions_are_well_formed_and_repeatable),
        cmocka_unit_test(folding_while_building_changes_nothing),
        cmocka_unit_test(typing_slots_changes_nothing),
        cmocka_unit_test(forwarding_gets_changes_nothing),
        cmocka_unit_test(merging_common_operations_changes_nothing),
        cmocka_unit_test(narrowing_changes_nothing),
        cmocka_unit_test(dropping_dead_puts_changes_nothing),
        cmocka_unit_test(dropping_unused_operations_changes_nothing),
        cmocka_unit_test(all_passes_change_nothing),
        cmocka_unit_test(a_region_that_is_not_well_formed_stops_the_program_where_passes_are_verified),
    };
    test_seed = ir_random_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
