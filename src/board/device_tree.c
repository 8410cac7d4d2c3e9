/* SPDX-License-Identifier: Apache-2.0 */
#include "board/device_tree.h"

#include "arch/riscv/cpu.h"
#include "board/virt_map.h"
#include "core/check.h"
#include "devices/uart.h"
#include "riscv_decode.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BLOCK_SIZE 64u /* bytes, of cbo.* and prefetch.* */

/* Names of nodes that are pointed to; a hart's interrupt controller is PHANDLE_CPU + its number. */
enum phandle { PHANDLE_PLIC = 1, PHANDLE_FINISHER, PHANDLE_CPU = 16 };

/* The blob while it is written, front to back. The buffer is large enough, so that a failure is our own bug. */
struct tree {
    char *blob;
    const struct device_tree_config *config;
};

static void begin(struct tree *tree, const char *name)
{
    CHECK(fdt_begin_node(tree->blob, name) == 0);
}

static void begin_at(struct tree *tree, const char *name, uint64_t address)
{
    char full[64];
    snprintf(full, sizeof full, "%s@%llx", name, (unsigned long long)address);
    begin(tree, full);
}

static void end(struct tree *tree)
{
    CHECK(fdt_end_node(tree->blob) == 0);
}

static void put_bytes(struct tree *tree, const char *name, const void *bytes, size_t size)
{
    CHECK(fdt_property(tree->blob, name, bytes, (int)size) == 0);
}

static void put_flag(struct tree *tree, const char *name)
{
    put_bytes(tree, name, NULL, 0);
}

static void put_u32(struct tree *tree, const char *name, uint32_t value)
{
    CHECK(fdt_property_u32(tree->blob, name, value) == 0);
}

static void put_u64(struct tree *tree, const char *name, uint64_t value)
{
    CHECK(fdt_property_u64(tree->blob, name, value) == 0);
}

static void put_text(struct tree *tree, const char *name, const char *text)
{
    put_bytes(tree, name, text, strlen(text) + 1);
}

/* A list of strings: as one literal with \0 between (and, by C, after) them. */
#define put_texts(tree, name, literal) put_bytes(tree, name, literal, sizeof(literal))

static void put_reg(struct tree *tree, uint64_t base, uint64_t size)
{
    uint64_t cells[2] = { cpu_to_fdt64(base), cpu_to_fdt64(size) };
    put_bytes(tree, "reg", cells, sizeof cells);
}

static void put_irq(struct tree *tree, unsigned irq)
{
    put_u32(tree, "interrupts", irq);
    put_u32(tree, "interrupt-parent", PHANDLE_PLIC);
}

/* For each hart, its interrupt inputs `first` and `second`. */
static void put_hart_inputs(struct tree *tree, unsigned first, unsigned second)
{
    uint32_t cells[VIRT_CPU_COUNT_MAX * 4];
    unsigned count = 0;
    for (unsigned hart = 0; hart < tree->config->cpu_count; hart++) {
        cells[count++] = cpu_to_fdt32(PHANDLE_CPU + hart);
        cells[count++] = cpu_to_fdt32(first);
        cells[count++] = cpu_to_fdt32(PHANDLE_CPU + hart);
        cells[count++] = cpu_to_fdt32(second);
    }
    put_bytes(tree, "interrupts-extended", cells, count * sizeof cells[0]);
}

/* Things the description counts as extensions that the bindings tell otherwise (mmu-type, existence of modes). */
static bool is_listed(const char *name)
{
    static const char *const unlisted[] = { "s", "u", "sv39", "sv48", "sv57" };
    for (size_t i = 0; i < sizeof unlisted / sizeof unlisted[0]; i++) {
        if (strcmp(name, unlisted[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* Position in an ISA string (unprivileged specification, "ISA Extension Naming Conventions"): single letters in
 * canonical order, then Z… by the letter that follows, then S…. */
static unsigned isa_rank(const char *name)
{
    static const char letters[] = "imafdqlcbkjtpvnh";
    bool single = name[1] == '\0';
    const char *at = strchr(letters, single ? name[0] : name[1]);
    unsigned rank = at != NULL ? (unsigned)(at - letters) : (unsigned)sizeof letters;
    return single ? rank : name[0] == 'z' ? 100 + rank : 200;
}

static int compare_names(const void *left, const void *right)
{
    const char *a = *(const char *const *)left;
    const char *b = *(const char *const *)right;
    unsigned rank_a = isa_rank(a);
    unsigned rank_b = isa_rank(b);
    return rank_a != rank_b ? (rank_a < rank_b ? -1 : 1) : strcmp(a, b);
}

/* The names of the features' extensions in the order of an ISA string; returns how many. */
static size_t isa_names(const struct riscv_features *features, const char *names[RISCV_EXT_COUNT])
{
    size_t count = 0;
    for (unsigned extension = 0; extension < RISCV_EXT_COUNT; extension++) {
        const char *name = riscv_extension_name((enum riscv_extension)extension);
        if (riscv_has(features, (enum riscv_extension)extension) && is_listed(name)) {
            names[count++] = name;
        }
    }
    qsort(names, count, sizeof names[0], compare_names);
    return count;
}

#define ISA_TEXT_SIZE 2048u

/* bindings/riscv/extensions.yaml: the old riscv,isa and the new pair say the same. */
static void put_isa(struct tree *tree)
{
    const char *names[RISCV_EXT_COUNT] = { NULL };
    size_t count = isa_names(tree->config->features, names);
    char isa[ISA_TEXT_SIZE] = "rv64";
    char list[ISA_TEXT_SIZE];
    size_t isa_size = strlen(isa);
    size_t list_size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        CHECK(isa_size + length + 2 <= sizeof isa && list_size + length + 1 <= sizeof list);
        if (length > 1) {
            isa[isa_size++] = '_';
        }
        memcpy(isa + isa_size, names[i], length);
        isa_size += length;
        memcpy(list + list_size, names[i], length + 1);
        list_size += length + 1;
    }
    isa[isa_size] = '\0';
    put_text(tree, "riscv,isa", isa);
    put_text(tree, "riscv,isa-base", "rv64i");
    put_bytes(tree, "riscv,isa-extensions", list, list_size);
}

static void put_mmu_type(struct tree *tree)
{
    const struct riscv_features *features = tree->config->features;
    if (riscv_has(features, RISCV_EXT_SV57)) {
        put_text(tree, "mmu-type", "riscv,sv57");
    } else if (riscv_has(features, RISCV_EXT_SV48)) {
        put_text(tree, "mmu-type", "riscv,sv48");
    } else if (riscv_has(features, RISCV_EXT_SV39)) {
        put_text(tree, "mmu-type", "riscv,sv39");
    } else {
        put_text(tree, "mmu-type", "riscv,none");
    }
}

static void put_cpu(struct tree *tree, unsigned hart)
{
    const struct riscv_features *features = tree->config->features;
    begin_at(tree, "cpu", hart);
    put_text(tree, "device_type", "cpu");
    put_u32(tree, "reg", hart);
    put_text(tree, "status", "okay");
    put_text(tree, "compatible", "riscv");
    put_isa(tree);
    put_mmu_type(tree);
    if (riscv_has(features, RISCV_EXT_ZICBOM)) {
        put_u32(tree, "riscv,cbom-block-size", CACHE_BLOCK_SIZE);
    }
    if (riscv_has(features, RISCV_EXT_ZICBOP)) {
        put_u32(tree, "riscv,cbop-block-size", CACHE_BLOCK_SIZE);
    }
    if (riscv_has(features, RISCV_EXT_ZICBOZ)) {
        put_u32(tree, "riscv,cboz-block-size", CACHE_BLOCK_SIZE);
    }
    begin(tree, "interrupt-controller");
    put_text(tree, "compatible", "riscv,cpu-intc");
    put_u32(tree, "#interrupt-cells", 1);
    put_u32(tree, "#address-cells", 0);
    put_flag(tree, "interrupt-controller");
    put_u32(tree, "phandle", PHANDLE_CPU + hart);
    end(tree);
    end(tree);
}

static void put_cpus(struct tree *tree)
{
    begin(tree, "cpus");
    put_u32(tree, "#address-cells", 1);
    put_u32(tree, "#size-cells", 0);
    put_u32(tree, "timebase-frequency", (uint32_t)RISCV_TIME_FREQUENCY);
    for (unsigned hart = 0; hart < tree->config->cpu_count; hart++) {
        put_cpu(tree, hart);
    }
    end(tree);
}

static void put_memory(struct tree *tree)
{
    begin_at(tree, "memory", VIRT_RAM_BASE);
    put_text(tree, "device_type", "memory");
    put_reg(tree, VIRT_RAM_BASE, tree->config->memory_size);
    end(tree);
}

static void put_chosen(struct tree *tree)
{
    const struct device_tree_config *config = tree->config;
    begin(tree, "chosen");
    char console[64];
    snprintf(console, sizeof console, "/soc/serial@%llx", (unsigned long long)virt_map[VIRT_UART].base);
    put_text(tree, "stdout-path", console);
    if (config->command_line != NULL) {
        put_text(tree, "bootargs", config->command_line);
    }
    if (config->initrd_end > config->initrd_start) {
        put_u64(tree, "linux,initrd-start", config->initrd_start);
        put_u64(tree, "linux,initrd-end", config->initrd_end);
    }
    if (config->seed != NULL) {
        put_bytes(tree, "rng-seed", config->seed, DEVICE_TREE_SEED_SIZE);
    }
    end(tree);
}

static void put_interrupt_controllers(struct tree *tree)
{
    const struct virt_window *aclint = &virt_map[VIRT_ACLINT];
    begin_at(tree, "clint", aclint->base);
    put_texts(tree, "compatible", "sifive,clint0\0riscv,clint0");
    put_reg(tree, aclint->base, aclint->size);
    put_hart_inputs(tree, RISCV_INTERRUPT_MSI, RISCV_INTERRUPT_MTI);
    end(tree);

    const struct virt_window *plic = &virt_map[VIRT_PLIC];
    begin_at(tree, "interrupt-controller", plic->base);
    put_texts(tree, "compatible", "sifive,plic-1.0.0\0riscv,plic0");
    put_reg(tree, plic->base, plic->size);
    put_u32(tree, "#interrupt-cells", 1);
    put_u32(tree, "#address-cells", 0);
    put_flag(tree, "interrupt-controller");
    put_hart_inputs(tree, RISCV_INTERRUPT_MEI, RISCV_INTERRUPT_SEI);
    put_u32(tree, "riscv,ndev", VIRT_PLIC_SOURCE_COUNT - 1);
    put_u32(tree, "phandle", PHANDLE_PLIC);
    end(tree);
}

static void put_simple_devices(struct tree *tree)
{
    const struct virt_window *finisher = &virt_map[VIRT_FINISHER];
    begin_at(tree, "test", finisher->base);
    put_texts(tree, "compatible", "sifive,test1\0sifive,test0\0syscon");
    put_reg(tree, finisher->base, finisher->size);
    put_u32(tree, "phandle", PHANDLE_FINISHER);
    end(tree);

    const struct virt_window *rtc = &virt_map[VIRT_RTC];
    begin_at(tree, "rtc", rtc->base);
    put_text(tree, "compatible", "google,goldfish-rtc");
    put_reg(tree, rtc->base, rtc->size);
    put_irq(tree, rtc->irq);
    end(tree);

    const struct virt_window *uart = &virt_map[VIRT_UART];
    begin_at(tree, "serial", uart->base);
    put_text(tree, "compatible", "ns16550a");
    put_reg(tree, uart->base, uart->size);
    put_u32(tree, "clock-frequency", UART_CLOCK);
    put_irq(tree, uart->irq);
    end(tree);
}

static void put_virtio(struct tree *tree)
{
    const struct virt_window *virtio = &virt_map[VIRT_VIRTIO];
    for (unsigned slot = 0; slot < VIRT_VIRTIO_COUNT; slot++) {
        begin_at(tree, "virtio_mmio", virtio->base + slot * virtio->size);
        put_text(tree, "compatible", "virtio,mmio");
        put_reg(tree, virtio->base + slot * virtio->size, virtio->size);
        put_irq(tree, virtio->irq + slot);
        end(tree);
    }
}

/* bindings/power/reset/syscon-*.yaml: what to write to the finisher. */
static void put_syscon(struct tree *tree, const char *name, const char *compatible, uint32_t value)
{
    begin(tree, name);
    put_text(tree, "compatible", compatible);
    put_u32(tree, "regmap", PHANDLE_FINISHER);
    put_u32(tree, "offset", 0);
    put_u32(tree, "value", value);
    end(tree);
}

static void put_root(struct tree *tree)
{
    begin(tree, "");
    put_text(tree, "compatible", "riscv-virtio");
    put_text(tree, "model", "ravelin,virt");
    put_u32(tree, "#address-cells", 2);
    put_u32(tree, "#size-cells", 2);
    put_chosen(tree);
    put_memory(tree);
    put_cpus(tree);
    begin(tree, "soc");
    put_text(tree, "compatible", "simple-bus");
    put_u32(tree, "#address-cells", 2);
    put_u32(tree, "#size-cells", 2);
    put_flag(tree, "ranges");
    put_interrupt_controllers(tree);
    put_simple_devices(tree);
    put_virtio(tree);
    end(tree);
    put_syscon(tree, "poweroff", "syscon-poweroff", 0x5555);
    put_syscon(tree, "reboot", "syscon-reboot", 0x7777);
    end(tree);
}

void *device_tree_create(const struct device_tree_config *config, size_t *size)
{
    CHECK(config->cpu_count <= VIRT_CPU_COUNT_MAX);
    size_t text_size = config->command_line != NULL ? strlen(config->command_line) : 0;
    size_t capacity = 16384 + text_size + (size_t)config->cpu_count * 3 * ISA_TEXT_SIZE;
    struct tree tree = { .blob = check_alloc(capacity), .config = config };
    CHECK(fdt_create(tree.blob, (int)capacity) == 0);
    CHECK(fdt_finish_reservemap(tree.blob) == 0);
    put_root(&tree);
    CHECK(fdt_finish(tree.blob) == 0);
    *size = ((size_t)fdt_totalsize(tree.blob) + 7) & ~(size_t)7;
    fdt_set_totalsize(tree.blob, (uint32_t)*size);
    return tree.blob;
}
