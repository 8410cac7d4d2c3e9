/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_virtio.h"

#include "devices/virtio/entropy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_machine machine;
    if (machine.device == NULL) {
        const struct virtio_wiring wiring = fuzz_machine_init(&machine);
        machine.device = virtio_entropy_create(&wiring);
        machine.queue_count = 1;
    }
    fuzz_run(&machine, data, size, NULL);
    return 0;
}
