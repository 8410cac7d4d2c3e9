/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Litmus tests of the memory model (RVWMO): what fences forbid is never seen. Hart 0 and 1 (for IRIW also 2 and 3) run
 * each shape many times and hart 0 looks at what they read.
 */
#include "bare.h"

#define ROUNDS 4000u

static struct {
    volatile uint64_t x __attribute__((aligned(64)));
    volatile uint64_t y __attribute__((aligned(64)));
    volatile uint64_t seen[HARTS][2] __attribute__((aligned(64)));
} shared;

#define full_fence()  __asm__ volatile("fence rw, rw" ::: "memory")
#define write_fence() __asm__ volatile("fence w, w" ::: "memory")
#define read_fence()  __asm__ volatile("fence r, r" ::: "memory")

static void begin(uint64_t hart, uint64_t round)
{
    if (hart == 0) {
        shared.x = shared.y = 0;
    }
    bare_meet(HARTS);
    for (volatile uint64_t i = 0; i < (round * (hart + 3)) % 13; i++) { /* another offset each time */
    }
}

/* Message passing: who sees the flag sees the message. */
static void message_passing(uint64_t hart)
{
    if (hart == 0) {
        shared.x = 1;
        write_fence();
        shared.y = 1;
    } else if (hart == 1) {
        shared.seen[1][0] = shared.y;
        read_fence();
        shared.seen[1][1] = shared.x;
    }
}

/* Store buffering: one of two sees the other's store. */
static void store_buffering(uint64_t hart)
{
    if (hart == 0) {
        shared.x = 1;
        full_fence();
        shared.seen[0][0] = shared.y;
    } else if (hart == 1) {
        shared.y = 1;
        full_fence();
        shared.seen[1][0] = shared.x;
    }
}

/* The same by atomics with acquire and release, which are sequentially consistent among themselves. */
static void store_buffering_by_amo(uint64_t hart)
{
    uint64_t value = 0;
    if (hart == 0) {
        __asm__ volatile("amoswap.d.aqrl x0, %0, (%1)" ::"r"(1ul), "r"(&shared.x) : "memory");
        __asm__ volatile("lr.d.aqrl %0, (%1)" : "=r"(value) : "r"(&shared.y) : "memory");
        shared.seen[0][0] = value;
    } else if (hart == 1) {
        __asm__ volatile("amoswap.d.aqrl x0, %0, (%1)" ::"r"(1ul), "r"(&shared.y) : "memory");
        __asm__ volatile("lr.d.aqrl %0, (%1)" : "=r"(value) : "r"(&shared.x) : "memory");
        shared.seen[1][0] = value;
    }
}

/* Load buffering: nobody reads a value from the future. */
static void load_buffering(uint64_t hart)
{
    if (hart == 0) {
        shared.seen[0][0] = shared.x;
        full_fence();
        shared.y = 1;
    } else if (hart == 1) {
        shared.seen[1][0] = shared.y;
        full_fence();
        shared.x = 1;
    }
}

/* Independent reads of independent writes: two readers agree on the order. */
static void independent_reads(uint64_t hart)
{
    if (hart == 0) {
        shared.x = 1;
    } else if (hart == 1) {
        shared.y = 1;
    } else if (hart == 2) {
        shared.seen[2][0] = shared.x;
        full_fence();
        shared.seen[2][1] = shared.y;
    } else {
        shared.seen[3][0] = shared.y;
        full_fence();
        shared.seen[3][1] = shared.x;
    }
}

/* Coherence: reads of one place never go back. */
static void coherence(uint64_t hart)
{
    if (hart == 0) {
        shared.x = 1;
        shared.x = 2;
    } else {
        shared.seen[hart][0] = shared.x;
        shared.seen[hart][1] = shared.x;
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        begin(hart, round);
        message_passing(hart);
        bare_meet(HARTS);
        expect(!(shared.seen[1][0] == 1 && shared.seen[1][1] == 0));

        begin(hart, round);
        store_buffering(hart);
        bare_meet(HARTS);
        expect(shared.seen[0][0] == 1 || shared.seen[1][0] == 1);

        begin(hart, round);
        store_buffering_by_amo(hart);
        bare_meet(HARTS);
        expect(shared.seen[0][0] == 1 || shared.seen[1][0] == 1);

        begin(hart, round);
        load_buffering(hart);
        bare_meet(HARTS);
        expect(!(shared.seen[0][0] == 1 && shared.seen[1][0] == 1));

        begin(hart, round);
        independent_reads(hart);
        bare_meet(HARTS);
        expect(!(shared.seen[2][0] == 1 && shared.seen[2][1] == 0 && shared.seen[3][0] == 1 && shared.seen[3][1] == 0));

        begin(hart, round);
        coherence(hart);
        bare_meet(HARTS);
        expect(hart == 0 || shared.seen[hart][0] <= shared.seen[hart][1]);
        bare_meet(HARTS);
    }
    bare_meet(HARTS);
    while (hart != 0) {
        bare_pause();
    }
    return 0;
}
