/* SPDX-License-Identifier: Apache-2.0 */
/* Regions, blocks and values as memory: taking it, linking them, taking them apart. */
#include "engine/jit/ir.h"

#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_SIZE ((size_t)64 << 10)
#define ALIGNMENT  ((size_t)16)

struct ir_piece {
    struct ir_piece *next;
    _Alignas(16) uint8_t bytes[];
};

const struct ir_op_facts ir_op_table[IR_OP_COUNT] = {
#define OP(name, text, arguments, effect) [IR_##name] = { text, arguments, IR_EFFECT_##effect },
    IR_OPS(OP)
#undef OP
};

void *ir_take(struct ir_arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (arena->next == NULL || (size_t)(arena->end - arena->next) < size) {
        size_t capacity = size > PIECE_SIZE ? size : PIECE_SIZE;
        struct ir_piece *piece = check_alloc(sizeof *piece + capacity);
        piece->next = arena->pieces;
        arena->pieces = piece;
        arena->next = piece->bytes;
        arena->end = piece->bytes + capacity;
    }
    void *taken = arena->next;
    arena->next += size;
    return taken;
}

struct ir_region *ir_create(void)
{
    struct ir_arena *arena = check_alloc(sizeof *arena);
    struct ir_region *region = ir_take(arena, sizeof *region);
    region->arena = arena;
    return region;
}

void ir_free(struct ir_region *region)
{
    if (region == NULL) {
        return;
    }
    struct ir_arena *arena = region->arena; /* the region itself lies in it */
    for (struct ir_piece *piece = arena->pieces, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(arena);
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

struct ir_value *ir_append(struct ir_block *block, const struct ir_value *candidate)
{
    struct ir_region *region = block->region;
    struct ir_value *before = region->arena->before;
    CHECK(ir_value_fault(candidate) == NULL);
    CHECK(before != NULL || block->last == NULL || ir_op_table[block->last->op].effect != IR_EFFECT_END);
    struct ir_value *value = ir_take(region->arena, sizeof *value);
    *value = *candidate;
    value->number = region->value_count++;
    value->uses = 0;
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        CHECK(value->arguments[i]->block == block);
        value->arguments[i]->uses++;
    }
    link_value(block, value, before);
    return value;
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

bool ir_resolve(struct ir_value *user)
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
    static const uint8_t sizes[] = { [IR_I32] = 4, [IR_I64] = 8, [IR_F32] = 4, [IR_F64] = 8, [IR_V128] = 16 };
    return sizes[type];
}

unsigned ir_type_bits(enum ir_type type)
{
    static const uint8_t bits[IR_V128 + 1] = { [IR_BOOL] = 1, [IR_I32] = 32, [IR_I64] = 64 };
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

bool ir_may_leave(const struct ir_value *value)
{
    enum ir_effect effect = ir_op_table[value->op].effect;
    return effect == IR_EFFECT_LEAVES || (effect == IR_EFFECT_MEMORY && value->op != IR_FENCE) ||
           (effect == IR_EFFECT_CALL && value->callee->may_trap);
}

bool ir_is_pure(const struct ir_value *value)
{
    enum ir_effect effect = ir_op_table[value->op].effect;
    return (effect == IR_EFFECT_NONE && value->op != IR_MARK) ||
           (effect == IR_EFFECT_CALL && value->callee->pure && value->type != IR_VOID);
}

/* The mixing step of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 29;
}

uint64_t ir_hash(const struct ir_value *value)
{
    uint64_t hash = mix((uint64_t)value->op << 8 | (uint64_t)value->type, value->immediate);
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        hash = mix(hash, value->arguments[i]->number);
    }
    return hash;
}

bool ir_equal(const struct ir_value *a, const struct ir_value *b)
{
    return a->op == b->op && a->type == b->type && a->immediate == b->immediate && a->callee == b->callee &&
           memcmp(a->arguments, b->arguments, sizeof a->arguments) == 0;
}
