/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that appear whole or not at all: written under a temporary name beside the final one, then renamed. What is no
 * regular file (/dev/null, a pipe) is written directly.
 *
 *     struct output_file file;
 *     if (!output_file_open(&file, "--stats", path)) return CLI_FAILURE;     // before anything else happens
 *     fprintf(file.stream, …);
 *     if (!output_file_commit(&file)) return CLI_FAILURE;
 *
 * A file whose content grows while others look on (a console log) is committed first and written then.
 */
#ifndef RAVELIN_CLI_OUTPUT_FILE_H
#define RAVELIN_CLI_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct output_file {
    FILE *stream; /* NULL: not open */
    const char *path;
    char *target;    /* where a link leads, if the file was there before */
    char *temporary; /* NULL: no longer, or written directly */
    bool failure_told;
};

/* Reports and returns false if it cannot be written; `option` is for the message. */
bool output_file_open(struct output_file *file, const char *option, const char *path);

/* Gives it its final name. The stream stays open. */
bool output_file_commit(struct output_file *file);

/* Closes; a file that was not committed disappears. False (and a report): the host did not take all of it. A closed
 * or zeroed one is allowed. */
bool output_file_close(struct output_file *file);

/* Removes every file that was not committed. Async-signal-safe; the process must end then. */
void output_file_abandon(void);

#endif
