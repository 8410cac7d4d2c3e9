/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memos: what the busiest accesses of a region remember of the page they used last.
 *
 * The translation cache's entry for an address is found by computing with the address, so what is loaded through a
 * pointer waits for two loads, one behind the other. But the same instruction of a loop uses the same page most often.
 * Its memo holds that page and the addend: to compare with it takes fewer instructions, and as the addend does not
 * depend on the address, the processor need not wait for the comparison:
 *
 *     mov   t, address
 *     and   t, ~4095 | size - 1      tlb_tag()
 *     cmp   t, [memo.tag]
 *     jne   stub
 *     mov   i, [memo.addend]
 *     mov   value, [address + i]
 *
 * The stub asks the translation cache, and notes the page in the memo. Where addresses alternate between pages,
 * memos would be wrong as often as right, and the processor mispredict that. So a memo that was wrong is void until
 * MEMO_PAUSE instructions have been executed since it was last noted: then the jump to the stub is always taken. And
 * only addresses that stay in a page for long, by their look (steady.h), have memos: the others cost more than they
 * save.
 *
 * Validity. A memo says what an entry of the translation cache said once. Entries are evicted by others without being
 * untrue; whatever makes them untrue (flushes) counts the cache's `generation` up. A region compares that at its entry
 * with its own, kept in the first of its memos, and voids all if it differs. Flushes happen outside of translated code,
 * or in C functions that write state: regions that call such have no memos. Where a signal handler may take rights away
 * in the middle (undo.h), it voids the memos of the region that runs, which that tells it at its entry.
 */
#include "engine/jit/loops.h"
#include "engine/jit/steady.h"
#include "engine/jit/x86_64/select.h"

#define MEMO_WEIGHT LOOP_WEIGHT /* of blocks whose accesses have memos */
#define MEMO_PAUSE  256

static uint32_t memo_at(const struct compile *compile, unsigned memo, size_t member)
{
    return DATA_AT(memos) + (compile->first_memo + memo) * (uint32_t)sizeof(struct runtime_memo) + (uint32_t)member;
}

/* -- Which ones ---------------------------------------------------------------------------------------------------- */

static bool is_access(const struct ir_value *value)
{
    return value->op >= IR_LOAD8 && value->op <= IR_STORE64 && value->op != IR_LOAD128;
}

/* Accesses in blocks of exactly this weight. */
static unsigned count_accesses(const struct ir_region *region, uint32_t weight)
{
    unsigned count = 0;
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (const struct ir_value *value = block->first; block->weight == weight && value != NULL;
             value = value->next) {
            count += is_access(value);
        }
    }
    return count;
}

static bool may_flush(const struct ir_region *region)
{
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            if (value->op == IR_CALL && value->callee->writes_state) {
                return true;
            }
        }
    }
    return false;
}

static void give_memos(struct compile *compile, const struct steady *steady, uint32_t weight)
{
    for (const struct ir_block *block = compile->request->region->blocks; block != NULL; block = block->next) {
        for (const struct ir_value *value = block->first; block->weight == weight && value != NULL;
             value = value->next) {
            if (is_access(value) && steady_address(steady, value->arguments[0])) {
                node_of(compile, value)->memo = (uint8_t)++compile->memo_count;
            }
        }
    }
}

void memos_choose(struct compile *compile, uint32_t room)
{
    const struct ir_region *region = compile->request->region;
    compile->memo_count = 0;
    if (room <= MEMOS_MAX || may_flush(region)) {
        return;
    }
    unsigned limit = compile->random != 0 ? random_below(compile, MEMOS_MAX + 1) : MEMOS_MAX;
    uint32_t least = compile->random != 0 ? 1 : MEMO_WEIGHT;
    struct steady steady = { .count = 0 };
    for (uint32_t weight = LOOP_WEIGHT_MAX; weight >= least; weight /= LOOP_WEIGHT) {
        steady_find(&steady, region, weight);
        if (compile->memo_count + count_accesses(region, weight) > limit) {
            break; /* one in many would save little, and each takes half a line of the host's cache */
        }
        give_memos(compile, &steady, weight);
    }
}

void memos_begin(const struct compile *compile, struct runtime_data *data)
{
    for (unsigned memo = 0; memo <= compile->memo_count && compile->memo_count != 0; memo++) {
        data->memos[compile->first_memo + memo] = (struct runtime_memo){ .tag = TLB_NO_TAG };
    }
    if (compile->memo_count != 0) {
        data->memos[compile->first_memo].count = compile->memo_count;
    }
}

void memos_interrupted(struct runtime_data *data)
{
    struct runtime_memo *first = &data->memos[data->running_memos];
    for (uint64_t memo = 1; memo <= first->count; memo++) {
        first[memo].tag = TLB_NO_TAG;
    }
}

/* -- The entry ----------------------------------------------------------------------------------------------------- */

static struct emit_memory generation(const struct compile *compile)
{
    size_t offset = offsetof(struct riscv_cpu, tlbs) + compile->request->facts.cache * sizeof(struct tlb) +
                    offsetof(struct tlb, generation);
    return emit_at(REG_RBP, (int32_t)offset - CPU_BIAS);
}

void memos_check(struct compile *compile)
{
    if (compile->memo_count != 0) {
        if (compile->interruptible) {
            emit_mov_ri(&compile->emit, REG_RAX, compile->first_memo);
            emit_rd(&compile->emit, OP_MOV_STORE, 4, REG_RAX, DATA_AT(running_memos));
        }
        emit_rm(&compile->emit, OP_MOV, 8, REG_RAX, generation(compile));
        emit_rd(&compile->emit, OP_CMP, 8, REG_RAX, memo_at(compile, 0, offsetof(struct runtime_memo, tag)));
        stub_add(compile, STUB_MEMOS_VOID, emit_jump_forward(&compile->emit, CC_NE));
    }
}

/* rax: the generation. rcx holds nothing yet. */
void memos_void_stub(struct compile *compile)
{
    struct emit *emit = &compile->emit;
    emit_rd(emit, OP_MOV_STORE, 8, REG_RAX, memo_at(compile, 0, offsetof(struct runtime_memo, tag)));
    emit_mov_ri(emit, REG_RCX, TLB_NO_TAG);
    for (unsigned memo = 1; memo <= compile->memo_count; memo++) {
        emit_rd(emit, OP_MOV_STORE, 8, REG_RCX, memo_at(compile, memo, offsetof(struct runtime_memo, tag)));
    }
}

/* -- An access ----------------------------------------------------------------------------------------------------- */

uint32_t memo_ask(struct compile *compile, unsigned memo, unsigned index, unsigned tag)
{
    struct emit *emit = &compile->emit;
    emit_rd(emit, OP_CMP, 8, tag, memo_at(compile, memo, offsetof(struct runtime_memo, tag)));
    uint32_t place = emit_jump_forward(emit, CC_NE);
    emit_rd(emit, OP_MOV, 8, index, memo_at(compile, memo, offsetof(struct runtime_memo, addend)));
    return place;
}

void memo_note(struct compile *compile, unsigned memo, unsigned index, unsigned tag)
{
    struct emit *emit = &compile->emit;
    emit_rd(emit, OP_CMP, 8, REG_R15, memo_at(compile, memo, offsetof(struct runtime_memo, pause_end)));
    uint32_t pausing = emit_jump_forward(emit, CC_B);
    emit_rd(emit, OP_MOV_STORE, 8, tag, memo_at(compile, memo, offsetof(struct runtime_memo, tag)));
    emit_rd(emit, OP_MOV_STORE, 8, index, memo_at(compile, memo, offsetof(struct runtime_memo, addend)));
    emit_rm(emit, OP_LEA, 8, tag, emit_at(REG_R15, MEMO_PAUSE));
    emit_rd(emit, OP_MOV_STORE, 8, tag, memo_at(compile, memo, offsetof(struct runtime_memo, pause_end)));
    emit_patch(emit, pausing, emit->cursor);
}

void memo_void(struct compile *compile, unsigned memo, unsigned scratch)
{
    emit_mov_ri(&compile->emit, scratch, TLB_NO_TAG);
    emit_rd(&compile->emit, OP_MOV_STORE, 8, scratch, memo_at(compile, memo, offsetof(struct runtime_memo, tag)));
}
