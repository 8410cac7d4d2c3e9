/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual trust levels: who may do what to whom. The interface to guests is docs/reference/trust-levels.md.
 *
 * The hart keeps the levels apart (arch/riscv/level.h) and the memory keeps their rights (memory/rights.h); this room
 * decides when a hart goes from one level to another, and answers the calls.
 *
 *     machine->trust, trust_context       installed by vtl_create()
 *     an ecall to VTL_SBI_EXTENSION   ─▶  hypercall.c ─▶ partition.c, protect.c, registers.c, translate.c, start.c,
 * ipi.c VtlCall, VtlReturn              ─▶  switch.c a refused access, a pinned write, an interrupt for a higher level
 * ─▶  intercept.c, pins.c, interrupts.c
 *
 * The guest is hostile in every level: any value in any register and any operand gets a status or an exception.
 *
 * Ownership: borrows the machine, which outlives it, and its memory; owns the memory's struct rights.
 *
 * Threads: vtl_create(), vtl_destroy() and vtl_reset() while no hart runs. Everything else happens on the harts' own
 * threads. vtl_statistics() any time.
 */
#ifndef RAVELIN_VTL_VTL_H
#define RAVELIN_VTL_VTL_H

#include "arch/riscv/cpu.h"

#include <stdbool.h>
#include <stdint.h>

struct vtl;

struct vtl_config {
    /* An explicit target in ModifyVtlProtectionMask names the level that is restricted, not the one that enforces. */
    bool target_is_restricted;
    uint16_t held; /* bit n: level n is not the guest's to enable */
    /* What held levels have pinned from the start on, and again after a reset: masks, see vtl_hold_pin(). */
    uint64_t held_pins[RISCV_LEVEL_COUNT_MAX][RISCV_PIN_COUNT];
    uint16_t held_starts; /* bit n: the holder of level n decides on starts and stops, see vtl_hold_starts() */
};

/* For a machine with more than one level; every RAM slot has been added. */
struct vtl *vtl_create(struct riscv_machine *machine, const struct vtl_config *config);
void vtl_destroy(struct vtl *vtl); /* NULL is allowed */

/* The machine resets: zeroes what levels with ZeroMemoryOnReset kept unreadable, then there is level 0 alone, with all
 * rights and registers as at the start. To be followed by riscv_cpu_reset() of every hart; to come before memory is
 * written for the new start. */
void vtl_reset(struct vtl *vtl);

/* The machine begins in a higher level instead of level 0: the level is enabled for the partition and on every VP, and
 * runs on the first. The others' harts are stopped; a start of level 0 there is decided as always. Each VP's context
 * has its number in gp, and 0 in what is not named. After vtl_create() or vtl_reset() and the harts' reset, while none
 * runs; level 0's registers are set already. */
struct vtl_begin {
    unsigned level;      /* 1 … */
    bool mode_based;     /* mode-based execution control */
    uint64_t pc, sp, tp; /* sp and tp are the same on all VPs */
};
void vtl_begin(struct vtl *vtl, const struct vtl_begin *begin);

/* A held level pins these bits of a control register on all VPs: writes by lower levels that would change one are its
 * holder's to decide. When it returns, no VP goes on with what was pinned before. Any thread, while harts run or not;
 * not one that is inside (memory/rights.h). */
void vtl_hold_pin(struct vtl *vtl, unsigned level, enum riscv_pin pin, uint64_t mask);

/* Whether the holder of a level decides on starts and stops of harts by lower levels. Any thread, at any time: calls
 * that are made later are the holder's to decide. */
void vtl_hold_starts(struct vtl *vtl, unsigned level, bool decides);

/* Threads of the program around the machine that change page rights: no level's overlay page is placed between the two,
 * so that what vtl_has_overlay_below() says of pages first … first + count - 1 (page numbers) stays true. Rights to a
 * page that a level below the enforcing one has covered must not be changed: the level would not notice. */
void vtl_hold_overlays(struct vtl *vtl);
void vtl_release_overlays(struct vtl *vtl);
bool vtl_has_overlay_below(const struct vtl *vtl, unsigned enforcer, uint64_t first, uint64_t count);

/* What a level may do on a VP (number) with a page, all higher levels considered, as a set of enum attribute: by the
 * page's word (rights_query()), whether a higher level tells user execution from the kernel's, and the level's
 * overlays. Any thread; of a machine that runs, what was so a moment ago. */
unsigned vtl_rights(const struct vtl *vtl, unsigned vp, unsigned level, uint64_t page, uint64_t word);

/* Counts since vtl_create(), sums over all harts. */
struct vtl_statistics {
    struct vtl_level_statistics {
        uint64_t calls;       /* VtlCalls into this level */
        uint64_t returns;     /* VtlReturns from it */
        uint64_t interrupts;  /* entries by an interrupt */
        uint64_t intercepts;  /* entries by an intercept */
        uint64_t violations;  /* accesses that its page rights refused */
        uint64_t pinned;      /* writes to control registers that it had pinned */
        uint64_t protections; /* ModifyVtlProtectionMask calls with it as the enforcing level */
        uint64_t pages;       /* changed by them */
    } levels[RISCV_LEVEL_COUNT_MAX];
};
void vtl_statistics(const struct vtl *vtl, struct vtl_statistics *statistics);

#endif
