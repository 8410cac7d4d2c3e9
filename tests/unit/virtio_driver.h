/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's virtio driver in miniature, for tests: it reaches a device by its registers and by rings in guest RAM,
 * as VIRTIO 1.2 section 4.2 describes. The test may also write the rings by hand, to be hostile.
 *
 * RAM is 1 MiB at RAM_BASE. Queue n has its three areas at fixed places; buffers are the test's, from BUFFERS on.
 */
#ifndef RAVELIN_TESTS_VIRTIO_DRIVER_H
#define RAVELIN_TESTS_VIRTIO_DRIVER_H

#include "devices/virtio/virtio_mmio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RAM_BASE           UINT64_C(0x80000000)
#define RAM_SIZE           UINT64_C(0x100000)

#define QUEUE_AREA(queue)  ((uint64_t)(queue) * 0x10000)
#define DESCRIPTORS(queue) (QUEUE_AREA(queue))
#define DRIVER_AREA(queue) (QUEUE_AREA(queue) + 0x4000)
#define DEVICE_AREA(queue) (QUEUE_AREA(queue) + 0x8000)
#define INDIRECT(queue)    (QUEUE_AREA(queue) + 0xc000)
#define BUFFERS            UINT64_C(0x40000) /* offset in RAM */

enum { NEXT = 1, WRITE = 2, INDIRECT_TABLE = 4 };

struct ring_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

struct driver {
    struct memory *memory;
    struct device *device;
    struct log log;
    uint8_t *ram;
    _Atomic bool irq;
    uint16_t size[VIRTIO_QUEUE_MAX];
    uint16_t available[VIRTIO_QUEUE_MAX]; /* next index to make available */
    uint16_t used[VIRTIO_QUEUE_MAX];      /* next used entry to look at */
    uint16_t free[VIRTIO_QUEUE_MAX];      /* next descriptor to hand out, round and round */
};

/* One buffer of a request; offset in RAM. */
struct part {
    uint64_t offset;
    uint32_t size;
    bool writable;
};

static inline void driver_set_irq(void *controller, unsigned input, bool level)
{
    (void)input;
    struct driver *driver = controller;
    driver->irq = level;
}

static inline struct virtio_wiring driver_init(struct driver *driver)
{
    struct error error;
    memset(driver, 0, sizeof *driver);
    driver->memory = memory_create(&driver->log);
    assert_true(memory_add_ram(driver->memory, gpa(RAM_BASE), RAM_SIZE, "ram", &error));
    driver->ram = memory_pointer(driver->memory, gpa(RAM_BASE), RAM_SIZE, MEMORY_WRITE);
    assert_non_null(driver->ram);
    return (struct virtio_wiring){ driver->memory, { driver_set_irq, driver, 0 }, &driver->log };
}

static inline void driver_fini(struct driver *driver)
{
    device_destroy(driver->device);
    memory_destroy(driver->memory);
}

static inline uint32_t reg_get(const struct driver *driver, uint64_t offset)
{
    uint64_t value = 0;
    assert_true(driver->device->ops->read(driver->device->self, offset, 4, &value));
    return (uint32_t)value;
}

static inline void reg_put(const struct driver *driver, uint64_t offset, uint32_t value)
{
    assert_true(driver->device->ops->write(driver->device->self, offset, 4, value));
}

static inline void ram_put16(struct driver *driver, uint64_t offset, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)(driver->ram + offset), value, __ATOMIC_RELEASE);
}

static inline uint16_t ram_get16(const struct driver *driver, uint64_t offset)
{
    return __atomic_load_n((const uint16_t *)(const void *)(driver->ram + offset), __ATOMIC_ACQUIRE);
}

static inline uint32_t ram_get32(const struct driver *driver, uint64_t offset)
{
    return __atomic_load_n((const uint32_t *)(const void *)(driver->ram + offset), __ATOMIC_ACQUIRE);
}

static inline void put_descriptor(struct driver *driver, uint64_t table, unsigned index, struct ring_descriptor value)
{
    memcpy(driver->ram + table + index * sizeof value, &value, sizeof value);
}

/* Negotiates; true if the device accepted the features. */
static inline bool driver_negotiate(struct driver *driver, uint64_t features)
{
    reg_put(driver, 0x070, 0);
    reg_put(driver, 0x070, 1);
    reg_put(driver, 0x070, 1 | 2);
    reg_put(driver, 0x024, 0);
    reg_put(driver, 0x020, (uint32_t)features);
    reg_put(driver, 0x024, 1);
    reg_put(driver, 0x020, (uint32_t)(features >> 32));
    reg_put(driver, 0x070, 1 | 2 | 8);
    return (reg_get(driver, 0x070) & 8) != 0;
}

static inline void driver_set_queue(struct driver *driver, unsigned queue, uint16_t size)
{
    reg_put(driver, 0x030, queue);
    reg_put(driver, 0x038, size);
    reg_put(driver, 0x080, (uint32_t)(RAM_BASE + DESCRIPTORS(queue)));
    reg_put(driver, 0x084, 0);
    reg_put(driver, 0x090, (uint32_t)(RAM_BASE + DRIVER_AREA(queue)));
    reg_put(driver, 0x094, 0);
    reg_put(driver, 0x0a0, (uint32_t)(RAM_BASE + DEVICE_AREA(queue)));
    reg_put(driver, 0x0a4, 0);
    memset(driver->ram + QUEUE_AREA(queue), 0, 0x10000);
    driver->size[queue] = size;
    driver->available[queue] = 0;
    driver->used[queue] = 0;
    driver->free[queue] = 0;
    reg_put(driver, 0x044, 1);
}

static inline void driver_start(struct driver *driver, uint64_t features, unsigned queue_count, uint16_t size)
{
    assert_true(driver_negotiate(driver, features | VIRTIO_F_VERSION_1));
    for (unsigned queue = 0; queue < queue_count; queue++) {
        driver_set_queue(driver, queue, size);
        assert_int_equal(reg_get(driver, 0x044), 1);
    }
    reg_put(driver, 0x070, 1 | 2 | 8 | 4);
    assert_int_equal(reg_get(driver, 0x070), 15);
}

static inline void driver_offer(struct driver *driver, unsigned queue, uint16_t head)
{
    uint64_t area = DRIVER_AREA(queue);
    ram_put16(driver, area + 4 + 2 * (uint64_t)(driver->available[queue] % driver->size[queue]), head);
    ram_put16(driver, area + 2, ++driver->available[queue]);
}

static inline void driver_notify(const struct driver *driver, unsigned queue)
{
    reg_put(driver, 0x050, queue);
}

/* Builds a chain of the parts in the descriptor table, makes it available; returns its head. */
static inline uint16_t driver_add(struct driver *driver, unsigned queue, const struct part *parts, unsigned count)
{
    uint16_t head = (uint16_t)(driver->free[queue] % driver->size[queue]);
    for (unsigned i = 0; i < count; i++) {
        uint16_t index = (uint16_t)(driver->free[queue]++ % driver->size[queue]);
        bool last = i + 1 == count;
        put_descriptor(driver, DESCRIPTORS(queue), index,
                       (struct ring_descriptor){
                           .address = RAM_BASE + parts[i].offset,
                           .size = parts[i].size,
                           .flags = (uint16_t)((parts[i].writable ? WRITE : 0) | (last ? 0 : NEXT)),
                           .next = (uint16_t)((index + 1) % driver->size[queue]),
                       });
    }
    driver_offer(driver, queue, head);
    return head;
}

static inline bool driver_has_used(const struct driver *driver, unsigned queue)
{
    return ram_get16(driver, DEVICE_AREA(queue) + 2) != driver->used[queue];
}

/* Waits for the next used entry, at most ten seconds; returns its length, sets *head if not NULL. */
static inline uint32_t driver_wait(struct driver *driver, unsigned queue, uint16_t *head)
{
    for (unsigned i = 0; i < 10000 && !driver_has_used(driver, queue); i++) {
        usleep(1000);
    }
    assert_true(driver_has_used(driver, queue));
    uint64_t entry = DEVICE_AREA(queue) + 4 + 8 * (uint64_t)(driver->used[queue]++ % driver->size[queue]);
    if (head != NULL) {
        *head = (uint16_t)ram_get32(driver, entry);
    }
    return ram_get32(driver, entry + 4);
}

static inline bool driver_needs_reset(const struct driver *driver)
{
    return (reg_get(driver, 0x070) & 64) != 0;
}

#endif
