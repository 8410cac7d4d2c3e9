/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of trust levels: a higher level's go first, a lower level's wait, none is lost. Who switches is played by
 * the test; no engine runs.
 */
#include "test_riscv_fixture.h"

#include <inttypes.h>
#include <pthread.h>
#include <time.h>

#define LEVELS      3u
#define CODE        (RAM_BASE + 0x1000)
#define STVEC       (RAM_BASE + 0x2000)
#define SSI         RISCV_INTERRUPT_SSI
#define STI         RISCV_INTERRUPT_STI
#define SEI         RISCV_INTERRUPT_SEI
#define BIT(number) (UINT64_C(1) << (number))
#define ALL         (BIT(SSI) | BIT(STI) | BIT(SEI))
#define TICKS_OF_MS (RISCV_TIME_FREQUENCY / 1000)
#define PATIENCE    UINT64_C(60000000000) /* ns */

struct levels_fixture {
    struct fixture base;
    unsigned entries[LEVELS];
    unsigned held_back;
};

static struct levels_fixture *fixture_of(const struct riscv_cpu *cpu)
{
    return cpu->machine->trust_context;
}

static void enter(struct riscv_cpu *cpu, unsigned level)
{
    assert_true(level > cpu->level);
    fixture_of(cpu)->entries[level]++;
    riscv_level_switch(cpu, level);
}

static void note_held_back(struct riscv_cpu *cpu)
{
    fixture_of(cpu)->held_back++;
}

static const struct riscv_trust_ops ops = { .interrupt = enter, .held_back = note_held_back };

static bool no_firmware(struct riscv_cpu *cpu)
{
    (void)cpu;
    return false;
}

static int create(void **state)
{
    struct levels_fixture *fixture = check_alloc(sizeof *fixture);
    fixture_create_levels(&fixture->base, 16, 1, LEVELS);
    struct riscv_cpu *cpu = fixture->base.cpu;
    fixture->base.machine->trust = &ops;
    fixture->base.machine->trust_context = fixture;
    fixture->base.machine->firmware = no_firmware;
    riscv_pmp_open(cpu);
    for (unsigned level = 0; level < LEVELS; level++) {
        struct riscv_state *at = riscv_level_state(cpu, level);
        at->mode = RISCV_MODE_S;
        at->pc = CODE;
        at->csr.stvec = STVEC;
        at->csr.mie = ALL;
    }
    riscv_cpu_state_changed(cpu);
    *state = fixture;
    return 0;
}

static int destroy(void **state)
{
    struct levels_fixture *fixture = *state;
    fixture_destroy(&fixture->base);
    free(fixture);
    return 0;
}

static struct riscv_cpu *cpu_of(void **state)
{
    return ((struct levels_fixture *)*state)->base.cpu;
}

/* What an engine does at a block boundary. True: an interrupt was taken or a level entered. */
static bool boundary(struct riscv_cpu *cpu)
{
    return vcpu_take(&cpu->vcpu, VCPU_INTERRUPT) != 0 && riscv_take_interrupt(cpu);
}

static void set_sie(struct riscv_cpu *cpu, unsigned on)
{
    riscv_set_mstatus_SIE(&cpu->state, on);
    riscv_status_changed(cpu);
}

static bool in_handler(const struct riscv_cpu *cpu)
{
    return cpu->state.pc == STVEC;
}

/* The guest's handler: clears the software interrupt and returns. */
static void handle(struct riscv_cpu *cpu)
{
    riscv_set_mip_SSIP(&cpu->state, 0);
    cpu->state.pc = cpu->state.csr.sepc;
    riscv_set_mstatus_SIE(&cpu->state, riscv_mstatus_SPIE(&cpu->state));
    riscv_interrupts_changed(cpu);
    riscv_status_changed(cpu);
}

static void wait_ms(unsigned milliseconds)
{
    const struct timespec nap = { .tv_nsec = 1000000L * milliseconds };
    nanosleep(&nap, NULL);
}

/* ---- Entry ------------------------------------------------------------------------------------------------------ */

static void an_interrupt_of_a_higher_level_enters_it_whatever_sie_says(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_post(cpu, 1, SSI);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
    assert_false(in_handler(cpu)); /* its own SIE is 0: it goes on where it was */
    assert_false(boundary(cpu));
    assert_true(riscv_interrupt_wakeup(cpu));
}

static void the_level_traps_at_once_if_its_own_sie_is_set(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_set_mstatus_SIE(&cpu->levels[1].state, 1);
    riscv_level_post(cpu, 1, SSI);
    assert_true(boundary(cpu));
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
    assert_true(in_handler(cpu));
}

static void only_its_own_sie_register_holds_a_higher_level_back(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    cpu->levels[1].state.csr.mie = BIT(STI);
    riscv_level_post(cpu, 1, SSI);
    assert_false(boundary(cpu));
    assert_int_equal(cpu->level, 0);
    riscv_level_switch(cpu, 1);
    cpu->state.csr.mie = ALL; /* now it wants it, and leaves without having looked */
    riscv_interrupts_changed(cpu);
    riscv_level_switch(cpu, 0);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
}

static void the_highest_level_wins(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_post(cpu, 0, SSI);
    riscv_level_post(cpu, 1, SSI);
    riscv_level_post(cpu, 2, SSI);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 2);
    riscv_level_switch(cpu, 0); /* unhandled: it comes again */
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 2);
    assert_false(boundary(cpu)); /* in mip now, where its handler can clear it */
    handle(cpu);
    riscv_level_switch(cpu, 0);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
}

static void a_line_of_a_higher_level_enters_it(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_set_line(cpu, 2, SEI, true);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 2);
    riscv_level_set_line(cpu, 2, SEI, false);
    riscv_level_switch(cpu, 0);
    assert_false(boundary(cpu));
}

/* ---- Lower levels wait ------------------------------------------------------------------------------------------ */

static void a_lower_level_takes_its_interrupts_when_it_runs_again(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    set_sie(cpu, 1);
    riscv_level_switch(cpu, 1);
    set_sie(cpu, 1);
    riscv_cpu_post(cpu, SSI);
    riscv_cpu_set_line(cpu, SEI, true);
    assert_false(boundary(cpu)); /* the request is used up */
    assert_false(in_handler(cpu));
    riscv_level_switch(cpu, 0);
    assert_true(boundary(cpu));
    assert_true(in_handler(cpu));
    assert_true(cpu->state.csr.scause == (RISCV_CAUSE_INTERRUPT | SEI));
    assert_true((cpu->state.csr.mip & BIT(SSI)) != 0);
}

static void a_line_that_falls_while_a_level_waits_is_not_taken(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    set_sie(cpu, 1);
    riscv_level_switch(cpu, 1);
    riscv_cpu_set_line(cpu, SEI, true);
    riscv_cpu_set_line(cpu, SEI, false);
    riscv_level_switch(cpu, 0);
    assert_false(boundary(cpu));
}

static void an_accepted_software_interrupt_stays_with_its_level(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_post(cpu, 0, SSI);
    assert_false(boundary(cpu)); /* masked by SIE, but in mip now */
    assert_true((cpu->state.csr.mip & BIT(SSI)) != 0);
    riscv_level_switch(cpu, 1);
    assert_true((cpu->state.csr.mip & BIT(SSI)) == 0);
    riscv_level_switch(cpu, 0);
    assert_true((cpu->state.csr.mip & BIT(SSI)) != 0);
    set_sie(cpu, 1);
    assert_true(boundary(cpu));
    assert_true(in_handler(cpu));
}

/* ---- Timers ----------------------------------------------------------------------------------------------------- */

static void a_timer_of_a_level_that_rests_enters_it_when_due(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_switch(cpu, 1);
    riscv_set_supervisor_timer(cpu, riscv_machine_time(cpu->machine) + 3600 * RISCV_TIME_FREQUENCY);
    riscv_level_switch(cpu, 0);
    assert_false(boundary(cpu));
    riscv_level_switch(cpu, 1);
    uint64_t when = riscv_machine_time(cpu->machine) + 20 * TICKS_OF_MS;
    riscv_set_supervisor_timer(cpu, when);
    riscv_level_switch(cpu, 0);
    if (!boundary(cpu)) { /* else the host stood still for so long that it is due already */
        vcpu_wait(&cpu->vcpu, alarm_now() + PATIENCE);
        assert_true(boundary(cpu)); /* the alarm has asked for attention, and is never early */
    }
    assert_true(riscv_machine_time(cpu->machine) >= when);
    assert_int_equal(cpu->level, 1);
    assert_true((riscv_interrupt_lines(cpu) & BIT(STI)) != 0);
    riscv_set_supervisor_timer(cpu, UINT64_MAX);
    riscv_level_switch(cpu, 0);
    assert_false(boundary(cpu));
}

static void a_timer_that_is_due_already_enters_at_once(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_switch(cpu, 1);
    riscv_set_supervisor_timer(cpu, 0);
    riscv_level_switch(cpu, 0);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
}

static void levels_have_a_timer_each(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_set_supervisor_timer(cpu, 0);
    riscv_level_switch(cpu, 1);
    assert_true(cpu->state.csr.stimecmp == UINT64_MAX);
    assert_true((riscv_interrupt_lines(cpu) & BIT(STI)) == 0);
    assert_false(boundary(cpu));
    riscv_level_switch(cpu, 0);
    set_sie(cpu, 1);
    assert_true(boundary(cpu));
    assert_true(cpu->state.csr.scause == (RISCV_CAUSE_INTERRUPT | STI));
}

static void a_compare_register_written_from_above_counts_from_the_switch_on(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    set_sie(cpu, 1);
    riscv_level_switch(cpu, 1);
    riscv_level_state(cpu, 0)->csr.stimecmp = 0;
    riscv_level_switch(cpu, 0);
    assert_true(boundary(cpu));
    assert_true(cpu->state.csr.scause == (RISCV_CAUSE_INTERRUPT | STI));
}

/* ---- Waiting ---------------------------------------------------------------------------------------------------- */

static void *post_to_level_1_later(void *cpu)
{
    wait_ms(20);
    riscv_level_post(cpu, 1, SSI);
    return NULL;
}

static void a_waiting_lower_level_is_left_for_a_higher_one(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    boundary(cpu);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_to_level_1_later, cpu), 0);
    riscv_wfi(cpu);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
}

static void waiting_ends_if_a_higher_level_is_pending_already(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_post(cpu, 1, SSI);
    vcpu_take(&cpu->vcpu, VCPU_INTERRUPT); /* whoever took it has not looked */
    riscv_wfi(cpu);                        /* comes back */
}

static void a_higher_level_wakes_from_waiting_by_its_own_timer(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    riscv_level_switch(cpu, 1);
    boundary(cpu);
    riscv_set_supervisor_timer(cpu, riscv_machine_time(cpu->machine) + 5 * TICKS_OF_MS);
    boundary(cpu);
    riscv_wfi(cpu);
    assert_true((riscv_interrupt_lines(cpu) & BIT(STI)) != 0);
    set_sie(cpu, 1);
    assert_true(boundary(cpu));
    assert_int_equal(cpu->level, 1);
    assert_true(in_handler(cpu));
}

/* ---- Held back -------------------------------------------------------------------------------------------------- */

static void the_running_level_is_told_of_what_a_lower_one_could_take(void **state)
{
    struct levels_fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->base.cpu;
    riscv_set_mstatus_SIE(&cpu->state, 1);
    riscv_level_switch(cpu, 1);
    riscv_cpu_post(cpu, SSI);
    boundary(cpu);
    assert_int_equal(fixture->held_back, 0); /* nobody asked */
    cpu->now->watches_below = true;
    riscv_set_mstatus_SIE(&cpu->levels[0].state, 0);
    riscv_cpu_post(cpu, SSI);
    boundary(cpu);
    assert_int_equal(fixture->held_back, 0); /* masked by the lower level's SIE */
    riscv_set_mstatus_SIE(&cpu->levels[0].state, 1);
    riscv_cpu_set_line(cpu, SEI, true);
    boundary(cpu);
    assert_int_equal(fixture->held_back, 1);
    riscv_set_mstatus_SIE(&cpu->levels[0].state, 0);
    cpu->levels[0].state.mode = RISCV_MODE_U; /* in user mode SIE does not count */
    riscv_cpu_post(cpu, SSI);
    boundary(cpu);
    assert_int_equal(fixture->held_back, 2);
    cpu->levels[0].state.csr.mie = 0;
    riscv_cpu_post(cpu, SSI);
    boundary(cpu);
    assert_int_equal(fixture->held_back, 2);
}

/* ---- Interleavings ---------------------------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned below(unsigned limit)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

/* Posts, masks and switches in random order: whoever is owed an interrupt gets it as soon as the rules allow. */
static void random_orders_lose_nothing(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    bool owed[LEVELS] = { false };
    seed = (uint64_t)time(NULL);
    print_message("# seed %" PRIu64 "\n", seed);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned level = below(LEVELS);
        switch (below(5)) {
        case 0:
            riscv_level_post(cpu, level, SSI);
            owed[level] = true;
            break;
        case 1: set_sie(cpu, below(2)); break;
        case 2:
            cpu->state.csr.mie = below(4) == 0 ? 0 : ALL;
            riscv_interrupts_changed(cpu);
            break;
        case 3:
            if (level != cpu->level) {
                riscv_level_switch(cpu, level);
            }
            break;
        default: riscv_level_set_line(cpu, level, SEI, false); break;
        }
        while (boundary(cpu)) {
            if (in_handler(cpu)) {
                assert_true(owed[cpu->level]);
                owed[cpu->level] = false;
                handle(cpu);
            }
        }
        for (unsigned above = cpu->level + 1; above < LEVELS; above++) {
            assert_false(owed[above] && cpu->levels[above].state.csr.mie != 0);
        }
        assert_false(owed[cpu->level] && cpu->state.csr.mie != 0 && riscv_mstatus_SIE(&cpu->state) != 0);
    }
}

#define POSTS 20000u

struct poster {
    struct riscv_cpu *cpu;
    unsigned level;
    _Atomic unsigned sent;
};

static void *post_many(void *context)
{
    struct poster *poster = context;
    for (unsigned i = 0; i < POSTS; i++) {
        atomic_fetch_add(&poster->sent, 1);
        riscv_level_post(poster->cpu, poster->level, SSI);
    }
    return NULL;
}

/* Other threads post while the hart switches, waits and handles. The last post of each level must be seen. */
static void racing_posts_are_all_seen(void **state)
{
    struct riscv_cpu *cpu = cpu_of(state);
    struct poster posters[LEVELS];
    pthread_t threads[LEVELS];
    unsigned seen[LEVELS] = { 0 };
    for (unsigned i = 0; i < LEVELS; i++) {
        riscv_set_mstatus_SIE(riscv_level_state(cpu, i), 1);
        posters[i] = (struct poster){ .cpu = cpu, .level = i };
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    while (seen[0] < POSTS || seen[1] < POSTS || seen[2] < POSTS) {
        if (boundary(cpu)) {
            if (in_handler(cpu)) {
                riscv_set_mip_SSIP(&cpu->state, 0); /* before it looks what there was to do */
                seen[cpu->level] = atomic_load(&posters[cpu->level].sent);
                handle(cpu);
            }
        } else if (cpu->level > 0) {
            riscv_level_switch(cpu, below(cpu->level)); /* nothing to do: back to some lower one */
        } else if (seen[0] == POSTS && below(2) == 0) {
            riscv_wfi(cpu); /* sleeps for good if a wake-up is lost */
        }
    }
    for (unsigned i = 0; i < LEVELS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_interrupt_of_a_higher_level_enters_it_whatever_sie_says, create, destroy),
        cmocka_unit_test_setup_teardown(the_level_traps_at_once_if_its_own_sie_is_set, create, destroy),
        cmocka_unit_test_setup_teardown(only_its_own_sie_register_holds_a_higher_level_back, create, destroy),
        cmocka_unit_test_setup_teardown(the_highest_level_wins, create, destroy),
        cmocka_unit_test_setup_teardown(a_line_of_a_higher_level_enters_it, create, destroy),
        cmocka_unit_test_setup_teardown(a_lower_level_takes_its_interrupts_when_it_runs_again, create, destroy),
        cmocka_unit_test_setup_teardown(a_line_that_falls_while_a_level_waits_is_not_taken, create, destroy),
        cmocka_unit_test_setup_teardown(an_accepted_software_interrupt_stays_with_its_level, create, destroy),
        cmocka_unit_test_setup_teardown(a_timer_of_a_level_that_rests_enters_it_when_due, create, destroy),
        cmocka_unit_test_setup_teardown(a_timer_that_is_due_already_enters_at_once, create, destroy),
        cmocka_unit_test_setup_teardown(levels_have_a_timer_each, create, destroy),
        cmocka_unit_test_setup_teardown(a_compare_register_written_from_above_counts_from_the_switch_on, create,
                                        destroy),
        cmocka_unit_test_setup_teardown(a_waiting_lower_level_is_left_for_a_higher_one, create, destroy),
        cmocka_unit_test_setup_teardown(waiting_ends_if_a_higher_level_is_pending_already, create, destroy),
        cmocka_unit_test_setup_teardown(a_higher_level_wakes_from_waiting_by_its_own_timer, create, destroy),
        cmocka_unit_test_setup_teardown(the_running_level_is_told_of_what_a_lower_one_could_take, create, destroy),
        cmocka_unit_test_setup_teardown(random_orders_lose_nothing, create, destroy),
        cmocka_unit_test_setup_teardown(racing_posts_are_all_seen, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
