/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random expressions (make_expressions.py), computed twice: by the C that ravelin-isac generates, and by the reader's
 * evaluation of the tree. The description's path is the first argument.
 */
#include "isa/evaluate.h"
#include "isa/read.h"

#include "expr_functions.h"
#include "expressions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUND_COUNT 60

static const char *description;

/* A copy of the expression with values in the place of parameters. */
static struct isa_expr *substitute(const struct isa_expr *expr, const struct isa_function *function,
                                   const isa_uint128 *values)
{
    if (expr == NULL) {
        return NULL;
    }
    struct isa_expr *copy = malloc(sizeof *copy);
    assert_non_null(copy);
    *copy = *expr;
    if (expr->kind == ISA_EXPR_LOCAL) {
        unsigned i = 0;
        const struct isa_local *local = function->parameters;
        for (; local != expr->local && local != NULL && i < 2; local = local->next) {
            i++;
        }
        copy->kind = ISA_EXPR_CONST;
        copy->value = values[i];
    }
    copy->a = substitute(expr->a, function, values);
    copy->b = substitute(expr->b, function, values);
    copy->c = substitute(expr->c, function, values);
    struct isa_expr **end = &copy->args;
    for (const struct isa_expr *arg = expr->args; arg != NULL; arg = arg->next) {
        *end = substitute(arg, function, values);
        end = &(*end)->next;
    }
    *end = NULL;
    return copy;
}

static void free_copy(struct isa_expr *expr)
{
    if (expr == NULL) {
        return;
    }
    free_copy(expr->a);
    free_copy(expr->b);
    free_copy(expr->c);
    while (expr->args != NULL) {
        struct isa_expr *next = expr->args->next;
        free_copy(expr->args);
        expr->args = next;
    }
    free(expr);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 16 ^ *state << 40;
}

/* Zero, one, all ones, the sign alone, the largest positive, or anything. */
static isa_uint128 random_value(uint64_t *state, unsigned width)
{
    const isa_uint128 ones = ~(isa_uint128)0 >> (128 - width);
    const isa_uint128 any = (isa_uint128)next_random(state) << 64 | next_random(state);
    switch (next_random(state) % 10) {
    case 0: return 0;
    case 1: return 1;
    case 2: return ones;
    case 3: return ones ^ ones >> 1;
    case 4: return ones >> 1;
    case 5: return any & ones & 0xff;
    default: return any & ones;
    }
}

static void check_function(const struct isa_function *function, unsigned number, uint64_t *state)
{
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        isa_uint128 values[3] = { 0 };
        unsigned i = 0;
        for (const struct isa_local *local = function->parameters; local != NULL; local = local->next) {
            values[i++] = random_value(state, local->width);
        }
        struct isa_expr *copy = substitute(function->body->value, function, values);
        const isa_uint128 expected = isa_evaluate(copy, NULL, 0);
        const isa_uint128 got = calls[number](values);
        free_copy(copy);
        if (expected != got) {
            fail_msg("seed %d, %s: expected %llx:%llx, the C gives %llx:%llx", EXPRESSION_SEED, function->name,
                     (unsigned long long)(expected >> 64), (unsigned long long)expected,
                     (unsigned long long)(got >> 64), (unsigned long long)got);
        }
    }
}

static void generated_c_computes_what_the_tree_means(void **test)
{
    (void)test;
    static struct isa_diagnostics diagnostics;
    struct isa_machine *machine = isa_read(description, &diagnostics);
    assert_non_null(machine);
    uint64_t state = EXPRESSION_SEED;
    unsigned count = 0;
    for (const struct isa_function *function = machine->functions; function != NULL; function = function->next) {
        const unsigned number = (unsigned)strtoul(function->name + 1, NULL, 10);
        assert_true(number < sizeof calls / sizeof calls[0]);
        check_function(function, number, &state);
        count++;
    }
    assert_int_equal(count, sizeof calls / sizeof calls[0]);
    isa_free(machine);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s EXPRESSIONS.isa\n", argv[0]);
        return 2;
    }
    description = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_c_computes_what_the_tree_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
