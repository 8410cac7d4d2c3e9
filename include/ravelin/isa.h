/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine descriptions and what is made from them: check a description, disassemble code.
 *
 * These functions keep no state; any thread may call them at any time.
 */
#ifndef RAVELIN_ISA_H
#define RAVELIN_ISA_H

#include <ravelin/error.h>
#include <ravelin/version.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ravelin_isa_summary {
    char name[64]; /* of the machine described */
    unsigned extension_count;
    unsigned instruction_count;
    unsigned csr_count;
};

/*
 * Reads and checks a machine description (docs/reference/isa-language.md). Each of the first 20 faults is
 * reported by a call of `report` (may be NULL): one line "FILE:LINE:COLUMN: what is wrong, what to write", borrowed, no
 * newline. Returns how many faults there were; 0 means that the description is right, and *summary (may be NULL) is
 * filled in.
 */
RAVELIN_API unsigned ravelin_isa_check(const char *path, void (*report)(void *context, const char *line), void *context,
                                       struct ravelin_isa_summary *summary);

/*
 * Disassembles one RISC-V instruction at the start of `code`, by the description.
 *
 *   code, size   at least 2 bytes, little-endian, as in memory; 4 are needed to print an instruction of 4 bytes
 *   address      where the code stands: for the targets of branches
 *   text         at least 1 byte; gets the terminated text, for example "addi    a0, a0, 1", cut if too long
 *
 * Returns the instruction's length in bytes: 2 or 4 (or `size` if that is less). What is no instruction gives
 * ".2byte 0x…" or ".4byte 0x…". Returns 0 if size is 0. All extensions are known. The bytes may be hostile.
 */
RAVELIN_API size_t ravelin_disassemble(const void *code, size_t size, uint64_t address, char *text, size_t text_size);

/* Where disassembled code goes. Each function returns false to stop; everything passed is borrowed. */
struct ravelin_disassembly {
    /* One instruction: where it stands, its bytes (little-endian, 1 to 4 of them) and text. */
    bool (*instruction)(void *context, uint64_t address, const uint8_t *bytes, size_t length, const char *text);
    /* A section begins, or what follows has this symbol's name; may be NULL. Names come from the file: hostile. */
    bool (*section)(void *context, uint64_t address, const char *name);
    bool (*label)(void *context, uint64_t address, const char *name);
    void *context;
};

/* Disassembles a file: the code sections of a RISC-V ELF file (64 bit), else all of it as raw code whose first byte
 * has the address `base`. True also when a function stopped it. */
RAVELIN_API bool ravelin_disassemble_file(const char *path, uint64_t base, const struct ravelin_disassembly *output,
                                          struct ravelin_error *error);

#ifdef __cplusplus
}
#endif

#endif
