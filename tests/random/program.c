/* SPDX-License-Identifier: Apache-2.0 */
#include "maker.h"

#include "../splitmix.h"

#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers that mean the same on every machine and that the trap handler does not use. */
static const uint16_t safe_csrs[] = { 0x001, 0x002, 0x003, 0x143 /* stval */ };

uint64_t maker_random(struct maker *maker)
{
    return splitmix_next(&maker->random);
}

unsigned maker_below(struct maker *maker, unsigned limit)
{
    return (unsigned)(maker_random(maker) % limit);
}

/* -- Encoding ------------------------------------------------------------------------------------------------------ */

void maker_put(struct maker *maker, uint32_t bits)
{
    unsigned length = (bits & 3) == 3 ? 4 : 2;
    uint64_t offset = maker->at - PROGRAM_BASE;
    CHECK(offset + 4 < PROGRAM_DATA - PROGRAM_DATA_SPAN - PROGRAM_BASE);
    memcpy(maker->program->bytes + offset, &bits, length);
    maker->at += length;
}

void maker_put_i(struct maker *maker, unsigned opcode, unsigned funct3, unsigned rd, unsigned rs1, uint32_t imm)
{
    maker_put(maker, (imm & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode);
}

void maker_addi(struct maker *maker, unsigned rd, unsigned rs1, uint32_t imm)
{
    maker_put_i(maker, 0x13, 0, rd, rs1, imm);
}

void maker_csrrw(struct maker *maker, unsigned rd, unsigned csr, unsigned rs1)
{
    maker_put_i(maker, 0x73, 1, rd, rs1, csr);
}

void maker_csrrs(struct maker *maker, unsigned rd, unsigned csr, unsigned rs1)
{
    maker_put_i(maker, 0x73, 2, rd, rs1, csr);
}

/* Addresses below 4 GiB: lui sign-extends, so the upper half is shifted out again. */
void maker_load_address(struct maker *maker, unsigned rd, uint64_t address)
{
    uint32_t low = (uint32_t)address & 0xfff;
    uint32_t high = ((uint32_t)address + 0x800) & 0xfffff000;
    maker_put(maker, high | rd << 7 | 0x37);
    maker_addi(maker, rd, rd, low);
    maker_put_i(maker, 0x13, 1, rd, rd, 32); /* slli rd, rd, 32 */
    maker_put_i(maker, 0x13, 5, rd, rd, 32); /* srli rd, rd, 32 */
}

static void set_field(const struct isa_format *format, uint32_t *bits, const char *name, uint64_t value)
{
    for (const struct isa_piece *piece = format->pieces; piece != NULL; piece = piece->next) {
        if (piece->field != NULL && strcmp(piece->field->name, name) == 0) {
            uint32_t mask = (uint32_t)((UINT64_C(1) << piece->length) - 1);
            *bits &= ~(mask << piece->at);
            *bits |= ((uint32_t)(value >> piece->low) & mask) << piece->at;
        }
    }
}

/* -- One random instruction ---------------------------------------------------------------------------------------- */

static bool is_memory(const struct isa_instruction *instruction)
{
    return (instruction->effects & (ISA_EFFECT_READS_MEMORY | ISA_EFFECT_WRITES_MEMORY)) != 0;
}

static bool jumps(const struct isa_instruction *instruction)
{
    return (instruction->effects & ISA_EFFECT_JUMPS) != 0;
}

static bool has_field(const struct isa_format *format, const char *name)
{
    for (const struct isa_field *field = format->fields; field != NULL; field = field->next) {
        if (strcmp(field->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Left out, each with its reason. */
static bool excluded(const struct isa_instruction *instruction)
{
    static const char *const names[] = {
        "mret",       "sret",                                            /* leave the program */
        "wfi",        "wrs.nto",    "wrs.sto",                           /* wait: nothing will come */
        "sfence.vma", "sinval.vma", "sfence.w.inval", "sfence.inval.ir", /* no paging here */
        "cbo.inval",            /* may drop data on one machine and not on the other */
        "c.jr",       "c.jalr", /* random register: jalr stands for them */
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(instruction->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Random operand bits that the decoder accepts as this very instruction; false: not found (rare operands). */
static bool fill_operands(struct maker *maker, const struct isa_instruction *instruction, uint32_t *bits)
{
    for (int attempt = 0; attempt < 200; attempt++) {
        uint32_t free = (uint32_t)maker_random(maker);
        uint32_t mask = instruction->format->size == 16 ? 0xffff : 0xffffffff;
        uint32_t candidate = ((free & ~instruction->mask) | instruction->match) & mask;
        if (has_field(instruction->format, "rm") && maker_below(maker, 16) != 0) {
            set_field(instruction->format, &candidate, "rm", maker_below(maker, 2) ? 7 : maker_below(maker, 5));
        }
        if (has_field(instruction->format, "csr")) {
            set_field(instruction->format, &candidate, "csr", maker->csrs[maker_below(maker, maker->csr_count)]);
        }
        struct riscv_decoded decoded;
        bool is_reserved = (maker->reserved >> (candidate >> 7 & 31) & 1) != 0; /* rd, where there is one */
        if (!is_reserved && riscv_decode(candidate, maker->features, &decoded) && decoded.insn == instruction->number) {
            *bits = candidate;
            return true;
        }
    }
    return false;
}

/* Both base registers, near the middle of the data area; one time in eight misaligned. */
static void set_bases(struct maker *maker)
{
    uint64_t base = PROGRAM_DATA - 512 + (maker_below(maker, 1024) & ~UINT64_C(15));
    if (maker_below(maker, 8) == 0) {
        base += maker_below(maker, 16);
    }
    if (maker->elsewhere != 0 && maker_below(maker, 48) == 0) {
        base = maker->elsewhere + maker_below(maker, 64) * 8;
    }
    maker_load_address(maker, REG_BASE, base);
    maker_addi(maker, REG_SP, REG_BASE, maker_below(maker, 64) * 16);
}

/* Whether SC pairs with an LR of another size is the implementation's choice (volume I, "Load-Reserved/
 * Store-Conditional"), so each SC follows an LR of its own size, and every other one a second time: that one fails. */
static void put_store_conditional(struct maker *maker, uint32_t bits)
{
    uint32_t load_reserved = (bits & UINT32_C(0x000ff07f)) | UINT32_C(2) << 27;
    maker_put(maker, load_reserved);
    maker_put(maker, bits);
    set_bases(maker);
    if (maker_below(maker, 2) == 0) {
        maker_put(maker, bits);
    }
}

static void put_memory(struct maker *maker, const struct isa_instruction *instruction, uint32_t bits)
{
    set_bases(maker);
    if (instruction->format->size == 32) {
        bits = (bits & ~(UINT32_C(31) << 15)) | REG_BASE << 15;
    } else if ((bits & 3) == 0) {
        bits &= ~(UINT32_C(7) << 7); /* x8 is number 0 of the eight registers that compressed forms can name */
    }
    struct riscv_decoded decoded;
    if (strncmp(instruction->name, "sc.", 3) == 0) {
        put_store_conditional(maker, bits);
    } else if (riscv_decode(bits, maker->features, &decoded) && decoded.insn == instruction->number) {
        maker_put(maker, bits);
    }
}

/* A jump over one four-byte instruction, which sometimes runs and sometimes does not. */
static void put_jump(struct maker *maker, const struct isa_instruction *instruction, uint32_t bits)
{
    unsigned length = instruction->format->size / 8;
    if (strcmp(instruction->name, "jalr") == 0) {
        maker_put(maker, (uint32_t)REG_LINK << 7 | 0x17); /* auipc REG_LINK, 0 */
        bits = (bits & ~(UINT32_C(31) << 15)) | REG_LINK << 15;
        set_field(instruction->format, &bits, "imm", 12);
    } else {
        set_field(instruction->format, &bits, "imm", length + 4);
    }
    maker_put(maker, bits);
    maker_addi(maker, 9 + maker_below(maker, 17), maker_below(maker, 32), (uint32_t)maker_random(maker));
}

void maker_put_random(struct maker *maker)
{
    const struct isa_instruction *instruction = maker->choices[maker_below(maker, (unsigned)maker->choice_count)];
    uint32_t bits;
    if (!fill_operands(maker, instruction, &bits)) {
        return;
    }
    if (is_memory(instruction)) {
        put_memory(maker, instruction, bits);
    } else if (jumps(instruction)) {
        put_jump(maker, instruction, bits);
    } else {
        maker_put(maker, bits);
    }
}

/* -- The whole program --------------------------------------------------------------------------------------------- */

static const uint64_t interesting[] = {
    0,
    1,
    2,
    UINT64_MAX,
    INT64_MAX,
    (uint64_t)INT64_MIN,
    INT32_MAX,
    (uint64_t)INT32_MIN,
    UINT32_MAX,
    0x7ff0000000000000,
    0xfff0000000000000,
    0x7ff8000000000000,
    0x7ff0000000000001,
    0x3ff0000000000000,
    0xbff0000000000000,
    0x0010000000000000,
    0x000fffffffffffff,
    0x0000000000000001,
    0x8000000000000000,
    0x7fefffffffffffff,
    0x43e0000000000000,
    0xc3e0000000000000,
    0x41dfffffffc00000,
    0xffffffff7f800000,
    0xffffffffff800000,
    0xffffffff7fc00000,
    0xffffffff7f800001,
    0xffffffff3f800000,
    0xffffffff00800000,
    0xffffffff007fffff,
    0xffffffff00000001,
    0xffffffff7f7fffff,
    0xffffffff5f000000,
    0xffffffff4f000000,
    0xffffffffffff7c00,
    0xfffffffffffffc00,
    0xffffffffffff7e00,
    0xffffffffffff7c01,
    0xffffffffffff3c00,
    0xffffffffffff0400,
    0xffffffffffff03ff,
    0xffffffffffff0001,
    0xffffffffffff7bff,
    0xffffffffffff8000,
};

static uint64_t random_value(struct maker *maker)
{
    uint64_t value = maker_random(maker);
    switch (maker_below(maker, 6)) {
    case 0: return value;
    case 1: return value | UINT64_C(0xffffffff00000000);
    case 2: return value | UINT64_C(0xffffffffffff0000);
    case 3: return value >> maker_below(maker, 64);
    default: return interesting[maker_below(maker, sizeof interesting / sizeof interesting[0])];
    }
}

void maker_fill_data(struct maker *maker)
{
    uint64_t start = PROGRAM_DATA - PROGRAM_DATA_SPAN - PROGRAM_BASE;
    for (uint64_t offset = 0; offset < 2 * PROGRAM_DATA_SPAN; offset += 8) {
        uint64_t value = random_value(maker);
        memcpy(maker->program->bytes + start + offset, &value, sizeof value);
    }
}

/* Steps over the instruction at mepc: 2 bytes if the low two bits of its first parcel are not 11. */
static void put_trap_handler(struct maker *maker)
{
    maker_csrrw(maker, REG_T6, CSR_MSCRATCH, REG_T6);
    maker_csrrw(maker, 0, CSR_SSCRATCH, REG_T5);
    maker_csrrs(maker, REG_T5, CSR_MEPC, 0);
    maker_put_i(maker, 0x03, 5, REG_T6, REG_T5, 0); /* lhu t6, 0(t5) */
    maker_put_i(maker, 0x13, 7, REG_T6, REG_T6, 3); /* andi t6, t6, 3 */
    maker_addi(maker, REG_T6, REG_T6, (uint32_t)-3);
    maker_put(maker, (uint32_t)REG_T6 << 20 | 3 << 12 | REG_T6 << 7 | 0x33); /* sltu t6, zero, t6 */
    maker_put_i(maker, 0x13, 1, REG_T6, REG_T6, 1);                          /* slli t6, t6, 1 */
    maker_put(maker,
              UINT32_C(0x20) << 25 | (uint32_t)REG_T6 << 20 | REG_T5 << 15 | REG_T5 << 7 | 0x33); /* sub t5, t5, t6 */
    maker_addi(maker, REG_T5, REG_T5, 4);
    maker_csrrw(maker, 0, CSR_MEPC, REG_T5);
    maker_csrrs(maker, REG_T5, CSR_SSCRATCH, 0);
    maker_csrrw(maker, REG_T6, CSR_MSCRATCH, REG_T6);
    maker_put(maker, 0x30200073); /* mret */
}

static void put_prologue(struct maker *maker)
{
    uint64_t handler = PROGRAM_BASE + 0x40;
    uint64_t body = PROGRAM_BASE + 0x100;
    maker_put(maker,
              (uint32_t)(body - maker->at) << 20 | 0x6f); /* jal zero, body: below 2 KiB, bits 10:1 are in order */
    maker->at = handler;
    put_trap_handler(maker);
    CHECK(maker->at <= body);
    maker->at = body;
    maker_load_address(maker, 6, handler);
    maker_csrrw(maker, 0, CSR_MTVEC, 6);
    maker_load_address(maker, 6, 0x7800); /* mstatus: FS dirty, MPP machine */
    maker_csrrw(maker, 0, CSR_MSTATUS, 6);
    maker_load_address(maker, 6, 0xf0); /* menvcfg: cache-block instructions permitted */
    maker_csrrw(maker, 0, CSR_MENVCFG, 6);
    maker_csrrw(maker, 0, CSR_FFLAGS + 2, 0);
    maker_csrrw(maker, 0, CSR_MSCRATCH, 0);
    maker_csrrw(maker, 0, CSR_SSCRATCH, 0);
    for (size_t i = 0; i < sizeof safe_csrs / sizeof safe_csrs[0]; i++) {
        maker_csrrw(maker, 0, safe_csrs[i], 0);
    }
    maker_load_address(maker, REG_BASE, PROGRAM_DATA);
    for (unsigned i = 0; i < 32; i++) { /* fld f, 8i(base), then ld x, -8i(base) */
        maker_put_i(maker, 0x07, 3, i, REG_BASE, i * 8);
    }
    for (unsigned i = 1; i < 32; i++) {
        if (i != REG_BASE) {
            maker_put_i(maker, 0x03, 3, i, REG_BASE, (uint32_t)-8 * i);
        }
    }
    maker->program->first = maker->at;
}

static void put_epilogue(struct maker *maker)
{
    for (uint64_t offset = 0; offset < 2 * PROGRAM_DATA_SPAN; offset += 2048) {
        maker_load_address(maker, REG_BASE, PROGRAM_DATA - PROGRAM_DATA_SPAN + offset);
        for (unsigned i = 0; i < 256; i++) {
            maker_put_i(maker, 0x03, 3, 9 + i % 16, REG_BASE, i * 8);
        }
    }
    maker_load_address(maker, 6, 0x5555);
    maker_load_address(maker, 7, 0x100000);
    maker->program->end = maker->at;
    maker_put(maker, UINT32_C(6) << 20 | 7 << 15 | 2 << 12 | 0x23); /* sw t1, 0(t2) */
    maker_put(maker, 0x6f);                                         /* j . */
}

void maker_collect_choices(struct maker *maker)
{
    maker->choices = check_alloc(maker->machine->instruction_count * sizeof *maker->choices);
    for (const struct isa_instruction *i = maker->machine->instructions; i != NULL; i = i->next) {
        if (!excluded(i)) {
            maker->choices[maker->choice_count++] = i;
        }
    }
}

void program_make(struct program *program, const struct isa_machine *machine, const struct riscv_features *features,
                  uint64_t seed, unsigned count)
{
    program->size = PROGRAM_DATA + PROGRAM_DATA_SPAN - PROGRAM_BASE;
    program->bytes = check_alloc(program->size);
    struct maker maker = { .program = program,
                           .machine = machine,
                           .features = features,
                           .at = PROGRAM_BASE,
                           .random = seed,
                           .csrs = safe_csrs,
                           .csr_count = sizeof safe_csrs / sizeof safe_csrs[0] };
    maker_collect_choices(&maker);
    maker_fill_data(&maker);
    put_prologue(&maker);
    for (unsigned i = 0; i < count; i++) {
        maker_put_random(&maker);
    }
    put_epilogue(&maker);
    free(maker.choices);
}

void program_free(struct program *program)
{
    free(program->bytes);
}
