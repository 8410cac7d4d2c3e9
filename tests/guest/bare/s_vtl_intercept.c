/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section 7 of docs/reference/trust-levels.md: what an intercept tells, that the instruction it stopped has had no
 * effect, and the answers of a handler: again, behind it, an exception. Pinned control registers. Needs --trust-levels
 * 3 and one hart.
 */
#include "vtl.h"

#define count_of(array) (sizeof(array) / sizeof(array)[0])

static uint8_t playground[8 * PAGE] __attribute__((aligned(4096)));
#define page_of(n) ((uint64_t)playground + (uint64_t)(n) * PAGE)
#define up         slot_of(1, 0)

static struct {
    uint64_t address, flags;
} change;

static uint64_t protect(uint64_t argument)
{
    (void)argument;
    return vtl_protect((uint32_t)change.flags, change.address);
}

static uint16_t set(uint64_t address, uint64_t flags)
{
    change.address = address;
    change.flags = flags;
    return (uint16_t)vtl_at(protect, 0);
}

static struct {
    uint32_t name;
    uint64_t value;
} writing;

static uint64_t write_register(uint64_t argument)
{
    (void)argument;
    return vtl_write(writing.name, writing.value);
}

static uint16_t set_register(uint32_t name, uint64_t value)
{
    writing.name = name;
    writing.value = value;
    return (uint16_t)vtl_at(write_register, 0);
}

/* ---- The message about a page ----------------------------------------------------------------------------------- */

static uint64_t stopped_pc; /* of the latest access below */

/* Where the instruction is goes to stopped_pc. */
#define access_at(text, address, value)               \
    __asm__ volatile(".option push; .option norvc\n"  \
                     "la t0, 1f\n"                    \
                     "sd t0, 0(%2)\n"                 \
                     "1: " text "\n"                  \
                     ".option pop"                    \
                     : "+r"(value)                    \
                     : "r"(address), "r"(&stopped_pc) \
                     : "t0", "t1", "memory")

static uint32_t word_at(uint64_t pc)
{
    return *(const volatile uint16_t *)pc | (uint32_t)*(const volatile uint16_t *)(pc + 2) << 16;
}

static uint32_t message_bytes(const struct vtl_message *message)
{
    uint32_t word;
    memcpy(&word, message->rights.bytes, 4);
    return word;
}

static void common_part(uint64_t want_access, uint64_t want_length)
{
    struct vtl_message *m = &up->last;
    note_is(m->flags, 0, 1);
    note_is(m->zero, 0, 2);
    note_is(m->sender, UINT64_MAX, 3);
    note_is(m->vp, 0, 4);
    note_is(m->length, want_length, 5);
    note_is(m->access, want_access, 6);
    note_is(m->state, 1, 7); /* S-mode, level 0 */
}

static void rights_message(void)
{
    struct vtl_message *m = &up->last;
    uint64_t value = 0, address = page_of(0) + 0x128;
    set(page_of(0), 0);
    uint64_t sstatus = csr_read(sstatus);
    up->answer = ANSWER_SKIP;
    access_at("ld %0, 0(%1)", address, value);
    rule_is("a refused access is message 0x80000001", m->type, MESSAGE_RIGHTS);
    rule_is("its payload has 64 bytes", m->size, 64);
    common_part(0, 4);
    rule_noted("the common part names VP, access, mode and level");
    rule_is("the pc is the instruction's", m->pc, stopped_pc);
    rule_is("sstatus is the lower level's", m->sstatus, sstatus);
    rule_is("GVA and GPA are valid, it was no page walk, no TLB lock", m->rights.info, 3);
    rule("the address is told", m->rights.gva == address && m->rights.gpa == address);
    rule_is("so is the size", m->rights.size, 8);
    rule_is("and the cause it would be", m->rights.cause, 5);
    rule("four instruction bytes", m->rights.count == 4 && message_bytes(m) == word_at(stopped_pc));
    rule_is("cache type and reserved bytes are 0", m->rights.cache | m->rights.zero, 0);
    rule_is("the entry reason is 3", up->reason, REASON_INTERCEPT);
    access_at("sw %0, 0(%1)", address, value);
    rule("a store is access 1, cause 7, four bytes",
         m->access == 1 && m->rights.cause == 7 && m->rights.size == 4 && m->pc == stopped_pc);
    access_at("amoadd.d %0, zero, (%1)", address, value);
    rule("an atomic would be cause 7", m->rights.cause == 7 && m->rights.size == 8 && m->pc == stopped_pc);
    set(page_of(0), VR);
    access_at("amoadd.d %0, zero, (%1)", address, value);
    rule("an atomic without W is access 1", m->access == 1 && m->rights.cause == 7);
    call_address(page_of(0));
    rule("a fetch is access 2, cause 1, without bytes", m->access == 2 && m->rights.cause == 1 && m->rights.count == 0);
    rule("the pc is the fetched one", m->pc == page_of(0) && m->rights.gva == page_of(0));
    set(page_of(0), VALL);
}

extern char compressed_load[];
static void compressed(void)
{
    set(page_of(0), 0);
    register uint64_t a0 __asm__("a0") = page_of(0);
    register uint64_t a1 __asm__("a1") = 1;
    __asm__ volatile(".option push; .option rvc\n"
                     ".globl compressed_load\n"
                     "compressed_load:\n"
                     "c.ld a1, 0(a0)\n"
                     "c.nop\n"
                     ".option pop"
                     : "+r"(a1)
                     : "r"(a0)
                     : "memory");
    rule_is("a compressed instruction has length 2", up->last.length, 2);
    rule_is("and its bytes", message_bytes(&up->last) & 0xffff, word_at((uint64_t)compressed_load) & 0xffff);
    rule_is("and is skipped as such", a1, 1);
    set(page_of(0), VALL);
}

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

static void retry(void)
{
    volatile uint64_t *word = (volatile uint64_t *)(page_of(1) + 8);
    *word = 100;
    up->answer = ANSWER_GRANT;
    uint64_t before = me->exceptions, seen = up->intercepts;
    for (unsigned i = 0; i < 200; i++) {
        set(page_of(1), i % 2 == 0 ? 0 : VR);
        note_is(__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST), 100 + i, i);
    }
    rule_noted("an atomic that is granted takes place once");
    note_is(up->intercepts, seen + 200, 0);
    note_is(me->exceptions, before, 1);
    rule_noted("after one intercept each, and no exception");
    for (unsigned i = 0; i < 50; i++) {
        set(page_of(1), 0);
        note_is(*word, 300, i);
        set(page_of(1), VR);
        *(volatile uint32_t *)(page_of(1) + 64) = i;
        note_is(*(volatile uint32_t *)(page_of(1) + 64), i, i);
    }
    rule_noted("loads and stores as well");
    *(volatile uint32_t *)page_of(2) = 0x00008067;
    __asm__ volatile("fence.i" ::: "memory");
    for (unsigned i = 0; i < 50; i++) {
        set(page_of(2), VR | VW);
        seen = up->intercepts;
        call_address(page_of(2));
        note_is(up->intercepts, seen + 1, i);
        note_is(me->exceptions, before, i);
    }
    rule_noted("and fetches");
    up->answer = ANSWER_REFUSE;
}

/* All registers as they were, seen from the instruction behind the one that was stopped. */
void vtl_probe(struct vtl_frame *frame, uint64_t address);
__asm__(
    ".option push; .option norvc\n"
    ".globl vtl_probe\n"
    "vtl_probe:\n"
    "    addi sp, sp, -128\n"
    "    sd s1, 0(sp); sd s2, 8(sp); sd s3, 16(sp); sd s4, 24(sp); sd s5, 32(sp); sd s6, 40(sp); sd s7, 48(sp)\n"
    "    sd s8, 56(sp); sd s9, 64(sp); sd s10, 72(sp); sd s11, 80(sp); sd s0, 88(sp); sd ra, 96(sp)\n"
    "    mv s0, a0\n"
    "    mv ra, a1\n"
    "    .irp n, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n"
    "    ld x\\n, \\n * 8(s0)\n"
    "    .endr\n"
    "    sd x5, 0(ra)\n"
    "    .irp n, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n"
    "    sd x\\n, \\n * 8(s0)\n"
    "    .endr\n"
    "    ld s1, 0(sp); ld s2, 8(sp); ld s3, 16(sp); ld s4, 24(sp); ld s5, 32(sp); ld s6, 40(sp); ld s7, 48(sp)\n"
    "    ld s8, 56(sp); ld s9, 64(sp); ld s10, 72(sp); ld s11, 80(sp); ld s0, 88(sp); ld ra, 96(sp)\n"
    "    addi sp, sp, 128\n"
    "    ret\n"
    ".option pop\n");

static struct vtl_frame at_intercept;
static uint64_t saved_a6, saved_a7;

static void note_frame(struct vtl_frame *frame, struct vtl_message *message)
{
    (void)message;
    memcpy(&at_intercept, frame, sizeof at_intercept);
    saved_a6 = mine->assist.a6;
    saved_a7 = mine->assist.a7;
}

static void registers_survive(void)
{
    static struct vtl_frame frame;
    for (unsigned n = 0; n < 32; n++) {
        frame.x[n] = UINT64_C(0xcccc000000000000) + n;
    }
    set(page_of(3), VR);
    up->answer = ANSWER_GRANT;
    up->on_intercept = note_frame;
    vtl_probe(&frame, page_of(3));
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
    for (unsigned n = 5; n < 32; n++) {
        if (n != 8) {
            note_is(at_intercept.x[n], UINT64_C(0xcccc000000000000) + n, n);
            note_is(frame.x[n], UINT64_C(0xcccc000000000000) + n, n | 0x100);
        }
    }
    rule_noted("the handler sees the shared registers, and the lower level has them back");
    rule("a6 and a7 were kept in the assist page",
         saved_a6 == UINT64_C(0xcccc000000000010) && saved_a7 == UINT64_C(0xcccc000000000011));
    rule_is("the store took place", load(page_of(3), 8), UINT64_C(0xcccc000000000005));
}

/* "ld a0, (a1)" gets what the handler says. */
static void emulate(struct vtl_frame *frame, struct vtl_message *message)
{
    (void)message;
    frame->x[10] = 0x0123456789abcdef;
}

static void emulation(void)
{
    register uint64_t a0 __asm__("a0") = 1;
    register uint64_t a1 __asm__("a1") = page_of(3);
    set(page_of(3), 0);
    up->answer = ANSWER_SKIP;
    up->on_intercept = emulate;
    __asm__ volatile(".option push; .option norvc; ld a0, 0(a1); .option pop" : "+r"(a0) : "r"(a1) : "memory");
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
    rule_is("a handler can emulate a load", a0, 0x0123456789abcdef);
    set(page_of(3), VALL);
}

static void flood(void)
{
    uint64_t before = me->exceptions, seen = up->intercepts;
    set(page_of(4), 0);
    for (unsigned i = 0; i < 20000; i++) {
        load(page_of(4) + i % PAGE / 8 * 8, 8);
    }
    rule_is("twenty thousand refusals are twenty thousand intercepts", up->intercepts - seen, 20000);
    rule_is("and exceptions", me->exceptions - before, 20000);
    set(page_of(4), VALL);
}

/* ---- Pinned registers ------------------------------------------------------------------------------------------- */

struct pin {
    const char *name;
    uint16_t csr;
    uint64_t flip; /* a bit that can be changed without harm */
    uint64_t other;
    uint64_t (*read)(void);
    void (*write)(uint64_t value);
    void (*set)(uint64_t bits);
    void (*clear)(uint64_t bits);
};

#define pinned(name)                         \
    static uint64_t read_##name(void)        \
    {                                        \
        return csr_read(name);               \
    }                                        \
    static void write_##name(uint64_t value) \
    {                                        \
        csr_write(name, value);              \
    }                                        \
    static void set_##name(uint64_t bits)    \
    {                                        \
        csr_set(name, bits);                 \
    }                                        \
    static void clear_##name(uint64_t bits)  \
    {                                        \
        csr_clear(name, bits);               \
    }

pinned(satp) pinned(stvec) pinned(sstatus) pinned(senvcfg) pinned(scounteren)

#define functions(name) read_##name, write_##name, set_##name, clear_##name
    /* In the order of CrInterceptControl's bits. satp stays bare, so its other fields are free only with MODE; the bit
     * that is flipped is MODE's. */
    static const struct pin pins[] = {
        { "satp", CSR_SATP, UINT64_C(8) << 60, 0, functions(satp) },
        { "stvec", CSR_STVEC, 0x100, 0x200, functions(stvec) },
        { "sstatus", CSR_SSTATUS, 0x40000, 0x80000, functions(sstatus) },
        { "senvcfg", CSR_SENVCFG, 1, 0x80, functions(senvcfg) },
        { "scounteren", CSR_SCOUNTEREN, 2, 4, functions(scounteren) },
    };

static void pinned_once(unsigned i, void (*write)(uint64_t), uint64_t operand, uint64_t value, uint64_t which)
{
    const struct pin *pin = &pins[i];
    uint64_t old = pin->read(), seen = up->intercepts, before = me->exceptions;
    write(operand);
    struct vtl_message *m = &up->last;
    note_is(pin->read(), old, which);
    note_is(up->intercepts, seen + 1, which | 1);
    note_is(m->type, MESSAGE_REGISTER, which | 2);
    note_is(m->access, 1, which | 3);
    note_is(m->reg.name, NAME_CSR + pin->csr, which | 4);
    note_is(m->reg.value, value, which | 5);
    note_is(m->reg.value_high, 0, which | 6);
    note_is(me->exceptions, before + 1, which | 7);
    note_is(me->cause, 2, which | 8);
    note_is(me->pc, m->pc, which | 9);
    uint32_t bytes;
    memcpy(&bytes, m->reg.bytes, sizeof bytes);
    note_is(m->reg.count, 4, which | 10);
    note_is(bytes, word_at(m->pc), which | 11);
    note_is(m->length, 4, which | 12);
}

static void pin_refused(unsigned i)
{
    const struct pin *pin = &pins[i];
    uint64_t value = pin->read();
    note_is(set_register(NAME_CR_CONTROL, 1u << i), OK, i);
    pinned_once(i, pin->write, value ^ pin->flip, value ^ pin->flip, i << 8 | 0x10);
    if ((value & pin->flip) == 0) {
        pinned_once(i, pin->set, pin->flip, value | pin->flip, i << 8 | 0x20);
    } else {
        pinned_once(i, pin->clear, pin->flip, value & ~pin->flip, i << 8 | 0x30);
    }
    uint64_t seen = up->intercepts;
    pin->write(value);
    pin->set(0);
    note_is(up->intercepts, seen, i << 8 | 0x40);
    rule_noted(pin->name);
}

static void pin_masked(unsigned i)
{
    const struct pin *pin = &pins[i];
    uint64_t value = pin->read(), seen = up->intercepts;
    if (pin->other == 0) {
        return;
    }
    set_register(NAME_CR_MASK + i, pin->flip);
    pin->write(value ^ pin->other);
    note_is(pin->read(), value ^ pin->other, i);
    note_is(up->intercepts, seen, i | 0x100);
    pin->write(value);
    pinned_once(i, pin->write, value ^ pin->flip, value ^ pin->flip, i << 16);
    set_register(NAME_CR_MASK + i, UINT64_MAX);
}

/* The handler carries the write out itself. */
static void carry_out(struct vtl_frame *frame, struct vtl_message *message)
{
    (void)frame;
    expect(vtl_write_of(0, message->reg.name, message->reg.value) == OK);
}

static void pin_completed(unsigned i)
{
    const struct pin *pin = &pins[i];
    uint64_t value = pin->read(), before = me->exceptions, flip = pin->other != 0 ? pin->other : pin->flip;
    if (pin->csr == CSR_SATP) {
        return;
    }
    set_register(NAME_CR_CONTROL, 1u << i);
    up->answer = ANSWER_SKIP;
    pin->write(value ^ flip);
    note_is(pin->read(), value, i);
    up->on_intercept = carry_out;
    pin->write(value ^ flip);
    note_is(pin->read(), value ^ flip, i | 0x100);
    pin->write(value);
    note_is(pin->read(), value, i | 0x200);
    note_is(me->exceptions, before, i | 0x300);
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
}

/* Under an address space: MODE alone is masked, then a handler sets what is written. */
static uint64_t root[512] __attribute__((aligned(4096))), other_root[512] __attribute__((aligned(4096)));

static void pinned_satp(void)
{
    static volatile uint64_t marker = 0x5a7b5a7b;
    uint64_t bare = csr_read(satp), on = UINT64_C(8) << 60, asid = UINT64_C(5) << 44, seen = up->intercepts;
    uint64_t first = on | (uint64_t)root >> 12, other = on | (uint64_t)other_root >> 12;
    root[0] = other_root[0] = 0xcf;
    root[2] = other_root[2] = other_root[1] = UINT64_C(0x80000) << 10 | 0xcf; /* level 0's window to RAM */
    csr_write(satp, first);
    __asm__ volatile("sfence.vma" ::: "memory");
    note_is(set_register(NAME_CR_MASK, UINT64_C(15) << 60), OK, 0);
    note_is(set_register(NAME_CR_CONTROL, 1), OK, 1);
    csr_write(satp, first | asid);
    note_is(csr_read(satp), first | asid, 2);
    csr_write(satp, other);
    note_is(csr_read(satp), other, 3);
    note_is(up->intercepts, seen, 4);
    pinned_once(0, write_satp, bare, bare, 0x10);
    rule_noted("with MODE masked other fields of satp are free");
    csr_write(satp, first);
    __asm__ volatile("sfence.vma" ::: "memory");
    set_register(NAME_CR_MASK, UINT64_MAX);
    up->answer = ANSWER_SKIP;
    up->on_intercept = carry_out;
    seen = up->intercepts;
    csr_write(satp, other);
    note_is(csr_read(satp), other, 0x20);
    note_is(load((uint64_t)&marker - RAM + 0x40000000, 8), 0x5a7b5a7b, 0x21);
    csr_write(satp, bare);
    note_is(csr_read(satp), bare, 0x22);
    note_is(up->intercepts, seen + 2, 0x23);
    rule_noted("a write of satp that the handler completes takes effect");
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
    set_register(NAME_CR_CONTROL, 0);
}

static void unpin(struct vtl_frame *frame, struct vtl_message *message)
{
    (void)frame, (void)message;
    expect(vtl_write(NAME_CR_CONTROL, 0) == OK);
}

static uint64_t nothing(uint64_t argument)
{
    return argument;
}

static void traps_are_not_writes(void)
{
    set_register(NAME_CR_CONTROL, 0x1f);
    uint64_t seen = up->intercepts, before = me->exceptions;
    __asm__ volatile(".option push; .option norvc; .insn i 0x0b, 0, x0, x0, 0; .option pop"); /* illegal */
    rule_is("traps and their returns are not writes of sstatus", up->intercepts, seen);
    rule_is("and happen", me->exceptions, before + 1);
    csr_write(sscratch, csr_read(sscratch));
    csr_write(sepc, 0);
    csr_set(sie, 0);
    rule_is("registers that are not pinned stay free", up->intercepts, seen);
    vtl_at(nothing, 0);
    rule_is("calls are not writes either", up->intercepts, seen);
    up->on_intercept = unpin;
    up->answer = ANSWER_RETRY;
    uint64_t value = csr_read(stvec);
    csr_write(stvec, value ^ 0x100);
    rule_is("a pinned write can be let through by taking the pin back", csr_read(stvec), value ^ 0x100);
    csr_write(stvec, value);
    rule_is("then it is free", up->intercepts, seen + 1);
    up->on_intercept = NULL;
    up->answer = ANSWER_REFUSE;
}

static void no_handler(void)
{
    set_register(NAME_CR_CONTROL, 2);
    vtl_at(vtl_assist, 0);
    uint64_t value = csr_read(stvec), before = me->exceptions;
    csr_write(stvec, value ^ 0x100);
    uint64_t now = csr_read(stvec);
    csr_write(stvec, value);
    rule_is("without an assist page a pinned write is an illegal instruction", me->exceptions - before, 1);
    rule_is("of cause 2", me->cause, 2);
    rule_is("and has no effect", now, value);
    vtl_at(vtl_assist, 1);
    set_register(NAME_CR_CONTROL, 0);
}

static uint64_t change_own(uint64_t argument)
{
    uint64_t seen = mine->intercepts, value = csr_read(stvec);
    csr_write(stvec, value ^ 0x100);
    uint64_t now = csr_read(stvec);
    csr_write(stvec, value);
    return now == (value ^ 0x100) && mine->intercepts == seen ? argument : 0;
}

static uint64_t raise(uint64_t level)
{
    vtl_raise((uint8_t)level, 0);
    return 0;
}

static uint64_t above_pins(uint64_t argument)
{
    return vtl_write(NAME_CR_CONTROL, argument);
}

static uint64_t pin_at_2(uint64_t argument)
{
    return vtl_at(above_pins, argument);
}

static uint64_t refused_at_1(uint64_t argument)
{
    (void)argument;
    uint64_t value = csr_read(stvec), before = me->exceptions;
    csr_write(stvec, value ^ 0x100);
    bool same = csr_read(stvec) == value;
    return me->exceptions == before + 1 && same;
}

static void two_levels_pin(void)
{
    set_register(NAME_CR_CONTROL, 2);
    rule_is("a level is not bound by its own pins", vtl_at(change_own, 5), 5);
    vtl_at(raise, 2);
    vtl_at(pin_at_2, 2);
    uint64_t seen2 = slot_of(2, 0)->intercepts, seen1 = up->intercepts;
    rule_is("level 2 pins level 1's registers", vtl_at(refused_at_1, 0), 1);
    rule_is("and is told", slot_of(2, 0)->intercepts, seen2 + 1);
    rule_is("which level it was", slot_of(2, 0)->last.state >> 7, 1);
    uint64_t value = csr_read(stvec);
    csr_write(stvec, value ^ 0x100);
    rule_is("level 0's pinned by both are told to level 1", up->intercepts, seen1 + 1);
    set_register(NAME_CR_CONTROL, 0);
    csr_write(stvec, value ^ 0x100);
    rule_is("or to level 2 if level 1 has none", slot_of(2, 0)->intercepts, seen2 + 2);
    rule_is("and stay as they were", csr_read(stvec), value);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    vtl_begin();
    vtl_raise(1, 0);
    rule_is("protections are turned on", set_register(NAME_CONFIG, CONFIG_USUAL), OK);
    rights_message();
    compressed();
    up->answer = ANSWER_REFUSE;
    retry();
    registers_survive();
    emulation();
    flood();
    for (unsigned i = 0; i < count_of(pins); i++) {
        pin_refused(i);
        set_register(NAME_CR_CONTROL, 0);
    }
    for (unsigned i = 0; i < count_of(pins); i++) {
        set_register(NAME_CR_CONTROL, 0x1f);
        pin_masked(i);
        set_register(NAME_CR_CONTROL, 0);
    }
    rule_noted("only a change of a masked bit is intercepted");
    for (unsigned i = 0; i < count_of(pins); i++) {
        pin_completed(i);
        set_register(NAME_CR_CONTROL, 0);
    }
    rule_noted("a handler can leave a pinned write out, or complete it");
    pinned_satp();
    traps_are_not_writes();
    no_handler();
    two_levels_pin();
    return rule_end();
}
