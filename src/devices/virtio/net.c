/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: VIRTIO 1.2. */
#include "devices/virtio/net.h"

#include "core/check.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE_RECEIVE = 0, QUEUE_TRANSMIT = 1 }; /* section 5.1.2 */

#define VIRTIO_NET_F_MAC    (UINT64_C(1) << 5)
#define VIRTIO_NET_F_STATUS (UINT64_C(1) << 16)

enum {
    NET_HEADER_SIZE = 12,         /* struct virtio_net_hdr, section 5.1.6; all zero without offloads but … */
    NET_HEADER_BUFFER_COUNT = 10, /* … num_buffers, which is 1 */
    ETHERNET_HEADER_SIZE = 14,
    ETHERNET_SIZE_MIN = 60, /* shorter frames for the guest are padded with zeroes */
    CONFIG_MAC = 0,         /* section 5.1.4 */
    CONFIG_STATUS = 6,
    CONFIG_SIZE = 8,
    STATUS_LINK_UP = 1,
};

struct virtio_net {
    struct virtio virtio; /* its lock guards everything below */
    struct net_backend *backend;
    bool receive_refused; /* the back end waits for net_wake() */
};

static void net_notify(void *device, unsigned queue)
{
    struct virtio_net *net = device;
    if (queue == QUEUE_TRANSMIT || net->receive_refused) {
        net->receive_refused = false;
        net_wake(net->backend);
    }
}

static void net_start(void *device)
{
    struct virtio_net *net = device;
    net_wake(net->backend);
}

/* The back end's thread. Malformed frames are dropped, one and all; a guest that makes them as fast gets the lock in
 * between, and the back end is told to come again. */
static size_t next_frame(void *context, uint8_t *frame, size_t capacity)
{
    struct virtio_net *net = context;
    struct virtio *virtio = &net->virtio;
    struct virtqueue_chain chain;
    size_t size = 0;
    unsigned count = 0;
    pthread_mutex_lock(&virtio->lock);
    while (size == 0 && count < VIRTQUEUE_SIZE_MAX && virtio_pop(virtio, QUEUE_TRANSMIT, &chain)) {
        count++;
        bool fits = !chain.refused && chain.readable_size >= NET_HEADER_SIZE + ETHERNET_HEADER_SIZE &&
                    chain.readable_size - NET_HEADER_SIZE <= capacity;
        if (fits) {
            size = virtqueue_read(&chain, NET_HEADER_SIZE, frame, capacity);
        } else {
            log_guest(virtio->wiring.log, "virtio-net: frame of %llu bytes is dropped",
                      (unsigned long long)chain.readable_size);
        }
        virtio_push(virtio, QUEUE_TRANSMIT, &chain, 0);
        virtio_signal(virtio, QUEUE_TRANSMIT);
    }
    if (size == 0 && count == VIRTQUEUE_SIZE_MAX) {
        net_wake(net->backend);
    }
    pthread_mutex_unlock(&virtio->lock);
    return size;
}

/* Fills one chain: section 5.1.6.4, without mergeable buffers. Returns how many bytes it wrote; 0: too small. */
static uint32_t fill(const struct virtqueue_chain *chain, const uint8_t *frame, size_t size)
{
    static const uint8_t zeroes[ETHERNET_SIZE_MIN];
    uint8_t header[NET_HEADER_SIZE] = { [NET_HEADER_BUFFER_COUNT] = 1 };
    size_t padding = size < ETHERNET_SIZE_MIN ? ETHERNET_SIZE_MIN - size : 0;
    if (chain->writable_size < NET_HEADER_SIZE + size + padding || chain->refused) {
        return 0;
    }
    virtqueue_write(chain, 0, header, sizeof header);
    virtqueue_write(chain, NET_HEADER_SIZE, frame, size);
    virtqueue_write(chain, NET_HEADER_SIZE + size, zeroes, padding);
    return (uint32_t)(NET_HEADER_SIZE + size + padding);
}

static bool receive(void *context, const uint8_t *frame, size_t size)
{
    struct virtio_net *net = context;
    struct virtio *virtio = &net->virtio;
    struct virtqueue_chain chain;
    pthread_mutex_lock(&virtio->lock);
    bool taken = true;
    if (virtio_pop(virtio, QUEUE_RECEIVE, &chain)) {
        uint32_t written = fill(&chain, frame, size);
        if (written == 0) {
            log_guest(virtio->wiring.log, "virtio-net: receive buffer of %llu bytes cannot take %zu",
                      (unsigned long long)chain.writable_size, size);
        }
        virtio_push(virtio, QUEUE_RECEIVE, &chain, written);
        virtio_signal(virtio, QUEUE_RECEIVE);
    } else {
        taken = !virtio_queue_running(virtio, QUEUE_RECEIVE); /* a card that is down drops */
        net->receive_refused = !taken;
    }
    pthread_mutex_unlock(&virtio->lock);
    return taken;
}

static void net_reset(void *device)
{
    struct virtio_net *net = device;
    net_notify(net, QUEUE_RECEIVE); /* what waits is dropped */
}

static void net_destroy_device(void *device)
{
    struct virtio_net *net = device;
    net_attach(net->backend, NULL);
    virtio_fini(&net->virtio);
    free(net);
}

static const struct virtio_class net_class = {
    .name = "virtio-net",
    .id = VIRTIO_ID_NET,
    .queue_count = 2,
    .notify = net_notify,
    .start = net_start,
    .reset = net_reset,
    .destroy = net_destroy_device,
};

struct device *virtio_net_create(const struct virtio_wiring *wiring, const struct virtio_net_config *config,
                                 struct net_backend *backend)
{
    static const uint8_t unset[6];
    static const uint8_t usual[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
    struct virtio_net *net = check_alloc(sizeof *net);
    virtio_init(&net->virtio, &net_class, net, wiring, VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS);
    net->backend = backend;
    net->virtio.config_size = CONFIG_SIZE;
    const uint8_t *mac = memcmp(config->mac, unset, sizeof unset) == 0 ? usual : config->mac;
    memcpy(net->virtio.config + CONFIG_MAC, mac, sizeof usual);
    net->virtio.config[CONFIG_STATUS] = STATUS_LINK_UP;
    const struct net_client client = { net, next_frame, receive };
    net_attach(backend, &client);
    return &net->virtio.base;
}
