/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second level of translation caching: what page walks said, for several address spaces at a time.
 *
 * It stands behind the caches of memory/tlb.h and is asked when one of those knows nothing, before the page tables are
 * walked. An entry is one leaf of the page tables, whatever its size, tagged by its address space: rights are kept as
 * the tables have them, so that one entry serves all modes, and nothing of the layers below the walk is in it. It says
 * where a page is, never that there is none.
 *
 * A space is a number of up to 32 bits; its upper half is the realm. A global page belongs to all spaces of its realm.
 *
 * Forgetting more than asked for is always right, and cheap: a space, or everything, is forgotten by counting on.
 *
 * Belongs to one vCPU and is touched by its thread only.
 */
#ifndef RAVELIN_MEMORY_TRANSLATIONS_H
#define RAVELIN_MEMORY_TRANSLATIONS_H

#include "core/address.h"

#include <stdbool.h>
#include <stdint.h>

#define TRANSLATIONS_SETS   1024u /* a power of two */
#define TRANSLATIONS_WAYS   4u
#define TRANSLATIONS_GROUPS 64u /* of spaces that are forgotten together; a power of two */

struct translations_entry {
    uint64_t tag;   /* first address of the page, and below PAGE_SIZE log2 of its size, and whether it is global */
    uint64_t leaf;  /* where the page begins, and below PAGE_SIZE the walker's own */
    uint64_t stamp; /* of its space's group when it was entered, or of global pages */
    uint32_t space;
};

struct translations {
    _Alignas(64) struct translations_entry sets[TRANSLATIONS_SETS][TRANSLATIONS_WAYS];
    uint64_t stamps[TRANSLATIONS_GROUPS]; /* an entry with another stamp is forgotten */
    uint64_t global_stamp;
    uint64_t last_stamp;
    uint64_t groups; /* a bit each: has spaces that something was entered for since all was forgotten */
    uint64_t sizes;  /* bit n: pages of 2^n bytes, likewise */
    uint32_t turn;   /* which way is replaced next */
};

/* A page found or to be entered. */
struct translations_page {
    uint64_t leaf;
    uint64_t size; /* a power of two ≥ PAGE_SIZE */
    bool is_global;
};

struct translations *translations_create(void);
void translations_destroy(struct translations *translations);

/* The page that holds an address of a space; false: not known. */
bool translations_find(const struct translations *translations, uint32_t space, uint64_t address,
                       struct translations_page *page);

/* Enters the page that holds the address, in the place of what was known of that page before. */
void translations_enter(struct translations *translations, uint32_t space, uint64_t address,
                        const struct translations_page *page);

void translations_forget_all(struct translations *translations);

/* All pages of a space; global ones may stay. */
void translations_forget_space(struct translations *translations, uint32_t space);

/* The pages that hold the address: of all spaces and global ones, or those of one space that are not global. */
void translations_forget_address(struct translations *translations, uint64_t address);
void translations_forget_address_of(struct translations *translations, uint32_t space, uint64_t address);

#endif
