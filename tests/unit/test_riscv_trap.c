/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts: delegation, the status stack, priorities, timers, counters, waiting. */
#include "test_riscv_fixture.h"

#include <pthread.h>
#include <time.h>

#define MTVEC       (RAM_BASE + 0x1000)
#define STVEC       (RAM_BASE + 0x2000)
#define PC          (RAM_BASE + 0x3004)

#define BIT(number) (UINT64_C(1) << (number))

static int create(void **state)
{
    struct riscv_cpu *cpu = fixture_set_up(state, 2)->cpu;
    cpu->state.csr.mtvec = MTVEC;
    cpu->state.csr.stvec = STVEC;
    cpu->state.pc = PC;
    return 0;
}

/* ---- Exceptions ---------------------------------------------------------------------------------------------- */

static void exceptions_go_to_m_unless_delegated(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    fixture_set_mode(cpu, RISCV_MODE_U);
    riscv_raise(cpu, RISCV_EXCEPTION_LOAD_PAGE_FAULT, 0x1234);
    riscv_take_trap(cpu);
    assert_int_equal(cpu->state.mode, RISCV_MODE_M);
    assert_true(cpu->state.pc == MTVEC);
    assert_true(cpu->state.csr.mepc == PC);
    assert_int_equal(cpu->state.csr.mcause, 13);
    assert_int_equal(cpu->state.csr.mtval, 0x1234);
    assert_int_equal(riscv_mstatus_MPP(&cpu->state), RISCV_MODE_U);
    assert_int_equal(cpu->statistics.exceptions[13], 1);
}

static void delegated_exceptions_go_to_s_from_s_and_u_only(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    static const enum riscv_mode modes[] = { RISCV_MODE_U, RISCV_MODE_S, RISCV_MODE_M };
    cpu->state.csr.medeleg = BIT(RISCV_EXCEPTION_BREAKPOINT);
    for (unsigned i = 0; i < 3; i++) {
        cpu->state.pc = PC;
        fixture_set_mode(cpu, modes[i]);
        riscv_raise(cpu, RISCV_EXCEPTION_BREAKPOINT, PC);
        riscv_take_trap(cpu);
        bool to_machine = modes[i] == RISCV_MODE_M;
        assert_int_equal(cpu->state.mode, to_machine ? RISCV_MODE_M : RISCV_MODE_S);
        assert_true(cpu->state.pc == (to_machine ? MTVEC : STVEC));
        if (!to_machine) {
            assert_true(cpu->state.csr.sepc == PC && cpu->state.csr.stval == PC);
            assert_int_equal(cpu->state.csr.scause, RISCV_EXCEPTION_BREAKPOINT);
            assert_int_equal(riscv_mstatus_SPP(&cpu->state), modes[i] == RISCV_MODE_S);
        }
        fixture_set_mode(cpu, modes[i]);
        riscv_raise(cpu, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION, 0);
        riscv_take_trap(cpu);
        assert_int_equal(cpu->state.mode, RISCV_MODE_M);
    }
}

static void a_trap_stacks_the_interrupt_enable(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    for (uint64_t enabled = 0; enabled < 2; enabled++) {
        cpu->state.csr.medeleg = 0;
        riscv_set_mstatus_MIE(&cpu->state, enabled);
        riscv_set_mstatus_MPIE(&cpu->state, !enabled);
        riscv_raise(cpu, RISCV_EXCEPTION_BREAKPOINT, 0);
        riscv_take_trap(cpu);
        assert_int_equal(riscv_mstatus_MIE(&cpu->state), 0);
        assert_int_equal(riscv_mstatus_MPIE(&cpu->state), enabled);
        cpu->state.csr.medeleg = UINT64_MAX;
        fixture_set_mode(cpu, RISCV_MODE_S);
        riscv_set_mstatus_SIE(&cpu->state, enabled);
        riscv_set_mstatus_SPIE(&cpu->state, !enabled);
        riscv_raise(cpu, RISCV_EXCEPTION_BREAKPOINT, 0);
        riscv_take_trap(cpu);
        assert_int_equal(riscv_mstatus_SIE(&cpu->state), 0);
        assert_int_equal(riscv_mstatus_SPIE(&cpu->state), enabled);
    }
}

static bool answer(struct riscv_cpu *cpu)
{
    cpu->state.x[10] = cpu->state.x[17] + 1;
    return cpu->state.x[17] != 0;
}

static void the_built_in_firmware_answers_calls_from_s(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->machine->firmware = answer;
    fixture_set_mode(cpu, RISCV_MODE_S);
    cpu->state.x[17] = 41;
    riscv_raise(cpu, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S, 0);
    riscv_take_trap(cpu);
    assert_int_equal(cpu->state.mode, RISCV_MODE_S);
    assert_true(cpu->state.pc == PC + 4);
    assert_int_equal(cpu->state.x[10], 42);
    cpu->state.x[17] = 0; /* not answered: delivered, and to S as there is no M */
    riscv_raise(cpu, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S, 0);
    riscv_take_trap(cpu);
    assert_true(cpu->state.pc == STVEC && cpu->state.csr.sepc == PC + 4);
    fixture_set_mode(cpu, RISCV_MODE_U);
    riscv_raise(cpu, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_U, 0);
    riscv_take_trap(cpu);
    assert_int_equal(cpu->state.mode, RISCV_MODE_S);
    assert_int_equal(cpu->state.csr.scause, RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_U);
    assert_int_equal(cpu->statistics.firmware_calls, 2);
}

/* ---- Interrupts ---------------------------------------------------------------------------------------------- */

static const enum riscv_interrupt priority[] = {
    RISCV_INTERRUPT_MEI, RISCV_INTERRUPT_MSI, RISCV_INTERRUPT_MTI,
    RISCV_INTERRUPT_SEI, RISCV_INTERRUPT_SSI, RISCV_INTERRUPT_STI,
};

static void interrupts_are_taken_in_order_of_priority(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_cpu_set_mtimecmp(cpu, 0);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_MEI, true);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_MSI, true);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    cpu->state.csr.mip = BIT(RISCV_INTERRUPT_SSI) | BIT(RISCV_INTERRUPT_STI);
    cpu->state.csr.mie = 0xaaa;
    for (size_t i = 0; i < sizeof priority / sizeof *priority; i++) {
        fixture_set_mode(cpu, RISCV_MODE_U);
        assert_true(riscv_take_interrupt(cpu));
        assert_true(cpu->state.csr.mcause == (RISCV_CAUSE_INTERRUPT | priority[i]));
        assert_int_equal(cpu->statistics.interrupts[priority[i]], 1);
        cpu->state.csr.mie &= ~BIT(priority[i]);
    }
    fixture_set_mode(cpu, RISCV_MODE_U);
    assert_false(riscv_take_interrupt(cpu));
}

static void interrupts_for_m_go_before_delegated_ones(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->state.csr.mideleg = BIT(RISCV_INTERRUPT_SEI);
    cpu->state.csr.mip = BIT(RISCV_INTERRUPT_SSI); /* lower priority, but not delegated */
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    cpu->state.csr.mie = UINT64_MAX;
    fixture_set_mode(cpu, RISCV_MODE_U);
    assert_true(riscv_take_interrupt(cpu));
    assert_int_equal(cpu->state.mode, RISCV_MODE_M);
    assert_true(cpu->state.csr.mcause == (RISCV_CAUSE_INTERRUPT | RISCV_INTERRUPT_SSI));
}

/* Whether an interrupt is taken from a mode with this enable bit: "Machine Interrupt Registers". */
static void interrupts_wait_for_the_enable_of_their_own_mode(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    static const enum riscv_mode modes[] = { RISCV_MODE_U, RISCV_MODE_S, RISCV_MODE_M };
    for (unsigned i = 0; i < 3 * 2 * 2; i++) {
        enum riscv_mode mode = modes[i % 3];
        bool enabled = (i / 3 & 1) != 0;
        bool delegated = (i / 6 & 1) != 0;
        cpu->state.csr.mideleg = delegated ? BIT(RISCV_INTERRUPT_SSI) : 0;
        cpu->state.csr.mip = cpu->state.csr.mie = BIT(RISCV_INTERRUPT_SSI);
        riscv_set_mstatus_MIE(&cpu->state, enabled);
        riscv_set_mstatus_SIE(&cpu->state, enabled);
        fixture_set_mode(cpu, mode);
        enum riscv_mode target = delegated ? RISCV_MODE_S : RISCV_MODE_M;
        bool expected = mode < target || (mode == target && enabled);
        assert_int_equal((vcpu_attention(&cpu->vcpu) & VCPU_INTERRUPT) != 0, expected);
        vcpu_take(&cpu->vcpu, VCPU_INTERRUPT);
        assert_int_equal(riscv_take_interrupt(cpu), expected);
        if (expected) {
            assert_int_equal(cpu->state.mode, target);
        }
    }
}

static void vectored_handlers_are_for_interrupts(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->state.csr.mtvec = MTVEC | 1;
    cpu->state.csr.mie = cpu->state.csr.mip = BIT(RISCV_INTERRUPT_SSI);
    fixture_set_mode(cpu, RISCV_MODE_U);
    assert_true(riscv_take_interrupt(cpu));
    assert_true(cpu->state.pc == MTVEC + 4 * RISCV_INTERRUPT_SSI);
    assert_true(cpu->state.csr.mtval == 0);
    riscv_raise(cpu, RISCV_EXCEPTION_BREAKPOINT, 0);
    riscv_take_trap(cpu);
    assert_true(cpu->state.pc == MTVEC);
}

static void a_line_asks_for_attention_when_it_rises(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    assert_int_equal(vcpu_take(&cpu->vcpu, UINT32_MAX), VCPU_INTERRUPT);
    assert_true(riscv_interrupt_lines(cpu) == BIT(RISCV_INTERRUPT_SEI));
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, false);
    assert_int_equal(vcpu_take(&cpu->vcpu, UINT32_MAX), 0);
    assert_true(riscv_interrupt_lines(cpu) == 0);
}

static void a_posted_interrupt_lands_in_mip(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_cpu_post(cpu, RISCV_INTERRUPT_SSI);
    assert_int_equal(cpu->state.csr.mip, 0); /* only the hart itself touches its registers */
    assert_int_equal(vcpu_take(&cpu->vcpu, UINT32_MAX), VCPU_INTERRUPT);
    assert_false(riscv_interrupt_wakeup(cpu)); /* not enabled */
    assert_true(cpu->state.csr.mip == BIT(RISCV_INTERRUPT_SSI));
    cpu->state.csr.mie = BIT(RISCV_INTERRUPT_SSI);
    assert_true(riscv_interrupt_wakeup(cpu));
}

static void with_built_in_firmware_only_supervisor_interrupts_arrive(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->machine->firmware = answer;
    cpu->state.csr.mie = UINT64_MAX;
    fixture_set_mode(cpu, RISCV_MODE_U);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_MSI, true);
    assert_false(riscv_take_interrupt(cpu));
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_SEI, true);
    assert_true(riscv_take_interrupt(cpu));
    assert_int_equal(cpu->state.mode, RISCV_MODE_S);
}

/* ---- Timers -------------------------------------------------------------------------------------------------- */

#define PATIENCE UINT64_C(60000000000) /* ns */
#define SOON     (RISCV_TIME_FREQUENCY / 100)
#define HOUR     (RISCV_TIME_FREQUENCY * 3600)

/* The host may stand still for longer than a timer takes: the line is high already then, and nobody need ask. Else
 * whoever sleeps is woken, by an alarm that is never early. */
static void wait_for_timer(struct riscv_cpu *cpu)
{
    vcpu_take(&cpu->vcpu, UINT32_MAX); /* asked when the timer was set, or due since: the look comes after it */
    if (riscv_interrupt_lines(cpu) == 0) {
        vcpu_wait(&cpu->vcpu, alarm_now() + PATIENCE);
        assert_int_equal(vcpu_take(&cpu->vcpu, UINT32_MAX), VCPU_INTERRUPT);
    }
}

static void the_machine_timer_rises_at_its_time_and_falls_with_a_later_one(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_cpu_set_mtimecmp(cpu, riscv_machine_time(cpu->machine) + HOUR);
    assert_true(riscv_interrupt_lines(cpu) == 0);
    uint64_t when = riscv_machine_time(cpu->machine) + SOON;
    riscv_cpu_set_mtimecmp(cpu, when);
    wait_for_timer(cpu);
    assert_true(riscv_interrupt_lines(cpu) == BIT(RISCV_INTERRUPT_MTI));
    assert_true(riscv_machine_time(cpu->machine) >= when);
    riscv_cpu_set_mtimecmp(cpu, UINT64_MAX);
    assert_true(riscv_interrupt_lines(cpu) == 0);
    riscv_cpu_set_mtimecmp(cpu, UINT64_MAX - 1); /* centuries: must not wrap */
    assert_true(riscv_interrupt_lines(cpu) == 0);
}

static void the_supervisor_timer_works_while_m_lends_it(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->state.csr.stimecmp = 0;
    riscv_interrupts_changed(cpu);
    assert_true(riscv_interrupt_lines(cpu) == 0);
    riscv_set_menvcfg_STCE(&cpu->state, 1);
    riscv_interrupts_changed(cpu);
    assert_true(riscv_interrupt_lines(cpu) == BIT(RISCV_INTERRUPT_STI));
    cpu->state.csr.stimecmp = riscv_machine_time(cpu->machine) + HOUR;
    riscv_interrupts_changed(cpu);
    assert_true(riscv_interrupt_lines(cpu) == 0);
    cpu->state.csr.stimecmp = riscv_machine_time(cpu->machine) + SOON;
    riscv_interrupts_changed(cpu);
    wait_for_timer(cpu);
    assert_true(riscv_interrupt_lines(cpu) == BIT(RISCV_INTERRUPT_STI));
    assert_true(riscv_machine_time(cpu->machine) >= cpu->state.csr.stimecmp);
    riscv_set_menvcfg_STCE(&cpu->state, 0);
    riscv_interrupts_changed(cpu);
    assert_true(riscv_interrupt_lines(cpu) == 0);
}

/* "Sstc": while the comparison rules, what software once wrote to the pending bit does not count. */
static void stip_belongs_to_the_comparison_while_stce_is_set(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->state.csr.mip = cpu->state.csr.mie = BIT(RISCV_INTERRUPT_STI);
    assert_true(riscv_interrupt_wakeup(cpu));
    riscv_set_menvcfg_STCE(&cpu->state, 1);
    riscv_interrupts_changed(cpu);
    assert_false(riscv_interrupt_wakeup(cpu));
}

static void the_firmware_timer_needs_no_sstc(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->machine->firmware = answer;
    riscv_set_supervisor_timer(cpu, 0);
    assert_true(riscv_interrupt_lines(cpu) == BIT(RISCV_INTERRUPT_STI));
    riscv_set_supervisor_timer(cpu, UINT64_MAX);
    assert_true(riscv_interrupt_lines(cpu) == 0);
}

static void *interrupt_soon(void *context)
{
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    riscv_cpu_set_line(context, RISCV_INTERRUPT_SEI, true);
    return NULL;
}

static void waiting_ends_with_an_interrupt(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    pthread_t thread;
    cpu->state.csr.mie = BIT(RISCV_INTERRUPT_SEI);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, cpu), 0);
    while (!riscv_interrupt_wakeup(cpu)) {
        riscv_wfi(cpu);
        vcpu_take(&cpu->vcpu, UINT32_MAX);
    }
    pthread_join(thread, NULL);
    riscv_wfi(cpu); /* pending: does not wait */
    riscv_wait_on_reservation(cpu, false);
    riscv_wait_on_reservation(cpu, true);
}

static void a_stop_is_taken_before_a_started_hart_runs(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    assert_true(hart_wait_started(cpu));
    vcpu_request(&cpu->vcpu, VCPU_STOP | VCPU_HALT | VCPU_INTERRUPT);
    assert_false(hart_wait_started(cpu));
    assert_int_equal(vcpu_attention(&cpu->vcpu), VCPU_INTERRUPT);
    assert_true(hart_wait_started(cpu));
    hart_stop(cpu);
    assert_true(hart_start(cpu, PC, 0));
    assert_true(hart_wait_started(cpu)); /* though it was asked to look */
    assert_int_equal(vcpu_attention(&cpu->vcpu) & VCPU_HALT, 0);
}

/* ---- Counters, reset ----------------------------------------------------------------------------------------- */

static void counters_read_what_was_written_one_instruction_later(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    cpu->instructions = 1000;
    assert_int_equal(riscv_instret_counter(cpu), 1000);
    riscv_write_instret_counter(cpu, 5);
    riscv_write_cycle_counter(cpu, 0);
    cpu->instructions++;
    assert_int_equal(riscv_instret_counter(cpu), 5);
    assert_int_equal(riscv_cycle_counter(cpu), 0);
    cpu->instructions += 10;
    assert_int_equal(riscv_instret_counter(cpu), 15);
}

static void an_inhibited_counter_stands_still(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    uint64_t value = 0;
    cpu->instructions = 100;
    assert_true(riscv_csr_write(cpu, 0x320, 4)); /* mcountinhibit.IR */
    cpu->instructions = 200;
    assert_int_equal(riscv_instret_counter(cpu), 100);
    assert_true(riscv_cycle_counter(cpu) >= 199);
    assert_true(riscv_csr_write(cpu, 0xb02, 7));
    assert_true(riscv_csr_read(cpu, 0xb02, &value) && value == 7);
    assert_true(riscv_csr_write(cpu, 0x320, 0));
    cpu->instructions = 301;
    assert_int_equal(riscv_instret_counter(cpu), 107);
}

static void expect_read_only_zero(struct riscv_cpu *cpu, uint32_t number)
{
    uint64_t value = 1;
    assert_true(riscv_csr_write(cpu, number, UINT64_MAX));
    assert_true(riscv_csr_read(cpu, number, &value));
    assert_int_equal(value, 0);
}

/* Volume II, "Hardware Performance Monitor": counters and selectors may be read-only zero. Overflow ("Sscofpmf") is not
 * here, so that neither scountovf nor its interrupt is. */
static void event_counters_are_zero_and_do_not_overflow(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    uint64_t value = 1;
    for (uint32_t i = 3; i < 32; i++) {
        expect_read_only_zero(cpu, 0xb00 + i); /* mhpmcounter */
        expect_read_only_zero(cpu, 0x320 + i); /* mhpmevent */
        value = 1;
        assert_true(riscv_csr_read(cpu, 0xc00 + i, &value) && value == 0); /* hpmcounter */
    }
    assert_true(riscv_csr_write(cpu, 0x320, UINT64_MAX) && riscv_csr_read(cpu, 0x320, &value) && value == 5);
    assert_false(riscv_csr_read(cpu, 0xda0, &value)); /* scountovf */
    assert_int_equal(cpu->trap.cause, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
    static const uint32_t with_interrupts[] = { 0x104, 0x144, 0x303, 0x304, 0x344 }; /* sie, sip, mideleg, mie, mip */
    for (size_t i = 0; i < sizeof with_interrupts / sizeof with_interrupts[0]; i++) {
        assert_true(riscv_csr_write(cpu, with_interrupts[i], UINT64_MAX));
        assert_true(riscv_csr_read(cpu, with_interrupts[i], &value));
        assert_int_equal(value >> 13 & 1, 0); /* the counter-overflow interrupt */
    }
}

static void reset_leaves_nothing_of_before(void **state)
{
    struct riscv_cpu *cpu = ((struct fixture *)*state)->machine->cpus[1];
    fixture_set_mode(cpu, RISCV_MODE_U);
    cpu->state.csr.satp = UINT64_C(8) << 60;
    cpu->state.csr.mie = UINT64_MAX;
    riscv_cpu_set_mtimecmp(cpu, 0);
    riscv_cpu_post(cpu, RISCV_INTERRUPT_SSI);
    riscv_pmp_open(cpu);
    riscv_cpu_reset(cpu);
    assert_int_equal(cpu->state.mode, RISCV_MODE_M);
    assert_int_equal(cpu->state.csr.mhartid, 1);
    assert_int_equal(cpu->state.csr.satp, 0);
    assert_int_equal(cpu->pmp.rule_count, 0);
    assert_true(riscv_interrupt_lines(cpu) == 0);
    assert_false(riscv_take_interrupt(cpu));
    assert_ptr_equal(cpu->data_tlb, &cpu->tlbs[RISCV_CONTEXT_M]);
    assert_ptr_equal(cpu->fetch_tlb, &cpu->tlbs[RISCV_CONTEXT_M]);
    riscv_set_mstatus_MIE(&cpu->state, 1);
    riscv_cpu_set_line(cpu, RISCV_INTERRUPT_MSI, true);
    riscv_cpu_reset(cpu);
    assert_true(riscv_interrupt_lines(cpu) == BIT(RISCV_INTERRUPT_MSI)); /* a line is not the hart's own */
}

static void impossible_machines_are_refused_with_a_message(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_machine_config config = { .memory = fixture->memory, .clock = fixture->clock, .cpu_count = 1 };
    static const unsigned counts[][2] = { { 0, 16 }, { RISCV_CPU_COUNT_MAX + 1, 16 }, { 1, 1 }, { 1, 15 }, { 1, 65 } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct error error = { "" };
        config.cpu_count = counts[i][0];
        config.pmp_entry_count = counts[i][1];
        assert_null(riscv_machine_create(&config, &error));
        assert_true(strlen(error.text) > 0);
    }
    riscv_machine_destroy(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(exceptions_go_to_m_unless_delegated),
        TEST(delegated_exceptions_go_to_s_from_s_and_u_only),
        TEST(a_trap_stacks_the_interrupt_enable),
        TEST(the_built_in_firmware_answers_calls_from_s),
        TEST(interrupts_are_taken_in_order_of_priority),
        TEST(interrupts_for_m_go_before_delegated_ones),
        TEST(interrupts_wait_for_the_enable_of_their_own_mode),
        TEST(vectored_handlers_are_for_interrupts),
        TEST(a_line_asks_for_attention_when_it_rises),
        TEST(a_posted_interrupt_lands_in_mip),
        TEST(with_built_in_firmware_only_supervisor_interrupts_arrive),
        TEST(the_machine_timer_rises_at_its_time_and_falls_with_a_later_one),
        TEST(the_supervisor_timer_works_while_m_lends_it),
        TEST(stip_belongs_to_the_comparison_while_stce_is_set),
        TEST(the_firmware_timer_needs_no_sstc),
        TEST(waiting_ends_with_an_interrupt),
        TEST(a_stop_is_taken_before_a_started_hart_runs),
        TEST(counters_read_what_was_written_one_instruction_later),
        TEST(an_inhibited_counter_stands_still),
        TEST(event_counters_are_zero_and_do_not_overflow),
        TEST(reset_leaves_nothing_of_before),
        TEST(impossible_machines_are_refused_with_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
