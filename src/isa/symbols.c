/* SPDX-License-Identifier: Apache-2.0 */
/* Declared names, and the nearest one to a name that is not. */
#include "isa/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const space_names[] = {
    [ISA_SPACE_VALUE] = "register, control register or constant",
    [ISA_SPACE_FUNCTION] = "function or primitive",
    [ISA_SPACE_EXTENSION] = "extension",
    [ISA_SPACE_EXCEPTION] = "exception",
    [ISA_SPACE_FORMAT] = "format",
    [ISA_SPACE_INSTRUCTION] = "instruction",
    [ISA_SPACE_NAMES] = "table of names or style",
};

static struct isa_symbol **bucket(struct isa_reader *reader, enum isa_space space, const char *name)
{
    uint32_t hash = 2166136261u ^ (uint32_t)space;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    }
    return &reader->buckets[(hash ^ hash >> 16) % ISA_BUCKETS];
}

struct isa_symbol *isa_find(struct isa_reader *reader, enum isa_space space, const char *name)
{
    struct isa_symbol *symbol = *bucket(reader, space, name);
    while (symbol != NULL && (symbol->space != space || strcmp(symbol->name, name) != 0)) {
        symbol = symbol->chain;
    }
    return symbol;
}

struct isa_symbol *isa_declare(struct isa_reader *reader, enum isa_space space, struct isa_syntax_decl *decl)
{
    struct isa_symbol *earlier = isa_find(reader, space, decl->name);
    if (earlier != NULL) {
        isa_report(reader->diagnostics, decl->place, "`%s` is declared already, at %s:%u; choose another name",
                   decl->name, earlier->decl->place.file, earlier->decl->place.line);
        return NULL;
    }
    struct isa_symbol *symbol = ISA_NEW(reader->arena, struct isa_symbol);
    struct isa_symbol **head = bucket(reader, space, decl->name);
    symbol->space = space;
    symbol->name = decl->name;
    symbol->decl = decl;
    symbol->chain = *head;
    *head = symbol;
    *reader->symbols_end = symbol;
    reader->symbols_end = &symbol->next;
    return symbol;
}

struct isa_symbol *isa_expect(struct isa_reader *reader, enum isa_space space, const char *name, struct isa_place place)
{
    struct isa_symbol *symbol = isa_find(reader, space, name);
    if (symbol != NULL) {
        return symbol;
    }
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, name);
    isa_suggest_space(reader, &suggestion, space);
    isa_report(reader->diagnostics, place, "there is no %s `%s`; %s", space_names[space], name,
               isa_suggest_text(reader, &suggestion, "declare it"));
    return NULL;
}

void isa_suggest_start(struct isa_suggestion *suggestion, const char *name)
{
    size_t length = strlen(name);
    unsigned limit = length < 3 ? 1 : length < 6 ? 2 : 3;
    *suggestion = (struct isa_suggestion){ .name = name, .distance = limit + 1 };
}

#define LONGEST 80u

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edit distance: insertions, deletions, replacements and swaps of neighbours; a different case costs nothing. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][LONGEST + 2];
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a > LONGEST || length_b > LONGEST) {
        return LONGEST;
    }
    for (size_t j = 0; j <= length_b; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= length_a; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        const unsigned *before = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= length_b; j++) {
            char c = lower(a[i - 1]), d = lower(b[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (c != d));
            if (i > 1 && j > 1 && c == lower(b[j - 2]) && lower(a[i - 2]) == d && before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
    }
    return rows[length_a % 3][length_b];
}

void isa_suggest(struct isa_suggestion *suggestion, const char *candidate)
{
    size_t length = strlen(suggestion->name), other = strlen(candidate);
    size_t difference = length > other ? length - other : other - length;
    if (difference > suggestion->distance ||
        (length == 1 && other == 1 && lower(*candidate) != lower(*suggestion->name))) {
        return;
    }
    unsigned found = distance(suggestion->name, candidate);
    /* Of two as near, the longer: forgetting a letter is likelier than adding one. */
    bool nearer = found < suggestion->distance ||
                  (suggestion->best != NULL && found == suggestion->distance && other > strlen(suggestion->best));
    if (nearer && found < length) {
        suggestion->distance = found;
        suggestion->best = candidate;
    }
}

void isa_suggest_space(struct isa_reader *reader, struct isa_suggestion *suggestion, enum isa_space space)
{
    if (reader->diagnostics->count == ISA_DIAGNOSTIC_LIMIT) {
        return; /* nobody will read it */
    }
    for (const struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->space == space) {
            isa_suggest(suggestion, symbol->name);
        }
    }
}

const char *isa_suggest_text(struct isa_reader *reader, const struct isa_suggestion *suggestion, const char *fallback)
{
    if (suggestion->best == NULL) {
        return fallback;
    }
    return isa_text(reader, "did you mean `%s`?", suggestion->best);
}

const char *isa_text(struct isa_reader *reader, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    size_t size = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    return isa_arena_text(reader->arena, text, size);
}

struct isa_node *isa_new_node(struct isa_reader *reader, struct isa_place place, const char *name)
{
    struct isa_node *node = ISA_NEW(reader->arena, struct isa_node);
    node->place = place;
    node->name = name;
    *reader->nodes_end = node;
    reader->nodes_end = &node->next;
    return node;
}

void isa_node_uses(struct isa_reader *reader, struct isa_node *node, struct isa_node *other, struct isa_place place)
{
    other->used = true;
    for (const struct isa_edge *edge = node->uses; edge != NULL; edge = edge->next) {
        if (edge->node == other) {
            return;
        }
    }
    struct isa_edge *edge = ISA_NEW(reader->arena, struct isa_edge);
    edge->node = other;
    edge->place = place;
    edge->next = node->uses;
    node->uses = edge;
}
