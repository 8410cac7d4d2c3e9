/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both kinds of random programs are made with: encoding by hand, random instructions of the description.
 * Appends to program->bytes at `at`; same seed, same program.
 */
#ifndef RAVELIN_TESTS_RANDOM_MAKER_H
#define RAVELIN_TESTS_RANDOM_MAKER_H

#include "program.h"

/* Registers with a job: BASE and SP point into the data area (compressed encodings can name both), LINK is where
 * register-indirect jumps find their target. */
enum { REG_SP = 2, REG_LINK = 5, REG_BASE = 8, REG_T5 = 30, REG_T6 = 31 };

enum {
    CSR_FFLAGS = 0x001,
    CSR_SSCRATCH = 0x140,
    CSR_MSTATUS = 0x300,
    CSR_MIE = 0x304,
    CSR_MTVEC = 0x305,
    CSR_MCOUNTEREN = 0x306,
    CSR_MENVCFG = 0x30a,
    CSR_MSCRATCH = 0x340,
    CSR_MEPC = 0x341,
    CSR_MCAUSE = 0x342,
    CSR_MIP = 0x344,
    CSR_CYCLE = 0xc00,
    CSR_SATP = 0x180,
    CSR_SSTATUS = 0x100,
    CSR_SIE = 0x104,
    CSR_STVEC = 0x105,
    CSR_SEPC = 0x141,
    CSR_SCOUNTEREN = 0x106,
    CSR_SENVCFG = 0x10a,
};

struct maker {
    struct program *program;
    const struct isa_machine *machine;
    const struct riscv_features *features;
    const struct isa_instruction **choices; /* of maker_collect_choices(), to be freed */
    size_t choice_count;
    uint64_t at; /* where the next instruction goes */
    uint64_t random;
    const uint16_t *csrs; /* that random instructions may name */
    unsigned csr_count;
    uint32_t reserved;  /* one bit for each integer register that random instructions must not write */
    uint64_t elsewhere; /* now and then accesses go here instead of to the data area; 0: never */
};

uint64_t maker_random(struct maker *maker);
unsigned maker_below(struct maker *maker, unsigned limit);

void maker_put(struct maker *maker, uint32_t bits); /* an instruction of 2 or 4 bytes */
void maker_put_i(struct maker *maker, unsigned opcode, unsigned funct3, unsigned rd, unsigned rs1, uint32_t imm);
void maker_addi(struct maker *maker, unsigned rd, unsigned rs1, uint32_t imm);
void maker_csrrw(struct maker *maker, unsigned rd, unsigned csr, unsigned rs1);
void maker_csrrs(struct maker *maker, unsigned rd, unsigned csr, unsigned rs1);

/* Any value below 4 GiB; four instructions. */
void maker_load_address(struct maker *maker, unsigned rd, uint64_t address);

/* One random instruction and what it needs around it. */
void maker_put_random(struct maker *maker);

void maker_fill_data(struct maker *maker);
void maker_collect_choices(struct maker *maker);

#endif
