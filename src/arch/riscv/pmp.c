/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/pmp.h"

#include "arch/riscv/primitives.h"

/* A configuration byte: bit 7 L, 4:3 A, 2 X, 1 W, 0 R; 6:5 are reserved and read 0. */
#define CONFIG_R        0x01u
#define CONFIG_W        0x02u
#define CONFIG_X        0x04u
#define CONFIG_RWX      0x07u
#define CONFIG_A_SHIFT  3u
#define CONFIG_A_MASK   3u
#define CONFIG_L        0x80u
#define CONFIG_WRITABLE 0x9fu

enum matching { MATCH_OFF, MATCH_TOR, MATCH_NA4, MATCH_NAPOT };

#define ADDRESS_MASK    ((UINT64_C(1) << 54) - 1) /* of pmpaddr: bits 55:2 of an address */
#define BYTES_OF_CONFIG 8u

#define ALL_RIGHTS      (MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH)

static uint8_t config_of(const struct riscv_cpu *cpu, unsigned entry)
{
    /* RV64 has the even-numbered registers only, eight entries each. */
    uint64_t eight = cpu->state.csr.pmpcfg[entry / BYTES_OF_CONFIG * (size_t)2];
    return (uint8_t)(eight >> (entry % BYTES_OF_CONFIG * 8));
}

static enum matching matching_of(uint8_t config)
{
    return (enum matching)(config >> CONFIG_A_SHIFT & CONFIG_A_MASK);
}

/* ---- The rules -------------------------------------------------------------------------------------------------- */

/* The bytes an entry matches. False: none. */
static bool range_of(const struct riscv_cpu *cpu, unsigned entry, enum matching matching, struct riscv_pmp_rule *rule)
{
    uint64_t address = cpu->state.csr.pmpaddr[entry];
    uint64_t below;
    switch (matching) {
    case MATCH_TOR:
        below = entry > 0 ? cpu->state.csr.pmpaddr[entry - 1] : 0;
        rule->low = below << 2;
        rule->high = (address << 2) - 1;
        return below < address;
    case MATCH_NA4:
        rule->low = address << 2;
        rule->high = rule->low + 3;
        return true;
    case MATCH_NAPOT:
        /* …0111 (n ones) is a range of 2^(n+3) bytes; all 54 ones is 2^57, more than there is. */
        below = address & (address + 1);
        rule->low = (below & ADDRESS_MASK) << 2;
        rule->high = ((address | (address + 1)) << 2) + 3;
        return true;
    case MATCH_OFF: break;
    }
    return false;
}

void riscv_pmp_changed(struct riscv_cpu *cpu)
{
    struct riscv_pmp *pmp = &cpu->pmp;
    pmp->rule_count = 0;
    for (unsigned entry = 0; entry < cpu->machine->pmp_entry_count; entry++) {
        uint8_t config = config_of(cpu, entry);
        struct riscv_pmp_rule rule = { .config = config, .number = (uint8_t)entry };
        if (range_of(cpu, entry, matching_of(config), &rule)) {
            pmp->rules[pmp->rule_count++] = rule;
        }
    }
    riscv_pmp_forget(cpu);
}

/* What the entries' L, R, W, X grant while mseccfg.MML is set: "Smepmp", truth table. Index: L R W X. */
static const struct {
    uint8_t machine, others;
} locked_down[16] = {
    [0x0] = { 0, 0 },
    [0x1] = { 0, MEMORY_FETCH },
    [0x2] = { MEMORY_READ | MEMORY_WRITE, MEMORY_READ },
    [0x3] = { MEMORY_READ | MEMORY_WRITE, MEMORY_READ | MEMORY_WRITE },
    [0x4] = { 0, MEMORY_READ },
    [0x5] = { 0, MEMORY_READ | MEMORY_FETCH },
    [0x6] = { 0, MEMORY_READ | MEMORY_WRITE },
    [0x7] = { 0, MEMORY_READ | MEMORY_WRITE | MEMORY_FETCH },
    [0x8] = { 0, 0 },
    [0x9] = { MEMORY_FETCH, 0 },
    [0xa] = { MEMORY_FETCH, MEMORY_FETCH },
    [0xb] = { MEMORY_READ | MEMORY_FETCH, MEMORY_FETCH },
    [0xc] = { MEMORY_READ, 0 },
    [0xd] = { MEMORY_READ | MEMORY_FETCH, 0 },
    [0xe] = { MEMORY_READ | MEMORY_WRITE, 0 },
    [0xf] = { MEMORY_READ, MEMORY_READ },
};

static unsigned truth_index(uint8_t config)
{
    unsigned locked = (config & CONFIG_L) != 0 ? 8u : 0u;
    unsigned read = (config & CONFIG_R) != 0 ? 4u : 0u;
    unsigned write = (config & CONFIG_W) != 0 ? 2u : 0u;
    unsigned execute = (config & CONFIG_X) != 0 ? 1u : 0u;
    return locked | read | write | execute;
}

static unsigned plain_rights(uint8_t config)
{
    return ((config & CONFIG_R) != 0 ? (unsigned)MEMORY_READ : 0u) |
           ((config & CONFIG_W) != 0 ? (unsigned)MEMORY_WRITE : 0u) |
           ((config & CONFIG_X) != 0 ? (unsigned)MEMORY_FETCH : 0u);
}

/* Rights where no entry matches. */
static unsigned unmatched_rights(const struct riscv_cpu *cpu, enum riscv_mode mode)
{
    if (mode != RISCV_MODE_M) {
        return cpu->machine->pmp_entry_count > 0 ? 0 : ALL_RIGHTS;
    }
    if (riscv_mseccfg_MMWP(&cpu->state) != 0) {
        return 0;
    }
    return riscv_mseccfg_MML(&cpu->state) != 0 ? MEMORY_READ | MEMORY_WRITE : ALL_RIGHTS;
}

static unsigned rights_by(const struct riscv_cpu *cpu, const struct riscv_pmp_rule *rule, enum riscv_mode mode)
{
    if (rule == NULL) {
        return unmatched_rights(cpu, mode);
    }
    if (riscv_mseccfg_MML(&cpu->state) != 0) {
        unsigned index = truth_index(rule->config);
        return mode == RISCV_MODE_M ? locked_down[index].machine : locked_down[index].others;
    }
    if (mode == RISCV_MODE_M && (rule->config & CONFIG_L) == 0) {
        return ALL_RIGHTS;
    }
    return plain_rights(rule->config);
}

/* The first rule that holds the address ends the search, the ones before it bound the window. */
void riscv_pmp_search(struct riscv_cpu *cpu, uint64_t address)
{
    struct riscv_pmp *pmp = &cpu->pmp;
    const struct riscv_pmp_rule *found = NULL;
    uint64_t low = 0;
    uint64_t high = UINT64_MAX;
    for (uint32_t i = 0; i < pmp->rule_count && found == NULL; i++) {
        const struct riscv_pmp_rule *rule = &pmp->rules[i];
        if (rule->high < address) {
            low = rule->high + 1 > low ? rule->high + 1 : low;
        } else if (rule->low > address) {
            high = rule->low - 1 < high ? rule->low - 1 : high;
        } else {
            low = rule->low > low ? rule->low : low;
            high = rule->high < high ? rule->high : high;
            found = rule;
        }
    }
    pmp->window.low = low;
    pmp->window.high = high;
    pmp->window.machine = (uint8_t)rights_by(cpu, found, RISCV_MODE_M);
    pmp->window.others = (uint8_t)rights_by(cpu, found, RISCV_MODE_S);
}

/* ---- The registers ---------------------------------------------------------------------------------------------- */

static bool locked(const struct riscv_cpu *cpu, unsigned entry)
{
    return (config_of(cpu, entry) & CONFIG_L) != 0 && riscv_mseccfg_RLB(&cpu->state) == 0;
}

uint64_t riscv_pmp_read_config(struct riscv_cpu *cpu, uint16_t number)
{
    return number * 4u < cpu->machine->pmp_entry_count ? cpu->state.csr.pmpcfg[number] : 0;
}

/* With MML, a rule that lets M execute cannot be added ("Smepmp", section on MML). */
static bool would_let_machine_execute(const struct riscv_cpu *cpu, uint8_t config)
{
    if (riscv_mseccfg_MML(&cpu->state) == 0 || riscv_mseccfg_RLB(&cpu->state) != 0) {
        return false;
    }
    return (config & CONFIG_L) != 0 && (locked_down[truth_index(config)].machine & MEMORY_FETCH) != 0;
}

/* What a configuration byte becomes when `new` is written. */
static uint8_t legal_config(const struct riscv_cpu *cpu, unsigned entry, uint8_t new)
{
    uint8_t old = config_of(cpu, entry);
    if (entry >= cpu->machine->pmp_entry_count || locked(cpu, entry) || would_let_machine_execute(cpu, new)) {
        return old;
    }
    new &= CONFIG_WRITABLE;
    if (riscv_mseccfg_MML(&cpu->state) == 0 && (new &(CONFIG_R | CONFIG_W)) == CONFIG_W) {
        new = (uint8_t)(new & ~CONFIG_RWX); /* W without R is reserved; R, W and X are one field that must be legal */
    }
    return new;
}

void riscv_pmp_write_config(struct riscv_cpu *cpu, uint16_t number, uint64_t data)
{
    CHECK(number < 16 && number % 2 == 0);
    uint64_t result = 0;
    for (unsigned i = 0; i < BYTES_OF_CONFIG; i++) {
        result |= (uint64_t)legal_config(cpu, number * 4u + i, (uint8_t)(data >> (8 * i))) << (8 * i);
    }
    cpu->state.csr.pmpcfg[number] = result;
    riscv_pmp_changed(cpu);
}

uint64_t riscv_pmp_read_address(struct riscv_cpu *cpu, uint16_t entry)
{
    return entry < cpu->machine->pmp_entry_count ? cpu->state.csr.pmpaddr[entry] : 0;
}

void riscv_pmp_write_address(struct riscv_cpu *cpu, uint16_t entry, uint64_t data)
{
    CHECK(entry < RISCV_PMP_ENTRY_MAX);
    if (entry >= cpu->machine->pmp_entry_count || locked(cpu, entry)) {
        return;
    }
    unsigned above = entry + 1u; /* a locked range keeps its lower end too */
    if (above < cpu->machine->pmp_entry_count && locked(cpu, above) &&
        matching_of(config_of(cpu, above)) == MATCH_TOR) {
        return;
    }
    cpu->state.csr.pmpaddr[entry] = data & ADDRESS_MASK;
    riscv_pmp_changed(cpu);
}

bool riscv_pmp_any_locked(struct riscv_cpu *cpu)
{
    for (unsigned entry = 0; entry < cpu->machine->pmp_entry_count; entry++) {
        if ((config_of(cpu, entry) & CONFIG_L) != 0) {
            return true;
        }
    }
    return false;
}

void riscv_pmp_open(struct riscv_cpu *cpu)
{
    if (cpu->machine->pmp_entry_count > 0) {
        cpu->state.csr.pmpaddr[0] = ADDRESS_MASK;
        cpu->state.csr.pmpcfg[0] = (uint64_t)MATCH_NAPOT << CONFIG_A_SHIFT | CONFIG_RWX;
        riscv_cpu_state_changed(cpu);
    }
}
