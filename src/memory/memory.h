/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical memory: which addresses exist, and what stands behind each.
 *
 *   gpa ──▶ slot: RAM (host memory, dirty bits, attribute words) or device (two functions) or nothing (a hole)
 *
 * Slots are a sorted array that is replaced whole on change and found by binary search. RAM is a memfd mapping.
 * Slots are added while the machine is built, before any vCPU runs; they live as long as the struct memory.
 *
 * Threads: everything below except memory_add_* and memory_destroy() may be called from any thread at any time.
 * Guest data may be changed by a vCPU at any moment, also between two reads: fetch once, check, then use.
 */
#ifndef RAVELIN_MEMORY_MEMORY_H
#define RAVELIN_MEMORY_MEMORY_H

#include "core/address.h"
#include "core/error.h"
#include "core/log.h"

#include <stdatomic.h>
#include <stddef.h>

enum memory_access {
    MEMORY_READ = 1,
    MEMORY_WRITE = 2,
    MEMORY_FETCH = 4,
};

/* What a device answers to. size is 1, 2, 4 or 8; offset is inside the slot and a multiple of size; value is
 * zero-extended. The functions run on vCPU threads, several at once: a device takes its own lock. false means that
 * the device refuses the access (the guest gets an access fault). */
struct memory_device_ops {
    bool (*read)(void *device, uint64_t offset, unsigned size, uint64_t *value);
    bool (*write)(void *device, uint64_t offset, unsigned size, uint64_t value);
};

struct watch;

struct memory_slot {
    gpa_t base;
    uint64_t size;                 /* bytes, a multiple of PAGE_SIZE for RAM */
    uint8_t *host;                 /* RAM: where it is mapped; NULL for a device */
    int memfd;                     /* RAM */
    _Atomic uint64_t *dirty;       /* RAM: one bit a page, set no later than the first write after it was cleared */
    struct attributes *attributes; /* RAM: see memory/attributes.h */
    _Atomic uint64_t *watched;     /* RAM: one bit a page, see memory/watch.h; NULL in private views */
    struct watch *watch;           /* the memory's */
    const struct memory_device_ops *ops; /* device */
    void *device;
    const char *name;
    bool borrows_attributes; /* they are another slot's */
};

struct memory;
struct attributes;
struct rights;

/* The log (may be NULL) must outlive the memory. */
struct memory *memory_create(struct log *log);
void memory_destroy(struct memory *memory); /* NULL is allowed; no vCPU may be running */

/* RAM added from here on may be larger than the host's memory: its pages are taken when they are first touched, and the
 * process is killed if there are none left then. */
void memory_allow_overcommit(struct memory *memory);

/* Adds zeroed RAM. Errors: base or size unaligned or size 0, overlap with a slot, host memory not to be had. */
bool memory_add_ram(struct memory *memory, gpa_t base, uint64_t size, const char *name, struct error *error);

/* Adds a device's registers. `ops`, `device` and `name` are borrowed and must outlive the memory. */
bool memory_add_device(struct memory *memory, gpa_t base, uint64_t size, const struct memory_device_ops *ops,
                       void *device, const char *name, struct error *error);

/* The same RAM seen through mappings that keep to themselves what is written through them, page by page: the original
 * goes on to show through in every page until then, and again after memory_forget_private(). It has dirty bits of its
 * own; page attributes are the original's. All devices are replaced by one. For trying out; NULL and an error: no
 * address space. The original must outlive it, and neither may get slots any more. */
struct memory *memory_create_private(const struct memory *original, const struct memory_device_ops *ops, void *device,
                                     struct error *error);

/* Calls `seen` for each page of a private memory that was written (by its dirty bits), then forgets what was. The
 * caller empties translation caches that may write to it. */
void memory_forget_private(struct memory *memory,
                           void (*seen)(void *context, gpa_t address, const uint8_t *private_page), void *context);

/* The slot that holds this address, or NULL. */
const struct memory_slot *memory_find(const struct memory *memory, gpa_t address);

/* Host pointer to `size` contiguous bytes of RAM inside one slot, or NULL if any byte is not RAM. For MEMORY_WRITE
 * the pages are marked dirty; and who writes on a thread that is no vCPU's calls watch_written() (memory/watch.h) when
 * it has. This is how devices reach guest memory (DMA): addresses and sizes come from a hostile guest and are checked
 * here, wrap-around included. size 0 gives NULL. */
void *memory_pointer(const struct memory *memory, gpa_t address, uint64_t size, enum memory_access access);

/* Copies all bytes, or none and returns false (part of the range is not RAM). */
bool memory_read(const struct memory *memory, gpa_t address, void *buffer, size_t size);
bool memory_write(const struct memory *memory, gpa_t address, const void *buffer, size_t size);

/* One access to a device slot by a vCPU. false: no such device register, or the device refused. */
bool memory_device_read(const struct memory_slot *slot, gpa_t address, unsigned size, uint64_t *value);
bool memory_device_write(const struct memory_slot *slot, gpa_t address, unsigned size, uint64_t value);

/* Marks the page of a RAM slot dirty, and tells who watches it (memory/watch.h). Cheap when that has been done already.
 */
void memory_mark_dirty(const struct memory_slot *slot, gpa_t address);

/* Whether the page of a RAM slot is marked. */
static inline bool memory_is_dirty(const struct memory_slot *slot, gpa_t address)
{
    uint64_t page = (address.bits - slot->base.bits) >> PAGE_SHIFT;
    return (atomic_load_explicit(&slot->dirty[page / 64], memory_order_relaxed) >> (page % 64) & 1) != 0;
}

/* Whether a vCPU that has the right to write may keep it for later, without calling memory_mark_dirty() again. */
static inline bool memory_is_writable_quietly(const struct memory_slot *slot, gpa_t address)
{
    uint64_t page = (address.bits - slot->base.bits) >> PAGE_SHIFT;
    bool is_watched = slot->watched != NULL && (atomic_load(&slot->watched[page / 64]) >> (page % 64) & 1) != 0;
    return !is_watched && memory_is_dirty(slot, address);
}

/* Moves the dirty bits of `page_count` pages from page number `first_page` of the slot into `bits` (bit 0 = first
 * page, 64 pages a word) and clears them. A vCPU's translation cache may hold a write right taken while the bit was
 * set: the caller makes every vCPU drop its write rights afterwards (vcpu attention) before it trusts the next
 * round. Returns how many pages were dirty. */
uint64_t memory_collect_dirty(const struct memory_slot *slot, uint64_t first_page, uint64_t page_count, uint64_t *bits);

/* Slots by number, in order of address; NULL: there are not so many. */
const struct memory_slot *memory_slot_at(const struct memory *memory, size_t number);

/* Whoever manages changes of page attributes (memory/rights.h), or NULL. Set while nobody uses the memory. */
struct rights *memory_rights(const struct memory *memory);
void memory_set_rights(struct memory *memory, struct rights *rights);

/* The watch kept over its pages; NULL: it is a private view. */
struct watch *memory_watch(const struct memory *memory);

struct log *memory_log(const struct memory *memory);

#endif
