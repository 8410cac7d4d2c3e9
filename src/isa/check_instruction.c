/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions: extensions, `where`, assembly text, `is`, body. */
#include "isa/check.h"

#include <string.h>

static struct isa_scope operand_scope(struct isa_reader *reader, const struct isa_instruction *instruction,
                                      const char *what)
{
    struct isa_scope scope = { .reader = reader,
                               .view = ISA_VIEW_CONSTANTS,
                               .what = what,
                               .instruction = instruction,
                               .errors = reader->diagnostics->total };
    return scope;
}

static bool is_operand(const struct isa_instruction *instruction, const struct isa_field *field)
{
    const struct isa_fixed *fixed = instruction->fixed;
    while (fixed != NULL && fixed->field != field) {
        fixed = fixed->next;
    }
    return fixed == NULL;
}

/* ---- is ------------------------------------------------------------------------------------------------------- */

static struct isa_syntax_setting *find_setting(struct isa_syntax_setting *settings, const char *name)
{
    while (settings != NULL && strcmp(settings->name, name) != 0) {
        settings = settings->next;
    }
    return settings;
}

static void bind(struct isa_scope *scope, struct isa_instruction *instruction, struct isa_binding ***end,
                 const struct isa_field *field, const struct isa_syntax_decl *decl)
{
    struct isa_syntax_setting *setting = find_setting(decl->bindings, field->name);
    if (setting == NULL) {
        isa_report(scope->reader->diagnostics, decl->other->place, "`%s` needs its operand `%s`; write `%s = …`",
                   instruction->same_as->name, field->name, field->name);
        return;
    }
    struct isa_binding *binding = ISA_NEW(scope->reader->arena, struct isa_binding);
    binding->field = field;
    binding->value = isa_check(scope, setting->value, field->width);
    **end = binding;
    *end = &binding->next;
}

static void check_setting_names(struct isa_reader *reader, const struct isa_instruction *other,
                                const struct isa_syntax_decl *decl)
{
    for (struct isa_syntax_setting *setting = decl->bindings; setting != NULL; setting = setting->next) {
        struct isa_suggestion suggestion;
        bool found = false;
        isa_suggest_start(&suggestion, setting->name);
        for (const struct isa_field *field = other->format->fields; field != NULL; field = field->next) {
            if (!is_operand(other, field)) {
                continue;
            }
            isa_suggest(&suggestion, field->name);
            found = found || strcmp(field->name, setting->name) == 0;
        }
        if (!found) {
            isa_report(reader->diagnostics, setting->place, "`%s` has no operand `%s`; %s", other->name, setting->name,
                       isa_suggest_text(reader, &suggestion, "remove it"));
        } else if (find_setting(decl->bindings, setting->name) != setting) {
            isa_report(reader->diagnostics, setting->place, "`%s` has a value already; remove one", setting->name);
        }
    }
}

static void check_is(struct isa_reader *reader, struct isa_instruction *instruction, const struct isa_syntax_decl *decl)
{
    struct isa_symbol *symbol = isa_expect(reader, ISA_SPACE_INSTRUCTION, decl->other->text, decl->other->place);
    if (symbol == NULL || symbol->as.instruction->format == NULL) {
        return;
    }
    if (symbol->decl->other != NULL) {
        isa_report(reader->diagnostics, decl->other->place, "`%s` itself is another instruction; write that one, `%s`",
                   symbol->name, symbol->decl->other->text);
        return;
    }
    const struct isa_instruction *other = symbol->as.instruction;
    struct isa_scope scope = operand_scope(reader, instruction, "`is`");
    struct isa_binding **end = &instruction->bindings;
    instruction->same_as = other;
    check_setting_names(reader, other, decl);
    for (const struct isa_field *field = other->format->fields; field != NULL; field = field->next) {
        if (is_operand(other, field)) {
            bind(&scope, instruction, &end, field, decl);
        }
    }
}

/* ---- Clauses -------------------------------------------------------------------------------------------------- */

static void check_overrides(struct isa_reader *reader, struct isa_instruction *instruction,
                            const struct isa_syntax_decl *decl)
{
    unsigned count = 0;
    for (const struct isa_syntax_word *word = decl->overrides; word != NULL; word = word->next) {
        count++;
    }
    instruction->overrides = ISA_NEW_ARRAY(reader->arena, const struct isa_instruction *, count);
    for (const struct isa_syntax_word *word = decl->overrides; word != NULL; word = word->next) {
        struct isa_symbol *symbol = isa_expect(reader, ISA_SPACE_INSTRUCTION, word->text, word->place);
        if (symbol == NULL) {
            continue;
        }
        if (symbol->as.instruction == instruction) {
            isa_report(reader->diagnostics, word->place, "an instruction cannot override itself; name another");
        } else {
            instruction->overrides[instruction->override_count++] = symbol->as.instruction;
        }
    }
}

static void check_body(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_instruction *instruction = symbol->as.instruction;
    unsigned *local_count = ISA_NEW(reader->arena, unsigned);
    struct isa_scope scope = { .reader = reader,
                               .view = ISA_VIEW_STATE,
                               .what = "a body",
                               .instruction = instruction,
                               .node = symbol->node,
                               .local_count = local_count,
                               .may_jump = true,
                               .errors = reader->diagnostics->total };
    instruction->body = isa_check_statements(&scope, symbol->decl->body.first);
    symbol->node->body = &instruction->body;
    symbol->node->local_count = local_count;
}

static void check_meaning(struct isa_reader *reader, struct isa_symbol *symbol)
{
    const struct isa_syntax_decl *decl = symbol->decl;
    if (decl->other != NULL && decl->body.given) {
        isa_report(reader->diagnostics, decl->body.place,
                   "an instruction with `is` has no body of its own; remove one");
    } else if (decl->other != NULL) {
        check_is(reader, symbol->as.instruction, decl);
    } else if (!decl->body.given) {
        isa_report(reader->diagnostics, decl->place,
                   "nothing says what `%s` does; write its body indented below, `is …`, or `nothing`", decl->name);
    } else {
        check_body(reader, symbol);
    }
}

void isa_check_instruction(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_instruction *instruction = symbol->as.instruction;
    const struct isa_syntax_decl *decl = symbol->decl;
    symbol->node = isa_new_node(reader, decl->place, isa_text(reader, "`%s`", decl->name));
    if (instruction->format == NULL) {
        return; /* reported; every operand would be unknown */
    }
    if (decl->in == NULL) {
        isa_report(reader->diagnostics, decl->place, "nothing says which extension brings `%s`; write `in EXTENSION`",
                   decl->name);
    } else {
        instruction->in = isa_check_condition(reader, decl->in);
    }
    struct isa_scope where = operand_scope(reader, instruction, "`where`");
    if (decl->where != NULL) {
        instruction->where = isa_check(&where, decl->where, ISA_BOOL);
    }
    struct isa_scope assembly = operand_scope(reader, instruction, "assembly text");
    if (decl->mnemonic_parts != NULL) {
        instruction->mnemonic_parts = isa_check_template(&assembly, decl->mnemonic_parts);
    }
    if (decl->assembly != NULL) {
        instruction->assembly = isa_check_template(&assembly, decl->assembly);
    }
    check_overrides(reader, instruction, decl);
    check_meaning(reader, symbol);
}
