/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/check_internal.h"

#include "riscv_decode.h"

#include <inttypes.h>
#include <string.h>

#define WORDS_SHOWN  16u
#define PTE_VALID    UINT64_C(1)
#define PTE_ACCESSED UINT64_C(0x40)
#define PTE_DIRTY    UINT64_C(0x80)
#define CSR_WORDS    (sizeof((struct riscv_state *)NULL)->csr / sizeof(uint64_t))

/* Goes over all that must be equal; with a stream it says what is not. */
struct comparison {
    FILE *stream; /* or NULL */
    unsigned count;
};

static void same(struct comparison *comparison, const char *name, unsigned number, uint64_t translated,
                 uint64_t interpreted)
{
    if (translated == interpreted) {
        return;
    }
    comparison->count++;
    if (comparison->stream != NULL) {
        fprintf(comparison->stream, "  %s%u: translated %016" PRIx64 ", interpreted %016" PRIx64 "\n", name, number,
                translated, interpreted);
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
    same(comparison, "pc", 0, a->state.pc, b->state.pc);
    same(comparison, "mode", 0, a->state.mode, b->state.mode);
    same(comparison, "instructions", 0, a->instructions, b->instructions);
    same(comparison, "traps", 0, trap_count(a), trap_count(b));
    for (unsigned i = 0; i < 32; i++) {
        same(comparison, "x", i, a->state.x[i], b->state.x[i]);
        same(comparison, "f", i, a->state.f[i], b->state.f[i]);
    }
    const uint64_t *csr_a = (const uint64_t *)&a->state.csr, *csr_b = (const uint64_t *)&b->state.csr;
    for (unsigned i = 0; i < CSR_WORDS; i++) {
        same(comparison, "control register word ", i, csr_a[i], csr_b[i]);
    }
    bool held = a->reservation.host != NULL, held_too = b->reservation.host != NULL;
    same(comparison, "reservation", 0, held, held_too);
    if (held && held_too) {
        same(comparison, "reserved address", 0, (uint64_t)(uintptr_t)a->reservation.host - (uint64_t)check->distance,
             (uint64_t)(uintptr_t)b->reservation.host);
    }
}

/* A page-table entry of which one side has set accessed or dirty. */
static bool is_page_table_bit(uint64_t a, uint64_t b)
{
    return ((a ^ b) & ~(PTE_ACCESSED | PTE_DIRTY)) == 0 && (a & PTE_VALID) != 0;
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
        if (a != b && !is_page_table_bit(a, b)) {
            if (comparison->stream != NULL && shown++ < WORDS_SHOWN) {
                fprintf(comparison->stream, "  memory at %016" PRIx64 ":\n", page->address.bits + i);
                same(comparison, "    word ", 0, a, b);
            } else {
                comparison->count++;
            }
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
