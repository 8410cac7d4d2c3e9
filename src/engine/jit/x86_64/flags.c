/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FLAGS. Where only conditions ask, each of them sets the host's flags itself, right in front of the jump or SETcc that
 * reads them, and no word is made. Else the word is made of the host's flags by a multiplication, which moves each to
 * its place: ir.h, IR_FLAG_N and the others.
 *
 * The host's carry after a subtraction is the borrow, Arm's its opposite.
 */
#include "engine/jit/x86_64/select.h"

/* t = a, then t op= b. */
static void set_by_sum(struct compile *compile, const struct ir_value *flags, unsigned t)
{
    struct emit *emit = &compile->emit;
    struct ir_value *a = flags->arguments[0], *b = flags->arguments[1];
    unsigned width = type_width(a->type);
    unsigned ra = use_gpr(compile, a);
    int32_t immediate;
    struct emit_memory memory;
    if (flags->op == IR_FLAGS_ADC) {
        unsigned rb = use_gpr(compile, b), carry = use_gpr(compile, flags->arguments[2]);
        t = t == REG_NONE ? scratch_gpr(compile) : t;
        emit_mov_rr(emit, width, t, ra);
        emit_rr(emit, OP_BT, 4, 4, carry);
        emit_immediate8(emit, 0);
        emit_rr(emit, OP_ADC, width, t, rb);
        return;
    }
    if (immediate_of(compile, b, width, &immediate)) {
        t = t == REG_NONE ? scratch_gpr(compile) : t;
        emit_mov_rr(emit, width, t, ra);
        emit_group_ri(emit, GROUP_ADD, width, t, immediate);
    } else if (is_in_memory(compile, b, width, &memory)) {
        t = t == REG_NONE ? scratch_gpr(compile) : t;
        emit_mov_rr(emit, width, t, ra);
        emit_rm(emit, OP_ADD, width, t, memory);
    } else {
        unsigned rb = use_gpr(compile, b);
        t = t == REG_NONE ? scratch_gpr(compile) : t;
        emit_mov_rr(emit, width, t, ra);
        emit_rr(emit, OP_ADD, width, t, rb);
    }
}

static void set_by_difference(struct compile *compile, const struct ir_value *flags)
{
    struct emit *emit = &compile->emit;
    struct ir_value *a = flags->arguments[0], *b = flags->arguments[1];
    unsigned width = type_width(a->type);
    unsigned ra = use_gpr(compile, a);
    int32_t immediate;
    struct emit_memory memory;
    if (immediate_of(compile, b, width, &immediate)) {
        emit_group_ri(emit, GROUP_CMP, width, ra, immediate);
    } else if (is_in_memory(compile, b, width, &memory)) {
        emit_rm(emit, OP_CMP, width, ra, memory);
    } else {
        emit_rr(emit, OP_CMP, width, ra, use_gpr(compile, b));
    }
}

/* Sets the host's flags as the operation does; operands stay in use. A sum is left in t, a register of the operation's
 * own, or REG_NONE: any. */
static void set_host_flags(struct compile *compile, const struct ir_value *flags, unsigned t)
{
    if (flags->op == IR_FLAGS_SUB) {
        set_by_difference(compile, flags);
    } else if (flags->op == IR_FLAGS_LOGIC) {
        unsigned ra = use_gpr(compile, flags->arguments[0]);
        emit_rr(&compile->emit, OP_TEST, type_width(flags->arguments[0]->type), ra, ra);
    } else {
        set_by_sum(compile, flags, t);
    }
}

/* -- Conditions ---------------------------------------------------------------------------------------------------- */

static enum emit_condition host_condition(struct compile *compile, enum ir_condition condition, bool is_difference)
{
    switch ((int)condition) {
    case IR_CC_EQ: return CC_E;
    case IR_CC_NE: return CC_NE;
    case IR_CC_CS: return is_difference ? CC_AE : CC_B;
    case IR_CC_CC: return is_difference ? CC_B : CC_AE;
    case IR_CC_MI: return CC_S;
    case IR_CC_PL: return CC_NS;
    case IR_CC_VS: return CC_O;
    case IR_CC_VC: return CC_NO;
    case IR_CC_GE: return CC_GE;
    case IR_CC_LT: return CC_L;
    case IR_CC_GT: return CC_G;
    case IR_CC_LE: return CC_LE;
    default: break;
    }
    if (!is_difference) { /* C and not Z: there is a code for not C and not Z */
        emit_byte(&compile->emit, EMIT_CMC);
    }
    return condition == IR_CC_HI ? CC_A : CC_BE;
}

static uint32_t bit_of(enum ir_condition condition)
{
    switch ((int)condition / 2 * 2) {
    case IR_CC_EQ: return IR_FLAG_Z;
    case IR_CC_CS: return IR_FLAG_C;
    case IR_CC_MI: return IR_FLAG_N;
    default: return IR_FLAG_V;
    }
}

static enum emit_condition condition_of_word(struct compile *compile, enum ir_condition condition, unsigned word)
{
    struct emit *emit = &compile->emit;
    bool is_odd = condition % 2 != 0;
    if (condition < IR_CC_HI) {
        emit_test_ri(emit, 4, word, (int32_t)bit_of(condition));
        return is_odd ? CC_E : CC_NE;
    }
    unsigned t = scratch_gpr(compile);
    emit_mov_rr(emit, 4, t, word);
    if (condition <= IR_CC_LS) {
        emit_group_ri(emit, GROUP_AND, 4, t, (int32_t)(IR_FLAG_C | IR_FLAG_Z));
        emit_group_ri(emit, GROUP_CMP, 4, t, (int32_t)IR_FLAG_C);
        return is_odd ? CC_NE : CC_E;
    }
    emit_shift_ri(emit, SHIFT_SHL, 4, t, 3); /* V where N is */
    emit_rr(emit, OP_XOR, 4, t, word);
    if (condition <= IR_CC_LT) {
        return is_odd ? CC_S : CC_NS;
    }
    emit_shift_ri(emit, SHIFT_SHR, 4, t, 1); /* that N and V differ, where Z is */
    emit_rr(emit, OP_OR, 4, t, word);
    emit_test_ri(emit, 4, t, (int32_t)IR_FLAG_Z);
    return is_odd ? CC_NE : CC_E;
}

enum emit_condition select_flags_condition(struct compile *compile, const struct ir_value *condition)
{
    struct ir_value *flags = resolve(compile, condition->arguments[0]);
    enum ir_condition code = (enum ir_condition)condition->immediate;
    uint32_t locked = compile->locked_gpr;
    enum emit_condition result;
    if (node_of(compile, flags)->fused) {
        set_host_flags(compile, flags, REG_NONE);
        result = host_condition(compile, code, flags->op == IR_FLAGS_SUB);
    } else {
        result = condition_of_word(compile, code, use_gpr(compile, flags));
    }
    compile->locked_gpr = locked; /* all that was looked at is in the host's flags */
    return result;
}

/* -- The word ------------------------------------------------------------------------------------------------------ */

/* Where the host's flags are after LAHF and SETO: S 15, Z 14, C 8, O 0; in the flags register: S 7, Z 6, C 0, O 11. A
 * product with these moves them to 31 … 28; the other terms fall beside them and carry into none. */
#define LAHF_BITS   0xc101u
#define LAHF_FACTOR (1u << 16 | 1u << 21 | 1u << 28)
#define PUSH_BITS   0x8c1u
#define PUSH_FACTOR (1u << 24 | 1u << 29 | 1u << 17)

/* rax = the word of the host's flags. */
static void take_host_flags(struct compile *compile)
{
    struct emit *emit = &compile->emit;
    bool lahf = compile->features.lahf;
    if (lahf) {
        emit_byte(emit, EMIT_LAHF);
        emit_rr(emit, OP_SETCC + CC_O, 4, 0, REG_RAX);
    } else {
        emit_byte(emit, EMIT_PUSHF);
        emit_pop(emit, REG_RAX);
    }
    emit_group_ri(emit, GROUP_AND, 4, REG_RAX, (int32_t)(lahf ? LAHF_BITS : PUSH_BITS));
    emit_imul_rri(emit, 4, REG_RAX, REG_RAX, (int32_t)(lahf ? LAHF_FACTOR : PUSH_FACTOR));
    emit_group_ri(emit, GROUP_AND, 4, REG_RAX, (int32_t)IR_FLAGS_ALL);
}

static void select_from_word(struct compile *compile, struct ir_value *value)
{
    unsigned ra = use_gpr(compile, value->arguments[0]);
    done(compile, value->arguments[0]);
    unsigned dst = define_gpr(compile, value, ra);
    emit_mov_rr(&compile->emit, 4, dst, ra);
    emit_group_ri(&compile->emit, GROUP_AND, 4, dst, (int32_t)IR_FLAGS_ALL);
}

void select_flags(struct compile *compile, struct ir_value *value)
{
    if (value->op == IR_FLAGS_FROM_WORD) {
        select_from_word(compile, value);
        return;
    }
    claim_gpr(compile, REG_RAX);
    set_host_flags(compile, value, REG_RAX);
    if (value->op == IR_FLAGS_SUB) {
        emit_byte(&compile->emit, EMIT_CMC);
    }
    take_host_flags(compile);
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        done(compile, value->arguments[i]);
    }
    unsigned dst = define_gpr(compile, value, REG_RAX);
    emit_mov_rr(&compile->emit, 4, dst, REG_RAX);
}
