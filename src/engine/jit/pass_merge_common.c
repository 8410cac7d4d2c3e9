/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Within each block: an operation that was done before with the same arguments is replaced by its first result.
 *
 * Pure operations and constants are merged. Floating-point operations are too: the second would set the flags the first
 * has set. That fails if a C function that may clear flags was called in between, so such a call voids them. Loads are
 * not merged: another vCPU may have stored. GETs are ir_forward_gets()'s.
 */
#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct ir_value *value;
    uint32_t stamp; /* when it was made; see struct merging */
};

struct merging {
    struct entry *entries; /* open addressing; a power of two, at least twice the values of the longest block */
    uint32_t mask;
    uint32_t stamp;       /* goes up at each value */
    uint32_t block_stamp; /* entries before this one are of another block: free places */
    uint32_t float_stamp; /* floating-point entries before this one are void */
};

/* The mixing step of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct ir_value *value)
{
    uint64_t hash = mix((uint64_t)value->op << 8 | (uint64_t)value->type, value->immediate ^ value->high);
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        hash = mix(hash, value->arguments[i]->number);
    }
    return hash;
}

static bool is_equal(const struct ir_value *a, const struct ir_value *b)
{
    return a->op == b->op && a->type == b->type && a->immediate == b->immediate && a->high == b->high &&
           a->callee == b->callee && memcmp(a->arguments, b->arguments, sizeof a->arguments) == 0;
}

static bool is_void(const struct merging *merging, const struct entry *entry)
{
    bool is_float = ir_effect_of(entry->value) == IR_EFFECT_FLOAT;
    return is_float && entry->stamp < merging->float_stamp;
}

/* An equal value, or NULL after making `value` the one to be found. */
static struct ir_value *find_or_add(struct merging *merging, struct ir_value *value)
{
    for (uint32_t place = (uint32_t)hash_of(value);; place++) {
        struct entry *entry = &merging->entries[place & merging->mask];
        bool is_free = entry->value == NULL || entry->stamp < merging->block_stamp;
        bool is_same = !is_free && is_equal(entry->value, value);
        if (is_same && !is_void(merging, entry)) {
            return entry->value;
        }
        if (is_free || is_same) {
            *entry = (struct entry){ .value = value, .stamp = merging->stamp };
            return NULL;
        }
    }
}

static void visit(struct merging *merging, struct ir_value *value)
{
    struct ir_block *block = value->block;
    merging->stamp++;
    if (ir_resolve(value)) {                    /* merged arguments may be equal now */
        ir_insert_before(block->region, value); /* NOLINT(clang-analyzer-core.NullDereference): it is in a block */
        if (ir_effect_of(value) == IR_EFFECT_END) {
            ir_simplify_end(value);
            return;
        }
        struct ir_value *simple = ir_simplify(block, value);
        if (simple != NULL) {
            ir_replace(value, simple);
            return;
        }
    }
    if (value->op == IR_CALL && value->callee->uses_float) {
        merging->float_stamp = merging->stamp;
    }
    if (ir_is_pure(value) || ir_effect_of(value) == IR_EFFECT_FLOAT) {
        struct ir_value *same = find_or_add(merging, value);
        if (same != NULL) {
            ir_replace(value, same);
        }
    }
}

static uint32_t longest_block(const struct ir_region *region)
{
    uint32_t longest = 0;
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        uint32_t length = 0;
        for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

void ir_merge_common(struct ir_region *region)
{
    uint32_t capacity = 64, needed = 2 * longest_block(region);
    while (capacity < needed) {
        capacity *= 2;
    }
    struct merging merging = { .mask = capacity - 1 };
    merging.entries = check_alloc(capacity * sizeof *merging.entries);
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        merging.block_stamp = merging.float_stamp = ++merging.stamp;
        for (struct ir_value *value = block->first, *next; value != NULL; value = next) {
            struct ir_value *previous = value->previous;
            visit(&merging, value);
            bool is_gone = value->block == NULL; /* what was made in its place is to be merged as well */
            next = !is_gone ? value->next : previous != NULL ? previous->next : block->first;
        }
    }
    ir_insert_before(region, NULL);
    free(merging.entries);
}
