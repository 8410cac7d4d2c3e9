/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions: what each needs, and that none needs itself. */
#include "isa/check.h"
#include "isa/reader.h"

#define EXTENSION_LIMIT 128u

/* ---- Circles -------------------------------------------------------------------------------------------------- */

struct walk {
    struct isa_reader *reader;
    enum { WALK_NEW, WALK_OPEN, WALK_DONE } states[EXTENSION_LIMIT];
};

static void walk_extension(struct walk *walk, const struct isa_symbol *symbol);

static void walk_needs(struct walk *walk, const struct isa_symbol *symbol, const struct isa_syntax_expr *needs)
{
    if (needs->kind != ISA_SYNTAX_NAME) {
        walk_needs(walk, symbol, needs->a);
        walk_needs(walk, symbol, needs->b);
        return;
    }
    const struct isa_symbol *needed = isa_find(walk->reader, ISA_SPACE_EXTENSION, needs->name);
    if (walk->states[needed->as.extension->number] != WALK_OPEN) {
        walk_extension(walk, needed);
    } else if (needed == symbol) {
        isa_report(walk->reader->diagnostics, needs->place, "`%s` needs itself; remove that", symbol->name);
    } else {
        isa_report(walk->reader->diagnostics, needs->place,
                   "`%s` needs itself by way of `%s`; remove one of the needs, or join the extensions", needed->name,
                   symbol->name);
    }
}

static void walk_extension(struct walk *walk, const struct isa_symbol *symbol)
{
    const unsigned number = symbol->as.extension->number;
    if (walk->states[number] != WALK_NEW) {
        return;
    }
    walk->states[number] = WALK_OPEN;
    if (symbol->decl->in != NULL) {
        walk_needs(walk, symbol, symbol->decl->in);
    }
    walk->states[number] = WALK_DONE;
}

/* All needs are good and there are not too many extensions. */
static void check_circles(struct isa_reader *reader)
{
    struct walk walk = { .reader = reader };
    for (const struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_EXTENSION) {
            walk_extension(&walk, symbol);
        }
    }
}

/* ---- All of them ---------------------------------------------------------------------------------------------- */

void isa_declare_extensions(struct isa_reader *reader)
{
    const unsigned errors = reader->diagnostics->total;
    struct isa_extension **end = &reader->machine->extensions;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_EXTENSION) {
            continue;
        }
        struct isa_extension *extension = symbol->as.extension;
        extension->title = symbol->decl->title;
        extension->number = reader->machine->extension_count++;
        if (symbol->decl->in != NULL) {
            extension->needs = isa_check_condition(reader, symbol->decl->in);
        }
        if (extension->number == EXTENSION_LIMIT) {
            isa_report(reader->diagnostics, symbol->decl->place, "a machine has at most %u extensions; join some",
                       EXTENSION_LIMIT);
        }
        *end = extension;
        end = &extension->next;
    }
    if (reader->diagnostics->total == errors) {
        check_circles(reader);
    }
}
