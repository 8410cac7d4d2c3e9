/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/lexer.h"

#include <stdio.h>
#include <string.h>

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
    return is_letter(c) || is_digit(c);
}

static int peek(const struct isa_lexer *lexer, size_t ahead)
{
    return (size_t)(lexer->end - lexer->at) > ahead ? (unsigned char)lexer->at[ahead] : -1;
}

static struct isa_place place_now(const struct isa_lexer *lexer)
{
    struct isa_place place = lexer->place;
    place.column = lexer->first_column + (unsigned)(lexer->at - lexer->line_start);
    return place;
}

void isa_lexer_start(struct isa_lexer *lexer, struct isa_arena *arena, struct isa_diagnostics *diagnostics,
                     const char *name, const char *text, size_t size)
{
    *lexer = (struct isa_lexer){ .arena = arena,
                                 .diagnostics = diagnostics,
                                 .at = text,
                                 .end = text + size,
                                 .line_start = text,
                                 .place = { .file = name, .line = 1, .column = 1 },
                                 .first_column = 1,
                                 .indent_count = 1,
                                 .line_begins = true };
}

void isa_lexer_start_fragment(struct isa_lexer *lexer, struct isa_arena *arena, struct isa_diagnostics *diagnostics,
                              struct isa_place place, const char *text, size_t size)
{
    isa_lexer_start(lexer, arena, diagnostics, place.file, text, size);
    lexer->place.line = place.line;
    lexer->first_column = place.column;
    lexer->fragment = true;
    lexer->line_begins = false;
}

static struct isa_token make(const struct isa_lexer *lexer, enum isa_token_kind kind)
{
    return (struct isa_token){ .kind = kind, .place = place_now(lexer) };
}

static void new_line(struct isa_lexer *lexer)
{
    lexer->at++;
    lexer->place.line++;
    lexer->line_start = lexer->at;
    lexer->line_begins = true;
}

/* Skips spaces, comments and (in brackets and between lines) line ends. False: a tab, reported. */
static bool skip_space(struct isa_lexer *lexer)
{
    for (;;) {
        int c = peek(lexer, 0);
        if (c == ' ' || (c == '\r' && (peek(lexer, 1) == '\n' || peek(lexer, 1) < 0))) {
            lexer->at++;
        } else if (c == '#') {
            const char *stop = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
            lexer->at = stop == NULL ? lexer->end : stop;
        } else if (c == '\n' && !lexer->fragment && (lexer->brackets > 0 || !lexer->line_has_tokens)) {
            new_line(lexer);
        } else if (c == '\t') {
            isa_report(lexer->diagnostics, place_now(lexer), "a tab; indent and separate with spaces");
            lexer->at++;
            return false;
        } else {
            return true;
        }
    }
}

static struct isa_token line_end(struct isa_lexer *lexer)
{
    struct isa_token token = make(lexer, ISA_TOKEN_NEWLINE);
    lexer->line_has_tokens = false;
    lexer->brackets = 0;
    if (peek(lexer, 0) == '\n') {
        new_line(lexer);
    }
    return token;
}

/* At the first token of a line: compares its column with the open blocks. True: *token is an INDENT, DEDENT, ERROR. */
static bool indentation(struct isa_lexer *lexer, struct isa_token *token)
{
    unsigned depth = lexer->at == lexer->end ? 0 : (unsigned)(lexer->at - lexer->line_start);
    lexer->line_begins = false;
    unsigned current = lexer->indents[lexer->indent_count - 1];
    if (depth > current) {
        if (lexer->indent_count == ISA_INDENT_LIMIT) {
            isa_report(lexer->diagnostics, place_now(lexer), "blocks nest too deep; use a function for the inner part");
            *token = make(lexer, ISA_TOKEN_ERROR);
            return true;
        }
        lexer->indents[lexer->indent_count++] = depth;
        *token = make(lexer, ISA_TOKEN_INDENT);
        return true;
    }
    while (depth < lexer->indents[lexer->indent_count - 1]) {
        lexer->indent_count--;
        lexer->dedents++;
    }
    if (depth > lexer->indents[lexer->indent_count - 1]) {
        isa_report(lexer->diagnostics, place_now(lexer),
                   "this line is indented like no block around it; align it with an earlier line");
        lexer->indents[lexer->indent_count++] = depth;
        lexer->dedents--;
    }
    if (lexer->dedents == 0) {
        return false;
    }
    lexer->dedents--;
    *token = make(lexer, ISA_TOKEN_DEDENT);
    return true;
}

static int digit_value(int c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

static unsigned number_base(struct isa_lexer *lexer)
{
    int c = peek(lexer, 0) == '0' ? peek(lexer, 1) : -1;
    if (c != 'x' && c != 'b') {
        return 10;
    }
    lexer->at += 2;
    return c == 'x' ? 16 : 2;
}

static struct isa_token number(struct isa_lexer *lexer)
{
    struct isa_token token = make(lexer, ISA_TOKEN_NUMBER);
    const char *start = lexer->at;
    unsigned base = number_base(lexer);
    unsigned digits = 0;
    const char *problem = NULL;
    for (; is_word(peek(lexer, 0)); lexer->at++) {
        int c = peek(lexer, 0);
        if (c == '_') {
            continue;
        }
        unsigned digit = (unsigned)digit_value(c);
        digits++;
        if (digit >= base) {
            problem = base == 16  ? "a hexadecimal number has only 0-9 and a-f"
                      : base == 2 ? "a binary number has only 0 and 1"
                                  : "a decimal number has only digits; hexadecimal starts with 0x";
        } else if (problem == NULL && token.value > (~(isa_bits)0 - digit) / base) {
            problem = "this number needs more than 128 bits; no value is wider";
        }
        token.value = token.value * base + digit;
    }
    if (digits == 0) {
        problem = "a number without digits; write at least one after the prefix";
    }
    token.bits = base == 16 ? 4 * (digits < 1000 ? digits : 1000) : base == 2 ? (digits < 1000 ? digits : 1000) : 0;
    token.text = isa_arena_text(lexer->arena, start, (size_t)(lexer->at - start));
    if (problem != NULL) {
        isa_report(lexer->diagnostics, token.place, "%s", problem);
        token.kind = ISA_TOKEN_ERROR;
    }
    return token;
}

static struct isa_token word(struct isa_lexer *lexer)
{
    struct isa_token token = make(lexer, ISA_TOKEN_NAME);
    const char *start = lexer->at;
    while (is_word(peek(lexer, 0))) {
        lexer->at++;
    }
    token.text = isa_arena_text(lexer->arena, start, (size_t)(lexer->at - start));
    if (lexer->at - start > 80) {
        isa_report(lexer->diagnostics, token.place, "a name of more than 80 characters; choose a shorter one");
        token.kind = ISA_TOKEN_ERROR;
    }
    return token;
}

static struct isa_token string(struct isa_lexer *lexer)
{
    struct isa_token token = make(lexer, ISA_TOKEN_STRING);
    const char *start = ++lexer->at;
    while (peek(lexer, 0) >= ' ' && peek(lexer, 0) != '"' && peek(lexer, 0) != 0x7f) {
        lexer->at++;
    }
    token.text = isa_arena_text(lexer->arena, start, (size_t)(lexer->at - start));
    if (peek(lexer, 0) == '"') {
        lexer->at++;
        return token;
    }
    isa_report(lexer->diagnostics, token.place, "this string does not end on its line; write a closing \"");
    token.kind = ISA_TOKEN_ERROR;
    return token;
}

/* Longest first. An entry ending in u or s must not run into a word. */
static const struct {
    const char *text;
    enum isa_token_kind kind;
    enum isa_op op;
} punctuation[] = {
    { "<=u", ISA_TOKEN_OPERATOR, ISA_OP_LEU },
    { "<=s", ISA_TOKEN_OPERATOR, ISA_OP_LES },
    { ">=u", ISA_TOKEN_OPERATOR, ISA_OP_GEU },
    { ">=s", ISA_TOKEN_OPERATOR, ISA_OP_GES },
    { ">>u", ISA_TOKEN_OPERATOR, ISA_OP_SHRU },
    { ">>s", ISA_TOKEN_OPERATOR, ISA_OP_SHRS },
    { "<<", ISA_TOKEN_OPERATOR, ISA_OP_SHL },
    { "<u", ISA_TOKEN_OPERATOR, ISA_OP_LTU },
    { "<s", ISA_TOKEN_OPERATOR, ISA_OP_LTS },
    { ">u", ISA_TOKEN_OPERATOR, ISA_OP_GTU },
    { ">s", ISA_TOKEN_OPERATOR, ISA_OP_GTS },
    { "/u", ISA_TOKEN_OPERATOR, ISA_OP_DIVU },
    { "/s", ISA_TOKEN_OPERATOR, ISA_OP_DIVS },
    { "%u", ISA_TOKEN_OPERATOR, ISA_OP_REMU },
    { "%s", ISA_TOKEN_OPERATOR, ISA_OP_REMS },
    { "==", ISA_TOKEN_OPERATOR, ISA_OP_EQ },
    { "!=", ISA_TOKEN_OPERATOR, ISA_OP_NE },
    { "->", ISA_TOKEN_ARROW, 0 },
    { "+", ISA_TOKEN_OPERATOR, ISA_OP_ADD },
    { "-", ISA_TOKEN_OPERATOR, ISA_OP_SUB },
    { "*", ISA_TOKEN_OPERATOR, ISA_OP_MUL },
    { "|", ISA_TOKEN_OPERATOR, ISA_OP_OR },
    { "&", ISA_TOKEN_OPERATOR, ISA_OP_AND },
    { "^", ISA_TOKEN_OPERATOR, ISA_OP_XOR },
    { "~", ISA_TOKEN_TILDE, 0 },
    { "=", ISA_TOKEN_ASSIGN, 0 },
    { "(", ISA_TOKEN_LEFT_PAREN, 0 },
    { ")", ISA_TOKEN_RIGHT_PAREN, 0 },
    { "[", ISA_TOKEN_LEFT_BRACKET, 0 },
    { "]", ISA_TOKEN_RIGHT_BRACKET, 0 },
    { ",", ISA_TOKEN_COMMA, 0 },
    { ":", ISA_TOKEN_COLON, 0 },
    { ".", ISA_TOKEN_DOT, 0 },
};

/* What people write out of habit, and what this language has in its place; before `punctuation`. */
static const struct {
    const char *text;
    const char *advice;
} habits[] = {
    { "&&", "`&&` is not an operator; write `and`" },
    { "||", "`||` is not an operator; write `or`" },
    { "<=", "`<=` must say how it reads its operands; write `<=u` (unsigned) or `<=s` (signed)" },
    { ">=", "`>=` must say how it reads its operands; write `>=u` (unsigned) or `>=s` (signed)" },
    { ">>", "`>>` must say what it shifts in; write `>>u` (zeros) or `>>s` (the sign)" },
    { "<", "`<` must say how it reads its operands; write `<u` (unsigned) or `<s` (signed)" },
    { ">", "`>` must say how it reads its operands; write `>u` (unsigned) or `>s` (signed)" },
    { "/", "`/` must say how it reads its operands; write `/u` (unsigned) or `/s` (signed)" },
    { "%", "`%` must say how it reads its operands; write `%u` (unsigned) or `%s` (signed)" },
    { "!", "`!` is not an operator; write `not`, or `!=` to compare" },
    { ";", "a statement ends with its line; write one per line" },
    { "{", "braces do not make blocks; indent instead" },
    { "}", "braces do not make blocks; indent instead" },
};

static bool stands_here(const struct isa_lexer *lexer, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(lexer->end - lexer->at) < length || memcmp(lexer->at, text, length) != 0) {
        return false;
    }
    return !is_letter(text[length - 1]) || !is_word(peek(lexer, length));
}

static void count_brackets(struct isa_lexer *lexer, const struct isa_token *token)
{
    if (token->kind == ISA_TOKEN_LEFT_PAREN || token->kind == ISA_TOKEN_LEFT_BRACKET) {
        if (lexer->brackets++ == 0) {
            lexer->bracket = token->place;
        }
    } else if (token->kind == ISA_TOKEN_RIGHT_PAREN || token->kind == ISA_TOKEN_RIGHT_BRACKET) {
        if (lexer->brackets > 0) {
            lexer->brackets--;
        }
    }
}

static struct isa_token bad_character(struct isa_lexer *lexer)
{
    struct isa_token token = make(lexer, ISA_TOKEN_ERROR);
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
        if (stands_here(lexer, habits[i].text)) {
            isa_report(lexer->diagnostics, token.place, "%s", habits[i].advice);
            lexer->at += strlen(habits[i].text);
            return token;
        }
    }
    int c = peek(lexer, 0);
    if (c > ' ' && c < 0x7f) {
        isa_report(lexer->diagnostics, token.place, "`%c` means nothing here; remove it", c);
    } else {
        isa_report(lexer->diagnostics, token.place, "byte 0x%02x is not text of a description; remove it", (unsigned)c);
    }
    while (peek(lexer, 0) >= 0x80) { /* one message for a run of them */
        lexer->at++;
    }
    if (c < 0x80) {
        lexer->at++;
    }
    return token;
}

static struct isa_token symbol(struct isa_lexer *lexer)
{
    for (size_t i = 0; i < sizeof punctuation / sizeof punctuation[0]; i++) {
        if (!stands_here(lexer, punctuation[i].text)) {
            continue;
        }
        /* `>>` must not be taken as `>` … : only habits has those, and `&&`, `||` come before `&`, `|`. */
        if (stands_here(lexer, "&&") || stands_here(lexer, "||")) {
            break;
        }
        struct isa_token token = make(lexer, punctuation[i].kind);
        token.op = punctuation[i].op;
        lexer->at += strlen(punctuation[i].text);
        count_brackets(lexer, &token);
        return token;
    }
    return bad_character(lexer);
}

/* A line at the left margin cannot continue a bracket: better to say so there than at the end of the file. */
static bool bracket_left_open(struct isa_lexer *lexer)
{
    if (lexer->brackets == 0 || lexer->fragment || (!lexer->line_begins && lexer->at != lexer->end)) {
        return false;
    }
    lexer->line_begins = false;
    if (lexer->at != lexer->line_start && lexer->at != lexer->end) {
        return false;
    }
    isa_report(lexer->diagnostics, lexer->bracket,
               "this bracket is not closed; close it, and indent the lines that continue it");
    lexer->brackets = 0;
    lexer->line_begins = true;
    return true;
}

struct isa_token isa_lexer_next(struct isa_lexer *lexer)
{
    struct isa_token token;
    if (lexer->dedents > 0) {
        lexer->dedents--;
        return make(lexer, ISA_TOKEN_DEDENT);
    }
    if (!skip_space(lexer)) {
        return make(lexer, ISA_TOKEN_ERROR);
    }
    if (lexer->unclosed) {
        lexer->unclosed = false;
        lexer->line_has_tokens = false;
        return make(lexer, ISA_TOKEN_NEWLINE);
    }
    if (bracket_left_open(lexer)) {
        lexer->unclosed = true;
        return make(lexer, ISA_TOKEN_ERROR);
    }
    int c = peek(lexer, 0);
    if (c < 0 && lexer->fragment) {
        return make(lexer, ISA_TOKEN_END);
    }
    if (lexer->line_has_tokens && (c == '\n' || c < 0) && !lexer->fragment) {
        return line_end(lexer);
    }
    if ((lexer->line_begins || c < 0) && lexer->brackets == 0 && indentation(lexer, &token)) {
        return token;
    }
    if (c < 0) {
        return make(lexer, ISA_TOKEN_END);
    }
    lexer->line_has_tokens = true;
    if (is_digit(c)) {
        return number(lexer);
    }
    if (is_letter(c)) {
        return word(lexer);
    }
    return c == '"' ? string(lexer) : symbol(lexer);
}

const char *isa_token_text(struct isa_arena *arena, const struct isa_token *token)
{
    char text[200];
    switch (token->kind) {
    case ISA_TOKEN_END: return "the end of the text";
    case ISA_TOKEN_NEWLINE: return "the end of the line";
    case ISA_TOKEN_INDENT: return "an indented line";
    case ISA_TOKEN_DEDENT: return "the end of the block";
    case ISA_TOKEN_STRING: return "a string";
    case ISA_TOKEN_NAME:
    case ISA_TOKEN_NUMBER:
        snprintf(text, sizeof text, "`%.60s`", token->text);
        return isa_arena_text(arena, text, strlen(text));
    case ISA_TOKEN_ERROR:
    case ISA_TOKEN_LEFT_PAREN:
    case ISA_TOKEN_RIGHT_PAREN:
    case ISA_TOKEN_LEFT_BRACKET:
    case ISA_TOKEN_RIGHT_BRACKET:
    case ISA_TOKEN_COMMA:
    case ISA_TOKEN_COLON:
    case ISA_TOKEN_DOT:
    case ISA_TOKEN_ARROW:
    case ISA_TOKEN_ASSIGN:
    case ISA_TOKEN_TILDE:
    case ISA_TOKEN_OPERATOR: break;
    }
    for (size_t i = 0; i < sizeof punctuation / sizeof punctuation[0]; i++) {
        if (punctuation[i].kind == token->kind &&
            (token->kind != ISA_TOKEN_OPERATOR || punctuation[i].op == token->op)) {
            snprintf(text, sizeof text, "`%s`", punctuation[i].text);
            return isa_arena_text(arena, text, strlen(text));
        }
    }
    return "this";
}
