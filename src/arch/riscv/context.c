/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which translation cache is the one of now, and what caches must forget.
 *
 * The caches hold what satp, PMP and the environment registers said when they were filled. Mode and SUM choose among
 * the TLBs; everything else makes them forget. A TLB holds one address space at a time; cpu->translations, behind them,
 * holds several, but what the page tables said only.
 */
#include "arch/riscv/inside.h"
#include "arch/riscv/pmp.h"
#include "arch/riscv/primitives.h"

#define PAGES_WORTH_COUNTING 64u /* beyond, forgetting an address space is cheaper than one page after the other */
#define ASID_MASK            (RISCV_SATP_ASID_MASK >> RISCV_SATP_ASID_SHIFT)

/* The caches that translation by satp fills. */
static const enum riscv_context translated[] = { RISCV_CONTEXT_U, RISCV_CONTEXT_S, RISCV_CONTEXT_S_SUM };
#define TRANSLATED_COUNT (sizeof translated / sizeof *translated)

static void for_translated(struct riscv_cpu *cpu, unsigned level, void (*flush)(struct tlb *tlb))
{
    riscv_inside_postpone(cpu);
    for (size_t i = 0; i < TRANSLATED_COUNT; i++) {
        flush(&cpu->tlbs[level * (size_t)RISCV_CONTEXT_COUNT + translated[i]]);
    }
    cpu->statistics.tlb_flushes++;
    riscv_inside_catch_up(cpu);
}

/* A level that has never run knows nothing. */
static bool is_cached(const struct riscv_cpu *cpu, unsigned level)
{
    return (cpu->levels_cached >> level & 1) != 0;
}

static void flush_tlbs(struct riscv_cpu *cpu, unsigned level)
{
    for (size_t i = 0; is_cached(cpu, level) && i < RISCV_CONTEXT_COUNT; i++) {
        tlb_flush(&cpu->tlbs[level * (size_t)RISCV_CONTEXT_COUNT + i]);
    }
}

void riscv_flush_level(struct riscv_cpu *cpu, unsigned level)
{
    riscv_inside_postpone(cpu);
    flush_tlbs(cpu, level);
    translations_forget_all(cpu->translations); /* tables may be out of reach now */
    if (level == cpu->level) {
        riscv_walk_cache_clear(&cpu->walk_cache);
        cpu->reservation.host = NULL;
    }
    riscv_inside_catch_up(cpu);
}

void riscv_flush(struct riscv_cpu *cpu)
{
    riscv_inside_postpone(cpu);
    for (unsigned level = 0; level < cpu->level_count; level++) {
        flush_tlbs(cpu, level);
    }
    translations_forget_all(cpu->translations);
    riscv_walk_cache_clear(&cpu->walk_cache);
    cpu->statistics.tlb_flushes++;
    riscv_inside_catch_up(cpu);
}

/* ---- Fences ----------------------------------------------------------------------------------------------------- */

static uint32_t space_of(unsigned level, uint64_t asid)
{
    return (uint32_t)level << 16 | (uint32_t)(asid & ASID_MASK);
}

uint32_t riscv_space(struct riscv_cpu *cpu, unsigned level)
{
    return space_of(level, riscv_satp_ASID(riscv_level_state(cpu, level)));
}

/* The walk cache knows the running level's tables only. It is made to forget more than the fence of an address asks
 * for: where the tables themselves are. */
static void fence_page(struct riscv_cpu *cpu, unsigned level, uint64_t address, const uint32_t *space, bool is_current)
{
    if (space == NULL) {
        translations_forget_address(cpu->translations, address);
    } else {
        translations_forget_address_of(cpu->translations, *space, address);
    }
    if (is_current) {
        for (size_t i = 0; i < TRANSLATED_COUNT; i++) {
            tlb_flush_page(&cpu->tlbs[level * (size_t)RISCV_CONTEXT_COUNT + translated[i]], address);
        }
        riscv_walk_cache_drop(&cpu->walk_cache, address);
    }
}

static void fence_all_pages(struct riscv_cpu *cpu, unsigned level, const uint32_t *space, bool is_current)
{
    if (space == NULL) {
        translations_forget_all(cpu->translations);
    } else {
        translations_forget_space(cpu->translations, *space);
    }
    if (is_current) {
        for_translated(cpu, level, space == NULL ? tlb_flush : tlb_flush_space);
        riscv_walk_cache_clear(&cpu->walk_cache);
    }
}

/* "Supervisor Memory-Management Fence Instruction": with an address-space identifier, global pages may stay. */
static void drop_by_fence(struct riscv_cpu *cpu, unsigned level, const struct riscv_fence *fence)
{
    const uint32_t named = space_of(level, fence->asid);
    const uint32_t *space = fence->all_spaces ? NULL : &named;
    const bool is_current = is_cached(cpu, level) && (space == NULL || named == riscv_space(cpu, level));
    if (fence->size == 0 || fence->size > PAGES_WORTH_COUNTING * PAGE_SIZE) {
        fence_all_pages(cpu, level, space, is_current);
        return;
    }
    uint64_t page_count = ((fence->start & PAGE_MASK) + fence->size + PAGE_MASK) >> PAGE_SHIFT;
    for (uint64_t i = 0; i < page_count; i++) {
        fence_page(cpu, level, fence->start + i * PAGE_SIZE, space, is_current);
    }
}

static void fence_level(struct riscv_cpu *cpu, unsigned level, const struct riscv_fence *fence)
{
    riscv_inside_postpone(cpu);
    drop_by_fence(cpu, level, fence);
    riscv_inside_catch_up(cpu);
}

void riscv_fence_levels(struct riscv_cpu *cpu, const struct riscv_fence *fence)
{
    for (unsigned level = 0; level < cpu->level_count; level++) {
        fence_level(cpu, level, fence);
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
        for_translated(cpu, cpu->level, tlb_flush);
    }
    riscv_interrupts_consider(cpu);
}

void riscv_translation_changed(struct riscv_cpu *cpu)
{
    riscv_pmp_forget(cpu); /* mseccfg may be what has changed */
    riscv_flush(cpu);
}

/* "Supervisor Address Translation and Protection Register": a write to satp orders nothing by itself, but another ASID
 * is another address space at once. Where the ASID stays and the tables are others, as in guests that use none, what is
 * known of the old ones might stay until a fence; it goes, as guests expect who have seen no machine that kept it. */
void riscv_address_space_changed(struct riscv_cpu *cpu)
{
    const uint64_t satp = cpu->state.csr.satp, changed = satp ^ cpu->now->filled_under_satp;
    if (changed == 0) {
        return;
    }
    cpu->now->filled_under_satp = satp;
    riscv_inside_postpone(cpu);
    riscv_walk_cache_clear(&cpu->walk_cache);
    if ((changed & RISCV_SATP_MODE_MASK) != 0 || (changed & RISCV_SATP_ASID_MASK) == 0) {
        translations_forget_all(cpu->translations);
        for_translated(cpu, cpu->level, tlb_flush);
    } else {
        for_translated(cpu, cpu->level, tlb_flush_space);
    }
    riscv_inside_catch_up(cpu);
}

void riscv_sfence_vma(struct riscv_cpu *cpu, bool has_address, uint64_t address, bool has_asid, uint64_t asid)
{
    const struct riscv_fence fence = {
        .start = address,
        .size = has_address ? 1 : 0,
        .all_spaces = !has_asid,
        .asid = (uint16_t)asid,
    };
    fence_level(cpu, cpu->level, &fence);
}

void riscv_fence_i(struct riscv_cpu *cpu)
{
    cpu->code_epoch++;
}

/* ---- Rights to write --------------------------------------------------------------------------------------------- */

void riscv_give_up_writes(struct riscv_cpu *cpu)
{
    const uint64_t asked = atomic_load(&cpu->machine->writes_asked);
    riscv_inside_postpone(cpu);
    for (unsigned level = 0; level < cpu->level_count; level++) {
        for (size_t i = 0; is_cached(cpu, level) && i < RISCV_CONTEXT_COUNT; i++) {
            tlb_flush_writes(&cpu->tlbs[level * (size_t)RISCV_CONTEXT_COUNT + i]);
        }
    }
    riscv_inside_catch_up(cpu);
    atomic_store(&cpu->writes_given_up, asked);
}

uint64_t riscv_ask_for_writes(struct riscv_cpu *cpu)
{
    const struct riscv_machine *machine = cpu->machine;
    const uint64_t request = atomic_fetch_add(&cpu->machine->writes_asked, 1) + 1;
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        if (machine->cpus[i] != cpu) {
            vcpu_request(&machine->cpus[i]->vcpu, VCPU_WRITES);
        }
    }
    return request;
}

uint64_t riscv_writes_given_up(const struct riscv_cpu *cpu)
{
    const struct riscv_machine *machine = cpu->machine;
    uint64_t least = atomic_load(&machine->writes_asked);
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        const struct riscv_cpu *other = machine->cpus[i];
        const uint64_t given_up = atomic_load(&other->writes_given_up);
        if (other != cpu && given_up < least &&
            atomic_load(&other->hart.status) != HART_STOPPED) { /* which forgets everything when it starts */
            least = given_up;
        }
    }
    return least;
}

/* ---- All at once ------------------------------------------------------------------------------------------------ */

void riscv_cpu_state_changed(struct riscv_cpu *cpu)
{
    riscv_pmp_changed(cpu);
    cpu->now->filled_under_mxr = riscv_mstatus_MXR(&cpu->state) != 0;
    cpu->now->filled_under_satp = cpu->state.csr.satp;
    riscv_status_changed(cpu);
    riscv_flush(cpu);
    cpu->code_epoch += RISCV_CODE_UNKNOWN;
    riscv_interrupts_changed(cpu);
}
