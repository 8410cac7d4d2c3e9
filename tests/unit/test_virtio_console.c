/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/console.h"

#include "fake_console.h"
#include "virtio_driver.h"

enum { RECEIVE = 0, TRANSMIT = 1 };

struct fixture {
    struct driver driver;
    struct fake_console console;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ 0 };
    fake_console_init(&fixture.console, sizeof fixture.console.output);
    const struct virtio_wiring wiring = driver_init(&fixture.driver);
    fixture.driver.device = virtio_console_create(&wiring, &fixture.console.backend);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    driver_fini(&fixture->driver);
    assert_null(fixture->console.client.receive);
    return 0;
}

static size_t type(const struct fixture *fixture, const char *text)
{
    return fake_console_type(&fixture->console, text);
}

static void transmitted_chain_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, VIRTIO_F_EVENT_IDX, 2, 8);
    memcpy(driver->ram + BUFFERS, "hello, world", 12);
    const struct part parts[2] = { { BUFFERS, 7, false }, { BUFFERS + 7, 5, false } };
    driver_add(driver, TRANSMIT, parts, 2);
    driver_notify(driver, TRANSMIT);
    assert_int_equal(driver_wait(driver, TRANSMIT, NULL), 0);
    assert_int_equal(fixture->console.output_size, 12);
    assert_memory_equal(fixture->console.output, "hello, world", 12);
}

static void full_console_keeps_the_chain_until_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    for (unsigned i = 0; i < 2000; i++) {
        driver->ram[BUFFERS + i] = (uint8_t)(i * 7);
    }
    fixture->console.room = 700;
    const struct part part = { BUFFERS, 2000, false };
    driver_add(driver, TRANSMIT, &part, 1);
    driver_notify(driver, TRANSMIT);
    assert_false(driver_has_used(driver, TRANSMIT));
    assert_int_equal(fixture->console.output_size, 700);
    driver_notify(driver, TRANSMIT); /* again and again: no harm */
    fixture->console.room = 1;
    fixture->console.client.writable(fixture->console.client.context);
    assert_int_equal(fixture->console.output_size, 701);
    fixture->console.room = 3000;
    fixture->console.client.writable(fixture->console.client.context);
    assert_int_equal(driver_wait(driver, TRANSMIT, NULL), 0);
    assert_int_equal(fixture->console.output_size, 2000);
    assert_memory_equal(fixture->console.output, driver->ram + BUFFERS, 2000);
    fixture->console.client.writable(fixture->console.client.context);
    assert_int_equal(fixture->console.output_size, 2000);
}

static void reset_forgets_a_half_written_chain(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    memcpy(driver->ram + BUFFERS, "abcdef", 6);
    fixture->console.room = 3;
    const struct part part = { BUFFERS, 6, false };
    driver_add(driver, TRANSMIT, &part, 1);
    driver_notify(driver, TRANSMIT);
    driver_start(driver, 0, 2, 8);
    fixture->console.room = 100;
    fixture->console.client.writable(fixture->console.client.context);
    assert_int_equal(fixture->console.output_size, 3);
    driver_add(driver, TRANSMIT, &part, 1);
    driver_notify(driver, TRANSMIT);
    assert_memory_equal(fixture->console.output, "abcabcdef", 9);
}

static void input_fills_buffers_in_turn(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    const struct part parts[2] = { { BUFFERS, 4, true }, { BUFFERS + 64, 4, true } };
    driver_add(driver, RECEIVE, &parts[0], 1);
    driver_add(driver, RECEIVE, &parts[1], 1);
    assert_int_equal(type(fixture, "abcdef"), 6);
    assert_int_equal(driver_wait(driver, RECEIVE, NULL), 4);
    assert_int_equal(driver_wait(driver, RECEIVE, NULL), 2);
    assert_memory_equal(driver->ram + BUFFERS, "abcd", 4);
    assert_memory_equal(driver->ram + BUFFERS + 64, "ef", 2);
    assert_true(driver->irq);
}

static void input_waits_for_buffers(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    assert_int_equal(type(fixture, "early"), 0);
    driver_start(driver, 0, 2, 8);
    assert_int_equal(fixture->console.resumed, 1);
    assert_int_equal(type(fixture, "x"), 0);
    const struct part part = { BUFFERS, 4, true };
    driver_add(driver, RECEIVE, &part, 1);
    driver_notify(driver, RECEIVE);
    assert_int_equal(fixture->console.resumed, 2);
    assert_int_equal(type(fixture, "x"), 1);
    driver_notify(driver, RECEIVE);
    assert_int_equal(fixture->console.resumed, 2); /* nobody waits */
}

static void emergency_write_needs_no_queue(void **state)
{
    struct fixture *fixture = *state;
    reg_put(&fixture->driver, 0x108, '!');
    assert_int_equal(fixture->console.output_size, 1);
    assert_int_equal(fixture->console.output[0], '!');
    reg_put(&fixture->driver, 0x104, '?');
    assert_int_equal(fixture->console.output_size, 1);
}

static void chains_without_use_are_given_back(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    const struct part parts[2] = { { BUFFERS, 4, true }, { BUFFERS, 4, false } };
    driver_add(driver, TRANSMIT, &parts[0], 1); /* nothing to read in it */
    driver_notify(driver, TRANSMIT);
    assert_int_equal(driver_wait(driver, TRANSMIT, NULL), 0);
    driver_add(driver, RECEIVE, &parts[1], 1); /* nothing to write in it */
    assert_int_equal(type(fixture, "x"), 0);
    assert_int_equal(driver_wait(driver, RECEIVE, NULL), 0);
    assert_false(driver_needs_reset(driver));
}

static void chain_without_measure_needs_a_reset(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    fixture->console.room = 0;
    for (unsigned extra = 0; extra < 2; extra++) { /* a mebibyte is served, a byte more is not */
        driver_start(driver, 0, 2, 8);
        const struct part parts[3] = { { 0, 0x80000, false }, { 0, 0x80000, false }, { 0, 1, false } };
        driver_add(driver, TRANSMIT, parts, 2 + extra);
        driver_notify(driver, TRANSMIT);
        assert_int_equal(driver_needs_reset(driver), extra);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transmitted_chain_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(full_console_keeps_the_chain_until_there_is_room, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_forgets_a_half_written_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(input_fills_buffers_in_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(input_waits_for_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(emergency_write_needs_no_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_without_use_are_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(chain_without_measure_needs_a_reset, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
