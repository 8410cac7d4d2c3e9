/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disassembler: decodes, then prints what the instruction's asm line says. Also the names that other code shows to
 * people: control registers and extensions.
 */
#include "isa/emit_decode.h"
#include "isa/emit_expr.h"
#include "isa/output.h"

#include <string.h>

#define MNEMONIC_WIDTH 8 /* operands start in the column after, unless the mnemonic is longer */

/* `text` as the inside of a C string literal. */
static const char *quoted(struct emit *emit, const char *text)
{
    const char *result = "";
    for (; *text != '\0'; text++) {
        result = emit_text(emit, *text == '"' || *text == '\\' ? "%s\\%c" : "%s%c", result, *text);
    }
    return result;
}

/* The part of the generated file that is the same for every machine. */
static void write_helpers(struct emit *emit)
{
    static const char text[] =
        "/* Text being written, cut off at `size`; `used` counts on. */\n"
        "struct line {\n"
        "    char *out;\n"
        "    size_t size;\n"
        "    size_t used;\n"
        "};\n"
        "\n"
        "static void put(struct line *line, const char *text)\n"
        "{\n"
        "    for (; *text != '\\0'; text++, line->used++) {\n"
        "        if (line->used + 1 < line->size) {\n"
        "            line->out[line->used] = *text;\n"
        "        }\n"
        "    }\n"
        "}\n"
        "\n"
        "__attribute__((unused)) static void put_unsigned(struct line *line, uint64_t value)\n"
        "{\n"
        "    char text[24];\n"
        "    snprintf(text, sizeof text, \"%\" PRIu64, value);\n"
        "    put(line, text);\n"
        "}\n"
        "\n"
        "__attribute__((unused)) static void put_hex(struct line *line, uint64_t value)\n"
        "{\n"
        "    char text[24];\n"
        "    snprintf(text, sizeof text, \"0x%\" PRIx64, value);\n"
        "    put(line, text);\n"
        "}\n"
        "\n"
        "/* The low `width` bits of value, read as signed. */\n"
        "__attribute__((unused)) static int64_t as_signed(uint64_t value, unsigned width)\n"
        "{\n"
        "    return (int64_t)(value << (64 - width)) >> (64 - width);\n"
        "}\n"
        "\n"
        "__attribute__((unused)) static void put_signed(struct line *line, uint64_t value, unsigned width)\n"
        "{\n"
        "    char text[24];\n"
        "    snprintf(text, sizeof text, \"%\" PRId64, as_signed(value, width));\n"
        "    put(line, text);\n"
        "}\n"
        "\n"
        "/* An entry of a table of names, or the number where there is none. */\n"
        "__attribute__((unused)) static void put_name(struct line *line, const char *const *names, size_t count, "
        "uint64_t value)\n"
        "{\n"
        "    if (value < count && names[value] != NULL) {\n"
        "        put(line, names[value]);\n"
        "    } else {\n"
        "        put_unsigned(line, value);\n"
        "    }\n"
        "}\n"
        "\n"
        "static void put_column(struct line *line, size_t column)\n"
        "{\n"
        "    do {\n"
        "        put(line, \" \");\n"
        "    } while (line->used < column);\n"
        "}\n";
    fputs(text, emit->file);
    emit_blank(emit);
}

static void write_name_table(struct emit *emit, const char *name, const char *const *text, unsigned count)
{
    emit_line(emit, 0, "__attribute__((unused)) static const char *const names_of_%s[] = {", name);
    for (unsigned i = 0; i < count; i++) {
        if (text[i] == NULL) {
            emit_line(emit, 1, "NULL,");
        } else {
            emit_line(emit, 1, "\"%s\",", quoted(emit, text[i]));
        }
    }
    emit_line(emit, 0, "};");
    emit_blank(emit);
}

static void write_name_tables(struct emit *emit)
{
    for (const struct isa_register *reg = emit->machine->registers; reg != NULL; reg = reg->next) {
        if (reg->count != 0 && reg->names != NULL) {
            write_name_table(emit, emit_text(emit, "register_%s", emit_identifier(emit, reg->name)),
                             (const char *const *)reg->names, reg->count);
        }
    }
    for (const struct isa_names *names = emit->machine->names; names != NULL; names = names->next) {
        write_name_table(emit, emit_identifier(emit, names->name), (const char *const *)names->text,
                         1u << names->width);
    }
}

static void write_csr_name(struct emit *emit)
{
    emit_line(emit, 0, "const char *%s_csr_name(uint32_t number)", emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "switch (number) {");
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        for (unsigned i = 0; csr->numbered && i < (csr->count == 0 ? 1 : csr->count); i++) {
            const char *suffix = csr->count == 0 ? "" : emit_text(emit, "%u", csr->name_base + i);
            emit_line(emit, 1, "case 0x%x:", csr->number + i);
            emit_line(emit, 2, "return \"%s%s\";", csr->name, suffix);
        }
    }
    emit_line(emit, 1, "default:");
    emit_line(emit, 2, "return NULL;");
    emit_line(emit, 1, "}");
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_extension_strings(struct emit *emit, const char *what)
{
    const bool titles = strcmp(what, "title") == 0;
    emit_line(emit, 0, "const char *%s_extension_%s(enum %s_extension extension)", emit->prefix, what, emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "static const char *const table[] = {");
    for (const struct isa_extension *extension = emit->machine->extensions; extension != NULL;
         extension = extension->next) {
        emit_line(emit, 2, "\"%s\",", quoted(emit, titles ? extension->title : extension->name));
    }
    emit_line(emit, 2, "NULL,");
    emit_line(emit, 1, "};");
    emit_line(emit, 1, "return table[extension < %s_EXT_COUNT ? extension : %s_EXT_COUNT];", emit->upper, emit->upper);
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_needs(struct emit *emit)
{
    emit_line(emit, 0, "bool %s_extension_needs_met(const struct %s_features *features, enum %s_extension extension)",
              emit->prefix, emit->prefix, emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "(void)features;");
    emit_line(emit, 1, "switch ((int)extension) {");
    for (const struct isa_extension *extension = emit->machine->extensions; extension != NULL;
         extension = extension->next) {
        if (extension->needs != NULL) {
            emit_line(emit, 1, "case %s_EXT_%s:", emit->upper, emit_capitals(emit, extension->name));
            emit_line(emit, 2, "return %s;", emit_condition(emit, extension->needs, "features"));
        }
    }
    emit_line(emit, 1, "default:");
    emit_line(emit, 2, "return true;");
    emit_line(emit, 1, "}");
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_number(struct emit_body *body, const struct isa_asm_part *part)
{
    struct emit *emit = body->emit;
    const char *value = emit_expr(body, part->expr);
    const unsigned width = part->expr->width;
    switch (part->style) {
    case ISA_ASM_UNSIGNED: emit_line(emit, 2, "put_unsigned(line, %s);", value); break;
    case ISA_ASM_SIGNED: emit_line(emit, 2, "put_signed(line, %s, %u);", value, width); break;
    case ISA_ASM_HEX: emit_line(emit, 2, "put_hex(line, %s);", value); break;
    case ISA_ASM_BRANCH: emit_line(emit, 2, "put_hex(line, pc + (uint64_t)as_signed(%s, %u));", value, width); break;
    case ISA_ASM_CSR:
        emit_line(emit, 2, "if (%s_csr_name(%s) != NULL) {", emit->prefix, value);
        emit_line(emit, 3, "put(line, %s_csr_name(%s));", emit->prefix, value);
        emit_line(emit, 2, "} else {");
        emit_line(emit, 3, "put_hex(line, %s);", value);
        emit_line(emit, 2, "}");
        break;
    case ISA_ASM_NAMES:
        emit_line(emit, 2, "put_name(line, names_of_%s, %u, %s);", emit_identifier(emit, part->names->name),
                  1u << part->names->width, value);
        break;
    case ISA_ASM_REGISTER:
        if (part->reg->names != NULL) {
            emit_line(emit, 2, "put_name(line, names_of_register_%s, %u, %s);", emit_identifier(emit, part->reg->name),
                      part->reg->count, value);
        } else {
            emit_line(emit, 2, "put(line, \"%s\");", part->reg->name);
            emit_line(emit, 2, "put_unsigned(line, %s);", value);
        }
        break;
    }
}

static void write_parts(struct emit_body *body, const struct isa_asm_part *parts)
{
    for (const struct isa_asm_part *part = parts; part != NULL; part = part->next) {
        if (part->text != NULL) {
            emit_line(body->emit, 2, "put(line, \"%s\");", quoted(body->emit, part->text));
        } else {
            write_number(body, part);
        }
    }
}

static void mark_parts(const struct isa_asm_part *parts, bool *used)
{
    for (const struct isa_asm_part *part = parts; part != NULL; part = part->next) {
        emit_mark_operands(part->expr, used);
    }
}

static bool is_empty(const struct isa_asm_part *parts)
{
    for (const struct isa_asm_part *part = parts; part != NULL; part = part->next) {
        if (part->text == NULL || part->text[0] != '\0') {
            return false;
        }
    }
    return true;
}

static void write_case(struct emit *emit, const struct isa_instruction *insn)
{
    struct emit_body body = { .emit = emit, .where = EMIT_IN_DECODER, .depth = 2, .operand_prefix = "" };
    bool used[EMIT_FIELD_COUNT] = { false };
    mark_parts(insn->mnemonic_parts, used);
    mark_parts(insn->assembly, used);
    emit_line(emit, 1, "case %s_INSN_%s: {", emit->upper, emit_capitals(emit, insn->c_name));
    emit_operand_locals(emit, 2, insn, used);
    if (insn->mnemonic_parts != NULL) {
        write_parts(&body, insn->mnemonic_parts);
    } else {
        emit_line(emit, 2, "put(line, \"%s\");", quoted(emit, insn->mnemonic));
    }
    if (!is_empty(insn->assembly)) {
        emit_line(emit, 2, "put_column(line, %d);", MNEMONIC_WIDTH);
        write_parts(&body, insn->assembly);
    }
    emit_line(emit, 2, "break;");
    emit_line(emit, 1, "}");
}

/* How all 32-bit instructions start, in bits that every instruction fixes: unknown bits are as long as they look. */
static uint32_t long_mask(const struct isa_machine *machine, uint32_t *match)
{
    uint32_t mask = 0xffff;
    const struct isa_instruction *first = NULL;
    for (const struct isa_instruction *insn = machine->instructions; insn != NULL; insn = insn->next) {
        mask &= insn->mask;
        if (insn->format->size == 32) {
            first = first == NULL ? insn : first;
            mask &= ~(insn->match ^ first->match);
        }
    }
    *match = first == NULL ? 0 : first->match & mask;
    return mask;
}

static bool has_short_instructions(const struct isa_machine *machine)
{
    for (const struct isa_instruction *insn = machine->instructions; insn != NULL; insn = insn->next) {
        if (insn->format->size == 16) {
            return true;
        }
    }
    return false;
}

static void write_unknown(struct emit *emit)
{
    uint32_t match;
    const uint32_t mask = long_mask(emit->machine, &match);
    emit_line(emit, 2, "char text[24];");
    if (has_short_instructions(emit->machine)) {
        emit_line(emit, 2, "const bool is_long = (bits & 0x%xu) == 0x%xu; /* as all 32-bit instructions start */", mask,
                  match);
    } else {
        emit_line(emit, 2, "const bool is_long = true;");
    }
    emit_line(emit, 2,
              "snprintf(text, sizeof text, is_long ? \"0x%%08\" PRIx32 : \"0x%%04\" PRIx32, is_long ? bits : bits & "
              "0xffff);");
    emit_line(emit, 2, "put(&line, is_long ? \".4byte\" : \".2byte\");");
    emit_line(emit, 2, "put_column(&line, %d);", MNEMONIC_WIDTH);
    emit_line(emit, 2, "put(&line, text);");
    emit_line(emit, 2, "decoded.length = is_long ? 4 : 2;");
}

static void write_disassemble(struct emit *emit)
{
    const char *prefix = emit->prefix;
    emit_line(emit, 0, "static void put_instruction(struct line *line, const struct %s_decoded *decoded, uint64_t pc)",
              prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "const uint32_t bits = decoded->encoding;");
    emit_line(emit, 1, "(void)bits, (void)pc;");
    emit_line(emit, 1, "switch (decoded->insn) {");
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        write_case(emit, insn);
    }
    emit_line(emit, 1, "default:");
    emit_line(emit, 2, "break;");
    emit_line(emit, 1, "}");
    emit_line(emit, 0, "}");
    emit_blank(emit);

    emit_line(
        emit, 0,
        "size_t %s_disassemble(char *out, size_t size, uint32_t bits, uint64_t pc, const struct %s_features *features)",
        prefix, prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "struct line line = {.out = out, .size = size};");
    emit_line(emit, 1, "struct %s_decoded decoded;", prefix);
    emit_line(emit, 1, "if (%s_decode(bits, features, &decoded)) {", prefix);
    emit_line(emit, 2, "put_instruction(&line, &decoded, pc);");
    emit_line(emit, 1, "} else {");
    write_unknown(emit);
    emit_line(emit, 1, "}");
    emit_line(emit, 1, "if (size != 0) {");
    emit_line(emit, 2, "out[line.used < size ? line.used : size - 1] = '\\0';");
    emit_line(emit, 1, "}");
    emit_line(emit, 1, "return decoded.length;");
    emit_line(emit, 0, "}");
}

void output_disassembler(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: the disassembler, and names for people.", emit->machine->title));
    emit_line(emit, 0, "#include \"%s_decode.h\"", emit->prefix);
    emit_blank(emit);
    emit_line(emit, 0, "#include <inttypes.h>");
    emit_line(emit, 0, "#include <stdio.h>");
    emit_blank(emit);
    write_helpers(emit);
    write_name_tables(emit);
    write_csr_name(emit);
    write_extension_strings(emit, "name");
    write_extension_strings(emit, "title");
    write_needs(emit);
    emit_quiet_begin(emit);
    write_disassemble(emit);
    emit_blank(emit);
    emit_quiet_end(emit);
}
