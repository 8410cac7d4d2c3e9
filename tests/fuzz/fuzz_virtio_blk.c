/* SPDX-License-Identifier: Apache-2.0 */
/* The image is a memfd; requests run on the device's own thread while the program goes on, or are waited for. */
#include "fuzz_virtio.h"

#include "devices/virtio/blk.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define IMAGE_SIZE 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int image = -1;

static void act(struct fuzz_machine *machine, struct fuzz_input *input)
{
    uint64_t what = fuzz_take(input, 1);
    if (what % 8 == 7) {
        CHECK(ftruncate(image, (off_t)fuzz_take(input, 2)) == 0); /* somebody cuts the image short */
    } else if (what % 8 < 4) {
        virtio_blk_drain(machine->device);
    } else { /* a request header */
        uint64_t offset = fuzz_take(input, 2) % (FUZZ_RAM_SIZE - 16);
        uint32_t type = (uint32_t)fuzz_take(input, 1) % 16;
        uint64_t sector = fuzz_take(input, what % 8 == 4 ? 8 : 1);
        memcpy(machine->ram + offset, &type, 4);
        memcpy(machine->ram + offset + 8, &sector, 8);
    }
}

static void create(struct fuzz_machine *machine)
{
    char path[64];
    struct error error;
    const struct virtio_wiring wiring = fuzz_machine_init(machine);
    image = memfd_create("image", MFD_CLOEXEC);
    CHECK(image >= 0 && ftruncate(image, IMAGE_SIZE) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", image);
    const struct virtio_blk_config config = { .path = path };
    machine->device = virtio_blk_create(&wiring, &config, &error);
    CHECK(machine->device != NULL);
    machine->queue_count = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_machine machine;
    if (machine.device == NULL) {
        create(&machine);
    }
    CHECK(ftruncate(image, IMAGE_SIZE) == 0);
    fuzz_run(&machine, data, size, act);
    return 0;
}
