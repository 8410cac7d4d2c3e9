/* SPDX-License-Identifier: Apache-2.0 */
#include "board/virt_boot.h"

#include "arch/riscv/cpu.h"
#include "arch/riscv/primitives.h"
#include "board/device_tree.h"
#include "core/check.h"
#include "riscv_decode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MIB (UINT64_C(1) << 20)

/* Files may be larger than the guest's memory (debugging information), within reason. */
#define FILE_SIZE_LOW (UINT64_C(1) << 30)

/* The device tree goes below this, where 32-bit parts of firmware reach it. */
#define TREE_END UINT64_C(0x100000000)

/* OpenSBI, include/sbi/fw_dynamic.h: what a previous boot stage tells fw_dynamic. */
struct fw_dynamic_info {
    uint64_t magic;
    uint64_t version;
    uint64_t next_address;
    uint64_t next_mode;
    uint64_t options;
    uint64_t boot_hart;
};

#define FW_DYNAMIC_MAGIC    UINT64_C(0x4942534f) /* "OSBI" */
#define FW_DYNAMIC_VERSION  2u
#define FW_DYNAMIC_S_MODE   1u

#define CSR_MEDELEG         0x302u
#define CSR_MIDELEG         0x303u
#define CSR_MCOUNTEREN      0x306u
#define CSR_MENVCFG         0x30au
#define CSR_MSTATEEN0       0x30cu

#define MENVCFG_PERMISSIONS UINT64_C(0xc0000000000000d0) /* STCE, PBMTE, CBZE, CBCFE, CBIE = flush */
#define MENVCFG_ADUE        (UINT64_C(1) << 61)

/* A range of guest memory that something takes, for the check that nothing overlaps. */
struct region {
    const char *name;
    uint64_t start, end;
};

/* What the guest's kernel is given of the memory. */
static uint64_t guest_memory_size(const struct virt_config *config)
{
    return config->memory_size - (config->secure_kernel != NULL ? SECURE_KERNEL_MEMORY : 0);
}

static uint64_t ram_end(const struct virt_config *config)
{
    return VIRT_RAM_BASE + guest_memory_size(config);
}

#define CODE_LOOK_COUNT 32u /* instructions at the entry of raw code that are looked at */

/* Raw code has no header that could be wrong, so its first instructions are looked at, up to the first jump: of noise,
 * few begin with code. What may be a custom or later standard instruction counts as one. */
static bool begins_with_code(const struct loader_image *image)
{
    static const struct riscv_features all = { { UINT64_MAX, UINT64_MAX } };
    size_t at = 0;
    for (unsigned i = 0; i < CODE_LOOK_COUNT && at + 4 <= image->size; i++) {
        const uint8_t *bytes = image->bytes + at;
        uint32_t bits = (uint32_t)(bytes[0] | bytes[1] << 8) | (uint32_t)(bytes[2] | bytes[3] << 8) << 16;
        uint32_t opcode = bits & 0x7f;
        struct riscv_decoded decoded;
        if (!riscv_decode((bits & 3) == 3 ? bits : bits & 0xffff, &all, &decoded)) {
            return opcode == 0x0b || opcode == 0x2b || opcode == 0x57 || opcode == 0x5b || opcode == 0x73 ||
                   opcode == 0x7b; /* unprivileged specification, base opcode map: custom-0 … 3, OP-V, SYSTEM */
        }
        if (decoded.meaning == RISCV_INSN_JAL || decoded.meaning == RISCV_INSN_JALR ||
            decoded.meaning == RISCV_INSN_MRET || decoded.meaning == RISCV_INSN_SRET) {
            return true;
        }
        at += decoded.length;
    }
    return true;
}

static bool load_image(const char *path, enum loader_role role, const struct virt_config *config,
                       struct loader_image *image, struct error *error)
{
    if (path == NULL) {
        return true;
    }
    uint64_t limit = config->memory_size > FILE_SIZE_LOW ? config->memory_size : FILE_SIZE_LOW;
    if (!loader_read(path, role, limit, &config->progress, image, error)) {
        return false;
    }
    if (image->format == LOADER_FORMAT_RAW && !begins_with_code(image)) {
        return error_set(error,
                         "%s does not begin with RISC-V code: it is damaged or something else; give a kernel, "
                         "firmware or ELF file for 64-bit RISC-V",
                         path);
    }
    loader_place(image, VIRT_RAM_BASE);
    return loader_fits(image, path, VIRT_RAM_BASE, config->memory_size, error);
}

static bool load_files(struct virt_boot *boot, struct error *error)
{
    const struct virt_config *config = boot->config;
    if (!load_image(config->elf, LOADER_BARE_METAL, config, &boot->firmware, error) ||
        !load_image(config->firmware, LOADER_FIRMWARE, config, &boot->firmware, error) ||
        !load_image(config->kernel, LOADER_KERNEL, config, &boot->kernel, error)) {
        return false;
    }
    return config->initrd == NULL || file_read_for_guest(config->initrd, config->memory_size, &config->progress,
                                                         &boot->initrd, &boot->initrd_size, error);
}

/* Places the device tree and the initial RAM disk at the top of memory, downwards. False: there is no room at all. */
static bool place(struct virt_boot *boot)
{
    const struct virt_config *config = boot->config;
    uint64_t alignment = config->memory_size >= 64 * MIB ? 2 * MIB : PAGE_SIZE;
    boot->initrd_address = VIRT_RAM_BASE; /* for the size of the tree: any */
    size_t tree_size;
    free(virt_boot_tree(boot, &tree_size));
    uint64_t top = ram_end(config) < TREE_END ? ram_end(config) : TREE_END;
    uint64_t needed = tree_size + sizeof(struct fw_dynamic_info);
    if (needed > top - VIRT_RAM_BASE) {
        return false;
    }
    boot->tree_address = (top - needed) & ~(alignment - 1);
    boot->info_address = boot->tree_address + tree_size;
    if (boot->initrd_size > boot->tree_address - VIRT_RAM_BASE) {
        return false;
    }
    boot->initrd_address = (boot->tree_address - boot->initrd_size) & ~(PAGE_SIZE - 1);
    return true;
}

static void add_region(struct region *regions, unsigned *count, const char *name, uint64_t start, uint64_t size)
{
    regions[(*count)++] = (struct region){ .name = name, .start = start, .end = start + size };
}

static void add_image(struct region *regions, unsigned *count, const char *name, const struct loader_image *image)
{
    for (unsigned i = 0; image->bytes != NULL && i < image->segment_count; i++) {
        add_region(regions, count, name, image->segments[i].address, image->segments[i].memory_size);
    }
}

/* The first two regions that overlap, or false. Segments of one file may (the later wins, as linkers mean it). */
static bool find_overlap(const struct region *regions, unsigned count, const struct region **a, const struct region **b)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = i + 1; j < count; j++) {
            if (regions[i].name != regions[j].name && regions[i].start < regions[j].end &&
                regions[j].start < regions[i].end) {
                *a = &regions[i];
                *b = &regions[j];
                return true;
            }
        }
    }
    return false;
}

static bool too_little_memory(const struct virt_boot *boot, struct error *error)
{
    uint64_t needed = boot->initrd_size + 4 * MIB;
    needed += boot->kernel.bytes != NULL ? loader_end(&boot->kernel) - VIRT_RAM_BASE : 0;
    needed +=
        boot->kernel.bytes == NULL && boot->firmware.bytes != NULL ? loader_end(&boot->firmware) - VIRT_RAM_BASE : 0;
    return error_set(error, "%s does not fit into the guest's %llu MiB of memory: give at least --memory %lluM",
                     boot->initrd != NULL ? boot->config->initrd : "the device tree",
                     (unsigned long long)(boot->config->memory_size / MIB), (unsigned long long)(needed / MIB + 1));
}

static bool check_places(struct virt_boot *boot, bool placed, struct error *error)
{
    struct region regions[2 * LOADER_SEGMENT_MAX + 2];
    unsigned count = 0;
    const struct virt_config *config = boot->config;
    add_image(regions, &count, config->elf != NULL ? config->elf : config->firmware, &boot->firmware);
    add_image(regions, &count, config->kernel, &boot->kernel);
    const struct region *a;
    const struct region *b;
    if (find_overlap(regions, count, &a, &b)) {
        return error_set(error, "%s and %s both want the memory at %#llx: link one of them elsewhere", a->name, b->name,
                         (unsigned long long)(a->start > b->start ? a->start : b->start));
    }
    if (placed) {
        if (boot->initrd != NULL) {
            add_region(regions, &count, "the initial RAM disk", boot->initrd_address, boot->initrd_size);
        }
        add_region(regions, &count, "the device tree", boot->tree_address,
                   boot->info_address + sizeof(struct fw_dynamic_info) - boot->tree_address);
        placed = !find_overlap(regions, count, &a, &b);
    }
    if (!placed && config->elf != NULL) {
        boot->tree_address = 0; /* a bare-metal program rarely wants one */
        return true;
    }
    return placed || too_little_memory(boot, error);
}

static uint64_t kernel_symbol(const void *symbols, const char *name)
{
    uint64_t address;
    return symbols != NULL && symbols_address(symbols, name, &address) ? address : 0;
}

static bool load_secure_kernel(struct virt_boot *boot, struct error *error)
{
    const struct virt_config *config = boot->config;
    if (config->secure_kernel == NULL) {
        return config->policy == NULL || error_set(error, "a policy is for a secure kernel: give one too");
    }
    if (config->kernel == NULL || config->trust_level_count <= SECURE_KERNEL_LEVEL) {
        return error_set(error, "a secure kernel needs two trust levels and a kernel to protect: give both");
    }
    struct secure_kernel_config secure = {
        .path = config->secure_kernel,
        .policy = config->policy,
        .progress = &config->progress,
        .ram_base = VIRT_RAM_BASE,
        .ram_size = config->memory_size,
        .cpu_count = config->cpu_count,
        .kernel_path = config->kernel,
        .symbols_path = config->symbols,
        .kernel = &boot->kernel,
    };
    return secure_kernel_load(&secure, kernel_symbol, boot->symbols, &boot->secure_kernel, error);
}

bool virt_boot_load(struct virt_boot *boot, const struct virt_config *config, struct error *error)
{
    boot->config = config;
    bool named = config->secure_kernel != NULL || config->events != NULL;
    if (!load_files(boot, error) || (named && !virt_symbols_read(boot, error)) || !load_secure_kernel(boot, error)) {
        return false;
    }
    boot->firmware_built_in = config->firmware == NULL && config->elf == NULL;
    return check_places(boot, place(boot), error);
}

void virt_boot_free(struct virt_boot *boot)
{
    loader_free(&boot->kernel);
    loader_free(&boot->firmware);
    secure_kernel_free(&boot->secure_kernel);
    symbols_free(boot->symbols);
    boot->symbols = NULL;
    free(boot->initrd);
    boot->initrd = NULL;
}

void *virt_boot_tree(const struct virt_boot *boot, size_t *size)
{
    uint8_t seed[DEVICE_TREE_SEED_SIZE];
    bool seeded = getrandom(seed, sizeof seed, 0) == (ssize_t)sizeof seed;
    CHECK(seeded); /* requests up to 256 bytes are never cut short: getrandom(2) */
    struct device_tree_config config = {
        .features = &boot->config->features,
        .cpu_count = boot->config->cpu_count,
        .memory_size = guest_memory_size(boot->config),
        .command_line = boot->config->command_line,
        .initrd_start = boot->initrd != NULL ? boot->initrd_address : 0,
        .initrd_end = boot->initrd != NULL ? boot->initrd_address + boot->initrd_size : 0,
        .seed = seed,
    };
    return device_tree_create(&config, size);
}

static void write_all(const struct virt_boot *boot, const struct memory *memory)
{
    if (boot->firmware.bytes != NULL) {
        loader_write(&boot->firmware, memory);
    }
    if (boot->kernel.bytes != NULL) {
        loader_write(&boot->kernel, memory);
    }
    if (boot->secure_kernel.present) {
        secure_kernel_write(&boot->secure_kernel, memory);
    }
    if (boot->initrd != NULL) {
        CHECK(memory_write(memory, gpa(boot->initrd_address), boot->initrd, boot->initrd_size));
    }
    if (boot->tree_address == 0) {
        return;
    }
    size_t tree_size;
    void *tree = virt_boot_tree(boot, &tree_size);
    CHECK(memory_write(memory, gpa(boot->tree_address), tree, tree_size));
    free(tree);
    struct fw_dynamic_info info = {
        .magic = FW_DYNAMIC_MAGIC,
        .version = FW_DYNAMIC_VERSION,
        .next_address = boot->kernel.bytes != NULL ? boot->kernel.entry : 0,
        .next_mode = FW_DYNAMIC_S_MODE,
        .boot_hart = 0,
    };
    CHECK(memory_write(memory, gpa(boot->info_address), &info, sizeof info));
}

static void start_in_m_mode(const struct virt_boot *boot, struct riscv_cpu *cpu)
{
    cpu->state.pc = boot->firmware.entry;
    cpu->state.x[10] = cpu->vcpu.number;
    cpu->state.x[11] = boot->tree_address;
    cpu->state.x[12] = boot->tree_address != 0 ? boot->info_address : 0;
    atomic_store(&cpu->hart.status, HART_STARTED);
}

/* As firmware leaves a hart to the supervisor: every counter and every optional facility is permitted. Writes go
 * through the description, which drops what the model does not have. */
static void start_in_s_mode(const struct virt_boot *boot, struct riscv_cpu *cpu)
{
    const struct riscv_features *features = &boot->config->features;
    /* With both, page faults are the default and software asks for hardware updates (bindings: riscv/extensions). */
    bool hardware_updates = riscv_has(features, RISCV_EXT_SVADU) && !riscv_has(features, RISCV_EXT_SVADE);
    const struct {
        uint32_t csr;
        uint64_t value;
    } permissions[] = {
        { CSR_MEDELEG, UINT64_MAX },
        { CSR_MIDELEG, UINT64_MAX },
        { CSR_MEDELEG, ~(UINT64_C(1) << RISCV_EXCEPTION_ENVIRONMENT_CALL_FROM_S) },
        { CSR_MIDELEG, UINT64_MAX }, /* sie and sip show what is delegated */
        { CSR_MCOUNTEREN, UINT64_MAX },
        { CSR_MENVCFG, MENVCFG_PERMISSIONS | (hardware_updates ? MENVCFG_ADUE : 0) },
        { CSR_MSTATEEN0, UINT64_MAX },
    };
    for (unsigned i = 0; i < sizeof permissions / sizeof permissions[0]; i++) {
        riscv_csr_write(cpu, permissions[i].csr, permissions[i].value); /* false: the model has not got it */
    }
    riscv_pmp_open(cpu);
    cpu->state.mode = RISCV_MODE_S;
    cpu->state.pc = boot->kernel.entry;
    cpu->state.x[10] = cpu->vcpu.number;
    cpu->state.x[11] = boot->tree_address;
    atomic_store(&cpu->hart.status, cpu->vcpu.number == 0 ? HART_STARTED : HART_STOPPED);
}

void virt_boot_write(const struct virt_boot *boot, struct riscv_machine *machine, struct vtl *vtl)
{
    write_all(boot, machine->memory);
    for (unsigned i = 0; i < machine->cpu_count; i++) {
        struct riscv_cpu *cpu = machine->cpus[i];
        riscv_cpu_reset(cpu);
        if (boot->firmware_built_in) {
            start_in_s_mode(boot, cpu);
        } else {
            start_in_m_mode(boot, cpu);
        }
        riscv_cpu_state_changed(cpu);
    }
    if (boot->secure_kernel.present) {
        secure_kernel_begin(&boot->secure_kernel, vtl);
    }
}
