/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench [SECONDS [NAME…]]: runs each workload for SECONDS (default 1) and prints "result NAME UNITS-PER-SECOND
 * CHECKSUM".
 */
#include "workload.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    uint64_t (*unit)(void);
} workloads[] = {
    { "integer", integer_unit },
    { "branchy", branchy_unit },
    { "hashing", hashing_unit },
    { "sorting", sorting_unit },
    { "pointer-chasing", chasing_unit },
    { "copying", copying_unit },
    { "float-single", single_float_unit },
    { "float-double", double_float_unit },
    { "float-libm", libm_unit },
    { "system-calls", system_call_unit },
    { "forks", fork_unit },
    { "page-faults", page_fault_unit },
    { "ping-pong", ping_pong_unit },
    { "programs", many_programs_unit },
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool is_wanted(const char *name, int count, char **arguments)
{
    for (int i = 2; i < count; i++) {
        if (strcmp(arguments[i], name) == 0) {
            return true;
        }
    }
    return count <= 2;
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "nothing") == 0) {
        return 0;
    }
    double seconds = count > 1 ? atof(arguments[1]) : 1;
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (!is_wanted(workloads[i].name, count, arguments)) {
            continue;
        }
        uint64_t check = workloads[i].unit(); /* warm */
        uint64_t units = 0;
        double started = now(), ended;
        do {
            if (workloads[i].unit() != check) {
                printf("wrong %s: the checksum changed\n", workloads[i].name);
                return 1;
            }
            units++;
            ended = now();
        } while (ended - started < seconds);
        printf("result %s %.3f %016" PRIx64 "\n", workloads[i].name, (double)units / (ended - started), check);
        fflush(stdout);
    }
    return 0;
}
