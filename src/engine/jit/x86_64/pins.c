/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which guest slots live in which host registers while a region runs, and where the copies in memory are old.
 *
 * Every slot that is only ever read and written in whole 8-byte words may be pinned; those with the greatest number of
 * accesses, weighted by how often their blocks run, are; fewer of them where blocks compute so much at once that the
 * registers save more as temporaries. A pin's register is loaded at an entry if its old value can be needed from there
 * on, and written back wherever the region is left after a PUT may have changed it.
 */
#include "engine/jit/x86_64/compile.h"

#include <stdlib.h>
#include <string.h>

struct slot_score {
    uint32_t integer, floating;
    bool is_listed, is_refused;
};

#define TEMPORARIES_MAX 13u /* as many registers there are */

struct scores {
    struct slot_score of[PIN_SLOTS];
    uint16_t listed[PIN_SLOTS];
    unsigned count;
    unsigned live;                        /* temporaries needed at once, here */
    uint32_t demand[TEMPORARIES_MAX + 1]; /* [n]: how often one more was made when that made n; the last: or more */
};

#define SCORE_MIN  2u /* less is not worth loading and storing it */
#define OPERANDS   2u /* registers an operation needs beside what is live */
#define SPILL_COST 2u /* storing and loading, where a pin saves one of them */

static struct slot_score *score_at(struct scores *scores, uint32_t index)
{
    struct slot_score *score = &scores->of[index];
    if (!score->is_listed) {
        score->is_listed = true;
        scores->listed[scores->count++] = (uint16_t)index;
    }
    return score;
}

static uint32_t add_weight(uint32_t sum, uint32_t weight)
{
    return sum > UINT32_MAX - weight ? UINT32_MAX : sum + weight;
}

static void count_access(struct scores *scores, uint32_t slot, enum ir_type type, uint32_t weight)
{
    uint32_t first = slot / 8;
    if (first >= PIN_SLOTS) {
        return;
    }
    if (slot % 8 == 0 && type == IR_I64) {
        struct slot_score *score = score_at(scores, first);
        score->integer = add_weight(score->integer, weight);
    } else if (slot % 8 == 0 && type == IR_F64) {
        struct slot_score *score = score_at(scores, first);
        score->floating = add_weight(score->floating, weight);
    } else {
        uint32_t last = (slot + type_width(type) - 1) / 8;
        for (uint32_t word = first; word <= last && word < PIN_SLOTS; word++) {
            score_at(scores, word)->is_refused = true;
        }
    }
}

static bool has_place(const struct ir_value *value)
{
    return value->op == IR_CONST || value->op == IR_GET; /* NOLINT(clang-analyzer-core.NullDereference): a TRUNC's */
}

/* Needs a temporary from here to its last use. */
static bool takes_temporary(const struct ir_value *value)
{
    return value->uses != 0 && !type_in_xmm(value->type) &&
           !has_place(value->op == IR_TRUNC ? value->arguments[0] : value);
}

static void count_demand(struct compile *compile, struct scores *scores, const struct ir_value *value, uint32_t weight)
{
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        const struct ir_value *argument = value->arguments[i];
        scores->live -= takes_temporary(argument) && --node_of(compile, argument)->last == 0;
    }
    if (takes_temporary(value)) {
        node_of(compile, value)->last = value->uses;
        scores->live++;
        uint32_t *demand = &scores->demand[scores->live < TEMPORARIES_MAX ? scores->live : TEMPORARIES_MAX];
        *demand = add_weight(*demand, weight);
    }
}

static void count_accesses(struct compile *compile, struct scores *scores)
{
    for (const struct ir_block *block = compile->request->region->blocks; block != NULL; block = block->next) {
        scores->live = 0;
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            compile->uses_xmm |= type_is_float(value->type);
            compile->uses_vectors |= value->type == IR_V128;
            if (value->op == IR_GET && value->uses != 0) {
                count_access(scores, value->slot, value->type, block->weight);
            } else if (value->op == IR_PUT) {
                count_access(scores, value->slot, value->arguments[0]->type, block->weight);
            }
            count_demand(compile, scores, value, block->weight);
        }
    }
}

/* -- The choice ---------------------------------------------------------------------------------------------------- */

static const uint8_t pinnable_gpr[GPR_PINS_MAX] = { REG_RBX, REG_R12, REG_R13, REG_R14, REG_RDI,
                                                    REG_R8,  REG_R9,  REG_R10, REG_R11 };
#define FIRST_PINNABLE_XMM 4u
#define GENERAL_REGISTERS  (0xffffu & ~(1u << REG_RSP | 1u << REG_RBP | 1u << REG_R15))

static void add_pin(struct compile *compile, uint32_t index, bool is_float, uint8_t reg)
{
    compile->pin_of[index] = (uint8_t)compile->pin_count;
    compile->pins[compile->pin_count++] = (struct pin){ .slot = index * 8, .reg = reg, .is_float = is_float };
    *(is_float ? &compile->pinned_xmm : &compile->pinned_gpr) |= 1u << reg;
}

static void pick(struct compile *compile, struct scores *scores, bool is_float, unsigned limit)
{
    for (unsigned taken = 0; taken < limit; taken++) {
        uint32_t best = 0, best_index = 0;
        for (unsigned i = 0; i < scores->count; i++) {
            const struct slot_score *score = &scores->of[scores->listed[i]];
            uint32_t sum = add_weight(score->integer, score->floating);
            bool fits = !score->is_refused && (score->floating > score->integer) == is_float;
            if (fits && sum > best && compile->pin_of[scores->listed[i]] == PIN_NONE) {
                best = sum;
                best_index = scores->listed[i];
            }
        }
        if (best < SCORE_MIN) {
            break;
        }
        uint8_t reg = is_float ? (uint8_t)(FIRST_PINNABLE_XMM + taken) : pinnable_gpr[taken];
        add_pin(compile, best_index, is_float, reg);
    }
}

/* How often one more temporary spares a spill. Where far more are needed, another one keeps but some of the values. */
static uint64_t spared_spills(const struct scores *scores, unsigned temporaries)
{
    uint64_t spared = 0;
    for (unsigned live = temporaries - OPERANDS; live <= TEMPORARIES_MAX; live++) {
        spared += scores->demand[live] / (live - (temporaries - OPERANDS) + 1);
    }
    return spared;
}

/* A region of long blocks needs registers for what it computes rather than for what it keeps: pins that save less than
 * the temporaries they displace are given up, those that save least first. They are in the order they were picked in.
 */
static void leave_temporaries(struct compile *compile, const struct scores *scores)
{
    uint64_t lost = 0, spared = 0, best = 0;
    unsigned keep = compile->pin_count;
    for (unsigned n = compile->pin_count; n-- > GPR_PINS_MIN;) {
        const struct slot_score *score = &scores->of[compile->pins[n].slot / 8];
        lost += add_weight(score->integer, score->floating);
        spared += spared_spills(scores, TEMPORARIES_MAX - n);
        if (spared * SPILL_COST > lost && spared * SPILL_COST - lost > best) {
            best = spared * SPILL_COST - lost;
            keep = n;
        }
    }
    while (compile->pin_count > keep) {
        const struct pin *pin = &compile->pins[--compile->pin_count];
        compile->pin_of[pin->slot / 8] = PIN_NONE;
        compile->pinned_gpr &= ~(1u << pin->reg);
    }
}

/* -- Single precision ---------------------------------------------------------------------------------------------- */

#define BOX_BITS UINT64_C(0xffffffff00000000)

static bool is_boxed(const struct ir_value *value)
{
    return value->op == IR_BOX || (value->op == IR_CONST && (value->immediate & BOX_BITS) == BOX_BITS);
}

static void refuse_single(struct compile *compile, uint32_t slot)
{
    unsigned pin = pin_at(compile, slot);
    if (pin != PIN_NONE) {
        compile->pins[pin].is_single = false;
    }
}

/* A use of an integer's lower half alone. */
static bool uses_low_half(const struct ir_value *value, unsigned argument)
{
    return value->op == IR_TRUNC || (value->op >= IR_STORE8 && value->op <= IR_STORE32 && argument == 1);
}

/* What is used as something else than a box to be opened is not to be had from its low half. */
static void look_at_arguments(struct compile *compile, const struct ir_value *value)
{
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        const struct ir_value *argument = value->arguments[i];
        if (argument->op == IR_GET && argument->type == IR_F64 && value->op != IR_UNBOX && value->op != IR_BITCAST) {
            refuse_single(compile, argument->slot);
        } else if (argument->op == IR_BITCAST && argument->arguments[0]->op == IR_GET && !uses_low_half(value, i)) {
            refuse_single(compile, argument->arguments[0]->slot);
        }
    }
}

/* Pins that only boxed F32 are put in and only F32 are taken out of. */
static void find_singles(struct compile *compile)
{
    for (unsigned i = 0; i < compile->pin_count; i++) {
        compile->pins[i].is_single = compile->pins[i].is_float;
    }
    for (const struct ir_block *block = compile->request->region->blocks; block != NULL; block = block->next) {
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            look_at_arguments(compile, value);
            bool bare = value->op == IR_PUT && !is_boxed(value->arguments[0]);
            if (bare || (value->op == IR_GET && value->type != IR_F64)) {
                refuse_single(compile, value->slot);
            } else if (value->op == IR_CALL && value->callee->writes_state) {
                for (unsigned i = 0; i < compile->pin_count; i++) {
                    compile->pins[i].is_single = false;
                }
            }
        }
    }
}

/* -- Where memory is old, and what must be loaded ------------------------------------------------------------------ */

static void note_access(struct compile *compile, struct block_facts *facts, const struct ir_value *value)
{
    unsigned pin = pin_at(compile, value->slot);
    if (pin == PIN_NONE) {
        return;
    }
    uint32_t bit = 1u << pin;
    if (value->op == IR_PUT) {
        facts->written |= bit;
        facts->dirty_made |= bit;
    } else if ((facts->written & bit) == 0) {
        facts->exposed |= bit;
    }
}

static void summarize(struct compile *compile, const struct ir_block *block)
{
    struct block_facts *facts = &compile->blocks[block->number];
    facts->leaves = block->is_loop_head;
    for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
        if (value->op == IR_GET || value->op == IR_PUT) {
            note_access(compile, facts, value);
        } else if (op_leaves(value->op)) {
            if (!facts->leaves) {
                facts->leaves = true;
                facts->before_leave = facts->written;
            }
            if (value->op == IR_CALL) {
                facts->calls = true;
                facts->dirty_made = 0;
            }
        }
    }
    bool ends = block->last->op != IR_JUMP && block->last->op != IR_BRANCH;
    if (ends && !facts->leaves) {
        facts->leaves = true;
        facts->before_leave = facts->written;
    }
}

/* Pins whose register may differ from memory, at the start of each block. */
static void find_dirty(struct compile *compile)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (const struct ir_block *block = compile->request->region->blocks; block != NULL; block = block->next) {
            const struct block_facts *facts = &compile->blocks[block->number];
            uint32_t out = facts->dirty_made | (facts->calls ? 0 : facts->dirty_in);
            for (unsigned i = 0; i < block->last->target_count; i++) {
                struct block_facts *to = &compile->blocks[block->last->targets[i]->number];
                changed |= (out & ~to->dirty_in) != 0;
                to->dirty_in |= out;
            }
        }
    }
}

/* Pins whose register must be right at the start of each block: it is read, or written back by an exit. */
static void find_live(struct compile *compile)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (const struct ir_block *block = compile->request->region->blocks; block != NULL; block = block->next) {
            struct block_facts *facts = &compile->blocks[block->number];
            uint32_t live = 0;
            for (unsigned i = 0; i < block->last->target_count; i++) {
                live |= compile->blocks[block->last->targets[i]->number].live_in;
            }
            live = facts->exposed | (live & ~facts->written);
            if (facts->leaves) {
                live |= facts->dirty_in & ~facts->before_leave;
            }
            changed |= live != facts->live_in;
            facts->live_in = live;
        }
    }
}

void pins_choose(struct compile *compile)
{
    unsigned gpr_limit = GPR_PINS_MAX, xmm_limit = XMM_PINS_MAX;
    if (compile->random != 0) {
        gpr_limit = random_below(compile, GPR_PINS_MAX + 1);
        xmm_limit = random_below(compile, XMM_PINS_MAX + 1);
    }
    struct scores *scores = check_alloc(sizeof *scores);
    memset(compile->pin_of, PIN_NONE, sizeof compile->pin_of);
    count_accesses(compile, scores);
    pick(compile, scores, false, gpr_limit);
    leave_temporaries(compile, scores);
    pick(compile, scores, true, xmm_limit);
    free(scores);
    CHECK((!compile->uses_xmm && !compile->uses_vectors) || compile->request->facts_ignored == 0);
    if (compile->pinned_xmm != 0) {
        find_singles(compile);
    }
    compile->temp_gpr = GENERAL_REGISTERS & ~compile->pinned_gpr;
    compile->temp_xmm = 0xffffu & ~compile->pinned_xmm;
    if (compile->random != 0) { /* no more temporaries than there must be */
        compile->temp_gpr &= 1u << REG_RAX | 1u << REG_RCX | 1u << REG_RDX | 1u << REG_RSI;
        compile->temp_xmm &= 15;
    }
    for (const struct ir_block *block = compile->request->region->blocks; block != NULL; block = block->next) {
        summarize(compile, block);
    }
    find_dirty(compile);
    find_live(compile);
}

void pins_check(struct compile *compile, uint32_t pins, uint64_t pc)
{
    for (unsigned i = 0; i < compile->pin_count; i++) {
        if ((pins >> i & 1) != 0 && compile->pins[i].is_single) {
            emit_group_mi(&compile->emit, GROUP_CMP, 4, slot_memory(compile->pins[i].slot + 4), -1);
            uint32_t place = emit_jump_forward(&compile->emit, CC_NE);
            stub_leave(compile, HOST_EXIT_INTERPRET, place, pc, 0);
        }
    }
}

static uint32_t move_op(const struct pin *pin, enum emit_op floating, enum emit_op integer)
{
    return !pin->is_float ? (uint32_t)integer : pin->is_single ? (uint32_t)emit_single(floating) : (uint32_t)floating;
}

void pins_load(struct compile *compile, uint32_t pins)
{
    for (unsigned i = 0; i < compile->pin_count; i++) {
        if ((pins >> i & 1) != 0) {
            const struct pin *pin = &compile->pins[i];
            emit_rm(&compile->emit, move_op(pin, OP_MOVSD, OP_MOV), pin->is_float ? 4 : 8, pin->reg,
                    slot_memory(pin->slot));
        }
    }
}

void pins_store(struct compile *compile, uint32_t pins)
{
    for (unsigned i = 0; i < compile->pin_count; i++) {
        if ((pins >> i & 1) != 0) {
            const struct pin *pin = &compile->pins[i];
            emit_rm(&compile->emit, move_op(pin, OP_MOVSD_STORE, OP_MOV_STORE), pin->is_float ? 4 : 8, pin->reg,
                    slot_memory(pin->slot));
            if (pin->is_single) {
                emit_store_i(&compile->emit, 4, slot_memory(pin->slot + 4), -1);
            }
        }
    }
}
