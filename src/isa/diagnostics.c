/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/diagnostics.h"

#include <stdarg.h>
#include <string.h>

void isa_diagnostics_clear(struct isa_diagnostics *diagnostics)
{
    memset(diagnostics, 0, sizeof *diagnostics);
}

/* Names come from the description: nothing of it may steer the terminal. */
static void disarm(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

static bool already_said(const struct isa_diagnostics *diagnostics, const struct isa_diagnostic *item)
{
    for (unsigned i = 0; i < diagnostics->count; i++) {
        const struct isa_diagnostic *other = &diagnostics->items[i];
        if (other->line == item->line && other->column == item->column && strcmp(other->file, item->file) == 0 &&
            strcmp(other->text, item->text) == 0) {
            return true;
        }
    }
    return false;
}

void isa_report(struct isa_diagnostics *diagnostics, struct isa_place place, const char *format, ...)
{
    if (diagnostics->count == ISA_DIAGNOSTIC_LIMIT) {
        diagnostics->total++;
        return;
    }
    struct isa_diagnostic *item = &diagnostics->items[diagnostics->count];
    va_list list;
    va_start(list, format);
    vsnprintf(item->text, sizeof item->text, format, list);
    va_end(list);
    snprintf(item->file, sizeof item->file, "%s", place.file == NULL ? "?" : place.file);
    item->line = place.line;
    item->column = place.column;
    disarm(item->text);
    disarm(item->file);
    if (already_said(diagnostics, item)) {
        return;
    }
    diagnostics->count++;
    diagnostics->total++;
}

static unsigned file_rank(const struct isa_diagnostics *diagnostics, const struct isa_diagnostic *item)
{
    unsigned rank = 0;
    while (strcmp(diagnostics->items[rank].file, item->file) != 0) {
        rank++;
    }
    return rank;
}

static bool goes_before(const struct isa_diagnostic *a, const struct isa_diagnostic *b, unsigned rank_a,
                        unsigned rank_b)
{
    if (rank_a != rank_b) {
        return rank_a < rank_b;
    }
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void isa_diagnostics_sort(struct isa_diagnostics *diagnostics)
{
    unsigned rank[ISA_DIAGNOSTIC_LIMIT];
    for (unsigned i = 0; i < diagnostics->count; i++) {
        rank[i] = file_rank(diagnostics, &diagnostics->items[i]);
    }
    for (unsigned i = 1; i < diagnostics->count; i++) {
        struct isa_diagnostic item = diagnostics->items[i];
        unsigned item_rank = rank[i];
        unsigned j = i;
        for (; j > 0 && goes_before(&item, &diagnostics->items[j - 1], item_rank, rank[j - 1]); j--) {
            diagnostics->items[j] = diagnostics->items[j - 1];
            rank[j] = rank[j - 1];
        }
        diagnostics->items[j] = item;
        rank[j] = item_rank;
    }
}

void isa_diagnostics_print(const struct isa_diagnostics *diagnostics, FILE *stream)
{
    for (unsigned i = 0; i < diagnostics->count; i++) {
        const struct isa_diagnostic *item = &diagnostics->items[i];
        if (item->line == 0) {
            fprintf(stream, "%s: %s\n", item->file, item->text);
        } else {
            fprintf(stream, "%s:%u:%u: %s\n", item->file, item->line, item->column, item->text);
        }
    }
    if (diagnostics->total > diagnostics->count) {
        fprintf(stream, "and %u more\n", diagnostics->total - diagnostics->count);
    }
}
