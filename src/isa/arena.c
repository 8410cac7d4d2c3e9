/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)64 * 1024)
#define ALIGNMENT  ((size_t)16)

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct isa_arena {
    struct chunk *chunks;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory while reading a description\n", stderr);
        abort();
    }
    return memory;
}

struct isa_arena *isa_arena_new(void)
{
    return must(calloc(1, sizeof(struct isa_arena)));
}

void isa_arena_free(struct isa_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    struct chunk *next;
    for (struct chunk *chunk = arena->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

void *isa_arena_take(struct isa_arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    struct chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = must(calloc(1, sizeof(struct chunk) + capacity));
        chunk->size = capacity;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *piece = chunk->bytes + chunk->used;
    chunk->used += size;
    return piece;
}

char *isa_arena_text(struct isa_arena *arena, const char *text, size_t length)
{
    char *copy = isa_arena_take(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}
