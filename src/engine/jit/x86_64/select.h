/* SPDX-License-Identifier: Apache-2.0 */
/* Operands as instructions take them: shared by the files that choose instructions. */
#ifndef RAVELIN_ENGINE_JIT_X86_64_SELECT_H
#define RAVELIN_ENGINE_JIT_X86_64_SELECT_H

#include "engine/jit/x86_64/registers.h"

/* A constant of a 4- or 8-byte operation that fits its sign-extended 32-bit immediate. */
static inline bool immediate_of(const struct compile *compile, struct ir_value *value, unsigned width,
                                int32_t *immediate)
{
    value = resolve(compile, value);
    if (value->op != IR_CONST) {
        return false;
    }
    if (width == 8 && !emit_fits(value->immediate)) {
        return false;
    }
    *immediate = (int32_t)(uint32_t)value->immediate;
    return true;
}

static inline uint32_t float_op(enum emit_op op, enum ir_type type)
{
    return type == IR_F32 ? (uint32_t)emit_single(op) : (uint32_t)op;
}

/* dst = src, of either class. */
static inline void move_xmm(struct compile *compile, unsigned dst, unsigned src)
{
    if (dst != src) {
        emit_rr(&compile->emit, OP_MOVAPS, 4, dst, src);
    }
}

/* dst = a op b. Without AVX, dst must not be b (unless it is a, too). */
static inline void combine_xmm(struct compile *compile, uint32_t op, unsigned dst, unsigned a, unsigned b)
{
    if (compile->features.avx) {
        emit_vex_rr(&compile->emit, op, 4, dst, a, b);
        return;
    }
    move_xmm(compile, dst, a);
    emit_rr(&compile->emit, op, 4, dst, b);
}

#endif
