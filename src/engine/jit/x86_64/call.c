/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of C functions. The guest state is in memory while they run; sticky floating-point flags are gathered into fcsr
 * and the default environment set for those that compute with floating point.
 */
#include "engine/jit/x86_64/select.h"

/* Integer argument registers of the System V convention; the first holds the CPU. */
static const uint8_t argument_registers[] = { REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_R9 };

#define CALLER_SAVED                                                                                               \
    (1u << REG_RAX | 1u << REG_RCX | 1u << REG_RDX | 1u << REG_RSI | 1u << REG_RDI | 1u << REG_R8 | 1u << REG_R9 | \
     1u << REG_R10 | 1u << REG_R11)

static void call_c(struct compile *compile, uint64_t function)
{
    emit_mov_ri(&compile->emit, REG_RAX, function);
    emit_call_r(&compile->emit, REG_RAX);
}

/* cpu->instructions and state.pc, for those who ask. */
static void tell_position(struct compile *compile)
{
    struct emit *emit = &compile->emit;
    emit_rm(emit, OP_LEA, 8, REG_RAX, emit_at(REG_R15, (int32_t)compile->mark_count));
    emit_rm(emit, OP_MOV_STORE, 8, REG_RAX, CPU_AT(instructions));
    if (emit_fits(compile->mark_pc)) {
        emit_store_i(emit, 8, CPU_AT(state.pc), (int32_t)compile->mark_pc);
    } else {
        emit_mov_ri(emit, REG_RAX, compile->mark_pc);
        emit_rm(emit, OP_MOV_STORE, 8, REG_RAX, CPU_AT(state.pc));
    }
}

/* Arguments go to the frame first: then nothing depends on which register holds what. */
static void pass_arguments(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    int32_t immediate;
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        struct emit_memory place = emit_at(REG_RSP, FRAME_GPR + (int32_t)i * 8);
        unsigned width = type_width(value->arguments[i]->type);
        if (immediate_of(compile, value->arguments[i], width, &immediate)) {
            emit_store_i(emit, width, place, immediate);
        } else {
            emit_rm(emit, OP_MOV_STORE, width, use_gpr(compile, value->arguments[i]), place);
        }
        done(compile, value->arguments[i]);
        end_operation(compile);
    }
}

static void load_arguments(struct compile *compile, const struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    unsigned next = 0;
    if (!value->callee->pure) {
        emit_rm(emit, OP_LEA, 8, argument_registers[next++], emit_at(REG_RBP, -CPU_BIAS));
    }
    for (unsigned i = 0; i < IR_ARGUMENTS_MAX && value->arguments[i] != NULL; i++) {
        emit_rm(emit, OP_MOV, type_width(value->arguments[i]->type), argument_registers[next++],
                emit_at(REG_RSP, FRAME_GPR + (int32_t)i * 8));
    }
    if (value->callee->may_trap) {
        emit_rm(emit, OP_LEA, 8, argument_registers[next], emit_at(REG_RSP, FRAME_RESULT));
    }
}

static uint32_t pins_in(const struct compile *compile, uint32_t gpr_mask)
{
    uint32_t pins = 0;
    for (unsigned i = 0; i < compile->pin_count; i++) {
        if (compile->pins[i].is_float || (gpr_mask >> compile->pins[i].reg & 1) != 0) {
            pins |= 1u << i;
        }
    }
    return pins;
}

static void take_result(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    if (value->type == IR_VOID || node_of(compile, value)->uses == 0) {
        return;
    }
    struct emit_memory result = emit_at(REG_RSP, FRAME_RESULT);
    if (type_is_float(value->type)) {
        emit_rm(emit, float_op(OP_MOVSD, value->type), 4, define_xmm(compile, value, REG_NONE), result);
    } else if (value->type == IR_BOOL) {
        emit_rm(emit, OP_MOVZX8, 4, define_gpr(compile, value, REG_NONE), result);
    } else {
        emit_rm(emit, OP_MOV, type_width(value->type), define_gpr(compile, value, REG_NONE), result);
    }
}

void select_call(struct compile *compile, struct ir_value *value)
{
    struct emit *emit = &compile->emit;
    const struct ir_callee *callee = value->callee;
    /* Where the guest has floating point off, MXCSR is the host's own all the time. */
    bool changes_float = callee->uses_float && compile->request->facts.float_on != 0;
    uint64_t cpu_float_leave = (uint64_t)(uintptr_t)runtime_float_leave;
    pins_store(compile, compile->dirty);
    compile->dirty = 0;
    pass_arguments(compile, value);
    save_temporaries(compile, CALLER_SAVED, callee->writes_state);
    if (!callee->pure) {
        tell_position(compile);
    }
    if (changes_float) {
        emit_rm(emit, OP_LEA, 8, REG_RDI, emit_at(REG_RBP, -CPU_BIAS));
        call_c(compile, cpu_float_leave);
    }
    load_arguments(compile, value);
    if (compile->interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_C);
    }
    call_c(compile, (uint64_t)(uintptr_t)callee->function);
    if (compile->interruptible) {
        emit_store_i(emit, 4, CPU_AT(undoable), RISCV_UNDOABLE_TRANSLATED);
    }
    if (callee->may_trap) {
        emit_rm(emit, OP_MOV_STORE, 4, REG_RAX, emit_at(REG_RSP, FRAME_VALUE));
    } else {
        emit_rm(emit, OP_MOV_STORE, 8, REG_RAX, emit_at(REG_RSP, FRAME_RESULT));
    }
    if (changes_float) {
        emit_rm(emit, OP_LEA, 8, REG_RDI, emit_at(REG_RBP, -CPU_BIAS));
        call_c(compile, (uint64_t)(uintptr_t)runtime_float_enter);
    }
    if (callee->may_trap) {
        emit_rm(emit, OP_MOVZX8, 4, REG_RAX, emit_at(REG_RSP, FRAME_VALUE));
        emit_rr(emit, OP_TEST, 4, REG_RAX, REG_RAX);
        stub_leave(compile, HOST_EXIT_TRAPPED, emit_jump_forward(emit, CC_E), compile->mark_pc, compile->mark_count);
    }
    pins_load(compile, callee->writes_state ? UINT32_MAX : pins_in(compile, CALLER_SAVED));
    take_result(compile, value);
}
