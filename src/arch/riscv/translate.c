/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/translate.h"

#include "arch/riscv/inside.h"
#include "arch/riscv/overlay.h"
#include "arch/riscv/pmp.h"
#include "arch/riscv/walk.h"
#include "memory/attributes.h"
#include "memory/restart.h"

#include <string.h>

#define ALL_RIGHTS (MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH)

static enum riscv_verdict deny(struct riscv_cpu *cpu, const char *reason, enum riscv_verdict verdict)
{
    cpu->denial.reason = reason;
    return verdict;
}

/* The RAM slot of an address, or NULL. */
static const struct memory_slot *ram_at(struct riscv_cpu *cpu, gpa_t address)
{
    const struct memory_slot *slot = cpu->last_slot;
    if (likely(slot != NULL && address.bits - slot->base.bits < slot->size)) {
        return slot;
    }
    slot = memory_find(cpu->machine->memory, address);
    if (slot == NULL || slot->host == NULL) {
        return NULL;
    }
    cpu->last_slot = slot;
    return slot;
}

/* What higher levels deny by this word (a set of enum memory_access). */
static unsigned denied_rights(const struct riscv_cpu *cpu, uint64_t word, bool user)
{
    unsigned denied = 0;
    if (likely(word == 0)) {
        return denied;
    }
    denied |= (word & cpu->denying[RISCV_DENYING_READ]) != 0 ? MEMORY_READ : 0u;
    denied |= (word & cpu->denying[RISCV_DENYING_WRITE]) != 0 ? MEMORY_WRITE : 0u;
    denied |= (word & cpu->denying[user ? RISCV_DENYING_USER : RISCV_DENYING_KERNEL]) != 0 ? MEMORY_FETCH : 0u;
    return denied;
}

/* Of several levels that deny an access, the lowest is told (TLFS, "Memory Access Violations"). */
static void note_violation(struct riscv_cpu *cpu, uint64_t word, enum memory_access kind, bool user, gpa_t address,
                           uint64_t size)
{
    enum riscv_denying denying = kind == MEMORY_READ    ? RISCV_DENYING_READ
                                 : kind == MEMORY_WRITE ? RISCV_DENYING_WRITE
                                 : user                 ? RISCV_DENYING_USER
                                                        : RISCV_DENYING_KERNEL;
    cpu->violation = (struct riscv_violation){
        .enforcer = attributes_level_of(word & cpu->denying[denying]),
        .physical = address,
        .size = size,
    };
}

/* ---- 1 First-stage page walk ------------------------------------------------------------------------------------ */

/* Announces an access by an entry in `direct`: from here on a handler that drops rights makes it void. */
static struct tlb_entry *announce(struct riscv_cpu *cpu, enum riscv_direct where, uint64_t tag)
{
    struct tlb_entry *direct = &cpu->direct[where];
    direct->read = direct->write = tag;
    atomic_signal_fence(memory_order_seq_cst);
    return direct;
}

/* The walker's own accesses go through the layers below with the rights of S. */
static struct tlb_entry *table_entry(struct riscv_cpu *cpu, gpa_t address, enum memory_access kind)
{
    struct tlb_entry *direct = announce(cpu, RISCV_DIRECT_TABLE, address.bits);
    const struct memory_slot *slot = ram_at(cpu, address);
    if (slot == NULL || !riscv_pmp_permits(cpu, address, sizeof(uint64_t), RISCV_MODE_S, kind)) {
        return NULL;
    }
    riscv_inside_hold(cpu, address, kind);
    uint64_t word = attributes_load(slot, address);
    if ((denied_rights(cpu, word, false) & kind) != 0) {
        note_violation(cpu, word, kind, false, address, sizeof(uint64_t));
        cpu->violation.walk = true;
        return NULL;
    }
    if (kind == MEMORY_WRITE) {
        memory_mark_dirty(slot, address);
    }
    direct->addend = (uintptr_t)slot->host - slot->base.bits;
    return direct;
}

static bool load_entry(void *context, gpa_t where, uint64_t *value)
{
    const struct tlb_entry *entry;
    do {
        entry = table_entry(context, where, MEMORY_READ);
    } while (entry != NULL && unlikely(!restart_load64(entry, where.bits, where.bits, value)));
    return entry != NULL;
}

static bool update_entry(void *context, gpa_t where, uint64_t *expected, uint64_t desired)
{
    struct riscv_cpu *cpu = context;
    const struct tlb_entry *entry;
    do {
        entry = table_entry(cpu, where, MEMORY_WRITE);
        if (unlikely(cpu->witness != NULL) && entry != NULL) {
            cpu->witness->marks(cpu->witness->context, where);
        }
    } while (entry != NULL && unlikely(!restart_cas64(entry, where.bits, where.bits, *expected, desired, expected)));
    return entry != NULL;
}

/* Svadu on its own updates always; with Svade beside it, menvcfg.ADUE decides ("Svadu"). */
static bool walker_updates(const struct riscv_cpu *cpu)
{
    return riscv_has(&cpu->features, RISCV_EXT_SVADU) &&
           (riscv_menvcfg_ADUE(&cpu->state) != 0 || !riscv_has(&cpu->features, RISCV_EXT_SVADE));
}

/* What the second level of translation caching knows, or else the tables say. */
static enum riscv_walk_result look_up(struct riscv_cpu *cpu, const struct riscv_regime *regime,
                                      const struct riscv_access *access, struct riscv_walk *walk)
{
    const uint32_t space = riscv_space(cpu, cpu->level);
    struct translations_page known;
    if (likely(!access->observe) && translations_find(cpu->translations, space, access->address, &known) &&
        riscv_walk_again(regime, known.leaf, known.size, access->address, access->kind, walk)) {
        return RISCV_WALK_DONE;
    }
    enum riscv_walk_result result = riscv_walk(regime, access->address, access->kind, walk);
    if (result == RISCV_WALK_DONE && !access->observe) {
        cpu->statistics.page_walks++;
        const struct translations_page page = { .leaf = walk->leaf, .size = walk->size, .is_global = walk->is_global };
        translations_enter(cpu->translations, space, access->address, &page);
    }
    return result;
}

static enum riscv_verdict first_stage_walk(struct riscv_cpu *cpu, const struct riscv_access *access,
                                           struct riscv_page *page)
{
    const struct riscv_state *state = &cpu->state;
    const struct riscv_geometry *geometry = riscv_geometry((unsigned)riscv_satp_MODE(state));
    if (access->mode == RISCV_MODE_M || geometry == NULL) {
        return RISCV_GRANTED; /* Bare: the address stays as it is */
    }
    struct riscv_regime regime = {
        .geometry = geometry,
        .root = gpa(riscv_satp_PPN(state) << PAGE_SHIFT),
        .user = access->mode == RISCV_MODE_U,
        .supervisor_reaches_user = access->sum,
        .execute_is_read = riscv_mstatus_MXR(state) != 0,
        .updates = walker_updates(cpu),
        .has_napot = riscv_has(&cpu->features, RISCV_EXT_SVNAPOT),
        .has_memory_types = riscv_menvcfg_PBMTE(state) != 0,
        .observe = access->observe,
        .load = load_entry,
        .update = update_entry,
        .context = cpu,
        .cache = &cpu->walk_cache,
    };
    struct riscv_walk walk;
    enum riscv_walk_result result = look_up(cpu, &regime, access, &walk);
    if (result == RISCV_WALK_TABLE_OUT_OF_REACH && cpu->violation.enforcer != 0) {
        return deny(cpu, "table entry", RISCV_VIOLATION);
    }
    if (result != RISCV_WALK_DONE) {
        return deny(cpu, riscv_walk_result_name(result),
                    result == RISCV_WALK_TABLE_OUT_OF_REACH ? RISCV_ACCESS_FAULT : RISCV_PAGE_FAULT);
    }
    page->address = gpa(walk.page.bits | (access->address & PAGE_MASK));
    page->large_size = walk.size;
    page->is_global = walk.is_global;
    page->rights &= walk.rights;
    return RISCV_GRANTED;
}

/* ---- 5 Physical memory protection ------------------------------------------------------------------------------- */

static enum riscv_verdict physical_protection(struct riscv_cpu *cpu, const struct riscv_access *access,
                                              struct riscv_page *page)
{
    struct riscv_pmp_window window = riscv_pmp_find(cpu, page->address, access->mode);
    if (window.high - page->address.bits < access->size - 1) {
        return deny(cpu, "access matches an entry in part", RISCV_ACCESS_FAULT);
    }
    page->rights &= window.rights;
    uint64_t first = page->address.bits & ~PAGE_MASK;
    page->whole = page->whole && window.low <= first && window.high - first >= PAGE_SIZE - 1;
    return RISCV_GRANTED;
}

/* ---- 6 Memory slot ---------------------------------------------------------------------------------------------- */

static enum riscv_verdict memory_slot(struct riscv_cpu *cpu, const struct riscv_access *access, struct riscv_page *page)
{
    page->slot = ram_at(cpu, page->address);
    if (page->slot == NULL) {
        page->slot = memory_find(cpu->machine->memory, page->address);
        page->whole = false;
        bool device = page->slot != NULL && access->kind != MEMORY_FETCH && !access->observe;
        return device ? RISCV_GRANTED : deny(cpu, "no memory there", RISCV_ACCESS_FAULT);
    }
    page->host = page->slot->host + ((page->address.bits & ~PAGE_MASK) - page->slot->base.bits);
    return RISCV_GRANTED;
}

/* ---- Overlay pages ---------------------------------------------------------------------------------------------- */

/* Data of the level only, with rights of their own: those of the page below do not apply (TLFS, "GPA Overlay Pages").
 * Page walks go below. */
static enum riscv_verdict overlay_page(struct riscv_cpu *cpu, const struct riscv_access *access,
                                       struct riscv_page *page)
{
    (void)access;
    uint8_t *overlay = riscv_overlay_at(cpu->machine->overlays, cpu->level, page->address);
    if (unlikely(overlay != NULL) && page->host != NULL) {
        page->overlay = true;
        page->host = overlay;
        page->rights &= ~(unsigned)MEMORY_FETCH;
    }
    return RISCV_GRANTED;
}

/* ---- 7 Trust-level attributes ----------------------------------------------------------------------------------- */

static enum riscv_verdict trust_level_attributes(struct riscv_cpu *cpu, const struct riscv_access *access,
                                                 struct riscv_page *page)
{
    if (page->host == NULL || page->overlay) {
        return RISCV_GRANTED; /* a device, or the level's own */
    }
    bool user = access->mode == RISCV_MODE_U;
    unsigned sort = access->kind == MEMORY_FETCH ? MEMORY_FETCH : MEMORY_READ | MEMORY_WRITE; /* as riscv_resolve() */
    riscv_inside_hold(cpu, page->address, page->rights & sort);
    uint64_t word = attributes_load(page->slot, page->address);
    unsigned denied = denied_rights(cpu, word, user);
    if ((denied & access->kind) != 0) {
        note_violation(cpu, word, access->kind, user, page->address, access->size);
        return deny(cpu, "a higher trust level denies it", RISCV_VIOLATION);
    }
    page->rights &= ~denied;
    return RISCV_GRANTED;
}

/* ---- The sequence ----------------------------------------------------------------------------------------------- */

/* The order of an access's life. Numbers are those of the design page; what is missing there (first-stage protection
 * unit, second stage, tags) will stand in its place. A layer may translate page->address, take rights away, clear
 * `whole`, or refuse; a layer after which the asked right is gone has refused with an access fault. */
static const struct layer {
    const char *name;
    enum riscv_verdict (*decide)(struct riscv_cpu *cpu, const struct riscv_access *access, struct riscv_page *page);
} layers[] = {
    { "first-stage page walk", first_stage_walk },         /* 1 */
    { "physical memory protection", physical_protection }, /* 5 */
    { "memory slot", memory_slot },                        /* 6 */
    { "overlay page", overlay_page },
    { "trust-level attributes", trust_level_attributes }, /* 7 */
};

static enum riscv_verdict ask_layers(struct riscv_cpu *cpu, const struct riscv_access *access, struct riscv_page *page)
{
    *page = (struct riscv_page){
        .address = gpa(access->address),
        .large_size = PAGE_SIZE,
        .rights = ALL_RIGHTS,
        .whole = true,
    };
    cpu->violation.enforcer = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        enum riscv_verdict verdict = layers[i].decide(cpu, access, page);
        if (verdict == RISCV_GRANTED && (page->rights & access->kind) == 0) {
            verdict = deny(cpu, "right is missing", RISCV_ACCESS_FAULT);
        }
        if (unlikely(verdict != RISCV_GRANTED)) {
            cpu->denial.address = access->address;
            cpu->denial.layer = layers[i].name;
            return verdict;
        }
    }
    return RISCV_GRANTED;
}

enum riscv_verdict riscv_translate(struct riscv_cpu *cpu, const struct riscv_access *access, struct riscv_page *page)
{
    riscv_inside_postpone(cpu);
    enum riscv_verdict verdict = ask_layers(cpu, access, page);
    riscv_inside_catch_up(cpu);
    return verdict;
}

/* ---- Accesses of the running instruction ------------------------------------------------------------------------ */

static enum riscv_exception cause_of(enum riscv_verdict verdict, enum memory_access kind)
{
    bool page_fault = verdict == RISCV_PAGE_FAULT;
    switch (kind) {
    case MEMORY_READ: return page_fault ? RISCV_EXCEPTION_LOAD_PAGE_FAULT : RISCV_EXCEPTION_LOAD_ACCESS_FAULT;
    case MEMORY_WRITE: return page_fault ? RISCV_EXCEPTION_STORE_PAGE_FAULT : RISCV_EXCEPTION_STORE_ACCESS_FAULT;
    case MEMORY_FETCH: break;
    }
    return page_fault ? RISCV_EXCEPTION_INSTRUCTION_PAGE_FAULT : RISCV_EXCEPTION_INSTRUCTION_ACCESS_FAULT;
}

void riscv_raise_access_fault(struct riscv_cpu *cpu, enum memory_access kind, uint64_t address)
{
    riscv_raise(cpu, cause_of(RISCV_ACCESS_FAULT, kind), address);
}

/* What the contexts stand for. */
static const struct {
    enum riscv_mode mode;
    bool sum;
} contexts[RISCV_CONTEXT_COUNT] = {
    [RISCV_CONTEXT_U] = { RISCV_MODE_U, false },
    [RISCV_CONTEXT_S] = { RISCV_MODE_S, false },
    [RISCV_CONTEXT_S_SUM] = { RISCV_MODE_S, true },
    [RISCV_CONTEXT_M] = { RISCV_MODE_M, false },
};

/* Pages whose next write is to be noticed are cached without the right to write. */
static unsigned cachable_rights(const struct riscv_cpu *cpu, const struct riscv_page *page, enum memory_access kind)
{
    if (page->overlay) {
        return page->rights;
    }
    if (kind == MEMORY_WRITE) {
        if (unlikely(cpu->witness != NULL)) {
            cpu->witness->writes(cpu->witness->context, page->address);
        }
        memory_mark_dirty(page->slot, page->address);
        return page->rights;
    }
    const bool quietly = cpu->witness == NULL && memory_is_writable_quietly(page->slot, page->address);
    return quietly ? page->rights : page->rights & ~(unsigned)MEMORY_WRITE;
}

static bool resolve(struct riscv_cpu *cpu, struct tlb *tlb, uint64_t address, uint64_t size, enum memory_access kind,
                    struct riscv_page *page)
{
    size_t context = (size_t)(tlb - cpu->tlbs) % RISCV_CONTEXT_COUNT;
    const struct riscv_access access = {
        .address = address,
        .size = size,
        .kind = kind,
        .mode = contexts[context].mode,
        .sum = contexts[context].sum,
    };
    cpu->statistics.tlb_misses++;
    enum riscv_verdict verdict = ask_layers(cpu, &access, page);
    if (unlikely(verdict != RISCV_GRANTED)) {
        riscv_raise(cpu, cause_of(verdict, kind), address);
        if (verdict == RISCV_VIOLATION) {
            cpu->trap.origin = RISCV_TRAP_VIOLATION;
            cpu->violation.kind = kind;
            cpu->violation.address = address;
        }
        return false;
    }
    if (page->host != NULL) {
        /* Data evict no code, nor code data, that nobody asked for. */
        unsigned sort = kind == MEMORY_FETCH ? MEMORY_FETCH : MEMORY_READ | MEMORY_WRITE;
        unsigned rights = cachable_rights(cpu, page, kind) & sort;
        if (page->whole) {
            const struct tlb_page entry = {
                .host = page->host, .rights = rights, .size = page->large_size, .is_global = page->is_global
            };
            tlb_fill(tlb, address, &entry);
        }
    }
    return true;
}

bool riscv_resolve(struct riscv_cpu *cpu, struct tlb *tlb, uint64_t address, uint64_t size, enum memory_access kind,
                   struct riscv_page *page)
{
    riscv_inside_postpone(cpu);
    bool done = resolve(cpu, tlb, address, size, kind, page);
    riscv_inside_catch_up(cpu);
    return done;
}

struct tlb_entry *riscv_resolve_direct(struct riscv_cpu *cpu, enum riscv_direct where, uint64_t tag, uint64_t address,
                                       uint64_t size, enum memory_access kind, struct riscv_page *page)
{
    struct tlb_entry *direct = announce(cpu, where, tag);
    if (!riscv_resolve(cpu, cpu->data_tlb, address, size, kind, page)) {
        return NULL;
    }
    direct->addend = (uintptr_t)page->host - (address & ~PAGE_MASK);
    return direct;
}

/* ---- Fetch ------------------------------------------------------------------------------------------------------ */

bool riscv_fetch_page(struct riscv_cpu *cpu, uint64_t pc, const uint8_t **page)
{
    const uint8_t *host = tlb_fetch(cpu->fetch_tlb, pc);
    if (likely(host != NULL)) {
        *page = host - (pc & PAGE_MASK);
        return true;
    }
    struct riscv_page found;
    if (!riscv_resolve(cpu, cpu->fetch_tlb, pc, sizeof(uint16_t), MEMORY_FETCH, &found)) {
        return false;
    }
    *page = found.whole ? found.host : NULL; /* not by the TLB: a handler may have emptied it again */
    return true;
}

bool riscv_fetch16(struct riscv_cpu *cpu, uint64_t pc, uint16_t *bits)
{
    const uint8_t *host = tlb_fetch(cpu->fetch_tlb, pc);
    if (host == NULL) {
        struct riscv_page found;
        if (!riscv_resolve(cpu, cpu->fetch_tlb, pc, sizeof *bits, MEMORY_FETCH, &found)) {
            return false;
        }
        host = found.host + (pc & PAGE_MASK);
    }
    const void *parcel = host;
    *bits = __atomic_load_n((const uint16_t *)parcel, __ATOMIC_RELAXED);
    return true;
}

/* ---- Looking without touching ----------------------------------------------------------------------------------- */

/* One access inside one page; a fetch is of a parcel. A handler that drops rights in between makes it look again. */
static bool look_at(struct riscv_cpu *cpu, const struct riscv_access *access, void *to)
{
    const uint64_t tag = access->address & ~PAGE_MASK;
    bool holds = false;
    while (!holds) {
        struct riscv_page page;
        const struct tlb_entry *direct = announce(cpu, RISCV_DIRECT_DATA, tag);
        if (riscv_translate(cpu, access, &page) != RISCV_GRANTED) {
            return false;
        }
        const uint32_t undoable = riscv_inside_stand(cpu);
        const void *from = page.host + (access->address & PAGE_MASK);
        holds = direct->read == tag;
        if (holds && access->kind == MEMORY_FETCH) {
            *(uint16_t *)to = __atomic_load_n((const uint16_t *)from, __ATOMIC_RELAXED);
        } else if (holds) {
            memcpy(to, from, access->size);
        }
        riscv_inside_go_on(cpu, undoable);
    }
    return true;
}

bool riscv_debug_read(struct riscv_cpu *cpu, uint64_t address, void *buffer, uint64_t size)
{
    size_t context = (size_t)(cpu->data_tlb - cpu->tlbs) % RISCV_CONTEXT_COUNT;
    uint8_t *to = buffer;
    while (size > 0) {
        uint64_t room = PAGE_SIZE - (address & PAGE_MASK);
        uint64_t part = size < room ? size : room;
        const struct riscv_access access = {
            .address = address,
            .size = part,
            .kind = MEMORY_READ,
            .mode = contexts[context].mode,
            .sum = true, /* whoever looks may look */
            .observe = true,
        };
        if (!look_at(cpu, &access, to)) {
            return false;
        }
        to += part;
        address += part;
        size -= part;
    }
    return true;
}

static bool look_at_parcel(struct riscv_cpu *cpu, uint64_t pc, uint16_t *bits)
{
    const struct riscv_access access = {
        .address = pc,
        .size = sizeof *bits,
        .kind = MEMORY_FETCH,
        .mode = cpu->state.mode,
        .observe = true,
    };
    return look_at(cpu, &access, bits);
}

unsigned riscv_debug_fetch(struct riscv_cpu *cpu, uint64_t pc, uint32_t *bits)
{
    const struct riscv_denial denial = cpu->denial;
    const struct riscv_violation violation = cpu->violation;
    uint16_t low = 0, high = 0;
    unsigned size = look_at_parcel(cpu, pc, &low) ? 2 : 0;
    if (size != 0 && (low & 3) == 3 && look_at_parcel(cpu, pc + 2, &high)) {
        size = 4;
    }
    *bits = low | (uint32_t)high << 16;
    cpu->denial = denial;
    cpu->violation = violation;
    return size;
}
