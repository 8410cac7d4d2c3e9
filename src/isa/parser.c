/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of the parser share: tokens, names, recovery. */
#include "isa/parser.h"

#include <stdio.h>
#include <string.h>

void isa_parser_advance(struct isa_parser *parser)
{
    parser->token = isa_lexer_next(&parser->lexer);
}

bool isa_parser_accept(struct isa_parser *parser, enum isa_token_kind kind)
{
    if (parser->token.kind != kind) {
        return false;
    }
    isa_parser_advance(parser);
    return true;
}

void isa_parser_unexpected(struct isa_parser *parser, const char *wanted)
{
    if (parser->token.kind != ISA_TOKEN_ERROR) {
        isa_report(parser->diagnostics, parser->token.place, "%s is not expected here; write %s",
                   isa_token_text(parser->arena, &parser->token), wanted);
    }
}

bool isa_parser_expect(struct isa_parser *parser, enum isa_token_kind kind, const char *what)
{
    if (isa_parser_accept(parser, kind)) {
        return true;
    }
    isa_parser_unexpected(parser, what);
    return false;
}

bool isa_parser_at_word(const struct isa_parser *parser, const char *word)
{
    return parser->token.kind == ISA_TOKEN_NAME && strcmp(parser->token.text, word) == 0;
}

bool isa_parser_accept_word(struct isa_parser *parser, const char *word)
{
    if (!isa_parser_at_word(parser, word)) {
        return false;
    }
    isa_parser_advance(parser);
    return true;
}

bool isa_parser_at_line_end(const struct isa_parser *parser)
{
    return parser->token.kind == ISA_TOKEN_NEWLINE || parser->token.kind == ISA_TOKEN_END;
}

bool isa_parser_end_line(struct isa_parser *parser)
{
    if (parser->token.kind == ISA_TOKEN_END) {
        return true;
    }
    return isa_parser_expect(parser, ISA_TOKEN_NEWLINE, "nothing more on this line");
}

void isa_parser_skip_line(struct isa_parser *parser)
{
    enum isa_token_kind kind = parser->token.kind;
    while (kind != ISA_TOKEN_NEWLINE && kind != ISA_TOKEN_END && kind != ISA_TOKEN_DEDENT && kind != ISA_TOKEN_INDENT) {
        isa_parser_advance(parser);
        kind = parser->token.kind;
    }
    if (kind == ISA_TOKEN_NEWLINE) {
        isa_parser_advance(parser);
    }
    if (parser->token.kind != ISA_TOKEN_INDENT) {
        return;
    }
    unsigned depth = 0;
    do {
        if (parser->token.kind == ISA_TOKEN_INDENT) {
            depth++;
        } else if (parser->token.kind == ISA_TOKEN_DEDENT) {
            depth--;
        } else if (parser->token.kind == ISA_TOKEN_END) {
            return;
        }
        isa_parser_advance(parser);
    } while (depth > 0);
}

const char *isa_parser_name(struct isa_parser *parser, const char *what, struct isa_place *place)
{
    if (parser->token.kind != ISA_TOKEN_NAME) {
        isa_parser_unexpected(parser, what);
        return NULL;
    }
    const char *name = parser->token.text;
    if (place != NULL) {
        *place = parser->token.place;
    }
    isa_parser_advance(parser);
    return name;
}

const char *isa_parser_dotted_name(struct isa_parser *parser, const char *what, struct isa_place *place)
{
    const char *name = isa_parser_name(parser, what, place);
    while (name != NULL && isa_parser_accept(parser, ISA_TOKEN_DOT)) {
        if (parser->token.kind != ISA_TOKEN_NAME && parser->token.kind != ISA_TOKEN_NUMBER) {
            isa_parser_unexpected(parser, "the next part of the name");
            return NULL;
        }
        char text[200];
        int length = snprintf(text, sizeof text, "%s.%s", name, parser->token.text);
        if (length >= (int)sizeof text) {
            isa_report(parser->diagnostics, parser->token.place, "this name is too long; choose a shorter one");
            return NULL;
        }
        name = isa_arena_text(parser->arena, text, (size_t)length);
        isa_parser_advance(parser);
    }
    return name;
}

bool isa_parser_enter(struct isa_parser *parser)
{
    if (parser->depth >= ISA_DEPTH_LIMIT) {
        isa_report(parser->diagnostics, parser->token.place,
                   "this nests more than %u deep; use a `let` or a function for the inner part", ISA_DEPTH_LIMIT);
        return false;
    }
    parser->depth++;
    return true;
}

void isa_parser_leave(struct isa_parser *parser)
{
    parser->depth--;
}

static bool at_stop(const struct isa_parser *parser, const char *const *stops)
{
    for (; *stops != NULL; stops++) {
        if (isa_parser_at_word(parser, *stops)) {
            return true;
        }
    }
    return false;
}

static struct isa_syntax_word *word(struct isa_parser *parser, bool dotted)
{
    struct isa_syntax_word *one = ISA_NEW(parser->arena, struct isa_syntax_word);
    one->place = parser->token.place;
    if (parser->token.kind == ISA_TOKEN_STRING) {
        one->text = parser->token.text;
        isa_parser_advance(parser);
        return one;
    }
    one->text = dotted ? isa_parser_dotted_name(parser, "a name", NULL) : isa_parser_name(parser, "a name", NULL);
    return one->text == NULL ? NULL : one;
}

bool isa_parse_words(struct isa_parser *parser, const char *const *stops, bool dotted, struct isa_syntax_word **words)
{
    static const char *const no_stops[] = { NULL };
    bool bracketed = isa_parser_accept(parser, ISA_TOKEN_LEFT_PAREN);
    if (bracketed) {
        stops = no_stops;
    }
    while (!isa_parser_at_line_end(parser) && parser->token.kind != ISA_TOKEN_RIGHT_PAREN && !at_stop(parser, stops)) {
        *words = word(parser, dotted);
        if (*words == NULL) {
            return false;
        }
        words = &(*words)->next;
    }
    return !bracketed || isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`)`");
}
