/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/console.h"

#include "virtio_driver.h"

enum { RECEIVE = 0, TRANSMIT = 1 };

struct fixture {
    struct driver driver;
    struct console_backend console;
    struct console_client client;
    uint8_t output[4096];
    size_t output_size;
    size_t room;
    unsigned resumed;
};

static size_t fake_write(void *self, const uint8_t *bytes, size_t size)
{
    struct fixture *fixture = self;
    size_t taken = size < fixture->room ? size : fixture->room;
    memcpy(fixture->output + fixture->output_size, bytes, taken);
    fixture->output_size += taken;
    fixture->room -= taken;
    return taken;
}

static void fake_attach(void *self, const struct console_client *client)
{
    struct fixture *fixture = self;
    fixture->client = client != NULL ? *client : (struct console_client){ 0 };
}

static void fake_resume(void *self)
{
    struct fixture *fixture = self;
    fixture->resumed++;
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ .room = sizeof fixture.output };
    const struct virtio_wiring wiring = driver_init(&fixture.driver);
    fixture.console = (struct console_backend){ &fixture, fake_write, fake_attach, fake_resume, NULL, NULL };
    fixture.driver.device = virtio_console_create(&wiring, &fixture.console);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    driver_fini(&fixture->driver);
    assert_null(fixture->client.receive);
    return 0;
}

static size_t type(const struct fixture *fixture, const char *text)
{
    return fixture->client.receive(fixture->client.context, (const uint8_t *)text, strlen(text));
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
    assert_int_equal(fixture->output_size, 12);
    assert_memory_equal(fixture->output, "hello, world", 12);
}

static void full_console_keeps_the_chain_until_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    for (unsigned i = 0; i < 2000; i++) {
        driver->ram[BUFFERS + i] = (uint8_t)(i * 7);
    }
    fixture->room = 700;
    const struct part part = { BUFFERS, 2000, false };
    driver_add(driver, TRANSMIT, &part, 1);
    driver_notify(driver, TRANSMIT);
    assert_false(driver_has_used(driver, TRANSMIT));
    assert_int_equal(fixture->output_size, 700);
    driver_notify(driver, TRANSMIT); /* again and again: no harm */
    fixture->room = 1;
    fixture->client.writable(fixture->client.context);
    assert_int_equal(fixture->output_size, 701);
    fixture->room = 3000;
    fixture->client.writable(fixture->client.context);
    assert_int_equal(driver_wait(driver, TRANSMIT, NULL), 0);
    assert_int_equal(fixture->output_size, 2000);
    assert_memory_equal(fixture->output, driver->ram + BUFFERS, 2000);
    fixture->client.writable(fixture->client.context);
    assert_int_equal(fixture->output_size, 2000);
}

static void reset_forgets_a_half_written_chain(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    memcpy(driver->ram + BUFFERS, "abcdef", 6);
    fixture->room = 3;
    const struct part part = { BUFFERS, 6, false };
    driver_add(driver, TRANSMIT, &part, 1);
    driver_notify(driver, TRANSMIT);
    driver_start(driver, 0, 2, 8);
    fixture->room = 100;
    fixture->client.writable(fixture->client.context);
    assert_int_equal(fixture->output_size, 3);
    driver_add(driver, TRANSMIT, &part, 1);
    driver_notify(driver, TRANSMIT);
    assert_memory_equal(fixture->output, "abcabcdef", 9);
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
    assert_int_equal(fixture->resumed, 1);
    assert_int_equal(type(fixture, "x"), 0);
    const struct part part = { BUFFERS, 4, true };
    driver_add(driver, RECEIVE, &part, 1);
    driver_notify(driver, RECEIVE);
    assert_int_equal(fixture->resumed, 2);
    assert_int_equal(type(fixture, "x"), 1);
    driver_notify(driver, RECEIVE);
    assert_int_equal(fixture->resumed, 2); /* nobody waits */
}

static void emergency_write_needs_no_queue(void **state)
{
    struct fixture *fixture = *state;
    reg_put(&fixture->driver, 0x108, '!');
    assert_int_equal(fixture->output_size, 1);
    assert_int_equal(fixture->output[0], '!');
    reg_put(&fixture->driver, 0x104, '?');
    assert_int_equal(fixture->output_size, 1);
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
    fixture->room = 0;
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
