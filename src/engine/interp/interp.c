/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interp/interp.h"

#include "arch/riscv/hart.h"
#include "arch/riscv/inside.h"
#include "core/check.h"
#include "engine/interp/block.h"
#include "riscv_decode.h"
#include "riscv_functions.h"

#include <stdlib.h>

#define SINGLES 64u /* a power of two */

struct interp {
    struct block_cache cache;
    void (*hook)(void *context, struct riscv_cpu *cpu, uint32_t encoding);
    void *hook_context;
    bool stepping;                /* leave after one block (of one instruction) */
    bool heats;                   /* created for a JIT: blocks are counted */
    bool once;                    /* run the next block whatever its heat */
    const struct interp *heat_of; /* whose heat is told: NULL for its own */
    ptrdiff_t heat_distance;
    struct interp_block *hot;    /* what execute_to_hot() stopped at, or NULL */
    struct interp_block *single; /* the instruction of interp_execute(), while it runs; NULL if it trapped */
    struct {                     /* lately executed so, by encoding */
        uint32_t encoding;
        struct interp_block *block;
    } singles[SINGLES];
};

/* -- Attention: what other threads want of this vCPU, served at block boundaries --------------------------------- */

/* Returns false when the vCPU is to leave its run function. */
static bool serve_attention(struct riscv_cpu *cpu)
{
    if ((vcpu_attention(&cpu->vcpu) & (VCPU_STOP | VCPU_HALT)) != 0) {
        return false;
    }
    uint32_t asked = vcpu_take(&cpu->vcpu, VCPU_FENCE | VCPU_FLUSH | VCPU_INTERRUPT | VCPU_RIGHTS | VCPU_WRITES);
    if (unlikely((asked & VCPU_RIGHTS) != 0)) {
        riscv_inside_serve(cpu);
    }
    if ((asked & VCPU_FENCE) != 0) {
        hart_serve_fence(cpu);
    }
    if ((asked & VCPU_WRITES) != 0) {
        riscv_give_up_writes(cpu);
    }
    if ((asked & VCPU_FLUSH) != 0) {
        riscv_flush(cpu);
    }
    if ((asked & VCPU_INTERRUPT) != 0 && riscv_take_interrupt(cpu)) {
        return !((struct interp *)cpu->interp)->stepping; /* taking it was the step */
    }
    return true;
}

/* The host address of the instruction at pc, if the fetch TLB knows it. */
static inline const uint8_t *fetch_cached(const struct riscv_cpu *cpu, uint64_t pc)
{
    return tlb_fetch(cpu->fetch_tlb, pc);
}

/* -- The loops ----------------------------------------------------------------------------------------------------- */

/* The block at state.pc. Traps of the fetch are taken here, until some block can run. */
static struct interp_block *next_block(struct interp *interp, struct riscv_cpu *cpu)
{
    struct interp_block *block = block_find(&interp->cache, cpu, cpu->state.pc);
    while (block == NULL) {
        riscv_take_trap(cpu);
        if (interp->stepping || vcpu_attention(&cpu->vcpu) != 0) {
            return NULL;
        }
        block = block_find(&interp->cache, cpu, cpu->state.pc);
    }
    if (interp->hook != NULL) {
        interp->hook(interp->hook_context, cpu, block_encoding(block, &block->ops[0]));
    }
    return block;
}

/* The loop twice: as it is, and one that counts how often blocks run and gives hot ones to a caller that can do better.
 */
#define LOOP_NAME  execute
#define LOOP_HEATS 0
#include "engine/interp/loop.inc.h"
#undef LOOP_NAME
#undef LOOP_HEATS

#define LOOP_NAME  execute_to_hot
#define LOOP_HEATS 1
#include "engine/interp/loop.inc.h"
#undef LOOP_NAME
#undef LOOP_HEATS

/* -- Interface ---------------------------------------------------------------------------------------------------- */

static void create(struct riscv_cpu *cpu, bool heats)
{
    struct interp *interp = check_alloc(sizeof *interp);
    const void *const *labels;
    if (heats) {
        execute_to_hot(NULL, &labels);
    } else {
        execute(NULL, &labels);
    }
    block_cache_init(&interp->cache, labels);
    interp->heats = heats;
    cpu->interp = interp;
}

void interp_create(struct riscv_cpu *cpu)
{
    create(cpu, false);
}

void interp_create_for_jit(struct riscv_cpu *cpu)
{
    create(cpu, true);
}

void interp_destroy(struct riscv_cpu *cpu)
{
    struct interp *interp = cpu->interp;
    block_cache_fini(&interp->cache);
    for (unsigned i = 0; i < SINGLES; i++) {
        free(interp->singles[i].block);
    }
    free(interp);
    cpu->interp = NULL;
}

static void run_loop(struct riscv_cpu *cpu)
{
    struct interp *interp = cpu->interp;
    if (interp->heats) {
        execute_to_hot(cpu, NULL);
    } else {
        execute(cpu, NULL);
    }
}

static void set_limit(struct interp *interp, unsigned limit)
{
    if (interp->cache.limit != limit) {
        interp->cache.limit = limit;
        block_cache_flush(&interp->cache);
    }
}

void interp_run(struct riscv_cpu *cpu)
{
    CHECK(!((struct interp *)cpu->interp)->heats);
    while (hart_wait_started(cpu)) {
        riscv_inside_attach(cpu, NULL, NULL);
        riscv_inside_enter(cpu);
        run_loop(cpu);
        riscv_inside_leave(cpu);
        riscv_inside_detach(cpu);
    }
}

void interp_step(struct riscv_cpu *cpu)
{
    struct interp *interp = cpu->interp;
    unsigned limit = interp->cache.limit;
    set_limit(interp, 1);
    interp->stepping = true;
    interp->once = true;
    run_loop(cpu);
    interp->stepping = false;
    interp->once = false;
    set_limit(interp, limit);
}

bool interp_step_block(struct riscv_cpu *cpu, uint64_t room)
{
    struct interp *interp = cpu->interp;
    const uint8_t *host = fetch_cached(cpu, cpu->state.pc);
    const struct interp_block *block = host != NULL ? interp->cache.buckets[block_bucket(host)] : NULL;
    if (block == NULL || block->host != host || block->epoch != cpu->code_epoch) {
        block = block_find(&interp->cache, cpu, cpu->state.pc);
    }
    if (block == NULL || block->count > room) {
        return false;
    }
    interp->stepping = true;
    run_loop(cpu);
    interp->stepping = false;
    return true;
}

struct interp_block *interp_run_to_hot(struct riscv_cpu *cpu, bool once)
{
    struct interp *interp = cpu->interp;
    interp->hot = NULL;
    interp->once = once;
    execute_to_hot(cpu, NULL);
    return interp->hot;
}

void interp_cool(struct interp_block *block)
{
    block->heat = BLOCK_HEAT_COLD;
}

bool interp_execute(struct riscv_cpu *cpu, uint32_t encoding)
{
    struct interp *interp = cpu->interp;
    unsigned index = (encoding >> 7 ^ encoding >> 20) & (SINGLES - 1); /* rd, and the control register */
    if (unlikely(interp->singles[index].encoding != encoding || interp->singles[index].block == NULL)) {
        if (interp->singles[index].block == NULL) {
            interp->singles[index].block = block_create_single();
        }
        interp->singles[index].encoding = encoding;
        block_fill_single(&interp->cache, cpu, encoding, interp->singles[index].block);
    }
    interp->single = interp->singles[index].block;
    interp->stepping = true;
    execute_to_hot(cpu, NULL);
    interp->stepping = false;
    bool done = interp->single != NULL;
    interp->single = NULL;
    return done;
}

void interp_heat_after(struct riscv_cpu *cpu, unsigned runs)
{
    struct interp *interp = cpu->interp;
    CHECK(runs <= BLOCK_HEAT_HOT);
    interp->cache.first_heat = BLOCK_HEAT_HOT - (int32_t)runs;
    block_cache_flush(&interp->cache);
}

int interp_heat(struct riscv_cpu *cpu, const uint8_t *host)
{
    const struct interp *interp = cpu->interp;
    if (unlikely(interp->heat_of != NULL)) {
        host += interp->heat_distance;
        interp = interp->heat_of;
    }
    const struct interp_block *block = interp->cache.buckets[block_bucket(host)];
    while (block != NULL && block->host != host) {
        block = block->bucket;
    }
    return block != NULL ? block->heat : 0;
}

void interp_borrow_heat(struct riscv_cpu *cpu, const void *interp, ptrdiff_t distance)
{
    ((struct interp *)cpu->interp)->heat_of = interp;
    ((struct interp *)cpu->interp)->heat_distance = distance;
}

void interp_set_hook(struct riscv_cpu *cpu, void (*hook)(void *context, struct riscv_cpu *cpu, uint32_t encoding),
                     void *context)
{
    struct interp *interp = cpu->interp;
    interp->hook = hook;
    interp->hook_context = context;
    set_limit(interp, hook != NULL ? 1 : BLOCK_COUNT_MAX);
}
