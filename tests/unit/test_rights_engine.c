/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No instruction uses a right to a page after the call that took it has returned: harts run on an engine, touch and
 * execute pages at random, and a changer takes rights from some of them, looks at what is there when the call has
 * returned, and looks again later. More harts than most hosts have cores, so that some are always preempted.
 *
 * Runs for a moment; RAVELIN_RIGHTS_SECONDS makes it run longer.
 */
#include "test_riscv_fixture.h"

#include "engine/engine.h"
#include "memory/rights.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define CODE           (RAM_BASE + 0x1000)
#define DATA           (RAM_BASE + 0x100000) /* pages that are loaded from and stored to, and one more */
#define FUNCTIONS      (RAM_BASE + 0x200000) /* pages that are executed */
#define COUNTERS       (RAM_BASE + 0x300000) /* what each function counts, a page each */
#define LOGS           (RAM_BASE + 0x400000) /* the last value each hart has loaded, a page each */
#define DATA_COUNT     64u
#define FUNCTION_COUNT 16u
#define HART_COUNT     4u
#define PAGE_WORDS     (PAGE_SIZE / sizeof(uint64_t))
#define FUNCTION_AT    42u /* position in the program */

/* a0 data pages, a1 mask of their numbers, a2 functions, a3 mask of their numbers, a4 counters, a5 offset of the hart's
 * own words, s2 random, s4 the hart's log; s3 counts traps. */
static const uint32_t program[] = {
    0x00000297, /* entry:    auipc t0, %hi(handler) */
    0x08028293, /*           addi t0, t0, %lo(handler) */
    0x30529073, /*           csrw mtvec, t0 */
    0x00d91293, /* loop:     slli t0, s2, 13 */
    0x00594933, /*           xor s2, s2, t0 */
    0x00795293, /*           srli t0, s2, 7 */
    0x00594933, /*           xor s2, s2, t0 */
    0x01191293, /*           slli t0, s2, 17 */
    0x00594933, /*           xor s2, s2, t0 */
    0x00b972b3, /*           and t0, s2, a1 */
    0x00c29293, /*           slli t0, t0, 12 */
    0x00a282b3, /*           add t0, t0, a0 */
    0x00f282b3, /*           add t0, t0, a5 */
    0x0002b303, /*           ld t1, 0(t0) */
    0x00130313, /*           addi t1, t1, 1 */
    0x006a3023, /*           sd t1, 0(s4) */
    0x0062b023, /*           sd t1, 0(t0) */
    0x4062b023, /*           sd t1, 1024(t0) */
    0x20028393, /*           addi t2, t0, 512 */
    0x0063b02f, /*           amoadd.d zero, t1, (t2) */
    0x40528393, /*           addi t2, t0, 1029 */
    0x3063b023, /*           sd t1, 768(t2) */
    0x7ff28393, /*           addi t2, t0, 2047 */
    0x7e63be23, /*           sd t1, 2044(t2) */
    0x01495293, /*           srli t0, s2, 20 */
    0x00d2f2b3, /*           and t0, t0, a3 */
    0x00c29293, /*           slli t0, t0, 12 */
    0x00e28e33, /*           add t3, t0, a4 */
    0x00fe0e33, /*           add t3, t3, a5 */
    0x00c282b3, /*           add t0, t0, a2 */
    0x000280e7, /*           jalr ra, t0 */
    0xf91ff06f, /*           j loop */
    0x34202f73, /* handler:  csrr t5, mcause */
    0x00198993, /*           addi s3, s3, 1 */
    0x00100f93, /*           addi t6, zero, 1 */
    0x01ff0a63, /*           beq t5, t6, fetch */
    0x34102f73, /*           csrr t5, mepc */
    0x004f0f13, /*           addi t5, t5, 4 */
    0x341f1073, /*           csrw mepc, t5 */
    0x30200073, /*           mret */
    0x34109073, /* fetch:    csrw mepc, ra */
    0x30200073, /*           mret */
    0x000e3e83, /* function: ld t4, 0(t3) */
    0x001e8e93, /*           addi t4, t4, 1 */
    0x01de3023, /*           sd t4, 0(t3) */
    0x00008067, /*           ret */
};

struct stress {
    struct fixture fixture;
    struct rights *rights;
    pthread_t threads[HART_COUNT];
    uint64_t seed;
    uint64_t changes, violations;
    double time, longest; /* spent in calls */
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *run_hart(void *context)
{
    engine_run(context);
    return NULL;
}

/* Of the program: accesses that translated code leaves to C functions. */
static const unsigned left_to_c[] = { 19, 21, 23 };

static void put_program(struct stress *stress, bool in_line)
{
    struct memory *memory = stress->fixture.memory;
    const uint32_t nop = 0x00000013;
    assert_true(memory_write(memory, gpa(CODE), program, sizeof program));
    for (unsigned i = 0; in_line && i < sizeof left_to_c / sizeof *left_to_c; i++) {
        assert_true(memory_write(memory, gpa(CODE + left_to_c[i] * sizeof nop), &nop, sizeof nop));
    }
    for (unsigned i = 0; i < FUNCTION_COUNT; i++) {
        assert_true(memory_write(memory, gpa(FUNCTIONS + i * PAGE_SIZE), program + FUNCTION_AT,
                                 sizeof program - FUNCTION_AT * sizeof program[0]));
    }
}

static void begin(struct stress *stress, enum engine_kind kind, bool in_line)
{
    struct error error;
    fixture_create_levels(&stress->fixture, 0, HART_COUNT, 2);
    stress->rights = rights_of(stress->fixture.memory);
    stress->seed = 0x5eed;
    put_program(stress, in_line);
    for (unsigned i = 0; i < HART_COUNT; i++) {
        struct riscv_cpu *cpu = stress->fixture.machine->cpus[i];
        cpu->state.pc = CODE;
        cpu->state.x[10] = DATA;
        cpu->state.x[11] = DATA_COUNT - 1;
        cpu->state.x[12] = FUNCTIONS;
        cpu->state.x[13] = FUNCTION_COUNT - 1;
        cpu->state.x[14] = COUNTERS;
        cpu->state.x[15] = i * sizeof(uint64_t);
        cpu->state.x[18] = 99 + i;
        cpu->state.x[20] = LOGS + i * PAGE_SIZE;
        riscv_cpu_state_changed(cpu);
        assert_true(engine_create(cpu, kind, &error));
    }
    for (unsigned i = 0; i < HART_COUNT; i++) {
        assert_int_equal(pthread_create(&stress->threads[i], NULL, run_hart, stress->fixture.machine->cpus[i]), 0);
    }
}

static void end(struct stress *stress)
{
    uint64_t instructions = 0, traps = 0;
    for (unsigned i = 0; i < HART_COUNT; i++) {
        vcpu_request(&stress->fixture.machine->cpus[i]->vcpu, VCPU_STOP);
    }
    for (unsigned i = 0; i < HART_COUNT; i++) {
        struct riscv_cpu *cpu = stress->fixture.machine->cpus[i];
        pthread_join(stress->threads[i], NULL);
        instructions += cpu->instructions;
        traps += cpu->state.x[19];
        engine_destroy(cpu);
    }
    struct rights_statistics statistics = rights_statistics(stress->rights);
    print_message(
        "# %llu changes of %.0f us, at most %.0f us, with %llu waits and %llu signals; %llu instructions, %llu "
        "traps\n",
        (unsigned long long)stress->changes, stress->time * 1e6 / (double)stress->changes, stress->longest * 1e6,
        (unsigned long long)statistics.waits, (unsigned long long)statistics.signals, (unsigned long long)instructions,
        (unsigned long long)traps);
    fixture_destroy(&stress->fixture);
    assert_true(instructions > 0 && traps > 0);
}

static volatile uint64_t *words_of(const struct stress *stress, uint64_t address)
{
    return memory_pointer(stress->fixture.memory, gpa(address), PAGE_SIZE, MEMORY_READ);
}

static void change(struct stress *stress, uint64_t address, unsigned denied)
{
    uint64_t page = address >> PAGE_SHIFT;
    size_t failed;
    double begun = now();
    assert_true(rights_change(stress->rights, NULL, 1, denied, &page, 1, &failed));
    double time = now() - begun;
    stress->time += time;
    stress->longest = time > stress->longest ? time : stress->longest;
    stress->changes++;
}

/* Mostly not at all: then harts are in the middle of their own, and not in that of trap handlers. */
static void wait_a_while(struct stress *stress)
{
    uint64_t chance = next_random(&stress->seed) % 64;
    for (uint64_t i = 0; chance == 0 && i < 4; i++) {
        sched_yield();
    }
    for (unsigned i = 0; i < 1000 && chance < 8; i++) {
        __asm__ volatile("" ::: "memory");
    }
}

/* A page that nobody may write is as it was. */
static void stop_writing(struct stress *stress)
{
    uint64_t address = DATA + next_random(&stress->seed) % DATA_COUNT * PAGE_SIZE;
    volatile uint64_t *words = words_of(stress, address);
    uint64_t seen[PAGE_WORDS];
    change(stress, address, ATTRIBUTE_WRITE);
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        seen[i] = words[i];
    }
    wait_a_while(stress);
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        stress->violations += seen[i] != words[i];
    }
    change(stress, address, 0);
}

/* What is written to a page that nobody may read is seen by nobody. */
static void stop_reading(struct stress *stress)
{
    uint64_t address = DATA + next_random(&stress->seed) % DATA_COUNT * PAGE_SIZE;
    uint64_t secret = UINT64_C(0x5ec0) << 48 | stress->changes << 8;
    volatile uint64_t *words = words_of(stress, address);
    uint64_t kept[HART_COUNT];
    change(stress, address, ATTRIBUTE_READ | ATTRIBUTE_WRITE);
    for (unsigned i = 0; i < HART_COUNT; i++) {
        kept[i] = words[i];
        words[i] = secret;
    }
    wait_a_while(stress);
    for (unsigned i = 0; i < HART_COUNT; i++) {
        stress->violations += words[i] != secret;
        stress->violations += *words_of(stress, LOGS + i * PAGE_SIZE) == secret + 1;
        words[i] = kept[i];
    }
    change(stress, address, 0);
}

/* A function that nobody may execute does not count. */
static void stop_executing(struct stress *stress)
{
    uint64_t number = next_random(&stress->seed) % FUNCTION_COUNT;
    volatile uint64_t *counters = words_of(stress, COUNTERS + number * PAGE_SIZE);
    uint64_t seen[HART_COUNT];
    change(stress, FUNCTIONS + number * PAGE_SIZE, ATTRIBUTE_KERNEL | ATTRIBUTE_USER);
    for (unsigned i = 0; i < HART_COUNT; i++) {
        seen[i] = counters[i];
    }
    wait_a_while(stress);
    for (unsigned i = 0; i < HART_COUNT; i++) {
        stress->violations += seen[i] != counters[i];
    }
    change(stress, FUNCTIONS + number * PAGE_SIZE, 0);
}

static void run(enum engine_kind kind, bool in_line, void (*const *trials)(struct stress *stress), unsigned trial_count)
{
    if (kind == ENGINE_JIT && !engine_has_jit()) {
        skip();
    }
    const char *text = getenv("RAVELIN_RIGHTS_SECONDS");
    double seconds = text != NULL ? strtod(text, NULL) : 1;
    struct stress stress = { 0 };
    begin(&stress, kind, in_line);
    double until = now() + seconds;
    while (now() < until) {
        trials[next_random(&stress.seed) % trial_count](&stress);
    }
    end(&stress);
    assert_int_equal(stress.violations, 0);
}

static void (*const all[])(struct stress *stress) = { stop_writing, stop_reading, stop_executing };

static void interpreted_code_uses_no_right_after_it_was_taken(void **state)
{
    (void)state;
    run(ENGINE_INTERP, false, all, 3);
}

static void translated_code_uses_no_right_after_it_was_taken(void **state)
{
    (void)state;
    run(ENGINE_JIT, false, all, 3);
}

/* Without fetches, and with accesses in line: changers hardly ever wait for code that does not run. */
static void translated_code_that_is_interrupted_begins_its_access_again(void **state)
{
    (void)state;
    run(ENGINE_JIT, true, all, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interpreted_code_uses_no_right_after_it_was_taken),
        cmocka_unit_test(translated_code_uses_no_right_after_it_was_taken),
        cmocka_unit_test(translated_code_that_is_interrupted_begins_its_access_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
