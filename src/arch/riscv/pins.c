/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/pins.h"

#include "arch/riscv/primitives.h"

#include <string.h>

#define SLOT(csr_name) offsetof(struct riscv_cpu, state.csr.csr_name)

/* `changeable`: what explicit writes can reach at all, so that a mask of all ones does not stop a kernel that writes
 * back ones to bits that read zero. */
static const struct {
    uint32_t number;
    size_t slot;
    uint64_t changeable;
} pins[RISCV_PIN_COUNT] = {
    [RISCV_PIN_SATP] = { 0x180, SLOT(satp), UINT64_MAX },
    [RISCV_PIN_STVEC] = { 0x105, SLOT(stvec), ~UINT64_C(2) },
    [RISCV_PIN_SSTATUS] = { 0x100, SLOT(mstatus),
                            RISCV_MSTATUS_SIE_MASK | RISCV_MSTATUS_SPIE_MASK | RISCV_MSTATUS_SPP_MASK |
                                RISCV_MSTATUS_FS_MASK | RISCV_MSTATUS_SUM_MASK | RISCV_MSTATUS_MXR_MASK },
    [RISCV_PIN_SENVCFG] = { 0x10a, SLOT(senvcfg),
                            RISCV_SENVCFG_FIOM_MASK | RISCV_SENVCFG_CBIE_MASK | RISCV_SENVCFG_CBCFE_MASK |
                                RISCV_SENVCFG_CBZE_MASK },
    [RISCV_PIN_SCOUNTEREN] = { 0x106, SLOT(scounteren), UINT32_MAX },
};

enum riscv_pin riscv_pin_of(uint32_t number)
{
    unsigned pin = 0;
    while (pin < RISCV_PIN_COUNT && pins[pin].number != number) {
        pin++;
    }
    return (enum riscv_pin)pin;
}

uint32_t riscv_pin_number(enum riscv_pin pin)
{
    CHECK(pin < RISCV_PIN_COUNT);
    return pins[pin].number;
}

size_t riscv_pin_slot(enum riscv_pin pin)
{
    CHECK(pin < RISCV_PIN_COUNT);
    return pins[pin].slot;
}

void riscv_pins_set(struct riscv_cpu *cpu, const uint64_t masks[RISCV_PIN_COUNT])
{
    cpu->pins_held = 0;
    for (unsigned pin = 0; pin < RISCV_PIN_COUNT; pin++) {
        cpu->pins[pin] = masks[pin] & pins[pin].changeable;
        cpu->pins_held |= cpu->pins[pin] != 0 ? 1u << pin : 0;
    }
}

uint64_t riscv_pin_changes(const struct riscv_cpu *cpu, enum riscv_pin pin, uint64_t value, uint64_t mask)
{
    CHECK(pin < RISCV_PIN_COUNT);
    uint64_t now;
    memcpy(&now, (const char *)cpu + pins[pin].slot, sizeof now);
    return (now ^ value) & mask & pins[pin].changeable;
}

bool riscv_consult_pins_held(struct riscv_cpu *cpu, uint32_t number, uint64_t value)
{
    enum riscv_pin pin = riscv_pin_of(number);
    CHECK(pin < RISCV_PIN_COUNT);
    if (riscv_pin_changes(cpu, pin, value, cpu->pins[pin]) == 0) {
        return true;
    }
    riscv_raise_pinned(cpu, number, value);
    return false;
}
