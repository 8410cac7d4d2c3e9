/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference page, in Markdown: what the machine has, and each extension's instructions with encoding, assembly and
 * meaning. Meanings are quoted from the description itself: it is the text that everything else was made from.
 */
#include "isa/emit_notation.h"
#include "isa/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The lines of a description file from the declaration at `line` to its end, without comments after it. */
static char *read_declaration(const char *path, unsigned line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");
    FILE *copy = open_memstream(&text, &size);
    char *buffer = NULL;
    size_t capacity = 0;
    unsigned blank_count = 0;
    for (unsigned at = 1; file != NULL && copy != NULL && getline(&buffer, &capacity, file) >= 0; at++) {
        const size_t indent = strspn(buffer, " ");
        const bool blank = buffer[indent] == '\n' || buffer[indent] == '\0';
        if (at < line || (blank && at > line)) {
            blank_count += at > line;
            continue;
        }
        if (at > line && indent == 0) {
            break;
        }
        for (; blank_count > 0; blank_count--) {
            fputc('\n', copy);
        }
        fputs(buffer, copy);
    }
    free(buffer);
    if (file != NULL) {
        fclose(file);
    }
    if (copy != NULL) {
        fclose(copy);
    }
    return text;
}

static void write_source(struct emit *emit, const struct isa_place *place)
{
    char *text = read_declaration(place->file, place->line);
    if (text != NULL && text[0] != '\0') {
        emit_line(emit, 0, "```");
        fputs(text, emit->file);
        emit_line(emit, 0, "```");
        emit_blank(emit);
    }
    free(text);
}

static const char *condition_text(struct emit *emit, const struct isa_condition *condition, bool nested);

static const char *presence(struct emit *emit, const struct isa_condition *condition)
{
    return condition == NULL ? "always there" : emit_text(emit, "in %s", condition_text(emit, condition, false));
}

static const char *condition_text(struct emit *emit, const struct isa_condition *condition, bool nested)
{
    if (condition->kind == ISA_CONDITION_HAS) {
        return condition->extension->name;
    }
    const char *text =
        emit_text(emit, "%s %s %s", condition_text(emit, condition->left, true),
                  condition->kind == ISA_CONDITION_AND ? "and" : "or", condition_text(emit, condition->right, true));
    return nested ? emit_text(emit, "(%s)", text) : text;
}

/* The extension that a condition names first: the section an instruction is listed in. */
static const struct isa_extension *home(const struct isa_condition *condition)
{
    while (condition != NULL && condition->kind != ISA_CONDITION_HAS) {
        condition = condition->left;
    }
    return condition == NULL ? NULL : condition->extension;
}

static const char *field_piece_name(struct emit *emit, const struct isa_piece *piece)
{
    if (piece->length == piece->field->width) {
        return piece->field->name;
    }
    return piece->length == 1
               ? emit_text(emit, "%s[%u]", piece->field->name, piece->low)
               : emit_text(emit, "%s[%u:%u]", piece->field->name, piece->low + piece->length - 1, piece->low);
}

static const char *binary_text(struct emit *emit, uint64_t value, unsigned width)
{
    const char *text = "";
    for (unsigned i = width; i > 0; i--) {
        text = emit_text(emit, "%s%c", text, (value >> (i - 1) & 1) != 0 ? '1' : '0');
    }
    return text;
}

static const char *piece_content(struct emit *emit, const struct isa_instruction *insn, const struct isa_piece *piece)
{
    if (piece->field == NULL) {
        return binary_text(emit, piece->value, piece->length);
    }
    for (const struct isa_fixed *fixed = insn->fixed; fixed != NULL; fixed = fixed->next) {
        if (fixed->field == piece->field) {
            return binary_text(emit, fixed->value >> piece->low, piece->length);
        }
    }
    return field_piece_name(emit, piece);
}

/* The encoding as a table of one row: bit ranges above, contents below. */
static void write_encoding(struct emit *emit, const struct isa_instruction *insn)
{
    const char *ranges = "|";
    const char *rule = "|";
    const char *contents = "|";
    for (const struct isa_piece *piece = insn->format->pieces; piece != NULL; piece = piece->next) {
        ranges = piece->length == 1 ? emit_text(emit, "%s %u |", ranges, piece->at)
                                    : emit_text(emit, "%s %u:%u |", ranges, piece->at + piece->length - 1, piece->at);
        rule = emit_text(emit, "%s :-: |", rule);
        contents = emit_text(emit, "%s %s |", contents, piece_content(emit, insn, piece));
    }
    emit_line(emit, 0, "%s\n%s\n%s", ranges, rule, contents);
    emit_blank(emit);
}

/* An expression of an asm template as people write it: mostly the operand's name. */
static const char *template_expr(struct emit *emit, const struct isa_expr *expr)
{
    while (expr->kind == ISA_EXPR_SEXT || expr->kind == ISA_EXPR_ZEXT || expr->kind == ISA_EXPR_SLICE) {
        expr = expr->a;
    }
    if (expr->kind == ISA_EXPR_OPERAND) {
        return expr->field->name;
    }
    if (expr->kind == ISA_EXPR_CAT) {
        const char *text = "";
        for (const struct isa_expr *part = expr->args; part != NULL; part = part->next) {
            if (part->kind != ISA_EXPR_CONST) {
                text = emit_text(emit, "%s%s%s", text, text[0] == '\0' ? "" : ":", template_expr(emit, part));
            }
        }
        return text;
    }
    return emit_notation(emit, expr);
}

static const char *template_text(struct emit *emit, const struct isa_asm_part *parts)
{
    const char *text = "";
    for (const struct isa_asm_part *part = parts; part != NULL; part = part->next) {
        const char *value = part->text != NULL ? part->text : template_expr(emit, part->expr);
        const bool is_name = part->text == NULL && part->style == ISA_ASM_NAMES;
        text = emit_text(emit, is_name ? "%s{%s}" : "%s%s", text, value);
    }
    return text;
}

static void write_effects(struct emit *emit, unsigned effects)
{
    static const char *const names[] = {
        "reads memory",
        "writes memory",
        "reads control registers",
        "writes control registers",
        "reads registers",
        "writes registers",
        "may trap",
        "changes the mode",
        "changes translation",
        "orders memory",
        "may stop",
        "reads the time",
        "jumps",
    };
    const char *text = "";
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((effects >> i & 1) != 0) {
            text = emit_text(emit, "%s%s%s", text, text[0] == '\0' ? "" : ", ", names[i]);
        }
    }
    emit_line(emit, 0, "Effects: %s.", text[0] == '\0' ? "none" : text);
    emit_blank(emit);
}

static void write_instruction(struct emit *emit, const struct isa_instruction *insn)
{
    const char *mnemonic = insn->mnemonic_parts == NULL ? insn->mnemonic : template_text(emit, insn->mnemonic_parts);
    emit_line(emit, 0, "### %s", insn->name);
    emit_blank(emit);
    emit_line(emit, 0, "`%s %s` · %s · [%s]", mnemonic, template_text(emit, insn->assembly), presence(emit, insn->in),
              emit_place(emit, &insn->place));
    emit_blank(emit);
    if (insn->doc != NULL) {
        emit_line(emit, 0, "%s", insn->doc);
        emit_blank(emit);
    }
    write_encoding(emit, insn);
    write_source(emit, &insn->place);
    write_effects(emit, insn->effects);
}

static void write_extension(struct emit *emit, const struct isa_extension *extension)
{
    bool any = false;
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        any = any || home(insn->in) == extension;
    }
    if (!any) {
        return;
    }
    emit_line(emit, 0, "## %s: %s", extension->name, extension->title);
    emit_blank(emit);
    if (extension->needs != NULL) {
        emit_line(emit, 0, "Needs %s.", condition_text(emit, extension->needs, false));
        emit_blank(emit);
    }
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        if (home(insn->in) == extension) {
            write_instruction(emit, insn);
        }
    }
}

static void write_extensions(struct emit *emit)
{
    emit_line(emit, 0, "## Extensions");
    emit_blank(emit);
    emit_line(emit, 0, "| extension | what it is | needs |");
    emit_line(emit, 0, "| --- | --- | --- |");
    for (const struct isa_extension *extension = emit->machine->extensions; extension != NULL;
         extension = extension->next) {
        emit_line(emit, 0, "| %s | %s | %s |", extension->name, extension->title,
                  extension->needs == NULL ? "" : condition_text(emit, extension->needs, false));
    }
    emit_blank(emit);
}

static void write_registers(struct emit *emit)
{
    emit_line(emit, 0, "## Registers");
    emit_blank(emit);
    emit_line(emit, 0, "| register | bits | at reset |");
    emit_line(emit, 0, "| --- | --- | --- |");
    for (const struct isa_register *reg = emit->machine->registers; reg != NULL; reg = reg->next) {
        const char *name =
            reg->count == 0 ? reg->name : emit_text(emit, "%s[0] … %s[%u]", reg->name, reg->name, reg->count - 1);
        emit_line(emit, 0, "| %s | %u | 0x%" PRIx64 " |", name, reg->width, (uint64_t)reg->reset);
    }
    emit_blank(emit);
    emit_line(emit, 0, "## Modes and exceptions");
    emit_blank(emit);
    emit_line(emit, 0, "| mode | number | |");
    emit_line(emit, 0, "| --- | --- | --- |");
    for (const struct isa_mode *mode = emit->machine->modes; mode != NULL; mode = mode->next) {
        emit_line(emit, 0, "| %s | %" PRIu64 " | %s |", mode->name, mode->value, mode->title);
    }
    emit_blank(emit);
    emit_line(emit, 0, "| exception | code | |");
    emit_line(emit, 0, "| --- | --- | --- |");
    for (const struct isa_exception *exception = emit->machine->exceptions; exception != NULL;
         exception = exception->next) {
        emit_line(emit, 0, "| %s | %" PRIu64 " | %s |", exception->name, exception->code, exception->title);
    }
    emit_blank(emit);
}

static const char *rule_text(struct emit *emit, const struct isa_csr_field *field)
{
    const char *text = "legal:";
    isa_bits constant;
    switch (field->rule) {
    case ISA_RULE_PLAIN: return "";
    case ISA_RULE_READONLY: return "read-only";
    case ISA_RULE_IS:
        return emit_fold(field->is, &constant) ? emit_text(emit, "always %s", emit_constant(emit, constant))
                                               : "computed";
    case ISA_RULE_LEGAL:
        for (unsigned i = 0; i < field->legal_count; i++) {
            text = emit_text(emit, "%s %" PRIu64, text, field->legal[i]);
        }
        return text;
    }
    return "";
}

static void write_csr(struct emit *emit, const struct isa_csr *csr)
{
    const char *last = csr->count == 0 ? "" : emit_text(emit, " … 0x%03x", csr->number + csr->count - 1);
    emit_line(emit, 0, "### %s: %s", csr->name, csr->title);
    emit_blank(emit);
    if (csr->numbered) {
        emit_line(emit, 0, "0x%03x%s · %s · [%s]", csr->number, last, presence(emit, csr->in),
                  emit_place(emit, &csr->place));
    } else {
        emit_line(emit, 0, "no number: hidden state · [%s]", emit_place(emit, &csr->place));
    }
    emit_blank(emit);
    const unsigned count = csr->view_field_count;
    if (csr->view != NULL) {
        const char *text = "";
        for (unsigned i = 0; i < count; i++) {
            text = emit_text(emit, "%s %s", text, csr->view_fields[i]->name);
        }
        emit_line(emit, 0, "Shows of %s:%s.", csr->view->name, text);
        emit_blank(emit);
    } else if (csr->fields != NULL) {
        emit_line(emit, 0, "| bits | field | rule |");
        emit_line(emit, 0, "| --- | --- | --- |");
        for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
            const char *range = field->high == field->low ? emit_text(emit, "%u", field->low)
                                                          : emit_text(emit, "%u:%u", field->high, field->low);
            emit_line(emit, 0, "| %s | %s | %s |", range, field->name, rule_text(emit, field));
        }
        emit_blank(emit);
    }
    if (csr->access != NULL || csr->read != NULL || csr->write != NULL || csr->after != NULL) {
        write_source(emit, &csr->place);
    }
}

static void write_signature(struct emit *emit, const struct isa_function *function)
{
    const char *text = emit_text(emit, "%s(", function->name);
    for (const struct isa_local *local = function->parameters; local != NULL; local = local->next) {
        const char *type = local->width == ISA_BOOL ? "bool" : emit_text(emit, "bits(%u)", local->width);
        text = emit_text(emit, "%s%s%s: %s", text, local == function->parameters ? "" : ", ", local->name, type);
    }
    const char *result = function->result == ISA_VOID   ? ""
                         : function->result == ISA_BOOL ? " -> bool"
                                                        : emit_text(emit, " -> bits(%u)", function->result);
    emit_line(emit, 0, "- `%s)%s` · [%s]", text, result, emit_place(emit, &function->place));
}

static void write_functions(struct emit *emit)
{
    emit_line(emit, 0, "## Functions");
    emit_blank(emit);
    for (const struct isa_function *function = emit->machine->functions; function != NULL; function = function->next) {
        if (!function->primitive) {
            write_source(emit, &function->place);
        }
    }
    emit_line(emit, 0, "## Primitives");
    emit_blank(emit);
    emit_line(emit, 0, "What the description names and each engine does in its own way.");
    emit_blank(emit);
    for (const struct isa_function *function = emit->machine->functions; function != NULL; function = function->next) {
        if (function->primitive) {
            write_signature(emit, function);
        }
    }
}

void output_reference(struct emit *emit)
{
    const struct isa_machine *machine = emit->machine;
    emit_line(emit, 0, "<!-- SPDX-License-Identifier: Apache-2.0 -->");
    emit_line(emit, 0, "<!-- Generated by ravelin-isac from %s: change that, not this. -->",
              emit_file_name(emit, emit->root));
    emit_line(emit, 0, "# %s", machine->title);
    emit_blank(emit);
    emit_line(emit, 0, "What this machine is, from its description. Meanings are in the description language.");
    emit_blank(emit);
    write_extensions(emit);
    write_registers(emit);
    for (const struct isa_extension *extension = machine->extensions; extension != NULL; extension = extension->next) {
        write_extension(emit, extension);
    }
    if (machine->csrs != NULL) {
        emit_line(emit, 0, "## Control registers");
        emit_blank(emit);
    }
    for (const struct isa_csr *csr = machine->csrs; csr != NULL; csr = csr->next) {
        write_csr(emit, csr);
    }
    write_functions(emit);
}
