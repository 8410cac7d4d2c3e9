/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's kernel has mapped as code in the region of modules and translated BPF programs: its page tables,
 * read where they lie (privileged specification, "Sv39", "Sv48", "Sv57"). They are the guest's to write: what is found
 * may be anything, and may have changed since. It is used where a lie harms the liar alone.
 */
#include "call.h"
#include "kernel.h"

#define TABLE_COUNT    512u
#define TABLE_SHIFT    9u
#define TABLE_SIZE     (PAGE_SIZE * TABLE_COUNT) /* of what the last table on the way maps */
#define DEPTH_MAX      5u
#define MODE_SHIFT     60u
#define MODE_SV39      8u
#define MODE_SV57      10u
#define MODE_DEPTH     5u /* less than the mode is the number of tables on the way */
#define SATP_PAGE_MASK ((UINT64_C(1) << 44) - 1)

#define ENTRY_VALID    1u
#define ENTRY_LEAF     14u /* R, W or X */
#define ENTRY_WRITE    4u
#define ENTRY_EXECUTE  8u
#define ENTRY_USER     16u
#define ENTRY_SHIFT    10u

struct walk {
    struct vp *vp;
    uint64_t satp;
    uint64_t known[DEPTH_MAX]; /* pages of tables that are RAM, by height: not asked again and again */
};

static bool is_table(struct walk *walk, unsigned height, uint64_t page)
{
    uint32_t rights;
    if (page != walk->known[height]) {
        if (range_has(kernel.own, page << PAGE_SHIFT) || !call_rights(walk->vp, page, &rights)) {
            return false;
        }
        walk->known[height] = page;
    }
    return true;
}

static uint64_t entry_of(uint64_t page, uint64_t index)
{
    return __atomic_load_n((const uint64_t *)(page << PAGE_SHIFT) + index, __ATOMIC_RELAXED);
}

static uint64_t page_of(uint64_t entry)
{
    return entry >> ENTRY_SHIFT & SATP_PAGE_MASK;
}

/* The last table on the way to an address, its page number; 0: there is none, or it is a larger page. */
static uint64_t last_table(struct walk *walk, uint64_t virtual)
{
    uint64_t mode = walk->satp >> MODE_SHIFT, page = walk->satp & SATP_PAGE_MASK;
    if (mode < MODE_SV39 || mode > MODE_SV57) {
        return 0;
    }
    for (unsigned height = (unsigned)mode - MODE_DEPTH - 1;; height--) {
        if (!is_table(walk, height, page)) {
            return 0;
        }
        if (height == 0) {
            return page;
        }
        uint64_t entry = entry_of(page, virtual >> (PAGE_SHIFT + TABLE_SHIFT * height) & (TABLE_COUNT - 1));
        if ((entry & ENTRY_VALID) == 0 || (entry & ENTRY_LEAF) != 0) {
            return 0;
        }
        page = page_of(entry);
    }
}

static bool is_code(uint64_t entry)
{
    return (entry & (ENTRY_VALID | ENTRY_WRITE | ENTRY_EXECUTE | ENTRY_USER)) == (ENTRY_VALID | ENTRY_EXECUTE);
}

bool code_each(struct vp *vp, code_visit *visit, void *context)
{
    struct walk walk = { .vp = vp, .satp = call_get(vp, ABI_SATP) };
    uint64_t start = kernel_modules_start(), end = kernel.symbols[SECURE_KERNEL_START];
    for (uint64_t base = start & ~(TABLE_SIZE - 1); base < end; base += TABLE_SIZE) {
        uint64_t table = last_table(&walk, base);
        for (unsigned i = 0; table != 0 && i < TABLE_COUNT; i++) {
            uint64_t virtual = base + i * PAGE_SIZE, entry = entry_of(table, i);
            if (is_code(entry) && virtual >= start && virtual < end && visit(vp, virtual, page_of(entry), context)) {
                return true;
            }
        }
    }
    return false;
}
