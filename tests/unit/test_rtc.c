/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/rtc.h"

#include "device_access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct device *device;
    struct alarm_clock *clock;
    struct log log;
    _Atomic bool irq;
};

static void set_irq(void *controller, unsigned input, bool level)
{
    (void)input;
    struct fixture *fixture = controller;
    fixture->irq = level;
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error;
    fixture = (struct fixture){ 0 };
    fixture.clock = alarm_clock_create(&error);
    assert_non_null(fixture.clock);
    fixture.device = rtc_create(fixture.clock, (struct irq_line){ set_irq, &fixture, 0 }, &fixture.log);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    device_destroy(fixture->device);
    alarm_clock_destroy(fixture->clock);
    return 0;
}

static uint32_t get(const struct fixture *fixture, uint64_t offset)
{
    return (uint32_t)device_get(fixture->device, offset, 4);
}

static void put(const struct fixture *fixture, uint64_t offset, uint32_t value)
{
    device_put(fixture->device, offset, 4, value);
}

static uint64_t guest_time(const struct fixture *fixture)
{
    uint64_t low = get(fixture, 0x00);
    return low | (uint64_t)get(fixture, 0x04) << 32;
}

static void set_alarm(const struct fixture *fixture, uint64_t when)
{
    put(fixture, 0x0c, (uint32_t)(when >> 32));
    put(fixture, 0x08, (uint32_t)when);
}

static bool interrupted_within(const struct fixture *fixture, unsigned milliseconds)
{
    for (unsigned i = 0; i < milliseconds && !fixture->irq; i++) {
        usleep(1000);
    }
    return fixture->irq;
}

static const uint64_t second = 1000000000;
static const uint64_t hour = 3600 * UINT64_C(1000000000);

static void clock_starts_as_the_hosts(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = (uint64_t)time(NULL);
    uint64_t seconds = guest_time(fixture) / second;
    assert_in_range(seconds, before - 2, (uint64_t)time(NULL) + 2);
}

/* The guest's clock is on from `wanted` as far as the host's is from `since`. */
static void expect_time(const struct fixture *fixture, uint64_t wanted, uint64_t since)
{
    uint64_t found = guest_time(fixture);
    assert_in_range(found, wanted, wanted + (alarm_now() - since) + 5 * second);
}

static void guest_sets_the_clock_and_it_survives_a_reset(void **state)
{
    struct fixture *fixture = *state;
    uint64_t wanted = 1000000 * second + 7;
    uint64_t since = alarm_now();
    put(fixture, 0x04, (uint32_t)(wanted >> 32));
    put(fixture, 0x00, (uint32_t)wanted);
    expect_time(fixture, wanted, since);
    fixture->device->reset(fixture->device->self);
    expect_time(fixture, wanted, since);
}

static void alarm_in_the_future_interrupts_when_it_is_due(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 0x10, 1);
    set_alarm(fixture, guest_time(fixture) + hour);
    assert_int_equal(get(fixture, 0x18), 1);
    assert_false(fixture->irq);
    uint64_t when = guest_time(fixture) + second / 20;
    set_alarm(fixture, when);
    assert_true(interrupted_within(fixture, 5000));
    assert_true(guest_time(fixture) >= when);
    assert_int_equal(get(fixture, 0x18), 0);
    put(fixture, 0x1c, 1);
    assert_false(fixture->irq);
}

static void alarm_in_the_past_interrupts_at_once(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 0x10, 1);
    set_alarm(fixture, 1);
    assert_true(fixture->irq);
}

static void masked_interrupt_is_kept(void **state)
{
    struct fixture *fixture = *state;
    set_alarm(fixture, 1);
    assert_false(fixture->irq);
    put(fixture, 0x10, 1);
    assert_true(fixture->irq);
    put(fixture, 0x10, 0);
    assert_false(fixture->irq);
}

/* False: it may have fired before it was cleared, because the host stood still between the two. */
static bool clear_in_time(const struct fixture *fixture, unsigned milliseconds)
{
    uint64_t when = guest_time(fixture) + milliseconds * (second / 1000);
    set_alarm(fixture, when);
    put(fixture, 0x14, 1);
    bool in_time = guest_time(fixture) < when;
    assert_int_equal(get(fixture, 0x18), 0);
    if (in_time) {
        assert_false(interrupted_within(fixture, milliseconds + 50));
    }
    put(fixture, 0x1c, 1);
    return in_time;
}

static void cleared_alarm_does_not_fire(void **state)
{
    struct fixture *fixture = *state;
    unsigned milliseconds = 50;
    put(fixture, 0x10, 1);
    while (!clear_in_time(fixture, milliseconds)) {
        milliseconds *= 2;
        assert_true(milliseconds < 10000);
    }
}

static void unknown_registers_are_logged(void **state)
{
    struct fixture *fixture = *state;
    get(fixture, 0x20);
    put(fixture, 0x20, 0);
    put(fixture, 0x18, 0); /* read-only */
    uint64_t value;
    assert_true(fixture->device->ops->read(fixture->device->self, 0, 8, &value));
    assert_int_equal(fixture->log.count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clock_starts_as_the_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_sets_the_clock_and_it_survives_a_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm_in_the_future_interrupts_when_it_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm_in_the_past_interrupts_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(masked_interrupt_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(cleared_alarm_does_not_fire, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_registers_are_logged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
