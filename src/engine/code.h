/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading guest code in host memory. Another vCPU or a device may write it at the same time: parcels (16 bits, volume
 * I, "Expanded Instruction-Length Encoding") are read whole, each once.
 */
#ifndef RAVELIN_ENGINE_CODE_H
#define RAVELIN_ENGINE_CODE_H

#include <stdint.h>

static inline uint16_t code_parcel(const uint8_t *host)
{
    return __atomic_load_n((const uint16_t *)(const void *)host, __ATOMIC_RELAXED);
}

#endif
