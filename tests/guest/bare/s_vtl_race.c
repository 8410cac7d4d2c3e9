/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four harts ask for the same thing at the same moment: enabling a level for the machine, on themselves, starting a
 * fifth hart. One gets it, the others are told why not. Then their level 1 changes the same page at once. The machine
 * resets and all is tried again. Needs --trust-levels 2 and five harts.
 */
#include "vtl.h"

#define RACERS 4u
#define RUNS   25u

static volatile struct {
    uint64_t magic, run;
    uint64_t partition, vp, start, rights; /* runs in which it was not exactly one, or not one of the statuses */
} *const kept = (void *)(RAM + UINT64_C(0x3000000)); /* not written by a reset */
#define MAGIC UINT64_C(0x7261636572616365)

static volatile uint64_t statuses[RACERS], gate;
static uint8_t target[PAGE] __attribute__((aligned(4096)));

/* All at once: the last to come opens for all. */
static void line_up(void)
{
    bare_meet(RACERS);
}

static bool one_of(uint64_t loser)
{
    unsigned winners = 0, losers = 0;
    for (unsigned i = 0; i < RACERS; i++) {
        winners += statuses[i] == OK;
        losers += statuses[i] == loser;
    }
    return winners == 1 && losers == RACERS - 1;
}

static void judge(uint64_t hart, uint64_t loser, volatile uint64_t *failures)
{
    line_up();
    if (hart == 0 && !one_of(loser)) {
        ++*failures;
    }
    line_up();
}

__asm__(".option push; .option norvc\n"
        ".globl fifth\n"
        "fifth:\n"
        "    la t0, vtl_race_started\n"
        "    li t1, 1\n"
        "    amoadd.d zero, t1, (t0)\n"
        "1:  j 1b\n"
        ".option pop\n");
extern char fifth[];
volatile uint64_t vtl_race_started;

static uint16_t start_fifth(void)
{
    struct vtl_context context = vtl_usual_context(0, RACERS);
    context.pc = (uint64_t)fifth;
    return vtl_start_vp(RACERS, 0, &context);
}

static uint64_t enable_others(uint64_t argument)
{
    (void)argument;
    vtl_begin();
    vtl_protections_on(0);
    for (uint64_t hart = 0; hart < RACERS; hart++) {
        struct vtl_context context = vtl_usual_context(1, hart);
        uint16_t status = vtl_enable_vp((uint32_t)hart, 1, &context);
        expect(status == (hart == my_hart() ? ALREADY : OK));
    }
    return 0;
}

static uint64_t begin(uint64_t argument)
{
    vtl_begin();
    return argument;
}

static uint64_t change(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        static const uint8_t some[] = { VR, VALL, VR | VW, VR | VKX };
        expect(vtl_protect(some[(i + my_hart()) % 4], (uint64_t)target) == OK);
    }
    return 0;
}

/* What level 0 may do is what it is told, on all harts alike. */
static void same_rights(uint64_t hart)
{
    static volatile uint64_t writable;
    uint32_t granted;
    vtl_at(change, 200);
    line_up();
    uint64_t before = me->exceptions;
    store((uint64_t)target + hart * 8, 8, hart);
    bool could = me->exceptions == before;
    expect(vtl_check(VTL_CALLER, VALL, (uint64_t)target, &granted) == OK);
    if (could != ((granted & VW) != 0)) {
        __atomic_fetch_add(&kept->rights, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&writable, could, __ATOMIC_SEQ_CST);
    line_up();
    if (hart == 0 && writable != 0 && writable != RACERS) {
        kept->rights++;
    }
}

static void race(uint64_t hart)
{
    struct vtl_context context = vtl_usual_context(1, hart);
    line_up();
    statuses[hart] = vtl_enable_partition(1, 0);
    judge(hart, BAD_VTL_STATE, &kept->partition);
    statuses[hart] = vtl_enable_vp(VP_SELF, 1, &context);
    bool winner = statuses[hart] == OK;
    judge(hart, DENIED, &kept->vp);
    statuses[hart] = start_fifth();
    judge(hart, BAD_VP_STATE, &kept->start);
    for (uint64_t end = csr_read(time) + PATIENCE; vtl_race_started == 0 && csr_read(time) < end;) {
        bare_pause();
    }
    if (winner) {
        vtl_at(enable_others, 0);
        gate = 1;
    }
    while (gate == 0) {
        bare_pause();
    }
    vtl_at(begin, 0);
    line_up();
    same_rights(hart);
    line_up();
    if (hart == 0 && vtl_race_started != 1) {
        kept->start++;
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart == 0) {
        if (kept->magic != MAGIC) {
            kept->magic = MAGIC;
            kept->run = kept->partition = kept->vp = kept->start = kept->rights = 0;
        }
        gate = vtl_race_started = 0;
        vtl_begin();
        bare_start_harts(RACERS);
    }
    race(hart);
    while (hart != 0) {
        bare_pause();
    }
    if (++kept->run < RUNS) {
        sbi(SBI_SRST, 0, 1, 0, 0, 0, 0);
    }
    rule_is("all runs came to their end", kept->run, RUNS);
    rule_is("one of four enables the level for the machine", kept->partition, 0);
    rule_is("one of four enables it on itself", kept->vp, 0);
    rule_is("one of four starts a hart, which starts once", kept->start, 0);
    rule_is("after changes at once all harts have the same rights", kept->rights, 0);
    return rule_end();
}
