/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places for temps, decided while code is emitted, one block at a time.
 *
 * An operation asks for its operands (use_…), says when it has read them for the last time (done), asks for the place
 * of its result (define_…) and ends with end_operation(). A register handed out stays the operation's until its end.
 * Asking for the result's place before done() of an operand makes sure that the two differ; after it they may be one.
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_REGISTERS_H
#define RAVELIN_ENGINE_JIT_X86_64_REGISTERS_H

#include "engine/jit/x86_64/compile.h"

void registers_begin_block(struct compile *compile);

/* The register that holds a value, loaded or made if need be. Not to be written. */
unsigned use_gpr(struct compile *compile, struct ir_value *value);
unsigned use_xmm(struct compile *compile, struct ir_value *value);

/* One use of a value is over (of the values computed within it, if it is fused). */
void done(struct compile *compile, struct ir_value *value);

/* A register that holds nothing, until the operation ends. */
unsigned scratch_gpr(struct compile *compile);
unsigned scratch_xmm(struct compile *compile);

/* This very register, whatever was in it being moved elsewhere; not one that is pinned or locked. */
void claim_gpr(struct compile *compile, unsigned reg);

/* A scratch register keeps a group's addend after the operation, until it is forgotten or the register is needed. */
void keep_addend(struct compile *compile, struct group *group, unsigned reg);
void forget_addend(struct compile *compile, unsigned reg);

/* An operation may hand back early what it has locked. */
void unlock_gpr(struct compile *compile, unsigned reg);

/* The result's register: the pin it is meant for if that is free to be written, `prefer` if that is free, or any. */
unsigned define_gpr(struct compile *compile, struct ir_value *value, unsigned prefer);
unsigned define_xmm(struct compile *compile, struct ir_value *value, unsigned prefer);

void end_operation(struct compile *compile);

/* A GET: the value is what the slot holds now. */
void define_alias(struct compile *compile, struct ir_value *value);

/* A PUT has left a copy of the value, or of its first `width` bytes and those are all it has, in a slot in memory. */
void give_home(struct compile *compile, struct ir_value *value, uint32_t slot, unsigned width);

/* Bytes of the state are about to change: values still there that are needed go elsewhere, but for `except`. */
void save_aliases(struct compile *compile, uint32_t slot, unsigned size, const struct ir_value *except);

/* A PUT has made the pin hold this value. */
void become_alias(struct compile *compile, struct ir_value *value, unsigned pin);

/* A PUT has copied the value into the pin: it needs no temporary any more. */
void move_to_pin(struct compile *compile, struct ir_value *value, unsigned pin);

/* Before a call of C code: no value stays in a temporary that it may change. With `state`, none in a pin or slot. */
void save_temporaries(struct compile *compile, uint32_t gpr_mask, bool state);

/* A value may be used as a memory operand of `width` bytes: it is in memory and this is its last use. */
bool is_in_memory(const struct compile *compile, struct ir_value *value, unsigned width, struct emit_memory *memory);

#endif
