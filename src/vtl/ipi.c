/* SPDX-License-Identifier: Apache-2.0 */
/* SendSyntheticClusterIpi and GetVpIndexFromApicId (section 2 of the interface). */
#include "vtl/vtl_internal.h"

#define VECTOR_SOFTWARE 1u

enum vtl_status vtl_call_send_ipi(struct vtl_call *call)
{
    const struct riscv_machine *machine = call->vtl->machine;
    uint8_t input_vtl = call->input[4];
    bool use_target = (input_vtl & 0x10) != 0;
    unsigned level = use_target ? input_vtl & 15u : call->level;
    uint64_t mask = vtl_read64(call->input + 8);
    bool beyond = machine->cpu_count < 64 && mask >> machine->cpu_count != 0;
    if (vtl_read32(call->input) != VECTOR_SOFTWARE || (input_vtl & 0xe0) != 0 || !vtl_is_zero(call->input + 5, 3) ||
        level >= machine->level_count || beyond) {
        return VTL_INVALID_PARAMETER;
    }
    for (; mask != 0; mask &= mask - 1) {
        unsigned number = (unsigned)__builtin_ctzll(mask);
        if (vtl_has_level(&call->vtl->vps[number], level)) {
            riscv_level_post(machine->cpus[number], level, RISCV_INTERRUPT_SSI);
        }
    }
    return VTL_SUCCESS;
}

enum vtl_status vtl_call_vp_index(struct vtl_call *call)
{
    unsigned level;
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = vtl_check_target(call, call->input[8], &level);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    if (!vtl_is_zero(call->input + 9, 7)) {
        return VTL_INVALID_PARAMETER;
    }
    for (unsigned i = call->start; i < call->count; i++) {
        uint64_t hart = vtl_read64(call->input + 16 + 8 * (size_t)i);
        if (hart >= call->vtl->machine->cpu_count) {
            return VTL_INVALID_PARAMETER;
        }
        uint32_t index = (uint32_t)hart; /* VPs are numbered as harts are */
        __builtin_memcpy(call->output + 4 * (size_t)i, &index, sizeof index);
        call->done++;
    }
    return VTL_SUCCESS;
}
