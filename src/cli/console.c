/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"

#include "cli/option.h"
#include "cli/report.h"
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
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

/* A new pseudo-terminal, raw from the start, whose name is told. */
static int open_pty(struct console *console)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *name = master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 ? ptsname(master) : NULL;
    int other = name != NULL ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    struct termios settings;
    if (other < 0 || tcgetattr(other, &settings) != 0) {
        cli_report("cannot create a pseudo-terminal (%s): use another --console", strerror(errno));
        return CLI_FAILURE;
    }
    cfmakeraw(&settings);
    tcsetattr(other, TCSANOW, &settings);
    console->pty[0] = master;
    console->pty[1] = other;
    console->in = master;
    console->out = master;
    cli_report("the console is %s", name);
    return CLI_SUCCESS;
}

int console_open(struct console *console, const char *where)
{
    *console = (struct console){ .in = -1, .out = -1, .pty = { -1, -1 } };
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
        return open_pty(console);
    }
    if (strncmp(where, "file:", 5) == 0 && where[5] != '\0') {
        console->kind = CONSOLE_FILE;
        if (!output_file_open(&console->file, "--console", where + 5)) {
            return CLI_FAILURE;
        }
        console->out = fileno(console->file.stream);
        return CLI_SUCCESS;
    }
    cli_report("--console %s is not known: give stdio, none, pty or file:PATH", where);
    return CLI_USAGE;
}

bool console_connect(struct console *console, struct ravelin_vm *vm, struct ravelin_error *error)
{
    return ravelin_vm_set_console(vm, console->in, console->out, error) &&
           (console->kind != CONSOLE_STDIO || ravelin_vm_set_console_filter(vm, edit, console, error));
}

bool console_close(struct console *console)
{
    for (unsigned i = 0; i < 2; i++) {
        if (console->pty[i] >= 0) {
            close(console->pty[i]);
        }
    }
    return output_file_close(&console->file);
}
