/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/restart.h"

#if RESTART_POSSIBLE

#include <ucontext.h>

/* Where a sequence begins and ends, as distances from where each stands. */
struct note {
    int32_t begin, end;
};

/* The section's, by the linker. None at all in a program without such accesses. */
extern const struct note notes[] __asm__("__start_ravelin_restart") __attribute__((weak, visibility("hidden")));
extern const struct note notes_end[] __asm__("__stop_ravelin_restart") __attribute__((weak, visibility("hidden")));

static uint64_t place(const int32_t *distance)
{
    return (uint64_t)(uintptr_t)distance + (uint64_t)(int64_t)*distance;
}

void restart_undo(void *registers)
{
    greg_t *pc = &((ucontext_t *)registers)->uc_mcontext.gregs[REG_RIP];
    for (const struct note *note = notes; note < notes_end; note++) {
        uint64_t begin = place(&note->begin);
        if ((uint64_t)*pc > begin && (uint64_t)*pc < place(&note->end)) {
            *pc = (greg_t)begin;
            return;
        }
    }
}

#else

void restart_undo(void *registers)
{
    (void)registers;
}

#endif
