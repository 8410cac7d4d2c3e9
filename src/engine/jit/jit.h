/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JIT: translates what the interpreter finds hot, and leaves everything else to it.
 *
 *     if (!jit_create(cpu, &error)) { … fall back to interp_create(cpu); error says why … }
 *     jit_run(cpu);                 // returns when VCPU_STOP has been requested
 *     jit_destroy(cpu);
 *
 * Each vCPU has translations of its own, without locks. Changed code is found at fences: a region keeps copies of the
 * bytes it was made from, to be compared if their pages have been written (engine/jit/code_pages.h).
 *
 * Threads: as interp_run(). The guest may be hostile: code memory is bounded, and so is what is kept of each region
 * beside it (half a kilobyte or more), by half of that; where either is full, both are emptied.
 */
#ifndef RAVELIN_ENGINE_JIT_JIT_H
#define RAVELIN_ENGINE_JIT_JIT_H

#include "arch/riscv/cpu.h"

#include <stdio.h>

struct jit_statistics {
    uint64_t regions;      /* translated since the start */
    uint64_t instructions; /* guest instructions in them */
    uint64_t code_size;    /* bytes of host code */
    uint64_t translated;   /* guest instructions retired in translated code */
    uint64_t refused;      /* hot blocks that could not be translated */
    uint64_t flushes;      /* of a full code memory, or because too much was kept beside it */
    uint64_t forced;       /* flushes for no reason: RAVELIN_JIT_ADVERSITY */
    uint64_t kept_size;    /* bytes that are kept of regions now, beside their code */
    uint64_t changed;      /* regions dropped because their code had changed */
    uint64_t nanoseconds;  /* spent translating */
    uint64_t exits[8];     /* ways out of translated code, by enum host_exit */
};

bool jit_create(struct riscv_cpu *cpu, struct error *error);
void jit_destroy(struct riscv_cpu *cpu);

void jit_run(struct riscv_cpu *cpu);

/* Runs until at least `count` more instructions are retired or a trap was taken, and stops at the next boundary between
 * translated code and interpreter: for lockstep comparison. */
void jit_run_some(struct riscv_cpu *cpu, uint64_t count);

/* For a caller that interprets by itself: runs translated code from state.pc on as long as there is any, and leaves a
 * trap recorded in cpu->trap instead of taking it. */
enum jit_left {
    JIT_LEFT_AT_ONCE,   /* nothing worth translating there */
    JIT_LEFT_INTERPRET, /* the next instruction is the interpreter's whatever its heat */
    JIT_LEFT_TRAPPED,
    JIT_LEFT_ELSEWHERE, /* no translated code there yet, or attention was asked for */
};
enum jit_left jit_try(struct riscv_cpu *cpu);

enum jit_dump {
    JIT_DUMP_IR = 1,   /* each region after its passes */
    JIT_DUMP_HOST = 2, /* its code, disassembled */
};

/* Writes what is generated from now on to `stream` (borrowed; one vCPU's at a time under its lock). NULL: nothing. */
void jit_set_dump(struct riscv_cpu *cpu, FILE *stream, unsigned kinds);

const struct jit_statistics *jit_statistics(const struct riscv_cpu *cpu);

#endif
