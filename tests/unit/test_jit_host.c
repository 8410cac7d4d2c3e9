/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end against the evaluator: regions compiled for this host and run on a real CPU structure with memory must
 * leave the same state, the same memory, the same flags, and leave the same way, as ir_evaluate() says.
 */
#include "test_riscv_fixture.h"

#include "engine/jit/host.h"
#include "engine/jit/ir_internal.h"
#include "ir_random.h"
#include "jit_callees.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define X(n)         ((uint32_t)offsetof(struct riscv_cpu, state.x[n]))
#define F(n)         ((uint32_t)offsetof(struct riscv_cpu, state.f[n]))
#define PC           UINT64_C(0x80001000)
#define WINDOW_SIZE  0x1000u /* guest memory that regions use: the last of RAM, so that some accesses fault */
#define WINDOW       (RAM_BASE + RAM_SIZE - WINDOW_SIZE)
#define BLOCK_LIMIT  40u
#define FACTS_KEY    (0x1234u | FACTS_KEY_FLOAT)
#define SLOT_COUNT   40u
#define ROUNDING(rm) ((uint64_t)(rm) << 5)

struct bench {
    struct fixture fixture;
    struct riscv_cpu *cpu;
    struct host *host;
    uint64_t *counts; /* what attention is asked after: NULL never */
};

static struct bench bench;

static void bench_create(void)
{
    struct error error;
    fixture_create(&bench.fixture, 0, 1);
    bench.cpu = bench.fixture.cpu;
    bench.cpu->facts_key = FACTS_KEY;
    bench.host = host_create(bench.cpu, &error);
    if (bench.host == NULL) {
        fail_msg("%s", error.text);
    }
}

/* With choices from this seed: RAVELIN_JIT_ADVERSITY. */
static void bench_create_adverse(unsigned seed)
{
    char text[16];
    const char *before = getenv("RAVELIN_JIT_ADVERSITY");
    char *saved = before == NULL ? NULL : strdup(before);
    snprintf(text, sizeof text, "%u", seed);
    setenv("RAVELIN_JIT_ADVERSITY", text, 1);
    bench_create();
    if (saved != NULL) {
        setenv("RAVELIN_JIT_ADVERSITY", saved, 1);
    } else {
        unsetenv("RAVELIN_JIT_ADVERSITY");
    }
    free(saved);
}

static void bench_destroy(void)
{
    host_destroy(bench.host);
    fixture_destroy(&bench.fixture);
}

static uint8_t *window(void)
{
    return memory_pointer(bench.fixture.memory, gpa(WINDOW), WINDOW_SIZE, MEMORY_READ);
}

/* ---- The evaluator's side ---------------------------------------------------------------------------------------- */

struct model {
    struct riscv_cpu *cpu; /* a copy of the real one, of which only the state is used */
    uint8_t memory[WINDOW_SIZE];
    struct ir_machine machine;
};

static bool model_find(uint64_t address, unsigned size)
{
    return address >= WINDOW && address - WINDOW <= WINDOW_SIZE - size;
}

static bool model_load(void *context, uint64_t address, unsigned size, uint64_t *value)
{
    struct model *model = context;
    if (!model_find(address, size)) {
        return false;
    }
    *value = 0;
    memcpy(value, model->memory + (address - WINDOW), size);
    return true;
}

static bool model_store(void *context, uint64_t address, unsigned size, uint64_t value)
{
    struct model *model = context;
    if (!model_find(address, size)) {
        return false;
    }
    memcpy(model->memory + (address - WINDOW), &value, size);
    return true;
}

static bool model_load_vector(void *context, uint64_t address, uint64_t *halves)
{
    struct model *model = context;
    if (!model_find(address, 16)) {
        return false;
    }
    memcpy(halves, model->memory + (address - WINDOW), 16);
    return true;
}

static bool model_store_vector(void *context, uint64_t address, const uint64_t *halves)
{
    struct model *model = context;
    if (!model_find(address, 16)) {
        return false;
    }
    memcpy(model->memory + (address - WINDOW), halves, 16);
    return true;
}

static bool model_call(void *context, const struct ir_callee *callee, const uint64_t *arguments, unsigned count,
                       uint64_t *result)
{
    struct model *model = context;
    struct riscv_state *state = &model->cpu->state;
    uint64_t hash = hash_arguments(arguments, count);
    if (callee->uses_float) {
        state->csr.fcsr |= model->machine.flags;
    }
    *result = act(state, callee, hash);
    if (callee->uses_float) {
        model->machine.flags = 0;
        *result %= 2;
    }
    return !callee->may_trap || succeeds(*result);
}

/* ---- Running both ------------------------------------------------------------------------------------------------ */

static const char *const exit_names[] = { "link", "indirect", "interpret", "trapped", "attention", "stale" };

static enum host_exit expected_exit(const struct ir_region *region, const struct ir_outcome *outcome)
{
    (void)region;
    switch (outcome->how) {
    case IR_LEFT_INTERPRET:
    case IR_LEFT_GUARD: return HOST_EXIT_INTERPRET;
    case IR_LEFT_FAULT: return HOST_EXIT_TRAPPED;
    case IR_LEFT_ATTENTION: return HOST_EXIT_ATTENTION;
    case IR_LEFT_EXIT: break;
    }
    return HOST_EXIT_LINK; /* or HOST_EXIT_INDIRECT */
}

/* The pc that link number `link` leads to: EXITs are numbered in the order of blocks. */
static uint64_t link_pc(const struct ir_region *region, uint32_t link)
{
    for (const struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        if (block->last->op == IR_EXIT && link-- == 0) {
            return block->last->pc;
        }
    }
    return 1;
}

static bool compile(struct ir_region *region, unsigned rounding, struct host_code *code)
{
    struct host_request request = {
        .region = region,
        .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M, .float_on = 1, .rounding = (uint8_t)rounding },
        .facts_key = FACTS_KEY,
        .keeps_blocks = true
    };
    if (host_compile(bench.host, &request, code) == HOST_COMPILED) {
        return true;
    }
    host_flush(bench.host);
    return host_compile(bench.host, &request, code) == HOST_COMPILED;
}

/* Where the block is entered; NULL: there is no room. */
static const void *entry_at(const struct ir_block *block, unsigned rounding, const struct host_code *code)
{
    const struct host_request request = {
        .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M, .float_on = 1, .rounding = (uint8_t)rounding },
        .facts_key = FACTS_KEY
    };
    struct host_entry entry;
    bool done = host_add_entry(bench.host, &request, code->blocks, block->number, block->pc, &entry);
    return done ? entry.checked : NULL;
}

static const struct ir_block *random_block(const struct ir_region *region, uint64_t seed)
{
    const struct ir_block *block = region->blocks;
    for (uint64_t i = ir_random_below(&seed, region->block_count); i > 0; i--) {
        block = block->next;
    }
    return block;
}

static void report(struct ir_region *region, const struct host_code *code, uint64_t seed)
{
    ir_print(region, stderr);
    if (getenv("DUMP") != NULL) {
        host_dump(code, stderr);
    }
    fprintf(stderr, "seed %" PRIu64 "\n", seed);
}

static bool same_state(const struct riscv_state *expected, const struct riscv_state *got)
{
    bool same = true;
    for (unsigned i = 0; i < 32; i++) {
        if (expected->x[i] != got->x[i]) {
            fprintf(stderr, "x%u: 0x%" PRIx64 ", got 0x%" PRIx64 "\n", i, expected->x[i], got->x[i]);
            same = false;
        }
        if (expected->f[i] != got->f[i]) {
            fprintf(stderr, "f%u: 0x%" PRIx64 ", got 0x%" PRIx64 "\n", i, expected->f[i], got->f[i]);
            same = false;
        }
    }
    if (expected->csr.fcsr != got->csr.fcsr) {
        fprintf(stderr, "fcsr: 0x%" PRIx64 ", got 0x%" PRIx64 "\n", expected->csr.fcsr, got->csr.fcsr);
        same = false;
    }
    return same;
}

/* Runs a region both ways from the CPU's state of now, and from one of its blocks. */
static void run_both(struct ir_region *region, uint64_t seed)
{
    const struct ir_block *first = seed % 2 == 0 ? region->blocks : random_block(region, seed);
    struct riscv_cpu *cpu = bench.cpu;
    unsigned rounding = (unsigned)(cpu->state.csr.fcsr >> 5 & 7);
    struct model *model = check_alloc(sizeof *model);
    model->cpu = check_alloc(sizeof *model->cpu);
    memcpy(model->cpu, cpu, sizeof *cpu);
    memcpy(model->memory, window(), WINDOW_SIZE);
    model->machine = (struct ir_machine){ .state = (uint8_t *)model->cpu,
                                          .state_size = sizeof *model->cpu,
                                          .rounding = (enum float_rounding)rounding,
                                          .context = model,
                                          .load = model_load,
                                          .store = model_store,
                                          .load_vector = model_load_vector,
                                          .store_vector = model_store_vector,
                                          .call = model_call };
    call_log = 0;
    struct ir_outcome outcome = ir_evaluate_from(region, first, &model->machine, BLOCK_LIMIT);
    model->cpu->state.csr.fcsr |= model->machine.flags;
    uint64_t log = call_log;
    if (outcome.how == IR_LEFT_ATTENTION) { /* a loop without end, maybe: nothing to compare */
        free(model->cpu);
        free(model);
        return;
    }

    struct host_code code;
    assert_true(compile(region, rounding, &code));
    const void *entry = first == region->blocks ? code.checked_entry : entry_at(first, rounding, &code);
    if (entry == NULL) {
        host_flush(bench.host);
        free(code.blocks);
        assert_true(compile(region, rounding, &code));
        entry = entry_at(first, rounding, &code);
        assert_non_null(entry);
    }
    free(code.blocks);
    call_log = 0;
    uint64_t before = cpu->instructions;
    struct host_result result = host_enter(bench.host, entry);
    uint64_t pc = result.exit == HOST_EXIT_LINK ? link_pc(region, result.link) : cpu->state.pc;
    if (result.exit == HOST_EXIT_INTERPRET && pc == first->pc && cpu->instructions == before) {
        /* It may always leave the first instruction to the interpreter: registers there that are not boxed as the
         * code wants them. */
        free(model->cpu);
        free(model);
        return;
    }
    enum host_exit exit = result.exit == HOST_EXIT_INDIRECT ? HOST_EXIT_LINK : result.exit;
    bool same = same_state(&model->cpu->state, &cpu->state);
    if (expected_exit(region, &outcome) != exit || pc != outcome.pc) {
        fprintf(stderr, "left for 0x%" PRIx64 " by %s, got 0x%" PRIx64 " by %s\n", outcome.pc,
                exit_names[expected_exit(region, &outcome)], pc, exit_names[result.exit]);
        same = false;
    }
    if (cpu->instructions - before != outcome.instructions) {
        fprintf(stderr, "instructions: %" PRIu64 ", got %" PRIu64 "\n", outcome.instructions,
                cpu->instructions - before);
        same = false;
    }
    if (memcmp(model->memory, window(), WINDOW_SIZE) != 0) {
        fprintf(stderr, "memory differs\n");
        same = false;
    }
    if (call_log != log) {
        fprintf(stderr, "calls differ\n");
        same = false;
    }
    if (!same) {
        report(region, &code, seed);
        fail_msg("compiled code and evaluator differ, seed %" PRIu64, seed);
    }
    free(model->cpu);
    free(model);
}

static void fill_state(uint64_t seed)
{
    struct riscv_cpu *cpu = bench.cpu;
    bool boxed = ir_random_below(&seed, 3) != 0;
    for (unsigned i = 0; i < 32; i++) {
        cpu->state.x[i] = ir_random_number(&seed);
        cpu->state.f[i] = ir_random_number(&seed);
        if (boxed) {
            cpu->state.f[i] |= UINT64_C(0xffffffff00000000);
        }
    }
    cpu->state.csr.fcsr = ROUNDING(ir_random_below(&seed, 5)) | (ir_random_next(&seed) & FCSR_FLAGS);
    uint8_t *memory = window();
    for (unsigned i = 0; i < WINDOW_SIZE; i++) {
        memory[i] = (uint8_t)ir_random_next(&seed);
    }
}

/* ---- Random regions ---------------------------------------------------------------------------------------------- */

/* Random addresses would all fault: most are brought into the window, some misaligned, some beyond its end. Every other
 * one lies near the one before, so that accesses meet that ask the translation cache together. */
static struct ir_value *draw_address(struct ir_value *value, uint64_t *random)
{
    static const uint64_t masks[] = { 0xff8, 0xff8, 0xff8, 0xfff };
    struct ir_value mask = { .op = IR_CONST, .type = IR_I64, .immediate = masks[ir_random_below(random, 4)] };
    struct ir_value base = { .op = IR_CONST, .type = IR_I64, .immediate = WINDOW + 0x80 };
    struct ir_value low = { .op = IR_AND, .type = IR_I64, .arguments = { value->arguments[0] } };
    low.arguments[1] = ir_append(value->block, &mask);
    struct ir_value sum = { .op = IR_ADD, .type = IR_I64, .arguments = { ir_append(value->block, &low) } };
    sum.arguments[1] = ir_append(value->block, &base);
    return ir_append(value->block, &sum);
}

static void tame_address(struct ir_value *value, struct ir_value **recent, uint64_t *random)
{
    struct ir_value *old = value->arguments[0];
    ir_insert_before(value->block->region, value);
    if (*recent == NULL || ir_random_below(random, 3) == 0) {
        *recent = draw_address(value, random);
    }
    struct ir_value *address = *recent;
    if (ir_random_below(random, 3) != 0) {
        uint64_t offset = ir_random_below(random, 0x100) - 0x80;
        offset &= ir_random_below(random, 4) == 0 ? UINT64_MAX : ~UINT64_C(7);
        struct ir_value constant = { .op = IR_CONST, .type = IR_I64, .immediate = offset };
        struct ir_value sum = { .op = IR_ADD, .type = IR_I64, .arguments = { address } };
        sum.arguments[1] = ir_append(value->block, &constant);
        address = ir_append(value->block, &sum);
    }
    value->arguments[0] = address;
    address->uses++;
    old->uses--;
    ir_insert_before(value->block->region, NULL);
}

static void tame_call(struct ir_value *value)
{
    for (unsigned kind = 0; kind < ir_random_callee_count; kind++) {
        if (value->callee == ir_random_callees[kind]) {
            value->callee = &callees[kind][ir_argument_count(value)];
            return;
        }
    }
}

/* C leaves the upper bits of narrow arguments undefined; these functions look at them. */
static void widen_arguments(struct ir_region *region, struct ir_value *value)
{
    ir_insert_before(region, value);
    for (unsigned i = 0; i < ir_argument_count(value); i++) {
        struct ir_value *old = value->arguments[i];
        if (old->type != IR_I64) {
            struct ir_value wide = { .op = IR_ZEXT, .type = IR_I64, .arguments = { old } };
            value->arguments[i] = ir_append(value->block, &wide);
            value->arguments[i]->uses++;
            old->uses--;
        }
    }
    ir_insert_before(region, NULL);
}

static void tame(struct ir_region *region, uint64_t seed)
{
    for (struct ir_block *block = region->blocks; block != NULL; block = block->next) {
        struct ir_value *recent = NULL;
        for (struct ir_value *value = block->first; value != NULL; value = value->next) {
            if (value->op >= IR_LOAD8 && value->op <= IR_STORE128) {
                tame_address(value, &recent, &seed);
            } else if (value->op == IR_CALL) {
                widen_arguments(region, value);
                tame_call(value);
            }
        }
    }
    const char *fault = ir_verify(region);
    if (fault != NULL) {
        fail_msg("%s", fault);
    }
}

/* Where V128 goes: across two registers, some of which are got and put alone too. */
static const uint32_t vector_slots[] = { F(0), F(2), F(3), F(14), F(30), X(0), X(5), X(6), X(30) };

static struct ir_random_options random_options(uint64_t *random, uint32_t *slots)
{
    unsigned spread = (unsigned)ir_random_below(random, 31) + 2;
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        unsigned number = (unsigned)ir_random_below(random, spread) % 32;
        slots[i] = ir_random_below(random, 3) == 0 ? F(number) : X(number);
    }
    return (struct ir_random_options){ .block_count = 1 + (unsigned)ir_random_below(random, 8),
                                       .value_count = 1 + (unsigned)ir_random_below(random, 80),
                                       .fold = ir_random_below(random, 2) != 0,
                                       .memory = ir_random_below(random, 3) != 0,
                                       .floats = ir_random_below(random, 3) != 0,
                                       .calls = ir_random_below(random, 3) == 0,
                                       .vectors = ir_random_below(random, 2) == 0,
                                       .flags = ir_random_below(random, 2) == 0,
                                       .slots = slots,
                                       .slot_count = SLOT_COUNT,
                                       .vector_slots = vector_slots,
                                       .vector_slot_count = sizeof vector_slots / sizeof vector_slots[0],
                                       .typed_slots = ir_random_below(random, 4) == 0 };
}

static void run_random_region(uint64_t seed)
{
    uint64_t random = seed;
    uint32_t slots[SLOT_COUNT];
    struct ir_random_options options = random_options(&random, slots);
    struct ir_region *region = ir_random_region(seed, &options);
    tame(region, seed);
    if (ir_random_below(&random, 3) == 0) {
        ir_optimize(region);
    }
    for (unsigned i = 0; i < 3; i++) {
        fill_state(seed * 7 + i);
        run_both(region, seed);
    }
    ir_free(region);
}

static void random_regions_do_what_the_evaluator_says(void **state)
{
    (void)state;
    uint64_t seed = ir_random_seed();
    const char *text = getenv("COUNT");
    unsigned count = text != NULL ? (unsigned)strtoul(text, NULL, 0) : 4000;
    bench_create();
    for (unsigned i = 0; i < count; i++) {
        run_random_region(seed + i);
    }
    bench_destroy();
}

/* ---- By hand ----------------------------------------------------------------------------------------------------- */

static struct host_code compile_at(struct ir_region *region, uint32_t first_link, const struct host_page *page)
{
    struct host_request request = { .region = region,
                                    .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M, .float_on = 1 },
                                    .facts_key = FACTS_KEY,
                                    .first_link = first_link };
    if (page != NULL) {
        request.pages[0] = *page;
        request.page_count = 1;
    }
    assert_null(ir_verify(region));
    struct host_code code;
    assert_int_equal(host_compile(bench.host, &request, &code), HOST_COMPILED);
    ir_free(region);
    return code;
}

static void add_to_x(struct ir_block *block, unsigned number, uint64_t addend)
{
    struct ir_value *sum =
        ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(number)), ir_constant(block, IR_I64, addend));
    ir_put(block, X(number), sum);
}

/* x10 += addend, then to `target`. */
static struct ir_region *step(uint64_t addend, uint64_t target)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    ir_mark(block, PC, 0);
    add_to_x(block, 10, addend);
    ir_exit(block, target, 1);
    return region;
}

static void an_unlinked_exit_says_its_number_and_a_linked_one_goes_on(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct host_code first = compile_at(step(1, PC + 4), 0, NULL);
    struct host_code second = compile_at(step(10, PC + 8), 1, NULL);
    assert_int_equal(first.link_count, 1);

    struct host_result result = host_enter(bench.host, first.checked_entry);
    assert_int_equal(result.exit, HOST_EXIT_LINK);
    assert_int_equal(result.link, 0);
    assert_int_equal(cpu->state.x[10], 1);
    assert_int_equal(cpu->instructions, 1);

    host_set_link(bench.host, 0, second.unchecked_entry);
    result = host_enter(bench.host, first.checked_entry);
    assert_int_equal(result.exit, HOST_EXIT_LINK);
    assert_int_equal(result.link, 1);
    assert_int_equal(cpu->state.x[10], 12);
    assert_int_equal(cpu->instructions, 3);

    host_unlink_all(bench.host);
    result = host_enter(bench.host, first.checked_entry);
    assert_int_equal(result.link, 0);
    assert_int_equal(cpu->state.x[10], 13);
    bench_destroy();
}

static void an_indirect_jump_finds_its_target_in_the_jump_cache(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    ir_mark(block, PC, 0);
    add_to_x(block, 10, 1);
    ir_exit_indirect(block, ir_get(block, IR_I64, X(11)), NULL, 0, 1);
    struct host_code jump = compile_at(region, 0, NULL);
    struct host_code target = compile_at(step(100, PC + 4), 0, NULL);

    cpu->state.x[11] = PC + 0x40;
    struct host_result result = host_enter(bench.host, jump.checked_entry);
    assert_int_equal(result.exit, HOST_EXIT_INDIRECT);
    assert_int_equal(cpu->state.pc, PC + 0x40);

    host_set_jump(bench.host, PC + 0x40, target.checked_entry);
    result = host_enter(bench.host, jump.checked_entry);
    assert_int_equal(result.exit, HOST_EXIT_LINK);
    assert_int_equal(cpu->state.x[10], 102);

    for (unsigned bit = 1; bit < 64;
         bit++) { /* among them one whose place in the cache is the same, whatever its size */
        cpu->state.x[11] = (PC + 0x40) ^ UINT64_C(1) << bit;
        result = host_enter(bench.host, jump.checked_entry);
        assert_int_equal(result.exit, HOST_EXIT_INDIRECT);
        assert_int_equal(cpu->state.pc, cpu->state.x[11]);
        assert_null(host_find_jump(bench.host, cpu->state.pc));
        host_forget_jump(bench.host, cpu->state.pc);
    }
    assert_ptr_equal(host_find_jump(bench.host, PC + 0x40), target.checked_entry);
    host_forget_jump(bench.host, PC + 0x40);
    assert_null(host_find_jump(bench.host, PC + 0x40));

    cpu->state.x[11] = PC + 0x40;
    assert_int_equal(host_enter(bench.host, jump.checked_entry).exit, HOST_EXIT_INDIRECT);
    host_set_jump(bench.host, PC + 0x40, target.checked_entry);
    assert_int_equal(host_enter(bench.host, jump.checked_entry).exit, HOST_EXIT_LINK);
    host_forget_jumps(bench.host);
    assert_int_equal(host_enter(bench.host, jump.checked_entry).exit, HOST_EXIT_INDIRECT);
    bench_destroy();
}

/* Targets lie 6 bytes apart from `first` on, but for a gap in their middle. */
static void jump_to_many_blocks(uint64_t first, uint64_t gap)
{
    enum { TARGETS = 12 };
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *targets[TARGETS];
    uint64_t addresses[TARGETS];
    for (unsigned i = 0; i < TARGETS; i++) {
        addresses[i] = first + 6 * i + (i < TARGETS / 2 ? 0 : gap);
        targets[i] = ir_add_block(region, addresses[i]);
    }
    ir_mark(block, PC, 0);
    add_to_x(block, 10, 1);
    ir_exit_indirect(block, ir_get(block, IR_I64, X(11)), targets, TARGETS, 1);
    for (unsigned i = 0; i < TARGETS; i++) {
        ir_mark(targets[i], targets[i]->pc, 0);
        add_to_x(targets[i], 12, i + 1);
        ir_exit(targets[i], 0x1000 + i, 1);
    }
    struct host_code code = compile_at(region, 0, NULL);
    for (unsigned i = 0; i < TARGETS; i++) {
        cpu->state.x[11] = addresses[i];
        cpu->state.x[12] = 0;
        struct host_result result = host_enter(bench.host, code.checked_entry);
        assert_int_equal(result.exit, HOST_EXIT_LINK);
        assert_int_equal(result.link, i);
        assert_int_equal(cpu->state.x[12], i + 1);
        cpu->state.x[11] += 2; /* none of them */
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_INDIRECT);
        assert_int_equal(cpu->state.pc, addresses[i] + 2);
        cpu->state.x[11] = addresses[i] ^ UINT64_C(1) << 32; /* nor is what looks alike in the lower half */
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_INDIRECT);
    }
    assert_int_equal(cpu->state.x[10], 3 * TARGETS);
    bench_destroy();
}

static void an_indirect_jump_goes_to_any_of_many_blocks(void **state)
{
    (void)state;
    jump_to_many_blocks(PC + 0x10, 0);
    jump_to_many_blocks(0x10000, 0);
    jump_to_many_blocks(UINT64_C(0xffffffff80001000), 0);
    jump_to_many_blocks(UINT64_C(0x2aaaaaa010), 0);
    jump_to_many_blocks(UINT64_C(0x2aaaaaa010), INT32_MAX - 35);
    jump_to_many_blocks(UINT64_C(0x2aaaaaa010), UINT64_C(1) << 31);
    jump_to_many_blocks(0x10000, UINT64_C(0x2aaaaaa000));
}

/* x10 counts down by 1 from where it is, x11 up; around, until x10 is 0. */
static struct ir_region *countdown(void)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *end = ir_add_block(region, PC + 12);
    block->is_loop_head = true;
    block->weight = 8;
    ir_mark(block, PC, 0);
    add_to_x(block, 10, UINT64_MAX);
    ir_mark(block, PC + 4, 1);
    add_to_x(block, 11, 1);
    ir_mark(block, PC + 8, 2);
    struct ir_value *left = ir_get(block, IR_I64, X(10));
    ir_branch(block, ir_compare(block, IR_NE, left, ir_constant(block, IR_I64, 0)), block, end, 3);
    ir_exit(end, PC + 12, 0);
    return region;
}

static void a_loop_runs_to_its_end_and_counts_its_instructions(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct host_code code = compile_at(countdown(), 0, NULL);
    cpu->state.x[10] = 1000000;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(cpu->state.x[10], 0);
    assert_int_equal(cpu->state.x[11], 1000000);
    assert_int_equal(cpu->instructions, 3000000);
    bench_destroy();
}

static void *ask_for_attention(void *context)
{
    (void)context;
    struct timespec moment = { .tv_nsec = 2000000 };
    nanosleep(&moment, NULL);
    vcpu_request(&bench.cpu->vcpu, VCPU_STOP);
    return NULL;
}

static void a_loop_pays_attention_with_its_state_exact(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct host_code code = compile_at(countdown(), 0, NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_for_attention, NULL), 0);
    struct host_result result = host_enter(bench.host, code.checked_entry); /* 2^64 times around */
    pthread_join(thread, NULL);
    assert_int_equal(result.exit, HOST_EXIT_ATTENTION);
    assert_int_equal(cpu->state.pc, PC);
    assert_int_equal(cpu->state.x[10], 0 - cpu->state.x[11]);
    assert_int_equal(cpu->instructions, 3 * cpu->state.x[11]);
    uint64_t before = cpu->instructions;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_ATTENTION);
    assert_int_equal(cpu->instructions, before);
    bench_destroy();
}

static void an_entry_refuses_other_facts_and_moved_pages(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    const uint8_t *page;
    assert_true(riscv_fetch_page(cpu, PC, &page));
    struct host_page here = { PC & ~PAGE_MASK, (uint64_t)(uintptr_t)page - (PC & ~PAGE_MASK) };
    struct host_code code = compile_at(step(1, PC + 4), 0, &here);
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);

    cpu->state.pc = 0;
    cpu->facts_key = FACTS_KEY + 1;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_STALE);
    assert_int_equal(cpu->state.pc, PC);
    assert_int_equal(cpu->state.x[10], 1);
    cpu->facts_key = FACTS_KEY;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);

    struct tlb_fetch_entry *entry = tlb_fetch_entry(cpu->fetch_tlb, PC);
    entry->addend += PAGE_SIZE;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_STALE);
    entry->addend -= PAGE_SIZE;
    entry->page = TLB_NO_TAG;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_STALE);
    assert_int_equal(cpu->state.x[10], 2);
    bench_destroy();
}

static void a_fault_leaves_what_came_before_it_and_nothing_after(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    ir_mark(block, PC, 0);
    add_to_x(block, 10, 1);
    ir_mark(block, PC + 4, 1);
    ir_put(block, X(10), ir_load(block, 8, IR_I64, ir_get(block, IR_I64, X(12))));
    ir_mark(block, PC + 8, 2);
    add_to_x(block, 11, 1);
    ir_exit(block, PC + 12, 3);
    struct host_code code = compile_at(region, 0, NULL);
    cpu->state.x[10] = 41;
    cpu->state.x[12] = HOLE;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_TRAPPED);
    assert_int_equal(cpu->state.pc, PC + 4);
    assert_int_equal(cpu->state.x[10], 42);
    assert_int_equal(cpu->state.x[11], 0);
    assert_int_equal(cpu->instructions, 1);
    assert_int_equal(cpu->trap.cause, RISCV_EXCEPTION_LOAD_ACCESS_FAULT);
    assert_int_equal(cpu->trap.tval, HOLE);
    bench_destroy();
}

static void a_device_is_told_no_bits_beyond_the_size_of_a_store(void **state)
{
    (void)state;
    bench_create();
    for (unsigned size = 1; size <= 4; size *= 2) {
        struct ir_region *region = ir_create();
        struct ir_block *block = ir_add_block(region, PC);
        ir_mark(block, PC, 0);
        ir_store(block, size, ir_constant(block, IR_I64, DEVICE_BASE), ir_get(block, IR_I64, X(10)));
        ir_exit(block, PC + 4, 1);
        struct host_code code = compile_at(region, 0, NULL);
        bench.cpu->state.x[10] = UINT64_MAX;
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
        assert_int_equal(bench.fixture.device_value, UINT64_MAX >> (64 - 8 * size));
    }
    bench_destroy();
}

static struct ir_value *get_single(struct ir_block *block, unsigned number)
{
    return ir_unary(block, IR_UNBOX, IR_F32, ir_get(block, IR_F64, F(number)));
}

static void put_single(struct ir_block *block, unsigned number, struct ir_value *value)
{
    ir_put(block, F(number), ir_unary(block, IR_BOX, IR_F64, value));
}

/* A loop of single-precision arithmetic, loads and stores: x10 times around; f3 is written only. */
static struct ir_region *single_loop(bool narrow)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *end = ir_add_block(region, PC + 24);
    block->is_loop_head = true;
    block->weight = 64;
    ir_mark(block, PC, 0);
    struct ir_value *sum = ir_fma(block, get_single(block, 1), get_single(block, 2), get_single(block, 4));
    put_single(block, 4, sum);
    ir_mark(block, PC + 4, 1);
    struct ir_value *address = ir_get(block, IR_I64, X(12));
    struct ir_value *loaded = ir_load(block, 4, IR_I32, address);
    put_single(block, 3, ir_unary(block, IR_BITCAST, IR_F32, loaded));
    ir_mark(block, PC + 8, 2);
    struct ir_value *bits = ir_unary(block, IR_BITCAST, IR_I64, ir_get(block, IR_F64, F(4)));
    ir_store(block, 4, ir_binary(block, IR_ADD, address, ir_constant(block, IR_I64, 8)),
             narrow ? ir_unary(block, IR_TRUNC, IR_I32, bits) : bits);
    ir_mark(block, PC + 12, 3);
    put_single(block, 1, ir_binary(block, IR_FADD, get_single(block, 3), get_single(block, 2)));
    ir_mark(block, PC + 16, 4);
    add_to_x(block, 10, UINT64_MAX);
    ir_mark(block, PC + 20, 5);
    struct ir_value *left = ir_get(block, IR_I64, X(10));
    ir_branch(block, ir_compare(block, IR_NE, left, ir_constant(block, IR_I64, 0)), block, end, 6);
    ir_mark(end, PC + 24, 0);
    ir_put(end, F(5), ir_constant(end, IR_F64, UINT64_C(0xffffffff3f800000)));
    ir_exit(end, PC + 28, 1);
    return region;
}

static void single_precision_is_boxed_wherever_it_can_be_seen(void **state)
{
    (void)state;
    uint64_t seed = ir_random_seed();
    bench_create();
    struct ir_region *region = single_loop(seed % 2 == 0);
    assert_null(ir_verify(region));
    for (unsigned i = 0; i < 500; i++) {
        fill_state(seed + i);
        bench.cpu->state.x[10] = 1 + i % 20;
        bench.cpu->state.x[12] = WINDOW + i * 16; /* the last ones fault, at the load or at the store */
        run_both(region, seed + i);
    }
    if (getenv("RAVELIN_JIT_ADVERSITY") == NULL) { /* where it is up to chance whether a register is had for it */
        bench.cpu->state.f[2] = UINT64_C(0x3ff0000000000000);
        struct host_code code;
        assert_true(compile(region, 0, &code));
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_INTERPRET);
        assert_int_equal(bench.cpu->state.pc, PC);
        assert_int_equal(bench.cpu->state.f[2], UINT64_C(0x3ff0000000000000));
        free(code.blocks);
    }
    ir_free(region);
    bench_destroy();
}

static void a_box_that_is_used_whole_outlives_a_call(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    ir_mark(block, PC, 0);
    struct ir_value *sum = ir_binary(block, IR_FADD, get_single(block, 1), get_single(block, 2));
    struct ir_value *box = ir_unary(block, IR_BOX, IR_F64, sum);
    ir_put(block, F(1), box);
    ir_call(block, &callees[PLAIN][0], NULL, 0);
    ir_put(block, F(9), box); /* once: not worth a register */
    ir_put(block, F(1), ir_unary(block, IR_BOX, IR_F64, ir_binary(block, IR_FMUL, get_single(block, 1), sum)));
    ir_put(block, X(10), ir_unary(block, IR_BITCAST, IR_I64, box));
    ir_exit(block, PC + 4, 1);
    struct host_code code = compile_at(region, 0, NULL);
    cpu->state.f[1] = UINT64_C(0xffffffff40000000);
    cpu->state.f[2] = UINT64_C(0xffffffff3f800000);
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(cpu->state.f[9], UINT64_C(0xffffffff40400000)); /* 3 */
    assert_int_equal(cpu->state.x[10], UINT64_C(0xffffffff40400000));
    assert_int_equal(cpu->state.f[1], UINT64_C(0xffffffff41100000)); /* 9 */
    bench_destroy();
}

static void without_links_no_region_is_made_until_a_flush(void **state)
{
    (void)state;
    bench_create();
    struct host_request request = { .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                    .facts_key = FACTS_KEY };
    struct host_code code;
    struct ir_region *region = step(1, PC + 4);
    request.region = region;
    unsigned made = 0;
    enum host_verdict verdict;
    for (request.first_link = 0; (verdict = host_compile(bench.host, &request, &code)) == HOST_COMPILED;
         request.first_link++) {
        made++;
    }
    assert_int_equal(verdict, HOST_FULL);
    assert_true(made == HOST_LINK_COUNT || host_code_limit(bench.host) < HOST_CODE_SIZE); /* adversity */
    host_flush(bench.host);
    request.first_link = 0;
    assert_int_equal(host_compile(bench.host, &request, &code), HOST_COMPILED);
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    ir_free(region);
    bench_destroy();
}

/* x11 = x12 + the sum of (2 i + 3) * x10, i from 0 to count - 1: the products first, then the sum. */
static struct ir_region *products(unsigned count)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    struct ir_value **values = malloc(count * sizeof(struct ir_value *));
    ir_mark(block, PC, 0);
    struct ir_value *x = ir_get(block, IR_I64, X(10)), *sum = ir_get(block, IR_I64, X(12));
    for (unsigned i = 0; i < count; i++) {
        values[i] = ir_binary(block, IR_MUL, x, ir_constant(block, IR_I64, 2 * i + 3));
    }
    for (unsigned i = 0; i < count; i++) {
        sum = ir_binary(block, IR_ADD, sum, values[i]);
    }
    ir_put(block, X(11), sum);
    ir_exit(block, PC + 4, 1);
    free(values);
    return region;
}

/* Regions of this many products, from the first link on, until there is no room; all of them then still do what they
 * did. Returns how many. */
static unsigned fill(struct host_request *request, unsigned count)
{
    enum { MADE_MAX = 4096 };
    static const void *entries[MADE_MAX];
    unsigned made = 0;
    struct host_code code;
    request->region = products(count);
    while (host_compile(bench.host, request, &code) == HOST_COMPILED) {
        assert_true(made < MADE_MAX);
        entries[made++] = code.checked_entry;
        request->first_link++;
    }
    ir_free(request->region);
    for (unsigned i = 0; i < made; i++) {
        bench.cpu->state.x[10] = i;
        bench.cpu->state.x[12] = 1;
        assert_int_equal(host_enter(bench.host, entries[i]).exit, HOST_EXIT_LINK);
        assert_int_equal(bench.cpu->state.x[11], 1 + i * (count * count + 2 * count));
    }
    return made;
}

static void full_code_memory_refuses_and_is_usable_again_after_a_flush(void **state)
{
    (void)state;
    unsigned small = 0;
    for (unsigned seed = 2; seed < 8; seed++) {
        bench_create_adverse(seed);
        const size_t limit = host_code_limit(bench.host);
        assert_true(limit <= 1 << 20); /* little code memory, for a test to fill */
        struct host_request request = { .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                        .facts_key = FACTS_KEY };
        assert_true(fill(&request, 200) > 1);
        small += fill(&request, 1); /* so there was still some room: what was refused had been begun */
        host_flush(bench.host);
        request.first_link = 0;
        assert_true(fill(&request, 150) > 1);
        bench_destroy();
    }
    assert_true(small > 6);
}

static void a_block_with_too_many_values_at_once_is_refused_however_much_room_there_is(void **state)
{
    (void)state;
    bench_create();
    struct host_request request = { .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                    .facts_key = FACTS_KEY };
    struct host_code code;
    request.region = products(1100);
    assert_int_equal(host_compile(bench.host, &request, &code), HOST_REFUSED);
    ir_free(request.region);
    request.region = products(1000);
    assert_int_equal(host_compile(bench.host, &request, &code), HOST_COMPILED);
    ir_free(request.region);
    bench.cpu->state.x[10] = 7;
    bench.cpu->state.x[12] = 1;
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(bench.cpu->state.x[11], 1 + 7 * (1000 * 1000 + 2 * 1000));
    bench_destroy();
}

/* x11 = the exclusive or of the lower halves of `count` vectors made of x10, all of them there at once. */
static struct ir_region *splats(unsigned count)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    struct ir_value **values = malloc(count * sizeof(struct ir_value *));
    ir_mark(block, PC, 0);
    struct ir_value *x = ir_get(block, IR_I64, X(10)), *sum = ir_vector_constant(block, 0, 0);
    for (unsigned i = 0; i < count; i++) {
        struct ir_value *word = ir_binary(block, IR_ADD, x, ir_constant(block, IR_I64, (uint64_t)i << i % 50));
        values[i] = ir_vector(block, IR_VSPLAT, IR_LANES(64, 0), word, NULL, NULL);
    }
    for (unsigned i = 0; i < count; i++) {
        sum = ir_vector(block, IR_VXOR, 0, sum, values[i], NULL);
    }
    ir_put(block, X(11), ir_vector(block, IR_VEXTRACT, IR_LANES(64, 0), sum, NULL, NULL));
    ir_exit(block, PC + 4, 1);
    free(values);
    return region;
}

static void a_block_with_too_many_vectors_at_once_is_refused(void **state)
{
    (void)state;
    bench_create();
    struct host_request request = { .facts = { .mode = RISCV_MODE_M, .cache = RISCV_CONTEXT_M },
                                    .facts_key = FACTS_KEY };
    struct host_code code;
    request.region = splats(150);
    assert_int_equal(host_compile(bench.host, &request, &code), HOST_REFUSED);
    ir_free(request.region);
    request.region = splats(128);
    assert_int_equal(host_compile(bench.host, &request, &code), HOST_COMPILED);
    ir_free(request.region);
    bench.cpu->state.x[10] = 7;
    uint64_t sum = 0;
    for (unsigned i = 0; i < 128; i++) {
        sum ^= 7 + ((uint64_t)i << i % 50);
    }
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(bench.cpu->state.x[11], sum);
    bench_destroy();
}

/* Copies 16 bytes from x10 to x11. */
static struct ir_region *copy_vector(void)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC);
    ir_mark(block, PC, 0);
    struct ir_value *loaded = ir_load(block, 16, IR_V128, ir_get(block, IR_I64, X(10)));
    ir_store(block, 16, ir_get(block, IR_I64, X(11)), loaded);
    ir_exit(block, PC + 4, 1);
    return region;
}

static void a_vector_is_loaded_and_stored_across_pages_and_never_in_part(void **state)
{
    (void)state;
    bench_create();
    struct riscv_cpu *cpu = bench.cpu;
    struct host_code code = compile_at(copy_vector(), 0, NULL);
    uint8_t *pages = memory_pointer(bench.fixture.memory, gpa(WINDOW - PAGE_SIZE), 2 * PAGE_SIZE, MEMORY_WRITE);
    for (unsigned offset = 0; offset <= 17; offset++) { /* from beside the boundary to beside it on the other side */
        uint64_t from = PAGE_SIZE - offset, to = PAGE_SIZE - 17 + offset + 0x100;
        memset(pages, 0, 2 * PAGE_SIZE);
        for (unsigned i = 0; i < 16; i++) {
            pages[from + i] = (uint8_t)(i + 1);
        }
        cpu->state.x[10] = WINDOW - PAGE_SIZE + from;
        cpu->state.x[11] = WINDOW - PAGE_SIZE + to;
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
        assert_memory_equal(pages + from, pages + to, 16);
        cpu->state.x[10] = cpu->state.x[11];
        cpu->state.x[11] = WINDOW - PAGE_SIZE + from;
        memset(pages + from, 0, 16);
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
        assert_memory_equal(pages + from, pages + to, 16);
    }
    memset(pages, 1, PAGE_SIZE);
    memset(pages + PAGE_SIZE, 0, PAGE_SIZE);
    cpu->state.x[10] = WINDOW - PAGE_SIZE;
    for (unsigned inside = 1; inside < 16; inside++) { /* beyond the end of RAM */
        cpu->state.x[11] = WINDOW + PAGE_SIZE - inside;
        assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_TRAPPED);
        for (unsigned i = 0; i < 16; i++) {
            assert_int_equal(pages[2 * PAGE_SIZE - 1 - i], 0);
        }
    }
    bench_destroy();
}

/* x12 += the words of 8 bytes from x10 to x11; x13 counts those that are not negative. */
static struct ir_region *sum_of_words(void)
{
    struct ir_region *region = ir_create();
    struct ir_block *head = ir_add_block(region, PC), *count = ir_add_block(region, PC + 12);
    struct ir_block *tail = ir_add_block(region, PC + 16), *end = ir_add_block(region, PC + 24);
    head->is_loop_head = true;
    head->weight = count->weight = tail->weight = 8;
    ir_mark(head, PC, 0);
    struct ir_value *word = ir_load(head, 8, IR_I64, ir_get(head, IR_I64, X(10)));
    ir_put(head, X(14), word);
    ir_mark(head, PC + 4, 1);
    ir_put(head, X(12), ir_binary(head, IR_ADD, ir_get(head, IR_I64, X(12)), ir_get(head, IR_I64, X(14))));
    ir_mark(head, PC + 8, 2);
    struct ir_value *sign = ir_get(head, IR_I64, X(14));
    ir_branch(head, ir_compare(head, IR_LTS, sign, ir_constant(head, IR_I64, 0)), tail, count, 3);
    ir_mark(count, PC + 12, 0);
    add_to_x(count, 13, 1);
    ir_jump(count, tail, 1);
    ir_mark(tail, PC + 16, 0);
    add_to_x(tail, 10, 8);
    ir_mark(tail, PC + 20, 1);
    struct ir_value *at = ir_get(tail, IR_I64, X(10));
    ir_branch(tail, ir_compare(tail, IR_LTU, at, ir_get(tail, IR_I64, X(11))), head, end, 2);
    ir_exit(end, PC + 24, 0);
    ir_optimize(region);
    return region;
}

/* x10 times: x11 += x12, x12 ^= x11, x13 += x11 << 3, x14 counts how often x11 was below x12. */
static struct ir_region *mixing(void)
{
    struct ir_region *region = ir_create();
    struct ir_block *block = ir_add_block(region, PC), *end = ir_add_block(region, PC + 28);
    block->is_loop_head = true;
    block->weight = 8;
    ir_mark(block, PC, 0);
    struct ir_value *sum = ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(11)), ir_get(block, IR_I64, X(12)));
    ir_put(block, X(11), sum);
    struct ir_value *other = ir_binary(block, IR_XOR, ir_get(block, IR_I64, X(12)), sum);
    ir_put(block, X(12), other);
    struct ir_value *scaled = ir_binary(block, IR_SHL, sum, ir_constant(block, IR_I64, 3));
    ir_put(block, X(13), ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(13)), scaled));
    struct ir_value *below = ir_unary(block, IR_ZEXT, IR_I64, ir_compare(block, IR_LTU, sum, other));
    ir_put(block, X(14), ir_binary(block, IR_ADD, ir_get(block, IR_I64, X(14)), below));
    add_to_x(block, 10, UINT64_MAX);
    struct ir_value *left = ir_get(block, IR_I64, X(10));
    ir_branch(block, ir_compare(block, IR_NE, left, ir_constant(block, IR_I64, 0)), block, end, 7);
    ir_exit(end, PC + 28, 0);
    return region;
}

/* How many instructions of the host the first loop in the code takes: up to the first jump back. */
static unsigned loop_length(const struct host_code *code)
{
    enum { LINES_MAX = 256 };
    static unsigned long long places[LINES_MAX];
    unsigned length = 0, count = 0;
    char *text = NULL, *rest = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    host_dump(code, stream);
    fclose(stream);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && length == 0; line = strtok_r(NULL, "\n", &rest)) {
        unsigned long long target;
        assert_true(count < LINES_MAX);
        assert_int_equal(sscanf(line, "%llx", &places[count]), 1);
        const bool is_jump = sscanf(line, "%*x j%*s 0x%llx", &target) == 1;
        for (unsigned i = 0; is_jump && i <= count; i++) {
            length = places[i] == target ? count - i + 1 : length;
        }
        count++;
    }
    free(text);
    assert_int_not_equal(length, 0);
    return length;
}

/* Lengths stand for what makes loops fast: slots in registers, comparisons that are fused with branches, operands in
 * memory, sums by LEA. Lower them with joy. */
static void loops_are_short(void **state)
{
    (void)state;
    if (getenv("RAVELIN_JIT_ADVERSITY") != NULL) {
        return;
    }
    bench_create();
    struct host_code counting = compile_at(countdown(), 0, NULL);
    struct host_code summing = compile_at(sum_of_words(), 1, NULL);
    struct host_code mix = compile_at(mixing(), 2, NULL);
    uint64_t *words = (uint64_t *)(void *)window();
    uint64_t sum = 0;
    for (unsigned i = 0; i < 100; i++) {
        words[i] = i % 3 == 0 ? 0 - (uint64_t)i : i;
        sum += words[i];
    }
    bench.cpu->state.x[10] = WINDOW;
    bench.cpu->state.x[11] = WINDOW + 100 * sizeof words[0];
    assert_int_equal(host_enter(bench.host, summing.checked_entry).exit, HOST_EXIT_LINK);
    assert_int_equal(bench.cpu->state.x[12], sum);
    assert_int_equal(bench.cpu->state.x[13], 67);
    assert_true(loop_length(&counting) <= 8);
    assert_true(loop_length(&summing) <= 18);
    assert_true(loop_length(&mix) <= 15);
    bench_destroy();
}

/* Mappings of this process: whose permissions have all these letters. */
static unsigned count_mappings(const char *permissions)
{
    char line[512], mode[5];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        bool all = sscanf(line, "%*s %4s", mode) == 1;
        for (const char *letter = permissions; *letter != 0; letter++) {
            all = all && strchr(mode, *letter) != NULL;
        }
        count += all;
    }
    fclose(maps);
    return count;
}

static void nothing_is_ever_writable_and_executable(void **state)
{
    (void)state;
    const unsigned executable = count_mappings("x");
    assert_true(executable > 0);
    bench_create();
    assert_int_equal(count_mappings("x"), executable + 1);
    assert_int_equal(count_mappings("wx"), 0);
    struct host_code code = compile_at(step(1, PC + 4), 0, NULL);
    assert_int_equal(count_mappings("wx"), 0);
    assert_int_equal(host_enter(bench.host, code.checked_entry).exit, HOST_EXIT_LINK);
    host_flush(bench.host);
    assert_int_equal(count_mappings("wx"), 0);
    bench_destroy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unlinked_exit_says_its_number_and_a_linked_one_goes_on),
        cmocka_unit_test(an_indirect_jump_finds_its_target_in_the_jump_cache),
        cmocka_unit_test(an_indirect_jump_goes_to_any_of_many_blocks),
        cmocka_unit_test(a_loop_runs_to_its_end_and_counts_its_instructions),
        cmocka_unit_test(a_loop_pays_attention_with_its_state_exact),
        cmocka_unit_test(an_entry_refuses_other_facts_and_moved_pages),
        cmocka_unit_test(a_fault_leaves_what_came_before_it_and_nothing_after),
        cmocka_unit_test(a_device_is_told_no_bits_beyond_the_size_of_a_store),
        cmocka_unit_test(single_precision_is_boxed_wherever_it_can_be_seen),
        cmocka_unit_test(a_box_that_is_used_whole_outlives_a_call),
        cmocka_unit_test(without_links_no_region_is_made_until_a_flush),
        cmocka_unit_test(full_code_memory_refuses_and_is_usable_again_after_a_flush),
        cmocka_unit_test(a_block_with_too_many_values_at_once_is_refused_however_much_room_there_is),
        cmocka_unit_test(a_block_with_too_many_vectors_at_once_is_refused),
        cmocka_unit_test(a_vector_is_loaded_and_stored_across_pages_and_never_in_part),
        cmocka_unit_test(loops_are_short),
        cmocka_unit_test(nothing_is_ever_writable_and_executable),
        cmocka_unit_test(random_regions_do_what_the_evaluator_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
