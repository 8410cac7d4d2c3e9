/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory protection with Smepmp (privileged specification, "Physical Memory Protection" and "Smepmp"): the
 * last layer the machine itself has.
 *
 * The check is asked by windows: a window is the largest range around an address in which one entry (or none)
 * decides. An access is permitted if its window covers all its bytes and the window's rule permits it; one that leaves
 * its window matches some entry in part, which is a refusal whatever the entry says. A page may be cached if one window
 * covers it.
 */
#ifndef RAVELIN_ARCH_RISCV_PMP_H
#define RAVELIN_ARCH_RISCV_PMP_H

#include "arch/riscv/cpu.h"

struct riscv_pmp_window {
    uint64_t low, high; /* first and last byte */
    unsigned rights;    /* a set of enum memory_access, for the mode asked */
};

/* Makes cpu->pmp.window the one that holds the address. */
void riscv_pmp_search(struct riscv_cpu *cpu, uint64_t address);

/* The window around a guest-physical address, for accesses made with the rights of `mode`. */
static inline struct riscv_pmp_window riscv_pmp_find(struct riscv_cpu *cpu, gpa_t address, enum riscv_mode mode)
{
    const struct riscv_pmp *pmp = &cpu->pmp;
    if (unlikely(address.bits < pmp->window.low || address.bits > pmp->window.high)) {
        riscv_pmp_search(cpu, address.bits);
    }
    unsigned rights = mode == RISCV_MODE_M ? pmp->window.machine : pmp->window.others;
    return (struct riscv_pmp_window){ pmp->window.low, pmp->window.high, rights };
}

/* Whether `size` bytes at this address may be accessed so. size is not 0. */
static inline bool riscv_pmp_permits(struct riscv_cpu *cpu, gpa_t address, uint64_t size, enum riscv_mode mode,
                                     enum memory_access access)
{
    struct riscv_pmp_window window = riscv_pmp_find(cpu, address, mode);
    return (window.rights & access) != 0 && window.high - address.bits >= size - 1;
}

/* Drops the window: its rights may have changed. */
static inline void riscv_pmp_forget(struct riscv_cpu *cpu)
{
    cpu->pmp.window.low = UINT64_MAX; /* empty: the next question is answered from the rules */
    cpu->pmp.window.high = 0;
}

/* Reads the rules anew from the registers (pmpcfg, pmpaddr, mseccfg). After any change of them that did not go through
 * the primitives. */
void riscv_pmp_changed(struct riscv_cpu *cpu);

#endif
