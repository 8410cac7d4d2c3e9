/* SPDX-License-Identifier: Apache-2.0 */
#include "core/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define MILLISECOND UINT64_C(1000000)

struct bell {
    struct alarm alarm;
    _Atomic unsigned rings;
    _Atomic uint64_t rang_at;
};

static struct alarm_clock *clock_under_test;

static void ring(void *context)
{
    struct bell *bell = context;
    atomic_store(&bell->rang_at, alarm_now());
    atomic_fetch_add(&bell->rings, 1);
}

static void rest(uint64_t nanoseconds)
{
    struct timespec time = { .tv_sec = 0, .tv_nsec = (long)nanoseconds };
    nanosleep(&time, NULL);
}

static void wait_for_ring(struct bell *bell)
{
    for (int i = 0; i < 5000 && atomic_load(&bell->rings) == 0; i++) {
        rest(MILLISECOND);
    }
}

static int start(void **state)
{
    (void)state;
    struct error error;
    clock_under_test = alarm_clock_create(&error);
    return clock_under_test != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    alarm_clock_destroy(clock_under_test);
    return 0;
}

static void an_alarm_rings_once_and_never_early(void **state)
{
    (void)state;
    struct bell bell = { .rings = 0 };
    alarm_init(&bell.alarm, clock_under_test, ring, &bell);
    uint64_t when = alarm_now() + 5 * MILLISECOND;
    alarm_set(&bell.alarm, when);
    wait_for_ring(&bell);
    rest(20 * MILLISECOND);
    assert_int_equal(atomic_load(&bell.rings), 1);
    assert_true(atomic_load(&bell.rang_at) >= when);
    alarm_remove(&bell.alarm);
}

static void a_moment_in_the_past_rings_at_once(void **state)
{
    (void)state;
    struct bell bell = { .rings = 0 };
    alarm_init(&bell.alarm, clock_under_test, ring, &bell);
    alarm_set(&bell.alarm, 0);
    wait_for_ring(&bell);
    assert_int_equal(atomic_load(&bell.rings), 1);
    alarm_remove(&bell.alarm);
}

static void a_sooner_alarm_overtakes_a_later_one(void **state)
{
    (void)state;
    struct bell late = { .rings = 0 }, soon = { .rings = 0 };
    alarm_init(&late.alarm, clock_under_test, ring, &late);
    alarm_init(&soon.alarm, clock_under_test, ring, &soon);
    alarm_set(&late.alarm, alarm_now() + 900 * 1000 * MILLISECOND);
    alarm_set(&soon.alarm, alarm_now() + 2 * MILLISECOND);
    wait_for_ring(&soon);
    assert_int_equal(atomic_load(&soon.rings), 1);
    assert_int_equal(atomic_load(&late.rings), 0);
    alarm_remove(&late.alarm);
    alarm_remove(&soon.alarm);
}

/* False: it may have rung before it was disarmed, because the host stood still between the two. */
static bool disarm_in_time(uint64_t delay)
{
    struct bell bell = { .rings = 0 };
    alarm_init(&bell.alarm, clock_under_test, ring, &bell);
    uint64_t when = alarm_now() + delay;
    alarm_set(&bell.alarm, when);
    alarm_set(&bell.alarm, ALARM_NEVER);
    bool in_time = alarm_now() < when;
    if (in_time) {
        rest(delay + 20 * MILLISECOND);
        assert_int_equal(atomic_load(&bell.rings), 0);
    }
    alarm_remove(&bell.alarm);
    return in_time;
}

static void a_disarmed_alarm_does_not_ring(void **state)
{
    (void)state;
    uint64_t delay = 10 * MILLISECOND;
    while (!disarm_in_time(delay)) {
        delay *= 2;
        assert_true(delay < 900 * MILLISECOND);
    }
}

static void a_removed_alarm_does_not_ring(void **state)
{
    (void)state;
    struct bell bell = { .rings = 0 };
    alarm_init(&bell.alarm, clock_under_test, ring, &bell);
    alarm_set(&bell.alarm, alarm_now() + 5 * MILLISECOND);
    alarm_remove(&bell.alarm);
    unsigned rings = atomic_load(&bell.rings);
    rest(20 * MILLISECOND);
    assert_int_equal(atomic_load(&bell.rings), rings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_rings_once_and_never_early),  cmocka_unit_test(a_moment_in_the_past_rings_at_once),
        cmocka_unit_test(a_sooner_alarm_overtakes_a_later_one), cmocka_unit_test(a_disarmed_alarm_does_not_ring),
        cmocka_unit_test(a_removed_alarm_does_not_ring),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
