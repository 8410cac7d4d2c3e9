/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/check_internal.h"

#include "riscv_decode.h"

#include <inttypes.h>
#include <string.h>

#define WORDS_SHOWN  16u
#define PTE_ACCESSED UINT64_C(0x40)
#define PTE_DIRTY    UINT64_C(0x80)

/* Goes over all that must be equal; with a stream it says what is not. */
struct comparison {
    FILE *stream; /* or NULL */
    unsigned count;
};

static void same(struct comparison *comparison, const char *name, uint64_t translated, uint64_t interpreted)
{
    if (translated == interpreted) {
        return;
    }
    comparison->count++;
    if (comparison->stream != NULL) {
        fprintf(comparison->stream, "  %s: translated %016" PRIx64 ", interpreted %016" PRIx64 "\n", name, translated,
                interpreted);
    }
}

/* A member of the state: `count` elements of `size` bytes. */
static void same_member(struct comparison *comparison, const char *name, size_t size, unsigned count, const void *a,
                        const void *b)
{
    if (memcmp(a, b, size * count) == 0) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t translated = 0, interpreted = 0;
        char numbered[64];
        memcpy(&translated, (const uint8_t *)a + i * size, size);
        memcpy(&interpreted, (const uint8_t *)b + i * size, size);
        snprintf(numbered, sizeof numbered, "%s%u", name, i);
        same(comparison, count > 1 ? numbered : name, translated, interpreted);
    }
}

static uint64_t trap_count(const struct riscv_cpu *cpu)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < 64; i++) {
        count += cpu->statistics.exceptions[i];
    }
    return count;
}

static void compare_registers(struct comparison *comparison, const struct check *check)
{
    const struct riscv_cpu *a = check->shadow, *b = check->cpu;
    same(comparison, "instructions", a->instructions, b->instructions);
    same(comparison, "traps", trap_count(a), trap_count(b));
#define SAME(member, bits, count) \
    same_member(comparison, #member, (bits) / 8, count, &a->state.member, &b->state.member);
    RISCV_STATE_FIELDS(SAME)
#undef SAME
    bool held = a->reservation.host != NULL, held_too = b->reservation.host != NULL;
    same(comparison, "reservation", held, held_too);
    if (held && held_too) {
        same(comparison, "reserved address", (uint64_t)(uintptr_t)a->reservation.host - (uint64_t)check->distance,
             (uint64_t)(uintptr_t)b->reservation.host);
    }
}

/* A page-table entry of which a walk of one side has set accessed or dirty. */
static bool is_marked_by_one(const struct check *check, gpa_t address, uint64_t a, uint64_t b)
{
    if (((a ^ b) & ~(PTE_ACCESSED | PTE_DIRTY)) != 0) {
        return false;
    }
    for (size_t i = 0; i < check->marked_count; i++) {
        if (check->marked[i].bits == address.bits) {
            return true;
        }
    }
    return false;
}

static void compare_page(struct comparison *comparison, const struct check *check, const struct check_page *page)
{
    const uint8_t *now = memory_pointer(check->cpu->machine->memory, page->address, PAGE_SIZE, MEMORY_READ);
    if (memcmp(page->translated, now, PAGE_SIZE) == 0) {
        return;
    }
    unsigned shown = 0;
    for (unsigned i = 0; i < PAGE_SIZE; i += 8) {
        uint64_t a, b;
        memcpy(&a, page->translated + i, 8);
        memcpy(&b, now + i, 8);
        if (a == b || is_marked_by_one(check, gpa(page->address.bits + i), a, b)) {
            continue;
        }
        if (comparison->stream != NULL && shown++ < WORDS_SHOWN) {
            char name[64];
            snprintf(name, sizeof name, "memory at %016" PRIx64, page->address.bits + i);
            same(comparison, name, a, b);
        } else {
            comparison->count++;
        }
    }
}

static unsigned compare_all(const struct check *check, FILE *stream)
{
    struct comparison comparison = { .stream = stream };
    compare_registers(&comparison, check);
    for (size_t i = 0; i < check->page_count; i++) {
        compare_page(&comparison, check, &check->pages[i]);
    }
    return comparison.count;
}

bool check_compare(const struct check *check)
{
    return compare_all(check, NULL) == 0;
}

void check_report(const struct check *check, const struct riscv_cpu *before, uint64_t count, FILE *stream)
{
    fprintf(stream,
            "ravelin: translated code differs from the interpreter after %" PRIu64 " instructions from %016" PRIx64
            " (instruction %" PRIu64 ", mode %u)\n",
            count, before->state.pc, before->instructions, before->state.mode);
    compare_all(check, stream);
    fprintf(stream, "  the interpreter's last instructions; --dump ir,host shows what was made of them:\n");
    uint64_t first = check->traced > CHECK_TRACE_LENGTH ? check->traced - CHECK_TRACE_LENGTH : 0;
    for (uint64_t i = first; i < check->traced; i++) {
        const struct check_step *step = &check->trace[i % CHECK_TRACE_LENGTH];
        char text[128];
        riscv_disassemble(text, sizeof text, step->encoding, step->pc, &check->cpu->features);
        fprintf(stream, "  %016" PRIx64 ": %08" PRIx32 "  %s\n", step->pc, step->encoding, text);
    }
}
