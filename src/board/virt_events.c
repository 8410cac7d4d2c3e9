/* SPDX-License-Identifier: Apache-2.0 */
/* Where the names and places in events come from. */
#include "board/file.h"
#include "board/kallsyms.h"
#include "board/virt_parts.h"
#include "vtl/events.h"

#include <stdlib.h>

#define MAP_SIZE_MAX (UINT64_C(256) << 20)

static bool read_map(struct virt *virt, struct error *error)
{
    uint8_t *text;
    size_t size;
    if (!file_read(virt->config.symbols, MAP_SIZE_MAX, NULL, &text, &size, error)) {
        return false;
    }
    virt->symbols = symbols_parse_map(virt->config.symbols, (const char *)text, size, error);
    free(text);
    return virt->symbols != NULL;
}

bool virt_events_open(struct virt *virt, struct error *error)
{
    const struct loader_image *kernel = &virt->boot.kernel;
    if (virt->config.events == NULL || virt->vtl == NULL) {
        return true;
    }
    if (virt->config.symbols != NULL && !read_map(virt, error)) {
        return false;
    }
    if (virt->symbols == NULL && kernel->bytes != NULL) {
        virt->symbols = kallsyms_read(kernel->bytes, kernel->size);
    }
    struct vtl_events_config config = {
        .line = virt->config.events,
        .context = virt->config.events_context,
        .machine = virt->machine,
        .symbols = virt->symbols,
    };
    if (kernel->bytes != NULL && kernel->format == LOADER_FORMAT_IMAGE) { /* one piece, from its first byte on */
        config.kernel = kernel->segments[0].address;
        config.kernel_size = kernel->segments[0].memory_size;
    }
    virt->events = vtl_events_create(&config);
    struct vtl_watch *watch = vtl_watch(virt->vtl);
    watch->observe = vtl_events_note;
    watch->context = virt->events;
    return true;
}

void virt_events_close(struct virt *virt)
{
    vtl_events_destroy(virt->events);
    symbols_free(virt->symbols);
    virt->events = NULL;
    virt->symbols = NULL;
}
