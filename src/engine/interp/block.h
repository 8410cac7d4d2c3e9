/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks: guest code, decoded once.
 *
 * A block is a straight run of instructions inside one page, found by the host address of its first byte, so that
 * code mapped at two virtual addresses is decoded once. Each vCPU has a cache of its own: no locks.
 *
 * Self-modifying code. A block keeps the bytes it was made from and the vCPU's code epoch of its last check. FENCE.I
 * (local or remote) moves the epoch on; a block of an older epoch is compared with memory before it runs again. So
 * stores, other vCPUs and devices need not know where code is, and the cost falls on the guest that fences
 * (Unprivileged ISA, "Zifencei": a hart's own stores are visible to its fetches only after FENCE.I).
 *
 * An instruction that lies across two pages is a block of its own. It is good only while both pages are mapped where
 * they were, so its epoch is 0: neither the fast path nor a chain takes it, and block_find() looks at the pages each
 * time.
 *
 * Memory is bounded: blocks come from one pool; when it is full all go and the cache starts afresh.
 */
#ifndef RAVELIN_ENGINE_INTERP_BLOCK_H
#define RAVELIN_ENGINE_INTERP_BLOCK_H

#include "arch/riscv/cpu.h"
#include "riscv_decode.h"

struct interp_op {
    const void *handler; /* label in interp.c */
    int64_t imm;
    uint8_t r[4];
    uint16_t offset; /* bytes from the block's first instruction */
    uint8_t length;  /* bytes: 2 or 4; 0 for the closing op of a block that just ends */
};

struct interp_block {
    const uint8_t *host;               /* of the first instruction; NULL: dead, waits for the pool to be emptied */
    uint64_t epoch;                    /* cpu->code_epoch when the bytes were last compared */
    struct interp_block *taken, *fall; /* successors inside the same page, or NULL: not known yet or elsewhere */
    struct interp_block *bucket;       /* next in the hash bucket */
    const uint8_t *second;  /* one instruction across two pages: host address of its second half; else NULL */
    const uint8_t *bytes;   /* copy of the code */
    int32_t heat;           /* runs, as far as they are counted */
    uint16_t count;         /* instructions */
    uint16_t size;          /* bytes */
    struct interp_op ops[]; /* count, and a closing one when the last does not leave the block itself */
};

/* Runs after which a block is worth translating: an instruction takes as long to translate as to interpret some
 * thousand times, but what has run so often will mostly run that often (decision 5). What a hopeless one is set back
 * to. */
#define BLOCK_HEAT_HOT  128
#define BLOCK_HEAT_COLD (-100000000)

#define BLOCK_BUCKETS   (1u << 18)
#define BLOCK_COUNT_MAX 64u
#define BLOCK_POOL_SIZE (UINT64_C(64) << 20)

struct block_cache {
    struct interp_block *buckets[BLOCK_BUCKETS];
    uint8_t *pool; /* BLOCK_POOL_SIZE bytes of lazily populated memory */
    size_t pool_used;
    uint64_t flush_count;      /* how often the pool was emptied: pointers to blocks live no longer than this stands */
    const void *const *labels; /* handler of each instruction, then LABEL_ILLEGAL and LABEL_END */
    int32_t first_heat;        /* that new blocks begin with: 0 but in tests */
    unsigned limit;            /* instructions a block may have: BLOCK_COUNT_MAX, or 1 when stepping */
    struct interp_block
        *scratch; /* for code that is not cached: an instruction across two pages, sub-page protection */
};

enum block_label { LABEL_ILLEGAL = RISCV_INSN_COUNT, LABEL_END, LABEL_COUNT };

void block_cache_init(struct block_cache *cache, const void *const *labels);
void block_cache_fini(struct block_cache *cache);

/* Forgets every block. */
void block_cache_flush(struct block_cache *cache);

static inline unsigned block_bucket(const uint8_t *host)
{
    uintptr_t address = (uintptr_t)host >> 1;
    return (unsigned)(address ^ address >> 15) & (BLOCK_BUCKETS - 1);
}

/* The block at pc, decoded now if need be; NULL when fetching its first instruction traps (recorded in cpu).
 * May empty the pool. */
struct interp_block *block_find(struct block_cache *cache, struct riscv_cpu *cpu, uint64_t pc);

/* One instruction by itself, as a block without a place: block_create_single() once, then block_fill_single(). */
struct interp_block *block_create_single(void);
void block_fill_single(const struct block_cache *cache, const struct riscv_cpu *cpu, uint32_t encoding,
                       struct interp_block *block);

/* The instruction bits an op was made from. */
uint32_t block_encoding(const struct interp_block *block, const struct interp_op *op);

#endif
