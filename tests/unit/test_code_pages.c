/* SPDX-License-Identifier: Apache-2.0 */
/* What a fence makes doubtful (engine/jit/code_pages.h), on a machine of one hart and of several. */
#include "test_riscv_fixture.h"

#include "arch/riscv/hart.h"
#include "engine/jit/code_pages.h"
#include "memory/watch.h"

#include <pthread.h>
#include <sched.h>
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

static void store_number(struct riscv_cpu *cpu, unsigned number, uint64_t value)
{
    assert_true(riscv_store_slow(cpu, PLACE(number), 8, value));
}

/* -- While another hart writes ------------------------------------------------------------------------------------- */

#define PAGES  4u
#define WRITES 48u /* of a round: a page that changes more often is not watched for long */

struct writing {
    struct riscv_cpu *cpu;
    unsigned seed;
    _Atomic uint64_t fences;         /* that the first hart has made */
    _Atomic uint64_t written[PAGES]; /* the last number that is in each page */
};

/* What a hart does at a boundary of instructions. */
static void pass_boundary(struct riscv_cpu *cpu)
{
    if ((vcpu_attention(&cpu->vcpu) & VCPU_WRITES) != 0) {
        vcpu_take(&cpu->vcpu, VCPU_WRITES);
        riscv_give_up_writes(cpu);
    }
}

static void *write_code(void *context)
{
    struct writing *writing = context;
    unsigned random = writing->seed;
    for (uint64_t number = 1; number <= WRITES; number++) {
        random = random * 1103515245 + 12345;
        const unsigned page = number % PAGES,
                       pause = (random >> 16) % 8; /* fences: pages settle in that time, or do not */
        const uint64_t until = atomic_load(&writing->fences) + (pause < 5 ? 0 : pause);
        do {
            pass_boundary(writing->cpu);
            sched_yield();
        } while (atomic_load(&writing->fences) < until);
        store_number(writing->cpu, page, number);
        atomic_store_explicit(&writing->written[page], number, memory_order_release);
    }
    return NULL;
}

static uint64_t number_in(const struct test *test, unsigned page)
{
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(const void *)page_at(test, page);
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* Fences until the other hart has written all. Whatever was written before a fence is known behind it, because the page
 * is doubted, and so compared. Returns how often one was not doubted. */
static unsigned fence_while_written(struct test *test, struct writing *writing)
{
    uint64_t known[PAGES] = { 0 };
    unsigned trusted = 0;
    for (bool is_over = false; !is_over;) {
        uint64_t told[PAGES];
        is_over = true;
        for (unsigned i = 0; i < PAGES; i++) {
            told[i] = atomic_load_explicit(&writing->written[i], memory_order_acquire);
            is_over &= told[i] > WRITES - PAGES;
        }
        fence(test);
        atomic_fetch_add(&writing->fences, 1);
        for (unsigned i = 0; i < PAGES; i++) {
            known[i] = test->doubted[i] > 0 ? number_in(test, i) : known[i];
            trusted += test->doubted[i] == 0;
            assert_in_range(known[i], told[i], WRITES);
        }
        sched_yield();
    }
    return trusted;
}

static void what_another_hart_has_written_is_doubted_at_the_next_fence(void **state)
{
    (void)state;
    enum { ROUNDS = 200 };
    unsigned trusted = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct test test;
        pthread_t thread;
        begin(&test, 2);
        struct writing writing = { .cpu = test.fixture.machine->cpus[1], .seed = round };
        for (unsigned i = 0; i < PAGES; i++) {
            store_number(writing.cpu, i, 0); /* with rights from before the page was watched */
            add(&test, i);
        }
        assert_int_equal(pthread_create(&thread, NULL, write_code, &writing), 0);
        trusted += fence_while_written(&test, &writing);
        pthread_join(thread, NULL);
        end(&test);
    }
    print_message("# trusted %u times\n", trusted);
    assert_true(trusted > ROUNDS);
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
        cmocka_unit_test(what_another_hart_has_written_is_doubted_at_the_next_fence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
