/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reader has to say about a description: `file:line:column: what is wrong; what to write`.
 *
 * The first ISA_DIAGNOSTIC_LIMIT messages are kept, the rest only counted. The object holds its own copies of all text,
 * so it outlives the reader and the machine. One object serves one reader at a time.
 */
#ifndef RAVELIN_ISA_DIAGNOSTICS_H
#define RAVELIN_ISA_DIAGNOSTICS_H

#include "isa/tree.h"

#include <stdio.h>

#define ISA_DIAGNOSTIC_LIMIT 20

struct isa_diagnostic {
    char file[200];
    unsigned line, column; /* from 1; 0: the file as a whole */
    char text[400];
};

struct isa_diagnostics {
    struct isa_diagnostic items[ISA_DIAGNOSTIC_LIMIT];
    unsigned count; /* items kept */
    unsigned total; /* errors found, kept or not */
};

void isa_diagnostics_clear(struct isa_diagnostics *diagnostics);

/* Adds one error. The same text at the same place is taken once. Control characters in it are replaced by '?'. */
void isa_report(struct isa_diagnostics *diagnostics, struct isa_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Orders the messages of each file by line and column; files stay in the order of their first message. */
void isa_diagnostics_sort(struct isa_diagnostics *diagnostics);

/* One line per message, and a last line that counts the rest if not all were kept. */
void isa_diagnostics_print(const struct isa_diagnostics *diagnostics, FILE *stream);

#endif
