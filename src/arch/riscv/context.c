/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which translation cache is the one of now, and when a cache must be emptied.
 *
 * The caches hold what satp, PMP and the environment registers said when they were filled. Mode and SUM choose among
 * the caches; everything else empties them. (Address-space identifiers are stored in satp and compared here; the caches
 * hold one address space at a time.)
 */
#include "arch/riscv/pmp.h"
#include "arch/riscv/primitives.h"

#define PAGES_WORTH_COUNTING 64u /* beyond, emptying is cheaper than dropping pages one by one */

/* The caches that translation by satp fills. */
static const enum riscv_context translated[] = { RISCV_CONTEXT_U, RISCV_CONTEXT_S, RISCV_CONTEXT_S_SUM };
#define TRANSLATED_COUNT (sizeof translated / sizeof *translated)

static void flush_translated(struct riscv_cpu *cpu)
{
    for (size_t i = 0; i < TRANSLATED_COUNT; i++) {
        tlb_flush(riscv_context_tlb(cpu, translated[i]));
    }
    riscv_walk_cache_clear(&cpu->walk_cache);
    cpu->statistics.tlb_flushes++;
}

static void flush_page(struct riscv_cpu *cpu, uint64_t address)
{
    for (size_t i = 0; i < TRANSLATED_COUNT; i++) {
        tlb_flush_page(riscv_context_tlb(cpu, translated[i]), address);
    }
    riscv_walk_cache_drop(&cpu->walk_cache, address); /* more than the fence of an address asks for */
}

void riscv_flush_level(struct riscv_cpu *cpu, unsigned level)
{
    for (size_t i = 0; i < RISCV_CONTEXT_COUNT; i++) {
        tlb_flush(&cpu->tlbs[level * RISCV_CONTEXT_COUNT + i]);
    }
    if (level == cpu->level) {
        riscv_walk_cache_clear(&cpu->walk_cache);
        cpu->reservation.host = NULL;
    }
}

void riscv_flush(struct riscv_cpu *cpu)
{
    for (size_t i = 0; i < cpu->level_count * (size_t)RISCV_CONTEXT_COUNT; i++) {
        tlb_flush(&cpu->tlbs[i]);
    }
    riscv_walk_cache_clear(&cpu->walk_cache);
    cpu->statistics.tlb_flushes++;
}

void riscv_flush_range(struct riscv_cpu *cpu, uint64_t start, uint64_t size)
{
    if (size == 0 || size > PAGES_WORTH_COUNTING * PAGE_SIZE) {
        flush_translated(cpu);
        return;
    }
    uint64_t page_count = ((start & PAGE_MASK) + size + PAGE_MASK) >> PAGE_SHIFT;
    for (uint64_t i = 0; i < page_count; i++) {
        flush_page(cpu, start + i * PAGE_SIZE);
    }
}

/* ---- Primitives ------------------------------------------------------------------------------------------------- */

static enum riscv_context context_of(unsigned mode, bool sum)
{
    if (mode == RISCV_MODE_M) {
        return RISCV_CONTEXT_M;
    }
    if (mode == RISCV_MODE_U) {
        return RISCV_CONTEXT_U;
    }
    return sum ? RISCV_CONTEXT_S_SUM : RISCV_CONTEXT_S;
}

void riscv_status_changed(struct riscv_cpu *cpu)
{
    const uint64_t status = cpu->state.csr.mstatus;
    bool sum = (status & RISCV_MSTATUS_SUM_MASK) != 0;
    bool mxr = (status & RISCV_MSTATUS_MXR_MASK) != 0;
    unsigned mode = cpu->state.mode;
    /* MPRV: loads and stores are made with the rights of the mode in MPP ("Memory Privilege in mstatus Register"). */
    unsigned data_mode = (status & RISCV_MSTATUS_MPRV_MASK) != 0 ? (unsigned)riscv_mstatus_MPP(&cpu->state) : mode;
    struct tlb *fetch_tlb = riscv_context_tlb(cpu, context_of(mode, false));
    if (fetch_tlb != cpu->fetch_tlb) {
        cpu->reservation.host = NULL; /* no reservation outlives a trap or its return */
    }
    cpu->fetch_tlb = fetch_tlb;
    cpu->data_tlb = riscv_context_tlb(cpu, context_of(data_mode, sum));
    if (unlikely(mxr != cpu->now->filled_under_mxr)) {
        cpu->now->filled_under_mxr = mxr;
        flush_translated(cpu);
    }
    riscv_interrupts_consider(cpu);
}

void riscv_translation_changed(struct riscv_cpu *cpu)
{
    riscv_pmp_forget(cpu); /* mseccfg may be what has changed */
    riscv_flush(cpu);
}

void riscv_sfence_vma(struct riscv_cpu *cpu, bool has_address, uint64_t address, bool has_asid, uint64_t asid)
{
    /* A write to satp empties the caches, so that no other address space than the current one is in them. */
    if (has_asid && (asid & (RISCV_SATP_ASID_MASK >> RISCV_SATP_ASID_SHIFT)) != riscv_satp_ASID(&cpu->state)) {
        return;
    }
    if (has_address) {
        flush_page(cpu, address);
    } else {
        flush_translated(cpu);
    }
}

void riscv_fence_i(struct riscv_cpu *cpu)
{
    cpu->code_epoch++;
}

/* ---- All at once ------------------------------------------------------------------------------------------------ */

void riscv_cpu_state_changed(struct riscv_cpu *cpu)
{
    riscv_pmp_changed(cpu);
    cpu->now->filled_under_mxr = riscv_mstatus_MXR(&cpu->state) != 0;
    riscv_status_changed(cpu);
    riscv_flush(cpu);
    cpu->code_epoch++;
    riscv_interrupts_changed(cpu);
}
