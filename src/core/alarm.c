/* SPDX-License-Identifier: Apache-2.0 */
#include "core/alarm.h"

#include "core/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct alarm_clock {
    pthread_t thread;
    pthread_mutex_t lock; /* guards everything below and every alarm's `when` and `next` */
    pthread_cond_t changed;
    struct alarm *alarms;
    struct alarm *firing; /* whose callback runs now, or NULL */
    bool stop;
};

uint64_t alarm_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct alarm *earliest(const struct alarm_clock *clock)
{
    struct alarm *first = NULL;
    for (struct alarm *alarm = clock->alarms; alarm != NULL; alarm = alarm->next) {
        if (alarm->when != ALARM_NEVER && (first == NULL || alarm->when < first->when)) {
            first = alarm;
        }
    }
    return first;
}

static void wait_until(struct alarm_clock *clock, uint64_t when)
{
    struct timespec deadline = { .tv_sec = (time_t)(when / 1000000000u), .tv_nsec = (long)(when % 1000000000u) };
    pthread_cond_timedwait(&clock->changed, &clock->lock, &deadline);
}

static void fire(struct alarm_clock *clock, struct alarm *alarm)
{
    alarm->when = ALARM_NEVER;
    clock->firing = alarm;
    pthread_mutex_unlock(&clock->lock);
    alarm->fire(alarm->context);
    pthread_mutex_lock(&clock->lock);
    clock->firing = NULL;
    pthread_cond_broadcast(&clock->changed);
}

static void *serve(void *argument)
{
    struct alarm_clock *clock = argument;
    pthread_mutex_lock(&clock->lock);
    while (!clock->stop) {
        struct alarm *alarm = earliest(clock);
        if (alarm == NULL) {
            pthread_cond_wait(&clock->changed, &clock->lock);
        } else if (alarm->when > alarm_now()) {
            wait_until(clock, alarm->when);
        } else {
            fire(clock, alarm);
        }
    }
    pthread_mutex_unlock(&clock->lock);
    return NULL;
}

struct alarm_clock *alarm_clock_create(struct error *error)
{
    struct alarm_clock *clock = check_alloc(sizeof *clock);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&clock->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&clock->lock, NULL);
    int failure = pthread_create(&clock->thread, NULL, serve, clock);
    if (failure != 0) {
        error_set_errno(error, failure, "cannot start the timer thread; raise the limit on processes (ulimit -u)");
        pthread_cond_destroy(&clock->changed);
        pthread_mutex_destroy(&clock->lock);
        free(clock);
        return NULL;
    }
    return clock;
}

void alarm_clock_destroy(struct alarm_clock *clock)
{
    if (clock == NULL) {
        return;
    }
    pthread_mutex_lock(&clock->lock);
    CHECK(clock->alarms == NULL);
    clock->stop = true;
    pthread_cond_broadcast(&clock->changed);
    pthread_mutex_unlock(&clock->lock);
    pthread_join(clock->thread, NULL);
    pthread_cond_destroy(&clock->changed);
    pthread_mutex_destroy(&clock->lock);
    free(clock);
}

void alarm_init(struct alarm *alarm, struct alarm_clock *clock, void (*callback)(void *context), void *context)
{
    *alarm = (struct alarm){ .clock = clock, .fire = callback, .context = context, .when = ALARM_NEVER };
    pthread_mutex_lock(&clock->lock);
    alarm->next = clock->alarms;
    clock->alarms = alarm;
    pthread_mutex_unlock(&clock->lock);
}

void alarm_set(struct alarm *alarm, uint64_t when)
{
    struct alarm_clock *clock = alarm->clock;
    pthread_mutex_lock(&clock->lock);
    bool sooner = when < alarm->when;
    alarm->when = when;
    if (sooner) { /* a later moment is found when the thread wakes for the old one */
        pthread_cond_broadcast(&clock->changed);
    }
    pthread_mutex_unlock(&clock->lock);
}

void alarm_remove(struct alarm *alarm)
{
    struct alarm_clock *clock = alarm->clock;
    pthread_mutex_lock(&clock->lock);
    alarm->when = ALARM_NEVER;
    struct alarm **link = &clock->alarms;
    while (*link != alarm) {
        CHECK(*link != NULL);
        link = &(*link)->next;
    }
    *link = alarm->next;
    while (clock->firing == alarm) {
        pthread_cond_wait(&clock->changed, &clock->lock);
    }
    pthread_mutex_unlock(&clock->lock);
}
