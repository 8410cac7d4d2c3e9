/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VP assist page as an overlay page (docs/reference/trust-levels.md, section 4): who sees it and who sees what is
 * below, its rights, what may be done to the page below. Needs --trust-levels 3 and two harts.
 */
#include "vtl.h"

#define PATTERN UINT64_C(0x5ec2e75a5ec2e75a)
#define OTHER   UINT64_C(0x0123456789abcdef)
#define FAR     2048u /* behind all that the monitor writes */

static uint8_t playground[8 * PAGE] __attribute__((aligned(4096)));

static uint64_t page_of(unsigned number)
{
    return (uint64_t)playground + number * PAGE;
}

/* ---- Done by others --------------------------------------------------------------------------------------------- */

static uint64_t read_at(uint64_t address)
{
    return load(address, 8);
}

static struct {
    uint64_t address, value;
} written;

static uint64_t write_written(uint64_t argument)
{
    (void)argument;
    store(written.address, 8, written.value);
    return 0;
}

static void write_at_1(uint64_t address, uint64_t value)
{
    written.address = address;
    written.value = value;
    vtl_at(write_written, 0);
}

/* The dispatcher does not look at the page while it is elsewhere. */
static uint64_t place(uint64_t value)
{
    mine->assist_on = value == ((uint64_t)&mine->assist | 1);
    return vtl_write(NAME_ASSIST, value);
}

static uint64_t above(uint64_t function)
{
    return vtl_at((vtl_function *)function, 0);
}

static uint64_t protections_on(uint64_t argument)
{
    (void)argument;
    vtl_protections_on(0);
    return 0;
}

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

/* ---- What is seen ----------------------------------------------------------------------------------------------- */

static void seen(void)
{
    uint64_t page = page_of(1), next = page_of(3);
    store(page + FAR, 8, PATTERN);
    store(next + FAR, 8, PATTERN + 1);
    rule_is("before, level 1 sees memory", vtl_at(read_at, page + FAR), PATTERN);
    rule_is("an assist page can be placed anywhere in RAM", vtl_at(place, page | 1), OK);
    rule_is("its level sees a new page, zeroed", vtl_at(read_at, page + FAR), 0);
    rule_is("level 0 sees what is below", load(page + FAR, 8), PATTERN);
    write_at_1(page + FAR, OTHER);
    rule_is("what its level writes is there", vtl_at(read_at, page + FAR), OTHER);
    rule_is("and nowhere else", load(page + FAR, 8), PATTERN);
    store(page + FAR + 8, 8, PATTERN + 2);
    rule_is("what others write goes below", vtl_at(read_at, page + FAR + 8), 0);
    rule_is("the monitor writes to the overlay", vtl_at(read_at, page + 8) & UINT32_MAX, REASON_CALL);
    rule_is("and not below", load(page + 8, 8), 0);
    rule_is("moved, it uncovers the one page", vtl_at(place, next | 1), OK);
    rule_is("with all that others wrote", vtl_at(read_at, page + FAR + 8), PATTERN + 2);
    rule_is("and covers the other, as it was", vtl_at(read_at, next + FAR), OTHER);
    rule_is("turned off, it uncovers that", vtl_at(place, 0), OK);
    rule_is("nothing of which was lost", vtl_at(read_at, next + FAR), PATTERN + 1);
    rule_is("the number alone covers nothing", vtl_at(place, next), OK);
    rule_is("as is seen", vtl_at(read_at, next + FAR), PATTERN + 1);
    rule_is("turned on again", vtl_at(place, next | 1), OK);
    rule_is("it has what it had", vtl_at(read_at, next + FAR), OTHER);
    rule_is("a place that is no RAM is refused", vtl_at(place, UINT64_C(0x10000000) | 1), BAD_VALUE);
    rule_is("and reserved bits", vtl_at(place, page | 3), BAD_VALUE);
    rule_is("with nothing changed", vtl_at(read_at, next + FAR), OTHER);
    vtl_at(place, 0);
}

/* ---- All kinds of accesses -------------------------------------------------------------------------------------- */

static uint64_t atomics_at_1(uint64_t page)
{
    uint64_t *word = (uint64_t *)(page + FAR + 64), old;
    *(volatile uint64_t *)word = 7;
    __asm__ volatile("amoadd.d %0, %1, (%2)" : "=r"(old) : "r"(UINT64_C(5)), "r"(word) : "memory");
    note_is(old, 7, 0);
    uint64_t failed = 1, value;
    for (unsigned i = 0; i < 1000 && failed != 0; i++) {
        __asm__ volatile("lr.d %0, (%2)\n sc.d %1, %3, (%2)"
                         : "=&r"(value), "=&r"(failed)
                         : "r"(word), "r"(UINT64_C(99))
                         : "memory");
    }
    note_is(failed, 0, 1);
    note_is(value, 12, 2);
    note_is(*(volatile uint64_t *)word, 99, 3);
    return 0;
}

static uint64_t cross_at_1(uint64_t page)
{
    store(page + PAGE - 4, 8, OTHER);
    note_is(load(page + PAGE - 4, 8), OTHER, 4);
    note_is(load(page + PAGE, 4), OTHER >> 32, 5);
    return 0;
}

static uint64_t fetch_at_1(uint64_t page)
{
    uint64_t before = me->exceptions;
    call_address(page + FAR);
    note_is(me->exceptions, before + 1, 6);
    note_is(me->cause, 1, 7);
    note_is(me->value, page + FAR, 8);
    return 0;
}

static uint64_t operand_at_1(uint64_t page)
{
    mine->in[0] = VTL_SELF;
    mine->in[1] = VP_SELF;
    mine->in[2] = NAME_VP_INDEX;
    memcpy((void *)(page + FAR), mine->in, 24);
    uint64_t out = (uint64_t)mine->out, in = (uint64_t)mine->in;
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), page + FAR, out, 0, 0, 0)), BAD_PARAMETER, 9);
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), in, page + FAR, 0, 0, 0)), BAD_PARAMETER, 10);
    return 0;
}

static void accesses(void)
{
    uint64_t page = page_of(1);
    store(page + FAR, 4, 0x8082); /* ret */
    store(page + PAGE - 8, 8, PATTERN);
    store(page + PAGE, 8, 0);
    vtl_at(place, page | 1);
    vtl_at(atomics_at_1, page);
    rule_noted("atomics work on an overlay page");
    vtl_at(cross_at_1, page);
    note_is(load(page + PAGE - 4, 4), PATTERN >> 32, 11);
    note_is(load(page + PAGE, 4), OTHER >> 32, 12);
    rule_noted("an access across its end is made to both pages");
    vtl_at(fetch_at_1, page);
    rule_noted("a fetch from it is an access fault");
    vtl_at(operand_at_1, page);
    rule_noted("operands of calls do not lie on the caller's overlay page");
    vtl_at(place, 0);
}

/* ---- Page tables ------------------------------------------------------------------------------------------------ */

static uint64_t root[512] __attribute__((aligned(4096)));

/* Level 0 covers its own root table. */
static void tables(void)
{
    root[0] = 0xcf; /* gigapages, as they are */
    root[2] = UINT64_C(0x80000) << 10 | 0xcf;
    store(page_of(1), 8, PATTERN);
    rule_is("level 0 has an assist page, too", vtl_write(NAME_ASSIST, (uint64_t)root | 1), OK);
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
    uint64_t data = load(page_of(1), 8), entry = load((uint64_t)&root[2], 8);
    csr_write(satp, 0);
    __asm__ volatile("sfence.vma" ::: "memory");
    rule_is("page walks go below overlay pages", data, PATTERN);
    rule_is("loads do not", entry, 0);
    rule_is("turned off", vtl_write(NAME_ASSIST, 0), OK);
    rule_is("the table is there", load((uint64_t)&root[2], 8), UINT64_C(0x80000) << 10 | 0xcf);
}

/* ---- Rights of the page below ----------------------------------------------------------------------------------- */

static struct {
    uint64_t pages[3];
    uint32_t flags;
    uint8_t target;
} request;

static uint64_t protect(uint64_t argument)
{
    (void)argument;
    mine->in[0] = VTL_SELF;
    mine->in[1] = request.flags | (uint64_t)request.target << 32;
    memcpy(&mine->in[2], request.pages, sizeof request.pages);
    return status_of(vtl_hypercall(FID_PROTECT, REPS(3)));
}

static uint64_t protect_at_2(uint64_t argument)
{
    (void)argument;
    return vtl_at(protect, 0);
}

static uint64_t asked(uint32_t flags, uint64_t second)
{
    request.flags = flags;
    request.target = VTL_CALLER;
    request.pages[0] = page_of(0) >> 12;
    request.pages[1] = second >> 12;
    request.pages[2] = page_of(2) >> 12;
    return vtl_at(protect_at_2, 0);
}

static uint64_t granted_at_1(uint64_t address)
{
    uint32_t granted;
    expect(vtl_check(VTL_CALLER, VALL, address, &granted) == OK);
    return granted;
}

static struct {
    uint64_t flags, gva;
    uint32_t result;
    uint64_t page, overlay;
} translation;

static uint64_t translate_at_2(uint64_t argument)
{
    (void)argument;
    uint64_t flags = translation.flags | UINT64_C(0x11) << 56;
    note_is(vtl_translate(VP_SELF, flags, translation.gva, &translation.result, &translation.page), OK, 0);
    translation.overlay = mine->out[0] >> 40 & 0xff;
    return translation.result;
}

static uint64_t translated(uint64_t flags, uint64_t gva)
{
    translation.flags = flags;
    translation.gva = gva;
    return vtl_at(above, (uint64_t)translate_at_2);
}

static void rights(void)
{
    uint64_t page = page_of(1);
    vtl_at(place, page | 1);
    rule_is("rights to a page under a lower level's overlay cannot be changed", asked(VR, page), BAD_OPERATION);
    rule_is("the others of the call are as they were", vtl_at(granted_at_1, page_of(0)), VALL);
    rule_is("nor can they be widened", asked(VALL, page), BAD_OPERATION);
    rule_is("a page that is no RAM is told of first", asked(VR, UINT64_C(0x10000000)), BAD_PARAMETER);
    request.pages[1] = page >> 12;
    request.pages[2] = UINT64_C(0x10000);
    rule_is("wherever it stands", vtl_at(protect_at_2, 0), BAD_PARAMETER);
    rule_is("its level may read and write it", vtl_at(granted_at_1, page), VR | VW);
    rule_is("and level 0 all that is below", granted_at_1(page), VALL);
    note_is(translated(1, page), 0, 0);
    note_is(translation.overlay, 1, 1);
    note_is(translation.page, page >> 12, 2);
    note_is(translated(2, page), 0, 3);
    note_is(translation.overlay, 1, 4);
    note_is(translated(1, page_of(2)), 0, 5);
    note_is(translation.overlay, 0, 6);
    rule_noted("TranslateVirtualAddress says which page is an overlay");
    rule_is("which cannot be executed", translated(4, page), 7);
    vtl_at(place, 0);
    rule_is("uncovered, its rights can be changed", asked(VR, page), OK);
    rule_is("and bind", vtl_at(granted_at_1, page), VR);
    rule_is("where its level may not write, there is none", vtl_at(place, page | 1), BAD_VALUE);
    rule_is("back again", asked(VALL, page), OK);
    rule_is("then there is", vtl_at(place, page | 1), OK);
}

/* The level's own mask binds lower ones, and none of them sees the overlay. */
static void own_mask(void)
{
    struct vtl_assist *below = &slot_of(1, 0)->assist;
    uint64_t page = page_of(1), seen = slot_of(1, 0)->intercepts;
    memset(below, 0x5a, sizeof *below);
    request.flags = VR;
    request.target = VTL_CALLER;
    request.pages[1] = page >> 12;
    request.pages[2] = page_of(2) >> 12;
    rule_is("the level of the overlay protects the page below from lower ones", vtl_at(protect, 0), OK);
    vtl_at(place, (uint64_t)&slot_of(1, 0)->assist | 1);
    uint64_t before = me->exceptions;
    store(page, 8, 1);
    rule("which are refused", me->exceptions == before + 1 && slot_of(1, 0)->last.rights.gpa == page);
    rule_is("with one message", slot_of(1, 0)->intercepts, seen + 1);
    for (unsigned i = 0; i < sizeof *below; i++) {
        note_is(((volatile uint8_t *)below)[i], 0x5a, i);
    }
    rule_noted("on the overlay, and not below");
    request.flags = VALL;
    vtl_at(protect, 0);
}

/* ---- Other VPs -------------------------------------------------------------------------------------------------- */

static volatile uint64_t watched, stage, answer;

static uint64_t watch(uint64_t argument)
{
    (void)argument;
    store((uint64_t)&mine->assist + FAR, 8, PATTERN + 9);
    while (stage == 1) {
        answer = *(volatile uint64_t *)watched;
    }
    return 0;
}

static uint64_t begin(uint64_t argument)
{
    vtl_begin();
    return argument;
}

static void __attribute__((noreturn)) second_hart(void)
{
    while (stage == 0) {
        bare_pause();
    }
    vtl_at(begin, 0);
    vtl_at(watch, 0);
    stage = 3;
    for (;;) {
        bare_pause();
    }
}

static bool soon(uint64_t wanted)
{
    uint64_t end = csr_read(time) + 50000000;
    while (answer != wanted && csr_read(time) < end) {
        bare_pause();
    }
    return answer == wanted;
}

static uint64_t enable_on_second(uint64_t argument)
{
    (void)argument;
    struct vtl_context context = vtl_usual_context(1, 1);
    return vtl_enable_vp(1, 1, &context);
}

static void other_vps(void)
{
    uint64_t page = page_of(5);
    store(page + FAR, 8, PATTERN);
    vtl_at(place, page | 1);
    write_at_1(page + FAR, OTHER);
    vtl_at(place, 0);
    rule_is("level 1 on the second VP", vtl_at(enable_on_second, 0), OK);
    watched = page + FAR;
    stage = 1;
    rule("a VP sees memory", soon(PATTERN));
    for (unsigned i = 0; i < 200 && rule_failures == 0; i++) {
        note_is(vtl_at(place, page | 1), OK, i);
        note_is(soon(OTHER), 1, i | 0x1000);
        note_is(vtl_at(place, 0), OK, i | 0x2000);
        note_is(soon(PATTERN), 1, i | 0x3000);
    }
    rule_noted("all VPs of a level see an overlay page of one of them as soon as it is there, and no longer");
    uint64_t other = (uint64_t)&slot_of(1, 1)->assist;
    watched = other + FAR;
    note_is(soon(PATTERN + 9), 1, 0);
    note_is(vtl_at(place, other | 1), OK, 1);
    note_is(soon(OTHER), 1, 2);
    note_is(vtl_at(place, 0), OK, 3);
    note_is(soon(PATTERN + 9), 1, 4);
    rule_noted("of two at one address that of the lower VP is seen");
    stage = 2;
    while (stage != 3) {
        bare_pause();
    }
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart == 1) {
        second_hart();
    }
    bare_start_harts(2);
    vtl_begin();
    vtl_raise(1, 0);
    seen();
    accesses();
    tables();
    vtl_at(place, (uint64_t)&slot_of(1, 0)->assist | 1);
    vtl_at(protections_on, 0);
    vtl_at(raise, 2);
    vtl_at(above, (uint64_t)protections_on);
    rights();
    own_mask();
    other_vps();
    return rule_end();
}
