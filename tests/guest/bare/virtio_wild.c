/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver out of its mind: every virtio slot gets queues, rings and descriptors made at random, some right, most
 * wrong, and is kicked, reset and kicked again while another hart scribbles over the rings. Addresses are in a
 * playground, in devices, in holes, at the ends of memory, or wrap round; never in this program. That lies in the 16
 * MiB at 0x80000000, and all addresses elsewhere: whichever byte of one is scribbled over, it leads there only if the
 * byte becomes 0x80, which is not written.
 */
#include "bare.h"

#define END        (RAM + UINT64_C(0x2000000)) /* --memory 32M */
#define PLAYGROUND (RAM + UINT64_C(0x1400000))
#define PLAY_SIZE  UINT64_C(0x400000)
#define RINGS      PLAYGROUND /* three pages a queue, two queues a slot */
#define ROUNDS     1500u

static uint64_t random_state = SEED * UINT64_C(0x9e3779b97f4a7c15) | 1;

static uint64_t chance(uint64_t range)
{
    return bare_random(&random_state) >> 20 & UINT32_MAX & (range - 1); /* range: a power of two */
}

static uint64_t wild_address(void)
{
    static const uint64_t odd[] = {
        0,   1,       0x100000, 0x10000000, 0x10001050,        0xc200004,         0x7ffffff0,
        END, END - 1, END - 16, UINT64_MAX, UINT64_MAX - 4095, UINT64_C(1) << 63, UINT64_C(0x100000000)
    };
    if (chance(8) != 0) {
        return PLAYGROUND + chance(PLAY_SIZE);
    }
    return odd[bare_random(&random_state) % (sizeof odd / sizeof odd[0])];
}

static uint32_t wild_length(void)
{
    static const uint32_t odd[] = { 0, 1, 15, 16, 17, 512, 4096, 65536, 0x400000, 0x7fffffff, UINT32_MAX };
    return chance(4) != 0 ? (uint32_t)chance(2048) : odd[bare_random(&random_state) % (sizeof odd / sizeof odd[0])];
}

static uint64_t ring(unsigned slot, unsigned queue, unsigned part)
{
    return RINGS + ((slot * 2 + queue) * 3 + part) * UINT64_C(4096);
}

static void write_descriptors(uint64_t at, unsigned count, unsigned size)
{
    for (unsigned i = 0; i < count; i++) {
        store(at + i * 16, 8, wild_address());
        store(at + i * 16 + 8, 4, wild_length());
        store(at + i * 16 + 12, 2,
              chance(64) == 0 ? bare_random(&random_state) : chance(2) | chance(2) << 1 | (chance(8) == 0 ? 4 : 0));
        store(at + i * 16 + 14, 2,
              chance(8) == 0 ? bare_random(&random_state) : (i + 1 + chance(2)) % (size != 0 ? size : 1));
    }
}

/* A block request as it should be, so that the disk's own code is reached: header, data, status. */
static void write_request(uint64_t at)
{
    uint64_t header = PLAYGROUND + PLAY_SIZE - 4096;
    static const uint32_t types[] = { 0, 1, 4, 8, 11, 13, 2, 99 };
    store(header, 4, types[chance(8)]);
    store(header + 4, 4, bare_random(&random_state));
    store(header + 8, 8, chance(4) != 0 ? chance(4096) : bare_random(&random_state));
    uint64_t lengths[3] = { 16, chance(4) != 0 ? 512 * chance(16) : wild_length(), 1 };
    uint64_t places[3] = { header, wild_address(), header + 64 };
    for (unsigned i = 0; i < 3; i++) {
        store(at + i * 16, 8, places[i]);
        store(at + i * 16 + 8, 4, lengths[i]);
        store(at + i * 16 + 12, 2, (i < 2 ? 1u : 0u) | (i == 2 ? 2u : 0u) | (i == 1 ? 2 * chance(2) : 0));
        store(at + i * 16 + 14, 2, i + 1);
    }
}

static uint32_t good_size(void)
{
    return 1u << chance(8);
}

static void set_up_queue(uint64_t base, unsigned slot, unsigned queue)
{
    uint32_t size = chance(8) != 0 ? good_size() : (uint32_t)bare_random(&random_state);
    store(base + 0x30, 4, chance(32) != 0 ? queue : bare_random(&random_state));
    store(base + 0x38, 4, size);
    static const unsigned registers[3] = { 0x80, 0x90, 0xa0 };
    for (unsigned part = 0; part < 3; part++) {
        uint64_t place = chance(16) != 0 ? ring(slot, queue, part) : wild_address();
        store(base + registers[part], 4, place & UINT32_MAX);
        store(base + registers[part] + 4, 4, place >> 32);
    }
    store(base + 0x44, 4, 1);
    write_descriptors(ring(slot, queue, 0), 256, size);
    for (unsigned i = 2; i < 300; i++) {
        store(ring(slot, queue, 1) + 2 * i, 2,
              chance(16) != 0 ? chance(4) * 3 % (size != 0 ? size : 1) : bare_random(&random_state));
    }
    if (chance(2) != 0) {
        write_request(ring(slot, queue, 0));
        store(ring(slot, queue, 1) + 4, 2, 0);
    }
    store(ring(slot, queue, 1), 2, chance(2));
    store(ring(slot, queue, 1) + 2, 2, chance(32) != 0 ? chance(4) : bare_random(&random_state));
}

static void abuse(unsigned slot)
{
    uint64_t base = VIRTIO + slot * UINT64_C(0x1000);
    if (chance(2) != 0) {
        store(base + 0x70, 4, 0);
    }
    store(base + 0x70, 4, 3);
    store(base + 0x24, 4, 1);
    store(base + 0x20, 4, 1);
    store(base + 0x24, 4, 0);
    store(base + 0x14, 4, 0);
    uint64_t offered = load(base + 0x10, 4);
    store(base + 0x20, 4, chance(8) != 0 ? offered & bare_random(&random_state) : bare_random(&random_state));
    store(base + 0x70, 4, 11);
    for (unsigned queue = 0; queue < 2; queue++) {
        set_up_queue(base, slot, queue);
    }
    store(base + 0x70, 4, 15);
    for (unsigned i = 0; i < 4; i++) {
        store(base + 0x50, 4, chance(32) != 0 ? chance(2) : bare_random(&random_state));
        store(ring(slot, chance(2), 1) + 2, 2, bare_random(&random_state));
    }
    store(base + 0x64, 4, load(base + 0x60, 4));
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)argument;
    if (hart != 0) { /* no order, no locks: that is the point */
        uint64_t state = hart * 12345;
        for (;;) {
            uint64_t at = RINGS + (bare_random(&state) >> 8) % (48 * 4096);
            uint8_t byte = (uint8_t)bare_random(&state);
            *(volatile uint8_t *)at = byte != RAM >> 24 ? byte : 0;
            bare_pause();
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        abuse((unsigned)(chance(16) != 0 ? chance(4) % 3 : chance(8))); /* disk, card, entropy; sometimes nothing */
    }
    for (unsigned slot = 0; slot < 8; slot++) { /* a reset heals every one */
        uint64_t base = VIRTIO + slot * UINT64_C(0x1000);
        store(base + 0x70, 4, 0);
        expect(load(base + 0x70, 4) == 0);
        expect(load(base, 4) == 0x74726976);
        expect(load(base + 0x60, 4) == 0);
    }
    expect(me->exceptions == 0);
    return 0;
}
