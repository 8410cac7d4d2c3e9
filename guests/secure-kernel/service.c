/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's kernel can ask by VtlCall; docs/manual/secure-kernel.md has it for its users. a0 is the function on
 * the way in and an error (0: none) on the way out; other registers as told below. The secret never leaves: what is
 * given back are message authentication codes made with keys derived from it.
 */
#include "call.h"
#include "kernel.h"
#include "sha256.h"

#define SERVICE_VERSION 1u
#define SIGN_SIZE_MAX   PAGE_SIZE

enum service {
    SERVICE_ASK,    /* a1: version, a2: permissions, a3: locked */
    SERVICE_SIGN,   /* of a2 (at most 4096) bytes at guest-physical a1, inside one page. a1 … a4: the code */
    SERVICE_ATTEST, /* for the nonce in a1 … a4. a1 … a4: the code, a5: the state it is about */
    SERVICE_SEAL,   /* no module and no BPF program becomes executable any more */
};

enum service_error {
    SERVICE_DONE = 0,
    SERVICE_UNKNOWN = -2,
    SERVICE_INVALID = -3,
    SERVICE_DENIED = -4,
};

#define A(number) (10 + (number))

void service_begin(const uint8_t *seed, size_t size)
{
    struct sha256 hash;
    uint8_t secret[SHA256_SIZE];
    sha256_begin(&hash);
    sha256_add(&hash, seed, size);
    sha256_end(&hash, secret);
    hmac_sha256(secret, "sign", 4, "", 0, kernel.sign_key);
    hmac_sha256(secret, "attest", 6, "", 0, kernel.attest_key);
    memset(secret, 0, sizeof secret);
}

static uint64_t state_word(void)
{
    return (uint64_t)kernel.permissions | (uint64_t)kernel.pins << 16 | (uint64_t)kernel.locked << 32 |
           (uint64_t)(kernel.refused != 0) << 33;
}

static int64_t sign(struct vp *vp, uint64_t *x)
{
    uint64_t address = x[A(1)], size = x[A(2)];
    uint32_t rights;
    uint8_t copy[512], mac[SHA256_SIZE];
    if (size > SIGN_SIZE_MAX || (address & (PAGE_SIZE - 1)) + size > PAGE_SIZE) {
        return SERVICE_INVALID;
    }
    if (!call_rights(vp, address >> PAGE_SHIFT, &rights) || (rights & ABI_R) == 0) {
        return SERVICE_DENIED;
    }
    struct sha256 hash;
    sha256_begin(&hash);
    for (uint64_t done = 0; done < size; done += sizeof copy) {
        uint64_t now = size - done < sizeof copy ? size - done : sizeof copy;
        memcpy(copy, (const void *)(address + done), now);
        sha256_add(&hash, copy, now);
    }
    sha256_end(&hash, mac);
    hmac_sha256(kernel.sign_key, mac, sizeof mac, &size, sizeof size, mac);
    memcpy(&x[A(1)], mac, sizeof mac);
    return SERVICE_DONE;
}

static int64_t attest(uint64_t *x)
{
    uint64_t state = state_word();
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(kernel.attest_key, &state, sizeof state, &x[A(1)], sizeof mac, mac);
    memcpy(&x[A(1)], mac, sizeof mac);
    x[A(5)] = state;
    return SERVICE_DONE;
}

void service_call(struct vp *vp)
{
    uint64_t *x = vp->frame->x;
    int64_t error = SERVICE_UNKNOWN;
    switch (x[A(0)]) {
    case SERVICE_ASK:
        x[A(1)] = SERVICE_VERSION;
        x[A(2)] = kernel.permissions;
        x[A(3)] = kernel.locked;
        error = SERVICE_DONE;
        break;
    case SERVICE_SIGN: error = sign(vp, x); break;
    case SERVICE_ATTEST: error = attest(x); break;
    case SERVICE_SEAL:
        pages_seal(vp);
        error = SERVICE_DONE;
        break;
    default: break;
    }
    x[A(0)] = (uint64_t)error;
}
