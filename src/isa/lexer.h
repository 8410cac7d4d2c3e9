/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to tokens: section 1 of docs/reference/isa-language.md.
 *
 * Blocks come as INDENT and DEDENT, lines end with NEWLINE; empty lines and comments give nothing. While a bracket is
 * open neither is given. The text may be hostile; errors are reported once and come as ERROR tokens.
 */
#ifndef RAVELIN_ISA_LEXER_H
#define RAVELIN_ISA_LEXER_H

#include "isa/arena.h"
#include "isa/diagnostics.h"
#include "isa/tree.h"

#define ISA_INDENT_LIMIT 100u

enum isa_token_kind {
    ISA_TOKEN_END,
    ISA_TOKEN_ERROR, /* reported already */
    ISA_TOKEN_NEWLINE,
    ISA_TOKEN_INDENT,
    ISA_TOKEN_DEDENT,
    ISA_TOKEN_NAME,   /* text */
    ISA_TOKEN_NUMBER, /* text, value, bits */
    ISA_TOKEN_STRING, /* text without the quotes */
    ISA_TOKEN_LEFT_PAREN,
    ISA_TOKEN_RIGHT_PAREN,
    ISA_TOKEN_LEFT_BRACKET,
    ISA_TOKEN_RIGHT_BRACKET,
    ISA_TOKEN_COMMA,
    ISA_TOKEN_COLON,
    ISA_TOKEN_DOT,
    ISA_TOKEN_ARROW,
    ISA_TOKEN_ASSIGN,
    ISA_TOKEN_TILDE,
    ISA_TOKEN_OPERATOR, /* op: a binary operator; MINUS is ISA_OP_SUB */
};

struct isa_token {
    enum isa_token_kind kind;
    struct isa_place place;
    const char *text; /* NUL-terminated, in the arena; NULL for punctuation */
    isa_bits value;
    unsigned bits; /* NUMBER in base 2 or 16: how many bits its digits stand for; 0 in base 10 */
    enum isa_op op;
};

struct isa_lexer {
    struct isa_arena *arena;
    struct isa_diagnostics *diagnostics;
    const char *at, *end, *line_start;
    struct isa_place place; /* file and line; the column follows from line_start */
    unsigned first_column;  /* column of line_start: 1, more in a fragment */
    unsigned indents[ISA_INDENT_LIMIT];
    unsigned indent_count;
    unsigned dedents;         /* owed to the caller */
    unsigned brackets;        /* open ones */
    struct isa_place bracket; /* the last one opened while none was */
    bool fragment;
    bool unclosed; /* a bracket was left open: the line ends after the ERROR that said so */
    bool line_begins;
    bool line_has_tokens;
};

/* Starts at the beginning of `size` bytes of a file called `name` (kept by pointer). */
void isa_lexer_start(struct isa_lexer *lexer, struct isa_arena *arena, struct isa_diagnostics *diagnostics,
                     const char *name, const char *text, size_t size);

/* Starts inside a line: `text` stands at `place`. No NEWLINE, INDENT or DEDENT is given; END closes it. */
void isa_lexer_start_fragment(struct isa_lexer *lexer, struct isa_arena *arena, struct isa_diagnostics *diagnostics,
                              struct isa_place place, const char *text, size_t size);

/* After END it gives END for ever. */
struct isa_token isa_lexer_next(struct isa_lexer *lexer);

/* How a token reads in a message: "`name`", "end of line". */
const char *isa_token_text(struct isa_arena *arena, const struct isa_token *token);

#endif
