/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames for the user network, most of them well-formed on the outside and wild within: ARP, DHCP, DNS, TFTP, TCP with
 * any flags and options, ICMP, IPv6 with neighbour discovery; and frames that are noise altogether. All of it goes to
 * addresses of the user network itself or to ones reserved for documentation. Run with --net user and no disk.
 */
#include "bare.h"

#define ROUNDS 6000u
#define BASE   (VIRTIO)
#define HEADER 12u /* struct virtio_net_hdr */

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

struct queue {
    struct descriptor descriptors[8] __attribute__((aligned(16)));
    struct {
        uint16_t flags, index, ring[8];
    } available;
    struct {
        volatile uint16_t flags, index;
        uint32_t ring[16];
    } used __attribute__((aligned(4)));
};

static struct queue queues[2] __attribute__((aligned(4096)));
static uint8_t received[8][2048] __attribute__((aligned(16)));
static uint8_t frame[HEADER + 2048] __attribute__((aligned(16)));
static uint64_t random_state = SEED * UINT64_C(0x9e3779b97f4a7c15) | 1;

static uint32_t chance(uint32_t range)
{
    return (uint32_t)(bare_random(&random_state) >> 24) % range;
}

static void set_address(unsigned offset, const volatile void *place)
{
    store(BASE + offset, 4, (uint64_t)place & UINT32_MAX);
    store(BASE + offset + 4, 4, (uint64_t)place >> 32);
}

static void start(void)
{
    store(BASE + 0x70, 4, 0);
    store(BASE + 0x70, 4, 3);
    store(BASE + 0x24, 4, 0);
    store(BASE + 0x20, 4, 1u << 5);
    store(BASE + 0x24, 4, 1);
    store(BASE + 0x20, 4, 1);
    store(BASE + 0x70, 4, 11);
    for (unsigned queue = 0; queue < 2; queue++) {
        store(BASE + 0x30, 4, queue);
        store(BASE + 0x38, 4, 8);
        set_address(0x80, queues[queue].descriptors);
        set_address(0x90, &queues[queue].available);
        set_address(0xa0, &queues[queue].used);
        store(BASE + 0x44, 4, 1);
    }
    for (unsigned i = 0; i < 8; i++) {
        queues[0].descriptors[i] = (struct descriptor){ (uint64_t)received[i], sizeof received[i], 2, 0 };
        queues[0].available.ring[i] = (uint16_t)i;
    }
    store(BASE + 0x70, 4, 15);
}

/* Gives the device back what it has filled. */
static void take_received(void)
{
    queues[0].available.index = (uint16_t)(queues[0].used.index + 8);
    __asm__ volatile("fence" ::: "memory");
    store(BASE + 0x50, 4, 0);
}

static void send(uint32_t size)
{
    uint16_t before = queues[1].used.index;
    queues[1].descriptors[0] = (struct descriptor){ (uint64_t)frame, HEADER + size, 0, 0 };
    queues[1].available.ring[queues[1].available.index % 8] = 0;
    __asm__ volatile("fence" ::: "memory");
    queues[1].available.index++;
    __asm__ volatile("fence" ::: "memory");
    store(BASE + 0x50, 4, 1);
    while (queues[1].used.index == before) {
        take_received();
        bare_pause();
    }
    take_received();
}

static uint8_t *const ethernet = frame + HEADER;

static void put16(uint8_t *place, uint32_t value)
{
    place[0] = (uint8_t)(value >> 8);
    place[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *bytes, uint32_t size, uint32_t start_value)
{
    uint32_t total = start_value;
    for (uint32_t i = 0; i < size; i++) {
        total += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    return total;
}

static void noise(uint8_t *place, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        place[i] = (uint8_t)(bare_random(&random_state) >> 16);
    }
}

static void ethernet_header(uint32_t type)
{
    static const uint8_t host[6] = { 0x52, 0x55, 10, 0, 2, 2 };
    static const uint8_t card[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
    for (unsigned i = 0; i < 6; i++) {
        ethernet[i] = chance(4) == 0 ? 0xff : host[i];
        ethernet[6 + i] = card[i];
    }
    put16(ethernet + 12, type);
}

/* 10.0.2.2 (host), .3 (names), .15 (self), broadcast, 192.0.2.1 (documentation). */
static void address4(uint8_t *place)
{
    static const uint8_t places[5][4] = {
        { 10, 0, 2, 2 }, { 10, 0, 2, 3 }, { 10, 0, 2, 15 }, { 255, 255, 255, 255 }, { 192, 0, 2, 1 }
    };
    const uint8_t *address = places[chance(16) != 0 ? chance(2) * 4 % 5 : chance(5)];
    for (unsigned i = 0; i < 4; i++) {
        place[i] = address[i];
    }
}

/* What is under UDP is a server of the user network's own, or a port that nobody listens at. */
static uint32_t udp_payload(uint8_t *ports, uint8_t *payload)
{
    static const uint32_t servers[] = { 67, 69, 1, 7 };
    uint32_t port = servers[chance(4)];
    uint32_t size = chance(300);
    put16(ports, port == 67 ? 68 : 1024 + chance(16));
    put16(ports + 2, port);
    noise(payload, size);
    if (port == 67) { /* DHCP: options of any length */
        size = 240 + chance(200);
        noise(payload, size);
        payload[0] = 1;
        payload[1] = 1;
        payload[2] = 6;
        payload[236] = 0x63, payload[237] = 0x82, payload[238] = 0x53, payload[239] = 0x63;
        payload[240] = (uint8_t)(chance(2) == 0 ? 53 : chance(256));
        payload[241] = (uint8_t)(chance(4) == 0 ? chance(256) : 1);
        payload[242] = (uint8_t)chance(9);
    } else if (port == 69) { /* TFTP */
        put16(payload, 1 + chance(6));
        for (uint32_t i = 2; i < size; i++) {
            payload[i] = (uint8_t)"octet/.a\0blksize"[chance(16)];
        }
    }
    return size;
}

static uint32_t transport(uint32_t protocol, uint8_t *place)
{
    uint32_t size;
    switch (protocol) {
    case 17:
        size = 8 + udp_payload(place, place + 8);
        put16(place + 4, size);
        return size;
    case 6:
        size = 20 + 4 * chance(11) + chance(3) * chance(400);
        noise(place, size);
        put16(place, 1024 + chance(8));
        put16(place + 2, 1 + chance(8)); /* nobody listens there */
        place[12] =
            (uint8_t)((chance(8) == 0 ? chance(16) : 5 + chance((size - 20) / 4 + 1 < 11 ? (size - 20) / 4 + 1 : 11))
                      << 4);
        place[13] = (uint8_t)(chance(2) == 0 ? 2 : chance(64));
        return size;
    default:
        size = 8 + chance(200);
        noise(place, size);
        place[0] = (uint8_t)(chance(2) == 0 ? 8 : chance(256));
        return size;
    }
}

static uint32_t ipv4(void)
{
    static const uint8_t protocols[] = { 17, 6, 1, 17, 6, 47 };
    uint8_t *header = ethernet + 14;
    uint32_t protocol = protocols[chance(6)];
    ethernet_header(0x0800);
    noise(header, 20);
    header[0] = 0x45;
    put16(header + 6, 0);
    header[8] = 64;
    header[9] = (uint8_t)protocol;
    header[12] = 10, header[13] = 0, header[14] = 2, header[15] = 15;
    address4(header + 16);
    uint32_t size = transport(protocol, header + 20);
    put16(header + 2, 20 + size);
    put16(header + 10, 0);
    put16(header + 10, ~sum(header, 20, 0));
    unsigned at = protocol == 17 ? 6 : protocol == 6 ? 16 : 2;
    put16(header + 20 + at, 0);
    uint32_t pseudo = protocol == 1 ? 0 : sum(header + 12, 8, protocol + size);
    put16(header + 20 + at, ~sum(header + 20, size, pseudo));
    if (chance(8) == 0) { /* and then one byte wrong */
        header[chance(20 + size)] ^= (uint8_t)(1u << chance(8));
    }
    return 14 + 20 + size;
}

static uint32_t ipv6(void)
{
    uint8_t *header = ethernet + 14;
    uint32_t size = 8 + chance(100), next = chance(4) == 0 ? 17 : chance(8) == 0 ? chance(256) : 58;
    ethernet_header(0x86dd);
    noise(header, 40 + size);
    header[0] = 0x60;
    put16(header + 4, size);
    header[6] = (uint8_t)next;
    header[7] = 255;
    for (unsigned i = 8; i < 40; i++) {
        header[i] = 0;
    }
    header[8] = 0xfe, header[9] = 0x80, header[23] = 0x15;
    header[24] = chance(2) == 0 ? 0xfe : 0xff, header[25] = header[24] == 0xfe ? 0x80 : 0x02,
    header[39] = (uint8_t)(1 + chance(3));
    if (next == 58) {
        header[40] = (uint8_t)(chance(2) == 0 ? 128 : 133 + chance(5));
        header[41] = 0;
        put16(header + 42, 0);
        put16(header + 42, ~sum(header + 40, size, sum(header + 8, 32, 58 + size)));
    }
    return 14 + 40 + size;
}

static uint32_t arp(void)
{
    ethernet_header(0x0806);
    uint8_t *packet = ethernet + 14;
    noise(packet, 28);
    put16(packet, 1);
    put16(packet + 2, 0x0800);
    packet[4] = 6, packet[5] = 4;
    put16(packet + 6, 1 + chance(3));
    packet[24] = 10, packet[25] = 0, packet[26] = 2;
    return 14 + 28;
}

int bare_main(uint64_t hart, uint64_t argument)
{
    (void)hart, (void)argument;
    start();
    expect(load(BASE + 8, 4) == 1 && (load(BASE + 0x70, 4) & 0x40) == 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t size;
        switch (chance(8)) {
        case 0: size = arp(); break;
        case 1:
        case 2: size = ipv6(); break;
        case 3:
            size = chance(1600);
            noise(ethernet, size);
            break;
        default: size = ipv4(); break;
        }
        if (chance(16) == 0) { /* cut, or longer than it says */
            size = chance(2) == 0 ? chance(size + 1) : size + chance(100);
        }
        send(size);
    }
    expect((load(BASE + 0x70, 4) & 0x40) == 0);
    return 0;
}
