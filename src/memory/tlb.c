/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/tlb.h"

#include <string.h>

static struct tlb_range *half_of(struct tlb *tlb, uint64_t address)
{
    return &tlb->large[address >> 63];
}

static void note_large(struct tlb *tlb, uint64_t address, uint64_t size)
{
    struct tlb_range *range = half_of(tlb, address);
    uint64_t first = address & ~(size - 1);
    uint64_t last = first + (size - 1);
    range->low = first < range->low ? first : range->low;
    range->high = last > range->high ? last : range->high;
}

static uint64_t tag_if(uint64_t page, unsigned rights, enum memory_access access)
{
    return (rights & access) != 0 ? page : TLB_NO_TAG;
}

void tlb_fill(struct tlb *tlb, uint64_t address, const void *host, unsigned rights, uint64_t large_size)
{
    struct tlb_entry *entry = tlb_entry(tlb, address);
    uint64_t page = address & ~PAGE_MASK;
    if (tlb->filled_count < TLB_FILLED_MAX) {
        tlb->filled[tlb->filled_count] = (uint16_t)(entry - tlb->entries);
    }
    tlb->filled_count += tlb->filled_count <= TLB_FILLED_MAX;
    if (large_size > PAGE_SIZE) {
        note_large(tlb, address, large_size);
    }
    entry->read = tag_if(page, rights, MEMORY_READ);
    entry->write = tag_if(page, rights, MEMORY_WRITE);
    entry->fetch = tag_if(page, rights, MEMORY_FETCH);
    entry->addend = (uintptr_t)host - page;
}

static void forget(struct tlb_entry *entry)
{
    entry->read = TLB_NO_TAG;
    entry->write = TLB_NO_TAG;
    entry->fetch = TLB_NO_TAG;
}

static void renew_epoch(struct tlb *tlb, uint64_t *epochs)
{
    tlb->epoch = ++*epochs;
    memset(tlb->fetched, 0, sizeof tlb->fetched);
}

void tlb_init(struct tlb *tlb, uint64_t *epochs)
{
    tlb->filled_count = TLB_FILLED_MAX + 1;
    tlb_flush(tlb, epochs);
}

void tlb_flush(struct tlb *tlb, uint64_t *epochs)
{
    if (tlb->filled_count <= TLB_FILLED_MAX) { /* few: most flushes come soon after another */
        for (uint32_t i = 0; i < tlb->filled_count; i++) {
            forget(&tlb->entries[tlb->filled[i]]);
        }
    } else {
        memset(tlb->entries, 0xff, sizeof tlb->entries); /* every tag is TLB_NO_TAG */
    }
    tlb->filled_count = 0;
    tlb->large[0] = tlb->large[1] = (struct tlb_range){ .low = UINT64_MAX, .high = 0 };
    renew_epoch(tlb, epochs);
}

void tlb_flush_page(struct tlb *tlb, uint64_t address, uint64_t *epochs)
{
    const struct tlb_range *range = half_of(tlb, address);
    if (address >= range->low && address <= range->high) {
        tlb_flush(tlb, epochs);
        return;
    }
    struct tlb_entry *entry = tlb_entry(tlb, address);
    uint64_t page = address & ~PAGE_MASK;
    if (entry->read == page || entry->write == page || entry->fetch == page) {
        forget(entry);
    }
    if (tlb_was_fetched(tlb, address)) {
        renew_epoch(tlb, epochs);
    }
}

void tlb_flush_writes(struct tlb *tlb)
{
    for (unsigned i = 0; i < TLB_ENTRY_COUNT; i++) {
        tlb->entries[i].write = TLB_NO_TAG;
    }
}
