/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing C text: what all outputs of ravelin-isac share.
 *
 * A struct emit is one output file being written. Strings made with emit_text() live until emit_end(): the compiler is
 * a short process that never holds more than one file's worth. Write errors are sticky in the FILE and are reported
 * once by the caller (ferror), so nothing here fails.
 *
 * Not thread-safe: one thread writes one file.
 */
#ifndef RAVELIN_ISA_EMIT_H
#define RAVELIN_ISA_EMIT_H

#include "isa/tree.h"

#include <stdio.h>

struct emit_string;

struct emit {
    FILE *file;
    const struct isa_machine *machine;
    const char *root;   /* path of the root description, as given */
    const char *prefix; /* the machine's name: of every C name */
    const char *upper;  /* the same in capitals */
    struct emit_string *strings;
};

/* Starts an output to `file` (borrowed). emit_end() frees the strings, and does not close the file. */
void emit_begin(struct emit *emit, FILE *file, const struct isa_machine *machine, const char *root);
void emit_end(struct emit *emit);

/* A formatted string that lives until emit_end(). */
__attribute__((format(printf, 2, 3))) const char *emit_text(struct emit *emit, const char *format, ...);

/* `name` in capitals, dots as underscores. */
const char *emit_capitals(struct emit *emit, const char *name);

/* `name` as a C identifier: dots become underscores. */
const char *emit_identifier(struct emit *emit, const char *name);

/* One line at `depth` levels of indentation (# lines at none); a newline is added. */
__attribute__((format(printf, 3, 4))) void emit_line(struct emit *emit, unsigned depth, const char *format, ...);

void emit_blank(struct emit *emit);

/* "rv64i.isa:41": the place relative to the root description's folder, so that output does not depend on where the
 * build stands. */
const char *emit_place(struct emit *emit, const struct isa_place *place);
const char *emit_file_name(struct emit *emit, const char *path);

/* The first lines of a generated C file: licence, what it is, from what. `what` is one sentence. */
void emit_banner(struct emit *emit, const char *what);

/* Before and after code whose expressions come from a description: without the warnings that a correct description may
 * cause. */
void emit_quiet_begin(struct emit *emit);
void emit_quiet_end(struct emit *emit);

/* The C type of a value: bool for ISA_BOOL, uint8_t … uint64_t, isa_uint128; void for ISA_VOID. */
const char *emit_type(unsigned width);

/* Bits of that type: 1 (bool), 8, 16, 32, 64 or 128. */
unsigned emit_type_bits(unsigned width);

/* All ones in `width` bits (1 … 128); 1 for ISA_BOOL. */
isa_bits emit_ones(unsigned width);

/* A constant as C, an int, unsigned or uint64_t literal or an expression of them in brackets. */
const char *emit_constant(struct emit *emit, isa_bits value);

/* If `expr` consists of constants and operators only: true and its value, zero-extended. Otherwise false. */
bool emit_fold(const struct isa_expr *expr, isa_bits *value);

/* The bits of a csr that its storage holds (fields that are neither computed nor constant). */
uint64_t emit_stored_mask(const struct isa_csr *csr);
uint64_t emit_field_mask(const struct isa_csr_field *field);
uint64_t emit_view_mask(const struct isa_csr *view); /* of all its fields */

/* A condition over extensions as a C expression; `features` is C for a pointer to the features. NULL gives "true". */
const char *emit_condition(struct emit *emit, const struct isa_condition *condition, const char *features);

/* Whether a function's C form takes the cpu: it has effects, or asks for an extension (itself or by a callee). */
bool emit_needs_cpu(const struct isa_function *function);

/* The C declaration of a function without the semicolon: "static inline bool riscv_f(struct riscv_cpu *cpu, …)". */
const char *emit_prototype(struct emit *emit, const struct isa_function *function);

/* A local's C name: its own, unless C or the generated code means something else by it. */
const char *emit_local_name(struct emit *emit, const struct isa_local *local);

/* Does the instruction end a block of straight-line execution? */
bool emit_ends_block(unsigned effects);

#endif
