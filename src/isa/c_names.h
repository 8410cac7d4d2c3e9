/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a description as names in C. */
#ifndef RAVELIN_ISA_C_NAMES_H
#define RAVELIN_ISA_C_NAMES_H

#include "isa/reader.h"

#include <stdbool.h>

/* A phase of the reader, behind the declarations: reports names that would meet in the generated code. */
void isa_check_c_names(struct isa_reader *reader);

/* A keyword of C, or a macro that generated code is compiled under: no name of a variable or member there. */
bool isa_is_c_word(const char *name);

#endif
