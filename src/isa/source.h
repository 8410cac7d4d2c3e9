/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a description's files. A file is loaded once however often it is named; text and names live in the arena.
 */
#ifndef RAVELIN_ISA_SOURCE_H
#define RAVELIN_ISA_SOURCE_H

#include "isa/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISA_SOURCE_LIMIT      ((size_t)4 * 1024 * 1024) /* bytes of all files together */
#define ISA_SOURCE_FILE_LIMIT 256u

struct isa_source {
    struct isa_source *next;
    const char *name; /* as it is shown: the root's path, or the includer's folder and the included name */
    const char *text;
    size_t size;
    uint64_t device, inode; /* what makes two names the same file */
};

struct isa_sources {
    struct isa_arena *arena;
    struct isa_source *first, *last; /* in the order they were first named */
    unsigned count;
    size_t size;
};

/*
 * Loads the file `path`. If it is loaded already, *again is set and the earlier one returned. NULL: *problem is a text
 * in the arena saying why ("cannot be opened: No such file or directory").
 */
struct isa_source *isa_source_load(struct isa_sources *sources, const char *path, bool *again, const char **problem);

/* Takes `size` bytes at `text` (not copied: they must outlive the reader) as a file called `name`. */
struct isa_source *isa_source_text(struct isa_sources *sources, const char *name, const char *text, size_t size);

/* `name` as seen from the folder of the file `from`: absolute names stay, others are put behind its folder. */
const char *isa_source_beside(struct isa_arena *arena, const char *from, const char *name);

#endif
