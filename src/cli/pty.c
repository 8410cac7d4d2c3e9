/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pty.h"

#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define BUFFER_SIZE  4096
#define LOOK_TIME    50  /* ms between looks whether somebody has opened it */
#define CLOSING_TIME 100 /* looks, after the guest's end */
#define EMPTY_LOOKS  4   /* in a row, before a terminal counts as read: what was written takes a moment to be counted */

struct buffer {
    char bytes[BUFFER_SIZE];
    size_t size;
};

struct pty {
    int master;
    int guest; /* ours of the two sockets: the pump's end is `pump` */
    int pump;
    char name[64];
    pthread_t thread;
    bool started;
};

/* Moves what there is from `from` into an empty buffer; false: the end. */
static bool fill(struct buffer *buffer, int from)
{
    ssize_t got = read(from, buffer->bytes, sizeof buffer->bytes);
    buffer->size = got > 0 ? (size_t)got : 0;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR || errno == EIO));
}

static void drain(struct buffer *buffer, int to)
{
    ssize_t put = write(to, buffer->bytes, buffer->size);
    if (put > 0) {
        buffer->size -= (size_t)put;
        memmove(buffer->bytes, buffer->bytes + put, buffer->size);
    }
}

/* Somebody has the terminal open. Hanging up is a state that poll() tells of at once, so it is asked, not waited for.
 */
static bool is_plugged_in(const struct pty *pty)
{
    struct pollfd event = { .fd = pty->master, .events = 0 };
    return poll(&event, 1, 0) >= 0 && (event.revents & POLLHUP) == 0;
}

/* The thread: to the terminal and from it, until the guest's side is closed and everything has been passed on. */
static void *pump(void *context)
{
    struct pty *pty = context;
    struct buffer out = { .size = 0 };
    struct buffer in = { .size = 0 };
    bool open = true;
    for (unsigned looks = 0; open || (out.size > 0 && looks < CLOSING_TIME); looks = open ? 0 : looks + 1) {
        bool plugged_in = is_plugged_in(pty);
        if (!plugged_in) {
            out.size = 0;
        }
        struct pollfd events[2] = {
            { .fd = open ? pty->pump : -1,
              .events = (short)((out.size == 0 ? POLLIN : 0) | (in.size > 0 ? POLLOUT : 0)) },
            { .fd = plugged_in ? pty->master : -1,
              .events = (short)((in.size == 0 ? POLLIN : 0) | (out.size > 0 ? POLLOUT : 0)) },
        };
        poll(events, 2, LOOK_TIME);
        if (out.size == 0 && (events[0].revents & (POLLIN | POLLHUP)) != 0) {
            open = fill(&out, pty->pump);
        }
        if (in.size == 0 && (events[1].revents & POLLIN) != 0) {
            fill(&in, pty->master);
        }
        if (out.size > 0 && is_plugged_in(pty)) {
            drain(&out, pty->master);
        }
        if (in.size > 0 && open) {
            drain(&in, pty->pump);
        }
    }
    return NULL;
}

static bool make_terminal(struct pty *pty)
{
    pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (pty->master < 0 || grantpt(pty->master) != 0 || unlockpt(pty->master) != 0 ||
        ptsname_r(pty->master, pty->name, sizeof pty->name) != 0) {
        return false;
    }
    int slave = open(pty->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    bool made = slave >= 0 && tcgetattr(slave, &settings) == 0;
    if (made) {
        cfmakeraw(&settings);
        made = tcsetattr(slave, TCSANOW, &settings) == 0;
    }
    if (slave >= 0) {
        close(slave); /* from now on it counts as hung up until somebody opens it */
    }
    return made;
}

static bool make_sockets(struct pty *pty)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) != 0) {
        return false;
    }
    pty->guest = sockets[0];
    pty->pump = sockets[1];
    return true;
}

/* The thread takes no signals: they are for the main one. */
static bool start(struct pty *pty)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&pty->thread, NULL, pump, pty);
    pty->started = errno == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pty->started;
}

struct pty *pty_open(void)
{
    struct pty *pty = calloc(1, sizeof *pty);
    if (pty == NULL) {
        abort();
    }
    pty->master = pty->guest = pty->pump = -1;
    if (!make_terminal(pty) || !make_sockets(pty) || !start(pty)) {
        cli_report("cannot create a pseudo-terminal (%s): use another --console", strerror(errno));
        pty_close(pty);
        return NULL;
    }
    return pty;
}

const char *pty_name(const struct pty *pty)
{
    return pty->name;
}

int pty_fd(const struct pty *pty)
{
    return pty->guest;
}

/* Closing our side takes from a reader what it has not read yet: waits for it. */
static void wait_until_read(const struct pty *pty)
{
    int slave = is_plugged_in(pty) ? open(pty->name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    unsigned empty = 0;
    for (unsigned looks = 0; slave >= 0 && looks < CLOSING_TIME && empty < EMPTY_LOOKS; looks++) {
        int unread = 0;
        poll(NULL, 0, LOOK_TIME);
        empty = ioctl(slave, FIONREAD, &unread) == 0 && unread > 0 ? 0 : empty + 1;
    }
    if (slave >= 0) {
        close(slave);
    }
}

static void close_one(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void pty_close(struct pty *pty)
{
    if (pty == NULL) {
        return;
    }
    close_one(pty->guest); /* the pump sees the end of the file */
    if (pty->started) {
        pthread_join(pty->thread, NULL);
        wait_until_read(pty);
    }
    close_one(pty->pump);
    close_one(pty->master);
    free(pty);
}
