/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/x86_64/registers.h"

#include <stdlib.h>

/* Those an instruction demands come last. */
static const uint8_t gpr_order[] = { REG_RSI, REG_RCX, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                     REG_RBX, REG_R12, REG_R13, REG_R14, REG_RAX, REG_RDX };

#define HOME_WORTH 16u /* operations later that a value with a home might be needed, and still be evicted first */

void registers_begin_block(struct compile *compile)
{
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        compile->gpr[i] = NULL;
        compile->xmm[i] = NULL;
    }
    compile->locked_gpr = compile->locked_xmm = compile->scratch_gpr = compile->scratch_xmm = 0;
    compile->kept_gpr = 0;
    mark_kept(compile, 0);
    compile->alias_count = 0;
    compile->spill_free_count = compile->vector_free_count = 0;
    compile->spill_next = compile->vector_next = 0;
}

static struct emit_memory spill_memory(unsigned spill)
{
    return spill < SPILL_COUNT ? emit_at(REG_RSP, FRAME_SPILL + (int32_t)spill * 8)
                               : emit_at(REG_RSP, FRAME_VECTOR_SPILL + (int32_t)(spill - SPILL_COUNT) * 16);
}

static void free_spill(struct compile *compile, uint16_t number)
{
    if (!compile->failed && number >= SPILL_COUNT) {
        compile->vector_free[compile->vector_free_count++] = number;
    } else if (!compile->failed) {
        compile->spill_free[compile->spill_free_count++] = number;
    }
}

/* -- Temporaries -------------------------------------------------------------------------------------------------- */

static uint16_t take_spill(struct compile *compile)
{
    if (compile->spill_free_count != 0) {
        return compile->spill_free[--compile->spill_free_count];
    }
    compile->failed = compile->failed || compile->spill_next == SPILL_COUNT;
    return compile->failed ? 0 : (uint16_t)compile->spill_next++;
}

static uint16_t take_vector_spill(struct compile *compile)
{
    if (compile->vector_free_count != 0) {
        return compile->vector_free[--compile->vector_free_count];
    }
    compile->failed = compile->failed || compile->vector_next == VECTOR_SPILL_COUNT;
    return (uint16_t)(SPILL_COUNT + (compile->failed ? 0 : compile->vector_next++));
}

static void spill(struct compile *compile, struct ir_value *value)
{
    struct node *node = node_of(compile, value);
    if (node->home_width != 0) {
        *(node->place == PLACE_GPR ? &compile->gpr[node->reg] : &compile->xmm[node->reg]) = NULL;
        node->place = PLACE_SLOT;
        return;
    }
    node->spill = value->type == IR_V128 ? take_vector_spill(compile) : take_spill(compile);
    if (value->type == IR_V128) {
        emit_rm(&compile->emit, OP_MOVUPS_STORE, 4, node->reg, spill_memory(node->spill));
        compile->xmm[node->reg] = NULL;
    } else if (node->place == PLACE_GPR) {
        emit_rm(&compile->emit, OP_MOV_STORE, 8, node->reg, spill_memory(node->spill));
        compile->gpr[node->reg] = NULL;
    } else {
        emit_rm(&compile->emit, OP_MOVSD_STORE, 4, node->reg, spill_memory(node->spill));
        compile->xmm[node->reg] = NULL;
    }
    node->place = PLACE_SPILL;
}

/* Position of the last use; later for a value that need not be stored. */
static uint32_t worth_keeping_until(const struct compile *compile, const struct ir_value *value)
{
    const struct node *node = node_of(compile, value);
    return node->last + (node->home_width != 0 ? HOME_WORTH : 0);
}

/* Of the registers in the mask, the one whose value is needed last; its value is spilled. */
static unsigned evict(struct compile *compile, struct ir_value **holders, uint32_t mask)
{
    CHECK(mask != 0);
    unsigned best = REG_NONE;
    uint32_t latest = 0;
    for (unsigned reg = 0; reg < REGISTER_COUNT; reg++) {
        if ((mask >> reg & 1) != 0) {
            uint32_t until = worth_keeping_until(compile, holders[reg]);
            if (best == REG_NONE || until > latest) {
                best = reg;
                latest = until;
            }
        }
    }
    spill(compile, holders[best]);
    return best;
}

void keep_addend(struct compile *compile, struct group *group, unsigned reg)
{
    group->reg = (uint8_t)reg;
    compile->kept_gpr |= 1u << reg;
    mark_kept(compile, compile->kept_gpr);
    compile->scratch_gpr &= ~(1u << reg);
}

void forget_addend(struct compile *compile, unsigned reg)
{
    compile->kept_gpr &= ~(1u << reg);
    mark_kept(compile, compile->kept_gpr);
    for (unsigned i = 0; i < compile->group_count; i++) {
        if (compile->groups[i].reg == reg) {
            compile->groups[i].reg = REG_NONE;
        }
    }
}

static unsigned allocate_gpr(struct compile *compile)
{
    uint32_t usable = compile->temp_gpr & ~compile->locked_gpr;
    unsigned start = compile->random != 0 ? random_below(compile, sizeof gpr_order) : 0;
    for (unsigned i = 0; i < sizeof gpr_order; i++) {
        unsigned reg = gpr_order[(i + start) % sizeof gpr_order];
        if ((usable & ~compile->kept_gpr) >> reg & 1 && compile->gpr[reg] == NULL) {
            return reg;
        }
    }
    if ((usable & compile->kept_gpr) != 0) {
        unsigned reg = (unsigned)__builtin_ctz(usable & compile->kept_gpr);
        forget_addend(compile, reg);
        return reg;
    }
    return evict(compile, compile->gpr, usable);
}

static unsigned allocate_xmm(struct compile *compile)
{
    uint32_t usable = compile->temp_xmm & ~compile->locked_xmm;
    unsigned start = compile->random != 0 ? random_below(compile, REGISTER_COUNT) : 0;
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        unsigned reg = (i + start) % REGISTER_COUNT;
        if ((usable >> reg & 1) != 0 && compile->xmm[reg] == NULL) {
            return reg;
        }
    }
    return evict(compile, compile->xmm, usable);
}

unsigned scratch_gpr(struct compile *compile)
{
    unsigned reg = allocate_gpr(compile);
    compile->locked_gpr |= 1u << reg;
    compile->scratch_gpr |= 1u << reg;
    return reg;
}

unsigned scratch_xmm(struct compile *compile)
{
    unsigned reg = allocate_xmm(compile);
    compile->locked_xmm |= 1u << reg;
    compile->scratch_xmm |= 1u << reg;
    return reg;
}

void claim_gpr(struct compile *compile, unsigned reg)
{
    CHECK((compile->temp_gpr >> reg & 1) != 0 && (compile->locked_gpr >> reg & 1) == 0);
    compile->locked_gpr |= 1u << reg;
    forget_addend(compile, reg);
    struct ir_value *holder = compile->gpr[reg];
    if (holder != NULL) {
        uint32_t usable = compile->temp_gpr & ~compile->locked_gpr;
        for (unsigned to = 0; to < REGISTER_COUNT; to++) {
            if ((usable & ~compile->kept_gpr) >> to & 1 && compile->gpr[to] == NULL) {
                emit_mov_rr(&compile->emit, 8, to, reg);
                compile->gpr[to] = holder;
                compile->gpr[reg] = NULL;
                node_of(compile, holder)->reg = (uint8_t)to;
                break;
            }
        }
        if (compile->gpr[reg] != NULL) {
            spill(compile, holder);
        }
    }
    compile->scratch_gpr |= 1u << reg;
}

void unlock_gpr(struct compile *compile, unsigned reg)
{
    compile->locked_gpr &= ~(1u << reg);
    compile->scratch_gpr &= ~(1u << reg);
}

void end_operation(struct compile *compile)
{
    compile->locked_gpr = compile->locked_xmm = compile->scratch_gpr = compile->scratch_xmm = 0;
}

/* -- Values in pins and slots -------------------------------------------------------------------------------------- */

static void add_alias(struct compile *compile, struct ir_value *value)
{
    if (compile->alias_count == compile->alias_room) {
        compile->alias_room = compile->alias_room == 0 ? 64 : compile->alias_room * 2;
        compile->aliases = check_realloc(compile->aliases, compile->alias_room * sizeof(struct ir_value *));
    }
    compile->aliases[compile->alias_count++] = value;
}

static bool in_pinned_register(const struct compile *compile, const struct node *node)
{
    return (node->place == PLACE_GPR && (compile->pinned_gpr >> node->reg & 1) != 0) ||
           (node->place == PLACE_XMM && (compile->pinned_xmm >> node->reg & 1) != 0);
}

static bool is_alias(const struct compile *compile, const struct node *node)
{
    return node->home_width != 0 || in_pinned_register(compile, node);
}

void give_home(struct compile *compile, struct ir_value *value, uint32_t slot, unsigned width)
{
    struct node *node = node_of(compile, value);
    if (node->uses == 0 || value->op == IR_CONST || node->home_width != 0 || in_pinned_register(compile, node)) {
        return;
    }
    node->home = slot;
    node->home_width = (uint8_t)width;
    add_alias(compile, value);
}

void define_alias(struct compile *compile, struct ir_value *value)
{
    struct node *node = node_of(compile, value);
    unsigned pin = pin_at(compile, value->slot);
    if (pin == PIN_NONE) {
        node->place = PLACE_SLOT;
        give_home(compile, value, value->slot, type_width(value->type));
    } else {
        become_alias(compile, value, pin);
    }
}

void become_alias(struct compile *compile, struct ir_value *value, unsigned pin)
{
    struct node *node = node_of(compile, value);
    if (node->uses == 0) {
        node->place = PLACE_NONE;
        return;
    }
    node->place = compile->pins[pin].is_float ? PLACE_XMM : PLACE_GPR;
    node->reg = compile->pins[pin].reg;
    add_alias(compile, value);
}

void move_to_pin(struct compile *compile, struct ir_value *value, unsigned pin)
{
    const struct node *node = node_of(compile, value);
    if (node->uses != 0 && node->place == PLACE_GPR && !in_pinned_register(compile, node)) {
        compile->gpr[node->reg] = NULL;
        node_of(compile, value)->home_width = 0;
        become_alias(compile, value, pin);
    }
}

static uint32_t load_xmm_op(enum ir_type type)
{
    return type == IR_V128 ? OP_MOVUPS : type == IR_F32 ? (uint32_t)emit_single(OP_MOVSD) : (uint32_t)OP_MOVSD;
}

/* Into a temporary of its own. */
static void detach(struct compile *compile, struct ir_value *value)
{
    struct node *node = node_of(compile, value);
    bool is_float = node->place == PLACE_SLOT ? type_in_xmm(value->type) : node->place == PLACE_XMM;
    if (is_float) {
        unsigned reg = allocate_xmm(compile);
        if (node->place == PLACE_SLOT) {
            emit_rm(&compile->emit, load_xmm_op(value->type), 4, reg, slot_memory(node->home));
        } else {
            emit_rr(&compile->emit, OP_MOVAPS, 4, reg, node->reg);
        }
        compile->xmm[reg] = value;
        node->place = PLACE_XMM;
        node->reg = (uint8_t)reg;
        return;
    }
    unsigned reg = allocate_gpr(compile);
    if (node->place == PLACE_SLOT) {
        emit_rm(&compile->emit, OP_MOV, node->home_width, reg, slot_memory(node->home));
    } else {
        emit_mov_rr(&compile->emit, 8, reg, node->reg);
    }
    compile->gpr[reg] = value;
    node->place = PLACE_GPR;
    node->reg = (uint8_t)reg;
}

/* What it shares a place with is about to change. */
static void leave_alias(struct compile *compile, struct ir_value *value)
{
    struct node *node = node_of(compile, value);
    if (node->place == PLACE_SLOT || in_pinned_register(compile, node)) {
        detach(compile, value);
    }
    node->home_width = 0;
}

static bool overlaps(const struct compile *compile, const struct ir_value *value, uint32_t slot, unsigned size,
                     unsigned pin)
{
    const struct node *node = node_of(compile, value);
    if (node->home_width != 0) {
        return node->home < slot + size && slot < node->home + node->home_width;
    }
    return pin != PIN_NONE && node->reg == compile->pins[pin].reg &&
           compile->pins[pin].is_float == (node->place == PLACE_XMM);
}

void save_aliases(struct compile *compile, uint32_t slot, unsigned size, const struct ir_value *except)
{
    unsigned pin = pin_at(compile, slot);
    unsigned kept = 0;
    for (unsigned i = 0; i < compile->alias_count; i++) {
        struct ir_value *value = compile->aliases[i];
        const struct node *node = node_of(compile, value);
        if (node->uses == 0 || !is_alias(compile, node)) {
            continue;
        }
        if (value != except && overlaps(compile, value, slot, size, pin)) {
            leave_alias(compile, value);
        } else {
            compile->aliases[kept++] = value;
        }
    }
    compile->alias_count = kept;
}

void save_temporaries(struct compile *compile, uint32_t gpr_mask, bool state)
{
    for (unsigned i = 0; state && i < compile->alias_count; i++) {
        struct ir_value *value = compile->aliases[i];
        const struct node *node = node_of(compile, value);
        if (node->uses != 0 && is_alias(compile, node)) {
            leave_alias(compile, value);
        }
    }
    for (unsigned reg = 0; reg < REGISTER_COUNT; reg++) {
        if ((compile->kept_gpr >> reg & 1) != 0) {
            forget_addend(compile, reg);
        }
        if (compile->gpr[reg] != NULL && (gpr_mask >> reg & 1) != 0) {
            spill(compile, compile->gpr[reg]);
        }
        if (compile->xmm[reg] != NULL) {
            spill(compile, compile->xmm[reg]);
        }
    }
}

/* -- Operands ------------------------------------------------------------------------------------------------------ */

bool is_in_memory(const struct compile *compile, struct ir_value *value, unsigned width, struct emit_memory *memory)
{
    value = resolve(compile, value);
    const struct node *node = node_of(compile, value);
    if (node->uses != 1) {
        return false;
    }
    if (node->place == PLACE_SPILL) {
        *memory = spill_memory(node->spill);
        return true;
    }
    if (node->place == PLACE_SLOT && width <= node->home_width) {
        *memory = slot_memory(node->home);
        return true;
    }
    return false;
}

unsigned use_gpr(struct compile *compile, struct ir_value *value)
{
    value = resolve(compile, value);
    struct node *node = node_of(compile, value);
    if (value->op == IR_CONST) {
        unsigned reg = scratch_gpr(compile);
        emit_mov_ri(&compile->emit, reg, value->immediate);
        return reg;
    }
    CHECK(node->place != PLACE_NONE && node->place != PLACE_XMM);
    if (node->place == PLACE_SLOT) {
        detach(compile, value);
    } else if (node->place == PLACE_SPILL) {
        unsigned reg = allocate_gpr(compile);
        emit_rm(&compile->emit, OP_MOV, 8, reg, spill_memory(node->spill));
        free_spill(compile, node->spill);
        compile->gpr[reg] = value;
        node->place = PLACE_GPR;
        node->reg = (uint8_t)reg;
    }
    compile->locked_gpr |= 1u << node->reg;
    return node->reg;
}

/* Both halves by way of general registers: a constant that is used often is worth a value of its own. */
static unsigned constant_vector(struct compile *compile, const struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned reg = scratch_xmm(compile);
    if (value->immediate == UINT64_MAX && value->high == UINT64_MAX) {
        emit_rr(emit, OP_PCMPEQD, 4, reg, reg);
        return reg;
    }
    if (value->immediate == 0 && value->high == 0) {
        emit_rr(emit, OP_XORPS, 4, reg, reg);
        return reg;
    }
    unsigned bits = allocate_gpr(compile);
    emit_mov_ri(emit, bits, value->immediate);
    emit_rr(emit, OP_MOVQ_TO, 8, reg, bits);
    if (value->high == value->immediate) {
        emit_rr(emit, OP_PUNPCKLQDQ, 4, reg, reg);
    } else if (value->high != 0) {
        emit_mov_ri(emit, bits, value->high);
        if (compile->features.sse41) {
            emit_rr(emit, OP_PINSRD, 8, reg, bits);
            emit_immediate8(emit, 1);
        } else {
            unsigned upper = allocate_xmm(compile);
            emit_rr(emit, OP_MOVQ_TO, 8, upper, bits);
            emit_rr(emit, OP_PUNPCKLQDQ, 4, reg, upper);
        }
    }
    return reg;
}

static unsigned constant_xmm(struct compile *compile, const struct ir_value *value)
{
    unsigned reg = scratch_xmm(compile);
    if (value->immediate == 0) {
        emit_rr(&compile->emit, OP_XORPS, 4, reg, reg);
        return reg;
    }
    unsigned bits = allocate_gpr(compile);
    emit_mov_ri(&compile->emit, bits, value->immediate);
    emit_rr(&compile->emit, OP_MOVQ_TO, 8, reg, bits);
    return reg;
}

unsigned use_xmm(struct compile *compile, struct ir_value *value)
{
    value = resolve(compile, value);
    struct node *node = node_of(compile, value);
    if (value->op == IR_CONST) {
        return value->type == IR_V128 ? constant_vector(compile, value) : constant_xmm(compile, value);
    }
    CHECK(node->place != PLACE_NONE && node->place != PLACE_GPR);
    if (node->place == PLACE_SLOT) {
        detach(compile, value);
    } else if (node->place == PLACE_SPILL) {
        unsigned reg = allocate_xmm(compile);
        emit_rm(&compile->emit, value->type == IR_V128 ? OP_MOVUPS : OP_MOVSD, 4, reg, spill_memory(node->spill));
        free_spill(compile, node->spill);
        compile->xmm[reg] = value;
        node->place = PLACE_XMM;
        node->reg = (uint8_t)reg;
    }
    compile->locked_xmm |= 1u << node->reg;
    return node->reg;
}

void done(struct compile *compile, struct ir_value *value)
{
    value = resolve(compile, value);
    struct node *node = node_of(compile, value);
    if (value->op == IR_CONST) {
        return;
    }
    if (node->fused) {
        for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
            done(compile, value->arguments[i]);
        }
        return;
    }
    CHECK(node->uses != 0);
    if (--node->uses != 0) {
        return;
    }
    if (node->place == PLACE_SPILL) {
        free_spill(compile, node->spill);
    } else if (!in_pinned_register(compile, node)) {
        if (node->place == PLACE_GPR) {
            compile->gpr[node->reg] = NULL;
        } else if (node->place == PLACE_XMM) {
            compile->xmm[node->reg] = NULL;
        }
    }
    node->place = PLACE_NONE;
}

/* -- Results ------------------------------------------------------------------------------------------------------- */

/* The pin the value is meant for, if nobody needs what is in it. */
static unsigned usable_target(struct compile *compile, const struct ir_value *value, bool is_float)
{
    const struct node *node = node_of(compile, value);
    if (node->target == PIN_NONE) {
        return PIN_NONE;
    }
    const struct pin *pin = &compile->pins[node->target];
    if (pin->is_single && value->op == IR_BOX) { /* somebody wants it whole: a reload would leave half of it */
        return PIN_NONE;
    }
    if (pin->is_float != is_float) {
        return PIN_NONE;
    }
    for (unsigned i = 0; i < compile->alias_count; i++) {
        const struct node *other = node_of(compile, compile->aliases[i]);
        if (other->uses != 0 && other->place == (is_float ? PLACE_XMM : PLACE_GPR) && other->reg == pin->reg) {
            return PIN_NONE;
        }
    }
    return node->target;
}

unsigned define_gpr(struct compile *compile, struct ir_value *value, unsigned prefer)
{
    struct node *node = node_of(compile, value);
    unsigned pin = usable_target(compile, value, false);
    if (pin != PIN_NONE) {
        become_alias(compile, value, pin);
        compile->locked_gpr |= 1u << node->reg;
        return node->reg;
    }
    if (node->uses == 0) {
        return scratch_gpr(compile);
    }
    unsigned reg = prefer;
    if (prefer >= REGISTER_COUNT || ((compile->temp_gpr & ~compile->kept_gpr) >> prefer & 1) == 0 ||
        compile->gpr[prefer] != NULL) {
        reg = allocate_gpr(compile);
    }
    compile->gpr[reg] = value;
    compile->scratch_gpr &= ~(1u << reg);
    compile->locked_gpr |= 1u << reg;
    node->place = PLACE_GPR;
    node->reg = (uint8_t)reg;
    return reg;
}

unsigned define_xmm(struct compile *compile, struct ir_value *value, unsigned prefer)
{
    struct node *node = node_of(compile, value);
    unsigned pin = usable_target(compile, value, true);
    if (pin != PIN_NONE) {
        become_alias(compile, value, pin);
        compile->locked_xmm |= 1u << node->reg;
        return node->reg;
    }
    if (node->uses == 0) {
        return scratch_xmm(compile);
    }
    unsigned reg = prefer;
    if (prefer >= REGISTER_COUNT || (compile->temp_xmm >> prefer & 1) == 0 || compile->xmm[prefer] != NULL) {
        reg = allocate_xmm(compile);
    }
    compile->xmm[reg] = value;
    compile->scratch_xmm &= ~(1u << reg);
    compile->locked_xmm |= 1u << reg;
    node->place = PLACE_XMM;
    node->reg = (uint8_t)reg;
    return reg;
}
