/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory.h"

#include "core/check.h"
#include "core/huge_pages.h"
#include "memory/attributes.h"
#include "memory/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a search needs of a slot, side by side. */
struct slot_key {
    uint64_t first, last; /* addresses */
    struct memory_slot *slot;
};

struct memory {
    struct log *log;
    struct rights *rights;
    struct watch *watch; /* NULL: a private view */
    size_t slot_count;
    struct slot_key *slots; /* sorted, disjoint; replaced whole when a slot is added */
    bool overcommits;
};

struct memory *memory_create(struct log *log)
{
    struct memory *memory = check_alloc(sizeof *memory);
    memory->log = log;
    memory->watch = watch_create();
    return memory;
}

struct watch *memory_watch(const struct memory *memory)
{
    return memory->watch;
}

struct log *memory_log(const struct memory *memory)
{
    return memory->log;
}

const struct memory_slot *memory_slot_at(const struct memory *memory, size_t number)
{
    return number < memory->slot_count ? memory->slots[number].slot : NULL;
}

struct rights *memory_rights(const struct memory *memory)
{
    return memory->rights;
}

void memory_set_rights(struct memory *memory, struct rights *rights)
{
    memory->rights = rights;
}

/* ---- RAM -------------------------------------------------------------------------------------------------------- */

static uint64_t page_count(const struct memory_slot *slot)
{
    return slot->size >> PAGE_SHIFT;
}

static size_t dirty_size(const struct memory_slot *slot)
{
    return (page_count(slot) + 63) / 64 * sizeof *slot->dirty;
}

static size_t attributes_size(const struct memory_slot *slot)
{
    return sizeof *slot->attributes + page_count(slot) * sizeof slot->attributes->words[0];
}

static void unmap(volatile void *start, size_t size)
{
    CHECK(munmap((void *)(uintptr_t)start, size) == 0);
}

static void slot_destroy(struct memory_slot *slot)
{
    if (slot->host != NULL) {
        unmap(slot->host, slot->size);
    }
    if (slot->memfd >= 0) {
        close(slot->memfd);
    }
    if (slot->dirty != NULL) {
        unmap(slot->dirty, dirty_size(slot));
    }
    if (slot->watched != NULL) {
        unmap(slot->watched, dirty_size(slot));
    }
    if (slot->attributes != NULL && !slot->borrows_attributes) {
        unmap(slot->attributes, attributes_size(slot));
    }
    free(slot);
}

void memory_destroy(struct memory *memory)
{
    if (memory == NULL) {
        return;
    }
    for (size_t i = 0; i < memory->slot_count; i++) {
        slot_destroy(memory->slots[i].slot);
    }
    free(memory->slots);
    watch_destroy(memory->watch);
    free(memory);
}

/* Zeroed memory that costs nothing until it is touched. NULL: no address space left. */
static void *map_lazy(size_t size)
{
    CHECK(size > 0);
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start != MAP_FAILED ? start : NULL;
}

/* Maps the whole file where huge pages of host and guest fall together. NULL: errno tells. */
static uint8_t *map_file(int file, uint64_t size, uint64_t guest_base, int kind)
{
    uint8_t *room = huge_reserve(size, guest_base);
    if (room == NULL) {
        return NULL;
    }
    uint8_t *host = mmap(room, size, PROT_READ | PROT_WRITE, kind | MAP_FIXED | MAP_NORESERVE, file, 0);
    if (host == MAP_FAILED) {
        int failure = errno;
        unmap(room, size);
        errno = failure;
        return NULL;
    }
    return host;
}

static bool ram_map(struct memory_slot *slot, struct error *error)
{
    slot->memfd = memfd_create(slot->name, MFD_CLOEXEC);
    if (slot->memfd < 0) {
        return error_set_errno(error, errno, "cannot create guest memory; raise the limit on open files (ulimit -n)");
    }
    errno = EFBIG;
    if (slot->size > INT64_MAX - HUGE_PAGE_SIZE || ftruncate(slot->memfd, (off_t)slot->size) != 0) {
        return error_set_errno(error, errno, "the host cannot give %" PRIu64 " MiB of guest memory; ask for less",
                               slot->size >> 20);
    }
    slot->host = map_file(slot->memfd, slot->size, slot->base.bits, MAP_SHARED);
    slot->dirty = map_lazy(dirty_size(slot));
    slot->watched = map_lazy(dirty_size(slot));
    slot->attributes = map_lazy(attributes_size(slot));
    if (slot->host == NULL || slot->dirty == NULL || slot->watched == NULL || slot->attributes == NULL) {
        return error_set(error, "the host has no room to map %" PRIu64 " MiB of guest memory; ask for less",
                         slot->size >> 20);
    }
    (void)madvise(slot->host, slot->size, MADV_HUGEPAGE); /* advice only: refused where the host has no huge pages */
    return true;
}

/* Pages are taken from the host when the guest first touches them: too late for a message. So the least that can be
 * said now is said now. */
static bool host_has(uint64_t size, struct error *error)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_size <= 0 || size <= (uint64_t)pages * (uint64_t)page_size) {
        return true;
    }
    return error_set(error, "the host has %" PRIu64 " MiB of memory, the guest wants %" PRIu64 " MiB; ask for less",
                     (uint64_t)pages * (uint64_t)page_size >> 20, size >> 20);
}

/* ---- Slots ------------------------------------------------------------------------------------------------------ */

/* How many slots begin at or below the address. */
static size_t slots_up_to(const struct memory *memory, uint64_t address)
{
    size_t low = 0;
    size_t high = memory->slot_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memory->slots[middle].first <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct slot_key *key_of(const struct memory *memory, uint64_t address)
{
    size_t count = slots_up_to(memory, address);
    return count > 0 && memory->slots[count - 1].last >= address ? &memory->slots[count - 1] : NULL;
}

const struct memory_slot *memory_find(const struct memory *memory, gpa_t address)
{
    const struct slot_key *key = key_of(memory, address.bits);
    return key != NULL ? key->slot : NULL;
}

static bool place_is_free(const struct memory *memory, gpa_t base, uint64_t size, const char *name, struct error *error)
{
    uint64_t last = base.bits + (size - 1);
    if (size == 0 || last < base.bits) {
        return error_set(error, "%s: a size of %#" PRIx64 " bytes at %#" PRIx64 " is not possible; correct the size",
                         name, size, base.bits);
    }
    size_t count = slots_up_to(memory, last);
    if (count > 0 && memory->slots[count - 1].last >= base.bits) {
        const struct slot_key *other = &memory->slots[count - 1];
        return error_set(error,
                         "%s at %#" PRIx64 "-%#" PRIx64 " overlaps %s at %#" PRIx64 "-%#" PRIx64 "; move one of them",
                         name, base.bits, last, other->slot->name, other->first, other->last);
    }
    return true;
}

static void insert(struct memory *memory, struct memory_slot *slot)
{
    size_t before = slots_up_to(memory, slot->base.bits);
    size_t after = memory->slot_count - before;
    struct slot_key *slots = check_alloc((memory->slot_count + 1) * sizeof *slots);
    if (memory->slot_count > 0) {
        memcpy(slots, memory->slots, before * sizeof *slots);
        memcpy(slots + before + 1, memory->slots + before, after * sizeof *slots);
    }
    slots[before] = (struct slot_key){ slot->base.bits, slot->base.bits + (slot->size - 1), slot };
    free(memory->slots);
    memory->slots = slots;
    memory->slot_count++;
}

static struct memory_slot *slot_create(gpa_t base, uint64_t size, const char *name)
{
    struct memory_slot *slot = check_alloc(sizeof *slot);
    slot->base = base;
    slot->size = size;
    slot->memfd = -1;
    slot->name = name;
    return slot;
}

void memory_allow_overcommit(struct memory *memory)
{
    memory->overcommits = true;
}

bool memory_add_ram(struct memory *memory, gpa_t base, uint64_t size, const char *name, struct error *error)
{
    if (((base.bits | size) & PAGE_MASK) != 0) {
        return error_set(error, "%s: memory must begin and end at multiples of 4 KiB; round its size", name);
    }
    if (!place_is_free(memory, base, size, name, error) || (!memory->overcommits && !host_has(size, error))) {
        return false;
    }
    struct memory_slot *slot = slot_create(base, size, name);
    slot->watch = memory->watch;
    if (!ram_map(slot, error)) {
        slot_destroy(slot);
        return false;
    }
    insert(memory, slot);
    return true;
}

bool memory_add_device(struct memory *memory, gpa_t base, uint64_t size, const struct memory_device_ops *ops,
                       void *device, const char *name, struct error *error)
{
    CHECK(ops != NULL && ops->read != NULL && ops->write != NULL);
    if (!place_is_free(memory, base, size, name, error)) {
        return false;
    }
    struct memory_slot *slot = slot_create(base, size, name);
    slot->ops = ops;
    slot->device = device;
    insert(memory, slot);
    return true;
}

/* ---- Private views ---------------------------------------------------------------------------------------------- */

static bool private_map(struct memory_slot *slot, const struct memory_slot *original, struct error *error)
{
    slot->host = map_file(original->memfd, slot->size, slot->base.bits, MAP_PRIVATE);
    slot->dirty = map_lazy(dirty_size(slot));
    slot->attributes = original->attributes;
    slot->borrows_attributes = true;
    if (slot->host == NULL || slot->dirty == NULL) {
        return error_set(error, "the host has no room to map guest memory a second time; give the guest less");
    }
    return true;
}

struct memory *memory_create_private(const struct memory *original, const struct memory_device_ops *ops, void *device,
                                     struct error *error)
{
    struct memory *memory = memory_create(original->log);
    watch_destroy(memory->watch);
    memory->watch = NULL;
    for (size_t i = 0; i < original->slot_count; i++) {
        const struct memory_slot *other = original->slots[i].slot;
        struct memory_slot *slot = slot_create(other->base, other->size, other->name);
        slot->ops = other->host == NULL ? ops : NULL;
        slot->device = other->host == NULL ? device : NULL;
        if (other->host != NULL && !private_map(slot, other, error)) {
            slot_destroy(slot);
            memory_destroy(memory);
            return NULL;
        }
        insert(memory, slot);
    }
    return memory;
}

static void forget_word(const struct memory_slot *slot, uint64_t word,
                        void (*seen)(void *context, gpa_t address, const uint8_t *private_page), void *context)
{
    uint64_t bits = atomic_exchange_explicit(&slot->dirty[word], 0, memory_order_relaxed);
    for (; bits != 0; bits &= bits - 1) {
        uint64_t offset = (word * 64 + (uint64_t)__builtin_ctzll(bits)) << PAGE_SHIFT;
        seen(context, gpa(slot->base.bits + offset), slot->host + offset);
        CHECK(madvise(slot->host + offset, PAGE_SIZE, MADV_DONTNEED) == 0);
    }
}

void memory_forget_private(struct memory *memory,
                           void (*seen)(void *context, gpa_t address, const uint8_t *private_page), void *context)
{
    for (size_t i = 0; i < memory->slot_count; i++) {
        const struct memory_slot *slot = memory->slots[i].slot;
        for (uint64_t word = 0; slot->host != NULL && word < dirty_size(slot) / sizeof *slot->dirty; word++) {
            if (atomic_load_explicit(&slot->dirty[word], memory_order_relaxed) != 0) {
                forget_word(slot, word, seen, context);
            }
        }
    }
}

/* ---- Access ----------------------------------------------------------------------------------------------------- */

void memory_mark_dirty(const struct memory_slot *slot, gpa_t address)
{
    uint64_t page = (address.bits - slot->base.bits) >> PAGE_SHIFT;
    _Atomic uint64_t *word = &slot->dirty[page / 64];
    uint64_t bit = UINT64_C(1) << (page % 64);
    /* Sequentially consistent, so that a collector that clears the bit after this look also sees what is written
     * after this look, or makes the writer look again. */
    if ((atomic_load(word) & bit) == 0) {
        atomic_fetch_or(word, bit);
    }
    if (slot->watched != NULL && (atomic_load(&slot->watched[page / 64]) & bit) != 0) {
        watch_note(slot, page);
    }
}

static void mark_range(const struct memory_slot *slot, uint64_t address, uint64_t size)
{
    uint64_t last = address + (size - 1);
    for (uint64_t page = address & ~PAGE_MASK;; page += PAGE_SIZE) {
        memory_mark_dirty(slot, gpa(page));
        if (last - page < PAGE_SIZE) {
            break;
        }
    }
}

void *memory_pointer(const struct memory *memory, gpa_t address, uint64_t size, enum memory_access access)
{
    const struct slot_key *key = key_of(memory, address.bits);
    if (key == NULL || key->slot->host == NULL || size == 0 || size - 1 > key->last - address.bits) {
        return NULL;
    }
    if ((access & MEMORY_WRITE) != 0) {
        mark_range(key->slot, address.bits, size);
    }
    return key->slot->host + (address.bits - key->first);
}

/* How many of `size` bytes from here lie in one RAM slot; 0: not RAM. */
static uint64_t ram_ahead(const struct memory *memory, uint64_t address, uint64_t size)
{
    const struct slot_key *key = key_of(memory, address);
    if (key == NULL || key->slot->host == NULL) {
        return 0;
    }
    return size - 1 > key->last - address ? key->last - address + 1 : size;
}

/* A range may span RAM slots that touch each other. */
static bool is_ram(const struct memory *memory, uint64_t address, uint64_t size)
{
    if (size > 0 && address + (size - 1) < address) {
        return false;
    }
    while (size > 0) {
        uint64_t part = ram_ahead(memory, address, size);
        if (part == 0) {
            return false;
        }
        address += part;
        size -= part;
    }
    return true;
}

bool memory_read(const struct memory *memory, gpa_t address, void *buffer, size_t size)
{
    if (!is_ram(memory, address.bits, size)) {
        return false;
    }
    uint8_t *to = buffer;
    while (size > 0) {
        size_t part = ram_ahead(memory, address.bits, size);
        memcpy(to, memory_pointer(memory, address, part, MEMORY_READ), part);
        to += part;
        address.bits += part;
        size -= part;
    }
    return true;
}

bool memory_write(const struct memory *memory, gpa_t address, const void *buffer, size_t size)
{
    if (!is_ram(memory, address.bits, size)) {
        return false;
    }
    const uint8_t *from = buffer;
    while (size > 0) {
        size_t part = ram_ahead(memory, address.bits, size);
        void *to = memory_pointer(memory, address, part, MEMORY_WRITE);
        memcpy(to, from, part);
        watch_written(memory, to, part);
        from += part;
        address.bits += part;
        size -= part;
    }
    return true;
}

/* A register access that the slot's device may see: inside the window and naturally aligned. */
static bool device_takes(const struct memory_slot *slot, uint64_t offset, unsigned size)
{
    bool size_is_good = size == 1 || size == 2 || size == 4 || size == 8;
    return slot->ops != NULL && size_is_good && offset % size == 0 && offset < slot->size &&
           size <= slot->size - offset;
}

bool memory_device_read(const struct memory_slot *slot, gpa_t address, unsigned size, uint64_t *value)
{
    uint64_t offset = address.bits - slot->base.bits;
    if (!device_takes(slot, offset, size) || !slot->ops->read(slot->device, offset, size, value)) {
        return false;
    }
    *value &= UINT64_MAX >> (64 - 8 * size);
    return true;
}

bool memory_device_write(const struct memory_slot *slot, gpa_t address, unsigned size, uint64_t value)
{
    uint64_t offset = address.bits - slot->base.bits;
    return device_takes(slot, offset, size) &&
           slot->ops->write(slot->device, offset, size, value & UINT64_MAX >> (64 - 8 * size));
}

/* ---- Dirty pages ------------------------------------------------------------------------------------------------ */

/* Takes and clears up to 64 dirty bits from page number `page` on. */
static uint64_t take_bits(const struct memory_slot *slot, uint64_t page, uint64_t count)
{
    uint64_t wanted = count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    unsigned shift = (unsigned)(page % 64);
    _Atomic uint64_t *word = &slot->dirty[page / 64];
    uint64_t bits = atomic_fetch_and(word, ~(wanted << shift)) >> shift & wanted;
    if (shift > 0 && wanted >> (64 - shift) != 0) {
        uint64_t rest = wanted >> (64 - shift);
        bits |= (atomic_fetch_and(word + 1, ~rest) & rest) << (64 - shift);
    }
    return bits;
}

uint64_t memory_collect_dirty(const struct memory_slot *slot, uint64_t first_page, uint64_t count, uint64_t *bits)
{
    CHECK(slot->dirty != NULL && first_page <= page_count(slot) && count <= page_count(slot) - first_page);
    uint64_t dirty_count = 0;
    for (uint64_t done = 0; done < count; done += 64) {
        bits[done / 64] = take_bits(slot, first_page + done, count - done);
        dirty_count += (uint64_t)__builtin_popcountll(bits[done / 64]);
    }
    return dirty_count;
}
