/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's inside: from syntax to typed tree, expression by expression. Internal to the reader.
 *
 * Every function that checks returns NULL (or false) after it has reported; callers pass that on silently.
 */
#ifndef RAVELIN_ISA_CHECK_H
#define RAVELIN_ISA_CHECK_H

#include "isa/reader.h"

/* Widths beside 1..128, ISA_BOOL and ISA_VOID, inside the checker only. */
#define ISA_ANY 254u /* wanted: whatever it is. Natural: the context decides. */
#define ISA_BAD 253u /* natural: not to be known, an error is or will be reported */

struct isa_check_local {
    struct isa_check_local *next; /* the one declared before it */
    struct isa_local *local;
    bool used, bad, may_be_unused;
};

enum isa_view {
    ISA_VIEW_CONSTANTS, /* operands and constants */
    ISA_VIEW_PLACE,     /* … and pc, next_pc, encoding */
    ISA_VIEW_STATE,     /* everything */
};

/* What a name can mean at some point of the text. */
struct isa_scope {
    struct isa_reader *reader;
    enum isa_view view;
    const char *what;                          /* for messages: "`where`" */
    const struct isa_instruction *instruction; /* its operands are names; NULL: none */
    struct isa_check_local *locals;
    struct isa_node *node; /* collects effects and uses; NULL where there can be none */
    unsigned *local_count;
    bool may_return, may_jump;
    unsigned result; /* of return */
    unsigned errors; /* reported before this scope: with more than these, unused locals say nothing */
};

/* Expressions. `want` is a width, ISA_BOOL or ISA_ANY. */
struct isa_expr *isa_check(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned want);
/* A narrower value is zero-extended to `width`. */
struct isa_expr *isa_check_widened(struct isa_scope *scope, struct isa_syntax_expr *expr, unsigned width);
/* An index or shift amount: any width; a literal takes what it needs, at least 8 bits. */
struct isa_expr *isa_check_amount(struct isa_scope *scope, struct isa_syntax_expr *expr);
/* The width an expression has of itself, ISA_ANY if the context decides, ISA_BAD. Reports nothing. */
unsigned isa_natural(struct isa_scope *scope, struct isa_syntax_expr *expr);
/* Whether it is made of literals and constants without a width only. */
bool isa_folds(struct isa_scope *scope, struct isa_syntax_expr *expr);
bool isa_is_width(unsigned width); /* 1..128 */
/* "bits(8)", "bool" */
const char *isa_width_text(struct isa_reader *reader, unsigned width);

struct isa_expr *isa_new_expr(struct isa_scope *scope, enum isa_expr_kind kind, struct isa_place place, unsigned width);
/* `typed` if it is as wide as wanted; else reports. */
struct isa_expr *isa_settle(struct isa_scope *scope, struct isa_expr *typed, unsigned want);

/* Names (check_name.c). */
struct isa_target { /* what a name, an indexed name or a member stands for */
    enum {
        ISA_TARGET_UNKNOWN,
        ISA_TARGET_LOCAL,
        ISA_TARGET_OPERAND,
        ISA_TARGET_REGISTER,
        ISA_TARGET_CSR,
        ISA_TARGET_CSR_FIELD,
        ISA_TARGET_CONSTANT,
        ISA_TARGET_MODE,
        ISA_TARGET_NEXT_PC,
        ISA_TARGET_ENCODING,
        ISA_TARGET_NONE, /* the expression is no name at all */
    } kind;
    struct isa_check_local *local;
    const struct isa_field *field;
    struct isa_symbol *symbol;
    const struct isa_csr_field *csr_field;
    struct isa_syntax_expr *index; /* NULL: none written */
    unsigned width;                /* ISA_BAD where there is no value without an index */
};
/* Reports nothing: UNKNOWN for a name that means nothing here. */
struct isa_target isa_resolve(struct isa_scope *scope, struct isa_syntax_expr *expr);
/* Reports why a target is UNKNOWN. */
void isa_report_unknown(struct isa_scope *scope, struct isa_syntax_expr *expr);
/* A NAME, MEMBER, or INDEX of a bank, as a value. */
struct isa_expr *isa_check_named(struct isa_scope *scope, struct isa_syntax_expr *expr);
/* The index written for a bank or array; false: reported (missing, superfluous, beyond the end). */
bool isa_check_index(struct isa_scope *scope, const struct isa_target *target, struct isa_place place, unsigned count,
                     struct isa_expr **index);

/* Calls (check_call.c). */
bool isa_is_builtin(const char *name);
unsigned isa_natural_call(struct isa_scope *scope, struct isa_syntax_expr *call);
struct isa_expr *isa_check_call(struct isa_scope *scope, struct isa_syntax_expr *call, unsigned want);
bool isa_count_arguments(struct isa_scope *scope, const struct isa_syntax_expr *call, unsigned least, unsigned most);

/* Statements (check_statement.c). Declares nothing outside; reports unused locals. */
struct isa_stmt *isa_check_statements(struct isa_scope *scope, struct isa_syntax_stmt *stmts);
struct isa_local *isa_add_local(struct isa_scope *scope, struct isa_place place, const char *name, unsigned width,
                                bool mutable, bool may_be_unused);
/* A local that could not be typed: its uses are not reported. */
void isa_add_bad_local(struct isa_scope *scope, struct isa_place place, const char *name);
/* Reports unused locals declared since `until`, and forgets them. */
void isa_close_locals(struct isa_scope *scope, struct isa_check_local *until);

/* Whole declarations. */
struct isa_expr *isa_check_constant(struct isa_reader *reader, const struct isa_syntax_type *type,
                                    struct isa_syntax_expr *value);
const struct isa_condition *isa_check_condition(struct isa_reader *reader, struct isa_syntax_expr *expr);
struct isa_asm_part *isa_check_template(struct isa_scope *scope, const struct isa_syntax_word *text); /* check_asm.c */
void isa_check_csr(struct isa_reader *reader, struct isa_symbol *symbol);                             /* check_csr.c */
void isa_check_instruction(struct isa_reader *reader, struct isa_symbol *symbol); /* check_instruction.c */

#endif
