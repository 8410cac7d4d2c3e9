/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking an encoding apart in C: operands from `bits`, for the decoder and the disassembler.
 */
#ifndef RAVELIN_ISA_EMIT_DECODE_H
#define RAVELIN_ISA_EMIT_DECODE_H

#include "isa/emit.h"
#include "isa/emit_operands.h"

/* Writes `const TYPE NAME = …bits…;` for each operand whose number is in used[]. */
void emit_operand_locals(struct emit *emit, unsigned depth, const struct isa_instruction *instruction,
                         const bool *used);

#endif
