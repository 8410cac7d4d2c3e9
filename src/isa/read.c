/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/read.h"

#include "isa/c_names.h"
#include "isa/parser.h"
#include "isa/reader.h"

#include <string.h>

#define INCLUDE_DEPTH_LIMIT 32u

static void include(struct isa_parser *parser, struct isa_place place, const char *name);

static void parse_source(struct isa_reader *reader, const struct isa_source *source, struct isa_parser *outer)
{
    struct isa_parser *parser = ISA_NEW(reader->arena, struct isa_parser);
    parser->arena = reader->arena;
    parser->diagnostics = reader->diagnostics;
    parser->include = include;
    parser->owner = reader;
    parser->declarations = outer == NULL ? &reader->declarations : outer->declarations;
    isa_lexer_start(&parser->lexer, reader->arena, reader->diagnostics, source->name, source->text, source->size);
    isa_parse_file(parser);
    if (outer != NULL) {
        outer->declarations = parser->declarations;
    }
}

static void include(struct isa_parser *parser, struct isa_place place, const char *name)
{
    struct isa_reader *reader = parser->owner;
    const char *problem;
    bool again;
    if (!reader->includes_allowed) {
        isa_report(reader->diagnostics, place, "this text may not include files; put everything into it");
        return;
    }
    if (reader->include_depth == INCLUDE_DEPTH_LIMIT) {
        isa_report(reader->diagnostics, place, "files include each other more than %u deep; include this one elsewhere",
                   INCLUDE_DEPTH_LIMIT);
        return;
    }
    const char *path = isa_source_beside(reader->arena, place.file, name);
    struct isa_source *source = isa_source_load(&reader->sources, path, &again, &problem);
    if (source == NULL) {
        isa_report(reader->diagnostics, place, "`%s` %s", path, problem);
        return;
    }
    if (again) {
        return;
    }
    reader->include_depth++;
    parse_source(reader, source, parser);
    reader->include_depth--;
}

static void list_files(struct isa_reader *reader)
{
    const char **file = ISA_NEW_ARRAY(reader->arena, const char *, reader->sources.count + 1);
    reader->machine->files = file;
    for (const struct isa_source *source = reader->sources.first; source != NULL; source = source->next) {
        *file++ = source->name;
    }
}

/* The phases in their order; each stands on what the ones before found good. */
static void run_phases(struct isa_reader *reader, const struct isa_source *root)
{
    static void (*const phases[])(struct isa_reader *) = { isa_declare_all,   isa_check_c_names, isa_check_all,
                                                           isa_infer_effects, isa_check_flow,    isa_check_encodings };
    parse_source(reader, root, NULL);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0] && reader->diagnostics->total == 0; i++) {
        phases[i](reader);
    }
}

static struct isa_reader *start(struct isa_diagnostics *diagnostics)
{
    struct isa_arena *arena = isa_arena_new();
    struct isa_reader *reader = ISA_NEW(arena, struct isa_reader);
    isa_diagnostics_clear(diagnostics);
    reader->arena = arena;
    reader->diagnostics = diagnostics;
    reader->sources.arena = arena;
    reader->symbols_end = &reader->symbols;
    reader->nodes_end = &reader->nodes;
    reader->machine = ISA_NEW(arena, struct isa_machine);
    reader->machine->arena = arena;
    return reader;
}

static struct isa_machine *finish(struct isa_reader *reader)
{
    if (reader->diagnostics->total == 0) {
        list_files(reader);
        return reader->machine;
    }
    isa_diagnostics_sort(reader->diagnostics);
    isa_arena_free(reader->arena);
    return NULL;
}

struct isa_machine *isa_read(const char *path, struct isa_diagnostics *diagnostics)
{
    struct isa_reader *reader = start(diagnostics);
    const char *problem;
    bool again;
    reader->includes_allowed = true;
    struct isa_source *root = isa_source_load(&reader->sources, path, &again, &problem);
    if (root == NULL) {
        isa_report(diagnostics, (struct isa_place){ .file = path }, "%s", problem);
    } else {
        run_phases(reader, root);
    }
    return finish(reader);
}

struct isa_machine *isa_read_text(const char *name, const char *text, size_t size, struct isa_diagnostics *diagnostics)
{
    struct isa_reader *reader = start(diagnostics);
    if (size > ISA_SOURCE_LIMIT) {
        isa_report(diagnostics, (struct isa_place){ .file = name },
                   "this is more than 4 MiB; a description is smaller");
        return finish(reader);
    }
    char *copy = isa_arena_text(reader->arena, text, size);
    run_phases(reader, isa_source_text(&reader->sources, name, copy, size));
    return finish(reader);
}

void isa_free(struct isa_machine *machine)
{
    if (machine != NULL) {
        isa_arena_free(machine->arena);
    }
}
