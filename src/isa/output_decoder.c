/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder. Every instruction has a function that tests its conditions and fills in the decoded form; a tree of
 * switches finds the one or few functions to ask. A switch looks at a run of bits that all instructions still possible
 * fix; where there is no such run, the instructions that fix the least are asked in every branch.
 */
#include "core/check.h"
#include "isa/emit_decode.h"
#include "isa/emit_expr.h"
#include "isa/output.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- The header ---- */

static void write_effects(struct emit *emit)
{
    static const char *const names[] = {
        "READS_MEMORY", "WRITES_MEMORY", "READS_CSR",           "WRITES_CSR", "READS_REGISTERS", "WRITES_REGISTERS",
        "TRAPS",        "CHANGES_MODE",  "CHANGES_TRANSLATION", "ORDERS",     "STOPS",           "READS_TIME",
        "JUMPS",
    };
    emit_line(emit, 0, "/* What an instruction may do: bits of struct %s_insn_info's effects. */", emit->prefix);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        emit_line(emit, 0, "#define %s_EFFECT_%s 0x%xu", emit->upper, names[i], 1u << i);
    }
    emit_blank(emit);
}

static void write_insn_enum(struct emit *emit)
{
    emit_line(emit, 0, "enum %s_insn {", emit->prefix);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        emit_line(emit, 1, "%s_INSN_%s = %u,", emit->upper, emit_capitals(emit, insn->c_name), insn->number);
    }
    emit_line(emit, 1, "%s_INSN_COUNT = %u,", emit->upper, emit->machine->instruction_count);
    emit_line(emit, 0, "};");
    emit_blank(emit);
}

static void write_handler_list(struct emit *emit)
{
    emit_line(emit, 0,
              "/* Calls H(name, number) for every instruction with a body of its own, in the order of the numbers. */");
    emit_line(emit, 0, "#define %s_HANDLERS(H) \\", emit->upper);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        if (insn->same_as == NULL) {
            emit_line(emit, 1, "H(%s, %s_INSN_%s) \\", insn->c_name, emit->upper, emit_capitals(emit, insn->c_name));
        }
    }
    emit_line(emit, 1, "/* end */");
    emit_blank(emit);
}

static void write_decoded_struct(struct emit *emit)
{
    const char *prefix = emit->prefix;
    emit_line(
        emit, 0,
        "/* An instruction taken apart. What r and imm hold depends on `meaning`: see the interpreter's handlers. */");
    emit_line(emit, 0, "struct %s_decoded {", prefix);
    emit_line(emit, 1, "int64_t imm;");
    emit_line(emit, 1, "uint32_t encoding; /* zero-extended */");
    emit_line(emit, 1, "uint16_t insn;     /* enum %s_insn: as written */", prefix);
    emit_line(emit, 1, "uint16_t meaning;  /* the instruction whose body runs */");
    emit_line(emit, 1, "uint8_t r[%d];", EMIT_SLOT_COUNT);
    emit_line(emit, 1, "uint8_t length; /* bytes */");
    emit_line(emit, 0, "};");
    emit_blank(emit);
    emit_line(emit, 0,
              "/* Decodes the instruction that starts with these bits (a 16-bit one uses the low half). False: no "
              "instruction that");
    emit_line(emit, 0, " * the features include has this encoding; *decoded is then undefined. */");
    emit_line(emit, 0, "bool %s_decode(uint32_t bits, const struct %s_features *features, struct %s_decoded *decoded);",
              prefix, prefix, prefix);
    emit_blank(emit);
    emit_line(emit, 0, "struct %s_insn_info {", prefix);
    emit_line(emit, 1, "const char *name; /* as the description has it */");
    emit_line(emit, 1, "uint32_t effects;");
    emit_line(emit, 1, "bool ends_block; /* jumps, stops, reads the time, or changes mode or translation */");
    emit_line(emit, 1, "uint8_t size;    /* bytes */");
    emit_line(emit, 0, "};");
    emit_blank(emit);
    emit_line(emit, 0, "extern const struct %s_insn_info %s_insn_info[%s_INSN_COUNT];", prefix, prefix, emit->upper);
    emit_blank(emit);
}

static void write_disassembler_prototypes(struct emit *emit)
{
    const char *prefix = emit->prefix;
    emit_line(emit, 0,
              "/* Writes assembly text, always terminated, and returns the instruction's bytes. `pc` is where it "
              "stands. Bits that");
    emit_line(emit, 0, " * no instruction has come out as data. */");
    emit_line(emit, 0,
              "size_t %s_disassemble(char *out, size_t size, uint32_t bits, uint64_t pc, const struct %s_features "
              "*features);",
              prefix, prefix);
    emit_blank(emit);
    emit_line(emit, 0, "/* A control register's name, or NULL if there is none of this number. */");
    emit_line(emit, 0, "const char *%s_csr_name(uint32_t number);", prefix);
    emit_blank(emit);
    emit_line(emit, 0, "/* An extension's name and title; whether the extensions it needs are among the features. */");
    emit_line(emit, 0, "const char *%s_extension_name(enum %s_extension extension);", prefix, prefix);
    emit_line(emit, 0, "const char *%s_extension_title(enum %s_extension extension);", prefix, prefix);
    emit_line(emit, 0, "bool %s_extension_needs_met(const struct %s_features *features, enum %s_extension extension);",
              prefix, prefix, prefix);
    emit_blank(emit);
}

void output_decoder_header(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: decoded instructions.", emit->machine->title));
    emit_line(emit, 0, "#ifndef RAVELIN_GENERATED_%s_DECODE_H", emit->upper);
    emit_line(emit, 0, "#define RAVELIN_GENERATED_%s_DECODE_H", emit->upper);
    emit_blank(emit);
    emit_line(emit, 0, "#include \"%s_state.h\"", emit->prefix);
    emit_blank(emit);
    emit_line(emit, 0, "#include <stdbool.h>");
    emit_line(emit, 0, "#include <stddef.h>");
    emit_line(emit, 0, "#include <stdint.h>");
    emit_blank(emit);
    write_effects(emit);
    write_insn_enum(emit);
    write_handler_list(emit);
    write_decoded_struct(emit);
    write_disassembler_prototypes(emit);
    emit_line(emit, 0, "#endif");
}

/* ---- Filling in the decoded form ---- */

/* Which of the instruction's own operands the function needs. */
static void mark_used(const struct isa_instruction *insn, const struct emit_operands *plan, bool *used)
{
    emit_mark_operands(insn->where, used);
    if (insn->same_as != NULL) {
        for (const struct isa_binding *binding = insn->bindings; binding != NULL; binding = binding->next) {
            if (plan->operands[binding->field->number].home != EMIT_OPERAND_UNUSED) {
                emit_mark_operands(binding->value, used);
            }
        }
        return;
    }
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        used[i] = used[i] || plan->operands[i].home != EMIT_OPERAND_UNUSED;
    }
}

/* The operands of the instruction this one `is`, as C locals to_NAME. */
static void write_bindings(struct emit_body *body, const struct isa_instruction *insn, const struct emit_operands *plan)
{
    for (const struct isa_binding *binding = insn->bindings; binding != NULL; binding = binding->next) {
        if (plan->operands[binding->field->number].home == EMIT_OPERAND_UNUSED) {
            continue;
        }
        emit_line(body->emit, 1, "const %s to_%s = %s;", emit_type(binding->field->width),
                  emit_identifier(body->emit, binding->field->name), emit_expr(body, binding->value));
    }
}

static const char *operand_value(struct emit_body *body, const struct emit_operand *operand)
{
    return emit_text(body->emit, "%s%s", body->operand_prefix, emit_identifier(body->emit, operand->field->name));
}

static void write_homes(struct emit_body *body, const struct emit_operands *plan)
{
    struct emit *emit = body->emit;
    const char *packed = NULL;
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        const struct emit_operand *operand = &plan->operands[i];
        if (operand->home == EMIT_OPERAND_SLOT) {
            const char *value = operand_value(body, operand);
            if (operand->sink != NULL) {
                value = emit_text(emit, "%s == %d ? %u : %s", value, operand->sink->zero, operand->sink->count, value);
            }
            emit_line(emit, 1, "decoded->r[%u] = %s;", operand->at, value);
        } else if (operand->home == EMIT_OPERAND_PACKED) {
            packed = emit_text(emit, "%s%s(uint64_t)%s << %u", packed == NULL ? "" : packed,
                               packed == NULL ? "" : " | ", operand_value(body, operand), operand->at);
        }
    }
    if (packed != NULL) {
        emit_line(emit, 1, "decoded->imm = (int64_t)(%s);", packed);
    } else if (plan->imm != NULL) {
        emit_line(emit, 1, "decoded->imm = (int64_t)(%s);", emit_expr(body, plan->imm));
    }
}

static void write_take(struct emit *emit, const struct isa_instruction *insn)
{
    const struct isa_instruction *meaning = insn->same_as == NULL ? insn : insn->same_as;
    const struct emit_operands plan = emit_operands_plan(meaning);
    struct emit_body body = { .emit = emit, .where = EMIT_IN_DECODER, .depth = 1, .operand_prefix = "" };
    bool used[EMIT_FIELD_COUNT] = { false };
    mark_used(insn, &plan, used);

    emit_line(emit, 0, "/* %s: %s */", insn->name, emit_place(emit, &insn->place));
    emit_line(emit, 0,
              "static bool take_%s(uint32_t bits, const struct %s_features *features, struct %s_decoded *decoded)",
              insn->c_name, emit->prefix, emit->prefix);
    emit_line(emit, 0, "{");
    if (insn->in == NULL) {
        emit_line(emit, 1, "(void)features;");
    } else {
        emit_line(emit, 1, "if (!(%s)) {", emit_condition(emit, insn->in, "features"));
        emit_line(emit, 2, "return false;");
        emit_line(emit, 1, "}");
    }
    emit_operand_locals(emit, 1, insn, used);
    if (insn->where != NULL) {
        emit_line(emit, 1, "if (!(%s)) {", emit_expr(&body, insn->where));
        emit_line(emit, 2, "return false;");
        emit_line(emit, 1, "}");
    }
    write_bindings(&body, insn, &plan);
    emit_line(emit, 1, "*decoded = (struct %s_decoded){", emit->prefix);
    emit_line(emit, 2, ".encoding = %s,", insn->format->size == 16 ? "bits & 0xffff" : "bits");
    emit_line(emit, 2, ".insn = %s_INSN_%s,", emit->upper, emit_capitals(emit, insn->c_name));
    emit_line(emit, 2, ".meaning = %s_INSN_%s,", emit->upper, emit_capitals(emit, meaning->c_name));
    emit_line(emit, 2, ".length = %u,", insn->format->size / 8);
    emit_line(emit, 1, "};");
    body.operand_prefix = insn->same_as == NULL ? "" : "to_";
    write_homes(&body, &plan);
    emit_line(emit, 1, "return true;");
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

/* ---- The tree ---- */

/* Instructions that the bits looked at so far (`tested`) allow. */
struct candidates {
    const struct isa_instruction **list;
    unsigned count;
};

static void write_tree(struct emit *emit, unsigned depth, struct candidates *candidates, uint32_t tested);

static struct candidates candidates_new(unsigned count)
{
    struct candidates candidates = { .list = calloc(count + 1, sizeof(const struct isa_instruction *)) };
    CHECK(candidates.list != NULL);
    return candidates;
}

static bool overrides(const struct isa_instruction *a, const struct isa_instruction *b)
{
    for (unsigned i = 0; i < a->override_count; i++) {
        if (a->overrides[i] == b) {
            return true;
        }
    }
    return false;
}

/* Moves each instruction before those that it overrides. */
static void order_by_overrides(struct candidates *candidates)
{
    const struct isa_instruction **list = candidates->list;
    bool moved = true;
    for (unsigned round = 0; moved && round <= candidates->count; round++) {
        moved = false;
        for (unsigned i = 0; i < candidates->count; i++) {
            for (unsigned j = i + 1; j < candidates->count; j++) {
                if (overrides(list[j], list[i])) {
                    const struct isa_instruction *later = list[j];
                    list[j] = list[i];
                    list[i] = later;
                    moved = true;
                }
            }
        }
    }
}

static uint32_t fixed_by_all(const struct candidates *candidates, uint32_t tested)
{
    uint32_t common = ~tested;
    for (unsigned i = 0; i < candidates->count; i++) {
        common &= candidates->list[i]->mask;
    }
    return common;
}

static bool same_bits(const struct candidates *candidates, uint32_t mask)
{
    for (unsigned i = 1; i < candidates->count; i++) {
        if (((candidates->list[i]->match ^ candidates->list[0]->match) & mask) != 0) {
            return false;
        }
    }
    return true;
}

static unsigned distinct_values(const struct candidates *candidates, uint32_t mask)
{
    unsigned count = 0;
    for (unsigned i = 0; i < candidates->count; i++) {
        bool first = true;
        for (unsigned j = 0; j < i && first; j++) {
            first = ((candidates->list[i]->match ^ candidates->list[j]->match) & mask) != 0;
        }
        count += first;
    }
    return count;
}

/* The run of adjacent bits in `common` that tells most apart. */
static uint32_t best_run(const struct candidates *candidates, uint32_t common)
{
    uint32_t best = 0;
    unsigned most = 0;
    while (common != 0) {
        const uint32_t lowest = common & -common;
        const uint32_t run = common & ~(common + lowest); /* the carry runs through the lowest run */
        const unsigned count = distinct_values(candidates, run);
        if (count > most) {
            most = count;
            best = run;
        }
        common &= ~run;
    }
    return best;
}

static void write_leaf(struct emit *emit, unsigned depth, struct candidates *candidates, uint32_t tested)
{
    order_by_overrides(candidates);
    for (unsigned i = 0; i < candidates->count; i++) {
        const struct isa_instruction *insn = candidates->list[i];
        const uint32_t rest = insn->mask & ~tested;
        const char *take = emit_text(emit, "take_%s(bits, features, decoded)", insn->c_name);
        if (rest != 0) {
            take = emit_text(emit, "(bits & 0x%" PRIx32 "u) == 0x%" PRIx32 "u && %s", rest, insn->match & rest, take);
        }
        if (i + 1 == candidates->count) {
            emit_line(emit, depth, "return %s;", take);
        } else {
            emit_line(emit, depth, "if (%s) {", take);
            emit_line(emit, depth + 1, "return true;");
            emit_line(emit, depth, "}");
        }
    }
}

/* A switch over `run`, which all of `candidates` fix; `others` do not and are asked in every branch. */
static void write_switch(struct emit *emit, unsigned depth, const struct candidates *candidates,
                         const struct candidates *others, uint32_t run, uint32_t tested)
{
    unsigned low = 0;
    while ((run >> low & 1) == 0) {
        low++;
    }
    emit_line(emit, depth, "switch (bits >> %u & 0x%" PRIx32 ") {", low, run >> low);
    for (unsigned i = 0; i < candidates->count; i++) {
        const uint32_t value = candidates->list[i]->match & run;
        struct candidates branch = candidates_new(candidates->count + others->count);
        bool seen = false;
        for (unsigned j = 0; j < candidates->count; j++) {
            if ((candidates->list[j]->match & run) == value) {
                seen = seen || j < i;
                branch.list[branch.count++] = candidates->list[j];
            }
        }
        for (unsigned j = 0; j < others->count; j++) {
            if (((others->list[j]->match ^ value) & others->list[j]->mask & run) == 0) {
                branch.list[branch.count++] = others->list[j];
            }
        }
        if (!seen) {
            emit_line(emit, depth, "case 0x%" PRIx32 ":", value >> low);
            write_tree(emit, depth + 1, &branch, tested | run);
        }
        free(branch.list);
    }
    emit_line(emit, depth, "default:");
    if (others->count == 0) {
        emit_line(emit, depth + 1, "return false;");
    } else {
        struct candidates rest = candidates_new(others->count);
        for (unsigned i = 0; i < others->count; i++) {
            rest.list[rest.count++] = others->list[i];
        }
        write_tree(emit, depth + 1, &rest, tested);
        free(rest.list);
    }
    emit_line(emit, depth, "}");
}

static int fewer_fixed_bits(const void *a, const void *b)
{
    const struct isa_instruction *const *left = a;
    const struct isa_instruction *const *right = b;
    const int difference = __builtin_popcount((*right)->mask) - __builtin_popcount((*left)->mask);
    return difference != 0 ? difference : (int)(*left)->number - (int)(*right)->number;
}

/* No bits are fixed by all: leaves those that fix the least aside until the rest have some in common. False: no use. */
static bool write_partial_switch(struct emit *emit, unsigned depth, struct candidates *candidates, uint32_t tested)
{
    qsort(candidates->list, candidates->count, sizeof candidates->list[0], fewer_fixed_bits);
    for (unsigned kept = candidates->count - 1; kept >= 2; kept--) {
        const struct candidates most = { .list = candidates->list, .count = kept };
        const struct candidates others = { .list = candidates->list + kept, .count = candidates->count - kept };
        const uint32_t common = fixed_by_all(&most, tested);
        if (common != 0 && !same_bits(&most, common)) {
            write_switch(emit, depth, &most, &others, best_run(&most, common), tested);
            return true;
        }
    }
    return false;
}

static void write_tree(struct emit *emit, unsigned depth, struct candidates *candidates, uint32_t tested)
{
    static const struct candidates none = { .count = 0 };
    const uint32_t common = fixed_by_all(candidates, tested);
    if (candidates->count > 1 && common != 0 && !same_bits(candidates, common)) {
        write_switch(emit, depth, candidates, &none, best_run(candidates, common), tested);
    } else if (candidates->count <= 3 || !write_partial_switch(emit, depth, candidates, tested)) {
        write_leaf(emit, depth, candidates, tested);
    }
}

static void write_decode(struct emit *emit)
{
    struct candidates all = candidates_new(emit->machine->instruction_count);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        all.list[all.count++] = insn;
    }
    emit_line(emit, 0, "bool %s_decode(uint32_t bits, const struct %s_features *features, struct %s_decoded *decoded)",
              emit->prefix, emit->prefix, emit->prefix);
    emit_line(emit, 0, "{");
    if (all.count == 0) {
        emit_line(emit, 1, "(void)bits, (void)features, (void)decoded;");
        emit_line(emit, 1, "return false;");
    } else {
        write_tree(emit, 1, &all, 0);
    }
    emit_line(emit, 0, "}");
    emit_blank(emit);
    free(all.list);
}

static void write_info(struct emit *emit)
{
    emit_line(emit, 0, "const struct %s_insn_info %s_insn_info[%s_INSN_COUNT] = {", emit->prefix, emit->prefix,
              emit->upper);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        emit_line(emit, 1, "[%s_INSN_%s] = {\"%s\", 0x%x, %s, %u},", emit->upper, emit_capitals(emit, insn->c_name),
                  insn->name, insn->effects, emit_ends_block(insn->effects) ? "true" : "false", insn->format->size / 8);
    }
    emit_line(emit, 0, "};");
}

void output_decoder(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: the decoder.", emit->machine->title));
    emit_line(emit, 0, "#include \"%s_decode.h\"", emit->prefix);
    emit_blank(emit);
    emit_quiet_begin(emit);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        write_take(emit, insn);
    }
    write_decode(emit);
    write_info(emit);
    emit_blank(emit);
    emit_quiet_end(emit);
}
