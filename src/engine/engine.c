/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "engine/check/check.h"
#include "engine/interp/interp.h"
#include "engine/jit/jit.h"

bool engine_has_jit(void)
{
#if defined(__x86_64__)
    return true;
#else
    return false;
#endif
}

bool engine_create(struct riscv_cpu *cpu, enum engine_kind kind, struct error *error)
{
    switch (kind) {
    case ENGINE_INTERP: interp_create(cpu); return true;
    case ENGINE_JIT: return jit_create(cpu, error);
    case ENGINE_CHECK: return check_create(cpu, error);
    }
    return false;
}

void engine_destroy(struct riscv_cpu *cpu)
{
    if (cpu->check != NULL) {
        check_destroy(cpu);
    } else if (cpu->jit != NULL) {
        jit_destroy(cpu);
    } else {
        interp_destroy(cpu);
    }
}

void engine_set_dump(struct riscv_cpu *cpu, FILE *stream, unsigned kinds)
{
    if (cpu->check != NULL) {
        check_set_dump(cpu, stream, kinds);
    } else if (cpu->jit != NULL) {
        jit_set_dump(cpu, stream, kinds);
    }
}

void engine_run(struct riscv_cpu *cpu)
{
    if (cpu->check != NULL) {
        check_run(cpu);
    } else if (cpu->jit != NULL) {
        jit_run(cpu);
    } else {
        interp_run(cpu);
    }
}
