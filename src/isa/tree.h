/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed tree of a machine description: what the reader produces and every output consumes.
 *
 * docs/reference/isa-language.md defines the language; this header holds its meaning after checking. Names are
 * resolved to pointers, literals have their width, functions their inferred effects, so an output never looks anything
 * up and never reports an error of its own.
 *
 * Ownership: everything belongs to the struct isa_machine, lives in its arena and goes with isa_free(). The tree
 * is immutable after isa_read(); any number of threads may read it.
 *
 * A call with effects (beyond reading registers, control registers or time) stands only as the whole `value` of a
 * statement: the reader lifts inner ones into locals of their own (named lifted…), in the order of evaluation. The
 * value of an assignment is evaluated before its index.
 *
 * All lists are singly linked through `next` in source order, with a count beside the head where outputs need one.
 */
#ifndef RAVELIN_ISA_TREE_H
#define RAVELIN_ISA_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 isa_bits; /* a value of up to 128 bits, zero-extended */

struct isa_place {
    const char *file;
    unsigned line;
    unsigned column;
};

/* Effects of a primitive, function or instruction: section 3 of the language page. */
enum isa_effect {
    ISA_EFFECT_READS_MEMORY = 1 << 0,
    ISA_EFFECT_WRITES_MEMORY = 1 << 1,
    ISA_EFFECT_READS_CSR = 1 << 2,
    ISA_EFFECT_WRITES_CSR = 1 << 3,
    ISA_EFFECT_READS_REGISTERS = 1 << 4,
    ISA_EFFECT_WRITES_REGISTERS = 1 << 5,
    ISA_EFFECT_TRAPS = 1 << 6,
    ISA_EFFECT_CHANGES_MODE = 1 << 7,
    ISA_EFFECT_CHANGES_TRANSLATION = 1 << 8,
    ISA_EFFECT_ORDERS = 1 << 9,
    ISA_EFFECT_STOPS = 1 << 10,
    ISA_EFFECT_READS_TIME = 1 << 11,
    ISA_EFFECT_JUMPS = 1 << 12, /* instructions only: has a jump statement */
};

/* width 1..128 for bits(N); 0 is bool; ISA_VOID is no value (functions without result). */
#define ISA_BOOL 0u
#define ISA_VOID 255u

struct isa_extension {
    struct isa_extension *next;
    struct isa_place place;
    const char *name;
    const char *title;
    const struct isa_condition *needs; /* NULL: nothing */
    unsigned number;                   /* 0, 1, 2 … in source order: its bit in a machine's feature set (at most 128) */
};

/* A boolean expression over extensions (`in zbb or zbkb`). */
struct isa_condition {
    enum { ISA_CONDITION_HAS, ISA_CONDITION_AND, ISA_CONDITION_OR } kind;
    const struct isa_extension *extension;    /* HAS */
    const struct isa_condition *left, *right; /* AND, OR */
};

struct isa_mode {
    struct isa_mode *next;
    struct isa_place place;
    const char *name;
    const char *title;
    uint64_t value;
};

struct isa_exception {
    struct isa_exception *next;
    struct isa_place place;
    const char *name;
    const char *title;
    uint64_t code;
    struct isa_expr *tval; /* 64 bits wide, or NULL for 0 */
};

enum isa_register_role { ISA_ROLE_NONE, ISA_ROLE_PROGRAM_COUNTER, ISA_ROLE_MODE };

/* A register, or a bank of `count` of them (count 0: a single register, no index). */
struct isa_register {
    struct isa_register *next;
    struct isa_place place;
    const char *name;
    unsigned width;
    unsigned count;
    int zero; /* index that reads 0 and drops writes, or -1 */
    enum isa_register_role role;
    isa_bits reset;
    const char **names; /* count assembly names, or NULL: name and number */
};

/* Names for the values of an operand, in assembly (`names rounding 3 = …`); NULL entries print as numbers. */
struct isa_names {
    struct isa_names *next;
    struct isa_place place;
    const char *name;
    unsigned width;
    const char **text; /* 1 << width entries */
};

/* One run of bits of an encoding: instruction bits [at + length - 1 : at] hold field bits [low + length - 1 : low],
 * or, if field is NULL, the literal `value`. */
struct isa_piece {
    struct isa_piece *next;
    struct isa_field *field;
    unsigned at, length, low;
    uint32_t value;
};

struct isa_field {
    struct isa_field *next;
    const char *name;
    unsigned width;
    unsigned number; /* 0, 1, 2 … inside the format */
};

struct isa_format {
    struct isa_format *next;
    struct isa_place place;
    const char *name;
    unsigned size;            /* bits: 16 or 32 */
    struct isa_piece *pieces; /* from the most significant bit down */
    struct isa_field *fields;
    unsigned field_count;
};

enum isa_csr_rule { ISA_RULE_PLAIN, ISA_RULE_LEGAL, ISA_RULE_IS, ISA_RULE_READONLY };

struct isa_csr_field {
    struct isa_csr_field *next;
    struct isa_place place;
    const char *name;
    struct isa_csr *csr;
    unsigned high, low;
    enum isa_csr_rule rule;
    uint64_t *legal; /* RULE_LEGAL: the values */
    unsigned legal_count;
    struct isa_expr *is; /* RULE_IS: width high - low + 1 */
};

struct isa_csr {
    struct isa_csr *next;
    struct isa_place place;
    const char *name;
    const char *title;
    unsigned width;
    bool numbered; /* false: hidden state */
    uint32_t number;
    unsigned count;     /* array length; 0: not an array */
    unsigned name_base; /* array: the number in the first one's name (`from N`), else 0 */
    isa_bits reset;
    const struct isa_condition *in; /* NULL: always there */
    struct isa_csr_field *fields;
    const struct isa_csr *view; /* base of a view, or NULL */
    const struct isa_csr_field **view_fields;
    unsigned view_field_count;
    bool has_storage;           /* some field is PLAIN, LEGAL or READONLY, and it is no view */
    struct isa_local *index;    /* array: the implicit local `index`; else NULL */
    struct isa_local *value;    /* the implicit local of `write`; NULL without write block */
    struct isa_local *is_write; /* the implicit bool local `write` of `access`; NULL without access block */
    struct isa_stmt *access, *read, *write, *after; /* NULL: the default */
    unsigned effects;                               /* of all four blocks together */
};

struct isa_local {
    struct isa_local *next;
    struct isa_place place;
    const char *name;
    unsigned width;
    bool mutable;
    unsigned number; /* unique inside its function, instruction or csr */
};

/* A described function or a named primitive. */
struct isa_function {
    struct isa_function *next;
    struct isa_place place;
    const char *name;
    bool primitive;
    bool exported;
    struct isa_local *parameters;
    unsigned parameter_count;
    unsigned result; /* width, ISA_BOOL or ISA_VOID */
    unsigned effects;
    struct isa_stmt *body; /* NULL for primitives */
};

enum isa_expr_kind {
    ISA_EXPR_CONST,     /* value */
    ISA_EXPR_OPERAND,   /* field: an operand of the instruction */
    ISA_EXPR_LOCAL,     /* local */
    ISA_EXPR_REGISTER,  /* reg, a = index or NULL. The program counter read here is ISA_EXPR_PC. */
    ISA_EXPR_CSR,       /* csr, a = index or NULL: whole register, computed fields included */
    ISA_EXPR_CSR_FIELD, /* csr_field, a = index or NULL */
    ISA_EXPR_PC,        /* address of this instruction */
    ISA_EXPR_NEXT_PC,
    ISA_EXPR_ENCODING, /* bits(32) */
    ISA_EXPR_UNARY,    /* op, a */
    ISA_EXPR_BINARY,   /* op, a, b */
    ISA_EXPR_SLICE,    /* a[high:low], constants */
    ISA_EXPR_BIT,      /* a[b], b varies */
    ISA_EXPR_CAT,      /* args, first most significant */
    ISA_EXPR_SEXT,     /* a, to width */
    ISA_EXPR_ZEXT,     /* a, to width (equal or wider) */
    ISA_EXPR_IF,       /* a ? b : c */
    ISA_EXPR_CALL,     /* function, args */
    ISA_EXPR_CSR_READ, /* a: number; traps */
    ISA_EXPR_HAS,      /* extension: bool */
};

/* clang-format off */
enum isa_op {
    /* unary: -a, ~a, not a, bit(bool), and the counting builtins */
    ISA_OP_NEG, ISA_OP_INVERT, ISA_OP_NOT, ISA_OP_BIT,
    ISA_OP_POPCOUNT, ISA_OP_CLZ, ISA_OP_CTZ, ISA_OP_REVERSE_BYTES,
    /* binary */
    ISA_OP_ADD, ISA_OP_SUB, ISA_OP_MUL, ISA_OP_DIVU, ISA_OP_DIVS, ISA_OP_REMU, ISA_OP_REMS,
    ISA_OP_AND, ISA_OP_OR, ISA_OP_XOR, ISA_OP_SHL, ISA_OP_SHRU, ISA_OP_SHRS,
    ISA_OP_EQ, ISA_OP_NE, ISA_OP_LTU, ISA_OP_LEU, ISA_OP_GTU, ISA_OP_GEU,
    ISA_OP_LTS, ISA_OP_LES, ISA_OP_GTS, ISA_OP_GES,
    ISA_OP_LOGIC_AND, ISA_OP_LOGIC_OR,
};
/* clang-format on */

struct isa_expr {
    struct isa_expr *next; /* in argument lists */
    struct isa_place place;
    enum isa_expr_kind kind;
    unsigned width; /* or ISA_BOOL, ISA_VOID */
    enum isa_op op;
    isa_bits value;
    const struct isa_field *field;
    const struct isa_local *local;
    const struct isa_register *reg;
    const struct isa_csr *csr;
    const struct isa_csr_field *csr_field;
    const struct isa_function *function;
    const struct isa_extension *extension;
    struct isa_expr *a, *b, *c;
    struct isa_expr *args;
    unsigned high, low;
};

enum isa_stmt_kind {
    ISA_STMT_LOCAL,         /* local = value (let and var) */
    ISA_STMT_SET_LOCAL,     /* local = value */
    ISA_STMT_SET_REGISTER,  /* reg[index] = value */
    ISA_STMT_SET_CSR,       /* csr[index] = value, raw */
    ISA_STMT_SET_CSR_FIELD, /* csr_field (of csr[index]) = value, raw */
    ISA_STMT_CSR_WRITE,     /* csr_write(index, value): by number, with access rules; traps */
    ISA_STMT_JUMP,          /* value */
    ISA_STMT_IF,            /* value; body, otherwise */
    ISA_STMT_FOR,           /* local from first to last; body */
    ISA_STMT_TRAP,          /* exception, or value = code if exception is NULL; tval or NULL.
                               `require` becomes IF(not c) TRAP. An omitted tval is filled in from the exception. */
    ISA_STMT_CALL,          /* value is the ISA_EXPR_CALL (or CSR_READ); its result is dropped */
    ISA_STMT_RETURN,        /* value, or NULL */
};

struct isa_stmt {
    struct isa_stmt *next;
    struct isa_place place;
    enum isa_stmt_kind kind;
    const struct isa_local *local;
    const struct isa_register *reg;
    const struct isa_csr *csr;
    const struct isa_csr_field *csr_field;
    const struct isa_exception *exception;
    struct isa_expr *index;
    struct isa_expr *value;
    struct isa_expr *tval;
    struct isa_stmt *body, *otherwise;
    uint64_t first, last;
};

enum isa_asm_style {
    ISA_ASM_UNSIGNED,
    ISA_ASM_SIGNED,
    ISA_ASM_HEX,
    ISA_ASM_BRANCH,
    ISA_ASM_CSR,
    ISA_ASM_NAMES,
    ISA_ASM_REGISTER
};

/* One part of an assembly template: literal text, or an expression over operands and how to print it. */
struct isa_asm_part {
    struct isa_asm_part *next;
    const char *text; /* literal, or NULL */
    enum isa_asm_style style;
    struct isa_expr *expr;          /* REGISTER: the index inside reg */
    const struct isa_register *reg; /* REGISTER */
    const struct isa_names *names;  /* NAMES */
};

/* `is OTHER(field = expr, …)`: in the order of OTHER's operands. */
struct isa_binding {
    struct isa_binding *next;
    const struct isa_field *field; /* of OTHER's format */
    struct isa_expr *value;        /* over this instruction's operands, at field->width */
};

struct isa_fixed {
    struct isa_fixed *next;
    const struct isa_field *field;
    uint64_t value;
};

struct isa_instruction {
    struct isa_instruction *next;
    struct isa_place place;
    const char *name;   /* as written: "c.addi" */
    const char *c_name; /* dots are underscores: "c_addi" */
    const char *mnemonic;
    const char *doc; /* or NULL */
    unsigned number; /* 0, 1, 2 … in source order */
    const struct isa_format *format;
    struct isa_fixed *fixed;
    uint32_t mask, match; /* all fixed bits of the encoding; 16-bit ones in the low half */
    const struct isa_condition *in;
    struct isa_expr *where; /* bool over operands, or NULL */
    const struct isa_instruction **overrides;
    unsigned override_count;
    struct isa_asm_part *mnemonic_parts; /* `asm "…" "…"`: a template of the mnemonic; NULL: it is always `mnemonic` */
    struct isa_asm_part *assembly;
    const struct isa_instruction *same_as; /* `is`: never itself an instruction with same_as */
    struct isa_binding *bindings;
    struct isa_stmt *body; /* NULL with same_as, or for `nothing` */
    unsigned effects;      /* with same_as: OTHER's */
};

struct isa_machine {
    const char *name;
    const char *title;
    const struct isa_exception *csr_missing; /* or NULL if the machine has no numbered csr */
    struct isa_extension *extensions;
    unsigned extension_count;
    struct isa_mode *modes;
    struct isa_exception *exceptions;
    struct isa_register *registers;
    const struct isa_register *program_counter; /* always present */
    const struct isa_register *mode;            /* or NULL: a machine with one mode */
    struct isa_names *names;
    struct isa_format *formats;
    struct isa_csr *csrs;
    struct isa_function *functions; /* callees before callers; primitives among them */
    struct isa_instruction *instructions;
    unsigned instruction_count;
    struct isa_arena *arena;
    const char **files; /* every file read, NULL-terminated: for dependency files */
};

#endif
