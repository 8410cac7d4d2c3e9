/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: VIRTIO 1.2. */
#include "devices/virtio/virtqueue.h"

#include "memory/watch.h"

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

static bool may(const struct virtqueue *queue, uint64_t address, uint64_t size, enum memory_access access)
{
    return rights_permit(queue->memory, queue->level, gpa(address), size, access);
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
    if (!may(queue, state->descriptors, (uint64_t)state->size * sizeof(struct descriptor), MEMORY_READ) ||
        !may(queue, state->driver, driver_area_size(state), MEMORY_READ) ||
        !may(queue, state->device, device_area_size(state), MEMORY_WRITE)) {
        return "an area is not in RAM, or page rights refuse it";
    }
    return NULL;
}

/* The device writes an index and then looks at what the driver wrote; the driver does the same the other way round.
 * At least one must see the other's (sections 2.7.7.2, 2.7.13.4.1), so both accesses are sequentially consistent. */
static bool load16(const struct virtqueue *queue, uint64_t address, uint16_t *value)
{
    struct memory_pin pin;
    const uint16_t *word = rights_pin(queue->memory, queue->level, gpa(address), sizeof *word, MEMORY_READ, &pin);
    if (word == NULL) {
        return false;
    }
    *value = le16toh(__atomic_load_n(word, __ATOMIC_SEQ_CST));
    rights_unpin(queue->memory, &pin);
    return true;
}

static bool store16(const struct virtqueue *queue, uint64_t address, uint16_t value)
{
    struct memory_pin pin;
    uint16_t *word = rights_pin(queue->memory, queue->level, gpa(address), sizeof *word, MEMORY_WRITE, &pin);
    if (word == NULL) {
        return false;
    }
    __atomic_store_n(word, htole16(value), __ATOMIC_SEQ_CST);
    watch_written(queue->memory, word, sizeof *word);
    rights_unpin(queue->memory, &pin);
    return true;
}

static bool available_count(const struct virtqueue *queue, uint16_t *count)
{
    uint16_t index;
    bool seen = load16(queue, queue->state->driver + RING_INDEX, &index);
    *count = seen ? (uint16_t)(index - queue->state->available_next) : 0;
    return seen;
}

/* Asks to be notified of the next entry, then looks again: the driver may have added one just before it could see the
 * wish (section 2.7.10). */
static bool wait_for_more(const struct virtqueue *queue, uint16_t *count)
{
    if (!queue->event_index) {
        return true;
    }
    uint64_t offset = RING_ENTRIES + (uint64_t)queue->state->size * USED_ENTRY_SIZE;
    return store16(queue, queue->state->device + offset, queue->state->available_next) && available_count(queue, count);
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

/* Where the walk of a chain stands. */
struct walk {
    uint64_t table;       /* guest-physical */
    uint32_t table_count; /* descriptors */
    uint32_t index;
    bool indirect;
};

static bool fetch(const struct virtqueue *queue, const struct walk *walk, struct descriptor *descriptor)
{
    uint8_t bytes[sizeof(struct descriptor)];
    struct descriptor raw;
    gpa_t place = gpa(walk->table + walk->index * sizeof raw);
    struct memory_pin pin;
    const uint8_t *host = rights_pin(queue->memory, queue->level, place, sizeof raw, MEMORY_READ, &pin);
    if (host == NULL) {
        return false;
    }
    copy_from_guest(bytes, host, sizeof raw);
    rights_unpin(queue->memory, &pin);
    memcpy(&raw, bytes, sizeof raw);
    *descriptor = (struct descriptor){
        .address = le64toh(raw.address),
        .size = le32toh(raw.size),
        .flags = le16toh(raw.flags),
        .next = le16toh(raw.next),
    };
    return true;
}

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
    walk->table = descriptor->address;
    walk->table_count = descriptor->size / (uint32_t)sizeof(struct descriptor);
    walk->index = 0;
    walk->indirect = true;
    /* Rights are looked at where it is read: it may be as large as memory. */
    bool is_ram = memory_pointer(queue->memory, gpa(walk->table), descriptor->size, MEMORY_READ) != NULL;
    return is_ram ? NULL : "indirect table not in RAM";
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
    gpa_t place = gpa(descriptor->address);
    bool fits = descriptor->size <= VIRTQUEUE_SMALL_SIZE ||
                chain->readable_size + chain->writable_size + descriptor->size <= VIRTQUEUE_CHAIN_SIZE_MAX;
    void *host = !fits ? NULL
                       : rights_pin(queue->memory, queue->level, place, descriptor->size,
                                    writable ? MEMORY_WRITE : MEMORY_READ, &chain->pins[count]);
    if (host == NULL && memory_pointer(queue->memory, place, descriptor->size, MEMORY_READ) == NULL) {
        return "buffer not in RAM";
    }
    chain->refused |= host == NULL;
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
        .table = state->descriptors,
        .table_count = state->size,
        .index = chain->head,
    };
    for (;;) { /* every round adds a segment, of which there is room for state->size, or enters the one table */
        if (walk.index >= walk.table_count) {
            return "descriptor number out of range";
        }
        struct descriptor descriptor;
        if (!fetch(queue, &walk, &descriptor)) {
            return "descriptor may not be read";
        }
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

static void unpin(const struct virtqueue *queue, struct virtqueue_chain *chain)
{
    for (unsigned i = 0; i < chain->readable_count + chain->writable_count; i++) {
        if (chain->segments[i].iov_base != NULL) {
            if (i >= chain->readable_count) {
                watch_written(queue->memory, chain->segments[i].iov_base, chain->segments[i].iov_len);
            }
            rights_unpin(queue->memory, &chain->pins[i]);
        }
    }
}

/* The number of entries that wait; NULL or what is wrong. */
static const char *look(const struct virtqueue *queue, uint16_t *count)
{
    if (!available_count(queue, count) || (*count == 0 && !wait_for_more(queue, count))) {
        return "ring may not be used any more";
    }
    return *count > queue->state->size ? "available index ahead by more than the queue's size" : NULL;
}

static const char *take(const struct virtqueue *queue, struct virtqueue_chain *chain)
{
    const struct virtqueue_state *state = queue->state;
    uint64_t entry = RING_ENTRIES + (uint64_t)(state->available_next & (state->size - 1)) * AVAILABLE_ENTRY_SIZE;
    chain->readable_count = 0;
    chain->writable_count = 0;
    chain->readable_size = 0;
    chain->writable_size = 0;
    chain->refused = false;
    if (!load16(queue, state->driver + entry, &chain->head)) {
        return "ring may not be read any more";
    }
    const char *wrong = walk_chain(queue, chain);
    if (wrong != NULL) {
        unpin(queue, chain);
    }
    return wrong;
}

enum virtqueue_result virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain, const char **reason)
{
    uint16_t count = 0;
    *reason = look(queue, &count);
    if (*reason == NULL && count == 0) {
        return VIRTQUEUE_EMPTY;
    }
    if (*reason == NULL) {
        *reason = take(queue, chain);
    }
    if (*reason != NULL) {
        return VIRTQUEUE_BROKEN;
    }
    queue->state->available_next++;
    return VIRTQUEUE_CHAIN;
}

void virtqueue_unpop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
    unpin(queue, chain);
    queue->state->available_next--;
}

void virtqueue_drop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
    unpin(queue, chain);
}

bool virtqueue_push(struct virtqueue *queue, struct virtqueue_chain *chain, uint32_t written)
{
    struct virtqueue_state *state = queue->state;
    unpin(queue, chain); /* before the driver hears that the buffers are its own again */
    gpa_t place =
        gpa(state->device + RING_ENTRIES + (uint64_t)(state->used_next & (state->size - 1)) * USED_ENTRY_SIZE);
    struct memory_pin pin;
    uint32_t *entry = rights_pin(queue->memory, queue->level, place, USED_ENTRY_SIZE, MEMORY_WRITE, &pin);
    if (entry == NULL) {
        return false;
    }
    __atomic_store_n(&entry[0], htole32(chain->head), __ATOMIC_RELAXED);
    __atomic_store_n(&entry[1], htole32(written), __ATOMIC_RELAXED);
    watch_written(queue->memory, entry, USED_ENTRY_SIZE);
    rights_unpin(queue->memory, &pin);
    state->used_next++;
    return store16(queue, state->device + RING_INDEX, state->used_next);
}

/* A driver whose ring cannot be read is told rather too often than not. */
bool virtqueue_must_signal(struct virtqueue *queue)
{
    struct virtqueue_state *state = queue->state;
    if (!queue->event_index) {
        uint16_t flags;
        return !load16(queue, state->driver + RING_FLAGS, &flags) || (flags & AVAILABLE_NO_INTERRUPT) == 0;
    }
    uint64_t offset = RING_ENTRIES + (uint64_t)state->size * AVAILABLE_ENTRY_SIZE;
    uint16_t event;
    bool valid = load16(queue, state->driver + offset, &event) && state->used_signalled_valid != 0;
    uint16_t before = state->used_signalled;
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

/* Steps over the next contiguous piece, at most `size` bytes; returns its size, 0 at the end or where page rights end.
 */
static size_t next_piece(struct cursor *cursor, size_t size, uint8_t **place)
{
    while (cursor->left > 0 && cursor->offset >= cursor->segment->iov_len) {
        cursor->offset -= cursor->segment->iov_len;
        cursor->segment++;
        cursor->left--;
    }
    if (cursor->left == 0 || cursor->segment->iov_base == NULL) {
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
