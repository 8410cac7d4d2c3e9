/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses as the interpreter makes them: through the translation caches, across pages, to devices, refused. */
#include "test_riscv_fixture.h"

#include "memory/attributes.h"

#include <pthread.h>

#define ROOT     (RAM_BASE + 0x100000) /* page tables of the tests: root, middle, last */
#define MIDDLE   (ROOT + PAGE_SIZE)
#define LAST     (ROOT + 2 * PAGE_SIZE)
#define DATA     (RAM_BASE + 0x200000) /* what they lead to */
#define VA       UINT64_C(0x40000000)
#define MEGAPAGE (UINT64_C(1) << 21)

#define V        UINT64_C(0x01)
#define R        UINT64_C(0x02)
#define W        UINT64_C(0x04)
#define X        UINT64_C(0x08)
#define U        UINT64_C(0x10)
#define A        UINT64_C(0x40)
#define D        UINT64_C(0x80)

static uint64_t entry_to(uint64_t physical, uint64_t bits)
{
    return physical >> 12 << 10 | bits | V;
}

/* The last-level entry of page number `page` from VA on. */
static void map(const struct fixture *fixture, unsigned page, uint64_t physical, uint64_t bits)
{
    fixture_ram(fixture, LAST)[page] = entry_to(physical, bits);
}

/* Sv39 with an empty last level at VA; mode S. */
static int create(void **state)
{
    struct fixture *fixture = fixture_set_up(state, 1);
    riscv_pmp_open(fixture->cpu);
    fixture_ram(fixture, ROOT)[VA >> 30 & 511] = entry_to(MIDDLE, 0);
    fixture_ram(fixture, MIDDLE)[VA >> 21 & 511] = entry_to(LAST, 0);
    fixture->cpu->state.csr.satp = UINT64_C(8) << 60 | ROOT >> 12;
    riscv_translation_changed(fixture->cpu);
    fixture_set_mode(fixture->cpu, RISCV_MODE_S);
    return 0;
}

static void expect_trap(const struct riscv_cpu *cpu, enum riscv_exception cause, uint64_t tval)
{
    assert_int_equal(cpu->trap.cause, cause);
    assert_true(cpu->trap.tval == tval);
}

static void protect(struct riscv_cpu *cpu, uint64_t address, uint8_t napot_bits, uint8_t config)
{
    riscv_pmp_write_address(cpu, 0, address >> 2 | napot_bits);
    riscv_pmp_write_address(cpu, 1, UINT64_MAX);
    riscv_pmp_write_config(cpu, 0, (uint64_t)0x1f << 8 | config);
    riscv_translation_changed(cpu);
}

/* ---- Pages --------------------------------------------------------------------------------------------------- */

static void a_second_access_to_a_page_needs_no_walk(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | W | A | D);
    fixture_ram(fixture, DATA)[1] = 0x1122334455667788;
    assert_true(riscv_load64(cpu, VA + 8, &value));
    assert_true(value == 0x1122334455667788);
    fixture_ram(fixture, LAST)[0] = 0; /* no fence: the old translation may stay */
    uint64_t misses = cpu->statistics.tlb_misses;
    assert_true(riscv_load64(cpu, VA + 8, &value));
    assert_true(cpu->statistics.tlb_misses == misses);
    riscv_sfence_vma(cpu, true, VA, false, 0);
    assert_false(riscv_load64(cpu, VA + 8, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_PAGE_FAULT, VA + 8);
}

static void every_size_of_access_works(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint8_t byte;
    uint16_t half;
    uint32_t word = 0;
    uint64_t both;
    map(fixture, 0, DATA, R | W | A | D);
    assert_true(riscv_store64(cpu, VA, 0x8877665544332211));
    assert_true(riscv_load8(cpu, VA + 7, &byte) && byte == 0x88);
    assert_true(riscv_load16(cpu, VA + 2, &half) && half == 0x4433);
    assert_true(riscv_load32(cpu, VA + 4, &word) && word == 0x88776655);
    assert_true(riscv_store8(cpu, VA, 0xaa) && riscv_store16(cpu, VA + 2, 0xbbcc) && riscv_store32(cpu, VA + 4, 1));
    assert_true(riscv_load64(cpu, VA, &both) && both == 0x1bbcc22aa);
}

static void a_load_first_leaves_the_store_to_be_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    const struct memory_slot *slot = memory_find(fixture->memory, gpa(DATA));
    uint64_t page = (DATA - RAM_BASE) >> PAGE_SHIFT, bits, value;
    map(fixture, 0, DATA, R | W);
    assert_true(riscv_load64(cpu, VA, &value));
    assert_true((fixture_ram(fixture, LAST)[0] & (A | D)) == A);
    assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 0);
    assert_true(riscv_store64(cpu, VA, 1));
    assert_true((fixture_ram(fixture, LAST)[0] & (A | D)) == (A | D));
    assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 1);
    assert_true(riscv_store64(cpu, VA, 2)); /* the right to write is still cached */
    assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 0);
    riscv_flush(cpu);
    assert_true(riscv_store64(cpu, VA, 3));
    assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 1);
}

/* The walker's update of a table is a write to guest memory like any other. */
static void accessed_bits_make_the_table_dirty(void **state)
{
    struct fixture *fixture = *state;
    const struct memory_slot *slot = memory_find(fixture->memory, gpa(LAST));
    uint64_t page = (LAST - RAM_BASE) >> PAGE_SHIFT, bits, value;
    map(fixture, 0, DATA, R | W);
    assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 0);
    assert_true(riscv_load64(fixture->cpu, VA, &value));
    assert_int_equal(memory_collect_dirty(slot, page, 1, &bits), 1);
}

static void a_fence_of_one_address_drops_all_of_its_large_page(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    fixture_ram(fixture, MIDDLE)[(VA + MEGAPAGE) >> 21 & 511] = entry_to(DATA, R | W | A | D);
    assert_true(riscv_load64(cpu, VA + MEGAPAGE, &value));
    assert_true(riscv_load64(cpu, VA + MEGAPAGE + 5 * PAGE_SIZE, &value));
    fixture_ram(fixture, MIDDLE)[(VA + MEGAPAGE) >> 21 & 511] = 0;
    riscv_sfence_vma(cpu, true, VA + MEGAPAGE + 9 * PAGE_SIZE, false, 0);
    assert_false(riscv_load64(cpu, VA + MEGAPAGE, &value));
    assert_false(riscv_load64(cpu, VA + MEGAPAGE + 5 * PAGE_SIZE, &value));
}

static void a_fence_of_another_address_space_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | A);
    assert_true(riscv_load64(cpu, VA, &value));
    uint64_t misses = cpu->statistics.tlb_misses;
    riscv_sfence_vma(cpu, false, 0, true, 5);
    riscv_sfence_vma(cpu, true, VA, true, 5);
    assert_true(riscv_load64(cpu, VA, &value));
    assert_true(cpu->statistics.tlb_misses == misses);
    riscv_sfence_vma(cpu, false, 0, true, 0);
    assert_true(riscv_load64(cpu, VA, &value));
    assert_true(cpu->statistics.tlb_misses == misses + 1);
}

/* ---- Address spaces ------------------------------------------------------------------------------------------ */

#define G         UINT64_C(0x20)
#define KERNEL_VA UINT64_C(0xffffffffc0000000) /* the last entry of the root */
#define SV39      (UINT64_C(8) << 60)

static void use_space(struct riscv_cpu *cpu, uint64_t asid, uint64_t root)
{
    cpu->state.csr.satp = SV39 | asid << 44 | root >> 12;
    riscv_address_space_changed(cpu);
}

static bool is_readable(struct riscv_cpu *cpu, uint64_t address)
{
    uint64_t value;
    return riscv_load64(cpu, address, &value);
}

/* Nothing is mapped any more: what can be read is known from before. */
static void unmap_all(const struct fixture *fixture)
{
    memset(fixture_ram(fixture, ROOT), 0, PAGE_SIZE);
}

/* Two pages at VA, a large page behind, a global page and a global large one in the kernel's half; all seen in space 1.
 */
static void fill_space_one(const struct fixture *fixture)
{
    struct riscv_cpu *cpu = fixture->cpu;
    use_space(cpu, 1, ROOT);
    map(fixture, 0, DATA, R | A);
    map(fixture, 1, DATA, R | A);
    fixture_ram(fixture, MIDDLE)[(VA + MEGAPAGE) >> 21 & 511] = entry_to(DATA, R | A);
    map(fixture, 2, DATA, R | A | G);
    fixture_ram(fixture, MIDDLE)[2] = entry_to(DATA, R | A | G);
    fixture_ram(fixture, ROOT)[511] = entry_to(MIDDLE, 0);
    assert_true(is_readable(cpu, VA) && is_readable(cpu, VA + PAGE_SIZE));
    assert_true(is_readable(cpu, VA + MEGAPAGE) && is_readable(cpu, VA + MEGAPAGE + PAGE_SIZE));
    assert_true(is_readable(cpu, KERNEL_VA + 2 * PAGE_SIZE) && is_readable(cpu, KERNEL_VA + 2 * MEGAPAGE));
}

static void a_space_is_found_again_without_its_tables(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    fill_space_one(fixture);
    uint64_t walks = cpu->statistics.page_walks;
    unmap_all(fixture);
    use_space(cpu, 2, ROOT);
    assert_false(is_readable(cpu, VA));
    assert_false(is_readable(cpu, VA + MEGAPAGE));
    assert_true(is_readable(cpu, KERNEL_VA + 2 * PAGE_SIZE));
    assert_true(is_readable(cpu, KERNEL_VA + 2 * MEGAPAGE + 3 * PAGE_SIZE));
    use_space(cpu, 1, ROOT);
    assert_true(is_readable(cpu, VA) && is_readable(cpu, VA + PAGE_SIZE) && is_readable(cpu, VA + MEGAPAGE));
    assert_true(is_readable(cpu, VA + 2 * MEGAPAGE - PAGE_SIZE)); /* a piece that was never touched */
    assert_true(cpu->statistics.page_walks == walks);
}

static void all_sixteen_bits_of_an_asid_count(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    fill_space_one(fixture);
    unmap_all(fixture);
    for (unsigned bit = 0; bit < 16; bit++) {
        use_space(cpu, UINT64_C(1) ^ UINT64_C(1) << bit, ROOT);
        assert_false(is_readable(cpu, VA));
    }
    use_space(cpu, 1, ROOT);
    assert_true(is_readable(cpu, VA));
}

static void other_tables_or_another_mode_under_one_asid_begin_anew(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    fill_space_one(fixture);
    unmap_all(fixture);
    use_space(cpu, 1, ROOT); /* the same again is no change */
    assert_true(is_readable(cpu, VA));
    use_space(cpu, 1, ROOT + 0x10000);
    assert_false(is_readable(cpu, VA));
    assert_false(is_readable(cpu, KERNEL_VA + 2 * MEGAPAGE));
    use_space(cpu, 1, ROOT);
    assert_false(is_readable(cpu, VA));
    cpu->state.csr.satp = 0;
    riscv_address_space_changed(cpu);
    assert_true(is_readable(cpu, DATA));
    use_space(cpu, 0, ROOT);
    assert_false(is_readable(cpu, DATA));
}

struct expectation { /* what can be read after a fence in space 1 */
    bool has_address;
    uint64_t address;
    bool has_asid;
    uint64_t asid;
    bool first, second, large, global, large_global;
};

static void a_fence_forgets_what_it_names_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    static const struct expectation cases[] = {
        { false, 0, false, 0, false, false, false, false, false },
        { false, 0, true, 1, false, false, false, true, true },
        { false, 0, true, 2, true, true, true, true, true },
        { true, VA, false, 0, false, true, true, true, true },
        { true, VA + PAGE_SIZE - 1, true, 1, false, true, true, true, true },
        { true, VA + PAGE_SIZE, true, 1, true, false, true, true, true },
        { true, VA + PAGE_SIZE, true, 0x10001, true, false, true, true, true }, /* bits beyond an ASID's are ignored */
        { true, VA, true, 2, true, true, true, true, true },
        { true, VA + MEGAPAGE - 1, false, 0, true, true, true, true, true },
        { true, VA + MEGAPAGE, false, 0, true, true, false, true, true },
        { true, VA + 2 * MEGAPAGE - 1, true, 1, true, true, false, true, true },
        { true, VA + 2 * MEGAPAGE, true, 1, true, true, true, true, true },
        { true, KERNEL_VA + 2 * PAGE_SIZE, false, 0, true, true, true, false, true },
        { true, KERNEL_VA + 3 * MEGAPAGE - 1, false, 0, true, true, true, true, false },
        { true, KERNEL_VA + 3 * MEGAPAGE, false, 0, true, true, true, true, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct expectation *expected = &cases[i];
        for (unsigned elsewhere = 0; elsewhere < 2; elsewhere++) { /* made in space 1, or while 3 is current */
            fixture_ram(fixture, ROOT)[VA >> 30 & 511] = entry_to(MIDDLE, 0);
            riscv_flush(cpu);
            fill_space_one(fixture);
            unmap_all(fixture);
            use_space(cpu, elsewhere != 0 ? 3 : 1, ROOT);
            riscv_sfence_vma(cpu, expected->has_address, expected->address, expected->has_asid, expected->asid);
            use_space(cpu, 1, ROOT);
            assert_int_equal(is_readable(cpu, VA), expected->first);
            assert_int_equal(is_readable(cpu, VA + PAGE_SIZE), expected->second);
            assert_int_equal(is_readable(cpu, VA + MEGAPAGE), expected->large);
            assert_int_equal(is_readable(cpu, KERNEL_VA + 2 * PAGE_SIZE), expected->global);
            assert_int_equal(is_readable(cpu, KERNEL_VA + 2 * MEGAPAGE), expected->large_global);
        }
    }
}

static void a_remote_fence_forgets_its_range_only(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    static const struct {
        uint64_t start, size;
        bool first, second, large;
    } cases[] = {
        { VA, 1, false, true, true },
        { VA, PAGE_SIZE, false, true, true },
        { VA, PAGE_SIZE + 1, false, false, true },
        { VA + PAGE_SIZE - 1, 2, false, false, true },
        { VA + PAGE_SIZE, PAGE_SIZE, true, false, true },
        { VA + MEGAPAGE - PAGE_SIZE, 2 * PAGE_SIZE, true, true, false },
        { VA + 4 * MEGAPAGE, 64 * PAGE_SIZE, true, true, true },
        { VA + 4 * MEGAPAGE, 64 * PAGE_SIZE + 1, false, false, false }, /* too many to be counted */
        { VA + 4 * MEGAPAGE, UINT64_MAX - 1, false, false, false },
        { VA, 0, false, false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned named = 0; named < 2; named++) {
            const struct riscv_fence fence = {
                .start = cases[i].start, .size = cases[i].size, .all_spaces = named == 0, .asid = 1
            };
            fixture_ram(fixture, ROOT)[VA >> 30 & 511] = entry_to(MIDDLE, 0);
            riscv_flush(cpu);
            fill_space_one(fixture);
            unmap_all(fixture);
            riscv_fence_levels(cpu, &fence);
            assert_int_equal(is_readable(cpu, VA), cases[i].first);
            assert_int_equal(is_readable(cpu, VA + PAGE_SIZE), cases[i].second);
            assert_int_equal(is_readable(cpu, VA + MEGAPAGE), cases[i].large);
        }
    }
}

/* The second level grants; it never refuses. */
static void a_right_that_was_added_needs_no_fence(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    map(fixture, 0, DATA, R | A);
    assert_true(is_readable(cpu, VA));
    assert_false(riscv_store64(cpu, VA, 1));
    map(fixture, 0, DATA, R | W | A | D);
    assert_true(riscv_store64(cpu, VA, 1));
}

static void what_protects_tables_is_asked_again_when_it_changes(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    fill_space_one(fixture);
    protect(cpu, LAST, 0xff, 0x18); /* the table of VA is out of reach */
    assert_false(is_readable(cpu, VA));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, VA);
    assert_true(is_readable(cpu, VA + MEGAPAGE));
    protect(cpu, DATA, 0xff, 0x18);
    assert_false(is_readable(cpu, VA));
    assert_false(is_readable(cpu, VA + MEGAPAGE));
}

/* ---- Modes --------------------------------------------------------------------------------------------------- */

static void a_mode_switch_changes_rights_without_a_flush(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | A);
    map(fixture, 1, DATA, R | A | U);
    assert_true(riscv_load64(cpu, VA, &value));
    assert_false(riscv_load64(cpu, VA + PAGE_SIZE, &value));
    fixture_set_mode(cpu, RISCV_MODE_U);
    assert_false(riscv_load64(cpu, VA, &value));
    assert_true(riscv_load64(cpu, VA + PAGE_SIZE, &value));
    fixture_set_mode(cpu, RISCV_MODE_S);
    riscv_set_mstatus_SUM(&cpu->state, 1);
    riscv_status_changed(cpu);
    assert_true(riscv_load64(cpu, VA + PAGE_SIZE, &value));
    riscv_set_mstatus_SUM(&cpu->state, 0);
    riscv_status_changed(cpu);
    assert_false(riscv_load64(cpu, VA + PAGE_SIZE, &value));
}

static void mprv_gives_m_the_eyes_of_mpp_for_data_only(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    const uint8_t *page;
    map(fixture, 0, DATA, R | A | U);
    fixture_set_mode(cpu, RISCV_MODE_M);
    assert_false(riscv_load64(cpu, VA, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, VA); /* physical, a hole */
    riscv_set_mstatus_MPP(&cpu->state, RISCV_MODE_U);
    riscv_set_mstatus_MPRV(&cpu->state, 1);
    riscv_status_changed(cpu);
    assert_true(riscv_load64(cpu, VA, &value));
    assert_true(riscv_fetch_page(cpu, DATA, &page));
    riscv_set_mstatus_MPP(&cpu->state, RISCV_MODE_S);
    riscv_status_changed(cpu);
    assert_false(riscv_load64(cpu, VA, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_PAGE_FAULT, VA);
}

static void mxr_takes_effect_at_once_and_leaves_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, X | A);
    assert_false(riscv_load64(cpu, VA, &value));
    riscv_set_mstatus_MXR(&cpu->state, 1);
    riscv_status_changed(cpu);
    assert_true(riscv_load64(cpu, VA, &value));
    riscv_set_mstatus_MXR(&cpu->state, 0);
    riscv_status_changed(cpu);
    assert_false(riscv_load64(cpu, VA, &value));
}

/* ---- Protection ---------------------------------------------------------------------------------------------- */

static void a_page_with_two_rules_is_checked_each_time(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | W | X | A | D);
    protect(cpu, DATA + 0x100, 0, 0x10); /* NA4 without rights, everything else open */
    assert_true(riscv_load64(cpu, VA + 0xf8, &value));
    assert_true(riscv_load64(cpu, VA + 0x108, &value));
    assert_false(riscv_load64(cpu, VA + 0x100, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, VA + 0x100);
    assert_false(riscv_store64(cpu, VA + 0xfc, 1)); /* half of it */
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, VA + 0xfc);
    assert_true(riscv_store32(cpu, VA + 0xfc, 1));
    const uint8_t *page = (const uint8_t *)"";
    uint16_t bits;
    assert_true(riscv_fetch_page(cpu, VA, &page));
    assert_null(page);
    assert_true(riscv_fetch16(cpu, VA + 0xfe, &bits));
    assert_false(riscv_fetch16(cpu, VA + 0x102, &bits));
    expect_trap(cpu, RISCV_EXCEPTION_INSTRUCTION_ACCESS_FAULT, VA + 0x102);
}

static void tables_are_read_with_the_rights_of_s(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | W);
    protect(cpu, LAST, 0xff, 0x18 | 1); /* 2 KiB, R only: no accessed bit can be set */
    assert_false(riscv_load64(cpu, VA, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, VA);
    assert_false(riscv_store64(cpu, VA, 0));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, VA);
    protect(cpu, LAST, 0xff, 0x18); /* nothing */
    map(fixture, 0, DATA, R | W | A | D);
    assert_false(riscv_load64(cpu, VA, &value));
    protect(cpu, LAST, 0xff, 0x18 | 1);
    assert_true(riscv_load64(cpu, VA, &value));
}

static void attributes_bind_data_fetches_and_tables(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    struct memory_slot *slot = (struct memory_slot *)(uintptr_t)memory_find(fixture->memory, gpa(DATA));
    const uint8_t *page;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | W | X | A | D);
    attributes_store(slot, gpa(DATA), attributes_with(0, 1, ATTRIBUTE_WRITE | ATTRIBUTE_KERNEL));
    assert_true(riscv_load64(cpu, VA, &value));
    assert_false(riscv_store64(cpu, VA, 1));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, VA);
    assert_false(riscv_fetch_page(cpu, VA, &page));
    assert_string_equal(cpu->denial.layer, "trust-level attributes");
    attributes_store(slot, gpa(LAST), attributes_with(0, 1, ATTRIBUTE_READ));
    riscv_flush(cpu);
    assert_false(riscv_load64(cpu, VA, &value));
}

/* ---- Misaligned and across pages ------------------------------------------------------------------------------ */

static void misaligned_accesses_are_carried_out(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    map(fixture, 0, DATA, R | W | A | D);
    map(fixture, 1, DATA + 8 * PAGE_SIZE, R | W | A | D); /* not adjacent in physical memory */
    for (uint64_t address = VA + PAGE_SIZE - 9; address < VA + PAGE_SIZE + 2; address++) {
        uint64_t value = 0;
        uint16_t half;
        uint8_t byte;
        riscv_flush(cpu);
        assert_true(riscv_store64(cpu, address, 0x0102030405060708 + address));
        assert_true(riscv_load64(cpu, address, &value) && value == 0x0102030405060708 + address);
        assert_true(riscv_load8(cpu, address + 7, &byte) && byte == (uint8_t)(value >> 56));
        assert_true(riscv_load16(cpu, address + 3, &half) && half == (uint16_t)(value >> 24));
    }
}

static void a_store_across_pages_stores_all_or_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | W | A | D);
    map(fixture, 1, DATA + PAGE_SIZE, R | A | D);
    assert_false(riscv_store64(cpu, VA + PAGE_SIZE - 4, UINT64_MAX));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_PAGE_FAULT, VA + PAGE_SIZE); /* the part that failed */
    assert_true(riscv_load64(cpu, VA + PAGE_SIZE - 4, &value));
    assert_true(value == 0);
    map(fixture, 0, DATA, A);
    riscv_sfence_vma(cpu, false, 0, false, 0);
    assert_false(riscv_load64(cpu, VA + PAGE_SIZE - 4, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_PAGE_FAULT, VA + PAGE_SIZE - 4);
}

static void the_last_bytes_of_the_address_space_wrap(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    assert_false(riscv_load64(cpu, UINT64_MAX - 3, &value));
    assert_false(riscv_store64(cpu, UINT64_MAX, 1));
    assert_false(riscv_load64(cpu, UINT64_C(0x4000000000) - 4, &value)); /* into the hole of Sv39 */
}

/* ---- Devices, holes ------------------------------------------------------------------------------------------ */

static void device_memory_takes_aligned_loads_and_stores(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    uint32_t word = 0;
    map(fixture, 0, DEVICE_BASE, R | W | X | A | D);
    fixture->device_value = 0x1234;
    assert_true(riscv_load32(cpu, VA + 4, &word) && word == 0x1234);
    assert_true(riscv_store64(cpu, VA + 8, 7));
    assert_int_equal(fixture->device_writes, 1);
    assert_true(riscv_load64(cpu, VA, &value) && value == 7);
    assert_false(riscv_load32(cpu, VA + 2, &word));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, VA + 2);
    assert_int_equal(cpu->statistics.device_accesses, 4);
}

static void device_memory_takes_no_atomics_fetches_or_crossings(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    uint32_t word = 0;
    uint16_t bits;
    const uint8_t *page;
    map(fixture, 0, DATA, R | W | A | D);
    map(fixture, 1, DEVICE_BASE, R | W | X | A | D);
    const uint64_t device = VA + PAGE_SIZE;
    assert_false(riscv_amo_add64(cpu, device, 1, &value));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, device);
    assert_false(riscv_lr32(cpu, device, &word));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, device);
    assert_false(riscv_cbo_zero(cpu, device + 5));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, device + 5);
    assert_false(riscv_fetch_page(cpu, device, &page));
    expect_trap(cpu, RISCV_EXCEPTION_INSTRUCTION_ACCESS_FAULT, device);
    assert_false(riscv_fetch16(cpu, device, &bits));
    assert_false(riscv_store64(cpu, device - 4, 1));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, device);
    assert_int_equal(fixture->device_writes, 0);
}

static void holes_are_access_faults(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, HOLE, R | W | X | A | D);
    assert_false(riscv_load64(cpu, VA, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, VA);
    assert_false(riscv_store64(cpu, VA, 1));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_ACCESS_FAULT, VA);
    fixture_set_mode(cpu, RISCV_MODE_M);
    assert_false(riscv_load64(cpu, UINT64_C(1) << 60, &value));
    expect_trap(cpu, RISCV_EXCEPTION_LOAD_ACCESS_FAULT, UINT64_C(1) << 60);
}

/* ---- Atomics ------------------------------------------------------------------------------------------------- */

static void amos_return_the_old_value(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t old = 0, now = 0;
    uint32_t word = 0;
    map(fixture, 0, DATA, R | W | A | D);
#define CHECK_AMO(operation, before, operand, after)                        \
    do {                                                                    \
        assert_true(riscv_store64(cpu, VA, before));                        \
        assert_true(riscv_amo_##operation##64(cpu, VA, operand, &old));     \
        assert_true(riscv_load64(cpu, VA, &now));                           \
        assert_true(old == (uint64_t)(before) && now == (uint64_t)(after)); \
    } while (0)
    const uint64_t minus_one = UINT64_MAX;
    CHECK_AMO(swap, 1, 2, 2);
    CHECK_AMO(add, minus_one, 3, 2);
    CHECK_AMO(and, 6, 3, 2);
    CHECK_AMO(or, 6, 3, 7);
    CHECK_AMO(xor, 6, 3, 5);
    CHECK_AMO(min, minus_one, 1, minus_one);
    CHECK_AMO(max, minus_one, 1, 1);
    CHECK_AMO(minu, minus_one, 1, 1);
    CHECK_AMO(maxu, minus_one, 1, minus_one);
    CHECK_AMO(min, 5, 5, 5);
    assert_true(riscv_store64(cpu, VA, UINT64_C(0xaaaaaaaaffffffff)));
    assert_true(riscv_amo_add32(cpu, VA, 2, &word) && word == UINT32_MAX);
    assert_true(riscv_load64(cpu, VA, &now) && now == UINT64_C(0xaaaaaaaa00000001));
    assert_true(riscv_amo_max32(cpu, VA, 0x80000000, &word) && word == 1);
    assert_true(riscv_amo_maxu32(cpu, VA, 0x80000000, &word) && word == 1);
    assert_true(riscv_load32(cpu, VA, &word) && word == 0x80000000);
}

static void compare_and_swap_stores_only_on_a_match(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t old = 0;
    map(fixture, 0, DATA, R | W | A | D);
    assert_true(riscv_amo_cas64(cpu, VA, 1, 2, &old) && old == 0);
    assert_true(riscv_load64(cpu, VA, &old) && old == 0);
    assert_true(riscv_amo_cas64(cpu, VA, 0, 2, &old) && old == 0);
    assert_true(riscv_load64(cpu, VA, &old) && old == 2);
    const riscv_bits128 wide = (riscv_bits128)7 << 64 | 2;
    riscv_bits128 both;
    assert_true(riscv_store64(cpu, VA + 8, 7));
    assert_true(riscv_amo_cas128(cpu, VA, wide, wide + 1, &both) && both == wide);
    assert_true(riscv_amo_cas128(cpu, VA, wide, 0, &both) && both == wide + 1);
}

static void sc_succeeds_once_and_only_where_lr_was(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0, failed = 0;
    uint32_t word = 0;
    map(fixture, 0, DATA, R | W | A | D);
    assert_true(riscv_sc64(cpu, VA, 1, &failed) && failed == 1);
    assert_true(riscv_lr64(cpu, VA, &value));
    assert_true(riscv_sc64(cpu, VA, 1, &failed) && failed == 0);
    assert_true(riscv_sc64(cpu, VA, 2, &failed) && failed == 1);
    assert_true(riscv_lr64(cpu, VA, &value) && value == 1);
    assert_true(riscv_sc64(cpu, VA + 8, 2, &failed) && failed == 1);
    assert_true(riscv_sc64(cpu, VA, 2, &failed) && failed == 1); /* the failed one ended the reservation */
    assert_true(riscv_lr32(cpu, VA, &word));
    assert_true(riscv_sc64(cpu, VA, 2, &failed) && failed == 1); /* another size */
}

static void sc_fails_when_the_value_has_changed_or_a_trap_came_between(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0, failed = 0;
    map(fixture, 0, DATA, R | W | A | D);
    assert_true(riscv_lr64(cpu, VA, &value));
    *fixture_ram(fixture, DATA) = 5; /* another hart */
    assert_true(riscv_sc64(cpu, VA, 1, &failed) && failed == 1);
    assert_true(riscv_lr64(cpu, VA, &value));
    riscv_raise(cpu, RISCV_EXCEPTION_BREAKPOINT, 0);
    riscv_take_trap(cpu);
    fixture_set_mode(cpu, RISCV_MODE_S);
    assert_true(riscv_sc64(cpu, VA, 1, &failed) && failed == 1);
    assert_false(riscv_sc64(cpu, VA + PAGE_SIZE, 1, &failed)); /* without a reservation, but also without a page */
    expect_trap(cpu, RISCV_EXCEPTION_STORE_PAGE_FAULT, VA + PAGE_SIZE);
}

#define ROUNDS 20000u

/* Adds 1 by LR/SC to the first word, by AMO to the second, by compare-and-swap to the third. */
static void *add_in_three_ways(void *context)
{
    struct riscv_cpu *cpu = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t value = 0, failed = 1, expected = 0;
        bool done = true;
        while (done && failed != 0) {
            done = riscv_lr64(cpu, DATA, &value) && riscv_sc64(cpu, DATA, value + 1, &failed);
        }
        done = done && riscv_amo_add64(cpu, DATA + 8, 1, &value);
        do {
            expected = value;
            done = done && riscv_amo_cas64(cpu, DATA + 16, expected, expected + 1, &value);
        } while (done && value != expected);
        if (!done) {
            return NULL;
        }
    }
    return cpu;
}

static void atomics_of_two_harts_lose_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, 16, 2);
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_in_three_ways, fixture.machine->cpus[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture_ram(&fixture, DATA)[i], 2 * ROUNDS);
    }
    fixture_destroy(&fixture);
}

/* ---- Cache blocks, debuggers --------------------------------------------------------------------------------- */

static void cbo_zero_clears_the_block_around_the_address(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    uint64_t value = 0;
    map(fixture, 0, DATA, R | W | A | D);
    memset(fixture_ram(fixture, DATA), 0xff, PAGE_SIZE);
    assert_true(riscv_cbo_zero(cpu, VA + 64 + 13));
    assert_true(riscv_load64(cpu, VA + 56, &value) && value == UINT64_MAX);
    for (uint64_t offset = 64; offset < 128; offset += 8) {
        assert_true(riscv_load64(cpu, VA + offset, &value) && value == 0);
    }
    assert_true(riscv_load64(cpu, VA + 128, &value) && value == UINT64_MAX);
    map(fixture, 1, DATA, R | A);
    assert_true(riscv_cbo_flush(cpu, VA + PAGE_SIZE)); /* who may read may flush */
    assert_false(riscv_cbo_zero(cpu, VA + PAGE_SIZE + 1));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_PAGE_FAULT, VA + PAGE_SIZE + 1);
    assert_false(riscv_cbo_clean(cpu, VA + 2 * PAGE_SIZE + 1));
    expect_trap(cpu, RISCV_EXCEPTION_STORE_PAGE_FAULT, VA + 2 * PAGE_SIZE + 1);
}

static void a_debugger_leaves_no_trace(void **state)
{
    struct fixture *fixture = *state;
    struct riscv_cpu *cpu = fixture->cpu;
    const struct memory_slot *slot = memory_find(fixture->memory, gpa(DATA));
    uint64_t bits[64];
    char text[16];
    map(fixture, 0, DATA, R);
    map(fixture, 1, DATA + PAGE_SIZE, R | U);
    map(fixture, 2, DEVICE_BASE, R);
    memcpy((char *)fixture_ram(fixture, DATA) + PAGE_SIZE - 8, "0123456789abcdef", 16);
    assert_true(riscv_debug_read(cpu, VA + PAGE_SIZE - 8, text, sizeof text));
    assert_memory_equal(text, "0123456789abcdef", 16);
    assert_true((fixture_ram(fixture, LAST)[0] & A) == 0);
    assert_int_equal(memory_collect_dirty(slot, 0, 4096, bits), 0);
    assert_false(riscv_debug_read(cpu, VA + 2 * PAGE_SIZE - 8, text, sizeof text));
    assert_int_equal(cpu->statistics.tlb_misses, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_second_access_to_a_page_needs_no_walk),
        TEST(every_size_of_access_works),
        TEST(a_load_first_leaves_the_store_to_be_noticed),
        TEST(accessed_bits_make_the_table_dirty),
        TEST(a_fence_of_one_address_drops_all_of_its_large_page),
        TEST(a_fence_of_another_address_space_changes_nothing),
        TEST(a_space_is_found_again_without_its_tables),
        TEST(all_sixteen_bits_of_an_asid_count),
        TEST(other_tables_or_another_mode_under_one_asid_begin_anew),
        TEST(a_fence_forgets_what_it_names_and_nothing_else),
        TEST(a_remote_fence_forgets_its_range_only),
        TEST(a_right_that_was_added_needs_no_fence),
        TEST(what_protects_tables_is_asked_again_when_it_changes),
        TEST(a_mode_switch_changes_rights_without_a_flush),
        TEST(mprv_gives_m_the_eyes_of_mpp_for_data_only),
        TEST(mxr_takes_effect_at_once_and_leaves_at_once),
        TEST(a_page_with_two_rules_is_checked_each_time),
        TEST(tables_are_read_with_the_rights_of_s),
        TEST(attributes_bind_data_fetches_and_tables),
        TEST(misaligned_accesses_are_carried_out),
        TEST(a_store_across_pages_stores_all_or_nothing),
        TEST(the_last_bytes_of_the_address_space_wrap),
        TEST(device_memory_takes_aligned_loads_and_stores),
        TEST(device_memory_takes_no_atomics_fetches_or_crossings),
        TEST(holes_are_access_faults),
        TEST(amos_return_the_old_value),
        TEST(compare_and_swap_stores_only_on_a_match),
        TEST(sc_succeeds_once_and_only_where_lr_was),
        TEST(sc_fails_when_the_value_has_changed_or_a_trap_came_between),
        TEST(atomics_of_two_harts_lose_nothing),
        TEST(cbo_zero_clears_the_block_around_the_address),
        TEST(a_debugger_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
