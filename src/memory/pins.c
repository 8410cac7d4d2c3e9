/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/pins.h"

#include "core/check.h"

#include <string.h>

void pins_create(struct pins *pins)
{
    memset(pins, 0, sizeof *pins);
    CHECK(pthread_mutex_init(&pins->lock, NULL) == 0 && pthread_cond_init(&pins->removed, NULL) == 0);
    pins->list.next = &pins->list;
    pins->list.previous = &pins->list;
}

void pins_destroy(struct pins *pins)
{
    CHECK(pins->list.next == &pins->list);
    pthread_cond_destroy(&pins->removed);
    pthread_mutex_destroy(&pins->lock);
}

static size_t bucket(uint64_t page)
{
    return (size_t)(page * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PINS_BUCKET_SHIFT));
}

void pins_add(struct pins *pins, struct memory_pin *pin, uint64_t first, uint64_t count)
{
    CHECK(count >= 1);
    pin->first = first;
    pin->count = count;
    pthread_mutex_lock(&pins->lock);
    pin->ticket = pins->next_ticket++;
    pin->previous = pins->list.previous;
    pin->next = &pins->list;
    pin->previous->next = pin;
    pins->list.previous = pin;
    pthread_mutex_unlock(&pins->lock);
    for (uint64_t page = first; page - first < count; page++) { /* once it is in the list: who sees this, finds it */
        atomic_fetch_add(&pins->buckets[bucket(page)], 1);
    }
}

void pins_remove(struct pins *pins, struct memory_pin *pin)
{
    for (uint64_t page = pin->first; page - pin->first < pin->count; page++) {
        atomic_fetch_sub_explicit(&pins->buckets[bucket(page)], 1, memory_order_release);
    }
    pthread_mutex_lock(&pins->lock);
    pin->previous->next = pin->next;
    pin->next->previous = pin->previous;
    if (pins->waiter_count > 0) {
        pthread_cond_broadcast(&pins->removed);
    }
    pthread_mutex_unlock(&pins->lock);
}

bool pins_may_hold(const struct pins *pins, uint64_t page)
{
    return atomic_load(&pins->buckets[bucket(page)]) != 0;
}

static bool some_left(const struct pins *pins, uint64_t end,
                      bool (*concerned)(const void *context, uint64_t first, uint64_t count), const void *context)
{
    for (const struct memory_pin *pin = pins->list.next; pin != &pins->list && pin->ticket < end; pin = pin->next) {
        if (concerned(context, pin->first, pin->count)) {
            return true;
        }
    }
    return false;
}

void pins_wait(struct pins *pins, bool (*concerned)(const void *context, uint64_t first, uint64_t count),
               const void *context)
{
    pthread_mutex_lock(&pins->lock);
    uint64_t end = pins->next_ticket;
    pins->waiter_count++;
    while (some_left(pins, end, concerned, context)) {
        pthread_cond_wait(&pins->removed, &pins->lock);
    }
    pins->waiter_count--;
    pthread_mutex_unlock(&pins->lock);
}
