/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin: the command line over libravelin. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/report.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_MAX 32u

/* The command that the first words name; *words says how many. */
static const struct cli_command *find_command(char *const *arguments, unsigned count, unsigned *words)
{
    char two[64];
    if (count >= 2) {
        snprintf(two, sizeof two, "%s %s", arguments[0], arguments[1]);
        *words = 2;
        const struct cli_command *command = cli_command_find(two);
        if (command != NULL) {
            return command;
        }
    }
    *words = 1;
    return cli_command_find(arguments[0]);
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static int run_command(const struct cli_command *command, char **arguments, unsigned count)
{
    static alignas(max_align_t) char values[CLI_VALUES_SIZE];
    struct cli_parsed parsed;
    if (!cli_parse(command, arguments, count, values, &parsed)) {
        return CLI_USAGE;
    }
    int status = CLI_SUCCESS;
    if (parsed.help) {
        cli_print_help(command);
    } else {
        status = command->run(values, parsed.operands, parsed.operand_count);
    }
    return cli_flush_output() || status != CLI_SUCCESS ? status : CLI_FAILURE;
}

static int unknown_command(char **arguments, unsigned argument_count)
{
    const char *name = arguments[0];
    const char *names[COMMAND_MAX + 1];
    unsigned count = 0;
    for (const struct cli_command *command = cli_commands; command->name != NULL && count < COMMAND_MAX; command++) {
        size_t length = strlen(name);
        if (strncmp(command->name, name, length) == 0 && command->name[length] == ' ') {
            if (argument_count > 1 && is_help(arguments[1])) {
                return run_command(command, arguments + 1, 1);
            }
            if (argument_count > 1 && arguments[1][0] != '-') {
                cli_report("unknown command %s %s: give ravelin %s", name, arguments[1], command->name);
            } else {
                cli_report("%s needs a second word: give ravelin %s", name, command->name);
            }
            return CLI_USAGE;
        }
        names[count++] = command->name;
    }
    names[count] = NULL;
    const char *nearest = cli_nearest(name, names);
    if (nearest != NULL) {
        cli_report("unknown command %s: did you mean %s?", name, nearest);
    } else {
        cli_report("unknown command %s: see ravelin help", name);
    }
    return CLI_USAGE;
}

/* Whoever closed a standard descriptor must not get his disk image or statistics opened in its place and our messages
 * or the guest's console written there. What stands there instead cannot be written to, either. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) {
            _exit(CLI_FAILURE); /* nowhere to say why */
        }
    }
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    if (argc < 2) {
        cli_report("no command: give one, for example ravelin run --kernel IMAGE; see ravelin help");
        return CLI_USAGE;
    }
    char **arguments = argv + 1;
    unsigned count = (unsigned)argc - 1;
    if (strcmp(arguments[0], "--version") == 0 || strcmp(arguments[0], "-V") == 0) {
        return run_command(cli_command_find("version"), arguments + 1, count - 1);
    }
    if (is_help(arguments[0])) {
        return run_command(cli_command_find("help"), arguments + 1, count - 1);
    }
    unsigned words;
    const struct cli_command *command = find_command(arguments, count, &words);
    if (command == NULL && arguments[0][0] == '-') {
        cli_report("unknown option %s: give a command first, for example ravelin run; see ravelin help", arguments[0]);
        return CLI_USAGE;
    }
    return command != NULL ? run_command(command, arguments + words, count - words) : unknown_command(arguments, count);
}
