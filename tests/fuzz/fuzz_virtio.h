/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile virtio driver for fuzz targets: the input is its program. It sets the device up (well or badly), fills
 * rings and buffers with what the input says, rings, resets, reads and writes registers in any order, while the back
 * end does what the target's own function says.
 *
 * RAM is small and rings, tables and buffers are all inside, so that random offsets hit something; descriptors may
 * also point anywhere.
 */
#ifndef RAVELIN_TESTS_FUZZ_VIRTIO_H
#define RAVELIN_TESTS_FUZZ_VIRTIO_H

#include "devices/virtio/virtio_mmio.h"

#include "core/check.h"
#include "fuzz_input.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_RAM_BASE UINT64_C(0x80000000)
#define FUZZ_RAM_SIZE UINT64_C(0x10000)

/* A guest that changes buffers a device works on is a data race by design, which ThreadSanitizer would report. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FUZZ_SETTLE true
#endif
#elif defined(__SANITIZE_THREAD__)
#define FUZZ_SETTLE true
#endif
#ifndef FUZZ_SETTLE
#define FUZZ_SETTLE false
#endif

struct fuzz_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

struct fuzz_machine {
    struct log log;
    struct memory *memory;
    uint8_t *ram;
    struct device *device;
    unsigned queue_count;
    void (*settle)(struct device *device); /* waits until the device's own threads are done; NULL: it has none */
    uint16_t available[VIRTIO_QUEUE_MAX];
    uint32_t size[VIRTIO_QUEUE_MAX];
};

static inline struct virtio_wiring fuzz_machine_init(struct fuzz_machine *machine)
{
    struct error error;
    machine->memory = memory_create(&machine->log);
    CHECK(memory_add_ram(machine->memory, gpa(FUZZ_RAM_BASE), FUZZ_RAM_SIZE, "ram", &error));
    machine->ram = memory_pointer(machine->memory, gpa(FUZZ_RAM_BASE), FUZZ_RAM_SIZE, MEMORY_WRITE);
    return (struct virtio_wiring){ .memory = machine->memory, .log = &machine->log };
}

static inline void fuzz_put(struct fuzz_machine *machine, uint64_t offset, unsigned size, uint64_t value)
{
    machine->device->ops->write(machine->device->self, offset, size, value);
}

static inline uint64_t fuzz_get(struct fuzz_machine *machine, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    machine->device->ops->read(machine->device->self, offset, size, &value);
    return value;
}

/* Queue n: descriptors at n * 0x4000, available ring + 0x1000, used ring + 0x2000, a table + 0x3000. */
static inline uint64_t fuzz_area(unsigned queue)
{
    return queue * UINT64_C(0x4000);
}

/* Setting up goes wrong, rarely, in one of these ways. */
enum fuzz_mistake {
    FUZZ_LEGACY = 1,
    FUZZ_UNKNOWN_FEATURE,
    FUZZ_ODD_SIZE,
    FUZZ_UNALIGNED,
    FUZZ_OUTSIDE,
    FUZZ_EARLY,
};

static inline void fuzz_start(struct fuzz_machine *machine, struct fuzz_input *input)
{
    fuzz_put(machine, 0x070, 4, 0);
    fuzz_put(machine, 0x070, 4, 3);
    uint32_t low = (uint32_t)fuzz_get(machine, 0x010, 4);
    uint64_t drop = fuzz_take(input, 1); /* features not wanted: mostly none */
    uint64_t mistake = fuzz_take(input, 1);
    if (mistake == FUZZ_EARLY) {
        fuzz_put(machine, 0x070, 4, 15);
    }
    fuzz_put(machine, 0x024, 4, 0);
    fuzz_put(machine, 0x020, 4, low & ~(uint32_t)(drop << 28 | drop << 9));
    fuzz_put(machine, 0x024, 4, 1);
    fuzz_put(machine, 0x020, 4, mistake == FUZZ_LEGACY ? 0 : mistake == FUZZ_UNKNOWN_FEATURE ? 3 : 1);
    fuzz_put(machine, 0x070, 4, 11);
    for (unsigned queue = 0; queue < machine->queue_count; queue++) {
        uint32_t size = UINT32_C(1) << (fuzz_take(input, 1) % 9);
        uint64_t shift = mistake == FUZZ_UNALIGNED ? 1 : mistake == FUZZ_OUTSIDE ? FUZZ_RAM_SIZE - 0x2010 : 0;
        memset(machine->ram + fuzz_area(queue) + 0x1000, 0, 0x2000);
        fuzz_put(machine, 0x030, 4, queue);
        fuzz_put(machine, 0x038, 4, mistake == FUZZ_ODD_SIZE ? size + 2 : size);
        fuzz_put(machine, 0x080, 4, FUZZ_RAM_BASE + fuzz_area(queue));
        fuzz_put(machine, 0x090, 4, FUZZ_RAM_BASE + fuzz_area(queue) + 0x1000);
        fuzz_put(machine, 0x0a0, 4, FUZZ_RAM_BASE + fuzz_area(queue) + 0x2000 + shift);
        fuzz_put(machine, 0x044, 4, 1);
        machine->available[queue] = 0;
        machine->size[queue] = size;
    }
    fuzz_put(machine, 0x070, 4, 15);
}

static inline void fuzz_write_ram(struct fuzz_machine *machine, struct fuzz_input *input)
{
    uint64_t offset = fuzz_take(input, 2);
    for (uint64_t left = fuzz_take(input, 1) % 64; left > 0 && offset < FUZZ_RAM_SIZE; left--) {
        machine->ram[offset++] = (uint8_t)fuzz_take(input, 1);
    }
}

/* A descriptor that is mostly right: what gets through the first checks reaches the later ones. */
static inline void fuzz_write_descriptor(struct fuzz_machine *machine, struct fuzz_input *input)
{
    uint64_t form = fuzz_take(input, 1);
    unsigned queue = form & 1 && machine->queue_count > 1 ? 1 : 0;
    uint64_t table = fuzz_area(queue) + ((form & 2) != 0 ? 0x3000 : 0);
    uint64_t place = table + 16 * (fuzz_take(input, 1) % ((form & 4) != 0 ? 256 : 8));
    uint64_t address = (form & 0x38) == 0x38 ? fuzz_take(input, 8) : FUZZ_RAM_BASE + fuzz_take(input, 2);
    if ((form & 0x38) == 0x30) { /* refer to the indirect table */
        address = FUZZ_RAM_BASE + fuzz_area(queue) + 0x3000;
    }
    uint32_t size = (uint32_t)fuzz_take(input, (form & 0xc0) == 0xc0 ? 4 : 1);
    if ((form & 0xc0) == 0x80) {
        size *= 16; /* whole descriptors, whole sectors … */
    }
    uint16_t flags = (uint16_t)(fuzz_take(input, 1) & ((form & 0x38) == 0x30 ? 7 : 3));
    if ((form & 0x38) == 0x30) {
        flags |= 4;
    }
    uint16_t next = (uint16_t)fuzz_take(input, 1);
    const struct fuzz_descriptor descriptor = { address, size, flags, next };
    memcpy(machine->ram + place, &descriptor, sizeof descriptor);
}

static inline void fuzz_store16(struct fuzz_machine *machine, uint64_t offset, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)(machine->ram + offset), value, __ATOMIC_RELEASE);
}

static inline void fuzz_offer_head(struct fuzz_machine *machine, unsigned queue, uint16_t head)
{
    uint64_t ring = fuzz_area(queue) + 0x1000;
    uint32_t mask = machine->size[queue] - 1;
    fuzz_store16(machine, ring + 4 + 2 * (uint64_t)(machine->available[queue] & mask), head);
    fuzz_store16(machine, ring + 2, ++machine->available[queue]);
    fuzz_put(machine, 0x050, 4, queue);
}

static inline void fuzz_offer(struct fuzz_machine *machine, struct fuzz_input *input)
{
    unsigned queue = (unsigned)fuzz_take(input, 1) % machine->queue_count;
    fuzz_offer_head(machine, queue, (uint16_t)fuzz_take(input, 1));
}

static inline unsigned fuzz_access_size(struct fuzz_input *input)
{
    return 1u << (fuzz_take(input, 1) % 4);
}

static inline void fuzz_access_register(struct fuzz_machine *machine, struct fuzz_input *input, bool write)
{
    unsigned size = fuzz_access_size(input);
    uint64_t offset = fuzz_take(input, 2) % ((size & 1) != 0 ? VIRTIO_MMIO_SIZE : 0x160) & ~(uint64_t)(size - 1);
    if (write) {
        fuzz_put(machine, offset, size, fuzz_take(input, size));
    } else {
        fuzz_get(machine, offset, size);
    }
}

/* Runs the program. `backend` does something on the other side of the device; may be NULL. */
static inline void fuzz_run(struct fuzz_machine *machine, const uint8_t *data, size_t size,
                            void (*backend)(struct fuzz_machine *machine, struct fuzz_input *input))
{
    struct fuzz_input input = { data, size };
    for (unsigned queue = 0; queue < VIRTIO_QUEUE_MAX; queue++) {
        machine->size[queue] = 1;
        machine->available[queue] = 0;
    }
    fuzz_start(machine, &input);
    while (input.left > 0) {
        if (FUZZ_SETTLE && machine->settle != NULL) {
            machine->settle(machine->device);
        }
        switch (fuzz_take(&input, 1) % 16) {
        case 0:
        case 1: fuzz_write_ram(machine, &input); break;
        case 2:
        case 3:
        case 4:
        case 5:
        case 6: fuzz_write_descriptor(machine, &input); break;
        case 7:
        case 8:
        case 9:
        case 10: fuzz_offer(machine, &input); break;
        case 11: fuzz_access_register(machine, &input, true); break;
        case 12: fuzz_access_register(machine, &input, false); break;
        case 13: fuzz_start(machine, &input); break;
        default:
            if (backend != NULL) {
                backend(machine, &input);
            }
            break;
        }
    }
    machine->device->reset(machine->device->self);
    if (machine->settle != NULL) {
        machine->settle(machine->device);
    }
    CHECK(fuzz_get(machine, 0x070, 4) == 0);
    memset(machine->ram, 0, FUZZ_RAM_SIZE);
}

#endif
