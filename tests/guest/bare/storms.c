/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts as fast as they can be made: software interrupts to oneself and to each other, timers that are always due,
 * a UART whose transmitter is always empty, and one lock that every hart wants. Every hart gets its share; the machine
 * ends when asked.
 */
#include "bare.h"

#define ROUNDS 200u

static uint64_t lock, counted, done;

/* The trap handler clears the enable bit of what came (start.S). */
static void take(uint64_t bit)
{
    uint64_t before = me->interrupts;
    csr_set(mie, bit);
    csr_set(mstatus, 8);
    while (me->interrupts == before) {
        bare_pause();
    }
    csr_clear(mstatus, 8);
}

static void software(uint64_t hart)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        store(CLINT + 4 * hart, 4, 1);
        take(8);
        expect(me->cause == (UINT64_C(1) << 63 | 3));
        store(CLINT + 4 * hart, 4, 0);
    }
}

static void timer(uint64_t hart)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        store(CLINT + 0x4000 + 8 * hart, 8, round % 2 == 0 ? 0 : load(CLINT + 0xbff8, 8) + 10);
        take(0x80);
        expect(me->cause == (UINT64_C(1) << 63 | 7));
        store(CLINT + 0x4000 + 8 * hart, 8, UINT64_MAX);
    }
}

/* An interrupt may be asked for again and again before it is taken: it stays one. */
static void flood(uint64_t hart)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint64_t other = 0; other < HARTS; other += HARTS / 4 + 1) {
            store(CLINT + 4 * other, 4, 1);
        }
        store(CLINT + 4 * hart, 4, 0);
    }
    store(CLINT + 4 * hart, 4, 0);
}

static void uart(void)
{
    store(PLIC + 40, 4, 7);            /* source 10 */
    store(PLIC + 0x2000, 4, 1u << 10); /* hart 0, M-mode */
    store(UART + 1, 1, 2);
    for (unsigned round = 0; round < ROUNDS; round++) {
        take(0x800);
        expect(load(PLIC + 0x200004, 4) == 10);
        store(PLIC + 0x200004, 4, 10); /* not served: pending at once again */
    }
    store(UART + 1, 1, 0);
    load(UART + 2, 1);
    store(PLIC + 40, 4, 0);
}

static void one_lock(void)
{
    for (unsigned round = 0; round < 20; round++) {
        while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
            bare_pause();
        }
        counted++;
        __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    csr_write(mie, 0);
    software(hart);
    timer(hart);
    if (hart == 0) {
        uart();
    }
    flood(hart);
    one_lock();
    expect(me->exceptions == 0);
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    while (hart != 0) {
        csr_write(mie, 0);
        __asm__ volatile("wfi"); /* nothing is armed: for ever */
    }
    while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < HARTS) {
        bare_pause();
    }
    expect(counted == HARTS * 20);
    return 0;
}
