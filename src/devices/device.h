/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every device has in common: a place in guest-physical memory, a reset, an interrupt line, a node in the device
 * tree.
 *
 * A device is created by its own file (`uart_create(…)`), gets its interrupt line and back ends then, and is put on
 * the board by board/. It is reached by vCPU threads (registers) and by the I/O thread (back ends) at once: each
 * device has one mutex of its own, never held while calling another device except to set an interrupt line
 * (lock order: device, then interrupt controller, then vCPU).
 */
#ifndef RAVELIN_DEVICES_DEVICE_H
#define RAVELIN_DEVICES_DEVICE_H

#include "memory/memory.h"

/* A wire into an interrupt controller. set() may be called from any thread. A NULL set is a wire to nowhere. */
struct irq_line {
    void (*set)(void *controller, unsigned input, bool level);
    void *controller;
    unsigned input;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
    if (line->set != NULL) {
        line->set(line->controller, line->input, level);
    }
}

struct device {
    const char *name;                    /* "uart", "virtio-block": static string */
    uint64_t size;                       /* of its register window in bytes */
    const struct memory_device_ops *ops; /* called with `self` */
    void *self;
    void (*reset)(void *self);   /* to power-on state; back ends stay connected; no vCPU is running */
    void (*destroy)(void *self); /* frees everything; no thread uses the device any more */
};

#endif
