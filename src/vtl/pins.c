/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers that a higher level has pinned (section 3 of the interface, CrInterceptControl). */
#include "vtl/vtl_internal.h"

/* What a level has pinned of one register of this VP, for all levels below it. */
static uint64_t mask_of(const struct vtl_vp_level *level, unsigned pin)
{
    return (level->pin_control >> pin & 1) != 0 ? level->pin_masks[pin] : 0;
}

void vtl_pins_changed(struct riscv_cpu *cpu)
{
    const struct vtl_vp *vp = vtl_vp_of(cpu);
    uint64_t masks[RISCV_PIN_COUNT] = { 0 };
    for (unsigned level = cpu->level + 1; level < cpu->level_count; level++) {
        if (vp->levels[level].pin_control == 0) {
            continue;
        }
        for (unsigned pin = 0; pin < RISCV_PIN_COUNT; pin++) {
            masks[pin] |= mask_of(&vp->levels[level], pin);
        }
    }
    riscv_pins_set(cpu, masks);
}

bool vtl_pinned(struct riscv_cpu *cpu)
{
    const struct vtl_vp *vp = vtl_vp_of(cpu);
    enum riscv_pin pin = riscv_pin_of(cpu->pinned.number);
    for (unsigned level = cpu->level + 1; level < cpu->level_count; level++) {
        if (riscv_pin_changes(cpu, pin, cpu->pinned.value, mask_of(&vp->levels[level], pin)) != 0) {
            return vtl_intercept_register(cpu, level);
        }
    }
    return false;
}
