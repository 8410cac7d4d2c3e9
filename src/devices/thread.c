/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/thread.h"

#include <signal.h>

bool thread_start(pthread_t *thread, void *(*serve)(void *context), void *context, const char *what,
                  struct error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread starts with its creator's mask */
    int failure = pthread_create(thread, NULL, serve, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure == 0 ||
           error_set_errno(error, failure, "cannot start the %s thread; raise the limit on processes (ulimit -u)",
                           what);
}
