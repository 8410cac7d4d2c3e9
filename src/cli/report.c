/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void cli_report(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "ravelin: %s\n", line);
}

bool cli_flush_output(void)
{
    bool had_failed = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !had_failed) {
        return true;
    }
    cli_report("cannot write to standard output (%s): free space or send it elsewhere", strerror(errno));
    return false;
}
