/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of the `virt` board: what the guest is told about its machine. Devicetree Specification v0.4, and
 * the bindings of the Linux kernel (Documentation/devicetree/bindings). It tells the truth: what a vCPU implements is
 * listed, and nothing else.
 */
#ifndef RAVELIN_BOARD_DEVICE_TREE_H
#define RAVELIN_BOARD_DEVICE_TREE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct riscv_features;

#define DEVICE_TREE_SEED_SIZE    64u
#define DEVICE_TREE_COMMAND_LINE 4095u /* bytes at most: Linux' limit on RISC-V is lower, 1023 by default */

struct device_tree_config {
    const struct riscv_features *features;
    unsigned cpu_count;
    uint64_t memory_size;              /* RAM from VIRT_RAM_BASE */
    const char *command_line;          /* NULL: none */
    uint64_t initrd_start, initrd_end; /* guest-physical; both 0: none */
    const uint8_t *seed;               /* DEVICE_TREE_SEED_SIZE random bytes for the guest's generator, NULL: none */
};

/* Makes the tree as a flattened blob of *size bytes, a multiple of 8, to be freed by free(). Its size does not depend
 * on the values of initrd_* and seed, only on whether they are there. */
void *device_tree_create(const struct device_tree_config *config, size_t *size);

#endif
