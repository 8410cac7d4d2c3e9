/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_virtio.h"

#include "devices/virtio/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct net_client client;

static void fake_attach(void *self, const struct net_client *attached)
{
    (void)self;
    client = *attached;
}

static void fake_wake(void *self)
{
    (void)self;
}

static void act(struct fuzz_machine *machine, struct fuzz_input *input)
{
    (void)machine;
    uint64_t what = fuzz_take(input, 1);
    size_t size = fuzz_take(input, 2);
    uint8_t *frame = check_alloc(size + 1); /* exactly what the card may use: an overrun is seen */
    if ((what & 1) != 0) {
        CHECK(client.next_frame(client.context, frame, size) <= size);
    } else {
        client.receive(client.context, frame, size % 2000);
    }
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_machine machine;
    static struct net_backend net = { NULL, fake_attach, fake_wake, NULL };
    if (machine.device == NULL) {
        const struct virtio_wiring wiring = fuzz_machine_init(&machine);
        const struct virtio_net_config config = { { 0 } };
        machine.device = virtio_net_create(&wiring, &config, &net);
        machine.queue_count = 2;
    }
    fuzz_run(&machine, data, size, act);
    return 0;
}
