/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_virtio.h"

#include "devices/virtio/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A console that takes as much as it was told last. */
static struct console_client client;
static size_t room;

static size_t fake_write(void *self, const uint8_t *bytes, size_t size)
{
    (void)self;
    size_t taken = size < room ? size : room;
    for (size_t i = 0; i < taken; i++) {
        (void)*(const volatile uint8_t *)(bytes + i);
    }
    room -= taken;
    return taken;
}

static void fake_attach(void *self, const struct console_client *attached)
{
    (void)self;
    client = *attached;
}

static void fake_resume(void *self)
{
    (void)self;
}

static void act(struct fuzz_machine *machine, struct fuzz_input *input)
{
    (void)machine;
    uint8_t typed[256] = { 0 };
    uint64_t what = fuzz_take(input, 1);
    if ((what & 1) != 0) {
        room = fuzz_take(input, 2);
        client.writable(client.context);
    } else {
        size_t taken = client.receive(client.context, typed, what);
        CHECK(taken <= what);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_machine machine;
    static struct console_backend console = { NULL, fake_write, fake_attach, fake_resume, NULL, NULL };
    if (machine.device == NULL) {
        const struct virtio_wiring wiring = fuzz_machine_init(&machine);
        machine.device = virtio_console_create(&wiring, &console);
        machine.queue_count = 2;
    }
    room = 100;
    fuzz_run(&machine, data, size, act);
    return 0;
}
