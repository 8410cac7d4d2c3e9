/* SPDX-License-Identifier: Apache-2.0 */
/* The soft TLB: what a tag promises, and that a flush reaches everything it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/check.h"
#include "memory/tlb.h"

#include <stdlib.h>

#define PAGE       UINT64_C(0x40005000)
#define ALL_RIGHTS (MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH)
#define MEGAPAGE   (UINT64_C(1) << 21)
#define HIGH_PAGE  UINT64_C(0xffffffc000003000)

static uint8_t host[PAGE_SIZE];

static int create(void **state)
{
    struct tlb *tlb = check_alloc(sizeof *tlb);
    tlb_init(tlb);
    *state = tlb;
    return 0;
}

static int destroy(void **state)
{
    free(*state);
    return 0;
}

static bool reads(struct tlb *tlb, uint64_t address, uint64_t size)
{
    return tlb_entry(tlb, address)->read == tlb_tag(address, size);
}

static bool writes(struct tlb *tlb, uint64_t address, uint64_t size)
{
    return tlb_entry(tlb, address)->write == tlb_tag(address, size);
}

static void fill(struct tlb *tlb, uint64_t address, unsigned rights, uint64_t size)
{
    tlb_fill(tlb, address, &(struct tlb_page){ .host = host, .rights = rights, .size = size });
}

static void fill_global(struct tlb *tlb, uint64_t address, unsigned rights, uint64_t size)
{
    tlb_fill(tlb, address, &(struct tlb_page){ .host = host, .rights = rights, .size = size, .is_global = true });
}

static bool knows(struct tlb *tlb, uint64_t address)
{
    return reads(tlb, address, 8) && writes(tlb, address, 8) && tlb_fetch(tlb, address) == host;
}

static bool knows_nothing_of(struct tlb *tlb, uint64_t address)
{
    return !reads(tlb, address, 8) && !writes(tlb, address, 8) && tlb_fetch(tlb, address) == NULL;
}

static void an_empty_cache_knows_no_address(void **state)
{
    struct tlb *tlb = *state;
    static const uint64_t addresses[] = { 0, 1, 7, PAGE, PAGE + 0xfff, UINT64_MAX, UINT64_MAX - 7, INT64_MAX };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        for (uint64_t size = 1; size <= 64; size *= 2) {
            assert_false(reads(tlb, addresses[i], size));
            assert_false(writes(tlb, addresses[i], size));
        }
        assert_null(tlb_fetch(tlb, addresses[i]));
    }
}

static void a_hit_means_aligned_and_inside_the_page(void **state)
{
    struct tlb *tlb = *state;
    fill(tlb, PAGE + 0x123, ALL_RIGHTS, PAGE_SIZE);
    for (uint64_t size = 1; size <= 16; size *= 2) {
        for (uint64_t offset = 0; offset < PAGE_SIZE; offset++) {
            assert_int_equal(reads(tlb, PAGE + offset, size), offset % size == 0);
            assert_int_equal(writes(tlb, PAGE + offset, size), offset % size == 0);
        }
        assert_false(reads(tlb, PAGE - size, size));
        assert_false(reads(tlb, PAGE + PAGE_SIZE, size));
    }
    assert_ptr_equal(tlb_host(tlb_entry(tlb, PAGE + 8), PAGE + 8), host + 8);
}

static void each_right_is_a_tag_of_its_own(void **state)
{
    struct tlb *tlb = *state;
    for (unsigned rights = 1; rights <= ALL_RIGHTS; rights++) {
        tlb_flush(tlb);
        fill(tlb, PAGE, rights, PAGE_SIZE);
        assert_int_equal(reads(tlb, PAGE, 8), (rights & MEMORY_READ) != 0);
        assert_int_equal(writes(tlb, PAGE, 8), (rights & MEMORY_WRITE) != 0);
        assert_int_equal(tlb_fetch(tlb, PAGE) != NULL, (rights & MEMORY_FETCH) != 0);
    }
}

static void another_page_of_the_same_entry_takes_its_place(void **state)
{
    struct tlb *tlb = *state;
    uint64_t other = PAGE + TLB_ENTRY_COUNT * PAGE_SIZE;
    fill(tlb, PAGE, ALL_RIGHTS, PAGE_SIZE);
    fill(tlb, other, MEMORY_READ, PAGE_SIZE);
    assert_false(reads(tlb, PAGE, 8));
    assert_false(writes(tlb, PAGE, 8));
    assert_true(reads(tlb, other, 8));
    assert_non_null(tlb_fetch(tlb, PAGE)); /* data and code do not evict each other */
    fill(tlb, PAGE + TLB_FETCH_COUNT * PAGE_SIZE, MEMORY_FETCH, PAGE_SIZE);
    assert_null(tlb_fetch(tlb, PAGE));
    assert_true(reads(tlb, other, 8));
}

static void flush_page_drops_that_page_only(void **state)
{
    struct tlb *tlb = *state;
    fill(tlb, PAGE, ALL_RIGHTS, PAGE_SIZE);
    fill(tlb, PAGE + PAGE_SIZE, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush_page(tlb, PAGE + 0xfff);
    assert_false(reads(tlb, PAGE, 8));
    assert_true(reads(tlb, PAGE + PAGE_SIZE, 8));
    tlb_flush_page(tlb, PAGE + PAGE_SIZE + TLB_ENTRY_COUNT * PAGE_SIZE); /* same entry, other page */
    assert_true(reads(tlb, PAGE + PAGE_SIZE, 8));
}

/* Sizes a page can have: 64 KiB (NAPOT) and those of the levels. */
static const uint64_t sizes[] = { UINT64_C(1) << 16, MEGAPAGE, UINT64_C(1) << 30, UINT64_C(1) << 39 };

static void flush_page_inside_a_large_page_drops_all_its_pieces_and_no_more(void **state)
{
    struct tlb *tlb = *state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t size = sizes[i], large = 3 * size;
        const uint64_t fences[] = { large, large + 0x7000, large + size - 1 };
        for (size_t k = 0; k < sizeof fences / sizeof *fences; k++) {
            fill(tlb, large, ALL_RIGHTS, size);
            fill(tlb, large + size - PAGE_SIZE, ALL_RIGHTS, size);
            fill(tlb, large - 2 * PAGE_SIZE, ALL_RIGHTS, size); /* of its neighbours */
            fill(tlb, large + size + PAGE_SIZE, ALL_RIGHTS, size);
            tlb_flush_page(tlb, fences[k]); /* mostly of which no piece is cached */
            assert_true(knows_nothing_of(tlb, large));
            assert_true(knows_nothing_of(tlb, large + size - PAGE_SIZE));
            assert_true(knows(tlb, large - 2 * PAGE_SIZE));
            assert_true(knows(tlb, large + size + PAGE_SIZE));
        }
    }
}

static void flush_page_outside_the_large_pages_leaves_them(void **state)
{
    struct tlb *tlb = *state;
    uint64_t large = UINT64_C(0x40000000);
    fill(tlb, large, ALL_RIGHTS, MEGAPAGE);
    tlb_flush_page(tlb, large - 1);
    tlb_flush_page(tlb, large + MEGAPAGE);
    assert_true(reads(tlb, large, 8));
    fill(tlb, HIGH_PAGE, ALL_RIGHTS, MEGAPAGE); /* the other half of the address space */
    tlb_flush_page(tlb, large + MEGAPAGE);
    assert_true(reads(tlb, large, 8));
    tlb_flush_page(tlb, HIGH_PAGE);
    assert_false(reads(tlb, HIGH_PAGE, 8));
    assert_true(reads(tlb, large, 8));
}

static void flush_page_drops_a_page_that_may_only_be_written_or_fetched(void **state)
{
    struct tlb *tlb = *state;
    fill(tlb, PAGE, MEMORY_WRITE, PAGE_SIZE);
    tlb_flush_page(tlb, PAGE);
    assert_true(knows_nothing_of(tlb, PAGE));
    fill(tlb, PAGE, MEMORY_FETCH, PAGE_SIZE);
    tlb_flush_page(tlb, PAGE);
    assert_true(knows_nothing_of(tlb, PAGE));
    fill(tlb, PAGE, MEMORY_READ | MEMORY_WRITE, MEGAPAGE);
    tlb_flush_writes(tlb);
    tlb_flush_page(tlb, PAGE - PAGE_SIZE);
    assert_true(knows_nothing_of(tlb, PAGE));
}

static const unsigned counts[] = {
    0, 1, TLB_FILLED_MAX - 1, TLB_FILLED_MAX, TLB_FILLED_MAX + 1, TLB_ENTRY_COUNT, 3 * TLB_FETCH_COUNT
};

/* Below and above the number of fills that it undoes one by one; a page for data and fetches counts twice. */
static void flush_space_leaves_global_pages_only(void **state)
{
    struct tlb *tlb = *state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (unsigned page = 0; page < counts[i]; page++) {
            uint64_t address = PAGE + page * PAGE_SIZE;
            if (page % 3 == 0) {
                fill_global(tlb, address, ALL_RIGHTS, page % 2 == 0 ? PAGE_SIZE : MEGAPAGE);
            } else {
                fill(tlb, address, ALL_RIGHTS, page % 2 == 0 ? PAGE_SIZE : MEGAPAGE);
            }
        }
        for (unsigned again = 0; again < 2; again++) {
            tlb_flush_space(tlb);
            for (unsigned page = counts[i] < TLB_ENTRY_COUNT ? 0 : counts[i] - TLB_ENTRY_COUNT; page < counts[i];
                 page++) {
                uint64_t address = PAGE + page * PAGE_SIZE;
                assert_true(page % 3 == 0 ? knows(tlb, address) : knows_nothing_of(tlb, address));
            }
        }
        tlb_flush(tlb);
        for (unsigned page = 0; page < counts[i]; page++) {
            assert_true(knows_nothing_of(tlb, PAGE + page * PAGE_SIZE));
        }
    }
}

static void a_page_that_takes_a_global_ones_place_is_not_global(void **state)
{
    struct tlb *tlb = *state;
    fill_global(tlb, PAGE, ALL_RIGHTS, PAGE_SIZE);
    fill(tlb, PAGE + TLB_ENTRY_COUNT * PAGE_SIZE, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush_space(tlb);
    assert_true(knows_nothing_of(tlb, PAGE + TLB_ENTRY_COUNT * PAGE_SIZE));
    fill(tlb, PAGE, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush_page(tlb, PAGE);
    tlb_flush_space(tlb); /* its place is in the list of filled ones several times */
    fill(tlb, PAGE, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush(tlb);
    assert_true(knows_nothing_of(tlb, PAGE));
}

static void flush_empties_however_much_was_filled(void **state)
{
    struct tlb *tlb = *state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (unsigned page = 0; page < counts[i]; page++) {
            fill(tlb, PAGE + page * PAGE_SIZE, ALL_RIGHTS, PAGE_SIZE);
        }
        tlb_flush(tlb);
        for (unsigned entry = 0; entry < TLB_ENTRY_COUNT; entry++) {
            assert_true(tlb->entries[entry].read == TLB_NO_TAG && tlb->entries[entry].write == TLB_NO_TAG);
        }
        for (unsigned entry = 0; entry < TLB_FETCH_COUNT; entry++) {
            assert_true(tlb->fetches[entry].page == TLB_NO_TAG);
        }
    }
}

static void every_flush_counts_the_generation_up_and_no_fill_does(void **state)
{
    struct tlb *tlb = *state;
    uint64_t before = tlb->generation;
    fill(tlb, 0x5000, MEMORY_READ | MEMORY_WRITE, PAGE_SIZE);
    assert_int_equal(tlb->generation, before);
    tlb_flush_page(tlb, 0x9000); /* of a page that is not in it: it may have been, and somebody remember */
    assert_int_equal(tlb->generation, before + 1);
    tlb_flush_writes(tlb);
    assert_int_equal(tlb->generation, before + 2);
    tlb_flush_space(tlb);
    assert_int_equal(tlb->generation, before + 3);
    tlb_flush(tlb);
    assert_int_equal(tlb->generation, before + 4);
}

static void flush_writes_leaves_the_rest(void **state)
{
    struct tlb *tlb = *state;
    fill(tlb, PAGE, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush_writes(tlb);
    assert_true(reads(tlb, PAGE, 8));
    assert_false(writes(tlb, PAGE, 8));
    assert_non_null(tlb_fetch(tlb, PAGE));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_cache_knows_no_address),
        TEST(a_hit_means_aligned_and_inside_the_page),
        TEST(each_right_is_a_tag_of_its_own),
        TEST(another_page_of_the_same_entry_takes_its_place),
        TEST(flush_page_drops_that_page_only),
        TEST(flush_page_inside_a_large_page_drops_all_its_pieces_and_no_more),
        TEST(flush_page_outside_the_large_pages_leaves_them),
        TEST(flush_page_drops_a_page_that_may_only_be_written_or_fetched),
        TEST(flush_space_leaves_global_pages_only),
        TEST(a_page_that_takes_a_global_ones_place_is_not_global),
        TEST(flush_empties_however_much_was_filled),
        TEST(every_flush_counts_the_generation_up_and_no_fill_does),
        TEST(flush_writes_leaves_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
