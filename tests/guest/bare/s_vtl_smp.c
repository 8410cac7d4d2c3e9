/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several VPs: docs/reference/trust-levels.md, EnableVpVtl and StartVirtualProcessor on other VPs, HSM with higher
 * levels in place, interrupts from level to level and VP to VP, TLB locks. Needs --trust-levels 3 and four harts.
 */
#include "vtl.h"

#define SSI UINT64_C(2)
#define up  slot_of(1, 0)

/* ---- Errands for other harts, in level 0 ------------------------------------------------------------------------ */

static struct {
    vtl_function *volatile function;
    volatile uint64_t argument, result;
} jobs[HARTS];

static void send_job(uint64_t hart, vtl_function *function, uint64_t argument)
{
    jobs[hart].argument = argument;
    __atomic_store_n(&jobs[hart].function, function, __ATOMIC_SEQ_CST);
}

static uint64_t wait_job(uint64_t hart)
{
    while (__atomic_load_n(&jobs[hart].function, __ATOMIC_SEQ_CST) != NULL) {
        bare_pause();
    }
    return jobs[hart].result;
}

static uint64_t on_hart(uint64_t hart, vtl_function *function, uint64_t argument)
{
    send_job(hart, function, argument);
    return wait_job(hart);
}

static void __attribute__((noreturn)) work(uint64_t hart)
{
    for (;;) {
        vtl_function *function = __atomic_load_n(&jobs[hart].function, __ATOMIC_SEQ_CST);
        if (function != NULL) {
            jobs[hart].result = function(jobs[hart].argument);
            __atomic_store_n(&jobs[hart].function, NULL, __ATOMIC_SEQ_CST);
        }
        bare_pause();
    }
}

static uint64_t call_up(uint64_t function)
{
    return vtl_at((vtl_function *)function, 0);
}

static void pause_for(uint64_t ticks)
{
    uint64_t end = csr_read(time) + ticks;
    while (csr_read(time) < end) {
        bare_pause();
    }
}

static bool soon(volatile uint64_t *count, uint64_t from)
{
    uint64_t end = csr_read(time) + PATIENCE;
    while (*count == from && csr_read(time) < end) {
        bare_pause();
    }
    return *count != from;
}

/* ---- EnableVpVtl ------------------------------------------------------------------------------------------------ */

static uint64_t enable_1_on(uint64_t vp)
{
    struct vtl_context context = vtl_usual_context(1, vp == VP_SELF ? my_hart() : vp);
    return vtl_enable_vp((uint32_t)vp, 1, &context);
}

static uint64_t enable_2(uint64_t argument)
{
    (void)argument;
    return vtl_enable_partition(2, 1);
}

static uint64_t enable_2_on(uint64_t vp)
{
    struct vtl_context context = vtl_usual_context(2, vp == VP_SELF ? my_hart() : vp);
    return vtl_enable_vp((uint32_t)vp, 2, &context);
}

static uint64_t begin(uint64_t argument)
{
    vtl_begin();
    return argument;
}

static uint64_t vp_status(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_VP_STATUS);
}

static uint64_t read_index(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_VP_INDEX);
}

static uint64_t call_fails(uint64_t argument)
{
    (void)argument;
    uint64_t before = me->exceptions;
    vtl_raw(FID_CALL, FID_CALL, 0, 0, 0, 0, 0);
    return me->exceptions == before + 1 && me->cause == 2;
}

static struct vtl_context level_0_context(uint64_t hart)
{
    struct vtl_context context = vtl_usual_context(0, hart);
    extern char vtl_test_start[];
    context.pc = (uint64_t)vtl_test_start;
    return context;
}

static void enabling(void)
{
    rule_is("VpIndex is each hart's own", on_hart(1, read_index, 0), 1);
    expect(vtl_enable_partition(1, 0) == OK);
    struct vtl_context context = level_0_context(2);
    rule_is("no VP is started in a level that the partition has not", vtl_start_vp(2, 2, &context), BAD_VTL_STATE);
    rule_is("level 0 enables no level on another VP", enable_1_on(1), DENIED);
    rule_is("nor on one that is stopped", enable_1_on(2), DENIED);
    rule_is("but on its own", on_hart(1, enable_1_on, 1), OK);
    rule_is("while no VP has it", enable_1_on(0), DENIED);
    rule_is("the other is told the same", on_hart(1, enable_1_on, VP_SELF), ALREADY);
    rule_is("the first level 1 begins", on_hart(1, call_up, (uint64_t)begin), 0);
    rule_is("only its VP has it", on_hart(1, vp_status, 0), 0x30000);
    rule_is("others have not", vp_status(0), 0x10000);
    rule_is("and cannot call it", call_fails(0), 1);
    rule_is("level 1 enables level 2 for the partition", on_hart(1, call_up, (uint64_t)enable_2), OK);
    rule_is("level 0 of a VP without level 1 is not the highest below it", enable_2_on(VP_SELF), DENIED);
    rule_is("and has nothing to call", call_fails(0) | vp_status(0), 0x10001);
}

/* At level 1 of hart 1. */
static uint64_t enable_others(uint64_t argument)
{
    (void)argument;
    return enable_1_on(0) | enable_1_on(2) << 8 | enable_1_on(3) << 16 | (uint64_t)(enable_1_on(2) == ALREADY) << 24;
}

static uint64_t other_registers(uint64_t argument)
{
    (void)argument;
    uint64_t value;
    note_is(vtl_get(2, VTL_CALLER, NAME_VP_INDEX, &value), OK, 0);
    note_is(value, 2, 1);
    note_is(vtl_get(3, VTL_CALLER, NAME_VP_STATUS, &value), OK, 2);
    note_is(value, 0x30000, 3);
    rule_noted("registers of other VPs can be read");
    note_is(vtl_get(0, VTL_TO(0), NAME_PC, &value), BAD_PARAMETER, 0);
    note_is(vtl_get(0, VTL_TO(0), NAME_X + 10, &value), BAD_PARAMETER, 1);
    note_is(vtl_get(2, VTL_TO(0), NAME_CSR + CSR_SATP, &value), BAD_PARAMETER, 2);
    note_is(vtl_set(2, VTL_TO(0), NAME_CSR + CSR_SATP, 0), BAD_PARAMETER, 3);
    note_is(vtl_get(0, VTL_CALLER, NAME_ASSIST, &value), BAD_PARAMETER, 4);
    note_is(vtl_set(0, VTL_CALLER, NAME_VINA, 1), BAD_PARAMETER, 5);
    note_is(vtl_get(0, VTL_CALLER, NAME_SECURE_CONFIG, &value), BAD_PARAMETER, 6);
    note_is(vtl_set(0, VTL_TO(0), NAME_EVENT, 1 | 2 << 8), BAD_PARAMETER, 7);
    note_is(vtl_get(0, VTL_CALLER, NAME_CONFIG, &value), OK, 8);
    note_is(vtl_get(0, VTL_TO(0), NAME_OS_ID, &value), OK, 9);
    rule_noted("but only what is the partition's or a level's");
    rule_is("a register of a VP's level", vtl_write(NAME_VINA, 0x601), OK);
    rule_is("is as written there", vtl_read(NAME_VINA), 0x601);
    note_is(vtl_get(HARTS, VTL_CALLER, NAME_VP_INDEX, &value), BAD_VP, 0);
    rule_noted("there is no VP behind the last");
    return 0;
}

static uint64_t read_vina(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_VINA);
}

static void enabling_by_level_1(void)
{
    rule_is("level 1 enables itself on other VPs, running or not", on_hart(1, call_up, (uint64_t)enable_others),
            1 << 24);
    rule_is("the running one does not change level", vp_status(0), 0x30000);
    rule_is("and can call it now", vtl_at(begin, 7), 7);
    on_hart(1, call_up, (uint64_t)other_registers);
    rule_is("and not on another VP", vtl_at(read_vina, 0), 1);
}

/* ---- Starting --------------------------------------------------------------------------------------------------- */

/* With a stack and tp in place. */
__asm__(".option push; .option norvc\n"
        ".globl vtl_test_start\n"
        "vtl_test_start:\n"
        "    la t0, vtl_test_a0\n"
        "    sd a0, 0(t0)\n"
        "    mv a0, tp\n"
        "    call vtl_test_started\n"
        ".option pop\n");
static volatile uint64_t started[HARTS];
volatile uint64_t vtl_test_a0;

void vtl_test_started(uint64_t hart);
void vtl_test_started(uint64_t hart)
{
    vtl_begin();
    started[hart]++;
    work(hart);
}

static uint16_t start_raw(uint64_t partition, uint64_t second)
{
    struct vtl_context context = level_0_context(2);
    mine->in[0] = partition;
    mine->in[1] = second;
    memcpy(mine->in + 2, &context, sizeof context);
    return status_of(vtl_hypercall(FID_START_VP, 0));
}

static uint64_t config(uint64_t value)
{
    return vtl_write(NAME_CONFIG, value);
}

static void start_refusals(void)
{
    struct vtl_context context = level_0_context(2);
    note_is(start_raw(1, 77), BAD_PARTITION, 0);
    note_is(start_raw(VTL_SELF, 77), BAD_VP, 1);
    note_is(start_raw(VTL_SELF, 0xFFFFFFFF), BAD_VP, 2);
    note_is(start_raw(VTL_SELF, 0), BAD_VP, 3);
    note_is(start_raw(VTL_SELF, VP_SELF), BAD_VP, 4);
    rule_noted("one starts other VPs that there are, of this partition");
    for (unsigned bit = 40; bit < 64; bit++) {
        note_is(start_raw(VTL_SELF, 2 | UINT64_C(1) << bit), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bytes are refused");
    rule_is("a level that the partition has not", vtl_start_vp(2, 3, &context), BAD_VTL_STATE);
    rule_is("a level that the VP has not", vtl_start_vp(2, 2, &context), BAD_VP_STATE);
    rule_is("a level above the caller", vtl_start_vp(2, 1, &context), DENIED);
    context.satp = UINT64_C(5) << 60;
    rule_is("a context that cannot be", vtl_start_vp(2, 0, &context), BAD_VALUE);
    context = level_0_context(1);
    rule_is("a VP that runs", vtl_start_vp(1, 0, &context), BAD_VP_STATE);
    vtl_at(config, (CONFIG_USUAL & ~CONFIG_PROTECT) | CONFIG_DENY_START);
    context = level_0_context(2);
    rule_is("whatever, if level 1 denies it", vtl_start_vp(2, 0, &context), DENIED);
    vtl_at(config, CONFIG_USUAL & ~CONFIG_PROTECT);
    rule_is("nothing was started", started[2], 0);
}

static uint64_t start_at_1(uint64_t vp)
{
    struct vtl_context context = vtl_usual_context(1, vp);
    return vtl_start_vp((uint32_t)vp, 1, &context);
}

/* As the first level 1 does for a new VP: sets up itself, then level 0, and returns to it. */
__asm__(".option push; .option norvc\n"
        ".globl vtl_test_first\n"
        "vtl_test_first:\n"
        "    call vtl_test_in_1\n"
        "    li a6, 0x12\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        "    j vtl_entry\n"
        ".option pop\n");
extern char vtl_test_first[];
static volatile uint64_t started_in;

void vtl_test_in_1(void);
void vtl_test_in_1(void)
{
    struct vtl_context context = level_0_context(my_hart());
    vtl_begin();
    started_in = vtl_read(NAME_VP_STATUS);
    expect(vtl_write_of(0, NAME_PC, context.pc) == OK);
    expect(vtl_write_of(0, NAME_X + 2, context.sp) == OK);
    expect(vtl_write_of(0, NAME_X + 4, context.tp) == OK);
    expect(vtl_write_of(0, NAME_CSR + CSR_STVEC, context.stvec) == OK);
    expect(vtl_write_of(0, NAME_CSR + CSR_SSCRATCH, context.sscratch) == OK);
}

static uint64_t start_3_in_1(uint64_t argument)
{
    (void)argument;
    struct vtl_context context = vtl_usual_context(1, 3);
    context.pc = (uint64_t)vtl_test_first;
    return vtl_start_vp(3, 1, &context);
}

static void starting(void)
{
    struct vtl_context context = level_0_context(2);
    rule_is("HSM does not start a hart that has a higher level",
            (uint64_t)sbi(SBI_HSM, 0, 2, (uint64_t)_start, 0, 0, 0).error, (uint64_t)-4);
    rule_is("nor stop one", (uint64_t)sbi(SBI_HSM, 1, 0, 0, 0, 0, 0).error, (uint64_t)-4);
    start_refusals();
    rule_is("level 0 starts a VP in level 0", vtl_start_vp(2, 0, &context), OK);
    rule("which runs", soon(&started[2], 0));
    rule_is("with its index in a0", vtl_test_a0, 2);
    rule_is("in level 0", on_hart(2, vp_status, 0), 0x30000);
    rule_is("once", vtl_start_vp(2, 0, &context), BAD_VP_STATE);
    rule_is("and can call its level 1", on_hart(2, call_up, (uint64_t)begin), 0);
    rule_is("level 1 starts a VP in level 1", vtl_at(start_3_in_1, 0), OK);
    rule("which sets up level 0 and returns to it", soon(&started[3], 0));
    rule_is("after having been active", started_in, 0x30001);
    rule_is("a VP that was started cannot be again", vtl_at(start_at_1, 3), BAD_VP_STATE);
    rule_is("it calls its level 1", on_hart(3, call_up, (uint64_t)begin), 0);
}

static struct vtl_message start_message;

static void sees_start(struct vtl_frame *frame, struct vtl_message *message)
{
    memcpy(&start_message, message, sizeof start_message);
    frame->x[10] = (uint64_t)-6;
    frame->x[11] = 0x5555;
}

static void intercepted_start(void)
{
    vtl_at(config, (CONFIG_USUAL & ~CONFIG_PROTECT) | CONFIG_SEE_START);
    up->on_intercept = sees_start;
    up->answer = ANSWER_SKIP;
    struct sbi_result result = sbi(SBI_HSM, 0, 3, 0x80200000, 0x1234, 0, 0);
    rule_is("with InterceptVpStartup hart_start is an intercept", start_message.type, MESSAGE_START);
    rule("which tells whom, where and with what", start_message.start.vp == 3 && start_message.start.function == 0 &&
                                                      start_message.start.address == 0x80200000 &&
                                                      start_message.start.opaque == 0x1234);
    rule("by which instruction",
         start_message.start.count == 4 && start_message.start.bytes[0] == 0x73 && start_message.size == 56);
    rule("the handler sets the answer", result.error == -6 && result.value == 0x5555);
    sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
    rule("so is hart_stop", start_message.type == MESSAGE_START && start_message.start.function == 1);
    rule_is("of the caller", start_message.start.vp, 0);
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
    vtl_at(config, CONFIG_USUAL & ~CONFIG_PROTECT);
    rule_is("questions to HSM are answered", (uint64_t)sbi(SBI_HSM, 2, 3, 0, 0, 0, 0).error, 0);
}

/* ---- Interrupts from VP to VP ----------------------------------------------------------------------------------- */

static uint64_t set_sie(uint64_t value)
{
    csr_write(sie, value);
    return 0;
}

static uint64_t sie_at_1(uint64_t value)
{
    return vtl_at(set_sie, value);
}

static uint64_t pending(uint64_t argument)
{
    (void)argument;
    return csr_read(sip) & SSI;
}

static uint64_t clear(uint64_t argument)
{
    (void)argument;
    csr_clear(sip, SSI);
    return 0;
}

static uint64_t send_down(uint64_t mask)
{
    return vtl_ipi(VTL_TO(0), 1, mask);
}

static bool pending_soon(uint64_t hart, vtl_function *function, uint64_t argument)
{
    uint64_t end = csr_read(time) + PATIENCE;
    while (on_hart(hart, function, argument) == 0) {
        if (csr_read(time) >= end) {
            return false;
        }
        pause_for(10000);
    }
    return true;
}

static void interrupts(void)
{
    for (uint64_t hart = 1; hart < HARTS; hart++) {
        on_hart(hart, sie_at_1, SSI);
        uint64_t seen = slot_of(1, hart)->interrupts;
        note_is(vtl_ipi(VTL_TO(1), 1, 1u << hart), OK, hart);
        note_is(soon(&slot_of(1, hart)->interrupts, seen), 1, hart);
    }
    rule_noted("level 0 interrupts level 1 of other VPs");
    rule_is("level 1 sends to level 0 of several VPs", vtl_at(send_down, 0xe), OK);
    for (uint64_t hart = 1; hart < HARTS; hart++) {
        note_is(pending_soon(hart, pending, 0), 1, hart);
        on_hart(hart, clear, 0);
    }
    rule_noted("which all have it");
    rule_is("the sender has not", csr_read(sip) & SSI, 0);
    on_hart(1, sie_at_1, 0);
    rule_is("the SBI's IPI reaches the caller's level", (uint64_t)sbi(SBI_IPI, 0, 2, 0, 0, 0, 0).error, 0);
    rule("of the other VP", pending_soon(1, pending, 0));
    rule_is("and no other", on_hart(1, call_up, (uint64_t)pending), 0);
    on_hart(1, clear, 0);
    rule_is("a mask with a VP that there is not is refused", vtl_ipi(VTL_CALLER, 1, 1 | 1u << HARTS), BAD_PARAMETER);
    uint64_t total = 0, sent = 0;
    uint64_t before = slot_of(1, 2)->interrupts;
    on_hart(2, sie_at_1, SSI);
    for (unsigned i = 0; i < 300; i++) {
        uint64_t seen = slot_of(1, 2)->interrupts;
        sent += vtl_ipi(VTL_TO(1), 1, 4) == OK;
        total += soon(&slot_of(1, 2)->interrupts, seen);
    }
    rule("three hundred in turn all come", sent == 300 && total == 300 && slot_of(1, 2)->interrupts >= before + 300);
}

/* ---- TLB locks -------------------------------------------------------------------------------------------------- */

static volatile uint64_t lock_stage, fences_done;

/* Level 1 of hart 1: locks, waits until told, clears or just returns. */
static uint64_t hold_lock(uint64_t clears)
{
    uint64_t status = vtl_write(NAME_SECURE_CONFIG, 2);
    lock_stage = 1;
    while (lock_stage == 1) {
        bare_pause();
    }
    uint64_t seen = fences_done;
    pause_for(300000);
    status |= (fences_done != seen) << 8;
    if (clears != 0) {
        status |= (uint64_t)vtl_write(NAME_SECURE_CONFIG, 0) << 16;
        status |= (uint64_t)!soon(&fences_done, seen) << 9;
    }
    return status;
}

static uint64_t read_secure(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_SECURE_CONFIG);
}

static uint64_t clears_it;
static uint64_t lock_job(uint64_t argument)
{
    (void)argument;
    return vtl_at(hold_lock, clears_it);
}

/* By SBI RFENCE, with and without an address space, and by the legacy calls. */
static const uint64_t fences[][2] = { { SBI_RFENCE, 1 }, { SBI_RFENCE, 2 }, { 6, 0 }, { 7, 0 } };
static volatile uint64_t fence_way;

static uint64_t fence_job(uint64_t mask)
{
    volatile uint64_t legacy_mask = mask;
    const uint64_t *fence = fences[fence_way];
    int64_t error = fence[0] == SBI_RFENCE ? sbi(SBI_RFENCE, fence[1], mask, 0, 0, UINT64_MAX, 0).error
                                           : sbi(fence[0], 0, (uint64_t)&legacy_mask, 0, UINT64_MAX, 0, 0).error;
    fences_done++;
    return (uint64_t)error;
}

static void tlb_locks(void)
{
    for (unsigned i = 0; i < 8; i++) {
        lock_stage = 0;
        clears_it = i % 2;
        fence_way = i / 2;
        send_job(1, lock_job, 0);
        while (lock_stage == 0) {
            bare_pause();
        }
        send_job(2, fence_job, 2);
        note_is(on_hart(3, fence_job, 0xd), 0, i); /* others do not wait */
        lock_stage = 2;
        note_is(wait_job(1), 0, i | 0x10);
        note_is(wait_job(2), 0, i | 0x20);
        note_is(on_hart(1, call_up, (uint64_t)read_secure), 0, i | 0x30); /* the return has dropped the lock */
    }
    rule_noted("a fence that reaches a VP with a TLB lock waits until it is cleared or the VP returns, which drops it");
    rule_is("fences go on", fence_job(0xf), 0);
}

/* ---- Rights seen on all VPs ------------------------------------------------------------------------------------- */

static uint8_t shared_page[PAGE] __attribute__((aligned(4096)));

static uint64_t protect(uint64_t flags)
{
    return vtl_protect((uint32_t)flags, (uint64_t)shared_page);
}

static uint64_t try_store(uint64_t argument)
{
    uint64_t before = me->exceptions;
    store((uint64_t)shared_page, 8, argument);
    return me->exceptions - before;
}

static void rights(void)
{
    vtl_at(config, CONFIG_USUAL);
    for (unsigned i = 0; i < 40; i++) {
        note_is(vtl_at(protect, i % 2 == 0 ? VR : VALL), OK, i);
        for (uint64_t hart = 1; hart < HARTS; hart++) {
            uint64_t seen = slot_of(1, hart)->intercepts;
            note_is(on_hart(hart, try_store, i), i % 2 == 0, i << 4 | hart);
            note_is(slot_of(1, hart)->intercepts - seen, i % 2 == 0, i << 4 | hart | 0x1000);
            if (i % 2 == 0) {
                note_is(slot_of(1, hart)->last.vp, hart, i << 4 | hart | 0x2000);
            }
        }
    }
    rule_noted("a change on one VP holds on all, whose own level 1 is told");
}

/* ---- HSM at level 1 --------------------------------------------------------------------------------------------- */

static volatile uint64_t begun_with[HARTS]; /* what bare_main() was given */

static uint64_t stop_here(uint64_t argument)
{
    (void)argument;
    return (uint64_t)sbi(SBI_HSM, 1, 0, 0, 0, 0, 0).error;
}

static uint64_t start_3(uint64_t argument)
{
    return (uint64_t)sbi(SBI_HSM, 0, 3, (uint64_t)_start, argument, 0, 0).error;
}

static bool stopped_soon(uint64_t hart)
{
    uint64_t end = csr_read(time) + PATIENCE, state;
    do {
        bare_pause();
        state = sbi(SBI_HSM, 2, hart, 0, 0, 0, 0).value;
    } while (state != 1 && csr_read(time) < end);
    return state == 1;
}

/* Hart 3's level 1 is not to be called any more: it would go on behind its hart_stop. */
static void harts_of_level_1(void)
{
    send_job(3, call_up, (uint64_t)stop_here);
    rule("level 1 stops its hart", stopped_soon(3));
    jobs[3].function = NULL;
    rule_is("level 0 does not start it", start_3(0x33), (uint64_t)-4);
    rule_is("level 1 does", vtl_at(start_3, 0x77), 0);
    rule("which begins with what it was given", soon(&begun_with[3], 0) && begun_with[3] == 0x77);
    rule_is("in level 0, with the levels that it had", on_hart(3, vp_status, 0), 0x30000);
}

/* ---- A third level ---------------------------------------------------------------------------------------------- */

static uint64_t at_2(uint64_t hart, vtl_function *function, uint64_t argument)
{
    const struct vtl_errand errand = { 2, function, argument };
    return hart == 0 ? vtl_climb((uint64_t)&errand) : on_hart(hart, vtl_climb, (uint64_t)&errand);
}

static uint64_t enable_2_here(uint64_t argument)
{
    (void)argument;
    return enable_2_on(VP_SELF);
}

static uint64_t enable_2_on_1(uint64_t argument)
{
    (void)argument;
    return enable_2_on(1);
}

static void third_level(void)
{
    rule_is("level 1 enables level 2 on its VP", vtl_at(enable_2_here, 0), OK);
    at_2(0, begin, 0);
    rule_is("once a VP has it no lower level enables it on another", on_hart(1, call_up, (uint64_t)enable_2_here),
            DENIED);
    rule_is("from elsewhere neither", vtl_at(enable_2_on_1, 0), DENIED);
    rule_is("which has not got it", on_hart(1, vp_status, 0), 0x30000);
    rule_is("level 2 does", at_2(0, enable_2_on_1, 0), OK);
    rule_is("there it begins where level 2 has said", at_2(1, begin, 3), 3);
}

/* The lower level in the high half. */
static uint64_t write_secure(uint64_t argument)
{
    return vtl_write(NAME_SECURE_CONFIG + (uint32_t)(argument >> 32), (uint32_t)argument);
}
#define SECURE(lower, value) ((uint64_t)(lower) << 32 | (value))

static uint64_t user_runs(uint64_t page)
{
    return vtl_user_mode(page, 0).cause == 8; /* its own ecall */
}

static uint64_t kernel_runs(uint64_t page)
{
    uint64_t before = me->exceptions;
    call_address(page + 16);
    return me->exceptions == before;
}

static uint64_t only_user(uint64_t page)
{
    vtl_protections_on(0);
    return vtl_protect(VR | VUX, page);
}

/* Level 2 was enabled with mode-based execution, level 1 without. */
static void mode_based(void)
{
    uint64_t page = (uint64_t)shared_page;
    ((volatile uint32_t *)page)[0] = 0x00000073; /* ecall */
    ((volatile uint32_t *)page)[4] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" ::: "memory");
    sbi(SBI_RFENCE, 0, 0xf, 0, 0, 0, 0);
    rule_is("level 2 lets user mode alone execute a page", at_2(0, only_user, page), OK);
    rule_is("and turns mode-based execution on for level 0 of one VP", at_2(0, write_secure, SECURE(0, 1)), OK);
    rule("whose user mode runs it, and not its kernel", user_runs(page) && !kernel_runs(page));
    rule_is("on another VP neither does", on_hart(1, user_runs, page) | on_hart(1, kernel_runs, page), 0);
    rule_is("VsmVpStatus tells", vp_status(0) >> 4 & 1, 1);
    rule_is("for each VP", on_hart(1, vp_status, 0) >> 4 & 1, 0);
    rule_is("nor does level 1 of the first", vtl_at(user_runs, page) | vtl_at(kernel_runs, page), 0);
    at_2(0, write_secure, SECURE(0, 0));
    at_2(0, write_secure, SECURE(1, 1));
    rule("on for level 1 alone, its user mode runs it", vtl_at(user_runs, page) == 1 && vtl_at(kernel_runs, page) == 0);
    rule("and level 0's goes by KX", !user_runs(page) && !kernel_runs(page));
    at_2(0, write_secure, SECURE(1, 0));
}

static uint64_t hold_lock_on(uint64_t lower)
{
    uint64_t status = vtl_write(NAME_SECURE_CONFIG + (uint32_t)lower, 2);
    lock_stage = 1;
    while (lock_stage == 1) {
        bare_pause();
    }
    return status;
}

static uint64_t fence_at_1(uint64_t argument)
{
    (void)argument;
    return vtl_at(fence_job, 2);
}

static void lock_for_each_level(void)
{
    fence_way = 0;
    for (uint64_t lower = 0; lower < 2; lower++) {
        const struct vtl_errand errand = { 2, hold_lock_on, lower };
        lock_stage = 0;
        send_job(1, vtl_climb, (uint64_t)&errand);
        while (lock_stage == 0) {
            bare_pause();
        }
        note_is(on_hart(2, lower == 0 ? fence_at_1 : fence_job, 2), 0, lower); /* of the other level: does not wait */
        uint64_t seen = fences_done;
        send_job(2, lower == 0 ? fence_job : fence_at_1, 2);
        pause_for(300000);
        note_is(fences_done, seen, lower | 0x10);
        lock_stage = 2;
        note_is(wait_job(1), 0, lower | 0x20);
        note_is(wait_job(2), 0, lower | 0x30);
        note_is(fences_done, seen + 1, lower | 0x40);
    }
    rule_noted("a TLB lock holds up fences of the one level that it names");
}

/* Level 2, entered from level 0, sets level 1's lock, so that level 0 runs with it. */
static void lock_of_level_1(struct vtl_frame *frame)
{
    (void)frame;
    csr_clear(sip, SSI);
    expect(vtl_write_of(1, NAME_SECURE_CONFIG, 2) == OK);
}

static void message_of_a_lock(void)
{
    struct vtl_slot *two = slot_of(2, 0);
    uint64_t seen = two->interrupts;
    expect(vtl_at(protect, 0) == OK);
    try_store(1);
    rule_is("a message tells that there is no TLB lock", up->last.rights.info & 8, 0);
    two->on_interrupt = lock_of_level_1;
    at_2(0, set_sie, SSI);
    rule_is("level 2 is entered from level 0", vtl_ipi(VTL_TO(2), 1, 1), OK);
    rule("and sets a lock of level 1's", soon(&two->interrupts, seen));
    try_store(1);
    rule_is("of which a message to level 1 tells", up->last.rights.info & 8, 8);
    rule_is("a return of level 1 drops it", vtl_at(read_secure, 0), 0);
    two->on_interrupt = NULL;
    at_2(0, set_sie, 0);
    expect(vtl_at(protect, VALL) == OK);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    if (hart != 0) {
        begun_with[hart] = argument;
        work(hart);
    }
    vtl_begin();
    expect(sbi(SBI_HSM, 0, 1, (uint64_t)_start, 0, 0, 0).error == 0);
    enabling();
    enabling_by_level_1();
    starting();
    intercepted_start();
    interrupts();
    tlb_locks();
    rights();
    harts_of_level_1();
    third_level();
    mode_based();
    lock_for_each_level();
    message_of_a_lock();
    return rule_end();
}
