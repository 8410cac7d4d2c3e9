/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_decode.h"

/* The bits of one piece, at their place in the field. */
static const char *piece_text(struct emit *emit, const struct isa_piece *piece)
{
    const char *mask = emit_constant(emit, emit_ones(piece->length));
    const char *text = piece->at == 0 ? "bits" : emit_text(emit, "bits >> %u", piece->at);
    if (piece->at + piece->length < 32) {
        text = emit_text(emit, "%s & %s", text, mask);
    }
    return piece->low == 0 ? text : emit_text(emit, "(%s) << %u", text, piece->low);
}

static const char *field_text(struct emit *emit, const struct isa_format *format, const struct isa_field *field)
{
    const char *text = NULL;
    for (const struct isa_piece *piece = format->pieces; piece != NULL; piece = piece->next) {
        if (piece->field == field) {
            const char *part = piece_text(emit, piece);
            text = text == NULL ? part : emit_text(emit, "(%s) | (%s)", text, part);
        }
    }
    return text == NULL ? "0" : text;
}

void emit_operand_locals(struct emit *emit, unsigned depth, const struct isa_instruction *instruction, const bool *used)
{
    for (const struct isa_field *field = instruction->format->fields; field != NULL; field = field->next) {
        if (used[field->number] && emit_is_operand(instruction, field)) {
            const char *type = emit_type(field->width);
            const char *text = field_text(emit, instruction->format, field);
            const char *cast = emit_type_bits(field->width) == 32 ? text : emit_text(emit, "(%s)(%s)", type, text);
            emit_line(emit, depth, "const %s %s = %s;", type, emit_identifier(emit, field->name), cast);
        }
    }
}
