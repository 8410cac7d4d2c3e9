/* SPDX-License-Identifier: Apache-2.0 */
#include "board/virt.h"

#include "board/level_message.h"
#include "board/virt_parts.h"
#include "board/virt_trace.h"
#include "core/check.h"
#include "devices/aclint.h"
#include "devices/finisher.h"
#include "devices/plic.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/entropy.h"
#include "devices/virtio/net.h"
#include "engine/engine.h"
#include "vtl/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PMP_ENTRY_COUNT 16u
#define CONSOLE_NAP     1000000 /* ns between looks whether a full console has room again */

/* -- What devices and firmware ask of the board ----------------------------------------------------------------------
 */

static void finisher_event(void *context, enum finisher_event event, unsigned code)
{
    switch (event) {
    case FINISHER_PASS: virt_request(context, VIRT_REQUEST_END, VIRT_END_POWER_OFF, 0); break;
    case FINISHER_FAIL: /* a failure is never the status of success */
        virt_request(context, VIRT_REQUEST_END, VIRT_END_POWER_OFF, code != 0 ? code : 1);
        break;
    case FINISHER_RESET: virt_request(context, VIRT_REQUEST_RESET, VIRT_END_RESET, 0); break;
    }
}

static void sbi_reset(void *context, enum sbi_reset type, bool failed)
{
    if (type == SBI_RESET_SHUTDOWN) {
        virt_request(context, VIRT_REQUEST_END, VIRT_END_POWER_OFF, failed ? 1 : 0);
    } else {
        virt_request(context, VIRT_REQUEST_RESET, VIRT_END_RESET, 0);
    }
}

static size_t sbi_console_write(void *context, const uint8_t *bytes, size_t size)
{
    return console_write(((struct virt *)context)->console, bytes, size);
}

static size_t sbi_console_read(void *context, uint8_t *bytes, size_t size)
{
    return console_share_read(((struct virt *)context)->share, bytes, size);
}

static bool answer_firmware_call(struct riscv_cpu *cpu)
{
    struct virt *virt = cpu->machine->firmware_context;
    return sbi_call(&virt->sbi, cpu);
}

/* -- Interrupt wires ---------------------------------------------------------------------------------------------- */

static void set_software_interrupt(void *context, unsigned hart, bool level)
{
    struct riscv_machine *machine = context;
    riscv_cpu_set_line(machine->cpus[hart], RISCV_INTERRUPT_MSI, level);
}

static void set_timer_compare(void *context, unsigned hart, uint64_t ticks)
{
    struct riscv_machine *machine = context;
    riscv_cpu_set_mtimecmp(machine->cpus[hart], ticks);
}

static uint64_t read_time(void *context)
{
    return riscv_machine_time(context);
}

/* Time cannot be set: every hart's `time` and all timers run on the host's clock. */
static void write_time(void *context, uint64_t ticks)
{
    struct riscv_machine *machine = context;
    log_guest(machine->log, "aclint: mtime cannot be set (to %#llx)", (unsigned long long)ticks);
}

/* The PLIC's outputs: context 2 * hart is M-mode, 2 * hart + 1 is S-mode. */
static void set_external_interrupt(void *controller, unsigned context, bool level)
{
    struct riscv_machine *machine = controller;
    enum riscv_interrupt number = context % 2 == 0 ? RISCV_INTERRUPT_MEI : RISCV_INTERRUPT_SEI;
    riscv_cpu_set_line(machine->cpus[context / 2], number, level);
}

/* -- Building ----------------------------------------------------------------------------------------------------- */

/* Puts a device on the board; takes it over also on failure. `slot` counts windows of the same place. */
static bool add_device(struct virt *virt, struct device *device, enum virt_place place, unsigned slot,
                       struct error *error)
{
    CHECK(device->size <= virt_map[place].size);
    CHECK(virt->device_count < VIRT_DEVICE_MAX);
    virt->devices[virt->device_count++] = device;
    uint64_t base = virt_map[place].base + slot * virt_map[place].size;
    return memory_add_device(virt->memory, gpa(base), device->size, device->ops, device->self, device->name, error);
}

static struct device *create_plic(struct virt *virt)
{
    struct irq_line outputs[VIRT_CPU_COUNT_MAX * 2];
    unsigned count = virt->config.cpu_count * 2;
    for (unsigned context = 0; context < count; context++) {
        outputs[context] =
            (struct irq_line){ .set = set_external_interrupt, .controller = virt->machine, .input = context };
    }
    return plic_create(VIRT_PLIC_SOURCE_COUNT, count, outputs, &virt->log);
}

static struct device *create_aclint(struct virt *virt)
{
    struct aclint_harts harts = {
        .count = virt->config.cpu_count,
        .context = virt->machine,
        .set_software_interrupt = set_software_interrupt,
        .set_timer_compare = set_timer_compare,
        .read_time = read_time,
        .write_time = write_time,
    };
    return aclint_create(&harts, &virt->log);
}

static bool create_console(struct virt *virt, struct error *error)
{
    const struct virt_config *config = &virt->config;
    if (config->console_in < 0 && config->console_out < 0) {
        virt->console = console_null_create();
    } else {
        const struct console_filter *filter = config->console_filter.edit != NULL ? &config->console_filter : NULL;
        virt->console = console_fd_create(virt->loop, config->console_in, config->console_out, filter, error);
    }
    if (virt->console == NULL) {
        return false;
    }
    virt->share = console_share_create(virt->console);
    return true;
}

static bool add_platform_devices(struct virt *virt, struct device **plic, struct error *error)
{
    *plic = create_plic(virt);
    if (!add_device(virt, *plic, VIRT_PLIC, 0, error) ||
        !add_device(virt, create_aclint(virt), VIRT_ACLINT, 0, error) ||
        !add_device(virt, finisher_create(finisher_event, virt, &virt->log), VIRT_FINISHER, 0, error)) {
        return false;
    }
    struct irq_line rtc_irq = plic_input(*plic, virt_map[VIRT_RTC].irq);
    struct irq_line uart_irq = plic_input(*plic, virt_map[VIRT_UART].irq);
    return add_device(virt, rtc_create(virt->clock, rtc_irq, &virt->log), VIRT_RTC, 0, error) &&
           add_device(virt, uart_create(uart_irq, console_share_front(virt->share, CONSOLE_SHARE_UART), &virt->log),
                      VIRT_UART, 0, error);
}

/* What is in virtio slot `slot`: disks first, then the network card, then entropy, then the console, then
 * nothing. NULL: an error. */
static struct device *create_virtio(struct virt *virt, unsigned slot, const struct virtio_wiring *wiring,
                                    struct error *error)
{
    const struct virt_config *config = &virt->config;
    if (slot < config->disk_count) {
        struct virtio_blk_config disk = { .path = config->disks[slot].path, .readonly = config->disks[slot].readonly };
        struct device *device = virtio_blk_create(wiring, &disk, error);
        if (device != NULL) {
            virt->disks[virt->disk_count++] = device;
        }
        return device;
    }
    slot -= config->disk_count;
    if (config->network && slot == 0) {
        virt->net = slirp_create(config->forwards, config->forward_count, error);
        struct virtio_net_config card = { { 0 } };
        return virt->net != NULL ? virtio_net_create(wiring, &card, virt->net) : NULL;
    }
    slot -= config->network ? 1 : 0;
    switch (slot) {
    case 0: return virtio_entropy_create(wiring);
    case 1: return virtio_console_create(wiring, console_share_front(virt->share, CONSOLE_SHARE_VIRTIO));
    default: return virtio_empty_create(wiring);
    }
}

static bool add_virtio_devices(struct virt *virt, struct device *plic, struct error *error)
{
    for (unsigned slot = 0; slot < VIRT_VIRTIO_COUNT; slot++) {
        struct virtio_wiring wiring = {
            .memory = virt->memory,
            .irq = plic_input(plic, virt_map[VIRT_VIRTIO].irq + slot),
            .log = &virt->log,
        };
        struct device *device = create_virtio(virt, slot, &wiring, error);
        if (device == NULL || !add_device(virt, device, VIRT_VIRTIO, slot, error)) {
            return false;
        }
    }
    return true;
}

/* Instructions are traced by the interpreter. */
static enum engine_kind engine_kind(const struct virt_config *config)
{
    return (config->trace_kinds & VIRT_TRACE_INSTRUCTIONS) != 0 ? ENGINE_INTERP : config->engine;
}

/* A host that cannot run the JIT runs the interpreter, and virt_notice() says so. */
static bool create_engines(struct virt *virt, struct error *error)
{
    enum engine_kind kind = engine_kind(&virt->config);
    for (unsigned i = 0; i < virt->machine->cpu_count; i++) {
        struct riscv_cpu *cpu = virt->machine->cpus[i];
        bool created = engine_create(cpu, kind, error);
        if (!created && kind == ENGINE_JIT && i == 0) {
            snprintf(virt->notice, sizeof virt->notice, "%s; the interpreter runs the guest", error->text);
            kind = ENGINE_INTERP;
            created = engine_create(cpu, kind, error);
        }
        if (!created) {
            return false;
        }
        virt->engine_count++;
        engine_set_dump(cpu, virt->config.dump, virt->config.dump_kinds);
    }
    return true;
}

const char *virt_notice(const struct virt *virt)
{
    return virt->notice;
}

bool virt_set_trust_rights(struct virt *virt, struct error *error)
{
    for (size_t i = 0; i < virt->config.trust_right_count; i++) {
        const struct virt_right *right = &virt->config.trust_rights[i];
        uint64_t failed;
        if (!rights_change_range(virt->machine->rights, NULL, right->level, right->denied, right->address >> PAGE_SHIFT,
                                 right->size >> PAGE_SHIFT, &failed)) {
            return error_set(error, "there is no memory at %#llx, where trust level %u is to have rights",
                             (unsigned long long)failed << PAGE_SHIFT, right->level);
        }
    }
    return true;
}

static bool create_machine(struct virt *virt, struct error *error)
{
    struct riscv_machine_config config = {
        .memory = virt->memory,
        .clock = virt->clock,
        .log = &virt->log,
        .features = virt->config.features,
        .cpu_count = virt->config.cpu_count,
        .pmp_entry_count = PMP_ENTRY_COUNT,
        .level_count = virt->config.trust_level_count,
    };
    virt->machine = riscv_machine_create(&config, error);
    if (virt->machine == NULL) {
        return false;
    }
    if (virt->machine->level_count > 1) {
        struct vtl_config levels = {
            .target_is_restricted = virt->config.trust_target_is_restricted,
            .held = virt->config.trust_levels_held,
            .held_starts = virt->config.trust_starts,
        };
        memcpy(levels.held_pins, virt->config.trust_pins, sizeof levels.held_pins);
        virt->vtl = vtl_create(virt->machine, &levels);
        if (!virt_set_trust_rights(virt, error)) {
            return false;
        }
    }
    return create_engines(virt, error);
}

/* The machine was asked to end or to reset. */
static bool is_over(struct virt *virt)
{
    pthread_mutex_lock(&virt->lock);
    bool over = virt->request != VIRT_REQUEST_NONE;
    pthread_mutex_unlock(&virt->lock);
    return over || atomic_load(&virt->stop_asked);
}

/* Whoever prints waits for its call, so a console that takes no more for now is waited for. */
static void print_all(void *context, const uint8_t *bytes, size_t size)
{
    struct virt *virt = context;
    const struct timespec nap = { .tv_nsec = CONSOLE_NAP };
    for (;;) {
        size_t taken = console_write(virt->console, bytes, size);
        bytes += taken;
        size -= taken;
        if (size == 0 || is_over(virt)) {
            return;
        }
        nanosleep(&nap, NULL);
    }
}

static void htif_finish(void *context, uint32_t code)
{
    virt_request(context, VIRT_REQUEST_END, VIRT_END_POWER_OFF, code);
}

/* A secure kernel's lines are events; without an event log they stand among the guest's own. */
static void level_write(void *context, unsigned vcpu, unsigned level, const uint8_t *bytes, size_t size)
{
    struct virt *virt = context;
    char line[LEVEL_MESSAGE_SIZE + 1];
    if (!virt->boot.secure_kernel.present || level != SECURE_KERNEL_LEVEL) {
        print_all(virt, bytes, size);
        return;
    }
    level_message(virt->boot.symbols, bytes, size, line);
    virt_trace_line(virt, "hart %u level %u: %s", vcpu, level, line);
    if (virt->events != NULL) {
        vtl_events_tell(virt->events, vcpu, level, line);
    } else {
        size_t length = strlen(line);
        line[length] = '\n';
        print_all(virt, (const uint8_t *)line, length + 1);
    }
}

static void connect_firmware(struct virt *virt)
{
    if (virt->boot.firmware_built_in) {
        virt->sbi = (struct sbi_platform){
            .reset = sbi_reset,
            .console_write = sbi_console_write,
            .console_read = sbi_console_read,
            .level_write = level_write,
            .context = virt,
        };
        virt->machine->firmware = answer_firmware_call;
        virt->machine->firmware_context = virt;
    }
    if (virt->config.elf != NULL && virt->boot.firmware.has_tohost) {
        virt->has_htif = true;
        virt->htif = (struct htif){
            .memory = virt->memory,
            .log = &virt->log,
            .tohost = virt->boot.firmware.tohost,
            .fromhost = virt->boot.firmware.fromhost,
            .print = print_all,
            .finish = htif_finish,
            .context = virt,
        };
    }
}

static bool build(struct virt *virt, struct error *error)
{
    virt->memory = memory_create(&virt->log);
    if (virt->config.memory_overcommits) {
        memory_allow_overcommit(virt->memory);
    }
    if (!memory_add_ram(virt->memory, gpa(VIRT_RAM_BASE), virt->config.memory_size, "ram", error)) {
        return false;
    }
    virt->clock = alarm_clock_create(error);
    if (virt->clock == NULL) {
        return false;
    }
    virt->loop = io_loop_create(error);
    struct device *plic;
    if (virt->loop == NULL || !create_machine(virt, error) || !create_console(virt, error) ||
        !add_platform_devices(virt, &plic, error) || !add_virtio_devices(virt, plic, error)) {
        return false;
    }
    virt_events_open(virt);
    connect_firmware(virt);
    virt_trace_connect(virt);
    virt_boot_write(&virt->boot, virt->machine, virt->vtl);
    return true;
}

/* 1/n of a host's memory is needed for the host itself; swap does not count, a guest in swap is no use. */
static bool check_host_memory(uint64_t size, struct error *error)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);
    uint64_t host = pages > 0 && page_size > 0 ? (uint64_t)pages * (uint64_t)page_size : UINT64_MAX;
    if (size >= host) {
        return error_set(error,
                         "the guest's memory of %llu MiB is more than this host has (%llu MiB): give less with "
                         "--memory, or --overcommit for a guest that leaves most of it untouched",
                         (unsigned long long)(size >> 20), (unsigned long long)(host >> 20));
    }
    return true;
}

struct virt *virt_create(const struct virt_config *config, struct error *error)
{
    if (!config->memory_overcommits && !check_host_memory(config->memory_size, error)) {
        return NULL;
    }
    struct virt *virt = check_alloc(sizeof *virt);
    virt->config = *config;
    virt->log = (struct log){ .sink = config->trace, .context = config->trace_context };
    pthread_mutex_init(&virt->lock, NULL);
    pthread_mutex_init(&virt->htif_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&virt->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    virt->control_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    virt->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (virt->control_fd < 0 || virt->done_fd < 0) {
        error_set_errno(error, errno, "cannot create an event descriptor (raise the limit on open files)");
    } else if (virt_boot_load(&virt->boot, &virt->config, error) && build(virt, error)) {
        return virt;
    }
    virt_destroy(virt);
    return NULL;
}

/* Back to front: devices use back ends, back ends the loop, harts the clock and memory. */
static void take_apart(struct virt *virt)
{
    while (virt->device_count > 0) {
        device_destroy(virt->devices[--virt->device_count]);
    }
    net_destroy(virt->net);
    console_share_destroy(virt->share);
    console_destroy(virt->console);
    if (virt->machine != NULL) {
        for (unsigned i = 0; i < virt->engine_count; i++) {
            engine_destroy(virt->machine->cpus[i]);
        }
        virt_events_close(virt);
        vtl_destroy(virt->vtl);
        riscv_machine_destroy(virt->machine);
    }
    io_loop_destroy(virt->loop);
    if (virt->clock != NULL) {
        alarm_clock_destroy(virt->clock);
    }
    memory_destroy(virt->memory);
    virt_boot_free(&virt->boot);
}

static void join_threads(struct virt *virt)
{
    for (unsigned i = 0; i < virt->thread_count; i++) {
        pthread_join(virt->vcpu_threads[i], NULL);
    }
    if (virt->control_started) {
        pthread_join(virt->control_thread, NULL);
    }
}

void virt_destroy(struct virt *virt)
{
    if (virt == NULL) {
        return;
    }
    virt_request(virt, VIRT_REQUEST_END, VIRT_END_STOPPED, 0);
    join_threads(virt);
    take_apart(virt);
    if (virt->control_fd >= 0) {
        close(virt->control_fd);
    }
    if (virt->done_fd >= 0) {
        close(virt->done_fd);
    }
    pthread_cond_destroy(&virt->changed);
    pthread_mutex_destroy(&virt->htif_lock);
    pthread_mutex_destroy(&virt->lock);
    free(virt);
}

struct vtl *virt_trust_levels(const struct virt *virt)
{
    return virt->vtl;
}

const struct riscv_machine *virt_machine(const struct virt *virt)
{
    return virt->machine;
}

const void *virt_signature(const struct virt *virt, size_t *size)
{
    const struct loader_image *image = &virt->boot.firmware;
    *size = image->signature_size;
    return memory_pointer(virt->memory, gpa(image->signature), image->signature_size, MEMORY_READ);
}

void *virt_device_tree(const struct virt *virt, size_t *size)
{
    return virt_boot_tree(&virt->boot, size);
}
