/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/attributes.h"

#include "core/check.h"

#include <sys/mman.h>

#define BITS_PER_LEVEL 4u
#define LEVEL_MASK     UINT64_C(15)

/* The part of the word that binds `level`: the bits of all levels above it. */
static uint64_t binding(uint64_t word, unsigned level)
{
    CHECK(level < ATTRIBUTE_LEVEL_COUNT);
    unsigned first = (level + 1) * BITS_PER_LEVEL;
    return first < 64 ? word >> first << first : 0;
}

unsigned attributes_denied(uint64_t word, unsigned level)
{
    uint64_t denied = binding(word, level);
    denied |= denied >> 32;
    denied |= denied >> 16;
    denied |= denied >> 8;
    denied |= denied >> 4;
    return (unsigned)(denied & LEVEL_MASK);
}

unsigned attributes_level_of(uint64_t word)
{
    return word != 0 ? (unsigned)__builtin_ctzll(word) / BITS_PER_LEVEL : 0;
}

uint64_t attributes_with(uint64_t word, unsigned level, unsigned denied)
{
    CHECK(level > 0 && level < ATTRIBUTE_LEVEL_COUNT && denied <= LEVEL_MASK);
    unsigned first = level * BITS_PER_LEVEL;
    return (word & ~(LEVEL_MASK << first)) | (uint64_t)denied << first;
}

static _Atomic uint64_t *word_of(const struct memory_slot *slot, gpa_t address)
{
    CHECK(slot->attributes != NULL && address.bits - slot->base.bits < slot->size);
    return &slot->attributes->words[(address.bits - slot->base.bits) >> PAGE_SHIFT];
}

uint64_t attributes_load(const struct memory_slot *slot, gpa_t address)
{
    _Atomic uint64_t *word = word_of(slot, address);
    if (likely(!atomic_load(&slot->attributes->used))) {
        return 0; /* without touching the words, which are not in memory yet */
    }
    return atomic_load(word) ^ atomic_load(&slot->attributes->initial);
}

void attributes_store(const struct memory_slot *slot, gpa_t address, uint64_t word)
{
    atomic_store(&slot->attributes->used, true);
    atomic_store(word_of(slot, address), word ^ atomic_load(&slot->attributes->initial));
}

void attributes_reset(const struct memory_slot *slot)
{
    size_t size = sizeof *slot->attributes + (slot->size >> PAGE_SHIFT) * sizeof slot->attributes->words[0];
    CHECK(madvise(slot->attributes, size, MADV_DONTNEED) == 0);
}
