/* SPDX-License-Identifier: Apache-2.0 */
/* The running machine: its threads, how it resets and how it ends. */
#include "board/virt_parts.h"
#include "board/virt_trace.h"
#include "core/check.h"
#include "devices/virtio/blk.h"
#include "engine/engine.h"
#include "vtl/events.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long the control thread sleeps between looks at `tohost`: it doubles from LOW to HIGH while nothing is there. */
#define HTIF_SLEEP_LOW  UINT64_C(5000) /* ns */
#define HTIF_SLEEP_HIGH UINT64_C(1000000)

static void notify(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    (void)written; /* full means that it is readable already */
}

static void stop_vcpus(struct virt *virt)
{
    for (unsigned i = 0; virt->machine != NULL && i < virt->machine->cpu_count; i++) {
        vcpu_request(&virt->machine->cpus[i]->vcpu, VCPU_STOP);
    }
}

static void trace_request(const struct virt *virt, enum virt_request_kind kind, enum virt_end end, uint32_t code)
{
    if (kind == VIRT_REQUEST_RESET || end == VIRT_END_RESET) {
        virt_trace_line(virt, "machine: the guest resets");
    } else if (end == VIRT_END_POWER_OFF) {
        virt_trace_line(virt, "machine: the guest ends with code %u", code);
    } else {
        virt_trace_line(virt, "machine: stopped");
    }
}

void virt_request(struct virt *virt, enum virt_request_kind kind, enum virt_end end, uint32_t code)
{
    if (kind == VIRT_REQUEST_RESET && virt->config.end_at_reset) {
        kind = VIRT_REQUEST_END;
    }
    pthread_mutex_lock(&virt->lock);
    bool first = virt->request < kind; /* an end also overrides a reset that has not happened yet */
    if (first) {
        virt->request = kind;
        virt->exit.end = end;
        virt->exit.code = code;
        virt->go = true;
        pthread_cond_broadcast(&virt->changed);
    }
    pthread_mutex_unlock(&virt->lock);
    if (first) {
        trace_request(virt, kind, end, code);
        stop_vcpus(virt);
    }
}

/* -- vCPU threads ------------------------------------------------------------------------------------------------- */

static void flush_everything(struct virt *virt)
{
    for (unsigned i = 0; i < virt->disk_count; i++) {
        virtio_blk_drain(virt->disks[i]);
    }
    struct error error;
    if (!console_flush(virt->console, &error) && virt->exit.end == VIRT_END_POWER_OFF) {
        virt->exit.end = VIRT_END_ERROR;
        virt->exit.error = error;
    }
}

static void reset_machine(struct virt *virt)
{
    for (unsigned i = 0; i < virt->device_count; i++) {
        if (virt->devices[i]->reset != NULL) {
            virt->devices[i]->reset(virt->devices[i]->self);
        }
    }
    riscv_machine_reset_time(virt->machine);
    if (virt->vtl != NULL) {
        struct error error;
        vtl_reset(virt->vtl);
        vtl_events_reset(virt->events);
        CHECK(virt_set_trust_rights(virt, &error)); /* as it could at the start */
    }
    pthread_mutex_lock(&virt->htif_lock);
    virt_boot_write(&virt->boot, virt->machine, virt->vtl);
    pthread_mutex_unlock(&virt->htif_lock);
}

/* Every vCPU comes here once a request was made. The last to come does it. Returns false: leave, the machine ended. */
static bool virt_meet(struct virt *virt)
{
    pthread_mutex_lock(&virt->lock);
    uint64_t number = virt->meeting_number;
    virt->meeting_count++;
    if (virt->meeting_count < virt->thread_count) {
        while (virt->meeting_number == number) {
            pthread_cond_wait(&virt->changed, &virt->lock);
        }
    } else {
        bool reset = virt->request == VIRT_REQUEST_RESET;
        pthread_mutex_unlock(&virt->lock); /* devices call virt_request(), which locks */
        if (reset) {
            reset_machine(virt);
        } else {
            flush_everything(virt);
        }
        pthread_mutex_lock(&virt->lock);
        if (reset && virt->request == VIRT_REQUEST_RESET) {
            virt->request = VIRT_REQUEST_NONE;
        }
        virt->ended = !reset;
        virt->end_time = alarm_now();
        virt->meeting_count = 0;
        virt->meeting_number++;
        pthread_cond_broadcast(&virt->changed);
        if (virt->ended) {
            atomic_store(&virt->control_quit, true);
            notify(virt->control_fd);
            notify(virt->done_fd);
        }
    }
    bool ended = virt->ended;
    pthread_mutex_unlock(&virt->lock);
    return !ended;
}

static enum virt_request_kind request_of(struct virt *virt)
{
    pthread_mutex_lock(&virt->lock);
    enum virt_request_kind request = virt->request;
    pthread_mutex_unlock(&virt->lock);
    return request;
}

static void wait_for_go(struct virt *virt)
{
    pthread_mutex_lock(&virt->lock);
    while (!virt->go) {
        pthread_cond_wait(&virt->changed, &virt->lock);
    }
    pthread_mutex_unlock(&virt->lock);
}

static void *run_vcpu(void *context)
{
    struct virt_vcpu *vcpu = context;
    struct virt *virt = vcpu->virt;
    struct riscv_cpu *cpu = vcpu->cpu;
    free(vcpu);
    wait_for_go(virt);
    do {
        while (request_of(virt) == VIRT_REQUEST_NONE) {
            if (hart_wait_started(cpu)) {
                engine_run(cpu); /* until a stop is asked, or the hart stops itself */
            }
        }
    } while (virt_meet(virt));
    return NULL;
}

/* -- The control thread ------------------------------------------------------------------------------------------- */

/* Waits until woken or `nanoseconds` are over (UINT64_MAX: without limit). */
static void sleep_for_control(const struct virt *virt, uint64_t nanoseconds)
{
    struct pollfd event = { .fd = virt->control_fd, .events = POLLIN };
    struct timespec time = { .tv_sec = 0, .tv_nsec = (long)(nanoseconds % 1000000000) };
    if (ppoll(&event, 1, nanoseconds == UINT64_MAX ? NULL : &time, NULL) > 0) {
        uint64_t count;
        ssize_t got = read(virt->control_fd, &count, sizeof count);
        (void)got;
    }
}

static bool serve_htif(struct virt *virt)
{
    pthread_mutex_lock(&virt->htif_lock);
    bool served = request_of(virt) == VIRT_REQUEST_NONE && htif_poll(&virt->htif);
    pthread_mutex_unlock(&virt->htif_lock);
    return served;
}

static void *run_control(void *context)
{
    struct virt *virt = context;
    uint64_t nanoseconds = HTIF_SLEEP_LOW;
    wait_for_go(virt);
    while (!atomic_load(&virt->control_quit)) {
        if (atomic_load(&virt->stop_asked)) {
            virt_request(virt, VIRT_REQUEST_END, VIRT_END_STOPPED, 0);
        }
        if (virt->has_htif && serve_htif(virt)) {
            nanoseconds = HTIF_SLEEP_LOW;
            continue;
        }
        sleep_for_control(virt, virt->has_htif ? nanoseconds : UINT64_MAX);
        nanoseconds = nanoseconds * 2 < HTIF_SLEEP_HIGH ? nanoseconds * 2 : HTIF_SLEEP_HIGH;
    }
    return NULL;
}

/* -- Start, stop, wait -------------------------------------------------------------------------------------------- */

static bool start_threads(struct virt *virt, struct error *error)
{
    int result = pthread_create(&virt->control_thread, NULL, run_control, virt);
    virt->control_started = result == 0;
    for (unsigned i = 0; result == 0 && i < virt->config.cpu_count; i++) {
        struct virt_vcpu *vcpu = check_alloc(sizeof *vcpu);
        *vcpu = (struct virt_vcpu){ .virt = virt, .cpu = virt->machine->cpus[i] };
        result = pthread_create(&virt->vcpu_threads[i], NULL, run_vcpu, vcpu);
        if (result == 0) {
            virt->thread_count++;
        } else {
            free(vcpu);
        }
    }
    if (result != 0) {
        error_set_errno(error, result, "cannot start a thread for each vCPU (give fewer --cpus)");
    }
    return result == 0;
}

bool virt_start(struct virt *virt, struct error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = start_threads(virt, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        virt_request(virt, VIRT_REQUEST_END, VIRT_END_STOPPED, 0);
        atomic_store(&virt->control_quit, true);
        notify(virt->control_fd);
        return false;
    }
    pthread_mutex_lock(&virt->lock);
    virt->start_time = alarm_now();
    virt->go = true;
    pthread_cond_broadcast(&virt->changed);
    pthread_mutex_unlock(&virt->lock);
    return true;
}

void virt_stop(struct virt *virt)
{
    int saved = errno;
    atomic_store(&virt->stop_asked, true);
    notify(virt->control_fd);
    errno = saved;
}

bool virt_wait(struct virt *virt, uint64_t nanoseconds, struct virt_exit *end)
{
    uint64_t now = alarm_now();
    uint64_t until = nanoseconds < UINT64_MAX - now ? now + nanoseconds : UINT64_MAX;
    struct timespec deadline = { .tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000) };
    int result = 0;
    pthread_mutex_lock(&virt->lock);
    while (!virt->ended && result != ETIMEDOUT) {
        result = until == UINT64_MAX ? pthread_cond_wait(&virt->changed, &virt->lock)
                                     : pthread_cond_timedwait(&virt->changed, &virt->lock, &deadline);
    }
    bool ended = virt->ended;
    if (ended && end != NULL) {
        *end = virt->exit;
    }
    pthread_mutex_unlock(&virt->lock);
    return ended;
}

int virt_done_fd(const struct virt *virt)
{
    return virt->done_fd;
}

uint64_t virt_running_time(const struct virt *virt)
{
    struct virt *unlocked = (struct virt *)(uintptr_t)virt; /* only to lock */
    pthread_mutex_lock(&unlocked->lock);
    uint64_t end = virt->ended ? virt->end_time : alarm_now();
    uint64_t duration = virt->start_time != 0 ? end - virt->start_time : 0;
    pthread_mutex_unlock(&unlocked->lock);
    return duration;
}
