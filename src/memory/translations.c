/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/translations.h"

#include "core/check.h"

#include <stdlib.h>
#include <string.h>

/* Below PAGE_SIZE in a tag. */
#define TAG_SHIFT  UINT64_C(0x3f)
#define TAG_GLOBAL UINT64_C(0x40)

#define NO_STAMP   UINT64_C(0) /* of an entry that was never valid, or is no longer */

struct translations *translations_create(void)
{
    struct translations *translations = NULL;
    CHECK(posix_memalign((void **)&translations, 64, sizeof *translations) == 0);
    memset(translations, 0, sizeof *translations);
    translations_forget_all(translations);
    return translations;
}

void translations_destroy(struct translations *translations)
{
    free(translations);
}

/* ---- Where an entry is ------------------------------------------------------------------------------------------ */

static unsigned group_of(uint32_t space)
{
    return (space ^ space >> 6 ^ space >> 12 ^ space >> 16) & (TRANSLATIONS_GROUPS - 1);
}

/* Spaces share sets in the upper half of addresses, which is the same in all of them most often. In the lower half the
 * same addresses mean something else in each: there the groups spread. */
static unsigned set_of(uint64_t address, unsigned shift, unsigned group)
{
    uint64_t number = (address >> shift) + shift * UINT64_C(0x51ed);
    unsigned set = (unsigned)(number * UINT64_C(0x9e3779b97f4a7c15) >> 54);
    unsigned spread = address >> 63 != 0 ? 0 : group * (TRANSLATIONS_SETS / TRANSLATIONS_GROUPS);
    return (set ^ spread) & (TRANSLATIONS_SETS - 1);
}

static uint64_t tag_of(uint64_t address, unsigned shift)
{
    return (address >> shift << shift) | shift;
}

static bool is_global(const struct translations_entry *entry)
{
    return (entry->tag & TAG_GLOBAL) != 0;
}

static uint64_t stamp_of(const struct translations *translations, uint32_t space, bool global)
{
    return global ? translations->global_stamp : translations->stamps[group_of(space)];
}

static bool is_valid(const struct translations *translations, const struct translations_entry *entry)
{
    return entry->stamp == stamp_of(translations, entry->space, is_global(entry));
}

/* Whether the entry, which is valid, belongs to what this space sees. */
static bool is_seen_by(const struct translations_entry *entry, uint32_t space)
{
    return is_global(entry) ? entry->space >> 16 == space >> 16 : entry->space == space;
}

/* ---- Finding ---------------------------------------------------------------------------------------------------- */

bool translations_find(const struct translations *translations, uint32_t space, uint64_t address,
                       struct translations_page *page)
{
    const unsigned group = group_of(space);
    for (uint64_t sizes = translations->sizes; sizes != 0; sizes &= sizes - 1) {
        const unsigned shift = (unsigned)__builtin_ctzll(sizes);
        const struct translations_entry *set = translations->sets[set_of(address, shift, group)];
        const uint64_t tag = tag_of(address, shift);
        for (unsigned way = 0; way < TRANSLATIONS_WAYS; way++) {
            const struct translations_entry *entry = &set[way];
            if ((entry->tag & ~TAG_GLOBAL) == tag && is_seen_by(entry, space) && is_valid(translations, entry)) {
                page->leaf = entry->leaf;
                page->size = UINT64_C(1) << shift;
                page->is_global = is_global(entry);
                return true;
            }
        }
    }
    return false;
}

/* ---- Entering --------------------------------------------------------------------------------------------------- */

/* The way that holds the page already, else one that holds nothing, else one after the other. */
static struct translations_entry *way_for(struct translations *translations, struct translations_entry *set,
                                          uint64_t tag, uint32_t space)
{
    struct translations_entry *empty = NULL;
    for (unsigned way = 0; way < TRANSLATIONS_WAYS; way++) {
        if (!is_valid(translations, &set[way])) {
            empty = &set[way];
        } else if ((set[way].tag & ~TAG_GLOBAL) == tag && is_seen_by(&set[way], space)) {
            return &set[way];
        }
    }
    return empty != NULL ? empty : &set[translations->turn++ % TRANSLATIONS_WAYS];
}

void translations_enter(struct translations *translations, uint32_t space, uint64_t address,
                        const struct translations_page *page)
{
    const unsigned shift = (unsigned)__builtin_ctzll(page->size), group = group_of(space);
    const uint64_t tag = tag_of(address, shift);
    struct translations_entry *set = translations->sets[set_of(address, shift, group)];
    *way_for(translations, set, tag, space) = (struct translations_entry){
        .tag = tag | (page->is_global ? TAG_GLOBAL : 0),
        .leaf = page->leaf,
        .stamp = stamp_of(translations, space, page->is_global),
        .space = space,
    };
    translations->groups |= UINT64_C(1) << group;
    translations->sizes |= page->size;
}

/* ---- Forgetting ------------------------------------------------------------------------------------------------- */

void translations_forget_all(struct translations *translations)
{
    const uint64_t stamp = ++translations->last_stamp;
    for (unsigned group = 0; group < TRANSLATIONS_GROUPS; group++) {
        translations->stamps[group] = stamp;
    }
    translations->global_stamp = stamp;
    translations->groups = 0;
    translations->sizes = 0;
}

void translations_forget_space(struct translations *translations, uint32_t space)
{
    translations->stamps[group_of(space)] = ++translations->last_stamp;
}

/* In the sets of one group. `space` NULL: of any, and global ones. */
static void forget_in_group(struct translations *translations, unsigned group, const uint32_t *space, uint64_t address)
{
    for (uint64_t sizes = translations->sizes; sizes != 0; sizes &= sizes - 1) {
        const unsigned shift = (unsigned)__builtin_ctzll(sizes);
        struct translations_entry *set = translations->sets[set_of(address, shift, group)];
        const uint64_t tag = tag_of(address, shift);
        for (unsigned way = 0; way < TRANSLATIONS_WAYS; way++) {
            const bool is_meant = space == NULL || (!is_global(&set[way]) && set[way].space == *space);
            if ((set[way].tag & ~TAG_GLOBAL) == tag && is_meant) {
                set[way].stamp = NO_STAMP;
            }
        }
    }
}

void translations_forget_address(struct translations *translations, uint64_t address)
{
    if (address >> 63 != 0) { /* groups share sets there */
        forget_in_group(translations, 0, NULL, address);
        return;
    }
    for (uint64_t groups = translations->groups; groups != 0; groups &= groups - 1) {
        forget_in_group(translations, (unsigned)__builtin_ctzll(groups), NULL, address);
    }
}

void translations_forget_address_of(struct translations *translations, uint32_t space, uint64_t address)
{
    forget_in_group(translations, group_of(space), &space, address);
}
