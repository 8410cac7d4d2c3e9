/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a higher level what a lower one was about to do (section 7 of the interface). */
#include "vtl/vtl_internal.h"

bool vtl_violation(struct riscv_cpu *cpu)
{
    (void)cpu;
    return false;
}

bool vtl_intercept_start(struct riscv_cpu *cpu, unsigned level, uint32_t vp, uint32_t function, uint64_t address,
                         uint64_t opaque)
{
    (void)cpu, (void)level, (void)vp, (void)function, (void)address, (void)opaque;
    return false;
}

bool vtl_intercept_reset(struct riscv_cpu *cpu, unsigned level, uint32_t type, uint32_t reason)
{
    (void)cpu, (void)level, (void)type, (void)reason;
    return false;
}
