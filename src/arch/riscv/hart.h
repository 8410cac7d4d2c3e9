/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harts as firmware sees them: started or stopped, and reachable by fences from other harts.
 *
 * A stopped hart's vCPU thread sleeps in hart_wait_started(). Starting goes through START_PENDING so that of two
 * racing starters one is refused (SBI v2.0, chapter 9 "Hart State Management").
 *
 * A remote fence is complete when hart_fence() returns: every target has forgotten the translations (or checked
 * its code) or was not running guest code. While it waits, the asking vCPU serves fences asked of itself, so two harts
 * that fence each other both get on.
 */
#ifndef RAVELIN_ARCH_RISCV_HART_H
#define RAVELIN_ARCH_RISCV_HART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct riscv_cpu;
struct riscv_machine;

/* Values are those of SBI HSM (SBI v2.0, table "HSM Hart States"). */
enum hart_status {
    HART_STARTED = 0,
    HART_STOPPED = 1,
    HART_START_PENDING = 2,
    HART_SUSPENDED = 4,
};

/* What a fence of address translation asks for. */
struct riscv_fence {
    uint64_t start, size; /* addresses; size 0: all */
    bool all_spaces;      /* and global pages; else the address space `asid` */
    uint16_t asid;
};

#define HART_FENCES_MAX 8u

struct hart {
    _Atomic uint32_t status; /* enum hart_status */
    uint64_t start_address;  /* written while START_PENDING by the starter only */
    uint64_t start_argument;
    _Atomic bool start_ready;      /* the two above are written: the hart may start */
    _Atomic uint32_t fences_asked; /* a ticket each; by any thread */
    _Atomic uint32_t fences_done;  /* by the hart's own thread */
    _Atomic bool fences_locked;    /* somebody reads or writes what follows; held for an instant only */
    bool code_changed;             /* one of the fences asked for is a FENCE.I */
    uint32_t fence_count;          /* above HART_FENCES_MAX: everything is to be forgotten */
    struct riscv_fence fences[HART_FENCES_MAX];
};

/* Asks a stopped hart to start in S-mode at `address` with a0 = its number and a1 = `argument`.
 * false: it is not stopped. Any thread. */
bool hart_start(struct riscv_cpu *cpu, uint64_t address, uint64_t argument);

/* The same in two steps: false from the first: it is not stopped. What is written in between is seen by the hart when
 * it starts. */
bool hart_start_begin(struct riscv_cpu *cpu);
void hart_start_end(struct riscv_cpu *cpu, uint64_t address, uint64_t argument);

/* The hart's own thread: stops itself; its engine leaves at the next block boundary. */
void hart_stop(struct riscv_cpu *cpu);

/* The vCPU's own thread, when it begins to run and whenever its engine has left for VCPU_STOP or VCPU_HALT, which it
 * takes: sleeps until the hart is started. false: VCPU_STOP was asked. */
bool hart_wait_started(struct riscv_cpu *cpu);

/* On cpu's own thread: makes every hart whose bit is set in mask (bit 0: hart `base`) do what the fence says, and
 * waits. NULL: they compare their code with memory, as FENCE.I does. */
void hart_fence(struct riscv_cpu *cpu, uint64_t mask, uint64_t base, const struct riscv_fence *fence);

/* Any thread: asks a hart for a fence (NULL: as FENCE.I) and goes on; the answer is a ticket, for the question whether
 * the hart has served it or was not running guest code. */
uint32_t hart_ask_fence(struct riscv_cpu *cpu, const struct riscv_fence *fence);
bool hart_fence_is_done(struct riscv_cpu *cpu, uint32_t ticket);

/* The hart's own thread: does what hart_fence() of others asked for. */
void hart_serve_fence(struct riscv_cpu *cpu);

#endif
