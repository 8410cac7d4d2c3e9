/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 4 of docs/reference/trust-levels.md: what levels share and what is private, register by register; the assist
 * page, the fast return, return addresses. Needs --trust-levels 3 and one hart.
 */
#include "vtl.h"

#define count_of(array) (sizeof(array) / sizeof(array)[0])
#define FS_ON           UINT64_C(0x2000)
#define FS              UINT64_C(0x6000)

void vtl_exchange(struct vtl_frame *frame);
void vtl_load_floats(const uint64_t values[32]);
void vtl_store_floats(uint64_t values[32]);

static uint64_t nothing(uint64_t argument)
{
    return argument;
}

static bool is_shared(unsigned n)
{
    return (n >= 5 && n <= 7) || n >= 9;
}

/* ---- General registers ------------------------------------------------------------------------------------------ */

static struct vtl_frame seen; /* by the higher level */

static void swap_frame(struct vtl_frame *frame)
{
    for (unsigned n = 0; n < 32; n++) {
        seen.x[n] = frame->x[n];
        frame->x[n] = UINT64_C(0xb000000000000000) + n;
    }
}

static void shared_integers(void)
{
    static struct vtl_frame frame;
    for (unsigned n = 0; n < 32; n++) {
        frame.x[n] = UINT64_C(0xa000000000000000) + n;
    }
    slot_of(1, 0)->on_call = swap_frame;
    slot_of(1, 0)->return_fid = FID_RETURN_FAST;
    vtl_exchange(&frame);
    slot_of(1, 0)->on_call = NULL;
    slot_of(1, 0)->return_fid = 0;
    for (unsigned n = 0; n < 32; n++) {
        if (is_shared(n) && n != 16 && n != 17) {
            note_is(seen.x[n], UINT64_C(0xa000000000000000) + n, n);
        }
    }
    note_is(seen.x[16], FID_CALL, 16);
    note_is(seen.x[17], VTL_EID, 17);
    rule_noted("a call carries x5-x7 and x9-x31 up");
    for (unsigned n = 0; n < 32; n++) {
        if (is_shared(n) && n != 16 && n != 17) {
            note_is(frame.x[n], UINT64_C(0xb000000000000000) + n, n);
        }
    }
    rule_noted("a return carries them down");
    rule("a fast return leaves a6 and a7 as they were for it",
         frame.x[16] == FID_RETURN_FAST && frame.x[17] == VTL_EID);
}

/* Level 1's own: x1, x3 and x8 are given values before it returns, which must be there at the next entry. */
extern char private_loop[];
__asm__(".option push; .option norvc\n"
        ".globl private_loop\n"
        "private_loop:\n" /* level 2 starts here */
        "    li ra, 0x1001\n"
        "    li gp, 0x1003\n"
        "    li s0, 0x1008\n"
        "1:  li a6, 0x10012\n"
        "    li a7, 0x0856534D\n"
        "    ecall\n"
        "    la t0, private_area\n"
        "    sd ra, 0(t0)\n"
        "    sd sp, 8(t0)\n"
        "    sd gp, 16(t0)\n"
        "    sd tp, 24(t0)\n"
        "    sd s0, 32(t0)\n"
        "    ld t1, 40(t0)\n" /* whether to go on as usual */
        "    beqz t1, 1b\n"
        "    j vtl_entry\n"
        ".option pop\n");
uint64_t private_area[8];

/* The levels that are there, in hexadecimal digits. */
static uint64_t depth(uint64_t above)
{
    return my_level() | (above == 0 ? 0 : vtl_at(depth, above - 1) << 4);
}

static uint64_t private_integers(uint64_t argument)
{
    (void)argument;
    struct vtl_context context = vtl_usual_context(2, 0);
    context.pc = (uint64_t)private_loop;
    expect(vtl_enable_partition(2, 0) == OK);
    expect(vtl_enable_vp(VP_SELF, 2, &context) == OK);
    uint64_t before[5], after[5];
    __asm__ volatile("sd ra, 0(%0); sd sp, 8(%0); sd gp, 16(%0); sd tp, 24(%0); sd s0, 32(%0)" ::"r"(before)
                     : "memory");
    vtl_call(0, 0);
    vtl_call(0, 0);
    __asm__ volatile("sd sp, 8(%0); sd gp, 16(%0); sd tp, 24(%0); sd s0, 32(%0)" ::"r"(after) : "memory");
    for (unsigned i = 1; i < 5; i++) {
        note_is(after[i], before[i], i);
    }
    rule_noted("x2, x3, x4 and x8 of the caller are as before when the higher level has returned");
    note_is(private_area[0], 0x1001, 1);
    note_is(private_area[1], context.sp, 2);
    note_is(private_area[2], 0x1003, 3);
    note_is(private_area[3], context.tp, 4);
    note_is(private_area[4], 0x1008, 8);
    rule_noted("x1, x2, x3, x4 and x8 of the higher level are as it left them when it is called again");
    private_area[5] = 1;
    rule_is("calls nest", depth(1), 0x21);
    return 0;
}

/* ---- Floating point --------------------------------------------------------------------------------------------- */

static uint64_t floats_seen[32], floats_given[32], floats_back[32];

static uint64_t swap_floats(uint64_t argument)
{
    (void)argument;
    csr_set(sstatus, FS_ON);
    vtl_store_floats(floats_seen);
    vtl_load_floats(floats_given);
    csr_write(fcsr, 0x42);
    return 0;
}

static uint64_t fs_off(uint64_t argument)
{
    (void)argument;
    csr_clear(sstatus, FS);
    uint64_t before = me->exceptions;
    __asm__ volatile(".option push; .option norvc; fmv.d.x fa0, zero; .option pop" ::: "fa0");
    return me->exceptions - before;
}

static uint64_t fs_is_off(uint64_t argument)
{
    (void)argument;
    return (csr_read(sstatus) & FS) == 0;
}

static uint64_t read_fcsr(uint64_t argument)
{
    (void)argument;
    csr_set(sstatus, FS_ON);
    return csr_read(fcsr);
}

static void floats(void)
{
    static uint64_t mine_[32];
    for (unsigned n = 0; n < 32; n++) {
        mine_[n] = UINT64_C(0x3ff0a00000000000) + n;
        floats_given[n] = UINT64_C(0x3ff0b00000000000) + n;
    }
    csr_set(sstatus, FS_ON);
    csr_write(fcsr, 0x85);
    vtl_load_floats(mine_);
    vtl_at(swap_floats, 0);
    vtl_store_floats(floats_back);
    for (unsigned n = 0; n < 32; n++) {
        note_is(floats_seen[n], mine_[n], n);
        note_is(floats_back[n], floats_given[n], 0x100 + n);
    }
    rule_noted("f0-f31 are shared both ways");
    rule_is("fcsr is private to the lower level", csr_read(fcsr), 0x85);
    rule_is("and to the higher", vtl_at(read_fcsr, 0), 0x42);
    rule_is("a level with FS off cannot use them", vtl_at(fs_off, 0), 1);
    rule("FS stays as each level set it", vtl_at(fs_is_off, 0) == 1 && (csr_read(sstatus) & FS) != 0);
    vtl_store_floats(floats_back);
    for (unsigned n = 0; n < 32; n++) {
        note_is(floats_back[n], floats_given[n], n);
    }
    rule_noted("and they pass through a level with FS off unchanged");
    csr_clear(sstatus, FS);
    vtl_at(nothing, 0);
    rule_is("a lower level's FS off stays off", csr_read(sstatus) & FS, 0);
}

/* ---- Control registers ------------------------------------------------------------------------------------------ */

#define PRIVATE_COUNT 12
static uint64_t privates[PRIVATE_COUNT];

static void read_privates(uint64_t *values)
{
    values[0] = csr_read(sepc);
    values[1] = csr_read(scause);
    values[2] = csr_read(stval);
    values[3] = csr_read(sscratch);
    values[4] = csr_read(stvec);
    values[5] = csr_read(sie);
    values[6] = csr_read(scounteren);
    values[7] = csr_read(senvcfg);
    values[8] = csr_read(satp);
    values[9] = csr_read(0x14D);
    values[10] = csr_read(sstatus) & 0xc0120; /* MXR SUM SPP SPIE */
    values[11] = csr_read(sip) & 2;
}

static uint64_t identity_root[512] __attribute__((aligned(4096)));

/* Others than the level had. */
static void write_privates(uint64_t salt, bool paging)
{
    csr_write(sepc, 0x1000 + salt * 16);
    csr_write(scause, 5 + salt);
    csr_write(stval, 0x2000 + salt);
    csr_write(scounteren, 2 + salt);
    csr_write(0x14D, UINT64_C(0x6000000000000000) + salt);
    csr_write(sie, salt % 2 != 0 ? 0x2 : 0x20);
    csr_write(senvcfg, salt % 2 != 0 ? 1 : 0);
    csr_clear(sstatus, 0xc0120);
    csr_set(sstatus, salt % 2 != 0 ? 0x80100 : 0x40020);
    csr_write(satp, paging ? UINT64_C(8) << 60 | (uint64_t)identity_root >> 12 : 0);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static uint64_t change_privates(uint64_t salt)
{
    write_privates(salt, true);
    read_privates(privates);
    return 0;
}

static uint64_t compare_privates(uint64_t argument)
{
    (void)argument;
    uint64_t now[PRIVATE_COUNT];
    read_privates(now);
    for (unsigned i = 0; i < PRIVATE_COUNT; i++) {
        note_is(now[i], privates[i], i);
    }
    write_privates(0, false);
    csr_write(sie, 0);
    csr_write(0x14D, UINT64_MAX);
    return 0;
}

static void control_registers(void)
{
    uint64_t before[PRIVATE_COUNT], after[PRIVATE_COUNT];
    for (unsigned i = 0; i < 4; i++) {
        identity_root[i] = (uint64_t)i << 28 | 0xcf;
    }
    csr_write(sie, 0);
    write_privates(2, false);
    csr_set(sip, 2);
    csr_write(sie, 0);
    read_privates(before);
    vtl_at(change_privates, 1);
    read_privates(after);
    for (unsigned i = 0; i < PRIVATE_COUNT; i++) {
        note_is(after[i], before[i], i);
    }
    rule_noted(
        "sstatus, stvec, sscratch, sepc, scause, stval, sie, sip, stimecmp, satp, scounteren and senvcfg are the "
        "lower level's own");
    csr_clear(sip, 2);
    write_privates(4, false);
    csr_write(sie, 0);
    csr_write(0x14D, UINT64_MAX);
    vtl_at(compare_privates, 0);
    rule_noted("and the higher level's own");
}

/* ---- Reservations, counters, time ------------------------------------------------------------------------------- */

static uint64_t word;

static inline uint64_t load_reserved(void)
{
    uint64_t value;
    __asm__ volatile("lr.d %0, (%1)" : "=r"(value) : "r"(&word) : "memory");
    return value;
}

static inline uint64_t store_conditional(uint64_t value)
{
    uint64_t failed;
    __asm__ volatile("sc.d %0, %2, (%1)" : "=r"(failed) : "r"(&word), "r"(value) : "memory");
    return failed;
}

static uint64_t try_conditional(uint64_t value)
{
    return store_conditional(value);
}

static uint64_t reserve(uint64_t argument)
{
    (void)argument;
    return load_reserved();
}

static void reservations(void)
{
    word = 7;
    load_reserved();
    rule("a reservation of a lower level is nothing to the higher", vtl_at(try_conditional, 8) != 0);
    load_reserved();
    vtl_at(nothing, 0);
    rule("it ends at the switch", store_conditional(9) != 0);
    vtl_at(reserve, 0);
    rule("a reservation of the higher level is nothing to the lower", store_conditional(10) != 0);
    rule_is("nothing was stored", word, 7);
}

static uint64_t work(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        __asm__ volatile("" ::: "memory");
    }
    return csr_read(time);
}

static void counters(void)
{
    uint64_t before = csr_read(time);
    uint64_t inside = vtl_at(work, 100);
    uint64_t after = csr_read(time);
    rule("time is one for all levels", before <= inside && inside <= after);
    csr_write(scounteren, 7);
    uint64_t start = csr_read(instret);
    vtl_at(work, 0);
    uint64_t little = csr_read(instret) - start;
    start = csr_read(instret);
    vtl_at(work, 100000);
    uint64_t much = csr_read(instret) - start;
    rule("a lower level's instret does not tell what a higher one does", much < little + 10000);
}

/* ---- The assist page -------------------------------------------------------------------------------------------- */

static void set_a6_a7(struct vtl_frame *frame)
{
    (void)frame;
    mine->assist.a6 = 0x6666666666666666;
    mine->assist.a7 = 0x7777777777777777;
}

static uint64_t assist_off(uint64_t argument)
{
    (void)argument;
    mine->assist.reason = 0x55;
    mine->assist_on = false;
    return vtl_write(NAME_ASSIST, 0);
}

static uint64_t spoil_reason(uint64_t argument)
{
    mine->assist.reason = 0xffffffff;
    return argument;
}

/* On again, before anything could be written. */
static uint64_t reason_kept(uint64_t argument)
{
    (void)argument;
    vtl_begin();
    return mine->assist.reason;
}

static void assist_page(void)
{
    static struct vtl_frame frame;
    struct vtl_slot *up = slot_of(1, 0);
    vtl_at(spoil_reason, 0);
    vtl_at(nothing, 0);
    rule_is("a call leaves entry reason 1 in the assist page", up->reason, REASON_CALL);
    up->on_call = set_a6_a7;
    vtl_exchange(&frame);
    rule("a return sets a6 and a7 from the assist page",
         frame.x[16] == 0x6666666666666666 && frame.x[17] == 0x7777777777777777);
    up->return_fid = FID_RETURN_FAST;
    vtl_exchange(&frame);
    rule("a fast return does not", frame.x[16] == FID_RETURN_FAST && frame.x[17] == VTL_EID);
    up->return_fid = 0;
    up->on_call = NULL;
    rule_is("an assist page can be taken back", vtl_at(assist_off, 0), OK);
    rule_is("calls go on without", vtl_at(nothing, 5), 5);
    rule_is("and nothing is written there", vtl_at(reason_kept, 0), 0x55);
    rule("nor below", up->assist.reason == 0 && up->assist.a6 == 0);
}

/* ---- Memory is one ---------------------------------------------------------------------------------------------- */

static uint32_t code[4] __attribute__((aligned(16)));

static uint64_t write_code(uint64_t value)
{
    code[0] = 0x00000513u | (uint32_t)value << 20; /* li a0, value */
    code[1] = 0x00008067u;
    return 0;
}

static uint64_t run_code(void)
{
    register uint64_t a0 __asm__("a0");
    __asm__ volatile("fence.i; jalr ra, 0(%1)" : "=r"(a0) : "r"(code) : "ra", "memory");
    return a0;
}

static void memory_is_shared(void)
{
    for (uint64_t round = 1; round <= 20; round++) {
        vtl_at(write_code, round);
        note_is(run_code(), round, round);
    }
    rule_noted("code that a higher level writes is what the lower one runs");
}

static void many(void)
{
    for (unsigned i = 0; i < 20000; i++) {
        note_is(vtl_at(nothing, i), i, i);
    }
    rule_noted("twenty thousand calls give what they were given");
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    vtl_raise(1, 0);
    shared_integers();
    floats();
    control_registers();
    reservations();
    counters();
    assist_page();
    memory_is_shared();
    many();
    vtl_at(private_integers, 0);
    return rule_end();
}
