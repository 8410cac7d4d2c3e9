/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread: watches file descriptors and runs small tasks. A thin layer over libuv.
 *
 * Tasks are structs of their owner: posting one that is still queued does nothing, so that nothing grows however
 * often a guest rings.
 *
 *     struct io_task kick;
 *     io_task_init(&kick, loop, pump, console);
 *     io_task_post(&kick);                  // any thread: pump(console) runs on the I/O thread soon
 *     …
 *     io_task_cancel(&kick);                // it does not run any more after this
 */
#ifndef RAVELIN_DEVICES_IO_LOOP_H
#define RAVELIN_DEVICES_IO_LOOP_H

#include "core/error.h"

#include <stdbool.h>

struct io_loop;

/* Starts the thread, with all signals blocked. NULL on error. */
struct io_loop *io_loop_create(struct error *error);

/* Ends the thread. Every watch must be closed, every task done or cancelled. NULL is allowed. */
void io_loop_destroy(struct io_loop *loop);

/* Runs the function on the I/O thread and returns when it is done; calls it directly if this is the I/O thread. The
 * caller must hold no lock that a task or watch takes. */
void io_loop_call(struct io_loop *loop, void (*run)(void *context), void *context);

struct io_task {
    struct io_loop *loop;
    void (*run)(void *context);
    void *context;
    struct io_task *next; /* guarded by the loop's lock, as is queued */
    bool queued;
};

void io_task_init(struct io_task *task, struct io_loop *loop, void (*run)(void *context), void *context);
void io_task_post(struct io_task *task);   /* any thread, any lock held */
void io_task_cancel(struct io_task *task); /* as io_loop_call: waits for the I/O thread */

enum io_event {
    IO_READABLE = 1, /* or end of file or an error: the read tells */
    IO_WRITABLE = 2, /* or an error: the write tells */
};

struct io_watch;

/* The three below are called on the I/O thread only (io_loop_call). */

/* Watches a descriptor; no event is asked for yet. NULL: it cannot be polled (regular files, /dev/null): such ones are
 * always ready. The descriptor must stay open until io_watch_close(). */
struct io_watch *io_watch_open(struct io_loop *loop, int fd, void (*ready)(void *context, unsigned events),
                               void *context);
void io_watch_events(struct io_watch *watch, unsigned events); /* enum io_event bits; 0: none */
void io_watch_close(struct io_watch *watch);                   /* NULL is allowed */

#endif
