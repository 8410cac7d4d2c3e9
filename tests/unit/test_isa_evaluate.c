/* SPDX-License-Identifier: Apache-2.0 */
/* Values of operations at the edges, and constants without a width: sections 2 and 5 of the language page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "isa/evaluate.h"
#include "isa/number.h"

#include <string.h>

static isa_bits wide(uint64_t high, uint64_t low)
{
    return (isa_bits)high << 64 | low;
}

static void expect_binary(enum isa_op op, unsigned width, isa_bits a, isa_bits b, isa_bits result)
{
    assert_true(isa_evaluate_binary(op, width, a, b) == result);
}

static void sums_and_products_wrap(void **state)
{
    (void)state;
    expect_binary(ISA_OP_ADD, 8, 255, 1, 0);
    expect_binary(ISA_OP_SUB, 8, 0, 1, 255);
    expect_binary(ISA_OP_MUL, 8, 16, 16, 0);
    expect_binary(ISA_OP_MUL, 8, 255, 255, 1);
    expect_binary(ISA_OP_ADD, 1, 1, 1, 0);
    expect_binary(ISA_OP_ADD, 128, ~(isa_bits)0, 1, 0);
    expect_binary(ISA_OP_MUL, 128, wide(1, 0), wide(1, 0), 0);
}

static void division_is_total(void **state)
{
    (void)state;
    expect_binary(ISA_OP_DIVU, 8, 7, 0, 255);
    expect_binary(ISA_OP_DIVS, 8, 7, 0, 255);
    expect_binary(ISA_OP_REMU, 8, 7, 0, 7);
    expect_binary(ISA_OP_REMS, 8, 0xf9, 0, 0xf9);
    expect_binary(ISA_OP_DIVS, 8, 0x80, 0xff, 0x80);
    expect_binary(ISA_OP_REMS, 8, 0x80, 0xff, 0);
    expect_binary(ISA_OP_DIVS, 128, wide((uint64_t)1 << 63, 0), ~(isa_bits)0, wide((uint64_t)1 << 63, 0));
    expect_binary(ISA_OP_REMS, 128, wide((uint64_t)1 << 63, 0), ~(isa_bits)0, 0);
}

static void signed_division_rounds_to_zero(void **state)
{
    (void)state;
    expect_binary(ISA_OP_DIVS, 8, 0xf9, 2, 0xfd); /* -7 / 2 = -3 */
    expect_binary(ISA_OP_REMS, 8, 0xf9, 2, 0xff); /* -7 % 2 = -1 */
    expect_binary(ISA_OP_DIVS, 8, 7, 0xfe, 0xfd);
    expect_binary(ISA_OP_REMS, 8, 7, 0xfe, 1);
    expect_binary(ISA_OP_DIVU, 8, 0xf9, 2, 0x7c);
}

static void shifts_beyond_the_width_give_zeros_or_the_sign(void **state)
{
    (void)state;
    static const unsigned widths[] = { 1, 8, 64, 127, 128 };
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        unsigned width = widths[i];
        isa_bits ones = isa_bits_mask(width), sign = (isa_bits)1 << (width - 1);
        expect_binary(ISA_OP_SHL, width, 1, width - 1, sign);
        expect_binary(ISA_OP_SHL, width, ones, width, 0);
        expect_binary(ISA_OP_SHRU, width, sign, width - 1, 1);
        expect_binary(ISA_OP_SHRU, width, ones, width, 0);
        expect_binary(ISA_OP_SHRS, width, sign, width - 1, ones);
        expect_binary(ISA_OP_SHRS, width, sign, width, ones);
        expect_binary(ISA_OP_SHRS, width, sign, ~(isa_bits)0, ones);
        expect_binary(ISA_OP_SHRS, width, sign - 1, width, 0);
    }
}

static void comparisons_read_their_operands_as_they_say(void **state)
{
    (void)state;
    expect_binary(ISA_OP_LTU, 8, 0x7f, 0x80, 1);
    expect_binary(ISA_OP_LTS, 8, 0x7f, 0x80, 0);
    expect_binary(ISA_OP_GTS, 8, 0x7f, 0x80, 1);
    expect_binary(ISA_OP_LEU, 8, 5, 5, 1);
    expect_binary(ISA_OP_LES, 8, 5, 5, 1);
    expect_binary(ISA_OP_GEU, 8, 5, 6, 0);
    expect_binary(ISA_OP_GES, 8, 0xff, 0, 0);
    expect_binary(ISA_OP_EQ, ISA_BOOL, 1, 1, 1);
    expect_binary(ISA_OP_NE, ISA_BOOL, 1, 1, 0);
}

static void counts_know_their_width(void **state)
{
    (void)state;
    assert_true(isa_evaluate_unary(ISA_OP_CLZ, 8, 0) == 8);
    assert_true(isa_evaluate_unary(ISA_OP_CLZ, 8, 1) == 7);
    assert_true(isa_evaluate_unary(ISA_OP_CLZ, 8, 0x80) == 0);
    assert_true(isa_evaluate_unary(ISA_OP_CTZ, 8, 0) == 8);
    assert_true(isa_evaluate_unary(ISA_OP_CTZ, 8, 0x80) == 7);
    assert_true(isa_evaluate_unary(ISA_OP_POPCOUNT, 64, ~(isa_bits)0 >> 64) == 64);
    assert_true(isa_evaluate_unary(ISA_OP_POPCOUNT, 1, 1) == 1);
    assert_true(isa_evaluate_unary(ISA_OP_REVERSE_BYTES, 16, 0x1234) == 0x3412);
    assert_true(isa_evaluate_unary(ISA_OP_REVERSE_BYTES, 128, 1) == (isa_bits)1 << 120);
    assert_true(isa_evaluate_unary(ISA_OP_NEG, 8, 1) == 255);
    assert_true(isa_evaluate_unary(ISA_OP_INVERT, 8, 1) == 254);
    assert_true(isa_evaluate_unary(ISA_OP_NOT, ISA_BOOL, 1) == 0);
}

static struct isa_number make(int64_t value)
{
    isa_bits magnitude = value < 0 ? -(isa_bits)value : (isa_bits)value;
    return (struct isa_number){ .magnitude = magnitude, .negative = value < 0 };
}

static void numbers_fit_unsigned_or_if_negative_signed(void **state)
{
    (void)state;
    isa_bits bits;
    assert_true(isa_number_fits(make(255), 8, &bits));
    assert_false(isa_number_fits(make(256), 8, &bits));
    assert_true(isa_number_fits(make(-128), 8, &bits));
    assert_true(bits == 0x80);
    assert_false(isa_number_fits(make(-129), 8, &bits));
    assert_true(isa_number_fits(make(-1), 1, &bits));
    assert_true(bits == 1);
    assert_false(isa_number_fits(make(2), 1, &bits));
    assert_true(isa_number_fits(make(-1), 128, &bits));
    assert_true(bits == ~(isa_bits)0);
}

static void expect_number(enum isa_op op, int64_t a, int64_t b, int64_t result)
{
    struct isa_number found;
    assert_true(isa_number_binary(op, make(a), make(b), &found));
    assert_int_equal(isa_number_compare(found, make(result)), 0);
}

static void numbers_have_signs_and_no_width(void **state)
{
    (void)state;
    expect_number(ISA_OP_ADD, 5, -7, -2);
    expect_number(ISA_OP_SUB, -5, -7, 2);
    expect_number(ISA_OP_MUL, -5, 7, -35);
    expect_number(ISA_OP_SHL, 1, 40, (int64_t)1 << 40);
    expect_number(ISA_OP_SHRU, 256, 4, 16);
    expect_number(ISA_OP_DIVU, 7, 2, 3);
    expect_number(ISA_OP_REMU, 7, 2, 1);
    expect_number(ISA_OP_AND, 6, 3, 2);
    struct isa_number found;
    assert_true(isa_number_invert(make(0), &found));
    assert_int_equal(isa_number_compare(found, make(-1)), 0);
    assert_true(isa_number_invert(make(-1), &found));
    assert_int_equal(isa_number_compare(found, make(0)), 0);
    assert_false(found.negative);
}

static void numbers_without_a_value_are_refused(void **state)
{
    (void)state;
    struct isa_number found, most = { .magnitude = ~(isa_bits)0 };
    assert_false(isa_number_binary(ISA_OP_ADD, most, make(1), &found));
    assert_false(isa_number_binary(ISA_OP_MUL, most, make(2), &found));
    assert_false(isa_number_binary(ISA_OP_SHL, make(1), make(128), &found));
    assert_true(isa_number_binary(ISA_OP_SHL, make(1), make(127), &found));
    assert_false(isa_number_binary(ISA_OP_SHL, make(1), make(-1), &found));
    assert_false(isa_number_binary(ISA_OP_DIVU, make(1), make(0), &found));
    assert_false(isa_number_binary(ISA_OP_AND, make(-1), make(1), &found));
    assert_false(isa_number_binary(ISA_OP_DIVS, make(1), make(1), &found));
}

static void numbers_print_in_the_base_that_reads_best(void **state)
{
    (void)state;
    char text[ISA_NUMBER_TEXT];
    assert_string_equal(isa_number_text(make(0), text), "0");
    assert_string_equal(isa_number_text(make(-65535), text), "-65535");
    assert_string_equal(isa_number_text(make(65536), text), "0x10000");
    struct isa_number big = { .magnitude = wide(1, 2) };
    assert_string_equal(isa_number_text(big, text), "0x10000000000000002");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_wrap),
        cmocka_unit_test(division_is_total),
        cmocka_unit_test(signed_division_rounds_to_zero),
        cmocka_unit_test(shifts_beyond_the_width_give_zeros_or_the_sign),
        cmocka_unit_test(comparisons_read_their_operands_as_they_say),
        cmocka_unit_test(counts_know_their_width),
        cmocka_unit_test(numbers_fit_unsigned_or_if_negative_signed),
        cmocka_unit_test(numbers_have_signs_and_no_width),
        cmocka_unit_test(numbers_without_a_value_are_refused),
        cmocka_unit_test(numbers_print_in_the_base_that_reads_best),
    };
    return cmocka_run_group_tests_name("isa_evaluate", tests, NULL, NULL);
}
