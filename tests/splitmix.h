/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that a seed repeats, for tests: splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). The state may start as anything; each state has a sequence of its own.
 */
#ifndef RAVELIN_TESTS_SPLITMIX_H
#define RAVELIN_TESTS_SPLITMIX_H

#include <stdint.h>

static inline uint64_t splitmix_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
