/* SPDX-License-Identifier: Apache-2.0 */
/* Loading ELF files: segments, entry, and the symbols of HTIF. */
#include "board/elf_file.h"
#include "board/loader_formats.h"

bool loader_is_elf(const uint8_t *bytes, size_t size)
{
    return elf_recognise(bytes, size);
}

/* That it is a program, with a table of segments that is all there. */
static bool check_program(const char *name, const struct elf_file *file, struct error *error)
{
    const Elf64_Ehdr *header = &file->header;
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
        return error_set(error, "%s is an ELF file that is not linked yet: link it into a program first", name);
    }
    if (header->e_phnum == 0) {
        return error_set(error, "%s is an ELF file without program headers: there is nothing to load, link it again",
                         name);
    }
    if (header->e_phentsize != sizeof(Elf64_Phdr)) {
        return error_set(error,
                         "%s is a damaged ELF file: its program headers are %u bytes each, not %zu; copy or "
                         "build it again",
                         name, header->e_phentsize, sizeof(Elf64_Phdr));
    }
    Elf64_Phdr last;
    if (!elf_program(file, header->e_phnum - 1u, &last)) {
        return error_set(error, "%s is an ELF file cut short inside its program headers: copy or build it again", name);
    }
    return true;
}

static bool add_segment(const char *name, struct loader_image *image, const Elf64_Phdr *program, struct error *error)
{
    if (program->p_offset > image->size || program->p_filesz > image->size - program->p_offset) {
        return error_set(error,
                         "%s is an ELF file cut short: a segment reaches to byte %#llx, the file ends at %#zx; copy or "
                         "build it again",
                         name, (unsigned long long)(program->p_offset + program->p_filesz), image->size);
    }
    if (program->p_memsz < program->p_filesz || program->p_paddr + program->p_memsz < program->p_paddr) {
        return error_set(error,
                         "%s is a damaged ELF file: a segment's sizes contradict each other; copy or build it "
                         "again",
                         name);
    }
    if (image->segment_count == LOADER_SEGMENT_MAX) {
        return error_set(error, "%s has more than %u segments: link it with fewer", name, LOADER_SEGMENT_MAX);
    }
    image->segments[image->segment_count++] = (struct loader_segment){
        .address = program->p_paddr,
        .offset = program->p_offset,
        .file_size = program->p_filesz,
        .memory_size = program->p_memsz,
    };
    return true;
}

/* Sets the guest-physical address of a virtual one, if a loaded segment holds it. */
static bool to_physical(const struct elf_file *file, uint64_t address, uint64_t *physical)
{
    Elf64_Phdr program;
    for (uint32_t i = 0; elf_program(file, i, &program); i++) {
        if (program.p_type == PT_LOAD && address >= program.p_vaddr && address - program.p_vaddr < program.p_memsz) {
            *physical = program.p_paddr + (address - program.p_vaddr);
            return true;
        }
    }
    return false;
}

static bool add_segments(const char *name, const struct elf_file *file, struct loader_image *image, struct error *error)
{
    Elf64_Phdr program;
    for (uint32_t i = 0; elf_program(file, i, &program); i++) {
        if (program.p_type == PT_LOAD && program.p_memsz > 0 && !add_segment(name, image, &program, error)) {
            return false;
        }
    }
    if (image->segment_count == 0) {
        return error_set(error, "%s is an ELF file without anything to load: link it again", name);
    }
    if (!to_physical(file, file->header.e_entry, &image->entry)) {
        return error_set(error, "%s starts at %#llx, where it loads nothing: link it with the right entry", name,
                         (unsigned long long)file->header.e_entry);
    }
    image->movable = file->header.e_type == ET_DYN;
    return true;
}

/* Virtual addresses of symbols; 0: not there. */
struct marks {
    uint64_t tohost, fromhost, begin_signature, end_signature;
};

/* A stripped file simply has none: sections are not needed to run. */
static struct marks find_marks(const struct elf_file *file)
{
    struct marks marks = { .tohost = 0 };
    const struct {
        const char *name;
        uint64_t *value;
    } wanted[] = {
        { "tohost", &marks.tohost },
        { "fromhost", &marks.fromhost },
        { "begin_signature", &marks.begin_signature },
        { "end_signature", &marks.end_signature },
    };
    Elf64_Shdr symbols;
    Elf64_Shdr strings;
    Elf64_Sym symbol;
    const char *name;
    if (!elf_symbols(file, &symbols, &strings)) {
        return marks;
    }
    for (uint64_t i = 0; elf_symbol(file, &symbols, &strings, i, &symbol, &name); i++) {
        for (unsigned k = 0; symbol.st_shndx != SHN_UNDEF && k < sizeof wanted / sizeof wanted[0]; k++) {
            if (strcmp(name, wanted[k].name) == 0) {
                *wanted[k].value = symbol.st_value;
            }
        }
    }
    return marks;
}

static void take_marks(const struct elf_file *file, const struct marks *marks, struct loader_image *image)
{
    image->has_tohost = marks->tohost % 8 == 0 && to_physical(file, marks->tohost, &image->tohost);
    if (marks->fromhost % 8 != 0 || !to_physical(file, marks->fromhost, &image->fromhost)) {
        image->fromhost = 0;
    }
    uint64_t size = marks->end_signature - marks->begin_signature;
    uint64_t last;
    if (marks->end_signature > marks->begin_signature && to_physical(file, marks->begin_signature, &image->signature) &&
        to_physical(file, marks->end_signature - 1, &last) && last - image->signature == size - 1) {
        image->signature_size = size;
    }
}

bool loader_parse_elf(const char *name, struct loader_image *image, struct error *error)
{
    struct elf_file file;
    image->format = LOADER_FORMAT_ELF;
    if (!elf_open(name, image->bytes, image->size, &file, error) || !check_program(name, &file, error) ||
        !add_segments(name, &file, image, error)) {
        return false;
    }
    struct marks marks = find_marks(&file);
    take_marks(&file, &marks, image);
    return true;
}
