/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored where registers are short (engine/jit/x86_64/registers.c, pins.c), counted in the host code. */
#include "test_riscv_fixture.h"

#include "engine/jit/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(n)      ((uint32_t)offsetof(struct riscv_cpu, state.x[n]))
#define PC        UINT64_C(0x80001000)
#define FACTS_KEY 0x1234u
#define FIRST     10u
#define COUNT     20u

struct bench {
    struct fixture fixture;
    struct riscv_cpu *cpu;
    struct host *host;
};

static void bench_create(struct bench *bench)
{
    struct error error;
    fixture_create(&bench->fixture, 0, 1);
    bench->cpu = bench->fixture.cpu;
    bench->cpu->facts_key = FACTS_KEY;
    bench->host = host_create(bench->cpu, &error);
    if (bench->host == NULL) {
        print_message("not on this host: %s\n", error.text);
        skip();
    }
}

static void bench_destroy(struct bench *bench)
{
    host_destroy(bench->host);
    fixture_destroy(&bench->fixture);
}

/* Moves from registers to the frame, in text. */
static unsigned stores_to_frame(const struct host_code *code)
{
    char *text = NULL, *at;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    host_dump(code, stream);
    assert_int_equal(fclose(stream), 0);
    unsigned stores = 0;
    for (at = text; (at = strstr(at, "mov      qword ptr [rsp")) != NULL; at++) {
        stores++;
    }
    assert_non_null(strstr(text, "add")); /* it is a text of instructions, then */
    free(text);
    return stores;
}

static struct host_code compile_and_free(struct bench *bench, struct ir_region *region)
{
    struct host_request request = { .region = region,
                                    .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                    .facts_key = FACTS_KEY };
    struct host_code code;
    assert_null(ir_verify(region));
    assert_int_equal(host_compile(bench->host, &request, &code), HOST_COMPILED);
    ir_free(region);
    return code;
}

static struct ir_value *plus(struct ir_block *block, unsigned number, uint64_t addend)
{
    return ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(number)), ir_constant(block, IR_I64, addend));
}

/* COUNT registers get 3 more; the slots of the first `again` of them 1 after it; x5 the sum of what all were first. */
static struct ir_region *sum_of_increments(unsigned again, bool as_words)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    struct ir_value *values[COUNT];
    ir_mark(block, PC, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        values[i] = plus(block, FIRST + i, 3);
        if (as_words) {
            values[i] = ir_unary(block, IR_TRUNC, IR_I32, values[i]);
            values[i] = ir_binary(block, IR_MUL, values[i], ir_constant(block, IR_I32, 5));
            ir_put(block, X(FIRST + i), ir_sext(block, IR_I64, values[i], 32));
        } else {
            ir_put(block, X(FIRST + i), values[i]);
        }
    }
    for (unsigned i = 0; i < again; i++) {
        ir_put(block, X(FIRST + i), ir_constant(block, IR_I64, 1));
    }
    struct ir_value *sum = values[0];
    for (unsigned i = 1; i < COUNT; i++) {
        sum = ir_binary(block, IR_ADD, sum, values[i]);
    }
    ir_put(block, X(5), as_words ? ir_unary(block, IR_ZEXT, IR_I64, sum) : sum);
    ir_exit(block, PC + 4, 1);
    return region;
}

static void run_sum(unsigned again, bool as_words, unsigned stores_min, unsigned stores_max)
{
    struct bench bench;
    bench_create(&bench);
    uint64_t *x = bench.cpu->state.x, wide = 0;
    struct host_code code = compile_and_free(&bench, sum_of_increments(again, as_words));
    for (unsigned i = 0; i < COUNT; i++) {
        x[FIRST + i] = UINT64_C(0x1234567890123456) * (i + 1);
        wide += (x[FIRST + i] + 3) * (as_words ? 5 : 1);
    }
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(x[5], as_words ? (uint32_t)wide : wide);
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t is = UINT64_C(0x1234567890123456) * (i + 1) + 3;
        assert_int_equal(x[FIRST + i], i < again ? 1 : as_words ? (uint64_t)(int32_t)((uint32_t)is * 5) : is);
    }
    assert_in_range(stores_to_frame(&code), stores_min, stores_max);
    bench_destroy(&bench);
}

static void a_value_that_its_slot_holds_is_not_stored_again(void **state)
{
    (void)state;
    run_sum(0, false, 0, 0);
}

static void a_word_that_a_slot_holds_extended_is_not_stored_again(void **state)
{
    (void)state;
    run_sum(0, true, 0, 0);
}

static void a_value_outlives_another_in_its_slot(void **state)
{
    (void)state;
    for (unsigned again = 1; again <= COUNT; again++) {
        run_sum(again, false, 0, COUNT);
        run_sum(again, true, 0, COUNT);
    }
}

/* 12 registers are read and written once, while `count` products are there at once. */
static struct ir_region *crowd(unsigned count)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *end = ir_add_block(region, PC + 4);
    struct ir_value *values[COUNT];
    block->is_loop_head = true;
    block->weight = 8;
    ir_mark(block, PC, 0);
    struct ir_value *x = ir_get(block, IR_I64, X(9));
    for (unsigned round = 0; round < 3; round++) {
        struct ir_value *sum = x;
        for (unsigned i = 0; i < count; i++) {
            values[i] = ir_binary(block, IR_MUL, x, ir_constant(block, IR_I64, 2 * i + 3));
        }
        for (unsigned i = 0; i < count; i++) {
            sum = ir_binary(block, IR_XOR, sum, values[i]);
        }
        x = sum;
    }
    for (unsigned i = 0; i < 12; i++) {
        ir_put(block, X(FIRST + i), ir_binary(block, IR_XOR, ir_get(block, IR_I64, X(FIRST + i)), x));
    }
    ir_put(block, X(9), x);
    ir_branch(block, ir_compare(block, IR_NE, x, ir_constant(block, IR_I64, 0)), block, end, 1);
    ir_exit(end, PC + 4, 0);
    return region;
}

static void a_loop_that_computes_much_at_once_has_fewer_registers_pinned(void **state)
{
    (void)state;
    struct bench bench;
    bench_create(&bench);
    for (unsigned count = 6; count <= 8; count++) { /* with 9 pins and 4 temporaries, that would be 9 stores and more */
        struct host_code code = compile_and_free(&bench, crowd(count));
        assert_int_equal(stores_to_frame(&code), 0);
    }
    struct host_code code = compile_and_free(&bench, crowd(14));
    assert_true(stores_to_frame(&code) > 0);
    bench_destroy(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_its_slot_holds_is_not_stored_again),
        cmocka_unit_test(a_word_that_a_slot_holds_extended_is_not_stored_again),
        cmocka_unit_test(a_value_outlives_another_in_its_slot),
        cmocka_unit_test(a_loop_that_computes_much_at_once_has_fewer_registers_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
