/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio entropy device, fed by the host's getrandom(2): VIRTIO 1.2, section 5.4.
 */
#ifndef RAVELIN_DEVICES_VIRTIO_ENTROPY_H
#define RAVELIN_DEVICES_VIRTIO_ENTROPY_H

#include "devices/virtio/virtio_mmio.h"

struct device *virtio_entropy_create(const struct virtio_wiring *wiring);

#endif
