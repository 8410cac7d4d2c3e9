/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

struct bare_hart bare_harts[128];

static volatile uint64_t meeting_count;

void bare_finish(int status)
{
    __asm__ volatile("fence" ::: "memory");
    for (;;) {
        store(FINISHER, 4, status == 0 ? 0x5555 : (uint32_t)status << 16 | 0x3333);
    }
}

void bare_print(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((load(UART + 5, 1) & 0x20) == 0) {
        }
        store(UART, 1, (uint8_t)*text);
    }
}

void bare_print_hex(uint64_t value)
{
    char text[20] = "0x";
    unsigned length = 2;
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15;
        if (digit != 0 || length > 2 || shift == 0) {
            text[length++] = "0123456789abcdef"[digit];
        }
    }
    text[length] = '\0';
    bare_print(text);
}

void bare_failed(const char *file, int line, const char *what)
{
    bare_print(file);
    bare_print(" line ");
    bare_print_hex((uint64_t)line);
    bare_print(": not so: ");
    bare_print(what);
    bare_print("; last trap: cause ");
    bare_print_hex(me->cause);
    bare_print(", value ");
    bare_print_hex(me->value);
    bare_print(", pc ");
    bare_print_hex(me->pc);
    bare_print("\n");
    bare_finish(line % 100 + 1);
}

void bare_meet(uint64_t count)
{
    uint64_t before = __atomic_fetch_add(&meeting_count, 1, __ATOMIC_SEQ_CST);
    uint64_t last = before / count * count + count;
    while (__atomic_load_n(&meeting_count, __ATOMIC_SEQ_CST) < last) {
        bare_pause();
    }
}

#ifdef BARE_S
void bare_start_harts(uint64_t count)
{
    for (uint64_t hart = 1; hart < count; hart++) {
        expect(sbi(SBI_HSM, 0, hart, (uint64_t)_start, 0, 0, 0).error == 0);
    }
}
#endif

/* Compilers call it for structures and loops. */
void *memset(void *start, int byte, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((volatile uint8_t *)start)[i] = (uint8_t)byte;
    }
    return start;
}

void *memcpy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
    return to;
}
