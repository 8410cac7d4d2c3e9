/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compilers make of a switch a table of addresses, or of distances from an address. So the address jumped to is
 * `load64(t + (i << 3))` or `b + sext(load32(t + (i << 2)))`: i is different each time, but t and b most often are what
 * they were.
 *
 * A register is looked up backward through the block; at its beginning it is taken to have a constant that some block
 * of the region puts there, or else what it has now.
 */
#include "engine/jit/guess.h"

#include "memory/restart.h"

#define STEPS_MAX 64u /* in computing one address, which may look like anything */
#define MEMO_MAX  4u

struct guess {
    const struct riscv_cpu *cpu;
    struct { /* what registers have at the beginning of the block */
        uint32_t slot;
        uint64_t value;
    } memo[MEMO_MAX];
    unsigned memo_count;
    const struct ir_value *index; /* the shift that scales the table's index, or NULL: none was met yet */
    uint64_t entry;               /* what is taken to be the index */
    unsigned steps;               /* left */
};

static bool evaluate(struct guess *guess, const struct ir_value *value, uint64_t *result);

static const struct ir_value *last_put(const struct ir_value *from, uint32_t slot)
{
    while (from != NULL && !(from->op == IR_PUT && from->slot == slot)) {
        from = from->previous;
    }
    return from;
}

static uint64_t find_value(const struct guess *guess, const struct ir_region *region, uint32_t slot)
{
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        const struct ir_value *put = last_put(block->last, slot);
        if (put != NULL && put->arguments[0]->op == IR_CONST) {
            return put->arguments[0]->immediate;
        }
    }
    return *(const uint64_t *)(const void *)((const uint8_t *)guess->cpu + slot);
}

static uint64_t value_at_entry(struct guess *guess, const struct ir_region *region, uint32_t slot)
{
    for (unsigned i = 0; i < guess->memo_count; i++) {
        if (guess->memo[i].slot == slot) {
            return guess->memo[i].value;
        }
    }
    uint64_t value = find_value(guess, region, slot);
    if (guess->memo_count < MEMO_MAX) {
        guess->memo[guess->memo_count].slot = slot;
        guess->memo[guess->memo_count++].value = value;
    }
    return value;
}

static bool evaluate_get(struct guess *guess, const struct ir_value *get, uint64_t *result)
{
    const struct ir_value *put = last_put(get->previous, get->slot);
    if (put != NULL) {
        return evaluate(guess, put->arguments[0], result);
    }
    *result = value_at_entry(guess, get->block->region, get->slot);
    return true;
}

static bool evaluate_shift(struct guess *guess, const struct ir_value *value, uint64_t *result)
{
    const struct ir_value *amount = value->arguments[1];
    if (amount->op != IR_CONST) {
        return false;
    }
    if (guess->index == NULL && (amount->immediate == 2 || amount->immediate == 3)) {
        guess->index = value;
    }
    if (guess->index == value) {
        *result = guess->entry << amount->immediate;
        return true;
    }
    uint64_t a;
    if (!evaluate(guess, value->arguments[0], &a)) {
        return false;
    }
    *result = a << (amount->immediate & 63);
    return true;
}

static bool evaluate_load(struct guess *guess, const struct ir_value *load, uint64_t *result)
{
    uint64_t address, size = UINT64_C(1) << (load->op - IR_LOAD8);
    if (!evaluate(guess, load->arguments[0], &address)) {
        return false;
    }
    const struct tlb_entry *entry = tlb_entry(guess->cpu->data_tlb, address);
    if (size == 8) {
        return restart_load64(entry, tlb_tag(address, 8), address, result);
    }
    uint32_t low = 0;
    const bool known = restart_load32(entry, tlb_tag(address, 4), address, &low);
    *result = low;
    return known;
}

static bool evaluate_sum(struct guess *guess, const struct ir_value *value, uint64_t *result)
{
    uint64_t a, b;
    if (!evaluate(guess, value->arguments[0], &a) || !evaluate(guess, value->arguments[1], &b)) {
        return false;
    }
    *result = value->op == IR_ADD ? a + b : a & b;
    return true;
}

static bool evaluate(struct guess *guess, const struct ir_value *value, uint64_t *result)
{
    if (guess->steps == 0) {
        return false;
    }
    guess->steps--;
    switch ((int)value->op) {
    case IR_CONST: *result = value->immediate; return true;
    case IR_GET: return value->type == IR_I64 && evaluate_get(guess, value, result);
    case IR_ADD:
    case IR_AND: return value->type == IR_I64 && evaluate_sum(guess, value, result);
    case IR_SHL: return value->type == IR_I64 && evaluate_shift(guess, value, result);
    case IR_LOAD32:
    case IR_LOAD64: return evaluate_load(guess, value, result);
    case IR_ZEXT: return value->arguments[0]->type == IR_I32 && evaluate(guess, value->arguments[0], result);
    case IR_SEXT:
        if (value->immediate != 32 || !evaluate(guess, value->arguments[0], result)) {
            return false;
        }
        *result = (uint64_t)(int64_t)(int32_t)(uint32_t)*result;
        return true;
    default: return false;
    }
}

static bool is_known(const uint64_t *targets, unsigned count, uint64_t target)
{
    while (count > 0 && targets[count - 1] != target) {
        count--;
    }
    return count != 0;
}

unsigned guess_targets(const struct riscv_cpu *cpu, const struct ir_value *exit, uint64_t targets[GUESSES_MAX])
{
    struct guess guess = { .cpu = cpu };
    unsigned count = 0;
    for (guess.entry = 0; guess.entry < GUESSES_MAX; guess.entry++) {
        uint64_t target;
        guess.steps = STEPS_MAX;
        if (!evaluate(&guess, exit->arguments[0], &target) || (target & 1) != 0) {
            break;
        }
        if (!is_known(targets, count, target)) {
            targets[count++] = target;
        }
        if (guess.index == NULL) { /* no table: every entry is the same */
            break;
        }
    }
    return count;
}
