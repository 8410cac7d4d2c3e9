/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation between a machine's description and host code.
 *
 * A region is guest code as a graph of blocks, entered at block 0. A block is a list of operations that ends with one
 * terminator. Values (temps) are defined once and used in their own block only; what lives longer is guest state: slots
 * of the guest's CPU structure, read by GET and written by PUT. So at every operation the guest state is exact, and a
 * pass that looks at one block sees everything there is to know about a temp.
 *
 * Types. Integers are I32 and I64; BOOL is the result of a comparison; F32 and F64 are IEEE values; V128 is for
 * vectors. Narrower guest values are zero-extended in I32 or I64 by whoever makes them.
 *
 * Exactness. MARK begins a guest instruction: it names its pc, and how many instructions of this block came before. An
 * operation that may leave the region on its own (LOAD, STORE, GUARD, CALL of a function that may trap) does so with
 * the guest state as it is at that operation, the pc of the last MARK, and that count; therefore PUTs of an instruction
 * stand after everything in it that may trap.
 *
 * Ownership: a region owns all its memory (an arena); ir_free() releases it. Nothing here is thread-safe: a region
 * belongs to the thread that builds it. docs/reference/ir.md defines every operation.
 *
 *     struct ir_region *region = ir_create();
 *     struct ir_block *block = ir_add_block(region, pc);
 *     ir_mark(block, pc, 0);
 *     struct ir_value *a = ir_get(block, IR_I64, slot_of_x(10));
 *     ir_put(block, slot_of_x(10), ir_binary(block, IR_ADD, a, ir_constant(block, IR_I64, 1)));
 *     ir_exit(block, pc + 4, 1);
 */
#ifndef RAVELIN_ENGINE_JIT_IR_H
#define RAVELIN_ENGINE_JIT_IR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum ir_type { IR_VOID, IR_BOOL, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128 };

/*
 * Every operation once: OP(NAME, text, arguments, effects).
 * T is the type of the result; unless said otherwise arguments have that type too. Shifts take the amount modulo the
 * width. Division is total: by zero all ones (DIV) or the dividend (REM); MIN / -1 is MIN, MIN % -1 is 0.
 */
#define IR_OPS(OP)                                                                                                     \
    OP(CONST, "const", 0, NONE) /* immediate */                                                                        \
    OP(MARK, "mark", 0, NONE)   /* pc, count: a guest instruction begins */                                            \
    OP(GET, "get", 0, READS)    /* T = guest slot */                                                                   \
    OP(PUT, "put", 1, WRITES)   /* guest slot = a; writes as many bytes as a's type has */                             \
    OP(ADD, "add", 2, NONE)                                                                                            \
    OP(SUB, "sub", 2, NONE)                                                                                            \
    OP(MUL, "mul", 2, NONE)                                                                                            \
    OP(MULHU, "mulhu", 2, NONE)   /* upper half of the double-width product: both unsigned */                          \
    OP(MULHS, "mulhs", 2, NONE)   /* both signed */                                                                    \
    OP(MULHSU, "mulhsu", 2, NONE) /* a signed, b unsigned */                                                           \
    OP(DIVU, "divu", 2, NONE)                                                                                          \
    OP(DIVS, "divs", 2, NONE)                                                                                          \
    OP(REMU, "remu", 2, NONE)                                                                                          \
    OP(REMS, "rems", 2, NONE)                                                                                          \
    OP(AND, "and", 2, NONE) /* also on BOOL, as OR and XOR */                                                          \
    OP(OR, "or", 2, NONE)                                                                                              \
    OP(XOR, "xor", 2, NONE)                                                                                            \
    OP(SHL, "shl", 2, NONE)                                                                                            \
    OP(SHR, "shr", 2, NONE)                                                                                            \
    OP(SAR, "sar", 2, NONE)                                                                                            \
    OP(ROTR, "rotr", 2, NONE)                                                                                          \
    OP(CLZ, "clz", 1, NONE) /* of 0: the width */                                                                      \
    OP(CTZ, "ctz", 1, NONE)                                                                                            \
    OP(POPCNT, "popcnt", 1, NONE)                                                                                      \
    OP(BSWAP, "bswap", 1, NONE)                                                                                        \
    OP(SEXT, "sext", 1, NONE) /* immediate: from that many low bits (8, 16, 32); same type in and out, or I32 → I64 */ \
    OP(ZEXT, "zext", 1, NONE) /* I32 → I64, BOOL → I32 or I64 */                                                       \
    OP(TRUNC, "trunc", 1, NONE) /* I64 → I32 */                                                                        \
    OP(EQ, "eq", 2, NONE)       /* BOOL of two I32 or two I64 */                                                       \
    OP(NE, "ne", 2, NONE)                                                                                              \
    OP(LTU, "ltu", 2, NONE)                                                                                            \
    OP(LEU, "leu", 2, NONE)                                                                                            \
    OP(LTS, "lts", 2, NONE)                                                                                            \
    OP(LES, "les", 2, NONE)                                                                                            \
    OP(SELECT, "select", 3, NONE) /* a (BOOL) ? b : c */                                                               \
    OP(LOAD8, "load8", 1, MEMORY) /* I32 or I64, zero-extended, at guest-virtual address a (I64); may leave */         \
    OP(LOAD16, "load16", 1, MEMORY)                                                                                    \
    OP(LOAD32, "load32", 1, MEMORY)                                                                                    \
    OP(LOAD64, "load64", 1, MEMORY)                                                                                    \
    OP(STORE8, "store8", 2, MEMORY) /* at a, the low bits of b; may leave */                                           \
    OP(STORE16, "store16", 2, MEMORY)                                                                                  \
    OP(STORE32, "store32", 2, MEMORY)                                                                                  \
    OP(STORE64, "store64", 2, MEMORY)                                                                                  \
    OP(FENCE, "fence", 0, MEMORY)   /* memory barrier; immediate 1: but for stores before against loads behind */      \
    OP(BITCAST, "bitcast", 1, NONE) /* I32 ↔ F32, I64 ↔ F64 */                                                         \
    OP(FADD, "fadd", 2, FLOAT)      /* NaN results are the canonical quiet NaN; sticky flags accumulate; */            \
    OP(FSUB, "fsub", 2, FLOAT)      /* rounding by the region's rounding mode */                                       \
    OP(FMUL, "fmul", 2, FLOAT)                                                                                         \
    OP(FDIV, "fdiv", 2, FLOAT)                                                                                         \
    OP(FSQRT, "fsqrt", 1, FLOAT)                                                                                       \
    OP(FMA, "fma", 3, FLOAT)   /* a * b + c, rounded once; inf * 0 + NaN is invalid */                                 \
    OP(FEQ, "feq", 2, FLOAT)   /* BOOL; quiet */                                                                       \
    OP(FLT, "flt", 2, FLOAT)   /* BOOL; signalling */                                                                  \
    OP(FLE, "fle", 2, FLOAT)   /* BOOL; signalling */                                                                  \
    OP(FMIN, "fmin", 2, FLOAT) /* as RISC-V fmin/fmax: -0 < +0, a number before a NaN, signalling NaN invalid */       \
    OP(FMAX, "fmax", 2, FLOAT)                                                                                         \
    OP(FCVT, "fcvt", 1, FLOAT) /* F32 ↔ F64 */                                                                         \
    OP(FTOS, "ftos", 1, FLOAT) /* I32/I64 of F32/F64, saturating, NaN to the largest; immediate: enum ir_rounding */   \
    OP(FTOU, "ftou", 1, FLOAT)                                                                                         \
    OP(STOF, "stof", 1, FLOAT) /* F32/F64 of signed I32/I64 */                                                         \
    OP(UTOF, "utof", 1, FLOAT)                                                                                         \
    OP(BOX, "box", 1, NONE)     /* F64 of F32: its bits below 32 ones (NaN boxing) */                                  \
    OP(UNBOX, "unbox", 1, NONE) /* F32 of F64: the low half if the high half is all ones, else the canonical NaN */    \
    OP(GUARD, "guard", 1,                                                                                              \
       LEAVES) /* if a (BOOL) is false, leave at the last MARK: the interpreter runs that instruction */               \
    OP(CALL, "call", -1, CALL) /* C function, see struct ir_callee */                                                  \
    /* Terminators */                                                                                                  \
    OP(JUMP, "jump", 0, END)     /* to block targets[0] */                                                             \
    OP(BRANCH, "branch", 1, END) /* a (BOOL): targets[0], else targets[1] */                                           \
    OP(EXIT, "exit", 0, END)     /* leave for guest address `pc`; count instructions of this block are complete */     \
    OP(EXIT_INDIRECT, "exit_indirect", 1,                                                                              \
       END) /* leave for guest address a; if a is the pc of block targets[i], i < target_count, go there */            \
    OP(EXIT_INTERPRET, "exit_interpret", 0, END) /* leave; the interpreter runs the instruction at `pc` */

enum ir_op {
#define OP(name, text, arguments, effects) IR_##name,
    IR_OPS(OP)
#undef OP
        IR_OP_COUNT
};

enum ir_rounding { IR_ROUND_REGION = 0, IR_ROUND_ZERO = 1 };

/* What a C function is like. All take the CPU first; arguments are I32/I64/BOOL. */
struct ir_callee {
    const char *name; /* for printing */
    void *function;   /* T f(cpu, args…), or with may_trap: bool f(cpu, args…, uint64_t *result) */
    enum ir_type result;
    bool may_trap;                  /* false returned: a trap is recorded in the CPU, leave */
    bool pure;                      /* no cpu argument, no effect: may be merged or dropped */
    bool uses_float;                /* computes with host floating point, or touches guest floating-point flags */
    bool reads_state, writes_state; /* guest slots beside its arguments (memory callees: neither) */
};

#define IR_ARGUMENTS_MAX 4
#define IR_TARGETS_MAX   12

struct ir_value {
    struct ir_value *previous, *next; /* in the block */
    struct ir_block *block;
    enum ir_op op;
    enum ir_type type;                            /* of the result; IR_VOID if there is none */
    uint32_t number;                              /* unique in the region, for printing and for passes' side tables */
    uint32_t uses;                                /* how many arguments refer to it */
    struct ir_value *arguments[IR_ARGUMENTS_MAX]; /* those it has, then NULL */
    uint64_t immediate;
    uint64_t pc;
    uint32_t slot;  /* GET, PUT: byte offset in the CPU structure */
    uint32_t count; /* MARK and terminators: guest instructions of this block complete before / at this point */
    const struct ir_callee *callee;
    struct ir_block **targets; /* of a terminator; EXIT_INDIRECT has room for IR_TARGETS_MAX, and more may be added */
    uint32_t target_count;
};

struct ir_block {
    struct ir_block *next;
    struct ir_region *region;
    uint32_t number;
    uint64_t pc;       /* guest address of its first instruction */
    uint32_t weight;   /* how often it runs, relative to others: for choosing registers */
    bool is_loop_head; /* the target of a backward edge: attention is looked at here */
    struct ir_value *first, *last;
};

struct ir_region {
    struct ir_block *blocks, *last_block; /* entry first */
    uint32_t block_count;
    uint32_t value_count;
    struct ir_arena *arena;
};

struct ir_region *ir_create(void);
void ir_free(struct ir_region *region); /* NULL is allowed */

/* As ir_free() and ir_create(), but with the memory of the old region used again: for who builds one after another. */
struct ir_region *ir_renew(struct ir_region *region); /* NULL is allowed */

struct ir_block *ir_add_block(struct ir_region *region, uint64_t pc);

/* Appending. The builder folds constants and simple identities as it goes and may return an earlier value. Arguments
 * must be of the same block; types are CHECKed: a wrong one is our bug. */
struct ir_value *ir_constant(struct ir_block *block, enum ir_type type, uint64_t value);
void ir_mark(struct ir_block *block, uint64_t pc, uint32_t count);
struct ir_value *ir_get(struct ir_block *block, enum ir_type type, uint32_t slot);
void ir_put(struct ir_block *block, uint32_t slot, struct ir_value *value);
struct ir_value *ir_unary(struct ir_block *block, enum ir_op op, enum ir_type type, struct ir_value *a);
struct ir_value *ir_binary(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b);
struct ir_value *ir_compare(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b);
struct ir_value *ir_select(struct ir_block *block, struct ir_value *condition, struct ir_value *a, struct ir_value *b);
struct ir_value *ir_sext(struct ir_block *block, enum ir_type type, struct ir_value *a, unsigned from_bits);
struct ir_value *ir_load(struct ir_block *block, unsigned size, enum ir_type type, struct ir_value *address);
void ir_store(struct ir_block *block, unsigned size, struct ir_value *address, struct ir_value *value);
void ir_fence(struct ir_block *block);     /* everything before it against everything behind it */
void ir_fence_tso(struct ir_block *block); /* likewise, but stores before it may be seen after loads behind it */
void ir_guard(struct ir_block *block, struct ir_value *condition);
struct ir_value *ir_fma(struct ir_block *block, struct ir_value *a, struct ir_value *b, struct ir_value *c);
struct ir_value *ir_convert(struct ir_block *block, enum ir_op op, enum ir_type type, struct ir_value *a,
                            enum ir_rounding rounding); /* FCVT FTOS FTOU STOF UTOF */
struct ir_value *ir_call(struct ir_block *block, const struct ir_callee *callee, struct ir_value *const *arguments,
                         unsigned count);
void ir_jump(struct ir_block *block, struct ir_block *target, uint32_t count);
void ir_branch(struct ir_block *block, struct ir_value *condition, struct ir_block *taken, struct ir_block *otherwise,
               uint32_t count);
void ir_exit(struct ir_block *block, uint64_t pc, uint32_t count);
void ir_exit_indirect(struct ir_block *block, struct ir_value *address, struct ir_block *const *candidates,
                      unsigned candidate_count, uint32_t count);
void ir_exit_interpret(struct ir_block *block, uint64_t pc, uint32_t count);

/* Takes out of the block what stands after `last`: it was appended in vain. */
void ir_cut(struct ir_block *block, const struct ir_value *last);

static inline bool ir_is_constant(const struct ir_value *value)
{
    return value->op == IR_CONST;
}

const char *ir_op_name(enum ir_op op);

/* Text of a region, as docs/reference/ir.md defines it; ir_read() is its inverse (callees by name from the table). */
void ir_print(const struct ir_region *region, FILE *stream);
struct ir_region *ir_read(const char *text, const struct ir_callee *const *callees, size_t callee_count, char *message,
                          size_t message_size); /* NULL: message says line and what is wrong */

/* NULL if the region is well-formed, else what is wrong (static or region-owned text). Run after every pass in test
 * builds and whenever RAVELIN_JIT_VERIFY is set. */
const char *ir_verify(struct ir_region *region);

/* The passes, in their order (ir_optimize runs all): each leaves the region equivalent and well-formed. */
void ir_type_slots(struct ir_region *region);     /* GETs and PUTs of one slot agree: I64 or F64 */
void ir_forward_gets(struct ir_region *region);   /* GET after GET or PUT of the same slot */
void ir_merge_common(struct ir_region *region);   /* common subexpressions, per block */
void ir_drop_dead_puts(struct ir_region *region); /* PUTs overwritten on every path before anything can see them */
void ir_narrow(struct ir_region *region);         /* 64-bit operations of which 32 bits are wanted, or known */
void ir_drop_unused(struct ir_region *region);
void ir_optimize(struct ir_region *region);

#endif
