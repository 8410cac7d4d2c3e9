/* SPDX-License-Identifier: Apache-2.0 */
/* The transport and its rings, shown on the simplest device: entropy. */
#include "devices/virtio/entropy.h"
#include "memory/watch.h"

#include "virtio_driver.h"

static int setup(void **state)
{
    static struct driver driver;
    const struct virtio_wiring wiring = driver_init(&driver);
    driver.device = virtio_entropy_create(&wiring);
    *state = &driver;
    return 0;
}

static int teardown(void **state)
{
    driver_fini(*state);
    return 0;
}

#define ALL_FEATURES (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Gives the device one buffer of 64 bytes and expects it back, filled. */
static void expect_service(struct driver *driver)
{
    const struct part part = { BUFFERS, 64, true };
    memset(driver->ram + BUFFERS, 0, 64);
    uint16_t head = driver_add(driver, 0, &part, 1);
    driver_notify(driver, 0);
    uint16_t used;
    assert_int_equal(driver_wait(driver, 0, &used), 64);
    assert_int_equal(used, head);
    assert_false(all_zero(driver->ram + BUFFERS, 64));
}

static void device_tells_what_it_is(void **state)
{
    struct driver *driver = *state;
    assert_int_equal(reg_get(driver, 0x000), 0x74726976);
    assert_int_equal(reg_get(driver, 0x004), 2);
    assert_int_equal(reg_get(driver, 0x008), 4);
    assert_int_equal(reg_get(driver, 0x034), VIRTQUEUE_SIZE_MAX);
    reg_put(driver, 0x030, 1);
    assert_int_equal(reg_get(driver, 0x034), 0);
    reg_put(driver, 0x014, 1);
    assert_int_equal(reg_get(driver, 0x010), 1);
    reg_put(driver, 0x014, 2);
    assert_int_equal(reg_get(driver, 0x010), 0);
    assert_int_equal(reg_get(driver, 0x0b0), 0xffffffff);
    assert_int_equal(driver->log.count, 0);
}

static void empty_slot_has_device_id_0(void **state)
{
    struct driver *driver = *state;
    const struct virtio_wiring wiring = { driver->memory, { 0 }, &driver->log };
    struct device *empty = virtio_empty_create(&wiring);
    uint64_t value = 1;
    assert_true(empty->ops->read(empty->self, 8, 4, &value));
    assert_int_equal(value, 0);
    assert_true(empty->ops->read(empty->self, 0, 4, &value));
    assert_int_equal(value, 0x74726976);
    assert_true(empty->ops->write(empty->self, 0x70, 4, 15));
    assert_true(empty->ops->write(empty->self, 0x44, 4, 1));
    assert_true(empty->ops->write(empty->self, 0x50, 4, 0));
    empty->reset(empty->self);
    device_destroy(empty);
}

static void features_not_offered_are_refused(void **state)
{
    struct driver *driver = *state;
    assert_true(driver_negotiate(driver, VIRTIO_F_VERSION_1));
    assert_true(driver_negotiate(driver, VIRTIO_F_VERSION_1 | ALL_FEATURES));
    assert_false(driver_negotiate(driver, VIRTIO_F_VERSION_1 | 1));
    assert_false(driver_negotiate(driver, ALL_FEATURES)); /* a legacy driver */
    reg_put(driver, 0x070, 15);
    assert_int_equal(reg_get(driver, 0x070) & 4, 0); /* no DRIVER_OK then */
}

static void driver_gets_buffers_filled(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, 0, 1, 8);
    for (unsigned i = 0; i < 20; i++) { /* more than the ring has */
        expect_service(driver);
    }
    assert_true(driver->irq);
    assert_int_equal(reg_get(driver, 0x060), 1);
    reg_put(driver, 0x064, 1);
    assert_false(driver->irq);
    assert_int_equal(driver->log.count, 0);
}

static void indices_wrap_at_65536(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, VIRTIO_F_EVENT_IDX, 1, 4);
    const struct part part = { BUFFERS, 1, true };
    for (unsigned i = 0; i < 65536 + 10; i++) {
        driver_add(driver, 0, &part, 1);
        driver_notify(driver, 0);
        assert_true(driver_has_used(driver, 0));
        driver_wait(driver, 0, NULL);
    }
    assert_false(driver_needs_reset(driver));
}

static void interrupt_is_suppressed_by_flag(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, 0, 1, 8);
    ram_put16(driver, DRIVER_AREA(0), 1);
    expect_service(driver);
    assert_false(driver->irq);
    ram_put16(driver, DRIVER_AREA(0), 0);
    expect_service(driver);
    assert_true(driver->irq);
}

static void interrupt_comes_at_the_event_index(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, VIRTIO_F_EVENT_IDX, 1, 8);
    expect_service(driver); /* the first one signals in any case */
    reg_put(driver, 0x064, 1);
    uint64_t used_event = DRIVER_AREA(0) + 4 + 2 * 8;
    ram_put16(driver, used_event, 2); /* tell me when entry 2 is used */
    expect_service(driver);
    assert_false(driver->irq);
    expect_service(driver);
    assert_true(driver->irq);
}

static void device_asks_for_the_next_notification(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, VIRTIO_F_EVENT_IDX, 1, 8);
    for (uint16_t i = 1; i < 12; i++) {
        expect_service(driver);
        assert_int_equal(ram_get16(driver, DEVICE_AREA(0) + 4 + 8 * 8), i);
    }
}

static void indirect_table_is_followed(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, ALL_FEATURES, 1, 8);
    memset(driver->ram + BUFFERS, 0, 96);
    put_descriptor(driver, INDIRECT(0), 0, (struct ring_descriptor){ RAM_BASE + BUFFERS, 32, WRITE | NEXT, 2 });
    put_descriptor(driver, INDIRECT(0), 2, (struct ring_descriptor){ RAM_BASE + BUFFERS + 64, 32, WRITE, 0 });
    /* the write flag of the descriptor that refers to the table means nothing */
    put_descriptor(driver, DESCRIPTORS(0), 5,
                   (struct ring_descriptor){ RAM_BASE + INDIRECT(0), 48, INDIRECT_TABLE | WRITE, 0 });
    driver_offer(driver, 0, 5);
    driver_notify(driver, 0);
    uint16_t head;
    assert_int_equal(driver_wait(driver, 0, &head), 64);
    assert_int_equal(head, 5);
    assert_false(all_zero(driver->ram + BUFFERS, 32));
    assert_true(all_zero(driver->ram + BUFFERS + 32, 32));
    assert_false(all_zero(driver->ram + BUFFERS + 64, 32));
}

static void chain_may_end_with_an_indirect_table(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, ALL_FEATURES, 1, 8);
    put_descriptor(driver, DESCRIPTORS(0), 0, (struct ring_descriptor){ RAM_BASE + BUFFERS, 8, WRITE | NEXT, 1 });
    put_descriptor(driver, DESCRIPTORS(0), 1,
                   (struct ring_descriptor){ RAM_BASE + INDIRECT(0), 16, INDIRECT_TABLE, 0 });
    put_descriptor(driver, INDIRECT(0), 0, (struct ring_descriptor){ RAM_BASE + BUFFERS + 8, 8, WRITE, 0 });
    driver_offer(driver, 0, 0);
    driver_notify(driver, 0);
    assert_int_equal(driver_wait(driver, 0, NULL), 16);
}

static void chain_as_long_as_the_queue_is_served(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, 0, 1, VIRTQUEUE_SIZE_MAX);
    struct part parts[VIRTQUEUE_SIZE_MAX];
    for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX; i++) {
        parts[i] = (struct part){ BUFFERS + 2 * i, 1, true };
    }
    driver_add(driver, 0, parts, VIRTQUEUE_SIZE_MAX);
    driver_notify(driver, 0);
    assert_int_equal(driver_wait(driver, 0, NULL), VIRTQUEUE_SIZE_MAX);
}

/* ---- malformed rings ---- */

struct malformed {
    const char *what;
    uint64_t features;
    struct ring_descriptor ring[3];  /* descriptors 0, 1, 2 of a queue of 4 */
    struct ring_descriptor table[2]; /* at INDIRECT(0) */
    uint16_t head;
};

#define GOOD_BUFFER (RAM_BASE + BUFFERS)
#define TABLE       (RAM_BASE + INDIRECT(0))

static const struct malformed malformed_chains[] = {
    { "head out of range", 0, { { 0 } }, { { 0 } }, 4 },
    { "head far out of range", 0, { { 0 } }, { { 0 } }, 0xffff },
    { "size 0", 0, { { GOOD_BUFFER, 0, WRITE, 0 } }, { { 0 } }, 0 },
    { "address not RAM", 0, { { 0x1000, 16, WRITE, 0 } }, { { 0 } }, 0 },
    { "one byte past RAM", 0, { { RAM_BASE + RAM_SIZE - 16, 17, WRITE, 0 } }, { { 0 } }, 0 },
    { "address wraps around", 0, { { UINT64_MAX - 7, 16, WRITE, 0 } }, { { 0 } }, 0 },
    { "size reaches round to RAM", 0, { { RAM_BASE, 0xffffffff, WRITE, 0 } }, { { 0 } }, 0 },
    { "next out of range", 0, { { GOOD_BUFFER, 16, WRITE | NEXT, 4 } }, { { 0 } }, 0 },
    { "loop to itself", 0, { { GOOD_BUFFER, 16, WRITE | NEXT, 0 } }, { { 0 } }, 0 },
    { "loop of two", 0, { { GOOD_BUFFER, 16, WRITE | NEXT, 1 }, { GOOD_BUFFER, 16, WRITE | NEXT, 0 } }, { { 0 } }, 0 },
    { "readable after writable", 0, { { GOOD_BUFFER, 16, WRITE | NEXT, 1 }, { GOOD_BUFFER, 16, 0, 0 } }, { { 0 } }, 0 },
    { "indirect not negotiated", 0, { { TABLE, 16, INDIRECT_TABLE, 0 } }, { { GOOD_BUFFER, 16, WRITE, 0 } }, 0 },
    { "indirect inside indirect",
      ALL_FEATURES,
      { { TABLE, 32, INDIRECT_TABLE, 0 } },
      { { TABLE, 16, INDIRECT_TABLE, 0 } },
      0 },
    { "indirect with next",
      ALL_FEATURES,
      { { TABLE, 16, INDIRECT_TABLE | NEXT, 1 }, { GOOD_BUFFER, 16, WRITE, 0 } },
      { { GOOD_BUFFER, 16, WRITE, 0 } },
      0 },
    { "indirect of size 0", ALL_FEATURES, { { TABLE, 0, INDIRECT_TABLE, 0 } }, { { 0 } }, 0 },
    { "indirect of an odd size",
      ALL_FEATURES,
      { { TABLE, 17, INDIRECT_TABLE, 0 } },
      { { GOOD_BUFFER, 16, WRITE, 0 } },
      0 },
    { "indirect not in RAM", ALL_FEATURES, { { 0x2000, 16, INDIRECT_TABLE, 0 } }, { { 0 } }, 0 },
    { "indirect wraps around", ALL_FEATURES, { { UINT64_MAX - 15, 0xfffffff0, INDIRECT_TABLE, 0 } }, { { 0 } }, 0 },
    { "indirect next out of its table",
      ALL_FEATURES,
      { { TABLE, 32, INDIRECT_TABLE, 0 } },
      { { GOOD_BUFFER, 16, WRITE | NEXT, 2 } },
      0 },
    { "loop in an indirect table",
      ALL_FEATURES,
      { { TABLE, 32, INDIRECT_TABLE, 0 } },
      { { GOOD_BUFFER, 16, WRITE | NEXT, 1 }, { GOOD_BUFFER, 16, WRITE | NEXT, 0 } },
      0 },
};

static void chain_of_too_many_bytes_is_refused_but_for_small_buffers(void **state)
{
    struct driver *driver = *state;
    const uint32_t half = RAM_SIZE / 2;
    const unsigned most = (unsigned)(VIRTQUEUE_CHAIN_SIZE_MAX / half);
    for (unsigned count = most - 1; count <= most + 1; count++) {
        driver_start(driver, 0, 1, 256);
        struct part parts[256];
        for (unsigned i = 0; i < count; i++) {
            parts[i] = (struct part){ half, half, true };
        }
        parts[count] = (struct part){ BUFFERS, VIRTQUEUE_SMALL_SIZE, true };
        parts[count + 1] = (struct part){ BUFFERS, VIRTQUEUE_SMALL_SIZE + 1, true };
        driver_add(driver, 0, parts, count + 2);
        struct virtqueue_state queue_state = { .size = 256,
                                               .descriptors = RAM_BASE + DESCRIPTORS(0),
                                               .driver = RAM_BASE + DRIVER_AREA(0),
                                               .device = RAM_BASE + DEVICE_AREA(0) };
        struct virtqueue queue = { .state = &queue_state, .memory = driver->memory };
        struct virtqueue_chain chain;
        const char *reason;
        assert_int_equal(virtqueue_pop(&queue, &chain, &reason), VIRTQUEUE_CHAIN);
        assert_int_equal(chain.writable_size, (uint64_t)count * half + 2 * VIRTQUEUE_SMALL_SIZE + 1);
        assert_int_equal(chain.segments[count - 1].iov_base != NULL, count <= most);
        assert_non_null(chain.segments[count].iov_base);
        assert_int_equal(chain.segments[count + 1].iov_base != NULL, count < most);
        assert_int_equal(chain.refused, count >= most);
        virtqueue_drop(&queue, &chain);
    }
}

static void expect_news(const struct memory *memory, uint64_t *place, uint64_t offset)
{
    const uint8_t *page;
    assert_int_equal(watch_next(memory, place, &page), WATCH_CHANGED);
    assert_ptr_equal(page, memory_pointer(memory, gpa(RAM_BASE + offset), 1, MEMORY_READ));
}

/* Also of pages that were not watched before it began. */
static void a_device_tells_of_what_it_wrote_when_it_has(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, 0, 1, 4);
    const struct part parts[] = { { BUFFERS, 16, false }, { BUFFERS + PAGE_SIZE, 2 * PAGE_SIZE, true } };
    driver_add(driver, 0, parts, 2);
    struct virtqueue_state queue_state = { .size = 4,
                                           .descriptors = RAM_BASE + DESCRIPTORS(0),
                                           .driver = RAM_BASE + DRIVER_AREA(0),
                                           .device = RAM_BASE + DEVICE_AREA(0) };
    struct virtqueue queue = { .state = &queue_state, .memory = driver->memory };
    struct virtqueue_chain chain;
    const char *reason;
    uint64_t place = watch_now(driver->memory);
    assert_int_equal(virtqueue_pop(&queue, &chain, &reason), VIRTQUEUE_CHAIN);
    const uint64_t pages[] = { BUFFERS, BUFFERS + PAGE_SIZE, BUFFERS + 2 * PAGE_SIZE, DEVICE_AREA(0) };
    for (unsigned i = 0; i < 4; i++) {
        watch_page(driver->memory, driver->ram + pages[i]);
    }
    assert_int_equal(virtqueue_write(&chain, 0, "x", 1), 1);
    assert_true(virtqueue_push(&queue, &chain, 1));
    expect_news(driver->memory, &place, BUFFERS + PAGE_SIZE);
    expect_news(driver->memory, &place, BUFFERS + 2 * PAGE_SIZE);
    expect_news(driver->memory, &place, DEVICE_AREA(0));
    const uint8_t *page;
    assert_int_equal(watch_next(driver->memory, &place, &page), WATCH_NOTHING);
}

static void malformed_chain_makes_the_device_need_a_reset(void **state)
{
    struct driver *driver = *state;
    for (size_t i = 0; i < sizeof malformed_chains / sizeof malformed_chains[0]; i++) {
        const struct malformed *each = &malformed_chains[i];
        print_message("# %s\n", each->what);
        driver_start(driver, each->features, 1, 4);
        for (unsigned j = 0; j < 3; j++) {
            put_descriptor(driver, DESCRIPTORS(0), j, each->ring[j]);
        }
        for (unsigned j = 0; j < 2; j++) {
            put_descriptor(driver, INDIRECT(0), j, each->table[j]);
        }
        uint64_t logged = driver->log.count;
        driver_offer(driver, 0, each->head);
        driver_notify(driver, 0);
        assert_true(driver_needs_reset(driver));
        assert_int_equal(driver->log.count, logged + 1);
        assert_false(driver_has_used(driver, 0));
        assert_int_equal(reg_get(driver, 0x060), 2); /* configuration change */
        assert_true(driver->irq);
        driver_notify(driver, 0); /* nothing happens until the reset */
        assert_int_equal(driver->log.count, logged + 1);
    }
    driver_start(driver, 0, 1, 4);
    assert_false(driver->irq);
    expect_service(driver);
}

static void available_index_may_lead_by_the_queue_size_only(void **state)
{
    struct driver *driver = *state;
    for (uint16_t lead = 3; lead <= 5; lead++) {
        driver_start(driver, 0, 1, 4);
        for (unsigned i = 0; i < 4; i++) {
            put_descriptor(driver, DESCRIPTORS(0), i, (struct ring_descriptor){ GOOD_BUFFER, 16, WRITE, 0 });
        }
        ram_put16(driver, DRIVER_AREA(0) + 2, lead);
        driver_notify(driver, 0);
        assert_int_equal(driver_needs_reset(driver), lead > 4);
        assert_int_equal(ram_get16(driver, DEVICE_AREA(0) + 2), lead > 4 ? 0 : lead);
    }
}

static void set_area(const struct driver *driver, uint64_t reg, uint64_t address)
{
    reg_put(driver, reg, (uint32_t)address);
    reg_put(driver, reg + 4, (uint32_t)(address >> 32));
}

static void queue_with_wrong_areas_is_not_made_ready(void **state)
{
    struct driver *driver = *state;
    const uint64_t end = RAM_BASE + RAM_SIZE;
    const struct {
        uint64_t reg;
        uint64_t address;
        bool good;
    } cases[] = {
        { 0x080, end - 64, true },  { 0x080, end - 48, false },        { 0x080, RAM_BASE + 8, false },
        { 0x080, 0, false },        { 0x080, UINT64_MAX - 15, false }, { 0x090, end - 14, true },
        { 0x090, end - 12, false }, { 0x090, RAM_BASE + 1, false },    { 0x0a0, end - 40, true },
        { 0x0a0, end - 36, false }, { 0x0a0, RAM_BASE + 2, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(driver_negotiate(driver, VIRTIO_F_VERSION_1));
        driver_set_queue(driver, 0, 4);
        reg_put(driver, 0x044, 0);
        reg_put(driver, 0x038, 4);
        set_area(driver, 0x080, RAM_BASE);
        set_area(driver, 0x090, RAM_BASE);
        set_area(driver, 0x0a0, RAM_BASE);
        set_area(driver, cases[i].reg, cases[i].address);
        reg_put(driver, 0x044, 1);
        assert_int_equal(reg_get(driver, 0x044), cases[i].good);
        assert_int_equal(driver_needs_reset(driver), !cases[i].good);
    }
}

static void queue_size_must_be_a_power_of_two_in_range(void **state)
{
    struct driver *driver = *state;
    static const struct {
        uint32_t size;
        bool good;
    } cases[] = { { 0, false },  { 1, true },    { 2, true },    { 3, false },     { 255, false },
                  { 256, true }, { 257, false }, { 512, false }, { 65536, false }, { 0xffffffff, false } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(driver_negotiate(driver, VIRTIO_F_VERSION_1));
        reg_put(driver, 0x030, 0);
        set_area(driver, 0x080, RAM_BASE);
        set_area(driver, 0x090, RAM_BASE + 0x4000);
        set_area(driver, 0x0a0, RAM_BASE + 0x8000);
        reg_put(driver, 0x038, cases[i].size);
        reg_put(driver, 0x044, 1);
        assert_int_equal(reg_get(driver, 0x044), cases[i].good);
    }
}

static void registers_of_a_ready_queue_cannot_be_changed(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, 0, 1, 8);
    reg_put(driver, 0x038, 4);
    reg_put(driver, 0x080, 0);
    reg_put(driver, 0x0a4, 0xffffffff);
    assert_int_equal(driver->log.count, 3);
    expect_service(driver);
}

static void queue_that_is_not_running_is_left_alone(void **state)
{
    struct driver *driver = *state;
    const struct part part = { BUFFERS, 64, true };
    assert_true(driver_negotiate(driver, VIRTIO_F_VERSION_1));
    driver_set_queue(driver, 0, 8);
    driver_add(driver, 0, &part, 1);
    driver_notify(driver, 0); /* before DRIVER_OK */
    assert_false(driver_has_used(driver, 0));
    reg_put(driver, 0x070, 15);
    driver_wait(driver, 0, NULL); /* DRIVER_OK serves what waits */
    reg_put(driver, 0x044, 0);
    assert_int_equal(reg_get(driver, 0x044), 0);
    driver_add(driver, 0, &part, 1);
    driver_notify(driver, 0);
    driver_notify(driver, 1);
    driver_notify(driver, 0xffffffff);
    assert_false(driver_has_used(driver, 0));
    assert_int_equal(driver->log.count, 2);
}

static void reset_brings_back_the_first_state(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, ALL_FEATURES, 1, 8);
    expect_service(driver);
    reg_put(driver, 0x070, 0);
    assert_int_equal(reg_get(driver, 0x070), 0);
    assert_int_equal(reg_get(driver, 0x060), 0);
    assert_int_equal(reg_get(driver, 0x044), 0);
    assert_false(driver->irq);
    driver_start(driver, 0, 1, 4);
    expect_service(driver);
    driver->device->reset(driver->device->self);
    assert_int_equal(reg_get(driver, 0x070), 0);
}

static void status_bits_stay_until_a_reset(void **state)
{
    struct driver *driver = *state;
    reg_put(driver, 0x070, 3);
    reg_put(driver, 0x070, 1);
    assert_int_equal(reg_get(driver, 0x070), 3);
    assert_int_equal(driver->log.count, 1);
    reg_put(driver, 0x070, 0xff); /* NEEDS_RESET is not the driver's to set */
    assert_int_equal(reg_get(driver, 0x070) & 64, 0);
}

static void wrong_accesses_are_logged(void **state)
{
    struct driver *driver = *state;
    uint64_t value = 1;
    static const struct {
        uint64_t offset;
        unsigned size;
    } cases[] = { { 0x000, 1 }, { 0x000, 8 }, { 0x00c + 0x10, 4 }, { 0x100, 4 }, { 0xffc, 4 }, { 0xff8, 8 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(driver->device->ops->read(driver->device->self, cases[i].offset, cases[i].size, &value));
        assert_int_equal(value, 0);
        assert_true(driver->device->ops->write(driver->device->self, cases[i].offset, cases[i].size, 1));
        assert_int_equal(driver->log.count, 2 * (i + 1));
    }
}

static void entropy_request_is_bounded(void **state)
{
    struct driver *driver = *state;
    driver_start(driver, 0, 1, 8);
    const struct part huge[2] = { { BUFFERS, 0x20000, true }, { BUFFERS, 0x20000, true } };
    driver_add(driver, 0, huge, 2);
    driver_notify(driver, 0);
    assert_int_equal(driver_wait(driver, 0, NULL), 65536);
    const struct part readable = { BUFFERS, 16, false };
    driver_add(driver, 0, &readable, 1);
    driver_notify(driver, 0);
    assert_int_equal(driver_wait(driver, 0, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(device_tells_what_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_slot_has_device_id_0, setup, teardown),
        cmocka_unit_test_setup_teardown(features_not_offered_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(driver_gets_buffers_filled, setup, teardown),
        cmocka_unit_test_setup_teardown(indices_wrap_at_65536, setup, teardown),
        cmocka_unit_test_setup_teardown(interrupt_is_suppressed_by_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(interrupt_comes_at_the_event_index, setup, teardown),
        cmocka_unit_test_setup_teardown(device_asks_for_the_next_notification, setup, teardown),
        cmocka_unit_test_setup_teardown(indirect_table_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(chain_may_end_with_an_indirect_table, setup, teardown),
        cmocka_unit_test_setup_teardown(chain_as_long_as_the_queue_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(chain_of_too_many_bytes_is_refused_but_for_small_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_tells_of_what_it_wrote_when_it_has, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_chain_makes_the_device_need_a_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(available_index_may_lead_by_the_queue_size_only, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_with_wrong_areas_is_not_made_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_size_must_be_a_power_of_two_in_range, setup, teardown),
        cmocka_unit_test_setup_teardown(registers_of_a_ready_queue_cannot_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_that_is_not_running_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_brings_back_the_first_state, setup, teardown),
        cmocka_unit_test_setup_teardown(status_bits_stay_until_a_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_accesses_are_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(entropy_request_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
