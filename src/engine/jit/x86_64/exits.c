/* SPDX-License-Identifier: Apache-2.0 */
/* Into and out of a region, and from block to block. */
#include "arch/riscv/primitives.h"
#include "engine/jit/x86_64/select.h"

void select_attention(struct compile *compile, uint64_t pc)
{
    emit_group_mi(&compile->emit, GROUP_CMP, 4, CPU_AT(vcpu.attention), 0);
    uint32_t place = emit_jump_forward(&compile->emit, CC_NE);
    stub_leave(compile, HOST_EXIT_ATTENTION, place, pc, 0);
}

/* -- Entry --------------------------------------------------------------------------------------------------------- */

static void leave_if_different(struct compile *compile)
{
    uint32_t place = emit_jump_forward(&compile->emit, CC_NE);
    stub_leave(compile, HOST_EXIT_STALE, place, compile->request->region->blocks->pc, 0);
}

static void compare_word(struct compile *compile, struct emit_memory memory, uint64_t wanted)
{
    struct emit *emit = &compile->emit;
    if (emit_fits(wanted)) {
        emit_group_mi(emit, GROUP_CMP, 8, memory, (int32_t)wanted);
    } else {
        emit_mov_ri(emit, REG_RAX, wanted);
        emit_rm(emit, OP_CMP, 8, REG_RAX, memory);
    }
    leave_if_different(compile);
}

/* Index into cpu->tlbs. */
static unsigned fetch_cache(const struct riscv_facts *facts)
{
    unsigned context = facts->mode == RISCV_MODE_M   ? RISCV_CONTEXT_M
                       : facts->mode == RISCV_MODE_S ? RISCV_CONTEXT_S
                                                     : RISCV_CONTEXT_U;
    return facts->cache / RISCV_CONTEXT_COUNT * RISCV_CONTEXT_COUNT + context;
}

static void check_page(struct compile *compile, const struct host_page *page)
{
    size_t entry = offsetof(struct riscv_cpu, tlbs) + fetch_cache(&compile->request->facts) * sizeof(struct tlb) +
                   offsetof(struct tlb, fetches) + tlb_index(page->address) * sizeof(struct tlb_fetch_entry);
    int32_t at = (int32_t)entry - CPU_BIAS;
    compare_word(compile, emit_at(REG_RBP, at + (int32_t)offsetof(struct tlb_fetch_entry, page)), page->address);
    compare_word(compile, emit_at(REG_RBP, at + (int32_t)offsetof(struct tlb_fetch_entry, addend)), page->addend);
}

void select_entry(struct compile *compile, struct host_code *code)
{
    struct emit *emit = &compile->emit;
    const struct ir_block *first = compile->request->region->blocks;
    const uint8_t *base = code->start - emit->begin;
    code->checked_entry = base + emit->cursor;
    compile->dirty = 0;
    emit_group_mi(emit, GROUP_CMP, 4, CPU_AT(facts_key), (int32_t)compile->request->facts_key);
    leave_if_different(compile);
    for (unsigned i = 0; i < compile->request->page_count; i++) {
        check_page(compile, &compile->request->pages[i]);
    }
    code->unchecked_entry = base + emit->cursor;
    if (!first->is_loop_head) {
        select_attention(compile, first->pc);
    }
    pins_check(compile, compile->blocks[first->number].live_in);
    pins_load(compile, compile->blocks[first->number].live_in);
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

/* One comparison after another. */
static void select_chain(struct compile *compile, const struct ir_value *value, unsigned address)
{
    struct emit *emit = &compile->emit;
    for (unsigned i = 0; i < value->target_count; i++) {
        uint64_t pc = value->targets[i]->pc;
        if (emit_fits(pc)) {
            emit_group_ri(emit, GROUP_CMP, 8, address, (int32_t)pc);
        } else {
            unsigned wanted = scratch_gpr(compile);
            emit_mov_ri(emit, wanted, pc);
            emit_rr(emit, OP_CMP, 8, address, wanted);
            unlock_gpr(compile, wanted);
        }
        select_jump(compile, CC_E, value->targets[i]);
    }
}

/* `offset` = (address / 2 % entries) * 16: where an address belongs in a table of two-word entries. */
static void select_table_offset(struct compile *compile, unsigned offset, unsigned address, uint32_t entries)
{
    struct emit *emit = &compile->emit;
    emit_rm(emit, OP_LEA, 4, offset, (struct emit_memory){ (uint8_t)address, (uint8_t)address, 0, 0 });
    emit_shift_ri(emit, SHIFT_SHL, 4, offset, 2);
    emit_group_ri(emit, GROUP_AND, 4, offset, (int32_t)((entries - 1) * sizeof(struct jump_cache_entry)));
}

#define TABLE_ENTRIES_MAX 256u

/* How many entries keep all targets apart; 0: too many. */
static uint32_t table_entries(const struct ir_value *value)
{
    for (uint32_t entries = 8; entries <= TABLE_ENTRIES_MAX; entries *= 2) {
        uint64_t used[TABLE_ENTRIES_MAX / 64] = { 0 };
        bool collides = false;
        for (unsigned i = 0; i < value->target_count; i++) {
            uint32_t entry = (uint32_t)(value->targets[i]->pc >> 1) & (entries - 1);
            collides |= (used[entry / 64] >> (entry % 64) & 1) != 0;
            used[entry / 64] |= UINT64_C(1) << (entry % 64);
        }
        if (!collides) {
            return entries;
        }
    }
    return 0;
}

/* By a table behind the region's code, and an indirect jump that the host can predict. */
static void select_by_table(struct compile *compile, const struct ir_value *value, unsigned address, uint32_t entries)
{
    struct emit *emit = &compile->emit;
    unsigned offset = scratch_gpr(compile), table = scratch_gpr(compile);
    select_table_offset(compile, offset, address, entries);
    uint32_t place = emit_lea_forward(emit, table);
    struct emit_memory entry = { (uint8_t)table, (uint8_t)offset, 0, (int32_t)offsetof(struct jump_cache_entry, pc) };
    emit_rm(emit, OP_CMP, 8, address, entry);
    uint32_t other = emit_jump_forward(emit, CC_NE);
    entry.displacement = (int32_t)offsetof(struct jump_cache_entry, entry);
    emit_jump_m(emit, entry);
    emit_patch(emit, other, emit->cursor);
    if (compile->table_count == compile->table_room) {
        compile->table_room = compile->table_room == 0 ? 8 : compile->table_room * 2;
        compile->tables = check_realloc(compile->tables, compile->table_room * sizeof compile->tables[0]);
    }
    compile->tables[compile->table_count++] = (struct jump_table){ value, place, entries };
}

void exits_emit_tables(struct compile *compile, const uint8_t *executable)
{
    struct emit *emit = &compile->emit;
    for (unsigned i = 0; i < compile->table_count; i++) {
        const struct jump_table *table = &compile->tables[i];
        emit_align(emit, 16);
        uint32_t start = emit_reserve(emit, table->entries * (uint32_t)sizeof(struct jump_cache_entry));
        if (emit->overflow) {
            return;
        }
        emit_patch(emit, table->place, start);
        struct jump_cache_entry *entries = (struct jump_cache_entry *)(void *)(emit->memory + start);
        for (uint32_t entry = 0; entry < table->entries; entry++) {
            entries[entry] = (struct jump_cache_entry){ .pc = 1 }; /* no instruction has that address */
        }
        for (unsigned target = 0; target < table->value->target_count; target++) {
            const struct ir_block *block = table->value->targets[target];
            struct jump_cache_entry *entry = &entries[(uint32_t)(block->pc >> 1) & (table->entries - 1)];
            *entry = (struct jump_cache_entry){ block->pc, executable + compile->blocks[block->number].start };
        }
    }
}

#define CHAIN_MAX 3u /* targets that comparisons are better for */

static void select_exit_indirect(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    count_instructions(compile, value);
    unsigned address = use_gpr(compile, value->arguments[0]);
    uint32_t entries = value->target_count > CHAIN_MAX ? table_entries(value) : 0;
    if (entries != 0) {
        select_by_table(compile, value, address, entries);
    } else {
        select_chain(compile, value, address);
    }
    pins_store(compile, compile->dirty);
    emit_mov_rr(emit, 8, REG_RAX, address);
    select_table_offset(compile, REG_RCX, REG_RAX, JUMP_CACHE_ENTRIES);
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
