/* SPDX-License-Identifier: Apache-2.0 */
#include "board/virt_map.h"

const struct virt_window virt_map[VIRT_PLACE_COUNT] = {
    /* clang-format off */
    [VIRT_FINISHER] = {   0x100000,   0x1000,  0 },
    [VIRT_RTC]      = {   0x101000,   0x1000, 11 },
    [VIRT_ACLINT]   = {  0x2000000,  0x10000,  0 },
    [VIRT_PLIC]     = {  0xc000000, 0x600000,  0 },
    [VIRT_UART]     = { 0x10000000,    0x100, 10 },
    [VIRT_VIRTIO]   = { 0x10001000,   0x1000,  1 },
    /* clang-format on */
};
