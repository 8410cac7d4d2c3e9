/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: call a function when a moment has come. One thread serves all alarms of a struct alarm_clock.
 *
 * Time is host CLOCK_MONOTONIC in nanoseconds. An alarm has at most one moment; setting another replaces it;
 * ALARM_NEVER disarms. The callback runs on the alarm thread, without any lock of this module held, never twice
 * for one setting; it may be late (host load), never early. A callback that had already started may still be running
 * when alarm_set() returns.
 *
 *     struct alarm alarm;
 *     alarm_init(&alarm, clock, timer_fired, device);
 *     alarm_set(&alarm, alarm_now() + 1000000);      // in a millisecond
 *     …
 *     alarm_remove(&alarm);                          // waits for a running callback
 */
#ifndef RAVELIN_CORE_ALARM_H
#define RAVELIN_CORE_ALARM_H

#include "core/error.h"

#include <stdint.h>

#define ALARM_NEVER UINT64_MAX

struct alarm_clock;

struct alarm {
    struct alarm_clock *clock;
    void (*fire)(void *context);
    void *context;
    uint64_t when;      /* ALARM_NEVER: not set; guarded by the clock's lock */
    struct alarm *next; /* in the clock's list of all alarms */
};

struct alarm_clock *alarm_clock_create(struct error *error); /* starts the thread; NULL on error */
void alarm_clock_destroy(struct alarm_clock *clock);         /* every alarm must have been removed */

uint64_t alarm_now(void);

void alarm_init(struct alarm *alarm, struct alarm_clock *clock, void (*fire)(void *context), void *context);
void alarm_set(struct alarm *alarm, uint64_t when);
void alarm_remove(struct alarm *alarm);

#endif
