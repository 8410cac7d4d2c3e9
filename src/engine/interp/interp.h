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

void interp_create(struct riscv_cpu *cpu);
void interp_destroy(struct riscv_cpu *cpu);

/* Runs until VCPU_STOP is seen (and takes that bit). cpu->state is at an instruction boundary then. */
void interp_run(struct riscv_cpu *cpu);

/* Runs exactly one instruction, or takes one trap or interrupt in its place; for debuggers and lockstep comparison. */
void interp_step(struct riscv_cpu *cpu);

/* Calls `hook` before each instruction, with its address in cpu->state.pc and its bits (NULL: no hook, full speed).
 * Set it while the vCPU is not running. */
void interp_set_hook(struct riscv_cpu *cpu, void (*hook)(void *context, struct riscv_cpu *cpu, uint32_t encoding),
                     void *context);

#endif
