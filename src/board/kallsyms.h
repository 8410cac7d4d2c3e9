/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbol table that a Linux kernel carries in itself (CONFIG_KALLSYMS), read from its unpacked Image.
 *
 * What the kernel's scripts/kallsyms.c writes, for base-relative tables: the number of symbols; their names, each a
 * length and as many token numbers; for every 256th symbol the place of its name; 256 tokens; where each begins; an
 * offset for each symbol; the base. Nothing says where in the Image it lies, so it is looked for: the tokens' index is
 * what no other data looks like, and everything else is found from there and checked against each other.
 */
#ifndef RAVELIN_BOARD_KALLSYMS_H
#define RAVELIN_BOARD_KALLSYMS_H

#include "core/symbols.h"

#include <stddef.h>
#include <stdint.h>

/* NULL: there is none, or of a kind that is not known, which is no error. Takes time in proportion to the size; the
 * bytes may be hostile. */
struct symbols *kallsyms_read(const uint8_t *image, size_t size);

#endif
