/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

/* -- A chain of multiplications -------------------------------------------------------------------------------------
 */

uint64_t multiply_chain_unit(void)
{
    uint64_t a = 1, b = 2, c = 3;
    for (uint32_t i = 1; i <= 200000; i++) {
        a = a * 6364136223846793005u + 1442695040888963407u;
        b ^= a >> 29;
        b = b << 7 | b >> 57;
        c += b & (a ^ i);
        if (i % 64 == 0) {
            c += a / (b | 1);
        }
    }
    return a ^ b ^ c;
}

/* -- Branchy: a stack machine that runs a random program ------------------------------------------------------------
 */

enum { PROGRAM_SIZE = 4096 };

static void make_program(uint8_t *program)
{
    uint32_t seed = 12345;
    for (int i = 0; i < PROGRAM_SIZE; i++) {
        seed = seed * 1103515245u + 12345u;
        program[i] = (uint8_t)(seed >> 16 & 7);
    }
}

uint64_t branchy_unit(void)
{
    static uint8_t program[PROGRAM_SIZE];
    if (program[1] == 0 && program[2] == 0) {
        make_program(program);
    }
    uint64_t accumulator = 1, other = 7;
    uint32_t at = 0;
    for (int step = 0; step < 200000; step++) {
        uint8_t code = program[at];
        at = (at + 1) & (PROGRAM_SIZE - 1);
        switch (code) {
        case 0: accumulator += other; break;
        case 1: other ^= accumulator; break;
        case 2: accumulator = accumulator << 3 | accumulator >> 61; break;
        case 3: other -= 3; break;
        case 4:
            if ((accumulator & 1) != 0) {
                at = (at + 5) & (PROGRAM_SIZE - 1);
            }
            break;
        case 5: accumulator ^= at; break;
        case 6:
            if (other > accumulator) {
                other >>= 1;
            }
            break;
        default: accumulator += 11; break;
        }
    }
    return accumulator ^ other;
}

/* -- Hashing: SHA-256, FIPS 180-4 section 6.2 -----------------------------------------------------------------------
 */

static const uint32_t sha_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, unsigned by)
{
    return value >> by | value << (32 - by);
}

static void sha_block(uint32_t state[8], const uint8_t *bytes)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 | (uint32_t)bytes[4 * i + 2] << 8 |
               bytes[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha_constants[i] + w[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}

uint64_t hashing_unit(void)
{
    static uint8_t data[65536];
    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };
    for (size_t at = 0; at < sizeof data; at += 64) {
        sha_block(state, data + at);
    }
    return (uint64_t)state[0] << 32 | state[1];
}

/* -- Sorting ------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint64_t sorting_unit(void)
{
    static uint32_t numbers[20000];
    uint32_t seed = 1;
    for (size_t i = 0; i < 20000; i++) {
        seed = seed * 1664525u + 1013904223u;
        numbers[i] = seed;
    }
    qsort(numbers, 20000, sizeof numbers[0], compare);
    return numbers[0] ^ (uint64_t)numbers[10000] << 32;
}

/* -- Pointer chasing ----------------------------------------------------------------------------------------------- */

enum { NODES = 1 << 17 };

struct node {
    struct node *next;
    uint64_t pad[7];
};

static struct node *make_cycle(void)
{
    struct node *nodes = calloc(NODES, sizeof *nodes);
    uint32_t *order = malloc(NODES * sizeof *order);
    uint64_t seed = 99;
    for (uint32_t i = 0; i < NODES; i++) {
        order[i] = i;
    }
    for (uint32_t i = NODES - 1; i > 0; i--) {
        seed = seed * 6364136223846793005u + 1;
        uint32_t j = (uint32_t)((seed >> 33) % (i + 1)), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    }
    free(order);
    return nodes;
}

uint64_t chasing_unit(void)
{
    static struct node *start;
    if (start == NULL) {
        start = make_cycle();
    }
    struct node *node = start;
    for (int i = 0; i < NODES; i++) {
        node = node->next;
    }
    return node == start;
}

/* -- Copying ------------------------------------------------------------------------------------------------------- */

uint64_t copying_unit(void)
{
    enum { SIZE = 4 << 20 };
    static uint8_t *from, *to;
    if (from == NULL) {
        from = malloc(SIZE);
        to = malloc(SIZE);
    }
    memset(from, 0x5a, SIZE);
    memcpy(to, from, SIZE);
    memcpy(from, to, SIZE);
    return to[SIZE - 1];
}
