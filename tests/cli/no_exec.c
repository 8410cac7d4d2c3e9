/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: a host that forbids executable mappings of anything but files of its own. */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    if ((protection & PROT_EXEC) != 0) {
        errno = EACCES;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset); /* NOLINT: a raw result */
}
