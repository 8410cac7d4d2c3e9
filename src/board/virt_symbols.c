/* SPDX-License-Identifier: Apache-2.0 */
/* Where the symbols of the guest's kernel come from. */
#include "board/file.h"
#include "board/kallsyms.h"
#include "board/virt_boot.h"

#include <stdlib.h>

#define MAP_SIZE_MAX (UINT64_C(256) << 20)

static bool read_map(struct virt_boot *boot, struct error *error)
{
    const char *name = boot->config->symbols;
    uint8_t *text;
    size_t size;
    if (!file_read(name, MAP_SIZE_MAX, NULL, &text, &size, error)) {
        return false;
    }
    boot->symbols = symbols_parse_map(name, (const char *)text, size, error);
    free(text);
    return boot->symbols != NULL;
}

bool virt_symbols_read(struct virt_boot *boot, struct error *error)
{
    const struct virt_config *config = boot->config;
    if (config->symbols == NULL) {
        boot->symbols = boot->kernel.bytes != NULL ? kallsyms_read(boot->kernel.bytes, boot->kernel.size) : NULL;
    } else if (!read_map(boot, error)) {
        return false;
    }
    if (boot->symbols != NULL && config->symbols_slide != 0) {
        symbols_move(boot->symbols, config->symbols_slide);
    }
    return true;
}
