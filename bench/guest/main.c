/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench [SECONDS [NAME…]]: runs each workload for SECONDS (default 1) and prints "result NAME UNITS-PER-SECOND
 * CHECKSUM". The rest measure one thing and print the same line (workload.h):
 *
 *     bench parallel NAME SECONDS THREADS
 *     bench command NAME SECONDS OUTPUT COMMAND…
 *     bench programs NAME FOLDER
 *     bench nothing                                   ends at once
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
    { "multiply-chain", multiply_chain_unit },
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
    { "exec", exec_unit },
};

double seconds_now(void)
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

static int run_workload(const char *name, uint64_t (*unit)(void), double seconds)
{
    uint64_t check = unit(); /* warm */
    uint64_t units = 0;
    double started = seconds_now(), ended;
    do {
        if (unit() != check) {
            printf("wrong %s: the checksum changed\n", name);
            return 1;
        }
        units++;
        ended = seconds_now();
    } while (ended - started < seconds);
    printf("result %s %.3f %016" PRIx64 "\n", name, (double)units / (ended - started), check);
    fflush(stdout);
    return 0;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "1";
    if (strcmp(what, "nothing") == 0) {
        return 0;
    }
    if (strcmp(what, "parallel") == 0 && count == 5) {
        return measure_parallel(arguments[2], atof(arguments[3]), atoi(arguments[4]));
    }
    if (strcmp(what, "command") == 0 && count >= 6) {
        return measure_command(arguments[2], atof(arguments[3]), arguments[4], arguments + 5);
    }
    if (strcmp(what, "programs") == 0 && count == 4) {
        return measure_programs(arguments[2], arguments[3]);
    }
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (is_wanted(workloads[i].name, count, arguments) &&
            run_workload(workloads[i].name, workloads[i].unit, atof(what)) != 0) {
            return 1;
        }
    }
    return 0;
}
