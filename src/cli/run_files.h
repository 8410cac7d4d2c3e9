/* SPDX-License-Identifier: Apache-2.0 */
/* The files of `ravelin run` among each other: what is written must be nothing that is read, and no two the same. */
#ifndef RAVELIN_CLI_RUN_FILES_H
#define RAVELIN_CLI_RUN_FILES_H

#include "cli/commands.h"

#include <stdbool.h>

/* Reports and returns false if an output is given the name of another output or of a file that the guest is made of, or
 * a disk that is written that of another disk (the same file by whatever name; devices may be shared). */
bool run_files_are_distinct(const struct cli_run_values *values);

/* FILE[,slide=0x…] of --symbols: the file's name, to be freed, and the text of the slide in `argument`; NULL: none. */
char *run_files_symbols(const char *argument, const char **slide);

#endif
