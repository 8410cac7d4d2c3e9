/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/x86_64/code_memory.h"

#include "core/check.h"
#include "core/huge_pages.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static bool map_views(struct code_memory *memory, int file, struct error *error)
{
    uint8_t *base = huge_reserve((size_t)memory->code_size + memory->data_size, 0);
    if (base == NULL) {
        return error_set_errno(error, errno, "no address space for generated code; use --engine interp");
    }
    memory->executable = base;
    memory->data = base + memory->code_size;
    if (mmap(base, memory->code_size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) {
        return error_set_errno(error, errno, "this host forbids executable mappings; use --engine interp");
    }
    if (mmap(memory->data, memory->data_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED) {
        return error_set_errno(error, errno, "no memory for the JIT's tables; use --engine interp");
    }
    memory->writable = huge_reserve(memory->code_size, 0);
    if (memory->writable == NULL || mmap(memory->writable, memory->code_size, PROT_READ | PROT_WRITE,
                                         MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) {
        return error_set_errno(error, errno, "cannot map memory for generated code; use --engine interp");
    }
    return true;
}

bool code_memory_create(struct code_memory *memory, uint32_t code_size, uint32_t data_size, struct error *error)
{
    CHECK(code_size % HUGE_PAGE_SIZE == 0);
    *memory = (struct code_memory){ .code_size = code_size, .data_size = data_size };
    int file = memfd_create("ravelin-code", MFD_CLOEXEC);
    if (file < 0) {
        return error_set_errno(error, errno, "cannot create memory for generated code; use --engine interp");
    }
    bool good = ftruncate(file, (off_t)code_size) == 0
                    ? map_views(memory, file, error)
                    : error_set_errno(error, errno, "no memory for generated code; use --engine interp");
    close(file);
    if (!good) {
        code_memory_destroy(memory);
    }
    return good;
}

void code_memory_destroy(struct code_memory *memory)
{
    if (memory->executable != NULL) {
        munmap(memory->data - memory->code_size, (size_t)memory->code_size + memory->data_size);
    }
    if (memory->writable != NULL) {
        munmap(memory->writable, memory->code_size);
    }
    *memory = (struct code_memory){ 0 };
}

void code_memory_prepare(struct code_memory *memory, uint32_t used)
{
    while (memory->huge_end <= used && memory->huge_end < memory->code_size) {
        huge_collapse(memory->writable + memory->huge_end);
        huge_collapse(memory->executable + memory->huge_end);
        memory->huge_end += (uint32_t)HUGE_PAGE_SIZE;
    }
}
