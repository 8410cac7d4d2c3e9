/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *say(struct isa_arena *arena, const char *what, int error)
{
    char text[200];
    int length = error == 0 ? snprintf(text, sizeof text, "%s", what)
                            : snprintf(text, sizeof text, "%s: %s", what, strerror(error));
    return isa_arena_text(arena, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static struct isa_source *append(struct isa_sources *sources, const char *name)
{
    struct isa_source *source = ISA_NEW(sources->arena, struct isa_source);
    source->name = isa_arena_text(sources->arena, name, strlen(name));
    if (sources->last == NULL) {
        sources->first = source;
    } else {
        sources->last->next = source;
    }
    sources->last = source;
    sources->count++;
    return source;
}

struct isa_source *isa_source_text(struct isa_sources *sources, const char *name, const char *text, size_t size)
{
    struct isa_source *source = append(sources, name);
    source->text = text;
    source->size = size;
    sources->size += size;
    return source;
}

static struct isa_source *find(struct isa_sources *sources, const struct stat *status)
{
    for (struct isa_source *source = sources->first; source != NULL; source = source->next) {
        if (source->device == (uint64_t)status->st_dev && source->inode == (uint64_t)status->st_ino) {
            return source;
        }
    }
    return NULL;
}

/* Reads up to `limit` bytes and not more, whatever size the file claims to have. Negative: errno says why. */
static ssize_t read_all(int file, char *text, size_t limit)
{
    size_t size = 0;
    while (size < limit) {
        ssize_t got = read(file, text + size, limit - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static struct isa_source *load(struct isa_sources *sources, const char *path, int file, bool *again,
                               const char **problem)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        *problem = say(sources->arena, "cannot be read", errno);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        *problem = say(sources->arena, "is not a regular file; name a text file", 0);
        return NULL;
    }
    struct isa_source *source = find(sources, &status);
    *again = source != NULL;
    if (source != NULL) {
        return source;
    }
    if (sources->count >= ISA_SOURCE_FILE_LIMIT || (uint64_t)status.st_size > ISA_SOURCE_LIMIT - sources->size) {
        *problem = say(sources->arena, "makes the description too large; at most 256 files of 4 MiB together", 0);
        return NULL;
    }
    char *text = isa_arena_take(sources->arena, (size_t)status.st_size + 1);
    ssize_t size = read_all(file, text, (size_t)status.st_size);
    if (size < 0) {
        *problem = say(sources->arena, "cannot be read", errno);
        return NULL;
    }
    source = isa_source_text(sources, path, text, (size_t)size);
    source->device = (uint64_t)status.st_dev;
    source->inode = (uint64_t)status.st_ino;
    return source;
}

struct isa_source *isa_source_load(struct isa_sources *sources, const char *path, bool *again, const char **problem)
{
    *again = false;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not make us wait */
    if (file < 0) {
        *problem = say(sources->arena, "cannot be opened", errno);
        return NULL;
    }
    struct isa_source *source = load(sources, path, file, again, problem);
    close(file);
    return source;
}

const char *isa_source_beside(struct isa_arena *arena, const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');
    if (name[0] == '/' || slash == NULL) {
        return isa_arena_text(arena, name, strlen(name));
    }
    size_t folder = (size_t)(slash - from) + 1;
    size_t length = strlen(name);
    char *path = isa_arena_take(arena, folder + length + 1);
    memcpy(path, from, folder);
    memcpy(path + folder, name, length + 1);
    return path;
}
