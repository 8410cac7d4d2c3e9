/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/console.h"

#include "core/check.h"
#include "devices/io_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_PATIENCE 5 /* seconds without progress */

enum output_way {
    OUTPUT_WRITE, /* the descriptor does not block: regular file, or ours and O_NONBLOCK */
    OUTPUT_SEND,  /* a socket: one call can be made non-blocking */
    OUTPUT_POLL,  /* may block: small pieces, each after the descriptor was found writable */
};

struct output {
    int fd; /* -1: drop everything */
    bool owned;
    bool lossy; /* drop what does not fit, instead of making the guest wait */
    enum output_way way;
    struct io_watch *watch; /* NULL: always writable. I/O thread. */
    /* Guarded by the lock: */
    uint8_t ring[CONSOLE_OUTPUT_SIZE];
    size_t first;
    size_t count;
    bool client_waits; /* a write was cut short */
    int failure;       /* errno that ended output, 0: none */
    uint64_t lost;     /* bytes dropped since */
};

struct input {              /* I/O thread only */
    int fd;                 /* -1: none */
    int keep;               /* a descriptor held open for us, or -1 */
    struct io_watch *watch; /* NULL: always readable */
    struct console_filter filter;
    bool ended;
    size_t count; /* bytes at the start of buffer not yet taken by the client */
    uint8_t buffer[CONSOLE_INPUT_SIZE];
};

struct console_fd {
    struct console_backend base;
    struct io_loop *loop;
    struct io_task input_task;
    struct io_task output_task;
    pthread_mutex_t lock;
    pthread_cond_t progress;      /* of output */
    struct console_client client; /* guarded by the lock; receive NULL: nobody */
    struct output output;
    struct input input;
};

static struct console_client current_client(struct console_fd *console)
{
    pthread_mutex_lock(&console->lock);
    struct console_client client = console->client;
    pthread_mutex_unlock(&console->lock);
    return client;
}

/* ---- output ---- */

static size_t fd_write(void *self, const uint8_t *bytes, size_t size)
{
    struct console_fd *console = self;
    struct output *output = &console->output;
    pthread_mutex_lock(&console->lock);
    if (output->fd < 0 || output->failure != 0) {
        output->lost += size;
        pthread_mutex_unlock(&console->lock);
        return size;
    }
    size_t room = CONSOLE_OUTPUT_SIZE - output->count;
    size_t taken = size < room ? size : room;
    for (size_t i = 0; i < taken; i++) {
        output->ring[(output->first + output->count + i) % CONSOLE_OUTPUT_SIZE] = bytes[i];
    }
    output->count += taken;
    if (output->lossy) {
        taken = size;
    }
    output->client_waits |= taken < size;
    pthread_mutex_unlock(&console->lock);
    io_task_post(&console->output_task);
    return taken;
}

static ssize_t write_piece(const struct output *output, const uint8_t *bytes, size_t size)
{
    switch (output->way) {
    case OUTPUT_SEND: return send(output->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case OUTPUT_POLL: return write(output->fd, bytes, size < 256 ? size : 256);
    case OUTPUT_WRITE: break;
    }
    return write(output->fd, bytes, size);
}

/* Writes the ring's first contiguous piece. False: the host takes nothing now, or nothing is left. */
static bool write_some(struct console_fd *console)
{
    struct output *output = &console->output;
    pthread_mutex_lock(&console->lock);
    size_t first = output->first;
    size_t size = CONSOLE_OUTPUT_SIZE - first < output->count ? CONSOLE_OUTPUT_SIZE - first : output->count;
    pthread_mutex_unlock(&console->lock);
    if (size == 0) {
        return false;
    }
    ssize_t written = write_piece(output, output->ring + first, size); /* producers only append */
    int failure = errno;
    if (written < 0 && (failure == EAGAIN || failure == EINTR)) {
        return failure == EINTR;
    }
    pthread_mutex_lock(&console->lock);
    if (written < 0) {
        output->failure = failure;
        output->lost = output->count;
        output->count = 0;
    } else {
        output->first = (first + (size_t)written) % CONSOLE_OUTPUT_SIZE;
        output->count -= (size_t)written;
    }
    pthread_cond_broadcast(&console->progress);
    pthread_mutex_unlock(&console->lock);
    return true;
}

static void tell_client_writable(struct console_fd *console)
{
    struct output *output = &console->output;
    pthread_mutex_lock(&console->lock);
    bool tell = output->client_waits && output->count <= CONSOLE_OUTPUT_SIZE / 2;
    output->client_waits = output->client_waits && !tell;
    struct console_client client = console->client;
    pthread_mutex_unlock(&console->lock);
    if (tell && client.writable != NULL) {
        client.writable(client.context);
    }
}

static void pump_output(void *self)
{
    struct console_fd *console = self;
    struct output *output = &console->output;
    if (output->way == OUTPUT_POLL && output->watch != NULL) {
        write_some(console); /* called from output_ready() only */
    } else {
        while (write_some(console)) {
        }
    }
    tell_client_writable(console);
    pthread_mutex_lock(&console->lock);
    bool more = output->count != 0;
    pthread_mutex_unlock(&console->lock);
    if (output->watch != NULL) {
        io_watch_events(output->watch, more ? IO_WRITABLE : 0);
    } else if (more) {
        io_task_post(&console->output_task);
    }
}

static void output_ready(void *self, unsigned events)
{
    (void)events;
    pump_output(self);
}

/* The output task: somebody wrote. */
static void output_wanted(void *self)
{
    struct console_fd *console = self;
    if (console->output.way == OUTPUT_POLL && console->output.watch != NULL) {
        io_watch_events(console->output.watch, IO_WRITABLE);
    } else {
        pump_output(console);
    }
}

static bool fd_flush(void *self, struct error *error)
{
    struct console_fd *console = self;
    struct output *output = &console->output;
    pthread_mutex_lock(&console->lock);
    size_t before = output->count + 1;
    while (output->count != 0 && !output->lossy && output->count < before) {
        before = output->count;
        struct timespec deadline;
        clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += FLUSH_PATIENCE;
        while (output->count == before &&
               pthread_cond_timedwait(&console->progress, &console->lock, &deadline) != ETIMEDOUT) {
        }
    }
    uint64_t lost = output->fd < 0 ? 0 : output->lost + (output->lossy ? 0 : output->count);
    int failure = output->failure != 0 ? output->failure : EAGAIN;
    pthread_mutex_unlock(&console->lock);
    return lost == 0 ||
           error_set_errno(error, failure, "%llu bytes of console output were lost; check where the output goes",
                           (unsigned long long)lost);
}

/* ---- input ---- */

static void deliver(struct console_fd *console)
{
    struct input *input = &console->input;
    struct console_client client = current_client(console);
    if (input->count == 0 || client.receive == NULL) {
        return;
    }
    size_t taken = client.receive(client.context, input->buffer, input->count);
    CHECK(taken <= input->count);
    input->count -= taken;
    memmove(input->buffer, input->buffer + taken, input->count);
}

static void read_some(struct console_fd *console)
{
    struct input *input = &console->input;
    uint8_t scratch[256];
    bool full = input->count == CONSOLE_INPUT_SIZE;
    uint8_t *place = full ? scratch : input->buffer + input->count;
    ssize_t size = read(input->fd, place, full ? sizeof scratch : CONSOLE_INPUT_SIZE - input->count);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (size <= 0) {
        input->ended = true;
        return;
    }
    size_t kept = (size_t)size;
    if (input->filter.edit != NULL) {
        kept = input->filter.edit(input->filter.context, place, kept);
        CHECK(kept <= (size_t)size);
    }
    input->count += full ? 0 : kept;
}

static void watch_input(struct console_fd *console)
{
    struct input *input = &console->input;
    bool room = input->count < CONSOLE_INPUT_SIZE || input->filter.edit != NULL;
    if (input->watch != NULL) {
        io_watch_events(input->watch, room && !input->ended ? IO_READABLE : 0);
    } else if (input->count == 0 && input->fd >= 0 && !input->ended) {
        io_task_post(&console->input_task); /* the next piece of a file */
    }
}

static void input_ready(void *self, unsigned events)
{
    (void)events;
    struct console_fd *console = self;
    read_some(console);
    deliver(console);
    watch_input(console);
}

/* The input task: the client has room, or is new, or a file has more. */
static void input_wanted(void *self)
{
    struct console_fd *console = self;
    struct input *input = &console->input;
    if (input->fd >= 0 && input->watch == NULL && input->count == 0 && !input->ended) {
        read_some(console);
    }
    deliver(console);
    watch_input(console);
}

static void fd_resume(void *self)
{
    struct console_fd *console = self;
    io_task_post(&console->input_task);
}

static void nothing(void *context)
{
    (void)context;
}

static void fd_attach(void *self, const struct console_client *client)
{
    struct console_fd *console = self;
    pthread_mutex_lock(&console->lock);
    console->client = client != NULL ? *client : (struct console_client){ 0 };
    console->output.client_waits = false;
    pthread_mutex_unlock(&console->lock);
    if (client != NULL) {
        io_task_post(&console->input_task);
    } else {
        io_loop_call(console->loop, nothing, NULL); /* what ran on the I/O thread has ended then */
    }
}

/* ---- life ---- */

static void close_watches(void *self)
{
    struct console_fd *console = self;
    io_watch_close(console->input.watch);
    io_watch_close(console->output.watch);
    console->input.watch = NULL;
    console->output.watch = NULL;
    console->input.fd = -1;
}

static void fd_destroy(void *self)
{
    struct console_fd *console = self;
    struct error ignored;
    fd_flush(console, &ignored);
    io_loop_call(console->loop, close_watches, console);
    io_task_cancel(&console->input_task);
    io_task_cancel(&console->output_task);
    if (console->output.owned) {
        close(console->output.fd);
    }
    if (console->input.keep >= 0) {
        close(console->input.keep);
    }
    pthread_cond_destroy(&console->progress);
    pthread_mutex_destroy(&console->lock);
    free(console);
}

/* A descriptor of our own for the same terminal or pipe, so that O_NONBLOCK is ours alone. */
static bool reopen_output(struct output *output)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", output->fd);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    output->fd = fd;
    output->owned = true;
    return true;
}

static enum output_way find_output_way(struct output *output)
{
    struct stat status;
    if (fstat(output->fd, &status) != 0) {
        return OUTPUT_WRITE; /* the write will tell */
    }
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
        return OUTPUT_WRITE;
    }
    if (S_ISSOCK(status.st_mode)) {
        return OUTPUT_SEND;
    }
    const dev_t pty_master = makedev(5, 2); /* opening that again would make another one */
    if (S_ISCHR(status.st_mode) && status.st_rdev == pty_master) {
        return OUTPUT_POLL;
    }
    return reopen_output(output) ? OUTPUT_WRITE : OUTPUT_POLL;
}

static void open_watches(void *self)
{
    struct console_fd *console = self;
    if (console->output.fd >= 0) {
        console->output.watch = io_watch_open(console->loop, console->output.fd, output_ready, console);
    }
    if (console->input.fd >= 0) {
        console->input.watch = io_watch_open(console->loop, console->input.fd, input_ready, console);
        watch_input(console);
    }
}

static struct console_fd *create(struct io_loop *loop, int in_fd, int out_fd, const struct console_filter *filter)
{
    struct console_fd *console = check_alloc(sizeof *console);
    console->base = (struct console_backend){ console, fd_write, fd_attach, fd_resume, fd_flush, fd_destroy };
    console->loop = loop;
    console->input.fd = in_fd;
    console->input.keep = -1;
    console->output.fd = out_fd;
    if (filter != NULL) {
        console->input.filter = *filter;
    }
    if (out_fd >= 0) {
        console->output.way = find_output_way(&console->output);
    }
    pthread_mutex_init(&console->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&console->progress, &attributes);
    pthread_condattr_destroy(&attributes);
    io_task_init(&console->input_task, loop, input_wanted, console);
    io_task_init(&console->output_task, loop, output_wanted, console);
    return console;
}

static bool check_descriptor(int fd, const char *what, struct error *error)
{
    return fd < 0 || fcntl(fd, F_GETFD) >= 0 ||
           error_set_errno(error, errno, "console %s (descriptor %d) is closed; redirect it to /dev/null", what, fd);
}

struct console_backend *console_fd_create(struct io_loop *loop, int in_fd, int out_fd,
                                          const struct console_filter *filter, struct error *error)
{
    if (!check_descriptor(in_fd, "input", error) || !check_descriptor(out_fd, "output", error)) {
        return NULL;
    }
    struct console_fd *console = create(loop, in_fd, out_fd, filter);
    io_loop_call(loop, open_watches, console);
    return &console->base;
}

struct console_backend *console_file_create(struct io_loop *loop, const char *path, struct error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot write console output to %s", path);
        return NULL;
    }
    struct console_fd *console = create(loop, -1, fd, NULL);
    if (console->output.owned) {
        close(fd); /* it was opened again */
    }
    console->output.owned = true;
    io_loop_call(loop, open_watches, console);
    return &console->base;
}

/* The other side is kept open, or the master would report a hang-up whenever nobody is connected; and it is made raw,
 * so that the line discipline echoes nothing back into the guest. */
static int open_raw_slave(const char *name)
{
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios terminal;
    if (fd >= 0 && tcgetattr(fd, &terminal) == 0) {
        cfmakeraw(&terminal);
        tcsetattr(fd, TCSANOW, &terminal);
    }
    return fd;
}

struct console_backend *console_pty_create(struct io_loop *loop, char name[CONSOLE_PTY_NAME_SIZE], struct error *error)
{
    char path[CONSOLE_PTY_NAME_SIZE];
    int slave = -1;
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, path, sizeof path) != 0 ||
        (slave = open_raw_slave(path)) < 0) {
        error_set_errno(error, errno, "cannot make a pseudo-terminal; check that /dev/pts is mounted");
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    memcpy(name, path, sizeof path);
    struct console_fd *console = create(loop, fd, fd, NULL);
    console->output.way = OUTPUT_WRITE; /* O_NONBLOCK is set */
    console->output.owned = true;
    console->output.lossy = true;
    console->input.keep = slave;
    io_loop_call(loop, open_watches, console);
    return &console->base;
}

/* ---- no console ---- */

static size_t null_write(void *self, const uint8_t *bytes, size_t size)
{
    (void)self, (void)bytes;
    return size;
}

static void null_attach(void *self, const struct console_client *client)
{
    (void)self, (void)client;
}

static bool null_flush(void *self, struct error *error)
{
    (void)self, (void)error;
    return true;
}

struct console_backend *console_null_create(void)
{
    struct console_backend *console = check_alloc(sizeof *console);
    *console = (struct console_backend){ console, null_write, null_attach, nothing, null_flush, free };
    return console;
}
