/* SPDX-License-Identifier: Apache-2.0 */
#include "board/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define CHUNK_SIZE (UINT64_C(1) << 20)

static void advance(const struct file_progress *progress, const char *what, uint64_t done, uint64_t total)
{
    if (progress != NULL && progress->advance != NULL) {
        progress->advance(progress->context, what, done, total);
    }
}

/* Makes room for one more chunk, at most `limit` + 1 bytes in all (the one more tells that there is too much). */
static bool grow(uint8_t **buffer, size_t *capacity, size_t used, uint64_t limit, const char *name, struct error *error)
{
    if (*capacity - used >= CHUNK_SIZE || *capacity > limit) {
        return true;
    }
    uint64_t wanted = *capacity * 2 > CHUNK_SIZE ? *capacity * 2 : CHUNK_SIZE;
    if (wanted > limit) {
        wanted = limit + 1;
    }
    uint8_t *bigger = realloc(*buffer, wanted);
    if (bigger == NULL) {
        return error_set(error, "%s does not fit into this host's memory: free some", name);
    }
    *buffer = bigger;
    *capacity = wanted;
    return true;
}

static bool read_all(const char *path, int fd, uint64_t expected, uint64_t limit, const char *advice,
                     const struct file_progress *progress, uint8_t **bytes, size_t *size, struct error *error)
{
    size_t capacity = expected > 0 && expected <= limit ? expected + 1 : 0;
    uint8_t *buffer = capacity > 0 ? malloc(capacity) : NULL;
    if (capacity > 0 && buffer == NULL) {
        return error_set(error, "%s does not fit into this host's memory: free some", path);
    }
    size_t used = 0;
    for (;;) {
        if (used == capacity && !grow(&buffer, &capacity, used, limit, path, error)) {
            break;
        }
        uint64_t room = capacity - used;
        ssize_t got = read(fd, buffer + used, room < CHUNK_SIZE ? room : CHUNK_SIZE);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            error_set_errno(error, errno, "cannot read %s", path);
            break;
        }
        if (got == 0 && used == 0) {
            error_set(error, "%s is empty: give a file with content", path);
            break;
        }
        if (got == 0) {
            *bytes = buffer;
            *size = used;
            return true;
        }
        used += (size_t)got;
        if (used > limit) {
            error_set(error, "%s is larger than %llu MiB%s", path, (unsigned long long)(limit >> 20), advice);
            break;
        }
        advance(progress, path, used, expected);
    }
    free(buffer);
    return false;
}

/* `advice` ends the message about a file that is too large. */
static bool read_file(const char *path, uint64_t limit, const char *advice, const struct file_progress *progress,
                      uint8_t **bytes, size_t *size, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(error, errno, "cannot open %s", path);
    }
    struct stat status;
    bool read = false;
    if (fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "cannot read %s", path);
    } else if (S_ISDIR(status.st_mode)) {
        error_set(error, "%s is a directory: give a file", path);
    } else {
        uint64_t expected = S_ISREG(status.st_mode) && status.st_size > 0 ? (uint64_t)status.st_size : 0;
        read = read_all(path, fd, expected, limit, advice, progress, bytes, size, error);
    }
    close(fd);
    return read;
}

bool file_read(const char *path, uint64_t limit, const struct file_progress *progress, uint8_t **bytes, size_t *size,
               struct error *error)
{
    return read_file(path, limit, ": give a smaller one", progress, bytes, size, error);
}

bool file_read_for_guest(const char *path, uint64_t limit, const struct file_progress *progress, uint8_t **bytes,
                         size_t *size, struct error *error)
{
    return read_file(path, limit, ", more than fits: give the guest more --memory", progress, bytes, size, error);
}

/* ---- Packed data ---------------------------------------------------------------------------------------------- */

enum step { STEP_MORE, STEP_END, STEP_CUT_SHORT, STEP_DAMAGED, STEP_TOO_WIDE };

/* Data being unpacked: `step` takes some of it and fills *room from its start, lowering *room_size by what it made. */
struct packed {
    const char *name;   /* of the file */
    const char *method; /* "gzip" */
    size_t size;
    enum step (*step)(struct packed *packed, uint8_t *room, size_t *room_size);
    z_stream gzip;
    ZSTD_DStream *zstd;
    ZSTD_inBuffer zstd_input;
    uint64_t taken; /* bytes of the packed data */
};

static enum step step_gzip(struct packed *packed, uint8_t *room, size_t *room_size)
{
    z_stream *stream = &packed->gzip;
    stream->next_out = room;
    stream->avail_out = (uInt)*room_size;
    int result = inflate(stream, Z_NO_FLUSH);
    *room_size = stream->avail_out;
    packed->taken = packed->size - stream->avail_in;
    if (result == Z_STREAM_END) {
        return STEP_END;
    }
    if (result == Z_BUF_ERROR || (result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0)) {
        return STEP_CUT_SHORT;
    }
    return result == Z_OK ? STEP_MORE : STEP_DAMAGED;
}

static enum step step_zstd(struct packed *packed, uint8_t *room, size_t *room_size)
{
    ZSTD_inBuffer *input = &packed->zstd_input;
    ZSTD_outBuffer output = { .dst = room, .size = *room_size, .pos = 0 };
    size_t result = ZSTD_decompressStream(packed->zstd, &output, input);
    *room_size -= output.pos;
    packed->taken = input->pos;
    if (ZSTD_isError(result)) {
        const bool wide = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge;
        return wide ? STEP_TOO_WIDE : STEP_DAMAGED;
    }
    if (result == 0) {
        return STEP_END;
    }
    return input->pos == input->size && output.pos < output.size ? STEP_CUT_SHORT : STEP_MORE;
}

/* What is wrong with packed data: the step that could not be taken, or that there is nothing in it. */
static bool refuse_packed(const struct packed *packed, enum step step, struct error *error)
{
    if (step == STEP_END) {
        return error_set(error, "%s is %s data of an empty file: make it again from the right one", packed->name,
                         packed->method);
    }
    if (step == STEP_TOO_WIDE) {
        return error_set(error, "%s is packed with a window of more than 128 MiB: pack it again with zstd -22 --ultra",
                         packed->name);
    }
    return error_set(error, "%s is %s inside its %s data: copy or download it again", packed->name,
                     step == STEP_CUT_SHORT ? "cut short" : "damaged", packed->method);
}

static bool unpack_all(struct packed *packed, uint64_t limit, const struct file_progress *progress, uint8_t **unpacked,
                       size_t *unpacked_size, struct error *error)
{
    const char *name = packed->name;
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    size_t used = 0;
    for (;;) {
        if (used == capacity && !grow(&buffer, &capacity, used, limit, name, error)) {
            break;
        }
        const uint64_t room = capacity - used < CHUNK_SIZE ? capacity - used : CHUNK_SIZE;
        size_t left = room;
        const enum step step = packed->step(packed, buffer + used, &left);
        used += room - left;
        if (used > limit) {
            error_set(error, "%s unpacks to more than %llu MiB, more than fits: give the guest more --memory", name,
                      (unsigned long long)(limit >> 20));
            break;
        }
        if (step == STEP_END && used > 0) {
            *unpacked = buffer;
            *unpacked_size = used;
            return true;
        }
        if (step != STEP_MORE) {
            refuse_packed(packed, step, error);
            break;
        }
        advance(progress, name, packed->taken, packed->size);
    }
    free(buffer);
    return false;
}

bool file_gunzip(const char *name, const uint8_t *bytes, size_t size, uint64_t limit,
                 const struct file_progress *progress, uint8_t **unpacked, size_t *unpacked_size, struct error *error)
{
    if (size > UINT32_MAX) {
        return error_set(error, "%s is larger than 4 GiB: give a smaller one", name);
    }
    struct packed packed = { .name = name, .method = "gzip", .size = size, .step = step_gzip };
    if (inflateInit2(&packed.gzip, 16 + MAX_WBITS) != Z_OK) { /* 16: a gzip header, nothing else */
        return error_set(error, "%s cannot be unpacked: this host has no memory for it", name);
    }
    packed.gzip.next_in = bytes;
    packed.gzip.avail_in = (uInt)size;
    bool done = unpack_all(&packed, limit, progress, unpacked, unpacked_size, error);
    inflateEnd(&packed.gzip);
    return done;
}

bool file_unzstd(const char *name, const uint8_t *bytes, size_t size, uint64_t limit,
                 const struct file_progress *progress, uint8_t **unpacked, size_t *unpacked_size, struct error *error)
{
    struct packed packed = { .name = name, .method = "zstd", .size = size, .step = step_zstd };
    packed.zstd = ZSTD_createDStream();
    if (packed.zstd == NULL) {
        return error_set(error, "%s cannot be unpacked: this host has no memory for it", name);
    }
    packed.zstd_input = (ZSTD_inBuffer){ .src = bytes, .size = size, .pos = 0 };
    bool done = unpack_all(&packed, limit, progress, unpacked, unpacked_size, error);
    ZSTD_freeDStream(packed.zstd);
    return done;
}
