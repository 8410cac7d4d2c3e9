/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetVpRegisters and SetVpRegisters (section 2 of the interface), over one table of names (section 3).
 *
 * A register belongs to the partition, to a level of it, or to a VP's level. Those of another VP belong to that VP's
 * thread, so they cannot be reached; what others may know (VsmVpStatus, VpIndex) is kept for all threads.
 */
#include "vtl/vtl_internal.h"

#include <stddef.h>

struct value {
    uint64_t low, high;
};

/* What a call names. */
struct target {
    struct vtl_call *call;
    struct vtl *vtl;
    struct riscv_cpu *cpu; /* the caller's hart */
    struct vtl_vp *vp;
    unsigned vp_number;
    unsigned level;
};

enum {
    NAME_X = 0x80000, /* … x31 */
    NAME_PC = 0x80020,
    NAME_MODE = 0x80021,
    NAME_F = 0x80040, /* … f31 */
    NAME_CSR = 0x81000,
    NAME_SECURE_CONFIG = 0xd0010, /* of level 0 … 15 */
    NAME_PIN_MASK = 0xe0001,      /* … 0xe0005 */
};

#define VERSION_VALUE      (UINT64_C(0x4e4c5652) | UINT64_C(0x00010000) << 32) /* "RVLN", 1.0 */
#define FEATURE_VSM        (UINT64_C(1) << 48)
#define FEATURE_REGISTERS  (UINT64_C(1) << 49)
#define FEATURE_START      (UINT64_C(1) << 53)
#define CAPABILITY_DENY    (UINT64_C(1) << 17)
#define CAPABILITY_MESSAGE (UINT64_C(1) << 27)
#define CONFIG_KNOWN                                                                                               \
    (VTL_CONFIG_PROTECTION | VTL_CONFIG_DEFAULT | VTL_CONFIG_ZERO | VTL_CONFIG_DENY_START | VTL_CONFIG_SEE_START | \
     VTL_CONFIG_SEE_RESET)
#define PIN_COUNT 5u

static bool is_own(const struct target *target)
{
    return target->vp_number == target->cpu->vcpu.number;
}

/* ---- Architectural registers: of a lower level of the caller's own VP ------------------------------------------- */

/* NULL: they are not the caller's to reach. */
static struct riscv_state *reach(const struct target *target)
{
    if (!is_own(target) || target->level >= target->call->level || !vtl_has_level(target->vp, target->level)) {
        return NULL;
    }
    vtl_materialize(target->cpu, target->level);
    return riscv_level_state(target->cpu, target->level);
}

/* Shared registers are those of the level that runs, whoever asks. */
static uint64_t *x_place(const struct target *target, struct riscv_state *state, unsigned number)
{
    return riscv_level_shares_x(number) ? &target->cpu->state.x[number] : &state->x[number];
}

enum { CSR_SSTATUS = 0x100, CSR_SIP = 0x144, CSR_STIMECMP = 0x14d, CSR_SATP = 0x180 };

static bool csr_is_known(uint32_t number)
{
    static const uint16_t known[] = { 0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141,
                                      0x142, 0x143, 0x144, 0x180, 0x14d, 0x003 };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i] == number) {
            return true;
        }
    }
    return false;
}

#define SIP_SSIP  (UINT64_C(1) << RISCV_INTERRUPT_SSI)
#define SIP_KNOWN (SIP_SSIP | UINT64_C(1) << RISCV_INTERRUPT_STI | UINT64_C(1) << RISCV_INTERRUPT_SEI)

static bool write_csr(const struct target *target, struct riscv_state *state, uint32_t number, uint64_t value)
{
    if (number == CSR_SIP) { /* timer and external are the wires' */
        if ((value & ~SIP_KNOWN) != 0) {
            return false;
        }
        state->csr.mip = (state->csr.mip & ~SIP_SSIP) | (value & SIP_SSIP);
        return true;
    }
    if (number == CSR_STIMECMP) {
        riscv_level_set_timer(target->cpu, target->level, value);
        return true;
    }
    if (!vtl_csr_write(target->vtl, state, number, value)) {
        return false;
    }
    if (number == CSR_SATP || number == CSR_SSTATUS) {
        riscv_flush_level(target->cpu, target->level);
    }
    return true;
}

static enum vtl_status get_architectural(const struct target *target, uint32_t name, struct value *value)
{
    struct riscv_state *state = reach(target);
    if (state == NULL) {
        return VTL_INVALID_PARAMETER;
    }
    if (name < NAME_X + 32) {
        value->low = name == NAME_X ? 0 : *x_place(target, state, name - NAME_X);
    } else if (name == NAME_PC) {
        value->low = state->pc;
    } else if (name == NAME_MODE) {
        value->low = state->mode;
    } else if (name < NAME_F + 32) {
        value->low = target->cpu->state.f[name - NAME_F];
    } else if (name - NAME_CSR == CSR_SIP) {
        value->low = riscv_level_pending(target->cpu, target->level) & SIP_KNOWN;
    } else {
        value->low = vtl_csr_read(target->vtl, state, name - NAME_CSR);
    }
    return VTL_SUCCESS;
}

static enum vtl_status set_architectural(const struct target *target, uint32_t name, const struct value *value)
{
    struct riscv_state *state = reach(target);
    if (state == NULL) {
        return VTL_INVALID_PARAMETER;
    }
    if (value->high != 0) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    if (name < NAME_X + 32) {
        if (name == NAME_X) {
            return value->low == 0 ? VTL_SUCCESS : VTL_INVALID_REGISTER_VALUE;
        }
        *x_place(target, state, name - NAME_X) = value->low;
    } else if (name == NAME_PC) {
        if ((value->low & 1) != 0) {
            return VTL_INVALID_REGISTER_VALUE;
        }
        state->pc = value->low;
    } else if (name == NAME_MODE) {
        if (value->low != RISCV_MODE_U && value->low != RISCV_MODE_S) {
            return VTL_INVALID_REGISTER_VALUE;
        }
        state->mode = (uint8_t)value->low;
    } else if (name < NAME_F + 32) {
        target->cpu->state.f[name - NAME_F] = value->low;
    } else if (!write_csr(target, state, name - NAME_CSR, value->low)) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    return VTL_SUCCESS;
}

/* ---- Registers of trust levels ---------------------------------------------------------------------------------- */

static enum vtl_status get_version(const struct target *target, uint32_t name, struct value *value)
{
    (void)target, (void)name;
    value->low = VERSION_VALUE;
    return VTL_SUCCESS;
}

static enum vtl_status get_features(const struct target *target, uint32_t name, struct value *value)
{
    (void)target, (void)name;
    value->low = FEATURE_VSM | FEATURE_REGISTERS | FEATURE_START;
    return VTL_SUCCESS;
}

static enum vtl_status get_vp_index(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    value->low = target->vp_number;
    return VTL_SUCCESS;
}

static enum vtl_status get_vp_status(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    unsigned active = atomic_load(&target->vp->active);
    bool mode_based = false;
    for (unsigned i = active + 1; i < RISCV_LEVEL_COUNT_MAX; i++) {
        mode_based = mode_based || (atomic_load(&target->vp->levels[i].secure[active]) & VTL_SECURE_MODE_BASED) != 0;
    }
    value->low = active | (mode_based ? 1u << 4 : 0u) | (uint64_t)atomic_load(&target->vp->enabled) << 16;
    return VTL_SUCCESS;
}

static enum vtl_status get_partition_status(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    const struct vtl *vtl = target->vtl;
    value->low = atomic_load(&vtl->enabled) | (uint64_t)(vtl->machine->level_count - 1) << 16 |
                 (uint64_t)atomic_load(&vtl->mode_based) << 20;
    return VTL_SUCCESS;
}

static enum vtl_status get_capabilities(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    uint64_t above_zero = (UINT64_C(1) << target->vtl->machine->level_count) - 2;
    value->low = above_zero << 1 | CAPABILITY_DENY | CAPABILITY_MESSAGE;
    return VTL_SUCCESS;
}

/* GuestOsId and VsmPartitionConfig: of a level of the partition. */
static enum vtl_status get_os_id(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    value->low = atomic_load(&target->vtl->levels[target->level].guest_os_id);
    return VTL_SUCCESS;
}

static enum vtl_status set_os_id(const struct target *target, uint32_t name, const struct value *value)
{
    (void)name;
    if (value->high != 0) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    atomic_store(&target->vtl->levels[target->level].guest_os_id, value->low);
    return VTL_SUCCESS;
}

static enum vtl_status check_partition_level(const struct target *target)
{
    if (target->level == 0) {
        return VTL_INVALID_PARAMETER;
    }
    bool enabled = (atomic_load(&target->vtl->enabled) >> target->level & 1) != 0;
    return enabled ? VTL_SUCCESS : VTL_INVALID_VTL_STATE;
}

static enum vtl_status get_config(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    enum vtl_status status = check_partition_level(target);
    value->low = atomic_load(&target->vtl->levels[target->level].config);
    return status;
}

static bool config_is_legal(const struct target *target, uint64_t before, const struct value *value)
{
    bool mode_based = (atomic_load(&target->vtl->mode_based) >> target->level & 1) != 0;
    uint32_t mask = (uint32_t)(value->low & VTL_CONFIG_DEFAULT) >> 1;
    bool fixed = (before & VTL_CONFIG_PROTECTION) != 0;
    if (value->high != 0 || (value->low & ~CONFIG_KNOWN) != 0 || (mask & 3) != 3) {
        return false;
    }
    if (fixed && ((before ^ value->low) & (VTL_CONFIG_DEFAULT | VTL_CONFIG_PROTECTION)) != 0) {
        return false;
    }
    return vtl_map_flags_are_legal(mask, mode_based);
}

static enum vtl_status set_config(const struct target *target, uint32_t name, const struct value *value)
{
    (void)name;
    struct vtl *vtl = target->vtl;
    _Atomic uint64_t *config = &vtl->levels[target->level].config;
    enum vtl_status status = check_partition_level(target);
    if (status != VTL_SUCCESS) {
        return status;
    }
    pthread_mutex_lock(&vtl->lock);
    uint64_t before = atomic_load(config);
    status = config_is_legal(target, before, value) ? VTL_SUCCESS : VTL_INVALID_REGISTER_VALUE;
    if (status == VTL_SUCCESS && ((before ^ value->low) & VTL_CONFIG_PROTECTION) != 0) {
        unsigned denied = (unsigned)(~value->low & VTL_CONFIG_DEFAULT) >> 1;
        bool set = rights_set_default(vtl->machine->rights, target->cpu->reader, target->level, denied);
        status = set ? VTL_SUCCESS : VTL_INVALID_REGISTER_VALUE;
    }
    if (status == VTL_SUCCESS) {
        atomic_store(config, value->low);
    }
    pthread_mutex_unlock(&vtl->lock);
    return status;
}

/* Of a level of the caller's own VP. NULL: of another. */
static struct vtl_vp_level *own_level(const struct target *target)
{
    return is_own(target) ? &target->vp->levels[target->level] : NULL;
}

static enum vtl_status get_assist(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    const struct vtl_vp_level *own = own_level(target);
    value->low = own != NULL ? own->assist : 0;
    return own != NULL ? VTL_SUCCESS : VTL_INVALID_PARAMETER;
}

static enum vtl_status set_assist(const struct target *target, uint32_t name, const struct value *value)
{
    (void)name;
    struct vtl_vp_level *own = own_level(target);
    if (own == NULL) {
        return VTL_INVALID_PARAMETER;
    }
    bool set = value->high == 0 && vtl_assist_set(target->cpu, target->level, value->low);
    return set ? VTL_SUCCESS : VTL_INVALID_REGISTER_VALUE;
}

static enum vtl_status get_vina(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    const struct vtl_vp_level *own = own_level(target);
    value->low = own != NULL ? own->vina : 0;
    return own != NULL ? VTL_SUCCESS : VTL_INVALID_PARAMETER;
}

static enum vtl_status set_vina(const struct target *target, uint32_t name, const struct value *value)
{
    (void)name;
    struct vtl_vp_level *own = own_level(target);
    if (own == NULL) {
        return VTL_INVALID_PARAMETER;
    }
    uint64_t known = VTL_VINA_VECTOR | VTL_VINA_ENABLED | VTL_VINA_AUTO_RESET | VTL_VINA_AUTO_EOI;
    bool enabled = (value->low & VTL_VINA_ENABLED) != 0;
    if (value->high != 0 || (value->low & ~known) != 0 || (value->low & VTL_VINA_VECTOR) > RISCV_INTERRUPT_SSI ||
        (enabled && (value->low & VTL_VINA_VECTOR) != RISCV_INTERRUPT_SSI)) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    own->vina = value->low;
    vtl_vina_changed(target->cpu, target->level);
    return VTL_SUCCESS;
}

/* What `level` says about each lower level: the register's number is that one. */
static enum vtl_status get_secure(const struct target *target, uint32_t name, struct value *value)
{
    const struct vtl_vp_level *own = own_level(target);
    unsigned lower = name - NAME_SECURE_CONFIG;
    if (own == NULL || lower >= target->level) {
        return VTL_INVALID_PARAMETER;
    }
    value->low = atomic_load(&own->secure[lower]);
    return VTL_SUCCESS;
}

static enum vtl_status set_secure(const struct target *target, uint32_t name, const struct value *value)
{
    struct vtl_vp_level *own = own_level(target);
    unsigned lower = name - NAME_SECURE_CONFIG;
    if (own == NULL || lower >= target->level) {
        return VTL_INVALID_PARAMETER;
    }
    bool mode_based = (atomic_load(&target->vtl->mode_based) >> target->level & 1) != 0;
    if (value->high != 0 || (value->low & ~(uint64_t)(VTL_SECURE_MODE_BASED | VTL_SECURE_TLB_LOCKED)) != 0 ||
        ((value->low & VTL_SECURE_MODE_BASED) != 0 && !mode_based)) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    uint8_t before = atomic_exchange(&own->secure[lower], (uint8_t)value->low);
    if (((before ^ value->low) & VTL_SECURE_MODE_BASED) != 0) {
        vtl_mode_based_changed(target->cpu, lower);
    }
    if ((before & ~value->low & VTL_SECURE_TLB_LOCKED) != 0) {
        vtl_tlb_unlocked(target->vtl);
    }
    return VTL_SUCCESS;
}

static enum vtl_status get_pins(const struct target *target, uint32_t name, struct value *value)
{
    const struct vtl_vp_level *own = own_level(target);
    if (own == NULL) {
        return VTL_INVALID_PARAMETER;
    }
    value->low = name < NAME_PIN_MASK ? own->pin_control : own->pin_masks[name - NAME_PIN_MASK];
    return VTL_SUCCESS;
}

static enum vtl_status set_pins(const struct target *target, uint32_t name, const struct value *value)
{
    struct vtl_vp_level *own = own_level(target);
    if (own == NULL || target->level == 0) {
        return VTL_INVALID_PARAMETER;
    }
    if (value->high != 0 || (name < NAME_PIN_MASK && value->low >> PIN_COUNT != 0)) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    if (name < NAME_PIN_MASK) {
        own->pin_control = value->low;
    } else {
        own->pin_masks[name - NAME_PIN_MASK] = value->low;
    }
    vtl_pins_changed(target->cpu);
    return VTL_SUCCESS;
}

/* An exception that a level above has decided on: of the causes that instructions have, calls excepted. */
#define EVENT_CAUSES UINT64_C(0xb0ff) /* 0 … 7, 12, 13, 15 */

static enum vtl_status get_event(const struct target *target, uint32_t name, struct value *value)
{
    (void)name;
    if (!is_own(target) || target->level >= target->call->level || !vtl_has_level(target->vp, target->level)) {
        return VTL_INVALID_PARAMETER;
    }
    const struct vtl_vp_level *own = &target->vp->levels[target->level];
    *value = (struct value){ .low = own->event[0], .high = own->event[1] };
    return VTL_SUCCESS;
}

static enum vtl_status set_event(const struct target *target, uint32_t name, const struct value *value)
{
    (void)name;
    if (!is_own(target) || target->level >= target->call->level || !vtl_has_level(target->vp, target->level)) {
        return VTL_INVALID_PARAMETER;
    }
    uint64_t cause = value->low >> 8 & 0xff;
    bool pending = (value->low & VTL_EVENT_PENDING) != 0;
    if ((value->low & ~UINT64_C(0xff01)) != 0 || (pending && (cause > 15 || (EVENT_CAUSES >> cause & 1) == 0))) {
        return VTL_INVALID_REGISTER_VALUE;
    }
    struct vtl_vp_level *own = &target->vp->levels[target->level];
    own->event[0] = pending ? value->low : 0;
    own->event[1] = pending ? value->high : 0;
    return VTL_SUCCESS;
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

static const struct kind {
    uint32_t first, last;
    enum vtl_status (*get)(const struct target *target, uint32_t name, struct value *value);
    enum vtl_status (*set)(const struct target *target, uint32_t name, const struct value *value); /* NULL: RO */
} kinds[] = {
    { 0x100, 0x100, get_version, NULL },
    { 0x200, 0x200, get_features, NULL },
    { 0x10004, 0x10004, get_event, set_event },
    { NAME_X, NAME_MODE, get_architectural, set_architectural },
    { NAME_F, NAME_F + 31, get_architectural, set_architectural },
    { NAME_CSR, NAME_CSR + 0xfff, get_architectural, set_architectural },
    { 0x90002, 0x90002, get_os_id, set_os_id },
    { 0x90003, 0x90003, get_vp_index, NULL },
    { 0x90013, 0x90013, get_assist, set_assist },
    { 0xd0003, 0xd0003, get_vp_status, NULL },
    { 0xd0004, 0xd0004, get_partition_status, NULL },
    { 0xd0005, 0xd0005, get_vina, set_vina },
    { 0xd0006, 0xd0006, get_capabilities, NULL },
    { 0xd0007, 0xd0007, get_config, set_config },
    { NAME_SECURE_CONFIG, NAME_SECURE_CONFIG + 15, get_secure, set_secure },
    { 0xe0000, NAME_PIN_MASK + PIN_COUNT - 1, get_pins, set_pins },
};

static const struct kind *kind_of(uint32_t name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (name >= kinds[i].first && name <= kinds[i].last) {
            return kinds[i].get != get_architectural || name < NAME_CSR || csr_is_known(name - NAME_CSR) ? &kinds[i]
                                                                                                         : NULL;
        }
    }
    return NULL;
}

/* ---- The calls -------------------------------------------------------------------------------------------------- */

static enum vtl_status check_header(struct vtl_call *call, struct target *target)
{
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = vtl_check_vp(call, vtl_read32(call->input + 8), &target->vp_number);
    }
    if (status == VTL_SUCCESS) {
        status = vtl_check_target(call, call->input[12], &target->level);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    target->call = call;
    target->vtl = call->vtl;
    target->cpu = call->cpu;
    target->vp = &call->vtl->vps[target->vp_number];
    return vtl_is_zero(call->input + 13, 3) ? VTL_SUCCESS : VTL_INVALID_PARAMETER;
}

enum vtl_status vtl_call_get_registers(struct vtl_call *call)
{
    struct target target;
    enum vtl_status status = check_header(call, &target);
    for (unsigned i = call->start; status == VTL_SUCCESS && i < call->count; i++) {
        uint32_t name = vtl_read32(call->input + 16 + 4 * (size_t)i);
        const struct kind *kind = kind_of(name);
        struct value value = { 0, 0 };
        status = kind != NULL ? kind->get(&target, name, &value) : VTL_UNKNOWN_REGISTER;
        if (status == VTL_SUCCESS) {
            __builtin_memcpy(call->output + 16 * (size_t)i, &value, sizeof value);
            call->done++;
        }
    }
    return status;
}

enum vtl_status vtl_call_set_registers(struct vtl_call *call)
{
    struct target target;
    enum vtl_status status = check_header(call, &target);
    for (unsigned i = call->start; status == VTL_SUCCESS && i < call->count; i++) {
        const uint8_t *element = call->input + 16 + 32 * (size_t)i;
        uint32_t name = vtl_read32(element);
        const struct kind *kind = kind_of(name);
        struct value value = { vtl_read64(element + 16), vtl_read64(element + 24) };
        if (kind == NULL || kind->set == NULL || !vtl_is_zero(element + 4, 12)) {
            status = VTL_INVALID_PARAMETER;
        } else {
            status = kind->set(&target, name, &value);
        }
        call->done += status == VTL_SUCCESS ? 1 : 0;
    }
    return status;
}
