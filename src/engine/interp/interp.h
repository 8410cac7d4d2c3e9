/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter: the reference engine.
 *
 * It runs one vCPU on the calling thread. Guest code is decoded once into blocks (interp/block.h) and executed by
 * handlers generated from the machine's description; what an instruction means stands nowhere in this room.
 *
 *     interp_create(cpu);             // before the vCPU first runs
 *     interp_run(cpu);                // returns when VCPU_STOP has been requested
 *     interp_destroy(cpu);
 *
 * Threads: interp_run() and interp_step() belong to the vCPU's thread; stop it with vcpu_request(&cpu->vcpu,
 * VCPU_STOP). The guest may be hostile: whatever it does becomes an architectural exception; memory use is bounded
 * (block cache).
 */
#ifndef RAVELIN_ENGINE_INTERP_INTERP_H
#define RAVELIN_ENGINE_INTERP_INTERP_H

#include "arch/riscv/cpu.h"

#include <stddef.h>

void interp_create(struct riscv_cpu *cpu);
void interp_destroy(struct riscv_cpu *cpu);

/* Runs until VCPU_STOP is seen (and takes that bit). cpu->state is at an instruction boundary then. */
void interp_run(struct riscv_cpu *cpu);

/* Runs exactly one instruction, or takes one trap or interrupt in its place; for debuggers and lockstep comparison. */
void interp_step(struct riscv_cpu *cpu);

/* Runs the block of instructions at state.pc if it has at most `room` of them (a trap among them ends it). False: it
 * has not, or cannot be fetched; nothing was done. Not to be mixed with interp_run() on the same interpreter. */
bool interp_step_block(struct riscv_cpu *cpu, uint64_t room);

/* Calls `hook` before each instruction, with its address in cpu->state.pc and its bits (NULL: no hook, full speed).
 * Set it while the vCPU is not running. */
void interp_set_hook(struct riscv_cpu *cpu, void (*hook)(void *context, struct riscv_cpu *cpu, uint32_t encoding),
                     void *context);

/* -- For an engine that translates hot code and leaves the rest to the interpreter --------------------------------- */

struct interp_block;

/* In place of interp_create(): blocks are counted. interp_run() is not for such a vCPU. */
void interp_create_for_jit(struct riscv_cpu *cpu);

/* Runs until attention asks to leave (NULL: look at cpu->vcpu), or until state.pc stands at a hot block: that block, to
 * be cooled by interp_cool() if nothing better than interpreting it is to be had. `once`: run the first block in any
 * case. */
struct interp_block *interp_run_to_hot(struct riscv_cpu *cpu, bool once);

/* The block will not be offered again for a long time. */
void interp_cool(struct interp_block *block);

/* Executes one instruction, whose bits are given, at state.pc: on returning true state.pc is the next one's address.
 * False: it traps; the exception is recorded, not taken. Whoever calls counts it. For instructions that do not touch
 * memory. */
bool interp_execute(struct riscv_cpu *cpu, uint32_t encoding);

/* Lets every block begin as if it had run so often that `runs` more make it hot: for tests, whose programs are short.
 */
void interp_heat_after(struct riscv_cpu *cpu, unsigned runs);

/* How often the block that begins at this host address has run; 0 if there is none. */
int interp_heat(struct riscv_cpu *cpu, const uint8_t *host);

/* Lets interp_heat(cpu) tell what another hart's interpreter (its private data) has run, in memory that lies `distance`
 * bytes up from this hart's. */
void interp_borrow_heat(struct riscv_cpu *cpu, const void *interp, ptrdiff_t distance);

#endif
