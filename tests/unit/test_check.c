/* SPDX-License-Identifier: Apache-2.0 */
#include "test_riscv_fixture.h"

#include "engine/check/check_internal.h"
#include "engine/interp/interp.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* -- The comparison, between two machines that stand for hart and shadow ------------------------------------------ */

#define TABLE (RAM_BASE + 0x8000)

struct pair {
    struct fixture hart, shadow;
    struct check check;
    char *text;
    size_t text_size;
};

static void begin_pair(struct pair *pair)
{
    *pair = (struct pair){ .text = NULL };
    fixture_create(&pair->hart, 0, 1);
    fixture_create(&pair->shadow, 0, 1);
    pair->check.cpu = pair->hart.cpu;
    pair->check.shadow = pair->shadow.cpu;
    check_watch(&pair->check);
    assert_true(check_compare(&pair->check));
}

/* What the report says, behind its first line and up to the instructions. */
static const char *report(struct pair *pair)
{
    struct riscv_cpu *before = check_alloc(sizeof *before);
    assert_false(check_compare(&pair->check));
    before->state.pc = CODE;
    before->state.mode = 1;
    before->instructions = 77;
    free(pair->text);
    FILE *stream = open_memstream(&pair->text, &pair->text_size);
    check_report(&pair->check, before, 5, stream);
    fclose(stream);
    free(before);
    static const char first[] = "ravelin: translated code differs from the interpreter after 5 instructions from "
                                "0000000080001000 (instruction 77, mode 1)\n";
    assert_true(pair->text_size > sizeof first);
    assert_memory_equal(pair->text, first, sizeof first - 1);
    char *last = strstr(pair->text, "  the interpreter's last instructions; --dump ir,host shows what was made of");
    assert_non_null(last);
    *last = '\0';
    return pair->text + (sizeof first - 1);
}

static void end_pair(struct pair *pair)
{
    free(pair->text);
    free(pair->check.pages);
    free(pair->check.marked);
    fixture_destroy(&pair->hart);
    fixture_destroy(&pair->shadow);
}

/* As if translated code had written a word of the page before the hart does. */
static void add_page(struct pair *pair, uint64_t address, uint64_t word, uint64_t value)
{
    pair->check.witness.writes(&pair->check, gpa(address));
    memcpy(pair->check.pages[pair->check.page_count - 1].translated + word, &value, sizeof value);
}

static void a_register_that_differs_is_reported_by_its_name(void **state)
{
    (void)state;
    struct pair pair;
    begin_pair(&pair);
    pair.shadow.cpu->state.x[5] = 0x1234;
    pair.shadow.cpu->state.csr.mepc = 0x80;
    pair.hart.cpu->state.csr.pmpaddr[3] = 9;
    pair.hart.cpu->state.mode = 1;
    assert_string_equal(report(&pair), "  mode: translated 0000000000000003, interpreted 0000000000000001\n"
                                       "  x5: translated 0000000000001234, interpreted 0000000000000000\n"
                                       "  csr.mepc: translated 0000000000000080, interpreted 0000000000000000\n"
                                       "  csr.pmpaddr3: translated 0000000000000000, interpreted 0000000000000009\n");
    end_pair(&pair);
}

static void a_register_of_each_kind_is_compared(void **state)
{
    (void)state;
    struct pair pair;
    begin_pair(&pair);
    struct riscv_cpu *shadow = pair.shadow.cpu;
    uint64_t *const registers[] = { &shadow->state.pc,       &shadow->state.x[31],
                                    &shadow->state.f[31],    &shadow->state.csr.fcsr,
                                    &shadow->state.csr.satp, &shadow->state.csr.mstateen3,
                                    &shadow->instructions,   &shadow->statistics.exceptions[63] };
    for (unsigned i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        *registers[i] ^= UINT64_C(1) << 63;
        assert_false(check_compare(&pair.check));
        *registers[i] ^= UINT64_C(1) << 63;
        assert_true(check_compare(&pair.check));
    }
    shadow->state.x[32] = 1; /* takes writes to x0: no state */
    assert_true(check_compare(&pair.check));
    uint64_t elsewhere = 0;
    shadow->reservation.host = (uint8_t *)&elsewhere;
    assert_string_equal(report(&pair), "  reservation: translated 0000000000000001, interpreted 0000000000000000\n");
    end_pair(&pair);
}

static void a_word_of_memory_that_differs_is_reported_with_its_address(void **state)
{
    (void)state;
    struct pair pair;
    begin_pair(&pair);
    add_page(&pair, DATA, 0xff8, 6);
    assert_true(riscv_store_slow(pair.hart.cpu, DATA + 0xff8, 8, 7));
    assert_int_equal(pair.check.page_count, 1);
    assert_string_equal(report(&pair),
                        "  memory at 0000000080004ff8: translated 0000000000000006, interpreted 0000000000000007\n");
    end_pair(&pair);
}

static void of_many_words_that_differ_some_are_shown(void **state)
{
    (void)state;
    struct pair pair;
    begin_pair(&pair);
    add_page(&pair, DATA, 0, 0);
    memset(pair.check.pages[0].translated, 0x55, PAGE_SIZE);
    unsigned lines = 0;
    for (const char *line = report(&pair); (line = strchr(line, '\n')) != NULL; line++) {
        lines++;
    }
    assert_int_equal(lines, 16);
    end_pair(&pair);
}

static void a_store_that_translated_code_leaves_out_is_a_difference(void **state)
{
    (void)state;
    struct pair pair;
    uint64_t value;
    begin_pair(&pair);
    assert_true(riscv_store_slow(pair.shadow.cpu, DATA, 8, 0)); /* the page is dirty, long before */
    assert_true(riscv_store_slow(pair.hart.cpu, DATA, 8, 0));
    pair.check.page_count = 0;
    check_watch(&pair.check);
    assert_true(riscv_load_slow(pair.hart.cpu, DATA, 8, &value));
    assert_int_equal(pair.check.page_count, 0);
    assert_true(riscv_store_slow(pair.hart.cpu, DATA + PAGE_SIZE, 8, 7));
    assert_true(riscv_store_slow(pair.hart.cpu, DATA, 8, 7)); /* no right was kept from the load */
    assert_true(riscv_store_slow(pair.hart.cpu, DATA + 8, 8, 8));
    assert_int_equal(pair.check.page_count, 2);
    assert_string_equal(report(&pair),
                        "  memory at 0000000080005000: translated 0000000000000000, interpreted 0000000000000007\n"
                        "  memory at 0000000080004000: translated 0000000000000000, interpreted 0000000000000007\n"
                        "  memory at 0000000080004008: translated 0000000000000000, interpreted 0000000000000008\n");
    end_pair(&pair);
}

static void both_pages_of_a_store_across_them_are_compared(void **state)
{
    (void)state;
    struct pair pair;
    begin_pair(&pair);
    assert_true(riscv_store_slow(pair.hart.cpu, DATA + PAGE_SIZE - 1, 2, 0x0201));
    assert_int_equal(pair.check.page_count, 2);
    const char *text = report(&pair);
    assert_non_null(
        strstr(text, "  memory at 0000000080004ff8: translated 0000000000000000, interpreted 0100000000000000\n"));
    assert_non_null(
        strstr(text, "  memory at 0000000080005000: translated 0000000000000000, interpreted 0000000000000002\n"));
    end_pair(&pair);
}

/* An identity mapping in one entry of a table: bits that a walk sets there may differ, and nothing that looks alike. */
static void accessed_and_dirty_bits_may_differ_where_walks_have_set_them(void **state)
{
    (void)state;
    const uint64_t leaf = RAM_BASE >> 2 | 0xf, entry = TABLE + 2 * sizeof leaf;
    struct pair pair;
    uint64_t value;
    begin_pair(&pair);
    assert_true(memory_write(pair.hart.memory, gpa(entry), &leaf, sizeof leaf));
    pair.hart.cpu->state.csr.satp = pair.shadow.cpu->state.csr.satp = UINT64_C(8) << 60 | TABLE >> PAGE_SHIFT;
    pair.hart.cpu->state.mode = pair.shadow.cpu->state.mode = RISCV_MODE_S;
    riscv_cpu_state_changed(pair.hart.cpu);
    add_page(&pair, TABLE, entry - TABLE, leaf);
    assert_true(riscv_load_slow(pair.hart.cpu, DATA, 8, &value));
    assert_int_equal(*fixture_ram(&pair.hart, entry), leaf | 0x40);
    assert_true(check_compare(&pair.check));
    assert_true(riscv_store_slow(pair.hart.cpu, TABLE, 8, leaf | 0xc0)); /* sets the dirty bit, too */
    assert_int_equal(*fixture_ram(&pair.hart, entry), leaf | 0xc0);
    memcpy(pair.check.pages[0].translated, &leaf, sizeof leaf);
    assert_string_equal(report(&pair),
                        "  memory at 0000000080008000: translated 000000002000000f, interpreted 00000000200000cf\n");
    end_pair(&pair);
}

/* -- A difference, from beginning to end --------------------------------------------------------------------------- */

static const uint32_t trapping[] = {
    0x00c686b3, /* loop: add a3, a3, a2 */
    0x00d70733, /*       add a4, a4, a3 */
    0x0005b783, /*       ld a5, 0(a1): from a hole */
};

/* Stands for a store that translated code leaves out: the shadow takes its traps without this. */
static void store_behind_its_back(void *context, const struct riscv_cpu *cpu, uint64_t cause, uint64_t tval)
{
    struct fixture *fixture = context;
    (void)cause, (void)tval;
    assert_true(riscv_store_slow(fixture->cpu, DATA, 8, cpu->instructions));
}

/* A guest that traps in a loop. */
static bool begin_trapping(struct fixture *fixture,
                           void (*trap_taken)(void *, const struct riscv_cpu *, uint64_t, uint64_t), void *context,
                           struct error *error)
{
    fixture_create(fixture, 0, 1);
    assert_true(memory_write(fixture->memory, gpa(CODE), trapping, sizeof trapping));
    fixture->machine->trap_taken = trap_taken;
    fixture->machine->trap_context = context;
    fixture->cpu->state.pc = fixture->cpu->state.csr.mtvec = CODE;
    fixture->cpu->state.x[11] = HOLE;
    riscv_cpu_state_changed(fixture->cpu);
    if (!check_create(fixture->cpu, error)) {
        return false;
    }
    interp_heat_after(fixture->cpu, 64);
    return true;
}

/* In a process that does not come back from it. */
static void run_to_the_difference(int output)
{
    struct fixture fixture;
    struct error error;
    dup2(output, STDERR_FILENO);
    if (!begin_trapping(&fixture, store_behind_its_back, &fixture, &error)) {
        fprintf(stderr, "skipped: %s\n", error.text);
        _exit(77);
    }
    alarm(60);
    check_run(fixture.cpu);
}

static void the_run_ends_at_a_store_that_translated_code_leaves_out(void **state)
{
    (void)state;
    char text[8192] = { 0 };
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        run_to_the_difference(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    size_t size = 0;
    for (ssize_t got; size < sizeof text - 1 && (got = read(ends[0], text + size, sizeof text - 1 - size)) > 0;) {
        size += (size_t)got;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("%s", text);
        skip();
    }
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "ravelin: translated code differs from the interpreter after "));
    assert_non_null(strstr(text, "\n  memory at 0000000080004000: translated "));
    assert_non_null(strstr(text, "\n  0000000080001008: 0005b783  ld ")); /* the trace of the last try */
    assert_null(strstr(text, "x13"));
}

/* -- A difference that is gone when tried again -------------------------------------------------------------------- */

struct passing {
    struct fixture fixture;
    bool is_over;
};

/* Stores once while a run is followed, to a page that translated code does not write; later ends the run. */
static void store_once(void *context, const struct riscv_cpu *cpu, uint64_t cause, uint64_t tval)
{
    struct passing *passing = context;
    const uint64_t runs = check_statistics(cpu)->runs;
    (void)cause, (void)tval;
    if (runs >= 5 && cpu->witness != NULL && !passing->is_over) {
        assert_true(riscv_store_slow(passing->fixture.cpu, DATA, 8, 7));
        passing->is_over = true;
    }
    if (runs >= 10) {
        vcpu_request(&passing->fixture.cpu->vcpu, VCPU_STOP);
    }
}

static void a_difference_that_is_gone_when_tried_again_is_counted_and_undone(void **state)
{
    (void)state;
    struct passing passing = { .is_over = false };
    struct fixture *fixture = &passing.fixture;
    struct error error;
    if (!begin_trapping(fixture, store_once, &passing, &error)) {
        print_message("skipped: %s\n", error.text);
        fixture_destroy(fixture);
        skip();
    }
    check_run(fixture->cpu);
    assert_true(passing.is_over);
    assert_int_equal(check_statistics(fixture->cpu)->repeated, 1);
    assert_int_equal(*fixture_ram(fixture, DATA), 0);
    check_destroy(fixture->cpu);
    fixture_destroy(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_runs_to_its_end_and_was_compared_on_the_way),
        cmocka_unit_test(a_second_vcpu_is_refused),
        cmocka_unit_test(a_private_view_keeps_its_writes_to_itself),
        cmocka_unit_test(a_register_that_differs_is_reported_by_its_name),
        cmocka_unit_test(a_register_of_each_kind_is_compared),
        cmocka_unit_test(a_word_of_memory_that_differs_is_reported_with_its_address),
        cmocka_unit_test(of_many_words_that_differ_some_are_shown),
        cmocka_unit_test(a_store_that_translated_code_leaves_out_is_a_difference),
        cmocka_unit_test(both_pages_of_a_store_across_them_are_compared),
        cmocka_unit_test(accessed_and_dirty_bits_may_differ_where_walks_have_set_them),
        cmocka_unit_test(the_run_ends_at_a_store_that_translated_code_leaves_out),
        cmocka_unit_test(a_difference_that_is_gone_when_tried_again_is_counted_and_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
