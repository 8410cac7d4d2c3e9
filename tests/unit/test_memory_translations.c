/* SPDX-License-Identifier: Apache-2.0 */
/* The second level of translation caching: what it finds, and that each way of forgetting reaches all it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "memory/translations.h"

#define LOW      UINT64_C(0x3f12345000)
#define HIGH     UINT64_C(0xffffffd812345000)
#define MEGAPAGE (UINT64_C(1) << 21)
#define SPACE    7u
#define OTHER    8u
#define REALM    (UINT32_C(1) << 16)
#define CAPACITY (TRANSLATIONS_SETS * TRANSLATIONS_WAYS)

static const uint64_t sizes[] = { PAGE_SIZE,         UINT64_C(1) << 16, MEGAPAGE,
                                  UINT64_C(1) << 30, UINT64_C(1) << 39, UINT64_C(1) << 48 };
#define SIZE_COUNT (sizeof sizes / sizeof *sizes)

static int create(void **state)
{
    *state = translations_create();
    return 0;
}

static int destroy(void **state)
{
    translations_destroy(*state);
    return 0;
}

static void enter(struct translations *all, uint32_t space, uint64_t address, uint64_t size, uint64_t leaf)
{
    translations_enter(all, space, address, &(struct translations_page){ .leaf = leaf, .size = size });
}

static void enter_global(struct translations *all, uint32_t space, uint64_t address, uint64_t size, uint64_t leaf)
{
    translations_enter(all, space, address,
                       &(struct translations_page){ .leaf = leaf, .size = size, .is_global = true });
}

/* Its leaf; 0: not known. */
static uint64_t leaf(const struct translations *all, uint32_t space, uint64_t address)
{
    struct translations_page page = { 0 };
    return translations_find(all, space, address, &page) ? page.leaf : 0;
}

/* ---- Finding ------------------------------------------------------------------------------------------------------
 */

static void an_empty_cache_knows_nothing(void **state)
{
    static const uint64_t addresses[] = { 0, 1, LOW, HIGH, INT64_MAX, UINT64_MAX };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        for (uint32_t space = 0; space < 3; space++) {
            assert_true(leaf(*state, space, addresses[i]) == 0);
        }
    }
}

static void a_page_of_any_size_is_found_from_its_first_to_its_last_byte(void **state)
{
    struct translations *all = *state;
    const uint64_t places[] = { LOW, HIGH };
    for (size_t i = 0; i < 2 * SIZE_COUNT; i++) {
        uint64_t size = sizes[i / 2], first = places[i % 2] & ~(size - 1);
        translations_forget_all(all);
        enter(all, SPACE, first + size / 2 + 1, size, 0x80000000 + i);
        struct translations_page page;
        assert_true(translations_find(all, SPACE, first + size - 1, &page));
        assert_true(page.leaf == 0x80000000 + i && page.size == size && !page.is_global);
        assert_true(leaf(all, SPACE, first) == page.leaf);
        assert_true(leaf(all, SPACE, first - 1) == 0);
        assert_true(leaf(all, SPACE, first + size) == 0);
        assert_true(leaf(all, OTHER, first) == 0);
    }
}

static void what_is_entered_again_takes_its_own_place(void **state)
{
    struct translations *all = *state;
    for (uint64_t i = 1; i <= 3 * CAPACITY; i++) {
        enter(all, SPACE, LOW, PAGE_SIZE, i);
    }
    assert_true(leaf(all, SPACE, LOW) == 3 * CAPACITY);
    unsigned count = 0;
    for (unsigned set = 0; set < TRANSLATIONS_SETS; set++) {
        for (unsigned way = 0; way < TRANSLATIONS_WAYS; way++) {
            count += all->sets[set][way].leaf != 0;
        }
    }
    assert_int_equal(count, 1);
}

static unsigned known_of(const struct translations *all, uint64_t first, unsigned count)
{
    unsigned known = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t found = leaf(all, SPACE, first + i * PAGE_SIZE);
        assert_true(found == 0 || found == i + 1);
        known += found != 0;
    }
    return known;
}

/* Pages in a row fill the sets evenly enough to use most of them; and the newest is always there. */
static void it_holds_as_much_as_it_has_room_for(void **state)
{
    struct translations *all = *state;
    static const unsigned counts[] = { CAPACITY / 2, CAPACITY - 1, CAPACITY, CAPACITY + 1, 2 * CAPACITY };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        translations_forget_all(all);
        for (unsigned k = 0; k < counts[i]; k++) {
            enter(all, SPACE, LOW + k * PAGE_SIZE, PAGE_SIZE, k + 1);
            assert_true(leaf(all, SPACE, LOW + k * PAGE_SIZE) == k + 1);
        }
        unsigned known = known_of(all, LOW, counts[i]), room = counts[i] < CAPACITY ? counts[i] : CAPACITY;
        assert_true(known > room - room / 8 && known <= CAPACITY);
    }
}

/* One more page than ways in one set. */
static void a_full_set_replaces_one_entry(void **state)
{
    struct translations *all = *state;
    uint64_t in_set[TRANSLATIONS_WAYS + 1];
    unsigned found = 0;
    for (uint64_t address = LOW; found <= TRANSLATIONS_WAYS; address += PAGE_SIZE) {
        translations_forget_all(all);
        enter(all, SPACE, address, PAGE_SIZE, 1);
        bool is_first_set = false;
        for (unsigned way = 0; way < TRANSLATIONS_WAYS; way++) {
            is_first_set |= all->sets[0][way].stamp == all->last_stamp;
        }
        if (is_first_set) {
            in_set[found++] = address;
        }
    }
    for (unsigned count = TRANSLATIONS_WAYS - 1; count <= TRANSLATIONS_WAYS + 1; count++) {
        unsigned known = 0;
        translations_forget_all(all);
        for (unsigned i = 0; i < count; i++) {
            enter(all, SPACE, in_set[i], PAGE_SIZE, i + 1);
        }
        for (unsigned i = 0; i < count; i++) {
            known += leaf(all, SPACE, in_set[i]) == i + 1;
        }
        assert_int_equal(known, count < TRANSLATIONS_WAYS ? count : TRANSLATIONS_WAYS);
    }
}

static void a_global_page_is_seen_by_its_realm_only(void **state)
{
    struct translations *all = *state;
    enter_global(all, SPACE, HIGH, MEGAPAGE, 5);
    assert_true(leaf(all, SPACE, HIGH) == 5 && leaf(all, OTHER, HIGH) == 5 && leaf(all, UINT16_MAX, HIGH) == 5);
    assert_true(leaf(all, REALM | SPACE, HIGH) == 0 && leaf(all, REALM, HIGH) == 0);
    enter_global(all, REALM, HIGH, MEGAPAGE, 6);
    assert_true(leaf(all, OTHER, HIGH) == 5 && leaf(all, REALM | OTHER, HIGH) == 6);
}

/* ---- Forgetting ---------------------------------------------------------------------------------------------------
 */

static void a_space_is_forgotten_without_the_others_and_without_global_pages(void **state)
{
    struct translations *all = *state;
    enter(all, SPACE, LOW, PAGE_SIZE, 1);
    enter(all, OTHER, LOW, PAGE_SIZE, 2);
    enter(all, SPACE, LOW + MEGAPAGE, MEGAPAGE, 3);
    enter_global(all, SPACE, HIGH, PAGE_SIZE, 4);
    translations_forget_space(all, SPACE);
    assert_true(leaf(all, SPACE, LOW) == 0 && leaf(all, SPACE, LOW + MEGAPAGE) == 0);
    assert_true(leaf(all, OTHER, LOW) == 2 && leaf(all, SPACE, HIGH) == 4);
    enter(all, SPACE, LOW, PAGE_SIZE, 5);
    assert_true(leaf(all, SPACE, LOW) == 5 && leaf(all, SPACE, LOW + MEGAPAGE) == 0);
    translations_forget_all(all);
    assert_true(leaf(all, SPACE, LOW) == 0 && leaf(all, OTHER, LOW) == 0 && leaf(all, SPACE, HIGH) == 0);
}

static void every_space_is_forgotten_by_its_own_number(void **state)
{
    struct translations *all = *state;
    for (uint32_t space = 0; space <= UINT16_MAX; space += 0x111) {
        enter(all, space, LOW, PAGE_SIZE, space + 1);
        assert_true(leaf(all, space, LOW) == space + 1);
        translations_forget_space(all, space);
        assert_true(leaf(all, space, LOW) == 0);
        enter(all, space, HIGH, PAGE_SIZE, space + 1);
        translations_forget_address_of(all, space, HIGH);
        assert_true(leaf(all, space, HIGH) == 0);
    }
}

static void an_address_is_forgotten_with_the_page_around_it_whatever_its_size(void **state)
{
    struct translations *all = *state;
    const uint64_t places[] = { LOW, HIGH };
    for (size_t i = 0; i < 2 * SIZE_COUNT; i++) {
        uint64_t size = sizes[i / 2], first = places[i % 2] & ~(size - 1);
        const uint64_t fences[] = { first, first + size / 2, first + size - 1 };
        for (size_t k = 0; k < 3; k++) {
            translations_forget_all(all);
            enter(all, SPACE, first, size, 1);
            enter(all, OTHER, first, size, 2);
            enter_global(all, OTHER, first + size, size, 3);
            enter(all, SPACE, first - size, size, 4);
            translations_forget_address_of(all, SPACE, fences[k]);
            assert_true(leaf(all, SPACE, first) == 0 && leaf(all, OTHER, first) == 2);
            enter(all, SPACE, first, size, 1);
            translations_forget_address(all, fences[k]); /* of all spaces */
            assert_true(leaf(all, SPACE, first) == 0 && leaf(all, OTHER, first) == 0);
            assert_true(leaf(all, OTHER, first + size) == 3 && leaf(all, SPACE, first - 1) == 4);
        }
    }
}

static void global_pages_stay_when_an_address_of_one_space_is_forgotten(void **state)
{
    struct translations *all = *state;
    const uint64_t places[] = { LOW, HIGH };
    for (size_t i = 0; i < 2; i++) {
        enter_global(all, SPACE, places[i], PAGE_SIZE, 1);
        translations_forget_address_of(all, SPACE, places[i]);
        translations_forget_space(all, SPACE);
        assert_true(leaf(all, SPACE, places[i]) == 1);
        translations_forget_address(all, places[i]);
        assert_true(leaf(all, SPACE, places[i]) == 0);
    }
}

/* Entered from several spaces, one global page stands in several places. */
static void all_of_a_global_page_is_forgotten(void **state)
{
    struct translations *all = *state;
    for (uint32_t space = 0; space < 200; space++) {
        enter_global(all, space, LOW, PAGE_SIZE, space + 1);
    }
    translations_forget_address(all, LOW);
    for (uint32_t space = 0; space < 200; space++) {
        assert_true(leaf(all, space, LOW) == 0);
    }
}

static void a_page_in_pieces_of_two_sizes_is_forgotten_as_both(void **state)
{
    struct translations *all = *state;
    enter(all, SPACE, HIGH, MEGAPAGE, 1);
    enter(all, SPACE, HIGH, PAGE_SIZE, 2); /* the guest split it and has not fenced yet */
    assert_true(leaf(all, SPACE, HIGH) != 0);
    translations_forget_address_of(all, SPACE, HIGH);
    assert_true(leaf(all, SPACE, HIGH) == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_cache_knows_nothing),
        TEST(a_page_of_any_size_is_found_from_its_first_to_its_last_byte),
        TEST(what_is_entered_again_takes_its_own_place),
        TEST(it_holds_as_much_as_it_has_room_for),
        TEST(a_full_set_replaces_one_entry),
        TEST(a_global_page_is_seen_by_its_realm_only),
        TEST(a_space_is_forgotten_without_the_others_and_without_global_pages),
        TEST(every_space_is_forgotten_by_its_own_number),
        TEST(an_address_is_forgotten_with_the_page_around_it_whatever_its_size),
        TEST(global_pages_stay_when_an_address_of_one_space_is_forgotten),
        TEST(all_of_a_global_page_is_forgotten),
        TEST(a_page_in_pieces_of_two_sizes_is_forgotten_as_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
