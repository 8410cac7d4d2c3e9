/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) and HMAC with it (FIPS 198-1). */
#ifndef SECURE_KERNEL_SHA256_H
#define SECURE_KERNEL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE  32u
#define SHA256_BLOCK 64u

struct sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes taken so far */
    uint8_t block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t size);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);

/* The key is SHA256_SIZE bytes; the message comes in two parts. */
void hmac_sha256(const uint8_t *key, const void *first, size_t first_size, const void *second, size_t second_size,
                 uint8_t mac[SHA256_SIZE]);

#endif
