/* SPDX-License-Identifier: Apache-2.0 */
/* Primitives that touch no memory: carry-less products, floating-point flags, fences. */
#include "test_riscv_fixture.h"

static int create(void **state)
{
    fixture_set_up(state, 1);
    return 0;
}

/* The product bit by bit, as the specification of clmul and clmulh writes it. */
static void multiply(uint64_t a, uint64_t b, uint64_t *low, uint64_t *high)
{
    *low = *high = 0;
    for (unsigned i = 0; i < 64; i++) {
        if ((b >> i & 1) != 0) {
            *low ^= a << i;
            *high ^= i > 0 ? a >> (64 - i) : 0;
        }
    }
}

static void carry_less_products_are_those_of_the_specification(void **state)
{
    (void)state;
    uint64_t values[64] = { 0, 1, 2, 3, UINT64_MAX, UINT64_C(1) << 63, INT64_MAX };
    uint64_t seed = 0x5eed;
    for (unsigned i = 7; i < 64; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        values[i] = seed;
    }
    for (unsigned i = 0; i < 64; i++) {
        for (unsigned k = 0; k < 64; k++) {
            uint64_t low, high;
            multiply(values[i], values[k], &low, &high);
            assert_true(riscv_clmul(values[i], values[k]) == low);
            assert_true(riscv_clmulh(values[i], values[k]) == high);
        }
    }
}

static void float_flags_accrue_beside_the_rounding_mode(void **state)
{
    struct riscv_cpu *cpu = ((struct fixture *)*state)->cpu;
    const uint32_t one = 0x3f800000, three = 0x40400000, zero = 0;
    cpu->state.csr.fcsr = 3 << 5;
    assert_int_equal(riscv_f32_add(cpu, one, one, FLOAT_RNE), 0x40000000);
    assert_int_equal(cpu->state.csr.fcsr, 3 << 5);
    riscv_f32_div(cpu, one, three, FLOAT_RNE);
    assert_int_equal(cpu->state.csr.fcsr, 3 << 5 | FLOAT_NX);
    riscv_f32_div(cpu, one, zero, FLOAT_RNE);
    assert_int_equal(cpu->state.csr.fcsr, 3 << 5 | FLOAT_NX | FLOAT_DZ);
    assert_int_equal(riscv_f32_class(0x7fc00000), FLOAT_CLASS_QUIET_NAN);
    assert_false(riscv_f32_lt(cpu, 0x7fc00000, one));
    assert_int_equal(cpu->state.csr.fcsr, 3 << 5 | FLOAT_NX | FLOAT_DZ | FLOAT_NV);
    assert_int_equal(riscv_f64_to_f32(cpu, UINT64_C(0x3ff0000000000001), FLOAT_RUP), 0x3f800001);
    assert_int_equal(riscv_f64_from_i32(cpu, UINT32_MAX, FLOAT_RNE) >> 32, 0xbff00000);
}

static void fence_i_makes_code_suspect(void **state)
{
    struct riscv_cpu *cpu = ((struct fixture *)*state)->cpu;
    uint64_t epoch = cpu->code_epoch;
    assert_true(epoch >= 1);
    riscv_fence_i(cpu);
    assert_true(cpu->code_epoch > epoch);
    for (unsigned sets = 0; sets < 256; sets++) {
        riscv_fence(cpu, (uint8_t)(sets & 15), (uint8_t)(sets >> 4)); /* every combination exists */
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(carry_less_products_are_those_of_the_specification),
        TEST(float_flags_accrue_beside_the_rounding_mode),
        TEST(fence_i_makes_code_suspect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
