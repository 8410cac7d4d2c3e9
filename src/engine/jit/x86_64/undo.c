/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the rest of the back end, whose names of registers are those of the host's own header. */
#include "engine/jit/x86_64/undo.h"

#include "core/check.h"

#include <stdlib.h>
#include <ucontext.h>

void undo_fini(struct undo *undo)
{
    free(undo->ranges);
}

void undo_add(struct undo *undo, uint32_t start, uint32_t end)
{
    CHECK(start < end && (undo->count == 0 || undo->ranges[undo->count - 1].end <= start));
    if (undo->count == undo->room) {
        undo->room = undo->room == 0 ? 1024 : undo->room * 2;
        undo->ranges = check_realloc(undo->ranges, undo->room * sizeof undo->ranges[0]);
    }
    undo->ranges[undo->count++] = (struct undo_range){ start, end };
}

void undo_access(const struct undo *undo, void *registers)
{
    greg_t *pc = &((ucontext_t *)registers)->uc_mcontext.gregs[REG_RIP];
    uint64_t position = (uint64_t)*pc - (uintptr_t)undo->code;
    uint32_t low = 0, high = undo->count; /* ranges that begin below the position */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (undo->ranges[middle].start < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > 0 && position < undo->ranges[low - 1].end) {
        *pc = (greg_t)((uintptr_t)undo->code + undo->ranges[low - 1].start);
    }
}
