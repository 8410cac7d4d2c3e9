/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts for shells, from the command table. */
#include "cli/commands.h"
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

/* Prints `text` inside single quotes of a shell. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else {
            putchar(*text);
        }
    }
    putchar('\'');
}

static bool takes_file(const struct cli_option *option)
{
    return option->type == CLI_INPUT || option->type == CLI_OUTPUT ||
           (option->type == CLI_LIST && strncmp(option->argument, "FILE", 4) == 0);
}

/* Characters of the help text up to the end of its first clause. */
static size_t clause_length(const char *text)
{
    size_t length = 0;
    for (char c = text[0]; c != '\0' && c != ':' && c != ';'; c = text[++length]) {
        if (c == '.' && (text[length + 1] == ' ' || text[length + 1] == '\0')) { /* not that of "fw_dynamic.bin" */
            break;
        }
    }
    return length;
}

static void print_choices(const struct cli_option *option)
{
    for (const char *const *choice = option->choices; choice != NULL && *choice != NULL; choice++) {
        printf("%s%s", choice == option->choices ? "" : " ", *choice);
    }
}

/* First words of all commands, each once. */
static void print_first_words(void)
{
    const char *last = "";
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        size_t length = strcspn(command->name, " ");
        if (strncmp(last, command->name, length) != 0 || last[0] == '\0') {
            printf("%.*s ", (int)length, command->name);
        }
        last = command->name;
    }
}

static void print_second_words(void)
{
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        const char *second = strchr(command->name, ' ');
        if (second != NULL) {
            printf("    %.*s) words='%s' ;;\n", (int)(second - command->name), command->name, second + 1);
        }
    }
}

static void print_bash_command(const struct cli_command *command)
{
    printf("    '%s')\n      case $previous in\n", command->name);
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        if (takes_file(option)) {
            printf("        --%s) COMPREPLY=($(compgen -f", option->name);
            if (option->choices != NULL) {
                printf(" -W '");
                print_choices(option);
                printf("'");
            }
            printf(" -- \"$word\")); return ;;\n");
        } else if (option->choices != NULL) {
            printf("        --%s) COMPREPLY=($(compgen -W '", option->name);
            print_choices(option);
            printf("' -- \"$word\")); return ;;\n");
        } else if (option->type != CLI_FLAG) {
            printf("        --%s) return ;;\n", option->name);
        }
    }
    printf("      esac\n      words='--help");
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        printf(" --%s", option->name);
    }
    printf("' ;;\n");
}

static void print_bash(void)
{
    printf("# Completion of ravelin for bash, made by: ravelin help --completion bash\n"
           "_ravelin() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n"
           "  local command=${COMP_WORDS[1]}\n"
           "  COMPREPLY=()\n"
           "  if ((COMP_CWORD == 1)); then\n"
           "    COMPREPLY=($(compgen -W '");
    print_first_words();
    printf("--help --version' -- \"$word\"))\n    return\n  fi\n"
           "  if ((COMP_CWORD == 2)); then\n    case $command in\n");
    print_second_words();
    printf("    esac\n"
           "    if [[ $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); return; fi\n"
           "  fi\n"
           "  case $command in\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        const char *second = strchr(command->name, ' ');
        if (second != NULL) {
            printf("    %.*s) command=\"$command ${COMP_WORDS[2]}\" ;;\n", (int)(second - command->name),
                   command->name);
        }
    }
    printf("  esac\n  case $command in\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        print_bash_command(command);
    }
    printf("  esac\n"
           "  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "  else COMPREPLY=($(compgen -f -- \"$word\")); fi\n"
           "}\n"
           "complete -o filenames -F _ravelin ravelin\n");
}

/* Help text inside a zsh specification: brackets and colons end it there. */
static void print_zsh_help(const char *text)
{
    size_t length = clause_length(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\'') {
            printf("'\\''");
        } else if (text[i] != '[' && text[i] != ']') {
            putchar(text[i]);
        }
    }
}

static void print_zsh_option(const struct cli_option *option)
{
    printf("        '%s--%s[", option->type == CLI_LIST ? "*" : "", option->name);
    print_zsh_help(option->help);
    printf("]");
    if (takes_file(option) && option->choices != NULL) {
        printf(":file:{compadd ");
        print_choices(option);
        printf("; _files}");
    } else if (takes_file(option)) {
        printf(":file:_files");
    } else if (option->choices != NULL) {
        printf(":%s:(", option->argument);
        print_choices(option);
        printf(")");
    } else if (option->type != CLI_FLAG) {
        printf(": :");
    }
    printf("' \\\n");
}

static void print_zsh(void)
{
    printf("#compdef ravelin\n"
           "# Completion of ravelin for zsh, made by: ravelin help --completion zsh\n"
           "_ravelin() {\n"
           "  if ((CURRENT == 2)); then\n    compadd -- ");
    print_first_words();
    printf("--help --version\n    return\n  fi\n  local command=$words[2] skip=1\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        const char *second = strchr(command->name, ' ');
        if (second != NULL) {
            printf("  if [[ $command == %.*s ]]; then\n"
                   "    if ((CURRENT == 3)); then compadd -- %s; return; fi\n"
                   "    command=\"$command $words[3]\" skip=2\n  fi\n",
                   (int)(second - command->name), command->name, second + 1);
        }
    }
    printf("  shift $skip words\n  ((CURRENT -= skip))\n  case $command in\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        printf("    ");
        print_quoted(command->name);
        printf(")\n      _arguments \\\n");
        for (const struct cli_option *option = command->options; option->name != NULL; option++) {
            print_zsh_option(option);
        }
        printf("        '--help[Prints help]'%s ;;\n", command->operand != NULL ? " '*:operand:_files'" : "");
    }
    printf("  esac\n}\ncompdef _ravelin ravelin\n");
}

static void print_fish_option(const struct cli_command *command, const struct cli_option *option)
{
    printf("complete -c ravelin -n '__fish_seen_subcommand_from %.*s' -l %s", (int)strcspn(command->name, " "),
           command->name, option->name);
    if (option->type != CLI_FLAG) {
        printf(takes_file(option) ? " -r -F" : " -x");
    }
    if (option->choices != NULL) {
        printf(" -a '");
        print_choices(option);
        printf("'");
    }
    char help[128];
    snprintf(help, sizeof help, "%.*s", (int)clause_length(option->help), option->help);
    printf(" -d ");
    print_quoted(help);
    putchar('\n');
}

static void print_fish(void)
{
    printf("# Completion of ravelin for fish, made by: ravelin help --completion fish\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        const char *second = strchr(command->name, ' ');
        printf("complete -c ravelin -n __fish_use_subcommand -f -a %.*s -d ", (int)strcspn(command->name, " "),
               command->name);
        print_quoted(command->summary);
        putchar('\n');
        if (second != NULL) {
            printf("complete -c ravelin -n '__fish_seen_subcommand_from %.*s' -a %s -d ", (int)(second - command->name),
                   command->name, second + 1);
            print_quoted(command->summary);
            putchar('\n');
        }
        for (const struct cli_option *option = command->options; option->name != NULL; option++) {
            print_fish_option(command, option);
        }
    }
    printf("complete -c ravelin -l help -d 'Prints help'\n");
}

void cli_print_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else {
        print_fish();
    }
}
