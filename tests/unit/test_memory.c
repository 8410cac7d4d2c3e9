/* SPDX-License-Identifier: Apache-2.0 */
/* Guest-physical memory: slots and their borders, pointers that a hostile guest chose, dirty bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/check.h"
#include "memory/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE UINT64_C(0x80000000)
#define SIZE (4 * PAGE_SIZE)

/* ---- A device that remembers --------------------------------------------------------------------------------- */

struct probe {
    uint64_t offset, value;
    unsigned size, reads, writes;
    bool refuses;
};

static bool probe_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct probe *probe = device;
    probe->offset = offset;
    probe->size = size;
    probe->reads++;
    *value = UINT64_MAX;
    return !probe->refuses;
}

static bool probe_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *probe = device;
    probe->offset = offset;
    probe->size = size;
    probe->value = value;
    probe->writes++;
    return !probe->refuses;
}

static const struct memory_device_ops probe_ops = { probe_read, probe_write };

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

/* ---- Slots --------------------------------------------------------------------------------------------------- */

static void slots_are_found_from_their_first_byte_to_their_last(void **state)
{
    const struct memory *memory = *state;
    assert_null(memory_find(memory, gpa(BASE - 1)));
    assert_non_null(memory_find(memory, gpa(BASE)));
    assert_non_null(memory_find(memory, gpa(BASE + SIZE - 1)));
    assert_null(memory_find(memory, gpa(BASE + SIZE)));
    assert_null(memory_find(memory, gpa(0)));
    assert_null(memory_find(memory, gpa(UINT64_MAX)));
}

static void slots_added_in_any_order_are_all_found(void **state)
{
    struct memory *memory = *state;
    struct probe probes[8];
    struct error error;
    static const unsigned order[8] = { 3, 7, 0, 5, 1, 6, 2, 4 };
    for (unsigned i = 0; i < 8; i++) {
        assert_true(
            memory_add_device(memory, gpa(order[i] * 0x100), 0x100, &probe_ops, &probes[order[i]], "probe", &error));
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_ptr_equal(memory_find(memory, gpa(i * 0x100))->device, &probes[i]);
        assert_ptr_equal(memory_find(memory, gpa(i * 0x100 + 0xff))->device, &probes[i]);
    }
    assert_null(memory_find(memory, gpa(0x800)));
}

static bool can_add(struct memory *memory, uint64_t base, uint64_t size)
{
    struct probe probe;
    struct error error = { "" };
    bool added = memory_add_device(memory, gpa(base), size, &probe_ops, &probe, "probe", &error);
    assert_true(added || error.text[0] != '\0');
    return added;
}

static void slots_that_share_a_byte_with_another_are_refused(void **state)
{
    struct memory *memory = *state;
    assert_false(can_add(memory, BASE, 1));
    assert_false(can_add(memory, BASE + SIZE - 1, 1));
    assert_false(can_add(memory, BASE - 1, 2));
    assert_false(can_add(memory, BASE - 1, SIZE + 2));
    assert_false(can_add(memory, BASE + 8, 8));
    assert_true(can_add(memory, BASE - 1, 1));
    assert_true(can_add(memory, BASE + SIZE, 1));
}

static void slots_of_no_size_or_beyond_the_end_are_refused(void **state)
{
    struct memory *memory = *state;
    assert_false(can_add(memory, 0, 0));
    assert_false(can_add(memory, UINT64_MAX, 2));
    assert_false(can_add(memory, UINT64_MAX - 1, UINT64_MAX));
    assert_true(can_add(memory, UINT64_MAX, 1));
}

static void ram_that_is_not_whole_pages_is_refused(void **state)
{
    struct memory *memory = *state;
    struct error error;
    assert_false(memory_add_ram(memory, gpa(0x1000), 0, "ram", &error));
    assert_false(memory_add_ram(memory, gpa(0x1000), PAGE_SIZE - 1, "ram", &error));
    assert_false(memory_add_ram(memory, gpa(0x1001), PAGE_SIZE, "ram", &error));
    assert_true(memory_add_ram(memory, gpa(0x1000), PAGE_SIZE, "ram", &error));
}

static void more_ram_than_the_host_has_is_refused_with_a_message(void **state)
{
    struct memory *memory = *state;
    struct error error = { "" };
    uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_false(memory_add_ram(memory, gpa(UINT64_C(1) << 40), host + PAGE_SIZE, "ram", &error));
    assert_non_null(strstr(error.text, "the host has"));
    assert_false(memory_add_ram(memory, gpa(0), BASE - (UINT64_C(1) << 63), "ram", &error));
}

static void more_ram_than_the_host_has_is_had_by_overcommitment(void **state)
{
    struct memory *memory = *state;
    struct error error = { "" };
    uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    const gpa_t base = gpa(UINT64_C(1) << 40);
    memory_allow_overcommit(memory);
    assert_true(memory_add_ram(memory, base, 2 * host, "ram", &error));
    uint64_t value = 5;
    assert_true(memory_write(memory, gpa(base.bits + 2 * host - sizeof value), &value, sizeof value));
    assert_false(memory_add_ram(memory, gpa(UINT64_C(1) << 60), UINT64_C(1) << 58, "ram", &error));
    assert_non_null(strstr(error.text, "ask for less"));
}

static void new_ram_is_zero(void **state)
{
    uint8_t page[PAGE_SIZE];
    static const uint8_t zeroes[PAGE_SIZE];
    assert_true(memory_read(*state, gpa(BASE + SIZE - PAGE_SIZE), page, sizeof page));
    assert_memory_equal(page, zeroes, sizeof page);
}

/* ---- Pointers ------------------------------------------------------------------------------------------------ */

static void pointers_end_where_the_ram_ends(void **state)
{
    const struct memory *memory = *state;
    assert_non_null(memory_pointer(memory, gpa(BASE), SIZE, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(BASE), SIZE + 1, MEMORY_READ));
    assert_non_null(memory_pointer(memory, gpa(BASE + SIZE - 8), 8, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(BASE + SIZE - 8), 9, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(BASE - 1), 2, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(BASE + SIZE), 1, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(BASE), 0, MEMORY_READ));
}

static void pointers_that_wrap_around_are_refused(void **state)
{
    const struct memory *memory = *state;
    assert_null(memory_pointer(memory, gpa(BASE + 8), UINT64_MAX, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(BASE + 8), UINT64_MAX - BASE, MEMORY_WRITE));
    assert_null(memory_pointer(memory, gpa(UINT64_MAX), 2, MEMORY_READ));
    assert_null(memory_pointer(memory, gpa(UINT64_MAX - 7), UINT64_MAX, MEMORY_READ));
}

static void a_device_gives_no_pointer(void **state)
{
    struct memory *memory = *state;
    assert_true(can_add(memory, 0x1000, 0x1000));
    assert_null(memory_pointer(memory, gpa(0x1000), 1, MEMORY_READ));
}

static void copies_may_span_slots_that_touch(void **state)
{
    struct memory *memory = *state;
    struct error error;
    assert_true(memory_add_ram(memory, gpa(BASE + SIZE), PAGE_SIZE, "more", &error));
    uint8_t out[16], in[16];
    memset(out, 0x5a, sizeof out);
    assert_true(memory_write(memory, gpa(BASE + SIZE - 8), out, sizeof out));
    assert_true(memory_read(memory, gpa(BASE + SIZE - 8), in, sizeof in));
    assert_memory_equal(out, in, sizeof in);
    assert_null(memory_pointer(memory, gpa(BASE + SIZE - 8), 16, MEMORY_READ));
}

static void copies_that_leave_the_ram_copy_nothing(void **state)
{
    struct memory *memory = *state;
    uint8_t out[16], in[8];
    memset(out, 0x5a, sizeof out);
    assert_false(memory_write(memory, gpa(BASE + SIZE - 8), out, sizeof out));
    assert_true(memory_read(memory, gpa(BASE + SIZE - 8), in, sizeof in));
    for (size_t i = 0; i < sizeof in; i++) {
        assert_int_equal(in[i], 0);
    }
    assert_false(memory_read(memory, gpa(UINT64_MAX - 3), in, sizeof in));
    assert_false(memory_write(memory, gpa(BASE - 1), out, 2));
    assert_true(memory_write(memory, gpa(0), out, 0));
}

/* ---- Devices ------------------------------------------------------------------------------------------------- */

static void device_accesses_are_whole_aligned_and_inside(void **state)
{
    struct memory *memory = *state;
    struct probe probe = { 0 };
    struct error error;
    uint64_t value;
    assert_true(memory_add_device(memory, gpa(0x1000), 0x14, &probe_ops, &probe, "probe", &error));
    const struct memory_slot *slot = memory_find(memory, gpa(0x1000));
    for (unsigned size = 0; size <= 16; size++) {
        for (uint64_t offset = 0; offset < 0x20; offset++) {
            bool good =
                (size == 1 || size == 2 || size == 4 || size == 8) && offset % size == 0 && offset + size <= 0x14;
            assert_int_equal(memory_device_read(slot, gpa(0x1000 + offset), size, &value), good);
            assert_int_equal(memory_device_write(slot, gpa(0x1000 + offset), size, 1), good);
            if (good) {
                assert_int_equal(probe.offset, offset);
                assert_int_equal(probe.size, size);
            }
        }
    }
    assert_false(memory_device_read(slot, gpa(0xfff), 1, &value));
}

static void device_values_are_cut_to_the_size_of_the_access(void **state)
{
    struct memory *memory = *state;
    struct probe probe = { 0 };
    struct error error;
    uint64_t value;
    assert_true(memory_add_device(memory, gpa(0x1000), 8, &probe_ops, &probe, "probe", &error));
    const struct memory_slot *slot = memory_find(memory, gpa(0x1000));
    assert_true(memory_device_read(slot, gpa(0x1000), 2, &value));
    assert_int_equal(value, 0xffff);
    assert_true(memory_device_write(slot, gpa(0x1000), 1, 0x1234));
    assert_int_equal(probe.value, 0x34);
    assert_true(memory_device_write(slot, gpa(0x1000), 8, UINT64_MAX));
    assert_true(probe.value == UINT64_MAX);
    probe.refuses = true;
    assert_false(memory_device_read(slot, gpa(0x1000), 2, &value));
    assert_false(memory_device_write(slot, gpa(0x1000), 2, 0));
}

static void ram_takes_no_device_access(void **state)
{
    uint64_t value;
    assert_false(memory_device_read(memory_find(*state, gpa(BASE)), gpa(BASE), 8, &value));
}

/* ---- Dirty pages --------------------------------------------------------------------------------------------- */

static void writes_mark_exactly_the_pages_they_touch(void **state)
{
    struct memory *memory = *state;
    const struct memory_slot *slot = memory_find(memory, gpa(BASE));
    uint64_t bits;
    assert_int_equal(memory_collect_dirty(slot, 0, 4, &bits), 0);
    assert_non_null(memory_pointer(memory, gpa(BASE + PAGE_SIZE - 1), 2, MEMORY_WRITE));
    assert_int_equal(memory_collect_dirty(slot, 0, 4, &bits), 2);
    assert_int_equal(bits, 3);
    assert_non_null(memory_pointer(memory, gpa(BASE + PAGE_SIZE), PAGE_SIZE, MEMORY_WRITE));
    assert_int_equal(memory_collect_dirty(slot, 0, 4, &bits), 1);
    assert_int_equal(bits, 2);
    assert_non_null(memory_pointer(memory, gpa(BASE), SIZE, MEMORY_READ));
    assert_int_equal(memory_collect_dirty(slot, 0, 4, &bits), 0);
    assert_non_null(memory_pointer(memory, gpa(BASE), SIZE, MEMORY_WRITE));
    assert_int_equal(memory_collect_dirty(slot, 0, 4, &bits), 4);
}

#define MANY UINT64_C(200)

/* Against a plain array of bools: any start, any length. */
static void dirty_bits_are_collected_from_any_page_on(void **state)
{
    struct memory *memory = *state;
    struct error error;
    assert_true(memory_add_ram(memory, gpa(0), MANY * PAGE_SIZE, "many", &error));
    const struct memory_slot *slot = memory_find(memory, gpa(0));
    for (uint64_t first = 0; first < MANY; first += 7) {
        for (uint64_t count = 0; first + count <= MANY; count += 13) {
            uint64_t bits[4], all[4];
            for (uint64_t page = 0; page < MANY; page += 3) {
                memory_mark_dirty(slot, gpa(page * PAGE_SIZE));
            }
            uint64_t found = memory_collect_dirty(slot, first, count, bits);
            uint64_t expected = 0;
            for (uint64_t i = 0; i < count; i++) {
                bool dirty = (first + i) % 3 == 0;
                expected += dirty;
                assert_int_equal(bits[i / 64] >> (i % 64) & 1, dirty);
            }
            assert_int_equal(found, expected);
            assert_int_equal(memory_collect_dirty(slot, 0, MANY, all), (MANY + 2) / 3 - expected);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(slots_are_found_from_their_first_byte_to_their_last),
        TEST(slots_added_in_any_order_are_all_found),
        TEST(slots_that_share_a_byte_with_another_are_refused),
        TEST(slots_of_no_size_or_beyond_the_end_are_refused),
        TEST(ram_that_is_not_whole_pages_is_refused),
        TEST(more_ram_than_the_host_has_is_refused_with_a_message),
        TEST(more_ram_than_the_host_has_is_had_by_overcommitment),
        TEST(new_ram_is_zero),
        TEST(pointers_end_where_the_ram_ends),
        TEST(pointers_that_wrap_around_are_refused),
        TEST(a_device_gives_no_pointer),
        TEST(copies_may_span_slots_that_touch),
        TEST(copies_that_leave_the_ram_copy_nothing),
        TEST(device_accesses_are_whole_aligned_and_inside),
        TEST(device_values_are_cut_to_the_size_of_the_access),
        TEST(ram_takes_no_device_access),
        TEST(writes_mark_exactly_the_pages_they_touch),
        TEST(dirty_bits_are_collected_from_any_page_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
