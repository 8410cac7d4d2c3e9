/* SPDX-License-Identifier: Apache-2.0 */
/* Section and table numbers are those of the SBI specification, version 2.0. */
#include "arch/riscv/sbi.h"

#include "arch/riscv/hart.h"
#include "arch/riscv/inside.h"
#include "arch/riscv/primitives.h"
#include "memory/rights.h"

#include <time.h>

enum sbi_error { /* table 1 */
                 SBI_SUCCESS = 0,
                 SBI_ERR_FAILED = -1,
                 SBI_ERR_NOT_SUPPORTED = -2,
                 SBI_ERR_INVALID_PARAM = -3,
                 SBI_ERR_DENIED = -4,
                 SBI_ERR_INVALID_ADDRESS = -5,
                 SBI_ERR_ALREADY_AVAILABLE = -6,
                 SBI_ERR_ALREADY_STARTED = -7,
                 SBI_ERR_ALREADY_STOPPED = -8,
};

enum sbi_extension {
    SBI_EXT_LEGACY_SET_TIMER = 0,
    SBI_EXT_LEGACY_PUTCHAR = 1,
    SBI_EXT_LEGACY_GETCHAR = 2,
    SBI_EXT_LEGACY_CLEAR_IPI = 3,
    SBI_EXT_LEGACY_SEND_IPI = 4,
    SBI_EXT_LEGACY_FENCE_I = 5,
    SBI_EXT_LEGACY_SFENCE_VMA = 6,
    SBI_EXT_LEGACY_SFENCE_VMA_ASID = 7,
    SBI_EXT_LEGACY_SHUTDOWN = 8,
    SBI_EXT_BASE = 0x10,
    SBI_EXT_TIME = 0x54494d45,
    SBI_EXT_IPI = 0x735049,
    SBI_EXT_RFENCE = 0x52464e43,
    SBI_EXT_HSM = 0x48534d,
    SBI_EXT_SRST = 0x53525354,
    SBI_EXT_PMU = 0x504d55,
    SBI_EXT_DBCN = 0x4442434e,
    SBI_EXT_TRUST = SBI_TRUST_EXTENSION,
};

#define ECALL_ENCODING             UINT64_C(0x73)
#define SBI_SPEC_VERSION           (2u << 24)
#define SBI_IMPLEMENTATION_VERSION 1u

/* Not in the list of registered implementation IDs (table 4). */
#define SBI_IMPLEMENTATION_ID 0x5256u

struct call {
    const struct sbi_platform *platform;
    struct riscv_cpu *cpu;
    uint64_t function;
    uint64_t a[6]; /* a0 … a5 */
};

struct result {
    int64_t error;
    uint64_t value;
};

static struct result success(uint64_t value)
{
    return (struct result){ .error = SBI_SUCCESS, .value = value };
}

static struct result failure(enum sbi_error error)
{
    return (struct result){ .error = error };
}

/* -- Hart masks (section 3.1) -------------------------------------------------------------------------------------- */

/* Base -1 means all harts. Returns false if the mask names a hart that is not there. */
static bool hart_mask(const struct riscv_machine *machine, uint64_t *mask, uint64_t *base)
{
    if (*base == UINT64_MAX) {
        return true;
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((*mask >> bit & 1) != 0 && (*base + bit < *base || *base + bit >= machine->cpu_count)) {
            return false;
        }
    }
    return true;
}

/* Calls action for each chosen hart's group of up to 64. */
static void for_each_group(struct riscv_cpu *cpu, uint64_t mask, uint64_t base, const struct riscv_fence *fence,
                           void (*action)(struct riscv_cpu *cpu, uint64_t mask, uint64_t base,
                                          const struct riscv_fence *fence))
{
    if (base != UINT64_MAX) {
        action(cpu, mask, base, fence);
        return;
    }
    for (uint64_t group = 0; group < cpu->machine->cpu_count; group += 64) {
        uint64_t left = cpu->machine->cpu_count - group;
        action(cpu, left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1, group, fence);
    }
}

static void post_software_interrupts(struct riscv_cpu *cpu, uint64_t mask, uint64_t base,
                                     const struct riscv_fence *fence)
{
    (void)fence;
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((mask >> bit & 1) != 0) {
            riscv_level_post(cpu->machine->cpus[base + bit], cpu->level, RISCV_INTERRUPT_SSI);
        }
    }
}

/* The addresses of a fence (chapter 8): all if the size is 2^64 - 1, or 0, which means so where start is 0, too. */
static struct riscv_fence fence_of(uint64_t start, uint64_t size)
{
    return (struct riscv_fence){ .start = start, .size = size == UINT64_MAX ? 0 : size, .all_spaces = true };
}

static struct riscv_fence fence_of_space(uint64_t start, uint64_t size, uint64_t asid)
{
    struct riscv_fence fence = fence_of(start, size);
    fence.all_spaces = false;
    fence.asid = (uint16_t)asid;
    return fence;
}

/* -- Base (chapter 4) ---------------------------------------------------------------------------------------------- */

static uint64_t probe(const struct riscv_machine *machine, uint64_t extension)
{
    switch (extension) {
    case SBI_EXT_LEGACY_SET_TIMER:
    case SBI_EXT_LEGACY_PUTCHAR:
    case SBI_EXT_LEGACY_GETCHAR:
    case SBI_EXT_LEGACY_CLEAR_IPI:
    case SBI_EXT_LEGACY_SEND_IPI:
    case SBI_EXT_LEGACY_FENCE_I:
    case SBI_EXT_LEGACY_SFENCE_VMA:
    case SBI_EXT_LEGACY_SFENCE_VMA_ASID:
    case SBI_EXT_LEGACY_SHUTDOWN:
    case SBI_EXT_BASE:
    case SBI_EXT_TIME:
    case SBI_EXT_IPI:
    case SBI_EXT_RFENCE:
    case SBI_EXT_HSM:
    case SBI_EXT_SRST:
    case SBI_EXT_PMU:
    case SBI_EXT_DBCN: return 1;
    case SBI_EXT_TRUST: return machine->trust != NULL ? SBI_TRUST_VERSION : 0;
    default: return 0;
    }
}

static struct result base_call(const struct call *call)
{
    const struct riscv_state *state = &call->cpu->state;
    switch (call->function) {
    case 0: return success(SBI_SPEC_VERSION);
    case 1: return success(SBI_IMPLEMENTATION_ID);
    case 2: return success(SBI_IMPLEMENTATION_VERSION);
    case 3: return success(probe(call->cpu->machine, call->a[0]));
    case 4: return success(state->csr.mvendorid);
    case 5: return success(state->csr.marchid);
    case 6: return success(state->csr.mimpid);
    default: return failure(SBI_ERR_NOT_SUPPORTED);
    }
}

/* -- Timer, inter-processor interrupts, remote fences (chapters 6, 7, 8) ------------------------------------------- */

static struct result timer_call(const struct call *call)
{
    if (call->function != 0) {
        return failure(SBI_ERR_NOT_SUPPORTED);
    }
    riscv_set_supervisor_timer(call->cpu, call->a[0]);
    return success(0);
}

static struct result ipi_call(const struct call *call)
{
    uint64_t mask = call->a[0], base = call->a[1];
    if (call->function != 0) {
        return failure(SBI_ERR_NOT_SUPPORTED);
    }
    if (!hart_mask(call->cpu->machine, &mask, &base)) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    for_each_group(call->cpu, mask, base, NULL, post_software_interrupts);
    return success(0);
}

/* FENCE.I (0), SFENCE.VMA (1) and SFENCE.VMA with ASID (2). The hypervisor fences (3 to 6) come with the H extension.
 */
static struct result fence_call(const struct call *call)
{
    uint64_t mask = call->a[0], base = call->a[1];
    if (call->function > 2) {
        return failure(SBI_ERR_NOT_SUPPORTED);
    }
    if (!hart_mask(call->cpu->machine, &mask, &base)) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    const struct riscv_fence fence =
        call->function == 1 ? fence_of(call->a[2], call->a[3]) : fence_of_space(call->a[2], call->a[3], call->a[4]);
    for_each_group(call->cpu, mask, base, call->function == 0 ? NULL : &fence, hart_fence);
    return success(0);
}

/* -- Hart state management (chapter 9) ----------------------------------------------------------------------------- */

static struct result start_hart(const struct call *call)
{
    const struct riscv_machine *machine = call->cpu->machine;
    uint64_t number = call->a[0], address = call->a[1];
    if (number >= machine->cpu_count) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    if ((address & 1) != 0 || !rights_permit(machine->memory, 0, gpa(address), 2, MEMORY_FETCH)) {
        return failure(SBI_ERR_INVALID_ADDRESS);
    }
    struct riscv_cpu *target = machine->cpus[number];
    return hart_start(target, address, call->a[2]) ? success(0) : failure(SBI_ERR_ALREADY_AVAILABLE);
}

/* Suspension types: 0 retentive is a WFI; 0x80000000 non-retentive resumes at an address. Both are optional; the
 * retentive one is what kernels use. */
static struct result suspend_hart(const struct call *call)
{
    uint32_t type = (uint32_t)call->a[0];
    if (type == 0) {
        riscv_wfi(call->cpu);
        return success(0);
    }
    bool reserved = (type > 0 && type < 0x10000000) || (type > 0x80000000 && type < 0x90000000);
    return failure(reserved ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED);
}

static struct result hsm_call(const struct call *call)
{
    const struct riscv_machine *machine = call->cpu->machine;
    switch (call->function) {
    case 0: return start_hart(call);
    case 1: hart_stop(call->cpu); return success(0);
    case 2:
        if (call->a[0] >= machine->cpu_count) {
            return failure(SBI_ERR_INVALID_PARAM);
        }
        return success(atomic_load(&machine->cpus[call->a[0]]->hart.status));
    case 3: return suspend_hart(call);
    default: return failure(SBI_ERR_NOT_SUPPORTED);
    }
}

/* -- System reset (chapter 10) ------------------------------------------------------------------------------------- */

static struct result reset_call(const struct call *call)
{
    uint32_t type = (uint32_t)call->a[0], reason = (uint32_t)call->a[1];
    if (call->function != 0) {
        return failure(SBI_ERR_NOT_SUPPORTED);
    }
    if (type > SBI_RESET_WARM_REBOOT || (reason > 1 && reason < 0xe0000000)) {
        return failure(type >= 0xf0000000 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM);
    }
    call->platform->reset(call->platform->context, (enum sbi_reset)type, reason == 1);
    return success(0);
}

/* -- Debug console (chapter 12) ------------------------------------------------------------------------------------ */

#define CONSOLE_BYTES_MAX 4096u  /* of one call: the rest is the caller's next one */
#define CONSOLE_NAP       100000 /* ns between looks whether a full console has room again */

static struct result write_from_level(const struct call *call, gpa_t address, uint64_t size)
{
    const struct riscv_cpu *cpu = call->cpu;
    uint8_t copy[CONSOLE_BYTES_MAX];
    if (!rights_read(cpu->machine->memory, cpu->level, address, copy, size)) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    call->platform->level_write(call->platform->context, cpu->vcpu.number, cpu->level, copy, size);
    return success(size);
}

static struct result console_transfer(const struct call *call, bool write)
{
    const struct sbi_platform *platform = call->platform;
    uint64_t size = call->a[0] < CONSOLE_BYTES_MAX ? call->a[0] : CONSOLE_BYTES_MAX;
    uint64_t address = call->a[1];
    if (size == 0) {
        return success(0);
    }
    if (call->a[2] != 0) { /* the upper half of the address */
        return failure(SBI_ERR_INVALID_PARAM);
    }
    if (write && call->cpu->level > 0 && platform->level_write != NULL) {
        return write_from_level(call, gpa(address), size);
    }
    const struct memory *memory = call->cpu->machine->memory;
    struct memory_pin pin;
    uint8_t *bytes = rights_pin(memory, call->cpu->level, gpa(address), size, write ? MEMORY_READ : MEMORY_WRITE, &pin);
    if (bytes == NULL) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    uint64_t done = write ? platform->console_write(platform->context, bytes, size)
                          : platform->console_read(platform->context, bytes, size);
    rights_unpin(memory, &pin);
    return success(done);
}

/* Blocks, as section 12.3 says and the legacy call does, while the console takes nothing and the machine runs. */
static void put_byte(const struct call *call)
{
    const struct timespec nap = { .tv_nsec = CONSOLE_NAP };
    uint8_t byte = (uint8_t)call->a[0];
    while (call->platform->console_write(call->platform->context, &byte, 1) == 0 &&
           (vcpu_attention(&call->cpu->vcpu) & VCPU_STOP) == 0) {
        if (vcpu_take(&call->cpu->vcpu, VCPU_FENCE) != 0) {
            hart_serve_fence(call->cpu); /* another hart waits for it */
        }
        nanosleep(&nap, NULL);
    }
}

static struct result console_call(const struct call *call)
{
    switch (call->function) {
    case 0: return console_transfer(call, true);
    case 1: return console_transfer(call, false);
    case 2: put_byte(call); return success(0);
    default: return failure(SBI_ERR_NOT_SUPPORTED);
    }
}

/* -- Performance monitoring (chapter 11): the two fixed counters ----------------------------------------------------
 */

enum pmu_counter { PMU_CYCLES = 0, PMU_INSTRUCTIONS = 2 }; /* offsets from CSR cycle */

#define PMU_COUNTERS          ((UINT64_C(1) << PMU_CYCLES) | (UINT64_C(1) << PMU_INSTRUCTIONS))
#define PMU_COUNTER_COUNT     3u
#define PMU_CSR_CYCLE         0xc00u
#define PMU_WIDTH             63u /* highest bit */
#define PMU_EVENT_CYCLES      1u  /* SBI_PMU_HW_CPU_CYCLES, table 30 */
#define PMU_EVENT_INSTRUCTION 2u
#define PMU_FLAG_CLEAR        (1u << 1)
#define PMU_FLAG_START        (1u << 2)
#define PMU_START_SET_VALUE   (1u << 0)

static void pmu_set(struct riscv_cpu *cpu, unsigned counter, uint64_t value)
{
    if (counter == PMU_CYCLES) {
        riscv_write_cycle_counter(cpu, value);
    } else {
        riscv_write_instret_counter(cpu, value);
    }
}

static void pmu_inhibit(struct riscv_cpu *cpu, unsigned counter, bool inhibit)
{
    uint64_t bit = UINT64_C(1) << counter, now;
    now = counter == PMU_CYCLES ? riscv_cycle_counter(cpu) : riscv_instret_counter(cpu);
    if (inhibit) {
        cpu->state.csr.mcountinhibit |= bit;
    } else {
        cpu->state.csr.mcountinhibit &= ~bit;
    }
    pmu_set(cpu, counter, now);
}

static struct result pmu_match(const struct call *call)
{
    uint64_t base = call->a[0], mask = call->a[1], flags = call->a[2], event = call->a[3];
    unsigned counter = event == PMU_EVENT_CYCLES ? PMU_CYCLES : PMU_INSTRUCTIONS;
    if (base >= PMU_COUNTER_COUNT || (mask << base >> base) != mask) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    if ((event != PMU_EVENT_CYCLES && event != PMU_EVENT_INSTRUCTION) || (mask << base >> counter & 1) == 0) {
        return failure(SBI_ERR_NOT_SUPPORTED);
    }
    if ((flags & PMU_FLAG_CLEAR) != 0) {
        pmu_set(call->cpu, counter, 0);
    }
    if ((flags & PMU_FLAG_START) != 0) {
        pmu_inhibit(call->cpu, counter, false);
    }
    return success(counter);
}

static struct result pmu_start_stop(const struct call *call, bool start)
{
    uint64_t base = call->a[0], mask = call->a[1];
    if (base >= PMU_COUNTER_COUNT || ((mask << base) & ~PMU_COUNTERS) != 0 || (mask << base >> base) != mask) {
        return failure(SBI_ERR_INVALID_PARAM);
    }
    for (unsigned counter = 0; counter < PMU_COUNTER_COUNT; counter++) {
        if ((mask << base >> counter & 1) == 0) {
            continue;
        }
        if (start && (call->a[2] & PMU_START_SET_VALUE) != 0) {
            pmu_set(call->cpu, counter, call->a[3]);
        }
        pmu_inhibit(call->cpu, counter, !start);
    }
    return success(0);
}

static struct result pmu_call(const struct call *call)
{
    switch (call->function) {
    case 0: return success(PMU_COUNTER_COUNT);
    case 1: /* counter_info: bits 11:0 CSR, 17:12 width, 63 firmware counter; index 1 would be `time` */
        if (call->a[0] >= PMU_COUNTER_COUNT || (PMU_COUNTERS >> call->a[0] & 1) == 0) {
            return failure(SBI_ERR_INVALID_PARAM);
        }
        return success((PMU_CSR_CYCLE + call->a[0]) | (uint64_t)PMU_WIDTH << 12);
    case 2: return pmu_match(call);
    case 3: return pmu_start_stop(call, true);
    case 4: return pmu_start_stop(call, false);
    default: return failure(SBI_ERR_NOT_SUPPORTED);
    }
}

/* -- Legacy (chapter 5): the result is in a0 alone, hart masks are in guest-virtual memory --------------------------
 */

/* A NULL pointer means all harts. */
static bool legacy_mask(const struct call *call, uint64_t *mask, uint64_t *base)
{
    *base = 0;
    if (call->a[0] == 0) {
        *base = UINT64_MAX;
        return true;
    }
    riscv_inside_visit(call->cpu);
    bool read = riscv_debug_read(call->cpu, call->a[0], mask, sizeof *mask);
    riscv_inside_leave(call->cpu);
    return read && hart_mask(call->cpu->machine, mask, base);
}

/* A trust level may hold up the end of a remote fence of address translation: the call is made again then. */
static bool fence_may_end(const struct call *call, uint64_t mask, uint64_t base)
{
    struct riscv_cpu *cpu = call->cpu;
    const struct riscv_trust_ops *trust = cpu->machine->trust;
    if (likely(trust == NULL) || trust->fence_may_end(cpu, mask, base)) {
        return true;
    }
    cpu->state.pc -= 4;
    return false;
}

/* False: to be made again. */
static bool legacy_fence(const struct call *call, uint64_t extension, int64_t *result)
{
    uint64_t mask = 0, base = 0;
    if (!legacy_mask(call, &mask, &base)) {
        *result = SBI_ERR_INVALID_PARAM;
        return true;
    }
    const struct riscv_fence fence = extension == SBI_EXT_LEGACY_SFENCE_VMA
                                         ? fence_of(call->a[1], call->a[2])
                                         : fence_of_space(call->a[1], call->a[2], call->a[3]);
    for_each_group(call->cpu, mask, base, extension == SBI_EXT_LEGACY_FENCE_I ? NULL : &fence, hart_fence);
    *result = 0;
    return extension == SBI_EXT_LEGACY_FENCE_I || fence_may_end(call, mask, base);
}

static int64_t legacy_getchar(const struct call *call)
{
    uint8_t byte;
    return call->platform->console_read(call->platform->context, &byte, 1) == 1 ? byte : -1;
}

static int64_t legacy_send_ipi(const struct call *call)
{
    uint64_t mask = 0, base = 0;
    if (!legacy_mask(call, &mask, &base)) {
        return SBI_ERR_INVALID_PARAM;
    }
    for_each_group(call->cpu, mask, base, NULL, post_software_interrupts);
    return 0;
}

/* False: to be made again. */
static bool legacy_call(const struct call *call, uint64_t extension, int64_t *result)
{
    *result = 0;
    switch (extension) {
    case SBI_EXT_LEGACY_SET_TIMER: riscv_set_supervisor_timer(call->cpu, call->a[0]); break;
    case SBI_EXT_LEGACY_PUTCHAR: put_byte(call); break;
    case SBI_EXT_LEGACY_GETCHAR: *result = legacy_getchar(call); break;
    case SBI_EXT_LEGACY_CLEAR_IPI:
        riscv_set_mip_SSIP(&call->cpu->state, 0);
        riscv_interrupts_changed(call->cpu);
        break;
    case SBI_EXT_LEGACY_SEND_IPI: *result = legacy_send_ipi(call); break;
    case SBI_EXT_LEGACY_SHUTDOWN: call->platform->reset(call->platform->context, SBI_RESET_SHUTDOWN, false); break;
    default: return legacy_fence(call, extension, result);
    }
    return true;
}

/* -- Dispatch ------------------------------------------------------------------------------------------------------ */

/* What a higher trust level may want to decide: false if it does, or the call is refused. */
static bool may_go_on(struct riscv_cpu *cpu, uint64_t extension, uint64_t function)
{
    const struct riscv_trust_ops *trust = cpu->machine->trust;
    bool asks =
        (extension == SBI_EXT_HSM && function < 2) || extension == SBI_EXT_SRST || extension == SBI_EXT_LEGACY_SHUTDOWN;
    if (likely(trust == NULL) || !asks) {
        return true;
    }
    switch (trust->firmware(cpu, extension, function)) {
    case RISCV_TRUST_GO_ON: return true;
    case RISCV_TRUST_REFUSED:
        cpu->state.x[10] = (uint64_t)SBI_ERR_DENIED;
        if (extension != SBI_EXT_LEGACY_SHUTDOWN) {
            cpu->state.x[11] = 0;
        }
        return false;
    case RISCV_TRUST_TAKEN: break; /* its registers are not ours any more */
    }
    return false;
}

bool sbi_call(const struct sbi_platform *platform, struct riscv_cpu *cpu)
{
    uint64_t *x = cpu->state.x;
    struct call call = { .platform = platform, .cpu = cpu, .function = x[16] };
    for (unsigned i = 0; i < 6; i++) {
        call.a[i] = x[10 + i];
    }
    uint64_t extension = x[17];
    if (unlikely(extension == SBI_EXT_TRUST && cpu->machine->trust != NULL)) {
        bool answered = cpu->machine->trust->call(cpu); /* perhaps at another level now */
        if (!answered) {
            riscv_raise(cpu, RISCV_EXCEPTION_ILLEGAL_INSTRUCTION, ECALL_ENCODING);
        }
        return answered;
    }
    if (!may_go_on(cpu, extension, call.function)) {
        return true;
    }
    if (extension <= SBI_EXT_LEGACY_SHUTDOWN) {
        int64_t answer;
        if (legacy_call(&call, extension, &answer)) {
            x[10] = (uint64_t)answer;
        }
        return true;
    }
    struct result result = failure(SBI_ERR_NOT_SUPPORTED);
    switch (extension) {
    case SBI_EXT_BASE: result = base_call(&call); break;
    case SBI_EXT_TIME: result = timer_call(&call); break;
    case SBI_EXT_IPI: result = ipi_call(&call); break;
    case SBI_EXT_RFENCE: result = fence_call(&call); break;
    case SBI_EXT_HSM: result = hsm_call(&call); break;
    case SBI_EXT_SRST: result = reset_call(&call); break;
    case SBI_EXT_PMU: result = pmu_call(&call); break;
    case SBI_EXT_DBCN: result = console_call(&call); break;
    default: break;
    }
    bool is_fence = extension == SBI_EXT_RFENCE && call.function != 0 && result.error == SBI_SUCCESS;
    if (is_fence && !fence_may_end(&call, call.a[0], call.a[1])) {
        return true;
    }
    x[10] = (uint64_t)result.error;
    x[11] = result.value;
    return true;
}
