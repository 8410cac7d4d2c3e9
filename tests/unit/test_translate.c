/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction of the description, translated to IR and evaluated, against the interpreter: three machines in the
 * same state do one instruction, the first by the interpreter, the second by its IR as built, the third by its IR after
 * all passes. Registers, flags, memory, the trap taken and the retired count must agree.
 *
 * Encodings and states are random with a leaning towards edges; the seed is printed, RAVELIN_SEED sets it, and
 * RAVELIN_ROUNDS says how many encodings of each instruction are tried.
 */
#include "../splitmix.h"
#include "test_riscv_fixture.h"

#include "arch/riscv/cpu_model.h"
#include "engine/interp/interp.h"
#include "engine/jit/ir_evaluate.h"
#include "engine/jit/ir_internal.h"
#include "engine/jit/translation.h"
#include "isa/read.h"
#include "riscv_functions.h"

#include <inttypes.h>
#include <time.h>

#define CODE_PAGE        (RAM_BASE + 0x10000)
#define DATA             (RAM_BASE + 0x100000)
#define DATA_SIZE        UINT64_C(0x8000)
#define HANDLER          (RAM_BASE + 0x40000)
#define STATES_A_ROUND   8u
#define ROUNDS           24u
#define DIFFERENCES_SHOW 12u
#define FS_DIRTY         3u

enum { BY_INTERPRETER, BY_IR, BY_OPTIMIZED_IR, MACHINE_COUNT };

static struct {
    struct isa_machine *machine; /* the description */
    struct fixture fixtures[MACHINE_COUNT];
    uint64_t random;
    unsigned differences;
    struct {
        unsigned tried, translated, given_back; /* given_back: translated, but a guard gave a run to the interpreter */
    } counts[RISCV_INSN_COUNT];
} test;

/* One instruction in one state. */
struct trial {
    const struct isa_instruction *instruction;
    uint64_t pc;
    uint32_t bits;
    struct riscv_facts facts;
};

static uint64_t next_random(void)
{
    return splitmix_next(&test.random);
}

static unsigned below(unsigned limit)
{
    return (unsigned)(next_random() % limit);
}

/* -- What the region builder does for an instruction that jumps, without a region ---------------------------------- */

void translation_jump(struct riscv_translation *translation, uint64_t target)
{
    ir_exit(translation->block, target, translation->count + 1);
}

void translation_branch(struct riscv_translation *translation, struct ir_value *taken, uint64_t target)
{
    struct ir_region *region = translation->block->region;
    struct ir_block *there = ir_add_block(region, target);
    struct ir_block *next = ir_add_block(region, translation->next_pc);
    ir_exit(there, target, 0);
    ir_exit(next, translation->next_pc, 0);
    if (ir_is_constant(taken)) {
        ir_jump(translation->block, taken->immediate != 0 ? there : next, translation->count + 1);
    } else {
        ir_branch(translation->block, taken, there, next, translation->count + 1);
    }
}

void translation_jump_indirect(struct riscv_translation *translation, struct ir_value *target)
{
    ir_exit_indirect(translation->block, target, NULL, 0, translation->count + 1);
}

struct ir_value *translation_csr_field(struct riscv_translation *translation, uint32_t slot, unsigned low,
                                       unsigned width)
{
    struct ir_block *block = translation->block;
    enum ir_type type = width <= 32 ? IR_I32 : IR_I64;
    bool float_on = translation->facts.float_on;
    if (float_on && slot == offsetof(struct riscv_cpu, state.csr.mstatus) && low == RISCV_MSTATUS_FS_SHIFT) {
        return ir_constant(block, type, FS_DIRTY);
    }
    if (float_on && slot == offsetof(struct riscv_cpu, state.csr.fcsr) && low == RISCV_FCSR_FRM_SHIFT) {
        return ir_constant(block, type, translation->facts.rounding);
    }
    struct ir_value *word = ir_get(block, IR_I64, slot);
    struct ir_value *field = ir_binary(block, IR_SHR, word, ir_constant(block, IR_I64, low));
    field = ir_binary(block, IR_AND, field, ir_constant(block, IR_I64, UINT64_MAX >> (64 - width)));
    return type == IR_I32 ? ir_unary(block, IR_TRUNC, IR_I32, field) : field;
}

/* -- Translating --------------------------------------------------------------------------------------------------- */

/* An instruction that is left to the interpreter must not have done anything before. */
static bool does_nothing(const struct ir_block *block)
{
    for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
        switch ((enum ir_effect)ir_op_table[value->op].effect) {
        case IR_EFFECT_NONE:
        case IR_EFFECT_READS:
        case IR_EFFECT_LEAVES: break;
        case IR_EFFECT_CALL:
            if (!value->callee->pure) {
                return false;
            }
            break;
        case IR_EFFECT_WRITES:
        case IR_EFFECT_MEMORY:
        case IR_EFFECT_FLOAT:
        case IR_EFFECT_END: return false;
        }
    }
    return true;
}

/* Whoever leaves for the interpreter has had no effect yet: it will run the instruction from its beginning. */
static bool leaves_in_time(const struct ir_block *block)
{
    bool has_acted = false;
    for (const struct ir_value *value = block->first; value != NULL; value = value->next) {
        enum ir_effect effect = (enum ir_effect)ir_op_table[value->op].effect;
        bool may_leave = effect == IR_EFFECT_LEAVES || (effect == IR_EFFECT_MEMORY && value->op != IR_FENCE) ||
                         (effect == IR_EFFECT_CALL && value->callee->may_trap);
        if (has_acted && may_leave) {
            return false;
        }
        has_acted = has_acted || effect == IR_EFFECT_MEMORY || effect == IR_EFFECT_WRITES ||
                    effect == IR_EFFECT_FLOAT || (effect == IR_EFFECT_CALL && !value->callee->pure);
    }
    return true;
}

static void complain(const struct trial *trial, const char *what)
{
    char text[128];
    riscv_disassemble(text, sizeof text, trial->bits, trial->pc, &test.fixtures[0].cpu->features);
    test.differences++;
    if (test.differences <= DIFFERENCES_SHOW) {
        print_message("%s: %08" PRIx32 "  %s  (float_on %u, rounding %u, mode %u)\n", what, trial->bits, text,
                      trial->facts.float_on, trial->facts.rounding, trial->facts.mode);
    }
}

/* The instruction as a region, or NULL: it is the interpreter's. */
static struct ir_region *translate(const struct trial *trial)
{
    struct ir_region *region = ir_create();
    struct riscv_translation translation = { .block = ir_add_block(region, trial->pc),
                                             .pc = trial->pc,
                                             .facts = trial->facts,
                                             .features = &test.fixtures[0].cpu->features };
    assert_true(riscv_decode(trial->bits, translation.features, &translation.decoded));
    translation.next_pc = trial->pc + translation.decoded.length;
    ir_mark(translation.block, trial->pc, 0);
    enum translation_result result = riscv_translate_instruction(&translation);
    if (result == TRANSLATION_LEFT) {
        if (!does_nothing(translation.block)) {
            complain(trial, "left to the interpreter after it has had an effect");
        }
        ir_free(region);
        return NULL;
    }
    if (result == TRANSLATION_DONE) {
        ir_exit(translation.block, translation.next_pc, 1);
    }
    if (!leaves_in_time(region->blocks)) {
        complain(trial, "may leave after it has had an effect");
    }
    return region;
}

/* -- Evaluating on a machine --------------------------------------------------------------------------------------- */

static bool evaluate_load(void *context, uint64_t address, unsigned size, uint64_t *value)
{
    return riscv_load_slow(context, address, size, value);
}

static bool evaluate_store(void *context, uint64_t address, unsigned size, uint64_t value)
{
    return riscv_store_slow(context, address, size, value);
}

static uint64_t call_pure(const struct ir_callee *callee, const uint64_t *a, unsigned count)
{
    switch (count) {
    case 1: return ((uint64_t (*)(uint64_t))callee->function)(a[0]);
    case 2: return ((uint64_t (*)(uint64_t, uint64_t))callee->function)(a[0], a[1]);
    case 3: return ((uint64_t (*)(uint64_t, uint64_t, uint64_t))callee->function)(a[0], a[1], a[2]);
    default: assert_true(false); return 0;
    }
}

static uint64_t call_plain(struct riscv_cpu *cpu, const struct ir_callee *callee, const uint64_t *a, unsigned count)
{
    switch (count) {
    case 0: return ((uint64_t (*)(void *))callee->function)(cpu);
    case 1: return ((uint64_t (*)(void *, uint64_t))callee->function)(cpu, a[0]);
    case 2: return ((uint64_t (*)(void *, uint64_t, uint64_t))callee->function)(cpu, a[0], a[1]);
    case 3: return ((uint64_t (*)(void *, uint64_t, uint64_t, uint64_t))callee->function)(cpu, a[0], a[1], a[2]);
    default:
        return ((uint64_t (*)(void *, uint64_t, uint64_t, uint64_t, uint64_t))callee->function)(cpu, a[0], a[1], a[2],
                                                                                                a[3]);
    }
}

static bool call_trapping(struct riscv_cpu *cpu, const struct ir_callee *callee, const uint64_t *a, unsigned count,
                          uint64_t *result)
{
    typedef uint64_t u;
    switch (count) {
    case 1: return ((bool (*)(void *, u, u *))callee->function)(cpu, a[0], result);
    case 2: return ((bool (*)(void *, u, u, u *))callee->function)(cpu, a[0], a[1], result);
    case 3: return ((bool (*)(void *, u, u, u, u *))callee->function)(cpu, a[0], a[1], a[2], result);
    default: return ((bool (*)(void *, u, u, u, u, u *))callee->function)(cpu, a[0], a[1], a[2], a[3], result);
    }
}

static bool evaluate_call(void *context, const struct ir_callee *callee, const uint64_t *arguments, unsigned count,
                          uint64_t *result)
{
    if (callee->may_trap) {
        return call_trapping(context, callee, arguments, count, result);
    }
    *result = callee->pure ? call_pure(callee, arguments, count) : call_plain(context, callee, arguments, count);
    return true;
}

/* With a reserved mode in fcsr nothing that rounds by it is translated; what rounds nothing may use any. */
static enum float_rounding usable_rounding(uint8_t rounding)
{
    return rounding <= FLOAT_RMM ? (enum float_rounding)rounding : FLOAT_RNE;
}

/* Does what an engine does with a region; true if the interpreter had to run the instruction after all. */
static bool run_region(struct riscv_cpu *cpu, const struct ir_region *region, const struct trial *trial)
{
    struct ir_machine machine = { .state = (uint8_t *)cpu,
                                  .state_size = sizeof *cpu,
                                  .rounding = usable_rounding(trial->facts.rounding),
                                  .context = cpu,
                                  .load = evaluate_load,
                                  .store = evaluate_store,
                                  .call = evaluate_call };
    struct riscv_state before = cpu->state;
    struct ir_outcome outcome = ir_evaluate(region, &machine, 1);
    cpu->state.csr.fcsr |= machine.flags;
    cpu->state.pc = outcome.pc;
    cpu->instructions += outcome.instructions;
    if (outcome.how == IR_LEFT_FAULT) {
        riscv_take_trap(cpu);
    } else if (outcome.how != IR_LEFT_EXIT) {
        if (memcmp(&before, &cpu->state, sizeof before) != 0) {
            complain(trial, "given back to the interpreter in another state");
        }
        interp_step(cpu);
        return true;
    }
    return false;
}

/* -- Random encodings and states ----------------------------------------------------------------------------------- */

static bool find_encoding(const struct isa_instruction *instruction, uint32_t *bits)
{
    bool wants_pinnable = strncmp(instruction->name, "csrr", 4) == 0 && below(2) == 0;
    for (int attempt = 0; attempt < 300; attempt++) {
        uint32_t mask = instruction->format->size == 16 ? 0xffff : 0xffffffff;
        uint32_t candidate = (((uint32_t)next_random() & ~instruction->mask) | instruction->match) & mask;
        if (wants_pinnable) {
            candidate = (candidate & 0xfffff) | riscv_pin_number((enum riscv_pin)below(RISCV_PIN_COUNT)) << 20;
        }
        struct riscv_decoded decoded;
        if (riscv_decode(candidate, &test.fixtures[0].cpu->features, &decoded) && decoded.insn == instruction->number) {
            *bits = candidate;
            return true;
        }
    }
    return false;
}

static const uint64_t edges[] = {
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    UINT64_MAX,
    INT64_MAX,
    (uint64_t)INT64_MIN,
    INT32_MAX,
    (uint64_t)INT32_MIN,
    UINT32_MAX,
    UINT64_C(1) << 32,
    0x8000,
    0x80,
    0xff,
    0xffff,
    0x7ff0000000000000, /* doubles: infinities, NaNs, ±1, around the smallest normal, the largest, integer limits */
    0xfff0000000000000,
    0x7ff8000000000000,
    0x7ff0000000000001,
    0xfff8000000000001,
    0x3ff0000000000000,
    0xbff0000000000000,
    0x0010000000000000,
    0x000fffffffffffff,
    0x8000000000000000,
    0x7fefffffffffffff,
    0x3fe0000000000000,
    0x43e0000000000000,
    0xc3e0000000000000,
    0x43f0000000000000,
    0x41e0000000000000,
    0x41dfffffffc00000,
    0xc1e0000000200000,
    0x36a0000000000000, /* doubles at the edges of single precision */
    0x3690000000000001,
    0x380fffffffffffff,
    0x47efffffefffffff,
    0x47effffff0000000,
    0xffffffff7f800000, /* singles, boxed */
    0xffffffffff800000,
    0xffffffff7fc00000,
    0xffffffff7f800001,
    0xffffffffffc00001,
    0xffffffff3f800000,
    0xffffffffbf800000,
    0xffffffff80000000,
    0xffffffff00000000,
    0xffffffff00800000,
    0xffffffff007fffff,
    0xffffffff00000001,
    0xffffffff7f7fffff,
    0xffffffff5f000000,
    0xffffffffdf000000,
    0xffffffff4f000000,
    0xffffffff4f800000,
    0xffffffff4effffff,
    0x000000003f800000, /* not boxed */
    0xfffffffe3f800000,
    0xffffffffffff7c00, /* halves, boxed */
    0xfffffffffffffc00,
    0xffffffffffff7e00,
    0xffffffffffff7c01,
    0xffffffffffff3c00,
    0xffffffffffff03ff,
    0xffffffffffff7bff,
    0xfffffffffffe3c00,
};

static uint64_t random_value(void)
{
    uint64_t value = next_random();
    switch (below(8)) {
    case 0: return value;
    case 1: return value | UINT64_C(0xffffffff00000000);
    case 2: return value >> below(64);
    case 3: return (uint64_t)((int64_t)value >> below(64));
    case 4: return edges[below(sizeof edges / sizeof edges[0])] + below(3) - 1;
    default: return edges[below(sizeof edges / sizeof edges[0])];
    }
}

/* Mostly in the data area; some misaligned, some across a page, some where nothing or a device is. */
static uint64_t random_address(void)
{
    switch (below(16)) {
    case 0: return HOLE + below(64);
    case 1: return DEVICE_BASE + 8ul * below(64);
    case 2: return DATA + PAGE_SIZE * (1 + below(4)) - below(16);
    case 3:
    case 4: return DATA + PAGE_SIZE + below(0x4000);
    default: return DATA + PAGE_SIZE + (below(0x4000) & ~15u);
    }
}

static void random_state(struct riscv_state *state)
{
    for (unsigned i = 1; i < 32; i++) {
        state->x[i] = below(2) == 0 ? random_address() : random_value();
    }
    for (unsigned i = 0; i < 32; i++) {
        state->f[i] = random_value();
    }
    state->csr.fcsr =
        (uint64_t)(below(8) == 0 ? below(8) : below(5)) << RISCV_FCSR_FRM_SHIFT | (below(2) ? below(32) : 0);
    riscv_set_mstatus_FS(state, below(4) == 0 ? below(4) : FS_DIRTY);
    state->csr.menvcfg = below(4) == 0 ? 0 : 0xf0; /* cache-block instructions for lower modes */
    state->csr.senvcfg = below(4) == 0 ? 0 : 0xf0;
    static const uint8_t modes[] = { RISCV_MODE_M, RISCV_MODE_M, RISCV_MODE_S, RISCV_MODE_U };
    state->mode = modes[below(4)];
    state->csr.mtvec = HANDLER;
}

static void set_code(const struct trial *trial)
{
    for (unsigned i = 0; i < MACHINE_COUNT; i++) {
        uint32_t bits = trial->bits;
        size_t size = trial->instruction->format->size / 8;
        assert_true(memory_write(test.fixtures[i].memory, gpa(trial->pc), &bits, size));
        test.fixtures[i].cpu->code_epoch++; /* as FENCE.I */
    }
}

/* A reservation at the address in some register, or none; by its offset it is the same in all machines. */
static void set_reservations(const struct riscv_state *state)
{
    uint64_t address = state->x[1 + below(31)] & ~UINT64_C(7);
    uint64_t off = below(4) == 0 ? 4 : 0;
    bool is_data = address >= DATA && address < DATA + DATA_SIZE && below(2) == 0;
    uint32_t size = below(2) == 0 ? 4 : 8;
    for (unsigned i = 0; i < MACHINE_COUNT; i++) {
        struct riscv_reservation *reservation = &test.fixtures[i].cpu->reservation;
        uint8_t *host = is_data ? (uint8_t *)fixture_ram(&test.fixtures[i], address) + (size == 4 ? off : 0) : NULL;
        *reservation = (struct riscv_reservation){ .host = host, .size = size };
        if (host != NULL) {
            memcpy(&reservation->value, host, size);
        }
    }
}

static void random_pins(uint64_t pins[RISCV_PIN_COUNT])
{
    bool some = below(4) == 0;
    for (unsigned pin = 0; pin < RISCV_PIN_COUNT; pin++) {
        pins[pin] = some && below(2) == 0 ? next_random() : 0;
    }
}

static void set_states(struct trial *trial)
{
    uint64_t pins[RISCV_PIN_COUNT];
    random_pins(pins);
    struct riscv_state state = { .pc = trial->pc };
    random_state(&state);
    for (unsigned i = 0; i < MACHINE_COUNT; i++) {
        struct riscv_cpu *cpu = test.fixtures[i].cpu;
        memcpy(state.csr.pmpcfg, cpu->state.csr.pmpcfg, sizeof state.csr.pmpcfg);
        memcpy(state.csr.pmpaddr, cpu->state.csr.pmpaddr, sizeof state.csr.pmpaddr);
        cpu->state = state;
        cpu->instructions = 0;
        riscv_cpu_state_changed(cpu);
        riscv_pins_set(cpu, pins);
    }
    set_reservations(&state);
    bool float_on = riscv_mstatus_FS(&state) == FS_DIRTY;
    trial->facts =
        (struct riscv_facts){ .mode = state.mode,
                              .cache = (uint8_t)(test.fixtures[0].cpu->data_tlb - test.fixtures[0].cpu->tlbs),
                              .float_on = float_on,
                              .rounding = float_on ? (uint8_t)riscv_fcsr_FRM(&state) : 0,
                              .pins = (uint8_t)test.fixtures[0].cpu->pins_held };
}

/* -- Comparing ----------------------------------------------------------------------------------------------------- */

static unsigned show(const char *name, unsigned number, uint64_t expected, uint64_t found)
{
    if (expected == found) {
        return 0;
    }
    if (test.differences < DIFFERENCES_SHOW) {
        print_message("    %s%u: interpreter %016" PRIx64 ", IR %016" PRIx64 "\n", name, number, expected, found);
    }
    return 1;
}

static unsigned compare_registers(const struct riscv_cpu *a, const struct riscv_cpu *b)
{
    unsigned count = show("pc", 0, a->state.pc, b->state.pc) + show("mode", 0, a->state.mode, b->state.mode) +
                     show("instructions", 0, a->instructions, b->instructions);
    for (unsigned i = 0; i < 32; i++) {
        count += show("x", i, a->state.x[i], b->state.x[i]) + show("f", i, a->state.f[i], b->state.f[i]);
    }
    const uint64_t *csr_a = (const uint64_t *)&a->state.csr, *csr_b = (const uint64_t *)&b->state.csr;
    for (unsigned i = 0; i < sizeof a->state.csr / sizeof *csr_a; i++) {
        count += show("csr word ", i, csr_a[i], csr_b[i]);
    }
    return count;
}

static uint64_t reservation_offset(const struct fixture *fixture)
{
    const struct riscv_reservation *reservation = &fixture->cpu->reservation;
    return reservation->host == NULL
               ? 1
               : (uint64_t)(uintptr_t)reservation->host - (uint64_t)(uintptr_t)fixture_ram(fixture, RAM_BASE);
}

static void compare(const struct trial *trial, unsigned which, struct ir_region *region)
{
    const struct fixture *a = &test.fixtures[BY_INTERPRETER], *b = &test.fixtures[which];
    unsigned count = compare_registers(a->cpu, b->cpu);
    count += show("reservation", 0, reservation_offset(a), reservation_offset(b));
    count += show("device writes", 0, a->device_writes, b->device_writes);
    count += show("device accesses", 0, a->cpu->statistics.device_accesses, b->cpu->statistics.device_accesses);
    const uint64_t *data_a = fixture_ram(a, DATA), *data_b = fixture_ram(b, DATA);
    if (memcmp(data_a, data_b, DATA_SIZE) != 0) {
        for (unsigned i = 0; i < DATA_SIZE / 8; i++) {
            count += show("data word ", i, data_a[i], data_b[i]);
        }
        memcpy(fixture_ram(b, DATA), data_a, DATA_SIZE);
    }
    if (count > 0) {
        complain(trial, which == BY_IR ? "differs" : "differs after the passes");
        if (test.differences <= DIFFERENCES_SHOW) {
            ir_print(region, stderr);
        }
    }
}

/* -- The test ------------------------------------------------------------------------------------------------------ */

static void verify(const struct trial *trial, struct ir_region *region)
{
    const char *wrong = ir_verify(region);
    if (wrong != NULL) {
        complain(trial, wrong);
    }
}

static void try_state(struct trial *trial)
{
    set_states(trial);
    struct ir_region *region = translate(trial);
    test.counts[trial->instruction->number].tried++;
    if (region == NULL) {
        return;
    }
    struct ir_region *optimized = translate(trial);
    verify(trial, region);
    ir_optimize(optimized);
    verify(trial, optimized);
    test.counts[trial->instruction->number].translated++;
    interp_step(test.fixtures[BY_INTERPRETER].cpu);
    bool given_back = run_region(test.fixtures[BY_IR].cpu, region, trial);
    bool given_back_too = run_region(test.fixtures[BY_OPTIMIZED_IR].cpu, optimized, trial);
    bool has_trapped = test.fixtures[BY_INTERPRETER].cpu->instructions == 0;
    test.counts[trial->instruction->number].given_back += given_back && !has_trapped;
    if (given_back != given_back_too) {
        complain(trial, "given back to the interpreter before the passes or after them, not both");
    }
    compare(trial, BY_IR, region);
    compare(trial, BY_OPTIMIZED_IR, optimized);
    ir_free(region);
    ir_free(optimized);
}

static void try_instruction(const struct isa_instruction *instruction, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        struct trial trial = { .instruction = instruction, .pc = CODE_PAGE + (below(PAGE_SIZE) & ~1u) };
        if (!find_encoding(instruction, &trial.bits)) {
            continue;
        }
        set_code(&trial);
        for (unsigned i = 0; i < STATES_A_ROUND; i++) {
            try_state(&trial);
        }
    }
}

static void ignore_instruction(void *context, struct riscv_cpu *cpu, uint32_t encoding)
{
    (void)context, (void)cpu, (void)encoding;
}

static void create_machines(const char *model)
{
    struct riscv_features features;
    struct error error;
    assert_true(riscv_cpu_model_parse(model, &features, &error));
    for (unsigned i = 0; i < MACHINE_COUNT; i++) {
        struct fixture *fixture = &test.fixtures[i];
        fixture_create(fixture, 16, 1);
        fixture->cpu->features = features;
        fixture->device_value = UINT64_C(0x8899aabbccddeeff);
        riscv_pmp_open(fixture->cpu);
        interp_create(fixture->cpu);
        interp_set_hook(fixture->cpu, ignore_instruction, NULL); /* blocks of one instruction, decoded once */
    }
    for (unsigned i = 0; i < DATA_SIZE / 8; i++) {
        uint64_t value = random_value();
        for (unsigned m = 0; m < MACHINE_COUNT; m++) {
            fixture_ram(&test.fixtures[m], DATA)[i] = value;
        }
    }
}

static void destroy_machines(void)
{
    for (unsigned i = 0; i < MACHINE_COUNT; i++) {
        interp_destroy(test.fixtures[i].cpu);
        fixture_destroy(&test.fixtures[i]);
    }
}

static unsigned rounds_wanted(void)
{
    const char *text = getenv("RAVELIN_ROUNDS");
    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : ROUNDS;
}

static void try_model(const char *model)
{
    memset(test.counts, 0, sizeof test.counts);
    test.differences = 0;
    create_machines(model);
    for (const struct isa_instruction *i = test.machine->instructions; i != NULL; i = i->next) {
        try_instruction(i, rounds_wanted());
    }
    assert_memory_equal(fixture_ram(&test.fixtures[0], RAM_BASE), fixture_ram(&test.fixtures[1], RAM_BASE), RAM_SIZE);
    assert_memory_equal(fixture_ram(&test.fixtures[0], RAM_BASE), fixture_ram(&test.fixtures[2], RAM_BASE), RAM_SIZE);
    destroy_machines();
    if (test.differences > DIFFERENCES_SHOW) {
        print_message("… %u differences in all\n", test.differences);
    }
    assert_int_equal(test.differences, 0);
}

/* What no translation is meant for: control registers, changes of mode and translation, waiting, 128-bit values. */
static bool is_left_on_purpose(const char *name)
{
    static const char *const names[] = { "csr",   "ecall", "ebreak",   "mret",       "sret",       "wfi",     "fence.i",
                                         "pause", "wrs.",  "c.ebreak", "sfence.vma", "sinval.vma", "amocas.q" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void every_instruction_does_the_same_as_ir(void **state)
{
    (void)state;
    try_model("max");
    unsigned strangers = 0;
    for (const struct isa_instruction *i = test.machine->instructions; i != NULL; i = i->next) {
        unsigned tried = test.counts[i->number].tried, translated = test.counts[i->number].translated;
        if (tried == 0 || translated == 0) {
            bool on_purpose = is_left_on_purpose(i->name);
            strangers += !on_purpose;
            print_message("# %s: %s%s\n", tried == 0 ? "never tried" : "never translated", i->name,
                          on_purpose ? "" : ", which is not meant");
        } else if (test.counts[i->number].given_back > 0) {
            print_message("given back without a trap: %s, %u of %u\n", i->name, test.counts[i->number].given_back,
                          translated);
        }
    }
    assert_int_equal(strangers, 0);
}

/* Jumps must then be to multiples of four. */
static void instructions_of_a_machine_without_compressed_ones_do_the_same_as_ir(void **state)
{
    (void)state;
    try_model("max,-c,-zcb");
}

int main(int count, char **arguments)
{
    const char *seed = getenv("RAVELIN_SEED");
    test.random = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    print_message("# RAVELIN_SEED=%" PRIu64 "\n", test.random);
    struct isa_diagnostics diagnostics;
    test.machine = count == 2 ? isa_read(arguments[1], &diagnostics) : NULL;
    if (test.machine == NULL) {
        fprintf(stderr, "usage: test_translate DESCRIPTION\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_does_the_same_as_ir),
        cmocka_unit_test(instructions_of_a_machine_without_compressed_ones_do_the_same_as_ir),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    isa_free(test.machine);
    return failed;
}
