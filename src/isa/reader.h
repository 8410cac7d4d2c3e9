/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the phases of the reader share: the declared names, the call graph, the machine as it grows. Internal.
 *
 * Phases, each complete before the next begins:
 *   parse    all files to one list of declarations (parser_*.c)
 *   declare  every name, then what can be said without looking into bodies (declare*.c)
 *   c names  what the outputs call all that (c_names.c)
 *   check    expressions and statements with names and widths (check_*.c)
 *   effects  the call graph: no recursion, what each body does, functions ordered (effects.c)
 *   order    where effects may stand, exceptions precise, paths (flow.c, lift.c)
 *   encoding overlaps, overrides, unreachable patterns (encoding.c)
 * A phase runs only if those before it found no error that would make its messages nonsense.
 */
#ifndef RAVELIN_ISA_READER_H
#define RAVELIN_ISA_READER_H

#include "isa/arena.h"
#include "isa/diagnostics.h"
#include "isa/number.h"
#include "isa/source.h"
#include "isa/syntax.h"
#include "isa/tree.h"

/* Names of one space are different; the same name may stand in two spaces. */
enum isa_space {
    ISA_SPACE_VALUE, /* registers, control registers, constants, modes */
    ISA_SPACE_FUNCTION,
    ISA_SPACE_EXTENSION,
    ISA_SPACE_EXCEPTION,
    ISA_SPACE_FORMAT,
    ISA_SPACE_INSTRUCTION,
    ISA_SPACE_NAMES,
};

struct isa_constant {
    struct isa_number number;
    struct isa_expr *typed; /* a constant with a type: an ISA_EXPR_CONST */
    enum { ISA_CONSTANT_UNKNOWN, ISA_CONSTANT_OPEN, ISA_CONSTANT_KNOWN, ISA_CONSTANT_BAD } state;
};

struct isa_node;
struct isa_csr_nodes;

struct isa_symbol {
    struct isa_symbol *chain; /* in its hash bucket */
    struct isa_symbol *next;  /* in order of declaration */
    enum isa_space space;
    const char *name;
    struct isa_syntax_decl *decl;
    union { /* by decl->kind */
        struct isa_extension *extension;
        struct isa_mode *mode;
        struct isa_constant *constant;
        struct isa_exception *exception;
        struct isa_register *reg;
        struct isa_names *names;
        struct isa_format *format;
        struct isa_instruction *instruction;
        struct isa_function *function;
        struct isa_csr *csr;
    } as;
    struct isa_node *node;           /* functions, instructions */
    struct isa_csr_nodes *csr_nodes; /* control registers */
};

struct isa_edge {
    struct isa_edge *next;
    struct isa_node *node;
    struct isa_place place; /* of the use */
};

/* One body of statements or a computed field: a node of the call graph. */
struct isa_node {
    struct isa_node *next;
    struct isa_place place;
    const char *name; /* for messages: "function `f`" */
    unsigned effects; /* its own; after effects.c: those of all it uses too */
    struct isa_edge *uses;
    bool used;
    enum { ISA_NODE_NEW, ISA_NODE_OPEN, ISA_NODE_DONE } state;
    struct isa_function *function; /* or NULL */
    struct isa_stmt **body;        /* statements to check in later phases, or NULL */
    unsigned *local_count;         /* the numbers of locals taken so far in what the body belongs to */
    bool returns_value;
};

/* The nodes of one control register. */
struct isa_csr_nodes {
    struct isa_node *whole;                         /* reading all of it: uses its computed fields */
    struct isa_node **fields;                       /* in order of declaration; NULL where a field is not computed */
    struct isa_node *access, *read, *write, *after; /* NULL: no such block */
    unsigned local_count;
};

#define ISA_BUCKETS 4096u

struct isa_reader {
    struct isa_arena *arena;
    struct isa_diagnostics *diagnostics;
    struct isa_sources sources;
    bool includes_allowed;
    unsigned include_depth;
    struct isa_syntax_decl *declarations;
    struct isa_symbol *buckets[ISA_BUCKETS];
    struct isa_symbol *symbols, **symbols_end;
    struct isa_machine *machine;
    struct isa_node *nodes, **nodes_end;
    unsigned constant_depth;               /* constants being found one from the other */
    struct isa_node *csr_read, *csr_write; /* software access to any numbered register */
};

/* Symbols. */
struct isa_symbol *isa_find(struct isa_reader *reader, enum isa_space space, const char *name);
struct isa_symbol *isa_declare(struct isa_reader *reader, enum isa_space space, struct isa_syntax_decl *decl);
/* The same, reporting an unknown name ("there is no function `f`; did you mean `g`?"). */
struct isa_symbol *isa_expect(struct isa_reader *reader, enum isa_space space, const char *name,
                              struct isa_place place);

/* Nearest names: feed candidates one by one; best is NULL if none is near. */
struct isa_suggestion {
    const char *name;
    const char *best;
    unsigned distance;
};
void isa_suggest_start(struct isa_suggestion *suggestion, const char *name);
void isa_suggest(struct isa_suggestion *suggestion, const char *candidate);
/* "; did you mean `x`?", or the fallback advice. Text in the arena. */
const char *isa_suggest_text(struct isa_reader *reader, const struct isa_suggestion *suggestion, const char *fallback);
void isa_suggest_space(struct isa_reader *reader, struct isa_suggestion *suggestion, enum isa_space space);

/* printf into the arena. */
const char *isa_text(struct isa_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Constants (constant.c): the value of an expression of literals, constants and modes; false: reported. */
bool isa_constant(struct isa_reader *reader, struct isa_syntax_expr *expr, struct isa_number *number);
/* … in a range; `what` names it in messages. */
bool isa_constant_between(struct isa_reader *reader, struct isa_syntax_expr *expr, const char *what, uint64_t low,
                          uint64_t high, uint64_t *value);
/* Finds the value of a declared constant. False: it has none, reported once. */
bool isa_constant_value(struct isa_reader *reader, struct isa_symbol *symbol);
/* Width of a type: ISA_BOOL or 1..128; false: reported. */
bool isa_type_width(struct isa_reader *reader, const struct isa_syntax_type *type, unsigned *width);

/* Phases. */
void isa_declare_all(struct isa_reader *reader);        /* declare.c */
void isa_declare_extensions(struct isa_reader *reader); /* declare_extension.c */
void isa_declare_formats(struct isa_reader *reader);    /* declare_format.c: formats and heads of instructions */
void isa_declare_csrs(struct isa_reader *reader);       /* declare_csr.c */
void isa_check_all(struct isa_reader *reader);          /* check.c */
void isa_infer_effects(struct isa_reader *reader);      /* effects.c */
void isa_check_flow(struct isa_reader *reader);         /* flow.c */
void isa_check_encodings(struct isa_reader *reader);    /* encoding.c */

/* Call graph. */
struct isa_node *isa_new_node(struct isa_reader *reader, struct isa_place place, const char *name);
void isa_node_uses(struct isa_reader *reader, struct isa_node *node, struct isa_node *other, struct isa_place place);

#endif
