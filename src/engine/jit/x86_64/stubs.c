/* SPDX-License-Identifier: Apache-2.0 */
/* What runs seldom, behind the rest of a region. A stub ends by going back to where the fast path goes on. */
#include "engine/jit/x86_64/select.h"

struct stub *stub_add(struct compile *compile, enum stub_kind kind, uint32_t place)
{
    if (compile->stub_count == compile->stub_room) {
        compile->stub_room = compile->stub_room == 0 ? 64 : compile->stub_room * 2;
        compile->stubs = check_realloc(compile->stubs, compile->stub_room * sizeof compile->stubs[0]);
    }
    struct stub *stub = &compile->stubs[compile->stub_count++];
    *stub = (struct stub){ .kind = (uint8_t)kind,
                           .place = place,
                           .back = compile->emit.cursor,
                           .dirty = compile->dirty,
                           .kept = compile->kept_gpr,
                           .pc = compile->mark_pc,
                           .count = compile->mark_count };
    return stub;
}

struct stub *stub_leave(struct compile *compile, enum host_exit exit, uint32_t place, uint64_t pc, uint32_t count)
{
    struct stub *stub = stub_add(compile, STUB_LEAVE, place);
    stub->exit = (uint8_t)exit;
    stub->pc = pc;
    stub->count = count;
    return stub;
}

static void divide_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    unsigned width = stub->wide ? 8 : 4;
    enum ir_op op = stub->value->op;
    uint32_t negate = 0;
    if (op == IR_DIVS || op == IR_REMS) {
        emit_rr(emit, OP_TEST, width, stub->b, stub->b);
        negate = emit_jump_forward(emit, CC_NE);
    }
    emit_mov_rr(emit, width, REG_RDX, stub->a); /* by 0: all ones, and the dividend remains */
    emit_mov_ri(emit, REG_RAX, width == 8 ? UINT64_MAX : UINT32_MAX);
    emit_jump_to(emit, CC_ALWAYS, stub->back);
    if (negate != 0) { /* by -1: which would trap for the least number */
        emit_patch(emit, negate, emit->cursor);
        emit_unary(emit, UNARY_NEG, width, REG_RAX);
        emit_rr(emit, OP_XOR, 4, REG_RDX, REG_RDX);
    }
}

static void leave_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    pins_store(compile, stub->dirty);
    if (stub->count != 0) {
        emit_group_ri(emit, GROUP_ADD, 8, REG_R15, (int32_t)stub->count);
    }
    emit_mov_ri(emit, REG_RCX, stub->pc);
    emit_mov_ri(emit, REG_RAX, runtime_result((enum host_exit)stub->exit, 0));
    emit_jump_to(emit, CC_ALWAYS, compile->runtime->leave_pc);
}

static void emit_stub(struct compile *compile, const struct stub *stub)
{
    struct emit *emit = &compile->emit;
    uint32_t start = emit->cursor;
    emit_patch(emit, stub->place, start);
    switch ((enum stub_kind)stub->kind) {
    case STUB_LOAD: load_stub(compile, stub); break;
    case STUB_STORE: store_stub(compile, stub); break;
    case STUB_LEAVE: leave_stub(compile, stub); return;
    case STUB_DIVIDE: divide_stub(compile, stub); break;
    case STUB_MEMO: memo_stub(compile, stub); break;
    case STUB_MEMOS_VOID: memos_void_stub(compile); break;
    case STUB_FLOAT:
    case STUB_NAN:
    case STUB_MINMAX:
    case STUB_UTOF:
    case STUB_FTOS: float_stub(compile, stub); break;
    case STUB_VECTOR_NAN:
    case STUB_VECTOR: vector_stub(compile, stub); break;
    }
    emit_jump_to(emit, CC_ALWAYS, stub->back);
    if (stub->kind == STUB_MEMO) {
        note_undo(compile, start); /* it has found an addend, and changed nothing but a memo */
    }
}

void stubs_emit(struct compile *compile)
{
    compile->kept_gpr = 0;                               /* what stubs add leaves the region */
    for (unsigned i = 0; i < compile->stub_count; i++) { /* stubs may add stubs */
        struct stub stub = compile->stubs[i];
        mark_kept(compile, stub.kept);
        emit_stub(compile, &stub);
    }
    mark_kept(compile, 0);
}
