/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers that keep their value once the guest's start is over, in the fields that matter:
 *
 *   satp        MODE: translation stays on, in its format. The root changes with each process.
 *   stvec       all: traps go to where they went.
 *   sstatus     MXR, UBE, UXL: what loads may read, and what user programs are. SUM changes with each copy.
 *   senvcfg     all but CBZE, which threads from before it was set lack
 *   scounteren  all but CY, TM, IR, which the administrator may give to programs
 */
#include "call.h"
#include "kernel.h"

#define CSR_LENGTH       4u
#define SATP_HIGHEST     (UINT64_C(1) << 43)
#define STVEC_VECTORED   UINT64_C(1)
#define SATP_MODE        (UINT64_C(15) << 60)
#define SSTATUS_UBE      (UINT64_C(1) << 6)
#define SSTATUS_MXR      (UINT64_C(1) << 19)
#define SSTATUS_UXL      (UINT64_C(3) << 32)
#define SENVCFG_CBZE     (UINT64_C(1) << 7)
#define SCOUNTEREN_FIXED UINT64_C(7)

#define PIN_COUNT        5u

static uint64_t mask_of(unsigned pin)
{
    switch (1u << pin) {
    case SECURE_KERNEL_PIN_SATP: return SATP_MODE;
    case SECURE_KERNEL_PIN_STVEC: return UINT64_MAX;
    case SECURE_KERNEL_PIN_SSTATUS: return SSTATUS_UBE | SSTATUS_MXR | SSTATUS_UXL;
    case SECURE_KERNEL_PIN_SENVCFG: return ~SENVCFG_CBZE;
    default: return ~SCOUNTEREN_FIXED;
    }
}

/* A guest that starts has yet to set satp and stvec. They are pinned nevertheless, in a bit that it does not use (the
 * highest of a root's address, vectored mode): that a register is pinned at all is something that a monitor's
 * translated code takes for granted, and the guest's kernel would have to be translated once more. */
static uint64_t early_mask_of(unsigned pin)
{
    switch (1u << pin) {
    case SECURE_KERNEL_PIN_SATP: return SATP_HIGHEST;
    case SECURE_KERNEL_PIN_STVEC: return STVEC_VECTORED;
    default: return mask_of(pin);
    }
}

static void set_pins(struct vp *vp, uint64_t (*mask)(unsigned pin))
{
    for (unsigned pin = 0; pin < PIN_COUNT; pin++) {
        call_set_own(vp, ABI_CR_INTERCEPT_MASK + pin, mask(pin));
    }
    call_set_own(vp, ABI_CR_INTERCEPT_CONTROL, kernel.pins);
}

/* Of a processor that starts after the lock, the first writes are looked at: pins_refused(). */
void pins_prepare(struct vp *vp)
{
    set_pins(vp, kernel.locked ? mask_of : early_mask_of);
    vp->pinned = false;
}

void pins_begin(struct vp *vp)
{
    set_pins(vp, mask_of);
    vp->pinned = true;
}

static const char *what_of(uint32_t name)
{
    switch (name) {
    case ABI_SATP: return "to change satp to";
    case ABI_STVEC: return "to change stvec to";
    case ABI_SSTATUS: return "to change sstatus to";
    case ABI_SENVCFG: return "to change senvcfg to";
    default: return "to change scounteren to";
    }
}

/* A write that is only observed is done here: the register, what the instruction gives back, and its end. */
static void carry_out(struct vp *vp, const struct abi_message *message)
{
    const struct abi_register_message *reg = &message->reg;
    unsigned destination = reg->bytes >> 7 & 31;
    uint64_t old = call_get(vp, reg->name);
    if (call_set(vp, reg->name, reg->value[0], 0)) {
        kernel_set_register(vp, destination, old);
        kernel_skip(vp, message->pc, CSR_LENGTH);
    } else {
        kernel_refuse_instruction(vp, message);
    }
}

void pins_refused(struct vp *vp, const struct abi_message *message)
{
    const struct abi_register_message *reg = &message->reg;
    if (kernel.locked && !vp->pinned && (reg->name == ABI_SATP || reg->name == ABI_STVEC)) {
        carry_out(vp, message); /* it starts: once its registers are as they must be, no other value is taken */
        protect_look(vp);
    } else if (kernel_refuses(vp, what_of(reg->name), reg->value[0], message->pc)) {
        kernel_refuse_instruction(vp, message);
    } else {
        carry_out(vp, message);
    }
}
