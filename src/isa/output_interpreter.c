/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/emit_notation.h"
#include "isa/emit_stmt.h"
#include "isa/output.h"

/* Where the handler finds its operands, for readers: "r[0] = rs1, imm = …". */
static const char *homes_comment(struct emit *emit, const struct emit_operands *plan)
{
    const char *text = "";
    for (unsigned i = 0; i < EMIT_FIELD_COUNT; i++) {
        const struct emit_operand *operand = &plan->operands[i];
        if (operand->home == EMIT_OPERAND_SLOT) {
            text = emit_text(emit, "%s; r[%u] = %s", text, operand->at, operand->field->name);
        } else if (operand->home == EMIT_OPERAND_PACKED) {
            text = emit_text(emit, "%s; imm[%u:%u] = %s", text, operand->at + operand->field->width - 1, operand->at,
                             operand->field->name);
        }
    }
    if (plan->imm != NULL) {
        text = emit_text(emit, "%s; imm = %s", text, emit_notation(emit, plan->imm));
    }
    return text;
}

static void write_handler(struct emit *emit, const struct isa_instruction *insn)
{
    const struct emit_operands plan = emit_operands_plan(insn);
    struct emit_body body = {
        .emit = emit,
        .where = EMIT_IN_HANDLER,
        .depth = 1,
        .operands = &plan,
        .leave = "TRAPPED();",
        .result = ISA_VOID,
    };
    emit_line(emit, 0, "/* %s: %s%s */", insn->name, emit_place(emit, &insn->place), homes_comment(emit, &plan));
    emit_line(emit, 0, "INSTRUCTION(%s)", insn->c_name);
    emit_line(emit, 0, "{");
    emit_handler(&body, insn);
    emit_line(emit, 0, "}");
    emit_blank(emit);
}

void output_interpreter(struct emit *emit)
{
    emit_banner(emit, emit_text(emit, "%s: what each instruction does, for inclusion into the interpreter's loop.",
                                emit->machine->title));
    emit_line(emit, 0,
              "/* The includer provides cpu, state and op (the decoded instruction), and the macros INSTRUCTION(name), "
              "PC, NEXT_PC,");
    emit_line(emit, 0,
              " * ENCODING, SYNC(), and the ways to leave a handler: NEXT(), FALL_THROUGH(), JUMP_DIRECT(target),");
    emit_line(emit, 0, " * JUMP_INDIRECT(target), END_BLOCK(), TRAPPED(). */");
    emit_blank(emit);
    emit_quiet_begin(emit);
    for (const struct isa_instruction *insn = emit->machine->instructions; insn != NULL; insn = insn->next) {
        if (insn->same_as == NULL) {
            write_handler(emit, insn);
        }
    }
    emit_quiet_end(emit);
}
