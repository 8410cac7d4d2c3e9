/* SPDX-License-Identifier: Apache-2.0 */
/* `instruction` declarations. Clauses may stand on the header line or, before the body, on lines of their own. */
#include "isa/parser.h"

static const char *const clause_words[] = { "in", "where", "overrides", "is", "asm", "doc", NULL };

static bool at_clause(const struct isa_parser *parser)
{
    for (size_t i = 0; clause_words[i] != NULL; i++) {
        if (isa_parser_at_word(parser, clause_words[i])) {
            return true;
        }
    }
    return false;
}

static bool not_twice(struct isa_parser *parser, bool given, const char *clause)
{
    if (given) {
        isa_report(parser->diagnostics, parser->token.place, "a second `%s`; one instruction has one, combine them",
                   clause);
    }
    return !given;
}

static const char *parse_string(struct isa_parser *parser, const char *what)
{
    const char *text = parser->token.text;
    return isa_parser_expect(parser, ISA_TOKEN_STRING, what) ? text : NULL;
}

static struct isa_syntax_word *parse_template(struct isa_parser *parser)
{
    struct isa_syntax_word *template = ISA_NEW(parser->arena, struct isa_syntax_word);
    template->place = parser->token.place;
    template->text = parse_string(parser, "the text of the operands in quotes");
    return template->text == NULL ? NULL : template;
}

static bool parse_asm(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!not_twice(parser, decl->assembly != NULL || decl->mnemonic != NULL, "asm")) {
        return false;
    }
    isa_parser_advance(parser);
    if (parser->token.kind == ISA_TOKEN_NAME) {
        decl->mnemonic = isa_parser_dotted_name(parser, "the mnemonic", NULL);
        if (decl->mnemonic == NULL) {
            return false;
        }
        if (parser->token.kind != ISA_TOKEN_STRING) {
            return true;
        }
    }
    decl->assembly = parse_template(parser);
    if (decl->assembly == NULL || parser->token.kind != ISA_TOKEN_STRING || decl->mnemonic != NULL) {
        return decl->assembly != NULL;
    }
    decl->mnemonic_parts = decl->assembly;
    decl->assembly = parse_template(parser);
    return decl->assembly != NULL;
}

static bool parse_is(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!not_twice(parser, decl->other != NULL, "is")) {
        return false;
    }
    isa_parser_advance(parser);
    decl->other = ISA_NEW(parser->arena, struct isa_syntax_word);
    decl->other->text = isa_parser_dotted_name(parser, "the name of an instruction", &decl->other->place);
    return decl->other->text != NULL && isa_parse_settings(parser, &decl->bindings);
}

static bool parse_expression_clause(struct isa_parser *parser, struct isa_syntax_expr **expr, const char *clause)
{
    if (!not_twice(parser, *expr != NULL, clause)) {
        return false;
    }
    isa_parser_advance(parser);
    *expr = isa_parse_expression(parser);
    return *expr != NULL;
}

static bool parse_overrides(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    struct isa_syntax_word **end = &decl->overrides;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    isa_parser_advance(parser);
    if (!isa_parse_words(parser, clause_words, true, end)) {
        return false;
    }
    if (*end == NULL) {
        isa_parser_unexpected(parser, "the names of the instructions it overrides");
    }
    return *end != NULL;
}

static bool parse_doc(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (!not_twice(parser, decl->doc != NULL, "doc")) {
        return false;
    }
    isa_parser_advance(parser);
    decl->doc = parse_string(parser, "a sentence in quotes");
    return decl->doc != NULL;
}

static bool parse_clause(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_at_word(parser, "in")) {
        return parse_expression_clause(parser, &decl->in, "in");
    }
    if (isa_parser_at_word(parser, "where")) {
        return parse_expression_clause(parser, &decl->where, "where");
    }
    if (isa_parser_at_word(parser, "overrides")) {
        return parse_overrides(parser, decl);
    }
    if (isa_parser_at_word(parser, "is")) {
        return parse_is(parser, decl);
    }
    if (isa_parser_at_word(parser, "asm")) {
        return parse_asm(parser, decl);
    }
    if (isa_parser_at_word(parser, "doc")) {
        return parse_doc(parser, decl);
    }
    isa_parser_unexpected(parser, "`in`, `where`, `overrides`, `is`, `asm` or `doc`");
    return false;
}

/* Clause lines, then statements. */
static void parse_inside(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    while (at_clause(parser)) {
        while (!isa_parser_at_line_end(parser)) {
            if (!parse_clause(parser, decl)) {
                isa_parser_skip_line(parser);
                break;
            }
        }
        isa_parser_accept(parser, ISA_TOKEN_NEWLINE);
    }
    decl->body.place = parser->token.place;
    decl->body.given = parser->token.kind != ISA_TOKEN_DEDENT;
    decl->body.first = isa_parse_statements(parser);
}

bool isa_parse_instruction(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    decl->format = ISA_NEW(parser->arena, struct isa_syntax_word);
    decl->format->text =
        isa_parser_name(parser, "the format and its fixed fields, as `R(opcode = 0b…)`", &decl->format->place);
    if (decl->format->text == NULL || !isa_parse_settings(parser, &decl->settings)) {
        return false;
    }
    while (!isa_parser_at_line_end(parser)) {
        if (!parse_clause(parser, decl)) {
            return false;
        }
    }
    if (!isa_parser_end_line(parser)) {
        return false;
    }
    if (isa_parser_accept(parser, ISA_TOKEN_INDENT)) {
        parse_inside(parser, decl);
    }
    return true;
}
