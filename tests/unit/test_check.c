/* SPDX-License-Identifier: Apache-2.0 */
#include "test_riscv_fixture.h"

#include "engine/check/check.h"
#include "engine/interp/interp.h"

#define CODE   (RAM_BASE + 0x1000)
#define DATA   (RAM_BASE + 0x4000)
#define ROUNDS 5000u

/* A device whose every write stops the hart. */
static bool stopper_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device, (void)offset, (void)size;
    *value = 7;
    return true;
}

static bool stopper_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)offset, (void)size, (void)value;
    vcpu_request(&((struct fixture *)device)->cpu->vcpu, VCPU_STOP);
    return true;
}

static const struct memory_device_ops stopper_ops = { stopper_read, stopper_write };

#define STOPPER UINT64_C(0x30000000)

/* Reads a device, adds up, stores and loads in a loop, and in the end writes to the stopper. */
static const uint32_t program[] = {
    0x10000537, /*       lui a0, 0x10000: the device */
    0x300005b7, /*       lui a1, 0x30000: the stopper */
    0x00053603, /*       ld a2, 0(a0) */
    0x00c686b3, /* loop: add a3, a3, a2 */
    0x00d73023, /*       sd a3, 0(a4) */
    0x00073803, /*       ld a6, 0(a4) */
    0x010888b3, /*       add a7, a7, a6 */
    0xfff78793, /*       addi a5, a5, -1 */
    0xfe0796e3, /*       bne a5, zero, loop: -20 */
    0x0005a023, /*       sw zero, 0(a1) */
    0x0000006f, /*       j . */
};

static void begin(struct fixture *fixture, unsigned cpu_count)
{
    struct error error;
    fixture_create(fixture, 0, cpu_count);
    assert_true(
        memory_add_device(fixture->memory, gpa(STOPPER), DEVICE_SIZE, &stopper_ops, fixture, "stopper", &error));
    assert_true(memory_write(fixture->memory, gpa(CODE), program, sizeof program));
    fixture->device_value = 3;
    fixture->cpu->state.pc = CODE;
    fixture->cpu->state.x[14] = DATA;
    fixture->cpu->state.x[15] = ROUNDS;
    riscv_cpu_state_changed(fixture->cpu);
}

static void a_guest_runs_to_its_end_and_was_compared_on_the_way(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error error;
    begin(&fixture, 1);
    if (!check_create(fixture.cpu, &error)) {
        print_message("skipped: %s\n", error.text);
        fixture_destroy(&fixture);
        skip();
    }
    interp_heat_after(fixture.cpu, 64); /* rounds, until the loop is hot */
    check_run(fixture.cpu);
    assert_int_equal(fixture.cpu->state.x[13], 3 * ROUNDS);
    assert_int_equal(*fixture_ram(&fixture, DATA), 3 * ROUNDS);
    assert_int_equal(fixture.cpu->state.x[17], UINT64_C(3) * ROUNDS * (ROUNDS + 1) / 2);
    assert_int_equal(fixture.cpu->statistics.device_accesses, 2); /* the shadow has made none */
    const struct check_statistics *statistics = check_statistics(fixture.cpu);
    assert_true(statistics->runs > 0);
    assert_true(statistics->instructions > UINT64_C(6) * (ROUNDS - 100)); /* all but the warming up */
    assert_true(statistics->pages >= statistics->runs - 1);
    assert_int_equal(statistics->repeated, 0);
    check_destroy(fixture.cpu);
    fixture_destroy(&fixture);
}

static void a_second_vcpu_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error error;
    begin(&fixture, 2);
    assert_false(check_create(fixture.cpu, &error));
    assert_non_null(strstr(error.text, "one vCPU"));
    fixture_destroy(&fixture);
}

/* What is written to a private view stays there until it is forgotten; the rest shows through. */
static void note_page(void *context, gpa_t address, const uint8_t *page)
{
    assert_int_equal(address.bits, DATA);
    assert_int_equal(page[0], 1);
    ++*(unsigned *)context;
}

static void a_private_view_keeps_its_writes_to_itself(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error error;
    begin(&fixture, 1);
    struct memory *private = memory_create_private(fixture.memory, &stopper_ops, &fixture, &error);
    assert_non_null(private);
    uint8_t one = 1, two = 2, value = 0;
    assert_true(memory_write(private, gpa(DATA), &one, 1));
    assert_true(memory_read(fixture.memory, gpa(DATA), &value, 1));
    assert_int_equal(value, 0);
    assert_true(memory_write(fixture.memory, gpa(DATA + PAGE_SIZE), &two, 1));
    assert_true(memory_read(private, gpa(DATA + PAGE_SIZE), &value, 1));
    assert_int_equal(value, 2);
    unsigned count = 0;
    memory_forget_private(private, note_page, &count);
    assert_int_equal(count, 1);
    assert_true(memory_read(private, gpa(DATA), &value, 1));
    assert_int_equal(value, 0);
    assert_ptr_equal(memory_find(private, gpa(DEVICE_BASE))->device, &fixture);
    memory_destroy(private);
    fixture_destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_runs_to_its_end_and_was_compared_on_the_way),
        cmocka_unit_test(a_second_vcpu_is_refused),
        cmocka_unit_test(a_private_view_keeps_its_writes_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
