/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks over a frame a hostile guest sends before a network library gets it. The library is written in C by others
 * and parses what it gets inside our process: random frames crash libslirp 4.7.0 within seconds, by fragments and by
 * lengths that contradict each other. What passes here is whole and its lengths agree.
 *
 * Passed: ARP; IPv4 without options and fragments, and IPv6 without extension headers, carrying TCP, UDP or ICMP.
 * Everything else a user-mode network has no use for.
 */
#ifndef RAVELIN_DEVICES_FRAME_GUARD_H
#define RAVELIN_DEVICES_FRAME_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* The size of the frame without what follows the packet in it, or 0: drop it. Any bytes, any size. */
size_t frame_guard_size(const uint8_t *frame, size_t size);

#endif
