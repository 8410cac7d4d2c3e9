/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user program for the tests of the secure kernel; needs no C library:
 *
 *     filter NUMBER   has the kernel attach a socket filter, a small BPF program of its own that lets NUMBER (1 … 9)
 *                     bytes pass. For each byte from standard input it sends 10 bytes through it and prints how many
 *                     arrive. Ends, and the program is freed, with standard input.
 *
 * Where net.core.bpf_jit_enable is 1 the kernel translates the filter and executes that.
 */
#include <stdint.h>

enum { READ = 63, WRITE = 64, EXIT = 93, SOCKETPAIR = 199, SETSOCKOPT = 208 };
enum { AF_UNIX = 1, SOCK_DGRAM = 2, SOL_SOCKET = 1, SO_ATTACH_FILTER = 26 };

struct instruction { /* Linux, include/uapi/linux/filter.h: struct sock_filter, struct sock_fprog */
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t constant;
};
struct program {
    uint16_t length;
    const struct instruction *instructions;
};

static long call(long number, long a, long b, long c, long d, long e)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
    return a0;
}

/* "filter N: M", M a digit, '!' for an error */
static void tell(char number, long count)
{
    char text[] = "filter N: M\n";
    text[7] = number;
    text[10] = count >= 0 && count <= 9 ? (char)('0' + count) : '!';
    call(WRITE, 1, (long)text, sizeof text - 1, 0, 0);
}

void begin(long *stack) __attribute__((noreturn, used));
void begin(long *stack)
{
    char number = stack[0] > 1 ? *(const char *)stack[2] : '1', bytes[16] = { 0 };
    int sockets[2];
    const struct instruction instructions[] = {
        { 0x00, 0, 0, (uint32_t)(number - '0') + 100 }, /* A = NUMBER + 100 */
        { 0x14, 0, 0, 100 },                            /* A -= 100 */
        { 0x16, 0, 0, 0 },                              /* let A bytes pass */
    };
    const struct program program = { 3, instructions };
    call(SOCKETPAIR, AF_UNIX, SOCK_DGRAM, 0, (long)sockets, 0);
    if (call(SETSOCKOPT, sockets[1], SOL_SOCKET, SO_ATTACH_FILTER, (long)&program, sizeof program) != 0) {
        tell(number, -1);
    } else {
        while (call(READ, 0, (long)bytes, 1, 0, 0) == 1) {
            call(WRITE, sockets[0], (long)bytes, 10, 0, 0);
            tell(number, call(READ, sockets[1], (long)bytes, sizeof bytes, 0, 0));
        }
    }
    call(EXIT, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n_start: mv a0, sp\n  andi sp, sp, -16\n  call begin\n");
