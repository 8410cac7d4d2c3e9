/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockstep DESCRIPTION [INSTRUCTIONS [SEED]] [--stops] [--adverse]: runs random programs that get hot (loops.h) on the
 * JIT and, on a second machine, on the interpreter, and compares them wherever the JIT's translated code gives way: all
 * registers, traps taken, retired instructions, the data, and in the end all memory. Between two such places pages are
 * remapped and interrupts raised, at the same instruction in both machines.
 *
 * With --stops another thread asks the JIT's hart to stop at random moments, so that it also leaves in the middle of
 * what it would do in one go; where, no seed decides.
 *
 * With --adverse the back end chooses badly on purpose (RAVELIN_JIT_ADVERSITY, engine/jit/x86_64/host.c), for each
 * program by its seed.
 *
 * With RAVELIN_DUMP set it prints what the JIT makes, as IR and as host code.
 *
 * Prints the seed of each program; the first difference ends it with a report. Default 1,000,000 instructions; SEED
 * defaults to RAVELIN_SEED or the clock. A run of a million or more fails, too, if the JIT has not done its part.
 */
#include "../splitmix.h"
#include "loops.h"
#include "machine.h"

#include "arch/riscv/cpu_model.h"
#include "engine/interp/interp.h"
#include "engine/jit/jit.h"
#include "isa/read.h"
#include "riscv_functions.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEAT          64 /* runs that make a block of these short programs hot */
#define ROUNDS_MAX    60u
#define TRACE_LENGTH  48u
#define PROGRAM_LIMIT 250000u  /* instructions of a program: better several than a long one */
#define LONG_RUN      1000000u /* instructions that show everything once */

struct subject {
    struct random_machine base;
    uint64_t device_reads, device_writes;
};

struct run {
    struct subject jit, interp;
    struct program program;
    uint64_t random;
    uint64_t stops, raised, remapped;
    struct { /* what the interpreter ran last */
        uint64_t pc;
        uint32_t bits;
    } trace[TRACE_LENGTH];
    uint64_t traced;
};

/* What the JIT has done, in all programs. */
struct totals {
    uint64_t instructions, translated, regions, exits, flushes, forced;
};

static bool asks_for_stops, is_adverse;
static _Atomic bool is_over;

static uint64_t next_random(struct run *run)
{
    return splitmix_next(&run->random);
}

/* -- Machines ------------------------------------------------------------------------------------------------------ */

/* Each read gives another value: one that is done twice shows. */
static bool device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct subject *subject = device;
    *value = (++subject->device_reads * UINT64_C(0x9e3779b97f4a7c15) + offset) & UINT64_MAX >> (64 - 8 * size);
    return true;
}

/* Every write takes the interrupt away. */
static bool device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct subject *subject = device;
    (void)offset, (void)size, (void)value;
    subject->device_writes++;
    riscv_cpu_set_line(subject->base.cpu, RISCV_INTERRUPT_MSI, false);
    return true;
}

static const struct memory_device_ops device_ops = { device_read, device_write };

static void subject_start(struct subject *subject, const struct riscv_features *features, const struct program *program,
                          uint64_t seed)
{
    struct error error;
    *subject = (struct subject){ .device_reads = 0 };
    random_machine_create(&subject->base, features);
    random_need(memory_add_device(subject->base.memory, gpa(LOOPS_DEVICE), LOOPS_DEVICE_SIZE, &device_ops, subject,
                                  "device", &error),
                &error);
    loops_start(program, subject->base.cpu, seed);
}

/* -- Comparing ----------------------------------------------------------------------------------------------------- */

static unsigned difference(const char *name, unsigned number, uint64_t jit, uint64_t interp)
{
    if (jit != interp) {
        printf("    %s%u: jit %016" PRIx64 ", interpreter %016" PRIx64 "\n", name, number, jit, interp);
    }
    return jit != interp;
}

static uint64_t trap_count(const struct riscv_cpu *cpu)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < 64; i++) {
        count += cpu->statistics.exceptions[i] + cpu->statistics.interrupts[i];
    }
    return count;
}

static uint64_t reservation_offset(const struct subject *subject)
{
    const uint8_t *host = subject->base.cpu->reservation.host;
    const uint8_t *ram = memory_pointer(subject->base.memory, gpa(PROGRAM_BASE), PROGRAM_RAM_SIZE, MEMORY_READ);
    return host == NULL ? 1 : (uint64_t)(host - ram);
}

static unsigned compare_memory(const struct run *run, uint64_t start, uint64_t size, const char *name)
{
    const uint64_t *a = memory_pointer(run->jit.base.memory, gpa(start), size, MEMORY_READ);
    const uint64_t *b = memory_pointer(run->interp.base.memory, gpa(start), size, MEMORY_READ);
    unsigned count = 0;
    if (memcmp(a, b, size) != 0) {
        for (uint64_t i = 0; i < size / 8 && count < 16; i++) {
            if (a[i] != b[i]) {
                printf("    %s at %" PRIx64 ":\n", name, start + 8 * i);
                count += difference("word ", (unsigned)i, a[i], b[i]);
            }
        }
    }
    return count;
}

static unsigned compare(const struct run *run)
{
    const struct riscv_cpu *a = run->jit.base.cpu, *b = run->interp.base.cpu;
    unsigned count = difference("pc", 0, a->state.pc, b->state.pc) +
                     difference("mode", 0, a->state.mode, b->state.mode) +
                     difference("instructions", 0, a->instructions, b->instructions) +
                     difference("traps", 0, trap_count(a), trap_count(b)) +
                     difference("device reads", 0, run->jit.device_reads, run->interp.device_reads) +
                     difference("device writes", 0, run->jit.device_writes, run->interp.device_writes) +
                     difference("reservation", 0, reservation_offset(&run->jit), reservation_offset(&run->interp));
    for (unsigned i = 0; i < 32; i++) {
        count += difference("x", i, a->state.x[i], b->state.x[i]) + difference("f", i, a->state.f[i], b->state.f[i]);
    }
    const uint64_t *csr_a = (const uint64_t *)&a->state.csr, *csr_b = (const uint64_t *)&b->state.csr;
    for (unsigned i = 0; i < sizeof a->state.csr / sizeof *csr_a; i++) {
        bool is_mip = &csr_a[i] == &a->state.csr.mip; /* what was posted is taken over when somebody looks */
        count += difference("csr word ", i, csr_a[i] | (is_mip ? a->levels[0].posted : 0),
                            csr_b[i] | (is_mip ? b->levels[0].posted : 0));
    }
    return count + compare_memory(run, PROGRAM_DATA - PROGRAM_DATA_SPAN, 2 * PROGRAM_DATA_SPAN, "data");
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

static void note(void *context, struct riscv_cpu *cpu, uint32_t encoding)
{
    struct run *run = context;
    run->trace[run->traced % TRACE_LENGTH].pc = cpu->state.pc;
    run->trace[run->traced++ % TRACE_LENGTH].bits = encoding;
}

static void show_trace(const struct run *run)
{
    printf("  the interpreter's last instructions:\n");
    uint64_t first = run->traced > TRACE_LENGTH ? run->traced - TRACE_LENGTH : 0;
    for (uint64_t i = first; i < run->traced; i++) {
        char text[128];
        uint64_t pc = run->trace[i % TRACE_LENGTH].pc;
        uint32_t bits = run->trace[i % TRACE_LENGTH].bits;
        riscv_disassemble(text, sizeof text, bits, pc, &run->interp.base.cpu->features);
        printf("    %016" PRIx64 ": %08" PRIx32 "  %s\n", pc, bits, text);
    }
}

/* Takes the interpreter to where the JIT is. */
static void follow(struct run *run)
{
    const struct riscv_cpu *a = run->jit.base.cpu;
    struct riscv_cpu *b = run->interp.base.cpu;
    uint64_t traps = trap_count(a);
    while (b->instructions < a->instructions || trap_count(b) < traps) {
        if (b->instructions > a->instructions || trap_count(b) > traps) {
            return; /* they differ */
        }
        interp_step(b);
    }
}

static void disturb(struct run *run)
{
    uint64_t random = next_random(run);
    switch (random >> 60) {
    case 0:
    case 1:
        run->raised++;
        riscv_cpu_post(run->jit.base.cpu, RISCV_INTERRUPT_SSI);
        riscv_cpu_post(run->interp.base.cpu, RISCV_INTERRUPT_SSI);
        break;
    case 2:
        run->raised++;
        riscv_cpu_set_line(run->jit.base.cpu, RISCV_INTERRUPT_MSI, true);
        riscv_cpu_set_line(run->interp.base.cpu, RISCV_INTERRUPT_MSI, true);
        break;
    case 3:
        run->remapped++;
        loops_remap(run->jit.base.cpu, random);
        loops_remap(run->interp.base.cpu, random);
        break;
    default: break;
    }
}

static void *ask_for_stops(void *context)
{
    struct riscv_cpu *cpu = context;
    uint64_t random = 1;
    while (!is_over) {
        random = random * UINT64_C(6364136223846793005) + 1;
        struct timespec pause = { .tv_nsec = (long)(random >> 40) % 200000 };
        nanosleep(&pause, NULL);
        vcpu_request(&cpu->vcpu, VCPU_STOP);
    }
    return NULL;
}

static bool is_at_end(const struct run *run)
{
    return run->jit.base.cpu->state.pc - run->program.end < 8;
}

/* True: no difference up to the end or to `limit` instructions. */
static bool run_both(struct run *run, uint64_t limit)
{
    pthread_t thread;
    is_over = false;
    if (asks_for_stops) {
        CHECK(pthread_create(&thread, NULL, ask_for_stops, run->jit.base.cpu) == 0);
    }
    bool same = true;
    while (same && !is_at_end(run) && run->jit.base.cpu->instructions < limit) {
        uint64_t random = next_random(run);
        jit_run_some(run->jit.base.cpu, 1 + random % ((random >> 32 & 7) == 0 ? 20000 : 500));
        vcpu_take(&run->jit.base.cpu->vcpu, VCPU_STOP);
        run->stops++;
        follow(run);
        same = compare(run) == 0;
        disturb(run);
    }
    is_over = true;
    if (asks_for_stops) {
        pthread_join(thread, NULL);
    }
    same = same && compare_memory(run, PROGRAM_BASE, PROGRAM_RAM_SIZE, "memory") == 0;
    if (!same) {
        show_trace(run);
    }
    return same;
}

static void be_adverse(uint64_t seed)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    CHECK(setenv("RAVELIN_JIT_ADVERSITY", text, 1) == 0);
}

static void add_up(struct totals *totals, const struct run *run)
{
    const struct jit_statistics *statistics = jit_statistics(run->jit.base.cpu);
    totals->instructions += run->interp.base.cpu->instructions;
    totals->translated += statistics->translated;
    totals->regions += statistics->regions;
    totals->flushes += statistics->flushes;
    totals->forced += statistics->forced;
    for (unsigned i = 0; i < sizeof statistics->exits / sizeof statistics->exits[0]; i++) {
        totals->exits += statistics->exits[i];
    }
}

static bool run_program(const struct isa_machine *machine, const struct riscv_features *features, uint64_t seed,
                        struct totals *totals)
{
    struct run *run = calloc(1, sizeof *run);
    struct error error;
    CHECK(run != NULL);
    run->random = seed;
    loops_make(&run->program, machine, features, seed, ROUNDS_MAX);
    subject_start(&run->jit, features, &run->program, seed);
    subject_start(&run->interp, features, &run->program, seed);
    if (is_adverse) {
        be_adverse(seed);
    }
    random_need(jit_create(run->jit.base.cpu, &error), &error);
    interp_heat_after(run->jit.base.cpu, HEAT);
    if (getenv("RAVELIN_DUMP") != NULL) {
        jit_set_dump(run->jit.base.cpu, stdout, JIT_DUMP_IR | JIT_DUMP_HOST);
    }
    interp_create(run->interp.base.cpu);
    interp_set_hook(run->interp.base.cpu, note, run);
    bool same = run_both(run, PROGRAM_LIMIT);
    const struct jit_statistics *statistics = jit_statistics(run->jit.base.cpu);
    const uint64_t instructions = run->interp.base.cpu->instructions;
    add_up(totals, run);
    printf("%" PRIu64 " instructions (%" PRIu64 "%% translated), %" PRIu64 " traps, %" PRIu64 " regions (%" PRIu64
           " changed), %" PRIu64 " + %" PRIu64 " flushes, compared %" PRIu64 " times, %" PRIu64 " interrupts, %" PRIu64
           " pages remapped%s: %s\n",
           instructions, statistics->translated * 100 / (instructions + 1), trap_count(run->interp.base.cpu),
           statistics->regions, statistics->changed, statistics->flushes, statistics->forced, run->stops, run->raised,
           run->remapped, is_at_end(run) ? "" : ", did not end", same ? "no difference" : "DIFFERENT");
    jit_destroy(run->jit.base.cpu);
    interp_destroy(run->interp.base.cpu);
    random_machine_destroy(&run->jit.base);
    random_machine_destroy(&run->interp.base);
    program_free(&run->program);
    free(run);
    return same;
}

static uint64_t first_seed(int count, char **arguments)
{
    const char *text = count > 3 ? arguments[3] : getenv("RAVELIN_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
}

/* What is compared is worth nothing if nothing was translated. */
static bool jit_did_its_part(const struct totals *totals)
{
    printf("%" PRIu64 " instructions in all, %" PRIu64 " of them translated; %" PRIu64 " regions, left %" PRIu64
           " times; flushed %" PRIu64 " times when full, %" PRIu64 " times for no reason\n",
           totals->instructions, totals->translated, totals->regions, totals->exits, totals->flushes, totals->forced);
    if (totals->instructions < LONG_RUN) {
        return true;
    }
    if (totals->regions == 0 || totals->exits == 0 || totals->translated < totals->instructions / 3) {
        printf("FAIL: the JIT has left too much to the interpreter\n");
        return false;
    }
    if (is_adverse && (totals->flushes == 0 || totals->forced == 0)) {
        printf("FAIL: the JIT's code memory was never full, or never flushed for no reason\n");
        return false;
    }
    return true;
}

static int take_options(int count, char **arguments)
{
    for (; count > 2 && strncmp(arguments[count - 1], "--", 2) == 0; count--) {
        asks_for_stops = asks_for_stops || strcmp(arguments[count - 1], "--stops") == 0;
        is_adverse = is_adverse || strcmp(arguments[count - 1], "--adverse") == 0;
    }
    return count;
}

int main(int count, char **arguments)
{
    count = take_options(count, arguments);
    struct isa_diagnostics diagnostics;
    struct isa_machine *machine = count > 1 ? isa_read(arguments[1], &diagnostics) : NULL;
    if (machine == NULL) {
        fprintf(stderr, "usage: lockstep DESCRIPTION [INSTRUCTIONS [SEED]] [--stops] [--adverse]\n");
        return 2;
    }
    uint64_t wanted = count > 2 ? strtoull(arguments[2], NULL, 0) : 1000000;
    struct riscv_features features;
    struct error error;
    random_need(riscv_cpu_model_parse("max", &features, &error), &error);
    struct totals totals = { .instructions = 0 };
    for (uint64_t seed = first_seed(count, arguments); totals.instructions < wanted; seed++) {
        printf("seed %" PRIu64 ": ", seed);
        fflush(stdout);
        if (!run_program(machine, &features, seed, &totals)) {
            printf("FAIL: run again with: lockstep %s 1 %" PRIu64 "%s%s\n", arguments[1], seed,
                   asks_for_stops ? " --stops" : "", is_adverse ? " --adverse" : "");
            return 1;
        }
    }
    isa_free(machine);
    return jit_did_its_part(&totals) ? 0 : 1;
}
