/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point on SSE2 (AVX's three-operand forms where there are any). While generated code runs, MXCSR holds the
 * region's rounding mode and gathers the sticky flags; x86, like RISC-V, detects tininess after rounding. What differs
 * is put right behind: NaN results become the canonical one, conversions saturate, minimum and maximum know zeros'
 * signs and NaNs. Where a mistaken flag could not be taken back, the operation is left to runtime_float() beforehand.
 */
#include "engine/jit/x86_64/select.h"

/* Encodings of RISC-V's rounding modes. */
#define ROUND_TO_NEAREST       0u
#define ROUND_TO_ZERO          1u
#define ROUND_TO_MAX_MAGNITUDE 4u /* SSE does not have that */

static bool is_conversion(enum ir_op op)
{
    return op >= IR_FCVT && op <= IR_UTOF;
}

static unsigned data_nan(enum ir_type type)
{
    return type == IR_F32 ? DATA_AT(nan32) : DATA_AT(nan64);
}

/* Makes a NaN in dst the canonical one. */
static void canonicalize(struct compile *compile, unsigned dst, enum ir_type type)
{
    emit_rr(&compile->emit, float_op(OP_UCOMISD, type), 4, dst, dst);
    struct stub *stub = stub_add(compile, STUB_NAN, emit_jump_forward(&compile->emit, CC_P));
    stub->dst = (uint8_t)dst;
    stub->wide = type == IR_F64;
}

static uint32_t what_of(const struct compile *compile, const struct ir_value *value)
{
    uint32_t rounding = compile->request->facts.rounding;
    if (rounding > ROUND_TO_MAX_MAGNITUDE) { /* reserved: only what rounds nothing (F32 → F64) is translated then */
        rounding = ROUND_TO_NEAREST;
    }
    if (is_conversion(value->op) && value->immediate == IR_ROUND_ZERO) {
        rounding = ROUND_TO_ZERO;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): every floating-point operation has an argument */
    return RUNTIME_WHAT(value->op, value->arguments[0]->type, value->type, rounding);
}

static void store_xmm(struct compile *compile, unsigned reg, int32_t place)
{
    emit_rm(&compile->emit, OP_MOVSD_STORE, 4, reg, emit_at(REG_RSP, place));
}

static void call_runtime(struct compile *compile, uint32_t what)
{
    emit_store_i(&compile->emit, 4, emit_at(REG_RSP, FRAME_WHAT), (int32_t)what);
    emit_call_to(&compile->emit, compile->runtime->slow_float[compile->uses_vectors]);
}

/* The whole operation by runtime_float(), in line. */
static void select_by_runtime(struct compile *compile, struct ir_value *value)
{
    static const int32_t places[] = { FRAME_ADDRESS, FRAME_VALUE, FRAME_THIRD };
    for (unsigned i = 0; i < 3 && value->arguments[i] != NULL; i++) {
        struct ir_value *argument = value->arguments[i];
        if (type_is_float(argument->type)) {
            store_xmm(compile, use_xmm(compile, argument), places[i]);
        } else {
            emit_rm(&compile->emit, OP_MOV_STORE, 8, use_gpr(compile, argument), emit_at(REG_RSP, places[i]));
        }
        done(compile, argument);
    }
    call_runtime(compile, what_of(compile, value));
    recheck_addends(compile, compile->kept_gpr);
    end_operation(compile);
    struct emit_memory result = emit_at(REG_RSP, FRAME_RESULT);
    if (type_is_float(value->type)) {
        emit_rm(&compile->emit, OP_MOVSD, 4, define_xmm(compile, value, REG_NONE), result);
    } else {
        emit_rm(&compile->emit, OP_MOV, 8, define_gpr(compile, value, REG_NONE), result);
    }
}

/* -- Arithmetic ---------------------------------------------------------------------------------------------------- */

static enum emit_op arithmetic_op(enum ir_op op)
{
    switch ((int)op) {
    case IR_FADD: return OP_ADDSD;
    case IR_FSUB: return OP_SUBSD;
    case IR_FMUL: return OP_MULSD;
    default: return OP_DIVSD;
    }
}

static void select_arithmetic(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b);
    done(compile, a);
    if (compile->features.avx) {
        done(compile, b);
    }
    unsigned dst = define_xmm(compile, value, ra);
    if (!compile->features.avx) { /* only now, so that dst is not rb */
        done(compile, b);
    }
    combine_xmm(compile, float_op(arithmetic_op(value->op), value->type), dst, ra, rb);
    canonicalize(compile, dst, value->type);
}

static void select_root(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_xmm(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    uint32_t op = float_op(OP_SQRTSD, value->type);
    if (compile->features.avx) {
        emit_vex_rr(&compile->emit, op, 4, dst, ra, ra);
    } else {
        emit_rr(&compile->emit, op, 4, dst, ra);
    }
    canonicalize(compile, dst, value->type);
}

/* The stub of a NaN result asks runtime_float() for a * b + NaN: infinity times zero is invalid whatever is added, and
 * hosts differ about that. */
static void select_fma(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = value->arguments[0], *b = value->arguments[1], *c = value->arguments[2];
    if (!compile->features.fma || !compile->features.avx) {
        select_by_runtime(compile, value);
        return;
    }
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b), rc = use_xmm(compile, c);
    done(compile, c);
    unsigned dst = define_xmm(
        compile, value,
        resolve(compile, c) != resolve(compile, a) && resolve(compile, c) != resolve(compile, b) ? rc : REG_NONE);
    move_xmm(compile, dst, rc);
    emit_vex_rr(&compile->emit, OP_VFMADD231SD, value->type == IR_F64 ? 8 : 4, dst, ra, rb);
    emit_rr(&compile->emit, float_op(OP_UCOMISD, value->type), 4, dst, dst);
    struct stub *stub = stub_add(compile, STUB_FLOAT, emit_jump_forward(&compile->emit, CC_P));
    stub->value = value;
    stub->what = what_of(compile, value);
    stub->dst = (uint8_t)dst;
    stub->dst_is_float = true;
    stub->a = (uint8_t)ra;
    stub->b = (uint8_t)rb;
    done(compile, a);
    done(compile, b);
}

static void select_minmax(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b);
    unsigned dst = define_xmm(compile, value, REG_NONE); /* neither */
    done(compile, a);
    done(compile, b);
    move_xmm(compile, dst, ra);
    emit_rr(emit, float_op(OP_UCOMISD, value->type), 4, dst, rb);
    uint32_t unordered = emit_jump_forward(emit, CC_P), equal = emit_jump_forward(emit, CC_E);
    emit_rr(emit, float_op(value->op == IR_FMIN ? OP_MINSD : OP_MAXSD, value->type), 4, dst, rb);
    struct stub *stub = stub_add(compile, STUB_MINMAX, unordered);
    stub->second_place = equal;
    stub->value = value;
    stub->dst = (uint8_t)dst;
    stub->b = (uint8_t)rb;
}

static void minmax_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    enum ir_type type = stub->value->type;
    uint32_t compare = float_op(OP_UCOMISD, type);
    emit_rr(emit, compare, 4, stub->dst, stub->dst); /* is it a? */
    emit_jump_to(emit, CC_NP, stub->back);
    emit_rr(emit, OP_MOVAPS, 4, stub->dst, stub->b);
    emit_rr(emit, compare, 4, stub->dst, stub->dst);
    emit_jump_to(emit, CC_NP, stub->back);
    emit_rd(emit, float_op(OP_MOVSD, type), 4, stub->dst, data_nan(type));
    emit_jump_to(emit, CC_ALWAYS, stub->back);
    emit_patch(emit, stub->second_place, emit->cursor); /* equal: the same bits, or zeros of different sign */
    emit_rr(emit, stub->value->op == IR_FMIN ? OP_ORPS : OP_ANDPS, 4, stub->dst, stub->b);
}

static void select_float_comparison(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    unsigned ra = use_xmm(compile, a), rb = use_xmm(compile, b);
    done(compile, a);
    done(compile, b);
    unsigned dst = define_gpr(compile, value, REG_NONE);
    if (value->op == IR_FEQ) {
        unsigned ordered = scratch_gpr(compile);
        emit_rr(emit, float_op(OP_UCOMISD, a->type), 4, ra, rb);
        emit_rr(emit, OP_SETCC + CC_NP, 4, 0, ordered);
        emit_rr(emit, OP_SETCC + CC_E, 4, 0, dst);
        emit_rr(emit, OP_AND, 4, dst, ordered);
    } else { /* b > a, b >= a: false where one is a NaN */
        emit_rr(emit, float_op(OP_COMISD, a->type), 4, rb, ra);
        emit_rr(emit, OP_SETCC + (value->op == IR_FLT ? CC_A : CC_AE), 4, 0, dst);
    }
    emit_rr(emit, OP_MOVZX8, 4, dst, dst);
}

/* -- Conversions --------------------------------------------------------------------------------------------------- */

static void select_format(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_xmm(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    combine_xmm(compile, value->type == IR_F32 ? OP_CVTSD2SS : OP_CVTSS2SD, dst, ra, ra);
    canonicalize(compile, dst, value->type);
}

static uint32_t convert_op(const struct ir_value *value)
{
    enum emit_op op = value->immediate == IR_ROUND_ZERO ? OP_CVTTSD2SI : OP_CVTSD2SI;
    return float_op(op, value->arguments[0]->type);
}

/* Overflow and NaN give the least number; subtracting 1 from that, and only that, overflows. */
static void select_to_signed(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned width = type_width(value->type);
    unsigned ra = use_xmm(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, REG_NONE);
    emit_rr(emit, convert_op(value), width, dst, ra);
    emit_group_ri(emit, GROUP_CMP, width, dst, 1);
    struct stub *stub = stub_add(compile, STUB_FTOS, emit_jump_forward(emit, CC_O));
    stub->value = value;
    stub->dst = (uint8_t)dst;
    stub->a = (uint8_t)ra;
    done(compile, value->arguments[0]);
}

static void to_signed_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    emit_rd(emit, float_op(OP_UCOMISD, stub->value->arguments[0]->type), 4, stub->a, DATA_AT(zero));
    uint32_t unordered = emit_jump_forward(emit, CC_P);
    emit_jump_to(emit, CC_B, stub->back); /* negative: the least number is right */
    emit_patch(emit, unordered, emit->cursor);
    emit_unary(emit, UNARY_NOT, type_width(stub->value->type), stub->dst);
}

/* In line for what is surely in range: sign clear and an exponent small enough, which one unsigned compare of the upper
 * bits tells. */
static void select_to_unsigned(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    bool is_double = value->arguments[0]->type == IR_F64;
    unsigned bits = value->type == IR_I64 ? 63 : value->immediate == IR_ROUND_ZERO ? 32 : 31;
    unsigned ra = use_xmm(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, REG_NONE);
    emit_rr(emit, OP_MOVQ_FROM, is_double ? 8 : 4, ra, dst);
    emit_shift_ri(emit, SHIFT_SHR, is_double ? 8 : 4, dst, is_double ? 52 : 23);
    emit_group_ri(emit, GROUP_CMP, 4, dst, (int32_t)((is_double ? 1023 : 127) + bits));
    uint32_t place = emit_jump_forward(emit, CC_AE);
    emit_rr(emit, convert_op(value), 8, dst, ra);
    struct stub *stub = stub_add(compile, STUB_FLOAT, place);
    stub->value = value;
    stub->what = what_of(compile, value);
    stub->dst = (uint8_t)dst;
    stub->a = (uint8_t)ra;
    done(compile, value->arguments[0]);
}

static void emit_from_signed(struct compile *compile, enum ir_type type, unsigned width, unsigned dst, unsigned ra)
{
    uint32_t op = float_op(OP_CVTSI2SD, type);
    if (compile->features.avx) {
        emit_vex_rr(&compile->emit, OP_XORPS, 4, dst, dst, dst); /* or it would wait for what dst was */
        emit_vex_rr(&compile->emit, op, width, dst, dst, ra);
    } else {
        emit_rr(&compile->emit, OP_XORPS, 4, dst, dst);
        emit_rr(&compile->emit, op, width, dst, ra);
    }
}

static void select_from_signed(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_gpr(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, REG_NONE);
    emit_from_signed(compile, value->type, type_width(value->arguments[0]->type), dst, ra);
    done(compile, value->arguments[0]);
}

static void select_from_unsigned(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned ra = use_gpr(compile, value->arguments[0]);
    unsigned wide = scratch_gpr(compile);
    unsigned dst = define_xmm(compile, value, REG_NONE);
    if (value->arguments[0]->type == IR_I32) {
        emit_rr(emit, OP_MOV, 4, wide, ra);
        emit_from_signed(compile, value->type, 8, dst, wide);
    } else {
        emit_rr(emit, OP_TEST, 8, ra, ra);
        uint32_t place = emit_jump_forward(emit, CC_S);
        emit_from_signed(compile, value->type, 8, dst, ra);
        struct stub *stub = stub_add(compile, STUB_UTOF, place);
        stub->value = value;
        stub->dst = (uint8_t)dst;
        stub->a = (uint8_t)ra;
        stub->b = (uint8_t)wide;
    }
    done(compile, value->arguments[0]);
}

/* Half of it, the bit that falls off kept sticky, rounds the same way; doubling is exact. */
static void from_unsigned_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    emit_mov_rr(emit, 8, stub->b, stub->a);
    emit_shift_ri(emit, SHIFT_SHR, 8, stub->b, 1);
    uint32_t even = emit_jump_forward(emit, CC_AE);
    emit_group_ri(emit, GROUP_OR, 8, stub->b, 1);
    emit_patch(emit, even, emit->cursor);
    emit_from_signed(compile, stub->value->type, 8, stub->dst, stub->b);
    emit_rr(emit, float_op(OP_ADDSD, stub->value->type), 4, stub->dst, stub->dst);
}

/* -- Bits ---------------------------------------------------------------------------------------------------------- */

static void select_bitcast(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    struct ir_value *a = value->arguments[0];
    unsigned width = type_width(value->type);
    struct emit_memory memory;
    bool from_memory = is_in_memory(compile, a, width, &memory);
    if (type_is_float(value->type)) {
        unsigned ra = from_memory ? REG_NONE : use_gpr(compile, a);
        unsigned dst = define_xmm(compile, value, REG_NONE);
        if (from_memory) {
            emit_rm(emit, float_op(OP_MOVSD, value->type), 4, dst, memory);
        } else {
            emit_rr(emit, OP_MOVQ_TO, width, dst, ra);
        }
    } else {
        unsigned ra = from_memory ? REG_NONE : use_xmm(compile, a);
        unsigned dst = define_gpr(compile, value, REG_NONE);
        if (from_memory) {
            emit_rm(emit, OP_MOV, width, dst, memory);
        } else {
            emit_rr(emit, OP_MOVQ_FROM, width, ra, dst);
        }
    }
    done(compile, a);
}

static void select_box(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_xmm(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_xmm(compile, value, ra);
    if (compile->features.avx) {
        emit_vex_rd(&compile->emit, OP_UNPCKLPS, 4, dst, ra, DATA_AT(ones));
    } else {
        move_xmm(compile, dst, ra);
        emit_rd(&compile->emit, OP_UNPCKLPS, 4, dst, DATA_AT(ones));
    }
}

/* Jumps to a stub unless the upper half is all ones. */
static uint32_t check_box(struct compile *compile, unsigned reg)
{
    struct emit *emit = &compile->emit;
    unsigned upper = scratch_gpr(compile);
    if (compile->features.sse41) {
        emit_rr(emit, OP_PEXTRD, 4, reg, upper);
        emit_immediate8(emit, 1);
    } else {
        emit_rr(emit, OP_MOVQ_FROM, 8, reg, upper);
        emit_shift_ri(emit, SHIFT_SHR, 8, upper, 32);
    }
    emit_group_ri(emit, GROUP_CMP, 4, upper, -1);
    return emit_jump_forward(emit, CC_NE);
}

static void select_unbox(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    struct ir_value *a = value->arguments[0];
    struct emit_memory memory;
    unsigned dst;
    uint32_t place;
    if (is_in_memory(compile, a, 8, &memory)) {
        dst = define_xmm(compile, value, REG_NONE);
        struct emit_memory upper = memory;
        upper.displacement += 4;
        emit_rm(emit, float_op(OP_MOVSD, IR_F32), 4, dst, memory);
        emit_group_mi(emit, GROUP_CMP, 4, upper, -1);
        place = emit_jump_forward(emit, CC_NE);
        done(compile, a);
    } else {
        unsigned ra = use_xmm(compile, a);
        done(compile, a);
        dst = define_xmm(compile, value, ra);
        move_xmm(compile, dst, ra);
        place = check_box(compile, dst);
    }
    struct stub *stub = stub_add(compile, STUB_NAN, place);
    stub->dst = (uint8_t)dst;
    stub->wide = false;
}

/* -- Stubs --------------------------------------------------------------------------------------------------------- */

static void runtime_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    store_xmm(compile, stub->a, FRAME_ADDRESS);
    if (stub->value->op == IR_FMA) {
        store_xmm(compile, stub->b, FRAME_VALUE);
        emit_rd(emit, OP_MOVSD, 4, stub->dst, data_nan(stub->value->type));
        store_xmm(compile, stub->dst, FRAME_THIRD);
    }
    call_runtime(compile, stub->what);
    recheck_addends(compile, stub->kept);
    struct emit_memory result = emit_at(REG_RSP, FRAME_RESULT);
    if (stub->dst_is_float) {
        emit_rm(emit, OP_MOVSD, 4, stub->dst, result);
    } else {
        emit_rm(emit, OP_MOV, 8, stub->dst, result);
    }
}

void float_stub(struct compile *compile, const struct stub *stub)
{
    switch ((int)stub->kind) {
    case STUB_FLOAT: runtime_stub(compile, stub); break;
    case STUB_NAN: {
        enum ir_type type = stub->wide ? IR_F64 : IR_F32;
        emit_rd(&compile->emit, float_op(OP_MOVSD, type), 4, stub->dst, data_nan(type));
        break;
    }
    case STUB_MINMAX: minmax_stub(compile, stub); break;
    case STUB_UTOF: from_unsigned_stub(compile, stub); break;
    default: to_signed_stub(compile, stub); break;
    }
}

/* -- Choice -------------------------------------------------------------------------------------------------------- */

/* The operation needs a rounding mode that MXCSR does not hold and the instruction does not name. */
static bool rounds_otherwise(const struct compile *compile, const struct ir_value *value)
{
    uint32_t rounding = compile->request->facts.rounding;
    switch ((int)value->op) {
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV:
    case IR_FSQRT:
    case IR_FMA: return rounding >= ROUND_TO_MAX_MAGNITUDE;
    case IR_FCVT:
    case IR_STOF:
    case IR_UTOF:
        return rounding >= ROUND_TO_MAX_MAGNITUDE || (value->immediate == IR_ROUND_ZERO && rounding != ROUND_TO_ZERO);
    case IR_FTOS:
    case IR_FTOU: return value->immediate != IR_ROUND_ZERO && rounding >= ROUND_TO_MAX_MAGNITUDE;
    default: return false;
    }
}

void select_float(struct compile *compile, struct ir_value *value)
{
    if (rounds_otherwise(compile, value)) {
        select_by_runtime(compile, value);
        return;
    }
    switch ((int)value->op) {
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV: select_arithmetic(compile, value); break;
    case IR_FSQRT: select_root(compile, value); break;
    case IR_FMA: select_fma(compile, value); break;
    case IR_FEQ:
    case IR_FLT:
    case IR_FLE: select_float_comparison(compile, value); break;
    case IR_FMIN:
    case IR_FMAX: select_minmax(compile, value); break;
    case IR_FCVT: select_format(compile, value); break;
    case IR_FTOS: select_to_signed(compile, value); break;
    case IR_FTOU: select_to_unsigned(compile, value); break;
    case IR_STOF: select_from_signed(compile, value); break;
    case IR_UTOF: select_from_unsigned(compile, value); break;
    case IR_BITCAST: select_bitcast(compile, value); break;
    case IR_BOX: select_box(compile, value); break;
    default: select_unbox(compile, value); break;
    }
}
