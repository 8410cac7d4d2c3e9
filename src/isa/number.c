/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/number.h"

#include <stdio.h>

isa_bits isa_bits_mask(unsigned width)
{
    return width >= 128 ? ~(isa_bits)0 : ((isa_bits)1 << width) - 1;
}

static bool make(isa_bits magnitude, bool negative, struct isa_number *result)
{
    *result = (struct isa_number){ .magnitude = magnitude, .negative = negative && magnitude != 0 };
    return true;
}

bool isa_number_negate(struct isa_number a, struct isa_number *result)
{
    return make(a.magnitude, !a.negative, result);
}

static bool add(struct isa_number a, struct isa_number b, struct isa_number *result)
{
    if (a.negative == b.negative) {
        isa_bits sum = a.magnitude + b.magnitude;
        return sum >= a.magnitude && make(sum, a.negative, result);
    }
    if (a.magnitude >= b.magnitude) {
        return make(a.magnitude - b.magnitude, a.negative, result);
    }
    return make(b.magnitude - a.magnitude, b.negative, result);
}

bool isa_number_invert(struct isa_number a, struct isa_number *result)
{ /* ~a is -a - 1 */
    struct isa_number minus;
    return isa_number_negate(a, &minus) && add(minus, (struct isa_number){ .magnitude = 1, .negative = true }, result);
}

static bool multiply(struct isa_number a, struct isa_number b, struct isa_number *result)
{
    if (a.magnitude != 0 && b.magnitude > ~(isa_bits)0 / a.magnitude) {
        return false;
    }
    return make(a.magnitude * b.magnitude, a.negative != b.negative, result);
}

static bool shift_left(struct isa_number a, struct isa_number b, struct isa_number *result)
{
    if (a.magnitude == 0) {
        return make(0, false, result);
    }
    if (b.magnitude > 127 || a.magnitude > ~(isa_bits)0 >> b.magnitude) {
        return false;
    }
    return make(a.magnitude << b.magnitude, a.negative, result);
}

/* Operators that read their operands as bits have no meaning for negative numbers, which have endless ones. */
static bool on_bits(enum isa_op op, isa_bits a, isa_bits b, struct isa_number *result)
{
    if (op == ISA_OP_AND) {
        return make(a & b, false, result);
    }
    if (op == ISA_OP_OR) {
        return make(a | b, false, result);
    }
    if (op == ISA_OP_XOR) {
        return make(a ^ b, false, result);
    }
    if (op == ISA_OP_SHRU) {
        return make(b > 127 ? 0 : a >> b, false, result);
    }
    if (op == ISA_OP_DIVU && b != 0) {
        return make(a / b, false, result);
    }
    if (op == ISA_OP_REMU && b != 0) {
        return make(a % b, false, result);
    }
    return false;
}

bool isa_number_binary(enum isa_op op, struct isa_number a, struct isa_number b, struct isa_number *result)
{
    if (op == ISA_OP_ADD) {
        return add(a, b, result);
    }
    if (op == ISA_OP_SUB) {
        struct isa_number minus;
        return isa_number_negate(b, &minus) && add(a, minus, result);
    }
    if (op == ISA_OP_MUL) {
        return multiply(a, b, result);
    }
    if (op == ISA_OP_SHL) {
        return !b.negative && shift_left(a, b, result);
    }
    return !a.negative && !b.negative && on_bits(op, a.magnitude, b.magnitude, result);
}

bool isa_number_fits(struct isa_number a, unsigned width, isa_bits *bits)
{
    isa_bits mask = isa_bits_mask(width);
    if (a.negative ? a.magnitude - 1 > mask >> 1 : a.magnitude > mask) {
        return false;
    }
    *bits = (a.negative ? -a.magnitude : a.magnitude) & mask;
    return true;
}

unsigned isa_number_width(struct isa_number a)
{
    unsigned width = 1;
    while (width < 128 && a.magnitude >> width != 0) {
        width++;
    }
    return width;
}

int isa_number_compare(struct isa_number a, struct isa_number b)
{
    if (a.negative != b.negative) {
        return a.negative ? -1 : 1;
    }
    if (a.magnitude == b.magnitude) {
        return 0;
    }
    return (a.magnitude < b.magnitude) != a.negative ? -1 : 1;
}

const char *isa_number_text(struct isa_number a, char *text)
{
    const char *sign = a.negative ? "-" : "";
    uint64_t high = (uint64_t)(a.magnitude >> 64);
    uint64_t low = (uint64_t)a.magnitude;
    if (high != 0) {
        snprintf(text, ISA_NUMBER_TEXT, "%s0x%llx%016llx", sign, (unsigned long long)high, (unsigned long long)low);
    } else {
        snprintf(text, ISA_NUMBER_TEXT, low < 65536 ? "%s%llu" : "%s0x%llx", sign, (unsigned long long)low);
    }
    return text;
}
