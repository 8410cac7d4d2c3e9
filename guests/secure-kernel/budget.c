/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines are told of refusals: so many of each kind, that none hides another, and none fills a disk. */
#include "kernel.h"

#define BURST            100u
#define TICKS_FOR_A_LINE UINT64_C(1000000) /* of `time`: 100 ms */

static struct budget *budget_of(const char *what, uint64_t now)
{
    unsigned i = 0;
    while (i < BUDGET_COUNT - 1 && kernel.budgets[i].what != what && kernel.budgets[i].what != NULL) {
        i++; /* the last one is for all that find no other */
    }
    if (kernel.budgets[i].what == NULL) {
        kernel.budgets[i] = (struct budget){ .what = what, .line_count = BURST, .filled = now };
    }
    return &kernel.budgets[i];
}

bool budget_take(const char *what, uint64_t now, uint64_t *untold)
{
    struct budget *budget = budget_of(what, now);
    uint64_t more = now > budget->filled ? (now - budget->filled) / TICKS_FOR_A_LINE : 0;
    if (more >= BURST - budget->line_count) {
        budget->line_count = BURST;
        budget->filled = now;
    } else {
        budget->line_count += (uint32_t)more;
        budget->filled += more * TICKS_FOR_A_LINE;
    }
    if (budget->line_count == 0) {
        budget->untold++;
        return false;
    }
    budget->line_count--;
    *untold = budget->untold;
    budget->untold = 0;
    return true;
}
