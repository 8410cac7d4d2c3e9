/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/riscv/overlay.h"

#include "core/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PLACED UINT64_C(1) /* in `place`, beside the page's address */

struct overlay {
    _Atomic uint64_t place; /* 0: nowhere */
    uint8_t *page;          /* written before `place` is */
};

struct riscv_overlays {
    unsigned level_count, cpu_count;
    _Atomic uint32_t levels; /* bit n: level n has some placed */
    struct overlay *all;     /* cpu_count for each level */
};

static struct overlay *of_level(const struct riscv_overlays *overlays, unsigned level)
{
    CHECK(level < overlays->level_count);
    return &overlays->all[level * (size_t)overlays->cpu_count];
}

static struct overlay *of_cpu(const struct riscv_overlays *overlays, unsigned level, unsigned cpu)
{
    CHECK(cpu < overlays->cpu_count);
    return &of_level(overlays, level)[cpu];
}

/* ---- Life ------------------------------------------------------------------------------------------------------- */

struct riscv_overlays *riscv_overlays_create(unsigned level_count, unsigned cpu_count)
{
    struct riscv_overlays *overlays = check_alloc(sizeof *overlays);
    overlays->all = check_alloc(level_count * (size_t)cpu_count * sizeof *overlays->all);
    overlays->level_count = level_count;
    overlays->cpu_count = cpu_count;
    return overlays;
}

void riscv_overlays_reset(struct riscv_overlays *overlays)
{
    for (size_t i = 0; i < overlays->level_count * (size_t)overlays->cpu_count; i++) {
        atomic_store(&overlays->all[i].place, 0);
        free(overlays->all[i].page);
        overlays->all[i].page = NULL;
    }
    atomic_store(&overlays->levels, 0);
}

void riscv_overlays_destroy(struct riscv_overlays *overlays)
{
    if (overlays != NULL) {
        riscv_overlays_reset(overlays);
        free(overlays->all);
        free(overlays);
    }
}

/* ---- Placing ---------------------------------------------------------------------------------------------------- */

uint8_t *riscv_overlay_page(const struct riscv_overlays *overlays, unsigned level, unsigned cpu)
{
    return of_cpu(overlays, level, cpu)->page;
}

static void look_for_others(struct riscv_overlays *overlays, unsigned level)
{
    bool some = false;
    for (unsigned i = 0; i < overlays->cpu_count; i++) {
        some = some || atomic_load(&of_level(overlays, level)[i].place) != 0;
    }
    uint32_t bit = UINT32_C(1) << level;
    if (some) {
        atomic_fetch_or(&overlays->levels, bit);
    } else {
        atomic_fetch_and(&overlays->levels, ~bit);
    }
}

void riscv_overlay_place(struct riscv_overlays *overlays, unsigned level, unsigned cpu, gpa_t address)
{
    struct overlay *overlay = of_cpu(overlays, level, cpu);
    if (overlay->page == NULL) {
        overlay->page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
        CHECK(overlay->page != NULL);
        memset(overlay->page, 0, PAGE_SIZE);
    }
    atomic_store(&overlay->place, (address.bits & ~PAGE_MASK) | PLACED);
    look_for_others(overlays, level);
}

void riscv_overlay_remove(struct riscv_overlays *overlays, unsigned level, unsigned cpu)
{
    atomic_store(&of_cpu(overlays, level, cpu)->place, 0);
    look_for_others(overlays, level);
}

/* ---- Looking ---------------------------------------------------------------------------------------------------- */

static uint8_t *find(const struct riscv_overlays *overlays, unsigned level, gpa_t address)
{
    const struct overlay *all = of_level(overlays, level);
    for (unsigned i = 0; i < overlays->cpu_count; i++) {
        if (atomic_load(&all[i].place) == ((address.bits & ~PAGE_MASK) | PLACED)) {
            return all[i].page;
        }
    }
    return NULL;
}

uint8_t *riscv_overlay_at(const struct riscv_overlays *overlays, unsigned level, gpa_t address)
{
    if (likely(overlays == NULL || (atomic_load(&overlays->levels) >> level & 1) == 0)) {
        return NULL;
    }
    return find(overlays, level, address);
}

static bool is_within(const struct riscv_overlays *overlays, unsigned level, uint64_t first, uint64_t count)
{
    const struct overlay *all = of_level(overlays, level);
    for (unsigned i = 0; i < overlays->cpu_count; i++) {
        uint64_t place = atomic_load(&all[i].place);
        if (place != 0 && (place >> PAGE_SHIFT) - first < count) {
            return true;
        }
    }
    return false;
}

bool riscv_overlay_is_below(const struct riscv_overlays *overlays, unsigned enforcer, uint64_t first, uint64_t count)
{
    uint32_t levels = atomic_load(&overlays->levels) & ((UINT32_C(1) << enforcer) - 1);
    for (; unlikely(levels != 0); levels &= levels - 1) {
        if (is_within(overlays, (unsigned)__builtin_ctz(levels), first, count)) {
            return true;
        }
    }
    return false;
}
