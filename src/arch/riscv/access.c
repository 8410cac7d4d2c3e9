/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and atomics that the translation cache cannot answer with one compare: first touches, misaligned
 * accesses, accesses across two pages, devices, refusals.
 *
 * Misaligned accesses to memory are carried out. They are not atomic, as the architecture allows, and a store that
 * crosses into a page that refuses it stores nothing. Misaligned accesses to devices are access faults.
 */
#include "arch/riscv/primitives.h"
#include "arch/riscv/translate.h"

#include <string.h>

#define CACHE_BLOCK_SIZE UINT64_C(64)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is used in place and is little-endian");

/* ---- Host memory ------------------------------------------------------------------------------------------------ */

/* An aligned access is one host access, never torn; for a misaligned one nothing is promised. */
static uint64_t host_load(const uint8_t *host, uint64_t size)
{
    uint64_t value = 0;
    if (((uintptr_t)host & (size - 1)) != 0) {
        memcpy(&value, host, size);
        return value;
    }
    const void *place = host;
    switch (size) {
    case 1: return __atomic_load_n((const uint8_t *)place, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)place, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)place, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)place, __ATOMIC_RELAXED);
    }
}

static void host_store(uint8_t *host, uint64_t size, uint64_t value)
{
    if (((uintptr_t)host & (size - 1)) != 0) {
        memcpy(host, &value, size);
        return;
    }
    void *place = host;
    switch (size) {
    case 1: __atomic_store_n((uint8_t *)place, (uint8_t)value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)place, (uint16_t)value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)place, (uint32_t)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)place, value, __ATOMIC_RELAXED); break;
    }
}

/* ---- Across two pages ------------------------------------------------------------------------------------------- */

/* The two parts of an access that crosses a page boundary. */
struct parts {
    uint8_t *host[2];
    uint64_t size[2];
};

/* Both parts are decided before either is touched. tval is the first byte of the part that fails. */
static bool resolve_parts(struct riscv_cpu *cpu, uint64_t address, uint64_t size, enum memory_access kind,
                          struct parts *parts)
{
    parts->size[0] = PAGE_SIZE - (address & PAGE_MASK);
    parts->size[1] = size - parts->size[0];
    for (unsigned i = 0; i < 2; i++) {
        struct riscv_page page;
        if (!riscv_resolve(cpu, cpu->data_tlb, address, parts->size[i], kind, &page)) {
            return false;
        }
        if (page.host == NULL) {
            riscv_raise_access_fault(cpu, kind, address);
            return false;
        }
        parts->host[i] = page.host + (address & PAGE_MASK);
        address += parts->size[i];
    }
    return true;
}

static bool load_across(struct riscv_cpu *cpu, uint64_t address, uint64_t size, uint64_t *value)
{
    struct parts parts;
    if (!resolve_parts(cpu, address, size, MEMORY_READ, &parts)) {
        return false;
    }
    *value = 0;
    memcpy(value, parts.host[0], parts.size[0]);
    memcpy((uint8_t *)value + parts.size[0], parts.host[1], parts.size[1]);
    return true;
}

static bool store_across(struct riscv_cpu *cpu, uint64_t address, uint64_t size, uint64_t value)
{
    struct parts parts;
    if (!resolve_parts(cpu, address, size, MEMORY_WRITE, &parts)) {
        return false;
    }
    memcpy(parts.host[0], &value, parts.size[0]);
    memcpy(parts.host[1], (const uint8_t *)&value + parts.size[0], parts.size[1]);
    return true;
}

static bool crosses(uint64_t address, uint64_t size)
{
    return (address & PAGE_MASK) + size > PAGE_SIZE;
}

/* ---- Loads and stores ------------------------------------------------------------------------------------------- */

bool riscv_load_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t *value)
{
    if (unlikely(crosses(address, size))) {
        return load_across(cpu, address, size, value);
    }
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);
    if (entry->read == (address & ~PAGE_MASK)) { /* known, but misaligned */
        *value = host_load(tlb_host(entry, address), size);
        return true;
    }
    struct riscv_page page;
    if (!riscv_resolve(cpu, cpu->data_tlb, address, size, MEMORY_READ, &page)) {
        return false;
    }
    if (page.host != NULL) {
        *value = host_load(page.host + (address & PAGE_MASK), size);
        return true;
    }
    cpu->statistics.device_accesses++;
    if (!memory_device_read(page.slot, page.address, size, value)) {
        riscv_raise_access_fault(cpu, MEMORY_READ, address);
        return false;
    }
    return true;
}

bool riscv_store_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t value)
{
    if (unlikely(crosses(address, size))) {
        return store_across(cpu, address, size, value);
    }
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);
    if (entry->write == (address & ~PAGE_MASK)) {
        host_store(tlb_host(entry, address), size, value);
        return true;
    }
    struct riscv_page page;
    if (!riscv_resolve(cpu, cpu->data_tlb, address, size, MEMORY_WRITE, &page)) {
        return false;
    }
    if (page.host != NULL) {
        host_store(page.host + (address & PAGE_MASK), size, value);
        return true;
    }
    cpu->statistics.device_accesses++;
    if (!memory_device_write(page.slot, page.address, size, value)) {
        riscv_raise_access_fault(cpu, MEMORY_WRITE, address);
        return false;
    }
    return true;
}

/* ---- Atomics ---------------------------------------------------------------------------------------------------- */

void *riscv_atomic_slow(struct riscv_cpu *cpu, uint64_t address, uint32_t size, enum memory_access access)
{
    struct riscv_page page;
    if (!riscv_resolve(cpu, cpu->data_tlb, address, size, access, &page)) {
        return NULL;
    }
    if (page.host == NULL) { /* devices support no atomics: a property of the memory ("PMAs") */
        riscv_raise_access_fault(cpu, access, address);
        return NULL;
    }
    return page.host + (address & PAGE_MASK);
}

static void *reserve(struct riscv_cpu *cpu, uint64_t address, uint32_t size)
{
    const struct tlb_entry *entry = tlb_entry(cpu->data_tlb, address);
    void *host = entry->read == tlb_tag(address, size) ? tlb_host(entry, address)
                                                       : riscv_atomic_slow(cpu, address, size, MEMORY_READ);
    cpu->reservation.host = host;
    cpu->reservation.size = size;
    return host;
}

bool riscv_lr32(struct riscv_cpu *cpu, uint64_t address, uint32_t *result)
{
    const uint32_t *host = reserve(cpu, address, sizeof *host);
    if (host == NULL) {
        return false;
    }
    *result = __atomic_load_n(host, __ATOMIC_SEQ_CST);
    cpu->reservation.value = *result;
    return true;
}

bool riscv_lr64(struct riscv_cpu *cpu, uint64_t address, uint64_t *result)
{
    const uint64_t *host = reserve(cpu, address, sizeof *host);
    if (host == NULL) {
        return false;
    }
    *result = __atomic_load_n(host, __ATOMIC_SEQ_CST);
    cpu->reservation.value = *result;
    return true;
}

/* Any SC, successful or not, ends the reservation. */
static bool use_reservation(struct riscv_cpu *cpu, const void *host, uint32_t size)
{
    bool held = cpu->reservation.host == host && cpu->reservation.size == size;
    cpu->reservation.host = NULL;
    return held;
}

bool riscv_sc32(struct riscv_cpu *cpu, uint64_t address, uint32_t data, uint64_t *result)
{
    uint32_t *host = riscv_atomic_host(cpu, address, sizeof *host);
    if (host == NULL) {
        return false;
    }
    uint32_t expected = (uint32_t)cpu->reservation.value;
    bool stored = use_reservation(cpu, host, sizeof *host) &&
                  __atomic_compare_exchange_n(host, &expected, data, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    *result = stored ? 0 : 1;
    return true;
}

bool riscv_sc64(struct riscv_cpu *cpu, uint64_t address, uint64_t data, uint64_t *result)
{
    uint64_t *host = riscv_atomic_host(cpu, address, sizeof *host);
    if (host == NULL) {
        return false;
    }
    uint64_t expected = cpu->reservation.value;
    bool stored = use_reservation(cpu, host, sizeof *host) &&
                  __atomic_compare_exchange_n(host, &expected, data, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    *result = stored ? 0 : 1;
    return true;
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
    riscv_bits128 *host = riscv_atomic_host(cpu, address, sizeof *host);
    if (host == NULL) {
        return false;
    }
    *result = host_cas128(host, expected, desired);
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
    void *host = riscv_atomic_host(cpu, block, CACHE_BLOCK_SIZE);
    if (host == NULL) {
        cpu->trap.tval = address;
        return false;
    }
    memset(host, 0, CACHE_BLOCK_SIZE);
    return true;
}
