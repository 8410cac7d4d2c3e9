/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile level on four harts calls every function of trust levels, and the rest of the SBI, with every kind of
 * value, and uses page tables with every kind of entry, while each hart's next higher level, the holder, keeps a page
 * and registers secret. Nothing hangs; the secret is never seen in a register or in memory of the hostile level, and
 * never changes. If level 0 is the hostile one, there is a fifth hart, which has no holder: level 0 starts it, in each
 * way that it has, to attack from there too, and it stops again. Needs --trust-levels 3; -DSEED says which values,
 * -DROUNDS how many calls each hart makes, -DATTACKER which level is the hostile one: 0 or 1.
 */
#include "vtl.h"

#ifndef ROUNDS
#define ROUNDS 30000u
#endif
#ifndef ATTACKER
#define ATTACKER 0u
#endif
#define HOLDER          (ATTACKER + 1u)
#define WILD            (ATTACKER == 0 ? HARTS - 1u : HARTS) /* harts that have a holder; the next one has none */
#define HOLE            UINT64_C(0x4000000000)
#define DEVICE          UINT64_C(0x10000000)
#define count_of(array) (sizeof(array) / sizeof(array)[0])

#define SECRET_TOP      UINT64_C(0x5ec2e75a) /* upper half of every secret */
#define SECRET(n)       (SECRET_TOP << 32 | (n))
#define SECRET_FCSR     0x9du
#define FLOATS          0x2000u /* sstatus.FS: on */

static uint64_t secrets[HARTS][512] __attribute__((aligned(4096)));
static uint8_t playgrounds[HARTS][4 * PAGE] __attribute__((aligned(4096)));
static uint64_t tables[HARTS][2][512] __attribute__((aligned(4096)));
static struct {
    uint64_t random_state;
    uint64_t calls, successes, leaks, checks, wrong, unexpected, starts, mapped;
} states[HARTS] __attribute__((aligned(64)));
#define state (&states[bare_self() % 8])
static volatile uint64_t ready;

/* ---- The holder -------------------------------------------------------------------------------------------------- */

static bool intact(void)
{
    for (unsigned i = 0; i < 512; i++) {
        if (secrets[my_hart()][i] != SECRET(i)) {
            return false;
        }
    }
    return csr_read(sepc) == SECRET(0x1000) && csr_read(stval) == SECRET(0x2000) && csr_read(0x14D) == SECRET(0x3000) &&
           csr_read(satp) == 0 && csr_read(scounteren) == 5 && csr_read(fcsr) == SECRET_FCSR &&
           vtl_read(NAME_ASSIST) == ((uint64_t)&mine->assist | 1);
}

static void check_secret(struct vtl_frame *frame)
{
    (void)frame;
    state->checks++;
    if (!intact()) {
        state->wrong++;
    }
}

static void drop_interrupt(struct vtl_frame *frame)
{
    csr_clear(sip, 2);
    check_secret(frame);
}

extern char bare_stacks[];
static uint64_t begin(uint64_t argument)
{
    (void)argument;
    vtl_begin();
    for (unsigned i = 0; i < 512; i++) {
        secrets[my_hart()][i] = SECRET(i);
    }
    csr_write(sepc, SECRET(0x1000));
    csr_write(stval, SECRET(0x2000));
    csr_write(0x14D, SECRET(0x3000));
    csr_write(scounteren, 5);
    csr_set(sstatus, FLOATS);
    csr_write(fcsr, SECRET_FCSR);
    csr_write(sie, 2);
    expect(status_of(vtl_protect_range(0, (uint64_t)secrets[my_hart()], PAGE)) == OK);
    expect(status_of(vtl_protect_range(0, (uint64_t)mine, sizeof *mine)) == OK);
    expect(status_of(vtl_protect_range(0, (uint64_t)bare_stacks + bare_self() * 8192, 8192)) == OK);
    mine->on_interrupt = drop_interrupt;
    mine->on_call = check_secret;
    return 0;
}

/* At hart 0's holder, before any hart begins: they begin at the same time, and protect what is theirs. */
static uint64_t enable_others(uint64_t argument)
{
    (void)argument;
    vtl_protections_on(0);
    for (uint64_t hart = 1; hart < WILD; hart++) {
        for (uint8_t level = 1; level <= HOLDER; level++) {
            struct vtl_context context = vtl_usual_context(level, hart);
            expect(vtl_enable_vp((uint32_t)hart, level, &context) == OK);
        }
    }
    return 0;
}

/* ---- The attacker: values
 * -------------------------------------------------------------------------------------------- */

static uint64_t random(void)
{
    return bare_random(&state->random_state);
}

static uint64_t pick(const uint64_t *values, size_t count)
{
    return values[random() % count];
}

static uint64_t address(void)
{
    uint64_t self = my_hart(), r = random();
    const uint64_t bases[] = { (uint64_t)playgrounds[self],
                               (uint64_t)playgrounds[self],
                               (uint64_t)playgrounds[self],
                               (uint64_t)secrets[r >> 8 & 3],
                               (uint64_t)slot_of(HOLDER, r >> 8 & 3),
                               DEVICE,
                               HOLE,
                               0,
                               UINT64_MAX - 4095,
                               RAM,
                               UINT64_C(1) << 63 };
    uint64_t base = bases[r % count_of(bases)];
    if (r >> 16 & 1) {
        return base;
    }
    return base + (r >> 20 & 0xfff & ((r >> 40 & 7) != 0 ? ~UINT64_C(7) : ~UINT64_C(0)));
}

static uint64_t anything(void)
{
    static const uint64_t odd[] = { 0,
                                    1,
                                    2,
                                    3,
                                    15,
                                    16,
                                    0x10,
                                    0x11,
                                    0x12,
                                    0x1f,
                                    0x20,
                                    63,
                                    64,
                                    511,
                                    512,
                                    4095,
                                    0xFFFFFFFE,
                                    0xFFFFFFFF,
                                    0x80000000,
                                    UINT64_MAX,
                                    UINT64_MAX - 1,
                                    UINT64_C(1) << 63,
                                    UINT64_C(1) << 32 };
    switch (random() % 6) {
    case 0: {
        uint64_t value = random();
        return value >> 32 == SECRET_TOP ? 0 : value;
    }
    case 1: return address();
    case 2: return address() / PAGE;
    default: return pick(odd, count_of(odd));
    }
}

static uint64_t name(void)
{
    static const uint64_t names[] = { NAME_VERSION,   NAME_FEATURES,     NAME_EVENT,    NAME_PC,
                                      NAME_MODE,      NAME_OS_ID,        NAME_VP_INDEX, NAME_ASSIST,
                                      NAME_VP_STATUS, 0xD0002,           NAME_VINA,     NAME_PARTITION_STATUS,
                                      NAME_CONFIG,    NAME_CAPABILITIES, 0xD0010,       0xD0011,
                                      0xE0000,        0xE0001,           0xE0005,       0xE0006 };
    uint64_t r = random();
    switch (r % 12) {
    case 0: return NAME_X + (r >> 8) % 48;
    case 1: return NAME_F + (r >> 8) % 40;
    case 2: return NAME_CSR + (r >> 8) % 0x1000;
    case 3: return r >> 32;
    default: return pick(names, count_of(names));
    }
}

/* The input block: mostly a header that gets past the first checks. */
static void fill_input(uint64_t *block)
{
    uint64_t r = random();
    block[0] = r % 8 != 0 ? VTL_SELF : anything();
    block[1] = anything();
    if (r >> 8 & 3) {
        uint64_t vps[] = { VP_SELF, VP_SELF, 0, 1, 2, 3 };
        block[1] = vps[(r >> 12) % 6] | ((r >> 16 & 1) ? UINT64_C(0x10) | (r >> 17 & 3) : 0) << 32;
    }
    for (unsigned i = 2; i < 24; i++) {
        block[i] = (r >> (16 + i) & 3) ? name() : anything();
    }
}

static uint64_t input_word(uint64_t fid)
{
    uint64_t r = random();
    uint64_t word = fid & 0xffff;
    if (fid == FID_PROTECT || fid == FID_GET || fid == FID_SET || fid == FID_INDEX || fid == FID_CHECK) {
        word |= REPS(1 + (r >> 8) % ((r >> 4 & 15) == 0 ? 4095 : (r >> 4 & 15) < 4 ? 5 : 1));
        word |= (r >> 30 & 7) == 0 ? FROM(r >> 33 & 3) : 0;
    }
    word |= (r & 7) == 0 ? FAST : 0;
    if ((r >> 50 & 15) == 0) {
        word ^= UINT64_C(1) << (r >> 56 & 63);
    }
    return (r >> 54 & 31) == 0 ? anything() : word;
}

/* ---- The attacker: calls
 * --------------------------------------------------------------------------------------------- */

#define RESULTS 19u

/* All registers the call may answer in, and those of the holder that it must not; an exception injected behind the
 * ecall skips a nop or goes to ra. */
static void wild_call(uint64_t eid, uint64_t fid, const uint64_t arguments[6], uint64_t results[RESULTS])
{
    register uint64_t a0 __asm__("a0") = arguments[0];
    register uint64_t a1 __asm__("a1") = arguments[1];
    register uint64_t a2 __asm__("a2") = arguments[2];
    register uint64_t a3 __asm__("a3") = arguments[3];
    register uint64_t a4 __asm__("a4") = arguments[4];
    register uint64_t a5 __asm__("a5") = arguments[5];
    register uint64_t a6 __asm__("a6") = fid;
    register uint64_t a7 __asm__("a7") = eid;
    register uint64_t t0 __asm__("t0") = 0;
    register uint64_t t1 __asm__("t1") = 0;
    register uint64_t t2 __asm__("t2") = 0;
    register uint64_t t3 __asm__("t3") = 0;
    register uint64_t t4 __asm__("t4") = 0;
    register uint64_t t5 __asm__("t5") = 0;
    register uint64_t t6 __asm__("t6") = 0;
    register uint64_t s1 __asm__("s1") = 0;
    register uint64_t s2 __asm__("s2") = 0;
    register uint64_t s3 __asm__("s3") = 0;
    register uint64_t s4 __asm__("s4") = 0;
    __asm__ volatile(".option push; .option norvc\n"
                     "la ra, 1f\n"
                     "ecall\n"
                     "nop\n"
                     "nop\n"
                     "1: mv s1, ra\n"
                     "mv s2, gp\n"
                     "mv s3, s0\n"
                     "csrr s4, fcsr\n"
                     ".option pop"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(a7), "+r"(t0),
                       "+r"(t1), "+r"(t2), "+r"(t3), "+r"(t4), "+r"(t5), "+r"(t6), "+r"(s1), "+r"(s2), "+r"(s3),
                       "+r"(s4)
                     :
                     : "ra", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory");
    const uint64_t got[RESULTS] = {
        a0, a1, a2, a3, a4, a5, a6, a7, t0, t1, t2, t3, t4, t5, t6, s1, s2, s3, s4 == SECRET_FCSR ? SECRET(0) : 0
    };
    for (unsigned i = 0; i < RESULTS; i++) {
        results[i] = got[i];
    }
}

static void look_for_leaks(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] >> 32 == SECRET_TOP || (uint32_t)words[i] == SECRET_TOP) {
            state->leaks++;
        }
    }
}

static void trust_call(void)
{
    static const uint64_t fids[] = { FID_IPI,
                                     FID_PROTECT,
                                     FID_ENABLE_PARTITION,
                                     FID_ENABLE_VP,
                                     FID_CALL,
                                     FID_RETURN,
                                     FID_RETURN_FAST,
                                     FID_GET,
                                     FID_GET,
                                     FID_SET,
                                     FID_SET,
                                     FID_TRANSLATE,
                                     FID_START_VP,
                                     FID_INDEX,
                                     FID_CHECK,
                                     0x13,
                                     0x0E,
                                     0x10 };
    uint64_t fid = random() % 16 == 0 ? anything() : pick(fids, count_of(fids));
    uint64_t *block = (uint64_t *)(playgrounds[my_hart()]);
    fill_input(block);
    bool usual = random() % 4 != 0;
    uint64_t arguments[6] = { input_word(fid),
                              usual ? (uint64_t)block : address(),
                              usual ? (uint64_t)block + 2 * PAGE : address(),
                              anything(),
                              anything(),
                              anything() };
    if ((arguments[0] & FAST) != 0 && random() % 2 != 0) {
        arguments[1] = block[0];
        arguments[2] = block[1];
    }
    uint64_t results[RESULTS];
    wild_call(VTL_EID, fid, arguments, results);
    look_for_leaks(results, RESULTS);
    if (results[0] == 0 && status_of(results[1]) == OK && fid != FID_CALL) {
        state->successes++;
        if ((fid == FID_PROTECT && ATTACKER == 0) || fid == FID_ENABLE_PARTITION || fid == FID_ENABLE_VP ||
            fid == FID_START_VP) {
            state->unexpected++;
        }
    }
}

static void firmware_call(void)
{
    static const uint64_t known[] = { 0,        1,        2,          3,          4,       5,       6,
                                      7,        SBI_TIME, SBI_IPI,    SBI_RFENCE, SBI_HSM, SBI_PMU, SBI_DBCN,
                                      0x535441, 0x535345, 0x4e41434c, 0x46574654, 0x10 };
    uint64_t eid = pick(known, count_of(known)), fid = random() % 8, results[RESULTS];
    uint64_t arguments[6] = { anything(), anything(), anything(), anything(), address(), address() };
    if (eid == SBI_HSM && fid == 3) {
        return; /* would sleep for ever */
    }
    if (eid == SBI_DBCN) {
        arguments[0] = random() % 32;
        arguments[1] = address();
        arguments[2] = 0;
    } else if (eid == 1) {
        arguments[0] = '.';
    }
    wild_call(eid, fid, arguments, results);
    look_for_leaks(results, RESULTS);
}

static void access_secret(void)
{
    uint64_t where = (uint64_t)secrets[random() % WILD] + random() % 4088, before = me->exceptions;
    uint64_t got = 0;
    switch (random() % 4) {
    case 0: got = load(where & ~UINT64_C(7), 8); break;
    case 1: store(where, 1, 0); break;
    case 2: got = load(where, 8); break;
    default: call_address(where & ~UINT64_C(3)); break;
    }
    look_for_leaks(&got, 1);
    if (me->exceptions == before) {
        state->unexpected++;
    }
}

static void enter_holder(void)
{
    static const uint64_t arguments[6] = { 0, 0, 0, 0, 0, 0 };
    uint64_t results[RESULTS];
    wild_call(VTL_EID, FID_CALL, arguments, results);
}

/* ---- The attacker: page tables ----------------------------------------------------------------------------------- */

#define MAPPED     UINT64_C(0xc0000000) /* virtual, in the gigabyte of the root's fourth entry */
#define PTE_TABLE  UINT64_C(0x01)
#define PTE_ALL    UINT64_C(0xcf) /* valid, readable, writable, executable, accessed and dirty */
#define TO_PTE(pa) ((uint64_t)(pa) >> 12 << 10)
#define SATP_SV39  (UINT64_C(8) << 60)

/* Of a page that address() names, and no other: what is stored there must not be the program. So bit 63, which makes
 * sixteen pages of one (Svnapot), stays clear. */
static uint64_t wild_entry(void)
{
    uint64_t r = random(), entry = TO_PTE(address() & ((UINT64_C(1) << 56) - 1));
    entry |= (r & 7) == 0 ? PTE_TABLE : (r & 7) < 4 ? PTE_ALL : r >> 8 & 0xff;
    uint64_t bit = r >> 24 & 15;
    return (r >> 16 & 7) == 0 ? entry ^ UINT64_C(1) << (bit < 10 ? bit : 44 + bit) : entry;
}

/* Of the tables: the root has the memory at its own address, and a table, whose first entry is for a page of the
 * playground as a table; all others are wild. */
static void fill_tables(uint64_t self)
{
    uint64_t *last = (uint64_t *)(playgrounds[self] + 3 * PAGE);
    tables[self][0][2] = TO_PTE(RAM) | PTE_ALL;
    tables[self][0][3] = TO_PTE(tables[self][1]) | PTE_TABLE;
    tables[self][1][0] = TO_PTE(last) | PTE_TABLE;
    for (unsigned i = 0; i < 8; i++) {
        tables[self][1][1 + i] = wild_entry();
        last[i] = wild_entry();
    }
    tables[self][1][9] = TO_PTE(secrets[random() % WILD]) | PTE_TABLE;
    last[8] = TO_PTE(secrets[random() % WILD]) | PTE_ALL;
}

/* The secret by a page table, and as one. */
static void access_mapped_secret(void)
{
    uint64_t where = MAPPED + (random() % 2 != 0 ? 8 * PAGE : UINT64_C(9) << 21) + (random() & 0xff8);
    uint64_t before = me->exceptions, got = 0;
    switch (random() % 3) {
    case 0: got = load(where, 8); break;
    case 1: store(where, 8, 0); break;
    default: call_address(where); break;
    }
    look_for_leaks(&got, 1);
    if (me->exceptions == before) {
        state->unexpected++;
    }
}

/* What is stored does not end the machine, should the finisher be mapped. */
static void access_anything_mapped(void)
{
    uint64_t r = random();
    uint64_t where = MAPPED + ((r & 1) != 0 ? (r >> 8) % 9 * PAGE : (r >> 8) % 10 << 21) + (r >> 16 & 0xff8);
    uint64_t before = me->exceptions, got = 0;
    if ((r >> 32 & 1) != 0) {
        got = load(where, 8);
    } else {
        store(where, 8, r << 16);
    }
    look_for_leaks(&got, 1);
    state->mapped += me->exceptions == before;
}

static void use_tables(void)
{
    uint64_t self = my_hart();
    fill_tables(self);
    csr_write(satp, SATP_SV39 | (uint64_t)tables[self][0] >> 12);
    for (unsigned i = 0; i < 8; i++) {
        __asm__ volatile("sfence.vma" : : : "memory");
        access_anything_mapped();
        access_mapped_secret();
        if (i == 4) {
            trust_call();
            fill_tables(self); /* the call may have written there */
        }
    }
    csr_write(satp, 0);
    __asm__ volatile("sfence.vma" : : : "memory");
}

/* ---- The attacker: the hart without a holder ----------------------------------------------------------------------
 */

static void start_another(void)
{
    const struct vtl_context context = { .pc = (uint64_t)_start };
    bool started = random() % 2 != 0 ? sbi(SBI_HSM, 0, WILD, (uint64_t)_start, 0, 0, 0).error == 0
                                     : vtl_start_vp(WILD, 0, &context) == OK;
    state->starts += started;
}

/* On that hart. Some call may stop it before. */
static void be_wild_alone(uint64_t hart)
{
    if (states[hart].random_state == 0) {
        states[hart].random_state = (SEED * 16 + hart + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    }
    csr_set(sstatus, FLOATS);
    use_tables();
    for (unsigned i = 0; i < 16; i++) {
        access_secret();
        if (i % 2 == 0) {
            trust_call();
        } else {
            firmware_call();
        }
    }
    sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
    state->unexpected++; /* nobody has a say in it */
}

static void be_wild(uint64_t hart)
{
    states[hart].random_state = (SEED * 16 + hart + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t r = random() % 16;
        if (ATTACKER != 0) { /* gets the hart back from a level below whose registers make no sense */
            csr_write(sie, 0x20);
            csr_write(0x14D, csr_read(time) + 3000);
        }
        if (r < 11) {
            trust_call();
        } else if (r < 14) {
            firmware_call();
        } else {
            access_secret();
        }
        state->calls++;
        if (round % 64 == 0) {
            vtl_write(NAME_OS_ID, 0x8100000000000000); /* it may have been taken away */
            csr_write(sip, 0);
            csr_write(sie, 0);
            csr_set(sstatus, FLOATS);
            use_tables();
            if (ATTACKER == 0) {
                start_another();
            }
        }
        if (round % 256 == 0) {
            look_for_leaks((uint64_t *)playgrounds[hart], sizeof playgrounds[hart] / 8);
            enter_holder();
        }
    }
    enter_holder();
}

static uint64_t sum(size_t offset)
{
    uint64_t total = 0;
    for (unsigned hart = 0; hart < HARTS; hart++) {
        total += *(uint64_t *)((uint8_t *)&states[hart] + offset);
    }
    return total;
}
#define sum_of(member) sum(__builtin_offsetof(__typeof__(states[0]), member))

static int report(void)
{
    bare_print("\n# ");
    bare_print_hex(sum_of(successes));
    bare_print(" calls succeeded\n");
    rule_is("every hart has made all its calls", sum_of(calls), (uint64_t)WILD * ROUNDS);
    rule("some succeeded", sum_of(successes) > WILD * ROUNDS / 500);
    rule("some of what page tables mapped was used", sum_of(mapped) > WILD * ROUNDS / 500);
    rule("the hart without a holder was started often", ATTACKER != 0 || sum_of(starts) > WILD * ROUNDS / 2000);
    rule("the holder was asked often", sum_of(checks) > WILD * ROUNDS / 256);
    rule_is("its page and registers were always as it left them", sum_of(wrong), 0);
    rule_is("none of it was seen by the attacker", sum_of(leaks), 0);
    rule_is("the attacker took no rights, levels or VPs, and touched no secret", sum_of(unexpected), 0);
    return rule_end();
}

static uint64_t attack(uint64_t hart)
{
    vtl_begin();
    vtl_at(begin, 0);
    bare_meet(WILD);
    be_wild(hart);
    bare_meet(WILD);
    while (hart != 0) {
        bare_pause();
    }
    bare_finish(report());
}

static uint64_t at_holder(uint64_t function)
{
    return vtl_at((vtl_function *)function, 0);
}

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

static void set_up(void)
{
    bare_print("# seed ");
    bare_print_hex(SEED);
    bare_print("\n");
    for (unsigned i = 0; i < 3; i++) {
        vtl_private[HOLDER][i] = SECRET(0x4000 + i);
    }
    bare_start_harts(WILD);
    vtl_begin();
    vtl_raise(1, 0);
    if (ATTACKER == 0) {
        vtl_at(enable_others, 0);
    } else {
        vtl_at(raise, 2);
        vtl_at(at_holder, (uint64_t)enable_others);
    }
    __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart == WILD) {
        be_wild_alone(hart);
    }
    if (hart == 0) {
        set_up();
    }
    while (ready == 0) {
        bare_pause();
    }
    if (ATTACKER == 0) {
        attack(hart);
    }
    vtl_at(attack, hart);
    for (;;) { /* it returned here, among other places */
        vtl_call(0, 0);
    }
}
