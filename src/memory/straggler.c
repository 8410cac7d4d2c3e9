/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/straggler.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What became of the last signal. */
enum fate {
    NOT_PENDING, /* the handler has begun, or none was sent */
    SENDING,     /* somebody is about to send it */
    PENDING,     /* sent, and the barrier is passed */
    FATE_MASK = 3,
};

/* Whom the handler is for: a handler has no other way to know. */
static _Thread_local struct straggler *attached;

static void handle(int number, siginfo_t *info, void *registers)
{
    struct straggler *self = attached;
    int kept = errno;
    (void)number, (void)info;
    if (self != NULL) {
        /* First: who finds the signal pending after this has written what we read later. */
        atomic_fetch_and(&self->signal, ~(uint32_t)FATE_MASK);
        if (atomic_load(self->undoable) != 0) {
            self->interrupted(self->context, registers);
        }
    }
    errno = kept;
}

/* Thread sanitizers put handlers off. */
#if defined(__SANITIZE_THREAD__)
#define HANDLERS_ARE_LATE true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HANDLERS_ARE_LATE true
#endif
#endif
#if !defined(HANDLERS_ARE_LATE)
#define HANDLERS_ARE_LATE false
#endif

static bool host_can(void)
{
    struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigfillset(&action.sa_mask);
    return !HANDLERS_ARE_LATE && syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
           sigaction(STRAGGLER_SIGNAL, &action, NULL) == 0;
}

bool straggler_attach(struct straggler *self)
{
    if (self->undoable == NULL || !host_can()) {
        return false;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, STRAGGLER_SIGNAL);
    attached = self;
    if (pthread_sigmask(SIG_UNBLOCK, &set, NULL) != 0) {
        attached = NULL;
        return false;
    }
    atomic_store(&self->thread, (int32_t)syscall(SYS_gettid));
    return true;
}

void straggler_detach(struct straggler *self)
{
    atomic_store(&self->thread, 0);
    attached = NULL;
    /* A signal on its way finds nobody; the next one to attach begins afresh. */
    atomic_fetch_and(&self->signal, ~(uint32_t)FATE_MASK);
}

/* Pending before and after the look at `undoable`, and the same one: so the thread was frozen while we looked. */
static bool is_frozen(const struct straggler *self, uint32_t signal)
{
    return (signal & FATE_MASK) == PENDING && atomic_load(self->undoable) != 0 && atomic_load(&self->signal) == signal;
}

bool straggler_is_frozen(const struct straggler *self)
{
    return is_frozen(self, atomic_load(&self->signal));
}

unsigned straggler_freeze(struct straggler *self)
{
    uint32_t signal = atomic_load(&self->signal);
    int32_t thread = atomic_load(&self->thread);
    if (thread == 0 || (signal & FATE_MASK) != NOT_PENDING) {
        return 0;
    }
    uint32_t sending = signal + (FATE_MASK + 1) + SENDING;
    if (!atomic_compare_exchange_strong(&self->signal, &signal, sending)) {
        return 0;
    }
    /* Looked at again: who detached before that was not told of this signal, who does after it takes it back. */
    if (atomic_load(&self->thread) != thread || syscall(SYS_tgkill, getpid(), thread, STRAGGLER_SIGNAL) != 0) {
        atomic_fetch_and(&self->signal, ~(uint32_t)FATE_MASK);
        return 0;
    }
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) {
        /* Not if the handler has begun meanwhile. */
        atomic_compare_exchange_strong(&self->signal, &sending, sending - SENDING + PENDING);
    }
    return 1;
}
