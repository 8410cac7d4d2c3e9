/* SPDX-License-Identifier: Apache-2.0 */
#include "board/kallsyms.h"

#include "board/loader_formats.h"

#include <string.h>

#define ALIGNMENT        8u
#define TOKEN_COUNT      256u
#define TOKEN_INDEX_SIZE ((size_t)TOKEN_COUNT * 2)
#define TOKEN_SIZE_MAX   512u /* with its end */
#define MARKER_STEP      256u /* symbols a marker */
#define COUNT_MIN        256u /* fewer symbols are no kernel's */
#define COUNT_MAX        1000000u
#define NAME_BYTES_MAX   (2 + SYMBOLS_NAME_MAX)       /* length and tokens of one */
#define LINK_ADDRESS     UINT64_C(0xffffffff80000000) /* arch/riscv: KERNEL_LINK_ADDR */
#define INDEX_TRIES_MAX  8u                           /* a hostile image may have many that look right */
#define NAMES_TRIES_MAX  4u

/* Places are offsets in the image. */
struct tables {
    const uint8_t *image;
    size_t size;
    size_t token_table, token_index;
    size_t markers;
    uint32_t marker_count;
    size_t names; /* the number of symbols stands ALIGNMENT before */
    uint32_t count;
    size_t offsets;
    uint64_t base;
};

static size_t align_up(size_t value)
{
    return (value + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static uint32_t token_start(const struct tables *tables, unsigned number)
{
    return loader_get16(tables->image + tables->token_index + number * (size_t)2);
}

/* ---- Tokens ----------------------------------------------------------------------------------------------------- */

/* 256 ascending numbers from 0 on. */
static bool looks_like_token_index(const uint8_t *at)
{
    uint32_t before = 0;
    if (loader_get16(at) != 0) {
        return false;
    }
    for (unsigned i = 1; i < TOKEN_COUNT; i++) {
        uint32_t start = loader_get16(at + i * (size_t)2);
        if (start < before + 2 || start > before + TOKEN_SIZE_MAX) {
            return false;
        }
        before = start;
    }
    return true;
}

/* The tokens from `start` on are strings that begin where the index says and end before it. */
static bool tokens_fit(const struct tables *tables, size_t start)
{
    const uint8_t *table = tables->image + start;
    for (unsigned i = 0; i < TOKEN_COUNT; i++) {
        size_t from = token_start(tables, i);
        size_t limit = i + 1 < TOKEN_COUNT ? token_start(tables, i + 1) : tables->token_index - start;
        size_t length = strnlen((const char *)table + from, limit - from);
        bool ends =
            i + 1 < TOKEN_COUNT ? length + 1 == limit - from : length > 0 && align_up(from + length + 1) == limit;
        if (!ends || length == 0) {
            return false;
        }
    }
    return true;
}

/* The table ends right before its index; how long the last token is, is not known. */
static bool find_token_table(struct tables *tables)
{
    size_t last = token_start(tables, TOKEN_COUNT - 1);
    for (size_t size = align_up(last + 2); size <= align_up(last + TOKEN_SIZE_MAX); size += ALIGNMENT) {
        if (size > tables->token_index) {
            return false;
        }
        if (tokens_fit(tables, tables->token_index - size)) {
            tables->token_table = tables->token_index - size;
            return true;
        }
    }
    return false;
}

/* ---- Markers, names --------------------------------------------------------------------------------------------- */

/* Back from the token table: ascending numbers from 0, perhaps padded at the end. */
static bool find_markers(struct tables *tables, size_t end)
{
    uint32_t behind = UINT32_MAX;
    for (uint32_t count = 1; count <= COUNT_MAX / MARKER_STEP + 1 && end >= 4 * (size_t)count; count++) {
        uint32_t marker = loader_get32(tables->image + end - 4 * (size_t)count);
        if (marker >= behind) {
            return false;
        }
        if (marker == 0) {
            tables->marker_count = count;
            tables->markers = end - 4 * (size_t)count;
            return count >= COUNT_MIN / MARKER_STEP && tables->markers % ALIGNMENT == 0;
        }
        behind = marker;
    }
    return false;
}

/* One name's bytes: its length (one or two bytes) and its place; moves *at behind it. */
static bool next_name(const struct tables *tables, size_t *at, size_t *tokens, size_t *token_count)
{
    const uint8_t *image = tables->image;
    if (tables->markers - *at < 2) {
        return false;
    }
    size_t length = image[(*at)++];
    if ((length & 0x80) != 0) { /* since Linux 6.1 */
        length = (length & 0x7f) | (size_t)image[(*at)++] << 7;
    }
    if (length == 0 || length > SYMBOLS_NAME_MAX + 1 || length > tables->markers - *at) {
        return false;
    }
    *tokens = *at;
    *token_count = length;
    *at += length;
    return true;
}

/* Walked from its start, the list of names meets every marker and ends before the markers. */
static bool names_fit(const struct tables *tables)
{
    size_t at = tables->names, tokens, count;
    for (uint32_t i = 0; i < tables->count; i++) {
        if (i % MARKER_STEP == 0 &&
            at - tables->names != loader_get32(tables->image + tables->markers + i / MARKER_STEP * (size_t)4)) {
            return false;
        }
        if (!next_name(tables, &at, &tokens, &count)) {
            return false;
        }
    }
    return align_up(at) == tables->markers;
}

/* Where the names begin: the number of symbols stands before them and agrees with the markers. */
static bool find_names(struct tables *tables)
{
    size_t last = loader_get32(tables->image + tables->markers + (tables->marker_count - 1) * (size_t)4);
    unsigned tries = 0;
    for (size_t size = align_up(last); size <= align_up(last + MARKER_STEP * (size_t)NAME_BYTES_MAX);
         size += ALIGNMENT) {
        if (size + ALIGNMENT > tables->markers) {
            return false;
        }
        tables->names = tables->markers - size;
        tables->count = loader_get32(tables->image + tables->names - ALIGNMENT);
        bool agrees = tables->count <= COUNT_MAX && tables->count >= COUNT_MIN &&
                      (tables->count + MARKER_STEP - 1) / MARKER_STEP == tables->marker_count &&
                      loader_get32(tables->image + tables->names - 4) == 0;
        if (agrees && names_fit(tables)) {
            return true;
        }
        if (agrees && ++tries == NAMES_TRIES_MAX) {
            return false;
        }
    }
    return false;
}

/* ---- Addresses -------------------------------------------------------------------------------------------------- */

/* Ascending offsets and, behind them, the base: the link address, or 0 where a relocation puts it. */
static bool offsets_fit(struct tables *tables, size_t offsets)
{
    size_t base = offsets + align_up(tables->count * (size_t)4);
    if (offsets > tables->size || tables->size - offsets < align_up(tables->count * (size_t)4) + 8) {
        return false;
    }
    for (uint32_t i = 1; i < tables->count; i++) {
        const uint8_t *at = tables->image + offsets + i * (size_t)4;
        if (loader_get32(at) < loader_get32(at - 4)) {
            return false;
        }
    }
    tables->offsets = offsets;
    tables->base = loader_get64(tables->image + base);
    if (tables->base == 0) {
        tables->base = LINK_ADDRESS;
    }
    return tables->base % 4096 == 0;
}

/* Behind the tokens' index (since Linux 6.4), or before the number of symbols. */
static bool find_offsets(struct tables *tables)
{
    size_t before = ALIGNMENT + 8 + align_up(tables->count * (size_t)4);
    return offsets_fit(tables, tables->token_index + TOKEN_INDEX_SIZE) ||
           (tables->names >= before && offsets_fit(tables, tables->names - before));
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static size_t expand(const struct tables *tables, size_t tokens, size_t count, char name[SYMBOLS_NAME_MAX + 1])
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *token = tables->image + tables->token_table + token_start(tables, tables->image[tokens + i]);
        for (; *token != 0; token++) { /* a few characters, most of them: not worth two calls */
            if (length > SYMBOLS_NAME_MAX) {
                return 0;
            }
            name[length++] = (char)*token;
        }
    }
    return length;
}

static struct symbols *read_all(const struct tables *tables)
{
    struct symbols *symbols = symbols_create();
    size_t at = tables->names, tokens, count;
    for (uint32_t i = 0; i < tables->count && next_name(tables, &at, &tokens, &count); i++) {
        char name[SYMBOLS_NAME_MAX + 1]; /* the first character is the type */
        size_t length = expand(tables, tokens, count, name);
        if (length > 1) {
            uint32_t offset = loader_get32(tables->image + tables->offsets + i * (size_t)4);
            symbols_add(symbols, tables->base + offset, name[0], name + 1, length - 1);
        }
    }
    symbols_finish(symbols);
    return symbols;
}

static bool find_tables(struct tables *tables)
{
    return find_token_table(tables) &&
           (find_markers(tables, tables->token_table) ||
            (tables->token_table >= 4 && find_markers(tables, tables->token_table - 4))) &&
           find_names(tables) && find_offsets(tables);
}

struct symbols *kallsyms_read(const uint8_t *image, size_t size)
{
    unsigned tries = 0;
    for (size_t at = ALIGNMENT; size >= TOKEN_INDEX_SIZE && at <= size - TOKEN_INDEX_SIZE; at += ALIGNMENT) {
        if (!looks_like_token_index(image + at)) {
            continue;
        }
        struct tables tables = { .image = image, .size = size, .token_index = at };
        if (find_tables(&tables)) {
            return read_all(&tables);
        }
        if (++tries == INDEX_TRIES_MAX) {
            return NULL;
        }
    }
    return NULL;
}
