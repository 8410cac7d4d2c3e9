/* SPDX-License-Identifier: Apache-2.0 */
/* TranslateVirtualAddress (section 2 of the interface): a lower level's walk, asked by a higher one. */
#include "arch/riscv/translate.h"

#include "arch/riscv/inside.h"
#include "arch/riscv/walk.h"
#include "vtl/vtl_internal.h"

#define FLAG_READ       UINT64_C(0x1)
#define FLAG_WRITE      UINT64_C(0x2)
#define FLAG_EXECUTE    UINT64_C(0x4)
#define FLAG_EXEMPT     UINT64_C(0x8) /* from the page's being a user's or not */
#define FLAG_SET_BITS   UINT64_C(0x10)
#define FLAG_INHIBIT    UINT64_C(0x20) /* flushing: there is none to inhibit */
#define FLAG_SUPERVISOR UINT64_C(0x40)
#define FLAG_USER       UINT64_C(0x80)
#define FLAG_SUM        UINT64_C(0x100)
#define FLAGS_KNOWN     UINT64_C(0x1ff)
#define GVA_PAGES       (UINT64_MAX >> PAGE_SHIFT)

enum result {
    RESULT_SUCCESS = 0,
    RESULT_NOT_PRESENT = 1,
    RESULT_PRIVILEGE = 2,
    RESULT_BAD_FLAGS = 3,
    RESULT_UNMAPPED = 4,
    RESULT_NO_READ = 5,
    RESULT_NO_WRITE = 6,
    RESULT_BAD_OVERLAY = 7,
    RESULT_INTERCEPT = 8,
};

struct found {
    gpa_t address;
    bool overlay;
};

/* The walker's reasons are static strings, one for each. */
static bool refused_because(const struct riscv_cpu *cpu, enum riscv_walk_result reason)
{
    return cpu->denial.reason == riscv_walk_result_name(reason);
}

static enum result result_of(const struct riscv_cpu *cpu, enum riscv_verdict verdict, enum memory_access kind)
{
    switch (verdict) {
    case RISCV_GRANTED: return RESULT_SUCCESS;
    case RISCV_ACCESS_FAULT: return RESULT_UNMAPPED;
    case RISCV_VIOLATION:
        if (cpu->violation.walk) {
            return RESULT_INTERCEPT;
        }
        return kind == MEMORY_WRITE ? RESULT_NO_WRITE : RESULT_NO_READ;
    case RISCV_PAGE_FAULT: break;
    }
    if (refused_because(cpu, RISCV_WALK_RESERVED) || refused_because(cpu, RISCV_WALK_MISALIGNED) ||
        refused_because(cpu, RISCV_WALK_BAD_NAPOT)) {
        return RESULT_BAD_FLAGS;
    }
    bool privilege = refused_because(cpu, RISCV_WALK_SUPERVISOR_PAGE) || refused_because(cpu, RISCV_WALK_USER_PAGE) ||
                     refused_because(cpu, RISCV_WALK_DENIED);
    return privilege ? RESULT_PRIVILEGE : RESULT_NOT_PRESENT;
}

/* One kind of access; the level runs for the moment. */
static enum result try(struct riscv_cpu *cpu, uint64_t address, uint64_t flags, enum memory_access kind,
                       struct found *found)
{
    bool user = (flags & FLAG_USER) != 0 || ((flags & FLAG_SUPERVISOR) == 0 && cpu->state.mode == RISCV_MODE_U);
    struct riscv_access access = {
        .address = address,
        .size = 1,
        .kind = kind,
        .mode = user ? RISCV_MODE_U : RISCV_MODE_S,
        .sum = (flags & FLAG_SUM) == 0 || riscv_mstatus_SUM(&cpu->state) != 0,
        .observe = (flags & FLAG_SET_BITS) == 0,
    };
    struct riscv_page page;
    enum result result = result_of(cpu, riscv_translate(cpu, &access, &page), kind);
    if (result == RESULT_PRIVILEGE && (flags & FLAG_EXEMPT) != 0) {
        access.mode = user ? RISCV_MODE_S : RISCV_MODE_U;
        access.sum = true;
        result = result_of(cpu, riscv_translate(cpu, &access, &page), kind);
    }
    *found = (struct found){ .address = page.address, .overlay = page.overlay };
    if (result == RESULT_UNMAPPED && page.overlay) {
        return RESULT_BAD_OVERLAY;
    }
    return result == RESULT_SUCCESS && page.host == NULL ? RESULT_UNMAPPED : result;
}

/* All kinds that are asked for; without any, whether the address means something. */
static enum result translate(struct riscv_cpu *cpu, uint64_t address, uint64_t flags, struct found *found)
{
    static const struct {
        uint64_t flag;
        enum memory_access kind;
    } kinds[] = { { FLAG_READ, MEMORY_READ }, { FLAG_WRITE, MEMORY_WRITE }, { FLAG_EXECUTE, MEMORY_FETCH } };
    enum result result = RESULT_SUCCESS;
    if ((flags & (FLAG_READ | FLAG_WRITE | FLAG_EXECUTE)) == 0) {
        flags |= FLAG_READ;
    }
    for (size_t i = 0; result == RESULT_SUCCESS && i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((flags & kinds[i].flag) != 0) {
            result = try(cpu, address, flags, kinds[i].kind, found);
        }
    }
    return result;
}

enum vtl_status vtl_call_translate(struct vtl_call *call)
{
    struct riscv_cpu *cpu = call->cpu;
    uint64_t flags = vtl_read64(call->input + 16) & (UINT64_MAX >> 8);
    uint64_t page = vtl_read64(call->input + 24);
    unsigned index, level;
    enum vtl_status status = vtl_check_partition(vtl_read64(call->input));
    if (status == VTL_SUCCESS) {
        status = vtl_check_vp(call, vtl_read32(call->input + 8), &index);
    }
    if (status == VTL_SUCCESS) {
        status = vtl_check_target(call, call->input[23], &level);
    }
    if (status != VTL_SUCCESS) {
        return status;
    }
    if (level >= call->level) {
        return VTL_ACCESS_DENIED;
    }
    bool both = (flags & FLAG_USER) != 0 && (flags & FLAG_SUPERVISOR) != 0;
    if (index != cpu->vcpu.number || !vtl_is_zero(call->input + 12, 4) || (flags & ~FLAGS_KNOWN) != 0 || both ||
        page > GVA_PAGES) {
        return VTL_INVALID_PARAMETER;
    }
    if (!vtl_has_level(vtl_vp_of(cpu), level)) {
        return VTL_INVALID_VTL_STATE;
    }
    vtl_materialize(cpu, level);
    unsigned caller = cpu->level;
    struct found found = { 0 };
    riscv_level_switch(cpu, level);
    riscv_inside_visit(cpu); /* a walk reads tables, and may write them, by that level's rights */
    enum result result = translate(cpu, page << PAGE_SHIFT, flags, &found);
    riscv_inside_leave(cpu);
    riscv_level_switch(cpu, caller);
    uint32_t code = (uint32_t)result;
    uint64_t number = result == RESULT_SUCCESS ? found.address.bits >> PAGE_SHIFT : 0;
    __builtin_memcpy(call->output, &code, sizeof code);
    call->output[5] = result == RESULT_SUCCESS && found.overlay;
    __builtin_memcpy(call->output + 8, &number, sizeof number);
    return VTL_SUCCESS;
}
