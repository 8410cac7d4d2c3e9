/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guessing where a jump through a register leads: from the operations that compute its address, the registers' values
 * of this moment, and the guest's memory as it is now.
 *
 * What comes out is a hint: the jump's code compares addresses before it believes them. A wrong guess costs a
 * comparison. The guest may be hostile: the addresses may be any, and so may be their number.
 */
#ifndef RAVELIN_ENGINE_JIT_GUESS_H
#define RAVELIN_ENGINE_JIT_GUESS_H

#include "arch/riscv/cpu.h"
#include "engine/jit/ir.h"

#define GUESSES_MAX 64u /* as many entries of a table are looked at */

/*
 * Addresses that `exit`, an EXIT_INDIRECT, may lead to, in the order of the table that they are in; each is even, none
 * is there twice. What stands behind the table's end is among them. Returns how many: 0 if nothing is known. On the
 * vCPU's thread; changes nothing and never traps.
 */
unsigned guess_targets(const struct riscv_cpu *cpu, const struct ir_value *exit, uint64_t targets[GUESSES_MAX]);

#endif
