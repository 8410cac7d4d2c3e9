/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: VIRTIO 1.2. */
#include "devices/virtio/virtqueue.h"

#include <endian.h>
#include <string.h>

/* Descriptor flags, section 2.7.5. */
enum {
    DESC_NEXT = 1,
    DESC_WRITE = 2,
    DESC_INDIRECT = 4,
};

/* Available ring flag, section 2.7.6. */
enum { AVAILABLE_NO_INTERRUPT = 1 };

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

/* Offsets inside the available and the used ring (sections 2.7.6, 2.7.8); each ends with an event index. */
enum {
    RING_FLAGS = 0,
    RING_INDEX = 2,
    RING_ENTRIES = 4,
    AVAILABLE_ENTRY_SIZE = 2,
    USED_ENTRY_SIZE = 8,
    EVENT_SIZE = 2,
};

static uint64_t driver_area_size(const struct virtqueue_state *state)
{
    return RING_ENTRIES + (uint64_t)state->size * AVAILABLE_ENTRY_SIZE + EVENT_SIZE;
}

static uint64_t device_area_size(const struct virtqueue_state *state)
{
    return RING_ENTRIES + (uint64_t)state->size * USED_ENTRY_SIZE + EVENT_SIZE;
}

const char *virtqueue_check(const struct virtqueue *queue)
{
    const struct virtqueue_state *state = queue->state;
    if (state->size == 0 || state->size > VIRTQUEUE_SIZE_MAX || (state->size & (state->size - 1)) != 0) {
        return "its size is not a power of two in range";
    }
    if (state->descriptors % 16 != 0 || state->driver % 2 != 0 || state->device % 4 != 0) {
        return "an area is not aligned (section 2.7)";
    }
    if (memory_pointer(queue->memory, gpa(state->descriptors), (uint64_t)state->size * sizeof(struct descriptor),
                       MEMORY_READ) == NULL ||
        memory_pointer(queue->memory, gpa(state->driver), driver_area_size(state), MEMORY_READ) == NULL ||
        memory_pointer(queue->memory, gpa(state->device), device_area_size(state), MEMORY_WRITE) == NULL) {
        return "an area is not in RAM";
    }
    return NULL;
}

/* Areas were checked when the queue was made ready and RAM never goes away, so none of these pointers is NULL. */
static const uint8_t *driver_area(const struct virtqueue *queue)
{
    return memory_pointer(queue->memory, gpa(queue->state->driver), driver_area_size(queue->state), MEMORY_READ);
}

static uint8_t *device_area(const struct virtqueue *queue, uint64_t offset, uint64_t size)
{
    return memory_pointer(queue->memory, gpa(queue->state->device + offset), size, MEMORY_WRITE);
}

/* The device writes an index and then looks at what the driver wrote; the driver does the same the other way round.
 * At least one must see the other's (sections 2.7.7.2, 2.7.13.4.1), so both accesses are sequentially consistent. */
static uint16_t load16(const uint8_t *place)
{
    const uint16_t *word = (const void *)place;
    return le16toh(__atomic_load_n(word, __ATOMIC_SEQ_CST));
}

static void store16(uint8_t *place, uint16_t value)
{
    uint16_t *word = (void *)place;
    __atomic_store_n(word, htole16(value), __ATOMIC_SEQ_CST);
}

static uint16_t available_count(const struct virtqueue *queue)
{
    uint16_t index = load16(driver_area(queue) + RING_INDEX);
    return (uint16_t)(index - queue->state->available_next);
}

/* Asks to be notified of the next entry, then looks again: the driver may have added one just before it could see the
 * wish (section 2.7.10). */
static uint16_t wait_for_more(const struct virtqueue *queue)
{
    if (queue->event_index) {
        uint64_t offset = RING_ENTRIES + (uint64_t)queue->state->size * USED_ENTRY_SIZE;
        store16(device_area(queue, offset, EVENT_SIZE), queue->state->available_next);
        return available_count(queue);
    }
    return 0;
}

/*
 * Copies between guest memory and ours. Guest memory is written by vCPUs meanwhile, so each access to it is a relaxed
 * atomic one: the compiler reads a place once and what was copied is looked at only in our copy. Not torn are aligned
 * words, which is more than a guest may expect of a device.
 */
static size_t bytes_to_boundary(const uint8_t *guest, size_t size)
{
    size_t head = -(uintptr_t)guest % sizeof(uint64_t);
    return head < size ? head : size;
}

static void copy_from_guest(uint8_t *to, const uint8_t *guest, size_t size)
{
    size_t i = 0;
    for (size_t head = bytes_to_boundary(guest, size); i < head; i++) {
        to[i] = __atomic_load_n(guest + i, __ATOMIC_RELAXED);
    }
    for (; size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word = __atomic_load_n((const uint64_t *)(const void *)(guest + i), __ATOMIC_RELAXED);
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < size; i++) {
        to[i] = __atomic_load_n(guest + i, __ATOMIC_RELAXED);
    }
}

static void copy_to_guest(uint8_t *guest, const uint8_t *from, size_t size)
{
    size_t i = 0;
    for (size_t head = bytes_to_boundary(guest, size); i < head; i++) {
        __atomic_store_n(guest + i, from[i], __ATOMIC_RELAXED);
    }
    for (; size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, from + i, sizeof word);
        __atomic_store_n((uint64_t *)(void *)(guest + i), word, __ATOMIC_RELAXED);
    }
    for (; i < size; i++) {
        __atomic_store_n(guest + i, from[i], __ATOMIC_RELAXED);
    }
}

static struct descriptor fetch(const uint8_t *table, unsigned index)
{
    uint8_t bytes[sizeof(struct descriptor)];
    struct descriptor raw;
    copy_from_guest(bytes, table + index * sizeof raw, sizeof raw);
    memcpy(&raw, bytes, sizeof raw);
    return (struct descriptor){
        .address = le64toh(raw.address),
        .size = le32toh(raw.size),
        .flags = le16toh(raw.flags),
        .next = le16toh(raw.next),
    };
}

/* Where the walk of a chain stands. */
struct walk {
    const uint8_t *table;
    uint32_t table_count; /* descriptors */
    uint32_t index;
    bool indirect;
};

/* Section 2.7.5.3. NULL or what is wrong. */
static const char *enter_indirect(const struct virtqueue *queue, struct walk *walk, const struct descriptor *descriptor)
{
    if (!queue->indirect) {
        return "indirect descriptor without the feature";
    }
    if (walk->indirect) {
        return "indirect descriptor inside an indirect table";
    }
    if ((descriptor->flags & DESC_NEXT) != 0) {
        return "indirect descriptor with a next one";
    }
    if (descriptor->size == 0 || descriptor->size % sizeof(struct descriptor) != 0) {
        return "indirect table of a wrong size";
    }
    walk->table = memory_pointer(queue->memory, gpa(descriptor->address), descriptor->size, MEMORY_READ);
    walk->table_count = descriptor->size / (uint32_t)sizeof(struct descriptor);
    walk->index = 0;
    walk->indirect = true;
    return walk->table == NULL ? "indirect table not in RAM" : NULL;
}

static const char *add_segment(const struct virtqueue *queue, struct virtqueue_chain *chain,
                               const struct descriptor *descriptor)
{
    bool writable = (descriptor->flags & DESC_WRITE) != 0;
    unsigned count = chain->readable_count + chain->writable_count;
    if (count == queue->state->size) {
        return "chain longer than the queue, or a loop"; /* section 2.7.5.2 */
    }
    if (descriptor->size == 0) {
        return "buffer of size 0";
    }
    if (!writable && chain->writable_count != 0) {
        return "readable buffer after a writable one"; /* section 2.7.4.2 */
    }
    void *host = memory_pointer(queue->memory, gpa(descriptor->address), descriptor->size,
                                writable ? MEMORY_WRITE : MEMORY_READ);
    if (host == NULL) {
        return "buffer not in RAM";
    }
    chain->segments[count] = (struct iovec){ .iov_base = host, .iov_len = descriptor->size };
    if (writable) {
        chain->writable_count++;
        chain->writable_size += descriptor->size;
    } else {
        chain->readable_count++;
        chain->readable_size += descriptor->size;
    }
    return NULL;
}

static const char *walk_chain(const struct virtqueue *queue, struct virtqueue_chain *chain)
{
    const struct virtqueue_state *state = queue->state;
    struct walk walk = {
        .table = memory_pointer(queue->memory, gpa(state->descriptors),
                                (uint64_t)state->size * sizeof(struct descriptor), MEMORY_READ),
        .table_count = state->size,
        .index = chain->head,
    };
    for (;;) { /* every round adds a segment, of which there is room for state->size, or enters the one table */
        if (walk.index >= walk.table_count) {
            return "descriptor number out of range";
        }
        struct descriptor descriptor = fetch(walk.table, walk.index);
        bool indirect = (descriptor.flags & DESC_INDIRECT) != 0;
        const char *wrong =
            indirect ? enter_indirect(queue, &walk, &descriptor) : add_segment(queue, chain, &descriptor);
        if (wrong != NULL) {
            return wrong;
        }
        if (!indirect && (descriptor.flags & DESC_NEXT) == 0) {
            return NULL;
        }
        if (!indirect) {
            walk.index = descriptor.next;
        }
    }
}

enum virtqueue_result virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain, const char **reason)
{
    struct virtqueue_state *state = queue->state;
    uint16_t count = available_count(queue);
    if (count == 0) {
        count = wait_for_more(queue);
    }
    if (count == 0) {
        return VIRTQUEUE_EMPTY;
    }
    if (count > state->size) {
        *reason = "available index ahead by more than the queue's size";
        return VIRTQUEUE_BROKEN;
    }
    uint64_t entry = RING_ENTRIES + (uint64_t)(state->available_next & (state->size - 1)) * AVAILABLE_ENTRY_SIZE;
    chain->head = load16(driver_area(queue) + entry);
    chain->readable_count = 0;
    chain->writable_count = 0;
    chain->readable_size = 0;
    chain->writable_size = 0;
    *reason = walk_chain(queue, chain);
    if (*reason != NULL) {
        return VIRTQUEUE_BROKEN;
    }
    state->available_next++;
    return VIRTQUEUE_CHAIN;
}

void virtqueue_unpop(struct virtqueue *queue)
{
    queue->state->available_next--;
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
    struct virtqueue_state *state = queue->state;
    uint64_t offset = RING_ENTRIES + (uint64_t)(state->used_next & (state->size - 1)) * USED_ENTRY_SIZE;
    uint32_t *entry = (void *)device_area(queue, offset, USED_ENTRY_SIZE);
    __atomic_store_n(&entry[0], htole32(head), __ATOMIC_RELAXED);
    __atomic_store_n(&entry[1], htole32(written), __ATOMIC_RELAXED);
    state->used_next++;
    store16(device_area(queue, RING_INDEX, sizeof state->used_next), state->used_next);
}

bool virtqueue_must_signal(struct virtqueue *queue)
{
    struct virtqueue_state *state = queue->state;
    if (!queue->event_index) {
        return (load16(driver_area(queue) + RING_FLAGS) & AVAILABLE_NO_INTERRUPT) == 0;
    }
    uint64_t offset = RING_ENTRIES + (uint64_t)state->size * AVAILABLE_ENTRY_SIZE;
    uint16_t event = load16(driver_area(queue) + offset);
    uint16_t before = state->used_signalled;
    bool valid = state->used_signalled_valid != 0;
    state->used_signalled = state->used_next;
    state->used_signalled_valid = 1;
    /* Was entry number `event` among those used since? Modulo 2^16. */
    return !valid || (uint16_t)(state->used_next - event - 1) < (uint16_t)(state->used_next - before);
}

/* A place in a run of segments. */
struct cursor {
    const struct iovec *segment;
    unsigned left;   /* segments, this one included */
    uint64_t offset; /* bytes into this one; may lie beyond it */
};

/* Steps over the next contiguous piece, at most `size` bytes; returns its size, 0 at the end. */
static size_t next_piece(struct cursor *cursor, size_t size, uint8_t **place)
{
    while (cursor->left > 0 && cursor->offset >= cursor->segment->iov_len) {
        cursor->offset -= cursor->segment->iov_len;
        cursor->segment++;
        cursor->left--;
    }
    if (cursor->left == 0) {
        return 0;
    }
    size_t rest = cursor->segment->iov_len - (size_t)cursor->offset;
    size_t piece = rest < size ? rest : size;
    *place = (uint8_t *)cursor->segment->iov_base + cursor->offset;
    cursor->offset += piece;
    return piece;
}

size_t virtqueue_read(const struct virtqueue_chain *chain, uint64_t offset, void *buffer, size_t size)
{
    struct cursor cursor = { chain->segments, chain->readable_count, offset };
    uint8_t *to = buffer;
    uint8_t *guest;
    size_t done = 0;
    for (size_t piece; done < size && (piece = next_piece(&cursor, size - done, &guest)) != 0; done += piece) {
        copy_from_guest(to + done, guest, piece);
    }
    return done;
}

size_t virtqueue_write(const struct virtqueue_chain *chain, uint64_t offset, const void *buffer, size_t size)
{
    struct cursor cursor = { chain->segments + chain->readable_count, chain->writable_count, offset };
    const uint8_t *from = buffer;
    uint8_t *guest;
    size_t done = 0;
    for (size_t piece; done < size && (piece = next_piece(&cursor, size - done, &guest)) != 0; done += piece) {
        copy_to_guest(guest, from + done, piece);
    }
    return done;
}
