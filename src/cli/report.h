/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says to its user: one line on standard error that tells what is wrong and what to do. */
#ifndef RAVELIN_CLI_REPORT_H
#define RAVELIN_CLI_REPORT_H

#include <stdbool.h>

/* Prints "ravelin: " and the line. `format` has no newline. */
__attribute__((format(printf, 1, 2))) void cli_report(const char *format, ...);

/* Flushes standard output; false (and a report): the host did not take all of it. */
bool cli_flush_output(void);

#endif
