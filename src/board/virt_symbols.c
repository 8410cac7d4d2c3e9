/* SPDX-License-Identifier: Apache-2.0 */
/* Where the symbols of the guest's kernel come from. */
#include "board/file.h"
#include "board/kallsyms.h"
#include "board/virt_boot.h"

#include <stdlib.h>

#define MAP_SIZE_MAX (UINT64_C(256) << 20)

bool virt_symbols_read(struct virt_boot *boot, struct error *error)
{
    const struct virt_config *config = boot->config;
    if (config->symbols == NULL) {
        boot->symbols = boot->kernel.bytes != NULL ? kallsyms_read(boot->kernel.bytes, boot->kernel.size) : NULL;
        return true;
    }
    uint8_t *text;
    size_t size;
    if (!file_read(config->symbols, MAP_SIZE_MAX, NULL, &text, &size, error)) {
        return false;
    }
    boot->symbols = symbols_parse_map(config->symbols, (const char *)text, size, error);
    free(text);
    return boot->symbols != NULL;
}
