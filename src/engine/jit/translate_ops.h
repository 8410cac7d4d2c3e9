/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words that the generated translator (riscv_translate.c) is written in: the description language's operations on
 * bits(N), as IR.
 *
 * A bits(N) value is an I32 for N ≤ 32 and an I64 for N ≤ 64, zero-extended; a bool is a BOOL. Each function appends to
 * the translation's block and returns the value; operations on constants fold. What cannot be expressed calls
 * tr_leave(), after which the rest of the instruction goes on harmlessly and is thrown away.
 *
 * Register writes are kept back until the instruction is complete, so that one that is left or that traps has written
 * nothing.
 */
#ifndef RAVELIN_ENGINE_JIT_TRANSLATE_OPS_H
#define RAVELIN_ENGINE_JIT_TRANSLATE_OPS_H

#include "engine/jit/translation.h"

struct ir_value *tr_constant(struct riscv_translation *t, unsigned width, uint64_t value);
struct ir_value *tr_bool(struct riscv_translation *t, bool value);

void tr_leave(struct riscv_translation *t);

/* ADD SUB MUL AND OR XOR and the MULH family, modulo 2^width. */
struct ir_value *tr_arithmetic(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                               struct ir_value *b);
struct ir_value *tr_divide(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                           struct ir_value *b);
/* Amounts of at least the width give 0 or the sign. */
struct ir_value *tr_shift(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                          unsigned amount_width, struct ir_value *amount);
struct ir_value *tr_compare(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                            struct ir_value *b);
/* AND, OR on BOOL; the width is there for uniformity. */
struct ir_value *tr_logic(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                          struct ir_value *b);
struct ir_value *tr_not(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_negate(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_invert(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_bit_of(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_popcount(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_clz(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_ctz(struct riscv_translation *t, unsigned width, struct ir_value *a);
struct ir_value *tr_reverse_bytes(struct riscv_translation *t, unsigned width, struct ir_value *a);

/* a is bits(width). */
struct ir_value *tr_slice(struct riscv_translation *t, unsigned width, struct ir_value *a, unsigned high, unsigned low);
struct ir_value *tr_cat(struct riscv_translation *t, unsigned high_width, struct ir_value *high, unsigned low_width,
                        struct ir_value *low);
struct ir_value *tr_sext(struct riscv_translation *t, unsigned from, struct ir_value *a, unsigned to);
struct ir_value *tr_zext(struct riscv_translation *t, unsigned from, struct ir_value *a, unsigned to);
struct ir_value *tr_select(struct riscv_translation *t, struct ir_value *condition, struct ir_value *a,
                           struct ir_value *b);

/* A single-precision value in a 64-bit register, in and out. */
struct ir_value *tr_box(struct riscv_translation *t, struct ir_value *low);
struct ir_value *tr_unbox(struct riscv_translation *t, struct ir_value *data);

struct ir_value *tr_read(struct riscv_translation *t, size_t slot, unsigned width);
void tr_write(struct riscv_translation *t, size_t slot, unsigned width, struct ir_value *value);
/* `zero` is the index that reads 0 and drops writes, or -1. An index of `count` names the spare element: a dropped
 * write. */
struct ir_value *tr_read_bank(struct riscv_translation *t, size_t slot, unsigned width, unsigned count, int zero,
                              struct ir_value *index);
void tr_write_bank(struct riscv_translation *t, size_t slot, unsigned width, unsigned count, int zero,
                   struct ir_value *index, struct ir_value *value);
struct ir_value *tr_csr_field(struct riscv_translation *t, size_t slot, unsigned low, unsigned width);
void tr_set_csr_field(struct riscv_translation *t, size_t slot, unsigned low, unsigned width, struct ir_value *value);

/* The interpreter's if the condition does not hold. */
void tr_guard(struct riscv_translation *t, struct ir_value *condition);

/* The ends of an instruction. */
enum translation_result tr_done(struct riscv_translation *t);
enum translation_result tr_jump(struct riscv_translation *t, struct ir_value *target);
enum translation_result tr_branch(struct riscv_translation *t, struct ir_value *condition, struct ir_value *target);
enum translation_result tr_translate(struct riscv_translation *t,
                                     enum translation_result (*translate)(struct riscv_translation *t));

/* -- Primitives: the first argument is the C function to call when the IR form does not fit ------------------------ */

struct ir_value *tr_call(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                         struct ir_value *const *arguments, unsigned count);
struct ir_value *tr_load(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                         struct ir_value *address);
struct ir_value *tr_store(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                          struct ir_value *address, struct ir_value *data);
struct ir_value *tr_fence(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *before,
                          struct ir_value *behind);
/* Nothing where the facts say that the register is not pinned; the interpreter's if a pinned bit would change. */
struct ir_value *tr_consult_pins(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *number,
                                 struct ir_value *value);
struct ir_value *tr_float(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op, unsigned width,
                          struct ir_value *a, struct ir_value *b, struct ir_value *rounding);
struct ir_value *tr_sqrt(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                         struct ir_value *a, struct ir_value *rounding);
struct ir_value *tr_fma(struct riscv_translation *t, const struct ir_callee *callee, unsigned width, struct ir_value *a,
                        struct ir_value *b, struct ir_value *c, struct ir_value *rounding);
struct ir_value *tr_float_compare(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                  unsigned width, struct ir_value *a, struct ir_value *b);
struct ir_value *tr_float_choice(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                 unsigned width, struct ir_value *a, struct ir_value *b);
struct ir_value *tr_float_to_int(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                 unsigned from, unsigned to, struct ir_value *a, struct ir_value *rounding);
struct ir_value *tr_int_to_float(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                 unsigned from, unsigned to, struct ir_value *a, struct ir_value *rounding);
struct ir_value *tr_widen(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *a);
struct ir_value *tr_narrow(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *a,
                           struct ir_value *rounding);

#endif
