/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a machine description: from text to the typed tree of isa/tree.h, or to a list of errors.
 *
 * The text may be hostile: whatever it is, the reader ends in bounded time and memory and reports what is wrong.
 * Limits: 8 MiB of text in all, 256 files, nesting of 200, 128-bit numbers. No state is shared between calls; any
 * number of threads may read descriptions of their own.
 */
#ifndef RAVELIN_ISA_READ_H
#define RAVELIN_ISA_READ_H

#include "isa/diagnostics.h"
#include "isa/tree.h"

#include <stddef.h>

/*
 * Reads the description whose root file is `path`, and the files it includes. Returns the machine, which the caller
 * frees with isa_free(), or NULL if there is any error; `diagnostics` (cleared first) then says what.
 */
struct isa_machine *isa_read(const char *path, struct isa_diagnostics *diagnostics);

/* The same for text in memory, `name` standing for the file in messages. `include` is refused. */
struct isa_machine *isa_read_text(const char *name, const char *text, size_t size, struct isa_diagnostics *diagnostics);

/* NULL is allowed. */
void isa_free(struct isa_machine *machine);

#endif
