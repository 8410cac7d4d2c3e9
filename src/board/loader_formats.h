/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the loader: one function a format. Each checks image->bytes and fills in the rest, or says what is wrong. */
#ifndef RAVELIN_BOARD_LOADER_FORMATS_H
#define RAVELIN_BOARD_LOADER_FORMATS_H

#include "board/loader.h"

#include <string.h>

bool loader_is_elf(const uint8_t *bytes, size_t size);
bool loader_parse_elf(const char *name, struct loader_image *image, struct error *error);

bool loader_is_image(const uint8_t *bytes, size_t size);
bool loader_parse_image(const char *name, struct loader_image *image, struct error *error);

/* Not an error in itself: what this file looks like that is no RISC-V code, and what to do. NULL: may be code. */
const char *loader_foreign(const uint8_t *bytes, size_t size, enum loader_role role);

/* EFI zboot: an EFI program that carries a packed Image (linux, drivers/firmware/efi/libstub/zboot-header.S). */
struct loader_zboot {
    uint32_t offset, size; /* of the payload, checked to be inside the file */
    char compression[33];  /* "gzip", …: printable characters only */
};
bool loader_is_zboot(const uint8_t *bytes, size_t size);
bool loader_parse_zboot(const char *name, const uint8_t *bytes, size_t size, struct loader_zboot *zboot,
                        struct error *error);

/* Little-endian values at any alignment; the caller has checked that they are inside. */
static inline uint16_t loader_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t loader_get32(const uint8_t *at)
{
    return (uint32_t)loader_get16(at) | (uint32_t)loader_get16(at + 2) << 16;
}

static inline uint64_t loader_get64(const uint8_t *at)
{
    return (uint64_t)loader_get32(at) | (uint64_t)loader_get32(at + 4) << 32;
}

#endif
