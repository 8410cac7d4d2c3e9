/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode-based execution control: docs/reference/trust-levels.md, sections 2, 3 and 5. Kernel and user mode fetch by
 * rights of their own where level 1 has it on, by KX where not. Also a default mask without KX, and an explicit target
 * under the machine's reading of it. Needs --trust-levels 3, one hart; built with -DRESTRICTED for --trust-target
 * restricted.
 */
#include "vtl.h"

#define count_of(array)  (sizeof(array) / sizeof(array)[0])
#define MBEC_CAUSE_ECALL 8

static uint8_t playground[8 * PAGE] __attribute__((aligned(4096)));
#define page_of(n) ((uint64_t)playground + (uint64_t)(n) * PAGE)

static struct {
    uint64_t address, flags;
    uint8_t target;
} change;

static uint64_t protect(uint64_t argument)
{
    (void)argument;
    return vtl_protect_to(change.target, (uint32_t)change.flags, change.address);
}

static uint16_t set_to(uint8_t target, uint64_t address, uint64_t flags)
{
    change.address = address;
    change.flags = flags;
    change.target = target;
    return (uint16_t)vtl_at(protect, 0);
}

static uint16_t set(uint64_t address, uint64_t flags)
{
    return set_to(VTL_CALLER, address, flags);
}

static uint64_t write_config(uint64_t value)
{
    return vtl_write(NAME_CONFIG, value);
}

static uint64_t write_secure(uint64_t value)
{
    return vtl_write(NAME_SECURE_CONFIG, value);
}

/* In the page: ecall; ret. */
static void put_code(uint64_t page)
{
    ((volatile uint32_t *)page)[0] = 0x00000073;
    ((volatile uint32_t *)page)[4] = 0x00008067;
    __asm__ volatile("fence.i" ::: "memory");
}

static bool kernel_runs(uint64_t page)
{
    uint64_t before = me->exceptions;
    call_address(page + 16);
    return me->exceptions == before;
}

/* By the first trap of user mode: the page's own ecall, or that it could not be fetched. */
static bool user_runs(uint64_t page)
{
    return vtl_user_mode(page, 0).cause == MBEC_CAUSE_ECALL;
}

static void legal_flags(void)
{
    static const uint8_t legal[] = { 0, VR, VR | VW, VR | VUX, VR | VW | VUX, VR | VKX | VUX, VR | VW | VKX | VUX };
    for (unsigned i = 0; i < 16; i++) {
        bool ok = false;
        for (unsigned j = 0; j < count_of(legal); j++) {
            ok = ok || legal[j] == i;
        }
        note_is(set(page_of(0), i), ok ? OK : BAD_VALUE, i);
    }
    rule_noted("with mode-based execution UX stands alone; KX needs UX, W and X need R");
    set(page_of(0), VALL);
}

static void off(void)
{
    uint64_t page = page_of(1);
    put_code(page);
    set(page, VR | VUX);
    rule("while it is off for the VP, KX decides for user mode: no", !user_runs(page) && !kernel_runs(page));
    set(page, VALL);
    rule("and yes", user_runs(page) && kernel_runs(page));
    rule_is("VsmVpStatus tells that it is off", vtl_read(NAME_VP_STATUS) >> 4 & 1, 0);
}

static void on(void)
{
    uint64_t page = page_of(2);
    put_code(page);
    rule_is("level 1 turns it on for level 0", vtl_at(write_secure, 1), OK);
    rule_is("VsmVpStatus tells", vtl_read(NAME_VP_STATUS) >> 4 & 1, 1);
    static const uint8_t rights[] = { VR, VR | VUX, VALL, VR | VW | VUX, 0, VR | VW, VALL, VR | VUX };
    for (unsigned i = 0; i < count_of(rights); i++) {
        set(page, rights[i]);
        note_is(kernel_runs(page), (rights[i] & VKX) != 0, i);
        note_is(user_runs(page), (rights[i] & VUX) != 0, i | 0x10);
        note_is(kernel_runs(page), (rights[i] & VKX) != 0, i | 0x20);
    }
    rule_noted("kernel mode fetches by KX, user mode by UX");
    set(page, VR | VW);
    uint64_t seen = slot_of(1, 0)->intercepts;
    user_runs(page);
    struct vtl_message *last = &slot_of(1, 0)->last;
    rule("user mode's refused fetch is an intercept", slot_of(1, 0)->intercepts == seen + 1 && last->access == 2);
    rule_is("which tells the mode", last->state & 3, 0);
    kernel_runs(page);
    rule_is("kernel mode's tells that", last->state & 3, 1);
    rule_is("the address is the page's", last->rights.gpa, page + 16);
    rule_is("and turned off again", vtl_at(write_secure, 0), OK);
    set(page, VR | VUX);
    rule("KX decides for both again", !user_runs(page) && !kernel_runs(page));
    vtl_at(write_secure, 1);
    rule("and on again", user_runs(page) && !kernel_runs(page));
    vtl_at(write_secure, 0);
    set(page, VALL);
}

/* ---- Paged ------------------------------------------------------------------------------------------------------ */

#define WINDOW UINT64_C(0x40000000)
static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t middle[512] __attribute__((aligned(4096)));
static uint64_t last_table[512] __attribute__((aligned(4096)));

static void paged(void)
{
    uint64_t page = page_of(3);
    put_code(page);
    root[0] = 0xcf;
    root[1] = (uint64_t)middle >> 12 << 10 | 1;
    root[2] = UINT64_C(0x80000) << 10 | 0xcf;
    middle[0] = (uint64_t)last_table >> 12 << 10 | 1;
    last_table[0] = page >> 12 << 10 | 0xdf; /* the user's */
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
    vtl_at(write_secure, 1);
    for (unsigned i = 0; i < 6; i++) {
        set(page, i % 2 == 0 ? VR | VUX : VR | VW);
        note_is(user_runs(WINDOW), i % 2 == 0, i);
    }
    rule_noted("user pages of an address space run by UX");
    csr_write(satp, 0);
    __asm__ volatile("sfence.vma" ::: "memory");
    vtl_at(write_secure, 0);
    set(page, VALL);
}

/* ---- Level 2's default ------------------------------------------------------------------------------------------ */

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

static uint64_t above(uint64_t function)
{
    return vtl_at((vtl_function *)function, 0);
}

/* Everything but the program becomes data for the levels below. */
static uint64_t default_without_kx(uint64_t argument)
{
    (void)argument;
    uint64_t status = vtl_write(NAME_CONFIG, CONFIG_PROTECT | CONFIG_DEFAULT(VR | VW) | CONFIG_ZERO);
    uint64_t covered = (uint64_t)&slot_of(1, 0)->assist, behind = covered + PAGE; /* by level 1's overlay page */
    status |= status_of(vtl_protect_range(VR | VW | VKX, 0x80200000, covered - 0x80200000));
    return status | status_of(vtl_protect_range(VR | VW | VKX, behind, (uint64_t)program_end - behind));
}

static uint64_t allow(uint64_t argument)
{
    (void)argument;
    return vtl_protect(VR | VW | VKX, (uint64_t)program_end + 64 * PAGE);
}

static void default_mask(void)
{
    uint64_t page = (uint64_t)program_end + 64 * PAGE;
    put_code(page);
    vtl_at(raise, 2);
    rule("what is behind the program runs at first", kernel_runs(page));
    rule_is("level 2 makes R and W the default", vtl_at(above, (uint64_t)default_without_kx), OK);
    uint64_t seen = slot_of(2, 0)->intercepts;
    rule("then it does not run", !kernel_runs(page));
    rule_is("an intercept of level 2", slot_of(2, 0)->intercepts, seen + 1);
    uint32_t granted;
    vtl_check(VTL_CALLER, VALL, page, &granted);
    rule_is("the check of access knows the default", granted & (VR | VW | VKX), VR | VW);
    store(page + 128, 8, 5);
    rule_is("reading and writing go on", load(page + 128, 8), 5);
    rule_is("KX given to the one page", vtl_at(above, (uint64_t)allow), OK);
    rule("lets it run, in user mode too: level 2 has no mode-based execution", kernel_runs(page) && user_runs(page));
    vtl_check(VTL_CALLER, VALL, page, &granted);
    rule_is("which the check of access knows", granted, VALL);
    put_code(page + PAGE);
    rule("and not its neighbour", !kernel_runs(page + PAGE));
}

/* ---- Whom an explicit target names ------------------------------------------------------------------------------ */

static void explicit_targets(void)
{
    uint64_t page = page_of(5);
#ifdef RESTRICTED
    rule_is("an explicit target names the level that is restricted", set_to(VTL_TO(0), page, VR), OK);
    rule_is("which is below the caller", set_to(VTL_TO(1), page, VR), DENIED);
#else
    rule_is("an explicit target names the level that enforces", set_to(VTL_TO(1), page, VR), OK);
    rule_is("which is not level 0", set_to(VTL_TO(0), page, VR), BAD_PARAMETER);
#endif
    rule_is("nor above", set_to(VTL_TO(2), page, VR), DENIED);
    for (uint8_t level = 1; level < 16; level++) {
        note_is(set_to(level, page, VR), OK, level);
    }
    rule_noted("without use-target the level means nothing");
    uint64_t before = me->exceptions;
    store(page, 8, 1);
    rule_is("level 0 is bound by it", me->exceptions, before + 1);
    set(page, VALL);
}

/* ---- Lists ------------------------------------------------------------------------------------------------------ */

static uint64_t lists(uint64_t argument)
{
    static const uint64_t last[] = { UINT64_C(0x4000000000), UINT64_C(0x10000000) }; /* nothing, a device */
    for (unsigned i = 0; i < count_of(last); i++) {
        mine->in[0] = VTL_SELF;
        mine->in[1] = VR;
        mine->in[2] = mine->in[3] = last[i] / PAGE; /* not looked at */
        mine->in[4] = page_of(6) / PAGE;
        mine->in[5] = last[i] / PAGE;
        note_is(vtl_hypercall(FID_PROTECT, REPS(4) | FROM(2)), BAD_PARAMETER | REPS(2), i);
        mine->in[5] = page_of(7) / PAGE;
        note_is(vtl_hypercall(FID_PROTECT, REPS(4) | FROM(4)), BAD_WORD, i | 0x10);
    }
    rule_noted("a list that is refused counts the elements before its start");
    return argument;
}

static void list_refusals(void)
{
    uint32_t granted;
    vtl_at(lists, 0);
    rule_is("and changes no page", vtl_check(VTL_CALLER, VALL, page_of(6), &granted) | granted, VALL);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    vtl_raise(1, 1);
    rule_is("the partition's status tells which level has mode-based execution",
            vtl_read(NAME_PARTITION_STATUS) >> 20 & 0xffff, 2);
    rule_is("a default with KX needs UX",
            vtl_at(write_config, CONFIG_PROTECT | CONFIG_DEFAULT(VR | VW | VKX) | CONFIG_ZERO), BAD_VALUE);
    rule_is("the default can be written while protections are off",
            vtl_at(write_config, CONFIG_DEFAULT(VR | VW) | CONFIG_ZERO), OK);
    put_code(page_of(4));
    rule("and has no effect", kernel_runs(page_of(4)) && user_runs(page_of(4)));
    rule_is("and again, with protections turned on", vtl_at(write_config, CONFIG_USUAL), OK);
    rule("then the latest holds", kernel_runs(page_of(4)) && user_runs(page_of(4)));
    legal_flags();
    off();
    on();
    paged();
    explicit_targets();
    list_refusals();
    default_mask();
    return rule_end();
}
