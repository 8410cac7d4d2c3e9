/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing what to translate: from a hot block outwards along the paths that have run, as one graph.
 *
 * A region follows both ways of a conditional branch, calls, and returns to calls it has seen, as long as the target
 * has been warm in the interpreter, lies in one of at most HOST_PAGES_MAX pages that the fetch TLB knows, and there is
 * room. Everything else leaves the region.
 */
#ifndef RAVELIN_ENGINE_JIT_REGION_H
#define RAVELIN_ENGINE_JIT_REGION_H

#include "arch/riscv/cpu.h"
#include "engine/jit/host.h"
#include "engine/jit/ir.h"
#include "engine/jit/translation.h"

#define REGION_BLOCKS_MAX       96u
#define REGION_INSTRUCTIONS_MAX 400u

#define REGION_BLOCK_LENGTH     128u /* instructions */

/* A run of guest code the region was made from, for finding out whether it has changed. */
struct region_source {
    const uint8_t *host;
    uint32_t size;
};

/* Guest code that begins a block of the region. */
struct region_block {
    uint64_t pc;
    struct ir_block *ir;
};

struct region_plan {
    struct ir_region *ir; /* as given to region_build() */
    struct host_page pages[HOST_PAGES_MAX];
    unsigned page_count;
    struct region_source sources[2 * REGION_BLOCKS_MAX]; /* a block, and half an instruction in the next page */
    unsigned source_count;
    struct region_block blocks[REGION_BLOCKS_MAX];
    unsigned block_count;
    unsigned instruction_count; /* 0: nothing worth translating at this pc */
    uint32_t facts_ignored;     /* bits of the key of facts that make no difference to it */
    /* What the sources held, one behind the other: what was decoded, as another vCPU may write there meanwhile. Last,
     * as it is not cleared. */
    unsigned parcel_count;
    uint16_t parcels[REGION_BLOCKS_MAX * REGION_BLOCK_LENGTH * 2];
};

/* Fills `ir`, an empty region that stays the caller's. On the vCPU's thread, with the host's `page` of pc as
 * riscv_fetch_page() gave it (not NULL); other pages are taken as the fetch TLB has them. `ends_at` tells of places
 * (pc, and where its code is) that are not to be translated once more, being blocks of another region: a large program
 * has many entries, and if each took along all that can be reached from it, most code would be translated many times
 * over. */
void region_build(struct region_plan *plan, struct ir_region *ir, struct riscv_cpu *cpu, uint64_t pc,
                  const uint8_t *page, const struct riscv_facts *facts,
                  bool (*ends_at)(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host));

/* The facts that hold now, and their key. */
struct riscv_facts region_facts(const struct riscv_cpu *cpu);
uint32_t region_facts_key(const struct riscv_facts *facts);

#endif
