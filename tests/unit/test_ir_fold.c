/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule of folding by itself: what comes out of the builder. That all of them are true is test_ir_passes.c's. */
#include "engine/jit/ir_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIGN64 (UINT64_C(1) << 63)

/* A block with values that nothing is known about. */
struct fixture {
    struct ir_region *region;
    struct ir_block *block;
    struct ir_value *x, *y; /* i64 */
    struct ir_value *v, *w; /* i32 */
    struct ir_value *p, *q; /* bool */
    struct ir_value *s;     /* f32 */
    struct ir_value *d;     /* f64 */
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    f.region = ir_create();
    f.block = ir_add_block(f.region, 0x1000);
    ir_mark(f.block, 0x1000, 0);
    f.x = ir_get(f.block, IR_I64, 0);
    f.y = ir_get(f.block, IR_I64, 8);
    f.v = ir_get(f.block, IR_I32, 16);
    f.w = ir_get(f.block, IR_I32, 20);
    f.s = ir_get(f.block, IR_F32, 24);
    f.d = ir_get(f.block, IR_F64, 32);
    f.p = ir_compare(f.block, IR_LTU, f.x, f.y);
    f.q = ir_compare(f.block, IR_LTS, f.v, f.w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (f.block->last->op < IR_JUMP) {
        ir_exit(f.block, 0x1004, 1);
    }
    const char *fault = ir_verify(f.region);
    if (fault != NULL) {
        print_error("%s\n", fault);
    }
    ir_free(f.region);
    return fault == NULL ? 0 : -1;
}

static struct ir_value *k(uint64_t number)
{
    return ir_constant(f.block, IR_I64, number);
}

static struct ir_value *k32(uint32_t number)
{
    return ir_constant(f.block, IR_I32, number);
}

static struct ir_value *yes(void)
{
    return ir_constant(f.block, IR_BOOL, 1);
}

static struct ir_value *no(void)
{
    return ir_constant(f.block, IR_BOOL, 0);
}

static struct ir_value *op2(enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    return ir_binary(f.block, op, a, b);
}

static struct ir_value *cmp(enum ir_op op, struct ir_value *a, struct ir_value *b)
{
    return ir_compare(f.block, op, a, b);
}

static struct ir_value *op1(enum ir_op op, enum ir_type type, struct ir_value *a)
{
    return ir_unary(f.block, op, type, a);
}

static struct ir_value *sext(enum ir_type type, struct ir_value *a, unsigned from)
{
    return ir_sext(f.block, type, a, from);
}

#define assert_is(value, expected) assert_ptr_equal((value), (expected))

static void check_constant(const struct ir_value *value, uint64_t expected, int line)
{
    if (value->op != IR_CONST || value->immediate != expected) {
        fail_msg("line %d: %s 0x%llx", line, ir_op_name(value->op), (unsigned long long)value->immediate);
    }
}

/* op of a and b; where b is NULL, of a and the constant `number`. */
static void check_op(const struct ir_value *value, enum ir_op op, const struct ir_value *a, const struct ir_value *b,
                     uint64_t number, int line)
{
    const struct ir_value *second = value->arguments[1];
    bool good = value->op == op && value->arguments[0] == a &&
                (b != NULL ? second == b : second != NULL && second->op == IR_CONST && second->immediate == number);
    if (!good) {
        fail_msg("line %d: %s, second argument %s 0x%llx", line, ir_op_name(value->op),
                 second != NULL ? ir_op_name(second->op) : "none",
                 second != NULL ? (unsigned long long)second->immediate : 0);
    }
}

static void check_unary(const struct ir_value *value, enum ir_op op, const struct ir_value *a, int line)
{
    if (value->op != op || value->arguments[0] != a) {
        fail_msg("line %d: %s", line, ir_op_name(value->op));
    }
}

#define assert_constant(value, expected)         check_constant((value), (expected), __LINE__)
#define assert_op(value, op, a, b)               check_op((value), (op), (a), (b), 0, __LINE__)
#define assert_op_constant(value, op, a, number) check_op((value), (op), (a), NULL, (number), __LINE__)
#define assert_unary(value, op, a)               check_unary((value), (op), (a), __LINE__)

static void operations_on_constants_are_computed(void **state)
{
    (void)state;
    assert_constant(op2(IR_ADD, k(3), k(4)), 7);
    assert_constant(op2(IR_ADD, k32(UINT32_MAX), k32(1)), 0);
    assert_constant(op2(IR_SAR, k32(0x80000000), k32(31)), UINT32_MAX);
    assert_constant(op2(IR_MULHU, k(UINT64_MAX), k(UINT64_MAX)), UINT64_MAX - 1);
    assert_constant(cmp(IR_LTS, k(UINT64_MAX), k(0)), 1);
    assert_constant(op1(IR_CLZ, IR_I32, k32(1)), 31);
    assert_constant(op1(IR_BITCAST, IR_F64, k(5)), 5);
    assert_constant(op1(IR_BOX, IR_F64, ir_constant(f.block, IR_F32, 7)), UINT64_C(0xffffffff00000007));
    assert_constant(op1(IR_UNBOX, IR_F32, ir_constant(f.block, IR_F64, 7)), 0x7fc00000);
    assert_constant(ir_select(f.block, yes(), k(1), k(2)), 1);
}

static void division_by_constants_is_total(void **state)
{
    (void)state;
    assert_constant(op2(IR_DIVU, f.x, k(0)), UINT64_MAX);
    assert_constant(op2(IR_DIVS, f.v, k32(0)), UINT32_MAX);
    assert_is(op2(IR_REMU, f.x, k(0)), f.x);
    assert_is(op2(IR_REMS, f.x, k(0)), f.x);
    assert_constant(op2(IR_DIVS, k(SIGN64), k(UINT64_MAX)), SIGN64);
    assert_constant(op2(IR_REMS, k(SIGN64), k(UINT64_MAX)), 0);
    assert_constant(op2(IR_DIVS, k32(0x80000000), k32(UINT32_MAX)), 0x80000000);
}

static void constants_go_to_the_right(void **state)
{
    (void)state;
    assert_op_constant(op2(IR_ADD, k(5), f.x), IR_ADD, f.x, 5);
    assert_op_constant(op2(IR_AND, k(5), f.x), IR_AND, f.x, 5);
    assert_op_constant(cmp(IR_EQ, k(5), f.x), IR_EQ, f.x, 5);
    assert_op_constant(op2(IR_MULHS, k(5), f.x), IR_MULHS, f.x, 5);
}

static void adding_and_subtracting_fold(void **state)
{
    (void)state;
    assert_is(op2(IR_ADD, f.x, k(0)), f.x);
    assert_is(op2(IR_SUB, f.x, k(0)), f.x);
    assert_constant(op2(IR_SUB, f.x, f.x), 0);
    assert_op_constant(op2(IR_SUB, f.x, k(5)), IR_ADD, f.x, (uint64_t)-5);
    assert_op_constant(op2(IR_ADD, op2(IR_ADD, f.x, k(5)), k(7)), IR_ADD, f.x, 12);
    assert_is(op2(IR_ADD, op2(IR_SUB, f.v, k32(5)), k32(5)), f.v);
    assert_is(op2(IR_SUB, op2(IR_ADD, f.x, f.y), f.y), f.x);
    assert_is(op2(IR_SUB, op2(IR_ADD, f.x, f.y), f.x), f.y);
    assert_op(op2(IR_SUB, f.x, f.y), IR_SUB, f.x, f.y);
}

static void multiplying_and_dividing_by_powers_of_two_are_shifts_and_masks(void **state)
{
    (void)state;
    assert_constant(op2(IR_MUL, f.x, k(0)), 0);
    assert_is(op2(IR_MUL, f.x, k(1)), f.x);
    assert_op_constant(op2(IR_MUL, f.x, k(64)), IR_SHL, f.x, 6);
    assert_op_constant(op2(IR_MUL, f.x, k(SIGN64)), IR_SHL, f.x, 63);
    assert_op_constant(op2(IR_MUL, f.x, k(65)), IR_MUL, f.x, 65);
    assert_is(op2(IR_DIVU, f.x, k(1)), f.x);
    assert_is(op2(IR_DIVS, f.x, k(1)), f.x);
    assert_op_constant(op2(IR_DIVU, f.v, k32(16)), IR_SHR, f.v, 4);
    assert_op_constant(op2(IR_REMU, f.v, k32(16)), IR_AND, f.v, 15);
    assert_constant(op2(IR_REMS, f.v, k32(1)), 0);
    assert_op_constant(op2(IR_DIVS, f.v, k32(16)), IR_DIVS, f.v, 16);
    assert_constant(op2(IR_MULHU, f.x, k(1)), 0);
    assert_constant(op2(IR_MULHSU, k(0), f.x), 0);
    assert_op_constant(op2(IR_MULHS, f.x, k(1)), IR_MULHS, f.x, 1);
}

static void bitwise_operations_fold(void **state)
{
    (void)state;
    assert_is(op2(IR_AND, f.x, f.x), f.x);
    assert_is(op2(IR_OR, f.x, f.x), f.x);
    assert_constant(op2(IR_XOR, f.x, f.x), 0);
    assert_constant(op2(IR_AND, f.x, k(0)), 0);
    assert_is(op2(IR_AND, f.x, k(UINT64_MAX)), f.x);
    assert_is(op2(IR_AND, f.v, k32(UINT32_MAX)), f.v);
    assert_is(op2(IR_OR, f.x, k(0)), f.x);
    assert_constant(op2(IR_OR, f.x, k(UINT64_MAX)), UINT64_MAX);
    assert_is(op2(IR_XOR, f.x, k(0)), f.x);
    assert_op_constant(op2(IR_AND, op2(IR_AND, f.x, k(0xff)), k(0x3c0)), IR_AND, f.x, 0xc0);
    assert_op_constant(op2(IR_OR, op2(IR_OR, f.x, k(1)), k(2)), IR_OR, f.x, 3);
    assert_is(op2(IR_XOR, op2(IR_XOR, f.x, k(9)), k(9)), f.x);
}

static void masks_of_bits_that_are_zero_anyway_go(void **state)
{
    (void)state;
    struct ir_value *byte = ir_load(f.block, 1, IR_I64, f.x);
    assert_is(op2(IR_AND, byte, k(0xff)), byte);
    assert_op_constant(op2(IR_AND, byte, k(0x7f)), IR_AND, byte, 0x7f);
    assert_constant(op2(IR_AND, byte, k(0xf00)), 0);
    struct ir_value *high = op2(IR_SHR, f.x, k(60));
    assert_is(op2(IR_AND, high, k(15)), high);
    struct ir_value *shifted = op2(IR_SHL, f.x, k(8));
    assert_constant(op2(IR_AND, shifted, byte), 0);
    struct ir_value *wide = op1(IR_ZEXT, IR_I64, f.v);
    assert_is(op2(IR_AND, wide, k(UINT32_MAX)), wide);
}

static void the_sign_of_one_number_on_itself_is_that_number(void **state)
{
    (void)state;
    struct ir_value *sign = op2(IR_SHL, op2(IR_SHR, f.x, k(63)), k(63)), *rest = op2(IR_AND, f.x, k(SIGN64 - 1));
    assert_is(op2(IR_OR, sign, rest), f.x);
    struct ir_value *other = op2(IR_SHL, op2(IR_XOR, op2(IR_SHR, f.x, k(63)), k(1)), k(63));
    assert_op_constant(op2(IR_OR, other, rest), IR_XOR, f.x, SIGN64);
    assert_op_constant(op2(IR_OR, rest, other), IR_XOR, f.x, SIGN64);
}

static void shifts_fold(void **state)
{
    (void)state;
    assert_is(op2(IR_SHL, f.x, k(0)), f.x);
    assert_is(op2(IR_SHR, f.v, k32(32)), f.v);
    assert_op_constant(op2(IR_SHL, f.x, k(65)), IR_SHL, f.x, 1);
    assert_constant(op2(IR_SHL, k(0), f.x), 0);
    assert_constant(op2(IR_SAR, k(UINT64_MAX), f.x), UINT64_MAX);
    assert_int_equal(op2(IR_SHL, k(UINT64_MAX), f.x)->op, IR_SHL);
    assert_op_constant(op2(IR_SHL, op2(IR_SHL, f.x, k(31)), k(32)), IR_SHL, f.x, 63);
    assert_constant(op2(IR_SHL, op2(IR_SHL, f.x, k(32)), k(32)), 0);
    assert_op_constant(op2(IR_SAR, op2(IR_SAR, f.x, k(32)), k(32)), IR_SAR, f.x, 63);
    assert_is(op2(IR_ROTR, op2(IR_ROTR, f.x, k(40)), k(24)), f.x);
    assert_op_constant(op2(IR_SHR, op2(IR_SHL, f.x, k(8)), k(8)), IR_AND, f.x, UINT64_MAX >> 8);
    assert_op_constant(op2(IR_SHL, op2(IR_SHR, f.x, k(8)), k(8)), IR_AND, f.x, UINT64_MAX << 8);
    assert_op(op2(IR_SHL, f.x, op2(IR_AND, f.y, k(63))), IR_SHL, f.x, f.y);
    assert_int_equal(op2(IR_SHL, f.x, op2(IR_AND, f.y, k(31)))->arguments[1]->op, IR_AND);
    struct ir_value *extended = op2(IR_SAR, op2(IR_SHL, f.x, k(56)), k(56));
    assert_unary(extended, IR_SEXT, f.x);
    assert_int_equal(extended->immediate, 8);
}

static void scaled_indices_are_extended_first(void **state)
{
    (void)state;
    const struct ir_value *index = op2(IR_SHR, op2(IR_SHL, f.x, k(32)), k(30));
    assert_op_constant(index, IR_SHL, index->arguments[0], 2);
    assert_op_constant(index->arguments[0], IR_AND, f.x, UINT32_MAX);
    index = op2(IR_SAR, op2(IR_SHL, f.x, k(32)), k(29));
    assert_op_constant(index, IR_SHL, index->arguments[0], 3);
    assert_unary(index->arguments[0], IR_SEXT, f.x);
    assert_int_equal(op2(IR_SHR, op2(IR_SHL, f.x, k(32)), k(33))->op, IR_SHR);
    assert_int_equal(op2(IR_SHR, op2(IR_SHL, f.x, k(31)), k(30))->op, IR_SHR);
    assert_int_equal(op2(IR_SHR, op2(IR_SHL, f.x, f.y), k(30))->op, IR_SHR);
    assert_op_constant(op2(IR_SHR, op2(IR_SHL, f.v, k32(24)), k32(24)), IR_AND, f.v, 0xff);
}

static void two_shifts_that_meet_are_a_rotation(void **state)
{
    (void)state;
    struct ir_value *down = op2(IR_SHR, f.x, k(7)), *up = op2(IR_SHL, f.x, k(57));
    assert_op_constant(op2(IR_OR, down, up), IR_ROTR, f.x, 7);
    assert_op_constant(op2(IR_OR, up, down), IR_ROTR, f.x, 7);
    up = op2(IR_SHL, f.x, k(56));
    assert_op(op2(IR_OR, down, up), IR_OR, down, up);
    up = op2(IR_SHL, f.y, k(57));
    assert_op(op2(IR_OR, down, up), IR_OR, down, up);
}

static void masks_below_an_extension_do_without_it(void **state)
{
    (void)state;
    const struct ir_value *masked = op2(IR_AND, sext(IR_I64, f.v, 32), k(UINT32_MAX));
    assert_unary(masked, IR_ZEXT, f.v);
    masked = op2(IR_AND, sext(IR_I64, f.v, 32), k(0xff0));
    assert_op_constant(masked->arguments[0], IR_AND, f.v, 0xff0);
    assert_op_constant(op2(IR_AND, sext(IR_I64, f.x, 8), k(0xff)), IR_AND, f.x, 0xff);
    struct ir_value *extended = sext(IR_I64, f.x, 8);
    assert_op_constant(op2(IR_AND, extended, k(0x100)), IR_AND, extended, 0x100);
}

static void extensions_fold(void **state)
{
    (void)state;
    assert_is(sext(IR_I32, f.v, 32), f.v);
    assert_is(sext(IR_I64, f.x, 64), f.x);
    struct ir_value *byte = sext(IR_I64, f.x, 8), *word = sext(IR_I64, f.v, 32);
    assert_is(sext(IR_I64, byte, 16), byte);
    assert_is(sext(IR_I64, byte, 8), byte);
    struct ir_value *narrower = sext(IR_I64, word, 16);
    assert_unary(narrower, IR_SEXT, f.v);
    assert_int_equal(narrower->immediate, 16);
    assert_is(op1(IR_TRUNC, IR_I32, word), f.v);
    assert_is(op1(IR_TRUNC, IR_I32, op1(IR_ZEXT, IR_I64, f.v)), f.v);
    assert_op_constant(op1(IR_ZEXT, IR_I64, op1(IR_TRUNC, IR_I32, f.x)), IR_AND, f.x, UINT32_MAX);
    assert_unary(sext(IR_I64, op1(IR_TRUNC, IR_I32, f.x), 32), IR_SEXT, f.x);
    assert_unary(op1(IR_ZEXT, IR_I64, op1(IR_ZEXT, IR_I32, f.p)), IR_ZEXT, f.p);
    struct ir_value *loaded = ir_load(f.block, 1, IR_I32, f.x);
    assert_unary(sext(IR_I64, loaded, 16), IR_ZEXT, loaded);
    assert_unary(sext(IR_I64, op2(IR_AND, f.x, k(0xffff)), 16), IR_SEXT, f.x);
    assert_unary(op1(IR_TRUNC, IR_I32, op2(IR_AND, f.x, k(UINT32_MAX))), IR_TRUNC, f.x);
    struct ir_value *box = op1(IR_BITCAST, IR_I64, op1(IR_BOX, IR_F64, op1(IR_FSQRT, IR_F32, f.s)));
    struct ir_value *bits = op1(IR_TRUNC, IR_I32, box);
    assert_unary(bits, IR_BITCAST, box->arguments[0]->arguments[0]);
    assert_int_equal(sext(IR_I64, box, 32)->op, IR_SEXT);
    assert_unary(sext(IR_I64, box, 16)->arguments[0], IR_BITCAST, box->arguments[0]->arguments[0]);
}

static void odd_widths_are_extended_by_shifts(void **state)
{
    (void)state;
    struct ir_value *value = sext(IR_I64, f.x, 12);
    assert_int_equal(value->op, IR_SAR);
    assert_op_constant(value->arguments[0], IR_SHL, f.x, 52);
    assert_constant(sext(IR_I64, k32(0x800), 12), (uint64_t)-0x800);
}

static void comparisons_fold(void **state)
{
    (void)state;
    assert_constant(cmp(IR_EQ, f.x, f.x), 1);
    assert_constant(cmp(IR_NE, f.x, f.x), 0);
    assert_constant(cmp(IR_LTU, f.x, f.x), 0);
    assert_constant(cmp(IR_LES, f.x, f.x), 1);
    assert_constant(cmp(IR_LTU, f.x, k(0)), 0);
    assert_constant(cmp(IR_LEU, k(0), f.x), 1);
    assert_constant(cmp(IR_LEU, f.x, k(UINT64_MAX)), 1);
    assert_op_constant(cmp(IR_LTU, f.x, k(1)), IR_EQ, f.x, 0);
    assert_op_constant(cmp(IR_LTU, k(0), f.x), IR_NE, f.x, 0);
    assert_op_constant(cmp(IR_LEU, f.x, k(0)), IR_EQ, f.x, 0);
    assert_op_constant(cmp(IR_LEU, k(1), f.x), IR_NE, f.x, 0);
    assert_op_constant(cmp(IR_EQ, op2(IR_ADD, f.x, k(5)), k(7)), IR_EQ, f.x, 2);
    struct ir_value *sum = op2(IR_ADD, f.x, k(UINT64_MAX));
    ir_put(f.block, 40, sum); /* it will be there anyway */
    assert_op_constant(cmp(IR_NE, sum, k(0)), IR_NE, sum, 0);
    assert_op_constant(cmp(IR_NE, op2(IR_XOR, f.x, k(5)), k(7)), IR_NE, f.x, 2);
    assert_op(cmp(IR_EQ, op2(IR_SUB, f.x, f.y), k(0)), IR_EQ, f.x, f.y);
    assert_op(cmp(IR_NE, op2(IR_XOR, f.x, f.y), k(0)), IR_NE, f.x, f.y);
}

static void comparisons_of_extended_values_are_narrow(void **state)
{
    (void)state;
    struct ir_value *sv = sext(IR_I64, f.v, 32), *sw = sext(IR_I64, f.w, 32);
    struct ir_value *zv = op1(IR_ZEXT, IR_I64, f.v), *zw = op1(IR_ZEXT, IR_I64, f.w);
    assert_op(cmp(IR_LTS, sv, sw), IR_LTS, f.v, f.w);
    assert_op(cmp(IR_LTU, sv, sw), IR_LTU, f.v, f.w);
    assert_op(cmp(IR_LTS, zv, zw), IR_LTU, f.v, f.w);
    assert_op(cmp(IR_EQ, zv, zw), IR_EQ, f.v, f.w);
    assert_op(cmp(IR_EQ, sv, zw), IR_EQ, sv, zw);
    assert_op_constant(cmp(IR_EQ, sv, k((uint64_t)-3)), IR_EQ, f.v, (uint32_t)-3);
    assert_op_constant(cmp(IR_EQ, sv, k(UINT32_MAX)), IR_EQ, sv, UINT32_MAX);
    assert_op_constant(cmp(IR_LTS, sv, k(0)), IR_LTS, f.v, 0);
}

static void comparisons_with_what_a_value_cannot_be_are_known(void **state)
{
    (void)state;
    struct ir_value *byte = ir_load(f.block, 1, IR_I64, f.x);
    assert_constant(cmp(IR_EQ, byte, k(0x100)), 0);
    assert_constant(cmp(IR_NE, byte, k(0x100)), 1);
    assert_constant(cmp(IR_LTU, byte, k(0x100)), 1);
    assert_op_constant(cmp(IR_LTU, byte, k(0xff)), IR_LTU, byte, 0xff);
    assert_constant(cmp(IR_LEU, byte, k(0xff)), 1);
    assert_op_constant(cmp(IR_LTS, byte, k(5)), IR_LTU, byte, 5);
    assert_op_constant(cmp(IR_EQ, byte, k(0xff)), IR_EQ, byte, 0xff);
}

static void truth_values_as_numbers_are_truth_values(void **state)
{
    (void)state;
    struct ir_value *number = op1(IR_ZEXT, IR_I64, f.p);
    assert_is(cmp(IR_NE, number, k(0)), f.p);
    assert_is(cmp(IR_EQ, number, k(1)), f.p);
    assert_op(cmp(IR_EQ, number, k(0)), IR_LEU, f.y, f.x);
    assert_op(cmp(IR_NE, number, k(1)), IR_LEU, f.y, f.x);
}

static void negation_turns_comparisons_of_integers_around(void **state)
{
    (void)state;
    assert_op(op2(IR_XOR, cmp(IR_EQ, f.x, f.y), yes()), IR_NE, f.x, f.y);
    assert_op(op2(IR_XOR, cmp(IR_NE, f.x, f.y), yes()), IR_EQ, f.x, f.y);
    assert_op(op2(IR_XOR, f.p, yes()), IR_LEU, f.y, f.x);
    assert_op(op2(IR_XOR, cmp(IR_LEU, f.x, f.y), yes()), IR_LTU, f.y, f.x);
    assert_op(op2(IR_XOR, f.q, yes()), IR_LES, f.w, f.v);
    assert_op(op2(IR_XOR, cmp(IR_LES, f.x, f.y), yes()), IR_LTS, f.y, f.x);
    struct ir_value *less = cmp(IR_FLT, f.d, f.d);
    assert_int_equal(op2(IR_XOR, less, yes())->op, IR_XOR); /* of a NaN neither is true */
    assert_is(op2(IR_XOR, op2(IR_XOR, less, yes()), yes()), less);
}

static void truth_values_fold(void **state)
{
    (void)state;
    assert_is(op2(IR_AND, f.p, yes()), f.p);
    assert_constant(op2(IR_AND, f.p, no()), 0);
    assert_is(op2(IR_OR, f.p, no()), f.p);
    assert_constant(op2(IR_OR, f.p, yes()), 1);
    assert_is(op2(IR_XOR, f.p, no()), f.p);
    assert_constant(op2(IR_XOR, f.p, f.p), 0);
}

static void selections_fold(void **state)
{
    (void)state;
    assert_is(ir_select(f.block, no(), f.x, f.y), f.y);
    assert_is(ir_select(f.block, f.p, f.x, f.x), f.x);
    assert_unary(ir_select(f.block, f.p, k(1), k(0)), IR_ZEXT, f.p);
    assert_op(ir_select(f.block, f.p, k(0), k(1))->arguments[0], IR_LEU, f.y, f.x);
    assert_is(ir_select(f.block, f.p, yes(), no()), f.p);
    assert_op(ir_select(f.block, f.p, f.q, no()), IR_AND, f.p, f.q);
    assert_op(ir_select(f.block, f.p, yes(), f.q), IR_OR, f.p, f.q);
    struct ir_value *less = cmp(IR_FLT, f.d, f.d);
    const struct ir_value *swapped = ir_select(f.block, op2(IR_XOR, less, yes()), f.x, f.y);
    assert_is(swapped->arguments[0], less);
    assert_is(swapped->arguments[1], f.y);
    assert_is(swapped->arguments[2], f.x);
}

static void bitcasts_fold(void **state)
{
    (void)state;
    struct ir_value *sum = op2(IR_ADD, f.x, f.y);
    assert_is(op1(IR_BITCAST, IR_I64, op1(IR_BITCAST, IR_F64, sum)), sum);
    struct ir_value *got = op1(IR_BITCAST, IR_F64, f.x);
    assert_int_equal(got->op, IR_GET);
    assert_int_equal(got->type, IR_F64);
    assert_int_equal(got->slot, f.x->slot);
    assert_is(op1(IR_BITCAST, IR_F64, f.x), got);
    ir_put(f.block, 8, op1(IR_BITCAST, IR_F64, sum));
    assert_is(f.block->last->arguments[0], sum);
}

static void a_retyped_get_stands_before_a_put_that_came_between(void **state)
{
    (void)state;
    ir_put(f.block, f.x->slot, f.y);
    const struct ir_value *put = f.block->last;
    const struct ir_value *got = op1(IR_BITCAST, IR_F64, f.x);
    assert_is(f.x->next, got);
    assert_is(f.block->last, put);
}

static void boxes_fold(void **state)
{
    (void)state;
    struct ir_value *boxed = op1(IR_BOX, IR_F64, f.s);
    assert_is(op1(IR_UNBOX, IR_F32, boxed), f.s);
    struct ir_value *unboxed = op1(IR_UNBOX, IR_F32, f.d);
    assert_unary(op1(IR_BOX, IR_F64, unboxed), IR_BOX, unboxed); /* not f.d: its upper half may have been wrong */
}

static void floating_point_on_constants_is_left_alone(void **state)
{
    (void)state;
    struct ir_value *one = ir_constant(f.block, IR_F64, UINT64_C(0x3ff0000000000000));
    assert_int_equal(op2(IR_FADD, one, one)->op, IR_FADD); /* it sets flags, and rounds as the region does */
    assert_int_equal(cmp(IR_FEQ, f.d, f.d)->op, IR_FEQ);
}

static void exact_conversions_have_one_form(void **state)
{
    (void)state;
    assert_int_equal(ir_convert(f.block, IR_FCVT, IR_F64, f.s, IR_ROUND_ZERO)->immediate, IR_ROUND_REGION);
    assert_int_equal(ir_convert(f.block, IR_STOF, IR_F64, f.v, IR_ROUND_ZERO)->immediate, IR_ROUND_REGION);
    assert_int_equal(ir_convert(f.block, IR_STOF, IR_F64, f.x, IR_ROUND_ZERO)->immediate, IR_ROUND_ZERO);
    assert_int_equal(ir_convert(f.block, IR_FCVT, IR_F32, f.d, IR_ROUND_ZERO)->immediate, IR_ROUND_ZERO);
}

static void a_guard_that_holds_goes_and_one_that_fails_stays(void **state)
{
    (void)state;
    struct ir_value *true_value = yes();
    ir_guard(f.block, true_value);
    assert_is(f.block->last, true_value);
    ir_guard(f.block, no());
    assert_int_equal(f.block->last->op, IR_GUARD);
}

static void a_store_takes_what_it_looks_at(void **state)
{
    (void)state;
    ir_store(f.block, 4, f.x, sext(IR_I64, f.v, 32));
    assert_is(f.block->last->arguments[1], f.v);
    ir_store(f.block, 8, f.x, sext(IR_I64, f.v, 32));
    assert_int_equal(f.block->last->arguments[1]->op, IR_SEXT);
    ir_store(f.block, 1, f.x, op2(IR_AND, f.y, k(0xff)));
    assert_is(f.block->last->arguments[1], f.y);
    ir_store(f.block, 2, f.x, op2(IR_AND, f.y, k(0xff)));
    assert_int_equal(f.block->last->arguments[1]->op, IR_AND);
    ir_store(f.block, 4, f.x, op1(IR_TRUNC, IR_I32, f.y));
    assert_is(f.block->last->arguments[1], f.y);
}

static void branches_on_constants_are_jumps(void **state)
{
    (void)state;
    struct ir_block *one = ir_add_block(f.region, 0x2000), *other = ir_add_block(f.region, 0x3000);
    ir_exit(one, 0x2000, 0);
    ir_exit(other, 0x3000, 0);
    ir_branch(f.block, no(), one, other, 1);
    assert_int_equal(f.block->last->op, IR_JUMP);
    assert_is(f.block->last->targets[0], other);
}

static void branches_on_negations_are_swapped(void **state)
{
    (void)state;
    struct ir_block *one = ir_add_block(f.region, 0x2000), *other = ir_add_block(f.region, 0x3000);
    ir_exit(one, 0x2000, 0);
    ir_exit(other, 0x3000, 0);
    struct ir_value *less = cmp(IR_FLT, f.d, f.d);
    ir_branch(f.block, op2(IR_XOR, less, yes()), one, other, 1);
    assert_is(f.block->last->arguments[0], less);
    assert_is(f.block->last->targets[0], other);
    assert_is(f.block->last->targets[1], one);
}

static void an_indirect_exit_to_a_constant_is_direct(void **state)
{
    (void)state;
    struct ir_block *inside = ir_add_block(f.region, 0x2000), *another = ir_add_block(f.region, 0x3000);
    ir_exit_indirect(another, ir_constant(another, IR_I64, 0x4000), &inside, 1, 1);
    assert_int_equal(another->last->op, IR_EXIT);
    assert_int_equal(another->last->pc, 0x4000);
    ir_exit_indirect(inside, ir_constant(inside, IR_I64, 0x3000), &another, 1, 1);
    assert_int_equal(inside->last->op, IR_JUMP);
    assert_is(inside->last->targets[0], another);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(operations_on_constants_are_computed),
        CASE(division_by_constants_is_total),
        CASE(constants_go_to_the_right),
        CASE(adding_and_subtracting_fold),
        CASE(multiplying_and_dividing_by_powers_of_two_are_shifts_and_masks),
        CASE(bitwise_operations_fold),
        CASE(masks_of_bits_that_are_zero_anyway_go),
        CASE(the_sign_of_one_number_on_itself_is_that_number),
        CASE(shifts_fold),
        CASE(scaled_indices_are_extended_first),
        CASE(two_shifts_that_meet_are_a_rotation),
        CASE(masks_below_an_extension_do_without_it),
        CASE(extensions_fold),
        CASE(odd_widths_are_extended_by_shifts),
        CASE(comparisons_fold),
        CASE(comparisons_of_extended_values_are_narrow),
        CASE(comparisons_with_what_a_value_cannot_be_are_known),
        CASE(truth_values_as_numbers_are_truth_values),
        CASE(negation_turns_comparisons_of_integers_around),
        CASE(truth_values_fold),
        CASE(selections_fold),
        CASE(bitcasts_fold),
        CASE(a_retyped_get_stands_before_a_put_that_came_between),
        CASE(boxes_fold),
        CASE(floating_point_on_constants_is_left_alone),
        CASE(exact_conversions_have_one_form),
        CASE(a_guard_that_holds_goes_and_one_that_fails_stays),
        CASE(a_store_takes_what_it_looks_at),
        CASE(branches_on_constants_are_jumps),
        CASE(branches_on_negations_are_swapped),
        CASE(an_indirect_exit_to_a_constant_is_direct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
