/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the names of a description become in the C that is made of it (output_*.c): no two may become one. Here rather
 * than in the C compiler's messages about generated code, so that the author is told, and told where.
 */
#include "isa/c_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Where two equal names would meet. */
enum space { SPACE_FILE, SPACE_STATE, SPACE_CSR };

struct entry {
    const char *text; /* NULL: free */
    enum space space;
    const char *owner; /* as the description calls it; NULL: the output's own */
    const char *meaning;
};

struct names {
    struct isa_reader *reader;
    const char *prefix, *upper; /* the machine's name, and that in capitals */
    struct entry *entries;
    size_t mask; /* number of entries - 1; at most half of them are taken */
};

/* ---- Words ---------------------------------------------------------------------------------------------------- */

static bool is_one_of(const char *const *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], name) == 0) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(words, name) is_one_of((words), sizeof(words) / sizeof(words)[0], (name))

bool isa_is_c_word(const char *name)
{
    static const char *const words[] = {
        "auto",       "bool",      "break",         "case",     "char",           "const",    "continue", "default",
        "do",         "double",    "else",          "enum",     "extern",         "false",    "float",    "for",
        "goto",       "if",        "inline",        "int",      "long",           "register", "restrict", "return",
        "short",      "signed",    "sizeof",        "static",   "struct",         "switch",   "true",     "typedef",
        "union",      "unsigned",  "void",          "volatile", "while",          "asm",      "typeof",   "linux",
        "unix",       "_Alignas",  "_Alignof",      "_Atomic",  "_Bool",          "_Complex", "_Generic", "NULL",
        "_Imaginary", "_Noreturn", "_Thread_local", "PC",       "_Static_assert", "NEXT_PC",  "ENCODING", /* the last:
                                                                                                             handlers'
                                                                                                           */
    };
    return IS_ONE_OF(words, name);
}

static const char *capitals(struct isa_reader *reader, const char *name)
{
    char *text = isa_arena_text(reader->arena, name, strlen(name));
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c == '.' ? '_' : toupper((unsigned char)*c));
    }
    return text;
}

/* ---- The names taken ------------------------------------------------------------------------------------------ */

static struct entry *place_of(const struct names *names, enum space space, const char *text)
{
    uint32_t hash = 2166136261u ^ (uint32_t)space;
    for (const char *c = text; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    }
    size_t at = (hash ^ hash >> 15) & names->mask;
    while (names->entries[at].text != NULL &&
           (names->entries[at].space != space || strcmp(names->entries[at].text, text) != 0)) {
        at = (at + 1) & names->mask;
    }
    return &names->entries[at];
}

/* Takes a name for the output itself. */
static void reserve(struct names *names, enum space space, const char *text, const char *meaning)
{
    *place_of(names, space, text) = (struct entry){ .text = text, .space = space, .meaning = meaning };
}

/* Takes a name for what `owner` is called in the description; reports who has it already. False: reported. */
static bool take(struct names *names, enum space space, const char *text, const char *owner, struct isa_place place)
{
    struct entry *entry = place_of(names, space, text);
    if (entry->text == NULL) {
        *entry = (struct entry){ .text = text, .space = space, .owner = owner };
        return true;
    }
    if (entry->owner == NULL) {
        isa_report(names->reader->diagnostics, place, "`%s` becomes `%s` in C, which is %s; choose another name", owner,
                   text, entry->meaning);
    } else {
        isa_report(names->reader->diagnostics, place, "`%s` becomes `%s` in C, as `%s` does; rename one", owner, text,
                   entry->owner);
    }
    return false;
}

/* ---- Who takes which ------------------------------------------------------------------------------------------ */

static void reserve_own(struct names *names)
{
    static const char *const functions[] = {
        "state_reset",         "has",      "decode",         "insn_info",
        "disassemble",         "csr_name", "extension_name", "extension_title",
        "extension_needs_met", "csr_read", "csr_write",      "translate_instruction",
    };
    struct isa_reader *reader = names->reader;
    reserve(names, SPACE_FILE, isa_text(reader, "%s_INSN_COUNT", names->upper), "the number of instructions");
    reserve(names, SPACE_FILE, isa_text(reader, "%s_EXT_COUNT", names->upper), "the number of extensions");
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        reserve(names, SPACE_FILE, isa_text(reader, "%s_%s", names->prefix, functions[i]),
                "a name of the generated code's own");
    }
    reserve(names, SPACE_STATE, "csr", "where the control registers are kept");
}

/* A member of the state or a local of the decoder, under its own name. */
static void check_word(struct isa_reader *reader, const char *name, struct isa_place place)
{
    if (isa_is_c_word(name)) {
        isa_report(reader->diagnostics, place, "`%s` has a meaning of its own in C; choose another name", name);
    }
}

static void take_constant(struct names *names, const char *kind, const char *name, struct isa_place place)
{
    struct isa_reader *reader = names->reader;
    take(names, SPACE_FILE, isa_text(reader, "%s_%s_%s", names->upper, kind, capitals(reader, name)), name, place);
}

static void take_csr_field(struct names *names, const struct isa_csr *csr, const struct isa_csr_field *field)
{
    struct isa_reader *reader = names->reader;
    const char *owner = isa_text(reader, "%s.%s", csr->name, field->name);
    const char *upper =
        isa_text(reader, "%s_%s_%s", names->upper, capitals(reader, csr->name), capitals(reader, field->name));
    bool good = take(names, SPACE_FILE, isa_text(reader, "%s_MASK", upper), owner, field->place) &&
                take(names, SPACE_FILE, isa_text(reader, "%s_SHIFT", upper), owner, field->place);
    if (!good) {
        return;
    }
    if (field->rule == ISA_RULE_IS) {
        take(names, SPACE_FILE, isa_text(reader, "%s_computed_%s_%s", names->prefix, csr->name, field->name), owner,
             field->place);
        return;
    }
    if (take(names, SPACE_FILE, isa_text(reader, "%s_%s_%s", names->prefix, csr->name, field->name), owner,
             field->place)) {
        take(names, SPACE_FILE, isa_text(reader, "%s_set_%s_%s", names->prefix, csr->name, field->name), owner,
             field->place);
    }
}

static void take_csr(struct names *names, const struct isa_csr *csr)
{
    struct isa_reader *reader = names->reader;
    if (csr->numbered) {
        take_constant(names, "CSR", csr->name, csr->place);
    }
    check_word(reader, csr->name, csr->place);
    take(names, SPACE_CSR, csr->name, csr->name, csr->place);
    take(names, SPACE_FILE, isa_text(reader, "%s_csr_value_%s", names->prefix, csr->name), csr->name, csr->place);
    take(names, SPACE_FILE, isa_text(reader, "%s_set_csr_%s", names->prefix, csr->name), csr->name, csr->place);
    for (const struct isa_csr_field *field = csr->view == NULL ? csr->fields : NULL; field != NULL;
         field = field->next) {
        take_csr_field(names, csr, field);
    }
}

static void check_operands(struct isa_reader *reader, const struct isa_format *format)
{
    static const char *const taken[] = { "bits", "features", "decoded", "line" }; /* locals of the generated code */
    for (const struct isa_field *field = format->fields; field != NULL; field = field->next) {
        if (IS_ONE_OF(taken, field->name)) {
            isa_report(reader->diagnostics, format->place,
                       "the generated decoder has a `%s` of its own; choose another name for the field", field->name);
        }
        check_word(reader, field->name, format->place);
    }
}

static void take_symbol(struct names *names, const struct isa_symbol *symbol)
{
    const struct isa_place place = symbol->decl->place;
    switch (symbol->decl->kind) {
    case ISA_SYNTAX_EXTENSION: take_constant(names, "EXT", symbol->name, place); break;
    case ISA_SYNTAX_MODE: take_constant(names, "MODE", symbol->name, place); break;
    case ISA_SYNTAX_EXCEPTION: take_constant(names, "EXCEPTION", symbol->name, place); break;
    case ISA_SYNTAX_INSTRUCTION: take_constant(names, "INSN", symbol->name, place); break;
    case ISA_SYNTAX_REGISTER:
        check_word(names->reader, symbol->name, place);
        take(names, SPACE_STATE, symbol->name, symbol->name, place);
        break;
    case ISA_SYNTAX_FORMAT: check_operands(names->reader, symbol->as.format); break;
    case ISA_SYNTAX_FUNCTION:
        take(names, SPACE_FILE, isa_text(names->reader, "%s_%s", names->prefix, symbol->name), symbol->name, place);
        break;
    case ISA_SYNTAX_CSR: take_csr(names, symbol->as.csr); break;
    case ISA_SYNTAX_MACHINE:
    case ISA_SYNTAX_CONSTANT:
    case ISA_SYNTAX_NAMES: break; /* constants are folded; tables have names of their own kind */
    }
}

/* At most as many names as this are taken. */
static size_t count_names(const struct isa_reader *reader)
{
    size_t count = 64; /* the output's own */
    for (const struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        count += 4;
        if (symbol->decl->kind == ISA_SYNTAX_CSR) {
            for (const struct isa_csr_field *field = symbol->as.csr->fields; field != NULL; field = field->next) {
                count += 4;
            }
        }
    }
    return count;
}

void isa_check_c_names(struct isa_reader *reader)
{
    size_t size = 1;
    while (size < 2 * count_names(reader)) {
        size *= 2;
    }
    struct names names = {
        .reader = reader,
        .prefix = reader->machine->name,
        .upper = capitals(reader, reader->machine->name),
        .entries = ISA_NEW_ARRAY(reader->arena, struct entry, size),
        .mask = size - 1,
    };
    reserve_own(&names);
    for (const struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        take_symbol(&names, symbol);
    }
}
