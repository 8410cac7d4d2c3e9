/* SPDX-License-Identifier: Apache-2.0 */
/* What a higher trust level is told of a lower one's doings, what the program that holds a level decides, and VINA. */
#include "test_riscv_fixture.h"

#include "memory/attributes.h"
#include "vtl/vtl_internal.h"

#define CODE       (RAM_BASE + 0x1000)
#define STVEC      (RAM_BASE + 0x2000)
#define HANDLER    (RAM_BASE + 0x3000)
#define DATA       (RAM_BASE + 0x10000)
#define ASSIST     (RAM_BASE + 0x20000)
#define TABLE      (RAM_BASE + 0x30000)
#define LEVELS     3u
#define MESSAGE    (ASSIST + 112)
#define PAYLOAD    (MESSAGE + 16)
#define SD_A0_A1   0x00a5b023u /* sd a0, 0(a1) */
#define C_NOP      0x0001u
#define CSRW_STVEC 0x10551073u
#define STVEC_CSR  0x105u

struct vtl_fixture {
    struct fixture base;
    struct vtl *vtl;
    struct vtl_incident seen; /* the last one, and how many */
    unsigned seen_count;
    enum vtl_verdict verdict;
    unsigned asked;
};

static bool no_firmware(struct riscv_cpu *cpu)
{
    (void)cpu;
    return false;
}

static void see(void *context, const struct vtl_incident *incident)
{
    struct vtl_fixture *fixture = context;
    fixture->seen = *incident;
    fixture->seen_count++;
}

static enum vtl_verdict decide(void *context, const struct vtl_incident *incident)
{
    (void)incident;
    struct vtl_fixture *fixture = context;
    fixture->asked++;
    return fixture->verdict;
}

static void create_held(struct vtl_fixture *fixture, uint16_t held)
{
    fixture_create_levels(&fixture->base, 16, 1, LEVELS);
    struct riscv_cpu *cpu = fixture->base.cpu;
    fixture->base.machine->firmware = no_firmware;
    fixture->vtl = vtl_create(fixture->base.machine, &(struct vtl_config){ .held = held });
    vtl_watch(fixture->vtl)->observe = see;
    vtl_watch(fixture->vtl)->context = fixture;
    riscv_pmp_open(cpu);
    cpu->state.mode = RISCV_MODE_S;
    cpu->state.pc = CODE;
    cpu->state.csr.stvec = STVEC;
    riscv_cpu_state_changed(cpu);
}

static int create(void **state)
{
    *state = check_alloc(sizeof(struct vtl_fixture));
    create_held(*state, 0);
    return 0;
}

static int create_with_holder(void **state)
{
    struct vtl_fixture *fixture = check_alloc(sizeof *fixture);
    create_held(fixture, 1u << 1);
    vtl_watch(fixture->vtl)->holders[1] = (struct vtl_holder){ decide, fixture };
    *state = fixture;
    return 0;
}

static int destroy(void **state)
{
    struct vtl_fixture *fixture = *state;
    vtl_destroy(fixture->vtl);
    fixture_destroy(&fixture->base);
    free(fixture);
    return 0;
}

/* Enables a level on the VP, with or without an assist page. */
static void enable(struct vtl_fixture *fixture, unsigned level, bool assist)
{
    struct vtl_vp *vp = &fixture->vtl->vps[0];
    atomic_fetch_or(&fixture->vtl->enabled, 1u << level);
    atomic_fetch_or(&vp->enabled, 1u << level);
    vp->levels[level].initial.pc = HANDLER;
    if (assist) {
        assert_true(vtl_assist_set(fixture->base.cpu, level, ASSIST | VTL_ASSIST_ENABLED));
    }
}

static void deny(struct vtl_fixture *fixture, uint64_t address, unsigned level, unsigned denied)
{
    const struct memory_slot *slot = memory_find(fixture->base.memory, gpa(address));
    attributes_store(slot, gpa(address), attributes_with(attributes_load(slot, gpa(address)), level, denied));
}

static void put_code(struct vtl_fixture *fixture, uint32_t bits)
{
    assert_true(memory_write(fixture->base.memory, gpa(CODE), &bits, sizeof bits));
}

/* As the running level sees it. */
static uint64_t word_at(struct vtl_fixture *fixture, uint64_t address, size_t size)
{
    uint64_t value = 0;
    const uint8_t *overlay = riscv_overlay_at(fixture->vtl->overlays, fixture->base.cpu->level, gpa(address));
    if (overlay != NULL) {
        memcpy(&value, overlay + (address & PAGE_MASK), size);
        return value;
    }
    assert_true(memory_read(fixture->base.memory, gpa(address), &value, size));
    return value;
}

/* A store that is refused, as an engine would do it. */
static void store(struct vtl_fixture *fixture, uint64_t address)
{
    struct riscv_cpu *cpu = fixture->base.cpu;
    cpu->state.pc = CODE;
    assert_false(riscv_store_slow(cpu, address, 8, 0x55));
    assert_int_equal(cpu->trap.origin, RISCV_TRAP_VIOLATION);
    riscv_take_trap(cpu);
}

static void write_pinned(struct vtl_fixture *fixture, uint64_t value)
{
    struct riscv_cpu *cpu = fixture->base.cpu;
    cpu->state.pc = CODE;
    assert_false(riscv_consult_pins(cpu, STVEC_CSR, value));
    cpu->trap.tval = CSRW_STVEC; /* what engines do for tval_is_encoding */
    riscv_take_trap(cpu);
}

static void assert_faulted(const struct riscv_cpu *cpu, uint64_t cause)
{
    assert_int_equal(cpu->level, 0);
    assert_true(cpu->state.pc == STVEC);
    assert_true(cpu->state.csr.scause == cause);
    assert_true(cpu->state.csr.sepc == CODE);
}

/* ---- Pages ------------------------------------------------------------------------------------------------------ */

static void a_refused_store_is_told_with_everything_about_it(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    put_code(fixture, SD_A0_A1);
    riscv_set_mstatus_SUM(&cpu->state, 1);
    cpu->state.x[16] = 0x1616;
    store(fixture, DATA + 0x18);
    assert_int_equal(cpu->level, 1);
    assert_true(cpu->state.pc == HANDLER);
    assert_int_equal(word_at(fixture, ASSIST + 8, 4), 3);
    assert_int_equal(word_at(fixture, ASSIST + 16, 8), 0x1616);
    assert_int_equal(word_at(fixture, MESSAGE, 4), 0x80000001);
    assert_int_equal(word_at(fixture, MESSAGE + 4, 4), 64);
    assert_true(word_at(fixture, MESSAGE + 8, 8) == UINT64_MAX);
    assert_int_equal(word_at(fixture, PAYLOAD, 4), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 4, 1), 4);
    assert_int_equal(word_at(fixture, PAYLOAD + 5, 1), 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 6, 2), RISCV_MODE_S);
    assert_true(word_at(fixture, PAYLOAD + 8, 8) == CODE);
    assert_true((word_at(fixture, PAYLOAD + 16, 8) & RISCV_MSTATUS_SUM_MASK) != 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 1), 4);
    assert_int_equal(word_at(fixture, PAYLOAD + 29, 1), 3);
    assert_int_equal(word_at(fixture, PAYLOAD + 32, 4), SD_A0_A1);
    assert_int_equal(word_at(fixture, PAYLOAD + 36, 4), 8);
    assert_true(word_at(fixture, PAYLOAD + 40, 8) == DATA + 0x18);
    assert_true(word_at(fixture, PAYLOAD + 48, 8) == DATA + 0x18);
    assert_int_equal(word_at(fixture, PAYLOAD + 56, 8), RISCV_EXCEPTION_STORE_ACCESS_FAULT);
    assert_int_equal(word_at(fixture, DATA + 0x18, 8), 0);
    assert_int_equal(fixture->seen_count, 1);
    assert_int_equal(fixture->seen.outcome, VTL_OUTCOME_DELIVERED);
    assert_true(vtl_switch_down(cpu, false));
    assert_true(cpu->state.pc == CODE); /* it will be tried again */
}

static void user_mode_and_a_compressed_instruction_are_told(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 2, true);
    deny(fixture, DATA, 2, ATTRIBUTE_READ | ATTRIBUTE_WRITE);
    put_code(fixture, C_NOP);
    fixture_set_mode(cpu, RISCV_MODE_U);
    uint64_t value;
    assert_false(riscv_load_slow(cpu, DATA, 4, &value));
    riscv_take_trap(cpu);
    assert_int_equal(cpu->level, 2);
    assert_int_equal(word_at(fixture, PAYLOAD + 4, 1), 2);
    assert_int_equal(word_at(fixture, PAYLOAD + 5, 1), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 6, 2), RISCV_MODE_U);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 1), 2);
    assert_true(fixture->seen.user);
}

static void the_level_of_the_culprit_is_told(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, false);
    enable(fixture, 2, true);
    deny(fixture, DATA, 2, ATTRIBUTE_WRITE);
    vtl_enter(cpu, 1, VTL_ENTRY_CALL);
    store(fixture, DATA);
    assert_int_equal(cpu->level, 2);
    assert_int_equal(word_at(fixture, PAYLOAD + 6, 2), RISCV_MODE_S | 1u << 7);
}

static void a_refused_fetch_has_no_bytes(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    deny(fixture, CODE, 1, ATTRIBUTE_KERNEL);
    put_code(fixture, SD_A0_A1);
    const uint8_t *page;
    assert_false(riscv_fetch_page(cpu, CODE, &page));
    riscv_take_trap(cpu);
    assert_int_equal(cpu->level, 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 4, 1), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 5, 1), 2);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 1), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 32, 4), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 56, 8), RISCV_EXCEPTION_INSTRUCTION_ACCESS_FAULT);
}

static void an_unreadable_instruction_costs_the_message_its_bytes_only(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    put_code(fixture, SD_A0_A1);
    deny(fixture, CODE, 2, ATTRIBUTE_KERNEL); /* it was fetched before that */
    store(fixture, DATA);
    assert_int_equal(fixture->base.cpu->level, 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 4, 1), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 1), 0);
    assert_true(word_at(fixture, PAYLOAD + 48, 8) == DATA); /* looking at it has not changed what was refused */
}

static void put_entry(struct vtl_fixture *fixture, uint64_t place, uint64_t to, uint64_t bits)
{
    const uint64_t entry = to >> PAGE_SHIFT << 10 | bits;
    assert_true(memory_write(fixture->base.memory, gpa(place), &entry, sizeof entry));
}

/* What the walker remembers of tables it may not read any more is not used either. */
static void the_instruction_is_read_by_the_rights_of_now(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    const uint64_t pages[] = { TABLE >> PAGE_SHIFT };
    size_t failed;
    enable(fixture, 1, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    put_code(fixture, SD_A0_A1);
    put_entry(fixture, TABLE + RAM_BASE / 0x40000000 * 8, TABLE + 0x1000, 1);
    put_entry(fixture, TABLE + 0x1000, TABLE + 0x2000, 1);
    put_entry(fixture, TABLE + 0x2000 + (CODE - RAM_BASE) / PAGE_SIZE * 8, CODE, 0xcf);
    put_entry(fixture, TABLE + 0x2000 + (DATA - RAM_BASE) / PAGE_SIZE * 8, DATA, 0xcf);
    cpu->state.csr.satp = UINT64_C(8) << 60 | TABLE >> PAGE_SHIFT;
    riscv_translation_changed(cpu);
    cpu->state.pc = CODE;
    assert_false(riscv_store_slow(cpu, DATA, 8, 0x55));
    assert_true(rights_change(fixture->base.machine->rights, NULL, 1, ATTRIBUTE_READ, pages, 1, &failed));
    riscv_take_trap(cpu);
    assert_int_equal(cpu->level, 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 1), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 32, 4), 0);
}

static void a_refused_page_walk_names_the_entry_and_the_address(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    deny(fixture, TABLE, 1, ATTRIBUTE_READ | ATTRIBUTE_WRITE);
    cpu->state.csr.satp = UINT64_C(8) << 60 | TABLE >> PAGE_SHIFT;
    riscv_translation_changed(cpu);
    uint64_t value;
    assert_false(riscv_load_slow(cpu, 0x40000000, 8, &value));
    riscv_take_trap(cpu);
    assert_int_equal(cpu->level, 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 29, 1), 7);
    assert_int_equal(word_at(fixture, PAYLOAD + 40, 8), 0x40000000);
    assert_true(word_at(fixture, PAYLOAD + 48, 8) == TABLE + 8);
    assert_int_equal(word_at(fixture, PAYLOAD + 56, 8), RISCV_EXCEPTION_LOAD_ACCESS_FAULT);
}

static void a_tlb_lock_shows_in_the_message(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    atomic_store(&fixture->vtl->vps[0].levels[1].secure[0], (uint8_t)VTL_SECURE_TLB_LOCKED);
    store(fixture, DATA);
    assert_int_equal(word_at(fixture, PAYLOAD + 29, 1), 3 | 8);
}

static void the_lowest_level_that_refuses_is_told(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, true);
    enable(fixture, 2, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    deny(fixture, DATA, 2, ATTRIBUTE_WRITE);
    store(fixture, DATA);
    assert_int_equal(fixture->base.cpu->level, 1);
}

static void without_an_assist_page_it_is_an_access_fault(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, false);
    enable(fixture, 2, true); /* who refuses too, but is not the lowest */
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    deny(fixture, DATA, 2, ATTRIBUTE_WRITE);
    store(fixture, DATA + 8);
    assert_faulted(fixture->base.cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT);
    assert_true(fixture->base.cpu->state.csr.stval == DATA + 8);
    assert_int_equal(fixture->seen.outcome, VTL_OUTCOME_FAULT);
    assert_int_equal(fixture->seen_count, 1);
}

static void a_level_that_this_vp_has_not_is_not_told(void **state)
{
    struct vtl_fixture *fixture = *state;
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    assert_true(vtl_assist_set(fixture->base.cpu, 1, ASSIST | VTL_ASSIST_ENABLED));
    store(fixture, DATA);
    assert_faulted(fixture->base.cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT);
}

static void a_message_leaves_what_is_below_the_assist_page_alone(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    store(fixture, DATA);
    assert_int_equal(fixture->base.cpu->level, 1);
    assert_int_equal(word_at(fixture, MESSAGE, 4), 0x80000001);
    uint32_t below = 1;
    assert_true(memory_read(fixture->base.memory, gpa(MESSAGE), &below, sizeof below));
    assert_int_equal(below, 0);
}

/* ---- Registers -------------------------------------------------------------------------------------------------- */

static void pin_stvec(struct vtl_fixture *fixture, unsigned level, uint64_t mask)
{
    struct vtl_vp_level *own = &fixture->vtl->vps[0].levels[level];
    own->pin_control = 1u << RISCV_PIN_STVEC;
    own->pin_masks[RISCV_PIN_STVEC] = mask;
    vtl_pins_changed(fixture->base.cpu);
}

static void a_pinned_write_is_told_with_its_value(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    pin_stvec(fixture, 1, UINT64_MAX);
    put_code(fixture, CSRW_STVEC);
    write_pinned(fixture, 0x1234);
    assert_int_equal(cpu->level, 1);
    assert_int_equal(word_at(fixture, MESSAGE, 4), 0x80010006);
    assert_int_equal(word_at(fixture, MESSAGE + 4, 1), 56);
    assert_int_equal(word_at(fixture, PAYLOAD + 4, 1), 4);
    assert_int_equal(word_at(fixture, PAYLOAD + 5, 1), 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 24, 4), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 4), 0x81105);
    assert_int_equal(word_at(fixture, PAYLOAD + 32, 8), 0x1234);
    assert_int_equal(word_at(fixture, PAYLOAD + 40, 8), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 48, 4), CSRW_STVEC);
    assert_int_equal(word_at(fixture, PAYLOAD + 52, 1), 4);
    assert_int_equal(cpu->pins_held, 0); /* the level that pinned it is free */
    assert_true(vtl_switch_down(cpu, true));
    assert_int_equal(cpu->pins_held, 1u << RISCV_PIN_STVEC);
    assert_true(cpu->state.csr.stvec == STVEC && cpu->state.pc == CODE);
}

static void a_pinned_write_that_nobody_takes_is_an_illegal_instruction(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, false);
    pin_stvec(fixture, 1, UINT64_MAX);
    write_pinned(fixture, 0x1234);
    assert_faulted(fixture->base.cpu, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
    assert_int_equal(fixture->seen.kind, VTL_INCIDENT_REGISTER);
    assert_int_equal(fixture->seen.csr, STVEC_CSR);
}

static void of_levels_that_pinned_the_lowest_whose_bits_change_is_told(void **state)
{
    struct vtl_fixture *fixture = *state;
    enable(fixture, 1, true);
    enable(fixture, 2, true);
    pin_stvec(fixture, 1, UINT64_C(0xff) << 56);
    pin_stvec(fixture, 2, UINT64_MAX);
    write_pinned(fixture, STVEC + 0x100);
    assert_int_equal(fixture->base.cpu->level, 2);
}

/* ---- SBI calls -------------------------------------------------------------------------------------------------- */

static void a_start_is_told_with_the_pc_at_the_call(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    put_code(fixture, 0x73);
    cpu->state.pc = CODE + 4;
    assert_true(vtl_intercept_start(cpu, 1, 5, 0, 0xabc0, 0xdef));
    assert_int_equal(cpu->level, 1);
    assert_int_equal(word_at(fixture, MESSAGE, 4), 0x80010009);
    assert_int_equal(word_at(fixture, MESSAGE + 4, 1), 56);
    assert_true(word_at(fixture, PAYLOAD + 8, 8) == CODE);
    assert_int_equal(word_at(fixture, PAYLOAD + 24, 4), 5);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 4), 0);
    assert_int_equal(word_at(fixture, PAYLOAD + 32, 8), 0xabc0);
    assert_int_equal(word_at(fixture, PAYLOAD + 40, 8), 0xdef);
    assert_int_equal(word_at(fixture, PAYLOAD + 48, 4), 0x73);
    assert_int_equal(word_at(fixture, PAYLOAD + 52, 1), 4);
    assert_true(vtl_switch_down(cpu, true));
    assert_true(cpu->state.pc == CODE);
}

static void a_reset_is_told(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    put_code(fixture, 0x73);
    cpu->state.pc = CODE + 4;
    assert_true(vtl_intercept_reset(cpu, 1, 2, 1));
    assert_int_equal(word_at(fixture, MESSAGE, 4), 0x8001000c);
    assert_int_equal(word_at(fixture, MESSAGE + 4, 1), 40);
    assert_int_equal(word_at(fixture, PAYLOAD + 24, 4), 2);
    assert_int_equal(word_at(fixture, PAYLOAD + 28, 4), 1);
    assert_int_equal(word_at(fixture, PAYLOAD + 32, 4), 0x73);
    assert_int_equal(word_at(fixture, PAYLOAD + 36, 1), 4);
}

static void without_an_assist_page_a_call_stays_the_firmwares(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, false);
    cpu->state.pc = CODE + 4;
    assert_false(vtl_intercept_reset(cpu, 1, 0, 0));
    assert_true(cpu->state.pc == CODE + 4);
    assert_int_equal(cpu->level, 0);
}

/* ---- Holders ---------------------------------------------------------------------------------------------------- */

static void a_holder_can_let_the_guest_fault(void **state)
{
    struct vtl_fixture *fixture = *state;
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    fixture->verdict = VTL_VERDICT_FAULT;
    store(fixture, DATA);
    assert_int_equal(fixture->asked, 1);
    assert_faulted(fixture->base.cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT);
    assert_int_equal(fixture->seen.outcome, VTL_OUTCOME_FAULT);
}

static void a_holder_can_have_it_tried_again(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    fixture->verdict = VTL_VERDICT_RETRY;
    store(fixture, DATA);
    assert_true(cpu->state.pc == CODE && cpu->level == 0);
    deny(fixture, DATA, 1, 0);
    assert_true(riscv_store_slow(cpu, DATA, 8, 0x55));
    assert_int_equal(fixture->seen.outcome, VTL_OUTCOME_RETRIED);
}

static void a_holder_can_have_it_left_out(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    fixture->verdict = VTL_VERDICT_SKIP;
    put_code(fixture, SD_A0_A1);
    store(fixture, DATA);
    assert_true(cpu->state.pc == CODE + 4);
    put_code(fixture, C_NOP);
    store(fixture, DATA);
    assert_true(cpu->state.pc == CODE + 2);
    assert_int_equal(fixture->seen.outcome, VTL_OUTCOME_SKIPPED);
}

static void a_fetch_cannot_be_left_out(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    deny(fixture, CODE, 1, ATTRIBUTE_KERNEL);
    fixture->verdict = VTL_VERDICT_SKIP;
    const uint8_t *page;
    assert_false(riscv_fetch_page(cpu, CODE, &page));
    riscv_take_trap(cpu);
    assert_faulted(cpu, RISCV_EXCEPTION_INSTRUCTION_ACCESS_FAULT);
}

/* ---- Events and VINA -------------------------------------------------------------------------------------------- */

static void a_pending_event_is_delivered_at_the_return(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    deny(fixture, DATA, 1, ATTRIBUTE_WRITE);
    store(fixture, DATA);
    struct vtl_vp_level *lower = &fixture->vtl->vps[0].levels[0];
    lower->event[0] = VTL_EVENT_PENDING | RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S << 8; /* the firmware is not asked */
    lower->event[1] = 0x77;
    assert_true(vtl_switch_down(cpu, true));
    assert_faulted(cpu, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S);
    assert_int_equal(cpu->state.csr.stval, 0x77);
    assert_int_equal(lower->event[0], 0);
}

static bool boundary(struct riscv_cpu *cpu)
{
    return vcpu_take(&cpu->vcpu, VCPU_INTERRUPT) != 0 && riscv_take_interrupt(cpu);
}

static bool has_software_interrupt(const struct riscv_cpu *cpu)
{
    return riscv_mip_SSIP(&cpu->state) != 0;
}

static void enter_with_vina(struct vtl_fixture *fixture, uint64_t vina)
{
    struct riscv_cpu *cpu = fixture->base.cpu;
    enable(fixture, 1, true);
    fixture->vtl->vps[0].levels[1].vina = vina;
    vtl_vina_changed(cpu, 1);
    cpu->state.csr.mie = 1u << RISCV_INTERRUPT_SEI;
    riscv_set_mstatus_SIE(&cpu->state, 1);
    vtl_enter(cpu, 1, VTL_ENTRY_CALL);
    assert_false(boundary(cpu));
}

static void a_held_back_interrupt_is_notified_once(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enter_with_vina(fixture, VTL_VINA_ENABLED | RISCV_INTERRUPT_SSI);
    assert_false(has_software_interrupt(cpu));
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    assert_false(boundary(cpu)); /* SIE is 0: it stays pending */
    assert_true(has_software_interrupt(cpu));
    assert_int_equal(word_at(fixture, ASSIST + 12, 1), 1);
    riscv_set_mip_SSIP(&cpu->state, 0);
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT);
    assert_false(boundary(cpu));
    assert_false(has_software_interrupt(cpu));
    riscv_overlay_at(fixture->vtl->overlays, 1, gpa(ASSIST))[12] = 0;
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT);
    assert_false(boundary(cpu));
    assert_true(has_software_interrupt(cpu));
}

static void automatic_reset_arms_it_at_the_next_entry(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enter_with_vina(fixture, VTL_VINA_ENABLED | VTL_VINA_AUTO_RESET | RISCV_INTERRUPT_SSI);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    assert_false(boundary(cpu));
    riscv_set_mip_SSIP(&cpu->state, 0);
    assert_true(vtl_switch_down(cpu, true));
    vtl_enter(cpu, 1, VTL_ENTRY_CALL);
    assert_int_equal(word_at(fixture, ASSIST + 12, 1), 0);
    assert_false(boundary(cpu));
    assert_true(has_software_interrupt(cpu));
    assert_int_equal(word_at(fixture, ASSIST + 12, 1), 1);
}

static void what_the_lower_level_masks_is_not_notified(void **state)
{
    struct vtl_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    enter_with_vina(fixture, VTL_VINA_ENABLED | RISCV_INTERRUPT_SSI);
    riscv_set_mstatus_SIE(riscv_level_state(cpu, 0), 0);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    assert_false(boundary(cpu));
    assert_false(has_software_interrupt(cpu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refused_store_is_told_with_everything_about_it, create, destroy),
        cmocka_unit_test_setup_teardown(user_mode_and_a_compressed_instruction_are_told, create, destroy),
        cmocka_unit_test_setup_teardown(the_level_of_the_culprit_is_told, create, destroy),
        cmocka_unit_test_setup_teardown(a_refused_fetch_has_no_bytes, create, destroy),
        cmocka_unit_test_setup_teardown(an_unreadable_instruction_costs_the_message_its_bytes_only, create, destroy),
        cmocka_unit_test_setup_teardown(the_instruction_is_read_by_the_rights_of_now, create, destroy),
        cmocka_unit_test_setup_teardown(a_refused_page_walk_names_the_entry_and_the_address, create, destroy),
        cmocka_unit_test_setup_teardown(a_tlb_lock_shows_in_the_message, create, destroy),
        cmocka_unit_test_setup_teardown(the_lowest_level_that_refuses_is_told, create, destroy),
        cmocka_unit_test_setup_teardown(without_an_assist_page_it_is_an_access_fault, create, destroy),
        cmocka_unit_test_setup_teardown(a_level_that_this_vp_has_not_is_not_told, create, destroy),
        cmocka_unit_test_setup_teardown(a_message_leaves_what_is_below_the_assist_page_alone, create, destroy),
        cmocka_unit_test_setup_teardown(a_pinned_write_is_told_with_its_value, create, destroy),
        cmocka_unit_test_setup_teardown(a_pinned_write_that_nobody_takes_is_an_illegal_instruction, create, destroy),
        cmocka_unit_test_setup_teardown(of_levels_that_pinned_the_lowest_whose_bits_change_is_told, create, destroy),
        cmocka_unit_test_setup_teardown(a_start_is_told_with_the_pc_at_the_call, create, destroy),
        cmocka_unit_test_setup_teardown(a_reset_is_told, create, destroy),
        cmocka_unit_test_setup_teardown(without_an_assist_page_a_call_stays_the_firmwares, create, destroy),
        cmocka_unit_test_setup_teardown(a_holder_can_let_the_guest_fault, create_with_holder, destroy),
        cmocka_unit_test_setup_teardown(a_holder_can_have_it_tried_again, create_with_holder, destroy),
        cmocka_unit_test_setup_teardown(a_holder_can_have_it_left_out, create_with_holder, destroy),
        cmocka_unit_test_setup_teardown(a_fetch_cannot_be_left_out, create_with_holder, destroy),
        cmocka_unit_test_setup_teardown(a_pending_event_is_delivered_at_the_return, create, destroy),
        cmocka_unit_test_setup_teardown(a_held_back_interrupt_is_notified_once, create, destroy),
        cmocka_unit_test_setup_teardown(automatic_reset_arms_it_at_the_next_entry, create, destroy),
        cmocka_unit_test_setup_teardown(what_the_lower_level_masks_is_not_notified, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
