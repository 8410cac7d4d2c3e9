/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random DESCRIPTION QEMU [INSTRUCTIONS [SEED]]: runs random programs on the interpreter and on QEMU at once and
 * compares all integer and floating-point registers, the pc and the trap registers before every instruction. Prints the
 * seed of each program; the first difference ends it with a report.
 *
 * Default 1,000,000 instructions; SEED defaults to RAVELIN_SEED or the clock.
 */
#include "machine.h"
#include "peer.h"
#include "program.h"

#include "arch/riscv/cpu.h"
#include "arch/riscv/cpu_model.h"
#include "engine/interp/interp.h"
#include "isa/read.h"
#include "riscv_functions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM_INSTRUCTIONS 100000u

static void subject_start(struct random_machine *subject, const struct riscv_features *features,
                          const struct program *program)
{
    random_machine_create(subject, features);
    CHECK(memory_write(subject->memory, gpa(PROGRAM_BASE), program->bytes, program->size));
    interp_create(subject->cpu);
    subject->cpu->state.pc = PROGRAM_BASE;
    riscv_cpu_state_changed(subject->cpu);
}

static void subject_stop(struct random_machine *subject)
{
    interp_destroy(subject->cpu);
    random_machine_destroy(subject);
}

/* -- Comparing ----------------------------------------------------------------------------------------------------- */

static unsigned difference(const char *name, uint64_t ours, uint64_t theirs)
{
    if (ours == theirs) {
        return 0;
    }
    printf("    %-7s ravelin %016" PRIx64 "  qemu %016" PRIx64 "\n", name, ours, theirs);
    return 1;
}

static bool is_same(struct riscv_cpu *cpu, const struct peer_state *peer)
{
    const struct riscv_state *state = &cpu->state;
    return state->pc == peer->pc && memcmp(state->x, peer->x, sizeof peer->x) == 0 &&
           memcmp(state->f, peer->f, sizeof peer->f) == 0 && state->csr.mepc == peer->mepc &&
           state->csr.mcause == peer->mcause && state->csr.mtval == peer->mtval &&
           riscv_csr_value_fcsr(cpu) == peer->fcsr;
}

static void report(struct riscv_cpu *cpu, const struct peer_state *peer, uint64_t previous_pc)
{
    const struct riscv_state *state = &cpu->state;
    uint32_t bits = 0;
    char text[128];
    memory_read(cpu->machine->memory, gpa(previous_pc), &bits, sizeof bits);
    riscv_disassemble(text, sizeof text, bits, previous_pc, &cpu->features);
    printf("  different after %016" PRIx64 ": %08" PRIx32 "  %s\n", previous_pc, bits, text);
    difference("pc", state->pc, peer->pc);
    for (unsigned i = 0; i < 32; i++) {
        char name[8];
        snprintf(name, sizeof name, "x%u", i);
        difference(name, state->x[i], peer->x[i]);
        snprintf(name, sizeof name, "f%u", i);
        difference(name, state->f[i], peer->f[i]);
    }
    difference("mepc", state->csr.mepc, peer->mepc);
    difference("mcause", state->csr.mcause, peer->mcause);
    difference("mtval", state->csr.mtval, peer->mtval);
    difference("fcsr", riscv_csr_value_fcsr(cpu), peer->fcsr);
}

/* Runs both to the program's end. Returns the number of instructions compared, 0 after a difference. */
static uint64_t compare(struct riscv_cpu *cpu, struct peer *peer, const struct program *program)
{
    struct peer_state theirs = { .pc = 0 };
    while (cpu->state.pc != program->first) {
        interp_step(cpu);
    }
    do {
        if (!peer_next(peer, &theirs)) {
            printf("  qemu ended before the program began\n");
            return 0;
        }
    } while (theirs.pc != program->first);
    uint64_t count = 0, previous_pc = cpu->state.pc;
    while (cpu->state.pc != program->end) {
        if (!is_same(cpu, &theirs)) {
            report(cpu, &theirs, previous_pc);
            return 0;
        }
        previous_pc = cpu->state.pc;
        interp_step(cpu);
        count++;
        if (!peer_next(peer, &theirs)) {
            printf("  qemu ended early, after %" PRIu64 " instructions\n", count);
            return 0;
        }
    }
    return count;
}

/* -- One program --------------------------------------------------------------------------------------------------- */

static bool write_image(const struct program *program, char *path)
{
    int file = mkstemp(path);
    bool written = file >= 0 && write(file, program->bytes, program->size) == (ssize_t)program->size;
    if (file >= 0) {
        close(file);
    }
    return written;
}

static uint64_t run_program(const struct isa_machine *machine, const struct riscv_features *features, const char *qemu,
                            uint64_t seed)
{
    struct program program;
    program_make(&program, machine, features, seed, PROGRAM_INSTRUCTIONS);
    char path[] = "/tmp/ravelin-random-XXXXXX";
    if (!write_image(&program, path)) {
        perror(path);
        exit(1);
    }
    struct random_machine subject;
    struct peer peer = { .process = 0 };
    subject_start(&subject, features, &program);
    uint64_t count = 0;
    if (peer_start(&peer, qemu, path)) {
        count = compare(subject.cpu, &peer, &program);
    }
    peer_stop(&peer);
    subject_stop(&subject);
    unlink(path);
    program_free(&program);
    return count;
}

static uint64_t first_seed(int count, char **arguments)
{
    const char *text = count > 4 ? arguments[4] : getenv("RAVELIN_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
}

int main(int count, char **arguments)
{
    if (count < 3) {
        fprintf(stderr, "usage: random DESCRIPTION QEMU [INSTRUCTIONS [SEED]]\n");
        return 2;
    }
    uint64_t wanted = count > 3 ? strtoull(arguments[3], NULL, 0) : 1000000;
    struct isa_diagnostics diagnostics;
    struct isa_machine *machine = isa_read(arguments[1], &diagnostics);
    if (machine == NULL) {
        fprintf(stderr, "random: %s is not a description that can be read; try ravelin isa check\n", arguments[1]);
        return 1;
    }
    struct riscv_features features;
    struct error error;
    random_need(riscv_cpu_model_parse("max", &features, &error), &error);
    uint64_t compared = 0;
    for (uint64_t seed = first_seed(count, arguments); compared < wanted; seed++) {
        printf("seed %" PRIu64 ": ", seed);
        fflush(stdout);
        uint64_t instructions = run_program(machine, &features, arguments[2], seed);
        printf("%" PRIu64 " instructions without a difference\n", instructions);
        if (instructions == 0) {
            printf("FAIL: run again with: random %s %s %" PRIu64 " %" PRIu64 "\n", arguments[1], arguments[2], wanted,
                   seed);
            return 1;
        }
        compared += instructions;
    }
    printf("%" PRIu64 " instructions in all\n", compared);
    isa_free(machine);
    return 0;
}
