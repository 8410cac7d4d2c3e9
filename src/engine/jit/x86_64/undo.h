/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pieces of generated code may be begun again: each access to guest memory, from where it asks the translation
 * cache to where it has been made. A signal handler that has emptied the cache sets an interrupted one back to its
 * beginning, so that it asks again (memory/straggler.h). Asking changes nothing but scratch registers and flags, and
 * the access is the last instruction, so that beginning again is always possible.
 *
 * Owned by a struct host and changed by its thread while it executes no translated code.
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_UNDO_H
#define RAVELIN_ENGINE_JIT_X86_64_UNDO_H

#include <stdint.h>

struct undo_range {
    uint32_t start, end; /* positions in code memory: first byte, behind the last */
};

struct undo {
    const uint8_t *code;       /* where code memory runs */
    struct undo_range *ranges; /* in order */
    uint32_t count, room;
};

void undo_fini(struct undo *undo);

/* Ranges must come in order of position. */
void undo_add(struct undo *undo, uint32_t start, uint32_t end);

/* In a signal handler: `registers` (a ucontext_t) go back to the beginning of the range they are in, if they are. */
void undo_access(const struct undo *undo, void *registers);

#endif
