/* SPDX-License-Identifier: Apache-2.0 */
/* Inside libravelin: what the files of this room share. */
#ifndef RAVELIN_API_API_H
#define RAVELIN_API_API_H

#include "board/virt.h"
#include "core/error.h"

#include <ravelin/trust.h>
#include <ravelin/vm.h>

#include <pthread.h>

/* A trust level that the program holds. */
struct api_hold {
    enum ravelin_verdict (*intercept)(void *context, const struct ravelin_intercept *what);
    void *context;
};

struct ravelin_vm {
    struct virt_config config; /* strings are owned */
    enum ravelin_network network;
    struct api_hold holds[RAVELIN_TRUST_LEVEL_LIMIT];
    bool started;
    struct virt *virt; /* NULL before the start, or when that failed */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *progress_context;
    uint64_t progress_time; /* when `progress` was last called, alarm_now() scale */
};

/* Passes an error on across the border; returns false. */
bool api_fail(struct ravelin_error *error, const struct error *inner);
__attribute__((format(printf, 2, 3))) bool api_error(struct ravelin_error *error, const char *format, ...);

/* Whether the configuration may still be changed; false and an error once the machine was started. */
bool api_may_change(const struct ravelin_vm *vm, struct ravelin_error *error);

/* Lets the machine, built and not yet running, ask those who hold trust levels. */
void api_connect_holders(struct ravelin_vm *vm);

#endif
