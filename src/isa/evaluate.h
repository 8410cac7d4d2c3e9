/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of typed expressions over constants and operands: for `where`, and for constants with a type.
 */
#ifndef RAVELIN_ISA_EVALUATE_H
#define RAVELIN_ISA_EVALUATE_H

#include "isa/tree.h"

/* Whether `expr` reads operands and constants only, so that it has a value without a machine. */
bool isa_is_fixed(const struct isa_expr *expr);

/*
 * The value of `expr`, for which isa_is_fixed() holds, in the instruction whose bits are `encoding`; `format` says
 * where the operands are (NULL if there are none). A bool gives 0 or 1.
 */
isa_bits isa_evaluate(const struct isa_expr *expr, const struct isa_format *format, uint32_t encoding);

/* The field's value in an encoding. */
uint64_t isa_operand_value(const struct isa_format *format, const struct isa_field *field, uint32_t encoding);

/* The instruction bits that `expr` depends on. */
uint32_t isa_operand_bits(const struct isa_expr *expr, const struct isa_format *format);

/* One operation on values of `width` bits (the result's for unary and arithmetic, the operands' for comparisons). */
isa_bits isa_evaluate_unary(enum isa_op op, unsigned width, isa_bits a);
isa_bits isa_evaluate_binary(enum isa_op op, unsigned width, isa_bits a, isa_bits b);

#endif
