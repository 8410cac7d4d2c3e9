/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing where jumps through a register lead, from registers and memory of a CPU that stands still. */
#include "test_riscv_fixture.h"

#include "engine/jit/guess.h"

#define X(n)  ((uint32_t)offsetof(struct riscv_cpu, state.x[n]))
#define TABLE (RAM_BASE + 0x2ff0) /* goes on in the next page */
#define CODE  (RAM_BASE + 0x8000)

enum { A2 = 12, A4 = 14, A5 = 15 };

struct test {
    struct fixture fixture;
    struct ir_region *region;
    struct ir_block *block;
    uint64_t targets[GUESSES_MAX];
};

static struct test test;

static int set_up(void **state)
{
    (void)state;
    fixture_create(&test.fixture, 0, 1);
    test.region = ir_create();
    test.block = ir_add_block(test.region, CODE);
    ir_mark(test.block, CODE, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ir_free(test.region);
    fixture_destroy(&test.fixture);
    return 0;
}

static void write_word(uint64_t address, uint64_t value, unsigned size)
{
    assert_true(memory_write(test.fixture.memory, gpa(address), &value, size));
}

/* Memory is looked at where the translation cache knows it. */
static void touch(uint64_t address)
{
    uint64_t value;
    assert_true(riscv_load_slow(test.fixture.cpu, address, 1, &value));
}

static struct ir_value *get(unsigned number)
{
    return ir_get(test.block, IR_I64, X(number));
}

static struct ir_value *constant(uint64_t value)
{
    return ir_constant(test.block, IR_I64, value);
}

static unsigned guess(struct ir_value *address)
{
    ir_exit_indirect(test.block, ir_binary(test.block, IR_AND, address, constant(~UINT64_C(1))), NULL, 0, 1);
    assert_null(ir_verify(test.region));
    return guess_targets(test.fixture.cpu, test.block->last, test.targets);
}

/* As compilers write it, each step through a register: base + sext(load32(base + (index << 2))). */
static struct ir_value *distance_jump(void)
{
    ir_put(test.block, X(A4), ir_binary(test.block, IR_SHL, get(A5), constant(2)));
    ir_put(test.block, X(A4), ir_binary(test.block, IR_ADD, get(A4), get(A2)));
    ir_put(test.block, X(A4), ir_sext(test.block, IR_I64, ir_load(test.block, 4, IR_I32, get(A4)), 32));
    ir_put(test.block, X(A4), ir_binary(test.block, IR_ADD, get(A4), get(A2)));
    return get(A4);
}

static void fill_distances(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        write_word(TABLE + 4 * i, CODE + 0x10 * i - TABLE, 4);
    }
}

static void a_table_of_distances_is_read_across_pages(void **state)
{
    (void)state;
    fill_distances(7);
    touch(TABLE);
    touch(TABLE + 0x10);
    test.fixture.cpu->state.x[A2] = TABLE;
    test.fixture.cpu->state.x[A5] = 0x123456789; /* whatever the index is now */
    assert_true(guess(distance_jump()) >= 7);    /* nothing says where it ends */
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(test.targets[i], CODE + 0x10 * i);
    }
}

static void a_page_that_is_not_in_the_translation_cache_ends_the_table(void **state)
{
    (void)state;
    fill_distances(7);
    touch(TABLE);
    test.fixture.cpu->state.x[A2] = TABLE;
    assert_int_equal(guess(distance_jump()), 4);
}

static void a_base_that_another_block_makes_counts_more_than_the_register_of_now(void **state)
{
    (void)state;
    struct ir_block *maker = ir_add_block(test.region, CODE + 0x100);
    ir_mark(maker, CODE + 0x100, 0);
    ir_put(maker, X(A2), ir_constant(maker, IR_I64, TABLE));
    ir_exit(maker, CODE, 1);
    fill_distances(3);
    touch(TABLE);
    test.fixture.cpu->state.x[A2] = HOLE;
    assert_true(guess(distance_jump()) >= 3);
    assert_int_equal(test.targets[2], CODE + 0x20);
}

static void a_table_of_addresses_names_each_once_and_goes_no_further_than_the_limit(void **state)
{
    (void)state;
    uint64_t base = RAM_BASE + 0x4000;
    for (unsigned i = 0; i < 2 * GUESSES_MAX; i++) {
        write_word(base + 8 * i, CODE + 2 * (i / 2), 8);
    }
    touch(base);
    test.fixture.cpu->state.x[A2] = base;
    struct ir_value *offset = ir_binary(test.block, IR_SHL, get(A5), constant(3));
    struct ir_value *address = ir_binary(test.block, IR_ADD, offset, get(A2));
    assert_int_equal(guess(ir_load(test.block, 8, IR_I64, address)), GUESSES_MAX / 2);
    assert_int_equal(test.targets[GUESSES_MAX / 2 - 1], CODE + GUESSES_MAX - 2);
}

static void an_address_without_a_table_is_one_target(void **state)
{
    (void)state;
    test.fixture.cpu->state.x[A5] = CODE + 0x21; /* the lowest bit goes */
    assert_int_equal(guess(get(A5)), 1);
    assert_int_equal(test.targets[0], CODE + 0x20);
}

static void what_cannot_be_evaluated_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(guess(ir_binary(test.block, IR_MUL, get(A5), get(A4))), 0);
}

static void memory_that_is_none_gives_nothing(void **state)
{
    (void)state;
    static const uint64_t bases[] = { 0, HOLE, DEVICE_BASE, UINT64_MAX - 6, UINT64_C(1) << 63, TABLE + 1 };
    touch(TABLE);
    ir_put(test.block, X(A4), get(A5));
    struct ir_value *jump = distance_jump();
    (void)guess(jump);
    for (unsigned i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        test.fixture.cpu->state.x[A2] = bases[i];
        assert_int_equal(guess_targets(test.fixture.cpu, test.block->last, test.targets), 0);
    }
}

/* x = x + x, again and again: as many steps as 2 to the power of that. */
static void long_computations_are_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        ir_put(test.block, X(A5), ir_binary(test.block, IR_ADD, get(A5), get(A5)));
    }
    assert_int_equal(guess(get(A5)), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_table_of_distances_is_read_across_pages),
        TEST(a_page_that_is_not_in_the_translation_cache_ends_the_table),
        TEST(a_base_that_another_block_makes_counts_more_than_the_register_of_now),
        TEST(a_table_of_addresses_names_each_once_and_goes_no_further_than_the_limit),
        TEST(an_address_without_a_table_is_one_target),
        TEST(what_cannot_be_evaluated_gives_nothing),
        TEST(memory_that_is_none_gives_nothing),
        TEST(long_computations_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
