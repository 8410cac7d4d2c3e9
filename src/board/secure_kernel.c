/* SPDX-License-Identifier: Apache-2.0 */
#include "board/secure_kernel.h"

#include "core/check.h"
#include "vtl/vtl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define POLICY_SIZE_MAX (UINT64_C(1) << 20)
#define CPU_COUNT_MAX   128u
#define BLOCK_PAGES     1u
#define PROGRAM_ROOM    (SECURE_KERNEL_MEMORY / 4) /* for what is loaded; the rest is what it works with */

/* Linux for RISC-V, arch/riscv/kernel/vmlinux.lds.S and others. */
static const struct {
    const char *name;
    bool required;
} names[SECURE_KERNEL_SYMBOL_COUNT] = {
    [SECURE_KERNEL_START] = { "_start", true },
    [SECURE_KERNEL_ETEXT] = { "_etext", true },
    [SECURE_KERNEL_INIT_BEGIN] = { "__init_begin", true },
    [SECURE_KERNEL_RODATA] = { "__start_rodata", true },
    [SECURE_KERNEL_DATA] = { "_data", true },
    [SECURE_KERNEL_END] = { "_end", true },
    [SECURE_KERNEL_HANDLE_EXCEPTION] = { "handle_exception", true },
    [SECURE_KERNEL_SYSTEM_STATE] = { "system_state", true },
    [SECURE_KERNEL_JUMP_TABLE] = { "__start___jump_table", false },
    [SECURE_KERNEL_JUMP_TABLE_END] = { "__stop___jump_table", false },
    [SECURE_KERNEL_POKE] = { "copy_to_kernel_nofault", false },
    [SECURE_KERNEL_POKE_END] = { "strncpy_from_kernel_nofault", false },
    [SECURE_KERNEL_SECONDARY] = { "secondary_start_sbi", false },
    [SECURE_KERNEL_FUNCTIONS] = { "__start_mcount_loc", false },
    [SECURE_KERNEL_FUNCTIONS_END] = { "__stop_mcount_loc", false },
    [SECURE_KERNEL_TRACER] = { "ftrace_caller", false },
    [SECURE_KERNEL_TRACER_CALL] = { "ftrace_call", false },
};

/* Linux, kernel/trace/: all that ftrace_call is made to call. */
static const char *const tracer_names[] = {
    "ftrace_stub",
    "arch_ftrace_ops_list_func",
    "ftrace_ops_list_func",
    "ftrace_ops_assist_func",
    "ftrace_pid_func",
    "function_trace_call",
    "function_stack_trace_call",
    "function_no_repeats_trace_call",
    "function_stack_no_repeats_trace_call",
    "ftrace_graph_func",
    "stack_trace_call",
    "perf_ftrace_function_call",
};
_Static_assert(sizeof tracer_names / sizeof *tracer_names == SECURE_KERNEL_TRACER_COUNT, "a place for each");

static bool load_policy(const struct secure_kernel_config *config, struct policy *policy, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    policy_default(policy);
    if (config->policy == NULL) {
        return true;
    }
    if (!file_read(config->policy, POLICY_SIZE_MAX, config->progress, &bytes, &size, error)) {
        return false;
    }
    bool parsed = policy_parse(config->policy, (const char *)bytes, size, policy, error);
    free(bytes);
    return parsed;
}

/* The parts of the image are in the order in which the secure kernel protects them, on pages of their own, and the
 * image is in memory. */
static bool check_symbols(const struct secure_kernel_config *config, const uint64_t *symbols, struct error *error)
{
    static const enum secure_kernel_symbol order[] = { SECURE_KERNEL_START,      SECURE_KERNEL_ETEXT,
                                                       SECURE_KERNEL_INIT_BEGIN, SECURE_KERNEL_RODATA,
                                                       SECURE_KERNEL_DATA,       SECURE_KERNEL_END };
    const size_t count = sizeof order / sizeof *order;
    bool right = true;
    for (size_t i = 0; i < count; i++) {
        bool aligned = order[i] == SECURE_KERNEL_ETEXT || order[i] == SECURE_KERNEL_END ||
                       (symbols[order[i]] & (PAGE_SIZE - 1)) == 0;
        right = right && aligned && (i == 0 || symbols[order[i - 1]] < symbols[order[i]]);
    }
    uint64_t start = symbols[SECURE_KERNEL_START], end = symbols[SECURE_KERNEL_END];
    uint64_t offset = config->kernel->segments[0].address - config->ram_base;
    uint64_t room = config->ram_size - SECURE_KERNEL_MEMORY - offset;
    const enum secure_kernel_symbol inside[] = { SECURE_KERNEL_SYSTEM_STATE, SECURE_KERNEL_HANDLE_EXCEPTION };
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        right = right && start <= symbols[inside[i]] && symbols[inside[i]] < end;
    }
    if (!right || end - start > room || end - start > (UINT64_C(1) << 30)) {
        return error_set(error,
                         "%s: its symbols are not those of a Linux kernel for RISC-V: the secure kernel cannot "
                         "protect it",
                         config->symbols_path != NULL ? config->symbols_path : config->kernel_path);
    }
    return true;
}

static bool lacks_symbol(const struct secure_kernel_config *config, const char *name, struct error *error)
{
    return config->symbols_path != NULL
               ? error_set(error,
                           "%s: it has no symbol %s, so that the secure kernel does not know what to protect: give the "
                           "System.map of %s",
                           config->symbols_path, name, config->kernel_path)
               : error_set(error,
                           "%s: it has no symbol %s, so that the secure kernel does not know what to protect: give its "
                           "System.map with --symbols, or a Linux kernel with all symbols (CONFIG_KALLSYMS_ALL)",
                           config->kernel_path, name);
}

static bool find_symbols(const struct secure_kernel_config *config,
                         uint64_t (*symbol)(const void *context, const char *name), const void *context,
                         uint64_t *symbols, struct error *error)
{
    for (size_t i = 0; i < SECURE_KERNEL_SYMBOL_COUNT; i++) {
        symbols[i] = symbol(context, names[i].name);
        if (symbols[i] == 0 && names[i].required) {
            return lacks_symbol(config, names[i].name, error);
        }
    }
    return check_symbols(config, symbols, error);
}

/* Those that are in the text. */
static void find_tracers(uint64_t (*symbol)(const void *context, const char *name), const void *context,
                         struct secure_kernel_block *block)
{
    for (size_t i = 0; i < SECURE_KERNEL_TRACER_COUNT; i++) {
        uint64_t address = symbol(context, tracer_names[i]);
        bool in_text = block->symbols[SECURE_KERNEL_START] <= address && address < block->symbols[SECURE_KERNEL_ETEXT];
        block->tracers[i] = in_text ? address : 0;
    }
}

static bool read_program(const struct secure_kernel_config *config, struct loader_image *image, struct error *error)
{
    if (strcmp(config->path, SECURE_KERNEL_BUILTIN) != 0) {
        return loader_read(config->path, LOADER_BARE_METAL, SECURE_KERNEL_MEMORY, config->progress, image, error);
    }
    size_t size;
    const uint8_t *builtin = secure_kernel_builtin(&size);
    if (builtin == NULL) {
        return error_set(error, "this ravelin was built without a secure kernel (no clang and lld): give a file");
    }
    uint8_t *copy = check_alloc(size);
    memcpy(copy, builtin, size);
    return loader_parse("the built-in secure kernel", copy, size, LOADER_BARE_METAL, SECURE_KERNEL_MEMORY,
                        config->progress, image, error);
}

static bool load_program(const struct secure_kernel_config *config, uint64_t base, struct loader_image *image,
                         struct error *error)
{
    if (!read_program(config, image, error)) {
        return false;
    }
    if (!image->movable) {
        error_set(error, "%s is linked for one address: link the secure kernel position-independent (-pie)",
                  config->path);
    } else {
        loader_place(image, base);
        if (loader_fits(image, config->path, base, PROGRAM_ROOM, error)) {
            return true;
        }
    }
    loader_free(image);
    return false;
}

static bool check_machine(const struct secure_kernel_config *config, struct error *error)
{
    if (config->kernel->format != LOADER_FORMAT_IMAGE) {
        return error_set(error, "%s is not a Linux Image: the secure kernel protects nothing else",
                         config->kernel_path);
    }
    if (config->cpu_count > CPU_COUNT_MAX) {
        return error_set(error, "the secure kernel serves at most %u vCPUs: give fewer --cpus", CPU_COUNT_MAX);
    }
    uint64_t end = loader_end(config->kernel) - config->ram_base;
    if (end + SECURE_KERNEL_MEMORY > config->ram_size) {
        return error_set(error,
                         "the guest's memory of %llu MiB has no room for the secure kernel: give at least "
                         "--memory %lluM",
                         (unsigned long long)(config->ram_size >> 20),
                         (unsigned long long)((end + SECURE_KERNEL_MEMORY) >> 20) + 1);
    }
    return true;
}

bool secure_kernel_load(const struct secure_kernel_config *config,
                        uint64_t (*symbol)(const void *context, const char *name), const void *context,
                        struct secure_kernel *kernel, struct error *error)
{
    struct policy policy;
    uint64_t base = config->ram_base + config->ram_size - SECURE_KERNEL_MEMORY;
    *kernel = (struct secure_kernel){ .present = false };
    if (!check_machine(config, error) || !load_policy(config, &policy, error) ||
        !find_symbols(config, symbol, context, kernel->block.symbols, error) ||
        !load_program(config, base, &kernel->image, error)) {
        return false;
    }
    find_tracers(symbol, context, &kernel->block);
    kernel->present = true;
    kernel->block_address = base + SECURE_KERNEL_MEMORY - BLOCK_PAGES * PAGE_SIZE;
    kernel->block.magic = SECURE_KERNEL_BLOCK_MAGIC;
    kernel->block.version = SECURE_KERNEL_BLOCK_VERSION;
    kernel->block.cpu_count = config->cpu_count;
    kernel->block.memory_base = base;
    kernel->block.memory_size = SECURE_KERNEL_MEMORY;
    kernel->block.ram_base = config->ram_base;
    kernel->block.ram_size = config->ram_size;
    kernel->block.image = config->kernel->segments[0].address;
    kernel->block.entry = config->kernel->entry;
    kernel->block.permissions = policy.permissions;
    kernel->block.pins = policy.pins;
    return true;
}

void secure_kernel_free(struct secure_kernel *kernel)
{
    loader_free(&kernel->image);
    kernel->present = false;
}

void secure_kernel_write(const struct secure_kernel *kernel, const struct memory *memory)
{
    struct secure_kernel_block block = kernel->block;
    _Static_assert(sizeof block <= BLOCK_PAGES * PAGE_SIZE, "the block fits into its place");
    bool seeded = getrandom(block.seed, sizeof block.seed, 0) == (ssize_t)sizeof block.seed;
    CHECK(seeded); /* requests up to 256 bytes are never cut short: getrandom(2) */
    loader_write(&kernel->image, memory);
    bool written = memory_write(memory, gpa(kernel->block_address), &block, sizeof block);
    CHECK(written);
    explicit_bzero(block.seed, sizeof block.seed);
}

void secure_kernel_begin(const struct secure_kernel *kernel, struct vtl *vtl)
{
    struct vtl_begin begin = {
        .level = SECURE_KERNEL_LEVEL,
        .mode_based = true,
        .pc = kernel->image.entry,
        .sp = kernel->block_address,
        .tp = kernel->block_address,
    };
    vtl_begin(vtl, &begin);
}
