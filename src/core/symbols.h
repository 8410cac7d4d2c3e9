/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of places in a guest's kernel.
 *
 *     struct symbols *symbols = symbols_parse_map("System.map", text, size, &error);
 *     struct symbols_place place;
 *     if (symbols_find(symbols, pc, &place)) printf("%s+%#" PRIx64, place.name, place.offset);
 *
 * Ownership: names belong to the table. Threads: a finished table is constant.
 */
#ifndef RAVELIN_CORE_SYMBOLS_H
#define RAVELIN_CORE_SYMBOLS_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOLS_NAME_MAX  511u /* bytes of a name; Linux has the same limit */
#define SYMBOLS_COUNT_MAX 4000000u

struct symbols;

struct symbols_place {
    const char *name;
    uint64_t offset; /* of the address from the symbol's */
};

/* A System.map, or the text of /proc/kallsyms: lines of a hexadecimal address, a letter, a name, and perhaps more; in
 * any order. Lines of modules (a tab and "[…]" behind the name) are left out, whatever their names are made of: modules
 * lie elsewhere after the next start. `name` is for messages. NULL and an error: a line is something else, there is
 * none, all addresses are 0, or there are more than SYMBOLS_COUNT_MAX. The text may be hostile. */
struct symbols *symbols_parse_map(const char *name, const char *text, size_t size, struct error *error);

/* From parts: create, add in any order, finish. Names are 1 … SYMBOLS_NAME_MAX bytes without control characters and
 * blanks; false: this one is not, or there are too many, and it was left out. */
struct symbols *symbols_create(void);
bool symbols_add(struct symbols *symbols, uint64_t address, char type, const char *name, size_t length);
void symbols_finish(struct symbols *symbols);
void symbols_free(struct symbols *symbols); /* NULL is allowed */

/* Adds to every address, modulo 2^64: for a kernel that was moved from where it was linked. */
void symbols_move(struct symbols *symbols, uint64_t by);

size_t symbols_count(const struct symbols *symbols);

/* The last symbol at or before an address; of several at one address, the global one (capital letter), of those the
 * first given. False: the address is before the first symbol, or behind the last. */
bool symbols_find(const struct symbols *symbols, uint64_t address, struct symbols_place *place);

/* The address of a name (of several the lowest); false: there is none. */
bool symbols_address(const struct symbols *symbols, const char *name, uint64_t *address);

#endif
