/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over memory-mapped registers: Virtual I/O Device (VIRTIO) version 1.2, sections 2 and 4.2 (version 2
 * registers; the legacy interface is not offered). Device tree: "virtio,mmio", one interrupt.
 *
 * The board creates a device by its own function (virtio_blk_create, …) or an empty slot by virtio_empty_create();
 * each is a window of VIRTIO_MMIO_SIZE bytes and one interrupt line. What follows after the first part is for the
 * device files.
 */
#ifndef RAVELIN_DEVICES_VIRTIO_VIRTIO_MMIO_H
#define RAVELIN_DEVICES_VIRTIO_VIRTIO_MMIO_H

#include "devices/device.h"
#include "devices/virtio/virtqueue.h"

#include <pthread.h>

#define VIRTIO_MMIO_SIZE 0x1000u

/* What every virtio device is connected to. Copied; what it points to is borrowed. */
struct virtio_wiring {
    struct memory *memory; /* where rings and buffers are */
    struct irq_line irq;
    struct log *log;
    unsigned level; /* trust level that owns the device: its rights are the device's. The board gives all to level 0 */
};

/* A slot with nothing in it (DeviceID 0): the driver ignores it. */
struct device *virtio_empty_create(const struct virtio_wiring *wiring);

/* ---- for device files ---- */

enum virtio_device_id {
    VIRTIO_ID_NONE = 0,
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
};

#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX     (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1     (UINT64_C(1) << 32)

enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

#define VIRTIO_QUEUE_MAX       2u
#define VIRTIO_CONFIG_SIZE_MAX 96u

/* What makes a device of the transport. All functions are called with virtio->lock held and may be NULL. */
struct virtio_class {
    const char *name;
    enum virtio_device_id id;
    unsigned queue_count;                         /* <= VIRTIO_QUEUE_MAX */
    void (*notify)(void *device, unsigned queue); /* the driver put buffers into a running queue */
    void (*start)(void *device);                  /* DRIVER_OK was set */
    void (*reset)(void *device);                  /* nothing is in flight */
    void (*config_write)(void *device, uint32_t offset, unsigned size, uint64_t value);
    void (*destroy)(void *device); /* without the lock, first thing: end threads, detach back ends, free */
};

/* Everything the guest can see of a device's transport. */
struct virtio_state {
    uint32_t status; /* enum virtio_status bits */
    uint32_t interrupt_status;
    uint32_t config_generation;
    uint32_t device_features_select;
    uint32_t driver_features_select;
    uint32_t queue_select;
    uint64_t driver_features;
    struct virtqueue_state queue[VIRTIO_QUEUE_MAX];
};

struct virtio {
    struct device base;
    const struct virtio_class *class;
    void *device;
    struct virtio_wiring wiring;
    uint64_t features; /* offered */
    uint8_t config[VIRTIO_CONFIG_SIZE_MAX];
    uint32_t config_size;

    pthread_mutex_t lock; /* guards state, queue, config and the device's own state */
    pthread_cond_t idle;  /* in_flight became 0, or resetting false */
    unsigned in_flight;   /* chains a thread works on without the lock; a reset waits for 0 */
    bool resetting;
    struct virtio_state state;
    struct virtqueue queue[VIRTIO_QUEUE_MAX];
};

/* Sets up the transport of `device`: `features` are the device's own, the transport adds its own. */
void virtio_init(struct virtio *virtio, const struct virtio_class *class, void *device,
                 const struct virtio_wiring *wiring, uint64_t features);
void virtio_fini(struct virtio *virtio); /* called by the class's destroy() */

/* With the lock held: */

/* The queue may be worked on: DRIVER_OK, queue ready, nothing broken, no reset under way. */
bool virtio_queue_running(const struct virtio *virtio, unsigned queue);

/* Takes the next chain. False: there is none, or the ring was malformed and the device now needs a reset. */
bool virtio_pop(struct virtio *virtio, unsigned queue, struct virtqueue_chain *chain);

/* Gives a chain back, `written` bytes of it filled. The driver is told by virtio_signal(), once for many. */
void virtio_push(struct virtio *virtio, unsigned queue, struct virtqueue_chain *chain, uint32_t written);
void virtio_signal(struct virtio *virtio, unsigned queue);

/* Ends the use of a chain that is not given back. */
void virtio_drop(struct virtio *virtio, unsigned queue, struct virtqueue_chain *chain);

/* The chain was malformed for this device: says so in the log and sets NEEDS_RESET (section 2.1.2). */
__attribute__((format(printf, 2, 3))) void virtio_fail(struct virtio *virtio, const char *format, ...);

/* Work on chains without the lock: between the two a reset waits. */
void virtio_flight_begin(struct virtio *virtio);
void virtio_flight_end(struct virtio *virtio);

static inline bool virtio_has(const struct virtio *virtio, uint64_t feature)
{
    return (virtio->state.driver_features & feature) != 0;
}

#endif
