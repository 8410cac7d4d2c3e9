/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections 1, 2 and 4 of docs/reference/trust-levels.md up to the first entry: the transport's checks in their order,
 * enabling levels for the machine and for a hart, calls and returns that are and are not possible. Needs
 * --trust-levels 4 and one hart.
 */
#include "vtl.h"

#define LEVELS 4u
#define DEVICE UINT64_C(0x10000000)
#define HOLE   UINT64_C(0x4000000000)

static void header(uint64_t w0, uint64_t w1)
{
    mine->in[0] = w0;
    mine->in[1] = w1;
}

/* A call with the slot's pages, its input word given whole. */
static uint64_t call_word(uint64_t fid, uint64_t word)
{
    return vtl_raw(fid, word, (uint64_t)mine->in, (uint64_t)mine->out, 0, 0, 0);
}

static uint64_t call_at(uint64_t fid, uint64_t reps, uint64_t in, uint64_t out)
{
    return vtl_raw(fid, fid | reps, in, out, 0, 0, 0);
}

static bool traps(uint64_t fid)
{
    uint64_t before = me->exceptions;
    call_word(fid, fid);
    return me->exceptions == before + 1 && me->cause == 2;
}

/* A switch with a control value that there is not. */
static void bad_controls(const char *text)
{
    for (unsigned bit = 16; bit < 64; bit++) {
        uint64_t control = UINT64_C(1) << bit, status = vtl_read(NAME_VP_STATUS);
        note_is(traps(FID_CALL | control), 1, control);
        note_is(bit == 16 || traps(FID_RETURN | control), 1, control | 1);
        note_is(traps(FID_RETURN_FAST | control | 0x20000), 1, control | 2);
        note_is(vtl_read(NAME_VP_STATUS), status, control | 3);
    }
    rule_noted(text);
}

static uint64_t bad_controls_at_1(uint64_t argument)
{
    bad_controls("at level 1, too");
    return argument;
}

/* ---- Transport -------------------------------------------------------------------------------------------------- */

static const uint16_t rep_calls[] = { FID_PROTECT, FID_GET, FID_SET, FID_INDEX, FID_CHECK };
static const uint16_t simple_calls[] = { FID_IPI, FID_ENABLE_PARTITION, FID_ENABLE_VP, FID_TRANSLATE, FID_START_VP };
static const uint16_t output_calls[] = { FID_GET, FID_TRANSLATE, FID_INDEX, FID_CHECK };
#define count_of(array) (sizeof(array) / sizeof(array)[0])

static bool is_rep(uint16_t fid)
{
    for (unsigned i = 0; i < count_of(rep_calls); i++) {
        if (rep_calls[i] == fid) {
            return true;
        }
    }
    return false;
}

static void input_words(void)
{
    static const uint64_t unknown[] = { 0,         1,    0xA,  0xE,  0x10,   0x13,    0x4F,
                                        0x53,      0x98, 0xD3, 0xD5, 0x7fff, 0x1000D, UINT64_C(0x10000000C),
                                        UINT64_MAX };
    for (unsigned i = 0; i < count_of(unknown); i++) {
        note_is(call_word(unknown[i], unknown[i] & 0xffff), NO_CALL, unknown[i]);
    }
    rule_noted("a call code that there is not is SBI error -2");
    header(VTL_SELF, 0);
    for (unsigned i = 0; i < count_of(rep_calls) + count_of(simple_calls); i++) {
        uint16_t fid = i < count_of(rep_calls) ? rep_calls[i] : simple_calls[i - count_of(rep_calls)];
        uint64_t good = fid | (is_rep(fid) ? REPS(1) : 0);
        note_is(call_word(fid, good ^ 1), BAD_WORD, fid);
        note_is(call_word(fid, good & ~UINT64_C(0xffff)), BAD_WORD, fid);
        for (unsigned bit = 17; bit < 64; bit++) {
            bool reserved = bit < 32 || (bit >= 44 && bit < 48) || bit >= 60;
            if (reserved) {
                note_is(call_word(fid, good | UINT64_C(1) << bit), BAD_WORD, fid | bit << 16);
            }
        }
    }
    rule_noted("an input word with another code, a header size, nested or reserved bits is refused");
    for (unsigned i = 0; i < count_of(output_calls); i++) {
        uint16_t fid = output_calls[i];
        note_is(call_word(fid, fid | FAST | (is_rep(fid) ? REPS(1) : 0)), BAD_WORD, fid);
    }
    rule_noted("a call with output cannot be fast");
    for (unsigned i = 0; i < count_of(rep_calls); i++) {
        uint16_t fid = rep_calls[i];
        note_is(call_word(fid, fid), BAD_WORD, fid);
        note_is(call_word(fid, fid | REPS(1) | FROM(1)), BAD_WORD, fid);
        note_is(call_word(fid, fid | REPS(2) | FROM(3)), BAD_WORD, fid);
        note_is(call_word(fid, fid | REPS(4095) | FROM(4095)), BAD_WORD, fid);
    }
    rule_noted("a rep call needs a count, and a start below it");
    for (unsigned i = 0; i < count_of(simple_calls); i++) {
        uint16_t fid = simple_calls[i];
        note_is(call_word(fid, fid | REPS(1)), BAD_WORD, fid);
        note_is(call_word(fid, fid | FROM(1)), BAD_WORD, fid);
    }
    rule_noted("a simple call has neither count nor start");
}

static void guest_os_id(void)
{
    header(VTL_SELF, 0);
    for (unsigned i = 0; i < count_of(rep_calls) + count_of(simple_calls); i++) {
        uint16_t fid = i < count_of(rep_calls) ? rep_calls[i] : simple_calls[i - count_of(rep_calls)];
        if (fid != FID_GET && fid != FID_SET) {
            note_is(call_at(fid, is_rep(fid) ? REPS(1) : 0, HOLE | 1, HOLE | 1), DENIED, fid);
        }
    }
    rule_noted("every call but reading and writing registers needs GuestOsId, before operands are looked at");
    uint64_t value;
    rule_is("registers can be read before GuestOsId is set", vtl_get(VP_SELF, VTL_CALLER, NAME_VP_STATUS, &value), OK);
    rule_is("GuestOsId is 0 at first", vtl_read(NAME_OS_ID), 0);
    rule_is("GuestOsId can be written", vtl_write(NAME_OS_ID, 0x8100000000000007), OK);
    rule_is("GuestOsId reads as written", vtl_read(NAME_OS_ID), 0x8100000000000007);
}

static void operand_addresses(void)
{
    uint64_t in = (uint64_t)mine->in, out = (uint64_t)mine->out;
    header(VTL_SELF, VP_SELF);
    mine->in[2] = NAME_VP_INDEX;
    for (unsigned offset = 1; offset < 8; offset++) {
        note_is(call_at(FID_GET, REPS(1), in + offset, out), BAD_ALIGNMENT, offset);
        note_is(call_at(FID_GET, REPS(1), in, out + offset), BAD_ALIGNMENT, offset);
        note_is(call_at(FID_ENABLE_PARTITION, 0, in + offset, out), BAD_ALIGNMENT, offset);
        note_is(call_at(FID_GET, REPS(1), HOLE + offset, out), BAD_ALIGNMENT, offset);
        note_is(call_at(FID_GET, REPS(1), HOLE, out + offset), BAD_ALIGNMENT, offset);
    }
    rule_noted("operands that are not multiples of 8 are refused, before where they point to");
    note_is(call_at(FID_ENABLE_PARTITION, 0, in + PAGE - 8, 0), BAD_ALIGNMENT, 0);
    note_is(call_at(FID_ENABLE_VP, 0, in + PAGE - 104, 0), BAD_ALIGNMENT, 1);
    note_is(call_at(FID_GET, REPS(1), in + PAGE - 16, out), BAD_ALIGNMENT, 2);
    note_is(call_at(FID_GET, REPS(1), in, out + PAGE - 8), BAD_ALIGNMENT, 3);
    note_is(call_at(FID_PROTECT, REPS(511), in, 0), BAD_ALIGNMENT, 4);
    note_is(call_at(FID_SET, REPS(128), in, 0), BAD_ALIGNMENT, 5);
    note_is(call_at(FID_GET, REPS(257), in, out), BAD_ALIGNMENT, 6);
    note_is(call_at(FID_GET, REPS(4095), in, out), BAD_ALIGNMENT, 7);
    rule_noted("operands that cross a page are refused");
    uint64_t *late = mine->in + (PAGE - 24) / 8;
    late[0] = VTL_SELF;
    late[1] = VP_SELF;
    late[2] = NAME_VP_INDEX;
    rule_is("operands that end with their pages are used",
            status_of(call_at(FID_GET, REPS(1), (uint64_t)late, out + PAGE - 16)), OK);
    static const uint64_t bad[] = { HOLE, DEVICE, 0, UINT64_C(1) << 63, UINT64_MAX & ~UINT64_C(0xfff) };
    for (unsigned i = 0; i < count_of(bad); i++) {
        note_is(call_at(FID_GET, REPS(1), bad[i], out), BAD_PARAMETER, bad[i]);
        note_is(call_at(FID_GET, REPS(1), in, bad[i]), BAD_PARAMETER, bad[i]);
        note_is(call_at(FID_ENABLE_PARTITION, 0, bad[i], 0), BAD_PARAMETER, bad[i]);
    }
    rule_noted("operands that are not RAM are refused");
}

static void start_of_a_rep_call(void)
{
    header(VTL_SELF, VP_SELF);
    uint32_t *names = (uint32_t *)(mine->in + 2);
    names[0] = 0x7777;
    names[1] = NAME_VP_INDEX;
    names[2] = NAME_OS_ID;
    mine->out[0] = mine->out[2] = mine->out[4] = 0x5a5a;
    uint64_t result = call_word(FID_GET, FID_GET | REPS(3) | FROM(1));
    rule_is("a rep call begins at its start and reports all as completed", result, OK | REPS(3));
    rule_is("elements before the start are left alone", mine->out[0], 0x5a5a);
    rule_is("an output element stands at its index", mine->out[4], 0x8100000000000007);
    names[2] = 0x7777;
    result = call_word(FID_GET, FID_GET | REPS(3) | FROM(1));
    rule_is("one that fails behind its start counts the elements before it", result, UNKNOWN_REGISTER | REPS(2));
    names[0] = NAME_VP_INDEX;
    names[1] = NAME_OS_ID;
    names[2] = 0x7777;
    result = call_word(FID_GET, FID_GET | REPS(3));
    rule_is("a rep call that fails says why and how many are done", result, UNKNOWN_REGISTER | REPS(2));
}

/* ---- Enabling --------------------------------------------------------------------------------------------------- */

static uint16_t enable_partition(uint64_t partition, uint64_t second)
{
    header(partition, second);
    return status_of(call_word(FID_ENABLE_PARTITION, FID_ENABLE_PARTITION));
}

static void partition_refusals(void)
{
    static const uint64_t others[] = { 0, 1, UINT64_MAX - 1, UINT32_MAX };
    for (unsigned i = 0; i < count_of(others); i++) {
        note_is(enable_partition(others[i], 1), BAD_PARTITION, others[i]);
        note_is(enable_partition(others[i], 0), BAD_PARTITION, others[i]);
        note_is(enable_partition(others[i], UINT64_MAX), BAD_PARTITION, others[i]);
    }
    rule_noted("levels are enabled for this partition only, which is looked at first");
    rule_is("level 0 cannot be enabled for the partition", enable_partition(VTL_SELF, 0), BAD_PARAMETER);
    note_is(enable_partition(VTL_SELF, LEVELS), BAD_PARAMETER, LEVELS);
    note_is(enable_partition(VTL_SELF, 16), BAD_PARAMETER, 16);
    note_is(enable_partition(VTL_SELF, 255), BAD_PARAMETER, 255);
    rule_noted("levels above the highest cannot be enabled for the partition");
    for (unsigned bit = 9; bit < 64; bit++) {
        note_is(enable_partition(VTL_SELF, 1 | UINT64_C(1) << bit), BAD_PARAMETER, bit);
    }
    rule_noted("reserved flags are refused");
    rule_is("refusals enable nothing", vtl_read(NAME_PARTITION_STATUS), 1 | (LEVELS - 1) << 16);
}

static uint16_t enable_vp(uint64_t partition, uint64_t second, const struct vtl_context *context)
{
    header(partition, second);
    memcpy(mine->in + 2, context, sizeof *context);
    return status_of(call_word(FID_ENABLE_VP, FID_ENABLE_VP));
}

static void vp_refusals_before(void)
{
    struct vtl_context context = vtl_usual_context(1, 0);
    uint64_t to_1 = UINT64_C(1) << 32;
    rule_is("a VP gets no level that the partition has not", enable_vp(VTL_SELF, VP_SELF | to_1, &context),
            BAD_VTL_STATE);
    note_is(enable_vp(0, VP_SELF | to_1, &context), BAD_PARTITION, 0);
    note_is(enable_vp(0, 77, &context), BAD_PARTITION, 1);
    rule_noted("the partition is looked at first");
    static const uint32_t vps[] = { 1, 2, 127, 512, 0xFFFFFFFD, 0xFFFFFFFF, 0x80000000 };
    for (unsigned i = 0; i < count_of(vps); i++) {
        note_is(enable_vp(VTL_SELF, vps[i] | to_1, &context), BAD_VP, vps[i]);
        note_is(enable_vp(VTL_SELF, vps[i], &context), BAD_VP, vps[i]);
    }
    rule_noted("a VP that there is not is refused, before the level is looked at");
    rule_is("level 0 cannot be enabled on a VP", enable_vp(VTL_SELF, VP_SELF, &context), BAD_PARAMETER);
    for (unsigned bit = 40; bit < 64; bit++) {
        note_is(enable_vp(VTL_SELF, VP_SELF | to_1 | UINT64_C(1) << bit, &context), BAD_PARAMETER, bit);
    }
    rule_noted("reserved bytes are refused");
}

static void bad_contexts(void)
{
    struct vtl_context good = vtl_usual_context(1, 0), bad = good;
    uint64_t second = VP_SELF | UINT64_C(1) << 32;
    bad.pc |= 1;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 0);
    bad = good;
    bad.satp = UINT64_C(15) << 60;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 1);
    bad.satp = UINT64_C(1) << 60;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 2);
    bad = good;
    bad.stvec |= 2;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 3);
    bad = good;
    bad.sie = 1;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 4);
    bad = good;
    bad.senvcfg = UINT64_C(1) << 62;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 5);
    bad = good;
    bad.scounteren = UINT64_C(1) << 40;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 6);
    bad = good;
    bad.zero = 1;
    note_is(enable_vp(VTL_SELF, second, &bad), BAD_VALUE, 7);
    rule_noted("a context that the registers cannot hold is refused");
    rule_is("refusals enable nothing on the VP", vtl_read(NAME_VP_STATUS), 1u << 16);
}

/* ---- The first entry -------------------------------------------------------------------------------------------- */

extern char record_entry[];
extern uint64_t record_area[16];

/* Level 1 begins here with the context under test, counts that, notes what it has and goes to vtl_entry, bare. */
__asm__(".option push; .option norvc\n"
        ".text\n"
        ".globl record_entry\n"
        "record_entry:\n"
        "    la t0, record_area\n"
        "    li t1, 1\n"
        "    amoadd.d zero, t1, (t0)\n"
        "    sd sp, 8(t0)\n"
        "    sd gp, 16(t0)\n"
        "    sd tp, 24(t0)\n"
        "    csrr t1, satp\n    sd t1, 32(t0)\n"
        "    csrr t1, stvec\n    sd t1, 40(t0)\n"
        "    csrr t1, sstatus\n    sd t1, 48(t0)\n"
        "    csrr t1, sscratch\n    sd t1, 56(t0)\n"
        "    csrr t1, senvcfg\n    sd t1, 64(t0)\n"
        "    csrr t1, scounteren\n    sd t1, 72(t0)\n"
        "    csrr t1, sie\n    sd t1, 80(t0)\n"
        "    sd ra, 88(t0)\n"
        "    sd s0, 96(t0)\n"
        "    sd a2, 104(t0)\n"
        "    csrw satp, zero\n"
        "    sfence.vma\n"
        "    j vtl_entry\n"
        ".option pop\n");
uint64_t record_area[16];

static uint64_t nothing(uint64_t argument)
{
    return argument + 1;
}

static uint64_t context_root[512] __attribute__((aligned(4096))); /* gigapages, as they are */

static uint64_t vsm_begins(uint64_t argument)
{
    uint32_t granted;
    uint64_t address = (uint64_t)context_root;
    rule_is("level 1 has set no GuestOsId", vtl_read(NAME_OS_ID), 0);
    rule_is("and may not call, though level 0 may", vtl_check(VTL_CALLER, VALL, address, &granted), DENIED);
    rule_is("it sets its own", vtl_write(NAME_OS_ID, 0x8100000000000001), OK);
    rule_is("and may", vtl_check(VTL_CALLER, VALL, address, &granted), OK);
    rule_is("level 0's stays as it was", vtl_read_of(0, NAME_OS_ID), 0x8100000000000007);
    rule_is("GuestOsId can be taken back", vtl_write(NAME_OS_ID, 0), OK);
    rule_is("and then level 1 may not call", vtl_check(VTL_CALLER, VALL, address, &granted), DENIED);
    return argument;
}

static void first_entry(void)
{
    context_root[0] = 0xcf;
    context_root[2] = UINT64_C(0x80000) << 10 | 0xcf;
    struct vtl_context context = vtl_usual_context(1, 0);
    context.pc = (uint64_t)record_entry;
    context.gp = 0x1111222233334444;
    context.satp = UINT64_C(8) << 60 | (uint64_t)context_root >> 12;
    context.senvcfg = 1;
    context.scounteren = 5;
    context.sie = 0x22;
    context.sstatus = UINT64_C(0x42000); /* SUM, FS initial */
    rule_is("level 0 enables level 1 on its own VP", vtl_enable_vp(VP_SELF, 1, &context), OK);
    rule_is("enabling does not enter", vtl_read(NAME_VP_STATUS), 3u << 16);
    rule_is("a level is enabled on a VP once", vtl_enable_vp(VP_SELF, 1, &context), ALREADY);
    rule_is("VpIndex names the VP as well", vtl_enable_vp(0, 1, &context), ALREADY);
    rule_is("nothing has run there", record_area[0], 0);
    rule_is("a call enters the level, and comes back by its return", vtl_at(nothing, 41), 42);
    rule_is("sp is the context's", record_area[1], context.sp);
    rule_is("gp is the context's", record_area[2], context.gp);
    rule_is("tp is the context's", record_area[3], context.tp);
    rule_is("satp is the context's", record_area[4], context.satp);
    rule_is("stvec is the context's", record_area[5], context.stvec);
    rule_is("sstatus is the context's, SIE 0", record_area[6] & 0x42002, context.sstatus);
    rule_is("sscratch is the context's", record_area[7], context.sscratch);
    rule_is("senvcfg is the context's", record_area[8], context.senvcfg);
    rule_is("scounteren is the context's", record_area[9], context.scounteren);
    rule_is("sie is the context's", record_area[10], context.sie);
    rule("private registers that the context does not name are 0", record_area[11] == 0 && record_area[12] == 0);
    bad_controls("a switch with another control value is an illegal instruction and switches nothing");
    rule_is("the next call goes on behind the return", vtl_at(nothing, 1), 2);
    vtl_at(bad_controls_at_1, 0);
    for (uint64_t i = 0; i < 10; i++) {
        note_is(vtl_at(nothing, i), i + 1, i);
    }
    rule_noted("and so does every one after it");
    rule_is("the initial context was entered once", record_area[0], 1);
    uint32_t granted;
    vtl_at(vsm_begins, 0);
    rule_is("level 0 still may", vtl_check(VTL_CALLER, VALL, (uint64_t)context_root, &granted), OK);
}

static uint64_t active_level(uint64_t argument)
{
    (void)argument;
    vtl_begin();
    return vtl_read(NAME_VP_STATUS);
}

static uint64_t status_of_partition(uint64_t argument)
{
    (void)argument;
    return vtl_read(NAME_PARTITION_STATUS);
}

/* ---- More levels ------------------------------------------------------------------------------------------------ */

static uint64_t enable_at_1(uint64_t level)
{
    return vtl_enable_partition((uint8_t)level, 0);
}

static uint64_t call_fails(uint64_t argument)
{
    (void)argument;
    return traps(FID_CALL);
}

static uint64_t raise(uint64_t level)
{
    struct vtl_context context = vtl_usual_context(level, 0);
    return vtl_enable_vp(VP_SELF, (uint8_t)level, &context);
}

static uint64_t begin(uint64_t argument)
{
    vtl_begin();
    return argument;
}

static uint64_t level_seen(uint64_t depth)
{
    if (depth != 0) {
        return vtl_at(level_seen, depth - 1);
    }
    return my_level() | vtl_read(NAME_VP_STATUS) << 32;
}

static uint64_t enter_and_begin(uint64_t argument)
{
    return vtl_at(begin, argument);
}

static uint64_t enable_and_raise_3(uint64_t argument)
{
    (void)argument;
    expect(vtl_enable_partition(3, 0) == OK);
    return raise(3) | vtl_at(begin, 0);
}

static uint64_t at_the_top(uint64_t argument)
{
    (void)argument;
    struct vtl_context context = vtl_usual_context(1, 0);
    note_is(vtl_enable_partition(1, 0), BAD_VTL_STATE, 1);
    note_is(vtl_enable_vp(VP_SELF, 1, &context), ALREADY, 1);
    note_is(traps(FID_CALL), 1, 2);
    return 0;
}

static uint64_t second_up(uint64_t argument)
{
    return vtl_at(at_the_top, argument);
}

static uint64_t first_up(uint64_t argument)
{
    return vtl_at(second_up, argument);
}

static void more_levels(void)
{
    rule_is("level 0 enables level 2 no longer once level 1 is there", vtl_enable_partition(2, 0), DENIED);
    rule_is("nor on a VP", raise(2), BAD_VTL_STATE);
    rule_is("level 1 cannot enable levels above the highest either", vtl_at(enable_at_1, 4), BAD_PARAMETER);
    rule_is("level 1 has no higher level to call", vtl_at(call_fails, 0), 1);
    rule_is("level 1 enables level 2", vtl_at(enable_at_1, 2), OK);
    rule_is("enabled already is said before who asks", vtl_enable_partition(2, 0), BAD_VTL_STATE);
    rule_is("the partition has level 2", vtl_read(NAME_PARTITION_STATUS) & 0xffff, 7);
    rule_is("level 0 may not enable level 2 on its VP, for level 1 is there", raise(2), DENIED);
    rule_is("a level the partition has but not the VP cannot be called", vtl_at(call_fails, 0), 1);
    rule_is("level 1 enables level 2 on the VP", vtl_at(raise, 2), OK);
    rule_is("a call goes to the next higher level", vtl_at(level_seen, 0), 1 | UINT64_C(0x70001) << 32);
    rule_is("level 1 calls level 2", vtl_at(enter_and_begin, 5), 5);
    rule_is("which is active then", vtl_at(level_seen, 1), 2 | UINT64_C(0x70002) << 32);
    rule_is("level 2 returns to level 1, and that to level 0", vtl_read(NAME_VP_STATUS), 0x70000);
}

static uint64_t up_to_2(uint64_t argument)
{
    return vtl_at(enable_and_raise_3, argument);
}

static void highest_level(void)
{
    rule_is("level 2 enables and enters level 3", vtl_at(up_to_2, 0), 0);
    rule_is("all four levels are reached by calls", vtl_at(level_seen, 2), 3 | UINT64_C(0xf0003) << 32);
    vtl_at(first_up, 0);
    rule_noted("from the top level there is nothing to call and nothing below to enable again");
}

/* ---- From user mode --------------------------------------------------------------------------------------------- */

extern char user_code[];
__asm__(".option push; .option norvc\n"
        ".globl user_code\n"
        "user_code:\n"
        "    li a6, 0x11\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        ".option pop\n");

/* Goes to user mode; comes back at the first trap. */
static uint64_t cause_in_user_mode(void)
{
    uint64_t stvec = csr_read(stvec);
    __asm__ volatile(".option push; .option norvc\n"
                     "    la t0, 1f\n"
                     "    csrw stvec, t0\n"
                     "    csrw sepc, %0\n"
                     "    li t0, 0x100\n"
                     "    csrc sstatus, t0\n"
                     "    sret\n"
                     "    .balign 4\n"
                     "1:  csrw stvec, %1\n"
                     ".option pop" ::"r"(user_code),
                     "r"(stvec)
                     : "t0", "a6", "a7", "memory");
    return csr_read(scause);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    rule_is("probing tells version 1.0", sbi(0x10, 3, VTL_EID, 0, 0, 0, 0).value, 0x00010000);
    input_words();
    guest_os_id();
    operand_addresses();
    start_of_a_rep_call();
    rule("there is nothing to call at first", traps(FID_CALL));
    rule("level 0 has nothing to return to", traps(FID_RETURN));
    rule("nor fast", traps(FID_RETURN_FAST));
    partition_refusals();
    vp_refusals_before();
    rule_is("level 0 enables level 1 for the partition", vtl_enable_partition(1, 0), OK);
    rule_is("once", vtl_enable_partition(1, 0), BAD_VTL_STATE);
    rule_is("the partition has it", vtl_read(NAME_PARTITION_STATUS), 3 | (LEVELS - 1) << 16);
    rule("but it cannot be called yet", traps(FID_CALL));
    bad_contexts();
    first_entry();
    rule_is("level 1 sees itself active", vtl_at(active_level, 0), 0x30001);
    rule_is("the partition's status is the same at all levels", vtl_at(status_of_partition, 0),
            vtl_read(NAME_PARTITION_STATUS));
    rule("level 0 still has nothing to return to", traps(FID_RETURN));
    more_levels();
    highest_level();
    rule_is("an ecall from user mode goes to the guest's own kernel", cause_in_user_mode(), 8);
    return rule_end();
}
