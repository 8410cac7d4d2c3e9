/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols.h"

#include "core/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct symbol {
    uint64_t address;
    uint32_t name; /* offset in `names`: later for what was given later */
    bool local;
};

static_assert(SYMBOLS_COUNT_MAX * (SYMBOLS_NAME_MAX + UINT64_C(1)) <= UINT32_MAX, "offsets of names fit");

struct symbols {
    struct symbol *table; /* sorted by symbols_finish() */
    size_t count, room;
    char *names; /* terminated, one behind the other */
    size_t names_size, names_room;
};

struct symbols *symbols_create(void)
{
    return check_alloc(sizeof(struct symbols));
}

void symbols_free(struct symbols *symbols)
{
    if (symbols != NULL) {
        free(symbols->table);
        free(symbols->names);
        free(symbols);
    }
}

size_t symbols_count(const struct symbols *symbols)
{
    return symbols->count;
}

static bool name_is_good(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return length >= 1 && length <= SYMBOLS_NAME_MAX;
}

bool symbols_add(struct symbols *symbols, uint64_t address, char type, const char *name, size_t length)
{
    if (!name_is_good(name, length) || symbols->count == SYMBOLS_COUNT_MAX) {
        return false;
    }
    if (symbols->count == symbols->room) {
        symbols->room = symbols->room == 0 ? 1024 : symbols->room * 2;
        symbols->table = check_realloc(symbols->table, symbols->room * sizeof *symbols->table);
    }
    if (symbols->names_room - symbols->names_size < length + 1) {
        symbols->names_room = symbols->names_room * 2 + SYMBOLS_NAME_MAX + 1;
        symbols->names = check_realloc(symbols->names, symbols->names_room);
    }
    symbols->table[symbols->count] = (struct symbol){
        .address = address,
        .name = (uint32_t)symbols->names_size,
        .local = type < 'A' || type > 'Z',
    };
    symbols->count++;
    memcpy(symbols->names + symbols->names_size, name, length);
    symbols->names[symbols->names_size + length] = '\0';
    symbols->names_size += length + 1;
    return true;
}

/* By address; of equal ones the best last, where a search from above finds it first. */
static int compare(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;
    if (a->address != b->address) {
        return a->address < b->address ? -1 : 1;
    }
    if (a->local != b->local) {
        return a->local ? -1 : 1;
    }
    return a->name > b->name ? -1 : 1;
}

/* Kernels' tables ascend already: then only what shares an address is left to sort. */
void symbols_finish(struct symbols *symbols)
{
    size_t start = 0; /* of those that share an address */
    for (size_t i = 1; i <= symbols->count; i++) {
        if (i < symbols->count && symbols->table[i].address == symbols->table[start].address) {
            continue;
        }
        if (i < symbols->count && symbols->table[i].address < symbols->table[start].address) {
            qsort(symbols->table, symbols->count, sizeof *symbols->table, compare);
            return;
        }
        if (i - start > 1) {
            qsort(symbols->table + start, i - start, sizeof *symbols->table, compare);
        }
        start = i;
    }
}

void symbols_move(struct symbols *symbols, uint64_t by)
{
    for (size_t i = 0; i < symbols->count; i++) {
        symbols->table[i].address += by;
    }
    symbols_finish(symbols); /* some may have come round */
}

bool symbols_find(const struct symbols *symbols, uint64_t address, struct symbols_place *place)
{
    if (symbols->count == 0 || address > symbols->table[symbols->count - 1].address) {
        return false;
    }
    size_t low = 0,
           high = symbols->count; /* symbols before `low` are at or before the address, those from `high` not */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols->table[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    const struct symbol *symbol = &symbols->table[low - 1];
    *place = (struct symbols_place){ symbols->names + symbol->name, address - symbol->address };
    return true;
}

bool symbols_address(const struct symbols *symbols, const char *name, uint64_t *address)
{
    for (size_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->names + symbols->table[i].name, name) == 0) {
            *address = symbols->table[i].address;
            return true;
        }
    }
    return false;
}

/* ---- System.map ------------------------------------------------------------------------------------------------- */

/* Up to 16 hexadecimal digits, then a blank. Returns what follows, or NULL. */
static const char *parse_address(const char *at, const char *end, uint64_t *address)
{
    unsigned digits = 0;
    for (*address = 0; at < end && *at != ' '; at++, digits++) {
        const char lower = (char)(*at | 0x20);
        if (digits == 16) {
            return NULL;
        }
        if (*at >= '0' && *at <= '9') {
            *address = *address << 4 | (uint64_t)(*at - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            *address = *address << 4 | (uint64_t)(lower - 'a' + 10);
        } else {
            return NULL;
        }
    }
    return digits > 0 && at < end ? at + 1 : NULL;
}

static bool parse_line(struct symbols *symbols, const char *at, const char *end, uint64_t *address)
{
    at = parse_address(at, end, address);
    if (at == NULL || end - at < 3 || at[1] != ' ') {
        return false;
    }
    char type = at[0];
    const char *name = at + 2, *name_end = name, *tab = memchr(name, '\t', (size_t)(end - name));
    while (name_end < end && *name_end != ' ' && *name_end != '\t' && *name_end != '\r') {
        name_end++;
    }
    bool is_letter = ((type | 0x20) >= 'a' && (type | 0x20) <= 'z') || type == '-' || type == '?';
    if (is_letter && tab != NULL && tab > name && end - tab > 1 && tab[1] == '[') {
        return true; /* of a module */
    }
    return is_letter && symbols_add(symbols, *address, type, name, (size_t)(name_end - name));
}

static bool parse_lines(struct symbols *symbols, const char *name, const char *text, size_t size, struct error *error)
{
    const char *end = text + size;
    uint64_t address, some = 0;
    for (unsigned long number = 1; text < end; number++) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        line_end = line_end != NULL ? line_end : end;
        if (!parse_line(symbols, text, line_end, &address)) {
            return symbols->count == SYMBOLS_COUNT_MAX
                       ? error_set(error, "%s has more than %u symbols: give the kernel's own System.map", name,
                                   SYMBOLS_COUNT_MAX)
                       : error_set(error,
                                   "%s:%lu: this is no line of a System.map (address, letter, name): give the "
                                   "kernel's System.map",
                                   name, number);
        }
        some |= address;
        text = line_end < end ? line_end + 1 : end;
    }
    if (symbols->count == 0) {
        return error_set(error, "%s is empty: give the kernel's System.map", name);
    }
    if (some == 0) {
        return error_set(error, "%s has only addresses of 0: copy /proc/kallsyms as root", name);
    }
    return true;
}

struct symbols *symbols_parse_map(const char *name, const char *text, size_t size, struct error *error)
{
    struct symbols *symbols = symbols_create();
    if (!parse_lines(symbols, name, text, size, error)) {
        symbols_free(symbols);
        return NULL;
    }
    symbols_finish(symbols);
    return symbols;
}
