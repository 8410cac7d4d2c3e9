/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling a higher level what a lower one was about to do (sections 5 to 7 of the interface), and those outside who
 * watch.
 *
 * The instruction has had no effect, and has none here: state.pc stays at it, in the lower level's registers. Entered
 * by an intercept, the higher level finds the message in its assist page. The lower level is hostile: everything in
 * the message but the monitor's own findings is its choice.
 */
#include "arch/riscv/inside.h"
#include "arch/riscv/primitives.h"
#include "vtl/incident.h"
#include "vtl/vtl_internal.h"

#include <string.h>

#define SENDER        UINT64_MAX
#define SSTATUS       0x100u
#define CSR_NAME      0x81000u /* section 3: register name of control register 0 */
#define HEADER_SIZE   16u
#define PAYLOAD       (VTL_ASSIST_MESSAGE + HEADER_SIZE)
#define PAYLOAD_LIMIT (VTL_ASSIST_MESSAGE_SIZE - HEADER_SIZE)

/* Section 7. */
enum message_type {
    MESSAGE_PAGE = (int)0x80000001,
    MESSAGE_REGISTER = (int)0x80010006,
    MESSAGE_START = (int)0x80010009,
    MESSAGE_RESET = (int)0x8001000c,
};

enum message_access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

enum page_info {
    INFO_VIRTUAL = 1u << 0,
    INFO_PHYSICAL = 1u << 1,
    INFO_WALK = 1u << 2,
    INFO_TLB_LOCKED = 1u << 3,
};

struct common {
    uint32_t vp;
    uint8_t length, access;
    uint16_t state;
    uint64_t pc, sstatus;
};

struct page_payload {
    struct common common;
    uint32_t cache_type;
    uint8_t byte_count, info;
    uint16_t zero;
    uint32_t bytes, size;
    uint64_t virtual, physical, cause;
};

struct register_payload {
    struct common common;
    uint32_t zero, name;
    uint64_t value, upper;
    uint32_t bytes;
    uint8_t byte_count, end[3];
};

struct start_payload {
    struct common common;
    uint32_t vp, function;
    uint64_t address, opaque;
    uint32_t bytes;
    uint8_t byte_count, end[3];
};

struct reset_payload {
    struct common common;
    uint32_t type, reason;
    uint32_t bytes;
    uint8_t byte_count, end[3];
};

_Static_assert(sizeof(struct common) == 24 && sizeof(struct page_payload) == 64 &&
                   sizeof(struct register_payload) == 56 && sizeof(struct start_payload) == 56 &&
                   sizeof(struct reset_payload) == 40 && sizeof(struct page_payload) <= PAYLOAD_LIMIT,
               "section 7 of the interface");

/* ---- What has happened ------------------------------------------------------------------------------------------ */

static struct vtl_incident begin(struct riscv_cpu *cpu, enum vtl_incident_kind kind, unsigned enforcer)
{
    const struct riscv_state *state = &cpu->state;
    struct vtl_incident incident = {
        .kind = kind,
        .vp = cpu->vcpu.number,
        .level = cpu->level,
        .enforcer = enforcer,
        .user = state->mode == RISCV_MODE_U,
        .pc = state->pc,
        .stvec = state->csr.stvec,
    };
    return incident;
}

/* By the rights of now: they may have changed since it was fetched. */
static void read_instruction(struct riscv_cpu *cpu, struct vtl_incident *incident)
{
    riscv_inside_visit(cpu);
    incident->encoding_size = riscv_debug_fetch(cpu, incident->pc, &incident->encoding);
    riscv_inside_leave(cpu);
}

/* 0: unknown. */
static unsigned instruction_length(const struct vtl_incident *incident)
{
    return incident->encoding_size == 0 ? 0 : (incident->encoding & 3) == 3 ? 4 : 2;
}

static void observe(struct riscv_cpu *cpu, struct vtl_incident *incident, enum vtl_outcome outcome)
{
    const struct vtl_watch *watch = &vtl_of(cpu)->watch;
    if (watch->observe != NULL) {
        incident->outcome = outcome;
        watch->observe(watch->context, incident);
    }
}

struct vtl_watch *vtl_watch(struct vtl *vtl)
{
    return &vtl->watch;
}

void vtl_note_enabled(struct riscv_cpu *cpu, unsigned vp, unsigned level)
{
    struct vtl_incident incident = begin(cpu, VTL_INCIDENT_ENABLED, level);
    incident.target = vp;
    observe(cpu, &incident, VTL_OUTCOME_DONE);
}

/* The hart that makes a call by which memory was refused: it is outside for that time. Else a device, perhaps by an
 * access of the hart. */
static struct riscv_cpu *calling_cpu(const struct vtl *vtl, const struct rights_reader *reader)
{
    for (unsigned i = 0; reader != NULL && i < vtl->machine->cpu_count; i++) {
        if (vtl->machine->cpus[i]->reader == reader && !rights_is_inside(reader)) {
            return vtl->machine->cpus[i];
        }
    }
    return NULL;
}

void vtl_note_refusal(void *context, const struct rights_refusal *refusal)
{
    const struct vtl *vtl = context;
    if (vtl->watch.observe == NULL) {
        return;
    }
    struct riscv_cpu *cpu = calling_cpu(vtl, refusal->reader);
    struct vtl_incident incident = { .kind = VTL_INCIDENT_TRANSFER, .vp = VTL_NO_VP };
    if (cpu != NULL) {
        incident = begin(cpu, VTL_INCIDENT_TRANSFER, refusal->enforcer);
        incident.pc -= 4; /* the firmware has moved it behind the ecall */
    }
    incident.level = refusal->level;
    incident.enforcer = refusal->enforcer;
    incident.access = refusal->access;
    incident.physical = refusal->address;
    incident.size = refusal->size;
    incident.outcome = VTL_OUTCOME_FAULT;
    vtl->watch.observe(vtl->watch.context, &incident);
}

/* ---- Messages --------------------------------------------------------------------------------------------------- */

static struct common common_part(struct riscv_cpu *cpu, const struct vtl_incident *incident, enum message_access access)
{
    struct common common = {
        .vp = incident->vp,
        .length = (uint8_t)instruction_length(incident),
        .access = (uint8_t)access,
        .state = (uint16_t)(cpu->state.mode | incident->level << 7),
        .pc = incident->pc,
    };
    CHECK(riscv_csr_read(cpu, SSTATUS, &common.sstatus));
    return common;
}

/* The enforcing level runs next, with this message. False: it is not there to be told. */
static bool deliver(struct riscv_cpu *cpu, struct vtl_incident *incident, enum message_type type, const void *payload,
                    size_t size)
{
    unsigned level = incident->enforcer;
    if (!vtl_has_level(vtl_vp_of(cpu), level)) {
        return false;
    }
    struct {
        uint32_t type;
        uint8_t payload_size, flags;
        uint16_t zero;
        uint64_t sender;
        uint8_t payload[PAYLOAD_LIMIT];
    } message = { .type = (uint32_t)type, .payload_size = (uint8_t)size, .sender = SENDER };
    memcpy(message.payload, payload, size);
    if (!vtl_assist_write(cpu, level, VTL_ASSIST_MESSAGE, &message, HEADER_SIZE + size)) {
        return false;
    }
    observe(cpu, incident, VTL_OUTCOME_DELIVERED);
    vtl_enter(cpu, level, VTL_ENTRY_INTERCEPT);
    return true;
}

static bool is_held(const struct vtl *vtl, unsigned level)
{
    return (vtl->config.held >> level & 1) != 0;
}

/* The program that holds the level decides. False: the guest gets its exception. */
static bool ask_holder(struct riscv_cpu *cpu, struct vtl_incident *incident)
{
    const struct vtl_holder *holder = &vtl_of(cpu)->watch.holders[incident->enforcer];
    /* The hart has left its level for the time of a trap (riscv_take_trap()): the holder may change rights. */
    enum vtl_verdict verdict = holder->decide != NULL ? holder->decide(holder->context, incident) : VTL_VERDICT_FAULT;
    unsigned length = instruction_length(incident);
    if (verdict == VTL_VERDICT_SKIP && length != 0) {
        cpu->state.pc += length;
        observe(cpu, incident, VTL_OUTCOME_SKIPPED);
        return true;
    }
    if (verdict == VTL_VERDICT_RETRY) {
        observe(cpu, incident, VTL_OUTCOME_RETRIED);
        vtl_pins_changed(cpu); /* the holder may have changed what it pins */
        return true;
    }
    return false;
}

/* ---- Refused accesses ------------------------------------------------------------------------------------------- */

static enum message_access message_access_of(enum memory_access kind)
{
    return kind == MEMORY_READ ? ACCESS_READ : kind == MEMORY_WRITE ? ACCESS_WRITE : ACCESS_EXECUTE;
}

static bool deliver_page(struct riscv_cpu *cpu, struct vtl_incident *incident)
{
    const struct vtl_vp_level *own = &vtl_vp_of(cpu)->levels[incident->enforcer];
    bool locked = (atomic_load(&own->secure[incident->level]) & VTL_SECURE_TLB_LOCKED) != 0;
    const struct page_payload payload = {
        .common = common_part(cpu, incident, message_access_of(incident->access)),
        .byte_count = (uint8_t)incident->encoding_size,
        .info =
            (uint8_t)(INFO_VIRTUAL | INFO_PHYSICAL | (incident->walk ? INFO_WALK : 0) | (locked ? INFO_TLB_LOCKED : 0)),
        .bytes = incident->encoding,
        .size = (uint32_t)incident->size,
        .virtual = incident->address,
        .physical = incident->physical,
        .cause = incident->cause,
    };
    return deliver(cpu, incident, MESSAGE_PAGE, &payload, sizeof payload);
}

bool vtl_violation(struct riscv_cpu *cpu)
{
    const struct riscv_violation violation = cpu->violation;
    struct vtl_incident incident = begin(cpu, VTL_INCIDENT_PAGE, violation.enforcer);
    vtl_count(&vtl_vp_of(cpu)->levels[violation.enforcer].statistics.violations, 1);
    incident.access = violation.kind;
    incident.walk = violation.walk;
    incident.address = violation.address;
    incident.physical = violation.physical.bits;
    incident.size = violation.size;
    incident.cause = cpu->trap.cause;
    if (violation.kind != MEMORY_FETCH) {
        read_instruction(cpu, &incident);
    }
    if (is_held(vtl_of(cpu), violation.enforcer) ? ask_holder(cpu, &incident) : deliver_page(cpu, &incident)) {
        return true;
    }
    observe(cpu, &incident, VTL_OUTCOME_FAULT);
    return false;
}

/* ---- Pinned registers ------------------------------------------------------------------------------------------- */

bool vtl_intercept_register(struct riscv_cpu *cpu, unsigned enforcer)
{
    struct vtl_incident incident = begin(cpu, VTL_INCIDENT_REGISTER, enforcer);
    vtl_count(&vtl_vp_of(cpu)->levels[enforcer].statistics.pinned, 1);
    incident.csr = cpu->pinned.number;
    incident.value = cpu->pinned.value;
    read_instruction(cpu, &incident);
    const struct register_payload payload = {
        .common = common_part(cpu, &incident, ACCESS_WRITE),
        .name = CSR_NAME + incident.csr,
        .value = incident.value,
        .bytes = incident.encoding,
        .byte_count = (uint8_t)incident.encoding_size,
    };
    if (is_held(vtl_of(cpu), enforcer) ? ask_holder(cpu, &incident)
                                       : deliver(cpu, &incident, MESSAGE_REGISTER, &payload, sizeof payload)) {
        return true;
    }
    observe(cpu, &incident, VTL_OUTCOME_FAULT);
    return false;
}

/* ---- SBI calls -------------------------------------------------------------------------------------------------- */

/* The firmware has moved the pc behind the ecall; whoever is told of the call finds it at it. */
static bool deliver_call(struct riscv_cpu *cpu, struct vtl_incident *incident, enum message_type type,
                         const void *payload, size_t size)
{
    uint64_t behind = cpu->state.pc;
    cpu->state.pc = incident->pc;
    if (deliver(cpu, incident, type, payload, size)) {
        return true;
    }
    cpu->state.pc = behind;
    observe(cpu, incident, VTL_OUTCOME_FAULT);
    return false;
}

static struct vtl_incident begin_call(struct riscv_cpu *cpu, enum vtl_incident_kind kind, unsigned enforcer)
{
    struct vtl_incident incident = begin(cpu, kind, enforcer);
    incident.pc -= 4;
    read_instruction(cpu, &incident);
    return incident;
}

bool vtl_intercept_start(struct riscv_cpu *cpu, unsigned level, uint32_t vp, enum vtl_startup function,
                         uint64_t address, uint64_t opaque)
{
    struct vtl_incident incident =
        begin_call(cpu, function == VTL_STARTUP_STOP ? VTL_INCIDENT_STOP : VTL_INCIDENT_START, level);
    incident.target = vp;
    incident.argument = address;
    incident.second = opaque;
    const struct start_payload payload = {
        .common = common_part(cpu, &incident, ACCESS_EXECUTE),
        .vp = vp,
        .function = (uint32_t)function,
        .address = address,
        .opaque = opaque,
        .bytes = incident.encoding,
        .byte_count = (uint8_t)incident.encoding_size,
    };
    return deliver_call(cpu, &incident, MESSAGE_START, &payload, sizeof payload);
}

/* Held levels are not enabled, and have nothing else in their configuration. */
void vtl_hold_starts(struct vtl *vtl, unsigned level, bool decides)
{
    CHECK(is_held(vtl, level));
    atomic_store(&vtl->levels[level].config, decides ? VTL_CONFIG_SEE_START : 0);
}

static enum riscv_trust_verdict ask_about_call(struct riscv_cpu *cpu, struct vtl_incident *incident)
{
    const struct vtl_holder *holder = &vtl_of(cpu)->watch.holders[incident->enforcer];
    enum vtl_verdict verdict = holder->decide != NULL ? holder->decide(holder->context, incident) : VTL_VERDICT_FAULT;
    switch (verdict) {
    case VTL_VERDICT_RETRY: observe(cpu, incident, VTL_OUTCOME_DONE); return RISCV_TRUST_GO_ON;
    case VTL_VERDICT_SKIP:
        cpu->state.x[10] = 0; /* SBI_SUCCESS */
        cpu->state.x[11] = 0;
        observe(cpu, incident, VTL_OUTCOME_SKIPPED);
        return RISCV_TRUST_TAKEN;
    case VTL_VERDICT_FAULT: break;
    }
    observe(cpu, incident, VTL_OUTCOME_FAULT);
    return RISCV_TRUST_REFUSED;
}

enum riscv_trust_verdict vtl_ask_holders(struct riscv_cpu *cpu, enum vtl_incident_kind kind, bool with_context,
                                         unsigned vp, uint64_t address, uint64_t second)
{
    const struct vtl *vtl = vtl_of(cpu);
    enum riscv_trust_verdict verdict = RISCV_TRUST_GO_ON;
    for (unsigned level = cpu->level + 1; level < cpu->level_count && verdict == RISCV_TRUST_GO_ON; level++) {
        if (!is_held(vtl, level) || (atomic_load(&vtl->levels[level].config) & VTL_CONFIG_SEE_START) == 0) {
            continue;
        }
        struct vtl_incident incident = begin_call(cpu, kind, level);
        incident.target = vp;
        incident.argument = address;
        incident.second = second;
        incident.with_context = with_context;
        verdict = ask_about_call(cpu, &incident);
    }
    return verdict;
}

bool vtl_intercept_reset(struct riscv_cpu *cpu, unsigned level, uint32_t type, uint32_t reason)
{
    struct vtl_incident incident = begin_call(cpu, VTL_INCIDENT_RESET, level);
    incident.target = type;
    incident.argument = reason;
    const struct reset_payload payload = {
        .common = common_part(cpu, &incident, ACCESS_EXECUTE),
        .type = type,
        .reason = reason,
        .bytes = incident.encoding,
        .byte_count = (uint8_t)incident.encoding_size,
    };
    return deliver_call(cpu, &incident, MESSAGE_RESET, &payload, sizeof payload);
}
