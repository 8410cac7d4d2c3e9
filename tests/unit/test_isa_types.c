/* SPDX-License-Identifier: Apache-2.0 */
/* Widths of expressions: what each has, and what a literal takes from its context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "isa/evaluate.h"
#include "isa/read.h"

#include <string.h>

static const char *const prelude = "machine t \"T\" csr_missing illegal\n"
                                   "extension base \"Base\"\n"
                                   "mode M = 3 \"machine\"\n"
                                   "exception illegal = 2 \"Illegal\"\n"
                                   "register pc : bits(64) is program_counter\n"
                                   "register mode : bits(2) is mode\n"
                                   "register x[8] : bits(64) zero 0\n"
                                   "register w : bits(32)\n"
                                   "register q : bits(128)\n"
                                   "constant SIX = 2 * 3\n"
                                   "constant NAN : bits(32) = 0x7fc0_0000\n"
                                   "primitive f(a: bits(8), b: bool) -> bits(16) pure\n"
                                   "csr s 0x1 \"S\"\n"
                                   "    field A 3:1\n"
                                   "    field B 0\n"
                                   "csr narrow : bits(32) 0x2 \"T\"\n"
                                   "    field A 31:0\n"
                                   "format F 32 imm[11:0] a[4:0] b[4:0] 0b000 op[6:0]\n"
                                   "instruction i F(op = 1) in base\n";

static struct isa_diagnostics diagnostics;

static struct isa_machine *read_body(const char *body)
{
    char text[4000];
    int length = snprintf(text, sizeof text, "%s%s", prelude, body);
    assert_true(length > 0 && (size_t)length < sizeof text);
    return isa_read_text("test.isa", text, (size_t)length, &diagnostics);
}

/* The value of `let t = EXPRESSION`, which is read by a statement that takes any width. */
static void expect_width(const char *expression, unsigned width)
{
    char body[500];
    snprintf(body, sizeof body, "    let t = %s\n    if t == t\n        w = 0\n", expression);
    struct isa_machine *machine = read_body(body);
    if (machine == NULL) {
        fail_msg("%s: %s", expression, diagnostics.items[0].text);
        return;
    }
    const struct isa_stmt *let = machine->instructions->body;
    assert_int_equal(let->kind, ISA_STMT_LOCAL);
    if (let->value->width != width || let->local->width != width) {
        fail_msg("%s has width %u, not %u", expression, let->value->width, width);
    }
    isa_free(machine);
}

static void expect_error(const char *body, const char *part)
{
    struct isa_machine *machine = read_body(body);
    if (machine != NULL) {
        fail_msg("%s is taken as good", body);
    }
    if (strstr(diagnostics.items[0].text, part) == NULL) {
        fail_msg("%s: %s", body, diagnostics.items[0].text);
    }
}

static void names_have_their_declared_width(void **state)
{
    (void)state;
    expect_width("x[a]", 64);
    expect_width("w", 32);
    expect_width("q", 128);
    expect_width("mode", 2);
    expect_width("M", 2);
    expect_width("pc", 64);
    expect_width("next_pc", 64);
    expect_width("encoding", 32);
    expect_width("imm", 12);
    expect_width("s", 64);
    expect_width("s.A", 3);
    expect_width("s.B", 1);
    expect_width("narrow", 32);
    expect_width("NAN", 32);
}

static void operators_keep_or_change_the_width(void **state)
{
    (void)state;
    expect_width("x[a] + 1", 64);
    expect_width("1 + x[a]", 64);
    expect_width("-w", 32);
    expect_width("~w & 0xff", 32);
    expect_width("w << 5", 32);
    expect_width("w << x[a]", 32);
    expect_width("w == 5", ISA_BOOL);
    expect_width("SIX == 6", ISA_BOOL);
    expect_width("w <u 5 and not (w == 0)", ISA_BOOL);
    expect_width("if w == 0 then w else 5", 32);
    expect_width("if w == 0 then 5 else w", 32);
    expect_width("x[a][31:0]", 32);
    expect_width("x[a][SIX:SIX]", 1);
    expect_width("x[a][63]", 1);
    expect_width("x[a][b]", 1);
    expect_width("(w + 1)[7:0]", 8);
}

static void builtins_have_the_width_they_say(void **state)
{
    (void)state;
    expect_width("sext(imm, 32)", 32);
    expect_width("zext(imm, 12)", 12);
    expect_width("cat(imm, a, 0b00, 0xf)", 23);
    expect_width("cat(x[a], x[b])", 128);
    expect_width("ones(5)", 5);
    expect_width("bit(w == 0)", 1);
    expect_width("popcount(w)", 32);
    expect_width("clz(x[a])", 64);
    expect_width("reverse_bytes(w)", 32);
    expect_width("has(base)", ISA_BOOL);
    expect_width("f(5, true)", 16);
    expect_width("csr_read(5)", 64);
}

static void extensions_take_the_width_of_their_context(void **state)
{
    (void)state;
    expect_width("x[a] + sext(imm)", 64);
    expect_width("sext(imm) + x[a]", 64);
    expect_width("w ^ zext(bit(w == 0))", 32);
    expect_width("if a == 0 then sext(imm) else x[a]", 64);
    expect_width("x[a] == sext(imm)", ISA_BOOL);
    expect_error("    let t = sext(imm)\n    w = t\n", "how wide the result of `sext` is");
    expect_error("    if sext(imm) == 0\n        w = 0\n", "how wide");
    expect_error("    w = x[a] << sext(imm)\n", "how wide the result of `sext` is");
}

static void a_literal_must_fit(void **state)
{
    (void)state;
    expect_width("s.A + 7", 3);
    expect_width("s.A + -4", 3);
    expect_error("    let t = s.A + 8\n    s.A = t\n", "8 does not fit bits(3)");
    expect_error("    let t = s.A + -5\n    s.A = t\n", "-5 does not fit bits(3)");
    expect_width("q + 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff", 128);
}

static void literals_compute_without_a_width(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    w = (1 << 40 >>u 30) - SIX * 2\n");
    assert_non_null(machine);
    const struct isa_expr *value = machine->instructions->body->value;
    assert_int_equal(value->kind, ISA_EXPR_CONST);
    assert_true(value->value == 1024 - 12);
    isa_free(machine);
}

static void a_constant_index_into_bits_is_a_slice(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    w = zext(x[a][63])\n");
    assert_non_null(machine);
    const struct isa_expr *slice = machine->instructions->body->value->a;
    assert_int_equal(slice->kind, ISA_EXPR_SLICE);
    assert_int_equal(slice->high, 63);
    assert_int_equal(slice->low, 63);
    isa_free(machine);
}

static void an_extension_to_the_same_width_vanishes(void **state)
{
    (void)state;
    struct isa_machine *machine = read_body("    x[a] = zext(x[b])\n");
    assert_non_null(machine);
    assert_int_equal(machine->instructions->body->value->kind, ISA_EXPR_REGISTER);
    isa_free(machine);
}

static void a_deep_expression_is_refused_at_the_limit(void **state)
{
    (void)state;
    char body[4000] = "    x[a] = x[b]";
    for (unsigned i = 0; i < 190; i++) {
        strcat(body, " + 1");
    }
    strcat(body, "\n");
    struct isa_machine *machine = read_body(body);
    assert_non_null(machine);
    isa_free(machine);
    body[strlen(body) - 1] = '\0';
    for (unsigned i = 0; i < 20; i++) {
        strcat(body, " + 1");
    }
    strcat(body, "\n");
    expect_error(body, "more than 200 deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_their_declared_width),
        cmocka_unit_test(operators_keep_or_change_the_width),
        cmocka_unit_test(builtins_have_the_width_they_say),
        cmocka_unit_test(extensions_take_the_width_of_their_context),
        cmocka_unit_test(a_literal_must_fit),
        cmocka_unit_test(literals_compute_without_a_width),
        cmocka_unit_test(a_constant_index_into_bits_is_a_slice),
        cmocka_unit_test(an_extension_to_the_same_width_vanishes),
        cmocka_unit_test(a_deep_expression_is_refused_at_the_limit),
    };
    return cmocka_run_group_tests_name("isa_types", tests, NULL, NULL);
}
