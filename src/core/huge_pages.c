/* SPDX-License-Identifier: Apache-2.0 */
#include "core/huge_pages.h"

#include "core/check.h"

#include <sys/mman.h>

/* Since Linux 6.1; not yet in the C library of Debian 12. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

uint8_t *huge_reserve(size_t size, uint64_t like)
{
    CHECK(size > 0);
    uint8_t *start = mmap(NULL, size + HUGE_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    const size_t lead = (like - (uintptr_t)start) & (HUGE_PAGE_SIZE - 1);
    if (lead > 0) {
        CHECK(munmap(start, lead) == 0);
    }
    CHECK(munmap(start + lead + size, HUGE_PAGE_SIZE - lead) == 0);
    return start + lead;
}

void huge_collapse(const void *start)
{
    CHECK(((uintptr_t)start & (HUGE_PAGE_SIZE - 1)) == 0);
    (void)*(const volatile uint8_t *)start; /* where there is not one page yet it is refused */
    (void)madvise((void *)(uintptr_t)start, HUGE_PAGE_SIZE, MADV_COLLAPSE);
}
