/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void log_guest(struct log *log, const char *format, ...)
{
    uint64_t before = atomic_fetch_add_explicit(&log->count, 1, memory_order_relaxed);
    if (log->sink == NULL || before >= LOG_LIMIT) {
        return;
    }
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log->sink(log->context, line);
    if (before + 1 == LOG_LIMIT) {
        log->sink(log->context, "further guest errors are counted, not shown");
    }
}
