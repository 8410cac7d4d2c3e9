/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of different kinds are different types: mixing them does not compile.
 *
 *   struct gva   guest-virtual: what an instruction computes, before any translation
 *   struct gpa   guest-physical: what the guest's own translation gives; where the monitor's layers begin
 *   void *       host: a pointer the process may dereference
 *
 * Arithmetic happens on the `bits` member and is put back by gva()/gpa(), so every crossing can be seen.
 */
#ifndef RAVELIN_CORE_ADDRESS_H
#define RAVELIN_CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t bits;
} gva_t;

typedef struct {
    uint64_t bits;
} gpa_t;

static inline gva_t gva(uint64_t bits)
{
    return (gva_t){ bits };
}

static inline gpa_t gpa(uint64_t bits)
{
    return (gpa_t){ bits };
}

/* Guest pages are 4 KiB on both guest architectures. */
#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

static inline uint64_t gpa_page(gpa_t address)
{
    return address.bits >> PAGE_SHIFT;
}

#endif
