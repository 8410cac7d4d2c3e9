/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts of what a machine did.
 *
 *     struct ravelin_stats *stats = ravelin_vm_stats(vm);
 *     for (unsigned i = 0; i < stats->vcpu_count; i++) {
 *         printf("vCPU %u: %" PRIu64 " instructions\n", i, stats->vcpus[i].instructions);
 *     }
 *     ravelin_free(stats);
 *
 * While the machine runs the counts are recent, not exact, and not of one moment; after its end they are exact.
 */
#ifndef RAVELIN_STATS_H
#define RAVELIN_STATS_H

#include <ravelin/vm.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAVELIN_CAUSE_COUNT 64

/* What the JIT did for one vCPU; zeros under an engine that does not translate. */
struct ravelin_jit_stats {
    uint64_t regions;      /* pieces of code translated, each from one entry on */
    uint64_t instructions; /* guest instructions in them */
    uint64_t code_size;    /* bytes of host code made of them */
    uint64_t refused;      /* hot code that could not be translated */
    uint64_t flushes;      /* times that memory for host code, or beside it, was full and emptied */
    uint64_t changed;      /* regions dropped because the guest had changed their code */
    uint64_t nanoseconds;  /* spent translating */
    /* How often translated code was left: at an end that nothing led on from yet; after a jump to an address not met
     * lately; for an instruction that the interpreter runs; with a trap; because something asked for attention; before
     * code that is not where it was. */
    uint64_t link_exits;
    uint64_t jump_exits;
    uint64_t interpret_exits;
    uint64_t trap_exits;
    uint64_t attention_exits;
    uint64_t stale_exits;
};

/* What the check engine has compared, for one vCPU; zeros under another engine. */
struct ravelin_check_stats {
    uint64_t runs;         /* of translated code that were compared with the interpreter */
    uint64_t instructions; /* in them */
    uint64_t pages;        /* of memory compared behind them */
    uint64_t interrupted;  /* runs that could not be compared: an interrupt came between */
    uint64_t repeated;     /* differences that were gone when tried again: a device wrote to memory meanwhile */
};

struct ravelin_vcpu_stats {
    uint64_t instructions; /* retired */
    uint64_t tlb_misses;   /* translations that the soft TLB did not hold */
    /* Traps taken, by the RISC-V privileged specification's cause code (exceptions and interrupts apart). */
    uint64_t exceptions[RAVELIN_CAUSE_COUNT];
    uint64_t interrupts[RAVELIN_CAUSE_COUNT];
    /* How often the vCPU left guest code for the monitor, by cause. */
    uint64_t device_accesses;
    uint64_t firmware_calls; /* to the built-in SBI */
    struct ravelin_jit_stats jit;
    struct ravelin_check_stats check;
};

struct ravelin_stats {
    double seconds; /* wall-clock time from start to end, or to now */
    unsigned vcpu_count;
    struct ravelin_vcpu_stats vcpus[]; /* vcpu_count of them */
};

/* The counts, to be freed by ravelin_free(). Never NULL; no vCPUs before the start. Any thread. */
RAVELIN_API struct ravelin_stats *ravelin_vm_stats(struct ravelin_vm *vm);

/* Short names for programs to read, for example "illegal_instruction" and "supervisor_timer"; NULL for a cause the
 * architecture does not define. Static strings. */
RAVELIN_API const char *ravelin_exception_name(unsigned cause);
RAVELIN_API const char *ravelin_interrupt_name(unsigned cause);

#ifdef __cplusplus
}
#endif

#endif
