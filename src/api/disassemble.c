/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin/isa.h: disassembling bytes and files. */
#include "api/api.h"
#include "board/elf_file.h"
#include "board/file.h"
#include "core/check.h"
#include "riscv_decode.h"

#include <ravelin/isa.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (UINT64_C(4) << 30)
#define TEXT_SIZE     128

size_t ravelin_disassemble(const void *code, size_t size, uint64_t address, char *text, size_t text_size)
{
    static const struct riscv_features all = { { UINT64_MAX, UINT64_MAX } };
    const uint8_t *bytes = code;
    text[0] = '\0';
    if (size < 2) {
        if (size == 1) {
            snprintf(text, text_size, ".byte   0x%02x", bytes[0]);
        }
        return size;
    }
    uint32_t bits = (uint32_t)(bytes[0] | bytes[1] << 8);
    if ((bits & 3) == 3 && size < 4) {
        snprintf(text, text_size, ".2byte  0x%04x", bits);
        return 2;
    }
    if ((bits & 3) == 3) {
        bits |= (uint32_t)(bytes[2] | bytes[3] << 8) << 16;
    }
    return riscv_disassemble(text, text_size, bits, address, &all);
}

/* A symbol that names a place in code. */
struct label {
    uint64_t address;
    uint64_t index; /* in the symbol table: equal addresses keep its order */
    const char *name;
    uint16_t section;
};

struct listing {
    const struct ravelin_disassembly *output;
    struct label *labels; /* by address */
    size_t label_count;
};

static int compare_labels(const void *left, const void *right)
{
    const struct label *a = left;
    const struct label *b = right;
    if (a->section != b->section) {
        return a->section < b->section ? -1 : 1;
    }
    if (a->address != b->address) {
        return a->address < b->address ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static void read_labels(const struct elf_file *file, struct listing *listing)
{
    Elf64_Shdr symbols;
    Elf64_Shdr strings;
    Elf64_Sym symbol;
    const char *name;
    if (!elf_symbols(file, &symbols, &strings)) {
        return;
    }
    listing->labels = check_alloc(symbols.sh_size / sizeof symbol * sizeof *listing->labels + 1);
    for (uint64_t i = 0; elf_symbol(file, &symbols, &strings, i, &symbol, &name); i++) {
        unsigned type = ELF64_ST_TYPE(symbol.st_info);
        bool is_place = type == STT_FUNC || type == STT_NOTYPE || type == STT_OBJECT;
        /* '$' and ".L" begin the psABI's mapping symbols and compilers' local labels. */
        if (is_place && symbol.st_shndx != SHN_UNDEF && name[0] != '\0' && name[0] != '$' &&
            strncmp(name, ".L", 2) != 0) {
            listing->labels[listing->label_count++] =
                (struct label){ .address = symbol.st_value, .index = i, .name = name, .section = symbol.st_shndx };
        }
    }
    qsort(listing->labels, listing->label_count, sizeof *listing->labels, compare_labels);
}

/* The first label of the section at or after an address. */
static size_t first_label(const struct listing *listing, uint16_t section)
{
    size_t low = 0;
    size_t high = listing->label_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listing->labels[middle].section < section) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Prints `size` bytes of code; labels are those of `section`. Returns false when the output said stop. */
static bool list_code(const struct listing *listing, const uint8_t *code, size_t size, uint64_t address,
                      uint16_t section)
{
    const struct ravelin_disassembly *output = listing->output;
    size_t next = first_label(listing, section);
    for (size_t at = 0; at < size;) {
        for (; next < listing->label_count && listing->labels[next].section == section &&
               listing->labels[next].address <= address + at;
             next++) {
            if (listing->labels[next].address == address + at && output->label != NULL &&
                !output->label(output->context, address + at, listing->labels[next].name)) {
                return false;
            }
        }
        char text[TEXT_SIZE];
        size_t length = ravelin_disassemble(code + at, size - at, address + at, text, sizeof text);
        CHECK(length > 0 && length <= size - at);
        if (!output->instruction(output->context, address + at, code + at, length, text)) {
            return false;
        }
        at += length;
    }
    return true;
}

static const char *section_name(const struct elf_file *file, const Elf64_Shdr *section)
{
    Elf64_Shdr names;
    if (!elf_section(file, file->header.e_shstrndx, &names) || names.sh_type != SHT_STRTAB || names.sh_size == 0 ||
        section->sh_name >= names.sh_size || file->bytes[names.sh_offset + names.sh_size - 1] != 0) {
        return "";
    }
    return (const char *)file->bytes + names.sh_offset + section->sh_name;
}

static bool list_sections(const struct elf_file *file, const struct listing *listing, bool *found)
{
    const struct ravelin_disassembly *output = listing->output;
    for (uint32_t i = 1; i < file->header.e_shnum; i++) {
        Elf64_Shdr section;
        if (!elf_section(file, i, &section) || section.sh_type != SHT_PROGBITS || section.sh_size == 0 ||
            (section.sh_flags & SHF_EXECINSTR) == 0) {
            continue;
        }
        *found = true;
        if (output->section != NULL &&
            !output->section(output->context, section.sh_addr, section_name(file, &section))) {
            return false;
        }
        if (!list_code(listing, file->bytes + section.sh_offset, section.sh_size, section.sh_addr, (uint16_t)i)) {
            return false;
        }
    }
    return true;
}

/* For a file without section headers: its executable segments. */
static void list_segments(const struct elf_file *file, const struct listing *listing, bool *found)
{
    Elf64_Phdr program;
    for (uint32_t i = 0; elf_program(file, i, &program); i++) {
        if (program.p_type == PT_LOAD && (program.p_flags & PF_X) != 0 && program.p_offset <= file->size &&
            program.p_filesz <= file->size - program.p_offset && program.p_filesz > 0) {
            *found = true;
            if (!list_code(listing, file->bytes + program.p_offset, program.p_filesz, program.p_vaddr, 0)) {
                return;
            }
        }
    }
}

static bool list_elf(const char *path, const uint8_t *bytes, size_t size, const struct ravelin_disassembly *output,
                     struct error *error)
{
    struct elf_file file;
    if (!elf_open(path, bytes, size, &file, error)) {
        return false;
    }
    struct listing listing = { .output = output };
    bool found = false;
    read_labels(&file, &listing);
    if (list_sections(&file, &listing, &found) && !found) {
        list_segments(&file, &listing, &found);
    }
    free(listing.labels);
    return found || error_set(error, "%s has no code that is all in the file: copy or build it again", path);
}

bool ravelin_disassemble_file(const char *path, uint64_t base, const struct ravelin_disassembly *output,
                              struct ravelin_error *error)
{
    struct error inner;
    uint8_t *bytes;
    size_t size;
    if (!file_read(path, FILE_SIZE_MAX, NULL, &bytes, &size, &inner)) {
        return api_fail(error, &inner);
    }
    bool done = true;
    if (elf_recognise(bytes, size)) {
        done = list_elf(path, bytes, size, output, &inner);
    } else {
        struct listing listing = { .output = output };
        list_code(&listing, bytes, size, base, 0);
    }
    free(bytes);
    return done || api_fail(error, &inner);
}
