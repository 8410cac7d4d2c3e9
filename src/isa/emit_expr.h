/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of the tree as C expressions.
 *
 * The C text of an N-bit expression has the N-bit value zero-extended, in an unsigned type of at least N bits. Masks
 * are printed only where the value may have more bits than its width says, shifts call a guarded function only where
 * the amount may reach the width, and operands the plan keeps in imm are not computed again. No text has undefined
 * behaviour for any value of its inputs.
 *
 * A call that traps cannot stand inside a C expression: it is written as statements of its own before the one being
 * built (`body->depth` says where), and its result, a local named result_N, stands for it. The language allows such
 * calls only where this keeps the written order.
 */
#ifndef RAVELIN_ISA_EMIT_EXPR_H
#define RAVELIN_ISA_EMIT_EXPR_H

#include "isa/emit.h"
#include "isa/emit_operands.h"

enum emit_where {
    EMIT_IN_HANDLER,  /* the interpreter: cpu, state, op, PC, NEXT_PC, ENCODING */
    EMIT_IN_FUNCTION, /* a C function with cpu */
    EMIT_IN_DECODER,  /* operands are C locals; nothing else is there */
};

/* What surrounds the expression: filled in by the output, one per handler or function. */
struct emit_body {
    struct emit *emit;
    enum emit_where where;
    unsigned depth;
    const struct emit_operands *operands; /* IN_HANDLER */
    const char *operand_prefix;           /* IN_DECODER: before an operand's name */
    unsigned temporary_count;
    const char *leave;       /* statement after a recorded trap: "TRAPPED();" or "return false;" */
    bool traps;              /* a C function that returns whether it did not trap */
    unsigned result;         /* its result: width, ISA_BOOL or ISA_VOID */
    const char *result_name; /* with traps: where `return` stores, such as "*result" */
    bool has_several_jumps;
    bool defers_jump;                     /* something follows a jump: it happens at the end, `target` says where to */
    const struct isa_stmt *straight_jump; /* the only jump, on every path, but with something after it; or NULL */
    unsigned char known_locals[256];      /* by local number: 1 if its value depends on pc and operands alone */
};

/* C for the expression, fit to be assigned to (or passed as, or returned as) the C type of its width. */
const char *emit_expr(struct emit_body *body, const struct isa_expr *expr);

/* The same as an array index below `count`: C that is below count whatever the value. */
const char *emit_index(struct emit_body *body, const struct isa_expr *expr, unsigned count);

/* Writes the statements of a call that traps. `result` is C for a pointer to its result, or NULL if it has none. */
void emit_trapping_call(struct emit_body *body, const struct isa_expr *call, const char *result);

/* Does the call (or csr_read) trap? */
bool emit_call_traps(const struct isa_expr *call);

/* Is the value of the expression known when its block is made: does it depend on pc, operands and constants alone? */
bool emit_known_in_block(const struct emit_body *body, const struct isa_expr *expr);

/* The largest value an expression can have, by its form and width. */
isa_bits emit_largest(struct emit_body *body, const struct isa_expr *expr);

#endif
