/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTIF, the host-target interface of bare-metal RISC-V test programs: two 64-bit words in the program's own memory,
 * `tohost` and `fromhost`. The program stores a request and, unless it ends, waits until the word is 0 again.
 *
 *   device 0, command 0, bit 0 = 1   end; code = payload >> 1, 0 for success
 *   device 0, command 0, bit 0 = 0   system call; payload = address of 8 words: number, arguments; word 0 becomes the
 *                                    result. Known: 64 write (to the console), 93 exit
 *   device 1, command 1              print the character in the low byte
 *
 * (riscv-isa-sim, fesvr; the device number is in bits 63:56, the command in 55:48.) The words lie among the program's
 * other data and code, so that they stay plain memory and are looked at from time to time instead: htif_poll().
 * The guest is hostile: addresses are checked by memory/.
 */
#ifndef RAVELIN_BOARD_HTIF_H
#define RAVELIN_BOARD_HTIF_H

#include "core/log.h"
#include "memory/memory.h"

struct htif {
    const struct memory *memory;
    struct log *log;
    uint64_t tohost;   /* guest-physical addresses, multiples of 8 */
    uint64_t fromhost; /* 0: the program has none */
    void (*print)(void *context, const uint8_t *bytes, size_t size);
    void (*finish)(void *context, uint32_t code);
    void *context;
};

/* Serves the request in `tohost`, if there is one; returns whether there was. One thread at a time. */
bool htif_poll(const struct htif *htif);

#endif
