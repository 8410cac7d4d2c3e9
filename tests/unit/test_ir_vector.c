/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors and flags: what the evaluator gives against figures worked out by hand, what folding and passes make of them,
 * what the reader refuses. That all of it is true of any region is test_ir_passes.c's, of host code test_jit_host.c's.
 */
#include "ir_random.h"

#include "engine/jit/ir_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char message[200];

static struct ir_region *read_good(const char *text)
{
    struct ir_region *region = ir_read(text, NULL, 0, message, sizeof message);
    if (region == NULL) {
        fail_msg("%s in:\n%s", message, text);
    }
    return region;
}

static uint64_t slot(const struct ir_random_machine *machine, unsigned offset)
{
    uint64_t word;
    memcpy(&word, machine->state + offset, 8);
    return word;
}

/* ---- Vectors ----------------------------------------------------------------------------------------------------- */

struct example {
    const char *operation; /* of the vectors %0 and %1 and the word %2, which is the lower half of %1 */
    uint64_t a_low, a_high, b_low, b_high;
    uint64_t low, high;
    uint32_t flags;
};

#define UP   UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)
#define SIGN UINT64_C(0x8000000000000000)
#define ALL  UINT64_MAX

/* Folding the same operation on constants gives the same. */
static void check_folding(const struct example *example, const struct ir_region *read)
{
    const struct ir_value *value = read->blocks->last->previous->previous; /* before put and exit */
    if (ir_effect_of(value) == IR_EFFECT_FLOAT) {
        return;
    }
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, 0);
    struct ir_value *a = ir_vector_constant(block, example->a_low, example->a_high);
    struct ir_value *b = ir_vector_constant(block, example->b_low, example->b_high);
    struct ir_value *arguments[3] = { NULL };
    for (unsigned i = 0; i < 3 && value->arguments[i] != NULL; i++) {
        uint32_t number = value->arguments[i]->number;
        arguments[i] = number == 0 ? a : number == 1 ? b : ir_constant(block, IR_I64, example->b_low);
    }
    const struct ir_value *folded =
        ir_vector(block, value->op, value->immediate, arguments[0], arguments[1], arguments[2]);
    assert_int_equal(folded->op, IR_CONST);
    assert_int_equal(folded->immediate, example->low);
    assert_int_equal(folded->high, value->type == IR_V128 ? example->high : 0);
    ir_free(region);
}

static void check_example(const struct example *example)
{
    struct ir_random_machine machine = { 0 };
    const uint64_t words[] = { example->a_low, example->a_high, example->b_low, example->b_high };
    char text[300];
    snprintf(text, sizeof text,
             "block @0\n %%0 = get.v128 slot=0\n %%1 = get.v128 slot=16\n %%2 = get.i64 slot=16\n %%3 = %s\n"
             " put %%3 slot=32\n exit pc=0 count=0\n",
             example->operation);
    struct ir_region *region = read_good(text);
    memcpy(machine.state, words, sizeof words);
    ir_random_machine_connect(&machine);
    ir_evaluate(region, &machine.machine, 1);
    if (slot(&machine, 32) != example->low || slot(&machine, 40) != example->high ||
        machine.machine.flags != example->flags) {
        fail_msg("%s gave 0x%016" PRIx64 "%016" PRIx64 " flags 0x%x", example->operation, slot(&machine, 40),
                 slot(&machine, 32), machine.machine.flags);
    }
    check_folding(example, region);
    ir_free(region);
}

static void vector_operations_give_what_is_written(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "vand.v128 %0 %1", 0xff0, ALL, 0x0ff, SIGN, 0x0f0, SIGN, 0 },
        { "vor.v128 %0 %1", 0xff0, 0, 0x0ff, SIGN, 0xfff, SIGN, 0 },
        { "vxor.v128 %0 %1", 0xff0, ALL, 0x0ff, SIGN, 0xf0f, ~SIGN, 0 },
        { "vandn.v128 %0 %1", 0xff0, ALL, 0x0ff, SIGN, 0xf00, ~SIGN, 0 },
        { "vselect.v128 %0 %1 %0", 0xff0, 0, 0x0ff, 1, 0x0f0, 0, 0 },
        { "vadd.v128 %0 %1 lane=8", 0xff, SIGN, 1, SIGN, 0, 0, 0 },
        { "vadd.v128 %0 %1 lane=16", 0xff, SIGN, 1, SIGN, 0x100, 0, 0 },
        { "vadd.v128 %0 %1 lane=32", 0xffffffff, 1, 1, ALL, 0, UINT64_C(0xffffffff00000000), 0 },
        { "vadd.v128 %0 %1 lane=64", 0xffffffff, 1, 1, ALL, UINT64_C(0x100000000), 0, 0 },
        { "vsub.v128 %0 %1 lane=8", 0, 0, 1, ALL, 0xff, UINT64_C(0x0101010101010101), 0 },
        { "vsub.v128 %0 %1 lane=64", 0, 0, 1, ALL, ALL, 1, 0 },
        { "vmul.v128 %0 %1 lane=16", 0x0100, 0xffff, 0x0100, 0xffff, 0, 1, 0 },
        { "vmul.v128 %0 %1 lane=32", 0x10001, ALL, 0x10001, 2, 0x20001, UINT64_C(0xfffffffe), 0 },
        { "veq.v128 %0 %1 lane=8", 0x1234, 0, 0x1134, 0, UINT64_C(0xffffffffffff00ff), ALL, 0 },
        { "veq.v128 %0 %1 lane=64", 0x1234, 7, 0x1134, 7, 0, ALL, 0 },
        { "vgts.v128 %0 %1 lane=64", 0, SIGN, SIGN, 0, ALL, 0, 0 },
        { "vgtu.v128 %0 %1 lane=64", 0, SIGN, SIGN, 0, 0, ALL, 0 },
        { "vgts.v128 %0 %1 lane=8", 0x7f80, 0, 0x807f, 0, 0xff00, 0, 0 },
        { "vgtu.v128 %0 %1 lane=8", 0x7f80, 0, 0x807f, 0, 0x00ff, 0, 0 },
        { "vmins.v128 %0 %1 lane=16", 0x8000, 3, 1, 2, 0x8000, 2, 0 },
        { "vminu.v128 %0 %1 lane=16", 0x8000, 3, 1, 2, 1, 2, 0 },
        { "vmaxs.v128 %0 %1 lane=32", 0x80000000, 3, 1, 2, 1, 3, 0 },
        { "vmaxu.v128 %0 %1 lane=32", 0x80000000, 3, 1, 2, 0x80000000, 3, 0 },
        { "vshl.v128 %0 lane=8 number=7", 0x0103, 0, 0, 0, 0x8080, 0, 0 },
        { "vshr.v128 %0 lane=8 number=7", 0x80ff, SIGN, 0, 0, 0x0101, UINT64_C(0x0100000000000000), 0 },
        { "vsar.v128 %0 lane=8 number=1", 0x80ff, 0, 0, 0, 0xc0ff, 0, 0 },
        { "vsar.v128 %0 lane=64 number=63", SIGN, 1, 0, 0, ALL, 0, 0 },
        { "vshl.v128 %0 lane=64 number=63", 1, 2, 0, 0, SIGN, 0, 0 },
        { "vzipl.v128 %0 %1 lane=8", UP, UP, UINT64_C(0x0303020201010000), UINT64_C(0x0707060605050404), 0 },
        { "vziph.v128 %0 %1 lane=32", UP, UP, UINT64_C(0x0b0a09080b0a0908), UINT64_C(0x0f0e0d0c0f0e0d0c), 0 },
        { "vzipl.v128 %0 %1 lane=64", 1, 2, 3, 4, 1, 3, 0 },
        { "vziph.v128 %0 %1 lane=64", 1, 2, 3, 4, 2, 4, 0 },
        { "vtable.v128 %0 %1", UP, UINT64_C(0x80ff10010f000102), 3, UINT64_C(0x000000010f000102),
          UINT64_C(0x0000000000000003), 0 },
        { "vsplat.v128 %2 lane=16", 0, 0, 0x12345, 0, UINT64_C(0x2345234523452345), UINT64_C(0x2345234523452345), 0 },
        { "vextract.i64 %0 lane=8 number=15", 0, SIGN, 0, 0, 0x80, 0, 0 },
        { "vextract.i64 %0 lane=64 number=1", 0, SIGN, 0, 0, SIGN, 0, 0 },
        { "vinsert.v128 %0 %2 lane=8 number=8", 0, ALL, 0x1ff00, 0, 0, UINT64_C(0xffffffffffffff00), 0 },
        { "vinsert.v128 %0 %2 lane=64 number=0", 5, 6, 7, 8, 7, 6, 0 },
        { "vfadd.v128 %0 %1 lane=32", 0x3f800000, 0, 0x33000000, 0, 0x3f800000, 0, FLOAT_NX },
        { "vfdiv.v128 %0 %1 lane=64", UINT64_C(0x3ff0000000000000), 0, 0, 0, UINT64_C(0x7ff0000000000000),
          UINT64_C(0x7ff8000000000000), FLOAT_DZ | FLOAT_NV },
        { "vfsqrt.v128 %0 lane=64", UINT64_C(0x4010000000000000), ALL, 0, 0, UINT64_C(0x4000000000000000),
          UINT64_C(0x7ff8000000000000), 0 },
        { "vfma.v128 %0 %1 %1 lane=64", UINT64_C(0x3ff0000000000000), UINT64_C(0x7ff0000000000000),
          UINT64_C(0x3ff0000000000000), 0, UINT64_C(0x4000000000000000), UINT64_C(0x7ff8000000000000), FLOAT_NV },
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        check_example(&examples[i]);
    }
}

/* ---- Flags ------------------------------------------------------------------------------------------------------- */

static uint32_t word_of(const char *operation, uint64_t a, uint64_t b)
{
    struct ir_random_machine machine = { 0 };
    char text[300];
    snprintf(text, sizeof text,
             "block @0\n %%0 = get.i64 slot=0\n %%1 = get.i64 slot=8\n %%2 = const.bool 1\n %%3 = trunc.i32 %%0\n"
             " %%4 = trunc.i32 %%1\n %%5 = %s\n %%6 = flags_to_word.i32 %%5\n put %%6 slot=16\n exit pc=0 count=0\n",
             operation);
    struct ir_region *region = read_good(text);
    memcpy(machine.state, &a, 8);
    memcpy(machine.state + 8, &b, 8);
    ir_random_machine_connect(&machine);
    ir_evaluate(region, &machine.machine, 1);
    ir_free(region);
    return (uint32_t)slot(&machine, 16);
}

#define N IR_FLAG_N
#define Z IR_FLAG_Z
#define C IR_FLAG_C
#define V IR_FLAG_V

static void flags_are_those_of_arm(void **state)
{
    (void)state;
    assert_int_equal(word_of("flags_add.flags %0 %1", 1, 2), 0);
    assert_int_equal(word_of("flags_add.flags %0 %1", ALL, 1), Z | C);
    assert_int_equal(word_of("flags_add.flags %0 %1", ~SIGN, 1), N | V);
    assert_int_equal(word_of("flags_add.flags %0 %1", SIGN, SIGN), Z | C | V);
    assert_int_equal(word_of("flags_add.flags %3 %4", 0xffffffff, 1), Z | C);
    assert_int_equal(word_of("flags_add.flags %3 %4", 0x7fffffff, 1), N | V);
    assert_int_equal(word_of("flags_adc.flags %0 %1 %2", ALL, 0), Z | C);
    assert_int_equal(word_of("flags_adc.flags %0 %1 %2", ~SIGN, 0), N | V);
    assert_int_equal(word_of("flags_adc.flags %3 %4 %2", 0xffffffff, 0xffffffff), N | C);
    assert_int_equal(word_of("flags_sub.flags %0 %1", 1, 1), Z | C);
    assert_int_equal(word_of("flags_sub.flags %0 %1", 0, 1), N);
    assert_int_equal(word_of("flags_sub.flags %0 %1", SIGN, 1), C | V);
    assert_int_equal(word_of("flags_sub.flags %0 %1", 0, SIGN), N | V);
    assert_int_equal(word_of("flags_sub.flags %0 %1", 5, 0), C);
    assert_int_equal(word_of("flags_sub.flags %3 %4", 0x80000000, 1), C | V);
    assert_int_equal(word_of("flags_logic.flags %0", 0, 0), Z);
    assert_int_equal(word_of("flags_logic.flags %0", SIGN, 0), N);
    assert_int_equal(word_of("flags_logic.flags %3", SIGN, 0), Z);
    assert_int_equal(word_of("flags_from_word.flags %3", 0x5fffffff, 0), Z | V);
}

static void conditions_are_those_of_arm(void **state)
{
    (void)state;
    for (uint32_t word = 0; word < 16; word++) {
        bool n = word >> 3 & 1, z = word >> 2 & 1, c = word >> 1 & 1, v = word & 1;
        const bool wanted[IR_CC_COUNT] = { z,  !z,      c,       !c,     n,      !n,           v,
                                           !v, c && !z, !c || z, n == v, n != v, !z && n == v, z || n != v };
        for (unsigned i = 0; i < IR_CC_COUNT; i++) {
            assert_int_equal(ir_condition_holds((enum ir_condition)i, word << 28 | 0xfffffff), wanted[i]);
        }
    }
}

/* What the builder makes of things that nothing is known about. */
struct fixture {
    struct ir_region *region;
    struct ir_block *block;
    struct ir_value *x, *y; /* i64 */
    struct ir_value *p;     /* bool */
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    f.region = ir_create();
    f.block = ir_add_block(f.region, 0);
    f.x = ir_get(f.block, IR_I64, 0);
    f.y = ir_get(f.block, IR_I64, 8);
    f.p = ir_compare(f.block, IR_LTU, f.x, f.y);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ir_exit(f.block, 0, 0);
    const char *fault = ir_verify(f.region);
    ir_free(f.region);
    return fault == NULL ? 0 : -1;
}

static void assert_op(const struct ir_value *value, enum ir_op op, const struct ir_value *a, const struct ir_value *b)
{
    assert_string_equal(ir_op_name(value->op), ir_op_name(op));
    assert_ptr_equal(value->arguments[0], a);
    assert_ptr_equal(value->arguments[1], b);
}

static void conditions_of_a_difference_are_comparisons(void **state)
{
    (void)state;
    struct ir_value *flags = ir_flags(f.block, IR_FLAGS_SUB, f.x, f.y, NULL);
    assert_op(ir_condition(f.block, IR_CC_EQ, flags), IR_EQ, f.x, f.y);
    assert_op(ir_condition(f.block, IR_CC_NE, flags), IR_NE, f.x, f.y);
    assert_op(ir_condition(f.block, IR_CC_CS, flags), IR_LEU, f.y, f.x);
    assert_op(ir_condition(f.block, IR_CC_CC, flags), IR_LTU, f.x, f.y);
    assert_op(ir_condition(f.block, IR_CC_HI, flags), IR_LTU, f.y, f.x);
    assert_op(ir_condition(f.block, IR_CC_LS, flags), IR_LEU, f.x, f.y);
    assert_op(ir_condition(f.block, IR_CC_GE, flags), IR_LES, f.y, f.x);
    assert_op(ir_condition(f.block, IR_CC_LT, flags), IR_LTS, f.x, f.y);
    assert_op(ir_condition(f.block, IR_CC_GT, flags), IR_LTS, f.y, f.x);
    assert_op(ir_condition(f.block, IR_CC_LE, flags), IR_LES, f.x, f.y);
    assert_op(ir_condition(f.block, IR_CC_VS, flags), IR_CONDITION, flags, NULL);
    assert_op(ir_condition(f.block, IR_CC_MI, flags), IR_CONDITION, flags, NULL);
}

static void a_sum_with_carry_is_the_sum_or_difference_it_stands_for(void **state)
{
    (void)state;
    struct ir_value *yes = ir_constant(f.block, IR_BOOL, 1), *no = ir_constant(f.block, IR_BOOL, 0);
    struct ir_value *not_y = ir_binary(f.block, IR_XOR, f.y, ir_constant(f.block, IR_I64, ALL));
    assert_op(ir_flags(f.block, IR_FLAGS_ADC, f.x, not_y, yes), IR_FLAGS_SUB, f.x, f.y);
    assert_op(ir_flags(f.block, IR_FLAGS_ADC, not_y, f.x, yes), IR_FLAGS_SUB, f.x, f.y);
    assert_op(ir_flags(f.block, IR_FLAGS_ADC, f.x, f.y, no), IR_FLAGS_ADD, f.x, f.y);
    struct ir_value *by_5 = ir_flags(f.block, IR_FLAGS_ADC, f.x, ir_constant(f.block, IR_I64, ~UINT64_C(5)), yes);
    assert_int_equal(by_5->op, IR_FLAGS_SUB);
    assert_int_equal(by_5->arguments[1]->immediate, 5);
    struct ir_value *least = ir_constant(f.block, IR_I64, SIGN), *zero = ir_constant(f.block, IR_I64, 0);
    assert_op(ir_flags(f.block, IR_FLAGS_ADD, f.x, least, NULL), IR_FLAGS_ADD, f.x, least);
    assert_op(ir_flags(f.block, IR_FLAGS_ADD, zero, f.x, NULL), IR_FLAGS_LOGIC, f.x, NULL);
}

/* Arm: CMP x, y; CCMP x, 5, #Z, p; B.EQ */
static void a_condition_after_a_conditional_comparison_is_one_of_two(void **state)
{
    (void)state;
    struct ir_value *known = ir_unary(f.block, IR_FLAGS_FROM_WORD, IR_FLAGS, ir_constant(f.block, IR_I32, Z));
    struct ir_value *five = ir_constant(f.block, IR_I64, 5);
    struct ir_value *flags = ir_select(f.block, f.p, ir_flags(f.block, IR_FLAGS_SUB, f.x, five, NULL), known);
    struct ir_value *equal = ir_condition(f.block, IR_CC_EQ, flags); /* p ? x = 5 : true */
    assert_int_equal(equal->op, IR_SELECT);
    assert_ptr_equal(equal->arguments[0], f.p);
    assert_op(equal->arguments[1], IR_EQ, f.x, five);
    assert_int_equal(equal->arguments[2]->immediate, 1);
    struct ir_value *greater = ir_condition(f.block, IR_CC_GT, flags); /* p ? x > 5 : false */
    assert_int_equal(greater->op, IR_AND);
    assert_ptr_equal(greater->arguments[0], f.p);
    assert_op(greater->arguments[1], IR_LTS, five, f.x);
}

static void flags_that_went_through_a_slot_are_what_they_were(void **state)
{
    (void)state;
    struct ir_value *flags = ir_flags(f.block, IR_FLAGS_SUB, f.x, f.y, NULL);
    struct ir_value *word = ir_unary(f.block, IR_FLAGS_TO_WORD, IR_I32, flags);
    assert_ptr_equal(ir_unary(f.block, IR_FLAGS_FROM_WORD, IR_FLAGS, word), flags);
    struct ir_value *got = ir_get(f.block, IR_FLAGS, 16);
    assert_int_equal(got->op, IR_FLAGS_FROM_WORD);
    struct ir_value *condition = ir_condition(f.block, IR_CC_MI, got);
    assert_op(condition, IR_CONDITION, got, NULL); /* what is got is known only when passes have run */
}

static void vector_operations_fold(void **state)
{
    (void)state;
    struct ir_value *v = ir_get(f.block, IR_V128, 16), *w = ir_get(f.block, IR_V128, 32);
    struct ir_value *zero = ir_vector_constant(f.block, 0, 0), *ones = ir_vector_constant(f.block, ALL, ALL);
    struct ir_value *half = ir_vector_constant(f.block, 0, ALL);
    assert_ptr_equal(ir_vector(f.block, IR_VAND, 0, ones, v, NULL), v);
    assert_op(ir_vector(f.block, IR_VAND, 0, half, v, NULL), IR_VAND, v, half);
    struct ir_value *not_v = ir_vector(f.block, IR_VXOR, 0, v, ones, NULL);
    assert_ptr_equal(ir_vector(f.block, IR_VXOR, 0, not_v, ones, NULL), v);
    assert_int_equal(ir_vector(f.block, IR_VXOR, 0, v, v, NULL)->op, IR_CONST);
    assert_ptr_equal(ir_vector(f.block, IR_VSUB, IR_LANES(8, 0), v, zero, NULL), v);
    assert_ptr_equal(ir_vector(f.block, IR_VSELECT, 0, ones, v, w), v);
    assert_ptr_equal(ir_vector(f.block, IR_VSHL, IR_LANES(8, 0), v, NULL, NULL), v);
    struct ir_value *splat = ir_vector(f.block, IR_VSPLAT, IR_LANES(64, 0), f.x, NULL, NULL);
    assert_ptr_equal(ir_vector(f.block, IR_VEXTRACT, IR_LANES(64, 1), splat, NULL, NULL), f.x);
    struct ir_value *inserted = ir_vector(f.block, IR_VINSERT, IR_LANES(64, 1), v, f.x, NULL);
    assert_ptr_equal(ir_vector(f.block, IR_VEXTRACT, IR_LANES(64, 1), inserted, NULL, NULL), f.x);
    assert_op(ir_vector(f.block, IR_VEXTRACT, IR_LANES(64, 0), inserted, NULL, NULL), IR_VEXTRACT, v, NULL);
    assert_op(ir_vector(f.block, IR_VINSERT, IR_LANES(64, 1), inserted, f.y, NULL), IR_VINSERT, v, f.y);
    assert_op(ir_vector(f.block, IR_VFADD, IR_LANES(64, 0), zero, zero, NULL), IR_VFADD, zero, zero);
}

/* ---- Text and passes --------------------------------------------------------------------------------------------- */

static void mistakes_with_vectors_and_flags_are_told(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "%1 = const.flags 0\n", "a constant is" },
        { "%1 = const.i64 0 high=1\n", "a number up to" },
        { "%1 = get.flags slot=0\n", "a slot holds" },
        { "%1 = vadd.v128 %0 %0\n", "no such size" },
        { "%1 = vadd.v128 %0 %0 lane=7\n", "no such size" },
        { "%1 = vadd.v128 %0 %0 lane=65\n", "a number up to 64" },
        { "%1 = vadd.v128 %0 %0 lane=8 lane=16\n", "no such size" },
        { "%1 = vadd.v128 %0 %0 lane=8 number=1\n", "no such lane" },
        { "%1 = vmul.v128 %0 %0 lane=64\n", "no such size" },
        { "%1 = vand.v128 %0 %0 lane=8\n", "no such size" },
        { "%1 = vshl.v128 %0 lane=8 number=8\n", "no such lane" },
        { "%1 = vextract.i64 %0 lane=8 number=16\n", "no such lane" },
        { "%1 = vextract.i32 %0 lane=8 number=15\n", "lanes are i64" },
        { "%1 = vsplat.v128 %0 lane=8\n", "lanes are i64" },
        { "%1 = vfadd.v128 %0 %0 lane=16\n", "no such size" },
        { "%1 = vadd.v128 %0 lane=16\n", "wrong number of arguments" },
        { "%1 = vadd.v128 %0 %0 lane=16 cc=eq\n", "'cc=eq' has no place here" },
        { "%1 = add.v128 %0 %0\n", "one integer type" },
        { "%1 = load128.i64 %2\n", "128 as v128" },
        { "%1 = load64.v128 %2\n", "128 as v128" },
        { "store128 %2 %2\n", "128 as v128" },
        { "%1 = flags_sub.flags %2 %0\n", "flags are made" },
        { "%1 = flags_adc.flags %2 %2 %2\n", "flags are made" },
        { "%1 = flags_from_word.flags %2\n", "flags are made" },
        { "%1 = condition.bool %2 cc=eq\n", "flags are made" },
        { "%1 = condition.bool %2 cc=al\n", "there is no condition 'al'" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "block @0\n mark pc=0 count=0\n %%0 = get.v128 slot=0\n %%2 = get.i64 slot=0\n %s",
                 texts[i][0]);
        struct ir_region *region = ir_read(text, NULL, 0, message, sizeof message);
        if (region != NULL || strstr(message, texts[i][1]) == NULL) {
            fail_msg("%s: wanted '%s', got '%s'", texts[i][0], texts[i][1], region != NULL ? "a region" : message);
        }
    }
}

static char *text_of(const struct ir_region *region)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    ir_print(region, stream);
    fclose(stream);
    return text;
}

/* Optimized and printed with values numbered anew. */
static char *optimized(struct ir_region *region)
{
    assert_null(ir_verify(region));
    ir_optimize(region);
    uint32_t number = 0;
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        for (struct ir_value *value = block->first; value != NULL; value = value->next) {
            value->number = number++;
        }
    }
    char *text = text_of(region);
    ir_free(region);
    return text;
}

/* x3 = x1 + x2, which sets flags; then x1 is compared with x2, and if it is less, goes around. */
static struct ir_region *loop(bool with_flags)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, 0x1000), *end = ir_add_block(region, 0x100c);
    block->is_loop_head = true;
    ir_mark(block, 0x1000, 0);
    struct ir_value *a = ir_get(block, IR_I64, 8), *b = ir_get(block, IR_I64, 16);
    ir_put(block, 24, ir_binary(block, IR_ADD, a, b));
    if (with_flags) {
        ir_put(block, 64, ir_flags(block, IR_FLAGS_ADD, a, b, NULL));
    }
    ir_mark(block, 0x1004, 1);
    if (with_flags) {
        ir_put(block, 64, ir_flags(block, IR_FLAGS_SUB, a, b, NULL));
    }
    ir_mark(block, 0x1008, 2);
    struct ir_value *less =
        with_flags ? ir_condition(block, IR_CC_LT, ir_get(block, IR_FLAGS, 64)) : ir_compare(block, IR_LTS, a, b);
    if (with_flags) { /* a comparison that nobody asks */
        ir_put(block, 64, ir_flags(block, IR_FLAGS_LOGIC, a, NULL, NULL));
    }
    ir_put(block, 64, ir_constant(block, IR_I32, 0));
    ir_branch(block, less, block, end, 3);
    ir_exit(end, 0x100c, 0);
    return region;
}

static void flags_that_are_not_read_cost_nothing(void **state)
{
    (void)state;
    char *with_flags = optimized(loop(true)), *without = optimized(loop(false));
    assert_string_equal(with_flags, without);
    free(with_flags);
    free(without);
}

static void half_of_a_put_vector_is_taken_from_it(void **state)
{
    (void)state;
    struct ir_region *region = read_good("block @0\n %0 = get.v128 slot=0\n put %0 slot=16\n %1 = get.i64 slot=24\n"
                                         " put %1 slot=32\n exit pc=0 count=0\n");
    ir_forward_gets(region);
    char *text = text_of(region);
    assert_non_null(strstr(text, "vextract.i64 %0 lane=64 number=1\n"));
    free(text);
    ir_free(region);
}

static void different_vector_constants_are_not_merged(void **state)
{
    (void)state;
    struct ir_region *region =
        read_good("block @0\n %0 = const.v128 0x1 high=0x2\n %1 = const.v128 0x1 high=0x3\n"
                  " %2 = const.v128 0x1 high=0x2\n put %0 slot=0\n put %1 slot=16\n put %2 slot=32\n"
                  " exit pc=0 count=0\n");
    ir_merge_common(region);
    char *text = text_of(region);
    assert_string_equal(text, "block @0 pc=0x0 weight=1\n  %0 = const.v128 0x1 high=0x2\n"
                              "  %1 = const.v128 0x1 high=0x3\n  put %0 slot=0\n  put %1 slot=16\n"
                              "  put %0 slot=32\n  exit pc=0x0 count=0\n");
    free(text);
    ir_free(region);
}

static void a_vector_is_stored_whole_or_not_at_all(void **state)
{
    (void)state;
    struct ir_region *region =
        read_good("block @0\n mark pc=0x10 count=0\n %0 = get.i64 slot=0\n %1 = load128.v128 %0\n"
                  " %2 = const.i64 16\n %3 = add.i64 %0 %2\n store128 %3 %1\n exit pc=0x14 count=1\n");
    struct ir_random_machine machine = { 0 };
    ir_random_machine_fill(&machine, 1);
    uint64_t address = 0x2fd8, first, copy;
    memcpy(machine.state, &address, 8);
    memcpy(&first, machine.memory + 0xd8, 8);
    assert_int_equal(ir_evaluate(region, &machine.machine, 1).how, IR_LEFT_EXIT);
    memcpy(&copy, machine.memory + 0xe8, 8);
    assert_int_equal(copy, first);
    address = 0x2fe8; /* the second half of the store faults */
    memcpy(machine.state, &address, 8);
    uint8_t before[IR_RANDOM_MEMORY];
    memcpy(before, machine.memory, sizeof before);
    struct ir_outcome outcome = ir_evaluate(region, &machine.machine, 1);
    assert_int_equal(outcome.how, IR_LEFT_FAULT);
    assert_int_equal(outcome.pc, 0x10);
    assert_memory_equal(before, machine.memory, sizeof before);
    ir_free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_operations_give_what_is_written),
        cmocka_unit_test(flags_are_those_of_arm),
        cmocka_unit_test(conditions_are_those_of_arm),
        cmocka_unit_test_setup_teardown(conditions_of_a_difference_are_comparisons, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sum_with_carry_is_the_sum_or_difference_it_stands_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_condition_after_a_conditional_comparison_is_one_of_two, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_that_went_through_a_slot_are_what_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vector_operations_fold, set_up, tear_down),
        cmocka_unit_test(mistakes_with_vectors_and_flags_are_told),
        cmocka_unit_test(flags_that_are_not_read_cost_nothing),
        cmocka_unit_test(half_of_a_put_vector_is_taken_from_it),
        cmocka_unit_test(different_vector_constants_are_not_merged),
        cmocka_unit_test(a_vector_is_stored_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
