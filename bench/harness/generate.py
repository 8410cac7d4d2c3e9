# SPDX-License-Identifier: Apache-2.0
"""Programs nobody wrote: C of random expressions, tables, branches and loops, the same for the same number.

As in programs that people run, most of the code runs a few times, some of it often, and some never: how often a
function is called is spread evenly over the orders of magnitude.
"""
import random

PROLOGUE = """\
#include <stdint.h>
static uint64_t words[256];
static uint8_t bytes[256];
static inline uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }
"""

START = """\
static long call3(long number, long a, long b, long c)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
void begin(void);
void begin(void)
{
    uint64_t sum = run();
    call3(64, 1, (long)&sum, sizeof sum);
    call3(93, 0, 0, 0);
    for (;;) {}
}
__asm__(".globl _start\\n_start:\\n.option push\\n.option norelax\\nla gp, __global_pointer$\\n.option pop\\ncall begin\\n");
"""


class Writer:
    def __init__(self, number):
        self.random = random.Random(number)

    def below(self, limit):
        return int(self.random.random() * limit)

    def one(self, *choices):
        return choices[self.below(len(choices))]

    def name(self):
        return self.one("a", "b", "c", "d")

    def value(self):
        return self.one(self.name(), self.name(), self.name(), f"{self.below(1 << 12)}u", f"0x{self.random.getrandbits(40):x}u")

    def condition(self):
        return f"{self.name()} {self.one('<', '>', '==', '!=', '>=')} {self.value()}" if self.below(2) else f"({self.name()} & {1 << self.below(8)}) != 0"

    def simple(self):
        x, y, v = self.name(), self.name(), self.value()
        return self.one(
            f"{x} += {v};", f"{x} ^= {v};", f"{x} -= {v};", f"{x} |= {v} >> {1 + self.below(40)};", f"{x} &= ~({v} & 0xff0);",
            f"{x} = rotate({x}, {1 + self.below(62)}) + {y};", f"{x} *= {v} | 1;", f"{x} = (uint64_t)((int64_t){x} >> {1 + self.below(20)}) ^ {v};",
            f"{x} = (uint32_t){x} * (uint64_t)(uint32_t)({v});", f"words[{x} & 255] += {v};", f"{x} ^= words[{y} & 255];",
            f"bytes[{x} & 255] = (uint8_t){y};", f"{x} += bytes[{y} >> {self.below(30)} & 255];",
            f"{x} = {y} < {v} ? {x} + 3 : {x} ^ {y};", f"{x} += (int32_t){y} / (int32_t)(({v} & 1023) + 1);")

    def statements(self, count, depth, indent):
        lines = []
        for _ in range(count):
            kind = self.below(10) if depth < 2 else 0
            if kind < 6:
                lines.append(indent + self.simple())
            elif kind < 8:
                lines.append(f"{indent}if ({self.condition()}) {{")
                lines += self.statements(1 + self.below(4), depth + 1, indent + "    ")
                lines += [indent + "} else {"] + self.statements(1 + self.below(3), depth + 1, indent + "    ") + [indent + "}"]
            elif kind == 8:
                lines.append(f"{indent}for (int i{depth} = 0; i{depth} < {2 + self.below(7)}; i{depth}++) {{")
                lines += self.statements(1 + self.below(4), depth + 1, indent + "    ") + [indent + "}"]
            else:
                lines.append(f"{indent}switch ({self.name()} & 7) {{")
                for case in range(5):
                    lines += [f"{indent}case {case}:"] + self.statements(1 + self.below(2), 2, indent + "    ") + [indent + "    break;"]
                lines.append(indent + "}")
        return lines

    def function(self, index):
        lines = [f"__attribute__((noinline)) uint64_t f{index}(uint64_t a, uint64_t b);",
                 f"uint64_t f{index}(uint64_t a, uint64_t b)", "{", "    uint64_t c = a >> 7, d = b + 1;"]
        lines += self.statements(4 + self.below(9), 0, "    ")
        if self.below(4) == 0:
            lines.append(f"    double x = (double)(a & 0xffff) * {1 + self.below(99)}.5 + (double)(b & 0xff);")
            lines.append(f"    c += (uint64_t)(int64_t)(x / {1 + self.below(9)}.25);")
        if index >= 8 and self.below(2) == 0:
            lines.append(f"    c ^= f{self.below(8)}(b, a);")
        return lines + ["    return a ^ b ^ c ^ d;", "}"]


def source(number, function_count):
    """A unit of C: functions, and run(), which calls three quarters of them, from once to two thousand times."""
    writer = Writer(number)
    lines = [PROLOGUE]
    for index in range(function_count):
        lines += writer.function(index)
    lines += ["uint64_t run(void);", "uint64_t run(void)", "{", f"    uint64_t a = {number}, b = 1;"]
    for index in range(function_count):
        if writer.below(4) > 0:
            lines.append(f"    for (int i = 0; i < {int(2 ** (11 * writer.random.random()))}; i++) {{ b += f{index}(a, b); a += b >> 3; }}")
    return "\n".join(lines + ["    return a ^ b;", "}", ""])


def program(number):
    """A whole program without a library: writes its sum, eight bytes, and ends."""
    return source(number, 12 + number % 13) + START
