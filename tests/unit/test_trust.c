/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin/trust.h: levels that the embedding program holds, and what it is refused. */
#include <ravelin/ravelin.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY     (UINT64_C(64) << 20)
#define RAM        UINT64_C(0x80000000)
#define PAGE       ((uint64_t)RAVELIN_PAGE_SIZE)
#define READ_WRITE (RAVELIN_RIGHT_READ | RAVELIN_RIGHT_WRITE)
#define ALL        (READ_WRITE | RAVELIN_RIGHT_KERNEL | RAVELIN_RIGHT_USER)

/* Loads from x31 (0x80400000), then shuts down; a fault ends in a loop. */
static const uint32_t loads_once[] = {
    0x20100f9b, 0x016f9f93, /* li t6, 0x80400000 */
    0x000fbe03,             /* ld t3, 0(t6) */
    0x00000513, 0x00000593, 0x00000813, 0x535258b7, 0x3548889b, 0x00000073,
};
#define GUARDED UINT64_C(0x80400000)

static struct ravelin_error error;
static char kernel_path[64];

static enum ravelin_verdict leave_out(void *context, const struct ravelin_intercept *what)
{
    struct ravelin_intercept *seen = context;
    *seen = *what;
    return RAVELIN_VERDICT_SKIP;
}

typedef enum ravelin_verdict intercept(void *context, const struct ravelin_intercept *what);

/* A machine with this code, and a level 1 that the test holds. */
static struct ravelin_vm *held_machine(const uint32_t *code, size_t size, intercept *decide, void *context)
{
    char path[] = "/tmp/ravelin-trust-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, code, size) == (ssize_t)size);
    close(fd);
    struct ravelin_vm *vm = ravelin_vm_create();
    assert_true(ravelin_vm_set_kernel(vm, path, &error) && ravelin_vm_set_memory(vm, MEMORY, &error));
    assert_true(ravelin_vm_set_trust_levels(vm, 2, &error) &&
                ravelin_vm_hold_trust_level(vm, 1, decide, context, &error));
    memcpy(kernel_path, path, sizeof path);
    return vm;
}

static struct ravelin_vm *two_levels(struct ravelin_intercept *seen)
{
    return held_machine(loads_once, sizeof loads_once, leave_out, seen);
}

static void finish(struct ravelin_vm *vm)
{
    unlink(kernel_path);
    ravelin_vm_destroy(vm);
}

static void there_are_1_to_16_levels(void **state)
{
    (void)state;
    struct ravelin_vm *vm = ravelin_vm_create();
    assert_false(ravelin_vm_set_trust_levels(vm, 0, &error));
    assert_true(ravelin_vm_set_trust_levels(vm, 1, &error));
    assert_true(ravelin_vm_set_trust_levels(vm, 16, &error));
    assert_false(ravelin_vm_set_trust_levels(vm, 17, &error));
    ravelin_vm_destroy(vm);
}

static void a_program_holds_levels_that_exist_and_not_level_0(void **state)
{
    (void)state;
    struct ravelin_vm *vm = ravelin_vm_create();
    assert_false(ravelin_vm_hold_trust_level(vm, 1, leave_out, NULL, &error));
    assert_true(ravelin_vm_set_trust_levels(vm, 3, &error));
    assert_false(ravelin_vm_hold_trust_level(vm, 0, leave_out, NULL, &error));
    assert_true(ravelin_vm_hold_trust_level(vm, 2, leave_out, NULL, &error));
    assert_false(ravelin_vm_hold_trust_level(vm, 3, leave_out, NULL, &error));
    ravelin_vm_destroy(vm);
}

static void only_legal_sets_of_rights_are_taken(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    static const unsigned legal[] = { 0, 1, 3, 9, 11, 13, 15 };
    for (unsigned rights = 0; rights <= 16; rights++) {
        bool is_legal = false;
        for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
            is_legal |= legal[i] == rights;
        }
        assert_int_equal(ravelin_trust_set_rights(vm, 1, RAM, PAGE, rights, &error), is_legal);
    }
    finish(vm);
}

static void levels_that_are_not_held_are_not_the_programs_to_set(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    assert_false(ravelin_trust_set_rights(vm, 0, RAM, PAGE, READ_WRITE, &error));
    assert_false(ravelin_trust_set_rights(vm, 2, RAM, PAGE, READ_WRITE, &error));
    assert_false(ravelin_trust_set_rights(vm, 16, RAM, PAGE, READ_WRITE, &error));
    finish(vm);
}

static void ranges_are_whole_pages(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    assert_false(ravelin_trust_set_rights(vm, 1, RAM + 1, PAGE, READ_WRITE, &error));
    assert_false(ravelin_trust_set_rights(vm, 1, RAM, PAGE - 1, READ_WRITE, &error));
    assert_false(ravelin_trust_set_rights(vm, 1, RAM, PAGE + 1, READ_WRITE, &error));
    assert_false(ravelin_trust_set_rights(vm, 1, UINT64_MAX & ~(PAGE - 1), 2 * PAGE, READ_WRITE, &error));
    finish(vm);
}

static void a_machine_with_rights_beyond_its_memory_does_not_start(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    assert_true(ravelin_trust_set_rights(vm, 1, RAM + MEMORY, PAGE, READ_WRITE, &error));
    assert_false(ravelin_vm_start(vm, &error));
    finish(vm);
}

static void a_refused_access_is_the_holders_to_decide(void **state)
{
    (void)state;
    struct ravelin_intercept seen = { 0 };
    struct ravelin_vm *vm = two_levels(&seen);
    struct ravelin_exit end;
    assert_true(ravelin_trust_set_rights(vm, 1, GUARDED, PAGE, 0, &error));
    assert_true(ravelin_vm_start(vm, &error));
    assert_true(ravelin_vm_wait(vm, UINT64_C(20000000000), &end));
    assert_int_equal(end.end, RAVELIN_END_POWER_OFF);
    assert_int_equal(seen.kind, RAVELIN_INTERCEPT_PAGE);
    assert_int_equal(seen.right, RAVELIN_RIGHT_READ);
    assert_true(seen.address == GUARDED && seen.virtual_address == GUARDED && seen.size == 8);
    assert_true(seen.pc == 0x80200008 && seen.level == 0 && !seen.user);
    assert_int_equal(seen.byte_count, 4);
    assert_memory_equal(seen.bytes, &loads_once[2], 4);
    struct ravelin_trust_stats stats;
    ravelin_trust_stats(vm, &stats);
    assert_int_equal(stats.violations, 1);
    assert_int_equal(stats.pages_changed, 1);
    finish(vm);
}

static void lists_are_changed_whole_or_not_at_all(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    uint64_t pages[] = { RAM + 8 * PAGE, RAM + MEMORY - PAGE, RAM + MEMORY };
    unsigned rights;
    assert_false(ravelin_trust_set_pages(vm, 1, pages, 1, READ_WRITE, &error)); /* not yet */
    assert_true(ravelin_vm_start(vm, &error));
    assert_false(ravelin_trust_set_pages(vm, 1, pages, 3, READ_WRITE, &error));
    assert_true(ravelin_trust_rights(vm, 0, 0, pages[0], PAGE, &rights, &error) && rights == ALL);
    assert_true(ravelin_trust_set_pages(vm, 1, pages, 2, READ_WRITE, &error));
    assert_true(ravelin_trust_rights(vm, 0, 0, pages[0], PAGE, &rights, &error) && rights == READ_WRITE);
    assert_true(ravelin_trust_rights(vm, 0, 0, pages[1], PAGE, &rights, &error) && rights == READ_WRITE);
    assert_true(ravelin_trust_rights(vm, 0, 1, pages[1], PAGE, &rights, &error) && rights == ALL);
    assert_false(ravelin_trust_rights(vm, 0, 0, pages[2], PAGE, &rights, &error));
    assert_false(ravelin_trust_rights(vm, 0, 16, pages[0], PAGE, &rights, &error));
    pages[0]++;
    assert_false(ravelin_trust_set_pages(vm, 1, pages, 1, READ_WRITE, &error));
    assert_true(ravelin_trust_set_pages(vm, 1, pages, 0, READ_WRITE, &error));
    finish(vm);
}

static void rights_of_a_range_are_what_all_its_pages_have(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    const uint64_t at = RAM + 8 * PAGE;
    unsigned rights;
    assert_false(ravelin_trust_rights(vm, 0, 0, at, PAGE, &rights, &error)); /* not yet */
    assert_true(ravelin_vm_start(vm, &error));
    assert_true(ravelin_trust_set_rights(vm, 1, at, PAGE, READ_WRITE, &error));
    assert_true(ravelin_trust_set_rights(vm, 1, at + 2 * PAGE, PAGE, RAVELIN_RIGHT_READ | RAVELIN_RIGHT_USER, &error));
    assert_true(ravelin_trust_rights(vm, 0, 0, at - PAGE, PAGE, &rights, &error) && rights == ALL);
    assert_true(ravelin_trust_rights(vm, 0, 0, at - PAGE, 2 * PAGE, &rights, &error) && rights == READ_WRITE);
    assert_true(ravelin_trust_rights(vm, 0, 0, at, 3 * PAGE, &rights, &error) && rights == RAVELIN_RIGHT_READ);
    assert_true(ravelin_trust_rights(vm, 0, 0, at + PAGE, PAGE, &rights, &error) && rights == ALL);
    assert_true(ravelin_trust_rights(vm, 0, 0, at + PAGE, 2 * PAGE, &rights, &error) &&
                rights == (RAVELIN_RIGHT_READ | RAVELIN_RIGHT_USER)); /* not by the kernel */
    assert_true(ravelin_trust_rights(vm, 0, 1, RAM, MEMORY, &rights, &error) && rights == ALL);
    assert_true(ravelin_trust_rights(vm, 0, 0, RAM, MEMORY, &rights, &error) && rights == RAVELIN_RIGHT_READ);
    assert_false(ravelin_trust_rights(vm, 0, 0, RAM, MEMORY + PAGE, &rights, &error));
    assert_non_null(strstr(error.text, "0x84000000"));
    assert_false(ravelin_trust_rights(vm, 0, 0, at, 0, &rights, &error));
    assert_false(ravelin_trust_rights(vm, 0, 0, at + 1, PAGE, &rights, &error));
    assert_false(ravelin_trust_rights(vm, 0, 0, at, PAGE - 1, &rights, &error));
    assert_false(ravelin_trust_rights(vm, 0, 0, UINT64_MAX & ~(PAGE - 1), 2 * PAGE, &rights, &error));
    assert_false(ravelin_trust_rights(vm, 1, 0, at, PAGE, &rights, &error)); /* there is one vCPU */
    assert_false(ravelin_trust_rights(vm, 0, 2, at, PAGE, &rights, &error)); /* and two levels */
    finish(vm);
}

static void higher_levels_of_vcpus_that_exist_can_be_interrupted(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    assert_false(ravelin_trust_set_interrupt(vm, 0, 1, true, &error)); /* not yet */
    assert_true(ravelin_vm_start(vm, &error));
    assert_false(ravelin_trust_set_interrupt(vm, 0, 0, true, &error));
    assert_false(ravelin_trust_set_interrupt(vm, 0, 2, true, &error));
    assert_false(ravelin_trust_set_interrupt(vm, 1, 1, true, &error));
    assert_true(ravelin_trust_set_interrupt(vm, 0, 1, true, &error));
    assert_true(ravelin_trust_set_interrupt(vm, 0, 1, false, &error));
    finish(vm);
}

/* ---- Pinned registers ------------------------------------------------------------------------------------------- */

#define STVEC        0x105u
#define SHUTDOWN(a0) a0, 0x00000593, 0x00000813, 0x535258b7, 0x3548889b, 0x00000073
#define LI_T6        0x20100f9b, 0x016f9f93 /* 0x80400000 */
#define CSRW_STVEC   0x105f9073u            /* csrw stvec, t6 */

static const uint32_t writes_stvec_twice[] = { LI_T6, CSRW_STVEC, 0x004fcf93 /* xori t6, t6, 4 */, CSRW_STVEC,
                                               SHUTDOWN(0x00000513) };
static const uint32_t writes_stvec_and_resets[] = { LI_T6, CSRW_STVEC, SHUTDOWN(0x00100513) };
static const uint32_t writes_stvec_for_ever[] = { LI_T6, CSRW_STVEC, 0x004fcf93, 0xff9ff06f /* j */ };

struct pinned {
    struct ravelin_vm *vm;
    struct ravelin_intercept last;
    atomic_uint count;
    bool let_go;
};

static enum ravelin_verdict see_write(void *context, const struct ravelin_intercept *what)
{
    struct pinned *pinned = context;
    struct ravelin_error inner;
    pinned->last = *what;
    pinned->count++;
    if (pinned->let_go) {
        return ravelin_trust_pin(pinned->vm, 1, STVEC, 0, &inner) ? RAVELIN_VERDICT_RETRY : RAVELIN_VERDICT_FAULT;
    }
    return RAVELIN_VERDICT_SKIP;
}

static void wait_for_count(struct pinned *pinned, unsigned count)
{
    for (unsigned i = 0; i < 20000 && pinned->count < count; i++) {
        usleep(1000);
    }
    assert_true(pinned->count >= count);
}

static void control_registers_with_a_pin_can_be_pinned_at_levels_that_are_held(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    static const unsigned with_pin[] = { 0x100, 0x105, 0x106, 0x10a, 0x180 };
    for (unsigned csr = 0; csr <= 0x1000; csr++) {
        bool has_pin = false;
        for (size_t i = 0; i < sizeof with_pin / sizeof *with_pin; i++) {
            has_pin |= with_pin[i] == csr;
        }
        assert_int_equal(ravelin_trust_pin(vm, 1, csr, 1, &error), has_pin);
    }
    assert_false(ravelin_trust_pin(vm, 1, UINT_MAX, 1, &error));
    assert_non_null(strstr(error.text, "stvec (0x105)"));
    assert_false(ravelin_trust_pin(vm, 0, STVEC, 1, &error));
    assert_false(ravelin_trust_pin(vm, 2, STVEC, 1, &error));
    assert_false(ravelin_trust_pin(vm, 16, STVEC, 1, &error));
    finish(vm);
}

static void a_pinned_write_is_the_holders_to_decide(void **state)
{
    (void)state;
    struct pinned pinned = { 0 };
    struct ravelin_exit end;
    struct ravelin_vm *vm = held_machine(writes_stvec_twice, sizeof writes_stvec_twice, see_write, &pinned);
    assert_true(ravelin_trust_pin(vm, 1, STVEC, UINT64_MAX, &error));
    assert_true(ravelin_vm_start(vm, &error) && ravelin_vm_wait(vm, UINT64_C(20000000000), &end));
    assert_int_equal(end.end, RAVELIN_END_POWER_OFF);
    assert_int_equal(pinned.count, 2);
    assert_int_equal(pinned.last.kind, RAVELIN_INTERCEPT_REGISTER);
    assert_int_equal(pinned.last.csr, STVEC);
    assert_true(pinned.last.value == 0x80400004 && pinned.last.pc == 0x80200010 && pinned.last.level == 0);
    assert_int_equal(pinned.last.byte_count, 4);
    assert_memory_equal(pinned.last.bytes, &writes_stvec_twice[4], 4);
    struct ravelin_trust_stats stats;
    ravelin_trust_stats(vm, &stats);
    assert_int_equal(stats.pinned, 2);
    finish(vm);
}

static void bits_outside_the_mask_are_free(void **state)
{
    (void)state;
    struct pinned pinned = { 0 };
    struct ravelin_exit end;
    struct ravelin_vm *vm = held_machine(writes_stvec_twice, sizeof writes_stvec_twice, see_write, &pinned);
    assert_true(ravelin_trust_pin(vm, 1, STVEC, 4, &error)); /* the second write changes it */
    assert_true(ravelin_vm_start(vm, &error) && ravelin_vm_wait(vm, UINT64_C(20000000000), &end));
    assert_int_equal(pinned.count, 1);
    assert_true(pinned.last.value == 0x80400004);
    finish(vm);
}

static void unpinned_in_the_intercept_the_write_happens(void **state)
{
    (void)state;
    struct pinned pinned = { .let_go = true };
    struct ravelin_exit end;
    pinned.vm = held_machine(writes_stvec_twice, sizeof writes_stvec_twice, see_write, &pinned);
    assert_true(ravelin_trust_pin(pinned.vm, 1, STVEC, UINT64_MAX, &error));
    assert_true(ravelin_vm_start(pinned.vm, &error) && ravelin_vm_wait(pinned.vm, UINT64_C(20000000000), &end));
    assert_int_equal(end.end, RAVELIN_END_POWER_OFF);
    assert_int_equal(pinned.count, 1);
    finish(pinned.vm);
}

static void what_was_pinned_before_the_start_is_so_again_after_a_reset(void **state)
{
    (void)state;
    struct pinned pinned = { .let_go = true };
    struct ravelin_exit end;
    pinned.vm = held_machine(writes_stvec_and_resets, sizeof writes_stvec_and_resets, see_write, &pinned);
    assert_true(ravelin_trust_pin(pinned.vm, 1, STVEC, UINT64_MAX, &error));
    assert_true(ravelin_vm_start(pinned.vm, &error));
    wait_for_count(&pinned, 3);
    ravelin_vm_stop(pinned.vm);
    assert_true(ravelin_vm_wait(pinned.vm, UINT64_C(20000000000), &end));
    finish(pinned.vm);
}

static void registers_are_pinned_and_unpinned_while_the_guest_runs(void **state)
{
    (void)state;
    struct pinned pinned = { 0 };
    struct ravelin_exit end;
    struct ravelin_vm *vm = held_machine(writes_stvec_for_ever, sizeof writes_stvec_for_ever, see_write, &pinned);
    assert_true(ravelin_vm_start(vm, &error));
    for (unsigned i = 0; i < 100; i++) {
        unsigned before = pinned.count;
        assert_true(ravelin_trust_pin(vm, 1, STVEC, UINT64_MAX, &error));
        wait_for_count(&pinned, before + 2);
        assert_true(ravelin_trust_pin(vm, 1, STVEC, 0, &error));
        before = pinned.count;
        usleep(500);
        assert_true(pinned.count <= before + 1); /* one may have been asked about before */
    }
    ravelin_vm_stop(vm);
    assert_true(ravelin_vm_wait(vm, UINT64_C(20000000000), &end));
    assert_true(ravelin_trust_pin(vm, 1, STVEC, 1, &error)); /* nobody is left to wait for */
    finish(vm);
}

/* ---- Starts ----------------------------------------------------------------------------------------------------- */

/* Has vCPU 1 started, which loops; then tells the error e and whether the vCPU is stopped by loading from the guarded
 * page, at 8 * (-e + 8 * stopped). */
static const uint32_t starts_another[] = {
    0x004858b7,           0x34d8889b, 0x00000813, /* li a7, "HSM"; li a6, 0 */
    0x00100513,           0x00000597, 0x05858593, /* li a0, 1; lla a1, the last instruction */
    0x00700613,           0x00000073,             /* li a2, 7; ecall */
    0x40a002b3,                                   /* neg t0, a0 */
    0x00200813,           0x00100513, 0x00000073, /* li a6, 2; li a0, 1; ecall */
    0x00100313,           0x00659463, 0x00828293, /* li t1, 1; bne a1, t1, .+8; addi t0, t0, 8 */
    0x00329293,                                   /* slli t0, t0, 3 */
    0x20100f93,           0x016f9f93, 0x005f8fb3, /* li t6, 0x80400000; add t6, t6, t0 */
    0x000fbe03,                                   /* ld t3, 0(t6) */
    SHUTDOWN(0x00000513), 0x0000006f,             /* j . */
};
#define STARTED 0x80200068u
/* Stops, or tells the error. */
static const uint32_t stops[] = {
    0x004858b7, 0x34d8889b, 0x00100813, 0x00000073, /* li a7, "HSM"; li a6, 1; ecall */
    0x40a002b3, 0x00329293, 0x20100f93, 0x016f9f93, 0x005f8fb3, 0x000fbe03, SHUTDOWN(0x00000513),
};

struct starts {
    enum ravelin_verdict verdict;
    unsigned count;
    struct ravelin_intercept last;
    uint64_t answer; /* offset of the load that tells it */
};

static enum ravelin_verdict see_start(void *context, const struct ravelin_intercept *what)
{
    struct starts *starts = context;
    if (what->kind == RAVELIN_INTERCEPT_PAGE) {
        starts->answer = what->address - GUARDED;
        return RAVELIN_VERDICT_SKIP;
    }
    starts->count++;
    starts->last = *what;
    return starts->verdict;
}

/* Runs to the end; `ask`: the program wants to decide. */
static struct starts run_starts(const uint32_t *code, size_t size, enum ravelin_verdict verdict, bool ask)
{
    struct starts starts = { .verdict = verdict, .answer = UINT64_MAX };
    struct ravelin_exit end;
    struct ravelin_vm *vm = held_machine(code, size, see_start, &starts);
    assert_true(ravelin_vm_set_vcpus(vm, 2, &error));
    assert_true(ravelin_trust_set_rights(vm, 1, GUARDED, PAGE, 0, &error));
    assert_true(ravelin_trust_intercept_starts(vm, 1, true, &error));
    assert_true(ravelin_trust_intercept_starts(vm, 1, ask, &error));
    assert_true(ravelin_vm_start(vm, &error) && ravelin_vm_wait(vm, UINT64_C(20000000000), &end));
    assert_int_equal(end.end, RAVELIN_END_POWER_OFF);
    finish(vm);
    return starts;
}

static struct starts start_another(enum ravelin_verdict verdict, bool ask)
{
    return run_starts(starts_another, sizeof starts_another, verdict, ask);
}

static void a_start_is_the_holders_to_decide(void **state)
{
    (void)state;
    struct starts starts = start_another(RAVELIN_VERDICT_FAULT, true);
    assert_int_equal(starts.answer, 8 * (4 + 8)); /* SBI_ERR_DENIED, and stopped */
    assert_int_equal(starts.count, 1);
    assert_int_equal(starts.last.kind, RAVELIN_INTERCEPT_START);
    assert_int_equal(starts.last.target, 1);
    assert_true(starts.last.address == STARTED && starts.last.value == 7 && !starts.last.with_context);
    assert_true(starts.last.pc == 0x8020001c && starts.last.vcpu == 0 && starts.last.level == 0 && !starts.last.user);
    assert_int_equal(starts.last.byte_count, 4);
    assert_memory_equal(starts.last.bytes, "\x73\0\0\0", 4);
}

static void a_start_that_is_permitted_happens(void **state)
{
    (void)state;
    struct starts starts = start_another(RAVELIN_VERDICT_RETRY, true);
    assert_int_equal(starts.answer, 0);
    assert_int_equal(starts.count, 1);
}

static void a_start_that_is_left_out_looks_done(void **state)
{
    (void)state;
    assert_int_equal(start_another(RAVELIN_VERDICT_SKIP, true).answer, 8 * 8);
}

static void nobody_is_asked_about_starts_unless_he_wants(void **state)
{
    (void)state;
    struct starts starts = start_another(RAVELIN_VERDICT_FAULT, false);
    assert_int_equal(starts.answer, 0);
    assert_int_equal(starts.count, 0);
}

static void a_stop_is_the_holders_to_decide(void **state)
{
    (void)state;
    struct starts starts = run_starts(stops, sizeof stops, RAVELIN_VERDICT_FAULT, true);
    assert_int_equal(starts.answer, 8 * 4);
    assert_int_equal(starts.last.kind, RAVELIN_INTERCEPT_STOP);
    assert_int_equal(starts.last.vcpu, 0);
    assert_int_equal(run_starts(stops, sizeof stops, RAVELIN_VERDICT_SKIP, true).answer, 0);
}

static void only_held_levels_are_asked_about_starts(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_vm *vm = two_levels(&seen);
    assert_false(ravelin_trust_intercept_starts(vm, 0, true, &error));
    assert_false(ravelin_trust_intercept_starts(vm, 2, true, &error));
    assert_true(ravelin_vm_start(vm, &error));
    assert_true(ravelin_trust_intercept_starts(vm, 1, true, &error)); /* also while it runs */
    assert_false(ravelin_trust_intercept_starts(vm, 0, true, &error));
    finish(vm);
}

struct told {
    unsigned count;
    char last[512];
};

static void keep_line(void *context, const char *text)
{
    struct told *told = context;
    told->count++;
    snprintf(told->last, sizeof told->last, "%s", text);
}

static void what_happens_between_levels_is_told_as_it_happens(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct ravelin_exit end;
    struct told told = { 0 };
    struct ravelin_vm *vm = two_levels(&seen);
    assert_true(ravelin_vm_set_events(vm, keep_line, &told, &error));
    assert_true(ravelin_trust_set_rights(vm, 1, GUARDED, PAGE, 0, &error));
    assert_true(ravelin_vm_start(vm, &error));
    assert_false(ravelin_vm_set_events(vm, NULL, NULL, &error)); /* too late */
    assert_true(ravelin_vm_wait(vm, UINT64_C(60000000000), &end));
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.last, "\"outcome\":\"skipped\""));
    assert_non_null(strstr(told.last, "\"physical\":\"0x80400000\""));
    assert_non_null(strstr(told.last, "\"instruction\":\"ld t3, 0(t6)\""));
    finish(vm);
}

static void kernels_move_by_whole_pages(void **state)
{
    (void)state;
    struct ravelin_vm *vm = ravelin_vm_create();
    assert_true(ravelin_vm_set_symbols_slide(vm, 0, &error));
    assert_false(ravelin_vm_set_symbols_slide(vm, PAGE - 1, &error));
    assert_true(ravelin_vm_set_symbols_slide(vm, PAGE, &error));
    assert_false(ravelin_vm_set_symbols_slide(vm, PAGE + 1, &error));
    ravelin_vm_destroy(vm);
}

static void a_machine_with_bad_symbols_does_not_start(void **state)
{
    (void)state;
    struct ravelin_intercept seen;
    struct told told = { 0 };
    struct ravelin_vm *vm = two_levels(&seen);
    assert_true(ravelin_vm_set_events(vm, keep_line, &told, &error));
    assert_true(ravelin_vm_set_symbols(vm, kernel_path, &error)); /* any file that is none */
    assert_false(ravelin_vm_start(vm, &error));
    assert_non_null(strstr(error.text, "System.map"));
    finish(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_1_to_16_levels),
        cmocka_unit_test(a_program_holds_levels_that_exist_and_not_level_0),
        cmocka_unit_test(only_legal_sets_of_rights_are_taken),
        cmocka_unit_test(levels_that_are_not_held_are_not_the_programs_to_set),
        cmocka_unit_test(ranges_are_whole_pages),
        cmocka_unit_test(a_machine_with_rights_beyond_its_memory_does_not_start),
        cmocka_unit_test(a_refused_access_is_the_holders_to_decide),
        cmocka_unit_test(lists_are_changed_whole_or_not_at_all),
        cmocka_unit_test(rights_of_a_range_are_what_all_its_pages_have),
        cmocka_unit_test(higher_levels_of_vcpus_that_exist_can_be_interrupted),
        cmocka_unit_test(control_registers_with_a_pin_can_be_pinned_at_levels_that_are_held),
        cmocka_unit_test(a_pinned_write_is_the_holders_to_decide),
        cmocka_unit_test(bits_outside_the_mask_are_free),
        cmocka_unit_test(unpinned_in_the_intercept_the_write_happens),
        cmocka_unit_test(what_was_pinned_before_the_start_is_so_again_after_a_reset),
        cmocka_unit_test(registers_are_pinned_and_unpinned_while_the_guest_runs),
        cmocka_unit_test(a_start_is_the_holders_to_decide),
        cmocka_unit_test(a_start_that_is_permitted_happens),
        cmocka_unit_test(a_start_that_is_left_out_looks_done),
        cmocka_unit_test(nobody_is_asked_about_starts_unless_he_wants),
        cmocka_unit_test(a_stop_is_the_holders_to_decide),
        cmocka_unit_test(only_held_levels_are_asked_about_starts),
        cmocka_unit_test(what_happens_between_levels_is_told_as_it_happens),
        cmocka_unit_test(kernels_move_by_whole_pages),
        cmocka_unit_test(a_machine_with_bad_symbols_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
