/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around regions: the code that leads into and out of them, shared by all of a host, the frame they run
 * on, the layout of the data area, and C functions they call.
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_RUNTIME_H
#define RAVELIN_ENGINE_JIT_X86_64_RUNTIME_H

#include "arch/riscv/cpu.h"
#include "engine/jit/host.h"
#include "engine/jit/x86_64/emit.h"

#include <stddef.h>

/* rbp = cpu + CPU_BIAS: all of state.x is in reach of signed bytes. */
#define CPU_BIAS       ((int32_t)offsetof(struct riscv_cpu, state.x) + 128)
#define CPU_AT(member) emit_at(REG_RBP, (int32_t)offsetof(struct riscv_cpu, member) - CPU_BIAS)

/* The frame, from rsp up. */
enum {
    FRAME_RESULT = 0,
    FRAME_ADDRESS = 8, /* operands of a slow path: address, value, third */
    FRAME_VALUE = 16,
    FRAME_THIRD = 24,
    FRAME_WHAT = 32,
    FRAME_GPR = 48,                 /* one word a register */
    FRAME_XMM = FRAME_GPR + 16 * 8, /* low halves: regions without vectors keep no more in them */
    FRAME_SPILL = FRAME_XMM + 16 * 8,
    SPILL_COUNT = 1023,
    FRAME_VECTORS = FRAME_SPILL + SPILL_COUNT * 8, /* whole registers */
    FRAME_OPERANDS = FRAME_VECTORS + 16 * 16,      /* three vectors, and the result */
    FRAME_VECTOR_RESULT = FRAME_OPERANDS + 3 * 16,
    FRAME_VECTOR_SPILL = FRAME_VECTOR_RESULT + 16,
    VECTOR_SPILL_COUNT = 128,
    FRAME_SIZE = FRAME_VECTOR_SPILL +
                 VECTOR_SPILL_COUNT * 16, /* 8 more than a multiple of 16: six registers and an address above */
};

/* The data area. */
#define JUMP_CACHE_ENTRIES 65536u

struct jump_cache_entry {
    uint64_t pc;
    const void *entry;
};

/* What an access remembers of the page it used last (memos.c); the first of a region's is of the region: its tag is the
 * generation of the translation cache that the others are of. */
struct runtime_memo {
    uint64_t tag, addend; /* as in struct tlb_entry */
    uint64_t pause_end;   /* count of instructions from which on it may be noted again */
    uint64_t count;       /* of the first: how many follow it */
};

#define MEMO_COUNT 65536u
#define MEMOS_MAX  12u /* of a region */

struct runtime_data {
    const void *links[HOST_LINK_COUNT];
    struct jump_cache_entry jumps[JUMP_CACHE_ENTRIES];
    _Alignas(64) struct runtime_memo memos[MEMO_COUNT];
    uint32_t running_memos; /* the first of the last region with memos that was entered, if it may be interrupted */
    /* Constants; 16 bytes each, for instructions that want them aligned. */
    _Alignas(16) uint64_t zero[2], nan32[2], nan64[2], ones[2];
    _Alignas(16) uint64_t not_nan32[2], not_nan64[2]; /* the bits that the canonical NaN lacks */
    _Alignas(16) uint64_t table_bias[2];              /* bytes: added with saturation, sets bit 7 of all but 0 … 15 */
};

#define DATA_AT(member) ((uint32_t)offsetof(struct runtime_data, member))

/* What the host's processor can do beyond the x86-64 baseline. */
struct host_features {
    bool avx, bmi1, bmi2, lzcnt, popcnt, fma, ssse3, sse41, sse42, lahf, avx512f;
};

/* What of xmm registers a slow path keeps. */
enum runtime_xmm { RUNTIME_XMM_NONE, RUNTIME_XMM_HALVES, RUNTIME_XMM_WHOLE, RUNTIME_XMM_COUNT };

#define RUNTIME_SIZES 5u /* of accesses: 1 … 16 bytes */

/* Positions of shared code. */
struct runtime {
    uint32_t enter;                                   /* result enter(cpu, entry) by the C convention */
    uint32_t leave;                                   /* rax: the result; registers' slots are written */
    uint32_t leave_pc;                                /* likewise, and rcx goes to state.pc */
    uint32_t leave_link;                              /* eax: number of a link */
    uint32_t leave_indirect;                          /* rax: the guest address */
    uint32_t load[RUNTIME_SIZES][RUNTIME_XMM_COUNT];  /* by log2(size) */
    uint32_t store[RUNTIME_SIZES][RUNTIME_XMM_COUNT]; /* slow paths: all registers kept, ZF set if there is a trap */
    uint32_t
        slow_float[2];    /* runtime_float() on FRAME_ADDRESS, _VALUE, _THIRD, _WHAT; all registers kept, [1]: whole */
    uint32_t slow_vector; /* runtime_vector() on FRAME_OPERANDS, _WHAT; all registers kept, whole */
    uint32_t thunks;      /* where load begins; slow_vector is the last */
    uint32_t end;
};

static inline uint64_t runtime_result(enum host_exit exit, uint32_t link)
{
    return (uint64_t)link << 32 | (uint64_t)exit;
}

/* Emits the shared code. `interruptible`: it says in cpu->undoable when C code runs. */
void runtime_emit(struct runtime *runtime, struct emit *emit, bool interruptible);

/* MXCSR for a guest's rounding mode; no flags. RMM has none: to nearest even, and operations go to runtime_float(). */
uint32_t runtime_mxcsr(uint64_t fcsr);

/* Before C code that uses floating point: gathers sticky flags into fcsr, sets the default environment. */
void runtime_float_leave(struct riscv_cpu *cpu);
/* After it: the guest's rounding, no flags. */
void runtime_float_enter(struct riscv_cpu *cpu);

/* One floating-point (or bit-counting) operation by its reference implementation. */
#define RUNTIME_WHAT(op, from, to, rounding) \
    ((uint32_t)(op) | (uint32_t)(from) << 8 | (uint32_t)(to) << 12 | (uint32_t)(rounding) << 16)
uint64_t runtime_float(struct riscv_cpu *cpu, const uint64_t *operands, uint32_t what);

/* One vector operation likewise: three operands and the place of the result, each of two words. */
#define RUNTIME_VECTOR_WHAT(op, lanes, rounding) \
    ((uint32_t)(op) | ((uint32_t)(lanes) & 0xffff) << 8 | (uint32_t)(rounding) << 24)
void runtime_vector(struct riscv_cpu *cpu, uint64_t *operands, uint32_t what);

/* 16 bytes of guest memory, as riscv_load_slow() and riscv_store_slow(): a store that faults has stored nothing. The
 * size is there for the sake of the convention. */
bool runtime_load_vector(struct riscv_cpu *cpu, uint64_t address, uint32_t size, uint64_t *halves);
bool runtime_store_vector(struct riscv_cpu *cpu, uint64_t address, uint32_t size, const uint64_t *halves);

#endif
