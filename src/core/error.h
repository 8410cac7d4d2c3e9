/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of the outside world: a file that is missing, memory the host has not got, a malformed image.
 *
 * A function that can fail for such a reason returns bool (or NULL) and takes a struct error * as its last argument,
 * never NULL. On failure it has changed nothing and the error holds one line: what is wrong, then what to do.
 *
 *     struct error error;
 *     if (!loader_load(path, &image, &error)) { fprintf(stderr, "ravelin: %s\n", error.text); return 1; }
 */
#ifndef RAVELIN_CORE_ERROR_H
#define RAVELIN_CORE_ERROR_H

#include <stdbool.h>

struct error {
    char text[512]; /* one line, no newline, always terminated */
};

/* Sets the text (printf style) and returns false, so that `return error_set(error, …)` reads well. */
__attribute__((format(printf, 2, 3))) bool error_set(struct error *error, const char *format, ...);

/* As error_set, with ": " and the text of errno value `number` added. */
__attribute__((format(printf, 3, 4))) bool error_set_errno(struct error *error, int number, const char *format, ...);

#endif
