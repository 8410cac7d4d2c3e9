/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the integer code of ordinary programs is made of, some of each: lists that are searched, turned round and
 * sorted; products of small matrices; text read by a table-driven scanner; checksums; fields of bits packed and
 * unpacked. Every part feeds one checksum, and no part depends on how wide a pointer is.
 */
#include "workload.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* -- Checksums ------------------------------------------------------------------------------------------------------
 */

#define CRC16_POLYNOMIAL 0x8408u     /* X.25, bits reversed */
#define CRC32_POLYNOMIAL 0xedb88320u /* IEEE 802.3, bits reversed */

/* Bit by bit, as one does for a number now and then. */
static uint16_t crc16_number(uint16_t crc, uint32_t number)
{
    for (int bit = 0; bit < 32; bit++) {
        bool differs = ((crc ^ number) & 1) != 0;
        crc = (uint16_t)(crc >> 1);
        if (differs) {
            crc ^= CRC16_POLYNOMIAL;
        }
        number >>= 1;
    }
    return crc;
}

/* Byte by byte, as one does for data. */
static uint32_t crc32_bytes(uint32_t crc, const uint8_t *bytes, size_t size)
{
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t entry = i;
            for (int bit = 0; bit < 8; bit++) {
                entry = entry >> 1 ^ ((entry & 1) != 0 ? CRC32_POLYNOMIAL : 0);
            }
            table[i] = entry;
        }
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
    }
    return ~crc;
}

/* -- Lists ----------------------------------------------------------------------------------------------------------
 */

enum { ITEM_COUNT = 240, SEARCH_COUNT = 48 };

struct item {
    struct item *next;
    int16_t value, place;
};

static int by_value(const struct item *a, const struct item *b)
{
    return a->value != b->value ? a->value - b->value : a->place - b->place;
}

static int by_place(const struct item *a, const struct item *b)
{
    return a->place - b->place;
}

static struct item *reverse(struct item *list)
{
    struct item *turned = NULL;
    while (list != NULL) {
        struct item *next = list->next;
        list->next = turned;
        turned = list;
        list = next;
    }
    return turned;
}

static const struct item *find(const struct item *list, int16_t value)
{
    while (list != NULL && list->value != value) {
        list = list->next;
    }
    return list;
}

static struct item *merge(struct item *a, struct item *b, int (*order)(const struct item *, const struct item *))
{
    struct item *merged = NULL, **end = &merged;
    while (a != NULL && b != NULL) {
        struct item **least = order(a, b) <= 0 ? &a : &b;
        *end = *least;
        end = &(*end)->next;
        *least = *end;
    }
    *end = a != NULL ? a : b;
    return merged;
}

/* Sorted runs of 1, 2, 4 … items wait in `runs` for one of their length. */
static struct item *sort(struct item *list, int (*order)(const struct item *, const struct item *))
{
    struct item *runs[16] = { NULL }, *sorted = NULL;
    while (list != NULL) {
        struct item *run = list;
        list = list->next;
        run->next = NULL;
        int length = 0;
        for (; runs[length] != NULL; length++) {
            run = merge(runs[length], run, order);
            runs[length] = NULL;
        }
        runs[length] = run;
    }
    for (int length = 0; length < 16; length++) {
        sorted = merge(runs[length], sorted, order);
    }
    return sorted;
}

static uint16_t lists(uint16_t crc)
{
    static struct item items[ITEM_COUNT];
    uint32_t seed = 17;
    struct item *list = NULL;
    for (int16_t i = 0; i < ITEM_COUNT; i++) {
        items[i] = (struct item){ .next = list, .value = (int16_t)(next_random(&seed) % 400), .place = i };
        list = &items[i];
    }
    uint32_t found = 0;
    for (int16_t i = 0; i < SEARCH_COUNT; i++) {
        const struct item *item = find(list, (int16_t)(i * 7));
        found = found * 3 + (item != NULL ? (uint32_t)item->place : 1000u);
        list = reverse(list);
    }
    list = sort(list, by_value);
    for (const struct item *item = list; item != NULL; item = item->next) {
        found = found * 5 + (uint32_t)item->place;
    }
    list = sort(list, by_place);
    for (const struct item *item = list; item != NULL; item = item->next) {
        found = found * 5 + (uint32_t)item->value;
    }
    return crc16_number(crc, found);
}

/* -- Matrices -------------------------------------------------------------------------------------------------------
 */

enum { SIDE = 32 };

static void multiply(int32_t product[SIDE][SIDE], const int16_t a[SIDE][SIDE], const int16_t b[SIDE][SIDE])
{
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int32_t sum = 0;
            for (int k = 0; k < SIDE; k++) {
                sum += a[i][k] * b[k][j];
            }
            product[i][j] = sum;
        }
    }
}

static uint16_t matrices(uint16_t crc)
{
    static int16_t a[SIDE][SIDE], b[SIDE][SIDE];
    static int32_t product[SIDE][SIDE];
    uint32_t seed = 23;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (int16_t)(next_random(&seed) % 512 - 256);
            b[i][j] = (int16_t)(next_random(&seed) % 512 - 256);
        }
    }
    multiply(product, a, b);
    for (int i = 0; i < SIDE; i++) {
        int32_t row = 0, greatest = INT32_MIN;
        for (int j = 0; j < SIDE; j++) {
            int32_t number = product[i][j];
            row += (number >> 2 & 15) * (number >> 5 & 127);
            greatest = number > greatest ? number : greatest;
        }
        crc = crc16_number(crc, (uint32_t)(row + greatest));
    }
    return crc;
}

/* -- Text -----------------------------------------------------------------------------------------------------------
 */

enum { TEXT_SIZE = 4096 };

enum class { SPACE, LETTER, DIGIT, POINT, SIGN, QUOTE, OTHER, CLASS_COUNT };
enum state { BETWEEN, NAME, NUMBER, FRACTION, SIGNED, STRING, MARK, WRONG, STATE_COUNT };

static const uint8_t next_state[STATE_COUNT][CLASS_COUNT] = {
    /*              SPACE    LETTER  DIGIT     POINT     SIGN    QUOTE    OTHER */
    [BETWEEN] = { BETWEEN, NAME, NUMBER, FRACTION, SIGNED, STRING, MARK },
    [NAME] = { BETWEEN, NAME, NAME, MARK, SIGNED, WRONG, MARK },
    [NUMBER] = { BETWEEN, WRONG, NUMBER, FRACTION, SIGNED, WRONG, MARK },
    [FRACTION] = { BETWEEN, WRONG, FRACTION, WRONG, SIGNED, WRONG, MARK },
    [SIGNED] = { BETWEEN, NAME, NUMBER, FRACTION, SIGNED, STRING, MARK },
    [STRING] = { STRING, STRING, STRING, STRING, STRING, BETWEEN, STRING },
    [MARK] = { BETWEEN, NAME, NUMBER, FRACTION, SIGNED, STRING, MARK },
    [WRONG] = { BETWEEN, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG },
};

static enum class class_of(uint8_t character) { if (character == ' ' || character == '\n'){ return SPACE; }
if ((character >= 'a' && character <= 'z') || character == '_')
{
    return LETTER;
}
if (character >= '0' && character <= '9') {
    return DIGIT;
}
return character == '.' ? POINT : character == '+' || character == '-' ? SIGN : character == '"' ? QUOTE : OTHER;
}

static void write_text(uint8_t *text)
{
    static const char pieces[16][8] = { "alpha", "beta_2",  "17", "3.25", "-4",  " ", "\n", "(",
                                        ")",     "\"x y\"", "+",  "9z",   " = ", "_", ".5", "1.2.3" };
    uint32_t seed = 31;
    size_t size = 0;
    while (size < TEXT_SIZE) {
        const char *piece = pieces[next_random(&seed) % 16];
        for (size_t i = 0; piece[i] != '\0' && size < TEXT_SIZE; i++) {
            text[size++] = (uint8_t)piece[i];
        }
    }
}

static uint16_t scanning(uint16_t crc)
{
    static uint8_t text[TEXT_SIZE];
    if (text[0] == 0) {
        write_text(text);
    }
    uint32_t entered[STATE_COUNT] = { 0 }, numbers = 0, number = 0;
    enum state state = BETWEEN;
    for (size_t i = 0; i < TEXT_SIZE; i++) {
        enum state next = next_state[state][class_of(text[i])];
        if (next == NUMBER) {
            number = number * 10 + text[i] - '0';
        } else if (state == NUMBER) {
            numbers += number;
            number = 0;
        }
        if (next != state) {
            entered[next]++;
        }
        state = next;
    }
    for (int i = 0; i < STATE_COUNT; i++) {
        crc = crc16_number(crc, entered[i]);
    }
    return crc16_number(crc, crc32_bytes(numbers, text, sizeof text));
}

/* -- Fields of bits -------------------------------------------------------------------------------------------------
 */

enum { FIELD_COUNT = 1024 };

/* The next field, least significant bit first. */
static void pack(uint32_t *words, uint32_t at, uint32_t width, uint32_t value)
{
    uint32_t shift = at % 32, mask = (1u << width) - 1;
    uint32_t *word = &words[at / 32];
    *word = (*word & ~(mask << shift)) | (value & mask) << shift;
    if (shift + width > 32) {
        word[1] = (word[1] & ~(mask >> (32 - shift))) | (value & mask) >> (32 - shift);
    }
}

static uint32_t unpack(const uint32_t *words, uint32_t at, uint32_t width)
{
    uint32_t shift = at % 32, mask = (1u << width) - 1;
    uint32_t value = words[at / 32] >> shift;
    if (shift + width > 32) {
        value |= words[at / 32 + 1] << (32 - shift);
    }
    return value & mask;
}

static uint16_t fields(uint16_t crc)
{
    static uint32_t words[FIELD_COUNT];
    static const uint8_t widths[8] = { 1, 5, 3, 12, 7, 21, 4, 16 };
    uint32_t at = 0, sum = 0, seed = 41;
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        pack(words, at, widths[i % 8], next_random(&seed));
        at += widths[i % 8];
    }
    at = 0;
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        sum = sum * 31 + unpack(words, at, widths[i % 8]);
        at += widths[i % 8];
    }
    return crc16_number(crc, sum);
}

uint64_t integer_unit(void)
{
    uint16_t a = lists(0xffff), b = matrices(a), c = scanning(b);
    for (int i = 0; i < 3; i++) {
        c = fields(c);
    }
    return (uint64_t)a << 32 | (uint64_t)b << 16 | c;
}
