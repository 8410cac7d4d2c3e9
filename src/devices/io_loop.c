/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/io_loop.h"

#include "core/check.h"
#include "devices/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

struct io_loop {
    uv_loop_t uv;
    uv_async_t wake;
    pthread_t thread;
    pthread_mutex_t lock; /* guards everything below and every task's next and queued */
    pthread_cond_t done;  /* a task has ended */
    struct io_task *first;
    struct io_task *last;
    unsigned queued; /* tasks between first and last */
    struct io_task *running;
    bool stop;
};

static bool on_loop_thread(const struct io_loop *loop)
{
    return pthread_equal(pthread_self(), loop->thread) != 0;
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    CHECK(uv_is_closing(handle) || handle->type == UV_ASYNC); /* a watch was left open */
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static struct io_task *take_task(struct io_loop *loop)
{
    struct io_task *task = loop->first;
    if (task != NULL) {
        loop->first = task->next;
        loop->last = loop->first == NULL ? NULL : loop->last;
        task->next = NULL;
        task->queued = false;
        loop->queued--;
    }
    loop->running = task;
    return task;
}

/* Runs the tasks that are queued now; those they post run in the next round, after the watches had their turn. */
static void run_tasks(uv_async_t *wake)
{
    struct io_loop *loop = wake->data;
    pthread_mutex_lock(&loop->lock);
    struct io_task *task;
    for (unsigned left = loop->queued; left > 0 && (task = take_task(loop)) != NULL; left--) {
        pthread_mutex_unlock(&loop->lock);
        task->run(task->context); /* may free the task */
        pthread_mutex_lock(&loop->lock);
        loop->running = NULL;
        pthread_cond_broadcast(&loop->done);
    }
    if (loop->first != NULL) {
        uv_async_send(wake);
    }
    bool stop = loop->stop;
    pthread_mutex_unlock(&loop->lock);
    if (stop) {
        uv_walk(&loop->uv, close_handle, NULL);
    }
}

static void *serve(void *argument)
{
    struct io_loop *loop = argument;
    pthread_mutex_lock(&loop->lock); /* until the creator has stored loop->thread */
    pthread_mutex_unlock(&loop->lock);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* returns when every handle is closed */
    return NULL;
}

static void close_uv(struct io_loop *loop)
{
    CHECK(uv_loop_close(&loop->uv) == 0);
    pthread_cond_destroy(&loop->done);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

struct io_loop *io_loop_create(struct error *error)
{
    struct io_loop *loop = check_alloc(sizeof *loop);
    int failure = uv_loop_init(&loop->uv);
    if (failure != 0) {
        error_set(error, "cannot start the I/O loop: %s; raise the limit on open files (ulimit -n)",
                  uv_strerror(failure));
        free(loop);
        return NULL;
    }
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->done, NULL);
    loop->wake.data = loop;
    failure = uv_async_init(&loop->uv, &loop->wake, run_tasks);
    if (failure != 0) {
        error_set(error, "cannot start the I/O loop: %s; raise the limit on open files (ulimit -n)",
                  uv_strerror(failure));
        close_uv(loop);
        return NULL;
    }
    pthread_mutex_lock(&loop->lock); /* serve() waits for it, until loop->thread is stored */
    bool started = thread_start(&loop->thread, serve, loop, "I/O", error);
    pthread_mutex_unlock(&loop->lock);
    if (!started) {
        uv_close((uv_handle_t *)&loop->wake, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        close_uv(loop);
        return NULL;
    }
    return loop;
}

void io_loop_destroy(struct io_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    pthread_mutex_lock(&loop->lock);
    CHECK(!on_loop_thread(loop));
    CHECK(loop->first == NULL);
    loop->stop = true;
    uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
    pthread_join(loop->thread, NULL);
    close_uv(loop);
}

void io_task_init(struct io_task *task, struct io_loop *loop, void (*run)(void *context), void *context)
{
    *task = (struct io_task){ .loop = loop, .run = run, .context = context };
}

void io_task_post(struct io_task *task)
{
    struct io_loop *loop = task->loop;
    pthread_mutex_lock(&loop->lock);
    if (!task->queued) {
        task->queued = true;
        task->next = NULL;
        if (loop->first == NULL) {
            loop->first = task;
            uv_async_send(&loop->wake);
        } else {
            loop->last->next = task;
        }
        loop->last = task;
        loop->queued++;
    }
    pthread_mutex_unlock(&loop->lock);
}

static void unqueue(struct io_loop *loop, struct io_task *task)
{
    struct io_task *before = NULL;
    for (struct io_task *each = loop->first; each != task; each = each->next) {
        before = each;
    }
    if (before == NULL) {
        loop->first = task->next;
    } else {
        before->next = task->next;
    }
    if (loop->last == task) {
        loop->last = before;
    }
    task->next = NULL;
    task->queued = false;
    loop->queued--;
}

void io_task_cancel(struct io_task *task)
{
    struct io_loop *loop = task->loop;
    pthread_mutex_lock(&loop->lock);
    while (loop->running == task && !on_loop_thread(loop)) {
        pthread_cond_wait(&loop->done, &loop->lock);
    }
    if (task->queued) {
        unqueue(loop, task);
    }
    pthread_mutex_unlock(&loop->lock);
}

struct call {
    struct io_loop *loop;
    void (*run)(void *context);
    void *context;
    bool done; /* guarded by the loop's lock */
};

static void run_call(void *self)
{
    struct call *call = self;
    call->run(call->context);
    pthread_mutex_lock(&call->loop->lock);
    call->done = true; /* the broadcast comes after every task */
    pthread_mutex_unlock(&call->loop->lock);
}

void io_loop_call(struct io_loop *loop, void (*run)(void *context), void *context)
{
    if (on_loop_thread(loop)) {
        run(context);
        return;
    }
    struct call call = { .loop = loop, .run = run, .context = context };
    struct io_task task;
    io_task_init(&task, loop, run_call, &call);
    io_task_post(&task);
    pthread_mutex_lock(&loop->lock);
    while (!call.done || loop->running == &task) { /* `task` lives on this stack */
        pthread_cond_wait(&loop->done, &loop->lock);
    }
    pthread_mutex_unlock(&loop->lock);
}

/*
 * libuv would set the watched descriptor non-blocking, for every process that shares it (the shell that owns our
 * standard output). So each watch has an epoll instance of its own with just the descriptor in it, and libuv watches
 * that. Two watches may share one descriptor then, too.
 */
struct io_watch {
    uv_poll_t poll;
    int epoll_fd;
    int fd;
    unsigned events; /* enum io_event asked for; 0: not in the epoll set */
    void (*ready)(void *context, unsigned events);
    void *context;
};

static void watch_ready(uv_poll_t *poll, int status, int uv_events)
{
    (void)status, (void)uv_events;
    struct io_watch *watch = poll->data;
    struct epoll_event event;
    if (epoll_wait(watch->epoll_fd, &event, 1, 0) != 1) {
        return;
    }
    const uint32_t trouble = EPOLLERR | EPOLLHUP;
    unsigned events = ((event.events & (EPOLLIN | trouble)) != 0 ? IO_READABLE : 0u) |
                      ((event.events & (EPOLLOUT | trouble)) != 0 ? IO_WRITABLE : 0u);
    events &= watch->events;
    if (events != 0) {
        watch->ready(watch->context, events);
    }
}

static int watch_start(struct io_watch *watch, struct io_loop *loop)
{
    struct epoll_event nothing = { .events = 0 };
    if (epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->fd, &nothing) != 0) {
        return -errno; /* EPERM: a regular file */
    }
    epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    int failure = uv_poll_init(&loop->uv, &watch->poll, watch->epoll_fd);
    return failure != 0 ? failure : uv_poll_start(&watch->poll, UV_READABLE, watch_ready);
}

struct io_watch *io_watch_open(struct io_loop *loop, int fd, void (*ready)(void *context, unsigned events),
                               void *context)
{
    CHECK(on_loop_thread(loop));
    struct io_watch *watch = check_alloc(sizeof *watch);
    watch->fd = fd;
    watch->ready = ready;
    watch->context = context;
    watch->poll.data = watch;
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->epoll_fd < 0 || watch_start(watch, loop) != 0) {
        if (watch->epoll_fd >= 0) {
            close(watch->epoll_fd);
        }
        free(watch);
        return NULL;
    }
    return watch;
}

void io_watch_events(struct io_watch *watch, unsigned events)
{
    if (events == watch->events) {
        return;
    }
    struct epoll_event wanted = {
        .events = ((events & IO_READABLE) != 0 ? EPOLLIN : 0u) | ((events & IO_WRITABLE) != 0 ? EPOLLOUT : 0u),
    };
    /* A descriptor in the set always tells of hang-ups, asked or not: take it out when nothing is asked for. */
    int operation = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    watch->events = events;
    CHECK(epoll_ctl(watch->epoll_fd, operation, watch->fd, &wanted) == 0);
}

static void watch_closed(uv_handle_t *handle)
{
    struct io_watch *watch = handle->data;
    close(watch->epoll_fd);
    free(watch);
}

void io_watch_close(struct io_watch *watch)
{
    if (watch != NULL) {
        io_watch_events(watch, 0);
        uv_close((uv_handle_t *)&watch->poll, watch_closed);
    }
}
