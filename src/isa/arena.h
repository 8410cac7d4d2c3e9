/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one description: pieces are taken one by one and freed all at once.
 *
 * One arena belongs to one reader (later to its struct isa_machine); it is not thread-safe. Memory is zeroed. There is
 * no error to handle: a host without memory for a description of a few megabytes ends the program.
 */
#ifndef RAVELIN_ISA_ARENA_H
#define RAVELIN_ISA_ARENA_H

#include <stddef.h>

struct isa_arena;

struct isa_arena *isa_arena_new(void);

/* Frees the arena and everything taken from it; NULL is allowed. */
void isa_arena_free(struct isa_arena *arena);

/* `size` zeroed bytes, aligned for any type. */
void *isa_arena_take(struct isa_arena *arena, size_t size);

/* A NUL-terminated copy of `length` bytes. */
char *isa_arena_text(struct isa_arena *arena, const char *text, size_t length);

#define ISA_NEW(arena, type)              ((type *)isa_arena_take((arena), sizeof(type)))
#define ISA_NEW_ARRAY(arena, type, count) ((type *)isa_arena_take((arena), sizeof(type) * (size_t)(count)))

#endif
