/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V unprivileged specification, "Load and Store Instructions"; "C" and "Zcb" extensions. */
#include "kernel.h"

#define COMPRESSED_MASK UINT32_C(3)

static bool decode_compressed(uint32_t bits, struct store *store)
{
    unsigned short_source = 8 + (bits >> 2 & 7), long_source = bits >> 2 & 31;
    store->length = 2;
    switch ((bits & COMPRESSED_MASK) << 3 | (bits >> 13 & 7)) {
    case 0 << 3 | 6: store->source = short_source, store->size = 4; return true; /* c.sw */
    case 0 << 3 | 7: store->source = short_source, store->size = 8; return true; /* c.sd */
    case 2 << 3 | 6: store->source = long_source, store->size = 4; return true;  /* c.swsp */
    case 2 << 3 | 7: store->source = long_source, store->size = 8; return true;  /* c.sdsp */
    case 0 << 3 | 4:
        store->source = short_source;
        store->size = (bits >> 10 & 7) == 2 ? 1 : 2; /* c.sb, c.sh */
        return (bits >> 10 & 7) == 2 || ((bits >> 10 & 7) == 3 && (bits >> 6 & 1) == 0);
    default: return false;
    }
}

bool store_decode(uint32_t bits, struct store *store)
{
    if ((bits & COMPRESSED_MASK) != COMPRESSED_MASK) {
        return decode_compressed(bits & 0xffff, store);
    }
    store->length = 4;
    store->source = bits >> 20 & 31;
    store->size = 1u << (bits >> 12 & 3);
    return (bits & 0x7f) == 0x23 && (bits >> 12 & 7) <= 3; /* sb, sh, sw, sd */
}

void store_carry_out(uint64_t physical, uint64_t value, unsigned size)
{
    if (physical % size != 0) {
        store_carry_out(physical, value, size / 2);
        store_carry_out(physical + size / 2, value >> 4 * size, size / 2);
        return;
    }
    switch (size) {
    case sizeof(uint8_t): __atomic_store_n((uint8_t *)physical, (uint8_t)value, __ATOMIC_RELAXED); break;
    case sizeof(uint16_t): __atomic_store_n((uint16_t *)physical, (uint16_t)value, __ATOMIC_RELAXED); break;
    case sizeof(uint32_t): __atomic_store_n((uint32_t *)physical, (uint32_t)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)physical, value, __ATOMIC_RELAXED); break;
    }
}
