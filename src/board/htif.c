/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest asks for here is done with the rights of trust level 0. */
#include "board/htif.h"

#include "memory/rights.h"
#include "memory/watch.h"

#include <stdatomic.h>
#include <string.h>

enum htif_call { HTIF_CALL_WRITE = 64, HTIF_CALL_EXIT = 93 };

#define NOT_KNOWN   ((uint64_t)-38) /* -ENOSYS, as the guest's C library spells it */
#define BAD_ADDRESS ((uint64_t)-14) /* -EFAULT */

static uint64_t call_write(const struct htif *htif, uint64_t address, uint64_t size)
{
    struct memory_pin pin;
    const uint8_t *bytes = rights_pin(htif->memory, 0, gpa(address), size, MEMORY_READ, &pin);
    if (bytes == NULL) {
        return size == 0 ? 0 : BAD_ADDRESS;
    }
    htif->print(htif->context, bytes, size);
    rights_unpin(htif->memory, &pin);
    return size;
}

/* Returns false when the program ended. */
static bool system_call(const struct htif *htif, uint64_t address)
{
    uint64_t words[8];
    if (!rights_read(htif->memory, 0, gpa(address), words, sizeof words)) {
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
    rights_write(htif->memory, 0, gpa(address), &result, sizeof result);
    return true;
}

static void answer(const struct htif *htif, uint64_t value)
{
    gpa_t place = gpa(htif->fromhost);
    struct memory_pin pin;
    _Atomic uint64_t *fromhost =
        place.bits != 0 ? rights_pin(htif->memory, 0, place, sizeof *fromhost, MEMORY_WRITE, &pin) : NULL;
    if (fromhost != NULL) {
        atomic_store(fromhost, value);
        watch_written(htif->memory, fromhost, sizeof *fromhost);
        rights_unpin(htif->memory, &pin);
    }
}

/* The cell is part of the machine rather than of the guest's memory: pages' rights do not matter. */
static uint64_t take_request(const struct htif *htif)
{
    _Atomic uint64_t *tohost = memory_pointer(htif->memory, gpa(htif->tohost), sizeof *tohost, MEMORY_WRITE);
    const uint64_t request = atomic_exchange(tohost, 0);
    watch_written(htif->memory, tohost, sizeof *tohost);
    return request;
}

bool htif_poll(const struct htif *htif)
{
    const _Atomic uint64_t *seen = memory_pointer(htif->memory, gpa(htif->tohost), sizeof(uint64_t), MEMORY_READ);
    if (seen == NULL || atomic_load_explicit(seen, memory_order_acquire) == 0) {
        return false;
    }
    uint64_t request = take_request(htif);
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
