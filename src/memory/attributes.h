/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page attributes: what trust levels take away from the levels below them, one 64-bit word per guest page.
 *
 *   bits 4L+3 … 4L   what level L (1 … 15) denies to every level below L: ATTRIBUTE_READ, _WRITE, _KERNEL, _USER
 *   bits 3 … 0       0: nothing is below level 0
 *
 * A level may do what no higher level denies; 0 means that everything is allowed. Who denies can be read off the word,
 * so that a violation is reported to the right level. A change is one atomic store; no slot is ever split by it.
 *
 * Words are stored as differences from a default that holds for all pages, so that memory nobody has changed takes no
 * room, whatever the default is. The words are read when a translation cache is filled and by the slow path of an
 * access, and nowhere else: memory/rights.h changes them and sees to it that nobody goes on using what was read before.
 */
#ifndef RAVELIN_MEMORY_ATTRIBUTES_H
#define RAVELIN_MEMORY_ATTRIBUTES_H

#include "memory/memory.h"

#define ATTRIBUTE_LEVEL_COUNT 16u

enum attribute {
    ATTRIBUTE_READ = 1,
    ATTRIBUTE_WRITE = 2,
    ATTRIBUTE_KERNEL = 4, /* execute in a privileged mode */
    ATTRIBUTE_USER = 8,   /* execute in user mode */
};

/* Of a RAM slot. Mapped lazily. */
struct attributes {
    _Atomic bool used;                     /* some word may be other than 0 */
    _Atomic uint64_t initial;              /* the default: the word of a page whose stored word is 0 */
    _Alignas(64) _Atomic uint64_t words[]; /* one a page: difference (XOR) from `initial` */
};

/* What is denied (a set of enum attribute) to `level` (0 … 15) by this word. */
unsigned attributes_denied(uint64_t word, unsigned level);

/* The lowest level that denies something by this word; 0: none does. */
unsigned attributes_level_of(uint64_t word);

/* The word with the denials of one level (1 … 15) replaced. */
uint64_t attributes_with(uint64_t word, unsigned level, unsigned denied);

/* The word of a page of a RAM slot. Any thread. Sequentially consistent (memory/rights.h needs that).
 * attributes_store() tells nobody: for tests, and while nothing runs. */
uint64_t attributes_load(const struct memory_slot *slot, gpa_t address);
void attributes_store(const struct memory_slot *slot, gpa_t address, uint64_t word);

/* All words of a slot 0, the default too, and their memory given back. Nobody uses them meanwhile. */
void attributes_reset(const struct memory_slot *slot);

#endif
