/* SPDX-License-Identifier: Apache-2.0 */
/* `csr` declarations. */
#include "isa/parser.h"

static const char *const header_words[] = { "reset", "in", "view", "from", NULL };

static bool parse_view(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    decl->other = ISA_NEW(parser->arena, struct isa_syntax_word);
    decl->other->text = isa_parser_name(parser, "the name of the control register it shows", &decl->other->place);
    return decl->other->text != NULL && isa_parse_words(parser, header_words, false, &decl->words);
}

static bool parse_header_clause(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_accept_word(parser, "reset")) {
        decl->reset = isa_parse_expression(parser);
        return decl->reset != NULL;
    }
    if (isa_parser_accept_word(parser, "in")) {
        decl->in = isa_parse_expression(parser);
        return decl->in != NULL;
    }
    if (isa_parser_accept_word(parser, "from")) {
        decl->from = isa_parse_primary(parser);
        return decl->from != NULL;
    }
    if (isa_parser_accept_word(parser, "view")) {
        return parse_view(parser, decl);
    }
    isa_parser_unexpected(parser, "`reset`, `in`, `from`, `view`, `field`, `access`, `read`, `write` or `after`");
    return false;
}

static bool parse_header(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_accept(parser, ISA_TOKEN_LEFT_BRACKET)) {
        decl->count = isa_parse_expression(parser);
        if (decl->count == NULL || !isa_parser_expect(parser, ISA_TOKEN_RIGHT_BRACKET, "`]`")) {
            return false;
        }
    }
    if (isa_parser_accept(parser, ISA_TOKEN_COLON) && !isa_parse_type(parser, &decl->type)) {
        return false;
    }
    if (parser->token.kind == ISA_TOKEN_NUMBER) {
        decl->value = isa_parse_primary(parser);
    }
    decl->title = parser->token.text;
    if (!isa_parser_expect(parser, ISA_TOKEN_STRING, "a title in quotes")) {
        return false;
    }
    while (!isa_parser_at_line_end(parser)) {
        if (!parse_header_clause(parser, decl)) {
            return false;
        }
    }
    return isa_parser_end_line(parser);
}

static bool parse_legal(struct isa_parser *parser, struct isa_syntax_csr_field *field)
{
    struct isa_syntax_expr **end = &field->values;
    field->rule = ISA_RULE_LEGAL;
    do {
        *end = isa_parse_primary(parser);
        if (*end == NULL) {
            return false;
        }
        end = &(*end)->next;
    } while (!isa_parser_at_line_end(parser));
    return true;
}

static bool parse_rule(struct isa_parser *parser, struct isa_syntax_csr_field *field)
{
    if (isa_parser_accept_word(parser, "legal")) {
        return parse_legal(parser, field);
    }
    if (isa_parser_accept_word(parser, "readonly")) {
        field->rule = ISA_RULE_READONLY;
        return true;
    }
    if (isa_parser_accept_word(parser, "is")) {
        field->rule = ISA_RULE_IS;
        field->values = isa_parse_expression(parser);
        return field->values != NULL;
    }
    isa_parser_unexpected(parser, "one of `legal`, `is`, `readonly`, or nothing more");
    return false;
}

static bool parse_field(struct isa_parser *parser, struct isa_syntax_csr_field *field)
{
    field->name = isa_parser_name(parser, "the field's name", &field->place);
    if (field->name == NULL) {
        return false;
    }
    field->high = isa_parse_primary(parser);
    field->low = field->high;
    if (field->high != NULL && isa_parser_accept(parser, ISA_TOKEN_COLON)) {
        field->low = isa_parse_primary(parser);
    }
    if (field->low == NULL) {
        return false;
    }
    return isa_parser_at_line_end(parser) || parse_rule(parser, field);
}

/* `access`, `read`, `write` and `after` lines; NULL: the token is none of them. */
static struct isa_syntax_block *block_of(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    if (isa_parser_at_word(parser, "access")) {
        return &decl->access;
    }
    if (isa_parser_at_word(parser, "read")) {
        return &decl->read;
    }
    if (isa_parser_at_word(parser, "write")) {
        return &decl->write;
    }
    return isa_parser_at_word(parser, "after") ? &decl->after : NULL;
}

static bool parse_csr_block(struct isa_parser *parser, struct isa_syntax_block *block)
{
    if (block->given) {
        isa_report(parser->diagnostics, parser->token.place, "a second `%s` block; join the two", parser->token.text);
    }
    isa_parser_advance(parser);
    return isa_parser_end_line(parser) && isa_parse_block(parser, block, "this");
}

static bool parse_inside_line(struct isa_parser *parser, struct isa_syntax_decl *decl,
                              struct isa_syntax_csr_field ***fields)
{
    struct isa_syntax_block *block = block_of(parser, decl);
    if (block != NULL) {
        return parse_csr_block(parser, block);
    }
    if (!isa_parser_accept_word(parser, "field")) {
        while (!isa_parser_at_line_end(parser)) {
            if (!parse_header_clause(parser, decl)) {
                return false;
            }
        }
        return isa_parser_end_line(parser);
    }
    struct isa_syntax_csr_field *field = ISA_NEW(parser->arena, struct isa_syntax_csr_field);
    if (!parse_field(parser, field) || !isa_parser_end_line(parser)) {
        return false;
    }
    **fields = field;
    *fields = &field->next;
    return true;
}

bool isa_parse_csr(struct isa_parser *parser, struct isa_syntax_decl *decl)
{
    struct isa_syntax_csr_field **fields = &decl->fields;
    if (!parse_header(parser, decl)) {
        return false;
    }
    if (!isa_parser_accept(parser, ISA_TOKEN_INDENT)) {
        return true;
    }
    while (parser->token.kind != ISA_TOKEN_DEDENT && parser->token.kind != ISA_TOKEN_END) {
        if (!parse_inside_line(parser, decl, &fields)) {
            isa_parser_skip_line(parser);
        }
    }
    isa_parser_accept(parser, ISA_TOKEN_DEDENT);
    return true;
}
