/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/check.h"

#include "arch/riscv/inside.h"
#include "core/check.h"
#include "engine/check/check_internal.h"
#include "engine/interp/interp.h"
#include "engine/jit/jit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTEMPTS      3u
#define TICK          200000l /* ns: translated code runs no longer than about that */
#define ALL_ATTENTION UINT32_MAX

/* -- What they write ----------------------------------------------------------------------------------------------- */

static struct check_page *add_page(struct check *check, gpa_t address)
{
    if (check->page_count == check->page_room) {
        check->page_room = 2 * check->page_room + 16;
        check->pages = check_realloc(check->pages, check->page_room * sizeof *check->pages);
    }
    struct check_page *page = &check->pages[check->page_count++];
    page->address = address;
    CHECK(memory_read(check->cpu->machine->memory, address, page->before, PAGE_SIZE));
    return page;
}

static void note_mark(void *context, gpa_t entry)
{
    struct check *check = context;
    if (check->marked_count == check->marked_room) {
        check->marked_room = 2 * check->marked_room + 64;
        check->marked = check_realloc(check->marked, check->marked_room * sizeof *check->marked);
    }
    check->marked[check->marked_count++] = entry;
}

/* The hart writes to a page that translated code, which has run before, may not have written. */
static void note_write(void *context, gpa_t address)
{
    struct check *check = context;
    const gpa_t start = gpa(address.bits & ~PAGE_MASK);
    for (size_t i = 0; i < check->page_count; i++) {
        if (check->pages[i].address.bits == start.bits) {
            return;
        }
    }
    struct check_page *page = add_page(check, start);
    memcpy(page->translated, page->before, PAGE_SIZE);
}

/* The shadow's are known by the dirty bits of its memory. */
static void ignore_write(void *context, gpa_t address)
{
    (void)context, (void)address;
}

void check_watch(struct check *check)
{
    check->witness = (struct riscv_witness){ .writes = note_write, .marks = note_mark, .context = check };
    check->cpu->witness = &check->witness;
    riscv_flush(check->cpu);
}

/* -- The shadow ---------------------------------------------------------------------------------------------------- */

static bool refuse_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct check *check = device;
    (void)offset, (void)size;
    *value = 0;
    check->met_device = true;
    return false;
}

static bool refuse_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct check *check = device;
    (void)offset, (void)size, (void)value;
    check->met_device = true;
    return false;
}

static const struct memory_device_ops refusal = { refuse_read, refuse_write };

static bool create_shadow(struct check *check, struct error *error)
{
    const struct riscv_machine *machine = check->cpu->machine;
    check->memory = memory_create_private(machine->memory, &refusal, check, error);
    if (check->memory == NULL) {
        return false;
    }
    struct riscv_machine_config config = { .memory = check->memory,
                                           .clock = machine->clock,
                                           .features = machine->features,
                                           .cpu_count = 1,
                                           .pmp_entry_count = machine->pmp_entry_count };
    check->machine = riscv_machine_create(&config, error);
    if (check->machine == NULL) {
        return false;
    }
    check->shadow = check->machine->cpus[0];
    if (!jit_create(check->shadow, error)) {
        return false;
    }
    jit_set_dump(check->shadow, check->dump, check->dump_kinds);
    check->shadow_witness = (struct riscv_witness){ .writes = ignore_write, .marks = note_mark, .context = check };
    check->shadow->witness = &check->shadow_witness;
    return true;
}

static void destroy_shadow(struct check *check)
{
    if (check->shadow != NULL && check->shadow->jit != NULL) {
        jit_destroy(check->shadow);
    }
    riscv_machine_destroy(check->machine);
    memory_destroy(check->memory);
    check->shadow = NULL;
    check->machine = NULL;
    check->memory = NULL;
}

static void ignore_page(void *context, gpa_t address, const uint8_t *page)
{
    (void)address, (void)page;
    *(bool *)context = true;
}

/* Both begin with empty translation caches, so that neither knows a page table of the past that the other does not. The
 * pages that the hart has fetched from lately are in the shadow's, for regions of more than one page. */
static void empty_caches(struct check *check)
{
    struct riscv_cpu *cpu = check->cpu, *shadow = check->shadow;
    const uint8_t *page;
    riscv_flush(shadow);
    const struct tlb_filled *filled = &cpu->fetch_tlb->filled[1];
    const bool few = filled->count <= TLB_FILLED_MAX;
    for (unsigned i = 0; i < (few ? filled->count : TLB_FETCH_COUNT); i++) {
        uint64_t address = cpu->fetch_tlb->fetches[few ? filled->positions[i] - TLB_ENTRY_COUNT : i].page;
        if (address != TLB_NO_TAG) {
            riscv_fetch_page(shadow, address, &page);
        }
    }
    bool wrote = false; /* accessed bits of page tables */
    memory_forget_private(check->memory, ignore_page, &wrote);
    for (unsigned i = 0; wrote && i < RISCV_CONTEXT_COUNT; i++) {
        tlb_flush_writes(&shadow->tlbs[i]);
    }
}

static void *moved(const void *host, ptrdiff_t distance)
{
    return host == NULL ? NULL : (void *)((uintptr_t)host + (uintptr_t)distance);
}

/* The shadow becomes what the hart is. */
static void copy_hart(struct check *check)
{
    struct riscv_cpu *cpu = check->cpu, *shadow = check->shadow;
    check->marked_count = 0;
    shadow->machine->firmware = cpu->machine->firmware;
    shadow->state = cpu->state;
    shadow->features = cpu->features;
    shadow->pmp = cpu->pmp;
    shadow->now->filled_under_mxr = cpu->now->filled_under_mxr;
    shadow->now->filled_under_satp = cpu->now->filled_under_satp;
    shadow->instructions = cpu->instructions;
    shadow->code_epoch = cpu->code_epoch;
    shadow->data_tlb = shadow->tlbs + (cpu->data_tlb - cpu->tlbs);
    shadow->fetch_tlb = shadow->tlbs + (cpu->fetch_tlb - cpu->tlbs);
    memcpy(shadow->statistics.exceptions, cpu->statistics.exceptions, sizeof shadow->statistics.exceptions);
    empty_caches(check);
    const uint8_t *ours, *theirs;
    if (riscv_fetch_page(cpu, cpu->state.pc, &ours) && riscv_fetch_page(shadow, cpu->state.pc, &theirs) &&
        ours != NULL && theirs != NULL) {
        check->distance = theirs - ours;
        interp_borrow_heat(shadow, check->heating, -check->distance);
    }
    shadow->reservation = cpu->reservation;
    shadow->reservation.host = moved(cpu->reservation.host, check->distance);
}

/* -- The two runs -------------------------------------------------------------------------------------------------- */

static void keep_page(void *context, gpa_t address, const uint8_t *page)
{
    memcpy(add_page(context, address)->translated, page, PAGE_SIZE);
}

/* Runs translated code on the shadow. The pages it wrote are kept, and the shadow's view of memory is as before. */
static enum jit_left run_translated(struct check *check)
{
    struct riscv_cpu *shadow = check->shadow;
    check->met_device = false;
    check->page_count = 0;
    vcpu_take(&shadow->vcpu, ALL_ATTENTION);
    enum jit_left left = jit_try(shadow);
    if (left == JIT_LEFT_TRAPPED && check->met_device) {
        left = JIT_LEFT_INTERPRET;
    } else if (left == JIT_LEFT_TRAPPED) {
        riscv_take_trap(shadow);
    }
    memory_forget_private(check->memory, keep_page, check);
    return left;
}

static uint64_t total(const uint64_t counts[64])
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 64; i++) {
        sum += counts[i];
    }
    return sum;
}

static void note_instruction(void *context, struct riscv_cpu *cpu, uint32_t encoding)
{
    struct check *check = context;
    struct check_step *step = &check->trace[check->traced++ % CHECK_TRACE_LENGTH];
    step->pc = cpu->state.pc;
    step->encoding = encoding;
}

/* Some instructions, up to `room` (if that is not 0) or the first trap or interrupt; one by one if they are to be
 * traced. What others want of the hart is put off into *asked. */
static void step(struct check *check, uint64_t room, uint32_t *asked)
{
    struct riscv_cpu *cpu = check->cpu;
    if (vcpu_attention(&cpu->vcpu) != 0) {
        *asked |= vcpu_take(&cpu->vcpu, ALL_ATTENTION);
    }
    cpu->interp = check->blocks;
    if (check->traces || !interp_step_block(cpu, room)) {
        cpu->interp = check->stepping;
        interp_step(cpu);
    }
}

/* Takes the hart to where the shadow is: to the same number of instructions, and of traps. False: an interrupt came
 * between. */
static bool follow(struct check *check)
{
    struct riscv_cpu *cpu = check->cpu;
    const uint64_t count = check->shadow->instructions, traps = total(check->shadow->statistics.exceptions);
    const uint64_t interrupts = total(cpu->statistics.interrupts);
    uint32_t asked = 0;
    bool goes_on = true;
    check->traced = 0;
    check_watch(check);
    while (goes_on && (cpu->instructions < count || total(cpu->statistics.exceptions) < traps)) {
        uint64_t before = cpu->instructions;
        step(check, count - before, &asked);
        bool moved = cpu->instructions != before;
        goes_on =
            cpu->instructions <= count &&
            (moved || (total(cpu->statistics.exceptions) <= traps && total(cpu->statistics.interrupts) == interrupts));
    }
    cpu->witness = NULL;
    cpu->interp = check->heating;
    if (asked != 0) {
        vcpu_request(&cpu->vcpu, asked);
    }
    return total(cpu->statistics.interrupts) == interrupts;
}

/* Puts the hart back to where both began. */
static void go_back(struct check *check, const struct riscv_cpu *before)
{
    struct riscv_cpu *cpu = check->cpu;
    for (size_t i = 0; i < check->page_count; i++) {
        CHECK(memory_write(cpu->machine->memory, check->pages[i].address, check->pages[i].before, PAGE_SIZE));
    }
    cpu->state = before->state;
    cpu->instructions = before->instructions;
    cpu->reservation = before->reservation;
    cpu->statistics = before->statistics;
    uint64_t code_epoch = cpu->code_epoch;
    riscv_cpu_state_changed(cpu);
    cpu->code_epoch = code_epoch;
}

/* -- One hot place ------------------------------------------------------------------------------------------------- */

/* Returns true if the next instruction is for the interpreter whatever its heat. */
static bool check_hot(struct check *check, struct interp_block *hot)
{
    struct riscv_cpu *cpu = check->cpu, *before = check->before;
    for (unsigned attempt = 1;; attempt++) {
        before->state = cpu->state;
        before->instructions = cpu->instructions;
        before->reservation = cpu->reservation;
        before->statistics = cpu->statistics;
        check->traces = attempt > 1;
        copy_hart(check);
        enum jit_left left = run_translated(check);
        if (left == JIT_LEFT_AT_ONCE) {
            interp_cool(hot);
            return true;
        }
        uint64_t count = check->shadow->instructions - before->instructions;
        if (!follow(check)) {
            check->statistics.interrupted++;
            return false;
        }
        if (check_compare(check)) {
            check->statistics.runs += count != 0 || left == JIT_LEFT_TRAPPED; /* else stopped before it began */
            check->statistics.instructions += count;
            check->statistics.pages += check->page_count;
            check->statistics.repeated += attempt - 1;
            return left == JIT_LEFT_INTERPRET || count == 0;
        }
        if (attempt == ATTEMPTS) {
            check_report(check, before, count, stderr);
            check_failed(__FILE__, __LINE__, "translated code does what the interpreter does");
        }
        go_back(check, before);
    }
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

/* The shadow has no interrupts that would end a loop waiting for one. */
static void *tick(void *context)
{
    struct check *check = context;
    while (!atomic_load(&check->is_over)) {
        nanosleep(&(struct timespec){ .tv_nsec = TICK }, NULL);
        vcpu_request(&check->shadow->vcpu, VCPU_STOP);
    }
    return NULL;
}

static void run_until_stopped(struct check *check)
{
    struct riscv_cpu *cpu = check->cpu;
    while (hart_wait_started(cpu)) {
        bool once = false;
        struct interp_block *hot;
        riscv_inside_enter(cpu);
        while ((hot = interp_run_to_hot(cpu, once)) != NULL) {
            once = check_hot(check, hot);
        }
        riscv_inside_leave(cpu);
    }
}

void check_run(struct riscv_cpu *cpu)
{
    struct check *check = cpu->check;
    struct error error;
    pthread_t ticker;
    if (check->shadow == NULL && !create_shadow(check, &error)) { /* only now is the machine complete */
        fprintf(stderr, "ravelin: %s\n", error.text);
        check_failed(__FILE__, __LINE__, "the shadow of a machine can be made");
    }
    atomic_store(&check->is_over, false);
    CHECK(pthread_create(&ticker, NULL, tick, check) == 0);
    run_until_stopped(check);
    atomic_store(&check->is_over, true);
    pthread_join(ticker, NULL);
}

/* -- Life ---------------------------------------------------------------------------------------------------------- */

bool check_create(struct riscv_cpu *cpu, struct error *error)
{
    if (cpu->machine->cpu_count != 1) {
        return error_set(error, "the check engine runs one vCPU, not %u; ask for one (--cpus 1)",
                         cpu->machine->cpu_count);
    }
    if (!jit_create(cpu, error)) { /* a trial: the JIT will run on a shadow */
        return false;
    }
    jit_destroy(cpu);
    struct check *check = check_alloc(sizeof *check);
    check->cpu = cpu;
    check->before = check_alloc(sizeof *check->before);
    interp_create(cpu);
    interp_set_hook(cpu, note_instruction, check);
    check->stepping = cpu->interp;
    interp_create(cpu);
    check->blocks = cpu->interp;
    interp_create_for_jit(cpu);
    check->heating = cpu->interp;
    cpu->check = check;
    return true;
}

void check_destroy(struct riscv_cpu *cpu)
{
    struct check *check = cpu->check;
    destroy_shadow(check);
    void *const interps[] = { check->heating, check->blocks, check->stepping };
    for (unsigned i = 0; i < 3; i++) {
        cpu->interp = interps[i];
        interp_destroy(cpu);
    }
    free(check->pages);
    free(check->marked);
    free(check->before);
    free(check);
    cpu->check = NULL;
}

void check_set_dump(struct riscv_cpu *cpu, FILE *stream, unsigned kinds)
{
    struct check *check = cpu->check;
    check->dump = stream;
    check->dump_kinds = kinds;
}

const struct check_statistics *check_statistics(const struct riscv_cpu *cpu)
{
    const struct check *check = cpu->check;
    return &check->statistics;
}
