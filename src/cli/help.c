/* SPDX-License-Identifier: Apache-2.0 */
/* `ravelin help` and `ravelin version`. */
#include "cli/help.h"

#include "cli/commands.h"
#include "cli/report.h"

#include <ravelin/version.h>

#include <stdio.h>
#include <string.h>

#define LINE_WIDTH 80u

/* Prints a text wrapped to the line, each line after `indent` spaces; the first starts at `column`. Empty lines in the
 * text stay. */
static void print_wrapped(const char *text, unsigned indent, unsigned column)
{
    while (*text != '\0') {
        size_t length = strcspn(text, " \n");
        if (column > indent && column + 1 + length > LINE_WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += (unsigned)length;
        text += length;
        if (strncmp(text, "\n\n", 2) == 0) {
            printf("\n\n%*s", (int)indent, "");
            column = indent;
            text++;
        }
        text += *text != '\0' ? 1 : 0;
    }
    putchar('\n');
}

static void append(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

void cli_describe_limits(const struct cli_option *option, char *text, size_t size)
{
    char part[96];
    text[0] = '\0';
    if (option->type == CLI_CHOICE) {
        for (const char *const *choice = option->choices; *choice != NULL; choice++) {
            snprintf(part, sizeof part, "%s%s",
                     choice == option->choices ? ""
                     : choice[1] == NULL       ? " or "
                                               : ", ",
                     *choice);
            append(text, size, part);
        }
    } else if (cli_has_range(option)) {
        cli_describe_range(option, text, size);
    }
    if (option->initial != NULL) {
        snprintf(part, sizeof part, "%sdefault %s", text[0] != '\0' ? "; " : "", option->initial);
        append(text, size, part);
    }
}

#define OPTION_COLUMN 28u

static void print_option(const char *name, const char *argument, const char *help, const char *limits)
{
    int printed = printf("  --%s%s%s", name, argument != NULL ? " " : "", argument != NULL ? argument : "");
    unsigned column = printed > 0 ? (unsigned)printed : 0;
    if (column + 2 > OPTION_COLUMN) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", (int)(OPTION_COLUMN - column), "");
    char text[1024];
    if (limits[0] != '\0') {
        snprintf(text, sizeof text, "%s (%s)", help, limits);
    } else {
        snprintf(text, sizeof text, "%s", help);
    }
    print_wrapped(text, OPTION_COLUMN, OPTION_COLUMN);
}

void cli_print_help(const struct cli_command *command)
{
    for (unsigned i = 0; command->synopsis[i] != NULL; i++) {
        printf("%s ravelin %s%s%s\n", i == 0 ? "Usage:" : "      ", command->name,
               command->synopsis[i][0] != '\0' ? " " : "", command->synopsis[i]);
    }
    putchar('\n');
    print_wrapped(command->description, 0, 0);
    printf("\nOptions:\n");
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        char limits[256];
        cli_describe_limits(option, limits, sizeof limits);
        print_option(option->name, option->argument, option->help, limits);
    }
    print_option("help", NULL, "Prints this help.", "");
    if (command->examples->text != NULL) {
        printf("\nExamples:\n");
    }
    for (const struct cli_example *example = command->examples; example->text != NULL; example++) {
        printf("  %s\n      %s\n", example->text, example->command);
    }
}

static void print_overview(void)
{
    printf("Usage: ravelin COMMAND [OPTION]...\n\n"
           "Runs RISC-V virtual machines on any Linux machine, with or without virtualization\n"
           "hardware, from a description of the machine.\n\n"
           "Commands:\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        printf("  %-14s %s\n", command->name, command->summary);
    }
    printf("\n  --version      print the version\n"
           "  --help         print this help\n"
           "\nExample:\n"
           "  ravelin run --kernel vmlinux --initrd initrd.gz --append console=ttyS0\n"
           "\n`ravelin help COMMAND` tells about one command.\n");
}

/* The command that the operands name; NULL and a report if there is none. */
static const struct cli_command *named_command(char *const *operands, unsigned count)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", operands[0], count > 1 ? " " : "", count > 1 ? operands[1] : "");
    const struct cli_command *command = cli_command_find(name);
    for (const struct cli_command *each = cli_commands; command == NULL && count == 1 && each->name != NULL; each++) {
        size_t length = strlen(name);
        if (strncmp(each->name, name, length) == 0 && each->name[length] == ' ') {
            command = each; /* the first word of a command of two */
        }
    }
    if (command == NULL) {
        cli_report("there is no command %s: ravelin help lists them", name);
    }
    return command;
}

int cli_help(const void *values, char *const *operands, unsigned operand_count)
{
    const struct cli_help_values *help = values;
    const struct cli_command *command = NULL;
    if (help->completion != NULL && (help->manual || operand_count > 0)) {
        cli_report("--completion prints one script for all commands: leave out %s",
                   help->manual ? "--man" : operands[0]);
        return CLI_USAGE;
    }
    if (operand_count > 0) {
        command = named_command(operands, operand_count);
        if (command == NULL) {
            return CLI_USAGE;
        }
    }
    if (help->completion != NULL) {
        cli_print_completion(help->completion);
    } else if (help->manual) {
        cli_print_manual(command);
    } else if (command != NULL) {
        cli_print_help(command);
    } else {
        print_overview();
    }
    return CLI_SUCCESS;
}

int cli_version(const void *values, char *const *operands, unsigned operand_count)
{
    (void)values, (void)operands, (void)operand_count;
    printf("ravelin %s\n", ravelin_version());
    return CLI_SUCCESS;
}
