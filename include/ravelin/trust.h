/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual trust levels: protection of a guest's pages and control registers from the guest's own kernel.
 *
 * A machine with N levels has level 0, in which the guest boots, up to N - 1. Higher levels take rights to pages away
 * from lower ones. A level is either the guest's own, enabled and used by hypercalls (docs/reference/trust-levels.md),
 * or *held* by the embedding program, which then sets rights and receives intercepts by the functions below:
 *
 *     static enum ravelin_verdict refuse(void *context, const struct ravelin_intercept *intercept)
 *     {
 *         printf("vCPU %u at %#" PRIx64 " was stopped\n", intercept->vcpu, intercept->pc);
 *         return RAVELIN_VERDICT_FAULT;
 *     }
 *
 *     ravelin_vm_set_trust_levels(vm, 2, &error);
 *     ravelin_vm_hold_trust_level(vm, 1, refuse, NULL, &error);
 *     ravelin_trust_set_rights(vm, 1, 0x80400000, 0x1000, RAVELIN_RIGHT_READ, &error);
 *     ravelin_trust_pin(vm, 1, 0x105, UINT64_MAX, &error); // stvec
 *     ravelin_vm_start(vm, &error);
 *
 * Addresses are guest-physical and sizes in bytes, both multiples of RAVELIN_PAGE_SIZE.
 *
 * Threads: once the machine runs, ravelin_trust_…() may be called by any thread, also from inside an intercept. Before,
 * as in ravelin/vm.h.
 */
#ifndef RAVELIN_TRUST_H
#define RAVELIN_TRUST_H

#include <ravelin/vm.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAVELIN_TRUST_LEVEL_LIMIT 16
#define RAVELIN_PAGE_SIZE         4096

/* Rights to a page. Legal are: none, READ, READ with WRITE, and each of those two with execution by anyone (KERNEL and
 * USER) or by the user alone (USER). */
enum ravelin_right {
    RAVELIN_RIGHT_READ = 1,
    RAVELIN_RIGHT_WRITE = 2,
    RAVELIN_RIGHT_KERNEL = 4, /* execute in S-mode */
    RAVELIN_RIGHT_USER = 8,   /* execute in U-mode */
};

/* The number of levels: 1 (the initial one: no protection, no cost) to RAVELIN_TRUST_LEVEL_LIMIT. Needs a kernel that
 * boots without firmware of its own. Before the start. */
RAVELIN_API bool ravelin_vm_set_trust_levels(struct ravelin_vm *vm, unsigned count, struct ravelin_error *error);

/* Whether an explicit target in a guest's ModifyVtlProtectionMask names the level that is restricted instead of the one
 * that enforces (the initial reading). Before the start. */
RAVELIN_API bool ravelin_vm_set_trust_target(struct ravelin_vm *vm, bool restricted, struct ravelin_error *error);

enum ravelin_intercept_kind {
    RAVELIN_INTERCEPT_PAGE,     /* an access that a page's rights refuse */
    RAVELIN_INTERCEPT_REGISTER, /* a write to a pinned control register: ravelin_trust_pin() */
    RAVELIN_INTERCEPT_START,    /* a call that starts a vCPU: ravelin_trust_intercept_starts() */
    RAVELIN_INTERCEPT_STOP,     /* a call by which this vCPU stops: likewise */
};

/* What a lower level was about to do. It has not happened. */
struct ravelin_intercept {
    enum ravelin_intercept_kind kind;
    unsigned vcpu;
    unsigned level;           /* whose code it was */
    bool user;                /* it ran in U-mode, else in S-mode */
    uint64_t pc;              /* of the instruction */
    enum ravelin_right right; /* PAGE: what was missing */
    uint64_t virtual_address; /* PAGE: of the access */
    uint64_t address;         /* PAGE: guest-physical; START: where the vCPU is to begin, guest-physical */
    unsigned size;            /* PAGE: bytes */
    unsigned csr;             /* REGISTER: its number */
    uint64_t value;           /* REGISTER: what was to be written; START: the vCPU's a1 */
    unsigned target;          /* START: the vCPU */
    bool with_context;        /* START: by the guest's hypercall StartVirtualProcessor, which gives all registers that
                               * count: `address` is translated by those, and `value` the level that begins */
    unsigned byte_count;      /* of `bytes`: 0 (they cannot be read; a refused fetch), 2 or 4 */
    uint8_t bytes[4];         /* the instruction, as in memory; the guest may change it meanwhile */
};

enum ravelin_verdict {
    RAVELIN_VERDICT_FAULT, /* the guest gets an access fault, or an illegal-instruction exception; START, STOP: an
                            * error, SBI_ERR_DENIED or status 6 */
    RAVELIN_VERDICT_RETRY, /* the instruction is tried again: the program has changed the rights, or unpinned; START,
                            * STOP: the call is carried out, if nothing else is wrong with it */
    RAVELIN_VERDICT_SKIP,  /* the guest goes on behind the instruction; START, STOP: and is told that it was done */
};

/* The program holds this level (1 … count - 1): guests cannot enable it, nor from below it one above it, and violations
 * of its rights come to `intercept`, on the thread of the vCPU, which waits for the verdict. Before the start. */
RAVELIN_API bool ravelin_vm_hold_trust_level(struct ravelin_vm *vm, unsigned level,
                                             enum ravelin_verdict (*intercept)(void *context,
                                                                               const struct ravelin_intercept *what),
                                             void *context, struct ravelin_error *error);

/* Calls `line` with one line of JSON (no newline, borrowed) for each refused access, a device's included, pinned
 * write, hart start or stop, reset, level enabled and message of a secure kernel, on the thread of the vCPU or of a
 * device, never twice at once; a flood is counted instead. `line` must not change rights or pins. What a line holds is
 * told by the manual's page on trust levels. NULL: nobody is told. Before the start. */
RAVELIN_API bool ravelin_vm_set_events(struct ravelin_vm *vm, void (*line)(void *context, const char *text),
                                       void *context, struct ravelin_error *error);

/* The System.map of the kernel, for names in events. NULL, the initial one: the table inside the kernel, if it has one.
 * Before the start, which fails if the file is none. */
RAVELIN_API bool ravelin_vm_set_symbols(struct ravelin_vm *vm, const char *path, struct ravelin_error *error);

/* How far the kernel moves itself from where it was linked (KASLR), if that is known: names of places fit from the
 * start. 0, the initial one: it stays, or its trap handler tells later. A multiple of RAVELIN_PAGE_SIZE. Before the
 * start. */
RAVELIN_API bool ravelin_vm_set_symbols_slide(struct ravelin_vm *vm, uint64_t slide, struct ravelin_error *error);

/* What a held level leaves to every level below it: a set of enum ravelin_right for a range, or for a list of pages
 * (addresses, in any order). All pages are RAM and the set is legal, or nothing is changed and false returned. When the
 * call returns no vCPU and no device uses an older right. A list is told to the vCPUs once: prefer it to many calls.
 * The range can also be set before the start: then it holds from the first instruction on, and again after a reset of
 * the guest, which takes back whatever was set later. */
RAVELIN_API bool ravelin_trust_set_rights(struct ravelin_vm *vm, unsigned level, uint64_t address, uint64_t size,
                                          unsigned rights, struct ravelin_error *error);
RAVELIN_API bool ravelin_trust_set_pages(struct ravelin_vm *vm, unsigned level, const uint64_t *addresses, size_t count,
                                         unsigned rights, struct ravelin_error *error);

/* What a held level pins of a control register, by its number: sstatus (0x100), stvec (0x105), scounteren (0x106),
 * senvcfg (0x10a) or satp (0x180). A csr instruction of a lower level, on any vCPU, that would change a bit of `mask`
 * comes to the intercept as RAVELIN_INTERCEPT_REGISTER and has not happened; traps, sret and floating-point
 * instructions, which change sstatus by themselves, are not asked about. 0 unpins: with RAVELIN_VERDICT_RETRY the way
 * to let a write happen. When the call returns, no vCPU goes on with what was pinned before. Before the start: as for
 * ravelin_trust_set_rights(). */
RAVELIN_API bool ravelin_trust_pin(struct ravelin_vm *vm, unsigned level, unsigned csr, uint64_t mask,
                                   struct ravelin_error *error);

/* Whether calls of lower levels, on any vCPU, that start a vCPU or stop their own come to a held level's intercept as
 * RAVELIN_INTERCEPT_START and _STOP: by SBI HSM, and by the guest's hypercall StartVirtualProcessor. false, the initial
 * one: nobody is asked. Before the start: as for ravelin_trust_set_rights(). Calls that fail in any case may be asked
 * about, too; the first vCPU starts by itself. */
RAVELIN_API bool ravelin_trust_intercept_starts(struct ravelin_vm *vm, unsigned level, bool intercept,
                                                struct ravelin_error *error);

/* What `level` may do on a vCPU with every page of a range, all higher levels considered: a set of enum ravelin_right.
 * Guests' own levels may have it that user execution goes with the kernel's on one vCPU and not on another
 * (MbecEnabled), hence the vCPU; and a page that the level has covered by an assist page of its own can be read and
 * written, not executed. Where other threads change rights meanwhile, each page's are those of some moment of the call.
 * false: not all of it is RAM, it is empty, or there is no such level or vCPU. Not before the start. */
RAVELIN_API bool ravelin_trust_rights(struct ravelin_vm *vm, unsigned vcpu, unsigned level, uint64_t address,
                                      uint64_t size, unsigned *rights, struct ravelin_error *error);

/* Drives the external interrupt (sie.SEIE) of a level above 0 of a vCPU, of those that the guest has levels for. The
 * line stays as it is set, over resets too; who raises it takes it back. After the start. */
RAVELIN_API bool ravelin_trust_set_interrupt(struct ravelin_vm *vm, unsigned vcpu, unsigned level, bool raised,
                                             struct ravelin_error *error);

/* Counts since the start. Recent, not exact, while the machine runs. */
struct ravelin_trust_stats {
    uint64_t pages_changed; /* words written, by guests and program */
    uint64_t calls;         /* VtlCall */
    uint64_t returns;
    uint64_t violations; /* of page rights */
    uint64_t pinned;     /* refused or intercepted writes to control registers */
};
RAVELIN_API void ravelin_trust_stats(struct ravelin_vm *vm, struct ravelin_trust_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
