/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pseudo-terminal for a guest's console. While no program has it open, what the guest prints is dropped, as with a
 * serial cable that is not plugged in; while one has, no byte is lost. A thread of its own passes bytes on.
 */
#ifndef RAVELIN_CLI_PTY_H
#define RAVELIN_CLI_PTY_H

struct pty;

/* Makes one in raw mode; reports and returns NULL if the host refuses. */
struct pty *pty_open(void);

const char *pty_name(const struct pty *pty); /* "/dev/pts/N" */
int pty_fd(const struct pty *pty);           /* what the guest's console is connected to, both ways */

/* Passes on what was written, while somebody reads it, for at most a second, and frees. NULL is allowed. */
void pty_close(struct pty *pty);

#endif
