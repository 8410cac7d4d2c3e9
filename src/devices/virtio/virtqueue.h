/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues: VIRTIO 1.2, section 2.7, with indirect descriptors and event index.
 *
 * The rings are guest memory and the guest is hostile: it may change every byte at any moment. Each value is fetched
 * once, checked, then used; a chain is bounded by the queue size, so loops end; buffers are checked to be RAM and
 * handed out as host pointers. Guest memory lives as long as the machine, so these pointers stay valid, but what they
 * point to may change at any time.
 *
 * Everything is reached with the rights of the trust level that owns the device. The pages of a chain are pinned from
 * virtqueue_pop() to the call that ends its use (push, unpop, drop): a change of rights waits for that, so it must come
 * soon and may not depend on the guest. A buffer that the level may not use makes a refused chain; a ring or a table
 * that it may not use is like one outside RAM. So that no chain takes long to pin, buffers beyond
 * VIRTQUEUE_CHAIN_SIZE_MAX bytes in all are refused, too, unless they are small.
 *
 * Not thread-safe: the transport's lock guards a queue.
 */
#ifndef RAVELIN_DEVICES_VIRTIO_VIRTQUEUE_H
#define RAVELIN_DEVICES_VIRTIO_VIRTQUEUE_H

#include "memory/rights.h"

#include <sys/uio.h>

#define VIRTQUEUE_SIZE_MAX       256u /* descriptors */
#define VIRTQUEUE_CHAIN_SIZE_MAX (UINT64_C(64) << 20)
#define VIRTQUEUE_SMALL_SIZE     4096u

/* All of a queue that the guest can see or influence; no pointers. */
struct virtqueue_state {
    uint32_t size; /* descriptors, a power of two <= VIRTQUEUE_SIZE_MAX */
    uint32_t ready;
    uint64_t descriptors;    /* guest-physical addresses of the three areas */
    uint64_t driver;         /* the available ring */
    uint64_t device;         /* the used ring */
    uint16_t available_next; /* index of the next entry to take from the available ring */
    uint16_t used_next;      /* index of the next entry to write into the used ring */
    uint16_t used_signalled; /* used_next when the driver was last told */
    uint16_t used_signalled_valid;
};

struct virtqueue {
    struct virtqueue_state *state;
    const struct memory *memory;
    unsigned level;   /* trust level that owns the device */
    bool indirect;    /* VIRTIO_F_INDIRECT_DESC was negotiated */
    bool event_index; /* VIRTIO_F_EVENT_IDX was negotiated */
};

/* A chain of buffers (which stays in place from pop to push, unpop or drop), at most as many as the queue has
 * descriptors: the first readable_count segments are for the device to read, the following writable_count for it to
 * write (section 2.7.4.2: in this order). */
struct virtqueue_chain {
    uint16_t head;
    unsigned readable_count;
    unsigned writable_count;
    uint64_t readable_size; /* bytes */
    uint64_t writable_size; /* bytes */
    bool refused;           /* some segment cannot be used (its iov_base is NULL): an I/O error */
    struct iovec segments[VIRTQUEUE_SIZE_MAX];
    struct memory_pin pins[VIRTQUEUE_SIZE_MAX]; /* of the segments */
};

enum virtqueue_result {
    VIRTQUEUE_EMPTY,
    VIRTQUEUE_CHAIN,
    VIRTQUEUE_BROKEN, /* *reason tells why */
};

/* Size, alignment and place of the three areas are right (checked when the driver sets QueueReady). NULL or why not. */
const char *virtqueue_check(const struct virtqueue *queue);

/* Takes the next available chain. When it finds none it has asked the driver to notify of the next one. */
enum virtqueue_result virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain, const char **reason);

/* Takes the last pop back: the next one finds the same entry again. */
void virtqueue_unpop(struct virtqueue *queue, struct virtqueue_chain *chain);

/* Gives a chain back with `written` bytes filled in. False: the used ring cannot be written any more. */
bool virtqueue_push(struct virtqueue *queue, struct virtqueue_chain *chain, uint32_t written);

/* The chain is malformed for the device and not given back. */
void virtqueue_drop(struct virtqueue *queue, struct virtqueue_chain *chain);

/* After one or more pushes: does the driver want an interrupt? (section 2.7.7) */
bool virtqueue_must_signal(struct virtqueue *queue);

/* Copies out of the readable / into the writable part of a chain, from byte `offset` of that part; return how many
 * bytes there were before the end or a refused segment. */
size_t virtqueue_read(const struct virtqueue_chain *chain, uint64_t offset, void *buffer, size_t size);
size_t virtqueue_write(const struct virtqueue_chain *chain, uint64_t offset, const void *buffer, size_t size);

#endif
