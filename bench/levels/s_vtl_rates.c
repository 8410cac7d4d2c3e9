/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of bench/trust-levels: what trust levels cost, by the guest's clock. Prints "name value" lines. Hart
 * 0 measures, in level 0 or 1; the others work in level 0 meanwhile. Built with -DHARTS=N, -DPAGES=N (a power of two:
 * how many pages are changed, from 64 MiB on) and -DMODE=N, one of enum mode.
 */
#include "vtl.h"

enum mode {
    EVERYTHING,
    ONLY_DEFAULT_MASK, /* the time of the write that turns protections on with a default without KX */
    ONLY_COMPUTE,      /* integer work, with or without trust levels */
    ONLY_BEGIN,        /* levels are set up, and that is all: how much memory the monitor takes */
    ONLY_CHANGE,       /* the same, and one pass over all pages at random */
};

#ifndef MODE
#define MODE EVERYTHING
#endif
#ifndef PAGES
#define PAGES 131072u
#endif
#define REGION      (RAM + UINT64_C(0x4000000))
#define SMALL       131072u /* pages of the smaller set */
#define TICK_NS     100u
#define LEAST_TICKS UINT64_C(3000000) /* what is measured takes 0.3 s at least */
#define HOT         64u

static void report(const char *name, uint64_t value)
{
    char text[24];
    char *at = text + sizeof text - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    bare_print(name);
    bare_print(" ");
    bare_print(at);
    bare_print("\n");
}

static uint64_t per_second(uint64_t count, uint64_t ticks)
{
    return ticks == 0 ? 0 : count * (UINT64_C(1000000000) / TICK_NS) / ticks;
}

static uint64_t picoseconds(uint64_t count, uint64_t ticks)
{
    return ticks * TICK_NS * 1000 / count;
}

/* ---- Work for the others ---------------------------------------------------------------------------------------- */

static volatile uint64_t over, ready;
static uint64_t sets[HARTS][8192] __attribute__((aligned(4096)));
static uint64_t hot[HOT][512] __attribute__((aligned(4096)));

static uint64_t compute(uint64_t *set, uint64_t x, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        set[x % 8192] += x * UINT64_C(0x9e3779b97f4a7c15) + set[(x >> 20) % 8192];
    }
    return x;
}

static volatile bool use_hot;

static void work(uint64_t hart)
{
    uint64_t x = hart + 1;
    while (over == 0) {
        x = compute(sets[hart], x, 2000);
        for (unsigned i = 0; use_hot && i < HOT; i++) {
            store((uint64_t)&hot[i][hart], 8, x);
        }
    }
}

/* ---- Changing pages: in level 1 --------------------------------------------------------------------------------- */

/* A permutation of 0 … count - 1, count a power of two. */
static uint64_t scattered(uint64_t i, uint64_t count)
{
    uint64_t mask = count - 1;
    i = i * 0x5bd1e995 & mask;
    i ^= i >> 7;
    i = i * 0x9e3779b1 & mask;
    i ^= i >> 9;
    return i;
}

static uint64_t page_at(uint64_t i, uint64_t count, bool at_random)
{
    return REGION / PAGE + (at_random ? scattered(i, count) : i);
}

static inline void change_one(uint64_t page, uint64_t rights)
{
    uint64_t result = vtl_raw(FID_PROTECT, FID_PROTECT | FAST | REPS(1), VTL_SELF, rights, page, 0, 0);
    expect(result == (OK | REPS(1)));
}

static unsigned pass_count;

/* All pages once, each by a call of its own. */
static void change_singly(uint64_t count, bool at_random)
{
    uint64_t rights = pass_count++ % 2 == 0 ? VR | VW : VALL;
    for (uint64_t i = 0; i < count; i++) {
        change_one(page_at(i, count, at_random), rights);
    }
}

static void change_by_lists(uint64_t count, bool at_random)
{
    uint64_t rights = pass_count++ % 2 == 0 ? VR | VW : VALL;
    mine->in[0] = VTL_SELF;
    mine->in[1] = rights;
    for (uint64_t i = 0; i + 510 <= count; i += 510) {
        for (uint64_t j = 0; j < 510; j++) {
            mine->in[2 + j] = page_at(i + j, count, at_random);
        }
        expect(vtl_hypercall(FID_PROTECT, REPS(510)) == (OK | REPS(510)));
    }
}

static uint64_t rate(void (*pass)(uint64_t count, bool at_random), uint64_t count, bool at_random)
{
    uint64_t start = csr_read(time), passes = 0, ticks;
    do {
        pass(count, at_random);
        passes++;
        ticks = csr_read(time) - start;
    } while (ticks < LEAST_TICKS);
    return per_second(count * passes, ticks);
}

/* Pages that the others store to all the time lose W and get it back. */
static uint64_t rate_in_use(void)
{
    uint64_t start = csr_read(time), count = 0, ticks, x = 7;
    do {
        for (unsigned i = 0; i < HOT; i++, count++) {
            bare_random(&x);
            change_one((uint64_t)hot[x % HOT] / PAGE, x >> 20 & 1 ? VR : VALL);
        }
        ticks = csr_read(time) - start;
    } while (ticks < LEAST_TICKS);
    return per_second(count, ticks);
}

/* Of some runs the best: the host may have other work. */
static uint64_t block(void)
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < 6; i++) {
        uint64_t start = csr_read(time);
        change_singly(SMALL, true);
        uint64_t ticks = csr_read(time) - start;
        best = ticks < best ? ticks : best;
    }
    return best;
}

static uint64_t flatness(uint64_t argument)
{
    (void)argument;
    report("start_ps", picoseconds(SMALL, block()));
    for (uint64_t changed = 0; changed < 1000000; changed += PAGES) {
        change_singly(PAGES, true);
    }
    report("later_ps", picoseconds(SMALL, block()));
    return 0;
}

static uint64_t change_everything(uint64_t argument)
{
    (void)argument;
    report("single_sorted_small", rate(change_singly, SMALL, false));
    report("single_random_small", rate(change_singly, SMALL, true));
    if (PAGES > SMALL) {
        report("single_sorted_large", rate(change_singly, PAGES, false));
        report("single_random_large", rate(change_singly, PAGES, true));
    }
    report("list_sorted", rate(change_by_lists, PAGES, false));
    report("list_random", rate(change_by_lists, PAGES, true));
    if (HARTS > 1) {
        use_hot = true;
        report("single_in_use", rate_in_use());
        use_hot = false;
    }
    return 0;
}

/* ---- Switches --------------------------------------------------------------------------------------------------- */

/* Level 1 begins here and only returns, until it is called with a0 = -1: from then on it is vtl_entry's. */
extern char tight_entry[];
__asm__(".option push; .option norvc\n"
        ".balign 8\n"
        ".globl tight_entry\n"
        "tight_entry:\n"
        "    li t0, -1\n"
        "    li a6, 0x10012\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        "    bne a0, t0, tight_entry\n"
        "    li a6, 0x10012\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        "    j vtl_entry\n"
        ".globl tight_calls\n"
        "tight_calls:\n"
        "    addi sp, sp, -16\n"
        "    sd s0, 0(sp)\n"
        "    mv s0, a0\n"
        "    li a0, 0\n"
        "1:  li a6, 0x11\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        "    addi s0, s0, -1\n"
        "    bnez s0, 1b\n"
        "    ld s0, 0(sp)\n"
        "    addi sp, sp, 16\n"
        "    ret\n"
        ".option pop\n");
void tight_calls(uint64_t count);

static void raise_tightly(void)
{
    struct vtl_context context = vtl_usual_context(1, 0);
    context.pc = (uint64_t)tight_entry;
    expect(vtl_enable_partition(1, 0) == OK);
    expect(vtl_enable_vp(VP_SELF, 1, &context) == OK);
    uint64_t start, count = 100000;
    tight_calls(1000);
    do {
        count *= 2;
        start = csr_read(time);
        tight_calls(count);
    } while (csr_read(time) - start < LEAST_TICKS);
    report("switch_ps", picoseconds(count, csr_read(time) - start));
    vtl_call(UINT64_MAX, 0);
}

static uint64_t begin(uint64_t argument)
{
    (void)argument;
    vtl_begin();
    return 0;
}

static uint64_t turn_on(uint64_t argument)
{
    (void)argument;
    vtl_protections_on(0);
    return 0;
}

static uint64_t nothing(uint64_t argument)
{
    return argument;
}

static void dispatched_calls(void)
{
    uint64_t start = csr_read(time), count = 0;
    do {
        for (unsigned i = 0; i < 1000; i++, count++) {
            vtl_at(nothing, i);
        }
    } while (csr_read(time) - start < LEAST_TICKS);
    report("dispatch_ps", picoseconds(count, csr_read(time) - start));
}

static uint64_t hide(uint64_t rights)
{
    change_one((uint64_t)hot[0] / PAGE, rights);
    return 0;
}

/* Level 1 lets level 0 go on behind the instruction: an entry, a call that writes a register, a return. */
static void intercepts(void)
{
    vtl_at(hide, 0);
    slot_of(1, 0)->answer = ANSWER_SKIP;
    uint64_t start = csr_read(time), count = 0;
    do {
        for (unsigned i = 0; i < 1000; i++, count++) {
            load((uint64_t)hot[0], 8);
        }
    } while (csr_read(time) - start < LEAST_TICKS);
    report("intercept_ps", picoseconds(count, csr_read(time) - start));
    expect(slot_of(1, 0)->intercepts == count);
    vtl_at(hide, VALL);
}

/* ---- What is measured ------------------------------------------------------------------------------------------- */

/* A second to look from outside. */
static void be_looked_at(const char *name)
{
    report(name, 1);
    for (uint64_t end = csr_read(time) + 10000000; csr_read(time) < end;) {
        bare_pause();
    }
}

static uint64_t default_mask(uint64_t argument)
{
    (void)argument;
    be_looked_at("begun");
    uint64_t start = csr_read(time);
    expect(vtl_write(NAME_CONFIG, CONFIG_PROTECT | CONFIG_DEFAULT(VR | VW) | CONFIG_ZERO) == OK);
    report("default_mask_ns", (csr_read(time) - start) * TICK_NS);
    be_looked_at("settled");
    bare_finish(0); /* nothing in level 0 can be executed from now on */
}

static uint64_t change_once(uint64_t argument)
{
    (void)argument;
    change_singly(PAGES, true);
    return 0;
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart != 0) {
        while (ready == 0) {
            bare_pause();
        }
        work(hart);
        for (;;) {
            bare_pause();
        }
    }
    if (MODE == ONLY_COMPUTE) {
        uint64_t start = csr_read(time);
        uint64_t x = compute(sets[0], 1, 300000000);
        report("compute_ns", (csr_read(time) - start) * TICK_NS);
        return x == 0;
    }
    vtl_begin();
    bare_start_harts(HARTS);
    raise_tightly();
    vtl_at(begin, 0);
    if (MODE == ONLY_DEFAULT_MASK) {
        vtl_at(default_mask, 0);
    }
    vtl_at(turn_on, 0);
    if (MODE == ONLY_CHANGE) {
        vtl_at(change_once, 0);
    }
    if (MODE == ONLY_CHANGE || MODE == ONLY_BEGIN) {
        be_looked_at("settled");
        return 0;
    }
    ready = 1;
    if (HARTS == 1) {
        dispatched_calls();
        intercepts();
        vtl_at(flatness, 0);
    }
    vtl_at(change_everything, 0);
    over = 1;
    return 0;
}
