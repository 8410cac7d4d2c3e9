/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers that a trust level above has pinned: which bits of them software of the running level cannot change
 * without that level's being asked first (docs/reference/trust-levels.md, CrInterceptControl).
 *
 * Only explicit writes are asked about. A trap, sret and the first floating-point instruction change sstatus too, in
 * ways that its bits before have already decided.
 *
 * Threads: the hart's own.
 */
#ifndef RAVELIN_ARCH_RISCV_PINS_H
#define RAVELIN_ARCH_RISCV_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct riscv_cpu;

/* In the order of CrInterceptControl's bits and of the masks' register names. */
enum riscv_pin {
    RISCV_PIN_SATP,
    RISCV_PIN_STVEC,
    RISCV_PIN_SSTATUS,
    RISCV_PIN_SENVCFG,
    RISCV_PIN_SCOUNTEREN,
    RISCV_PIN_COUNT,
};

/* The pin of a control register by its number; RISCV_PIN_COUNT: it has none. */
enum riscv_pin riscv_pin_of(uint32_t number);

/* The number of the control register that a pin holds. */
uint32_t riscv_pin_number(enum riscv_pin pin);

/* Where in struct riscv_cpu the register's value is; sstatus is a view of mstatus. */
size_t riscv_pin_slot(enum riscv_pin pin);

/* What the level that runs may not change by itself: a mask for each pin, any value. Bits that software cannot change
 * anyway are dropped. To be called again after riscv_level_switch(), which leaves the pins alone. */
void riscv_pins_set(struct riscv_cpu *cpu, const uint64_t masks[RISCV_PIN_COUNT]);

/* The pinned bits that a write of `value` would change, of those in `mask`. */
uint64_t riscv_pin_changes(const struct riscv_cpu *cpu, enum riscv_pin pin, uint64_t value, uint64_t mask);

#endif
