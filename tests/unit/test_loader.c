/* SPDX-License-Identifier: Apache-2.0 */
/* What can be loaded, what is refused and why, from files made here byte by byte. */
#include "board/loader.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define RAM_BASE UINT64_C(0x80000000)
#define RAM_SIZE (UINT64_C(8) << 20)
#define LIMIT    (UINT64_C(16) << 20)

/* -- Files ----------------------------------------------------------------------------------------------------------
 */

struct file {
    uint8_t *bytes;
    size_t size;
};

static struct file file_of(const void *bytes, size_t size)
{
    struct file file = { .bytes = malloc(size), .size = size };
    assert_non_null(file.bytes);
    memcpy(file.bytes, bytes, size);
    return file;
}

/* A program of one segment of `file_size` bytes of code at RAM_BASE and bss after it, with a symbol tohost. */
#define CODE_OFFSET 0x200u
#define CODE_SIZE   0x40u

struct tiny_elf {
    Elf64_Ehdr header;
    Elf64_Phdr program;
    Elf64_Shdr sections[3];
    Elf64_Sym symbols[5];
    char strings[52];
    _Alignas(CODE_OFFSET) uint8_t code[CODE_SIZE];
};

static struct tiny_elf tiny_elf(void)
{
    struct tiny_elf elf;
    memset(&elf, 0, sizeof elf);
    elf.header = (Elf64_Ehdr){
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC,
        .e_machine = EM_RISCV,
        .e_version = EV_CURRENT,
        .e_entry = RAM_BASE + 4,
        .e_phoff = offsetof(struct tiny_elf, program),
        .e_shoff = offsetof(struct tiny_elf, sections),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 3,
    };
    elf.program = (Elf64_Phdr){
        .p_type = PT_LOAD,
        .p_offset = offsetof(struct tiny_elf, code),
        .p_vaddr = RAM_BASE,
        .p_paddr = RAM_BASE,
        .p_filesz = CODE_SIZE,
        .p_memsz = 2 * CODE_SIZE,
    };
    elf.sections[1] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
                                    .sh_offset = offsetof(struct tiny_elf, symbols),
                                    .sh_size = sizeof elf.symbols,
                                    .sh_link = 2 };
    elf.sections[2] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
                                    .sh_offset = offsetof(struct tiny_elf, strings),
                                    .sh_size = sizeof elf.strings };
    memcpy(elf.strings, "\0tohost\0fromhost\0begin_signature\0end_signature", 47);
    elf.symbols[1] = (Elf64_Sym){ .st_name = 1, .st_shndx = 1, .st_value = RAM_BASE + 0x10 };
    elf.symbols[2] = (Elf64_Sym){ .st_name = 8, .st_shndx = 1, .st_value = RAM_BASE + 0x18 };
    elf.symbols[3] = (Elf64_Sym){ .st_name = 17, .st_shndx = 1, .st_value = RAM_BASE + 0x20 };
    elf.symbols[4] = (Elf64_Sym){ .st_name = 33, .st_shndx = 1, .st_value = RAM_BASE + 2 * CODE_SIZE };
    memset(elf.code, 0xa5, sizeof elf.code);
    return elf;
}

#define IMAGE_FILE_SIZE 0x1000u

/* A Linux Image with an EFI header whose last section ends where the file does. */
static struct file tiny_image(void)
{
    uint8_t bytes[IMAGE_FILE_SIZE];
    memset(bytes, 0x13, sizeof bytes);
    memset(bytes, 0, 0x200);
    memcpy(bytes, "MZ", 2);
    uint64_t text_offset = 0x200000;
    uint64_t image_size = 0x3000;
    memcpy(bytes + 8, &text_offset, 8);
    memcpy(bytes + 16, &image_size, 8);
    memcpy(bytes + 48, "RISCV\0\0\0", 8);
    memcpy(bytes + 56, "RSC\x05", 4);
    uint32_t pe = 0x40;
    memcpy(bytes + 60, &pe, 4);
    memcpy(bytes + pe, "PE\0\0\x64\x50\x01\x00", 8); /* RISC-V 64, one section; no optional header */
    uint32_t raw[2] = { IMAGE_FILE_SIZE - 0x200, 0x200 };
    memcpy(bytes + pe + 24 + 16, raw, sizeof raw);
    return file_of(bytes, sizeof bytes);
}

static struct file packed(struct file file)
{
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    struct file result = { .size = file.size + 1024 };
    result.bytes = malloc(result.size);
    assert_non_null(result.bytes);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = file.bytes;
    stream.avail_in = (uInt)file.size;
    stream.next_out = result.bytes;
    stream.avail_out = (uInt)result.size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    result.size = stream.total_out;
    deflateEnd(&stream);
    free(file.bytes);
    return result;
}

/* As Linux packs kernels: read from a pipe, so that the frame does not tell the size of its content, with a checksum.
 */
static struct file packed_by_zstd(struct file file, int window_log)
{
    struct file result = { .size = ZSTD_compressBound(file.size) };
    result.bytes = malloc(result.size);
    assert_non_null(result.bytes);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    ZSTD_inBuffer input = { .src = file.bytes, .size = file.size, .pos = 0 };
    ZSTD_outBuffer output = { .dst = result.bytes, .size = result.size, .pos = 0 };
    assert_false(ZSTD_isError(ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue)));
    assert_int_equal(input.pos, input.size);
    assert_int_equal(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0);
    result.size = output.pos;
    ZSTD_freeCCtx(context);
    free(file.bytes);
    return result;
}

#define KERNEL_WINDOW_LOG 27 /* what zstd -22 --ultra makes of a pipe */

static struct file zstd_image(void)
{
    return packed_by_zstd(tiny_image(), KERNEL_WINDOW_LOG);
}

static struct file followed_by(struct file file, const void *bytes, size_t size)
{
    file.bytes = realloc(file.bytes, file.size + size);
    assert_non_null(file.bytes);
    memcpy(file.bytes + file.size, bytes, size);
    file.size += size;
    return file;
}

static struct file zboot(struct file payload, const char *compression)
{
    struct file file = { .size = 64 + payload.size };
    file.bytes = calloc(1, file.size);
    assert_non_null(file.bytes);
    memcpy(file.bytes, "MZ\0\0zimg", 8);
    uint32_t place[2] = { 64, (uint32_t)payload.size };
    memcpy(file.bytes + 8, place, sizeof place);
    memcpy(file.bytes + 24, compression, strlen(compression));
    memcpy(file.bytes + 64, payload.bytes, payload.size);
    free(payload.bytes);
    return file;
}

/* -- What is asked --------------------------------------------------------------------------------------------------
 */

/* Parses a file and gives the error's text, "" if there was none. The image is freed. */
static const char *refusal(struct file file, enum loader_role role)
{
    static struct error error;
    struct loader_image image;
    error.text[0] = '\0';
    if (loader_parse("FILE", file.bytes, file.size, role, LIMIT, NULL, &image, &error)) {
        loader_free(&image);
        return "";
    }
    assert_ptr_equal(strchr(error.text, '\n'), NULL);
    assert_ptr_equal(strstr(error.text, "FILE "), error.text); /* each begins with the file's name */
    assert_non_null(strchr(error.text, ':'));                  /* and says what to do */
    return error.text;
}

static struct loader_image accepted(struct file file, enum loader_role role)
{
    struct loader_image image;
    struct error error;
    if (!loader_parse("FILE", file.bytes, file.size, role, LIMIT, NULL, &image, &error)) {
        fail_msg("%s", error.text);
    }
    return image;
}

static struct file elf_file(const struct tiny_elf *elf)
{
    return file_of(elf, sizeof *elf);
}

#define assert_refused(file, role, word)                                 \
    do {                                                                 \
        const char *text_ = refusal((file), (role));                     \
        if (strstr(text_, (word)) == NULL) {                             \
            fail_msg("no \"%s\" in the message: \"%s\"", (word), text_); \
        }                                                                \
    } while (0)

/* -- ELF ------------------------------------------------------------------------------------------------------------
 */

static void elf_gives_segments_entry_and_tohost(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    struct loader_image image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    struct error error;
    loader_place(&image, RAM_BASE);
    assert_int_equal(image.format, LOADER_FORMAT_ELF);
    assert_int_equal(image.segment_count, 1);
    assert_int_equal(image.entry, RAM_BASE + 4);
    assert_true(image.has_tohost);
    assert_int_equal(image.tohost, RAM_BASE + 0x10);
    assert_int_equal(image.fromhost, RAM_BASE + 0x18);
    assert_int_equal(loader_end(&image), RAM_BASE + 2 * CODE_SIZE);
    assert_true(loader_fits(&image, "FILE", RAM_BASE, RAM_SIZE, &error));
    loader_free(&image);
}

static void segments_are_copied_and_what_follows_is_zeroed(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    struct loader_image image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    struct error error;
    struct memory *memory = memory_create(NULL);
    uint8_t bytes[2 * CODE_SIZE + 1];
    memset(bytes, 0x77, sizeof bytes);
    assert_true(memory_add_ram(memory, gpa(RAM_BASE), RAM_SIZE, "ram", &error));
    assert_true(memory_write(memory, gpa(RAM_BASE), bytes, sizeof bytes));
    loader_write(&image, memory);
    assert_true(memory_read(memory, gpa(RAM_BASE), bytes, sizeof bytes));
    assert_int_equal(bytes[0], 0xa5);
    assert_int_equal(bytes[CODE_SIZE - 1], 0xa5);
    assert_int_equal(bytes[CODE_SIZE], 0);
    assert_int_equal(bytes[2 * CODE_SIZE - 1], 0);
    assert_int_equal(bytes[2 * CODE_SIZE], 0x77);
    memory_destroy(memory);
    loader_free(&image);
}

static void elf_of_another_machine_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint16_t machine;
        const char *name;
    } machines[] = {
        { EM_X86_64, "x86-64" }, { EM_AARCH64, "AArch64" }, { EM_386, "32-bit x86" }, { 9999, "another" }
    };
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        struct tiny_elf elf = tiny_elf();
        elf.header.e_machine = machines[i].machine;
        assert_refused(elf_file(&elf), LOADER_BARE_METAL, machines[i].name);
        assert_refused(elf_file(&elf), LOADER_KERNEL, machines[i].name);
    }
}

static void elf_of_the_wrong_kind_is_refused(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    elf.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "32-bit RISC-V");
    elf = tiny_elf();
    elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "big-endian");
    elf = tiny_elf();
    elf.header.e_type = ET_REL;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "not linked");
    elf = tiny_elf();
    elf.header.e_phnum = 0;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "without program headers");
    elf = tiny_elf();
    elf.header.e_phentsize = 55;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "damaged");
    elf = tiny_elf();
    elf.program.p_type = PT_NOTE;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "without anything to load");
    elf = tiny_elf();
    elf.header.e_entry = RAM_BASE + 2 * CODE_SIZE;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "starts at");
}

static void elf_cut_at_any_byte_never_loads_more_than_is_there(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    size_t whole = CODE_OFFSET;
    while (whole < sizeof elf && memcmp((uint8_t *)&elf + whole, elf.code, CODE_SIZE) != 0) {
        whole += CODE_OFFSET;
    }
    whole += CODE_SIZE;
    for (size_t size = SELFMAG; size < whole; size++) {
        assert_refused(file_of(&elf, size), LOADER_BARE_METAL, "cut short");
    }
    assert_string_equal(refusal(file_of(&elf, whole), LOADER_BARE_METAL), "");
}

static void elf_segments_with_wild_sizes_are_refused(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    elf.program.p_offset = UINT64_MAX - 1;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "cut short");
    elf = tiny_elf();
    elf.program.p_filesz = UINT64_MAX;
    elf.program.p_memsz = UINT64_MAX;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "cut short");
    elf = tiny_elf();
    elf.program.p_memsz = CODE_SIZE - 1;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "contradict");
    elf = tiny_elf();
    elf.program.p_memsz = UINT64_MAX;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "contradict");
    elf = tiny_elf();
    elf.header.e_phoff = UINT64_MAX - 8;
    assert_refused(elf_file(&elf), LOADER_BARE_METAL, "cut short");
}

static void elf_outside_memory_does_not_fit(void **state)
{
    (void)state;
    struct error error;
    struct tiny_elf elf = tiny_elf();
    elf.program.p_paddr = 0x1000;
    struct loader_image image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_false(loader_fits(&image, "FILE", RAM_BASE, RAM_SIZE, &error));
    assert_non_null(strstr(error.text, "no memory"));
    loader_free(&image);

    elf = tiny_elf();
    elf.program.p_memsz = RAM_SIZE; /* just fits */
    image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_true(loader_fits(&image, "FILE", RAM_BASE, RAM_SIZE, &error));
    loader_free(&image);

    elf.program.p_memsz = RAM_SIZE + 1;
    image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_false(loader_fits(&image, "FILE", RAM_BASE, RAM_SIZE, &error));
    assert_non_null(strstr(error.text, "--memory"));
    loader_free(&image);

    elf.program.p_paddr = UINT64_MAX - 0x1000;
    elf.program.p_memsz = 0x1000;
    image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_false(loader_fits(&image, "FILE", RAM_BASE, RAM_SIZE, &error));
    loader_free(&image);
}

static void position_independent_elf_goes_to_the_start_of_memory(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    elf.header.e_type = ET_DYN;
    elf.header.e_entry = 4;
    elf.program.p_vaddr = 0;
    elf.program.p_paddr = 0;
    elf.symbols[1].st_value = 0x10;
    elf.symbols[2].st_value = 0x18;
    struct loader_image image = accepted(elf_file(&elf), LOADER_FIRMWARE);
    loader_place(&image, RAM_BASE);
    assert_int_equal(image.segments[0].address, RAM_BASE);
    assert_int_equal(image.entry, RAM_BASE + 4);
    assert_int_equal(image.tohost, RAM_BASE + 0x10);
    loader_free(&image);
}

static void a_symbol_table_that_lies_gives_no_tohost(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    elf.sections[1].sh_size = UINT64_MAX;
    struct loader_image image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_false(image.has_tohost);
    loader_free(&image);

    elf = tiny_elf();
    memset(elf.strings, 'x', sizeof elf.strings); /* no string ends */
    image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_false(image.has_tohost);
    loader_free(&image);

    elf = tiny_elf();
    elf.symbols[1].st_name = UINT32_MAX;
    elf.symbols[2].st_value = RAM_BASE + 0x19; /* no word */
    image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_false(image.has_tohost);
    assert_int_equal(image.fromhost, 0);
    loader_free(&image);
}

static void elf_gives_the_signature_that_lies_in_one_segment(void **state)
{
    (void)state;
    struct tiny_elf elf = tiny_elf();
    struct loader_image image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_int_equal(image.signature, RAM_BASE + 0x20);
    assert_int_equal(image.signature_size, 2 * CODE_SIZE - 0x20); /* up to the segment's end */
    loader_free(&image);

    const uint64_t bad_ends[] = { RAM_BASE + 2 * CODE_SIZE + 1, RAM_BASE + 0x20, RAM_BASE + 0x1f, 0, UINT64_MAX };
    for (size_t i = 0; i < sizeof bad_ends / sizeof bad_ends[0]; i++) {
        elf.symbols[4].st_value = bad_ends[i];
        image = accepted(elf_file(&elf), LOADER_BARE_METAL);
        assert_int_equal(image.signature_size, 0);
        loader_free(&image);
    }

    elf.symbols[4].st_value = RAM_BASE + 0x21; /* one byte */
    image = accepted(elf_file(&elf), LOADER_BARE_METAL);
    assert_int_equal(image.signature_size, 1);
    loader_free(&image);
}

static void bare_metal_wants_an_elf_file(void **state)
{
    (void)state;
    assert_refused(file_of("\x13\0\0\0", 4), LOADER_BARE_METAL, "not an ELF file");
}

/* -- Linux Images ---------------------------------------------------------------------------------------------------
 */

static void image_goes_where_its_header_says_and_takes_all_its_memory(void **state)
{
    (void)state;
    struct loader_image image = accepted(tiny_image(), LOADER_KERNEL);
    loader_place(&image, RAM_BASE);
    assert_int_equal(image.format, LOADER_FORMAT_IMAGE);
    assert_int_equal(image.entry, RAM_BASE + 0x200000);
    assert_int_equal(image.segments[0].memory_size, 0x3000);
    assert_int_equal(image.segments[0].file_size, IMAGE_FILE_SIZE);
    loader_free(&image);
}

static void packed_image_is_unpacked(void **state)
{
    (void)state;
    struct loader_image image = accepted(packed(tiny_image()), LOADER_KERNEL);
    assert_int_equal(image.format, LOADER_FORMAT_IMAGE);
    assert_int_equal(image.size, IMAGE_FILE_SIZE);
    loader_free(&image);
    image = accepted(zboot(packed(tiny_image()), "gzip"), LOADER_KERNEL);
    assert_int_equal(image.format, LOADER_FORMAT_IMAGE);
    assert_int_equal(image.size, IMAGE_FILE_SIZE);
    loader_free(&image);
}

static void assert_image_inside(struct file file)
{
    struct file plain = tiny_image();
    struct loader_image image = accepted(file, LOADER_KERNEL);
    assert_int_equal(image.format, LOADER_FORMAT_IMAGE);
    assert_int_equal(image.size, IMAGE_FILE_SIZE);
    assert_memory_equal(image.bytes, plain.bytes, IMAGE_FILE_SIZE);
    loader_free(&image);
    free(plain.bytes);
}

static void image_packed_by_zstd_is_unpacked(void **state)
{
    (void)state;
    assert_image_inside(zstd_image());
    assert_image_inside(zboot(zstd_image(), "zstd"));
    assert_image_inside(zboot(zstd_image(), "zstd22"));
    /* The kernel's makefile appends the size of the content, and leaves it out of the header's size of the payload. */
    assert_image_inside(followed_by(zboot(zstd_image(), "zstd22"), "\0\x10\0\0", 4));
    assert_image_inside(zboot(followed_by(zstd_image(), "\0\x10\0\0", 4), "zstd"));
}

static void zstd_image_cut_short_is_refused(void **state)
{
    (void)state;
    struct file whole = zstd_image();
    for (size_t size = 4; size < whole.size; size++) {
        assert_refused(file_of(whole.bytes, size), LOADER_KERNEL, "cut short inside its zstd data");
        assert_refused(zboot(file_of(whole.bytes, size), "zstd"), LOADER_KERNEL, "cut short inside its zstd data");
    }
    free(whole.bytes);
    struct file file = zboot(zstd_image(), "zstd");
    file.size -= 1;
    assert_refused(file, LOADER_KERNEL, "cut short inside its payload");
}

static void damaged_zstd_image_is_refused(void **state)
{
    (void)state;
    struct file file = zstd_image();
    file.bytes[file.size - 1] ^= 1; /* checksum */
    assert_refused(file, LOADER_KERNEL, "damaged inside its zstd data");
    file = zstd_image();
    file.bytes[4] |= 0x08; /* a reserved bit of the frame's header */
    assert_refused(file, LOADER_KERNEL, "damaged inside its zstd data");
    assert_refused(zboot(file_of("xxxx", 4), "zstd"), LOADER_KERNEL, "damaged inside its zstd data");
    assert_refused(zboot(packed(tiny_image()), "zstd"), LOADER_KERNEL, "damaged inside its zstd data");
    assert_refused(zboot(zstd_image(), "gzip"), LOADER_KERNEL, "damaged inside its gzip data");
    assert_refused(packed_by_zstd(file_of("", 0), 10), LOADER_KERNEL, "empty");
}

static void unpacking_zstd_is_bounded(void **state)
{
    (void)state;
    struct file big = { .bytes = calloc(1, LIMIT), .size = LIMIT };
    assert_refused(packed_by_zstd(big, 20), LOADER_KERNEL, "only zeros");
    big = (struct file){ .bytes = calloc(1, LIMIT + 1), .size = LIMIT + 1 };
    assert_refused(packed_by_zstd(big, 20), LOADER_KERNEL, "unpacks to more");
    assert_refused(packed_by_zstd(tiny_image(), KERNEL_WINDOW_LOG + 1), LOADER_KERNEL, "window");
}

static void zboot_with_another_packer_is_refused_by_name(void **state)
{
    (void)state;
    assert_refused(zboot(file_of("xxxx", 4), "xzkern"), LOADER_KERNEL, "packed by xzkern");
    assert_refused(zboot(zstd_image(), "zstd2"), LOADER_KERNEL, "packed by zstd2");
}

static void image_cut_short_is_refused(void **state)
{
    (void)state;
    struct file file = tiny_image();
    file.size -= 1;
    assert_refused(file, LOADER_KERNEL, "cut short");
    file = tiny_image();
    file.size = 60;
    assert_refused(file, LOADER_KERNEL, "cut short");
    file = packed(tiny_image());
    file.size -= 1;
    assert_refused(file, LOADER_KERNEL, "cut short");
    file = packed(tiny_image());
    file.size = 2;
    assert_refused(file, LOADER_KERNEL, "cut short");
    file = zboot(packed(tiny_image()), "gzip");
    file.size -= 1;
    assert_refused(file, LOADER_KERNEL, "cut short");
    file = zboot(packed(tiny_image()), "gzip");
    file.size = 40;
    assert_refused(file, LOADER_KERNEL, "cut short");
}

static void damaged_packed_image_is_refused(void **state)
{
    (void)state;
    struct file file = packed(tiny_image());
    file.bytes[file.size - 8] ^= 1; /* checksum */
    assert_refused(file, LOADER_KERNEL, "damaged");
    file = packed(tiny_image());
    file.bytes[file.size - 1] ^= 1; /* length */
    assert_refused(file, LOADER_KERNEL, "damaged");
    assert_refused(packed(file_of("", 0)), LOADER_KERNEL, "empty");
}

static void unpacking_is_bounded(void **state)
{
    (void)state;
    struct file big = { .bytes = calloc(1, LIMIT), .size = LIMIT };
    assert_refused(packed(big), LOADER_KERNEL, "only zeros"); /* as much as the limit: unpacked, then looked at */
    big = (struct file){ .bytes = calloc(1, LIMIT + 1), .size = LIMIT + 1 };
    assert_refused(packed(big), LOADER_KERNEL, "unpacks to more");
}

static void image_with_a_senseless_header_is_refused(void **state)
{
    (void)state;
    struct file file = tiny_image();
    file.bytes[8] = 1; /* text_offset is not at a page */
    assert_refused(file, LOADER_KERNEL, "damaged");
    file = tiny_image();
    file.bytes[23] = 0x80; /* image_size */
    assert_refused(file, LOADER_KERNEL, "damaged");
    file = tiny_image();
    file.bytes[24] = 1;
    assert_refused(file, LOADER_KERNEL, "big-endian");
}

/* -- Raw code and what is none --------------------------------------------------------------------------------------
 */

static void raw_kernel_goes_2_mib_into_memory_and_raw_firmware_to_its_start(void **state)
{
    (void)state;
    struct loader_image image = accepted(file_of("\x13\0\0\0", 4), LOADER_KERNEL);
    loader_place(&image, RAM_BASE);
    assert_int_equal(image.entry, RAM_BASE + 0x200000);
    loader_free(&image);
    image = accepted(file_of("\x13\0\0\0", 4), LOADER_FIRMWARE);
    loader_place(&image, RAM_BASE);
    assert_int_equal(image.entry, RAM_BASE);
    assert_int_equal(image.segments[0].address, RAM_BASE);
    loader_free(&image);
}

static void what_is_no_code_is_refused_with_advice(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    memset(bytes, 0x13, sizeof bytes);
    memcpy(bytes + 56, "ARM\x64", 4);
    assert_refused(file_of(bytes, sizeof bytes), LOADER_KERNEL, "AArch64");
    memset(bytes, 0x13, sizeof bytes);
    memcpy(bytes + 0x202, "HdrS", 4);
    assert_refused(file_of(bytes, sizeof bytes), LOADER_KERNEL, "x86");
    assert_refused(file_of("\x28\xb5\x2f\xfd", 4), LOADER_FIRMWARE, "unzstd");
    assert_refused(file_of("\xfd"
                           "7zXZ\0",
                           6),
                   LOADER_KERNEL, "xz");
    assert_refused(file_of("BZh9", 4), LOADER_KERNEL, "bzip2");
    assert_refused(file_of("070701", 6), LOADER_KERNEL, "--initrd");
    assert_refused(file_of("#!/bin/sh\necho hello\n", 21), LOADER_KERNEL, "text");
    assert_refused(file_of("\0\0\0\0", 4), LOADER_KERNEL, "zeros");
    assert_refused(file_of("\xff\xff\xff\xff", 4), LOADER_FIRMWARE, "ones");
    assert_refused(file_of("\x81", 1), LOADER_KERNEL, "shorter");
    assert_refused(file_of("\x1f\x8b\x08\0", 4), LOADER_FIRMWARE, "gunzip");
    assert_refused(tiny_image(), LOADER_FIRMWARE, "--kernel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elf_gives_segments_entry_and_tohost),
        cmocka_unit_test(segments_are_copied_and_what_follows_is_zeroed),
        cmocka_unit_test(elf_of_another_machine_is_refused_by_name),
        cmocka_unit_test(elf_of_the_wrong_kind_is_refused),
        cmocka_unit_test(elf_cut_at_any_byte_never_loads_more_than_is_there),
        cmocka_unit_test(elf_segments_with_wild_sizes_are_refused),
        cmocka_unit_test(elf_outside_memory_does_not_fit),
        cmocka_unit_test(position_independent_elf_goes_to_the_start_of_memory),
        cmocka_unit_test(a_symbol_table_that_lies_gives_no_tohost),
        cmocka_unit_test(elf_gives_the_signature_that_lies_in_one_segment),
        cmocka_unit_test(bare_metal_wants_an_elf_file),
        cmocka_unit_test(image_goes_where_its_header_says_and_takes_all_its_memory),
        cmocka_unit_test(packed_image_is_unpacked),
        cmocka_unit_test(image_packed_by_zstd_is_unpacked),
        cmocka_unit_test(zstd_image_cut_short_is_refused),
        cmocka_unit_test(damaged_zstd_image_is_refused),
        cmocka_unit_test(unpacking_zstd_is_bounded),
        cmocka_unit_test(zboot_with_another_packer_is_refused_by_name),
        cmocka_unit_test(image_cut_short_is_refused),
        cmocka_unit_test(damaged_packed_image_is_refused),
        cmocka_unit_test(unpacking_is_bounded),
        cmocka_unit_test(image_with_a_senseless_header_is_refused),
        cmocka_unit_test(raw_kernel_goes_2_mib_into_memory_and_raw_firmware_to_its_start),
        cmocka_unit_test(what_is_no_code_is_refused_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
