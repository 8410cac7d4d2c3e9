/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/aclint.h"

#include "core/check.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MSIP = 0x0,
    MTIMECMP = 0x4000,
    MTIME = 0xbff8,
};

struct aclint_hart_state {
    uint64_t timer_compare;
    uint32_t software; /* msip, 0 or 1 */
};

struct aclint {
    struct device base;
    struct aclint_harts harts;
    struct log *log;
    pthread_mutex_t lock; /* guards state */
    struct aclint_hart_state state[];
};

/* Which register an access goes to; 64-bit registers may be reached by halves. */
struct place {
    enum { NOTHING, SOFTWARE, COMPARE, TIME } kind;
    unsigned hart;
    bool upper; /* of a 4-byte access: the upper half */
};

static struct place decode(const struct aclint *aclint, uint64_t offset, unsigned size)
{
    struct place place = { .kind = NOTHING, .upper = size == 4 && (offset & 4) != 0 };
    if (size != 4 && size != 8) {
        return place;
    }
    if (offset >= MTIME) {
        place.kind = offset < MTIME + 8 ? TIME : NOTHING;
    } else if (offset >= MTIMECMP) {
        place.hart = (unsigned)(offset - MTIMECMP) / 8;
        place.kind = place.hart < aclint->harts.count ? COMPARE : NOTHING;
    } else if (size == 4) {
        place.hart = (unsigned)(offset - MSIP) / 4;
        place.kind = place.hart < aclint->harts.count ? SOFTWARE : NOTHING;
    }
    return place;
}

static uint64_t part_of(uint64_t whole, struct place place, unsigned size)
{
    if (size == 8) {
        return whole;
    }
    return place.upper ? whole >> 32 : whole & UINT32_MAX;
}

static uint64_t with_part(uint64_t whole, struct place place, unsigned size, uint64_t value)
{
    if (size == 8) {
        return value;
    }
    if (place.upper) {
        return (whole & UINT32_MAX) | value << 32;
    }
    return (whole & ~(uint64_t)UINT32_MAX) | (value & UINT32_MAX);
}

static bool aclint_read(void *self, uint64_t offset, unsigned size, uint64_t *value)
{
    struct aclint *aclint = self;
    struct place place = decode(aclint, offset, size);
    switch (place.kind) {
    case TIME: *value = part_of(aclint->harts.read_time(aclint->harts.context), place, size); return true;
    case SOFTWARE:
    case COMPARE: {
        pthread_mutex_lock(&aclint->lock);
        const struct aclint_hart_state *hart = &aclint->state[place.hart];
        *value = place.kind == SOFTWARE ? hart->software : part_of(hart->timer_compare, place, size);
        pthread_mutex_unlock(&aclint->lock);
        return true;
    }
    case NOTHING: break;
    }
    log_guest(aclint->log, "aclint: read of %u bytes at 0x%llx: no such register", size, (unsigned long long)offset);
    *value = 0;
    return true;
}

static void write_register(struct aclint *aclint, struct place place, unsigned size, uint64_t value)
{
    const struct aclint_harts *harts = &aclint->harts;
    struct aclint_hart_state *hart = &aclint->state[place.hart];
    switch (place.kind) {
    case TIME:
        harts->write_time(harts->context, with_part(harts->read_time(harts->context), place, size, value));
        break;
    case SOFTWARE:
        hart->software = value & 1;
        harts->set_software_interrupt(harts->context, place.hart, hart->software != 0);
        break;
    case COMPARE:
        hart->timer_compare = with_part(hart->timer_compare, place, size, value);
        harts->set_timer_compare(harts->context, place.hart, hart->timer_compare);
        break;
    case NOTHING: break;
    }
}

static bool aclint_write(void *self, uint64_t offset, unsigned size, uint64_t value)
{
    struct aclint *aclint = self;
    struct place place = decode(aclint, offset, size);
    if (place.kind == NOTHING) {
        log_guest(aclint->log, "aclint: write of %u bytes at 0x%llx: no such register", size,
                  (unsigned long long)offset);
        return true;
    }
    pthread_mutex_lock(&aclint->lock);
    write_register(aclint, place, size, value);
    pthread_mutex_unlock(&aclint->lock);
    return true;
}

static void aclint_reset(void *self)
{
    struct aclint *aclint = self;
    pthread_mutex_lock(&aclint->lock);
    for (unsigned hart = 0; hart < aclint->harts.count; hart++) {
        aclint->state[hart] = (struct aclint_hart_state){ .timer_compare = UINT64_MAX };
        aclint->harts.set_software_interrupt(aclint->harts.context, hart, false);
        aclint->harts.set_timer_compare(aclint->harts.context, hart, UINT64_MAX);
    }
    pthread_mutex_unlock(&aclint->lock);
}

static void aclint_destroy(void *self)
{
    struct aclint *aclint = self;
    pthread_mutex_destroy(&aclint->lock);
    free(aclint);
}

static const struct memory_device_ops aclint_ops = { .read = aclint_read, .write = aclint_write };

struct device *aclint_create(const struct aclint_harts *harts, struct log *log)
{
    CHECK(harts->count >= 1 && harts->count <= ACLINT_HART_MAX);
    struct aclint *aclint = check_alloc(sizeof *aclint + harts->count * sizeof aclint->state[0]);
    aclint->base = (struct device){
        .name = "aclint",
        .size = ACLINT_SIZE,
        .ops = &aclint_ops,
        .self = aclint,
        .reset = aclint_reset,
        .destroy = aclint_destroy,
    };
    aclint->harts = *harts;
    aclint->log = log;
    pthread_mutex_init(&aclint->lock, NULL);
    aclint_reset(aclint);
    return &aclint->base;
}
