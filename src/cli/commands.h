/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `ravelin` and where each one's options are put. */
#ifndef RAVELIN_CLI_COMMANDS_H
#define RAVELIN_CLI_COMMANDS_H

#include "cli/option.h"

extern const struct cli_command cli_commands[]; /* ended by a NULL name */

/* Whole-program options, in every command's table: --help; and for `ravelin` alone: --help, --version. */
const struct cli_command *cli_command_find(const char *name); /* NULL: no such command */

struct cli_run_values {
    const char *kernel, *initrd, *append, *firmware, *elf, *secure_kernel, *policy, *events, *symbols;
    uint64_t cpus, memory, trust_levels;
    const char *cpu, *engine, *dump, *trust_target;
    struct cli_list disks, forwards;
    const char *net, *console;
    uint64_t timeout; /* nanoseconds, 0: none */
    bool overcommit, no_reboot;
    const char *stats, *trace, *dump_dtb, *signature;
};

struct cli_disassemble_values {
    uint64_t base;
};

struct cli_help_values {
    const char *completion;
    bool manual;
};

int cli_run(const void *values, char *const *operands, unsigned operand_count);
int cli_disassemble(const void *values, char *const *operands, unsigned operand_count);
int cli_isa_check(const void *values, char *const *operands, unsigned operand_count);
int cli_help(const void *values, char *const *operands, unsigned operand_count);
int cli_version(const void *values, char *const *operands, unsigned operand_count);

#endif
