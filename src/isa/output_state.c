/* SPDX-License-Identifier: Apache-2.0 */
#include "core/check.h"
#include "isa/output.h"

#include <inttypes.h>

/* Elements of a bank in the state: one more than it has registers if one is the zero register, for dropped writes. */
static unsigned element_count(const struct isa_register *reg)
{
    return reg->count + (reg->zero >= 0);
}

static void write_extensions(struct emit *emit)
{
    emit_line(emit, 0, "/* The extensions of the description, in its order. */");
    emit_line(emit, 0, "enum %s_extension {", emit->prefix);
    for (const struct isa_extension *extension = emit->machine->extensions; extension != NULL;
         extension = extension->next) {
        emit_line(emit, 1, "%s_EXT_%s = %u, /* %s */", emit->upper, emit_capitals(emit, extension->name),
                  extension->number, extension->title);
    }
    emit_line(emit, 1, "%s_EXT_COUNT = %u,", emit->upper, emit->machine->extension_count);
    emit_line(emit, 0, "};");
    emit_blank(emit);
    emit_line(emit, 0, "/* Which extensions a machine has: bit n %% 64 of bits[n / 64] is extension n. */");
    emit_line(emit, 0, "struct %s_features {", emit->prefix);
    emit_line(emit, 1, "uint64_t bits[2];");
    emit_line(emit, 0, "};");
    emit_blank(emit);
    emit_line(emit, 0, "static inline bool %s_has(const struct %s_features *features, enum %s_extension extension)",
              emit->prefix, emit->prefix, emit->prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "return (features->bits[(unsigned)extension / 64] >> ((unsigned)extension %% 64) & 1) != 0;");
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_modes(struct emit *emit)
{
    if (emit->machine->modes == NULL) {
        return;
    }
    emit_line(emit, 0, "enum %s_mode {", emit->prefix);
    for (const struct isa_mode *mode = emit->machine->modes; mode != NULL; mode = mode->next) {
        emit_line(emit, 1, "%s_MODE_%s = %" PRIu64 ", /* %s */", emit->upper, emit_capitals(emit, mode->name),
                  mode->value, mode->title);
    }
    emit_line(emit, 0, "};");
    emit_blank(emit);
}

static void write_exceptions(struct emit *emit)
{
    if (emit->machine->exceptions == NULL) {
        return;
    }
    emit_line(emit, 0, "enum %s_exception {", emit->prefix);
    for (const struct isa_exception *exception = emit->machine->exceptions; exception != NULL;
         exception = exception->next) {
        emit_line(emit, 1, "%s_EXCEPTION_%s = %" PRIu64 ", /* %s */", emit->upper, emit_capitals(emit, exception->name),
                  exception->code, exception->title);
    }
    emit_line(emit, 0, "};");
    emit_blank(emit);
}

/* The registers whose C type has so many bits. */
static void write_registers(struct emit *emit, unsigned bits)
{
    for (const struct isa_register *reg = emit->machine->registers; reg != NULL; reg = reg->next) {
        const char *name = emit_identifier(emit, reg->name);
        if (emit_type_bits(reg->width) != bits) {
            continue;
        }
        if (reg->count == 0) {
            emit_line(emit, 1, "%s %s;", emit_type(reg->width), name);
        } else if (reg->zero < 0) {
            emit_line(emit, 1, "%s %s[%u];", emit_type(reg->width), name, reg->count);
        } else {
            emit_line(emit, 1, "%s %s[%u]; /* the last one takes writes to %s[%d] */", emit_type(reg->width), name,
                      element_count(reg), name, reg->zero);
        }
    }
}

static bool has_storage(const struct isa_csr *csr)
{
    CHECK(csr->width <= 64);
    return csr->has_storage;
}

static bool any_storage(const struct isa_machine *machine)
{
    for (const struct isa_csr *csr = machine->csrs; csr != NULL; csr = csr->next) {
        if (has_storage(csr)) {
            return true;
        }
    }
    return false;
}

static void write_csr_members(struct emit *emit)
{
    if (!any_storage(emit->machine)) {
        return;
    }
    emit_line(emit, 1, "struct { /* stored fields only; bits that are constant or computed are 0 here */");
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        const char *name = emit_identifier(emit, csr->name);
        if (!has_storage(csr)) {
            continue;
        }
        if (csr->count == 0) {
            emit_line(emit, 2, "uint64_t %s; /* %s */", name, csr->title);
        } else {
            emit_line(emit, 2, "uint64_t %s[%u]; /* %s */", name, csr->count, csr->title);
        }
    }
    emit_line(emit, 1, "} csr;");
}

static void write_state(struct emit *emit)
{
    emit_line(emit, 0,
              "/* What one hart is, as the architecture sees it. Widest members first: no padding but at the end. */");
    emit_line(emit, 0, "struct %s_state {", emit->prefix);
    write_registers(emit, 128);
    write_registers(emit, 64);
    write_csr_members(emit);
    write_registers(emit, 32);
    write_registers(emit, 16);
    write_registers(emit, 8);
    emit_line(emit, 0, "};");
    emit_blank(emit);
}

static void write_reset(struct emit *emit)
{
    const char *prefix = emit->prefix;
    emit_line(emit, 0, "/* Every register at its reset value. */");
    emit_line(emit, 0, "static inline void %s_state_reset(struct %s_state *state)", prefix, prefix);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "*state = (struct %s_state){0};", prefix);
    for (const struct isa_register *reg = emit->machine->registers; reg != NULL; reg = reg->next) {
        const char *name = emit_identifier(emit, reg->name);
        if (reg->reset == 0) {
            continue;
        }
        if (reg->count == 0) {
            emit_line(emit, 1, "state->%s = %s;", name, emit_constant(emit, reg->reset));
            continue;
        }
        emit_line(emit, 1, "for (unsigned i = 0; i < %u; i++) {", reg->count);
        emit_line(emit, 2, "state->%s[i] = %s;", name, emit_constant(emit, reg->reset));
        emit_line(emit, 1, "}");
    }
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        const char *name = emit_identifier(emit, csr->name);
        const isa_bits reset = csr->reset & emit_stored_mask(csr);
        if (!has_storage(csr) || reset == 0) {
            continue;
        }
        if (csr->count == 0) {
            emit_line(emit, 1, "state->csr.%s = %s;", name, emit_constant(emit, reset));
            continue;
        }
        emit_line(emit, 1, "for (unsigned i = 0; i < %u; i++) {", csr->count);
        emit_line(emit, 2, "state->csr.%s[i] = %s;", name, emit_constant(emit, reset));
        emit_line(emit, 1, "}");
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_field(struct emit *emit, const struct isa_csr *csr, const struct isa_csr_field *field)
{
    const char *prefix = emit->prefix;
    const char *upper =
        emit_text(emit, "%s_%s_%s", emit->upper, emit_capitals(emit, csr->name), emit_capitals(emit, field->name));
    const char *name = emit_text(emit, "%s_%s", emit_identifier(emit, csr->name), field->name);
    const char *index = csr->count == 0 ? "" : ", uint64_t index";
    const char *storage =
        emit_text(emit, "state->csr.%s%s", emit_identifier(emit, csr->name), csr->count == 0 ? "" : "[index]");
    emit_line(emit, 0, "#define %s_MASK UINT64_C(0x%" PRIx64 ")", upper, emit_field_mask(field));
    emit_line(emit, 0, "#define %s_SHIFT %u", upper, field->low);
    if (field->rule == ISA_RULE_IS) {
        return;
    }
    emit_line(emit, 0, "static inline uint64_t %s_%s(const struct %s_state *state%s)", prefix, name, prefix, index);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "return (%s & %s_MASK) >> %u;", storage, upper, field->low);
    emit_line(emit, 0, "}");
    emit_line(emit, 0, "static inline void %s_set_%s(struct %s_state *state%s, uint64_t value)", prefix, name, prefix,
              index);
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "%s = (%s & ~%s_MASK) | (value << %u & %s_MASK);", storage, storage, upper, field->low, upper);
    emit_line(emit, 0, "}");
}

static void write_csr(struct emit *emit, const struct isa_csr *csr)
{
    emit_line(emit, 0, "/* %s: %s (%s) */", csr->name, csr->title, emit_place(emit, &csr->place));
    if (csr->numbered) {
        emit_line(emit, 0, "#define %s_CSR_%s 0x%x", emit->upper, emit_capitals(emit, csr->name), csr->number);
    }
    if (csr->view == NULL) {
        for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
            write_field(emit, csr, field);
        }
    }
    emit_blank(emit);
}

static void write_field_table(struct emit *emit)
{
    emit_line(emit, 0,
              "/* Every member, for whatever walks the state: F(member, bits of an element, elements). The spare "
              "element of a");
    emit_line(emit, 0, " * bank with a zero register is no state. */");
    emit_line(emit, 0, "#define %s_STATE_FIELDS(F) \\", emit->upper);
    for (const struct isa_register *reg = emit->machine->registers; reg != NULL; reg = reg->next) {
        emit_line(emit, 1, "F(%s, %u, %u) \\", emit_identifier(emit, reg->name), emit_type_bits(reg->width),
                  reg->count == 0 ? 1 : reg->count);
    }
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (has_storage(csr)) {
            emit_line(emit, 1, "F(csr.%s, 64, %u) \\", emit_identifier(emit, csr->name),
                      csr->count == 0 ? 1 : csr->count);
        }
    }
    emit_line(emit, 1, "/* end */");
    emit_blank(emit);
}

void output_state(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: registers and control registers.", emit->machine->title));
    emit_line(emit, 0, "#ifndef RAVELIN_GENERATED_%s_STATE_H", emit->upper);
    emit_line(emit, 0, "#define RAVELIN_GENERATED_%s_STATE_H", emit->upper);
    emit_blank(emit);
    emit_line(emit, 0, "#include \"isa/arithmetic.h\"");
    emit_blank(emit);
    emit_line(emit, 0, "#include <stdbool.h>");
    emit_line(emit, 0, "#include <stdint.h>");
    emit_blank(emit);
    write_extensions(emit);
    write_modes(emit);
    write_exceptions(emit);
    write_state(emit);
    write_reset(emit);
    write_field_table(emit);
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        write_csr(emit, csr);
    }
    emit_line(emit, 0, "#endif");
}
