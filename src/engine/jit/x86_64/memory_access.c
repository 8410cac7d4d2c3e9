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

/* base + (index << scale), of a fused addition without a constant, in a register. */
static unsigned select_sum(struct compile *compile, struct ir_value *sum)
{
    struct ir_value *a = resolve(compile, sum->arguments[0]), *b = resolve(compile, sum->arguments[1]);
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
    done(compile, sum);
    unlock_gpr(compile, memory.base);
    unlock_gpr(compile, memory.index);
    unsigned reg = scratch_gpr(compile);
    emit_rm(&compile->emit, OP_LEA, 8, reg, memory);
    return reg;
}

/* An access to be made: at register + offset. */
struct access {
    unsigned base;
    int32_t offset;
    unsigned size;
    size_t tag; /* member of struct tlb_entry */
    struct group *group;
    unsigned memo;      /* its number, or 0 */
    struct stub *asked; /* the memo's; valid until the next stub is added */
};

/* The address of an access, consumed. */
static struct access select_address(struct compile *compile, struct ir_value *value, unsigned size, size_t tag)
{
    struct ir_value *address = resolve(compile, value->arguments[0]);
    struct access access = { .size = size, .tag = tag, .memo = node_of(compile, value)->memo };
    struct ir_value *base = address_base(compile, address, &access.offset);
    if (base == NULL) {
        access.base = select_sum(compile, address);
        return access;
    }
    access.base = use_gpr(compile, base);
    done(compile, address);
    unsigned group = node_of(compile, value)->group;
    if (group != 0 && compile->groups[group - 1].count > 1) {
        access.group = &compile->groups[group - 1];
    }
    return access;
}

static struct emit_memory tlb_memory(const struct compile *compile, unsigned index, size_t member)
{
    size_t offset = offsetof(struct riscv_cpu, tlbs) + compile->request->facts.cache * sizeof(struct tlb) +
                    offsetof(struct tlb, entries) + member;
    return (struct emit_memory){ REG_RBP, (uint8_t)index, 0, (int32_t)offset - CPU_BIAS };
}

/* What the tag of the page must be for an access at base + check. */
static void compute_tag(struct compile *compile, unsigned base, int32_t check, unsigned alignment, unsigned tag)
{
    struct emit *emit = &compile->emit;
    if (check == 0) {
        emit_mov_rr(emit, 8, tag, base);
    } else {
        emit_rm(emit, OP_LEA, 8, tag, emit_at(base, check));
    }
    emit_group_ri(emit, GROUP_AND, 8, tag, (int32_t)(~(uint32_t)PAGE_MASK | (alignment - 1)));
}

/* Leaves the addend of the entry for base + low in `index`, if that entry's tag is good for base + check. Returns where
 * the jump to the stub is. */
static uint32_t probe(struct compile *compile, const struct access *access, int32_t low, int32_t check,
                      unsigned alignment, unsigned index, unsigned tag)
{
    struct emit *emit = &compile->emit;
    if (low == 0 && compile->features.bmi2) {
        emit_vex_rr(emit, OP_RORX, 4, index, 0, access->base);
        emit_immediate8(emit, PAGE_SHIFT - ENTRY_SHIFT);
    } else {
        emit_rm(emit, OP_LEA, 4, index, emit_at(access->base, low));
        emit_shift_ri(emit, SHIFT_SHR, 4, index, PAGE_SHIFT - ENTRY_SHIFT);
    }
    emit_group_ri(emit, GROUP_AND, 4, index, (int32_t)((TLB_ENTRY_COUNT - 1) << ENTRY_SHIFT));
    compute_tag(compile, access->base, check, alignment, tag);
    emit_rm(emit, OP_CMP, 8, tag, tlb_memory(compile, index, access->tag));
    uint32_t place = emit_jump_forward(emit, CC_NE);
    emit_rm(emit, OP_MOV, 8, index, tlb_memory(compile, index, offsetof(struct tlb_entry, addend)));
    return place;
}

/* The last aligned piece of a group: if it lies in the page of the first byte, so does all between. (No other page than
 * that can be in the entry that belongs to the first byte.) */
static int32_t check_offset(const struct group *group)
{
    int32_t mask = group->alignment - 1;
    int32_t distance = group->end - group->alignment - group->reference;
    return group->reference + ((distance + mask) & ~mask);
}

/* Registers an access needs while it is asked for. */
struct probing {
    unsigned index, tag;
    bool keeps; /* a group's addend in `index` */
};

static struct probing prepare(struct compile *compile, struct access *access)
{
    struct probing probing = { .keeps = access->group != NULL };
    if (probing.keeps && access->group->reg != REG_NONE) {
        probing.index = access->group->reg;
        probing.tag = REG_NONE;
        compile->locked_gpr |= 1u << probing.index;
        return probing;
    }
    probing.index = scratch_gpr(compile);
    probing.tag = scratch_gpr(compile);
    return probing;
}

/* probe(), or the memo and a stub that does so. */
static uint32_t ask_cache(struct compile *compile, struct access *access, int32_t low, int32_t check,
                          unsigned alignment, const struct probing *probing)
{
    if (access->memo == 0) {
        return probe(compile, access, low, check, alignment, probing->index, probing->tag);
    }
    compute_tag(compile, access->base, check, alignment, probing->tag);
    uint32_t place = memo_ask(compile, access->memo, probing->index, probing->tag);
    struct stub *stub = stub_add(compile, STUB_MEMO, place);
    stub->a = (uint8_t)access->base;
    stub->b = (uint8_t)probing->index;
    stub->c = (uint8_t)probing->tag;
    stub->size = (uint8_t)alignment;
    stub->form = (uint8_t)access->memo;
    stub->displacement = low;
    stub->check = check;
    stub->writes = access->tag == offsetof(struct tlb_entry, write);
    access->asked = stub;
    return 0;
}

static uint32_t ask(struct compile *compile, struct access *access, const struct probing *probing)
{
    struct group *group = access->group;
    if (access->size == 16) { /* in one page if its upper half is in that of the lower, and aligned as a word is */
        return probe(compile, access, access->offset, access->offset + 8, 8, probing->index, probing->tag);
    }
    if (group == NULL) {
        return ask_cache(compile, access, access->offset, access->offset, access->size, probing);
    }
    if (probing->tag == REG_NONE) {
        emit_rr(&compile->emit, OP_TEST, 8, probing->index, probing->index);
        return emit_jump_forward(&compile->emit, CC_E);
    }
    keep_addend(compile, group, probing->index);
    if (check_offset(group) != group->low) {
        access->memo = 0; /* its tag would say nothing of the first byte, which may lie in the page before */
    }
    return ask_cache(compile, access, group->low, check_offset(group), group->alignment, probing);
}

static struct emit_memory host_memory(const struct access *access, const struct probing *probing)
{
    return (struct emit_memory){ (uint8_t)access->base, (uint8_t)probing->index, 0, access->offset };
}

void note_undo(struct compile *compile, uint32_t start)
{
    if (compile->interruptible && !compile->emit.overflow) {
        undo_add_range(&compile->undo, start, compile->emit.cursor);
    }
}

static struct stub *add_stub(struct compile *compile, enum stub_kind kind, uint32_t place, const struct access *access,
                             const struct probing *probing)
{
    if (access->asked != NULL) {
        access->asked->what = compile->stub_count;
    }
    struct stub *stub = stub_add(compile, kind, place);
    stub->a = (uint8_t)access->base;
    stub->displacement = access->offset;
    stub->size = (uint8_t)access->size;
    stub->c = probing->keeps && probing->tag != REG_NONE ? (uint8_t)probing->index : (uint8_t)REG_NONE;
    return stub;
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
    if (form == LOAD_VECTOR) {
        emit_rm(&compile->emit, OP_MOVUPS, 4, dst, memory);
    } else if (form == LOAD_FLOAT) {
        uint32_t op = size == 4 ? (uint32_t)emit_single(OP_MOVSD) : (uint32_t)OP_MOVSD;
        emit_rm(&compile->emit, op, 4, dst, memory);
    } else {
        emit_rm(&compile->emit, load_op(size, form), form == LOAD_SIGN64 || size == 8 ? 8 : 4, dst, memory);
    }
}

void select_load(struct compile *compile, struct ir_value *value)
{
    unsigned size = 1u << (value->op - IR_LOAD8);
    enum load_form form = size == 16 ? LOAD_VECTOR : (enum load_form)node_of(compile, value)->form;
    struct access access = select_address(compile, value, size, offsetof(struct tlb_entry, read));
    struct probing probing = prepare(compile, &access);
    unsigned dst = form >= LOAD_FLOAT ? define_xmm(compile, value, REG_NONE) : define_gpr(compile, value, probing.tag);
    uint32_t start = compile->emit.cursor;
    uint32_t place = ask(compile, &access, &probing);
    emit_load(compile, size, form, dst, host_memory(&access, &probing));
    note_undo(compile, start);
    struct stub *stub = add_stub(compile, STUB_LOAD, place, &access, &probing);
    stub->dst = (uint8_t)dst;
    stub->form = (uint8_t)form;
}

/* -- Stores -------------------------------------------------------------------------------------------------------- */

/* What is stored: a constant, a register, or an xmm register. */
struct source {
    enum { SOURCE_GPR, SOURCE_XMM, SOURCE_VECTOR, SOURCE_CONSTANT } kind;
    unsigned reg;
    int32_t constant;
};

static struct source select_source(struct compile *compile, struct ir_value *value, unsigned size)
{
    struct source source = { .kind = SOURCE_GPR };
    value = resolve(compile, value);
    if (size == 16) {
        source.kind = SOURCE_VECTOR;
        source.reg = use_xmm(compile, value);
    } else if (immediate_of(compile, value, size == 8 ? 8 : 4, &source.constant)) {
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
    } else if (source.kind == SOURCE_VECTOR) {
        emit_rm(emit, OP_MOVUPS_STORE, 4, source.reg, memory);
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
    struct access access = select_address(compile, value, size, offsetof(struct tlb_entry, write));
    struct source source = select_source(compile, value->arguments[1], size);
    struct probing probing = prepare(compile, &access);
    uint32_t start = compile->emit.cursor;
    uint32_t place = ask(compile, &access, &probing);
    emit_store(&compile->emit, size, source, host_memory(&access, &probing));
    note_undo(compile, start);
    struct stub *stub = add_stub(compile, STUB_STORE, place, &access, &probing);
    stub->b = (uint8_t)source.reg;
    stub->form = (uint8_t)source.kind;
    stub->what = (uint32_t)source.constant;
}

/* -- The slow paths ------------------------------------------------------------------------------------------------ */

static unsigned log2_of(unsigned size)
{
    return (unsigned)__builtin_ctz(size);
}

static void pass_address(struct compile *compile, const struct stub *stub)
{
    struct emit_memory place = emit_at(REG_RSP, FRAME_ADDRESS);
    emit_rm(&compile->emit, OP_MOV_STORE, 8, stub->a, place);
    if (stub->displacement != 0) {
        emit_group_mi(&compile->emit, GROUP_ADD, 8, place, stub->displacement);
    }
}

/* The rest of the group goes slowly, too. */
static void give_up_group(struct compile *compile, const struct stub *stub)
{
    if (stub->c != REG_NONE) {
        emit_rr(&compile->emit, OP_XOR, 4, stub->c, stub->c);
    }
}

void recheck_addends(struct compile *compile, uint32_t kept)
{
    struct emit *emit = &compile->emit;
    if (!compile->interruptible || kept == 0) {
        return;
    }
    emit_group_mi(emit, GROUP_CMP, 4, CPU_AT(addends_void), 0);
    uint32_t over = emit_jump_forward(emit, CC_E);
    for (unsigned reg = 0; reg < REGISTER_COUNT; reg++) {
        if ((kept >> reg & 1) != 0) {
            emit_rr(emit, OP_XOR, 4, reg, reg);
        }
    }
    emit_store_i(emit, 4, CPU_AT(addends_void), 0);
    emit_patch(emit, over, emit->cursor);
}

static void leave_if_trapped(struct compile *compile, const struct stub *stub)
{
    uint32_t place = emit_jump_forward(&compile->emit, CC_E);
    uint32_t dirty = stub->dirty, count = stub->count;
    uint64_t pc = stub->pc;
    stub_leave(compile, HOST_EXIT_TRAPPED, place, pc, count)->dirty = dirty;
}

void memo_stub(struct compile *compile, const struct stub *stub)
{
    size_t tag = stub->writes ? offsetof(struct tlb_entry, write) : offsetof(struct tlb_entry, read);
    struct access access = { .base = stub->a, .tag = tag };
    memo_void(compile, stub->form, stub->b);
    uint32_t place = probe(compile, &access, stub->displacement, stub->check, stub->size, stub->b, stub->c);
    memo_note(compile, stub->form, stub->b, stub->c);
    compile->stubs[stub->what].place = place;
}

void load_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    pass_address(compile, stub);
    emit_call_to(emit, compile->runtime->load[log2_of(stub->size)][xmm_in_use(compile)]);
    leave_if_trapped(compile, stub);
    recheck_addends(compile, stub->kept);
    emit_load(compile, stub->size, (enum load_form)stub->form, stub->dst,
              emit_at(REG_RSP, stub->size == 16 ? FRAME_VECTOR_RESULT : FRAME_RESULT));
    give_up_group(compile, stub);
}

void store_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    int32_t place = stub->size == 16 ? FRAME_OPERANDS : FRAME_VALUE;
    struct source source = { .kind = stub->form, .reg = stub->b, .constant = (int32_t)stub->what };
    pass_address(compile, stub);
    if (stub->size < 8) { /* what a device is told has no bits beyond its size */
        emit_store_i(emit, 8, emit_at(REG_RSP, FRAME_VALUE), 0);
    }
    emit_store(emit, stub->size, source, emit_at(REG_RSP, place));
    emit_call_to(emit, compile->runtime->store[log2_of(stub->size)][xmm_in_use(compile)]);
    leave_if_trapped(compile, stub);
    recheck_addends(compile, stub->kept);
    give_up_group(compile, stub);
}
