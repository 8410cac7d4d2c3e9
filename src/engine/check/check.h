/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check engine: the JIT and the interpreter in lockstep, on real guests.
 *
 *     if (!check_create(cpu, &error)) { … more than one vCPU, or no JIT here; error says which … }
 *     check_run(cpu);                 // returns when VCPU_STOP has been requested; reports a difference and aborts
 *     check_destroy(cpu);
 *
 * Whenever the interpreter comes to a hot block, a shadow of the hart runs translated code from there, on a private
 * view of memory (memory_create_private()) and without devices: an access to one ends the run before it. Then the
 * interpreter runs the same number of instructions on the machine itself, and both are compared: all registers, the
 * trap taken, every page that one of the two has written. So the machine only ever sees what the interpreter does.
 *
 * What the two see of memory may differ when a device writes there meanwhile: a difference is tried again, twice,
 * before it counts (`repeated`). For that, pages go back to what they were; what a device has written to the same page
 * meanwhile is lost.
 * Bits A and D of page tables may be set by one and not by the other, because the shadow fetches ahead: they may differ
 * in entries of which a walk has set them in this run, and nowhere else.
 *
 * What it cannot show, because both begin each run with empty translation caches, on a view of memory that cannot be
 * watched (memory/watch.h): translated code that uses an entry of a cache longer than it may, and code that was changed
 * and is not found to be. Those are for tests of the JIT itself (tests/random, tests/guest).
 *
 * Threads: as jit_run(). The guest may be hostile.
 */
#ifndef RAVELIN_ENGINE_CHECK_CHECK_H
#define RAVELIN_ENGINE_CHECK_CHECK_H

#include "arch/riscv/cpu.h"

#include <stdio.h>

struct check_statistics {
    uint64_t runs;         /* of translated code that were compared */
    uint64_t instructions; /* in them */
    uint64_t pages;        /* compared, because one of the two had written them */
    uint64_t interrupted;  /* runs that could not be compared: an interrupt came between */
    uint64_t repeated;     /* differences that were not there when tried again */
};

bool check_create(struct riscv_cpu *cpu, struct error *error);
void check_destroy(struct riscv_cpu *cpu);

void check_run(struct riscv_cpu *cpu);

/* As jit_set_dump(). Before check_run(). */
void check_set_dump(struct riscv_cpu *cpu, FILE *stream, unsigned kinds);

const struct check_statistics *check_statistics(const struct riscv_cpu *cpu);

#endif
