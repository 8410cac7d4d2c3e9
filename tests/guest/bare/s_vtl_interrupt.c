/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 6 of docs/reference/trust-levels.md on one hart: timer and software interrupts of each level, preemption,
 * sie as the only mask, re-entry, VINA, and that none is lost. Needs --trust-levels 3.
 */
#include "vtl.h"

#define SSI          UINT64_C(2)
#define STI          UINT64_C(0x20)
#define SIE          UINT64_C(2)
#define NEVER        UINT64_MAX
#define up           slot_of(1, 0)
#define timer(value) csr_write(0x14D, value)

static uint64_t now(void)
{
    return csr_read(time);
}

static uint64_t set_timer(uint64_t delay)
{
    timer(delay == NEVER ? NEVER : now() + delay);
    return 0;
}

static uint64_t set_sie(uint64_t value)
{
    csr_write(sie, value);
    return 0;
}

static uint64_t set_sstatus_sie(uint64_t on)
{
    if (on != 0) {
        csr_set(sstatus, SIE);
    } else {
        csr_clear(sstatus, SIE);
    }
    return 0;
}

/* Until the count moves, or so long that it will not. */
static bool moves(volatile uint64_t *count, uint64_t from, uint64_t ticks)
{
    uint64_t end = now() + ticks;
    while (*count == from && now() < end) {
        bare_pause();
    }
    return *count != from;
}

#define LONG UINT64_C(200000) /* 20 ms: where nothing is to come */

/* ---- A higher level's ------------------------------------------------------------------------------------------- */

static void preemption(void)
{
    for (unsigned sie = 0; sie < 2; sie++) {
        csr_clear(sstatus, SIE);
        if (sie != 0) {
            csr_set(sstatus, SIE);
        }
        uint64_t seen = up->interrupts, own = me->interrupts;
        vtl_at(set_sie, STI);
        vtl_at(set_timer, 20000);
        note_is(moves(&up->interrupts, seen, PATIENCE), 1, sie);
        note_is(up->reason, REASON_INTERRUPT, sie | 0x10);
        note_is(me->interrupts, own, sie | 0x20);
        note_is(csr_read(sstatus) & SIE, sie != 0 ? SIE : 0, sie | 0x30);
    }
    csr_clear(sstatus, SIE);
    rule_noted("a higher level's timer enters it with reason 2, whatever the lower one's SIE is");
    vtl_at(set_sie, 0);
    uint64_t seen = up->interrupts;
    vtl_at(set_timer, 0);
    rule("its sie is the mask", !moves(&up->interrupts, seen, LONG));
    vtl_at(set_sie, STI);
    rule("which it may lift: what waited comes", moves(&up->interrupts, seen, PATIENCE));
    seen = up->interrupts;
    vtl_at(set_timer, NEVER);
    rule("and not again", !moves(&up->interrupts, seen, LONG));
}

static uint64_t counted;
static void check_nothing_changed(uint64_t rounds)
{
    /* A chain of dependent work whose result shows whether any instruction was lost or repeated. */
    uint64_t x = 1, want = 1, seen = up->interrupts;
    for (uint64_t round = 0; round < rounds; round++) {
        vtl_at(set_timer, 300);
        x = 1;
        for (unsigned i = 0; i < 20000; i++) {
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
            __atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
        }
        if (round == 0) {
            want = x;
        }
        note_is(x, want, round);
    }
    note_is(counted, rounds * 20000, 1);
    note_is(moves(&up->interrupts, seen, PATIENCE), 1, 2); /* on a busy host no timer may have fired in time so far */
    vtl_at(set_timer, NEVER);                              /* the last may not have come yet */
    rule_noted("an interrupted level goes on where it was, each instruction once");
}

static unsigned again;
static void hold(struct vtl_frame *frame)
{
    (void)frame;
    if (again == 0 || --again == 0) {
        timer(NEVER);
    }
}

static void re_entry(void)
{
    uint64_t seen = up->interrupts;
    again = 5;
    up->on_interrupt = hold;
    vtl_at(set_timer, 1000);
    moves(&up->interrupts, seen, PATIENCE);
    rule_is("a return with an interrupt pending enters again", up->interrupts, seen + 5);
    up->on_interrupt = NULL;
}

static void trap_within(struct vtl_frame *frame)
{
    (void)frame;
    timer(NEVER);
}

static void own_trap(void)
{
    struct bare_hart *hart = &bare_harts[8];
    uint64_t traps = hart->interrupts, seen = up->interrupts;
    up->on_interrupt = trap_within;
    vtl_at(set_sie, STI);
    vtl_at(set_sstatus_sie, 1);
    vtl_at(set_timer, 1000);
    moves(&up->interrupts, seen, PATIENCE);
    rule_is("a level with SIE traps when it is entered", hart->interrupts, traps + 1);
    rule_is("as a timer interrupt", hart->cause, UINT64_C(1) << 63 | 5);
    vtl_at(set_sstatus_sie, 0);
    up->on_interrupt = NULL;
    vtl_at(set_timer, NEVER);
    vtl_at(set_sie, STI);
    traps = hart->interrupts;
    seen = up->interrupts;
    vtl_at(set_timer, 1000);
    moves(&up->interrupts, seen, PATIENCE);
    rule_is("one without does not, but is entered", hart->interrupts, traps);
}

static void waiting(void)
{
    uint64_t seen = up->interrupts;
    vtl_at(set_sie, STI);
    vtl_at(set_timer, 100000);
    csr_write(sie, STI | SSI);
    timer(now() + PATIENCE); /* should the other not come */
    while (up->interrupts == seen && (csr_read(sip) & STI) == 0) {
        __asm__ volatile("wfi");
    }
    rule_is("a hart that waits for an interrupt is woken by a higher level's", up->interrupts, seen + 1);
    timer(NEVER);
    csr_write(sie, 0);
}

/* Until the count, whose address is at a0, is not any more what is behind that. */
extern char user_spin[];
__asm__(".option push; .option norvc\n"
        ".globl user_spin\n"
        "user_spin:\n"
        "    ld t0, 0(a0)\n"
        "    ld t1, 8(a0)\n"
        "1:  ld t2, 0(t0)\n"
        "    beq t1, t2, 1b\n"
        "    ecall\n"
        ".option pop\n");

#define MODE_USER UINT64_C(0)
static uint64_t mode_interrupted;

static void note_mode(struct vtl_frame *frame)
{
    (void)frame;
    mode_interrupted = vtl_read_of(0, NAME_MODE);
    timer(NEVER);
}

/* On a busy host the interrupt may come before user mode is reached: then again. */
static void user_mode(void)
{
    mode_interrupted = ~MODE_USER;
    up->on_interrupt = note_mode;
    for (unsigned i = 0; i < 100 && mode_interrupted != MODE_USER; i++) {
        const uint64_t wait[2] = { (uint64_t)&up->interrupts, up->interrupts };
        vtl_at(set_timer, 50000);
        note_is(vtl_user_mode((uint64_t)user_spin, (uint64_t)wait).cause, 8, i);
    }
    up->on_interrupt = NULL;
    note_is(mode_interrupted, MODE_USER, 100);
    rule_noted("user mode is preempted, too");
}

/* ---- Software interrupts ---------------------------------------------------------------------------------------- */

static uint64_t send(uint64_t target)
{
    return vtl_ipi((uint8_t)target, 1, 1);
}

static uint64_t pending(uint64_t argument)
{
    (void)argument;
    return csr_read(sip) & SSI;
}

static void software(void)
{
    static const uint32_t vectors[] = { 0, 2, 5, 9, 16, 255, 0x80000001 };
    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        note_is(vtl_ipi(VTL_CALLER, vectors[i], 1), BAD_PARAMETER, vectors[i]);
    }
    rule_noted("only vector 1 can be sent");
    note_is(vtl_ipi(VTL_TO(3), 1, 1), BAD_PARAMETER, 0);
    note_is(vtl_ipi(VTL_TO(15), 1, 1), BAD_PARAMETER, 1);
    rule_noted("and to no level above the highest");
    rule_is("a VP that has not got the level is passed over", vtl_ipi(VTL_TO(2), 1, 1), OK);
    note_is(vtl_ipi(0x20, 1, 1), BAD_PARAMETER, 0);
    note_is(vtl_ipi(0x80, 1, 1), BAD_PARAMETER, 1);
    for (unsigned bit = 8; bit < 32; bit++) {
        uint64_t first = 1 | (uint64_t)VTL_CALLER << 32 | UINT64_C(1) << (32 + bit);
        note_is(status_of(vtl_raw(FID_IPI, FID_IPI | FAST, first, 1, 0, 0, 0)), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bits are refused");
    rule_is("nothing was sent", csr_read(sip) & SSI, 0);
    rule_is("a level sends to itself", vtl_ipi(VTL_CALLER, 1, 1), OK);
    rule_is("and has it pending", csr_read(sip) & SSI, SSI);
    rule_is("the higher level has not", vtl_at(pending, 0), 0);
    csr_clear(sip, SSI);
    vtl_at(set_sie, SSI);
    uint64_t seen = up->interrupts;
    rule_is("a lower level sends to a higher one", send(VTL_TO(1)), OK);
    rule("which is entered", moves(&up->interrupts, seen, PATIENCE));
    rule_is("and has nothing pending itself", csr_read(sip) & SSI, 0);
    rule_is("a higher level sends to a lower one", vtl_at(send, VTL_TO(0)), OK);
    rule_is("which has it when it runs", csr_read(sip) & SSI, SSI);
    uint64_t own = me->interrupts;
    csr_write(sie, SSI);
    csr_set(sstatus, SIE);
    csr_clear(sstatus, SIE);
    rule_is("and takes it", me->interrupts, own + 1);
    csr_clear(sip, SSI);
    csr_write(sie, 0);
}

static uint64_t sbi_timer(uint64_t argument)
{
    sbi(SBI_TIME, 0, argument, 0, 0, 0, 0);
    return csr_read(sip) & STI;
}

static uint64_t sbi_ipi(uint64_t argument)
{
    (void)argument;
    vtl_at(set_sie, 0);
    return (uint64_t)sbi(SBI_IPI, 0, 1, 0, 0, 0, 0).error << 8 | (csr_read(sip) & SSI);
}

static uint64_t sbi_ipi_here(uint64_t argument)
{
    (void)argument;
    csr_write(sie, 0);
    uint64_t error = (uint64_t)sbi(SBI_IPI, 0, 1, 0, 0, 0, 0).error;
    uint64_t result = error << 8 | (csr_read(sip) & SSI);
    csr_clear(sip, SSI);
    return result;
}

static void firmware(void)
{
    vtl_at(set_sie, 0);
    rule_is("the SBI's timer is the caller's", vtl_at(sbi_timer, 0), STI);
    rule_is("not the lower level's", csr_read(sip) & STI, 0);
    vtl_at(sbi_timer, NEVER);
    rule_is("the SBI's IPI is the caller's", vtl_at(sbi_ipi_here, 0), SSI);
    rule_is("and not the lower level's", csr_read(sip) & SSI, 0);
    rule_is("nor a lower level's the higher's", sbi_ipi(0) | vtl_at(pending, 0) << 32, SSI);
    csr_clear(sip, SSI);
}

/* ---- A lower level's -------------------------------------------------------------------------------------------- */

static uint64_t linger(uint64_t ticks)
{
    uint64_t end = now() + ticks;
    while (now() < end) {
        bare_pause();
    }
    return csr_read(sip);
}

static void lower_wait(void)
{
    csr_write(sie, STI);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t own = me->interrupts;
        csr_write(sie, STI);
        csr_set(sstatus, SIE);
        timer(now() + 1000);
        note_is(vtl_at(linger, 20000) & (STI | SSI), 0, i);
        note_is(moves(&me->interrupts, own, PATIENCE), 1, i);
        note_is(me->interrupts, own + 1, i);
        timer(NEVER);
        csr_clear(sstatus, SIE);
    }
    rule_noted("a lower level's timer waits while a higher level runs, and comes after it");
    csr_write(sie, 0);
}

static uint64_t never_lost(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t own = me->interrupts, seen = up->interrupts;
        vtl_at(set_sie, STI | SSI);
        csr_write(sie, STI | SSI);
        csr_set(sstatus, SIE);
        vtl_at(set_timer, i * 37 % 400);
        timer(now() + i * 53 % 400);
        bool both = moves(&me->interrupts, own, PATIENCE) && moves(&up->interrupts, seen, PATIENCE);
        csr_clear(sstatus, SIE);
        timer(NEVER);
        note_is(both, 1, i);
    }
    rule_noted("timers of two levels at all distances: none is lost");
    return 0;
}

/* ---- Devices ---------------------------------------------------------------------------------------------------- */

#define SEI        UINT64_C(0x200)
#define UART_IRQ   10u
#define PLIC_CLAIM (PLIC + 0x201004u) /* of hart 0's S-mode */

/* The UART has nothing to send, and now says so. */
static uint64_t raise_device(uint64_t argument)
{
    uint64_t seen = mine->interrupts;
    store(UART + 1, 1, argument);
    return (linger(LONG / 4) & SEI) | (mine->interrupts - seen) << 32;
}

static void devices(void)
{
    store(PLIC + 4 * UART_IRQ, 4, 1);
    store(PLIC + 0x2080, 4, 1u << UART_IRQ);
    store(PLIC_CLAIM - 4, 4, 0);
    for (unsigned i = 0; i < 5; i++) {
        vtl_at(set_sie, i % 2 != 0 ? SEI : 0);
        csr_write(sie, SEI);
        csr_set(sstatus, SIE);
        uint64_t own = me->interrupts, seen = up->interrupts;
        note_is(vtl_at(raise_device, 2), 0, i);
        note_is(moves(&me->interrupts, own, PATIENCE), 1, i | 0x10);
        note_is(me->cause, UINT64_C(1) << 63 | 9, i | 0x20);
        csr_clear(sstatus, SIE);
        note_is(up->interrupts, seen, i | 0x30);
        note_is(load(PLIC_CLAIM, 4), UART_IRQ, i | 0x40);
        load(UART + 2, 1);
        store(UART + 1, 1, 0);
        store(PLIC_CLAIM, 4, UART_IRQ);
        note_is(csr_read(sip) & SEI, 0, i | 0x50);
        note_is(me->interrupts, own + 1, i | 0x60);
    }
    csr_write(sie, 0);
    vtl_at(set_sie, 0);
    rule_noted("a device interrupts level 0, and waits until that runs, whatever a higher level's sie is");
}

/* ---- VINA ------------------------------------------------------------------------------------------------------- */

static uint64_t vina(uint64_t value)
{
    return vtl_write(NAME_VINA, value);
}

/* At level 1: sets the lower level's timer, so that it cannot come before. */
static void lower_timer(void)
{
    expect(vtl_write_of(0, NAME_CSR + CSR_STIMECMP, now() + 1000) == OK);
}

/* Whether SSI has come, and the byte; whether it has come again. */
static uint64_t watch_vina(uint64_t argument)
{
    (void)argument;
    csr_write(sie, 0); /* to look only */
    lower_timer();
    uint64_t end = now() + PATIENCE;
    while ((csr_read(sip) & SSI) == 0 && now() < end) {
        bare_pause();
    }
    uint64_t result = (csr_read(sip) & SSI) | (uint64_t)mine->assist.vina << 8;
    csr_clear(sip, SSI);
    linger(LONG / 4);
    result |= (csr_read(sip) & SSI) << 16;
    mine->assist.vina = 0;
    return result;
}

static uint64_t watch_quiet(uint64_t argument)
{
    (void)argument;
    lower_timer();
    linger(LONG / 4);
    uint64_t result = (csr_read(sip) & SSI) | (uint64_t)mine->assist.vina << 8;
    csr_clear(sip, SSI);
    return result;
}

static uint64_t held(vtl_function *watch, uint64_t sie, bool enabled)
{
    csr_write(sie, sie);
    if (enabled) {
        csr_set(sstatus, SIE);
    }
    uint64_t result = vtl_at(watch, 0);
    csr_clear(sstatus, SIE);
    timer(NEVER);
    return result;
}

static void vina_rules(void)
{
    vtl_at(set_sie, 0);
    rule_is("without VINA a held interrupt is not told", held(watch_quiet, STI, true), 0);
    rule_is("VINA is enabled", vtl_at(vina, 0x101), OK);
    for (unsigned i = 0; i < 5; i++) {
        note_is(held(watch_vina, STI, true), SSI | 1 << 8, i);
    }
    rule_noted("with it the level's software interrupt comes once, and the byte is set; clearing it re-arms");
    rule_is("not for an interrupt that the lower level could not take", held(watch_quiet, STI, false), 0);
    rule_is("nor for one that its sie masks", held(watch_quiet, 0, true), 0);
    vtl_at(vina, 0);
}

static uint64_t vina_within(uint64_t ticks)
{
    lower_timer();
    uint64_t end = now() + ticks;
    while ((csr_read(sip) & SSI) == 0 && now() < end) {
        bare_pause();
    }
    uint64_t result = csr_read(sip) & SSI;
    csr_clear(sip, SSI);
    return result;
}

static uint64_t vina_comes(uint64_t argument)
{
    (void)argument;
    return vina_within(PATIENCE);
}

static uint64_t vina_may_come(uint64_t argument)
{
    (void)argument;
    return vina_within(5 * LONG);
}

static uint64_t clear_vina(uint64_t argument)
{
    mine->assist.vina = 0;
    return argument;
}

/* How often it comes in some rounds of which it must come in the first `wanted`. */
static uint64_t asserted(unsigned rounds, unsigned wanted, uint64_t value)
{
    uint64_t count = 0;
    vtl_at(vina, value);
    vtl_at(clear_vina, 0);
    for (unsigned i = 0; i < rounds; i++) {
        count += held(i < wanted ? vina_comes : vina_may_come, STI, true) == SSI;
    }
    vtl_at(vina, 0);
    vtl_at(clear_vina, 0);
    return count;
}

static void vina_reset(void)
{
    rule_is("asserted, it does not come again", asserted(3, 1, 0x101), 1);
    rule_is("with auto-reset each entry re-arms it", asserted(3, 3, 0x301), 3);
}

/* ---- Skipping a level ------------------------------------------------------------------------------------------- */

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

static uint64_t at_2(vtl_function *function, uint64_t argument)
{
    return vtl_at_level(2, function, argument);
}

/* At level 1, which has level 2 set its timer, and is there when that comes, however soon. */
static uint64_t wait_at_1(uint64_t delay)
{
    uint64_t seen = slot_of(2, 0)->interrupts;
    vtl_at(set_timer, delay);
    return moves(&slot_of(2, 0)->interrupts, seen, PATIENCE);
}

static volatile uint64_t order; /* levels that were interrupted, in hexadecimal digits */

/* Level 2, entered from level 0, leaves both levels an interrupt; then each takes its own. */
static void take_turns(struct vtl_frame *frame)
{
    (void)frame;
    csr_clear(sip, SSI);
    if (order == 0) {
        expect(vtl_ipi(VTL_TO(1), 1, 1) == OK && vtl_ipi(VTL_CALLER, 1, 1) == OK);
    }
    order = order << 4 | my_level();
}

static void highest_first(void)
{
    struct vtl_slot *two = slot_of(2, 0);
    at_2(set_timer, NEVER);
    vtl_at(set_timer, NEVER);
    at_2(set_sie, SSI);
    vtl_at(set_sie, SSI);
    uint64_t seen = up->interrupts;
    up->on_interrupt = two->on_interrupt = take_turns;
    send(VTL_TO(2));
    moves(&up->interrupts, seen, PATIENCE);
    rule_is("of two levels with an interrupt the higher one is entered first", order, 0x221);
    up->on_interrupt = two->on_interrupt = NULL;
}

static void three_levels(void)
{
    vtl_at(raise, 2);
    vtl_at(set_sie, 0);
    struct vtl_slot *two = slot_of(2, 0);
    uint64_t entries, seen = two->interrupts;
    at_2(set_sie, STI);
    at_2(set_timer, 100000);
    entries = up->entries;
    rule("level 2's interrupt comes from level 0 at once", moves(&two->interrupts, seen, PATIENCE));
    rule_is("without level 1", up->entries, entries);
    rule_is("and returns to level 0", vtl_read(NAME_VP_STATUS) & 15, 0);
    rule_is("it preempts level 1 as well", vtl_at(wait_at_1, 300000), 1);
    vtl_at(set_sie, STI);
    uint64_t seen1 = up->interrupts;
    seen = two->interrupts;
    at_2(set_timer, 20000);
    vtl_at(set_timer, 20000);
    rule("two levels' at once both come",
         moves(&up->interrupts, seen1, PATIENCE) && moves(&two->interrupts, seen, PATIENCE));
    highest_first();
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    vtl_raise(1, 0);
    timer(NEVER);
    preemption();
    check_nothing_changed(30);
    re_entry();
    own_trap();
    waiting();
    user_mode();
    vtl_at(set_timer, NEVER);
    software();
    firmware();
    lower_wait();
    never_lost(400);
    devices();
    vina_rules();
    vina_reset();
    three_levels();
    return rule_end();
}
