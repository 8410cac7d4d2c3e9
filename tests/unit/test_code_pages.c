/* SPDX-License-Identifier: Apache-2.0 */
/* What a fence makes doubtful (engine/jit/code_pages.h), on a machine of one hart and of several. */
#include "test_riscv_fixture.h"

#include "arch/riscv/hart.h"
#include "engine/jit/code_pages.h"
#include "memory/watch.h"

#include <stdatomic.h>

#define PLACE(number) (RAM_BASE + (number) * PAGE_SIZE)

struct test {
    struct fixture fixture;
    struct code_pages *pages;
    unsigned doubted[4]; /* how often, each owner; an owner is the address of its count */
    struct code_user users[4];
};

static void begin(struct test *test, unsigned cpu_count)
{
    *test = (struct test){ .pages = NULL };
    fixture_create(&test->fixture, 0, cpu_count);
    test->pages = code_pages_create(test->fixture.cpu);
}

static void end(struct test *test)
{
    code_pages_destroy(test->pages);
    fixture_destroy(&test->fixture);
}

static const uint8_t *page_at(const struct test *test, unsigned number)
{
    return memory_pointer(test->fixture.memory, gpa(PLACE(number)), 1, MEMORY_READ);
}

static void add(struct test *test, unsigned number)
{
    code_pages_add(test->pages, page_at(test, number), &test->users[number], &test->doubted[number]);
}

static void count_doubt(void *context, void *owner)
{
    assert_non_null(context);
    ++*(unsigned *)owner;
}

static void fence(struct test *test)
{
    memset(test->doubted, 0, sizeof test->doubted);
    assert_true(code_pages_meet_fence(test->pages, count_doubt, test));
}

static void write_to(const struct test *test, unsigned number)
{
    assert_true(memory_write(test->fixture.memory, gpa(PLACE(number)), "x", 1));
}

static void what_is_new_is_doubted_once_and_then_when_it_is_written(void **state)
{
    (void)state;
    struct test test;
    begin(&test, 1);
    add(&test, 1);
    add(&test, 2);
    fence(&test);
    assert_int_equal(test.doubted[1] + test.doubted[2], 2);
    fence(&test);
    assert_int_equal(test.doubted[1] + test.doubted[2], 0);
    write_to(&test, 2);
    write_to(&test, 3);
    fence(&test);
    assert_int_equal(test.doubted[1], 0);
    assert_int_equal(test.doubted[2], 1);
    fence(&test);
    assert_int_equal(test.doubted[2], 0);
    code_pages_remove(&test.users[2]);
    write_to(&test, 2);
    fence(&test);
    assert_int_equal(test.doubted[2], 0);
    end(&test);
}

static void store(struct riscv_cpu *cpu, unsigned number)
{
    assert_true(riscv_store_slow(cpu, PLACE(number), 8, 7));
}

static bool may_write(const struct riscv_cpu *cpu, unsigned number)
{
    return tlb_entry(cpu->data_tlb, PLACE(number))->write == PLACE(number);
}

static void a_fence_takes_the_own_rights_to_write_and_what_was_learned_from_them(void **state)
{
    (void)state;
    struct test test;
    begin(&test, 1);
    struct riscv_cpu *cpu = test.fixture.cpu;
    store(cpu, 1);
    store(cpu, 2);
    add(&test, 1);
    const uint64_t generation = cpu->data_tlb->generation;
    fence(&test);
    assert_false(may_write(cpu, 1));
    assert_true(cpu->data_tlb->generation > generation);
    store(cpu, 1);
    assert_true(may_write(cpu, 1));
    fence(&test);
    assert_int_equal(test.doubted[1], 1);
    assert_false(may_write(cpu, 1)); /* watched again */
    end(&test);
}

static void a_page_is_doubted_until_all_other_harts_have_given_up_their_rights(void **state)
{
    (void)state;
    struct test test;
    begin(&test, 3);
    struct riscv_cpu *one = test.fixture.machine->cpus[1], *two = test.fixture.machine->cpus[2];
    atomic_store(&two->hart.status, HART_STOPPED);
    store(one, 1);
    add(&test, 1);
    assert_int_equal(vcpu_attention(&one->vcpu) & VCPU_WRITES, 0);
    for (unsigned i = 0; i < 3; i++) {
        fence(&test);
        assert_int_equal(test.doubted[1], 1);
        assert_true(may_write(one, 1));
        assert_int_equal(vcpu_attention(&one->vcpu) & VCPU_WRITES, VCPU_WRITES);
    }
    const uint64_t generation = one->data_tlb->generation;
    riscv_give_up_writes(one); /* and hart 2 is stopped */
    assert_false(may_write(one, 1));
    assert_true(one->data_tlb->generation > generation);
    fence(&test);
    assert_int_equal(test.doubted[1], 1); /* for what it wrote until then */
    fence(&test);
    assert_int_equal(test.doubted[1], 0);
    store(one, 1);
    fence(&test);
    assert_int_equal(test.doubted[1], 1);
    end(&test);
}

/* It was asked while it slept, and nobody asks again. */
static void a_hart_that_starts_has_given_up_what_it_was_asked_for(void **state)
{
    (void)state;
    struct test test;
    begin(&test, 2);
    struct riscv_cpu *other = test.fixture.machine->cpus[1];
    atomic_store(&other->hart.status, HART_STOPPED);
    add(&test, 1);
    code_pages_meet_fence(test.pages, count_doubt, &test);
    const uint64_t asked = atomic_load(&test.fixture.machine->writes_asked);
    assert_true(asked > 0);
    assert_true(hart_start(other, PLACE(2), 0));
    assert_true(hart_wait_started(other));
    assert_int_equal(atomic_load(&other->hart.status), HART_STARTED);
    assert_int_equal(riscv_writes_given_up(test.fixture.cpu), asked);
    end(&test);
}

static void a_page_that_never_rests_is_doubted_at_every_fence_for_a_while(void **state)
{
    (void)state;
    enum { CHANGES = 100, FENCES = 2000 };
    struct test test;
    begin(&test, 1);
    add(&test, 1);
    fence(&test);
    for (unsigned i = 0; i < CHANGES; i++) {
        write_to(&test, 1);
        fence(&test);
        assert_int_equal(test.doubted[1], 1);
    }
    assert_true(memory_is_writable_quietly(memory_find(test.fixture.memory, gpa(PLACE(1))), gpa(PLACE(1))));
    unsigned count = 0;
    for (unsigned i = 0; i < FENCES; i++) {
        fence(&test);
        count += test.doubted[1];
    }
    assert_in_range(count, 100, FENCES - 100);
    write_to(&test, 1);
    fence(&test);
    assert_int_equal(test.doubted[1], 1);
    end(&test);
}

static void who_reads_too_late_doubts_everything(void **state)
{
    (void)state;
    struct test test;
    begin(&test, 1);
    add(&test, 1);
    fence(&test);
    for (unsigned i = 0; i < 2000; i++) {
        watch_page(test.fixture.memory, page_at(&test, 2));
        write_to(&test, 2);
    }
    fence(&test);
    assert_int_equal(test.doubted[1], 1);
    end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_is_doubted_once_and_then_when_it_is_written),
        cmocka_unit_test(a_fence_takes_the_own_rights_to_write_and_what_was_learned_from_them),
        cmocka_unit_test(a_page_is_doubted_until_all_other_harts_have_given_up_their_rights),
        cmocka_unit_test(a_hart_that_starts_has_given_up_what_it_was_asked_for),
        cmocka_unit_test(a_page_that_never_rests_is_doubted_at_every_fence_for_a_while),
        cmocka_unit_test(who_reads_too_late_doubts_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
