/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/x86_64/emit.h"

#include "core/check.h"

#include <string.h>

#define INSTRUCTION_SIZE_MAX 16u

static uint8_t *reserve(struct emit *emit)
{
    if (unlikely(emit->limit - emit->cursor < INSTRUCTION_SIZE_MAX)) {
        emit->overflow = true;
        emit->cursor = emit->begin;
    }
    return emit->memory + emit->cursor;
}

static void finish(struct emit *emit, const uint8_t *end)
{
    emit->cursor = (uint32_t)(end - emit->memory);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

/* -- Prefixes and opcode ------------------------------------------------------------------------------------------ */

/* `low` and `index` are the registers whose fourth bits go to REX.B and REX.X. */
static uint8_t *put_opcode(uint8_t *at, uint32_t op, unsigned width, unsigned reg, unsigned index, unsigned low,
                           bool low_is_register)
{
    uint32_t prefix = op >> 16 & 0xff;
    if (prefix != 0) {
        *at++ = (uint8_t)prefix;
    }
    unsigned rex = 0x40 | (width == 8 ? 8u : 0u) | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (low >> 3 & 1);
    bool names_byte = (op & EMIT_BYTE_REGISTERS) != 0 && (reg >= 4 || (low_is_register && low >= 4));
    if (rex != 0x40 || names_byte) {
        *at++ = (uint8_t)rex;
    }
    uint32_t map = op >> 8 & 0xff;
    if (map != 0) {
        *at++ = 0x0f;
        if (map == 2) {
            *at++ = 0x38;
        } else if (map == 3) {
            *at++ = 0x3a;
        }
    }
    *at++ = (uint8_t)op;
    return at;
}

/* Intel SDM volume 2, 2.3.5: the three-byte form, or the two-byte one where it can say it. */
static uint8_t *put_vex(uint8_t *at, uint32_t op, unsigned width, unsigned reg, unsigned v, unsigned index,
                        unsigned low)
{
    uint32_t prefix = op >> 16 & 0xff;
    unsigned pp = prefix == 0x66 ? 1 : prefix == 0xf3 ? 2 : prefix == 0xf2 ? 3 : 0;
    unsigned map = op >> 8 & 0xff;
    unsigned not_reg = (~reg >> 3 & 1) << 7;
    unsigned last = (~v & 15) << 3 | pp;
    if (map == 1 && width != 8 && ((index | low) & 8) == 0) {
        *at++ = 0xc5;
        *at++ = (uint8_t)(not_reg | last);
    } else {
        *at++ = 0xc4;
        *at++ = (uint8_t)(not_reg | (~index >> 3 & 1) << 6 | (~low >> 3 & 1) << 5 | map);
        *at++ = (uint8_t)((width == 8 ? 0x80u : 0u) | last);
    }
    *at++ = (uint8_t)op;
    return at;
}

/* -- Operands ----------------------------------------------------------------------------------------------------- */

static uint8_t *put_register(uint8_t *at, unsigned reg, unsigned rm)
{
    *at++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
    return at;
}

static uint8_t *put_memory(uint8_t *at, unsigned reg, struct emit_memory memory)
{
    unsigned field = (reg & 7) << 3;
    bool has_index = memory.index != REG_NONE;
    int32_t displacement = memory.displacement;
    unsigned mode = displacement == 0 && (memory.base & 7) != REG_RBP      ? 0u
                    : displacement >= INT8_MIN && displacement <= INT8_MAX ? 0x40u
                                                                           : 0x80u;
    if (has_index || (memory.base & 7) == REG_RSP) {
        unsigned index = has_index ? memory.index : REG_RSP; /* RSP says: none */
        *at++ = (uint8_t)(mode | field | 4);
        *at++ = (uint8_t)((unsigned)memory.scale << 6 | (index & 7) << 3 | (memory.base & 7));
    } else {
        *at++ = (uint8_t)(mode | field | (memory.base & 7));
    }
    if (mode == 0x40) {
        *at++ = (uint8_t)displacement;
    } else if (mode == 0x80) {
        at = put32(at, (uint32_t)displacement);
    }
    return at;
}

static uint8_t *put_data(const struct emit *emit, uint8_t *at, unsigned reg, uint32_t data_offset)
{
    *at++ = (uint8_t)((reg & 7) << 3 | 5);
    int64_t next = at + 4 - emit->memory;
    return put32(at, (uint32_t)(emit->data + data_offset - next));
}

static unsigned index_bits(struct emit_memory memory)
{
    return memory.index == REG_NONE ? 0 : memory.index;
}

void emit_rr(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned rm)
{
    uint8_t *at = put_opcode(reserve(emit), op, width, reg, 0, rm, true);
    finish(emit, put_register(at, reg, rm));
}

void emit_rm(struct emit *emit, uint32_t op, unsigned width, unsigned reg, struct emit_memory memory)
{
    uint8_t *at = put_opcode(reserve(emit), op, width, reg, index_bits(memory), memory.base, false);
    finish(emit, put_memory(at, reg, memory));
}

void emit_rd(struct emit *emit, uint32_t op, unsigned width, unsigned reg, uint32_t data_offset)
{
    uint8_t *at = put_opcode(reserve(emit), op, width, reg, 0, 0, false);
    finish(emit, put_data(emit, at, reg, data_offset));
}

void emit_vex_rr(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned v, unsigned rm)
{
    uint8_t *at = put_vex(reserve(emit), op, width, reg, v, 0, rm);
    finish(emit, put_register(at, reg, rm));
}

void emit_vex_rm(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned v, struct emit_memory memory)
{
    uint8_t *at = put_vex(reserve(emit), op, width, reg, v, index_bits(memory), memory.base);
    finish(emit, put_memory(at, reg, memory));
}

void emit_vex_rd(struct emit *emit, uint32_t op, unsigned width, unsigned reg, unsigned v, uint32_t data_offset)
{
    uint8_t *at = put_vex(reserve(emit), op, width, reg, v, 0, 0);
    finish(emit, put_data(emit, at, reg, data_offset));
}

void emit_immediate8(struct emit *emit, uint8_t value)
{
    uint8_t *at = reserve(emit);
    *at++ = value;
    finish(emit, at);
}

void emit_byte(struct emit *emit, uint8_t byte)
{
    emit_immediate8(emit, byte);
}

/* -- Forms with an immediate -------------------------------------------------------------------------------------- */

static bool is_short(int32_t immediate)
{
    return immediate >= INT8_MIN && immediate <= INT8_MAX;
}

static uint8_t *put_group_immediate(uint8_t *at, int32_t immediate)
{
    if (is_short(immediate)) {
        *at++ = (uint8_t)immediate;
        return at;
    }
    return put32(at, (uint32_t)immediate);
}

void emit_group_ri(struct emit *emit, enum emit_group group, unsigned width, unsigned rm, int32_t immediate)
{
    uint8_t *at = put_opcode(reserve(emit), is_short(immediate) ? 0x83 : 0x81, width, 0, 0, rm, true);
    finish(emit, put_group_immediate(put_register(at, group, rm), immediate));
}

void emit_group_mi(struct emit *emit, enum emit_group group, unsigned width, struct emit_memory memory,
                   int32_t immediate)
{
    uint8_t *at =
        put_opcode(reserve(emit), is_short(immediate) ? 0x83 : 0x81, width, 0, index_bits(memory), memory.base, false);
    finish(emit, put_group_immediate(put_memory(at, group, memory), immediate));
}

void emit_shift_ri(struct emit *emit, enum emit_group group, unsigned width, unsigned rm, unsigned amount)
{
    uint8_t *at = put_opcode(reserve(emit), 0xc1, width, 0, 0, rm, true);
    at = put_register(at, group, rm);
    *at++ = (uint8_t)amount;
    finish(emit, at);
}

void emit_shift_cl(struct emit *emit, enum emit_group group, unsigned width, unsigned rm)
{
    emit_rr(emit, 0xd3, width, group, rm);
}

void emit_unary(struct emit *emit, enum emit_group group, unsigned width, unsigned rm)
{
    emit_rr(emit, 0xf7, width, group, rm);
}

void emit_imul_rri(struct emit *emit, unsigned width, unsigned reg, unsigned rm, int32_t immediate)
{
    uint8_t *at = put_opcode(reserve(emit), is_short(immediate) ? 0x6b : 0x69, width, reg, 0, rm, true);
    finish(emit, put_group_immediate(put_register(at, reg, rm), immediate));
}

void emit_test_ri(struct emit *emit, unsigned width, unsigned rm, int32_t immediate)
{
    uint8_t *at = put_opcode(reserve(emit), 0xf7, width, 0, 0, rm, true);
    finish(emit, put32(put_register(at, 0, rm), (uint32_t)immediate));
}

void emit_bswap(struct emit *emit, unsigned width, unsigned reg)
{
    uint8_t *at = reserve(emit);
    unsigned rex = 0x40 | (width == 8 ? 8u : 0u) | reg >> 3;
    if (rex != 0x40) {
        *at++ = (uint8_t)rex;
    }
    *at++ = 0x0f;
    *at++ = (uint8_t)(0xc8 | (reg & 7));
    finish(emit, at);
}

void emit_sign_extend_rax(struct emit *emit, unsigned width)
{
    uint8_t *at = reserve(emit);
    if (width == 8) {
        *at++ = 0x48;
    }
    *at++ = 0x99;
    finish(emit, at);
}

void emit_mov_ri(struct emit *emit, unsigned reg, uint64_t value)
{
    uint8_t *at = reserve(emit);
    unsigned high = reg >> 3;
    if (value <= UINT32_MAX) {
        if (high != 0) {
            *at++ = 0x41;
        }
        *at++ = (uint8_t)(0xb8 | (reg & 7));
        at = put32(at, (uint32_t)value);
    } else if (emit_fits(value)) {
        *at++ = (uint8_t)(0x48 | high);
        *at++ = 0xc7;
        at = put32(put_register(at, 0, reg), (uint32_t)value);
    } else {
        *at++ = (uint8_t)(0x48 | high);
        *at++ = (uint8_t)(0xb8 | (reg & 7));
        at = put64(at, value);
    }
    finish(emit, at);
}

void emit_store_i(struct emit *emit, unsigned width, struct emit_memory memory, int32_t immediate)
{
    uint32_t op = width == 1 ? 0xc6 : width == 2 ? EMIT_OP(0x66, 0, 0xc7) : 0xc7;
    uint8_t *at = put_opcode(reserve(emit), op, width, 0, index_bits(memory), memory.base, false);
    at = put_memory(at, 0, memory);
    *at++ = (uint8_t)immediate;
    if (width >= 2) {
        *at++ = (uint8_t)(immediate >> 8);
    }
    if (width >= 4) {
        *at++ = (uint8_t)(immediate >> 16);
        *at++ = (uint8_t)(immediate >> 24);
    }
    finish(emit, at);
}

static void put_short_form(struct emit *emit, unsigned opcode, unsigned reg)
{
    uint8_t *at = reserve(emit);
    if (reg >= 8) {
        *at++ = 0x41;
    }
    *at++ = (uint8_t)(opcode | (reg & 7));
    finish(emit, at);
}

void emit_push(struct emit *emit, unsigned reg)
{
    put_short_form(emit, 0x50, reg);
}

void emit_pop(struct emit *emit, unsigned reg)
{
    put_short_form(emit, 0x58, reg);
}

void emit_return(struct emit *emit)
{
    emit_immediate8(emit, 0xc3);
}

void emit_trap(struct emit *emit)
{
    uint8_t *at = reserve(emit);
    *at++ = 0x0f;
    *at++ = 0x0b;
    finish(emit, at);
}

void emit_fence(struct emit *emit)
{
    /* lock or dword [rsp], 0: orders as MFENCE does for ordinary memory, in a third of the time. */
    static const uint8_t bytes[] = { 0xf0, 0x83, 0x0c, 0x24, 0x00 };
    uint8_t *at = reserve(emit);
    memcpy(at, bytes, sizeof bytes);
    finish(emit, at + sizeof bytes);
}

/* -- Jumps and calls ---------------------------------------------------------------------------------------------- */

uint32_t emit_jump_forward(struct emit *emit, enum emit_condition condition)
{
    uint8_t *at = reserve(emit);
    if (condition == CC_ALWAYS) {
        *at++ = 0xe9;
    } else {
        *at++ = 0x0f;
        *at++ = (uint8_t)(0x80 | condition);
    }
    uint32_t place = (uint32_t)(at - emit->memory);
    finish(emit, put32(at, 0));
    return place;
}

void emit_jump_to(struct emit *emit, enum emit_condition condition, uint32_t target)
{
    int64_t distance = (int64_t)target - (int64_t)(emit->cursor + 2);
    if (distance >= INT8_MIN && distance <= INT8_MAX) {
        uint8_t *at = reserve(emit);
        *at++ = (uint8_t)(condition == CC_ALWAYS ? 0xebu : 0x70u | condition);
        *at++ = (uint8_t)distance;
        finish(emit, at);
        return;
    }
    emit_patch(emit, emit_jump_forward(emit, condition), target);
}

void emit_patch(struct emit *emit, uint32_t place, uint32_t target)
{
    put32(emit->memory + place, target - (place + 4));
}

void emit_call_to(struct emit *emit, uint32_t target)
{
    uint8_t *at = reserve(emit);
    *at++ = 0xe8;
    uint32_t next = (uint32_t)(at + 4 - emit->memory);
    finish(emit, put32(at, target - next));
}

void emit_call_r(struct emit *emit, unsigned reg)
{
    emit_rr(emit, 0xff, 4, 2, reg);
}

void emit_jump_r(struct emit *emit, unsigned reg)
{
    emit_rr(emit, 0xff, 4, 4, reg);
}

void emit_jump_m(struct emit *emit, struct emit_memory memory)
{
    emit_rm(emit, 0xff, 4, 4, memory);
}

void emit_jump_data(struct emit *emit, uint32_t data_offset)
{
    emit_rd(emit, 0xff, 4, 4, data_offset);
}

void emit_align(struct emit *emit, uint32_t alignment)
{
    while (emit->cursor % alignment != 0 && !emit->overflow) {
        emit_immediate8(emit, 0xcc);
    }
}
