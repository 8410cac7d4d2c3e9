/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/jit/system.h"

#include "engine/interp/interp.h"
#include "engine/jit/host.h"
#include "engine/jit/region.h"

#define CSR_FFLAGS  0x001
#define CSR_FRM     0x002
#define CSR_FCSR    0x003
#define CSR_SSTATUS 0x100
#define CSR_SIE     0x104
#define CSR_STVEC   0x105
#define CSR_SEPC    0x141
#define CSR_SATP    0x180

/* ---- Which ------------------------------------------------------------------------------------------------------- */

static enum system_way way_of_csr(int64_t number)
{
    switch (number & 0xfff) {
    case CSR_FFLAGS:
    case CSR_FRM:
    case CSR_FCSR:
    case CSR_SSTATUS:
    case CSR_SIE:
    case CSR_STVEC:
    case CSR_SEPC: return SYSTEM_GOES_ON;
    case CSR_SATP: return SYSTEM_GOES_OUT;
    default: return SYSTEM_LEAVES; /* seldom, or with the time in it, which no lockstep can follow */
    }
}

enum system_way system_way_of(const struct riscv_decoded *decoded, const struct riscv_facts *facts)
{
    switch ((int)decoded->meaning) {
    case RISCV_INSN_CSRRW:
    case RISCV_INSN_CSRRS:
    case RISCV_INSN_CSRRC:
    case RISCV_INSN_CSRRWI:
    case RISCV_INSN_CSRRSI:
    case RISCV_INSN_CSRRCI: return way_of_csr(decoded->imm);
    case RISCV_INSN_PAUSE: return SYSTEM_GOES_ON;
    case RISCV_INSN_ECALL: /* firmware answers the others, and no lockstep can follow it either */
        return facts->mode == RISCV_MODE_U ? SYSTEM_GOES_OUT : SYSTEM_LEAVES;
    case RISCV_INSN_SRET:
    case RISCV_INSN_MRET:
    case RISCV_INSN_SFENCE_VMA:
    case RISCV_INSN_SINVAL_VMA: return SYSTEM_GOES_OUT;
    default: return SYSTEM_LEAVES;
    }
}

/* ---- The call ---------------------------------------------------------------------------------------------------- */

static bool touches_fcsr(uint64_t encoding)
{
    return (encoding & 0x7f) == 0x73 && encoding >> 20 <= CSR_FCSR && (encoding >> 12 & 7) != 0;
}

/* The host's floating-point unit follows the facts. */
static void change_float(struct riscv_cpu *cpu, uint32_t before, uint32_t now, bool has_left)
{
    if ((before & FACTS_KEY_FLOAT) != 0 && !has_left) {
        host_float_leave(cpu);
    }
    if ((now & FACTS_KEY_FLOAT) != 0) {
        host_float_enter(cpu);
    }
}

static bool execute(struct riscv_cpu *cpu, uint64_t encoding, uint64_t *result)
{
    const uint32_t before = cpu->facts_key;
    const bool has_left = touches_fcsr(encoding) && (before & FACTS_KEY_FLOAT) != 0;
    if (has_left) {
        host_float_leave(cpu);
    }
    if (!interp_execute(cpu, (uint32_t)encoding)) {
        return false;
    }
    const struct riscv_facts facts = region_facts(cpu);
    cpu->facts_key = region_facts_key(&facts);
    if (unlikely(has_left || ((before ^ cpu->facts_key) & FACTS_KEY_MODES) != 0)) {
        change_float(cpu, before, cpu->facts_key, has_left);
    }
    *result = before == cpu->facts_key && vcpu_attention(&cpu->vcpu) == 0;
    return true;
}

const struct ir_callee system_callee = {
    .name = "system",
    .function = (void *)execute,
    .result = IR_I64,
    .may_trap = true,
    .reads_state = true,
    .writes_state = true,
};
