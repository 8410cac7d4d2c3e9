/* SPDX-License-Identifier: Apache-2.0 */
/* The JIT as a whole (engine/jit/jit.h): what it does when there is no room left, and how soon it stops. */
#include "test_riscv_fixture.h"

#include "engine/interp/interp.h"
#include "engine/jit/jit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define CODE       (RAM_BASE + 0x10000)
#define DATA       (RAM_BASE + 0x1000) /* zeros */
#define CODE_LIMIT (64u << 10)         /* of ADVERSITY, by engine/jit/x86_64/host.c */
#define KEPT_LIMIT (CODE_LIMIT / 2)
#define ADVERSITY  "2" /* seldom flushes for no reason */
#define RUNS       40u /* of each loop */
#define HEAT       8

enum { T0 = 5, T1 = 6, T2 = 7, A0 = 10 };

struct test {
    struct fixture fixture;
    struct riscv_cpu *cpu;
    size_t kept_most; /* bytes */
};

static const struct jit_statistics *statistics(const struct test *test)
{
    return jit_statistics(test->cpu);
}

static void begin(struct test *test, const char *adversity)
{
    struct error error;
    const char *before = getenv("RAVELIN_JIT_ADVERSITY");
    char *saved = before == NULL ? NULL : strdup(before);
    *test = (struct test){ .kept_most = 0 };
    fixture_create(&test->fixture, 0, 1);
    test->cpu = test->fixture.cpu;
    if (adversity != NULL) {
        assert_int_equal(setenv("RAVELIN_JIT_ADVERSITY", adversity, 1), 0);
    }
    if (!jit_create(test->cpu, &error)) {
        fail_msg("%s", error.text);
    }
    if (saved != NULL) {
        setenv("RAVELIN_JIT_ADVERSITY", saved, 1);
    } else {
        unsetenv("RAVELIN_JIT_ADVERSITY");
    }
    free(saved);
    interp_heat_after(test->cpu, HEAT);
}

static void end(struct test *test)
{
    jit_destroy(test->cpu);
    fixture_destroy(&test->fixture);
}

/* -- Loops --------------------------------------------------------------------------------------------------------- */

#define ADDI(rd, rs, imm) ((uint32_t)(imm) << 20 | (uint32_t)(rs) << 15 | (uint32_t)(rd) << 7 | 0x13)
#define ADD(rd, a, b)     ((uint32_t)(b) << 20 | (uint32_t)(a) << 15 | (uint32_t)(rd) << 7 | 0x33)
#define LD(rd, base)      ((uint32_t)(base) << 15 | 3u << 12 | (uint32_t)(rd) << 7 | 0x03)
#define READ_CYCLE        0xc0002073u /* the interpreter's */
#define BACK_4            0xffdff06fu /* j .-4 */

/* bne t1, zero, -by */
static uint32_t branch_back(uint32_t by)
{
    const uint32_t offset = 0u - by;
    return (offset >> 12 & 1) << 31 | (offset >> 5 & 0x3f) << 25 | (uint32_t)T1 << 15 | 1u << 12 |
           (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7 | 0x63;
}

/* A loop, t1 times: t2 += addend; and `loads` loads of 0, each at an address that nobody knows to be the one before. */
struct loop {
    uint64_t pc;
    uint32_t addend; /* below 2048 */
    unsigned loads;
};

#define LOADS_MAX 100u

static uint64_t loop_length(const struct loop *loop)
{
    return 3 + 2ul * loop->loads;
}

static void write_loop(const struct test *test, const struct loop *loop)
{
    uint32_t code[2 * LOADS_MAX + 5];
    unsigned count = 0;
    code[count++] = ADDI(T2, T2, loop->addend);
    for (unsigned i = 0; i < loop->loads; i++) {
        code[count++] = LD(T0, A0);
        code[count++] = ADD(A0, A0, T0);
    }
    code[count++] = ADDI(T1, T1, 0xfff);
    code[count] = branch_back(count * 4);
    code[++count] = READ_CYCLE;
    code[++count] = BACK_4;
    assert_true(memory_write(test->fixture.memory, gpa(loop->pc), code, (count + 1ul) * sizeof code[0]));
}

static void run_loop(struct test *test, const struct loop *loop)
{
    struct riscv_cpu *cpu = test->cpu;
    cpu->state.pc = loop->pc;
    cpu->state.x[T1] = RUNS;
    cpu->state.x[T2] = 0;
    cpu->state.x[A0] = DATA;
    jit_run_some(cpu, RUNS * loop_length(loop));
    assert_int_equal(cpu->state.x[T2], RUNS * loop->addend);
    assert_int_equal(cpu->state.x[T1], 0);
    assert_int_equal(cpu->state.x[A0], DATA);
    if (test->kept_most < statistics(test)->kept_size) {
        test->kept_most = statistics(test)->kept_size;
    }
}

/* Many loops, run twice over, and once more when all of them have changed. */
static void run_loops(struct test *test, unsigned count, unsigned loads)
{
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < count; i++) {
            const struct loop loop = { CODE + i * (uint64_t)1024, 1 + i + (pass == 2 ? 1000 : 0), loads };
            if (pass != 1) {
                write_loop(test, &loop);
                test->cpu->code_epoch++;
            }
            run_loop(test, &loop);
        }
    }
    assert_int_equal(statistics(test)->refused, 0);
    assert_true(statistics(test)->translated > 3 * count * (RUNS - 2 * HEAT) * (3 + 2ul * loads));
}

/* -- No room ------------------------------------------------------------------------------------------------------- */

static void what_does_not_fit_into_code_memory_has_it_emptied(void **state)
{
    (void)state;
    struct test test;
    begin(&test, ADVERSITY);
    run_loops(&test, 100, LOADS_MAX);
    assert_true(statistics(&test)->code_size > 4 * CODE_LIMIT);
    assert_true(statistics(&test)->flushes >= statistics(&test)->code_size / CODE_LIMIT);
    assert_true(test.kept_most < KEPT_LIMIT); /* that was not the reason */
    end(&test);
}

static void what_is_kept_of_small_regions_is_bounded(void **state)
{
    (void)state;
    struct test test;
    begin(&test, ADVERSITY);
    run_loops(&test, 1000, 0);
    assert_true(test.kept_most > KEPT_LIMIT / 2);
    assert_true(test.kept_most < KEPT_LIMIT + 2048); /* with the region that was one too many */
    assert_true(statistics(&test)->flushes > 3);
    end(&test);
}

static void what_is_kept_is_given_back_with_the_code_it_was_kept_for(void **state)
{
    (void)state;
    struct test test;
    begin(&test, NULL);
    struct loop loop = { CODE, 1, 3 };
    write_loop(&test, &loop);
    run_loop(&test, &loop);
    const uint64_t kept = statistics(&test)->kept_size;
    assert_true(kept > 500);
    for (loop.addend = 2; loop.addend < 100; loop.addend++) {
        write_loop(&test, &loop);
        test.cpu->code_epoch++;
        run_loop(&test, &loop);
        assert_int_equal(statistics(&test)->kept_size, kept);
    }
    assert_true(statistics(&test)->changed > 90);
    assert_int_equal(statistics(&test)->flushes, 0);
    end(&test);
}

static void adversity_flushes_for_no_reason(void **state)
{
    (void)state;
    struct test test;
    begin(&test, "6"); /* often */
    run_loops(&test, 200, 0);
    assert_true(statistics(&test)->forced > 0);
    end(&test);
}

/* -- Stopping ------------------------------------------------------------------------------------------------------ */

struct runner {
    struct riscv_cpu *cpu;
    _Atomic unsigned stopped; /* times */
    atomic_bool is_over;
};

static void *run_until_over(void *context)
{
    struct runner *runner = context;
    while (!atomic_load(&runner->is_over)) {
        jit_run(runner->cpu);
        vcpu_take(&runner->cpu->vcpu, VCPU_STOP);
        atomic_fetch_add(&runner->stopped, 1);
    }
    return NULL;
}

/* Nanoseconds from a request to its effect. */
static uint64_t stop_once(struct runner *runner)
{
    const unsigned before = atomic_load(&runner->stopped);
    const uint64_t asked = alarm_now();
    vcpu_request(&runner->cpu->vcpu, VCPU_STOP);
    while (atomic_load(&runner->stopped) == before) {
    }
    return alarm_now() - asked;
}

/* Processors that this process may run on: containers and taskset leave fewer than there are. */
static int processor_count(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return CPU_SETSIZE; /* more than fit into the set */
    }
    return CPU_COUNT(&allowed);
}

static void a_loop_without_end_stops_within_microseconds(void **state)
{
    (void)state;
    enum { REQUESTS = 200, LIMIT = 50000 };
    const uint64_t patience = UINT64_C(20000000000);
    if (processor_count() < 2) {
        return; /* nobody could ask while it runs */
    }
    struct test test;
    begin(&test, NULL);
    const struct loop loop = { CODE, 1, 0 };
    write_loop(&test, &loop);
    test.cpu->state.pc = CODE;
    test.cpu->state.x[T1] = UINT64_C(1) << 62;
    struct runner runner = { .cpu = test.cpu };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_until_over, &runner), 0);
    /* Once is enough: a busy host may give both threads one processor, for a while. */
    const uint64_t start = alarm_now();
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < REQUESTS || (best >= LIMIT && alarm_now() - start < patience); i++) {
        /* Awake: who wakes up may be given the very processor that runs the loop. */
        for (uint64_t until = alarm_now() + 20000; alarm_now() < until;) {
        }
        const uint64_t took = stop_once(&runner);
        best = took < best ? took : best;
    }
    atomic_store(&runner.is_over, true);
    vcpu_request(&test.cpu->vcpu, VCPU_STOP); /* which it may see or not: it may have looked at is_over in between */
    pthread_join(thread, NULL);
    assert_true(best < LIMIT);
    assert_true(statistics(&test)->translated > test.cpu->instructions / 2);
    end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_into_code_memory_has_it_emptied),
        cmocka_unit_test(what_is_kept_of_small_regions_is_bounded),
        cmocka_unit_test(what_is_kept_is_given_back_with_the_code_it_was_kept_for),
        cmocka_unit_test(adversity_flushes_for_no_reason),
        cmocka_unit_test(a_loop_without_end_stops_within_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
