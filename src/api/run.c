/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin/vm.h: starting, stopping and waiting; ravelin/stats.h. */
#include "api/api.h"
#include "arch/riscv/cpu.h"
#include "board/device_tree.h"
#include "board/virt_trace.h"
#include "core/alarm.h"
#include "core/check.h"
#include "engine/check/check.h"
#include "engine/jit/host.h"
#include "engine/jit/jit.h"

#include <ravelin/stats.h>
#include <ravelin/vm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_INTERVAL UINT64_C(200000000) /* ns between two calls */

/* What contradicts itself in the configuration; the board checks files and the host. */
static bool check_configuration(const struct virt_config *config, struct error *error)
{
    if (config->kernel == NULL && config->firmware == NULL && config->elf == NULL) {
        return error_set(error, "there is nothing to boot: give a kernel, firmware or an ELF file");
    }
    if (config->elf != NULL && (config->kernel != NULL || config->firmware != NULL)) {
        return error_set(error, "a bare-metal ELF file boots alone: give it or a kernel and firmware, not both");
    }
    if (config->elf != NULL && (config->initrd != NULL || config->command_line != NULL)) {
        return error_set(error, "a bare-metal ELF file takes no initial RAM disk and no command line: leave them out, "
                                "or boot it as a kernel");
    }
    if (config->initrd != NULL && config->kernel == NULL) {
        return error_set(error, "an initial RAM disk is for a kernel: give the kernel too");
    }
    if (config->trust_level_count > 1 && (config->firmware != NULL || config->elf != NULL)) {
        return error_set(error, "trust levels need a kernel without firmware of its own: leave out firmware and ELF "
                                "file, or the levels");
    }
    if (config->trust_level_count > 1 && config->engine == ENGINE_CHECK) {
        return error_set(error, "the check engine has no trust levels: choose another engine, or leave out the levels");
    }
    if (config->forward_count > 0 && !config->network) {
        return error_set(error, "a port forward needs the user network: turn it on with --net user");
    }
    return true;
}

static void advance(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct ravelin_vm *vm = context;
    uint64_t now = alarm_now();
    if (vm->progress != NULL && now - vm->progress_time >= PROGRESS_INTERVAL) {
        vm->progress_time = now;
        vm->progress(vm->progress_context, what, done, total);
    }
}

const char *ravelin_vm_notice(const struct ravelin_vm *vm)
{
    return vm->virt != NULL ? virt_notice(vm->virt) : "";
}

bool ravelin_vm_start(struct ravelin_vm *vm, struct ravelin_error *error)
{
    struct error inner;
    if (vm->started) {
        error_set(&inner, "the machine was started before: create another one");
        return api_fail(error, &inner);
    }
    vm->progress_time = alarm_now();
    vm->config.progress = (struct file_progress){ .advance = advance, .context = vm };
    if (!check_configuration(&vm->config, &inner)) {
        return api_fail(error, &inner);
    }
    vm->virt = virt_create(&vm->config, &inner);
    if (vm->virt == NULL) {
        return api_fail(error, &inner);
    }
    api_connect_holders(vm);
    if (!virt_start(vm->virt, &inner)) {
        virt_destroy(vm->virt);
        vm->virt = NULL;
        return api_fail(error, &inner);
    }
    vm->started = true;
    return true;
}

void ravelin_vm_stop(struct ravelin_vm *vm)
{
    if (vm->virt != NULL) {
        virt_stop(vm->virt);
    }
}

static enum ravelin_end end_of(enum virt_end end)
{
    switch (end) {
    case VIRT_END_POWER_OFF: return RAVELIN_END_POWER_OFF;
    case VIRT_END_RESET: return RAVELIN_END_RESET;
    case VIRT_END_STOPPED: return RAVELIN_END_STOPPED;
    case VIRT_END_ERROR: break;
    }
    return RAVELIN_END_ERROR;
}

bool ravelin_vm_wait(struct ravelin_vm *vm, uint64_t nanoseconds, struct ravelin_exit *end)
{
    struct virt_exit inner;
    if (vm->virt == NULL || !virt_wait(vm->virt, nanoseconds, &inner)) {
        return false;
    }
    if (end != NULL) {
        end->end = end_of(inner.end);
        end->code = inner.code;
        memcpy(end->text, inner.error.text, sizeof end->text);
    }
    return true;
}

int ravelin_vm_done_fd(const struct ravelin_vm *vm)
{
    return vm->virt != NULL ? virt_done_fd(vm->virt) : -1;
}

void *ravelin_vm_device_tree(struct ravelin_vm *vm, size_t *size, struct ravelin_error *error)
{
    (void)error; /* making it cannot fail today; callers are ready for when it can */
    if (vm->virt != NULL) {
        return virt_device_tree(vm->virt, size);
    }
    struct device_tree_config config = {
        .features = &vm->config.features,
        .cpu_count = vm->config.cpu_count,
        .memory_size = vm->config.memory_size,
        .command_line = vm->config.command_line,
    };
    return device_tree_create(&config, size);
}

void *ravelin_vm_signature(struct ravelin_vm *vm, size_t *size, struct ravelin_error *error)
{
    struct error inner;
    const void *signature = NULL;
    if (!ravelin_vm_wait(vm, 0, NULL)) {
        error_set(&inner, "the machine has not ended: wait for its end before asking for its signature");
    } else if (vm->config.elf == NULL || (signature = virt_signature(vm->virt, size)) == NULL) {
        error_set(&inner, "%s has no signature: link it with the symbols begin_signature and end_signature",
                  vm->config.elf != NULL ? vm->config.elf : "what was booted");
    }
    if (signature == NULL) {
        api_fail(error, &inner);
        return NULL;
    }
    void *copy = check_alloc(*size);
    memcpy(copy, signature, *size);
    return copy;
}

/* -- Statistics --------------------------------------------------------------------------------------------------- */

static void copy_jit_stats(struct ravelin_jit_stats *to, const struct jit_statistics *from)
{
    to->regions = from->regions;
    to->instructions = from->instructions;
    to->code_size = from->code_size;
    to->refused = from->refused;
    to->flushes = from->flushes;
    to->changed = from->changed;
    to->nanoseconds = from->nanoseconds;
    to->link_exits = from->exits[HOST_EXIT_LINK];
    to->jump_exits = from->exits[HOST_EXIT_INDIRECT];
    to->interpret_exits = from->exits[HOST_EXIT_INTERPRET];
    to->trap_exits = from->exits[HOST_EXIT_TRAPPED];
    to->attention_exits = from->exits[HOST_EXIT_ATTENTION];
    to->stale_exits = from->exits[HOST_EXIT_STALE];
}

static void copy_check_stats(struct ravelin_check_stats *to, const struct check_statistics *from)
{
    to->runs = from->runs;
    to->instructions = from->instructions;
    to->pages = from->pages;
    to->interrupted = from->interrupted;
    to->repeated = from->repeated;
}

static void copy_stats(struct ravelin_vcpu_stats *to, const struct riscv_cpu *cpu)
{
    const struct riscv_statistics *from = &cpu->statistics;
    _Static_assert(sizeof to->exceptions == sizeof from->exceptions, "one count a cause");
    _Static_assert(sizeof to->interrupts == sizeof from->interrupts, "one count a cause");
    to->instructions = cpu->instructions;
    to->tlb_misses = from->tlb_misses;
    to->device_accesses = from->device_accesses;
    to->firmware_calls = from->firmware_calls;
    memcpy(to->exceptions, from->exceptions, sizeof to->exceptions);
    memcpy(to->interrupts, from->interrupts, sizeof to->interrupts);
    if (cpu->jit != NULL) {
        copy_jit_stats(&to->jit, jit_statistics(cpu));
    }
    if (cpu->check != NULL) {
        copy_check_stats(&to->check, check_statistics(cpu));
    }
}

struct ravelin_stats *ravelin_vm_stats(struct ravelin_vm *vm)
{
    unsigned count = vm->virt != NULL ? vm->config.cpu_count : 0;
    struct ravelin_stats *stats = check_alloc(sizeof *stats + count * sizeof stats->vcpus[0]);
    stats->vcpu_count = count;
    if (vm->virt != NULL) {
        stats->seconds = (double)virt_running_time(vm->virt) / 1e9;
        const struct riscv_machine *machine = virt_machine(vm->virt);
        for (unsigned i = 0; i < count; i++) {
            copy_stats(&stats->vcpus[i], machine->cpus[i]);
        }
    }
    return stats;
}

const char *ravelin_exception_name(unsigned cause)
{
    return virt_exception_name(cause);
}

const char *ravelin_interrupt_name(unsigned cause)
{
    return virt_interrupt_name(cause);
}
