/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four harts in level 0 load, store, lock, execute and walk pages whose rights the level 1 of two other harts changes
 * at random. Once such a call has returned, no access under a right that it took may take place; an oracle counts those
 * that do, by what they would leave behind:
 *
 *   W lost   words that only level 0 changes must stay as they are when level 1 looks after the call
 *   R lost   level 1 puts a secret where level 0 loads from; nobody may ever get it
 *   KX lost  the counter that the code on the page moves must stand still
 *   R lost on a table   so must what is stored through its translations
 *   W lost on a table   accessed and dirty bits that level 1 clears stay clear
 *
 * Level 1 of two of the four asks for translations meanwhile (TranslateVirtualAddress, which sets such bits): walks by
 * level 0's rights as well.
 *
 * Needs --trust-levels 2 and six harts; -DTENTHS=N: how many tenths of a second (default 30).
 */
#include "vtl.h"

#ifndef TENTHS
#define TENTHS 30u
#endif
#define CHANGERS        2u
#define WORKERS         4u
#define TICKS_PER_TENTH UINT64_C(1000000)

#define DATA            8u
#define CODE            4u
#define TABLES          WORKERS
#define PAGES           (DATA + CODE + TABLES)
#define FIRST_TABLE     (DATA + CODE)

static uint64_t pages[PAGES][512] __attribute__((aligned(4096)));
static uint64_t roots[WORKERS][512] __attribute__((aligned(4096)));
static uint64_t middles[WORKERS][512] __attribute__((aligned(4096)));
static volatile uint64_t behind[WORKERS][512] __attribute__((aligned(4096))); /* what the window shows */
static volatile uint64_t run_counts[CODE][WORKERS * 8] __attribute__((aligned(4096)));

#define WINDOW UINT64_C(0x40000000)
#define LEAF   UINT64_C(0xcf)
#define AD     UINT64_C(0xc0)
#define SECRET UINT64_C(0x5ec2e70000000000)
#define PUBLIC UINT64_C(0x0b11c00000000000)

/* Words of a data page; those of worker w at STORED + w and so on. The first and the last are halves of an access that
 * crosses to the next page, by worker page % WORKERS. */
enum { STORED = 2, ADDED = 6, EXCHANGED = 10, WORD_END = 14, LOADED = 30 };

static volatile uint64_t over;

/* ---- Level 1: the oracle ---------------------------------------------------------------------------------------- */

enum broken { BROKEN_W, BROKEN_R, BROKEN_X, BROKEN_WALK, BROKEN_UPDATE, BROKEN_KINDS };
static volatile uint64_t broken[BROKEN_KINDS];
static uint64_t change_counts[CHANGERS * 8], page_counts[CHANGERS * 8];

struct watch {
    uint64_t version; /* odd while a call may be changing the rights */
    unsigned rights;
    uint64_t words[WORD_END + 2];
};
static struct watch watches[PAGES];

static void breaks(enum broken kind)
{
    __atomic_fetch_add(&broken[kind], 1, __ATOMIC_SEQ_CST);
}

/* The crossing words: the boundary below the page and the one above. */
static uint64_t boundary(unsigned page)
{
    if (page == 0 || page >= DATA) {
        return 0;
    }
    return load((uint64_t)pages[page] - 4, 8);
}

static void read_words(unsigned page, uint64_t *words)
{
    for (unsigned i = STORED; i < WORD_END; i++) {
        words[i] = ((volatile uint64_t *)pages[page])[i];
    }
    words[0] = boundary(page);
    words[1] = boundary(page + 1);
}

static void watch_data(unsigned page, struct watch *watch)
{
    if ((watch->rights & VW) == 0) {
        read_words(page, watch->words);
    }
    if ((watch->rights & VR) == 0) {
        ((volatile uint64_t *)pages[page])[LOADED] = SECRET + page;
    }
}

static void watch_code(unsigned page, struct watch *watch)
{
    if ((watch->rights & VKX) == 0) {
        for (unsigned i = 0; i < WORKERS; i++) {
            watch->words[i] = run_counts[page - DATA][i * 8];
        }
    }
}

static void watch_table(unsigned page, struct watch *watch)
{
    if ((watch->rights & VW) == 0) {
        __atomic_fetch_and(&pages[page][0], ~AD, __ATOMIC_SEQ_CST);
    }
    if ((watch->rights & VR) == 0) {
        watch->words[0] = behind[page - FIRST_TABLE][0];
        watch->words[1] = behind[page - FIRST_TABLE][1];
    }
}

/* After a change. */
static void begin_watch(unsigned page)
{
    struct watch *watch = &watches[page];
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (page < DATA) {
        watch_data(page, watch);
    } else if (page < FIRST_TABLE) {
        watch_code(page, watch);
    } else {
        watch_table(page, watch);
    }
}

static void check_data(unsigned page, const struct watch *watch)
{
    uint64_t words[WORD_END];
    if ((watch->rights & VW) == 0) {
        read_words(page, words);
        for (unsigned i = 0; i < WORD_END; i++) {
            if (words[i] != watch->words[i]) {
                breaks(BROKEN_W);
            }
        }
    }
}

static void check_code(unsigned page, const struct watch *watch)
{
    for (unsigned i = 0; i < WORKERS && (watch->rights & VKX) == 0; i++) {
        if (run_counts[page - DATA][i * 8] != watch->words[i]) {
            breaks(BROKEN_X);
        }
    }
}

static void check_table(unsigned page, const struct watch *watch)
{
    if ((watch->rights & VW) == 0 && (pages[page][0] & AD) != 0) {
        breaks(BROKEN_UPDATE);
    }
    if ((watch->rights & VR) == 0 &&
        (behind[page - FIRST_TABLE][0] != watch->words[0] || behind[page - FIRST_TABLE][1] != watch->words[1])) {
        breaks(BROKEN_WALK);
    }
}

static void check_watch(unsigned page)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (page < DATA) {
        check_data(page, &watches[page]);
    } else if (page < FIRST_TABLE) {
        check_code(page, &watches[page]);
    } else {
        check_table(page, &watches[page]);
    }
}

/* Before rights are given. */
static void publish(unsigned page, unsigned rights)
{
    if (page < DATA && (rights & VR) != 0) {
        ((volatile uint64_t *)pages[page])[LOADED] = PUBLIC + page;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Half of the time everything, so that level 0 gets on. */
static unsigned random_rights(uint64_t random)
{
    static const uint8_t some[] = { VALL, VALL, VALL, VALL, 0, VR, VR | VW, VR | VKX };
    return some[random % sizeof some];
}

/* One call for `count` pages of this changer, chosen at random, all to the same rights. */
static void change(uint64_t *state, unsigned count)
{
    unsigned chosen[8], rights = random_rights(bare_random(state));
    mine->in[0] = VTL_SELF;
    mine->in[1] = rights;
    for (unsigned i = 0; i < count; i++) {
        chosen[i] = (unsigned)(bare_random(state) % (PAGES / CHANGERS) * CHANGERS + my_hart());
        mine->in[2 + i] = (uint64_t)pages[chosen[i]] / PAGE;
        check_watch(chosen[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        publish(chosen[i], rights);
        __atomic_fetch_or(&watches[chosen[i]].version, 1, __ATOMIC_SEQ_CST);
    }
    expect(vtl_hypercall(FID_PROTECT, REPS(count)) == REPS(count));
    for (unsigned i = 0; i < count; i++) {
        watches[chosen[i]].rights = rights;
        begin_watch(chosen[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t version = __atomic_load_n(&watches[chosen[i]].version, __ATOMIC_SEQ_CST);
        __atomic_store_n(&watches[chosen[i]].version, (version | 1) + 1, __ATOMIC_SEQ_CST);
    }
    change_counts[my_hart() * 8]++;
    page_counts[my_hart() * 8] += count;
}

static uint64_t change_rights(uint64_t end)
{
    uint64_t state = (SEED * 16 + my_hart() + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    while (csr_read(time) < end) {
        uint64_t r = bare_random(&state);
        change(&state, r % 4 == 0 ? 2 + (r >> 8) % 7 : 1);
        for (uint64_t i = (r >> 16) % 4 == 0 ? (r >> 20) % 4000 : (r >> 20) % 40; i > 0; i--) {
            __asm__ volatile("" ::: "memory");
        }
        for (unsigned page = (unsigned)my_hart(); page < PAGES && (r >> 40) % 8 == 0; page += CHANGERS) {
            check_watch(page);
        }
    }
    return 0;
}

/* ---- Level 0: the work ------------------------------------------------------------------------------------------ */

static struct {
    uint64_t loads, stores, atomics, exclusives, stays, crossings, runs, windows, accesses;
} done[WORKERS] __attribute__((aligned(64)));

/* Two pages: the first counts in *a0 and goes on in the second, which counts in *a1, pauses and comes back, a hundred
 * times: at a pause the hart may wait, and what it executes may be taken from it meanwhile. A fetch that is refused
 * leads to ra (start.S), wherever it was. */
extern const uint8_t two_pages[2 * PAGE];
__asm__(".option push; .option norvc\n"
        ".section .rodata\n"
        ".balign 4096\n"
        "two_pages:\n"
        "    li t1, 100\n"
        "1:  ld t0, 0(a0)\n"
        "    addi t0, t0, 1\n"
        "    sd t0, 0(a0)\n"
        "    jal t2, 2f\n"
        "    addi t1, t1, -1\n"
        "    bnez t1, 1b\n"
        "    ret\n"
        ".balign 4096\n"
        "    nop\n"
        "2:  ld t0, 0(a1)\n"
        "    addi t0, t0, 1\n"
        "    sd t0, 0(a1)\n"
        "    .word 0x0100000f\n" /* pause */
        "    jr t2\n"
        ".balign 4096\n"
        ".text\n"
        ".option pop\n");

static void run_code(unsigned first, unsigned worker)
{
    register volatile uint64_t *a0 __asm__("a0") = &run_counts[first][worker * 8];
    register volatile uint64_t *a1 __asm__("a1") = &run_counts[first + 1][worker * 8];
    __asm__ volatile(".option push; .option norvc; jalr ra, 0(%2); .option pop"
                     : "+r"(a0), "+r"(a1)
                     : "r"(pages[DATA + first])
                     : "ra", "t0", "t1", "t2", "memory");
}

static void add_one(volatile uint64_t *word)
{
    __asm__ volatile(".option push; .option norvc; li t0, 1; amoadd.d zero, t0, (%0); .option pop" ::"r"(word)
                     : "t0", "memory");
}

static void exchange_one(volatile uint64_t *word)
{
    __asm__ volatile(".option push; .option norvc\n"
                     "lr.d t0, (%0)\n"
                     "addi t0, t0, 1\n"
                     "sc.d t0, t0, (%0)\n"
                     ".option pop" ::"r"(word)
                     : "t0", "memory");
}

/* Loads and stores in turn, in a loop that stays on its page: what loops remember is used. */
static bool stay(volatile uint64_t *loaded, volatile uint64_t *stored, uint64_t value)
{
    uint64_t seen = 0;
    __asm__ volatile(".option push; .option norvc\n"
                     "    li t0, 200\n"
                     "1:  ld t1, (%1)\n"
                     "    srli t1, t1, 40\n"
                     "    xor t1, t1, %3\n"
                     "    seqz t1, t1\n"
                     "    or %0, %0, t1\n"
                     "    sd %4, (%2)\n"
                     "    addi t0, t0, -1\n"
                     "    bnez t0, 1b\n"
                     ".option pop"
                     : "+r"(seen)
                     : "r"(loaded), "r"(stored), "r"(SECRET >> 40), "r"(value)
                     : "t0", "t1", "memory");
    return seen != 0;
}

static void touch(unsigned worker, unsigned page, unsigned kind, uint64_t value)
{
    volatile uint64_t *words = pages[page];
    uint64_t before = me->exceptions;
    switch (kind) {
    case 0:
        if (load((uint64_t)&words[LOADED], 8) >> 40 == SECRET >> 40) {
            breaks(BROKEN_R);
        }
        done[worker].loads += me->exceptions == before;
        break;
    case 1:
        store((uint64_t)&words[STORED + worker], 8, value);
        done[worker].stores += me->exceptions == before;
        break;
    case 2:
        add_one(&words[ADDED + worker]);
        done[worker].atomics += me->exceptions == before;
        break;
    case 3:
        exchange_one(&words[EXCHANGED + worker]);
        done[worker].exclusives += me->exceptions == before;
        break;
    case 4:
        if (stay(&words[LOADED], &words[STORED + worker], value)) {
            breaks(BROKEN_R);
        }
        done[worker].stays += me->exceptions == before;
        break;
    default:
        page = page - page % WORKERS + worker;
        if (page + 1 < DATA) {
            store((uint64_t)pages[page + 1] - 4, 8, value << 32 | (uint32_t)value);
            done[worker].crossings += me->exceptions == before;
        }
        break;
    }
}

static void through_window(unsigned worker, uint64_t random, uint64_t value)
{
    if (random % 4 == 0) {
        __asm__ volatile("sfence.vma" ::: "memory");
    }
    uint64_t before = me->exceptions;
    if (random % 8 < 4) {
        store(WINDOW, 8, value);
    } else {
        add_one((volatile uint64_t *)(WINDOW + 8));
    }
    done[worker].windows += me->exceptions == before;
}

static void build_tables(unsigned worker)
{
    roots[worker][0] = LEAF;
    roots[worker][1] = (uint64_t)middles[worker] >> 12 << 10 | 1;
    roots[worker][2] = UINT64_C(0x80000) << 10 | LEAF;
    middles[worker][0] = (uint64_t)pages[FIRST_TABLE + worker] >> 12 << 10 | 1;
    pages[FIRST_TABLE + worker][0] = (uint64_t)behind[worker] >> 12 << 10 | LEAF;
    __asm__ volatile("fence rw, rw" ::: "memory");
}

static void do_work(unsigned worker)
{
    uint64_t state = (SEED * 64 + worker + 7) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)roots[worker] >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
    for (uint64_t value = 1; over == 0; value++) {
        uint64_t r = bare_random(&state);
        unsigned page = (unsigned)(r >> 8) % DATA;
        if (r % 8 == 0) {
            run_code((unsigned)(r >> 8) % (CODE / 2) * 2, worker);
            done[worker].runs++;
        } else if (r % 8 < 3) {
            through_window(worker, r >> 16, value);
        } else {
            for (unsigned i = 0; i < 6; i++) { /* on one page, so that what is kept is used */
                touch(worker, page, (unsigned)((r >> 20) + i) % 6, value);
            }
        }
        done[worker].accesses++;
    }
    csr_write(satp, 0);
}

/* ---- Start ------------------------------------------------------------------------------------------------------ */

static volatile uint64_t ready;

static uint64_t enable_others(uint64_t argument)
{
    (void)argument;
    vtl_protections_on(0);
    for (uint64_t hart = 1; hart < HARTS; hart++) {
        struct vtl_context context = vtl_usual_context(1, hart);
        expect(vtl_enable_vp((uint32_t)hart, 1, &context) == OK);
    }
    return 0;
}

static uint64_t translated[WORKERS * 8], untranslated[WORKERS * 8];

/* Level 1 of a worker. What a call found under rights that did not change meanwhile must be what they allow. */
static void translate(unsigned worker)
{
    const struct watch *watch = &watches[FIRST_TABLE + worker];
    uint32_t result;
    uint64_t page, flags = 0x40 | 0x10 | 2 | UINT64_C(0x10) << 56; /* level 0, supervisor, set bits, W */
    uint64_t version = __atomic_load_n(&watch->version, __ATOMIC_SEQ_CST);
    unsigned rights = __atomic_load_n(&watch->rights, __ATOMIC_SEQ_CST);
    expect(vtl_translate(VP_SELF, flags, WINDOW, &result, &page) == OK);
    bool same = version % 2 == 0 && __atomic_load_n(&watch->version, __ATOMIC_SEQ_CST) == version;
    if (same && (rights & VR) == 0 && result == 0) {
        breaks(BROKEN_WALK);
    }
    translated[worker * 8] += result == 0;
    untranslated[worker * 8] += same && (rights & VR) == 0 && result == 8;
}

static void preempt_again(struct vtl_frame *frame)
{
    (void)frame;
    for (unsigned i = 0; i < 16 && csr_read(sie) != 0; i++) {
        translate((unsigned)my_hart() - CHANGERS);
    }
    csr_write(0x14D, csr_read(time) + 3000);
}

/* Every second worker has a level 1 that refuses, and preempts level 0 now and then; the others get access faults. */
static uint64_t begin(uint64_t argument)
{
    if (my_hart() < CHANGERS || my_hart() % 2 == 0) {
        vtl_begin();
    }
    if (my_hart() >= CHANGERS && my_hart() % 2 == 0) {
        mine->on_interrupt = preempt_again;
        preempt_again(NULL);
        csr_write(sie, 0x20);
    }
    return argument;
}

static void set_up(void)
{
    for (unsigned page = 0; page < PAGES; page++) {
        watches[page].rights = VALL;
        if (page >= DATA && page < FIRST_TABLE) {
            memcpy(pages[page], two_pages + (page - DATA) % 2 * PAGE, PAGE);
        } else if (page < DATA) {
            publish(page, VR);
        }
    }
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        build_tables(worker);
    }
    vtl_begin();
    bare_start_harts(HARTS);
    vtl_raise(1, 0);
    vtl_at(enable_others, 0);
    __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
}

static void print_count(const char *text, uint64_t value)
{
    bare_print("# ");
    bare_print(text);
    bare_print(" ");
    bare_print_hex(value);
    bare_print("\n");
}

#define sum_of(member)                              \
    ({                                              \
        uint64_t sum_ = 0;                          \
        for (unsigned i_ = 0; i_ < WORKERS; i_++) { \
            sum_ += done[i_].member;                \
        }                                           \
        sum_;                                       \
    })

static int report(void)
{
    uint64_t refused = 0;
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        refused += bare_harts[CHANGERS + worker].exceptions;
    }
    print_count("calls", change_counts[0] + change_counts[8]);
    print_count("pages changed", page_counts[0] + page_counts[8]);
    print_count("rounds of work", sum_of(accesses));
    print_count("refused", refused);
    print_count("translations for level 1", translated[0] + translated[16]);
    print_count("refused there", untranslated[0] + untranslated[16]);
    print_count("preempted", slot_of(1, 2)->interrupts + slot_of(1, 4)->interrupts);
    rule("level 0 loaded, stored, locked, crossed, ran and walked",
         sum_of(loads) > 100 && sum_of(stores) > 100 && sum_of(atomics) > 100 && sum_of(exclusives) > 100 &&
             sum_of(stays) > 100 && sum_of(crossings) > 100 && sum_of(runs) > 100 && sum_of(windows) > 100);
    rule("rights were changed meanwhile, and accesses refused",
         change_counts[0] > 100 && change_counts[8] > 100 && refused > 100);
    rule("and level 1 has asked for translations",
         translated[0] + translated[16] > 100 && untranslated[0] + untranslated[16] > 10);
    rule_is("no store took place after W was taken", broken[BROKEN_W], 0);
    rule_is("no load after R was taken", broken[BROKEN_R], 0);
    rule_is("no code ran after KX was taken", broken[BROKEN_X], 0);
    rule_is("no translation was used after R was taken from its table", broken[BROKEN_WALK], 0);
    rule_is("no accessed or dirty bit was set after W was taken from the table", broken[BROKEN_UPDATE], 0);
    return rule_end();
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart == 0) {
        set_up();
    }
    while (ready == 0) {
        bare_pause();
    }
    __asm__ volatile("fence.i" ::: "memory");
    vtl_at(begin, 0);
    bare_meet(HARTS);
    if (hart < CHANGERS) {
        vtl_at(change_rights, csr_read(time) + TENTHS * TICKS_PER_TENTH);
    } else {
        do_work((unsigned)hart - CHANGERS);
    }
    if (hart == 0) {
        over = 1;
    }
    bare_meet(HARTS);
    while (hart != 0) {
        bare_pause();
    }
    return report();
}
