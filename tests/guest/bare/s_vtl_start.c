/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and stopping VPs of which only the first has a level 1: docs/reference/trust-levels.md,
 * StartVirtualProcessor, DenyLowerVtlStartup and InterceptVpStartup, which hold on every VP. s_vtl_smp.c is about VPs
 * that have it. Needs --trust-levels 3 and three harts.
 */
#include "vtl.h"

#define HSM_START          0u
#define HSM_STOP           1u
#define HSM_STATUS         2u
#define STOPPED            1u
#define SBI_DENIED         ((uint64_t)-4)
#define SBI_BAD_ADDRESS    ((uint64_t)-5)
#define FUNCTION_START_VP  2u
#define CONFIG_UNPROTECTED (CONFIG_USUAL & ~CONFIG_PROTECT)
#define up                 slot_of(1, 0)

static volatile uint64_t starts; /* of hart 2 */

/* ---- Errands for hart 1, in level 0 ----------------------------------------------------------------------------- */

static vtl_function *volatile errand;
static volatile uint64_t errand_argument, errand_result;

static uint64_t on_hart_1(vtl_function *function, uint64_t argument)
{
    errand_argument = argument;
    __atomic_store_n(&errand, function, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&errand, __ATOMIC_SEQ_CST) != NULL) {
        bare_pause();
    }
    return errand_result;
}

static void __attribute__((noreturn)) do_errands(void)
{
    for (;;) {
        vtl_function *function = __atomic_load_n(&errand, __ATOMIC_SEQ_CST);
        if (function != NULL) {
            errand_result = function(errand_argument);
            __atomic_store_n(&errand, NULL, __ATOMIC_SEQ_CST);
        }
        bare_pause();
    }
}

/* ---- Ways to start hart 2 --------------------------------------------------------------------------------------- */

static uint64_t hart_start_at(uint64_t address)
{
    return (uint64_t)sbi(SBI_HSM, HSM_START, 2, address, 0x1234, 0, 0).error;
}

static uint64_t hart_start(uint64_t argument)
{
    (void)argument;
    return hart_start_at((uint64_t)_start);
}

static uint64_t hart_stop(uint64_t argument)
{
    (void)argument;
    return (uint64_t)sbi(SBI_HSM, HSM_STOP, 0, 0, 0, 0, 0).error;
}

static uint64_t start_vp(uint64_t level)
{
    struct vtl_context context = vtl_usual_context(level, 2);
    context.pc = (uint64_t)_start;
    return vtl_start_vp(2, (uint8_t)level, &context);
}

static bool is_stopped(void)
{
    return sbi(SBI_HSM, HSM_STATUS, 2, 0, 0, 0, 0).value == STOPPED;
}

static bool ran(uint64_t before)
{
    uint64_t end = csr_read(time) + PATIENCE;
    while (starts == before && csr_read(time) < end) {
        bare_pause();
    }
    return starts == before + 1;
}

static bool stops(void)
{
    uint64_t end = csr_read(time) + PATIENCE;
    while (!is_stopped() && csr_read(time) < end) {
        bare_pause();
    }
    return is_stopped();
}

static bool ran_and_stopped(uint64_t before)
{
    return ran(before) && stops();
}

/* ---- Level 1 ---------------------------------------------------------------------------------------------------- */

static uint64_t config(uint64_t value)
{
    return vtl_write(NAME_CONFIG, value);
}

static void nobody_minds(void)
{
    rule_is("hart_start of a hart that has no higher level is carried out", hart_start(0), 0);
    rule("and it may stop itself", ran_and_stopped(0));
    rule_is("so is StartVirtualProcessor", start_vp(0), OK);
    rule("in level 0", ran_and_stopped(1));
    rule_is("but not in a level that the VP has not", vtl_at(start_vp, 1), BAD_VP_STATE);
}

static void denied(void)
{
    vtl_at(config, CONFIG_UNPROTECTED | CONFIG_DENY_START);
    rule_is("with DenyLowerVtlStartup hart_start is denied", hart_start(0), SBI_DENIED);
    rule_is("on a VP without level 1 as well", on_hart_1(hart_start, 0), SBI_DENIED);
    rule_is("as StartVirtualProcessor is", start_vp(0), DENIED);
    rule_is("there, too", on_hart_1(start_vp, 0), DENIED);
    rule("nothing has started", starts == 2 && is_stopped());
    rule_is("level 1 may", vtl_at(hart_start, 0), 0);
    rule("and who was started may stop", ran_and_stopped(2));
    rule_is("by either call", vtl_at(start_vp, 0), OK);
    rule("which runs", ran_and_stopped(3));
}

static void nobody_to_tell(void)
{
    vtl_at(config, CONFIG_UNPROTECTED | CONFIG_SEE_START);
    rule_is("with InterceptVpStartup hart_start on a VP without the level is denied", on_hart_1(hart_start, 0),
            SBI_DENIED);
    rule_is("so is hart_stop", on_hart_1(hart_stop, 0), SBI_DENIED);
    rule_is("and StartVirtualProcessor", on_hart_1(start_vp, 0), DENIED);
    vtl_at(vtl_assist, 0);
    uint64_t seen = up->entries;
    rule_is("without an assist page hart_start is", hart_start(0), SBI_DENIED);
    rule_is("hart_stop", hart_stop(0), SBI_DENIED);
    rule_is("and StartVirtualProcessor", start_vp(0), DENIED);
    rule_is("level 1 is not entered", up->entries, seen);
    vtl_at(vtl_assist, 1);
    rule("nothing has started", starts == 4 && is_stopped());
}

static struct vtl_message seen_message;
static uint64_t seen_word, seen_block;

static void refuses(struct vtl_frame *frame, struct vtl_message *message)
{
    memcpy(&seen_message, message, sizeof seen_message);
    seen_word = frame->x[10];
    seen_block = frame->x[11];
    frame->x[10] = 0;
    frame->x[11] = BAD_OPERATION;
}

/* A copy of the block is what is started: level 0 may change its own meanwhile. */
static void carries_out(struct vtl_frame *frame, struct vtl_message *message)
{
    struct vtl_context context;
    memcpy(&context, (const void *)(frame->x[11] + 16), sizeof context);
    frame->x[10] = 0;
    frame->x[11] = vtl_start_vp(message->start.vp, (uint8_t)message->start.opaque, &context);
}

static void intercepted(void)
{
    struct vtl_message *m = &seen_message;
    up->answer = ANSWER_SKIP;
    up->on_intercept = refuses;
    rule_is("with an assist page the handler answers StartVirtualProcessor", start_vp(0), BAD_OPERATION);
    rule_is("after a message about a start", m->type, MESSAGE_START);
    rule_is("of 56 bytes", m->size, 56);
    rule("which tells whom, by which call, where and in which level",
         m->start.vp == 2 && m->start.function == FUNCTION_START_VP && m->start.address == (uint64_t)_start &&
             m->start.opaque == 0);
    rule("and the ecall", m->start.count == 4 && m->start.bytes[0] == 0x73 && m->length == 4);
    rule("the input word and the block are in a0 and a1",
         seen_word == FID_START_VP && seen_block == (uint64_t)slot_of(0, 0)->in);
    rule("nothing has started", starts == 4 && is_stopped());
    up->on_intercept = carries_out;
    rule_is("it may carry it out", start_vp(0), OK);
    rule("whereupon the VP runs", ran(4));
    rule("and cannot stop, as its level 1 is not there to be told", !is_stopped());
    up->on_intercept = refuses;
    m->type = 0;
    struct vtl_context context = vtl_usual_context(0, 2);
    context.satp = UINT64_C(5) << 60;
    rule_is("a call that is wrong is refused", vtl_start_vp(2, 0, &context), BAD_VALUE);
    rule_is("without a message", m->type, 0);
    rule_is("level 1's own starts are not intercepted", vtl_at(start_vp, 1), BAD_VP_STATE);
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
    vtl_at(config, CONFIG_UNPROTECTED);
    rule("it stops when level 1 does not want to know any more", stops());
}

static uint8_t page[PAGE] __attribute__((aligned(4096)));

static uint64_t protect(uint64_t flags)
{
    return vtl_protect((uint32_t)flags, (uint64_t)page);
}

static void where_to_start(void)
{
    vtl_at(config, CONFIG_USUAL);
    vtl_at(protect, VR | VW);
    rule_is("no hart is started at a page without KX", hart_start_at((uint64_t)page), SBI_BAD_ADDRESS);
    vtl_at(protect, 0);
    rule_is("nor at one without any right", hart_start_at((uint64_t)page), SBI_BAD_ADDRESS);
    vtl_at(protect, VALL);
    rule("nothing has started", starts == 5 && is_stopped());
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart == 1) {
        do_errands();
    }
    if (hart == 2) {
        starts++;
        while (true) {
            hart_stop(0);
            bare_pause();
        }
    }
    vtl_begin();
    expect(sbi(SBI_HSM, HSM_START, 1, (uint64_t)_start, 0, 0, 0).error == 0);
    vtl_raise(1, 0);
    nobody_minds();
    denied();
    nobody_to_tell();
    intercepted();
    where_to_start();
    return rule_end();
}
