/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants without a width: literals and what is computed from literals alone. They take a width where they are used.
 */
#ifndef RAVELIN_ISA_NUMBER_H
#define RAVELIN_ISA_NUMBER_H

#include "isa/tree.h"

/* -magnitude or magnitude; zero is never negative. */
struct isa_number {
    isa_bits magnitude;
    bool negative;
};

/* False: no result (more than 128 bits, division by zero, or no meaning for numbers without a width). */
bool isa_number_negate(struct isa_number a, struct isa_number *result);
bool isa_number_invert(struct isa_number a, struct isa_number *result);
bool isa_number_binary(enum isa_op op, struct isa_number a, struct isa_number b, struct isa_number *result);

/* Whether `a` fits `width` bits: unsigned, or signed if negative. *bits is then its pattern. */
bool isa_number_fits(struct isa_number a, unsigned width, isa_bits *bits);

/* The bits needed for a non-negative number; at least 1. */
unsigned isa_number_width(struct isa_number a);

/* -1, 0 or 1 as a is less than, equal to or greater than b. */
int isa_number_compare(struct isa_number a, struct isa_number b);

/* All ones in the low `width` bits, 1..128. */
isa_bits isa_bits_mask(unsigned width);

/* Decimal, or hexadecimal from 65536 on. `text` has room for ISA_NUMBER_TEXT bytes. Returns text. */
#define ISA_NUMBER_TEXT 48
const char *isa_number_text(struct isa_number a, char *text);

#endif
