/* SPDX-License-Identifier: Apache-2.0 */
/* Files and their declarations: section 3 of docs/reference/isa-language.md. */
#include "isa/parser.h"
#include "isa/reader.h"

#include <string.h>

#define ERROR_LIMIT 1000u /* a text with more is none */

static const char *parse_title(struct isa_parser *parser)
{
    if (parser->token.kind != ISA_TOKEN_STRING) {
        isa_parser_unexpected(parser, "a title in quotes");
        return NULL;
    }
    const char *title = parser->token.text;
    isa_parser_advance(parser);
    return title;
}

static struct isa_syntax_word *parse_reference(struct isa_parser *parser, const char *what)
{
    struct isa_syntax_word *word = ISA_NEW(parser->arena, struct isa_syntax_word);
    word->text = isa_parser_name(parser, what, &word->place);
    return word->text == NULL ? NULL : word;
}

static bool parse_machine(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    decl->title = parse_title(parser);
    if (decl->title == NULL) {
        return false;
    }
    if (!isa_parser_accept_word(parser, "csr_missing")) {
        return true;
    }
    decl->other = parse_reference(parser, "the name of an exception");
    return decl->other != NULL;
}

static bool parse_extension(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    decl->title = parse_title(parser);
    if (decl->title == NULL) {
        return false;
    }
    if (!isa_parser_accept_word(parser, "needs")) {
        return true;
    }
    decl->in = isa_parse_expression(parser);
    return decl->in != NULL;
}

static bool parse_value(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!isa_parser_expect(parser, ISA_TOKEN_ASSIGN, "`=` and its value")) {
        return false;
    }
    decl->value = isa_parse_expression(parser);
    return decl->value != NULL;
}

static bool parse_mode(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!parse_value(parser, decl)) {
        return false;
    }
    decl->title = parse_title(parser);
    return decl->title != NULL;
}

static bool parse_exception(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!parse_mode(parser, decl)) {
        return false;
    }
    if (!isa_parser_accept_word(parser, "tval")) {
        return true;
    }
    decl->tval = isa_parse_expression(parser);
    return decl->tval != NULL;
}

static bool parse_constant(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_accept(parser, ISA_TOKEN_COLON) && !isa_parse_type(parser, &decl->type)) {
        return false;
    }
    return parse_value(parser, decl);
}

static const char *const register_clauses[] = { "is", "reset", "zero", "names", NULL };

static bool parse_register_clause(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_accept_word(parser, "is")) {
        decl->role = parse_reference(parser, "`program_counter` or `mode`");
        return decl->role != NULL;
    }
    if (isa_parser_accept_word(parser, "reset")) {
        decl->reset = isa_parse_expression(parser);
        return decl->reset != NULL;
    }
    if (isa_parser_accept_word(parser, "zero")) {
        decl->zero = isa_parse_primary(parser);
        return decl->zero != NULL;
    }
    if (isa_parser_accept_word(parser, "names")) {
        return isa_parse_words(parser, register_clauses + 4, false, &decl->words);
    }
    isa_parser_unexpected(parser, "`is`, `reset`, `zero` or `names`");
    return false;
}

static bool parse_register(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_accept(parser, ISA_TOKEN_LEFT_BRACKET)) {
        decl->count = isa_parse_expression(parser);
        if (decl->count == NULL || !isa_parser_expect(parser, ISA_TOKEN_RIGHT_BRACKET, "`]`")) {
            return false;
        }
    }
    if (!isa_parser_expect(parser, ISA_TOKEN_COLON, "`: bits(N)`") || !isa_parse_type(parser, &decl->type)) {
        return false;
    }
    while (!isa_parser_at_line_end(parser)) {
        if (!parse_register_clause(parser, decl)) {
            return false;
        }
    }
    return true;
}

static bool parse_names(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    static const char *const no_stops[] = { NULL };
    decl->value = isa_parse_primary(parser);
    return decl->value != NULL && isa_parser_expect(parser, ISA_TOKEN_ASSIGN, "`=` and the names") &&
           isa_parse_words(parser, no_stops, false, &decl->words);
}

static bool parse_piece(struct isa_parser *parser, struct isa_syntax_piece *piece)
{
    piece->place = parser->token.place;
    if (parser->token.kind == ISA_TOKEN_NUMBER) {
        piece->high = isa_parse_primary(parser);
        return piece->high != NULL;
    }
    piece->name = isa_parser_name(parser, "a piece: `field[high:low]`, `field[bit]` or `0b…`", NULL);
    if (piece->name == NULL || !isa_parser_expect(parser, ISA_TOKEN_LEFT_BRACKET, "`[` and the bits of the field")) {
        return false;
    }
    piece->high = isa_parse_expression(parser);
    piece->low = piece->high;
    if (piece->high != NULL && isa_parser_accept(parser, ISA_TOKEN_COLON)) {
        piece->low = isa_parse_expression(parser);
    }
    return piece->low != NULL && isa_parser_expect(parser, ISA_TOKEN_RIGHT_BRACKET, "`]`");
}

static bool parse_format(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    decl->value = isa_parse_primary(parser);
    if (decl->value == NULL) {
        return false;
    }
    struct isa_syntax_piece **end = &decl->pieces;
    while (!isa_parser_at_line_end(parser)) {
        struct isa_syntax_piece *piece = ISA_NEW(parser->arena, struct isa_syntax_piece);
        if (!parse_piece(parser, piece)) {
            return false;
        }
        *end = piece;
        end = &piece->next;
    }
    return true;
}

static bool parse_parameters(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    struct isa_syntax_parameter **end = &decl->parameters;
    if (!isa_parser_expect(parser, ISA_TOKEN_LEFT_PAREN, "`(` and the parameters")) {
        return false;
    }
    while (parser->token.kind != ISA_TOKEN_RIGHT_PAREN) {
        struct isa_syntax_parameter *parameter = ISA_NEW(parser->arena, struct isa_syntax_parameter);
        parameter->name = isa_parser_name(parser, "`name: bits(N)`", &parameter->place);
        if (parameter->name == NULL || !isa_parser_expect(parser, ISA_TOKEN_COLON, "`:` and the parameter's type") ||
            !isa_parse_type(parser, &parameter->type)) {
            return false;
        }
        *end = parameter;
        end = &parameter->next;
        if (!isa_parser_accept(parser, ISA_TOKEN_COMMA)) {
            break;
        }
    }
    return isa_parser_expect(parser, ISA_TOKEN_RIGHT_PAREN, "`,` or `)`");
}

static bool parse_signature(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!parse_parameters(parser, decl)) {
        return false;
    }
    return !isa_parser_accept(parser, ISA_TOKEN_ARROW) || isa_parse_type(parser, &decl->type);
}

static bool parse_function(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    return parse_signature(parser, decl) && isa_parser_end_line(parser) &&
           isa_parse_block(parser, &decl->body, "a function");
}

static bool parse_primitive(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    static const char *const no_stops[] = { NULL };
    decl->primitive = true;
    return parse_signature(parser, decl) && isa_parse_words(parser, no_stops, false, &decl->words);
}

typedef bool parse_function_type(struct isa_parser *parser, struct isa_syntax_decl *decl);

static const struct declaration_rule {
    const char *keyword;
    enum isa_syntax_decl_kind kind;
    parse_function_type *parse; /* behind keyword and name */
    bool dotted;                /* the name may have dots */
    bool has_block;             /* `parse` takes the end of the line too */
    const char *name;           /* what the name is called in a message */
} rules[] = {
    { "machine", ISA_SYNTAX_MACHINE, parse_machine, false, false, "the machine's name" },
    { "extension", ISA_SYNTAX_EXTENSION, parse_extension, false, false, "the extension's name" },
    { "mode", ISA_SYNTAX_MODE, parse_mode, false, false, "the mode's name" },
    { "constant", ISA_SYNTAX_CONSTANT, parse_constant, false, false, "the constant's name" },
    { "exception", ISA_SYNTAX_EXCEPTION, parse_exception, false, false, "the exception's name" },
    { "register", ISA_SYNTAX_REGISTER, parse_register, false, false, "the register's name" },
    { "names", ISA_SYNTAX_NAMES, parse_names, false, false, "the table's name" },
    { "format", ISA_SYNTAX_FORMAT, parse_format, false, false, "the format's name" },
    { "instruction", ISA_SYNTAX_INSTRUCTION, isa_parse_instruction, true, true, "the instruction's name" },
    { "function", ISA_SYNTAX_FUNCTION, parse_function, false, true, "the function's name" },
    { "primitive", ISA_SYNTAX_FUNCTION, parse_primitive, false, false, "the primitive's name" },
    { "csr", ISA_SYNTAX_CSR, isa_parse_csr, false, true, "the control register's name" },
};

static const struct declaration_rule *find_rule(struct isa_parser *parser)
{
    struct isa_suggestion suggestion;
    const bool is_word = parser->token.kind == ISA_TOKEN_NAME;
    isa_suggest_start(&suggestion, is_word ? parser->token.text : "");
    isa_suggest(&suggestion, "include");
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        isa_suggest(&suggestion, rules[i].keyword);
        if (isa_parser_accept_word(parser, rules[i].keyword)) {
            return &rules[i];
        }
    }
    if (suggestion.best != NULL) {
        isa_report(parser->diagnostics, parser->token.place, "`%s` begins no declaration; did you mean `%s`?",
                   parser->token.text, suggestion.best);
        return NULL;
    }
    isa_parser_unexpected(parser, "a declaration: `include`, `machine`, `extension`, `mode`, `constant`, `exception`, "
                                  "`register`, `names`, `format`, `instruction`, `function`, `primitive` or `csr`");
    return NULL;
}

static bool parse_declaration(struct isa_parser *parser)
{
    bool exported = isa_parser_accept_word(parser, "export");
    if (exported && !isa_parser_at_word(parser, "function")) {
        isa_parser_unexpected(parser, "`function`: nothing else is exported");
        return false;
    }
    const struct declaration_rule *rule = find_rule(parser);
    if (rule == NULL) {
        return false;
    }
    struct isa_syntax_decl *decl = ISA_NEW(parser->arena, struct isa_syntax_decl);
    decl->kind = rule->kind;
    decl->exported = exported;
    decl->name = rule->dotted ? isa_parser_dotted_name(parser, rule->name, &decl->place)
                              : isa_parser_name(parser, rule->name, &decl->place);
    if (decl->name == NULL || !rule->parse(parser, decl) || (!rule->has_block && !isa_parser_end_line(parser))) {
        return false;
    }
    *parser->declarations = decl;
    parser->declarations = &decl->next;
    return true;
}

static bool parse_include(struct isa_parser *parser)
{
    isa_parser_advance(parser);
    struct isa_token token = parser->token;
    if (!isa_parser_expect(parser, ISA_TOKEN_STRING, "the file's name in quotes") || !isa_parser_end_line(parser)) {
        return false;
    }
    parser->include(parser, token.place, token.text);
    return true;
}

void isa_parse_file(struct isa_parser *parser)
{
    isa_parser_advance(parser);
    while (parser->token.kind != ISA_TOKEN_END && parser->diagnostics->total < ERROR_LIMIT) {
        bool good = true;
        if (parser->token.kind == ISA_TOKEN_INDENT) {
            isa_report(parser->diagnostics, parser->token.place,
                       "a declaration begins at the left margin; remove the spaces before it");
            good = false;
        } else if (parser->token.kind == ISA_TOKEN_DEDENT) {
            isa_parser_advance(parser);
        } else if (isa_parser_at_word(parser, "include")) {
            good = parse_include(parser);
        } else {
            good = parse_declaration(parser);
        }
        if (!good) {
            isa_parser_skip_line(parser);
        }
    }
}
