/* SPDX-License-Identifier: Apache-2.0 */
/* Watched pages: who writes is noted, once, whatever the way; who reads late is told so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "memory/watch.h"

#include <pthread.h>
#include <sched.h>

#define BASE UINT64_C(0x80000000)
#define SIZE (2048 * PAGE_SIZE)

static int create(void **state)
{
    struct error error;
    struct memory *memory = memory_create(NULL);
    *state = memory;
    return memory_add_ram(memory, gpa(BASE), SIZE, "ram", &error) ? 0 : -1;
}

static int destroy(void **state)
{
    memory_destroy(*state);
    return 0;
}

static const uint8_t *page_at(const struct memory *memory, uint64_t number)
{
    return memory_pointer(memory, gpa(BASE + number * PAGE_SIZE), 1, MEMORY_READ);
}

static void expect_change(const struct memory *memory, uint64_t *place, uint64_t number)
{
    const uint8_t *page;
    assert_int_equal(watch_next(memory, place, &page), WATCH_CHANGED);
    assert_ptr_equal(page, page_at(memory, number));
}

static void expect_nothing(const struct memory *memory, uint64_t *place)
{
    const uint8_t *page;
    assert_int_equal(watch_next(memory, place, &page), WATCH_NOTHING);
}

static void a_write_to_a_watched_page_is_noted_once(void **state)
{
    struct memory *memory = *state;
    uint64_t place = watch_now(memory);
    watch_page(memory, page_at(memory, 3));
    assert_true(memory_write(memory, gpa(BASE + 2 * PAGE_SIZE), "x", 1));
    assert_true(memory_write(memory, gpa(BASE + 4 * PAGE_SIZE), "x", 1));
    expect_nothing(memory, &place);
    assert_true(memory_write(memory, gpa(BASE + 4 * PAGE_SIZE - 1), "xy", 2));
    assert_true(memory_write(memory, gpa(BASE + 3 * PAGE_SIZE), "x", 1));
    expect_change(memory, &place, 3);
    expect_nothing(memory, &place);
}

static void a_page_can_be_watched_again(void **state)
{
    struct memory *memory = *state;
    uint64_t place = watch_now(memory);
    for (unsigned i = 0; i < 3; i++) {
        watch_page(memory, page_at(memory, 0));
        memory_mark_dirty(memory_find(memory, gpa(BASE)), gpa(BASE + 5));
        expect_change(memory, &place, 0);
        expect_nothing(memory, &place);
    }
}

static void a_right_to_write_to_a_watched_page_is_not_kept(void **state)
{
    struct memory *memory = *state;
    const struct memory_slot *slot = memory_find(memory, gpa(BASE));
    assert_false(memory_is_writable_quietly(slot, gpa(BASE + PAGE_SIZE)));
    memory_mark_dirty(slot, gpa(BASE + PAGE_SIZE));
    assert_true(memory_is_writable_quietly(slot, gpa(BASE + PAGE_SIZE)));
    watch_page(memory, page_at(memory, 1));
    assert_false(memory_is_writable_quietly(slot, gpa(BASE + PAGE_SIZE)));
    memory_mark_dirty(slot, gpa(BASE + PAGE_SIZE));
    assert_true(memory_is_writable_quietly(slot, gpa(BASE + PAGE_SIZE)));
}

static void a_device_that_has_written_tells_of_every_page(void **state)
{
    struct memory *memory = *state;
    uint8_t *host = memory_pointer(memory, gpa(BASE), SIZE, MEMORY_WRITE);
    uint64_t place = watch_now(memory);
    for (unsigned i = 0; i < 4; i++) {
        watch_page(memory, page_at(memory, i));
    }
    watch_written(memory, host + 2 * PAGE_SIZE - 1, 0);
    expect_nothing(memory, &place);
    watch_written(memory, host + 2 * PAGE_SIZE - 1, 2);
    expect_change(memory, &place, 1);
    expect_change(memory, &place, 2);
    expect_nothing(memory, &place);
}

static void note(struct memory *memory, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        watch_page(memory, page_at(memory, i));
        memory_mark_dirty(memory_find(memory, gpa(BASE)), gpa(BASE + i * PAGE_SIZE));
    }
}

static void who_reads_late_is_told_so(void **state)
{
    struct memory *memory = *state;
    const uint8_t *page;
    uint64_t place = watch_now(memory);
    note(memory, 1023);
    for (unsigned i = 0; i < 1023; i++) {
        expect_change(memory, &place, i);
    }
    expect_nothing(memory, &place);
    note(memory, 1024);
    assert_int_equal(watch_next(memory, &place, &page), WATCH_LOST);
    expect_nothing(memory, &place);
}

static void a_private_view_cannot_be_watched(void **state)
{
    struct memory *memory = *state;
    struct error error;
    assert_true(watch_is_possible(memory));
    struct memory *view = memory_create_private(memory, NULL, NULL, &error);
    assert_non_null(view);
    assert_false(watch_is_possible(view));
    memory_mark_dirty(memory_find(view, gpa(BASE)), gpa(BASE));
    assert_true(memory_is_writable_quietly(memory_find(view, gpa(BASE)), gpa(BASE)));
    memory_destroy(view);
}

/* -- From other threads -------------------------------------------------------------------------------------------- */

#define WRITES 300000u

/* Writes numbers to a page as a device does, and says of each when it has. */
struct writer {
    struct memory *memory;
    _Atomic uint64_t *word;
    _Atomic uint64_t written; /* the last number it has told of */
};

static void *write_numbers(void *context)
{
    struct writer *writer = context;
    for (uint64_t number = 1; number <= WRITES; number++) {
        atomic_store_explicit(writer->word, number, memory_order_relaxed);
        watch_written(writer->memory, (void *)(uintptr_t)writer->word, sizeof number);
        atomic_store_explicit(&writer->written, number, memory_order_release);
        if (number % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* Another observer, whose pages make news that are none of the first one's, and at times too many. */
struct crowd {
    struct memory *memory;
    atomic_bool is_over;
};

static void *make_news(void *context)
{
    struct crowd *crowd = context;
    for (unsigned count = 1; !atomic_load_explicit(&crowd->is_over, memory_order_relaxed); count++) {
        watch_page(crowd->memory, page_at(crowd->memory, 9));
        memory_mark_dirty(memory_find(crowd->memory, gpa(BASE)), gpa(BASE + 9 * PAGE_SIZE));
        if (count % 4096 < 2048) {
            sched_yield();
        }
    }
    return NULL;
}

/* What an observer knows of a page: as a translation is what it was made from. */
struct known {
    uint64_t number;
    const uint8_t *page;
};

static void look(const struct memory *memory, const struct writer *writer, struct known *known)
{
    watch_page(memory, known->page);
    known->number = atomic_load_explicit(writer->word, memory_order_relaxed);
}

/* Reads all news. Returns whether there were too many. */
static bool follow_news(const struct memory *memory, uint64_t *place, const struct writer *writers, struct known *known,
                        unsigned count)
{
    const uint8_t *page;
    enum watch_news news;
    bool lost = false;
    while ((news = watch_next(memory, place, &page)) != WATCH_NOTHING) {
        lost |= news == WATCH_LOST;
        for (unsigned i = 0; i < count; i++) {
            if (news == WATCH_LOST || page == known[i].page) {
                look(memory, &writers[i], &known[i]);
            }
        }
    }
    return lost;
}

/* Whoever has been told of a write, and then reads the news, knows what was written. */
static void what_other_threads_have_written_is_in_the_news(void **state)
{
    enum { WRITERS = 3 };
    struct memory *memory = *state;
    struct crowd crowd = { .memory = memory };
    struct writer writers[WRITERS];
    struct known known[WRITERS];
    pthread_t threads[WRITERS + 1];
    uint64_t place = watch_now(memory), lost = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        const uint64_t page = i / 2; /* two of them write to one */
        void *word = memory_pointer(memory, gpa(BASE + page * PAGE_SIZE + i * UINT64_C(64)), 8, MEMORY_WRITE);
        writers[i] = (struct writer){ .memory = memory, .word = word };
        known[i].page = page_at(memory, page);
        look(memory, &writers[i], &known[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_numbers, &writers[i]), 0);
    }
    assert_int_equal(pthread_create(&threads[WRITERS], NULL, make_news, &crowd), 0);
    for (bool is_over = false; !is_over;) {
        uint64_t told[WRITERS];
        is_over = true;
        for (unsigned i = 0; i < WRITERS; i++) {
            told[i] = atomic_load_explicit(&writers[i].written, memory_order_acquire);
            is_over &= told[i] == WRITES;
        }
        lost += follow_news(memory, &place, writers, known, WRITERS);
        for (unsigned i = 0; i < WRITERS; i++) {
            assert_in_range(known[i].number, told[i], WRITES);
        }
    }
    atomic_store(&crowd.is_over, true);
    for (unsigned i = 0; i <= WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    print_message("# news lost %u times\n", (unsigned)lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_to_a_watched_page_is_noted_once, create, destroy),
        cmocka_unit_test_setup_teardown(a_page_can_be_watched_again, create, destroy),
        cmocka_unit_test_setup_teardown(a_right_to_write_to_a_watched_page_is_not_kept, create, destroy),
        cmocka_unit_test_setup_teardown(a_device_that_has_written_tells_of_every_page, create, destroy),
        cmocka_unit_test_setup_teardown(who_reads_late_is_told_so, create, destroy),
        cmocka_unit_test_setup_teardown(a_private_view_cannot_be_watched, create, destroy),
        cmocka_unit_test_setup_teardown(what_other_threads_have_written_is_in_the_news, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
