/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/region.h"

#include "core/check.h"
#include "engine/code.h"
#include "engine/interp/interp.h"
#include "engine/jit/guess.h"
#include "engine/jit/loops.h"
#include "engine/jit/system.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WARM         16 /* runs in the interpreter that make a path worth including */
#define WARM_TARGET  8
#define SWITCHES_MAX 8u
#define CALLS_MAX    8u
#define SWITCH_REACH 1024u /* bytes to both sides */
#define RETURNS_MAX  16u
#define FLOAT_DIRTY  3u /* mstatus.FS */
#define SLOT(member) ((uint32_t)offsetof(struct riscv_cpu, state.member))

struct builder {
    struct riscv_cpu *cpu;
    struct region_plan *plan;
    struct riscv_facts facts;
    bool (*ends_at)(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host);
    uint64_t returns[RETURNS_MAX]; /* addresses after calls inside the region */
    unsigned return_count;
    struct ir_value *indirect[REGION_BLOCKS_MAX]; /* terminators that return from a function */
    unsigned indirect_count;
    struct ir_value *switches[SWITCHES_MAX]; /* terminators that jump through a register otherwise */
    unsigned switch_count;
    struct {
        struct ir_value *exit;
        unsigned reg;   /* with the address */
    } calls[CALLS_MAX]; /* terminators that call through a pointer */
    unsigned call_count;
};

/* -- Facts --------------------------------------------------------------------------------------------------------- */

struct riscv_facts region_facts(const struct riscv_cpu *cpu)
{
    const struct riscv_state *state = &cpu->state;
    bool float_on = riscv_mstatus_FS(state) == FLOAT_DIRTY;
    return (struct riscv_facts){ .mode = state->mode,
                                 .cache = (uint8_t)(cpu->data_tlb - cpu->tlbs),
                                 .float_on = float_on,
                                 .rounding = float_on ? (uint8_t)riscv_fcsr_FRM(state) : 0,
                                 .pins = (uint8_t)cpu->pins_held };
}

uint32_t region_facts_key(const struct riscv_facts *facts)
{
    return 1u | (uint32_t)facts->mode << 1 | (uint32_t)facts->cache << 10 | (uint32_t)facts->pins << 16 |
           (facts->float_on != 0 ? FACTS_KEY_FLOAT : 0) | (uint32_t)facts->rounding << 7;
}

struct ir_value *translation_csr_field(struct riscv_translation *translation, uint32_t slot, unsigned low,
                                       unsigned width)
{
    enum ir_type type = width <= 32 ? IR_I32 : IR_I64;
    struct ir_block *block = translation->block;
    if (slot == SLOT(csr.mstatus) && low == RISCV_MSTATUS_FS_SHIFT && width == 2 && translation->facts.float_on) {
        return ir_constant(block, type, FLOAT_DIRTY);
    }
    if (slot == SLOT(csr.fcsr) && low == RISCV_FCSR_FRM_SHIFT && width == 3 && translation->facts.float_on) {
        return ir_constant(block, type, translation->facts.rounding);
    }
    struct ir_value *word = ir_get(block, IR_I64, slot);
    struct ir_value *field = ir_binary(block, IR_SHR, word, ir_constant(block, IR_I64, low));
    uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    field = ir_binary(block, IR_AND, field, ir_constant(block, IR_I64, mask));
    return type == IR_I32 ? ir_unary(block, IR_TRUNC, IR_I32, field) : field;
}

/* -- Pages --------------------------------------------------------------------------------------------------------- */

/* The page of pc, whose place is known. */
static void add_page(struct region_plan *plan, uint64_t pc, const uint8_t *host)
{
    plan->pages[plan->page_count++] =
        (struct host_page){ .address = pc & ~PAGE_MASK, .addend = (uint64_t)(uintptr_t)host - pc };
}

/* Host address of the instruction at pc, or NULL. The fetch TLB may be emptied at any time (memory/straggler.h), so it
 * is not asked again for a page of the region. */
static const uint8_t *look_at(const struct builder *builder, uint64_t pc)
{
    const struct region_plan *plan = builder->plan;
    for (unsigned i = 0; i < plan->page_count; i++) {
        if (plan->pages[i].address == (pc & ~PAGE_MASK)) {
            return (const uint8_t *)(uintptr_t)(pc + plan->pages[i].addend); /* NOLINT: a page that was found so */
        }
    }
    return tlb_fetch(builder->cpu->fetch_tlb, pc);
}

/* The same if its page is, or can become, one of the region's. Never traps. */
static const uint8_t *host_of(struct builder *builder, uint64_t pc)
{
    struct region_plan *plan = builder->plan;
    const uint8_t *host = look_at(builder, pc);
    for (unsigned i = 0; host != NULL && i < plan->page_count; i++) {
        if (plan->pages[i].address == (pc & ~PAGE_MASK)) {
            return host;
        }
        /* Two pages that share a TLB entry would evict each other at every entry. */
        if (tlb_fetch_index(plan->pages[i].address) == tlb_fetch_index(pc)) {
            return NULL;
        }
    }
    if (host == NULL || plan->page_count == HOST_PAGES_MAX) {
        return NULL;
    }
    add_page(plan, pc, host);
    return host;
}

/* -- Blocks and edges ---------------------------------------------------------------------------------------------- */

static struct region_block *block_at(struct builder *builder, uint64_t pc)
{
    for (unsigned i = 0; i < builder->plan->block_count; i++) {
        if (builder->plan->blocks[i].pc == pc) {
            return &builder->plan->blocks[i];
        }
    }
    return NULL;
}

static struct region_block *add_block(struct builder *builder, uint64_t pc)
{
    if (builder->plan->block_count == REGION_BLOCKS_MAX) {
        return NULL;
    }
    struct region_block *block = &builder->plan->blocks[builder->plan->block_count++];
    *block = (struct region_block){ .pc = pc, .ir = ir_add_block(builder->plan->ir, pc) };
    block->ir->weight = 1;
    return block;
}

/* The region's block at pc, made now if that path is warm; NULL: leave the region there. */
static struct ir_block *target_block(struct builder *builder, uint64_t pc)
{
    struct region_block *block = block_at(builder, pc);
    if (block == NULL) {
        if (builder->plan->instruction_count >= REGION_INSTRUCTIONS_MAX || (pc & 1) != 0) {
            return NULL;
        }
        const uint8_t *host = look_at(builder, pc);
        if (host == NULL || builder->ends_at(builder->cpu, pc, host) || interp_heat(builder->cpu, host) < WARM ||
            host_of(builder, pc) == NULL) {
            return NULL;
        }
        block = add_block(builder, pc);
        if (block == NULL) {
            return NULL;
        }
    }
    return block->ir;
}

/* The target, or a block that leaves the region for it. */
static struct ir_block *target_or_exit(struct builder *builder, uint64_t pc)
{
    struct ir_block *block = target_block(builder, pc);
    if (block == NULL) {
        block = ir_add_block(builder->plan->ir, pc);
        block->weight = 0;
        ir_exit(block, pc, 0);
    }
    return block;
}

static void go_to(struct builder *builder, struct ir_block *block, uint64_t pc, uint32_t count)
{
    struct ir_block *target = target_block(builder, pc);
    if (target != NULL) {
        ir_jump(block, target, count);
    } else {
        ir_exit(block, pc, count);
    }
}

/* -- What the generated translator calls --------------------------------------------------------------------------- */

/* The register a jump links to or returns through; volume I, "Unconditional Jumps", the return-address stack hints. */
static bool is_link_register(unsigned number)
{
    return number == 1 || number == 5;
}

static unsigned field_rd(const struct riscv_decoded *decoded)
{
    if (decoded->length == 4) {
        return decoded->encoding >> 7 & 31;
    }
    bool is_c_jalr = (decoded->encoding & 0xf07f) == 0x9002;
    return is_c_jalr ? 1 : 0;
}

static unsigned field_rs1(const struct riscv_decoded *decoded)
{
    return decoded->length == 4 ? decoded->encoding >> 15 & 31 : decoded->encoding >> 7 & 31;
}

/* A jump through a register and an immediate that is not 0. */
static bool has_offset(const struct riscv_decoded *decoded)
{
    return decoded->length == 4 && decoded->encoding >> 20 != 0;
}

static void note_call(struct builder *builder, const struct riscv_translation *translation)
{
    if (is_link_register(field_rd(&translation->decoded)) && builder->return_count < RETURNS_MAX) {
        builder->returns[builder->return_count++] = translation->next_pc;
    }
}

void translation_jump(struct riscv_translation *translation, uint64_t target)
{
    struct builder *builder = translation->builder;
    note_call(builder, translation);
    go_to(builder, translation->block, target, translation->count + 1);
}

void translation_branch(struct riscv_translation *translation, struct ir_value *taken, uint64_t target)
{
    struct builder *builder = translation->builder;
    if (ir_is_constant(taken)) {
        go_to(builder, translation->block, taken->immediate != 0 ? target : translation->next_pc,
              translation->count + 1);
        return;
    }
    struct ir_block *there = target_or_exit(builder, target);
    struct ir_block *next = target_or_exit(builder, translation->next_pc);
    ir_branch(translation->block, taken, there, next, translation->count + 1);
}

void translation_jump_indirect(struct riscv_translation *translation, struct ir_value *target)
{
    struct builder *builder = translation->builder;
    const struct riscv_decoded *decoded = &translation->decoded;
    bool returns = field_rd(decoded) == 0 && is_link_register(field_rs1(decoded));
    note_call(builder, translation);
    ir_exit_indirect(translation->block, target, NULL, 0, translation->count + 1);
    if (returns) {
        builder->indirect[builder->indirect_count++] = translation->block->last;
    } else if (field_rd(decoded) == 0 && builder->switch_count < SWITCHES_MAX) {
        builder->switches[builder->switch_count++] = translation->block->last;
    } else if (field_rd(decoded) != 0 && !has_offset(decoded) && builder->call_count < CALLS_MAX) {
        builder->calls[builder->call_count].exit = translation->block->last;
        builder->calls[builder->call_count++].reg = field_rs1(decoded);
    }
}

/* -- Translating a block ------------------------------------------------------------------------------------------- */

static void add_source(struct region_plan *plan, const uint8_t *host, uint64_t size)
{
    if (size > 0) {
        plan->sources[plan->source_count++] = (struct region_source){ .host = host, .size = (uint32_t)size };
    }
}

/* An instruction as it was read, once. */
struct instruction_bytes {
    uint16_t parcels[2];
    const uint8_t *second; /* of the next page, where its second half is; or NULL */
};

/* The instruction at pc, if its bytes are within reach and this machine has it. Its second half may be in the next
 * page. */
static bool decode_at(struct builder *builder, const uint8_t *host, uint64_t pc, struct instruction_bytes *bytes,
                      struct riscv_decoded *decoded)
{
    *bytes = (struct instruction_bytes){ .parcels = { code_parcel(host) } };
    uint32_t bits = bytes->parcels[0];
    if ((bits & 3) == 3) {
        const uint8_t *second = host + 2;
        if ((pc & PAGE_MASK) == PAGE_SIZE - 2) {
            second = bytes->second = host_of(builder, pc + 2);
            if (second == NULL) {
                return false;
            }
        }
        bytes->parcels[1] = code_parcel(second);
        bits |= (uint32_t)bytes->parcels[1] << 16;
    }
    return riscv_decode(bits, &builder->cpu->features, decoded);
}

static void keep_bytes(struct region_plan *plan, const struct instruction_bytes *bytes, unsigned length)
{
    for (unsigned i = 0; i < length / 2; i++) {
        plan->parcels[plan->parcel_count++] = bytes->parcels[i];
    }
}

/* An instruction that IR does not express: a call, if it is worth one. */
static enum translation_result call_system(struct builder *builder, const struct riscv_translation *translation)
{
    struct ir_block *block = translation->block;
    enum system_way way = system_way_of(&translation->decoded, &translation->facts);
    if (way == SYSTEM_LEAVES) {
        return TRANSLATION_LEFT;
    }
    struct ir_value *encoding = ir_constant(block, IR_I64, translation->decoded.encoding);
    struct ir_value *goes_on = ir_call(block, &system_callee, &encoding, 1);
    if (way == SYSTEM_GOES_OUT) {
        ir_exit_indirect(block, ir_get(block, IR_I64, SLOT(pc)), NULL, 0, translation->count + 1);
        return TRANSLATION_ENDED;
    }
    struct ir_block *next = target_or_exit(builder, translation->next_pc);
    struct ir_block *out = ir_add_block(builder->plan->ir, translation->next_pc);
    out->weight = 0;
    ir_exit_indirect(out, ir_get(out, IR_I64, SLOT(pc)), NULL, 0, 0);
    struct ir_value *behind = ir_compare(block, IR_NE, goes_on, ir_constant(block, IR_I64, 0));
    ir_branch(block, behind, next, out, translation->count + 1);
    return TRANSLATION_ENDED;
}

static void translate_block(struct builder *builder, unsigned index)
{
    struct region_block *guest = &builder->plan->blocks[index];
    struct ir_block *block = guest->ir;
    const uint8_t *host = host_of(builder, guest->pc);
    uint64_t page_end = (guest->pc & ~PAGE_MASK) + PAGE_SIZE;
    uint64_t pc = guest->pc;
    struct riscv_translation translation = {
        .block = block, .facts = builder->facts, .features = &builder->cpu->features, .builder = builder
    };
    struct instruction_bytes bytes = { .second = NULL };
    uint32_t count = 0;
    for (;;) {
        struct region_block *reached = pc != guest->pc ? block_at(builder, pc) : NULL;
        if (reached != NULL || pc >= page_end || count == REGION_BLOCK_LENGTH) {
            go_to(builder, block, pc, count);
            break;
        }
        ir_mark(block, pc, count);
        enum translation_result result = TRANSLATION_LEFT;
        if (decode_at(builder, host + (pc - guest->pc), pc, &bytes, &translation.decoded)) {
            translation.pc = pc;
            translation.next_pc = pc + translation.decoded.length;
            translation.count = count;
            result = riscv_translate_instruction(&translation);
            if (result == TRANSLATION_LEFT) {
                result = call_system(builder, &translation);
            }
        }
        if (result == TRANSLATION_LEFT) {
            ir_exit_interpret(block, pc, count);
            break;
        }
        keep_bytes(builder->plan, &bytes, translation.decoded.length);
        pc = translation.next_pc;
        count++;
        if (result == TRANSLATION_ENDED) {
            break;
        }
    }
    if (translation.asks_float) {
        builder->plan->facts_ignored = 0;
    }
    builder->plan->instruction_count += count;
    add_source(builder->plan, host, (pc < page_end ? pc : page_end) - builder->plan->blocks[index].pc);
    add_source(builder->plan, bytes.second, pc > page_end ? pc - page_end : 0);
}

/* -- The whole region ---------------------------------------------------------------------------------------------- */

/* A return goes to where a call inside the region came from, more often than not. */
static void aim_returns(struct builder *builder)
{
    for (unsigned i = 0; i < builder->indirect_count; i++) {
        struct ir_value *exit = builder->indirect[i];
        for (unsigned r = 0; r < builder->return_count && exit->target_count < IR_TARGETS_MAX; r++) {
            struct region_block *block = block_at(builder, builder->returns[r]);
            if (block != NULL) {
                exit->targets[exit->target_count++] = block->ir;
            }
        }
    }
}

/* The addresses after calls: blocks of their own if they are warm, so that returns can find them. */
static void add_returns(struct builder *builder, unsigned from)
{
    for (unsigned i = from; i < builder->return_count; i++) {
        target_block(builder, builder->returns[i]);
    }
}

/* -- Jumps through a register: switches, and calls through pointers -------------------------------------------------
 */

struct switch_target {
    uint64_t pc;
    int heat;
};

struct switch_targets {
    struct switch_target of[IR_TARGETS_MAX];
    unsigned count;
};

/* Enters a target among the hottest, hottest first. */
static void rank(struct switch_targets *targets, struct switch_target target)
{
    unsigned at = targets->count < IR_TARGETS_MAX ? targets->count++ : IR_TARGETS_MAX;
    while (at > 0 && targets->of[at - 1].heat < target.heat) {
        if (at < IR_TARGETS_MAX) {
            targets->of[at] = targets->of[at - 1];
        }
        at--;
    }
    if (at < IR_TARGETS_MAX) {
        targets->of[at] = target;
    }
}

/* Those that are known by how the address is computed, if they have run. */
static void find_guessed_targets(struct builder *builder, const struct ir_value *exit, struct switch_targets *targets)
{
    uint64_t guesses[GUESSES_MAX];
    unsigned count = guess_targets(builder->cpu, exit, guesses);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *host = look_at(builder, guesses[i]);
        int heat = host != NULL ? interp_heat(builder->cpu, host) : 0;
        if (heat >= WARM_TARGET || block_at(builder, guesses[i]) != NULL) {
            rank(targets, (struct switch_target){ .pc = guesses[i], .heat = heat });
        }
    }
}

/* Blocks near the jump that have run and that nothing else in the region leads to: its likely targets. */
static void find_near_targets(struct builder *builder, uint64_t pc, struct switch_targets *targets)
{
    uint64_t page = pc & ~PAGE_MASK;
    uint64_t low = pc - page > SWITCH_REACH ? pc - SWITCH_REACH : page;
    uint64_t high = page + PAGE_SIZE - pc > SWITCH_REACH ? pc + SWITCH_REACH : page + PAGE_SIZE;
    const uint8_t *host = host_of(builder, page);
    for (uint64_t at = low; host != NULL && at < high; at += 2) {
        int heat = interp_heat(builder->cpu, host + (at - page));
        if (heat >= WARM_TARGET && block_at(builder, at) == NULL) {
            rank(targets, (struct switch_target){ .pc = at, .heat = heat });
        }
    }
}

static void aim_switch(struct builder *builder, struct ir_value *exit)
{
    struct switch_targets targets = { .count = 0 };
    find_guessed_targets(builder, exit, &targets);
    if (targets.count == 0) {
        find_near_targets(builder, exit->block->pc, &targets);
    }
    for (unsigned i = 0; i < targets.count; i++) {
        struct region_block *block = block_at(builder, targets.of[i].pc);
        if (block == NULL && host_of(builder, targets.of[i].pc) != NULL) {
            block = add_block(builder, targets.of[i].pc);
        }
        if (block != NULL) {
            exit->targets[exit->target_count++] = block->ir;
        }
    }
}

/* What a call through a pointer calls is what is in the register now, if that has run: a loop that is given a function
 * keeps it there, and other code has called it last time round. */
static void aim_call(struct builder *builder, struct ir_value *exit, unsigned reg)
{
    struct ir_block *target = target_block(builder, builder->cpu->state.x[reg] & ~UINT64_C(1));
    if (target != NULL) {
        exit->targets[exit->target_count++] = target;
    }
}

static void translate_from(struct builder *builder, unsigned first)
{
    for (unsigned i = first; i < builder->plan->block_count; i++) {
        unsigned returns = builder->return_count;
        translate_block(builder, i);
        add_returns(builder, returns);
    }
}

void region_build(struct region_plan *plan, struct ir_region *ir, struct riscv_cpu *cpu, uint64_t pc,
                  const uint8_t *page, const struct riscv_facts *facts,
                  bool (*ends_at)(const struct riscv_cpu *cpu, uint64_t pc, const uint8_t *host))
{
    memset(plan, 0, offsetof(struct region_plan, parcels));
    struct builder *builder = check_alloc(sizeof *builder);
    builder->cpu = cpu;
    builder->plan = plan;
    builder->facts = *facts;
    builder->ends_at = ends_at;
    plan->ir = ir;
    plan->facts_ignored = FACTS_KEY_MODES;
    add_page(plan, pc, page + (pc & PAGE_MASK));
    add_block(builder, pc);
    translate_from(builder, 0);
    for (unsigned i = 0; i < builder->switch_count; i++) {
        unsigned known = builder->plan->block_count;
        aim_switch(builder, builder->switches[i]);
        translate_from(builder, known);
    }
    for (unsigned i = 0; i < builder->call_count; i++) {
        unsigned known = builder->plan->block_count;
        aim_call(builder, builder->calls[i].exit, builder->calls[i].reg);
        translate_from(builder, known);
    }
    aim_returns(builder);
    loops_find(ir);
    free(builder);
}
