/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System instructions inside translated code: those that the description gives rules of their own (control registers,
 * returns from traps, fences) are executed by the interpreter's handlers, by a call, and translated code goes on.
 *
 * Where they can change what translated code takes for granted (the facts, where its pages are), it goes on through the
 * jump cache, whose entries are checked; else behind the instruction.
 */
#ifndef RAVELIN_ENGINE_JIT_SYSTEM_H
#define RAVELIN_ENGINE_JIT_SYSTEM_H

#include "engine/jit/ir.h"
#include "engine/jit/translation.h"
#include "riscv_decode.h"

enum system_way {
    SYSTEM_LEAVES,   /* not to be called: the interpreter runs it */
    SYSTEM_GOES_ON,  /* mostly behind the instruction: if the callee says so */
    SYSTEM_GOES_OUT, /* to state.pc, through the jump cache */
};

enum system_way system_way_of(const struct riscv_decoded *decoded, const struct riscv_facts *facts);

/* Executes the instruction (I64: its bits) at state.pc; state.pc is the next one's address then. Result: 1 if
 * translated code may go on as if nothing had happened to what it takes for granted, and nobody wants the vCPU's
 * attention. */
extern const struct ir_callee system_callee;

#endif
