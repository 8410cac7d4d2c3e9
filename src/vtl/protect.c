/* SPDX-License-Identifier: Apache-2.0 */
/* ModifyVtlProtectionMask and CheckSparseGpaPageVtlAccess (section 2 of the interface). */
#include "vtl/vtl_internal.h"

#define FLAG_READ   1u
#define FLAG_WRITE  2u
#define FLAG_KERNEL 4u
#define FLAG_USER   8u
#define FLAGS       15u
_Static_assert(FLAG_READ == ATTRIBUTE_READ && FLAG_WRITE == ATTRIBUTE_WRITE && FLAG_KERNEL == ATTRIBUTE_KERNEL &&
                   FLAG_USER == ATTRIBUTE_USER,
               "map flags are the complement of what a page's word denies");

bool vtl_map_flags_are_legal(uint32_t flags, bool mode_based)
{
    if ((flags & ~FLAGS) != 0) {
        return false;
    }
    if ((flags & FLAG_READ) == 0) {
        return flags == 0;
    }
    uint32_t execute = flags & (FLAG_KERNEL | FLAG_USER);
    return !mode_based || execute != FLAG_KERNEL; /* without it KX decides alone */
}

/* The level whose mask is changed, from INPUT_VTL. */
static enum vtl_status enforcing_level(const struct vtl_call *call, uint8_t input_vtl, unsigned *level)
{
    bool use_target = (input_vtl & 0x10) != 0;
    enum vtl_status status = vtl_check_target(call, input_vtl, level);
    if (status != VTL_SUCCESS || !use_target) {
        return status;
    }
    if (call->vtl->config.target_is_restricted) {
        *level += 1;
        return *level <= call->level ? VTL_SUCCESS : VTL_ACCESS_DENIED;
    }
    return *level != 0 ? VTL_SUCCESS : VTL_INVALID_PARAMETER;
}

static bool is_covered(const struct vtl_call *call, unsigned enforcer, const uint64_t *pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (riscv_overlay_is_below(call->vtl->overlays, enforcer, pages[i], 1)) {
            return true;
        }
    }
    return false;
}

/* All of the pages, or none. */
static enum vtl_status change(const struct vtl_call *call, unsigned enforcer, unsigned denied, const void *pages,
                              size_t count)
{
    struct rights *rights = call->vtl->machine->rights;
    size_t failed;
    if (unlikely(is_covered(call, enforcer, pages, count))) {
        uint64_t word;
        for (size_t i = 0; i < count; i++) {
            if (!rights_query(rights, ((const uint64_t *)pages)[i], &word)) {
                return VTL_INVALID_PARAMETER;
            }
        }
        return VTL_OPERATION_DENIED;
    }
    bool changed = rights_change(rights, call->cpu->reader, enforcer, denied, pages, count, &failed);
    return changed ? VTL_SUCCESS : VTL_INVALID_PARAMETER;
}

enum vtl_status vtl_call_protect(struct vtl_call *call)
{
    struct vtl *vtl = call->vtl;
    uint32_t flags = vtl_read32(call->input + 8);
    unsigned enforcer;
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = enforcing_level(call, call->input[12], &enforcer);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    if (!vtl_is_zero(call->input + 13, 3)) {
        return VTL_INVALID_PARAMETER;
    }
    if ((atomic_load(&vtl->enabled) >> enforcer & 1) == 0) {
        return VTL_INVALID_VTL_STATE;
    }
    if ((atomic_load(&vtl->levels[enforcer].config) & VTL_CONFIG_PROTECTION) == 0) {
        return VTL_ACCESS_DENIED;
    }
    if (!vtl_map_flags_are_legal(flags, (atomic_load(&vtl->mode_based) >> enforcer & 1) != 0)) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    size_t count = call->count - call->start;
    vtl_change_begin(call->cpu);
    status = change(call, enforcer, ~flags & FLAGS, call->input + 16 + call->start * sizeof(uint64_t), count);
    vtl_change_end(call->cpu);
    if (status != VTL_SUCCESS) {
        return status;
    }
    call->done = (unsigned)count;
    struct vtl_vp_level *own = &vtl_vp_of(call->cpu)->levels[enforcer];
    vtl_count(&own->statistics.protections, 1);
    vtl_count(&own->statistics.pages, count);
    return VTL_SUCCESS;
}

/* ---- CheckSparseGpaPageVtlAccess -------------------------------------------------------------------------------- */

unsigned vtl_rights(const struct vtl *vtl, unsigned vp, unsigned level, uint64_t page, uint64_t word)
{
    unsigned denied = 0;
    if (riscv_overlay_at(vtl->overlays, level, gpa(page << PAGE_SHIFT)) != NULL) {
        return FLAG_READ | FLAG_WRITE;
    }
    for (unsigned enforcer = level + 1; enforcer < vtl->machine->level_count; enforcer++) {
        unsigned bits = (unsigned)(word >> 4 * enforcer) & FLAGS;
        bool held = (vtl->config.held >> enforcer & 1) != 0;
        if (!held && (atomic_load(&vtl->vps[vp].levels[enforcer].secure[level]) & VTL_SECURE_MODE_BASED) == 0) {
            bits = (bits & ~FLAG_USER) | ((bits & FLAG_KERNEL) != 0 ? FLAG_USER : 0);
        }
        denied |= bits;
    }
    return ~denied & FLAGS;
}

enum vtl_status vtl_call_check_access(struct vtl_call *call)
{
    uint32_t wanted = call->input[9];
    unsigned level;
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = vtl_check_target(call, call->input[8], &level);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    if ((wanted & ~FLAGS) != 0 || !vtl_is_zero(call->input + 10, 6)) {
        return VTL_INVALID_PARAMETER;
    }
    for (unsigned i = call->start; i < call->count; i++) {
        uint64_t word;
        uint64_t page = vtl_read64(call->input + 16 + 8 * (size_t)i);
        if (!rights_query(call->vtl->machine->rights, page, &word)) {
            return VTL_INVALID_PARAMETER;
        }
        uint32_t answer = vtl_rights(call->vtl, call->cpu->vcpu.number, level, page, word) & wanted;
        __builtin_memcpy(call->output + 4 * (size_t)i, &answer, sizeof answer);
        call->done++;
    }
    return VTL_SUCCESS;
}
