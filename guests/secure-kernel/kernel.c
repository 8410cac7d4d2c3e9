/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#include "call.h"

#define STACK_SIZE         (2 * PAGE_SIZE)
#define GUEST_OS_ID        UINT64_C(0x8100000000000001) /* any but 0: TLFS, "Guest OS Identity MSR": open source */
#define CAUSE_FETCH_ACCESS 1u
#define CAUSE_LOAD_ACCESS  5u
#define CAUSE_STORE_ACCESS 7u
#define CAUSE_FETCH_PAGE   12u
#define CAUSE_LOAD_PAGE    13u
#define CAUSE_STORE_PAGE   15u
#define SIE_SSIE           (UINT64_C(1) << 1)
#define SSTATUS_SIE        (UINT64_C(1) << 1)
#define SIE_STIE           (UINT64_C(1) << 5)
#define SSTATUS_UXL_64     (UINT64_C(2) << 32)
#define SBI_FAILED         (-1)
#define SBI_DENIED         (-4)
#define SBI_INVALID        (-3)
#define SBI_ALREADY        (-6)
#define ECALL_LENGTH       4u
#define STARTUP_START      0u
#define REGISTER_A0        10u
#define REGISTER_A1        11u
#define REGISTER_A6        16u
#define REGISTER_A7        17u

struct kernel kernel;

extern char kernel_end[] __attribute__((visibility("hidden")));
void secure_kernel_entry(void) __attribute__((visibility("hidden")));

void *kernel_allocate(uint64_t size)
{
    size = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (size > kernel.free_memory_end - kernel.free_memory) {
        return NULL;
    }
    void *memory = (void *)kernel.free_memory;
    kernel.free_memory += size;
    return memset(memory, 0, size);
}

static void inject(struct vp *vp, unsigned cause, uint64_t value)
{
    call_set(vp, ABI_PENDING_EVENT, ABI_PENDING | (uint64_t)cause << ABI_PENDING_CAUSE_SHIFT, value);
}

void kernel_refuse_access(struct vp *vp, const struct abi_message *message)
{
    static const unsigned causes[][2] = {
        [ABI_ACCESS_READ] = { CAUSE_LOAD_PAGE, CAUSE_LOAD_ACCESS },
        [ABI_ACCESS_WRITE] = { CAUSE_STORE_PAGE, CAUSE_STORE_ACCESS },
        [ABI_ACCESS_EXECUTE] = { CAUSE_FETCH_PAGE, CAUSE_FETCH_ACCESS },
    };
    unsigned access = message->access <= ABI_ACCESS_EXECUTE ? message->access : ABI_ACCESS_READ;
    inject(vp, causes[access][message_is_user(message)], message->memory.virtual);
}

void kernel_refuse_instruction(struct vp *vp, const struct abi_message *message)
{
    inject(vp, CAUSE_STORE_PAGE, message->pc);
}

void kernel_skip(struct vp *vp, uint64_t pc, unsigned length)
{
    call_set(vp, ABI_PC, pc + length, 0);
}

static bool in_modules(uint64_t address)
{
    return kernel_modules_start() <= address && address < kernel.symbols[SECURE_KERNEL_START];
}

bool kernel_refuses(struct vp *vp, const char *what, uint64_t address, uint64_t pc)
{
    bool refuses = kernel_permits(SECURE_KERNEL_ENFORCE);
    uint64_t now, untold;
    __asm__ volatile("rdtime %0" : "=r"(now));
    kernel.refused++;
    if (budget_take(what, now, &untold)) {
        struct line line = { .length = 0 };
        line_add(&line, refuses ? "secure kernel: refused " : "secure kernel: observed ");
        line_add(&line, what);
        line_add(&line, " ");
        line_add_hex(&line, address);
        line_add(&line, " by ");
        line_add_hex(&line, pc);
        line_add(&line, in_modules(pc) ? " of a module on vcpu " : " on vcpu ");
        line_add_number(&line, vp->number);
        if (untold != 0) {
            line_add(&line, "; of such before it, not told: ");
            line_add_number(&line, untold);
        }
        line_tell(&line);
    }
    return refuses;
}

static bool is_private(unsigned number)
{
    return (number >= 1 && number <= 4) || number == 8;
}

uint64_t kernel_register(struct vp *vp, unsigned number)
{
    if (number == 0) {
        return 0;
    }
    return is_private(number) ? call_get(vp, ABI_X + number) : vp->frame->x[number];
}

void kernel_set_register(struct vp *vp, unsigned number, uint64_t value)
{
    if (is_private(number)) {
        call_set(vp, ABI_X + number, value, 0);
    } else if (number != 0) {
        vp->frame->x[number] = value;
    }
}

/* ---- Starting ---------------------------------------------------------------------------------------------------- */

_Noreturn void kernel_die(const char *why)
{
    struct line line = { .length = 0 };
    line_add(&line, "secure kernel: ");
    line_add(&line, why);
    line_tell(&line);
    sbi_shut_down();
    for (;;) {
        __asm__ volatile("wfi");
    }
}

static uint64_t round_up(uint64_t address)
{
    return (address + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static void take_block(struct secure_kernel_block *block)
{
    if (block->magic != SECURE_KERNEL_BLOCK_MAGIC || block->version != SECURE_KERNEL_BLOCK_VERSION ||
        block->cpu_count > VP_COUNT_MAX) {
        kernel_die("the monitor's block is not one of this version");
    }
    memcpy(kernel.symbols, block->symbols, sizeof kernel.symbols);
    memcpy(kernel.tracers, block->tracers, sizeof kernel.tracers);
    kernel.own = (struct range){ block->memory_base, block->memory_base + block->memory_size };
    kernel.free_memory = (uint64_t)kernel_end;
    kernel.free_memory_end = ((uint64_t)block & ~(PAGE_SIZE - 1)) - STACK_SIZE; /* the first processor's stack */
    kernel.image = block->image;
    kernel.image_end = round_up(kernel_physical(kernel.symbols[SECURE_KERNEL_END]));
    kernel.text = (struct range){ block->image, kernel_physical(kernel.symbols[SECURE_KERNEL_INIT_BEGIN]) };
    kernel.init = (struct range){ kernel.text.end, kernel_physical(kernel.symbols[SECURE_KERNEL_RODATA]) };
    kernel.rodata = (struct range){ kernel.init.end, kernel_physical(kernel.symbols[SECURE_KERNEL_DATA]) };
    kernel.vp_count = block->cpu_count;
    kernel.permissions = block->permissions;
    kernel.pins = block->pins;
    service_begin(block->seed, sizeof block->seed);
    memset(block->seed, 0, sizeof block->seed);
}

static void make_vps(void)
{
    kernel.vps = kernel_allocate(kernel.vp_count * sizeof *kernel.vps);
    for (uint32_t i = 0; i < kernel.vp_count; i++) {
        char *pages = kernel_allocate(3 * PAGE_SIZE + (i != 0 ? STACK_SIZE : 0));
        if (kernel.vps == NULL || pages == NULL) {
            kernel_die("its memory is too small for so many vCPUs");
        }
        struct vp *vp = &kernel.vps[i];
        vp->number = i;
        vp->input = pages;
        vp->output = pages + PAGE_SIZE;
        vp->assist = (void *)(pages + 2 * PAGE_SIZE);
        vp->stack = i != 0 ? (uint64_t)pages + 3 * PAGE_SIZE + STACK_SIZE : kernel.free_memory_end + STACK_SIZE;
    }
}

/* What each processor needs of its own, each time it starts. */
static void begin_vp(struct vp *vp)
{
    bool done = call_set_own(vp, ABI_GUEST_OS_ID, GUEST_OS_ID) &&
                call_set_own(vp, ABI_VP_ASSIST_PAGE, (uint64_t)vp->assist | 1);
    if (!done) {
        kernel_die("the monitor gives it no assist page");
    }
    vp->user_apart = false;
    pins_prepare(vp);
    __asm__ volatile("csrw sie, %0" : : "r"(SIE_STIE | SIE_SSIE));
    sbi_set_timer(UINT64_MAX);
}

static void begin_first(struct vp *vp, const struct secure_kernel_block *block)
{
    vp->runs = true;
    begin_vp(vp);
    protect_begin(vp);
    call_set(vp, ABI_PC, block->entry, 0);
}

/* The start state of SBI v2.0, section 9.1, also if level 0 ran on this processor before. */
static void begin_other(struct vp *vp)
{
    begin_vp(vp);
    call_set_own(vp, ABI_VSM_VP_SECURE_CONFIG_0, 0);
    call_set(vp, ABI_SATP, 0, 0);
    call_set(vp, ABI_SSTATUS, SSTATUS_UXL_64, 0);
    call_set(vp, ABI_PC, vp->start_address, 0);
    call_set(vp, ABI_PRIVILEGE_MODE, 1, 0); /* S-mode */
    vp->frame->x[REGISTER_A0] = vp->number;
    vp->frame->x[REGISTER_A1] = vp->start_argument;
}

/* start.S, once for each start of a processor. */
void kernel_start(struct frame *frame, uint32_t number, struct secure_kernel_block *block);
void kernel_start(struct frame *frame, uint32_t number, struct secure_kernel_block *block)
{
    bool first = kernel.vps == NULL;
    if (first) {
        take_block(block);
        make_vps();
        trace_begin();
    }
    struct vp *vp = &kernel.vps[number];
    vp->frame = frame;
    __asm__ volatile("mv tp, %0" : : "r"(vp));
    if (first) {
        begin_first(vp, block);
    } else {
        begin_other(vp);
    }
}

/* ---- Harts start and stop ---------------------------------------------------------------------------------------- */

static int64_t start_hart(struct vp *vp, const struct abi_startup_message *message)
{
    uint64_t secondary = kernel.symbols[SECURE_KERNEL_SECONDARY];
    if (message->vp >= kernel.vp_count) {
        return SBI_INVALID;
    }
    struct vp *other = &kernel.vps[message->vp];
    if (other->runs) {
        return SBI_ALREADY;
    }
    if (secondary != 0 && message->address != kernel_physical(secondary) &&
        kernel_refuses(vp, "to start a vCPU at", message->address, 0)) {
        return SBI_DENIED;
    }
    other->start_address = message->address;
    other->start_argument = message->argument;
    struct abi_context context = {
        .pc = (uint64_t)secure_kernel_entry,
        .sp = other->stack,
        .gp = other->number,
    };
    uint64_t status = call_start(vp, other->number, &context);
    other->runs = status == ABI_SUCCESS;
    return status == ABI_SUCCESS ? 0 : status == ABI_INVALID_VP_STATE ? SBI_ALREADY : SBI_FAILED;
}

static void startup(struct vp *vp, const struct abi_message *message)
{
    if (message->startup.function == STARTUP_START) {
        int64_t error = start_hart(vp, &message->startup);
        vp->frame->x[REGISTER_A0] = (uint64_t)error;
        vp->frame->x[REGISTER_A1] = 0;
        kernel_skip(vp, message->pc, ECALL_LENGTH);
        return;
    }
    vp->runs = false;
    lock_drop(&kernel.lock);
    sbi_stop_hart(); /* when it is started again, it begins at the entry */
    for (;;) {
    }
}

/* ---- Entries ----------------------------------------------------------------------------------------------------- */

static void intercepted(struct vp *vp, const struct abi_message *message)
{
    switch (message->type) {
    case ABI_MESSAGE_MEMORY: pages_refused(vp, message); break;
    case ABI_MESSAGE_REGISTER: pins_refused(vp, message); break;
    case ABI_MESSAGE_STARTUP: startup(vp, message); break;
    default: kernel_refuse_instruction(vp, message); break;
    }
}

/* start.S, each time the guest was left. */
void kernel_entered(struct frame *frame);
void kernel_entered(struct frame *frame)
{
    struct vp *vp;
    __asm__ volatile("mv %0, tp" : "=r"(vp));
    vp->frame = frame;
    lock_take(&kernel.lock);
    switch (vp->assist->reason) {
    case ABI_REASON_CALL: service_call(vp); break;
    case ABI_REASON_INTERRUPT: protect_look(vp); break;
    case ABI_REASON_INTERCEPT: intercepted(vp, &vp->assist->message); break;
    default: break;
    }
    lock_drop(&kernel.lock);
    vp->assist->a6 = frame->x[REGISTER_A6]; /* what the return gives back */
    vp->assist->a7 = frame->x[REGISTER_A7];
}

/* start.S: a mistake of ours. */
void kernel_trapped(uint64_t cause, uint64_t pc, uint64_t value);
void kernel_trapped(uint64_t cause, uint64_t pc, uint64_t value)
{
    struct line line = { .length = 0 };
    line_add(&line, "secure kernel: failed with cause ");
    line_add_number(&line, cause);
    line_add(&line, " at ");
    line_add_hex(&line, pc - (uint64_t)secure_kernel_entry);
    line_add(&line, ", ");
    line_add_hex(&line, value);
    line_tell(&line);
    sbi_shut_down();
}
