/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings of x86-64 instructions (Intel SDM volume 2, chapter 2): one function per form, one name per opcode.
 *
 * Code is written through one mapping and runs in another: positions are offsets from the start of code memory, good
 * for both. Running out of room is remembered (`overflow`), asked once at the end, and harmless meanwhile: writing
 * wraps to the start of the piece being made.
 *
 * Operand widths are 4 or 8 bytes; 4-byte operations clear the upper half of a register.
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_EMIT_H
#define RAVELIN_ENGINE_JIT_X86_64_EMIT_H

#include <stdbool.h>
#include <stdint.h>

enum emit_register {
    REG_RAX,
    REG_RCX,
    REG_RDX,
    REG_RBX,
    REG_RSP,
    REG_RBP,
    REG_RSI,
    REG_RDI,
    REG_R8,
    REG_R9,
    REG_R10,
    REG_R11,
    REG_R12,
    REG_R13,
    REG_R14,
    REG_R15,
    REG_NONE = 0xff,
};

/* Condition codes, as in the low four bits of Jcc, SETcc, CMOVcc. */
enum emit_condition {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G,
    CC_ALWAYS,
};

/* An opcode: byte, map (0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A), mandatory prefix. */
#define EMIT_OP(prefix, map, byte) ((uint32_t)(prefix) << 16 | (uint32_t)(map) << 8 | (uint32_t)(byte))
#define EMIT_BYTE_REGISTERS        (1u << 24) /* names 8-bit registers: SPL … DIL need a REX prefix */

enum emit_op {
    OP_ADD = EMIT_OP(0, 0, 0x03), /* reg, r/m, as all of these unless they say otherwise */
    OP_OR = EMIT_OP(0, 0, 0x0b),
    OP_AND = EMIT_OP(0, 0, 0x23),
    OP_SUB = EMIT_OP(0, 0, 0x2b),
    OP_XOR = EMIT_OP(0, 0, 0x33),
    OP_CMP = EMIT_OP(0, 0, 0x3b),
    OP_TEST = EMIT_OP(0, 0, 0x85),
    OP_MOV = EMIT_OP(0, 0, 0x8b),
    OP_MOV_STORE = EMIT_OP(0, 0, 0x89), /* r/m, reg */
    OP_MOV_STORE8 = EMIT_OP(0, 0, 0x88) | EMIT_BYTE_REGISTERS,
    OP_MOV_STORE16 = EMIT_OP(0x66, 0, 0x89),
    OP_LEA = EMIT_OP(0, 0, 0x8d),
    OP_MOVSXD = EMIT_OP(0, 0, 0x63),
    OP_IMUL = EMIT_OP(0, 1, 0xaf),
    OP_MOVZX8 = EMIT_OP(0, 1, 0xb6) | EMIT_BYTE_REGISTERS,
    OP_MOVZX16 = EMIT_OP(0, 1, 0xb7),
    OP_MOVSX8 = EMIT_OP(0, 1, 0xbe) | EMIT_BYTE_REGISTERS,
    OP_MOVSX16 = EMIT_OP(0, 1, 0xbf),
    OP_CMOV = EMIT_OP(0, 1, 0x40),                        /* + condition */
    OP_SETCC = EMIT_OP(0, 1, 0x90) | EMIT_BYTE_REGISTERS, /* + condition; r/m */
    OP_BSF = EMIT_OP(0, 1, 0xbc),
    OP_BSR = EMIT_OP(0, 1, 0xbd),
    OP_TZCNT = EMIT_OP(0xf3, 1, 0xbc),
    OP_LZCNT = EMIT_OP(0xf3, 1, 0xbd),
    OP_POPCNT = EMIT_OP(0xf3, 1, 0xb8),
    /* BMI: VEX-encoded. For the shifts, vvvv is the count and r/m the source. */
    OP_ANDN = EMIT_OP(0, 2, 0xf2), /* reg = ~vvvv & r/m */
    OP_SHLX = EMIT_OP(0x66, 2, 0xf7),
    OP_SARX = EMIT_OP(0xf3, 2, 0xf7),
    OP_SHRX = EMIT_OP(0xf2, 2, 0xf7),
    OP_RORX = EMIT_OP(0xf2, 3, 0xf0), /* reg, r/m, imm8 */
    /* Floating point: scalar double; the single form of the F2 ones is given by emit_single(). */
    OP_MOVSD = EMIT_OP(0xf2, 1, 0x10),
    OP_MOVSD_STORE = EMIT_OP(0xf2, 1, 0x11),
    OP_MOVAPS = EMIT_OP(0, 1, 0x28),
    OP_MOVQ_TO = EMIT_OP(0x66, 1, 0x6e),   /* xmm, r/m of 4 or 8 bytes */
    OP_MOVQ_FROM = EMIT_OP(0x66, 1, 0x7e), /* r/m, xmm */
    OP_ADDSD = EMIT_OP(0xf2, 1, 0x58),
    OP_MULSD = EMIT_OP(0xf2, 1, 0x59),
    OP_SUBSD = EMIT_OP(0xf2, 1, 0x5c),
    OP_MINSD = EMIT_OP(0xf2, 1, 0x5d),
    OP_DIVSD = EMIT_OP(0xf2, 1, 0x5e),
    OP_MAXSD = EMIT_OP(0xf2, 1, 0x5f),
    OP_SQRTSD = EMIT_OP(0xf2, 1, 0x51),
    OP_CVTSD2SS = EMIT_OP(0xf2, 1, 0x5a),
    OP_CVTSS2SD = EMIT_OP(0xf3, 1, 0x5a),
    OP_CVTSI2SD = EMIT_OP(0xf2, 1, 0x2a),
    OP_CVTTSD2SI = EMIT_OP(0xf2, 1, 0x2c),
    OP_CVTSD2SI = EMIT_OP(0xf2, 1, 0x2d),
    OP_UCOMISD = EMIT_OP(0x66, 1, 0x2e), /* the single form has no prefix: emit_single() knows */
    OP_COMISD = EMIT_OP(0x66, 1, 0x2f),
    OP_ANDPS = EMIT_OP(0, 1, 0x54),
    OP_ORPS = EMIT_OP(0, 1, 0x56),
    OP_XORPS = EMIT_OP(0, 1, 0x57),
    OP_UNPCKLPS = EMIT_OP(0, 1, 0x14),
    OP_PEXTRD = EMIT_OP(0x66, 3, 0x16), /* r/m, xmm, imm8 */
    /* Vectors of 128 bits: the packed forms. Of those without a prefix, 66 gives the one for doubles. */
    OP_MOVUPS = EMIT_OP(0, 1, 0x10),
    OP_MOVUPS_STORE = EMIT_OP(0, 1, 0x11),
    OP_PAND = EMIT_OP(0x66, 1, 0xdb),
    OP_PANDN = EMIT_OP(0x66, 1, 0xdf), /* ~reg & r/m */
    OP_POR = EMIT_OP(0x66, 1, 0xeb),
    OP_PXOR = EMIT_OP(0x66, 1, 0xef),
    OP_PADDUSB = EMIT_OP(0x66, 1, 0xdc),
    OP_PCMPEQD = EMIT_OP(0x66, 1, 0x76),
    OP_PACKSSWB = EMIT_OP(0x66, 1, 0x63),
    OP_PUNPCKLBW = EMIT_OP(0x66, 1, 0x60),
    OP_PUNPCKHBW = EMIT_OP(0x66, 1, 0x68),
    OP_PUNPCKLQDQ = EMIT_OP(0x66, 1, 0x6c),
    OP_PSHUFB = EMIT_OP(0x66, 2, 0x00),
    OP_PSHUFD = EMIT_OP(0x66, 1, 0x70),  /* xmm, xmm, imm8 */
    OP_PSHUFLW = EMIT_OP(0xf2, 1, 0x70), /* likewise */
    OP_PSHIFTW = EMIT_OP(0x66, 1, 0x71), /* /n, xmm, imm8; dwords and qwords: the next two opcodes */
    OP_PEXTRW = EMIT_OP(0x66, 1, 0xc5),  /* reg, xmm, imm8 */
    OP_PINSRW = EMIT_OP(0x66, 1, 0xc4),  /* xmm, r, imm8 */
    OP_PINSRB = EMIT_OP(0x66, 3, 0x20),  /* likewise */
    OP_PINSRD = EMIT_OP(0x66, 3, 0x22),  /* likewise; W: of 8 bytes */
    OP_CMPPS = EMIT_OP(0, 1, 0xc2),      /* xmm, xmm, imm8 */
    OP_MOVMSKPS = EMIT_OP(0, 1, 0x50),   /* reg, xmm */
    OP_VFMADD231PS = EMIT_OP(0x66, 2, 0xb8),
    OP_ADC = EMIT_OP(0, 0, 0x13),
    OP_BT = EMIT_OP(0, 1, 0xba),             /* /4, r/m, imm8 */
    OP_VFMADD213SD = EMIT_OP(0x66, 2, 0xa9), /* reg = vvvv * reg + r/m; W = 1 double */
    OP_VFMADD231SD = EMIT_OP(0x66, 2, 0xb9), /* reg = vvvv * r/m + reg */
};

static inline enum emit_op emit_single(enum emit_op op)
{
    uint32_t prefix = (uint32_t)op >> 16 & 0xff;
    uint32_t single = prefix == 0xf2 ? 0xf3 : 0;
    return (enum emit_op)(((uint32_t)op & ~0xff0000u) | single << 16);
}

#define EMIT_CMC   0xf5
#define EMIT_LAHF  0x9f
#define EMIT_PUSHF 0x9c

/* The digit (/n) of the groups 81, C1, F7, and of vector shifts. */
enum emit_group {
    GROUP_ADD = 0,
    GROUP_OR = 1,
    GROUP_AND = 4,
    GROUP_SUB = 5,
    GROUP_XOR = 6,
    GROUP_CMP = 7,
    VECTOR_SHR = 2,
    VECTOR_SAR = 4,
    VECTOR_SHL = 6,
    SHIFT_ROR = 1,
    SHIFT_SHL = 4,
    SHIFT_SHR = 5,
    SHIFT_SAR = 7,
    UNARY_NOT = 2,
    UNARY_NEG = 3,
    UNARY_MUL = 4,
    UNARY_IMUL = 5,
    UNARY_DIV = 6,
    UNARY_IDIV = 7,
};

struct emit_memory {
    uint8_t base, index; /* enum emit_register; index may be REG_NONE, never RSP */
    uint8_t scale;       /* log2 */
    int32_t displacement;
};

static inline struct emit_memory emit_at(unsigned base, int32_t displacement)
{
    return (struct emit_memory){ (uint8_t)base, REG_NONE, 0, displacement };
}

struct emit {
    uint8_t *memory; /* writable view of code memory */
    uint32_t begin;  /* of the piece being made */
    uint32_t cursor;
    uint32_t limit;
    int64_t data; /* offset of the data area from the start of code memory */
    bool overflow;
};

/* reg and r/m are registers: general ones or xmm, as the opcode has it. */
void emit_rr(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned rm);
void emit_rm(struct emit *emit, uint32_t op, unsigned width, unsigned reg, struct emit_memory memory);
/* r/m is the data area at an offset. `after`: bytes of immediate that follow. */
void emit_rd(struct emit *emit, uint32_t op, unsigned width, unsigned reg, uint32_t data_offset);

void emit_vex_rr(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned v, unsigned rm);
void emit_vex_rm(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned v, struct emit_memory memory);
void emit_vex_rd(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned v, uint32_t data_offset);

void emit_immediate8(struct emit *emit, uint8_t value); /* after emit_rr() and its like, where the form has one */

void emit_group_ri(struct emit *emit, enum emit_group group, unsigned width, unsigned rm, int32_t immediate);
void emit_group_mi(struct emit *emit, enum emit_group group, unsigned width, struct emit_memory memory,
                   int32_t immediate);
void emit_shift_ri(struct emit *emit, enum emit_group group, unsigned width, unsigned rm, unsigned amount);
void emit_shift_cl(struct emit *emit, enum emit_group group, unsigned width, unsigned rm);
void emit_unary(struct emit *emit, enum emit_group group, unsigned width, unsigned rm);
void emit_imul_rri(struct emit *emit, unsigned width, unsigned reg, unsigned rm, int32_t immediate);
void emit_test_ri(struct emit *emit, unsigned width, unsigned rm, int32_t immediate);
void emit_bswap(struct emit *emit, unsigned width, unsigned reg);
void emit_sign_extend_rax(struct emit *emit, unsigned width);      /* CDQ, CQO */
void emit_mov_ri(struct emit *emit, unsigned reg, uint64_t value); /* leaves flags alone */
void emit_store_i(struct emit *emit, unsigned width, struct emit_memory memory, int32_t immediate); /* 1, 2, 4, 8 */
void emit_byte(struct emit *emit, uint8_t byte); /* an instruction of one: EMIT_CMC … */
void emit_push(struct emit *emit, unsigned reg);
void emit_pop(struct emit *emit, unsigned reg);
void emit_return(struct emit *emit);
void emit_trap(struct emit *emit);  /* UD2 */
void emit_fence(struct emit *emit); /* a full barrier: a locked operation on the stack */

/* Jumps and calls. A forward one returns where its target is to be filled in by emit_patch(). */
uint32_t emit_jump_forward(struct emit *emit, enum emit_condition condition);
void emit_jump_to(struct emit *emit, enum emit_condition condition, uint32_t target);
void emit_patch(struct emit *emit, uint32_t place, uint32_t target);
void emit_call_to(struct emit *emit, uint32_t target);
void emit_call_r(struct emit *emit, unsigned reg);
void emit_jump_r(struct emit *emit, unsigned reg);
void emit_jump_m(struct emit *emit, struct emit_memory memory);
void emit_jump_data(struct emit *emit, uint32_t data_offset); /* jmp [data] */
void emit_align(struct emit *emit, uint32_t alignment);       /* by INT3 */

static inline void emit_mov_rr(struct emit *emit, unsigned width, unsigned to, unsigned from)
{
    if (to != from) {
        emit_rr(emit, OP_MOV, width, to, from);
    }
}

static inline bool emit_fits(uint64_t value) /* in a sign-extended 32-bit immediate */
{
    return (uint64_t)(int64_t)(int32_t)value == value;
}

#endif
