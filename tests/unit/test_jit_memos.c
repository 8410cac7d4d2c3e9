/* SPDX-License-Identifier: Apache-2.0 */
/* What loops remember of pages they use (engine/jit/x86_64/memos.c), in host code that runs. */
#include "test_riscv_fixture.h"

#include "engine/jit/host.h"
#if defined(__x86_64__)
#include "engine/jit/x86_64/compile.h"
#endif

#include <stdlib.h>
#include <string.h>

#define X(n)      ((uint32_t)offsetof(struct riscv_cpu, state.x[n]))
#define PC        UINT64_C(0x80001000)
#define WINDOW    (RAM_BASE + RAM_SIZE - PAGE_SIZE)
#define FACTS_KEY 0x1234u

/* x11 += [x10] + [x10 + 8], x10 -= 8, x12 times. */
static struct ir_region *sum_of_pairs(void)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *end = ir_add_block(region, PC + 4);
    block->is_loop_head = true;
    block->weight = 8;
    ir_mark(block, PC, 0);
    struct ir_value *address = ir_get(block, IR_I64, X(10)), *eight = ir_constant(block, IR_I64, 8);
    struct ir_value *low = ir_load(block, 8, IR_I64, address);
    struct ir_value *high = ir_load(block, 8, IR_I64, ir_binary(block, IR_ADD, address, eight));
    struct ir_value *sum = ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(11)), ir_binary(block, IR_ADD, low, high));
    ir_put(block, X(11), sum);
    ir_put(block, X(10), ir_binary(block, IR_SUB, address, eight));
    struct ir_value *left = ir_binary(block, IR_SUB, ir_get(block, IR_I64, X(12)), ir_constant(block, IR_I64, 1));
    ir_put(block, X(12), left);
    ir_branch(block, ir_compare(block, IR_NE, left, ir_constant(block, IR_I64, 0)), block, end, 1);
    ir_exit(end, PC + 4, 0);
    return region;
}

/* x11 += [x10], or [x10] = x12; x10 += 8, x12 times. */
static struct ir_region *loads_or_stores(bool loads)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *end = ir_add_block(region, PC + 4);
    block->is_loop_head = true;
    block->weight = 8;
    ir_mark(block, PC, 0);
    struct ir_value *address = ir_get(block, IR_I64, X(10)), *count = ir_get(block, IR_I64, X(12));
    if (loads) {
        struct ir_value *loaded = ir_load(block, 8, IR_I64, address);
        ir_put(block, X(11), ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(11)), loaded));
    } else {
        ir_store(block, 8, address, count);
    }
    ir_put(block, X(10), ir_binary(block, IR_ADD, address, ir_constant(block, IR_I64, 8)));
    struct ir_value *left = ir_binary(block, IR_SUB, count, ir_constant(block, IR_I64, 1));
    ir_put(block, X(12), left);
    ir_branch(block, ir_compare(block, IR_NE, left, ir_constant(block, IR_I64, 0)), block, end, 1);
    ir_exit(end, PC + 4, 0);
    return region;
}

struct bench {
    struct fixture fixture;
    struct host *host;
    struct host_code code;
};

/* A hart, and code for the region, which is freed. */
static struct riscv_cpu *bench_create(struct bench *bench, struct ir_region *region)
{
    struct error error;
    fixture_create(&bench->fixture, 0, 1);
    struct riscv_cpu *cpu = bench->fixture.cpu;
    cpu->facts_key = FACTS_KEY;
    bench->host = host_create(cpu, &error);
    assert_non_null(bench->host);
    const struct host_request request = { .region = region,
                                          .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                          .facts_key = FACTS_KEY };
    assert_null(ir_verify(region));
    assert_int_equal(host_compile(bench->host, &request, &bench->code), HOST_COMPILED);
    ir_free(region);
    return cpu;
}

static void bench_destroy(struct bench *bench)
{
    host_destroy(bench->host);
    fixture_destroy(&bench->fixture);
}

static void run_loop(struct bench *bench, uint64_t address, uint64_t count)
{
    struct riscv_cpu *cpu = bench->fixture.cpu;
    cpu->state.x[10] = address;
    cpu->state.x[11] = 0;
    cpu->state.x[12] = count;
    assert_int_equal(host_enter(bench->host, bench->code.checked_entry).exit, HOST_EXIT_LINK);
}

static void what_a_loop_remembers_of_a_page_is_not_used_for_the_page_before(void **state)
{
    (void)state;
    enum { COUNT = 600 }; /* half of them to each side of the boundary */
    static _Alignas(PAGE_SIZE) uint64_t elsewhere[3 * PAGE_SIZE / 8];
    struct bench bench;
    struct riscv_cpu *cpu = bench_create(&bench, sum_of_pairs());
    uint64_t base = WINDOW - PAGE_SIZE, expected = 0;
    uint64_t *pages = (uint64_t *)(void *)memory_pointer(bench.fixture.memory, gpa(base), 2 * PAGE_SIZE, MEMORY_WRITE);
    for (unsigned i = 0; i < 2 * PAGE_SIZE / 8; i++) {
        pages[i] = i + 1;
    }
    /* The upper page as it would be elsewhere in the host's memory, with something else in front of it. */
    memcpy(elsewhere + PAGE_SIZE / 8, pages + PAGE_SIZE / 8, PAGE_SIZE);
    const struct tlb_page entry = { .host = elsewhere + PAGE_SIZE / 8, .rights = MEMORY_READ, .size = PAGE_SIZE };
    tlb_fill(cpu->data_tlb, WINDOW, &entry);
    unsigned first = PAGE_SIZE / 8 + COUNT / 2;
    for (unsigned i = 0; i < COUNT; i++) {
        expected += pages[first - i] + pages[first - i + 1];
    }
    run_loop(&bench, base + first * UINT64_C(8), COUNT);
    assert_int_equal(cpu->state.x[11], expected);
    bench_destroy(&bench);
}

static void flush_page_of_window(struct tlb *tlb)
{
    tlb_flush_page(tlb, WINDOW + 8);
}

static void every_flush_makes_a_loop_forget_where_it_loaded_from(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static void (*const flushes[])(struct tlb *tlb) = { tlb_flush, tlb_flush_space, flush_page_of_window };
    static _Alignas(PAGE_SIZE) uint64_t elsewhere[PAGE_SIZE / 8];
    const struct tlb_page entry = { .host = elsewhere, .rights = MEMORY_READ, .size = PAGE_SIZE };
    for (unsigned i = 0; i < sizeof flushes / sizeof flushes[0]; i++) {
        struct bench bench;
        struct riscv_cpu *cpu = bench_create(&bench, loads_or_stores(true));
        for (unsigned word = 0; word < PAGE_SIZE / 8; word++) {
            elsewhere[word] = i + 1;
        }
        tlb_fill(cpu->data_tlb, WINDOW, &entry);
        run_loop(&bench, WINDOW, COUNT);
        assert_int_equal(cpu->state.x[11], COUNT * (i + UINT64_C(1)));
        flushes[i](cpu->data_tlb); /* what is there now is the machine's RAM, which is 0 */
        run_loop(&bench, WINDOW, COUNT);
        assert_int_equal(cpu->state.x[11], 0);
        bench_destroy(&bench);
    }
}

static void a_loop_marks_its_page_dirty_again_when_rights_to_write_were_taken(void **state)
{
    (void)state;
    struct bench bench;
    struct riscv_cpu *cpu = bench_create(&bench, loads_or_stores(false));
    const struct memory_slot *slot = memory_find(bench.fixture.memory, gpa(WINDOW));
    const uint64_t page = (WINDOW - RAM_BASE) / PAGE_SIZE;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t bits;
        run_loop(&bench, WINDOW, 100);
        assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 1);
        tlb_flush_writes(cpu->data_tlb);
    }
    bench_destroy(&bench);
}

#if defined(__x86_64__)
static void a_handler_voids_the_memos_of_the_region_that_runs_and_no_others(void **state)
{
    (void)state;
    struct runtime_data *data = aligned_alloc(_Alignof(struct runtime_data), sizeof *data);
    assert_non_null(data);
    memset(data, 0, sizeof *data);
    for (unsigned i = 0; i < 6; i++) {
        data->memos[10 + i].tag = i;
    }
    data->memos[11].count = 3; /* 12 … 14 */
    data->running_memos = 11;
    memos_interrupted(data);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(data->memos[10 + i].tag, i >= 2 && i <= 4 ? TLB_NO_TAG : i);
    }
    free(data);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_loop_remembers_of_a_page_is_not_used_for_the_page_before),
        cmocka_unit_test(every_flush_makes_a_loop_forget_where_it_loaded_from),
        cmocka_unit_test(a_loop_marks_its_page_dirty_again_when_rights_to_write_were_taken),
#if defined(__x86_64__)
        cmocka_unit_test(a_handler_voids_the_memos_of_the_region_that_runs_and_no_others),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
