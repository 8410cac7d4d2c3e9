/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secure kernel: what it knows, and how its parts hang together.
 *
 *   start.S      entry, and the loop around the return to the guest
 *   kernel.c     starts virtual processors, and decides what an entry is about
 *   protect.c    which pages have which rights: while the guest starts, and from its first process on
 *   pages.c      refused accesses: what of it the guest legitimately does, and what is an attack
 *   code.c       what the guest has mapped as code
 *   patch.c      which patches of the guest kernel's text are legitimate
 *   trace.c      those that its tracers make, if the policy permits them
 *   budget.c     how many refusals are told of
 *   pins.c       control registers that must keep their value
 *   service.c    calls of the guest: its use of a secret that it cannot read
 *   store.c      stores, by their encoding
 *
 * Threads: virtual processors run this code at once. `lock` guards all of struct kernel but what never changes once the
 * guest runs; a struct vp belongs to its own processor, except what a starter writes before it starts it. Whoever runs
 * in this level holds up no change of rights, so the lock may be held across calls.
 *
 * Everything that comes from level 0 is hostile: registers, messages (their contents, not their form), page tables.
 */
#ifndef SECURE_KERNEL_KERNEL_H
#define SECURE_KERNEL_KERNEL_H

#include "abi.h"
#include "library.h"

#include "board/secure_kernel_block.h"

#define VP_COUNT_MAX 128u

/* Shared registers as the guest left them, by number; start.S. Those that are private (1 … 4, 8) are not here. */
struct frame {
    uint64_t x[32];
};

struct vp {
    uint32_t number;
    struct frame *frame;
    void *input, *output; /* a page each, for calls */
    struct abi_assist_page *assist;
    uint64_t start_address, start_argument; /* where level 0 begins: written by the starter */
    uint64_t stack;                         /* its top */
    bool runs;                              /* was started, and has not stopped */
    bool user_apart;                        /* user mode has rights of its own: its first process was seen */
    bool pinned;                            /* pins.c */
};

/* A half-open range of guest-physical addresses, whole pages. */
struct range {
    uint64_t start, end;
};

static inline bool range_has(struct range range, uint64_t address)
{
    return range.start <= address && address < range.end;
}

/* What can happen to a patch table: patch.c. */
struct patch_site {
    uint32_t offset; /* from the image's start, UINT32_MAX: none */
    int32_t target;  /* from the site */
};

/* An instruction of the text that became an ebreak: trace.c. */
struct trace_probe {
    uint32_t offset;   /* from the image's start */
    uint32_t original; /* its bits; above those of a compressed one 0 */
};

/* Lines that may be told of one kind of refusal: budget.c. */
struct budget {
    const char *what; /* NULL: of none yet */
    uint32_t line_count;
    uint64_t filled; /* when it was so many, in ticks of `time` */
    uint64_t untold; /* refusals since the last one that was told */
};
#define BUDGET_COUNT 16u

struct kernel {
    struct lock lock;
    uint64_t free_memory, free_memory_end; /* what was not given away yet */
    uint64_t symbols[SECURE_KERNEL_SYMBOL_COUNT];
    uint64_t tracers[SECURE_KERNEL_TRACER_COUNT];
    uint64_t image;     /* physical, of _start */
    uint64_t image_end; /* physical */
    struct range own, text, init, rodata;
    uint32_t vp_count;
    uint32_t permissions, pins;
    bool locked; /* the guest's start is over: everything is as protect.h says */
    uint64_t satp_mode;
    struct patch_site *sites;
    uint64_t site_mask;  /* of the table, whose size is a power of two */
    uint32_t *functions; /* that can be traced: offsets from the image's start, ascending; NULL: none */
    uint64_t function_count;
    struct trace_probe *probes; /* in any order */
    uint32_t probe_count;
    uint64_t refused; /* or, when observing, what would have been */
    struct budget budgets[BUDGET_COUNT];
    uint64_t patched, granted, revoked;
    uint8_t sign_key[32], attest_key[32];
    struct vp *vps;
};

extern struct kernel kernel __attribute__((visibility("hidden")));

static inline bool kernel_permits(enum secure_kernel_permission permission)
{
    return (kernel.permissions & permission) != 0;
}

/* Physical address of one in the guest kernel's image. */
static inline uint64_t kernel_physical(uint64_t address)
{
    return address - kernel.symbols[SECURE_KERNEL_START] + kernel.image;
}

/* Offset from the image's start of the place that calls who traces functions. */
static inline uint32_t kernel_tracer_call(void)
{
    return (uint32_t)(kernel.symbols[SECURE_KERNEL_TRACER_CALL] - kernel.symbols[SECURE_KERNEL_START]);
}

/* Virtual: Linux puts modules in the 2 GiB before the image's end, as far as they are before its start (its
 * arch/riscv/include/asm/pgtable.h). */
static inline uint64_t kernel_modules_start(void)
{
    return ((kernel.symbols[SECURE_KERNEL_END] + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)) - (UINT64_C(2) << 30);
}

/* `size` bytes, zeroed and aligned to pages, for ever; NULL: there is no more. The lock is held, or one vp runs. */
void *kernel_allocate(uint64_t size);

/* Tells why, and shuts the machine down. */
_Noreturn void kernel_die(const char *why);

/* The exception that level 0 gets in place of what it was refused. Linux panics at an access fault or illegal
 * instruction of its own, but ends only the culprit at a page fault (arch/riscv/kernel/traps.c, mm/fault.c): so its
 * kernel gets page faults, and user programs, whose page faults are retried, access faults. */
void kernel_refuse_access(struct vp *vp, const struct abi_message *message);
void kernel_refuse_instruction(struct vp *vp, const struct abi_message *message);

static inline bool message_is_user(const struct abi_message *message)
{
    return (message->state & ABI_STATE_MODE_MASK) == 0;
}

/* Level 0 goes on behind the instruction at pc. */
void kernel_skip(struct vp *vp, uint64_t pc, unsigned length);

/* Tells of something that is not permitted; true: it is to be refused, false: the policy only observes. The lock is
 * held. */
bool kernel_refuses(struct vp *vp, const char *what, uint64_t address, uint64_t pc);

/* Register `number` of level 0, private or shared. */
uint64_t kernel_register(struct vp *vp, unsigned number);
void kernel_set_register(struct vp *vp, unsigned number, uint64_t value);

/* protect.c. The lock is held, but for the first, when one vp runs. */
void protect_begin(struct vp *vp);
void protect_first_process(struct vp *vp); /* the guest wants to run its first process on this processor */
void protect_look(struct vp *vp);          /* the time to look whether its start is over */

/* pages.c: refused accesses; and all that is mapped as code becomes executable, and nothing will any more */
void pages_refused(struct vp *vp, const struct abi_message *message);
void pages_seal(struct vp *vp);

/* code.c: each page that the guest's kernel maps executable and not writable where modules and BPF programs are, with
 * its page number, which may be that of no RAM. It ends when `visit` returns true, and so does the result then. */
typedef bool code_visit(struct vp *vp, uint64_t virtual, uint64_t page, void *context);
bool code_each(struct vp *vp, code_visit *visit, void *context);

/* patch.c: reads the table of sites, after it became unwritable. Whether these bytes may be stored there; if they are
 * half of an instruction, all of it has been changed when this returns. */
void patch_begin(void);
bool patch_is_legitimate(uint64_t physical, uint64_t value, unsigned size);

/* trace.c: reads the table of functions that can be traced, before the guest runs. Whether these bytes may be stored
 * in the text; if they are part of a longer instruction, all of it has been changed when this returns. */
void trace_begin(void);
bool trace_permits(struct vp *vp, uint64_t physical, uint64_t value, unsigned size);

/* pins.c: this processor's registers while the guest starts on it, and from then on; a write to one */
void pins_prepare(struct vp *vp);
void pins_begin(struct vp *vp);
void pins_refused(struct vp *vp, const struct abi_message *message);

/* budget.c: whether a refusal of this kind (the same literal each time) may be told of at `now`, in ticks of `time`;
 * then also how many before it were not. */
bool budget_take(const char *what, uint64_t now, uint64_t *untold);

/* service.c */
void service_begin(const uint8_t *seed, size_t size);
void service_call(struct vp *vp);

/* store.c: an integer store by its encoding; false: it is none. Length in bytes. */
struct store {
    unsigned source; /* register */
    unsigned size;   /* bytes stored */
    unsigned length; /* of the instruction */
};
bool store_decode(uint32_t bits, struct store *store);

/* Stores `size` bytes (1, 2, 4 or 8) of `value` as the instruction would have: at once where the address is aligned,
 * else in the largest pieces that are. Never in bytes what others may execute in halves. */
void store_carry_out(uint64_t physical, uint64_t value, unsigned size);

#endif
