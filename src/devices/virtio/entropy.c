/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/entropy.h"

#include "core/check.h"

#include <stdlib.h>
#include <sys/random.h>

/* A request gets at most so much; the driver must accept less than it asked for (VIRTIO 1.2, section 5.4.6). */
#define ENTROPY_REQUEST_MAX 65536u

static uint32_t fill(const struct virtqueue_chain *chain)
{
    uint8_t random[256];
    uint32_t done = 0;
    while (done < ENTROPY_REQUEST_MAX) {
        ssize_t size = getrandom(random, sizeof random, 0); /* 256 bytes are never cut short (getrandom(2)) */
        CHECK(size == (ssize_t)sizeof random);
        size_t written = virtqueue_write(chain, done, random, sizeof random);
        done += (uint32_t)written;
        if (written < sizeof random) {
            break;
        }
    }
    return done;
}

static void entropy_notify(void *device, unsigned queue)
{
    struct virtio *virtio = device;
    struct virtqueue_chain chain;
    for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX && virtio_pop(virtio, queue, &chain); i++) {
        virtio_push(virtio, queue, &chain, fill(&chain));
        virtio_signal(virtio, queue);
    }
}

static void entropy_start(void *device)
{
    struct virtio *virtio = device;
    if (virtio_queue_running(virtio, 0)) {
        entropy_notify(device, 0);
    }
}

static void entropy_destroy(void *device)
{
    virtio_fini(device);
    free(device);
}

static const struct virtio_class entropy_class = {
    .name = "virtio-entropy",
    .id = VIRTIO_ID_ENTROPY,
    .queue_count = 1,
    .notify = entropy_notify,
    .start = entropy_start,
    .destroy = entropy_destroy,
};

struct device *virtio_entropy_create(const struct virtio_wiring *wiring)
{
    struct virtio *virtio = check_alloc(sizeof *virtio);
    virtio_init(virtio, &entropy_class, virtio, wiring, 0);
    return &virtio->base;
}
