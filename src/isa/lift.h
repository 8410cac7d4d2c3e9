/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifting: afterwards a call with effects stands only as the whole `value` of a statement.
 *
 * `x[rd] = sext(load32(a))` becomes `let t = load32(a)`, `x[rd] = sext(t)`. So outputs never have to order effects
 * inside an expression. What is evaluated before the call and could see its effect is lifted with it.
 */
#ifndef RAVELIN_ISA_LIFT_H
#define RAVELIN_ISA_LIFT_H

#include "isa/reader.h"

/* Effects that a call may have anywhere: they only read, so their order does not matter. */
#define ISA_ORDERLESS (ISA_EFFECT_READS_REGISTERS | ISA_EFFECT_READS_CSR | ISA_EFFECT_READS_TIME)

/* `local_count` numbers the new locals. */
void isa_lift(struct isa_reader *reader, struct isa_stmt **stmts, unsigned *local_count);

#endif
