/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an access to guest memory that generated code is about to make can be undone by a signal handler which has
 * emptied the translation cache (memory/straggler.h).
 *
 * Ranges. Each access, from where it asks the translation cache to where it has been made, can be begun again: asking
 * changes nothing but scratch registers and flags, and the access is the last instruction. An interrupted one is set
 * back to its beginning and asks again. So can the stub that asks for a memo (memos.c), up to its way back.
 *
 * Marks. Addends that were found keep standing in registers for the accesses after the first of a group (struct group).
 * A mark tells from where on which registers do. The handler sets them to 0, which means that nothing was found.
 *
 * While C code runs that translated code has called, registers rest wherever that has put them. A handler that comes
 * then says so in cpu->addends_void; who has called looks there, and sets addends to 0 itself (recheck_addends()).
 *
 * Owned by a struct host and changed by its thread while cpu->undoable is not RISCV_UNDOABLE_TRANSLATED.
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_UNDO_H
#define RAVELIN_ENGINE_JIT_X86_64_UNDO_H

#include <stdint.h>

struct undo_range {
    uint32_t start, end; /* positions in code memory: first byte, behind the last */
};

struct undo_mark {
    uint32_t position; /* from here to the next mark */
    uint32_t kept;     /* registers that hold addends, by their numbers in instructions */
};

struct undo {
    struct undo_range *ranges; /* both in order of position */
    struct undo_mark *marks;
    uint32_t range_count, range_room, mark_count, mark_room;
};

void undo_fini(struct undo *undo);
void undo_clear(struct undo *undo);

/* Positions never go down. */
void undo_add_range(struct undo *undo, uint32_t start, uint32_t end);
void undo_add_mark(struct undo *undo, uint32_t position, uint32_t kept);

/* Adds all that `other` has. */
void undo_append(struct undo *undo, const struct undo *other);

/* In a signal handler, for interrupted registers (a ucontext_t). `code` is where code memory runs; from position
 * `thunks` to `thunks_end` stands what regions call, with nothing on the stack but the way back. */
struct undo_place {
    const uint8_t *code;
    uint32_t thunks, thunks_end;
};
void undo_access(const struct undo *undo, const struct undo_place *place, void *registers);

#endif
