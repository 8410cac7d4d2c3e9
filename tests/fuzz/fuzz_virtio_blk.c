/* SPDX-License-Identifier: Apache-2.0 */
/* The image is a memfd; requests run on the device's own thread while the program goes on, or are waited for. */
#include "fuzz_virtio.h"

#include "devices/virtio/blk.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define IMAGE_SIZE 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NEXT_FLAG = 1, WRITE_FLAG = 2 };

static int image = -1;

/* A request that is right in form: header, data, status. Numbers are the input's, mostly small. */
static void put_request(struct fuzz_machine *machine, struct fuzz_input *input, bool small)
{
    static const uint32_t types[8] = { 0, 1, 4, 8, 11, 13, 0xffffffff, 1 };
    const uint64_t header = 0x8000;
    const uint64_t data = 0x9000;
    const uint64_t status = 0x8800;
    uint64_t form = fuzz_take(input, 1);
    uint32_t type = types[form % 8];
    uint64_t sector = fuzz_take(input, small ? 1 : 8);
    uint32_t unit = (form & 0x40) != 0 ? 16 : 512;
    uint32_t size = (uint32_t)fuzz_take(input, 1) % 24 * unit + ((form & 0x80) != 0 ? 1 : 0);
    memcpy(machine->ram + header, &type, 4);
    memcpy(machine->ram + header + 8, &sector, 8);
    for (unsigned i = 0; i < 3; i++) { /* ranges to clear, if that is what it is */
        uint64_t range[2] = { fuzz_take(input, small ? 1 : 8), fuzz_take(input, 1) | (form & 0x20) << 27 };
        memcpy(machine->ram + data + i * sizeof range, range, sizeof range);
    }
    uint16_t readable = NEXT_FLAG | (uint16_t)(type == 0 || type == 8 ? WRITE_FLAG : 0);
    const struct fuzz_descriptor chain[3] = {
        { FUZZ_RAM_BASE + header, 16, NEXT_FLAG, size != 0 ? 1 : 2 },
        { FUZZ_RAM_BASE + data, size, readable, 2 },
        { FUZZ_RAM_BASE + status, 1, WRITE_FLAG, 0 },
    };
    memcpy(machine->ram + fuzz_area(0), chain, sizeof chain);
    fuzz_offer_head(machine, 0, 0);
}

static void act(struct fuzz_machine *machine, struct fuzz_input *input)
{
    uint64_t what = fuzz_take(input, 1) % 8;
    if (what == 7) {
        CHECK(ftruncate(image, (off_t)fuzz_take(input, 2)) == 0); /* somebody cuts the image short */
    } else if (what < 3) {
        virtio_blk_drain(machine->device);
    } else {
        put_request(machine, input, what != 3);
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
    machine->settle = virtio_blk_drain;
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
