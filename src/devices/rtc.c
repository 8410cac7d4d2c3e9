/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/rtc.h"

#include "core/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    TIME_LOW = 0x00,
    TIME_HIGH = 0x04,
    ALARM_LOW = 0x08,
    ALARM_HIGH = 0x0c,
    IRQ_ENABLED = 0x10,
    CLEAR_ALARM = 0x14,
    ALARM_STATUS = 0x18,
    CLEAR_INTERRUPT = 0x1c,
};

struct rtc_state {
    uint64_t offset; /* ns: guest's time - host's wall clock, modulo 2^64 */
    uint64_t alarm;  /* ns since 1970, guest's time */
    uint32_t time_high;
    uint32_t alarm_high;
    uint8_t irq_enabled;
    uint8_t irq_pending;
    uint8_t alarm_armed;
};

struct rtc {
    struct device base;
    struct irq_line irq;
    struct log *log;
    struct alarm host_alarm;
    pthread_mutex_t lock; /* guards state */
    struct rtc_state state;
};

static uint64_t now(const struct rtc *rtc)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec + rtc->state.offset;
}

static void update_irq(const struct rtc *rtc)
{
    irq_line_set(&rtc->irq, rtc->state.irq_pending && rtc->state.irq_enabled);
}

/* Fires an alarm that is due, or asks to be called when it is. The host's wall clock may be set at any time, so a long
 * wait is cut into pieces. */
static void check_alarm(struct rtc *rtc)
{
    const uint64_t longest = 10 * UINT64_C(1000000000);
    if (!rtc->state.alarm_armed) {
        alarm_set(&rtc->host_alarm, ALARM_NEVER);
        return;
    }
    uint64_t time = now(rtc);
    if (rtc->state.alarm > time) {
        uint64_t wait = rtc->state.alarm - time;
        alarm_set(&rtc->host_alarm, alarm_now() + (wait < longest ? wait : longest));
        return;
    }
    alarm_set(&rtc->host_alarm, ALARM_NEVER);
    rtc->state.alarm_armed = 0;
    rtc->state.irq_pending = 1;
    update_irq(rtc);
}

static void alarm_is_due(void *self)
{
    struct rtc *rtc = self;
    pthread_mutex_lock(&rtc->lock);
    check_alarm(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

static bool read_register(struct rtc *rtc, uint64_t offset, uint64_t *value)
{
    struct rtc_state *state = &rtc->state;
    switch (offset) {
    case TIME_LOW: {
        uint64_t time = now(rtc);
        state->time_high = (uint32_t)(time >> 32);
        *value = time & UINT32_MAX;
        return true;
    }
    case TIME_HIGH: *value = state->time_high; return true;
    case ALARM_LOW: *value = state->alarm & UINT32_MAX; return true;
    case ALARM_HIGH: *value = state->alarm >> 32; return true;
    case IRQ_ENABLED: *value = state->irq_enabled; return true;
    case ALARM_STATUS: *value = state->alarm_armed; return true;
    default: *value = 0; return false;
    }
}

static bool write_register(struct rtc *rtc, uint64_t offset, uint32_t value)
{
    struct rtc_state *state = &rtc->state;
    switch (offset) {
    case TIME_LOW:
        state->offset += ((uint64_t)state->time_high << 32 | value) - now(rtc);
        check_alarm(rtc);
        return true;
    case TIME_HIGH: state->time_high = value; return true;
    case ALARM_LOW:
        state->alarm = (uint64_t)state->alarm_high << 32 | value;
        state->alarm_armed = 1;
        check_alarm(rtc);
        return true;
    case ALARM_HIGH: state->alarm_high = value; return true;
    case IRQ_ENABLED:
        state->irq_enabled = value & 1;
        update_irq(rtc);
        return true;
    case CLEAR_ALARM:
        state->alarm_armed = 0;
        check_alarm(rtc);
        return true;
    case CLEAR_INTERRUPT:
        state->irq_pending = 0;
        update_irq(rtc);
        return true;
    default: return false;
    }
}

static bool rtc_read(void *self, uint64_t offset, unsigned size, uint64_t *value)
{
    struct rtc *rtc = self;
    *value = 0;
    pthread_mutex_lock(&rtc->lock);
    bool known = size == 4 && read_register(rtc, offset, value);
    pthread_mutex_unlock(&rtc->lock);
    if (!known) {
        log_guest(rtc->log, "rtc: read of %u bytes at 0x%llx: no such register", size, (unsigned long long)offset);
    }
    return true;
}

static bool rtc_write(void *self, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *rtc = self;
    pthread_mutex_lock(&rtc->lock);
    bool known = size == 4 && write_register(rtc, offset, (uint32_t)value);
    pthread_mutex_unlock(&rtc->lock);
    if (!known) {
        log_guest(rtc->log, "rtc: write of %u bytes at 0x%llx: no such register", size, (unsigned long long)offset);
    }
    return true;
}

/* A clock keeps its time over a reset; everything else starts anew. */
static void rtc_reset(void *self)
{
    struct rtc *rtc = self;
    pthread_mutex_lock(&rtc->lock);
    rtc->state = (struct rtc_state){ .offset = rtc->state.offset };
    check_alarm(rtc);
    update_irq(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

static void rtc_destroy(void *self)
{
    struct rtc *rtc = self;
    alarm_remove(&rtc->host_alarm);
    pthread_mutex_destroy(&rtc->lock);
    free(rtc);
}

static const struct memory_device_ops rtc_ops = { .read = rtc_read, .write = rtc_write };

struct device *rtc_create(struct alarm_clock *clock, struct irq_line irq, struct log *log)
{
    struct rtc *rtc = check_alloc(sizeof *rtc);
    rtc->base = (struct device){
        .name = "rtc",
        .size = RTC_SIZE,
        .ops = &rtc_ops,
        .self = rtc,
        .reset = rtc_reset,
        .destroy = rtc_destroy,
    };
    rtc->irq = irq;
    rtc->log = log;
    pthread_mutex_init(&rtc->lock, NULL);
    alarm_init(&rtc->host_alarm, clock, alarm_is_due, rtc);
    return &rtc->base;
}
