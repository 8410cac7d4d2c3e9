/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping harts where there are trust levels: StartVirtualProcessor, what SBI's HSM and SRST may do, and
 * remote fences that wait for TLB locks (sections 2, 3 and 6 of the interface). */
#include "arch/riscv/primitives.h"
#include "core/alarm.h"
#include "vtl/vtl_internal.h"

#include <string.h>

#define SBI_HSM       UINT64_C(0x48534d)
#define SBI_HSM_START 0u
#define SBI_SRST      UINT64_C(0x53525354)
#define FENCE_NAP     UINT64_C(1000000) /* ns between looks at a TLB lock if nobody wakes us */

#define A0            10
#define A1            11
#define A2            12

/* ---- StartVirtualProcessor -------------------------------------------------------------------------------------- */

static bool is_denied(const struct vtl *vtl, unsigned caller)
{
    for (unsigned level = caller + 1; level < vtl->machine->level_count; level++) {
        if ((atomic_load(&vtl->enabled) >> level & 1) != 0 &&
            (atomic_load(&vtl->levels[level].config) & VTL_CONFIG_DENY_START) != 0) {
            return true;
        }
    }
    return false;
}

/* Of the levels above the caller the lowest one that wants to see starts of VPs, wherever it is enabled; 0: none. */
static unsigned sees_starts(const struct vtl *vtl, unsigned caller)
{
    for (unsigned level = caller + 1; level < vtl->machine->level_count; level++) {
        if ((atomic_load(&vtl->enabled) >> level & 1) != 0 &&
            (atomic_load(&vtl->levels[level].config) & VTL_CONFIG_SEE_START) != 0) {
            return level;
        }
    }
    return 0;
}

/* What a higher level is to decide: VTL_SUCCESS if none wants to. */
static enum vtl_status ask_about(struct vtl_call *call, unsigned index, unsigned level, uint64_t address)
{
    unsigned asked = sees_starts(call->vtl, call->level);
    if (asked == 0) {
        return VTL_SUCCESS;
    }
    return vtl_intercept_start(call->cpu, asked, index, VTL_STARTUP_VP, address, level) ? VTL_TAKEN : VTL_ACCESS_DENIED;
}

enum vtl_status vtl_call_start_vp(struct vtl_call *call)
{
    struct vtl *vtl = call->vtl;
    unsigned index, level = call->input[12];
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = vtl_check_vp(call, vtl_read32(call->input + 8), &index);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    struct vtl_vp *vp = &vtl->vps[index];
    struct vtl_context context;
    vtl_context_read(call->input + 16, &context);
    if (index == call->cpu->vcpu.number) {
        return VTL_INVALID_VP;
    }
    if (!vtl_is_zero(call->input + 13, 3)) {
        return VTL_INVALID_PARAMETER;
    }
    if (level >= vtl->machine->level_count || (atomic_load(&vtl->enabled) >> level & 1) == 0) {
        return VTL_INVALID_VTL_STATE;
    }
    if (!vtl_has_level(vp, level)) {
        return VTL_INVALID_VP_STATE;
    }
    if (is_denied(vtl, call->level) || call->level < level) {
        return VTL_ACCESS_DENIED;
    }
    if (!vtl_context_is_legal(vtl, &call->cpu->state, &context)) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    status = ask_about(call, index, level, context.pc);
    if (status != VTL_SUCCESS) {
        return status;
    }
    enum riscv_trust_verdict held = vtl_ask_holders(call->cpu, VTL_INCIDENT_START, true, index, context.pc, level);
    if (held != RISCV_TRUST_GO_ON) {
        return held == RISCV_TRUST_TAKEN ? VTL_SUCCESS : VTL_ACCESS_DENIED;
    }
    struct riscv_cpu *cpu = vtl->machine->cpus[index];
    if (!hart_start_begin(cpu)) {
        return VTL_INVALID_VP_STATE;
    }
    vp->start = context;
    vp->start_level = (uint8_t)level;
    vp->starts = true;
    hart_start_end(cpu, context.pc, 0);
    return VTL_SUCCESS;
}

bool vtl_start(struct riscv_cpu *cpu)
{
    struct vtl_vp *vp = vtl_vp_of(cpu);
    bool starts = vp->starts;
    unsigned level = starts ? vp->start_level : 0;
    vp->starts = false;
    if (starts) {
        vp->levels[level].initial = vp->start;
        vp->levels[level].entered = false; /* whatever it was before */
        memset(vp->levels[level].event, 0, sizeof vp->levels[level].event);
    }
    vtl_materialize(cpu, level);
    if (level != cpu->level) {
        vtl_switch_to(cpu, level);
    }
    vtl_pins_changed(cpu);
    if (!starts) {
        return false;
    }
    vp->levels[level].left = (uint8_t)level;
    vtl_context_apply(vtl_of(cpu), &cpu->state, &vp->start);
    cpu->state.x[A0] = cpu->vcpu.number;
    riscv_cpu_state_changed(cpu);
    return true;
}

/* ---- HSM and SRST ----------------------------------------------------------------------------------------------- */

/* The lowest level above the running one on this VP that wants to see resets; 0: none. */
static unsigned sees_resets(const struct vtl *vtl, const struct vtl_vp *vp, unsigned level)
{
    for (unsigned i = vtl_next_above(vp, level); i != 0; i = vtl_next_above(vp, i)) {
        if ((atomic_load(&vtl->levels[i].config) & VTL_CONFIG_SEE_RESET) != 0) {
            return i;
        }
    }
    return 0;
}

static enum riscv_trust_verdict decide_start(struct riscv_cpu *cpu, bool starts)
{
    struct vtl *vtl = vtl_of(cpu);
    uint64_t number = starts ? cpu->state.x[A0] : cpu->vcpu.number;
    if (number >= vtl->machine->cpu_count) {
        return RISCV_TRUST_GO_ON; /* to be refused as ever */
    }
    uint64_t address = starts ? cpu->state.x[A1] : 0, opaque = starts ? cpu->state.x[A2] : 0;
    enum vtl_startup function = starts ? VTL_STARTUP_HART : VTL_STARTUP_STOP;
    unsigned asked = sees_starts(vtl, cpu->level);
    if (asked != 0) {
        bool told = vtl_intercept_start(cpu, asked, (uint32_t)number, function, address, opaque);
        return told ? RISCV_TRUST_TAKEN : RISCV_TRUST_REFUSED;
    }
    bool has_higher = vtl_next_above(&vtl->vps[number], cpu->level) != 0;
    if (has_higher || (starts && is_denied(vtl, cpu->level))) {
        return RISCV_TRUST_REFUSED;
    }
    enum vtl_incident_kind kind = starts ? VTL_INCIDENT_START : VTL_INCIDENT_STOP;
    return vtl_ask_holders(cpu, kind, false, (unsigned)number, address, opaque);
}

enum riscv_trust_verdict vtl_firmware(struct riscv_cpu *cpu, uint64_t extension, uint64_t function)
{
    if (extension == SBI_HSM) {
        return decide_start(cpu, function == SBI_HSM_START);
    }
    bool legacy = extension != SBI_SRST;
    if (!legacy && function != 0) {
        return RISCV_TRUST_GO_ON;
    }
    unsigned asked = sees_resets(vtl_of(cpu), vtl_vp_of(cpu), cpu->level);
    uint32_t type = legacy ? 0 : (uint32_t)cpu->state.x[A0], reason = legacy ? 0 : (uint32_t)cpu->state.x[A1];
    bool taken = asked != 0 && vtl_intercept_reset(cpu, asked, type, reason);
    return taken ? RISCV_TRUST_TAKEN : RISCV_TRUST_GO_ON;
}

/* ---- TLB locks -------------------------------------------------------------------------------------------------- */

/* A VP runs a level that has locked translations of `level`. */
static bool is_locked(const struct vtl *vtl, unsigned number, unsigned level)
{
    const struct vtl_vp *vp = &vtl->vps[number];
    for (unsigned i = level + 1; i < vtl->machine->level_count; i++) {
        if ((atomic_load(&vp->levels[i].secure[level]) & VTL_SECURE_TLB_LOCKED) != 0) {
            return true;
        }
    }
    return false;
}

static bool some_is_locked(const struct riscv_cpu *cpu, uint64_t mask, uint64_t base)
{
    const struct vtl *vtl = vtl_of(cpu);
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        bool named = base == UINT64_MAX || (i >= base && i - base < 64 && (mask >> (i - base) & 1) != 0);
        if (named && i != cpu->vcpu.number && is_locked(vtl, i, cpu->level)) {
            return true;
        }
    }
    return false;
}

/* The fence has been carried out everywhere. Whoever holds a lock now may still use what it found before, so the call
 * is made again later: between two tries interrupts are taken, those for higher levels here among them. */
bool vtl_fence_may_end(struct riscv_cpu *cpu, uint64_t mask, uint64_t base)
{
    struct vtl_vp *vp = vtl_vp_of(cpu);
    if (likely(!some_is_locked(cpu, mask, base))) {
        return true;
    }
    atomic_store(&vp->waits, true);
    if (some_is_locked(cpu, mask, base)) {
        vcpu_wait(&cpu->vcpu, alarm_now() + FENCE_NAP);
    }
    atomic_store(&vp->waits, false);
    return false;
}

void vtl_tlb_unlocked(struct vtl *vtl)
{
    for (unsigned i = 0; i < vtl->machine->cpu_count; i++) {
        if (atomic_load(&vtl->vps[i].waits)) {
            vcpu_request(&vtl->machine->cpus[i]->vcpu, VCPU_INTERRUPT);
        }
    }
}
