/* SPDX-License-Identifier: Apache-2.0 */
/* Regions, blocks and values as memory: taking it, linking them, taking them apart. */
#include "engine/jit/ir.h"

#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_SIZE   ((size_t)64 << 10)
#define ALIGNMENT    ((size_t)16)

#define SPARE_PIECES 32u /* about so many are kept for the next region */

struct ir_piece {
    struct ir_piece *next;
    size_t size; /* of the bytes */
    _Alignas(16) uint8_t bytes[];
};

const struct ir_op_facts ir_op_table[IR_OP_COUNT] = {
#define OP(name, text, arguments, effect) [IR_##name] = { text, arguments, IR_EFFECT_##effect },
    IR_OPS(OP)
#undef OP
};

static void add_piece(struct ir_arena *arena, size_t size)
{
    struct ir_piece *piece = arena->spare;
    if (piece != NULL && size <= piece->size) {
        arena->spare = piece->next;
    } else {
        size_t capacity = size > PIECE_SIZE ? size : PIECE_SIZE;
        piece = check_realloc(NULL, sizeof *piece + capacity); /* not zeroed: see take() */
        piece->size = capacity;
    }
    piece->next = arena->pieces;
    arena->pieces = piece;
    arena->next = piece->bytes;
    arena->end = piece->bytes + piece->size;
}

/* Bytes that hold anything. */
static inline void *take(struct ir_arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (unlikely(arena->next == NULL || (size_t)(arena->end - arena->next) < size)) {
        add_piece(arena, size);
    }
    void *taken = arena->next;
    arena->next += size;
    return taken;
}

void *ir_take(struct ir_arena *arena, size_t size)
{
    return memset(take(arena, size), 0, size);
}

static struct ir_region *region_in(struct ir_arena *arena)
{
    struct ir_region *region = ir_take(arena, sizeof *region);
    region->arena = arena;
    return region;
}

struct ir_region *ir_create(void)
{
    return region_in(check_alloc(sizeof(struct ir_arena)));
}

static void free_pieces(struct ir_piece *piece)
{
    while (piece != NULL) {
        struct ir_piece *next = piece->next;
        free(piece);
        piece = next;
    }
}

void ir_free(struct ir_region *region)
{
    if (region == NULL) {
        return;
    }
    struct ir_arena *arena = region->arena; /* the region itself lies in it */
    free_pieces(arena->pieces);
    free_pieces(arena->spare);
    free(arena);
}

struct ir_region *ir_renew(struct ir_region *region)
{
    if (region == NULL) {
        return ir_create();
    }
    struct ir_arena *arena = region->arena;
    struct ir_piece **last = &arena->pieces;
    unsigned count = 1;
    while (*last != NULL) {
        last = &(*last)->next;
        count++;
    }
    *last = arena->spare;
    struct ir_piece *all = arena->pieces;
    while (all != NULL && count > SPARE_PIECES) { /* that was an unusually large one */
        struct ir_piece *next = all->next;
        free(all);
        all = next;
        count--;
    }
    memset(arena, 0, sizeof *arena);
    arena->spare = all;
    return region_in(arena);
}

struct ir_block *ir_add_block(struct ir_region *region, uint64_t pc)
{
    struct ir_block *block = ir_take(region->arena, sizeof *block);
    block->region = region;
    block->pc = pc;
    block->weight = 1;
    block->number = region->block_count++;
    if (region->last_block == NULL) {
        region->blocks = block;
    } else {
        region->last_block->next = block;
    }
    region->last_block = block;
    return block;
}

static void link_value(struct ir_block *block, struct ir_value *value, struct ir_value *before)
{
    CHECK(before == NULL || before->block == block);
    struct ir_value *previous = before != NULL ? before->previous : block->last;
    value->block = block;
    value->previous = previous;
    value->next = before;
    *(previous != NULL ? &previous->next : &block->first) = value;
    *(before != NULL ? &before->previous : &block->last) = value;
}

static void unlink_value(struct ir_value *value)
{
    struct ir_block *block = value->block;
    *(value->previous != NULL ? &value->previous->next : &block->first) = value->next;
    *(value->next != NULL ? &value->next->previous : &block->last) = value->previous;
    value->block = NULL;
}

/* Passes ask how far slots reach before they make tables. */
static void note_slot(struct ir_arena *arena, const struct ir_value *value)
{
    uint32_t end = value->slot + ir_type_size(value->op == IR_GET ? value->type : value->arguments[0]->type);
    arena->slot_end = end > arena->slot_end ? end : arena->slot_end;
}

static struct ir_block **copy_targets(struct ir_arena *arena, const struct ir_value *end)
{
    unsigned room = end->op == IR_EXIT_INDIRECT ? IR_TARGETS_MAX : end->target_count;
    struct ir_block **targets = ir_take(arena, room * sizeof(struct ir_block *));
    for (unsigned i = 0; i < end->target_count; i++) {
        targets[i] = end->targets[i];
    }
    return targets;
}

struct ir_value *ir_append_checked(struct ir_block *block, const struct ir_value *candidate)
{
    struct ir_region *region = block->region;
    struct ir_value *before = region->arena->before;
    CHECK(before != NULL || block->last == NULL || ir_effect_of(block->last) != IR_EFFECT_END);
    struct ir_value *value = take(region->arena, sizeof *value);
    *value = *candidate;
    value->targets = NULL;
    if (value->op == IR_GET || value->op == IR_PUT) {
        note_slot(region->arena, value);
    } else if (ir_effect_of(value) == IR_EFFECT_END) {
        value->targets = copy_targets(region->arena, candidate);
    }
    value->number = region->value_count++;
    value->uses = 0;
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        CHECK(value->arguments[i]->block == block);
        value->arguments[i]->uses++;
    }
    link_value(block, value, before);
    return value;
}

struct ir_value *ir_append(struct ir_block *block, const struct ir_value *candidate)
{
    CHECK(ir_value_fault(candidate) == NULL);
    return ir_append_checked(block, candidate);
}

void ir_insert_before(struct ir_region *region, struct ir_value *value)
{
    region->arena->before = value;
}

static void release_arguments(struct ir_value *value)
{
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        value->arguments[i]->uses--;
    }
}

void ir_remove(struct ir_value *value)
{
    CHECK(value->uses == 0);
    release_arguments(value);
    unlink_value(value);
}

void ir_cut(struct ir_block *block, const struct ir_value *last)
{
    while (block->last != last) {
        ir_remove(block->last);
    }
}

void ir_replace(struct ir_value *old, struct ir_value *now)
{
    CHECK(old != now && old->type == now->type && now->block == old->block);
    release_arguments(old);
    unlink_value(old);
    old->arguments[0] = now; /* see ir_resolve() */
}

bool ir_follow(struct ir_value *user)
{
    bool changed = false;
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && user->arguments[i] != NULL; i++) {
        struct ir_value *argument = user->arguments[i];
        while (argument->block == NULL) {
            argument = argument->arguments[0];
        }
        if (argument != user->arguments[i]) {
            user->arguments[i]->uses--;
            user->arguments[i] = argument;
            argument->uses++;
            changed = true;
        }
    }
    return changed;
}

unsigned ir_argument_count(const struct ir_value *value)
{
    unsigned count = 0;
    while (count < IR_ARGUMENTS_MAX && value->arguments[count] != NULL) {
        count++;
    }
    return count;
}

unsigned ir_type_size(enum ir_type type)
{
    static const uint8_t sizes[IR_TYPE_COUNT] = {
        [IR_I32] = 4, [IR_I64] = 8, [IR_F32] = 4, [IR_F64] = 8, [IR_V128] = 16
    };
    return sizes[type];
}

unsigned ir_type_bits(enum ir_type type)
{
    static const uint8_t bits[IR_TYPE_COUNT] = { [IR_BOOL] = 1, [IR_I32] = 32, [IR_I64] = 64 };
    return bits[type];
}

bool ir_is_integer(enum ir_type type)
{
    return type == IR_I32 || type == IR_I64;
}

bool ir_is_float(enum ir_type type)
{
    return type == IR_F32 || type == IR_F64;
}

const char *ir_op_name(enum ir_op op)
{
    return op < IR_OP_COUNT ? ir_op_table[op].text : "?";
}
