/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every virtual CPU has, whatever its architecture: a thread, and a word that asks for its attention.
 *
 * An engine looks at `attention` at every block boundary with one plain load; any thread sets bits in it. The vCPU
 * clears the bits it serves. vcpu_wait() sleeps (the guest waits for an interrupt) until a bit is set.
 *
 *   request            set by                         the vCPU then
 *   VCPU_INTERRUPT     an interrupt line, a timer     looks whether an interrupt is to be taken
 *   VCPU_FLUSH         whoever changed rights/dirty   drops its translation caches
 *   VCPU_FENCE         a remote fence (SBI)           drops its translation caches; if asked, checks its code
 *   VCPU_STOP          vm stop, reset, power off      leaves the engine's run function
 *   VCPU_RIGHTS        a change of page rights        drops what it may have kept, see memory/rights.h
 *   VCPU_WRITES        whoever watches pages          gives up cached rights to write, see memory/watch.h
 *   VCPU_HALT          firmware start or stop         looks whether it is started or stopped now
 */
#ifndef RAVELIN_CORE_VCPU_H
#define RAVELIN_CORE_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum vcpu_attention {
    VCPU_INTERRUPT = 1u << 0,
    VCPU_FLUSH = 1u << 1,
    VCPU_FENCE = 1u << 2,
    VCPU_STOP = 1u << 3,
    VCPU_HALT = 1u << 4,
    VCPU_RIGHTS = 1u << 5,
    VCPU_WRITES = 1u << 6,
};

struct vcpu {
    _Atomic uint32_t attention; /* enum vcpu_attention bits */
    unsigned number;            /* 0, 1, … */
    pthread_mutex_t lock;       /* for sleeping only */
    pthread_cond_t wake;
};

void vcpu_init(struct vcpu *vcpu, unsigned number);
void vcpu_fini(struct vcpu *vcpu);

/* Any thread: sets bits and wakes the vCPU if it sleeps. What was written before is seen by the vCPU when it sees the
 * bits. */
void vcpu_request(struct vcpu *vcpu, uint32_t bits);

static inline uint32_t vcpu_attention(const struct vcpu *vcpu)
{
    return atomic_load_explicit(&vcpu->attention, memory_order_relaxed);
}

/* The vCPU's own thread: takes and clears the given bits (those that were set). */
static inline uint32_t vcpu_take(struct vcpu *vcpu, uint32_t bits)
{
    return atomic_fetch_and_explicit(&vcpu->attention, ~bits, memory_order_acq_rel) & bits;
}

/* The vCPU's own thread: sleeps until attention is not 0 or `deadline` (alarm_now() scale, ALARM_NEVER: none). */
void vcpu_wait(struct vcpu *vcpu, uint64_t deadline);

#endif
