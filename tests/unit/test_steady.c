/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses of a loop are taken to stay in a page. Slots are named by numbers of no guest's. */
#include "engine/jit/steady.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define POINTER 8u
#define INDEX   16u
#define OTHER   24u
#define WEIGHT  8u

struct loop {
    struct ir_region *region;
    struct ir_block *block;
};

static struct loop begin(void)
{
    struct ir_region *region = ir_create();
    struct loop loop = { region, ir_add_block(region, 0x1000) };
    loop.block->weight = WEIGHT;
    return loop;
}

static struct ir_value *get(const struct loop *loop, uint32_t slot)
{
    return ir_get(loop->block, IR_I64, slot);
}

static struct ir_value *number(const struct loop *loop, uint64_t value)
{
    return ir_constant(loop->block, IR_I64, value);
}

static struct ir_value *binary(const struct loop *loop, enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    return ir_binary(loop->block, op, a, b);
}

/* Whether the address is steady in the loop, which ends here. */
static bool stays(struct loop *loop, const struct ir_value *address)
{
    struct steady steady = { .count = 0 };
    ir_exit(loop->block, 0x1004, 0);
    steady_find(&steady, loop->region, WEIGHT);
    bool result = steady_address(&steady, address);
    ir_free(loop->region);
    return result;
}

static void what_the_loop_does_not_change_stays(void **state)
{
    (void)state;
    struct loop loop = begin();
    assert_true(stays(&loop, binary(&loop, IR_ADD, get(&loop, POINTER), number(&loop, 0x12345678))));
}

static bool stays_by_steps(enum ir_op op, uint64_t step)
{
    struct loop loop = begin();
    struct ir_value *address = get(&loop, POINTER);
    ir_put(loop.block, POINTER, binary(&loop, op, address, number(&loop, step)));
    return stays(&loop, address);
}

static void what_moves_by_small_steps_stays(void **state)
{
    (void)state;
    assert_true(stays_by_steps(IR_ADD, STEADY_STEP_MAX - 1));
    assert_true(stays_by_steps(IR_ADD, STEADY_STEP_MAX));
    assert_false(stays_by_steps(IR_ADD, STEADY_STEP_MAX + 1));
    assert_true(stays_by_steps(IR_ADD, -(uint64_t)STEADY_STEP_MAX));
    assert_false(stays_by_steps(IR_ADD, -(uint64_t)STEADY_STEP_MAX - 1));
    assert_true(stays_by_steps(IR_SUB, STEADY_STEP_MAX));
    assert_false(stays_by_steps(IR_SUB, STEADY_STEP_MAX + 1));
}

static void a_step_that_is_not_known_is_long(void **state)
{
    (void)state;
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        struct loop loop = begin();
        struct ir_value *address = get(&loop, POINTER), *step = get(&loop, OTHER);
        ir_put(loop.block, POINTER,
               swapped != 0 ? binary(&loop, IR_ADD, step, address) : binary(&loop, IR_ADD, address, step));
        assert_false(stays(&loop, address));
    }
}

static bool stays_by_index(uint64_t shift)
{
    struct loop loop = begin();
    struct ir_value *index = get(&loop, INDEX);
    struct ir_value *scaled = binary(&loop, IR_SHL, index, number(&loop, shift));
    ir_put(loop.block, OTHER, binary(&loop, IR_ADD, get(&loop, POINTER), scaled));
    struct ir_value *address = get(&loop, OTHER);
    ir_put(loop.block, INDEX, binary(&loop, IR_ADD, index, number(&loop, 1)));
    return stays(&loop, address);
}

static void an_index_that_moves_by_small_steps_stays_if_it_is_scaled_little(void **state)
{
    (void)state;
    assert_true(stays_by_index(STEADY_SHIFT_MAX - 1));
    assert_true(stays_by_index(STEADY_SHIFT_MAX));
    assert_false(stays_by_index(STEADY_SHIFT_MAX + 1));
}

/* A product may be anything; so may what is made from it, however late that is seen. */
static struct loop scatter(void)
{
    struct loop loop = begin();
    ir_put(loop.block, OTHER, binary(&loop, IR_ADD, get(&loop, INDEX), number(&loop, 8)));
    ir_put(loop.block, INDEX, binary(&loop, IR_MUL, get(&loop, INDEX), number(&loop, 0x9e3779b97f4a7c15)));
    return loop;
}

static void what_is_computed_otherwise_may_be_anywhere(void **state)
{
    (void)state;
    struct loop loop = scatter();
    assert_false(stays(&loop, get(&loop, INDEX)));
    loop = scatter();
    assert_false(stays(&loop, get(&loop, OTHER)));
    loop = scatter();
    assert_true(stays(&loop, get(&loop, POINTER)));
}

static bool stays_in_table(uint64_t mask)
{
    struct loop loop = scatter();
    struct ir_value *index = binary(&loop, IR_AND, get(&loop, INDEX), number(&loop, mask));
    return stays(&loop, binary(&loop, IR_ADD, get(&loop, POINTER), index));
}

static void anywhere_in_a_small_table_stays(void **state)
{
    (void)state;
    assert_true(stays_in_table(STEADY_SMALL - 1));
    assert_true(stays_in_table(STEADY_SMALL));
    assert_false(stays_in_table(STEADY_SMALL + 1));
}

static void a_list_stays(void **state)
{
    (void)state;
    struct loop loop = begin();
    struct ir_value *address = get(&loop, POINTER);
    ir_put(loop.block, POINTER, ir_load(loop.block, 8, IR_I64, address));
    assert_true(stays(&loop, address));
}

static void an_index_that_is_loaded_does_not(void **state)
{
    (void)state;
    struct loop loop = begin();
    ir_put(loop.block, INDEX, ir_load(loop.block, 4, IR_I64, get(&loop, POINTER)));
    assert_false(stays(&loop, binary(&loop, IR_ADD, get(&loop, OTHER), get(&loop, INDEX))));
}

static void what_lighter_blocks_put_does_not_count(void **state)
{
    (void)state;
    struct loop loop = scatter();
    loop.block->weight = WEIGHT - 1;
    assert_true(stays(&loop, get(&loop, INDEX)));
}

static bool stays_beside(unsigned unsteady_count)
{
    struct loop loop = begin();
    for (uint32_t i = 0; i < unsteady_count; i++) {
        struct ir_value *a = get(&loop, 1000 + 8 * i);
        ir_put(loop.block, 1000 + 8 * i, binary(&loop, IR_MUL, a, a));
    }
    return stays(&loop, get(&loop, POINTER));
}

static void beside_too_many_unsteady_slots_none_counts_as_steady(void **state)
{
    (void)state;
    assert_true(stays_beside(STEADY_SLOTS_MAX - 1));
    assert_false(stays_beside(STEADY_SLOTS_MAX));
    assert_false(stays_beside(STEADY_SLOTS_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_loop_does_not_change_stays),
        cmocka_unit_test(what_moves_by_small_steps_stays),
        cmocka_unit_test(a_step_that_is_not_known_is_long),
        cmocka_unit_test(an_index_that_moves_by_small_steps_stays_if_it_is_scaled_little),
        cmocka_unit_test(what_is_computed_otherwise_may_be_anywhere),
        cmocka_unit_test(anywhere_in_a_small_table_stays),
        cmocka_unit_test(a_list_stays),
        cmocka_unit_test(an_index_that_is_loaded_does_not),
        cmocka_unit_test(what_lighter_blocks_put_does_not_count),
        cmocka_unit_test(beside_too_many_unsteady_slots_none_counts_as_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
