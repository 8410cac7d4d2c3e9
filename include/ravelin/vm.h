/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine: create it, say what it has, run it, wait for its end.
 *
 *     struct ravelin_error error;
 *     struct ravelin_vm *vm = ravelin_vm_create();
 *     struct ravelin_exit end;
 *     if (!ravelin_vm_set_kernel(vm, "Image", &error) || !ravelin_vm_start(vm, &error)) {
 *         fprintf(stderr, "%s\n", error.text);
 *     } else {
 *         ravelin_vm_wait(vm, RAVELIN_FOREVER, &end);
 *         printf("the guest ended with code %u\n", end.code);
 *     }
 *     ravelin_vm_destroy(vm);
 *
 * A machine goes through three states: configured (all the ravelin_vm_set_… and ravelin_vm_add_… functions, which
 * fail once it has been started), running (from ravelin_vm_start()), ended. It is started once; a machine that
 * shall run again is created again. Any number of machines live in one process, independent of each other.
 *
 * Threads: configure a machine from one thread at a time. ravelin_vm_stop(), ravelin_vm_stats(), ravelin_vm_wait()
 * and ravelin_vm_done_fd() may be called by any thread while it runs. Callbacks run on threads of
 * the machine: they must be quick, must not wait for the machine, and must not call ravelin_vm_wait() or
 * ravelin_vm_destroy().
 *
 * Signals: the library's threads block all signals but one. A machine with trust levels (ravelin/trust.h) sends its
 * vCPUs SIGRTMAX - 5 and installs a handler for it: leave that signal alone. Without them no handler is installed.
 *
 * Strings and structures passed in are copied; files are read when the machine starts. Every size is in bytes, every
 * time in nanoseconds. The guest is hostile: nothing it does ends, blocks or corrupts the embedding process.
 */
#ifndef RAVELIN_VM_H
#define RAVELIN_VM_H

#include <ravelin/error.h>
#include <ravelin/version.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ravelin_vm;

/* A machine with 1 vCPU of model "max", 512 MiB of memory, no console, no disk and no network.
 * Aborts if the host has not even memory for this small object, else never NULL. */
RAVELIN_API struct ravelin_vm *ravelin_vm_create(void);

/* Stops the machine if it runs, waits for its threads and frees everything. NULL is allowed. */
RAVELIN_API void ravelin_vm_destroy(struct ravelin_vm *vm);

/* ---- what it boots: a kernel, with or without firmware, or a bare-metal ELF file ------------------------------- */

/* A kernel: Linux Image (plain, gzip, zstd, or EFI zboot), ELF, or raw code that is put 2 MiB into memory.
 * Without firmware it starts in S-mode, with a0 = hart number, a1 = device tree, and the library serves its SBI calls.
 * NULL: none. Fails only if the machine was started; the file is looked at by ravelin_vm_start(). */
RAVELIN_API bool ravelin_vm_set_kernel(struct ravelin_vm *vm, const char *path, struct ravelin_error *error);

/* Firmware (ELF or raw code for the start of memory) that starts in M-mode, as on hardware. a2 points to the
 * information that OpenSBI's fw_dynamic reads, with the kernel, if there is one, as the next stage. */
RAVELIN_API bool ravelin_vm_set_firmware(struct ravelin_vm *vm, const char *path, struct ravelin_error *error);

/* A bare-metal ELF file that starts in M-mode at its entry. It ends by the test finisher, or by storing to its symbol
 * `tohost` (HTIF: 1 = passed, code << 1 | 1 = failed). Excludes kernel and firmware. */
RAVELIN_API bool ravelin_vm_set_elf(struct ravelin_vm *vm, const char *path, struct ravelin_error *error);

/* The initial RAM disk of a kernel, and its command line (at most 4095 bytes). NULL: none. */
RAVELIN_API bool ravelin_vm_set_initrd(struct ravelin_vm *vm, const char *path, struct ravelin_error *error);
RAVELIN_API bool ravelin_vm_set_command_line(struct ravelin_vm *vm, const char *text, struct ravelin_error *error);

/* ---- what it has ----------------------------------------------------------------------------------------------- */

#define RAVELIN_VCPU_LIMIT 128
#define RAVELIN_DISK_LIMIT 4
#define RAVELIN_MEMORY_LOW (UINT64_C(1) << 20) /* the least memory a machine can have: 1 MiB */

/* Memory in bytes: a multiple of 4096, from RAVELIN_MEMORY_LOW to what the host has. */
RAVELIN_API bool ravelin_vm_set_memory(struct ravelin_vm *vm, uint64_t size, struct ravelin_error *error);

/* Whether the guest may have more memory than the host (initially not: the start fails). Memory takes the host's only
 * where the guest touches it; a process that touches more than there is gets killed by the host. */
RAVELIN_API bool ravelin_vm_set_overcommit(struct ravelin_vm *vm, bool overcommit, struct ravelin_error *error);

/* Number of vCPUs, 1 to RAVELIN_VCPU_LIMIT. Each is one thread. */
RAVELIN_API bool ravelin_vm_set_vcpus(struct ravelin_vm *vm, unsigned count, struct ravelin_error *error);

/* The vCPUs' model: a base ("rv64gc", "rva22", "max") and changes, as in "rv64gc,+zba,-zicond". */
RAVELIN_API bool ravelin_vm_set_cpu(struct ravelin_vm *vm, const char *model, struct ravelin_error *error);

/* The engine: "jit" (translates hot code; the initial one), "interp" (the reference), "check" (both in lockstep; one
 * vCPU). */
RAVELIN_API bool ravelin_vm_set_engine(struct ravelin_vm *vm, const char *name, struct ravelin_error *error);

/* A secure kernel in trust level 1 that protects the guest's Linux kernel from being changed, and from its own
 * mistakes: an ELF file, or "builtin". `policy`: the path of its policy file, NULL for the default, which enforces. The
 * machine gets two levels if it has but one. It takes 4 MiB of the guest's memory. NULL as `path`: none. */
RAVELIN_API bool ravelin_vm_set_secure_kernel(struct ravelin_vm *vm, const char *path, const char *policy,
                                              struct ravelin_error *error);

/* What the JIT generates, as text to `stream` (borrowed until the machine is destroyed): kinds is "ir", "host" or
 * "ir,host". Other engines generate nothing. */
RAVELIN_API bool ravelin_vm_set_dump(struct ravelin_vm *vm, const char *kinds, FILE *stream,
                                     struct ravelin_error *error);

/* A virtio disk over a raw image file, at most RAVELIN_DISK_LIMIT. The file is opened when the machine starts and
 * locked against a second writer. */
RAVELIN_API bool ravelin_vm_add_disk(struct ravelin_vm *vm, const char *path, bool readonly,
                                     struct ravelin_error *error);

/* Network: none, or a private network behind the host's (10.0.2.0/24, host at 10.0.2.2), without privileges. */
enum ravelin_network { RAVELIN_NETWORK_NONE, RAVELIN_NETWORK_USER };
RAVELIN_API bool ravelin_vm_set_network(struct ravelin_vm *vm, enum ravelin_network network,
                                        struct ravelin_error *error);

/* Lets programs of the host reach a port of the guest: "tcp:HOSTPORT:GUESTPORT" (or udp) passes connections to
 * 127.0.0.1:HOSTPORT on; ports are 1 to 65535. Needs RAVELIN_NETWORK_USER; the port is taken when the machine starts.
 */
RAVELIN_API bool ravelin_vm_add_forward(struct ravelin_vm *vm, const char *forward, struct ravelin_error *error);

/* Whether a guest that resets starts anew (the default) or ends with RAVELIN_END_RESET. */
RAVELIN_API bool ravelin_vm_set_reboot(struct ravelin_vm *vm, bool reboot, struct ravelin_error *error);

/* ---- its console ----------------------------------------------------------------------------------------------- */

/*
 * Connects the guest's serial port to descriptors of the host: terminal, pipe, socket, file; both may be the same, -1
 * is none (no input; output dropped, which is the default). They are borrowed until ravelin_vm_destroy(). They are not
 * made non-blocking, and a terminal's raw mode is the caller's business. Bytes are never lost and never pile up: a
 * guest that does not read leaves `in` unread, an `out` that takes nothing makes the guest wait. The guest's bytes may
 * be anything, escape sequences included.
 */
RAVELIN_API bool ravelin_vm_set_console(struct ravelin_vm *vm, int in, int out, struct ravelin_error *error);

/* Lets `edit` see input before the guest does: it may change the bytes in place and returns how many are left (at most
 * `size`). For an escape key. With it, input is read even while the guest takes none. Runs on a thread of the machine.
 */
RAVELIN_API bool ravelin_vm_set_console_filter(struct ravelin_vm *vm,
                                               size_t (*edit)(void *context, uint8_t *bytes, size_t size),
                                               void *context, struct ravelin_error *error);

/* ---- what it tells --------------------------------------------------------------------------------------------- */

/* What ravelin_vm_set_trace() tells of. */
enum ravelin_trace {
    RAVELIN_TRACE_MISTAKES = 0, /* always: resets, the end, and the first 1000 things the guest's drivers do wrong */
    RAVELIN_TRACE_TRAPS = 1,    /* every exception and interrupt taken */
    RAVELIN_TRACE_INSTRUCTIONS = 2, /* every instruction before it runs; makes the machine slow */
};

/* Calls `line` with one line of text (no newline, borrowed) for each event of the kinds asked for (enum ravelin_trace
 * bits), on the threads on which they happen, several at once. */
RAVELIN_API bool ravelin_vm_set_trace(struct ravelin_vm *vm, unsigned kinds,
                                      void (*line)(void *context, const char *text), void *context,
                                      struct ravelin_error *error);

/* Called while files are read or unpacked, at most a few times a second: what, done and total (0: unknown) bytes. */
RAVELIN_API bool ravelin_vm_set_progress(struct ravelin_vm *vm,
                                         void (*progress)(void *context, const char *what, uint64_t done,
                                                          uint64_t total),
                                         void *context, struct ravelin_error *error);

/* The device tree (DTB) that the guest is given, of *size bytes, to be freed by ravelin_free(). Before the start it is
 * made from the configuration alone: no file is read, and the initial RAM disk's place is not in it yet. NULL on
 * error. */
RAVELIN_API void *ravelin_vm_device_tree(struct ravelin_vm *vm, size_t *size, struct ravelin_error *error);

/* Frees what a ravelin function returned. NULL is allowed. */
RAVELIN_API void ravelin_free(void *block);

/* ---- running it ------------------------------------------------------------------------------------------------ */

enum ravelin_end {
    RAVELIN_END_POWER_OFF, /* the guest powered off or passed: code 0, or the code it gave */
    RAVELIN_END_RESET,     /* the guest reset, and ravelin_vm_set_reboot(vm, false) */
    RAVELIN_END_STOPPED,   /* ravelin_vm_stop() */
    RAVELIN_END_ERROR,     /* the host failed: see `text` */
};

struct ravelin_exit {
    enum ravelin_end end;
    uint32_t code;  /* POWER_OFF: the guest's own code, 0 for success */
    char text[512]; /* one line; empty unless there is something to tell */
};

/* Checks everything, builds the machine and starts its vCPUs. On failure nothing was started, no file was changed and
 * the configuration can be corrected. */
RAVELIN_API bool ravelin_vm_start(struct ravelin_vm *vm, struct ravelin_error *error);

/* After ravelin_vm_start(): one line about something that is not as asked for (this host cannot run the JIT, so the
 * interpreter does), or "". Lives as long as the machine. */
RAVELIN_API const char *ravelin_vm_notice(const struct ravelin_vm *vm);

/* Asks the machine to end at the next instruction boundary. Returns at once. Safe in a signal handler. */
RAVELIN_API void ravelin_vm_stop(struct ravelin_vm *vm);

#define RAVELIN_FOREVER UINT64_MAX

/* Waits until a started machine has ended, at most `nanoseconds`. true: it has, and *end (may be NULL) tells how;
 * every disk is flushed. false: it still runs (or was never started). */
RAVELIN_API bool ravelin_vm_wait(struct ravelin_vm *vm, uint64_t nanoseconds, struct ravelin_exit *end);

/* After the end: a copy of the *size bytes of guest memory between the bare-metal ELF file's symbols begin_signature
 * and end_signature, by which RISC-V's architecture tests are compared; to be freed by ravelin_free(). NULL on error:
 * the machine has not ended, or the file has no such symbols. */
RAVELIN_API void *ravelin_vm_signature(struct ravelin_vm *vm, size_t *size, struct ravelin_error *error);

/* A file descriptor that becomes readable when the machine has ended, for poll(). Belongs to the machine. -1 before
 * the start. */
RAVELIN_API int ravelin_vm_done_fd(const struct ravelin_vm *vm);

#ifdef __cplusplus
}
#endif

#endif
