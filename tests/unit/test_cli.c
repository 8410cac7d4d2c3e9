/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of the command line, argument by argument. What users see of them is in tests/cli. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/option.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* argv is not const, and is never written through. */
#define WORD(text) ((char *)(uintptr_t)(text))

static void counts_are_decimal_or_hexadecimal(void **state)
{
    (void)state;
    uint64_t value = 99;
    assert_true(cli_parse_count("0", &value));
    assert_int_equal(value, 0);
    assert_true(cli_parse_count("18446744073709551615", &value));
    assert_int_equal(value, UINT64_MAX);
    assert_true(cli_parse_count("0x1F", &value));
    assert_int_equal(value, 31);
    static const char *const wrong[] = { "", " 1", "1 ", "+1", "-1", "0x", "1k", "18446744073709551616", "0x-1" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(cli_parse_count(wrong[i], &value));
        assert_int_equal(value, 31);
    }
}

static void sizes_take_powers_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } right[] = { { "1", 1 },
                  { "1K", 1024 },
                  { "1k", 1024 },
                  { "512M", 512 << 20 },
                  { "1MiB", 1 << 20 },
                  { "1MB", 1 << 20 },
                  { "2G", UINT64_C(2) << 30 },
                  { "16777215T", UINT64_C(16777215) << 40 } };
    uint64_t value;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(cli_parse_size(right[i].text, &value));
        assert_int_equal(value, right[i].value);
    }
    static const char *const wrong[] = { "", "M", "1X", "1MM", "1.5G", "-1M", "1 M", "16777216T" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(cli_parse_size(wrong[i], &value));
    }
}

static void seconds_take_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } right[] = { { "1", 1000000000 }, { "0.5", 500000000 }, { "2.25s", 2250000000 }, { "0.0000000019", 1 } };
    uint64_t value;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(cli_parse_seconds(right[i].text, &value));
        assert_int_equal(value, right[i].value);
    }
    static const char *const wrong[] = { "", ".5", "1.", "1m", "-1", "1e3", "0x10", "18446744073709551615" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(cli_parse_seconds(wrong[i], &value));
    }
}

static void near_words_are_found_and_far_ones_not(void **state)
{
    (void)state;
    static const char *const words[] = { "memory", "kernel", "net", "cpu", "cpus", NULL };
    assert_string_equal(cli_nearest("memroy", words), "memory");
    assert_string_equal(cli_nearest("kernal", words), "kernel");
    assert_string_equal(cli_nearest("nett", words), "net");
    assert_string_equal(cli_nearest("cpus", words), "cpus");
    assert_null(cli_nearest("frobnicate", words));
    assert_null(cli_nearest("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", words));
}

static bool parse_run(char **arguments, unsigned count, struct cli_run_values *values, struct cli_parsed *parsed)
{
    return cli_parse(cli_command_find("run"), arguments, count, values, parsed);
}

static void options_fill_the_value_structure(void **state)
{
    (void)state;
    struct cli_run_values values;
    struct cli_parsed parsed;
    char *arguments[] = { WORD("--kernel"),   WORD("Image"),       WORD("--memory=1G"), WORD("--cpus"),
                          WORD("4"),          WORD("--disk"),      WORD("a"),           WORD("--disk"),
                          WORD("b,readonly"), WORD("--no-reboot"), WORD("--append"),    WORD("--verbose x") };
    assert_true(parse_run(arguments, sizeof arguments / sizeof arguments[0], &values, &parsed));
    assert_string_equal(values.kernel, "Image");
    assert_int_equal(values.memory, 1 << 30);
    assert_int_equal(values.cpus, 4);
    assert_int_equal(values.disks.count, 2);
    assert_string_equal(values.disks.items[1], "b,readonly");
    assert_true(values.no_reboot);
    assert_string_equal(values.append, "--verbose x");
    assert_string_equal(values.net, "none"); /* defaults */
    assert_string_equal(values.console, "stdio");
    assert_null(values.initrd);
}

static void operands_stand_anywhere_and_two_dashes_end_options(void **state)
{
    (void)state;
    struct cli_disassemble_values values;
    struct cli_parsed parsed;
    char *first[] = { WORD("file"), WORD("--base"), WORD("16") };
    assert_true(cli_parse(cli_command_find("disassemble"), first, 3, &values, &parsed));
    assert_int_equal(parsed.operand_count, 1);
    assert_string_equal(parsed.operands[0], "file");
    assert_int_equal(values.base, 16);
    char *second[] = { WORD("--"), WORD("--base") };
    assert_true(cli_parse(cli_command_find("disassemble"), second, 2, &values, &parsed));
    assert_string_equal(parsed.operands[0], "--base");
    char *third[] = { WORD("-") };
    assert_true(cli_parse(cli_command_find("disassemble"), third, 1, &values, &parsed));
    assert_string_equal(parsed.operands[0], "-");
}

static void ranges_are_told_as_a_user_writes_them(void **state)
{
    (void)state;
    static const struct {
        struct cli_option option;
        const char *text; /* NULL: it has none */
    } cases[] = {
        { { .type = CLI_COUNT, .low = 1, .high = 128 }, "1 to 128" },
        { { .type = CLI_COUNT, .low = 0, .high = 4 }, "0 to 4" },
        { { .type = CLI_COUNT, .low = 0, .high = UINT64_MAX }, NULL },
        { { .type = CLI_SIZE, .low = 1 << 20, .high = UINT64_MAX }, "at least 1M" },
        { { .type = CLI_SIZE, .low = 1023, .high = 1 << 30 }, "1023 to 1G" },
        { { .type = CLI_SECONDS, .low = 1000000, .high = UINT64_C(1000000000) * 1000000000 }, "0.001 to 1000000000" },
        { { .type = CLI_TEXT, .low = 1, .high = 2 }, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        assert_int_equal(cli_has_range(&cases[i].option), cases[i].text != NULL);
        if (cases[i].text != NULL) {
            cli_describe_range(&cases[i].option, text, sizeof text);
            assert_string_equal(text, cases[i].text);
        }
    }
}

static void the_table_is_in_order(void **state)
{
    (void)state;
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        alignas(max_align_t) char values[CLI_VALUES_SIZE];
        struct cli_parsed parsed;
        assert_true(command->values_size <= sizeof values);
        assert_ptr_equal(cli_command_find(command->name), command);
        char *arguments[] = { WORD("operand") };
        unsigned count = command->operand_low;
        assert_true(count <= 1);
        assert_true(cli_parse(command, arguments, count, values, &parsed)); /* the defaults are in their ranges */
        for (const struct cli_option *option = command->options; option->name != NULL; option++) {
            assert_true((option->argument == NULL) == (option->type == CLI_FLAG));
            assert_true(option->help[strlen(option->help) - 1] == '.');
            for (const struct cli_option *other = command->options; other < option; other++) {
                assert_string_not_equal(option->name, other->name);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_decimal_or_hexadecimal),
        cmocka_unit_test(sizes_take_powers_of_1024),
        cmocka_unit_test(seconds_take_fractions),
        cmocka_unit_test(near_words_are_found_and_far_ones_not),
        cmocka_unit_test(options_fill_the_value_structure),
        cmocka_unit_test(operands_stand_anywhere_and_two_dashes_end_options),
        cmocka_unit_test(ranges_are_told_as_a_user_writes_them),
        cmocka_unit_test(the_table_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
