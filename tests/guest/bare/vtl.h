/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs about trust levels (s_vtl_*.c) share: a wrapper for each call of docs/reference/trust-levels.md, a
 * small dispatcher that runs in every higher level, and one line of output per rule, counted.
 *
 * All levels run the same program. A level L of hart H has *slot* 8 L + H: its tp, its stack, its struct bare_hart (so
 * that `me` is the running level's), a place for its assist page, its operand pages. Level 0 of hart H is what start.S
 * makes.
 *
 * A higher level waits in vtl_entry (vtl_entry.S): when it is called, it runs the function whose address the lower
 * level gave in a0, with a1 as its argument, and returns the result in a0; on an intercept or interrupt it runs the
 * slot's handler. So vtl_at(f, x) is "f(x) at the next higher level".
 */
#ifndef VTL_H
#define VTL_H

#include "bare.h"

#define VTL_EID    UINT64_C(0x0856534D)
#define VTL_SLOTS  128u
#define PAGE       4096u
#define VTL_SELF   UINT64_MAX /* partition */
#define VP_SELF    0xFFFFFFFEu
#define VTL_CALLER 0u            /* INPUT_VTL without use-target */
#define VTL_TO(v)  (0x10u | (v)) /* INPUT_VTL with use-target */

enum vtl_fid {
    FID_IPI = 0x0B,
    FID_PROTECT = 0x0C,
    FID_ENABLE_PARTITION = 0x0D,
    FID_ENABLE_VP = 0x0F,
    FID_CALL = 0x11,
    FID_RETURN = 0x12,
    FID_RETURN_FAST = 0x10012,
    FID_GET = 0x50,
    FID_SET = 0x51,
    FID_TRANSLATE = 0x52,
    FID_START_VP = 0x99,
    FID_INDEX = 0x9A,
    FID_CHECK = 0xD4,
};

enum vtl_status {
    OK = 0,
    BAD_WORD = 3,
    BAD_ALIGNMENT = 4,
    BAD_PARAMETER = 5,
    DENIED = 6,
    BAD_OPERATION = 8,
    BAD_PARTITION = 0xD,
    BAD_VP = 0xE,
    BAD_VP_STATE = 0x15,
    BAD_VALUE = 0x50,
    BAD_VTL_STATE = 0x51,
    ALREADY = 0x86,
    UNKNOWN_REGISTER = 0x87,
    NO_CALL = 0xfffe, /* SBI: not supported */
};

enum vtl_name {
    NAME_VERSION = 0x100,
    NAME_FEATURES = 0x200,
    NAME_EVENT = 0x10004,
    NAME_X = 0x80000,
    NAME_PC = 0x80020,
    NAME_MODE = 0x80021,
    NAME_F = 0x80040,
    NAME_CSR = 0x81000,
    NAME_OS_ID = 0x90002,
    NAME_VP_INDEX = 0x90003,
    NAME_ASSIST = 0x90013,
    NAME_VP_STATUS = 0xD0003,
    NAME_PARTITION_STATUS = 0xD0004,
    NAME_VINA = 0xD0005,
    NAME_CAPABILITIES = 0xD0006,
    NAME_CONFIG = 0xD0007,
    NAME_SECURE_CONFIG = 0xD0010,
    NAME_CR_CONTROL = 0xE0000,
    NAME_CR_MASK = 0xE0001,
};

#define CSR_SSTATUS    0x100
#define CSR_SIE        0x104
#define CSR_STVEC      0x105
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG    0x10A
#define CSR_SSCRATCH   0x140
#define CSR_SEPC       0x141
#define CSR_SCAUSE     0x142
#define CSR_STVAL      0x143
#define CSR_SIP        0x144
#define CSR_STIMECMP   0x14D
#define CSR_SATP       0x180
#define CSR_FCSR       0x003

/* Rights */
#define VR   1u
#define VW   2u
#define VKX  4u
#define VUX  8u
#define VALL (VR | VW | VKX | VUX)

/* VsmPartitionConfig */
#define CONFIG_PROTECT    1u
#define CONFIG_DEFAULT(m) ((uint64_t)(m) << 1)
#define CONFIG_ZERO       (1u << 5)
#define CONFIG_DENY_START (1u << 6)
#define CONFIG_SEE_START  (1u << 9)
#define CONFIG_SEE_RESET  (1u << 15)
#define CONFIG_USUAL      (CONFIG_PROTECT | CONFIG_DEFAULT(VALL) | CONFIG_ZERO)

enum vtl_reason { REASON_CALL = 1, REASON_INTERRUPT = 2, REASON_INTERCEPT = 3 };

enum vtl_message_type {
    MESSAGE_RIGHTS = 0x80000001,
    MESSAGE_REGISTER = 0x80010006,
    MESSAGE_START = 0x80010009,
    MESSAGE_RESET = 0x8001000C,
};

struct vtl_message {
    uint32_t type;
    uint8_t size, flags;
    uint16_t zero;
    uint64_t sender;
    uint32_t vp;
    uint8_t length, access;
    uint16_t state;
    uint64_t pc, sstatus;
    union {
        struct {
            uint32_t cache;
            uint8_t count, info;
            uint16_t zero;
            uint8_t bytes[4];
            uint32_t size;
            uint64_t gva, gpa, cause;
        } rights;
        struct {
            uint8_t flags, zero[3];
            uint32_t name;
            uint64_t value, value_high;
            uint8_t bytes[4];
            uint8_t count;
        } reg;
        struct {
            uint32_t vp, function;
            uint64_t address, opaque;
            uint8_t bytes[4];
            uint8_t count;
        } start;
        struct {
            uint32_t type, reason;
            uint8_t bytes[4];
            uint8_t count;
        } reset;
        uint8_t all[216];
    };
};

struct vtl_assist {
    uint64_t unused;
    uint32_t reason;
    uint8_t vina, zero[3];
    uint64_t a6, a7;
    uint8_t unused2[80];
    struct vtl_message message;
};

/* Shared x registers as they were at the entry; what stands here at the end is what the lower level gets. */
struct vtl_frame {
    uint64_t x[32];
};

struct vtl_context {
    uint64_t pc, sp, gp, tp, satp, stvec, sstatus, sscratch, senvcfg, scounteren, sie, zero;
};

/* What a level does on an intercept. */
enum vtl_answer {
    ANSWER_REFUSE, /* inject what the access would have caused; a write of a register: an illegal instruction */
    ANSWER_SKIP,   /* go on behind it; a fetch returns to ra */
    ANSWER_GRANT,  /* all rights on the page, then again */
    ANSWER_RETRY,  /* just again: the handler has done something */
};

struct vtl_slot {
    struct vtl_assist assist __attribute__((aligned(4096)));
    uint64_t in[512] __attribute__((aligned(4096)));
    uint64_t out[512] __attribute__((aligned(4096)));
    bool assist_on;
    volatile uint32_t reason; /* of the latest entry: the assist page itself is for the level's own eyes */
    volatile uint64_t entries, calls, interrupts, intercepts; /* counts */
    enum vtl_answer answer;
    void (*on_call)(struct vtl_frame *frame);                                   /* instead of running the function */
    void (*on_intercept)(struct vtl_frame *frame, struct vtl_message *message); /* before the answer */
    void (*on_interrupt)(struct vtl_frame *frame); /* instead of dropping what is pending */
    struct vtl_message last;                       /* the latest intercept */
    uint64_t return_fid;                           /* 0: FID_RETURN */
};

extern struct vtl_slot vtl_slots[VTL_SLOTS];
#define mine (&vtl_slots[bare_self()])

static inline uint64_t my_level(void)
{
    return bare_self() / 8;
}

static inline uint64_t my_hart(void)
{
    return bare_self() % 8;
}

static inline struct vtl_slot *slot_of(uint64_t level, uint64_t hart)
{
    return &vtl_slots[level * 8 + hart];
}

/* ---- Rules ------------------------------------------------------------------------------------------------------ */

/* Prints "ok N - text" or "not ok N - text"; not for two harts at once. */
void rule_check(const char *text, uint64_t got, uint64_t want, int line);
#define rule(text, condition)    rule_check(text, (condition) ? 1 : 0, 1, __LINE__)
#define rule_is(text, got, want) rule_check(text, (uint64_t)(got), (uint64_t)(want), __LINE__)
int rule_end(void); /* prints the count; what bare_main() returns */
extern volatile unsigned rule_count, rule_failures;

/* One rule over many cases: note_is() for each, then rule_noted(). */
void note_check(uint64_t got, uint64_t want, uint64_t which, int line);
#define note_is(got, want, which) note_check((uint64_t)(got), (uint64_t)(want), (uint64_t)(which), __LINE__)
void rule_noted(const char *text);

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

#define REPS(count) ((uint64_t)(count) << 32)
#define FROM(start) ((uint64_t)(start) << 48)
#define FAST        (UINT64_C(1) << 16)

/* The whole of it: status, or NO_CALL, in 15:0; reps completed in 43:32. */
uint64_t vtl_raw(uint64_t fid, uint64_t word, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

static inline uint16_t status_of(uint64_t result)
{
    return (uint16_t)result;
}

static inline unsigned reps_of(uint64_t result)
{
    return result >> 32 & 0xfff;
}

/* With the slot's operand pages: `in` has been filled from vtl_in(). */
uint64_t vtl_hypercall(uint64_t fid, uint64_t reps);

uint16_t vtl_get(uint32_t vp, uint8_t target, uint32_t name, uint64_t *value);
uint16_t vtl_set(uint32_t vp, uint8_t target, uint32_t name, uint64_t value);
uint64_t vtl_read(uint32_t name);                   /* own; 0xdead… if it fails */
uint64_t vtl_read_of(uint8_t level, uint32_t name); /* of a lower level */
uint16_t vtl_write(uint32_t name, uint64_t value);  /* own */
uint16_t vtl_write_of(uint8_t level, uint32_t name, uint64_t value);
uint16_t vtl_enable_partition(uint8_t level, uint8_t flags);
uint16_t vtl_enable_vp(uint32_t vp, uint8_t level, const struct vtl_context *context);
uint16_t vtl_start_vp(uint32_t vp, uint8_t level, const struct vtl_context *context);
uint16_t vtl_protect(uint32_t flags, uint64_t address); /* the page of the address; the caller enforces */
uint16_t vtl_protect_to(uint8_t target, uint32_t flags, uint64_t address);
uint64_t vtl_protect_range(uint32_t flags, uint64_t address, uint64_t size);
uint16_t vtl_ipi(uint8_t target, uint32_t vector, uint64_t mask);
uint16_t vtl_translate(uint32_t vp, uint64_t flags, uint64_t gva, uint32_t *result, uint64_t *page);
uint16_t vtl_check(uint8_t target, uint8_t wanted, uint64_t address, uint32_t *granted);

/* How long a program waits for what must come, in ticks of the 10 MHz clock: 30 s, as the host may be busy. */
#define PATIENCE UINT64_C(300000000)

/* ---- Levels ----------------------------------------------------------------------------------------------------- */

/* The context in which `level` of `hart` waits in vtl_entry. */
struct vtl_context vtl_usual_context(uint64_t level, uint64_t hart);

/* VtlCall with two arguments; the result is what comes back in a0. */
uint64_t vtl_call(uint64_t a0, uint64_t a1);

typedef uint64_t vtl_function(uint64_t argument);
static inline uint64_t vtl_at(vtl_function *function, uint64_t argument)
{
    return vtl_call((uint64_t)function, argument);
}

/* The same at that level, the running one or one above, each of those between passing it on. vtl_climb() is for who
 * sends the errand elsewhere: its argument is the errand's address. */
struct vtl_errand {
    uint64_t level;
    vtl_function *function;
    uint64_t argument;
};
uint64_t vtl_climb(uint64_t errand);
uint64_t vtl_at_level(uint64_t level, vtl_function *function, uint64_t argument);

/* To be called by each level for itself: GuestOsId; then the assist page. */
void vtl_begin(void);

/* For vtl_at(): that level's assist page goes away (0), or is there again. */
uint64_t vtl_assist(uint64_t on);

/* Enables `level` for the partition and this VP, enters it and lets it begin; it must be the next one above. */
void vtl_raise(uint8_t level, uint8_t flags);

/* The running level turns its protections on with default mask all; others of CONFIG_* may be added. */
void vtl_protections_on(uint64_t more);

/* Runs code in user mode with a0 until its first trap, which is not handled; stval is left in the register. */
struct vtl_user_end {
    uint64_t cause, a0;
};
struct vtl_user_end vtl_user_mode(uint64_t pc, uint64_t a0);

extern char vtl_entry[];
extern uint64_t vtl_private[VTL_SLOTS / 8][4]; /* by level: what its ra, s0 and gp hold while a lower one runs */

void *memset(void *start, int byte, size_t size);
void *memcpy(void *to, const void *from, size_t size);

#endif
