/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ravelin-isac KIND ROOT.isa -o FILE [--depfile FILE]
 *
 * The build-time compiler: reads the machine description ROOT.isa and writes one of its outputs. FILE is written whole
 * or not at all. The depfile is a make rule that names every description file read, for the build system.
 *
 * Exit status: 0 written, 1 the description has errors or a file cannot be read or written, 2 wrong usage.
 */
#include "core/check.h"
#include "isa/output.h"
#include "isa/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kind {
    const char *name;
    void (*write)(struct emit *emit);
};

static const struct kind kinds[] = {
    { "state", output_state },
    { "decoder-header", output_decoder_header },
    { "decoder", output_decoder },
    { "interpreter", output_interpreter },
    { "functions", output_functions },
    { "csr", output_csr },
    { "disassembler", output_disassembler },
    { "reference", output_reference },
    { "translate", output_translate },
};

struct options {
    const struct kind *kind;
    const char *root;
    const char *output;
    const char *depfile; /* or NULL */
};

static int usage(const char *problem, const char *what)
{
    fprintf(stderr, "ravelin-isac: %s%s\n", problem, what);
    fprintf(stderr, "usage: ravelin-isac KIND ROOT.isa -o FILE [--depfile FILE]\nKIND is one of:");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        fprintf(stderr, " %s", kinds[i].name);
    }
    fputc('\n', stderr);
    return 2;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* 0, or the exit status of a usage error. */
static int parse_arguments(int argc, char **argv, struct options *options)
{
    const char *words[2] = { NULL, NULL };
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        const bool is_output = strcmp(argv[i], "-o") == 0;
        if (is_output || strcmp(argv[i], "--depfile") == 0) {
            if (i + 1 == argc) {
                return usage("a file name must follow ", argv[i]);
            }
            *(is_output ? &options->output : &options->depfile) = argv[i + 1];
            i++;
        } else if (argv[i][0] == '-') {
            return usage("unknown option ", argv[i]);
        } else if (count == 2) {
            return usage("one description at a time; unexpected ", argv[i]);
        } else {
            words[count++] = argv[i];
        }
    }
    if (count != 2 || options->output == NULL) {
        return usage("a KIND, a description and -o FILE are needed", "");
    }
    options->kind = find_kind(words[0]);
    options->root = words[1];
    return options->kind == NULL ? usage("unknown kind ", words[0]) : 0;
}

/* A file being written under a temporary name beside its own. */
struct draft {
    const char *path;
    char *temporary;
    FILE *file;
};

static bool draft_open(struct draft *draft, const char *path)
{
    *draft = (struct draft){ .path = path };
    const size_t size = strlen(path) + sizeof ".tmp";
    draft->temporary = malloc(size);
    if (draft->temporary != NULL) {
        snprintf(draft->temporary, size, "%s.tmp", path);
        draft->file = fopen(draft->temporary, "w");
    }
    if (draft->file == NULL) {
        fprintf(stderr, "ravelin-isac: %s cannot be written: %s\n", path, strerror(errno));
        free(draft->temporary);
        return false;
    }
    return true;
}

/* Gives the file its name if all of it could be written; otherwise removes it. */
static bool draft_close(struct draft *draft)
{
    bool good = ferror(draft->file) == 0;
    good = fclose(draft->file) == 0 && good;
    good = good && rename(draft->temporary, draft->path) == 0;
    if (!good) {
        fprintf(stderr, "ravelin-isac: %s cannot be written: %s\n", draft->path, strerror(errno));
        unlink(draft->temporary);
    }
    free(draft->temporary);
    return good;
}

static bool write_output(const struct options *options, const struct isa_machine *machine)
{
    struct draft draft;
    if (!draft_open(&draft, options->output)) {
        return false;
    }
    struct emit emit;
    emit_begin(&emit, draft.file, machine, options->root);
    options->kind->write(&emit);
    emit_end(&emit);
    return draft_close(&draft);
}

/* A file name in a make rule: blanks, # and $ would end it or mean something. */
static void write_make_name(FILE *file, const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == ' ' || *name == '#') {
            fputc('\\', file);
        } else if (*name == '$') {
            fputc('$', file);
        }
        fputc(*name, file);
    }
}

static bool write_depfile(const struct options *options, const struct isa_machine *machine)
{
    struct draft draft;
    if (!draft_open(&draft, options->depfile)) {
        return false;
    }
    write_make_name(draft.file, options->output);
    fputc(':', draft.file);
    for (const char **name = machine->files; *name != NULL; name++) {
        fputs(" \\\n  ", draft.file);
        write_make_name(draft.file, *name);
    }
    fputc('\n', draft.file);
    return draft_close(&draft);
}

int main(int argc, char **argv)
{
    struct options options = { .kind = NULL };
    const int wrong = parse_arguments(argc, argv, &options);
    if (wrong != 0) {
        return wrong;
    }
    CHECK(options.kind != NULL && options.root != NULL && options.output != NULL);
    static struct isa_diagnostics diagnostics; /* large */
    struct isa_machine *machine = isa_read(options.root, &diagnostics);
    if (machine == NULL) {
        isa_diagnostics_print(&diagnostics, stderr);
        return 1;
    }
    bool good = write_output(&options, machine);
    if (good && options.depfile != NULL) {
        good = write_depfile(&options, machine);
    }
    isa_free(machine);
    return good ? 0 : 1;
}
