/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive test finisher: one 32-bit register by which a guest ends the machine (device tree: "sifive,test1",
 * "sifive,test0", "syscon"; syscon-poweroff writes 0x5555, syscon-reboot writes 0x7777).
 *
 *   0x5555               pass: power off
 *   0x3333 | code << 16  fail with a code
 *   0x7777               reset
 */
#ifndef RAVELIN_DEVICES_FINISHER_H
#define RAVELIN_DEVICES_FINISHER_H

#include "devices/device.h"

#define FINISHER_SIZE 0x1000u

enum finisher_event {
    FINISHER_PASS,
    FINISHER_FAIL, /* with a code, 0 … 65535 */
    FINISHER_RESET,
};

/* `finish` is called on the writing vCPU's thread, without a lock; it must not wait for that vCPU. */
struct device *finisher_create(void (*finish)(void *context, enum finisher_event event, unsigned code), void *context,
                               struct log *log);

#endif
