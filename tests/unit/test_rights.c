/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of page rights: what they store, whom they disturb, and that no right outlives the call that took it.
 *
 * The stress tests run for a moment; RAVELIN_RIGHTS_SECONDS makes them run longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/check.h"
#include "memory/rights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BASE       UINT64_C(0x80000000)
#define PAGE_COUNT 1024u
#define FIRST      (BASE >> PAGE_SHIFT)
#define LEVELS     4u
#define DENY_WRITE ATTRIBUTE_WRITE
#define DENY_ALL   (ATTRIBUTE_READ | ATTRIBUTE_WRITE | ATTRIBUTE_KERNEL | ATTRIBUTE_USER)

/* Two RAM slots that touch, and a device behind them. */
struct fixture {
    struct memory *memory;
    struct rights *rights;
    unsigned drops[LEVELS];
};

static bool device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device, (void)offset, (void)size;
    *value = 0;
    return true;
}

static bool device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)device, (void)offset, (void)size, (void)value;
    return true;
}

static const struct memory_device_ops device_ops = { device_read, device_write };

static int set_up(void **state)
{
    struct fixture *fixture = check_alloc(sizeof *fixture);
    struct error error;
    uint64_t half = PAGE_COUNT / 2 * PAGE_SIZE;
    fixture->memory = memory_create(NULL);
    assert_true(memory_add_ram(fixture->memory, gpa(BASE), half, "ram 0", &error));
    assert_true(memory_add_ram(fixture->memory, gpa(BASE + half), half, "ram 1", &error));
    assert_true(
        memory_add_device(fixture->memory, gpa(BASE + 2 * half), PAGE_SIZE, &device_ops, NULL, "device", &error));
    fixture->rights = rights_create(fixture->memory, LEVELS);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    rights_destroy(fixture->rights);
    memory_destroy(fixture->memory);
    free(fixture);
    return 0;
}

static void note_drop(void *context, unsigned level)
{
    struct fixture *fixture = context;
    fixture->drops[level]++;
}

static uint64_t word(const struct fixture *fixture, uint64_t page)
{
    uint64_t value = UINT64_MAX;
    assert_true(rights_query(fixture->rights, page, &value));
    return value;
}

static bool change(struct fixture *fixture, unsigned enforcer, unsigned denied, uint64_t page)
{
    size_t failed;
    return rights_change(fixture->rights, NULL, enforcer, denied, &page, 1, &failed);
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static void untouched_pages_allow_everything(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(word(fixture, FIRST), 0);
    assert_int_equal(word(fixture, FIRST + PAGE_COUNT - 1), 0);
}

static void a_change_replaces_what_one_level_denies(void **state)
{
    struct fixture *fixture = *state;
    assert_true(change(fixture, 1, DENY_WRITE, FIRST + 1));
    assert_true(change(fixture, 3, ATTRIBUTE_USER, FIRST + 1));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 1), 0), DENY_WRITE | ATTRIBUTE_USER);
    assert_int_equal(attributes_denied(word(fixture, FIRST + 1), 1), ATTRIBUTE_USER);
    assert_int_equal(attributes_denied(word(fixture, FIRST + 1), 3), 0);
    assert_true(change(fixture, 1, ATTRIBUTE_KERNEL, FIRST + 1));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 1), 0), ATTRIBUTE_KERNEL | ATTRIBUTE_USER);
    assert_true(change(fixture, 1, 0, FIRST + 1));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 1), 0), ATTRIBUTE_USER);
    assert_int_equal(word(fixture, FIRST), 0);
    assert_int_equal(word(fixture, FIRST + 2), 0);
}

static void a_list_is_refused_whole_if_one_page_is_not_ram(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t bad[] = { FIRST - 1,
                             FIRST + PAGE_COUNT,
                             0,
                             UINT64_MAX,
                             UINT64_MAX >> PAGE_SHIFT,
                             (UINT64_MAX >> PAGE_SHIFT) + 1,
                             FIRST | UINT64_C(1) << 52 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const uint64_t pages[] = { FIRST, FIRST + PAGE_COUNT - 1, bad[i], FIRST + 1 };
        size_t failed = 99;
        assert_false(rights_change(fixture->rights, NULL, 1, DENY_ALL, pages, 4, &failed));
        assert_int_equal(failed, 2);
        assert_int_equal(word(fixture, FIRST), 0);
        assert_int_equal(word(fixture, FIRST + PAGE_COUNT - 1), 0);
        uint64_t value;
        assert_false(rights_query(fixture->rights, bad[i], &value));
    }
}

static void an_empty_list_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    size_t failed;
    uint64_t failed_page;
    assert_true(rights_change(fixture->rights, NULL, 1, DENY_ALL, NULL, 0, &failed));
    assert_true(rights_change_range(fixture->rights, NULL, 1, DENY_ALL, FIRST, 0, &failed_page));
    assert_true(rights_change_range(fixture->rights, NULL, 1, DENY_ALL, 0, 0, &failed_page));
    assert_int_equal(word(fixture, FIRST), 0);
}

static void a_page_may_stand_in_a_list_twice(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t pages[] = { FIRST + 3, FIRST + 3 };
    size_t failed;
    assert_true(rights_change(fixture->rights, NULL, 2, DENY_WRITE, pages, 2, &failed));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 3), 1), DENY_WRITE);
}

static void a_range_may_span_slots_that_touch(void **state)
{
    struct fixture *fixture = *state;
    uint64_t failed;
    uint64_t middle = FIRST + PAGE_COUNT / 2;
    assert_true(rights_change_range(fixture->rights, NULL, 1, DENY_WRITE, middle - 1, 2, &failed));
    assert_int_equal(word(fixture, middle - 2), 0);
    assert_int_equal(attributes_denied(word(fixture, middle - 1), 0), DENY_WRITE);
    assert_int_equal(attributes_denied(word(fixture, middle), 0), DENY_WRITE);
    assert_int_equal(word(fixture, middle + 1), 0);
}

static void a_range_is_refused_whole_if_one_page_is_not_ram(void **state)
{
    struct fixture *fixture = *state;
    uint64_t failed = 0;
    assert_true(rights_change_range(fixture->rights, NULL, 1, DENY_WRITE, FIRST, PAGE_COUNT, &failed));
    assert_false(rights_change_range(fixture->rights, NULL, 1, 0, FIRST, PAGE_COUNT + 1, &failed));
    assert_int_equal(failed, FIRST + PAGE_COUNT);
    assert_false(rights_change_range(fixture->rights, NULL, 1, 0, FIRST - 1, 2, &failed));
    assert_int_equal(failed, FIRST - 1);
    assert_false(rights_change_range(fixture->rights, NULL, 1, 0, FIRST + 1, UINT64_MAX, &failed));
    assert_int_equal(failed, FIRST + PAGE_COUNT);
    assert_false(rights_change_range(fixture->rights, NULL, 1, 0, UINT64_MAX, 2, &failed));
    assert_int_equal(attributes_denied(word(fixture, FIRST), 0), DENY_WRITE);
    assert_int_equal(attributes_denied(word(fixture, FIRST + PAGE_COUNT - 1), 0), DENY_WRITE);
}

/* ---- Defaults ---------------------------------------------------------------------------------------------------- */

static void a_default_holds_for_pages_not_changed(void **state)
{
    struct fixture *fixture = *state;
    assert_true(change(fixture, 2, ATTRIBUTE_READ, FIRST)); /* another enforcer's page */
    assert_true(rights_set_default(fixture->rights, NULL, 1, DENY_ALL));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 7), 0), DENY_ALL);
    assert_int_equal(attributes_denied(word(fixture, FIRST), 0), DENY_ALL);
    assert_int_equal(attributes_denied(word(fixture, FIRST), 1), ATTRIBUTE_READ);
    assert_true(change(fixture, 1, 0, FIRST + 7));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 7), 0), 0);
    assert_true(change(fixture, 1, DENY_WRITE, FIRST + 8));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 8), 0), DENY_WRITE);
    assert_true(change(fixture, 1, DENY_ALL, FIRST + 8));
    assert_int_equal(attributes_denied(word(fixture, FIRST + 8), 0), DENY_ALL);
    assert_int_equal(attributes_denied(word(fixture, FIRST + PAGE_COUNT - 1), 0), DENY_ALL);
}

static void a_default_is_set_once_and_before_the_first_change(void **state)
{
    struct fixture *fixture = *state;
    assert_true(rights_set_default(fixture->rights, NULL, 1, DENY_WRITE));
    assert_false(rights_set_default(fixture->rights, NULL, 1, 0));
    assert_int_equal(attributes_denied(word(fixture, FIRST), 0), DENY_WRITE);
    assert_true(change(fixture, 2, 0, FIRST));
    assert_false(rights_set_default(fixture->rights, NULL, 2, DENY_ALL));
    assert_int_equal(attributes_denied(word(fixture, FIRST), 1), 0);
    assert_true(rights_set_default(fixture->rights, NULL, 3, DENY_WRITE));
    assert_int_equal(attributes_denied(word(fixture, FIRST), 2), DENY_WRITE);
}

static void a_reset_allows_everything_again(void **state)
{
    struct fixture *fixture = *state;
    assert_true(rights_set_default(fixture->rights, NULL, 1, DENY_WRITE));
    assert_true(change(fixture, 2, DENY_ALL, FIRST));
    rights_reset(fixture->rights);
    assert_int_equal(word(fixture, FIRST), 0);
    assert_int_equal(word(fixture, FIRST + 1), 0);
    assert_true(rights_set_default(fixture->rights, NULL, 2, DENY_WRITE));
    assert_int_equal(attributes_denied(word(fixture, FIRST), 1), DENY_WRITE);
}

/* ---- Who is disturbed -------------------------------------------------------------------------------------------- */

static void only_a_reader_that_holds_the_page_is_asked(void **state)
{
    struct fixture *fixture = *state;
    struct vcpu vcpu;
    vcpu_init(&vcpu, 0);
    struct rights_reader *reader = rights_add_reader(fixture->rights, &vcpu, note_drop, fixture);
    rights_hold(reader, 0, gpa(BASE + 5 * PAGE_SIZE), MEMORY_READ | MEMORY_WRITE);
    assert_true(change(fixture, 1, DENY_WRITE, FIRST + 4));
    assert_true(change(fixture, 1, DENY_WRITE, FIRST + 6));
    assert_true(change(fixture, 1, ATTRIBUTE_KERNEL | ATTRIBUTE_USER, FIRST + 5)); /* held, but not for that */
    rights_enter(reader, 0);
    assert_int_equal(fixture->drops[0], 0);
    rights_leave(reader);
    assert_true(change(fixture, 1, DENY_WRITE, FIRST + 5));
    assert_int_equal(fixture->drops[0], 0);
    assert_int_equal(vcpu_attention(&vcpu), 0); /* nobody wakes who is outside */
    rights_enter(reader, 0);
    assert_int_equal(fixture->drops[0], 1);
    rights_leave(reader);
    assert_true(change(fixture, 1, DENY_ALL, FIRST + 5)); /* forgotten with the drop */
    rights_enter(reader, 0);
    assert_int_equal(fixture->drops[0], 1);
    rights_leave(reader);
    vcpu_fini(&vcpu);
}

static void only_levels_below_the_enforcer_are_disturbed(void **state)
{
    struct fixture *fixture = *state;
    struct rights_reader *reader = rights_add_reader(fixture->rights, NULL, note_drop, fixture);
    rights_enter(reader, 2);
    for (unsigned level = 0; level < LEVELS; level++) {
        rights_hold(reader, level, gpa(BASE), MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH);
    }
    assert_true(change(fixture, 2, DENY_ALL, FIRST)); /* returns: it is inside level 2, which enforces */
    assert_int_equal(fixture->drops[0] + fixture->drops[1] + fixture->drops[2], 0);
    rights_serve(reader);
    assert_int_equal(fixture->drops[2], 0);
    rights_enter(reader, 1); /* a level is dropped when it is entered, not before */
    assert_int_equal(fixture->drops[0], 0);
    assert_int_equal(fixture->drops[1], 1);
    rights_enter(reader, 0);
    assert_int_equal(fixture->drops[0], 1);
    rights_enter(reader, 3);
    assert_int_equal(fixture->drops[3], 0);
}

static void a_changer_inside_drops_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct rights_reader *reader = rights_add_reader(fixture->rights, NULL, note_drop, fixture);
    rights_enter(reader, 0);
    rights_hold(reader, 0, gpa(BASE), MEMORY_READ);
    uint64_t page = FIRST;
    size_t failed;
    assert_true(rights_change(fixture->rights, reader, 1, ATTRIBUTE_READ, &page, 1, &failed));
    assert_int_equal(fixture->drops[0], 1);
    assert_true(rights_is_inside(reader));
}

#define LONG_LIST (UINT64_C(2) << 20) /* pages: so long that another change fits in */

struct two_changes {
    struct fixture *fixture;
    _Atomic bool ended;
};

static void await_denied(const struct fixture *fixture, uint64_t page)
{
    while (attributes_denied(word(fixture, page), 0) != DENY_WRITE) {
        sched_yield();
    }
}

static void *deny_last_of_many(void *argument)
{
    struct two_changes *both = argument;
    uint64_t *pages = check_alloc(LONG_LIST * sizeof *pages);
    size_t failed;
    for (size_t i = 0; i < LONG_LIST; i++) {
        pages[i] = i + 1 < LONG_LIST ? FIRST : FIRST + 1;
    }
    assert_true(rights_change(both->fixture->rights, NULL, 1, DENY_WRITE, pages, LONG_LIST, &failed));
    atomic_store(&both->ended, true);
    free(pages);
    return NULL;
}

static void *deny_meanwhile(void *argument)
{
    struct two_changes *both = argument;
    await_denied(both->fixture, FIRST);
    assert_true(change(both->fixture, 1, DENY_WRITE, FIRST + 1));
    return NULL;
}

static void what_a_later_change_has_denied_already_is_waited_for(void **state)
{
    struct two_changes both = { .fixture = *state };
    pthread_t threads[2];
    struct rights_reader *reader = rights_add_reader(both.fixture->rights, NULL, note_drop, both.fixture);
    rights_enter(reader, 0);
    rights_hold(reader, 0, gpa(BASE + PAGE_SIZE), MEMORY_WRITE);
    assert_int_equal(pthread_create(&threads[0], NULL, deny_last_of_many, &both), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, deny_meanwhile, &both), 0);
    await_denied(both.fixture, FIRST + 1);
    usleep(100000);
    assert_false(atomic_load(&both.ended)); /* the reader still uses the page */
    rights_leave(reader);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

static void widening_disturbs_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct rights_reader *reader = rights_add_reader(fixture->rights, NULL, note_drop, fixture);
    assert_true(change(fixture, 1, DENY_ALL, FIRST));
    rights_enter(reader, 0);
    rights_hold(reader, 0, gpa(BASE), MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH);
    assert_true(change(fixture, 1, DENY_WRITE, FIRST)); /* would wait forever */
    assert_true(change(fixture, 1, DENY_WRITE, FIRST));
    assert_true(change(fixture, 1, 0, FIRST));
    assert_false(rights_is_asked(reader));
}

static void forgetting_ends_disturbance(void **state)
{
    struct fixture *fixture = *state;
    struct rights_reader *reader = rights_add_reader(fixture->rights, NULL, note_drop, fixture);
    rights_enter(reader, 0);
    for (uint64_t i = 0; i < 65536; i++) { /* any address may be noted */
        rights_hold(reader, 0, gpa(BASE + i * 64 * PAGE_SIZE), MEMORY_READ);
    }
    rights_forget(reader, 0);
    assert_true(change(fixture, 1, ATTRIBUTE_READ, FIRST)); /* would wait forever */
    rights_leave(reader);
}

/* ---- Pins -------------------------------------------------------------------------------------------------------- */

static void a_pin_needs_the_right_on_every_page(void **state)
{
    struct fixture *fixture = *state;
    struct memory_pin pin;
    assert_true(change(fixture, 1, DENY_WRITE, FIRST + 1));
    const uint64_t size = 2 * PAGE_SIZE;
    void *host = rights_pin(fixture->memory, 0, gpa(BASE), size, MEMORY_READ, &pin);
    assert_ptr_equal(host, memory_pointer(fixture->memory, gpa(BASE), size, MEMORY_READ));
    rights_unpin(fixture->memory, &pin);
    assert_null(rights_pin(fixture->memory, 0, gpa(BASE), size, MEMORY_WRITE, &pin));
    assert_null(rights_pin(fixture->memory, 0, gpa(BASE + PAGE_SIZE - 1), 2, MEMORY_WRITE, &pin));
    assert_non_null(rights_pin(fixture->memory, 0, gpa(BASE), PAGE_SIZE, MEMORY_WRITE, &pin));
    rights_unpin(fixture->memory, &pin);
    assert_non_null(rights_pin(fixture->memory, 1, gpa(BASE), size, MEMORY_WRITE, &pin)); /* level 1 is not bound */
    rights_unpin(fixture->memory, &pin);
    assert_true(rights_permit(fixture->memory, 0, gpa(BASE), PAGE_SIZE, MEMORY_WRITE));
    assert_false(rights_permit(fixture->memory, 0, gpa(BASE), PAGE_SIZE + 1, MEMORY_WRITE));
    assert_true(change(fixture, 1, DENY_ALL, FIRST)); /* nothing is pinned: would wait forever */
    assert_true(change(fixture, 1, DENY_ALL, FIRST + 1));
}

static void a_pin_needs_ram(void **state)
{
    struct fixture *fixture = *state;
    struct memory_pin pin;
    uint64_t end = BASE + PAGE_COUNT * PAGE_SIZE;
    assert_null(rights_pin(fixture->memory, 0, gpa(end - 8), 9, MEMORY_READ, &pin));
    assert_null(rights_pin(fixture->memory, 0, gpa(BASE - 1), 2, MEMORY_READ, &pin));
    assert_null(rights_pin(fixture->memory, 0, gpa(BASE), 0, MEMORY_READ, &pin));
    assert_null(rights_pin(fixture->memory, 0, gpa(BASE), UINT64_MAX, MEMORY_READ, &pin));
    assert_false(rights_permit(fixture->memory, 0, gpa(BASE), 0, MEMORY_READ));
    assert_false(rights_permit(fixture->memory, 0, gpa(UINT64_MAX), 2, MEMORY_READ));
}

static void bytes_are_copied_all_or_none(void **state)
{
    struct fixture *fixture = *state;
    uint64_t middle = BASE + PAGE_COUNT / 2 * PAGE_SIZE; /* between slots */
    uint8_t out[16], in[16];
    memset(out, 0x5a, sizeof out);
    assert_true(rights_write(fixture->memory, 0, gpa(middle - 8), out, sizeof out));
    assert_true(rights_read(fixture->memory, 0, gpa(middle - 8), in, sizeof in));
    assert_memory_equal(in, out, sizeof in);
    assert_true(change(fixture, 1, DENY_WRITE, middle >> PAGE_SHIFT));
    memset(out, 0xa5, sizeof out);
    assert_false(rights_write(fixture->memory, 0, gpa(middle - 8), out, sizeof out));
    assert_true(rights_read(fixture->memory, 0, gpa(middle - 8), in, sizeof in));
    assert_int_equal(in[0], 0x5a);
    assert_true(rights_write(fixture->memory, 1, gpa(middle - 8), out, sizeof out));
    assert_true(change(fixture, 1, DENY_ALL, middle >> PAGE_SHIFT));
    assert_false(rights_read(fixture->memory, 0, gpa(middle - 8), in, sizeof in));
    assert_false(rights_read(fixture->memory, 0, gpa(BASE + PAGE_COUNT * PAGE_SIZE - 8), in, sizeof in));
    assert_false(rights_read(fixture->memory, 0, gpa(UINT64_MAX - 7), in, sizeof in));
    assert_true(rights_read(fixture->memory, 0, gpa(0), in, 0));
}

static void without_levels_everything_passes_through(void **state)
{
    (void)state;
    struct memory_pin pin;
    struct error error;
    struct memory *memory = memory_create(NULL);
    assert_true(memory_add_ram(memory, gpa(0), PAGE_SIZE, "ram", &error));
    assert_null(rights_of(memory));
    assert_non_null(rights_pin(memory, 0, gpa(0), PAGE_SIZE, MEMORY_WRITE, &pin));
    rights_unpin(memory, &pin);
    assert_true(rights_permit(memory, 0, gpa(0), PAGE_SIZE, MEMORY_WRITE));
    assert_false(rights_permit(memory, 0, gpa(0), PAGE_SIZE + 1, MEMORY_WRITE));
    uint64_t value = 1;
    assert_true(rights_write(memory, 0, gpa(8), &value, sizeof value));
    assert_true(rights_read(memory, 0, gpa(8), &value, sizeof value));
    memory_destroy(memory);
}

/* ---- Stress: an oracle ------------------------------------------------------------------------------------------- */

/*
 * Each page of guest memory begins with a counter. Readers increase counters through a little translation cache of
 * their own, as a vCPU does; a changer takes the right to write from some pages, notes their counters when the call has
 * returned, waits a while and looks whether one has moved.
 *
 * Behind the counter stands a plain one for each reader, which the changer reads plainly while nobody may write it: so
 * a thread sanitizer sees whether the call orders what readers did before it.
 */
#define STRESS_PAGES   64u
#define STRESS_READERS 6u /* more than most hosts have cores for in CI: some are always preempted */
#define STRESS_CACHE   16u
#define PINNED_SIZE    ((1 + STRESS_READERS) * sizeof(uint64_t))

struct stress {
    struct fixture *fixture;
    _Atomic bool stop;
    _Atomic uint64_t accesses, refusals, violations;
    uint64_t seconds_tenths;
    bool devices; /* readers are device models: they pin */
};

struct stress_reader {
    struct stress *stress;
    struct rights_reader *reader;
    struct vcpu vcpu;
    unsigned number;
    uint64_t seed;
    struct {
        uint64_t page; /* 0: none */
        _Atomic uint64_t *counter;
    } cache[STRESS_CACHE];
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t *plain_counter(const _Atomic uint64_t *counter, unsigned number)
{
    return (uint64_t *)(uintptr_t)counter + 1 + number;
}

static uint64_t plain_sum(const _Atomic uint64_t *counter)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < STRESS_READERS; i++) {
        sum += *plain_counter(counter, i);
    }
    return sum;
}

static void stress_drop(void *context, unsigned level)
{
    struct stress_reader *self = context;
    (void)level;
    memset(self->cache, 0, sizeof self->cache);
}

/* The slow path: NULL if the page may not be written. */
static _Atomic uint64_t *stress_resolve(struct stress_reader *self, uint64_t page)
{
    struct memory *memory = self->stress->fixture->memory;
    rights_hold(self->reader, 0, gpa(page << PAGE_SHIFT), MEMORY_WRITE);
    uint64_t attributes = attributes_load(memory_find(memory, gpa(page << PAGE_SHIFT)), gpa(page << PAGE_SHIFT));
    if ((attributes_denied(attributes, 0) & ATTRIBUTE_WRITE) != 0) {
        return NULL;
    }
    self->cache[page % STRESS_CACHE].page = page;
    self->cache[page % STRESS_CACHE].counter =
        memory_pointer(memory, gpa(page << PAGE_SHIFT), sizeof(uint64_t), MEMORY_READ);
    return self->cache[page % STRESS_CACHE].counter;
}

static void stress_access(struct stress_reader *self)
{
    uint64_t page = FIRST + next_random(&self->seed) % STRESS_PAGES;
    _Atomic uint64_t *counter = self->cache[page % STRESS_CACHE].counter;
    if (self->cache[page % STRESS_CACHE].page != page) {
        counter = stress_resolve(self, page);
    }
    if (counter == NULL) {
        atomic_fetch_add_explicit(&self->stress->refusals, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    ++*plain_counter(counter, self->number);
    atomic_fetch_add_explicit(&self->stress->accesses, 1, memory_order_relaxed);
}

static void *run_vcpu(void *argument)
{
    struct stress_reader *self = argument;
    rights_enter(self->reader, 0);
    while (!atomic_load_explicit(&self->stress->stop, memory_order_relaxed)) {
        stress_access(self);
        if (vcpu_attention(&self->vcpu) != 0) {
            vcpu_take(&self->vcpu, UINT32_MAX);
            rights_serve(self->reader);
        }
        uint64_t chance = next_random(&self->seed) % 1000;
        if (chance == 0) { /* asleep */
            rights_leave(self->reader);
            sched_yield();
            rights_enter(self->reader, 0);
        } else if (chance == 1) { /* in another level, and back */
            rights_enter(self->reader, 3);
            rights_enter(self->reader, 0);
        } else if (chance == 2) { /* flushes everything itself */
            memset(self->cache, 0, sizeof self->cache);
            rights_forget(self->reader, 0);
        }
    }
    rights_leave(self->reader);
    return NULL;
}

static void *run_device(void *argument)
{
    struct stress_reader *self = argument;
    struct memory *memory = self->stress->fixture->memory;
    while (!atomic_load_explicit(&self->stress->stop, memory_order_relaxed)) {
        gpa_t address = gpa((FIRST + next_random(&self->seed) % STRESS_PAGES) << PAGE_SHIFT);
        struct memory_pin pin;
        _Atomic uint64_t *counter = rights_pin(memory, 0, address, PINNED_SIZE, MEMORY_WRITE, &pin);
        if (counter == NULL) {
            atomic_fetch_add_explicit(&self->stress->refusals, 1, memory_order_relaxed);
            continue;
        }
        for (uint64_t i = next_random(&self->seed) % 50; i > 0; i--) {
            atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
        }
        ++*plain_counter(counter, self->number);
        atomic_fetch_add_explicit(&self->stress->accesses, 1, memory_order_relaxed);
        rights_unpin(memory, &pin);
    }
    return NULL;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* One change and the look whether it holds. Each changer has pages of its own. */
static void stress_change(struct stress *stress, uint64_t *seed, unsigned changer, unsigned changer_count)
{
    uint64_t pages[16], counts[16], sums[16];
    const _Atomic uint64_t *counters[16];
    size_t count = 1 + next_random(seed) % 16, failed;
    for (size_t i = 0; i < count; i++) {
        pages[i] = FIRST + next_random(seed) % (STRESS_PAGES / changer_count) * changer_count + changer;
        counters[i] =
            memory_pointer(stress->fixture->memory, gpa(pages[i] << PAGE_SHIFT), sizeof(uint64_t), MEMORY_READ);
    }
    unsigned enforcer = 1 + (unsigned)(next_random(seed) % 3);
    assert_true(rights_change(stress->fixture->rights, NULL, enforcer, DENY_WRITE, pages, count, &failed));
    for (size_t i = 0; i < count; i++) {
        counts[i] = atomic_load_explicit(counters[i], memory_order_relaxed);
        sums[i] = plain_sum(counters[i]);
    }
    for (uint64_t i = next_random(seed) % 20; i > 0; i--) {
        sched_yield();
    }
    for (size_t i = 0; i < count; i++) {
        if (counts[i] != atomic_load_explicit(counters[i], memory_order_relaxed) || sums[i] != plain_sum(counters[i])) {
            atomic_fetch_add(&stress->violations, 1);
        }
    }
    assert_true(rights_change(stress->fixture->rights, NULL, enforcer, 0, pages, count, &failed));
}

struct stress_changer {
    struct stress *stress;
    unsigned number, count;
};

/* On a busy host readers may not run, or not while anything is denied, for as long as the test is to take. */
static bool is_shown(const struct stress *stress)
{
    return atomic_load_explicit(&stress->accesses, memory_order_relaxed) > 0 &&
           atomic_load_explicit(&stress->refusals, memory_order_relaxed) > 0;
}

#define PATIENCE 30 /* seconds */

static void *run_changer(void *argument)
{
    struct stress_changer *self = argument;
    uint64_t seed = 0x9e3779b9 + self->number;
    double start = now();
    double until = start + (double)self->stress->seconds_tenths / 10;
    while (now() < until || (!is_shown(self->stress) && now() < start + PATIENCE)) {
        stress_change(self->stress, &seed, self->number, self->count);
    }
    return NULL;
}

static void run_stress(struct fixture *fixture, unsigned changer_count, bool devices)
{
    const char *text = getenv("RAVELIN_RIGHTS_SECONDS");
    struct stress stress = { .fixture = fixture,
                             .seconds_tenths = text == NULL ? 10 : strtoull(text, NULL, 10) * 10,
                             .devices = devices };
    struct stress_reader *readers = check_alloc(STRESS_READERS * sizeof *readers);
    pthread_t threads[STRESS_READERS], changers[4];
    struct stress_changer arguments[4];
    for (unsigned i = 0; i < STRESS_READERS; i++) {
        readers[i] = (struct stress_reader){ .stress = &stress, .number = i, .seed = 77 + i };
        vcpu_init(&readers[i].vcpu, i);
        readers[i].reader =
            devices ? NULL : rights_add_reader(fixture->rights, &readers[i].vcpu, stress_drop, &readers[i]);
    }
    for (unsigned i = 0; i < STRESS_READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, devices ? run_device : run_vcpu, &readers[i]), 0);
    }
    for (unsigned i = 0; i < changer_count; i++) {
        arguments[i] = (struct stress_changer){ &stress, i, changer_count };
        assert_int_equal(pthread_create(&changers[i], NULL, run_changer, &arguments[i]), 0);
    }
    for (unsigned i = 0; i < changer_count; i++) {
        pthread_join(changers[i], NULL);
    }
    atomic_store(&stress.stop, true);
    for (unsigned i = 0; i < STRESS_READERS; i++) {
        pthread_join(threads[i], NULL);
        vcpu_fini(&readers[i].vcpu);
    }
    struct rights_statistics statistics = rights_statistics(fixture->rights);
    print_message("# %llu changes, %llu waited for, %llu accesses, %llu refused\n",
                  (unsigned long long)statistics.calls, (unsigned long long)statistics.waits,
                  (unsigned long long)stress.accesses, (unsigned long long)stress.refusals);
    assert_int_equal(stress.violations, 0);
    assert_true(stress.accesses > 0 && stress.refusals > 0 && statistics.calls > 0);
    free(readers);
}

static void no_vcpu_uses_a_right_after_it_was_taken(void **state)
{
    run_stress(*state, 1, false);
}

static void changers_do_not_wait_for_each_other(void **state)
{
    run_stress(*state, 4, false);
}

static void no_device_uses_a_right_after_it_was_taken(void **state)
{
    run_stress(*state, 2, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(untouched_pages_allow_everything),
        TEST(a_change_replaces_what_one_level_denies),
        TEST(a_list_is_refused_whole_if_one_page_is_not_ram),
        TEST(an_empty_list_changes_nothing),
        TEST(a_page_may_stand_in_a_list_twice),
        TEST(a_range_may_span_slots_that_touch),
        TEST(a_range_is_refused_whole_if_one_page_is_not_ram),
        TEST(a_default_holds_for_pages_not_changed),
        TEST(a_default_is_set_once_and_before_the_first_change),
        TEST(a_reset_allows_everything_again),
        TEST(only_a_reader_that_holds_the_page_is_asked),
        TEST(only_levels_below_the_enforcer_are_disturbed),
        TEST(a_changer_inside_drops_its_own),
        TEST(what_a_later_change_has_denied_already_is_waited_for),
        TEST(widening_disturbs_nobody),
        TEST(forgetting_ends_disturbance),
        TEST(a_pin_needs_the_right_on_every_page),
        TEST(a_pin_needs_ram),
        TEST(bytes_are_copied_all_or_none),
        cmocka_unit_test(without_levels_everything_passes_through),
        TEST(no_vcpu_uses_a_right_after_it_was_taken),
        TEST(changers_do_not_wait_for_each_other),
        TEST(no_device_uses_a_right_after_it_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
