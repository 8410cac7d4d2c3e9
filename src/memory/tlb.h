/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A software translation cache (soft TLB): guest-virtual page → host page, with what may be done there.
 *
 * An entry holds the product of every layer between an instruction and host memory for one 4 KiB page. Its two tags
 * say at which guest-virtual page reading and writing need no further question; a tag that matches means: this is RAM,
 * the access is permitted, accessed and (for the write tag) dirty bits are set everywhere they must be. The compare
 * includes the low address bits that must be zero for an access of that size, so that one compare also says that the
 * access is aligned and stays inside the page:
 *
 *     const struct tlb_entry *entry = tlb_entry(tlb, address);
 *     if (likely(entry->read == tlb_tag(address, 8))) { value = *(uint64_t *)tlb_host(entry, address); }
 *
 * C code that runs for a vCPU does this by memory/restart.h.
 *
 * Fetching has entries of its own, so that code and data at equal distances do not evict each other.
 *
 * Direct-mapped. Belongs to one vCPU and is touched by its thread only; other threads ask for a flush through the
 * vCPU's attention word. One struct tlb serves one way of seeing memory (mode, SUM, …): a mode switch changes a
 * pointer. It holds one address space at a time, and pages that are in all of them (global ones).
 */
#ifndef RAVELIN_MEMORY_TLB_H
#define RAVELIN_MEMORY_TLB_H

#include "core/address.h"
#include "core/check.h"
#include "memory/memory.h"

#include <stdbool.h>
#include <stdint.h>

#define TLB_ENTRY_COUNT 1024u /* for data; powers of two */
#define TLB_FETCH_COUNT 4096u /* for fetches: the code of a kernel takes each entry once */

/* A tag no access can match: low bits set that tlb_tag() clears. */
#define TLB_NO_TAG UINT64_MAX

struct tlb_entry {
    uint64_t read, write; /* guest-virtual page address, or TLB_NO_TAG */
    uint64_t addend;      /* host address - guest-virtual address */
    uint64_t unused;      /* an entry's place is found by a shift */
};

struct tlb_fetch_entry {
    uint64_t page; /* guest-virtual page address, or TLB_NO_TAG */
    uint64_t addend;
};

/* Guest-virtual addresses that pieces of large pages were cached for: low > high is the empty range. */
struct tlb_range {
    uint64_t low, high;
};

#define TLB_FILLED_MAX 256u

/* Positions in `notes` that were filled since the last full flush. */
struct tlb_filled {
    uint32_t count; /* above TLB_FILLED_MAX: unknown which */
    uint16_t positions[TLB_FILLED_MAX];
};

struct tlb {
    _Alignas(64) struct tlb_entry entries[TLB_ENTRY_COUNT]; /* none straddles a line of the host's cache */
    struct tlb_fetch_entry fetches[TLB_FETCH_COUNT];
    /* Of each entry, and then of each fetch entry: log2 of the page's size; 0x80 added if it is empty or in
     * all address spaces. */
    _Alignas(8) uint8_t notes[TLB_ENTRY_COUNT + TLB_FETCH_COUNT];
    struct tlb_range large[2];   /* lower and upper half of the address space (user and kernel, most often) */
    struct tlb_filled filled[2]; /* entries, fetch entries */
    /* Goes up whenever data entries may have become untrue: what was learned from one under an earlier number counts no
     * more. Who takes a right away from an entry other than by the functions below counts it up, too. */
    uint64_t generation;
};

static inline uint64_t tlb_index(uint64_t address)
{
    return (address >> PAGE_SHIFT) & (TLB_ENTRY_COUNT - 1);
}

static inline struct tlb_entry *tlb_entry(struct tlb *tlb, uint64_t address)
{
    return &tlb->entries[tlb_index(address)];
}

static inline uint64_t tlb_fetch_index(uint64_t address)
{
    return (address >> PAGE_SHIFT) & (TLB_FETCH_COUNT - 1);
}

static inline struct tlb_fetch_entry *tlb_fetch_entry(struct tlb *tlb, uint64_t address)
{
    return &tlb->fetches[tlb_fetch_index(address)];
}

/* What a tag must be for an access of `size` bytes (a power of two ≤ PAGE_SIZE; use a constant). */
static inline uint64_t tlb_tag(uint64_t address, uint64_t size)
{
    return address & (~PAGE_MASK | (size - 1));
}

static inline void *tlb_host(const struct tlb_entry *entry, uint64_t address)
{
    return (void *)(uintptr_t)(address + entry->addend); /* NOLINT: this is where it comes true */
}

/* Where fetching at this address finds its bytes, or NULL: to be asked by a fill. The addend is read first: a handler
 * that empties the cache on the vCPU's own thread may come at any time (memory/straggler.h), and leaves no tag. */
static inline const uint8_t *tlb_fetch(struct tlb *tlb, uint64_t address)
{
    const volatile struct tlb_fetch_entry *entry = tlb_fetch_entry(tlb, address);
    const uint64_t addend = entry->addend;
    bool known = likely(entry->page == (address & ~PAGE_MASK));
    return known ? (const uint8_t *)(uintptr_t)(address + addend) : NULL; /* NOLINT: and here */
}

/* A page to be entered. */
struct tlb_page {
    const void *host; /* its first byte */
    unsigned rights;  /* a set of enum memory_access, not empty */
    uint64_t size;    /* of the translation it is a piece of, a power of two; PAGE_SIZE if it is one itself */
    bool is_global;   /* in all address spaces */
};

/* Enters the page of this address: for fetching if it has that right, and for data if it has one of the others. */
void tlb_fill(struct tlb *tlb, uint64_t address, const struct tlb_page *page);

/* Begins empty. */
void tlb_init(struct tlb *tlb);

/* Empties the cache. */
void tlb_flush(struct tlb *tlb);

/* Forgets all but global pages: for another address space. */
void tlb_flush_space(struct tlb *tlb);

/* Forgets the page of this address and, if it is a piece of a larger one, all pieces of that. */
void tlb_flush_page(struct tlb *tlb, uint64_t address);

/* Takes away every right to write, so that the next write to each page marks it dirty again. */
void tlb_flush_writes(struct tlb *tlb);

#endif
