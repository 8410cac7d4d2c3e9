/* SPDX-License-Identifier: Apache-2.0 */
/* The call graph: what each body does in the end, that nothing calls itself, and an order of callees before callers. */
#include "isa/reader.h"

#define CALL_DEPTH_LIMIT 200u

struct visit {
    struct isa_reader *reader;
    struct isa_function **functions_end;
    unsigned depth;
    bool too_deep;
};

static void visit(struct visit *visit_, struct isa_node *node);

static void follow(struct visit *visit_, struct isa_node *node, const struct isa_edge *edge)
{
    struct isa_reader *reader = visit_->reader;
    if (edge->node->state == ISA_NODE_OPEN) {
        const char *advice = node->function == NULL ? "give one of them a value of its own" : "write a `for` loop";
        if (edge->node == node) {
            isa_report(reader->diagnostics, edge->place, "%s uses itself; there is no recursion, %s", node->name,
                       advice);
        } else {
            isa_report(reader->diagnostics, edge->place, "%s uses itself by way of %s; there is no recursion, %s",
                       edge->node->name, node->name, advice);
        }
        return;
    }
    if (visit_->depth < CALL_DEPTH_LIMIT) {
        visit(visit_, edge->node);
    } else if (!visit_->too_deep) {
        visit_->too_deep = true;
        isa_report(reader->diagnostics, edge->place, "calls nest more than %u deep here; join some functions",
                   CALL_DEPTH_LIMIT);
    }
    node->effects |= edge->node->effects;
}

static void visit(struct visit *visit_, struct isa_node *node)
{
    if (node->state != ISA_NODE_NEW) {
        return;
    }
    node->state = ISA_NODE_OPEN;
    visit_->depth++;
    for (const struct isa_edge *edge = node->uses; edge != NULL; edge = edge->next) {
        follow(visit_, node, edge);
    }
    visit_->depth--;
    node->state = ISA_NODE_DONE;
    if (node->function == NULL) {
        return;
    }
    node->function->effects = node->effects;
    *visit_->functions_end = node->function;
    visit_->functions_end = &node->function->next;
}

static unsigned effects_of(const struct isa_node *node)
{
    return node == NULL ? 0 : node->effects;
}

#define HARMLESS (ISA_EFFECT_READS_MEMORY | ISA_EFFECT_READS_CSR | ISA_EFFECT_READS_REGISTERS | ISA_EFFECT_READS_TIME)

static void finish_csr(struct isa_reader *reader, struct isa_symbol *symbol)
{
    const struct isa_csr_nodes *nodes = symbol->csr_nodes;
    unsigned access = effects_of(nodes->access), read = effects_of(nodes->read), write = effects_of(nodes->write);
    unsigned after = effects_of(nodes->after);
    symbol->as.csr->effects = access | read | write | after;
    struct isa_node **node = nodes->fields;
    for (const struct isa_csr_field *field = symbol->as.csr->fields; field != NULL; field = field->next, node++) {
        if ((effects_of(*node) & ~(unsigned)HARMLESS) != 0) {
            isa_report(reader->diagnostics, field->place,
                       "the field `%s` is computed whenever it is read, so it may have no effect; move that to `read`",
                       field->name);
        }
    }
    if ((after & ISA_EFFECT_TRAPS) != 0) {
        isa_report(reader->diagnostics, nodes->after->place,
                   "`after` runs when the register is written already, too late to trap; trap in `access`");
    }
    unsigned effects = access & ~(unsigned)(HARMLESS | ISA_EFFECT_TRAPS);
    if (effects != 0 && ((read | write) & ISA_EFFECT_TRAPS) != 0) {
        isa_report(reader->diagnostics, nodes->access->place,
                   "`access` has effects and the access may still trap after it; let `access` only trap");
    }
}

static void finish(struct isa_reader *reader)
{
    for (struct isa_symbol *symbol = reader->symbols; symbol != NULL; symbol = symbol->next) {
        if (symbol->decl->kind == ISA_SYNTAX_INSTRUCTION) {
            symbol->as.instruction->effects = effects_of(symbol->node);
        } else if (symbol->decl->kind == ISA_SYNTAX_CSR) {
            finish_csr(reader, symbol);
        }
    }
    struct isa_instruction *instruction = reader->machine->instructions;
    for (; instruction != NULL; instruction = instruction->next) {
        if (instruction->same_as != NULL) {
            instruction->effects = instruction->same_as->effects;
        }
    }
}

void isa_infer_effects(struct isa_reader *reader)
{
    struct visit start = { .reader = reader, .functions_end = &reader->machine->functions };
    for (struct isa_node *node = reader->nodes; node != NULL; node = node->next) {
        visit(&start, node);
    }
    finish(reader);
}
