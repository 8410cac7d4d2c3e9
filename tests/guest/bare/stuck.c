/* SPDX-License-Identifier: Apache-2.0 */
/* Ways never to end by oneself, chosen by SEED; `--timeout` must end each. */
#include "bare.h"

#define LOCKED 0x98u /* PMP: NAPOT, locked, no rights */

static void sleep_for_ever(void)
{
    csr_write(mie, 0);
    for (;;) {
        __asm__ volatile("wfi");
    }
}

static void lock_memory_away(void)
{
    csr_write(pmpaddr0, UINT64_MAX >> 10);
    csr_write(pmpcfg0, LOCKED); /* not even the trap handler can be fetched now */
    for (;;) {
    }
}

static void trap_into_a_hole(void)
{
    csr_write(mtvec, 4);
    __asm__ volatile("unimp");
}

static void trap_into_a_device(void)
{
    csr_write(mtvec, UART);
    __asm__ volatile("unimp");
}

static void translate_by_itself(void) /* the root's every entry leads to the root */
{
    static uint64_t root[512] __attribute__((aligned(4096)));
    for (unsigned i = 0; i < 512; i++) {
        root[i] = (uint64_t)root >> 12 << 10 | 1;
    }
    csr_write(pmpaddr0, UINT64_MAX >> 10);
    csr_write(pmpcfg0, 0x1f);
    csr_write(medeleg, UINT64_MAX);
    csr_write(stvec, 0x1000);
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)root >> 12);
    csr_clear(mstatus, 0x1800);
    csr_set(mstatus, 0x800);
    csr_write(mepc, 0x1000);
    __asm__ volatile("mret");
}

static void wait_for_a_lock(void)
{
    static uint32_t lock = 1;
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
    }
}

static void never_conditionally(void)
{
    uint64_t old, failed;
    for (;;) { /* the reservation is always lost */
        __asm__ volatile("lr.d %0, (%2); sc.d x0, %0, (%2); sc.d %1, %0, (%2)"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(program_end)
                         : "memory");
    }
}

static void interrupt_for_ever(void)
{
    __asm__ volatile(
        "la t0, 1f; csrw mtvec, t0; li t0, 0x80; csrw mie, t0; csrsi mstatus, 8; 0: j 0b; .balign 4; 1: mret" ::
            : "t0");
}

static void reset_for_ever(void)
{
    store(FINISHER, 4, 0x7777);
    sleep_for_ever();
}

static void rewrite_oneself(void)
{
    __asm__ volatile(
        ".option push; .option norvc; la t0, 1f; lw t1, 0(t0); 0: sw t1, 0(t0); fence.i; 1: j 0b; .option pop" ::
            : "t0", "t1");
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    static void (*const ways[])(
        void) = { sleep_for_ever,  lock_memory_away,    trap_into_a_hole,   trap_into_a_device, translate_by_itself,
                  wait_for_a_lock, never_conditionally, interrupt_for_ever, reset_for_ever,     rewrite_oneself };
    if (SEED == 7) {
        store(CLINT + 0x4000 + 8 * hart, 8, 0);
    }
    ways[SEED]();
    for (;;) {
    }
}
