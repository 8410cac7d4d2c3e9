/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page walker: one algorithm ("Virtual Address Translation Process", privileged specification) over data that
 * says what the tables look like (struct riscv_geometry) and under which rules they are read (struct riscv_regime).
 * Every stage of translation is a regime; the walker knows nothing of satp, of modes' registers or of faults.
 *
 * Tables are in guest memory, written by a hostile guest and by other harts at any moment: each entry is read once,
 * atomically, and changed only by compare-and-swap.
 */
#ifndef RAVELIN_ARCH_RISCV_WALK_H
#define RAVELIN_ARCH_RISCV_WALK_H

#include "core/address.h"
#include "memory/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The shape of a tree of tables. Each level but the root translates 9 bits; the root 9 + root_extra_bits. */
struct riscv_geometry {
    const char *name;
    uint8_t level_count;
    uint8_t root_extra_bits; /* 2 where addresses are guest-physical (SvNNx4) */
    bool sign_extended;      /* upper bits must equal the highest translated one; otherwise they must be 0 */
};

/* By satp.MODE; NULL for Bare and for numbers without a meaning. */
const struct riscv_geometry *riscv_geometry(unsigned satp_mode);

/* Where the last-level tables of recent walks were, so that the next walk to the same 2 MiB begins there. Holds for one
 * root; to be cleared whenever translations are to be forgotten. */
#define RISCV_WALK_CACHE_SIZE 16u /* a power of two */

struct riscv_walk_cache {
    struct {
        uint64_t region; /* address / 2 MiB; UINT64_MAX: none */
        gpa_t table;
    } entries[RISCV_WALK_CACHE_SIZE];
};

void riscv_walk_cache_clear(struct riscv_walk_cache *cache);

/* Forgets the region of one address. */
void riscv_walk_cache_drop(struct riscv_walk_cache *cache, uint64_t address);

/* Who walks, and what is permitted to whom. */
struct riscv_regime {
    const struct riscv_geometry *geometry;
    gpa_t root;                   /* of the highest table */
    bool user;                    /* the access is made by user mode */
    bool supervisor_reaches_user; /* SUM: a supervisor may read and write pages of user mode */
    bool execute_is_read;         /* MXR: what may be executed may be read */
    bool updates;                 /* accessed and dirty bits are set by the walker (Svadu), not by a fault (Svade) */
    bool has_napot;               /* Svnapot */
    bool has_memory_types;        /* Svpbmt */
    bool observe;                 /* change nothing: neither tables nor dirty pages. For debuggers. */
    /* Reads a table entry (8 bytes, aligned; atomically), and replaces it if it is still *expected (else *expected is
     * what it is). False: refused. This is where the layers below come in, with the rights of the walker. */
    bool (*load)(void *context, gpa_t where, uint64_t *entry);
    bool (*update)(void *context, gpa_t where, uint64_t *expected, uint64_t desired);
    void *context;
    struct riscv_walk_cache *cache; /* may be NULL */
};

/* Why a walk ended. Everything from RISCV_WALK_NOT_CANONICAL to RISCV_WALK_NOT_DIRTY is a page fault. */
enum riscv_walk_result {
    RISCV_WALK_DONE,
    RISCV_WALK_NOT_CANONICAL,      /* upper bits of the address */
    RISCV_WALK_NOT_VALID,          /* V = 0 */
    RISCV_WALK_RESERVED,           /* reserved bits or combinations in an entry */
    RISCV_WALK_NO_LEAF,            /* a pointer where the last level is */
    RISCV_WALK_MISALIGNED,         /* a large page that does not begin where it must */
    RISCV_WALK_BAD_NAPOT,          /* N = 1 with a size that does not exist */
    RISCV_WALK_SUPERVISOR_PAGE,    /* user mode at a page without U */
    RISCV_WALK_USER_PAGE,          /* supervisor at a page with U */
    RISCV_WALK_DENIED,             /* R, W or X */
    RISCV_WALK_NOT_ACCESSED,       /* A = 0, and the walker does not set it */
    RISCV_WALK_NOT_DIRTY,          /* D = 0 at a write, likewise */
    RISCV_WALK_TABLE_OUT_OF_REACH, /* an entry cannot be read or updated: an access fault */
};

const char *riscv_walk_result_name(enum riscv_walk_result result);

struct riscv_walk {
    gpa_t page;      /* of the 4 KiB piece that holds the address */
    uint64_t size;   /* of the page it is a piece of */
    unsigned rights; /* set of enum memory_access; MEMORY_WRITE only if D is set */
    uint64_t leaf;   /* what of the tables' last entry riscv_walk_again() wants to know */
    bool is_global;  /* the last entry says that the page is in all address spaces */
};

/* Translates one address for one kind of access. The result is good for every access that `rights` has, and, but for
 * `rights` and `page`, for all addresses of the page and under any regime with the same tables and rules for them. */
enum riscv_walk_result riscv_walk(const struct riscv_regime *regime, uint64_t address, enum memory_access access,
                                  struct riscv_walk *result);

/* Translates by `leaf` and `size` of an earlier walk, without looking at the tables. False: only they can tell (the
 * access would be refused, or its page be marked dirty). */
bool riscv_walk_again(const struct riscv_regime *regime, uint64_t leaf, uint64_t size, uint64_t address,
                      enum memory_access access, struct riscv_walk *result);

#endif
