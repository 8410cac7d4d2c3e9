/* SPDX-License-Identifier: Apache-2.0 */
/* binary16 arithmetic: always on the exact path, as few hosts have a unit for it and few guests use it. */
#include "float/float_exact.h"

uint16_t float16_add(uint16_t a, uint16_t b, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_add(FLOAT_FORMAT16, a, b, rm, flags);
}

uint16_t float16_sub(uint16_t a, uint16_t b, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_add(FLOAT_FORMAT16, a, b ^ float_sign_bit(FLOAT_FORMAT16), rm, flags);
}

uint16_t float16_mul(uint16_t a, uint16_t b, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_mul(FLOAT_FORMAT16, a, b, rm, flags);
}

uint16_t float16_div(uint16_t a, uint16_t b, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_div(FLOAT_FORMAT16, a, b, rm, flags);
}

uint16_t float16_sqrt(uint16_t a, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_sqrt(FLOAT_FORMAT16, a, rm, flags);
}

uint16_t float16_fma(uint16_t a, uint16_t b, uint16_t c, enum float_rounding rm, uint32_t *flags)
{
    return (uint16_t)float_exact_fma(FLOAT_FORMAT16, a, b, c, rm, flags);
}
