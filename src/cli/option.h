/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as a table: every command, option and example is data (commands.c), and from that one table come
 * the parser, --help, the manual pages and the shells' completions. Nothing about an option is written twice.
 *
 * An option's value goes to `offset` bytes into the command's value structure; its C type follows from `type`. The
 * structure starts zeroed and then gets the defaults. Strings point into argv.
 */
#ifndef RAVELIN_CLI_OPTION_H
#define RAVELIN_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_type {
    CLI_FLAG,    /* bool; takes no argument */
    CLI_TEXT,    /* const char * */
    CLI_INPUT,   /* const char *: a file that is read */
    CLI_OUTPUT,  /* const char *: a file that is written */
    CLI_CHOICE,  /* const char *: one of `choices` */
    CLI_COUNT,   /* uint64_t: decimal or 0x… */
    CLI_SIZE,    /* uint64_t, bytes: a number and K, M, G or T (powers of 1024) */
    CLI_SECONDS, /* uint64_t, nanoseconds: seconds, fractions allowed */
    CLI_LIST,    /* struct cli_list: given any number of times up to CLI_LIST_LIMIT */
};

#define CLI_LIST_LIMIT 16

struct cli_list {
    const char *items[CLI_LIST_LIMIT];
    unsigned count;
};

struct cli_option {
    const char *name; /* without the dashes; NULL ends a table */
    enum cli_type type;
    const char *argument; /* "SIZE"; NULL for a flag */
    size_t offset;
    const char *help;           /* one or two sentences, without the range and the default */
    const char *initial;        /* the default, parsed like an argument; NULL: none */
    uint64_t low, high;         /* COUNT, SIZE, SECONDS (nanoseconds): the range, both ends allowed */
    const char *const *choices; /* CHOICE, and what completion offers for others; NULL-terminated */
};

struct cli_example {
    const char *text;
    const char *command;
};

struct cli_command {
    const char *name;            /* "run", "isa check" */
    const char *summary;         /* a line of `ravelin help`, lower case, no full stop */
    const char *const *synopsis; /* alternatives, without "ravelin NAME"; NULL-terminated */
    const char *description;     /* paragraphs separated by an empty line */
    const char *operand;         /* "FILE", or NULL if it takes none */
    unsigned operand_low, operand_high;
    const struct cli_option *options;   /* ended by a NULL name */
    const struct cli_example *examples; /* ended by a NULL text */
    size_t values_size;                 /* of its value structure; at most CLI_VALUES_SIZE */
    int (*run)(const void *values, char *const *operands, unsigned operand_count); /* gives the exit status */
};

#define CLI_VALUES_SIZE 2048

/* Exit statuses that the command line itself gives (the guest's own code may be any). */
enum cli_status {
    CLI_SUCCESS = 0,
    CLI_FAILURE = 1, /* the host: a file, memory, a device */
    CLI_USAGE = 2,   /* the command line */
    CLI_TIMEOUT = 124,
};

struct cli_parsed {
    bool help; /* --help or -h was given: nothing else counts */
    char *const *operands;
    unsigned operand_count;
};

/*
 * Reads `count` arguments for a command into `values` (values_size bytes, aligned for any type). Options may stand
 * before and after operands, as `--name ARGUMENT` or `--name=ARGUMENT`; `--` ends them. `arguments` is reordered so
 * that the operands stand together. On a fault prints one line and returns false.
 */
bool cli_parse(const struct cli_command *command, char **arguments, unsigned count, void *values,
               struct cli_parsed *parsed);

/* The parsers of single arguments, for tests. `text` is terminated; false: not of this form (*value unchanged). */
bool cli_parse_count(const char *text, uint64_t *value);
bool cli_parse_size(const char *text, uint64_t *value);
bool cli_parse_seconds(const char *text, uint64_t *nanoseconds);

/* The range of an option that takes a number and has one, as its user would write it: "1 to 128", "at least 1M",
 * "0.001 to 1000000000". */
bool cli_has_range(const struct cli_option *option);
void cli_describe_range(const struct cli_option *option, char *text, size_t size);

/* An argument as messages repeat it: an empty one is seen, too. */
const char *cli_shown(const char *argument);

/* The candidate nearest to `text` (few edits), or NULL if none is near. `candidates` is NULL-terminated. */
const char *cli_nearest(const char *text, const char *const *candidates);

#endif
