/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that guards a page and a control register of a guest from the guest's own kernel, without any code of its
 * own in the guest.
 *
 *     cc guard.c -o guard $(pkg-config --cflags --libs ravelin) && ./guard
 *
 * The guest's kernel moves its trap vector, and stores to the guarded page until it finds there what it has stored. The
 * program holds trust level 1, which pins the register and leaves the page readable only: it sees each attempt, leaves
 * the register as it is and the first two stores out, and then gives in.
 */
#include <ravelin/ravelin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GUARDED UINT64_C(0x80400000)
#define STVEC   0x105u /* the number of the register that says where traps go */

static const unsigned kernel[] = {
    0x2010029b, /* addiw t0, zero, 513      */
    0x01629293, /* slli  t0, t0, 22         the guarded page */
    0x10529073, /* csrw  stvec, t0 */
    0x00100393, /* li    t2, 1              again: */
    0x0072b023, /* sd    t2, 0(t0)          */
    0x0002be03, /* ld    t3, 0(t0)          */
    0xfe7e1ae3, /* bne   t3, t2, again      */
    0x00000513, /* li    a0, 0              shutdown */
    0x00000593, /* li    a1, 0              no reason */
    0x00000813, /* li    a6, 0              system reset */
    0x535258b7, /* lui   a7, 0x53525        */
    0x3548889b, /* addiw a7, a7, 0x354      "SRST" */
    0x00000073, /* ecall                    */
};

struct guard {
    struct ravelin_vm *vm;
    unsigned attempt_count; /* to write to the page */
    unsigned pinned_count;  /* and to the register */
};

static enum ravelin_verdict intercept(void *context, const struct ravelin_intercept *what)
{
    struct guard *guard = context;
    struct ravelin_error error;
    if (what->kind == RAVELIN_INTERCEPT_REGISTER) {
        printf("vCPU %u, code at %#" PRIx64 ": stvec shall be %#" PRIx64 ", and stays what it is\n", what->vcpu,
               what->pc, what->value);
        guard->pinned_count++;
        return RAVELIN_VERDICT_SKIP;
    }
    printf("vCPU %u, code at %#" PRIx64 ": attempt %u to write to %#" PRIx64 "\n", what->vcpu, what->pc,
           ++guard->attempt_count, what->address);
    if (guard->attempt_count < 3) {
        return RAVELIN_VERDICT_SKIP;
    }
    bool set = ravelin_trust_set_rights(guard->vm, 1, GUARDED, RAVELIN_PAGE_SIZE,
                                        RAVELIN_RIGHT_READ | RAVELIN_RIGHT_WRITE, &error);
    return set ? RAVELIN_VERDICT_RETRY : RAVELIN_VERDICT_FAULT;
}

/* Writes the kernel to a temporary file, since machines boot files. */
static bool write_kernel(char *path)
{
    int fd = mkstemp(path);
    return fd >= 0 && write(fd, kernel, sizeof kernel) == (ssize_t)sizeof kernel && close(fd) == 0;
}

int main(void)
{
    char path[] = "/tmp/guard-kernel-XXXXXX";
    struct ravelin_error error = { "cannot write the kernel to /tmp" };
    struct ravelin_exit end;
    struct guard guard = { .vm = ravelin_vm_create() };
    bool started = write_kernel(path) && ravelin_vm_set_kernel(guard.vm, path, &error) &&
                   ravelin_vm_set_trust_levels(guard.vm, 2, &error) &&
                   ravelin_vm_hold_trust_level(guard.vm, 1, intercept, &guard, &error) &&
                   ravelin_trust_set_rights(guard.vm, 1, GUARDED, RAVELIN_PAGE_SIZE, RAVELIN_RIGHT_READ, &error) &&
                   ravelin_trust_pin(guard.vm, 1, STVEC, UINT64_MAX, &error) && ravelin_vm_start(guard.vm, &error);
    unlink(path);
    if (!started) {
        fprintf(stderr, "guard: %s\n", error.text);
        ravelin_vm_destroy(guard.vm);
        return 1;
    }
    ravelin_vm_wait(guard.vm, RAVELIN_FOREVER, &end);
    printf("The guest ended with code %u after %u attempts.\n", end.code, guard.attempt_count);
    ravelin_vm_destroy(guard.vm);
    return guard.attempt_count == 3 && guard.pinned_count == 1 && end.end == RAVELIN_END_POWER_OFF ? 0 : 1;
}
