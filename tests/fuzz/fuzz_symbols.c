/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a System.map, as a kernel Image, and as damage to an Image whose symbol table is good: a table that can
 * be asked, or none with an error of one line. */
#include "../unit/kallsyms_image.h"
#include "board/kallsyms.h"
#include "core/check.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct symbols *symbols)
{
    static const uint64_t addresses[] = { 0, 1, 0x1000, KALLSYMS_IMAGE_BASE, KALLSYMS_IMAGE_BASE + 100, UINT64_MAX };
    if (symbols == NULL) {
        return;
    }
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct symbols_place place;
        if (symbols_find(symbols, addresses[i], &place)) {
            uint64_t address;
            CHECK(strlen(place.name) >= 1 && strlen(place.name) <= SYMBOLS_NAME_MAX);
            CHECK(symbols_address(symbols, place.name, &address) && address <= addresses[i]);
        }
    }
    symbols_free(symbols);
}

/* The image from an offset on, as if it began there; in memory of its own, so that a sanitizer sees its ends. */
static void ask_part(const struct kallsyms_image *image, size_t start)
{
    uint8_t *part = malloc(image->size - start);
    CHECK(part != NULL);
    memcpy(part, image->bytes + start, image->size - start);
    ask(kallsyms_read(part, image->size - start));
    free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kallsyms_image image;
    struct error error = { "" };
    struct symbols *symbols = symbols_parse_map("map", (const char *)data, size, &error);
    CHECK(symbols != NULL || (error.text[0] != '\0' && strchr(error.text, '\n') == NULL));
    ask(symbols);
    ask(kallsyms_read(data, size));
    kallsyms_build(&image, 300 + (unsigned)size % 300, size % 2 != 0, KALLSYMS_IMAGE_BASE);
    for (size_t i = 0; i + 3 <= size; i += 3) {
        image.bytes[(size_t)(data[i] | data[i + 1] << 8) % image.size] = data[i + 2];
    }
    ask_part(&image, 0);
    ask_part(&image, size < 2 ? 0 : (size_t)(data[0] | data[1] << 8) % image.size);
    return 0;
}
