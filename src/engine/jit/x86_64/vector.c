/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors on SSE2, and what came after it where the host has it (AVX's three-operand forms among that). What no
 * sequence of a few instructions does is left to runtime_vector(). Floating point: as float.c has it for scalars, with
 * the lanes that are a NaN put right behind.
 */
#include "engine/jit/x86_64/select.h"

#define PACKED(byte)       EMIT_OP(0x66, 1, byte)
#define PACKED_SSE4(byte)  EMIT_OP(0x66, 2, byte)
#define CMP_UNORDERED      3u
#define ROUNDING_LAST_HOST 3u /* of RISC-V's encodings, those that MXCSR has: see float.c */

static unsigned lane_log2(const struct ir_value *value) /* 0: bytes … 3: 64 bits */
{
    return (unsigned)__builtin_ctz(ir_lane_bits(value)) - 3;
}

/* dst = a shifted in lanes of 2, 4 or 8 bytes. */
static void shift(struct compile *compile, enum emit_group group, unsigned log2, unsigned dst, unsigned a,
                  unsigned amount)
{
    uint32_t op = OP_PSHIFTW + log2 - 1;
    if (compile->features.avx) {
        emit_vex_rr(&compile->emit, op, 4, group, dst, a);
    } else {
        move_xmm(compile, dst, a);
        emit_rr(&compile->emit, op, 4, group, dst);
    }
    emit_immediate8(&compile->emit, (uint8_t)amount);
}

static void shuffle(struct compile *compile, enum emit_op op, unsigned dst, unsigned a, unsigned order)
{
    emit_rr(&compile->emit, op, 4, dst, a);
    emit_immediate8(&compile->emit, (uint8_t)order);
}

/* -- By C ---------------------------------------------------------------------------------------------------------- */

static uint32_t what_of(const struct compile *compile, const struct ir_value *value)
{
    uint32_t rounding = compile->request->facts.rounding;
    return RUNTIME_VECTOR_WHAT(value->op, value->immediate, rounding > ROUNDING_LAST_HOST + 1 ? 0 : rounding);
}

static void store_operand(struct compile *compile, unsigned number, unsigned reg)
{
    emit_rm(&compile->emit, OP_MOVUPS_STORE, 4, reg, emit_at(REG_RSP, FRAME_OPERANDS + (int32_t)number * 16));
}

static void call_runtime(struct compile *compile, uint32_t what)
{
    emit_store_i(&compile->emit, 4, emit_at(REG_RSP, FRAME_WHAT), (int32_t)what);
    emit_call_to(&compile->emit, compile->runtime->slow_vector);
}

static void select_by_runtime(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    for (unsigned i = 0; i < 3 && value->arguments[i] != NULL; i++) {
        struct ir_value *argument = value->arguments[i];
        if (argument->type == IR_V128) {
            store_operand(compile, i, use_xmm(compile, argument));
        } else {
            emit_rm(emit, OP_MOV_STORE, 8, use_gpr(compile, argument),
                    emit_at(REG_RSP, FRAME_OPERANDS + (int32_t)i * 16));
        }
        done(compile, argument);
    }
    call_runtime(compile, what_of(compile, value));
    end_operation(compile);
    struct emit_memory result = emit_at(REG_RSP, FRAME_VECTOR_RESULT);
    if (value->type == IR_V128) {
        emit_rm(emit, OP_MOVUPS, 4, define_xmm(compile, value, REG_NONE), result);
    } else {
        emit_rm(emit, OP_MOV, 8, define_gpr(compile, value, REG_NONE), result);
    }
}

/* -- One instruction, two registers -------------------------------------------------------------------------------- */

struct lane_ops {
    uint32_t by_lane[4]; /* of 8, 16, 32, 64 bits; 0: there is none */
    uint8_t sse4;        /* mask of those that need SSE4.1 */
};

static struct lane_ops ops_of(enum ir_op op)
{
    switch ((int)op) {
    case IR_VADD: return (struct lane_ops){ { PACKED(0xfc), PACKED(0xfd), PACKED(0xfe), PACKED(0xd4) }, 0 };
    case IR_VSUB: return (struct lane_ops){ { PACKED(0xf8), PACKED(0xf9), PACKED(0xfa), PACKED(0xfb) }, 0 };
    case IR_VMUL: return (struct lane_ops){ { 0, PACKED(0xd5), PACKED_SSE4(0x40), 0 }, 4 };
    case IR_VEQ: return (struct lane_ops){ { PACKED(0x74), PACKED(0x75), PACKED(0x76), PACKED_SSE4(0x29) }, 8 };
    case IR_VGTS: return (struct lane_ops){ { PACKED(0x64), PACKED(0x65), PACKED(0x66), 0 }, 0 };
    case IR_VMINS: return (struct lane_ops){ { PACKED_SSE4(0x38), PACKED(0xea), PACKED_SSE4(0x39), 0 }, 5 };
    case IR_VMINU: return (struct lane_ops){ { PACKED(0xda), PACKED_SSE4(0x3a), PACKED_SSE4(0x3b), 0 }, 6 };
    case IR_VMAXS: return (struct lane_ops){ { PACKED_SSE4(0x3c), PACKED(0xee), PACKED_SSE4(0x3d), 0 }, 5 };
    case IR_VMAXU: return (struct lane_ops){ { PACKED(0xde), PACKED_SSE4(0x3e), PACKED_SSE4(0x3f), 0 }, 6 };
    case IR_VZIPL: return (struct lane_ops){ { PACKED(0x60), PACKED(0x61), PACKED(0x62), PACKED(0x6c) }, 0 };
    case IR_VZIPH: return (struct lane_ops){ { PACKED(0x68), PACKED(0x69), PACKED(0x6a), PACKED(0x6d) }, 0 };
    default: return (struct lane_ops){ { 0 }, 0 };
    }
}

/* 0: this host has no instruction for it. */
static uint32_t single_op(const struct compile *compile, enum ir_op op, unsigned log2)
{
    struct lane_ops ops = ops_of(op);
    if (op == IR_VGTS && log2 == 3) {
        return compile->features.sse42 ? PACKED_SSE4(0x37) : 0;
    }
    return (ops.sse4 >> log2 & 1) != 0 && !compile->features.sse41 ? 0 : ops.by_lane[log2];
}

static void select_binary(struct compile *compile, struct ir_value *value, uint32_t op, struct ir_value *a,
                          struct ir_value *b)
{
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b);
    done(compile, a);
    if (compile->features.avx) {
        done(compile, b);
    }
    unsigned dst = define_xmm(compile, value, ra);
    if (!compile->features.avx) { /* only now, so that dst is not rb */
        done(compile, b);
    }
    combine_xmm(compile, op, dst, ra, rb);
}

static void select_lanes(struct compile *compile, struct ir_value *value)
{
    uint32_t op = single_op(compile, value->op, lane_log2(value));
    if (op == 0) {
        select_by_runtime(compile, value);
    } else {
        select_binary(compile, value, op, value->arguments[0], value->arguments[1]);
    }
}

/* a > b unless a is the lesser of the two. */
static void select_greater_unsigned(struct compile *compile, struct ir_value *value)
{
    unsigned log2 = lane_log2(value);
    uint32_t least = single_op(compile, IR_VMINU, log2);
    if (least == 0) {
        select_by_runtime(compile, value);
        return;
    }
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b);
    unsigned ones = scratch_xmm(compile), dst = define_xmm(compile, value, REG_NONE); /* neither ra nor rb */
    done(compile, a);
    done(compile, b);
    combine_xmm(compile, least, dst, ra, rb);
    emit_rr(&compile->emit, single_op(compile, IR_VEQ, log2), 4, dst, ra);
    emit_rr(&compile->emit, OP_PCMPEQD, 4, ones, ones);
    emit_rr(&compile->emit, OP_PXOR, 4, dst, ones);
}

/* -- Bits ---------------------------------------------------------------------------------------------------------- */

/* ((a ^ b) & mask) ^ b */
static void select_by_mask(struct compile *compile, struct ir_value *value)
{
    struct ir_value *mask = value->arguments[0], *a = value->arguments[1], *b = value->arguments[2];
    unsigned rm = use_xmm(compile, mask), ra = use_xmm(compile, a), rb = use_xmm(compile, b);
    done(compile, a);
    unsigned dst = define_xmm(compile, value, ra); /* neither of the others: they are in use */
    done(compile, mask);
    done(compile, b);
    combine_xmm(compile, OP_PXOR, dst, ra, rb);
    emit_rr(&compile->emit, OP_PAND, 4, dst, rm);
    emit_rr(&compile->emit, OP_PXOR, 4, dst, rb);
}

/* The host looks at bit 7 of an index and at the low four: saturation makes the one of what is more than 15. */
static void select_table(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    if (!compile->features.ssse3) {
        select_by_runtime(compile, value);
        return;
    }
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b), indices = scratch_xmm(compile);
    move_xmm(compile, indices, rb);
    emit_rd(emit, OP_PADDUSB, 4, indices, DATA_AT(table_bias));
    done(compile, a);
    done(compile, b);
    unsigned dst = define_xmm(compile, value, ra);
    combine_xmm(compile, OP_PSHUFB, dst, ra, indices);
}

/* -- Shifts -------------------------------------------------------------------------------------------------------- */

/* Bytes with a sign: each in the upper half of a word, and packed again. */
static void shift_signed_bytes(struct compile *compile, struct ir_value *value, unsigned ra)
{
    struct emit *emit = &compile->emit;
    unsigned amount = 8 + ir_lane_number(value), upper = scratch_xmm(compile);
    move_xmm(compile, upper, ra);
    emit_rr(emit, OP_PUNPCKHBW, 4, upper, upper);
    shift(compile, VECTOR_SAR, 1, upper, upper, amount);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    move_xmm(compile, dst, ra);
    emit_rr(emit, OP_PUNPCKLBW, 4, dst, dst);
    shift(compile, VECTOR_SAR, 1, dst, dst, amount);
    emit_rr(emit, OP_PACKSSWB, 4, dst, upper);
}

/* As words; the bits that came from the byte beside are masked away. */
static void shift_bytes(struct compile *compile, struct ir_value *value, unsigned ra)
{
    struct emit *emit = &compile->emit;
    unsigned amount = ir_lane_number(value), mask = scratch_xmm(compile), bits = scratch_gpr(compile);
    bool left = value->op == IR_VSHL;
    uint64_t byte = left ? 0xffu << amount & 0xff : 0xffu >> amount;
    emit_mov_ri(emit, bits, byte * UINT64_C(0x0101010101010101));
    emit_rr(emit, OP_MOVQ_TO, 8, mask, bits);
    emit_rr(emit, OP_PUNPCKLQDQ, 4, mask, mask);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    shift(compile, left ? VECTOR_SHL : VECTOR_SHR, 1, dst, ra, amount);
    emit_rr(emit, OP_PAND, 4, dst, mask);
}

/* 64 bits with a sign: shifted with zeros, and signs from above. */
static void shift_signed_words(struct compile *compile, struct ir_value *value, unsigned ra)
{
    unsigned amount = ir_lane_number(value), signs = scratch_xmm(compile);
    shift(compile, VECTOR_SAR, 2, signs, ra, 31);
    shuffle(compile, OP_PSHUFD, signs, signs, 0xf5); /* the upper halves, twice */
    shift(compile, VECTOR_SHL, 3, signs, signs, 64 - amount);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    shift(compile, VECTOR_SHR, 3, dst, ra, amount);
    emit_rr(&compile->emit, OP_POR, 4, dst, signs);
}

static void select_shift(struct compile *compile, struct ir_value *value)
{
    unsigned log2 = lane_log2(value), ra = use_xmm(compile, value->arguments[0]);
    if (log2 == 0) {
        (value->op == IR_VSAR ? shift_signed_bytes : shift_bytes)(compile, value, ra);
    } else if (log2 == 3 && value->op == IR_VSAR) {
        shift_signed_words(compile, value, ra);
    } else {
        done(compile, value->arguments[0]);
        unsigned dst = define_xmm(compile, value, ra);
        enum emit_group group = value->op == IR_VSHL ? VECTOR_SHL : value->op == IR_VSHR ? VECTOR_SHR : VECTOR_SAR;
        shift(compile, group, log2, dst, ra, ir_lane_number(value));
    }
}

/* -- Single lanes -------------------------------------------------------------------------------------------------- */

static void select_splat(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned log2 = lane_log2(value), ra = use_gpr(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, REG_NONE);
    done(compile, value->arguments[0]);
    emit_rr(emit, OP_MOVQ_TO, log2 == 3 ? 8 : 4, dst, ra);
    if (log2 == 0) {
        emit_rr(emit, OP_PUNPCKLBW, 4, dst, dst);
    }
    if (log2 == 2) {
        shuffle(compile, OP_PSHUFD, dst, dst, 0);
        return;
    }
    if (log2 < 2) {
        shuffle(compile, OP_PSHUFLW, dst, dst, 0);
    }
    emit_rr(emit, OP_PUNPCKLQDQ, 4, dst, dst);
}

/* 32 or 64 bits. */
static void extract_wide(struct compile *compile, const struct ir_value *value, unsigned dst, unsigned ra)
{
    struct emit *emit = &compile->emit;
    unsigned width = ir_lane_bits(value) / 8, number = ir_lane_number(value);
    if (number != 0 && compile->features.sse41) {
        emit_rr(emit, OP_PEXTRD, width, ra, dst);
        emit_immediate8(emit, (uint8_t)number);
        return;
    }
    if (number != 0) {
        unsigned lowest = scratch_xmm(compile);
        shuffle(compile, OP_PSHUFD, lowest, ra, width == 8 ? 0xee : number);
        ra = lowest;
    }
    emit_rr(emit, OP_MOVQ_FROM, width, ra, dst);
}

static void select_extract(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned log2 = lane_log2(value), number = ir_lane_number(value);
    unsigned ra = use_xmm(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, REG_NONE);
    if (log2 >= 2) {
        extract_wide(compile, value, dst, ra);
    } else {
        emit_rr(emit, OP_PEXTRW, 4, dst, ra);
        emit_immediate8(emit, (uint8_t)(log2 == 1 ? number : number / 2));
        if (log2 == 0 && number % 2 != 0) {
            emit_shift_ri(emit, SHIFT_SHR, 4, dst, 8);
        } else if (log2 == 0) {
            emit_rr(emit, OP_MOVZX8, 4, dst, dst);
        }
    }
    done(compile, value->arguments[0]);
}

/* Without SSE4.1: 32 bits as two words, 64 bits by way of another register. */
static void insert_wide(struct compile *compile, const struct ir_value *value, unsigned dst, unsigned source)
{
    struct emit *emit = &compile->emit;
    unsigned number = ir_lane_number(value);
    if (ir_lane_bits(value) == 64) {
        unsigned lane = scratch_xmm(compile);
        emit_rr(emit, OP_MOVQ_TO, 8, lane, source);
        emit_rr(emit, number == 0 ? OP_MOVSD : OP_PUNPCKLQDQ, 4, dst, lane);
        return;
    }
    unsigned upper = scratch_gpr(compile);
    emit_mov_rr(emit, 4, upper, source);
    emit_shift_ri(emit, SHIFT_SHR, 4, upper, 16);
    emit_rr(emit, OP_PINSRW, 4, dst, source);
    emit_immediate8(emit, (uint8_t)(2 * number));
    emit_rr(emit, OP_PINSRW, 4, dst, upper);
    emit_immediate8(emit, (uint8_t)(2 * number + 1));
}

static void select_insert(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    static const uint32_t ops[] = { OP_PINSRB, OP_PINSRW, OP_PINSRD, OP_PINSRD };
    unsigned log2 = lane_log2(value);
    bool is_single = log2 == 1 || compile->features.sse41;
    if (!is_single && log2 == 0) {
        select_by_runtime(compile, value);
        return;
    }
    unsigned ra = use_xmm(compile, value->arguments[0]), source = use_gpr(compile, value->arguments[1]);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    move_xmm(compile, dst, ra);
    if (is_single) {
        emit_rr(emit, ops[log2], log2 == 3 ? 8 : 4, dst, source);
        emit_immediate8(emit, (uint8_t)ir_lane_number(value));
    } else {
        insert_wide(compile, value, dst, source);
    }
    done(compile, value->arguments[1]);
}

/* -- Floating point ------------------------------------------------------------------------------------------------ */

static uint32_t float_lanes_op(const struct ir_value *value, enum emit_op op)
{
    return (uint32_t)op | (ir_lane_bits(value) == 64 ? 0x660000u : 0);
}

/* Jumps to a stub of this kind if a lane of dst is a NaN; the mask of those that are is in the register returned. */
static struct stub *find_nans(struct compile *compile, const struct ir_value *value, enum stub_kind kind, unsigned dst)
{
    struct emit *emit = &compile->emit;
    unsigned mask = scratch_xmm(compile), bits = scratch_gpr(compile);
    combine_xmm(compile, float_lanes_op(value, OP_CMPPS), mask, dst, dst);
    emit_immediate8(emit, CMP_UNORDERED);
    emit_rr(emit, float_lanes_op(value, OP_MOVMSKPS), 4, bits, mask);
    emit_rr(emit, OP_TEST, 4, bits, bits);
    struct stub *stub = stub_add(compile, kind, emit_jump_forward(emit, CC_NE));
    stub->value = value;
    stub->dst = (uint8_t)dst;
    stub->a = (uint8_t)mask;
    stub->wide = ir_lane_bits(value) == 64;
    return stub;
}

static uint32_t arithmetic_byte(enum ir_op op)
{
    switch ((int)op) {
    case IR_VFADD: return 0x58;
    case IR_VFSUB: return 0x5c;
    case IR_VFMUL: return 0x59;
    case IR_VFDIV: return 0x5e;
    default: return 0x51;
    }
}

static void select_arithmetic(struct compile *compile, struct ir_value *value)
{
    uint32_t op = float_lanes_op(value, (enum emit_op)EMIT_OP(0, 1, arithmetic_byte(value->op)));
    if (value->op == IR_VFSQRT) {
        unsigned ra = use_xmm(compile, value->arguments[0]);
        done(compile, value->arguments[0]);
        emit_rr(&compile->emit, op, 4, define_xmm(compile, value, ra), ra);
    } else {
        select_binary(compile, value, op, value->arguments[0], value->arguments[1]);
    }
}

/* A NaN: a * b + c again by C, for infinity times zero is invalid whatever is added, and hosts differ about that. */
static void select_fma(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = value->arguments[0], *b = value->arguments[1], *c = value->arguments[2];
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b), rc = use_xmm(compile, c);
    unsigned dst = define_xmm(compile, value, REG_NONE); /* none of them */
    move_xmm(compile, dst, rc);
    emit_vex_rr(&compile->emit, OP_VFMADD231PS, ir_lane_bits(value) == 64 ? 8 : 4, dst, ra, rb);
    struct stub *stub = find_nans(compile, value, STUB_VECTOR, dst);
    stub->what = what_of(compile, value);
    stub->a = (uint8_t)ra;
    stub->b = (uint8_t)rb;
    stub->c = (uint8_t)rc;
    done(compile, a);
    done(compile, b);
    done(compile, c);
}

#define FMA_REGISTERS 5 /* operands, result, mask */

static void select_float_lanes(struct compile *compile, struct ir_value *value)
{
    bool has_fma =
        compile->features.fma && compile->features.avx && __builtin_popcount(compile->temp_xmm) >= FMA_REGISTERS;
    if (compile->request->facts.rounding > ROUNDING_LAST_HOST || (value->op == IR_VFMA && !has_fma)) {
        select_by_runtime(compile, value);
    } else if (value->op == IR_VFMA) {
        select_fma(compile, value);
    } else {
        select_arithmetic(compile, value);
        const struct node *node = node_of(compile, value);
        if (node->place == PLACE_XMM) {
            find_nans(compile, value, STUB_VECTOR_NAN, node->reg);
        }
    }
}

void vector_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    if (stub->kind == STUB_VECTOR) {
        store_operand(compile, 0, stub->a);
        store_operand(compile, 1, stub->b);
        store_operand(compile, 2, stub->c);
        call_runtime(compile, stub->what);
        emit_rm(emit, OP_MOVUPS, 4, stub->dst, emit_at(REG_RSP, FRAME_VECTOR_RESULT));
        return;
    }
    emit_rr(emit, OP_ORPS, 4, stub->dst, stub->a); /* ones, less what the canonical NaN has not */
    emit_rd(emit, OP_ANDPS, 4, stub->a, stub->wide ? DATA_AT(not_nan64) : DATA_AT(not_nan32));
    emit_rr(emit, OP_XORPS, 4, stub->dst, stub->a);
}

/* -- Choice -------------------------------------------------------------------------------------------------------- */

void select_vector(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    switch ((int)value->op) {
    case IR_VAND: select_binary(compile, value, OP_PAND, a, b); break;
    case IR_VOR: select_binary(compile, value, OP_POR, a, b); break;
    case IR_VXOR: select_binary(compile, value, OP_PXOR, a, b); break;
    case IR_VANDN: select_binary(compile, value, OP_PANDN, b, a); break;
    case IR_VSELECT: select_by_mask(compile, value); break;
    case IR_VTABLE: select_table(compile, value); break;
    case IR_VGTU: select_greater_unsigned(compile, value); break;
    case IR_VSHL:
    case IR_VSHR:
    case IR_VSAR: select_shift(compile, value); break;
    case IR_VSPLAT: select_splat(compile, value); break;
    case IR_VEXTRACT: select_extract(compile, value); break;
    case IR_VINSERT: select_insert(compile, value); break;
    case IR_VFADD:
    case IR_VFSUB:
    case IR_VFMUL:
    case IR_VFDIV:
    case IR_VFSQRT:
    case IR_VFMA: select_float_lanes(compile, value); break;
    default: select_lanes(compile, value); break;
    }
}
