/* SPDX-License-Identifier: Apache-2.0 */
/* What the secure kernel has instead of a C library. */
#ifndef SECURE_KERNEL_LIBRARY_H
#define SECURE_KERNEL_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE  UINT64_C(4096)
#define PAGE_SHIFT 12u

/* The compiler calls these two by name. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

struct lock {
    uint32_t taken;
};

void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* One line of text in the making. What does not fit is left out. */
struct line {
    char text[256];
    size_t length;
};

void line_add(struct line *line, const char *text);
void line_add_hex(struct line *line, uint64_t value);
void line_add_number(struct line *line, uint64_t value);

/* Tells the line to whoever watches the machine. */
void line_tell(struct line *line);

#endif
