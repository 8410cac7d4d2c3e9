/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a frame: the guard reads only what is there, and what it lets through, it lets through again. */
#include "core/check.h"
#include "devices/frame_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t passed = frame_guard_size(data, size);
    CHECK(passed <= size);
    CHECK(passed == 0 || frame_guard_size(data, passed) == passed);
    return 0;
}
