/* SPDX-License-Identifier: Apache-2.0 */
/* Formats, and which bits of an instruction are fixed. */
#include "isa/check.h"
#include "isa/reader.h"

#include <string.h>

static struct isa_field *field_of(struct isa_reader *reader, struct isa_format *format, const char *name)
{
    struct isa_field **end = &format->fields;
    while (*end != NULL && strcmp((*end)->name, name) != 0) {
        end = &(*end)->next;
    }
    if (*end == NULL) {
        *end = ISA_NEW(reader->arena, struct isa_field);
        (*end)->name = name;
        (*end)->number = format->field_count++;
    }
    return *end;
}

/* Whether an earlier piece holds some of these bits of the field. */
static bool bits_taken(const struct isa_format *format, const struct isa_piece *piece)
{
    for (const struct isa_piece *other = format->pieces; other != NULL; other = other->next) {
        if (other != piece && other->field == piece->field && other->low < piece->low + piece->length &&
            piece->low < other->low + other->length) {
            return true;
        }
    }
    return false;
}

static bool literal_piece(struct isa_reader *reader, struct isa_piece *piece, const struct isa_syntax_expr *literal)
{
    if (literal->bits == 0 || literal->bits > 32) {
        isa_report(reader->diagnostics, literal->place,
                   "a fixed piece is as wide as its digits; write it in binary or hexadecimal");
        return false;
    }
    piece->length = literal->bits;
    piece->value = (uint32_t)literal->value;
    return true;
}

static bool field_piece(struct isa_reader *reader, struct isa_format *format, struct isa_piece *piece,
                        const struct isa_syntax_piece *syntax)
{
    uint64_t high, low;
    if (!isa_constant_between(reader, syntax->high, "a bit of a field", 0, 63, &high) ||
        !isa_constant_between(reader, syntax->low, "a bit of a field", 0, 63, &low)) {
        return false;
    }
    if (low > high) {
        isa_report(reader->diagnostics, syntax->place, "the highest bit comes first; write `%s[%u:%u]`", syntax->name,
                   (unsigned)low, (unsigned)high);
        return false;
    }
    piece->field = field_of(reader, format, syntax->name);
    piece->low = (unsigned)low;
    piece->length = (unsigned)(high - low) + 1;
    if (bits_taken(format, piece)) {
        isa_report(reader->diagnostics, syntax->place,
                   "an earlier piece holds bits of `%s[%u:%u]` already; each bit of a field stands in one place",
                   syntax->name, (unsigned)high, (unsigned)low);
        return false;
    }
    if (piece->field->width <= high) {
        piece->field->width = (unsigned)high + 1;
    }
    return true;
}

static void declare_format(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_format *format = symbol->as.format;
    struct isa_piece **end = &format->pieces;
    uint64_t size = 32;
    unsigned length = 0;
    if (isa_constant_between(reader, symbol->decl->value, "the size of a format", 16, 32, &size) && size != 16 &&
        size != 32) {
        isa_report(reader->diagnostics, symbol->decl->value->place,
                   "an instruction has 16 or 32 bits; write one of them");
    }
    format->size = (unsigned)size;
    for (const struct isa_syntax_piece *syntax = symbol->decl->pieces; syntax != NULL; syntax = syntax->next) {
        struct isa_piece *piece = ISA_NEW(reader->arena, struct isa_piece);
        bool good = syntax->name == NULL ? literal_piece(reader, piece, syntax->high)
                                         : field_piece(reader, format, piece, syntax);
        if (!good) {
            return;
        }
        *end = piece;
        end = &piece->next;
        length += piece->length;
        if (length > size) {
            break;
        }
        piece->at = format->size - length;
    }
    if (length == size) {
        return;
    }
    isa_report(reader->diagnostics, symbol->decl->place,
               length < size ? "the pieces of `%s` have %u bits, not %u; add the missing ones"
                             : "the pieces of `%s` have %u bits or more, not %u; remove some",
               symbol->decl->name, length, format->size);
    format->size = 0; /* no instruction can use it */
}

/* ---- Instructions --------------------------------------------------------------------------------------------- */

static const struct isa_field *find_field(struct isa_reader *reader, const struct isa_format *format,
                                          const struct isa_syntax_setting *setting)
{
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, setting->name);
    for (const struct isa_field *field = format->fields; field != NULL; field = field->next) {
        if (strcmp(field->name, setting->name) == 0) {
            return field;
        }
        isa_suggest(&suggestion, field->name);
    }
    isa_report(reader->diagnostics, setting->place, "format `%s` has no field `%s`; %s", format->name, setting->name,
               isa_suggest_text(reader, &suggestion, "write one of its fields"));
    return NULL;
}

static void fix_field(struct isa_reader *reader, struct isa_instruction *instruction, struct isa_fixed ***end,
                      const struct isa_syntax_setting *setting)
{
    const struct isa_field *field = find_field(reader, instruction->format, setting);
    struct isa_number number;
    isa_bits bits;
    if (field == NULL || !isa_constant(reader, setting->value, &number)) {
        return;
    }
    if (!isa_number_fits(number, field->width, &bits)) {
        char text[ISA_NUMBER_TEXT];
        isa_report(reader->diagnostics, setting->value->place,
                   "%s does not fit `%s`, which has %u bits; write a smaller one", isa_number_text(number, text),
                   field->name, field->width);
        return;
    }
    for (const struct isa_fixed *other = instruction->fixed; other != NULL; other = other->next) {
        if (other->field == field) {
            isa_report(reader->diagnostics, setting->place, "`%s` has a value already; remove one", field->name);
            return;
        }
    }
    struct isa_fixed *fixed = ISA_NEW(reader->arena, struct isa_fixed);
    fixed->field = field;
    fixed->value = (uint64_t)bits;
    **end = fixed;
    *end = &fixed->next;
}

static void add_bits(struct isa_instruction *instruction, const struct isa_piece *piece, uint64_t value)
{
    uint32_t mask = (uint32_t)isa_bits_mask(piece->length) << piece->at;
    instruction->mask |= mask;
    instruction->match |= (uint32_t)value << piece->at & mask;
}

static void compute_mask(struct isa_reader *reader, struct isa_instruction *instruction)
{
    for (const struct isa_piece *piece = instruction->format->pieces; piece != NULL; piece = piece->next) {
        if (piece->field == NULL) {
            add_bits(instruction, piece, piece->value);
        }
    }
    for (const struct isa_fixed *fixed = instruction->fixed; fixed != NULL; fixed = fixed->next) {
        uint64_t held = 0;
        for (const struct isa_piece *piece = instruction->format->pieces; piece != NULL; piece = piece->next) {
            if (piece->field == NULL || piece->field != fixed->field) {
                continue;
            }
            add_bits(instruction, piece, fixed->value >> piece->low);
            held |= (uint64_t)isa_bits_mask(piece->length) << piece->low;
        }
        if ((fixed->value & ~held) != 0) {
            isa_report(reader->diagnostics, instruction->place,
                       "the format has no place for some one-bits of `%s`; those bits are always 0",
                       fixed->field->name);
        }
    }
}

static const char *c_name(struct isa_reader *reader, const char *name)
{
    char *text = isa_arena_text(reader->arena, name, strlen(name));
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '.') {
            *c = '_';
        }
    }
    return text;
}

static void declare_instruction(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_instruction *instruction = symbol->as.instruction;
    const struct isa_syntax_decl *decl = symbol->decl;
    instruction->c_name = c_name(reader, decl->name);
    instruction->mnemonic = decl->mnemonic != NULL ? decl->mnemonic : decl->name;
    instruction->doc = decl->doc;
    instruction->number = reader->machine->instruction_count++;
    struct isa_symbol *format = isa_expect(reader, ISA_SPACE_FORMAT, decl->format->text, decl->format->place);
    if (format == NULL || format->as.format->size == 0) {
        return;
    }
    instruction->format = format->as.format;
    struct isa_fixed **end = &instruction->fixed;
    for (const struct isa_syntax_setting *setting = decl->settings; setting != NULL; setting = setting->next) {
        fix_field(reader, instruction, &end, setting);
    }
    compute_mask(reader, instruction);
}

void isa_declare_formats(struct isa_reader *reader)
{
    struct isa_format **format_end = &reader->machine->formats;
    struct isa_instruction **end = &reader->machine->instructions;
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_FORMAT) {
            continue;
        }
        declare_format(reader, symbol);
        *format_end = symbol->as.format;
        format_end = &symbol->as.format->next;
    }
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind != ISA_SYNTAX_INSTRUCTION) {
            continue;
        }
        declare_instruction(reader, symbol);
        *end = symbol->as.instruction;
        end = &symbol->as.instruction->next;
    }
}
