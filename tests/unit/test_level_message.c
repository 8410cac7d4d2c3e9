/* SPDX-License-Identifier: Apache-2.0 */
#include "board/level_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct symbols *some_symbols(void)
{
    struct symbols *symbols = symbols_create();
    assert_true(symbols_add(symbols, 0xffffffff80002000, 'T', "_text", 5));
    assert_true(symbols_add(symbols, 0xffffffff8003aeda, 'T', "sys_umask", 9));
    assert_true(symbols_add(symbols, 0xffffffff90000000, 'B', "_end", 4));
    symbols_finish(symbols);
    return symbols;
}

static void assert_shown(const struct symbols *symbols, const char *text, const char *expected)
{
    char line[LEVEL_MESSAGE_SIZE];
    level_message(symbols, (const uint8_t *)text, strlen(text), line);
    assert_string_equal(line, expected);
}

static void an_address_in_the_kernel_gets_its_name(void **state)
{
    (void)state;
    struct symbols *symbols = some_symbols();
    assert_shown(symbols, "wrote 0xffffffff8003aedc by 0xffffffff8003aed9\n", "wrote sys_umask+0x2 by _text+0x38ed9");
    assert_shown(symbols, "0xffffffff80002000", "_text+0x0");
    symbols_free(symbols);
}

static void other_numbers_stay(void **state)
{
    (void)state;
    struct symbols *symbols = some_symbols();
    const char *const texts[] = { "0x",
                                  "0xg",
                                  "at 0x9ffff000",
                                  "0xffffffff80001fff",
                                  "0x0ffffffff8003aeda",
                                  "0xfffffffff8003aeda",
                                  "-1 0 x",
                                  "0xffffffff8f000000" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_shown(symbols, texts[i], texts[i]);
    }
    symbols_free(symbols);
    assert_shown(NULL, "0xffffffff8003aedc", "0xffffffff8003aedc");
}

static void what_a_terminal_would_obey_is_not_shown(void **state)
{
    (void)state;
    assert_shown(NULL, "a\x1b[2Jb\nc\x7f\xff\n", "a?[2Jb?c??");
    assert_shown(NULL, "\n", "");
    assert_shown(NULL, "", "");
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    char text[2 * LEVEL_MESSAGE_SIZE], line[LEVEL_MESSAGE_SIZE];
    memset(text, 'x', sizeof text);
    const size_t sizes[] = { LEVEL_MESSAGE_SIZE - 2, LEVEL_MESSAGE_SIZE - 1, LEVEL_MESSAGE_SIZE, sizeof text };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        level_message(NULL, (const uint8_t *)text, sizes[i], line);
        assert_int_equal(strlen(line), sizes[i] < LEVEL_MESSAGE_SIZE ? sizes[i] : LEVEL_MESSAGE_SIZE - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_in_the_kernel_gets_its_name),
        cmocka_unit_test(other_numbers_stay),
        cmocka_unit_test(what_a_terminal_would_obey_is_not_shown),
        cmocka_unit_test(a_long_line_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
