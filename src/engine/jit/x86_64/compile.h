/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this back end share: the state of one compilation.
 *
 * A region is compiled in four steps: pins.c chooses which slots live in which registers throughout; then, block by
 * block, analysis.c looks backward at how values are used and select.c (with memory_access.c, float.c, vector.c,
 * flags.c, call.c) goes forward emitting code, asking registers.c for places; stubs.c puts what runs seldom behind the
 * rest.
 *
 * Registers: rbp points into the struct riscv_cpu (CPU_BIAS bytes in, so that x0–x31 are in reach of 8-bit
 * displacements), r15 counts retired instructions, rsp is the frame. Of the other 13, some are pinned to slots and the
 * rest hold temps. The frame is laid out in runtime.h.
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_COMPILE_H
#define RAVELIN_ENGINE_JIT_X86_64_COMPILE_H

#include "core/check.h"
#include "engine/jit/host.h"
#include "engine/jit/x86_64/emit.h"
#include "engine/jit/x86_64/runtime.h"
#include "engine/jit/x86_64/undo.h"

#include <stddef.h>

#define PIN_NONE       0xffu
#define PINS_MAX       24u
#define GPR_PINS_MAX   9u
#define GPR_PINS_MIN   4u /* that many are kept at least */
#define XMM_PINS_MAX   12u
#define PIN_SLOTS      1024u /* slots below 8 times this may be pinned */
#define POSITION_NEVER UINT32_MAX
#define REGISTER_COUNT 16u

/* Where a value is. */
enum place {
    PLACE_NONE,
    PLACE_GPR,   /* node.reg: a temporary, or a pinned register that still holds it */
    PLACE_XMM,   /* likewise */
    PLACE_SPILL, /* node.spill: number of a word of the frame; from SPILL_COUNT on, of a vector's place */
    PLACE_SLOT,  /* in its home: a guest slot that is not pinned */
};

/* What a LOAD does beside zero-extension, taken over from its only user. */
enum load_form { LOAD_ZERO, LOAD_SIGN32, LOAD_SIGN64, LOAD_FLOAT, LOAD_VECTOR };

/* What the back end knows of a value, by its number. */
struct node {
    struct ir_value *forward; /* not NULL: this value is that one, in the same place */
    struct ir_value *user;    /* one of its users; the only one if uses is 1 */
    uint32_t uses;            /* still to come */
    uint32_t last;            /* position of the last use; before the analysis: uses to come, for pins.c */
    uint32_t put;             /* position of the PUT that `target` is for */
    uint32_t home;            /* a slot in memory that holds the value, too; needs no other when it is spilled */
    uint8_t home_width;       /* bytes of it there: 0: it has no home */
    uint16_t spill;
    uint8_t place; /* enum place */
    uint8_t reg;
    uint8_t target;       /* pin this value should be computed into, or PIN_NONE */
    uint8_t form;         /* enum load_form */
    uint8_t group;        /* LOAD, STORE: number of its struct group, plus 1; 0: none */
    uint8_t memo;         /* likewise: number of its memo; 0: none */
    uint32_t single_puts; /* uses that need but the F32 in the box */
    uint32_t addressing;  /* uses as the address of a LOAD or STORE; of FLAGS, by a CONDITION */
    uint32_t extending;   /* of a LOAD: uses as what SEXT extends from all that was loaded */
    bool fused;           /* computed by its users */
    bool dead;
};

/*
 * Loads, or stores, of one block at constant offsets from one value. The first asks the translation cache for all of
 * them at once: that the lowest and the highest byte are in one page, and the offset at `reference` is a multiple of
 * `alignment`. The others use the addend it found, which is 0 if it found none.
 */
struct group {
    const struct ir_value *base;
    int32_t low, end;  /* offsets: of the first byte, behind the last */
    int32_t reference; /* offset of an access of `alignment` bytes, the most there is */
    uint8_t alignment;
    bool stores;
    uint8_t reg; /* that keeps the addend, or REG_NONE */
    uint32_t count;
};

#define GROUPS_MAX 32u

struct pin {
    uint32_t slot;
    uint8_t reg;
    bool is_float;
    bool is_single; /* only ever holds boxed F32: the register has the bare F32, the box is made when it is stored */
};

struct block_facts {
    uint32_t exposed;      /* pins read before they are written */
    uint32_t written;      /* pins written */
    uint32_t before_leave; /* pins written before the first operation that may leave */
    uint32_t dirty_made;   /* pins written after the last call */
    bool leaves, calls;
    uint32_t dirty_in, live_in;
    bool is_emitted, is_placed;
    uint32_t link;  /* number of its EXIT */
    uint32_t start; /* position of its code */
};

struct jump_place { /* a jump to a block whose code does not exist yet */
    uint32_t place, block;
};

enum stub_kind {
    STUB_LOAD,
    STUB_STORE,
    STUB_LEAVE,      /* with state.pc = pc: kind in `exit` */
    STUB_FLOAT,      /* the operation by a C function: see float.c */
    STUB_NAN,        /* dst = canonical NaN */
    STUB_MINMAX,     /* equal or NaN operands */
    STUB_UTOF,       /* of an integer with the top bit set */
    STUB_FTOS,       /* overflow */
    STUB_DIVIDE,     /* by 0 or -1 */
    STUB_VECTOR_NAN, /* lanes of dst where register a has ones = canonical NaN */
    STUB_VECTOR,     /* the operation by runtime_vector(), from registers a, b, c */
    STUB_MEMO,       /* a memo of another page: where this fails too, STUB_LOAD or STUB_STORE number `what` goes on */
    STUB_MEMOS_VOID,
};

struct stub {
    uint8_t kind, exit;
    uint8_t dst, a, b, c; /* registers */
    uint8_t size, form;
    bool dst_is_float, wide, writes;
    const struct ir_value *value;
    uint32_t place, second_place; /* jumps that lead here; second_place 0: one only */
    uint32_t back;
    uint32_t dirty;
    uint32_t kept; /* registers with addends, while it runs */
    uint32_t count;
    uint32_t what;        /* STUB_FLOAT: for runtime_float() */
    int32_t displacement; /* STUB_LOAD, STUB_STORE: of the address, from register a */
    int32_t check;        /* STUB_MEMO: likewise, of the byte whose tag is compared */
    uint64_t pc;
};

struct compile {
    struct emit emit;
    const struct host_request *request;
    const struct runtime *runtime;
    struct host_features features;
    uint64_t random; /* adversity; 0: none */

    struct node *nodes;
    struct block_facts *blocks;
    struct ir_block **order; /* of blocks in memory */

    struct pin pins[PINS_MAX];
    unsigned pin_count;
    uint8_t pin_of[PIN_SLOTS];       /* by slot / 8 */
    uint32_t pinned_gpr, pinned_xmm; /* masks of registers */
    uint32_t dirty;                  /* pins whose slot in memory is old, here */

    /* Temporaries. */
    uint32_t temp_gpr, temp_xmm;
    uint32_t locked_gpr, locked_xmm;   /* in use by the operation being emitted */
    uint32_t scratch_gpr, scratch_xmm; /* of these: hold no value */
    uint32_t kept_gpr;                 /* keep a group's addend, while no better use is found for them */
    struct ir_value *gpr[REGISTER_COUNT], *xmm[REGISTER_COUNT];
    struct ir_value **aliases; /* values that are in a pin or a slot */
    unsigned alias_count, alias_room;
    struct group groups[GROUPS_MAX];
    unsigned group_count;
    uint32_t first_memo; /* of the region, in the data area */
    unsigned memo_count; /* without the first */
    uint16_t spill_free[SPILL_COUNT];
    unsigned spill_free_count, spill_next;
    uint16_t vector_free[VECTOR_SPILL_COUNT]; /* the same for V128 */
    unsigned vector_free_count, vector_next;

    /* Where we are. */
    struct ir_block *block;
    const struct ir_block *next_block; /* in memory */
    uint64_t mark_pc;
    uint32_t mark_count;

    struct jump_place *jumps;
    unsigned jump_count, jump_room;
    struct stub *stubs;
    unsigned stub_count, stub_room;
    bool interruptible; /* accesses can be undone: see undo.h; cpu->undoable tells of C code */
    struct undo undo;   /* of this region */
    bool uses_xmm, uses_vectors;
    bool failed; /* out of spill room: the region is too large */
};

/* From here on these registers hold addends. */
static inline void mark_kept(struct compile *compile, uint32_t kept)
{
    if (compile->interruptible && !compile->emit.overflow) {
        undo_add_mark(&compile->undo, compile->emit.cursor, kept);
    }
}

static inline struct ir_value *resolve(const struct compile *compile, struct ir_value *value)
{
    while (compile->nodes[value->number].forward != NULL) {
        value = compile->nodes[value->number].forward;
    }
    return value;
}

static inline struct node *node_of(const struct compile *compile, const struct ir_value *value)
{
    return &compile->nodes[value->number]; /* NOLINT(clang-analyzer-core.NullDereference): operations have arguments */
}

static inline bool type_is_float(enum ir_type type)
{
    return type == IR_F32 || type == IR_F64;
}

/* Lives in an xmm register. */
static inline bool type_in_xmm(enum ir_type type)
{
    return type_is_float(type) || type == IR_V128;
}

static inline unsigned type_width(enum ir_type type)
{
    if (type == IR_V128) {
        return 16;
    }
    return type == IR_I64 || type == IR_F64 ? 8 : 4;
}

static inline unsigned pin_at(const struct compile *compile, uint32_t slot)
{
    return slot / 8 < PIN_SLOTS && slot % 8 == 0 ? compile->pin_of[slot / 8] : PIN_NONE;
}

static inline bool is_single_pin(const struct compile *compile, uint32_t slot)
{
    unsigned pin = pin_at(compile, slot);
    return pin != PIN_NONE && compile->pins[pin].is_single;
}

static inline struct emit_memory slot_memory(uint32_t slot)
{
    return emit_at(REG_RBP, (int32_t)slot - CPU_BIAS);
}

static inline unsigned random_below(struct compile *compile, unsigned limit)
{
    compile->random = compile->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(compile->random >> 33) % limit;
}

/* base + offset of the address of a LOAD or STORE; NULL: it is more than that. */
static inline struct ir_value *address_base(const struct compile *compile, struct ir_value *address, int32_t *offset)
{
    address = resolve(compile, address);
    *offset = 0;
    if (address->op != IR_ADD || !compile->nodes[address->number].fused) {
        return address;
    }
    const struct ir_value *addend = resolve(compile, address->arguments[1]);
    if (addend->op != IR_CONST || !emit_fits(addend->immediate)) {
        return NULL;
    }
    *offset = (int32_t)addend->immediate;
    return resolve(compile, address->arguments[0]);
}

/* How much of xmm registers slow paths keep: enum runtime_xmm. */
static inline unsigned xmm_in_use(const struct compile *compile)
{
    return compile->uses_vectors ? RUNTIME_XMM_WHOLE : compile->uses_xmm ? RUNTIME_XMM_HALVES : RUNTIME_XMM_NONE;
}

/* May leave the region in its middle, or lets C code see the state. */
static inline bool op_leaves(enum ir_op op)
{
    return (op >= IR_LOAD8 && op <= IR_STORE128) || op == IR_GUARD || op == IR_CALL;
}

/* Whether an operation that nobody uses can be left out. */
static inline bool op_is_droppable(enum ir_op op)
{
    return op == IR_CONST || op == IR_GET || (op >= IR_ADD && op <= IR_SELECT) || op == IR_BITCAST || op == IR_BOX ||
           op == IR_UNBOX || (op >= IR_VAND && op <= IR_VINSERT) || (op >= IR_FLAGS_ADD && op <= IR_CONDITION);
}

/* pins.c */
void pins_choose(struct compile *compile);
/* Leaves the region at pc if a single one is not boxed. */
void pins_check(struct compile *compile, uint32_t pins, uint64_t pc);
void pins_load(struct compile *compile, uint32_t pins);  /* registers from slots */
void pins_store(struct compile *compile, uint32_t pins); /* slots from registers */

/* analysis.c: fills the nodes of one block's values. */
void analyse_block(struct compile *compile, struct ir_block *block);

/* select.c */
void select_block(struct compile *compile, struct ir_block *block);
void select_jump(struct compile *compile, enum emit_condition condition, const struct ir_block *target);
/* Computes a BOOL value into flags; consumes it. */
enum emit_condition select_condition(struct compile *compile, struct ir_value *value);

/* memory_access.c */
void select_load(struct compile *compile, struct ir_value *value);
void select_store(struct compile *compile, struct ir_value *value);
/* Behind a call of C code, where these registers hold addends: they are 0 if a handler came meanwhile (undo.h). */
void recheck_addends(struct compile *compile, uint32_t kept);

void load_stub(struct compile *compile, const struct stub *stub);
void store_stub(struct compile *compile, const struct stub *stub);
void note_undo(struct compile *compile, uint32_t start); /* what was begun there may be begun again up to here */
void memo_stub(struct compile *compile, const struct stub *stub);

/* memos.c. `room`: memos that are left in the data area. memos_begin() when it is known that the region will run. */
void memos_choose(struct compile *compile, uint32_t room);
void memos_begin(const struct compile *compile, struct runtime_data *data);
void memos_interrupted(struct runtime_data *data); /* in a signal handler: voids those of the region that runs */
void memos_check(struct compile *compile); /* at an entry: voids them if they may be untrue; changes rax and rcx */
void memos_void_stub(struct compile *compile);
/* Compares a tag and leaves the addend in `index`; returns where the jump to the stub is. */
uint32_t memo_ask(struct compile *compile, unsigned memo, unsigned index, unsigned tag);
void memo_void(struct compile *compile, unsigned memo, unsigned scratch);
void memo_note(struct compile *compile, unsigned memo, unsigned index, unsigned tag); /* changes `tag` */

/* float.c */
void select_float(struct compile *compile, struct ir_value *value);
void float_stub(struct compile *compile, const struct stub *stub);

/* vector.c */
void select_vector(struct compile *compile, struct ir_value *value);
void vector_stub(struct compile *compile, const struct stub *stub);

/* flags.c: FLAGS as their word; a CONDITION in the host's flags, its operands still in use. */
void select_flags(struct compile *compile, struct ir_value *value);
enum emit_condition select_flags_condition(struct compile *compile, const struct ir_value *condition);

/* call.c */
void select_call(struct compile *compile, struct ir_value *value);

/* exits.c */
/* Into the block at pc, whose code follows or is jumped to by the caller. `base`: where position 0 is executed. */
void select_entry(struct compile *compile, const uint8_t *base, uint64_t pc, const struct block_facts *facts,
                  bool is_loop_head, struct host_entry *entry);
void select_terminator(struct compile *compile, struct ir_value *value);
void select_attention(struct compile *compile, uint64_t pc); /* look at it; leave if it is wanted */

/* stubs.c */
struct stub *stub_add(struct compile *compile, enum stub_kind kind, uint32_t place);
struct stub *stub_leave(struct compile *compile, enum host_exit exit, uint32_t place, uint64_t pc, uint32_t count);
void stubs_emit(struct compile *compile);

#endif
