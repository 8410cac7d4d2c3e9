/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the board: struct virt, shared by virt.c (building, wiring) and virt_run.c (threads, reset, the end).
 *
 * How a run ends or resets: somebody (a device, the firmware, virt_stop) calls virt_request(). The first request
 * counts; every vCPU is asked to stop and comes to virt_meet(). The last one to come does what was asked, all others
 * wait for it; after a reset all go on, else all leave and the last flushes disks and console.
 */
#ifndef RAVELIN_BOARD_VIRT_PARTS_H
#define RAVELIN_BOARD_VIRT_PARTS_H

#include "arch/riscv/cpu.h"
#include "arch/riscv/sbi.h"
#include "board/console_share.h"
#include "board/htif.h"
#include "board/virt_boot.h"
#include "core/alarm.h"
#include "core/log.h"
#include "devices/device.h"
#include "devices/io_loop.h"
#include "vtl/vtl.h"

#include <pthread.h>
#include <stdatomic.h>

#define VIRT_DEVICE_MAX (5u + VIRT_VIRTIO_COUNT)

enum virt_request_kind { VIRT_REQUEST_NONE, VIRT_REQUEST_RESET, VIRT_REQUEST_END };

struct virt {
    struct virt_config config;
    struct virt_boot boot;
    struct log log;
    struct memory *memory;
    struct alarm_clock *clock;
    struct io_loop *loop;
    struct riscv_machine *machine;
    struct vtl *vtl; /* NULL: one trust level */
    struct vtl_events *events;
    unsigned engine_count; /* harts that have their engine */
    char notice[640];
    struct console_backend *console; /* what the descriptors are behind */
    struct console_share *share;     /* UART, virtio console and firmware, in front of it */
    struct net_backend *net;
    struct sbi_platform sbi;
    struct htif htif;
    bool has_htif;
    pthread_mutex_t htif_lock; /* held by who polls and by who resets memory; taken before `lock` */

    struct device *devices[VIRT_DEVICE_MAX];
    unsigned device_count;
    struct device *disks[VIRT_DISK_COUNT_MAX]; /* among the devices */
    unsigned disk_count;

    pthread_t vcpu_threads[VIRT_CPU_COUNT_MAX];
    unsigned thread_count; /* of vcpu_threads that were started */
    pthread_t control_thread;
    bool control_started;
    int control_fd; /* eventfd: wakes the control thread */
    int done_fd;    /* eventfd: readable after the end */
    atomic_bool stop_asked;
    atomic_bool control_quit;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool go; /* threads may begin */
    enum virt_request_kind request;
    struct virt_exit exit;   /* valid once request is END */
    unsigned meeting_count;  /* vCPUs that wait in virt_meet() */
    uint64_t meeting_number; /* counts meetings that are over */
    bool ended;
    uint64_t start_time, end_time; /* alarm_now() scale */
};

struct virt_vcpu {
    struct virt *virt;
    struct riscv_cpu *cpu;
};

/* What happens between trust levels goes to virt->config.events, if that and levels are there. The machine exists and
 * does not run. */
void virt_events_open(struct virt *virt);
void virt_events_close(struct virt *virt);

/* Sets virt->config.trust_rights, all of them. Nothing runs. */
bool virt_set_trust_rights(struct virt *virt, struct error *error);

/* Asks for a reset or the end. Any thread, no device lock of ours held; never waits for a vCPU. */
void virt_request(struct virt *virt, enum virt_request_kind kind, enum virt_end end, uint32_t code);

#endif
