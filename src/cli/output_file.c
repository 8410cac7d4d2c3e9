/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_file.h"

#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_MAX 8u

/* Names of the temporary files there are, for output_file_abandon(): the process's, as its signal handlers are. */
static char *volatile temporaries[TEMPORARY_MAX];

static void note_temporary(char *before, char *after)
{
    for (unsigned i = 0; i < TEMPORARY_MAX; i++) {
        if (temporaries[i] == before) {
            temporaries[i] = after;
            return;
        }
    }
}

void output_file_abandon(void)
{
    for (unsigned i = 0; i < TEMPORARY_MAX; i++) {
        const char *name = temporaries[i];
        if (name != NULL) {
            unlink(name);
        }
    }
}

static void forget_temporary(struct output_file *file)
{
    note_temporary(file->temporary, NULL);
    free(file->temporary);
    file->temporary = NULL;
}

/* The user's default permissions, which mkostemp() does not give. */
static mode_t default_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return (mode_t)(0666 & ~mask);
}

static int open_temporary(struct output_file *file, mode_t mode)
{
    if (asprintf(&file->temporary, "%s.XXXXXX", file->target != NULL ? file->target : file->path) < 0) {
        file->temporary = NULL;
        errno = ENOMEM;
        return -1;
    }
    int fd = mkostemp(file->temporary, O_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) != 0) {
        int saved = errno;
        if (fd >= 0) {
            unlink(file->temporary);
            close(fd);
        }
        free(file->temporary);
        file->temporary = NULL;
        errno = saved;
        return -1;
    }
    note_temporary(NULL, file->temporary);
    return fd;
}

/* /dev/stdout and the like: names for what is open already, to be written to and never to be replaced. */
static bool names_a_descriptor(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

bool output_file_open(struct output_file *file, const char *option, const char *path)
{
    struct stat status;
    *file = (struct output_file){ .path = path };
    int fd = -1;
    bool exists = stat(path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
    } else if (exists && (!S_ISREG(status.st_mode) || names_a_descriptor(path))) {
        fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    } else if (exists && access(path, W_OK) == 0) {
        file->target = realpath(path, NULL); /* a link stays one */
        fd = file->target != NULL ? open_temporary(file, status.st_mode & 0777) : -1;
    } else if (!exists) {
        fd = open_temporary(file, default_mode());
    }
    file->stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file->stream == NULL) {
        free(file->target);
        file->target = NULL;
        cli_report("%s %s cannot be written (%s): give another file name", option, path, strerror(errno));
        return false;
    }
    return true;
}

bool output_file_commit(struct output_file *file)
{
    if (fflush(file->stream) != 0 || ferror(file->stream) != 0) {
        file->failure_told = true;
        cli_report("cannot write %s (%s): free space or give another file name", file->path, strerror(errno));
        return false;
    }
    if (file->temporary != NULL) {
        if (rename(file->temporary, file->target != NULL ? file->target : file->path) != 0) {
            cli_report("cannot write %s (%s): give another file name", file->path, strerror(errno));
            return false;
        }
        forget_temporary(file);
    }
    return true;
}

bool output_file_close(struct output_file *file)
{
    free(file->target);
    file->target = NULL;
    if (file->stream == NULL) {
        return true;
    }
    bool committed = file->temporary == NULL;
    if (!committed) {
        unlink(file->temporary);
        forget_temporary(file);
    }
    bool had_failed = ferror(file->stream) != 0;
    bool written = fclose(file->stream) == 0 && !had_failed;
    file->stream = NULL;
    if (committed && !written && !file->failure_told) {
        cli_report("cannot write %s (%s): free space or give another file name", file->path, strerror(errno));
    }
    return !committed || written;
}
