/* SPDX-License-Identifier: Apache-2.0 */
/* Finding code that runs often, and translating it: while another thread writes it, or takes it away. */
#include "test_riscv_fixture.h"

#include "engine/interp/block.h"
#include "engine/interp/interp.h"
#include "engine/jit/region.h"

#include <pthread.h>
#include <stdatomic.h>

#define CODE (RAM_BASE + 0x1000)
#define LAST (CODE + PAGE_SIZE - 2) /* what stands here alone in its page is 16 bits long, or goes on in the next */

enum { T0 = 5, T1 = 6 };

static void write_code(const struct fixture *fixture, uint64_t address, const void *code, size_t size)
{
    assert_true(memory_write(fixture->memory, gpa(address), code, size));
}

/* -- Written ------------------------------------------------------------------------------------------------------- */

#define SHORT 0x0305u /* c.addi t1, 1 */
#define LONG  0x8293u /* addi t0, t0, 1: its first half */
#define REST  0x0012u /* and its second */

struct writer {
    _Atomic uint16_t *parcel;
    atomic_bool is_over;
};

static void *write_in_turn(void *context)
{
    struct writer *writer = context;
    while (!atomic_load_explicit(&writer->is_over, memory_order_relaxed)) {
        atomic_store_explicit(writer->parcel, LONG, memory_order_relaxed);
        atomic_store_explicit(writer->parcel, SHORT, memory_order_relaxed);
    }
    return NULL;
}

static void no_hook(void *context, struct riscv_cpu *cpu, uint32_t encoding)
{
    (void)context, (void)cpu, (void)encoding;
}

/* Which of the two it is found to be may be either, but it is one. */
static void step_over(struct riscv_cpu *cpu)
{
    cpu->state.pc = LAST;
    cpu->state.x[T0] = cpu->state.x[T1] = 0;
    cpu->code_epoch++;
    interp_step(cpu);
    assert_int_equal(cpu->state.x[T0] + cpu->state.x[T1], 1);
    assert_int_equal(cpu->state.pc - LAST, cpu->state.x[T0] != 0 ? 4 : 2);
}

static void an_instruction_is_as_long_as_what_is_executed(void **state)
{
    (void)state;
    enum { STEPS = 300000 };
    struct fixture fixture;
    fixture_create(&fixture, 0, 1);
    struct riscv_cpu *cpu = fixture.cpu;
    const uint16_t parcels[] = { SHORT, REST };
    write_code(&fixture, LAST, parcels, sizeof parcels);
    struct writer writer = { .parcel = memory_pointer(fixture.memory, gpa(LAST), sizeof parcels[0], MEMORY_WRITE) };
    pthread_t thread;
    interp_create(cpu);
    interp_set_hook(cpu, no_hook, NULL); /* so that every step looks blocks up */
    assert_int_equal(pthread_create(&thread, NULL, write_in_turn, &writer), 0);
    for (unsigned i = 0; i < STEPS; i++) {
        step_over(cpu);
    }
    atomic_store(&writer.is_over, true);
    pthread_join(thread, NULL);
    interp_destroy(cpu);
    fixture_destroy(&fixture);
}

/* -- Taken away ---------------------------------------------------------------------------------------------------- */

static const uint32_t branches[] = {
    0x00028663, /* 0:  beq t0, zero, 12 */
    0x00130313, /* 4:  addi t1, t1, 1 */
    0xff9ff06f, /* 8:  j 0 */
    0x00000263, /* 12: beq zero, zero, 16: a block that ends */
    0xff1ff06f, /* 16: j 0 */
};

static unsigned looks, looks_before;

/* Asked for each target: in the middle of the region's making. */
static bool empty_caches(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host)
{
    (void)pc;
    (void)host;
    if (looks++ == looks_before) {
        tlb_flush(cpu->fetch_tlb);
    }
    return false;
}

/* A hart to whose interpreter this code is warm, with T0 0 and 1 in turn. */
static struct riscv_cpu *run_code(struct fixture *fixture, const void *code, size_t size)
{
    fixture_create(fixture, 0, 1);
    struct riscv_cpu *cpu = fixture->cpu;
    write_code(fixture, CODE, code, size);
    interp_create_for_jit(cpu);
    interp_heat_after(cpu, 0); /* whatever has run is hot */
    cpu->state.pc = CODE;
    for (unsigned i = 0; i < 100; i++) {
        cpu->state.x[T0] = i & 1;
        assert_non_null(interp_run_to_hot(cpu, true));
    }
    return cpu;
}

/* Both ways of the branch are warm. */
static struct riscv_cpu *run_branches(struct fixture *fixture)
{
    return run_code(fixture, branches, sizeof branches);
}

static void what_empties_the_fetch_tlb_does_not_disturb_a_region_in_the_making(void **state)
{
    (void)state;
    static struct region_plan plan;
    struct fixture fixture;
    struct riscv_cpu *cpu = run_branches(&fixture);
    const struct riscv_facts facts = region_facts(cpu);
    for (looks_before = 0; looks_before < 8; looks_before++) {
        const uint8_t *page;
        assert_true(riscv_fetch_page(cpu, CODE, &page));
        if (looks_before == 0) {
            tlb_flush(cpu->fetch_tlb);
        }
        struct ir_region *ir = ir_create();
        looks = 0;
        region_build(&plan, ir, cpu, CODE, page, &facts, empty_caches);
        assert_null(ir_verify(ir));
        assert_int_equal(plan.instruction_count, 5);
        assert_int_equal(plan.page_count, 1);
        assert_int_equal(plan.pages[0].addend, (uintptr_t)page - CODE);
        ir_free(ir);
    }
    interp_destroy(cpu);
    fixture_destroy(&fixture);
}

/* -- Calls and returns ----------------------------------------------------------------------------------------------
 */

#define RETURN 0x00008067u /* jalr x0, 0(ra) */

static bool ends_nowhere(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host)
{
    (void)cpu, (void)pc, (void)host;
    return false;
}

/* The only jump through a register in the region. */
static const struct ir_value *indirect_exit(const struct ir_region *region)
{
    const struct ir_value *found = NULL;
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        if (block->last->op == IR_EXIT_INDIRECT) {
            assert_null(found);
            found = block->last;
        }
    }
    assert_non_null(found);
    return found;
}

/* Runs code that calls a function twice, whose last instruction is given, and counts how many of the two addresses
 * behind the calls are among its targets. All targets are those. */
static unsigned count_returns(uint32_t last)
{
    const uint32_t calls[] = {
        0x010000ef, /* 0:  jal ra, 16 */
        0x00130313, /* 4:  addi t1, t1, 1 */
        0x008000ef, /* 8:  jal ra, 16 */
        0xff5ff06f, /* 12: j 0 */
        0x00128293, /* 16: addi t0, t0, 1 */
        last,       /* 20 */
    };
    static struct region_plan plan;
    struct fixture fixture;
    struct riscv_cpu *cpu = run_code(&fixture, calls, sizeof calls);
    const struct riscv_facts facts = region_facts(cpu);
    const uint8_t *page;
    assert_true(riscv_fetch_page(cpu, CODE, &page));
    struct ir_region *ir = ir_create();
    region_build(&plan, ir, cpu, CODE, page, &facts, ends_nowhere);
    assert_null(ir_verify(ir));
    assert_int_equal(plan.instruction_count, 6);
    const struct ir_value *exit = indirect_exit(ir);
    bool first = false, second = false;
    for (unsigned i = 0; i < exit->target_count; i++) {
        const bool is_first = exit->targets[i]->pc == CODE + 4, is_second = exit->targets[i]->pc == CODE + 12;
        assert_true(is_first || is_second);
        first |= is_first;
        second |= is_second;
    }
    ir_free(ir);
    interp_destroy(cpu);
    fixture_destroy(&fixture);
    return (unsigned)first + second;
}

static void a_return_leads_to_the_addresses_behind_calls_of_the_region(void **state)
{
    (void)state;
    assert_int_equal(count_returns(RETURN), 2);
    assert_int_equal(count_returns(0x8082), 2); /* c.jr ra */
}

/* -- Run for long -------------------------------------------------------------------------------------------------- */

static void a_block_that_is_met_hot_again_and_again_stays_hot(void **state)
{
    (void)state;
    struct fixture fixture;
    struct riscv_cpu *cpu = run_branches(&fixture);
    struct interp_block *hot = interp_run_to_hot(cpu, false);
    hot->heat = INT32_MAX - 1;
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(interp_run_to_hot(cpu, false), hot);
    }
    interp_destroy(cpu);
    fixture_destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instruction_is_as_long_as_what_is_executed),
        cmocka_unit_test(what_empties_the_fetch_tlb_does_not_disturb_a_region_in_the_making),
        cmocka_unit_test(a_return_leads_to_the_addresses_behind_calls_of_the_region),
        cmocka_unit_test(a_block_that_is_met_hot_again_and_again_stays_hot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
