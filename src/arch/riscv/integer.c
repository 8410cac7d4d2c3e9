/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carry-less multiplication: on the host's instruction where it has one.
 */
#include "arch/riscv/primitives.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The 128-bit product of two polynomials over GF(2), bit by bit. */
static riscv_bits128 clmul_portable(uint64_t a, uint64_t b)
{
    riscv_bits128 product = 0;
    for (unsigned i = 0; i < 64; i++) {
        if ((b >> i & 1) != 0) {
            product ^= (riscv_bits128)a << i;
        }
    }
    return product;
}

#if defined(__x86_64__)
__attribute__((target("pclmul"))) static riscv_bits128 clmul_host(uint64_t a, uint64_t b)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)a), _mm_set_epi64x(0, (int64_t)b), 0);
    union {
        __m128i vector;
        riscv_bits128 bits;
    } result = { .vector = product };
    return result.bits;
}

static riscv_bits128 clmul128(uint64_t a, uint64_t b)
{
    return __builtin_cpu_supports("pclmul") ? clmul_host(a, b) : clmul_portable(a, b);
}
#else
static riscv_bits128 clmul128(uint64_t a, uint64_t b)
{
    return clmul_portable(a, b);
}
#endif

uint64_t riscv_clmul(uint64_t a, uint64_t b)
{
    return (uint64_t)clmul128(a, b);
}

uint64_t riscv_clmulh(uint64_t a, uint64_t b)
{
    return (uint64_t)(clmul128(a, b) >> 64);
}
