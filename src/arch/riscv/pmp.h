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

/* The window around a guest-physical address, for accesses made with the rights of `mode`. */
struct riscv_pmp_window riscv_pmp_find(struct riscv_cpu *cpu, gpa_t address, enum riscv_mode mode);

/* Whether `size` bytes at this address may be accessed so. size is not 0. */
bool riscv_pmp_permits(struct riscv_cpu *cpu, gpa_t address, uint64_t size, enum riscv_mode mode,
                       enum memory_access access);

/* Reads the rules anew from the registers. After any change of them that did not go through the primitives. */
void riscv_pmp_changed(struct riscv_cpu *cpu);

#endif
