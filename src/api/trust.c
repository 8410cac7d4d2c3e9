/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin/trust.h: trust levels that the embedding program holds. */
#include "api/api.h"
#include "arch/riscv/cpu.h"
#include "core/address.h"
#include "core/check.h"
#include "memory/rights.h"
#include "vtl/incident.h"
#include "vtl/vtl.h"

#include <ravelin/trust.h>

#include <stdlib.h>
#include <string.h>

_Static_assert(RAVELIN_TRUST_LEVEL_LIMIT == RISCV_LEVEL_COUNT_MAX, "the limit promised is the hart's");
_Static_assert(RAVELIN_PAGE_SIZE == PAGE_SIZE, "the size promised is the memory's");
_Static_assert((unsigned)RAVELIN_RIGHT_READ == ATTRIBUTE_READ && (unsigned)RAVELIN_RIGHT_WRITE == ATTRIBUTE_WRITE &&
                   (unsigned)RAVELIN_RIGHT_KERNEL == ATTRIBUTE_KERNEL && (unsigned)RAVELIN_RIGHT_USER == ATTRIBUTE_USER,
               "rights are the complement of what a page's word denies");
_Static_assert((unsigned)RAVELIN_VERDICT_FAULT == VTL_VERDICT_FAULT &&
                   (unsigned)RAVELIN_VERDICT_RETRY == VTL_VERDICT_RETRY &&
                   (unsigned)RAVELIN_VERDICT_SKIP == VTL_VERDICT_SKIP,
               "verdicts cross the border unchanged");

#define ALL_RIGHTS (RAVELIN_RIGHT_READ | RAVELIN_RIGHT_WRITE | RAVELIN_RIGHT_KERNEL | RAVELIN_RIGHT_USER)

/* ---- Before the start ------------------------------------------------------------------------------------------- */

bool ravelin_vm_set_trust_levels(struct ravelin_vm *vm, unsigned count, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (count < 1 || count > RAVELIN_TRUST_LEVEL_LIMIT) {
        return api_error(error, "a guest cannot have %u trust levels: give 1 to %u", count, RAVELIN_TRUST_LEVEL_LIMIT);
    }
    vm->config.trust_level_count = count;
    return true;
}

bool ravelin_vm_set_trust_target(struct ravelin_vm *vm, bool restricted, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.trust_target_is_restricted = restricted;
    return true;
}

bool ravelin_vm_hold_trust_level(struct ravelin_vm *vm, unsigned level,
                                 enum ravelin_verdict (*intercept)(void *context, const struct ravelin_intercept *what),
                                 void *context, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (level == 0 || level >= vm->config.trust_level_count) {
        return api_error(error, "trust level %u cannot be held: it is 0, or the machine has fewer levels", level);
    }
    vm->config.trust_levels_held |= (uint16_t)(1u << level);
    vm->holds[level] = (struct api_hold){ .intercept = intercept, .context = context };
    return true;
}

bool ravelin_vm_set_events(struct ravelin_vm *vm, void (*line)(void *context, const char *text), void *context,
                           struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.events = line;
    vm->config.events_context = context;
    return true;
}

bool ravelin_vm_set_symbols_slide(struct ravelin_vm *vm, uint64_t slide, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if ((slide & PAGE_MASK) != 0) {
        return api_error(error, "a kernel cannot move itself by %#llx: give a multiple of 0x1000",
                         (unsigned long long)slide);
    }
    vm->config.symbols_slide = slide;
    return true;
}

/* ---- Intercepts ------------------------------------------------------------------------------------------------- */

static const enum ravelin_intercept_kind kinds[VTL_INCIDENT_KIND_COUNT] = {
    [VTL_INCIDENT_PAGE] = RAVELIN_INTERCEPT_PAGE,
    [VTL_INCIDENT_REGISTER] = RAVELIN_INTERCEPT_REGISTER,
    [VTL_INCIDENT_START] = RAVELIN_INTERCEPT_START,
    [VTL_INCIDENT_STOP] = RAVELIN_INTERCEPT_STOP,
};

static enum ravelin_right right_of(const struct vtl_incident *incident)
{
    return incident->access == MEMORY_READ    ? RAVELIN_RIGHT_READ
           : incident->access == MEMORY_WRITE ? RAVELIN_RIGHT_WRITE
           : incident->user                   ? RAVELIN_RIGHT_USER
                                              : RAVELIN_RIGHT_KERNEL;
}

static struct ravelin_intercept intercept_of(const struct vtl_incident *incident)
{
    struct ravelin_intercept what = {
        .kind = kinds[incident->kind],
        .vcpu = incident->vp,
        .level = incident->level,
        .user = incident->user,
        .pc = incident->pc,
        .byte_count = incident->encoding_size,
    };
    for (unsigned i = 0; i < incident->encoding_size; i++) {
        what.bytes[i] = (uint8_t)(incident->encoding >> 8 * i);
    }
    if (what.kind == RAVELIN_INTERCEPT_REGISTER) {
        what.csr = incident->csr;
        what.value = incident->value;
    } else if (what.kind == RAVELIN_INTERCEPT_PAGE) {
        what.right = right_of(incident);
        what.virtual_address = incident->address;
        what.address = incident->physical;
        what.size = (unsigned)incident->size;
    } else if (what.kind == RAVELIN_INTERCEPT_START) {
        what.target = (unsigned)incident->target;
        what.address = incident->argument;
        what.value = incident->second;
        what.with_context = incident->with_context;
    }
    return what;
}

static enum vtl_verdict decide(void *context, const struct vtl_incident *incident)
{
    const struct api_hold *hold = context;
    const struct ravelin_intercept what = intercept_of(incident);
    return (enum vtl_verdict)hold->intercept(hold->context, &what);
}

void api_connect_holders(struct ravelin_vm *vm)
{
    for (unsigned level = 1; level < vm->config.trust_level_count; level++) {
        if (vm->holds[level].intercept != NULL) {
            struct vtl_watch *watch = vtl_watch(virt_trust_levels(vm->virt));
            watch->holders[level] = (struct vtl_holder){ .decide = decide, .context = &vm->holds[level] };
        }
    }
}

/* ---- While it runs ---------------------------------------------------------------------------------------------- */

static bool rights_are_legal(unsigned rights)
{
    unsigned execute = rights & (RAVELIN_RIGHT_KERNEL | RAVELIN_RIGHT_USER);
    return rights == 0 || ((rights & ~(unsigned)ALL_RIGHTS) == 0 && (rights & RAVELIN_RIGHT_READ) != 0 &&
                           execute != RAVELIN_RIGHT_KERNEL);
}

static bool is_held(const struct ravelin_vm *vm, unsigned level, struct ravelin_error *error)
{
    return (level < RAVELIN_TRUST_LEVEL_LIMIT && (vm->config.trust_levels_held >> level & 1) != 0) ||
           api_error(error, "trust level %u is not held by the program: hold it before the start", level);
}

static bool may_set(const struct ravelin_vm *vm, unsigned level, unsigned rights, struct ravelin_error *error)
{
    return is_held(vm, level, error) &&
           (rights_are_legal(rights) ||
            api_error(error, "rights %#x are not a legal set: see ravelin/trust.h", rights));
}

static bool not_memory(uint64_t page, struct ravelin_error *error)
{
    return api_error(error, "there is no memory at %#llx: nothing was changed", (unsigned long long)page << PAGE_SHIFT);
}

static bool covered(uint64_t address, struct ravelin_error *error)
{
    return api_error(error,
                     "a lower trust level's assist page lies over a page at or behind %#llx: nothing was changed",
                     (unsigned long long)address);
}

/* Before the start: the board does it, at the start and after each reset. */
static void keep_rights(struct ravelin_vm *vm, const struct virt_right *right)
{
    size_t count = vm->config.trust_right_count;
    vm->config.trust_rights = check_realloc(vm->config.trust_rights, (count + 1) * sizeof *right);
    vm->config.trust_rights[count] = *right;
    vm->config.trust_right_count = count + 1;
}

bool ravelin_trust_set_rights(struct ravelin_vm *vm, unsigned level, uint64_t address, uint64_t size, unsigned rights,
                              struct ravelin_error *error)
{
    uint64_t last, failed;
    if (!may_set(vm, level, rights, error)) {
        return false;
    }
    if (((address | size) & PAGE_MASK) != 0 || (size != 0 && __builtin_add_overflow(address, size - 1, &last))) {
        return api_error(error, "a range of %#llx bytes at %#llx is not one of whole pages", (unsigned long long)size,
                         (unsigned long long)address);
    }
    const struct virt_right right = { level, ~rights & ALL_RIGHTS, address, size };
    if (vm->virt == NULL) {
        keep_rights(vm, &right);
        return true;
    }
    struct vtl *vtl = virt_trust_levels(vm->virt);
    vtl_hold_overlays(vtl);
    bool changed = vtl_has_overlay_below(vtl, level, address >> PAGE_SHIFT, size >> PAGE_SHIFT)
                       ? covered(address, error)
                       : rights_change_range(virt_machine(vm->virt)->rights, NULL, level, right.denied,
                                             address >> PAGE_SHIFT, size >> PAGE_SHIFT, &failed) ||
                             not_memory(failed, error);
    vtl_release_overlays(vtl);
    return changed;
}

static bool change_list(const struct ravelin_vm *vm, unsigned level, unsigned denied, const uint64_t *pages,
                        size_t count, struct ravelin_error *error)
{
    size_t failed;
    for (size_t i = 0; i < count; i++) {
        if (vtl_has_overlay_below(virt_trust_levels(vm->virt), level, pages[i], 1)) {
            return covered(pages[i] << PAGE_SHIFT, error);
        }
    }
    return rights_change(virt_machine(vm->virt)->rights, NULL, level, denied, pages, count, &failed) ||
           not_memory(pages[failed], error);
}

bool ravelin_trust_set_pages(struct ravelin_vm *vm, unsigned level, const uint64_t *addresses, size_t count,
                             unsigned rights, struct ravelin_error *error)
{
    if (!may_set(vm, level, rights, error)) {
        return false;
    }
    if (vm->virt == NULL) {
        return api_error(error, "the machine does not run: start it before setting the rights of a list of pages");
    }
    uint64_t *pages = check_alloc((count != 0 ? count : 1) * sizeof *pages);
    for (size_t i = 0; i < count; i++) {
        if ((addresses[i] & PAGE_MASK) != 0) {
            free(pages);
            return api_error(error, "%#llx is not the address of a page: nothing was changed",
                             (unsigned long long)addresses[i]);
        }
        pages[i] = addresses[i] >> PAGE_SHIFT;
    }
    struct vtl *vtl = virt_trust_levels(vm->virt);
    vtl_hold_overlays(vtl);
    bool changed = change_list(vm, level, ~rights & ALL_RIGHTS, pages, count, error);
    vtl_release_overlays(vtl);
    free(pages);
    return changed;
}

bool ravelin_trust_pin(struct ravelin_vm *vm, unsigned level, unsigned csr, uint64_t mask, struct ravelin_error *error)
{
    enum riscv_pin pin = riscv_pin_of(csr);
    if (!is_held(vm, level, error)) {
        return false;
    }
    if (pin == RISCV_PIN_COUNT) {
        return api_error(error,
                         "control register %#x cannot be pinned: give sstatus (0x100), stvec (0x105), scounteren "
                         "(0x106), senvcfg (0x10a) or satp (0x180)",
                         csr);
    }
    if (vm->virt == NULL) {
        vm->config.trust_pins[level][pin] = mask;
    } else {
        vtl_hold_pin(virt_trust_levels(vm->virt), level, pin, mask);
    }
    return true;
}

bool ravelin_trust_intercept_starts(struct ravelin_vm *vm, unsigned level, bool intercept, struct ravelin_error *error)
{
    if (!is_held(vm, level, error)) {
        return false;
    }
    if (vm->virt == NULL) {
        uint16_t bit = (uint16_t)(1u << level);
        vm->config.trust_starts = (uint16_t)((vm->config.trust_starts & ~bit) | (intercept ? bit : 0));
    } else {
        vtl_hold_starts(virt_trust_levels(vm->virt), level, intercept);
    }
    return true;
}

/* What a level may do with a page, by its number; false: no RAM there. */
static bool rights_of_page(const struct ravelin_vm *vm, unsigned vcpu, unsigned level, uint64_t page, unsigned *rights)
{
    const struct riscv_machine *machine = virt_machine(vm->virt);
    const struct vtl *vtl = virt_trust_levels(vm->virt);
    uint64_t word;
    if (vtl == NULL) {
        *rights = ALL_RIGHTS;
        return memory_pointer(machine->memory, gpa(page << PAGE_SHIFT), PAGE_SIZE, MEMORY_READ) != NULL;
    }
    if (!rights_query(machine->rights, page, &word)) {
        return false;
    }
    *rights = vtl_rights(vtl, vcpu, level, page, word);
    return true;
}

bool ravelin_trust_rights(struct ravelin_vm *vm, unsigned vcpu, unsigned level, uint64_t address, uint64_t size,
                          unsigned *rights, struct ravelin_error *error)
{
    uint64_t last;
    if (vm->virt == NULL || level >= virt_machine(vm->virt)->level_count) {
        return api_error(error, "trust level %u cannot be asked for: start the machine, and give one that it has",
                         level);
    }
    if (vcpu >= virt_machine(vm->virt)->cpu_count) {
        return api_error(error, "there is no vCPU %u: give 0 to %u", vcpu, virt_machine(vm->virt)->cpu_count - 1);
    }
    if (((address | size) & PAGE_MASK) != 0 || size == 0 || __builtin_add_overflow(address, size - 1, &last)) {
        return api_error(error, "a range of %#llx bytes at %#llx is not one of whole pages", (unsigned long long)size,
                         (unsigned long long)address);
    }
    unsigned common = ALL_RIGHTS;
    for (uint64_t page = address >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++) {
        unsigned own;
        if (!rights_of_page(vm, vcpu, level, page, &own)) {
            return api_error(error, "there is no memory at %#llx", (unsigned long long)page << PAGE_SHIFT);
        }
        common &= own;
    }
    *rights = common;
    return true;
}

bool ravelin_trust_set_interrupt(struct ravelin_vm *vm, unsigned vcpu, unsigned level, bool raised,
                                 struct ravelin_error *error)
{
    if (vm->virt == NULL) {
        return api_error(error, "the machine does not run: start it before interrupting it");
    }
    const struct riscv_machine *machine = virt_machine(vm->virt);
    if (vcpu >= machine->cpu_count) {
        return api_error(error, "there is no vCPU %u: give 0 to %u", vcpu, machine->cpu_count - 1);
    }
    if (level == 0 || level >= machine->level_count) {
        return api_error(error, "trust level %u has no line for the program: it is 0, or the machine has fewer levels",
                         level);
    }
    riscv_level_set_line(machine->cpus[vcpu], level, RISCV_INTERRUPT_SEI, raised);
    return true;
}

void ravelin_trust_stats(struct ravelin_vm *vm, struct ravelin_trust_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    if (vm->virt == NULL || virt_trust_levels(vm->virt) == NULL) {
        return;
    }
    struct vtl_statistics counts;
    vtl_statistics(virt_trust_levels(vm->virt), &counts);
    stats->pages_changed = rights_statistics(virt_machine(vm->virt)->rights).pages;
    for (unsigned i = 0; i < RISCV_LEVEL_COUNT_MAX; i++) {
        stats->calls += counts.levels[i].calls;
        stats->returns += counts.levels[i].returns;
        stats->violations += counts.levels[i].violations;
        stats->pinned += counts.levels[i].pinned;
    }
}
