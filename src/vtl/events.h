/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event log: a line of JSON for each thing that happened between trust levels (vtl/incident.h), with names for
 * places in the guest's kernel where they are known. docs/manual/trust-levels.md tells what a line holds.
 *
 * A guest can make things happen as often as it likes. A burst of lines is written, and then as many again in
 * VTL_EVENTS_BURST_SECONDS, evenly; what is more is counted, and the count is a line of its own, a second later or so.
 * Refused accesses have such a budget, refused transfers, pinned registers, calls (starts, stops and resets), and
 * everything else.
 *
 * Threads: vtl_events_note() any, at once; the rest while no hart runs.
 */
#ifndef RAVELIN_VTL_EVENTS_H
#define RAVELIN_VTL_EVENTS_H

#include "core/symbols.h"
#include "vtl/incident.h"

#define VTL_EVENTS_BURST         10000u /* lines */
#define VTL_EVENTS_BURST_SECONDS 100u

struct vtl_events;

struct vtl_events_config {
    /* One line, without its end, borrowed; by one thread at a time. */
    void (*line)(void *context, const char *text);
    void *context;
    const struct riscv_machine *machine; /* for its clock and its instructions */
    const struct symbols *symbols;       /* of the kernel in level 0, borrowed; NULL: none */
    bool symbols_are_placed;             /* where the kernel is, however it moves itself */
    /* Where the kernel was loaded, guest-physical, so that places in it have names by whatever address they are
     * reached. Size 0: not known. */
    uint64_t kernel, kernel_size;
    unsigned burst; /* 0: VTL_EVENTS_BURST */
};

struct vtl_events *vtl_events_create(const struct vtl_events_config *config);

/* The machine begins anew: another kernel may run, at another place. NULL is allowed. */
void vtl_events_reset(struct vtl_events *events);

/* Tells the last count of what was not written. NULL is allowed. */
void vtl_events_destroy(struct vtl_events *events);

/* An observer (struct vtl_watch); context is the struct vtl_events. */
void vtl_events_note(void *context, const struct vtl_incident *incident);

/* What a level tells of itself: any text. Event "message". Any thread. */
void vtl_events_tell(struct vtl_events *events, unsigned vp, unsigned level, const char *text);

#endif
