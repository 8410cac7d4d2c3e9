/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VP assist page: an overlay page of its level (section 4 of the interface).
 *
 * Rights to a page below an overlay of a lower level cannot be changed, and an overlay is placed only where its level
 * may read and write, so that a level cannot show itself other bytes than those that a higher one has protected. To
 * place one, all changes of rights under way are waited for, and those to come wait:
 *
 *     a VP that changes rights                    who places an overlay
 *     changes := true                             lock, placing := true
 *     placing? changes := false; lock,            wait until no VP changes
 *         changes := true, unlock                 look at the rights, place
 *     look for overlays, change                   placing := false, unlock
 *     changes := false
 *
 * Who waits in either is outside (memory/rights.h), so that changes get on.
 */
#include "arch/riscv/hart.h"
#include "vtl/vtl_internal.h"

#include <sched.h>
#include <string.h>

/* ---- Use by the monitor ----------------------------------------------------------------------------------------- */

bool vtl_assist_write(struct riscv_cpu *cpu, unsigned level, unsigned offset, const void *bytes, size_t size)
{
    uint8_t *page = vtl_vp_of(cpu)->levels[level].assist_page;
    if (page == NULL) {
        return false;
    }
    memcpy(page + offset, bytes, size);
    return true;
}

bool vtl_assist_read(struct riscv_cpu *cpu, unsigned level, unsigned offset, void *bytes, size_t size)
{
    const uint8_t *page = vtl_vp_of(cpu)->levels[level].assist_page;
    if (page == NULL) {
        return false;
    }
    memcpy(bytes, page + offset, size);
    return true;
}

/* ---- Placing ---------------------------------------------------------------------------------------------------- */

void vtl_change_begin(struct riscv_cpu *cpu)
{
    struct vtl *vtl = vtl_of(cpu);
    struct vtl_vp *vp = vtl_vp_of(cpu);
    atomic_store(&vp->changes, true);
    if (unlikely(atomic_load(&vtl->placing))) {
        atomic_store(&vp->changes, false);
        pthread_mutex_lock(&vtl->overlay_lock); /* nobody places */
        atomic_store(&vp->changes, true);
        pthread_mutex_unlock(&vtl->overlay_lock);
    }
}

void vtl_change_end(struct riscv_cpu *cpu)
{
    atomic_store_explicit(&vtl_vp_of(cpu)->changes, false, memory_order_release);
}

void vtl_hold_overlays(struct vtl *vtl)
{
    pthread_mutex_lock(&vtl->overlay_lock);
}

void vtl_release_overlays(struct vtl *vtl)
{
    pthread_mutex_unlock(&vtl->overlay_lock);
}

bool vtl_has_overlay_below(const struct vtl *vtl, unsigned enforcer, uint64_t first, uint64_t count)
{
    return riscv_overlay_is_below(vtl->overlays, enforcer, first, count);
}

static void wait_for_changes(const struct vtl *vtl)
{
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        while (atomic_load(&vtl->vps[i].changes)) {
            sched_yield();
        }
    }
}

static bool may_be_covered(const struct vtl *vtl, unsigned level, gpa_t page)
{
    return rights_permit(vtl->memory, level, page, PAGE_SIZE, MEMORY_READ) &&
           rights_permit(vtl->memory, level, page, PAGE_SIZE, MEMORY_WRITE);
}

/* No hart goes on with what the level saw at the old place or the new one. */
static void forget_old_view(struct riscv_cpu *cpu, unsigned level)
{
    const struct vtl *vtl = vtl_of(cpu);
    const struct riscv_fence all = { .all_spaces = true };
    for (unsigned base = 0; base < vtl->machine->cpu_count; base += 64) {
        uint64_t mask = 0;
        for (unsigned i = base; i < vtl->machine->cpu_count && i < base + 64; i++) {
            mask |= vtl_has_level(&vtl->vps[i], level) ? UINT64_C(1) << (i - base) : 0;
        }
        hart_fence(cpu, mask, base, &all);
    }
}

bool vtl_assist_set(struct riscv_cpu *cpu, unsigned level, uint64_t value)
{
    struct vtl *vtl = vtl_of(cpu);
    struct vtl_vp_level *own = &vtl_vp_of(cpu)->levels[level];
    const gpa_t page = gpa(value & ~PAGE_MASK);
    const bool enable = (value & VTL_ASSIST_ENABLED) != 0;
    const unsigned number = cpu->vcpu.number;
    if ((value & PAGE_MASK & ~VTL_ASSIST_ENABLED) != 0) {
        return false;
    }
    pthread_mutex_lock(&vtl->overlay_lock);
    atomic_store(&vtl->placing, true);
    wait_for_changes(vtl);
    const bool legal = !enable || may_be_covered(vtl, level, page);
    const bool moves = legal && value != own->assist;
    if (moves && enable) {
        riscv_overlay_place(vtl->overlays, level, number, page);
    } else if (moves) {
        riscv_overlay_remove(vtl->overlays, level, number);
    }
    atomic_store(&vtl->placing, false);
    pthread_mutex_unlock(&vtl->overlay_lock);
    if (moves) {
        own->assist = value;
        own->assist_page = enable ? riscv_overlay_page(vtl->overlays, level, number) : NULL;
        forget_old_view(cpu, level);
    }
    return legal;
}
