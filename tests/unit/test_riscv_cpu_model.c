/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: what --cpu accepts, what it makes of it, and what it says otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/riscv/cpu_model.h"

#include "riscv_decode.h"

#include <string.h>

static struct riscv_features parsed(const char *text)
{
    struct riscv_features features;
    struct error error = { "" };
    if (!riscv_cpu_model_parse(text, &features, &error)) {
        fail_msg("%s: %s", text, error.text);
    }
    for (unsigned i = 0; i < RISCV_EXT_COUNT; i++) {
        enum riscv_extension extension = (enum riscv_extension)i;
        assert_true(!riscv_has(&features, extension) || riscv_extension_needs_met(&features, extension));
    }
    return features;
}

static bool has(const char *text, enum riscv_extension extension)
{
    struct riscv_features features = parsed(text);
    return riscv_has(&features, extension);
}

static void expect_refused(const char *text, const char *part_of_message)
{
    struct riscv_features features = { { 1, 2 } };
    struct error error = { "" };
    assert_false(riscv_cpu_model_parse(text, &features, &error));
    if (strstr(error.text, part_of_message) == NULL) {
        fail_msg("'%s' is refused with '%s', which does not say '%s'", text, error.text, part_of_message);
    }
    assert_true(features.bits[0] == 1 && features.bits[1] == 2);
}

static void models_are_consistent_and_grow(void **state)
{
    (void)state;
    struct riscv_features small = parsed("rv64gc"), medium = parsed("rva22"), large = parsed("max");
    assert_true((small.bits[0] & ~medium.bits[0]) == 0 && (small.bits[1] & ~medium.bits[1]) == 0);
    assert_true(riscv_has(&small, RISCV_EXT_ZCD) && riscv_has(&small, RISCV_EXT_ZAAMO));
    assert_false(riscv_has(&small, RISCV_EXT_ZBA));
    assert_true(riscv_has(&medium, RISCV_EXT_ZBA) && riscv_has(&medium, RISCV_EXT_SVADE));
    for (unsigned i = 0; i < RISCV_EXT_COUNT; i++) {
        const bool by_name_only = i == RISCV_EXT_SVADE || i == RISCV_EXT_SMCSRIND || i == RISCV_EXT_SSCSRIND;
        assert_int_equal(riscv_has(&large, (enum riscv_extension)i), !by_name_only);
    }
}

static void changes_add_and_take_away(void **state)
{
    (void)state;
    assert_true(has("max,+smcsrind,+sscsrind", RISCV_EXT_SSCSRIND));
    assert_true(has("rv64gc,+zba", RISCV_EXT_ZBA));
    assert_false(has("max,-zba", RISCV_EXT_ZBA));
    assert_true(has("rv64gc,-zba,+zba", RISCV_EXT_ZBA));
    assert_false(has("rv64gc,+zba,-zba", RISCV_EXT_ZBA));
    assert_true(has("rv64gc,+zba,+zbb,+sv48", RISCV_EXT_ZBB));
    assert_true(has("max,-svadu,+svade", RISCV_EXT_SVADE));
}

static void parts_come_and_go_with_the_whole(void **state)
{
    (void)state;
    assert_false(has("max,-a", RISCV_EXT_ZAAMO));
    assert_true(has("max,-a,+zaamo", RISCV_EXT_ZAAMO));
    assert_true(has("max,-a,+zaamo", RISCV_EXT_ZACAS));
    assert_false(has("max,-a", RISCV_EXT_ZACAS));
    assert_true(has("rv64gc,+zfh", RISCV_EXT_ZFHMIN));
    assert_true(has("rv64gc,+b", RISCV_EXT_ZBS));
    assert_false(has("max,-b", RISCV_EXT_ZBA));
    assert_true(has("max,-b", RISCV_EXT_ZBC));
}

static void what_needs_a_removed_extension_goes_with_it(void **state)
{
    (void)state;
    assert_false(has("max,-f", RISCV_EXT_D));
    assert_false(has("max,-f", RISCV_EXT_ZCD));
    assert_true(has("max,-f", RISCV_EXT_C));
    assert_false(has("max,-c", RISCV_EXT_ZCB));
    assert_false(has("max,-s", RISCV_EXT_SV57));
    assert_true(has("max,-s", RISCV_EXT_U));
    assert_false(has("max,-sv39", RISCV_EXT_SVNAPOT));
}

static void what_was_asked_for_must_be_possible(void **state)
{
    (void)state;
    expect_refused("rv64gc,+d,-f", "d needs f; add +f");
    expect_refused("rv64gc,+sv57", "sv57 needs sv48; add +sv48");
    expect_refused("rv64gc,-zicsr,+sv39", "sv39 needs");
    expect_refused("max,-zaamo", "take -a");
    expect_refused("max,-zcd", "part of c");
    expect_refused("max,-i", "base instructions");
}

static void nonsense_is_named(void **state)
{
    (void)state;
    expect_refused("", "there is no CPU model ''");
    expect_refused("rv64g", "the models are");
    expect_refused("rv64gcx", "there is no CPU model 'rv64gcx'");
    expect_refused("MAX", "there is no CPU model");
    expect_refused("max,", "'' in the CPU model");
    expect_refused("max,,+zba", "'' in the CPU model");
    expect_refused("max,zba", "'zba' in the CPU model is no change");
    expect_refused("max,+", "'+' in the CPU model");
    expect_refused("max,+zzz", "there is no extension 'zzz'");
    expect_refused("max,+zb", "there is no extension 'zb'");
    expect_refused("max,+zba ", "there is no extension 'zba '");
    char longest[2000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect_refused(longest, "there is no CPU model 'xxx");
    memcpy(longest, "max,+", 5);
    expect_refused(longest, "there is no extension 'xxx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_consistent_and_grow),
        cmocka_unit_test(changes_add_and_take_away),
        cmocka_unit_test(parts_come_and_go_with_the_whole),
        cmocka_unit_test(what_needs_a_removed_extension_goes_with_it),
        cmocka_unit_test(what_was_asked_for_must_be_possible),
        cmocka_unit_test(nonsense_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
