/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console back end for tests of serial devices: it takes as many bytes as the test allows, keeps them, and lets the
 * test call the device as the I/O thread would.
 *
 *     fake_console_init(&console, 64);
 *     device = uart_create(irq, &console.backend, &log);
 *     console.room = 1; …                                     // then a write of two bytes is taken by half
 *     console.client.writable(console.client.context);
 */
#ifndef RAVELIN_TESTS_FAKE_CONSOLE_H
#define RAVELIN_TESTS_FAKE_CONSOLE_H

#include "devices/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fake_console {
    struct console_backend backend;
    struct console_client client; /* of the device that is attached; zeros: none */
    uint8_t output[4096];         /* what was taken, output_size bytes */
    size_t output_size;
    size_t room; /* bytes that will be taken before the console is full */
    unsigned resumed;
};

static inline size_t fake_console_write(void *self, const uint8_t *bytes, size_t size)
{
    struct fake_console *console = self;
    size_t taken = size < console->room ? size : console->room;
    assert_true(taken <= sizeof console->output - console->output_size);
    memcpy(console->output + console->output_size, bytes, taken);
    console->output_size += taken;
    console->room -= taken;
    return taken;
}

static inline void fake_console_attach(void *self, const struct console_client *client)
{
    struct fake_console *console = self;
    console->client = client != NULL ? *client : (struct console_client){ 0 };
}

static inline void fake_console_resume(void *self)
{
    struct fake_console *console = self;
    console->resumed++;
}

static inline void fake_console_init(struct fake_console *console, size_t room)
{
    *console = (struct fake_console){ .room = room };
    console->backend =
        (struct console_backend){ console, fake_console_write, fake_console_attach, fake_console_resume, NULL, NULL };
}

/* The user types; returns how many characters the device took. */
static inline size_t fake_console_type(const struct fake_console *console, const char *text)
{
    return console->client.receive(console->client.context, (const uint8_t *)text, strlen(text));
}

#endif
