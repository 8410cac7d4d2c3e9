/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest use of libravelin: a machine whose kernel is fifteen instructions long.
 *
 *     cc hello.c -o hello $(pkg-config --cflags --libs ravelin) && ./hello
 *
 * With the name of a kernel as its argument, it boots that instead.
 */
#include <ravelin/ravelin.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Prints the text that follows by SBI's debug console, then shuts down by SBI's system reset. */
static const unsigned kernel[] = {
    0x00000597, /* auipc a1, 0              */
    0x03c58593, /* addi  a1, a1, 60         the text's address */
    0x01600513, /* li    a0, 22             its length */
    0x00000613, /* li    a2, 0              */
    0x00000813, /* li    a6, 0              console write */
    0x444248b7, /* lui   a7, 0x44424        */
    0x34e88893, /* addi  a7, a7, 0x34e      "DBCN" */
    0x00000073, /* ecall                    */
    0x00000513, /* li    a0, 0              shutdown */
    0x00000593, /* li    a1, 0              no reason */
    0x00000813, /* li    a6, 0              system reset */
    0x535258b7, /* lui   a7, 0x53525        */
    0x35488893, /* addi  a7, a7, 0x354      "SRST" */
    0x00000073, /* ecall                    */
    0x0000006f, /* j     .                  */
};
static const char text[] = "Hello from the guest!\n";

static void die(const char *message)
{
    fprintf(stderr, "hello: %s\n", message);
    exit(1);
}

/* Writes the kernel to a temporary file, since machines boot files. */
static void write_kernel(char *path)
{
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, kernel, sizeof kernel) != (ssize_t)sizeof kernel ||
        write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 || close(fd) != 0) {
        die("cannot write the kernel to /tmp");
    }
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/hello-kernel-XXXXXX";
    struct ravelin_error error;
    struct ravelin_exit end;
    if (argc < 2) {
        write_kernel(path);
    }

    struct ravelin_vm *vm = ravelin_vm_create();
    bool started = ravelin_vm_set_kernel(vm, argc < 2 ? path : argv[1], &error) &&
                   ravelin_vm_set_memory(vm, 512 << 20, &error) && ravelin_vm_set_vcpus(vm, 2, &error) &&
                   ravelin_vm_set_console(vm, STDIN_FILENO, STDOUT_FILENO, &error) && ravelin_vm_start(vm, &error);
    if (argc < 2) {
        unlink(path);
    }
    if (!started) {
        die(error.text);
    }
    ravelin_vm_wait(vm, RAVELIN_FOREVER, &end);

    struct ravelin_stats *stats = ravelin_vm_stats(vm);
    printf("The guest ended with code %u after %llu instructions.\n", end.code,
           (unsigned long long)stats->vcpus[0].instructions);
    ravelin_free(stats);
    ravelin_vm_destroy(vm);
    return (int)end.code;
}
