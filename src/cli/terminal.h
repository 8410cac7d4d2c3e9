/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's terminal and the process's signals while a guest has the console.
 *
 * From terminal_begin() on, a signal that asks the process to end does so at once and leaves nothing half-written:
 * files that are slow to read, a FIFO that nobody writes to, can be interrupted. terminal_enter(), when there is a
 * guest, puts the terminal (if standard input is one) into raw mode; it is put back by terminal_end(), at exit(), when
 * the process is stopped or continued (SIGTSTP, SIGCONT) and before a fatal signal ends it. Then signals that ask for
 * the end are counted and make terminal_signal_fd() readable instead; the third one ends the process at once.
 *
 * The process has one terminal and one set of signal handlers, hence the file's only global state.
 */
#ifndef RAVELIN_CLI_TERMINAL_H
#define RAVELIN_CLI_TERMINAL_H

#include <stdbool.h>

/* Installs the handlers. `abandon` is called before a signal ends the process: in a handler, so it may use only what
 * is async-signal-safe. Reports and returns false if the host refuses. */
bool terminal_begin(void (*abandon)(void));

/* From now on terminal_signal() is looked at; with `raw` also sets raw mode, if standard input is a terminal. */
void terminal_enter(bool raw);
void terminal_end(void);

int terminal_signal_fd(void); /* for poll(); never drained: once readable, always */
void terminal_wake(void);     /* makes it readable; any thread */
int terminal_signal(void);    /* the first signal that asked for the end, 0: none */
bool terminal_is_raw(void);

#endif
