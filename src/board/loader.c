/* SPDX-License-Identifier: Apache-2.0 */
#include "board/loader.h"

#include "board/loader_formats.h"
#include "core/check.h"

#include <stdlib.h>

bool loader_read(const char *path, enum loader_role role, uint64_t limit, const struct file_progress *progress,
                 struct loader_image *image, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    return file_read_for_guest(path, limit, progress, &bytes, &size, error) &&
           loader_parse(path, bytes, size, role, limit, progress, image, error);
}

typedef bool unpacker(const char *name, const uint8_t *bytes, size_t size, uint64_t limit,
                      const struct file_progress *progress, uint8_t **unpacked, size_t *unpacked_size,
                      struct error *error);

static const struct {
    const char *magic;
    size_t magic_length;
    const char *names[2]; /* in EFI zboot headers */
    unpacker *unpack;
} packers[] = {
    { "\x1f\x8b", 2, { "gzip", NULL }, file_gunzip },
    { "\x28\xb5\x2f\xfd", 4, { "zstd", "zstd22" }, file_unzstd }, /* earlier kernels name the level, too */
};

#define PACKER_COUNT (sizeof packers / sizeof packers[0])

/* Replaces image->bytes by what the packed data in it unpacks to. */
static bool unpack(const char *name, struct loader_image *image, unpacker *with, uint64_t offset, uint64_t size,
                   uint64_t limit, const struct file_progress *progress, struct error *error)
{
    uint8_t *unpacked;
    size_t unpacked_size;
    if (!with(name, image->bytes + offset, size, limit, progress, &unpacked, &unpacked_size, error)) {
        return false;
    }
    free(image->bytes);
    image->bytes = unpacked;
    image->size = unpacked_size;
    return true;
}

static bool unpack_zboot(const char *name, struct loader_image *image, uint64_t limit,
                         const struct file_progress *progress, struct error *error)
{
    struct loader_zboot zboot;
    if (!loader_parse_zboot(name, image->bytes, image->size, &zboot, error)) {
        return false;
    }
    for (size_t i = 0; i < PACKER_COUNT; i++) {
        for (size_t j = 0; j < 2 && packers[i].names[j] != NULL; j++) {
            if (strcmp(zboot.compression, packers[i].names[j]) == 0) {
                return unpack(name, image, packers[i].unpack, zboot.offset, zboot.size, limit, progress, error);
            }
        }
    }
    return error_set(error,
                     "%s is an EFI zboot image packed by %s: boot it through --firmware with an EFI loader, or give "
                     "the Image inside it",
                     name, zboot.compression);
}

static bool unpack_kernel(const char *name, struct loader_image *image, uint64_t limit,
                          const struct file_progress *progress, struct error *error)
{
    if (loader_is_zboot(image->bytes, image->size)) {
        return unpack_zboot(name, image, limit, progress, error);
    }
    for (size_t i = 0; i < PACKER_COUNT; i++) {
        if (image->size >= packers[i].magic_length &&
            memcmp(image->bytes, packers[i].magic, packers[i].magic_length) == 0) {
            return unpack(name, image, packers[i].unpack, 0, image->size, limit, progress, error);
        }
    }
    return true;
}

static bool parse_raw(const char *name, struct loader_image *image, enum loader_role role, struct error *error)
{
    const char *foreign = loader_foreign(image->bytes, image->size, role);
    if (foreign != NULL) {
        return error_set(error, "%s %s", name, foreign);
    }
    uint64_t address = role == LOADER_KERNEL ? LOADER_KERNEL_OFFSET : 0;
    image->format = LOADER_FORMAT_RAW;
    image->movable = true;
    image->entry = address;
    image->segments[0] =
        (struct loader_segment){ .address = address, .file_size = image->size, .memory_size = image->size };
    image->segment_count = 1;
    return true;
}

static bool recognise(const char *name, struct loader_image *image, enum loader_role role, uint64_t limit,
                      const struct file_progress *progress, struct error *error)
{
    if (role == LOADER_KERNEL && !unpack_kernel(name, image, limit, progress, error)) {
        return false;
    }
    if (loader_is_elf(image->bytes, image->size)) {
        return loader_parse_elf(name, image, error);
    }
    if (role == LOADER_BARE_METAL) {
        return error_set(error, "%s is not an ELF file: give one, or load other formats with --kernel or --firmware",
                         name);
    }
    if (role == LOADER_KERNEL && loader_is_image(image->bytes, image->size)) {
        return loader_parse_image(name, image, error);
    }
    return parse_raw(name, image, role, error);
}

bool loader_parse(const char *name, uint8_t *bytes, size_t size, enum loader_role role, uint64_t limit,
                  const struct file_progress *progress, struct loader_image *image, struct error *error)
{
    *image = (struct loader_image){ .bytes = bytes, .size = size };
    if (!recognise(name, image, role, limit, progress, error)) {
        loader_free(image);
        return false;
    }
    return true;
}

void loader_place(struct loader_image *image, uint64_t ram_base)
{
    if (!image->movable) {
        return;
    }
    /* A position-independent ELF file may be linked to where RAM is all the same (old OpenSBI is). */
    for (unsigned i = 0; i < image->segment_count; i++) {
        if (image->segments[i].address >= ram_base) {
            image->movable = false;
            return;
        }
    }
    for (unsigned i = 0; i < image->segment_count; i++) {
        image->segments[i].address += ram_base;
    }
    image->entry += ram_base;
    image->tohost += image->has_tohost ? ram_base : 0;
    image->fromhost += image->fromhost != 0 ? ram_base : 0;
    image->signature += image->signature_size != 0 ? ram_base : 0;
    image->movable = false;
}

static bool inside(uint64_t address, uint64_t size, uint64_t base, uint64_t limit)
{
    return address >= base && address - base <= limit && size <= limit - (address - base);
}

bool loader_fits(const struct loader_image *image, const char *name, uint64_t ram_base, uint64_t ram_size,
                 struct error *error)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct loader_segment *segment = &image->segments[i];
        if (segment->address < ram_base || segment->address - ram_base >= UINT64_C(1) << 46) {
            return error_set(error, "%s is to be loaded at %#llx, where there is no memory: link it for %#llx or above",
                             name, (unsigned long long)segment->address, (unsigned long long)ram_base);
        }
        if (!inside(segment->address, segment->memory_size, ram_base, ram_size)) {
            return error_set(error, "%s needs %llu MiB of memory, the guest has %llu MiB: give it more --memory", name,
                             (unsigned long long)((segment->address - ram_base + segment->memory_size) >> 20) + 1,
                             (unsigned long long)(ram_size >> 20));
        }
    }
    return true;
}

uint64_t loader_end(const struct loader_image *image)
{
    uint64_t end = 0;
    for (unsigned i = 0; i < image->segment_count; i++) {
        uint64_t segment_end = image->segments[i].address + image->segments[i].memory_size;
        end = segment_end > end ? segment_end : end;
    }
    return end;
}

void loader_write(const struct loader_image *image, const struct memory *memory)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct loader_segment *segment = &image->segments[i];
        uint8_t *host = memory_pointer(memory, gpa(segment->address), segment->memory_size, MEMORY_WRITE);
        CHECK(host != NULL);
        memcpy(host, image->bytes + segment->offset, segment->file_size);
        memset(host + segment->file_size, 0, segment->memory_size - segment->file_size);
    }
}

void loader_free(struct loader_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
}
