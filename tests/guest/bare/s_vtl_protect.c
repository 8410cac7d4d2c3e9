/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 5 of docs/reference/trust-levels.md and ModifyVtlProtectionMask: which combinations there are, and that each
 * missing right is enforced on every kind of access. Without mode-based execution control; s_vtl_modes.c is about that.
 * Needs --trust-levels 3, one hart, 64 MiB.
 */
#include "vtl.h"

#define HOLE            UINT64_C(0x4000000000)
#define DEVICE          UINT64_C(0x10000000)
#define END             (RAM + UINT64_C(0x4000000)) /* --memory 64M */
#define count_of(array) (sizeof(array) / sizeof(array)[0])
#define FS_ON           UINT64_C(0x2000)

static uint8_t playground[17 * PAGE] __attribute__((aligned(4096)));
#define page_of(n) ((uint64_t)playground + (uint64_t)(n) * PAGE)

#define PATTERN    UINT64_C(0x5566778855667788)

/* ---- Asking level 1 --------------------------------------------------------------------------------------------- */

static struct {
    uint64_t address, flags;
    uint8_t target;
} change;

static uint64_t protect(uint64_t argument)
{
    (void)argument;
    return vtl_protect_to(change.target, (uint32_t)change.flags, change.address);
}

/* Level 1 changes a page. */
static uint16_t set(uint64_t address, uint64_t flags)
{
    change.address = address;
    change.flags = flags;
    change.target = VTL_CALLER;
    return (uint16_t)vtl_at(protect, 0);
}

static uint64_t protect_above(uint64_t argument)
{
    return vtl_at(protect, argument);
}

/* Level 2 does. */
static uint16_t set_at_2(uint64_t address, uint64_t flags)
{
    change.address = address;
    change.flags = flags;
    change.target = VTL_CALLER;
    return (uint16_t)vtl_at(protect_above, 0);
}

static uint64_t write_config(uint64_t value)
{
    return vtl_write(NAME_CONFIG, value);
}

static uint64_t read_config(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_CONFIG);
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

static void configuration(void)
{
    rule_is("protections are off and the default is all at first", vtl_at(read_config, 0), CONFIG_USUAL & ~1u);
    rule_is("nothing can be protected then", set(page_of(0), VR), DENIED);
    rule_is("nor are flags looked at", set(page_of(0), VW), DENIED);
    for (unsigned bit = 7; bit < 64; bit++) {
        if (bit != 9 && bit != 15) {
            note_is(vtl_at(write_config, CONFIG_USUAL | UINT64_C(1) << bit), BAD_VALUE, bit);
        }
    }
    rule_noted("reserved bits of VsmPartitionConfig are refused");
    static const uint8_t bad[] = { 0, VR, VW, VKX, VUX, VR | VKX, VW | VKX, VR | VUX };
    for (unsigned i = 0; i < count_of(bad); i++) {
        note_is(vtl_at(write_config, CONFIG_PROTECT | CONFIG_DEFAULT(bad[i])), BAD_VALUE, bad[i]);
    }
    rule_noted("a default mask needs R and W and must be a legal one");
    rule_is("refusals change nothing", vtl_at(read_config, 0), CONFIG_USUAL & ~1u);
    rule_is("protections are turned on", vtl_at(write_config, CONFIG_USUAL), OK);
    rule_is("which can be read", vtl_at(read_config, 0), CONFIG_USUAL);
    note_is(vtl_at(write_config, CONFIG_USUAL & ~1u), BAD_VALUE, 0);
    note_is(vtl_at(write_config, CONFIG_PROTECT | CONFIG_DEFAULT(VR | VW) | CONFIG_ZERO), BAD_VALUE, 1);
    note_is(vtl_at(write_config, CONFIG_PROTECT | CONFIG_ZERO), BAD_VALUE, 2);
    rule_noted("neither they nor the default can be changed from then on");
    rule_is("other bits can", vtl_at(write_config, CONFIG_USUAL & ~CONFIG_ZERO), OK);
    rule_is("and back", vtl_at(write_config, CONFIG_USUAL), OK);
}

static void flags(void)
{
    static const uint8_t legal[] = { 0,   VR, VR | VKX, VR | VKX | VUX, VR | VUX, VR | VW | VKX, VR | VW, VR | VW | VUX,
                                     VALL };
    for (unsigned i = 0; i < 16; i++) {
        bool ok = false;
        for (unsigned j = 0; j < count_of(legal); j++) {
            ok = ok || legal[j] == i;
        }
        note_is(set(page_of(0), i), ok ? OK : BAD_VALUE, i);
    }
    rule_noted("without mode-based execution: none, R, R+KX, R+W, R+W+KX, whatever UX is beside R; nothing else");
    for (unsigned bit = 4; bit < 32; bit++) {
        note_is(set(page_of(0), VALL | UINT64_C(1) << bit), BAD_VALUE, bit);
    }
    rule_noted("other flags are refused");
    set(page_of(0), VALL);
    static const uint64_t bad[] = { HOLE, DEVICE, 0, END, UINT64_C(1) << 56, UINT64_MAX };
    for (unsigned i = 0; i < count_of(bad); i++) {
        note_is(set(bad[i], VALL), BAD_PARAMETER, bad[i]);
        note_is(set(bad[i], VW), BAD_VALUE, bad[i]);
    }
    rule_noted("pages that are not RAM are refused, after the flags");
    rule_is("the last page of RAM can be changed", set(END - PAGE, VR), OK);
    rule_is("and back", set(END - PAGE, VALL), OK);
}

static uint64_t targets(uint64_t argument)
{
    (void)argument;
    mine->in[0] = 0;
    mine->in[1] = VW | UINT64_C(0xff) << 32;
    mine->in[2] = HOLE;
    note_is(status_of(vtl_hypercall(FID_PROTECT, REPS(1))), BAD_PARTITION, 0);
    mine->in[0] = VTL_SELF;
    note_is(status_of(vtl_hypercall(FID_PROTECT, REPS(1))), BAD_PARAMETER, 1);
    rule_noted("partition, then target, are looked at first");
    for (uint8_t bit = 5; bit < 8; bit++) {
        note_is(vtl_protect_to((uint8_t)(1u << bit), VALL, page_of(0)), BAD_PARAMETER, bit);
    }
    for (unsigned bit = 40; bit < 64; bit++) {
        mine->in[1] = VALL | UINT64_C(1) << bit;
        mine->in[2] = page_of(0) / PAGE;
        note_is(status_of(vtl_hypercall(FID_PROTECT, REPS(1))), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bits of the target and reserved bytes are refused");
    rule_is("level 0 enforces nothing", vtl_protect_to(VTL_TO(0), VALL, page_of(0)), BAD_PARAMETER);
    rule_is("the caller can be named", vtl_protect_to(VTL_TO(1), VALL, page_of(0)), OK);
    for (uint8_t level = 2; level < 16; level++) {
        note_is(vtl_protect_to(VTL_TO(level), VALL, page_of(0)), DENIED, level);
        note_is(vtl_protect_to(VTL_TO(level), VW, HOLE), DENIED, level);
    }
    rule_noted("a level above the caller cannot");
    return 0;
}

static uint64_t lists(uint64_t argument)
{
    (void)argument;
    uint32_t granted;
    mine->in[0] = VTL_SELF;
    mine->in[1] = VR;
    for (unsigned i = 0; i < 510; i++) {
        mine->in[2 + i] = page_of(i % 16) / PAGE;
    }
    mine->in[2 + 509] = HOLE / PAGE;
    rule_is("one bad page in a list of 510 is refused", status_of(vtl_hypercall(FID_PROTECT, REPS(510))),
            BAD_PARAMETER);
    for (unsigned i = 0; i < 16; i++) {
        vtl_check(VTL_TO(0), VALL, page_of(i), &granted);
        note_is(granted & VALL, VALL, i);
    }
    rule_noted("and no page has changed");
    mine->in[0] = VTL_SELF;
    mine->in[1] = VR;
    for (unsigned i = 0; i < 510; i++) {
        mine->in[2 + i] = page_of(i % 16) / PAGE;
    }
    rule_is("510 pages are changed by one call", vtl_hypercall(FID_PROTECT, REPS(510)), REPS(510));
    for (unsigned i = 0; i < 16; i++) {
        vtl_check(VTL_TO(0), VALL, page_of(i), &granted);
        note_is(granted & VALL, VR, i);
    }
    rule_noted("all of them, repeated ones as well");
    mine->in[0] = VTL_SELF;
    mine->in[1] = VALL;
    for (unsigned i = 0; i < 16; i++) {
        mine->in[2 + i] = page_of(i) / PAGE;
    }
    rule_is("a list begins at its start", vtl_hypercall(FID_PROTECT, REPS(16) | FROM(4)), REPS(16));
    vtl_check(VTL_TO(0), VALL, page_of(3), &granted);
    rule_is("what is before it stays", granted & VALL, VR);
    vtl_check(VTL_TO(0), VALL, page_of(4), &granted);
    rule_is("what is behind it changes", granted & VALL, VALL);
    vtl_protect_range(VALL, page_of(0), 16 * PAGE);
    rule_is("a level is not restricted by itself", vtl_protect(0, page_of(5)), OK);
    vtl_check(VTL_TO(1), VALL, page_of(5), &granted);
    rule_is("says the check of access", granted & VALL, VALL);
    vtl_protect(VALL, page_of(5));
    return 0;
}

/* ---- Every kind of access --------------------------------------------------------------------------------------- */

enum kind { LOAD, STORE, AMO, FETCH };
struct attempt {
    const char *name;
    enum kind kind;
    unsigned size;
    void (*try)(uint64_t address);
};

static volatile uint64_t outcome;

#define trying(name_, text)                                                   \
    static void name_(uint64_t address)                                       \
    {                                                                         \
        uint64_t value = 0;                                                   \
        __asm__ volatile(".option push; .option norvc; " text "; .option pop" \
                         : "+r"(value)                                        \
                         : "r"(address)                                       \
                         : "memory", "ra", "t0", "fa0");                      \
        outcome = value;                                                      \
    }

trying(try_lb, "lb %0, 0(%1)") trying(try_lbu, "lbu %0, 0(%1)") trying(try_lh, "lh %0, 0(%1)")
    trying(try_lw, "lw %0, 0(%1)") trying(try_lwu, "lwu %0, 0(%1)") trying(try_ld, "ld %0, 0(%1)")
        trying(try_ld_late, "ld %0, 2040(%1)") trying(try_flw, "flw fa0, 0(%1)") trying(try_fld, "fld fa0, 0(%1)")
            trying(try_lr_w, "lr.w %0, (%1)") trying(try_lr_d, "lr.d %0, (%1)") trying(try_sb, "sb %0, 0(%1)")
                trying(try_sh, "sh %0, 0(%1)") trying(try_sw, "sw %0, 0(%1)") trying(try_sd, "sd %0, 0(%1)")
                    trying(try_fsw, "fsw fa0, 0(%1)") trying(try_fsd, "fsd fa0, 0(%1)")
                        trying(try_swap_w, "amoswap.w %0, zero, (%1)") trying(try_swap_d, "amoswap.d %0, zero, (%1)")
                            trying(try_add_w, "li t0, 1; amoadd.w %0, t0, (%1)")
                                trying(try_add_d, "li t0, 1; amoadd.d.aqrl %0, t0, (%1)")
                                    trying(try_or_d, "li t0, 1; amoor.d %0, t0, (%1)")
                                        trying(try_max_d, "li t0, -1; amomaxu.d %0, t0, (%1)")
                                            trying(try_fetch, "jalr ra, 0(%1)")

                                                static const
    struct attempt attempts[] = {
        { "lb", LOAD, 1, try_lb },           { "lbu", LOAD, 1, try_lbu },        { "lh", LOAD, 2, try_lh },
        { "lw", LOAD, 4, try_lw },           { "lwu", LOAD, 4, try_lwu },        { "ld", LOAD, 8, try_ld },
        { "ld", LOAD, 8, try_ld_late },      { "flw", LOAD, 4, try_flw },        { "fld", LOAD, 8, try_fld },
        { "lr.w", LOAD, 4, try_lr_w },       { "lr.d", LOAD, 8, try_lr_d },      { "sb", STORE, 1, try_sb },
        { "sh", STORE, 2, try_sh },          { "sw", STORE, 4, try_sw },         { "sd", STORE, 8, try_sd },
        { "fsw", STORE, 4, try_fsw },        { "fsd", STORE, 8, try_fsd },       { "amoswap.w", AMO, 4, try_swap_w },
        { "amoswap.d", AMO, 8, try_swap_d }, { "amoadd.w", AMO, 4, try_add_w },  { "amoadd.d", AMO, 8, try_add_d },
        { "amoor.d", AMO, 8, try_or_d },     { "amomaxu.d", AMO, 8, try_max_d }, { "fetch", FETCH, 0, try_fetch },
    };

static const uint64_t causes[] = { [LOAD] = 5, [STORE] = 7, [AMO] = 7, [FETCH] = 1 };

static bool allowed(enum kind kind, unsigned rights)
{
    switch (kind) {
    case LOAD: return (rights & VR) != 0;
    case STORE: return (rights & VW) != 0;
    case AMO: return (rights & (VR | VW)) == (VR | VW);
    default: return (rights & VKX) != 0;
    }
}

static void fill(uint64_t page)
{
    for (unsigned i = 0; i < PAGE / 8; i++) {
        ((volatile uint64_t *)page)[i] = PATTERN;
    }
    ((volatile uint32_t *)page)[0] = 0x00008067; /* ret */
    ((volatile uint32_t *)page)[1] = 0x00008067;
    __asm__ volatile("fence.i" ::: "memory");
}

/* The page must have been filled, and does not change by an attempt that is refused. */
static bool untouched(uint64_t page)
{
    const volatile uint64_t *words = (const volatile uint64_t *)page;
    for (unsigned i = 1; i < PAGE / 8; i++) {
        if (words[i] != PATTERN) {
            return false;
        }
    }
    return words[0] == UINT64_C(0x0000806700008067);
}

static uint64_t level_1_looks(uint64_t page)
{
    return untouched(page);
}

/* One attempt under `rights`: allowed, or refused by the level of `slot` with all that belongs to it. */
static void check_attempt(const struct attempt *attempt, uint64_t page, unsigned rights, struct vtl_slot *slot,
                          uint64_t which)
{
    uint64_t exceptions = me->exceptions, intercepts = slot->intercepts;
    bool ok = allowed(attempt->kind, rights);
    attempt->try(page);
    note_is(me->exceptions - exceptions, ok ? 0 : 1, which);
    note_is(slot->intercepts - intercepts, ok ? 0 : 1, which | 0x100000);
    if (ok) {
        return;
    }
    uint64_t address = page + (attempt->try == try_ld_late ? 2040 : 0);
    note_is(me->cause, causes[attempt->kind], which | 0x200000);
    note_is(me->value, address, which | 0x300000);
    note_is(outcome, 0, which | 0x400000);
    note_is(slot->last.rights.gpa, address, which | 0x500000);
    note_is(slot->last.rights.cause, causes[attempt->kind], which | 0x600000);
    if (attempt->kind != FETCH) {
        note_is(slot->last.rights.size, attempt->size, which | 0x700000);
    }
}

static void each_access(void)
{
    static const uint8_t some[] = { 0, VR, VR | VKX, VR | VW, VR | VW | VKX, VR | VUX };
    csr_set(sstatus, FS_ON);
    for (unsigned i = 0; i < count_of(attempts); i++) {
        uint64_t page = page_of(i % 8);
        for (unsigned j = 0; j < count_of(some) * 3; j++) {
            unsigned rights = some[j * 7 % count_of(some)];
            set(page, VALL);
            fill(page);
            attempts[i].try(page); /* whatever is cached is cached */
            fill(page);
            set(page, rights);
            check_attempt(&attempts[i], page, rights, slot_of(1, 0), i << 8 | rights);
            if (!allowed(attempts[i].kind, rights)) {
                note_is(vtl_at(level_1_looks, page), 1, i << 8 | rights | 0x800000);
            }
        }
        set(page, VALL);
        rule_noted(attempts[i].name);
    }
}

static void after_grant(void)
{
    uint64_t page = page_of(9);
    set(page, VALL);
    fill(page);
    for (unsigned i = 0; i < 50; i++) {
        set(page, 0);
        check_attempt(&attempts[5], page, 0, slot_of(1, 0), i);
        set(page, VALL);
        check_attempt(&attempts[5], page, VALL, slot_of(1, 0), i);
        set(page, VR);
        check_attempt(&attempts[14], page, VR, slot_of(1, 0), i);
        check_attempt(&attempts[23], page, VR, slot_of(1, 0), i);
        set(page, VR | VKX);
        check_attempt(&attempts[23], page, VR | VKX, slot_of(1, 0), i);
    }
    set(page, VALL);
    rule_noted("taken and given fifty times, the right that counts is the newest");
}

/* ---- SC, and what a level does to itself ------------------------------------------------------------------------ */

static void store_conditionals(void)
{
    uint64_t page = page_of(3), failed = 7, before = me->exceptions;
    fill(page);
    set(page, VR);
    __asm__ volatile(".option push; .option norvc\n"
                     "lr.d t0, (%1)\n"
                     "sc.d %0, zero, (%1)\n"
                     ".option pop"
                     : "+r"(failed)
                     : "r"(page)
                     : "t0", "memory");
    rule_is("sc to a page without W is refused", me->exceptions, before + 1);
    rule_is("as a store", me->cause, 7);
    rule_is("and stores nothing", vtl_at(level_1_looks, page), 1);
    set(page, VALL);
}

static uint64_t use_all(uint64_t page)
{
    uint64_t before = me->exceptions;
    for (unsigned i = 0; i < count_of(attempts); i++) {
        if (attempts[i].try != try_flw && attempts[i].try != try_fld && attempts[i].try != try_fsw &&
            attempts[i].try != try_fsd) {
            fill(page);
            attempts[i].try(page);
        }
    }
    return me->exceptions - before;
}

static void own_pages(void)
{
    set(page_of(2), 0);
    rule_is("a level is not bound by its own mask", vtl_at(use_all, page_of(2)), 0);
    set(page_of(2), VALL);
}

/* ---- Accesses that cross pages ---------------------------------------------------------------------------------- */

static void crossing_data(void)
{
    uint64_t first = page_of(4), second = page_of(5), edge = second - 4;
    struct vtl_slot *up = slot_of(1, 0);
    for (unsigned side = 0; side < 2; side++) {
        fill(first);
        fill(second);
        set(side == 0 ? first : second, VR);
        uint64_t before = me->exceptions, seen = up->intercepts;
        store(edge, 8, 0);
        note_is(me->exceptions, before + 1, side);
        note_is(me->cause, 7, side | 0x10);
        note_is(me->value == edge || me->value == second, 1, side | 0x20);
        note_is(up->intercepts, seen + 1, side | 0x30);
        note_is(up->last.rights.gpa / PAGE, (side == 0 ? edge : second) / PAGE, side | 0x40);
        note_is(untouched(first) && untouched(second), 1, side | 0x50);
        set(side == 0 ? first : second, 0);
        note_is(load(edge, 8), 0, side | 0x60);
        note_is(me->exceptions, before + 2, side | 0x70);
        note_is(me->cause, 5, side | 0x80);
        set(first, VALL);
        set(second, VALL);
        note_is(load(edge, 8), UINT64_C(0x0000806755667788), side | 0x90);
    }
    rule_noted("an access that crosses pages is decided whole: nothing is stored if one half is refused");
}

static void crossing_fetch(void)
{
    uint64_t first = page_of(6), second = page_of(7), edge = second - 2;
    uint64_t (*function)(void) = (uint64_t (*)(void))edge;
    fill(first);
    fill(second);
    *(volatile uint16_t *)edge = 0x0513; /* li a0, 77: four bytes over the edge */
    *(volatile uint16_t *)second = 77 << 4;
    *(volatile uint16_t *)(second + 2) = 0x8067; /* ret */
    *(volatile uint16_t *)(second + 4) = 0x0000;
    __asm__ volatile("fence.i" ::: "memory");
    note_is(function(), 77, 0);
    set(second, VR | VW);
    uint64_t before = me->exceptions;
    call_address(edge);
    note_is(me->exceptions, before + 1, 1);
    note_is(me->cause, 1, 2);
    note_is(slot_of(1, 0)->last.rights.gpa, second, 3);
    set(second, VALL);
    note_is(function(), 77, 4);
    set(first, VR | VW);
    call_address(edge);
    note_is(me->exceptions, before + 2, 5);
    note_is(slot_of(1, 0)->last.rights.gpa, edge, 6);
    set(first, VALL);
    note_is(function(), 77, 7);
    rule_noted("an instruction that crosses pages needs KX on both");
}

/* A loop asks level 1 to take KX from the very page it is on. */
extern char sawing_start[], sawing_end[];
__asm__(".option push; .option norvc\n"
        ".balign 8\n"
        "sawing_start:\n"
        "    li a6, 0x11\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        "    li a0, 4321\n"
        "    ret\n"
        "sawing_end:\n"
        ".option pop\n");

static void sawing(void)
{
    uint64_t page = page_of(8);
    memcpy((void *)page, sawing_start, (size_t)(sawing_end - sawing_start));
    __asm__ volatile("fence.i" ::: "memory");
    uint64_t result = 0;
    change.address = page;
    change.target = VTL_CALLER;
    for (unsigned round = 0; round < 10; round++) {
        change.flags = round % 2 == 0 ? VALL : VR | VW;
        uint64_t before = me->exceptions;
        register uint64_t a0 __asm__("a0") = (uint64_t)protect;
        __asm__ volatile("jalr ra, 0(%1)"
                         : "+r"(a0)
                         : "r"(page)
                         : "ra", "memory", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5",
                           "t6", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11");
        result = a0;
        note_is(result == 4321, round % 2 == 0, round);
        note_is(me->exceptions - before, round % 2, round);
        set(page, VALL);
    }
    rule_noted("code whose page loses KX under it stops at its next instruction");
}

/* ---- Page walks ------------------------------------------------------------------------------------------------- */

#define WINDOW UINT64_C(0x40000000)
static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t middle[512] __attribute__((aligned(4096)));
static uint64_t last[512] __attribute__((aligned(4096)));

static void paging(bool on)
{
    csr_write(satp, on ? UINT64_C(8) << 60 | (uint64_t)root >> 12 : 0);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void build_tables(void)
{
    root[0] = 0 << 10 | 0xcf;
    root[1] = (uint64_t)middle >> 12 << 10 | 1;
    root[2] = UINT64_C(0x80000) << 10 | 0xcf;
    middle[0] = (uint64_t)last >> 12 << 10 | 1;
    for (unsigned i = 0; i < 16; i++) {
        last[i] = page_of(i) >> 12 << 10 | 0xcf;
        fill(page_of(i));
    }
}

static void walk_case(uint64_t table, enum kind kind, uint64_t which)
{
    struct vtl_slot *up = slot_of(1, 0);
    uint64_t before = me->exceptions, seen = up->intercepts;
    switch (kind) {
    case LOAD: load(WINDOW, 8); break;
    case STORE: store(WINDOW + 8, 8, PATTERN); break;
    case AMO: try_or_d(WINDOW + 16); break;
    default: call_address(WINDOW); break;
    }
    note_is(me->exceptions, before + 1, which);
    note_is(me->cause, causes[kind], which | 0x100);
    note_is(up->intercepts, seen + 1, which | 0x200);
    note_is(up->last.rights.info & 4, 4, which | 0x300);
    note_is(up->last.rights.gpa / PAGE, table / PAGE, which | 0x400);
    note_is(up->last.rights.gva / PAGE, WINDOW / PAGE, which | 0x500);
}

static void walks(void)
{
    uint64_t tables[] = { (uint64_t)middle, (uint64_t)last };
    build_tables();
    paging(true);
    load(WINDOW, 8);
    for (unsigned table = 0; table < 2; table++) {
        for (enum kind kind = LOAD; kind <= FETCH; kind++) {
            note_is(set(tables[table], 0), OK, 0);
            __asm__ volatile("sfence.vma" ::: "memory");
            walk_case(tables[table], kind, table << 4 | kind);
            set(tables[table], VR);
            __asm__ volatile("sfence.vma" ::: "memory");
            uint64_t before = me->exceptions;
            load(WINDOW, 8);
            note_is(me->exceptions, before, 0x40);
            set(tables[table], VALL);
        }
    }
    rule_noted("a page walk needs R on each table, and is refused as the access it is for");
    set((uint64_t)last, 0);
    uint64_t before = me->exceptions;
    load(WINDOW, 8);
    rule_is("a translation made before R was taken from the table is not used", me->exceptions, before + 1);
    set((uint64_t)last, VALL);
    paging(false);
}

static struct {
    uint64_t flags, gva;
} asked;

static uint64_t translate(uint64_t argument)
{
    (void)argument;
    uint32_t result;
    uint64_t page;
    uint16_t status = vtl_translate(VP_SELF, asked.flags | UINT64_C(0x10) << 56, asked.gva, &result, &page);
    return status == OK ? result : 0x1000u | status;
}

static uint64_t translated(uint64_t flags, uint64_t gva)
{
    asked.flags = flags;
    asked.gva = gva;
    return vtl_at(translate, 0);
}

/* While a table has other rights: level 0 could not go on without some. */
static uint64_t translate_under(uint64_t flags)
{
    expect(vtl_protect((uint32_t)flags, change.address) == OK);
    uint64_t result = translate(0);
    expect(vtl_protect(VALL, change.address) == OK);
    return result;
}

static uint64_t translated_under(uint64_t table, uint64_t rights, uint64_t flags)
{
    asked.flags = flags;
    asked.gva = WINDOW;
    change.address = table;
    return vtl_at(translate_under, rights);
}

/* By TranslateVirtualAddress, with and without the setting of accessed and dirty bits. */
static void walks_for_level_1(void)
{
    uint64_t tables[] = { (uint64_t)root, (uint64_t)middle, (uint64_t)last };
    build_tables();
    paging(true);
    for (unsigned i = 0; i < 3 * 2 * 2; i++) {
        uint64_t table = tables[i % 3], set_bits = i / 3 % 2 * 0x10, kind = 1 + i / 6;
        load(WINDOW, 8);
        store(WINDOW + 8, 8, PATTERN);
        note_is(translated(0x40 | set_bits | kind, WINDOW), 0, i);
        note_is(translated_under(table, 0, 0x40 | set_bits | kind), 8, i | 0x100);
        note_is(translated_under(table, VR, 0x40 | set_bits | kind), 0, i | 0x200);
    }
    rule_noted("a translation for level 1 is an intercept where a table has lost R");
    last[0] &= ~UINT64_C(0xc0);
    __asm__ volatile("sfence.vma" ::: "memory");
    uint64_t result = translated_under((uint64_t)last, VR, 0x40 | 0x10 | 2);
    rule("or W, where it would set bits", result == 8 || result == 1); /* 1: a machine that sets none */
    rule_is("which it does not", last[0] >> 6 & 3, 0);
    paging(false);
}

static void updates(void)
{
    build_tables();
    last[0] = page_of(0) >> 12 << 10 | 0x0f; /* neither accessed nor dirty */
    paging(true);
    uint64_t before = me->exceptions;
    load(WINDOW, 8);
    if (me->exceptions != before) {
        rule_is("without A/D updates an entry that is not accessed faults", me->cause, 13);
        paging(false);
        return;
    }
    rule_is("the machine updates A itself", last[0] >> 6 & 3, 1);
    last[0] &= ~UINT64_C(0xc0);
    __asm__ volatile("sfence.vma" ::: "memory");
    set((uint64_t)last, VR);
    walk_case((uint64_t)last, LOAD, 0);
    walk_case((uint64_t)last, STORE, 1);
    note_is(last[0] >> 6 & 3, 0, 2);
    set((uint64_t)last, VALL);
    load(WINDOW, 8);
    set((uint64_t)last, VR);
    before = me->exceptions;
    load(WINDOW, 8);
    note_is(me->exceptions, before, 3);
    walk_case((uint64_t)last, STORE, 4);
    set((uint64_t)last, VALL);
    paging(false);
    rule_noted("an update of accessed or dirty needs W on the table; without need of one R is enough");
}

static void pages_under_paging(void)
{
    build_tables();
    paging(true);
    for (unsigned i = 0; i < count_of(attempts); i++) {
        static const uint8_t some[] = { 0, VR, VR | VKX, VR | VW };
        for (unsigned j = 0; j < count_of(some); j++) {
            uint64_t page = page_of(1), address = WINDOW + PAGE, before = me->exceptions;
            set(page, VALL);
            fill(page);
            attempts[i].try(address);
            set(page, some[j]);
            attempts[i].try(address);
            bool ok = allowed(attempts[i].kind, some[j]);
            note_is(me->exceptions - before, ok ? 0 : 1, i << 8 | j);
            if (!ok) {
                note_is(me->cause, causes[attempts[i].kind], i << 8 | j | 0x10000);
                note_is(slot_of(1, 0)->last.rights.gpa / PAGE, page / PAGE, i << 8 | j | 0x20000);
                note_is(slot_of(1, 0)->last.rights.gva / PAGE, address / PAGE, i << 8 | j | 0x30000);
                note_is(slot_of(1, 0)->last.rights.info & 7, 3, i << 8 | j | 0x40000);
            }
        }
    }
    set(page_of(1), VALL);
    paging(false);
    rule_noted("all of this holds for translated addresses, and the message has both");
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

static void operands(void)
{
    uint64_t in = (uint64_t)mine->in, out = (uint64_t)mine->out;
    mine->in[0] = VTL_SELF;
    mine->in[1] = VP_SELF;
    mine->in[2] = NAME_VP_INDEX;
    uint64_t seen = slot_of(1, 0)->intercepts;
    set(in, 0);
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), in, out, 0, 0, 0)), BAD_PARAMETER, 0);
    set(in, VR);
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), in, out, 0, 0, 0)), OK, 1);
    set(in, VALL);
    rule_noted("a call's input needs R");
    set(out, VR);
    mine->out[0] = 0; /* refused, too */
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), in, out, 0, 0, 0)), BAD_PARAMETER, 2);
    set(out, 0);
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), in, out, 0, 0, 0)), BAD_PARAMETER, 3);
    set(out, VR | VW);
    note_is(status_of(vtl_raw(FID_GET, FID_GET | REPS(1), in, out, 0, 0, 0)), OK, 4);
    set(out, VALL);
    rule_noted("a call's output needs W");
    rule_is("operands are not intercepted", slot_of(1, 0)->intercepts, seen + 1);
    uint64_t page = page_of(10);
    fill(page);
    set(page, 0);
    rule("the SBI console does not read what the caller may not", sbi(SBI_DBCN, 0, 1, page + 64, 0, 0, 0).error < 0);
    set(page, VR);
    rule("nor does it write so", sbi(SBI_DBCN, 1, 8, page + 64, 0, 0, 0).error < 0);
    set(page, VALL);
    *(volatile uint64_t *)page = 1; /* this hart */
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t calls[] = { 4, 5, 6, 7 }; /* IPI, FENCE.I, SFENCE.VMA, the same with an address space */
        set(page, 0);
        note_is(sbi(calls[i], 0, page, 0, UINT64_MAX, 0, 0).error, -3, calls[i]);
        set(page, VR);
        note_is(sbi(calls[i], 0, page, 0, UINT64_MAX, 0, 0).error, 0, calls[i] | 0x10);
    }
    csr_clear(sip, 2);
    rule_noted("the hart mask of a legacy call needs R");
    set(page, VALL);
    set(page, VR);
    rule_is("an assist page needs R and W", vtl_write(NAME_ASSIST, page | 1), BAD_VALUE);
    set(page, VALL);
}

/* ---- Translation ------------------------------------------------------------------------------------------------ */

static void translation(void)
{
    uint64_t page = page_of(14);
    note_is(translated(0x41, page), 0, 0);
    set(page, 0);
    note_is(translated(0x41, page), 5, 1);
    note_is(translated(0x40, page), 5, 2);
    set(page, VR);
    note_is(translated(0x41, page), 0, 3);
    note_is(translated(0x42, page), 6, 4);
    set(page, VALL);
    note_is(translated(0x43, page), 0, 5);
    rule_noted("a translation tells which right of the page a level lacks");
}

/* ---- Three levels ----------------------------------------------------------------------------------------------- */

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

static uint64_t protections_on(uint64_t argument)
{
    (void)argument;
    return vtl_write(NAME_CONFIG, CONFIG_USUAL);
}

static uint64_t above(uint64_t function)
{
    return vtl_at((vtl_function *)function, 0);
}

static uint64_t store_at_1(uint64_t address)
{
    uint64_t before = me->exceptions;
    store(address, 8, PATTERN);
    return me->exceptions - before;
}

static uint64_t lift_for_1(uint64_t argument)
{
    (void)argument;
    return vtl_protect_to(VTL_TO(1), VALL, page_of(11));
}

static uint64_t write_config_of_2(uint64_t argument)
{
    (void)argument;
    return vtl_write_of(2, NAME_CONFIG, CONFIG_USUAL);
}

static uint64_t config_of_1_from_2(uint64_t argument)
{
    (void)argument;
    return vtl_write_of(1, NAME_CONFIG, CONFIG_USUAL | CONFIG_DENY_START);
}

static void assist_taken(void)
{
    uint64_t page = page_of(15), assist_page = (uint64_t)&slot_of(1, 0)->assist;
    set(page, 0);
    rule_is("level 2 cannot take level 1's assist page away", set_at_2(assist_page, VR), BAD_OPERATION);
    uint64_t seen = slot_of(1, 0)->intercepts;
    load(page, 8);
    rule_is("which is used as before", slot_of(1, 0)->intercepts, seen + 1);
    set(page, VALL);
}

static void hierarchy(void)
{
    uint64_t page = page_of(11);
    struct vtl_slot *one = slot_of(1, 0), *two = slot_of(2, 0);
    vtl_at(raise, 2);
    rule_is("level 2's protections are its own", set_at_2(page, VR), DENIED);
    rule_is("and level 1 cannot turn them on", vtl_at(write_config_of_2, 0), DENIED);
    vtl_at(above, (uint64_t)protections_on);
    fill(page);
    rule_is("level 2 binds the levels below", set_at_2(page, VR), OK);
    uint64_t n1 = one->intercepts, n2 = two->intercepts, before = me->exceptions;
    store(page, 8, PATTERN);
    rule("level 0 by an intercept to level 2", me->exceptions == before + 1 && two->intercepts == n2 + 1);
    rule_is("level 1 as well", vtl_at(store_at_1, page), 1);
    rule_is("which names the level", two->last.state >> 7 & 15, 1);
    rule_is("level 1 is not told", one->intercepts, n1);
    rule_is("level 1's all does not lift it", set(page, VALL), OK);
    store(page, 8, PATTERN);
    rule_is("for each mask stands by itself", two->intercepts, n2 + 3);
    set(page, VR);
    store(page, 8, PATTERN);
    rule("of two levels that refuse the lower is told", one->intercepts == n1 + 1 && two->intercepts == n2 + 3);
    set_at_2(page, VALL);
    store(page, 8, PATTERN);
    rule_is("level 2 gives back what it took; level 1's mask stands", one->intercepts, n1 + 2);
    rule_is("level 1 itself may write now", vtl_at(store_at_1, page), 0);
    rule_is("level 2 lifts level 1's mask by naming it", vtl_at(above, (uint64_t)lift_for_1), OK);
    before = me->exceptions;
    store(page, 8, PATTERN);
    rule_is("and then nobody refuses", me->exceptions, before);
    assist_taken();
    rule_is("a level configures the lower ones", vtl_at(above, (uint64_t)config_of_1_from_2), OK);
}

/* ---- Nobody to tell --------------------------------------------------------------------------------------------- */

static void no_handler(void)
{
    uint64_t page = page_of(12);
    fill(page);
    set(page, 0);
    vtl_at(vtl_assist, 0);
    uint64_t seen = slot_of(1, 0)->intercepts, entries = slot_of(1, 0)->entries;
    for (unsigned i = 0; i < count_of(attempts); i++) {
        uint64_t before = me->exceptions;
        attempts[i].try(page);
        note_is(me->exceptions, before + 1, i);
        note_is(me->cause, causes[attempts[i].kind], i | 0x100);
        note_is(me->value, page + (attempts[i].try == try_ld_late ? 2040 : 0), i | 0x200);
    }
    rule_noted("without an assist page a refused access is an access fault at the address");
    rule("and the level is not entered", seen == slot_of(1, 0)->intercepts && entries == slot_of(1, 0)->entries);
    vtl_at(vtl_assist, 1);
    set(page, VALL);
}

/* ---- Queries ---------------------------------------------------------------------------------------------------- */

static void queries(void)
{
    uint32_t granted;
    static const uint8_t some[] = { 0, VR, VR | VKX, VR | VW, VR | VW | VKX };
    for (unsigned i = 0; i < count_of(some); i++) {
        set(page_of(13), some[i]);
        note_is(vtl_check(VTL_CALLER, VALL, page_of(13), &granted), OK, i);
        note_is(granted & (VR | VW | VKX), some[i], i | 0x100);
        note_is(vtl_check(VTL_CALLER, VR, page_of(13), &granted), OK, i | 0x200);
        note_is(granted & ~VR, 0, i | 0x300);
    }
    set(page_of(13), VR | VUX);
    note_is(vtl_check(VTL_CALLER, VALL, page_of(13), &granted), OK, 0x400);
    note_is(granted, VR, 0x500);
    set(page_of(13), VALL);
    rule_noted("a level can ask what it may do");
    note_is(vtl_check(VTL_TO(1), VALL, page_of(13), &granted), DENIED, 0);
    note_is(vtl_check(0x20, VALL, page_of(13), &granted), BAD_PARAMETER, 1);
    note_is(vtl_check(VTL_CALLER, 0x10, page_of(13), &granted), BAD_PARAMETER, 2);
    static const uint64_t bad[] = { HOLE, DEVICE, 0, END, UINT64_MAX };
    for (unsigned i = 0; i < count_of(bad); i++) {
        note_is(vtl_check(VTL_CALLER, VALL, bad[i], &granted), BAD_PARAMETER, i | 0x100);
    }
    for (unsigned bit = 16; bit < 64; bit++) {
        mine->in[0] = VTL_SELF;
        mine->in[1] = VTL_CALLER | UINT64_C(1) << bit;
        note_is(status_of(vtl_hypercall(FID_CHECK, REPS(1))), BAD_PARAMETER, bit | 0x200);
    }
    mine->in[0] = 0;
    mine->in[1] = 0x20;
    note_is(status_of(vtl_hypercall(FID_CHECK, REPS(1))), BAD_PARTITION, 3);
    rule_noted("but not of levels above, with reserved bits, of what is no RAM, nor of another partition");
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    vtl_raise(1, 0);
    configuration();
    flags();
    vtl_at(targets, 0);
    vtl_at(lists, 0);
    each_access();
    after_grant();
    store_conditionals();
    own_pages();
    crossing_data();
    crossing_fetch();
    sawing();
    walks();
    walks_for_level_1();
    updates();
    pages_under_paging();
    operands();
    queries();
    translation();
    no_handler();
    hierarchy();
    return rule_end();
}
