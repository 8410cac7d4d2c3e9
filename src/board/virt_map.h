/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address map of the `virt` board: what stands where and on which interrupt line, as one table. It is the map that
 * RISC-V firmware built for generic `virt` boards (OpenSBI, U-Boot) and Linux drivers find in the device tree.
 */
#ifndef RAVELIN_BOARD_VIRT_MAP_H
#define RAVELIN_BOARD_VIRT_MAP_H

#include <stdint.h>

enum virt_place {
    VIRT_FINISHER,
    VIRT_RTC,
    VIRT_ACLINT,
    VIRT_PLIC,
    VIRT_UART,
    VIRT_VIRTIO, /* the first of VIRT_VIRTIO_COUNT slots that follow each other */
    VIRT_PLACE_COUNT,
};

#define VIRT_VIRTIO_COUNT      8u
#define VIRT_RAM_BASE          UINT64_C(0x80000000)
#define VIRT_CPU_COUNT_MAX     128u
#define VIRT_PLIC_SOURCE_COUNT 96u /* source 0, which does not exist, included */

struct virt_window {
    uint64_t base, size; /* of one slot */
    unsigned irq;        /* PLIC source, of the first slot; 0: none */
};

extern const struct virt_window virt_map[VIRT_PLACE_COUNT];

#endif
