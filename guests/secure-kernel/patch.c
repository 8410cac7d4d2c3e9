/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static keys. Linux keeps a table of the places in its text where a branch is switched on and off: at each stands
 * either a nop or a jump to one target (include/linux/jump_label.h, struct jump_entry; arch/riscv/kernel/jump_label.c).
 * The table lies in memory that became unwritable with the text, and is read after that.
 *
 * What counts is the instruction as it will be: a store is one of it whole, aligned, or, where the site is aligned by 2
 * alone, two stores of a half. Linux stores the low half first (mm/maccess.c, copy_to_kernel_nofault()): it tells which
 * of the two forms is meant, so all of the instruction is changed then, and the high half finds what it would store.
 */
#include "kernel.h"

#define NO_SITE     UINT32_MAX
#define NOP         UINT32_C(0x00000013)
#define JAL         UINT32_C(0x0000006f) /* jal zero */
#define SITE_SIZE   4u
#define HALF_SIZE   2u
#define HALF_BITS   16u
#define TABLE_SHARE 2u /* slots for each entry, at least */
#define ENTRY_MAX   (UINT64_C(1) << 16)

struct jump_entry {
    int32_t code, target; /* relative to the field itself */
    int64_t key;
};

/* Unprivileged specification, "J-type immediate". */
static uint32_t jump(int32_t distance)
{
    uint32_t d = (uint32_t)distance;
    return JAL | (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 0xff) << 12;
}

static uint64_t slot_of(uint32_t offset)
{
    return (offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & kernel.site_mask;
}

static void add_site(const struct jump_entry *entry, uint64_t virtual)
{
    uint64_t code = virtual + (uint64_t)(int64_t)entry->code;
    uint64_t target = virtual + sizeof entry->code + (uint64_t)(int64_t)entry->target;
    if (!range_has(kernel.text, kernel_physical(code)) || !range_has(kernel.text, kernel_physical(target))) {
        return; /* in text that is gone */
    }
    uint32_t offset = (uint32_t)(code - kernel.symbols[SECURE_KERNEL_START]);
    uint64_t slot = slot_of(offset);
    while (kernel.sites[slot].offset != NO_SITE) {
        slot = (slot + 1) & kernel.site_mask;
    }
    kernel.sites[slot] = (struct patch_site){ .offset = offset, .target = (int32_t)(target - code) };
}

void patch_begin(void)
{
    uint64_t start = kernel.symbols[SECURE_KERNEL_JUMP_TABLE], end = kernel.symbols[SECURE_KERNEL_JUMP_TABLE_END];
    uint64_t count = start != 0 && start < end ? (end - start) / sizeof(struct jump_entry) : 0;
    if (count == 0 || count > ENTRY_MAX || !range_has(kernel.rodata, kernel_physical(start)) ||
        !range_has(kernel.rodata, kernel_physical(end) - 1)) {
        return;
    }
    uint64_t size = 1;
    while (size < count * TABLE_SHARE) {
        size *= 2;
    }
    kernel.sites = kernel_allocate(size * sizeof *kernel.sites);
    if (kernel.sites == NULL) {
        return; /* every patch will be refused */
    }
    kernel.site_mask = size - 1;
    memset(kernel.sites, 0xff, size * sizeof *kernel.sites);
    const struct jump_entry *entries = (const struct jump_entry *)kernel_physical(start);
    for (uint64_t i = 0; i < count; i++) {
        add_site(&entries[i], start + i * sizeof *entries);
    }
}

static const struct patch_site *find(uint32_t offset)
{
    for (uint64_t slot = slot_of(offset); kernel.sites[slot].offset != NO_SITE; slot = (slot + 1) & kernel.site_mask) {
        if (kernel.sites[slot].offset == offset) {
            return &kernel.sites[slot];
        }
    }
    return NULL;
}

/* The half of a site's instruction that begins at an offset, and what it may be. */
static const struct patch_site *find_half(uint32_t offset, unsigned *shift)
{
    const struct patch_site *site = find(offset);
    *shift = 0;
    if (site == NULL && offset >= HALF_SIZE) {
        site = find(offset - HALF_SIZE);
        *shift = HALF_BITS;
    }
    return site;
}

static uint16_t *half_at(uint32_t offset)
{
    return (uint16_t *)(kernel.image + offset);
}

/* The whole of it: a jump's low half with a nop's high one is a jump to another place, the reverse is a nop. So a
 * jump's low half is the last to come and the first to go. */
static void change(uint32_t offset, uint32_t bits)
{
    uint16_t *low = half_at(offset), *high = half_at(offset + HALF_SIZE);
    if (offset % SITE_SIZE == 0) {
        __atomic_store_n((uint32_t *)(kernel.image + offset), bits, __ATOMIC_RELEASE);
        return;
    }
    if (bits != NOP) {
        __atomic_store_n(high, (uint16_t)(bits >> HALF_BITS), __ATOMIC_RELAXED);
    }
    __atomic_store_n(low, (uint16_t)bits, __ATOMIC_RELEASE);
    if (bits == NOP) {
        __atomic_store_n(high, (uint16_t)(bits >> HALF_BITS), __ATOMIC_RELEASE);
    }
}

static bool half_is_legitimate(uint32_t offset, uint16_t half)
{
    unsigned shift;
    const struct patch_site *site = find_half(offset, &shift);
    if (site == NULL) {
        return false;
    }
    uint32_t jal = jump(site->target);
    if (shift != 0) {
        return half == *half_at(offset); /* the low one, which came first, has changed it */
    }
    if (half != (uint16_t)NOP && half != (uint16_t)jal) {
        return false;
    }
    change(offset, half == (uint16_t)NOP ? NOP : jal);
    return true;
}

static bool word_is_legitimate(uint32_t offset, uint32_t bits)
{
    const struct patch_site *site = find(offset);
    return site != NULL && offset % SITE_SIZE == 0 && (bits == NOP || bits == jump(site->target));
}

bool patch_is_legitimate(uint64_t physical, uint64_t value, unsigned size)
{
    uint32_t offset = (uint32_t)(physical - kernel.image);
    if (kernel.sites == NULL || !kernel_permits(SECURE_KERNEL_STATIC_KEYS)) {
        return false;
    }
    switch (size) {
    case sizeof(uint16_t): return offset % HALF_SIZE == 0 && half_is_legitimate(offset, (uint16_t)value);
    case sizeof(uint32_t): return word_is_legitimate(offset, (uint32_t)value);
    default: return false;
    }
}
