/* SPDX-License-Identifier: Apache-2.0 */
/* The passes in their order, and what they share. */
#include "core/check.h"
#include "engine/jit/ir_internal.h"
#include "engine/jit/pass_slots.h"

#include <stdlib.h>

struct pass {
    const char *name;
    void (*run)(struct ir_region *region);
};

/* clang-format off: one a line */
static const struct pass passes[] = {
    { "drop_unused", ir_drop_unused }, /* what folding has left behind: the others need not look at it */
    { "type_slots", ir_type_slots },   /* before values go past their slots */
    { "forward_gets", ir_forward_gets },
    { "merge_common", ir_merge_common },
    { "drop_unused", ir_drop_unused }, /* a GET that nobody needs would keep a PUT */
    { "drop_dead_puts", ir_drop_dead_puts },
    { "drop_unused", ir_drop_unused }, /* now it can be seen what has one user only */
    { "narrow", ir_narrow },
    { "drop_unused", ir_drop_unused },
};
/* clang-format on */

static bool must_verify(void)
{
#ifdef RAVELIN_IR_VERIFY
    return true;
#else
    return getenv("RAVELIN_JIT_VERIFY") != NULL;
#endif
}

static void verify_after(struct ir_region *region, const char *pass)
{
    const char *fault = ir_verify(region);
    if (fault != NULL) { /* our own bug: say all there is to say, then stop */
        ir_print(region, stderr);
        fprintf(stderr, "after %s: %s\n", pass, fault);
        CHECK(fault == NULL);
    }
}

void ir_optimize(struct ir_region *region)
{
    bool verify = must_verify();
    if (verify) {
        verify_after(region, "building");
    }
    for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
        passes[i].run(region);
        if (verify) {
            verify_after(region, passes[i].name);
        }
    }
}

uint32_t pass_slot_cells(const struct ir_region *region)
{
    return region->arena->slot_end / SLOT_CELL;
}
