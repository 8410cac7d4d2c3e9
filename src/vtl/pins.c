/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers that a higher level has pinned (section 3 of the interface, CrInterceptControl), or the program
 * that holds one. */
#include "vtl/vtl_internal.h"

#include <sched.h>

/* What a level has pinned of one register of this VP, for all levels below it. */
static uint64_t mask_of(const struct vtl *vtl, const struct vtl_vp *vp, unsigned level, unsigned pin)
{
    if (unlikely((vtl->config.held >> level & 1) != 0)) {
        return atomic_load(&vtl->levels[level].held_pins[pin]);
    }
    const struct vtl_vp_level *own = &vp->levels[level];
    return (own->pin_control >> pin & 1) != 0 ? own->pin_masks[pin] : 0;
}

void vtl_pins_changed(struct riscv_cpu *cpu)
{
    const struct vtl *vtl = vtl_of(cpu);
    const struct vtl_vp *vp = vtl_vp_of(cpu);
    uint64_t masks[RISCV_PIN_COUNT] = { 0 };
    for (unsigned level = cpu->level + 1; level < cpu->level_count; level++) {
        if (vp->levels[level].pin_control == 0 && (vtl->config.held >> level & 1) == 0) {
            continue;
        }
        for (unsigned pin = 0; pin < RISCV_PIN_COUNT; pin++) {
            masks[pin] |= mask_of(vtl, vp, level, pin);
        }
    }
    riscv_pins_set(cpu, masks);
}

bool vtl_pinned(struct riscv_cpu *cpu)
{
    const struct vtl *vtl = vtl_of(cpu);
    const struct vtl_vp *vp = vtl_vp_of(cpu);
    enum riscv_pin pin = riscv_pin_of(cpu->pinned.number);
    for (unsigned level = cpu->level + 1; level < cpu->level_count; level++) {
        if (riscv_pin_changes(cpu, pin, cpu->pinned.value, mask_of(vtl, vp, level, pin)) != 0) {
            return vtl_intercept_register(cpu, level);
        }
    }
    vtl_pins_changed(cpu);
    return true; /* a holder has let go of it meanwhile: the write is tried again */
}

void vtl_hold_pin(struct vtl *vtl, unsigned level, enum riscv_pin pin, uint64_t mask)
{
    const struct riscv_machine *machine = vtl->machine;
    uint32_t tickets[RISCV_CPU_COUNT_MAX];
    CHECK((vtl->config.held >> level & 1) != 0 && pin < RISCV_PIN_COUNT);
    atomic_store(&vtl->levels[level].held_pins[pin], mask);
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        tickets[i] = hart_ask_fence(machine->cpus[i], NULL);
    }
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        /* Who is outside looks at what it is asked before its next instruction. */
        while (rights_is_inside(machine->cpus[i]->reader) && !hart_fence_is_done(machine->cpus[i], tickets[i])) {
            sched_yield();
        }
    }
}
