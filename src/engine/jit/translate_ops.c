/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/translate_ops.h"

#include "arch/riscv/cpu.h"

#include <stddef.h>

#define ROUND_TO_ZERO 1u
#define ROUND_AWAY    4u /* nearest, ties away: no host unit does it */

static enum ir_type type_of(unsigned width)
{
    return width == 0 ? IR_BOOL : width <= 32 ? IR_I32 : IR_I64;
}

static uint64_t ones(unsigned width)
{
    return width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static bool fills_its_type(unsigned width)
{
    return width == 32 || width == 64 || width == 0;
}

struct ir_value *tr_constant(struct riscv_translation *t, unsigned width, uint64_t value)
{
    return ir_constant(t->block, type_of(width), value & (width == 0 ? 1 : ones(width)));
}

struct ir_value *tr_bool(struct riscv_translation *t, bool value)
{
    return ir_constant(t->block, IR_BOOL, value);
}

void tr_leave(struct riscv_translation *t)
{
    t->is_left = true;
}

/* -- Integers ------------------------------------------------------------------------------------------------------ */

/* Cuts to the width what an operation may have carried beyond it. */
static struct ir_value *trim(struct riscv_translation *t, unsigned width, struct ir_value *value)
{
    return fills_its_type(width) ? value : ir_binary(t->block, IR_AND, value, tr_constant(t, width, ones(width)));
}

struct ir_value *tr_arithmetic(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                               struct ir_value *b)
{
    struct ir_value *value = ir_binary(t->block, op, a, b);
    bool carries = op == IR_ADD || op == IR_SUB || op == IR_MUL;
    return carries ? trim(t, width, value) : value;
}

struct ir_value *tr_divide(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                           struct ir_value *b)
{
    if (!fills_its_type(width)) {
        tr_leave(t);
        return a;
    }
    return ir_binary(t->block, op, a, b);
}

/* The amount in the type of what is shifted. */
static struct ir_value *fit_amount(struct riscv_translation *t, unsigned width, struct ir_value *amount)
{
    enum ir_type type = type_of(width);
    if (amount->type == type) {
        return amount;
    }
    return ir_unary(t->block, type == IR_I64 ? IR_ZEXT : IR_TRUNC, type, amount);
}

static unsigned bits_of(unsigned width)
{
    return width <= 32 ? 32 : 64;
}

struct ir_value *tr_shift(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                          unsigned amount_width, struct ir_value *amount)
{
    struct ir_value *value = op == IR_SAR && !fills_its_type(width) ? ir_sext(t->block, a->type, a, width) : a;
    if (ir_is_constant(amount)) {
        uint64_t by = amount->immediate;
        if (by >= bits_of(width)) {
            if (op != IR_SAR) {
                return tr_constant(t, width, 0);
            }
            by = bits_of(width) - 1;
        }
        return trim(t, width, ir_binary(t->block, op, value, tr_constant(t, bits_of(width), by)));
    }
    struct ir_value *fitted = fit_amount(t, bits_of(width), amount);
    struct ir_value *shifted = ir_binary(t->block, op, value, fitted);
    if (ones(amount_width) >= bits_of(width)) { /* the host's shifts take the amount modulo the width */
        struct ir_value *limit = ir_constant(t->block, amount->type, bits_of(width));
        struct ir_value *inside = ir_compare(t->block, IR_LTU, amount, limit);
        struct ir_value *beyond =
            op == IR_SAR ? ir_binary(t->block, IR_SAR, value, tr_constant(t, bits_of(width), bits_of(width) - 1))
                         : tr_constant(t, width, 0);
        shifted = ir_select(t->block, inside, shifted, beyond);
    }
    return trim(t, width, shifted);
}

struct ir_value *tr_compare(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                            struct ir_value *b)
{
    if (width == 0) {
        struct ir_value *differ = ir_binary(t->block, IR_XOR, a, b);
        return op == IR_NE ? differ : tr_not(t, 0, differ);
    }
    if ((op == IR_LTS || op == IR_LES) && !fills_its_type(width)) {
        a = ir_sext(t->block, a->type, a, width);
        b = ir_sext(t->block, b->type, b, width);
    }
    return ir_compare(t->block, op, a, b);
}

struct ir_value *tr_logic(struct riscv_translation *t, enum ir_op op, unsigned width, struct ir_value *a,
                          struct ir_value *b)
{
    (void)width;
    return ir_binary(t->block, op, a, b);
}

struct ir_value *tr_not(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    (void)width;
    return ir_binary(t->block, IR_XOR, a, tr_bool(t, true));
}

struct ir_value *tr_negate(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    return trim(t, width, ir_binary(t->block, IR_SUB, tr_constant(t, width, 0), a));
}

struct ir_value *tr_invert(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    return ir_binary(t->block, IR_XOR, a, tr_constant(t, width, ones(width)));
}

struct ir_value *tr_bit_of(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    return ir_unary(t->block, IR_ZEXT, type_of(width), a);
}

struct ir_value *tr_popcount(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    (void)width;
    return ir_unary(t->block, IR_POPCNT, a->type, a);
}

struct ir_value *tr_clz(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    struct ir_value *zeros = ir_unary(t->block, IR_CLZ, a->type, a);
    return ir_binary(t->block, IR_SUB, zeros, tr_constant(t, bits_of(width), bits_of(width) - width));
}

struct ir_value *tr_ctz(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    if (!fills_its_type(width)) { /* a one just above the value stops the count there */
        a = ir_binary(t->block, IR_OR, a, ir_constant(t->block, a->type, UINT64_C(1) << width));
    }
    return ir_unary(t->block, IR_CTZ, a->type, a);
}

struct ir_value *tr_reverse_bytes(struct riscv_translation *t, unsigned width, struct ir_value *a)
{
    struct ir_value *swapped = ir_unary(t->block, IR_BSWAP, a->type, a);
    return ir_binary(t->block, IR_SHR, swapped, tr_constant(t, bits_of(width), bits_of(width) - width));
}

struct ir_value *tr_slice(struct riscv_translation *t, unsigned width, struct ir_value *a, unsigned high, unsigned low)
{
    unsigned length = high - low + 1;
    struct ir_value *value = ir_binary(t->block, IR_SHR, a, tr_constant(t, bits_of(width), low));
    if (type_of(length) != a->type) {
        value = ir_unary(t->block, IR_TRUNC, IR_I32, value);
    }
    bool is_clean = fills_its_type(length) || high + 1 == width;
    return is_clean ? value : trim(t, length, value);
}

struct ir_value *tr_zext(struct riscv_translation *t, unsigned from, struct ir_value *a, unsigned to)
{
    (void)from;
    return type_of(to) == a->type ? a : ir_unary(t->block, IR_ZEXT, type_of(to), a);
}

struct ir_value *tr_sext(struct riscv_translation *t, unsigned from, struct ir_value *a, unsigned to)
{
    if (from == to) {
        return a;
    }
    return trim(t, to, ir_sext(t->block, type_of(to), a, from));
}

struct ir_value *tr_cat(struct riscv_translation *t, unsigned high_width, struct ir_value *high, unsigned low_width,
                        struct ir_value *low)
{
    unsigned width = high_width + low_width;
    struct ir_value *wide = tr_zext(t, high_width, high, width);
    wide = ir_binary(t->block, IR_SHL, wide, tr_constant(t, bits_of(width), low_width));
    return ir_binary(t->block, IR_OR, wide, tr_zext(t, low_width, low, width));
}

struct ir_value *tr_select(struct riscv_translation *t, struct ir_value *condition, struct ir_value *a,
                           struct ir_value *b)
{
    if (ir_is_constant(condition)) {
        return condition->immediate != 0 ? a : b;
    }
    if (a->type == IR_BOOL) { /* condition and a, or not condition and b */
        struct ir_value *first = ir_binary(t->block, IR_AND, condition, a);
        struct ir_value *second = ir_binary(t->block, IR_AND, tr_not(t, 0, condition), b);
        return ir_binary(t->block, IR_OR, first, second);
    }
    return ir_select(t->block, condition, a, b);
}

/* -- Registers ----------------------------------------------------------------------------------------------------- */

struct ir_value *tr_read(struct riscv_translation *t, size_t slot, unsigned width)
{
    for (unsigned i = t->write_count; i > 0; i--) {
        if (t->writes[i - 1].slot == slot) {
            return t->writes[i - 1].value;
        }
    }
    if (slot == offsetof(struct riscv_cpu, state.mode)) {
        return tr_constant(t, width, t->facts.mode);
    }
    if (width != 64 && width != 32) {
        tr_leave(t); /* narrower registers are bytes in the state */
        return tr_constant(t, width, 0);
    }
    return ir_get(t->block, type_of(width), (uint32_t)slot);
}

void tr_write(struct riscv_translation *t, size_t slot, unsigned width, struct ir_value *value)
{
    if ((width != 64 && width != 32) || t->write_count == sizeof t->writes / sizeof t->writes[0]) {
        tr_leave(t);
        return;
    }
    t->writes[t->write_count].slot = (uint32_t)slot;
    t->writes[t->write_count++].value = value;
}

struct ir_value *tr_read_bank(struct riscv_translation *t, size_t slot, unsigned width, unsigned count, int zero,
                              struct ir_value *index)
{
    if (!ir_is_constant(index)) {
        tr_leave(t);
        return tr_constant(t, width, 0);
    }
    uint64_t number = index->immediate % count;
    return (int64_t)number == zero ? tr_constant(t, width, 0) : tr_read(t, slot + number * (width / 8), width);
}

void tr_write_bank(struct riscv_translation *t, size_t slot, unsigned width, unsigned count, int zero,
                   struct ir_value *index, struct ir_value *value)
{
    if (!ir_is_constant(index)) {
        tr_leave(t);
        return;
    }
    uint64_t number = index->immediate;
    bool is_spare = zero >= 0 && number == count;
    if (!is_spare && (int64_t)(number % count) != zero) {
        tr_write(t, slot + number % count * (width / 8), width, value);
    }
}

/* From here on the translation is for these facts alone. */
static bool float_is_on(struct riscv_translation *t)
{
    t->asks_float = true;
    return t->facts.float_on != 0;
}

static bool is_float_state(size_t slot, unsigned low)
{
    return slot == offsetof(struct riscv_cpu, state.csr.fcsr) ||
           (slot == offsetof(struct riscv_cpu, state.csr.mstatus) && low == RISCV_MSTATUS_FS_SHIFT);
}

struct ir_value *tr_csr_field(struct riscv_translation *t, size_t slot, unsigned low, unsigned width)
{
    if (is_float_state(slot, low) && !float_is_on(t)) {
        tr_leave(t); /* floating point is off, or will turn dirty: not worth translating */
    }
    if (slot == offsetof(struct riscv_cpu, state.csr.fcsr) && low < RISCV_FCSR_FRM_SHIFT) {
        tr_leave(t); /* the flags are in the host's unit until the region is left */
    }
    return translation_csr_field(t, (uint32_t)slot, low, width);
}

void tr_set_csr_field(struct riscv_translation *t, size_t slot, unsigned low, unsigned width, struct ir_value *value)
{
    struct ir_value *now = translation_csr_field(t, (uint32_t)slot, low, width);
    t->asks_float |= is_float_state(slot, low);
    if (ir_is_constant(now) && ir_is_constant(value) && now->immediate == value->immediate) {
        return;
    }
    tr_leave(t); /* state that the facts may rest on */
}

void tr_guard(struct riscv_translation *t, struct ir_value *condition)
{
    if (!ir_is_constant(condition)) {
        if (!t->is_left) {
            ir_guard(t->block, condition);
        }
    } else if (condition->immediate == 0) {
        tr_leave(t);
    }
}

/* -- The ends of an instruction ------------------------------------------------------------------------------------ */

static void put_writes(struct riscv_translation *t)
{
    for (unsigned i = 0; i < t->write_count; i++) {
        ir_put(t->block, t->writes[i].slot, t->writes[i].value);
    }
    t->write_count = 0;
}

enum translation_result tr_done(struct riscv_translation *t)
{
    if (t->is_left) {
        return TRANSLATION_LEFT;
    }
    put_writes(t);
    return TRANSLATION_DONE;
}

enum translation_result tr_jump(struct riscv_translation *t, struct ir_value *target)
{
    if (t->is_left) {
        return TRANSLATION_LEFT;
    }
    put_writes(t);
    if (ir_is_constant(target)) {
        translation_jump(t, target->immediate);
    } else {
        translation_jump_indirect(t, target);
    }
    return TRANSLATION_ENDED;
}

enum translation_result tr_branch(struct riscv_translation *t, struct ir_value *condition, struct ir_value *target)
{
    if (t->is_left || !ir_is_constant(target)) {
        return TRANSLATION_LEFT;
    }
    put_writes(t);
    translation_branch(t, condition, target->immediate);
    return TRANSLATION_ENDED;
}

enum translation_result tr_translate(struct riscv_translation *t,
                                     enum translation_result (*translate)(struct riscv_translation *t))
{
    const struct ir_value *mark = t->block->last;
    t->is_left = false;
    t->write_count = 0;
    enum translation_result result = translate != NULL ? translate(t) : TRANSLATION_LEFT;
    if (result == TRANSLATION_LEFT) { /* what was built before that was known would be done twice */
        ir_cut(t->block, mark);
    }
    return result;
}

/* -- Calls, memory ------------------------------------------------------------------------------------------------- */

struct ir_value *tr_call(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                         struct ir_value *const *arguments, unsigned count)
{
    if (count > IR_ARGUMENTS_MAX) {
        tr_leave(t);
    }
    if (t->is_left) {
        return tr_constant(t, width, 0);
    }
    return ir_call(t->block, callee, arguments, count);
}

struct ir_value *tr_load(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                         struct ir_value *address)
{
    (void)callee;
    return t->is_left ? tr_constant(t, width, 0) : ir_load(t->block, width / 8, type_of(width), address);
}

struct ir_value *tr_store(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                          struct ir_value *address, struct ir_value *data)
{
    (void)callee;
    if (!t->is_left) {
        ir_store(t->block, width / 8, address, data);
    }
    return NULL;
}

/* Bits of a set: 3 device input, 2 device output, 1 reads, 0 writes. Only earlier writes against later reads need more
 * than a host with total store order gives; as riscv_fence() does it. */
#define FENCE_WRITES UINT64_C(5)
#define FENCE_READS  UINT64_C(10)

struct ir_value *tr_fence(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *before,
                          struct ir_value *behind)
{
    (void)callee;
    bool writes = !ir_is_constant(before) || (before->immediate & FENCE_WRITES) != 0;
    bool reads = !ir_is_constant(behind) || (behind->immediate & FENCE_READS) != 0;
    if (writes && reads) {
        ir_fence(t->block);
    } else {
        ir_fence_tso(t->block);
    }
    return NULL;
}

struct ir_value *tr_consult_pins(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *number,
                                 struct ir_value *value)
{
    (void)callee;
    enum riscv_pin pin = ir_is_constant(number) ? riscv_pin_of((uint32_t)number->immediate) : RISCV_PIN_COUNT;
    if (pin == RISCV_PIN_COUNT) {
        tr_leave(t);
    } else if ((t->facts.pins >> pin & 1) != 0 && !t->is_left) {
        struct ir_value *now = ir_get(t->block, IR_I64, (uint32_t)riscv_pin_slot(pin));
        struct ir_value *held = ir_get(t->block, IR_I64, (uint32_t)offsetof(struct riscv_cpu, pins[pin]));
        struct ir_value *changed = ir_binary(t->block, IR_AND, ir_binary(t->block, IR_XOR, now, value), held);
        ir_guard(t->block, ir_compare(t->block, IR_EQ, changed, ir_constant(t->block, IR_I64, 0)));
    }
    return NULL;
}

/* -- Floating point ------------------------------------------------------------------------------------------------ */

static struct ir_value *to_float(struct riscv_translation *t, struct ir_value *bits)
{
    return ir_unary(t->block, IR_BITCAST, bits->type == IR_I32 ? IR_F32 : IR_F64, bits);
}

static struct ir_value *to_bits(struct riscv_translation *t, struct ir_value *value)
{
    return ir_unary(t->block, IR_BITCAST, value->type == IR_F32 ? IR_I32 : IR_I64, value);
}

struct ir_value *tr_box(struct riscv_translation *t, struct ir_value *low)
{
    return to_bits(t, ir_unary(t->block, IR_BOX, IR_F64, to_float(t, low)));
}

struct ir_value *tr_unbox(struct riscv_translation *t, struct ir_value *data)
{
    return to_bits(t, ir_unary(t->block, IR_UNBOX, IR_F32, to_float(t, data)));
}

/* The host rounds by the region's mode; is that the one the instruction asks for? */
static bool rounds_by_region(struct riscv_translation *t, const struct ir_value *rounding)
{
    return float_is_on(t) && ir_is_constant(rounding) && rounding->immediate == t->facts.rounding &&
           rounding->immediate != ROUND_AWAY;
}

struct ir_value *tr_float(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op, unsigned width,
                          struct ir_value *a, struct ir_value *b, struct ir_value *rounding)
{
    (void)width;
    if (!rounds_by_region(t, rounding)) {
        struct ir_value *const arguments[] = { a, b, rounding };
        return ir_call(t->block, callee, arguments, 3);
    }
    return to_bits(t, ir_binary(t->block, op, to_float(t, a), to_float(t, b)));
}

struct ir_value *tr_sqrt(struct riscv_translation *t, const struct ir_callee *callee, unsigned width,
                         struct ir_value *a, struct ir_value *rounding)
{
    (void)width;
    if (!rounds_by_region(t, rounding)) {
        struct ir_value *const arguments[] = { a, rounding };
        return ir_call(t->block, callee, arguments, 2);
    }
    struct ir_value *value = to_float(t, a);
    return to_bits(t, ir_unary(t->block, IR_FSQRT, value->type, value));
}

struct ir_value *tr_fma(struct riscv_translation *t, const struct ir_callee *callee, unsigned width, struct ir_value *a,
                        struct ir_value *b, struct ir_value *c, struct ir_value *rounding)
{
    (void)width;
    if (!rounds_by_region(t, rounding)) {
        struct ir_value *const arguments[] = { a, b, c, rounding };
        return ir_call(t->block, callee, arguments, 4);
    }
    return to_bits(t, ir_fma(t->block, to_float(t, a), to_float(t, b), to_float(t, c)));
}

struct ir_value *tr_float_compare(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                  unsigned width, struct ir_value *a, struct ir_value *b)
{
    (void)width;
    if (!float_is_on(t)) {
        struct ir_value *const arguments[] = { a, b };
        return ir_call(t->block, callee, arguments, 2);
    }
    return ir_compare(t->block, op, to_float(t, a), to_float(t, b));
}

struct ir_value *tr_float_choice(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                 unsigned width, struct ir_value *a, struct ir_value *b)
{
    (void)width;
    if (!float_is_on(t)) {
        struct ir_value *const arguments[] = { a, b };
        return ir_call(t->block, callee, arguments, 2);
    }
    return to_bits(t, ir_binary(t->block, op, to_float(t, a), to_float(t, b)));
}

struct ir_value *tr_float_to_int(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                 unsigned from, unsigned to, struct ir_value *a, struct ir_value *rounding)
{
    (void)from;
    bool to_zero = float_is_on(t) && ir_is_constant(rounding) && rounding->immediate == ROUND_TO_ZERO;
    if (!to_zero && !rounds_by_region(t, rounding)) {
        struct ir_value *const arguments[] = { a, rounding };
        return ir_call(t->block, callee, arguments, 2);
    }
    return ir_convert(t->block, op, type_of(to), to_float(t, a), to_zero ? IR_ROUND_ZERO : IR_ROUND_REGION);
}

struct ir_value *tr_int_to_float(struct riscv_translation *t, const struct ir_callee *callee, enum ir_op op,
                                 unsigned from, unsigned to, struct ir_value *a, struct ir_value *rounding)
{
    (void)from;
    if (!rounds_by_region(t, rounding)) {
        struct ir_value *const arguments[] = { a, rounding };
        return ir_call(t->block, callee, arguments, 2);
    }
    return to_bits(t, ir_convert(t->block, op, to == 32 ? IR_F32 : IR_F64, a, IR_ROUND_REGION));
}

struct ir_value *tr_widen(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *a)
{
    if (!float_is_on(t)) {
        return ir_call(t->block, callee, &a, 1);
    }
    return to_bits(t, ir_convert(t->block, IR_FCVT, IR_F64, to_float(t, a), IR_ROUND_REGION));
}

struct ir_value *tr_narrow(struct riscv_translation *t, const struct ir_callee *callee, struct ir_value *a,
                           struct ir_value *rounding)
{
    if (!rounds_by_region(t, rounding)) {
        struct ir_value *const arguments[] = { a, rounding };
        return ir_call(t->block, callee, arguments, 2);
    }
    return to_bits(t, ir_convert(t->block, IR_FCVT, IR_F32, to_float(t, a), IR_ROUND_REGION));
}
