/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/blk.h"

#include "virtio_driver.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8, TYPE_DISCARD = 11, TYPE_WRITE_ZEROES = 13 };
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPP = 2 };

#define FEATURE_FLUSH   (UINT64_C(1) << 9)
#define FEATURE_DISCARD (UINT64_C(1) << 13)
#define FEATURE_ZEROES  (UINT64_C(1) << 14)
#define ALL_FEATURES    (FEATURE_FLUSH | FEATURE_DISCARD | FEATURE_ZEROES | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

#define SECTORS         UINT64_C(64)
#define HEADER          BUFFERS
#define STATUS          (BUFFERS + 0x100)
#define DATA            (BUFFERS + 0x1000)

struct fixture {
    struct driver driver;
    char path[64];
    struct virtio_wiring wiring;
    struct rights *rights; /* of trust levels; NULL: there are none */
};

static struct device *open_disk(struct fixture *fixture, bool readonly)
{
    struct error error;
    const struct virtio_blk_config config = { .path = fixture->path, .readonly = readonly, .serial = "disk-1" };
    struct device *device = virtio_blk_create(&fixture->wiring, &config, &error);
    if (device == NULL) {
        print_message("# %s\n", error.text);
    }
    return device;
}

static int setup_levels(void **state, unsigned level_count, unsigned level)
{
    static struct fixture fixture;
    fixture.wiring = driver_init(&fixture.driver);
    fixture.wiring.level = level;
    fixture.rights = level_count > 1 ? rights_create(fixture.driver.memory, level_count) : NULL;
    strcpy(fixture.path, "/tmp/ravelin-test-blk-XXXXXX");
    int fd = mkstemp(fixture.path);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < SECTORS; i++) {
        uint8_t sector[512];
        memset(sector, (int)i + 1, sizeof sector);
        assert_int_equal(write(fd, sector, sizeof sector), sizeof sector);
    }
    close(fd);
    fixture.driver.device = open_disk(&fixture, false);
    assert_non_null(fixture.driver.device);
    *state = &fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_levels(state, 1, 0);
}

static int setup_two_levels(void **state)
{
    return setup_levels(state, 2, 0);
}

static int setup_at_level_1(void **state)
{
    return setup_levels(state, 3, 1);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    device_destroy(fixture->driver.device);
    rights_destroy(fixture->rights);
    memory_destroy(fixture->driver.memory);
    unlink(fixture->path);
    return 0;
}

static void put_header(struct driver *driver, uint32_t type, uint64_t sector)
{
    memset(driver->ram + HEADER, 0, 16);
    memcpy(driver->ram + HEADER, &type, 4);
    memcpy(driver->ram + HEADER + 8, &sector, 8);
    driver->ram[STATUS] = 0xff;
}

/* One request with `size` bytes of data at DATA; returns its status. */
static uint8_t request(struct driver *driver, uint32_t type, uint64_t sector, uint32_t size, bool writable)
{
    put_header(driver, type, sector);
    const struct part parts[3] = { { HEADER, 16, false }, { DATA, size, writable }, { STATUS, 1, true } };
    const struct part short_parts[2] = { parts[0], parts[2] };
    driver_add(driver, 0, size != 0 ? parts : short_parts, size != 0 ? 3 : 2);
    driver_notify(driver, 0);
    uint32_t written = driver_wait(driver, 0, NULL);
    assert_int_equal(written, (writable ? size : 0) + 1);
    return driver->ram[STATUS];
}

static void sectors_are_read(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    assert_int_equal(request(driver, TYPE_IN, 5, 1024, true), STATUS_OK);
    assert_int_equal(driver->ram[DATA], 6);
    assert_int_equal(driver->ram[DATA + 511], 6);
    assert_int_equal(driver->ram[DATA + 512], 7);
    assert_int_equal(driver->ram[DATA + 1023], 7);
}

static void written_sectors_are_in_the_image(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    memset(driver->ram + DATA, 0xaa, 512);
    assert_int_equal(request(driver, TYPE_OUT, SECTORS - 1, 512, false), STATUS_OK);
    assert_int_equal(request(driver, TYPE_FLUSH, 0, 0, false), STATUS_OK);
    uint8_t bytes[1024];
    int fd = open(fixture->path, O_RDONLY);
    assert_int_equal(pread(fd, bytes, 1024, (off_t)(SECTORS - 2) * 512), 1024);
    close(fd);
    assert_int_equal(bytes[511], SECTORS - 1);
    assert_int_equal(bytes[512], 0xaa);
    assert_int_equal(bytes[1023], 0xaa);
}

static void request_may_be_cut_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, 0, 1, 16);
    put_header(driver, TYPE_IN, 1);
    /* header in two pieces; data of 512 bytes and the status in three pieces across their border */
    const struct part parts[] = { { HEADER, 3, false },
                                  { HEADER + 3, 13, false },
                                  { DATA, 100, true },
                                  { DATA + 100, 400, true },
                                  { DATA + 500, 12 + 1, true } };
    driver_add(driver, 0, parts, 5);
    driver->ram[DATA + 512] = 0xff;
    driver_notify(driver, 0);
    assert_int_equal(driver_wait(driver, 0, NULL), 513);
    assert_int_equal(driver->ram[DATA], 2);
    assert_int_equal(driver->ram[DATA + 511], 2);
    assert_int_equal(driver->ram[DATA + 512], STATUS_OK);
}

static void requests_out_of_range_are_io_errors(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    static const struct {
        uint64_t sector;
        uint32_t size;
        uint8_t status;
    } cases[] = {
        { SECTORS - 1, 512, STATUS_OK },   { SECTORS - 1, 1024, STATUS_IOERR },
        { SECTORS, 512, STATUS_IOERR },    { SECTORS + 1, 512, STATUS_IOERR },
        { UINT64_MAX, 512, STATUS_IOERR }, { UINT64_MAX / 512 + 1, 512, STATUS_IOERR },
        { 0, 511, STATUS_IOERR },          { 0, 513, STATUS_IOERR },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(request(driver, TYPE_IN, cases[i].sector, cases[i].size, true), cases[i].status);
        assert_int_equal(request(driver, TYPE_OUT, cases[i].sector, cases[i].size, false), cases[i].status);
    }
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_size, SECTORS * 512);
}

static void request_beyond_the_limits_told_is_an_io_error(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    device_destroy(driver->device);
    assert_int_equal(truncate(fixture->path, 200 << 20), 0);
    driver->device = open_disk(fixture, false);
    driver_start(driver, 0, 1, 256);
    struct part parts[256] = { { HEADER, 16, false } };
    for (unsigned extra = 0; extra < 2; extra++) { /* 254 segments of the largest size; then one has a sector more */
        put_header(driver, TYPE_IN, 0);
        for (unsigned i = 1; i < 255; i++) {
            parts[i] = (struct part){ 0x80000, (1 << 18) + (i == 254 ? extra * 512 : 0), true };
        }
        parts[255] = (struct part){ STATUS, 1, true };
        driver_add(driver, 0, parts, 256);
        driver_notify(driver, 0);
        driver_wait(driver, 0, NULL);
        assert_int_equal(driver->ram[STATUS], extra != 0 ? STATUS_IOERR : STATUS_OK);
    }
}

static void unknown_request_is_unsupported(void **state)
{
    struct fixture *fixture = *state;
    driver_start(&fixture->driver, ALL_FEATURES, 1, 16);
    assert_int_equal(request(&fixture->driver, 2, 0, 512, true), STATUS_UNSUPP);
    assert_int_equal(request(&fixture->driver, 0xffffffff, 0, 0, false), STATUS_UNSUPP);
}

static void id_is_the_serial_number(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    memset(driver->ram + DATA, 0xff, 32);
    assert_int_equal(request(driver, TYPE_GET_ID, 0, 20, true), STATUS_OK);
    assert_string_equal((char *)driver->ram + DATA, "disk-1");
    assert_int_equal(driver->ram[DATA + 20], 0xff);
}

static void put_range(struct driver *driver, unsigned index, uint64_t sector, uint32_t count, uint32_t flags)
{
    uint8_t *place = driver->ram + DATA + 16 * index;
    memcpy(place, &sector, 8);
    memcpy(place + 8, &count, 4);
    memcpy(place + 12, &flags, 4);
}

static void zeroes_are_written(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    put_range(driver, 0, 2, 3, 0);
    put_range(driver, 1, 10, 1, 1);
    assert_int_equal(request(driver, TYPE_WRITE_ZEROES, 0, 32, false), STATUS_OK);
    static const uint8_t expected[] = { 1, 2, 0, 0, 0, 6, 7, 8, 9, 10, 0, 12 };
    for (unsigned i = 0; i < sizeof expected; i++) {
        assert_int_equal(request(driver, TYPE_IN, i, 512, true), STATUS_OK);
        assert_int_equal(driver->ram[DATA], expected[i]);
        assert_int_equal(driver->ram[DATA + 511], expected[i]);
    }
}

static void wrong_ranges_are_refused_whole(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    put_range(driver, 0, 0, 1, 0);
    put_range(driver, 1, SECTORS - 1, 2, 0);
    assert_int_equal(request(driver, TYPE_WRITE_ZEROES, 0, 32, false), STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 32, false), STATUS_IOERR);
    put_range(driver, 1, UINT64_MAX, 2, 0);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 32, false), STATUS_IOERR);
    put_range(driver, 1, 0, 1, 2);
    assert_int_equal(request(driver, TYPE_WRITE_ZEROES, 0, 32, false), STATUS_UNSUPP);
    put_range(driver, 1, 0, 1, 1);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 32, false), STATUS_UNSUPP);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 17, false), STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 16 * 17, false), STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 0, false), STATUS_IOERR);
    put_range(driver, 0, 0, 0, 0);
    assert_int_equal(request(driver, TYPE_DISCARD, 0, 16, false), STATUS_OK);
    assert_int_equal(request(driver, TYPE_IN, 0, 512, true), STATUS_OK);
    assert_int_equal(driver->ram[DATA], 1); /* nothing was cleared */
}

static void discard_needs_its_feature(void **state)
{
    struct fixture *fixture = *state;
    driver_start(&fixture->driver, 0, 1, 16);
    put_range(&fixture->driver, 0, 0, 1, 0);
    assert_int_equal(request(&fixture->driver, TYPE_DISCARD, 0, 16, false), STATUS_UNSUPP);
    assert_int_equal(request(&fixture->driver, TYPE_WRITE_ZEROES, 0, 16, false), STATUS_UNSUPP);
}

static void readonly_disk_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    device_destroy(driver->device);
    driver->device = open_disk(fixture, true);
    assert_non_null(driver->device);
    assert_int_equal(reg_get(driver, 0x010) & (1 << 5), 1 << 5);
    assert_int_equal(reg_get(driver, 0x010) & (FEATURE_DISCARD | FEATURE_ZEROES), 0);
    driver_start(driver, FEATURE_FLUSH, 1, 16);
    assert_int_equal(request(driver, TYPE_OUT, 0, 512, false), STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_FLUSH, 0, 0, false), STATUS_OK);
    assert_int_equal(request(driver, TYPE_IN, 0, 512, true), STATUS_OK);
    assert_int_equal(driver->ram[DATA], 1);
}

static void image_cut_short_gives_io_errors(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    assert_int_equal(truncate(fixture->path, 10 * 512), 0);
    assert_int_equal(request(driver, TYPE_IN, 9, 512, true), STATUS_OK);
    assert_int_equal(request(driver, TYPE_IN, 9, 1024, true), STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_IN, 10, 512, true), STATUS_IOERR);
}

static void image_that_cannot_grow_gives_io_errors_and_keeps_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit tight = { 20 * 512, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    memset(driver->ram + DATA, 0xbb, 1024);
    uint8_t fits = request(driver, TYPE_OUT, 18, 1024, false);
    uint8_t beyond = request(driver, TYPE_OUT, 19, 1024, false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(fits, STATUS_OK);
    assert_int_equal(beyond, STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_IN, 18, 1024, true), STATUS_OK);
    assert_int_equal(driver->ram[DATA], 0xbb);
    assert_int_equal(driver->ram[DATA + 1023], 0xbb);
}

static void request_without_header_or_status_needs_a_reset(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    const struct part chains[3][2] = {
        { { HEADER, 15, false }, { STATUS, 1, true } },
        { { HEADER, 16, false }, { DATA, 512, false } },
        { { STATUS, 1, true }, { DATA, 512, true } },
    };
    for (unsigned i = 0; i < 3; i++) {
        driver_start(driver, ALL_FEATURES, 1, 16);
        put_header(driver, TYPE_IN, 0);
        driver_add(driver, 0, chains[i], 2);
        driver_notify(driver, 0);
        virtio_blk_drain(driver->device);
        assert_true(driver_needs_reset(driver));
        assert_false(driver_has_used(driver, 0));
    }
    driver_start(driver, ALL_FEATURES, 1, 16);
    assert_int_equal(request(driver, TYPE_IN, 0, 512, true), STATUS_OK);
}

static void many_requests_in_flight_are_all_served(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 256);
    enum { COUNT = 64 };
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t header = BUFFERS + 32 * i;
        memset(driver->ram + header, 0, 16);
        driver->ram[header + 8] = (uint8_t)i;
        driver->ram[header + 16] = 0xff;
        const struct part parts[] = { { header, 16, false },
                                      { DATA + 0x1000 + 512 * i, 512, true },
                                      { header + 16, 1, true } };
        driver_add(driver, 0, parts, 3);
    }
    driver_notify(driver, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        driver_wait(driver, 0, NULL);
        assert_int_equal(driver->ram[BUFFERS + 32 * i + 16], STATUS_OK);
        assert_int_equal(driver->ram[DATA + 0x1000 + 512 * i], i + 1);
    }
}

/* While requests are on their way the device is reset, over and over; afterwards no thread touches guest memory. */
static void reset_waits_for_requests_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    for (unsigned round = 0; round < 200; round++) {
        driver_start(driver, ALL_FEATURES, 1, 16);
        put_header(driver, TYPE_IN, 0);
        const struct part parts[3] = { { HEADER, 16, false }, { DATA, 16384, true }, { STATUS, 1, true } };
        for (unsigned i = 0; i < 5; i++) {
            driver_add(driver, 0, parts, 3);
        }
        driver_notify(driver, 0);
        if (round % 2 != 0) {
            usleep(round);
        }
        reg_put(driver, 0x070, 0);
        memset(driver->ram + DATA, 0xee, 16384);
        assert_int_equal(reg_get(driver, 0x070), 0);
        assert_int_equal(reg_get(driver, 0x060), 0);
        assert_int_equal(driver->ram[DATA], 0xee);
        assert_int_equal(driver->ram[DATA + 16383], 0xee);
    }
}

static void *hammer(void *argument)
{
    const struct driver *driver = argument;
    for (unsigned i = 0; i < 2000; i++) {
        reg_put(driver, 0x064, 3);
        driver_notify(driver, 0);
        reg_get(driver, 0x060);
        if (i % 100 == 0) {
            reg_put(driver, 0x044, 0);
        }
    }
    return NULL;
}

static void vcpus_may_use_the_registers_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    pthread_t threads[2];
    driver_start(driver, ALL_FEATURES, 1, 16);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, driver), 0);
    }
    for (unsigned i = 0; i < 50; i++) {
        reg_put(driver, 0x070, 0);
        usleep(100);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void device_ends_with_requests_outstanding(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    driver_start(driver, ALL_FEATURES, 1, 16);
    put_header(driver, TYPE_IN, 0);
    const struct part parts[3] = { { HEADER, 16, false }, { DATA, 16384, true }, { STATUS, 1, true } };
    for (unsigned i = 0; i < 5; i++) {
        driver_add(driver, 0, parts, 3);
    }
    driver_notify(driver, 0); /* teardown destroys the device now */
}

static void configuration_tells_size_and_limits(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    assert_int_equal(reg_get(driver, 0x100), SECTORS);
    assert_int_equal(reg_get(driver, 0x104), 0);
    assert_int_equal(reg_get(driver, 0x100 + 12), VIRTQUEUE_SIZE_MAX - 2);
    assert_int_equal(reg_get(driver, 0x100 + 20), 512);
    uint64_t value = 0;
    assert_true(driver->device->ops->read(driver->device->self, 0x100, 8, &value));
    assert_int_equal(value, SECTORS);
    assert_true(driver->device->ops->read(driver->device->self, 0x100 + 56, 1, &value));
    assert_int_equal(value, 1);
    uint64_t logged = driver->log.count;
    reg_put(driver, 0x100, 1); /* it cannot be written */
    assert_int_equal(driver->log.count, logged + 1);
}

static void expect_refusal(struct fixture *fixture, const char *path, bool readonly, const char *why)
{
    struct error error = { "" };
    const struct virtio_blk_config config = { .path = path, .readonly = readonly };
    assert_null(virtio_blk_create(&fixture->wiring, &config, &error));
    print_message("# %s\n", error.text);
    assert_non_null(strstr(error.text, why));
    assert_null(strchr(error.text, '\n'));
}

static void unusable_images_are_refused(void **state)
{
    struct fixture *fixture = *state;
    expect_refusal(fixture, "/nonexistent/disk.img", false, "there is no disk image");
    expect_refusal(fixture, "/tmp", false, "cannot open");
    expect_refusal(fixture, "/tmp", true, "neither a file nor a block device");
    expect_refusal(fixture, "/dev/null", false, "neither a file nor a block device");
    expect_refusal(fixture, fixture->path, false, "in use");
    expect_refusal(fixture, fixture->path, true, "in use");
    device_destroy(fixture->driver.device);
    fixture->driver.device = NULL;
    assert_int_equal(truncate(fixture->path, 511), 0);
    expect_refusal(fixture, fixture->path, false, "not a multiple of 512");
    assert_int_equal(truncate(fixture->path, 0), 0);
    expect_refusal(fixture, fixture->path, false, "empty");
}

static void readonly_image_may_be_shared(void **state)
{
    struct fixture *fixture = *state;
    device_destroy(fixture->driver.device);
    fixture->driver.device = open_disk(fixture, true);
    struct device *second = open_disk(fixture, true);
    assert_non_null(second);
    device_destroy(second);
}

/* ---- Page rights of trust levels: the disk is level 0's ---- */

static void deny_by(struct rights *rights, unsigned enforcer, unsigned denied, uint64_t offset)
{
    uint64_t page = (RAM_BASE + offset) >> PAGE_SHIFT;
    size_t failed;
    assert_true(rights_change(rights, NULL, enforcer, denied, &page, 1, &failed)); /* returns: nothing stays pinned */
}

static void deny(struct rights *rights, unsigned denied, uint64_t offset)
{
    deny_by(rights, 1, denied, offset);
}

static void buffers_that_page_rights_refuse_are_io_errors(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    struct rights *rights = fixture->rights;
    driver_start(driver, ALL_FEATURES, 1, 16);
    deny(rights, ATTRIBUTE_WRITE, DATA + 0x1000);
    driver->ram[DATA] = driver->ram[DATA + 0x1000] = 0x77;
    assert_int_equal(request(driver, TYPE_IN, 5, 0x1200, true), STATUS_IOERR);
    assert_int_equal(driver->ram[DATA], 0x77); /* nothing is moved of a request that is refused in part */
    assert_int_equal(driver->ram[DATA + 0x1000], 0x77);
    assert_int_equal(request(driver, TYPE_IN, 5, 0x1000, true), STATUS_OK);
    assert_int_equal(request(driver, TYPE_OUT, 5, 0x1200, false), STATUS_OK); /* it may still be read */
    deny(rights, ATTRIBUTE_READ | ATTRIBUTE_WRITE, DATA + 0x1000);
    assert_int_equal(request(driver, TYPE_OUT, 5, 0x1200, false), STATUS_IOERR);
    deny(rights, 0, DATA + 0x1000);
    assert_int_equal(request(driver, TYPE_OUT, 5, 0x1200, false), STATUS_OK);
    assert_false(driver_needs_reset(driver));
}

static void status_that_page_rights_refuse_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    struct rights *rights = fixture->rights;
    driver_start(driver, ALL_FEATURES, 1, 16);
    deny(rights, ATTRIBUTE_WRITE, STATUS); /* the header is in the same page and may be read */
    put_header(driver, TYPE_IN, 1);
    const struct part parts[3] = { { HEADER, 16, false }, { DATA, 512, true }, { STATUS, 1, true } };
    driver_add(driver, 0, parts, 3);
    driver_notify(driver, 0);
    assert_int_equal(driver_wait(driver, 0, NULL), 0);
    assert_int_equal(driver->ram[STATUS], 0xff);
    assert_false(driver_needs_reset(driver));
}

static void rings_that_page_rights_refuse_need_a_reset(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    struct rights *rights = fixture->rights;
    const uint64_t areas[] = { DESCRIPTORS(0), DRIVER_AREA(0), DEVICE_AREA(0) };
    for (unsigned i = 0; i < 3; i++) {
        driver_start(driver, ALL_FEATURES, 1, 16);
        deny(rights, i == 2 ? ATTRIBUTE_WRITE : ATTRIBUTE_READ | ATTRIBUTE_WRITE, areas[i]);
        put_header(driver, TYPE_IN, 1);
        const struct part parts[3] = { { HEADER, 16, false }, { DATA, 512, true }, { STATUS, 1, true } };
        driver_add(driver, 0, parts, 3);
        driver_notify(driver, 0);
        for (unsigned wait = 0; wait < 10000 && !driver_needs_reset(driver); wait++) {
            usleep(1000);
        }
        assert_true(driver_needs_reset(driver));
        assert_int_equal(ram_get16(driver, DEVICE_AREA(0) + 2), 0);
        assert_true(driver_negotiate(driver, VIRTIO_F_VERSION_1)); /* and cannot be made ready now */
        driver_set_queue(driver, 0, 16);
        assert_int_equal(reg_get(driver, 0x044), 0);
        deny(rights, 0, areas[i]);
    }
}

/* It may be as large as memory: what of it is not read need not be readable. */
static void an_indirect_table_is_refused_where_it_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    const uint64_t table = 0x30000, size = 2 * PAGE_SIZE;
    const struct ring_descriptor parts[] = { { RAM_BASE + HEADER, 16, NEXT, 1 },
                                             { RAM_BASE + DATA, 512, NEXT | WRITE, 0 },
                                             { RAM_BASE + STATUS, 1, WRITE, 0 } };
    deny(fixture->rights, ATTRIBUTE_READ | ATTRIBUTE_WRITE, table + PAGE_SIZE);
    for (uint16_t last = 255; last <= 256; last++) { /* of the readable page, of the other one */
        driver_start(driver, ALL_FEATURES, 1, 16);
        put_header(driver, TYPE_IN, 1);
        put_descriptor(driver, table, 0, parts[0]);
        put_descriptor(driver, table, 1, parts[1]);
        put_descriptor(driver, table, last, parts[2]);
        ram_put16(driver, table + 16 + 14, last);
        put_descriptor(driver, DESCRIPTORS(0), 0,
                       (struct ring_descriptor){ RAM_BASE + table, (uint32_t)size, INDIRECT_TABLE, 0 });
        ram_put16(driver, DRIVER_AREA(0) + 4, 0);
        ram_put16(driver, DRIVER_AREA(0) + 2, 1);
        driver_notify(driver, 0);
        for (unsigned wait = 0;
             wait < 10000 && !driver_needs_reset(driver) && ram_get16(driver, DEVICE_AREA(0) + 2) == 0; wait++) {
            usleep(1000);
        }
        assert_int_equal(ram_get16(driver, DEVICE_AREA(0) + 2), last == 255);
        assert_int_equal(driver_needs_reset(driver), last == 256);
    }
    deny(fixture->rights, 0, table + PAGE_SIZE);
}

static void a_disk_of_a_higher_level_has_the_rights_of_that(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    const uint64_t pages[] = { DESCRIPTORS(0), DRIVER_AREA(0), DEVICE_AREA(0), HEADER, DATA };
    for (unsigned i = 0; i < sizeof pages / sizeof *pages; i++) {
        deny(fixture->rights, ATTRIBUTE_READ | ATTRIBUTE_WRITE, pages[i]); /* to level 0 */
    }
    driver_start(driver, ALL_FEATURES, 1, 16);
    assert_int_equal(request(driver, TYPE_IN, 5, 0x200, true), STATUS_OK);
    assert_int_equal(request(driver, TYPE_OUT, 5, 0x200, false), STATUS_OK);
    deny_by(fixture->rights, 2, ATTRIBUTE_WRITE, DATA);
    assert_int_equal(request(driver, TYPE_IN, 5, 0x200, true), STATUS_IOERR);
    assert_int_equal(request(driver, TYPE_OUT, 5, 0x200, false), STATUS_OK);
    assert_false(driver_needs_reset(driver));
}

/* Transfers go on while rights change: what a page holds when the call has returned is not written any more. */
static void a_change_waits_for_transfers_under_way(void **state)
{
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    struct rights *rights = fixture->rights;
    driver_start(driver, ALL_FEATURES, 1, 16);
    const uint32_t size = (uint32_t)SECTORS * 512;
    const struct part parts[3] = { { HEADER, 16, false }, { DATA, size, true }, { STATUS, 1, true } };
    put_header(driver, TYPE_IN, 0);
    unsigned changed_count = 0;
    for (unsigned round = 0; round < 200; round++) {
        driver_add(driver, 0, parts, 3);
        driver_notify(driver, 0);
        for (unsigned pause = 0; pause < round; pause++) { /* somewhere between too early and too late */
            __asm__ volatile("" ::: "memory");
            sched_yield();
        }
        deny(rights, ATTRIBUTE_WRITE, DATA + size - PAGE_SIZE);
        uint8_t *last = driver->ram + DATA + size - 1;
        *last = 0xee; /* the monitor's own write */
        driver_wait(driver, 0, NULL);
        assert_int_equal(*last, 0xee);
        changed_count += driver->ram[STATUS] == STATUS_IOERR;
        deny(rights, 0, DATA + size - PAGE_SIZE);
    }
    print_message("# %u of 200 transfers came too late\n", changed_count);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sectors_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(written_sectors_are_in_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(request_may_be_cut_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_out_of_range_are_io_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(request_beyond_the_limits_told_is_an_io_error, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_request_is_unsupported, setup, teardown),
        cmocka_unit_test_setup_teardown(id_is_the_serial_number, setup, teardown),
        cmocka_unit_test_setup_teardown(zeroes_are_written, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_ranges_are_refused_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(discard_needs_its_feature, setup, teardown),
        cmocka_unit_test_setup_teardown(readonly_disk_is_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(image_cut_short_gives_io_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(image_that_cannot_grow_gives_io_errors_and_keeps_what_was_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(request_without_header_or_status_needs_a_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(many_requests_in_flight_are_all_served, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_waits_for_requests_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(vcpus_may_use_the_registers_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(device_ends_with_requests_outstanding, setup, teardown),
        cmocka_unit_test_setup_teardown(configuration_tells_size_and_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(unusable_images_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(readonly_image_may_be_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(buffers_that_page_rights_refuse_are_io_errors, setup_two_levels, teardown),
        cmocka_unit_test_setup_teardown(status_that_page_rights_refuse_is_not_written, setup_two_levels, teardown),
        cmocka_unit_test_setup_teardown(rings_that_page_rights_refuse_need_a_reset, setup_two_levels, teardown),
        cmocka_unit_test_setup_teardown(an_indirect_table_is_refused_where_it_is_read, setup_two_levels, teardown),
        cmocka_unit_test_setup_teardown(a_disk_of_a_higher_level_has_the_rights_of_that, setup_at_level_1, teardown),
        cmocka_unit_test_setup_teardown(a_change_waits_for_transfers_under_way, setup_two_levels, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
