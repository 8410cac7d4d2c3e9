/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers: numbers, widths and fields. Their computed fields and blocks are checked later (check_csr.c). */
#include "isa/check.h"
#include "isa/reader.h"

#include <string.h>

static void check_field_place(struct isa_reader *reader, const struct isa_csr *csr, const struct isa_csr_field *field)
{
    for (const struct isa_csr_field *other = csr->fields; other != field; other = other->next) {
        if (strcmp(other->name, field->name) == 0) {
            isa_report(reader->diagnostics, field->place, "`%s` has a field `%s` already; choose another name",
                       csr->name, field->name);
        } else if (other->low <= field->high && field->low <= other->high) {
            isa_report(reader->diagnostics, field->place, "`%s` overlaps the field `%s`, bits %u:%u; move one of them",
                       field->name, other->name, other->high, other->low);
        } else {
            continue;
        }
        return;
    }
}

static void declare_legal(struct isa_reader *reader, struct isa_csr_field *field, struct isa_syntax_expr *values)
{
    unsigned count = 0;
    for (const struct isa_syntax_expr *value = values; value != NULL; value = value->next) {
        count++;
    }
    field->legal = ISA_NEW_ARRAY(reader->arena, uint64_t, count);
    uint64_t most = (uint64_t)isa_bits_mask(field->high - field->low + 1);
    for (struct isa_syntax_expr *value = values; value != NULL; value = value->next) {
        if (isa_constant_between(reader, value, "a value of this field", 0, most, &field->legal[field->legal_count])) {
            field->legal_count++;
        }
    }
}

static bool field_bits(struct isa_reader *reader, const struct isa_csr *csr, struct isa_csr_field *field,
                       const struct isa_syntax_csr_field *syntax)
{
    uint64_t high, low;
    if (!isa_constant_between(reader, syntax->high, "a bit of this register", 0, csr->width - 1, &high) ||
        !isa_constant_between(reader, syntax->low, "a bit of this register", 0, csr->width - 1, &low)) {
        return false;
    }
    if (low > high) {
        isa_report(reader->diagnostics, syntax->high->place, "the highest bit comes first; write `%u:%u`",
                   (unsigned)low, (unsigned)high);
        return false;
    }
    field->high = (unsigned)high;
    field->low = (unsigned)low;
    return true;
}

static void declare_fields(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_csr *csr = symbol->as.csr;
    struct isa_csr_field **end = &csr->fields;
    unsigned count = 0;
    for (const struct isa_syntax_csr_field *syntax = symbol->decl->fields; syntax != NULL; syntax = syntax->next) {
        struct isa_csr_field *field = ISA_NEW(reader->arena, struct isa_csr_field);
        field->place = syntax->place;
        field->name = syntax->name;
        field->csr = csr;
        field->rule = syntax->rule;
        const bool placed = field_bits(reader, csr, field, syntax);
        if (field->rule == ISA_RULE_LEGAL) {
            declare_legal(reader, field, syntax->values);
        }
        csr->has_storage = csr->has_storage || field->rule != ISA_RULE_IS;
        *end = field;
        if (placed) {
            check_field_place(reader, csr, field);
        }
        end = &field->next;
        count++;
    }
    symbol->csr_nodes->fields = ISA_NEW_ARRAY(reader->arena, struct isa_node *, count);
    struct isa_node **node = symbol->csr_nodes->fields;
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next, node++) {
        if (field->rule != ISA_RULE_IS) {
            continue;
        }
        *node = isa_new_node(reader, field->place, isa_text(reader, "`%s.%s`", csr->name, field->name));
        isa_node_uses(reader, symbol->csr_nodes->whole, *node, field->place);
    }
}

static void declare_width(struct isa_reader *reader, struct isa_csr *csr, const struct isa_syntax_decl *decl)
{
    csr->width = 64;
    unsigned width;
    if (!decl->type.given || !isa_type_width(reader, &decl->type, &width)) {
        return;
    }
    if (width >= 1 && width <= 64) {
        csr->width = width;
    } else {
        isa_report(reader->diagnostics, decl->type.place, "a control register has 1 to 64 bits; write `bits(64)`");
    }
}

static void declare_csr(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_csr *csr = symbol->as.csr;
    const struct isa_syntax_decl *decl = symbol->decl;
    struct isa_number reset;
    uint64_t value;
    symbol->csr_nodes = ISA_NEW(reader->arena, struct isa_csr_nodes);
    symbol->csr_nodes->whole = isa_new_node(reader, decl->place, isa_text(reader, "`%s`", decl->name));
    csr->title = decl->title;
    declare_width(reader, csr, decl);
    if (decl->count != NULL && isa_constant_between(reader, decl->count, "the size of an array", 1, 4096, &value)) {
        csr->count = (unsigned)value;
    }
    csr->numbered = decl->value != NULL;
    if (csr->numbered &&
        isa_constant_between(reader, decl->value, "the number of a control register", 0, UINT32_MAX - 4096, &value)) {
        csr->number = (uint32_t)value;
    }
    if (decl->from != NULL && isa_constant_between(reader, decl->from, "`from`", 0, 4096, &value)) {
        csr->name_base = (unsigned)value;
    }
    if (decl->from != NULL && csr->count == 0) {
        isa_report(reader->diagnostics, decl->from->place, "only an array counts from a number; remove `from`");
    }
    if (decl->reset != NULL && isa_constant(reader, decl->reset, &reset) &&
        !isa_number_fits(reset, csr->width, &csr->reset)) {
        isa_report(reader->diagnostics, decl->reset->place,
                   "the reset value does not fit bits(%u); write one that does", csr->width);
    }
    if (decl->in != NULL) {
        csr->in = isa_check_condition(reader, decl->in);
    }
    declare_fields(reader, symbol);
}

/* ---- Views ---------------------------------------------------------------------------------------------------- */

static const struct isa_csr_field *base_field(struct isa_reader *reader, const struct isa_csr *base,
                                              const struct isa_syntax_word *word)
{
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, word->text);
    for (const struct isa_csr_field *field = base->fields; field != NULL; field = field->next) {
        if (strcmp(field->name, word->text) == 0) {
            return field;
        }
        isa_suggest(&suggestion, field->name);
    }
    isa_report(reader->diagnostics, word->place, "`%s` has no field `%s`; %s", base->name, word->text,
               isa_suggest_text(reader, &suggestion, "write one of its fields"));
    return NULL;
}

static void note_view_use(struct isa_reader *reader, struct isa_symbol *view, const struct isa_symbol *base,
                          const struct isa_csr_field *shown)
{
    unsigned number = 0;
    for (const struct isa_csr_field *field = base->as.csr->fields; field != shown; field = field->next) {
        number++;
    }
    if (base->csr_nodes->fields[number] != NULL) {
        isa_node_uses(reader, view->csr_nodes->whole, base->csr_nodes->fields[number], view->decl->place);
    }
}

static void declare_view(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_csr *csr = symbol->as.csr;
    const struct isa_syntax_word *name = symbol->decl->other;
    struct isa_symbol *base = isa_expect(reader, ISA_SPACE_VALUE, name->text, name->place);
    if (base == NULL) {
        return;
    }
    if (base->decl->kind != ISA_SYNTAX_CSR || base->decl->other != NULL || base->as.csr->count != csr->count) {
        isa_report(reader->diagnostics, name->place,
                   "a view shows a control register that is no view itself and no array; `%s` is not such", name->text);
        return;
    }
    if (csr->fields != NULL || base->as.csr->width != csr->width) {
        isa_report(reader->diagnostics, csr->place, "a view has the width and fields of `%s`; declare none of its own",
                   name->text);
    }
    if (symbol->decl->words == NULL) {
        isa_report(reader->diagnostics, name->place, "this view shows no field; write which fields of `%s` it shows",
                   name->text);
    }
    if (symbol->decl->reset != NULL) {
        isa_report(reader->diagnostics, symbol->decl->reset->place, "a view has no value of its own; write it at `%s`",
                   name->text);
    }
    unsigned count = 0;
    for (const struct isa_syntax_word *word = symbol->decl->words; word != NULL; word = word->next) {
        count++;
    }
    csr->view = base->as.csr;
    csr->has_storage = false;
    csr->view_fields = ISA_NEW_ARRAY(reader->arena, const struct isa_csr_field *, count);
    for (const struct isa_syntax_word *word = symbol->decl->words; word != NULL; word = word->next) {
        const struct isa_csr_field *field = base_field(reader, csr->view, word);
        if (field == NULL) {
            continue;
        }
        csr->view_fields[csr->view_field_count++] = field;
        note_view_use(reader, symbol, base, field);
    }
}

/* ---- Numbers -------------------------------------------------------------------------------------------------- */

static unsigned size_of(const struct isa_csr *csr)
{
    return csr->count == 0 ? 1 : csr->count;
}

static void check_numbers(struct isa_reader *reader)
{
    for (const struct isa_csr *csr = reader->machine->csrs; csr != NULL; csr = csr->next) {
        for (const struct isa_csr *other = reader->machine->csrs; csr->numbered && other != csr; other = other->next) {
            if (!other->numbered || other->number + size_of(other) <= csr->number ||
                csr->number + size_of(csr) <= other->number) {
                continue;
            }
            isa_report(reader->diagnostics, csr->place, "`%s` and `%s` (%s:%u) have the same number; change one",
                       csr->name, other->name, other->place.file, other->place.line);
        }
    }
}

void isa_declare_csrs(struct isa_reader *reader)
{
    struct isa_csr **end = &reader->machine->csrs;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_CSR) {
            continue;
        }
        declare_csr(reader, symbol);
        *end = symbol->as.csr;
        end = &symbol->as.csr->next;
    }
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_CSR && symbol->decl->other != NULL) {
            declare_view(reader, symbol);
        }
    }
    check_numbers(reader);
}
