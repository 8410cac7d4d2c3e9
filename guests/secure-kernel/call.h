/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the monitor: trust levels (abi.h) and what the secure kernel needs of the SBI. */
#ifndef SECURE_KERNEL_CALL_H
#define SECURE_KERNEL_CALL_H

#include "abi.h"
#include "library.h"

struct vp;

/* Rights that level 0 has to pages first … first + count - 1 from now on. All or none are changed by each inner call;
 * false: some page is no RAM. */
bool call_protect(struct vp *vp, uint64_t first, uint64_t count, uint32_t rights);

/* What level 0 may do with a page (enum abi_right); false: it is no RAM. */
bool call_rights(struct vp *vp, uint64_t page, uint32_t *rights);

/* Registers of level 0 on this virtual processor, or (own) of this level. */
uint64_t call_get(struct vp *vp, uint32_t name);
bool call_set(struct vp *vp, uint32_t name, uint64_t low, uint64_t high);
bool call_set_own(struct vp *vp, uint32_t name, uint64_t value);

/* Level 0's page table permits the kernel to write to this page (whatever its rights are). */
bool call_is_writable(struct vp *vp, uint64_t address);

/* Starts another virtual processor in this level. The result is a status code. */
uint64_t call_start(struct vp *vp, uint32_t number, const struct abi_context *context);

void sbi_write(const char *bytes, size_t size);
void sbi_set_timer(uint64_t ticks);
void sbi_send_ipi(uint64_t mask, uint64_t base); /* to this level of the harts base + n, for each bit n */
void sbi_stop_hart(void);
void sbi_shut_down(void);

#endif
