/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V machine and its harts: the architectural state the description declares (struct riscv_state) and, around
 * it, what makes it run: caches of translations, timers, interrupt lines, statistics.
 *
 * Ownership: a struct riscv_machine owns its harts; memory, alarm clock and log are borrowed and outlive it.
 *
 * Threads: a struct riscv_cpu belongs to the thread that runs it. Other threads may call only the functions under
 * "From any thread" below, and vcpu_request(). While no hart runs (building, reset, snapshot) one thread may do
 * anything.
 */
#ifndef RAVELIN_ARCH_RISCV_CPU_H
#define RAVELIN_ARCH_RISCV_CPU_H

#include "arch/riscv/hart.h"
#include "arch/riscv/level.h"
#include "arch/riscv/pins.h"
#include "arch/riscv/walk.h"
#include "core/alarm.h"
#include "core/check.h"
#include "core/error.h"
#include "core/log.h"
#include "core/vcpu.h"
#include "memory/memory.h"
#include "memory/tlb.h"
#include "memory/translations.h"

#include "riscv_state.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RISCV_CPU_COUNT_MAX   512u
#define RISCV_TIME_FREQUENCY  UINT64_C(10000000) /* ticks of `time` in a second */
#define RISCV_PMP_ENTRY_MAX   64u
#define RISCV_CAUSE_INTERRUPT (UINT64_C(1) << 63)

/* Interrupt numbers: bit positions in mip, mie, mideleg and in `lines`. */
enum riscv_interrupt {
    RISCV_INTERRUPT_SSI = 1, /* supervisor software */
    RISCV_INTERRUPT_MSI = 3,
    RISCV_INTERRUPT_STI = 5, /* supervisor timer */
    RISCV_INTERRUPT_MTI = 7,
    RISCV_INTERRUPT_SEI = 9, /* supervisor external */
    RISCV_INTERRUPT_MEI = 11,
    RISCV_INTERRUPT_LCOFI = 13, /* local counter overflow */
};

/* The ways a hart can see memory: one translation cache each, for each trust level (riscv_context_tlb). MPRV needs none
 * of its own: what M sees with MPRV is what the mode in MPP would see. A change of MXR, satp or PMP empties them
 * instead. */
enum riscv_context {
    RISCV_CONTEXT_U,
    RISCV_CONTEXT_S,     /* SUM = 0; fetches always use this one */
    RISCV_CONTEXT_S_SUM, /* SUM = 1 */
    RISCV_CONTEXT_M,
    RISCV_CONTEXT_COUNT,
};

/* Who is told of a trap first. */
enum riscv_trap_origin {
    RISCV_TRAP_OWN,       /* the level that runs */
    RISCV_TRAP_VIOLATION, /* a higher level: cpu->violation */
    RISCV_TRAP_PINNED,    /* a higher level: cpu->pinned */
};

struct riscv_trap {
    uint64_t cause; /* enum riscv_exception */
    uint64_t tval;
    bool tval_is_encoding; /* tval is still to be set to the instruction's bits, by the engine, which knows them */
    enum riscv_trap_origin origin;
};

/* LR's promise: SC succeeds if this host memory still holds this value. docs/decisions/0003 */
struct riscv_reservation {
    void *host;     /* NULL: none */
    uint64_t value; /* what LR loaded, zero-extended */
    uint32_t size;  /* 4 or 8 */
};

/* The PMP entries in a form that can be asked quickly: see pmp.c. */
struct riscv_pmp_rule {
    uint64_t low, high; /* first and last byte */
    uint8_t config;     /* as in pmpcfg */
    uint8_t number;     /* of the entry */
};

struct riscv_pmp {
    uint32_t rule_count; /* entries that match something, in order of priority */
    struct riscv_pmp_rule rules[RISCV_PMP_ENTRY_MAX];
    struct { /* the last answer: one decision holds from low to high */
        uint64_t low, high;
        uint8_t machine, others; /* rights of mode M and of the rest, sets of enum memory_access */
    } window;
};

/* Why the last refused access was refused: for traces. */
struct riscv_denial {
    uint64_t address;
    const char *layer; /* static strings; NULL before the first */
    const char *reason;
};

struct riscv_statistics {
    uint64_t tlb_misses;
    uint64_t tlb_flushes;
    uint64_t page_walks; /* misses that the second level did not know either */
    uint64_t device_accesses;
    uint64_t firmware_calls;
    uint64_t exceptions[64]; /* by cause */
    uint64_t interrupts[64];
};

/* What a handler on the hart's thread, which drops what rights have allowed (memory/straggler.h), may interrupt. */
enum riscv_undoable {
    RISCV_UNDOABLE_NOT,        /* nothing: it drops nothing */
    RISCV_UNDOABLE_TRANSLATED, /* translated code, whose accesses it can undo (engine/jit) */
    RISCV_UNDOABLE_C,          /* C code, which makes accesses by memory/restart.h only */
};

/* Places for what the slow path has found. The tag is set before the rights are looked at, and the handler clears it:
 * so an access by such an entry is not made if rights were taken in between. */
enum riscv_direct {
    RISCV_DIRECT_DATA,
    RISCV_DIRECT_BEYOND, /* the second page of an access that crosses */
    RISCV_DIRECT_TABLE,  /* an entry of a page table, by its guest-physical address */
    RISCV_DIRECT_COUNT,
};

struct riscv_machine;

/* Who is told what a hart does to RAM before it does it, on the hart's thread (engine/check). */
struct riscv_witness {
    /* Instructions will write to the page of this address. Told of the first write to each page since the translation
     * caches were emptied, at least. */
    void (*writes)(void *context, gpa_t address);
    /* A walk will set accessed or dirty bits of this entry of a page table. */
    void (*marks)(void *context, gpa_t entry);
    void *context;
};

#define RISCV_CODE_UNKNOWN (UINT64_C(1) << 32)

struct riscv_cpu {
    struct vcpu vcpu;

    /* The TLBs of now: loads and stores (MPRV and SUM considered), and fetches. Always point into `tlbs`. */
    struct tlb *data_tlb;
    struct tlb *fetch_tlb;

    struct riscv_state state;
    struct riscv_features features; /* what this hart implements: misa can take away from the machine's */

    struct hart hart; /* started or stopped; remote fences */

    struct riscv_machine *machine;
    void *interp;       /* the interpreter's private data */
    void *jit;          /* the JIT's, or NULL */
    void *check;        /* the check engine's, or NULL */
    uint32_t facts_key; /* what translated code that runs now may take for granted (engine/jit) */

    struct riscv_trap trap; /* recorded by riscv_raise() */
    struct riscv_denial denial;
    struct riscv_reservation reservation;
    uint32_t pause_count;

    /* Instructions retired before the one that runs now. The engine brings it up to date before it calls C code that
     * may read it (SYNC in generated handlers). */
    uint64_t instructions;

    /* From 1; goes up by 1 at fence.i: instruction bytes may have changed, and who writes them was told to watches
     * (memory/watch.h); by RISCV_CODE_UNKNOWN where that cannot be relied on. */
    uint64_t code_epoch;

    _Atomic uint64_t writes_given_up; /* the last request (riscv_ask_for_writes()) that was served */

    struct riscv_pmp pmp;
    struct translations *translations; /* behind the TLBs, for all levels: riscv_space() */
    struct riscv_walk_cache walk_cache;
    const struct memory_slot *last_slot; /* of RAM, for translation; may be NULL */

    /* Machine timer: written by any thread. */
    _Atomic uint64_t mtimecmp;
    struct alarm mtime_alarm;

    /* Trust levels: always at least level 0. */
    unsigned level;          /* the one that runs */
    unsigned level_count;    /* 1 … RISCV_LEVEL_COUNT_MAX, fixed */
    struct riscv_level *now; /* &levels[level] */
    struct riscv_level *levels;
    uint32_t levels_cached; /* bit n: level n has run, so that its TLBs are initialized; they take no memory before */
    uint64_t denying[4]; /* bits of a page's attribute word that deny the running level to read, write, fetch, and fetch
                            in user mode (enum riscv_denying) */
    _Atomic uint32_t undoable;    /* enum riscv_undoable */
    uint32_t addends_void;        /* a handler came while C code ran that translated code may have called (JIT) */
    struct rights_reader *reader; /* towards changes of page rights (inside.h); NULL: there is one level only */
    struct tlb_entry direct[RISCV_DIRECT_COUNT]; /* what the slow path has found for the access under way */
    struct riscv_violation violation;
    uint32_t pins_held;             /* bit n: pins[n] is not 0 */
    uint64_t pins[RISCV_PIN_COUNT]; /* bits of control registers that are a higher level's to decide (pins.h) */
    struct {                        /* a write to a control register that is another level's to decide */
        uint32_t number;
        uint64_t value;
    } pinned;

    const struct riscv_witness *witness; /* or NULL; who sets it empties the translation caches then */
    struct riscv_statistics statistics;
    struct tlb tlbs[]; /* RISCV_CONTEXT_COUNT for each level */
};

enum riscv_denying { RISCV_DENYING_READ, RISCV_DENYING_WRITE, RISCV_DENYING_KERNEL, RISCV_DENYING_USER };

/* The translation cache of one context of the level that runs. */
static inline struct tlb *riscv_context_tlb(struct riscv_cpu *cpu, enum riscv_context context)
{
    return &cpu->tlbs[cpu->level * RISCV_CONTEXT_COUNT + context];
}

/* What the bits of an attribute word that deny something to `level` are, running or not; its translation caches are the
 * caller's business. Bit n of `user_apart`: enforcing level n
 * judges fetches in user mode by its bit for user mode (mode-based execution control), else by that for the kernel. */
void riscv_level_set_denying(struct riscv_cpu *cpu, unsigned level, uint32_t user_apart);

struct riscv_machine_config {
    struct memory *memory;
    struct alarm_clock *clock;
    struct log *log; /* may be NULL */
    struct riscv_features features;
    unsigned cpu_count;       /* 1 … RISCV_CPU_COUNT_MAX */
    unsigned pmp_entry_count; /* 0, 16 or 64 */
    unsigned level_count;     /* of trust levels: 1 (none above the guest's own) … RISCV_LEVEL_COUNT_MAX; 0 means 1 */
};

struct riscv_machine {
    struct memory *memory;
    struct alarm_clock *clock;
    struct log *log;
    struct riscv_features features;
    unsigned cpu_count;
    struct riscv_cpu **cpus;
    unsigned pmp_entry_count;
    unsigned level_count;
    struct rights *rights;         /* of the memory; NULL: one level */
    uint64_t time_origin;          /* alarm_now() when `time` was 0 */
    _Atomic uint64_t writes_asked; /* riscv_ask_for_writes() was called so often */

    /* The built-in SBI, or NULL. Called on the hart's thread at an ecall from S; a0–a7 are in state.x[10…17], and
     * state.pc stands behind the ecall already (it may be changed). False: not handled, the trap is delivered after
     * all. While it is set there is no M-mode software: every trap goes to S whatever medeleg and mideleg say, and the
     * machine level's interrupts go nowhere. */
    bool (*firmware)(struct riscv_cpu *cpu);
    void *firmware_context; /* for the firmware's own use */

    /* Who manages trust levels; NULL: there is level 0 only. Needs the built-in SBI. Set while no hart runs. */
    const struct riscv_trust_ops *trust;
    void *trust_context;
    const struct riscv_overlays *overlays; /* what levels see over memory; NULL: nothing */
    uint32_t levels_apart; /* bit n: level n judges fetches in user mode by their own bit, on every hart, always */

    /* Told of every trap before it is taken, on the hart's thread; cause as in mcause. NULL: nobody. Set while no hart
     * runs. */
    void (*trap_taken)(void *context, const struct riscv_cpu *cpu, uint64_t cause, uint64_t tval);
    void *trap_context;
};

/* NULL and an error: counts out of range. Harts are numbered from 0 and reset; nothing runs yet. */
struct riscv_machine *riscv_machine_create(const struct riscv_machine_config *config, struct error *error);
void riscv_machine_destroy(struct riscv_machine *machine); /* NULL is allowed; no hart may be running */

/* Puts a hart into its reset state: pc 0, mode M, no translation, PMP open to nobody but M, no interrupt pending in the
 * hart itself (lines keep their level), caches empty. instructions goes on. Whoever boots sets pc and arguments then.
 */
void riscv_cpu_reset(struct riscv_cpu *cpu);

/* Puts `time` back to 0 on the whole machine; no hart may be running. */
void riscv_machine_reset_time(struct riscv_machine *machine);

/* One PMP entry that opens all memory to S and U: what firmware leaves behind, for booting without any. */
void riscv_pmp_open(struct riscv_cpu *cpu);

/* ---- From any thread -------------------------------------------------------------------------------------------- */

/* The level of an interrupt line (MSI, SEI, MEI; the timers' are the hart's own business). */
void riscv_cpu_set_line(struct riscv_cpu *cpu, enum riscv_interrupt number, bool level);

/* Sets the bit in mip as software would (SSI: an inter-processor interrupt of a supervisor). The guest clears it. */
void riscv_cpu_post(struct riscv_cpu *cpu, enum riscv_interrupt number);

/* When the machine timer interrupt is raised, in ticks of `time`; UINT64_MAX for never. */
void riscv_cpu_set_mtimecmp(struct riscv_cpu *cpu, uint64_t ticks);

/* Ticks of `time` now. */
uint64_t riscv_machine_time(const struct riscv_machine *machine);

/* ---- The hart's own thread: traps and interrupts (trap.c) ------------------------------------------------------- */

/* Records an exception; the instruction has done nothing and is to be abandoned. */
void riscv_raise(struct riscv_cpu *cpu, enum riscv_exception cause, uint64_t tval);

/* The same with the instruction's own bits as tval, for code that does not know them. */
void riscv_raise_encoding(struct riscv_cpu *cpu, enum riscv_exception cause);

/* Records that a higher level is to decide on this write to a control register; if there is none, it is an illegal
 * instruction. */
void riscv_raise_pinned(struct riscv_cpu *cpu, uint32_t number, uint64_t value);

/* Delivers the recorded exception: state.pc is the instruction that caused it, and is the handler (or, after a call
 * to the built-in SBI, the next instruction) afterwards. */
void riscv_take_trap(struct riscv_cpu *cpu);

/* Delivers an exception at state.pc to the running level's S-mode, without asking anybody: not the firmware about an
 * ecall, not a higher level about an access. Machines with built-in firmware only; not in mode M. */
void riscv_inject(struct riscv_cpu *cpu, enum riscv_exception cause, uint64_t tval);

/* Delivers the interrupt of highest priority that is pending, enabled and not masked; false: there is none. To be
 * called at an instruction boundary with state.pc exact, whenever VCPU_INTERRUPT was set and taken. */
bool riscv_take_interrupt(struct riscv_cpu *cpu);

/* Asks for the hart's own attention (VCPU_INTERRUPT) if an interrupt would be taken now. After any change of what
 * decides that; the primitives do it themselves. */
void riscv_interrupts_consider(struct riscv_cpu *cpu);

/* Something is pending and enabled in mie, whatever mstatus and mideleg say, here or at a higher trust level: WFI would
 * not sleep. */
bool riscv_interrupt_wakeup(struct riscv_cpu *cpu);

/* When the supervisor timer interrupt is raised, in ticks of `time`; UINT64_MAX for never. For the built-in firmware;
 * a guest with Sstc writes stimecmp itself. */
void riscv_set_supervisor_timer(struct riscv_cpu *cpu, uint64_t ticks);

/* Looks at the clock: sets or clears the hart's own timer lines. */
void riscv_timers_refresh(struct riscv_cpu *cpu);

/* ---- The hart's own thread: translation (translate.c, context.c) ------------------------------------------------ */

/* Must follow any change of state that comes from outside (reset, snapshot, firmware, debugger): derives everything
 * derived (TLB pointers, PMP rules, timers) and empties the translation caches. */
void riscv_cpu_state_changed(struct riscv_cpu *cpu);

/* Empties the translation caches of one level. */
void riscv_flush_level(struct riscv_cpu *cpu, unsigned level);

/* For VCPU_FLUSH and VCPU_FENCE: empties the translation caches, of all levels. */
void riscv_flush(struct riscv_cpu *cpu);

/* A remote fence (SBI) has reached the hart: as SFENCE.VMA by the hart itself, in each level. */
void riscv_fence_levels(struct riscv_cpu *cpu, const struct riscv_fence *fence);

/* For VCPU_WRITES: forgets the rights to write that its translation caches hold. */
void riscv_give_up_writes(struct riscv_cpu *cpu);

/* Makes all other harts do that soon; the request's number, for comparing. What they write later, by
 * rights they get anew, is noted by watches that were set before the request. */
uint64_t riscv_ask_for_writes(struct riscv_cpu *cpu);
uint64_t riscv_writes_given_up(const struct riscv_cpu *cpu); /* the last request that all of them have served */

/* The address space that a level's satp says, as cpu->translations knows it. */
uint32_t riscv_space(struct riscv_cpu *cpu, unsigned level);

/* The host memory of the page that holds pc, for fetching with the rights of now. False: a trap is recorded (tval is
 * pc). True with *page NULL: the page cannot be had as a whole (a PMP boundary inside), use riscv_fetch16(). */
bool riscv_fetch_page(struct riscv_cpu *cpu, uint64_t pc, const uint8_t **page);

/* Two bytes at pc (even), in any page. False: a trap is recorded, tval is pc. */
bool riscv_fetch16(struct riscv_cpu *cpu, uint64_t pc, uint16_t *bits);

/* Reads guest-virtual memory as the hart would now, for debuggers and firmware: RAM only, no trap, no accessed bit, no
 * trace in any cache. False: some byte cannot be read so. Inside (inside.h), or the rights may be those of a while ago.
 */
bool riscv_debug_read(struct riscv_cpu *cpu, uint64_t address, void *buffer, uint64_t size);

/* The bits of the instruction at pc, with the rights to fetch, as quietly and inside as well. How many bytes could be
 * had: 0, 2 (all of a compressed one, or the lower half of another) or 4; the rest of *bits is 0. */
unsigned riscv_debug_fetch(struct riscv_cpu *cpu, uint64_t pc, uint32_t *bits);

#endif
