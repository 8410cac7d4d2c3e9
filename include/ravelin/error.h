/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of libravelin.
 *
 * A function that can fail returns false (or NULL) and takes a struct ravelin_error * as its last argument, never
 * NULL. On failure it has changed nothing, and the error holds one line of English: what is wrong, then what to do.
 * On success the error is left alone. The library prints nothing and never calls exit().
 *
 *     struct ravelin_error error;
 *     if (!ravelin_vm_set_memory(vm, 1 << 30, &error)) {
 *         fprintf(stderr, "%s\n", error.text);
 *     }
 */
#ifndef RAVELIN_ERROR_H
#define RAVELIN_ERROR_H

struct ravelin_error {
    char text[512]; /* one line without newline, always terminated */
};

#endif
