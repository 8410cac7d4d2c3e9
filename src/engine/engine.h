/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which engine runs a vCPU: the choice is made once, when the machine is put together.
 *
 *     engine_create(cpu, ENGINE_JIT, &error);
 *     engine_run(cpu);                 // on the vCPU's thread; returns when VCPU_STOP has been requested
 *     engine_destroy(cpu);
 */
#ifndef RAVELIN_ENGINE_ENGINE_H
#define RAVELIN_ENGINE_ENGINE_H

#include "arch/riscv/cpu.h"

#include <stdio.h>

enum engine_kind {
    ENGINE_INTERP, /* the reference */
    ENGINE_JIT,    /* translates hot code to the host's */
    ENGINE_CHECK,  /* both in lockstep, ends at the first difference; one vCPU */
};

/* False and an error: this host cannot run the JIT (then ENGINE_INTERP can be had), or the kind wants one vCPU. */
bool engine_create(struct riscv_cpu *cpu, enum engine_kind kind, struct error *error);
void engine_destroy(struct riscv_cpu *cpu);

/* What a JIT generates goes to `stream`, by kind: "ir" 1, "host" 2 (enum jit_dump). No effect on other engines. */
void engine_set_dump(struct riscv_cpu *cpu, FILE *stream, unsigned kinds);

void engine_run(struct riscv_cpu *cpu);

/* Whether this build has a back end for its host. */
bool engine_has_jit(void);

#endif
