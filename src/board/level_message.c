/* SPDX-License-Identifier: Apache-2.0 */
#include "board/level_message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define OFFSET_MAX   (UINT64_C(16) << 20) /* of an address from a symbol that still says something about it */
#define DIGIT_COUNT  16u                  /* of an address, at most */
#define KERNEL_START (UINT64_C(1) << 63)  /* below are physical addresses and users' */

struct line {
    char *text;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void print(struct line *line, const char *format, ...)
{
    size_t room = LEVEL_MESSAGE_SIZE - line->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    line->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static int digit_of(uint8_t byte)
{
    return '0' <= byte && byte <= '9' ? byte - '0' : 'a' <= byte && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Reads "0x" and digits. How many bytes that is; 0: it is no number, or one of more than 64 bits. */
static size_t read_number(const uint8_t *bytes, size_t size, uint64_t *value)
{
    size_t length = 2;
    *value = 0;
    if (size < 3 || bytes[0] != '0' || bytes[1] != 'x') {
        return 0;
    }
    while (length < size && digit_of(bytes[length]) >= 0) {
        *value = *value << 4 | (uint64_t)digit_of(bytes[length]);
        length++;
    }
    return length > 2 && length <= 2 + DIGIT_COUNT ? length : 0;
}

/* A name's bytes are the kernel's, so anybody's. */
static void print_name(struct line *line, const struct symbols_place *place)
{
    for (const char *c = place->name; *c != '\0'; c++) {
        print(line, "%c", ' ' < *c && *c <= '~' ? *c : '?');
    }
    print(line, "+0x%" PRIx64, place->offset);
}

void level_message(const struct symbols *symbols, const uint8_t *bytes, size_t size, char text[LEVEL_MESSAGE_SIZE])
{
    struct line line = { .text = text };
    text[0] = '\0';
    if (size > 0 && bytes[size - 1] == '\n') {
        size--;
    }
    for (size_t i = 0; i < size;) {
        uint64_t value;
        struct symbols_place place;
        size_t length = read_number(bytes + i, size - i, &value);
        if (length > 0 && value >= KERNEL_START && symbols != NULL && symbols_find(symbols, value, &place) &&
            place.offset <= OFFSET_MAX) {
            print_name(&line, &place);
            i += length;
        } else {
            print(&line, "%c", ' ' <= bytes[i] && bytes[i] <= '~' ? bytes[i] : '?');
            i++;
        }
    }
}
