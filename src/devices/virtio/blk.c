/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers: VIRTIO 1.2. */
#include "devices/virtio/blk.h"

#include "core/check.h"
#include "devices/thread.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR_SIZE UINT64_C(512)

/* Feature bits, section 5.2.3. */
#define BLK_F_SIZE_MAX     (UINT64_C(1) << 1)
#define BLK_F_SEG_MAX      (UINT64_C(1) << 2)
#define BLK_F_RO           (UINT64_C(1) << 5)
#define BLK_F_BLK_SIZE     (UINT64_C(1) << 6)
#define BLK_F_FLUSH        (UINT64_C(1) << 9)
#define BLK_F_DISCARD      (UINT64_C(1) << 13)
#define BLK_F_WRITE_ZEROES (UINT64_C(1) << 14)

/* Section 5.2.6. */
enum blk_type {
    BLK_IN = 0,
    BLK_OUT = 1,
    BLK_FLUSH = 4,
    BLK_GET_ID = 8,
    BLK_DISCARD = 11,
    BLK_WRITE_ZEROES = 13,
};

enum blk_status { BLK_OK = 0, BLK_IOERR = 1, BLK_UNSUPP = 2 };

enum {
    BLK_HEADER_SIZE = 16,
    BLK_STATUS_SIZE = 1,
    BLK_ID_SIZE = 20,
    BLK_RANGE_SIZE = 16,
    BLK_RANGE_UNMAP = 1,
    /* Limits told to the driver, so that no request takes long. */
    BLK_SEGMENT_SIZE_MAX = 1 << 18,                 /* bytes */
    BLK_SEGMENT_COUNT_MAX = VIRTQUEUE_SIZE_MAX - 2, /* beside header and status */
    BLK_RANGE_COUNT_MAX = 16,
    BLK_DISCARD_SECTORS_MAX = 1 << 22,      /* 2 GiB */
    BLK_WRITE_ZEROES_SECTORS_MAX = 1 << 15, /* 16 MiB: may be real writing */
    BLK_DATA_SIZE_MAX = BLK_SEGMENT_COUNT_MAX * BLK_SEGMENT_SIZE_MAX,
};

struct virtio_blk {
    struct virtio virtio;
    int fd;
    bool readonly;
    uint64_t sector_count;
    char serial[BLK_ID_SIZE];
    pthread_t worker;
    pthread_cond_t work;    /* kicked or stop, with virtio.lock */
    pthread_cond_t drained; /* nothing left to do */
    bool kicked;
    bool stop;
};

struct request {
    uint32_t type;
    uint64_t sector;
    bool write_through; /* the driver knows no flush: section 5.2.6.2 */
    bool may_discard;
    bool may_write_zeroes;
    struct iovec data[VIRTQUEUE_SIZE_MAX]; /* without header and status */
    int data_count;
    uint64_t data_size;
};

/* Takes bytes [skip, skip + size) of some segments. */
static void select_data(struct request *request, const struct iovec *segments, unsigned count, uint64_t skip,
                        uint64_t size)
{
    request->data_count = 0;
    request->data_size = size;
    for (unsigned i = 0; i < count && size != 0; i++) {
        uint64_t length = segments[i].iov_len;
        if (skip >= length) {
            skip -= length;
            continue;
        }
        uint64_t piece = length - skip < size ? length - skip : size;
        request->data[request->data_count++] =
            (struct iovec){ .iov_base = (uint8_t *)segments[i].iov_base + skip, .iov_len = piece };
        size -= piece;
        skip = 0;
    }
}

static bool in_range(const struct virtio_blk *blk, uint64_t sector, uint64_t count)
{
    return sector <= blk->sector_count && count <= blk->sector_count - sector;
}

/* Reads or writes all of the data; consumes request->data. */
static bool transfer(const struct virtio_blk *blk, struct request *request, bool write)
{
    struct iovec *data = request->data;
    int count = request->data_count;
    off_t offset = (off_t)(request->sector * SECTOR_SIZE);
    while (count > 0) {
        ssize_t done = write ? pwritev(blk->fd, data, count, offset) : preadv(blk->fd, data, count, offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) { /* 0: the image has become shorter */
            return false;
        }
        offset += done;
        while (count > 0 && (size_t)done >= data->iov_len) {
            done -= (ssize_t)data->iov_len;
            data++;
            count--;
        }
        if (count > 0) {
            data->iov_base = (uint8_t *)data->iov_base + done;
            data->iov_len -= (size_t)done;
        }
    }
    return true;
}

static enum blk_status read_or_write(const struct virtio_blk *blk, struct request *request, bool write)
{
    bool allowed = !write || !blk->readonly;
    if (!allowed || request->data_size > BLK_DATA_SIZE_MAX || request->data_size % SECTOR_SIZE != 0 ||
        !in_range(blk, request->sector, request->data_size / SECTOR_SIZE) || !transfer(blk, request, write)) {
        return BLK_IOERR;
    }
    return write && request->write_through && fdatasync(blk->fd) != 0 ? BLK_IOERR : BLK_OK;
}

static bool write_zeroes_by_hand(const struct virtio_blk *blk, uint64_t offset, uint64_t size)
{
    static const uint8_t zeroes[65536];
    while (size != 0) {
        ssize_t done = pwrite(blk->fd, zeroes, size < sizeof zeroes ? size : sizeof zeroes, (off_t)offset);
        if (done <= 0 && !(done < 0 && errno == EINTR)) {
            return false;
        }
        offset += done > 0 ? (uint64_t)done : 0;
        size -= done > 0 ? (uint64_t)done : 0;
    }
    return true;
}

static enum blk_status clear_range(const struct virtio_blk *blk, uint64_t sector, uint32_t count, bool discard,
                                   bool unmap)
{
    uint64_t offset = sector * SECTOR_SIZE;
    uint64_t size = count * SECTOR_SIZE;
    int mode = FALLOC_FL_KEEP_SIZE | (discard || unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
    if (size == 0 || fallocate(blk->fd, mode, (off_t)offset, (off_t)size) == 0) {
        return BLK_OK;
    }
    bool unknown = errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
    if (discard) {
        return unknown ? BLK_OK : BLK_IOERR; /* a discard is a hint */
    }
    return unknown && write_zeroes_by_hand(blk, offset, size) ? BLK_OK : BLK_IOERR;
}

/* Sections 5.2.6.1 and 5.2.6.2: an array of { le64 sector, le32 count, le32 flags }, all checked before any is done. */
static enum blk_status clear_ranges(const struct virtio_blk *blk, const struct virtqueue_chain *chain,
                                    const struct request *request, bool discard)
{
    struct {
        uint64_t sector;
        uint32_t count;
        uint32_t flags;
    } ranges[BLK_RANGE_COUNT_MAX];
    _Static_assert(sizeof ranges[0] == BLK_RANGE_SIZE, "layout of the specification");
    uint32_t most = discard ? BLK_DISCARD_SECTORS_MAX : BLK_WRITE_ZEROES_SECTORS_MAX;
    if (blk->readonly || request->data_size == 0 || request->data_size > sizeof ranges ||
        request->data_size % BLK_RANGE_SIZE != 0) {
        return BLK_IOERR;
    }
    unsigned range_count = (unsigned)(request->data_size / BLK_RANGE_SIZE);
    virtqueue_read(chain, BLK_HEADER_SIZE, ranges, request->data_size);
    for (unsigned i = 0; i < range_count; i++) {
        uint32_t flags = le32toh(ranges[i].flags);
        if ((flags & ~(discard ? 0u : (uint32_t)BLK_RANGE_UNMAP)) != 0) {
            return BLK_UNSUPP;
        }
        if (le32toh(ranges[i].count) > most || !in_range(blk, le64toh(ranges[i].sector), le32toh(ranges[i].count))) {
            return BLK_IOERR;
        }
    }
    enum blk_status status = BLK_OK;
    for (unsigned i = 0; i < range_count && status == BLK_OK; i++) {
        status = clear_range(blk, le64toh(ranges[i].sector), le32toh(ranges[i].count), discard,
                             (le32toh(ranges[i].flags) & BLK_RANGE_UNMAP) != 0);
    }
    return status == BLK_OK && request->write_through && fdatasync(blk->fd) != 0 ? BLK_IOERR : status;
}

/* Does the request, without the lock. The number is the guest's: a plain integer, any value. */
static enum blk_status perform(const struct virtio_blk *blk, const struct virtqueue_chain *chain,
                               struct request *request)
{
    uint64_t writable = chain->writable_size - BLK_STATUS_SIZE;
    switch (request->type) {
    case BLK_IN:
        select_data(request, chain->segments + chain->readable_count, chain->writable_count, 0, writable);
        return read_or_write(blk, request, false);
    case BLK_OUT:
        select_data(request, chain->segments, chain->readable_count, BLK_HEADER_SIZE,
                    chain->readable_size - BLK_HEADER_SIZE);
        return read_or_write(blk, request, true);
    case BLK_FLUSH: return blk->readonly || fdatasync(blk->fd) == 0 ? BLK_OK : BLK_IOERR;
    case BLK_GET_ID:
        virtqueue_write(chain, 0, blk->serial, writable < BLK_ID_SIZE ? writable : BLK_ID_SIZE);
        return BLK_OK;
    case BLK_DISCARD:
    case BLK_WRITE_ZEROES: {
        bool discard = request->type == BLK_DISCARD;
        request->data_size = chain->readable_size - BLK_HEADER_SIZE;
        bool known = discard ? request->may_discard : request->may_write_zeroes;
        return known ? clear_ranges(blk, chain, request, discard) : BLK_UNSUPP;
    }
    default: return BLK_UNSUPP;
    }
}

/* The status is the last byte written. */
static uint32_t used_size(const struct virtqueue_chain *chain)
{
    return chain->writable_size < UINT32_MAX ? (uint32_t)chain->writable_size : UINT32_MAX;
}

/* A part of the request may not be used: an I/O error, told if that part at least can be written. */
static void refuse_request(struct virtio_blk *blk, struct virtqueue_chain *chain)
{
    const uint8_t status = BLK_IOERR;
    bool told = chain->writable_size != 0 &&
                virtqueue_write(chain, chain->writable_size - BLK_STATUS_SIZE, &status, sizeof status) != 0;
    virtio_push(&blk->virtio, 0, chain, told ? used_size(chain) : 0);
    virtio_signal(&blk->virtio, 0);
    /* There may be no end of them, and vCPUs want the registers. */
    pthread_mutex_unlock(&blk->virtio.lock);
    sched_yield();
    pthread_mutex_lock(&blk->virtio.lock);
}

/* One request: called with the lock, lets go of it while the disk works. */
static void serve_request(struct virtio_blk *blk, struct virtqueue_chain *chain, struct request *request)
{
    struct virtio *virtio = &blk->virtio;
    uint8_t header[BLK_HEADER_SIZE];
    if (chain->refused) {
        refuse_request(blk, chain);
        return;
    }
    if (virtqueue_read(chain, 0, header, sizeof header) < sizeof header || chain->writable_size < BLK_STATUS_SIZE) {
        virtio_fail(virtio, "request without header or status");
        virtio_drop(virtio, 0, chain);
        return;
    }
    uint32_t type;
    uint64_t sector;
    memcpy(&type, header, sizeof type);
    memcpy(&sector, header + 8, sizeof sector);
    request->type = le32toh(type);
    request->sector = le64toh(sector);
    request->write_through = !virtio_has(virtio, BLK_F_FLUSH);
    request->may_discard = virtio_has(virtio, BLK_F_DISCARD);
    request->may_write_zeroes = virtio_has(virtio, BLK_F_WRITE_ZEROES);

    virtio_flight_begin(virtio);
    pthread_mutex_unlock(&virtio->lock);
    uint8_t status = (uint8_t)perform(blk, chain, request);
    virtqueue_write(chain, chain->writable_size - BLK_STATUS_SIZE, &status, sizeof status);
    pthread_mutex_lock(&virtio->lock);
    virtio_push(virtio, 0, chain, used_size(chain));
    virtio_signal(virtio, 0);
    virtio_flight_end(virtio);
}

static void *serve(void *argument)
{
    struct virtio_blk *blk = argument;
    struct virtqueue_chain *chain = check_alloc(sizeof *chain);
    struct request *request = check_alloc(sizeof *request);
    pthread_mutex_lock(&blk->virtio.lock);
    while (!blk->stop) {
        if (blk->kicked && virtio_pop(&blk->virtio, 0, chain)) {
            serve_request(blk, chain, request);
        } else {
            blk->kicked = false;
            pthread_cond_broadcast(&blk->drained);
            pthread_cond_wait(&blk->work, &blk->virtio.lock);
        }
    }
    pthread_mutex_unlock(&blk->virtio.lock);
    free(request);
    free(chain);
    return NULL;
}

static void kick(struct virtio_blk *blk)
{
    blk->kicked = true;
    pthread_cond_signal(&blk->work);
}

static void blk_notify(void *device, unsigned queue)
{
    (void)queue;
    kick(device);
}

static void blk_start(void *device)
{
    kick(device);
}

void virtio_blk_drain(struct device *device)
{
    struct virtio *virtio = device->self;
    struct virtio_blk *blk = virtio->device;
    pthread_mutex_lock(&virtio->lock);
    while (blk->kicked) {
        pthread_cond_wait(&blk->drained, &virtio->lock);
    }
    pthread_mutex_unlock(&virtio->lock);
}

static void blk_destroy(void *device)
{
    struct virtio_blk *blk = device;
    pthread_mutex_lock(&blk->virtio.lock);
    blk->stop = true;
    pthread_cond_signal(&blk->work);
    pthread_mutex_unlock(&blk->virtio.lock);
    pthread_join(blk->worker, NULL);
    close(blk->fd); /* lets go of the lock on the image, too */
    pthread_cond_destroy(&blk->work);
    pthread_cond_destroy(&blk->drained);
    virtio_fini(&blk->virtio);
    free(blk);
}

static const struct virtio_class blk_class = {
    .name = "virtio-block",
    .id = VIRTIO_ID_BLOCK,
    .queue_count = 1,
    .notify = blk_notify,
    .start = blk_start,
    .destroy = blk_destroy,
};

/* ---- the image ---- */

static bool lock_image(int fd, const char *path, bool readonly, struct error *error)
{
    struct flock lock = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES)) {
        return true; /* a file system without locks is no reason to refuse */
    }
    return error_set(error, "disk image %s is in use by another machine; stop that one, or use the image %s", path,
                     readonly ? "when it is no longer written to" : "readonly in both");
}

static bool measure_image(int fd, const char *path, uint64_t *sector_count, struct error *error)
{
    struct stat status;
    off_t size = lseek(fd, 0, SEEK_END); /* of block devices, too */
    if (fstat(fd, &status) != 0 || size < 0 || !(S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))) {
        return error_set(error, "disk image %s is neither a file nor a block device; give a raw image", path);
    }
    if (size == 0) {
        return error_set(error, "disk image %s is empty; give it a size (truncate -s 1G %s)", path, path);
    }
    if ((uint64_t)size % SECTOR_SIZE != 0) {
        return error_set(error, "disk image %s has %lld bytes, not a multiple of 512; pad it (truncate -s %%512 %s)",
                         path, (long long)size, path);
    }
    *sector_count = (uint64_t)size / SECTOR_SIZE;
    return true;
}

static bool open_image(struct virtio_blk *blk, const struct virtio_blk_config *config, struct error *error)
{
    blk->readonly = config->readonly;
    blk->fd = open(config->path, (config->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (blk->fd < 0 && errno == ENOENT) {
        return error_set(error, "there is no disk image %s; make one (truncate -s 1G %s)", config->path, config->path);
    }
    if (blk->fd < 0) {
        return error_set_errno(error, errno, "cannot open disk image %s%s", config->path,
                               config->readonly ? "" : " for writing (FILE,readonly needs no right to write)");
    }
    if (!measure_image(blk->fd, config->path, &blk->sector_count, error) ||
        !lock_image(blk->fd, config->path, config->readonly, error)) {
        close(blk->fd);
        return false;
    }
    const char *serial = config->serial != NULL ? config->serial : "ravelin";
    memcpy(blk->serial, serial, strnlen(serial, sizeof blk->serial)); /* no terminator needed: section 5.2.6.1 */
    return true;
}

static void put_le(uint8_t *place, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        place[i] = (uint8_t)(value >> (8 * i));
    }
}

/* struct virtio_blk_config of the specification, section 5.2.4. */
static void write_config(struct virtio_blk *blk)
{
    uint8_t *config = blk->virtio.config;
    put_le(config + 0, blk->sector_count, 8);
    put_le(config + 8, BLK_SEGMENT_SIZE_MAX, 4);
    put_le(config + 12, BLK_SEGMENT_COUNT_MAX, 4);
    put_le(config + 20, SECTOR_SIZE, 4);                  /* blk_size */
    put_le(config + 36, BLK_DISCARD_SECTORS_MAX, 4);      /* max_discard_sectors */
    put_le(config + 40, BLK_RANGE_COUNT_MAX, 4);          /* max_discard_seg */
    put_le(config + 44, PAGE_SIZE / SECTOR_SIZE, 4);      /* discard_sector_alignment */
    put_le(config + 48, BLK_WRITE_ZEROES_SECTORS_MAX, 4); /* max_write_zeroes_sectors */
    put_le(config + 52, BLK_RANGE_COUNT_MAX, 4);          /* max_write_zeroes_seg */
    put_le(config + 56, 1, 1);                            /* write_zeroes_may_unmap */
    blk->virtio.config_size = 60;
}

struct device *virtio_blk_create(const struct virtio_wiring *wiring, const struct virtio_blk_config *config,
                                 struct error *error)
{
    struct virtio_blk *blk = check_alloc(sizeof *blk);
    if (!open_image(blk, config, error)) {
        free(blk);
        return NULL;
    }
    uint64_t features = BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH;
    features |= blk->readonly ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
    virtio_init(&blk->virtio, &blk_class, blk, wiring, features);
    write_config(blk);
    pthread_cond_init(&blk->work, NULL);
    pthread_cond_init(&blk->drained, NULL);
    if (!thread_start(&blk->worker, serve, blk, "disk", error)) {
        close(blk->fd);
        pthread_cond_destroy(&blk->work);
        pthread_cond_destroy(&blk->drained);
        virtio_fini(&blk->virtio);
        free(blk);
        return NULL;
    }
    return &blk->virtio.base;
}
