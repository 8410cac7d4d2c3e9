/* SPDX-License-Identifier: Apache-2.0 */
/* Where the names and places in events come from. */
#include "board/virt_parts.h"
#include "vtl/events.h"

void virt_events_open(struct virt *virt)
{
    const struct loader_image *kernel = &virt->boot.kernel;
    if (virt->config.events == NULL || virt->vtl == NULL) {
        return;
    }
    struct vtl_events_config config = {
        .line = virt->config.events,
        .context = virt->config.events_context,
        .machine = virt->machine,
        .symbols = virt->boot.symbols,
        .symbols_are_placed = virt->config.symbols_slide != 0,
    };
    if (kernel->bytes != NULL && kernel->format == LOADER_FORMAT_IMAGE) { /* one piece, from its first byte on */
        config.kernel = kernel->segments[0].address;
        config.kernel_size = kernel->segments[0].memory_size;
    }
    virt->events = vtl_events_create(&config);
    struct vtl_watch *watch = vtl_watch(virt->vtl);
    watch->observe = vtl_events_note;
    watch->context = virt->events;
}

void virt_events_close(struct virt *virt)
{
    vtl_events_destroy(virt->events);
    virt->events = NULL;
}
