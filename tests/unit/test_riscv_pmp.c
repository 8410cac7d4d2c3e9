/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory protection and Smepmp: the tables of the specification, gone through whole. */
#include "test_riscv_fixture.h"

#include "arch/riscv/pmp.h"

enum { OFF, TOR, NA4, NAPOT };

#define R                 1u
#define W                 2u
#define X                 4u
#define A(matching)       ((matching) << 3)
#define L                 0x80u

#define READ              MEMORY_READ
#define WRITE             MEMORY_WRITE
#define FETCH             MEMORY_FETCH

#define NAPOT_4K(address) ((address) >> 2 | 0x1ff)

static int create(void **state)
{
    fixture_set_up(state, 1);
    return 0;
}

static void set_config(struct riscv_cpu *cpu, unsigned entry, unsigned config)
{
    uint16_t number = (uint16_t)(entry / 8 * 2);
    unsigned shift = entry % 8 * 8;
    uint64_t old = riscv_pmp_read_config(cpu, number);
    riscv_pmp_write_config(cpu, number, (old & ~(UINT64_C(0xff) << shift)) | (uint64_t)config << shift);
}

static unsigned get_config(struct riscv_cpu *cpu, unsigned entry)
{
    return (unsigned)(riscv_pmp_read_config(cpu, (uint16_t)(entry / 8 * 2)) >> (entry % 8 * 8)) & 0xff;
}

/* Writes an entry below all protection: tests of the check, not of the registers. */
static void set_entry(struct riscv_cpu *cpu, unsigned entry, uint64_t address, unsigned config)
{
    uint64_t *eight = &cpu->state.csr.pmpcfg[entry / 8 * 2];
    unsigned shift = entry % 8 * 8;
    *eight = (*eight & ~(UINT64_C(0xff) << shift)) | (uint64_t)config << shift;
    cpu->state.csr.pmpaddr[entry] = address;
    riscv_pmp_changed(cpu);
}

static bool permits(struct riscv_cpu *cpu, uint64_t address, uint64_t size, enum riscv_mode mode,
                    enum memory_access kind)
{
    return riscv_pmp_permits(cpu, gpa(address), size, mode, kind);
}

static unsigned rights(struct riscv_cpu *cpu, uint64_t address, enum riscv_mode mode)
{
    unsigned set = 0;
    for (unsigned kind = MEMORY_READ; kind <= MEMORY_FETCH; kind *= 2) {
        set |= permits(cpu, address, 4, mode, (enum memory_access)kind) ? kind : 0;
    }
    return set;
}

/* ---- Rights -------------------------------------------------------------------------------------------------- */

static void without_a_match_only_m_passes(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_M), READ | WRITE | FETCH);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_S), 0);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_U), 0);
}

static void without_entries_everybody_passes(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, 0, 1);
    assert_int_equal(rights(fixture.cpu, RAM_BASE, RISCV_MODE_U), READ | WRITE | FETCH);
    riscv_pmp_write_config(fixture.cpu, 0, UINT64_MAX);
    riscv_pmp_write_address(fixture.cpu, 0, UINT64_MAX);
    assert_int_equal(riscv_pmp_read_config(fixture.cpu, 0), 0);
    assert_int_equal(riscv_pmp_read_address(fixture.cpu, 0), 0);
    riscv_pmp_open(fixture.cpu);
    assert_int_equal(rights(fixture.cpu, RAM_BASE, RISCV_MODE_S), READ | WRITE | FETCH);
    fixture_destroy(&fixture);
}

static unsigned rights_named(unsigned config)
{
    return ((config & R) != 0 ? READ : 0u) | ((config & W) != 0 ? WRITE : 0u) | ((config & X) != 0 ? FETCH : 0u);
}

static void r_w_and_x_bind_s_and_u_and_with_l_also_m(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    for (unsigned rwx = 0; rwx < 8; rwx++) {
        for (unsigned lock = 0; lock < 2; lock++) {
            set_entry(cpu, 0, NAPOT_4K(RAM_BASE), A(NAPOT) | rwx | (lock != 0 ? L : 0));
            assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_S), rights_named(rwx));
            assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_U), rights_named(rwx));
            assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_M), lock != 0 ? rights_named(rwx) : READ | WRITE | FETCH);
        }
    }
}

/* "Smepmp", the truth table of mseccfg.MML: index LRWX. */
static void with_mml_the_truth_table_holds(void **state)
{
    static const struct {
        unsigned machine, others;
    } table[16] = {
        { 0, 0 },    { 0, FETCH },        { READ | WRITE, READ }, { READ | WRITE, READ | WRITE },
        { 0, READ }, { 0, READ | FETCH }, { 0, READ | WRITE },    { 0, READ | WRITE | FETCH },
        { 0, 0 },    { FETCH, 0 },        { FETCH, FETCH },       { READ | FETCH, FETCH },
        { READ, 0 }, { READ | FETCH, 0 }, { READ | WRITE, 0 },    { READ, READ },
    };
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_set_mseccfg_MML(&cpu->state, 1);
    for (unsigned index = 0; index < 16; index++) {
        unsigned config = ((index & 8) != 0 ? L : 0) | ((index & 4) != 0 ? R : 0) | ((index & 2) != 0 ? W : 0) |
                          ((index & 1) != 0 ? X : 0);
        set_entry(cpu, 0, NAPOT_4K(RAM_BASE), A(NAPOT) | config);
        assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_M), table[index].machine);
        assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_S), table[index].others);
        assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_U), table[index].others);
    }
}

static void mmwp_and_mml_bind_m_where_nothing_matches(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_set_mseccfg_MML(&cpu->state, 1);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_M), READ | WRITE);
    riscv_set_mseccfg_MMWP(&cpu->state, 1);
    riscv_translation_changed(cpu);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_M), 0);
    riscv_set_mseccfg_MML(&cpu->state, 0);
    riscv_translation_changed(cpu);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_M), 0);
}

/* ---- Matching ------------------------------------------------------------------------------------------------ */

static void napot_matches_every_power_of_two(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    for (unsigned ones = 0; ones <= 20; ones++) {
        uint64_t size = UINT64_C(8) << ones;
        uint64_t base = RAM_BASE + 4 * size;
        set_entry(cpu, 0, base >> 2 | ((UINT64_C(1) << ones) - 1), A(NAPOT) | R);
        assert_true(permits(cpu, base, 1, RISCV_MODE_S, READ));
        assert_true(permits(cpu, base + size - 1, 1, RISCV_MODE_S, READ));
        assert_false(permits(cpu, base - 1, 1, RISCV_MODE_S, READ));
        assert_false(permits(cpu, base + size, 1, RISCV_MODE_S, READ));
    }
}

static void napot_of_all_ones_is_everything(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 0, (UINT64_C(1) << 54) - 1, A(NAPOT) | R);
    assert_true(permits(cpu, 0, 8, RISCV_MODE_U, READ));
    assert_true(permits(cpu, (UINT64_C(1) << 56) - 8, 8, RISCV_MODE_U, READ));
    assert_false(permits(cpu, 0, 8, RISCV_MODE_U, WRITE));
}

static void na4_matches_four_bytes(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 0, (RAM_BASE + 8) >> 2, A(NA4) | R);
    assert_false(permits(cpu, RAM_BASE + 7, 1, RISCV_MODE_S, READ));
    assert_true(permits(cpu, RAM_BASE + 8, 4, RISCV_MODE_S, READ));
    assert_true(permits(cpu, RAM_BASE + 11, 1, RISCV_MODE_S, READ));
    assert_false(permits(cpu, RAM_BASE + 12, 1, RISCV_MODE_S, READ));
}

static void tor_matches_from_the_address_below_whatever_its_entry_says(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 0, RAM_BASE >> 2, A(OFF));
    set_entry(cpu, 1, (RAM_BASE + 0x100) >> 2, A(TOR) | R);
    assert_false(permits(cpu, RAM_BASE - 1, 1, RISCV_MODE_S, READ));
    assert_true(permits(cpu, RAM_BASE, 1, RISCV_MODE_S, READ));
    assert_true(permits(cpu, RAM_BASE + 0xff, 1, RISCV_MODE_S, READ));
    assert_false(permits(cpu, RAM_BASE + 0x100, 1, RISCV_MODE_S, READ));
    set_entry(cpu, 0, 0, A(TOR) | R);
    assert_false(permits(cpu, 0, 1, RISCV_MODE_S, WRITE));
}

static void tor_of_the_first_entry_begins_at_zero(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 0, 0x1000 >> 2, A(TOR) | R);
    assert_true(permits(cpu, 0, 1, RISCV_MODE_S, READ));
    assert_true(permits(cpu, 0xfff, 1, RISCV_MODE_S, READ));
    assert_false(permits(cpu, 0x1000, 1, RISCV_MODE_S, READ));
}

static void tor_upside_down_matches_nothing(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 0, 0x2000 >> 2, A(OFF));
    set_entry(cpu, 1, 0x2000 >> 2, A(TOR) | R);
    assert_false(permits(cpu, 0x2000, 1, RISCV_MODE_S, READ));
    assert_false(permits(cpu, 0x1fff, 1, RISCV_MODE_S, READ));
    set_entry(cpu, 1, 0x1000 >> 2, A(TOR) | R);
    assert_false(permits(cpu, 0x1800, 1, RISCV_MODE_S, READ));
}

static void the_entry_of_lowest_number_decides(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 3, NAPOT_4K(RAM_BASE), A(NAPOT) | R);
    set_entry(cpu, 5, NAPOT_4K(RAM_BASE), A(NAPOT) | R | W | X);
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_S), READ);
    set_entry(cpu, 2, NAPOT_4K(RAM_BASE), A(NAPOT));
    assert_int_equal(rights(cpu, RAM_BASE, RISCV_MODE_S), 0);
}

static void an_access_that_an_entry_matches_in_part_is_refused(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_entry(cpu, 0, RAM_BASE >> 2, A(NA4) | R | W | X);
    set_entry(cpu, 1, (UINT64_C(1) << 54) - 1, A(NAPOT) | R | W | X);
    assert_true(permits(cpu, RAM_BASE, 4, RISCV_MODE_S, READ));
    assert_false(permits(cpu, RAM_BASE, 8, RISCV_MODE_S, READ));
    assert_false(permits(cpu, RAM_BASE - 4, 8, RISCV_MODE_S, READ));
    assert_false(permits(cpu, RAM_BASE, 8, RISCV_MODE_M, READ)); /* M too */
    assert_true(permits(cpu, RAM_BASE + 4, 8, RISCV_MODE_S, READ));
}

/* Against the rule said plainly: the lowest entry that holds a byte must hold all. */
static void windows_agree_with_the_rule_on_random_entries(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    srand(1);
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned entry = 0; entry < 16; entry++) {
            set_entry(cpu, entry, (unsigned)rand() % 64, (unsigned)rand() & 0x1f);
        }
        for (uint64_t address = 0; address < 256; address += 2) {
            uint64_t size = UINT64_C(2) << (unsigned)rand() % 3;
            bool expected = false;
            for (uint32_t i = 0; i < cpu->pmp.rule_count; i++) {
                const struct riscv_pmp_rule *rule = &cpu->pmp.rules[i];
                if (rule->low < address + size && rule->high >= address) {
                    expected = rule->low <= address && rule->high >= address + size - 1 && (rule->config & R) != 0;
                    break;
                }
            }
            assert_int_equal(permits(cpu, address, size, RISCV_MODE_S, READ), expected);
        }
    }
}

/* ---- Registers ----------------------------------------------------------------------------------------------- */

static void a_locked_entry_ignores_writes(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_pmp_write_address(cpu, 2, 0x1234);
    set_config(cpu, 2, L | A(NAPOT) | R);
    assert_true(riscv_pmp_any_locked(cpu));
    set_config(cpu, 2, 0);
    riscv_pmp_write_address(cpu, 2, 0x4321);
    assert_int_equal(get_config(cpu, 2), L | A(NAPOT) | R);
    assert_int_equal(riscv_pmp_read_address(cpu, 2), 0x1234);
    set_config(cpu, 3, R); /* its neighbours in the register are free */
    assert_int_equal(get_config(cpu, 3), R);
    riscv_set_mseccfg_RLB(&cpu->state, 1);
    set_config(cpu, 2, 0);
    assert_int_equal(get_config(cpu, 2), 0);
    assert_false(riscv_pmp_any_locked(cpu));
}

static void a_locked_tor_entry_locks_the_address_below(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_pmp_write_address(cpu, 0, 0x10);
    riscv_pmp_write_address(cpu, 1, 0x20);
    set_config(cpu, 1, L | A(TOR) | R);
    riscv_pmp_write_address(cpu, 0, 0x18);
    assert_int_equal(riscv_pmp_read_address(cpu, 0), 0x10);
    set_config(cpu, 0, R); /* only the address */
    assert_int_equal(get_config(cpu, 0), R);
    set_config(cpu, 3, L | A(NAPOT));
    riscv_pmp_write_address(cpu, 2, 0x18);
    assert_int_equal(riscv_pmp_read_address(cpu, 2), 0x18);
}

static void reserved_bits_read_zero_and_write_without_read_is_nothing(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    set_config(cpu, 0, 0x60 | R);
    assert_int_equal(get_config(cpu, 0), R);
    set_config(cpu, 0, W | X | A(NA4));
    assert_int_equal(get_config(cpu, 0), A(NA4));
    riscv_set_mseccfg_MML(&cpu->state, 1);
    set_config(cpu, 0, W | X | A(NA4));
    assert_int_equal(get_config(cpu, 0), W | X | A(NA4));
    riscv_pmp_write_address(cpu, 0, UINT64_MAX);
    assert_true(riscv_pmp_read_address(cpu, 0) == (UINT64_C(1) << 54) - 1);
}

static void with_mml_no_rule_that_lets_m_execute_can_be_added(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_set_mseccfg_MML(&cpu->state, 1);
    static const unsigned refused[] = { L | X, L | W, L | W | X, L | R | X };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        set_config(cpu, 0, refused[i]);
        assert_int_equal(get_config(cpu, 0), 0);
    }
    riscv_set_mseccfg_RLB(&cpu->state, 1);
    set_config(cpu, 0, L | X);
    assert_int_equal(get_config(cpu, 0), L | X);
}

static void entries_beyond_the_implemented_read_zero(void **state)
{
    struct riscv_cpu *cpu = fixture_cpu(state);
    riscv_pmp_write_config(cpu, 4, UINT64_MAX);
    riscv_pmp_write_address(cpu, 16, UINT64_MAX);
    assert_int_equal(riscv_pmp_read_config(cpu, 4), 0);
    assert_int_equal(riscv_pmp_read_address(cpu, 16), 0);
    riscv_pmp_write_address(cpu, 15, 1);
    assert_int_equal(riscv_pmp_read_address(cpu, 15), 1);
    riscv_pmp_write_config(cpu, 14, UINT64_MAX);
    assert_int_equal(riscv_pmp_read_config(cpu, 14), 0);
}

static void sixty_four_entries_are_possible(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, 64, 1);
    riscv_pmp_write_address(fixture.cpu, 63, NAPOT_4K(RAM_BASE));
    set_config(fixture.cpu, 63, A(NAPOT) | R);
    assert_int_equal(rights(fixture.cpu, RAM_BASE, RISCV_MODE_S), READ);
    fixture_destroy(&fixture);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_match_only_m_passes),
        TEST(without_entries_everybody_passes),
        TEST(r_w_and_x_bind_s_and_u_and_with_l_also_m),
        TEST(with_mml_the_truth_table_holds),
        TEST(mmwp_and_mml_bind_m_where_nothing_matches),
        TEST(napot_matches_every_power_of_two),
        TEST(napot_of_all_ones_is_everything),
        TEST(na4_matches_four_bytes),
        TEST(tor_matches_from_the_address_below_whatever_its_entry_says),
        TEST(tor_of_the_first_entry_begins_at_zero),
        TEST(tor_upside_down_matches_nothing),
        TEST(the_entry_of_lowest_number_decides),
        TEST(an_access_that_an_entry_matches_in_part_is_refused),
        TEST(windows_agree_with_the_rule_on_random_entries),
        TEST(a_locked_entry_ignores_writes),
        TEST(a_locked_tor_entry_locks_the_address_below),
        TEST(reserved_bits_read_zero_and_write_without_read_is_nothing),
        TEST(with_mml_no_rule_that_lets_m_execute_can_be_added),
        TEST(entries_beyond_the_implemented_read_zero),
        TEST(sixty_four_entries_are_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
