/* SPDX-License-Identifier: Apache-2.0 */
/* The rules a single value obeys: docs/reference/ir.md, "Operations". Builder, reader and verifier ask here. */
#include "engine/jit/ir_internal.h"

static bool all_arguments(const struct ir_value *value, enum ir_type type)
{
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        if (value->arguments[i]->type != type) {
            return false;
        }
    }
    return true;
}

static enum ir_type argument_type(const struct ir_value *value, unsigned i)
{
    return value->arguments[i] != NULL ? value->arguments[i]->type : IR_VOID;
}

static const char *call_fault(const struct ir_value *value)
{
    const struct ir_callee *callee = value->callee;
    if (callee == NULL) {
        return "a call needs a function";
    }
    if (value->type != callee->result || value->type == IR_V128 || value->type == IR_FLAGS) {
        return "a call has the type its function returns, and that is not v128 or flags";
    }
    if (callee->pure && (callee->may_trap || callee->uses_float || callee->reads_state || callee->writes_state)) {
        return "a pure function neither traps nor touches guest state or flags";
    }
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        if (ir_type_bits(value->arguments[i]->type) == 0) {
            return "arguments of a call are bool, i32 or i64";
        }
    }
    return NULL;
}

static const char *slot_fault(const struct ir_value *value)
{
    enum ir_type type = value->op == IR_GET ? value->type : argument_type(value, 0);
    unsigned size = ir_type_size(type);
    if (size == 0) {
        return "a slot holds i32, i64, f32, f64 or v128";
    }
    if (value->slot % 4 != 0 || value->slot > IR_SLOT_LIMIT - size) {
        return "a slot is a multiple of 4 below 65536";
    }
    return NULL;
}

static const char *constant_fault(const struct ir_value *value)
{
    switch (value->type) {
    case IR_BOOL: return value->immediate > 1 ? "a bool is 0 or 1" : NULL;
    case IR_I32:
    case IR_F32: return value->immediate > UINT32_MAX ? "a constant has no bits beyond its type" : NULL;
    case IR_I64:
    case IR_F64:
    case IR_V128: return NULL;
    case IR_VOID:
    case IR_FLAGS:
    case IR_TYPE_COUNT: break;
    }
    return "a constant is bool, i32, i64, f32, f64 or v128";
}

static const char *extension_fault(const struct ir_value *value)
{
    enum ir_type from = argument_type(value, 0), to = value->type;
    bool good = false;
    if (value->op == IR_ZEXT) {
        good = (from == IR_I32 && to == IR_I64) || (from == IR_BOOL && ir_is_integer(to));
    } else if (value->op == IR_TRUNC) {
        good = from == IR_I64 && to == IR_I32;
    } else {
        uint64_t bits = value->immediate;
        good = ir_is_integer(from) && (from == to || (from == IR_I32 && to == IR_I64)) &&
               (bits == 8 || bits == 16 || bits == 32);
    }
    return good ? NULL : "no such extension or truncation";
}

static const char *conversion_fault(const struct ir_value *value)
{
    enum ir_type from = argument_type(value, 0), to = value->type;
    bool good = false;
    if (value->op == IR_FCVT) {
        good = ir_is_float(from) && ir_is_float(to) && from != to;
    } else if (value->op == IR_FTOS || value->op == IR_FTOU) {
        good = ir_is_float(from) && ir_is_integer(to);
    } else {
        good = ir_is_integer(from) && ir_is_float(to);
    }
    if (!good) {
        return "no such conversion";
    }
    return value->immediate > IR_ROUND_ZERO ? "the rounding is the region's or towards zero" : NULL;
}

static bool is_bitcast(enum ir_type from, enum ir_type to)
{
    return (from == IR_I32 && to == IR_F32) || (from == IR_F32 && to == IR_I32) || (from == IR_I64 && to == IR_F64) ||
           (from == IR_F64 && to == IR_I64);
}

static const char *select_fault(const struct ir_value *value)
{
    bool good = argument_type(value, 0) == IR_BOOL && argument_type(value, 1) == value->type &&
                argument_type(value, 2) == value->type && value->type != IR_VOID;
    return good ? NULL : "select takes a bool and two values of its type";
}

static const char *memory_fault(const struct ir_value *value)
{
    bool is_load = value->op >= IR_LOAD8 && value->op <= IR_LOAD128;
    bool is_wide = value->op == IR_LOAD64 || value->op == IR_STORE64;
    bool is_vector = value->op == IR_LOAD128 || value->op == IR_STORE128;
    enum ir_type type = is_load ? value->type : argument_type(value, 1);
    if (argument_type(value, 0) != IR_I64) {
        return "an address is an i64";
    }
    if (is_vector ? type != IR_V128 : !ir_is_integer(type) || (is_wide && type != IR_I64)) {
        return "memory is loaded and stored as i32 or i64, 64 bits as i64, 128 as v128";
    }
    return is_load || value->type == IR_VOID ? NULL : "a store has no result";
}

static const char *terminator_fault(const struct ir_value *value)
{
    unsigned least = 0, most = 0;
    if (value->op == IR_JUMP) {
        least = most = 1;
    } else if (value->op == IR_BRANCH) {
        least = most = 2;
    } else if (value->op == IR_EXIT_INDIRECT) {
        most = IR_TARGETS_MAX;
    }
    if (value->target_count < least || value->target_count > most) {
        return "wrong number of target blocks";
    }
    for (unsigned i = 0; i < value->target_count; i++) {
        if (value->targets[i] == NULL) {
            return "a target block is missing";
        }
    }
    enum ir_type wanted = value->op == IR_BRANCH ? IR_BOOL : IR_I64;
    return all_arguments(value, wanted) ? NULL : "a branch takes a bool, an indirect exit an i64";
}

static const char *arithmetic_fault(const struct ir_value *value)
{
    bool on_bool = value->type == IR_BOOL && (value->op == IR_AND || value->op == IR_OR || value->op == IR_XOR);
    bool good = (ir_is_integer(value->type) || on_bool) && all_arguments(value, value->type);
    return good ? NULL : "arguments and result of arithmetic have one integer type (and, or, xor: or bool)";
}

static const char *comparison_fault(const struct ir_value *value)
{
    enum ir_type type = argument_type(value, 0);
    bool is_float = value->op == IR_FEQ || value->op == IR_FLT || value->op == IR_FLE;
    bool good =
        value->type == IR_BOOL && all_arguments(value, type) && (is_float ? ir_is_float(type) : ir_is_integer(type));
    return good ? NULL : "a comparison gives bool and takes two values of one type, integers or floats as it is named";
}

static const char *float_fault(const struct ir_value *value)
{
    return ir_is_float(value->type) && all_arguments(value, value->type)
               ? NULL
               : "arguments and result of floating-point arithmetic have one floating-point type";
}

static enum ir_type operand_type(char letter)
{
    return letter == 'v' ? IR_V128 : IR_I64;
}

static const char *vector_fault(const struct ir_value *value)
{
    const struct ir_vector_facts *facts = ir_vector_facts(value->op);
    unsigned lane = ir_lane_bits(value), number = ir_lane_number(value);
    bool is_size = lane == 8 || lane == 16 || lane == 32 || lane == 64;
    if (facts->lanes == 0 ? lane != 0 : !is_size || (facts->lanes & lane) == 0) {
        return "no such size of a lane";
    }
    bool has_number = lane != 0 && facts->number != IR_NUMBER_NONE;
    unsigned limit = !has_number ? 1 : facts->number == IR_NUMBER_LANE ? 128 / lane : lane;
    if (number >= limit) {
        return "no such lane, or a shift by more than there is";
    }
    for (unsigned i = 0; facts->operands[i] != '\0'; i++) {
        enum ir_type type = i == 0 ? value->type : argument_type(value, i - 1);
        if (type != operand_type(facts->operands[i])) {
            return "vector operations take and give v128, lanes are i64";
        }
    }
    return NULL;
}

static const char *flags_fault(const struct ir_value *value)
{
    enum ir_type a = argument_type(value, 0), b = argument_type(value, 1);
    bool good = false;
    switch ((int)value->op) {
    case IR_FLAGS_ADD:
    case IR_FLAGS_SUB: good = value->type == IR_FLAGS && ir_is_integer(a) && a == b; break;
    case IR_FLAGS_ADC:
        good = value->type == IR_FLAGS && ir_is_integer(a) && a == b && argument_type(value, 2) == IR_BOOL;
        break;
    case IR_FLAGS_LOGIC: good = value->type == IR_FLAGS && ir_is_integer(a); break;
    case IR_FLAGS_FROM_WORD: good = value->type == IR_FLAGS && a == IR_I32; break;
    case IR_FLAGS_TO_WORD: good = value->type == IR_I32 && a == IR_FLAGS; break;
    default: good = value->type == IR_BOOL && a == IR_FLAGS && value->immediate < IR_CC_COUNT; break;
    }
    return good ? NULL : "flags are made of two integers of one type (and a bool), or an i32, and asked by a condition";
}

static const char *types_fault(const struct ir_value *value)
{
    switch (value->op) {
        IR_VECTOR_OPS(IR_CASE) return vector_fault(value);
    case IR_CONST: return constant_fault(value);
    case IR_MARK:
    case IR_FENCE: return value->type == IR_VOID ? NULL : "it has no result";
    case IR_GET: return slot_fault(value);
    case IR_PUT: return value->type == IR_VOID ? slot_fault(value) : "a put has no result";
    case IR_ADD:
    case IR_SUB:
    case IR_MUL:
    case IR_MULHU:
    case IR_MULHS:
    case IR_MULHSU:
    case IR_DIVU:
    case IR_DIVS:
    case IR_REMU:
    case IR_REMS:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROTR:
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT:
    case IR_BSWAP: return arithmetic_fault(value);
    case IR_SEXT:
    case IR_ZEXT:
    case IR_TRUNC: return extension_fault(value);
    case IR_EQ:
    case IR_NE:
    case IR_LTU:
    case IR_LEU:
    case IR_LTS:
    case IR_LES:
    case IR_FEQ:
    case IR_FLT:
    case IR_FLE: return comparison_fault(value);
    case IR_SELECT: return select_fault(value);
    case IR_LOAD8:
    case IR_LOAD16:
    case IR_LOAD32:
    case IR_LOAD64:
    case IR_STORE8:
    case IR_STORE16:
    case IR_STORE32:
    case IR_STORE64:
    case IR_LOAD128:
    case IR_STORE128: return memory_fault(value);
    case IR_BITCAST: return is_bitcast(argument_type(value, 0), value->type) ? NULL : "no such bitcast";
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV:
    case IR_FSQRT:
    case IR_FMA:
    case IR_FMIN:
    case IR_FMAX: return float_fault(value);
    case IR_FCVT:
    case IR_FTOS:
    case IR_FTOU:
    case IR_STOF:
    case IR_UTOF: return conversion_fault(value);
    case IR_BOX:
        return value->type == IR_F64 && argument_type(value, 0) == IR_F32 ? NULL : "box makes an f64 of an f32";
    case IR_UNBOX:
        return value->type == IR_F32 && argument_type(value, 0) == IR_F64 ? NULL : "unbox makes an f32 of an f64";
    case IR_FLAGS_ADD:
    case IR_FLAGS_ADC:
    case IR_FLAGS_SUB:
    case IR_FLAGS_LOGIC:
    case IR_FLAGS_FROM_WORD:
    case IR_FLAGS_TO_WORD:
    case IR_CONDITION: return flags_fault(value);
    case IR_GUARD: return value->type == IR_VOID && argument_type(value, 0) == IR_BOOL ? NULL : "a guard takes a bool";
    case IR_CALL: return call_fault(value);
    case IR_JUMP:
    case IR_BRANCH:
    case IR_EXIT:
    case IR_EXIT_INDIRECT:
    case IR_EXIT_INTERPRET: return value->type == IR_VOID ? terminator_fault(value) : "a terminator has no result";
    case IR_OP_COUNT: break;
    }
    return "no such operation";
}

const char *ir_value_fault(const struct ir_value *value)
{
    if (value->op >= IR_OP_COUNT) {
        return "no such operation";
    }
    int wanted = ir_op_table[value->op].arguments; /* NOLINT(bugprone-signed-char-misuse): -1 is any number */
    if (wanted >= 0 && ir_argument_count(value) != (unsigned)wanted) {
        return "wrong number of arguments";
    }
    if (value->target_count != 0 && ir_op_table[value->op].effect != IR_EFFECT_END) {
        return "only a terminator has target blocks";
    }
    return types_fault(value);
}
