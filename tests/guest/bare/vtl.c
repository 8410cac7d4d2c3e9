/* SPDX-License-Identifier: Apache-2.0 */
#include "vtl.h"

struct vtl_slot vtl_slots[VTL_SLOTS];
uint64_t vtl_private[VTL_SLOTS / 8][4];

/* ---- Rules ------------------------------------------------------------------------------------------------------ */

volatile unsigned rule_count, rule_failures;
static struct {
    bool failed;
    uint64_t got, want, which;
    int line;
} noted;

static void print_decimal(uint64_t value)
{
    char text[24];
    char *at = text + sizeof text - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    bare_print(at);
}

void rule_check(const char *text, uint64_t got, uint64_t want, int line)
{
    rule_count++;
    bare_print(got == want ? "ok " : "not ok ");
    print_decimal(rule_count);
    bare_print(" - ");
    bare_print(text);
    if (got != want) {
        rule_failures++;
        bare_print(" # line ");
        print_decimal((uint64_t)line);
        bare_print(": got ");
        bare_print_hex(got);
        bare_print(", want ");
        bare_print_hex(want);
    }
    bare_print("\n");
}

int rule_end(void)
{
    bare_print("1..");
    print_decimal(rule_count);
    bare_print("\n");
    return rule_failures != 0;
}

void note_check(uint64_t got, uint64_t want, uint64_t which, int line)
{
    if (got != want && !noted.failed) {
        noted.failed = true;
        noted.got = got;
        noted.want = want;
        noted.which = which;
        noted.line = line;
    }
}

void rule_noted(const char *text)
{
    if (noted.failed) {
        bare_print("# the case ");
        bare_print_hex(noted.which);
        bare_print("\n");
        rule_check(text, noted.got, noted.want, noted.line);
    } else {
        rule_check(text, 1, 1, 0);
    }
    noted.failed = false;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

uint64_t vtl_raw(uint64_t fid, uint64_t word, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t r0 __asm__("a0") = word;
    register uint64_t r1 __asm__("a1") = a1;
    register uint64_t r2 __asm__("a2") = a2;
    register uint64_t r3 __asm__("a3") = a3;
    register uint64_t r4 __asm__("a4") = a4;
    register uint64_t r5 __asm__("a5") = a5;
    register uint64_t r6 __asm__("a6") = fid;
    register uint64_t r7 __asm__("a7") = VTL_EID;
    __asm__ volatile("ecall" : "+r"(r0), "+r"(r1) : "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7) : "memory");
    return r0 == 0 ? r1 : r0 & 0xffff;
}

uint64_t vtl_hypercall(uint64_t fid, uint64_t reps)
{
    return vtl_raw(fid, fid | reps, (uint64_t)mine->in, (uint64_t)mine->out, 0, 0, 0);
}

static void put_header(uint64_t w0, uint64_t w1)
{
    mine->in[0] = w0;
    mine->in[1] = w1;
}

uint16_t vtl_get(uint32_t vp, uint8_t target, uint32_t name, uint64_t *value)
{
    put_header(VTL_SELF, vp | (uint64_t)target << 32);
    mine->in[2] = name;
    uint16_t status = status_of(vtl_hypercall(FID_GET, REPS(1)));
    *value = status == OK ? mine->out[0] : UINT64_C(0xdead0000) + status;
    return status;
}

uint16_t vtl_set(uint32_t vp, uint8_t target, uint32_t name, uint64_t value)
{
    put_header(VTL_SELF, vp | (uint64_t)target << 32);
    mine->in[2] = name;
    mine->in[3] = 0;
    mine->in[4] = value;
    mine->in[5] = 0;
    return status_of(vtl_hypercall(FID_SET, REPS(1)));
}

uint64_t vtl_read(uint32_t name)
{
    uint64_t value;
    vtl_get(VP_SELF, VTL_CALLER, name, &value);
    return value;
}

uint64_t vtl_read_of(uint8_t level, uint32_t name)
{
    uint64_t value;
    vtl_get(VP_SELF, VTL_TO(level), name, &value);
    return value;
}

uint16_t vtl_write(uint32_t name, uint64_t value)
{
    return vtl_set(VP_SELF, VTL_CALLER, name, value);
}

uint16_t vtl_write_of(uint8_t level, uint32_t name, uint64_t value)
{
    return vtl_set(VP_SELF, VTL_TO(level), name, value);
}

uint16_t vtl_enable_partition(uint8_t level, uint8_t flags)
{
    put_header(VTL_SELF, level | (uint64_t)flags << 8);
    return status_of(vtl_hypercall(FID_ENABLE_PARTITION, 0));
}

static uint16_t with_context(uint64_t fid, uint32_t vp, uint8_t level, const struct vtl_context *context)
{
    put_header(VTL_SELF, vp | (uint64_t)level << 32);
    memcpy(mine->in + 2, context, sizeof *context);
    return status_of(vtl_hypercall(fid, 0));
}

uint16_t vtl_enable_vp(uint32_t vp, uint8_t level, const struct vtl_context *context)
{
    return with_context(FID_ENABLE_VP, vp, level, context);
}

uint16_t vtl_start_vp(uint32_t vp, uint8_t level, const struct vtl_context *context)
{
    return with_context(FID_START_VP, vp, level, context);
}

uint16_t vtl_protect_to(uint8_t target, uint32_t flags, uint64_t address)
{
    return status_of(vtl_raw(FID_PROTECT, FID_PROTECT | FAST | REPS(1), VTL_SELF, flags | (uint64_t)target << 32,
                             address / PAGE, 0, 0));
}

uint16_t vtl_protect(uint32_t flags, uint64_t address)
{
    return vtl_protect_to(VTL_CALLER, flags, address);
}

uint64_t vtl_protect_range(uint32_t flags, uint64_t address, uint64_t size)
{
    uint64_t result = 0;
    for (uint64_t page = address / PAGE, end = (address + size) / PAGE; page < end && status_of(result) == OK;) {
        uint64_t count = end - page < 510 ? end - page : 510;
        put_header(VTL_SELF, flags);
        for (uint64_t i = 0; i < count; i++) {
            mine->in[2 + i] = page++;
        }
        result = vtl_hypercall(FID_PROTECT, REPS(count));
    }
    return result;
}

uint16_t vtl_ipi(uint8_t target, uint32_t vector, uint64_t mask)
{
    return status_of(vtl_raw(FID_IPI, FID_IPI | FAST, vector | (uint64_t)target << 32, mask, 0, 0, 0));
}

uint16_t vtl_translate(uint32_t vp, uint64_t flags, uint64_t gva, uint32_t *result, uint64_t *page)
{
    put_header(VTL_SELF, vp);
    mine->in[2] = flags;
    mine->in[3] = gva / PAGE;
    mine->out[0] = mine->out[1] = UINT64_MAX;
    uint16_t status = status_of(vtl_hypercall(FID_TRANSLATE, 0));
    *result = (uint32_t)mine->out[0];
    *page = mine->out[1];
    return status;
}

uint16_t vtl_check(uint8_t target, uint8_t wanted, uint64_t address, uint32_t *granted)
{
    put_header(VTL_SELF, target | (uint64_t)wanted << 8);
    mine->in[2] = address / PAGE;
    mine->out[0] = UINT64_MAX;
    uint16_t status = status_of(vtl_hypercall(FID_CHECK, REPS(1)));
    *granted = (uint32_t)mine->out[0];
    return status;
}

/* ---- Levels ----------------------------------------------------------------------------------------------------- */

extern char bare_trap_entry[], bare_stacks[];

struct vtl_context vtl_usual_context(uint64_t level, uint64_t hart)
{
    uint64_t slot = level * 8 + hart;
    return (struct vtl_context){ .pc = (uint64_t)vtl_entry,
                                 .sp = (uint64_t)bare_stacks + (slot + 1) * 8192,
                                 .tp = slot,
                                 .stvec = (uint64_t)bare_trap_entry,
                                 .sscratch = (uint64_t)&bare_harts[slot] };
}

uint64_t vtl_climb(uint64_t errand)
{
    const struct vtl_errand *todo = (const struct vtl_errand *)errand;
    return my_level() == todo->level ? todo->function(todo->argument) : vtl_at(vtl_climb, errand);
}

uint64_t vtl_at_level(uint64_t level, vtl_function *function, uint64_t argument)
{
    const struct vtl_errand errand = { level, function, argument };
    return vtl_climb((uint64_t)&errand);
}

static uint64_t begin(uint64_t argument)
{
    (void)argument;
    vtl_begin();
    return 0;
}

void vtl_begin(void)
{
    expect(vtl_write(NAME_OS_ID, 0x8100000000000000 | my_level()) == OK);
    if (my_level() != 0) {
        expect(vtl_write(NAME_ASSIST, (uint64_t)&mine->assist | 1) == OK);
        mine->assist_on = true;
    }
}

uint64_t vtl_assist(uint64_t on)
{
    if (on != 0) {
        vtl_begin();
        return OK;
    }
    mine->assist_on = false;
    return vtl_write(NAME_ASSIST, 0);
}

void vtl_raise(uint8_t level, uint8_t flags)
{
    struct vtl_context context = vtl_usual_context(level, my_hart());
    expect(vtl_enable_partition(level, flags) == OK);
    expect(vtl_enable_vp(VP_SELF, level, &context) == OK);
    vtl_at(begin, 0);
    expect(slot_of(level, my_hart())->assist_on);
}

void vtl_protections_on(uint64_t more)
{
    expect(vtl_write(NAME_CONFIG, CONFIG_USUAL | more) == OK);
}

/* ---- The dispatcher --------------------------------------------------------------------------------------------- */

static uint8_t level_of(const struct vtl_message *message)
{
    return message->state >> 7 & 15;
}

/* The lower level goes on behind the instruction that the message is about. */
static void skip(const struct vtl_message *message)
{
    uint8_t level = level_of(message);
    uint64_t next = message->pc + (message->length != 0 ? message->length : 4);
    if (message->type == MESSAGE_RIGHTS && message->access == 2) {
        next = vtl_read_of(level, NAME_X + 1);
    }
    expect(vtl_write_of(level, NAME_PC, next) == OK);
}

static void refuse(const struct vtl_message *message)
{
    uint64_t cause = 2, value = 0;
    if (message->type == MESSAGE_RIGHTS) {
        cause = message->rights.cause;
        value = message->rights.gva;
    }
    mine->in[0] = VTL_SELF;
    mine->in[1] = VP_SELF | (uint64_t)VTL_TO(level_of(message)) << 32;
    mine->in[2] = NAME_EVENT;
    mine->in[3] = 0;
    mine->in[4] = 1 | cause << 8;
    mine->in[5] = value;
    expect(status_of(vtl_hypercall(FID_SET, REPS(1))) == OK);
}

static void answer(struct vtl_frame *frame, struct vtl_message *message)
{
    memcpy(&mine->last, message, sizeof *message);
    mine->intercepts++;
    if (mine->on_intercept != NULL) {
        mine->on_intercept(frame, message);
    }
    switch (mine->answer) {
    case ANSWER_REFUSE: refuse(message); break;
    case ANSWER_SKIP: skip(message); break;
    case ANSWER_GRANT: expect(vtl_protect(VALL, message->rights.gpa) == OK); break;
    case ANSWER_RETRY: break;
    }
}

/* Drops what is pending; then counts, as who sees the count may send the next. */
static void interrupted(struct vtl_frame *frame)
{
    if (mine->on_interrupt != NULL) {
        mine->on_interrupt(frame);
    } else {
        csr_clear(sip, 2);
        csr_write(0x14D, UINT64_MAX); /* stimecmp */
    }
    mine->interrupts++;
}

/* From vtl_entry; the result is the function id of the return. */
uint64_t vtl_dispatch(struct vtl_frame *frame)
{
    uint32_t reason = mine->assist_on ? mine->assist.reason : (uint32_t)REASON_CALL;
    mine->reason = reason;
    mine->entries++;
    if (reason == REASON_INTERCEPT) {
        answer(frame, &mine->assist.message);
    } else if (reason == REASON_INTERRUPT) {
        interrupted(frame);
    } else {
        mine->calls++;
        if (mine->on_call != NULL) {
            mine->on_call(frame);
        } else {
            frame->x[10] = ((vtl_function *)frame->x[10])(frame->x[11]);
        }
    }
    return mine->return_fid != 0 ? mine->return_fid : FID_RETURN;
}
