/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the JIT's IR can express: questions about the typed tree, for output_translate.c, which renders only that.
 *
 * Not expressed: values wider than 64 bits (but the high half of a product), a change of mode or translation, a stop,
 * the time, unconditional traps, whole control registers, jumps under a condition that are not the last thing. Whatever
 * is not expressed is the interpreter's. Pure functions, for any thread.
 */
#ifndef RAVELIN_ISA_TRANSLATABLE_H
#define RAVELIN_ISA_TRANSLATABLE_H

#include "isa/tree.h"

#include <stdbool.h>

/* An instruction with a body of its own, all of it. */
bool translatable_instruction(const struct isa_instruction *insn);

/* A call of it, with arguments that are translatable: a described function's body, or a primitive's kind. */
bool translatable_function(const struct isa_function *function);

/* A list of statements; NULL is an empty one. */
bool translatable_block(const struct isa_stmt *stmt);

/* An expression with all below it; NULL is none. */
bool translatable_expression(const struct isa_expr *expr);

/* `if …` with a trap as its first statement and no `else`: a guard of the IR, behind which the interpreter traps. */
bool translatable_is_guard(const struct isa_stmt *stmt);

/* (sext or zext(a, 128) * …(b, 128))[127:64] */
bool translatable_is_high_product(const struct isa_expr *expr);

/* Whether one of the statements of a list is a jump; not those inside of them. */
bool translatable_has_jump(const struct isa_stmt *stmt);

#endif
