/* SPDX-License-Identifier: Apache-2.0 */
/* The partition: its life, and the enabling of levels for it and for its VPs (section 2 of the interface). */
#include "memory/attributes.h"
#include "vtl/vtl_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Life ------------------------------------------------------------------------------------------------------- */

static const struct riscv_trust_ops ops = {
    .violation = vtl_violation,
    .pinned = vtl_pinned,
    .pins = vtl_pins_changed,
    .interrupt = vtl_interrupt,
    .held_back = vtl_held_back,
    .call = vtl_call,
    .firmware = vtl_firmware,
    .fence_may_end = vtl_fence_may_end,
    .start = vtl_start,
};

/* As at the start: level 0 alone. Statistics go on. */
static void forget_levels(struct vtl *vtl)
{
    riscv_overlays_reset(vtl->overlays);
    atomic_store(&vtl->enabled, 1);
    atomic_store(&vtl->mode_based, 0);
    memset(vtl->levels, 0, sizeof vtl->levels);
    for (unsigned level = 0; level < RISCV_LEVEL_COUNT_MAX; level++) {
        for (unsigned pin = 0; pin < RISCV_PIN_COUNT; pin++) {
            atomic_store(&vtl->levels[level].held_pins[pin], vtl->config.held_pins[level][pin]);
        }
        bool decides = (vtl->config.held_starts >> level & 1) != 0;
        atomic_store(&vtl->levels[level].config, decides ? VTL_CONFIG_SEE_START : 0);
    }
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        struct vtl_vp *vp = &vtl->vps[i];
        atomic_store(&vp->enabled, 1);
        atomic_store(&vp->active, 0);
        atomic_store(&vp->waits, false);
        vp->starts = false;
        for (unsigned level = 0; level < RISCV_LEVEL_COUNT_MAX; level++) {
            struct vtl_vp_level *own = &vp->levels[level];
            memset(own, 0, offsetof(struct vtl_vp_level, statistics));
            memset(own->secure, 0, sizeof own->secure);
            own->vina = RISCV_INTERRUPT_SSI; /* its vector */
            memset(own->pin_masks, 0xff, sizeof own->pin_masks);
        }
        vp->levels[0].entered = true;
    }
}

static void create_scratch(struct vtl *vtl)
{
    struct error error;
    vtl->scratch_memory = memory_create(NULL);
    struct riscv_machine_config config = {
        .memory = vtl->scratch_memory,
        .clock = vtl->machine->clock,
        .features = vtl->machine->features,
        .cpu_count = 1,
        .pmp_entry_count = vtl->machine->pmp_entry_count,
    };
    vtl->scratch = riscv_machine_create(&config, &error);
    CHECK(vtl->scratch != NULL); /* the machine itself was possible with the same */
}

struct vtl *vtl_create(struct riscv_machine *machine, const struct vtl_config *config)
{
    CHECK(machine->level_count > 1 && machine->trust == NULL);
    struct vtl *vtl = check_alloc(sizeof *vtl + machine->cpu_count * sizeof vtl->vps[0]);
    vtl->machine = machine;
    vtl->memory = machine->memory;
    vtl->config = *config;
    vtl->overlays = riscv_overlays_create(machine->level_count, machine->cpu_count);
    pthread_mutex_init(&vtl->lock, NULL);
    pthread_mutex_init(&vtl->overlay_lock, NULL);
    create_scratch(vtl);
    forget_levels(vtl);
    rights_watch(machine->rights, vtl_note_refusal, vtl);
    machine->trust_context = vtl;
    machine->overlays = vtl->overlays;
    machine->trust = &ops;
    machine->levels_apart = config->held;
    return vtl;
}

void vtl_destroy(struct vtl *vtl)
{
    if (vtl == NULL) {
        return;
    }
    rights_watch(vtl->machine->rights, NULL, NULL);
    vtl->machine->trust = NULL;
    vtl->machine->trust_context = NULL;
    vtl->machine->overlays = NULL;
    vtl->machine->levels_apart = 0;
    riscv_machine_destroy(vtl->scratch);
    memory_destroy(vtl->scratch_memory);
    pthread_mutex_destroy(&vtl->lock);
    pthread_mutex_destroy(&vtl->overlay_lock);
    riscv_overlays_destroy(vtl->overlays);
    free(vtl);
}

/* ---- Reset ------------------------------------------------------------------------------------------------------ */

/* What one of these levels made unreadable for others is zeroed. */
static void zero_secrets(const struct memory_slot *slot, uint64_t unreadable)
{
    if (!atomic_load(&slot->attributes->used)) {
        return;
    }
    for (uint64_t offset = 0; offset < slot->size; offset += PAGE_SIZE) {
        gpa_t page = gpa(slot->base.bits + offset);
        if ((attributes_load(slot, page) & unreadable) != 0) {
            memory_mark_dirty(slot, page);
            memset(slot->host + offset, 0, PAGE_SIZE);
        }
    }
}

void vtl_reset(struct vtl *vtl)
{
    uint64_t unreadable = 0;
    for (unsigned level = 1; level < vtl->machine->level_count; level++) {
        bool enabled = (atomic_load(&vtl->enabled) >> level & 1) != 0;
        if (enabled && (atomic_load(&vtl->levels[level].config) & VTL_CONFIG_ZERO) != 0) {
            unreadable |= attributes_with(0, level, ATTRIBUTE_READ);
        }
    }
    const struct memory_slot *slot;
    for (size_t i = 0; unreadable != 0 && (slot = memory_slot_at(vtl->memory, i)) != NULL; i++) {
        if (slot->host != NULL) {
            zero_secrets(slot, unreadable);
        }
    }
    forget_levels(vtl);
    rights_reset(vtl->machine->rights);
}

void vtl_statistics(const struct vtl *vtl, struct vtl_statistics *statistics)
{
    *statistics = (struct vtl_statistics){ 0 };
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        for (unsigned level = 0; level < vtl->machine->level_count; level++) {
            const struct vtl_vp_level *own = &vtl->vps[i].levels[level];
            struct vtl_level_statistics *sum = &statistics->levels[level];
            sum->calls += atomic_load_explicit(&own->statistics.calls, memory_order_relaxed);
            sum->returns += atomic_load_explicit(&own->statistics.returns, memory_order_relaxed);
            sum->interrupts += atomic_load_explicit(&own->statistics.interrupts, memory_order_relaxed);
            sum->intercepts += atomic_load_explicit(&own->statistics.intercepts, memory_order_relaxed);
            sum->violations += atomic_load_explicit(&own->statistics.violations, memory_order_relaxed);
            sum->pinned += atomic_load_explicit(&own->statistics.pinned, memory_order_relaxed);
            sum->protections += atomic_load_explicit(&own->statistics.protections, memory_order_relaxed);
            sum->pages += atomic_load_explicit(&own->statistics.pages, memory_order_relaxed);
        }
    }
}

/* ---- EnablePartitionVtl ----------------------------------------------------------------------------------------- */

#define FLAG_MODE_BASED 1u

/* Of the levels below `level`, the highest in a set that has level 0. */
static unsigned highest_below(uint32_t set, unsigned level)
{
    return 31 - (unsigned)__builtin_clz(set & ((UINT32_C(1) << level) - 1));
}

/* Whether a level that the embedding program holds stands between the caller and the level, which would then not be
 * bound by what the program has set; or is the level. */
static bool is_the_programs(const struct vtl *vtl, unsigned caller, unsigned level)
{
    for (unsigned held = level; held > 0 && (held == level || held > caller); held--) {
        if ((vtl->config.held >> held & 1) != 0) {
            return true;
        }
    }
    return false;
}

static enum vtl_status enable_partition(struct vtl *vtl, unsigned caller, unsigned level, bool mode_based)
{
    uint32_t enabled = atomic_load(&vtl->enabled);
    if ((enabled >> level & 1) != 0) {
        return VTL_INVALID_VTL_STATE;
    }
    if ((caller < level && caller != highest_below(enabled, level)) || is_the_programs(vtl, caller, level)) {
        return VTL_ACCESS_DENIED;
    }
    atomic_store(&vtl->levels[level].config, VTL_CONFIG_DEFAULT | VTL_CONFIG_ZERO);
    atomic_fetch_or(&vtl->mode_based, mode_based ? UINT32_C(1) << level : 0);
    atomic_fetch_or(&vtl->enabled, UINT32_C(1) << level);
    return VTL_SUCCESS;
}

enum vtl_status vtl_call_enable_partition(struct vtl_call *call)
{
    struct vtl *vtl = call->vtl;
    unsigned level = call->input[8], flags = call->input[9];
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status != VTL_SUCCESS) {
        return status;
    }
    if (level == 0 || level >= vtl->machine->level_count || (flags & ~FLAG_MODE_BASED) != 0 ||
        !vtl_is_zero(call->input + 10, 6)) {
        return VTL_INVALID_PARAMETER;
    }
    pthread_mutex_lock(&vtl->lock);
    status = enable_partition(vtl, call->level, level, (flags & FLAG_MODE_BASED) != 0);
    pthread_mutex_unlock(&vtl->lock);
    return status;
}

/* ---- EnableVpVtl ------------------------------------------------------------------------------------------------ */

static bool some_vp_has(const struct vtl *vtl, unsigned level)
{
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        if (vtl_has_level(&vtl->vps[i], level)) {
            return true;
        }
    }
    return false;
}

/* A level below the target chooses where the first one of it begins, and only if there is none between the two: of the
 * partition, as a VP without those between would be a way around them. */
static bool may_enable(const struct vtl_call *call, const struct vtl_vp *vp, unsigned level)
{
    if (call->level >= level) {
        return true;
    }
    if (call->level != highest_below(atomic_load(&call->vtl->enabled), level) || some_vp_has(call->vtl, level)) {
        return false;
    }
    return call->level != 0 || vp == vtl_vp_of(call->cpu);
}

static enum vtl_status enable_vp(struct vtl_call *call, struct vtl_vp *vp, unsigned level,
                                 const struct vtl_context *context, bool legal)
{
    if (level == 0) {
        return VTL_INVALID_PARAMETER;
    }
    if (level >= RISCV_LEVEL_COUNT_MAX || (atomic_load(&call->vtl->enabled) >> level & 1) == 0) {
        return VTL_INVALID_VTL_STATE;
    }
    if (vtl_has_level(vp, level)) {
        return VTL_ALREADY_ENABLED;
    }
    if (!may_enable(call, vp, level)) {
        return VTL_ACCESS_DENIED;
    }
    if (!legal) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    vp->levels[level].initial = *context;
    atomic_fetch_or(&vp->enabled, UINT32_C(1) << level); /* from here on the VP's thread may use the context */
    return VTL_SUCCESS;
}

enum vtl_status vtl_call_enable_vp(struct vtl_call *call)
{
    struct vtl *vtl = call->vtl;
    unsigned index;
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = vtl_check_vp(call, vtl_read32(call->input + 8), &index);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    if (!vtl_is_zero(call->input + 13, 3)) {
        return VTL_INVALID_PARAMETER;
    }
    struct vtl_context context;
    vtl_context_read(call->input + 16, &context);
    bool legal = vtl_context_is_legal(vtl, &call->cpu->state, &context); /* takes the lock itself */
    pthread_mutex_lock(&vtl->lock);
    status = enable_vp(call, &vtl->vps[index], call->input[12], &context, legal);
    pthread_mutex_unlock(&vtl->lock);
    if (status == VTL_SUCCESS) {
        vtl_note_enabled(call->cpu, index, call->input[12]);
    }
    return status;
}
