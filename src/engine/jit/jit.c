/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/jit.h"

#include "arch/riscv/hart.h"
#include "arch/riscv/inside.h"
#include "core/check.h"
#include "engine/code.h"
#include "engine/interp/interp.h"
#include "engine/jit/host.h"
#include "engine/jit/region.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS      (1u << 15)
#define SMALL_REGION 16u /* instructions */

/* A translation. Valid for its pc under its facts, while its pages are mapped where they were (the checked entry sees
 * to that) and its code is unchanged (compared when the vCPU's code epoch has moved on). */
struct region {
    struct region *next; /* in the bucket */
    uint64_t pc;
    uint32_t facts_key;
    uint64_t epoch;
    unsigned page_count;
    unsigned instruction_count;
    struct host_page pages[HOST_PAGES_MAX];
    struct host_code code;
    unsigned source_count;
    struct region_source sources[]; /* followed by the parcels they held */
};

struct jit {
    struct riscv_cpu *cpu;
    struct host *host;
    struct ir_region *ir; /* of the last region that was made, for its memory; or NULL */
    struct region *buckets[BUCKETS];
    uint64_t link_pcs[HOST_LINK_COUNT];   /* where each link leads */
    uint64_t link_pages[HOST_LINK_COUNT]; /* page of the region it is in, or 1 if that has several */
    uint32_t link_count;
    uint64_t epoch; /* code epoch that the links were made under */
    FILE *dump;     /* NULL: none */
    unsigned dump_kinds;
    struct jit_statistics statistics;
};

static unsigned bucket_of(uint64_t pc)
{
    return (unsigned)(pc >> 1 ^ pc >> 15) & (BUCKETS - 1);
}

/* -- Changed code -------------------------------------------------------------------------------------------------- */

static bool code_is_unchanged(const struct region *region)
{
    const uint16_t *then = (const uint16_t *)&region->sources[region->source_count];
    for (unsigned i = 0; i < region->source_count; i++) {
        for (uint32_t at = 0; at < region->sources[i].size; at += 2) {
            if (code_parcel(region->sources[i].host + at) != *then++) {
                return false;
            }
        }
    }
    return true;
}

/* -- The table of regions ------------------------------------------------------------------------------------------ */

static void forget_all(struct jit *jit)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (jit->buckets[i] != NULL) {
            struct region *region = jit->buckets[i];
            jit->buckets[i] = region->next;
            free(region);
        }
    }
    host_flush(jit->host);
    jit->link_count = 0;
}

/* All its pages are where they were when it was made. Fills the fetch TLB; a page that cannot be fetched says no. */
static bool is_mapped(struct riscv_cpu *cpu, const struct region *region)
{
    for (unsigned i = 0; i < region->page_count; i++) {
        const uint8_t *page;
        if (!riscv_fetch_page(cpu, region->pages[i].address, &page) || page == NULL ||
            (uint64_t)(uintptr_t)page - region->pages[i].address != region->pages[i].addend) {
            return false;
        }
    }
    return true;
}

static struct region *find_region(struct jit *jit, uint64_t pc)
{
    struct riscv_cpu *cpu = jit->cpu;
    struct region **link = &jit->buckets[bucket_of(pc)];
    while (*link != NULL) {
        struct region *region = *link;
        if (region->pc == pc && region->facts_key == cpu->facts_key && is_mapped(cpu, region)) {
            if (region->epoch == cpu->code_epoch || code_is_unchanged(region)) {
                region->epoch = cpu->code_epoch;
                return region;
            }
            *link = region->next; /* nothing leads to it: links and jumps were forgotten when the epoch moved on */
            free(region);
            jit->statistics.changed++;
            continue;
        }
        link = &region->next;
    }
    return NULL;
}

/* Small regions, most of them leaf functions, are worth having again inside their callers. */
static bool has_large_region(const struct riscv_cpu *cpu, uint64_t pc)
{
    const struct jit *jit = cpu->jit;
    for (const struct region *region = jit->buckets[bucket_of(pc)]; region != NULL; region = region->next) {
        if (region->pc == pc && region->facts_key == cpu->facts_key) {
            return region->instruction_count > SMALL_REGION;
        }
    }
    return false;
}

/* -- Translating --------------------------------------------------------------------------------------------------- */

static void note_links(struct jit *jit, const struct region_plan *plan, const struct host_code *code)
{
    uint32_t link = jit->link_count;
    for (const struct ir_block *block = plan->ir->blocks; block != NULL; block = block->next) {
        if (block->last->op == IR_EXIT) {
            jit->link_pcs[link] = block->last->pc;
            jit->link_pages[link] = plan->page_count == 1 ? plan->pages[0].address : 1;
            link++;
        }
    }
    CHECK(link == jit->link_count + code->link_count);
    jit->link_count = link;
}

static bool compile(struct jit *jit, const struct region_plan *plan, const struct riscv_facts *facts,
                    struct host_code *code)
{
    struct host_request request = { .region = plan->ir,
                                    .facts = *facts,
                                    .facts_key = jit->cpu->facts_key,
                                    .page_count = plan->page_count,
                                    .first_link = jit->link_count };
    memcpy(request.pages, plan->pages, sizeof request.pages);
    enum host_verdict verdict = host_compile(jit->host, &request, code);
    if (verdict == HOST_FULL) {
        jit->statistics.flushes++;
        forget_all(jit);
        request.first_link = 0;
        verdict = host_compile(jit->host, &request, code);
    }
    jit->statistics.refused += verdict != HOST_COMPILED;
    return verdict == HOST_COMPILED;
}

static void dump(const struct jit *jit, const struct region_plan *plan, const struct host_code *code)
{
    if (jit->dump == NULL) {
        return;
    }
    flockfile(jit->dump);
    fprintf(jit->dump, "region %016" PRIx64 " hart %u: %u instructions, %u pages, %zu bytes\n", plan->ir->blocks->pc,
            jit->cpu->vcpu.number, plan->instruction_count, plan->page_count, code->size);
    if ((jit->dump_kinds & JIT_DUMP_IR) != 0) {
        ir_print(plan->ir, jit->dump);
    }
    if ((jit->dump_kinds & JIT_DUMP_HOST) != 0) {
        host_dump(code, jit->dump);
    }
    funlockfile(jit->dump);
}

static struct region *make_region(struct jit *jit, uint64_t pc)
{
    struct riscv_cpu *cpu = jit->cpu;
    struct riscv_facts facts = region_facts(cpu);
    struct region_plan plan;
    uint64_t started = alarm_now();
    const uint8_t *page;
    if (!riscv_fetch_page(cpu, pc, &page)) { /* it may have left the fetch TLB since the interpreter saw it */
        return NULL;
    }
    if (page == NULL) { /* protection is finer than it */
        jit->statistics.refused++;
        return NULL;
    }
    jit->ir = ir_renew(jit->ir);
    region_build(&plan, jit->ir, cpu, pc, page, &facts, has_large_region);
    if (plan.instruction_count == 0) {
        jit->statistics.refused++;
        return NULL;
    }
    ir_optimize(plan.ir);
    struct host_code code;
    struct region *region = NULL;
    if (compile(jit, &plan, &facts, &code)) {
        note_links(jit, &plan, &code);
        dump(jit, &plan, &code);
        size_t sources_size = plan.source_count * sizeof plan.sources[0];
        size_t parcels_size = plan.parcel_count * sizeof plan.parcels[0];
        region = check_alloc(sizeof *region + sources_size + parcels_size);
        region->pc = pc;
        region->facts_key = cpu->facts_key;
        region->epoch = cpu->code_epoch;
        region->page_count = plan.page_count;
        region->instruction_count = plan.instruction_count;
        memcpy(region->pages, plan.pages, sizeof region->pages);
        region->code = code;
        region->source_count = plan.source_count;
        memcpy(region->sources, plan.sources, sources_size);
        memcpy(&region->sources[region->source_count], plan.parcels, parcels_size);
        region->next = jit->buckets[bucket_of(pc)];
        jit->buckets[bucket_of(pc)] = region;
        jit->statistics.regions++;
        jit->statistics.instructions += plan.instruction_count;
        jit->statistics.code_size += code.size;
    }
    jit->statistics.nanoseconds += alarm_now() - started;
    return region;
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

static void meet_epoch(struct jit *jit)
{
    if (jit->epoch != jit->cpu->code_epoch) {
        jit->epoch = jit->cpu->code_epoch;
        host_unlink_all(jit->host);
        host_forget_jumps(jit->host);
    }
}

/* The region that an unlinked exit leads to, linked for the next time; NULL: none yet. */
static struct region *follow_link(struct jit *jit, uint32_t link)
{
    uint64_t pc = jit->link_pcs[link];
    jit->cpu->state.pc = pc;
    struct region *target = find_region(jit, pc);
    if (target != NULL) {
        bool same_page = target->page_count == 1 && target->pages[0].address == jit->link_pages[link];
        host_set_link(jit->host, link, same_page ? target->code.unchecked_entry : target->code.checked_entry);
    }
    return target;
}

static struct region *follow_jump(struct jit *jit)
{
    struct region *target = find_region(jit, jit->cpu->state.pc);
    if (target != NULL) {
        host_set_jump(jit->host, target->pc, target->code.checked_entry);
    }
    return target;
}

/* Runs translated code from region on. */
static enum jit_left run_regions(struct jit *jit, struct region *region)
{
    while (region != NULL) {
        struct host_result result = host_enter(jit->host, region->code.checked_entry);
        jit->statistics.exits[result.exit]++;
        switch (result.exit) {
        case HOST_EXIT_LINK: region = follow_link(jit, result.link); break;
        case HOST_EXIT_INDIRECT:
        case HOST_EXIT_STALE: region = follow_jump(jit); break;
        case HOST_EXIT_INTERPRET: return JIT_LEFT_INTERPRET;
        case HOST_EXIT_TRAPPED: return JIT_LEFT_TRAPPED;
        case HOST_EXIT_ATTENTION: return JIT_LEFT_ELSEWHERE;
        }
    }
    return JIT_LEFT_ELSEWHERE;
}

/* The region at state.pc, if there is one already. */
static struct region *region_here(struct jit *jit)
{
    struct riscv_cpu *cpu = jit->cpu;
    struct riscv_facts facts = region_facts(cpu);
    cpu->facts_key = region_facts_key(&facts);
    meet_epoch(jit);
    return find_region(jit, cpu->state.pc);
}

enum jit_left jit_try(struct riscv_cpu *cpu)
{
    struct jit *jit = cpu->jit;
    struct region *region = region_here(jit);
    if (region == NULL) {
        region = make_region(jit, cpu->state.pc);
    }
    return region != NULL ? run_regions(jit, region) : JIT_LEFT_AT_ONCE;
}

/* Takes the trap; and goes on in translated code, as long as there is some where traps lead. */
static enum jit_left take_traps(struct riscv_cpu *cpu)
{
    enum jit_left left = JIT_LEFT_TRAPPED;
    while (left == JIT_LEFT_TRAPPED) {
        riscv_take_trap(cpu);
        if (vcpu_attention(&cpu->vcpu) != 0) {
            return JIT_LEFT_ELSEWHERE;
        }
        left = run_regions(cpu->jit, region_here(cpu->jit));
    }
    return left;
}

/* One hot block: translated code from there on, if any is to be had; up to a trap, or beyond. Returns true if the next
 * instruction is for the interpreter whatever its heat. */
static bool run_hot(struct riscv_cpu *cpu, struct interp_block *hot, bool beyond_traps)
{
    enum jit_left left = jit_try(cpu);
    if (left == JIT_LEFT_AT_ONCE) {
        interp_cool(hot);
        return true;
    }
    if (left == JIT_LEFT_TRAPPED && beyond_traps) {
        left = take_traps(cpu);
    } else if (left == JIT_LEFT_TRAPPED) {
        riscv_take_trap(cpu);
    }
    return left == JIT_LEFT_INTERPRET;
}

void jit_run(struct riscv_cpu *cpu)
{
    while (hart_wait_started(cpu)) {
        bool once = false;
        struct interp_block *hot;
        host_attach(((struct jit *)cpu->jit)->host);
        riscv_inside_enter(cpu);
        while ((hot = interp_run_to_hot(cpu, once)) != NULL) {
            once = run_hot(cpu, hot, true);
        }
        riscv_inside_leave(cpu);
        host_detach(((struct jit *)cpu->jit)->host);
    }
}

void jit_run_some(struct riscv_cpu *cpu, uint64_t count)
{
    uint64_t enough = cpu->instructions + count;
    bool once = false;
    while (cpu->instructions < enough) {
        struct interp_block *hot = interp_run_to_hot(cpu, once);
        if (hot == NULL) {
            return;
        }
        once = run_hot(cpu, hot, false);
    }
}

/* -- Life ---------------------------------------------------------------------------------------------------------- */

bool jit_create(struct riscv_cpu *cpu, struct error *error)
{
    struct jit *jit = check_alloc(sizeof *jit);
    jit->cpu = cpu;
    jit->host = host_create(cpu, error);
    if (jit->host == NULL) {
        free(jit);
        return false;
    }
    interp_create_for_jit(cpu);
    cpu->jit = jit;
    return true;
}

void jit_destroy(struct riscv_cpu *cpu)
{
    struct jit *jit = cpu->jit;
    forget_all(jit);
    host_destroy(jit->host);
    ir_free(jit->ir);
    free(jit);
    interp_destroy(cpu);
    cpu->jit = NULL;
}

void jit_set_dump(struct riscv_cpu *cpu, FILE *stream, unsigned kinds)
{
    struct jit *jit = cpu->jit;
    jit->dump = stream;
    jit->dump_kinds = kinds;
}

const struct jit_statistics *jit_statistics(const struct riscv_cpu *cpu)
{
    const struct jit *jit = cpu->jit;
    return &jit->statistics;
}
