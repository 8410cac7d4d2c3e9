/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages from the command table, in the macros of man(7). */
#include "cli/commands.h"
#include "cli/help.h"

#include <ravelin/version.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Prints text so that roff takes nothing in it for a request. An empty line begins a paragraph. */
static void print_inline(const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            printf("\\&");
        }
        if (strncmp(text, "\n\n", 2) == 0) {
            printf("\n.PP");
            text++;
        }
        if (*text == '\\') {
            printf("\\e");
        } else if (*text == '-') {
            printf("\\-");
        } else {
            putchar(*text);
        }
        line_start = *text == '\n';
    }
}

static void print_text(const char *text)
{
    print_inline(text);
    putchar('\n');
}

/* "isa check" → "isa-check": the page's name after "ravelin-". */
static void page_name(char *name, size_t size, const struct cli_command *command)
{
    snprintf(name, size, "ravelin-%s", command->name);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == ' ' ? '-' : *at;
    }
}

static void print_header(const char *page, const char *summary)
{
    printf(".TH \"");
    for (const char *at = page; *at != '\0'; at++) {
        putchar(toupper((unsigned char)*at));
    }
    printf("\" 1 \"\" \"ravelin %s\" \"User Commands\"\n.SH NAME\n", ravelin_version());
    for (const char *at = page; *at != '\0'; at++) {
        printf(*at == '-' ? "\\-" : "%c", *at);
    }
    printf(" \\- ");
    print_text(summary);
}

static void print_option(const struct cli_option *option)
{
    char limits[256];
    cli_describe_limits(option, limits, sizeof limits);
    char head[160];
    printf(".TP\n");
    snprintf(head, sizeof head, "--%s", option->name);
    printf("\\fB");
    print_inline(head);
    printf("\\fR");
    if (option->argument != NULL) {
        printf(" \\fI");
        print_inline(option->argument);
        printf("\\fR");
    }
    putchar('\n');
    print_text(option->help);
    if (limits[0] != '\0') {
        char sentence[288];
        snprintf(sentence, sizeof sentence, "(%s)", limits);
        print_text(sentence);
    }
}

static void print_examples(const struct cli_command *command)
{
    if (command->examples->text == NULL) {
        return;
    }
    printf(".SH EXAMPLES\n");
    for (const struct cli_example *example = command->examples; example->text != NULL; example++) {
        printf(".PP\n");
        print_text(example->text);
        printf(".PP\n.RS\n.nf\n");
        print_text(example->command);
        printf(".fi\n.RE\n");
    }
}

static void print_command_page(const struct cli_command *command)
{
    char page[64];
    page_name(page, sizeof page, command);
    print_header(page, command->summary);
    printf(".SH SYNOPSIS\n");
    for (unsigned i = 0; command->synopsis[i] != NULL; i++) {
        char line[256];
        snprintf(line, sizeof line, "ravelin %s%s%s", command->name, command->synopsis[i][0] != '\0' ? " " : "",
                 command->synopsis[i]);
        if (i > 0) {
            printf(".br\n");
        }
        print_text(line);
    }
    printf(".SH DESCRIPTION\n");
    print_text(command->description);
    printf(".SH OPTIONS\n");
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        print_option(option);
    }
    printf(".TP\n.B \\-\\-help\nPrints a summary of the options.\n");
    print_examples(command);
    printf(".SH SEE ALSO\n.BR ravelin (1)\n");
}

static void print_main_page(void)
{
    print_header("ravelin", "run RISC-V virtual machines on any Linux machine");
    printf(".SH SYNOPSIS\n.B ravelin\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n");
    print_text("Runs unmodified RISC-V operating systems and bare-metal programs, with or without virtualization "
               "hardware, from a description of the machine.");
    printf(".SH COMMANDS\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        char page[64];
        page_name(page, sizeof page, command);
        printf(".TP\n.B %s\n", command->name);
        print_text(command->summary);
        printf("See\n.BR %s (1).\n", page);
    }
    printf(".SH OPTIONS\n.TP\n.B \\-\\-version\nPrints the version.\n.TP\n.B \\-\\-help\nLists the commands.\n");
    printf(".SH EXIT STATUS\n");
    print_text("0 for success, 1 if something failed on this host, 2 for a wrong command line. ravelin run also gives "
               "the guest's own code, and 124 when the time is over.");
}

void cli_print_manual(const struct cli_command *command)
{
    if (command != NULL) {
        print_command_page(command);
    } else {
        print_main_page();
    }
}
