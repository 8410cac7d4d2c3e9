/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/watch.h"

#include "core/check.h"

#include <pthread.h>
#include <stdlib.h>

#define NEWS_MAX 1024u /* a power of two */

struct watch {
    pthread_mutex_t lock;   /* of those who change bits of slots, and note */
    _Atomic uint64_t count; /* of all that was ever noted */
    const uint8_t *_Atomic pages[NEWS_MAX];
};

struct watch *watch_create(void)
{
    struct watch *watch = check_alloc(sizeof *watch);
    CHECK(pthread_mutex_init(&watch->lock, NULL) == 0);
    return watch;
}

void watch_destroy(struct watch *watch)
{
    if (watch != NULL) {
        pthread_mutex_destroy(&watch->lock);
        free(watch);
    }
}

static void publish(struct watch *watch, const uint8_t *page)
{
    const uint64_t count = atomic_load_explicit(&watch->count, memory_order_relaxed);
    /* A reader that sees this page has to see, when it looks at the count again, that it is late. */
    atomic_store(&watch->pages[count % NEWS_MAX], page);
    atomic_store(&watch->count, count + 1);
}

/* Whoever finds the page unwatched may write, and then tell a reader to look: so what is noted is there to be read
 * before the bit goes. And who finds it watched waits here until it is. */
void watch_note(const struct memory_slot *slot, uint64_t page)
{
    const uint64_t bit = UINT64_C(1) << (page % 64);
    struct watch *watch = slot->watch;
    pthread_mutex_lock(&watch->lock);
    if ((atomic_load(&slot->watched[page / 64]) & bit) != 0) {
        publish(watch, slot->host + (page << PAGE_SHIFT));
        atomic_fetch_and(&slot->watched[page / 64], ~bit);
    }
    pthread_mutex_unlock(&watch->lock);
}

/* The slot that is mapped there, and the number of the page; NULL: none. */
static const struct memory_slot *slot_of(const struct memory *memory, const uint8_t *page, uint64_t *number)
{
    const struct memory_slot *slot;
    for (size_t i = 0; (slot = memory_slot_at(memory, i)) != NULL; i++) {
        const uint64_t offset = (uintptr_t)page - (uintptr_t)slot->host;
        if (slot->host != NULL && offset < slot->size) {
            *number = offset >> PAGE_SHIFT;
            return slot;
        }
    }
    return NULL;
}

bool watch_is_possible(const struct memory *memory)
{
    return memory_watch(memory) != NULL;
}

void watch_page(const struct memory *memory, const uint8_t *page)
{
    uint64_t number;
    const struct memory_slot *slot = slot_of(memory, page, &number);
    CHECK(slot != NULL && slot->watched != NULL);
    pthread_mutex_lock(&slot->watch->lock); /* not between news of the page and the end of its bit */
    atomic_fetch_or(&slot->watched[number / 64], UINT64_C(1) << (number % 64));
    pthread_mutex_unlock(&slot->watch->lock);
    atomic_thread_fence(memory_order_seq_cst); /* before the caller looks at the page: see watch_written() */
}

void watch_written(const struct memory *memory, const void *start, uint64_t size)
{
    uint64_t number;
    const struct memory_slot *slot = slot_of(memory, start, &number);
    if (slot == NULL || slot->watched == NULL || size == 0) {
        return;
    }
    /* Either this finds the page watched, or whoever watches it finds what was written. */
    atomic_thread_fence(memory_order_seq_cst);
    const uint64_t last = ((uintptr_t)start - (uintptr_t)slot->host + (size - 1)) >> PAGE_SHIFT;
    for (; number <= last; number++) {
        if ((atomic_load(&slot->watched[number / 64]) >> (number % 64) & 1) != 0) {
            watch_note(slot, number);
        }
    }
}

enum watch_news watch_next(const struct memory *memory, uint64_t *place, const uint8_t **page)
{
    struct watch *watch = memory_watch(memory);
    const uint64_t count = atomic_load(&watch->count);
    if (count == *place) {
        return WATCH_NOTHING;
    }
    const uint8_t *found = atomic_load(&watch->pages[*place % NEWS_MAX]);
    if (atomic_load(&watch->count) - *place >= NEWS_MAX) { /* it may be one of the next round's */
        *place = count;
        return WATCH_LOST;
    }
    *place += 1;
    *page = found;
    return WATCH_CHANGED;
}

uint64_t watch_now(const struct memory *memory)
{
    return atomic_load(&memory_watch(memory)->count);
}
