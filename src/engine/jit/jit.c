/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/jit.h"

#include "arch/riscv/hart.h"
#include "arch/riscv/inside.h"
#include "core/check.h"
#include "engine/code.h"
#include "engine/interp/interp.h"
#include "engine/jit/code_pages.h"
#include "engine/jit/host.h"
#include "engine/jit/region.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET_BITS  18u
#define SMALL_REGION 16u /* instructions */

#define NO_LINK      UINT32_MAX
#define LINK_FAR     UINT64_C(1) /* its region has several pages */
#define LINK_IGNORES UINT64_C(2) /* its region ignores facts that others ask after */

struct region;

/* A place where translated code can be entered: a block of a region. */
struct entry {
    struct entry *next, **link; /* of the bucket: the next, and what leads here; NULL: it is not in one */
    struct region *region;
    uint64_t pc;
    const uint8_t *host;             /* where pc's code is */
    const void *checked, *unchecked; /* NULL: to be made when it is wanted */
    uint32_t incoming;               /* first of the links that lead here, or NO_LINK */
    uint32_t number;                 /* of the block */
};

/* A translation. Valid under its facts, while its pages are mapped where they were (the checked entry sees to that) and
 * its code is unchanged (compared if a fence has made it doubtful). */
struct region {
    struct region *next, **link; /* of all: the next, and what leads here */
    uint32_t facts_key;
    bool is_doubtful; /* its code may have changed since it was last compared */
    struct riscv_facts facts;
    uint32_t facts_ignored; /* of facts_key: makes no difference */
    unsigned page_count;
    unsigned instruction_count;
    struct host_page pages[HOST_PAGES_MAX];
    struct code_user users[HOST_PAGES_MAX]; /* one a page */
    struct host_blocks *blocks;
    struct entry *entries; /* of its blocks; the first is where it was made for */
    unsigned entry_count;
    unsigned source_count;
    size_t kept_size;               /* of all this, in bytes */
    struct region_source sources[]; /* followed by the parcels they held */
};

struct jit {
    struct riscv_cpu *cpu;
    struct host *host;
    struct ir_region *ir;   /* of the last region that was made, for its memory; or NULL */
    struct region *regions; /* all there are */
    struct entry *buckets[1u << BUCKET_BITS];
    uint64_t link_pcs[HOST_LINK_COUNT];   /* where each link leads */
    uint64_t link_pages[HOST_LINK_COUNT]; /* page of the region it is in, and LINK_… */
    uint32_t link_next[HOST_LINK_COUNT];  /* of those that lead to the same entry, or NO_LINK */
    uint32_t link_count;
    uint64_t epoch; /* the last code epoch that was met */
    struct code_pages *pages;
    FILE *dump; /* NULL: none */
    unsigned dump_kinds;
    struct jit_statistics statistics;
};

/* By place and pc: many programs have code at the same pc, and many have the same library at one of their own. */
static unsigned bucket_of(const uint8_t *host, uint64_t pc)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 by the golden ratio: Knuth, volume 3, section 6.4 */
    return (unsigned)(((uintptr_t)host ^ (pc >> PAGE_SHIFT << 40)) * odd >> (64 - BUCKET_BITS));
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

static bool is_entry_at(const struct entry *entry, uint64_t pc, const uint8_t *host, uint32_t facts_key)
{
    const struct region *region = entry->region;
    return entry->pc == pc && entry->host == host && ((region->facts_key ^ facts_key) & ~region->facts_ignored) == 0;
}

/* One block of another region is enough at a pc: small functions are in many. */
static void enter_bucket(struct jit *jit, struct entry *entry)
{
    struct entry **bucket = &jit->buckets[bucket_of(entry->host, entry->pc)];
    const struct region *region = entry->region;
    for (const struct entry *other = *bucket; entry->number != 0 && other != NULL; other = other->next) {
        if (is_entry_at(other, entry->pc, entry->host, region->facts_key) &&
            (region->facts_ignored & ~other->region->facts_ignored) == 0) {
            return;
        }
    }
    entry->next = *bucket;
    entry->link = bucket;
    if (entry->next != NULL) {
        entry->next->link = &entry->next;
    }
    *bucket = entry;
}

static void leave_bucket(struct entry *entry)
{
    if (entry->link == NULL) {
        return;
    }
    *entry->link = entry->next;
    if (entry->next != NULL) {
        entry->next->link = entry->link;
    }
}

static void free_region(struct region *region)
{
    free(region->blocks);
    free(region->entries);
    free(region);
}

/* Of a booting Debian, a region takes 2.2 KB of code, and 1.2 KB are kept of it; of the smallest loops 250 and 700
 * bytes: a guest that has nothing else would fill three times the memory that its code may. */
static size_t kept_limit(const struct jit *jit)
{
    return host_code_limit(jit->host) / 2;
}

static void forget_all(struct jit *jit)
{
    while (jit->regions != NULL) {
        struct region *region = jit->regions;
        jit->regions = region->next;
        free_region(region);
    }
    jit->statistics.kept_size = 0;
    memset(jit->buckets, 0, sizeof jit->buckets);
    code_pages_clear(jit->pages);
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

static const uint8_t *host_of_page(const struct host_page *page)
{
    return (const uint8_t *)(uintptr_t)(page->address + page->addend); /* NOLINT: an address of the host, as a number */
}

static bool make_entry(struct jit *jit, struct entry *entry)
{
    const struct region *region = entry->region;
    struct host_request request = { .facts = region->facts,
                                    .facts_key = region->facts_key,
                                    .facts_ignored = region->facts_ignored,
                                    .page_count = region->page_count };
    memcpy(request.pages, region->pages, sizeof request.pages);
    struct host_entry made;
    if (!host_add_entry(jit->host, &request, region->blocks, entry->number, entry->pc, &made)) {
        return false;
    }
    entry->checked = made.checked;
    entry->unchecked = made.unchecked;
    return true;
}

/* Nothing leads to it any more: links and jumps were forgotten when it became doubtful. */
static void destroy_region(struct jit *jit, struct region *region)
{
    for (unsigned i = 0; i < region->page_count; i++) {
        code_pages_remove(&region->users[i]);
    }
    for (unsigned i = 0; i < region->entry_count; i++) {
        leave_bucket(&region->entries[i]);
    }
    *region->link = region->next;
    if (region->next != NULL) {
        region->next->link = region->link;
    }
    jit->statistics.kept_size -= region->kept_size;
    free_region(region);
    jit->statistics.changed++;
}

/* The best entry at pc, if its region is as it was; else a region that is not, to be destroyed. What was made for this
 * pc is better than what has it among other blocks. */
static struct entry *look_up(struct jit *jit, uint64_t pc, struct region **changed)
{
    struct riscv_cpu *cpu = jit->cpu;
    struct entry *best = NULL;
    const uint8_t *page;
    *changed = NULL;
    if (!riscv_fetch_page(cpu, pc, &page) || page == NULL) { /* the interpreter will meet the trap */
        return NULL;
    }
    const uint8_t *host = page + (pc & PAGE_MASK);
    for (struct entry *entry = jit->buckets[bucket_of(host, pc)]; entry != NULL; entry = entry->next) {
        struct region *region = entry->region;
        if (!is_entry_at(entry, pc, host, cpu->facts_key) || (best != NULL && entry->number != 0) ||
            !is_mapped(cpu, region)) {
            continue;
        }
        if (region->is_doubtful && !code_is_unchanged(region)) {
            *changed = region;
            return NULL;
        }
        region->is_doubtful = false;
        best = entry;
        if (entry->number == 0) {
            break;
        }
    }
    return best;
}

static struct entry *find_entry(struct jit *jit, uint64_t pc)
{
    struct region *changed;
    struct entry *entry = look_up(jit, pc, &changed);
    while (changed != NULL) {
        destroy_region(jit, changed);
        entry = look_up(jit, pc, &changed);
    }
    if (entry != NULL && entry->checked == NULL && !make_entry(jit, entry)) {
        return NULL;
    }
    return entry;
}

/* Code that has been translated is entered where it is; what has a small region of its own, mostly leaf functions, is
 * worth having again inside its callers. */
static bool is_translated(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host)
{
    const struct jit *jit = cpu->jit;
    bool any = false;
    for (const struct entry *entry = jit->buckets[bucket_of(host, pc)]; entry != NULL; entry = entry->next) {
        if (is_entry_at(entry, pc, host, cpu->facts_key)) {
            if (entry->number == 0) {
                return entry->region->instruction_count > SMALL_REGION;
            }
            any = true;
        }
    }
    return any;
}

/* -- Translating --------------------------------------------------------------------------------------------------- */

static void note_links(struct jit *jit, const struct region_plan *plan, const struct host_code *code)
{
    uint32_t link = jit->link_count;
    for (const struct ir_block *block = plan->ir->blocks; block != NULL; block = block->next) {
        if (block->last->op == IR_EXIT) {
            jit->link_pcs[link] = block->last->pc;
            jit->link_pages[link] = plan->pages[0].address | (plan->page_count > 1 ? LINK_FAR : 0) |
                                    (plan->facts_ignored != 0 ? LINK_IGNORES : 0);
            link++;
        }
    }
    CHECK(link == jit->link_count + code->link_count);
    jit->link_count = link;
}

static void make_room(struct jit *jit)
{
    if (host_wants_flush(jit->host)) {
        jit->statistics.forced++;
        forget_all(jit);
    } else if (jit->statistics.kept_size >= kept_limit(jit)) {
        jit->statistics.flushes++;
        forget_all(jit);
    }
}

static bool compile(struct jit *jit, const struct region_plan *plan, const struct riscv_facts *facts,
                    struct host_code *code)
{
    make_room(jit);
    struct host_request request = { .region = plan->ir,
                                    .facts = *facts,
                                    .facts_key = jit->cpu->facts_key,
                                    .facts_ignored = plan->facts_ignored,
                                    .page_count = plan->page_count,
                                    .keeps_blocks = true,
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

static const uint8_t *place_of(const struct region_plan *plan, uint64_t pc)
{
    unsigned i = 0;
    while (plan->pages[i].address != (pc & ~PAGE_MASK)) {
        CHECK(++i < plan->page_count);
    }
    return host_of_page(&plan->pages[i]) + (pc & PAGE_MASK);
}

/* The region's entries, and the pages it was made from, become known. */
static void enter_region(struct jit *jit, const struct region_plan *plan, const struct host_code *code,
                         struct region *region)
{
    region->entries = check_alloc(plan->block_count * sizeof region->entries[0]);
    region->entry_count = plan->block_count;
    for (unsigned i = 0; i < plan->block_count; i++) {
        const uint64_t pc = plan->blocks[i].pc;
        region->entries[i] = (struct entry){ .region = region,
                                             .pc = pc,
                                             .host = place_of(plan, pc),
                                             .incoming = NO_LINK,
                                             .number = plan->blocks[i].ir->number };
        enter_bucket(jit, &region->entries[i]);
    }
    region->entries[0].checked = code->checked_entry;
    region->entries[0].unchecked = code->unchecked_entry;
    for (unsigned i = 0; i < plan->page_count; i++) {
        code_pages_add(jit->pages, host_of_page(&plan->pages[i]), &region->users[i], region);
    }
    region->next = jit->regions;
    region->link = &jit->regions;
    if (region->next != NULL) {
        region->next->link = &region->next;
    }
    jit->regions = region;
    jit->statistics.kept_size += region->kept_size;
}

static struct region *create_region(const struct riscv_cpu *cpu, const struct region_plan *plan,
                                    const struct riscv_facts *facts, const struct host_code *code)
{
    const size_t sources_size = plan->source_count * sizeof plan->sources[0];
    const size_t parcels_size = plan->parcel_count * sizeof plan->parcels[0];
    const size_t size = sizeof(struct region) + sources_size + parcels_size;
    struct region *region = check_alloc(size);
    region->kept_size = size + plan->block_count * sizeof region->entries[0] + code->blocks_size;
    region->facts = *facts;
    region->facts_key = cpu->facts_key;
    region->facts_ignored = plan->facts_ignored;
    region->page_count = plan->page_count;
    region->instruction_count = plan->instruction_count;
    memcpy(region->pages, plan->pages, sizeof region->pages);
    region->blocks = code->blocks;
    region->source_count = plan->source_count;
    memcpy(region->sources, plan->sources, sources_size);
    memcpy(&region->sources[region->source_count], plan->parcels, parcels_size);
    return region;
}

/* NULL: nothing worth translating there. */
static struct entry *make_region(struct jit *jit, uint64_t pc)
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
    region_build(&plan, jit->ir, cpu, pc, page, &facts, is_translated);
    if (plan.instruction_count == 0) {
        jit->statistics.refused++;
        return NULL;
    }
    ir_optimize(plan.ir);
    struct host_code code;
    struct entry *entry = NULL;
    if (compile(jit, &plan, &facts, &code)) {
        note_links(jit, &plan, &code);
        dump(jit, &plan, &code);
        struct region *region = create_region(cpu, &plan, &facts, &code);
        enter_region(jit, &plan, &code, region);
        entry = &region->entries[0];
        jit->statistics.regions++;
        jit->statistics.instructions += plan.instruction_count;
        jit->statistics.code_size += code.size;
    }
    jit->statistics.nanoseconds += alarm_now() - started;
    return entry;
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

/* Nothing leads to the region until it has been compared. */
static void doubt(void *context, void *owner)
{
    struct jit *jit = context;
    struct region *region = owner;
    if (region->is_doubtful) {
        return;
    }
    region->is_doubtful = true;
    for (unsigned i = 0; i < region->entry_count; i++) {
        struct entry *entry = &region->entries[i];
        if (entry->checked != NULL) {
            for (uint32_t link = entry->incoming; link != NO_LINK; link = jit->link_next[link]) {
                host_unlink(jit->host, link);
            }
            entry->incoming = NO_LINK;
            if (host_find_jump(jit->host, entry->pc) == entry->checked) {
                host_forget_jump(jit->host, entry->pc);
            }
        }
    }
}

static void doubt_all(struct jit *jit)
{
    for (struct region *region = jit->regions; region != NULL; region = region->next) {
        region->is_doubtful = true;
        for (unsigned i = 0; i < region->entry_count; i++) {
            region->entries[i].incoming = NO_LINK;
        }
    }
    host_unlink_all(jit->host);
    host_forget_jumps(jit->host);
}

/* After a fence of instructions, before translated code goes on: what may have changed is doubted. */
static void meet_fence(struct jit *jit)
{
    const struct riscv_cpu *cpu = jit->cpu;
    const uint64_t epoch = jit->epoch;
    if (epoch != cpu->code_epoch) {
        jit->epoch = cpu->code_epoch;
        bool unknown = cpu->code_epoch - epoch >= RISCV_CODE_UNKNOWN;
        if (!code_pages_meet_fence(jit->pages, doubt, jit) || unknown) {
            doubt_all(jit);
        }
    }
}

/* The entry that an unlinked exit leads to, linked for the next time; NULL: none yet. */
static struct entry *follow_link(struct jit *jit, uint32_t link)
{
    uint64_t pc = jit->link_pcs[link];
    jit->cpu->state.pc = pc;
    struct entry *target = find_entry(jit, pc);
    if (target != NULL) {
        const struct region *region = target->region;
        uint64_t page = jit->link_pages[link];
        bool same_facts = (page & LINK_IGNORES) == 0 || region->facts_ignored != 0;
        bool same_page = region->page_count == 1 && region->pages[0].address == (page & ~LINK_IGNORES);
        jit->link_next[link] = target->incoming;
        target->incoming = link;
        host_set_link(jit->host, link, same_facts && same_page ? target->unchecked : target->checked);
    }
    return target;
}

/* What is at state.pc, in the jump cache for the next time; NULL: nothing, nor in the cache. */
static struct entry *follow_jump(struct jit *jit)
{
    const uint64_t pc = jit->cpu->state.pc;
    struct entry *target = find_entry(jit, pc);
    if (target != NULL) {
        host_set_jump(jit->host, pc, target->checked);
    } else {
        host_forget_jump(jit->host, pc);
    }
    return target;
}

static const void *code_of(const struct entry *entry)
{
    return entry != NULL ? entry->checked : NULL;
}

/* Runs translated code from a checked entry on; NULL: there is none. */
static enum jit_left run_regions(struct jit *jit, const void *code)
{
    while (code != NULL) {
        const uint64_t before = jit->cpu->instructions;
        struct host_result result = host_enter(jit->host, code);
        jit->statistics.translated += jit->cpu->instructions - before;
        jit->statistics.exits[result.exit]++;
        switch (result.exit) {
        case HOST_EXIT_LINK: code = code_of(follow_link(jit, result.link)); break;
        case HOST_EXIT_INDIRECT:
        case HOST_EXIT_STALE: code = code_of(follow_jump(jit)); break;
        case HOST_EXIT_INTERPRET: return JIT_LEFT_INTERPRET;
        case HOST_EXIT_TRAPPED: return JIT_LEFT_TRAPPED;
        case HOST_EXIT_ATTENTION: return JIT_LEFT_ELSEWHERE;
        }
    }
    return JIT_LEFT_ELSEWHERE;
}

/* A checked entry at state.pc, if there is one already. The jump cache's may be stale: then it is no longer there when
 * translated code is left, so who comes again makes what is missing. */
static const void *code_here(struct jit *jit)
{
    struct riscv_cpu *cpu = jit->cpu;
    struct riscv_facts facts = region_facts(cpu);
    cpu->facts_key = region_facts_key(&facts);
    meet_fence(jit);
    const void *code = host_find_jump(jit->host, cpu->state.pc);
    return code != NULL ? code : code_of(follow_jump(jit));
}

enum jit_left jit_try(struct riscv_cpu *cpu)
{
    struct jit *jit = cpu->jit;
    const void *code = code_here(jit);
    if (code == NULL) {
        code = code_of(make_region(jit, cpu->state.pc));
    }
    return code != NULL ? run_regions(jit, code) : JIT_LEFT_AT_ONCE;
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
        left = run_regions(cpu->jit, code_here(cpu->jit));
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
    jit->pages = code_pages_create(cpu);
    interp_create_for_jit(cpu);
    cpu->jit = jit;
    return true;
}

void jit_destroy(struct riscv_cpu *cpu)
{
    struct jit *jit = cpu->jit;
    forget_all(jit);
    code_pages_destroy(jit->pages);
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
