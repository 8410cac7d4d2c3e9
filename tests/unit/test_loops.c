/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the loops of regions, which here have nothing but their terminators. */
#include "engine/jit/loops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define BLOCKS_MAX 24u

struct graph {
    struct ir_region *region;
    struct ir_block *blocks[BLOCKS_MAX];
};

static struct graph make_blocks(unsigned count)
{
    struct graph graph = { .region = ir_create() };
    for (unsigned i = 0; i < count; i++) {
        graph.blocks[i] = ir_add_block(graph.region, 0x1000 + 0x10 * i);
        graph.blocks[i]->weight = 1;
    }
    return graph;
}

static void go(const struct graph *graph, unsigned from, unsigned to)
{
    ir_jump(graph->blocks[from], graph->blocks[to], 1);
}

static void split(const struct graph *graph, unsigned from, unsigned to, unsigned other)
{
    struct ir_block *block = graph->blocks[from];
    struct ir_value *x = ir_get(block, IR_I64, 8);
    ir_branch(block, ir_compare(block, IR_NE, x, ir_constant(block, IR_I64, 0)), graph->blocks[to],
              graph->blocks[other], 1);
}

static void leave(const struct graph *graph, unsigned from)
{
    ir_exit(graph->blocks[from], 0x8000, 1);
}

static void blocks_in_no_loop_have_no_head_and_weigh_one(void **state)
{
    (void)state;
    struct graph graph = make_blocks(4);
    split(&graph, 0, 1, 2);
    go(&graph, 1, 3);
    go(&graph, 2, 3);
    leave(&graph, 3);
    graph.blocks[2]->is_loop_head = true;
    graph.blocks[1]->weight = 100;
    graph.blocks[3]->weight = 0;
    loops_find(graph.region);
    assert_null(ir_verify(graph.region));
    for (unsigned i = 0; i < 4; i++) {
        assert_false(graph.blocks[i]->is_loop_head);
        assert_int_equal(graph.blocks[i]->weight, i != 3);
    }
    ir_free(graph.region);
}

static void a_block_that_jumps_to_itself_is_a_loop(void **state)
{
    (void)state;
    struct graph graph = make_blocks(3);
    go(&graph, 0, 1);
    split(&graph, 1, 1, 2);
    leave(&graph, 2);
    loops_find(graph.region);
    assert_null(ir_verify(graph.region));
    assert_true(graph.blocks[1]->is_loop_head);
    assert_int_equal(graph.blocks[0]->weight, 1);
    assert_int_equal(graph.blocks[1]->weight, LOOP_WEIGHT);
    assert_int_equal(graph.blocks[2]->weight, 1);
    ir_free(graph.region);
}

/* 0 → 1 → 2 → 3 → 4, 3 → 2, 4 → 1, entered at `entry`. */
static struct graph nested_loops(unsigned entry)
{
    struct graph graph = make_blocks(7);
    go(&graph, 0, entry);
    go(&graph, 1, 2);
    go(&graph, 2, 3);
    split(&graph, 3, 2, 4);
    split(&graph, 4, 1, 5);
    leave(&graph, 5);
    leave(&graph, 6);
    return graph;
}

static void inner_loops_weigh_more_wherever_a_region_is_entered(void **state)
{
    (void)state;
    static const uint32_t depths[] = {
        1, LOOP_WEIGHT, LOOP_WEIGHT * LOOP_WEIGHT, LOOP_WEIGHT * LOOP_WEIGHT, LOOP_WEIGHT, 1, 1
    };
    for (unsigned entry = 1; entry <= 4; entry++) {
        struct graph graph = nested_loops(entry);
        loops_find(graph.region);
        assert_null(ir_verify(graph.region));
        for (unsigned i = 0; i < 7; i++) {
            assert_int_equal(graph.blocks[i]->is_loop_head, i == 1 || i == 2);
            assert_int_equal(graph.blocks[i]->weight, depths[i]);
        }
        ir_free(graph.region);
    }
}

/* A switch in a loop: the targets lie before and behind, but one look at attention a round is enough. */
static void a_switch_in_a_loop_has_one_head(void **state)
{
    (void)state;
    struct graph graph = make_blocks(8);
    struct ir_block *targets[] = { graph.blocks[0], graph.blocks[1], graph.blocks[4], graph.blocks[5] };
    go(&graph, 0, 2);
    go(&graph, 1, 2);
    go(&graph, 2, 3);
    ir_exit_indirect(graph.blocks[3], ir_get(graph.blocks[3], IR_I64, 8), targets, 4, 1);
    go(&graph, 4, 6);
    go(&graph, 5, 6);
    split(&graph, 6, 2, 7);
    leave(&graph, 7);
    loops_find(graph.region);
    assert_null(ir_verify(graph.region));
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(graph.blocks[i]->weight, LOOP_WEIGHT);
        assert_int_equal(graph.blocks[i]->is_loop_head, i == 2);
    }
    ir_free(graph.region);
}

static void every_cycle_of_a_random_graph_has_a_head(void **state)
{
    (void)state;
    const char *given = getenv("RAVELIN_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    printf("# RAVELIN_SEED=%u\n", seed);
    for (unsigned round = 0; round < 5000; round++) {
        unsigned count = 1 + (unsigned)rand_r(&seed) % BLOCKS_MAX;
        struct graph graph = make_blocks(count);
        for (unsigned i = 0; i < count; i++) {
            unsigned kind = (unsigned)rand_r(&seed) % 4, to = (unsigned)rand_r(&seed) % count;
            if (kind == 0) {
                leave(&graph, i);
            } else if (kind == 1) {
                go(&graph, i, to);
            } else {
                split(&graph, i, to, (unsigned)rand_r(&seed) % count);
            }
        }
        loops_find(graph.region);
        assert_null(ir_verify(graph.region)); /* it looks for cycles without a head */
        ir_free(graph.region);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_in_no_loop_have_no_head_and_weigh_one),
        cmocka_unit_test(a_block_that_jumps_to_itself_is_a_loop),
        cmocka_unit_test(inner_loops_weigh_more_wherever_a_region_is_entered),
        cmocka_unit_test(a_switch_in_a_loop_has_one_head),
        cmocka_unit_test(every_cycle_of_a_random_graph_has_a_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
