/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interp/interp.h"

#include "arch/riscv/hart.h"
#include "core/check.h"
#include "engine/interp/block.h"
#include "riscv_decode.h"
#include "riscv_functions.h"

#include <stdlib.h>

struct interp {
    struct block_cache cache;
    void (*hook)(void *context, struct riscv_cpu *cpu, uint32_t encoding);
    void *hook_context;
    bool stepping; /* leave after one block (of one instruction) */
};

/* -- Attention: what other threads want of this vCPU, served at block boundaries --------------------------------- */

/* Returns false when the vCPU is to leave its run function. */
static bool serve_attention(struct riscv_cpu *cpu)
{
    if ((vcpu_attention(&cpu->vcpu) & (VCPU_STOP | VCPU_HALT)) != 0) {
        return false;
    }
    uint32_t asked = vcpu_take(&cpu->vcpu, VCPU_FENCE | VCPU_FLUSH | VCPU_INTERRUPT);
    if ((asked & VCPU_FENCE) != 0) {
        hart_serve_fence(cpu);
    }
    if ((asked & VCPU_FLUSH) != 0) {
        riscv_flush(cpu);
    }
    if ((asked & VCPU_INTERRUPT) != 0) {
        riscv_take_interrupt(cpu);
    }
    return true;
}

/* The host address of the instruction at pc, if the fetch TLB knows it. */
static inline const uint8_t *fetch_cached(const struct riscv_cpu *cpu, uint64_t pc)
{
    const struct tlb_entry *entry = tlb_entry(cpu->fetch_tlb, pc);
    return likely(entry->fetch == (pc & ~PAGE_MASK)) ? tlb_host(entry, pc) : NULL;
}

/* -- The loop ----------------------------------------------------------------------------------------------------- */

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

/* Threaded dispatch: each handler jumps to the next one's label. This macro is the only place that knows. */
#define DISPATCH()        goto * op->handler

#define INSTRUCTION(name) handle_##name:
#define PC                (base + op->offset)
#define NEXT_PC           (base + op->offset + op->length)
#define ENCODING          block_encoding(block, op)

#define NEXT()      \
    do {            \
        op++;       \
        DISPATCH(); \
    } while (0)

/* To a successor inside the page: remembered in the block (`link`), valid while no fence came since its last check. */
#define GO_LINKED(link, address)                                                                                   \
    do {                                                                                                           \
        uint64_t go_to = (address);                                                                                \
        cpu->instructions += block->count;                                                                         \
        struct interp_block *successor = block->link;                                                              \
        if (likely(successor != NULL && successor->epoch == cpu->code_epoch && vcpu_attention(&cpu->vcpu) == 0)) { \
            base = go_to;                                                                                          \
            block = successor;                                                                                     \
            op = block->ops;                                                                                       \
            DISPATCH();                                                                                            \
        }                                                                                                          \
        state->pc = go_to;                                                                                         \
        link_from = &block->link;                                                                                  \
        link_base = base;                                                                                          \
        goto leave_linking;                                                                                        \
    } while (0)

#define FALL_THROUGH()      GO_LINKED(fall, NEXT_PC)
#define JUMP_DIRECT(target) GO_LINKED(taken, target)
#define JUMP_INDIRECT(target)              \
    do {                                   \
        state->pc = (target);              \
        cpu->instructions += block->count; \
        goto leave;                        \
    } while (0)
#define END_BLOCK() JUMP_INDIRECT(NEXT_PC)
#define TRAPPED()   goto trapped

/* Such instructions stand first in their block (interp/block.c), so that the retired count is already exact. */
#define SYNC()              state->pc = base

#define LABEL_ADDRESS(name) [LABEL_OF_##name] = &&handle_##name,

/* Runs until attention asks to leave, or for one block when stepping. With cpu NULL only fills *labels. */
static void execute(struct riscv_cpu *cpu, const void *const **labels)
{
    static const void *const table[LABEL_COUNT] = {
#define H(name, number) [number] = &&handle_##name,
        RISCV_HANDLERS(H)
#undef H
            [LABEL_ILLEGAL] = &&handle_illegal,
        [LABEL_END] = &&handle_end,
    };
    if (cpu == NULL) {
        *labels = table;
        return;
    }

    struct interp *interp = cpu->engine;
    struct riscv_state *state = &cpu->state;
    const struct interp_op *op;
    struct interp_block *block;
    struct interp_block **link_from = NULL; /* where to note the successor that is looked up next */
    uint64_t link_base = 0;                 /* address of the block that link_from is in */
    uint64_t base;                          /* guest-virtual address of the block */

    goto enter;

leave_linking:
    if (unlikely(interp->stepping)) {
        return;
    }
    if (unlikely(vcpu_attention(&cpu->vcpu) != 0)) {
        goto attend;
    }
    if (((link_base ^ state->pc) & ~PAGE_MASK) == 0 && interp->cache.limit > 1) {
        uint64_t flush_count = interp->cache.flush_count;
        uint64_t code_epoch = cpu->code_epoch;
        base = state->pc;
        block = next_block(interp, cpu);
        if (block == NULL) {
            goto attend;
        }
        if (flush_count == interp->cache.flush_count && code_epoch == cpu->code_epoch && base == state->pc &&
            block->host != NULL) {
            *link_from = block;
        }
        base = state->pc;
        op = block->ops;
        DISPATCH();
    }
    goto find;

leave:
    if (unlikely(interp->stepping)) {
        return;
    }
    if (unlikely(vcpu_attention(&cpu->vcpu) != 0)) {
        goto attend;
    }
find: {
    base = state->pc;
    const uint8_t *host = fetch_cached(cpu, base);
    block = host != NULL ? interp->cache.buckets[block_bucket(host)] : NULL;
    if (unlikely(block == NULL || block->host != host || block->epoch != cpu->code_epoch || interp->hook != NULL)) {
        block = next_block(interp, cpu);
        if (block == NULL) {
            goto attend;
        }
        base = state->pc;
    }
    op = block->ops;
    DISPATCH();
}

trapped:
    if (cpu->trap.tval_is_encoding) {
        cpu->trap.tval = ENCODING;
    }
    state->pc = PC;
    cpu->instructions += (uint64_t)(op - block->ops);
    riscv_take_trap(cpu);
    goto leave;

attend:
    if (interp->stepping) {
        return;
    }
enter:
    if (vcpu_attention(&cpu->vcpu) != 0 && !serve_attention(cpu)) {
        return;
    }
    goto find;

handle_illegal:
    riscv_raise(cpu, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION, ENCODING);
    TRAPPED();

handle_end:
    FALL_THROUGH();

#include "riscv_interp.inc.h"
}

/* -- Interface ---------------------------------------------------------------------------------------------------- */

void interp_create(struct riscv_cpu *cpu)
{
    struct interp *interp = check_alloc(sizeof *interp);
    const void *const *labels;
    execute(NULL, &labels);
    block_cache_init(&interp->cache, labels);
    cpu->engine = interp;
}

void interp_destroy(struct riscv_cpu *cpu)
{
    struct interp *interp = cpu->engine;
    block_cache_fini(&interp->cache);
    free(interp);
    cpu->engine = NULL;
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
    while (hart_wait_started(cpu)) {
        execute(cpu, NULL);
        if ((vcpu_take(&cpu->vcpu, VCPU_STOP | VCPU_HALT) & VCPU_STOP) != 0) {
            return;
        }
    }
}

void interp_step(struct riscv_cpu *cpu)
{
    struct interp *interp = cpu->engine;
    unsigned limit = interp->cache.limit;
    set_limit(interp, 1);
    interp->stepping = true;
    execute(cpu, NULL);
    interp->stepping = false;
    set_limit(interp, limit);
}

void interp_set_hook(struct riscv_cpu *cpu, void (*hook)(void *context, struct riscv_cpu *cpu, uint32_t encoding),
                     void *context)
{
    struct interp *interp = cpu->engine;
    interp->hook = hook;
    interp->hook_context = context;
    set_limit(interp, hook != NULL ? 1 : BLOCK_COUNT_MAX);
}
