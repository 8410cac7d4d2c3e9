/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/level.h"

#include "arch/riscv/inside.h"
#include "arch/riscv/primitives.h"
#include "memory/attributes.h"

#include <string.h>

#define BIT(number) (UINT64_C(1) << (number))

/* The registers that all levels share, a closed list: those that carry arguments and results of a call, as x0–x17 and
 * the vector registers do on AArch64, and the floating-point ones. What steers control flow, stacks, translation,
 * traps, time or interrupts is private. */
static const uint8_t shared_x[] = { 5,  6,  7,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18,
                                    19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

static void take_shared(struct riscv_state *to, const struct riscv_state *from)
{
    for (size_t i = 0; i < sizeof shared_x / sizeof *shared_x; i++) {
        to->x[shared_x[i]] = from->x[shared_x[i]];
    }
    memcpy(to->f, from->f, sizeof to->f);
}

struct riscv_state *riscv_level_state(struct riscv_cpu *cpu, unsigned level)
{
    CHECK(level < cpu->level_count);
    return level == cpu->level ? &cpu->state : &cpu->levels[level].state;
}

/* Running counters go with cpu->instructions; these did not run for so many (timer.c). */
static void hold_counters(struct riscv_cpu *cpu, uint64_t missed)
{
    struct riscv_state *state = &cpu->state;
    state->csr.mcycle -= riscv_mcountinhibit_CY(state) == 0 ? missed : 0;
    state->csr.minstret -= riscv_mcountinhibit_IR(state) == 0 ? missed : 0;
}

bool riscv_level_shares_x(unsigned number)
{
    return memchr(shared_x, (int)number, sizeof shared_x) != NULL;
}

void riscv_level_prepare(struct riscv_cpu *cpu, unsigned level)
{
    const struct riscv_state running = cpu->state, *from = &running;
    struct riscv_state *to = riscv_level_state(cpu, level);
    riscv_state_reset(to);
    to->mode = RISCV_MODE_S;
    to->csr.mcounteren = from->csr.mcounteren;
    to->csr.mvendorid = from->csr.mvendorid;
    to->csr.marchid = from->csr.marchid;
    to->csr.mimpid = from->csr.mimpid;
    to->csr.mhartid = from->csr.mhartid;
    to->csr.menvcfg = from->csr.menvcfg;
    to->csr.medeleg = from->csr.medeleg;
    to->csr.mideleg = from->csr.mideleg;
    to->csr.mseccfg = from->csr.mseccfg;
    to->csr.mstateen0 = from->csr.mstateen0;
    to->csr.mstateen1 = from->csr.mstateen1;
    to->csr.mstateen2 = from->csr.mstateen2;
    to->csr.mstateen3 = from->csr.mstateen3;
    memcpy(to->csr.pmpcfg, from->csr.pmpcfg, sizeof to->csr.pmpcfg);
    memcpy(to->csr.pmpaddr, from->csr.pmpaddr, sizeof to->csr.pmpaddr);
    take_shared(to, from);
    to->csr.mcycle = to->csr.minstret = -cpu->instructions; /* its counters begin at 0 */
    cpu->levels[level].left_at = cpu->instructions;
}

void riscv_level_cache(struct riscv_cpu *cpu, unsigned level)
{
    const uint32_t bit = UINT32_C(1) << level;
    if (likely((cpu->levels_cached & bit) != 0)) {
        return;
    }
    for (size_t i = 0; i < RISCV_CONTEXT_COUNT; i++) {
        tlb_init(&cpu->tlbs[level * (size_t)RISCV_CONTEXT_COUNT + i]);
    }
    cpu->levels_cached |= bit;
}

void riscv_level_switch(struct riscv_cpu *cpu, unsigned to)
{
    CHECK(to < cpu->level_count && to != cpu->level);
    riscv_level_cache(cpu, to);
    struct riscv_level *next = &cpu->levels[to];
    take_shared(&next->state, &cpu->state);
    cpu->now->state = cpu->state;
    cpu->now->left_at = cpu->instructions;
    cpu->state = next->state;
    cpu->level = to;
    cpu->now = next;
    hold_counters(cpu, cpu->instructions - next->left_at);
    memcpy(cpu->denying, next->denying, sizeof cpu->denying);
    cpu->reservation.host = NULL;
    riscv_walk_cache_clear(&cpu->walk_cache);
    riscv_address_space_changed(cpu); /* another level may have written its satp */
    riscv_status_changed(cpu);
    riscv_interrupts_changed(cpu);                       /* somebody may have written its stimecmp meanwhile */
    riscv_inside_resume(cpu, riscv_inside_suspend(cpu)); /* at the new level, if it is inside */
    atomic_fetch_or_explicit(&cpu->vcpu.attention, VCPU_INTERRUPT, memory_order_relaxed);
}

/* ---- Page rights ------------------------------------------------------------------------------------------------ */

void riscv_level_set_denying(struct riscv_cpu *cpu, unsigned level, uint32_t user_apart)
{
    CHECK(level < cpu->level_count);
    uint64_t *denying = cpu->levels[level].denying;
    memset(denying, 0, sizeof cpu->denying);
    for (unsigned enforcer = level + 1; enforcer < ATTRIBUTE_LEVEL_COUNT; enforcer++) {
        bool apart = ((user_apart | cpu->machine->levels_apart) >> enforcer & 1) != 0;
        denying[RISCV_DENYING_READ] |= attributes_with(0, enforcer, ATTRIBUTE_READ);
        denying[RISCV_DENYING_WRITE] |= attributes_with(0, enforcer, ATTRIBUTE_WRITE);
        denying[RISCV_DENYING_KERNEL] |= attributes_with(0, enforcer, ATTRIBUTE_KERNEL);
        denying[RISCV_DENYING_USER] |= attributes_with(0, enforcer, apart ? ATTRIBUTE_USER : ATTRIBUTE_KERNEL);
    }
    if (level == cpu->level) {
        memcpy(cpu->denying, denying, sizeof cpu->denying);
    }
}

/* ---- Interrupts ------------------------------------------------------------------------------------------------- */

static bool timer_is_due(const struct riscv_cpu *cpu, const struct riscv_level *level)
{
    return level->stime_set != UINT64_MAX && riscv_machine_time(cpu->machine) >= level->stime_set;
}

uint64_t riscv_level_pending(struct riscv_cpu *cpu, unsigned number)
{
    const struct riscv_level *level = &cpu->levels[number];
    const struct riscv_state *state = riscv_level_state(cpu, number);
    uint64_t timer = timer_is_due(cpu, level) ? BIT(RISCV_INTERRUPT_STI) : 0;
    uint64_t software = state->csr.mip & ~BIT(RISCV_INTERRUPT_STI); /* the comparison decides: Sstc, or the firmware */
    return software | atomic_load(&level->lines) | atomic_load(&level->posted) | timer;
}

/* What is pending and enabled at a level that does not run. Its posted bits stay posted: they become part of its mip
 * when it runs and looks. */
static uint64_t waiting_at(const struct riscv_cpu *cpu, const struct riscv_level *level)
{
    uint64_t enabled = level->state.csr.mie;
    if (likely(enabled == 0)) {
        return 0; /* it does not exist on this hart, or has not begun */
    }
    uint64_t software = level->state.csr.mip;
    if (riscv_menvcfg_STCE(&level->state) != 0) {
        software &= ~BIT(RISCV_INTERRUPT_STI);
    }
    uint64_t timer = timer_is_due(cpu, level) ? BIT(RISCV_INTERRUPT_STI) : 0;
    return (software | atomic_load(&level->lines) | atomic_load(&level->posted) | timer) & enabled;
}

/* A higher level's own priority mask is its sie; its sstatus.SIE does not hold it back (TLFS, "Virtual Interrupts"). */
unsigned riscv_level_interrupted(struct riscv_cpu *cpu)
{
    for (unsigned i = cpu->level_count - 1; i > cpu->level; i--) {
        if (waiting_at(cpu, &cpu->levels[i]) != 0) {
            return i;
        }
    }
    return 0;
}

bool riscv_level_held_back(struct riscv_cpu *cpu)
{
    for (unsigned i = 0; i < cpu->level; i++) {
        const struct riscv_state *state = &cpu->levels[i].state;
        bool masked = state->mode == RISCV_MODE_S && riscv_mstatus_SIE(state) == 0;
        if (!masked && waiting_at(cpu, &cpu->levels[i]) != 0) {
            return true;
        }
    }
    return false;
}

void riscv_level_set_line(struct riscv_cpu *cpu, unsigned level, unsigned number, bool on)
{
    CHECK(level < cpu->level_count);
    _Atomic uint64_t *lines = &cpu->levels[level].lines;
    if (!on) {
        atomic_fetch_and(lines, ~BIT(number));
    } else if ((atomic_fetch_or(lines, BIT(number)) & BIT(number)) == 0) {
        vcpu_request(&cpu->vcpu, VCPU_INTERRUPT);
    }
}

void riscv_level_post(struct riscv_cpu *cpu, unsigned level, unsigned number)
{
    CHECK(level < cpu->level_count);
    atomic_fetch_or(&cpu->levels[level].posted, BIT(number));
    vcpu_request(&cpu->vcpu, VCPU_INTERRUPT);
}
