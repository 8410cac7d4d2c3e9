/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a decoded instruction to IR: the meeting point of the generated translator (riscv_translate.c, from the
 * machine's description) and the region builder.
 *
 * The builder calls riscv_translate_instruction() for one instruction after another; the translator appends to the
 * block and ends an instruction that jumps by one of translation_jump(), translation_branch(),
 * translation_jump_indirect(), which give the block its terminator. What is known about the machine's state wherever
 * the region runs (`facts`) folds to constants: a region made under some facts is only ever entered under them.
 */
#ifndef RAVELIN_ENGINE_JIT_TRANSLATION_H
#define RAVELIN_ENGINE_JIT_TRANSLATION_H

#include "engine/jit/ir.h"
#include "riscv_decode.h"

struct riscv_facts {
    uint8_t mode;     /* privilege mode */
    uint8_t cache;    /* which of cpu->tlbs loads and stores ask: trust level and context */
    uint8_t float_on; /* mstatus.FS is 3 (dirty); otherwise floating-point instructions are left to the interpreter */
    uint8_t rounding; /* fcsr.FRM */
    uint8_t pins;     /* cpu->pins_held */
};

/* Of cpu->facts_key: floating point is on, so that translated code may contain any. */
#define FACTS_KEY_FLOAT    (1u << 6)
#define FACTS_KEY_ROUNDING (7u << 7)
/* What code without floating point runs under any of. */
#define FACTS_KEY_MODES (FACTS_KEY_FLOAT | FACTS_KEY_ROUNDING)

struct riscv_translation {
    struct ir_block *block;
    struct riscv_decoded decoded;
    uint64_t pc, next_pc;
    uint32_t count; /* instructions of this block before this one */
    struct riscv_facts facts;
    const struct riscv_features *features;
    void *builder;   /* the region builder's own */
    bool asks_float; /* set if the translation depends on float_on or rounding */

    /* Of the instruction being translated (translate_ops.h). */
    bool is_left; /* it turned out to be the interpreter's */
    unsigned write_count;
    struct {
        uint32_t slot;
        struct ir_value *value;
    } writes[4];
};

enum translation_result {
    TRANSLATION_DONE,  /* appended; the next instruction follows */
    TRANSLATION_ENDED, /* appended, and the block has its terminator */
    TRANSLATION_LEFT,  /* cannot be expressed: nothing appended since the last MARK; the interpreter's */
};

/* Generated. MARK has been appended by the caller. */
enum translation_result riscv_translate_instruction(struct riscv_translation *translation);

/* The ends of an instruction that jumps; by the region builder. Addresses are guest-virtual. */
void translation_jump(struct riscv_translation *translation, uint64_t target);
void translation_branch(struct riscv_translation *translation, struct ir_value *taken, uint64_t target);
void translation_jump_indirect(struct riscv_translation *translation, struct ir_value *target);

/* Bits [low + width - 1 : low] of a control register word, as I32/I64 zero-extended: a constant if the facts know them.
 */
struct ir_value *translation_csr_field(struct riscv_translation *translation, uint32_t slot, unsigned low,
                                       unsigned width);

#endif
