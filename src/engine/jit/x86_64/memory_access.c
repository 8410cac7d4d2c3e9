/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores: the translation cache is asked in line (memory/tlb.h), everything else happens in a stub that calls
 * C. The address is the guest's and may be anything.
 *
 *     rorx  i, address, 7            entry's offset, at first with other bits
 *     and   i, 511 << 5
 *     mov   t, address
 *     and   t, ~4095 | size - 1      tlb_tag()
 *     cmp   t, [rbp + i + tags]
 *     jne   stub
 *     mov   i, [rbp + i + addends]
 *     mov   value, [address + i]
 */
#include "engine/jit/x86_64/select.h"

#define ENTRY_SHIFT 5u
_Static_assert(sizeof(struct tlb_entry) == 1u << ENTRY_SHIFT, "the index is computed by a shift");

static bool is_fused_shift(const struct compile *compile, const struct ir_value *value)
{
    return value->op == IR_SHL && node_of(compile, value)->fused;
}

/* The registers and displacement of a fused addition. */
static struct emit_memory fused_address(struct compile *compile, struct ir_value *sum)
{
    struct ir_value *a = resolve(compile, sum->arguments[0]), *b = resolve(compile, sum->arguments[1]);
    int32_t immediate;
    if (immediate_of(compile, b, 8, &immediate)) {
        return emit_at(use_gpr(compile, a), immediate);
    }
    if (is_fused_shift(compile, a)) {
        struct ir_value *other = a;
        a = b;
        b = other;
    }
    struct emit_memory memory = { .base = (uint8_t)use_gpr(compile, a) };
    if (is_fused_shift(compile, b)) {
        memory.index = (uint8_t)use_gpr(compile, b->arguments[0]);
        memory.scale = (uint8_t)resolve(compile, b->arguments[1])->immediate;
    } else {
        memory.index = (uint8_t)use_gpr(compile, b);
    }
    return memory;
}

/* The register that holds the address; consumed. */
static unsigned select_address(struct compile *compile, struct ir_value *address)
{
    address = resolve(compile, address);
    if (!node_of(compile, address)->fused) {
        unsigned reg = use_gpr(compile, address);
        done(compile, address);
        return reg;
    }
    struct emit_memory memory = fused_address(compile, address);
    done(compile, address);
    unlock_gpr(compile, memory.base);
    if (memory.index != REG_NONE) {
        unlock_gpr(compile, memory.index);
    }
    unsigned reg = scratch_gpr(compile);
    emit_rm(&compile->emit, OP_LEA, 8, reg, memory);
    return reg;
}

static struct emit_memory tlb_memory(const struct compile *compile, unsigned index, size_t member)
{
    size_t offset = offsetof(struct riscv_cpu, tlbs) + compile->request->facts.context * sizeof(struct tlb) +
                    offsetof(struct tlb, entries) + member;
    return (struct emit_memory){ REG_RBP, (uint8_t)index, 0, (int32_t)offset - CPU_BIAS };
}

/* Leaves the entry's addend in `index`. Returns where the jump to the stub is. */
static uint32_t probe(struct compile *compile, unsigned address, unsigned index, unsigned tag, unsigned size,
                      size_t member)
{
    struct emit *emit = &compile->emit;
    if (compile->features.bmi2) {
        emit_vex_rr(emit, OP_RORX, 4, index, 0, address);
        emit_immediate8(emit, PAGE_SHIFT - ENTRY_SHIFT);
    } else {
        emit_mov_rr(emit, 4, index, address);
        emit_shift_ri(emit, SHIFT_SHR, 4, index, PAGE_SHIFT - ENTRY_SHIFT);
    }
    emit_group_ri(emit, GROUP_AND, 4, index, (int32_t)((TLB_ENTRY_COUNT - 1) << ENTRY_SHIFT));
    emit_mov_rr(emit, 8, tag, address);
    emit_group_ri(emit, GROUP_AND, 8, tag, (int32_t)(~(uint32_t)PAGE_MASK | (size - 1)));
    emit_rm(emit, OP_CMP, 8, tag, tlb_memory(compile, index, member));
    uint32_t place = emit_jump_forward(emit, CC_NE);
    emit_rm(emit, OP_MOV, 8, index, tlb_memory(compile, index, offsetof(struct tlb_entry, addend)));
    return place;
}

static uint32_t load_op(unsigned size, enum load_form form)
{
    bool sign = form == LOAD_SIGN32 || form == LOAD_SIGN64;
    switch (size) {
    case 1: return sign ? OP_MOVSX8 : OP_MOVZX8;
    case 2: return sign ? OP_MOVSX16 : OP_MOVZX16;
    case 4: return form == LOAD_SIGN64 ? OP_MOVSXD : OP_MOV;
    default: return OP_MOV;
    }
}

static void emit_load(struct compile *compile, unsigned size, enum load_form form, unsigned dst,
                      struct emit_memory memory)
{
    if (form == LOAD_FLOAT) {
        uint32_t op = size == 4 ? (uint32_t)emit_single(OP_MOVSD) : (uint32_t)OP_MOVSD;
        emit_rm(&compile->emit, op, 4, dst, memory);
    } else {
        emit_rm(&compile->emit, load_op(size, form), form == LOAD_SIGN64 || size == 8 ? 8 : 4, dst, memory);
    }
}

void select_load(struct compile *compile, struct ir_value *value)
{
    unsigned size = 1u << (value->op - IR_LOAD8);
    enum load_form form = (enum load_form)node_of(compile, value)->form;
    unsigned address = select_address(compile, value->arguments[0]);
    unsigned index = scratch_gpr(compile), tag = scratch_gpr(compile);
    unsigned dst = form == LOAD_FLOAT ? define_xmm(compile, value, REG_NONE) : define_gpr(compile, value, tag);
    uint32_t place = probe(compile, address, index, tag, size, offsetof(struct tlb_entry, read));
    emit_load(compile, size, form, dst, (struct emit_memory){ (uint8_t)address, (uint8_t)index, 0, 0 });
    struct stub *stub = stub_add(compile, STUB_LOAD, place);
    stub->a = (uint8_t)address;
    stub->dst = (uint8_t)dst;
    stub->size = (uint8_t)size;
    stub->form = (uint8_t)form;
}

/* -- Stores -------------------------------------------------------------------------------------------------------- */

/* What is stored: a constant, a register, or an xmm register. */
struct source {
    enum { SOURCE_GPR, SOURCE_XMM, SOURCE_CONSTANT } kind;
    unsigned reg;
    int32_t constant;
};

static struct source select_source(struct compile *compile, struct ir_value *value, unsigned size)
{
    struct source source = { .kind = SOURCE_GPR };
    value = resolve(compile, value);
    if (immediate_of(compile, value, size == 8 ? 8 : 4, &source.constant)) {
        source.kind = SOURCE_CONSTANT;
    } else if (value->op == IR_BITCAST && node_of(compile, value)->fused) {
        source.kind = SOURCE_XMM;
        source.reg = use_xmm(compile, value->arguments[0]);
    } else {
        source.reg = use_gpr(compile, value);
    }
    done(compile, value);
    return source;
}

static void emit_store(struct emit *emit, unsigned size, struct source source, struct emit_memory memory)
{
    if (source.kind == SOURCE_CONSTANT) {
        emit_store_i(emit, size, memory, source.constant);
    } else if (source.kind == SOURCE_XMM) {
        emit_rm(emit, size == 4 ? (uint32_t)emit_single(OP_MOVSD_STORE) : (uint32_t)OP_MOVSD_STORE, 4, source.reg,
                memory);
    } else {
        uint32_t op = size == 1 ? OP_MOV_STORE8 : size == 2 ? OP_MOV_STORE16 : OP_MOV_STORE;
        emit_rm(emit, op, size == 8 ? 8 : 4, source.reg, memory);
    }
}

void select_store(struct compile *compile, struct ir_value *value)
{
    unsigned size = 1u << (value->op - IR_STORE8);
    unsigned address = select_address(compile, value->arguments[0]);
    struct source source = select_source(compile, value->arguments[1], size);
    unsigned index = scratch_gpr(compile), tag = scratch_gpr(compile);
    uint32_t place = probe(compile, address, index, tag, size, offsetof(struct tlb_entry, write));
    emit_store(&compile->emit, size, source, (struct emit_memory){ (uint8_t)address, (uint8_t)index, 0, 0 });
    struct stub *stub = stub_add(compile, STUB_STORE, place);
    stub->a = (uint8_t)address;
    stub->b = (uint8_t)source.reg;
    stub->form = (uint8_t)source.kind;
    stub->what = (uint32_t)source.constant;
    stub->size = (uint8_t)size;
}

/* -- The slow paths ------------------------------------------------------------------------------------------------ */

static unsigned log2_of(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

static void leave_if_trapped(struct compile *compile, const struct stub *stub)
{
    uint32_t place = emit_jump_forward(&compile->emit, CC_E);
    uint32_t dirty = stub->dirty, count = stub->count;
    uint64_t pc = stub->pc;
    stub_leave(compile, HOST_EXIT_TRAPPED, place, pc, count)->dirty = dirty;
}

void load_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    unsigned keeps_xmm = (compile->uses_xmm ? 1u : 0u);
    emit_rm(emit, OP_MOV_STORE, 8, stub->a, emit_at(REG_RSP, FRAME_ADDRESS));
    emit_call_to(emit, compile->runtime->load[log2_of(stub->size)][keeps_xmm]);
    leave_if_trapped(compile, stub);
    emit_load(compile, stub->size, (enum load_form)stub->form, stub->dst, emit_at(REG_RSP, FRAME_RESULT));
}

void store_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    unsigned keeps_xmm = (compile->uses_xmm ? 1u : 0u);
    struct source source = { .kind = stub->form, .reg = stub->b, .constant = (int32_t)stub->what };
    emit_rm(emit, OP_MOV_STORE, 8, stub->a, emit_at(REG_RSP, FRAME_ADDRESS));
    if (stub->size != 8) { /* what a device is told has no bits beyond its size */
        emit_store_i(emit, 8, emit_at(REG_RSP, FRAME_VALUE), 0);
    }
    emit_store(emit, stub->size, source, emit_at(REG_RSP, FRAME_VALUE));
    emit_call_to(emit, compile->runtime->store[log2_of(stub->size)][keeps_xmm]);
    leave_if_trapped(compile, stub);
}
