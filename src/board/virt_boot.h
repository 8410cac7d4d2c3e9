/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the board boots, and where in memory it goes.
 *
 *   kernel alone      S-mode at the kernel's entry, hart 0; a0 = hart, a1 = device tree. The built-in SBI serves it.
 *   firmware [kernel] M-mode at the start of RAM, all harts; a2 = struct fw_dynamic_info (OpenSBI, fw_dynamic.md)
 *   bare-metal ELF    M-mode at its entry, all harts
 *
 *   RAM:   | firmware | kernel, from + 2 MiB |   …   | initial RAM disk | device tree, fw_dynamic_info | secure kernel
 * |
 *
 * virt_boot_load() reads and checks everything; virt_boot_write() then cannot fail and is called again at each reset.
 */
#ifndef RAVELIN_BOARD_VIRT_BOOT_H
#define RAVELIN_BOARD_VIRT_BOOT_H

#include "board/loader.h"
#include "board/secure_kernel.h"
#include "board/virt.h"
#include "core/symbols.h"

struct virt_boot {
    const struct virt_config *config;
    struct loader_image kernel;   /* bytes NULL: none */
    struct loader_image firmware; /* or the bare-metal ELF file */
    uint8_t *initrd;
    size_t initrd_size;
    uint64_t initrd_address;            /* guest-physical, as are the following */
    uint64_t tree_address;              /* 0: no room for one (small memory, bare metal) */
    uint64_t info_address;              /* struct fw_dynamic_info */
    bool firmware_built_in;             /* S-mode start, SBI calls come to us */
    struct secure_kernel secure_kernel; /* not present: none */
    struct symbols *symbols;            /* of the kernel, if somebody needs them; NULL: none */
};

/* `boot` is zeroed by the caller; virt_boot_free() also after a failure. */
bool virt_boot_load(struct virt_boot *boot, const struct virt_config *config, struct error *error);
void virt_boot_free(struct virt_boot *boot);

/* Writes everything to memory and puts every hart into its start state. No hart is running; trust levels are as at the
 * start. `vtl` may be NULL unless there is a secure kernel. */
struct riscv_machine;
void virt_boot_write(const struct virt_boot *boot, struct riscv_machine *machine, struct vtl *vtl);

/* Reads the kernel's symbols, from the file configured or, if it has any, the kernel; for virt_boot_load(). */
bool virt_symbols_read(struct virt_boot *boot, struct error *error);

/* The device tree, with a fresh seed; freed by free(). */
void *virt_boot_tree(const struct virt_boot *boot, size_t *size);

#endif
