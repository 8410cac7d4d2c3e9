/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting on although a thread does not run: a way to know that a thread the host has preempted will run a handler
 * before it does anything else, without waiting for it.
 *
 * A signal is sent to the thread, then every core that runs a thread of this process passes a barrier (membarrier(2),
 * PRIVATE_EXPEDITED). A thread that was running then has met the signal on its way back from the barrier; one that was
 * not will meet it before its next instruction. Until its handler runs the thread is frozen, and stays so for whoever
 * asks next: one signal and one barrier for each time the host preempts it.
 *
 * That is of use if what the handler may interrupt can be undone by it. A thread says so by a word in memory: while
 * `undoable` is not 0 the handler can make any interrupted access harmless; while it is 0 nothing can be concluded.
 *
 * The signal is STRAGGLER_SIGNAL. The library installs a handler for it, and its vCPU threads let it through; all other
 * threads that get it ignore it. A program around the library leaves it alone.
 */
#ifndef RAVELIN_MEMORY_STRAGGLER_H
#define RAVELIN_MEMORY_STRAGGLER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STRAGGLER_SIGNAL (SIGRTMAX - 5)

struct straggler {
    _Atomic uint32_t signal;          /* how many were sent, and in the two lowest bits what became of the last */
    _Atomic int32_t thread;           /* host's number of the thread; 0: none */
    const _Atomic uint32_t *undoable; /* written by the thread itself; NULL: never asked */
    void (*interrupted)(void *context, void *registers); /* in the handler, if undoable; registers: ucontext_t */
    void *context;
};

/* The calling thread is the one from now on, until it detaches. False: this host cannot do it (nothing is attached);
 * the thread must be waited for then. */
bool straggler_attach(struct straggler *self);
void straggler_detach(struct straggler *self);

/* Any thread. What is true stays so until the handler has begun: the thread was interrupted where it can be undone,
 * and sees in its handler everything that was written before this call. */
bool straggler_is_frozen(const struct straggler *self);

/* Any thread: makes it frozen if possible. Returns how many signals were sent. Costs some ten microseconds if it is
 * not frozen yet. */
unsigned straggler_freeze(struct straggler *self);

#endif
