/* SPDX-License-Identifier: Apache-2.0 */
/* What is made from the command table for people and shells. All print to standard output. */
#ifndef RAVELIN_CLI_HELP_H
#define RAVELIN_CLI_HELP_H

#include "cli/option.h"

void cli_print_help(const struct cli_command *command);

/* The source of a manual page (man(7) macros): of one command, or of ravelin itself for NULL. */
void cli_print_manual(const struct cli_command *command);

/* A completion script: "bash", "zsh" or "fish". */
void cli_print_completion(const char *shell);

/* " (1 to 128; default 1)" and the like, empty if there is nothing to tell; into `text`. */
void cli_describe_limits(const struct cli_option *option, char *text, size_t size);

#endif
