/* SPDX-License-Identifier: Apache-2.0 */
/* Inside libravelin: what the files of this room share. */
#ifndef RAVELIN_API_API_H
#define RAVELIN_API_API_H

#include "board/virt.h"
#include "core/error.h"

#include <ravelin/vm.h>

#include <pthread.h>

struct ravelin_vm {
    struct virt_config config; /* strings are owned */
    enum ravelin_network network;
    bool started;
    struct virt *virt; /* NULL before the start, or when that failed */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *progress_context;
    uint64_t progress_time; /* when `progress` was last called, alarm_now() scale */
};

/* Passes an error on across the border; returns false. */
bool api_fail(struct ravelin_error *error, const struct error *inner);

#endif
