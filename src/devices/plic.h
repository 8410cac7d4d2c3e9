/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platform-level interrupt controller. RISC-V PLIC specification 1.0.0, in the SiFive memory map.
 *
 *   0x000000 + 4 * source             priority, 0 (never) … 7
 *   0x001000 + 4 * word               pending bits, read-only
 *   0x002000 + 0x80 * context + 4 * w enable bits
 *   0x200000 + 0x1000 * context       threshold; + 4: claim (read) and complete (write)
 *
 * Sources are level-triggered: while a line is high its gateway sends one request at a time, the next one after
 * completion. A request once pending stays pending until claimed, even if the line falls ("Interrupt Pending Bits").
 * Reset it after the devices, so that what they drop then is forgotten. Source 0 does not exist. Contexts: the board
 * decides; by custom 2 * hart is M-mode, 2 * hart + 1 is S-mode.
 */
#ifndef RAVELIN_DEVICES_PLIC_H
#define RAVELIN_DEVICES_PLIC_H

#include "devices/device.h"

#define PLIC_SIZE         0x600000u
#define PLIC_SOURCE_MAX   1023u /* highest source number possible */
#define PLIC_CONTEXT_MAX  1024u /* that fit into PLIC_SIZE */
#define PLIC_PRIORITY_MAX 7u

/* `source_count` includes source 0: 96 gives sources 1 … 95 (device tree: riscv,ndev = source_count - 1).
 * `outputs` has one line a context, copied; line i is high while context i has something to claim above its
 * threshold. The lines are set with the PLIC's lock held. */
struct device *plic_create(unsigned source_count, unsigned context_count, const struct irq_line *outputs,
                           struct log *log);

/* The wire into source 1 … source_count - 1. Any thread may set it. */
struct irq_line plic_input(struct device *plic, unsigned source);

#endif
