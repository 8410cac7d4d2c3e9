/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlay pages: a page of the monitor's that lies over the guest-physical memory that one trust level sees, on all of
 * the machine's harts (docs/reference/trust-levels.md, section 4; TLFS, "GPA Overlay Pages"). What is below is neither
 * lost nor changed: other levels, devices, page walks and operands of calls see it all the while.
 *
 * There is one for each hart and level. Where none lies, a level costs one test when a translation cache is filled, and
 * nothing on a machine without trust levels.
 *
 * Threads: looking is any thread's, any time. Placing and removing belong to one thread at a time (src/vtl/ has a lock
 * for it); whoever does so sees to it that the harts forget what they know of the page. The bytes are the guest's, at
 * any time.
 */
#ifndef RAVELIN_ARCH_RISCV_OVERLAY_H
#define RAVELIN_ARCH_RISCV_OVERLAY_H

#include "core/address.h"

#include <stdbool.h>
#include <stdint.h>

struct riscv_overlays;

struct riscv_overlays *riscv_overlays_create(unsigned level_count, unsigned cpu_count);
void riscv_overlays_destroy(struct riscv_overlays *overlays); /* NULL is allowed */

/* The page of a hart's level, PAGE_SIZE bytes: zeroed, and made when it is first placed. NULL: it never was. Ends with
 * the overlays. */
uint8_t *riscv_overlay_page(const struct riscv_overlays *overlays, unsigned level, unsigned cpu);

/* Lays it over the guest-physical page of an address, wherever it was before, as it is; or takes it away. */
void riscv_overlay_place(struct riscv_overlays *overlays, unsigned level, unsigned cpu, gpa_t address);
void riscv_overlay_remove(struct riscv_overlays *overlays, unsigned level, unsigned cpu);

/* What lies over the page of an address for a level: its first byte, or NULL. Of several, that of the lowest hart.
 * overlays may be NULL. */
uint8_t *riscv_overlay_at(const struct riscv_overlays *overlays, unsigned level, gpa_t address);

/* Some level below `enforcer` has an overlay over one of the pages first … first + count - 1 (page numbers). */
bool riscv_overlay_is_below(const struct riscv_overlays *overlays, unsigned enforcer, uint64_t first, uint64_t count);

/* All are removed, and zero. No hart runs. */
void riscv_overlays_reset(struct riscv_overlays *overlays);

#endif
