/* SPDX-License-Identifier: Apache-2.0 */
#include "board/elf_file.h"

#include <string.h>

bool elf_recognise(const uint8_t *bytes, size_t size)
{
    return size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0;
}

static const char *machine_name(unsigned machine)
{
    switch (machine) {
    case EM_386: return "32-bit x86";
    case EM_X86_64: return "x86-64";
    case EM_ARM: return "32-bit Arm";
    case EM_AARCH64: return "AArch64";
    case EM_PPC64: return "POWER";
    case EM_S390: return "S/390";
    case EM_MIPS: return "MIPS";
    case EM_LOONGARCH: return "LoongArch";
    default: return "another machine";
    }
}

bool elf_open(const char *name, const uint8_t *bytes, size_t size, struct elf_file *file, struct error *error)
{
    *file = (struct elf_file){ .bytes = bytes, .size = size };
    if (size < sizeof file->header) {
        return error_set(error, "%s is an ELF file cut short inside its header: copy or build it again", name);
    }
    memcpy(&file->header, bytes, sizeof file->header);
    if (bytes[EI_DATA] != ELFDATA2LSB) {
        return error_set(error, "%s is a big-endian ELF file: give one for little-endian 64-bit RISC-V", name);
    }
    if (file->header.e_machine != EM_RISCV) { /* at the same place in 32-bit files */
        return error_set(error, "%s is an ELF file for %s: give one for 64-bit RISC-V", name,
                         machine_name(file->header.e_machine));
    }
    if (bytes[EI_CLASS] != ELFCLASS64) {
        return error_set(error, "%s is an ELF file for 32-bit RISC-V: give one for 64-bit RISC-V", name);
    }
    return true;
}

/* Copies entry `index` of a table of `count` entries of `size` bytes at `offset`. */
static bool get_entry(const struct elf_file *file, uint64_t offset, uint64_t count, uint64_t index, void *entry,
                      size_t size)
{
    if (index >= count || offset > file->size || (file->size - offset) / size <= index) {
        return false;
    }
    memcpy(entry, file->bytes + offset + index * size, size);
    return true;
}

bool elf_program(const struct elf_file *file, uint32_t index, Elf64_Phdr *program)
{
    return file->header.e_phentsize == sizeof *program &&
           get_entry(file, file->header.e_phoff, file->header.e_phnum, index, program, sizeof *program);
}

bool elf_section(const struct elf_file *file, uint32_t index, Elf64_Shdr *section)
{
    return file->header.e_shentsize == sizeof *section &&
           get_entry(file, file->header.e_shoff, file->header.e_shnum, index, section, sizeof *section) &&
           (section->sh_type == SHT_NOBITS ||
            (section->sh_offset <= file->size && section->sh_size <= file->size - section->sh_offset));
}

bool elf_symbols(const struct elf_file *file, Elf64_Shdr *symbols, Elf64_Shdr *strings)
{
    for (uint32_t i = 1; i < file->header.e_shnum; i++) {
        if (elf_section(file, i, symbols) && symbols->sh_type == SHT_SYMTAB) {
            return elf_section(file, symbols->sh_link, strings) && strings->sh_type == SHT_STRTAB &&
                   strings->sh_size > 0 && file->bytes[strings->sh_offset + strings->sh_size - 1] == 0;
        }
    }
    return false;
}

bool elf_symbol(const struct elf_file *file, const Elf64_Shdr *symbols, const Elf64_Shdr *strings, uint64_t index,
                Elf64_Sym *symbol, const char **name)
{
    if (!get_entry(file, symbols->sh_offset, symbols->sh_size / sizeof *symbol, index, symbol, sizeof *symbol)) {
        return false;
    }
    *name = symbol->st_name < strings->sh_size /* the last string is terminated: elf_symbols() */
                ? (const char *)file->bytes + strings->sh_offset + symbol->st_name
                : "";
    return true;
}
