/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A software translation cache (soft TLB): guest-virtual page → host page, with what may be done there.
 *
 * An entry holds the product of every layer between an instruction and host memory for one 4 KiB page. Its three tags
 * say at which guest-virtual page reading, writing and fetching need no further question; a tag that matches means:
 * this is RAM, the access is permitted, accessed and (for the write tag) dirty bits are set everywhere they must be.
 * The compare includes the low address bits that must be zero for an access of that size, so that one compare also
 * says that the access is aligned and stays inside the page:
 *
 *     const struct tlb_entry *entry = tlb_entry(tlb, address);
 *     if (likely(entry->read == tlb_tag(address, 8))) { value = *(uint64_t *)tlb_host(entry, address); }
 *
 * Direct-mapped. Belongs to one vCPU and is touched by its thread only; other threads ask for a flush through the
 * vCPU's attention word. One struct tlb serves one way of seeing memory (mode, SUM, …): a mode switch changes a
 * pointer.
 *
 * Whoever derives something from fetch translations (an engine's jump cache) can tell with one compare whether it still
 * holds: the epoch changes, to a value never used before, at every flush that could concern a page which was fetched
 * from. (Not at others: guests drop single data pages all the time.)
 */
#ifndef RAVELIN_MEMORY_TLB_H
#define RAVELIN_MEMORY_TLB_H

#include "core/address.h"
#include "core/check.h"
#include "memory/memory.h"

#include <stdbool.h>
#include <stdint.h>

#define TLB_ENTRY_COUNT 1024u /* a power of two */

/* A tag no access can match: low bits set that tlb_tag() clears. */
#define TLB_NO_TAG UINT64_MAX

struct tlb_entry {
    uint64_t read, write, fetch; /* guest-virtual page address, or TLB_NO_TAG */
    uint64_t addend;             /* host address - guest-virtual address */
};

/* Guest-virtual addresses that pieces of large pages were cached for: low > high is the empty range. */
struct tlb_range {
    uint64_t low, high;
};

#define TLB_FILLED_MAX 64u

struct tlb {
    _Alignas(64) struct tlb_entry entries[TLB_ENTRY_COUNT]; /* none straddles a line of the host's cache */
    uint64_t epoch;                                         /* unique among all caches that share a counter */
    uint64_t fetched[TLB_ENTRY_COUNT / 64]; /* one bit an entry: pages fetched from in this epoch are among these */
    struct tlb_range large[2]; /* lower and upper half of the address space (user and kernel, most often) */
    uint32_t filled_count;     /* entries filled since the last full flush; above TLB_FILLED_MAX: unknown which */
    uint16_t filled[TLB_FILLED_MAX];
};

static inline struct tlb_entry *tlb_entry(struct tlb *tlb, uint64_t address)
{
    return &tlb->entries[(address >> PAGE_SHIFT) & (TLB_ENTRY_COUNT - 1)];
}

/* What a tag must be for an access of `size` bytes (a power of two ≤ PAGE_SIZE; use a constant). */
static inline uint64_t tlb_tag(uint64_t address, uint64_t size)
{
    return address & (~PAGE_MASK | (size - 1));
}

static inline void *tlb_host(const struct tlb_entry *entry, uint64_t address)
{
    return (void *)(uintptr_t)(address + entry->addend); /* NOLINT: this is the one place where it comes true */
}

/* Enters a page. `rights` is a set of enum memory_access, not empty. `host` is the page's first byte. `large_size` is
 * the size of the translation this page is a piece of (PAGE_SIZE if it is one itself). */
void tlb_fill(struct tlb *tlb, uint64_t address, const void *host, unsigned rights, uint64_t large_size);

/* Where fetching at this address finds its bytes, or NULL: to be asked by a fill. Notes that they were asked for. */
static inline const uint8_t *tlb_fetch(struct tlb *tlb, uint64_t address)
{
    const struct tlb_entry *entry = tlb_entry(tlb, address);
    if (unlikely(entry->fetch != (address & ~PAGE_MASK))) {
        return NULL;
    }
    uint64_t number = (address >> PAGE_SHIFT) & (TLB_ENTRY_COUNT - 1);
    tlb->fetched[number / 64] |= UINT64_C(1) << (number % 64);
    return tlb_host(entry, address);
}

static inline bool tlb_was_fetched(const struct tlb *tlb, uint64_t address)
{
    uint64_t number = (address >> PAGE_SHIFT) & (TLB_ENTRY_COUNT - 1);
    return ((tlb->fetched[number / 64] >> (number % 64)) & 1) != 0;
}

/* Empty, with an epoch of its own. `epochs` is the vCPU's counter of them. */
void tlb_init(struct tlb *tlb, uint64_t *epochs);

/* Empties the cache. */
void tlb_flush(struct tlb *tlb, uint64_t *epochs);

/* Forgets the page of this address and, if the address may lie in a larger translation, all pieces of that. */
void tlb_flush_page(struct tlb *tlb, uint64_t address, uint64_t *epochs);

/* Takes away every right to write, so that the next write to each page marks it dirty again. */
void tlb_flush_writes(struct tlb *tlb);

#endif
