/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/tlb.h"

#include <string.h>

/* Of a note: a flush for another address space leaves the entry alone. Beside it, the size. */
#define NOTE_STAYS UINT8_C(0x80)
#define NOTE_SHIFT UINT8_C(0x3f)

#define NOTES_STAY UINT64_C(0x8080808080808080) /* eight of them */

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

static void note_filled(struct tlb *tlb, uint64_t position, uint8_t note)
{
    struct tlb_filled *filled = &tlb->filled[position >= TLB_ENTRY_COUNT];
    tlb->notes[position] = note;
    if (filled->count < TLB_FILLED_MAX) {
        filled->positions[filled->count] = (uint16_t)position;
    }
    filled->count += filled->count <= TLB_FILLED_MAX;
}

void tlb_fill(struct tlb *tlb, uint64_t address, const struct tlb_page *page)
{
    const uint64_t index = tlb_index(address), fetch_index = tlb_fetch_index(address), tag = address & ~PAGE_MASK;
    const uint64_t addend = (uintptr_t)page->host - tag;
    const uint8_t note = (uint8_t)((unsigned)__builtin_ctzll(page->size) | (page->is_global ? NOTE_STAYS : 0u));
    if (page->size > PAGE_SIZE) {
        note_large(tlb, address, page->size);
    }
    if ((page->rights & ~(unsigned)MEMORY_FETCH) != 0) {
        struct tlb_entry *entry = &tlb->entries[index];
        entry->read = tag_if(tag, page->rights, MEMORY_READ);
        entry->write = tag_if(tag, page->rights, MEMORY_WRITE);
        entry->addend = addend;
        note_filled(tlb, index, note);
    }
    if ((page->rights & MEMORY_FETCH) != 0) {
        tlb->fetches[fetch_index] = (struct tlb_fetch_entry){ .page = tag, .addend = addend };
        note_filled(tlb, TLB_ENTRY_COUNT + fetch_index, note);
    }
}

/* The entry at this position in the notes. */
static void forget(struct tlb *tlb, uint64_t position)
{
    tlb->notes[position] = NOTE_STAYS;
    if (position < TLB_ENTRY_COUNT) {
        tlb->entries[position].read = TLB_NO_TAG;
        tlb->entries[position].write = TLB_NO_TAG;
    } else {
        tlb->fetches[position - TLB_ENTRY_COUNT].page = TLB_NO_TAG;
    }
}

/* The page an entry is for; meaningless in an empty one. */
static uint64_t page_at(const struct tlb *tlb, uint64_t position)
{
    if (position >= TLB_ENTRY_COUNT) {
        return tlb->fetches[position - TLB_ENTRY_COUNT].page;
    }
    const struct tlb_entry *entry = &tlb->entries[position];
    return entry->read != TLB_NO_TAG ? entry->read : entry->write;
}

/* ---- All or most ------------------------------------------------------------------------------------------------ */

/* False: too many were filled to know which. */
static bool forget_filled(struct tlb *tlb, struct tlb_filled *filled)
{
    const bool known = filled->count <= TLB_FILLED_MAX;
    for (uint32_t i = 0; known && i < filled->count; i++) {
        forget(tlb, filled->positions[i]);
    }
    filled->count = 0;
    return known;
}

void tlb_init(struct tlb *tlb)
{
    tlb->filled[0].count = tlb->filled[1].count = TLB_FILLED_MAX + 1;
    tlb_flush(tlb);
}

void tlb_flush(struct tlb *tlb)
{
    tlb->generation++;
    if (!forget_filled(tlb, &tlb->filled[0])) {          /* few most often: flushes come soon after another */
        memset(tlb->entries, 0xff, sizeof tlb->entries); /* every tag is TLB_NO_TAG */
        memset(tlb->notes, NOTE_STAYS, TLB_ENTRY_COUNT);
    }
    if (!forget_filled(tlb, &tlb->filled[1])) {
        memset(tlb->fetches, 0xff, sizeof tlb->fetches);
        memset(tlb->notes + TLB_ENTRY_COUNT, NOTE_STAYS, TLB_FETCH_COUNT);
    }
    tlb->large[0] = tlb->large[1] = (struct tlb_range){ .low = UINT64_MAX, .high = 0 };
}

static void forget_filled_of_space(struct tlb *tlb, struct tlb_filled *filled)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < filled->count; i++) {
        const uint16_t position = filled->positions[i];
        if ((tlb->notes[position] & NOTE_STAYS) == 0) {
            forget(tlb, position);
        } else if (tlb->notes[position] != NOTE_STAYS) {
            filled->positions[kept++] = position;
        }
    }
    filled->count = kept;
}

/* `first` and `count` are multiples of eight. */
static void forget_positions_of_space(struct tlb *tlb, uint64_t first, uint64_t count)
{
    for (uint64_t position = first; position < first + count; position += 8) {
        uint64_t eight;
        memcpy(&eight, &tlb->notes[position], sizeof eight);
        for (uint64_t going = ~eight & NOTES_STAY; going != 0; going &= going - 1) {
            forget(tlb, position + (unsigned)__builtin_ctzll(going) / 8);
        }
    }
}

void tlb_flush_space(struct tlb *tlb)
{
    tlb->generation++;
    for (unsigned i = 0; i < 2; i++) {
        if (tlb->filled[i].count <= TLB_FILLED_MAX) {
            forget_filled_of_space(tlb, &tlb->filled[i]);
        } else {
            forget_positions_of_space(tlb, i * (uint64_t)TLB_ENTRY_COUNT, i == 0 ? TLB_ENTRY_COUNT : TLB_FETCH_COUNT);
        }
    }
}

/* ---- One page --------------------------------------------------------------------------------------------------- */

static void forget_pieces(struct tlb *tlb, uint64_t address)
{
    for (uint64_t position = 0; position < sizeof tlb->notes; position++) {
        unsigned shift = tlb->notes[position] & NOTE_SHIFT;
        if (shift > PAGE_SHIFT && (page_at(tlb, position) ^ address) >> shift == 0) {
            forget(tlb, position);
        }
    }
}

void tlb_flush_page(struct tlb *tlb, uint64_t address)
{
    tlb->generation++;
    const struct tlb_range *range = half_of(tlb, address);
    const uint64_t page = address & ~PAGE_MASK;
    const uint64_t positions[] = { tlb_index(address), TLB_ENTRY_COUNT + tlb_fetch_index(address) };
    if (address >= range->low && address <= range->high) {
        forget_pieces(tlb, address);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (page_at(tlb, positions[i]) == page) {
            forget(tlb, positions[i]);
        }
    }
}

void tlb_flush_writes(struct tlb *tlb)
{
    tlb->generation++;
    for (unsigned i = 0; i < TLB_ENTRY_COUNT; i++) {
        tlb->entries[i].write = TLB_NO_TAG;
    }
}
