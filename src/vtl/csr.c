/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers of a level that does not run.
 *
 * What a register can hold is said by the description (isa/riscv), whose functions work on a hart. So they are given
 * one: a hart of a machine of its own, with nothing else in it, that takes the level's registers, is asked, and gives
 * them back. Its caches are empty and stay so.
 */
#include "arch/riscv/primitives.h"
#include "vtl/vtl_internal.h"

#include <string.h>

enum {
    CSR_FCSR = 0x003,
    CSR_SSTATUS = 0x100,
    CSR_SIE = 0x104,
    CSR_STVEC = 0x105,
    CSR_SCOUNTEREN = 0x106,
    CSR_SENVCFG = 0x10a,
    CSR_SSCRATCH = 0x140,
    CSR_STIMECMP = 0x14d,
    CSR_SATP = 0x180,
};

#define SSTATUS_SD (UINT64_C(1) << 63) /* computed from FS */
#define FCSR_BITS  UINT64_C(0xff)

static struct riscv_cpu *borrow(struct vtl *vtl, const struct riscv_state *state)
{
    struct riscv_cpu *cpu = vtl->scratch->cpus[0];
    cpu->state = *state;
    cpu->state.mode = RISCV_MODE_S;
    cpu->state.csr.stimecmp = UINT64_MAX; /* its alarms stay off */
    return cpu;
}

uint64_t vtl_csr_read(struct vtl *vtl, const struct riscv_state *state, uint32_t number)
{
    if (number == CSR_FCSR) { /* readable whatever sstatus.FS says */
        return state->csr.fcsr;
    }
    if (number == CSR_STIMECMP) {
        return state->csr.stimecmp;
    }
    uint64_t value = 0;
    pthread_mutex_lock(&vtl->lock);
    riscv_csr_read(borrow(vtl, state), number, &value); /* false: this machine has not got it, it reads 0 */
    pthread_mutex_unlock(&vtl->lock);
    return value;
}

/* A register can hold a value if it reads back with all its bits, beside those that read 1 always. */
static bool holds(struct riscv_cpu *cpu, uint32_t number, uint64_t value)
{
    uint64_t constant = 0, now = 0;
    if (!riscv_csr_write(cpu, number, 0) || !riscv_csr_read(cpu, number, &constant)) {
        return value == 0; /* this machine has not got it */
    }
    if (!riscv_csr_write(cpu, number, value) || !riscv_csr_read(cpu, number, &now)) {
        return false;
    }
    uint64_t computed = number == CSR_SSTATUS ? SSTATUS_SD : 0;
    return (now & ~computed) == ((value | constant) & ~computed);
}

bool vtl_csr_write(struct vtl *vtl, struct riscv_state *state, uint32_t number, uint64_t value)
{
    if (number == CSR_FCSR) {
        state->csr.fcsr = (value & ~FCSR_BITS) == 0 ? value : state->csr.fcsr;
        return (value & ~FCSR_BITS) == 0;
    }
    if (number == CSR_STIMECMP) {
        state->csr.stimecmp = value;
        return true;
    }
    pthread_mutex_lock(&vtl->lock);
    struct riscv_cpu *cpu = borrow(vtl, state);
    bool held = holds(cpu, number, value);
    if (held) {
        uint8_t mode = state->mode;
        uint64_t stimecmp = state->csr.stimecmp;
        *state = cpu->state;
        state->mode = mode;
        state->csr.stimecmp = stimecmp;
    }
    pthread_mutex_unlock(&vtl->lock);
    return held;
}

/* ---- Contexts --------------------------------------------------------------------------------------------------- */

void vtl_context_read(const uint8_t *bytes, struct vtl_context *context)
{
    memcpy(context, bytes, sizeof *context); /* all of it 8-byte little-endian words, as the host's */
}

/* Writes the registers of a context; false: one of them cannot hold its value. */
static bool write_context(struct vtl *vtl, struct riscv_state *state, const struct vtl_context *context)
{
    const struct {
        uint32_t number;
        uint64_t value;
    } registers[] = {
        { CSR_SATP, context->satp },         { CSR_STVEC, context->stvec },     { CSR_SSTATUS, context->sstatus },
        { CSR_SSCRATCH, context->sscratch }, { CSR_SENVCFG, context->senvcfg }, { CSR_SCOUNTEREN, context->scounteren },
        { CSR_SIE, context->sie },
    };
    bool legal = context->zero == 0 && (context->pc & 1) == 0;
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        legal = vtl_csr_write(vtl, state, registers[i].number, registers[i].value) && legal;
    }
    return legal;
}

bool vtl_context_is_legal(struct vtl *vtl, const struct riscv_state *state, const struct vtl_context *context)
{
    struct riscv_state copy = *state;
    return write_context(vtl, &copy, context);
}

void vtl_context_apply(struct vtl *vtl, struct riscv_state *state, const struct vtl_context *context)
{
    write_context(vtl, state, context); /* legal: whoever gave it was told otherwise */
    state->mode = RISCV_MODE_S;
    state->pc = context->pc;
    state->x[1] = state->x[8] = 0;
    state->x[2] = context->sp;
    state->x[3] = context->gp;
    state->x[4] = context->tp;
    riscv_set_mstatus_SIE(state, 0);
}
