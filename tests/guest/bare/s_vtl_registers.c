/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 3 of docs/reference/trust-levels.md: registers by name, who may read and write which; PendingEvent0;
 * TranslateVirtualAddress; GetVpIndexFromApicId. Needs --trust-levels 3 and one hart.
 */
#include "vtl.h"

#define HOLE            UINT64_C(0x4000000000)
#define DEVICE          UINT64_C(0x10000000)
#define count_of(array) (sizeof(array) / sizeof(array)[0])

static uint16_t get_raw(uint64_t partition, uint64_t second, uint32_t name)
{
    mine->in[0] = partition;
    mine->in[1] = second;
    mine->in[2] = name;
    return status_of(vtl_hypercall(FID_GET, REPS(1)));
}

#define NO_BIT 96u
/* `bit` of the bytes between name and value is set, if there is one. */
static uint16_t set_raw(uint32_t name, unsigned bit, uint64_t low, uint64_t high)
{
    mine->in[0] = VTL_SELF;
    mine->in[1] = VP_SELF;
    mine->in[2] = name | (bit < 32 ? UINT64_C(1) << (32 + bit) : 0);
    mine->in[3] = bit >= 32 && bit < 96 ? UINT64_C(1) << (bit - 32) : 0;
    mine->in[4] = low;
    mine->in[5] = high;
    return status_of(vtl_hypercall(FID_SET, REPS(1)));
}

/* ---- Order of checks -------------------------------------------------------------------------------------------- */

static void order(void)
{
    note_is(get_raw(0, 99, 0x7777), BAD_PARTITION, 0);
    note_is(get_raw(UINT64_MAX - 1, VP_SELF, NAME_VP_INDEX), BAD_PARTITION, 1);
    rule_noted("the partition is looked at first");
    note_is(get_raw(VTL_SELF, 1 | UINT64_C(0xff) << 32, 0x7777), BAD_VP, 0);
    note_is(get_raw(VTL_SELF, 0xFFFFFFFF, NAME_VP_INDEX), BAD_VP, 1);
    note_is(get_raw(VTL_SELF, 0xFFFFFFFD, NAME_VP_INDEX), BAD_VP, 2);
    note_is(get_raw(VTL_SELF, 512, NAME_VP_INDEX), BAD_VP, 3);
    rule_noted("then the VP");
    for (unsigned bit = 5; bit < 8; bit++) {
        note_is(get_raw(VTL_SELF, VP_SELF | UINT64_C(1) << (32 + bit), 0x7777), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bits of INPUT_VTL are refused");
    for (uint64_t level = 1; level < 16; level++) {
        note_is(get_raw(VTL_SELF, VP_SELF | (0x10 | level) << 32, 0x7777), DENIED, level);
        note_is(vtl_set(VP_SELF, VTL_TO(level), 0x7777, 0), DENIED, level);
    }
    rule_noted("a level above the caller is refused, before the name is looked at");
    for (unsigned bit = 40; bit < 64; bit++) {
        note_is(get_raw(VTL_SELF, VP_SELF | UINT64_C(1) << bit, NAME_VP_INDEX), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bytes of the header are refused");
    static const uint32_t unknown[] = { 0,       1,       0x101,   0x201,   0x10003, 0x7ffff,   0x80022,
                                        0x8003f, 0x80060, 0x81300, 0x81342, 0x81F14, 0x81C00,   0x90001,
                                        0x90004, 0xD0002, 0xD0008, 0xD0020, 0xE0006, 0xffffffff };
    for (unsigned i = 0; i < count_of(unknown); i++) {
        note_is(get_raw(VTL_SELF, VP_SELF, unknown[i]), UNKNOWN_REGISTER, unknown[i]);
        note_is(vtl_write(unknown[i], 0), BAD_PARAMETER, unknown[i]);
    }
    rule_noted("names that there are not are refused");
    uint64_t value;
    for (uint8_t level = 1; level < 16; level++) {
        note_is(vtl_get(VP_SELF, level, NAME_VP_INDEX, &value), OK, level);
        note_is(vtl_get(VP_SELF, level, NAME_OS_ID, &value), OK, level | 0x10);
        note_is(value, UINT64_C(0x8100000000000000), level | 0x20);
    }
    rule_noted("without use-target the level of INPUT_VTL means nothing");
}

static const uint32_t read_only[] = { NAME_VERSION,   NAME_FEATURES,         NAME_VP_INDEX,
                                      NAME_VP_STATUS, NAME_PARTITION_STATUS, NAME_CAPABILITIES };

static void status_registers(void)
{
    uint64_t version = vtl_read(NAME_VERSION);
    rule("HypervisorVersion says who it is", version == (0x4e4c5652 | version >> 32 << 32) && version >> 32 != 0);
    rule_is("PrivilegesAndFeatures tells VSM, VP registers and starting VPs", vtl_read(NAME_FEATURES),
            UINT64_C(1) << 48 | UINT64_C(1) << 49 | UINT64_C(1) << 53);
    rule_is("VpIndex is the hart's number", vtl_read(NAME_VP_INDEX), 0);
    rule_is("VsmCapabilities tells deny-lower-startup, the intercept page, mode-based execution of levels above 0",
            vtl_read(NAME_CAPABILITIES), 1u << 17 | 1u << 27 | 6u << 1);
    for (unsigned i = 0; i < count_of(read_only); i++) {
        note_is(vtl_write(read_only[i], vtl_read(read_only[i])), BAD_PARAMETER, read_only[i]);
        note_is(vtl_write(read_only[i], UINT64_MAX), BAD_PARAMETER, read_only[i]);
        get_raw(VTL_SELF, VP_SELF, read_only[i]);
        note_is(mine->out[1], 0, read_only[i]);
    }
    rule_noted("read-only registers refuse every write, and have an upper half of 0");
    note_is(set_raw(NAME_OS_ID, NO_BIT, 5, 1), BAD_VALUE, 0);
    note_is(set_raw(NAME_ASSIST, NO_BIT, 0, 1), BAD_VALUE, 1);
    note_is(set_raw(NAME_VINA, NO_BIT, 0, 1), BAD_VALUE, 2);
    rule_noted("an upper half that is not 0 is refused");
    for (unsigned bit = 0; bit < NO_BIT; bit++) {
        note_is(set_raw(NAME_OS_ID, bit, 5, 0), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bytes of an element are refused");
    note_is(vtl_read(NAME_CR_CONTROL), 0, 0);
    note_is(vtl_write(NAME_CR_CONTROL, 0), BAD_PARAMETER, 1);
    for (uint32_t n = 0; n < 5; n++) {
        note_is(vtl_read(NAME_CR_MASK + n), UINT64_MAX, n | 0x10);
        note_is(vtl_write(NAME_CR_MASK + n, UINT64_MAX), BAD_PARAMETER, n | 0x20);
    }
    rule_noted("level 0 has no registers to pin: CrInterceptControl and the masks can be read and not written");
}

static void assist_pages(void)
{
    uint64_t page = (uint64_t)&slot_of(7, 7)->assist;
    for (unsigned bit = 1; bit < 12; bit++) {
        note_is(vtl_write(NAME_ASSIST, page | 1 | 1u << bit), BAD_VALUE, bit);
    }
    rule_noted("reserved bits of VpAssistPage are refused");
    note_is(vtl_write(NAME_ASSIST, HOLE | 1), BAD_VALUE, 0);
    note_is(vtl_write(NAME_ASSIST, DEVICE | 1), BAD_VALUE, 1);
    note_is(vtl_write(NAME_ASSIST, ~UINT64_C(0xfff) | 1), BAD_VALUE, 2);
    rule_noted("an assist page must be RAM");
    rule_is("level 0 may have one", vtl_write(NAME_ASSIST, page | 1), OK);
    rule_is("it reads as written", vtl_read(NAME_ASSIST), page | 1);
    rule_is("it can be taken back", vtl_write(NAME_ASSIST, 0), OK);
}

/* ---- Architectural registers ------------------------------------------------------------------------------------ */

static const uint16_t csrs[] = { CSR_SSTATUS,  CSR_SIE,      CSR_STVEC,  CSR_SCOUNTEREN, CSR_SENVCFG,
                                 CSR_SSCRATCH, CSR_SEPC,     CSR_SCAUSE, CSR_STVAL,      CSR_SIP,
                                 CSR_SATP,     CSR_STIMECMP, CSR_FCSR };

static void each_architectural(uint8_t target, uint16_t want)
{
    uint64_t value;
    for (uint32_t n = 0; n <= 33; n++) {
        note_is(vtl_get(VP_SELF, target, NAME_X + n, &value), want, NAME_X + n);
    }
    for (uint32_t n = 0; n < 32; n++) {
        note_is(vtl_get(VP_SELF, target, NAME_F + n, &value), want, NAME_F + n);
    }
    for (unsigned i = 0; i < count_of(csrs); i++) {
        note_is(vtl_get(VP_SELF, target, NAME_CSR + csrs[i], &value), want, NAME_CSR + csrs[i]);
    }
}

static uint64_t own_registers(uint64_t argument)
{
    (void)argument;
    each_architectural(VTL_CALLER, BAD_PARAMETER);
    each_architectural(VTL_TO(my_level()), BAD_PARAMETER);
    note_is(vtl_write(NAME_X + 5, 1), BAD_PARAMETER, 0);
    note_is(vtl_write(NAME_CSR + CSR_STVEC, 0), BAD_PARAMETER, 1);
    note_is(vtl_write(NAME_PC, 0), BAD_PARAMETER, 2);
    note_is(vtl_write(NAME_EVENT, 1 | 2 << 8), BAD_PARAMETER, 3);
    return 0;
}

static uint64_t lower_registers(uint64_t level)
{
    each_architectural(VTL_TO(level), OK);
    return 0;
}

static uint64_t read_lower(uint64_t name)
{
    return vtl_read_of(0, (uint32_t)name);
}

static struct {
    uint32_t name;
    uint64_t value;
    uint8_t level;
} to_write;

static uint64_t write_lower(uint64_t argument)
{
    (void)argument;
    return vtl_write_of(to_write.level, to_write.name, to_write.value);
}

static uint16_t written(uint32_t name, uint64_t value)
{
    to_write.name = name;
    to_write.value = value;
    to_write.level = 0;
    return (uint16_t)vtl_at(write_lower, 0);
}

#define check_csr(csr, name, pattern)                                        \
    do {                                                                     \
        uint64_t saved_ = csr_read(csr);                                     \
        csr_write(csr, pattern);                                             \
        note_is(vtl_at(read_lower, NAME_CSR + (name)), pattern, name);       \
        csr_write(csr, saved_);                                              \
        note_is(written(NAME_CSR + (name), pattern), OK, (name) | 1u << 16); \
        note_is(csr_read(csr), pattern, (name) | 2u << 16);                  \
        csr_write(csr, saved_);                                              \
    } while (0)

static void control_registers(void)
{
    check_csr(sepc, CSR_SEPC, UINT64_C(0x123456789abcdef0));
    check_csr(scause, CSR_SCAUSE, 13);
    check_csr(stval, CSR_STVAL, UINT64_C(0xfedcba9876543210));
    check_csr(sscratch, CSR_SSCRATCH, UINT64_C(0x1122334455667788));
    check_csr(scounteren, CSR_SCOUNTEREN, 5);
    check_csr(sie, CSR_SIE, 0x22);
    check_csr(0x14D, CSR_STIMECMP, UINT64_C(0x7000000000000000));
    check_csr(stvec, CSR_STVEC, UINT64_C(0x81234560));
    csr_set(sstatus, UINT64_C(0x6000));
    check_csr(fcsr, CSR_FCSR, 0x55);
    rule_noted("control registers of a lower level are read and written as they are");
    uint64_t sstatus = csr_read(sstatus);
    rule_is("sstatus can be written", written(NAME_CSR + CSR_SSTATUS, sstatus ^ 0x40000), OK);
    rule_is("and is what the level has next", csr_read(sstatus) ^ sstatus, 0x40000);
    csr_write(sstatus, sstatus);
    csr_set(sip, 2);
    rule_is("sip shows what is pending", vtl_at(read_lower, NAME_CSR + CSR_SIP) & 2, 2);
    rule_is("a bit that it has not", written(NAME_CSR + CSR_SIP, 8), BAD_VALUE);
    rule_is("is refused and nothing changes", csr_read(sip) & 2, 2);
    rule_is("and can be cleared", written(NAME_CSR + CSR_SIP, 0), OK);
    rule_is("for the level", csr_read(sip) & 2, 0);
}

static void bad_values(void)
{
    note_is(written(NAME_PC, 0x80200001), BAD_VALUE, 0);
    note_is(written(NAME_MODE, 2), BAD_VALUE, 1);
    note_is(written(NAME_MODE, 3), BAD_VALUE, 2);
    note_is(written(NAME_CSR + CSR_SATP, UINT64_C(1) << 60), BAD_VALUE, 3);
    note_is(written(NAME_CSR + CSR_SATP, UINT64_C(15) << 60), BAD_VALUE, 4);
    note_is(written(NAME_CSR + CSR_STVEC, 0x80200002), BAD_VALUE, 5);
    note_is(written(NAME_CSR + CSR_SEPC, 0x80200001), BAD_VALUE, 6);
    note_is(written(NAME_CSR + CSR_FCSR, 0x100), BAD_VALUE, 7);
    rule_noted("values that a register cannot hold are refused");
    rule_is("and change nothing", vtl_at(read_lower, NAME_CSR + CSR_SATP), csr_read(satp));
    rule_is("the mode of a lower level is told", vtl_at(read_lower, NAME_MODE), 1);
}

extern char vtl_call_ecall[];

static void general_registers(void)
{
    uint64_t sp = 0, tp = bare_self();
    __asm__ volatile("mv %0, sp" : "=r"(sp));
    uint64_t seen = vtl_at(read_lower, NAME_X + 2);
    rule("x2 of a lower level is its stack pointer", seen < sp && sp - seen < 4096);
    rule_is("x4 is its thread pointer", vtl_at(read_lower, NAME_X + 4), tp);
    rule_is("x0 reads 0", vtl_at(read_lower, NAME_X), 0);
    rule_is("pc stands behind the call", vtl_at(read_lower, NAME_PC), (uint64_t)vtl_call_ecall + 4);
    rule_is("x3 can be written", written(NAME_X + 3, 0x3333), OK);
    __asm__ volatile("mv %0, gp" : "=r"(seen));
    rule_is("and is what the level has next", seen, 0x3333);
}

void vtl_exchange(struct vtl_frame *frame);

/* A call with x28 given; gives what is there afterwards. */
static uint64_t call_with_x28(uint64_t fid, uint64_t x28)
{
    register uint64_t a0 __asm__("a0") = fid | REPS(1);
    register uint64_t a1 __asm__("a1") = (uint64_t)mine->in;
    register uint64_t a2 __asm__("a2") = (uint64_t)mine->out;
    register uint64_t a6 __asm__("a6") = fid;
    register uint64_t a7 __asm__("a7") = VTL_EID;
    register uint64_t t3 __asm__("t3") = x28;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(t3) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return a0 == 0 && a1 == (OK | REPS(1)) ? t3 : 0;
}

static uint64_t named[2]; /* as level 0's x28 and f3 were read */

static void swap_by_name(struct vtl_frame *frame)
{
    mine->in[0] = VTL_SELF;
    mine->in[1] = VP_SELF | (uint64_t)VTL_TO(0) << 32;
    mine->in[2] = NAME_X + 28;
    frame->x[28] = call_with_x28(FID_GET, frame->x[28]);
    named[0] = mine->out[0];
    named[1] = vtl_read_of(0, NAME_F + 3);
    vtl_write_of(0, NAME_F + 3, 0x3333333333333333);
    mine->in[2] = NAME_X + 28;
    mine->in[3] = 0;
    mine->in[4] = 0x2828282828282828;
    mine->in[5] = 0;
    frame->x[28] = call_with_x28(FID_SET, frame->x[28]);
}

static void shared_registers(void)
{
    static struct vtl_frame frame;
    uint64_t float_seen;
    frame.x[28] = 0x1c1c1c1c1c1c1c1c;
    csr_set(sstatus, UINT64_C(0x2000));
    __asm__ volatile("fmv.d.x ft3, %0" ::"r"(UINT64_C(0x0f0f0f0f0f0f0f0f)) : "ft3");
    slot_of(1, 0)->on_call = swap_by_name;
    vtl_exchange(&frame);
    slot_of(1, 0)->on_call = NULL;
    __asm__ volatile("fmv.x.d %0, ft3" : "=r"(float_seen));
    rule_is("a shared register of a lower level is the one there is", named[0], 0x1c1c1c1c1c1c1c1c);
    rule_is("of floating point, too", named[1], 0x0f0f0f0f0f0f0f0f);
    rule_is("written, it is what the lower level has", frame.x[28], 0x2828282828282828);
    rule_is("and of floating point", float_seen, 0x3333333333333333);
}

static uint64_t move_pc(uint64_t target)
{
    return vtl_write_of(0, NAME_PC, target);
}

static void program_counter(void)
{
    uint64_t way = 0;
    __asm__ volatile(".option push; .option norvc\n"
                     "    li a6, 0x11\n"
                     "    li a7, 0x0856534D\n"
                     "    mv a0, %1\n"
                     "    la a1, 1f\n"
                     "    ecall\n"
                     "    li %0, 1\n"
                     "    j 2f\n"
                     "1:  li %0, 2\n"
                     "2:\n"
                     ".option pop"
                     : "=&r"(way)
                     : "r"(move_pc)
                     : "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "s1",
                       "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory");
    rule_is("a pc that a higher level sets is where the lower one goes on", way, 2);
}

/* ---- PendingEvent0 ---------------------------------------------------------------------------------------------- */

static struct {
    uint64_t low, high;
} event;

static uint64_t inject(uint64_t argument)
{
    (void)argument;
    mine->in[0] = VTL_SELF;
    mine->in[1] = VP_SELF | (uint64_t)VTL_TO(0) << 32;
    mine->in[2] = NAME_EVENT;
    mine->in[3] = 0;
    mine->in[4] = event.low;
    mine->in[5] = event.high;
    uint16_t status = status_of(vtl_hypercall(FID_SET, REPS(1)));
    return status | vtl_read_of(0, NAME_EVENT) << 16;
}

static uint64_t injected(uint64_t low, uint64_t high)
{
    event.low = low;
    event.high = high;
    return vtl_at(inject, 0);
}

/* Leaves out 12, 1, 0: start.S goes on at ra after these, which vtl_call has in place too. */
static void events(void)
{
    static const uint8_t causes[] = { 2, 3, 4, 5, 6, 7, 13, 15 };
    for (unsigned i = 0; i < count_of(causes); i++) {
        uint64_t before = me->exceptions, low = 1 | (uint64_t)causes[i] << 8;
        note_is(injected(low, 0xabcd0000 + i) >> 16, low, causes[i]);
        note_is(me->exceptions, before + 1, causes[i]);
        note_is(me->cause, causes[i], causes[i]);
        note_is(me->value, 0xabcd0000 + i, causes[i]);
        note_is(me->pc, (uint64_t)vtl_call_ecall + 4, causes[i]);
        note_is(vtl_at(read_lower, NAME_EVENT), 0, causes[i]);
    }
    rule_noted("an exception is injected once, with cause and value, at the pc of the level");
    uint64_t before = me->exceptions;
    injected(0, 0);
    rule_is("an event that is not pending does nothing", me->exceptions, before);
    for (unsigned bit = 1; bit < 64; bit++) {
        if (bit < 8 || bit >= 16) {
            note_is(injected(UINT64_C(1) << bit, 0) & 0xffff, BAD_VALUE, bit);
        }
    }
    note_is(injected(1 | 64 << 8, 0) & 0xffff, BAD_VALUE, 64);
    note_is(injected(1 | 255 << 8, 0) & 0xffff, BAD_VALUE, 255);
    rule_noted("reserved bits and causes that are not are refused");
}

/* ---- Translation ------------------------------------------------------------------------------------------------ */

#define V      1u
#define R      2u
#define W      4u
#define X      8u
#define U      0x10u
#define A      0x40u
#define D      0x80u
#define WINDOW UINT64_C(0x40000000)

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t middle[512] __attribute__((aligned(4096)));
static uint64_t last[512] __attribute__((aligned(4096)));
static uint8_t target_page[4096] __attribute__((aligned(4096)));

static const uint32_t last_flags[] = { V | R | W | A | D,     V | R | A, V | X | A, V | R | W,
                                       V | R | W | U | A | D, 0,         V | W,     V | R | W,
                                       V | R | W | A | D };

static void build_tables(void)
{
    root[0] = 0 << 10 | 0xcf;
    root[1] = (uint64_t)middle >> 12 << 10 | V;
    root[2] = UINT64_C(0x80000) << 10 | 0xcf;
    middle[0] = (uint64_t)last >> 12 << 10 | V;
    middle[1] = (HOLE >> 12) << 10 | V;
    middle[2] = UINT64_C(0x80001) << 10 | 0xcf; /* a large page that is not aligned */
    for (unsigned i = 0; i < count_of(last_flags); i++) {
        last[i] = (uint64_t)target_page >> 12 << 10 | last_flags[i];
    }
    last[8] = HOLE >> 12 << 10 | last_flags[8];
}

static struct {
    uint64_t flags, gva;
    uint16_t status;
    uint32_t result;
    uint64_t page;
} asked;

static uint64_t translate(uint64_t argument)
{
    (void)argument;
    asked.status = vtl_translate(VP_SELF, asked.flags, asked.gva, &asked.result, &asked.page);
    return asked.status;
}

#define TO_0       (UINT64_C(0x10) << 56)
#define SUPERVISOR 0x40u
#define USER       0x80u
#define SUM_COUNTS 0x100u
#define EXEMPT     8u
#define SET_AD     0x10u

static uint32_t translated(uint64_t flags, uint64_t gva)
{
    asked.flags = flags | TO_0;
    asked.gva = gva;
    vtl_at(translate, 0);
    return asked.status == OK ? asked.result & 0xff : 0x1000u + asked.status;
}

static void translation_results(void)
{
    rule_is("bare addresses translate to themselves", translated(1 | SUPERVISOR, (uint64_t)target_page), 0);
    rule_is("the page is told", asked.page, (uint64_t)target_page >> 12);
    rule_is("an address that is nothing is unmapped", translated(1 | SUPERVISOR, HOLE), 4);
    build_tables();
    csr_write(satp, UINT64_C(8) << 60 | (uint64_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
    rule_is("a mapped page is found", translated(1 | SUPERVISOR, WINDOW), 0);
    rule_is("where it is", asked.page, (uint64_t)target_page >> 12);
    rule_is("writable", translated(2 | SUPERVISOR, WINDOW), 0);
    rule_is("not executable", translated(4 | SUPERVISOR, WINDOW), 2);
    rule_is("a read-only page cannot be written", translated(2 | SUPERVISOR, WINDOW + PAGE), 2);
    rule_is("an execute-only page cannot be read", translated(1 | SUPERVISOR, WINDOW + 2 * PAGE), 2);
    rule_is("but executed", translated(4 | SUPERVISOR, WINDOW + 2 * PAGE), 0);
    rule_is("an entry that is not valid is a page not present", translated(1 | SUPERVISOR, WINDOW + 5 * PAGE), 1);
    rule_is("an entry that is writable only is invalid", translated(1 | SUPERVISOR, WINDOW + 6 * PAGE), 3);
    rule_is("so is a large page that is not aligned", translated(1 | SUPERVISOR, WINDOW + 2 * 0x200000), 3);
    rule_is("a leaf outside RAM is unmapped", translated(1 | SUPERVISOR, WINDOW + 8 * PAGE), 4);
    rule_is("so is a table outside RAM", translated(1 | SUPERVISOR, WINDOW + 0x200000), 4);
    rule_is("a user page is not the supervisor's", translated(1 | SUPERVISOR | SUM_COUNTS, WINDOW + 4 * PAGE), 2);
    rule_is("but the user's", translated(1 | USER, WINDOW + 4 * PAGE), 0);
    rule_is("a supervisor page is not the user's", translated(1 | USER, WINDOW), 2);
    note_is(translated(1 | USER | EXEMPT, WINDOW), 0, 0);
    note_is(translated(2 | SUPERVISOR | EXEMPT, WINDOW + PAGE), 2, 2);
    note_is(translated(1 | SUPERVISOR | SUM_COUNTS | EXEMPT, WINDOW + 4 * PAGE), 0, 1);
    rule_noted("unless privilege does not matter");
    csr_set(sstatus, 0x40000);
    rule_is("SUM counts if it is to be honoured", translated(1 | SUPERVISOR | SUM_COUNTS, WINDOW + 4 * PAGE), 0);
    csr_clear(sstatus, 0x40000);
    uint64_t high = UINT64_C(1) << 62;
    rule_is("an address that is not canonical is not present", translated(1 | SUPERVISOR, high), 1);
}

static void accessed_and_dirty(void)
{
    last[7] = (uint64_t)target_page >> 12 << 10 | (V | R | W);
    translated(1 | SUPERVISOR, WINDOW + 7 * PAGE);
    rule_is("without set-A/D the entry stays as it was", last[7] & (A | D), 0);
    translated(1 | SET_AD | SUPERVISOR, WINDOW + 7 * PAGE);
    rule_is("a read sets A if asked to", last[7] & (A | D), A);
    translated(2 | SET_AD | SUPERVISOR, WINDOW + 7 * PAGE);
    rule_is("a write sets D, too", last[7] & (A | D), A | D);
    csr_write(satp, 0);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static uint64_t protections_on(uint64_t argument)
{
    vtl_protections_on(0);
    return argument;
}

static uint64_t set_rights(uint64_t flags)
{
    return vtl_protect((uint32_t)flags, (uint64_t)target_page);
}

#define INHIBIT 0x20u
static void rights_in_translations(void)
{
    vtl_at(protections_on, 0);
    for (uint64_t flags = 1; flags < 8; flags++) {
        uint32_t plain = translated(flags | SUPERVISOR, (uint64_t)target_page);
        uint64_t page = asked.page;
        note_is(translated(flags | SUPERVISOR | INHIBIT, (uint64_t)target_page), plain, flags);
        note_is(asked.page, page, flags | 0x10);
        note_is(page, (uint64_t)target_page >> 12, flags | 0x20);
    }
    rule_noted("inhibiting flushes changes nothing");
    rule_is("level 1 takes the right to execute", vtl_at(set_rights, VR | VW), OK);
    rule_is("a page without is not executable", translated(4 | SUPERVISOR, (uint64_t)target_page), 5);
    rule_is("not by all three either", translated(7 | SUPERVISOR, (uint64_t)target_page), 5);
    rule_is("but read and written", translated(3 | SUPERVISOR, (uint64_t)target_page), 0);
    vtl_at(set_rights, VR | VKX);
    rule_is("one without W is not written", translated(2 | SUPERVISOR, (uint64_t)target_page), 6);
    rule_is("but executed", translated(5 | SUPERVISOR, (uint64_t)target_page), 0);
    vtl_at(set_rights, 0);
    rule_is("one without R is not read", translated(1 | SUPERVISOR, (uint64_t)target_page), 5);
    vtl_at(set_rights, VALL);
}

static uint64_t translation_refusals(uint64_t argument)
{
    (void)argument;
    uint32_t result;
    uint64_t page;
    for (uint64_t level = 1; level < 3; level++) {
        note_is(vtl_translate(VP_SELF, 1 | (0x10 | level) << 56, 0, &result, &page), DENIED, level);
    }
    note_is(vtl_translate(VP_SELF, 1, 0, &result, &page), DENIED, 3);
    rule_noted("the target of a translation must be strictly lower");
    note_is(vtl_translate(77, 1 | TO_0, 0, &result, &page), BAD_VP, 0);
    note_is(vtl_translate(VP_SELF, 1 | UINT64_C(0x30) << 56, 0, &result, &page), BAD_PARAMETER, 1);
    for (unsigned bit = 9; bit < 56; bit++) {
        note_is(vtl_translate(VP_SELF, 1 | TO_0 | UINT64_C(1) << bit, 0, &result, &page), BAD_PARAMETER, bit);
    }
    for (unsigned bit = 52; bit < 64; bit++) {
        note_is(vtl_translate(VP_SELF, 1 | TO_0, UINT64_C(1) << bit, &result, &page), OK, bit);
        mine->in[3] = UINT64_C(1) << bit;
        note_is(status_of(vtl_hypercall(FID_TRANSLATE, 0)), BAD_PARAMETER, bit | 0x100);
    }
    mine->in[0] = 1;
    note_is(status_of(vtl_hypercall(FID_TRANSLATE, 0)), BAD_PARTITION, 2);
    rule_noted("a translation's partition, VP, page and reserved flags are checked");
    rule_is("a translation is the supervisor's or the user's",
            vtl_translate(VP_SELF, 1 | TO_0 | 0xc0, 0, &result, &page), BAD_PARAMETER);
    return 0;
}

static void indices(void)
{
    mine->in[0] = VTL_SELF;
    mine->in[1] = 0;
    mine->in[2] = 0;
    uint64_t result = vtl_hypercall(FID_INDEX, REPS(1));
    rule("a hart's id gives its index", result == REPS(1) && (uint32_t)mine->out[0] == 0);
    mine->in[3] = 99;
    result = vtl_hypercall(FID_INDEX, REPS(2));
    rule_is("an id that there is not ends the call", result, BAD_PARAMETER | REPS(1));
    for (unsigned bit = 5; bit < 64; bit++) {
        mine->in[1] = UINT64_C(1) << bit;
        note_is(vtl_hypercall(FID_INDEX, REPS(1)), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bits of INPUT_VTL and reserved bytes are refused");
    mine->in[1] = 0x0f;
    rule_is("a level without use-target means nothing", vtl_hypercall(FID_INDEX, REPS(1)), REPS(1));
    mine->in[0] = 5;
    rule_is("of this partition", status_of(vtl_hypercall(FID_INDEX, REPS(1))), BAD_PARTITION);
    mine->in[0] = VTL_SELF;
    mine->in[1] = VTL_TO(1);
    rule_is("as a level above has it cannot be asked", status_of(vtl_hypercall(FID_INDEX, REPS(1))), DENIED);
}

static uint64_t indices_of_levels(uint64_t argument)
{
    (void)argument;
    for (uint64_t level = 0; level < 16; level++) {
        mine->in[0] = VTL_SELF;
        mine->in[1] = VTL_TO(level);
        mine->in[2] = 0;
        note_is(vtl_hypercall(FID_INDEX, REPS(1)), level <= 1 ? REPS(1) : DENIED, level);
    }
    rule_noted("an index is asked for the caller's level or a lower one");
    return 0;
}

/* ---- Registers of a level's own --------------------------------------------------------------------------------- */

static uint64_t own_of_level_1(uint64_t argument)
{
    (void)argument;
    rule_is("VsmVina has vector 1 and is off at first", vtl_read(NAME_VINA), 1);
    for (uint64_t bits = 0; bits < 8; bits++) {
        note_is(vtl_write(NAME_VINA, bits << 8 | 1), OK, bits);
        note_is(vtl_read(NAME_VINA), bits << 8 | 1, bits | 0x10);
    }
    rule_noted("enabled, auto-reset and auto-EOI are as written");
    rule_is("and the lower level has its own", vtl_read_of(0, NAME_VINA), 1);
    for (unsigned bit = 11; bit < 64; bit++) {
        note_is(vtl_write(NAME_VINA, 1 | UINT64_C(1) << bit), BAD_VALUE, bit);
    }
    rule_noted("reserved bits of VsmVina are refused");
    for (unsigned vector = 0; vector < 256; vector++) {
        note_is(vtl_write(NAME_VINA, 0x100 | vector), vector == 1 ? OK : BAD_VALUE, vector);
    }
    rule_noted("there is one vector");
    rule_is("or none, while it is off", vtl_write(NAME_VINA, 0), OK);
    rule_is("CrInterceptControl is 0 at first", vtl_read(NAME_CR_CONTROL), 0);
    for (unsigned bit = 5; bit < 64; bit++) {
        note_is(vtl_write(NAME_CR_CONTROL, UINT64_C(1) << bit), BAD_VALUE, bit);
    }
    rule_noted("registers that cannot be intercepted are refused");
    for (uint32_t n = 0; n < 5; n++) {
        note_is(vtl_read(NAME_CR_MASK + n), UINT64_MAX, n);
        note_is(vtl_write(NAME_CR_MASK + n, 0x1234 + n), OK, n);
        note_is(vtl_read(NAME_CR_MASK + n), 0x1234 + n, n);
        note_is(vtl_write(NAME_CR_MASK + n, UINT64_MAX), OK, n);
    }
    rule_noted("masks of intercepted registers are all ones, and can be written");
    rule_is("GuestOsId is the level's own", vtl_read_of(0, NAME_OS_ID), 0x8100000000000000);
    rule_is("the assist page, too", vtl_read_of(0, NAME_ASSIST), 0);
    rule_is("mode-based execution cannot be turned on if it was not had", vtl_write(NAME_SECURE_CONFIG, 1), BAD_VALUE);
    for (unsigned bit = 2; bit < 64; bit++) {
        note_is(vtl_write(NAME_SECURE_CONFIG, UINT64_C(1) << bit), BAD_VALUE, bit);
    }
    rule_noted("reserved bits of VsmVpSecureConfigVtl0 are refused");
    uint64_t value;
    for (uint32_t lower = 1; lower < 16; lower++) {
        note_is(vtl_get(VP_SELF, VTL_CALLER, NAME_SECURE_CONFIG + lower, &value), BAD_PARAMETER, lower);
        note_is(vtl_write(NAME_SECURE_CONFIG + lower, 0), BAD_PARAMETER, lower | 0x10);
    }
    rule_noted("a level has no secure configuration for itself or above");
    return 0;
}

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 1);
    return 0;
}

static uint64_t at_level_2(uint64_t argument)
{
    (void)argument;
    lower_registers(1);
    lower_registers(0);
    rule_noted("level 2 reads those of both levels below");
    for (uint64_t of_1 = 0; of_1 < 2; of_1++) {
        note_is(vtl_write(NAME_SECURE_CONFIG, 1 - of_1), OK, of_1);
        note_is(vtl_write(NAME_SECURE_CONFIG + 1, of_1), OK, of_1 | 0x10);
        note_is(vtl_read(NAME_SECURE_CONFIG), 1 - of_1, of_1 | 0x20);
        note_is(vtl_read(NAME_SECURE_CONFIG + 1), of_1, of_1 | 0x30);
        note_is(vtl_read_of(1, NAME_SECURE_CONFIG), 0, of_1 | 0x40);
    }
    note_is(vtl_write(NAME_SECURE_CONFIG + 1, 0), OK, 2);
    note_is(vtl_write(NAME_SECURE_CONFIG + 2, 0), BAD_PARAMETER, 3);
    note_is(vtl_write_of(1, NAME_SECURE_CONFIG + 1, 0), BAD_PARAMETER, 4);
    rule_noted("level 2 has a secure configuration for each level below, and level 1 its own");
    return 0;
}

static uint64_t via_level_1(uint64_t argument)
{
    return vtl_at(at_level_2, argument);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    order();
    status_registers();
    assist_pages();
    own_registers(0);
    rule_noted("level 0 reads no architectural register by name, and has no event of its own to inject");
    rule_is("level 0 has no VsmPartitionConfig", vtl_write(NAME_CONFIG, CONFIG_USUAL), BAD_PARAMETER);
    vtl_raise(1, 0);
    vtl_at(own_registers, 0);
    rule_noted("nor does level 1 of its own");
    vtl_at(lower_registers, 0);
    rule_noted("level 1 reads all those of level 0");
    control_registers();
    bad_values();
    general_registers();
    shared_registers();
    program_counter();
    events();
    translation_results();
    accessed_and_dirty();
    vtl_at(translation_refusals, 0);
    rights_in_translations();
    indices();
    vtl_at(indices_of_levels, 0);
    vtl_at(own_of_level_1, 0);
    vtl_at(raise, 2);
    vtl_at(via_level_1, 0);
    return rule_end();
}
