/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Described functions, computed fields and whole control registers as static inline C. Everything is declared before
 * anything is defined: functions read control registers, and computed fields call functions.
 */
#include "isa/emit_stmt.h"
#include "isa/output.h"

#include <inttypes.h>

static bool is_computed(const struct isa_csr_field *field)
{
    isa_bits value;
    return field->rule == ISA_RULE_IS && !emit_fold(field->is, &value);
}

static const char *computed_prototype(struct emit *emit, const struct isa_csr *csr, const struct isa_csr_field *field)
{
    return emit_text(emit, "static inline uint64_t %s_computed_%s_%s(struct %s_cpu *cpu%s)", emit->prefix,
                     emit_identifier(emit, csr->name), field->name, emit->prefix,
                     csr->count == 0 ? "" : ", uint16_t index");
}

static const char *value_prototype(struct emit *emit, const struct isa_csr *csr)
{
    return emit_text(emit, "static inline uint64_t %s_csr_value_%s(struct %s_cpu *cpu%s)", emit->prefix,
                     emit_identifier(emit, csr->name), emit->prefix, csr->count == 0 ? "" : ", uint64_t index");
}

static const char *set_prototype(struct emit *emit, const struct isa_csr *csr)
{
    return emit_text(emit, "static inline void %s_set_csr_%s(struct %s_cpu *cpu, %suint64_t value)", emit->prefix,
                     emit_identifier(emit, csr->name), emit->prefix, csr->count == 0 ? "" : "uint64_t index, ");
}

/* Bits of the register that are constant: the fields' `is` values. */
static uint64_t constant_bits(const struct isa_csr *csr)
{
    uint64_t bits = 0;
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        isa_bits value;
        if (field->rule == ISA_RULE_IS && emit_fold(field->is, &value)) {
            bits |= (uint64_t)value << field->low;
        }
    }
    return bits;
}

static void write_declarations(struct emit *emit)
{
    const struct isa_machine *machine = emit->machine;
    for (const struct isa_csr *csr = machine->csrs; csr != NULL; csr = csr->next) {
        emit_line(emit, 0, "%s;", value_prototype(emit, csr));
        emit_line(emit, 0, "%s;", set_prototype(emit, csr));
        for (const struct isa_csr_field *field = csr->view == NULL ? csr->fields : NULL; field != NULL;
             field = field->next) {
            if (is_computed(field)) {
                emit_line(emit, 0, "%s;", computed_prototype(emit, csr, field));
            }
        }
    }
    for (const struct isa_function *function = machine->functions; function != NULL; function = function->next) {
        if (!function->primitive) {
            emit_line(emit, 0, "%s;", emit_prototype(emit, function));
        }
    }
    emit_blank(emit);
}

static void write_computed(struct emit *emit, const struct isa_csr *csr, const struct isa_csr_field *field)
{
    struct emit_body body = {
        .emit = emit, .where = EMIT_IN_FUNCTION, .depth = 1, .leave = "return 0;", .result = field->is->width
    };
    emit_line(emit, 0, "%s", computed_prototype(emit, csr, field));
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "return %s;", emit_expr(&body, field->is));
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_value(struct emit *emit, const struct isa_csr *csr)
{
    const char *name = emit_identifier(emit, csr->name);
    emit_line(emit, 0, "%s", value_prototype(emit, csr));
    emit_line(emit, 0, "{");
    if (csr->view != NULL) {
        emit_line(emit, 1, "return %s_csr_value_%s(cpu%s) & UINT64_C(0x%" PRIx64 ");", emit->prefix,
                  emit_identifier(emit, csr->view->name), csr->count == 0 ? "" : ", index", emit_view_mask(csr));
        emit_line(emit, 0, "}");
        emit_blank(emit);
        return;
    }
    const char *text =
        csr->has_storage ? emit_text(emit, "cpu->state.csr.%s%s", name, csr->count == 0 ? "" : "[index]") : NULL;
    const uint64_t constant = constant_bits(csr);
    if (constant != 0 || text == NULL) {
        text = emit_text(emit, "%s%s%s", text == NULL ? "" : text, text == NULL ? "" : " | ",
                         emit_constant(emit, constant));
    }
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        if (is_computed(field)) {
            text = emit_text(emit, "%s | %s_computed_%s_%s(cpu%s) << %u", text, emit->prefix, name, field->name,
                             csr->count == 0 ? "" : ", (uint16_t)index", field->low);
        }
    }
    emit_line(emit, 1, "return %s;", text);
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

/* The raw setter: what bodies assign, no rule but that only stored fields take it. */
static void write_set(struct emit *emit, const struct isa_csr *csr)
{
    const bool is_view = csr->view != NULL;
    const struct isa_csr *base = is_view ? csr->view : csr;
    const uint64_t mask = emit_stored_mask(base) & (is_view ? emit_view_mask(csr) : UINT64_MAX);
    emit_line(emit, 0, "%s", set_prototype(emit, csr));
    emit_line(emit, 0, "{");
    if (mask != 0) {
        const char *storage =
            emit_text(emit, "cpu->state.csr.%s%s", emit_identifier(emit, base->name), csr->count == 0 ? "" : "[index]");
        const char *bits = mask == UINT64_MAX ? "value" : emit_text(emit, "value & UINT64_C(0x%" PRIx64 ")", mask);
        if (is_view) {
            bits = emit_text(emit, "(%s & ~UINT64_C(0x%" PRIx64 ")) | (%s)", storage, mask, bits);
        }
        emit_line(emit, 1, "%s = %s;", storage, bits);
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_function(struct emit *emit, const struct isa_function *function)
{
    struct emit_body body = {
        .emit = emit,
        .where = EMIT_IN_FUNCTION,
        .depth = 1,
        .leave = "return false;",
        .traps = (function->effects & ISA_EFFECT_TRAPS) != 0,
        .result = function->result,
        .result_name = "*result",
    };
    emit_line(emit, 0, "/* %s: %s */", function->name, emit_place(emit, &function->place));
    emit_line(emit, 0, "%s", emit_prototype(emit, function));
    emit_line(emit, 0, "{");
    emit_function_body(&body, function->body);
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

void output_functions(struct emit *emit)
{
    const struct isa_machine *machine = emit->machine;
    emit_banner(emit, emit_text(emit, "%s: described functions and whole control registers.", machine->title));
    emit_line(emit, 0, "#ifndef RAVELIN_GENERATED_%s_FUNCTIONS_H", emit->upper);
    emit_line(emit, 0, "#define RAVELIN_GENERATED_%s_FUNCTIONS_H", emit->upper);
    emit_blank(emit);
    emit_line(emit, 0, "#include \"arch/%s/primitives.h\"", emit->prefix);
    emit_line(emit, 0, "#include \"%s_state.h\"", emit->prefix);
    emit_blank(emit);
    emit_quiet_begin(emit);
    write_declarations(emit);
    for (const struct isa_csr *csr = machine->csrs; csr != NULL; csr = csr->next) {
        emit_line(emit, 0, "/* %s: %s */", csr->name, emit_place(emit, &csr->place));
        for (const struct isa_csr_field *field = csr->view == NULL ? csr->fields : NULL; field != NULL;
             field = field->next) {
            if (is_computed(field)) {
                write_computed(emit, csr, field);
            }
        }
        write_value(emit, csr);
        write_set(emit, csr);
    }
    for (const struct isa_function *function = machine->functions; function != NULL; function = function->next) {
        if (!function->primitive) {
            write_function(emit, function);
        }
    }
    emit_quiet_end(emit);
    emit_blank(emit);
    emit_line(emit, 0, "#endif");
}
