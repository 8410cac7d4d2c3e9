/* SPDX-License-Identifier: Apache-2.0 */
/* From one level to another: VtlCall, VtlReturn and entries (section 4 of the interface). No locks, and no look at the
 * clock unless a timer is set. */
#include "vtl/vtl_internal.h"

#define SHARED_A6 16
#define SHARED_A7 17

void vtl_mode_based_changed(struct riscv_cpu *cpu, unsigned level)
{
    const struct vtl_vp *vp = vtl_vp_of(cpu);
    uint32_t apart = 0;
    for (unsigned enforcer = level + 1; enforcer < cpu->level_count; enforcer++) {
        uint8_t secure = atomic_load_explicit(&vp->levels[enforcer].secure[level], memory_order_relaxed);
        apart |= (secure & VTL_SECURE_MODE_BASED) != 0 ? UINT32_C(1) << enforcer : 0;
    }
    riscv_level_set_denying(cpu, level, apart);
    riscv_flush_level(cpu, level);
}

void vtl_materialize(struct riscv_cpu *cpu, unsigned level)
{
    struct vtl_vp_level *own = &vtl_vp_of(cpu)->levels[level];
    if (likely(own->entered)) {
        return;
    }
    own->entered = true;
    own->left = (uint8_t)level;
    riscv_level_prepare(cpu, level);
    vtl_context_apply(vtl_of(cpu), riscv_level_state(cpu, level), &own->initial);
}

void vtl_switch_to(struct riscv_cpu *cpu, unsigned level)
{
    riscv_level_switch(cpu, level);
    atomic_store_explicit(&vtl_vp_of(cpu)->active, (uint8_t)level, memory_order_relaxed);
    vtl_pins_changed(cpu);
}

void vtl_enter(struct riscv_cpu *cpu, unsigned level, enum vtl_entry entry)
{
    struct vtl_vp *vp = vtl_vp_of(cpu);
    struct vtl_vp_level *own = &vp->levels[level];
    CHECK(level > cpu->level && vtl_has_level(vp, level));
    vtl_materialize(cpu, level);
    own->left = (uint8_t)cpu->level;
    if (entry != VTL_ENTRY_CALL) {
        const uint64_t values[] = { cpu->state.x[SHARED_A6], cpu->state.x[SHARED_A7] };
        vtl_assist_write(cpu, level, VTL_ASSIST_A6, values, sizeof values);
    }
    uint32_t reason = (uint32_t)entry;
    vtl_assist_write(cpu, level, VTL_ASSIST_REASON, &reason, sizeof reason);
    vtl_count(entry == VTL_ENTRY_CALL        ? &own->statistics.calls
              : entry == VTL_ENTRY_INTERRUPT ? &own->statistics.interrupts
                                             : &own->statistics.intercepts,
              1);
    vtl_switch_to(cpu, level);
    vtl_vina_entered(cpu);
}

bool vtl_switch_up(struct riscv_cpu *cpu)
{
    unsigned level = vtl_next_above(vtl_vp_of(cpu), cpu->level);
    if (level == 0) {
        return false;
    }
    vtl_enter(cpu, level, VTL_ENTRY_CALL);
    return true;
}

/* ---- Return ----------------------------------------------------------------------------------------------------- */

static void drop_locks(struct riscv_cpu *cpu, struct vtl_vp_level *own)
{
    bool dropped = false;
    for (unsigned level = 0; level < cpu->level; level++) {
        uint8_t secure = atomic_load_explicit(&own->secure[level], memory_order_relaxed);
        if (unlikely((secure & VTL_SECURE_TLB_LOCKED) != 0)) {
            atomic_store(&own->secure[level], (uint8_t)(secure & ~VTL_SECURE_TLB_LOCKED));
            dropped = true;
        }
    }
    if (dropped) {
        vtl_tlb_unlocked(vtl_of(cpu));
    }
}

/* The level that was left, or the next lower enabled one if this level was started and not entered. */
static unsigned level_below(const struct riscv_cpu *cpu, const struct vtl_vp *vp)
{
    unsigned left = vp->levels[cpu->level].left;
    if (left < cpu->level) {
        return left;
    }
    uint32_t below = atomic_load_explicit(&vp->enabled, memory_order_relaxed) & ((UINT32_C(1) << cpu->level) - 1);
    return 31 - (unsigned)__builtin_clz(below); /* level 0 is always there */
}

/* PendingEvent0: the level takes this exception before its next instruction. */
static void deliver_event(struct riscv_cpu *cpu, struct vtl_vp_level *own)
{
    if (likely((own->event[0] & VTL_EVENT_PENDING) == 0)) {
        return;
    }
    enum riscv_exception cause = (enum riscv_exception)(own->event[0] >> 8 & 0xff);
    uint64_t tval = own->event[1];
    own->event[0] = own->event[1] = 0;
    riscv_inject(cpu, cause, tval);
}

bool vtl_switch_down(struct riscv_cpu *cpu, bool fast)
{
    if (cpu->level == 0) {
        return false;
    }
    struct vtl_vp *vp = vtl_vp_of(cpu);
    struct vtl_vp_level *own = &vp->levels[cpu->level];
    unsigned below = level_below(cpu, vp);
    uint64_t values[2];
    if (!fast && vtl_assist_read(cpu, cpu->level, VTL_ASSIST_A6, values, sizeof values)) {
        cpu->state.x[SHARED_A6] = values[0];
        cpu->state.x[SHARED_A7] = values[1];
    }
    vtl_count(&own->statistics.returns, 1);
    drop_locks(cpu, own);
    vtl_vina_leaving(cpu);
    vtl_materialize(cpu, below);
    vtl_switch_to(cpu, below);
    deliver_event(cpu, &vp->levels[below]);
    return true;
}
