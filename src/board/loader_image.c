/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux Images for RISC-V (linux, Documentation/arch/riscv/boot-image-header.rst), EFI zboot images around them, and
 * recognising by its first bytes what is neither.
 */
#include "board/loader_formats.h"

#include <ctype.h>

enum image_header {
    IMAGE_TEXT_OFFSET = 8,
    IMAGE_SIZE = 16,
    IMAGE_FLAGS = 24,
    IMAGE_MAGIC2 = 56,
    IMAGE_PE_OFFSET = 60,
    IMAGE_HEADER_SIZE = 64,
};

/* EFI programs: PE/COFF specification, "COFF File Header" and "Section Table". */
enum pe_header {
    PE_MACHINE = 4,
    PE_SECTION_COUNT = 6,
    PE_OPTIONAL_SIZE = 20,
    PE_HEADER_SIZE = 24,
    PE_SECTION_SIZE = 40,
    PE_RAW_SIZE = 16,
    PE_RAW_OFFSET = 20,
};

#define IMAGE_FLAG_BIG_ENDIAN 1u
#define IMAGE_SIZE_MAX        (UINT64_C(1) << 40)

static bool magic_at(const uint8_t *bytes, size_t size, size_t offset, const char *magic, size_t length)
{
    return size >= offset + length && memcmp(bytes + offset, magic, length) == 0;
}

bool loader_is_image(const uint8_t *bytes, size_t size)
{
    return magic_at(bytes, size, IMAGE_MAGIC2, "RSC\x05", 4);
}

/* The end of the last section by the PE headers, 0 if there are none (a kernel without EFI stub) or they make no
 * sense: it is only used to tell a file that was cut short. */
static uint64_t pe_end(const uint8_t *bytes, size_t size)
{
    if (!magic_at(bytes, size, 0, "MZ", 2) || size < IMAGE_HEADER_SIZE) {
        return 0;
    }
    uint64_t pe = loader_get32(bytes + IMAGE_PE_OFFSET);
    if (size < PE_HEADER_SIZE || pe > size - PE_HEADER_SIZE || memcmp(bytes + pe, "PE\0", 4) != 0) {
        return 0;
    }
    uint64_t table = pe + PE_HEADER_SIZE + loader_get16(bytes + pe + PE_OPTIONAL_SIZE);
    unsigned count = loader_get16(bytes + pe + PE_SECTION_COUNT);
    uint64_t end = 0;
    for (uint64_t i = 0; i < count && table + (i + 1) * PE_SECTION_SIZE <= size; i++) {
        const uint8_t *section = bytes + table + i * PE_SECTION_SIZE;
        uint64_t section_end = (uint64_t)loader_get32(section + PE_RAW_OFFSET) + loader_get32(section + PE_RAW_SIZE);
        end = section_end > end ? section_end : end;
    }
    return end;
}

bool loader_parse_image(const char *name, struct loader_image *image, struct error *error)
{
    const uint8_t *bytes = image->bytes;
    if (image->size < IMAGE_HEADER_SIZE) {
        return error_set(error, "%s is a Linux Image cut short inside its header: copy or download it again", name);
    }
    if ((loader_get64(bytes + IMAGE_FLAGS) & IMAGE_FLAG_BIG_ENDIAN) != 0) {
        return error_set(error, "%s is a big-endian Linux Image: give a little-endian one", name);
    }
    uint64_t text_offset = loader_get64(bytes + IMAGE_TEXT_OFFSET);
    uint64_t image_size = loader_get64(bytes + IMAGE_SIZE);
    if (text_offset % PAGE_SIZE != 0 || text_offset > IMAGE_SIZE_MAX || image_size > IMAGE_SIZE_MAX) {
        return error_set(error, "%s is a damaged Linux Image: its header makes no sense; copy or download it again",
                         name);
    }
    uint64_t end = pe_end(bytes, image->size);
    if (end > image->size) {
        return error_set(error, "%s is a Linux Image cut short: it has %zu of %llu bytes; copy or download it again",
                         name, image->size, (unsigned long long)end);
    }
    image->format = LOADER_FORMAT_IMAGE;
    image->movable = true;
    image->entry = text_offset;
    image->segments[0] = (struct loader_segment){
        .address = text_offset,
        .file_size = image->size,
        .memory_size = image_size > image->size ? image_size : image->size,
    };
    image->segment_count = 1;
    return true;
}

enum zboot_header {
    ZBOOT_PAYLOAD_OFFSET = 8,
    ZBOOT_PAYLOAD_SIZE = 12,
    ZBOOT_COMPRESSION = 24,
    ZBOOT_COMPRESSION_SIZE = 32,
    ZBOOT_HEADER_SIZE = 56,
};

bool loader_is_zboot(const uint8_t *bytes, size_t size)
{
    return magic_at(bytes, size, 0, "MZ", 2) && magic_at(bytes, size, 4, "zimg", 4);
}

bool loader_parse_zboot(const char *name, const uint8_t *bytes, size_t size, struct loader_zboot *zboot,
                        struct error *error)
{
    if (size < ZBOOT_HEADER_SIZE) {
        return error_set(error, "%s is an EFI zboot image cut short inside its header: copy or download it again",
                         name);
    }
    zboot->offset = loader_get32(bytes + ZBOOT_PAYLOAD_OFFSET);
    zboot->size = loader_get32(bytes + ZBOOT_PAYLOAD_SIZE);
    if (zboot->offset > size || zboot->size > size - zboot->offset || zboot->size == 0) {
        return error_set(error, "%s is an EFI zboot image cut short inside its payload: copy or download it again",
                         name);
    }
    size_t length = 0;
    while (length < ZBOOT_COMPRESSION_SIZE && isalnum(bytes[ZBOOT_COMPRESSION + length])) {
        zboot->compression[length] = (char)bytes[ZBOOT_COMPRESSION + length];
        length++;
    }
    zboot->compression[length] = '\0';
    return true;
}

struct signature {
    size_t offset;
    const char *magic;
    size_t length;
    const char *advice;
};

#define SIGNATURE(offset, magic, advice) { (offset), (magic), sizeof(magic) - 1, (advice) }

/* What people pass by mistake. Continues "FILE …". */
static const struct signature signatures[] = {
    SIGNATURE(56, "ARM\x64", "is a Linux Image for AArch64: give one for 64-bit RISC-V"),
    SIGNATURE(0x202, "HdrS", "is a Linux kernel for x86: give one for 64-bit RISC-V"),
    SIGNATURE(0, "\x1f\x8b", "is packed by gzip: unpack it with gunzip first"),
    SIGNATURE(0, "\x28\xb5\x2f\xfd", "is packed by zstd: unpack it with unzstd first"),
    SIGNATURE(0,
              "\xfd"
              "7zXZ",
              "is packed by xz: unpack it with unxz first"),
    SIGNATURE(0, "BZh", "is packed by bzip2: unpack it with bunzip2 first"),
    SIGNATURE(0, "\x04\x22\x4d\x18", "is packed by lz4: unpack it with unlz4 first"),
    SIGNATURE(0, "\x02\x21\x4c\x18", "is packed by lz4: unpack it with unlz4 first"),
    SIGNATURE(0, "\x27\x05\x19\x56", "is a U-Boot image: take the kernel out of it with dumpimage first"),
    SIGNATURE(0, "\xd0\x0d\xfe\xed", "is a device tree or FIT image: give the kernel itself"),
    SIGNATURE(0, "070701", "is an initial RAM disk: give it with --initrd"),
    SIGNATURE(0, "PK\x03\x04", "is a zip archive: unpack it first"),
    SIGNATURE(0, "!<arch>", "is an archive or Debian package: unpack it first"),
    SIGNATURE(0, "QFI\xfb", "is a qcow2 disk image: convert it to raw and give it with --disk"),
};

/* The first bytes are characters only: no code begins like that. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    size_t length = size < 64 ? size : 64;
    for (size_t i = 0; i < length; i++) {
        if (!isprint(bytes[i]) && !isspace(bytes[i])) {
            return false;
        }
    }
    return true;
}

static bool is_uniform(const uint8_t *bytes, size_t size)
{
    for (size_t i = 1; i < size; i++) {
        if (bytes[i] != bytes[0]) {
            return false;
        }
    }
    return bytes[0] == 0 || bytes[0] == 0xff;
}

#define PE_MACHINE_RISCV64 0x5064u

static bool is_foreign_efi(const uint8_t *bytes, size_t size)
{
    if (!magic_at(bytes, size, 0, "MZ", 2) || size < IMAGE_HEADER_SIZE) {
        return false;
    }
    uint64_t pe = loader_get32(bytes + IMAGE_PE_OFFSET);
    return size >= PE_HEADER_SIZE && pe <= size - PE_HEADER_SIZE && memcmp(bytes + pe, "PE\0", 4) == 0 &&
           loader_get16(bytes + pe + PE_MACHINE) != PE_MACHINE_RISCV64;
}

const char *loader_foreign(const uint8_t *bytes, size_t size, enum loader_role role)
{
    if (role == LOADER_FIRMWARE && (loader_is_image(bytes, size) || loader_is_zboot(bytes, size))) {
        return "is a Linux kernel, not firmware: give it with --kernel";
    }
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (magic_at(bytes, size, signatures[i].offset, signatures[i].magic, signatures[i].length)) {
            return signatures[i].advice;
        }
    }
    if (is_foreign_efi(bytes, size)) {
        return "is an EFI program for another machine: give one for 64-bit RISC-V";
    }
    if (is_text(bytes, size)) {
        return "is a text file: give RISC-V code";
    }
    if (is_uniform(bytes, size)) {
        return "holds only zeros (or only ones): copy or download it again";
    }
    if (size < 2) {
        return "is shorter than one instruction: give RISC-V code";
    }
    return NULL;
}
