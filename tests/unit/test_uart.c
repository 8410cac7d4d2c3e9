/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/uart.h"

#include "device_access.h"
#include "fake_console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DATA = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define ROOM 64u /* of the console, at first */

struct fixture {
    struct fake_console console;
    struct device *device;
    struct log log;
    bool irq;
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
    fixture = (struct fixture){ 0 };
    fake_console_init(&fixture.console, ROOM);
    fixture.device = uart_create((struct irq_line){ set_irq, &fixture, 0 }, &fixture.console.backend, &fixture.log);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    device_destroy(fixture->device);
    assert_null(fixture->console.client.receive);
    return 0;
}

static uint8_t get(const struct fixture *fixture, uint64_t offset)
{
    return (uint8_t)device_get(fixture->device, offset, 1);
}

static void put(const struct fixture *fixture, uint64_t offset, uint8_t value)
{
    device_put(fixture->device, offset, 1, value);
}

static size_t type(const struct fixture *fixture, const char *text)
{
    return fake_console_type(&fixture->console, text);
}

static void written_bytes_go_to_the_console(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(get(fixture, LSR), 0x60);
    put(fixture, DATA, 'h');
    put(fixture, DATA, 'i');
    assert_int_equal(get(fixture, LSR), 0x60);
    assert_memory_equal(fixture->console.output, "hi", 2);
}

static void full_console_makes_the_transmitter_wait(void **state)
{
    struct fixture *fixture = *state;
    fixture->console.room = 1;
    put(fixture, FCR, 1);
    put(fixture, IER, 2);
    assert_int_equal(get(fixture, IIR) & 0x0f, 2);
    put(fixture, DATA, 'a');
    put(fixture, DATA, 'b');
    put(fixture, DATA, 'c');
    assert_int_equal(get(fixture, LSR), 0);
    get(fixture, IIR);
    assert_false(fixture->irq);
    fixture->console.room = 10;
    fixture->console.client.writable(fixture->console.client.context);
    assert_true(fixture->irq);
    assert_int_equal(get(fixture, LSR), 0x60);
    assert_memory_equal(fixture->console.output, "abc", 3);
}

static void bytes_beyond_a_full_transmitter_are_lost_and_logged(void **state)
{
    struct fixture *fixture = *state;
    fixture->console.room = 0;
    put(fixture, FCR, 1);
    for (int i = 0; i < 17; i++) {
        put(fixture, DATA, (uint8_t)('a' + i));
    }
    assert_int_equal(fixture->log.count, 1);
    fixture->console.room = 64;
    fixture->console.client.writable(fixture->console.client.context);
    assert_int_equal(fixture->console.output_size, 16);
}

static void input_is_told_and_read(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, FCR, 0x01 | 0x40); /* trigger level 4 */
    put(fixture, IER, 1);
    assert_int_equal(type(fixture, "abc"), 3);
    assert_true(fixture->irq);
    assert_int_equal(get(fixture, IIR), 0xcc); /* below the level: character time-out */
    assert_int_equal(type(fixture, "d"), 1);
    assert_int_equal(get(fixture, IIR), 0xc4);
    for (char expected = 'a'; expected <= 'd'; expected++) {
        assert_int_equal(get(fixture, LSR) & 1, 1);
        assert_int_equal(get(fixture, DATA), expected);
    }
    assert_int_equal(get(fixture, LSR) & 1, 0);
    assert_false(fixture->irq);
    assert_int_equal(get(fixture, IIR), 0xc1);
}

static void full_fifo_refuses_input_until_it_is_read(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, FCR, 1);
    assert_int_equal(type(fixture, "0123456789abcdefgh"), 16);
    assert_int_equal(type(fixture, "g"), 0);
    assert_int_equal(fixture->console.resumed, 0);
    for (int i = 0; i < 16; i++) {
        get(fixture, DATA);
    }
    assert_int_equal(fixture->console.resumed, 1);
    assert_int_equal(get(fixture, LSR) & 2, 0); /* no overrun */
}

static void without_fifo_one_byte_is_held(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(type(fixture, "ab"), 1);
    assert_int_equal(get(fixture, IIR) & 0xc0, 0);
    assert_int_equal(get(fixture, DATA), 'a');
    assert_int_equal(fixture->console.resumed, 1);
    assert_int_equal(get(fixture, DATA), 0);
}

static void reading_the_identification_acknowledges_the_transmit_interrupt(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, IER, 2);
    assert_true(fixture->irq);
    assert_int_equal(get(fixture, IIR), 2);
    assert_false(fixture->irq);
    assert_int_equal(get(fixture, IIR), 1);
    put(fixture, DATA, 'x');
    assert_true(fixture->irq);
    put(fixture, IER, 0);
    assert_false(fixture->irq);
}

static void divisor_is_behind_dlab(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, LCR, 0x83);
    put(fixture, DATA, 0x34);
    put(fixture, IER, 0x12);
    assert_int_equal(get(fixture, DATA), 0x34);
    assert_int_equal(get(fixture, IER), 0x12);
    put(fixture, LCR, 0x03);
    assert_int_equal(get(fixture, IER), 0);
    assert_int_equal(fixture->console.output_size, 0);
    assert_int_equal(get(fixture, LCR), 3);
}

static void loopback_returns_bytes_and_modem_lines(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(get(fixture, MSR), 0xb0);
    put(fixture, MCR, 0x1a);
    assert_int_equal(get(fixture, MSR) & 0xf0, 0x90);
    put(fixture, FCR, 1);
    put(fixture, DATA, 'x');
    assert_int_equal(fixture->console.output_size, 0);
    assert_int_equal(get(fixture, DATA), 'x');
    assert_int_equal(type(fixture, "y"), 0);
    put(fixture, MCR, 0);
    assert_int_equal(fixture->console.resumed, 1);
    assert_int_equal(get(fixture, MSR) & 0xf0, 0xb0);
}

static void overrun_in_loopback_is_a_line_error(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, MCR, 0x10);
    put(fixture, IER, 0x04);
    put(fixture, DATA, 'a');
    assert_false(fixture->irq);
    put(fixture, DATA, 'b');
    assert_true(fixture->irq);
    assert_int_equal(get(fixture, IIR), 6);
    assert_int_equal(get(fixture, LSR) & 0x1f, 0x03);
    assert_int_equal(get(fixture, LSR) & 0x1f, 0x01);
    assert_false(fixture->irq);
    assert_int_equal(get(fixture, DATA), 'a');
}

static void modem_change_interrupts_until_read(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, IER, 8);
    put(fixture, MCR, 0x10); /* loopback: CTS, DSR and DCD fall */
    assert_true(fixture->irq);
    assert_int_equal(get(fixture, IIR), 0);
    assert_int_equal(get(fixture, MSR), 0x0b);
    assert_false(fixture->irq);
    put(fixture, MCR, 0x14);
    assert_int_equal(get(fixture, MSR), 0x40); /* a rising ring is no event … */
    put(fixture, MCR, 0x10);
    assert_int_equal(get(fixture, MSR), 0x04); /* … its end is */
}

static void fifo_control_clears(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, FCR, 1);
    type(fixture, "abc");
    put(fixture, FCR, 3);
    assert_int_equal(get(fixture, LSR), 0x60);
    type(fixture, "abc");
    put(fixture, FCR, 0); /* switching the FIFOs off clears them */
    assert_int_equal(get(fixture, LSR), 0x60);
}

static void scratch_register_keeps_a_byte(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, SCR, 0xa5);
    assert_int_equal(get(fixture, SCR), 0xa5);
    fixture->device->reset(fixture->device->self);
    assert_int_equal(get(fixture, SCR), 0);
}

static void unknown_registers_are_logged(void **state)
{
    struct fixture *fixture = *state;
    get(fixture, 8);
    put(fixture, 0xff, 1);
    assert_int_equal(fixture->log.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_bytes_go_to_the_console, setup, teardown),
        cmocka_unit_test_setup_teardown(full_console_makes_the_transmitter_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_beyond_a_full_transmitter_are_lost_and_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(input_is_told_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(full_fifo_refuses_input_until_it_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(without_fifo_one_byte_is_held, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_the_identification_acknowledges_the_transmit_interrupt, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(divisor_is_behind_dlab, setup, teardown),
        cmocka_unit_test_setup_teardown(loopback_returns_bytes_and_modem_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(overrun_in_loopback_is_a_line_error, setup, teardown),
        cmocka_unit_test_setup_teardown(modem_change_interrupts_until_read, setup, teardown),
        cmocka_unit_test_setup_teardown(fifo_control_clears, setup, teardown),
        cmocka_unit_test_setup_teardown(scratch_register_keeps_a_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_registers_are_logged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
