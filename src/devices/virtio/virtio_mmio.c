/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: VIRTIO 1.2. */
#include "devices/virtio/virtio_mmio.h"

#include "core/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Section 4.2.2, MMIO Device Register Layout. */
enum {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHM_SEL = 0x0ac,
    SHM_LEN_LOW = 0x0b0,
    SHM_LEN_HIGH = 0x0b4,
    SHM_BASE_LOW = 0x0b8,
    SHM_BASE_HIGH = 0x0bc,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

#define MAGIC  0x74726976u /* "virt" */
#define VENDOR 0x4e4c5652u /* "RVLN" */

enum {
    INTERRUPT_USED_BUFFER = 1,
    INTERRUPT_CONFIG_CHANGE = 2,
};

enum {
    STATUS_DRIVER_BITS = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |
                         VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED,
};

static void raise_interrupt(struct virtio *virtio, uint32_t cause)
{
    virtio->state.interrupt_status |= cause;
    irq_line_set(&virtio->wiring.irq, virtio->state.interrupt_status != 0);
}

void virtio_fail(struct virtio *virtio, const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_guest(virtio->wiring.log, "%s: %s; the device needs a reset", virtio->class->name, text);
    virtio->state.status |= VIRTIO_STATUS_NEEDS_RESET;
    if ((virtio->state.status & VIRTIO_STATUS_DRIVER_OK) != 0) {
        raise_interrupt(virtio, INTERRUPT_CONFIG_CHANGE); /* section 2.1.2 */
    }
}

bool virtio_queue_running(const struct virtio *virtio, unsigned queue)
{
    const uint32_t mask = VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED;
    return !virtio->resetting && (virtio->state.status & mask) == VIRTIO_STATUS_DRIVER_OK &&
           virtio->state.queue[queue].ready != 0;
}

bool virtio_pop(struct virtio *virtio, unsigned queue, struct virtqueue_chain *chain)
{
    const char *reason = NULL;
    if (!virtio_queue_running(virtio, queue)) {
        return false;
    }
    enum virtqueue_result result = virtqueue_pop(&virtio->queue[queue], chain, &reason);
    if (result == VIRTQUEUE_BROKEN) {
        virtio_fail(virtio, "queue %u: %s", queue, reason);
    }
    return result == VIRTQUEUE_CHAIN;
}

void virtio_push(struct virtio *virtio, unsigned queue, struct virtqueue_chain *chain, uint32_t written)
{
    if (!virtqueue_push(&virtio->queue[queue], chain, written)) {
        virtio_fail(virtio, "queue %u: page rights refuse the used ring", queue);
    }
}

void virtio_drop(struct virtio *virtio, unsigned queue, struct virtqueue_chain *chain)
{
    virtqueue_drop(&virtio->queue[queue], chain);
}

void virtio_signal(struct virtio *virtio, unsigned queue)
{
    if (virtqueue_must_signal(&virtio->queue[queue])) {
        raise_interrupt(virtio, INTERRUPT_USED_BUFFER);
    }
}

void virtio_flight_begin(struct virtio *virtio)
{
    virtio->in_flight++;
}

void virtio_flight_end(struct virtio *virtio)
{
    CHECK(virtio->in_flight > 0);
    virtio->in_flight--;
    if (virtio->in_flight == 0) {
        pthread_cond_broadcast(&virtio->idle);
    }
}

/* Stops new work and waits for the work on its way: afterwards no thread touches guest memory for this device. It is
 * pushed to the ring it came from before that. Drivers do not wait for a reset to be complete, so it must be. */
static void quiesce(struct virtio *virtio)
{
    virtio->resetting = true;
    while (virtio->in_flight != 0) {
        pthread_cond_wait(&virtio->idle, &virtio->lock);
    }
    virtio->resetting = false;
    pthread_cond_broadcast(&virtio->idle);
}

static void reset(struct virtio *virtio)
{
    quiesce(virtio);
    virtio->state = (struct virtio_state){ .config_generation = virtio->state.config_generation };
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        virtio->queue[i].indirect = false;
        virtio->queue[i].event_index = false;
    }
    if (virtio->class->reset != NULL) {
        virtio->class->reset(virtio->device);
    }
    irq_line_set(&virtio->wiring.irq, false);
}

/* Section 3.1.1 step 5, 2.2.2: the driver's choice must be among what was offered and include VERSION_1. */
static bool accept_features(struct virtio *virtio)
{
    uint64_t chosen = virtio->state.driver_features;
    if ((chosen & ~virtio->features) != 0 || (chosen & VIRTIO_F_VERSION_1) == 0) {
        log_guest(virtio->wiring.log, "%s: features 0x%llx are refused", virtio->class->name,
                  (unsigned long long)chosen);
        return false;
    }
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        virtio->queue[i].indirect = (chosen & VIRTIO_F_INDIRECT_DESC) != 0;
        virtio->queue[i].event_index = (chosen & VIRTIO_F_EVENT_IDX) != 0;
    }
    return true;
}

static void write_status(struct virtio *virtio, uint32_t value)
{
    if (value == 0) {
        reset(virtio);
        return;
    }
    uint32_t before = virtio->state.status;
    uint32_t added = value & STATUS_DRIVER_BITS & ~before;
    if ((before & STATUS_DRIVER_BITS & ~value) != 0) {
        log_guest(virtio->wiring.log, "%s: status 0x%x clears bits of 0x%x; they stay", virtio->class->name, value,
                  before);
    }
    if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 && !accept_features(virtio)) {
        added &= ~(uint32_t)(VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
    }
    if ((added & VIRTIO_STATUS_DRIVER_OK) != 0 && ((before | added) & VIRTIO_STATUS_FEATURES_OK) == 0) {
        log_guest(virtio->wiring.log, "%s: DRIVER_OK without FEATURES_OK is refused", virtio->class->name);
        added &= ~(uint32_t)VIRTIO_STATUS_DRIVER_OK;
    }
    virtio->state.status |= added;
    if ((added & VIRTIO_STATUS_DRIVER_OK) != 0 && virtio->class->start != NULL) {
        virtio->class->start(virtio->device);
    }
}

static struct virtqueue_state *selected_queue(struct virtio *virtio)
{
    unsigned number = virtio->state.queue_select;
    return number < virtio->class->queue_count ? &virtio->state.queue[number] : NULL;
}

static void write_queue_ready(struct virtio *virtio, struct virtqueue_state *state, uint32_t value)
{
    if ((value & 1) == 0) {
        if (state->ready) {
            quiesce(virtio);
        }
        *state = (struct virtqueue_state){ 0 };
        return;
    }
    const char *wrong = virtqueue_check(&virtio->queue[state - virtio->state.queue]);
    if (wrong != NULL) {
        virtio_fail(virtio, "queue %u cannot be made ready: %s", virtio->state.queue_select, wrong);
        return;
    }
    state->ready = 1;
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
    *address = high ? (*address & UINT32_MAX) | (uint64_t)value << 32 : (*address & ~(uint64_t)UINT32_MAX) | value;
}

/* Registers of the selected queue. False: no such register, or not now. */
static bool write_queue_register(struct virtio *virtio, uint64_t offset, uint32_t value)
{
    struct virtqueue_state *state = selected_queue(virtio);
    if (state == NULL || (state->ready && offset != QUEUE_READY)) {
        return false;
    }
    switch (offset) {
    case QUEUE_SIZE: state->size = value; return true; /* checked with QueueReady */
    case QUEUE_READY:
        if (!state->ready || (value & 1) == 0) {
            write_queue_ready(virtio, state, value);
        }
        return true;
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH: set_half(&state->descriptors, offset == QUEUE_DESC_HIGH, value); return true;
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH: set_half(&state->driver, offset == QUEUE_DRIVER_HIGH, value); return true;
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH: set_half(&state->device, offset == QUEUE_DEVICE_HIGH, value); return true;
    default: return false;
    }
}

static bool notify(struct virtio *virtio, uint32_t queue)
{
    if (queue >= virtio->class->queue_count) {
        return false;
    }
    if (virtio_queue_running(virtio, queue) && virtio->class->notify != NULL) {
        virtio->class->notify(virtio->device, queue);
    }
    return true;
}

static bool write_driver_features(struct virtio *virtio, uint32_t value)
{
    struct virtio_state *state = &virtio->state;
    if ((state->status & VIRTIO_STATUS_FEATURES_OK) != 0) {
        return false; /* section 2.2.1: negotiation is over */
    }
    if (state->driver_features_select < 2) {
        set_half(&state->driver_features, state->driver_features_select == 1, value);
        return true;
    }
    return value == 0; /* there are no such features */
}

static bool write_register(struct virtio *virtio, uint64_t offset, uint32_t value)
{
    struct virtio_state *state = &virtio->state;
    switch (offset) {
    case DEVICE_FEATURES_SEL: state->device_features_select = value; return true;
    case DRIVER_FEATURES: return write_driver_features(virtio, value);
    case DRIVER_FEATURES_SEL: state->driver_features_select = value; return true;
    case QUEUE_SEL: state->queue_select = value; return true;
    case QUEUE_NOTIFY: return notify(virtio, value);
    case INTERRUPT_ACK:
        state->interrupt_status &= ~value;
        irq_line_set(&virtio->wiring.irq, state->interrupt_status != 0);
        return true;
    case STATUS: write_status(virtio, value & 0xff); return true;
    case SHM_SEL: return true;
    default: return write_queue_register(virtio, offset, value);
    }
}

static uint32_t device_features(const struct virtio *virtio)
{
    switch (virtio->state.device_features_select) {
    case 0: return (uint32_t)virtio->features;
    case 1: return (uint32_t)(virtio->features >> 32);
    default: return 0;
    }
}

static bool read_register(struct virtio *virtio, uint64_t offset, uint32_t *value)
{
    const struct virtio_state *state = &virtio->state;
    const struct virtqueue_state *queue = selected_queue(virtio);
    switch (offset) {
    case MAGIC_VALUE: *value = MAGIC; return true;
    case VERSION: *value = 2; return true;
    case DEVICE_ID: *value = virtio->class->id; return true;
    case VENDOR_ID: *value = VENDOR; return true;
    case DEVICE_FEATURES: *value = device_features(virtio); return true;
    case QUEUE_SIZE_MAX: *value = queue != NULL ? VIRTQUEUE_SIZE_MAX : 0; return true; /* 0: no such queue */
    case QUEUE_READY: *value = queue != NULL ? queue->ready : 0; return true;
    case INTERRUPT_STATUS: *value = state->interrupt_status; return true;
    case STATUS: *value = state->status; return true;
    case SHM_LEN_LOW:
    case SHM_LEN_HIGH:
    case SHM_BASE_LOW:
    case SHM_BASE_HIGH: *value = UINT32_MAX; return true; /* no shared memory region */
    case CONFIG_GENERATION: *value = state->config_generation; return true;
    default: *value = 0; return false;
    }
}

static bool read_config(const struct virtio *virtio, uint64_t offset, unsigned size, uint64_t *value)
{
    *value = 0;
    if (offset + size > virtio->config_size) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        *value |= (uint64_t)virtio->config[offset + i] << (8 * i);
    }
    return true;
}

static bool write_config(struct virtio *virtio, uint64_t offset, unsigned size, uint64_t value)
{
    if (virtio->class->config_write == NULL || offset + size > virtio->config_size) {
        return false;
    }
    virtio->class->config_write(virtio->device, (uint32_t)offset, size, value);
    return true;
}

/* Another vCPU may be waiting inside a reset, which lets go of the lock. */
static void lock_registers(struct virtio *virtio)
{
    pthread_mutex_lock(&virtio->lock);
    while (virtio->resetting) {
        pthread_cond_wait(&virtio->idle, &virtio->lock);
    }
}

static bool mmio_read(void *self, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio *virtio = self;
    uint32_t word = 0;
    bool known = false;
    lock_registers(virtio);
    if (offset >= CONFIG) {
        known = read_config(virtio, offset - CONFIG, size, value);
    } else if (size == 4) { /* section 4.2.2.2: 32 bits wide and aligned */
        known = read_register(virtio, offset, &word);
        *value = word;
    } else {
        *value = 0;
    }
    pthread_mutex_unlock(&virtio->lock);
    if (!known) {
        log_guest(virtio->wiring.log, "%s: read of %u bytes at 0x%llx: no such register", virtio->class->name, size,
                  (unsigned long long)offset);
    }
    return true;
}

static bool mmio_write(void *self, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio *virtio = self;
    bool known = false;
    lock_registers(virtio);
    if (offset >= CONFIG) {
        known = write_config(virtio, offset - CONFIG, size, value);
    } else if (size == 4) {
        known = write_register(virtio, offset, (uint32_t)value);
    }
    pthread_mutex_unlock(&virtio->lock);
    if (!known) {
        log_guest(virtio->wiring.log, "%s: write of 0x%llx (%u bytes) at 0x%llx is ignored", virtio->class->name,
                  (unsigned long long)value, size, (unsigned long long)offset);
    }
    return true;
}

static void mmio_reset(void *self)
{
    struct virtio *virtio = self;
    lock_registers(virtio);
    reset(virtio);
    pthread_mutex_unlock(&virtio->lock);
}

static void mmio_destroy(void *self)
{
    struct virtio *virtio = self;
    virtio->class->destroy(virtio->device);
}

static const struct memory_device_ops mmio_ops = { .read = mmio_read, .write = mmio_write };

void virtio_init(struct virtio *virtio, const struct virtio_class *class, void *device,
                 const struct virtio_wiring *wiring, uint64_t features)
{
    CHECK(class->queue_count <= VIRTIO_QUEUE_MAX);
    *virtio = (struct virtio){
        .base = {
            .name = class->name,
            .size = VIRTIO_MMIO_SIZE,
            .ops = &mmio_ops,
            .self = virtio,
            .reset = mmio_reset,
            .destroy = mmio_destroy,
        },
        .class = class,
        .device = device,
        .wiring = *wiring,
        .features = features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
    };
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        virtio->queue[i] = (struct virtqueue){
            .state = &virtio->state.queue[i],
            .memory = wiring->memory,
            .level = wiring->level,
        };
    }
    pthread_mutex_init(&virtio->lock, NULL);
    pthread_cond_init(&virtio->idle, NULL);
}

void virtio_fini(struct virtio *virtio)
{
    CHECK(virtio->in_flight == 0);
    pthread_cond_destroy(&virtio->idle);
    pthread_mutex_destroy(&virtio->lock);
}

static void empty_destroy(void *self)
{
    struct virtio *virtio = self;
    virtio_fini(virtio);
    free(virtio);
}

static const struct virtio_class empty_class = {
    .name = "virtio-empty",
    .id = VIRTIO_ID_NONE,
    .destroy = empty_destroy,
};

struct device *virtio_empty_create(const struct virtio_wiring *wiring)
{
    struct virtio *virtio = check_alloc(sizeof *virtio);
    virtio_init(virtio, &empty_class, virtio, wiring, 0);
    return &virtio->base;
}
