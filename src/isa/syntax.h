/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The untyped syntax tree: what the parser makes of the text, before names and widths mean anything.
 *
 * Everything lives in the reader's arena. Lists are linked through `next` in source order.
 */
#ifndef RAVELIN_ISA_SYNTAX_H
#define RAVELIN_ISA_SYNTAX_H

#include "isa/tree.h"

/* How deep expressions and blocks may nest: what bounds every recursion over this tree and the typed one. */
#define ISA_DEPTH_LIMIT 200u

enum isa_syntax_expr_kind {
    ISA_SYNTAX_NUMBER, /* value, bits */
    ISA_SYNTAX_NAME,   /* name */
    ISA_SYNTAX_TRUE,
    ISA_SYNTAX_FALSE,
    ISA_SYNTAX_INDEX,  /* a[b] */
    ISA_SYNTAX_SLICE,  /* a[b:c] */
    ISA_SYNTAX_MEMBER, /* a.name */
    ISA_SYNTAX_CALL,   /* name(args) */
    ISA_SYNTAX_UNARY,  /* op a */
    ISA_SYNTAX_BINARY, /* a op b */
    ISA_SYNTAX_IF,     /* if a then b else c */
};

struct isa_syntax_expr {
    struct isa_syntax_expr *next; /* in argument lists */
    struct isa_place place;       /* of its first token; of the operator for BINARY */
    enum isa_syntax_expr_kind kind;
    enum isa_op op;
    const char *name;
    isa_bits value;
    unsigned bits;    /* a literal in base 2 or 16: the bits its digits stand for; else 0 */
    unsigned depth;   /* 1 + the deepest part's */
    unsigned folds;   /* cache of the checker: 0 unknown, 1 no, 2 yes */
    unsigned natural; /* cache of the checker, see check_expression.c */
    struct isa_syntax_expr *a, *b, *c, *args;
};

struct isa_syntax_type {
    struct isa_place place;
    bool given;   /* false: no type is written */
    bool is_bool; /* else bits(width) */
    struct isa_syntax_expr *width;
};

/* A name or a string in a list. */
struct isa_syntax_word {
    struct isa_syntax_word *next;
    struct isa_place place;
    const char *text;
};

enum isa_syntax_stmt_kind {
    ISA_SYNTAX_LET, /* name, type, value */
    ISA_SYNTAX_VAR,
    ISA_SYNTAX_ASSIGN,    /* target = value */
    ISA_SYNTAX_JUMP,      /* value */
    ISA_SYNTAX_BRANCH,    /* if value; body, otherwise */
    ISA_SYNTAX_FOR,       /* name in first to last; body */
    ISA_SYNTAX_REQUIRE,   /* value else exception name, tval */
    ISA_SYNTAX_TRAP,      /* exception name, or value = code; tval */
    ISA_SYNTAX_CALL_STMT, /* value */
    ISA_SYNTAX_RETURN,    /* value or NULL */
};

struct isa_syntax_stmt {
    struct isa_syntax_stmt *next;
    struct isa_place place;
    struct isa_place name_place;
    enum isa_syntax_stmt_kind kind;
    const char *name;
    struct isa_syntax_type type;
    struct isa_syntax_expr *target, *value, *tval, *first, *last;
    struct isa_syntax_stmt *body, *otherwise;
};

/* `name = value` in the parentheses of an instruction or an `is`. */
struct isa_syntax_setting {
    struct isa_syntax_setting *next;
    struct isa_place place;
    const char *name;
    struct isa_syntax_expr *value;
};

struct isa_syntax_piece {
    struct isa_syntax_piece *next;
    struct isa_place place;
    const char *name;                   /* NULL: literal */
    struct isa_syntax_expr *high, *low; /* the same one for `name[bit]`; high is the literal */
};

struct isa_syntax_parameter {
    struct isa_syntax_parameter *next;
    struct isa_place place;
    const char *name;
    struct isa_syntax_type type;
};

struct isa_syntax_csr_field {
    struct isa_syntax_csr_field *next;
    struct isa_place place;
    const char *name;
    struct isa_syntax_expr *high, *low;
    enum isa_csr_rule rule;
    struct isa_syntax_expr *values; /* `legal`: a list; `is`: one */
};

/* An indented block; `given` tells an empty one (`nothing`) from none. */
struct isa_syntax_block {
    bool given;
    struct isa_place place;
    struct isa_syntax_stmt *first;
};

enum isa_syntax_decl_kind {
    ISA_SYNTAX_MACHINE,
    ISA_SYNTAX_EXTENSION,
    ISA_SYNTAX_MODE,
    ISA_SYNTAX_CONSTANT,
    ISA_SYNTAX_EXCEPTION,
    ISA_SYNTAX_REGISTER,
    ISA_SYNTAX_NAMES,
    ISA_SYNTAX_FORMAT,
    ISA_SYNTAX_INSTRUCTION,
    ISA_SYNTAX_FUNCTION,
    ISA_SYNTAX_CSR,
};

/* One declaration. Which members are used is said by the language page's section 3, kind by kind. */
struct isa_syntax_decl {
    struct isa_syntax_decl *next;
    enum isa_syntax_decl_kind kind;
    struct isa_place place; /* of the declared name */
    const char *name;
    const char *title;

    struct isa_syntax_expr *value; /* constant, mode, exception, `names` width, format size, csr number */
    struct isa_syntax_type type;   /* constant, register, csr; a function's result */
    struct isa_syntax_expr *count; /* register bank, csr array */
    struct isa_syntax_expr *reset; /* register, csr */
    struct isa_syntax_expr *zero;  /* register */
    struct isa_syntax_expr *from;  /* csr array */
    struct isa_syntax_word *role;  /* register: program_counter or mode */
    struct isa_syntax_word *words; /* register and `names`: names; view: fields; primitive: effects */
    struct isa_syntax_expr *tval;  /* exception */
    struct isa_syntax_word *other; /* csr_missing's exception; csr's view base; the `is` instruction */
    struct isa_syntax_expr *in;    /* instruction, csr; extension: needs */

    struct isa_syntax_piece *pieces; /* format */

    struct isa_syntax_word *format; /* instruction … */
    struct isa_syntax_setting *settings;
    struct isa_syntax_expr *where;
    struct isa_syntax_word *overrides;
    struct isa_syntax_word *assembly;       /* the template of the operands */
    struct isa_syntax_word *mnemonic_parts; /* the template of the mnemonic */
    const char *mnemonic;
    const char *doc;
    struct isa_syntax_setting *bindings;

    struct isa_syntax_parameter *parameters; /* function … */
    bool primitive, exported;

    struct isa_syntax_csr_field *fields;
    struct isa_syntax_block body;                       /* instruction, function */
    struct isa_syntax_block access, read, write, after; /* csr */
};

#endif
