/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions and types: section 5 of docs/reference/isa-language.md. */
#include "isa/parser.h"

#include <string.h>

#define SETTING_LIMIT 64u /* a format has at most 32 pieces */

static struct isa_syntax_expr *new_expr(struct isa_parser *parser, enum isa_syntax_expr_kind kind,
                                        struct isa_place place)
{
    struct isa_syntax_expr *expr = ISA_NEW(parser->arena, struct isa_syntax_expr);
    expr->kind = kind;
    expr->place = place;
    expr->depth = 1;
    return expr;
}

/* Notes that `part` is inside `expr`. False: too deep (long chains make deep trees without nesting). */
static bool holds(struct isa_parser *parser, struct isa_syntax_expr *expr, const struct isa_syntax_expr *part)
{
    if (part->depth >= expr->depth) {
        expr->depth = part->depth + 1;
    }
    if (expr->depth <= ISA_DEPTH_LIMIT) {
        return true;
    }
    isa_report(parser->diagnostics, expr->place, "this expression is more than %u deep; use a `let` for a part of it",
               ISA_DEPTH_LIMIT);
    return false;
}

bool isa_parse_call_arguments(struct isa_parser *parser, struct isa_syntax_expr *call)
{
    struct isa_syntax_expr **end = &call->args;
    if (!isa_parser_expect(parser, ISA_TOKEN_LEFT_PAREN, "`(`")) {
        return false;
    }
    while (parser->token.kind != ISA_TOKEN_RIGHT_PAREN) {
        *end = isa_parse_expression(parser);
        if (*end == NULL || !holds(parser, call, *end)) {
            return false;
        }
        end = &(*end)->next;
        if (!isa_parser_accept(parser, ISA_TOKEN_COMMA)) {
            break;
        }
    }
    return isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`,` or `)`");
}

static bool is_reserved(const char *name)
{
    static const char *const words[] = { "and", "or", "not", "if", "then", "else" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static struct isa_syntax_expr *named(struct isa_parser *parser)
{
    struct isa_token token = parser->token;
    if (is_reserved(token.text)) {
        isa_parser_unexpected(parser, "a value");
        return NULL;
    }
    isa_parser_advance(parser);
    enum isa_syntax_expr_kind kind = ISA_SYNTAX_NAME;
    if (strcmp(token.text, "true") == 0) {
        kind = ISA_SYNTAX_TRUE;
    } else if (strcmp(token.text, "false") == 0) {
        kind = ISA_SYNTAX_FALSE;
    } else if (parser->token.kind == ISA_TOKEN_LEFT_PAREN) {
        kind = ISA_SYNTAX_CALL;
    }
    struct isa_syntax_expr *expr = new_expr(parser, kind, token.place);
    expr->name = token.text;
    if (kind == ISA_SYNTAX_CALL && !isa_parse_call_arguments(parser, expr)) {
        return NULL;
    }
    return expr;
}

struct isa_syntax_expr *isa_parse_primary(struct isa_parser *parser)
{
    struct isa_token token = parser->token;
    if (token.kind == ISA_TOKEN_NAME) {
        return named(parser);
    }
    if (token.kind == ISA_TOKEN_NUMBER) {
        isa_parser_advance(parser);
        struct isa_syntax_expr *expr = new_expr(parser, ISA_SYNTAX_NUMBER, token.place);
        expr->value = token.value;
        expr->bits = token.bits;
        return expr;
    }
    if (isa_parser_accept(parser, ISA_TOKEN_LEFT_PAREN)) {
        struct isa_syntax_expr *expr = isa_parse_expression(parser);
        if (expr == NULL || !isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`)`")) {
            return NULL;
        }
        return expr;
    }
    isa_parser_unexpected(parser, "a value");
    return NULL;
}

static struct isa_syntax_expr *index_or_slice(struct isa_parser *parser, struct isa_syntax_expr *of)
{
    struct isa_syntax_expr *expr = new_expr(parser, ISA_SYNTAX_INDEX, of->place);
    isa_parser_advance(parser);
    expr->a = of;
    expr->b = isa_parse_expression(parser);
    if (expr->b == NULL) {
        return NULL;
    }
    if (isa_parser_accept(parser, ISA_TOKEN_COLON)) {
        expr->kind = ISA_SYNTAX_SLICE;
        expr->c = isa_parse_expression(parser);
        if (expr->c == NULL || !holds(parser, expr, expr->c)) {
            return NULL;
        }
    }
    if (!isa_parser_expect(parser, ISA_TOKEN_RIGHT_BRACKET, "`]`")) {
        return NULL;
    }
    return holds(parser, expr, expr->a) && holds(parser, expr, expr->b) ? expr : NULL;
}

struct isa_syntax_expr *isa_parse_postfix(struct isa_parser *parser)
{
    struct isa_syntax_expr *expr = isa_parse_primary(parser);
    while (expr != NULL) {
        if (parser->token.kind == ISA_TOKEN_LEFT_BRACKET) {
            expr = index_or_slice(parser, expr);
        } else if (parser->token.kind == ISA_TOKEN_DOT) {
            isa_parser_advance(parser);
            struct isa_syntax_expr *member = new_expr(parser, ISA_SYNTAX_MEMBER, parser->token.place);
            member->a = expr;
            member->name = isa_parser_name(parser, "the name of a field", NULL);
            expr = member->name != NULL && holds(parser, member, member->a) ? member : NULL;
        } else {
            break;
        }
    }
    return expr;
}

static struct isa_syntax_expr *unary(struct isa_parser *parser)
{
    struct isa_token token = parser->token;
    bool minus = token.kind == ISA_TOKEN_OPERATOR && token.op == ISA_OP_SUB;
    if (!minus && token.kind != ISA_TOKEN_TILDE) {
        return isa_parse_postfix(parser);
    }
    isa_parser_advance(parser);
    if (!isa_parser_enter(parser)) {
        return NULL;
    }
    struct isa_syntax_expr *expr = new_expr(parser, ISA_SYNTAX_UNARY, token.place);
    expr->op = minus ? ISA_OP_NEG : ISA_OP_INVERT;
    expr->a = unary(parser);
    isa_parser_leave(parser);
    return expr->a != NULL && holds(parser, expr, expr->a) ? expr : NULL;
}

/* How tight a binary operator binds; 0: it is none. */
static unsigned level_of(const struct isa_token *token)
{
    if (token->kind == ISA_TOKEN_NAME) {
        return strcmp(token->text, "or") == 0 ? 1 : strcmp(token->text, "and") == 0 ? 2 : 0;
    }
    if (token->kind != ISA_TOKEN_OPERATOR) {
        return 0;
    }
    if (token->op >= ISA_OP_EQ && token->op <= ISA_OP_GES) {
        return 4;
    }
    if (token->op == ISA_OP_OR) {
        return 5;
    }
    if (token->op == ISA_OP_XOR) {
        return 6;
    }
    if (token->op == ISA_OP_AND) {
        return 7;
    }
    if (token->op >= ISA_OP_SHL && token->op <= ISA_OP_SHRS) {
        return 8;
    }
    return token->op == ISA_OP_ADD || token->op == ISA_OP_SUB ? 9 : 10;
}

#define LEVEL_NOT     3u
#define LEVEL_COMPARE 4u
#define LEVEL_UNARY   11u

static struct isa_syntax_expr *binary(struct isa_parser *parser, unsigned level);

static struct isa_syntax_expr *logic_not(struct isa_parser *parser)
{
    struct isa_syntax_expr *expr = new_expr(parser, ISA_SYNTAX_UNARY, parser->token.place);
    isa_parser_advance(parser);
    if (!isa_parser_enter(parser)) {
        return NULL;
    }
    expr->op = ISA_OP_NOT;
    expr->a = binary(parser, LEVEL_NOT);
    isa_parser_leave(parser);
    return expr->a != NULL && holds(parser, expr, expr->a) ? expr : NULL;
}

static enum isa_op op_of(const struct isa_token *token, unsigned level)
{
    return level == 1 ? ISA_OP_LOGIC_OR : level == 2 ? ISA_OP_LOGIC_AND : token->op;
}

/* Operators of `level` and tighter ones, by precedence climbing: one call per level that really occurs. */
static struct isa_syntax_expr *binary(struct isa_parser *parser, unsigned level)
{
    struct isa_syntax_expr *left;
    if (isa_parser_at_word(parser, "not") && level <= LEVEL_NOT) {
        left = logic_not(parser);
    } else {
        left = unary(parser);
    }
    unsigned last = LEVEL_UNARY;
    while (left != NULL) {
        struct isa_token token = parser->token;
        unsigned found = level_of(&token);
        if (found == 0 || found < level) {
            break;
        }
        if (found == LEVEL_COMPARE && last == LEVEL_COMPARE) {
            isa_report(parser->diagnostics, token.place, "comparisons do not chain; write `a … b and b … c`");
            return NULL;
        }
        isa_parser_advance(parser);
        struct isa_syntax_expr *expr = new_expr(parser, ISA_SYNTAX_BINARY, token.place);
        expr->op = op_of(&token, found);
        expr->a = left;
        if (!isa_parser_enter(parser)) {
            return NULL;
        }
        expr->b = binary(parser, found + 1);
        isa_parser_leave(parser);
        if (expr->b == NULL || !holds(parser, expr, expr->a) || !holds(parser, expr, expr->b)) {
            return NULL;
        }
        left = expr;
        last = found;
    }
    return left;
}

static struct isa_syntax_expr *choice(struct isa_parser *parser)
{
    struct isa_syntax_expr *expr = new_expr(parser, ISA_SYNTAX_IF, parser->token.place);
    isa_parser_advance(parser);
    expr->a = isa_parse_expression(parser);
    if (expr->a == NULL) {
        return NULL;
    }
    if (!isa_parser_accept_word(parser, "then")) {
        isa_parser_unexpected(parser, "`then`");
        return NULL;
    }
    expr->b = isa_parse_expression(parser);
    if (expr->b == NULL) {
        return NULL;
    }
    if (!isa_parser_accept_word(parser, "else")) {
        isa_parser_unexpected(parser, "`else`: a choice has a value both ways");
        return NULL;
    }
    expr->c = isa_parse_expression(parser);
    if (expr->c == NULL) {
        return NULL;
    }
    bool fits = holds(parser, expr, expr->a) && holds(parser, expr, expr->b) && holds(parser, expr, expr->c);
    return fits ? expr : NULL;
}

struct isa_syntax_expr *isa_parse_expression(struct isa_parser *parser)
{
    if (!isa_parser_enter(parser)) {
        return NULL;
    }
    struct isa_syntax_expr *expr = isa_parser_at_word(parser, "if") ? choice(parser) : binary(parser, 1);
    isa_parser_leave(parser);
    return expr;
}

bool isa_parse_type(struct isa_parser *parser, struct isa_syntax_type *type)
{
    type->place = parser->token.place;
    type->given = true;
    if (isa_parser_accept_word(parser, "bool")) {
        type->is_bool = true;
        return true;
    }
    if (!isa_parser_accept_word(parser, "bits")) {
        isa_parser_unexpected(parser, "a type, `bits(N)` or `bool`");
        return false;
    }
    if (!isa_parser_expect(parser, ISA_TOKEN_LEFT_PAREN, "`(` and the width")) {
        return false;
    }
    type->width = isa_parse_expression(parser);
    return type->width != NULL && isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`)`");
}

bool isa_parse_settings(struct isa_parser *parser, struct isa_syntax_setting **settings)
{
    if (!isa_parser_expect(parser, ISA_TOKEN_LEFT_PAREN, "`(`")) {
        return false;
    }
    for (unsigned count = 0; parser->token.kind != ISA_TOKEN_RIGHT_PAREN; count++) {
        if (count == SETTING_LIMIT) {
            isa_report(parser->diagnostics, parser->token.place, "an instruction has at most %u fields; remove some",
                       SETTING_LIMIT);
            return false;
        }
        struct isa_syntax_setting *setting = ISA_NEW(parser->arena, struct isa_syntax_setting);
        setting->name = isa_parser_name(parser, "`field = value`", &setting->place);
        if (setting->name == NULL || !isa_parser_expect(parser, ISA_TOKEN_ASSIGN, "`=` and the field's value")) {
            return false;
        }
        setting->value = isa_parse_expression(parser);
        if (setting->value == NULL) {
            return false;
        }
        *settings = setting;
        settings = &setting->next;
        if (!isa_parser_accept(parser, ISA_TOKEN_COMMA)) {
            break;
        }
    }
    return isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`,` or `)`");
}
