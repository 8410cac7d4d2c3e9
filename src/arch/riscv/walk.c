/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/walk.h"

#include "core/check.h"

#include <stddef.h>
#include <string.h>

/* A page-table entry ("Sv39", figure of a PTE). Bits 60:54 are reserved, 9:8 are software's. */
#define PTE_V         (UINT64_C(1) << 0)
#define PTE_R         (UINT64_C(1) << 1)
#define PTE_W         (UINT64_C(1) << 2)
#define PTE_X         (UINT64_C(1) << 3)
#define PTE_U         (UINT64_C(1) << 4)
#define PTE_G         (UINT64_C(1) << 5)
#define PTE_A         (UINT64_C(1) << 6)
#define PTE_D         (UINT64_C(1) << 7)
#define PTE_RESERVED  (UINT64_C(0x7f) << 54)
#define PTE_PBMT      (UINT64_C(3) << 61)
#define PTE_N         (UINT64_C(1) << 63)
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  ((UINT64_C(1) << 44) - 1)

/* Must be 0 in an entry that points to another table. */
#define PTE_NOT_IN_POINTERS (PTE_U | PTE_A | PTE_D | PTE_PBMT | PTE_N)

#define LEVEL_BITS          9u
#define LEVEL_MASK          ((UINT64_C(1) << LEVEL_BITS) - 1)
#define NAPOT_PAGES         UINT64_C(16) /* the one size Svnapot has: 64 KiB, written as PPN[3:0] = 1000 */
#define NAPOT_MARK          UINT64_C(8)

static const struct riscv_geometry geometries[] = {
    { .name = "Sv39", .level_count = 3, .sign_extended = true },
    { .name = "Sv48", .level_count = 4, .sign_extended = true },
    { .name = "Sv57", .level_count = 5, .sign_extended = true },
};

const struct riscv_geometry *riscv_geometry(unsigned satp_mode)
{
    return satp_mode >= 8 && satp_mode <= 10 ? &geometries[satp_mode - 8] : NULL;
}

const char *riscv_walk_result_name(enum riscv_walk_result result)
{
    static const char *const names[] = {
        [RISCV_WALK_DONE] = "done",
        [RISCV_WALK_NOT_CANONICAL] = "address is not canonical",
        [RISCV_WALK_NOT_VALID] = "entry is not valid",
        [RISCV_WALK_RESERVED] = "entry has reserved bits set",
        [RISCV_WALK_NO_LEAF] = "pointer at the last level",
        [RISCV_WALK_MISALIGNED] = "large page is misaligned",
        [RISCV_WALK_BAD_NAPOT] = "size of a NAPOT page does not exist",
        [RISCV_WALK_SUPERVISOR_PAGE] = "page of the supervisor",
        [RISCV_WALK_USER_PAGE] = "page of user mode",
        [RISCV_WALK_DENIED] = "right is missing",
        [RISCV_WALK_NOT_ACCESSED] = "accessed bit is clear",
        [RISCV_WALK_NOT_DIRTY] = "dirty bit is clear",
        [RISCV_WALK_TABLE_OUT_OF_REACH] = "table cannot be read or updated",
    };
    return names[result];
}

static unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + level * LEVEL_BITS;
}

/* ---- Cache of last-level tables -----------------------------------------------------------------------------------
 */

static uint64_t region_of(uint64_t address)
{
    return address >> (PAGE_SHIFT + LEVEL_BITS);
}

void riscv_walk_cache_clear(struct riscv_walk_cache *cache)
{
    memset(cache, 0xff, sizeof *cache);
}

void riscv_walk_cache_drop(struct riscv_walk_cache *cache, uint64_t address)
{
    uint64_t region = region_of(address);
    cache->entries[region % RISCV_WALK_CACHE_SIZE].region = UINT64_MAX;
}

static void remember(struct riscv_walk_cache *cache, uint64_t address, gpa_t table)
{
    uint64_t region = region_of(address);
    if (cache != NULL) {
        cache->entries[region % RISCV_WALK_CACHE_SIZE].region = region;
        cache->entries[region % RISCV_WALK_CACHE_SIZE].table = table;
    }
}

/* Where a walk begins: at the root, or at the last level if its table is known. */
static unsigned begin(const struct riscv_regime *regime, uint64_t address, gpa_t *table)
{
    uint64_t region = region_of(address);
    const struct riscv_walk_cache *cache = regime->cache;
    if (cache != NULL && cache->entries[region % RISCV_WALK_CACHE_SIZE].region == region) {
        *table = cache->entries[region % RISCV_WALK_CACHE_SIZE].table;
        return 0;
    }
    *table = regime->root;
    return regime->geometry->level_count - 1u;
}

/* ---- The walk ---------------------------------------------------------------------------------------------------- */

static bool canonical(const struct riscv_geometry *geometry, uint64_t address)
{
    unsigned bits = level_shift(geometry->level_count) + geometry->root_extra_bits;
    if (geometry->sign_extended) {
        int64_t upper = (int64_t)address >> (bits - 1);
        return upper == 0 || upper == -1;
    }
    return address >> bits == 0;
}

/* The checks that hold for every valid entry: step 3 of the process. */
static enum riscv_walk_result check_entry(const struct riscv_regime *regime, uint64_t pte)
{
    uint64_t reserved = PTE_RESERVED | (regime->has_memory_types ? 0 : PTE_PBMT) | (regime->has_napot ? 0 : PTE_N);
    if ((pte & PTE_V) == 0) {
        return RISCV_WALK_NOT_VALID;
    }
    if ((pte & reserved) != 0 || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_PBMT) == PTE_PBMT) {
        return RISCV_WALK_RESERVED;
    }
    return RISCV_WALK_DONE;
}

/* What a leaf grants to whoever walks: R, W, X with U, SUM and MXR considered; dirty or not. */
static unsigned rights_of(const struct riscv_regime *regime, uint64_t pte)
{
    bool user_page = (pte & PTE_U) != 0;
    if (regime->user && !user_page) {
        return 0;
    }
    bool foreign = !regime->user && user_page; /* a supervisor never executes there, and needs SUM for the rest */
    bool data = !foreign || regime->supervisor_reaches_user;
    uint64_t readable = PTE_R | (regime->execute_is_read ? PTE_X : 0);
    return (data && (pte & readable) != 0 ? (unsigned)MEMORY_READ : 0u) |
           (data && (pte & PTE_W) != 0 ? (unsigned)MEMORY_WRITE : 0u) |
           (!foreign && (pte & PTE_X) != 0 ? (unsigned)MEMORY_FETCH : 0u);
}

static enum riscv_walk_result refusal_of(const struct riscv_regime *regime, uint64_t pte, enum memory_access access)
{
    bool user_page = (pte & PTE_U) != 0;
    if (regime->user && !user_page) {
        return RISCV_WALK_SUPERVISOR_PAGE;
    }
    if (!regime->user && user_page && (access == MEMORY_FETCH || !regime->supervisor_reaches_user)) {
        return RISCV_WALK_USER_PAGE;
    }
    return RISCV_WALK_DENIED;
}

/* The number of the 4 KiB page, and in *size the extent of the page it is a piece of. */
static enum riscv_walk_result place_of(uint64_t pte, unsigned level, uint64_t address, uint64_t *page_number,
                                       uint64_t *size)
{
    uint64_t frame = pte >> PTE_PPN_SHIFT & PTE_PPN_MASK;
    uint64_t pages = UINT64_C(1) << (level * LEVEL_BITS);
    if ((pte & PTE_N) != 0) {
        if (level != 0 || frame % NAPOT_PAGES != NAPOT_MARK) {
            return RISCV_WALK_BAD_NAPOT;
        }
        pages = NAPOT_PAGES;
        frame -= NAPOT_MARK;
    }
    if ((frame & (pages - 1)) != 0) {
        return RISCV_WALK_MISALIGNED;
    }
    *page_number = frame | (address >> PAGE_SHIFT & (pages - 1));
    *size = pages << PAGE_SHIFT;
    return RISCV_WALK_DONE;
}

/* Steps 7 of the process: makes A (and D at a write) set. RISCV_WALK_DONE with *changed: somebody else wrote the entry
 * meanwhile, look again. */
static enum riscv_walk_result mark_used(const struct riscv_regime *regime, gpa_t where, uint64_t *pte,
                                        enum memory_access access, bool *changed)
{
    uint64_t needed = PTE_A | (access == MEMORY_WRITE ? PTE_D : 0);
    *changed = false;
    if ((*pte & needed) == needed || regime->observe) {
        return RISCV_WALK_DONE;
    }
    if (!regime->updates) {
        return (*pte & PTE_A) == 0 ? RISCV_WALK_NOT_ACCESSED : RISCV_WALK_NOT_DIRTY;
    }
    uint64_t found = *pte;
    if (!regime->update(regime->context, where, &found, *pte | needed)) {
        return RISCV_WALK_TABLE_OUT_OF_REACH;
    }
    *changed = found != *pte;
    *pte |= needed;
    return RISCV_WALK_DONE;
}

/* The page's first address, and below it the entry's lowest byte: V to D. */
#define LEAF_FLAGS UINT64_C(0xff)

static uint64_t leaf_of(const struct riscv_walk *result, uint64_t pte)
{
    return (result->page.bits & ~(result->size - 1)) | (pte & LEAF_FLAGS);
}

static enum riscv_walk_result finish(const struct riscv_regime *regime, uint64_t pte, unsigned level, uint64_t address,
                                     enum memory_access access, struct riscv_walk *result)
{
    uint64_t page_number;
    enum riscv_walk_result place = place_of(pte, level, address, &page_number, &result->size);
    if (place != RISCV_WALK_DONE) {
        return place;
    }
    result->page = gpa(page_number << PAGE_SHIFT);
    result->rights = rights_of(regime, pte);
    return (result->rights & access) != 0 ? RISCV_WALK_DONE : refusal_of(regime, pte, access);
}

static gpa_t entry_place(const struct riscv_geometry *geometry, gpa_t table, unsigned level, uint64_t address)
{
    bool root = level == geometry->level_count - 1u;
    uint64_t mask = root ? (LEVEL_MASK + 1) * (UINT64_C(1) << geometry->root_extra_bits) - 1 : LEVEL_MASK;
    return gpa(table.bits + (address >> level_shift(level) & mask) * sizeof(uint64_t));
}

enum riscv_walk_result riscv_walk(const struct riscv_regime *regime, uint64_t address, enum memory_access access,
                                  struct riscv_walk *result)
{
    if (!canonical(regime->geometry, address)) {
        return RISCV_WALK_NOT_CANONICAL;
    }
    gpa_t table;
    unsigned level = begin(regime, address, &table);
    for (;;) { /* each turn goes down a level, ends, or repeats one whose entry another hart changed */
        gpa_t where = entry_place(regime->geometry, table, level, address);
        uint64_t pte;
        if (!regime->load(regime->context, where, &pte)) {
            return RISCV_WALK_TABLE_OUT_OF_REACH;
        }
        enum riscv_walk_result outcome = check_entry(regime, pte);
        if (outcome != RISCV_WALK_DONE) {
            return outcome;
        }
        if ((pte & (PTE_R | PTE_X)) != 0) {
            outcome = finish(regime, pte, level, address, access, result);
            bool changed = false;
            if (outcome == RISCV_WALK_DONE) {
                outcome = mark_used(regime, where, &pte, access, &changed);
            }
            if (changed) {
                continue;
            }
            if ((pte & PTE_D) == 0) {
                result->rights &= ~(unsigned)MEMORY_WRITE;
            }
            result->leaf = leaf_of(result, pte);
            result->is_global = (pte & PTE_G) != 0;
            return outcome;
        }
        if ((pte & PTE_NOT_IN_POINTERS) != 0) {
            return RISCV_WALK_RESERVED;
        }
        if (level == 0) {
            return RISCV_WALK_NO_LEAF;
        }
        table = gpa((pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) << PAGE_SHIFT);
        level--;
        if (level == 0) {
            remember(regime->cache, address, table);
        }
    }
}

bool riscv_walk_again(const struct riscv_regime *regime, uint64_t leaf, uint64_t size, uint64_t address,
                      enum memory_access access, struct riscv_walk *result)
{
    unsigned rights = rights_of(regime, leaf);
    if ((leaf & PTE_D) == 0) {
        rights &= ~(unsigned)MEMORY_WRITE;
    }
    *result = (struct riscv_walk){
        .page = gpa((leaf & ~PAGE_MASK) | (address & (size - 1) & ~PAGE_MASK)),
        .size = size,
        .rights = rights,
        .leaf = leaf,
        .is_global = (leaf & PTE_G) != 0,
    };
    return (rights & access) != 0;
}
