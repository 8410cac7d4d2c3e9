/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's loop around the generated handlers. Included by interp.c for each variant: LOOP_NAME is the
 * function's name; with LOOP_HEATS it counts the runs of each block and returns at a hot one.
 */

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

/* Runs the block. Its heat says how often it has run; a hot one goes to whoever asked for it. */
#if LOOP_HEATS
#define ENTER_BLOCK()                                    \
    do {                                                 \
        if (unlikely(++block->heat >= BLOCK_HEAT_HOT)) { \
            goto hot;                                    \
        }                                                \
        op = block->ops;                                 \
        DISPATCH();                                      \
    } while (0)
#else
#define ENTER_BLOCK()    \
    do {                 \
        op = block->ops; \
        DISPATCH();      \
    } while (0)
#endif

/* To a successor inside the page: remembered in the block (`link`), valid while no fence came since its last check. */
#define GO_LINKED(link, address)                                                                                   \
    do {                                                                                                           \
        uint64_t go_to = (address);                                                                                \
        cpu->instructions += block->count;                                                                         \
        struct interp_block *successor = block->link;                                                              \
        if (likely(successor != NULL && successor->epoch == cpu->code_epoch && vcpu_attention(&cpu->vcpu) == 0)) { \
            base = go_to;                                                                                          \
            block = successor;                                                                                     \
            ENTER_BLOCK();                                                                                         \
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
#define SYNC() state->pc = base

/* Runs until attention asks to leave, for one block when stepping, or to a hot block. With cpu NULL only fills
 * *labels: a block cache belongs to one variant of the loop. */
static void LOOP_NAME(struct riscv_cpu *cpu, const void *const **labels)
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

    struct interp *interp = cpu->interp;
    struct riscv_state *state = &cpu->state;
    const struct interp_op *op;
    struct interp_block *block;
    struct interp_block **link_from = NULL; /* where to note the successor that is looked up next */
    uint64_t link_base = 0;                 /* address of the block that link_from is in */
    uint64_t base;                          /* guest-virtual address of the block */

#if LOOP_HEATS
    if (interp->single != NULL) {
        block = interp->single;
        base = state->pc;
        op = block->ops;
        DISPATCH();
    }
#endif
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
            block->epoch == code_epoch) {
            *link_from = block;
        }
        base = state->pc;
        ENTER_BLOCK();
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
#if LOOP_HEATS
    if (unlikely(interp->once)) { /* the caller could not do better just now */
        interp->once = false;
        op = block->ops;
        DISPATCH();
    }
#endif
    ENTER_BLOCK();
}

#if LOOP_HEATS
hot:
    block->heat -= block->heat == INT32_MAX; /* met once more, it would be colder than any */
    state->pc = base;
    interp->hot = block;
    return;
#endif

trapped:
    if (cpu->trap.tval_is_encoding) {
        cpu->trap.tval = ENCODING;
    }
    state->pc = PC;
    cpu->instructions += (uint64_t)(op - block->ops);
#if LOOP_HEATS
    if (interp->single != NULL) {
        interp->single = NULL; /* says that it trapped */
        return;
    }
#endif
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

#undef DISPATCH
#undef INSTRUCTION
#undef PC
#undef NEXT_PC
#undef ENCODING
#undef NEXT
#undef ENTER_BLOCK
#undef GO_LINKED
#undef FALL_THROUGH
#undef JUMP_DIRECT
#undef JUMP_INDIRECT
#undef END_BLOCK
#undef TRAPPED
#undef SYNC
