/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_files.h"

#include "cli/report.h"

#include <ravelin/vm.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIXED_COUNT 13u

struct named_file {
    const char *option; /* NULL: not given */
    char *path;         /* owned */
    bool output;
    bool guarded; /* a disk that is written: none of the others may be the same */
};

struct files {
    struct named_file list[FIXED_COUNT + RAVELIN_DISK_LIMIT];
    unsigned count;
};

/* Adds the file that an argument names, if it was given; `suffix` may follow the name, and whether it does is returned.
 */
static bool add(struct files *files, const char *option, const char *argument, const char *suffix, bool output)
{
    if (argument == NULL) {
        return false;
    }
    size_t length = strlen(argument);
    size_t suffix_length = strlen(suffix);
    bool has_suffix = length >= suffix_length && strcmp(argument + length - suffix_length, suffix) == 0;
    length -= has_suffix ? suffix_length : 0;
    char *path = strndup(argument, length);
    if (path == NULL) {
        abort(); /* no memory for a file name */
    }
    files->list[files->count++] = (struct named_file){ .option = option, .path = path, .output = output };
    return has_suffix;
}

char *run_files_symbols(const char *argument, const char **slide)
{
    static const char key[] = ",slide=";
    const char *end = strstr(argument, key);
    for (const char *next = end; next != NULL; next = strstr(next + 1, key)) {
        end = next; /* the last one: names may have commas */
    }
    *slide = end != NULL ? end + strlen(key) : NULL;
    char *path = end != NULL ? strndup(argument, (size_t)(end - argument)) : strdup(argument);
    if (path == NULL) {
        abort(); /* no memory for a file name */
    }
    return path;
}

static void collect(struct files *files, const struct cli_run_values *values)
{
    const char *slide;
    char *symbols = values->symbols != NULL ? run_files_symbols(values->symbols, &slide) : NULL;
    const char *console = strncmp(values->console, "file:", 5) == 0 ? values->console + 5 : NULL;
    add(files, "--console", console, "", true);
    add(files, "--stats", values->stats, "", true);
    add(files, "--trace", values->trace, ",instructions", true);
    add(files, "--events", values->events, "", true);
    add(files, "--dump-dtb", values->dump_dtb, "", true);
    add(files, "--signature", values->signature, "", true);
    add(files, "--kernel", values->kernel, "", false);
    add(files, "--initrd", values->initrd, "", false);
    add(files, "--firmware", values->firmware, "", false);
    add(files, "--elf", values->elf, "", false);
    add(files, "--secure-kernel", values->secure_kernel, "", false);
    add(files, "--policy", values->policy, "", false);
    add(files, "--symbols", symbols, "", false);
    free(symbols);
    for (unsigned i = 0; i < values->disks.count && i < RAVELIN_DISK_LIMIT; i++) {
        bool readonly = add(files, "--disk", values->disks.items[i], ",readonly", false);
        files->list[files->count - 1].guarded = !readonly;
    }
}

/* Both there and one file, or neither there and one name. */
static bool are_same(const struct named_file *a, const struct named_file *b)
{
    struct stat status[2];
    bool there = stat(a->path, &status[0]) == 0;
    if (there != (stat(b->path, &status[1]) == 0)) {
        return false;
    }
    if (!there) {
        return strcmp(a->path, b->path) == 0;
    }
    bool replaced = S_ISREG(status[0].st_mode) || S_ISBLK(status[0].st_mode);
    return replaced && status[0].st_dev == status[1].st_dev && status[0].st_ino == status[1].st_ino;
}

/* Two disks may be one image if neither is written. */
static bool disks_are_distinct(const struct files *files, unsigned first)
{
    for (unsigned i = first; i < files->count; i++) {
        for (unsigned j = i + 1; j < files->count; j++) {
            const struct named_file *a = &files->list[i], *b = &files->list[j];
            if ((a->guarded || b->guarded) && are_same(a, b)) {
                cli_report("--disk %s was given twice: give it once, or both times with ,readonly", cli_shown(a->path));
                return false;
            }
        }
    }
    return true;
}

bool run_files_are_distinct(const struct cli_run_values *values)
{
    struct files files = { .count = 0 };
    collect(&files, values);
    bool distinct = true;
    for (unsigned i = 0; i < files.count && files.list[i].output; i++) { /* outputs come first */
        for (unsigned j = i + 1; distinct && j < files.count; j++) {
            distinct = !are_same(&files.list[i], &files.list[j]);
            if (!distinct) {
                cli_report("%s and %s are the same file, %s: give one of them another name", files.list[i].option,
                           files.list[j].option, files.list[i].path);
            }
        }
    }
    unsigned disk_count = values->disks.count < RAVELIN_DISK_LIMIT ? values->disks.count : RAVELIN_DISK_LIMIT;
    distinct = distinct && disks_are_distinct(&files, files.count - disk_count);
    for (unsigned i = 0; i < files.count; i++) {
        free(files.list[i].path);
    }
    return distinct;
}
