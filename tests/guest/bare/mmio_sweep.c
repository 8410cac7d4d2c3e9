/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every device, every offset, every width, aligned and not; atomics, cache-block operations and fetches there. Devices
 * answer or fault; the machine lives on.
 */
#include "bare.h"

static uint64_t random_state = SEED | 1;

static void touch(uint64_t address, bool may_store)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t before = me->exceptions;
        load(address, size);
        expect(me->exceptions == before || me->cause == 5 || me->cause == 4);
        if (may_store) {
            uint64_t value = bare_random(&random_state);
            before = me->exceptions;
            store(address, size, value >> (value & 63));
            expect(me->exceptions == before || me->cause == 7 || me->cause == 6);
        }
    }
}

/* Devices support no atomics and hold no code. */
static void refuse(uint64_t address)
{
    address &= ~UINT64_C(7);
    uint64_t before = me->exceptions, value = 0;
    __asm__ volatile("amoadd.w %0, x0, (%1)" : "+r"(value) : "r"(address) : "memory");
    expect(me->exceptions == before + 1 && me->cause == 7);
    __asm__ volatile("amoswap.d %0, x0, (%1)" : "+r"(value) : "r"(address) : "memory");
    expect(me->exceptions == before + 2 && me->cause == 7);
    __asm__ volatile("lr.w %0, (%1)" : "+r"(value) : "r"(address) : "memory");
    expect(me->exceptions == before + 3 && me->cause == 5);
    __asm__ volatile("sc.d %0, x0, (%1)" : "+r"(value) : "r"(address) : "memory");
    expect(me->exceptions == before + 4 && me->cause == 7);
    __asm__ volatile("mv t0, %0; .insn i 0x0f, 2, x0, t0, 4" ::"r"(address) : "t0", "memory"); /* cbo.zero */
    expect(me->exceptions == before + 5 && me->cause == 7);
    call_address(address);
    expect(me->exceptions == before + 6 && me->cause == 1);
    call_address(address + 2);
    expect(me->exceptions == before + 7 && me->cause == 1);
    load(address + 1, 8); /* misaligned */
    expect(me->exceptions == before + 8 && (me->cause == 5 || me->cause == 4));
}

static void sweep(uint64_t base, uint64_t size, uint64_t step, bool may_store)
{
    refuse(base);
    refuse(base + size - 8);
    for (uint64_t offset = 0; offset < size; offset += step) {
        touch(base + offset, may_store);
    }
    for (uint64_t offset = size - 9; offset < size + 9; offset++) { /* over its end */
        load(base + offset, 8);
        load(base + offset, 4);
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    sweep(FINISHER, 0x1000, 1, false);
    for (uint64_t offset = 4; offset < 0x1000; offset += 4) {
        store(FINISHER + offset, 4, 0x5555);
    }
    sweep(FINISHER + 0x1000, 0x1000, 1, true); /* the clock */
    sweep(CLINT, 0x10000, 3, true);
    sweep(PLIC, 0x4000, 1, true);
    sweep(PLIC, 0x600000, 1021, true);
    sweep(PLIC + 0x200000, 0x10000, 4, true);
    sweep(UART, 0x100, 1, true);
    for (unsigned slot = 0; slot < 8; slot++) {
        sweep(VIRTIO + slot * 0x1000, 0x1000, 1, true);
        store(VIRTIO + slot * 0x1000 + 0x70, 4, 0); /* reset it */
    }
    for (unsigned i = 0; i < 20000; i++) { /* anywhere below memory, holes included */
        uint64_t address = bare_random(&random_state) & 0x7fffffff;
        touch(address, address >> 12 != FINISHER >> 12);
    }
    for (unsigned i = 0; i < 2000; i++) { /* and above */
        uint64_t address = bare_random(&random_state) | UINT64_C(1) << (40 + i % 24);
        uint64_t before = me->exceptions;
        load(address, 4);
        store(address, 8, 0);
        call_address(address & ~UINT64_C(1));
        expect(me->exceptions == before + 3);
    }
    store(UART + 3, 1, 3);
    store(UART + 4, 1, 0);
    return 0;
}
