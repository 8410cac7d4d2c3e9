/* SPDX-License-Identifier: Apache-2.0 */
#include "library.h"

#include "call.h"

void *memcpy(void *to, const void *from, size_t size)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    for (size_t i = 0; i < size; i++) {
        t[i] = f[i];
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    unsigned char *t = to;
    for (size_t i = 0; i < size; i++) {
        t[i] = (unsigned char)byte;
    }
    return to;
}

void lock_take(struct lock *lock)
{
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile(".4byte 0x0100000f"); /* pause */
        }
    }
}

void lock_drop(struct lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

static void add_char(struct line *line, char c)
{
    if (line->length < sizeof line->text - 1) { /* one is kept for the newline */
        line->text[line->length++] = c;
    }
}

void line_add(struct line *line, const char *text)
{
    while (*text != '\0') {
        add_char(line, *text++);
    }
}

void line_add_hex(struct line *line, uint64_t value)
{
    line_add(line, "0x");
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned)(value >> shift) & 15;
        if (value >> shift != 0 || shift == 0) {
            add_char(line, (char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
        }
    }
}

void line_add_number(struct line *line, uint64_t value)
{
    if (value >= 10) {
        line_add_number(line, value / 10);
    }
    add_char(line, (char)('0' + value % 10));
}

void line_tell(struct line *line)
{
    line->text[line->length++] = '\n';
    sbi_write(line->text, line->length);
}
