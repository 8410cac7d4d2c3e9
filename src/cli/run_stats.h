/* SPDX-License-Identifier: Apache-2.0 */
/* --stats: what a run did, as JSON. docs/manual/command-line.md describes the members. */
#ifndef RAVELIN_CLI_RUN_STATS_H
#define RAVELIN_CLI_RUN_STATS_H

#include <ravelin/stats.h>
#include <ravelin/trust.h>
#include <ravelin/vm.h>

#include <stdbool.h>
#include <stdio.h>

/* Writes one JSON object and a newline; `end` is a word such as "power-off"; `trust` is NULL without trust levels.
 * False: the host did not take it. */
bool run_stats_write(FILE *stream, const struct ravelin_stats *stats, const struct ravelin_trust_stats *trust,
                     const char *end, int exit_status, const char *engine);

#endif
