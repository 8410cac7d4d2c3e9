/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/x86_64/code_memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static bool map_views(struct code_memory *memory, int file, struct error *error)
{
    size_t whole = (size_t)memory->code_size + memory->data_size;
    uint8_t *base = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
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
    void *writable = mmap(NULL, memory->code_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (writable == MAP_FAILED) {
        return error_set_errno(error, errno, "cannot map memory for generated code; use --engine interp");
    }
    memory->writable = writable;
    return true;
}

bool code_memory_create(struct code_memory *memory, uint32_t code_size, uint32_t data_size, struct error *error)
{
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
