/* SPDX-License-Identifier: Apache-2.0 */
/* Assembly templates: text with `{expression}` or `{expression:style}` in it. */
#include "isa/check.h"
#include "isa/parser.h"

#include <string.h>

static const struct {
    const char *name;
    enum isa_asm_style style;
} styles[] = {
    { "unsigned", ISA_ASM_UNSIGNED }, { "signed", ISA_ASM_SIGNED }, { "hex", ISA_ASM_HEX },
    { "branch", ISA_ASM_BRANCH },     { "csr", ISA_ASM_CSR },
};

static bool find_style(struct isa_scope *scope, struct isa_asm_part *part, const char *name, struct isa_place place)
{
    struct isa_suggestion suggestion;
    isa_suggest_start(&suggestion, name);
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        isa_suggest(&suggestion, styles[i].name);
        if (strcmp(styles[i].name, name) == 0) {
            part->style = styles[i].style;
            return true;
        }
    }
    struct isa_symbol *symbol = isa_find(scope->reader, ISA_SPACE_NAMES, name);
    if (symbol != NULL) {
        part->style = ISA_ASM_NAMES;
        part->names = symbol->as.names;
        return true;
    }
    isa_suggest_space(scope->reader, &suggestion, ISA_SPACE_NAMES);
    isa_report(scope->reader->diagnostics, place, "there is no style or table of names `%s`; %s", name,
               isa_suggest_text(scope->reader, &suggestion, "write signed, hex, branch, csr or a `names` table"));
    return false;
}

/* `x[rd]` with a bank of registers: its index is the expression. */
static const struct isa_register *bank_of(struct isa_scope *scope, const struct isa_syntax_expr *expr)
{
    if (expr->kind != ISA_SYNTAX_INDEX || expr->a->kind != ISA_SYNTAX_NAME) {
        return NULL;
    }
    struct isa_symbol *symbol = isa_find(scope->reader, ISA_SPACE_VALUE, expr->a->name);
    if (symbol == NULL || symbol->decl->kind != ISA_SYNTAX_REGISTER || symbol->as.reg->count == 0) {
        return NULL;
    }
    return symbol->as.reg;
}

static bool check_operand(struct isa_scope *scope, struct isa_asm_part *part, struct isa_syntax_expr *expr)
{
    part->reg = bank_of(scope, expr);
    if (part->reg != NULL) {
        part->style = ISA_ASM_REGISTER;
        part->expr = isa_check_amount(scope, expr->b);
    } else {
        part->expr = isa_check(scope, expr, ISA_ANY);
    }
    if (part->expr == NULL) {
        return false;
    }
    if (isa_is_width(part->expr->width) && part->expr->width <= 64) {
        return true;
    }
    isa_report(scope->reader->diagnostics, expr->place, "this is %s, but 1 to 64 bits are printed; %s",
               isa_width_text(scope->reader, part->expr->width),
               part->expr->width == ISA_BOOL ? "write `bit(…)`" : "take a slice");
    return false;
}

/* Parses and checks what is between the braces. */
static bool check_braces(struct isa_scope *scope, struct isa_asm_part *part, struct isa_place place, const char *text,
                         size_t size)
{
    struct isa_parser parser = { .arena = scope->reader->arena, .diagnostics = scope->reader->diagnostics };
    isa_lexer_start_fragment(&parser.lexer, parser.arena, parser.diagnostics, place, text, size);
    isa_parser_advance(&parser);
    struct isa_syntax_expr *expr = isa_parse_expression(&parser);
    if (expr == NULL || !check_operand(scope, part, expr)) {
        return false;
    }
    if (isa_parser_accept(&parser, ISA_TOKEN_COLON)) {
        struct isa_place style_place;
        const char *style = isa_parser_name(&parser, "a style", &style_place);
        if (style == NULL) {
            return false;
        }
        if (part->reg != NULL) {
            isa_report(parser.diagnostics, style_place, "a register is printed by its name; remove the style");
            return false;
        }
        if (!find_style(scope, part, style, style_place)) {
            return false;
        }
    }
    if (parser.token.kind != ISA_TOKEN_END) {
        isa_parser_unexpected(&parser, "`}` or `:style`");
        return false;
    }
    if (part->style == ISA_ASM_NAMES && part->names->width != part->expr->width) {
        isa_report(parser.diagnostics, place, "this is bits(%u), but `%s` names the values of bits(%u); take a slice",
                   part->expr->width, part->names->name, part->names->width);
        return false;
    }
    return true;
}

static struct isa_asm_part *new_part(struct isa_scope *scope, struct isa_asm_part ***end)
{
    struct isa_asm_part *part = ISA_NEW(scope->reader->arena, struct isa_asm_part);
    **end = part;
    *end = &part->next;
    return part;
}

struct isa_asm_part *isa_check_template(struct isa_scope *scope, const struct isa_syntax_word *word)
{
    struct isa_asm_part *first = NULL, **end = &first;
    const char *at = word->text;
    while (*at != '\0') {
        struct isa_place place = word->place;
        place.column += (unsigned)(at - word->text) + 1; /* behind the quote */
        size_t length = strcspn(at, "{}");
        if (length > 0) {
            new_part(scope, &end)->text = isa_arena_text(scope->reader->arena, at, length);
            at += length;
            continue;
        }
        size_t inside = strcspn(at + 1, "{}");
        if (*at == '}' || at[1 + inside] != '}') {
            isa_report(scope->reader->diagnostics, place, "this brace has no partner; write `{expression}`");
            return first;
        }
        place.column++;
        check_braces(scope, new_part(scope, &end), place, at + 1, inside);
        at += inside + 2;
    }
    return first;
}
