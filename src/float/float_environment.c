/* SPDX-License-Identifier: Apache-2.0 */
/* The calling thread's floating-point environment: see float.h. */
#include "float/float.h"

#if defined(__x86_64__)

#include <xmmintrin.h>

/* All exceptions masked, to nearest, no flushing; bits 0 to 5 are the sticky flags (Intel SDM volume 1, 10.2.3). */
enum { MXCSR_DEFAULT = 0x1f80, MXCSR_FLAGS = 0x3f };

void float_environment_enter(struct float_environment *saved)
{
    saved->control = _mm_getcsr();
    if ((saved->control & ~(uint64_t)MXCSR_FLAGS) != MXCSR_DEFAULT) {
        _mm_setcsr(MXCSR_DEFAULT);
    }
}

void float_environment_leave(const struct float_environment *saved)
{
    _mm_setcsr((uint32_t)saved->control);
}

#elif defined(__aarch64__)

/* FPCR in the lower half, FPSR in the upper. The default FPCR is 0 (Arm ARM, C5.2). */
void float_environment_enter(struct float_environment *saved)
{
    uint64_t control;
    uint64_t status;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("mrs %0, fpsr" : "=r"(status));
    saved->control = (control & UINT32_MAX) | status << 32;
    if (control != 0) {
        __asm__ volatile("msr fpcr, xzr" ::: "memory");
    }
}

void float_environment_leave(const struct float_environment *saved)
{
    uint64_t control = saved->control & UINT32_MAX;
    uint64_t status = saved->control >> 32;
    __asm__ volatile("msr fpcr, %0" : : "r"(control) : "memory");
    __asm__ volatile("msr fpsr, %0" : : "r"(status) : "memory");
}

#else

#include <fenv.h>

/* All that standard C knows of. */
void float_environment_enter(struct float_environment *saved)
{
    saved->control = (uint64_t)fegetround();
    fesetround(FE_TONEAREST);
}

void float_environment_leave(const struct float_environment *saved)
{
    fesetround((int)saved->control);
}

#endif
