/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/frame_guard.h"

#include <stdbool.h>

enum {
    ETHERNET_SIZE = 14,
    ETHERNET_TYPE = 12,
    TYPE_ARP = 0x0806,
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,

    ARP_SIZE = 28, /* RFC 826, for IPv4 over Ethernet */

    IPV4_SIZE = 20, /* RFC 791, section 3.1, without options */
    IPV4_TOTAL_LENGTH = 2,
    IPV4_FRAGMENT = 6,
    IPV4_PROTOCOL = 9,
    FRAGMENT_MORE_OR_OFFSET = 0x3fff,

    IPV6_SIZE = 40, /* RFC 8200, section 3 */
    IPV6_PAYLOAD_LENGTH = 4,
    IPV6_NEXT_HEADER = 6,

    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ICMPV6 = 58,

    ICMP_SIZE = 8,
    TCP_SIZE = 20,
    TCP_OFFSET = 12, /* of the data, in words of 4 bytes, in the upper half */
    UDP_SIZE = 8,
    UDP_LENGTH = 4,
};

static unsigned get16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* RFC 9293 section 3.1, RFC 768, RFC 792, RFC 4443: the headers are there and their lengths lie inside. */
static bool payload_is_sound(unsigned protocol, const uint8_t *payload, size_t size)
{
    switch (protocol) {
    case PROTOCOL_TCP: {
        size_t offset = size >= TCP_SIZE ? (size_t)(payload[TCP_OFFSET] >> 4) * 4 : 0;
        return offset >= TCP_SIZE && offset <= size;
    }
    case PROTOCOL_UDP: return size >= UDP_SIZE && get16(payload + UDP_LENGTH) == size;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6: return size >= ICMP_SIZE;
    default: return false;
    }
}

static size_t ipv4_size(const uint8_t *packet, size_t size)
{
    const unsigned version_and_header_words = 0x45;
    if (size < IPV4_SIZE || packet[0] != version_and_header_words) {
        return 0;
    }
    size_t total = get16(packet + IPV4_TOTAL_LENGTH);
    if (total < IPV4_SIZE || total > size || (get16(packet + IPV4_FRAGMENT) & FRAGMENT_MORE_OR_OFFSET) != 0 ||
        packet[IPV4_PROTOCOL] == PROTOCOL_ICMPV6) {
        return 0;
    }
    return payload_is_sound(packet[IPV4_PROTOCOL], packet + IPV4_SIZE, total - IPV4_SIZE) ? total : 0;
}

static size_t ipv6_size(const uint8_t *packet, size_t size)
{
    if (size < IPV6_SIZE || packet[0] >> 4 != 6) {
        return 0;
    }
    size_t payload = get16(packet + IPV6_PAYLOAD_LENGTH);
    if (payload > size - IPV6_SIZE || packet[IPV6_NEXT_HEADER] == PROTOCOL_ICMP) {
        return 0;
    }
    return payload_is_sound(packet[IPV6_NEXT_HEADER], packet + IPV6_SIZE, payload) ? IPV6_SIZE + payload : 0;
}

size_t frame_guard_size(const uint8_t *frame, size_t size)
{
    if (size < ETHERNET_SIZE) {
        return 0;
    }
    size_t packet = 0;
    switch (get16(frame + ETHERNET_TYPE)) {
    case TYPE_ARP: packet = size - ETHERNET_SIZE >= ARP_SIZE ? ARP_SIZE : 0; break;
    case TYPE_IPV4: packet = ipv4_size(frame + ETHERNET_SIZE, size - ETHERNET_SIZE); break;
    case TYPE_IPV6: packet = ipv6_size(frame + ETHERNET_SIZE, size - ETHERNET_SIZE); break;
    default: break;
    }
    return packet != 0 ? ETHERNET_SIZE + packet : 0;
}
