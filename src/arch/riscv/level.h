/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hart has once for each virtual trust level: all registers but a closed list, interrupt wires, translation
 * caches. One level runs at a time; cpu->state is its registers, the others' rest in their bank.
 *
 * Registers are private unless they stand on the list of riscv_level_switch(): whatever is added to the description is
 * private by default. docs/reference/trust-levels.md gives the list with a reason for each.
 *
 * This file only keeps the levels apart. When to go from one to another, and what they may do to each other, is
 * src/vtl/'s business, which the hart asks through struct riscv_trust_ops.
 *
 * Threads: as struct riscv_cpu; the wires may be driven from any thread.
 */
#ifndef RAVELIN_ARCH_RISCV_LEVEL_H
#define RAVELIN_ARCH_RISCV_LEVEL_H

#include "core/address.h"
#include "core/alarm.h"
#include "memory/memory.h"

#include "riscv_state.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RISCV_LEVEL_COUNT_MAX 16u

struct riscv_cpu;

struct riscv_level {
    struct riscv_state state; /* while another level runs; stale while this one does */
    _Atomic uint64_t lines;   /* level of each line into the hart, in mip's positions */
    _Atomic uint64_t posted;  /* bits to be set in mip when this level looks */
    uint64_t timer_lines;     /* MTI and STI, as of the last look at the time */
    uint64_t stime_set;       /* the stimecmp that stime_alarm was set for; UINT64_MAX: none */
    struct alarm stime_alarm;
    uint64_t denying[4];   /* cpu->denying while it runs */
    uint64_t left_at;      /* cpu->instructions when it was last left: its counters stand still meanwhile */
    bool watches_below;    /* held_back() is asked while this level runs; its hart's thread */
    bool filled_under_mxr; /* mstatus.MXR that the TLBs' rights to read are good for */
    uint64_t filled_under_satp;
};

/* An access that a higher level's page rights refused, kept for whoever tells that level. */
struct riscv_violation {
    unsigned enforcer;       /* the level that refused: of several the lowest */
    enum memory_access kind; /* what was asked for */
    uint64_t address;        /* guest-virtual, of the instruction's access */
    gpa_t physical;          /* of the refused page access; a page-table entry's if walk is set */
    uint64_t size;           /* bytes of the refused part */
    bool walk;               /* the page walk was refused, not the access itself */
};

/* On an SBI call that a higher level may want to decide. */
enum riscv_trust_verdict {
    RISCV_TRUST_GO_ON,   /* the firmware carries it out */
    RISCV_TRUST_REFUSED, /* SBI_ERR_DENIED */
    RISCV_TRUST_TAKEN,   /* another level runs now; the call will be made again or was completed by it */
};

/* What the hart asks of whoever manages trust levels. All are called on the hart's own thread, at an instruction
 * boundary: state.pc is the instruction that has had no effect, and wherever the hart goes on afterwards. */
struct riscv_trust_ops {
    /* cpu->violation, whose access has been abandoned. False: the guest gets an access fault after all. */
    bool (*violation)(struct riscv_cpu *cpu);

    /* A write to a control register that riscv_raise_pinned() gave up, see cpu->pinned. False: an illegal-instruction
     * exception. */
    bool (*pinned)(struct riscv_cpu *cpu);

    /* What is pinned for the running level may have changed (riscv_pins_set()): after a reset, which has unpinned all,
     * and when a fence has been served (hart_ask_fence()). */
    void (*pins)(struct riscv_cpu *cpu);

    /* An interrupt is pending and enabled at `level`, higher than the one that runs. */
    void (*interrupt)(struct riscv_cpu *cpu, unsigned level);

    /* A lower level could take an interrupt (riscv_level_held_back()), but this one runs. Asked at each look for
     * interrupts while a level runs that watches_below; may change what is pending at it. */
    void (*held_back)(struct riscv_cpu *cpu);

    /* An ecall to the SBI extension of trust levels; state.pc stands behind it. False: not answered, the caller gets
     * an illegal-instruction exception at the ecall. */
    bool (*call)(struct riscv_cpu *cpu);

    /* An SBI call of the running level that a higher one may want to decide: start or stop a hart, reset. */
    enum riscv_trust_verdict (*firmware)(struct riscv_cpu *cpu, uint64_t extension, uint64_t function);

    /* A remote fence that the running level asked for (SBI RFENCE, hart mask and base) has been carried out: may the
     * call end? False: it is made again, after a while that has been slept here. */
    bool (*fence_may_end)(struct riscv_cpu *cpu, uint64_t mask, uint64_t base);

    /* A stopped hart starts. True: the level that runs and all its registers are as they are to be. False: level 0 runs
     * now, and starts as SBI HSM says. */
    bool (*start)(struct riscv_cpu *cpu);
};

/* The registers of a level, running or not. The hart's own thread, or no hart runs. */
struct riscv_state *riscv_level_state(struct riscv_cpu *cpu, unsigned level);

/* Makes another level the one that runs: banks the registers, takes the shared ones along (x5–x7, x9–x31, f0–f31),
 * ends the reservation, points to the level's translation caches, and looks whether an interrupt is to be taken. */
void riscv_level_switch(struct riscv_cpu *cpu, unsigned to);

/* Gives a level its translation caches, if it has none yet: before it runs. Not every level of every hart does. */
void riscv_level_cache(struct riscv_cpu *cpu, unsigned level);

/* A level gets its first registers: the machine level's and the shared ones as the running one has them, all others at
 * their reset values. For the running level, to be followed by riscv_cpu_state_changed(). */
void riscv_level_prepare(struct riscv_cpu *cpu, unsigned level);

/* Sets stimecmp of a level that runs or not, and its alarm. */
void riscv_level_set_timer(struct riscv_cpu *cpu, unsigned level, uint64_t ticks);

/* x1 … x31: it is one of those that all levels share. */
bool riscv_level_shares_x(unsigned number);

/* What sip of a level would read, enabled or not. */
uint64_t riscv_level_pending(struct riscv_cpu *cpu, unsigned level);

/* The highest level above the running one at which an interrupt is pending and enabled in sie; 0: none. */
unsigned riscv_level_interrupted(struct riscv_cpu *cpu);

/* Below the running level is one at which an interrupt is pending, enabled in sie and not masked by its sstatus.SIE. */
bool riscv_level_held_back(struct riscv_cpu *cpu);

/* Any thread: as riscv_cpu_set_line() and riscv_cpu_post(), for one level. */
void riscv_level_set_line(struct riscv_cpu *cpu, unsigned level, unsigned number, bool on);
void riscv_level_post(struct riscv_cpu *cpu, unsigned level, unsigned number);

#endif
