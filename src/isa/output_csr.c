/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers by number. For each register up to four C functions, one per block of its description (access,
 * read, write, after), each false if it trapped; riscv_csr_read and riscv_csr_write call them in that order. What a
 * register leaves to the default is written out too: the rules of its fields.
 */
#include "core/check.h"
#include "isa/emit_stmt.h"
#include "isa/output.h"

#include <inttypes.h>

static const char *name_of(struct emit *emit, const struct isa_csr *csr)
{
    return emit_identifier(emit, csr->name);
}

static const char *index_parameter(const struct isa_csr *csr)
{
    return csr->count == 0 ? "" : ", uint16_t index";
}

static void open_function(struct emit *emit, const struct isa_csr *csr, const char *what, const char *parameters)
{
    emit_line(emit, 0, "static bool %s_%s(struct %s_cpu *cpu%s%s)", what, name_of(emit, csr), emit->prefix,
              index_parameter(csr), parameters);
    emit_line(emit, 0, "{");
}

static void close_function(struct emit *emit)
{
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

static void write_block_function(struct emit *emit, const struct isa_stmt *block, unsigned result)
{
    struct emit_body body = {
        .emit = emit,
        .where = EMIT_IN_FUNCTION,
        .depth = 1,
        .leave = "return false;",
        .traps = true,
        .result = result,
        .result_name = "*result",
    };
    emit_function_body(&body, block);
}

static void write_access(struct emit *emit, const struct isa_csr *csr)
{
    if (csr->access == NULL) {
        return;
    }
    const char *name = csr->is_write == NULL ? "write" : emit_local_name(emit, csr->is_write);
    open_function(emit, csr, "access", emit_text(emit, ", bool %s", name));
    write_block_function(emit, csr->access, ISA_VOID);
    close_function(emit);
}

static const char *index_argument(const struct isa_csr *csr)
{
    return csr->count == 0 ? "" : ", index";
}

static void write_read(struct emit *emit, const struct isa_csr *csr)
{
    open_function(emit, csr, "read", ", uint64_t *result");
    if (csr->read != NULL) {
        write_block_function(emit, csr->read, csr->width);
    } else if (csr->view != NULL) {
        emit_line(emit, 1, "if (!read_%s(cpu%s, result)) {", name_of(emit, csr->view), index_argument(csr));
        emit_line(emit, 2, "return false;");
        emit_line(emit, 1, "}");
        emit_line(emit, 1, "*result &= UINT64_C(0x%" PRIx64 ");", emit_view_mask(csr));
        emit_line(emit, 1, "return true;");
    } else {
        emit_line(emit, 1, "*result = %s_csr_value_%s(cpu%s);", emit->prefix, name_of(emit, csr), index_argument(csr));
        emit_line(emit, 1, "return true;");
    }
    close_function(emit);
}

/* Fields that take only some values keep the old one otherwise. */
static void write_legal_field(struct emit *emit, const struct isa_csr_field *field)
{
    const uint64_t ones = (uint64_t)emit_ones(field->high - field->low + 1);
    emit_line(emit, 1, "{ /* %s */", field->name);
    emit_line(emit, 2, "const uint64_t wanted = value >> %u & %s;", field->low, emit_constant(emit, ones));
    const char *condition = "";
    for (unsigned i = 0; i < field->legal_count; i++) {
        condition =
            emit_text(emit, "%s%swanted == %s", condition, i == 0 ? "" : " || ", emit_constant(emit, field->legal[i]));
    }
    emit_line(emit, 2, "if ((mask & UINT64_C(0x%" PRIx64 ")) != 0 && (%s)) {", emit_field_mask(field),
              field->legal_count == 0 ? "false" : condition);
    emit_line(emit, 3, "stored = (stored & ~UINT64_C(0x%" PRIx64 ")) | wanted << %u;", emit_field_mask(field),
              field->low);
    emit_line(emit, 2, "}");
    emit_line(emit, 1, "}");
}

/* Does any field take what software writes by default? */
static bool takes_writes(const struct isa_csr *csr)
{
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        if (field->rule == ISA_RULE_PLAIN || field->rule == ISA_RULE_LEGAL) {
            return true;
        }
    }
    return csr->write != NULL;
}

/* store_NAME(cpu, value, mask): what software wrote goes into the fields that `mask` covers, by their rules. */
static void write_store(struct emit *emit, const struct isa_csr *csr)
{
    uint64_t plain = 0;
    bool any_legal = false;
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        plain |= field->rule == ISA_RULE_PLAIN ? emit_field_mask(field) : 0;
        any_legal = any_legal || field->rule == ISA_RULE_LEGAL;
    }
    open_function(emit, csr, "store", ", uint64_t value, uint64_t mask");
    const char *storage = emit_text(emit, "cpu->state.csr.%s%s", name_of(emit, csr), csr->count == 0 ? "" : "[index]");
    emit_line(emit, 1, "const uint64_t plain = mask & UINT64_C(0x%" PRIx64 ");", plain);
    emit_line(emit, 1, "%suint64_t stored = (%s & ~plain) | (value & plain);", any_legal ? "" : "const ", storage);
    for (const struct isa_csr_field *field = csr->fields; field != NULL; field = field->next) {
        if (field->rule == ISA_RULE_LEGAL) {
            write_legal_field(emit, field);
        }
    }
    emit_line(emit, 1, "%s = stored;", storage);
    emit_line(emit, 1, "return true;");
    close_function(emit);
}

static void write_after(struct emit *emit, const struct isa_csr *csr)
{
    if (csr->after == NULL) {
        return;
    }
    open_function(emit, csr, "after", "");
    write_block_function(emit, csr->after, ISA_VOID);
    close_function(emit);
}

/* A view's write without a block of its own: the base's rules for the fields that it shows. */
static const char *view_write(struct emit *emit, const struct isa_csr *csr)
{
    const struct isa_csr *base = csr->view;
    const char *mask = emit_text(emit, "UINT64_C(0x%" PRIx64 ")", emit_view_mask(csr));
    if (base->write == NULL) {
        return emit_text(emit, "store_%s(cpu%s, value, %s)", name_of(emit, base), index_argument(csr), mask);
    }
    return emit_text(emit, "write_%s(cpu%s, (%s_csr_value_%s(cpu%s) & ~%s) | (value & %s))", name_of(emit, base),
                     index_argument(csr), emit->prefix, name_of(emit, base), index_argument(csr), mask, mask);
}

/* write_NAME(cpu, value): the write block or the default; without `after`. */
static void write_write(struct emit *emit, const struct isa_csr *csr)
{
    const char *name = csr->value == NULL ? "value" : emit_local_name(emit, csr->value);
    open_function(emit, csr, "write", emit_text(emit, ", uint64_t %s", name));
    if (csr->write != NULL) {
        write_block_function(emit, csr->write, ISA_VOID);
    } else if (!takes_writes(csr->view != NULL ? csr->view : csr)) {
        emit_line(emit, 1, "return true; /* no field takes a write */");
    } else if (csr->view != NULL) {
        emit_line(emit, 1, "return %s;", view_write(emit, csr));
    } else {
        emit_line(emit, 1, "return store_%s(cpu%s, value, UINT64_MAX);", name_of(emit, csr), index_argument(csr));
    }
    close_function(emit);
}

static bool is_base_of_view(struct emit *emit, const struct isa_csr *base)
{
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (csr->view == base && csr->numbered) {
            return true;
        }
    }
    return false;
}

static void write_functions(struct emit *emit, const struct isa_csr *csr)
{
    const bool needed = csr->numbered || is_base_of_view(emit, csr);
    if (!needed) {
        return;
    }
    emit_line(emit, 0, "/* %s: %s */", csr->name, emit_place(emit, &csr->place));
    emit_blank(emit);
    write_read(emit, csr);
    if (csr->view == NULL && csr->write == NULL && takes_writes(csr)) {
        write_store(emit, csr);
    }
    write_write(emit, csr);
    write_after(emit, csr);
    if (csr->numbered) {
        write_access(emit, csr);
    }
}

/* The case labels of a register, and the index if it is an array. */
static void write_labels(struct emit *emit, const struct isa_csr *csr)
{
    const unsigned count = csr->count == 0 ? 1 : csr->count;
    const char *line = "";
    for (unsigned i = 0; i < count; i++) {
        line = emit_text(emit, "%s%scase 0x%x:", line, line[0] == '\0' ? "" : " ", csr->number + i);
        if (i % 8 == 7 || i + 1 == count) {
            emit_line(emit, 1, "%s", line);
            line = "";
        }
    }
}

static void write_case(struct emit *emit, const struct isa_csr *csr, bool is_write)
{
    const char *name = name_of(emit, csr);
    const char *index = csr->count == 0 ? "" : emit_text(emit, ", (uint16_t)(number - 0x%x)", csr->number);
    const char *text = "";
    if (csr->in != NULL) {
        emit_line(emit, 2, "if (!(%s)) {", emit_condition(emit, csr->in, "&cpu->features"));
        emit_line(emit, 3, "break;");
        emit_line(emit, 2, "}");
    }
    if (csr->access != NULL) {
        text = emit_text(emit, "access_%s(cpu%s, %s) && ", name, index, is_write ? "true" : "false");
    }
    text = emit_text(emit, "%s%s_%s(cpu%s, value)", text, is_write ? "write" : "read", name, index);
    if (is_write && csr->view != NULL && csr->write == NULL && csr->view->after != NULL) {
        text = emit_text(emit, "%s && after_%s(cpu%s)", text, name_of(emit, csr->view), index);
    }
    if (is_write && csr->after != NULL) {
        text = emit_text(emit, "%s && after_%s(cpu%s)", text, name, index);
    }
    emit_line(emit, 2, "return %s;", text);
}

/* What happens at a number that no register has. */
static void write_missing(struct emit *emit)
{
    const struct isa_exception *missing = emit->machine->csr_missing;
    CHECK(missing != NULL);
    const struct isa_stmt trap = { .kind = ISA_STMT_TRAP, .exception = missing, .tval = missing->tval };
    struct emit_body body = {
        .emit = emit, .where = EMIT_IN_FUNCTION, .depth = 1, .leave = "return false;", .traps = true, .result = ISA_VOID
    };
    emit_function_body(&body, &trap);
}

static void write_by_number(struct emit *emit, bool is_write)
{
    emit_line(emit, 0, "bool %s_csr_%s(struct %s_cpu *cpu, uint32_t number, uint64_t %svalue)", emit->prefix,
              is_write ? "write" : "read", emit->prefix, is_write ? "" : "*");
    emit_line(emit, 0, "{");
    emit_line(emit, 1, "switch (number) {");
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (csr->numbered) {
            write_labels(emit, csr);
            write_case(emit, csr, is_write);
        }
    }
    emit_line(emit, 1, "default:");
    emit_line(emit, 2, "break;");
    emit_line(emit, 1, "}");
    write_missing(emit);
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

void output_csr(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: control registers by number.", emit->machine->title));
    emit_line(emit, 0, "#include \"%s_functions.h\"", emit->prefix);
    emit_blank(emit);
    emit_quiet_begin(emit);
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (csr->view == NULL) {
            write_functions(emit, csr);
        }
    }
    for (const struct isa_csr *csr = emit->machine->csrs; csr != NULL; csr = csr->next) {
        if (csr->view != NULL) {
            write_functions(emit, csr);
        }
    }
    if (emit->machine->csr_missing != NULL) {
        write_by_number(emit, false);
        write_by_number(emit, true);
    }
    emit_quiet_end(emit);
}
