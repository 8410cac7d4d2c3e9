/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for generated code: mapped twice, so that no page is ever writable and executable through one mapping, with a
 * data area behind the executable view, in reach of pc-relative addresses.
 *
 *     executable   [ code, from the memfd, r-x | data, private, rw- ]
 *     writable     [ code, from the memfd, rw- ]                        elsewhere
 */
#ifndef RAVELIN_ENGINE_JIT_X86_64_CODE_MEMORY_H
#define RAVELIN_ENGINE_JIT_X86_64_CODE_MEMORY_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct code_memory {
    const uint8_t *executable;
    uint8_t *writable;
    uint8_t *data; /* executable + code_size */
    uint32_t code_size, data_size;
    uint32_t huge_end; /* up to here huge pages were asked for */
};

/* Sizes are multiples of the page size, code_size of HUGE_PAGE_SIZE, together below 1 GiB. False and an error: the host
 * has no memory left or forbids executable mappings. */
bool code_memory_create(struct code_memory *memory, uint32_t code_size, uint32_t data_size, struct error *error);
void code_memory_destroy(struct code_memory *memory);

/* Before code is written from `used` on: gives it huge pages where the host has them. A compiler that runs in the guest
 * has 40 MB of code, more than small pages' translations a processor holds. */
void code_memory_prepare(struct code_memory *memory, uint32_t used);

#endif
