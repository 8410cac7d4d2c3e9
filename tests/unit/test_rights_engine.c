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
#include "engine/interp/interp.h"
#include "memory/restart.h"
#include "memory/rights.h"
#include "memory/straggler.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE           (RAM_BASE + 0x1000)
#define DATA           (RAM_BASE + 0x100000) /* pages that are loaded from and stored to, and one more */
#define FUNCTIONS      (RAM_BASE + 0x200000) /* pages that are executed */
#define COUNTERS       (RAM_BASE + 0x300000) /* what each function counts, a page each */
#define LOGS           (RAM_BASE + 0x400000) /* the last value each hart has loaded, a page each */
#define TABLES         (RAM_BASE + 0x500000) /* page tables: root, middle, and the last one, of 4 KiB pages */
#define LAST_TABLE     (TABLES + 2 * PAGE_SIZE)
#define ASTRAY         (RAM_BASE + 0x600000) /* where no page table points that may be read */
#define DATA_COUNT     64u
#define FUNCTION_COUNT 16u
#define HART_COUNT     4u
#define PAGE_WORDS     (PAGE_SIZE / sizeof(uint64_t))
#define FUNCTION_AT    42u /* position in the program */
#define PATIENCE       30  /* seconds */

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

/* A thread sanitizer puts signal handlers off, so that the library installs none; and takes the guest's own races for
 * ours: those of misaligned stores, which are not atomic. */
#if defined(__SANITIZE_THREAD__)
#define HANDLERS_ARE_LATE
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HANDLERS_ARE_LATE
#endif
#endif

/* How harts run. */
enum {
    ALL_IN_LINE = 1, /* without accesses that translated code leaves to C functions */
    CROOKED = 4,     /* accesses by C functions stand between accesses in line, which keep what they have found */
    PAGED = 2,       /* data through page tables: by MPRV with the rights of U */
};

struct stress {
    struct fixture fixture;
    struct rights *rights;
    pthread_t threads[HART_COUNT];
    uint64_t seed;
    uint64_t data_count; /* pages in use: few where an access is to be met in its middle */
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

/* To stand in the place of what translated code leaves to C functions: more stores near each other. */
#define IN_LINE_AT 18u
static const uint32_t in_line[] = {
    0x0262b023, /* sd t1, 32(t0) */
    0x0462b023, /* sd t1, 64(t0) */
    0x0662b023, /* sd t1, 96(t0) */
    0x0862b023, /* sd t1, 128(t0) */
    0x0a62b023, /* sd t1, 160(t0) */
    0x0c62b023, /* sd t1, 192(t0) */
};

static const uint32_t crooked[] = {
    0x0262b023, /* sd t1, 32(t0) */
    0x4062b2a3, /* sd t1, 1029(t0) */
    0x0462b023, /* sd t1, 64(t0) */
    0x4062b6a3, /* sd t1, 1037(t0) */
    0x0662b023, /* sd t1, 96(t0) */
    0x4062baa3, /* sd t1, 1045(t0) */
};

static void put_program(struct stress *stress, unsigned how)
{
    struct memory *memory = stress->fixture.memory;
    assert_true(memory_write(memory, gpa(CODE), program, sizeof program));
    if ((how & ALL_IN_LINE) != 0) {
        assert_true(memory_write(memory, gpa(CODE + IN_LINE_AT * sizeof in_line[0]), in_line, sizeof in_line));
    }
    if ((how & CROOKED) != 0) {
        assert_true(memory_write(memory, gpa(CODE + IN_LINE_AT * sizeof crooked[0]), crooked, sizeof crooked));
    }
    for (unsigned i = 0; i < FUNCTION_COUNT; i++) {
        assert_true(memory_write(memory, gpa(FUNCTIONS + i * PAGE_SIZE), program + FUNCTION_AT,
                                 sizeof program - FUNCTION_AT * sizeof program[0]));
    }
}

#define PTE_POINTER UINT64_C(0x01)
#define PTE_PAGE    UINT64_C(0x17) /* valid, readable, writable, of user mode */
#define PTE_USED    UINT64_C(0xc0) /* accessed, dirty */

static uint64_t entry_for(uint64_t address, uint64_t bits)
{
    return address >> PAGE_SHIFT << 10 | bits;
}

/* Harts use the same words meanwhile. */
static _Atomic uint64_t *words_of(const struct stress *stress, uint64_t address)
{
    return memory_pointer(stress->fixture.memory, gpa(address), PAGE_SIZE, MEMORY_READ);
}

/* Sv39, every address as it is: the first 2 MiB, where the data pages are, by pages of 4 KiB. */
static void put_tables(struct stress *stress)
{
    _Atomic uint64_t *root = words_of(stress, TABLES), *middle = words_of(stress, TABLES + PAGE_SIZE);
    _Atomic uint64_t *last = words_of(stress, LAST_TABLE);
    root[RAM_BASE >> 30] = entry_for(TABLES + PAGE_SIZE, PTE_POINTER);
    middle[0] = entry_for(LAST_TABLE, PTE_POINTER);
    for (unsigned i = 1; i < RAM_SIZE >> 21; i++) {
        middle[i] = entry_for(RAM_BASE + ((uint64_t)i << 21), PTE_PAGE | PTE_USED);
    }
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        last[i] = entry_for(RAM_BASE + i * PAGE_SIZE, PTE_PAGE);
    }
}

static void use_tables(struct riscv_cpu *cpu)
{
    riscv_set_mstatus_MPRV(&cpu->state, 1);
    riscv_set_mstatus_MPP(&cpu->state, RISCV_MODE_U);
    cpu->state.csr.satp = UINT64_C(8) << 60 | TABLES >> PAGE_SHIFT;
}

static void prepare(struct stress *stress, enum engine_kind kind, unsigned how, unsigned hart_count)
{
    struct error error;
    fixture_create_levels(&stress->fixture, 16, hart_count, 2);
    stress->rights = rights_of(stress->fixture.memory);
    stress->seed = 0x5eed;
    stress->data_count = (how & ALL_IN_LINE) != 0 ? 4 : DATA_COUNT;
#if defined(HANDLERS_ARE_LATE)
    how |= ALL_IN_LINE;
#endif
    put_program(stress, how);
    put_tables(stress);
    for (unsigned i = 0; i < hart_count; i++) {
        struct riscv_cpu *cpu = stress->fixture.machine->cpus[i];
        cpu->state.pc = CODE;
        cpu->state.x[10] = DATA;
        cpu->state.x[11] = stress->data_count - 1;
        cpu->state.x[12] = FUNCTIONS;
        cpu->state.x[13] = FUNCTION_COUNT - 1;
        cpu->state.x[14] = COUNTERS;
        cpu->state.x[15] = i * sizeof(uint64_t);
        cpu->state.x[18] = 99 + i;
        cpu->state.x[20] = LOGS + i * PAGE_SIZE;
        if ((how & PAGED) != 0) {
            use_tables(cpu);
            riscv_pmp_open(cpu);
        }
        riscv_cpu_state_changed(cpu);
        assert_true(engine_create(cpu, kind, &error));
        interp_heat_after(cpu, 64); /* hot soon */
    }
}

static void begin(struct stress *stress)
{
    for (unsigned i = 0; i < HART_COUNT; i++) {
        struct riscv_cpu *cpu = stress->fixture.machine->cpus[i];
        vcpu_take(&cpu->vcpu, VCPU_STOP); /* of the end before */
        assert_int_equal(pthread_create(&stress->threads[i], NULL, run_hart, cpu), 0);
    }
}

/* Returns how many traps harts have taken so far. */
static uint64_t end(struct stress *stress)
{
    uint64_t traps = 0;
    for (unsigned i = 0; i < HART_COUNT; i++) {
        vcpu_request(&stress->fixture.machine->cpus[i]->vcpu, VCPU_STOP);
    }
    for (unsigned i = 0; i < HART_COUNT; i++) {
        pthread_join(stress->threads[i], NULL);
        traps += stress->fixture.machine->cpus[i]->state.x[19];
    }
    return traps;
}

static void clean_up(struct stress *stress)
{
    uint64_t instructions = 0, traps = 0;
    for (unsigned i = 0; i < HART_COUNT; i++) {
        struct riscv_cpu *cpu = stress->fixture.machine->cpus[i];
        instructions += cpu->instructions;
        traps += cpu->state.x[19];
        engine_destroy(cpu);
    }
    struct rights_statistics statistics = rights_statistics(stress->rights);
    print_message(
        "# %llu changes of %.0f us, at most %.0f us, with %llu waits, %llu signals and %llu yields; %llu instructions, "
        "%llu traps\n",
        (unsigned long long)stress->changes, stress->time * 1e6 / (double)stress->changes, stress->longest * 1e6,
        (unsigned long long)statistics.waits, (unsigned long long)statistics.signals,
        (unsigned long long)statistics.yields, (unsigned long long)instructions, (unsigned long long)traps);
    fixture_destroy(&stress->fixture);
    assert_true(instructions > 0 && traps > 0);
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
    uint64_t address = DATA + next_random(&stress->seed) % stress->data_count * PAGE_SIZE;
    _Atomic uint64_t *words = words_of(stress, address);
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
    uint64_t address = DATA + next_random(&stress->seed) % stress->data_count * PAGE_SIZE;
    uint64_t secret = UINT64_C(0x5ec0) << 48 | stress->changes << 8;
    _Atomic uint64_t *words = words_of(stress, address);
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
    _Atomic uint64_t *counters = words_of(stress, COUNTERS + number * PAGE_SIZE);
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

/* A table that may not be written gets no accessed and dirty bits. */
static void stop_marking(struct stress *stress)
{
    _Atomic uint64_t *entries = words_of(stress, LAST_TABLE) + (DATA - RAM_BASE) / PAGE_SIZE;
    uint64_t number = next_random(&stress->seed) % stress->data_count;
    change(stress, LAST_TABLE, ATTRIBUTE_WRITE);
    uint64_t clean = entries[number] & ~PTE_USED;
    entries[number] = clean;
    wait_a_while(stress);
    stress->violations += entries[number] != clean;
    change(stress, LAST_TABLE, 0);
}

/* A table that may not be read leads nobody astray. */
static void stop_walking(struct stress *stress)
{
    _Atomic uint64_t *entries = words_of(stress, LAST_TABLE) + (DATA - RAM_BASE) / PAGE_SIZE;
    uint64_t number = next_random(&stress->seed) % stress->data_count;
    change(stress, LAST_TABLE, ATTRIBUTE_READ | ATTRIBUTE_WRITE);
    uint64_t kept = entries[number];
    entries[number] = entry_for(ASTRAY, PTE_PAGE | PTE_USED);
    wait_a_while(stress);
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        stress->violations += words_of(stress, ASTRAY)[i] != 0;
    }
    entries[number] = kept;
    change(stress, LAST_TABLE, 0);
}

static void run(enum engine_kind kind, unsigned how, void (*const *trials)(struct stress *stress), unsigned trial_count)
{
    if (kind == ENGINE_JIT && !engine_has_jit()) {
        skip();
    }
    const char *text = getenv("RAVELIN_RIGHTS_SECONDS");
    double seconds = text != NULL ? strtod(text, NULL) : 1;
    struct stress stress = { 0 };
    prepare(&stress, kind, how, HART_COUNT);
    const double start = now();
    do { /* once, unless the host is so busy that no hart has met with a change */
        begin(&stress);
        double until = now() + seconds;
        while (now() < until) {
            trials[next_random(&stress.seed) % trial_count](&stress);
        }
    } while (end(&stress) == 0 && now() < start + PATIENCE);
    clean_up(&stress);
    assert_int_equal(stress.violations, 0);
}

static void (*const all[])(struct stress *stress) = { stop_writing, stop_reading, stop_executing };
static void (*const all_paged[])(struct stress *stress) = { stop_writing, stop_reading, stop_executing, stop_marking,
                                                            stop_walking };

static void (*const all_walked[])(struct stress *stress) = { stop_writing, stop_reading, stop_marking, stop_walking };

static void interpreted_code_uses_no_right_after_it_was_taken(void **state)
{
    (void)state;
    run(ENGINE_INTERP, 0, all, 3);
}

static void translated_code_uses_no_right_after_it_was_taken(void **state)
{
    (void)state;
    run(ENGINE_JIT, 0, all, 3);
}

/* Without fetches, and with accesses in line: changers hardly ever wait for code that does not run. */
static void translated_code_that_is_interrupted_begins_its_access_again(void **state)
{
    (void)state;
    run(ENGINE_JIT, ALL_IN_LINE, all, 2);
}

static void page_walks_of_interpreted_code_use_no_right_after_it_was_taken(void **state)
{
    (void)state;
    run(ENGINE_INTERP, PAGED, all_paged, 5);
}

static void page_walks_of_translated_code_use_no_right_after_it_was_taken(void **state)
{
    (void)state;
    run(ENGINE_JIT, PAGED, all_paged, 5);
}

/* Nobody's right to fetch is taken, which alone is waited for: all accesses are C code's. */
static void interpreted_code_that_is_interrupted_begins_its_access_again(void **state)
{
    (void)state;
    run(ENGINE_INTERP, 0, all, 2);
}

static void c_code_of_translated_code_that_is_interrupted_begins_its_access_again(void **state)
{
    (void)state;
    run(ENGINE_JIT, 0, all, 2);
}

static void page_walks_that_are_interrupted_begin_again(void **state)
{
    (void)state;
    run(ENGINE_INTERP, PAGED, all_walked, 4);
}

/* ---- Frozen anywhere --------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && !defined(HANDLERS_ARE_LATE)
/*
 * Now and then a hart's thread takes one host instruction after the other, by the trap flag. At one of them its trap
 * handler takes the right to write from a page, as another thread would: for whoever changes rights the hart's thread
 * does not run then, so that a signal is left pending on it, which arrives when the trap handler returns. From then on
 * nothing may be stored in that page.
 */
#define TRAP_FLAG 0x100
#define STEPS_MAX 100u /* in search of a place to begin a trial */

static struct stepper {
    struct stress *stress;
    struct riscv_cpu *cpu;
    uint32_t states; /* enum riscv_undoable, a bit each: where trials begin */
    uint64_t seed;
    uint64_t page; /* address; 0: none is watched */
    uint64_t seen[PAGE_WORDS];
    unsigned steps;
    _Atomic uint64_t trials, in_access;
    _Atomic bool is_asked; /* for a trial, or for the end of one */
} stepper;

/* The hart has the right to write to the page, and may be about to use it. */
static bool is_in_use(uint64_t page)
{
    const struct riscv_cpu *cpu = stepper.cpu;
    return tlb_entry(cpu->data_tlb, page)->write == page || cpu->direct[RISCV_DIRECT_DATA].write == page ||
           cpu->direct[RISCV_DIRECT_BEYOND].write == page;
}

static bool begin_trial(void)
{
    uint64_t address = DATA + next_random(&stepper.seed) % stepper.stress->data_count * PAGE_SIZE;
    uint64_t page = address >> PAGE_SHIFT;
    size_t failed;
    if (!is_in_use(address)) {
        return false;
    }
    CHECK(rights_change(stepper.stress->rights, NULL, 1, ATTRIBUTE_WRITE, &page, 1, &failed));
    stepper.trials++;
    stepper.page = address;
    memcpy(stepper.seen, (const void *)(uintptr_t)words_of(stepper.stress, stepper.page), PAGE_SIZE);
    return true;
}

static void end_trial(void)
{
    const void *now_there = (const void *)(uintptr_t)words_of(stepper.stress, stepper.page);
    stepper.stress->violations += memcmp(stepper.seen, now_there, PAGE_SIZE) != 0;
    gpa_t address = gpa(stepper.page);
    attributes_store(memory_find(stepper.stress->fixture.memory, address), address, 0);
    stepper.page = 0;
}

/* C code is in the middle of an access: where trials are worth most, and rare. */
static bool is_in_access(const ucontext_t *registers)
{
    ucontext_t copy = *registers;
    restart_undo(&copy);
    return copy.uc_mcontext.gregs[REG_RIP] != registers->uc_mcontext.gregs[REG_RIP];
}

static bool is_worth_a_trial(const ucontext_t *registers)
{
    if ((stepper.states >> stepper.cpu->undoable & 1) == 0) {
        return false;
    }
    bool in_access = is_in_access(registers);
    bool begun = next_random(&stepper.seed) % (in_access ? 4 : 64) == 0 && begin_trial();
    stepper.in_access += begun && in_access;
    return begun;
}

static void take_step(int number, siginfo_t *info, void *registers)
{
    (void)number, (void)info;
    greg_t *flags = &((ucontext_t *)registers)->uc_mcontext.gregs[REG_EFL];
    bool goes_on = false;
    if (stepper.page != 0) {
        end_trial();
    } else {
        goes_on = !is_worth_a_trial(registers) && ++stepper.steps < STEPS_MAX;
    }
    if (goes_on) {
        *flags |= TRAP_FLAG;
    } else {
        *flags &= ~(greg_t)TRAP_FLAG;
        stepper.steps = 0;
        atomic_store(&stepper.is_asked, false);
    }
}

static void step(enum engine_kind kind, unsigned how, uint32_t states)
{
    const char *text = getenv("RAVELIN_RIGHTS_SECONDS");
    struct sigaction action = { .sa_sigaction = take_step, .sa_flags = SA_SIGINFO }, before;
    if (kind == ENGINE_JIT && !engine_has_jit()) {
        skip();
    }
    sigfillset(&action.sa_mask);
    assert_int_equal(sigaction(SIGTRAP, &action, &before), 0);
    struct stress stress = { 0 };
    prepare(&stress, kind, how, 1);
    stress.data_count = 2; /* nearly every change concerns the hart */
    struct riscv_cpu *cpu = stress.fixture.cpu;
    cpu->state.x[11] = stress.data_count - 1;
    stepper = (struct stepper){ .stress = &stress, .cpu = cpu, .states = states, .seed = 77 };
    pthread_t hart;
    assert_int_equal(pthread_create(&hart, NULL, run_hart, cpu), 0);
    double until = now() + (text != NULL ? strtod(text, NULL) : 1);
    while (now() < until || stepper.trials == 0) {
        usleep(50); /* most of what is to be translated has been, after some of these */
        atomic_store(&stepper.is_asked, true);
        pthread_kill(hart, SIGTRAP);
        while (atomic_load(&stepper.is_asked)) {
            usleep(10);
        }
    }
    vcpu_request(&cpu->vcpu, VCPU_STOP);
    pthread_join(hart, NULL);
    sigaction(SIGTRAP, &before, NULL);
    print_message("# %llu changes, %llu in the middle of an access of C code, %llu signals\n",
                  (unsigned long long)stepper.trials, (unsigned long long)stepper.in_access,
                  (unsigned long long)rights_statistics(stress.rights).signals);
    engine_destroy(cpu);
    fixture_destroy(&stress.fixture);
    assert_int_equal(stress.violations, 0);
}

#define IN_TRANSLATED_CODE (1u << RISCV_UNDOABLE_TRANSLATED)
#define IN_C_CODE          (1u << RISCV_UNDOABLE_C)

static void an_access_can_be_undone_wherever_it_is_interrupted(void **state)
{
    (void)state;
    step(ENGINE_JIT, ALL_IN_LINE, IN_TRANSLATED_CODE);
}

static void an_access_of_the_interpreter_can_be_undone_wherever_it_is_interrupted(void **state)
{
    (void)state;
    step(ENGINE_INTERP, 0, IN_C_CODE);
}

static void an_access_of_c_code_of_translated_code_can_be_undone_wherever_it_is_interrupted(void **state)
{
    (void)state;
    step(ENGINE_JIT, 0, IN_C_CODE);
}

static void what_translated_code_keeps_over_c_code_can_be_undone(void **state)
{
    (void)state;
    step(ENGINE_JIT, CROOKED, IN_C_CODE);
}

static void a_page_walk_can_be_undone_wherever_it_is_interrupted(void **state)
{
    (void)state;
    step(ENGINE_INTERP, PAGED, IN_C_CODE);
}
#else
static void an_access_can_be_undone_wherever_it_is_interrupted(void **state)
{
    (void)state;
    print_message("# left out: it single-steps x86-64, and a thread sanitizer's handlers come too late for that\n");
}
#define an_access_of_the_interpreter_can_be_undone_wherever_it_is_interrupted \
    an_access_can_be_undone_wherever_it_is_interrupted
#define an_access_of_c_code_of_translated_code_can_be_undone_wherever_it_is_interrupted \
    an_access_can_be_undone_wherever_it_is_interrupted
#define what_translated_code_keeps_over_c_code_can_be_undone an_access_can_be_undone_wherever_it_is_interrupted
#define a_page_walk_can_be_undone_wherever_it_is_interrupted an_access_can_be_undone_wherever_it_is_interrupted
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interpreted_code_uses_no_right_after_it_was_taken),
        cmocka_unit_test(translated_code_uses_no_right_after_it_was_taken),
        cmocka_unit_test(translated_code_that_is_interrupted_begins_its_access_again),
        cmocka_unit_test(page_walks_of_interpreted_code_use_no_right_after_it_was_taken),
        cmocka_unit_test(page_walks_of_translated_code_use_no_right_after_it_was_taken),
        cmocka_unit_test(interpreted_code_that_is_interrupted_begins_its_access_again),
        cmocka_unit_test(c_code_of_translated_code_that_is_interrupted_begins_its_access_again),
        cmocka_unit_test(page_walks_that_are_interrupted_begin_again),
        cmocka_unit_test(an_access_can_be_undone_wherever_it_is_interrupted),
        cmocka_unit_test(an_access_of_the_interpreter_can_be_undone_wherever_it_is_interrupted),
        cmocka_unit_test(an_access_of_c_code_of_translated_code_can_be_undone_wherever_it_is_interrupted),
        cmocka_unit_test(what_translated_code_keeps_over_c_code_can_be_undone),
        cmocka_unit_test(a_page_walk_can_be_undone_wherever_it_is_interrupted),
    };
    if (getenv("ONLY") != NULL) {
        cmocka_set_test_filter(getenv("ONLY"));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
