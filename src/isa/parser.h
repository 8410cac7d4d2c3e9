/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser: from tokens to the syntax tree, by recursive descent. Internal to the reader.
 *
 * Functions that read a construct return NULL (or false) after an error they have reported; the caller gives up its
 * own construct without another word, and the nearest line or declaration is skipped (isa_parser_skip_line).
 */
#ifndef RAVELIN_ISA_PARSER_H
#define RAVELIN_ISA_PARSER_H

#include "isa/lexer.h"
#include "isa/syntax.h"

struct isa_parser;

/* What a parser asks for at `include "name"`: reads that file's declarations. */
typedef void isa_include_function(struct isa_parser *parser, struct isa_place place, const char *name);

struct isa_parser {
    struct isa_arena *arena;
    struct isa_diagnostics *diagnostics;
    struct isa_lexer lexer;
    struct isa_token token; /* the one looked at */
    unsigned depth;         /* of recursion */
    isa_include_function *include;
    void *owner;                           /* for `include` */
    struct isa_syntax_decl **declarations; /* where the next one is linked */
};

/* Reads all declarations of the text the lexer was started on. */
void isa_parse_file(struct isa_parser *parser);

/* Tokens. */
void isa_parser_advance(struct isa_parser *parser);
bool isa_parser_accept(struct isa_parser *parser, enum isa_token_kind kind);
bool isa_parser_expect(struct isa_parser *parser, enum isa_token_kind kind, const char *what);
bool isa_parser_at_word(const struct isa_parser *parser, const char *word);
bool isa_parser_accept_word(struct isa_parser *parser, const char *word);
bool isa_parser_at_line_end(const struct isa_parser *parser);
bool isa_parser_end_line(struct isa_parser *parser);  /* expects NEWLINE */
void isa_parser_skip_line(struct isa_parser *parser); /* … and the block below it */
void isa_parser_unexpected(struct isa_parser *parser, const char *wanted);
const char *isa_parser_name(struct isa_parser *parser, const char *what, struct isa_place *place);
/* Names of instructions: parts joined by dots. */
const char *isa_parser_dotted_name(struct isa_parser *parser, const char *what, struct isa_place *place);
bool isa_parser_enter(struct isa_parser *parser); /* counts nesting; false: too deep, reported */
void isa_parser_leave(struct isa_parser *parser);

/* Expressions and types. */
struct isa_syntax_expr *isa_parse_expression(struct isa_parser *parser);
struct isa_syntax_expr *isa_parse_primary(struct isa_parser *parser);
struct isa_syntax_expr *isa_parse_postfix(struct isa_parser *parser);
bool isa_parse_type(struct isa_parser *parser, struct isa_syntax_type *type);
bool isa_parse_call_arguments(struct isa_parser *parser, struct isa_syntax_expr *call);
/* `(name = expr, …)` */
bool isa_parse_settings(struct isa_parser *parser, struct isa_syntax_setting **settings);

/* Statements: an indented block after a finished line. */
bool isa_parse_block(struct isa_parser *parser, struct isa_syntax_block *block, const char *owner);
/* The statements up to the DEDENT, which is taken. */
struct isa_syntax_stmt *isa_parse_statements(struct isa_parser *parser);

/* Declarations too long for parser_declaration.c; each is called behind its keyword. */
bool isa_parse_instruction(struct isa_parser *parser, struct isa_syntax_decl *decl);
bool isa_parse_csr(struct isa_parser *parser, struct isa_syntax_decl *decl);
/* Words up to the end of the line or to one of the NULL-terminated stops; parentheses around them are allowed. */
bool isa_parse_words(struct isa_parser *parser, const char *const *stops, bool dotted, struct isa_syntax_word **words);

#endif
