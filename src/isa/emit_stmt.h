/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of the tree as C statements: bodies of interpreter handlers and of C functions.
 */
#ifndef RAVELIN_ISA_EMIT_STMT_H
#define RAVELIN_ISA_EMIT_STMT_H

#include "isa/emit_expr.h"

/* Writes the inside of a handler for an instruction with a body of its own, up to and with the macro that ends it. */
void emit_handler(struct emit_body *body, const struct isa_instruction *instruction);

/* Writes the inside of a C function: `block` with `return` as the body says (traps, result). */
void emit_function_body(struct emit_body *body, const struct isa_stmt *block);

#endif
