/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal is as it was, however `ravelin run` ends. Gives the program a pseudo-terminal of its own, waits until it
 * is in raw mode, ends it, and compares. Prints TAP.
 *
 *     terminal RAVELIN LOOPING_GUEST_FILE ECHOING_GUEST_FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static unsigned count;
static const char *program;

static void result(bool right, const char *what)
{
    printf("%sok %u - %s\n", right ? "" : "not ", ++count, what);
    fflush(stdout);
}

struct session {
    int master, slave;
    struct termios before;
    pid_t child;
    char output[8192];
    size_t output_size;
};

static void nap(void)
{
    struct timespec time = { .tv_nsec = 20000000 };
    nanosleep(&time, NULL);
}

/* Takes what the program printed, so that it never waits for us. */
static void drain(struct session *session)
{
    struct pollfd event = { .fd = session->master, .events = POLLIN };
    while (poll(&event, 1, 0) > 0 && (event.revents & POLLIN) != 0) {
        ssize_t got = read(session->master, session->output + session->output_size,
                           sizeof session->output - 1 - session->output_size);
        if (got <= 0) {
            return;
        }
        session->output_size += (size_t)got;
    }
    session->output[session->output_size] = '\0';
}

static bool is_raw(const struct session *session)
{
    struct termios now;
    return tcgetattr(session->slave, &now) == 0 && (now.c_lflag & (tcflag_t)(ICANON | ECHO | ISIG)) == 0;
}

static bool is_as_before(const struct session *session)
{
    struct termios now;
    return tcgetattr(session->slave, &now) == 0 && now.c_iflag == session->before.c_iflag &&
           now.c_oflag == session->before.c_oflag && now.c_lflag == session->before.c_lflag &&
           now.c_cflag == session->before.c_cflag;
}

/* Starts it with the guest on a new terminal. */
static bool start(struct session *session, const char *guest)
{
    memset(session, 0, sizeof *session);
    if (openpty(&session->master, &session->slave, NULL, NULL, NULL) != 0 ||
        tcgetattr(session->slave, &session->before) != 0) {
        return false;
    }
    session->child = fork();
    if (session->child == 0) {
        signal(SIGHUP, SIG_DFL); /* under nohup, or in the background of a script, they are ignored */
        signal(SIGINT, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
        setsid();
        ioctl(session->slave, TIOCSCTTY, 0);
        dup2(session->slave, 0);
        dup2(session->slave, 1);
        dup2(session->slave, 2);
        close(session->master);
        close(session->slave);
        execl(program, program, "run", "--elf", guest, "--timeout", "20", (char *)NULL);
        _exit(99);
    }
    return session->child > 0;
}

/* Starts it and waits until the terminal is raw. */
static bool begin(struct session *session, const char *guest)
{
    bool started = start(session, guest);
    for (unsigned i = 0; i < 250 && !is_raw(session); i++) {
        nap();
    }
    return started && is_raw(session);
}

/* Waits for its end and gives its status as wait() does; -1: it does not end. */
static int finish(struct session *session)
{
    int status = -1;
    for (unsigned i = 0; i < 500; i++) {
        drain(session);
        if (waitpid(session->child, &status, WNOHANG) == session->child) {
            drain(session); /* what it printed since */
            return status;
        }
        nap();
    }
    kill(session->child, SIGKILL);
    waitpid(session->child, &status, 0);
    return -1;
}

static void end(struct session *session)
{
    close(session->master);
    close(session->slave);
}

static void type(struct session *session, const char *text)
{
    ssize_t written = write(session->master, text, strlen(text));
    (void)written;
}

static void wait_for(struct session *session, const char *text)
{
    for (unsigned i = 0; i < 250 && strstr(session->output, text) == NULL; i++) {
        nap();
        drain(session);
    }
}

static void keys_end_and_help(const char *loop, const char *echo)
{
    struct session session;
    bool begun = begin(&session, loop);
    type(&session, "\001x");
    int status = finish(&session);
    result(begun && WIFEXITED(status) && WEXITSTATUS(status) == 0, "Ctrl-A x ends the machine with status 0");
    result(is_as_before(&session), "and the terminal is as before");
    end(&session);

    begun = begin(&session, echo);
    type(&session, "\001h");
    wait_for(&session, "Ctrl-A x");
    result(begun && strstr(session.output, "Ctrl-A x") != NULL, "Ctrl-A h tells the keys");
    type(&session, "ab\003q"); /* Ctrl-C is the guest's in raw mode */
    status = finish(&session);
    wait_for(&session, "ab\003q"); /* the terminal passes it on in its own time */
    result(WIFEXITED(status) && WEXITSTATUS(status) == 0 && strstr(session.output, "ab\003q") != NULL,
           "what is typed, Ctrl-C included, reaches the guest");
    result(is_as_before(&session), "the terminal is as before when the guest has ended");
    end(&session);
}

static void signals_end(const char *loop)
{
    static const struct {
        int number;
        const char *name;
        bool killed; /* ends by the signal itself, else with 128 + its number */
    } signals[] = { { SIGTERM, "SIGTERM", false }, { SIGINT, "SIGINT", false },   { SIGHUP, "SIGHUP", false },
                    { SIGQUIT, "SIGQUIT", false }, { SIGUSR1, "SIGUSR1", false }, { SIGALRM, "SIGALRM", false },
                    { SIGTRAP, "SIGTRAP", true },  { SIGSEGV, "SIGSEGV", true },  { SIGABRT, "SIGABRT", true } };
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct session session;
        char text[128];
        bool begun = begin(&session, loop);
        kill(session.child, signals[i].number);
        int status = finish(&session);
        bool right = signals[i].killed ? WIFSIGNALED(status) || WEXITSTATUS(status) != 0
                                       : WIFEXITED(status) && WEXITSTATUS(status) == 128 + signals[i].number;
        snprintf(text, sizeof text, "%s ends it as it should", signals[i].name);
        result(begun && right, text);
        snprintf(text, sizeof text, "the terminal is as before after %s", signals[i].name);
        result(is_as_before(&session), text);
        end(&session);
    }
}

static void stop_and_continue(const char *loop)
{
    struct session session;
    bool begun = begin(&session, loop);
    int status = 0;
    kill(session.child, SIGTSTP);
    for (unsigned i = 0; i < 250 && !is_as_before(&session); i++) {
        nap();
    }
    pid_t stopped = waitpid(session.child, &status, WUNTRACED);
    result(begun && stopped == session.child && WIFSTOPPED(status) && is_as_before(&session),
           "the terminal is as before while it is stopped");
    kill(session.child, SIGCONT);
    for (unsigned i = 0; i < 250 && !is_raw(&session); i++) {
        nap();
    }
    result(is_raw(&session), "and raw again when it goes on");
    kill(session.child, SIGTERM);
    finish(&session);
    result(is_as_before(&session), "and as before at the end");
    end(&session);
}

/* Whether a process has a handler for a signal (proc(5), SigCgt). */
static bool catches(pid_t process, int number)
{
    char path[64], line[256];
    unsigned long long caught = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SigCgt:", 7) == 0) {
            caught = strtoull(line + 7, NULL, 16);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return (caught >> (number - 1) & 1) != 0;
}

/* As long as there is no guest, Ctrl-C is the user's: a file may be slow, a FIFO may never be written to. */
static void files_can_be_interrupted(void)
{
    char folder[] = "/tmp/ravelin-terminal.XXXXXX";
    char fifo[64];
    struct session session;
    if (mkdtemp(folder) == NULL) {
        result(false, "a temporary folder");
        return;
    }
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    bool begun = mkfifo(fifo, 0600) == 0 && start(&session, fifo);
    for (unsigned i = 0; begun && i < 500 && !catches(session.child, SIGINT); i++) {
        nap(); /* before that a Ctrl-C ends it as any program, without a status of its own */
    }
    for (unsigned i = 0; i < 25; i++) {
        nap();
    }
    result(begun && is_as_before(&session), "the terminal stays as it is while a file is waited for");
    type(&session, "\003");
    int status = finish(&session);
    result(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT, "Ctrl-C ends the waiting");
    end(&session);
    unlink(fifo);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "terminal: give RAVELIN LOOPING_GUEST ECHOING_GUEST\n");
        return 2;
    }
    program = argv[1];
    keys_end_and_help(argv[2], argv[3]);
    signals_end(argv[2]);
    stop_and_continue(argv[2]);
    files_can_be_interrupted();
    printf("1..%u\n", count);
    return 0;
}
