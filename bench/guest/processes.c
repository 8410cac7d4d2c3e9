/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements that run other programs. */
#include "workload.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_RUN  15.0 /* seconds */

#define FNV_START UINT64_C(0xcbf29ce484222325) /* FNV-1a, 64 bits */
#define FNV_PRIME UINT64_C(0x100000001b3)

/* Adds what can be read from `file` to *sum. Bytes before a time or a path would make it useless; our inputs have none.
 */
static void add_file(uint64_t *sum, int file)
{
    static uint8_t bytes[65536];
    ssize_t got;
    while ((got = read(file, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            *sum = (*sum ^ bytes[i]) * FNV_PRIME;
        }
    }
}

/* Runs command[0], found by PATH, to its end; false if it could not be run or failed. */
static bool run(char **command, uint64_t *sum)
{
    int ends[2], status;
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = vfork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(command[0], command);
        _exit(127);
    }
    close(ends[1]);
    add_file(sum, ends[0]);
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int failed(const char *name, const char *program)
{
    printf("wrong %s: %s failed\n", name, program);
    return 1;
}

int measure_command(const char *name, double seconds, const char *output, char **command)
{
    uint64_t first = 0, count = 0;
    double started = seconds_now(), ended;
    do {
        uint64_t sum = FNV_START;
        if (!run(command, &sum)) {
            return failed(name, command[0]);
        }
        if (strcmp(output, "-") != 0) {
            int file = open(output, O_RDONLY | O_CLOEXEC);
            if (file < 0) {
                return failed(name, output);
            }
            add_file(&sum, file);
            close(file);
        }
        ended = seconds_now();
        if (count == 0 && ended - started >= LONG_RUN) {
            first = sum;
            count = 2; /* so long a run is not repeated: it counts */
            break;
        }
        if (count == 0) {
            first = sum;
            started = ended; /* that run was the warm one */
        } else if (sum != first) {
            printf("wrong %s: the checksum changed\n", name);
            return 1;
        }
        count++;
    } while (count < 2 || ended - started < seconds);
    printf("result %s %.5f %016" PRIx64 "\n", name, (double)(count - 1) / (ended - started), first);
    return 0;
}

int measure_programs(const char *name, const char *folder)
{
    struct dirent **entries;
    int entry_count = scandir(folder, &entries, NULL, alphasort);
    if (entry_count < 0 || chdir(folder) != 0) {
        return failed(name, folder);
    }
    /* Off the disk and into memory, which is not what is measured. */
    uint64_t sum = 0;
    for (int i = 0; i < entry_count; i++) {
        int file = open(entries[i]->d_name, O_RDONLY | O_CLOEXEC);
        add_file(&sum, file);
        close(file);
    }
    sum = FNV_START;
    int count = 0;
    double started = seconds_now();
    for (int i = 0; i < entry_count; i++) {
        char path[300];
        if (entries[i]->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "./%s", entries[i]->d_name);
        if (!run((char *[]){ path, NULL }, &sum)) {
            return failed(name, path);
        }
        count++;
    }
    double ended = seconds_now();
    printf("result %s %.3f %016" PRIx64 "\n", name, count / (ended - started), sum);
    return 0;
}
