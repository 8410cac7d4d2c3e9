/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK(condition): abort with file, line and condition if this program contradicts itself.
 *
 * For our own bugs only. Never for anything a guest, a file or the host could cause: those have roads of their own
 * (an architectural exception, log_guest(), struct error).
 */
#ifndef RAVELIN_CORE_CHECK_H
#define RAVELIN_CORE_CHECK_H

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define CHECK(condition)                                  \
    do {                                                  \
        if (unlikely(!(condition))) {                     \
            check_failed(__FILE__, __LINE__, #condition); \
        }                                                 \
    } while (0)

__attribute__((noreturn, cold)) void check_failed(const char *file, int line, const char *condition);

/* malloc family that aborts when the host has no memory left: for small, bounded, host-caused allocations. */
__attribute__((malloc, returns_nonnull)) void *check_alloc(unsigned long size); /* zeroed */
__attribute__((returns_nonnull)) void *check_realloc(void *block, unsigned long size);
__attribute__((malloc, returns_nonnull)) char *check_strdup(const char *text);

#endif
