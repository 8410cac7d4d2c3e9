/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and blocks: section 4 of docs/reference/isa-language.md. */
#include "isa/parser.h"

#include <string.h>

static bool parse_let(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    stmt->kind = isa_parser_at_word(parser, "var") ? ISA_SYNTAX_VAR : ISA_SYNTAX_LET;
    isa_parser_advance(parser);
    stmt->name = isa_parser_name(parser, "the name of the local", &stmt->name_place);
    if (stmt->name == NULL) {
        return false;
    }
    if (isa_parser_accept(parser, ISA_TOKEN_COLON) && !isa_parse_type(parser, &stmt->type)) {
        return false;
    }
    if (isa_parser_at_line_end(parser)) {
        isa_report(parser->diagnostics, stmt->name_place,
                   "`%s` would be undefined until it is assigned; give it a value: `= …`", stmt->name);
        return false;
    }
    if (!isa_parser_expect(parser, ISA_TOKEN_ASSIGN, "`=` and a value")) {
        return false;
    }
    stmt->value = isa_parse_expression(parser);
    return stmt->value != NULL;
}

static bool parse_tval(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    if (!isa_parser_accept_word(parser, "tval")) {
        return true;
    }
    stmt->tval = isa_parse_expression(parser);
    return stmt->tval != NULL;
}

static bool parse_require(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    stmt->kind = ISA_SYNTAX_REQUIRE;
    isa_parser_advance(parser);
    stmt->value = isa_parse_expression(parser);
    if (stmt->value == NULL) {
        return false;
    }
    if (!isa_parser_accept_word(parser, "else")) {
        isa_parser_unexpected(parser, "`else` and the exception");
        return false;
    }
    stmt->name = isa_parser_name(parser, "the name of an exception", &stmt->name_place);
    return stmt->name != NULL && parse_tval(parser, stmt);
}

static bool parse_trap(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    stmt->kind = ISA_SYNTAX_TRAP;
    isa_parser_advance(parser);
    stmt->name = isa_parser_name(parser, "the name of an exception, or `code(…)`", &stmt->name_place);
    if (stmt->name == NULL) {
        return false;
    }
    if (strcmp(stmt->name, "code") == 0 && isa_parser_accept(parser, ISA_TOKEN_LEFT_PAREN)) {
        stmt->value = isa_parse_expression(parser);
        if (stmt->value == NULL || !isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`)`")) {
            return false;
        }
    }
    return parse_tval(parser, stmt);
}

static bool parse_for(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    struct isa_syntax_block body = { 0 };
    stmt->kind = ISA_SYNTAX_FOR;
    isa_parser_advance(parser);
    stmt->name = isa_parser_name(parser, "the name of the counter", &stmt->name_place);
    if (stmt->name == NULL) {
        return false;
    }
    if (!isa_parser_accept_word(parser, "in")) {
        isa_parser_unexpected(parser, "`in`, as in `for i in 0 to 63`");
        return false;
    }
    stmt->first = isa_parse_expression(parser);
    if (stmt->first == NULL) {
        return false;
    }
    if (!isa_parser_accept_word(parser, "to")) {
        isa_parser_unexpected(parser, "`to` and the last value");
        return false;
    }
    stmt->last = isa_parse_expression(parser);
    if (stmt->last == NULL || !isa_parser_end_line(parser) || !isa_parse_block(parser, &body, "`for`")) {
        return false;
    }
    stmt->body = body.first;
    return true;
}

/* One `if` or `else if` up to the end of its block. */
static bool parse_branch(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    struct isa_syntax_block body = { 0 };
    stmt->kind = ISA_SYNTAX_BRANCH;
    stmt->place = parser->token.place;
    isa_parser_advance(parser);
    stmt->value = isa_parse_expression(parser);
    if (stmt->value == NULL) {
        return false;
    }
    if (!isa_parser_at_line_end(parser)) {
        isa_parser_unexpected(parser, "what the `if` does on an indented line below it");
        return false;
    }
    if (!isa_parser_end_line(parser) || !isa_parse_block(parser, &body, "`if`")) {
        return false;
    }
    stmt->body = body.first;
    return true;
}

/* A chain of `else if` is a chain of branches, each in the `otherwise` of the one before: it counts as nesting. */
static bool parse_if(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    unsigned entered = 0;
    bool good = parse_branch(parser, stmt);
    while (good && isa_parser_at_word(parser, "else")) {
        isa_parser_advance(parser);
        if (!isa_parser_at_word(parser, "if")) {
            struct isa_syntax_block body = { 0 };
            good = isa_parser_end_line(parser) && isa_parse_block(parser, &body, "`else`");
            stmt->otherwise = body.first;
            break;
        }
        good = isa_parser_enter(parser);
        if (!good) {
            break;
        }
        entered++;
        stmt->otherwise = ISA_NEW(parser->arena, struct isa_syntax_stmt);
        stmt = stmt->otherwise;
        good = parse_branch(parser, stmt);
    }
    while (entered-- > 0) {
        isa_parser_leave(parser);
    }
    return good;
}

static bool parse_assignment_or_call(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    struct isa_syntax_expr *expr = isa_parse_postfix(parser);
    if (expr == NULL) {
        return false;
    }
    if (isa_parser_accept(parser, ISA_TOKEN_ASSIGN)) {
        stmt->kind = ISA_SYNTAX_ASSIGN;
        stmt->target = expr;
        stmt->value = isa_parse_expression(parser);
        return stmt->value != NULL;
    }
    stmt->kind = ISA_SYNTAX_CALL_STMT;
    stmt->value = expr;
    if (expr->kind == ISA_SYNTAX_CALL && isa_parser_at_line_end(parser)) {
        return true;
    }
    if (!isa_parser_at_line_end(parser) || parser->token.kind == ISA_TOKEN_ERROR) {
        isa_parser_unexpected(parser, "a statement, as `a = …` or `name(…)`");
    } else {
        isa_report(parser->diagnostics, stmt->place, "this computes a value and drops it; write `… = …` or a call");
    }
    return false;
}

static bool parse_line(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    if (isa_parser_at_word(parser, "let") || isa_parser_at_word(parser, "var")) {
        return parse_let(parser, stmt);
    }
    if (isa_parser_at_word(parser, "require")) {
        return parse_require(parser, stmt);
    }
    if (isa_parser_at_word(parser, "trap")) {
        return parse_trap(parser, stmt);
    }
    if (isa_parser_at_word(parser, "jump") || isa_parser_at_word(parser, "return")) {
        stmt->kind = isa_parser_at_word(parser, "jump") ? ISA_SYNTAX_JUMP : ISA_SYNTAX_RETURN;
        isa_parser_advance(parser);
        if (stmt->kind == ISA_SYNTAX_RETURN && isa_parser_at_line_end(parser)) {
            return true;
        }
        stmt->value = isa_parse_expression(parser);
        return stmt->value != NULL;
    }
    if (parser->token.kind != ISA_TOKEN_NAME) {
        isa_parser_unexpected(parser, "a statement");
        return false;
    }
    return parse_assignment_or_call(parser, stmt);
}

static bool parse_statement(struct isa_parser *parser, struct isa_syntax_stmt *stmt)
{
    stmt->place = parser->token.place;
    if (isa_parser_at_word(parser, "else")) {
        isa_report(parser->diagnostics, stmt->place, "this `else` has no `if`; align it with one");
        return false;
    }
    if (isa_parser_at_word(parser, "if")) {
        return parse_if(parser, stmt);
    }
    if (isa_parser_at_word(parser, "for")) {
        return parse_for(parser, stmt);
    }
    return parse_line(parser, stmt) && isa_parser_end_line(parser);
}

struct isa_syntax_stmt *isa_parse_statements(struct isa_parser *parser)
{
    struct isa_syntax_stmt *first = NULL, **end = &first;
    while (parser->token.kind != ISA_TOKEN_DEDENT && parser->token.kind != ISA_TOKEN_END) {
        if (parser->token.kind == ISA_TOKEN_INDENT) {
            isa_report(parser->diagnostics, parser->token.place,
                       "this line is indented but no block begins here; align it with the line above");
            isa_parser_skip_line(parser);
            continue;
        }
        if (isa_parser_accept_word(parser, "nothing")) {
            if (!isa_parser_end_line(parser)) {
                isa_parser_skip_line(parser);
            }
            continue;
        }
        struct isa_syntax_stmt *stmt = ISA_NEW(parser->arena, struct isa_syntax_stmt);
        if (parse_statement(parser, stmt)) {
            *end = stmt;
            end = &stmt->next;
        } else {
            isa_parser_skip_line(parser);
        }
    }
    isa_parser_accept(parser, ISA_TOKEN_DEDENT);
    return first;
}

bool isa_parse_block(struct isa_parser *parser, struct isa_syntax_block *block, const char *owner)
{
    block->given = true;
    block->place = parser->token.place;
    if (parser->token.kind != ISA_TOKEN_INDENT) {
        isa_report(parser->diagnostics, parser->token.place, "%s needs a block; write it indented below, or `nothing`",
                   owner);
        return false;
    }
    if (!isa_parser_enter(parser)) {
        return false;
    }
    isa_parser_advance(parser);
    block->first = isa_parse_statements(parser);
    isa_parser_leave(parser);
    return true;
}
