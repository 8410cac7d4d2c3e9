/* SPDX-License-Identifier: Apache-2.0 */
/* Watched pages: who writes is noted, once, whatever the way; who reads late is told so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "memory/watch.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_to_a_watched_page_is_noted_once, create, destroy),
        cmocka_unit_test_setup_teardown(a_page_can_be_watched_again, create, destroy),
        cmocka_unit_test_setup_teardown(a_right_to_write_to_a_watched_page_is_not_kept, create, destroy),
        cmocka_unit_test_setup_teardown(a_device_that_has_written_tells_of_every_page, create, destroy),
        cmocka_unit_test_setup_teardown(who_reads_late_is_told_so, create, destroy),
        cmocka_unit_test_setup_teardown(a_private_view_cannot_be_watched, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
