/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vcpu.h"

#include "core/alarm.h"

#include <errno.h>
#include <time.h>

void vcpu_init(struct vcpu *vcpu, unsigned number)
{
    vcpu->number = number;
    atomic_init(&vcpu->attention, 0);
    pthread_mutex_init(&vcpu->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&vcpu->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

void vcpu_fini(struct vcpu *vcpu)
{
    pthread_cond_destroy(&vcpu->wake);
    pthread_mutex_destroy(&vcpu->lock);
}

void vcpu_request(struct vcpu *vcpu, uint32_t bits)
{
    uint32_t before = atomic_fetch_or_explicit(&vcpu->attention, bits, memory_order_acq_rel);
    if ((before & bits) == bits) {
        return; /* whoever set them woke it */
    }
    pthread_mutex_lock(&vcpu->lock); /* so that the wake-up cannot fall between its look and its sleep */
    pthread_cond_signal(&vcpu->wake);
    pthread_mutex_unlock(&vcpu->lock);
}

void vcpu_wait(struct vcpu *vcpu, uint64_t deadline)
{
    struct timespec until = { .tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u) };
    int result = 0;
    pthread_mutex_lock(&vcpu->lock);
    while (atomic_load_explicit(&vcpu->attention, memory_order_acquire) == 0 && result != ETIMEDOUT) {
        result = deadline == ALARM_NEVER ? pthread_cond_wait(&vcpu->wake, &vcpu->lock)
                                         : pthread_cond_timedwait(&vcpu->wake, &vcpu->lock, &until);
    }
    pthread_mutex_unlock(&vcpu->lock);
}
