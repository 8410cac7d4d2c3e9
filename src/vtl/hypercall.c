/* SPDX-License-Identifier: Apache-2.0 */
/* How a guest calls: the transport, the checks that all calls share, and who carries each one out (section 1 of the
 * interface). */
#include "vtl/vtl_internal.h"

#include <string.h>

enum {
    A0 = 10,
    A1 = 11,
    A2 = 12,
    A3 = 13,
    A6 = 16,
};

#define SBI_NOT_SUPPORTED (-2)

/* A switch has no input word: what it would control stands in the function id, above the code. */
#define FID_CALL    UINT64_C(0x11)
#define FID_RETURN  UINT64_C(0x12)
#define FID_FAST    (UINT64_C(1) << 16) /* the one bit there is, of returns */
#define FID_CODE(f) ((f) & 0xffff)

/* The input word. */
#define WORD_CODE      UINT64_C(0xffff)
#define WORD_FAST      (UINT64_C(1) << 16)
#define WORD_COUNT(w)  ((unsigned)((w) >> 32) & 0xfff)
#define WORD_START(w)  ((unsigned)((w) >> 48) & 0xfff)
#define WORD_KNOWN     (WORD_CODE | WORD_FAST | UINT64_C(0xfff) << 32 | UINT64_C(0xfff) << 48)
#define RESULT_DONE(n) ((uint64_t)(n) << 32)

#define FAST_SIZE      40u /* bytes of a1 … a5 */

static const struct call_kind {
    uint16_t code;
    bool rep;       /* takes a list of elements behind the header */
    bool anonymous; /* may be made before GuestOsId is set */
    uint8_t header; /* bytes of input; all of it for a simple call */
    uint8_t input;  /* of an element */
    uint8_t output; /* of an element, or of all output of a simple call */
    enum vtl_status (*carry_out)(struct vtl_call *call);
} kinds[] = {
    { 0x0b, false, false, 16, 0, 0, vtl_call_send_ipi },
    { 0x0c, true, false, 16, 8, 0, vtl_call_protect },
    { 0x0d, false, false, 16, 0, 0, vtl_call_enable_partition },
    { 0x0f, false, false, 112, 0, 0, vtl_call_enable_vp },
    { 0x50, true, true, 16, 4, 16, vtl_call_get_registers },
    { 0x51, true, true, 16, 32, 0, vtl_call_set_registers },
    { 0x52, false, false, 32, 0, 16, vtl_call_translate },
    { 0x99, false, false, 112, 0, 0, vtl_call_start_vp },
    { 0x9a, true, false, 16, 8, 4, vtl_call_vp_index },
    { 0xd4, true, false, 16, 8, 4, vtl_call_check_access },
};

static const struct call_kind *kind_of(uint64_t function)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].code == function) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- Checks that calls share ------------------------------------------------------------------------------------ */

enum vtl_status vtl_check_partition(uint64_t id)
{
    return id == VTL_PARTITION_SELF ? VTL_SUCCESS : VTL_INVALID_PARTITION;
}

enum vtl_status vtl_check_vp(const struct vtl_call *call, uint32_t index, unsigned *vp)
{
    *vp = index == VTL_VP_SELF ? call->cpu->vcpu.number : index;
    return *vp < call->vtl->machine->cpu_count ? VTL_SUCCESS : VTL_INVALID_VP;
}

enum vtl_status vtl_check_target(const struct vtl_call *call, uint8_t input_vtl, unsigned *level)
{
    bool use_target = (input_vtl & 0x10) != 0;
    *level = use_target ? input_vtl & 15u : call->level;
    if ((input_vtl & 0xe0) != 0) {
        return VTL_INVALID_PARAMETER;
    }
    return *level <= call->level ? VTL_SUCCESS : VTL_ACCESS_DENIED;
}

bool vtl_is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

struct operands {
    const struct call_kind *kind;
    uint64_t word;
    unsigned start, count;
    uint64_t input_size, output_size;
    gpa_t input, output;
};

static bool word_is_legal(const struct operands *operands)
{
    uint64_t word = operands->word;
    bool fast = (word & WORD_FAST) != 0;
    if ((word & WORD_CODE) != operands->kind->code || (word & ~WORD_KNOWN) != 0) {
        return false;
    }
    if (fast && (operands->output_size != 0 || operands->input_size > FAST_SIZE)) {
        return false;
    }
    return operands->kind->rep ? operands->start < operands->count : operands->count == 0 && operands->start == 0;
}

/* Aligned and in one page. */
static bool block_is_aligned(gpa_t address, uint64_t size)
{
    return address.bits % 8 == 0 && (address.bits & PAGE_MASK) + size <= PAGE_SIZE;
}

static void measure(struct operands *operands, const struct riscv_cpu *cpu, const struct call_kind *kind)
{
    const uint64_t *x = cpu->state.x;
    *operands = (struct operands){
        .kind = kind,
        .word = x[A0],
        .start = WORD_START(x[A0]),
        .count = WORD_COUNT(x[A0]),
        .input = gpa(x[A1]),
        .output = gpa(x[A2]),
    };
    operands->input_size = kind->header + operands->count * (uint64_t)kind->input;
    operands->output_size = kind->rep ? operands->count * (uint64_t)kind->output : kind->output;
}

/* The caller's own overlay page is not RAM. */
static bool is_covered(const struct vtl_call *call, gpa_t address)
{
    return riscv_overlay_at(call->vtl->overlays, call->level, address) != NULL;
}

/* Everything before the call's own checks; the input is copied to `input`. */
static enum vtl_status take_operands(struct vtl_call *call, const struct operands *operands)
{
    const struct vtl *vtl = call->vtl;
    bool fast = (operands->word & WORD_FAST) != 0;
    if (!word_is_legal(operands)) {
        return VTL_INVALID_INPUT;
    }
    if (!operands->kind->anonymous && atomic_load(&vtl->levels[call->level].guest_os_id) == 0) {
        return VTL_ACCESS_DENIED;
    }
    if (fast) {
        memcpy(call->input, &call->cpu->state.x[A1], FAST_SIZE);
        return VTL_SUCCESS;
    }
    if (!block_is_aligned(operands->input, operands->input_size) ||
        (operands->output_size != 0 && !block_is_aligned(operands->output, operands->output_size))) {
        return VTL_INVALID_ALIGNMENT;
    }
    if (is_covered(call, operands->input) ||
        !rights_read(vtl->memory, call->level, operands->input, call->input, operands->input_size) ||
        (operands->output_size != 0 &&
         (is_covered(call, operands->output) ||
          !rights_permit(vtl->memory, call->level, operands->output, operands->output_size, MEMORY_WRITE)))) {
        return VTL_INVALID_PARAMETER;
    }
    return VTL_SUCCESS;
}

/* The results of completed elements; all of a simple call's. */
static enum vtl_status give_output(const struct vtl_call *call, const struct operands *operands, enum vtl_status status)
{
    uint64_t offset = 0, size = operands->output_size;
    if (operands->kind->rep) {
        offset = call->start * (uint64_t)operands->kind->output;
        size = call->done * (uint64_t)operands->kind->output;
    } else if (status != VTL_SUCCESS) {
        return status;
    }
    if (size == 0) {
        return status;
    }
    bool given =
        rights_write(call->vtl->memory, call->level, gpa(operands->output.bits + offset), call->output + offset, size);
    return given ? status : VTL_INVALID_PARAMETER; /* the right was lost meanwhile */
}

static void answer(struct riscv_cpu *cpu, const struct call_kind *kind)
{
    _Alignas(8) uint8_t input[VTL_OPERAND_MAX];
    _Alignas(8) uint8_t output[VTL_OPERAND_MAX];
    struct operands operands;
    measure(&operands, cpu, kind);
    struct vtl_call call = {
        .vtl = vtl_of(cpu),
        .cpu = cpu,
        .level = cpu->level,
        .start = operands.start,
        .count = operands.count,
        .input = input,
        .output = output,
    };
    enum vtl_status status = take_operands(&call, &operands);
    unsigned completed = 0;
    if (status == VTL_SUCCESS) {
        memset(output, 0, operands.output_size);
        status = kind->carry_out(&call);
        if (status == VTL_TAKEN) {
            return; /* the registers are another level's */
        }
        status = give_output(&call, &operands, status);
        completed = kind->rep ? call.start + call.done : 0;
    }
    cpu->state.x[A0] = 0;
    cpu->state.x[A1] = (uint64_t)status | RESULT_DONE(completed);
}

bool vtl_call(struct riscv_cpu *cpu)
{
    uint64_t function = cpu->state.x[A6];
    if (FID_CODE(function) == FID_CALL) {
        return function == FID_CALL && vtl_switch_up(cpu);
    }
    if (FID_CODE(function) == FID_RETURN) {
        return (function & ~FID_FAST) == FID_RETURN && vtl_switch_down(cpu, (function & FID_FAST) != 0);
    }
    const struct call_kind *kind = kind_of(function);
    if (kind == NULL) {
        cpu->state.x[A0] = (uint64_t)SBI_NOT_SUPPORTED;
        cpu->state.x[A1] = 0;
    } else {
        answer(cpu, kind);
    }
    return true;
}
