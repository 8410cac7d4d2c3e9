/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/x86_64/runtime.h"

#include "arch/riscv/primitives.h"
#include "arch/riscv/translate.h"
#include "core/check.h"
#include "engine/jit/ir_vector.h"
#include "float/float.h"

#include <string.h>

#include <xmmintrin.h>

/* -- Floating-point environment ------------------------------------------------------------------------------------ */

/* Intel SDM volume 1, 10.2.3. */
#define MXCSR_DEFAULT        0x1f80u
#define MXCSR_FLAGS          0x3fu
#define MXCSR_ROUNDING_SHIFT 13
#define FCSR_FLAGS           UINT64_C(0x1f)
#define FCSR_ROUNDING_SHIFT  5

static uint64_t guest_flags(uint32_t mxcsr)
{
    return (mxcsr & 1) << 4 |      /* invalid operation */
           (mxcsr >> 2 & 1) << 3 | /* division by zero */
           (mxcsr >> 3 & 1) << 2 | /* overflow */
           (mxcsr >> 4 & 1) << 1 | /* underflow */
           (mxcsr >> 5 & 1);       /* inexact */
}

uint32_t runtime_mxcsr(uint64_t fcsr)
{
    static const uint8_t modes[8] = { 0, 3, 1, 2, 0, 0, 0, 0 };
    return MXCSR_DEFAULT | (uint32_t)modes[fcsr >> FCSR_ROUNDING_SHIFT & 7] << MXCSR_ROUNDING_SHIFT;
}

void runtime_float_enter(struct riscv_cpu *cpu)
{
    uint64_t fcsr = cpu->state.csr.fcsr;
    uint32_t now = _mm_getcsr(), wanted = runtime_mxcsr(fcsr);
    /* Writing MXCSR is dear; flags that the guest has already do no harm. */
    if ((now & ~MXCSR_FLAGS) != wanted || (guest_flags(now) & ~fcsr & FCSR_FLAGS) != 0) {
        _mm_setcsr(wanted);
    }
}

void runtime_float_leave(struct riscv_cpu *cpu)
{
    uint32_t now = _mm_getcsr();
    cpu->state.csr.fcsr |= guest_flags(now);
    if ((now & ~MXCSR_FLAGS) != MXCSR_DEFAULT) {
        _mm_setcsr(MXCSR_DEFAULT);
    }
}

/* -- One operation in C -------------------------------------------------------------------------------------------- */

struct operation {
    enum ir_op op;
    enum ir_type from, to;
    enum float_rounding rounding;
};

static uint64_t arithmetic32(const struct operation *operation, const uint64_t *operands, uint32_t *flags)
{
    uint32_t a = (uint32_t)operands[0], b = (uint32_t)operands[1];
    enum float_rounding rounding = operation->rounding;
    switch ((int)operation->op) {
    case IR_FADD: return float32_add(a, b, rounding, flags);
    case IR_FSUB: return float32_sub(a, b, rounding, flags);
    case IR_FMUL: return float32_mul(a, b, rounding, flags);
    case IR_FDIV: return float32_div(a, b, rounding, flags);
    case IR_FSQRT: return float32_sqrt(a, rounding, flags);
    default: return float32_fma(a, b, (uint32_t)operands[2], rounding, flags);
    }
}

static uint64_t arithmetic64(const struct operation *operation, const uint64_t *operands, uint32_t *flags)
{
    uint64_t a = operands[0], b = operands[1];
    enum float_rounding rounding = operation->rounding;
    switch ((int)operation->op) {
    case IR_FADD: return float64_add(a, b, rounding, flags);
    case IR_FSUB: return float64_sub(a, b, rounding, flags);
    case IR_FMUL: return float64_mul(a, b, rounding, flags);
    case IR_FDIV: return float64_div(a, b, rounding, flags);
    case IR_FSQRT: return float64_sqrt(a, rounding, flags);
    default: return float64_fma(a, b, operands[2], rounding, flags);
    }
}

static uint64_t to_integer(const struct operation *operation, uint64_t a, uint32_t *flags)
{
    enum float_rounding rounding = operation->rounding;
    bool is_double = operation->from == IR_F64, is_signed = operation->op == IR_FTOS;
    uint32_t single = (uint32_t)a;
    if (operation->to == IR_I64) {
        if (is_signed) {
            return (uint64_t)(is_double ? float64_to_i64(a, rounding, flags) : float32_to_i64(single, rounding, flags));
        }
        return is_double ? float64_to_u64(a, rounding, flags) : float32_to_u64(single, rounding, flags);
    }
    if (is_signed) {
        return (uint32_t)(is_double ? float64_to_i32(a, rounding, flags) : float32_to_i32(single, rounding, flags));
    }
    return is_double ? float64_to_u32(a, rounding, flags) : float32_to_u32(single, rounding, flags);
}

static uint64_t from_integer(const struct operation *operation, uint64_t a, uint32_t *flags)
{
    enum float_rounding rounding = operation->rounding;
    bool is_signed = operation->op == IR_STOF;
    if (operation->from == IR_I32) { /* exact in 64 bits */
        a = is_signed ? (uint64_t)(int64_t)(int32_t)(uint32_t)a : (uint32_t)a;
    }
    if (operation->to == IR_F64) {
        return is_signed ? float64_from_i64((int64_t)a, rounding, flags) : float64_from_u64(a, rounding, flags);
    }
    return is_signed ? float32_from_i64((int64_t)a, rounding, flags) : float32_from_u64(a, rounding, flags);
}

static uint64_t compute(const struct operation *operation, const uint64_t *operands, uint32_t *flags)
{
    switch ((int)operation->op) {
    case IR_FTOS:
    case IR_FTOU: return to_integer(operation, operands[0], flags);
    case IR_STOF:
    case IR_UTOF: return from_integer(operation, operands[0], flags);
    case IR_FCVT:
        return operation->from == IR_F32 ? float32_to_float64((uint32_t)operands[0], operation->rounding, flags)
                                         : float64_to_float32(operands[0], operation->rounding, flags);
    default:
        return operation->from == IR_F32 ? arithmetic32(operation, operands, flags)
                                         : arithmetic64(operation, operands, flags);
    }
}

uint64_t runtime_float(struct riscv_cpu *cpu, const uint64_t *operands, uint32_t what)
{
    struct operation operation = { (enum ir_op)(what & 0xff), (enum ir_type)(what >> 8 & 15),
                                   (enum ir_type)(what >> 12 & 15), (enum float_rounding)(what >> 16 & 7) };
    if (operation.op == IR_POPCNT) {
        return (uint64_t)__builtin_popcountll(operands[0]);
    }
    runtime_float_leave(cpu);
    uint32_t flags = (uint32_t)cpu->state.csr.fcsr;
    uint64_t result = compute(&operation, operands, &flags);
    cpu->state.csr.fcsr = flags;
    runtime_float_enter(cpu);
    return result;
}

void runtime_vector(struct riscv_cpu *cpu, uint64_t *operands, uint32_t what)
{
    enum ir_op op = (enum ir_op)(what & 0xff);
    uint64_t lanes = what >> 8 & 0xffff;
    struct ir_bits arguments[3], result;
    memcpy(arguments, operands, sizeof arguments);
    if (op < IR_VFADD) {
        result = ir_vector_compute(op, lanes, arguments);
    } else {
        runtime_float_leave(cpu);
        uint32_t flags = (uint32_t)cpu->state.csr.fcsr;
        result = ir_vector_float(op, lanes, arguments, what >> 24 & 7, &flags);
        cpu->state.csr.fcsr = flags;
        runtime_float_enter(cpu);
    }
    memcpy(operands + 6, &result, sizeof result);
}

/* -- Memory -------------------------------------------------------------------------------------------------------- */

bool runtime_load_vector(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t *halves)
{
    (void)size;
    return riscv_load_slow(cpu, address, 8, &halves[0]) && riscv_load_slow(cpu, address + 8, 8, &halves[1]);
}

/* May these bytes be stored to? */
static bool can_store(struct riscv_cpu *cpu, uint64_t address, uint64_t size)
{
    struct riscv_page page;
    uint64_t first = PAGE_SIZE - (address & PAGE_MASK);
    first = first < size ? first : size;
    return riscv_resolve(cpu, cpu->data_tlb, address, first, MEMORY_WRITE, &page) &&
           (first == size || riscv_resolve(cpu, cpu->data_tlb, address + first, size - first, MEMORY_WRITE, &page));
}

bool runtime_store_vector(struct riscv_cpu *cpu, uint64_t address, uint32_t size, const uint64_t *halves)
{
    (void)size;
    return can_store(cpu, address, 8) && can_store(cpu, address + 8, 8) &&
           riscv_store_slow(cpu, address, 8, halves[0]) && riscv_store_slow(cpu, address + 8, 8, halves[1]);
}

/* -- Shared code --------------------------------------------------------------------------------------------------- */

static const uint8_t callee_saved[] = { REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15 };
static const uint8_t caller_saved[] = { REG_RAX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11 };

#define CALLEE_SAVED_COUNT (sizeof callee_saved)

static void emit_enter(struct runtime *runtime, struct emit *emit)
{
    runtime->enter = emit->cursor;
    for (unsigned i = 0; i < CALLEE_SAVED_COUNT; i++) {
        emit_push(emit, callee_saved[i]);
    }
    emit_group_ri(emit, GROUP_SUB, 8, REG_RSP, FRAME_SIZE);
    emit_rm(emit, OP_LEA, 8, REG_RBP, emit_at(REG_RDI, CPU_BIAS));
    emit_rm(emit, OP_MOV, 8, REG_R15, CPU_AT(instructions));
    emit_jump_r(emit, REG_RSI);
}

static void emit_leave(struct runtime *runtime, struct emit *emit)
{
    _Static_assert(HOST_EXIT_LINK == 0, "a link's number, shifted, is a result");
    runtime->leave_link = emit->cursor;
    emit_shift_ri(emit, SHIFT_SHL, 8, REG_RAX, 32);
    uint32_t over = emit_jump_forward(emit, CC_ALWAYS);
    runtime->leave_indirect = emit->cursor;
    emit_mov_rr(emit, 8, REG_RCX, REG_RAX);
    emit_mov_ri(emit, REG_RAX, runtime_result(HOST_EXIT_INDIRECT, 0));
    runtime->leave_pc = emit->cursor;
    emit_rm(emit, OP_MOV_STORE, 8, REG_RCX, CPU_AT(state.pc));
    runtime->leave = emit->cursor;
    emit_patch(emit, over, emit->cursor);
    emit_rm(emit, OP_MOV_STORE, 8, REG_R15, CPU_AT(instructions));
    emit_group_ri(emit, GROUP_ADD, 8, REG_RSP, FRAME_SIZE);
    for (unsigned i = CALLEE_SAVED_COUNT; i-- > 0;) {
        emit_pop(emit, callee_saved[i]);
    }
    emit_return(emit);
}

/* Between a region's frame and its thunks lies the return address. */
static struct emit_memory frame_at(int32_t offset)
{
    return emit_at(REG_RSP, 8 + offset);
}

static void keep_registers(struct emit *emit, enum runtime_xmm xmm, bool restore)
{
    for (unsigned i = 0; i < sizeof caller_saved; i++) {
        emit_rm(emit, restore ? OP_MOV : OP_MOV_STORE, 8, caller_saved[i], frame_at(FRAME_GPR + caller_saved[i] * 8));
    }
    for (unsigned i = 0; xmm == RUNTIME_XMM_HALVES && i < 16; i++) {
        emit_rm(emit, restore ? OP_MOVSD : OP_MOVSD_STORE, 4, i, frame_at(FRAME_XMM + (int32_t)i * 8));
    }
    for (unsigned i = 0; xmm == RUNTIME_XMM_WHOLE && i < 16; i++) {
        emit_rm(emit, restore ? OP_MOVUPS : OP_MOVUPS_STORE, 4, i, frame_at(FRAME_VECTORS + (int32_t)i * 16));
    }
}

static void call_aligned(struct emit *emit, uint64_t function)
{
    emit_group_ri(emit, GROUP_SUB, 8, REG_RSP, 8);
    emit_mov_ri(emit, REG_RAX, function);
    emit_call_r(emit, REG_RAX);
    emit_group_ri(emit, GROUP_ADD, 8, REG_RSP, 8);
}

/* Where the C function is told that the data are, or puts them. */
static void pass_data(struct emit *emit, bool store, unsigned size)
{
    if (size == 16) {
        emit_rm(emit, OP_LEA, 8, REG_RCX, frame_at(store ? FRAME_OPERANDS : FRAME_VECTOR_RESULT));
    } else if (store) {
        emit_rm(emit, OP_MOV, 8, REG_RCX, frame_at(FRAME_VALUE));
    } else {
        emit_rm(emit, OP_LEA, 8, REG_RCX, frame_at(FRAME_RESULT));
    }
}

static uint64_t slow_access(bool store, unsigned size)
{
    if (size == 16) {
        return store ? (uint64_t)(uintptr_t)runtime_store_vector : (uint64_t)(uintptr_t)runtime_load_vector;
    }
    return store ? (uint64_t)(uintptr_t)riscv_store_slow : (uint64_t)(uintptr_t)riscv_load_slow;
}

static uint32_t emit_memory_thunk(struct emit *emit, bool store, unsigned size, enum runtime_xmm xmm,
                                  bool interruptible)
{
    uint32_t start = emit->cursor;
    if (interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_C);
    }
    keep_registers(emit, xmm, false);
    emit_rm(emit, OP_LEA, 8, REG_RDI, emit_at(REG_RBP, -CPU_BIAS));
    emit_rm(emit, OP_MOV, 8, REG_RSI, frame_at(FRAME_ADDRESS));
    emit_mov_ri(emit, REG_RDX, size);
    pass_data(emit, store, size);
    call_aligned(emit, slow_access(store, size));
    emit_rr(emit, OP_MOVZX8, 4, REG_RAX, REG_RAX);
    emit_rr(emit, OP_TEST, 4, REG_RAX, REG_RAX);
    keep_registers(emit, xmm, true); /* moves leave flags alone */
    if (interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_TRANSLATED);
    }
    emit_return(emit);
    return start;
}

static uint32_t emit_float_thunk(struct emit *emit, enum runtime_xmm xmm, bool interruptible)
{
    uint32_t start = emit->cursor;
    if (interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_C);
    }
    keep_registers(emit, xmm, false);
    emit_rm(emit, OP_LEA, 8, REG_RDI, emit_at(REG_RBP, -CPU_BIAS));
    emit_rm(emit, OP_LEA, 8, REG_RSI, frame_at(FRAME_ADDRESS));
    emit_rm(emit, OP_MOV, 4, REG_RDX, frame_at(FRAME_WHAT));
    call_aligned(emit, (uint64_t)(uintptr_t)runtime_float);
    emit_rm(emit, OP_MOV_STORE, 8, REG_RAX, frame_at(FRAME_RESULT));
    keep_registers(emit, xmm, true);
    if (interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_TRANSLATED);
    }
    emit_return(emit);
    return start;
}

static uint32_t emit_vector_thunk(struct emit *emit, bool interruptible)
{
    uint32_t start = emit->cursor;
    if (interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_NOT);
    }
    keep_registers(emit, RUNTIME_XMM_WHOLE, false);
    emit_rm(emit, OP_LEA, 8, REG_RDI, emit_at(REG_RBP, -CPU_BIAS));
    emit_rm(emit, OP_LEA, 8, REG_RSI, frame_at(FRAME_OPERANDS));
    emit_rm(emit, OP_MOV, 4, REG_RDX, frame_at(FRAME_WHAT));
    call_aligned(emit, (uint64_t)(uintptr_t)runtime_vector);
    keep_registers(emit, RUNTIME_XMM_WHOLE, true);
    if (interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_TRANSLATED);
    }
    emit_return(emit);
    return start;
}

void runtime_emit(struct runtime *runtime, struct emit *emit, bool interruptible)
{
    emit_enter(runtime, emit);
    emit_leave(runtime, emit);
    runtime->thunks = emit->cursor;
    for (unsigned size = 0; size < RUNTIME_SIZES; size++) {
        for (unsigned i = 0; i < RUNTIME_XMM_COUNT; i++) {
            enum runtime_xmm xmm = (enum runtime_xmm)i;
            emit_align(emit, 16);
            runtime->load[size][i] = emit_memory_thunk(emit, false, 1u << size, xmm, interruptible);
            emit_align(emit, 16);
            runtime->store[size][i] = emit_memory_thunk(emit, true, 1u << size, xmm, interruptible);
        }
    }
    runtime->slow_float[0] = emit_float_thunk(emit, RUNTIME_XMM_HALVES, interruptible);
    runtime->slow_float[1] = emit_float_thunk(emit, RUNTIME_XMM_WHOLE, interruptible);
    runtime->slow_vector = emit_vector_thunk(emit, interruptible);
    emit_align(emit, 64);
    runtime->end = emit->cursor;
}
