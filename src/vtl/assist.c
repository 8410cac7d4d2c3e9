/* SPDX-License-Identifier: Apache-2.0 */
/* The VP assist page: ordinary RAM of the level that named it. The monitor reaches it with that level's rights, so that
 * a level cannot be made to reach what a higher one has taken from it; what lower levels may do with the page is for
 * its owner to say, as with every other page. */
#include "vtl/vtl_internal.h"

#include <string.h>

static gpa_t place(const struct riscv_cpu *cpu, unsigned level, unsigned offset)
{
    return gpa((vtl_vp_of(cpu)->levels[level].assist & ~PAGE_MASK) + offset);
}

/* The page if no level above can take anything from it, so that it needs no pin; NULL: ask for one. */
static uint8_t *own_page(const struct riscv_cpu *cpu, unsigned level, unsigned offset, size_t size)
{
    const struct vtl *vtl = vtl_of(cpu);
    if ((atomic_load_explicit(&vtl->enabled, memory_order_relaxed) >> level) > 1 || vtl->config.held >> level > 1) {
        return NULL;
    }
    return memory_pointer(vtl->memory, place(cpu, level, offset), size, MEMORY_WRITE);
}

bool vtl_assist_write(struct riscv_cpu *cpu, unsigned level, unsigned offset, const void *bytes, size_t size)
{
    if (!vtl_assist_is_enabled(vtl_vp_of(cpu), level)) {
        return false;
    }
    uint8_t *page = own_page(cpu, level, offset, size);
    if (likely(page != NULL)) {
        memcpy(page, bytes, size);
        return true;
    }
    return rights_write(vtl_of(cpu)->memory, level, place(cpu, level, offset), bytes, size);
}

bool vtl_assist_read(struct riscv_cpu *cpu, unsigned level, unsigned offset, void *bytes, size_t size)
{
    if (!vtl_assist_is_enabled(vtl_vp_of(cpu), level)) {
        return false;
    }
    const uint8_t *page = own_page(cpu, level, offset, size);
    if (likely(page != NULL)) {
        memcpy(bytes, page, size);
        return true;
    }
    return rights_read(vtl_of(cpu)->memory, level, place(cpu, level, offset), bytes, size);
}
