/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio network device: VIRTIO 1.2, section 5.1. One receive and one transmit queue, no offloads.
 */
#ifndef RAVELIN_DEVICES_VIRTIO_NET_H
#define RAVELIN_DEVICES_VIRTIO_NET_H

#include "devices/net.h"
#include "devices/virtio/virtio_mmio.h"

struct virtio_net_config {
    uint8_t mac[6]; /* all zero: 52:54:00:12:34:56 */
};

/* `backend` is borrowed; the device attaches itself and detaches when destroyed. */
struct device *virtio_net_create(const struct virtio_wiring *wiring, const struct virtio_net_config *config,
                                 struct net_backend *backend);

#endif
