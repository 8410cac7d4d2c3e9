/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of an expression that depends on constants alone, so that outputs print the number instead of the sum.
 *
 * Also the plainest statement of what the operators mean: tests compare the generated C with it.
 */
#ifndef RAVELIN_ISA_EMIT_FOLD_H
#define RAVELIN_ISA_EMIT_FOLD_H

#include "isa/tree.h"

/* If `expr` consists of constants and operators only: true and its value, zero-extended. Otherwise false. */
bool emit_fold(const struct isa_expr *expr, isa_bits *value);

#endif
