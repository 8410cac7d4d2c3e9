/* SPDX-License-Identifier: Apache-2.0 */
/* Four harts count under contention: by AMO, by LR/SC, under locks of both kinds. No count may be lost. */
#include "bare.h"

#define ROUNDS 20000u

static struct {
    uint64_t amo64, lrsc64, locked, ticketed, bits, minimum, maximum;
    uint32_t amo32[2], lrsc32[2]; /* the neighbours must stay what they are */
    uint32_t lock, ticket, turn;
} shared
    __attribute__((aligned(64))) = { .amo32 = { 0, 0x5a5a5a5a }, .lrsc32 = { 0, 0xa5a5a5a5 }, .minimum = UINT64_MAX };

static void count_by_reservation(void)
{
    uint64_t old, failed;
    __asm__ volatile("1: lr.d.aqrl %0, (%2); addi %0, %0, 1; sc.d.rl %1, %0, (%2); bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(&shared.lrsc64)
                     : "memory");
    __asm__ volatile("1: lr.w.aqrl %0, (%2); addi %0, %0, 1; sc.w.rl %1, %0, (%2); bnez %1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(&shared.lrsc32[0])
                     : "memory");
}

static void count_by_amo(uint64_t hart, uint64_t round)
{
    uint64_t value = hart << 32 | round;
    __asm__ volatile("amoadd.d x0, %0, (%1)" ::"r"(1ul), "r"(&shared.amo64) : "memory");
    __asm__ volatile("amoadd.w x0, %0, (%1)" ::"r"(1ul), "r"(&shared.amo32[0]) : "memory");
    __asm__ volatile("amoxor.d x0, %0, (%1)" ::"r"(1ul << (round % 64)), "r"(&shared.bits) : "memory");
    __asm__ volatile("amominu.d x0, %0, (%1)" ::"r"(value), "r"(&shared.minimum) : "memory");
    __asm__ volatile("amomaxu.d x0, %0, (%1)" ::"r"(value), "r"(&shared.maximum) : "memory");
}

static void count_under_locks(void)
{
    uint32_t taken;
    do {
        __asm__ volatile("amoswap.w.aq %0, %1, (%2)" : "=r"(taken) : "r"(1), "r"(&shared.lock) : "memory");
    } while (taken != 0);
    shared.locked++;
    __asm__ volatile("amoswap.w.rl x0, x0, (%0)" ::"r"(&shared.lock) : "memory");

    uint32_t mine = __atomic_fetch_add(&shared.ticket, 1, __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&shared.turn, __ATOMIC_ACQUIRE) != mine) {
        bare_pause();
    }
    shared.ticketed++;
    __atomic_store_n(&shared.turn, mine + 1, __ATOMIC_RELEASE);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    bare_meet(HARTS);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        count_by_reservation();
        count_by_amo(hart, round);
        if (round % 16 == 0) {
            count_under_locks();
        }
    }
    bare_meet(HARTS);
    expect(me->exceptions == 0);
    if (hart != 0) {
        for (;;) {
            bare_pause();
        }
    }
    expect(shared.amo64 == HARTS * ROUNDS);
    expect(shared.lrsc64 == HARTS * ROUNDS);
    expect(shared.amo32[0] == HARTS * ROUNDS && shared.amo32[1] == 0x5a5a5a5a);
    expect(shared.lrsc32[0] == HARTS * ROUNDS && shared.lrsc32[1] == 0xa5a5a5a5);
    expect(shared.locked == HARTS * ((ROUNDS + 15) / 16));
    expect(shared.ticketed == HARTS * ((ROUNDS + 15) / 16));
    expect(shared.bits == 0); /* an even number of harts flipped each bit equally often */
    expect(shared.minimum == 0);
    expect(shared.maximum == ((uint64_t)(HARTS - 1) << 32 | (ROUNDS - 1)));
    return 0;
}
