/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives that isa/riscv/primitives.isa declares: what the description leaves to the machine's builder.
 *
 * Calling convention (generated code relies on it): a primitive p is riscv_p(cpu, arguments…), without `cpu` if it is
 * pure. One that may trap returns bool and gives its result through a last pointer; false means that an exception is
 * recorded in cpu and nothing else has happened. What each one means stands in primitives.isa, not here.
 *
 * The guest is hostile: every argument may have any value. Addresses are guest-virtual.
 *
 * Loads, stores and atomics are inline for the case that the TLB knows the page; everything else is in access.c.
 */
#ifndef RAVELIN_ARCH_RISCV_PRIMITIVES_H
#define RAVELIN_ARCH_RISCV_PRIMITIVES_H

#include "arch/riscv/cpu.h"
#include "float/float.h"
#include "memory/restart.h"

#include <stdint.h>

__extension__ typedef unsigned __int128 riscv_bits128;

/* ---- Control registers by number: generated, riscv_csr.c -------------------------------------------------------- */

bool riscv_csr_read(struct riscv_cpu *cpu, uint32_t number, uint64_t *value);
bool riscv_csr_write(struct riscv_cpu *cpu, uint32_t number, uint64_t value);

/* ---- Loads and stores ------------------------------------------------------------------------------------------- */

/* Any size of 1, 2, 4, 8, any alignment, any memory. */
bool riscv_load_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t *value);
bool riscv_store_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t value);

#define RISCV_DEFINE_LOAD_STORE(bits)                                                                    \
    static inline bool riscv_load##bits(struct riscv_cpu *cpu, uint64_t address, uint##bits##_t *result) \
    {                                                                                                    \
        const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);                               \
        if (likely(restart_load##bits(entry, tlb_tag(address, bits / 8), address, result))) {            \
            return true;                                                                                 \
        }                                                                                                \
        uint64_t value;                                                                                  \
        if (!riscv_load_slow(cpu, address, bits / 8, &value)) {                                          \
            return false;                                                                                \
        }                                                                                                \
        *result = (uint##bits##_t)value;                                                                 \
        return true;                                                                                     \
    }                                                                                                    \
    static inline bool riscv_store##bits(struct riscv_cpu *cpu, uint64_t address, uint##bits##_t data)   \
    {                                                                                                    \
        const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);                               \
        return likely(restart_store##bits(entry, tlb_tag(address, bits / 8), address, data)) ||          \
               riscv_store_slow(cpu, address, bits / 8, data);                                           \
    }

RISCV_DEFINE_LOAD_STORE(8)
RISCV_DEFINE_LOAD_STORE(16)
RISCV_DEFINE_LOAD_STORE(32)
RISCV_DEFINE_LOAD_STORE(64)

/* ---- Atomics: on the host's own --------------------------------------------------------------------------------- */

/* An entry whose tag is tlb_tag(address, size), for an atomic access of `size` bytes (4, 8, 16) to an aligned address;
 * or NULL with a trap recorded: a store/AMO exception for MEMORY_WRITE, a load exception for MEMORY_READ, an access
 * fault where there is no RAM. If the access by it is refused (memory/restart.h), ask again. */
const struct tlb_entry *riscv_atomic_entry(struct riscv_cpu *cpu, uint64_t address, uint32_t size,
                                           enum memory_access access);

bool riscv_lr32(struct riscv_cpu *cpu, uint64_t address, uint32_t *result);
bool riscv_lr64(struct riscv_cpu *cpu, uint64_t address, uint64_t *result);
bool riscv_sc32(struct riscv_cpu *cpu, uint64_t address, uint32_t data, uint64_t *result);
bool riscv_sc64(struct riscv_cpu *cpu, uint64_t address, uint64_t data, uint64_t *result);

/* Makes the access `done` by the cache's entry, or else by those that the slow path gives. */
#define RISCV_TRY_ATOMIC(bits, done)                                      \
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);    \
    const uint64_t tag = tlb_tag(address, bits / 8);                      \
    while (unlikely(!(done))) {                                           \
        entry = riscv_atomic_entry(cpu, address, bits / 8, MEMORY_WRITE); \
        if (entry == NULL) {                                              \
            return false;                                                 \
        }                                                                 \
    }

#define RISCV_DEFINE_AMO(name, bits)                                                                           \
    static inline bool riscv_amo_##name##bits(struct riscv_cpu *cpu, uint64_t address, uint##bits##_t operand, \
                                              uint##bits##_t *result)                                          \
    {                                                                                                          \
        RISCV_TRY_ATOMIC(bits, restart_##name##bits(entry, tag, address, operand, result))                     \
        return true;                                                                                           \
    }

/* What no host does in one step and gives the old value of: compare and swap until nobody came between. */
#define RISCV_DEFINE_AMO_COMPUTED(name, bits, computed)                                                        \
    static inline bool riscv_amo_##name##bits(struct riscv_cpu *cpu, uint64_t address, uint##bits##_t operand, \
                                              uint##bits##_t *result)                                          \
    {                                                                                                          \
        uint##bits##_t old, seen = 0;                                                                          \
        RISCV_TRY_ATOMIC(bits, restart_peek##bits(entry, tag, address, &seen))                                 \
        do {                                                                                                   \
            old = seen;                                                                                        \
            while (unlikely(!restart_cas##bits(entry, tag, address, old, (computed), &seen))) {                \
                entry = riscv_atomic_entry(cpu, address, bits / 8, MEMORY_WRITE);                              \
                if (entry == NULL) {                                                                           \
                    return false;                                                                              \
                }                                                                                              \
            }                                                                                                  \
        } while (seen != old);                                                                                 \
        *result = old;                                                                                         \
        return true;                                                                                           \
    }

#define RISCV_DEFINE_CAS(bits)                                                                               \
    static inline bool riscv_amo_cas##bits(struct riscv_cpu *cpu, uint64_t address, uint##bits##_t expected, \
                                           uint##bits##_t desired, uint##bits##_t *result)                   \
    {                                                                                                        \
        RISCV_TRY_ATOMIC(bits, restart_cas##bits(entry, tag, address, expected, desired, result))            \
        return true;                                                                                         \
    }

#define RISCV_DEFINE_AMOS(bits)                                                                       \
    RISCV_DEFINE_AMO(swap, bits)                                                                      \
    RISCV_DEFINE_AMO(add, bits)                                                                       \
    RISCV_DEFINE_AMO_COMPUTED(and, bits, old &operand)                                                \
    RISCV_DEFINE_AMO_COMPUTED(or, bits, old | operand)                                                \
    RISCV_DEFINE_AMO_COMPUTED(xor, bits, old ^ operand)                                               \
    RISCV_DEFINE_AMO_COMPUTED(min, bits, (int##bits##_t)operand < (int##bits##_t)old ? operand : old) \
    RISCV_DEFINE_AMO_COMPUTED(max, bits, (int##bits##_t)operand > (int##bits##_t)old ? operand : old) \
    RISCV_DEFINE_AMO_COMPUTED(minu, bits, operand < old ? operand : old)                              \
    RISCV_DEFINE_AMO_COMPUTED(maxu, bits, operand > old ? operand : old)                              \
    RISCV_DEFINE_CAS(bits)

RISCV_DEFINE_AMOS(32)
RISCV_DEFINE_AMOS(64)

bool riscv_amo_cas128(struct riscv_cpu *cpu, uint64_t address, riscv_bits128 expected, riscv_bits128 desired,
                      riscv_bits128 *result);

/* ---- Order and caches ------------------------------------------------------------------------------------------- */

static inline void riscv_fence(struct riscv_cpu *cpu, uint8_t before, uint8_t behind)
{
    (void)cpu;
    /* bits: 3 device input, 2 device output, 1 reads, 0 writes. Only earlier writes against later reads are more than
     * acquire and release give, and dear on most hosts. */
    if ((before & 5) != 0 && (behind & 10) != 0) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } else {
        __atomic_thread_fence(__ATOMIC_ACQ_REL);
    }
}

void riscv_fence_i(struct riscv_cpu *cpu);

bool riscv_cbo_inval(struct riscv_cpu *cpu, uint64_t address);
bool riscv_cbo_clean(struct riscv_cpu *cpu, uint64_t address);
bool riscv_cbo_flush(struct riscv_cpu *cpu, uint64_t address);
bool riscv_cbo_zero(struct riscv_cpu *cpu, uint64_t address);

/* ---- Waiting: may return at any time, and do when the vCPU's attention is asked for ----------------------------- */

void riscv_wfi(struct riscv_cpu *cpu);
void riscv_pause(struct riscv_cpu *cpu);
void riscv_wait_on_reservation(struct riscv_cpu *cpu, bool timed);

/* ---- What the machine keeps of the control registers ------------------------------------------------------------ */

void riscv_status_changed(struct riscv_cpu *cpu);
void riscv_translation_changed(struct riscv_cpu *cpu);
void riscv_address_space_changed(struct riscv_cpu *cpu);
void riscv_interrupts_changed(struct riscv_cpu *cpu);
void riscv_sfence_vma(struct riscv_cpu *cpu, bool has_address, uint64_t address, bool has_asid, uint64_t asid);
uint64_t riscv_interrupt_lines(struct riscv_cpu *cpu);

bool riscv_consult_pins_held(struct riscv_cpu *cpu, uint32_t number, uint64_t value);

static inline bool riscv_consult_pins(struct riscv_cpu *cpu, uint16_t number, uint64_t value)
{
    return likely(cpu->pins_held == 0) || riscv_consult_pins_held(cpu, number, value);
}

uint64_t riscv_cycle_counter(struct riscv_cpu *cpu);
uint64_t riscv_instret_counter(struct riscv_cpu *cpu);
uint64_t riscv_time_counter(struct riscv_cpu *cpu);
void riscv_write_cycle_counter(struct riscv_cpu *cpu, uint64_t count);
void riscv_write_instret_counter(struct riscv_cpu *cpu, uint64_t count);

uint64_t riscv_pmp_read_config(struct riscv_cpu *cpu, uint16_t number);
void riscv_pmp_write_config(struct riscv_cpu *cpu, uint16_t number, uint64_t data);
uint64_t riscv_pmp_read_address(struct riscv_cpu *cpu, uint16_t entry);
void riscv_pmp_write_address(struct riscv_cpu *cpu, uint16_t entry, uint64_t data);
bool riscv_pmp_any_locked(struct riscv_cpu *cpu);

/* ---- Integers --------------------------------------------------------------------------------------------------- */

uint64_t riscv_clmul(uint64_t a, uint64_t b);
uint64_t riscv_clmulh(uint64_t a, uint64_t b);

/* ---- Floating point: src/float, with the accrued flags of fcsr -------------------------------------------------- */

/* The flags are passed with what has accrued (fcsr's rounding mode in bits 7:5 rides along untouched): src/float is
 * fastest when inexact is set already. */
#define RISCV_FLOAT_CALL(type, call)                    \
    {                                                   \
        uint32_t flags = (uint32_t)cpu->state.csr.fcsr; \
        type result = (type)call;                       \
        cpu->state.csr.fcsr = flags;                    \
        return result;                                  \
    }
#define RISCV_RM ((enum float_rounding)rm)

#define RISCV_DEFINE_FLOAT_BINARY_RM(W, name)                                                                      \
    static inline uint##W##_t riscv_f##W##_##name(struct riscv_cpu *cpu, uint##W##_t a, uint##W##_t b, uint8_t rm) \
        RISCV_FLOAT_CALL(uint##W##_t, float##W##_##name(a, b, RISCV_RM, &flags))
#define RISCV_DEFINE_FLOAT_BINARY(W, name, type)                                                \
    static inline type riscv_f##W##_##name(struct riscv_cpu *cpu, uint##W##_t a, uint##W##_t b) \
        RISCV_FLOAT_CALL(type, float##W##_##name(a, b, &flags))
#define RISCV_DEFINE_FLOAT_TO(W, name, type)                                                    \
    static inline type riscv_f##W##_to_##name(struct riscv_cpu *cpu, uint##W##_t a, uint8_t rm) \
        RISCV_FLOAT_CALL(type, float##W##_to_##name(a, RISCV_RM, &flags))
#define RISCV_DEFINE_FLOAT_FROM(W, name, type, as)                                                \
    static inline uint##W##_t riscv_f##W##_from_##name(struct riscv_cpu *cpu, type a, uint8_t rm) \
        RISCV_FLOAT_CALL(uint##W##_t, float##W##_from_##name((as)a, RISCV_RM, &flags))

#define RISCV_DEFINE_FLOAT(W)                                                                                          \
    RISCV_DEFINE_FLOAT_BINARY_RM(W, add)                                                                               \
    RISCV_DEFINE_FLOAT_BINARY_RM(W, sub)                                                                               \
    RISCV_DEFINE_FLOAT_BINARY_RM(W, mul)                                                                               \
    RISCV_DEFINE_FLOAT_BINARY_RM(W, div)                                                                               \
    static inline uint##W##_t riscv_f##W##_sqrt(struct riscv_cpu *cpu, uint##W##_t a, uint8_t rm) RISCV_FLOAT_CALL(    \
        uint##W##_t,                                                                                                   \
        float##W##_sqrt(a, RISCV_RM, &flags)) static inline uint##W##_t riscv_f##W##_fma(struct riscv_cpu *cpu,        \
                                                                                         uint##W##_t a, uint##W##_t b, \
                                                                                         uint##W##_t c, uint8_t rm)    \
        RISCV_FLOAT_CALL(uint##W##_t, float##W##_fma(a, b, c, RISCV_RM, &flags)) static inline uint##W##_t             \
            riscv_f##W##_round(struct riscv_cpu *cpu, uint##W##_t a, uint8_t rm, bool exact) RISCV_FLOAT_CALL(         \
                uint##W##_t, float##W##_round_to_int(a, RISCV_RM, exact,                                               \
                                                     &flags)) static inline uint16_t riscv_f##W##_class(uint##W##_t a) \
    {                                                                                                                  \
        return (uint16_t)float##W##_class(a);                                                                          \
    }                                                                                                                  \
    RISCV_DEFINE_FLOAT_BINARY(W, min, uint##W##_t)                                                                     \
    RISCV_DEFINE_FLOAT_BINARY(W, max, uint##W##_t)                                                                     \
    RISCV_DEFINE_FLOAT_BINARY(W, minm, uint##W##_t)                                                                    \
    RISCV_DEFINE_FLOAT_BINARY(W, maxm, uint##W##_t)                                                                    \
    RISCV_DEFINE_FLOAT_BINARY(W, eq, bool)                                                                             \
    RISCV_DEFINE_FLOAT_BINARY(W, lt, bool)                                                                             \
    RISCV_DEFINE_FLOAT_BINARY(W, le, bool)                                                                             \
    RISCV_DEFINE_FLOAT_BINARY(W, ltq, bool)                                                                            \
    RISCV_DEFINE_FLOAT_BINARY(W, leq, bool)                                                                            \
    RISCV_DEFINE_FLOAT_TO(W, i32, uint32_t)                                                                            \
    RISCV_DEFINE_FLOAT_TO(W, u32, uint32_t)                                                                            \
    RISCV_DEFINE_FLOAT_TO(W, i64, uint64_t)                                                                            \
    RISCV_DEFINE_FLOAT_TO(W, u64, uint64_t)                                                                            \
    RISCV_DEFINE_FLOAT_FROM(W, i32, uint32_t, int32_t)                                                                 \
    RISCV_DEFINE_FLOAT_FROM(W, u32, uint32_t, uint32_t)                                                                \
    RISCV_DEFINE_FLOAT_FROM(W, i64, uint64_t, int64_t)                                                                 \
    RISCV_DEFINE_FLOAT_FROM(W, u64, uint64_t, uint64_t)

RISCV_DEFINE_FLOAT(16)
RISCV_DEFINE_FLOAT(32)
RISCV_DEFINE_FLOAT(64)

/* Between formats: rounding only where the target is narrower. */
#define RISCV_DEFINE_FLOAT_WIDEN(A, B)                                                   \
    static inline uint##B##_t riscv_f##A##_to_f##B(struct riscv_cpu *cpu, uint##A##_t a) \
        RISCV_FLOAT_CALL(uint##B##_t, float##A##_to_float##B(a, FLOAT_RNE, &flags))
#define RISCV_DEFINE_FLOAT_NARROW(A, B)                                                              \
    static inline uint##B##_t riscv_f##A##_to_f##B(struct riscv_cpu *cpu, uint##A##_t a, uint8_t rm) \
        RISCV_FLOAT_CALL(uint##B##_t, float##A##_to_float##B(a, RISCV_RM, &flags))

RISCV_DEFINE_FLOAT_WIDEN(16, 32)
RISCV_DEFINE_FLOAT_WIDEN(16, 64)
RISCV_DEFINE_FLOAT_WIDEN(32, 64)
RISCV_DEFINE_FLOAT_NARROW(32, 16)
RISCV_DEFINE_FLOAT_NARROW(64, 16)
RISCV_DEFINE_FLOAT_NARROW(64, 32)

static inline uint32_t riscv_f64_to_i32_modular(struct riscv_cpu *cpu, uint64_t a)
    RISCV_FLOAT_CALL(uint32_t, float64_to_i32_modular(a, &flags))

#endif
