/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console back ends: where a serial port's bytes go to and come from. Used by uart.c, virtio/console.c and the
 * firmware interface.
 *
 * Output: console_write() takes as many bytes as its bounded buffer has room for and never blocks; when it took less
 * than all, the device's writable() is called once there is room again.
 * Input: the back end offers bytes with receive(); what the device does not take is kept and offered again after
 * the device called console_resume(). So neither direction loses a byte, and neither grows.
 *
 *     struct console_backend *console = console_fd_create(loop, 0, 1, NULL, &error);
 *     struct device *uart = uart_create(irq, console, log);      // attaches itself
 *     …
 *     device_destroy(uart);                                      // detaches itself
 *     if (!console_flush(console, &error)) …                     // output the host did not take
 *     console_destroy(console);
 *
 * Threads: all functions may be called from any thread but the client's functions are called on the I/O thread only,
 * without any lock of the back end held. After console_attach(console, NULL) returned (not called on the I/O thread)
 * none of them runs any more.
 */
#ifndef RAVELIN_DEVICES_CONSOLE_H
#define RAVELIN_DEVICES_CONSOLE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct io_loop;

/* The device. Both functions run on the I/O thread. */
struct console_client {
    void *context;
    size_t (*receive)(void *context, const uint8_t *bytes, size_t size); /* returns how many it took */
    void (*writable)(void *context);
};

/* The interface a back end fills in; see above. */
struct console_backend {
    void *self;
    size_t (*write)(void *self, const uint8_t *bytes, size_t size);
    void (*attach)(void *self, const struct console_client *client); /* copied; NULL detaches */
    void (*resume)(void *self);
    bool (*flush)(void *self, struct error *error);
    void (*destroy)(void *self);
};

/* Returns how many bytes were taken, 0 … size. */
static inline size_t console_write(struct console_backend *console, const uint8_t *bytes, size_t size)
{
    return console->write(console->self, bytes, size);
}

/* Makes `client` (copied) the receiver; one at a time; NULL detaches and waits for a running call to end. */
static inline void console_attach(struct console_backend *console, const struct console_client *client)
{
    console->attach(console->self, client);
}

/* The client has room again for input it refused before. May be called with the client's lock held. */
static inline void console_resume(struct console_backend *console)
{
    console->resume(console->self);
}

/* Waits until the host took all output; gives up when it takes nothing for five seconds. False: output was lost. */
static inline bool console_flush(struct console_backend *console, struct error *error)
{
    return console->flush(console->self, error);
}

static inline void console_destroy(struct console_backend *console)
{
    if (console != NULL) {
        console->destroy(console->self);
    }
}

/* Looks at (and may edit, in place) what was read, before the guest gets it: returns the new size, not larger. Runs on
 * the I/O thread. For the escape key of a terminal. */
struct console_filter {
    void *context;
    size_t (*edit)(void *context, uint8_t *bytes, size_t size);
};

/*
 * A back end over file descriptors: terminal, pipe, socket, pseudo-terminal, regular file. in_fd or out_fd may be -1
 * (no input; output dropped), both may be the same. The descriptors are borrowed and not set non-blocking (that would
 * change them for every process that shares them); raw mode is the caller's. End of input is quiet; an output that
 * fails (closed pipe, full disk) drops what follows, and console_flush() tells.
 *
 * With a filter (copied, may be NULL) input is read even while the guest takes none, so that a quit key always works;
 * what exceeds CONSOLE_INPUT_SIZE then is dropped. Without, the descriptor is left unread (back pressure).
 */
#define CONSOLE_INPUT_SIZE  65536u
#define CONSOLE_OUTPUT_SIZE 65536u

struct console_backend *console_fd_create(struct io_loop *loop, int in_fd, int out_fd,
                                          const struct console_filter *filter, struct error *error);

/* Output into a file, made anew; no input. Errors: it cannot be opened for writing. */
struct console_backend *console_file_create(struct io_loop *loop, const char *path, struct error *error);

/* A new pseudo-terminal in raw mode; `name` receives the path another program opens ("/dev/pts/3"). What the guest
 * writes while nobody reads is kept up to CONSOLE_OUTPUT_SIZE and dropped beyond: a guest must not wait for somebody
 * to look. */
#define CONSOLE_PTY_NAME_SIZE 128
struct console_backend *console_pty_create(struct io_loop *loop, char name[CONSOLE_PTY_NAME_SIZE], struct error *error);

/* No input; output dropped. Never fails. */
struct console_backend *console_null_create(void);

#endif
