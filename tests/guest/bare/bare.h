/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bare-metal test programs stand on: no library, no operating system, the machine as it comes.
 *
 * Every hart that runs enters bare_main() with a stack of 8 KiB. The machine ends when one of them returns: 0 is
 * success, else the status `ravelin run` ends with (expect() makes it from the line). Traps do not stop a program: each
 * is noted in the hart's struct bare_hart and skipped (start.S).
 *
 * Built with -DHARTS=N (how many harts there are) and -DSEED=N. Without BARE_S a program is for --elf: M-mode, all
 * harts at once. With it, it is for --kernel: S-mode, hart 0 first.
 */
#ifndef BARE_H
#define BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bare_hart { /* start.S knows the offsets */
    volatile uint64_t cause, value, pc;
    volatile uint64_t exceptions, interrupts; /* counts */
    uint64_t saved[2];
    uint64_t unused;
};

extern struct bare_hart bare_harts[128];
extern uint8_t program_end[]; /* free memory from here on */

int bare_main(uint64_t hart, uint64_t argument);
void bare_finish(int status) __attribute__((noreturn));
void bare_print(const char *text);
void bare_print_hex(uint64_t value);

static inline uint64_t bare_self(void)
{
    uint64_t hart;
    __asm__ volatile("mv %0, tp" : "=r"(hart));
    return hart;
}

#define me (&bare_harts[bare_self()])

/* The line of a failed expectation is the exit status, modulo 200 so that 124 and 255 keep their meaning. */
void bare_failed(const char *file, int line, const char *what) __attribute__((noreturn));
#define expect(condition)                                \
    do {                                                 \
        if (!(condition)) {                              \
            bare_failed(__FILE__, __LINE__, #condition); \
        }                                                \
    } while (0)

#define csr_read(name)                                                \
    ({                                                                \
        uint64_t value_;                                              \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory"); \
        value_;                                                       \
    })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, value)   __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_clear(name, value) __asm__ volatile("csrc " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

/* One access that may trap; 0 where it did. */
static inline uint64_t load(uint64_t address, unsigned size)
{
    uint64_t value = 0;
    switch (size) {
    case 1:
        __asm__ volatile(".option push; .option norvc; lbu %0, 0(%1); .option pop"
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    case 2:
        __asm__ volatile(".option push; .option norvc; lhu %0, 0(%1); .option pop"
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    case 4:
        __asm__ volatile(".option push; .option norvc; lwu %0, 0(%1); .option pop"
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    default:
        __asm__ volatile(".option push; .option norvc; ld %0, 0(%1); .option pop"
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    }
    return value;
}

static inline void store(uint64_t address, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __asm__ volatile(".option push; .option norvc; sb %0, 0(%1); .option pop" ::"r"(value), "r"(address)
                         : "memory");
        break;
    case 2:
        __asm__ volatile(".option push; .option norvc; sh %0, 0(%1); .option pop" ::"r"(value), "r"(address)
                         : "memory");
        break;
    case 4:
        __asm__ volatile(".option push; .option norvc; sw %0, 0(%1); .option pop" ::"r"(value), "r"(address)
                         : "memory");
        break;
    default:
        __asm__ volatile(".option push; .option norvc; sd %0, 0(%1); .option pop" ::"r"(value), "r"(address)
                         : "memory");
        break;
    }
}

/* Calls an address; comes back from it by `ret`, or because it cannot be fetched. */
static inline void call_address(uint64_t address)
{
    __asm__ volatile(".option push; .option norvc; jalr ra, 0(%0); .option pop" ::"r"(address)
                     : "ra", "memory", "t0", "t1", "t2", "t3", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7");
}

/* PAUSE: the host may have fewer CPUs than the guest. */
static inline void bare_pause(void)
{
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010");
}

static inline uint64_t bare_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* How many harts take part: each calls it once at its start; returns when `count` have. */
void bare_meet(uint64_t count);

#define FINISHER 0x100000u
#define CLINT    0x2000000u
#define PLIC     0xc000000u
#define UART     0x10000000u
#define VIRTIO   0x10001000u
#define RAM      0x80000000u

#ifdef BARE_S
struct sbi_result {
    int64_t error;
    uint64_t value;
};

static inline struct sbi_result sbi(uint64_t extension, uint64_t function, uint64_t x, uint64_t y, uint64_t z,
                                    uint64_t w, uint64_t v)
{
    register uint64_t a0 __asm__("a0") = x;
    register uint64_t a1 __asm__("a1") = y;
    register uint64_t a2 __asm__("a2") = z;
    register uint64_t a3 __asm__("a3") = w;
    register uint64_t a4 __asm__("a4") = v;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){ (int64_t)a0, a1 };
}

extern char _start[];
#define SBI_TIME   0x54494d45u
#define SBI_IPI    0x735049u
#define SBI_RFENCE 0x52464e43u
#define SBI_HSM    0x48534du
#define SBI_SRST   0x53525354u
#define SBI_DBCN   0x4442434eu
#define SBI_PMU    0x504d55u

/* Starts harts 1 to count - 1 in bare_main(). */
void bare_start_harts(uint64_t count);
#endif

#endif
