/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs that get hot: functions of random instructions, each with a loop in it, called again and again in the
 * same order. They modify their own code (and fence), jump into the middle of instructions, run from two virtual
 * addresses, and take whatever exceptions their instructions and the page tables hold for them. Where there are page
 * tables, those in mode S and M change them (and fence) and the address space, and return by SRET.
 *
 * A program has no set-up code: loops_start() gives a hart the state it begins in, so that a seed also decides the
 * mode, the page tables and what the control registers permit.
 *
 * Its trap handler (mode M) steps over the instruction that trapped; after a fetch that failed it goes on where the
 * main loop called last. An interrupt is acknowledged by clearing mip.SSIP and by a store to LOOPS_DEVICE.
 */
#ifndef RAVELIN_TESTS_RANDOM_LOOPS_H
#define RAVELIN_TESTS_RANDOM_LOOPS_H

#include "program.h"

#include "arch/riscv/cpu.h"

#define LOOPS_DEVICE      UINT64_C(0x02000000) /* one page */
#define LOOPS_DEVICE_SIZE UINT64_C(0x1000)

/* program->end: the program is over when a hart has come there. */
void loops_make(struct program *program, const struct isa_machine *machine, const struct riscv_features *features,
                uint64_t seed, unsigned rounds);

/* Loads the program into the hart's memory, builds its page tables there, and puts the hart at its beginning. */
void loops_start(const struct program *program, struct riscv_cpu *cpu, uint64_t seed);

/* Changes how a page of data or of code is mapped, by `random`, and empties the hart's translation caches. Does the
 * same to every hart it is called for with the same number. */
void loops_remap(struct riscv_cpu *cpu, uint64_t random);

#endif
