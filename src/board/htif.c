/* SPDX-License-Identifier: Apache-2.0 */
#include "board/htif.h"

#include <stdatomic.h>
#include <string.h>

enum htif_call { HTIF_CALL_WRITE = 64, HTIF_CALL_EXIT = 93 };

#define NOT_KNOWN   ((uint64_t)-38) /* -ENOSYS, as the guest's C library spells it */
#define BAD_ADDRESS ((uint64_t)-14) /* -EFAULT */

static _Atomic uint64_t *word(const struct htif *htif, uint64_t address)
{
    return memory_pointer(htif->memory, gpa(address), sizeof(uint64_t), MEMORY_WRITE);
}

static uint64_t call_write(const struct htif *htif, uint64_t address, uint64_t size)
{
    const uint8_t *bytes = memory_pointer(htif->memory, gpa(address), size, MEMORY_READ);
    if (bytes == NULL) {
        return size == 0 ? 0 : BAD_ADDRESS;
    }
    htif->print(htif->context, bytes, size);
    return size;
}

/* Returns false when the program ended. */
static bool system_call(const struct htif *htif, uint64_t address)
{
    uint64_t words[8];
    if (!memory_read(htif->memory, gpa(address), words, sizeof words)) {
        log_guest(htif->log, "htif: system call block at %#llx is not in memory", (unsigned long long)address);
        return true;
    }
    uint64_t result = NOT_KNOWN;
    if (words[0] == HTIF_CALL_EXIT) {
        htif->finish(htif->context, (uint32_t)words[1]);
        return false;
    }
    if (words[0] == HTIF_CALL_WRITE) {
        result = call_write(htif, words[2], words[3]);
    } else {
        log_guest(htif->log, "htif: unknown system call %llu", (unsigned long long)words[0]);
    }
    memory_write(htif->memory, gpa(address), &result, sizeof result);
    return true;
}

static void answer(const struct htif *htif, uint64_t value)
{
    _Atomic uint64_t *fromhost = htif->fromhost != 0 ? word(htif, htif->fromhost) : NULL;
    if (fromhost != NULL) {
        atomic_store(fromhost, value);
    }
}

bool htif_poll(const struct htif *htif)
{
    const _Atomic uint64_t *seen = memory_pointer(htif->memory, gpa(htif->tohost), sizeof(uint64_t), MEMORY_READ);
    if (seen == NULL || atomic_load_explicit(seen, memory_order_acquire) == 0) {
        return false;
    }
    _Atomic uint64_t *tohost = word(htif, htif->tohost);
    uint64_t request = atomic_exchange(tohost, 0);
    unsigned device = (unsigned)(request >> 56);
    unsigned command = (unsigned)(request >> 48) & 0xff;
    uint64_t payload = request & ((UINT64_C(1) << 48) - 1);
    if (device == 0 && command == 0 && (payload & 1) != 0) {
        htif->finish(htif->context, (uint32_t)(payload >> 1));
    } else if (device == 0 && command == 0) {
        if (system_call(htif, payload)) {
            answer(htif, 1);
        }
    } else if (device == 1 && command == 1) {
        uint8_t byte = (uint8_t)payload;
        htif->print(htif->context, &byte, 1);
    } else {
        log_guest(htif->log, "htif: unknown device %u, command %u", device, command);
    }
    return true;
}
