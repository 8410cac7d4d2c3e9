/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a decoded instruction keeps its operands: the plan that decoder and interpreter share.
 *
 * A decoded instruction has four bytes r[0..3] and one 64-bit imm. Operands of up to 8 bits that the body reads get a
 * byte each, in the order of the format's fields. imm holds, computed once at decode time, an expression over operands
 * that the body asks for (such as sext(imm)), or, where the body asks for several, the wide operands themselves, packed
 * side by side.
 *
 * An operand that only ever says where a bank with a zero register is written is kept as bank-size instead of the zero
 * register's number: the bank's array has one more element there, and the write needs no test.
 */
#ifndef RAVELIN_ISA_EMIT_OPERANDS_H
#define RAVELIN_ISA_EMIT_OPERANDS_H

#include "isa/tree.h"

#define EMIT_SLOT_COUNT  4
#define EMIT_FIELD_COUNT 32 /* a 32-bit encoding has no more */

enum emit_operand_home {
    EMIT_OPERAND_UNUSED,
    EMIT_OPERAND_SLOT,   /* r[at] */
    EMIT_OPERAND_PACKED, /* bits at and up of imm */
    EMIT_OPERAND_HIDDEN, /* only inside the expression that imm holds */
};

struct emit_operand {
    const struct isa_field *field; /* NULL: fixed by the instruction */
    enum emit_operand_home home;
    unsigned at;
    const struct isa_register *sink; /* kept as sink->count where it is sink->zero; or NULL */
};

struct emit_operands {
    const struct isa_instruction *instruction;
    struct emit_operand operands[EMIT_FIELD_COUNT]; /* by field number */
    const struct isa_expr *imm;                     /* the expression in imm, or NULL: nothing or packed operands */
    bool packed;
};

/* The plan for an instruction with a body of its own (not one that `is` another). */
struct emit_operands emit_operands_plan(const struct isa_instruction *instruction);

/* Is the field an operand, that is not given a value? */
bool emit_is_operand(const struct isa_instruction *instruction, const struct isa_field *field);

/* Sets used[field->number] for every operand that stands in the expression (NULL: none). */
void emit_mark_operands(const struct isa_expr *expr, bool *used);

/* Same expression, written twice? Places do not count. */
bool emit_same(const struct isa_expr *a, const struct isa_expr *b);

#endif
