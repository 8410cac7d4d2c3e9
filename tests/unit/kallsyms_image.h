/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel Image with nothing in it but a symbol table, for tests. */
#ifndef RAVELIN_TESTS_UNIT_KALLSYMS_IMAGE_H
#define RAVELIN_TESTS_UNIT_KALLSYMS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KALLSYMS_IMAGE_SIZE  65536u
#define KALLSYMS_IMAGE_BASE  UINT64_C(0xffffffff80000000)
#define KALLSYMS_LONG_LENGTH 200u /* of the name of the symbol number 7: its length takes two bytes */

struct kallsyms_image {
    uint8_t bytes[KALLSYMS_IMAGE_SIZE];
    size_t size;
    size_t count_at, names_at, markers_at, tokens_at, index_at, offsets_at, base_at;
};

static inline void kallsyms_put(struct kallsyms_image *image, uint64_t value, unsigned size)
{
    memcpy(image->bytes + image->size, &value, size);
    image->size += size;
}

static inline void kallsyms_align(struct kallsyms_image *image)
{
    image->size = (image->size + 7) & ~(size_t)7;
}

/* Symbol number i is "symbol_i", global and 16 bytes behind the one before. */
static inline void kallsyms_name(char name[512], unsigned number)
{
    snprintf(name, 512, "Tsymbol_%u", number);
    if (number == 7) {
        memset(name + strlen(name), 'x', KALLSYMS_LONG_LENGTH);
        name[KALLSYMS_LONG_LENGTH] = '\0';
    }
}

static inline void kallsyms_offsets(struct kallsyms_image *image, unsigned count, uint64_t base)
{
    image->offsets_at = image->size;
    for (unsigned i = 0; i < count; i++) {
        kallsyms_put(image, i * 16u, 4);
    }
    kallsyms_align(image);
    image->base_at = image->size;
    kallsyms_put(image, base, 8);
}

/* `old`: offsets before the names, as before Linux 6.4. At most 2000 symbols. */
static inline void kallsyms_build(struct kallsyms_image *image, unsigned count, bool old, uint64_t base)
{
    uint32_t markers[16] = { 0 };
    memset(image, 0, sizeof *image);
    image->size = 128;
    if (old) {
        kallsyms_offsets(image, count, base);
    }
    image->count_at = image->size;
    kallsyms_put(image, count, 8);
    image->names_at = image->size;
    for (unsigned i = 0; i < count; i++) {
        char name[512];
        kallsyms_name(name, i);
        size_t length = strlen(name);
        if (i % 256 == 0) {
            markers[i / 256] = (uint32_t)(image->size - image->names_at);
        }
        kallsyms_put(image, length < 0x80 ? length : (length & 0x7f) | 0x80 | length >> 7 << 8, length < 0x80 ? 1 : 2);
        memcpy(image->bytes + image->size, name, length);
        image->size += length;
    }
    kallsyms_align(image);
    image->markers_at = image->size;
    for (unsigned i = 0; i < (count + 255) / 256; i++) {
        kallsyms_put(image, markers[i], 4);
    }
    kallsyms_align(image);
    image->tokens_at = image->size;
    uint16_t index[256];
    for (unsigned i = 0; i < 256; i++) {
        index[i] = (uint16_t)(image->size - image->tokens_at);
        int length = i > ' ' && i <= '~' ? sprintf((char *)image->bytes + image->size, "%c", (char)i)
                                         : sprintf((char *)image->bytes + image->size, "t%02x", i);
        image->size += (size_t)length + 1;
    }
    kallsyms_align(image);
    image->index_at = image->size;
    memcpy(image->bytes + image->size, index, sizeof index);
    image->size += sizeof index;
    if (!old) {
        kallsyms_offsets(image, count, base);
    }
}

#endif
