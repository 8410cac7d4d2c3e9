/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of devices and back ends: they take no signal (a signal is for the program around the library), not even
 * SIGPIPE and SIGXFSZ, so that a closed pipe and a file size limit are errors like others.
 */
#ifndef RAVELIN_DEVICES_THREAD_H
#define RAVELIN_DEVICES_THREAD_H

#include "core/error.h"

#include <pthread.h>

/* As pthread_create(). `what` names the thread in the error ("disk"). */
bool thread_start(pthread_t *thread, void *(*serve)(void *context), void *context, const char *what,
                  struct error *error);

#endif
