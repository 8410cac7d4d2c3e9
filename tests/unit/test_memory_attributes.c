/* SPDX-License-Identifier: Apache-2.0 */
/* Page attributes: what each trust level takes from those below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "memory/attributes.h"

#include <stdlib.h>

/* The rule of the header, said the slow way. */
static unsigned denied_by_rule(uint64_t word, unsigned level)
{
    unsigned denied = 0;
    for (unsigned above = level + 1; above < ATTRIBUTE_LEVEL_COUNT; above++) {
        denied |= (unsigned)(word >> (4 * above)) & 15;
    }
    return denied;
}

static uint64_t random_word(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void zero_denies_nothing(void **state)
{
    (void)state;
    for (unsigned level = 0; level < ATTRIBUTE_LEVEL_COUNT; level++) {
        assert_int_equal(attributes_denied(0, level), 0);
    }
}

static void a_level_binds_the_levels_below_it_only(void **state)
{
    (void)state;
    for (unsigned enforcing = 1; enforcing < ATTRIBUTE_LEVEL_COUNT; enforcing++) {
        for (unsigned denied = 0; denied < 16; denied++) {
            uint64_t word = attributes_with(0, enforcing, denied);
            for (unsigned level = 0; level < ATTRIBUTE_LEVEL_COUNT; level++) {
                assert_int_equal(attributes_denied(word, level), level < enforcing ? denied : 0);
            }
        }
    }
}

static void a_right_is_what_no_higher_level_denies(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed;
    for (unsigned round = 0; round < 100000; round++) {
        uint64_t word = random_word(&seed) & random_word(&seed) & random_word(&seed);
        unsigned level = (unsigned)(random_word(&seed) % ATTRIBUTE_LEVEL_COUNT);
        assert_int_equal(attributes_denied(word, level), denied_by_rule(word, level));
    }
}

static void the_lowest_denier_is_named(void **state)
{
    (void)state;
    uint64_t word = attributes_with(0, 3, ATTRIBUTE_WRITE);
    assert_int_equal(attributes_level_of(0), 0);
    assert_int_equal(attributes_level_of(attributes_with(word, 7, ATTRIBUTE_READ)), 3);
    assert_int_equal(attributes_level_of(attributes_with(0, 1, ATTRIBUTE_READ)), 1);
    assert_int_equal(attributes_level_of(attributes_with(0, 15, ATTRIBUTE_USER)), 15);
}

static void a_change_of_one_level_leaves_the_others(void **state)
{
    (void)state;
    uint64_t word = attributes_with(UINT64_MAX, 15, 0);
    assert_true(word == UINT64_MAX >> 4);
    assert_true(attributes_with(word, 15, 15) == UINT64_MAX);
}

static void a_word_that_was_never_written_is_zero(void **state)
{
    (void)state;
    struct error error;
    struct memory *memory = memory_create(NULL);
    assert_true(memory_add_ram(memory, gpa(0), 2 * PAGE_SIZE, "ram", &error));
    struct memory_slot *slot = (struct memory_slot *)(uintptr_t)memory_find(memory, gpa(0));
    assert_true(attributes_load(slot, gpa(0)) == 0);
    const uint64_t word = attributes_with(0, 1, ATTRIBUTE_WRITE | ATTRIBUTE_USER);
    attributes_store(slot, gpa(PAGE_SIZE), word);
    assert_true(attributes_load(slot, gpa(PAGE_SIZE - 1)) == 0);
    assert_true(attributes_load(slot, gpa(PAGE_SIZE)) == word);
    assert_true(attributes_load(slot, gpa(2 * PAGE_SIZE - 1)) == word);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_denies_nothing),
        cmocka_unit_test(a_level_binds_the_levels_below_it_only),
        cmocka_unit_test(a_right_is_what_no_higher_level_denies),
        cmocka_unit_test(the_lowest_denier_is_named),
        cmocka_unit_test(a_change_of_one_level_leaves_the_others),
        cmocka_unit_test(a_word_that_was_never_written_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
