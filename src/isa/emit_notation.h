/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions over operands in the description's own notation, for comments and the reference page.
 */
#ifndef RAVELIN_ISA_EMIT_NOTATION_H
#define RAVELIN_ISA_EMIT_NOTATION_H

#include "isa/emit.h"

/* "sext(imm)", "cat(hi, 0b00, lo)". Every inner operation is in brackets. */
const char *emit_notation(struct emit *emit, const struct isa_expr *expr);

#endif
