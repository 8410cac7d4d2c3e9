/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation between a machine's description and host code.
 *
 * A region is guest code as a graph of blocks, entered at block 0. A block is a list of operations that ends with one
 * terminator. Values (temps) are defined once and used in their own block only; what lives longer is guest state: slots
 * of the guest's CPU structure, read by GET and written by PUT. So at every operation the guest state is exact, and a
 * pass that looks at one block sees everything there is to know about a temp.
 *
 * Types. Integers are I32 and I64; BOOL is the result of a comparison; F32 and F64 are IEEE values; V128 is 128 bits,
 * which each vector operation divides into lanes as it says; FLAGS is the four conditions N, Z, C, V of Arm. Narrower
 * guest values are zero-extended in I32 or I64 by whoever makes them.
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

enum ir_type { IR_VOID, IR_BOOL, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128, IR_FLAGS, IR_TYPE_COUNT };

/* The vector operations of the list below: V128 of V128, unless they say otherwise. The immediate is IR_LANES(lane,
 * number). */
#define IR_VECTOR_OPS(OP)                                                                    \
    OP(VAND, "vand", 2, NONE)                                                                \
    OP(VOR, "vor", 2, NONE)                                                                  \
    OP(VXOR, "vxor", 2, NONE)                                                                \
    OP(VANDN, "vandn", 2, NONE)     /* a and not b */                                        \
    OP(VSELECT, "vselect", 3, NONE) /* bit by bit: a ? b : c */                              \
    OP(VTABLE, "vtable", 2, NONE)   /* byte i is byte b[i] of a, or 0 if b[i] > 15 */        \
    OP(VADD, "vadd", 2, NONE)                                                                \
    OP(VSUB, "vsub", 2, NONE)                                                                \
    OP(VMUL, "vmul", 2, NONE) /* lanes of 16 and 32 bits */                                  \
    OP(VEQ, "veq", 2, NONE)   /* all ones or zeros, as the next two */                       \
    OP(VGTS, "vgts", 2, NONE)                                                                \
    OP(VGTU, "vgtu", 2, NONE)                                                                \
    OP(VMINS, "vmins", 2, NONE)                                                              \
    OP(VMINU, "vminu", 2, NONE)                                                              \
    OP(VMAXS, "vmaxs", 2, NONE)                                                              \
    OP(VMAXU, "vmaxu", 2, NONE)                                                              \
    OP(VSHL, "vshl", 1, NONE) /* by a number less than the lane */                           \
    OP(VSHR, "vshr", 1, NONE)                                                                \
    OP(VSAR, "vsar", 1, NONE)                                                                \
    OP(VZIPL, "vzipl", 2, NONE)       /* a[0] b[0] a[1] b[1] … of the lower halves */        \
    OP(VZIPH, "vziph", 2, NONE)       /* of the upper halves */                              \
    OP(VSPLAT, "vsplat", 1, NONE)     /* of I64: its low bits in every lane */               \
    OP(VEXTRACT, "vextract", 1, NONE) /* I64: a lane, zero-extended */                       \
    OP(VINSERT, "vinsert", 2, NONE)   /* a, but one lane is the low bits of b (I64) */       \
    OP(VFADD, "vfadd", 2, FLOAT)      /* lanes of 32 and 64 bits, each as FADD …, at once */ \
    OP(VFSUB, "vfsub", 2, FLOAT)                                                             \
    OP(VFMUL, "vfmul", 2, FLOAT)                                                             \
    OP(VFDIV, "vfdiv", 2, FLOAT)                                                             \
    OP(VFSQRT, "vfsqrt", 1, FLOAT)                                                           \
    OP(VFMA, "vfma", 3, FLOAT)

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
    OP(LOAD128, "load128", 1, MEMORY) /* V128 */                                                                       \
    OP(STORE8, "store8", 2, MEMORY)   /* at a, the low bits of b; may leave */                                         \
    OP(STORE16, "store16", 2, MEMORY)                                                                                  \
    OP(STORE32, "store32", 2, MEMORY)                                                                                  \
    OP(STORE64, "store64", 2, MEMORY)                                                                                  \
    OP(STORE128, "store128", 2, MEMORY)                                                                                \
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
    IR_VECTOR_OPS(OP)                                                                                                  \
    /* Conditions. */                                                                                                  \
    OP(FLAGS_ADD, "flags_add", 2, NONE)             /* FLAGS of a + b */                                               \
    OP(FLAGS_ADC, "flags_adc", 3, NONE)             /* of a + b + c (BOOL) */                                          \
    OP(FLAGS_SUB, "flags_sub", 2, NONE)             /* of a - b; C: no borrow */                                       \
    OP(FLAGS_LOGIC, "flags_logic", 1, NONE)         /* of a: C and V are 0 */                                          \
    OP(FLAGS_FROM_WORD, "flags_from_word", 1, NONE) /* of I32: N Z C V are bits 31 … 28 */                             \
    OP(FLAGS_TO_WORD, "flags_to_word", 1, NONE)     /* I32, zeros below */                                             \
    OP(CONDITION, "condition", 1, NONE)             /* BOOL of FLAGS; immediate: enum ir_condition */                  \
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

/* `case` labels of a list, for a switch over enum ir_op. */
#define IR_CASE(name, text, arguments, effects) case IR_##name:

enum ir_op {
#define OP(name, text, arguments, effects) IR_##name,
    IR_OPS(OP)
#undef OP
        IR_OP_COUNT
};

enum ir_rounding { IR_ROUND_REGION = 0, IR_ROUND_ZERO = 1 };

/* What CONDITION asks; numbers and meaning are those of Arm's condition codes. An odd one is the opposite of the even
 * one before it. */
enum ir_condition {
    IR_CC_EQ, /* Z */
    IR_CC_NE,
    IR_CC_CS, /* C: unsigned not less */
    IR_CC_CC,
    IR_CC_MI, /* N */
    IR_CC_PL,
    IR_CC_VS, /* V */
    IR_CC_VC,
    IR_CC_HI, /* C and not Z: unsigned greater */
    IR_CC_LS,
    IR_CC_GE, /* N = V: signed not less */
    IR_CC_LT,
    IR_CC_GT, /* N = V and not Z: signed greater */
    IR_CC_LE,
    IR_CC_COUNT
};

/* The word of FLAGS: as in Arm's NZCV register. */
#define IR_FLAG_N    UINT32_C(0x80000000)
#define IR_FLAG_Z    UINT32_C(0x40000000)
#define IR_FLAG_C    UINT32_C(0x20000000)
#define IR_FLAG_V    UINT32_C(0x10000000)
#define IR_FLAGS_ALL (IR_FLAG_N | IR_FLAG_Z | IR_FLAG_C | IR_FLAG_V)

/* Immediate of a vector operation: bits of a lane (0: it has none), and the number of a lane or amount of a shift. */
#define IR_LANES(lane, number) ((uint64_t)(lane) | (uint64_t)(number) << 8)

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
    union {
        uint64_t pc;
        uint64_t high; /* CONST of V128: the upper half, where immediate is the lower; 0 in other pure operations */
    };
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
struct ir_value *ir_vector_constant(struct ir_block *block, uint64_t low, uint64_t high);
void ir_mark(struct ir_block *block, uint64_t pc, uint32_t count);
/* FLAGS are got and put as their word. */
struct ir_value *ir_get(struct ir_block *block, enum ir_type type, uint32_t slot);
void ir_put(struct ir_block *block, uint32_t slot, struct ir_value *value);
struct ir_value *ir_unary(struct ir_block *block, enum ir_op op, enum ir_type type, struct ir_value *a);
struct ir_value *ir_binary(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b);
struct ir_value *ir_compare(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b);
struct ir_value *ir_select(struct ir_block *block, struct ir_value *condition, struct ir_value *a, struct ir_value *b);
struct ir_value *ir_sext(struct ir_block *block, enum ir_type type, struct ir_value *a, unsigned from_bits);
struct ir_value *ir_load(struct ir_block *block, unsigned size, enum ir_type type, struct ir_value *address);
void ir_store(struct ir_block *block, unsigned size, struct ir_value *address, struct ir_value *value);
/* V…; lanes: IR_LANES(); arguments it does not have are NULL. */
struct ir_value *ir_vector(struct ir_block *block, enum ir_op op, uint64_t lanes, struct ir_value *a,
                           struct ir_value *b, struct ir_value *c);
struct ir_value *ir_flags(struct ir_block *block, enum ir_op op, struct ir_value *a, struct ir_value *b,
                          struct ir_value *carry); /* FLAGS_ADD … FLAGS_LOGIC; as above */
struct ir_value *ir_condition(struct ir_block *block, enum ir_condition condition, struct ir_value *flags);
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

static inline unsigned ir_lane_bits(const struct ir_value *value)
{
    return (unsigned)value->immediate & 0xff;
}

static inline unsigned ir_lane_number(const struct ir_value *value)
{
    return (unsigned)(value->immediate >> 8);
}

static inline bool ir_is_vector_op(enum ir_op op)
{
    return op >= IR_VAND && op <= IR_VFMA;
}

static inline bool ir_is_constant(const struct ir_value *value)
{
    return value->op == IR_CONST;
}

const char *ir_op_name(enum ir_op op);

/* Text of a region, as docs/reference/ir.md defines it; ir_read() is its inverse (callees by name from the table). */
void ir_print(const struct ir_region *region, FILE *stream);
struct ir_region *ir_read(const char *text, const struct ir_callee *const *callees, size_t callee_count, char *message,
                          size_t message_size); /* NULL: message says line and what is wrong */

/* NULL if the region is well-formed, else what is wrong (static or region-owned text). ir_optimize() runs it after
 * every pass if RAVELIN_JIT_VERIFY is in the environment, and in builds with an address sanitizer (RAVELIN_IR_VERIFY).
 */
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
