/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ranges of guest pages are in use by the host outside of vCPUs (device models, firmware), so that a change of
 * page rights can wait for those uses to end: a *pin* is one range in use, from pins_add() to pins_remove().
 *
 *     user:    pins_add, load the rights, use, pins_remove        changer:  store the rights, pins_may_hold, pins_wait
 *
 * Who adds a pin loads rights after it, and who changes rights looks at pins after it (all sequentially consistent): so
 * either the user sees the new right or the changer sees the pin. A changer waits for the pins that are there when it
 * looks and hold one of its pages, exactly those: neither other pages' pins nor ones added later can hold it up,
 * whatever addresses a hostile guest chooses.
 *
 * Threads: any, at any time. Nobody waits while holding the lock in here.
 */
#ifndef RAVELIN_MEMORY_PINS_H
#define RAVELIN_MEMORY_PINS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PINS_BUCKET_SHIFT 12u

/* One use of pages first … first + count - 1; memory of the user's, who does not look inside. */
struct memory_pin {
    uint64_t first, count;
    uint64_t ticket; /* ascending, in the order of being added */
    struct memory_pin *next, *previous;
};

struct pins {
    _Atomic uint32_t
        buckets[1u << PINS_BUCKET_SHIFT]; /* pinned pages, by hash: mostly 0, so that few changers look on */
    pthread_mutex_t lock;                 /* guards what follows */
    pthread_cond_t removed;
    unsigned waiter_count;
    uint64_t next_ticket;
    struct memory_pin list; /* a ring of pins, oldest first */
};

void pins_create(struct pins *pins);
void pins_destroy(struct pins *pins); /* no pin is left */

/* count >= 1. The pin stays in place until it is removed. */
void pins_add(struct pins *pins, struct memory_pin *pin, uint64_t first, uint64_t count);
void pins_remove(struct pins *pins, struct memory_pin *pin);

/* False: no pin holds the page. True says little. */
bool pins_may_hold(const struct pins *pins, uint64_t page);

/* Waits until none is left of the pins there are now of which `concerned` says so (called with the lock held; it may
 * not call anything here). */
void pins_wait(struct pins *pins, bool (*concerned)(const void *context, uint64_t first, uint64_t count),
               const void *context);

#endif
