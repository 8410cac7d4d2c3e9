/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/finisher.h"

#include "core/check.h"

#include <stdlib.h>

/* The lower half of the register's value; SiFive test device, as in the device tree bindings of syscon-poweroff and
 * syscon-reboot. */
enum {
    FINISHER_WORD_FAIL = 0x3333,
    FINISHER_WORD_PASS = 0x5555,
    FINISHER_WORD_RESET = 0x7777,
};

struct finisher {
    struct device base;
    void (*finish)(void *context, enum finisher_event event, unsigned code);
    void *context;
    struct log *log;
};

static bool finisher_read(void *self, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)self, (void)offset, (void)size;
    *value = 0; /* syscon does read-modify-write */
    return true;
}

static bool finisher_write(void *self, uint64_t offset, unsigned size, uint64_t value)
{
    struct finisher *finisher = self;
    if (offset == 0) {
        switch (value & 0xffff) {
        case FINISHER_WORD_PASS: finisher->finish(finisher->context, FINISHER_PASS, 0); return true;
        case FINISHER_WORD_FAIL:
            finisher->finish(finisher->context, FINISHER_FAIL, (unsigned)(value >> 16) & 0xffff);
            return true;
        case FINISHER_WORD_RESET: finisher->finish(finisher->context, FINISHER_RESET, 0); return true;
        default: break;
        }
    }
    log_guest(finisher->log, "finisher: write of 0x%llx (%u bytes) at 0x%llx means nothing", (unsigned long long)value,
              size, (unsigned long long)offset);
    return true;
}

static void finisher_reset(void *self)
{
    (void)self; /* no state */
}

static const struct memory_device_ops finisher_ops = { .read = finisher_read, .write = finisher_write };

struct device *finisher_create(void (*finish)(void *context, enum finisher_event event, unsigned code), void *context,
                               struct log *log)
{
    struct finisher *finisher = check_alloc(sizeof *finisher);
    *finisher = (struct finisher){
        .base = {
            .name = "finisher",
            .size = FINISHER_SIZE,
            .ops = &finisher_ops,
            .self = finisher,
            .reset = finisher_reset,
            .destroy = free,
        },
        .finish = finish,
        .context = context,
        .log = log,
    };
    return &finisher->base;
}
