/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and atomics that the translation cache cannot answer with one compare: first touches, misaligned
 * accesses, accesses across two pages, devices, refusals.
 *
 * Misaligned accesses to memory are carried out. They are not atomic, as the architecture allows, and a store that
 * crosses into a page that refuses it stores nothing. Misaligned accesses to devices are access faults.
 *
 * Whoever takes page rights does not wait for a thread that the host has preempted in here: memory/restart.h, and
 * cpu->direct for what a translation cache does not hold.
 */
#include "arch/riscv/inside.h"
#include "arch/riscv/primitives.h"
#include "arch/riscv/translate.h"

#include <string.h>

#define CACHE_BLOCK_SIZE UINT64_C(64)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is used in place and is little-endian");

/* ---- One access ------------------------------------------------------------------------------------------------- */

static bool load_by(const struct tlb_entry *entry, uint64_t tag, uint64_t address, uint64_t size, uint64_t *value)
{
    uint8_t bits8;
    uint16_t bits16;
    uint32_t bits32;
    bool done;
    switch (size) {
    case 1:
        done = restart_load8(entry, tag, address, &bits8);
        *value = done ? bits8 : 0;
        return done;
    case 2:
        done = restart_load16(entry, tag, address, &bits16);
        *value = done ? bits16 : 0;
        return done;
    case 4:
        done = restart_load32(entry, tag, address, &bits32);
        *value = done ? bits32 : 0;
        return done;
    default: return restart_load64(entry, tag, address, value);
    }
}

static bool store_by(const struct tlb_entry *entry, uint64_t tag, uint64_t address, uint64_t size, uint64_t value)
{
    switch (size) {
    case 1: return restart_store8(entry, tag, address, (uint8_t)value);
    case 2: return restart_store16(entry, tag, address, (uint16_t)value);
    case 4: return restart_store32(entry, tag, address, (uint32_t)value);
    default: return restart_store64(entry, tag, address, value);
    }
}

/* ---- Across two pages ------------------------------------------------------------------------------------------- */

/* A part of an access that crosses a page boundary: an entry for it, whose tag is its page. NULL: a trap is recorded.
 * tval is the first byte of the part that fails. */
static struct tlb_entry *resolve_part(struct riscv_cpu *cpu, enum riscv_direct where, uint64_t address, uint64_t size,
                                      enum memory_access kind)
{
    struct riscv_page page;
    struct tlb_entry *direct = riscv_resolve_direct(cpu, where, address & ~PAGE_MASK, address, size, kind, &page);
    if (direct != NULL && page.host == NULL) {
        riscv_raise_access_fault(cpu, kind, address);
        return NULL;
    }
    return direct;
}

static bool load_part(struct riscv_cpu *cpu, uint64_t address, uint64_t size, uint8_t *bytes)
{
    const struct tlb_entry *entry = resolve_part(cpu, RISCV_DIRECT_DATA, address, size, MEMORY_READ);
    for (uint64_t i = 0; entry != NULL && i < size;) {
        if (likely(restart_load8(entry, address & ~PAGE_MASK, address + i, &bytes[i]))) {
            i++;
        } else {
            entry = resolve_part(cpu, RISCV_DIRECT_DATA, address, size, MEMORY_READ);
        }
    }
    return entry != NULL;
}

static uint64_t size_before_boundary(uint64_t address)
{
    return PAGE_SIZE - (address & PAGE_MASK);
}

static bool load_across(struct riscv_cpu *cpu, uint64_t address, uint64_t size, uint64_t *value)
{
    const uint64_t first = size_before_boundary(address);
    uint8_t bytes[sizeof *value] = { 0 };
    if (!load_part(cpu, address, first, bytes) || !load_part(cpu, address + first, size - first, bytes + first)) {
        return false;
    }
    memcpy(value, bytes, sizeof *value);
    return true;
}

/* Both parts are decided before either is touched, and are stored both or not at all. */
static bool store_across(struct riscv_cpu *cpu, uint64_t address, uint64_t size, uint64_t value)
{
    const uint64_t first = size_before_boundary(address), beyond = address + first;
    bool done = false;
    while (!done) {
        const struct tlb_entry *a = resolve_part(cpu, RISCV_DIRECT_DATA, address, first, MEMORY_WRITE);
        const struct tlb_entry *b =
            a != NULL ? resolve_part(cpu, RISCV_DIRECT_BEYOND, beyond, size - first, MEMORY_WRITE) : NULL;
        if (b == NULL) {
            return false;
        }
        const uint32_t undoable = riscv_inside_stand(cpu);
        done = a->write == (address & ~PAGE_MASK) && b->write == beyond;
        if (likely(done)) {
            memcpy(tlb_host(a, address), &value, first);
            memcpy(tlb_host(b, beyond), (const uint8_t *)&value + first, size - first);
        }
        riscv_inside_go_on(cpu, undoable);
    }
    return true;
}

static bool crosses(uint64_t address, uint64_t size)
{
    return (address & PAGE_MASK) + size > PAGE_SIZE;
}

/* ---- Loads and stores ------------------------------------------------------------------------------------------- */

static bool load_device(struct riscv_cpu *cpu, const struct riscv_page *page, uint64_t address, uint32_t size,
                        uint64_t *value)
{
    cpu->statistics.device_accesses++;
    if (!memory_device_read(page->slot, page->address, size, value)) {
        riscv_raise_access_fault(cpu, MEMORY_READ, address);
        return false;
    }
    return true;
}

bool riscv_load_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t *value)
{
    if (unlikely(crosses(address, size))) {
        return load_across(cpu, address, size, value);
    }
    const uint64_t tag = address & ~PAGE_MASK;
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address); /* may be known, but misaligned */
    while (!load_by(entry, tag, address, size, value)) {
        struct riscv_page page;
        entry = riscv_resolve_direct(cpu, RISCV_DIRECT_DATA, tag, address, size, MEMORY_READ, &page);
        if (entry == NULL) {
            return false;
        }
        if (page.host == NULL) {
            return load_device(cpu, &page, address, size, value);
        }
    }
    return true;
}

static bool store_device(struct riscv_cpu *cpu, const struct riscv_page *page, uint64_t address, uint32_t size,
                         uint64_t value)
{
    cpu->statistics.device_accesses++;
    if (!memory_device_write(page->slot, page->address, size, value)) {
        riscv_raise_access_fault(cpu, MEMORY_WRITE, address);
        return false;
    }
    return true;
}

bool riscv_store_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t value)
{
    if (unlikely(crosses(address, size))) {
        return store_across(cpu, address, size, value);
    }
    const uint64_t tag = address & ~PAGE_MASK;
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);
    while (!store_by(entry, tag, address, size, value)) {
        struct riscv_page page;
        entry = riscv_resolve_direct(cpu, RISCV_DIRECT_DATA, tag, address, size, MEMORY_WRITE, &page);
        if (entry == NULL) {
            return false;
        }
        if (page.host == NULL) {
            return store_device(cpu, &page, address, size, value);
        }
    }
    return true;
}

/* ---- Atomics ---------------------------------------------------------------------------------------------------- */

const struct tlb_entry *riscv_atomic_entry(struct riscv_cpu *cpu, uint64_t address, uint32_t size,
                                           enum memory_access access)
{
    struct riscv_page page;
    const struct tlb_entry *direct =
        riscv_resolve_direct(cpu, RISCV_DIRECT_DATA, tlb_tag(address, size), address, size, access, &page);
    if (direct != NULL && page.host == NULL) { /* devices support no atomics: a property of the memory ("PMAs") */
        riscv_raise_access_fault(cpu, access, address);
        return NULL;
    }
    return direct;
}

/* The reservation is noted before the load, so that a handler which takes the right afterwards finds it. */
static bool reserve(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t *value)
{
    const uint64_t tag = tlb_tag(address, size);
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);
    cpu->reservation.size = size;
    for (;;) {
        cpu->reservation.host = tlb_host(entry, address);
        atomic_signal_fence(memory_order_seq_cst);
        if (load_by(entry, tag, address, size, value)) {
            cpu->reservation.value = *value;
            return true;
        }
        entry = riscv_atomic_entry(cpu, address, size, MEMORY_READ);
        if (entry == NULL) {
            cpu->reservation.host = NULL;
            return false;
        }
    }
}

bool riscv_lr32(struct riscv_cpu *cpu, uint64_t address, uint32_t *result)
{
    uint64_t value;
    if (!reserve(cpu, address, sizeof *result, &value)) {
        return false;
    }
    *result = (uint32_t)value;
    return true;
}

bool riscv_lr64(struct riscv_cpu *cpu, uint64_t address, uint64_t *result)
{
    return reserve(cpu, address, sizeof *result, result);
}

/* Any SC, successful or not, ends the reservation. */
static bool use_reservation(struct riscv_cpu *cpu, const void *host, uint32_t size)
{
    const void *reserved = cpu->reservation.host;
    cpu->reservation.host = NULL;
    return reserved != NULL && reserved == host && cpu->reservation.size == size;
}

/* An entry that lets write there, now; NULL: a trap is recorded. */
static const struct tlb_entry *writable_entry(struct riscv_cpu *cpu, uint64_t address, uint32_t size)
{
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);
    return entry->write == tlb_tag(address, size) ? entry : riscv_atomic_entry(cpu, address, size, MEMORY_WRITE);
}

#define DEFINE_SC(bits)                                                                                   \
    bool riscv_sc##bits(struct riscv_cpu *cpu, uint64_t address, uint##bits##_t data, uint64_t *result)   \
    {                                                                                                     \
        const uint##bits##_t expected = (uint##bits##_t)cpu->reservation.value;                           \
        const struct tlb_entry *entry = writable_entry(cpu, address, sizeof data);                        \
        uint##bits##_t old = 0;                                                                           \
        if (entry == NULL) {                                                                              \
            return false;                                                                                 \
        }                                                                                                 \
        if (!use_reservation(cpu, tlb_host(entry, address), sizeof data)) {                               \
            *result = 1;                                                                                  \
            return true;                                                                                  \
        }                                                                                                 \
        while (!restart_cas##bits(entry, tlb_tag(address, sizeof data), address, expected, data, &old)) { \
            entry = riscv_atomic_entry(cpu, address, sizeof data, MEMORY_WRITE);                          \
            if (entry == NULL) {                                                                          \
                return false;                                                                             \
            }                                                                                             \
        }                                                                                                 \
        *result = old == expected ? 0 : 1;                                                                \
        return true;                                                                                      \
    }

DEFINE_SC(32)
DEFINE_SC(64)

/* For an access in more than one step, or by instructions that there is no sequence for: no handler drops anything
 * until riscv_inside_go_on(), with what is given back in *undoable. NULL, and nothing to end: a trap is recorded. */
static void *stand_on(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint32_t *undoable)
{
    for (;;) {
        const struct tlb_entry *entry = writable_entry(cpu, address, size);
        if (entry == NULL) {
            return NULL;
        }
        *undoable = riscv_inside_stand(cpu);
        if (likely(entry->write == tlb_tag(address, size))) {
            return tlb_host(entry, address);
        }
        riscv_inside_go_on(cpu, *undoable);
    }
}

/* What memory held. riscv_machine_create() has made sure that the host can do this. */
static riscv_bits128 host_cas128(riscv_bits128 *host, riscv_bits128 expected, riscv_bits128 desired)
{
#if defined(__x86_64__) /* compilers call a library for it unless the whole program requires such a host */
    uint64_t low = (uint64_t)expected, high = (uint64_t)(expected >> 64);
    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*host), "+a"(low), "+d"(high)
                     : "b"((uint64_t)desired), "c"((uint64_t)(desired >> 64))
                     : "cc", "memory");
    return (riscv_bits128)high << 64 | low;
#else
    return __sync_val_compare_and_swap(host, expected, desired);
#endif
}

bool riscv_amo_cas128(struct riscv_cpu *cpu, uint64_t address, riscv_bits128 expected, riscv_bits128 desired,
                      riscv_bits128 *result)
{
    uint32_t undoable;
    riscv_bits128 *host = stand_on(cpu, address, sizeof *host, &undoable);
    if (host == NULL) {
        return false;
    }
    *result = host_cas128(host, expected, desired);
    riscv_inside_go_on(cpu, undoable);
    return true;
}

/* ---- Cache blocks ----------------------------------------------------------------------------------------------- */

/* "Zicbom": whoever may load from the block may manage it; a refusal is that of a store. */
static bool manage_block(struct riscv_cpu *cpu, uint64_t address)
{
    struct riscv_page page;
    uint64_t block = address & ~(CACHE_BLOCK_SIZE - 1);
    if (riscv_resolve(cpu, cpu->data_tlb, block, CACHE_BLOCK_SIZE, MEMORY_READ, &page)) {
        return true;
    }
    bool page_fault = cpu->trap.cause == RISCV_EXCEPTION_LOAD_PAGE_FAULT;
    riscv_raise(cpu, page_fault ? RISCV_EXCEPTION_STORE_PAGE_FAULT : RISCV_EXCEPTION_STORE_ACCESS_FAULT, address);
    return false;
}

bool riscv_cbo_inval(struct riscv_cpu *cpu, uint64_t address)
{
    return manage_block(cpu, address);
}

bool riscv_cbo_clean(struct riscv_cpu *cpu, uint64_t address)
{
    return manage_block(cpu, address);
}

bool riscv_cbo_flush(struct riscv_cpu *cpu, uint64_t address)
{
    return manage_block(cpu, address);
}

bool riscv_cbo_zero(struct riscv_cpu *cpu, uint64_t address)
{
    uint64_t block = address & ~(CACHE_BLOCK_SIZE - 1);
    uint32_t undoable;
    void *host = stand_on(cpu, block, CACHE_BLOCK_SIZE, &undoable);
    if (host == NULL) {
        cpu->trap.tval = address;
        return false;
    }
    memset(host, 0, CACHE_BLOCK_SIZE);
    riscv_inside_go_on(cpu, undoable);
    return true;
}
