/* SPDX-License-Identifier: Apache-2.0 */
#include "core/huge_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE ((size_t)4096)

static void what_is_reserved_begins_where_it_was_asked_for(void **state)
{
    (void)state;
    const uint64_t likes[] = { 0, PAGE, HUGE_PAGE_SIZE - PAGE, HUGE_PAGE_SIZE, UINT64_C(0x80000000) + PAGE };
    const size_t sizes[] = { PAGE, HUGE_PAGE_SIZE - PAGE, HUGE_PAGE_SIZE, HUGE_PAGE_SIZE + PAGE };
    for (unsigned i = 0; i < sizeof likes / sizeof likes[0]; i++) {
        for (unsigned j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            uint8_t *start = huge_reserve(sizes[j], likes[i]);
            assert_non_null(start);
            assert_int_equal((uintptr_t)start % HUGE_PAGE_SIZE, likes[i] % HUGE_PAGE_SIZE);
            assert_int_equal(mprotect(start, sizes[j], PROT_READ | PROT_WRITE), 0); /* all of it is mapped … */
            start[0] = start[sizes[j] - 1] = 1;
            assert_int_equal(munmap(start, sizes[j]), 0);
        }
    }
}

/* In pages; proc(5), /proc/pid/statm. */
static long address_space(void)
{
    char text[128] = { 0 };
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    setvbuf(file, text, _IOFBF, sizeof text); /* no memory of its own */
    long pages = 0;
    assert_int_equal(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages;
}

/* … and nothing beside it. */
static void no_more_is_kept_than_was_asked_for(void **state)
{
    (void)state;
    const uint64_t likes[] = { 0, PAGE, HUGE_PAGE_SIZE - PAGE };
    (void)address_space(); /* what the C library maps once */
    for (unsigned i = 0; i < sizeof likes / sizeof likes[0]; i++) {
        const long before = address_space();
        uint8_t *start = huge_reserve(3 * PAGE, likes[i]);
        assert_non_null(start);
        assert_int_equal(address_space() - before, 3);
        assert_int_equal(munmap(start, 3 * PAGE), 0);
    }
}

/* Whether the host makes a huge page or not. */
static void both_views_of_a_file_keep_what_is_in_it(void **state)
{
    (void)state;
    uint8_t *one = huge_reserve(HUGE_PAGE_SIZE, 0), *other = huge_reserve(HUGE_PAGE_SIZE, 0);
    int file = memfd_create("test", MFD_CLOEXEC);
    assert_true(file >= 0 && ftruncate(file, (off_t)HUGE_PAGE_SIZE) == 0);
    assert_ptr_equal(mmap(one, HUGE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0), one);
    assert_ptr_equal(mmap(other, HUGE_PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0), other);
    close(file);
    one[0] = 1;
    one[5 * PAGE] = 2;
    one[HUGE_PAGE_SIZE - 1] = 3;
    huge_collapse(one);
    huge_collapse(other);
    one[7 * PAGE] = 4;
    assert_int_equal(other[0], 1);
    assert_int_equal(other[5 * PAGE], 2);
    assert_int_equal(other[6 * PAGE], 0);
    assert_int_equal(other[7 * PAGE], 4);
    assert_int_equal(other[HUGE_PAGE_SIZE - 1], 3);
    munmap(one, HUGE_PAGE_SIZE);
    munmap(other, HUGE_PAGE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_reserved_begins_where_it_was_asked_for),
        cmocka_unit_test(no_more_is_kept_than_was_asked_for),
        cmocka_unit_test(both_views_of_a_file_keep_what_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
