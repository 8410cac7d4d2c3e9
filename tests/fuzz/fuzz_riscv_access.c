/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches never change an answer.
 *
 * The input is a program of a hostile guest: it writes page tables, PMP and status registers, fences as the
 * architecture asks for and no more, and loads, stores, fetches from wherever it likes. Hart 0 does all that with its
 * caches, in two address spaces; before each access hart 1 gets a copy of its registers and derives everything from
 * them afresh. Both must come to the same result: the same value, or the same exception at the same address. A page
 * that was stored to must be marked dirty.
 */
#include "arch/riscv/primitives.h"
#include "arch/riscv/translate.h"
#include "core/check.h"
#include "fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM         UINT64_C(0x80000000)
#define RAM_SIZE    UINT64_C(0x1000000)
#define TABLES      (RAM + UINT64_C(0xc00000)) /* never mapped themselves */
#define TABLE_COUNT 4u                         /* of each space: root, one middle, two last-level tables */
#define SPACE_COUNT 2u
#define DATA_PAGES  16u
#define NAPOT_PAGES 16u
#define MEGAPAGE    (UINT64_C(1) << 21)
#define DEVICE      UINT64_C(0x10000000)
#define VA          UINT64_C(0x40000000)
#define SV39        (UINT64_C(8) << 60)

enum { ROOT, MIDDLE, LAST_0, LAST_1 };

#define PTE_V    UINT64_C(1)
#define PTE_G    UINT64_C(0x20)
#define PTE_A    UINT64_C(0x40)
#define PTE_D    UINT64_C(0x80)
#define PTE_N    (UINT64_C(1) << 63)
#define PTE_LEAF UINT64_C(0xa) /* R or X */

struct world {
    struct riscv_machine *machine;
    struct riscv_cpu *cached, *fresh;
    uint64_t *ram;
    struct fuzz_input input; /* the rest of it */
};

/* ---- The input -------------------------------------------------------------------------------------------------- */

static uint64_t take(struct world *world, unsigned bytes)
{
    return fuzz_take(&world->input, bytes);
}

static uint64_t take_address(struct world *world)
{
    static const uint64_t bases[] = {
        VA,
        VA,
        VA,
        VA + MEGAPAGE,
        VA + MEGAPAGE,
        VA + 2 * MEGAPAGE,
        RAM,
        RAM,
        RAM + MEGAPAGE,
        DEVICE,
        (UINT64_C(1) << 38) - PAGE_SIZE,
        UINT64_MAX - 15 * PAGE_SIZE,
    };
    uint64_t base = bases[take(world, 1) % (sizeof bases / sizeof *bases)];
    uint64_t rest = take(world, 2); /* page in the upper four bits */
    return base + (rest & 0xffff);
}

/* ---- What the guest changes -------------------------------------------------------------------------------------- */

static uint64_t place(unsigned space, unsigned number)
{
    return TABLES + (space * TABLE_COUNT + number) * PAGE_SIZE;
}

static uint64_t *table(struct world *world, unsigned space, unsigned number)
{
    return world->ram + (place(space, number) - RAM) / sizeof(uint64_t);
}

static uint64_t pointer_to(unsigned space, unsigned number)
{
    return place(space, number) >> 12 << 10 | PTE_V;
}

static uint64_t take_leaf(struct world *world, unsigned level)
{
    uint64_t flags = take(world, 1);
    uint64_t choice = take(world, 1);
    uint64_t target = RAM + (choice & (DATA_PAGES - 1)) * PAGE_SIZE;
    if (level == 1 && choice < 0xe0) {
        target = RAM + (choice & 1) * MEGAPAGE;
    } else if (level == 2 && choice < 0xe0) {
        target = RAM;
    } else if (choice >= 0xf0) {
        target = choice == 0xff ? UINT64_C(0x20000000) : DEVICE;
    }
    uint64_t unusual = take(world, 1);
    uint64_t upper = unusual < 0x20 ? unusual << 59 : 0; /* PBMT, N, a reserved bit */
    uint64_t napot = (upper >> 63) != 0 ? UINT64_C(8) << 10 : 0;
    return target >> 12 << 10 | flags | upper | napot;
}

/* Whether the entry leads to another table. */
static bool is_pointer(uint64_t pte)
{
    return (pte & PTE_V) != 0 && (pte & PTE_LEAF) == 0;
}

/* The entry at the root for RAM's own addresses is the same in all spaces, and may be global. */
static void change_common(struct world *world, uint64_t pte, uint64_t how)
{
    for (unsigned space = 0; space < SPACE_COUNT; space++) {
        table(world, space, ROOT)[RAM >> 30] = pte;
    }
    riscv_sfence_vma(world->cached, how < 0xc0, RAM + how * PAGE_SIZE, false, how & 1);
}

/* As the architecture asks for it: by one address of the page, by its addresses, or by everything of the space. */
static void fence(struct world *world, unsigned space, bool narrow, uint64_t address, uint64_t extent, uint64_t how)
{
    const struct riscv_fence range = {
        .start = address,
        .size = narrow ? extent : 0,
        .all_spaces = (how & 1) == 0,
        .asid = (uint16_t)space,
    };
    if ((how & 2) != 0) {
        riscv_fence_levels(world->cached, &range);
    } else {
        riscv_sfence_vma(world->cached, narrow, address + (how * PAGE_SIZE & (extent - 1)), (how & 1) != 0, space);
    }
}

/* One entry and the fence it needs: of one address if only leaves are concerned, of everything otherwise. */
static void change_table(struct world *world)
{
    uint64_t where = take(world, 1);
    unsigned level = where < 0xc0 ? 0 : where < 0xf0 ? 1 : 2;
    unsigned number = level == 0 ? LAST_0 + (unsigned)(where >> 4 & 1) : level == 1 ? MIDDLE : ROOT;
    uint64_t index = level == 0 ? where & 15 : level == 1 ? where & 3 : 1 + (where & 1);
    uint64_t address = level == 0   ? VA + (number - LAST_0) * MEGAPAGE + index * PAGE_SIZE
                       : level == 1 ? VA + index * MEGAPAGE
                                    : index << 30;
    uint64_t pte = take_leaf(world, level);
    uint64_t how = take(world, 1);
    if (address == RAM) {
        change_common(world, pte, how);
        return;
    }
    pte &= ~PTE_G;
    unsigned space = (unsigned)take(world, 1) % SPACE_COUNT;
    /* No table stands in two places: the fence of an address would not reach its other one. */
    bool may_point = level == 2 || (level == 1 && index < 2);
    if (may_point && take(world, 1) < 0xa0) {
        pte = level == 2 ? pointer_to(space, MIDDLE) : pointer_to(space, LAST_0 + (unsigned)index);
    }
    uint64_t *entries = table(world, space, number), old = entries[index];
    bool narrow = !is_pointer(old) && !is_pointer(pte) && how < 0xc0;
    uint64_t extent = UINT64_C(1) << (12 + 9 * level);
    /* "Svnapot": all sixteen entries say the same, and the walker may believe any of them about A and D. */
    pte |= (pte & PTE_N) != 0 ? PTE_A | PTE_D : 0;
    entries[index] = pte;
    if (level == 0 && ((old | pte) & PTE_N) != 0) {
        for (unsigned i = 0; i < NAPOT_PAGES; i++) {
            entries[i] = pte;
        }
        narrow = narrow && ((old & PTE_N) != 0 || (how & 2) != 0);
        address &= ~(NAPOT_PAGES * PAGE_SIZE - 1);
        extent = NAPOT_PAGES * PAGE_SIZE;
    }
    fence(world, space, narrow, address, extent, how);
}

static void change_status(struct world *world)
{
    static const enum riscv_mode modes[] = { RISCV_MODE_U, RISCV_MODE_S, RISCV_MODE_S, RISCV_MODE_M };
    struct riscv_state *state = &world->cached->state;
    uint64_t bits = take(world, 1);
    state->mode = (uint8_t)modes[bits & 3];
    riscv_set_mstatus_SUM(state, bits >> 2 & 1);
    riscv_set_mstatus_MXR(state, bits >> 3 & 1);
    riscv_set_mstatus_MPRV(state, bits >> 4 & 1);
    riscv_set_mstatus_MPP(state, modes[bits >> 5 & 3]);
    riscv_status_changed(world->cached);
}

static void change_protection(struct world *world)
{
    uint64_t entry = take(world, 1) & 7;
    uint64_t config = take(world, 1);
    uint64_t shape = take(world, 1);
    uint64_t address = (RAM + take(world, 2)) >> 2;
    address |= (UINT64_C(1) << (shape & 15)) - 1; /* NAPOT from 8 bytes to 256 KiB */
    if (shape >= 0xc0) {
        address = UINT64_MAX;
    }
    uint64_t shift = entry * 8;
    uint64_t old = world->cached->state.csr.pmpcfg[0];
    riscv_pmp_write_address(world->cached, (uint16_t)entry, address);
    riscv_pmp_write_config(world->cached, 0, (old & ~(UINT64_C(0xff) << shift)) | config << shift);
    riscv_translation_changed(world->cached);
}

static uint64_t satp_of(unsigned space)
{
    return SV39 | (uint64_t)space << 44 | place(space, ROOT) >> 12;
}

static void change_translation(struct world *world)
{
    struct riscv_state *state = &world->cached->state;
    uint64_t bits = take(world, 1);
    state->csr.satp = (bits & 7) != 0 ? satp_of((unsigned)(bits >> 7)) : 0;
    riscv_address_space_changed(world->cached);
    riscv_set_menvcfg_PBMTE(state, bits >> 3 & 1);
    riscv_set_menvcfg_ADUE(state, bits >> 4 & 1);
    riscv_set_mseccfg_MML(state, (bits >> 4 & 7) == 7);
    riscv_set_mseccfg_MMWP(state, (bits >> 4 & 7) == 6);
    riscv_translation_changed(world->cached);
}

/* Without a fence: an address space is what it was when it was left. */
static void change_space(struct world *world)
{
    uint64_t bits = take(world, 1);
    world->cached->state.csr.satp = bits >= 0x10 ? satp_of(bits & 1) : 0;
    riscv_address_space_changed(world->cached);
}

/* What a migration does: takes the dirty bits, then the rights to write without noticing. */
static void collect_dirty(struct world *world)
{
    uint64_t bits[RAM_SIZE / PAGE_SIZE / 64];
    memory_collect_dirty(memory_find(world->machine->memory, gpa(RAM)), 0, RAM_SIZE / PAGE_SIZE, bits);
    riscv_flush(world->cached);
}

/* ---- What it accesses -------------------------------------------------------------------------------------------- */

struct outcome {
    bool done;
    uint64_t value; /* or tval */
    uint64_t cause;
};

enum kind {
    LOAD_8,
    LOAD_16,
    LOAD_32,
    LOAD_64,
    STORE_8,
    STORE_16,
    STORE_32,
    STORE_64,
    FETCH,
    FETCH_PAGE,
    AMO,
    LR,
    ZERO,
    FLUSH,
    KINDS
};

static bool perform(struct riscv_cpu *cpu, enum kind kind, uint64_t address, uint64_t data, uint64_t *value)
{
    uint8_t byte = 0;
    uint16_t half = 0;
    uint32_t word = 0;
    const uint8_t *page = NULL;
    bool done = false;
    *value = 0;
    switch (kind) {
    case LOAD_8: done = riscv_load8(cpu, address, &byte); break;
    case LOAD_16: done = riscv_load16(cpu, address, &half); break;
    case LOAD_32: done = riscv_load32(cpu, address, &word); break;
    case LOAD_64: done = riscv_load64(cpu, address, value); break;
    case STORE_8: done = riscv_store8(cpu, address, (uint8_t)data); break;
    case STORE_16: done = riscv_store16(cpu, address, (uint16_t)data); break;
    case STORE_32: done = riscv_store32(cpu, address, (uint32_t)data); break;
    case STORE_64: done = riscv_store64(cpu, address, data); break;
    case FETCH: done = riscv_fetch16(cpu, address & ~UINT64_C(1), &half); break;
    case FETCH_PAGE: done = riscv_fetch_page(cpu, address & ~UINT64_C(1), &page); break;
    case AMO: done = riscv_amo_or64(cpu, address & ~UINT64_C(7), 0, value); break;
    case LR: done = riscv_lr32(cpu, address & ~UINT64_C(3), &word); break;
    case ZERO: done = riscv_cbo_zero(cpu, address); break;
    case FLUSH: done = riscv_cbo_flush(cpu, address); break;
    case KINDS: break;
    }
    *value |= byte | half | word | (uintptr_t)page;
    return done;
}

static struct outcome outcome_of(struct riscv_cpu *cpu, enum kind kind, uint64_t address, uint64_t data)
{
    struct outcome outcome = { 0 };
    outcome.done = perform(cpu, kind, address, data, &outcome.value);
    if (!outcome.done) {
        outcome.cause = cpu->trap.cause;
        outcome.value = cpu->trap.tval;
    }
    return outcome;
}

static void check_marked(struct world *world, uint64_t address)
{
    const struct riscv_cpu *cpu = world->fresh;
    enum riscv_mode mode = (enum riscv_mode)cpu->state.mode;
    if (riscv_mstatus_MPRV(&cpu->state) != 0) {
        mode = (enum riscv_mode)riscv_mstatus_MPP(&cpu->state);
    }
    const struct riscv_access access = {
        .address = address,
        .size = 1,
        .kind = MEMORY_WRITE,
        .mode = mode,
        .sum = riscv_mstatus_SUM(&cpu->state) != 0,
        .observe = true,
    };
    struct riscv_page page;
    if (riscv_translate(world->fresh, &access, &page) == RISCV_GRANTED && page.host != NULL) {
        CHECK(memory_is_dirty(page.slot, page.address));
    }
}

static void access_memory(struct world *world)
{
    enum kind kind = (enum kind)(take(world, 1) % KINDS);
    uint64_t address = take_address(world);
    uint64_t data = take(world, 1) * UINT64_C(0x0102030405060708);
    struct outcome cached = outcome_of(world->cached, kind, address, data);
    world->fresh->state = world->cached->state;
    riscv_cpu_state_changed(world->fresh);
    if (cached.done && kind >= STORE_8 && kind <= STORE_64) {
        check_marked(world, address);
    }
    struct outcome fresh = outcome_of(world->fresh, kind, address, data);
    if (cached.done != fresh.done || cached.value != fresh.value || cached.cause != fresh.cause) {
        fprintf(stderr, "kind %d at %#llx: cached %d %#llx (cause %llu), fresh %d %#llx (cause %llu)\n", (int)kind,
                (unsigned long long)address, cached.done, (unsigned long long)cached.value,
                (unsigned long long)cached.cause, fresh.done, (unsigned long long)fresh.value,
                (unsigned long long)fresh.cause);
        abort();
    }
}

/* ---- The world --------------------------------------------------------------------------------------------------- */

static bool device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device;
    *value = offset + size;
    return offset < 0x800;
}

static bool device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)device, (void)size, (void)value;
    return offset < 0x400;
}

static void create(struct world *world)
{
    static const struct memory_device_ops ops = { device_read, device_write };
    struct error error;
    struct riscv_machine_config config = { .cpu_count = 2, .pmp_entry_count = 16 };
    config.memory = memory_create(NULL);
    config.clock = alarm_clock_create(&error);
    CHECK(config.clock != NULL);
    CHECK(memory_add_ram(config.memory, gpa(RAM), RAM_SIZE, "ram", &error));
    CHECK(memory_add_device(config.memory, gpa(DEVICE), 0x1000, &ops, world, "device", &error));
    for (unsigned extension = 0; extension < RISCV_EXT_COUNT; extension++) {
        config.features.bits[extension / 64] |= UINT64_C(1) << (extension % 64);
    }
    world->machine = riscv_machine_create(&config, &error);
    CHECK(world->machine != NULL);
    world->cached = world->machine->cpus[0];
    world->fresh = world->machine->cpus[1];
    world->ram = memory_pointer(config.memory, gpa(RAM), RAM_SIZE, MEMORY_READ);
}

static void reset(struct world *world)
{
    memset(world->ram, 0, DATA_PAGES * PAGE_SIZE);
    memset(table(world, 0, 0), 0, SPACE_COUNT * TABLE_COUNT * PAGE_SIZE);
    for (unsigned space = 0; space < SPACE_COUNT; space++) {
        table(world, space, ROOT)[VA >> 30] = pointer_to(space, MIDDLE);
        table(world, space, MIDDLE)[0] = pointer_to(space, LAST_0);
        table(world, space, MIDDLE)[1] = pointer_to(space, LAST_1);
    }
    riscv_cpu_reset(world->cached);
    riscv_pmp_open(world->cached);
    world->cached->state.csr.satp = satp_of(0);
    riscv_set_menvcfg_ADUE(&world->cached->state, 1);
    world->cached->state.mode = RISCV_MODE_S;
    riscv_cpu_state_changed(world->cached);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    if (world.machine == NULL) {
        create(&world);
    }
    reset(&world);
    world.input = (struct fuzz_input){ data, size };
    while (world.input.left > 0) {
        uint64_t what = take(&world, 1);
        if (what < 0x90) {
            access_memory(&world);
        } else if (what < 0xd8) {
            change_table(&world);
        } else if (what < 0xee) {
            change_status(&world);
        } else if (what < 0xf6) {
            change_protection(&world);
        } else if (what < 0xf8) {
            change_translation(&world);
        } else if (what < 0xfe) {
            change_space(&world);
        } else {
            collect_dirty(&world);
        }
    }
    return 0;
}
