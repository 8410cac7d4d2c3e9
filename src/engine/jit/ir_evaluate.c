/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/ir_evaluate.h"

#include "core/check.h"
#include "engine/jit/ir_internal.h"

#include <stdlib.h>
#include <string.h>

struct run {
    struct ir_machine *machine;
    struct ir_bits *values;      /* by number */
    const struct ir_value *mark; /* the last of this block, or NULL */
    uint64_t instructions;       /* completed before this block */
    struct ir_outcome outcome;
};

static uint64_t argument(const struct run *run, const struct ir_value *value, unsigned i)
{
    return value->arguments[i] != NULL ? run->values[value->arguments[i]->number].half[0] : 0;
}

static bool leave(struct run *run, enum ir_left how, uint64_t pc, uint64_t completed)
{
    run->outcome = (struct ir_outcome){ .how = how, .pc = pc, .instructions = run->instructions + completed };
    return false;
}

static bool leave_at_mark(struct run *run, enum ir_left how)
{
    CHECK(run->mark != NULL);
    return leave(run, how, run->mark->pc, run->mark->count);
}

static void get(struct run *run, const struct ir_value *value)
{
    unsigned size = ir_type_size(value->type);
    CHECK(size <= run->machine->state_size && value->slot <= run->machine->state_size - size);
    struct ir_bits *bits = &run->values[value->number];
    *bits = (struct ir_bits){ 0 };
    memcpy(bits, run->machine->state + value->slot, size); /* a little-endian host, as ir.md says */
}

static void put(struct run *run, const struct ir_value *value)
{
    unsigned size = ir_type_size(value->arguments[0]->type);
    CHECK(size <= run->machine->state_size && value->slot <= run->machine->state_size - size);
    memcpy(run->machine->state + value->slot, &run->values[value->arguments[0]->number], size);
}

static uint64_t arithmetic32(const struct run *run, const struct ir_value *value, uint32_t *flags)
{
    enum float_rounding rounding = run->machine->rounding;
    uint32_t a = (uint32_t)argument(run, value, 0), b = (uint32_t)argument(run, value, 1);
    switch ((int)value->op) {
    case IR_FADD: return float32_add(a, b, rounding, flags);
    case IR_FSUB: return float32_sub(a, b, rounding, flags);
    case IR_FMUL: return float32_mul(a, b, rounding, flags);
    case IR_FDIV: return float32_div(a, b, rounding, flags);
    case IR_FSQRT: return float32_sqrt(a, rounding, flags);
    case IR_FMA: return float32_fma(a, b, (uint32_t)argument(run, value, 2), rounding, flags);
    case IR_FEQ: return float32_eq(a, b, flags);
    case IR_FLT: return float32_lt(a, b, flags);
    case IR_FLE: return float32_le(a, b, flags);
    case IR_FMIN: return float32_min(a, b, flags);
    default: CHECK(value->op == IR_FMAX); return float32_max(a, b, flags);
    }
}

static uint64_t arithmetic64(const struct run *run, const struct ir_value *value, uint32_t *flags)
{
    enum float_rounding rounding = run->machine->rounding;
    uint64_t a = argument(run, value, 0), b = argument(run, value, 1);
    switch ((int)value->op) {
    case IR_FADD: return float64_add(a, b, rounding, flags);
    case IR_FSUB: return float64_sub(a, b, rounding, flags);
    case IR_FMUL: return float64_mul(a, b, rounding, flags);
    case IR_FDIV: return float64_div(a, b, rounding, flags);
    case IR_FSQRT: return float64_sqrt(a, rounding, flags);
    case IR_FMA: return float64_fma(a, b, argument(run, value, 2), rounding, flags);
    case IR_FEQ: return float64_eq(a, b, flags);
    case IR_FLT: return float64_lt(a, b, flags);
    case IR_FLE: return float64_le(a, b, flags);
    case IR_FMIN: return float64_min(a, b, flags);
    default: CHECK(value->op == IR_FMAX); return float64_max(a, b, flags);
    }
}

static uint64_t to_integer(uint64_t a, bool is_double, bool is_signed, bool is_long, enum float_rounding rounding,
                           uint32_t *flags)
{
    uint32_t single = (uint32_t)a;
    if (is_long) {
        if (is_signed) {
            return (uint64_t)(is_double ? float64_to_i64(a, rounding, flags) : float32_to_i64(single, rounding, flags));
        }
        return is_double ? float64_to_u64(a, rounding, flags) : float32_to_u64(single, rounding, flags);
    }
    if (is_signed) {
        return (uint32_t)(is_double ? float64_to_i32(a, rounding, flags) : float32_to_i32(single, rounding, flags));
    }
    return is_double ? float64_to_u32(a, rounding, flags) : float32_to_u32(single, rounding, flags);
}

static uint64_t from_integer(uint64_t a, bool is_double, bool is_signed, bool is_long, enum float_rounding rounding,
                             uint32_t *flags)
{
    if (is_long) {
        if (is_signed) {
            return is_double ? float64_from_i64((int64_t)a, rounding, flags)
                             : float32_from_i64((int64_t)a, rounding, flags);
        }
        return is_double ? float64_from_u64(a, rounding, flags) : float32_from_u64(a, rounding, flags);
    }
    uint32_t word = (uint32_t)a;
    if (is_signed) {
        return is_double ? float64_from_i32((int32_t)word, rounding, flags)
                         : float32_from_i32((int32_t)word, rounding, flags);
    }
    return is_double ? float64_from_u32(word, rounding, flags) : float32_from_u32(word, rounding, flags);
}

static uint64_t conversion(const struct run *run, const struct ir_value *value, uint32_t *flags)
{
    uint64_t a = argument(run, value, 0);
    enum ir_type from = value->arguments[0]->type, to = value->type;
    enum float_rounding rounding = value->immediate == IR_ROUND_ZERO ? FLOAT_RTZ : run->machine->rounding;
    if (value->op == IR_FCVT) {
        return from == IR_F32 ? float32_to_float64((uint32_t)a, rounding, flags)
                              : float64_to_float32(a, rounding, flags);
    }
    if (value->op == IR_FTOS || value->op == IR_FTOU) {
        return to_integer(a, from == IR_F64, value->op == IR_FTOS, to == IR_I64, rounding, flags);
    }
    return from_integer(a, to == IR_F64, value->op == IR_STOF, from == IR_I64, rounding, flags);
}

static void compute_float(struct run *run, const struct ir_value *value)
{
    uint64_t result;
    if (value->op >= IR_FCVT && value->op <= IR_UTOF) {
        result = conversion(run, value, &run->machine->flags);
    } else if (value->arguments[0]->type == IR_F32) {
        result = arithmetic32(run, value, &run->machine->flags);
    } else {
        result = arithmetic64(run, value, &run->machine->flags);
    }
    run->values[value->number].half[0] = result;
}

static struct ir_bits vector_argument(const struct run *run, const struct ir_value *value, unsigned i)
{
    return value->arguments[i] != NULL ? run->values[value->arguments[i]->number] : (struct ir_bits){ { 0 } };
}

static void compute_vector(struct run *run, const struct ir_value *value)
{
    struct ir_bits arguments[3];
    for (unsigned i = 0; i < 3; i++) {
        arguments[i] = vector_argument(run, value, i);
    }
    struct ir_bits result;
    if (ir_effect_of(value) == IR_EFFECT_FLOAT) {
        result = ir_vector_float(value->op, value->immediate, arguments, run->machine->rounding, &run->machine->flags);
    } else if (value->op == IR_CONST) {
        result = (struct ir_bits){ { value->immediate, value->high } };
    } else if (value->op == IR_SELECT) {
        result = arguments[arguments[0].half[0] != 0 ? 1 : 2];
    } else {
        result = ir_vector_compute(value->op, value->immediate, arguments);
    }
    run->values[value->number] = result;
}

static bool access_vector(struct run *run, const struct ir_value *value)
{
    struct ir_machine *machine = run->machine;
    uint64_t address = argument(run, value, 0);
    bool good, stores = value->op == IR_STORE128;
    struct ir_bits bits = vector_argument(run, value, stores ? 1 : 0);
    if (stores && machine->store_vector != NULL) {
        good = machine->store_vector(machine->context, address, bits.half);
    } else if (stores) {
        good = machine->store(machine->context, address, 8, bits.half[0]) &&
               machine->store(machine->context, address + 8, 8, bits.half[1]);
    } else if (machine->load_vector != NULL) {
        good = machine->load_vector(machine->context, address, bits.half);
    } else {
        good = machine->load(machine->context, address, 8, &bits.half[0]) &&
               machine->load(machine->context, address + 8, 8, &bits.half[1]);
    }
    if (good && !stores) {
        run->values[value->number] = bits;
    }
    return good || leave_at_mark(run, IR_LEFT_FAULT);
}

static bool access(struct run *run, const struct ir_value *value)
{
    struct ir_machine *machine = run->machine;
    uint64_t address = argument(run, value, 0), data = 0;
    if (value->op == IR_FENCE) {
        return true;
    }
    if (value->op == IR_LOAD128 || value->op == IR_STORE128) {
        return access_vector(run, value);
    }
    if (value->op >= IR_STORE8 && value->op <= IR_STORE64) {
        unsigned size = 1u << (value->op - IR_STORE8);
        data = argument(run, value, 1) & UINT64_MAX >> (64 - size * 8);
        return machine->store(machine->context, address, size, data) || leave_at_mark(run, IR_LEFT_FAULT);
    }
    unsigned size = 1u << (value->op - IR_LOAD8);
    if (!machine->load(machine->context, address, size, &data)) {
        return leave_at_mark(run, IR_LEFT_FAULT);
    }
    run->values[value->number].half[0] = data & UINT64_MAX >> (64 - size * 8);
    return true;
}

static bool call(struct run *run, const struct ir_value *value)
{
    uint64_t arguments[IR_ARGUMENTS_MAX], result = 0;
    unsigned count = ir_argument_count(value), bits = ir_type_bits(value->type);
    for (unsigned i = 0; i < count; i++) {
        arguments[i] = argument(run, value, i);
    }
    if (!run->machine->call(run->machine->context, value->callee, arguments, count, &result)) {
        CHECK(value->callee->may_trap);
        return leave_at_mark(run, IR_LEFT_FAULT);
    }
    if (value->type == IR_F32) {
        bits = 32;
    }
    run->values[value->number].half[0] = bits == 0 ? result : result & UINT64_MAX >> (64 - bits);
    return true;
}

/* False: the region has been left. */
static bool operation(struct run *run, const struct ir_value *value)
{
    uint64_t arguments[] = { argument(run, value, 0), argument(run, value, 1), argument(run, value, 2) };
    switch ((enum ir_effect)ir_op_table[value->op].effect) {
    case IR_EFFECT_NONE:
        if (value->op == IR_MARK) {
            run->mark = value;
        } else if (value->type == IR_V128 || ir_is_vector_op(value->op)) {
            compute_vector(run, value);
        } else {
            CHECK(ir_compute(value, arguments, &run->values[value->number].half[0]));
        }
        return true;
    case IR_EFFECT_READS: get(run, value); return true;
    case IR_EFFECT_WRITES: put(run, value); return true;
    case IR_EFFECT_MEMORY: return access(run, value);
    case IR_EFFECT_FLOAT:
        if (ir_is_vector_op(value->op)) {
            compute_vector(run, value);
        } else {
            compute_float(run, value);
        }
        return true;
    case IR_EFFECT_LEAVES: return arguments[0] != 0 || leave_at_mark(run, IR_LEFT_GUARD);
    case IR_EFFECT_CALL: return call(run, value);
    case IR_EFFECT_END: return true;
    }
    return true;
}

/* The next block, or NULL: the region has been left. */
static const struct ir_block *terminate(struct run *run, const struct ir_value *end)
{
    uint64_t a = argument(run, end, 0);
    switch ((int)end->op) {
    case IR_JUMP: return end->targets[0];
    case IR_BRANCH: return end->targets[a != 0 ? 0 : 1];
    case IR_EXIT: leave(run, IR_LEFT_EXIT, end->pc, end->count); return NULL;
    case IR_EXIT_INTERPRET: leave(run, IR_LEFT_INTERPRET, end->pc, end->count); return NULL;
    default: break;
    }
    CHECK(end->op == IR_EXIT_INDIRECT);
    for (unsigned i = 0; i < end->target_count; i++) {
        if (end->targets[i]->pc == a) {
            return end->targets[i];
        }
    }
    leave(run, IR_LEFT_EXIT, a, end->count);
    return NULL;
}

static const struct ir_block *run_block(struct run *run, const struct ir_block *block)
{
    run->mark = NULL;
    for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
        if (!operation(run, value)) {
            return NULL;
        }
    }
    const struct ir_block *next = terminate(run, block->last);
    run->instructions += block->last->count;
    return next;
}

struct ir_outcome ir_evaluate(const struct ir_region *region, struct ir_machine *machine, uint64_t block_limit)
{
    return ir_evaluate_from(region, region->blocks, machine, block_limit);
}

struct ir_outcome ir_evaluate_from(const struct ir_region *region, const struct ir_block *first,
                                   struct ir_machine *machine, uint64_t block_limit)
{
    struct run run = { .machine = machine };
    run.values = check_alloc((region->value_count + 1ul) * sizeof *run.values);
    const struct ir_block *block = first;
    for (uint64_t entered = 0; block != NULL; entered++) {
        if (block->is_loop_head && entered >= block_limit) {
            leave(&run, IR_LEFT_ATTENTION, block->pc, 0);
            break;
        }
        block = run_block(&run, block);
    }
    free(run.values);
    return run.outcome;
}
