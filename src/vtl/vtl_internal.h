/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: the state of trust levels, all of it plain data, and the functions of its files for each other.
 *
 * Threads. A *VP* is a hart; what it has is touched by its own thread, except what is marked:
 *   lock    changed under struct vtl's lock, read by any thread
 *   passed  written by another thread before it sets the bit or state that makes the VP's own thread look at it
 * A switch between levels takes no lock.
 */
#ifndef RAVELIN_VTL_VTL_INTERNAL_H
#define RAVELIN_VTL_VTL_INTERNAL_H

#include "arch/riscv/overlay.h"
#include "core/check.h"
#include "memory/rights.h"
#include "vtl/incident.h"
#include "vtl/vtl.h"

#include <pthread.h>
#include <stdatomic.h>

/* Section 1: status codes. */
enum vtl_status {
    VTL_SUCCESS = 0,
    VTL_INVALID_CODE = 2,
    VTL_INVALID_INPUT = 3,
    VTL_INVALID_ALIGNMENT = 4,
    VTL_INVALID_PARAMETER = 5,
    VTL_ACCESS_DENIED = 6,
    VTL_INVALID_PARTITION_STATE = 7,
    VTL_OPERATION_DENIED = 8,
    VTL_INVALID_PARTITION = 0xd,
    VTL_INVALID_VP = 0xe,
    VTL_INVALID_VP_STATE = 0x15,
    VTL_INVALID_REGISTER_VALUE = 0x50,
    VTL_INVALID_VTL_STATE = 0x51,
    VTL_ALREADY_ENABLED = 0x86,
    VTL_UNKNOWN_REGISTER = 0x87,
    VTL_TAKEN = 0x10000, /* none: a higher level has been entered to decide */
};

/* Section 4: entry reasons. */
enum vtl_entry { VTL_ENTRY_CALL = 1, VTL_ENTRY_INTERRUPT = 2, VTL_ENTRY_INTERCEPT = 3 };

/* Section 7: the function of a message about the start of a VP. */
enum vtl_startup { VTL_STARTUP_HART = 0, VTL_STARTUP_STOP = 1, VTL_STARTUP_VP = 2 };

/* Section 4: the VP assist page; offsets in bytes. */
enum vtl_assist {
    VTL_ASSIST_REASON = 8,    /* 4 */
    VTL_ASSIST_VINA = 12,     /* 1 */
    VTL_ASSIST_A6 = 16,       /* 8 */
    VTL_ASSIST_A7 = 24,       /* 8 */
    VTL_ASSIST_MESSAGE = 112, /* 256 */
    VTL_ASSIST_MESSAGE_SIZE = 256,
};

/* Section 3: bits of registers. */
#define VTL_CONFIG_PROTECTION UINT64_C(1)
#define VTL_CONFIG_DEFAULT    UINT64_C(0x1e)
#define VTL_CONFIG_ZERO       (UINT64_C(1) << 5)
#define VTL_CONFIG_DENY_START (UINT64_C(1) << 6)
#define VTL_CONFIG_SEE_START  (UINT64_C(1) << 9)
#define VTL_CONFIG_SEE_RESET  (UINT64_C(1) << 15)
#define VTL_VINA_VECTOR       UINT64_C(0xff)
#define VTL_VINA_ENABLED      (UINT64_C(1) << 8)
#define VTL_VINA_AUTO_RESET   (UINT64_C(1) << 9)
#define VTL_VINA_AUTO_EOI     (UINT64_C(1) << 10)
#define VTL_SECURE_MODE_BASED 1u /* VsmVpSecureConfig: MbecEnabled */
#define VTL_SECURE_TLB_LOCKED 2u
#define VTL_EVENT_PENDING     UINT64_C(1)
#define VTL_ASSIST_ENABLED    UINT64_C(1)
#define VTL_PARTITION_SELF    UINT64_MAX
#define VTL_VP_SELF           UINT32_C(0xfffffffe)

/* Section 2: the initial context of a level. Widths and order are the interface's. */
struct vtl_context {
    uint64_t pc, sp, gp, tp, satp, stvec, sstatus, sscratch, senvcfg, scounteren, sie, zero;
};

/* A level of the partition. */
struct vtl_level {
    _Atomic uint64_t guest_os_id;
    _Atomic uint64_t config;                     /* lock: VsmPartitionConfig */
    _Atomic uint64_t held_pins[RISCV_PIN_COUNT]; /* of a held level: masks for all VPs */
};

/* A level of a VP. */
struct vtl_vp_level {
    struct vtl_context initial; /* passed: the bit in `enabled` */
    bool entered;               /* the registers in its bank are its own */
    uint8_t left;               /* the level that was left for this one: where it returns to */
    uint64_t assist;            /* VpAssistPage */
    uint8_t *assist_page;       /* while it is enabled */
    uint64_t vina;              /* VsmVina */
    uint64_t pin_control;       /* CrInterceptControl: bits 4:0 satp, stvec, sstatus, senvcfg, scounteren */
    uint64_t pin_masks[5];      /* in the same order */
    uint64_t event[2];          /* PendingEvent0 */
    struct {                    /* counted by vtl_count() */
        _Atomic uint64_t calls, returns, interrupts, intercepts, violations, pinned, protections, pages;
    } statistics;
    _Atomic uint8_t secure[RISCV_LEVEL_COUNT_MAX]; /* VsmVpSecureConfigVtl v, for v below this level */
};

struct vtl_vp {
    _Atomic uint32_t enabled; /* lock: bit n: level n is enabled here; level 0 always is */
    bool starts;              /* passed, HART_START_PENDING: the next start is one in a level, with this context */
    uint8_t start_level;
    struct vtl_context start;
    _Atomic uint8_t active; /* the level that runs, for other threads */
    _Atomic bool waits;     /* for another VP's TLB lock */
    _Atomic bool changes;   /* page rights; see assist.c */
    struct vtl_vp_level levels[RISCV_LEVEL_COUNT_MAX];
};

struct vtl {
    struct riscv_machine *machine;
    struct memory *memory;
    struct vtl_config config;
    struct vtl_watch watch;
    struct riscv_overlays *overlays;
    pthread_mutex_t overlay_lock; /* placing; see assist.c */
    _Atomic bool placing;
    pthread_mutex_t lock;
    _Atomic uint32_t enabled;    /* lock: EnabledVtlSet of the partition */
    _Atomic uint32_t mode_based; /* lock: levels that were enabled with mode-based execution control */
    struct vtl_level levels[RISCV_LEVEL_COUNT_MAX];
    struct riscv_machine *scratch; /* lock: one hart that tries out what control registers can hold (csr.c) */
    struct memory *scratch_memory; /* nothing */
    struct vtl_vp vps[];           /* machine->cpu_count */
};

/* Of a VP's own, on its thread. */
static inline void vtl_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline struct vtl *vtl_of(const struct riscv_cpu *cpu)
{
    return cpu->machine->trust_context;
}

static inline struct vtl_vp *vtl_vp_of(const struct riscv_cpu *cpu)
{
    return &vtl_of(cpu)->vps[cpu->vcpu.number];
}

/* Whether a level is enabled on a VP. Any thread. */
static inline bool vtl_has_level(const struct vtl_vp *vp, unsigned level)
{
    return (atomic_load_explicit(&vp->enabled, memory_order_acquire) >> level & 1) != 0;
}

/* The lowest level above `level` that is enabled on a VP; 0: none. */
static inline unsigned vtl_next_above(const struct vtl_vp *vp, unsigned level)
{
    uint32_t above = atomic_load_explicit(&vp->enabled, memory_order_acquire) >> (level + 1);
    return above != 0 ? level + 1 + (unsigned)__builtin_ctz(above) : 0;
}

/* ---- switch.c --------------------------------------------------------------------------------------------------- */

/* Goes to a higher level, enabled on this VP. For a call, state.pc stands behind the ecall; for an interrupt or
 * intercept at the instruction that has had no effect, and the message is in the assist page already. */
void vtl_enter(struct riscv_cpu *cpu, unsigned level, enum vtl_entry entry);

/* What the running level's MbecEnabled bits mean to the translation of levels below (riscv_level_set_denying); after
 * any change of VsmVpSecureConfig of this VP. */
void vtl_mode_based_changed(struct riscv_cpu *cpu, unsigned level);

/* VtlCall and VtlReturn. False: the caller gets an illegal-instruction exception. */
bool vtl_switch_up(struct riscv_cpu *cpu);
bool vtl_switch_down(struct riscv_cpu *cpu, bool fast);

/* The bare switch, upwards or downwards, with what depends on the level that runs. */
void vtl_switch_to(struct riscv_cpu *cpu, unsigned level);

/* Sees to it that the registers of a level enabled on this VP are in its bank: the initial context if it has not run
 * yet. */
void vtl_materialize(struct riscv_cpu *cpu, unsigned level);

/* ---- csr.c: control registers of a level that does not run, as csrr and csrw would read and write them ---------- */

/* `state` is a level's; any thread that may use it. */
uint64_t vtl_csr_read(struct vtl *vtl, const struct riscv_state *state, uint32_t number);

/* False: the register cannot hold the value; nothing is changed. */
bool vtl_csr_write(struct vtl *vtl, struct riscv_state *state, uint32_t number, uint64_t value);

/* Whether the registers can hold a context, and the state that begins with it. `state` has the machine level's
 * registers already. */
bool vtl_context_is_legal(struct vtl *vtl, const struct riscv_state *state, const struct vtl_context *context);
void vtl_context_apply(struct vtl *vtl, struct riscv_state *state, const struct vtl_context *context);
void vtl_context_read(const uint8_t *bytes, struct vtl_context *context);

/* ---- assist.c: the VP assist page of a level of this VP --------------------------------------------------------- */

static inline bool vtl_assist_is_enabled(const struct vtl_vp *vp, unsigned level)
{
    return (vp->levels[level].assist & VTL_ASSIST_ENABLED) != 0;
}

/* False: not enabled. Nothing is written or read then. */
bool vtl_assist_write(struct riscv_cpu *cpu, unsigned level, unsigned offset, const void *bytes, size_t size);
bool vtl_assist_read(struct riscv_cpu *cpu, unsigned level, unsigned offset, void *bytes, size_t size);

/* A write to VpAssistPage: places, moves or removes the overlay. False: the value is not legal, nothing has changed. */
bool vtl_assist_set(struct riscv_cpu *cpu, unsigned level, uint64_t value);

/* Around a change of page rights by this VP, and its look whether an overlay is in the way: no overlay is placed
 * meanwhile. Not nested. */
void vtl_change_begin(struct riscv_cpu *cpu);
void vtl_change_end(struct riscv_cpu *cpu);

/* ---- hypercall.c ------------------------------------------------------------------------------------------------ */

bool vtl_call(struct riscv_cpu *cpu);

#define VTL_OPERAND_MAX 4096u

/* A call whose input word and operands have been checked. */
struct vtl_call {
    struct vtl *vtl;
    struct riscv_cpu *cpu;
    unsigned level;        /* the caller's */
    unsigned start, count; /* of the elements of a rep call */
    unsigned done;         /* elements completed, from `start` on: by the handler */
    uint8_t *input;        /* header and all elements, a copy; 8-byte aligned */
    uint8_t *output;       /* zeroed; written to the guest if the call succeeds, elements completed if it fails */
};

/* Handlers, one for each call. */
enum vtl_status vtl_call_enable_partition(struct vtl_call *call); /* partition.c */
enum vtl_status vtl_call_enable_vp(struct vtl_call *call);
enum vtl_status vtl_call_protect(struct vtl_call *call); /* protect.c */
enum vtl_status vtl_call_check_access(struct vtl_call *call);
enum vtl_status vtl_call_get_registers(struct vtl_call *call); /* registers.c */
enum vtl_status vtl_call_set_registers(struct vtl_call *call);
enum vtl_status vtl_call_translate(struct vtl_call *call); /* translate.c */
enum vtl_status vtl_call_start_vp(struct vtl_call *call);  /* start.c */
enum vtl_status vtl_call_send_ipi(struct vtl_call *call);  /* ipi.c */
enum vtl_status vtl_call_vp_index(struct vtl_call *call);

/* Fields of operands. */
static inline uint64_t vtl_read64(const uint8_t *bytes)
{
    uint64_t value;
    __builtin_memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint32_t vtl_read32(const uint8_t *bytes)
{
    uint32_t value;
    __builtin_memcpy(&value, bytes, sizeof value);
    return value;
}

/* Whether a set of map flags, or a default mask, is a legal one (section 2). */
bool vtl_map_flags_are_legal(uint32_t flags, bool mode_based);

/* What several calls check: partition id, VP index (own: self is the caller's), INPUT_VTL (without use-target: the
 * caller's level). */
enum vtl_status vtl_check_partition(uint64_t id);
enum vtl_status vtl_check_vp(const struct vtl_call *call, uint32_t index, unsigned *vp);
enum vtl_status vtl_check_target(const struct vtl_call *call, uint8_t input_vtl, unsigned *level);
bool vtl_is_zero(const uint8_t *bytes, size_t size);

/* ---- start.c ---------------------------------------------------------------------------------------------------- */

enum riscv_trust_verdict vtl_firmware(struct riscv_cpu *cpu, uint64_t extension, uint64_t function);
bool vtl_fence_may_end(struct riscv_cpu *cpu, uint64_t mask, uint64_t base);
bool vtl_start(struct riscv_cpu *cpu);

/* A TLB lock of this VP was taken back: whoever waits for it looks again. */
void vtl_tlb_unlocked(struct vtl *vtl);

/* ---- intercept.c, pins.c, interrupts.c -------------------------------------------------------------------------- */

bool vtl_violation(struct riscv_cpu *cpu); /* struct riscv_trust_ops */
bool vtl_pinned(struct riscv_cpu *cpu);
void vtl_interrupt(struct riscv_cpu *cpu, unsigned level);
void vtl_held_back(struct riscv_cpu *cpu);

/* Tells `level` of a start or stop of a VP, or a reset, that a lower level asks for by the call in its registers, and
 * enters it; state.pc is put back to the ecall. False: it is not enabled on this VP, or has no assist page. */
bool vtl_intercept_start(struct riscv_cpu *cpu, unsigned level, uint32_t vp, enum vtl_startup function,
                         uint64_t address, uint64_t opaque);
bool vtl_intercept_reset(struct riscv_cpu *cpu, unsigned level, uint32_t type, uint32_t reason);

/* Held levels above the running one decide about a start or stop of a VP, asked for by the call in its registers; where
 * more than one wants to, the lowest first. TAKEN: the caller is told that it was done, and it is not; a0 and a1 are
 * set as SBI does. */
enum riscv_trust_verdict vtl_ask_holders(struct riscv_cpu *cpu, enum vtl_incident_kind kind, bool with_context,
                                         unsigned vp, uint64_t address, uint64_t second);

/* cpu->pinned is for `enforcer`, a higher level, to decide. As struct riscv_trust_ops' pinned(). */
bool vtl_intercept_register(struct riscv_cpu *cpu, unsigned enforcer);

/* For observers (struct rights_refusal; context is the struct vtl): rights refused a device's memory, or a call's. */
void vtl_note_refusal(void *context, const struct rights_refusal *refusal);

/* For observers: the running level has enabled a level on a VP. */
void vtl_note_enabled(struct riscv_cpu *cpu, unsigned vp, unsigned level);

/* The running level is another one now, or what is pinned for it has changed. */
void vtl_pins_changed(struct riscv_cpu *cpu);

/* A higher level has been entered, or is about to be left: virtual interrupt notification assist. */
void vtl_vina_changed(struct riscv_cpu *cpu, unsigned level); /* VsmVina */
void vtl_vina_entered(struct riscv_cpu *cpu);
void vtl_vina_leaving(struct riscv_cpu *cpu);

#endif
