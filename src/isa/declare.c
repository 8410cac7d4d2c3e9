/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations: every name first, then what each says of itself. Bodies come later (check.c). */
#include "isa/check.h"
#include "isa/reader.h"

#include <string.h>

#define DECLARATION_LIMIT 16384u

/* ---- Names ---------------------------------------------------------------------------------------------------- */

static const enum isa_space spaces[] = {
    [ISA_SYNTAX_MACHINE] = 0, /* has no name to refer to */
    [ISA_SYNTAX_EXTENSION] = ISA_SPACE_EXTENSION,
    [ISA_SYNTAX_MODE] = ISA_SPACE_VALUE,
    [ISA_SYNTAX_CONSTANT] = ISA_SPACE_VALUE,
    [ISA_SYNTAX_EXCEPTION] = ISA_SPACE_EXCEPTION,
    [ISA_SYNTAX_REGISTER] = ISA_SPACE_VALUE,
    [ISA_SYNTAX_NAMES] = ISA_SPACE_NAMES,
    [ISA_SYNTAX_FORMAT] = ISA_SPACE_FORMAT,
    [ISA_SYNTAX_INSTRUCTION] = ISA_SPACE_INSTRUCTION,
    [ISA_SYNTAX_FUNCTION] = ISA_SPACE_FUNCTION,
    [ISA_SYNTAX_CSR] = ISA_SPACE_VALUE,
};

/* Makes the object; only `place` and `name`, which all have, are filled in. */
#define MAKE(member, type)                                \
    do {                                                  \
        symbol->as.member = ISA_NEW(reader->arena, type); \
        symbol->as.member->place = symbol->decl->place;   \
        symbol->as.member->name = symbol->decl->name;     \
    } while (0)

static void make_object(struct isa_reader *reader, struct isa_symbol *symbol)
{
    switch (symbol->decl->kind) {
    case ISA_SYNTAX_MACHINE: break;
    case ISA_SYNTAX_EXTENSION: MAKE(extension, struct isa_extension); break;
    case ISA_SYNTAX_MODE: MAKE(mode, struct isa_mode); break;
    case ISA_SYNTAX_CONSTANT: symbol->as.constant = ISA_NEW(reader->arena, struct isa_constant); break;
    case ISA_SYNTAX_EXCEPTION: MAKE(exception, struct isa_exception); break;
    case ISA_SYNTAX_REGISTER: MAKE(reg, struct isa_register); break;
    case ISA_SYNTAX_NAMES: MAKE(names, struct isa_names); break;
    case ISA_SYNTAX_FORMAT: MAKE(format, struct isa_format); break;
    case ISA_SYNTAX_INSTRUCTION: MAKE(instruction, struct isa_instruction); break;
    case ISA_SYNTAX_FUNCTION: MAKE(function, struct isa_function); break;
    case ISA_SYNTAX_CSR: MAKE(csr, struct isa_csr); break;
    }
}

static bool check_name(struct isa_reader *reader, const struct isa_syntax_decl *decl)
{
    static const char *const taken[] = { "next_pc", "encoding", "index", "value", "true", "false",
                                         "and",     "or",       "not",   "if",    "then", "else" };
    const char *where = NULL;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (spaces[decl->kind] == ISA_SPACE_VALUE && strcmp(taken[i], decl->name) == 0) {
            where = "in bodies";
        }
    }
    if (decl->kind == ISA_SYNTAX_FUNCTION && isa_is_builtin(decl->name)) {
        where = "as a builtin";
    }
    if (where != NULL) {
        isa_report(reader->diagnostics, decl->place, "`%s` has a meaning of its own %s; choose another name",
                   decl->name, where);
    }
    return where == NULL;
}

static void declare_names(struct isa_reader *reader)
{
    unsigned count[ISA_SYNTAX_CSR + 1] = { 0 };
    for (struct isa_syntax_decl *decl = reader->declarations; decl != NULL; decl = decl->next) {
        if (decl->kind == ISA_SYNTAX_MACHINE || !check_name(reader, decl)) {
            continue;
        }
        if (count[decl->kind]++ == DECLARATION_LIMIT) {
            isa_report(reader->diagnostics, decl->place, "more than %u declarations of this kind; remove some",
                       DECLARATION_LIMIT);
        }
        if (count[decl->kind] > DECLARATION_LIMIT) {
            continue;
        }
        struct isa_symbol *symbol = isa_declare(reader, spaces[decl->kind], decl);
        if (symbol != NULL) {
            make_object(reader, symbol);
        }
    }
}

/* ---- The machine ---------------------------------------------------------------------------------------------- */

static void declare_machine(struct isa_reader *reader)
{
    const struct isa_syntax_decl *found = NULL;
    for (const struct isa_syntax_decl *decl = reader->declarations; decl != NULL; decl = decl->next) {
        if (decl->kind != ISA_SYNTAX_MACHINE) {
            continue;
        }
        if (found != NULL) {
            isa_report(reader->diagnostics, decl->place, "a second machine; the first is at %s:%u, remove one",
                       found->place.file, found->place.line);
        } else {
            found = decl;
        }
    }
    if (found == NULL) {
        struct isa_place place = { .file = reader->sources.first->name };
        isa_report(
            reader->diagnostics, place,
            "no machine is declared here; write `machine NAME \"TITLE\"`, or check the file that includes this one");
        return;
    }
    reader->machine->name = found->name;
    reader->machine->title = found->title;
    if (found->other == NULL) {
        return;
    }
    struct isa_symbol *symbol = isa_expect(reader, ISA_SPACE_EXCEPTION, found->other->text, found->other->place);
    reader->machine->csr_missing = symbol == NULL ? NULL : symbol->as.exception;
}

/* ---- Modes, exceptions ---------------------------------------------------------------------------------------- */

static void declare_modes(struct isa_reader *reader)
{
    struct isa_mode **end = &reader->machine->modes;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_MODE) {
            continue;
        }
        struct isa_mode *mode = symbol->as.mode;
        mode->title = symbol->decl->title;
        isa_constant_between(reader, symbol->decl->value, "a mode", 0, 255, &mode->value);
        for (const struct isa_mode *other = reader->machine->modes; other != NULL; other = other->next) {
            if (other->value == mode->value) {
                isa_report(reader->diagnostics, mode->place, "mode `%s` has this value already; choose another",
                           other->name);
            }
        }
        *end = mode;
        end = &mode->next;
    }
}

static void check_mode_widths(struct isa_reader *reader)
{
    const struct isa_register *reg = reader->machine->mode;
    for (const struct isa_mode *mode = reader->machine->modes; mode != NULL && reg != NULL; mode = mode->next) {
        if (mode->value > (uint64_t)isa_bits_mask(reg->width)) {
            isa_report(reader->diagnostics, mode->place, "mode `%s` does not fit `%s`, which is bits(%u); widen it",
                       mode->name, reg->name, reg->width);
        }
    }
}

static void declare_exceptions(struct isa_reader *reader)
{
    struct isa_exception **end = &reader->machine->exceptions;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_EXCEPTION) {
            continue;
        }
        struct isa_exception *exception = symbol->as.exception;
        exception->title = symbol->decl->title;
        isa_constant_between(reader, symbol->decl->value, "the code of an exception", 0, UINT64_MAX, &exception->code);
        for (const struct isa_exception *other = reader->machine->exceptions; other != NULL; other = other->next) {
            if (other->code == exception->code) {
                isa_report(reader->diagnostics, exception->place,
                           "exception `%s` has this code already; choose another", other->name);
            }
        }
        *end = exception;
        end = &exception->next;
    }
}

/* ---- Registers ------------------------------------------------------------------------------------------------ */

static void register_role(struct isa_reader *reader, struct isa_register *reg, const struct isa_syntax_word *role)
{
    const struct isa_register **slot;
    if (strcmp(role->text, "program_counter") == 0) {
        reg->role = ISA_ROLE_PROGRAM_COUNTER;
        slot = &reader->machine->program_counter;
    } else if (strcmp(role->text, "mode") == 0) {
        reg->role = ISA_ROLE_MODE;
        slot = &reader->machine->mode;
    } else {
        isa_report(reader->diagnostics, role->place, "`%s` is no role of a register; write `program_counter` or `mode`",
                   role->text);
        return;
    }
    if (*slot != NULL) {
        isa_report(reader->diagnostics, role->place, "`%s` is the %s already; a machine has one", (*slot)->name,
                   role->text);
    } else if (reg->count != 0 || reg->width > 64) {
        isa_report(reader->diagnostics, role->place, "the %s is one register of at most 64 bits; write `%s : bits(N)`",
                   role->text, reg->name);
    } else {
        *slot = reg;
    }
}

static void register_names(struct isa_reader *reader, struct isa_register *reg, const struct isa_syntax_decl *decl)
{
    unsigned count = 0;
    reg->names = ISA_NEW_ARRAY(reader->arena, const char *, reg->count + 1);
    for (const struct isa_syntax_word *word = decl->words; word != NULL; word = word->next, count++) {
        if (count < reg->count) {
            reg->names[count] = word->text;
        }
    }
    if (count != reg->count) {
        isa_report(reader->diagnostics, decl->place, "%u names for %u registers; give each one, or leave `names` out",
                   count, reg->count);
    }
}

static void register_reset(struct isa_reader *reader, struct isa_register *reg, struct isa_syntax_expr *expr)
{
    struct isa_number number;
    if (isa_constant(reader, expr, &number) && !isa_number_fits(number, reg->width, &reg->reset)) {
        isa_report(reader->diagnostics, expr->place, "the reset value does not fit bits(%u); write one that does",
                   reg->width);
    }
}

static void declare_register(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_register *reg = symbol->as.reg;
    const struct isa_syntax_decl *decl = symbol->decl;
    uint64_t value;
    reg->zero = -1;
    reg->width = 64;
    if (isa_type_width(reader, &decl->type, &reg->width) && reg->width == ISA_BOOL) {
        isa_report(reader->diagnostics, decl->type.place, "a register holds bits; write `bits(1)`");
        reg->width = 1;
    }
    if (decl->count != NULL && isa_constant_between(reader, decl->count, "the size of a bank", 1, 4096, &value)) {
        reg->count = (unsigned)value;
    }
    if (decl->zero != NULL && isa_constant_between(reader, decl->zero, "the register that reads 0", 0,
                                                   reg->count == 0 ? 0 : reg->count - 1, &value)) {
        reg->zero = (int)value;
    }
    if (decl->zero != NULL && reg->count == 0) {
        isa_report(reader->diagnostics, decl->zero->place, "only a bank has a register that reads 0; remove `zero`");
    }
    if (decl->role != NULL) {
        register_role(reader, reg, decl->role);
    }
    if (decl->reset != NULL) {
        register_reset(reader, reg, decl->reset);
    }
    if (decl->words != NULL) {
        register_names(reader, reg, decl);
    }
}

static void declare_registers(struct isa_reader *reader)
{
    struct isa_register **end = &reader->machine->registers;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_REGISTER) {
            continue;
        }
        declare_register(reader, symbol);
        *end = symbol->as.reg;
        end = &symbol->as.reg->next;
    }
    if (reader->machine->program_counter != NULL || reader->machine->name == NULL) {
        return;
    }
    struct isa_place place = { .file = reader->sources.first->name };
    isa_report(reader->diagnostics, place,
               "the machine has no program counter; declare one: `register pc : bits(64) is program_counter`");
}

/* ---- Tables of names ------------------------------------------------------------------------------------------ */

static void declare_names_tables(struct isa_reader *reader)
{
    struct isa_names **end = &reader->machine->names;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_NAMES) {
            continue;
        }
        struct isa_names *names = symbol->as.names;
        uint64_t width = 1;
        isa_constant_between(reader, symbol->decl->value, "the width of a table of names", 1, 12, &width);
        names->width = (unsigned)width;
        names->text = ISA_NEW_ARRAY(reader->arena, const char *, (size_t)1 << width);
        size_t count = 0;
        for (const struct isa_syntax_word *word = symbol->decl->words; word != NULL; word = word->next, count++) {
            if (count < (size_t)1 << width && strcmp(word->text, "_") != 0) {
                names->text[count] = word->text;
            }
        }
        if (count > (size_t)1 << width) {
            isa_report(reader->diagnostics, names->place, "bits(%u) has %u values, but there are %u names; remove some",
                       names->width, 1u << names->width, (unsigned)count);
        }
        *end = names;
        end = &names->next;
    }
}

/* ---- Functions ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    unsigned effect;
} effects[] = {
    { "pure", 0 },
    { "reads_memory", ISA_EFFECT_READS_MEMORY },
    { "writes_memory", ISA_EFFECT_WRITES_MEMORY },
    { "reads_csr", ISA_EFFECT_READS_CSR },
    { "writes_csr", ISA_EFFECT_WRITES_CSR },
    { "reads_registers", ISA_EFFECT_READS_REGISTERS },
    { "writes_registers", ISA_EFFECT_WRITES_REGISTERS },
    { "traps", ISA_EFFECT_TRAPS },
    { "changes_mode", ISA_EFFECT_CHANGES_MODE },
    { "changes_translation", ISA_EFFECT_CHANGES_TRANSLATION },
    { "orders", ISA_EFFECT_ORDERS },
    { "stops", ISA_EFFECT_STOPS },
    { "reads_time", ISA_EFFECT_READS_TIME },
};

static void declare_effect(struct isa_reader *reader, struct isa_function *function, const struct isa_syntax_word *word)
{
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, word->text);
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        isa_suggest(&suggestion, effects[i].name);
        if (strcmp(effects[i].name, word->text) == 0) {
            function->effects |= effects[i].effect;
            return;
        }
    }
    isa_report(reader->diagnostics, word->place, "`%s` is no effect; %s", word->text,
               isa_suggest_text(reader, &suggestion, "write one of the language page's table, or `pure`"));
}

static void declare_effects(struct isa_reader *reader, struct isa_function *function,
                            const struct isa_syntax_decl *decl)
{
    bool pure = false;
    if (decl->words == NULL) {
        isa_report(reader->diagnostics, decl->place, "`%s` says nothing of its effects; write them, or `pure`",
                   decl->name);
    }
    for (const struct isa_syntax_word *word = decl->words; word != NULL; word = word->next) {
        pure = pure || strcmp(word->text, "pure") == 0;
        declare_effect(reader, function, word);
    }
    if (pure && function->effects != 0) {
        isa_report(reader->diagnostics, decl->place, "`pure` means no effect at all; remove it or the others");
    }
    if (pure && !decl->type.given) {
        isa_report(reader->diagnostics, decl->place,
                   "`%s` has neither effect nor result, so it does nothing; write what it does", decl->name);
    }
}

static void declare_function(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_function *function = symbol->as.function;
    const struct isa_syntax_decl *decl = symbol->decl;
    struct isa_local **end = &function->parameters;
    function->primitive = decl->primitive;
    function->exported = decl->exported;
    function->result = ISA_VOID;
    if (decl->type.given && !isa_type_width(reader, &decl->type, &function->result)) {
        function->result = 64;
    }
    for (const struct isa_syntax_parameter *parameter = decl->parameters; parameter != NULL;
         parameter = parameter->next) {
        struct isa_local *local = ISA_NEW(reader->arena, struct isa_local);
        local->place = parameter->place;
        local->name = parameter->name;
        local->number = function->parameter_count++;
        if (!isa_type_width(reader, &parameter->type, &local->width)) {
            local->width = 64;
        }
        *end = local;
        end = &local->next;
    }
    symbol->node = isa_new_node(reader, decl->place, isa_text(reader, "`%s`", decl->name));
    symbol->node->function = function;
    if (decl->primitive) {
        declare_effects(reader, function, decl);
    }
    symbol->node->effects = function->effects;
}

void isa_declare_all(struct isa_reader *reader)
{
    declare_names(reader);
    declare_machine(reader);
    declare_modes(reader);
    isa_declare_extensions(reader);
    declare_exceptions(reader);
    declare_registers(reader);
    check_mode_widths(reader);
    declare_names_tables(reader);
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_CONSTANT) {
            isa_constant_value(reader, symbol);
        } else if (symbol->decl->kind == ISA_SYNTAX_FUNCTION) {
            declare_function(reader, symbol);
        }
    }
    isa_declare_formats(reader);
    isa_declare_csrs(reader);
}
