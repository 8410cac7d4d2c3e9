/* SPDX-License-Identifier: Apache-2.0 */
/* Pinned control registers: which writes are asked about, before they take effect, and what is not. */
#include "test_riscv_fixture.h"

#include "engine/interp/interp.h"

#define CODE            (RAM_BASE + 0x1000)
#define STVEC           (RAM_BASE + 0x2000)

#define CSRRW(csr, rs1) (0x00001073u | (uint32_t)(csr) << 20 | (uint32_t)(rs1) << 15)
#define CSRRS(csr, rs1) (0x00002073u | (uint32_t)(csr) << 20 | (uint32_t)(rs1) << 15)
#define CSRRC(csr, rs1) (0x00003073u | (uint32_t)(csr) << 20 | (uint32_t)(rs1) << 15)
#define CSRRSI(csr, n)  (0x00006073u | (uint32_t)(csr) << 20 | (uint32_t)(n) << 15)
#define SRET            0x10200073u
#define SATP            0x180
#define SSTATUS         0x100
#define STVEC_CSR       0x105
#define SENVCFG         0x10a
#define SCOUNTEREN      0x106
#define SSCRATCH        0x140
#define A0              10

struct pins_fixture {
    struct fixture base;
    unsigned asked;
    bool takes;
    uint32_t number;
    uint64_t value, pc;
};

static bool was_asked(struct riscv_cpu *cpu)
{
    struct pins_fixture *fixture = cpu->machine->trust_context;
    fixture->asked++;
    fixture->number = cpu->pinned.number;
    fixture->value = cpu->pinned.value;
    fixture->pc = cpu->state.pc;
    if (fixture->takes) {
        cpu->state.pc += 4;
    }
    return fixture->takes;
}

static void no_pins(struct riscv_cpu *cpu)
{
    (void)cpu;
}

static const struct riscv_trust_ops ops = { .pinned = was_asked, .pins = no_pins };

static bool no_firmware(struct riscv_cpu *cpu)
{
    (void)cpu;
    return false;
}

static int create(void **state)
{
    struct pins_fixture *fixture = check_alloc(sizeof *fixture);
    fixture_create(&fixture->base, 16, 1);
    struct riscv_cpu *cpu = fixture->base.cpu;
    fixture->base.machine->trust = &ops;
    fixture->base.machine->trust_context = fixture;
    fixture->base.machine->firmware = no_firmware;
    riscv_pmp_open(cpu);
    interp_create(cpu);
    cpu->state.csr.stvec = STVEC;
    fixture_set_mode(cpu, RISCV_MODE_S);
    *state = fixture;
    return 0;
}

static int destroy(void **state)
{
    struct pins_fixture *fixture = *state;
    interp_destroy(fixture->base.cpu);
    fixture_destroy(&fixture->base);
    free(fixture);
    return 0;
}

static void pin(struct riscv_cpu *cpu, enum riscv_pin which, uint64_t mask)
{
    uint64_t masks[RISCV_PIN_COUNT] = { 0 };
    masks[which] = mask;
    riscv_pins_set(cpu, masks);
}

static void step(struct pins_fixture *fixture, uint32_t instruction)
{
    struct riscv_cpu *cpu = fixture->base.cpu;
    assert_true(memory_write(fixture->base.memory, gpa(CODE), &instruction, sizeof instruction));
    cpu->code_epoch++;
    cpu->state.pc = CODE;
    interp_step(cpu);
}

static void nothing_is_asked_while_nothing_is_pinned(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    cpu->state.x[A0] = STVEC + 0x100;
    step(fixture, CSRRW(STVEC_CSR, A0));
    assert_int_equal(fixture->asked, 0);
    assert_true(cpu->state.csr.stvec == STVEC + 0x100);
}

static void a_pinned_write_is_told_before_it_takes_effect(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_STVEC, UINT64_MAX);
    fixture->takes = true;
    cpu->state.x[A0] = STVEC + 0x100;
    step(fixture, CSRRW(STVEC_CSR, A0));
    assert_int_equal(fixture->asked, 1);
    assert_int_equal(fixture->number, STVEC_CSR);
    assert_true(fixture->value == STVEC + 0x100);
    assert_true(fixture->pc == CODE);
    assert_true(cpu->state.csr.stvec == STVEC);
    assert_true(cpu->state.pc == CODE + 4);
}

static void whom_nobody_answers_gets_an_illegal_instruction(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_SATP, UINT64_MAX);
    cpu->state.x[A0] = 1;
    step(fixture, CSRRW(SATP, A0));
    assert_int_equal(fixture->asked, 1);
    assert_int_equal(cpu->state.csr.scause, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
    assert_true(cpu->state.csr.stval == CSRRW(SATP, A0));
    assert_true(cpu->state.csr.sepc == CODE && cpu->state.pc == STVEC && cpu->state.csr.satp == 0);
}

static void only_changes_of_masked_bits_are_asked_about(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_SSTATUS, RISCV_MSTATUS_SUM_MASK);
    cpu->state.x[A0] = RISCV_MSTATUS_MXR_MASK;
    step(fixture, CSRRS(SSTATUS, A0));
    step(fixture, CSRRSI(SSTATUS, 2));
    assert_int_equal(fixture->asked, 0);
    cpu->state.x[A0] = RISCV_MSTATUS_SUM_MASK;
    step(fixture, CSRRC(SSTATUS, A0)); /* clear already */
    assert_int_equal(fixture->asked, 0);
    step(fixture, CSRRS(SSTATUS, A0));
    assert_int_equal(fixture->asked, 1);
    assert_true(riscv_mstatus_SUM(&cpu->state) == 0);
}

static void bits_that_read_fixed_values_are_not_pinned(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_SSTATUS, UINT64_MAX);
    cpu->state.x[A0] = cpu->state.csr.mstatus & ~(RISCV_MSTATUS_UXL_MASK | RISCV_MSTATUS_SD_MASK);
    step(fixture, CSRRW(SSTATUS, A0));
    assert_int_equal(fixture->asked, 0);
}

static void other_registers_and_reads_are_nobodys_business(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    static const uint64_t all[RISCV_PIN_COUNT] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
    riscv_pins_set(cpu, all);
    cpu->state.x[A0] = 77;
    step(fixture, CSRRW(SSCRATCH, A0));
    step(fixture, CSRRS(SATP, 0));
    step(fixture, CSRRS(STVEC_CSR, 0));
    assert_int_equal(fixture->asked, 0);
    assert_int_equal(cpu->state.csr.sscratch, 77);
}

static void user_mode_is_refused_by_the_architecture_first(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_SCOUNTEREN, UINT64_MAX);
    fixture_set_mode(cpu, RISCV_MODE_U);
    cpu->state.x[A0] = 7;
    step(fixture, CSRRW(SCOUNTEREN, A0));
    assert_int_equal(fixture->asked, 0);
    assert_int_equal(cpu->state.csr.scause, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION);
}

static void traps_and_sret_change_sstatus_unasked(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_SSTATUS, UINT64_MAX);
    riscv_set_mstatus_SPIE(&cpu->state, 1);
    cpu->state.csr.sepc = CODE + 0x100;
    step(fixture, SRET);
    assert_int_equal(fixture->asked, 0);
    assert_int_equal(cpu->state.mode, RISCV_MODE_U);
    assert_int_equal(riscv_mstatus_SIE(&cpu->state), 1);
    step(fixture, 0x00000073); /* ecall */
    assert_int_equal(cpu->state.mode, RISCV_MODE_S);
    assert_int_equal(riscv_mstatus_SIE(&cpu->state), 0);
}

static void a_reset_forgets_the_pins(void **state)
{
    struct pins_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    pin(cpu, RISCV_PIN_SENVCFG, UINT64_MAX);
    assert_int_equal(cpu->pins_held, 1u << RISCV_PIN_SENVCFG);
    riscv_cpu_reset(cpu);
    assert_int_equal(cpu->pins_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_asked_while_nothing_is_pinned, create, destroy),
        cmocka_unit_test_setup_teardown(a_pinned_write_is_told_before_it_takes_effect, create, destroy),
        cmocka_unit_test_setup_teardown(whom_nobody_answers_gets_an_illegal_instruction, create, destroy),
        cmocka_unit_test_setup_teardown(only_changes_of_masked_bits_are_asked_about, create, destroy),
        cmocka_unit_test_setup_teardown(bits_that_read_fixed_values_are_not_pinned, create, destroy),
        cmocka_unit_test_setup_teardown(other_registers_and_reads_are_nobodys_business, create, destroy),
        cmocka_unit_test_setup_teardown(user_mode_is_refused_by_the_architecture_first, create, destroy),
        cmocka_unit_test_setup_teardown(traps_and_sret_change_sstatus_unasked, create, destroy),
        cmocka_unit_test_setup_teardown(a_reset_forgets_the_pins, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
