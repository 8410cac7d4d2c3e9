/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers: computed fields, and the access, read, write and after blocks. */
#include "isa/check.h"

static void check_computed(struct isa_reader *reader, struct isa_symbol *symbol)
{
    const struct isa_syntax_csr_field *syntax = symbol->decl->fields;
    struct isa_node **node = symbol->csr_nodes->fields;
    for (struct isa_csr_field *field = symbol->as.csr->fields; field != NULL;
         field = field->next, syntax = syntax->next, node++) {
        if (field->rule != ISA_RULE_IS) {
            continue;
        }
        struct isa_scope scope = { .reader = reader,
                                   .view = ISA_VIEW_STATE,
                                   .what = "a computed field",
                                   .node = *node,
                                   .local_count = &symbol->csr_nodes->local_count };
        field->is = isa_check(&scope, syntax->values, field->high - field->low + 1);
    }
}

/* What all blocks of one register have in common. */
static struct isa_scope block_scope(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_scope scope = { .reader = reader,
                               .view = ISA_VIEW_STATE,
                               .what = "a block",
                               .local_count = &symbol->csr_nodes->local_count,
                               .errors = reader->diagnostics->total };
    return scope;
}

static void add_implicit(struct isa_scope *scope, struct isa_local **slot, struct isa_place place, const char *name,
                         unsigned width)
{
    struct isa_check_local *outer = scope->locals;
    if (*slot == NULL) {
        *slot = isa_add_local(scope, place, name, width, false, true);
    } else {
        struct isa_check_local *again = ISA_NEW(scope->reader->arena, struct isa_check_local);
        again->local = *slot;
        again->may_be_unused = true;
        again->next = outer;
        scope->locals = again;
    }
}

static struct isa_node *check_block(struct isa_scope *scope, struct isa_symbol *symbol,
                                    const struct isa_syntax_block *block, const char *name, struct isa_stmt **body)
{
    struct isa_reader *reader = scope->reader;
    if (!block->given) {
        return NULL;
    }
    scope->node = isa_new_node(reader, block->place, isa_text(reader, "`%s` of `%s`", name, symbol->name));
    scope->node->body = body;
    scope->node->local_count = scope->local_count;
    scope->node->returns_value = scope->may_return;
    if (symbol->as.csr->count != 0) {
        add_implicit(scope, &symbol->as.csr->index, symbol->decl->place, "index", 12);
    }
    *body = isa_check_statements(scope, block->first);
    if (*body == NULL && reader->diagnostics->total == scope->errors) {
        isa_report(reader->diagnostics, block->place, "this block does nothing; remove it");
    }
    return scope->node;
}

static void check_blocks(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_csr *csr = symbol->as.csr;
    const struct isa_syntax_decl *decl = symbol->decl;
    struct isa_csr_nodes *nodes = symbol->csr_nodes;

    struct isa_scope access = block_scope(reader, symbol);
    if (decl->access.given) {
        add_implicit(&access, &csr->is_write, decl->access.place, "write", ISA_BOOL);
    }
    nodes->access = check_block(&access, symbol, &decl->access, "access", &csr->access);

    struct isa_scope read = block_scope(reader, symbol);
    read.may_return = true;
    read.result = csr->width;
    nodes->read = check_block(&read, symbol, &decl->read, "read", &csr->read);

    struct isa_scope write = block_scope(reader, symbol);
    if (decl->write.given) {
        add_implicit(&write, &csr->value, decl->write.place, "value", csr->width);
    }
    nodes->write = check_block(&write, symbol, &decl->write, "write", &csr->write);

    struct isa_scope after = block_scope(reader, symbol);
    nodes->after = check_block(&after, symbol, &decl->after, "after", &csr->after);
}

static void uses(struct isa_reader *reader, struct isa_node *node, struct isa_node *other)
{
    if (other != NULL) {
        isa_node_uses(reader, node, other, other->place);
    }
}

/* Software access runs the blocks, or the default in their place; a view runs its base's `after`. */
static void link_access(struct isa_reader *reader, struct isa_symbol *symbol)
{
    struct isa_csr_nodes *nodes = symbol->csr_nodes;
    uses(reader, reader->csr_read, nodes->access);
    uses(reader, reader->csr_read, nodes->read != NULL ? nodes->read : nodes->whole);
    uses(reader, reader->csr_write, nodes->access);
    uses(reader, reader->csr_write, nodes->write);
    uses(reader, reader->csr_write, nodes->after);
    if (symbol->as.csr->view != NULL) {
        uses(reader, reader->csr_write,
             isa_find(reader, ISA_SPACE_VALUE, symbol->as.csr->view->name)->csr_nodes->after);
    }
}

void isa_check_csr(struct isa_reader *reader, struct isa_symbol *symbol)
{
    const struct isa_syntax_decl *decl = symbol->decl;
    check_computed(reader, symbol);
    check_blocks(reader, symbol);
    if (symbol->as.csr->numbered) {
        link_access(reader, symbol);
    }
    if (!symbol->as.csr->numbered &&
        (decl->access.given || decl->read.given || decl->write.given || decl->after.given)) {
        isa_report(reader->diagnostics, decl->place,
                   "software cannot reach `%s`, which has no number, so its blocks never run; remove them",
                   symbol->name);
    }
    if (symbol->as.csr->numbered && reader->machine->csr_missing == NULL && reader->machine->name != NULL) {
        isa_report(
            reader->diagnostics, decl->place,
            "the machine's line must say what access to a missing register raises; write `csr_missing EXCEPTION`");
    }
}
