/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secure kernel's judgement of refused accesses (guests/secure-kernel/pages.c, code.c) beside a hostile level 0: it
 * maps pages as it likes, stores, fetches, has page tables anywhere, seals; each by a seeded random choice. After each
 * step it is looked whether what must not change has changed. RAVELIN_SEED chooses another run.
 *
 * Guest-physical addresses are the host's.
 */
#include "call.h"
#include "kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START        UINT64_C(0xffffffff80000000) /* of the image, virtual */
#define MODULES      (START - (UINT64_C(256) << 20))
#define PROGRAMS     (START - (UINT64_C(64) << 20)) /* translated BPF programs */
#define ELSEWHERE    UINT64_C(0xffffffc000000000)
#define POKE         (START + 0x40)
#define SLOTS        8u /* virtual pages, of each of the three places */
#define STEPS        40000u
#define STORE        0x00b53023u /* sd a1, 0(a0) */
#define REGISTER_A1  11u
#define RETURN_ZERO  UINT64_C(0x8082450180824501)
#define ENTRY_ACCESS 0xc0u /* A, D */
#define WORDS        (PAGE_SIZE / sizeof(uint64_t))

struct kernel kernel;

enum part { TEXT, INIT, RODATA, DATA, COMMON, OWN, TABLES, PART_COUNT };
static const unsigned part_sizes[PART_COUNT] = { 2, 2, 2, 2, 6, 2, 5 };
#define PAGES 21u

static uint8_t memory[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint32_t rights[PAGES];
static uint8_t kept[PAGES][PAGE_SIZE]; /* what must not change */
static bool executable_at_seal[PAGES];
static bool sealed;
static uint64_t seed, stored;
static bool skipped, refused, covered[PAGES];

static uint64_t next_random(uint64_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % limit;
}

static unsigned first_of(enum part part)
{
    unsigned first = 0;
    for (unsigned i = 0; i < part; i++) {
        first += part_sizes[i];
    }
    return first;
}

static enum part part_of(unsigned page)
{
    unsigned part = 0;
    for (unsigned first = 0; page >= first + part_sizes[part]; part++) {
        first += part_sizes[part];
    }
    return (enum part)part;
}

static uint64_t physical_of(unsigned page)
{
    return (uint64_t)memory[page];
}

/* PAGES: none of ours. */
static unsigned number_of(uint64_t page)
{
    uint64_t number = page - (physical_of(0) >> PAGE_SHIFT);
    return number < PAGES ? (unsigned)number : PAGES;
}

static uint64_t *words_of(unsigned page)
{
    return (uint64_t *)(void *)memory[page];
}

/* ---- Level 0's page tables --------------------------------------------------------------------------------------- */

static uint64_t slot_address(unsigned slot)
{
    static const uint64_t places[] = { MODULES, PROGRAMS, ELSEWHERE };
    return places[slot / SLOTS] + slot % SLOTS * PAGE_SIZE;
}

/* The tables are root, one for MODULES and PROGRAMS, then the last of each place. */
static uint64_t *entry_of(unsigned slot)
{
    return &words_of(first_of(TABLES) + 2 + slot / SLOTS)[slot_address(slot) >> PAGE_SHIFT & (WORDS - 1)];
}

static void link_tables(void)
{
    unsigned tables = first_of(TABLES);
    words_of(tables)[(START - PAGE_SIZE) >> 30 & (WORDS - 1)] = physical_of(tables + 1) >> 2 | 1;
    words_of(tables + 1)[MODULES >> 21 & (WORDS - 1)] = physical_of(tables + 2) >> 2 | 1;
    words_of(tables + 1)[PROGRAMS >> 21 & (WORDS - 1)] = physical_of(tables + 3) >> 2 | 1;
}

/* ---- What the secure kernel asks for ----------------------------------------------------------------------------- */

bool call_protect(struct vp *vp, uint64_t first, uint64_t count, uint32_t wanted)
{
    unsigned page = number_of(first);
    (void)vp;
    assert_int_equal(count, 1);
    assert_true(page < PAGES);
    if (covered[page]) {
        return false;
    }
    rights[page] = wanted;
    return true;
}

bool call_rights(struct vp *vp, uint64_t page, uint32_t *wanted)
{
    unsigned number = number_of(page);
    (void)vp;
    *wanted = number == PAGES ? 0 : covered[number] ? ABI_R | ABI_W : rights[number];
    return number < PAGES;
}

bool call_is_writable(struct vp *vp, uint64_t address)
{
    (void)vp;
    for (unsigned slot = 0; slot < 3 * SLOTS; slot++) {
        if (slot_address(slot) == (address & ~(PAGE_SIZE - 1))) {
            return (*entry_of(slot) & 1) == 0 || (*entry_of(slot) & 4) != 0;
        }
    }
    return true;
}

uint64_t call_get(struct vp *vp, uint32_t name)
{
    (void)vp;
    assert_int_equal(name, ABI_SATP);
    return UINT64_C(8) << 60 | physical_of(first_of(TABLES)) >> PAGE_SHIFT;
}

bool kernel_refuses(struct vp *vp, const char *what, uint64_t address, uint64_t pc)
{
    (void)vp, (void)what, (void)address, (void)pc;
    return kernel_permits(SECURE_KERNEL_ENFORCE);
}

void kernel_refuse_access(struct vp *vp, const struct abi_message *message)
{
    (void)vp, (void)message;
    refused = true;
}

void kernel_skip(struct vp *vp, uint64_t pc, unsigned length)
{
    (void)vp, (void)pc;
    assert_int_equal(length, 4);
    skipped = true;
}

uint64_t kernel_register(struct vp *vp, unsigned number)
{
    (void)vp;
    assert_int_equal(number, REGISTER_A1);
    return stored;
}

void protect_first_process(struct vp *vp)
{
    vp->user_apart = true;
}

bool patch_is_legitimate(uint64_t physical, uint64_t value, unsigned size)
{
    (void)physical, (void)value, (void)size;
    return false;
}

bool trace_permits(struct vp *vp, uint64_t physical, uint64_t value, unsigned size)
{
    (void)vp, (void)physical, (void)value, (void)size;
    return false;
}

/* ---- Level 0 ----------------------------------------------------------------------------------------------------- */

static struct vp vp = { .user_apart = true };

static bool may(unsigned page, enum abi_access access, bool walk)
{
    if (covered[page] && !walk) { /* walks go below */
        return access != ABI_ACCESS_EXECUTE;
    }
    uint32_t needed = walk ? ABI_W : access == ABI_ACCESS_READ ? ABI_R : access == ABI_ACCESS_WRITE ? ABI_W : ABI_KX;
    return (rights[page] & needed) != 0;
}

/* True: it may be made now. False: it was skipped, or level 0 has got an exception. Else it would be tried for ever. */
static bool ask(unsigned page, enum abi_access access, uint64_t virtual, uint64_t physical, uint64_t pc, bool walk)
{
    struct abi_message message = { .type = ABI_MESSAGE_MEMORY, .access = (uint8_t)access, .state = 1, .pc = pc };
    message.memory = (struct abi_memory_message){
        .byte_count = access == ABI_ACCESS_EXECUTE ? 0 : 4,
        .info = walk ? ABI_INFO_WALK : 0,
        .bytes = STORE,
        .size = walk || access != ABI_ACCESS_EXECUTE ? 8 : 2,
        .virtual = virtual,
        .physical = physical,
    };
    skipped = refused = false;
    if (!may(page, access, walk)) {
        pages_refused(&vp, &message);
        assert_true(skipped || refused || may(page, access, walk));
    }
    return !skipped && !refused;
}

static void map(unsigned slot)
{
    static const uint64_t kinds[] = { 0, 3, 7, 11, 15 }; /* none, R, RW, RX, RWX */
    uint64_t kind = kinds[next_random(5)];
    uint64_t entry = kind == 0 ? 0 : physical_of((unsigned)next_random(PAGES)) >> 2 | kind | ENTRY_ACCESS;
    unsigned table = first_of(TABLES) + 2 + slot / SLOTS;
    stored = entry;
    if (ask(table, ABI_ACCESS_WRITE, ELSEWHERE, (uint64_t)entry_of(slot), MODULES, false) && !covered[table]) {
        *entry_of(slot) = entry;
    }
}

static void fetch(unsigned slot)
{
    unsigned page = number_of(*entry_of(slot) >> 10);
    if ((*entry_of(slot) & 9) == 9 && page < PAGES) {
        uint64_t offset = next_random(PAGE_SIZE / 2) * 2;
        ask(page, ABI_ACCESS_EXECUTE, slot_address(slot) + offset, physical_of(page) + offset,
            slot_address(slot) + offset, false);
    }
}

static void store(unsigned page, bool walk)
{
    uint64_t word = next_random(WORDS);
    stored = next_random(4) == 0 ? seed : 0;
    uint64_t pc = next_random(3) == 0 ? POKE : MODULES;
    bool stores = ask(page, ABI_ACCESS_WRITE, ELSEWHERE, physical_of(page) + word * sizeof stored, pc, walk);
    if (stores && !covered[page] && part_of(page) != TABLES) {
        words_of(page)[word] = stored;
    }
}

/* The walk of any access, whose entry is there. */
static void walk(unsigned page)
{
    enum abi_access access = (enum abi_access)next_random(3);
    ask(page, access, slot_address((unsigned)next_random((uint64_t)3 * SLOTS)), physical_of(page), MODULES, true);
}

/* An assist page of level 0 is laid over a page that it may read and write, or taken away. */
static void cover(unsigned page)
{
    covered[page] = !covered[page] && (rights[page] & (ABI_R | ABI_W)) == (ABI_R | ABI_W);
}

static void seal(void)
{
    pages_seal(&vp);
    for (unsigned page = 0; !sealed && page < PAGES; page++) {
        executable_at_seal[page] = (rights[page] & ABI_KX) != 0;
        memcpy(kept[page], memory[page], PAGE_SIZE);
    }
    sealed = true;
}

static void step(void)
{
    unsigned page = (unsigned)next_random(PAGES), slot = (unsigned)next_random((uint64_t)3 * SLOTS);
    switch (next_random(24)) {
    case 0:
    case 1:
    case 2:
    case 3: map(slot); break;
    case 4: store(page, false); break;
    case 5: store(page, true); break;
    case 6: walk(page); break;
    case 7: cover(page); break;
    default: fetch(slot); break;
    }
}

static uint32_t first_rights(enum part part)
{
    return part == TEXT     ? ABI_R | ABI_KX | ABI_UX
           : part == RODATA ? ABI_R | ABI_UX
           : part == OWN    ? 0
                            : ABI_R | ABI_W | ABI_UX;
}

/* ---- What must hold ---------------------------------------------------------------------------------------------- */

/* Code changed since the seal in words that are empty, or return 0. */
static void assert_only_emptied(unsigned page)
{
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t before, now = words_of(page)[i];
        memcpy(&before, kept[page] + i * sizeof before, sizeof before);
        assert_true(now == before || now == 0 || now == RETURN_ZERO);
    }
}

static void look(unsigned page)
{
    enum part part = part_of(page);
    bool code = (rights[page] & ABI_KX) != 0;
    assert_false(code && (part == DATA || (rights[page] & ABI_W) != 0));
    if (part == TEXT || part == RODATA || part == OWN) {
        assert_int_equal(rights[page], first_rights(part));
        assert_memory_equal(memory[page], kept[page], PAGE_SIZE);
    } else if (sealed && code) {
        assert_true(executable_at_seal[page]);
        assert_only_emptied(page);
    }
}

static void begin(uint32_t permissions)
{
    uint64_t image = physical_of(0);
    memset(memory, 0, sizeof memory);
    memset(covered, 0, sizeof covered);
    sealed = false;
    kernel = (struct kernel){ .image = image, .locked = true, .permissions = permissions };
    kernel.text = (struct range){ image, physical_of(first_of(INIT)) };
    kernel.init = (struct range){ kernel.text.end, physical_of(first_of(RODATA)) };
    kernel.rodata = (struct range){ kernel.init.end, physical_of(first_of(DATA)) };
    kernel.image_end = physical_of(first_of(COMMON));
    kernel.own = (struct range){ physical_of(first_of(OWN)), physical_of(first_of(TABLES)) };
    kernel.symbols[SECURE_KERNEL_START] = START;
    kernel.symbols[SECURE_KERNEL_END] = START + kernel.image_end - image;
    kernel.symbols[SECURE_KERNEL_POKE] = POKE;
    kernel.symbols[SECURE_KERNEL_POKE_END] = POKE + 64;
    for (unsigned page = 0; page < PAGES; page++) {
        enum part part = part_of(page);
        rights[page] = first_rights(part);
        for (unsigned i = 0; part != TABLES && i < WORDS; i += 1 + (unsigned)next_random(5)) {
            words_of(page)[i] = seed;
        }
        memcpy(kept[page], memory[page], PAGE_SIZE);
    }
    link_tables();
}

static void run(uint32_t permissions, bool seals)
{
    const char *text = getenv("RAVELIN_SEED");
    seed = text != NULL ? strtoull(text, NULL, 10) | 1 : 1;
    seed = seed * UINT64_C(0x9e3779b97f4a7c15) ^ permissions;
    begin(permissions);
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        if (seals && i % (STEPS / 2) == STEPS / 4) {
            seal(); /* a second time changes nothing */
        }
        for (unsigned page = 0; page < PAGES; page++) {
            look(page);
        }
    }
    print_message("# %llu pages made executable, %llu taken back, %llu stores carried out\n",
                  (unsigned long long)kernel.granted, (unsigned long long)kernel.revoked,
                  (unsigned long long)kernel.patched);
}

static void nothing_is_writable_and_executable(void **state)
{
    (void)state;
    run(SECURE_KERNEL_ENFORCE | SECURE_KERNEL_MODULES | SECURE_KERNEL_BPF, false);
    assert_true(kernel.granted > 0 && kernel.revoked > 0 && kernel.patched > 0);
}

static void with_tracing_neither(void **state)
{
    (void)state;
    run(SECURE_KERNEL_ENFORCE | SECURE_KERNEL_MODULES | SECURE_KERNEL_TRACING, false);
    assert_true(kernel.granted > 0 && kernel.revoked > 0);
}

static void nothing_becomes_executable_where_nothing_may(void **state)
{
    (void)state;
    run(SECURE_KERNEL_ENFORCE, false);
    assert_int_equal(kernel.granted, 0);
}

static void what_is_sealed_does_not_change(void **state)
{
    (void)state;
    run(SECURE_KERNEL_ENFORCE | SECURE_KERNEL_MODULES | SECURE_KERNEL_BPF, true);
    assert_true(sealed && kernel.granted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_writable_and_executable),
        cmocka_unit_test(with_tracing_neither),
        cmocka_unit_test(nothing_becomes_executable_where_nothing_may),
        cmocka_unit_test(what_is_sealed_does_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
