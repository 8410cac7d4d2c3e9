/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space that the host can map with huge pages. All of it is advice: a host that has none gives small pages.
 *
 * Example:
 *
 *     uint8_t *start = huge_reserve(size, 0);
 *     if (start == NULL) { errno says why }
 *     mmap(start, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
 *     huge_collapse(start);
 *     munmap(start, size);
 */
#ifndef RAVELIN_CORE_HUGE_PAGES_H
#define RAVELIN_CORE_HUGE_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a huge page on the hosts we know. */
#define HUGE_PAGE_SIZE ((size_t)1 << 21)

/* Reserves address space whose start is `like` plus a multiple of HUGE_PAGE_SIZE; nothing may be accessed in it until
 * something is mapped there (MAP_FIXED). size: a multiple of the page size, not 0; `like`: a multiple of the page
 * size. The caller's, to munmap(). NULL: there is no room; errno is set. */
uint8_t *huge_reserve(size_t size, uint64_t like);

/* Makes one huge page of the HUGE_PAGE_SIZE bytes there, whatever is in them, if the host does: also of memory that
 * shares a file (memfd), whose pages it keeps small by itself. start: a multiple of HUGE_PAGE_SIZE, readable. */
void huge_collapse(const void *start);

#endif
