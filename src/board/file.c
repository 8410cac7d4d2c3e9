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

static bool read_all(const char *path, int fd, uint64_t expected, uint64_t limit, const struct file_progress *progress,
                     uint8_t **bytes, size_t *size, struct error *error)
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
            error_set(error, "%s is larger than %llu MiB, more than fits: give the guest more --memory", path,
                      (unsigned long long)(limit >> 20));
            break;
        }
        advance(progress, path, used, expected);
    }
    free(buffer);
    return false;
}

bool file_read(const char *path, uint64_t limit, const struct file_progress *progress, uint8_t **bytes, size_t *size,
               struct error *error)
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
        read = read_all(path, fd, expected, limit, progress, bytes, size, error);
    }
    close(fd);
    return read;
}

static bool inflate_all(z_stream *stream, const char *name, size_t size, uint64_t limit,
                        const struct file_progress *progress, uint8_t **unpacked, size_t *unpacked_size,
                        struct error *error)
{
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    size_t used = 0;
    for (;;) {
        if (used == capacity && !grow(&buffer, &capacity, used, limit, name, error)) {
            break;
        }
        uint64_t room = capacity - used;
        stream->next_out = buffer + used;
        stream->avail_out = (uInt)(room < CHUNK_SIZE ? room : CHUNK_SIZE);
        uInt offered = stream->avail_out;
        int result = inflate(stream, Z_NO_FLUSH);
        used += offered - stream->avail_out;
        if (used > limit) {
            error_set(error, "%s unpacks to more than %llu MiB, more than fits: give the guest more --memory", name,
                      (unsigned long long)(limit >> 20));
            break;
        }
        if (result == Z_STREAM_END && used > 0) {
            *unpacked = buffer;
            *unpacked_size = used;
            return true;
        }
        if (result == Z_STREAM_END) {
            error_set(error, "%s is gzip data of an empty file: make it again from the right one", name);
            break;
        }
        if (result == Z_BUF_ERROR || (result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0)) {
            error_set(error, "%s is cut short inside its gzip data: copy or download it again", name);
            break;
        }
        if (result != Z_OK) {
            error_set(error, "%s is damaged inside its gzip data: copy or download it again", name);
            break;
        }
        advance(progress, name, size - stream->avail_in, size);
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
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) { /* 16: a gzip header, nothing else */
        return error_set(error, "%s cannot be unpacked: this host has no memory for it", name);
    }
    stream.next_in = bytes;
    stream.avail_in = (uInt)size;
    bool done = inflate_all(&stream, name, size, limit, progress, unpacked, unpacked_size, error);
    inflateEnd(&stream);
    return done;
}
