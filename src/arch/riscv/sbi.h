/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in supervisor firmware: what OpenSBI would do in M-mode, done by the monitor.
 *
 * Implements the RISC-V Supervisor Binary Interface v2.0 (riscv-non-isa/riscv-sbi-doc): Base, TIME, IPI, RFENCE,
 * HSM, SRST, DBCN, PMU (fixed counters), and the legacy calls 0-8 that old kernels use. Every ECALL from S-mode
 * comes here when the board boots a kernel directly; with --firmware it never does.
 *
 * The caller is a guest kernel and may be hostile: every argument is checked, memory is reached by memory_read() and
 * memory_write() only, and a wrong call gets an SBI error code.
 */
#ifndef RAVELIN_ARCH_RISCV_SBI_H
#define RAVELIN_ARCH_RISCV_SBI_H

#include "arch/riscv/cpu.h"

enum sbi_reset {
    SBI_RESET_SHUTDOWN = 0,
    SBI_RESET_COLD_REBOOT = 1,
    SBI_RESET_WARM_REBOOT = 2,
};

/* What the board does for the firmware. Called on the calling vCPU's thread. */
struct sbi_platform {
    /* The guest asks for power off or reboot; failed: because of a failure (SRST reason "system failure"). Must make
     * all vCPUs stop; returns at once. */
    void (*reset)(void *context, enum sbi_reset type, bool failed);
    /* Console output; returns how many bytes were taken. */
    size_t (*console_write)(void *context, const uint8_t *bytes, size_t size);
    /* Console input that is there now; returns how many bytes were given (0: none). */
    size_t (*console_read)(void *context, uint8_t *bytes, size_t size);
    /* What a trust level above 0 writes to the debug console, all of a call at once; NULL: as level 0. */
    void (*level_write)(void *context, unsigned vcpu, unsigned level, const uint8_t *bytes, size_t size);
    void *context;
};

/* Trust levels (docs/reference/trust-levels.md): an extension in the experimental range, there if machine->trust is. */
#define SBI_TRUST_EXTENSION 0x0856534d
#define SBI_TRUST_VERSION   0x00010000u

/* Serves the ECALL that cpu->state.pc stands behind: reads a0-a7, writes a0 and a1. A call of trust levels may leave
 * the hart at another one, with other registers. False: an exception is recorded instead, for the ECALL. */
bool sbi_call(const struct sbi_platform *platform, struct riscv_cpu *cpu);

#endif
