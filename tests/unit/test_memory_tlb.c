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
static uint64_t epochs;

static int create(void **state)
{
    struct tlb *tlb = check_alloc(sizeof *tlb);
    epochs = 0;
    tlb_init(tlb, &epochs);
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
    tlb_fill(tlb, PAGE + 0x123, host, ALL_RIGHTS, PAGE_SIZE);
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
        tlb_fill(tlb, PAGE, host, rights, PAGE_SIZE);
        assert_int_equal(reads(tlb, PAGE, 8), (rights & MEMORY_READ) != 0);
        assert_int_equal(writes(tlb, PAGE, 8), (rights & MEMORY_WRITE) != 0);
        assert_int_equal(tlb_fetch(tlb, PAGE) != NULL, (rights & MEMORY_FETCH) != 0);
    }
}

static void another_page_of_the_same_entry_takes_its_place(void **state)
{
    struct tlb *tlb = *state;
    uint64_t other = PAGE + TLB_ENTRY_COUNT * PAGE_SIZE;
    tlb_fill(tlb, PAGE, host, ALL_RIGHTS, PAGE_SIZE);
    tlb_fill(tlb, other, host, MEMORY_READ, PAGE_SIZE);
    assert_false(reads(tlb, PAGE, 8));
    assert_false(writes(tlb, PAGE, 8));
    assert_true(reads(tlb, other, 8));
}

static void flush_page_drops_that_page_only(void **state)
{
    struct tlb *tlb = *state;
    tlb_fill(tlb, PAGE, host, ALL_RIGHTS, PAGE_SIZE);
    tlb_fill(tlb, PAGE + PAGE_SIZE, host, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush_page(tlb, PAGE + 0xfff, &epochs);
    assert_false(reads(tlb, PAGE, 8));
    assert_true(reads(tlb, PAGE + PAGE_SIZE, 8));
    tlb_flush_page(tlb, PAGE + PAGE_SIZE + TLB_ENTRY_COUNT * PAGE_SIZE, &epochs); /* same entry, other page */
    assert_true(reads(tlb, PAGE + PAGE_SIZE, 8));
}

static void flush_page_inside_a_large_page_drops_all_its_pieces(void **state)
{
    struct tlb *tlb = *state;
    uint64_t large = UINT64_C(0x40000000);
    tlb_fill(tlb, large, host, ALL_RIGHTS, MEGAPAGE);
    tlb_fill(tlb, large + MEGAPAGE - PAGE_SIZE, host, ALL_RIGHTS, MEGAPAGE);
    tlb_flush_page(tlb, large + 0x7000, &epochs); /* of which no piece is cached */
    assert_false(reads(tlb, large, 8));
    assert_false(reads(tlb, large + MEGAPAGE - PAGE_SIZE, 8));
}

static void flush_page_outside_the_large_pages_leaves_them(void **state)
{
    struct tlb *tlb = *state;
    uint64_t large = UINT64_C(0x40000000);
    tlb_fill(tlb, large, host, ALL_RIGHTS, MEGAPAGE);
    tlb_flush_page(tlb, large - 1, &epochs);
    tlb_flush_page(tlb, large + MEGAPAGE, &epochs);
    assert_true(reads(tlb, large, 8));
    tlb_fill(tlb, HIGH_PAGE, host, ALL_RIGHTS, MEGAPAGE); /* the other half of the address space */
    tlb_flush_page(tlb, large + MEGAPAGE, &epochs);
    assert_true(reads(tlb, large, 8));
    tlb_flush_page(tlb, HIGH_PAGE, &epochs);
    assert_false(reads(tlb, HIGH_PAGE, 8));
}

/* Below and above the number of fills that a flush undoes one by one. */
static void flush_empties_however_much_was_filled(void **state)
{
    struct tlb *tlb = *state;
    static const unsigned counts[] = {
        0, 1, TLB_FILLED_MAX - 1, TLB_FILLED_MAX, TLB_FILLED_MAX + 1, 3 * TLB_ENTRY_COUNT
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (unsigned page = 0; page < counts[i]; page++) {
            tlb_fill(tlb, PAGE + page * PAGE_SIZE, host, ALL_RIGHTS, PAGE_SIZE);
        }
        tlb_flush(tlb, &epochs);
        for (unsigned entry = 0; entry < TLB_ENTRY_COUNT; entry++) {
            assert_true(tlb->entries[entry].read == TLB_NO_TAG && tlb->entries[entry].write == TLB_NO_TAG &&
                        tlb->entries[entry].fetch == TLB_NO_TAG);
        }
    }
}

static void flush_writes_leaves_the_rest(void **state)
{
    struct tlb *tlb = *state;
    tlb_fill(tlb, PAGE, host, ALL_RIGHTS, PAGE_SIZE);
    tlb_flush_writes(tlb);
    assert_true(reads(tlb, PAGE, 8));
    assert_false(writes(tlb, PAGE, 8));
    assert_non_null(tlb_fetch(tlb, PAGE));
}

static void the_epoch_changes_when_a_fetched_page_may_have_gone(void **state)
{
    struct tlb *tlb = *state;
    tlb_fill(tlb, PAGE, host, ALL_RIGHTS, PAGE_SIZE);
    uint64_t epoch = tlb->epoch;
    tlb_flush_page(tlb, PAGE, &epochs);
    assert_true(tlb->epoch == epoch); /* nobody fetched from it */
    tlb_fill(tlb, PAGE, host, ALL_RIGHTS, PAGE_SIZE);
    assert_non_null(tlb_fetch(tlb, PAGE));
    tlb_fill(tlb, PAGE + TLB_ENTRY_COUNT * PAGE_SIZE, host, MEMORY_READ, PAGE_SIZE); /* evicts it */
    tlb_flush_page(tlb, PAGE, &epochs);
    assert_true(tlb->epoch > epoch);
    epoch = tlb->epoch;
    tlb_flush(tlb, &epochs);
    assert_true(tlb->epoch > epoch);
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
        TEST(flush_page_inside_a_large_page_drops_all_its_pieces),
        TEST(flush_page_outside_the_large_pages_leaves_them),
        TEST(flush_empties_however_much_was_filled),
        TEST(flush_writes_leaves_the_rest),
        TEST(the_epoch_changes_when_a_fetched_page_may_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
