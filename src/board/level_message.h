/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a secure kernel tells, one line at a time, made fit to be shown: nothing that a terminal would obey, and places
 * in the guest's kernel by name ("0xffffffff8003aeda" becomes "__riscv_sys_umask+0x0") where they are known.
 */
#ifndef RAVELIN_BOARD_LEVEL_MESSAGE_H
#define RAVELIN_BOARD_LEVEL_MESSAGE_H

#include "core/symbols.h"

#define LEVEL_MESSAGE_SIZE 1024u

/* Writes a terminated line without its end. What does not fit is left out. `symbols` may be NULL, `bytes` may be
 * anything. */
void level_message(const struct symbols *symbols, const uint8_t *bytes, size_t size, char line[LEVEL_MESSAGE_SIZE]);

#endif
