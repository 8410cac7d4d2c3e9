/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/plic.h"

#include "device_access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SOURCES               96u
#define CONTEXTS              4u

#define PRIORITY(source)      (4u * (source))
#define PENDING(word)         (0x1000u + 4 * (word))
#define ENABLE(context, word) (0x2000u + 0x80 * (context) + 4 * (word))
#define THRESHOLD(context)    (0x200000u + 0x1000 * (context))
#define CLAIM(context)        (THRESHOLD(context) + 4)

struct fixture {
    struct device *device;
    struct log log;
    bool output[CONTEXTS];
};

static void set_output(void *controller, unsigned input, bool level)
{
    struct fixture *fixture = controller;
    fixture->output[input] = level;
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ 0 };
    struct irq_line lines[CONTEXTS];
    for (unsigned i = 0; i < CONTEXTS; i++) {
        lines[i] = (struct irq_line){ set_output, &fixture, i };
    }
    fixture.device = plic_create(SOURCES, CONTEXTS, lines, &fixture.log);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    device_destroy(fixture->device);
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

static void set(const struct fixture *fixture, unsigned source, bool level)
{
    struct irq_line line = plic_input(fixture->device, source);
    irq_line_set(&line, level);
}

static void enable(const struct fixture *fixture, unsigned context, unsigned source, uint32_t priority)
{
    uint64_t offset = ENABLE(context, source / 32);
    put(fixture, offset, get(fixture, offset) | 1u << (source % 32));
    put(fixture, PRIORITY(source), priority);
}

static void interrupt_is_pending_claimed_and_completed(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 1, 10, 1);
    set(fixture, 10, true);
    assert_true(fixture->output[1]);
    assert_false(fixture->output[0]);
    assert_int_equal(get(fixture, PENDING(0)), 1 << 10);
    assert_int_equal(get(fixture, CLAIM(1)), 10);
    assert_false(fixture->output[1]);
    assert_int_equal(get(fixture, PENDING(0)), 0);
    assert_int_equal(get(fixture, CLAIM(1)), 0);
    set(fixture, 10, false);
    put(fixture, CLAIM(1), 10);
    assert_false(fixture->output[1]);
}

static void line_still_high_at_completion_is_pending_again(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 1, 10, 1);
    set(fixture, 10, true);
    assert_int_equal(get(fixture, CLAIM(1)), 10);
    set(fixture, 10, false);
    set(fixture, 10, true);
    assert_false(fixture->output[1]); /* the gateway waits for completion */
    put(fixture, CLAIM(1), 10);
    assert_true(fixture->output[1]);
    assert_int_equal(get(fixture, CLAIM(1)), 10);
}

static void request_stays_when_the_line_falls_before_the_claim(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 0, 33, 1);
    set(fixture, 33, true);
    set(fixture, 33, false);
    assert_true(fixture->output[0]);
    assert_int_equal(get(fixture, PENDING(1)), 1 << 1);
    assert_int_equal(get(fixture, CLAIM(0)), 33);
}

static void highest_priority_then_lowest_number_is_claimed_first(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 0, 5, 2);
    enable(fixture, 0, 40, 3);
    enable(fixture, 0, 95, 3);
    enable(fixture, 0, 1, 1);
    set(fixture, 1, true);
    set(fixture, 5, true);
    set(fixture, 95, true);
    set(fixture, 40, true);
    assert_int_equal(get(fixture, CLAIM(0)), 40);
    assert_int_equal(get(fixture, CLAIM(0)), 95);
    assert_int_equal(get(fixture, CLAIM(0)), 5);
    assert_int_equal(get(fixture, CLAIM(0)), 1);
    assert_int_equal(get(fixture, CLAIM(0)), 0);
}

static void threshold_silences_the_wire_but_not_the_claim(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 2, 7, 3);
    for (uint32_t threshold = 2; threshold <= 4; threshold++) {
        put(fixture, THRESHOLD(2), threshold);
        set(fixture, 7, true);
        assert_int_equal(fixture->output[2], threshold < 3);
    }
    assert_int_equal(get(fixture, CLAIM(2)), 7);
}

static void priority_0_never_interrupts(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 0, 7, 0);
    set(fixture, 7, true);
    assert_false(fixture->output[0]);
    assert_int_equal(get(fixture, CLAIM(0)), 0);
    put(fixture, PRIORITY(7), 1);
    assert_true(fixture->output[0]);
}

static void one_claim_silences_every_context(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 1, 3, 1);
    enable(fixture, 3, 3, 1);
    set(fixture, 3, true);
    assert_true(fixture->output[1] && fixture->output[3]);
    assert_int_equal(get(fixture, CLAIM(3)), 3);
    assert_false(fixture->output[1] || fixture->output[3]);
    assert_int_equal(get(fixture, CLAIM(1)), 0);
}

static void completion_where_it_is_not_enabled_is_ignored(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 0, 3, 1);
    set(fixture, 3, true);
    assert_int_equal(get(fixture, CLAIM(0)), 3);
    put(fixture, CLAIM(1), 3);
    put(fixture, CLAIM(0), 0);
    put(fixture, CLAIM(0), SOURCES);
    put(fixture, CLAIM(0), 0xffffffff);
    assert_false(fixture->output[0]);
    assert_int_equal(fixture->log.count, 4);
    put(fixture, CLAIM(0), 3);
    assert_true(fixture->output[0]);
}

static void registers_keep_only_what_exists(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, PRIORITY(1), 0xffffffff);
    assert_int_equal(get(fixture, PRIORITY(1)), 7);
    put(fixture, THRESHOLD(0), 0xffffffff);
    assert_int_equal(get(fixture, THRESHOLD(0)), 7);
    put(fixture, ENABLE(0, 0), 0xffffffff);
    assert_int_equal(get(fixture, ENABLE(0, 0)), 0xfffffffe); /* there is no source 0 */
    put(fixture, ENABLE(0, 2), 0xffffffff);
    assert_int_equal(get(fixture, ENABLE(0, 2)), 0xffffffff);
    put(fixture, ENABLE(0, 3), 0xffffffff);
    assert_int_equal(get(fixture, ENABLE(0, 3)), 0);
    put(fixture, PRIORITY(0), 5);
    assert_int_equal(get(fixture, PRIORITY(0)), 0);
    assert_int_equal(fixture->log.count, 0);
}

static void places_without_a_register_are_logged(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t wrong[] = {
        PRIORITY(SOURCES), ENABLE(CONTEXTS, 0), THRESHOLD(CONTEXTS), THRESHOLD(0) + 8, PLIC_SIZE - 4, 0x1080,
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put(fixture, wrong[i], 1);
        assert_int_equal(get(fixture, wrong[i]), 0);
        assert_int_equal(fixture->log.count, 2 * (i + 1));
    }
    uint64_t value = 1;
    assert_true(fixture->device->ops->read(fixture->device->self, 0, 8, &value));
    assert_int_equal(value, 0);
}

static void reset_forgets_all_but_the_wires(void **state)
{
    struct fixture *fixture = *state;
    enable(fixture, 0, 3, 1);
    enable(fixture, 0, 4, 1);
    set(fixture, 3, true);
    set(fixture, 4, true);
    set(fixture, 4, false);
    assert_true(fixture->output[0]);
    fixture->device->reset(fixture->device->self);
    assert_false(fixture->output[0]);
    assert_int_equal(get(fixture, PENDING(0)), 1 << 3);
    enable(fixture, 0, 3, 1);
    assert_true(fixture->output[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(interrupt_is_pending_claimed_and_completed, setup, teardown),
        cmocka_unit_test_setup_teardown(line_still_high_at_completion_is_pending_again, setup, teardown),
        cmocka_unit_test_setup_teardown(request_stays_when_the_line_falls_before_the_claim, setup, teardown),
        cmocka_unit_test_setup_teardown(highest_priority_then_lowest_number_is_claimed_first, setup, teardown),
        cmocka_unit_test_setup_teardown(threshold_silences_the_wire_but_not_the_claim, setup, teardown),
        cmocka_unit_test_setup_teardown(priority_0_never_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(one_claim_silences_every_context, setup, teardown),
        cmocka_unit_test_setup_teardown(completion_where_it_is_not_enabled_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(registers_keep_only_what_exists, setup, teardown),
        cmocka_unit_test_setup_teardown(places_without_a_register_are_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_forgets_all_but_the_wires, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
