/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/attributes.h"

#include "core/check.h"

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

unsigned attributes_denier(uint64_t word, unsigned level, unsigned wanted)
{
    uint64_t everywhere = UINT64_C(0x1111111111111111) * (wanted & LEVEL_MASK);
    uint64_t denied = binding(word, level) & everywhere;
    return denied != 0 ? (63 - (unsigned)__builtin_clzll(denied)) / BITS_PER_LEVEL : 0;
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
    return &slot->attributes[(address.bits - slot->base.bits) >> PAGE_SHIFT];
}

uint64_t attributes_load(const struct memory_slot *slot, gpa_t address)
{
    return atomic_load_explicit(word_of(slot, address), memory_order_acquire);
}

void attributes_store(struct memory_slot *slot, gpa_t address, uint64_t word)
{
    atomic_store_explicit(word_of(slot, address), word, memory_order_release);
    atomic_store_explicit(&slot->attributes_used, true, memory_order_release);
}

unsigned attributes_rights(const struct memory_slot *slot, gpa_t address, unsigned level, bool user)
{
    unsigned rights = MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH;
    if (likely(!atomic_load_explicit(&slot->attributes_used, memory_order_acquire))) {
        return rights; /* without touching the words, which are not in memory yet */
    }
    unsigned denied = attributes_denied(attributes_load(slot, address), level);
    rights &= (denied & ATTRIBUTE_READ) != 0 ? ~(unsigned)MEMORY_READ : ~0u;
    rights &= (denied & ATTRIBUTE_WRITE) != 0 ? ~(unsigned)MEMORY_WRITE : ~0u;
    rights &= (denied & (user ? ATTRIBUTE_USER : ATTRIBUTE_KERNEL)) != 0 ? ~(unsigned)MEMORY_FETCH : ~0u;
    return rights;
}
