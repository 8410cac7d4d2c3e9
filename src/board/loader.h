/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is loaded into a guest: ELF files, Linux Images (plain, packed by gzip or zstd, EFI zboot), raw code.
 *
 *     struct loader_image image;
 *     if (!loader_read("Image.gz", LOADER_KERNEL, limit, NULL, &image, &error)) …
 *     loader_place(&image, ram_base);
 *     if (!loader_fits(&image, "Image.gz", ram_base, ram_size, &error)) …     // checks, writes nothing
 *     loader_write(&image, memory);                                           // as often as the guest resets
 *     loader_free(&image);
 *
 * Files may be hostile: every offset and size in them is checked before it is used, and everything is checked before
 * anything is written to guest memory. Errors say what is wrong with the file and what to do.
 */
#ifndef RAVELIN_BOARD_LOADER_H
#define RAVELIN_BOARD_LOADER_H

#include "board/file.h"
#include "core/error.h"
#include "memory/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum loader_role {
    LOADER_KERNEL,     /* ELF, Image or raw code; gzip, zstd and EFI zboot are unpacked */
    LOADER_FIRMWARE,   /* ELF or raw code */
    LOADER_BARE_METAL, /* ELF only */
};

enum loader_format {
    LOADER_FORMAT_ELF,
    LOADER_FORMAT_IMAGE, /* Linux: Documentation/arch/riscv/boot-image-header.rst */
    LOADER_FORMAT_RAW,
};

#define LOADER_SEGMENT_MAX   64u
#define LOADER_KERNEL_OFFSET UINT64_C(0x200000) /* where raw kernels go, from the start of RAM */

struct loader_segment {
    uint64_t address;     /* guest-physical; of raw code and Images: from the start of RAM until loader_place() */
    uint64_t offset;      /* of its content in `bytes` */
    uint64_t file_size;   /* bytes of content, inside `bytes` */
    uint64_t memory_size; /* bytes it takes; what exceeds file_size is zeroed. At least 1 */
};

struct loader_image {
    enum loader_format format;
    uint8_t *bytes; /* the unpacked file; owned */
    size_t size;
    struct loader_segment segments[LOADER_SEGMENT_MAX];
    unsigned segment_count;    /* at least 1 */
    uint64_t entry;            /* guest-physical */
    bool movable;              /* addresses count from the start of RAM (raw, Image, position-independent ELF) */
    bool has_tohost;           /* the ELF file has the HTIF symbol `tohost`, inside a segment and 8-byte aligned */
    uint64_t tohost, fromhost; /* guest-physical; fromhost 0: there is none */
    /* What lies between the ELF file's symbols begin_signature and end_signature, both in one segment: guest-physical
     * address and bytes. Size 0: there is none. */
    uint64_t signature, signature_size;
};

/* Reads a file of at most `limit` bytes (also when unpacked) and recognises what it is. */
bool loader_read(const char *path, enum loader_role role, uint64_t limit, const struct file_progress *progress,
                 struct loader_image *image, struct error *error);

/* Recognises what `bytes` (size >= 1, malloc'ed) are; `name` is for messages. Takes the bytes over in any case: on
 * failure they are freed. */
bool loader_parse(const char *name, uint8_t *bytes, size_t size, enum loader_role role, uint64_t limit,
                  const struct file_progress *progress, struct loader_image *image, struct error *error);

/* Gives a movable image its addresses; does nothing with another. Once only. */
void loader_place(struct loader_image *image, uint64_t ram_base);

/* Every segment and the entry lie in [ram_base, ram_base + ram_size). Nothing wraps around. */
bool loader_fits(const struct loader_image *image, const char *name, uint64_t ram_base, uint64_t ram_size,
                 struct error *error);

/* First address after the last segment. */
uint64_t loader_end(const struct loader_image *image);

/* Copies the segments and zeroes what follows them. loader_fits() has said yes. */
void loader_write(const struct loader_image *image, const struct memory *memory);

void loader_free(struct loader_image *image); /* zeroed images are allowed */

#endif
