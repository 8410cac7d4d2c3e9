/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio block device over a raw image: VIRTIO 1.2, section 5.2. Read, write, flush, discard, write zeroes, get id.
 *
 * Requests run one after the other on a thread of the device, straight between the image and guest memory; a vCPU
 * never waits for the disk (except to reset the device while a request runs). Whatever the host's file system
 * refuses (full, file truncated, read error) is the guest's VIRTIO_BLK_S_IOERR; every write that was completed stays.
 */
#ifndef RAVELIN_DEVICES_VIRTIO_BLK_H
#define RAVELIN_DEVICES_VIRTIO_BLK_H

#include "devices/virtio/virtio_mmio.h"

struct virtio_blk_config {
    const char *path;
    bool readonly;
    const char *serial; /* what GET_ID answers, at most 20 bytes are used; NULL: "ravelin" */
};

/* Opens and locks the image. Errors: cannot be opened or locked (another machine writes to it), size 0 or not a
 * multiple of 512 bytes. */
struct device *virtio_blk_create(const struct virtio_wiring *wiring, const struct virtio_blk_config *config,
                                 struct error *error);

/* Waits until no request is being worked on and none that was made available before is left. Any thread. */
void virtio_blk_drain(struct device *blk);

#endif
