/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree says what the machine is; HTIF serves its program; the console share its two users. */
#include "arch/riscv/cpu_model.h"
#include "board/console_share.h"
#include "board/device_tree.h"
#include "board/htif.h"
#include "board/virt_map.h"

#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- Device tree ----------------------------------------------------------------------------------------------------
 */

static void *tree_of(const char *model, struct device_tree_config config, size_t *size)
{
    struct riscv_features features;
    struct error error;
    assert_true(riscv_cpu_model_parse(model, &features, &error));
    config.features = &features;
    void *tree = device_tree_create(&config, size);
    assert_int_equal(fdt_check_full(tree, *size), 0);
    return tree;
}

static const char *text_of(const void *tree, const char *path, const char *property)
{
    int node = fdt_path_offset(tree, path);
    return node >= 0 ? fdt_getprop(tree, node, property, NULL) : NULL;
}

static void tree_tells_of_each_hart_and_all_memory(void **state)
{
    (void)state;
    size_t size;
    void *tree = tree_of("max", (struct device_tree_config){ .cpu_count = 128, .memory_size = 3 << 20 }, &size);
    assert_true(fdt_path_offset(tree, "/cpus/cpu@0") >= 0);
    assert_true(fdt_path_offset(tree, "/cpus/cpu@7f") >= 0);
    assert_true(fdt_path_offset(tree, "/cpus/cpu@80") < 0);
    int node = fdt_path_offset(tree, "/memory@80000000");
    const fdt64_t *reg = fdt_getprop(tree, node, "reg", NULL);
    assert_int_equal(fdt64_to_cpu(reg[0]), VIRT_RAM_BASE);
    assert_int_equal(fdt64_to_cpu(reg[1]), 3 << 20);
    int length;
    node = fdt_path_offset(tree, "/soc/interrupt-controller@c000000");
    assert_non_null(fdt_getprop(tree, node, "interrupts-extended", &length));
    assert_int_equal(length, 128 * 4 * 4);
    free(tree);
}

static void tree_lists_the_extensions_of_the_model(void **state)
{
    (void)state;
    size_t size;
    struct device_tree_config config = { .cpu_count = 1, .memory_size = 1 << 20 };
    void *tree = tree_of("rv64gc", config, &size);
    const char *isa = text_of(tree, "/cpus/cpu@0", "riscv,isa");
    assert_ptr_equal(strstr(isa, "rv64imafdc_"), isa);
    assert_null(strstr(isa, "zba"));
    assert_string_equal(text_of(tree, "/cpus/cpu@0", "riscv,isa-base"), "rv64i");
    assert_true(fdt_stringlist_search(tree, fdt_path_offset(tree, "/cpus/cpu@0"), "riscv,isa-extensions", "zicsr") >=
                0);
    assert_true(fdt_stringlist_search(tree, fdt_path_offset(tree, "/cpus/cpu@0"), "riscv,isa-extensions", "s") < 0);
    assert_null(text_of(tree, "/cpus/cpu@0", "riscv,cboz-block-size"));
    free(tree);

    tree = tree_of("max", config, &size);
    assert_non_null(strstr(text_of(tree, "/cpus/cpu@0", "riscv,isa"), "_zba_"));
    assert_string_equal(text_of(tree, "/cpus/cpu@0", "mmu-type"), "riscv,sv57");
    assert_non_null(text_of(tree, "/cpus/cpu@0", "riscv,cboz-block-size"));
    free(tree);

    tree = tree_of("max,-sv57", config, &size);
    assert_string_equal(text_of(tree, "/cpus/cpu@0", "mmu-type"), "riscv,sv48");
    free(tree);
}

static void tree_tells_the_kernel_what_to_boot_with(void **state)
{
    (void)state;
    size_t size;
    static const uint8_t seed[DEVICE_TREE_SEED_SIZE] = { 1 };
    struct device_tree_config config = { .cpu_count = 1,
                                         .memory_size = 1 << 20,
                                         .command_line = "quiet init=/x",
                                         .initrd_start = VIRT_RAM_BASE + 4096,
                                         .initrd_end = VIRT_RAM_BASE + 5000,
                                         .seed = seed };
    void *tree = tree_of("max", config, &size);
    int chosen = fdt_path_offset(tree, "/chosen");
    assert_string_equal(text_of(tree, "/chosen", "bootargs"), "quiet init=/x");
    const fdt64_t *end = fdt_getprop(tree, chosen, "linux,initrd-end", NULL);
    assert_int_equal(fdt64_to_cpu(*end), VIRT_RAM_BASE + 5000);
    assert_true(fdt_path_offset(tree, text_of(tree, "/chosen", "stdout-path")) >= 0);
    free(tree);

    size_t same_size;
    config.initrd_start += 1 << 19;
    config.initrd_end += 1 << 19;
    tree = tree_of("max", config, &same_size);
    assert_int_equal(same_size, size); /* the board relies on it */
    free(tree);

    tree = tree_of("max", (struct device_tree_config){ .cpu_count = 1 }, &size);
    assert_null(text_of(tree, "/chosen", "bootargs"));
    assert_null(text_of(tree, "/chosen", "linux,initrd-start"));
    assert_null(text_of(tree, "/chosen", "rng-seed"));
    free(tree);
}

/* -- HTIF -----------------------------------------------------------------------------------------------------------
 */

#define RAM UINT64_C(0x80000000)

struct host {
    struct memory *memory;
    struct htif htif;
    char printed[64];
    size_t printed_size;
    unsigned finish_count;
    uint32_t code;
};

static void host_print(void *context, const uint8_t *bytes, size_t size)
{
    struct host *host = context;
    assert_true(host->printed_size + size < sizeof host->printed);
    memcpy(host->printed + host->printed_size, bytes, size);
    host->printed_size += size;
}

static void host_finish(void *context, uint32_t code)
{
    struct host *host = context;
    host->finish_count++;
    host->code = code;
}

static void host_init(struct host *host)
{
    static struct log log;
    struct error error;
    memset(host, 0, sizeof *host);
    host->memory = memory_create(NULL);
    assert_true(memory_add_ram(host->memory, gpa(RAM), 1 << 20, "ram", &error));
    host->htif = (struct htif){ .memory = host->memory,
                                .log = &log,
                                .tohost = RAM + 0x40,
                                .fromhost = RAM + 0x48,
                                .print = host_print,
                                .finish = host_finish,
                                .context = host };
}

static void put(struct host *host, uint64_t address, uint64_t value)
{
    assert_true(memory_write(host->memory, gpa(address), &value, sizeof value));
}

static uint64_t get(struct host *host, uint64_t address)
{
    uint64_t value;
    assert_true(memory_read(host->memory, gpa(address), &value, sizeof value));
    return value;
}

static void tohost_ends_the_program_with_its_code(void **state)
{
    (void)state;
    static const struct {
        uint64_t word;
        uint32_t code;
    } cases[] = { { 1, 0 }, { 3, 1 }, { 7, 3 }, { 0x1ff, 255 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct host host;
        host_init(&host);
        assert_false(htif_poll(&host.htif)); /* 0: nothing asked */
        put(&host, RAM + 0x40, cases[i].word);
        assert_true(htif_poll(&host.htif));
        assert_int_equal(host.finish_count, 1);
        assert_int_equal(host.code, cases[i].code);
        memory_destroy(host.memory);
    }
}

static void tohost_prints_characters(void **state)
{
    (void)state;
    struct host host;
    host_init(&host);
    put(&host, RAM + 0x40, UINT64_C(1) << 56 | UINT64_C(1) << 48 | 'A');
    assert_true(htif_poll(&host.htif));
    assert_int_equal(get(&host, RAM + 0x40), 0);
    assert_false(htif_poll(&host.htif));
    assert_string_equal(host.printed, "A");
    memory_destroy(host.memory);
}

static void tohost_serves_system_calls(void **state)
{
    (void)state;
    struct host host;
    host_init(&host);
    put(&host, RAM + 0x100, 64); /* write(1, RAM + 0x200, 5) */
    put(&host, RAM + 0x108, 1);
    put(&host, RAM + 0x110, RAM + 0x200);
    put(&host, RAM + 0x118, 5);
    assert_true(memory_write(host.memory, gpa(RAM + 0x200), "hello", 5));
    put(&host, RAM + 0x40, RAM + 0x100);
    assert_true(htif_poll(&host.htif));
    assert_string_equal(host.printed, "hello");
    assert_int_equal(get(&host, RAM + 0x100), 5);
    assert_int_equal(get(&host, RAM + 0x48), 1);

    put(&host, RAM + 0x100, 64); /* of memory that is not there */
    put(&host, RAM + 0x110, 0x1000);
    put(&host, RAM + 0x40, RAM + 0x100);
    assert_true(htif_poll(&host.htif));
    assert_int_equal((int64_t)get(&host, RAM + 0x100), -14);

    put(&host, RAM + 0x100, 12345); /* a call that is not known */
    put(&host, RAM + 0x40, RAM + 0x100);
    assert_true(htif_poll(&host.htif));
    assert_int_equal((int64_t)get(&host, RAM + 0x100), -38);

    put(&host, RAM + 0x100, 93); /* exit(9) */
    put(&host, RAM + 0x108, 9);
    put(&host, RAM + 0x40, RAM + 0x100);
    assert_true(htif_poll(&host.htif));
    assert_int_equal(host.code, 9);

    put(&host, RAM + 0x40, 0x1000); /* a block that is not in memory */
    assert_true(htif_poll(&host.htif));
    put(&host, RAM + 0x40, UINT64_C(0xff) << 56); /* a device that is not there */
    assert_true(htif_poll(&host.htif));
    assert_int_equal(host.finish_count, 1);
    memory_destroy(host.memory);
}

/* -- Console share --------------------------------------------------------------------------------------------------
 */

struct terminal {
    struct console_backend backend;
    struct console_client client;
    unsigned resume_count;
};

static size_t terminal_write(void *self, const uint8_t *bytes, size_t size)
{
    (void)self, (void)bytes;
    return size;
}

static void terminal_attach(void *self, const struct console_client *client)
{
    struct terminal *terminal = self;
    terminal->client = client != NULL ? *client : (struct console_client){ 0 };
}

static void terminal_resume(void *self)
{
    ((struct terminal *)self)->resume_count++;
}

static size_t uart_receive(void *context, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)context += size;
    return size;
}

static void typing_goes_to_the_uart_until_the_firmware_reads(void **state)
{
    (void)state;
    struct terminal terminal = { 0 };
    terminal.backend = (struct console_backend){
        .self = &terminal, .write = terminal_write, .attach = terminal_attach, .resume = terminal_resume
    };
    struct console_share *share = console_share_create(&terminal.backend);
    size_t received = 0;
    struct console_client uart = { .context = &received, .receive = uart_receive };
    console_attach(console_share_front(share, CONSOLE_SHARE_UART), &uart);

    assert_int_equal(terminal.client.receive(terminal.client.context, (const uint8_t *)"ab", 2), 2);
    assert_int_equal(received, 2);

    uint8_t bytes[8];
    assert_int_equal(console_share_read(share, bytes, sizeof bytes), 0);
    assert_int_equal(terminal.client.receive(terminal.client.context, (const uint8_t *)"cde", 3), 3);
    assert_int_equal(received, 2);
    assert_int_equal(console_share_read(share, bytes, 2), 2);
    assert_memory_equal(bytes, "cd", 2);
    assert_int_equal(console_share_read(share, bytes, 2), 1);
    assert_int_equal(bytes[0], 'e');
    assert_true(terminal.resume_count > 0);

    static uint8_t much[5000];
    size_t taken = terminal.client.receive(terminal.client.context, much, sizeof much);
    assert_true(taken > 0 && taken < sizeof much); /* bounded: the rest stays with the back end */
    assert_int_equal(terminal.client.receive(terminal.client.context, much, 1), 0);

    console_attach(console_share_front(share, CONSOLE_SHARE_UART), NULL);
    assert_null(terminal.client.receive);
    console_share_destroy(share);
}

static void typing_goes_to_the_device_that_wrote_last(void **state)
{
    (void)state;
    struct terminal terminal = { 0 };
    terminal.backend = (struct console_backend){
        .self = &terminal, .write = terminal_write, .attach = terminal_attach, .resume = terminal_resume
    };
    struct console_share *share = console_share_create(&terminal.backend);
    struct console_backend *uart_front = console_share_front(share, CONSOLE_SHARE_UART);
    struct console_backend *virtio_front = console_share_front(share, CONSOLE_SHARE_VIRTIO);
    size_t uart_received = 0, virtio_received = 0;
    console_attach(uart_front, &(struct console_client){ .context = &uart_received, .receive = uart_receive });
    console_attach(virtio_front, &(struct console_client){ .context = &virtio_received, .receive = uart_receive });

    terminal.client.receive(terminal.client.context, (const uint8_t *)"a", 1);
    assert_int_equal(uart_received, 1);
    console_write(virtio_front, (const uint8_t *)"x", 1);
    terminal.client.receive(terminal.client.context, (const uint8_t *)"bc", 2);
    assert_int_equal(virtio_received, 2);
    assert_int_equal(uart_received, 1);
    console_write(uart_front, (const uint8_t *)"y", 1);
    terminal.client.receive(terminal.client.context, (const uint8_t *)"d", 1);
    assert_int_equal(uart_received, 2);

    console_attach(virtio_front, NULL);
    assert_non_null(terminal.client.receive); /* the UART is still there */
    console_attach(uart_front, NULL);
    assert_null(terminal.client.receive);
    console_share_destroy(share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_tells_of_each_hart_and_all_memory),
        cmocka_unit_test(tree_lists_the_extensions_of_the_model),
        cmocka_unit_test(tree_tells_the_kernel_what_to_boot_with),
        cmocka_unit_test(tohost_ends_the_program_with_its_code),
        cmocka_unit_test(tohost_prints_characters),
        cmocka_unit_test(tohost_serves_system_calls),
        cmocka_unit_test(typing_goes_to_the_uart_until_the_firmware_reads),
        cmocka_unit_test(typing_goes_to_the_device_that_wrote_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
