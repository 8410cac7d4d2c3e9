/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is asked for (command line, extensions, counts, places), the device tree that comes out is well-formed and
 * says it.
 */
#include "board/device_tree.h"
#include "board/virt_map.h"
#include "core/check.h"
#include "riscv_state.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t numbers[5] = { 0 };
    size_t head = size < sizeof numbers ? size : sizeof numbers;
    memcpy(numbers, data, head);
    size_t text_size = size - head < DEVICE_TREE_COMMAND_LINE ? size - head : DEVICE_TREE_COMMAND_LINE;
    char *text = check_alloc(text_size + 1);
    memcpy(text, data + head, text_size);

    struct riscv_features features = { { numbers[0], numbers[1] } };
    static const uint8_t seed[DEVICE_TREE_SEED_SIZE];
    struct device_tree_config config = {
        .features = &features,
        .cpu_count = 1 + (unsigned)(numbers[2] % VIRT_CPU_COUNT_MAX),
        .memory_size = numbers[3],
        .command_line = (numbers[2] >> 8 & 1) != 0 ? text : NULL,
        .initrd_start = numbers[3],
        .initrd_end = numbers[4],
        .seed = (numbers[2] >> 9 & 1) != 0 ? seed : NULL,
    };
    size_t tree_size;
    void *tree = device_tree_create(&config, &tree_size);
    CHECK(tree_size % 8 == 0 && fdt_check_full(tree, tree_size) == 0);
    int chosen = fdt_path_offset(tree, "/chosen");
    CHECK(chosen >= 0);
    const char *arguments = fdt_getprop(tree, chosen, "bootargs", NULL);
    CHECK((arguments != NULL) == (config.command_line != NULL));
    CHECK(arguments == NULL || strcmp(arguments, text) == 0);
    free(tree);
    free(text);
    return 0;
}
