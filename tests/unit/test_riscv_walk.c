/* SPDX-License-Identifier: Apache-2.0 */
/* The page walker on tables of our own making: every size, every refusal, accessed and dirty bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/riscv/walk.h"
#include "core/check.h"

#include <stdlib.h>
#include <string.h>

#define V      UINT64_C(0x01)
#define R      UINT64_C(0x02)
#define W      UINT64_C(0x04)
#define X      UINT64_C(0x08)
#define U      UINT64_C(0x10)
#define G      UINT64_C(0x20)
#define A      UINT64_C(0x40)
#define D      UINT64_C(0x80)
#define PBMT1  (UINT64_C(1) << 61)
#define PBMT2  (UINT64_C(2) << 61)
#define N      (UINT64_C(1) << 63)

#define READ   MEMORY_READ
#define WRITE  MEMORY_WRITE
#define FETCH  MEMORY_FETCH

#define TABLES UINT64_C(0x80000000) /* guest-physical */
#define FRAME  UINT64_C(0x123400)   /* number of a physical page, a multiple of 512 */

/* Eight tables in a row: the root first, each next level behind it. */
struct world {
    _Atomic uint64_t entries[8][512];
    struct riscv_regime regime;
    unsigned reads, writes;
    bool refuse_reads, refuse_writes;
    uint64_t rewrite_to; /* what another hart stores just before the walker's update; 0: nothing */
};

static _Atomic uint64_t *entry_of(struct world *world, gpa_t address)
{
    uint64_t offset = address.bits - TABLES;
    assert_true(offset < sizeof world->entries && offset % 8 == 0);
    return &world->entries[0][0] + offset / 8;
}

static bool load_entry(void *context, gpa_t address, uint64_t *value)
{
    struct world *world = context;
    world->reads++;
    *value = *entry_of(world, address);
    return !world->refuse_reads;
}

static bool update_entry(void *context, gpa_t address, uint64_t *expected, uint64_t desired)
{
    struct world *world = context;
    _Atomic uint64_t *entry = entry_of(world, address);
    world->writes++;
    if (world->rewrite_to != 0) {
        *entry = world->rewrite_to;
        world->rewrite_to = 0;
    }
    if (world->refuse_writes) {
        return false;
    }
    atomic_compare_exchange_strong(entry, expected, desired);
    return true;
}

static int create(void **state)
{
    struct world *world = check_alloc(sizeof *world);
    world->regime = (struct riscv_regime){ .geometry = riscv_geometry(8),
                                           .root = gpa(TABLES),
                                           .updates = true,
                                           .load = load_entry,
                                           .update = update_entry,
                                           .context = world };
    *state = world;
    return 0;
}

static int destroy(void **state)
{
    free(*state);
    return 0;
}

static uint64_t pointer_to(unsigned table)
{
    return (TABLES + table * PAGE_SIZE) >> 12 << 10 | V;
}

/* A chain of tables to `pte` for this address at a level (0: 4 KiB). */
static void map(struct world *world, uint64_t address, unsigned level, uint64_t pte)
{
    unsigned table = 0;
    unsigned at = world->regime.geometry->level_count - 1u;
    for (; at > level; at--) {
        world->entries[table][address >> (12 + 9 * at) & 511] = pointer_to(table + 1);
        table++;
    }
    world->entries[table][address >> (12 + 9 * at) & 511] = pte;
}

static uint64_t pte_of(const struct world *world, uint64_t address, unsigned level)
{
    unsigned table = world->regime.geometry->level_count - 1u - level;
    return world->entries[table][address >> (12 + 9 * level) & 511];
}

static enum riscv_walk_result walk(struct world *world, uint64_t address, enum memory_access access)
{
    struct riscv_walk result;
    return riscv_walk(&world->regime, address, access, &result);
}

/* ---- Where it leads ------------------------------------------------------------------------------------------ */

static void every_level_of_every_geometry_is_found(void **state)
{
    struct world *world = *state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        world->regime.geometry = riscv_geometry(mode);
        unsigned levels = world->regime.geometry->level_count;
        assert_int_equal(levels, mode - 5);
        for (unsigned level = 0; level < levels; level++) {
            uint64_t address = UINT64_C(0x2b4d96a5c3) * 0x1000 + 0x7b8;
            address &= (UINT64_C(1) << (11 + 9 * levels)) - 1;
            uint64_t size = UINT64_C(1) << (12 + 9 * level);
            uint64_t frame = UINT64_C(0xa5) << 36; /* aligned for every level */
            memset(world->entries, 0, sizeof world->entries);
            map(world, address, level, frame << 10 | V | R | W | A | D);
            struct riscv_walk result;
            world->reads = 0;
            assert_int_equal(riscv_walk(&world->regime, address, READ, &result), RISCV_WALK_DONE);
            assert_int_equal(world->reads, levels - level);
            assert_true(result.page.bits == (frame << 12 | (address & (size - 1) & ~PAGE_MASK)));
            assert_true(result.size == size);
            assert_int_equal(result.rights, READ | WRITE);
        }
    }
}

static void only_the_three_modes_have_a_geometry(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 16; mode++) {
        assert_int_equal(riscv_geometry(mode) != NULL, mode >= 8 && mode <= 10);
    }
}

static void addresses_must_be_sign_extended(void **state)
{
    struct world *world = *state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        world->regime.geometry = riscv_geometry(mode);
        unsigned bits = 12 + 9u * world->regime.geometry->level_count;
        uint64_t half = UINT64_C(1) << (bits - 1);
        assert_int_equal(walk(world, half - 1, READ), RISCV_WALK_NOT_VALID);
        assert_int_equal(walk(world, half, READ), RISCV_WALK_NOT_CANONICAL);
        assert_int_equal(walk(world, -half, READ), RISCV_WALK_NOT_VALID);
        assert_int_equal(walk(world, -half - 1, READ), RISCV_WALK_NOT_CANONICAL);
        assert_int_equal(walk(world, UINT64_MAX, READ), RISCV_WALK_NOT_VALID);
        assert_int_equal(walk(world, UINT64_C(1) << 63, READ), RISCV_WALK_NOT_CANONICAL);
    }
}

/* What the second stage will be: a wider root, and no sign. */
static void a_wider_root_takes_its_extra_bits(void **state)
{
    struct world *world = *state;
    static const struct riscv_geometry wide = { .name = "Sv39x4", .level_count = 3, .root_extra_bits = 2 };
    world->regime.geometry = &wide;
    uint64_t address = UINT64_C(3) << 39 | UINT64_C(5) << 30;
    world->entries[3][5] = UINT64_C(1) << 28 | V | R | A;
    assert_int_equal(walk(world, address, READ), RISCV_WALK_DONE);
    assert_int_equal(walk(world, UINT64_C(1) << 41, READ), RISCV_WALK_NOT_CANONICAL);
}

/* ---- Refusals ------------------------------------------------------------------------------------------------ */

static void malformed_entries_are_refused_by_name(void **state)
{
    struct world *world = *state;
    const uint64_t leaf = FRAME << 10 | V | R | A | D;
    static const struct {
        unsigned level;
        uint64_t set, clear;
        enum riscv_walk_result result;
    } cases[] = {
        { 0, 0, V, RISCV_WALK_NOT_VALID },
        { 0, W, R, RISCV_WALK_RESERVED }, /* W without R */
        { 0, W | X, R, RISCV_WALK_RESERVED },
        { 0, UINT64_C(1) << 54, 0, RISCV_WALK_RESERVED },
        { 0, UINT64_C(1) << 60, 0, RISCV_WALK_RESERVED },
        { 0, PBMT1, 0, RISCV_WALK_RESERVED }, /* without Svpbmt */
        { 0, N, 0, RISCV_WALK_RESERVED },     /* without Svnapot */
        { 0, 0, R | A | D, RISCV_WALK_NO_LEAF },
        { 1, UINT64_C(1) << 10, 0, RISCV_WALK_MISALIGNED },
        { 2, UINT64_C(1) << 19, 0, RISCV_WALK_MISALIGNED },
        { 2, UINT64_C(1) << 10, 0, RISCV_WALK_MISALIGNED },
        { 1, A, R | D | A, RISCV_WALK_RESERVED }, /* a pointer with A, D, U, N or a memory type */
        { 1, D, R | A | D, RISCV_WALK_RESERVED },
        { 1, U, R | A | D, RISCV_WALK_RESERVED },
        { 0, UINT64_C(3) << 8, 0, RISCV_WALK_DONE }, /* software's bits */
        { 0, G, 0, RISCV_WALK_DONE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t frame_bits = cases[i].level == 2 ? UINT64_C(1) << 28 | V | R | A | D : leaf;
        map(world, 0x1000, cases[i].level, (frame_bits & ~cases[i].clear) | cases[i].set);
        assert_int_equal(walk(world, 0x1000, READ), cases[i].result);
    }
}

static void memory_types_are_known_only_with_svpbmt(void **state)
{
    struct world *world = *state;
    world->regime.has_memory_types = true;
    map(world, 0, 0, FRAME << 10 | PBMT1 | V | R | A);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_DONE);
    map(world, 0, 0, FRAME << 10 | PBMT2 | V | R | A);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_DONE);
    map(world, 0, 0, FRAME << 10 | PBMT1 | PBMT2 | V | R | A);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_RESERVED);
    world->entries[0][0] = pointer_to(1) | PBMT1;
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_RESERVED);
}

static void napot_pages_are_64_kib_at_the_last_level_only(void **state)
{
    struct world *world = *state;
    struct riscv_walk result;
    world->regime.has_napot = true;
    for (uint64_t low = 0; low < 16; low++) {
        uint64_t address = 0x5000;
        map(world, address, 0, N | (FRAME | low) << 10 | V | R | A);
        enum riscv_walk_result outcome = riscv_walk(&world->regime, address, READ, &result);
        assert_int_equal(outcome, low == 8 ? RISCV_WALK_DONE : RISCV_WALK_BAD_NAPOT);
    }
    map(world, 0x5000, 0, N | (FRAME | 8) << 10 | V | R | A);
    assert_int_equal(riscv_walk(&world->regime, 0x5abc, READ, &result), RISCV_WALK_DONE);
    assert_true(result.page.bits == (FRAME + 5) << 12);
    assert_true(result.size == 0x10000);
    map(world, 0, 1, N | (FRAME | 8) << 10 | V | R | A);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_BAD_NAPOT);
    world->entries[0][0] = pointer_to(1) | N;
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_RESERVED);
}

/* ---- Rights -------------------------------------------------------------------------------------------------- */

/* The rule in the words of the specification, for one access. */
static bool permitted(uint64_t pte, bool user, bool sum, bool mxr, enum memory_access access)
{
    bool user_page = (pte & U) != 0;
    if (user && !user_page) {
        return false;
    }
    if (!user && user_page && (access == FETCH || !sum)) {
        return false;
    }
    switch (access) {
    case MEMORY_READ: return (pte & R) != 0 || (mxr && (pte & X) != 0);
    case MEMORY_WRITE: return (pte & W) != 0;
    case MEMORY_FETCH: return (pte & X) != 0;
    }
    return false;
}

static void rights_follow_r_w_x_u_sum_and_mxr(void **state)
{
    struct world *world = *state;
    static const uint64_t leaves[] = { R, R | W, X, R | X, R | W | X };
    static const enum memory_access kinds[] = { READ, WRITE, FETCH };
    for (unsigned i = 0; i < 5 * 2 * 8; i++) {
        uint64_t pte = FRAME << 10 | V | A | D | leaves[i % 5] | (i / 5 % 2 != 0 ? U : 0);
        world->regime.user = (i / 10 & 1) != 0;
        world->regime.supervisor_reaches_user = (i / 10 & 2) != 0;
        world->regime.execute_is_read = (i / 10 & 4) != 0;
        map(world, 0, 0, pte);
        unsigned expected = 0;
        for (unsigned k = 0; k < 3; k++) {
            expected |= permitted(pte, world->regime.user, world->regime.supervisor_reaches_user,
                                  world->regime.execute_is_read, kinds[k])
                            ? kinds[k]
                            : 0u;
        }
        for (unsigned k = 0; k < 3; k++) {
            struct riscv_walk result;
            enum riscv_walk_result outcome = riscv_walk(&world->regime, 0, kinds[k], &result);
            assert_int_equal(outcome == RISCV_WALK_DONE, (expected & kinds[k]) != 0);
            if (outcome == RISCV_WALK_DONE) {
                assert_int_equal(result.rights, expected);
            }
        }
    }
}

static void a_refusal_says_whose_page_it_was(void **state)
{
    struct world *world = *state;
    map(world, 0, 0, FRAME << 10 | V | R | A);
    world->regime.user = true;
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_SUPERVISOR_PAGE);
    world->regime.user = false;
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_DENIED);
    map(world, 0, 0, FRAME << 10 | V | R | A | U | X);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_USER_PAGE);
    world->regime.supervisor_reaches_user = true;
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_DONE);
    assert_int_equal(walk(world, 0, FETCH), RISCV_WALK_USER_PAGE);
    for (unsigned result = RISCV_WALK_DONE; result <= RISCV_WALK_TABLE_OUT_OF_REACH; result++) {
        assert_true(strlen(riscv_walk_result_name((enum riscv_walk_result)result)) > 0);
    }
}

static void tables_out_of_reach_are_told_apart(void **state)
{
    struct world *world = *state;
    map(world, 0, 0, FRAME << 10 | V | R);
    world->refuse_writes = true;
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_TABLE_OUT_OF_REACH);
    world->refuse_reads = true;
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_TABLE_OUT_OF_REACH);
}

/* ---- Accessed and dirty -------------------------------------------------------------------------------------- */

static void the_walker_sets_accessed_and_dirty_as_needed(void **state)
{
    struct world *world = *state;
    struct riscv_walk result;
    const uint64_t leaf = FRAME << 10 | V | R | W | X;
    map(world, 0, 0, leaf);
    assert_int_equal(riscv_walk(&world->regime, 0, READ, &result), RISCV_WALK_DONE);
    assert_true(pte_of(world, 0, 0) == (leaf | A));
    assert_int_equal(result.rights, READ | FETCH); /* the first write must come back */
    assert_int_equal(riscv_walk(&world->regime, 0, WRITE, &result), RISCV_WALK_DONE);
    assert_true(pte_of(world, 0, 0) == (leaf | A | D));
    assert_int_equal(result.rights, READ | WRITE | FETCH);
    world->writes = 0;
    assert_int_equal(riscv_walk(&world->regime, 0, WRITE, &result), RISCV_WALK_DONE);
    assert_int_equal(world->writes, 0);
}

static void a_refused_access_sets_nothing(void **state)
{
    struct world *world = *state;
    const uint64_t leaf = FRAME << 10 | V | R;
    map(world, 0, 0, leaf);
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_DENIED);
    assert_true(pte_of(world, 0, 0) == leaf);
}

static void without_updates_missing_bits_are_refusals(void **state)
{
    struct world *world = *state;
    const uint64_t leaf = FRAME << 10 | V | R | W | X;
    world->regime.updates = false;
    map(world, 0, 0, leaf);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_NOT_ACCESSED);
    assert_int_equal(walk(world, 0, FETCH), RISCV_WALK_NOT_ACCESSED);
    map(world, 0, 0, leaf | D);
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_NOT_ACCESSED);
    map(world, 0, 0, leaf | A);
    assert_int_equal(walk(world, 0, READ), RISCV_WALK_DONE);
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_NOT_DIRTY);
    map(world, 0, 0, leaf | A | D);
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_DONE);
    assert_int_equal(world->writes, 0);
}

static void an_entry_that_changes_under_the_update_is_read_again(void **state)
{
    struct world *world = *state;
    map(world, 0, 0, FRAME << 10 | V | R | W);
    world->rewrite_to = FRAME << 10 | R | W; /* no longer valid */
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_NOT_VALID);
    assert_true(pte_of(world, 0, 0) == (FRAME << 10 | R | W));
    map(world, 0, 0, FRAME << 10 | V | R | W);
    world->rewrite_to = (FRAME + 1) << 10 | V | R | W;
    struct riscv_walk result;
    assert_int_equal(riscv_walk(&world->regime, 0, WRITE, &result), RISCV_WALK_DONE);
    assert_true(result.page.bits == (FRAME + 1) << 12);
    assert_true(pte_of(world, 0, 0) == ((FRAME + 1) << 10 | V | R | W | A | D));
}

static void an_observer_changes_nothing(void **state)
{
    struct world *world = *state;
    const uint64_t leaf = FRAME << 10 | V | R | W;
    map(world, 0, 0, leaf);
    world->regime.observe = true;
    world->regime.updates = false;
    assert_int_equal(walk(world, 0, WRITE), RISCV_WALK_DONE);
    assert_true(pte_of(world, 0, 0) == leaf);
}

/* ---- Cache of tables ------------------------------------------------------------------------------------------ */

static void a_known_last_level_table_saves_the_way_to_it(void **state)
{
    struct world *world = *state;
    struct riscv_walk_cache cache;
    struct riscv_walk result;
    riscv_walk_cache_clear(&cache);
    world->regime.cache = &cache;
    map(world, 0x1000, 0, FRAME << 10 | V | R | A);
    map(world, 0x2000, 0, (FRAME + 1) << 10 | V | R | A);
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_DONE);
    world->reads = 0;
    assert_int_equal(riscv_walk(&world->regime, 0x2000, READ, &result), RISCV_WALK_DONE);
    assert_int_equal(world->reads, 1);
    assert_true(result.page.bits == (FRAME + 1) << 12 && result.size == PAGE_SIZE);
    assert_int_equal(walk(world, 0x3000, READ), RISCV_WALK_NOT_VALID);
    assert_int_equal(walk(world, 0x1000, WRITE), RISCV_WALK_DENIED);
    world->reads = 0;
    assert_int_equal(walk(world, RISCV_WALK_CACHE_SIZE << 21 | 0x1000, READ), RISCV_WALK_NOT_VALID); /* same place */
    assert_int_equal(walk(world, UINT64_C(1) << 39 | 0x1000, READ), RISCV_WALK_NOT_CANONICAL);
}

static void a_forgotten_table_is_looked_up_again(void **state)
{
    struct world *world = *state;
    struct riscv_walk_cache cache;
    riscv_walk_cache_clear(&cache);
    world->regime.cache = &cache;
    map(world, 0x1000, 0, FRAME << 10 | V | R | A);
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_DONE);
    world->entries[0][0] = 0;
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_DONE);
    riscv_walk_cache_drop(&cache, UINT64_C(1) << 21); /* another region */
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_DONE);
    riscv_walk_cache_drop(&cache, 0x1fffff);
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_NOT_VALID);
    world->entries[0][0] = pointer_to(1);
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_DONE);
    world->entries[0][0] = 0;
    riscv_walk_cache_clear(&cache);
    assert_int_equal(walk(world, 0x1000, READ), RISCV_WALK_NOT_VALID);
}

static void large_pages_are_not_taken_for_tables(void **state)
{
    struct world *world = *state;
    struct riscv_walk_cache cache;
    struct riscv_walk result;
    riscv_walk_cache_clear(&cache);
    world->regime.cache = &cache;
    map(world, 0x1000, 1, FRAME << 10 | V | R | A);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(riscv_walk(&world->regime, 0x1000, READ, &result), RISCV_WALK_DONE);
        assert_true(result.size == UINT64_C(1) << 21);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(every_level_of_every_geometry_is_found),
        TEST(only_the_three_modes_have_a_geometry),
        TEST(addresses_must_be_sign_extended),
        TEST(a_wider_root_takes_its_extra_bits),
        TEST(malformed_entries_are_refused_by_name),
        TEST(memory_types_are_known_only_with_svpbmt),
        TEST(napot_pages_are_64_kib_at_the_last_level_only),
        TEST(rights_follow_r_w_x_u_sum_and_mxr),
        TEST(a_refusal_says_whose_page_it_was),
        TEST(tables_out_of_reach_are_told_apart),
        TEST(the_walker_sets_accessed_and_dirty_as_needed),
        TEST(a_refused_access_sets_nothing),
        TEST(without_updates_missing_bits_are_refusals),
        TEST(an_entry_that_changes_under_the_update_is_read_again),
        TEST(an_observer_changes_nothing),
        TEST(a_known_last_level_table_saves_the_way_to_it),
        TEST(a_forgotten_table_is_looked_up_again),
        TEST(large_pages_are_not_taken_for_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
