/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outputs of ravelin-isac, run: everything generated from toy.isa is compiled into this program.
 */
#include "toy_decode.h"
#include "toy_functions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* How a handler was left. */
enum way { UNKNOWN, NEXT_WAY, FALL_WAY, DIRECT_WAY, INDIRECT_WAY, END_WAY, TRAP_WAY };

#define HAS(...)  ((struct toy_features){ { __VA_ARGS__, 0 } })
#define BIT(name) (UINT64_C(1) << TOY_EXT_##name)

#define ALL       (BIT(BASE) | BIT(EXTRA) | BIT(TIGHT))

static struct toy_cpu new_cpu(void)
{
    struct toy_cpu cpu = { .features = HAS(ALL) };
    toy_state_reset(&cpu.state);
    cpu.state.pc = 0x1000;
    return cpu;
}

/* Runs one instruction; pc moves as an engine would move it. */
static enum way step(struct toy_cpu *cpu, uint32_t bits)
{
    static const void *const table[] = {
#define H(name, number) [number] = &&handle_##name,
        TOY_HANDLERS(H)
#undef H
    };
    struct toy_decoded decoded;
    if (!toy_decode(bits, &cpu->features, &decoded)) {
        return UNKNOWN;
    }
    struct toy_state *state = &cpu->state;
    const struct toy_decoded *op = &decoded;
    const uint64_t here = state->pc;
    goto *table[op->meaning];

#define INSTRUCTION(name) handle_##name:
#define PC                here
#define NEXT_PC           (here + op->length)
#define ENCODING          (op->encoding)
#define SYNC()            state->pc = here
#define LEAVE(to, way)    \
    do {                  \
        state->pc = (to); \
        return (way);     \
    } while (0)
#define NEXT()                LEAVE(NEXT_PC, NEXT_WAY)
#define FALL_THROUGH()        LEAVE(NEXT_PC, FALL_WAY)
#define JUMP_DIRECT(target)   LEAVE(target, DIRECT_WAY)
#define JUMP_INDIRECT(target) LEAVE(target, INDIRECT_WAY)
#define END_BLOCK()           LEAVE(NEXT_PC, END_WAY)
#define TRAPPED()             goto trapped

#include "toy_interp.inc.h"

trapped:
    if (cpu->trap.wants_encoding) {
        cpu->trap.tval = op->encoding;
    }
    return TRAP_WAY;
}

/* ---- Encodings, by hand ---- */

#define CODE(code) ((uint32_t)(code) << 2 | 3)

static uint32_t op(uint32_t code, uint32_t d, uint32_t a, uint32_t b, uint32_t n)
{
    return b << 29 | a << 26 | d << 23 | n << 15 | CODE(code);
}

static uint32_t wide(uint32_t code, uint32_t d, uint32_t a, int32_t imm)
{
    const uint32_t u = (uint32_t)imm;
    return (u >> 12 & 1) << 31 | (u >> 5 & 0x3f) << 25 | a << 22 | d << 19 | (u >> 1 & 15) << 15 | (u >> 11 & 1) << 14 |
           CODE(code);
}

static uint32_t two(uint32_t code, uint32_t d, uint32_t low, uint32_t high)
{
    return low << 23 | high << 13 | d << 12 | code << 3 | 7;
}

static uint32_t many(uint32_t d, uint32_t a, uint32_t b, uint32_t c, uint32_t e, uint32_t m)
{
    return e << 29 | c << 26 | b << 23 | a << 20 | d << 17 | m << 12 | 1u << 11 | CODE(13);
}

static uint32_t small(uint32_t code, uint32_t d, uint32_t imm)
{
    return imm << 11 | d << 8 | code << 2 | 1;
}

/* ---- Tests ---- */

static void reset_values_are_those_of_the_description(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    assert_int_equal(cpu.state.mode, TOY_MODE_M);
    assert_int_equal(cpu.state.flag, 1);
    assert_int_equal(cpu.state.half, 0x1234);
    assert_int_equal(cpu.state.csr.status, 0xffff & 0x7); /* stored fields only */
    assert_int_equal(cpu.state.csr.keep[3], 0x77);
    assert_int_equal(cpu.state.csr.hidden, 3);
}

static void registers_are_read_and_written(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = 40;
    cpu.state.r[2] = 2;
    assert_int_equal(step(&cpu, op(1, 3, 1, 2, 0)), NEXT_WAY);
    assert_int_equal(cpu.state.r[3], 42);
    assert_int_equal(cpu.state.pc, 0x1004);
    step(&cpu, op(2, 3, 1, 0, 255));
    assert_int_equal(cpu.state.r[3], 295);
    step(&cpu, wide(3, 4, 1, -42));
    assert_int_equal(cpu.state.r[4], UINT64_C(-2));
}

static void writes_to_the_zero_register_are_dropped(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = 40;
    step(&cpu, op(1, 0, 1, 1, 0));
    assert_int_equal(cpu.state.r[0], 0);
    step(&cpu, op(6, 0, 1, 0, 0)); /* reads d too: no spare element */
    assert_int_equal(cpu.state.r[0], 0);
    step(&cpu, op(6, 1, 1, 0, 0));
    assert_int_equal(cpu.state.r[1], 80);
    step(&cpu, op(12, 0, 0, 0, 0)); /* the call's effect stays */
    assert_int_equal(cpu.next_number, 1);
    assert_int_equal(cpu.state.r[0], 0);
}

static void branches_are_direct_and_calls_indirect(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = UINT64_C(-5);
    cpu.state.r[2] = 3;
    assert_int_equal(step(&cpu, wide(4, 1, 2, -64)), DIRECT_WAY);
    assert_int_equal(cpu.state.pc, 0x1000 - 64);
    assert_int_equal(step(&cpu, wide(4, 2, 1, -64)), FALL_WAY);
    assert_int_equal(cpu.state.pc, 0x1000 - 60);
    cpu.state.pc = 0x1000;
    assert_int_equal(step(&cpu, wide(5, 2, 2, 4094)), INDIRECT_WAY); /* a == d: the target is of before */
    assert_int_equal(cpu.state.pc, (3 + 4094) & ~1);
    assert_int_equal(cpu.state.r[2], 0x1004);
}

static void what_follows_a_jump_happens_before_it(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = 7;
    assert_int_equal(step(&cpu, wide(7, 2, 1, 16)), DIRECT_WAY);
    assert_int_equal(cpu.state.pc, 0x1010);
    assert_int_equal(cpu.state.r[2], 7);

    cpu = new_cpu();
    cpu.state.r[2] = 0x5000;
    assert_int_equal(step(&cpu, wide(8, 2, 0, 16)), INDIRECT_WAY);
    assert_int_equal(cpu.state.pc, 0x1010);
    cpu.state.r[1] = 1;
    assert_int_equal(step(&cpu, wide(8, 2, 1, 16)), INDIRECT_WAY);
    assert_int_equal(cpu.state.pc, 0x5000);
    assert_int_equal(step(&cpu, wide(8, 1, 2, 16)), FALL_WAY);
    assert_int_equal(cpu.state.pc, 0x5004);
    assert_int_equal(cpu.state.r[7], 3);
}

static void traps_leave_everything_as_it_was(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = 60;
    cpu.memory[60] = 0xff;
    cpu.memory[63] = 0x80;
    assert_int_equal(step(&cpu, wide(9, 2, 1, 0)), NEXT_WAY);
    assert_int_equal(cpu.state.r[2], UINT64_C(0xffffffff800000ff));
    assert_int_equal(step(&cpu, wide(9, 2, 1, 2)), TRAP_WAY);
    assert_int_equal(cpu.trap.cause, TOY_EXCEPTION_ODD);
    assert_int_equal(cpu.trap.tval, 62);
    assert_int_equal(cpu.state.r[2], UINT64_C(0xffffffff800000ff));
    assert_int_equal(cpu.state.pc, 0x1004);
    assert_int_equal(step(&cpu, wide(10, 2, 1, 0)), TRAP_WAY); /* the second load of a pair */
    assert_int_equal(cpu.trap.tval, 64);
    assert_int_equal(step(&cpu, wide(10, 2, 1, -4)), NEXT_WAY);
    assert_int_equal(cpu.state.r[2], UINT64_C(0x800000ff00000000));
    cpu.state.r[1] = 8;
    cpu.state.r[2] = 0x0102030405060708;
    assert_int_equal(step(&cpu, wide(11, 2, 1, 4)), NEXT_WAY);
    assert_int_equal(cpu.memory[12], 8);
    cpu.state.r[1] = 9;
    assert_int_equal(step(&cpu, wide(11, 2, 1, 4)), TRAP_WAY);
    assert_int_equal(cpu.trap.tval, 13);
}

static void each_trap_has_its_code_and_value(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    assert_int_equal(step(&cpu, op(19, 0, 0, 0, 0)), TRAP_WAY);
    assert_int_equal(cpu.trap.cause, 4);
    assert_int_equal(cpu.trap.tval, 55);
    step(&cpu, op(19, 0, 0, 0, 1));
    assert_int_equal(cpu.trap.cause, 5);
    assert_int_equal(cpu.trap.tval, 0x1000);
    step(&cpu, op(19, 0, 0, 0, 2));
    assert_int_equal(cpu.trap.cause, 11);
    assert_int_equal(cpu.trap.tval, 0x1000);
    step(&cpu, op(19, 0, 0, 0, 3));
    assert_int_equal(cpu.trap.cause, 2);
    assert_int_equal(cpu.trap.tval, op(19, 0, 0, 0, 3));
}

static void five_small_operands_and_two_wide_ones_fit(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    for (unsigned i = 1; i < 8; i++) {
        cpu.state.r[i] = UINT64_C(1) << (8 * i);
    }
    step(&cpu, many(1, 2, 3, 4, 5, 0x1f));
    assert_int_equal(cpu.state.r[1], UINT64_C(0x0000010101011f) * 0 + (UINT64_C(1) << 16 | UINT64_C(1) << 24) +
                                         (UINT64_C(1) << 32 | UINT64_C(1) << 40) + 0x1f);
    step(&cpu, two(14, 1, 0x1ff, 0x200));
    assert_int_equal(cpu.state.r[5], 0x1ff);
    assert_int_equal(cpu.state.r[6], UINT64_C(-512));
    assert_int_equal(cpu.state.r[7], 0x1ff << 10 | 0x200);
}

static void wide_products_are_exact(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = UINT64_C(-3);
    cpu.state.r[2] = UINT64_C(1) << 63;
    step(&cpu, op(15, 3, 1, 2, 0));
    assert_int_equal(cpu.state.r[3], 1);
    assert_int_equal((uint64_t)cpu.state.acc, UINT64_C(1) << 63);
    assert_int_equal(cpu.state.half, 0);
}

static void division_and_shifts_are_total(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = UINT64_C(1) << 63;
    cpu.state.r[2] = UINT64_C(-1);
    step(&cpu, op(17, 3, 1, 2, 0));
    assert_int_equal(cpu.state.r[3], UINT64_C(1) << 63);
    step(&cpu, op(17, 3, 1, 0, 0));
    assert_int_equal(cpu.state.r[3], ~(UINT64_C(1) << 63));
    cpu.state.r[2] = 64;
    step(&cpu, op(18, 3, 1, 2, 0));
    assert_int_equal(cpu.state.r[3], (UINT64_C(1) << 63) + 0 + UINT64_MAX);
    cpu.state.r[2] = 63;
    step(&cpu, op(18, 3, 1, 2, 0));
    assert_int_equal(cpu.state.r[3], 0 + 1 + UINT64_MAX);
}

static void calls_happen_in_the_written_order(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.next_number = 20;
    cpu.state.r[1] = 4;
    step(&cpu, op(20, 0, 1, 0, 0));
    assert_int_equal(cpu.note_count, 2);
    assert_int_equal(cpu.notes[0], 42);
    assert_int_equal(cpu.notes[1], 4); /* flag 0: pick 0 */
    cpu.state.r[1] = 5;
    step(&cpu, op(20, 0, 1, 0, 0));
    assert_int_equal(cpu.state.flag, 1);
    assert_int_equal(cpu.notes[3], ~UINT64_C(5));
}

static void mode_changes_end_the_block(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    assert_int_equal(step(&cpu, op(21, 0, 0, 0, 0)), END_WAY);
    assert_int_equal(cpu.state.mode, TOY_MODE_U);
    assert_int_equal(cpu.status_changes, 1);
    assert_int_equal(step(&cpu, op(21, 0, 0, 0, 0)), TRAP_WAY);
    assert_int_equal(cpu.trap.tval, op(21, 0, 0, 0, 0)); /* raised in a function, filled in by the engine */
    assert_int_equal(step(&cpu, op(22, 0, 0, 0, 0)), END_WAY);
    assert_true(cpu.halted);
    assert_int_equal(step(&cpu, op(23, 0, 0, 0, 0)), NEXT_WAY);
}

static void counts_and_loops_give_the_right_numbers(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    step(&cpu, op(24, 1, 0, 0, 255));
    assert_int_equal(cpu.state.r[1], 255 * 256 / 2 + 7);
    cpu.state.r[1] = 0x12340;
    step(&cpu, op(26, 2, 1, 0, 6));
    assert_int_equal(cpu.state.r[2], 5 + 47 * 256 + 6 * 65536);
    assert_int_equal(cpu.state.w[0], 0x4023);
    assert_int_equal(cpu.state.w[1], 1);
    step(&cpu, op(16, 2, 1, 0, 0xff));
    assert_int_equal(cpu.state.w[2], 0xbf);
    assert_int_equal(cpu.state.w[3], 0x80be);
    assert_int_equal(cpu.state.r[2], UINT64_C(0xffffffffffff817d));
}

static void fields_are_stored_raw_by_bodies(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    cpu.state.r[1] = 2;
    cpu.state.r[2] = 3;
    step(&cpu, op(27, 3, 1, 2, 0));
    assert_int_equal(toy_status_LEVEL(&cpu.state), 2);
    assert_int_equal(cpu.state.csr.keep[3], 2);
    assert_int_equal(cpu.state.r[3], (4 | 2 | 2 << 4 | 1 << 8) | (2 ^ 1));
    assert_int_equal(toy_keep_HIGH(&cpu.state, 1), 5);
    assert_int_equal(toy_keep_LOW(&cpu.state, 1), 0x77);
}

static void software_writes_obey_the_fields_rules(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    uint64_t value;
    assert_true(toy_csr_write(&cpu, 0x10, 0xabcd0002));
    assert_true(toy_csr_read(&cpu, 0x10, &value));
    assert_int_equal(value, 0xabcd0000 | 1 << 8 | 2 << 4 | 4 | 2);
    assert_int_equal(cpu.note_count, 1);       /* after */
    assert_true(toy_csr_write(&cpu, 0x10, 1)); /* level 1 is not legal */
    assert_true(toy_csr_read(&cpu, 0x10, &value));
    assert_int_equal(value, 1 << 8 | 2 << 4 | 4 | 2);
    assert_true(toy_csr_write(&cpu, 0x11, ~UINT64_C(3))); /* through the window: level 0 only */
    assert_int_equal(cpu.state.csr.status, 4);
    assert_int_equal(cpu.note_count, 3);
    assert_true(toy_csr_read(&cpu, 0x11, &value));
    assert_int_equal(value, 0);
}

static void access_rules_come_before_reads_and_writes(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    uint64_t value;
    cpu.state.mode = TOY_MODE_U;
    assert_true(toy_csr_read(&cpu, 0x10, &value));
    assert_false(toy_csr_write(&cpu, 0x10, 0));
    assert_int_equal(cpu.trap.cause, TOY_EXCEPTION_ILLEGAL);
    assert_false(toy_csr_read(&cpu, 0x12, &value)); /* nobody's number */
    assert_true(cpu.trap.wants_encoding);
    assert_true(toy_csr_read(&cpu, 0x30, &value));
    assert_int_equal(value, 1 + 3);
    cpu.features = HAS(BIT(BASE));
    assert_false(toy_csr_read(&cpu, 0x30, &value));
}

static void arrays_know_their_index(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    uint64_t value;
    assert_true(toy_csr_write(&cpu, 0x22, UINT64_MAX - 1));
    assert_true(toy_csr_read(&cpu, 0x22, &value));
    assert_int_equal(value, UINT64_C(0x1ffffffffff)); /* declared fields only */
    assert_true(toy_csr_write(&cpu, 0x23, 5));
    assert_true(toy_csr_read(&cpu, 0x23, &value));
    assert_int_equal(value, 0x77);
    assert_false(toy_csr_read(&cpu, 0x24, &value));
    assert_int_equal(step(&cpu, two(25, 0, 17, 0x21)), END_WAY);
    assert_int_equal(cpu.state.r[1], 0x77);
    assert_int_equal(cpu.state.csr.keep[1], 18);
    assert_int_equal(step(&cpu, two(25, 0, 17, 100)), TRAP_WAY);
    assert_int_equal(step(&cpu, two(25, 0, 17, 99)), TRAP_WAY);
    assert_int_equal(cpu.trap.tval, two(25, 0, 17, 99));
}

static void decoding_depends_on_the_extensions(void **test)
{
    (void)test;
    struct toy_features none = HAS(0);
    struct toy_features base = HAS(BIT(BASE));
    struct toy_features both = HAS(BIT(BASE) | BIT(OTHER));
    struct toy_decoded decoded;
    assert_false(toy_decode(op(1, 1, 2, 3, 0), &none, &decoded));
    assert_true(toy_decode(op(1, 1, 2, 3, 0), &base, &decoded));
    assert_int_equal(decoded.insn, TOY_INSN_ADD);
    assert_false(toy_decode(op(1, 1, 2, 3, 1), &base, &decoded)); /* n is fixed */
    assert_true(toy_decode(op(1, 1, 2, 2, 0), &base, &decoded));
    assert_int_equal(decoded.insn, TOY_INSN_ADD);
    assert_true(toy_decode(op(1, 1, 2, 2, 0), &both, &decoded)); /* overridden */
    assert_int_equal(decoded.insn, TOY_INSN_DOUBLE);
    assert_true(toy_decode(op(1, 1, 0, 0, 0), &both, &decoded)); /* not where a is 0 */
    assert_int_equal(decoded.insn, TOY_INSN_ADD);
    assert_true(toy_decode(op(16, 1, 2, 3, 0), &both, &decoded));
    assert_false(toy_decode(op(16, 1, 2, 3, 0), &base, &decoded));
    assert_false(toy_decode(op(500, 0, 0, 0, 0), &both, &decoded));
}

static void short_instructions_mean_what_long_ones_do(void **test)
{
    (void)test;
    struct toy_cpu cpu = new_cpu();
    struct toy_decoded decoded;
    assert_true(toy_decode(0xdead0000 | small(1, 3, 0x1f), &cpu.features, &decoded));
    assert_int_equal(decoded.insn, TOY_INSN_T_ADDI);
    assert_int_equal(decoded.meaning, TOY_INSN_ADDI);
    assert_int_equal(decoded.length, 2);
    assert_int_equal(decoded.encoding, small(1, 3, 0x1f));
    assert_int_equal(decoded.imm, -1);
    assert_false(toy_decode(small(1, 3, 0), &cpu.features, &decoded));
    step(&cpu, small(1, 3, 0x10));
    assert_int_equal(cpu.state.r[3], UINT64_C(-16));
    assert_int_equal(cpu.state.pc, 0x1002);
    step(&cpu, small(2, 3, 7));
    assert_int_equal(cpu.state.pc, UINT64_C(-10));
    assert_int_equal(cpu.state.r[1], 0x1004); /* its own length */
    step(&cpu, small(3, 3, 31));
    assert_int_equal(cpu.state.r[3], UINT64_C(-16) + 248);
    step(&cpu, small(1, 0, 3)); /* to the zero register */
    assert_int_equal(cpu.state.r[0], 0);
}

static void effects_say_what_ends_a_block(void **test)
{
    (void)test;
    assert_false(toy_insn_info[TOY_INSN_ADD].ends_block);
    assert_true(toy_insn_info[TOY_INSN_BRANCH].ends_block);
    assert_true(toy_insn_info[TOY_INSN_HALT].ends_block);
    assert_false(toy_insn_info[TOY_INSN_LW].ends_block);
    assert_int_equal(toy_insn_info[TOY_INSN_LW].effects & TOY_EFFECT_TRAPS, TOY_EFFECT_TRAPS);
    assert_int_equal(toy_insn_info[TOY_INSN_T_ADDI].size, 2);
    assert_string_equal(toy_insn_info[TOY_INSN_T_ADDI].name, "t.addi");
}

static void disassembles_to(uint32_t bits, const char *expected)
{
    const struct toy_features features = HAS(ALL);
    char text[80];
    toy_disassemble(text, sizeof text, bits, 0x1000, &features);
    assert_string_equal(text, expected);
}

static void assembly_text_is_as_described(void **test)
{
    (void)test;
    disassembles_to(op(1, 1, 2, 3, 0), "add     one, two, three");
    disassembles_to(op(2, 1, 2, 0, 9), "addn    one, two, 9");
    disassembles_to(wide(3, 1, 2, -6), "addi    one, two, -6");
    disassembles_to(wide(4, 1, 2, -16), "branch  one, two, 0xff0");
    disassembles_to(wide(9, 1, 2, 0xabc), "lw      one, 0xabc(two)");
    disassembles_to(op(6, 1, 2, 0, 0), "accumulate");
    disassembles_to(two(25, 0, 17, 0x10), "swap    status, 17");
    disassembles_to(two(25, 0, 17, 0x23), "swap    keep5, 17");
    disassembles_to(two(25, 0, 17, 0x60), "swap    0x60, 17");
    disassembles_to(op(28, 1, 0, 1, 0), "op.half one, w1");
    disassembles_to(op(28, 1, 0, 2, 0), "op.2    one, w1");
    disassembles_to(op(28, 1, 0, 3, 0), "op.double word one, w1");
    disassembles_to(small(1, 3, 0x1f), "t.addi  three, -1");
    disassembles_to(op(500, 0, 0, 0, 0), ".4byte  0x000007d3");
    disassembles_to(0xffff0000u | small(60, 0, 0), ".2byte  0x00f1");
}

static void text_that_does_not_fit_is_cut_and_terminated(void **test)
{
    (void)test;
    const struct toy_features features = HAS(ALL);
    char text[8];
    memset(text, 'x', sizeof text);
    assert_int_equal(toy_disassemble(text, 4, op(1, 1, 2, 3, 0), 0, &features), 4);
    assert_memory_equal(text, "add\0xxxx", 8);
    assert_int_equal(toy_disassemble(text, 1, small(1, 3, 1), 0, &features), 2);
    assert_int_equal(text[0], 0);
    assert_int_equal(toy_disassemble(text, 0, small(1, 3, 1), 0, &features), 2);
}

static void extensions_have_names_and_needs(void **test)
{
    (void)test;
    const struct toy_features none = HAS(0);
    const struct toy_features base = HAS(BIT(BASE));
    assert_string_equal(toy_extension_name(TOY_EXT_EXTRA), "extra");
    assert_string_equal(toy_extension_title(TOY_EXT_EXTRA), "Wide numbers");
    assert_true(toy_extension_needs_met(&none, TOY_EXT_BASE));
    assert_false(toy_extension_needs_met(&none, TOY_EXT_EXTRA));
    assert_true(toy_extension_needs_met(&base, TOY_EXT_EXTRA));
    assert_string_equal(toy_csr_name(0x20), "keep2");
    assert_null(toy_csr_name(0x24));
}

/* The table of members covers the state: as many bytes as its members have, spare elements and padding aside. */
static void the_field_table_is_complete(void **test)
{
    (void)test;
    size_t bits = 0;
#define F(member, width, count) bits += (width) * (size_t)(count);
    TOY_STATE_FIELDS(F)
#undef F
    assert_int_equal(bits, 64 + 8 + 8 * 64 + 4 * 16 + 128 + 8 + 32 + 64 * (1 + 4 + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_values_are_those_of_the_description),
        cmocka_unit_test(registers_are_read_and_written),
        cmocka_unit_test(writes_to_the_zero_register_are_dropped),
        cmocka_unit_test(branches_are_direct_and_calls_indirect),
        cmocka_unit_test(what_follows_a_jump_happens_before_it),
        cmocka_unit_test(traps_leave_everything_as_it_was),
        cmocka_unit_test(each_trap_has_its_code_and_value),
        cmocka_unit_test(five_small_operands_and_two_wide_ones_fit),
        cmocka_unit_test(wide_products_are_exact),
        cmocka_unit_test(division_and_shifts_are_total),
        cmocka_unit_test(calls_happen_in_the_written_order),
        cmocka_unit_test(mode_changes_end_the_block),
        cmocka_unit_test(counts_and_loops_give_the_right_numbers),
        cmocka_unit_test(fields_are_stored_raw_by_bodies),
        cmocka_unit_test(software_writes_obey_the_fields_rules),
        cmocka_unit_test(access_rules_come_before_reads_and_writes),
        cmocka_unit_test(arrays_know_their_index),
        cmocka_unit_test(decoding_depends_on_the_extensions),
        cmocka_unit_test(short_instructions_mean_what_long_ones_do),
        cmocka_unit_test(effects_say_what_ends_a_block),
        cmocka_unit_test(assembly_text_is_as_described),
        cmocka_unit_test(text_that_does_not_fit_is_cut_and_terminated),
        cmocka_unit_test(extensions_have_names_and_needs),
        cmocka_unit_test(the_field_table_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
