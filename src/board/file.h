/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files into memory, and gzip and zstd data out of them. What is read may be hostile: every size is bounded by
 * the caller.
 */
#ifndef RAVELIN_BOARD_FILE_H
#define RAVELIN_BOARD_FILE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* Told every megabyte or so how far reading or unpacking has come; total 0: not known. May be NULL. */
struct file_progress {
    void (*advance)(void *context, const char *what, uint64_t done, uint64_t total);
    void *context;
};

/* Reads a file (regular, pipe, …) of 1 to `limit` bytes. *bytes is freed by the caller with free(). Errors name the
 * file: cannot be opened or read, a directory, empty, larger than the limit. */
bool file_read(const char *path, uint64_t limit, const struct file_progress *progress, uint8_t **bytes, size_t *size,
               struct error *error);

/* The same of a file that goes into the guest's memory, which is the limit: whoever gave too little is told so. */
bool file_read_for_guest(const char *path, uint64_t limit, const struct file_progress *progress, uint8_t **bytes,
                         size_t *size, struct error *error);

/* Unpacks one gzip member (RFC 1952) of at most `limit` bytes of content; checksum and length are verified. `name` is
 * for messages. *unpacked is freed by the caller with free(). */
bool file_gunzip(const char *name, const uint8_t *bytes, size_t size, uint64_t limit,
                 const struct file_progress *progress, uint8_t **unpacked, size_t *unpacked_size, struct error *error);

/* The same of one zstd frame (RFC 8878) whose window is at most 128 MiB; its checksum is verified if it has one. What
 * follows the frame is not looked at. */
bool file_unzstd(const char *name, const uint8_t *bytes, size_t size, uint64_t limit,
                 const struct file_progress *progress, uint8_t **unpacked, size_t *unpacked_size, struct error *error);

#endif
