/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other emulator: QEMU, run one instruction at a time with its registers logged before each, read through a pipe.
 */
#ifndef RAVELIN_TESTS_RANDOM_PEER_H
#define RAVELIN_TESTS_RANDOM_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct peer {
    pid_t process;
    FILE *log;
};

/* What is compared. */
struct peer_state {
    uint64_t pc;
    uint64_t x[32];
    uint64_t f[32];
    uint64_t mepc, mcause, mtval, fcsr;
};

/* Starts `qemu` (path) on the program in the file `image`, loaded at 0x80000000. false: it could not be started. */
bool peer_start(struct peer *peer, const char *qemu, const char *image);

/* The registers before the next instruction; false at the end of the log. */
bool peer_next(struct peer *peer, struct peer_state *state);

void peer_stop(struct peer *peer);

#endif
