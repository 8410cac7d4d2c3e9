/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `virt` board: a whole machine. RAM, harts, devices and wires by the map of virt_map.h; what it boots; the threads
 * that run it.
 *
 *     struct virt *virt = virt_create(&config, &error);      // checks everything, reads all files, builds
 *     if (virt != NULL && virt_start(virt, &error)) {
 *         virt_wait(virt, UINT64_MAX, &end);
 *     }
 *     virt_destroy(virt);
 *
 * Threads: one a vCPU, one that listens for virt_stop() (and to HTIF), and those of the devices; all with every signal
 * blocked. virt_stop(), virt_wait() and virt_done_fd() are for any thread, virt_stop() also for signal handlers; the
 * others for the owner.
 */
#ifndef RAVELIN_BOARD_VIRT_H
#define RAVELIN_BOARD_VIRT_H

#include "board/file.h"
#include "board/virt_map.h"
#include "core/error.h"
#include "devices/console.h"
#include "devices/slirp.h"
#include "engine/engine.h"
#include "riscv_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRT_DISK_COUNT_MAX 4u
#define VIRT_FORWARD_MAX    16u

enum virt_trace {
    VIRT_TRACE_TRAPS = 1,
    VIRT_TRACE_INSTRUCTIONS = 2, /* slow: the engine runs them one by one */
};

struct virt_disk {
    const char *path;
    bool readonly;
};

/* What `level` denies to the levels below it, for whole pages. */
struct virt_right {
    unsigned level;
    unsigned denied; /* set of enum attribute */
    uint64_t address, size;
};

/* Everything is borrowed until virt_destroy(). Strings may be NULL where marked. */
struct virt_config {
    const char *kernel, *firmware, *elf; /* NULL: none; at least one; elf excludes the others */
    const char *initrd, *command_line;   /* NULL: none */
    uint64_t memory_size;                /* bytes, a multiple of PAGE_SIZE */
    bool memory_overcommits;             /* it may be more than the host has: memory_allow_overcommit() */
    unsigned cpu_count;                  /* 1 … VIRT_CPU_COUNT_MAX */
    struct riscv_features features;
    FILE *dump; /* what the JIT generates goes there; NULL: none; borrowed */
    unsigned dump_kinds;
    unsigned trust_level_count; /* 0 or 1: none above the guest's own; more need a kernel without firmware of its own */
    bool trust_target_is_restricted; /* see struct vtl_config */
    uint64_t trust_pins[RISCV_LEVEL_COUNT_MAX][RISCV_PIN_COUNT];
    uint16_t trust_levels_held;      /* likewise */
    uint16_t trust_starts;           /* likewise, held_starts */
    struct virt_right *trust_rights; /* what held levels say of pages at the start, and again after each reset */
    size_t trust_right_count;
    const char *secure_kernel; /* an ELF file or "builtin", see board/secure_kernel.h; NULL: none. Needs levels */
    const char *policy;        /* its policy's file; NULL: the default */
    /* Told of what happens between trust levels, see vtl/events.h; NULL: nobody. */
    void (*events)(void *context, const char *line);
    void *events_context;
    uint64_t symbols_slide;  /* how far the kernel moves itself from where it was linked */
    const char *symbols;     /* the kernel's System.map, for events; NULL: the table inside the kernel, if it has one */
    enum engine_kind engine; /* tracing instructions takes the interpreter in any case */
    struct virt_disk disks[VIRT_DISK_COUNT_MAX];
    unsigned disk_count;
    bool network;
    struct slirp_forward forwards[VIRT_FORWARD_MAX];
    unsigned forward_count;
    bool end_at_reset;
    int console_in, console_out;                    /* descriptors, -1: none */
    struct console_filter console_filter;           /* edit NULL: none */
    void (*trace)(void *context, const char *line); /* NULL: none; any thread, several at once */
    unsigned trace_kinds; /* enum virt_trace: what is told beside the guest's mistakes, resets and the end */
    void *trace_context;
    struct file_progress progress; /* advance NULL: none */
};

enum virt_end { VIRT_END_POWER_OFF, VIRT_END_RESET, VIRT_END_STOPPED, VIRT_END_ERROR };

struct virt_exit {
    enum virt_end end;
    uint32_t code;      /* POWER_OFF: the guest's own, 0 for success */
    struct error error; /* ERROR: what; else empty */
};

struct virt;

struct virt *virt_create(const struct virt_config *config, struct error *error);
void virt_destroy(struct virt *virt); /* stops it if it runs; NULL is allowed */

/* Starts the threads; once. On failure it can only be destroyed. */
bool virt_start(struct virt *virt, struct error *error);

/* Asks for the end with VIRT_END_STOPPED; returns at once. */
void virt_stop(struct virt *virt);

/* Waits for the end at most `nanoseconds` (UINT64_MAX: without limit); false: it still runs. Disks and console are
 * flushed then. */
bool virt_wait(struct virt *virt, uint64_t nanoseconds, struct virt_exit *end);

/* One line about something that is not as asked for, or "". */
const char *virt_notice(const struct virt *virt);

int virt_done_fd(const struct virt *virt); /* readable once virt_wait() would return true */

uint64_t virt_running_time(const struct virt *virt); /* ns it ran so far, or in all */

struct vtl;
struct vtl *virt_trust_levels(const struct virt *virt); /* NULL: there is one */

struct riscv_machine;
const struct riscv_machine *virt_machine(const struct virt *virt);

/* The ELF file's signature (see loader.h) as it stands in the memory of a machine that has ended; valid until
 * virt_destroy(). NULL: the file has none. */
const void *virt_signature(const struct virt *virt, size_t *size);

/* The device tree the guest is given; freed by free(). */
void *virt_device_tree(const struct virt *virt, size_t *size);

#endif
