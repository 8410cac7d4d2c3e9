/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest workloads: each does one unit of its work at a call and returns a checksum, so that no compiler can leave the
 * work out and every emulator can be held to the same result. They run as an ordinary Linux program inside the guest.
 */
#ifndef RAVELIN_BENCH_WORKLOAD_H
#define RAVELIN_BENCH_WORKLOAD_H

#include <stdint.h>

uint64_t integer_unit(void);       /* dependent arithmetic, multiplications, a little division */
uint64_t branchy_unit(void);       /* a byte-code machine: unpredictable branches and an indirect jump a step */
uint64_t hashing_unit(void);       /* SHA-256 of 64 KiB */
uint64_t sorting_unit(void);       /* qsort of 20,000 numbers through a comparison function */
uint64_t chasing_unit(void);       /* a pointer cycle through 8 MiB, in random order */
uint64_t copying_unit(void);       /* memcpy and memset over 4 MiB */
uint64_t single_float_unit(void);  /* 64 × 64 matrix product, single precision */
uint64_t double_float_unit(void);  /* 64 × 64 matrix product, double precision */
uint64_t libm_unit(void);          /* sin, log, exp, pow */
uint64_t system_call_unit(void);   /* 1,000 getppid */
uint64_t fork_unit(void);          /* 8 × fork, exit, wait */
uint64_t page_fault_unit(void);    /* map 4 MiB, touch each page, unmap */
uint64_t ping_pong_unit(void);     /* 500 turns between two threads through a pipe */
uint64_t many_programs_unit(void); /* 8 × exec of this program: short runs, cold code */

#endif
