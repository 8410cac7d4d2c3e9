/* SPDX-License-Identifier: Apache-2.0 */
/* A machine of one vCPU, without an engine, to run a random program on. Errors end the test program with one line. */
#ifndef RAVELIN_TESTS_RANDOM_MACHINE_H
#define RAVELIN_TESTS_RANDOM_MACHINE_H

#include "arch/riscv/cpu.h"
#include "program.h"

struct random_machine {
    struct memory *memory; /* RAM of PROGRAM_RAM_SIZE at PROGRAM_BASE; devices may be added */
    struct alarm_clock *clock;
    struct riscv_machine *machine;
    struct riscv_cpu *cpu;
};

void random_machine_create(struct random_machine *machine, const struct riscv_features *features);
void random_machine_destroy(struct random_machine *machine); /* after its engine */

/* Ends the program with the error's line unless it went well. */
void random_need(bool fine, const struct error *error);

#endif
