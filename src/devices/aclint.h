/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACLINT in the layout of the SiFive CLINT: machine software interrupts (MSWI) and the machine timer (MTIMER).
 * RISC-V ACLINT specification 1.0-rc4, "Backward compatibility with SiFive CLINT".
 *
 *   0x0000 + 4 * hart   msip      bit 0: the hart's machine software interrupt
 *   0x4000 + 8 * hart   mtimecmp  the hart's timer interrupt is pending while mtime >= mtimecmp; all ones at reset
 *   0xbff8              mtime     10 MHz ticks
 *
 * The device keeps the registers; what they do is the harts' business, reached by four functions so that this file
 * knows no architecture. Access sizes 4 (either half of a 64-bit register) and 8.
 */
#ifndef RAVELIN_DEVICES_ACLINT_H
#define RAVELIN_DEVICES_ACLINT_H

#include "devices/device.h"

#define ACLINT_SIZE      0x10000u
#define ACLINT_HART_MAX  4095u
#define ACLINT_FREQUENCY 10000000u /* of mtime in Hz */

/* Called on vCPU threads with the device's lock held, except read_time (no lock); must not call the device. */
struct aclint_harts {
    unsigned count; /* 1 … ACLINT_HART_MAX */
    void *context;
    void (*set_software_interrupt)(void *context, unsigned hart, bool level);
    void (*set_timer_compare)(void *context, unsigned hart, uint64_t ticks); /* mtimecmp */
    uint64_t (*read_time)(void *context);                                    /* mtime */
    void (*write_time)(void *context, uint64_t ticks);
};

/* `harts` is copied, `log` borrowed. Reset clears msip and sets mtimecmp to all ones through the functions; it does
 * not touch mtime. */
struct device *aclint_create(const struct aclint_harts *harts, struct log *log);

#endif
