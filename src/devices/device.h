/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every device has in common: a window of registers in guest-physical memory, a reset, an end.
 *
 * A device is created by its own file (`uart_create(…)`), is given its interrupt line and back ends there, and is put
 * on the board by board/ (memory_add_device with size, ops and self). Every *_create returns a struct device *; the
 * device frees itself and that struct when destroy(self) is called. Back ends (console, network) are borrowed and
 * destroyed after the device that uses them.
 *
 * It is reached by vCPU threads (registers) and by I/O threads (back ends) at once: each device has one mutex of its
 * own, never held while calling another device except to set an interrupt line. Lock order: device, then interrupt
 * controller, then vCPU. An interrupt line's set() therefore never calls back into a device.
 *
 * What the guest can see of a device is one plain struct (`struct …_state`, no pointers), apart from host resources,
 * so that it can be saved.
 */
#ifndef RAVELIN_DEVICES_DEVICE_H
#define RAVELIN_DEVICES_DEVICE_H

#include "core/log.h"
#include "memory/memory.h"

/* A wire into an interrupt controller. set() may be called from any thread, with the device's lock held, also when
 * the level does not change. A NULL set is a wire to nowhere. */
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
    void (*destroy)(void *self); /* frees everything, this struct included; no vCPU uses the device any more */
};

static inline void device_destroy(struct device *device)
{
    if (device != NULL) {
        device->destroy(device->self);
    }
}

#endif
