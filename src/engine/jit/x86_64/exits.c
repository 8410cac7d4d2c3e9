/* SPDX-License-Identifier: Apache-2.0 */
/* Into and out of a region, and from block to block. */
#include "arch/riscv/primitives.h"
#include "engine/jit/x86_64/select.h"

#include <string.h>

void select_attention(struct compile *compile, uint64_t pc)
{
    emit_group_mi(&compile->emit, GROUP_CMP, 4, CPU_AT(vcpu.attention), 0);
    uint32_t place = emit_jump_forward(&compile->emit, CC_NE);
    stub_leave(compile, HOST_EXIT_ATTENTION, place, pc, 0);
}

/* -- Entry --------------------------------------------------------------------------------------------------------- */

static void leave_if_different(struct compile *compile, uint64_t pc)
{
    uint32_t place = emit_jump_forward(&compile->emit, CC_NE);
    stub_leave(compile, HOST_EXIT_STALE, place, pc, 0);
}

static void compare_word(struct compile *compile, struct emit_memory memory, uint64_t wanted, uint64_t pc)
{
    struct emit *emit = &compile->emit;
    if (emit_fits(wanted)) {
        emit_group_mi(emit, GROUP_CMP, 8, memory, (int32_t)wanted);
    } else {
        emit_mov_ri(emit, REG_RAX, wanted);
        emit_rm(emit, OP_CMP, 8, REG_RAX, memory);
    }
    leave_if_different(compile, pc);
}

/* Index into cpu->tlbs. */
static unsigned fetch_cache(const struct riscv_facts *facts)
{
    unsigned context = facts->mode == RISCV_MODE_M   ? RISCV_CONTEXT_M
                       : facts->mode == RISCV_MODE_S ? RISCV_CONTEXT_S
                                                     : RISCV_CONTEXT_U;
    return facts->cache / RISCV_CONTEXT_COUNT * RISCV_CONTEXT_COUNT + context;
}

static void check_page(struct compile *compile, const struct host_page *page, uint64_t pc)
{
    size_t entry = offsetof(struct riscv_cpu, tlbs) + fetch_cache(&compile->request->facts) * sizeof(struct tlb) +
                   offsetof(struct tlb, fetches) + tlb_fetch_index(page->address) * sizeof(struct tlb_fetch_entry);
    int32_t at = (int32_t)entry - CPU_BIAS;
    compare_word(compile, emit_at(REG_RBP, at + (int32_t)offsetof(struct tlb_fetch_entry, page)), page->address, pc);
    compare_word(compile, emit_at(REG_RBP, at + (int32_t)offsetof(struct tlb_fetch_entry, addend)), page->addend, pc);
}

static void compare_facts(const struct host_request *request, struct emit *emit)
{
    const uint32_t asked = ~request->facts_ignored;
    if (asked == UINT32_MAX) {
        emit_group_mi(emit, GROUP_CMP, 4, CPU_AT(facts_key), (int32_t)request->facts_key);
    } else {
        emit_rm(emit, OP_MOV, 4, REG_RAX, CPU_AT(facts_key));
        emit_group_ri(emit, GROUP_AND, 4, REG_RAX, (int32_t)asked);
        emit_group_ri(emit, GROUP_CMP, 4, REG_RAX, (int32_t)(request->facts_key & asked));
    }
}

void select_entry(struct compile *compile, const uint8_t *base, uint64_t pc, const struct block_facts *facts,
                  bool is_loop_head, struct host_entry *entry)
{
    struct emit *emit = &compile->emit;
    entry->checked = base + emit->cursor;
    compile->dirty = 0;
    compare_facts(compile->request, emit);
    leave_if_different(compile, pc);
    for (unsigned i = 0; i < compile->request->page_count; i++) {
        check_page(compile, &compile->request->pages[i], pc);
    }
    entry->unchecked = base + emit->cursor;
    if (!is_loop_head) {
        select_attention(compile, pc);
    }
    memos_check(compile);
    pins_check(compile, facts->live_in, pc);
    pins_load(compile, facts->live_in);
}

/* -- From block to block ------------------------------------------------------------------------------------------- */

static void count_instructions(struct compile *compile, const struct ir_value *value)
{
    if (value->count != 0) {
        emit_group_ri(&compile->emit, GROUP_ADD, 8, REG_R15, (int32_t)value->count);
    }
}

static void jump_unless_next(struct compile *compile, const struct ir_block *target)
{
    if (compile->next_block != target) {
        select_jump(compile, CC_ALWAYS, target);
    }
}

static void select_branch(struct compile *compile, struct ir_value *value)
{
    const struct ir_block *taken = value->targets[0], *otherwise = value->targets[1];
    count_instructions(compile, value);
    enum emit_condition condition = select_condition(compile, value->arguments[0]);
    if (compile->next_block == taken) {
        select_jump(compile, (enum emit_condition)(condition ^ 1u), otherwise);
    } else {
        select_jump(compile, condition, taken);
        jump_unless_next(compile, otherwise);
    }
}

/* -- Out of the region --------------------------------------------------------------------------------------------- */

static void select_exit(struct compile *compile, struct ir_value *value)
{
    count_instructions(compile, value);
    pins_store(compile, compile->dirty);
    uint32_t link = compile->blocks[compile->block->number].link;
    emit_jump_data(&compile->emit, DATA_AT(links) + link * (uint32_t)sizeof(void *));
}

/* An address among targets, by comparisons: jumps to the one it is, falls through if it is none. */
struct search {
    struct ir_block *targets[IR_TARGETS_MAX];
    uint64_t from;     /* targets are known by their distances from here */
    unsigned compared; /* a register with that of the address */
    uint32_t misses[IR_TARGETS_MAX];
    unsigned miss_count;
};

static void compare_target(struct compile *compile, const struct search *search, unsigned number)
{
    const struct ir_block *target = search->targets[number];
    emit_group_ri(&compile->emit, GROUP_CMP, 8, search->compared, (int32_t)(target->pc - search->from));
    select_jump(compile, CC_E, target);
}

#define CHAIN_MAX 3u /* fewer targets are not worth halving */

/* Targets [first, end), sorted. */
static void select_halves(struct compile *compile, struct search *search, unsigned first, unsigned end)
{
    if (end - first <= CHAIN_MAX) {
        for (unsigned i = first; i < end; i++) {
            compare_target(compile, search, i);
        }
        return;
    }
    unsigned middle = first + (end - first) / 2;
    compare_target(compile, search, middle);
    uint32_t higher = emit_jump_forward(&compile->emit, CC_G);
    select_halves(compile, search, first, middle);
    search->misses[search->miss_count++] = emit_jump_forward(&compile->emit, CC_ALWAYS);
    emit_patch(&compile->emit, higher, compile->emit.cursor);
    select_halves(compile, search, middle + 1, end);
}

static void add_sorted(struct search *search, unsigned count, struct ir_block *target)
{
    unsigned at = 0;
    while (at < count && search->targets[at]->pc <= target->pc) {
        at++;
    }
    memmove(&search->targets[at + 1], &search->targets[at], (count - at) * sizeof search->targets[0]);
    search->targets[at] = target;
}

/* A target can be searched together with the one in front of it: both are near, and in this order. */
static bool follows(const struct search *search, unsigned number)
{
    uint64_t distance = search->targets[number]->pc - search->from;
    return emit_fits(distance) && (int64_t)distance > (int64_t)(search->targets[number - 1]->pc - search->from);
}

/* The address's distance from one of the targets, so that comparisons are short. */
static void move_origin(struct compile *compile, struct search *search, unsigned address, uint64_t from)
{
    if (search->compared != address) {
        unlock_gpr(compile, search->compared);
    }
    search->from = from;
    search->compared = scratch_gpr(compile);
    emit_mov_ri(&compile->emit, search->compared, 0 - from);
    emit_rr(&compile->emit, OP_ADD, 8, search->compared, address);
}

/* Not by a jump through a table: hosts predict conditional jumps by a longer history than indirect ones, and find out
 * sooner that they were wrong. */
static void select_targets(struct compile *compile, const struct ir_value *value, unsigned address)
{
    struct search search = { .compared = address };
    unsigned count = value->target_count;
    for (unsigned i = 0; i < count; i++) {
        add_sorted(&search, i, value->targets[i]);
    }
    for (unsigned first = 0, end; first < count; first = end) {
        if (!emit_fits(search.targets[first]->pc - search.from)) {
            move_origin(compile, &search, address, search.targets[first]->pc);
        }
        for (end = first + 1; end < count && follows(&search, end);) {
            end++;
        }
        search.miss_count = 0;
        select_halves(compile, &search, first, end);
        for (unsigned i = 0; i < search.miss_count; i++) {
            emit_patch(&compile->emit, search.misses[i], compile->emit.cursor);
        }
    }
    if (search.compared != address) {
        unlock_gpr(compile, search.compared);
    }
}

static void select_exit_indirect(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    count_instructions(compile, value);
    unsigned address = use_gpr(compile, value->arguments[0]);
    select_targets(compile, value, address);
    pins_store(compile, compile->dirty);
    emit_mov_rr(emit, 8, REG_RAX, address);
    /* the cache's entry, of two words, for half the address */
    emit_rm(emit, OP_LEA, 4, REG_RCX, (struct emit_memory){ REG_RAX, REG_RAX, 0, 0 });
    emit_shift_ri(emit, SHIFT_SHL, 4, REG_RCX, 2);
    emit_group_ri(emit, GROUP_AND, 4, REG_RCX, (int32_t)((JUMP_CACHE_ENTRIES - 1) * sizeof(struct jump_cache_entry)));
    emit_rd(emit, OP_LEA, 8, REG_RDX, DATA_AT(jumps));
    struct emit_memory entry = { REG_RDX, REG_RCX, 0, (int32_t)offsetof(struct jump_cache_entry, pc) };
    emit_rm(emit, OP_CMP, 8, REG_RAX, entry);
    emit_jump_to(emit, CC_NE, compile->runtime->leave_indirect);
    entry.displacement = (int32_t)offsetof(struct jump_cache_entry, entry);
    emit_jump_m(emit, entry);
    done(compile, value->arguments[0]);
}

static void select_exit_interpret(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    count_instructions(compile, value);
    pins_store(compile, compile->dirty);
    emit_mov_ri(emit, REG_RCX, value->pc);
    emit_mov_ri(emit, REG_RAX, runtime_result(HOST_EXIT_INTERPRET, 0));
    emit_jump_to(emit, CC_ALWAYS, compile->runtime->leave_pc);
}

void select_terminator(struct compile *compile, struct ir_value *value)
{
    switch ((int)value->op) {
    case IR_JUMP:
        count_instructions(compile, value);
        jump_unless_next(compile, value->targets[0]);
        break;
    case IR_BRANCH: select_branch(compile, value); break;
    case IR_EXIT: select_exit(compile, value); break;
    case IR_EXIT_INDIRECT: select_exit_indirect(compile, value); break;
    default: select_exit_interpret(compile, value); break;
    }
}
