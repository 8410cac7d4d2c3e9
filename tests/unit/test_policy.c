/* SPDX-License-Identifier: Apache-2.0 */
#include "board/policy.h"
#include "board/secure_kernel_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *text, struct policy *policy, struct error *error)
{
    return policy_parse("p", text, strlen(text), policy, error);
}

static struct policy parsed(const char *text)
{
    struct policy policy;
    struct error error = { "" };
    bool done = parse(text, &policy, &error);
    assert_string_equal(error.text, "");
    assert_true(done);
    return policy;
}

static void assert_refused(const char *text, const char *message)
{
    struct policy policy;
    struct error error = { "" };
    assert_false(parse(text, &policy, &error));
    assert_string_equal(error.text, message);
}

static void an_empty_policy_is_the_default(void **state)
{
    (void)state;
    struct policy expected;
    policy_default(&expected);
    const char *const texts[] = { "", "\n", "# nothing\n\n  \t# here\r\n" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct policy policy = parsed(texts[i]);
        assert_int_equal(policy.permissions, expected.permissions);
        assert_int_equal(policy.pins, expected.pins);
    }
    assert_int_equal(expected.permissions & SECURE_KERNEL_ENFORCE, SECURE_KERNEL_ENFORCE);
    assert_int_equal(expected.permissions & SECURE_KERNEL_TRACING, 0);
    assert_int_equal(expected.pins, 0x1f);
}

static void each_rule_changes_its_own_permission(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint32_t cleared;
    } cases[] = {
        { "mode observe", SECURE_KERNEL_ENFORCE },
        { "modules none # all is built in", SECURE_KERNEL_MODULES },
        { "\tbpf\tnone\r\n", SECURE_KERNEL_BPF },
        { "static-keys none\n", SECURE_KERNEL_STATIC_KEYS },
        { "mode enforce\nmodules any\nbpf any\nstatic-keys table", 0 },
    };
    struct policy all;
    policy_default(&all);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parsed(cases[i].text).permissions, all.permissions & ~cases[i].cleared);
    }
}

static void tracing_is_allowed_by_name_only(void **state)
{
    (void)state;
    struct policy all;
    policy_default(&all);
    assert_int_equal(parsed("tracing allow").permissions, all.permissions | SECURE_KERNEL_TRACING);
    assert_int_equal(parsed("tracing refuse").permissions, all.permissions);
    assert_refused("tracing any", "p:1: tracing any: write tracing allow or tracing refuse");
}

static void pins_are_chosen_by_name(void **state)
{
    (void)state;
    assert_int_equal(parsed("pin none").pins, 0);
    assert_int_equal(parsed("pin all").pins, 0x1f);
    assert_int_equal(parsed("pin stvec satp").pins, SECURE_KERNEL_PIN_STVEC | SECURE_KERNEL_PIN_SATP);
    assert_int_equal(parsed("pin satp stvec sstatus senvcfg scounteren").pins, 0x1f);
}

static void each_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    assert_refused("\nmods any", "p:2: mods is no rule: write mode, modules, bpf, static-keys, tracing or pin");
    assert_refused("mode\n", "p:1: mode takes one word: see the manual's page on the secure kernel");
    assert_refused("mode enforce now", "p:1: mode takes one word: see the manual's page on the secure kernel");
    assert_refused("mode strict", "p:1: mode strict: write mode enforce or mode observe");
    assert_refused("mode observe\n\nmode observe", "p:3: there is a rule for mode already: leave one of them out");
    assert_refused("pin", "p:1: pin takes registers: see the manual's page on the secure kernel");
    const char *pins = "p:1: pin all: write pin all, pin none, or registers of satp stvec sstatus senvcfg scounteren";
    assert_refused("pin all stvec", pins);
    assert_refused("pin a b c d e f g h", "p:1: a rule has at most 8 words: begin a new line for the next one");
    assert_refused("\x1b[2J any", "p:1: ?[2J is no rule: write mode, modules, bpf, static-keys, tracing or pin");
}

static void what_is_shown_of_a_long_word_is_short(void **state)
{
    (void)state;
    assert_refused("mode aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                   "p:1: mode aaaaaaaaaaaaaaaaaaaaaaa: write mode enforce or mode observe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_policy_is_the_default),     cmocka_unit_test(each_rule_changes_its_own_permission),
        cmocka_unit_test(tracing_is_allowed_by_name_only),    cmocka_unit_test(pins_are_chosen_by_name),
        cmocka_unit_test(each_mistake_is_told_with_its_line), cmocka_unit_test(what_is_shown_of_a_long_word_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
