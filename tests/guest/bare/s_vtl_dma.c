/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices have level 0's rights (docs/reference/trust-levels.md, section 5): a disk neither reads nor writes a page
 * that level 1 denies to level 0, be it data, a request, a ring or a status; and when a right was taken, transfers
 * under it have ended. Needs --trust-levels 2, two harts, a disk.
 */
#include "vtl.h"

#define SECTORS 8u /* of a page */
#define PATTERN UINT64_C(0x5ec2e75a5ec2e75a)
#define QUEUE   4u

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

struct request {
    uint32_t type, unused;
    uint64_t sector;
};

/* Everything that the device touches has a page of its own. */
static struct descriptor descriptors[QUEUE] __attribute__((aligned(4096)));
static struct {
    uint16_t flags, index, ring[QUEUE];
} available __attribute__((aligned(4096)));
static struct {
    volatile uint16_t flags, index;
    uint32_t ring[2 * QUEUE];
} used __attribute__((aligned(4096)));
static struct request request __attribute__((aligned(4096)));
static volatile uint8_t status[PAGE] __attribute__((aligned(4096)));
static volatile uint64_t data[3 * 512] __attribute__((aligned(4096)));
static volatile uint64_t other[512] __attribute__((aligned(4096)));

static void set_address(unsigned offset, const volatile void *place)
{
    store(VIRTIO + offset, 4, (uint64_t)place & UINT32_MAX);
    store(VIRTIO + offset + 4, 4, (uint64_t)place >> 32);
}

static void start(void)
{
    store(VIRTIO + 0x70, 4, 0);
    memset(descriptors, 0, sizeof descriptors);
    memset(&available, 0, sizeof available);
    memset((void *)&used, 0, sizeof used);
    store(VIRTIO + 0x70, 4, 3);
    store(VIRTIO + 0x24, 4, 0);
    store(VIRTIO + 0x20, 4, 0);
    store(VIRTIO + 0x24, 4, 1);
    store(VIRTIO + 0x20, 4, 1);
    store(VIRTIO + 0x70, 4, 11);
    store(VIRTIO + 0x30, 4, 0);
    store(VIRTIO + 0x38, 4, QUEUE);
    set_address(0x80, descriptors);
    set_address(0x90, &available);
    set_address(0xa0, &used);
    store(VIRTIO + 0x44, 4, 1);
    store(VIRTIO + 0x70, 4, 15);
}

/* The device may look from here on, told or not. */
static void publish(void)
{
    __asm__ volatile("fence" ::: "memory");
    available.index++;
    __asm__ volatile("fence" ::: "memory");
}

static void prepare(uint32_t type, uint64_t sector, volatile void *buffer, uint32_t size)
{
    request.type = type;
    request.sector = sector;
    status[0] = 0xff;
    descriptors[0] = (struct descriptor){ (uint64_t)&request, 16, 1, 1 };
    descriptors[1] = (struct descriptor){ (uint64_t)buffer, size, type == 0 ? 3 : 1, 2 };
    descriptors[2] = (struct descriptor){ (uint64_t)status, 1, 2, 0 };
    available.ring[available.index % QUEUE] = 0;
}

static void submit(uint32_t type, uint64_t sector, volatile void *buffer, uint32_t size)
{
    prepare(type, sector, buffer, size);
    publish();
}

/* Until it is done, the device has given up, or so long that nothing will come. */
static void notify(uint16_t before)
{
    store(VIRTIO + 0x50, 4, 0);
    uint64_t end = csr_read(time) + 100000000;
    while (used.index == before && (load(VIRTIO + 0x70, 4) & 0x40) == 0 && csr_read(time) < end) {
        bare_pause();
    }
    __asm__ volatile("fence" ::: "memory");
}

enum { IN = 0, OUT = 1 };

/* True: the device says that it was done. */
static bool transfer(uint32_t type, uint64_t sector, volatile void *buffer, uint32_t size)
{
    uint16_t before = used.index;
    submit(type, sector, buffer, size);
    notify(before);
    return used.index != before && status[0] == 0;
}

/* ---- Level 1 ---------------------------------------------------------------------------------------------------- */

static struct {
    uint64_t address, flags;
} change;

static uint64_t protect(uint64_t argument)
{
    (void)argument;
    return vtl_protect((uint32_t)change.flags, change.address);
}

static void set(const volatile void *page, uint64_t flags)
{
    change.address = (uint64_t)page;
    change.flags = flags;
    expect(vtl_at(protect, 0) == OK);
}

/* Level 1 makes the request available when the right is gone: level 0 could not write to the ring then. */
static uint64_t take_and_publish(uint64_t argument)
{
    expect(protect(argument) == OK);
    publish();
    return 0;
}

static uint64_t turn_on(uint64_t argument)
{
    (void)argument;
    vtl_protections_on(0);
    return 0;
}

static void fill(volatile uint64_t *page, uint64_t value)
{
    for (unsigned i = 0; i < 512; i++) {
        page[i] = value + i;
    }
}

static unsigned count(volatile uint64_t *page, uint64_t value)
{
    unsigned found = 0;
    for (unsigned i = 0; i < 512; i++) {
        found += page[i] == value + i;
    }
    return found;
}

static uint64_t count_data(uint64_t value)
{
    return count(data, value);
}

static uint64_t fill_data(uint64_t value)
{
    fill(data, value);
    return 0;
}

/* ---- What a device may not touch -------------------------------------------------------------------------------- */

static void usual(void)
{
    fill(data, PATTERN);
    rule("the disk is written", transfer(OUT, 0, data, PAGE));
    fill(data, 0);
    rule("and read", transfer(IN, 0, data, PAGE) && count(data, PATTERN) == 512);
}

static void written_pages(void)
{
    static const uint8_t without_w[] = { 0, VR, VR | VKX };
    for (unsigned i = 0; i < sizeof without_w; i++) {
        fill(data, 1000);
        set(data, without_w[i]);
        note_is(transfer(IN, 0, data, PAGE), 0, i);
        note_is(vtl_at(count_data, 1000), 512, i | 0x10);
        set(data, VALL);
        start();
    }
    rule_noted("a disk does not write to a page without W");
    fill(data, 1000);
    fill(data + 512, 2000);
    set(data + 512, VR);
    note_is(transfer(IN, 0, data, 2 * PAGE), 0, 0);
    note_is(count(data + 512, 2000), 512, 1);
    set(data + 512, VALL);
    start();
    note_is(transfer(IN, 0, data, PAGE), 1, 2);
    rule_noted("nor if another page of the buffer could be written");
}

/* An overlay page of level 0 is for level 0's own eyes. */
static void covered_pages(void)
{
    fill(data, 1000);
    rule_is("level 0 covers the buffer", vtl_write(NAME_ASSIST, (uint64_t)data | 1), OK);
    fill(data, 2000);
    note_is(transfer(IN, 0, data, PAGE), 1, 0);
    note_is(count(data, 2000), 512, 1);
    note_is(transfer(OUT, 0, data, PAGE), 1, 2);
    note_is(vtl_write(NAME_ASSIST, 0), OK, 3);
    note_is(count(data, PATTERN), 512, 4);
    fill(data, 0);
    note_is(transfer(IN, 0, data, PAGE), 1, 5);
    note_is(count(data, PATTERN), 512, 6);
    rule_noted("a disk reads and writes what is below an overlay page");
}

static void read_pages(void)
{
    fill(other, 5000);
    expect(transfer(OUT, 16, other, PAGE) && transfer(OUT, 24, other, PAGE));
    set(data, 0);
    vtl_at(fill_data, PATTERN + 7777);
    note_is(transfer(OUT, 16, data, PAGE), 0, 0);
    start();
    note_is(transfer(OUT, 16, (volatile uint8_t *)data - PAGE / 2, PAGE), 0, 1);
    start();
    set(data, VALL);
    fill(other, 0);
    note_is(transfer(IN, 16, other, PAGE), 1, 2);
    unsigned leaked = 0;
    for (unsigned i = 0; i < 512; i++) {
        leaked += other[i] >= PATTERN && other[i] < PATTERN + 10000;
    }
    note_is(leaked, 0, 3);
    rule_noted("a page without R does not get to the disk");
}

static void rings(void)
{
    const volatile void *read[] = { descriptors, &available, &request };
    for (unsigned i = 0; i < 3; i++) {
        fill(data, 1000);
        prepare(IN, 0, data, PAGE);
        change.address = (uint64_t)read[i];
        change.flags = 0;
        vtl_at(take_and_publish, 0);
        notify(used.index);
        set(read[i], VALL);
        note_is(status[0] != 0, 1, i); /* nothing, or an error */
        note_is(count(data, 1000), 512, i | 0x10);
        start();
    }
    rule_noted("descriptors, rings and requests without R are not read");
    set(&used, VR);
    submit(IN, 0, data, PAGE);
    notify(0);
    note_is(used.index, 0, 0);
    set(&used, VALL);
    start();
    status[0] = 0x77;
    set(status, VR);
    uint64_t before = me->exceptions;
    submit(IN, 0, data, PAGE); /* its own store to the status is refused, too */
    notify(0);
    note_is(me->exceptions, before + 1, 1);
    note_is(status[0], 0x77, 2);
    set(status, VALL);
    start();
    rule_noted("a used ring or a status without W is not written");
    rule("afterwards it works as before", transfer(IN, 0, data, PAGE) && count(data, PATTERN) == 512);
}

/* ---- Taken meanwhile -------------------------------------------------------------------------------------------- */

#define RACE_LEAST UINT64_C(20000000)  /* 2 s */
#define RACE_MOST  UINT64_C(600000000) /* 60 s, on a host that runs the two harts in turns */
static volatile uint64_t ready, over, broken, changes, done, refused;

static bool enough(void)
{
    return done > 20 && changes > 20 && refused > 5;
}

static uint64_t take_and_look(uint64_t begun)
{
    uint64_t state = SEED * 77 + 1;
    while (csr_read(time) < begun + (enough() ? RACE_LEAST : RACE_MOST)) {
        expect(vtl_protect(VR, (uint64_t)data) == OK);
        uint64_t sum = 0, again = 0;
        for (unsigned i = 0; i < 512; i++) {
            sum += data[i];
        }
        for (uint64_t i = bare_random(&state) % 20000; i > 0; i--) {
            __asm__ volatile("" ::: "memory");
        }
        for (unsigned i = 0; i < 512; i++) {
            again += data[i];
        }
        broken += sum != again;
        changes++;
        expect(vtl_protect(VALL, (uint64_t)data) == OK);
        for (uint64_t i = bare_random(&state) % 60000; i > 0; i--) {
            __asm__ volatile("" ::: "memory");
        }
    }
    over = 1;
    return 0;
}

static uint64_t begin(uint64_t argument)
{
    vtl_begin();
    return argument;
}

static uint64_t enable_other(uint64_t argument)
{
    (void)argument;
    struct vtl_context context = vtl_usual_context(1, 1);
    return vtl_enable_vp(1, 1, &context);
}

static void race(void)
{
    fill(other, 9000);
    expect(transfer(OUT, 32, other, PAGE) && transfer(OUT, 40, other + 0, PAGE));
    fill(other, 19000);
    expect(transfer(OUT, 40, other, PAGE));
    ready = 1;
    while (over == 0) {
        if (transfer(IN, done % 2 == 0 ? 32 : 40, data, PAGE)) {
            done++;
        } else {
            refused++;
            start();
        }
    }
    rule("transfers were done, rights taken, transfers refused", enough());
    rule_is("and none wrote to the page after W was taken", broken, 0);
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart != 0) {
        while (ready == 0) {
            bare_pause();
        }
        vtl_at(begin, 0);
        vtl_at(take_and_look, csr_read(time));
        for (;;) {
            bare_pause();
        }
    }
    vtl_begin();
    bare_start_harts(HARTS);
    vtl_raise(1, 0);
    expect(vtl_at(enable_other, 0) == OK);
    vtl_at(turn_on, 0);
    start();
    usual();
    written_pages();
    covered_pages();
    read_pages();
    rings();
    race();
    return rule_end();
}
