/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's terminal and the process's signals while a guest has the console.
 *
 * terminal_begin() puts the terminal (if standard input is one) into raw mode; it is put back by terminal_end(), at
 * exit(), when the process is stopped or continued (SIGTSTP, SIGCONT) and before a fatal signal ends it. Signals that
 * ask the process to end are counted and make terminal_signal_fd() readable instead; the third one ends it at once.
 *
 * The process has one terminal and one set of signal handlers, hence the file's only global state.
 */
#ifndef RAVELIN_CLI_TERMINAL_H
#define RAVELIN_CLI_TERMINAL_H

#include <stdbool.h>

/* Installs the handlers; with `raw` also sets raw mode, if standard input is a terminal. Reports and returns false if
 * the host refuses. */
bool terminal_begin(bool raw);
void terminal_end(void);

int terminal_signal_fd(void); /* for poll(); never drained: once readable, always */
void terminal_wake(void);     /* makes it readable; any thread */
int terminal_signal(void);    /* the first signal that asked for the end, 0: none */
bool terminal_is_raw(void);

#endif
