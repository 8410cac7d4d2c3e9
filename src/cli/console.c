/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include "cli/option.h"
#include "cli/report.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ESCAPE 0x01 /* Ctrl-A */

static void show_keys(void)
{
    fprintf(stderr, "\nravelin keys: Ctrl-A x ends the machine, Ctrl-A h shows this, Ctrl-A Ctrl-A sends a Ctrl-A\n");
}

/* Takes our keys out of what was typed. */
static size_t edit(void *context, uint8_t *bytes, size_t size)
{
    struct console *console = context;
    size_t kept = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes[i];
        if (!console->escaped && byte == ESCAPE) {
            console->escaped = true;
            continue;
        }
        bool escaped = console->escaped;
        console->escaped = false;
        if (!escaped || byte == ESCAPE) {
            bytes[kept++] = byte;
        } else if (byte == 'x' || byte == 'X') {
            atomic_store(&console->quit, true);
            terminal_wake(); /* the machine may not have started yet, so that it cannot be stopped here */
        } else if (byte == 'h' || byte == 'H' || byte == '?') {
            show_keys();
        }
    }
    return kept;
}

int console_open(struct console *console, const char *where)
{
    *console = (struct console){ .in = -1, .out = -1 };
    if (strcmp(where, "stdio") == 0) {
        console->kind = CONSOLE_STDIO;
        console->in = fcntl(STDIN_FILENO, F_GETFD) >= 0 ? STDIN_FILENO : -1;
        console->out = fcntl(STDOUT_FILENO, F_GETFD) >= 0 ? STDOUT_FILENO : -1;
        return CLI_SUCCESS;
    }
    if (strcmp(where, "none") == 0) {
        console->kind = CONSOLE_NONE;
        return CLI_SUCCESS;
    }
    if (strcmp(where, "pty") == 0) {
        console->kind = CONSOLE_PTY;
        console->pty = pty_open();
        if (console->pty == NULL) {
            return CLI_FAILURE;
        }
        console->in = console->out = pty_fd(console->pty);
        cli_report("the console is %s", pty_name(console->pty));
        return CLI_SUCCESS;
    }
    if (strncmp(where, "file:", 5) == 0 && where[5] != '\0') {
        console->kind = CONSOLE_FILE;
        if (!output_file_open(&console->file, "--console", where + 5)) {
            return CLI_FAILURE;
        }
        console->out = fileno(console->file.stream);
        return CLI_SUCCESS;
    }
    cli_report("--console %s is not known: give stdio, none, pty or file:PATH", cli_shown(where));
    return CLI_USAGE;
}

bool console_connect(struct console *console, struct ravelin_vm *vm, struct ravelin_error *error)
{
    return ravelin_vm_set_console(vm, console->in, console->out, error) &&
           (console->kind != CONSOLE_STDIO || ravelin_vm_set_console_filter(vm, edit, console, error));
}

bool console_close(struct console *console)
{
    pty_close(console->pty);
    return output_file_close(&console->file);
}
