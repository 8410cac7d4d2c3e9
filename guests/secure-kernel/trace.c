/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function tracer and probes of the kernel's instructions, for a policy that permits them. Two things of the text
 * change then, and nothing else:
 *
 *   - The first 8 bytes of each function in Linux's table of traceable ones (include/asm-generic/vmlinux.lds.h,
 *     __start_mcount_loc) are two nops, or a call of ftrace_caller with the return address in t0; and in ftrace_caller
 *     the place ftrace_call calls one of the functions that trace (arch/riscv/kernel/ftrace.c). Stores may be of any
 *     size: each byte must be one that one of these forms has at its place. So a call may be seen half-way, and lead
 *     anywhere in the text; pointers in data could lead there, too.
 *   - An instruction becomes an ebreak of its own size, and itself again (arch/riscv/kernel/probes/kprobes.c). Half of
 *     one would be another instruction, so it is changed as a whole at the first store, and the second one finds what
 *     it would store. Where instructions begin is known by going from the function's start.
 *
 * The table lies in memory that Linux frees at the end of its start. It is copied from the image before the guest runs.
 */
#include "call.h"
#include "kernel.h"

#define FUNCTION_MAX     (UINT64_C(1) << 17)
#define PROBE_MAX        4096u
#define SITE_SIZE        8u
#define REACH            (UINT32_C(1) << 16) /* bytes from a function's start in which probes may be */
#define NOPS             UINT64_C(0x0000001300000013)
#define AUIPC            UINT32_C(0x17)
#define JALR             UINT32_C(0x67)
#define REGISTER_RA      1u
#define REGISTER_T0      5u
#define EBREAK           UINT32_C(0x00100073)
#define C_EBREAK         UINT32_C(0x9002)
#define NOT_COMPRESSED   3u /* the lowest two bits of an instruction of 4 bytes */
#define RIGHTS_TEXT      (ABI_R | ABI_KX | ABI_UX)
#define RIGHTS_UNFETCHED (ABI_R | ABI_UX)

/* ---- Functions --------------------------------------------------------------------------------------------------- */

void trace_begin(void)
{
    uint64_t start = kernel.symbols[SECURE_KERNEL_FUNCTIONS], end = kernel.symbols[SECURE_KERNEL_FUNCTIONS_END];
    uint64_t count = start != 0 && start < end ? (end - start) / sizeof(uint64_t) : 0;
    if (!kernel_permits(SECURE_KERNEL_TRACING) || count == 0 || count > FUNCTION_MAX || start % sizeof(uint64_t) != 0 ||
        !range_has(kernel.init, kernel_physical(start)) || !range_has(kernel.init, kernel_physical(end) - 1)) {
        return;
    }
    kernel.functions = kernel_allocate(count * sizeof *kernel.functions);
    kernel.probes = kernel_allocate(PROBE_MAX * sizeof *kernel.probes);
    if (kernel.functions == NULL || kernel.probes == NULL) {
        return; /* every patch will be refused */
    }
    const uint64_t *table = (const uint64_t *)kernel_physical(start);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = table[i] - kernel.symbols[SECURE_KERNEL_START];
        bool in_text = offset % 2 == 0 && offset < kernel.text.end - kernel.text.start - SITE_SIZE;
        if (in_text && (kernel.function_count == 0 || kernel.functions[kernel.function_count - 1] < offset)) {
            kernel.functions[kernel.function_count++] = (uint32_t)offset; /* the linker sorts it */
        }
    }
}

/* The last function that begins at or before it. */
static bool function_of(uint32_t offset, uint32_t *function)
{
    uint64_t low = 0, high = kernel.function_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (kernel.functions[middle] <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > 0) {
        *function = kernel.functions[low - 1];
    }
    return low > 0;
}

/* Unprivileged specification, "U-type" and "I-type immediate": auipc and jalr, the first in the low half. */
static uint64_t call(uint32_t from, uint64_t to, unsigned link)
{
    uint32_t distance = (uint32_t)(to - kernel.symbols[SECURE_KERNEL_START]) - from;
    uint32_t high = (distance + 0x800) & 0xfffff000, low = (distance - high) & 0xfff;
    uint32_t jalr = JALR | (uint32_t)link << 7 | (uint32_t)link << 15 | low << 20;
    return (AUIPC | (uint32_t)link << 7 | high) | (uint64_t)jalr << 32;
}

static bool has_byte(uint64_t form, uint32_t within, uint8_t byte)
{
    return (uint8_t)(form >> 8 * within) == byte;
}

/* The byte belongs to the start of a function, or to the place that calls who traces. */
static bool is_site(uint32_t offset)
{
    uint32_t function;
    return offset - kernel_tracer_call() < SITE_SIZE ||
           (function_of(offset, &function) && offset - function < SITE_SIZE);
}

static bool site_takes(uint32_t offset, uint8_t byte)
{
    uint32_t function, caller = kernel_tracer_call();
    if (offset - caller < SITE_SIZE) {
        for (unsigned i = 0; i < SECURE_KERNEL_TRACER_COUNT; i++) {
            if (kernel.tracers[i] != 0 &&
                has_byte(call(caller, kernel.tracers[i], REGISTER_RA), offset - caller, byte)) {
                return true;
            }
        }
        return false;
    }
    return function_of(offset, &function) && offset - function < SITE_SIZE &&
           (has_byte(NOPS, offset - function, byte) ||
            has_byte(call(function, kernel.symbols[SECURE_KERNEL_TRACER], REGISTER_T0), offset - function, byte));
}

/* ---- Probes ------------------------------------------------------------------------------------------------------ */

static uint16_t *half_at(uint32_t offset)
{
    return (uint16_t *)(kernel.image + offset);
}

static unsigned length_at(uint32_t offset)
{
    return (*half_at(offset) & NOT_COMPRESSED) == NOT_COMPRESSED ? 4 : 2;
}

static bool is_instruction(uint32_t offset)
{
    uint32_t at;
    if (!function_of(offset, &at) || offset - at > REACH) {
        return false;
    }
    while (at < offset) {
        at += length_at(at);
    }
    return at == offset;
}

/* No processor can be in the middle of it: meanwhile the page cannot be executed, and who tries waits for the lock. */
static void change(struct vp *vp, uint32_t offset, uint32_t bits, unsigned length)
{
    uint64_t first = (kernel.image + offset) >> PAGE_SHIFT;
    uint64_t count = ((kernel.image + offset + length - 1) >> PAGE_SHIFT) - first + 1;
    call_protect(vp, first, count, RIGHTS_UNFETCHED);
    *half_at(offset) = (uint16_t)bits;
    if (length == 4) {
        *half_at(offset + 2) = (uint16_t)(bits >> 16);
    }
    call_protect(vp, first, count, RIGHTS_TEXT);
}

static struct trace_probe *probe_at(uint32_t offset)
{
    for (uint32_t i = 0; i < kernel.probe_count; i++) {
        if (kernel.probes[i].offset == offset) {
            return &kernel.probes[i];
        }
    }
    return NULL;
}

/* A store of the first half, or of all, of what the probe replaced. */
static bool disarm(struct vp *vp, struct trace_probe *probe, uint64_t value, unsigned size)
{
    unsigned length = (probe->original & NOT_COMPRESSED) == NOT_COMPRESSED ? 4 : 2;
    uint32_t mask = size == 2 ? 0xffff : UINT32_MAX;
    if (size > length || ((uint32_t)value & mask) != (probe->original & mask)) {
        return false;
    }
    change(vp, probe->offset, probe->original, length);
    *probe = kernel.probes[--kernel.probe_count];
    return true;
}

/* The same of an ebreak. */
static bool arm(struct vp *vp, uint32_t offset, uint64_t value, unsigned size)
{
    if (kernel.probe_count == PROBE_MAX || is_site(offset) || !is_instruction(offset)) {
        return false;
    }
    unsigned length = length_at(offset);
    uint32_t ebreak = length == 4 ? EBREAK : C_EBREAK, mask = size == 2 ? 0xffff : UINT32_MAX;
    if (size > length || ((uint32_t)value & mask) != (ebreak & mask)) {
        return false;
    }
    uint32_t original = *half_at(offset) | (length == 4 ? (uint32_t)*half_at(offset + 2) << 16 : 0);
    kernel.probes[kernel.probe_count++] = (struct trace_probe){ .offset = offset, .original = original };
    change(vp, offset, ebreak, length);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static bool changes_nothing(uint64_t physical, uint64_t value, unsigned size)
{
    const uint8_t *bytes = (const uint8_t *)physical;
    for (unsigned i = 0; i < size; i++) {
        if (bytes[i] != (uint8_t)(value >> 8 * i)) {
            return false;
        }
    }
    return true;
}

bool trace_permits(struct vp *vp, uint64_t physical, uint64_t value, unsigned size)
{
    uint32_t offset = (uint32_t)(physical - kernel.image);
    if (kernel.function_count == 0 || !kernel_permits(SECURE_KERNEL_TRACING)) {
        return false;
    }
    unsigned taken = 0;
    while (taken < size && site_takes(offset + taken, (uint8_t)(value >> 8 * taken))) {
        taken++;
    }
    if (taken == size || changes_nothing(physical, value, size)) {
        return true;
    }
    if (offset % 2 != 0 || (size != 2 && size != 4)) {
        return false;
    }
    struct trace_probe *probe = probe_at(offset);
    return probe != NULL ? disarm(vp, probe, value, size) : arm(vp, offset, value, size);
}
