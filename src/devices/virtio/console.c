/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: VIRTIO 1.2. */
#include "devices/virtio/console.h"

#include "core/check.h"

#include <stdlib.h>

enum { QUEUE_RECEIVE = 0, QUEUE_TRANSMIT = 1 }; /* section 5.3.2 */

/* Bytes in one chain. All of RAM, 256 times over, would keep a vCPU busy for hours; drivers send a page or so. */
#define TRANSMIT_SIZE_MAX (UINT64_C(1) << 20)

struct virtio_console_state {
    uint64_t transmit_offset; /* bytes of the next chain to transmit that are written already */
    uint32_t input_refused;   /* the back end waits for console_resume() */
};

struct virtio_console {
    struct virtio virtio; /* its lock guards state */
    struct console_backend *console;
    struct virtio_console_state state;
};

/* Writes what the back end takes of a chain. True: all of it is written. */
static bool transmit_chain(struct virtio_console *self, const struct virtqueue_chain *chain)
{
    uint8_t bytes[512];
    size_t size;
    while ((size = virtqueue_read(chain, self->state.transmit_offset, bytes, sizeof bytes)) != 0) {
        size_t taken = console_write(self->console, bytes, size);
        self->state.transmit_offset += taken;
        if (taken < size) {
            return false;
        }
    }
    self->state.transmit_offset = 0;
    return true;
}

/* A chain the back end has no room for goes back into the ring until writable() is called. */
static void transmit(struct virtio_console *self)
{
    struct virtio *virtio = &self->virtio;
    struct virtqueue_chain chain;
    for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX && virtio_pop(virtio, QUEUE_TRANSMIT, &chain); i++) {
        if (chain.readable_size > TRANSMIT_SIZE_MAX) {
            virtio_fail(virtio, "%llu bytes in one chain", (unsigned long long)chain.readable_size);
            virtio_drop(virtio, QUEUE_TRANSMIT, &chain);
            break;
        }
        if (!transmit_chain(self, &chain)) {
            virtqueue_unpop(&virtio->queue[QUEUE_TRANSMIT], &chain);
            break;
        }
        virtio_push(virtio, QUEUE_TRANSMIT, &chain, 0);
        virtio_signal(virtio, QUEUE_TRANSMIT);
    }
}

static void allow_input(struct virtio_console *self)
{
    if (self->state.input_refused) {
        self->state.input_refused = 0;
        console_resume(self->console);
    }
}

static void console_notify(void *device, unsigned queue)
{
    struct virtio_console *self = device;
    if (queue == QUEUE_TRANSMIT) {
        transmit(self);
    } else {
        allow_input(self);
    }
}

static void console_start(void *device)
{
    struct virtio_console *self = device;
    allow_input(self);
    transmit(self);
}

static void console_reset(void *device)
{
    struct virtio_console *self = device;
    self->state.transmit_offset = 0;
}

/* Section 5.3.4, emergency write: one byte, before the queues are set up. */
static void console_config_write(void *device, uint32_t offset, unsigned size, uint64_t value)
{
    struct virtio_console *self = device;
    uint8_t byte = (uint8_t)value;
    if (offset == 8 && size == 4) {
        console_write(self->console, &byte, 1);
    }
}

static size_t receive(void *context, const uint8_t *bytes, size_t size)
{
    struct virtio_console *self = context;
    struct virtio *virtio = &self->virtio;
    struct virtqueue_chain chain;
    size_t done = 0;
    pthread_mutex_lock(&virtio->lock);
    for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX && done < size && virtio_pop(virtio, QUEUE_RECEIVE, &chain); i++) {
        size_t written = virtqueue_write(&chain, 0, bytes + done, size - done);
        done += written;
        virtio_push(virtio, QUEUE_RECEIVE, &chain, (uint32_t)written);
        virtio_signal(virtio, QUEUE_RECEIVE);
    }
    self->state.input_refused = done < size;
    pthread_mutex_unlock(&virtio->lock);
    return done;
}

static void writable(void *context)
{
    struct virtio_console *self = context;
    pthread_mutex_lock(&self->virtio.lock);
    transmit(self);
    pthread_mutex_unlock(&self->virtio.lock);
}

static void console_destroy_device(void *device)
{
    struct virtio_console *self = device;
    console_attach(self->console, NULL);
    virtio_fini(&self->virtio);
    free(self);
}

static const struct virtio_class console_class = {
    .name = "virtio-console",
    .id = VIRTIO_ID_CONSOLE,
    .queue_count = 2,
    .notify = console_notify,
    .start = console_start,
    .reset = console_reset,
    .config_write = console_config_write,
    .destroy = console_destroy_device,
};

#define VIRTIO_CONSOLE_F_EMERG_WRITE (UINT64_C(1) << 2)

struct device *virtio_console_create(const struct virtio_wiring *wiring, struct console_backend *console)
{
    struct virtio_console *self = check_alloc(sizeof *self);
    virtio_init(&self->virtio, &console_class, self, wiring, VIRTIO_CONSOLE_F_EMERG_WRITE);
    self->virtio.config_size = 12; /* cols, rows, max_nr_ports: not offered, 0; emerg_wr */
    self->console = console;
    const struct console_client client = { self, receive, writable };
    console_attach(console, &client);
    return &self->virtio.base;
}
