/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 8 of docs/reference/trust-levels.md, and resets as intercepts: the program runs four times, each run ends by
 * a reset but the last. What one run leaves for the next is in memory that no image covers. Needs --trust-levels 3, one
 * hart, 64 MiB.
 */
#include "vtl.h"

#define up slot_of(1, 0)

struct remembered {
    uint64_t magic, run;
    unsigned count, failures;
};
#define memory_end (RAM + UINT64_C(0x3000000))
#define remembered ((volatile struct remembered *)(memory_end - 16 * PAGE))
#define secret     (memory_end - 8 * PAGE) /* nothing is left to level 0 */
#define read_only  (memory_end - 6 * PAGE)
#define plain      (memory_end - 4 * PAGE)
#define covered    (memory_end - 2 * PAGE) /* by level 0's assist page */
#define code       (memory_end - 20 * PAGE)
#define UNEXPECTED 99u
#define MAGIC      UINT64_C(0x5265736574546573)
#define PATTERN    UINT64_C(0x7365637265747321)

static void fill(uint64_t page)
{
    for (unsigned i = 0; i < PAGE / 8; i++) {
        ((volatile uint64_t *)page)[i] = PATTERN + i;
    }
}

static unsigned matches(uint64_t page, bool zero)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PAGE / 8; i++) {
        count += ((volatile uint64_t *)page)[i] == (zero ? 0 : PATTERN + i);
    }
    return count;
}

static uint64_t config(uint64_t value)
{
    return vtl_write(NAME_CONFIG, value);
}

static uint64_t hide(uint64_t argument)
{
    (void)argument;
    fill(secret);
    fill(read_only);
    fill(plain);
    store((uint64_t)&mine->assist + 2048, 8, MAGIC);
    return vtl_protect(0, secret) | vtl_protect(VR, read_only) << 8;
}

static void __attribute__((noreturn)) reset(uint64_t argument)
{
    remembered->magic = MAGIC;
    remembered->run++;
    remembered->count = rule_count;
    remembered->failures = rule_failures;
    sbi(SBI_SRST, 0, 1, argument, 0, 0, 0);
    rule_is("a reset takes place", 0, 1);
    bare_finish(rule_end());
}

static uint64_t reset_at_1(uint64_t argument)
{
    reset(argument);
    return 0;
}

static struct vtl_message seen;

static void sees_reset(struct vtl_frame *frame, struct vtl_message *message)
{
    memcpy(&seen, message, sizeof seen);
    frame->x[10] = (uint64_t)-4;
    frame->x[11] = 9;
}

static void intercepted(void)
{
    vtl_at(config, CONFIG_USUAL | CONFIG_SEE_RESET);
    up->on_intercept = sees_reset;
    up->answer = ANSWER_SKIP;
    struct sbi_result result = sbi(SBI_SRST, 0, 1, 1, 0, 0, 0);
    rule_is("with InterceptSystemReset a reset is an intercept", seen.type, MESSAGE_RESET);
    rule("which tells type and reason", seen.reset.type == 1 && seen.reset.reason == 1);
    rule("and by which instruction", seen.size == 40 && seen.reset.count == 4 && seen.reset.bytes[0] == 0x73);
    rule("the handler refuses", result.error == -4 && result.value == 9);
    sbi(SBI_SRST, 0, 0, 0, 0, 0, 0);
    rule("shutting down is told, too", seen.type == MESSAGE_RESET && seen.reset.type == 0);
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
    vtl_at(config, CONFIG_USUAL);
}

static void as_at_the_start(void)
{
    rule_is("after a reset there is level 0 alone", vtl_read(NAME_PARTITION_STATUS), 1 | 2 << 16);
    rule_is("on the VP as well", vtl_read(NAME_VP_STATUS), 1u << 16);
    rule_is("GuestOsId is 0", vtl_read(NAME_OS_ID), 0);
    rule_is("the assist page is off", vtl_read(NAME_ASSIST), 0);
    rule_is("and VINA", vtl_read(NAME_VINA), 1);
}

/* What the level has that a reset takes. */
static uint64_t set_own(uint64_t argument)
{
    if (my_level() == 0) {
        expect(vtl_write(NAME_ASSIST, covered | 1) == OK);
    } else {
        expect(vtl_write(NAME_CR_CONTROL, 0x1f) == OK);
        expect(vtl_write(NAME_CR_MASK + 1, 0) == OK);
    }
    expect(vtl_write(NAME_VINA, 0x301) == OK);
    return argument;
}

static uint64_t own_is_fresh(uint64_t argument)
{
    note_is(vtl_read(NAME_CR_CONTROL), 0, 0);
    note_is(vtl_read(NAME_CR_MASK + 1), UINT64_MAX, 1);
    note_is(vtl_read(NAME_VINA), 1, 2);
    note_is(vtl_read(NAME_SECURE_CONFIG), 0, 3);
    rule_noted("level 1 has its own registers of levels as at the start");
    return argument;
}

static uint64_t read_assist(uint64_t argument)
{
    (void)argument;
    return load((uint64_t)&mine->assist + 2048, 8);
}

static uint64_t fresh_config(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_CONFIG);
}

static void first_run(void)
{
    vtl_raise(1, 0);
    vtl_at(config, CONFIG_USUAL);
    rule_is("level 1 hides a page", vtl_at(hide, 0), OK);
    uint64_t before = me->exceptions;
    load(secret, 8);
    rule_is("and it is hidden", me->exceptions, before + 1);
    rule_is("and has written to its assist page", vtl_at(read_assist, 0), MAGIC);
    remembered->magic = MAGIC;
    remembered->run = UNEXPECTED;
    intercepted();
    remembered->run = 0;
    set_own(0);
    vtl_at(set_own, 0);
    reset(0);
}

static bool runs(void)
{
    uint64_t before = me->exceptions;
    call_address(code);
    return me->exceptions == before;
}

/* The program itself keeps the right. */
static uint64_t default_without_kx(uint64_t argument)
{
    (void)argument;
    uint64_t start = (uint64_t)_start;
    return vtl_write(NAME_CONFIG, CONFIG_PROTECT | CONFIG_DEFAULT(VR | VW)) |
           status_of(vtl_protect_range(VR | VW | VKX, start, (uint64_t)program_end - start));
}

static void second_run(void)
{
    uint64_t before = me->exceptions;
    rule_is("a page that was unreadable for level 0 is zeroed", matches(secret, true), PAGE / 8);
    rule_is("one that was readable is not", matches(read_only, false), PAGE / 8);
    rule_is("nor any other", matches(plain, false), PAGE / 8);
    store(read_only, 8, 1);
    rule_is("and all may be used", me->exceptions, before);
    vtl_begin();
    vtl_raise(1, 0);
    rule_is("level 1 is as at the start", vtl_at(fresh_config, 0), CONFIG_USUAL & ~1u);
    rule_is("and its assist page zero", vtl_at(read_assist, 0), 0);
    vtl_at(own_is_fresh, 0);
    *(volatile uint32_t *)code = 0x00008067; /* ret */
    __asm__ volatile("fence.i" ::: "memory");
    rule("code runs", runs());
    rule_is("until it is not in the default mask", vtl_at(default_without_kx, 0), OK);
    rule("then not", !runs());
    vtl_at(hide, 0);
    vtl_at(reset_at_1, 0);
}

static uint64_t nothing(uint64_t argument)
{
    return argument + my_level();
}

static uint64_t level_1_is_not_there(uint64_t argument)
{
    uint32_t result;
    uint64_t page, value;
    vtl_begin();
    note_is(vtl_translate(VP_SELF, 1 | UINT64_C(0x11) << 56, 0, &result, &page), BAD_VTL_STATE, 0);
    note_is(vtl_get(VP_SELF, VTL_TO(1), NAME_CONFIG, &value), BAD_VTL_STATE, 1);
    note_is(vtl_set(VP_SELF, VTL_TO(1), NAME_CONFIG, CONFIG_USUAL), BAD_VTL_STATE, 2);
    note_is(vtl_get(VP_SELF, VTL_TO(1), NAME_PC, &value), BAD_PARAMETER, 3);
    note_is(vtl_get(VP_SELF, VTL_TO(1), NAME_EVENT, &value), BAD_PARAMETER, 4);
    rule_noted("a lower level that is not enabled has no translation, configuration or registers");
    rule_is("and enforces nothing", vtl_protect_to(VTL_TO(1), VALL, plain), BAD_VTL_STATE);
    rule_is("as one that has protections off, with another answer", vtl_protect_to(VTL_TO(2), VALL, plain), DENIED);
    rule_is("level 2 may enable it", vtl_enable_partition(1, 0), OK);
    return argument;
}

static uint64_t sees_nothing(uint64_t argument)
{
    mine->assist_on = false;
    expect(vtl_write(NAME_ASSIST, 0) == OK);
    rule_is("level 2 wants to see resets", vtl_write(NAME_CONFIG, (CONFIG_USUAL & ~CONFIG_PROTECT) | CONFIG_SEE_RESET),
            OK);
    return argument;
}

static void third_run(void)
{
    rule_is("without ZeroMemoryOnReset nothing is zeroed", matches(secret, false), PAGE / 8);
    rule_is("a reset by level 1 was carried out", remembered->run, 2);
    rule("and has taken the default mask back", runs());
    vtl_begin();
    uint32_t granted;
    rule_is("all of it", vtl_check(VTL_CALLER, VALL, code, &granted) | granted, VALL);
    rule_is("levels need not be consecutive: level 2 is enabled first", vtl_enable_partition(2, 0), OK);
    rule_is("the partition has levels 0 and 2", vtl_read(NAME_PARTITION_STATUS) & 0xffff, 5);
    struct vtl_context context = vtl_usual_context(2, 0);
    rule_is("on the VP as well", vtl_enable_vp(VP_SELF, 2, &context), OK);
    rule_is("a call enters level 2", vtl_at(nothing, 100), 102);
    vtl_at(level_1_is_not_there, 0);
    vtl_at(sees_nothing, 0);
    reset(0);
}

static void fourth_run(void)
{
    rule_is("a reset that InterceptSystemReset cannot tell of, without an assist page, is carried out", remembered->run,
            3);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    uint64_t run = remembered->magic == MAGIC ? remembered->run : 0;
    if (run == UNEXPECTED) {
        rule_is("a reset that level 1 refuses does not take place", 0, 1);
        return rule_end();
    }
    if (run == 0) {
        remembered->run = 0;
        vtl_begin();
        first_run();
    }
    rule_count = remembered->count;
    rule_failures = remembered->failures;
    as_at_the_start();
    if (run == 1) {
        second_run();
    } else if (run == 2) {
        third_run();
    } else {
        fourth_run();
    }
    return rule_end();
}
