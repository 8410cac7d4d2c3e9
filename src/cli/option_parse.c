/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- Single arguments --------------------------------------------------------------------------------------------- */

/* Digits with an optional 0x, nothing else: strtoull alone would take signs and blanks. */
static bool parse_digits(const char *text, uint64_t *value, const char **rest)
{
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    const char *digits = base == 16 ? text + 2 : text;
    if (strchr(base == 16 ? "0123456789abcdefABCDEF" : "0123456789", digits[0]) == NULL || digits[0] == '\0') {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(digits, &end, base);
    if (errno != 0) {
        return false;
    }
    *value = parsed;
    *rest = end;
    return true;
}

bool cli_parse_count(const char *text, uint64_t *value)
{
    uint64_t parsed;
    const char *rest;
    if (!parse_digits(text, &parsed, &rest) || *rest != '\0') {
        return false;
    }
    *value = parsed;
    return true;
}

/* "512M", "2GiB", "1048576": powers of 1024. */
bool cli_parse_size(const char *text, uint64_t *value)
{
    static const char units[] = "KMGT";
    uint64_t number;
    const char *rest;
    if (!parse_digits(text, &number, &rest)) {
        return false;
    }
    unsigned shift = 0;
    const char *unit = *rest != '\0' ? strchr(units, *rest >= 'a' ? *rest - 'a' + 'A' : *rest) : NULL;
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        rest++;
        rest += strcmp(rest, "iB") == 0 ? 2 : strcmp(rest, "B") == 0 ? 1 : 0;
    }
    if (*rest != '\0' || number > UINT64_MAX >> shift) {
        return false;
    }
    *value = number << shift;
    return true;
}

/* "10", "0.5", "2.25s": up to nine decimals count. */
bool cli_parse_seconds(const char *text, uint64_t *nanoseconds)
{
    uint64_t seconds;
    const char *rest;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        return false;
    }
    if (!parse_digits(text, &seconds, &rest) || seconds > UINT64_MAX / 1000000000 - 1) {
        return false;
    }
    uint64_t fraction = 0;
    if (*rest == '.') {
        uint64_t weight = 100000000;
        rest++;
        if (*rest < '0' || *rest > '9') {
            return false;
        }
        for (; *rest >= '0' && *rest <= '9'; rest++, weight /= 10) {
            fraction += (uint64_t)(*rest - '0') * weight;
        }
    }
    if (strcmp(rest, "") != 0 && strcmp(rest, "s") != 0) {
        return false;
    }
    *nanoseconds = seconds * 1000000000 + fraction;
    return true;
}

/* -- Did you mean …? ---------------------------------------------------------------------------------------------- */

#define WORD_MAX 32u

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned least_of_two = a < b ? a : b;
    return least_of_two < c ? least_of_two : c;
}

/* Edits (insert, delete, replace, swap neighbours) from one word to the other; words are short. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t length_a = strlen(a);
    size_t length_b = strlen(b);
    if (length_a > WORD_MAX || length_b > WORD_MAX) {
        return UINT32_MAX;
    }
    unsigned row[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= length_a; i++) {
        for (size_t j = 0; j <= length_b; j++) {
            if (i == 0 || j == 0) {
                row[i][j] = (unsigned)(i + j);
                continue;
            }
            row[i][j] = least(row[i - 1][j] + 1, row[i][j - 1] + 1, row[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && row[i - 2][j - 2] + 1 < row[i][j]) {
                row[i][j] = row[i - 2][j - 2] + 1;
            }
        }
    }
    return row[length_a][length_b];
}

const char *cli_nearest(const char *text, const char *const *candidates)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)strlen(text) / 3 + 1; /* so many edits at most */
    for (; *candidates != NULL; candidates++) {
        unsigned distance = edit_distance(text, *candidates);
        if (distance <= best && (nearest == NULL || distance < best)) {
            nearest = *candidates;
            best = distance;
        }
    }
    return nearest;
}

/* -- Ranges, as a user would write them --------------------------------------------------------------------------- */

/* "512M", "1G" */
static void print_size(char *text, size_t size, uint64_t value)
{
    static const char units[] = " KMGT";
    unsigned unit = 0;
    while (unit < 4 && value >= 1024 && value % 1024 == 0) {
        value /= 1024;
        unit++;
    }
    snprintf(text, size, unit == 0 ? "%llu" : "%llu%c", (unsigned long long)value, units[unit]);
}

static void print_limit(const struct cli_option *option, uint64_t value, char *text, size_t size)
{
    if (option->type == CLI_SIZE) {
        print_size(text, size, value);
    } else if (option->type == CLI_SECONDS) {
        snprintf(text, size, "%.10g", (double)value / 1e9);
    } else {
        snprintf(text, size, "%llu", (unsigned long long)value);
    }
}

bool cli_has_range(const struct cli_option *option)
{
    bool is_number = option->type == CLI_COUNT || option->type == CLI_SIZE || option->type == CLI_SECONDS;
    return is_number && (option->low > 0 || option->high < UINT64_MAX);
}

void cli_describe_range(const struct cli_option *option, char *text, size_t size)
{
    char low[24];
    char high[24];
    print_limit(option, option->low, low, sizeof low);
    print_limit(option, option->high, high, sizeof high);
    if (option->high == UINT64_MAX) {
        snprintf(text, size, "at least %s", low);
    } else {
        snprintf(text, size, "%s to %s", low, high);
    }
}

const char *cli_shown(const char *argument)
{
    return argument[0] == '\0' ? "\"\"" : argument;
}

/* -- A whole command line ----------------------------------------------------------------------------------------- */

struct parser {
    const struct cli_command *command;
    char *values;
    uint64_t given[4]; /* a bit for each option of the table */
};

#define OPTION_MAX 64u

static const struct cli_option *find_option(const struct cli_command *command, const char *name, size_t length)
{
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return NULL;
}

static bool unknown_option(const struct cli_command *command, const char *argument)
{
    const char *names[OPTION_MAX + 2];
    unsigned count = 0;
    for (const struct cli_option *option = command->options; option->name != NULL && count < OPTION_MAX; option++) {
        names[count++] = option->name;
    }
    names[count++] = "help";
    names[count] = NULL;
    char name[WORD_MAX + 1];
    const char *start = argument + strspn(argument, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "="), start);
    const char *nearest = cli_nearest(name, names);
    if (nearest != NULL) {
        cli_report("unknown option %s: did you mean --%s?", argument, nearest);
    } else {
        cli_report("unknown option %s: see ravelin %s --help", argument, command->name);
    }
    return false;
}

static bool in_range(const struct cli_option *option, const char *argument, uint64_t value)
{
    char range[64];
    if (value >= option->low && value <= option->high) {
        return true;
    }
    cli_describe_range(option, range, sizeof range);
    cli_report("--%s %s is %s: give %s%s", option->name, cli_shown(argument),
               value < option->low && option->high == UINT64_MAX ? "too little" : "out of range", range,
               option->type == CLI_SECONDS ? " seconds" : "");
    return false;
}

static bool store_number(const struct cli_option *option, const char *argument, uint64_t *place)
{
    uint64_t value;
    if (option->type == CLI_SIZE && !cli_parse_size(argument, &value)) {
        cli_report("--%s %s is not a size: give a number with K, M, G or T, for example 512M", option->name,
                   cli_shown(argument));
        return false;
    }
    if (option->type == CLI_SECONDS && !cli_parse_seconds(argument, &value)) {
        cli_report("--%s %s is not a time: give seconds, for example 10 or 0.5", option->name, cli_shown(argument));
        return false;
    }
    if (option->type == CLI_COUNT && !cli_parse_count(argument, &value)) {
        cli_report("--%s %s is not a number: give one such as 4 or 0x10", option->name, cli_shown(argument));
        return false;
    }
    if (!in_range(option, argument, value)) {
        return false;
    }
    *place = value;
    return true;
}

static bool store_choice(const struct cli_option *option, const char *argument, const char **place)
{
    char list[256] = "";
    for (const char *const *choice = option->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, argument) == 0) {
            *place = argument;
            return true;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : choice[1] == NULL ? " or " : ", ", *choice);
    }
    cli_report("--%s %s is not known: give %s", option->name, cli_shown(argument), list);
    return false;
}

static bool store(const struct cli_option *option, const char *argument, char *values)
{
    void *place = values + option->offset;
    switch (option->type) {
    case CLI_FLAG: *(bool *)place = true; return true;
    case CLI_INPUT:
    case CLI_OUTPUT:
        if (argument[0] == '\0') {
            cli_report("--%s has an empty argument: give the name of a file", option->name);
            return false;
        }
        *(const char **)place = argument;
        return true;
    case CLI_TEXT: *(const char **)place = argument; return true;
    case CLI_CHOICE: return store_choice(option, argument, place);
    case CLI_COUNT:
    case CLI_SIZE:
    case CLI_SECONDS: return store_number(option, argument, place);
    case CLI_LIST: {
        struct cli_list *list = place;
        if (list->count == CLI_LIST_LIMIT) {
            cli_report("--%s was given more than %u times: give fewer", option->name, CLI_LIST_LIMIT);
            return false;
        }
        list->items[list->count++] = argument;
        return true;
    }
    }
    return false;
}

/* An option that stands where the argument of another was expected: most likely that one was forgotten. */
static bool looks_forgotten(const struct cli_command *command, const struct cli_option *option, const char *next)
{
    return option->type != CLI_TEXT && strncmp(next, "--", 2) == 0 &&
           find_option(command, next + 2, strcspn(next + 2, "=")) != NULL;
}

/* Reads the option at arguments[*at] and moves *at to its last word. */
static bool parse_option(struct parser *parser, char *const *arguments, unsigned count, unsigned *at)
{
    const char *word = arguments[*at];
    size_t length = strcspn(word + 2, "=");
    const struct cli_option *option = word[1] == '-' ? find_option(parser->command, word + 2, length) : NULL;
    if (option == NULL) {
        return unknown_option(parser->command, word);
    }
    size_t index = (size_t)(option - parser->command->options);
    uint64_t bit = UINT64_C(1) << (index % 64);
    if (option->type != CLI_LIST && (parser->given[index / 64] & bit) != 0) {
        cli_report("--%s was given twice: give it once", option->name);
        return false;
    }
    parser->given[index / 64] |= bit;
    const char *argument = word[2 + length] == '=' ? word + 3 + length : NULL;
    if (option->type == CLI_FLAG && argument != NULL) {
        cli_report("--%s takes no argument: leave out what follows the =", option->name);
        return false;
    }
    if (option->type != CLI_FLAG && argument == NULL) {
        if (*at + 1 >= count || looks_forgotten(parser->command, option, arguments[*at + 1])) {
            cli_report("--%s needs an argument: give --%s %s", option->name, option->name, option->argument);
            return false;
        }
        argument = arguments[++*at];
    }
    return store(option, argument, parser->values);
}

static void store_defaults(const struct cli_command *command, char *values)
{
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        if (option->initial != NULL) {
            store(option, option->initial, values);
        }
    }
}

static bool check_operands(const struct cli_command *command, char *const *operands, unsigned count)
{
    if (command->operand == NULL && count > 0) {
        cli_report("%s takes no operands, but there is \"%s\": see ravelin %s --help", command->name, operands[0],
                   command->name);
        return false;
    }
    if (count < command->operand_low) {
        cli_report("%s needs a %s: give ravelin %s %s", command->name, command->operand, command->name,
                   command->operand);
        return false;
    }
    if (command->operand != NULL && count > command->operand_high) {
        cli_report("%s takes at most %u %s, but there is also \"%s\": leave it out", command->name,
                   command->operand_high, command->operand, operands[command->operand_high]);
        return false;
    }
    return true;
}

bool cli_parse(const struct cli_command *command, char **arguments, unsigned count, void *values,
               struct cli_parsed *parsed)
{
    struct parser parser = { .command = command, .values = values };
    memset(values, 0, command->values_size);
    store_defaults(command, values);
    unsigned operand_count = 0;
    bool options_over = false;
    *parsed = (struct cli_parsed){ .operands = arguments };
    for (unsigned i = 0; i < count; i++) {
        const char *word = arguments[i];
        if (options_over || word[0] != '-' || word[1] == '\0') {
            arguments[operand_count++] = arguments[i];
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            parsed->help = true;
            return true;
        } else if (!parse_option(&parser, arguments, count, &i)) {
            return false;
        }
    }
    parsed->operand_count = operand_count;
    return check_operands(command, parsed->operands, operand_count);
}
