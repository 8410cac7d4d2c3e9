/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the rest of the back end, whose names of registers are those of the host's own header. */
#include "engine/jit/x86_64/undo.h"

#include "core/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define ROOM_MIN 1024u

void undo_fini(struct undo *undo)
{
    free(undo->ranges);
    free(undo->marks);
}

void undo_clear(struct undo *undo)
{
    undo->range_count = 0;
    undo->mark_count = 0;
}

void undo_add_range(struct undo *undo, uint32_t start, uint32_t end)
{
    CHECK(start < end && (undo->range_count == 0 || undo->ranges[undo->range_count - 1].end <= start));
    if (undo->range_count == undo->range_room) {
        undo->range_room = undo->range_room == 0 ? ROOM_MIN : undo->range_room * 2;
        undo->ranges = check_realloc(undo->ranges, undo->range_room * sizeof undo->ranges[0]);
    }
    undo->ranges[undo->range_count++] = (struct undo_range){ start, end };
}

void undo_add_mark(struct undo *undo, uint32_t position, uint32_t kept)
{
    const struct undo_mark *last = undo->mark_count != 0 ? &undo->marks[undo->mark_count - 1] : NULL;
    CHECK(last == NULL || last->position <= position);
    if (last != NULL && last->position == position) {
        undo->mark_count--; /* nothing stands between */
    } else if (last != NULL && last->kept == kept) {
        return;
    }
    if (undo->mark_count == undo->mark_room) {
        undo->mark_room = undo->mark_room == 0 ? ROOM_MIN : undo->mark_room * 2;
        undo->marks = check_realloc(undo->marks, undo->mark_room * sizeof undo->marks[0]);
    }
    undo->marks[undo->mark_count++] = (struct undo_mark){ position, kept };
}

void undo_append(struct undo *undo, const struct undo *other)
{
    for (uint32_t i = 0; i < other->range_count; i++) {
        undo_add_range(undo, other->ranges[i].start, other->ranges[i].end);
    }
    for (uint32_t i = 0; i < other->mark_count; i++) {
        undo_add_mark(undo, other->marks[i].position, other->marks[i].kept);
    }
}

/* ---- In a signal handler ----------------------------------------------------------------------------------------- */

static uint32_t kept_at(const struct undo *undo, uint64_t position)
{
    uint32_t low = 0, high = undo->mark_count; /* marks at or below the position */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (undo->marks[middle].position <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? undo->marks[low - 1].kept : 0;
}

static void forget_addends(greg_t *registers, uint32_t kept)
{
    static const uint8_t numbers[] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                       REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    for (unsigned i = 0; i < sizeof numbers; i++) {
        if ((kept >> i & 1) != 0) {
            registers[numbers[i]] = 0;
        }
    }
}

/* Where the access begins that is under way, or the position itself. */
static uint64_t beginning(const struct undo *undo, uint64_t position)
{
    uint32_t low = 0, high = undo->range_count; /* ranges that begin below the position */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (undo->ranges[middle].start < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool inside = low > 0 && position < undo->ranges[low - 1].end;
    return inside ? undo->ranges[low - 1].start : position;
}

void undo_access(const struct undo *undo, const struct undo_place *place, void *registers)
{
    greg_t *all = ((ucontext_t *)registers)->uc_mcontext.gregs;
    uint64_t code = (uintptr_t)place->code, position = (uint64_t)all[REG_RIP] - code;
    if (position >= place->thunks && position < place->thunks_end) {
        uint64_t back;
        memcpy(&back, (const void *)(uintptr_t)all[REG_RSP], sizeof back); /* NOLINT: the top of the stack */
        position = back - code;
    }
    if (position > UINT32_MAX) {
        return; /* in C, on the way into translated code or out of it */
    }
    forget_addends(all, kept_at(undo, position));
    uint64_t start = beginning(undo, position);
    if (start != position) {
        all[REG_RIP] = (greg_t)(code + start);
    }
}
