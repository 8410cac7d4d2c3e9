/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random guest programs, made from the machine's own description: each instruction of it is as likely as any other,
 * operands are random, memory accesses mostly hit a data area, jumps go forwards.
 *
 * A program starts in M-mode at PROGRAM_BASE, sets up floating point, a trap handler that steps over the instruction
 * that trapped, and random registers; runs `count` random instructions; loads the data area into registers; and ends by
 * a store to the test finisher at the address in program.end. Same seed, same program.
 */
#ifndef RAVELIN_TESTS_RANDOM_PROGRAM_H
#define RAVELIN_TESTS_RANDOM_PROGRAM_H

#include "isa/tree.h"
#include "riscv_decode.h"

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_BASE      UINT64_C(0x80000000)
#define PROGRAM_DATA      UINT64_C(0x80800000) /* the data area's middle; it spans 4 KiB to both sides */
#define PROGRAM_DATA_SPAN UINT64_C(4096)
#define PROGRAM_RAM_SIZE  (UINT64_C(16) << 20)

struct program {
    uint8_t *bytes; /* owned; loaded at PROGRAM_BASE; covers the data area */
    size_t size;
    uint64_t first; /* address from which both machines have the same registers */
    uint64_t end;   /* address of the instruction that ends it */
};

void program_make(struct program *program, const struct isa_machine *machine, const struct riscv_features *features,
                  uint64_t seed, unsigned count);
void program_free(struct program *program);

#endif
