/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that begins in a higher level, by the privilege of who makes the machine. */
#include "vtl/vtl_internal.h"

#include "memory/attributes.h"

static void enable(struct vtl *vtl, const struct vtl_begin *begin)
{
    uint32_t bit = UINT32_C(1) << begin->level;
    atomic_store(&vtl->levels[begin->level].config, VTL_CONFIG_DEFAULT | VTL_CONFIG_ZERO);
    atomic_fetch_or(&vtl->mode_based, begin->mode_based ? bit : 0);
    atomic_fetch_or(&vtl->enabled, bit);
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        vtl->vps[i].levels[begin->level].initial = (struct vtl_context){
            .pc = begin->pc,
            .sp = begin->sp,
            .gp = i,
            .tp = begin->tp,
        };
        atomic_fetch_or(&vtl->vps[i].enabled, bit);
    }
}

void vtl_begin(struct vtl *vtl, const struct vtl_begin *begin)
{
    struct riscv_cpu *first = vtl->machine->cpus[0];
    CHECK(begin->level > 0 && begin->level < vtl->machine->level_count && atomic_load(&vtl->enabled) == 1);
    enable(vtl, begin);
    vtl_materialize(first, begin->level);
    vtl->vps[0].levels[begin->level].left = 0;
    vtl_switch_to(first, begin->level);
    riscv_cpu_state_changed(first);
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        vtl_note_enabled(first, i, begin->level);
    }
}
