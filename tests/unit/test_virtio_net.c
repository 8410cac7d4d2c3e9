/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/net.h"

#include "virtio_driver.h"

#include <pthread.h>
#include <sched.h>

enum { RECEIVE = 0, TRANSMIT = 1, HEADER_SIZE = 12 };

struct fixture {
    struct driver driver;
    struct net_backend net;
    struct net_client client;
    unsigned woken;
};

static void fake_attach(void *self, const struct net_client *client)
{
    struct fixture *fixture = self;
    fixture->client = client != NULL ? *client : (struct net_client){ 0 };
}

static void fake_wake(void *self)
{
    struct fixture *fixture = self;
    fixture->woken++;
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ 0 };
    const struct virtio_wiring wiring = driver_init(&fixture.driver);
    fixture.net = (struct net_backend){ &fixture, fake_attach, fake_wake, NULL };
    const struct virtio_net_config config = { { 0 } };
    fixture.driver.device = virtio_net_create(&wiring, &config, &fixture.net);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    driver_fini(&fixture->driver);
    assert_null(fixture->client.receive);
    return 0;
}

static size_t pull(const struct fixture *fixture, uint8_t *frame, size_t capacity)
{
    return fixture->client.next_frame(fixture->client.context, frame, capacity);
}

static bool push(const struct fixture *fixture, const uint8_t *frame, size_t size)
{
    return fixture->client.receive(fixture->client.context, frame, size);
}

static void configuration_has_address_and_link(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t expected[8] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 1, 0 };
    for (unsigned i = 0; i < 8; i++) {
        uint64_t value = 0;
        const struct device *device = fixture->driver.device;
        assert_true(device->ops->read(device->self, 0x100 + i, 1, &value));
        assert_int_equal(value, expected[i]);
    }
}

static void sent_frame_is_pulled_without_its_header(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    uint8_t frame[2048];
    driver_start(driver, 0, 2, 8);
    assert_int_equal(pull(fixture, frame, sizeof frame), 0);
    for (unsigned i = 0; i < 112; i++) {
        driver->ram[BUFFERS + i] = (uint8_t)i;
    }
    const struct part parts[3] = { { BUFFERS, 5, false }, { BUFFERS + 5, 20, false }, { BUFFERS + 25, 87, false } };
    driver_add(driver, TRANSMIT, parts, 3);
    unsigned woken = fixture->woken;
    driver_notify(driver, TRANSMIT);
    assert_int_equal(fixture->woken, woken + 1);
    assert_int_equal(pull(fixture, frame, sizeof frame), 100);
    assert_memory_equal(frame, driver->ram + BUFFERS + HEADER_SIZE, 100);
    assert_int_equal(driver_wait(driver, TRANSMIT, NULL), 0);
    assert_int_equal(pull(fixture, frame, sizeof frame), 0);
}

static void frames_too_short_or_too_long_are_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    uint8_t frame[64];
    driver_start(driver, 0, 2, 8);
    static const uint32_t sizes[] = { 1, HEADER_SIZE, HEADER_SIZE + 13, HEADER_SIZE + 65, HEADER_SIZE + 64 };
    for (unsigned i = 0; i < 5; i++) {
        const struct part part = { BUFFERS, sizes[i], false };
        driver_add(driver, TRANSMIT, &part, 1);
    }
    assert_int_equal(pull(fixture, frame, sizeof frame), 64);
    assert_int_equal(driver->log.count, 4);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(driver_wait(driver, TRANSMIT, NULL), 0);
    }
}

#define FLOOD_SIZE 64u

struct flood {
    struct driver *driver;
    _Atomic bool runs, stop;
};

/* As fast as they are dropped: all entries of the ring are descriptor 0. */
static void *make_short_frames(void *argument)
{
    struct flood *flood = argument;
    while (!atomic_load(&flood->stop)) {
        uint16_t used = ram_get16(flood->driver, DEVICE_AREA(TRANSMIT) + 2);
        ram_put16(flood->driver, DRIVER_AREA(TRANSMIT) + 2, (uint16_t)(used + FLOOD_SIZE));
        atomic_store(&flood->runs, true);
    }
    return NULL;
}

static void no_end_of_malformed_frames_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    struct flood flood = { .driver = driver };
    pthread_t maker;
    uint8_t frame[64];
    driver_start(driver, 0, 2, FLOOD_SIZE);
    put_descriptor(driver, DESCRIPTORS(TRANSMIT), 0, (struct ring_descriptor){ RAM_BASE + BUFFERS, 1, 0, 0 });
    assert_int_equal(pthread_create(&maker, NULL, make_short_frames, &flood), 0);
    while (!atomic_load(&flood.runs)) {
        sched_yield();
    }
    for (unsigned i = 0; i < 200; i++) {
        unsigned woken = fixture->woken;
        uint64_t before = driver->log.count;
        assert_int_equal(pull(fixture, frame, sizeof frame), 0);
        uint64_t dropped_count = driver->log.count - before;
        assert_in_range(dropped_count, 0, VIRTQUEUE_SIZE_MAX);
        assert_int_equal(fixture->woken - woken, dropped_count == VIRTQUEUE_SIZE_MAX); /* there may be more */
    }
    atomic_store(&flood.stop, true);
    pthread_join(maker, NULL);
    assert_false(driver_needs_reset(driver));
}

static void received_frame_has_a_header_and_is_padded(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 2, 8);
    uint8_t frame[100];
    memset(frame, 0x5a, sizeof frame);
    memset(driver->ram + BUFFERS, 0xff, 4096);
    const struct part parts[2] = { { BUFFERS, 8, true }, { BUFFERS + 8, 1600, true } };
    driver_add(driver, RECEIVE, parts, 2);
    assert_true(push(fixture, frame, 20));
    assert_int_equal(driver_wait(driver, RECEIVE, NULL), HEADER_SIZE + 60);
    static const uint8_t header[HEADER_SIZE] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
    assert_memory_equal(driver->ram + BUFFERS, header, HEADER_SIZE);
    assert_int_equal(driver->ram[BUFFERS + HEADER_SIZE + 19], 0x5a);
    assert_int_equal(driver->ram[BUFFERS + HEADER_SIZE + 20], 0);
    assert_int_equal(driver->ram[BUFFERS + HEADER_SIZE + 59], 0);
    assert_int_equal(driver->ram[BUFFERS + HEADER_SIZE + 60], 0xff);
    driver_add(driver, RECEIVE, parts, 2);
    assert_true(push(fixture, frame, 100));
    assert_int_equal(driver_wait(driver, RECEIVE, NULL), HEADER_SIZE + 100);
}

static void frame_waits_for_a_buffer(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    const uint8_t frame[60] = { 1 };
    assert_true(push(fixture, frame, sizeof frame)); /* the card is down: dropped */
    driver_start(driver, 0, 2, 8);
    assert_false(push(fixture, frame, sizeof frame));
    unsigned woken = fixture->woken;
    const struct part part = { BUFFERS, 1600, true };
    driver_add(driver, RECEIVE, &part, 1);
    driver_notify(driver, RECEIVE);
    assert_int_equal(fixture->woken, woken + 1);
    assert_true(push(fixture, frame, sizeof frame));
    driver_notify(driver, RECEIVE); /* nobody waits: no wake */
    assert_int_equal(fixture->woken, woken + 1);
}

static void buffer_too_small_is_given_back_empty(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    const uint8_t frame[100] = { 1 };
    driver_start(driver, 0, 2, 8);
    for (uint32_t size = HEADER_SIZE + 99; size <= HEADER_SIZE + 100; size++) {
        const struct part part = { BUFFERS, size, true };
        driver_add(driver, RECEIVE, &part, 1);
        assert_true(push(fixture, frame, sizeof frame));
        assert_int_equal(driver_wait(driver, RECEIVE, NULL), size == HEADER_SIZE + 100 ? size : 0);
    }
    assert_int_equal(driver->log.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(configuration_has_address_and_link, setup, teardown),
        cmocka_unit_test_setup_teardown(sent_frame_is_pulled_without_its_header, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_too_short_or_too_long_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(no_end_of_malformed_frames_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(received_frame_has_a_header_and_is_padded, setup, teardown),
        cmocka_unit_test_setup_teardown(frame_waits_for_a_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(buffer_too_small_is_given_back_empty, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
