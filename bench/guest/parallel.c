/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TABLE_COUNT = 1 << 14, STEP_COUNT = 100000, THREAD_LIMIT = 64 };

struct heap {
    atomic_uint_fast64_t taken; /* units */
    atomic_bool over;
};

struct worker {
    pthread_t thread;
    struct heap *heap;
    uint64_t *table; /* TABLE_COUNT words */
    bool changed;    /* a unit's sum was not what it is */
    uint64_t sum;
};

/* The same sum each time: what it writes, it writes before it reads. */
static uint64_t unit(uint64_t *table)
{
    uint64_t a = 1, sum = 0;
    for (uint32_t i = 0; i < TABLE_COUNT; i += 8) {
        table[i] = i;
    }
    for (uint32_t i = 0; i < STEP_COUNT; i++) {
        a = a * 6364136223846793005u + 1442695040888963407u;
        uint64_t *word = &table[a >> 50 & ~(uint64_t)7];
        *word = (*word ^ a) + (sum >> 3);
        sum += (*word << 5 | *word >> 59) ^ i;
    }
    return sum;
}

static void *work(void *context)
{
    struct worker *worker = context;
    worker->sum = unit(worker->table);
    while (!atomic_load_explicit(&worker->heap->over, memory_order_relaxed)) {
        worker->changed |= unit(worker->table) != worker->sum;
        atomic_fetch_add_explicit(&worker->heap->taken, 1, memory_order_relaxed);
    }
    return NULL;
}

static double units_a_second(struct heap *heap, double seconds)
{
    uint64_t before = atomic_load(&heap->taken);
    double started = seconds_now(), ended;
    do {
        struct timespec pause = { .tv_nsec = 10000000 };
        nanosleep(&pause, NULL);
        ended = seconds_now();
    } while (ended - started < seconds);
    return (double)(atomic_load(&heap->taken) - before) / (ended - started);
}

int measure_parallel(const char *name, double seconds, int count)
{
    struct worker workers[THREAD_LIMIT];
    struct heap heap = { 0 };
    if (count < 1 || count > THREAD_LIMIT) {
        printf("wrong %s: 1 to %d threads\n", name, THREAD_LIMIT);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        workers[i] = (struct worker){ .heap = &heap, .table = calloc(TABLE_COUNT, sizeof(uint64_t)) };
        if (workers[i].table == NULL || pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            printf("wrong %s: no thread %d\n", name, i);
            exit(1);
        }
    }
    units_a_second(&heap, 0.3); /* warm */
    double rate = units_a_second(&heap, seconds);
    atomic_store(&heap.over, true);
    bool changed = false;
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        changed |= workers[i].changed || workers[i].sum != workers[0].sum;
        free(workers[i].table);
    }
    if (changed) {
        printf("wrong %s: the checksum changed\n", name);
        return 1;
    }
    printf("result %s %.3f %016" PRIx64 "\n", name, rate, workers[0].sum);
    return 0;
}
