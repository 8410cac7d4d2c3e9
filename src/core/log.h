/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest does wrong is told, not silently dropped: an access to an unknown device register, a malformed queue.
 *
 * Messages go to the sink of the VM (struct log), by default nowhere; the command line's --trace/--verbose gives one.
 * A hostile guest can produce messages without end, so each log lets through LOG_LIMIT of them and counts the rest.
 * Thread-safe. The text must not contain guest-controlled strings (numbers only).
 */
#ifndef RAVELIN_CORE_LOG_H
#define RAVELIN_CORE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#define LOG_LIMIT 1000

struct log {
    void (*sink)(void *context, const char *line); /* NULL: drop */
    void *context;
    _Atomic uint64_t count; /* messages so far, dropped ones included */
};

__attribute__((format(printf, 2, 3))) void log_guest(struct log *log, const char *format, ...);

#endif
