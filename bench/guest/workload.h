/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest workloads: each does one unit of its work at a call and returns a checksum, so that no compiler can leave the
 * work out and every emulator can be held to the same result. They run as an ordinary Linux program inside the guest.
 */
#ifndef RAVELIN_BENCH_WORKLOAD_H
#define RAVELIN_BENCH_WORKLOAD_H

#include <stdint.h>

uint64_t integer_unit(void);        /* lists, matrices, a scanner of text, checksums, fields of bits: see integer.c */
uint64_t multiply_chain_unit(void); /* dependent arithmetic, multiplications, a little division */
uint64_t branchy_unit(void);        /* a byte-code machine: unpredictable branches and an indirect jump a step */
uint64_t hashing_unit(void);        /* SHA-256 of 64 KiB */
uint64_t sorting_unit(void);        /* qsort of 20,000 numbers through a comparison function */
uint64_t chasing_unit(void);        /* a pointer cycle through 8 MiB, in random order */
uint64_t copying_unit(void);        /* memcpy and memset over 4 MiB */
uint64_t single_float_unit(void);   /* 64 × 64 matrix product, single precision */
uint64_t double_float_unit(void);   /* 64 × 64 matrix product, double precision */
uint64_t libm_unit(void);           /* sin, log, exp, pow */
uint64_t system_call_unit(void);    /* 1,000 getppid */
uint64_t fork_unit(void);           /* 8 × fork, exit, wait */
uint64_t page_fault_unit(void);     /* map 4 MiB, touch each page, unmap */
uint64_t ping_pong_unit(void);      /* 500 turns between two threads through a pipe */
uint64_t exec_unit(void);           /* 8 × exec of this program, which ends at once: the same code again and again */

/*
 * What measures by itself. Each prints "result NAME RATE CHECKSUM" and returns 0, or says what failed and returns 1.
 */

/* Units a second by `count` threads (1 to 64) that take them from one heap, for `seconds`. A unit is arithmetic with
 * random reads and writes in 128 KiB of the thread's own. */
int measure_parallel(const char *name, double seconds, int count);

/* Runs a second of `command` (NULL at the end), run for `seconds` and once before, or once if that takes long. The
 * checksum is of what it writes to its standard output and to the file `output` ("-": none). A run that fails ends the
 * measurement. */
int measure_command(const char *name, double seconds, const char *output, char **command);

/* Programs a second: each in `folder` is run once, in the order of their names, without warming up. The checksum is of
 * all they write. */
int measure_programs(const char *name, const char *folder);

double seconds_now(void);

#endif
