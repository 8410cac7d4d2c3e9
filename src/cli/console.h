/* SPDX-License-Identifier: Apache-2.0 */
/* Where the guest's serial port goes: --console. */
#ifndef RAVELIN_CLI_CONSOLE_H
#define RAVELIN_CLI_CONSOLE_H

#include "cli/output_file.h"
#include "cli/pty.h"

#include <ravelin/vm.h>

#include <stdatomic.h>
#include <stdbool.h>

enum console_kind { CONSOLE_STDIO, CONSOLE_NONE, CONSOLE_FILE, CONSOLE_PTY };

struct console {
    enum console_kind kind;
    int in, out; /* -1: none */
    struct pty *pty;
    struct output_file file;
    bool escaped;     /* Ctrl-A was typed last; I/O thread only */
    atomic_bool quit; /* Ctrl-A x was typed */
};

/* Opens it; reports and gives an exit status: CLI_USAGE for an unknown kind, CLI_FAILURE if the host refuses. */
int console_open(struct console *console, const char *where);

/* Connects it to a machine that is not started yet. */
bool console_connect(struct console *console, struct ravelin_vm *vm, struct ravelin_error *error);

/* Closes it after the machine is gone. False (and a report): output was lost. A zeroed one is not allowed. */
bool console_close(struct console *console);

#endif
