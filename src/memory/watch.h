/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching pages of RAM for writes: for whoever keeps something made from their contents, such as translated code.
 *
 * A page is watched from watch_page() until somebody is about to write to it, or has written. That is noted once, in a
 * list that each observer reads in its own time, and then the page is no longer watched:
 *
 *     watch_page(memory, page);                 // from now on ...
 *     … vCPUs give up the rights to write that they have cached …
 *     … look at the page …
 *     while (watch_next(memory, &place, &page) == WATCH_CHANGED) { … `page` may have changed … }
 *
 * Everybody who writes calls memory_mark_dirty() before (memory_pointer() does, for MEMORY_WRITE). But a page may be
 * watched between that and the write. So those that are no vCPU's thread also tell when they have written, before they
 * tell the guest; and whoever watches waits until vCPUs' threads have passed a boundary of instructions, where they
 * serve VCPU_WRITES (riscv_ask_for_writes()), before it believes that nothing was written. All who write:
 *
 *     stores, atomics, cbo.zero     each miss of the translation cache marks; it keeps rights to pages that are not
 *                                   watched, until VCPU_WRITES; loops remember no longer than that (its generation);
 *                                   stores across pages mark both
 *     accessed and dirty bits       marked for each update, by the vCPU's thread
 *     SBI, hypercalls               rights_pin() or rights_write(), by the vCPU's thread
 *     virtqueues                    watch_written() when a chain is given back, and behind each word of a ring
 *     memory_write()                marks before, watch_written() behind: loaders, the secure kernel's block
 *     htif                          watch_written()
 *     resets, and what is loaded    while no vCPU runs; each forgets all it knows before it does:
 *     before a start                riscv_cpu_state_changed() makes all code unknown
 *     a private view                cannot be watched: writes to the original show through it
 *
 * Overlay pages (arch/riscv/overlay.h) are no RAM, and cannot be executed.
 *
 * Threads: any, at any time.
 */
#ifndef RAVELIN_MEMORY_WATCH_H
#define RAVELIN_MEMORY_WATCH_H

#include "memory/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* For memory.c: one for each memory. */
struct watch *watch_create(void);
void watch_destroy(struct watch *watch);

/* For memory.c: the page is about to be written. */
void watch_note(const struct memory_slot *slot, uint64_t page);

/* Whether pages of this memory can be watched: not if it is a private view, through which others' writes show. */
bool watch_is_possible(const struct memory *memory);

/* Begins to watch the page of RAM at this host address. */
void watch_page(const struct memory *memory, const uint8_t *page);

/* RAM at this host address has been written, by one who asked memory_pointer() long before: its pages have changed. */
void watch_written(const struct memory *memory, const void *start, uint64_t size);

enum watch_news {
    WATCH_NOTHING,
    WATCH_CHANGED, /* *page may have changed */
    WATCH_LOST,    /* the reader is so late that any page may have changed */
};

/* What has happened behind *place, which moves on. */
enum watch_news watch_next(const struct memory *memory, uint64_t *place, const uint8_t **page);

/* Where news begin from now on. */
uint64_t watch_now(const struct memory *memory);

#endif
