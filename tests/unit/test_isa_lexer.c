/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the description language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "isa/lexer.h"

#include <string.h>

struct fixture {
    struct isa_arena *arena;
    struct isa_diagnostics diagnostics;
    struct isa_lexer lexer;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.arena = isa_arena_new();
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    isa_arena_free(fixture->arena);
    return 0;
}

static void start_bytes(struct fixture *fixture, const char *text, size_t size)
{
    isa_diagnostics_clear(&fixture->diagnostics);
    isa_lexer_start(&fixture->lexer, fixture->arena, &fixture->diagnostics, "test.isa", text, size);
}

static void start(struct fixture *fixture, const char *text)
{
    start_bytes(fixture, text, strlen(text));
}

static struct isa_token expect(struct fixture *fixture, enum isa_token_kind kind)
{
    struct isa_token token = isa_lexer_next(&fixture->lexer);
    assert_int_equal(token.kind, kind);
    return token;
}

static void expect_name(struct fixture *fixture, const char *name)
{
    assert_string_equal(expect(fixture, ISA_TOKEN_NAME).text, name);
}

/* One character per token: n name, # number, " string, / end of line, > indent, < dedent, ! error, . else. */
static void expect_shape(struct fixture *fixture, const char *text, const char *shape)
{
    char found[200];
    size_t length = 0;
    start(fixture, text);
    for (;;) {
        struct isa_token token = isa_lexer_next(&fixture->lexer);
        if (token.kind == ISA_TOKEN_END) {
            break;
        }
        assert_true(length + 1 < sizeof found);
        found[length++] = token.kind == ISA_TOKEN_NAME      ? 'n'
                          : token.kind == ISA_TOKEN_NUMBER  ? '#'
                          : token.kind == ISA_TOKEN_STRING  ? '"'
                          : token.kind == ISA_TOKEN_NEWLINE ? '/'
                          : token.kind == ISA_TOKEN_INDENT  ? '>'
                          : token.kind == ISA_TOKEN_DEDENT  ? '<'
                          : token.kind == ISA_TOKEN_ERROR   ? '!'
                                                            : '.';
    }
    found[length] = '\0';
    assert_string_equal(found, shape);
}

static void an_empty_text_has_no_tokens(void **state)
{
    expect_shape(*state, "", "");
    expect_shape(*state, "\n\n   \n# comment\n  # comment", "");
}

static void indentation_makes_blocks(void **state)
{
    expect_shape(*state, "a\n  b\n  c\n    d\ne\n", "n/>n/n/>n/<<n/");
    expect_shape(*state, "a\n  b\n    c", "n/>n/>n/<<");
    expect_shape(*state, "a\n  b\n\n# c\n  d\n", "n/>n/n/<");
}

static void a_missing_final_newline_does_not_matter(void **state)
{
    expect_shape(*state, "a b", "nn/");
    expect_shape(*state, "a b\n", "nn/");
    expect_shape(*state, "a b # c", "nn/");
    expect_shape(*state, "a b\r\nc\r\n", "nn/n/");
}

static void a_line_continues_while_a_bracket_is_open(void **state)
{
    expect_shape(*state, "a (b,\n      c\n  )\nd\n", "n.n.n./n/");
    expect_shape(*state, "a [b\n # c\n\n ]\n", "n.n./");
}

static void a_bracket_left_open_ends_at_the_left_margin(void **state)
{
    struct fixture *fixture = *state;
    expect_shape(fixture, "a (b\nc\n", "n.n!/n/");
    assert_int_equal(fixture->diagnostics.count, 1);
    assert_int_equal(fixture->diagnostics.items[0].line, 1);
    assert_int_equal(fixture->diagnostics.items[0].column, 3);
    expect_shape(fixture, "a (b", "n.n!/");
}

static void places_are_lines_and_columns_from_one(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "a\n  bc d\n");
    struct isa_token token = expect(fixture, ISA_TOKEN_NAME);
    assert_int_equal(token.place.line, 1);
    assert_int_equal(token.place.column, 1);
    expect(fixture, ISA_TOKEN_NEWLINE);
    expect(fixture, ISA_TOKEN_INDENT);
    token = expect(fixture, ISA_TOKEN_NAME);
    assert_int_equal(token.place.line, 2);
    assert_int_equal(token.place.column, 3);
    assert_int_equal(expect(fixture, ISA_TOKEN_NAME).place.column, 6);
    assert_string_equal(token.place.file, "test.isa");
}

static isa_bits number(struct fixture *fixture, const char *text, unsigned bits)
{
    start(fixture, text);
    struct isa_token token = expect(fixture, ISA_TOKEN_NUMBER);
    assert_int_equal(token.bits, bits);
    return token.value;
}

static void numbers_have_three_bases(void **state)
{
    assert_true(number(*state, "42", 0) == 42);
    assert_true(number(*state, "0", 0) == 0);
    assert_true(number(*state, "0x2a", 8) == 42);
    assert_true(number(*state, "0xA_b", 8) == 0xab);
    assert_true(number(*state, "0b10_1010", 6) == 42);
    assert_true(number(*state, "0b000", 3) == 0);
}

static void numbers_end_at_128_bits(void **state)
{
    struct fixture *fixture = *state;
    isa_bits all = ~(isa_bits)0;
    assert_true(number(fixture, "0xffffffffffffffffffffffffffffffff", 128) == all);
    assert_true(number(fixture, "340282366920938463463374607431768211455", 0) == all);
    start(fixture, "340282366920938463463374607431768211456");
    expect(fixture, ISA_TOKEN_ERROR);
    start(fixture, "0x100000000000000000000000000000000");
    expect(fixture, ISA_TOKEN_ERROR);
    assert_int_equal(fixture->diagnostics.count, 1);
}

static void numbers_with_other_digits_are_refused(void **state)
{
    static const char *const bad[] = { "1a", "0b2", "0xg", "0x", "0b", "0b_" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start(*state, bad[i]);
        expect(*state, ISA_TOKEN_ERROR);
    }
}

static void names_are_words(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "a_1 _x fcvt.w");
    expect_name(fixture, "a_1");
    expect_name(fixture, "_x");
    expect_name(fixture, "fcvt");
    expect(fixture, ISA_TOKEN_DOT);
    expect_name(fixture, "w");
}

static void a_name_has_at_most_80_characters(void **state)
{
    char text[82];
    memset(text, 'a', sizeof text);
    start_bytes(*state, text, 80);
    expect(*state, ISA_TOKEN_NAME);
    start_bytes(*state, text, 81);
    expect(*state, ISA_TOKEN_ERROR);
}

static void strings_stay_on_one_line(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, "\"a b\" \"\"");
    assert_string_equal(expect(fixture, ISA_TOKEN_STRING).text, "a b");
    assert_string_equal(expect(fixture, ISA_TOKEN_STRING).text, "");
    start(fixture, "\"a\nb\"");
    expect(fixture, ISA_TOKEN_ERROR);
    start(fixture, "\"a");
    expect(fixture, ISA_TOKEN_ERROR);
}

static void operators_say_how_they_read(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        enum isa_op op;
    } operators[] = {
        { "<u", ISA_OP_LTU },  { "<=u", ISA_OP_LEU }, { ">u", ISA_OP_GTU },   { ">=u", ISA_OP_GEU },
        { "<s", ISA_OP_LTS },  { "<=s", ISA_OP_LES }, { ">s", ISA_OP_GTS },   { ">=s", ISA_OP_GES },
        { "<<", ISA_OP_SHL },  { "/u", ISA_OP_DIVU }, { "/s", ISA_OP_DIVS },  { ">>u", ISA_OP_SHRU },
        { "%u", ISA_OP_REMU }, { "%s", ISA_OP_REMS }, { ">>s", ISA_OP_SHRS }, { "==", ISA_OP_EQ },
        { "!=", ISA_OP_NE },
    };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        start(fixture, operators[i].text);
        assert_int_equal(expect(fixture, ISA_TOKEN_OPERATOR).op, operators[i].op);
        expect(fixture, ISA_TOKEN_NEWLINE);
    }
    /* The letter belongs to the operator only if it ends there. */
    start(fixture, "a <unsigned");
    expect(fixture, ISA_TOKEN_NAME);
    expect(fixture, ISA_TOKEN_ERROR);
    expect_name(fixture, "unsigned");
}

static void a_nul_byte_is_an_error_and_no_end(void **state)
{
    start_bytes(*state, "a\0b", 3);
    expect(*state, ISA_TOKEN_NAME);
    expect(*state, ISA_TOKEN_ERROR);
    expect(*state, ISA_TOKEN_NAME);
    start_bytes(*state, "\"a\0b\"", 5);
    expect(*state, ISA_TOKEN_ERROR);
}

static void blocks_nest_to_a_limit(void **state)
{
    struct fixture *fixture = *state;
    static char text[ISA_INDENT_LIMIT * ISA_INDENT_LIMIT + 4 * ISA_INDENT_LIMIT];
    size_t length = 0;
    for (unsigned depth = 0; depth <= ISA_INDENT_LIMIT; depth++) {
        memset(text + length, ' ', depth);
        length += depth;
        text[length++] = 'a';
        text[length++] = '\n';
    }
    start_bytes(fixture, text, length);
    unsigned indents = 0, dedents = 0, errors = 0;
    struct isa_token token;
    do {
        token = isa_lexer_next(&fixture->lexer);
        indents += token.kind == ISA_TOKEN_INDENT;
        dedents += token.kind == ISA_TOKEN_DEDENT;
        errors += token.kind == ISA_TOKEN_ERROR;
    } while (token.kind != ISA_TOKEN_END);
    assert_int_equal(indents, ISA_INDENT_LIMIT - 1);
    assert_int_equal(dedents, indents);
    assert_int_equal(errors, 1);
}

static void a_fragment_counts_columns_from_its_place(void **state)
{
    struct fixture *fixture = *state;
    struct isa_place place = { .file = "test.isa", .line = 7, .column = 20 };
    isa_diagnostics_clear(&fixture->diagnostics);
    isa_lexer_start_fragment(&fixture->lexer, fixture->arena, &fixture->diagnostics, place, "  x[rd]", 7);
    struct isa_token token = expect(fixture, ISA_TOKEN_NAME);
    assert_int_equal(token.place.line, 7);
    assert_int_equal(token.place.column, 22);
    expect(fixture, ISA_TOKEN_LEFT_BRACKET);
    expect(fixture, ISA_TOKEN_NAME);
    expect(fixture, ISA_TOKEN_RIGHT_BRACKET);
    expect(fixture, ISA_TOKEN_END);
    expect(fixture, ISA_TOKEN_END);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_text_has_no_tokens),
        TEST(indentation_makes_blocks),
        TEST(a_missing_final_newline_does_not_matter),
        TEST(a_line_continues_while_a_bracket_is_open),
        TEST(a_bracket_left_open_ends_at_the_left_margin),
        TEST(places_are_lines_and_columns_from_one),
        TEST(numbers_have_three_bases),
        TEST(numbers_end_at_128_bits),
        TEST(numbers_with_other_digits_are_refused),
        TEST(names_are_words),
        TEST(a_name_has_at_most_80_characters),
        TEST(strings_stay_on_one_line),
        TEST(operators_say_how_they_read),
        TEST(a_nul_byte_is_an_error_and_no_end),
        TEST(blocks_nest_to_a_limit),
        TEST(a_fragment_counts_columns_from_its_place),
    };
    return cmocka_run_group_tests_name("isa_lexer", tests, NULL, NULL);
}
