/* SPDX-License-Identifier: Apache-2.0 */
/* `ravelin run`: from options to a machine, and from its end to an exit status. */
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/output_file.h"
#include "cli/report.h"
#include "cli/run_files.h"
#include "cli/run_stats.h"
#include "cli/terminal.h"

#include <ravelin/stats.h>
#include <ravelin/trust.h>
#include <ravelin/vm.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

/* A machine that was asked to end and does not within this time is left behind. */
#define STOP_TIME (10 * SECOND)

struct run {
    const struct cli_run_values *values;
    struct ravelin_vm *vm;
    struct console console;
    bool console_is_open;
    struct output_file stats, trace, events, tree, signature;
    char trace_path[PATH_MAX];
    bool trace_instructions;
    uint64_t begin;      /* now() when loading began */
    bool progress_shown; /* a line of progress is on the terminal */
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static int usage(const struct ravelin_error *error)
{
    cli_report("%s", error->text);
    return CLI_USAGE;
}

static int failure(const struct ravelin_error *error)
{
    cli_report("%s", error->text);
    return CLI_FAILURE;
}

/* -- Options ------------------------------------------------------------------------------------------------------ */

static bool has_something_to_boot(const struct cli_run_values *values)
{
    return values->kernel != NULL || values->firmware != NULL || values->elf != NULL;
}

/* What is wrong with a combination of options, NULL: nothing. First what is booted. */
static const char *boot_fault(const struct cli_run_values *values)
{
    if (!has_something_to_boot(values) && values->dump_dtb == NULL) {
        return "there is nothing to boot: give --kernel IMAGE, --firmware FILE or --elf FILE";
    }
    if (values->elf != NULL && (values->kernel != NULL || values->firmware != NULL)) {
        return "--elf boots a bare-metal program alone: leave out --kernel and --firmware, or --elf";
    }
    if (values->elf != NULL && (values->initrd != NULL || values->append != NULL)) {
        return "--initrd and --append are for a kernel: give --kernel instead of --elf, or leave them out";
    }
    if (values->signature != NULL && values->elf == NULL) {
        return "--signature is for a bare-metal program: give --elf FILE";
    }
    if (values->initrd != NULL && values->kernel == NULL) {
        return "--initrd is for a kernel: give --kernel IMAGE too";
    }
    return NULL;
}

static const char *trust_fault(const struct cli_run_values *values)
{
    const bool has_levels = values->trust_levels != 0 || values->secure_kernel != NULL;
    if (values->trust_levels != 0 && (values->firmware != NULL || values->elf != NULL)) {
        return "--trust-levels needs a kernel that ravelin starts itself: leave out --firmware and --elf, or the "
               "levels";
    }
    if (values->trust_levels != 0 && strcmp(values->engine, "check") == 0) {
        return "--engine check has no trust levels: give --engine jit or interp, or leave out --trust-levels";
    }
    if (values->secure_kernel != NULL && (values->kernel == NULL || values->firmware != NULL)) {
        return "--secure-kernel protects a kernel that ravelin starts itself: give --kernel IMAGE without --firmware";
    }
    if (values->secure_kernel != NULL && strcmp(values->engine, "check") == 0) {
        return "--engine check has no trust levels: give --engine jit or interp, or leave out --secure-kernel";
    }
    if (values->policy != NULL && values->secure_kernel == NULL) {
        return "--policy is for a secure kernel: give --secure-kernel builtin too";
    }
    if (values->events != NULL && !has_levels) {
        return "--events tells what happens between trust levels: give --trust-levels N or --secure-kernel too";
    }
    if (values->symbols != NULL && values->events == NULL && values->secure_kernel == NULL) {
        return "--symbols gives names to events, and to a secure kernel: give --events FILE or --secure-kernel too";
    }
    if (strcmp(values->trust_target, "restricted") == 0 && !has_levels) {
        return "--trust-target is for trust levels: give --trust-levels N or --secure-kernel too";
    }
    return NULL;
}

static const char *other_fault(const struct cli_run_values *values)
{
    if (strcmp(values->engine, "check") == 0 && values->cpus != 1) {
        return "--engine check runs one vCPU: give --cpus 1, or --engine jit or interp";
    }
    if (values->dump != NULL && strcmp(values->engine, "interp") == 0) {
        return "--dump prints what the JIT generates: give --engine jit or check, or leave it out";
    }
    if (values->trace != NULL && strcmp(values->trace, ",instructions") == 0) {
        return "--trace has no name of a file before ,instructions: give one";
    }
    if (!has_something_to_boot(values) && (values->stats != NULL || values->trace != NULL || values->events != NULL)) {
        return "--stats, --trace and --events tell of a guest that runs: give --kernel, --firmware or --elf too, or "
               "leave "
               "them out";
    }
    if (values->symbols != NULL && strncmp(values->symbols, ",slide=", 7) == 0) {
        return "--symbols has no name of a file before ,slide=: give one";
    }
    if (values->forwards.count > 0 && strcmp(values->net, "user") != 0) {
        return "--forward needs a network: give --net user too";
    }
    return NULL;
}

/* Options that exclude or need each other. The first fault is reported. */
static bool check_combination(const struct cli_run_values *values)
{
    const char *fault = boot_fault(values);
    fault = fault != NULL ? fault : trust_fault(values);
    fault = fault != NULL ? fault : other_fault(values);
    if (fault != NULL) {
        cli_report("%s", fault);
    }
    return fault == NULL;
}

/* "FILE,readonly": the file's name, to be freed, and whether the suffix was there. */
static char *split_suffix(const char *argument, const char *suffix, bool *found)
{
    size_t length = strlen(argument);
    size_t suffix_length = strlen(suffix);
    *found = length >= suffix_length && strcmp(argument + length - suffix_length, suffix) == 0;
    char *path = strndup(argument, *found ? length - suffix_length : length);
    if (path == NULL) {
        abort(); /* no memory for a file name */
    }
    return path;
}

static bool add_disk(struct ravelin_vm *vm, const char *argument, struct ravelin_error *error)
{
    bool readonly;
    char *path = split_suffix(argument, ",readonly", &readonly);
    bool added = ravelin_vm_add_disk(vm, path, readonly, error);
    free(path);
    return added;
}

/* 0x and 1 to 16 digits. */
static bool parse_slide(const char *text, uint64_t *slide)
{
    size_t digits = strlen(text) > 2 ? strlen(text) - 2 : 0;
    if (strncmp(text, "0x", 2) != 0 || digits == 0 || digits > 16 ||
        strspn(text + 2, "0123456789abcdefABCDEF") != digits) {
        return false;
    }
    *slide = strtoull(text, NULL, 16);
    return true;
}

static bool set_symbols(struct ravelin_vm *vm, const char *argument, struct ravelin_error *error)
{
    const char *text;
    uint64_t slide = 0;
    char *path = run_files_symbols(argument, &text);
    bool set = true;
    if (text != NULL && !parse_slide(text, &slide)) {
        snprintf(error->text, sizeof error->text,
                 "--symbols: \"%.64s\" is no slide: give it in hexadecimal, for example slide=0x2000000", text);
        set = false;
    }
    set = set && ravelin_vm_set_symbols(vm, path, error) && ravelin_vm_set_symbols_slide(vm, slide, error);
    free(path);
    return set;
}

static bool set_machine(struct ravelin_vm *vm, const struct cli_run_values *values, struct ravelin_error *error)
{
    bool network = strcmp(values->net, "user") == 0;
    bool set = ravelin_vm_set_memory(vm, values->memory, error) &&
               ravelin_vm_set_overcommit(vm, values->overcommit, error) &&
               ravelin_vm_set_vcpus(vm, (unsigned)values->cpus, error) && ravelin_vm_set_cpu(vm, values->cpu, error) &&
               ravelin_vm_set_engine(vm, values->engine, error) &&
               (values->trust_levels == 0 || ravelin_vm_set_trust_levels(vm, (unsigned)values->trust_levels, error)) &&
               ravelin_vm_set_trust_target(vm, strcmp(values->trust_target, "restricted") == 0, error) &&
               ravelin_vm_set_secure_kernel(vm, values->secure_kernel, values->policy, error) &&
               (values->symbols == NULL || set_symbols(vm, values->symbols, error)) &&
               (values->dump == NULL || ravelin_vm_set_dump(vm, values->dump, stderr, error)) &&
               ravelin_vm_set_network(vm, network ? RAVELIN_NETWORK_USER : RAVELIN_NETWORK_NONE, error) &&
               ravelin_vm_set_reboot(vm, !values->no_reboot, error);
    for (unsigned i = 0; set && i < values->disks.count; i++) {
        set = add_disk(vm, values->disks.items[i], error);
    }
    for (unsigned i = 0; set && i < values->forwards.count; i++) {
        set = ravelin_vm_add_forward(vm, values->forwards.items[i], error);
    }
    return set;
}

static bool set_boot(struct ravelin_vm *vm, const struct cli_run_values *values, struct ravelin_error *error)
{
    return ravelin_vm_set_kernel(vm, values->kernel, error) && ravelin_vm_set_initrd(vm, values->initrd, error) &&
           ravelin_vm_set_firmware(vm, values->firmware, error) && ravelin_vm_set_elf(vm, values->elf, error) &&
           ravelin_vm_set_command_line(vm, values->append, error);
}

/* -- Outputs ------------------------------------------------------------------------------------------------------ */

static void trace_line(void *context, const char *text)
{
    fprintf(((struct run *)context)->trace.stream, "%s\n", text);
}

/* Each line whole and at once, for whoever follows the file. */
static void event_line(void *context, const char *text)
{
    FILE *stream = ((struct run *)context)->events.stream;
    fprintf(stream, "%s\n", text);
    fflush(stream);
}

static unsigned trace_kinds(const struct run *run)
{
    return run->trace_instructions ? RAVELIN_TRACE_TRAPS | RAVELIN_TRACE_INSTRUCTIONS : RAVELIN_TRACE_TRAPS;
}

/* Loading that takes longer than a second says so: live on a terminal, once elsewhere. */
static void show_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct run *run = context;
    if (now() - run->begin < SECOND) {
        return;
    }
    bool live = isatty(STDERR_FILENO) != 0;
    if (live && total > 0) {
        fprintf(stderr, "\rravelin: loading %s: %llu %% ", what, (unsigned long long)(done * 100 / total));
    } else if (live) {
        fprintf(stderr, "\rravelin: loading %s: %llu MiB ", what, (unsigned long long)(done >> 20));
    } else if (!run->progress_shown) {
        fprintf(stderr, "ravelin: loading %s\n", what);
    }
    run->progress_shown = true;
}

/* Opens every output before the machine exists, so that a run never ends with its result lost. */
static bool open_outputs(struct run *run)
{
    const struct cli_run_values *values = run->values;
    if (values->trace != NULL) {
        char *path = split_suffix(values->trace, ",instructions", &run->trace_instructions);
        snprintf(run->trace_path, sizeof run->trace_path, "%s", path); /* none that is longer can be opened */
        free(path);
    }
    return (values->stats == NULL || output_file_open(&run->stats, "--stats", values->stats)) &&
           (values->trace == NULL || output_file_open(&run->trace, "--trace", run->trace_path)) &&
           (values->events == NULL || output_file_open(&run->events, "--events", values->events)) &&
           (values->dump_dtb == NULL || output_file_open(&run->tree, "--dump-dtb", values->dump_dtb)) &&
           (values->signature == NULL || output_file_open(&run->signature, "--signature", values->signature));
}

static bool write_tree(struct run *run)
{
    struct ravelin_error error;
    size_t size;
    if (run->tree.stream == NULL) {
        return true;
    }
    void *tree = ravelin_vm_device_tree(run->vm, &size, &error);
    if (tree == NULL) {
        cli_report("%s", error.text);
        return false;
    }
    bool written = fwrite(tree, 1, size, run->tree.stream) == size;
    ravelin_free(tree);
    if (!written) {
        cli_report("cannot write %s (%s): free space or give another file name", run->tree.path, strerror(errno));
        return false;
    }
    return output_file_commit(&run->tree) && output_file_close(&run->tree);
}

static const char *end_name(enum ravelin_end end, bool timed_out)
{
    switch (end) {
    case RAVELIN_END_POWER_OFF: return "power-off";
    case RAVELIN_END_RESET: return "reset";
    case RAVELIN_END_STOPPED: return timed_out ? "timeout" : "stopped";
    case RAVELIN_END_ERROR: break;
    }
    return "error";
}

static bool write_stats(struct run *run, const char *end, int status)
{
    if (run->stats.stream == NULL) {
        return true;
    }
    struct ravelin_stats *stats = ravelin_vm_stats(run->vm);
    bool has_levels = run->values->trust_levels != 0 || run->values->secure_kernel != NULL;
    struct ravelin_trust_stats trust;
    ravelin_trust_stats(run->vm, &trust);
    bool written =
        run_stats_write(run->stats.stream, stats, has_levels ? &trust : NULL, end, status, run->values->engine);
    ravelin_free(stats);
    if (!written) {
        cli_report("cannot write %s (%s): free space or give another file name", run->stats.path, strerror(errno));
        return false;
    }
    return output_file_commit(&run->stats) && output_file_close(&run->stats);
}

/* Words of 8 bytes, the highest digit first; zeroes fill the last one up. */
static bool write_signature(struct run *run)
{
    struct ravelin_error error;
    size_t size;
    if (run->signature.stream == NULL) {
        return true;
    }
    uint8_t *signature = ravelin_vm_signature(run->vm, &size, &error);
    if (signature == NULL) {
        cli_report("%s", error.text);
        return false;
    }
    for (size_t at = 0; at < size; at += 8) {
        for (size_t i = 8; i-- > 0;) {
            fprintf(run->signature.stream, "%02x", at + i < size ? signature[at + i] : 0u);
        }
        fputc('\n', run->signature.stream);
    }
    ravelin_free(signature);
    return output_file_commit(&run->signature) && output_file_close(&run->signature);
}

/* -- Running ------------------------------------------------------------------------------------------------------ */

/* Waits until the machine has ended, the user wants its end (a signal's number in *signal), or the time was over
 * (returns true). */
static bool wait_or_time_out(struct run *run, int *signal)
{
    uint64_t timeout = run->values->timeout;
    uint64_t deadline = timeout != 0 ? now() + timeout : UINT64_MAX;
    struct pollfd events[2] = {
        { .fd = ravelin_vm_done_fd(run->vm), .events = POLLIN },
        { .fd = terminal_signal_fd(), .events = POLLIN },
    };
    for (;;) {
        uint64_t time = now();
        if (time >= deadline) {
            return true;
        }
        struct timespec left = { .tv_sec = (time_t)((deadline - time) / SECOND),
                                 .tv_nsec = (long)((deadline - time) % SECOND) };
        ppoll(events, 2, timeout != 0 ? &left : NULL, NULL);
        if (terminal_signal() != 0 || atomic_load(&run->console.quit) || (events[0].revents & POLLIN) != 0) {
            *signal = terminal_signal();
            return false;
        }
        events[0].revents = 0;
    }
}

/* The guest's code as an exit status: what does not fit must not look like success. */
static int status_of_code(uint32_t code)
{
    return code > 255 ? 255 : (int)code;
}

/* Runs the started machine to its end and gives the exit status. */
static int run_to_end(struct run *run)
{
    int signal = 0;
    bool timed_out = wait_or_time_out(run, &signal);
    struct ravelin_exit end;
    ravelin_vm_stop(run->vm);
    if (!ravelin_vm_wait(run->vm, STOP_TIME, &end)) {
        terminal_end();
        output_file_abandon();
        cli_report("the machine does not stop: it is left behind");
        _exit(timed_out ? CLI_TIMEOUT : CLI_FAILURE);
    }
    terminal_end();
    int status = CLI_SUCCESS;
    if (end.end == RAVELIN_END_POWER_OFF) {
        status = status_of_code(end.code);
    } else if (end.end == RAVELIN_END_ERROR) {
        cli_report("%s", end.text);
        status = CLI_FAILURE;
    } else if (end.end == RAVELIN_END_STOPPED && timed_out) {
        cli_report("the guest still ran after %g s: ended it (give a longer --timeout to let it go on)",
                   (double)run->values->timeout / 1e9);
        status = CLI_TIMEOUT;
    } else if (end.end == RAVELIN_END_STOPPED && signal != 0) {
        status = 128 + signal;
    }
    bool told = end.end != RAVELIN_END_STOPPED || timed_out || signal != 0 || !atomic_load(&run->console.quit);
    if (!told) {
        fprintf(stderr, "\nravelin: ended by Ctrl-A x\n");
    }
    if (end.end == RAVELIN_END_POWER_OFF && !write_signature(run)) {
        status = CLI_FAILURE;
    }
    if (!write_stats(run, end_name(end.end, timed_out), status) && status == CLI_SUCCESS) {
        status = CLI_FAILURE;
    }
    return status;
}

static int start_and_run(struct run *run)
{
    struct ravelin_error error;
    run->begin = now();
    bool started = ravelin_vm_start(run->vm, &error);
    if (run->progress_shown && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
    }
    if (!started) {
        terminal_end();
        return failure(&error);
    }
    if (*ravelin_vm_notice(run->vm) != '\0') {
        cli_report("%s", ravelin_vm_notice(run->vm));
    }
    terminal_enter(run->console.kind == CONSOLE_STDIO);
    /* From here on the logs are there for others to follow. */
    if ((run->trace.stream != NULL && !output_file_commit(&run->trace)) ||
        (run->events.stream != NULL && !output_file_commit(&run->events)) ||
        (run->console.file.stream != NULL && !output_file_commit(&run->console.file)) || !write_tree(run)) {
        terminal_end();
        return CLI_FAILURE;
    }
    return run_to_end(run);
}

/* Builds what `values` ask for; everything opened is in `run`, for the caller to close. */
static int run_machine(struct run *run)
{
    struct ravelin_error error;
    if (!set_machine(run->vm, run->values, &error) || !set_boot(run->vm, run->values, &error)) {
        return usage(&error);
    }
    if (!terminal_begin(output_file_abandon) || !open_outputs(run)) {
        return CLI_FAILURE;
    }
    if (!has_something_to_boot(run->values)) {
        return write_tree(run) ? CLI_SUCCESS : CLI_FAILURE;
    }
    int status = console_open(&run->console, run->values->console);
    if (status != CLI_SUCCESS) {
        return status;
    }
    run->console_is_open = true;
    if (!console_connect(&run->console, run->vm, &error) ||
        !ravelin_vm_set_progress(run->vm, show_progress, run, &error) ||
        (run->trace.stream != NULL && !ravelin_vm_set_trace(run->vm, trace_kinds(run), trace_line, run, &error)) ||
        (run->events.stream != NULL && !ravelin_vm_set_events(run->vm, event_line, run, &error))) {
        return failure(&error);
    }
    return start_and_run(run);
}

int cli_run(const void *values, char *const *operands, unsigned operand_count)
{
    (void)operands, (void)operand_count;
    struct run run = { .values = values };
    if (!check_combination(values) || !run_files_are_distinct(values)) {
        return CLI_USAGE;
    }
    run.vm = ravelin_vm_create();
    int status = run_machine(&run);
    ravelin_vm_destroy(run.vm); /* before what its threads write to */
    bool closed = !run.console_is_open || console_close(&run.console);
    closed = output_file_close(&run.trace) && closed;
    closed = output_file_close(&run.events) && closed;
    closed = output_file_close(&run.stats) && closed;
    closed = output_file_close(&run.tree) && closed;
    closed = output_file_close(&run.signature) && closed;
    return closed || status != CLI_SUCCESS ? status : CLI_FAILURE;
}
