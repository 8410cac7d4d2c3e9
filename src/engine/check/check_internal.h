/* SPDX-License-Identifier: Apache-2.0 */
/* What the check engine's files share: its state, the comparison and the report. */
#ifndef RAVELIN_ENGINE_CHECK_CHECK_INTERNAL_H
#define RAVELIN_ENGINE_CHECK_CHECK_INTERNAL_H

#include "engine/check/check.h"

#define CHECK_TRACE_LENGTH 64u

/* A page that one of the two has written. */
struct check_page {
    gpa_t address;
    uint8_t translated[PAGE_SIZE]; /* what it is to translated code; as before, if that has not written it */
    uint8_t before[PAGE_SIZE];
};

struct check_step {
    uint64_t pc;
    uint32_t encoding;
};

struct check {
    struct riscv_cpu *cpu;         /* the machine's hart, run by the interpreter */
    struct riscv_cpu *shadow;      /* run by translated code; NULL until the first run */
    struct memory *memory;         /* the shadow's */
    struct riscv_machine *machine; /* the shadow's */
    /* Three interpreters of cpu: at full speed, by blocks, and one instruction at a time. */
    void *heating, *blocks, *stepping;
    struct riscv_cpu *before; /* state, counts and reservation where both began; the rest is unused */
    ptrdiff_t distance;       /* from the hart's memory to the shadow's, in bytes */
    bool met_device;          /* the shadow has come to an access that is not for it */
    struct check_page *pages;
    size_t page_count, page_room;
    gpa_t *marked; /* entries of page tables of which walks, the hart's or the shadow's, have set bits A or D */
    size_t marked_count, marked_room;
    struct riscv_witness witness, shadow_witness;
    bool traces;                                 /* this comparison is done again, to be reported */
    struct check_step trace[CHECK_TRACE_LENGTH]; /* of the last comparison, by the interpreter */
    uint64_t traced;
    FILE *dump;
    unsigned dump_kinds;
    _Atomic bool is_over;
    struct check_statistics statistics;
};

/* Lets the hart tell which pages it is about to write, from now on; check->page_count are known. */
void check_watch(struct check *check);

/* Whether hart and shadow have come to the same state. */
bool check_compare(const struct check *check);

/* What is different, after `count` instructions from `before` on. */
void check_report(const struct check *check, const struct riscv_cpu *before, uint64_t count, FILE *stream);

#endif
