/* SPDX-License-Identifier: Apache-2.0 */
/* ravelin/vm.h: the configuration; running is in run.c. */
#include "api/api.h"
#include "arch/riscv/cpu_model.h"
#include "arch/riscv/level.h"
#include "board/device_tree.h"
#include "core/address.h"
#include "core/check.h"

#include <ravelin/vm.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(RAVELIN_VCPU_LIMIT == VIRT_CPU_COUNT_MAX, "the limit promised is the board's");
_Static_assert(RAVELIN_TRUST_LEVEL_LIMIT == RISCV_LEVEL_COUNT_MAX, "the limit promised is the hart's");
_Static_assert(RAVELIN_DISK_LIMIT == VIRT_DISK_COUNT_MAX, "the limit promised is the board's");
_Static_assert(sizeof(struct ravelin_error) == sizeof(struct error), "errors cross the border whole");

#define MEMORY_INITIAL (UINT64_C(512) << 20)
#define MODEL_INITIAL  "max"

const char *ravelin_version(void)
{
    return RAVELIN_VERSION;
}

void ravelin_free(void *block)
{
    free(block);
}

bool api_fail(struct ravelin_error *error, const struct error *inner)
{
    memcpy(error->text, inner->text, sizeof error->text);
    return false;
}

bool api_error(struct ravelin_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool api_may_change(const struct ravelin_vm *vm, struct ravelin_error *error)
{
    return !vm->started || api_error(error, "the machine was started: configure it before ravelin_vm_start()");
}

static bool set_string(struct ravelin_vm *vm, const char **place, const char *text, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (text != NULL && text[0] == '\0') {
        return api_error(error, "a file name is empty: give the name of a file");
    }
    char *copy = text != NULL ? check_strdup(text) : NULL;
    free((void *)(uintptr_t)*place);
    *place = copy;
    return true;
}

struct ravelin_vm *ravelin_vm_create(void)
{
    struct ravelin_vm *vm = check_alloc(sizeof *vm);
    struct error error;
    vm->config.memory_size = MEMORY_INITIAL;
    vm->config.cpu_count = 1;
    vm->config.engine = ENGINE_JIT;
    vm->config.console_in = -1;
    vm->config.console_out = -1;
    bool known = riscv_cpu_model_parse(MODEL_INITIAL, &vm->config.features, &error);
    CHECK(known);
    return vm;
}

void ravelin_vm_destroy(struct ravelin_vm *vm)
{
    if (vm == NULL) {
        return;
    }
    virt_destroy(vm->virt);
    const char *const strings[] = { vm->config.kernel, vm->config.firmware,     vm->config.elf,
                                    vm->config.initrd, vm->config.command_line, vm->config.secure_kernel,
                                    vm->config.policy, vm->config.symbols };
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        free((void *)(uintptr_t)strings[i]);
    }
    free(vm->config.trust_rights);
    for (unsigned i = 0; i < vm->config.disk_count; i++) {
        free((void *)(uintptr_t)vm->config.disks[i].path);
    }
    free(vm);
}

bool ravelin_vm_set_kernel(struct ravelin_vm *vm, const char *path, struct ravelin_error *error)
{
    return set_string(vm, &vm->config.kernel, path, error);
}

bool ravelin_vm_set_firmware(struct ravelin_vm *vm, const char *path, struct ravelin_error *error)
{
    return set_string(vm, &vm->config.firmware, path, error);
}

bool ravelin_vm_set_elf(struct ravelin_vm *vm, const char *path, struct ravelin_error *error)
{
    return set_string(vm, &vm->config.elf, path, error);
}

bool ravelin_vm_set_initrd(struct ravelin_vm *vm, const char *path, struct ravelin_error *error)
{
    return set_string(vm, &vm->config.initrd, path, error);
}

bool ravelin_vm_set_command_line(struct ravelin_vm *vm, const char *text, struct ravelin_error *error)
{
    if (text != NULL && text[0] == '\0') {
        text = NULL;
    }
    if (text != NULL && strlen(text) > DEVICE_TREE_COMMAND_LINE) {
        return api_error(error, "the kernel's command line has %zu bytes: give at most %u", strlen(text),
                         DEVICE_TREE_COMMAND_LINE);
    }
    return set_string(vm, &vm->config.command_line, text, error);
}

bool ravelin_vm_set_memory(struct ravelin_vm *vm, uint64_t size, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (size < RAVELIN_MEMORY_LOW) {
        return api_error(error, "a guest memory of %llu bytes is too small: give at least 1M, for example 512M",
                         (unsigned long long)size);
    }
    if (size % PAGE_SIZE != 0) {
        return api_error(error,
                         "a guest memory of %llu bytes is not a multiple of the page size: give a multiple of 4K",
                         (unsigned long long)size);
    }
    vm->config.memory_size = size;
    return true;
}

bool ravelin_vm_set_overcommit(struct ravelin_vm *vm, bool overcommit, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.memory_overcommits = overcommit;
    return true;
}

bool ravelin_vm_set_vcpus(struct ravelin_vm *vm, unsigned count, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (count < 1 || count > RAVELIN_VCPU_LIMIT) {
        return api_error(error, "a guest cannot have %u vCPUs: give 1 to %u", count, RAVELIN_VCPU_LIMIT);
    }
    vm->config.cpu_count = count;
    return true;
}

bool ravelin_vm_set_cpu(struct ravelin_vm *vm, const char *model, struct ravelin_error *error)
{
    struct error inner;
    struct riscv_features features;
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (!riscv_cpu_model_parse(model, &features, &inner)) {
        return api_fail(error, &inner);
    }
    vm->config.features = features;
    return true;
}

bool ravelin_vm_set_engine(struct ravelin_vm *vm, const char *name, struct ravelin_error *error)
{
    static const struct {
        const char *name;
        enum engine_kind kind;
    } engines[] = { { "interp", ENGINE_INTERP }, { "jit", ENGINE_JIT }, { "check", ENGINE_CHECK } };
    if (!api_may_change(vm, error)) {
        return false;
    }
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (strcmp(name, engines[i].name) == 0) {
            vm->config.engine = engines[i].kind;
            return true;
        }
    }
    return api_error(error, "there is no engine of that name: give interp, jit or check");
}

bool ravelin_vm_set_secure_kernel(struct ravelin_vm *vm, const char *path, const char *policy,
                                  struct ravelin_error *error)
{
    if (!set_string(vm, &vm->config.secure_kernel, path, error) || !set_string(vm, &vm->config.policy, policy, error)) {
        return false;
    }
    if (path != NULL && vm->config.trust_level_count < 2) {
        vm->config.trust_level_count = 2;
    }
    return true;
}

bool ravelin_vm_set_symbols(struct ravelin_vm *vm, const char *path, struct ravelin_error *error)
{
    return set_string(vm, &vm->config.symbols, path, error);
}

bool ravelin_vm_set_dump(struct ravelin_vm *vm, const char *kinds, FILE *stream, struct ravelin_error *error)
{
    static const char *const names[] = { "", "ir", "host", "ir,host" };
    if (!api_may_change(vm, error)) {
        return false;
    }
    for (unsigned i = 1; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(kinds, names[i]) == 0) {
            vm->config.dump = stream;
            vm->config.dump_kinds = i;
            return true;
        }
    }
    return api_error(error, "there is nothing of that kind to dump: give ir, host or ir,host");
}

bool ravelin_vm_add_disk(struct ravelin_vm *vm, const char *path, bool readonly, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (vm->config.disk_count == RAVELIN_DISK_LIMIT) {
        return api_error(error, "a guest cannot have more than %u disks: give fewer", RAVELIN_DISK_LIMIT);
    }
    if (path[0] == '\0') {
        return api_error(error, "the file name of a disk is empty: give the name of an image file");
    }
    vm->config.disks[vm->config.disk_count++] = (struct virt_disk){ .path = check_strdup(path), .readonly = readonly };
    return true;
}

bool ravelin_vm_set_network(struct ravelin_vm *vm, enum ravelin_network network, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.network = network == RAVELIN_NETWORK_USER;
    return true;
}

bool ravelin_vm_add_forward(struct ravelin_vm *vm, const char *forward, struct ravelin_error *error)
{
    struct error inner;
    struct slirp_forward parsed;
    if (!api_may_change(vm, error)) {
        return false;
    }
    if (vm->config.forward_count == VIRT_FORWARD_MAX) {
        return api_error(error, "a guest cannot have more than %u port forwards: give fewer", VIRT_FORWARD_MAX);
    }
    if (!slirp_forward_parse(forward, &parsed, &inner)) {
        return api_fail(error, &inner);
    }
    vm->config.forwards[vm->config.forward_count++] = parsed;
    return true;
}

bool ravelin_vm_set_reboot(struct ravelin_vm *vm, bool reboot, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.end_at_reset = !reboot;
    return true;
}

bool ravelin_vm_set_console(struct ravelin_vm *vm, int in, int out, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.console_in = in;
    vm->config.console_out = out;
    return true;
}

bool ravelin_vm_set_console_filter(struct ravelin_vm *vm, size_t (*edit)(void *context, uint8_t *bytes, size_t size),
                                   void *context, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.console_filter = (struct console_filter){ .edit = edit, .context = context };
    return true;
}

bool ravelin_vm_set_trace(struct ravelin_vm *vm, unsigned kinds, void (*line)(void *context, const char *text),
                          void *context, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->config.trace = line;
    vm->config.trace_kinds = ((kinds & RAVELIN_TRACE_TRAPS) != 0 ? VIRT_TRACE_TRAPS : 0u) |
                             ((kinds & RAVELIN_TRACE_INSTRUCTIONS) != 0 ? VIRT_TRACE_INSTRUCTIONS : 0u);
    vm->config.trace_context = context;
    return true;
}

bool ravelin_vm_set_progress(struct ravelin_vm *vm,
                             void (*progress)(void *context, const char *what, uint64_t done, uint64_t total),
                             void *context, struct ravelin_error *error)
{
    if (!api_may_change(vm, error)) {
        return false;
    }
    vm->progress = progress;
    vm->progress_context = context;
    return true;
}
