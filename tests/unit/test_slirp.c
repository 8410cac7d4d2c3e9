/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/slirp.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A card: one frame to send, the frames received last. */
struct card {
    pthread_mutex_t lock;
    uint8_t to_send[1514];
    size_t to_send_size;
    bool refusing;
    unsigned refused;
    unsigned received;
    uint8_t last[1514];
    size_t last_size;
};

static struct card card;

static size_t next_frame(void *context, uint8_t *frame, size_t capacity)
{
    struct card *self = context;
    pthread_mutex_lock(&self->lock);
    size_t size = self->to_send_size < capacity ? self->to_send_size : 0;
    memcpy(frame, self->to_send, size);
    self->to_send_size = 0;
    pthread_mutex_unlock(&self->lock);
    return size;
}

static bool receive(void *context, const uint8_t *frame, size_t size)
{
    struct card *self = context;
    pthread_mutex_lock(&self->lock);
    bool taken = !self->refusing;
    bool ipv6 = size > 14 && frame[12] == 0x86 && frame[13] == 0xdd; /* router advertisements come at any time */
    if (taken && !ipv6) {
        memcpy(self->last, frame, size < sizeof self->last ? size : sizeof self->last);
        self->last_size = size;
        self->received++;
    }
    self->refused += !taken && !ipv6;
    pthread_mutex_unlock(&self->lock);
    return taken;
}

static const struct net_client client = { &card, next_frame, receive };

static int setup(void **state)
{
    (void)state;
    memset(&card, 0, sizeof card);
    pthread_mutex_init(&card.lock, NULL);
    return 0;
}

static unsigned counter(const unsigned *which)
{
    pthread_mutex_lock(&card.lock);
    unsigned value = *which;
    pthread_mutex_unlock(&card.lock);
    return value;
}

static bool wait_for(const unsigned *which, unsigned value)
{
    for (unsigned i = 0; i < 5000 && counter(which) < value; i++) {
        usleep(1000);
    }
    return counter(which) >= value;
}

static void send_frame(struct net_backend *net, const uint8_t *frame, size_t size)
{
    pthread_mutex_lock(&card.lock);
    memcpy(card.to_send, frame, size);
    card.to_send_size = size;
    pthread_mutex_unlock(&card.lock);
    net_wake(net);
}

static struct net_backend *start(void)
{
    struct error error;
    struct net_backend *net = slirp_create(NULL, 0, &error);
    if (net == NULL) {
        print_message("# %s\n", error.text);
    }
    assert_non_null(net);
    net_attach(net, &client);
    return net;
}

static void stop(struct net_backend *net)
{
    net_attach(net, NULL);
    net_destroy(net);
}

/* "Who has 10.0.2.2? Tell 10.0.2.15." */
static const uint8_t arp_request[42] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x08, 0x06, /* Ethernet */
    0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, /* request, sender */
    10,   0,    2,    15,   0,    0,    0,    0,    0,    0,    10,   0,    2,    2,
};

static void router_answers_address_requests(void **state)
{
    (void)state;
    struct net_backend *net = start();
    send_frame(net, arp_request, sizeof arp_request);
    assert_true(wait_for(&card.received, 1));
    stop(net);
    assert_int_equal(card.last[13], 0x06);
    assert_int_equal(card.last[21], 2); /* reply */
    static const uint8_t router[4] = { 10, 0, 2, 2 };
    assert_memory_equal(card.last + 28, router, 4);
}

static void refused_frame_is_offered_again(void **state)
{
    (void)state;
    struct net_backend *net = start();
    card.refusing = true;
    send_frame(net, arp_request, sizeof arp_request);
    assert_true(wait_for(&card.refused, 1));
    pthread_mutex_lock(&card.lock);
    card.refusing = false;
    pthread_mutex_unlock(&card.lock);
    net_wake(net);
    assert_true(wait_for(&card.received, 1));
    stop(net);
}

static void malformed_frames_do_no_harm(void **state)
{
    (void)state;
    struct net_backend *net = start();
    uint8_t frame[1514];
    for (unsigned i = 0; i < 300; i++) {
        for (unsigned j = 0; j < sizeof frame; j++) {
            frame[j] = (uint8_t)(i * 131 + j * j * 7);
        }
        frame[12] = 8;
        frame[13] = i % 2 != 0 ? 0 : 6;
        send_frame(net, frame, 14 + i * 5);
    }
    send_frame(net, arp_request, sizeof arp_request);
    assert_true(wait_for(&card.received, 1));
    stop(net);
}

/* Somebody else may take it, before a network does: whoever asks for one tries again then. */
static uint16_t free_port(void)
{
    for (unsigned i = 0; i < 100; i++) {
        int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        assert_int_equal(bind(tcp, (struct sockaddr *)&address, size), 0);
        assert_int_equal(getsockname(tcp, (struct sockaddr *)&address, &size), 0);
        bool both = udp >= 0 && bind(udp, (struct sockaddr *)&address, size) == 0;
        close(udp);
        close(tcp);
        if (both) {
            return ntohs(address.sin_port);
        }
    }
    fail_msg("no port of this host is free for TCP and UDP");
    return 0;
}

/* NULL: somebody else has a port of these. */
static struct net_backend *start_forwarding(const struct slirp_forward *forwards, size_t count)
{
    struct error error;
    struct net_backend *net = slirp_create(forwards, count, &error);
    if (net == NULL) {
        print_message("# %s\n", error.text);
        assert_non_null(strstr(error.text, "cannot forward"));
        return NULL;
    }
    net_attach(net, &client);
    return net;
}

#define PORTS_TRIED 5u

static void forwarded_connection_reaches_the_guest(void **state)
{
    (void)state;
    struct slirp_forward forward = { .guest_port = 22 };
    struct net_backend *net = NULL;
    for (unsigned i = 0; i < PORTS_TRIED && net == NULL; i++) {
        forward.host_port = free_port();
        net = start_forwarding(&forward, 1);
    }
    assert_non_null(net);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(forward.host_port) };
    connect(fd, (struct sockaddr *)&address, sizeof address);
    assert_true(wait_for(&card.received, 1)); /* "who has 10.0.2.15?", the connection being under way */
    stop(net);
    close(fd);
    static const uint8_t guest[4] = { 10, 0, 2, 15 };
    assert_int_equal(card.last[13], 0x06);
    assert_memory_equal(card.last + 38, guest, 4);
}

/* False: not for that reason, but because somebody else has a port of these. */
static bool is_refused(const struct slirp_forward *forwards, size_t count, const char *why)
{
    struct error error = { "" };
    assert_null(slirp_create(forwards, count, &error));
    print_message("# %s\n", error.text);
    assert_null(strchr(error.text, '\n'));
    bool for_that = strstr(error.text, why) != NULL;
    assert_true(for_that || strstr(error.text, "cannot forward") != NULL);
    return for_that;
}

static bool starts_and_stops(const struct slirp_forward *forwards, size_t count)
{
    struct net_backend *net = start_forwarding(forwards, count);
    if (net != NULL) {
        stop(net);
    }
    return net != NULL;
}

static bool is_refused_beside_another(const struct slirp_forward *forward)
{
    struct net_backend *first = start_forwarding(forward, 1);
    if (first == NULL) {
        return false;
    }
    bool refused = is_refused(forward, 1, "cannot forward TCP port");
    stop(first);
    return refused;
}

/* False: it went wrong, maybe only because somebody else has taken the port. */
static bool forwards_are_refused_as_they_should(uint16_t port)
{
    const struct slirp_forward twice_tcp[] = { { false, port, 22 }, { false, port, 23 } };
    const struct slirp_forward twice_udp[] = { { true, port, 22 }, { true, port, 23 } };
    const struct slirp_forward both[] = { { false, port, 22 }, { true, port, 23 } }; /* are two ports */
    return is_refused(twice_tcp, 2, "forwarded twice") && is_refused(twice_udp, 2, "forwarded twice") &&
           starts_and_stops(both, 2) && is_refused_beside_another(both) && starts_and_stops(both, 1);
}

static void ports_that_cannot_be_forwarded_are_refused(void **state)
{
    (void)state;
    bool right = false;
    for (unsigned i = 0; i < PORTS_TRIED && !right; i++) {
        right = forwards_are_refused_as_they_should(free_port());
    }
    assert_true(right);
}

static void forwards_are_read(void **state)
{
    (void)state;
    struct error error;
    struct slirp_forward forward;
    assert_true(slirp_forward_parse("tcp:2222:22", &forward, &error));
    assert_false(forward.udp);
    assert_int_equal(forward.host_port, 2222);
    assert_int_equal(forward.guest_port, 22);
    assert_true(slirp_forward_parse("udp:1:65535", &forward, &error));
    assert_true(forward.udp);
    assert_int_equal(forward.guest_port, 65535);
}

static void malformed_forwards_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "tcp",
        "tcp:",
        "tcp:1",
        "tcp:1:",
        "tcp::1",
        "tcp:0:1",
        "tcp:1:0",
        "tcp:65536:1",
        "tcp:1:65536",
        "tcp:-1:1",
        "tcp:1:1x",
        "tcp:1:1:1",
        "tcp: 1:1",
        "TCP:1:1",
        "sctp:1:1",
        "1:1",
        "tcp:1 :1",
        "tcp:99999999999999999999:1",
        "udp:1:4294967297",
        "tcp:0x10:1",
        "tcp:1,1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error error = { "" };
        struct slirp_forward forward = { .host_port = 7 };
        assert_false(slirp_forward_parse(wrong[i], &forward, &error));
        assert_int_equal(forward.host_port, 7);
        assert_non_null(strstr(error.text, "tcp:HOSTPORT:GUESTPORT"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(router_answers_address_requests, setup),
        cmocka_unit_test_setup(refused_frame_is_offered_again, setup),
        cmocka_unit_test_setup(malformed_frames_do_no_harm, setup),
        cmocka_unit_test_setup(forwarded_connection_reaches_the_guest, setup),
        cmocka_unit_test_setup(ports_that_cannot_be_forwarded_are_refused, setup),
        cmocka_unit_test_setup(forwards_are_read, setup),
        cmocka_unit_test_setup(malformed_forwards_are_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
