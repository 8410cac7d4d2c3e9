/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/aclint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HARTS 3u

struct fixture {
    struct device *device;
    struct log log;
    uint64_t time;
    uint64_t compare[HARTS];
    bool software[HARTS];
};

static void set_software(void *context, unsigned hart, bool level)
{
    struct fixture *fixture = context;
    fixture->software[hart] = level;
}

static void set_compare(void *context, unsigned hart, uint64_t ticks)
{
    struct fixture *fixture = context;
    fixture->compare[hart] = ticks;
}

static uint64_t read_time(void *context)
{
    const struct fixture *fixture = context;
    return fixture->time;
}

static void write_time(void *context, uint64_t ticks)
{
    struct fixture *fixture = context;
    fixture->time = ticks;
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ 0 };
    const struct aclint_harts harts = {
        .count = HARTS,
        .context = &fixture,
        .set_software_interrupt = set_software,
        .set_timer_compare = set_compare,
        .read_time = read_time,
        .write_time = write_time,
    };
    fixture.device = aclint_create(&harts, &fixture.log);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    device_destroy(fixture->device);
    return 0;
}

static uint64_t get(const struct fixture *fixture, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    assert_true(fixture->device->ops->read(fixture->device->self, offset, size, &value));
    return value;
}

static void put(const struct fixture *fixture, uint64_t offset, unsigned size, uint64_t value)
{
    assert_true(fixture->device->ops->write(fixture->device->self, offset, size, value));
}

static void timers_never_fire_after_reset(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 0x4008, 8, 5);
    put(fixture, 4, 4, 1);
    fixture->device->reset(fixture->device->self);
    for (unsigned hart = 0; hart < HARTS; hart++) {
        assert_true(fixture->compare[hart] == UINT64_MAX);
        assert_false(fixture->software[hart]);
        assert_true(get(fixture, 0x4000 + 8 * hart, 8) == UINT64_MAX);
        assert_int_equal(get(fixture, 4 * hart, 4), 0);
    }
}

static void software_interrupt_is_bit_0_of_msip(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 4 * (HARTS - 1), 4, 0xffffffff);
    assert_true(fixture->software[HARTS - 1]);
    assert_false(fixture->software[0]);
    assert_int_equal(get(fixture, 4 * (HARTS - 1), 4), 1);
    put(fixture, 4 * (HARTS - 1), 4, 2);
    assert_false(fixture->software[HARTS - 1]);
}

static void compare_is_written_whole_or_by_halves(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 0x4000, 8, 0x1122334455667788);
    assert_true(fixture->compare[0] == 0x1122334455667788);
    put(fixture, 0x4004, 4, 0xaabbccdd);
    assert_true(fixture->compare[0] == 0xaabbccdd55667788);
    put(fixture, 0x4000, 4, 1);
    assert_true(fixture->compare[0] == 0xaabbccdd00000001);
    assert_int_equal(get(fixture, 0x4004, 4), 0xaabbccdd);
    assert_int_equal(get(fixture, 0x4000, 4), 1);
}

static void time_is_read_and_written(void **state)
{
    struct fixture *fixture = *state;
    fixture->time = 0x0123456789abcdef;
    assert_true(get(fixture, 0xbff8, 8) == 0x0123456789abcdef);
    assert_int_equal(get(fixture, 0xbff8, 4), 0x89abcdef);
    assert_int_equal(get(fixture, 0xbffc, 4), 0x01234567);
    put(fixture, 0xbffc, 4, 7);
    assert_true(fixture->time == 0x0000000789abcdef);
    put(fixture, 0xbff8, 8, 9);
    assert_true(fixture->time == 9);
}

static void registers_of_harts_that_do_not_exist_are_logged(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint64_t offset;
        unsigned size;
    } wrong[] = { { 4 * HARTS, 4 }, { 0x4000 + 8 * HARTS, 8 }, { 0xc000, 4 }, { 0, 8 }, { 0, 1 }, { 0xbff8, 2 } };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(get(fixture, wrong[i].offset, wrong[i].size), 0);
        put(fixture, wrong[i].offset, wrong[i].size, 1);
        assert_int_equal(fixture->log.count, 2 * i + 2);
    }
    assert_false(fixture->software[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_never_fire_after_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(software_interrupt_is_bit_0_of_msip, setup, teardown),
        cmocka_unit_test_setup_teardown(compare_is_written_whole_or_by_halves, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_read_and_written, setup, teardown),
        cmocka_unit_test_setup_teardown(registers_of_harts_that_do_not_exist_are_logged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
