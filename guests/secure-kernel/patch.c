/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static keys. Linux keeps a table of the places in its text where a branch is switched on and off: at each stands
 * either a nop or a jump to one target (include/linux/jump_label.h, struct jump_entry; arch/riscv/kernel/jump_label.c).
 * The table lies in memory that became unwritable with the text, and is read after that.
 *
 * The store may be of any size and patch half an instruction: what counts is that each byte stored is the one that nop
 * or jump has at its place.
 */
#include "kernel.h"

#define NO_SITE     UINT32_MAX
#define NOP         UINT32_C(0x00000013)
#define JAL         UINT32_C(0x0000006f) /* jal zero */
#define SITE_SIZE   4u
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

/* The byte is one that the site it belongs to may have there. */
static bool byte_is_legitimate(uint32_t offset, uint8_t byte)
{
    for (uint32_t within = 0; within < SITE_SIZE && within <= offset; within++) {
        const struct patch_site *site = find(offset - within);
        if (site != NULL) {
            return byte == (uint8_t)(NOP >> 8 * within) || byte == (uint8_t)(jump(site->target) >> 8 * within);
        }
    }
    return false;
}

bool patch_is_legitimate(uint64_t physical, uint64_t value, unsigned size)
{
    if (kernel.sites == NULL || !kernel_permits(SECURE_KERNEL_STATIC_KEYS)) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        if (!byte_is_legitimate((uint32_t)(physical + i - kernel.image), (uint8_t)(value >> 8 * i))) {
            return false;
        }
    }
    return true;
}
