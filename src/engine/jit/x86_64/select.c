/* SPDX-License-Identifier: Apache-2.0 */
/* Integer operations to instructions. */
#include "engine/jit/x86_64/select.h"

/* -- Two operands -------------------------------------------------------------------------------------------------- */

static bool is_commutative(enum ir_op op)
{
    return op == IR_ADD || op == IR_MUL || op == IR_AND || op == IR_OR || op == IR_XOR;
}

/* dst = dst op b, whatever b is. Consumes b. */
static void apply(struct compile *compile, uint32_t op, enum emit_group group, unsigned width, unsigned dst,
                  struct ir_value *b)
{
    struct emit *emit = &compile->emit;
    int32_t immediate;
    struct emit_memory memory;
    if (immediate_of(compile, b, width, &immediate)) {
        emit_group_ri(emit, group, width, dst, immediate);
    } else if (is_in_memory(compile, b, width, &memory)) {
        emit_rm(emit, op, width, dst, memory);
    } else {
        emit_rr(emit, op, width, dst, use_gpr(compile, b));
    }
    done(compile, b);
}

struct binary_form {
    uint32_t op;
    enum emit_group group;
};

static struct binary_form form_of(enum ir_op op)
{
    switch ((int)op) {
    case IR_AND: return (struct binary_form){ OP_AND, GROUP_AND };
    case IR_OR: return (struct binary_form){ OP_OR, GROUP_OR };
    case IR_XOR: return (struct binary_form){ OP_XOR, GROUP_XOR };
    case IR_SUB: return (struct binary_form){ OP_SUB, GROUP_SUB };
    default: return (struct binary_form){ OP_ADD, GROUP_ADD };
    }
}

/* The general shape: dst = a; dst op= b. Commutative operations may start from b. */
static void select_two_operand(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = value->arguments[0], *b = value->arguments[1];
    unsigned width = type_width(value->type);
    struct binary_form form = form_of(value->op);
    struct emit_memory memory;
    int32_t immediate;
    if (immediate_of(compile, b, width, &immediate) || is_in_memory(compile, b, width, &memory)) {
        unsigned ra = use_gpr(compile, a);
        done(compile, a);
        unsigned dst = define_gpr(compile, value, ra);
        emit_mov_rr(&compile->emit, width, dst, ra);
        apply(compile, form.op, form.group, width, dst, b);
        return;
    }
    unsigned ra = use_gpr(compile, a), rb = use_gpr(compile, b);
    done(compile, a);
    done(compile, b);
    unsigned dst = define_gpr(compile, value, ra);
    if (dst == rb && dst != ra) {
        if (is_commutative(value->op)) {
            rb = ra;
        } else { /* a - b = -b + a */
            emit_unary(&compile->emit, UNARY_NEG, width, dst);
            form.op = OP_ADD;
            rb = ra;
        }
    } else {
        emit_mov_rr(&compile->emit, width, dst, ra);
    }
    emit_rr(&compile->emit, form.op, width, dst, rb);
}

static void select_add_immediate(struct compile *compile, struct ir_value *value, struct ir_value *a, int32_t immediate)
{
    unsigned width = type_width(value->type);
    unsigned ra = use_gpr(compile, a);
    done(compile, a);
    unsigned dst = define_gpr(compile, value, ra);
    if (dst == ra) {
        emit_group_ri(&compile->emit, GROUP_ADD, width, dst, immediate);
    } else {
        emit_rm(&compile->emit, OP_LEA, width, dst, emit_at(ra, immediate));
    }
}

/* base + (index << scale) in one LEA. */
static void select_scaled_add(struct compile *compile, struct ir_value *value, struct ir_value *base,
                              struct ir_value *shift)
{
    unsigned rb = use_gpr(compile, base), ri = use_gpr(compile, shift->arguments[0]);
    uint8_t scale = (uint8_t)resolve(compile, shift->arguments[1])->immediate;
    done(compile, base);
    done(compile, shift);
    unsigned dst = define_gpr(compile, value, rb);
    struct emit_memory memory = { (uint8_t)rb, (uint8_t)ri, scale, 0 };
    emit_rm(&compile->emit, OP_LEA, 8, dst, memory);
}

static bool is_fused_shift(const struct compile *compile, const struct ir_value *value)
{
    return value->op == IR_SHL && node_of(compile, value)->fused;
}

static void select_add(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = resolve(compile, value->arguments[0]), *b = resolve(compile, value->arguments[1]);
    unsigned width = type_width(value->type);
    int32_t immediate;
    if (is_fused_shift(compile, a)) {
        select_scaled_add(compile, value, b, a);
    } else if (is_fused_shift(compile, b)) {
        select_scaled_add(compile, value, a, b);
    } else if (immediate_of(compile, b, width, &immediate)) {
        select_add_immediate(compile, value, a, immediate);
    } else if (node_of(compile, a)->place == PLACE_GPR && node_of(compile, b)->place == PLACE_GPR) {
        unsigned ra = use_gpr(compile, a), rb = use_gpr(compile, b);
        done(compile, a);
        done(compile, b);
        unsigned dst = define_gpr(compile, value, ra);
        if (dst == ra) {
            emit_rr(&compile->emit, OP_ADD, width, dst, rb);
        } else if (dst == rb) {
            emit_rr(&compile->emit, OP_ADD, width, dst, ra);
        } else {
            struct emit_memory memory = { (uint8_t)ra, (uint8_t)rb, 0, 0 };
            emit_rm(&compile->emit, OP_LEA, width, dst, memory);
        }
    } else {
        select_two_operand(compile, value);
    }
}

static void select_sub(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = resolve(compile, value->arguments[0]);
    unsigned width = type_width(value->type);
    int32_t immediate;
    if (immediate_of(compile, value->arguments[1], width, &immediate) && immediate != INT32_MIN) {
        select_add_immediate(compile, value, a, -immediate);
    } else if (a->op == IR_CONST && a->immediate == 0) {
        unsigned rb = use_gpr(compile, value->arguments[1]);
        done(compile, value->arguments[1]);
        unsigned dst = define_gpr(compile, value, rb);
        emit_mov_rr(&compile->emit, width, dst, rb);
        emit_unary(&compile->emit, UNARY_NEG, width, dst);
    } else {
        select_two_operand(compile, value);
    }
}

/* One register in, one out, by an instruction that reads before it writes. */
static void select_one_register(struct compile *compile, struct ir_value *value, struct ir_value *a, uint32_t op,
                                unsigned width)
{
    unsigned ra = use_gpr(compile, a);
    done(compile, a);
    unsigned dst = define_gpr(compile, value, ra);
    emit_rr(&compile->emit, op, width, dst, ra);
}

static void select_and(struct compile *compile, struct ir_value *value)
{
    struct ir_value *a = value->arguments[0], *b = resolve(compile, value->arguments[1]);
    if (b->op == IR_CONST && (b->immediate == 0xff || b->immediate == 0xffff)) {
        done(compile, b);
        select_one_register(compile, value, a, b->immediate == 0xff ? (uint32_t)OP_MOVZX8 : (uint32_t)OP_MOVZX16, 4);
        return;
    }
    if (b->op == IR_CONST && b->immediate == UINT32_MAX) {
        select_one_register(compile, value, a, OP_MOV, 4);
        return;
    }
    if (b->op == IR_CONST && b->immediate <= INT32_MAX) { /* clears the upper half either way */
        unsigned ra = use_gpr(compile, a);
        done(compile, a);
        unsigned dst = define_gpr(compile, value, ra);
        emit_mov_rr(&compile->emit, 4, dst, ra);
        emit_group_ri(&compile->emit, GROUP_AND, 4, dst, (int32_t)b->immediate);
        return;
    }
    select_two_operand(compile, value);
}

static void select_xor(struct compile *compile, struct ir_value *value)
{
    struct ir_value *b = resolve(compile, value->arguments[1]);
    unsigned width = type_width(value->type);
    uint64_t ones = width == 8 ? UINT64_MAX : UINT32_MAX;
    if (value->type == IR_BOOL || b->op != IR_CONST || b->immediate != ones) {
        select_two_operand(compile, value);
        return;
    }
    unsigned ra = use_gpr(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, ra);
    emit_mov_rr(&compile->emit, width, dst, ra);
    emit_unary(&compile->emit, UNARY_NOT, width, dst);
}

/* -- Multiplication and division ----------------------------------------------------------------------------------- */

static void select_mul(struct compile *compile, struct ir_value *value)
{
    unsigned width = type_width(value->type);
    int32_t immediate;
    unsigned ra = use_gpr(compile, value->arguments[0]);
    if (immediate_of(compile, value->arguments[1], width, &immediate)) {
        done(compile, value->arguments[0]);
        unsigned dst = define_gpr(compile, value, ra);
        emit_imul_rri(&compile->emit, width, dst, ra, immediate);
        return;
    }
    unsigned rb = use_gpr(compile, value->arguments[1]);
    done(compile, value->arguments[0]);
    done(compile, value->arguments[1]);
    unsigned dst = define_gpr(compile, value, ra);
    if (dst == rb) {
        rb = ra;
    } else {
        emit_mov_rr(&compile->emit, width, dst, ra);
    }
    emit_rr(&compile->emit, OP_IMUL, width, dst, rb);
}

/* Upper half of a 32-bit product: by a 64-bit one. */
static void select_mulh32(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_gpr(compile, value->arguments[0]), rb = use_gpr(compile, value->arguments[1]);
    unsigned x = scratch_gpr(compile), y = scratch_gpr(compile);
    bool a_signed = value->op != IR_MULHU, b_signed = value->op == IR_MULHS;
    emit_rr(&compile->emit, a_signed ? OP_MOVSXD : OP_MOV, a_signed ? 8 : 4, x, ra);
    emit_rr(&compile->emit, b_signed ? OP_MOVSXD : OP_MOV, b_signed ? 8 : 4, y, rb);
    emit_rr(&compile->emit, OP_IMUL, 8, x, y);
    emit_shift_ri(&compile->emit, SHIFT_SHR, 8, x, 32);
    done(compile, value->arguments[0]);
    done(compile, value->arguments[1]);
    unsigned dst = define_gpr(compile, value, x);
    emit_mov_rr(&compile->emit, 8, dst, x);
}

static void select_mulh(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    if (value->type == IR_I32) {
        select_mulh32(compile, value);
        return;
    }
    claim_gpr(compile, REG_RAX);
    claim_gpr(compile, REG_RDX);
    unsigned ra = use_gpr(compile, value->arguments[0]), rb = use_gpr(compile, value->arguments[1]);
    emit_mov_rr(emit, 8, REG_RAX, ra);
    emit_unary(emit, value->op == IR_MULHS ? UNARY_IMUL : UNARY_MUL, 8, rb);
    if (value->op == IR_MULHSU) { /* the unsigned product has b too many in its upper half where a is negative */
        emit_mov_rr(emit, 8, REG_RAX, ra);
        emit_shift_ri(emit, SHIFT_SAR, 8, REG_RAX, 63);
        emit_rr(emit, OP_AND, 8, REG_RAX, rb);
        emit_rr(emit, OP_SUB, 8, REG_RDX, REG_RAX);
    }
    done(compile, value->arguments[0]);
    done(compile, value->arguments[1]);
    unsigned dst = define_gpr(compile, value, REG_RDX);
    emit_mov_rr(emit, 8, dst, REG_RDX);
}

static bool is_signed_division(enum ir_op op)
{
    return op == IR_DIVS || op == IR_REMS;
}

/* Jumps to a stub if the divisor needs one: 0, or -1 for signed ones. */
static void guard_division(struct compile *compile, const struct ir_value *value, unsigned ra, unsigned rb)
{
    struct emit *emit = &compile->emit;
    unsigned width = type_width(value->type);
    const struct ir_value *b = resolve(compile, value->arguments[1]);
    uint64_t minus_one = width == 8 ? UINT64_MAX : UINT32_MAX; /* a constant seen through TRUNC has more bits */
    if (b->op == IR_CONST && (b->immediate & minus_one) != 0 && (b->immediate & minus_one) != minus_one) {
        return;
    }
    enum emit_condition condition = CC_E;
    if (is_signed_division(value->op)) {
        emit_rm(emit, OP_LEA, width, REG_RDX, emit_at(rb, 1));
        emit_group_ri(emit, GROUP_CMP, width, REG_RDX, 1);
        condition = CC_BE;
    } else {
        emit_rr(emit, OP_TEST, width, rb, rb);
    }
    struct stub *stub = stub_add(compile, STUB_DIVIDE, emit_jump_forward(emit, condition));
    stub->value = value;
    stub->a = (uint8_t)ra;
    stub->b = (uint8_t)rb;
    stub->wide = width == 8;
}

/* The quotient is left in rax, the remainder in rdx; the stub does so too. */
static void select_division(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned width = type_width(value->type);
    claim_gpr(compile, REG_RAX);
    claim_gpr(compile, REG_RDX);
    unsigned ra = use_gpr(compile, value->arguments[0]), rb = use_gpr(compile, value->arguments[1]);
    unsigned stubs = compile->stub_count;
    emit_mov_rr(emit, width, REG_RAX, ra);
    guard_division(compile, value, ra, rb);
    if (is_signed_division(value->op)) {
        emit_sign_extend_rax(emit, width);
        emit_unary(emit, UNARY_IDIV, width, rb);
    } else {
        emit_rr(emit, OP_XOR, 4, REG_RDX, REG_RDX);
        emit_unary(emit, UNARY_DIV, width, rb);
    }
    if (compile->stub_count != stubs) {
        compile->stubs[stubs].back = emit->cursor;
    }
    done(compile, value->arguments[0]);
    done(compile, value->arguments[1]);
    unsigned from = value->op == IR_DIVU || value->op == IR_DIVS ? REG_RAX : REG_RDX;
    unsigned dst = define_gpr(compile, value, from);
    emit_mov_rr(emit, width, dst, from);
}

/* -- Shifts and bits ----------------------------------------------------------------------------------------------- */

static enum emit_group shift_group(enum ir_op op)
{
    return op == IR_SHL ? SHIFT_SHL : op == IR_SHR ? SHIFT_SHR : op == IR_SAR ? SHIFT_SAR : SHIFT_ROR;
}

static void select_shift_immediate(struct compile *compile, struct ir_value *value, unsigned amount)
{
    unsigned width = type_width(value->type);
    unsigned ra = use_gpr(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, ra);
    if (amount == 0) {
        emit_rr(&compile->emit, OP_MOV, width, dst, ra);
        return;
    }
    if (value->op == IR_ROTR && compile->features.bmi2) {
        emit_vex_rr(&compile->emit, OP_RORX, width, dst, 0, ra);
        emit_immediate8(&compile->emit, (uint8_t)amount);
        return;
    }
    emit_mov_rr(&compile->emit, width, dst, ra);
    emit_shift_ri(&compile->emit, shift_group(value->op), width, dst, amount);
}

static void select_shift(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned width = type_width(value->type);
    const struct ir_value *amount = resolve(compile, value->arguments[1]);
    if (amount->op == IR_CONST) {
        select_shift_immediate(compile, value, (unsigned)amount->immediate & (width * 8 - 1));
        return;
    }
    if (compile->features.bmi2 && value->op != IR_ROTR) {
        uint32_t op = value->op == IR_SHL ? OP_SHLX : value->op == IR_SHR ? OP_SHRX : OP_SARX;
        unsigned ra = use_gpr(compile, value->arguments[0]), rb = use_gpr(compile, value->arguments[1]);
        done(compile, value->arguments[0]);
        done(compile, value->arguments[1]);
        unsigned dst = define_gpr(compile, value, ra);
        emit_vex_rr(emit, op, width, dst, rb, ra);
        return;
    }
    claim_gpr(compile, REG_RCX);
    unsigned ra = use_gpr(compile, value->arguments[0]), rb = use_gpr(compile, value->arguments[1]);
    emit_mov_rr(emit, 4, REG_RCX, rb);
    unsigned dst = define_gpr(compile, value, REG_NONE); /* neither ra nor rb */
    done(compile, value->arguments[0]);
    done(compile, value->arguments[1]);
    emit_mov_rr(emit, width, dst, ra);
    emit_shift_cl(emit, shift_group(value->op), width, dst);
}

/* CLZ and CTZ without LZCNT and TZCNT: by the bit's position, with the width for 0. */
static void select_scan(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned width = type_width(value->type), bits = width * 8;
    bool leading = value->op == IR_CLZ;
    unsigned ra = use_gpr(compile, value->arguments[0]);
    unsigned found = scratch_gpr(compile), none = scratch_gpr(compile);
    emit_mov_ri(emit, none, leading ? 2 * bits - 1 : bits); /* XOR with bits - 1 makes `bits` of it */
    emit_rr(emit, leading ? OP_BSR : OP_BSF, width, found, ra);
    emit_rr(emit, OP_CMOV + CC_E, width, found, none);
    if (leading) {
        emit_group_ri(emit, GROUP_XOR, width, found, (int32_t)bits - 1);
    }
    done(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, found);
    emit_mov_rr(emit, width, dst, found);
}

/* Through C, for a processor so old. */
static void select_slow_popcount(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_gpr(compile, value->arguments[0]);
    unsigned copy = scratch_gpr(compile);
    emit_rr(&compile->emit, OP_MOV, type_width(value->type), copy, ra);
    emit_rm(&compile->emit, OP_MOV_STORE, 8, copy, emit_at(REG_RSP, FRAME_ADDRESS));
    emit_store_i(&compile->emit, 4, emit_at(REG_RSP, FRAME_WHAT), (int32_t)RUNTIME_WHAT(IR_POPCNT, 0, 0, 0));
    emit_call_to(&compile->emit, compile->runtime->slow_float[compile->uses_vectors]);
    done(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, REG_NONE);
    emit_rm(&compile->emit, OP_MOV, 8, dst, emit_at(REG_RSP, FRAME_RESULT));
}

static void select_count(struct compile *compile, struct ir_value *value)
{
    const struct host_features *features = &compile->features;
    unsigned width = type_width(value->type);
    if (value->op == IR_POPCNT ? !features->popcnt : value->op == IR_CLZ ? !features->lzcnt : !features->bmi1) {
        if (value->op == IR_POPCNT) {
            select_slow_popcount(compile, value);
        } else {
            select_scan(compile, value);
        }
        return;
    }
    uint32_t op = value->op == IR_POPCNT ? OP_POPCNT : value->op == IR_CLZ ? OP_LZCNT : OP_TZCNT;
    select_one_register(compile, value, value->arguments[0], op, width);
}

static void select_bswap(struct compile *compile, struct ir_value *value)
{
    unsigned width = type_width(value->type);
    unsigned ra = use_gpr(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, ra);
    emit_mov_rr(&compile->emit, width, dst, ra);
    emit_bswap(&compile->emit, width, dst);
}

static void select_sext(struct compile *compile, struct ir_value *value)
{
    unsigned width = type_width(value->type);
    struct ir_value *a = value->arguments[0];
    struct emit_memory memory;
    if (value->immediate == 32) {
        uint32_t op = width == 8 ? OP_MOVSXD : OP_MOV;
        if (is_in_memory(compile, a, 4, &memory)) {
            emit_rm(&compile->emit, op, width, define_gpr(compile, value, REG_NONE), memory);
            done(compile, a);
            return;
        }
        select_one_register(compile, value, a, op, width);
        return;
    }
    select_one_register(compile, value, a, value->immediate == 8 ? OP_MOVSX8 : OP_MOVSX16, width);
}

/* -- Comparisons --------------------------------------------------------------------------------------------------- */

static enum emit_condition condition_of(enum ir_op op)
{
    switch ((int)op) {
    case IR_EQ: return CC_E;
    case IR_NE: return CC_NE;
    case IR_LTU: return CC_B;
    case IR_LEU: return CC_BE;
    case IR_LTS: return CC_L;
    default: return CC_LE;
    }
}

static enum emit_condition swapped(enum emit_condition condition)
{
    switch ((int)condition) {
    case CC_B: return CC_A;
    case CC_BE: return CC_AE;
    case CC_L: return CC_G;
    case CC_LE: return CC_GE;
    default: return condition;
    }
}

static void test_bits(struct compile *compile, struct ir_value *and, unsigned width)
{
    int32_t immediate;
    unsigned ra = use_gpr(compile, and->arguments[0]);
    if (immediate_of(compile, and->arguments[1], width, &immediate)) {
        unsigned narrow = immediate >= 0 ? 4 : width;
        emit_test_ri(&compile->emit, narrow, ra, immediate);
    } else {
        emit_rr(&compile->emit, OP_TEST, width, ra, use_gpr(compile, and->arguments[1]));
    }
}

/* Sets flags for a comparison, whose operands stay in use. */
static enum emit_condition compare(struct compile *compile, struct ir_value *value)
{
    if (value->op == IR_CONDITION) {
        return select_flags_condition(compile, value);
    }
    struct emit *emit = &compile->emit;
    struct ir_value *a = resolve(compile, value->arguments[0]), *b = resolve(compile, value->arguments[1]);
    unsigned width = type_width(value->arguments[0]->type);
    enum emit_condition condition = condition_of(value->op);
    int32_t immediate;
    struct emit_memory memory;
    if (a->op == IR_CONST && b->op != IR_CONST) {
        struct ir_value *other = a;
        a = b;
        b = other;
        condition = swapped(condition);
    }
    if (a->op == IR_AND && node_of(compile, a)->fused) {
        test_bits(compile, a, width);
        return condition;
    }
    if (immediate_of(compile, b, width, &immediate)) {
        if (is_in_memory(compile, a, width, &memory)) {
            emit_group_mi(emit, GROUP_CMP, width, memory, immediate);
            return condition;
        }
        unsigned ra = use_gpr(compile, a);
        if (immediate == 0) {
            emit_rr(emit, OP_TEST, width, ra, ra);
        } else {
            emit_group_ri(emit, GROUP_CMP, width, ra, immediate);
        }
        return condition;
    }
    unsigned ra = use_gpr(compile, a);
    if (is_in_memory(compile, b, width, &memory)) {
        emit_rm(emit, OP_CMP, width, ra, memory);
    } else {
        emit_rr(emit, OP_CMP, width, ra, use_gpr(compile, b));
    }
    return condition;
}

/* Flags of a BOOL; not consumed yet. */
static enum emit_condition flags_of(struct compile *compile, struct ir_value *value)
{
    value = resolve(compile, value);
    if (node_of(compile, value)->fused) {
        return compare(compile, value);
    }
    unsigned reg = use_gpr(compile, value);
    emit_rr(&compile->emit, OP_TEST, 4, reg, reg);
    return CC_NE;
}

enum emit_condition select_condition(struct compile *compile, struct ir_value *value)
{
    enum emit_condition condition = flags_of(compile, value);
    done(compile, value);
    return condition;
}

static void select_comparison(struct compile *compile, struct ir_value *value)
{
    enum emit_condition condition = compare(compile, value);
    done(compile, value->arguments[0]);
    if (value->arguments[1] != NULL) {
        done(compile, value->arguments[1]);
    }
    unsigned dst = define_gpr(compile, value, REG_NONE); /* moves and stores only: flags survive */
    emit_rr(&compile->emit, OP_SETCC + condition, 4, 0, dst);
    emit_rr(&compile->emit, OP_MOVZX8, 4, dst, dst);
}

static void select_float_choice(struct compile *compile, struct ir_value *value)
{
    struct ir_value *b = value->arguments[1], *c = value->arguments[2];
    unsigned rb = use_xmm(compile, b), rc = use_xmm(compile, c);
    unsigned dst = define_xmm(compile, value, REG_NONE); /* neither */
    emit_rr(&compile->emit, OP_MOVAPS, 4, dst, rb);
    enum emit_condition condition = flags_of(compile, value->arguments[0]);
    uint32_t skip = emit_jump_forward(&compile->emit, condition);
    emit_rr(&compile->emit, OP_MOVAPS, 4, dst, rc);
    emit_patch(&compile->emit, skip, compile->emit.cursor);
    done(compile, value->arguments[0]);
    done(compile, b);
    done(compile, c);
}

static void select_choice(struct compile *compile, struct ir_value *value)
{
    if (type_in_xmm(value->type)) {
        select_float_choice(compile, value);
        return;
    }
    struct ir_value *b = value->arguments[1], *c = value->arguments[2];
    unsigned width = type_width(value->type);
    unsigned rb = use_gpr(compile, b), rc = use_gpr(compile, c);
    uint32_t locked = compile->locked_gpr;
    enum emit_condition condition = flags_of(compile, value->arguments[0]);
    compile->locked_gpr = locked; /* what was compared is not needed any more */
    done(compile, value->arguments[0]);
    done(compile, b);
    done(compile, c);
    unsigned dst = define_gpr(compile, value, rc);
    if (dst == rb) {
        emit_rr(&compile->emit, OP_CMOV + (condition ^ 1u), width, dst, rc);
    } else {
        emit_mov_rr(&compile->emit, width, dst, rc);
        emit_rr(&compile->emit, OP_CMOV + condition, width, dst, rb);
    }
}

/* -- Slots --------------------------------------------------------------------------------------------------------- */

static void select_get(struct compile *compile, struct ir_value *value)
{
    unsigned pin = pin_at(compile, value->slot);
    if (pin == PIN_NONE || compile->pins[pin].is_float == type_is_float(value->type)) {
        define_alias(compile, value);
        return;
    }
    unsigned reg = compile->pins[pin].reg;
    if (type_is_float(value->type)) {
        emit_rr(&compile->emit, OP_MOVQ_TO, 8, define_xmm(compile, value, REG_NONE), reg);
    } else {
        emit_rr(&compile->emit, OP_MOVQ_FROM, 8, reg, define_gpr(compile, value, REG_NONE));
    }
}

static void put_in_pin(struct compile *compile, struct ir_value *put, unsigned number)
{
    const struct pin *pin = &compile->pins[number];
    struct ir_value *value = resolve(compile, put->arguments[0]);
    bool is_float = type_is_float(put->arguments[0]->type);
    struct emit *emit = &compile->emit;
    struct emit_memory memory;
    save_aliases(compile, pin->slot, 8, value);
    compile->dirty |= 1u << number;
    if (value->op == IR_CONST && !pin->is_float) {
        if (value->immediate == 0) {
            emit_rr(emit, OP_XOR, 4, pin->reg, pin->reg);
        } else {
            emit_mov_ri(emit, pin->reg, value->immediate);
        }
        return;
    }
    if (is_in_memory(compile, value, 8, &memory)) {
        emit_rm(emit, pin->is_float ? OP_MOVSD : OP_MOV, pin->is_float ? 4 : 8, pin->reg, memory);
        done(compile, value);
        return;
    }
    unsigned reg = is_float ? use_xmm(compile, value) : use_gpr(compile, value);
    if (is_float != pin->is_float) {
        if (pin->is_float) {
            emit_rr(emit, OP_MOVQ_TO, 8, pin->reg, reg);
        } else {
            emit_rr(emit, OP_MOVQ_FROM, 8, reg, pin->reg);
        }
    } else if (is_float) {
        move_xmm(compile, pin->reg, reg);
    } else {
        emit_mov_rr(emit, 8, pin->reg, reg);
    }
    done(compile, value);
    if (!is_float && !pin->is_float) {
        move_to_pin(compile, value, number);
    }
}

/* What was put, and the word it was extended from, can be had from the slot again. */
static void note_copies(struct compile *compile, const struct ir_value *put)
{
    if (put->arguments[0]->type != IR_I64) {
        return;
    }
    struct ir_value *value = resolve(compile, put->arguments[0]);
    give_home(compile, value, put->slot, 8);
    if (value->op == IR_SEXT && value->immediate == 32) {
        struct ir_value *word = resolve(compile, value->arguments[0]);
        if (word->type == IR_I32) {
            give_home(compile, word, put->slot, 4);
        }
    }
}

static void put_in_memory(struct compile *compile, struct ir_value *put)
{
    struct ir_value *value = put->arguments[0];
    unsigned width = type_width(value->type);
    struct emit_memory memory = slot_memory(put->slot);
    int32_t immediate;
    save_aliases(compile, put->slot, width, NULL);
    if (value->type == IR_V128) {
        emit_rm(&compile->emit, OP_MOVUPS_STORE, 4, use_xmm(compile, value), memory);
    } else if (immediate_of(compile, value, width, &immediate)) {
        emit_store_i(&compile->emit, width, memory, immediate);
    } else if (type_is_float(value->type)) {
        emit_rm(&compile->emit, float_op(OP_MOVSD_STORE, value->type), 4, use_xmm(compile, value), memory);
    } else {
        emit_rm(&compile->emit, OP_MOV_STORE, width, use_gpr(compile, value), memory);
    }
    done(compile, value);
    note_copies(compile, put);
}

static void select_put(struct compile *compile, struct ir_value *put)
{
    unsigned pin = pin_at(compile, put->slot);
    if (pin == PIN_NONE) {
        put_in_memory(compile, put);
    } else {
        put_in_pin(compile, put, pin);
    }
}

/* -- Blocks -------------------------------------------------------------------------------------------------------- */

static void select_guard(struct compile *compile, struct ir_value *value)
{
    enum emit_condition condition = select_condition(compile, value->arguments[0]);
    uint32_t place = emit_jump_forward(&compile->emit, (enum emit_condition)(condition ^ 1u));
    stub_leave(compile, HOST_EXIT_INTERPRET, place, compile->mark_pc, compile->mark_count);
}

static void select_zext(struct compile *compile, struct ir_value *value)
{
    select_one_register(compile, value, value->arguments[0], value->arguments[0]->type == IR_BOOL ? OP_MOVZX8 : OP_MOV,
                        4);
}

static void select_value(struct compile *compile, struct ir_value *value)
{
    switch (value->op) {
        IR_VECTOR_OPS(IR_CASE) select_vector(compile, value);
        break;
    case IR_CONST: break;
    case IR_MARK:
        compile->mark_pc = value->pc;
        compile->mark_count = value->count;
        break;
    case IR_GET: select_get(compile, value); break;
    case IR_PUT: select_put(compile, value); break;
    case IR_ADD: select_add(compile, value); break;
    case IR_SUB: select_sub(compile, value); break;
    case IR_MUL: select_mul(compile, value); break;
    case IR_MULHU:
    case IR_MULHS:
    case IR_MULHSU: select_mulh(compile, value); break;
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS: select_division(compile, value); break;
    case IR_AND: select_and(compile, value); break;
    case IR_OR: select_two_operand(compile, value); break;
    case IR_XOR: select_xor(compile, value); break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTR: select_shift(compile, value); break;
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT: select_count(compile, value); break;
    case IR_BSWAP: select_bswap(compile, value); break;
    case IR_SEXT: select_sext(compile, value); break;
    case IR_ZEXT: select_zext(compile, value); break;
    case IR_TRUNC: break; /* always where its argument is */
    case IR_EQ:
    case IR_NE:
    case IR_LTU:
    case IR_LEU:
    case IR_LTS:
    case IR_LES:
    case IR_CONDITION: select_comparison(compile, value); break;
    case IR_SELECT: select_choice(compile, value); break;
    case IR_LOAD8:
    case IR_LOAD16:
    case IR_LOAD32:
    case IR_LOAD64:
    case IR_LOAD128: select_load(compile, value); break;
    case IR_STORE8:
    case IR_STORE16:
    case IR_STORE32:
    case IR_STORE64:
    case IR_STORE128: select_store(compile, value); break;
    case IR_FENCE: /* this host orders all the rest by itself: Intel SDM volume 3, "Memory Ordering" */
        if (value->immediate == 0) {
            emit_fence(&compile->emit);
        }
        break;
    case IR_BITCAST:
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV:
    case IR_FSQRT:
    case IR_FMA:
    case IR_FEQ:
    case IR_FLT:
    case IR_FLE:
    case IR_FMIN:
    case IR_FMAX:
    case IR_FCVT:
    case IR_FTOS:
    case IR_FTOU:
    case IR_STOF:
    case IR_UTOF:
    case IR_BOX:
    case IR_UNBOX: select_float(compile, value); break;
    case IR_FLAGS_ADD:
    case IR_FLAGS_ADC:
    case IR_FLAGS_SUB:
    case IR_FLAGS_LOGIC:
    case IR_FLAGS_FROM_WORD: select_flags(compile, value); break;
    case IR_FLAGS_TO_WORD: break; /* always where its argument is */
    case IR_GUARD: select_guard(compile, value); break;
    case IR_CALL: select_call(compile, value); break;
    case IR_JUMP:
    case IR_BRANCH:
    case IR_EXIT:
    case IR_EXIT_INDIRECT:
    case IR_EXIT_INTERPRET: select_terminator(compile, value); break;
    case IR_OP_COUNT: CHECK(value->op != IR_OP_COUNT);
    }
}

void select_block(struct compile *compile, struct ir_block *block)
{
    struct block_facts *facts = &compile->blocks[block->number];
    facts->start = compile->emit.cursor;
    facts->is_emitted = true;
    compile->block = block;
    compile->dirty = facts->dirty_in;
    registers_begin_block(compile);
    analyse_block(compile, block);
    if (block->is_loop_head) {
        select_attention(compile, block->pc);
    }
    for (struct ir_value *value = block->first; value != NULL; value = value->next) {
        const struct node *node = node_of(compile, value);
        if (!node->dead && !node->fused && node->forward == NULL) {
            select_value(compile, value);
            end_operation(compile);
        }
    }
}

void select_jump(struct compile *compile, enum emit_condition condition, const struct ir_block *target)
{
    const struct block_facts *facts = &compile->blocks[target->number];
    if (facts->is_emitted) {
        emit_jump_to(&compile->emit, condition, facts->start);
        return;
    }
    if (compile->jump_count == compile->jump_room) {
        compile->jump_room = compile->jump_room == 0 ? 64 : compile->jump_room * 2;
        compile->jumps = check_realloc(compile->jumps, compile->jump_room * sizeof compile->jumps[0]);
    }
    compile->jumps[compile->jump_count++] =
        (struct jump_place){ emit_jump_forward(&compile->emit, condition), target->number };
}
