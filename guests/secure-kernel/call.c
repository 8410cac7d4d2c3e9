/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include "kernel.h"

#define REPS_SHIFT    32u
#define PAGES_AT_ONCE ((PAGE_SIZE - sizeof(struct abi_protect)) / sizeof(uint64_t)) /* a block is at most a page */
#define OWN_LEVEL     1u

struct result {
    uint64_t error, value;
};

static struct result ecall(uint64_t extension, uint64_t function, uint64_t a0_in, uint64_t a1_in, uint64_t a2_in)
{
    register uint64_t a0 __asm__("a0") = a0_in;
    register uint64_t a1 __asm__("a1") = a1_in;
    register uint64_t a2 __asm__("a2") = a2_in;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct result){ a0, a1 };
}

/* The status code. Input and output are the pages of this virtual processor. */
static uint64_t hypercall(struct vp *vp, enum abi_call code, uint64_t repeat)
{
    struct result result =
        ecall(ABI_EXTENSION, code, (uint64_t)code | repeat << REPS_SHIFT, (uint64_t)vp->input, (uint64_t)vp->output);
    return result.error != 0 ? result.error : result.value & 0xffff;
}

bool call_protect(struct vp *vp, uint64_t first, uint64_t count, uint32_t rights)
{
    struct abi_protect *input = vp->input;
    while (count > 0) {
        uint64_t now = count < PAGES_AT_ONCE ? count : PAGES_AT_ONCE;
        *input = (struct abi_protect){ .partition = ABI_PARTITION_SELF, .flags = rights, .level = ABI_LEVEL_OWN };
        for (uint64_t i = 0; i < now; i++) {
            input->pages[i] = first + i;
        }
        if (hypercall(vp, ABI_MODIFY_VTL_PROTECTION_MASK, now) != ABI_SUCCESS) {
            return false;
        }
        first += now;
        count -= now;
    }
    return true;
}

bool call_rights(struct vp *vp, uint64_t page, uint32_t *rights)
{
    struct abi_check *input = vp->input;
    *input = (struct abi_check){
        .partition = ABI_PARTITION_SELF,
        .level = ABI_LEVEL_0,
        .wanted = ABI_R | ABI_W | ABI_KX | ABI_UX,
    };
    input->pages[0] = page;
    if (hypercall(vp, ABI_CHECK_GPA_PAGE_VTL_ACCESS, 1) != ABI_SUCCESS) {
        return false;
    }
    *rights = *(const uint32_t *)vp->output & 15u;
    return true;
}

static uint64_t get(struct vp *vp, uint8_t level, uint32_t name)
{
    struct {
        struct abi_registers header;
        uint32_t name;
    } *input = vp->input;
    input->header = (struct abi_registers){ .partition = ABI_PARTITION_SELF, .vp = ABI_VP_SELF, .level = level };
    input->name = name;
    return hypercall(vp, ABI_GET_VP_REGISTERS, 1) == ABI_SUCCESS ? *(const uint64_t *)vp->output : 0;
}

static bool set(struct vp *vp, uint8_t level, struct abi_set value)
{
    struct {
        struct abi_registers header;
        struct abi_set value;
    } *input = vp->input;
    input->header = (struct abi_registers){ .partition = ABI_PARTITION_SELF, .vp = ABI_VP_SELF, .level = level };
    input->value = value;
    return hypercall(vp, ABI_SET_VP_REGISTERS, 1) == ABI_SUCCESS;
}

uint64_t call_get(struct vp *vp, uint32_t name)
{
    return get(vp, ABI_LEVEL_0, name);
}

bool call_set(struct vp *vp, uint32_t name, uint64_t low, uint64_t high)
{
    return set(vp, ABI_LEVEL_0, (struct abi_set){ .name = name, .value = { low, high } });
}

bool call_set_own(struct vp *vp, uint32_t name, uint64_t value)
{
    return set(vp, ABI_LEVEL_OWN, (struct abi_set){ .name = name, .value = { value, 0 } });
}

bool call_is_writable(struct vp *vp, uint64_t address)
{
    struct abi_translate *input = vp->input;
    *input = (struct abi_translate){
        .partition = ABI_PARTITION_SELF,
        .vp = ABI_VP_SELF,
        .flags = ABI_TRANSLATE_WRITE | ABI_TRANSLATE_SUPERVISOR | ABI_TRANSLATE_LEVEL_0,
        .page = address >> PAGE_SHIFT,
    };
    return hypercall(vp, ABI_TRANSLATE_VIRTUAL_ADDRESS, 0) != ABI_SUCCESS ||
           *(const uint32_t *)vp->output != ABI_TRANSLATE_PRIVILEGE;
}

uint64_t call_start(struct vp *vp, uint32_t number, const struct abi_context *context)
{
    struct abi_start *input = vp->input;
    *input = (struct abi_start){ .partition = ABI_PARTITION_SELF, .vp = number, .level = OWN_LEVEL };
    input->context = *context;
    return hypercall(vp, ABI_START_VIRTUAL_PROCESSOR, 0);
}

/* ---- SBI v2.0: debug console, timer, IPI, hart state, system reset
 * ------------------------------------------------------
 */

void sbi_write(const char *bytes, size_t size)
{
    ecall(0x4442434e, 0, size, (uint64_t)bytes, 0);
}

void sbi_set_timer(uint64_t ticks)
{
    ecall(0x54494d45, 0, ticks, 0, 0);
}

void sbi_send_ipi(uint64_t mask, uint64_t base)
{
    ecall(0x735049, 0, mask, base, 0);
}

void sbi_stop_hart(void)
{
    ecall(0x48534d, 1, 0, 0, 0);
}

void sbi_shut_down(void)
{
    ecall(0x53525354, 0, 0, 1, 0); /* because of a failure */
}
