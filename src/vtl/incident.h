/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lower trust levels did, or were about to do, that is a higher one's business; and who outside the guest is told
 * of it: an observer of everything (the event log), and holders, each of which stands for a level that the guest does
 * not have: it decides what happens.
 *
 * Threads: both are called on the thread of the hart it happened on, several at once on several harts, at an
 * instruction boundary; of TRANSFER on any thread, locks held, and then rights may not be changed. They may change page
 * rights; they may not touch the hart.
 */
#ifndef RAVELIN_VTL_INCIDENT_H
#define RAVELIN_VTL_INCIDENT_H

#include "arch/riscv/cpu.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct vtl;

enum vtl_incident_kind {
    VTL_INCIDENT_PAGE,     /* an access that a page's rights refuse */
    VTL_INCIDENT_REGISTER, /* a write to a pinned control register */
    VTL_INCIDENT_START,    /* SBI HSM: start of a hart; or StartVirtualProcessor */
    VTL_INCIDENT_STOP,     /* SBI HSM: stop of this hart */
    VTL_INCIDENT_RESET,    /* SBI SRST, and the legacy shutdown */
    VTL_INCIDENT_TRANSFER, /* memory that a device or a call was to read or write, and a page's rights refuse */
    VTL_INCIDENT_ENABLED,  /* a level was enabled on a VP: not an intercept */
    VTL_INCIDENT_KIND_COUNT,
};

#define VTL_NO_VP UINT_MAX

enum vtl_outcome {
    VTL_OUTCOME_DELIVERED, /* the higher level runs next, with the message */
    VTL_OUTCOME_FAULT,     /* the lower level gets the exception, or SBI_ERR_DENIED */
    VTL_OUTCOME_RETRIED,   /* a holder had the instruction tried again */
    VTL_OUTCOME_SKIPPED,   /* a holder had it left out */
    VTL_OUTCOME_DONE,      /* of ENABLED; of START and STOP: a holder permitted it */
    VTL_OUTCOME_COUNT,
};

struct vtl_incident {
    enum vtl_incident_kind kind;
    enum vtl_outcome outcome; /* for observers */
    unsigned
        vp; /* of TRANSFER: VTL_NO_VP if it is a device's, or not known; then nothing is known of the instruction */
    unsigned level;    /* whose doing it was */
    unsigned enforcer; /* whose business it is; of ENABLED: the level that is enabled now */
    bool user;         /* it ran in U-mode */

    uint64_t pc;            /* of the instruction, guest-virtual */
    uint32_t encoding;      /* its bits */
    unsigned encoding_size; /* bytes of `encoding` that could be had: 0, 2, 4 */
    uint64_t stvec;         /* of the level: tells a kernel's place */

    /* PAGE; of TRANSFER access, physical and size */
    enum memory_access access;
    bool walk;         /* `physical` is a page table's entry */
    uint64_t address;  /* guest-virtual */
    uint64_t physical; /* guest-physical, what was refused */
    uint64_t size;     /* bytes; of a large instruction fetch the parcel */
    uint64_t cause;    /* the exception that it would be */

    /* REGISTER */
    uint32_t csr; /* number */
    uint64_t value;

    /* START, STOP: hart, address, argument (StartVirtualProcessor: the level); RESET: type, reason; ENABLED: hart */
    uint64_t target, argument, second;
    bool with_context; /* START: by StartVirtualProcessor; `argument` is the context's pc */
};

enum vtl_verdict {
    VTL_VERDICT_FAULT,
    VTL_VERDICT_RETRY, /* of START and STOP: it is carried out */
    VTL_VERDICT_SKIP,  /* a fault after all if the instruction's length cannot be known: a fetch was refused */
};

struct vtl_holder {
    /* PAGE and REGISTER, START and STOP if it wants to see those (vtl_hold_starts()); `outcome` says nothing yet. NULL:
     * VTL_VERDICT_FAULT always. */
    enum vtl_verdict (*decide)(void *context, const struct vtl_incident *incident);
    void *context;
};

struct vtl_watch {
    void (*observe)(void *context, const struct vtl_incident *incident); /* NULL: nobody */
    void *context;
    struct vtl_holder holders[RISCV_LEVEL_COUNT_MAX]; /* of the levels that are held (struct vtl_config) */
};

/* To be filled in while no hart runs. It stays as it is over resets. */
struct vtl_watch *vtl_watch(struct vtl *vtl);

#endif
