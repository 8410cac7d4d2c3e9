/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secure kernel as the board sees it: a program of the guest's architecture that the board puts into the last
 * memory of the machine and starts first, in trust level 1, with the privileges of the host: level 1 is enabled on
 * every vCPU without anybody's asking. It returns into level 0, where the guest's kernel then starts as ever.
 *
 * guests/secure-kernel/ has the built-in one. Any position-independent ELF file that starts by the rules of its
 * start.S can take its place: sp at the end of its stack, gp the vCPU's number, tp the block (secure_kernel_block.h).
 *
 *     RAM:   …  | program, its own memory … | first vCPU's stack | block |      SECURE_KERNEL_MEMORY bytes in all
 *
 * That memory is not in the device tree. The files may be hostile; the guest's kernel is too.
 */
#ifndef RAVELIN_BOARD_SECURE_KERNEL_H
#define RAVELIN_BOARD_SECURE_KERNEL_H

#include "board/loader.h"
#include "board/policy.h"
#include "board/secure_kernel_block.h"
#include "core/error.h"

#define SECURE_KERNEL_MEMORY  (UINT64_C(4) << 20)
#define SECURE_KERNEL_LEVEL   1u
#define SECURE_KERNEL_BUILTIN "builtin" /* instead of a file name */

struct secure_kernel_config {
    const char *path;   /* of an ELF file, or SECURE_KERNEL_BUILTIN */
    const char *policy; /* path; NULL: the default */
    const struct file_progress *progress;
    uint64_t ram_base, ram_size;       /* of the machine, what is taken here included */
    unsigned cpu_count;                /* at most 128 */
    const char *kernel_path;           /* for messages */
    const char *symbols_path;          /* the same; NULL: the symbols are the kernel's own */
    const struct loader_image *kernel; /* of the guest; placed */
};

struct secure_kernel {
    bool present;
    struct loader_image image;
    struct secure_kernel_block block; /* but for the seed */
    uint64_t block_address;
};

/* The built-in one's ELF file; NULL: this program was built without. Generated, see guests/secure-kernel/embed. */
const uint8_t *secure_kernel_builtin(size_t *size);

/* Reads and checks everything. `symbols` gives a symbol of the guest's kernel, 0 if it has none of that name. On
 * failure nothing is left to free. */
bool secure_kernel_load(const struct secure_kernel_config *config,
                        uint64_t (*symbol)(const void *context, const char *name), const void *context,
                        struct secure_kernel *kernel, struct error *error);

void secure_kernel_free(struct secure_kernel *kernel); /* a zeroed one is allowed */

/* Writes program and block, with a fresh seed. No hart runs. */
void secure_kernel_write(const struct secure_kernel *kernel, const struct memory *memory);

/* Makes the first vCPU start in the secure kernel. After everything was written and the harts were reset. */
struct vtl;
void secure_kernel_begin(const struct secure_kernel *kernel, struct vtl *vtl);

#endif
