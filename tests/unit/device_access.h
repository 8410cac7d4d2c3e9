/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a device as a vCPU reaches them, for tests; an access that the device refuses fails the test. */
#ifndef RAVELIN_TESTS_DEVICE_ACCESS_H
#define RAVELIN_TESTS_DEVICE_ACCESS_H

#include "devices/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline uint64_t device_get(const struct device *device, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    assert_true(device->ops->read(device->self, offset, size, &value));
    return value;
}

static inline void device_put(const struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    assert_true(device->ops->write(device->self, offset, size, value));
}

#endif
