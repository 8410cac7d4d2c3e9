/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/frame_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ETHERNET = 14, TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58 };

static uint8_t frame[2000];

/* An IPv4 packet with `size` bytes after its header; returns the frame's size. */
static size_t make_ipv4(uint8_t protocol, size_t size)
{
    memset(frame, 0, sizeof frame);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[16] = (uint8_t)((20 + size) >> 8);
    frame[17] = (uint8_t)(20 + size);
    frame[20] = 0x40; /* do not fragment */
    frame[23] = protocol;
    frame[34 + 4] = protocol == UDP ? (uint8_t)(size >> 8) : 0;
    frame[34 + 5] = protocol == UDP ? (uint8_t)size : 0;
    frame[34 + 12] = protocol == TCP ? 0x50 : 0;
    return 34 + size;
}

static size_t make_ipv6(uint8_t protocol, size_t size)
{
    memset(frame, 0, sizeof frame);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    frame[14] = 0x60;
    frame[18] = (uint8_t)(size >> 8);
    frame[19] = (uint8_t)size;
    frame[20] = protocol;
    frame[54 + 4] = protocol == UDP ? (uint8_t)(size >> 8) : 0;
    frame[54 + 5] = protocol == UDP ? (uint8_t)size : 0;
    frame[54 + 12] = protocol == TCP ? 0x50 : 0;
    return 54 + size;
}

static void whole_packets_pass(void **state)
{
    (void)state;
    static const struct {
        uint8_t protocol;
        size_t least;
    } cases[] = { { TCP, 20 }, { UDP, 8 }, { ICMP, 8 }, { ICMPV6, 8 } };
    for (unsigned i = 0; i < 4; i++) {
        for (size_t more = 0; more <= 1000; more += 500) {
            size_t size = cases[i].protocol == ICMPV6 ? 0 : make_ipv4(cases[i].protocol, cases[i].least + more);
            assert_int_equal(frame_guard_size(frame, size), size);
            size = cases[i].protocol == ICMP ? 0 : make_ipv6(cases[i].protocol, cases[i].least + more);
            assert_int_equal(frame_guard_size(frame, size), size);
        }
        assert_int_equal(frame_guard_size(frame, make_ipv4(cases[i].protocol, cases[i].least - 1)), 0);
        assert_int_equal(frame_guard_size(frame, make_ipv6(cases[i].protocol, cases[i].least - 1)), 0);
    }
}

static void padding_is_cut_off(void **state)
{
    (void)state;
    size_t size = make_ipv4(UDP, 10);
    assert_int_equal(frame_guard_size(frame, 60), size);
    size = make_ipv6(UDP, 10);
    assert_int_equal(frame_guard_size(frame, 100), size);
}

static void packets_cut_short_are_dropped(void **state)
{
    (void)state;
    for (unsigned version = 4; version <= 6; version += 2) {
        size_t whole = version == 4 ? make_ipv4(UDP, 30) : make_ipv6(UDP, 30);
        for (size_t size = 0; size < whole; size++) {
            assert_int_equal(frame_guard_size(frame, size), 0);
        }
        assert_int_equal(frame_guard_size(frame, whole), whole);
    }
}

static void fragments_and_options_are_dropped(void **state)
{
    (void)state;
    static const struct {
        unsigned place;
        uint8_t value;
    } cases[] = {
        { 20, 0x20 }, { 20, 0x01 }, { 21, 0x01 },                 /* more fragments; an offset */
        { 14, 0x46 }, { 14, 0x44 }, { 14, 0x55 },   { 14, 0x4f }, /* header size and version */
        { 23, 2 },    { 23, 41 },   { 23, ICMPV6 },               /* other protocols */
        { 12, 0x88 }, { 13, 0x01 },                               /* other types of frame */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = make_ipv4(UDP, 30);
        frame[cases[i].place] = cases[i].value;
        assert_int_equal(frame_guard_size(frame, size), 0);
    }
    static const uint8_t next_headers[] = { 0, 43, 44, 60, ICMP, 59 };
    for (size_t i = 0; i < sizeof next_headers; i++) {
        assert_int_equal(frame_guard_size(frame, make_ipv6(next_headers[i], 40)), 0);
    }
}

static void lengths_must_agree(void **state)
{
    (void)state;
    for (unsigned length = 0; length < 40; length++) {
        size_t size = make_ipv4(UDP, 20);
        frame[34 + 5] = (uint8_t)length;
        assert_int_equal(frame_guard_size(frame, size), length == 20 ? size : 0);
    }
    for (unsigned words = 0; words < 16; words++) {
        size_t size = make_ipv4(TCP, 40);
        frame[34 + 12] = (uint8_t)(words << 4);
        assert_int_equal(frame_guard_size(frame, size), words >= 5 && words <= 10 ? size : 0);
    }
    size_t size = make_ipv4(UDP, 20);
    frame[17] = 41; /* one byte more than there is */
    assert_int_equal(frame_guard_size(frame, size), 0);
    frame[17] = 19;
    assert_int_equal(frame_guard_size(frame, size), 0);
}

static void address_resolution_passes(void **state)
{
    (void)state;
    memset(frame, 0, sizeof frame);
    frame[12] = 0x08;
    frame[13] = 0x06;
    assert_int_equal(frame_guard_size(frame, ETHERNET + 27), 0);
    assert_int_equal(frame_guard_size(frame, ETHERNET + 28), ETHERNET + 28);
    assert_int_equal(frame_guard_size(frame, 60), ETHERNET + 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_packets_pass),
        cmocka_unit_test(padding_is_cut_off),
        cmocka_unit_test(packets_cut_short_are_dropped),
        cmocka_unit_test(fragments_and_options_are_dropped),
        cmocka_unit_test(lengths_must_agree),
        cmocka_unit_test(address_resolution_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
