/* SPDX-License-Identifier: Apache-2.0 */
/* What loops remember of pages they use (engine/jit/x86_64/memos.c), in host code that runs. */
#include "test_riscv_fixture.h"

#include "engine/jit/host.h"

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

static void what_a_loop_remembers_of_a_page_is_not_used_for_the_page_before(void **state)
{
    (void)state;
    enum { COUNT = 600 }; /* half of them to each side of the boundary */
    static _Alignas(PAGE_SIZE) uint64_t elsewhere[3 * PAGE_SIZE / 8];
    struct fixture fixture;
    struct error error;
    fixture_create(&fixture, 0, 1);
    struct riscv_cpu *cpu = fixture.cpu;
    cpu->facts_key = FACTS_KEY;
    struct host *host = host_create(cpu, &error);
    assert_non_null(host);
    struct ir_region *region = sum_of_pairs();
    const struct host_request request = { .region = region,
                                          .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                          .facts_key = FACTS_KEY };
    struct host_code code;
    assert_null(ir_verify(region));
    assert_int_equal(host_compile(host, &request, &code), HOST_COMPILED);
    ir_free(region);
    uint64_t base = WINDOW - PAGE_SIZE, expected = 0;
    uint64_t *pages = (uint64_t *)(void *)memory_pointer(fixture.memory, gpa(base), 2 * PAGE_SIZE, MEMORY_WRITE);
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
    cpu->state.x[10] = base + first * UINT64_C(8);
    cpu->state.x[11] = 0;
    cpu->state.x[12] = COUNT;
    assert_int_equal(host_enter(host, code.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(cpu->state.x[11], expected);
    host_destroy(host);
    fixture_destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_loop_remembers_of_a_page_is_not_used_for_the_page_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
