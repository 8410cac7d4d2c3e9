/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/pins.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE UINT64_C(0x80000)

static struct pins pins;

static int set_up(void **state)
{
    (void)state;
    pins_create(&pins);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pins_destroy(&pins);
    return 0;
}

/* context: a page. */
static bool holds(const void *context, uint64_t first, uint64_t count)
{
    return *(const uint64_t *)context - first < count;
}

static void wait_for(uint64_t page)
{
    pins_wait(&pins, holds, &page);
}

static void a_pin_holds_its_pages_until_it_is_removed(void **state)
{
    (void)state;
    struct memory_pin pin;
    assert_false(pins_may_hold(&pins, PAGE));
    pins_add(&pins, &pin, PAGE, 3);
    assert_false(pins_may_hold(&pins, PAGE - 1));
    assert_true(pins_may_hold(&pins, PAGE));
    assert_true(pins_may_hold(&pins, PAGE + 2));
    assert_false(pins_may_hold(&pins, PAGE + 3));
    pins_remove(&pins, &pin);
    assert_false(pins_may_hold(&pins, PAGE));
}

static void a_page_pinned_twice_is_held_until_both_are_removed(void **state)
{
    (void)state;
    struct memory_pin a, b;
    pins_add(&pins, &a, PAGE, 2);
    pins_add(&pins, &b, PAGE + 1, 1);
    pins_remove(&pins, &a);
    assert_false(pins_may_hold(&pins, PAGE));
    assert_true(pins_may_hold(&pins, PAGE + 1));
    pins_remove(&pins, &b);
    assert_false(pins_may_hold(&pins, PAGE + 1));
}

static void nobody_waits_for_other_pages(void **state)
{
    (void)state;
    struct memory_pin pin;
    wait_for(PAGE);
    pins_add(&pins, &pin, PAGE, 2);
    wait_for(PAGE - 1); /* would wait for ever */
    wait_for(PAGE + 2);
    pins_remove(&pins, &pin);
    wait_for(PAGE);
}

static _Atomic bool removed, seen_removed;

static void *wait_for_page(void *argument)
{
    (void)argument;
    wait_for(PAGE + 1);
    atomic_store(&seen_removed, atomic_load(&removed));
    return NULL;
}

static void who_waits_goes_on_when_the_last_pin_of_his_page_is_gone(void **state)
{
    (void)state;
    struct memory_pin a, b;
    pthread_t waiter;
    pins_add(&pins, &a, PAGE, 2);
    pins_add(&pins, &b, PAGE + 1, 1);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_page, NULL), 0);
    usleep(1000);
    pins_remove(&pins, &b);
    usleep(1000);
    atomic_store(&removed, true);
    pins_remove(&pins, &a);
    assert_int_equal(pthread_join(waiter, NULL), 0);
    assert_true(atomic_load(&seen_removed));
}

static _Atomic bool waited;

/* The page is never without a pin. */
static void *pin_again_and_again(void *argument)
{
    struct memory_pin two[2];
    _Atomic bool *running = argument;
    pins_add(&pins, &two[0], PAGE, 1);
    atomic_store(running, true);
    unsigned i = 0;
    for (; !atomic_load(&waited); i++) {
        pins_add(&pins, &two[(i + 1) % 2], PAGE, 1);
        pins_remove(&pins, &two[i % 2]);
    }
    pins_remove(&pins, &two[i % 2]);
    return NULL;
}

static void nobody_waits_for_pins_that_come_later(void **state)
{
    (void)state;
    pthread_t user;
    _Atomic bool running = false;
    assert_int_equal(pthread_create(&user, NULL, pin_again_and_again, &running), 0);
    while (!atomic_load(&running)) {
        sched_yield();
    }
    for (unsigned i = 0; i < 1000; i++) {
        wait_for(PAGE); /* would wait for ever */
    }
    atomic_store(&waited, true);
    assert_int_equal(pthread_join(user, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pin_holds_its_pages_until_it_is_removed),
        TEST(a_page_pinned_twice_is_held_until_both_are_removed),
        TEST(nobody_waits_for_other_pages),
        TEST(who_waits_goes_on_when_the_last_pin_of_his_page_is_gone),
        TEST(nobody_waits_for_pins_that_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
