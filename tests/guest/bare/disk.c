/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk driver that does what it is told, a line at a time on the serial port, and answers with a line:
 *
 *     w SLOT SECTOR COUNT SEED   write sectors of a pattern     w STATUS
 *     r SLOT SECTOR COUNT SEED   read and compare               r STATUS same|zero|other
 *     f SLOT                     flush                          f STATUS
 *     d SLOT SECTOR COUNT        discard                        d STATUS
 *     z SLOT SECTOR COUNT        write zeroes                   z STATUS
 *     c SLOT                     capacity                       c SECTORS
 *     q                          power off
 *
 * Numbers are decimal, answers hexadecimal; STATUS is the device's: 0 done, 1 error, 2 unsupported, 0xff none came.
 */
#include "bare.h"

#define SECTOR_MAX 64u /* of one command */
#define SLOT_COUNT 4u

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

static struct {
    struct descriptor descriptors[4] __attribute__((aligned(16)));
    uint8_t unused[64];
    struct {
        uint16_t flags, index, ring[4];
    } available;
    uint8_t unused_too[64];
    struct {
        volatile uint16_t flags, index;
        uint32_t ring[8];
    } used __attribute__((aligned(4)));
} queues[SLOT_COUNT] __attribute__((aligned(4096)));

static bool ready[SLOT_COUNT];
static uint8_t data[SECTOR_MAX * 512] __attribute__((aligned(16)));
static uint64_t random_state;

static uint64_t base_of(unsigned slot)
{
    return VIRTIO + slot * UINT64_C(0x1000);
}

static void set_address(uint64_t base, unsigned offset, const volatile void *place)
{
    store(base + offset, 4, (uint64_t)place & UINT32_MAX);
    store(base + offset + 4, 4, (uint64_t)place >> 32);
}

static void start(unsigned slot)
{
    uint64_t base = base_of(slot);
    store(base + 0x70, 4, 0);
    store(base + 0x70, 4, 3);
    store(base + 0x14, 4, 0);
    uint64_t features = load(base + 0x10, 4) & (1u << 9 | 1u << 13 | 1u << 14); /* flush, discard, write zeroes */
    store(base + 0x24, 4, 0);
    store(base + 0x20, 4, features);
    store(base + 0x24, 4, 1);
    store(base + 0x20, 4, 1);
    store(base + 0x70, 4, 11);
    store(base + 0x30, 4, 0);
    store(base + 0x38, 4, 4);
    set_address(base, 0x80, queues[slot].descriptors);
    set_address(base, 0x90, &queues[slot].available);
    set_address(base, 0xa0, &queues[slot].used);
    store(base + 0x44, 4, 1);
    store(base + 0x70, 4, 15);
    ready[slot] = true;
}

/* One request with data to or from the device. */
static unsigned request(unsigned slot, uint32_t type, uint64_t sector, uint32_t size, bool from_device)
{
    static struct {
        uint32_t type, unused;
        uint64_t sector;
    } header;
    static volatile uint8_t status;
    if (!ready[slot]) {
        start(slot);
    }
    header.type = type;
    header.sector = sector;
    status = 0xff;
    struct descriptor *descriptors = queues[slot].descriptors;
    descriptors[0] = (struct descriptor){ (uint64_t)&header, 16, 1, size != 0 ? 1 : 2 };
    descriptors[1] = (struct descriptor){ (uint64_t)data, size, from_device ? 3 : 1, 2 };
    descriptors[2] = (struct descriptor){ (uint64_t)&status, 1, 2, 0 };
    queues[slot].available.ring[queues[slot].available.index % 4] = 0;
    __asm__ volatile("fence" ::: "memory");
    uint16_t before = queues[slot].used.index;
    queues[slot].available.index++;
    __asm__ volatile("fence" ::: "memory");
    store(base_of(slot) + 0x50, 4, 0);
    while (queues[slot].used.index == before) {
        bare_pause();
    }
    __asm__ volatile("fence" ::: "memory");
    return status;
}

static void fill(uint64_t sector, uint64_t count, uint64_t seed)
{
    for (uint64_t i = 0; i < count * 64; i++) {
        random_state = (sector + i / 64 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed << 32 ^ i % 64;
        ((uint64_t *)data)[i] = bare_random(&random_state);
    }
}

static const char *compare(uint64_t sector, uint64_t count, uint64_t seed)
{
    bool same = true, zero = true;
    for (uint64_t i = 0; i < count * 64; i++) {
        random_state = (sector + i / 64 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed << 32 ^ i % 64;
        uint64_t is = ((uint64_t *)data)[i];
        same = same && is == bare_random(&random_state);
        zero = zero && is == 0;
    }
    return same ? " same" : zero ? " zero" : " other";
}

static unsigned clear(unsigned slot, uint32_t type, uint64_t sector, uint64_t count)
{
    uint64_t *range = (uint64_t *)data;
    range[0] = sector;
    range[1] = count;
    return request(slot, type, 0, 16, false);
}

static char read_char(void)
{
    while ((load(UART + 5, 1) & 1) == 0) {
        bare_pause();
    }
    return (char)load(UART, 1);
}

/* The command's letter and its numbers. */
static char read_command(uint64_t *numbers)
{
    char letter = read_char(), next;
    unsigned count = 0;
    while ((next = read_char()) != '\n') {
        if (next == ' ' && count < 4) {
            numbers[count++] = 0;
        } else if (count > 0) {
            numbers[count - 1] = numbers[count - 1] * 10 + (uint64_t)(next - '0');
        }
    }
    return letter;
}

static void answer(char letter, uint64_t number, const char *text)
{
    char begin[3] = { letter, ' ', 0 };
    bare_print(begin);
    bare_print_hex(number);
    bare_print(text);
    bare_print("\n");
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    bare_print("ready\n");
    for (;;) {
        uint64_t n[4] = { 0 };
        char letter = read_command(n);
        unsigned slot = n[0] % SLOT_COUNT;
        uint64_t count = n[2] < SECTOR_MAX ? n[2] : SECTOR_MAX;
        switch (letter) {
        case 'w':
            fill(n[1], count, n[3]);
            answer('w', request(slot, 1, n[1], (uint32_t)count * 512, false), "");
            break;
        case 'r':
            fill(0, SECTOR_MAX, UINT32_MAX);
            uint64_t status = request(slot, 0, n[1], (uint32_t)count * 512, true);
            answer('r', status, compare(n[1], count, n[3]));
            break;
        case 'f': answer('f', request(slot, 4, 0, 0, false), ""); break;
        case 'd': answer('d', clear(slot, 11, n[1], n[2]), ""); break;
        case 'z': answer('z', clear(slot, 13, n[1], n[2]), ""); break;
        case 'c': answer('c', load(base_of(slot) + 0x100, 8), ""); break;
        case 'q': return 0;
        default: answer('?', (uint64_t)letter, ""); break;
        }
    }
}
