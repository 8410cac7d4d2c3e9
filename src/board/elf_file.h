/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit little-endian RISC-V ELF files in memory, for the loader and the disassembler. System V ABI, chapters 4 and 5.
 * The bytes are hostile: nothing is handed out that is not inside the file.
 */
#ifndef RAVELIN_BOARD_ELF_FILE_H
#define RAVELIN_BOARD_ELF_FILE_H

#include "core/error.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
    const uint8_t *bytes; /* borrowed */
    size_t size;
    Elf64_Ehdr header;
};

bool elf_recognise(const uint8_t *bytes, size_t size); /* begins as ELF files do */

/* Checks that it is one for this machine; the error names the file and says what it is instead. */
bool elf_open(const char *name, const uint8_t *bytes, size_t size, struct elf_file *file, struct error *error);

/* Header `index`, or false: there is none, or it (a section's content too, unless it has none) is not in the file. */
bool elf_program(const struct elf_file *file, uint32_t index, Elf64_Phdr *program);
bool elf_section(const struct elf_file *file, uint32_t index, Elf64_Shdr *section);

/* The first symbol table and its strings; false: the file has none. Only one counts, so that no file is slow. */
bool elf_symbols(const struct elf_file *file, Elf64_Shdr *symbols, Elf64_Shdr *strings);

/* Symbol `index` of a section that elf_symbols() gave; *name points into the file. False: past the end. */
bool elf_symbol(const struct elf_file *file, const Elf64_Shdr *symbols, const Elf64_Shdr *strings, uint64_t index,
                Elf64_Sym *symbol, const char **name);

#endif
