/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzzer's input as a program for the target: numbers are taken from its start until it is used up. */
#ifndef RAVELIN_TESTS_FUZZ_INPUT_H
#define RAVELIN_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_input {
    const uint8_t *bytes;
    size_t left;
};

/* The next `size` bytes (at most 8), the lowest first; 0 for those that are not there any more. */
static inline uint64_t fuzz_take(struct fuzz_input *input, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size && input->left > 0; i++, input->left--) {
        value |= (uint64_t)*input->bytes++ << (8 * i);
    }
    return value;
}

#endif
