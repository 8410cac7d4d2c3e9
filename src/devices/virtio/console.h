/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio console with one port and no control queue: VIRTIO 1.2, section 5.3.
 */
#ifndef RAVELIN_DEVICES_VIRTIO_CONSOLE_H
#define RAVELIN_DEVICES_VIRTIO_CONSOLE_H

#include "devices/console.h"
#include "devices/virtio/virtio_mmio.h"

/* `console` is borrowed; the device attaches itself and detaches when destroyed. */
struct device *virtio_console_create(const struct virtio_wiring *wiring, struct console_backend *console);

#endif
