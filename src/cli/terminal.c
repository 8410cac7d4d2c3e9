/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SIGNALS_UNTIL_EXIT 3

static struct {
    struct termios before, raw;
    volatile sig_atomic_t is_raw;
    volatile sig_atomic_t first_signal;
    volatile sig_atomic_t signal_count;
    volatile sig_atomic_t has_guest; /* terminal_enter() was called: somebody looks at first_signal */
    void (*abandon)(void);
    int pipe[2];
    bool begun;
} terminal = { .pipe = { -1, -1 } };

/* What ends a process that does not handle it. SIGPIPE and SIGXFSZ are ignored instead: the write tells. */
static const int ending_signals[] = { SIGINT,  SIGTERM,   SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                                      SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL, SIGXCPU };
static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS, SIGTRAP };

/* A background process that sets the terminal would be stopped: it must not be while the signal is blocked. */
static void set_terminal(const struct termios *settings)
{
    sigset_t output;
    sigset_t before;
    sigemptyset(&output);
    sigaddset(&output, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &output, &before);
    tcsetattr(STDIN_FILENO, TCSANOW, settings);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void restore(void)
{
    if (terminal.is_raw) {
        set_terminal(&terminal.before);
    }
}

void terminal_wake(void)
{
    ssize_t written = write(terminal.pipe[1], "", 1);
    (void)written; /* full means that it is readable already */
}

/* -- Signal handlers: only async-signal-safe calls ------------------------------------------------------------------
 */

static void on_ending_signal(int number)
{
    int saved = errno;
    if (terminal.first_signal == 0) {
        terminal.first_signal = number;
    }
    terminal.signal_count = terminal.signal_count + 1;
    if (!terminal.has_guest || terminal.signal_count >= SIGNALS_UNTIL_EXIT) {
        restore();
        terminal.abandon();
        _exit(128 + number);
    }
    terminal_wake();
    errno = saved;
}

static void on_fatal_signal(int number)
{
    restore();
    terminal.abandon();
    signal(number, SIG_DFL);
    raise(number);
}

static void on_stop(int number)
{
    int saved = errno;
    (void)number;
    restore();
    raise(SIGSTOP);
    if (terminal.is_raw) {
        set_terminal(&terminal.raw);
    }
    errno = saved;
}

static void on_continue(int number)
{
    int saved = errno;
    (void)number;
    if (terminal.is_raw) {
        set_terminal(&terminal.raw);
    }
    errno = saved;
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* A signal that is ignored from outside (nohup, a shell's background job) stays ignored. */
static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* -- Raw mode -------------------------------------------------------------------------------------------------------
 */

static void make_raw(void)
{
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal.before) != 0) {
        return;
    }
    terminal.raw = terminal.before;
    cfmakeraw(&terminal.raw);
    terminal.raw.c_oflag |= OPOST; /* so that our own lines, and a guest's bare newlines, start at the margin */
    terminal.is_raw = 1;
    if (tcgetpgrp(STDIN_FILENO) == getpgrp()) {
        set_terminal(&terminal.raw);
    }
}

bool terminal_begin(void (*abandon)(void))
{
    terminal.abandon = abandon;
    if (pipe2(terminal.pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        cli_report("cannot create a pipe (%s): raise the limit on open files", strerror(errno));
        return false;
    }
    for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
        if (!is_ignored(ending_signals[i])) {
            handle(ending_signals[i], on_ending_signal, SA_RESTART);
        }
    }
    signal(SIGPIPE, SIG_IGN); /* a console that nobody reads any more is an error, not the end */
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow (ulimit -f) */
    if (!terminal.begun) {
        terminal.begun = true;
        atexit(terminal_end);
    }
    return true;
}

void terminal_enter(bool raw)
{
    terminal.has_guest = 1;
    if (raw) {
        for (size_t i = 0; i < sizeof fatal_signals / sizeof fatal_signals[0]; i++) {
            handle(fatal_signals[i], on_fatal_signal, (int)SA_RESETHAND);
        }
        handle(SIGTSTP, on_stop, SA_RESTART);
        handle(SIGCONT, on_continue, SA_RESTART);
        make_raw();
    }
}

void terminal_end(void)
{
    restore();
    terminal.is_raw = 0;
}

int terminal_signal_fd(void)
{
    return terminal.pipe[0];
}

int terminal_signal(void)
{
    return terminal.first_signal;
}

bool terminal_is_raw(void)
{
    return terminal.is_raw != 0;
}
