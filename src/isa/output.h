/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outputs of ravelin-isac: each turns the typed tree of a machine into one file.
 *
 * An output reads the tree, never changes it, and has no errors of its own: what it cannot render is a bug, in it or in
 * the checker, and aborts (CHECK). Every output is in a file of its own, output_NAME.c.
 */
#ifndef RAVELIN_ISA_OUTPUT_H
#define RAVELIN_ISA_OUTPUT_H

#include "isa/emit.h"

/* MACHINE_state.h: registers, control registers and their fields, modes, exceptions, extensions. */
void output_state(struct emit *emit);

/* MACHINE_decode.h: the decoded form, the instructions' numbers and facts; declares what decoder and disassembler
 * define. */
void output_decoder_header(struct emit *emit);

/* MACHINE_decode.c: from bits to the decoded form, by a tree of switches. */
void output_decoder(struct emit *emit);

/* MACHINE_interp.inc.h: one handler per instruction, for inclusion into the interpreter's loop. */
void output_interpreter(struct emit *emit);

/* MACHINE_functions.h: the described functions and whole control registers, as static inline C. */
void output_functions(struct emit *emit);

/* MACHINE_csr.c: control registers by number, with access rules. */
void output_csr(struct emit *emit);

/* MACHINE_translate.c: each instruction as calls that build the JIT's IR. */
void output_translate(struct emit *emit);

/* MACHINE_disasm.c: bits to assembly text; names of extensions and control registers. */
void output_disassembler(struct emit *emit);

/* MACHINE.md: the reference page. */
void output_reference(struct emit *emit);

#endif
