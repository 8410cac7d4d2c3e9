/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a file holds, the loader either refuses it with one line or gives an image that fits or is refused before
 * anything is written. The first byte chooses the role; the second, whether the rest is packed by gzip or zstd and put
 * into an EFI zboot image first, so that what comes out of the unpackers is searched too.
 */
#include "board/loader.h"

#include "core/check.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define RAM_BASE UINT64_C(0x80000000)
#define RAM_SIZE (UINT64_C(4) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack_by_zstd(uint8_t **bytes, size_t *size)
{
    size_t room = ZSTD_compressBound(*size);
    uint8_t *packed = check_alloc(room);
    size_t packed_size = ZSTD_compress(packed, room, *bytes, *size, 1);
    CHECK(!ZSTD_isError(packed_size));
    free(*bytes);
    *bytes = packed;
    *size = packed_size;
}

#define ZBOOT_HEADER_SIZE 56u

static void wrap(uint8_t **bytes, size_t *size, const char *compression)
{
    uint8_t *wrapped = check_alloc(ZBOOT_HEADER_SIZE + *size);
    const uint32_t place[2] = { ZBOOT_HEADER_SIZE, (uint32_t)*size };
    memset(wrapped, 0, ZBOOT_HEADER_SIZE);
    memcpy(wrapped, "MZ\0\0zimg", 8);
    memcpy(wrapped + 8, place, sizeof place);
    memcpy(wrapped + 24, compression, strlen(compression));
    memcpy(wrapped + ZBOOT_HEADER_SIZE, *bytes, *size);
    free(*bytes);
    *bytes = wrapped;
    *size += ZBOOT_HEADER_SIZE;
}

static void pack(uint8_t **bytes, size_t *size)
{
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&stream, *size);
    uint8_t *packed = check_alloc(room);
    stream.next_in = *bytes;
    stream.avail_in = (uInt)*size;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    *size = stream.total_out;
    deflateEnd(&stream);
    free(*bytes);
    *bytes = packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    enum loader_role role = (enum loader_role)(data[0] % 3);
    size_t file_size = size - 2;
    uint8_t *file = check_alloc(file_size);
    memcpy(file, data + 2, file_size);
    const unsigned packing = data[1] % 8; /* 0: gzip, 1: zstd, 2, 3: those in a zboot image, else: none */
    if (packing < 4) {
        (packing % 2 == 0 ? pack : pack_by_zstd)(&file, &file_size);
    }
    if (packing == 2 || packing == 3) {
        wrap(&file, &file_size, packing == 2 ? "gzip" : "zstd");
    }
    struct loader_image image;
    struct error error;
    error.text[0] = '\0';
    if (!loader_parse("FILE", file, file_size, role, RAM_SIZE, NULL, &image, &error)) {
        CHECK(error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
        return 0;
    }
    loader_place(&image, RAM_BASE);
    if (loader_fits(&image, "FILE", RAM_BASE, RAM_SIZE, &error)) {
        struct memory *memory = memory_create(NULL);
        CHECK(memory_add_ram(memory, gpa(RAM_BASE), RAM_SIZE, "ram", &error));
        loader_write(&image, memory);
        memory_destroy(memory);
    }
    loader_free(&image);
    return 0;
}
