/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that are to run a handler before anything else, and come and go meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* Between the look at a thread and the claim to send it the signal, time passes: much may happen in it. */
#undef atomic_compare_exchange_strong
#define atomic_compare_exchange_strong(object, expected, desired) \
    (sched_yield(),                                               \
     atomic_compare_exchange_strong_explicit(object, expected, desired, memory_order_seq_cst, memory_order_seq_cst))
#include "memory/straggler.c" /* NOLINT(bugprone-suspicious-include): what is tested, with that */

#define MILLISECOND UINT64_C(1000000)
#define FREEZERS    3u

struct fixture {
    struct straggler straggler;
    _Atomic uint32_t undoable;
    _Atomic uint64_t interrupted_count;
    _Atomic bool stop;
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 * MILLISECOND + (uint64_t)time.tv_nsec;
}

static void interrupted(void *context, void *registers)
{
    struct fixture *fixture = context;
    (void)registers;
    atomic_fetch_add(&fixture->interrupted_count, 1);
}

static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){ .undoable = 1 };
    fixture->straggler.undoable = &fixture->undoable;
    fixture->straggler.interrupted = interrupted;
    fixture->straggler.context = fixture;
}

/* While a thread looks at itself it runs: it seems frozen for no longer than a signal is on its way. */
static bool is_frozen_for_long(const struct fixture *fixture)
{
    const uint64_t start = now();
    const uint32_t signal = atomic_load(&fixture->straggler.signal);
    uint64_t passed;
    do {
        passed = now() - start;
        if (!straggler_is_frozen(&fixture->straggler) || atomic_load(&fixture->straggler.signal) != signal) {
            return false;
        }
    } while (passed < 20 * MILLISECOND);
    return true;
}

static void a_thread_that_runs_meets_its_handler(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    assert_true(straggler_attach(&fixture.straggler));
    assert_int_equal(straggler_freeze(&fixture.straggler), 1);
    assert_int_equal(atomic_load(&fixture.interrupted_count), 1);
    assert_false(straggler_is_frozen(&fixture.straggler));
    atomic_store(&fixture.undoable, 0);
    assert_int_equal(straggler_freeze(&fixture.straggler), 1);
    assert_int_equal(atomic_load(&fixture.interrupted_count), 1); /* nothing to undo */
    straggler_detach(&fixture.straggler);
    assert_int_equal(straggler_freeze(&fixture.straggler), 0);
}

static void *freeze_again_and_again(void *argument)
{
    struct fixture *fixture = argument;
    while (!atomic_load(&fixture->stop)) {
        straggler_freeze(&fixture->straggler);
    }
    return NULL;
}

static void a_signal_for_who_has_gone_freezes_nobody_who_comes(void **state)
{
    struct fixture fixture;
    pthread_t threads[FREEZERS];
    (void)state;
    begin(&fixture);
    assert_true(straggler_attach(&fixture.straggler));
    straggler_detach(&fixture.straggler);
    for (unsigned i = 0; i < FREEZERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, freeze_again_and_again, &fixture), 0);
    }
    unsigned stuck_count = 0;
    for (uint64_t start = now(); now() - start < 2000 * MILLISECOND;) {
        assert_true(straggler_attach(&fixture.straggler));
        for (uint64_t since = now(); now() - since < MILLISECOND / 100;) {
        }
        stuck_count += is_frozen_for_long(&fixture);
        straggler_detach(&fixture.straggler);
        sched_yield();
    }
    atomic_store(&fixture.stop, true);
    for (unsigned i = 0; i < FREEZERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(stuck_count, 0);
}

static bool is_possible(void)
{
    struct fixture fixture;
    begin(&fixture);
    bool possible = straggler_attach(&fixture.straggler);
    straggler_detach(&fixture.straggler);
    return possible;
}

int main(void)
{
    if (!is_possible()) {
        puts("1..0 # SKIP no membarrier(2) here, or a thread sanitizer, which puts signals off");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_runs_meets_its_handler),
        cmocka_unit_test(a_signal_for_who_has_gone_freezes_nobody_who_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
